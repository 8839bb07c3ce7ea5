"""Messages: one kind each, and every shape survives the wire."""

from typing import Any, get_args

import pytest

from evalroom.protocol import messages as m

UNIONS = {
    "FromSeat": m.FromSeat,
    "ToSeatMessage": m.ToSeatMessage,
    "FromSite": m.FromSite,
    "ToSite": m.ToSite,
}


@pytest.mark.parametrize("union", UNIONS)
def test_kinds_tell_the_messages_of_a_direction_apart(union: str) -> None:
    kinds = [member.__dataclass_fields__["kind"].default for member in get_args(UNIONS[union])]
    assert len(kinds) == len(set(kinds))


def classes() -> set[Any]:
    return {member for union in UNIONS.values() for member in get_args(union)}


def test_one_kind_means_one_shape_in_both_directions() -> None:
    kinds = [member.__dataclass_fields__["kind"].default for member in classes()]
    assert len(kinds) == len(set(kinds))


def test_no_message_claims_who_sends_it() -> None:
    """Actor, role and site come from the connection; a site names the seat it speaks for, which the host checks."""
    for message in [*get_args(m.FromSeat), *get_args(m.FromSite)]:
        assert not {"actor", "role", "token", "session"} & set(message.__dataclass_fields__)


def test_messages_cannot_be_changed() -> None:
    for message in classes():
        assert message.__dataclass_params__.frozen
        assert hasattr(message, "__slots__")


def test_a_frame_is_64_kib() -> None:
    assert 65_536 == m.MAX_FRAME
