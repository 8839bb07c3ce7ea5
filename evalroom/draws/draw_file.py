"""A draw as a file that proves itself: its entries, and where they are at hand its proofs and the pool's openings.

Form: docs/spec/draw.md §6.  A page writes what its feed showed; an archive gives whole entries with their proofs.
Refused: everything that is not exactly of that form; what the entries say is judged in `recheck.py`, not here.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from evalroom.draws import facts as df
from evalroom.draws.facts import DrawEvent, ExpertClass, Purpose
from evalroom.errors import PeerFault
from evalroom.ids import DrawId, LotId, SeatCode, SessionId
from evalroom.ledger.canonical import NotCanonical, canonical

SCHEMA = "evalroom.draw/1"
MAX_FILE = 4 << 20
MAX_ENTRIES = 1_000
SEAT_JOINED = "SeatJoined"

_T = TypeVar("_T")


class MalformedDrawFile(PeerFault):
    """This is no file of a draw, or it was changed: export it again from the session or from its archive."""

    code = "malformed_draw_file"


@dataclass(frozen=True, slots=True)
class Line:
    """One entry: who did what when; `whole` are its canonical bytes where the file has all its members."""

    type: str
    t: int
    actor: str
    body: Mapping[str, Any]
    whole: bytes | None
    members: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PoolOpening:
    """The units of an expert, as whoever keeps the pool opens their commitment; nonce in hex."""

    id: str
    units: tuple[str, ...]
    nonce: str


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys that the session's first entry names, as C2SP verifier keys, and how many witnesses make a quorum."""

    log: str
    witnesses: tuple[str, ...]
    quorum: int


@dataclass(frozen=True, slots=True)
class DrawFile:
    """The file's contents: lines of the draw in the journal's order, with the event each of them is."""

    session: SessionId
    lines: tuple[Line, ...]
    events: tuple[DrawEvent, ...]
    seats: tuple[Line, ...] = ()
    proofs: tuple[str, ...] = ()
    keys: Keys | None = None
    against: tuple[str, ...] = ()
    pool: tuple[PoolOpening, ...] = ()

    @property
    def declared(self) -> df.DrawDeclared:
        """Return the declaration, which is the first line."""
        first = self.events[0]
        if not isinstance(first, df.DrawDeclared):
            _refuse("the first line declares the draw")
        return first


def read_draw_file(data: bytes) -> DrawFile:
    """Return what a draw file holds.

    Raises:
        MalformedDrawFile: it is no such file.
    """
    if len(data) > MAX_FILE:
        _refuse("longer than 4 MiB")
    try:
        value = json.loads(
            data.decode(), object_pairs_hook=_unique, parse_float=_refuse, parse_constant=_refuse
        )
        canonical(value)
        return _file(value)
    except (UnicodeDecodeError, ValueError, RecursionError, NotCanonical) as error:
        raise MalformedDrawFile(reason="no canonical JSON values") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise MalformedDrawFile(reason="members are missing or of another kind") from error


def write_draw_file(
    session: str, lines: list[dict[str, Any]], more: Mapping[str, Any] | None = None
) -> bytes:
    """Return a draw file: its `lines`, and `more` of `seats`, `proofs`, `keys` and `pool`."""
    return canonical({"schema": SCHEMA, "session": session, "facts": lines, **(more or {})}) + b"\n"


def _refuse(reason: str) -> NoReturn:
    raise MalformedDrawFile(reason=reason[:80])


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        _refuse("a member stands twice")
    return members


def _file(value: Any) -> DrawFile:  # noqa: ANN401 - JSON
    known = {"schema", "session", "facts", "seats", "proofs", "keys", "pool"}
    if value["schema"] != SCHEMA or not value.keys() <= known:
        _refuse("another schema or unknown members")
    lines = _each(value["facts"], _line)
    if not lines or lines[0].type != "DrawDeclared":
        _refuse("the first line declares the draw")
    events = tuple(_event(line) for line in lines)
    if any(one.draw != events[0].draw or isinstance(one, df.DrawDeclared) for one in events[1:]):
        _refuse("one draw in one file")
    seats = _each(value.get("seats", []), _line)
    if any(one.type != SEAT_JOINED for one in seats):
        _refuse("seats are entries of the type SeatJoined")
    proofs = _each(value.get("proofs", []), _text)
    if proofs and len(proofs) != len(lines) + len(seats):
        _refuse("a proof for every line and seat, or none")
    pool = value.get("pool", {"against": [], "experts": []})
    _exactly(pool, "against experts")
    return DrawFile(
        SessionId(_text(value["session"])),
        lines,
        events,
        seats,
        proofs,
        _keys(value["keys"]) if "keys" in value else None,
        _each(pool["against"], _text),
        _each(pool["experts"], _opening),
    )


def _exactly(value: Any, names: str) -> None:  # noqa: ANN401 - JSON
    if not isinstance(value, dict) or value.keys() != set(names.split()):
        _refuse(f"an object has exactly the members {names}")


def _text(value: Any) -> str:  # noqa: ANN401 - JSON
    return value if isinstance(value, str) else _refuse("a text is needed")


def _whole(value: Any) -> int:  # noqa: ANN401 - JSON
    return value if type(value) is int else _refuse("an integer is needed")


def _flag(value: Any) -> bool:  # noqa: ANN401 - JSON
    return value if isinstance(value, bool) else _refuse("true or false is needed")


def _each(value: Any, read: Callable[[Any], _T]) -> tuple[_T, ...]:  # noqa: ANN401 - JSON
    if not isinstance(value, list) or len(value) > MAX_ENTRIES:
        _refuse("a list is needed, and none so long")
    return tuple(read(one) for one in value)


_ENTRY = {"seq", "site", "salt"}
_LINE = {"type", "t", "actor", "body"}


def _line(value: Any) -> Line:  # noqa: ANN401 - JSON
    if not isinstance(value, dict) or not value.keys() >= _LINE:
        _refuse("a line has type, t, actor and body")
    if not value.keys() <= _LINE | _ENTRY | {"cmd", "sig"} or not isinstance(value["body"], dict):
        _refuse("a line has unknown members")
    whole = canonical(value) if value.keys() >= _ENTRY else None
    return Line(_text(value["type"]), _whole(value["t"]), _text(value["actor"]), value["body"], whole, value)


def _keys(value: Any) -> Keys:  # noqa: ANN401 - JSON
    _exactly(value, "log witnesses quorum")
    return Keys(_text(value["log"]), _each(value["witnesses"], _text), _whole(value["quorum"]))


def _opening(value: Any) -> PoolOpening:  # noqa: ANN401 - JSON
    _exactly(value, "id units nonce")
    return PoolOpening(_text(value["id"]), _each(value["units"], _text), _text(value["nonce"]))


def _event(line: Line) -> DrawEvent:
    if line.type not in _READERS:
        _refuse("a line is no fact of a draw")
    members, read = _READERS[line.type]
    _exactly(line.body, members)
    return read(line.body)


def _declared(body: Mapping[str, Any]) -> df.DrawDeclared:
    return df.DrawDeclared(
        draw=DrawId(_text(body["draw"])),
        purpose=Purpose(body["purpose"]),
        subject=_text(body["subject"]),
        lot=LotId(_text(body["lot"])),
        options=_each(body["options"], _text),
        experts=_each(body["experts"], _expert),
        places=_each(body["places"], _place),
        make_up=None if body["make_up"] is None else _make_up(body["make_up"]),
        count=_whole(body["count"]),
        takers=_each(body["takers"], _text),
        parties=_each(body["parties"], _seat),
        closes=_whole(body["closes"]),
        ends=_whole(body["ends"]),
        redoes=_text(body["redoes"]),
    )


def _seat(value: Any) -> SeatCode:  # noqa: ANN401 - JSON
    return SeatCode(_text(value))


def _expert(value: Any) -> df.PoolExpert:  # noqa: ANN401 - JSON
    _exactly(value, "id type region units recused")
    read = (_text(value["id"]), ExpertClass(value["type"]), _text(value["region"]), _text(value["units"]))
    return df.PoolExpert(*read, _flag(value["recused"]))


def _place(value: Any) -> df.Place:  # noqa: ANN401 - JSON
    _exactly(value, "type region count")
    return df.Place(ExpertClass(value["type"]), _text(value["region"]), _whole(value["count"]))


def _make_up(value: Any) -> df.MakeUp:  # noqa: ANN401 - JSON
    _exactly(value, "least share odd owners")
    return df.MakeUp(
        _whole(value["least"]), _text(value["share"]), _flag(value["odd"]), _whole(value["owners"])
    )


def _named(body: Mapping[str, Any]) -> DrawId:
    return DrawId(_text(body["draw"]))


_READERS: Mapping[str, tuple[str, Callable[[Mapping[str, Any]], DrawEvent]]] = {
    "DrawDeclared": (
        "draw purpose subject lot options experts places make_up count takers parties closes ends redoes",
        _declared,
    ),
    "DrawCommitted": (
        "draw commitment",
        lambda body: df.DrawCommitted(_named(body), _text(body["commitment"])),
    ),
    "DrawRevealed": (
        "draw value nonce commitments",
        lambda body: df.DrawRevealed(
            _named(body), _text(body["value"]), _text(body["nonce"]), _text(body["commitments"])
        ),
    ),
    "DrawMade": (
        "draw seed order drawn",
        lambda body: df.DrawMade(
            _named(body), _text(body["seed"]), _each(body["order"], _text), _each(body["drawn"], _text)
        ),
    ),
    "DrawVoided": (
        "draw silent",
        lambda body: df.DrawVoided(_named(body), _each(body["silent"], _seat)),
    ),
    "DrawContinued": (
        "draw out drawn reason",
        lambda body: df.DrawContinued(
            _named(body), _text(body["out"]), _text(body["drawn"]), _text(body["reason"])
        ),
    ),
}
"""Type of a line to its members and what reads them."""

LINES = frozenset(_READERS)
"""Types of entries that a draw's file holds: how it came about, and not what became of its roster."""
