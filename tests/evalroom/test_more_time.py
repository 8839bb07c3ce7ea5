"""More time: when more than the share of members ask, and not before, the tenderer's extension is written down."""

from dataclasses import replace
from fractions import Fraction

import pytest

from evalroom import commands as co
from evalroom import more_time as mt
from evalroom.asides import StatementMissing
from evalroom.errors import EvalroomError
from evalroom.events import Stage
from evalroom.ids import SeatCode
from evalroom.session import WrongStage
from tests.evalroom import room as plain
from tests.evalroom.room import EXPERTS, OPERATOR, START, Room

E1, E2, E3 = EXPERTS
UNTIL = START + 3_600_000


def ask(room: Room, seat: SeatCode, reason: str = "forty bids in one day") -> co.Order:
    return room[seat].order(co.AskMoreTime(reason))


def grant(room: Room, until: int = UNTIL, reason: str = "agreed by telephone") -> co.Order:
    return room[OPERATOR].order(co.GrantMoreTime(until, reason))


def refused(room: Room, order: co.Order, why: type[EvalroomError]) -> None:
    with pytest.raises(why) as error:
        room.try_out(order)
    assert why is error.type


def test_a_third_of_three_members_is_not_more_than_a_third() -> None:
    room = plain.room_at(Stage.DETAILED)
    refused(room, grant(room), mt.TooFewAsk)
    room.take(*room.try_out(ask(room, E1)))
    refused(room, grant(room), mt.TooFewAsk)
    room.take(*room.try_out(ask(room, E2)))
    room.take(*room.try_out(grant(room)))
    assert UNTIL == room.session.asides.extensions.until


@pytest.mark.parametrize(("share", "asking"), [("0", 1), ("1/5", 1), ("1/3", 2), ("1/2", 2), ("2/3", 3)])
def test_the_share_is_the_profiles(share: str, asking: int) -> None:
    extensions = mt.Extensions(dict.fromkeys(EXPERTS[: asking - 1], "why"), Stage.DETAILED)
    granted = mt.MoreTimeGranted(UNTIL, "agreed")
    with pytest.raises(mt.TooFewAsk):
        extensions.check_grant(granted, START, EXPERTS, Stage.DETAILED, Fraction(share))
    extensions = mt.Extensions(dict.fromkeys(EXPERTS[:asking], "why"), Stage.DETAILED)
    extensions.check_grant(granted, START, EXPERTS, Stage.DETAILED, Fraction(share))


def test_all_of_them_are_never_more_than_all() -> None:
    extensions = mt.Extensions(dict.fromkeys(EXPERTS, "why"), Stage.DETAILED)
    with pytest.raises(mt.TooFewAsk):
        extensions.check_grant(mt.MoreTimeGranted(UNTIL, ""), START, EXPERTS, Stage.DETAILED, Fraction(1))


def test_nobody_asks_twice_in_one_stage_or_without_a_reason() -> None:
    room = plain.room_at(Stage.PRELIMINARY)
    refused(room, ask(room, E1, " "), StatementMissing)
    room.give(ask(room, E1))
    refused(room, ask(room, E1), mt.AskedAlready)
    room.review()
    room.advance()
    room.try_out(ask(room, E1))


def test_requests_of_an_earlier_stage_count_for_nothing() -> None:
    room = plain.room_at(Stage.PRELIMINARY)
    for seat in EXPERTS:
        room.give(ask(room, seat))
    room.review()
    room.advance()
    refused(room, grant(room), mt.TooFewAsk)


def test_an_extension_answers_the_requests_that_led_to_it() -> None:
    room = plain.room_at(Stage.DETAILED)
    for seat in EXPERTS:
        room.give(ask(room, seat))
    room.give(grant(room))
    refused(room, grant(room, UNTIL + 1), mt.TooFewAsk)


def test_whoever_left_the_committee_does_not_count() -> None:
    extensions = mt.Extensions(dict.fromkeys(EXPERTS, "why"), Stage.DETAILED)
    assert (E3,) == extensions.askers([E3, SeatCode("E8")], Stage.DETAILED)


def test_an_extension_ends_later_than_now_and_says_why() -> None:
    room = plain.room_at(Stage.DETAILED)
    for seat in EXPERTS:
        room.give(ask(room, seat))
    refused(room, grant(room, START), mt.UnusableHour)
    refused(room, grant(room, reason=""), StatementMissing)


@pytest.mark.parametrize("stage", [Stage.BRIEFED, Stage.PRICING, Stage.SIGNING])
def test_more_time_is_for_the_work_on_bids(stage: Stage) -> None:
    room = plain.room_at(stage)
    refused(room, ask(room, E1), WrongStage)
    refused(room, replace(grant(room), at=START), WrongStage)
