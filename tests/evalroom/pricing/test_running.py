"""The pipeline: what it refuses, what tenders ask of it, what it leaves on record, and what always holds."""

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalroom.errors import Refusal
from evalroom.pricing import presets
from evalroom.pricing.errors import BadPriceInput, FormulaUndefined, NothingToPrice, TrimsTooMany
from evalroom.pricing.formula import PriceFormula, PriceStage, RoundAt, TrimTable, TrimTerms
from evalroom.pricing.inputs import BidPrice
from evalroom.pricing.rationals import Rounding, RoundingTerms, parse_rational, rounded
from evalroom.pricing.running import run
from evalroom.pricing.trace import PriceTrace
from tests.evalroom.pricing.formulas import CASES, Case, prices_of

# --- what is refused ------------------------------------------------------------------------------------


def refused(formula: PriceFormula, *bids: BidPrice, **given_values: str) -> Mapping[str, object]:
    with pytest.raises(BadPriceInput) as why:
        run(formula, bids, given_values)
    return why.value.detail


@pytest.mark.parametrize(
    "price", ["0", "-1", "0.0", "9.5", "1/3", "", "abc", "1e5", "１００", "1,000", "12 ", "NaN"]
)
def test_a_price_that_is_no_whole_fen_above_zero_is_refused_by_its_field(price: str) -> None:
    detail = refused(presets.lowest_price(), BidPrice("a", "1"), BidPrice("b", price))
    assert "bids[1].price" == detail["path"]


def test_full_width_digits_are_refused_with_what_to_write() -> None:
    assert "write 9500" in str(refused(presets.lowest_price(), BidPrice("a", "９５００"))["problem"])


def test_separators_are_refused_with_what_to_write() -> None:
    assert "write 9500" in str(refused(presets.lowest_price(), BidPrice("a", "9,500"))["problem"])


def test_a_bid_twice_is_refused() -> None:
    assert "bids[1].bid" == refused(presets.lowest_price(), BidPrice("a", "1"), BidPrice("a", "2"))["path"]


@pytest.mark.parametrize("name", ["", "a b", "../x", "甲", "a" * 65])
def test_an_id_that_is_no_id_is_refused(name: str) -> None:
    assert "bids[0].bid" == refused(presets.lowest_price(), BidPrice(name, "1"))["path"]


def test_no_bid_at_all_is_refused() -> None:
    assert "bids" == refused(presets.lowest_price())["path"]


def test_a_missing_drawn_value_is_named_with_its_list() -> None:
    detail = refused(presets.drawn_factor(), BidPrice("a", "1"))
    assert "given.K" == detail["path"]
    assert "0.96, 0.97, 0.98" in str(detail["problem"])


@pytest.mark.parametrize("value", ["0.99", "96", "K", "０.９６"])
def test_a_drawn_value_outside_its_list_is_refused(value: str) -> None:
    assert "given.K" == refused(presets.drawn_factor(), BidPrice("a", "1"), K=value)["path"]


def test_a_drawn_value_counts_by_its_value_not_its_spelling() -> None:
    assert run(presets.drawn_factor(), [BidPrice("a", "100")], {"K": "0.960"}).base() == "96/1"


def test_a_value_nobody_left_open_is_refused() -> None:
    assert "given.k" == refused(presets.lowest_price(), BidPrice("a", "1"), k="1")["path"]
    fixed = presets.lowest_price(ceiling_fen=100)
    assert "given.ceiling" == refused(fixed, BidPrice("a", "1"), ceiling="200")["path"]


def test_a_bids_value_that_is_unknown_missing_or_in_parts_of_a_fen_is_refused() -> None:
    second = CASES["a second price counts where there is one"].read()
    technical = CASES["a base from the technically best two"].read()
    assert "bids[0].values.x" == refused(second, BidPrice("a", "1", values={"x": "1"}))["path"]
    assert "bids[0].values.second" == refused(second, BidPrice("a", "1", values={"second": "0.5"}))["path"]
    assert "bids[0].values.technical" == refused(technical, BidPrice("a", "1"))["path"]


def test_a_lot_without_an_admitted_bid_has_no_result() -> None:
    with pytest.raises(NothingToPrice):
        run(presets.lowest_price(ceiling_fen=99), [BidPrice("a", "100")], {})
    with pytest.raises(NothingToPrice):
        run(presets.lowest_price(), [BidPrice("a", "100", valid=False)], {})


@pytest.mark.parametrize(("high", "low"), [(2, 1), (1, 2), (3, 0), (5, 5)])
def test_trimming_as_many_bids_as_there_are_is_an_error_not_a_result(high: int, low: int) -> None:
    formula = replace(presets.trimmed_mean(), trim=TrimTable((TrimTerms(3, high, low),)))
    with pytest.raises(TrimsTooMany):
        run(formula, [BidPrice(one, "100") for one in "abc"], {})


@pytest.mark.parametrize(
    ("changes", "at"),
    [
        ({"aggregate": [{"name": "base", "value": {"op": "quotient", "of": ["1", "0"]}}]}, "aggregate[0].value"),
        ({"aggregate": [{"name": "base", "value": {"op": "lowest", "of": ["kept", "price", "3"]}}]}, "aggregate[0].value"),
        ({"aggregate": [{"name": "base", "value": "0"}]}, "deviate.of"),
        (
            {"aggregate": [{"name": "base", "value": "1", "when": [{"left": "1", "test": ">", "right": "2"}]}]},
            "aggregate",
        ),
        (
            {
                "aggregate": [
                    {"name": "none", "of": "kept", "where": [{"left": "price", "test": "<", "right": "0"}]},
                    {"name": "base", "value": {"op": "mean", "of": ["none"]}},
                ]
            },
            "aggregate[1].value",
        ),
        (
            {
                "inputs": [{"name": "second", "per": "bid", "optional": True}],
                "adjust": [{"name": "last", "price": "second"}],
            },
            "adjust[0].price",
        ),
    ],
)  # fmt: skip
def test_what_has_no_value_is_an_error_that_names_its_place(changes: dict[str, Any], at: str) -> None:
    plain = {
        "aggregate": [{"name": "base", "value": "1"}],
        "score": {"kind": "penalty", "above": [{"rate": "1"}]},
    }
    with pytest.raises(FormulaUndefined) as why:
        Case({**plain, **changes}, prices_of(1, 2), {}).run()
    assert at == why.value.detail["at"]


# --- what tenders ask -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_what_tenders_ask_for_comes_out_as_worked_by_hand(name: str) -> None:
    case = CASES[name]
    assert dict(case.points) == {row.bid: row.points for row in case.run().rows}


def test_a_price_above_the_ceiling_moves_no_base_and_no_trim_table() -> None:
    formula = presets.trimmed_mean(ceiling_fen=120_00)
    three = [BidPrice("a", "10000"), BidPrice("b", "11000"), BidPrice("c", "12000")]
    trace = run(formula, [*three, BidPrice("d", "12001")], {})
    assert "11000/1" == trace.base()
    assert run(formula, three, {}).rows == trace.rows[:3]
    last = trace.rows[3]
    assert (False, False, "ceiling", "out", "0/1", "") == (
        last.admitted, last.scored, last.why, last.points, last.score, last.deviation,
    )  # fmt: skip


def test_equal_prices_are_trimmed_by_id() -> None:
    formula = replace(presets.trimmed_mean(), trim=TrimTable((TrimTerms(4, 1, 1),), scored=False))
    trace = run(formula, [BidPrice(one, "100") for one in "dcba"], {})
    assert ["a", "d"] == [row.bid for row in trace.rows if row.trimmed]
    assert ["a", "d"] == [row.bid for row in trace.rows if not row.scored]


# --- what is on record ----------------------------------------------------------------------------------


def test_the_trace_holds_every_intermediate() -> None:
    trace = run(presets.mean_less("40"), [BidPrice("b", "10300"), BidPrice("a", "9700")], {})
    assert [("admit", "invalid", "", ()), ("trim", "high", "", ()), ("trim", "low", "", ()),
            ("aggregate", "base", "10000/1", ()), ("shift", "base", "9500/1", ())] == [
        (one.stage, one.name, one.value, one.bids) for one in trace.steps
    ]  # fmt: skip
    assert [("read", "9700/1"), ("deviate", "40/19"), ("score", "1852/19"), ("round", "9747/100"),
            ("floor", "9747/100"), ("weight", "9747/250")] == [
        (one.stage, one.value) for one in trace.rows[0].values
    ]  # fmt: skip
    assert ("38.99", "9747/250", "40/19") == (
        trace.rows[0].points,
        trace.rows[0].score,
        trace.rows[0].deviation,
    )


def test_the_trace_names_who_was_put_out_trimmed_and_adjusted() -> None:
    formula = presets.lowest_price(ceiling_fen=10_000, deduction="0.1")
    bids = [
        BidPrice("a", "10001"),
        BidPrice("b", "9000", values={"small": "1"}),
        BidPrice("c", "1", valid=False),
    ]
    trace = run(formula, bids, {})
    assert [("admit", "invalid", ("c",)), ("admit", "ceiling", ("a",)), ("adjust", "preference", ("b",))] == [
        (one.stage, one.name, one.bids) for one in trace.steps[:3]
    ]
    assert ["ceiling", "", "invalid"] == [row.why for row in trace.rows]
    assert [("ceiling", "10000/1")] == [(one.name, one.value) for one in trace.given]


# --- what always holds ----------------------------------------------------------------------------------

SMALL_PRICES = st.lists(st.integers(1, 10**12 - 1) | st.integers(9_500, 10_500), min_size=1, max_size=9)
PRICES = st.lists(st.integers(1, 10**15 - 1) | st.integers(9_500, 10_500), min_size=1, max_size=9)


def outcome(formula: PriceFormula, bids: list[BidPrice], given_values: Mapping[str, str]) -> PriceTrace | str:
    try:
        return run(formula, bids, given_values)
    except Refusal as why:
        return why.code


def drawn_bids(case: Case, prices: list[int]) -> list[BidPrice]:
    """Give the case's own values, in turn, to bids of other prices."""
    own = list(case.values.values()) or [{}]
    complete = max(own, key=len)
    return [
        BidPrice(f"b{index}", str(price), values={**complete, **own[index % len(own)]})
        for index, price in enumerate(prices)
    ]


@given(st.sampled_from(sorted(CASES)), PRICES, st.randoms())
def test_the_order_of_bids_is_irrelevant(name: str, prices: list[int], dice: Any) -> None:  # noqa: ANN401
    case = CASES[name]
    bids = drawn_bids(case, prices)
    shuffled = list(bids)
    dice.shuffle(shuffled)
    assert outcome(case.read(), bids, case.given) == outcome(case.read(), shuffled, case.given)


@given(st.sampled_from(sorted(presets.PRESETS)), SMALL_PRICES, st.integers(2, 1000))
def test_scores_do_not_depend_on_the_unit_of_money(name: str, prices: list[int], factor: int) -> None:
    formula = presets.PRESETS[name]()
    values = {"K": "0.97", "float": "0.005", "reserve": "10000"}
    left_open = {one.name: values[one.name] for one in formula.inputs if not one.value}
    scaled = {n: str(int(v) * factor) if n == "reserve" else v for n, v in left_open.items()}
    one = run(formula, [BidPrice(f"b{n}", str(fen)) for n, fen in enumerate(prices)], left_open)
    other = run(formula, [BidPrice(f"b{n}", str(fen * factor)) for n, fen in enumerate(prices)], scaled)
    assert [row.score for row in one.rows] == [row.score for row in other.rows]


@given(PRICES)
def test_a_lower_price_never_scores_less_under_lowest_price_first(prices: list[int]) -> None:
    trace = run(presets.lowest_price(), [BidPrice(f"b{n}", str(fen)) for n, fen in enumerate(prices)], {})
    rows = sorted(trace.rows, key=lambda row: parse_rational(row.read))
    marks = [parse_rational(row.score) for row in rows]
    assert marks == sorted(marks, reverse=True)


@given(st.sampled_from(["F2", "F3", "F4", "F8", "F9"]), PRICES)
def test_the_farther_from_the_base_on_one_side_the_fewer_points(name: str, prices: list[int]) -> None:
    trace = run(presets.PRESETS[name](), [BidPrice(f"b{n}", str(fen)) for n, fen in enumerate(prices)], {})
    for side in (1, -1):
        marks = [
            parse_rational(row.score)
            for row in sorted(trace.rows, key=lambda row: abs(parse_rational(row.deviation)))
            if side * parse_rational(row.deviation) > 0
        ]
        assert marks == sorted(marks, reverse=True)


@given(st.sampled_from(sorted(CASES)), PRICES)
def test_points_are_the_exact_score_rounded_once(name: str, prices: list[int]) -> None:
    case = CASES[name]
    done = outcome(case.read(), drawn_bids(case, prices), case.given)
    for row in done.rows if isinstance(done, PriceTrace) else ():
        if row.admitted:
            assert row.points == str(rounded(parse_rational(row.score), case.read().total))


@given(
    st.sampled_from([one for one in PriceStage if one is not PriceStage.ADJUST]),
    st.integers(0, 3),
    st.sampled_from(Rounding),
    st.lists(st.integers(9_000, 11_000), min_size=1, max_size=8),
)
def test_a_rounding_follows_its_stage_and_no_other(
    stage: PriceStage, digits: int, mode: Rounding, prices: list[int]
) -> None:
    formula = replace(presets.mean_less("33"), rounds=(RoundAt(stage, digits, mode),))
    trace = run(formula, [BidPrice(f"b{n}", str(fen)) for n, fen in enumerate(prices)], {})
    money = stage in {PriceStage.AGGREGATE, PriceStage.SHIFT}
    record = trace.steps if money else trace.rows[0].values
    found = [(one.stage, one.value) for one in record]
    places = [index for index, (name, _) in enumerate(found) if name == "round"]
    assert [stage.value] == [found[index - 1][0] for index in places]
    before, after = (parse_rational(found[index][1]) for index in (places[0] - 1, places[0]))
    unit = Fraction(100 if money else 1)
    assert after / unit == Fraction(rounded(before / unit, RoundingTerms(digits, mode)))


@given(st.sampled_from(sorted(CASES)))
def test_bids_that_are_rejected_change_nothing_for_the_others(name: str) -> None:
    case = CASES[name]
    bids = case.bids()
    values = max(case.values.values(), key=len, default={})
    stranger = BidPrice("zz", "1" if case.formula.get("quote") != "rate" else "0", valid=False, values=values)
    without, with_one = run(case.read(), bids, case.given), run(case.read(), [*bids, stranger], case.given)
    assert without.rows == tuple(row for row in with_one.rows if row.bid != "zz")
