"""What is refused before a tender is published: each fault by its path, and samples that come out otherwise."""

from dataclasses import replace
from typing import Any

import pytest

from evalroom.pricing import presets
from evalroom.pricing.checking import check_form, check_formula
from evalroom.pricing.errors import FormulaMalformed, FormulaWithoutSample, SampleDiffers
from evalroom.pricing.reading import read_formula
from tests.evalroom.pricing.formulas import CASES

BASE = {"name": "base", "value": {"op": "mean", "of": ["kept"]}}
GOOD: dict[str, Any] = {
    "name": "x",
    "weight": "30",
    "inputs": [{"name": "K", "choices": ["0.9"]}, {"name": "mark", "per": "bid"}],
    "aggregate": [{"name": "A1", "value": {"op": "mean", "of": ["kept"]}}, BASE],
    "score": {"kind": "penalty", "above": [{"rate": "1"}]},
}
TRUE = [{"left": "1", "test": "=", "right": "1"}]


def step(**members: object) -> dict[str, object]:
    return {"aggregate": [{"name": "x1", **members}, BASE]}


def value(expression: object) -> dict[str, object]:
    return step(value=expression)


def op(name: str, *of: object) -> dict[str, object]:
    return {"op": name, "of": list(of)}


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"version": 2}, "version"),
    ({"name": ""}, "name"),
    ({"name": "x" * 65}, "name"),
    ({"title": "x" * 201}, "title"),
    ({"weight": "-1"}, "weight"),
    ({"weight": "３０"}, "weight"),
    ({"weight": "0x10"}, "weight"),
    ({"inputs": [{"name": "K"}, {"name": "K"}]}, "inputs[1].name"),
    ({"inputs": [{"name": "price"}]}, "inputs[0].name"),
    ({"inputs": [{"name": "base"}]}, "inputs[0].name"),
    ({"inputs": [{"name": "1x"}]}, "inputs[0].name"),
    ({"inputs": [{"name": "中"}]}, "inputs[0].name"),
    ({"inputs": [{"name": "K", "value": "x"}]}, "inputs[0].value"),
    ({"inputs": [{"name": "K", "choices": ["1", "x"]}]}, "inputs[0].choices[1]"),
    ({"inputs": [{"name": "K", "value": "1", "choices": ["1"]}]}, "inputs[0].value"),
    ({"inputs": [{"name": "K", "optional": True}]}, "inputs[0].optional"),
    ({"inputs": [{"name": "K", "per": "bid", "value": "1", "optional": True}]}, "inputs[0].optional"),
    ({"admit": [{"name": "x", "keep": []}]}, "admit[0].keep"),
    ({"admit": [{"name": "x", "keep": TRUE}, {"name": "x", "keep": TRUE}]}, "admit[1].name"),
    ({"admit": [{"name": "x", "keep": [{"left": "A1", "test": "=", "right": "1"}]}]}, "admit[0].keep[0].left"),
    ({"admit": [{"name": "x", "keep": [{"left": "1", "test": "=", "right": op("mean", "kept")}]}]},
     "admit[0].keep[0].right.of[0]"),
    ({"adjust": [{"name": "x", "price": "deviation"}]}, "adjust[0].price"),
    ({"adjust": [{"name": "x", "price": "1"}, {"name": "x", "price": "1"}]}, "adjust[1].name"),
    ({"adjust": [{"name": "x", "price": "price", "when": [{"left": "unknown", "test": "=", "right": "1"}]}]},
     "adjust[0].when[0].left"),
    ({"trim": {"rows": [{"from_bids": 4, "high": 1, "low": 1}, {"from_bids": 4, "high": 0, "low": 1}]}},
     "trim.rows[1].from_bids"),
    ({"trim": {"rows": [{"from_bids": 0, "high": 0, "low": 0}]}}, "trim.rows[0].from_bids"),
    ({"trim": {"rows": [{"from_bids": 2, "high": 1, "low": 1}]}}, "trim.rows[0].high"),
    ({"trim": {"rows": [{"from_bids": 2, "high": -1, "low": 1}]}}, "trim.rows[0].high"),
    (value("price"), "aggregate[0].value"),
    (value("mark"), "aggregate[0].value"),
    (value("base"), "aggregate[0].value"),
    (value("full"), "aggregate[0].value"),
    (value(op("sum", "1", "later")), "aggregate[0].value.of[1]"),
    (value(op("sum")), "aggregate[0].value.of"),
    (value(op("difference", "1")), "aggregate[0].value.of"),
    (value(op("quotient", "1", "2", "3")), "aggregate[0].value.of"),
    (value(op("else", "K", op("abs", "1"))), "aggregate[0].value.of[1]"),
    (value(op("abs", "1", "2")), "aggregate[0].value.of"),
    (value(op("count", "kept", "price")), "aggregate[0].value.of"),
    (value(op("mean", "kept", "price", "2")), "aggregate[0].value.of"),
    (value(op("mean", "K")), "aggregate[0].value.of[0]"),
    (value(op("mean", op("sum", "1"))), "aggregate[0].value.of[0]"),
    (value(op("lowest", "kept", "price", "0")), "aggregate[0].value.of[2]"),
    (value(op("lowest", "kept", "price", "K")), "aggregate[0].value.of[2]"),
    (value(op("lowest", "kept", "deviation")), "aggregate[0].value.of[1]"),
    (step(), "aggregate[0].value"),
    (step(value="1", of="kept"), "aggregate[0].value"),
    (step(value="1", where=TRUE), "aggregate[0].where"),
    (step(of="nobody"), "aggregate[0].of"),
    (step(of="kept", when=[{"left": "price", "test": ">", "right": "1"}]), "aggregate[0].when[0].left"),
    ({"aggregate": [{"name": "K", "value": "1"}, BASE]}, "aggregate[0].name"),
    ({"aggregate": [{"name": "kept", "of": "admitted"}, BASE]}, "aggregate[0].name"),
    ({"aggregate": [{"name": "base", "of": "kept"}]}, "aggregate[0].name"),
    ({"aggregate": [{"name": "x1", "of": "kept"}, {"name": "x1", "value": "1"}, BASE]}, "aggregate[1].name"),
    ({"aggregate": []}, "aggregate"),
    ({"shift": "price"}, "shift"),
    ({"shift": "k"}, "shift"),
    ({"deviate": {"of": "reserve"}}, "deviate.of"),
    ({"score": {"kind": "penalty"}}, "score.above"),
    ({"score": {"kind": "value"}}, "score.value"),
    ({"score": {"kind": "table"}}, "score.rows"),
    ({"score": {"kind": "value", "value": "1", "cap_above": "1"}}, "score.above"),
    ({"score": {"kind": "penalty", "above": [{"rate": "1"}], "value": "1"}}, "score.value"),
    ({"score": {"kind": "penalty", "above": [{"rate": "1"}], "rows": [{"at": "1", "points": "1"}]}}, "score.rows"),
    ({"score": {"kind": "penalty", "above": [{"rate": "1"}], "full": "0"}}, "score.full"),
    ({"score": {"kind": "penalty", "above": [{"rate": "1"}], "step": "0"}}, "score.step"),
    ({"score": {"kind": "penalty", "above": [{"rate": "1"}, {"rate": "2"}]}}, "score.above[0].to"),
    ({"score": {"kind": "penalty", "below": [{"rate": "1", "to": "5"}, {"rate": "2", "to": "5"}]}}, "score.below[1].to"),
    ({"score": {"kind": "penalty", "above": [{"rate": "price"}]}}, "score.above[0].rate"),
    ({"score": {"kind": "penalty", "above": [{"rate": "1"}], "cap_above": "x"}}, "score.cap_above"),
    ({"score": {"kind": "table", "rows": [{"at": "1", "points": "1"}, {"at": "1", "points": "2"}]}}, "score.rows[1].at"),
    ({"score": {"kind": "table", "rows": [{"at": "1", "points": "x"}]}}, "score.rows[0].points"),
    ({"floor": {"least": "deviation"}}, "floor.least"),
    ({"floor": {"least": "100.01"}}, "floor.least"),
    ({"floor": {"most": "x"}}, "floor.most"),
    ({"rounds": [{"stage": "score", "digits": 9, "mode": "up"}]}, "rounds[0].digits"),
    ({"rounds": [{"stage": "score", "digits": -7, "mode": "up"}]}, "rounds[0].digits"),
    ({"rounds": [{"stage": "score", "step": "A1", "digits": 1, "mode": "up"}]}, "rounds[0].step"),
    ({"rounds": [{"stage": "aggregate", "step": "A2", "digits": 1, "mode": "up"}]}, "rounds[0].step"),
    ({"rounds": [{"stage": "score", "digits": 1, "mode": "up"}] * 2}, "rounds[1].stage"),
    ({"total": {"digits": 5, "mode": "up"}}, "total.digits"),
    ({"ties": [{"by": "nothing", "order": "lowest"}]}, "ties[0].by"),
    ({"ties": [{"by": "K", "order": "lowest"}]}, "ties[0].by"),
    ({"samples": [{"bids": [{"bid": "a", "price": "1", "score": "full"}]}]}, "samples[0].bids[0].score"),
    ({"samples": [{"given": [{"name": "K", "value": "1"}, {"name": "K", "value": "2"}], "bids": []}]},
     "samples[0].given[1].name"),
]  # fmt: skip


def test_the_formula_that_the_faults_are_made_of_has_none() -> None:
    check_form(read_formula(GOOD))


@pytest.mark.parametrize(
    ("changes", "path"), FAULTS, ids=[f"{n}-{path}" for n, (_, path) in enumerate(FAULTS)]
)
def test_a_fault_is_named_by_its_path(changes: dict[str, Any], path: str) -> None:
    with pytest.raises(FormulaMalformed) as why:
        check_form(read_formula({**GOOD, **changes}))
    assert path == why.value.detail["path"]


def test_full_width_digits_are_told_what_to_write() -> None:
    with pytest.raises(FormulaMalformed, match="write 30"):
        check_form(read_formula({**GOOD, "weight": "３０"}))


@pytest.mark.parametrize("name", CASES)
def test_a_formula_without_a_sample_is_refused(name: str) -> None:
    with pytest.raises(FormulaWithoutSample):
        check_formula(CASES[name].read())


def test_a_sample_that_comes_out_otherwise_names_bid_expected_and_got() -> None:
    formula = presets.tenth_penalties()
    (sample,) = formula.samples
    wrong = replace(sample, bids=(*sample.bids[:2], replace(sample.bids[2], score="59.01")))
    with pytest.raises(SampleDiffers) as why:
        check_formula(replace(formula, samples=(sample, wrong)))
    assert {"sample": 2, "bid": "C", "expected": "59.01", "got": "59.00"} == why.value.detail


def test_a_sample_of_a_rejected_bid_expects_out() -> None:
    formula = presets.lowest_price(ceiling_fen=200)
    (sample,) = formula.samples
    dear = replace(sample.bids[0], bid="D", price="201", score="out")
    check_formula(replace(formula, samples=(replace(sample, bids=(*sample.bids, dear)),)))
    with pytest.raises(SampleDiffers):
        check_formula(
            replace(formula, samples=(replace(sample, bids=(*sample.bids, replace(dear, score="0"))),))
        )


def test_a_score_in_a_sample_may_leave_zeros_out() -> None:
    formula = presets.tenth_penalties()
    (sample,) = formula.samples
    short = replace(
        sample, bids=tuple(replace(one, score=one.score.rstrip("0").rstrip(".")) for one in sample.bids)
    )
    assert "60" == short.bids[1].score
    check_formula(replace(formula, samples=(short,)))


def test_a_sample_whose_input_is_wrong_is_named_by_its_path() -> None:
    formula = presets.drawn_factor()
    (sample,) = formula.samples
    with pytest.raises(FormulaMalformed) as why:
        check_formula(replace(formula, samples=(replace(sample, given=()),)))
    assert "samples[0].given.K" == why.value.detail["path"]


def test_a_sample_without_a_result_differs() -> None:
    formula = presets.lowest_price(ceiling_fen=200)
    (sample,) = formula.samples
    with pytest.raises(SampleDiffers) as why:
        check_formula(
            replace(formula, samples=(replace(sample, bids=(replace(sample.bids[0], price="300"),)),))
        )
    assert "nothing_to_price" == why.value.detail["got"]
