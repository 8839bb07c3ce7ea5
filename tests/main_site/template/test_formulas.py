"""Whole price formulas in a template: as a table in TOML, as text in a cell; each fault with the row it stands in."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from evalroom.pricing import presets
from evalroom.pricing.formula import PriceFormula
from evalroom.pricing.reading import plain, to_toml
from main_site.sample import sample_template
from main_site.template import (
    Fault,
    Problem,
    SessionTemplate,
    TemplateError,
    parse_toml,
    parse_xlsx,
    write_toml,
    write_xlsx,
)
from main_site.template.formulas import simple_terms
from tests.evalroom.pricing.formulas import CASES

WHOLE = presets.lowest_price("30", deduction="0.06", ceiling_fen=3_880_000_00)


def with_formula(formula: PriceFormula) -> SessionTemplate:
    template = sample_template()
    lots = tuple(replace(lot, pricing=formula) for lot in template.tender.lots)
    return replace(template, tender=replace(template.tender, lots=lots))


def problems(
    formula: object, beside: Mapping[str, Any] | None = None, *, keep_trim: bool = False
) -> list[Problem]:
    """Return what is wrong with the sample when its price row says this."""
    text = write_toml(with_formula(WHOLE))
    head, _, rest = text.partition("[pricing.formula]")
    after = rest[rest.index("# 去极值") :]
    lines = [f"{name} = {json.dumps(value)}" for name, value in (beside or {}).items()]
    lines.append(f"formula = {json.dumps(json.dumps(formula) if not isinstance(formula, str) else formula)}")
    trim = '[[trim]]\nlot = "1"\nfrom_bids = 4\nhigh = 1\nlow = 1\n' if keep_trim else ""
    with pytest.raises(TemplateError) as why:
        parse_toml(head + "\n".join(lines) + "\n" + trim + after)
    return list(why.value.problems)


def test_a_formula_that_cannot_be_used_is_blamed_with_its_path() -> None:
    body = plain(WHOLE)
    assert isinstance(body, dict)
    (problem,) = problems({**body, "shift": "K"})
    assert (Fault.BAD_FORMULA, "pricing", 1, "formula") == (
        problem.fault, problem.place.table, problem.place.row, problem.place.column,
    )  # fmt: skip
    assert problem.found.startswith("shift: no number, and no value of this name is known here")


def test_a_formula_without_a_sample_or_with_a_wrong_one_is_blamed() -> None:
    body = plain(WHOLE)
    assert isinstance(body, dict)
    assert "formula_without_sample" in problems({**body, "samples": []})[0].found
    (sample,) = WHOLE.samples
    wrong = replace(WHOLE, samples=(replace(sample, bids=(replace(sample.bids[0], score="1"),)),))
    assert "bid A, expected 1, got 30.00" in problems(plain(wrong))[0].found


@pytest.mark.parametrize("text", ["{", "{]", '{"a": 1}', "{" * 10_000])
def test_a_text_that_is_no_formula_is_blamed(text: str) -> None:
    assert [Fault.BAD_FORMULA] == [one.fault for one in problems(text)]


def test_simple_columns_beside_a_whole_formula_are_blamed() -> None:
    found = problems(plain(WHOLE), {"weight": 30, "floor": 0}, keep_trim=True)
    assert [Fault.BESIDE_FORMULA] * 3 == [one.fault for one in found]
    assert ["weight", "floor", "from_bids"] == [one.place.column for one in found]


def test_a_simple_formula_needs_its_weight() -> None:
    text = write_toml(sample_template()).replace('\nweight = "30"\n', "\n")
    with pytest.raises(TemplateError) as why:
        parse_toml(text)
    assert [(Fault.MISSING_VALUE, "weight")] == [(one.fault, one.place.column) for one in why.value.problems]


def test_the_weight_of_a_whole_formula_counts_for_the_hundred() -> None:
    faults = [one.fault for one in problems(plain(presets.lowest_price("31", deduction="0.06")))]
    assert [Fault.WEIGHTS] == faults


@pytest.mark.parametrize(
    "make", [presets.mean_less, presets.capped, presets.interpolated], ids=["F3", "F8", "F9"]
)
def test_any_preset_goes_through_toml_and_a_workbook(make: Any) -> None:  # noqa: ANN401 - a preset
    formula = make("30")
    template = with_formula(formula)
    assert template == parse_toml(write_toml(template))
    assert template == parse_xlsx(write_xlsx(template))


def test_a_formula_is_a_table_in_toml() -> None:
    text = write_toml(with_formula(WHOLE))
    assert "[pricing.formula]\n" in text
    assert to_toml(WHOLE, "pricing.formula").splitlines()[2] in text


def test_the_simple_columns_stand_for_the_two_presets_alone() -> None:
    assert simple_terms(presets.trimmed_mean("12", floor="3")) is not None
    assert simple_terms(presets.lowest_price("12", ceiling_fen=7)) is not None
    assert simple_terms(WHOLE) is None
    assert simple_terms(replace(presets.trimmed_mean(), shift="0.9")) is None
    assert not any(simple_terms(case.read()) for case in CASES.values())
