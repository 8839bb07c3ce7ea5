"""From the room's frozen dataclasses to plain JSON values: the one way facts and messages are written.

Reading back is the edges' work (they must distrust what they read); writing must give the same bytes
everywhere, so it lives in the room.  Members keep their names; enums and ids become their text.
"""

from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache

from evalroom.commands import ACTS
from evalroom.ledger.canonical import Json


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def to_json(value: object) -> Json:
    """Return `value` as plain JSON values.

    Raises:
        TypeError: something in it is no dataclass, mapping, sequence, text, integer, truth value or None.
    """
    if isinstance(value, Enum):
        return to_json(value.value)
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, (tuple, list)):
        return [to_json(one) for one in value]
    if isinstance(value, dict):
        return {str(name): to_json(one) for name, one in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return {name: to_json(getattr(value, name)) for name in _names(type(value))}
    raise TypeError(f"no JSON form for {type(value).__name__}")


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
