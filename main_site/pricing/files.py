"""A file with a formula, bids and drawn values, in TOML or JSON: read strictly, faults named by their field.

formula = "F5"                 # a preset, or a table [formula] as docs/spec/price-formula.md has it
given = {K = "0.97"}           # values the formula leaves open; money in fen
[[bids]]
bid = "A"                      # id; `bidder` is a name beside it
price = "95.00"                # yuan; or price_fen = 9500; a rate, where the formula takes rates
values = {small = 1}           # the bid's own inputs
"""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from evalroom.errors import Refusal
from evalroom.pricing.checking import check_formula
from evalroom.pricing.errors import BadPriceInput
from evalroom.pricing.formula import PriceFormula, Quote
from evalroom.pricing.inputs import BidPrice
from evalroom.pricing.presets import PRESETS
from evalroom.pricing.rationals import is_number, number_text
from evalroom.pricing.reading import malformed, not_a_number, read_formula
from evalroom.pricing.running import run
from evalroom.pricing.trace import PriceTrace

MAX_BYTES = 1_000_000
FEN = 100
_MEMBERS = frozenset({"formula", "given", "bids"})
_OF_BID = frozenset({"bid", "bidder", "price", "price_fen", "valid", "values"})


class UnreadableFile(Refusal):
    """The file could not be read as TOML or JSON: correct it at the place named. Nothing was computed."""

    code = "price_file"


@dataclass(frozen=True, slots=True)
class Calculation:
    """What a file asks for, and what comes out; `bidders` are the names beside the ids."""

    formula: PriceFormula
    bids: tuple[BidPrice, ...]
    given: Mapping[str, str]
    bidders: Mapping[str, str]
    trace: PriceTrace


def calculate(path: Path) -> Calculation:
    """Read a file, check its formula with its samples, and run it.

    Raises:
        UnreadableFile: no such file, too large, or neither TOML nor JSON.
        FormulaMalformed, FormulaWithoutSample, SampleDiffers: the formula cannot be used.
        BadPriceInput: a bid or a given value is wrong, with its field.
        NothingToPrice, TrimsTooMany, FormulaUndefined: there is no result for these bids.
    """
    document = parse_file(path)
    for name in document:
        if name not in _MEMBERS:
            raise malformed(str(name), "there is no such member; there are formula, given, bids")
    formula = _formula(document.get("formula"))
    check_formula(formula)
    given = {
        name: _text(one, f"given.{name}") for name, one in _table(document.get("given", {}), "given").items()
    }
    entries = document.get("bids")
    if not isinstance(entries, list):
        raise BadPriceInput(path="bids", problem="there is no list of bids")
    bids = tuple(_bid(entry, f"bids[{index}]", formula.quote) for index, entry in enumerate(entries))
    trace = run(formula, bids, given)
    return Calculation(formula, bids, given, _bidders(entries), trace)


def parse_file(path: Path) -> Mapping[str, Any]:
    """Return the table in a file: JSON where its name ends so, else TOML; fractions come as exact decimals.

    Raises:
        UnreadableFile: no such file, too large, or of another form.
    """
    try:
        data = path.read_bytes()
        if len(data) > MAX_BYTES:
            raise UnreadableFile(file=path.name, problem=f"larger than {MAX_BYTES} bytes")
        text = data.decode("utf-8-sig")
        if path.suffix.lower() == ".json":
            value = json.loads(text, parse_float=Decimal, parse_constant=_refuse, object_pairs_hook=_once)
        else:
            value = tomllib.loads(text, parse_float=Decimal)
    except OSError as why:
        raise UnreadableFile(file=path.name, problem=why.strerror or type(why).__name__) from None
    except UnicodeDecodeError:
        raise UnreadableFile(file=path.name, problem="not text in UTF-8") from None
    except (ValueError, ArithmeticError, RecursionError) as why:
        raise UnreadableFile(file=path.name, problem=str(why)[:200] or type(why).__name__) from None
    if not isinstance(value, dict):
        raise UnreadableFile(file=path.name, problem="a table with named members is expected")
    return value


def _refuse(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member stands twice")
    return members


def _formula(value: object) -> PriceFormula:
    if isinstance(value, str):
        if value not in PRESETS:
            raise malformed("formula", f"no preset of this name; there are {', '.join(PRESETS)}", value)
        return PRESETS[value]()
    if value is None:
        raise malformed("formula", "this member is missing")
    return read_formula(value, "formula")


def _bid(value: object, path: str, quote: Quote) -> BidPrice:
    entry = _table(value, path)
    for name in entry:
        if name not in _OF_BID:
            raise BadPriceInput(path=f"{path}.{name}", problem="there is no such member")
    valid, bid = entry.get("valid", True), entry.get("bid")
    if not isinstance(valid, bool):
        raise BadPriceInput(path=f"{path}.valid", problem="true or false is expected here")
    if not isinstance(bid, str):
        raise BadPriceInput(path=f"{path}.bid", problem="an id as a text is expected here")
    values = _table(entry.get("values", {}), f"{path}.values")
    texts = {name: _text(one, f"{path}.values.{name}") for name, one in values.items()}
    return BidPrice(bid, _price(entry, path, quote), valid, texts)


def _price(entry: Mapping[str, Any], path: str, quote: Quote) -> str:
    """Return the price as the kernel takes it: whole fen, or the rate as it is."""
    if "price_fen" in entry and "price" in entry:
        raise BadPriceInput(path=f"{path}.price_fen", problem="the price is there twice, in yuan and in fen")
    if "price_fen" in entry:
        return _text(entry["price_fen"], f"{path}.price_fen")
    if "price" not in entry:
        raise BadPriceInput(path=f"{path}.price", problem="the price is missing")
    text = _text(entry["price"], f"{path}.price")
    if quote is Quote.RATE:
        return text
    fen = Fraction(text) * FEN
    if fen.denominator != 1:
        raise BadPriceInput(
            path=f"{path}.price", problem="yuan have at most two digits after the point", found=text[:40]
        )
    return str(fen.numerator)


def _bidders(entries: list[Any]) -> dict[str, str]:
    names: dict[str, str] = {}
    for index, entry in enumerate(entries):
        name = entry.get("bidder", "")
        if not isinstance(name, str):
            raise BadPriceInput(path=f"bids[{index}].bidder", problem="a text is expected here")
        if name and name in names.values():
            raise BadPriceInput(
                path=f"bids[{index}].bidder", problem="the bidder is there twice", found=name[:60]
            )
        names[entry["bid"]] = name
    return names


def _table(value: object, path: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise BadPriceInput(path=path, problem="a table with named members is expected here")
    return value


def _text(value: object, path: str) -> str:
    text = number_text(value)
    if text is None or not is_number(text):
        raise BadPriceInput(path=path, problem=not_a_number(value), found=str(value)[:40])
    return text
