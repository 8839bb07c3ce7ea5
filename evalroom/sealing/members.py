"""Reading canonical JSON objects member by member, distrusting each.

Cores, headers, trailers and policies pass through here.  The bytes must be the RFC 8785 form of their value
(that alone finds duplicate names, white space, `NaN`, floats, integers beyond 2^53 and deep nesting);
`close` then refuses members that nobody asked for.  Each object names the error that its reader raises, so
that no KeyError, ValueError or RecursionError ever leaves a parser.
"""

from collections.abc import Sequence

from evalroom.errors import PeerFault
from evalroom.ledger.base64 import NotBase64, decode_base64
from evalroom.ledger.canonical import SAFE_INTEGER, Json, NotCanonical, parse_canonical

MAX_OBJECT = 1 << 20
"""Most bytes of an object that is read at all: the limit of header, trailer and policy."""


class Members:
    """The members of one object; each may be taken once, and all must be."""

    __slots__ = ("_fault", "_left", "_place")

    def __init__(self, value: Json, fault: type[PeerFault], place: str = "") -> None:
        """Begin with a parsed object; `place` says where it stands in the whole.

        Raises:
            fault: it is no object.
        """
        if not isinstance(value, dict):
            raise fault(reason="not an object", at=place)
        self._left: dict[str, Json] = dict(value)
        self._fault = fault
        self._place = place

    @classmethod
    def parse(cls, data: bytes, fault: type[PeerFault]) -> "Members":
        """Return the object whose canonical form is `data`, at most 1 MiB.

        Raises:
            fault: another form of it, or no object.
        """
        if len(data) > MAX_OBJECT:
            raise fault(reason="longer than 1 MiB")
        try:
            return cls(parse_canonical(data), fault)
        except NotCanonical as error:
            raise fault(reason="not the RFC 8785 form of an object") from error

    def has(self, name: str) -> bool:
        """Say whether an optional member is there and was not taken."""
        return name in self._left

    def text(self, name: str, most: int, least: int = 1) -> str:
        """Take a string of `least` to `most` characters."""
        value = self._take(name)
        if not isinstance(value, str) or not least <= len(value) <= most:
            raise self._wrong(name, f"not a text of {least} to {most} characters")
        return value

    def integer(self, name: str, low: int = 0, high: int = SAFE_INTEGER) -> int:
        """Take an integer from `low` to `high`; `true` is none."""
        value = self._take(name)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self._wrong(name, f"not an integer from {low} to {high}")
        return value

    def flag(self, name: str) -> bool:
        """Take `true` or `false`."""
        value = self._take(name)
        if not isinstance(value, bool):
            raise self._wrong(name, "not true or false")
        return value

    def data(self, name: str, size: int) -> bytes:
        """Take exactly `size` bytes, in canonical Base64."""
        return self._decode(self._take(name), name, size, size)

    def data_within(self, name: str, most: int) -> bytes:
        """Take 1 to `most` bytes, in canonical Base64."""
        return self._decode(self._take(name), name, 1, most)

    def many_data(self, name: str, size: int, most: int) -> tuple[bytes, ...]:
        """Take a list of 1 to `most` strings of exactly `size` bytes each, in canonical Base64."""
        return tuple(self._decode(one, name, size, size) for one in self._list(name, most))

    def many_data_within(self, name: str, size: int, most: int) -> tuple[bytes, ...]:
        """Take a list of up to `most` strings of 1 to `size` bytes each, in canonical Base64."""
        return tuple(self._decode(one, name, 1, size) for one in self._list(name, most, 0))

    def texts(self, name: str, most: int, size: int) -> tuple[str, ...]:
        """Take a list of up to `most` strings of 1 to `size` characters each."""
        found = self._list(name, most, 0)
        if not all(isinstance(one, str) and 1 <= len(one) <= size for one in found):
            raise self._wrong(name, f"not a list of texts of 1 to {size} characters")
        return tuple(str(one) for one in found)

    def integers(self, name: str, most: int) -> tuple[int, ...]:
        """Take a list of 1 to `most` integers from 0 on."""
        return tuple(self._natural(name, one) for one in self._list(name, most))

    def pairs(self, name: str, most: int) -> tuple[tuple[int, int], ...]:
        """Take a list of 1 to `most` lists of two integers from 0 on."""
        found = []
        for one in self._list(name, most):
            if not isinstance(one, list) or len(one) != 2:
                raise self._wrong(name, "not a pair")
            found.append((self._natural(name, one[0]), self._natural(name, one[1])))
        return tuple(found)

    def objects(self, name: str, most: int, least: int = 1) -> tuple["Members", ...]:
        """Take a list of `least` to `most` objects."""
        items = self._list(name, most, least)
        return tuple(Members(one, self._fault, f"{name}[{place}]") for place, one in enumerate(items))

    def close(self) -> None:
        """Refuse what was not taken.

        Raises:
            fault: there are members that the format does not know.
        """
        if self._left:
            raise self._fault(reason="unknown member", at=self._place, member=min(self._left)[:40])

    def _take(self, name: str) -> Json:
        if name not in self._left:
            raise self._wrong(name, "missing")
        return self._left.pop(name)

    def _list(self, name: str, most: int, least: int = 1) -> Sequence[Json]:
        value = self._take(name)
        if not isinstance(value, list) or not least <= len(value) <= most:
            raise self._wrong(name, f"not a list of {least} to {most}")
        return value

    def _natural(self, name: str, value: Json) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise self._wrong(name, "not an integer from 0 on")
        return value

    def _decode(self, value: Json, name: str, least: int, most: int) -> bytes:
        if not isinstance(value, str) or len(value) > (most + 2) // 3 * 4:
            raise self._wrong(name, "not Base64 of the right length")
        try:
            data = decode_base64(value)
        except NotBase64 as error:
            raise self._wrong(name, "not canonical Base64") from error
        if not least <= len(data) <= most:
            raise self._wrong(name, "not Base64 of the right length")
        return data

    def _wrong(self, name: str, reason: str) -> PeerFault:
        return self._fault(reason=reason, at=self._place, member=name)
