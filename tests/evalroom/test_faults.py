"""Faults with a clock: mended in time the session resumes, afterwards only two persons decide how it goes on."""

from dataclasses import replace

import pytest

from evalroom import approval as ap
from evalroom import commands as co
from evalroom import events as ev
from evalroom import faults as fa
from evalroom.asides import StatementMissing, UnknownSite
from evalroom.errors import EvalroomError, MalformedName
from evalroom.events import Fact, Stage
from evalroom.ids import SeatCode
from evalroom.needs import Unready
from evalroom.session import WrongStage
from tests.evalroom import room as plain
from tests.evalroom import test_orders as orders
from tests.evalroom.room import EXPERTS, OPERATOR, REGULATOR, START, SUPERVISOR, WEST, Person, Room

HOUR = 3_600_000
BEFORE, DURING = Stage.BRIEFED, Stage.DETAILED
LIMIT = {BEFORE: START + 2 * HOUR, DURING: START + 4 * HOUR}
"""The plain profile: two hours before the start, four during the evaluation."""


def declare(room: Room, fault: str = "f1", site: str = WEST, by: SeatCode = SUPERVISOR) -> co.Order:
    return room[by].order(co.DeclareFault(fault, site, "no power"))


def at(order: co.Order, when: int) -> co.Order:
    return replace(order, at=when)


def broken(stage: Stage = DURING) -> Room:
    room = plain.room_at(stage)
    room.give(declare(room))
    return room


def mend(room: Room, when: int, fault: str = "f1") -> co.Order:
    return at(room[OPERATOR].order(co.MendFault(fault, "the generator runs")), when)


def resume(room: Room, when: int) -> co.Order:
    return at(room[SUPERVISOR].order(co.ResumeSession("power is back")), when)


def settle(room: Room, way: fa.Way, when: int, until: int = 0, by: SeatCode = OPERATOR) -> co.Order:
    act = ap.SettleFault("f1", way, until)
    return at(room[by].order(co.Propose("p1", act, "agreed by telephone")), when)


def agree(room: Room, way: fa.Way, when: int, until: int = 0) -> tuple[Fact, ...]:
    """Propose and approve; the facts of the approval must replay."""
    room.give(settle(room, way, when, until))
    facts = room.try_out(at(orders.approve(room), when))
    room.take(*facts)
    return facts


def refused(room: Room, order: co.Order, why: type[EvalroomError]) -> None:
    with pytest.raises(why) as error:
        room.try_out(order)
    assert why is error.type


@pytest.mark.parametrize("stage", [one for one in Stage if one in fa.BEFORE | fa.DURING])
def test_a_fault_pauses_the_session_until_its_time_is_over_at_the_latest(stage: Stage) -> None:
    room = plain.room_at(stage)
    declared, paused = room.try_out(declare(room))
    limit = START + (2 if stage in fa.BEFORE else 4) * HOUR
    assert fa.FaultDeclared("f1", WEST, "no power") == declared.event
    assert ev.SessionPaused("no power", limit) == paused.event


def test_a_fault_found_in_a_pause_pauses_nothing_again() -> None:
    room = plain.room_at(DURING)
    room.give(room[SUPERVISOR].order(co.PauseSession("fire", None)))
    assert 1 == len(room.try_out(declare(room)))


@pytest.mark.parametrize("stage", [Stage.CONCLUDED])
def test_after_the_conclusion_nothing_waits_for_a_fault(stage: Stage) -> None:
    room = plain.room_at(stage)
    refused(room, declare(room), WrongStage)


def test_a_fault_has_an_id_of_its_own_a_site_of_the_session_and_a_description() -> None:
    room = broken()
    refused(room, declare(room), fa.FaultTaken)
    refused(room, declare(room, "../f2"), MalformedName)
    refused(room, declare(room, "f2", "moon"), UnknownSite)
    refused(room, room[SUPERVISOR].order(co.DeclareFault("f2", "", " ")), StatementMissing)


@pytest.mark.parametrize("stage", [BEFORE, DURING])
def test_mended_in_time_the_session_resumes(stage: Stage) -> None:
    room = broken(stage)
    refused(room, resume(room, START + HOUR), fa.FaultOpen)
    room.take(*room.try_out(mend(room, LIMIT[stage] - 1)))
    refused(room, mend(room, LIMIT[stage] - 1), fa.UnknownFault)
    room.try_out(resume(room, LIMIT[stage] + 9 * HOUR))  # nobody has to hurry once it is mended


@pytest.mark.parametrize("stage", [BEFORE, DURING])
@pytest.mark.parametrize("mended", [False, True])
def test_after_its_time_no_one_person_resumes(stage: Stage, *, mended: bool) -> None:
    room = broken(stage)
    if mended:
        room.give(mend(room, LIMIT[stage]))
    refused(room, resume(room, LIMIT[stage]), fa.FaultOverdue)
    act = room[SUPERVISOR].order(co.Propose("p2", ap.Resume(), "power is back"))
    refused(room, at(act, LIMIT[stage]), fa.FaultOverdue)


def test_a_resumption_proposed_in_time_is_not_approved_when_another_fault_outlasts_its_time() -> None:
    room = orders.at(DURING)
    room.give(declare(room))
    room.give(mend(room, START + HOUR))
    room.give(at(room[SUPERVISOR].order(co.Propose("p1", ap.Resume(), "power is back")), START + HOUR))
    room.give(declare(room, "f2"))
    refused(room, at(orders.approve(room), LIMIT[DURING] - 1), fa.FaultOpen)
    refused(room, at(orders.approve(room), LIMIT[DURING]), fa.FaultOverdue)


def test_when_the_time_is_over_nothing_happens_by_itself() -> None:
    room = broken()
    room.note(ev.CheckpointCosigned(room.session.size, "root", plain.WITNESSES))
    assert room.session.paused
    assert DURING is room.session.stage
    assert room.session.asides.faults.all["f1"].overdue(LIMIT[DURING])


def test_before_its_time_is_over_nothing_is_settled() -> None:
    room = broken()
    refused(room, settle(room, fa.Way.GO_ON, LIMIT[DURING] - 1), fa.NotThisWay)


@pytest.mark.parametrize(
    ("stage", "way", "until"),
    [
        (BEFORE, fa.Way.ANEW, 0),
        (DURING, fa.Way.PUT_OFF, LIMIT[DURING] + HOUR),
        (BEFORE, fa.Way.PUT_OFF, 0),
        (BEFORE, fa.Way.PUT_OFF, LIMIT[BEFORE]),
        (BEFORE, fa.Way.GO_ON, LIMIT[BEFORE] + HOUR),
        (DURING, fa.Way.ANEW, 0),
    ],
)
def test_only_the_ways_of_the_stage_are_open(stage: Stage, way: fa.Way, until: int) -> None:
    room = broken(stage)  # the last: without reserves there is no new committee
    refused(room, settle(room, way, LIMIT[stage], until), fa.NotThisWay)


def test_operator_and_regulator_agree_and_nobody_for_both() -> None:
    room = broken()
    refused(room, settle(room, fa.Way.GO_ON, LIMIT[DURING], by=SUPERVISOR), ap.NotProposable)
    room.give(settle(room, fa.Way.GO_ON, LIMIT[DURING]))
    for seat in (OPERATOR, SUPERVISOR):
        refused(room, at(orders.approve(room, seat), LIMIT[DURING]), ap.NotSecondPerson)
    facts = room.try_out(at(orders.approve(room, REGULATOR), LIMIT[DURING]))
    assert [ap.Approved, fa.FaultSettled, ev.SessionResumed] == [type(fact.event) for fact in facts]


def test_what_was_settled_is_not_settled_again() -> None:
    room = broken()
    agree(room, fa.Way.GO_ON, LIMIT[DURING])
    again = room[OPERATOR].order(co.Propose("p2", ap.SettleFault("f1", fa.Way.ABORT, 0), "once more"))
    refused(room, at(again, LIMIT[DURING] + 1), fa.UnknownFault)


def test_put_off_the_session_waits_anew_until_its_hour() -> None:
    room, later = broken(BEFORE), LIMIT[BEFORE] + 24 * HOUR
    agree(room, fa.Way.PUT_OFF, LIMIT[BEFORE], later)
    assert room.session.paused
    refused(room, resume(room, later - HOUR), fa.FaultOpen)
    room.give(mend(room, later - HOUR))
    room.try_out(resume(room, later - HOUR))


@pytest.mark.parametrize("stage", [BEFORE, DURING])
def test_two_persons_may_end_the_session_over_a_fault(stage: Stage) -> None:
    room = broken(stage)
    agree(room, fa.Way.ABORT, LIMIT[stage])
    assert Stage.ABORTED is room.session.stage
    assert not room.session.paused


def test_it_does_not_go_on_while_another_fault_is_open() -> None:
    room = broken()
    room.give(declare(room, "f2"))
    refused(room, settle(room, fa.Way.GO_ON, LIMIT[DURING] - 1), fa.NotThisWay)
    refused(room, settle(room, fa.Way.GO_ON, LIMIT[DURING]), fa.FaultOverdue)
    room.give(mend(room, LIMIT[DURING] - 1, "f2"))
    room.try_out(settle(room, fa.Way.GO_ON, LIMIT[DURING]))


def test_it_does_not_go_on_without_its_sites_where_the_rules_want_them_back() -> None:
    room = orders.at(DURING)
    room.give(declare(room))
    room.note(ev.SiteLost(WEST))
    refused(room, settle(room, fa.Way.GO_ON, LIMIT[DURING]), Unready)
    room.note(ev.SiteReturned(WEST))
    room.try_out(settle(room, fa.Way.GO_ON, LIMIT[DURING]))


def test_a_new_committee_begins_anew_and_nothing_of_the_old_one_counts() -> None:
    newcomers = tuple(SeatCode(f"N{n}") for n in range(1, 4))
    seats = (*plain.SEATS, *(replace(plain.SEAT[EXPERTS[0]], code=one, reserve=True) for one in newcomers))
    room = Room(people={seat.code: Person(seat) for seat in seats})
    room.give(plain.by_host(replace(plain.OPEN, seats=seats)))
    for person in room.people.values():
        room.give(person.check_in())
    for _ in range(4):
        plain.finish(room)
        room.advance()
    room.fill(EXPERTS[0])
    room.lock(EXPERTS[0])
    room.give(declare(room))
    facts = agree(room, fa.Way.ANEW, LIMIT[DURING])
    assert 3 == sum(isinstance(fact.event, ev.ExpertReplaced) for fact in facts)
    assert sorted(newcomers) == room.session.experts()
    assert Stage.BRIEFED is room.session.stage
    assert not room.session.paused
    assert not [key for key in room.session.sheets if key[0] in EXPERTS]
    assert not room.session.unlocked
