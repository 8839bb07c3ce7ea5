"""The explanation: what stands left of a sign of equality gives what stands right of it, in both languages."""

import re
from collections.abc import Iterator
from fractions import Fraction

import pytest

from evalroom.pricing import presets
from evalroom.pricing.inputs import BidPrice
from evalroom.pricing.running import run
from main_site.pricing.explanation import Language, explain
from main_site.pricing.files import Calculation
from tests.evalroom.pricing.formulas import CASES

PRICES = (9_433, 9_999, 10_000, 10_321, 10_777, 11_000, 8_700)
GIVEN = {"K": "0.97", "float": "0.0125", "reserve": "10200"}


def of_preset(name: str) -> Calculation:
    formula = presets.PRESETS[name]()
    bids = tuple(BidPrice(f"b{n}", str(fen)) for n, fen in enumerate(PRICES))
    given = {one.name: GIVEN[one.name] for one in formula.inputs if one.name in GIVEN}
    return Calculation(formula, bids, given, {"b0": "甲公司"}, run(formula, bids, given))


def of_case(name: str) -> Calculation:
    case = CASES[name]
    return Calculation(case.read(), tuple(case.bids()), case.given, {}, case.run())


ALL = {**{name: of_preset(name) for name in presets.PRESETS}, **{name: of_case(name) for name in CASES}}


class Sum:
    """Works out a sum as it is written: + − × ÷ and brackets, exactly."""

    def __init__(self, text: str) -> None:
        self.parts = re.findall(r"[0-9]+(?:\.[0-9]+)?|[()+×÷−]", text)

    def value(self) -> Fraction:
        total = self.product()
        while self.parts and self.parts[0] in "+−":
            sign = 1 if self.parts.pop(0) == "+" else -1
            total += sign * self.product()
        return total

    def product(self) -> Fraction:
        total = self.one()
        while self.parts and self.parts[0] in "×÷":
            total = total * self.one() if self.parts.pop(0) == "×" else total / self.one()
        return total

    def one(self) -> Fraction:
        part = self.parts.pop(0)
        if part == "−":
            return -self.one()
        if part != "(":
            return Fraction(part)
        inside = self.value()
        assert ")" == self.parts.pop(0)
        return inside


def sums(text: str) -> Iterator[tuple[str, str]]:
    """Yield both sides of every equality that holds numbers alone."""
    for line in text.splitlines():
        match = re.search(r"(?:^|  |= )((?:[0-9(][0-9.()+×÷− ]*)) [=≈] (−?[0-9.]+)(?: →.*)?$", line)
        if match:
            yield match[1], match[2]


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("name", ALL)
def test_every_sum_that_is_written_comes_out(name: str, language: Language) -> None:
    for left, right in sums(explain(ALL[name], language)):
        expected = Fraction(right.replace("−", "-"))
        assert abs(Sum(left).value() - expected) < Fraction(1, 1000), (left, right)


def test_a_good_part_of_what_is_written_are_such_sums() -> None:
    found = list(sums(explain(of_preset("F3"), Language.ZH)))
    assert len(found) > 20
    assert ("100 × (100.00 − 96.007) ÷ 96.007", "4.159072") in found


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("name", ALL)
def test_the_points_at_the_end_are_those_of_the_run(name: str, language: Language) -> None:
    done = ALL[name]
    lines = explain(done, language).splitlines()[-1 - len(done.trace.rows) : -1]
    word = {"zh": "否决", "en": "rejected"}[language.value]
    assert [row.points if row.admitted else word for row in done.trace.rows] == [
        line.split()[-1] for line in lines
    ]


@pytest.mark.parametrize("name", presets.PRESETS)
def test_chinese_is_chinese_and_english_is_english(name: str) -> None:
    title = presets.PRESETS[name]().title
    chinese = explain(of_preset(name), Language.ZH).replace(title, "")
    assert set(re.findall(r"[A-Za-z_]{3,}", chinese)) <= {"trimmed_mean", "lowest_price", "reserve", "float"}
    english = explain(of_preset(name), Language.EN).replace(title, "").replace("甲公司", "")
    formula = presets.PRESETS[name]()
    own = [one.title for one in formula.inputs] + [one.title for one in formula.aggregate]
    for word in sorted(own, key=len, reverse=True):
        english = english.replace(word, "")
    assert not re.search(r"[一-鿿]", english)


def test_a_rejected_bid_is_told_with_the_rule() -> None:
    text = explain(of_case("a validity band round the reserve rejects"), Language.ZH)
    assert "a 否决（band）" in text
    assert "报价 >= 0.85 × 100.00" in text


def test_names_of_bidders_stand_beside_their_ids() -> None:
    assert "b0 甲公司  94.33" in explain(of_preset("F2"), Language.EN)
