"""Equal totals: by the declared keys, by a recorded act, never by accident."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalroom.pricing.formula import USUAL_TIES, TieKey, TieOrder
from evalroom.pricing.ties import Places, TieOrderMalformed, place

F = Fraction
READ = {"a": F(100), "b": F(90), "c": F(100), "d": F(100)}
MARK = {"a": F(40), "b": F(30), "c": F(41), "d": F(40)}


def placed(totals: dict[str, int], *settled: str, keys: tuple[TieKey, ...] = USUAL_TIES) -> Places:
    return place(
        {bid: F(total) for bid, total in totals.items()}, {"read": READ, "technical": MARK}, keys, settled
    )


@pytest.mark.parametrize("settled", [("a",), ("a", "d", "a"), ("a", "d", "b"), ("b",)])
def test_an_order_that_names_not_just_the_tied_is_refused(settled: tuple[str, ...]) -> None:
    with pytest.raises(TieOrderMalformed):
        placed(dict.fromkeys("abcd", 90), *settled)


def test_equal_totals_go_by_the_declared_keys_in_turn() -> None:
    done = placed(dict.fromkeys("abcd", 90))
    assert ("b", "c", "a", "d") == done.order
    assert {"b": 1, "c": 2, "a": 3, "d": 3} == done.place
    assert ("a", "d") == done.tied


def test_the_keys_are_the_tenders() -> None:
    done = placed(dict.fromkeys("abc", 90), keys=(TieKey("technical", TieOrder.HIGHEST),))
    assert ("c", "a", "b") == done.order
    dear = placed(dict.fromkeys("ab", 90), keys=(TieKey("read", TieOrder.HIGHEST),))
    assert ("a", "b") == dear.order


def test_a_recorded_act_settles_what_the_keys_leave() -> None:
    done = placed(dict.fromkeys("abcd", 90), "d", "a")
    assert ("b", "c", "d", "a") == done.order
    assert {"b": 1, "c": 2, "d": 3, "a": 4} == done.place
    assert () == done.tied


def test_without_keys_equal_totals_share_their_place() -> None:
    done = placed({"a": 90, "b": 90, "c": 95}, keys=())
    assert {"c": 1, "a": 2, "b": 2} == done.place


@given(st.dictionaries(st.sampled_from("abcd"), st.integers(0, 3), min_size=1))
def test_a_higher_total_is_never_behind(totals: dict[str, int]) -> None:
    done = placed(totals)
    assert sorted(totals) == sorted(done.order)
    ordered = [totals[bid] for bid in done.order]
    assert ordered == sorted(ordered, reverse=True)
