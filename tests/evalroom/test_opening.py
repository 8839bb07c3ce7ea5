"""Who may give which order of an opening, when and in which stage, against the reviewed table (permissions.toml)."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import get_args

import pytest

from evalroom import commands as co
from evalroom.errors import EvalroomError
from evalroom.ids import SeatCode
from evalroom.roles import NotPermitted, Role
from evalroom.sealing import facts as sf
from evalroom.sealing.dark import CodedBid
from evalroom.session import WHILE_PAUSED, Paused
from tests.evalroom import dark
from tests.evalroom import opening as o
from tests.evalroom import room as plain
from tests.evalroom.opening import FIRST, NUMBERS, SECOND, Opening

REVIEWED = tomllib.loads((Path(__file__).parent / "permissions.toml").read_text("utf-8"))["commands"]
KINDS = {one.__dataclass_fields__["kind"].default: one for one in get_args(co.Command)}
WORLDS = (*o.STEPS, "two windows", "dark")
SEAT_OF = {
    Role.EXPERT: plain.EXPERTS[0],
    Role.SUPERVISOR: plain.SUPERVISOR,
    Role.OPERATOR: plain.OPERATOR,
    Role.SITE_OPERATOR: plain.SITE_OPERATOR,
    Role.ARCHIVIST: plain.ARCHIVIST,
    Role.REGULATOR: plain.REGULATOR,
}


@cache
def world(name: str) -> Opening:
    """Return an opening in which whatever belongs there lacks nothing but the right giver."""
    if name == "two windows":
        return second_window()
    if name == "dark":
        return dark.opened()
    room = o.at(name)
    if name == "accepting":
        room.submit(*NUMBERS[:3])
        room.now = o.DEADLINE
        room.cosign()
    if name == "closed":
        room.step_up(seats=[SeatCode("L2"), plain.OPERATOR, plain.SITE_OPERATOR])
        room.cosign()
        room.now = o.OPENS_AT
    return room


def second_window() -> Opening:
    room = o.at("opened")
    room.advance()
    room.advance()
    for seat in plain.EXPERTS:
        room.give(room[seat].accept(room.session.pledge.sha256))
    room.advance()
    room.advance()
    room.review()
    room.advance()
    room.review()
    room.open_window(SECOND)
    return room


LACKING = frozenset({"open_window", "close_window", "state_not_destroyed"})
"""Orders that lack something in every world here, so that none that others need is done; test_rules.py carries them out."""

Orders = Mapping[str, Callable[[Opening], co.Command]]

COMMANDS: Orders = {
    "draft_policy": lambda room: co.DraftPolicy(room.policy.encode().decode(), room.sha256),
    "open_submissions": lambda room: co.OpenSubmissions(room.sha256),
    "step_up": lambda room: co.StepUp(getattr(room.ceremony.next_window(), "name", "")),
    "extend_window": lambda room: co.ExtendWindow(room.ceremony.current, room.now + 10**8, "the link"),
    "pause_ceremony": lambda _: co.PauseCeremony("the link"),
    "resume_ceremony": lambda _: co.ResumeCeremony("it is back"),
    "abort_opening": lambda room: co.AbortOpening("withdrawn", len(room.ceremony.listed)),
    "state_not_destroyed": lambda _: co.StateNotDestroyed("north", "its machine burnt down"),
    "act_as_bidder": lambda room: co.ActAsBidder(room.released(NUMBERS[0], window=room.ceremony.current)),
    "act_as_trustee": lambda room: co.ActAsTrustee(room.published("north")),
    "close_bids": lambda _: co.CloseBids(),
    "open_window": lambda _: co.OpenWindow(FIRST),
    "close_window": lambda room: co.CloseWindow(room.ceremony.current),
    "note_opening": lambda _: co.NoteOpening((sf.CoverMade("00"),)),
    "admit_dark_bids": lambda _: co.AdmitDarkBids(
        plain.LOT, (CodedBid(dark.CODES[0], NUMBERS[0], dark.nonce_of(NUMBERS[0])),)
    ),
}


def order_of(kind: str, role: Role, room: Opening) -> co.Order:
    command = COMMANDS[kind](room)
    seat = SEAT_OF.get(role)
    if seat is None:
        return co.Order(command, room.now, role.value, plain.HOST, role)
    if isinstance(command, get_args(co.SeatCommand)):
        return room.by_seat(seat, command)
    return co.Order(command, room.now, seat, plain.SEAT[seat].site, role)


def carried_out(room: Opening, order: co.Order) -> type[EvalroomError] | None:
    try:
        room.session.decide(order)
    except EvalroomError as error:
        return type(error)
    return None


@pytest.mark.parametrize("kind", COMMANDS)
def test_an_order_of_an_opening_is_carried_out_for_the_reviewed_roles_in_the_reviewed_stages_only(
    kind: str,
) -> None:
    rule, done = REVIEWED[kind], set()
    for name in WORLDS:
        room = world(name)
        if kind == "resume_ceremony" and name in ("unsealing", "combining"):
            room = room.copy()
            room.give(room.by_seat(plain.SUPERVISOR, co.PauseCeremony("the link")))
        for role in Role:
            answer = carried_out(room, order_of(kind, role, room))
            assert (answer is NotPermitted) is (role.value not in rule["roles"]), (name, role)
            if answer is None:
                assert room.session.stage.value in rule["stages"], (name, role)
                done.add(role.value)
    expected = set(rule["roles"])
    if kind in LACKING:
        expected = set()
    assert expected == done


def test_each_order_of_an_opening_is_tried() -> None:
    named = {kind for kind, one in KINDS.items() if one in get_args(co.OpeningCommand)}
    acts = {kind for kind, one in KINDS.items() if one in co.ACTS and co.ACTS[one] in sf.CEREMONY_EVENTS}
    assert named | acts | {"admit_dark_bids"} == set(COMMANDS)


@pytest.mark.parametrize("kind", COMMANDS)
def test_a_pause_of_the_session_holds_back_what_the_table_says(kind: str) -> None:
    assert (KINDS[kind] in WHILE_PAUSED) is REVIEWED[kind]["paused"]


def test_bidders_and_trustees_are_not_held_up_by_a_pause_of_the_evaluation() -> None:
    room = second_window()
    room.give(room.by_seat(plain.SUPERVISOR, co.PauseSession("fire", None)))
    assert room.try_out(room.by_bidder(room.released(NUMBERS[0], window=SECOND)))
    with pytest.raises(Paused):
        room.try_out(room.by_seat(plain.SUPERVISOR, co.StepUp(SECOND)))


def test_the_evaluation_is_not_paused_before_it_begins() -> None:
    for state in ("accepting", "closed", "unsealing"):
        room = o.at(state)
        answer = carried_out(room, room.by_seat(plain.SUPERVISOR, co.PauseSession("fire", None)))
        assert answer is not None


def test_no_seat_gives_a_machines_order() -> None:
    room = o.at("unsealing")
    order = replace(room.by_host(co.CloseWindow(FIRST)), role=Role.SUPERVISOR, actor=plain.SUPERVISOR)
    assert NotPermitted is carried_out(room, order)
