"""Formulas from TOML and JSON: strictly in, unchanged out, and every fault named by its path."""

import json
import tomllib
from decimal import Decimal
from typing import Any

import pytest

from evalroom.pricing import presets
from evalroom.pricing.errors import FormulaMalformed
from evalroom.pricing.formula import PriceFormula
from evalroom.pricing.reading import plain, read_formula, to_toml
from tests.evalroom.pricing.formulas import CASES

ALL = {
    **{name: make() for name, make in presets.PRESETS.items()},
    **{name: case.read() for name, case in CASES.items()},
}
GOOD: dict[str, Any] = {"name": "x", "weight": "30", "score": {"kind": "value", "value": "full"}}


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"wieght": "30"}, "wieght"),
    ({"weight": True}, "weight"),
    ({"weight": None}, "weight"),
    ({"name": 7}, "name"),
    ({"version": "1"}, "version"),
    ({"version": True}, "version"),
    ({"score": {"kind": "magic"}}, "score.kind"),
    ({"score": {"kind": "value", "vlaue": "1"}}, "score.vlaue"),
    ({"score": {"value": "1"}}, "score.kind"),
    ({"score": []}, "score"),
    ({"admit": {"name": "x"}}, "admit"),
    ({"admit": [{"name": "x"}]}, "admit[0].keep"),
    ({"admit": [{"name": "x", "keep": [{"left": "1", "test": "≤", "right": "2"}]}]}, "admit[0].keep[0].test"),
    ({"inputs": [{"name": "K"}, {"nam": "K"}]}, "inputs[1].nam"),
    ({"inputs": [{"name": "K", "optional": 1}]}, "inputs[0].optional"),
    ({"inputs": [{"name": "K", "choices": "0.9"}]}, "inputs[0].choices"),
    ({"aggregate": [{"name": "base", "value": {"op": "mode", "of": []}}]}, "aggregate[0].value.op"),
    ({"aggregate": [{"name": "base", "value": {"op": "mean"}}]}, "aggregate[0].value.of"),
    ({"aggregate": [{"name": "base", "value": {"op": "mean", "of": "kept"}}]}, "aggregate[0].value.of"),
    ({"aggregate": [{"name": "base", "value": {"op": "sum", "of": ["1", {"op": "abs", "of": [None]}]}}]},
     "aggregate[0].value.of[1].of[0]"),
    ({"aggregate": [{"name": "base", "value": {"op": "abs", "of": ["1"], "if": "x"}}]}, "aggregate[0].value.if"),
    ({"shift": ["1"]}, "shift"),
    ({"shift": True}, "shift"),
    ({"trim": {"rows": [{"from_bids": "4", "high": 1, "low": 1}]}}, "trim.rows[0].from_bids"),
    ({"trim": {"rows": [{"from_bids": 4, "high": 1}]}}, "trim.rows[0].low"),
    ({"samples": [{"bids": [{"bid": "a", "price": "1"}]}]}, "samples[0].bids[0].score"),
]  # fmt: skip


def path_of(value: object) -> object:
    with pytest.raises(FormulaMalformed) as why:
        read_formula(value)
    return why.value.detail["path"]


@pytest.mark.parametrize("bad", [None, 1, "x", [], True])
def test_what_is_no_table_is_refused(bad: object) -> None:
    assert "" == path_of(bad)


@pytest.mark.parametrize(("changes", "path"), FAULTS)
def test_a_fault_is_named_by_its_path(changes: dict[str, Any], path: str) -> None:
    assert path == path_of({**GOOD, **changes})


@pytest.mark.parametrize("missing", GOOD)
def test_a_missing_member_is_named(missing: str) -> None:
    assert missing == path_of({name: value for name, value in GOOD.items() if name != missing})


def test_a_deep_nest_is_refused_before_it_is_walked() -> None:
    nest: object = "1"
    for _ in range(9):
        nest = {"op": "abs", "of": [nest]}
    assert str(path_of({**GOOD, "shift": nest})).count("of[0]") == 8


def test_a_long_list_is_refused() -> None:
    assert "inputs" == path_of({**GOOD, "inputs": [{"name": f"x{n}"} for n in range(101)]})


def test_numbers_may_be_written_as_numbers() -> None:
    read = read_formula({**GOOD, "weight": Decimal("30.50"), "shift": 1, "floor": {"least": Decimal("-0.0")}})
    assert ("30.5", "1", "0") == (read.weight, read.shift, read.floor.least)


@pytest.mark.parametrize("bad", [Decimal("1e99999999"), Decimal("NaN"), 10**15, Decimal("0.0000000000001")])
def test_a_number_beyond_the_grammar_is_refused(bad: object) -> None:
    assert "weight" == path_of({**GOOD, "weight": bad})


@pytest.mark.parametrize("formula", ALL.values(), ids=ALL)
def test_a_formula_survives_json_and_toml(formula: PriceFormula) -> None:
    assert formula == read_formula(json.loads(json.dumps(plain(formula), ensure_ascii=False)))
    assert formula == read_formula(tomllib.loads(to_toml(formula), parse_float=Decimal))
    nested = tomllib.loads(to_toml(formula, "lot.pricing"), parse_float=Decimal)
    assert formula == read_formula(nested["lot"]["pricing"])


def test_a_binary_fraction_is_refused() -> None:
    assert "weight" == path_of({**GOOD, "weight": 30.5})
