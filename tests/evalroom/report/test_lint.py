"""The checks of a report: each slip is found by its own rule, a clean report by none, and nothing is changed."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from evalroom.coverage import Hole
from evalroom.events import Stage
from evalroom.ids import BidId, ItemId, TrackId
from evalroom.report.data import Failure, FindingRow, Incident, OpeningRow, Prose, Rejection, Report
from evalroom.report.lint import RULES, Checked, Effect, ProblemCode, holding_up, lint
from evalroom.reporting import Section
from evalroom.tender import Part
from tests.evalroom.room import BIDS, EXPERTS, LOT, room_at

ROOM = room_at(Stage.REPORTING)
CLEAN = ROOM.session.report_of(ROOM.session.lots[LOT])
E1 = EXPERTS[0]


def found(report: Report, *holes: Hole) -> set[ProblemCode]:
    return {one.code for one in lint(Checked(report, holes))}


def with_subtotal(report: Report) -> Report:
    """Let a member's total be a point too high, and the group's with it."""
    return replace(
        report,
        subtotals=tuple(
            replace(one, points="99") if (one.seat, one.bid) == (E1, BIDS[0]) else one
            for one in report.subtotals
        ),
    )


def with_row(report: Report, **changes: object) -> Report:
    first, *rest = report.ranking
    return replace(report, ranking=(replace(first, **changes), *rest))  # type: ignore[arg-type] # members by name


REJECTED = Rejection(BIDS[3], Stage.PRELIMINARY, "licence", EXPERTS[:2], ("", " "))

SLIPS: dict[ProblemCode, Callable[[Report], Report]] = {
    ProblemCode.SUM_DIFFERS: with_subtotal,
    ProblemCode.MEAN_DIFFERS: lambda report: with_row(report, technical="30/1"),
    ProblemCode.TOTAL_DIFFERS: lambda report: with_row(report, total="57.85"),
    ProblemCode.ORDER_DIFFERS: lambda report: with_row(report, rank=4),
    ProblemCode.BID_UNACCOUNTED: lambda report: replace(report, ranking=report.ranking[:3]),
    ProblemCode.GROUND_MISSING: lambda report: replace(report, rejections=(REJECTED,)),
    ProblemCode.FINDING_UNANSWERED: lambda report: replace(
        report,
        findings=(
            FindingRow(
                "F1",
                "deviation",
                Part.DETAILED,
                BIDS[0],
                ItemId(""),
                E1,
                answered=False,
                stand=False,
                reason="",
            ),
        ),
    ),
    ProblemCode.SHEET_MISSING: lambda report: replace(report, sheets=report.sheets[1:]),
    ProblemCode.TIE_OPEN: lambda report: replace(report, ties=BIDS[:2]),
    ProblemCode.FEW_CANDIDATES: lambda report: replace(
        report, ranking=tuple(replace(one, candidate=False) for one in report.ranking)
    ),
    ProblemCode.PRICE_CORRECTED: lambda report: replace(
        report, incidents=(Incident(1, "PriceCorrected", "host", (("bid", BIDS[0]),)),)
    ),
    ProblemCode.OBJECTION: lambda report: replace(
        report, opening=(OpeningRow("first", "b", "x", "opened", "", "", (), confirmed=True, objection="no"),)
    ),
    ProblemCode.FAILURE_UNFOUNDED: lambda report: replace(report, failure=Failure(0, "ordered", "", ())),
}


def test_every_check_has_its_slip() -> None:
    assert SLIPS.keys() | {ProblemCode.GAP_UNDECLARED} == RULES.keys() == set(ProblemCode)


def test_a_clean_report_has_no_problem() -> None:
    assert () == lint(Checked(CLEAN))


@pytest.mark.parametrize("code", SLIPS)
def test_each_slip_is_found_by_its_own_rule(code: ProblemCode) -> None:
    assert code in found(SLIPS[code](CLEAN))


def test_a_gap_is_named_by_its_track_and_times() -> None:
    (problem,) = lint(Checked(CLEAN, (Hole(TrackId("host-E1/camera"), 5, 900),)))
    assert (ProblemCode.GAP_UNDECLARED, ("host-E1/camera 5-900",)) == (problem.code, problem.names)


def test_the_chairs_words_cure_a_missing_ground() -> None:
    report = replace(CLEAN, rejections=(REJECTED,), prose=(Prose(Section.REJECTIONS, "licence expired"),))
    assert ProblemCode.GROUND_MISSING not in found(report)


def test_a_reason_lets_pass_what_asks_and_never_what_blocks() -> None:
    slipped = SLIPS[ProblemCode.TIE_OPEN](SLIPS[ProblemCode.TOTAL_DIFFERS](CLEAN))
    reasons = {"tie_open": "the tenderer decides", "total_differs": "never mind"}
    left = holding_up(lint(Checked(slipped), reasons))
    assert [(ProblemCode.TOTAL_DIFFERS, Effect.BLOCKS)] == [(one.code, one.effect) for one in left]


def test_a_bid_both_ranked_and_rejected_is_unaccounted_for() -> None:
    out = Rejection(BidId(CLEAN.ranking[0].bid), Stage.PRICING, "ceiling", (), ())
    assert ProblemCode.BID_UNACCOUNTED in found(replace(CLEAN, rejections=(out,)))
