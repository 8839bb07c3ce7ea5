"""The committee's marks: objective items as agreed, whatever is trimmed; neither order nor who left leaves a trace."""

import random
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalroom import approval as ap
from evalroom import commands as co
from evalroom.committee_marks import committee_marks
from evalroom.events import RankingComputed, Stage
from evalroom.ids import BidId, ItemId, SeatCode
from evalroom.pricing.rationals import parse_rational
from evalroom.roles import Role
from evalroom.settlement import MarksSummed
from evalroom.sheet import Cell, Sheet
from evalroom.summary import AS_MARKED, MarkTrim, SummaryTerms, WidestTie
from evalroom.tender import Bid, Group, Item, ItemKind, Lot, Part, Seat
from tests.evalroom import room as plain
from tests.evalroom import settling
from tests.evalroom.room import BIDS, HOST, LOT1, REGULATOR, SUPERVISOR, Room

SEATS = tuple(SeatCode(f"E{number}") for number in range(1, 10))
BIDDERS = tuple(BidId(name) for name in "abcd")
PLAN, STAFF, CASES = (
    Item(
        ItemId(name), Part.DETAILED, ItemKind.SCORE, "", "", "30", 1, objective=objective, group=group
    )
    for name, objective, group in (
        ("plan", False, Group.TECHNICAL), ("staff", False, Group.COMMERCIAL), ("cases", True, Group.COMMERCIAL)
    )
)  # fmt: skip
Marks = Mapping[SeatCode, Mapping[tuple[BidId, ItemId], int]]


def lot_of(terms: SummaryTerms) -> Lot:
    bids = tuple(Bid(bid, "") for bid in BIDDERS)
    return replace(LOT1, items=(PLAN, STAFF, CASES), bids=bids, summary=terms)


def sheets(marks: Marks) -> dict[SeatCode, Sheet]:
    """Return sheets with these marks in tenths of a point."""
    return {
        seat: Sheet(
            {key: Cell(1, f"{tenths // 10}.{tenths % 10}", "", "", "") for key, tenths in row.items()}
        )
        for seat, row in marks.items()
    }


@st.composite
def committees(draw: st.DrawFn, least: int = 1) -> Marks:
    """Draw the marks of some members, who agree on the objective item."""
    agreed = {bid: draw(st.integers(0, 300)) for bid in BIDDERS}
    return {
        seat: {
            (bid, item.id): agreed[bid] if item is CASES else draw(st.integers(0, 300))
            for bid in BIDDERS
            for item in (PLAN, STAFF, CASES)
        }
        for seat in SEATS[: draw(st.integers(least, 9))]
    }


@st.composite
def terms(draw: st.DrawFn) -> SummaryTerms:
    small = st.integers(0, 1)
    rules = tuple(MarkTrim(one, draw(small), draw(small), draw(small)) for one in (4, 7, 9))
    digits = st.none() | st.integers(0, 3)
    return SummaryTerms(rules, WidestTie.SEAT, draw(digits), draw(digits))


@settings(max_examples=60)
@given(committees(), terms(), st.permutations(BIDDERS), st.randoms(use_true_random=False))
def test_neither_the_order_of_bids_nor_that_of_members_changes_a_mark(
    marks: Marks, rules: SummaryTerms, order: list[BidId], dice: random.Random
) -> None:
    rows = list(marks.items())
    dice.shuffle(rows)
    shuffled = dict(rows)
    one = committee_marks(lot_of(rules), sheets(marks), BIDDERS, SEATS)
    other = committee_marks(lot_of(rules), sheets(shuffled), order, SEATS)
    assert one.marks == other.marks
    if one.summed is not None and other.summed is not None:
        assert one.summed.widest == other.summed.widest
        assert {(row.bid, row.item): row for row in one.summed.cells} == {
            (row.bid, row.item): row for row in other.summed.cells
        }


@settings(max_examples=60)
@given(committees(), terms())
def test_an_objective_item_counts_as_agreed_however_many_marks_are_left_out(
    marks: Marks, rules: SummaryTerms
) -> None:
    exact = replace(rules, technical=None, commercial=None)
    with_it = committee_marks(lot_of(exact), sheets(marks), BIDDERS, SEATS).marks
    without = replace(lot_of(exact), items=(PLAN, STAFF))
    less = committee_marks(without, sheets(marks), BIDDERS, SEATS).marks
    agreed = {bid: Fraction(next(iter(marks.values()))[bid, CASES.id], 10) for bid in BIDDERS}
    assert agreed == {bid: with_it[bid] - less[bid] for bid in BIDDERS}


@settings(max_examples=60)
@given(committees(), terms())
def test_a_mark_lies_between_the_lowest_and_the_highest_that_was_given(
    marks: Marks, rules: SummaryTerms
) -> None:
    done = committee_marks(
        lot_of(replace(rules, technical=None, commercial=None)), sheets(marks), BIDDERS, SEATS
    )
    for bid in BIDDERS:
        totals = [sum(row[bid, item.id] for item in (PLAN, STAFF, CASES)) for row in marks.values()]
        cells = [[row[bid, item.id] for row in marks.values()] for item in (PLAN, STAFF, CASES)]
        assert sum(map(min, cells)) <= done.marks[bid] * 10 <= sum(map(max, cells))
        if rules.trim_for(len(marks)) == MarkTrim(0, 0, 0, 0):
            assert done.marks[bid] * 10 == Fraction(sum(totals), len(totals))


@given(committees(least=2))
def test_without_terms_the_mark_is_the_mean_and_nothing_is_told_of_it(marks: Marks) -> None:
    done = committee_marks(lot_of(AS_MARKED), sheets(marks), BIDDERS)
    mean = Fraction(
        sum(sum(row[BIDDERS[0], one.id] for one in (PLAN, STAFF, CASES)) for row in marks.values()), 10
    )
    assert (mean / len(marks), None) == (done.marks[BIDDERS[0]], done.summed)


# --- a member who was replaced --------------------------------------------------------------------------------

RESERVE = SeatCode("E8")
TRIM = SummaryTerms((MarkTrim(3, 0, 1, 1),), WidestTie.SEAT, 3, 2)


def with_reserve() -> co.OpenSession:
    seats = (*plain.SEATS, Seat(RESERVE, HOST, HOST, Role.EXPERT, "cabin 8", reserve=True))
    return settling.opening(TRIM, seats=seats)


def from_the_start() -> co.OpenSession:
    """Return the same session in which the reserve was a member from the start, and the leaver never there."""
    seats = tuple(replace(one, code=RESERVE) if one.code == "E1" else one for one in plain.SEATS)
    return settling.opening(TRIM, seats=seats)


def ranking_of(room: Room) -> tuple[RankingComputed, MarksSummed]:
    told = [fact.event for fact in room.history]
    return (
        [one for one in told if isinstance(one, RankingComputed)][-1],
        [one for one in told if isinstance(one, MarksSummed)][-1],
    )


@pytest.mark.parametrize("stage", [Stage.DETAILED, Stage.SUMMARY])
def test_a_replaced_members_sheet_leaves_no_trace_in_any_total(stage: Stage) -> None:
    outrageous = {(SeatCode("E1"), bid, item): "0" for bid in BIDS[:2] for item in settling.JUDGED}
    room = settling.play(with_reserve(), stage, outrageous)
    room.give(room[SUPERVISOR].order(co.Propose("p1", ap.ReplaceExpert(SeatCode("E1"), RESERVE), "ill")))
    digest = room.session.approvals.waiting["p1"].digest
    room.give(room[REGULATOR].order(co.Approve("p1", digest)))
    settling.lead(room, Stage.SUMMARY)
    again, marks = ranking_of(room)
    first, expected = ranking_of(settling.play(from_the_start()))
    assert (first, expected) == (again, marks)
    assert parse_rational(again.rows[0].technical) > 0
