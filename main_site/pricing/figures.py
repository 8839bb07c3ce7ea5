"""Numbers and expressions as people read them: yuan with two digits, decimals cut where they never end."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from evalroom.pricing.formula import Expr, Op, Operation
from evalroom.pricing.rationals import Rounding, RoundingTerms, is_number, rounded

MOST_SHOWN = 12
"""Prices of one mean that are written out; more are counted."""

_DIGITS = 6
_SIGNS: Mapping[Op, str] = {
    Op.SUM: " + ", Op.DIFFERENCE: " − ", Op.PRODUCT: " × ", Op.QUOTIENT: " ÷ ",
}  # fmt: skip


def figure(value: Fraction, digits: int = 0) -> str:
    """Write a number: exactly where it ends within six digits, else rounded there and marked."""
    exact = (value * 10**_DIGITS).denominator == 1
    text = f"{rounded(value, RoundingTerms(_DIGITS, Rounding.HALF_UP)):f}".rstrip("0").rstrip(".")
    whole, _, after = text.partition(".")
    padded = f"{whole}.{after.ljust(digits, '0')}" if digits else text
    return padded.replace("-", "−") if exact else "≈" + padded.replace("-", "−")


def yuan(fen: Fraction) -> str:
    """Write money in yuan, with two digits at least."""
    return figure(fen / 100, 2)


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes expressions with their numbers.

    `value` gives what a name stands for, or None where it differs from bid to bid; `members` writes the prices (or
    other values) that an operation over a set works on; `money` are the names that stand for money.
    """

    value: Callable[[str], Fraction | None]
    members: Callable[[Expr, Expr], list[str]]
    words: Mapping[Op, str]
    nth: Mapping[Op, str]
    money: frozenset[str] = field(default=frozenset())

    def power(self, expr: Expr) -> int | None:
        """Say how often money is a factor: 1 for an amount, 0 for a number, None for a bare constant."""
        if not isinstance(expr, Operation):
            return None if is_number(expr) else int(expr in self.money)
        match expr.op:
            case Op.COUNT:
                return 0
            case Op.PRODUCT:
                return sum(self.power(one) or 0 for one in expr.of)
            case Op.QUOTIENT:
                return (self.power(expr.of[0]) or 0) - (self.power(expr.of[1]) or 0)
            case Op.TOTAL | Op.MEAN | Op.MEDIAN | Op.LOWEST | Op.HIGHEST:
                return self.power(expr.of[1] if len(expr.of) > 1 else "price")
            case _:
                return next((found for found in map(self.power, expr.of) if found is not None), None)

    def amount(self, value: Fraction, power: int | None) -> str:
        """Write a value: in yuan when it is money."""
        return yuan(value) if power == 1 else figure(value)

    def write(self, expr: Expr, power: int | None = None, *, inside: bool = False) -> str:
        """Write an expression with its numbers; `power` tells what a bare constant counts."""
        if not isinstance(expr, Operation):
            return self._leaf(expr, power)
        if expr.op in self.words and expr.op in _OVER_SETS:
            return self._over_set(expr, inside=inside)
        kind = self.power(expr)
        if expr.op in _SIGNS:
            each = kind if expr.op in {Op.SUM, Op.DIFFERENCE} else None
            text = _SIGNS[expr.op].join(self.write(one, each, inside=True) for one in expr.of)
            return f"({text})" if inside else text
        parts = ", ".join(self.write(one, kind) for one in expr.of)
        return f"{self.words[expr.op]}({parts})"

    def _leaf(self, name: str, power: int | None) -> str:
        if is_number(name):
            return self.amount(Fraction(name), power)
        value = self.value(name)
        return name if value is None else self.amount(value, self.power(name))

    def _over_set(self, node: Operation, *, inside: bool) -> str:
        value = node.of[1] if len(node.of) > 1 else "price"
        found = shown = self.members(node.of[0], value)
        if node.op is Op.COUNT:
            return str(len(found))
        if len(shown) > MOST_SHOWN:
            shown = [*shown[: MOST_SHOWN - 1], "…"]
        if node.op in {Op.MEAN, Op.TOTAL}:
            text = "(" + " + ".join(shown) + ")" if len(shown) > 1 or inside else "".join(shown)
            return f"{text} ÷ {len(found)}" if node.op is Op.MEAN else text
        place = str(node.of[2]) if len(node.of) > 2 else "1"
        word = self.words[node.op] if place == "1" else self.nth[node.op].format(place)
        return f"{word}({', '.join(shown)})"


_OVER_SETS = frozenset({Op.COUNT, Op.TOTAL, Op.MEAN, Op.MEDIAN, Op.LOWEST, Op.HIGHEST})
