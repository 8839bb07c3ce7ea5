"""From untrusted text to the room's dataclasses: the one strict reader of everything that arrives.

Unknown members, wrong types, floats, doubled members and oversized texts are refused with a coded error
before anything else looks at them.  Dataclasses alone would silently accept unknown fields, `true` for 1
and "0" for 0, so one adapter covers each whole union with `extra="forbid"` and `strict` (habits.md).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, reduce
from operator import or_
from typing import Annotated, Any, get_args

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from evalroom.commands import NodeFact, RecordFacts, SeatCommand
from evalroom.encoding import to_json
from evalroom.errors import PeerFault
from evalroom.events import EVENTS, Event, Fact, NodeEvent, Secret
from evalroom.ids import CommandId, SiteId
from evalroom.ledger.canonical import Json, canonical
from evalroom.protocol import messages as m

_STRICT = ConfigDict(extra="forbid", strict=True)


class MalformedMessage(PeerFault):
    """The message does not have the form the protocol gives it; it was dropped."""

    code = "malformed_message"


class FrameTooLarge(PeerFault):
    """A message may hold 64 KiB at most; it was dropped."""

    code = "frame_too_large"


@dataclass(frozen=True, slots=True)
class _Submit(m.Submit):
    # Its command is told by its kind: without that each of the commands is tried on every edit, 30 of its 42 µs.
    command: Annotated[SeatCommand | RecordFacts, Field(discriminator="kind")]

    def plain(self) -> m.Submit:
        """Return the protocol's own message."""
        return m.Submit(
            self.command_id, self.command, self.secrets, self.sig, self.client_ms, self.seat, self.kind
        )


_Submit.__name__ = _Submit.__qualname__ = m.Submit.__name__  # so the schema names and explains it
_Submit.__doc__ = m.Submit.__doc__


@cache
def _adapter(union: Any) -> TypeAdapter[Any]:  # noqa: ANN401 - typing has no name for "any union of dataclasses"
    members: Any = reduce(or_, (_Submit if one is m.Submit else one for one in get_args(union) or (union,)))
    return TypeAdapter(Annotated[members, Field(discriminator="kind")], config=_STRICT)


@cache
def _event_adapter(kind: str) -> TypeAdapter[Any]:
    # A lone dataclass takes no config from outside; as the one element of a tuple it does.
    one: Any = tuple.__class_getitem__((EVENTS[kind],))
    return TypeAdapter(one, config=_STRICT)


def _refuse_float(text: str) -> float:
    raise MalformedMessage(problem="numbers are integers", value=text[:20])


def _refuse_doubles(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise MalformedMessage(problem="a member stands twice")
    return members


_DECODER = json.JSONDecoder(
    object_pairs_hook=_refuse_doubles, parse_float=_refuse_float, parse_constant=_refuse_float
)


def parse_json(text: str, limit: int = m.MAX_FRAME) -> dict[str, Any]:
    """Read one JSON object, strictly.

    Raises:
        FrameTooLarge: more than `limit` bytes.
        MalformedMessage: no JSON, no object, floats, doubled members, or nested too deep.
    """
    if len(text) > limit or len(text.encode("utf-8", "surrogatepass")) > limit:
        raise FrameTooLarge(limit=limit)
    try:
        value = _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise MalformedMessage(problem="no JSON text") from error
    if not isinstance(value, dict):
        raise MalformedMessage(problem="no JSON object")
    return value


def _validate(adapter: TypeAdapter[Any], text: str) -> Any:  # noqa: ANN401 - whatever the adapter reads
    try:
        read = adapter.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = "/".join(str(part) for part in first["loc"])
        raise MalformedMessage(problem=first["msg"][:200], where=where[:200]) from None
    return read.plain() if isinstance(read, _Submit) else read


def decode_from_seat(text: str) -> m.FromSeat:
    """Read a message a seat may send.

    Raises:
        FrameTooLarge, MalformedMessage: see `parse_json`; also unknown kinds and members.
    """
    _demand_kind(parse_json(text))
    message: m.FromSeat = _validate(_adapter(m.FromSeat), text)
    if isinstance(message, m.Submit) and isinstance(message.command, RecordFacts):
        raise MalformedMessage(problem="only nodes record facts")
    return message


def decode_from_node(value: Mapping[str, Any]) -> m.ToSeatMessage:
    """Read a message a node sends to a seat (for seats that are no browser)."""
    message: m.ToSeatMessage = _validate(_adapter(m.ToSeatMessage), json.dumps(value))
    return message


def decode_from_site(value: Mapping[str, Any]) -> m.FromSite:
    """Read a message a sub-site's node sends to the host, already unwrapped.

    Raises:
        MalformedMessage: wrong form.
    """
    _demand_kind(value)
    message: m.FromSite = _decode_submit(value) or _validate(_adapter(m.FromSite), json.dumps(value))
    return message


def decode_to_site(value: Mapping[str, Any]) -> m.ToSite:
    """Read a message the host sends to a sub-site's node, already unwrapped."""
    message: m.ToSite = _validate(_adapter(m.ToSite), json.dumps(value))
    return message


def decode_submit(text: str) -> m.Submit:
    """Read back a command from an outbox on disk.

    Raises:
        MalformedMessage: it was not written by `encode`.
    """
    value = parse_json(text, limit=4 * m.MAX_FRAME)
    submit = _decode_submit(value) or _validate(_adapter(m.FromSeat), text)
    if not isinstance(submit, m.Submit):
        raise MalformedMessage(problem="no command")
    return submit


def _demand_kind(value: Mapping[str, Any]) -> None:
    """Demand that a command names its kind: pause and resume look alike without it, and defaults would fill it in."""
    command = value.get("command", {"kind": ""})
    if not isinstance(command, dict) or not isinstance(command.get("kind"), str):
        raise MalformedMessage(problem="a command names its kind")


def _decode_submit(value: Mapping[str, Any]) -> m.Submit | None:
    """Read a node's `record_facts`: its events carry their type beside them, not inside."""
    command = value.get("command")
    if (
        value.get("kind") != "submit"
        or not isinstance(command, dict)
        or command.get("kind") != "record_facts"
    ):
        return None
    if set(command) != {"kind", "facts"} or not isinstance(command["facts"], list):
        raise MalformedMessage(problem="record_facts holds facts")
    if not set(value) <= {"kind", "command_id", "command", "secrets", "sig", "client_ms", "seat"}:
        raise MalformedMessage(problem="unknown member")
    command_id = value.get("command_id")
    if not isinstance(command_id, str) or value.get("seat", "") != "":
        raise MalformedMessage(problem="a node's act has an id and no seat")
    facts = tuple(_node_fact(one) for one in command["facts"])
    return m.Submit(CommandId(command_id), RecordFacts(facts))


def _node_fact(value: object) -> NodeFact:
    if not isinstance(value, dict) or set(value) != {"at", "type", "body"} or type(value["at"]) is not int:
        raise MalformedMessage(problem="a fact has at, type and body")
    event = decode_event(value["type"], value["body"])
    if not isinstance(event, NodeEvent):
        raise MalformedMessage(problem="no fact of a node", type=str(value["type"])[:40])
    return NodeFact(value["at"], value["type"], event)


def decode_event(kind: object, body: object) -> Event:
    """Read the body of an event of this type.

    Raises:
        MalformedMessage: an unknown type, or a body of another form.
    """
    if not isinstance(kind, str) or kind not in EVENTS:
        raise MalformedMessage(problem="unknown event type", type=str(kind)[:40])
    (event,) = _validate(_event_adapter(kind), json.dumps([body]))
    if not isinstance(event, EVENTS[kind]):
        raise MalformedMessage(problem="another event than named", type=kind)
    return event


def decode_fact(entry: Mapping[str, Any], secrets: tuple[Secret, ...]) -> Fact:
    """Read a fact back from a journal entry and its openings."""
    return Fact(
        at=entry["t"],
        site=SiteId(entry["site"]),
        actor=entry["actor"],
        event=decode_event(entry["type"], entry["body"]),
        cmd=entry.get("cmd"),
        sig=entry.get("sig"),
        secrets=secrets,
    )


def encode(message: object) -> str:
    """Write a message for the wire."""
    return canonical(to_json(message)).decode()


def wrap(session: str, message: object) -> str:
    """Write a message for the site link, which carries all sessions."""
    return canonical({"session": session, "message": to_json(message)}).decode()


def schema() -> dict[str, Json]:
    """Return the JSON Schema of all messages and events, from which the pages' types are made."""
    unions: dict[str, Any] = {"FromSeat": m.FromSeat, "ToSeat": m.ToSeatMessage, "Command": SeatCommand}
    parts: dict[str, Json] = {name: _adapter(union).json_schema() for name, union in unions.items()}
    events: dict[str, Json] = {name: _event_adapter(name).json_schema() for name in EVENTS}
    return {"messages": parts, "events": events}
