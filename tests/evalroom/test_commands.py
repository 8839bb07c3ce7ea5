"""A seat's command has exactly the members of the event it leads to."""

from dataclasses import fields
from typing import Any, get_args, get_type_hints

import pytest

from evalroom import commands as co
from evalroom.events import SessionOpened
from evalroom.ids import SiteId
from evalroom.roles import Role


def members(kind: type[Any]) -> dict[str, Any]:
    return {one.name: get_type_hints(kind)[one.name] for one in fields(kind) if one.name != "kind"}


@pytest.mark.parametrize("command", co.ACTS, ids=lambda command: command.__name__)
def test_a_command_and_its_event_have_the_same_members_in_the_same_order(command: type[Any]) -> None:
    event = co.ACTS[command]
    assert list(members(event).items()) == list(members(command).items())


def test_each_command_of_a_seat_leads_to_one_event_of_its_own() -> None:
    assert set(get_args(co.SeatCommand)) == set(co.ACTS)
    assert len(co.ACTS) == len(set(co.ACTS.values()))


def test_opening_the_session_carries_the_members_of_its_first_entry() -> None:
    digest = {"profile_sha256": str}
    assert members(SessionOpened) == members(co.OpenSession) | digest


def test_kinds_are_unique_and_named_after_their_classes() -> None:
    for command in get_args(co.Command):
        words = "".join(word.capitalize() for word in command.__dataclass_fields__["kind"].default.split("_"))
        assert command.__name__ == words


def test_a_command_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        co.PauseSession("fire", None).reason = "no fire"  # type: ignore[misc] # what the test is about


def test_an_order_without_secrets_shares_none_with_another() -> None:
    assert () == co.Order(co.PauseSession("", None), 0, "", SiteId(""), Role.HOST).secrets
