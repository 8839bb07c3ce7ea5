"""The duty form: nobody decides their own, nothing is held against anybody without a ground, and they may answer."""

from dataclasses import replace

import pytest

from evalroom import appraisal as aa
from evalroom import commands as co
from evalroom.ids import LotId, SeatCode
from evalroom.needs import Unready
from evalroom.roles import NotPermitted
from tests.evalroom.arriving import E1, E2, E3, concluded, form
from tests.evalroom.room import LOT, OPERATOR, REGULATOR, SUPERVISOR, Room
from tests.evalroom.test_session import refused

LATE = aa.Tick(aa.Duty.LATE_OR_LEFT_EARLY, aa.Judgement.YES, (3,), "")


def answering(
    room: Room, seat: SeatCode = E1, of: SeatCode | None = None, revision: int = 1, text: str = "a train"
) -> co.Order:
    return room[seat].order(co.AnswerAppraisal(of or seat, LOT, revision, text))


def test_experts_and_regulators_decide_no_form() -> None:
    room = concluded()
    for by in (E1, E2, REGULATOR):
        refused(room, form(room, E1, 1, by), NotPermitted)


def test_only_members_are_appraised_and_for_a_lot_there_is() -> None:
    room = concluded()
    for seat in (OPERATOR, SUPERVISOR, SeatCode("E9"), SeatCode("")):
        refused(room, form(room, seat), aa.NotAppraisable)
    order = form(room)
    assert isinstance(order.command, co.AppraiseExpert)
    elsewhere = room[OPERATOR].order(replace(order.command, lot=LotId("lot9")))
    refused(room, elsewhere, aa.NotAppraisable)


def test_all_fifteen_questions_are_decided_once_and_in_order() -> None:
    room = concluded()
    command = form(room).command
    assert isinstance(command, co.AppraiseExpert)
    ticks = command.ticks
    for wrong in (ticks[1:], (*ticks, ticks[0]), (ticks[1], ticks[0], *ticks[2:]), ()):
        refused(room, room[OPERATOR].order(replace(command, ticks=wrong)), aa.IncompleteForm)


def test_what_is_held_against_an_expert_has_a_ground() -> None:
    room = concluded()
    adverse = [
        aa.Tick(duty, aa.Judgement.YES if duty in aa.REPROACHES else aa.Judgement.NO, (), " ")
        for duty in aa.FORM
    ]
    for tick in adverse:
        refused(room, form(room, E1, 1, OPERATOR, tick), aa.GroundNeeded)
    room.give(form(room, E1, 1, OPERATOR, replace(adverse[0], remark="did not know article 37"), LATE))


def test_praise_needs_no_ground() -> None:
    room = concluded()
    good = (
        aa.Tick(duty, aa.Judgement.NO if duty in aa.REPROACHES else aa.Judgement.YES, (), "")
        for duty in aa.FORM
    )
    room.give(form(room, E2, 1, SUPERVISOR, *good))
    assert 1 == room.session.appraisals.forms[E2, LOT].revision


@pytest.mark.parametrize("entries", [(-1,), (10**9,), (1,) * 51])
def test_evidence_is_an_entry_there_is(entries: tuple[int, ...]) -> None:
    room = concluded()
    refused(room, form(room, E1, 1, OPERATOR, replace(LATE, entries=entries)), aa.IncompleteForm)


def test_a_remark_has_an_end() -> None:
    room = concluded()
    refused(room, form(room, E1, 1, OPERATOR, replace(LATE, remark="x" * 501)), aa.IncompleteForm)


def test_an_expert_answers_the_own_form_once_and_the_form_that_stands() -> None:
    room = concluded()
    refused(room, answering(room), aa.NotAppraisable)
    room.give(form(room, E1, 1, OPERATOR, LATE))
    refused(room, answering(room, E2, E1), aa.NotAppraisable)
    refused(room, answering(room, revision=2), aa.StaleAppraisal)
    for text in ("", "  ", "x" * 2001):
        refused(room, answering(room, text=text), aa.AnswerNeeded)
    room.give(answering(room))
    refused(room, answering(room), aa.AnswerNeeded)


def test_after_the_answer_the_form_may_be_decided_again_on_its_next_revision() -> None:
    room = concluded()
    room.give(form(room, E1, 1, OPERATOR, LATE))
    room.give(answering(room))
    refused(room, form(room, E1, 1), aa.StaleAppraisal)
    refused(room, form(room, E1, 3), aa.StaleAppraisal)
    room.give(form(room, E1, 2))
    room.give(answering(room, revision=2, text="thank you"))
    assert 2 == room.session.appraisals.answers[E1, LOT].revision


def test_where_the_profile_asks_for_it_the_session_closes_with_everybody_appraised() -> None:
    room = concluded()
    closing = co.CloseSession("done")
    for seat in (E1, E2):
        room.give(form(room, seat))
    assert f"{E3} {LOT}" == refused(room, room[OPERATOR].order(closing), Unready)["appraisal"]
    room.give(form(room, E3))
    room.give(room[OPERATOR].order(closing))
