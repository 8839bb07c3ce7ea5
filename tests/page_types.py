"""The pages' types of everything on the wire, made from the schema that `evalroom schema` prints.

`python3 dev.py docs` writes them into `web/src/protocol/`, `test_page_types.py` compares them.  A schema keyword
this cannot express is refused, never passed over: a type that promises less than the wire checks is no type.
"""

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from evalroom import presence
from evalroom.commands import ACTS
from evalroom.protocol import messages as protocol
from signaling.codec import schema

PAGES = Path(__file__).parent.parent / "web" / "src" / "protocol"
Schema = Mapping[str, Any]
PLAIN: Final = {"string": "string", "integer": "number", "boolean": "boolean", "null": "null"}
KNOWN: Final = {
    "$ref", "additionalProperties", "anyOf", "const", "default", "description", "enum", "items", "maxItems",
    "minItems", "oneOf", "discriminator", "prefixItems", "properties", "required", "title", "type",
}  # fmt: skip
WIDTH = 110
RELATIONS: Final = {"<", "<=", "=", "!=", ">=", ">"}
"""Signs that stand as they are in a price formula."""

OF_NODES: Final = ("RecordFacts", "NodeFact")
"""What a seat never sends: it is refused before anything else looks at it."""

ROOM = """\
// Written by `python3 dev.py docs` from the schema of the wire (`evalroom schema`): change the Python classes instead.
// The room's data as it stands in journal entries, and what a seat may order (evalroom/events.py, commands.py).
// Points and rationals are strings, instants integers of UTC milliseconds, media time integer microseconds.
"""
MESSAGES = """\
// Written by `python3 dev.py docs` from the schema of the wire (`evalroom schema`): change the Python classes instead.
// Messages between a seat's page and the node of its site (evalroom/protocol/messages.py).
// A member with a question mark may be left out of what a page sends; what a node sends holds every member.
"""


class Inexpressible(Exception):
    """The schema says something this cannot write as a type: teach it here."""


def parts(whole: Schema) -> tuple[dict[str, Schema], dict[str, Schema]]:
    """Return the schemas of facts and commands, and those of messages on the seat link."""
    both: dict[str, Schema] = {}
    for one in (*whole["events"].values(), *whole["messages"].values()):
        merge(both, one["$defs"])
    both["Submit"] = from_a_seat(both["Submit"], whole["messages"]["Command"])
    for name in OF_NODES:
        del both[name]
    room = {name: one for name, one in both.items() if not on_link(name)}
    return room, {name: one for name, one in both.items() if name not in room}


def from_a_seat(submit: Schema, command: Schema) -> Schema:
    """Return `Submit` as a seat may send it: facts are for nodes to record (`decode_from_seat` refuses them).

    Raises:
        Inexpressible: when it holds something else besides.
    """
    inner = submit["properties"]["command"]
    allowed = {*members(command), "RecordFacts"}
    if set(members(inner)) != allowed:
        raise Inexpressible("Submit holds other commands than those of seats and nodes")
    return {**submit, "properties": {**submit["properties"], "command": {"$ref": "SeatCommand"}}}


def on_link(name: str) -> bool:
    """Say whether the class of that name is a message or stands in one only, and in no journal entry."""
    return any(
        getattr(getattr(one, name, None), "__module__", "") == one.__name__ for one in (protocol, presence)
    )


def merge(known: dict[str, Schema], more: Mapping[str, Schema]) -> None:
    """Take `more` in; one name has one meaning, for the pages know no modules.

    Raises:
        Inexpressible: when a name has two, here or among the classes: the schema then calls it by its module.
    """
    for name, one in more.items():
        if "__" in name:
            raise Inexpressible(f"{name}: another class is called so, give one of them its own name")
        if known.setdefault(name, one) != one:
            raise Inexpressible(f"{name} has two meanings")


def written(one: Schema) -> str:
    """Return a schema as the expression of a type.

    Raises:
        Inexpressible: a keyword nobody has met yet.
    """
    if not one.keys() <= KNOWN:
        raise Inexpressible(", ".join(sorted(one.keys() - KNOWN)))
    if "$ref" in one:
        return str(one["$ref"]).rpartition("/")[2]
    if "const" in one:
        return quoted(one["const"])
    choices = one.get("anyOf") or one.get("oneOf")
    if choices or "enum" in one:
        return " | ".join(map(written, choices) if choices else map(quoted, one["enum"]))
    match one.get("type"):
        case "array" if "prefixItems" in one:
            return f"[{', '.join(map(written, one['prefixItems']))}]"
        case "array":
            inner = written(one["items"])
            return f"({inner})[]" if "|" in inner else f"{inner}[]"
        case "object" if isinstance(one.get("additionalProperties"), Mapping):
            return f"Record<string, {written(one['additionalProperties'])}>"
        case str(plain) if plain in PLAIN:
            return PLAIN[plain]
        case other:
            raise Inexpressible(f"type {other}")


def quoted(text: object) -> str:
    """Return a text as a literal."""
    if not isinstance(text, str) or not (text.isidentifier() or text in RELATIONS):
        raise Inexpressible(repr(text))
    return f"'{text}'"


def declaration(name: str, one: Schema, *, whole: bool) -> str:
    """Return the declaration of a type; of a `whole` one, members with a default are always there."""
    says = remark(one.get("description", ""))
    if "properties" not in one:
        return f"{says}export type {name} = {written(one)}\n"
    lines = [f"  {member(field, inner, one, whole=whole)}" for field, inner in one["properties"].items()]
    return f"{says}export interface {name} {{\n" + "\n".join(lines) + "\n}\n"


def member(name: str, inner: Schema, one: Schema, *, whole: bool) -> str:
    """Return the line of one member; `kind` is never left out, for it tells messages apart."""
    always = whole or name in one.get("required", ()) or "const" in inner
    return f"{name}{'' if always else '?'}: {written(inner)}"


def remark(description: str) -> str:
    """Return the first paragraph of a description as a comment."""
    text = " ".join(description.partition("\n\n")[0].split())
    if not text or len(text) + 8 <= WIDTH:
        return f"/** {text} */\n" if text else ""
    return "\n".join(["/**", *(f" * {line}" for line in textwrap.wrap(text, WIDTH - 3)), " */", ""])


def union(name: str, members: Iterable[str]) -> str:
    """Return the declaration of a union, a line for each."""
    return f"export type {name} =\n" + "\n".join(f"  | {one}" for one in members) + "\n"


def table(head: str, rows: Iterable[tuple[str, str]]) -> str:
    """Return a mapping from names to types or texts."""
    return f"{head}\n" + "\n".join(f"  {name}: {one}" for name, one in rows) + "\n}\n"


def members(union_of: Schema) -> list[str]:
    """Return the names a union is made of, in the order of the code."""
    return [written(one) for one in union_of.get("oneOf") or union_of["anyOf"]]


def kinds() -> Iterator[tuple[str, str, str]]:
    """Yield each seat command's kind, its name, and the type of the entry it asks for."""
    for command, event in ACTS.items():
        yield str(command.__dataclass_fields__["kind"].default), command.__name__, event.__name__


def room(whole: Schema) -> str:
    """Return the module of facts and commands."""
    known, _ = parts(whole)
    bodies = ((name, name) for name in whole["events"])
    orders = ((kind, f"Omit<{name}, 'kind'>") for kind, name, _ in kinds())
    acts = ((kind, f"'{event}',") for kind, _, event in kinds())
    return "\n".join(
        [
            ROOM,
            *(declaration(name, one, whole=False) for name, one in sorted(known.items())),
            "/** Entry type to its body. */\n" + table("export interface EventBodies {", bodies),
            "export type EventType = keyof EventBodies\n",
            union("SeatCommand", members(whole["messages"]["Command"])),
            "export type CommandKind = SeatCommand['kind']\n",
            "/** Command kind to what a seat fills in: the members of the event it leads to. */\n"
            + table("export interface SeatCommands {", orders),
            "/** Command kind to the type of the entry it asks for: what the seat signs (archive.md §13). */\n"
            + table("export const ACTS: Readonly<Record<CommandKind, EventType>> = {", acts),
        ]
    )


def messages(whole: Schema) -> str:
    """Return the module of messages."""
    known, own = parts(whole)
    told = whole["messages"]["ToSeat"]["$defs"]
    body = [
        *(declaration(name, one, whole=name in told) for name, one in sorted(own.items())),
        union("FromSeat", members(whole["messages"]["FromSeat"])),
        union("ToSeat", members(whole["messages"]["ToSeat"])),
    ]
    text = "\n".join(body)
    used = [name for name in sorted({*known, "SeatCommand"}) if re.search(rf": [^/]*\b{name}\b", text)]
    return f"{MESSAGES}\nimport type {{ {', '.join(used)} }} from './room'\n\n{text}"


def modules() -> dict[Path, str]:
    """Return the text of each module of types."""
    whole: Any = schema()
    return {PAGES / "room.ts": room(whole), PAGES / "messages.ts": messages(whole)}
