"""Signing: each member stands to each report once, by its digest, in writing where that is due; gaps hold all of it up."""

from typing import Any

import pytest

from evalroom import approval as ap
from evalroom import commands as co
from evalroom import events as ev
from evalroom import reporting as rp
from evalroom.approval import NotProposable, NotSecondPerson, Proposed, proposal_digest
from evalroom.errors import EvalroomError
from evalroom.events import Stage
from evalroom.ids import SeatCode
from evalroom.needs import Unready
from evalroom.report.data import digest_of
from evalroom.reporting import Section, Stand
from evalroom.session import NotVoidable, ReasonNeeded, WrongStage
from tests.evalroom.room import (
    EXPERTS,
    LOT,
    OPERATOR,
    REGULATOR,
    SITE_OPERATOR,
    START,
    SUPERVISOR,
    Room,
    by_node,
    room_at,
    track_started,
)

E1, E2, E3 = EXPERTS
CONCLUDE = co.AdvanceStage(Stage.SIGNING, Stage.CONCLUDED, "")


def refused(room: Room, order: co.Order, why: type[EvalroomError]) -> dict[str, Any]:
    with pytest.raises(why) as error:
        room.try_out(order)
    assert why is error.type
    return dict(error.value.detail)


def sign(room: Room, seat: SeatCode, stand: Stand, reason: str = "", digest: str = "") -> co.Order:
    return room[seat].order(co.SignReport(LOT, digest or room.session.report_digest(LOT), stand, reason))


def with_gap(room: Room) -> Room:
    """Let the camera of a seat have run for nine seconds without a picture."""
    room.give(by_node(track_started(E2), ev.TrackEnded(track_started(E2).track, START + 9_000)))
    return room


# --- signing ------------------------------------------------------------------------------------------


def test_no_member_signs_another_report_than_the_one_that_stands() -> None:
    room = room_at(Stage.SIGNING)
    digest = room.session.report_digest(LOT)
    for other in ("", "0" * 64, digest.upper(), digest[:-1]):
        refused(room, room[E1].order(co.SignReport(LOT, other, Stand.AGREES, "")), rp.OtherReport)
    refused(
        room, room[E1].order(co.SignReport(LOT.__class__("lot2"), digest, Stand.AGREES, "")), rp.OtherReport
    )


def test_a_member_stands_to_a_report_once() -> None:
    room = room_at(Stage.SIGNING)
    room.sign(E1)
    refused(room, sign(room, E1, Stand.DISSENTS, "I thought better of it"), rp.AlreadySigned)


@pytest.mark.parametrize("stand", [Stand.DISSENTS, Stand.REFUSES])
def test_a_dissent_and_a_refusal_are_reasoned_in_writing_and_count_as_signed(stand: Stand) -> None:
    room = room_at(Stage.SIGNING)
    for words in ("", "  \n", "x" * 2001):
        refused(room, sign(room, E1, stand, words), rp.StandUnclear)
    room.sign(E1, stand, "the weights are wrong")
    for seat in (E2, E3):
        room.sign(seat)
    assert (stand, "the weights are wrong") == (
        room.session.reports.signed[LOT, E1].stand,
        room.session.reports.signed[LOT, E1].reason,
    )
    assert room.try_out(room[OPERATOR].order(CONCLUDE))


def test_an_agreement_has_no_reservation_and_nobody_deems_oneself_agreed() -> None:
    room = room_at(Stage.SIGNING)
    refused(room, sign(room, E1, Stand.AGREES, "but"), rp.StandUnclear)
    refused(room, sign(room, E1, Stand.DEEMED), rp.StandUnclear)


def propose(room: Room, seat: SeatCode, lot: str = LOT, who: SeatCode = E3) -> Proposed:
    proposed = Proposed("p1", ap.DeemAgreed(who, LOT.__class__(lot)), "neither signs nor says why")
    room.give(room[seat].order(co.Propose("p1", proposed.act, proposed.reason)))
    return proposed


def test_who_neither_signs_nor_says_why_is_deemed_to_agree_once_two_persons_put_that_down() -> None:
    room = room_at(Stage.SIGNING)
    for seat in (E1, E2):
        room.sign(seat)
    assert E3 == refused(room, room[OPERATOR].order(CONCLUDE), Unready)["signatures"]
    digest = proposal_digest(propose(room, OPERATOR))
    refused(room, room[OPERATOR].order(co.Approve("p1", digest)), NotSecondPerson)
    (_, deemed) = room.give(room[REGULATOR].order(co.Approve("p1", digest)))
    assert (
        rp.AgreementDeemed(LOT, E3, room.session.report_digest(LOT), "neither signs nor says why")
        == deemed.event
    )
    assert Stand.DEEMED is room.session.reports.signed[LOT, E3].stand
    refused(room, sign(room, E3, Stand.REFUSES, "too late"), rp.AlreadySigned)
    assert room.try_out(room[OPERATOR].order(CONCLUDE))


def test_nobody_is_deemed_to_agree_who_has_signed_or_by_a_member_who_is_no_chair() -> None:
    room = room_at(Stage.SIGNING)
    room.sign(E3, Stand.REFUSES, "the weights are wrong")
    with pytest.raises(NotVoidable):
        propose(room, OPERATOR)
    with pytest.raises(NotVoidable):
        propose(room, OPERATOR, "lot2", E2)
    with pytest.raises(NotProposable):
        propose(room, E1, who=E2)


def test_sites_and_officers_witness_a_report_once_and_by_its_digest() -> None:
    room = room_at(Stage.SIGNING)
    digest = room.session.report_digest(LOT)
    for seat in (SITE_OPERATOR, REGULATOR, SUPERVISOR):
        refused(room, room[seat].order(co.WitnessReport(LOT, "0" * 64)), rp.OtherReport)
        room.give(room[seat].order(co.WitnessReport(LOT, digest)))
        refused(room, room[seat].order(co.WitnessReport(LOT, digest)), rp.AlreadySigned)
    assert {
        (LOT, seat) for seat in (SITE_OPERATOR, REGULATOR, SUPERVISOR)
    } == room.session.reports.witnessed.keys()


def test_where_the_profile_asks_for_them_witnesses_are_waited_for_by_name() -> None:
    room = room_at(Stage.SIGNING)
    assert ("west", "R1") == room.session.witnesses_missing()
    room.give(room[SITE_OPERATOR].order(co.WitnessReport(LOT, room.session.report_digest(LOT))))
    assert ("R1",) == room.session.witnesses_missing()


# --- gaps ---------------------------------------------------------------------------------------------


def test_nothing_is_signed_while_a_recording_has_a_gap_that_nobody_declared() -> None:
    room = with_gap(room_at(Stage.SIGNING))
    named = {"track": track_started(E2).track, "from_ms": START, "to_ms": START + 9_000}
    assert {"seat": E1, **named} == refused(room, sign(room, E1, Stand.AGREES), rp.UndeclaredGap)
    witness = co.WitnessReport(LOT, room.session.report_digest(LOT))
    assert {"seat": REGULATOR, **named} == refused(room, room[REGULATOR].order(witness), rp.UndeclaredGap)
    explain = co.ExplainGap(track_started(E2).track, START, START + 9_000, "the cable was pulled")
    room.give(room[SUPERVISOR].order(explain))
    assert room.try_out(sign(room, E1, Stand.AGREES))
    refused(room, room[SUPERVISOR].order(explain), rp.NoSuchGap)


def test_a_gap_holds_up_the_report_and_the_conclusion_too() -> None:
    room = with_gap(room_at(Stage.REPORTING))
    order = room[OPERATOR].order(co.AdvanceStage(Stage.REPORTING, Stage.SIGNING, ""))
    assert "gap_undeclared" == refused(room, order, Unready)["report"]
    room = room_at(Stage.SIGNING)
    for seat in EXPERTS:
        room.sign(seat)
    with_gap(room)
    assert "gaps" in refused(room, room[OPERATOR].order(CONCLUDE), Unready)


def test_only_a_gap_there_is_can_be_declared_and_with_a_reason() -> None:
    room = with_gap(room_at(Stage.SIGNING))
    track = track_started(E2).track
    refused(room, room[SUPERVISOR].order(co.ExplainGap(track, START, START + 9_000, " ")), ReasonNeeded)
    for wrong in ((START - 1, START + 9_000), (START, START + 9_001), (0, 2**50)):
        refused(room, room[SUPERVISOR].order(co.ExplainGap(track, *wrong, "x")), rp.NoSuchGap)


# --- words --------------------------------------------------------------------------------------------


def test_the_chair_writes_and_where_there_is_one_nobody_else() -> None:
    room = room_at(Stage.REPORTING)
    edit = co.EditReport(LOT, Section.OVERVIEW, "as it went")
    assert room.try_out(room[E2].order(edit))
    room.session.chair = E1
    with pytest.raises(rp.NotChair):
        room.session.decide(room[E2].order(edit))
    assert room.session.decide(room[E1].order(edit))


def test_words_can_be_replaced_and_taken_back_and_are_in_the_report() -> None:
    room = room_at(Stage.REPORTING)
    for text in ("first", "second"):
        room.give(room[E1].order(co.EditReport(LOT, Section.OVERVIEW, text)))
        assert [text] == [one.text for one in room.session.report_of(room.session.lots[LOT]).prose]
    room.give(room[E1].order(co.EditReport(LOT, Section.OVERVIEW, "")))
    assert () == room.session.report_of(room.session.lots[LOT]).prose
    refused(room, room[E1].order(co.EditReport(LOT, Section.OVERVIEW, "x" * 4001)), rp.ProseTooLong)


def test_a_reason_is_given_for_a_warning_there_is_and_no_other() -> None:
    room = room_at(Stage.REPORTING)
    for code in ("tie_open", "sum_differs", "nothing"):
        refused(room, room[E1].order(co.JustifyWarning(LOT, code, "so it is")), rp.NoSuchWarning)


def test_signatures_fall_when_the_session_goes_back_and_the_words_stay() -> None:
    room = room_at(Stage.REPORTING)
    room.give(room[E1].order(co.EditReport(LOT, Section.OVERVIEW, "as it went")))
    room.advance()
    before = room.session.report_digest(LOT)
    room.sign(E1)
    room.take(
        ev.Fact(START, room.session.host_site, "host", ev.SteppedBack(Stage.SIGNING, Stage.REPORTING, "typo"))
    )
    assert ({}, {}, "") == (
        room.session.reports.signed,
        room.session.reports.made,
        room.session.report_digest(LOT),
    )
    refused(room, room[E1].order(co.SignReport(LOT, before, Stand.AGREES, "")), WrongStage)
    assert {Section.OVERVIEW: "as it went"} == room.session.reports.prose_of(LOT)
    room.advance()
    assert before != room.session.report_digest(LOT), "the report tells of the step back"


def test_a_report_that_was_voided_is_an_annex_of_every_one_after_it() -> None:
    room = room_at(Stage.SIGNING)
    digests = []
    for number in (1, 2):
        digests.append(room.session.report_digest(LOT))
        room.sign(EXPERTS[number])
        room.take(
            ev.Fact(
                START + number,
                room.session.host_site,
                "host",
                ev.SteppedBack(Stage.SIGNING, Stage.REPORTING, "typo"),
            )
        )
        room.advance()
    earlier = room.session.report_of(room.session.lots[LOT]).earlier
    assert digests == [one.sha256 for one in earlier]
    assert [(1, START + 1), (2, START + 2)] == [(one.number, one.voided_ms) for one in earlier]
    assert [((EXPERTS[1], Stand.AGREES),), ((EXPERTS[2], Stand.AGREES),)] == [one.stands for one in earlier]
    assert digests == [digest_of(one.made.data) for one in room.session.reports.earlier(LOT)]
