"""Marks without their extremes: F13, and none."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalroom.pricing.rationals import Rounding, RoundingTerms
from evalroom.summary import F13, MarkTrim
from evalroom.trimming import (
    MarksIncomplete,
    TrimsAllMarks,
    WidestUndrawn,
    mark_of,
    spreads_of,
    trim_marks,
    widest_member,
)

F = Fraction


def committee(*rows: tuple[str, ...], bids: str = "ab") -> dict[str, dict[tuple[str, str], Fraction]]:
    """Return marks of members m0, m1, …: for each the points of bid a, bid b, … on the one item."""
    return {
        f"m{n}": {(bid, "i"): F(text) for bid, text in zip(bids, row, strict=True)}
        for n, row in enumerate(rows)
    }


NINE = committee(
    ("10", "12"),
    ("9", "12"),
    ("11", "12"),
    ("10", "13"),
    ("10", "12"),
    ("2", "20"),
    ("10", "11"),
    ("8", "12"),
    ("10", "12"),
)


def test_a_missing_mark_is_refused_with_the_member() -> None:
    marks = committee(("1", "2"), ("1", "2"))
    del marks["m1"][("b", "i")]
    with pytest.raises(MarksIncomplete) as why:
        trim_marks(marks)
    assert "m1" == why.value.detail["member"]
    with pytest.raises(MarksIncomplete):
        trim_marks({})


def test_leaving_out_all_marks_is_an_error_not_a_result() -> None:
    with pytest.raises(TrimsAllMarks):
        trim_marks(committee(("1", "1"), ("2", "2")), [MarkTrim(2, 0, 1, 1)])
    with pytest.raises(TrimsAllMarks):
        trim_marks(committee(("1", "1"), ("2", "2"), ("3", "3")), [MarkTrim(2, 1, 1, 1)])


def test_without_a_rule_every_mark_counts() -> None:
    done = trim_marks(committee(("1", "10"), ("2", "10"), ("9", "40")))
    assert {("a", "i"): 4, ("b", "i"): 20} == done.means
    assert ("", {("a", "i"): (), ("b", "i"): ()}) == (done.widest, done.out)


def test_of_five_members_f13_leaves_out_nobody() -> None:
    assert (
        F(30, 5)
        == trim_marks(committee(*(((text, "0")) for text in ("1", "5", "6", "8", "10"))), F13).means["a", "i"]
    )


def test_of_seven_members_f13_leaves_out_the_highest_and_the_lowest_mark_of_each_item() -> None:
    rows = [
        (a, b)
        for a, b in zip(
            ("1", "5", "6", "7", "8", "9", "30"), ("9", "9", "9", "1", "9", "9", "9"), strict=True
        )
    ]
    done = trim_marks(committee(*rows), F13)
    assert {("a", "i"): 7, ("b", "i"): 9} == done.means
    assert ("m0", "m6") == done.out["a", "i"]
    assert "" == done.widest


def test_of_nine_members_f13_leaves_out_the_one_with_the_widest_spread_first() -> None:
    done = trim_marks(NINE, F13)
    assert "m5" == done.widest
    # of the eight others 8 and 11 go for a, 11 and 13 for b
    assert {("a", "i"): F(59, 6), ("b", "i"): 12} == done.means
    assert all("m5" not in out for out in done.out.values())


def test_equal_spreads_go_by_the_next_pair_inwards() -> None:
    marks = committee(("1", "9", "5", "5"), ("1", "9", "3", "7"), ("4", "5", "5", "5"), bids="abcd")
    assert "m1" == widest_member(marks)
    assert (F(8), F(4)) == spreads_of([F(1), F(9), F(3), F(7)])


def test_a_tie_for_the_widest_goes_to_whoever_of_them_was_drawn_first() -> None:
    marks = committee(("1", "9"), ("2", "10"), ("4", "5"))
    for order in ((), ("m2",), ("nobody",)):
        with pytest.raises(WidestUndrawn):
            widest_member(marks, order)
    assert "m1" == widest_member(marks, ("m2", "m1", "m0"))


def test_technical_marks_have_three_digits_and_commercial_ones_two() -> None:
    means = {("a", "plan"): F(61, 7), ("a", "team"): F(1, 3), ("a", "price"): F(22, 7)}
    three, two = RoundingTerms(3, Rounding.HALF_UP), RoundingTerms(2, Rounding.HALF_UP)
    assert F("9.048") == mark_of(means, "a", ["plan", "team"], three)
    assert F("3.14") == mark_of(means, "a", ["price"], two)
    assert F(22, 7) == mark_of(means, "a", ["price"])


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), min_size=7, max_size=8))
def test_the_order_of_members_is_irrelevant_and_the_mean_lies_within_the_marks(
    rows: list[tuple[int, int]],
) -> None:
    marks = committee(*((str(a), str(b)) for a, b in rows))
    shuffled = dict(sorted(marks.items(), reverse=True))
    assert trim_marks(marks, F13) == trim_marks(shuffled, F13)
    assert min(a for a, _ in rows) <= trim_marks(marks, F13).means["a", "i"] <= max(a for a, _ in rows)
