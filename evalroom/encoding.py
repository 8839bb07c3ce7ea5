"""From the room's frozen dataclasses to plain JSON values: the one way facts and messages are written.

Reading back is the edges' work (they must distrust what they read); writing must give the same bytes
everywhere, so it lives in the room.  Members keep their names; enums and ids become their text.
"""

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any

from evalroom.commands import ACTS
from evalroom.ledger.canonical import Json

_PLAIN = frozenset({str, int, bool, type(None)})


def to_json(value: object) -> Json:
    """Return `value` as plain JSON values.

    Raises:
        TypeError: something in it is no dataclass, mapping, sequence, text, integer, truth value or None.
    """
    kind: type = type(value)
    return value if kind in _PLAIN else _writer(kind)(value)  # type: ignore[return-value] # plain is JSON


@cache
def _writer(kind: type) -> Callable[[Any], Json]:
    """Choose, once for each type, how its values are written."""
    if issubclass(kind, Enum):
        return lambda value: to_json(value.value)
    if issubclass(kind, str | int):
        return lambda value: value
    if issubclass(kind, tuple | list):
        return lambda value: [to_json(one) for one in value]
    if issubclass(kind, dict):
        return lambda value: {str(name): to_json(one) for name, one in value.items()}
    if is_dataclass(kind):
        names = tuple(field.name for field in fields(kind))
        return lambda value: {name: to_json(getattr(value, name)) for name in names}
    raise TypeError(f"no JSON form for {kind.__name__}")


def body_of(act: object) -> dict[str, Json]:
    """Return the members of an event, or of a seat's command without its `kind`, as an entry's body.

    An event keeps a `kind` of its own: `TrackStarted` has one.
    """
    encoded = to_json(act)
    if not isinstance(encoded, dict):
        raise TypeError(f"{type(act).__name__} has no body")
    if type(act) in ACTS:
        del encoded["kind"]
    return encoded
