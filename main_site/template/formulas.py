"""Price formulas in a template: the simple columns stand for two presets, anything else is a formula whole.

A whole formula is a table in TOML and JSON text in a workbook's cell; both are checked with their samples before
anything is built (docs/spec/price-formula.md).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from evalroom.errors import Refusal
from evalroom.pricing.checking import check_formula
from evalroom.pricing.formula import PriceFormula, TrimTerms
from evalroom.pricing.inputs import number
from evalroom.pricing.presets import CEILING, LOWEST_PRICE, lowest_price, trimmed_mean
from evalroom.pricing.rationals import RoundingTerms
from evalroom.pricing.reading import plain, read_formula


@dataclass(frozen=True, slots=True)
class SimpleTerms:
    """What the simple columns say of a formula: money in fen, everything else as texts."""

    formula: str
    weight: str
    ceiling_fen: int | None
    trim: tuple[TrimTerms, ...]
    penalty_above: str
    penalty_below: str
    floor: str
    rounding: RoundingTerms

    def build(self) -> PriceFormula:
        """Return the preset with these parameters."""
        if self.formula == LOWEST_PRICE:
            return lowest_price(self.weight, ceiling_fen=self.ceiling_fen, total=self.rounding)
        return trimmed_mean(
            self.weight,
            trim=self.trim,
            above=self.penalty_above,
            below=self.penalty_below,
            floor=self.floor,
            ceiling_fen=self.ceiling_fen,
            total=self.rounding,
        )


def simple_terms(formula: PriceFormula) -> SimpleTerms | None:
    """Return the simple columns that would build this very formula, None where there are none."""
    score = formula.score
    ceiling = next((one.value for one in formula.inputs if one.name == CEILING), "")
    try:
        terms = SimpleTerms(
            formula.name,
            formula.weight,
            int(ceiling) if ceiling else None,
            formula.trim.rows,
            str(score.above[0].rate) if score.above else "0",
            str(score.below[0].rate) if score.below else "0",
            str(formula.floor.least),
            formula.total,
        )
        return terms if terms.build() == formula else None
    except (ValueError, ZeroDivisionError):
        return None


def is_whole(text: str) -> bool:
    """Say whether a cell holds a whole formula instead of the name of a preset."""
    return text.startswith("{")


def whole_text(raw: object) -> str | None:
    """Return a whole formula as it came, a table of TOML or JSON text, as text; None when it is none."""
    if isinstance(raw, Mapping):
        return json.dumps(raw, ensure_ascii=False, default=_decimal)
    text = raw.strip() if isinstance(raw, str) else ""
    return text if is_whole(text) else None


def _decimal(value: object) -> str:
    if isinstance(value, Decimal):
        return f"{value:f}" if value.is_finite() and abs(value.adjusted()) < 32 else str(value)
    return repr(value)[:60]


def read_whole(text: str) -> PriceFormula:
    """Read a whole formula and check it with its samples.

    Raises:
        Refusal: with the path of what is wrong, as `checking` and `reading` name it.
        ValueError: it is no JSON.
    """
    try:
        value = json.loads(text, parse_float=Decimal)
    except RecursionError:
        raise ValueError("nested too deep") from None
    formula = read_formula(value)
    check_formula(formula)
    return formula


def fault_of(text: str) -> str:
    """Return what is wrong with a whole formula, or nothing."""
    try:
        read_whole(text)
    except Refusal as why:
        facts = [f"{name} {one}" for name, one in why.detail.items() if name not in {"path", "at", "problem"}]
        where = str(why.detail.get("path") or why.detail.get("at") or why.code)
        return ": ".join(one for one in (where, str(why.detail.get("problem", "")), ", ".join(facts)) if one)
    except ValueError as why:
        return str(why)
    return ""


def weight_of(text: str) -> str:
    """Return the weight of a whole formula, or nothing when it cannot be read."""
    try:
        weight = read_whole(text).weight
    except (Refusal, ValueError):
        return ""
    return weight if number(weight) >= 0 and "/" not in weight else ""


def text_of(formula: PriceFormula) -> str:
    """Return a formula as the JSON text of a cell."""
    return json.dumps(plain(formula), ensure_ascii=False)


def trim_rows(formula: PriceFormula) -> Iterable[TrimTerms]:
    """Return the rows of the trim table that stand in a table of their own: those of a simple formula."""
    return formula.trim.rows if simple_terms(formula) is not None else ()
