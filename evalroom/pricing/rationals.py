"""Exact numbers of a price formula: how they are read, written and, where declared, rounded.

No float comes near a price.  Grammar and rounding: docs/spec/price-formula.md §1 and §9.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

_NUMBER = re.compile(
    r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,12}|/[1-9][0-9]{0,14})?",
)
_MAX_EXPONENT = 32


class Rounding(StrEnum):
    """How a declared rounding treats what is cut off."""

    HALF_UP = "half_up"
    HALF_EVEN = "half_even"
    DOWN = "down"
    UP = "up"


@dataclass(frozen=True, slots=True)
class RoundingTerms:
    """A declared rounding: digits after the point, and the treatment of what is cut off."""

    digits: int
    mode: Rounding


_ROUNDS_UP: Mapping[Rounding, Callable[[int, int, int], bool]] = {
    Rounding.HALF_UP: lambda _, rest, whole: 2 * rest >= whole,
    Rounding.HALF_EVEN: lambda units, rest, whole: 2 * rest > whole or (2 * rest == whole and units % 2 == 1),
    Rounding.DOWN: lambda _, __, ___: False,
    Rounding.UP: lambda _, rest, __: rest > 0,
}
"""Units so far, the rest, and what makes a whole unit: whether one more is counted."""


def rational(value: Fraction) -> str:
    """Write an exact rational as `n/d` in lowest terms."""
    return f"{value.numerator}/{value.denominator}"


def parse_rational(text: str) -> Fraction:
    """Read `n/d`."""
    above, _, below = text.partition("/")
    return Fraction(int(above), int(below))


def is_number(text: str) -> bool:
    """Say whether `text` is a number of the language: a decimal, or a rational of two integers."""
    return _NUMBER.fullmatch(text) is not None


def number_text(value: object) -> str | None:
    """Return a number, as TOML and JSON readers give it, in the one form formulas keep, or None if it is none.

    Integers, decimals and texts are numbers; truth values and floats are not.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        text = str(value) if abs(value) < 10**15 else ""
    elif isinstance(value, Decimal):
        text = _plain(value)
    else:
        text = value if isinstance(value, str) else ""
    if not is_number(text):
        return None
    return text if isinstance(value, str) else text.replace("-0", "0") if Fraction(text) == 0 else text


def _plain(value: Decimal) -> str:
    # 1e99999999 is three bytes more than 1e9, and a hundred million when written out
    if not value.is_finite() or abs(value.adjusted()) > _MAX_EXPONENT:
        return ""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def in_units(value: Fraction, digits: int, mode: Rounding) -> int:
    """Round to a whole number of units of the last of `digits` digits after the point; they may be negative."""
    above, below = abs(value.numerator), value.denominator
    if digits >= 0:
        above *= 10**digits
    else:
        below *= 10**-digits
    units, rest = divmod(above, below)
    units += _ROUNDS_UP[mode](units, rest, below)
    return -units if value < 0 else units


def round_exactly(value: Fraction, digits: int, mode: Rounding) -> Fraction:
    """Round an exact rational as declared; the result is exact again."""
    units = in_units(value, digits, mode)
    return Fraction(units, 10**digits) if digits >= 0 else Fraction(units * 10**-digits)


def rounded(value: Fraction, terms: RoundingTerms) -> Decimal:
    """Round as declared, to a decimal with all its digits; the half goes away from zero when the mode is half-up."""
    units = in_units(value, terms.digits, terms.mode)
    return Decimal(units).scaleb(-terms.digits)
