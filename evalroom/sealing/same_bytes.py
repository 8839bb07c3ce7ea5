"""The very bytes of a bid that was handed in, known again piece by piece: for whoever brings them anew.

The journal has root, digest and length of each bid.  Whoever has the file gives the hashes of its leaves, which make
that root, and its tail, which has that digest; from then on every single piece proves itself, so that a stranger who
sends other bytes under a public number is refused at once and disturbs nobody.  Refused: leaves and tails that are
not those of the bid.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from evalroom.errors import PeerFault
from evalroom.ledger.base64 import encode_base64
from evalroom.ledger.canonical import NotCanonical, parse_canonical
from evalroom.ledger.merkle import HASH_SIZE, Frontier
from evalroom.sealing.envelope import TAIL_MAGIC, TAIL_SIZE
from evalroom.sealing.facts import BidSubmitted
from evalroom.sealing.suite import Buffer
from evalroom.sealing.suites import find_suite
from evalroom.sealing.trailer import LEAF, hash_leaf


class OtherBytes(PeerFault):
    """These are not the bytes that were handed in under this number: nothing was taken; send the very file that was."""

    code = "other_bytes"


@dataclass(frozen=True, slots=True)
class SameBytes:
    """What the bytes of a bid are known by: one hash for each leaf of the first `body` bytes, and all behind those."""

    leaves: bytes = field(repr=False)
    body: int
    tail: bytes = field(repr=False)

    @property
    def size(self) -> int:
        """Return the length of the whole file."""
        return self.body + len(self.tail)

    def holds(self, offset: int, data: Buffer) -> bool:
        """Say whether `data` are the bytes from `offset`, a leaf's begin, to a leaf's end or that of the file."""
        view = memoryview(data)
        return offset + len(view) <= self.size and all(
            self._is_leaf(offset + start, view[start : start + LEAF]) for start in range(0, len(view), LEAF)
        )

    def _is_leaf(self, offset: int, data: memoryview) -> bool:
        inside = data[: max(0, self.body - offset)]
        behind = bytes(data[len(inside) :])
        begin = offset + len(inside) - self.body
        whole = len(inside) in (0, min(LEAF, self.body - offset))
        place = offset // LEAF * HASH_SIZE
        known = not inside or hash_leaf(inside) == self.leaves[place : place + HASH_SIZE]
        return whole and known and (not behind or behind == self.tail[begin : begin + len(behind)])


def same_bytes(leaves: bytes, tail: bytes, told: BidSubmitted) -> SameBytes:
    """Return what a bid's bytes are known by, once root and digest are those that were handed in.

    Raises:
        OtherBytes: they are another file's.
    """
    trailer, signature = _split(tail)
    if find_suite(told.suite).digest(trailer, signature).hex() != told.digest:
        raise OtherBytes(bid=told.bid, problem="another trailer or signature")
    body = told.size - len(tail)
    if not trailer or _said(trailer) != {"root": encode_base64(bytes.fromhex(told.root)), "size": body}:
        raise OtherBytes(bid=told.bid, problem="another length or root")
    if len(leaves) != -(-body // LEAF) * HASH_SIZE:
        raise OtherBytes(bid=told.bid, problem="another number of leaves")
    tree = Frontier()
    for leaf in _hashes(leaves):
        tree.append(leaf)
    if tree.root().hex() != told.root:
        raise OtherBytes(bid=told.bid, problem="leaves that do not make the root")
    return SameBytes(leaves, body, tail)


def _split(tail: bytes) -> tuple[bytes, bytes]:
    end = tail[-TAIL_SIZE:]
    length, signed = int.from_bytes(end[:4], "big"), int.from_bytes(end[4:8], "big")
    if end[8:] != TAIL_MAGIC or length + signed + TAIL_SIZE != len(tail):
        raise OtherBytes(problem="no end of an envelope")
    return tail[:length], tail[length : length + signed]


def _said(trailer: bytes) -> object:
    try:
        value = parse_canonical(trailer)
    except NotCanonical:
        return None
    return {name: value.get(name) for name in ("root", "size")} if isinstance(value, dict) else None


def _hashes(leaves: bytes) -> Iterator[bytes]:
    for start in range(0, len(leaves), HASH_SIZE):
        yield leaves[start : start + HASH_SIZE]
