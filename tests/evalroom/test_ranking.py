"""Totals, ties and candidates."""

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalroom.committee_marks import committee_marks
from evalroom.events import RankingComputed
from evalroom.ids import BidId, ItemId, SeatCode
from evalroom.price_review import compute
from evalroom.pricing import presets
from evalroom.pricing.formula import TECHNICAL, Per, PriceInput, TieKey, TieOrder
from evalroom.pricing.rationals import Rounding, RoundingTerms, parse_rational
from evalroom.pricing.ties import TieOrderMalformed
from evalroom.ranking import rank
from evalroom.sheet import Cell, Sheet
from evalroom.tender import Bid, Item, ItemKind, Lot, Part
from tests.evalroom.room import LOT1

A, B, C, D = (BidId(name) for name in "abcd")
PLAN = Item(ItemId("plan"), Part.DETAILED, ItemKind.SCORE, "", "", "70", 2, objective=False)
TERMS = presets.lowest_price("30", ceiling_fen=1000)


def lot_of(*bids: BidId, digits: int = 2, candidates: int = 3) -> Lot:
    terms = replace(TERMS, total=RoundingTerms(digits, Rounding.HALF_UP))
    return replace(
        LOT1, items=(PLAN,), bids=tuple(Bid(bid, "") for bid in bids), pricing=terms, candidates=candidates
    )


def sheet(points: Mapping[BidId, str]) -> Sheet:
    return Sheet({(bid, PLAN.id): Cell(1, value, "", "", "") for bid, value in points.items()})


def summed(lot: Lot, *points: Mapping[BidId, str], out: tuple[BidId, ...] = ()) -> Mapping[BidId, Fraction]:
    """Return the committee's marks of the bids that are not out, each member's points given by bid."""
    sheets = {SeatCode(f"E{number}"): sheet(one) for number, one in enumerate(points)}
    return committee_marks(lot, sheets, [bid.id for bid in lot.bids if bid.id not in out]).marks


def ranked(
    prices: Mapping[BidId, int],
    *points: Mapping[BidId, str],
    rejected: tuple[BidId, ...] = (),
    digits: int = 2,
    candidates: int = 3,
) -> RankingComputed:
    lot = lot_of(*prices, digits=digits, candidates=candidates)
    priced = {bid: fen for bid, fen in prices.items() if bid not in rejected}
    return rank(lot, summed(lot, *points, out=rejected), compute(lot, priced), rejected)


def places(done: RankingComputed) -> list[tuple[str, str, int]]:
    return [(row.bid, row.total, row.rank) for row in done.rows]


def test_a_rejected_bid_has_no_rank() -> None:
    done = ranked({A: 100, B: 200}, {A: "10", B: "70"}, rejected=(B,))
    assert ["a"] == [row.bid for row in done.rows]
    assert ("b",) == done.rejected


def test_a_bid_above_the_ceiling_has_no_rank_however_good() -> None:
    done = ranked({A: 100, B: 1001}, {A: "10", B: "70"})
    assert ["a"] == [row.bid for row in done.rows]
    assert ("b",) == done.rejected


def test_the_total_is_the_mean_of_the_members_and_the_price_score() -> None:
    done = ranked({A: 100, B: 200}, {A: "60", B: "70"}, {A: "61", B: "70"}, {A: "60", B: "69"})
    assert [("a", "90.33", 1), ("b", "84.67", 2)] == places(done)
    assert ("181/3", "30/1") == (done.rows[0].technical, done.rows[0].price)


def test_the_published_total_is_the_one_that_is_ranked() -> None:
    """A difference beyond the declared digits ranks nobody: then the declared keys speak, lower price first."""
    done = ranked({A: 100, B: 101}, {A: "60.00", B: "60.30"}, digits=0)
    assert ["90", "90"] == [row.total for row in done.rows]
    assert [("a", "90", 1), ("b", "90", 2)] == places(done)
    assert () == done.ties


def test_equal_totals_go_to_the_lower_price() -> None:
    done = ranked({A: 150, B: 100}, {A: "40", B: "30"})
    assert [("b", "60.00", 1), ("a", "60.00", 2)] == places(done)


def test_equal_totals_and_prices_go_to_the_better_technical_mark() -> None:
    done = ranked({A: 100, B: 100}, {A: "40.00", B: "40.10"}, digits=0)
    assert [("b", "70", 1), ("a", "70", 2)] == places(done)


def test_what_the_keys_leave_tied_is_named_and_shares_its_rank() -> None:
    done = ranked({C: 100, A: 100, B: 100, D: 50}, {A: "40", B: "40", C: "30", D: "1"})
    assert [("a", 1), ("b", 1)] == [(row.bid, row.rank) for row in done.rows[:2]]
    assert 3 == done.rows[2].rank
    assert ("a", "b") == done.ties


def test_no_more_candidates_are_named_than_the_tender_says_but_for_ties() -> None:
    done = ranked({A: 100, B: 110, C: 120, D: 130}, dict.fromkeys((A, B, C, D), "10"), candidates=2)
    assert [True, True, False, False] == [row.candidate for row in done.rows]
    tied = ranked({A: 100, B: 100}, {A: "10", B: "10"}, candidates=1)
    assert [True, True] == [row.candidate for row in tied.rows]


def test_a_lot_of_which_every_bid_is_out_has_an_empty_ranking() -> None:
    lot = lot_of(A)
    done = rank(lot, {}, compute(lot, {A: 100}), (A,))
    assert ((), ("a",)) == (done.rows, done.rejected)


def test_each_rejected_bid_is_named_once() -> None:
    lot = lot_of(A, B)
    prices = compute(lot, {A: 100, B: 2000})
    assert ("b",) == rank(lot, summed(lot, {A: "1"}, out=(B,)), prices, (B,)).rejected


MARKS = st.integers(0, 7000).map(lambda cents: f"{cents // 100}.{cents % 100:02}")


@given(
    st.fixed_dictionaries({bid: st.integers(1, 1000) for bid in (A, B, C, D)}),
    st.lists(st.fixed_dictionaries(dict.fromkeys((A, B, C, D), MARKS)), min_size=1, max_size=5),
    st.integers(0, 4),
)
def test_the_ranking_is_ordered_complete_and_independent_of_who_scored_first(
    prices: dict[BidId, int], marks: list[dict[BidId, str]], digits: int
) -> None:
    done = ranked(prices, *marks, digits=digits)
    assert sorted(prices) == sorted(row.bid for row in done.rows)
    totals = [Fraction(row.total) for row in done.rows]
    assert totals == sorted(totals, reverse=True)
    assert 1 == done.rows[0].rank
    assert all(after.rank >= before.rank for before, after in zip(done.rows, done.rows[1:], strict=False))
    for row in done.rows:
        exact = parse_rational(row.technical) + parse_rational(row.price)
        assert abs(exact - Fraction(row.total)) <= Fraction(1, 2 * 10**digits)
        assert parse_rational(row.technical) == sum(Fraction(one[row.bid]) for one in marks) / len(marks)
    assert done == ranked(dict(reversed(prices.items())), *reversed(marks), digits=digits)


@pytest.mark.parametrize("candidates", [1, 3])
def test_a_tie_is_never_settled_by_the_order_of_ids(candidates: int) -> None:
    prices, marks = {A: 100, B: 100}, {A: "10", B: "10"}
    one = ranked(prices, marks, candidates=candidates)
    assert len({(row.rank, row.candidate, row.total) for row in one.rows}) == 1


# --- the tender's own keys ------------------------------------------------------------------------------


def keyed(*keys: TieKey) -> RankingComputed:
    """Rank A and B, equal in their totals to whole points: A is cheaper, B better by a tenth."""
    lot = lot_of(A, B, C, digits=0)
    lot = replace(lot, pricing=replace(lot.pricing, ties=keys))
    prices = compute(lot, {A: 1000, B: 1000, C: 999})
    return rank(lot, summed(lot, {A: "40.0", B: "40.1", C: "40.0"}), prices, ())


def test_ties_go_by_the_keys_the_formula_declares() -> None:
    cheap = TieKey("read", TieOrder.LOWEST)
    better = TieKey(TECHNICAL, TieOrder.HIGHEST)
    assert ["c", "b", "a"] == [row.bid for row in keyed(cheap, better).rows]
    assert ["b", "c", "a"] == [row.bid for row in keyed(better, cheap).rows]
    assert ["c", "a", "b"] == [row.bid for row in keyed(TieKey("score", TieOrder.HIGHEST)).rows]
    assert ("a", "b", "c") == keyed().ties


def test_what_the_keys_leave_is_put_in_order_by_a_recorded_act() -> None:
    lot = lot_of(A, B)
    prices, marks = compute(lot, {A: 100, B: 100}), summed(lot, {A: "10", B: "10"})
    done = rank(lot, marks, prices, (), settled=(B, A))
    assert [("b", 1), ("a", 2)] == [(row.bid, row.rank) for row in done.rows]
    assert () == done.ties
    with pytest.raises(TieOrderMalformed):
        rank(lot, marks, prices, (), settled=(B,))


def test_a_formula_that_asks_for_the_committees_marks_gets_them() -> None:
    lot = lot_of(A, B)
    formula = replace(
        lot.pricing,
        inputs=(*lot.pricing.inputs, PriceInput(TECHNICAL, per=Per.BID)),
        score=replace(lot.pricing.score, value=TECHNICAL),
    )
    done = compute(replace(lot, pricing=formula), {A: 100, B: 100}, {A: Fraction(181, 7), B: Fraction(20)})
    assert ["181/7", "20/1"] == [row.score for row in done.rows]
