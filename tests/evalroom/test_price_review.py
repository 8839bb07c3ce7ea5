"""The price review of a lot: its formula over opened prices, whole in one fact."""

from dataclasses import replace
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalroom.encoding import to_json
from evalroom.events import PricesComputed
from evalroom.ids import BidId
from evalroom.ledger.canonical import canonical
from evalroom.price_review import compute, needs_marks
from evalroom.pricing import presets
from evalroom.pricing.errors import BadPriceInput, NothingToPrice
from evalroom.pricing.formula import Per, PriceFormula, PriceInput
from evalroom.pricing.rationals import parse_rational
from evalroom.tender import Lot
from tests.evalroom.room import LOT1

A, B, C, D, E = (BidId(name) for name in "abcde")
LOWEST = presets.lowest_price()
F2 = presets.trimmed_mean()


def lot(formula: PriceFormula) -> Lot:
    return replace(LOT1, pricing=formula)


def test_a_lot_without_an_admissible_price_has_no_base() -> None:
    with pytest.raises(NothingToPrice):
        compute(lot(presets.trimmed_mean(ceiling_fen=99)), {A: 100, B: 101})
    with pytest.raises(BadPriceInput):
        compute(lot(F2), {})


def test_a_missing_drawn_value_is_refused() -> None:
    with pytest.raises(BadPriceInput):
        compute(lot(presets.drawn_factor()), {A: 100})
    assert "96/1" == compute(lot(presets.drawn_factor()), {A: 100}, given={"K": "0.96"}).steps[-1].value


def test_the_fact_holds_every_intermediate_as_the_journal_takes_it() -> None:
    done = compute(
        lot(presets.trimmed_mean(ceiling_fen=200_00)), {A: 100_00, B: 110_00, C: 120_00, D: 999_00}
    )
    assert (LOT1.id, "trimmed_mean") == (done.lot, done.formula)
    assert [("ceiling", "20000/1")] == [(one.name, one.value) for one in done.given]
    assert ("shift", "base", "11000/1") == (done.steps[-1].stage, done.steps[-1].name, done.steps[-1].value)
    assert [True, True, True, False] == [row.admitted for row in done.rows]
    assert "ceiling" == done.rows[3].why
    assert canonical(to_json(done))


def test_marks_are_asked_for_only_where_the_formula_names_them() -> None:
    assert not needs_marks(lot(F2))
    assert needs_marks(lot(replace(F2, inputs=(PriceInput("technical", per=Per.BID),))))


# --- against another arithmetic ---------------------------------------------------------------------

PRICES = st.dictionaries(
    st.sampled_from([A, B, C, D, E, *(BidId(f"f{n}") for n in range(6))]),
    st.integers(1, 10**15 - 1) | st.integers(9_500, 10_500),
    min_size=1,
)
POINTS = st.decimals(min_value=0, max_value=30, places=2).map(str)


def independent(
    prices: dict[BidId, int], *, lowest: bool, above: str, below: str, floor: str, ceiling: int | None
) -> dict[BidId, Decimal]:
    """Compute the scores in decimals of 60 digits, by the text of the formula and by nothing of the kernel."""
    do = Context(prec=60, rounding=ROUND_HALF_UP)
    admitted = {bid: Decimal(fen) for bid, fen in prices.items() if not ceiling or fen <= ceiling}
    ordered = sorted(admitted.values())
    weight = Decimal(30)
    if lowest:
        return {bid: do.divide(do.multiply(weight, ordered[0]), fen) for bid, fen in admitted.items()}
    kept = ordered[1:-1] if len(ordered) > 3 else ordered
    total = Decimal(0)
    for fen in kept:
        total = do.add(total, fen)
    base = do.divide(total, Decimal(len(kept)))
    out = {}
    for bid, fen in admitted.items():
        percent = do.multiply(do.divide(do.subtract(fen, base), base), Decimal(100))
        taken = do.multiply(abs(percent), Decimal(above if percent > 0 else below))
        out[bid] = max(Decimal(floor), do.subtract(weight, taken))
    return out


@given(PRICES, st.booleans(), POINTS, POINTS, POINTS, st.none() | st.integers(9_000, 10**15 - 1))
def test_the_kernel_agrees_with_long_decimal_arithmetic(
    prices: dict[BidId, int],
    lowest: bool,  # noqa: FBT001 - drawn
    above: str,
    below: str,
    floor: str,
    ceiling: int | None,
) -> None:
    mean = presets.trimmed_mean(above=above, below=below, floor=floor, ceiling_fen=ceiling)
    formula = presets.lowest_price(ceiling_fen=ceiling) if lowest else mean
    done: PricesComputed | None = None
    try:
        done = compute(lot(formula), prices)
    except NothingToPrice:
        assert ceiling is not None
        assert min(prices.values()) > ceiling
        return
    expected = independent(prices, lowest=lowest, above=above, below=below, floor=floor, ceiling=ceiling)
    assert sorted(prices) == [row.bid for row in done.rows]
    for row in done.rows:
        assert row.admitted is (row.bid in expected)
        exact = parse_rational(row.score)
        assert abs(exact - Fraction(expected.get(BidId(row.bid), Decimal(0)))) < Fraction(1, 10**25)
        assert 0 <= exact <= 30


@given(PRICES, st.sampled_from([LOWEST, F2]), st.randoms())
def test_the_result_does_not_depend_on_the_order_of_the_bids(
    prices: dict[BidId, int],
    formula: PriceFormula,
    dice: Any,  # noqa: ANN401 - hypothesis' own random
) -> None:
    shuffled = list(prices.items())
    dice.shuffle(shuffled)
    assert compute(lot(formula), prices) == compute(lot(formula), dict(shuffled))
