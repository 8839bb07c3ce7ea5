"""Check-in in grades: nobody confirms themselves or another site's seat, and whoever comes anew is confirmed anew."""

from dataclasses import replace

import pytest

from evalroom import approval as ap
from evalroom import checkin as ci
from evalroom import commands as co
from evalroom.events import Stage
from evalroom.ids import SeatCode, SiteId
from evalroom.needs import NeedCode, Unready
from evalroom.profile import UnusableProfile, parse_profile
from evalroom.roles import NotPermitted
from evalroom.session import NotOwner, WrongStage
from tests.evalroom import arriving as a
from tests.evalroom import room as plain
from tests.evalroom.arriving import E1, E2, E3, confirming, keeping, opened, proposing, welcome
from tests.evalroom.room import EAST, HOST, OPERATOR, PRICES, REGULATOR, SITE_OPERATOR, SUPERVISOR, WEST, Room
from tests.evalroom.test_session import refused


def briefed(room: Room) -> Room:
    for bid, price in PRICES.items():
        room.give(room[OPERATOR].import_bid(bid, str(price)))
    room.advance()
    return room


def waits(room: Room, code: NeedCode) -> tuple[str, ...]:
    return next((need.names for need in room.session.missing_for(Stage.ELECTING) if need.code is code), ())


# --- one person -----------------------------------------------------------------------------------------


def test_nobody_confirms_who_sits_on_their_own_seat() -> None:
    refused(opened(), confirming(opened(), OPERATOR, OPERATOR), ci.NotYoursToConfirm)


@pytest.mark.parametrize(
    ("seat", "by"), [(E1, SITE_OPERATOR), (E2, OPERATOR), (E2, SUPERVISOR), (E3, SITE_OPERATOR)]
)
def test_a_site_with_an_operator_of_its_own_is_confirmed_by_nobody_else(seat: SeatCode, by: SeatCode) -> None:
    room = opened()
    refused(room, confirming(room, seat, by), ci.NotYoursToConfirm)


def test_the_hosts_staff_confirms_at_a_site_that_has_no_operator() -> None:
    room = opened()
    room.give(confirming(room, E3))
    assert "operator" == room.session.arrivals.grade_of(E3)


def test_a_confirmation_is_of_the_check_in_that_was_seen() -> None:
    room = opened()
    for occupancy in (0, 2, -1):
        refused(room, confirming(room, E1, occupancy=occupancy), ci.OtherOccupancy)


def test_whoever_checks_in_anew_is_confirmed_anew() -> None:
    """A code handed on after the confirmation seats another person, who would come in under it."""
    room = opened()
    welcome(room)
    assert "operator" == room.session.arrivals.grade_of(E2)
    room.give(room[E2].check_in())
    assert "none" == room.session.arrivals.grade_of(E2)
    refused(room, confirming(room, E2), ci.OtherOccupancy)
    room.give(confirming(room, E2, occupancy=2))
    assert "operator" == room.session.arrivals.grade_of(E2)


def test_without_the_device_one_person_gives_a_reason_and_without_the_document_one_is_too_few() -> None:
    room = opened()
    for reason in ("", "  ", "x" * 501):
        refused(room, confirming(room, E1, basis=ci.Basis.DOCUMENT, reason=reason), ci.ArrivalReason)
    room.give(confirming(room, E1, basis=ci.Basis.DOCUMENT, reason="the camera is broken"))
    refused(room, confirming(room, E2, basis=ci.Basis.OTHER, reason="I know her"), ci.GradeNeedsTwo)


def test_one_person_does_not_say_that_two_have_confirmed() -> None:
    room = opened(a.TWO)
    refused(room, confirming(room, E1, grade=ci.Grade.TWO), ci.GradeNeedsTwo)


def test_the_same_confirmation_is_given_once() -> None:
    room = opened()
    room.give(confirming(room, E1))
    refused(room, confirming(room, E1, SUPERVISOR), ci.ConfirmedAlready)


def test_a_seat_that_nobody_has_taken_is_not_confirmed() -> None:
    room = plain.opened()
    room.give(room[OPERATOR].check_in())
    refused(room, confirming(room, E1), ci.OtherOccupancy)


# --- two persons ----------------------------------------------------------------------------------------


def test_two_persons_confirm_by_two_signed_acts_over_one_digest() -> None:
    room = opened(a.TWO)
    order, digest = proposing(room, E2, SITE_OPERATOR)
    room.give(order)
    refused(room, room[SITE_OPERATOR].order(co.Approve("p1", digest)), NotPermitted)
    facts = room.give(room[SUPERVISOR].order(co.Approve("p1", digest)))
    confirmed = facts[-1].event
    assert ci.OccupancyConfirmed(E2, 1, ci.Grade.TWO, ci.Basis.OTHER, "no card with her") == confirmed
    assert "two" == room.session.arrivals.grade_of(E2)


def test_the_operator_is_not_both_persons() -> None:
    room = opened(a.TWO)
    order, digest = proposing(room, E1, OPERATOR)
    room.give(order)
    refused(room, room[OPERATOR].order(co.Approve("p1", digest)), ap.NotSecondPerson)
    refused(room, room[REGULATOR].order(co.Approve("p1", digest)), ap.NotSecondPerson)


def test_nobody_is_the_second_person_for_the_own_seat() -> None:
    room = opened(a.TWO)
    act = ap.ConfirmByTwo(SUPERVISOR, 1, ci.Basis.OTHER)
    room.give(room[OPERATOR].order(co.Propose("p1", act, "no card")))
    digest = ap.proposal_digest(ap.Proposed("p1", act, "no card"))
    refused(room, room[SUPERVISOR].order(co.Approve("p1", digest)), ap.NotSecondPerson)


def test_a_proposal_is_about_ones_own_site_and_about_who_sits_there_now() -> None:
    room = opened(a.TWO)
    refused(room, proposing(room, E1, SITE_OPERATOR)[0], ci.NotYoursToConfirm)
    refused(room, proposing(room, E2, SITE_OPERATOR, occupancy=2)[0], ci.OtherOccupancy)


def test_who_sits_there_may_have_changed_before_the_second_person_agrees() -> None:
    room = opened(a.TWO)
    order, digest = proposing(room, E2, SITE_OPERATOR)
    room.give(order)
    room.give(room[E2].check_in())
    refused(room, room[SUPERVISOR].order(co.Approve("p1", digest)), ci.OtherOccupancy)


def test_two_persons_may_confirm_what_one_has_confirmed_but_not_the_other_way_round() -> None:
    room = opened(a.TWO)
    room.give(confirming(room, E2))
    order, digest = proposing(room, E2, SITE_OPERATOR)
    room.give(order)
    room.give(room[SUPERVISOR].order(co.Approve("p1", digest)))
    refused(room, confirming(room, E2), ci.ConfirmedAlready)


# --- what the profile asks for --------------------------------------------------------------------------


def test_a_seat_without_the_grade_that_the_profile_asks_for_passes_no_further_than_briefed() -> None:
    room = briefed(opened())
    refused(room, room[E1].accept(), Unready)
    assert (E1, E2, E3) == waits(room, NeedCode.IDENTITY)
    welcome(room)
    for seat in (E1, E2, E3):
        room.give(room[seat].accept())
    assert () == room.session.missing_for(Stage.ELECTING)
    room.give(room[E3].check_in())
    refused(room, room[OPERATOR].order(co.AdvanceStage(Stage.BRIEFED, Stage.ELECTING, "")), Unready)


def test_one_person_is_too_few_where_the_profile_asks_for_two() -> None:
    room = briefed(opened(a.TWO))
    room.give(confirming(room, E1))
    refused(room, room[E1].accept(), Unready)
    assert E1 in waits(room, NeedCode.IDENTITY)


def test_who_comes_back_in_the_middle_is_confirmed_before_the_next_stage() -> None:
    room = briefed(opened())
    welcome(room)
    plain.finish(room)
    room.advance()
    room.give(room[E1].check_in())
    named = {need.code: need.names for need in room.session.missing_for(Stage.PRELIMINARY)}
    assert {NeedCode.IDENTITY: (E1,)} == named


def test_a_plain_profile_asks_for_nobody() -> None:
    room = plain.room_at(Stage.BRIEFED)
    assert () == waits(room, NeedCode.IDENTITY)
    assert () == waits(room, NeedCode.PHONE)


@pytest.mark.parametrize("value", ['"face"', "1", "true", '""'])
def test_a_grade_there_is_not_makes_no_profile(value: str) -> None:
    with pytest.raises(UnusableProfile):
        parse_profile(f"[people]\ncheckin = {value}\n")


def test_the_profile_and_the_rules_know_the_same_grades() -> None:
    for grade in ci.GRADES:
        assert grade == parse_profile(f'[people]\ncheckin = "{grade}"\n').people.checkin


# --- phones ---------------------------------------------------------------------------------------------


def test_a_phone_is_handed_in_once_and_given_back_once() -> None:
    room = opened()
    returning = co.ReturnPhone(E1, "ill")
    refused(room, room[OPERATOR].order(returning), ci.NoSuchPhones)
    room.give(keeping(room, E1))
    refused(room, keeping(room, E1), ci.NoSuchPhones)
    room.give(room[OPERATOR].order(returning))
    assert E1 in waits(room, NeedCode.PHONE)


def test_phones_are_given_back_early_only_for_a_reason() -> None:
    room = opened()
    room.give(keeping(room, E1))
    refused(room, room[OPERATOR].order(co.ReturnPhone(E1, " ")), ci.ArrivalReason)
    done = a.concluded()
    done.give(done[OPERATOR].order(co.ReturnPhone(E1, "")))


@pytest.mark.parametrize(("pieces", "locker"), [(-1, "B"), (10, "B"), (1, ""), (2, "  "), (1, "x" * 501)])
def test_phones_are_counted_and_lie_somewhere(pieces: int, locker: str) -> None:
    room = opened()
    refused(room, keeping(room, E1, pieces=pieces, locker=locker), ci.NoSuchPhones)


def test_having_no_phone_is_an_answer_too() -> None:
    room = opened()
    room.give(keeping(room, E1, pieces=0, locker=""))
    assert (E2, E3) == waits(room, NeedCode.PHONE)


def test_another_sites_operator_takes_no_phone_in() -> None:
    room = opened()
    refused(room, keeping(room, E1, SITE_OPERATOR), ci.NotYoursToConfirm)


# --- sites ----------------------------------------------------------------------------------------------


def test_a_site_declares_itself_and_says_why_when_something_is_open() -> None:
    room = opened()

    def declare(site: SiteId, *, ready: bool = True, lines: tuple[str, ...] = (), note: str = "") -> co.Order:
        return room[SITE_OPERATOR].order(co.DeclareSite(site, ready, lines, note))

    for order in (
        declare(HOST), declare(EAST), declare(WEST, lines=("camera E2",)), declare(WEST, ready=False),
        declare(WEST, lines=("",), note="x"), declare(WEST, lines=("x",) * 33, note="x"), declare(WEST, note="x" * 501),
    ):  # fmt: skip
        refused(room, order, ci.NotDeclarable)
    room.give(declare(WEST, lines=("camera E2",), note="a spare comes"))
    assert {WEST} == room.session.arrivals.ready
    room.give(declare(WEST, ready=False, note="power cut"))
    assert set() == room.session.arrivals.ready


def test_people_are_received_while_the_session_is_under_way_and_not_by_strangers() -> None:
    done = a.concluded()
    refused(done, confirming(done, E1), WrongStage)
    refused(done, keeping(done, E1), WrongStage)
    room = opened()
    refused(room, replace(keeping(room, E1), site=WEST), NotOwner)
