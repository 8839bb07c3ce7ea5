"""The report of a lot that failed 流标: why, by whom, who was out and why, and signed by the members like any other."""

import json
from dataclasses import replace
from typing import Any

import pytest

from evalroom import approval as ap
from evalroom import commands as co
from evalroom import voting as vo
from evalroom.events import Stage
from evalroom.ids import BidId, LotId
from evalroom.needs import Unready
from evalroom.pricing import presets
from evalroom.report.data import Failure, Report
from evalroom.report.lint import Checked, ProblemCode, lint
from evalroom.reporting import OtherReport, Stand
from evalroom.tender import Bid
from tests.evalroom import room as plain
from tests.evalroom.room import BIDS, EXPERTS, LOT, OPERATOR, REGULATOR, SUPERVISOR, Room, fold
from tests.evalroom.test_orders import approve, at, carry, refused, review, vote

E1, E2, E3 = EXPERTS
LATE = Bid(BidId("late"), "bidder of late")
FAIL = co.FailTender("no lot is left")


def report_in(room: Room) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(room.session.reports.made[LOT].data)
    return read


def ordered(stage: Stage = Stage.DETAILED) -> Room:
    """Return a session whose only lot two persons let fail at this stage."""
    room = at(stage)
    carry(room, SUPERVISOR, ap.FailLot(LOT), "the site is sold")
    return room


def all_rejected() -> Room:
    room = plain.room_at(Stage.PRELIMINARY)
    none: dict[tuple[str, str], str] = {(bid, "form"): "fail" for bid in BIDS}
    room.review({E1: none, E2: none})
    return room


def no_competition() -> Room:
    room = at(Stage.PRELIMINARY)
    out: dict[tuple[str, str], str] = {(bid, "form"): "fail" for bid in BIDS[:2]}
    review(room, dict.fromkeys(EXPERTS, out))
    vote(room, **dict.fromkeys(EXPERTS, vo.REJECT_ALL))
    return room


def no_price() -> Room:
    lot = replace(plain.LOT1, pricing=presets.trimmed_mean("30", ceiling_fen=1))
    room = plain.opened(replace(plain.OPEN, tender=replace(plain.TENDER, lots=(lot,))))
    for person in room.people.values():
        room.give(person.check_in())
    while room.session.stage is not Stage.PRICING:
        plain.finish(room)
        room.advance()
    return room


def ended(room: Room) -> Room:
    room.give(room[OPERATOR].order(FAIL))
    return room


GROUNDS = {
    "ordered": (ordered, "the site is sold", (SUPERVISOR, REGULATOR)),
    "all_rejected": (all_rejected, "", EXPERTS),
    "no_competition": (no_competition, "", EXPERTS),
    "no_price": (no_price, "", ()),
}


@pytest.mark.parametrize("ground", GROUNDS)
def test_the_report_says_why_the_lot_failed_and_who_decided_it(ground: str) -> None:
    make, reason, by = GROUNDS[ground]
    room = ended(make())
    failure = report_in(room)["failure"]
    assert (ground, reason, [*by]) == (failure["ground"], failure["reason"], failure["by"])
    assert () == lint(checked(room))


def checked(room: Room, **changes: object) -> Checked:
    lot = room.session.lots[LOT]
    report: Report = replace(room.session.report_of(lot), **changes)  # type: ignore[arg-type] # members by name
    return Checked(report)


def test_every_bid_that_was_out_stands_with_its_ground() -> None:
    rejected = report_in(ended(all_rejected()))["rejections"]
    assert [(bid, "form") for bid in BIDS] == [(one["bid"], one["ground"]) for one in rejected]
    priced = report_in(ended(no_price()))["rejections"]
    assert [(bid, "pricing") for bid in BIDS] == [(one["bid"], one["stage"]) for one in priced]
    assert all(one["ground"] for one in priced)


def test_the_report_of_a_failed_lot_ranks_nobody_though_it_was_ranked_before() -> None:
    room = ended(ordered(Stage.SUMMARY))
    report = report_in(room)
    assert room.session.rankings[LOT].rows
    assert ([], [], None, None) == (report["ranking"], report["ties"], report["marks"], report["awarded"])
    assert report["prices"] is not None


def test_values_that_the_group_never_saw_are_not_in_the_report() -> None:
    room = at(Stage.DETAILED)
    room.fill(E1)
    room.lock(E1)
    carry(room, SUPERVISOR, ap.FailLot(LOT), "the site is sold")
    report = report_in(ended(room))
    assert {"preliminary"} == {one["part"] for one in report["sheets"]}
    assert [] == report["subtotals"]


def test_a_review_that_a_step_back_voided_rejects_nobody_in_the_report() -> None:
    room = at(Stage.PRELIMINARY)
    review(room, {seat: {(BIDS[3], "form"): "fail"} for seat in EXPERTS})
    room.advance()
    carry(room, E1, ap.StepBack(Stage.PRELIMINARY))
    room.give(room[SUPERVISOR].order(co.Propose("p2", ap.FailLot(LOT), "sold")))
    digest = room.session.approvals.waiting["p2"].digest
    room.give(room[REGULATOR].order(co.Approve("p2", digest)))
    report = report_in(ended(room))
    assert ([], []) == (report["review"], report["rejections"])


def test_the_report_of_a_failed_tender_is_made_at_once_and_is_the_same_for_whoever_folds_the_journal() -> (
    None
):
    room = ended(ordered())
    assert room.session.reports == fold(room.history).reports
    assert room.session.reports.made[LOT].intact


def test_a_failed_tender_is_closed_only_once_every_member_has_signed_its_report() -> None:
    room = ended(ordered())
    close = room[OPERATOR].order(co.CloseSession("failed"))
    refused(room, close, Unready)
    assert room.session.filming(), "who signs it is filmed"
    room.sign(E1)
    room.sign(E2, Stand.DISSENTS, "two bids were good")
    refused(room, close, Unready)
    refused(room, room[E3].order(co.SignReport(LOT, "0" * 64, Stand.AGREES, "")), OtherReport)
    room.give(room[OPERATOR].order(co.Propose("p2", ap.DeemAgreed(E3, LOT), "does not answer")))
    room.give(room[SUPERVISOR].order(co.Approve("p2", room.session.approvals.waiting["p2"].digest)))
    assert not room.session.lacks_signatures()
    assert not room.session.filming()
    room.give(close)
    assert room.session.closed


def test_of_a_tender_that_failed_before_the_committee_had_committed_itself_nobody_signs() -> None:
    room = plain.room_at(Stage.GATHERING)
    room.give(room[SUPERVISOR].order(co.Propose("p1", ap.FailLot(LOT), "one bid only")))
    room.give(approve(room))
    ended(room)
    assert "ordered" == report_in(room)["failure"]["ground"]
    assert [] == room.session.signatories()
    assert not room.session.filming()
    room.give(room[OPERATOR].order(co.CloseSession("failed")))


def test_beside_a_live_lot_a_failed_one_is_reported_and_signed_too() -> None:
    first, second = plain.LOT1, replace(plain.LOT1, id=LotId("lot2"), title="Road section 2", bids=(LATE,))
    tender = replace(plain.TENDER, lots=(first, second))
    room = plain.opened(replace(plain.OPEN, tender=tender))
    for person in room.people.values():
        room.give(person.check_in())
    room.give(room[SUPERVISOR].order(co.Propose("p1", ap.FailLot(second.id), "the plan was withdrawn")))
    room.give(approve(room))
    room.give(room[OPERATOR].import_bid(LATE.id, "100", lot=second.id))
    while room.session.stage is not Stage.SIGNING:
        plain.finish(room)
        room.advance()
    assert {first.id, second.id} == room.session.reports.made.keys()
    assert [(lot, seat) for lot in (first.id, second.id) for seat in EXPERTS] == [*room.session.unsigned()]
    for seat in EXPERTS:
        room.sign(seat)
    (need,) = room.session.missing_for(Stage.CONCLUDED)
    assert ("signatures", ("lot2 E1", "lot2 E2", "lot2 E3")) == (need.code, need.names)


# --- the checks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("ground", GROUNDS)
def test_a_ground_that_the_tables_do_not_bear_out_blocks(ground: str) -> None:
    make, _, _ = GROUNDS[ground]
    room = make()
    emptied = {"rejections": (), "votes": (), "incidents": ()}
    assert [ProblemCode.FAILURE_UNFOUNDED] == [one.code for one in lint(checked(room, **emptied))]


@pytest.mark.parametrize(
    "failure",
    [
        Failure(0, "ordered", "the site is sold", (SUPERVISOR,)),
        Failure(0, "ordered", " ", (SUPERVISOR, REGULATOR)),
        Failure(0, "another", "the site is sold", (SUPERVISOR, REGULATOR)),
        Failure(0, "all_rejected", "", EXPERTS),
    ],
)
def test_a_failure_by_one_person_without_a_reason_or_on_another_ground_blocks(failure: Failure) -> None:
    found = {one.code for one in lint(checked(ordered(), failure=failure))}
    assert ProblemCode.FAILURE_UNFOUNDED in found


def test_a_candidate_in_the_report_of_a_failed_lot_blocks() -> None:
    room = ordered(Stage.SUMMARY)
    ranked = room.session.rankings[LOT].rows
    assert {ProblemCode.FAILURE_UNFOUNDED} <= {one.code for one in lint(checked(room, ranking=ranked))}


def test_members_other_than_those_of_the_committee_decide_no_failure() -> None:
    room = all_rejected()
    report = room.session.report_of(room.session.lots[LOT])
    assert report.failure is not None
    fewer = replace(report.failure, by=EXPERTS[:2])
    assert {ProblemCode.FAILURE_UNFOUNDED} == {one.code for one in lint(checked(room, failure=fewer))}
