"""Numbers and their rounding."""

from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalroom.pricing.rationals import (
    Rounding,
    RoundingTerms,
    in_units,
    is_number,
    number_text,
    parse_rational,
    rational,
    round_exactly,
    rounded,
)

MODES = {
    Rounding.HALF_UP: ROUND_HALF_UP,
    Rounding.HALF_EVEN: ROUND_HALF_EVEN,
    Rounding.DOWN: ROUND_DOWN,
    Rounding.UP: ROUND_UP,
}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+1",
        "01",
        "1.",
        ".5",
        "1e3",
        "1/0",
        "1/02",
        "1//2",
        "0x1",
        "１",
        "٣",
        "1 ",
        "-",
        "1.2/3",
        "1" * 16,
    ],
)
def test_what_is_no_number_is_none(text: str) -> None:
    assert not is_number(text)
    assert number_text(text) is None


@pytest.mark.parametrize("text", ["0", "-1", "0.5", "-12.000", "1/3", "-7/15", "9" * 15])
def test_what_is_a_number_is_kept_as_it_is_written(text: str) -> None:
    assert text == number_text(text)


@pytest.mark.parametrize("bad", [True, None, 0.5, 1j, [], Decimal("Infinity")])
def test_a_float_is_no_number(bad: object) -> None:
    assert number_text(bad) is None


@pytest.mark.parametrize(
    ("value", "mode", "expected"),
    [
        ("2.345", Rounding.HALF_UP, "2.35"),
        ("2.345", Rounding.HALF_EVEN, "2.34"),
        ("2.355", Rounding.HALF_EVEN, "2.36"),
        ("2.345", Rounding.DOWN, "2.34"),
        ("2.341", Rounding.UP, "2.35"),
        ("2.34", Rounding.UP, "2.34"),
        ("2.349999999999999999999", Rounding.HALF_UP, "2.35"),
        ("2.344999999999999999999", Rounding.HALF_UP, "2.34"),
        ("2.349", Rounding.DOWN, "2.34"),
        ("-2.345", Rounding.HALF_UP, "-2.35"),
        ("-2.345", Rounding.DOWN, "-2.34"),
        ("-2.341", Rounding.UP, "-2.35"),
        ("-0.001", Rounding.HALF_UP, "0.00"),
        ("0", Rounding.HALF_UP, "0.00"),
        ("99.995", Rounding.HALF_UP, "100.00"),
    ],
)
def test_the_half_goes_where_the_terms_say(value: str, mode: Rounding, expected: str) -> None:
    assert expected == str(rounded(Fraction(value), RoundingTerms(2, mode)))


def test_digits_below_zero_round_to_tens_and_hundreds() -> None:
    assert 12_300 == round_exactly(Fraction(12_345), -2, Rounding.HALF_UP)
    assert -13_000 == round_exactly(Fraction(-12_345), -3, Rounding.UP)
    assert 12 == in_units(Fraction(12_345), -3, Rounding.DOWN)


def test_no_digits_is_whole_points() -> None:
    assert "3" == str(rounded(Fraction(5, 2), RoundingTerms(0, Rounding.HALF_UP)))


@given(st.decimals(min_value=-1000, max_value=1000, places=8), st.integers(0, 4), st.sampled_from(Rounding))
def test_rounding_agrees_with_the_standard_library(value: Decimal, digits: int, mode: Rounding) -> None:
    expected = value.quantize(Decimal(1).scaleb(-digits), rounding=MODES[mode])
    text = str(rounded(Fraction(value), RoundingTerms(digits, mode)))
    assert Decimal(text) == expected
    assert "E" not in text
    assert digits == len(text.partition(".")[2])
    assert Fraction(text) == round_exactly(Fraction(value), digits, mode)


@given(st.fractions())
def test_an_exact_rational_survives_being_written(value: Fraction) -> None:
    assert value == parse_rational(rational(value))
