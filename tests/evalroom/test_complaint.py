"""A complaint: two persons open the concluded session, members state once, everything else stands as it was."""

from dataclasses import replace

import pytest

from evalroom import approval as ap
from evalroom import commands as co
from evalroom import complaint as cp
from evalroom.asides import OtherResultsStand, StatementMissing
from evalroom.errors import EvalroomError
from evalroom.events import Stage
from evalroom.ids import SeatCode
from evalroom.needs import Unready
from evalroom.session import NotMember, WrongStage
from evalroom.tender import Part
from tests.evalroom import room as plain
from tests.evalroom import test_orders as orders
from tests.evalroom.room import BIDS, EXPERTS, OPERATOR, REGULATOR, SUPERVISOR, Room, by_host

E1, E2, E3 = EXPERTS
HELD = "[complaint]\nhold = true\n"


def reopened(room: Room | None = None) -> Room:
    room = room or plain.room_at(Stage.CONCLUDED)
    room.give(orders.propose(room, OPERATOR, ap.ReopenForComplaint(), "the crane of bidder 2"))
    facts = room.try_out(orders.approve(room))
    assert cp.ComplaintOpened(1, "the crane of bidder 2") == facts[-1].event
    room.take(*facts)
    return room


def state(
    room: Room, seat: SeatCode = E1, text: str = "We read it again; our points stand.", number: int = 1
) -> co.Order:
    return room[seat].order(co.SignSupplement(number, room.session.results_digest(), text))


def close(room: Room, number: int = 1, reason: str = "answered in writing") -> co.Order:
    return room[OPERATOR].order(co.CloseComplaint(number, reason))


def refused(room: Room, order: co.Order, why: type[EvalroomError]) -> None:
    with pytest.raises(why) as error:
        room.try_out(order)
    assert why is error.type


@pytest.mark.parametrize("stage", [Stage.DETAILED, Stage.SIGNING])
def test_there_is_nothing_to_complain_about_before_the_conclusion(stage: Stage) -> None:
    room = plain.room_at(stage)
    refused(room, orders.propose(room, OPERATOR, ap.ReopenForComplaint()), ap.NotProposable)


def test_two_persons_open_it() -> None:
    room = plain.room_at(Stage.CONCLUDED)
    room.give(orders.propose(room, OPERATOR, ap.ReopenForComplaint(), "the crane"))
    refused(room, orders.approve(room, SUPERVISOR), ap.NotSecondPerson)
    refused(room, state(room), cp.NoComplaint)
    room.give(orders.approve(room, REGULATOR))


def test_each_member_states_once() -> None:
    room = reopened()
    for seat in EXPERTS:
        room.take(*room.try_out(state(room, seat)))
        refused(room, state(room, seat), cp.AlreadyStated)


@pytest.mark.parametrize("text", ["", " ", "x" * 4_001])
def test_a_statement_is_a_text_of_some_length(text: str) -> None:
    room = reopened()
    refused(room, state(room, text=text), cp.UnusableStatement)


def test_a_statement_is_about_the_results_that_stand_and_the_complaint_that_is_open() -> None:
    room = reopened()
    refused(room, room[E1].order(co.SignSupplement(1, "00" * 32, "They stand.")), OtherResultsStand)
    refused(room, state(room, number=2), cp.NoComplaint)


def test_a_reserve_states_nothing() -> None:
    room = reopened(orders.at(Stage.CONCLUDED))
    refused(room, state(room, orders.RESERVE), NotMember)


def test_a_complaint_changes_nothing_else() -> None:
    room = reopened()
    before = plain.fold(room.history)
    orders_given = [
        room[E1].enter(BIDS[0], "plan", "1"),
        room[E1].lock(room.session, Part.DETAILED),
        room[OPERATOR].order(co.AdvanceStage(Stage.CONCLUDED, Stage.ARCHIVED, "")),
        room[SUPERVISOR].order(co.PauseSession("fire", None)),
        room[OPERATOR].import_bid(BIDS[0], "1"),
    ]
    for order in orders_given:
        refused(room, order, WrongStage)
    room.give(state(room))
    room.give(close(room))
    assert (before.sheets, before.rankings, before.reports.signed) == (
        room.session.sheets, room.session.rankings, room.session.reports.signed,
    )  # fmt: skip
    assert Stage.CONCLUDED is room.session.stage


def test_the_session_is_not_closed_under_a_complaint() -> None:
    room = reopened()
    refused(room, by_host_closing(), Unready)
    refused(room, room[OPERATOR].order(co.CloseSession("done")), Unready)
    refused(room, orders_second(room), cp.ComplaintUnderWay)
    refused(room, close(room, 2), cp.NoComplaint)
    refused(room, close(room, reason=" "), StatementMissing)
    room.give(close(room))
    room.try_out(by_host_closing())


def test_a_second_complaint_has_the_next_number() -> None:
    room = reopened()
    room.give(close(room))
    room.give(orders_second(room))
    facts = room.try_out(room[REGULATOR].order(co.Approve("p2", room.session.approvals.waiting["p2"].digest)))
    assert cp.ComplaintOpened(2, "the crane of bidder 3") == facts[-1].event


def test_where_the_rules_hold_it_open_only_its_operator_ends_a_concluded_session() -> None:
    room = Room()
    room.give(by_host(replace(plain.OPEN, profile=HELD)))
    for person in room.people.values():
        room.give(person.check_in())
    while room.session.stage is not Stage.CONCLUDED:
        plain.finish(room)
        room.advance()
    assert room.session.held_open()
    refused(room, by_host_closing(), Unready)
    room.try_out(room[OPERATOR].order(co.CloseSession("the days for complaints are over")))


def by_host_closing() -> co.Order:
    return by_host(co.CloseSession("all tracks are closed"))  # type: ignore[arg-type] # the host may close too


def orders_second(room: Room) -> co.Order:
    return room[OPERATOR].order(co.Propose("p2", ap.ReopenForComplaint(), "the crane of bidder 3"))
