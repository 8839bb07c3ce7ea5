"""What a run takes from outside: bids with their prices, and the values the formula leaves open.

Everything is text until it has been looked at, and a fault is named by its field: docs/spec/price-formula.md §4.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache

from evalroom.errors import MalformedName
from evalroom.ids import check_name
from evalroom.pricing.errors import BadPriceInput
from evalroom.pricing.formula import InputUnit, Per, PriceFormula, PriceInput, Quote
from evalroom.pricing.rationals import is_number
from evalroom.pricing.reading import not_a_number


@dataclass(frozen=True, slots=True)
class BidPrice:
    """A bid as the kernel takes it: its id, its price or rate as read out, and its own inputs, all as texts."""

    bid: str
    price: str
    valid: bool = True
    values: Mapping[str, str] = field(default_factory=dict)


def read_given(formula: PriceFormula, given: Mapping[str, str]) -> dict[str, Fraction]:
    """Return the value of every input of the tender, fixed or given.

    Raises:
        BadPriceInput: one is missing, unknown, no number, or none of the values it is drawn from.
    """
    open_ones = {one.name: one for one in formula.inputs_of(Per.TENDER) if not one.value}
    for name in given:
        if name not in open_ones:
            raise BadPriceInput(path=f"given.{name}", problem="the formula leaves no such value open")
    found = {}
    for one in formula.inputs_of(Per.TENDER):
        text = one.value or given.get(one.name)
        found[one.name] = _read_value(one, text, f"given.{one.name}")
    return found


def _read_value(declared: PriceInput, text: str | None, path: str) -> Fraction:
    if text is None:
        choices = ", ".join(declared.choices)
        raise BadPriceInput(
            path=path,
            problem=f"this value is missing; drawn from {choices}" if choices else "this value is missing",
        )
    value = _read_number(text, path)
    if declared.unit is InputUnit.FEN and value.denominator != 1:
        raise BadPriceInput(path=path, problem="money is in whole fen", found=text[:40])
    if declared.choices and value not in [number(one) for one in declared.choices]:
        raise BadPriceInput(path=path, problem="not one of " + ", ".join(declared.choices), found=text[:40])
    return value


def _read_number(text: str, path: str) -> Fraction:
    if not is_number(text):
        raise BadPriceInput(path=path, problem=not_a_number(text), found=text[:40])
    return number(text)


def check_bids(formula: PriceFormula, bids: Sequence[BidPrice]) -> None:
    """Refuse bids that cannot be computed with, by their place in the list that was handed in.

    Raises:
        BadPriceInput: with the path of the field.
    """
    if not bids:
        raise BadPriceInput(path="bids", problem="there is no bid")
    declared = {one.name: one for one in formula.inputs_of(Per.BID)}
    seen: set[str] = set()
    for index, one in enumerate(bids):
        path = f"bids[{index}]"
        _check_id(one.bid, seen, f"{path}.bid")
        _check_price(formula.quote, one.price, f"{path}.price")
        for name, text in one.values.items():
            if name not in declared:
                raise BadPriceInput(
                    path=f"{path}.values.{name}", problem="the formula knows no such value", bid=one.bid
                )
            _read_value(declared[name], text, f"{path}.values.{name}")
        for name, each in declared.items():
            if name not in one.values and not each.value and not each.optional:
                raise BadPriceInput(
                    path=f"{path}.values.{name}", problem="this value is missing", bid=one.bid
                )


def _check_id(bid: str, seen: set[str], path: str) -> None:
    try:
        check_name(bid)
    except MalformedName:
        raise BadPriceInput(
            path=path, problem="an id holds ASCII letters, digits, dot, dash and underscore", found=bid[:40]
        ) from None
    if bid in seen:
        raise BadPriceInput(path=path, problem="the bid is there twice", found=bid)
    seen.add(bid)


def _check_price(quote: Quote, text: str, path: str) -> None:
    value = _read_number(text, path)
    if quote is Quote.FEN and value <= 0:
        raise BadPriceInput(path=path, problem="a price is above 0", found=text)
    if quote is Quote.FEN and value.denominator != 1:
        raise BadPriceInput(path=path, problem="money is in whole fen", found=text)


@lru_cache(maxsize=4096)
def number(text: str) -> Fraction:
    """Return the exact value of a number's text."""
    return Fraction(text)


def own_value(declared: PriceInput, bid: BidPrice) -> Fraction | None:
    """Return a bid's value of an input, None where an optional one is not there."""
    text = bid.values.get(declared.name) or declared.value
    return number(text) if text else None
