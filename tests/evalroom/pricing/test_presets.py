"""F1 to F9 against the numbers of their sources, and the table of what rounding decides."""

import random
from dataclasses import replace
from fractions import Fraction

import pytest

from evalroom.pricing import presets
from evalroom.pricing.checking import check_formula
from evalroom.pricing.errors import SampleDiffers
from evalroom.pricing.formula import PriceFormula, PriceStage, RoundAt, TrimTerms, WholeSteps
from evalroom.pricing.inputs import BidPrice
from evalroom.pricing.rationals import Rounding, RoundingTerms
from evalroom.pricing.running import run
from tests.evalroom.pricing.formulas import priced


@pytest.mark.parametrize("name", presets.PRESETS)
def test_a_preset_is_publishable_as_it_is(name: str) -> None:
    check_formula(presets.PRESETS[name]())


@pytest.mark.parametrize("name", presets.PRESETS)
def test_a_preset_with_another_number_fails_its_sample(name: str) -> None:
    formula = presets.PRESETS[name]()
    with pytest.raises(SampleDiffers):
        check_formula(replace(formula, weight=str(Fraction(formula.weight) + 1)))


@pytest.mark.parametrize("ceiling", [1, 99, 160, 9_999, 10_500, 3_880_000_00])
@pytest.mark.parametrize("weight", ["0", "0.5", "30", "100"])
def test_a_preset_works_out_its_sample_for_any_ceiling_weight_and_table(ceiling: int, weight: str) -> None:
    check_formula(presets.lowest_price(weight, ceiling_fen=ceiling, deduction="0.1"))
    for table in ((), (TrimTerms(2, 1, 0),), (TrimTerms(3, 0, 2), TrimTerms(4, 2, 1))):
        check_formula(
            presets.trimmed_mean(
                weight, ceiling_fen=ceiling, trim=table, total=RoundingTerms(0, Rounding.DOWN)
            )
        )


# --- F1 -----------------------------------------------------------------------------------------------


def test_f1_is_lowest_over_price_times_weight() -> None:
    """87号令 art. 55: price score = lowest price / price x weight x 100."""
    assert ["30.00", "27.27", "25.00", "24.00"] == priced(presets.lowest_price("30"), [100, 110, 120, 125])


def test_f1_gives_the_published_low_bid_example() -> None:
    """8,000 of 10,000 at 70 points is 56: support-us.negometrix.com, article 44001761046, "Low bid scoring"."""
    assert ["56.00", "70.00"] == priced(presets.lowest_price("70"), [10_000, 8_000])


@pytest.mark.parametrize(("deduction", "points"), [("0.06", ["30.00", "28.92"]), ("0.1", ["30.00", "27.69"])])
def test_f1_compares_a_small_firm_at_its_lowered_price(deduction: str, points: list[str]) -> None:
    formula = presets.lowest_price("30", deduction=deduction)
    bids = [BidPrice("small", "10000", values={"small": "1"}), BidPrice("big", "9750")]
    rows = {row.bid: row for row in run(formula, bids, {}).rows}
    assert points == [rows["small"].points, rows["big"].points]
    assert ("10000/1", "9750/1") == (rows["small"].read, rows["big"].price)


# --- F2 to F4 -----------------------------------------------------------------------------------------


def test_f2_drops_one_high_and_one_low_of_more_than_three() -> None:
    assert ["10.00", "29.00", "28.00", "0.00"] == priced(presets.trimmed_mean(), [80, 99, 101, 150])
    assert ["20.00", "30.00", "10.00"] == priced(presets.trimmed_mean(), [90, 100, 110])


def test_f2_gives_a_point_per_percent_above_and_half_a_point_below() -> None:
    """Every 1 % above -1, below -0.5, to 0, parts in proportion: sosotiku.com, question b9d82630…9f0d03."""
    formula = presets.trimmed_mean("30", above="1", below="0.5", trim=())
    assert ["28.75", "30.00", "27.50"] == priced(formula, ["97.5", 100, "102.5"])
    assert ["5.00", "0.00"] == priced(formula, [50, 150])


@pytest.mark.parametrize(("count", "left_out"), [(5, 0), (6, 1), (7, 2)])
def test_f3_trims_by_the_number_of_bids_and_still_scores_all(count: int, left_out: int) -> None:
    """≤ 5 bids none, 6 the highest, ≥ 7 highest and lowest, float -5 %: huatuo0.cn, wenku/rgdhd/Pg4Q9MVAyG, 2.2.2."""
    bids = [BidPrice(f"b{n}", str(10_000 + n)) for n in range(count)]
    trace = run(presets.mean_less(), bids, {})
    assert left_out == sum(row.trimmed for row in trace.rows)
    assert all(row.scored for row in trace.rows)


def test_f3_scores_100_less_80_or_120_times_the_deviation_to_two_digits() -> None:
    """N 0.8 at or below the base, 1.2 above, 100 - 100 n |P - B| / B, two digits, not below 0 (same source, 2.2.6)."""
    formula = replace(presets.mean_less("100"), shift="1")
    assert ["96.00", "100.00", "94.00"] == priced(formula, [95, 100, 105])
    assert ["28.00", "28.00", "0.00"] == priced(formula, [10, 10, 280])


def test_f3_shifts_the_mean_by_five_percent() -> None:
    trace = run(presets.mean_less("100"), [BidPrice("a", "9500"), BidPrice("b", "10500")], {})
    assert "9500/1" == trace.base()
    assert ["100.00", "87.37"] == [row.points for row in trace.rows]


def test_f4_gives_its_published_example() -> None:
    """60 - 100 K |d|, K 0.2 above and 0.1 below: bids 95, 100, 105 score 59.5, 60, 59."""
    assert ["59.50", "60.00", "59.00"] == priced(presets.tenth_penalties(), [95, 100, 105])


# --- F5 to F9 -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("k", "points"),
    [("0.96", ["30.00", "27.92"]), ("0.97", ["29.69", "28.45"]), ("0.98", ["29.39", "28.98"])],
)
def test_f5_multiplies_the_mean_by_the_drawn_k(k: str, points: list[str]) -> None:
    """K of 96, 97, 98 %; +1 % costs 0.5, -1 % costs 0.3: mean 100, bids 96 and 104 and one at 100."""
    formula = presets.drawn_factor("30")
    assert points == [priced(formula, [96, 100, 104], K=k)[0], priced(formula, [96, 100, 104], K=k)[1]]


@pytest.mark.parametrize("value", presets.FLOAT_VALUES)
def test_f6_lowers_the_mean_by_the_drawn_float(value: str) -> None:
    trace = run(presets.drawn_float(), [BidPrice("a", "9900"), BidPrice("b", "10100")], {"float": value})
    assert 10_000 * (1 - Fraction(value)) == Fraction(trace.base())


def test_f7_mixes_four_fifths_of_the_mean_with_a_fifth_of_the_reserve() -> None:
    trace = run(presets.compound("50"), [BidPrice("a", "9000"), BidPrice("b", "11000")], {"reserve": "12500"})
    assert "10500/1" == trace.base()  # 0.8 x 100 + 0.2 x 125 yuan
    assert ["42.86", "45.24"] == [row.points for row in trace.rows]


def test_f8_stops_at_twenty_above_and_at_five_below() -> None:
    """+1 % -1 at most 20, -1 % -0.3 at most 5: jamoxi.com, thread 12652671."""
    formula = replace(presets.capped(), aggregate=(replace(presets.capped().aggregate[0], value="10000"),))
    assert ["99.70", "95.00", "95.00"] == priced(formula, [99, 83, 50])
    assert ["99.00", "80.00", "80.00"] == priced(formula, [101, 120, 190])


def test_f9_counts_parts_of_a_percent_or_whole_steps() -> None:
    parts, whole = presets.interpolated(), presets.interpolated(steps=WholeSteps.DOWN)
    assert ["29.25", "30.00", "28.50"] == priced(parts, ["98.5", 100, "101.5"])
    assert ["29.50", "30.00", "29.00"] == priced(whole, ["98.5", 100, "101.5"])


# --- rounding decides ---------------------------------------------------------------------------------

LOTS = 300
F2 = presets.trimmed_mean("30", above="2", below="1")


def with_rounds(*rounds: RoundAt) -> PriceFormula:
    return replace(F2, rounds=rounds)


def changed(variant: PriceFormula, yuan: int = 1_000_000) -> tuple[float, float]:
    """Say in what shares of seeded lots (5-20 bids round `yuan`, ±3 %) a score, and the winner, are others than by default."""
    dice = random.Random(26)
    scores = winners = 0
    for _ in range(LOTS):
        bids = [
            BidPrice(f"b{n:02}", str(round(yuan * 100 * dice.uniform(0.97, 1.03))))
            for n in range(dice.randint(5, 20))
        ]
        exact = {row.bid: row.points for row in run(F2, bids, {}).rows}
        other = {row.bid: row.points for row in run(variant, bids, {}).rows}
        scores += exact != other
        winners += max(exact, key=lambda bid: Fraction(exact[bid])) != max(
            other, key=lambda bid: Fraction(other[bid])
        )
    return scores / LOTS, winners / LOTS


def test_rounding_the_deviation_first_changes_nearly_every_lot() -> None:
    scores, _ = changed(with_rounds(RoundAt(PriceStage.DEVIATE, 2, Rounding.HALF_UP)))
    assert scores > 0.9


def test_rounding_the_deviation_to_four_digits_of_a_percent_changes_few() -> None:
    scores, winners = changed(with_rounds(RoundAt(PriceStage.DEVIATE, 4, Rounding.HALF_UP)))
    assert 0.04 < scores < 0.2
    assert 0 == winners


def test_rounding_the_deviation_to_whole_percents_changes_half_the_winners() -> None:
    scores, winners = changed(with_rounds(RoundAt(PriceStage.DEVIATE, 0, Rounding.HALF_UP)))
    assert 1 == scores
    assert winners > 0.3


def test_rounding_the_base_to_whole_yuan_changes_next_to_nothing() -> None:
    scores, winners = changed(
        with_rounds(RoundAt(PriceStage.AGGREGATE, 0, Rounding.HALF_UP)), yuan=100_000_000
    )
    assert scores < 0.01
    assert 0 == winners


def test_half_even_at_the_end_changes_nothing() -> None:
    assert (0, 0) == changed(replace(F2, total=RoundingTerms(2, Rounding.HALF_EVEN)))
