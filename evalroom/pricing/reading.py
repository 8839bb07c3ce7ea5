"""From plain values, as readers of TOML and JSON give them, to a formula, strictly; and back.

Unknown members, missing members and wrong types are refused with the path of the member: a misspelt `cap_above`
would otherwise silently leave a formula without its cap.  Whether the formula can be run is for `checking`.
"""

import unicodedata
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cache
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from evalroom.ledger.canonical import Json
from evalroom.pricing.errors import FormulaMalformed
from evalroom.pricing.formula import NamedValue, Operation, PriceFormula
from evalroom.pricing.rationals import number_text

MAX_LIST, MAX_OF = 100, 32
MAX_DEPTH = 8
"""Each nest is two levels of JSON, of which a journal entry has 32 at most (docs/spec/journal.md §1)."""

_T = TypeVar("_T")
_WORDS = frozenset({"name", "title", "by", "bid", "of"})
"""Members that never hold a number, so that a number there is a mistake."""


def read_formula(value: object, path: str = "") -> PriceFormula:
    """Read a formula from plain values: mappings, lists, texts, whole numbers, decimals, truth values.

    Raises:
        FormulaMalformed: with the path of the member that is wrong.
    """
    return read_as(PriceFormula, value, path)


def read_as(kind: Callable[..., _T], value: object, path: str) -> _T:
    """Read one of the formula's dataclasses from plain values.

    Raises:
        FormulaMalformed: with the path of the member that is wrong.
    """
    if not isinstance(value, Mapping):
        raise malformed(path, "a table with named members is expected here", value)
    hints, members = _members(kind)
    for name in value:
        if name not in hints:
            raise malformed(joined(path, str(name)), "there is no such member")
    read: dict[str, Any] = {}
    for name, needed in members.items():
        where = joined(path, name)
        if name in value:
            read[name] = _read(hints[name], value[name], where, name)
        elif needed:
            raise malformed(where, "this member is missing")
    return kind(**read)


@cache
def _members(kind: Hashable) -> tuple[dict[str, Any], dict[str, bool]]:
    """Return the types of a dataclass's members, and which of them are needed."""
    assert isinstance(kind, type)  # noqa: S101 - ours to know
    assert is_dataclass(kind)  # noqa: S101 - likewise
    needed = {one.name: one.default is MISSING and one.default_factory is MISSING for one in fields(kind)}
    return get_type_hints(kind), needed


def _read(kind: Any, value: object, path: str, name: str) -> Any:  # noqa: ANN401 - a type decides
    if isinstance(kind, UnionType):
        return _read_expression(value, path, 1)
    if get_origin(kind) is tuple:
        return _read_list(get_args(kind)[0], value, path, name)
    if isinstance(kind, type) and is_dataclass(kind):
        return read_as(kind, value, path)
    if issubclass(kind, Enum):
        return _read_choice(kind, value, path)
    return _read_plain(kind, value, path, name)


def _read_list(kind: Any, value: object, path: str, name: str) -> tuple[Any, ...]:  # noqa: ANN401 - a type decides
    if kind is NamedValue and isinstance(value, Mapping):
        value = [{"name": one, "value": number} for one, number in value.items()]
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise malformed(path, "a list is expected here", value)
    if len(value) > MAX_LIST:
        raise malformed(path, f"at most {MAX_LIST} things stand in a list", len(value))
    return tuple(_read(kind, one, f"{path}[{index}]", name) for index, one in enumerate(value))


def _read_choice(kind: type[Enum], value: object, path: str) -> Enum:
    known = {str(one.value): one for one in kind}
    if not isinstance(value, str) or value not in known:
        raise malformed(path, f"one of {', '.join(known)} is expected here", value)
    return known[value]


def _read_plain(kind: type, value: object, path: str, name: str) -> object:
    if kind is str:
        text = value if isinstance(value, str) else None if name in _WORDS else number_text(value)
        if text is None:
            raise malformed(path, "a text is expected here", value)
        return text
    if type(value) is not kind:
        raise malformed(path, f"a {'whole number' if kind is int else 'truth value'} is expected here", value)
    return value


def _read_expression(value: object, path: str, depth: int) -> str | Operation:
    if isinstance(value, Mapping):
        if depth > MAX_DEPTH:
            raise malformed(path, f"expressions nest at most {MAX_DEPTH} deep")
        return _read_node(value, path, depth)
    text = value if isinstance(value, str) else number_text(value)
    if text is None:
        raise malformed(path, "a number, a name or an operation is expected here", value)
    return text


def _read_node(value: Mapping[Any, object], path: str, depth: int) -> Operation:
    hints, members = _members(Operation)
    for name in value:
        if name not in members:
            raise malformed(joined(path, str(name)), "there is no such member")
    for name in members:
        if name not in value:
            raise malformed(joined(path, name), "this member is missing")
    of = value["of"]
    if not isinstance(of, Sequence) or isinstance(of, str):
        raise malformed(joined(path, "of"), "a list is expected here", of)
    return Operation(
        _read(hints["op"], value["op"], joined(path, "op"), "op"),
        tuple(
            _read_expression(one, f"{joined(path, 'of')}[{index}]", depth + 1) for index, one in enumerate(of)
        ),
    )


def joined(path: str, name: str) -> str:
    """Return the path of a member."""
    return f"{path}.{name}" if path else name


def malformed(path: str, problem: str, found: object = None) -> FormulaMalformed:
    """Return the refusal of the member at `path`."""
    if found is None:
        return FormulaMalformed(path=path, problem=problem)
    return FormulaMalformed(path=path, problem=problem, found=str(found)[:60])


def not_a_number(text: object) -> str:
    """Say what is wrong with a text that should be a number, with the digits to write where they are full-width."""
    plain = unicodedata.normalize("NFKC", text) if isinstance(text, str) else ""
    if plain != text and number_text(plain) is not None:
        return f"full-width characters: write {plain}"
    if isinstance(text, str) and number_text(text.replace(",", "").strip()) is not None:
        return f"no separators and spaces: write {text.replace(',', '').strip()}"
    if isinstance(text, float):
        return "a binary fraction is no exact number: write it as a text"
    return "not a number; write it like 95 or 0.5"


def plain(value: object) -> Json:
    """Return a formula, or a part of it, as plain values without the members that have their defaults."""
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, tuple):
        return [plain(one) for one in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {
            one.name: plain(getattr(value, one.name))
            for one in fields(value)
            if one.default is MISSING or getattr(value, one.name) != one.default
        }
    if isinstance(value, str | int | bool):
        return value
    raise TypeError(f"no plain form for {type(value).__name__}")


def to_toml(formula: PriceFormula, prefix: str = "") -> str:
    """Write a formula as TOML, its tables under `prefix`, without the members that have their defaults."""
    body = plain(formula)
    assert isinstance(body, dict)  # noqa: S101 - a dataclass becomes an object
    lines = [f"[{prefix}]"] if prefix else []
    lines += [f"{name} = {_inline(one)}" for name, one in body.items() if not _is_table(one)]
    for name, one in body.items():
        if _is_table(one):
            many = isinstance(one, list)
            for each in one if isinstance(one, list) else [one]:
                head = joined(prefix, name)
                lines += ["", f"[[{head}]]" if many else f"[{head}]"]
                lines += [f"{key} = {_inline(inner)}" for key, inner in _pairs(each)]
    return "\n".join(lines) + "\n"


def _is_table(value: Json) -> bool:
    return isinstance(value, dict) or (
        isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)
    )


def _pairs(value: Json) -> list[tuple[str, Json]]:
    return list(value.items()) if isinstance(value, dict) else []


def _inline(value: Json) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {_inline(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _quoted(value)
    return str(value)


def _quoted(text: str) -> str:
    """Return a TOML basic string (toml.io 1.0, "String")."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(one if one.isprintable() else f"\\U{ord(one):08x}" for one in escaped) + '"'
