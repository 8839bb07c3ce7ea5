"""What tenders ask of the language, each as a formula worked by hand: the tests, the vectors and the bench share it.

Prices are in yuan here and become fen; a case without a base has no deviation.  Expected are the points as published.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from evalroom.pricing import presets
from evalroom.pricing.checking import check_form
from evalroom.pricing.formula import PriceFormula
from evalroom.pricing.inputs import BidPrice
from evalroom.pricing.reading import read_formula
from evalroom.pricing.running import run
from evalroom.pricing.trace import PriceTrace

Plain = dict[str, Any]

MEAN = {"name": "base", "value": {"op": "mean", "of": ["kept"]}}
RATIO = {
    "kind": "value",
    "value": {"op": "quotient", "of": [{"op": "product", "of": ["full", "base"]}, "price"]},
}
ONE_PERCENT = {"kind": "penalty", "above": [{"rate": "1"}], "below": [{"rate": "1"}]}
PER_BID = {"per": "bid"}


@dataclass(frozen=True, slots=True)
class Case:
    """A formula, bids, what is given, and the points that must come out."""

    formula: Plain
    prices: Mapping[str, str]
    points: Mapping[str, str]
    given: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def read(self) -> PriceFormula:
        return read_formula({"name": "case", "weight": "100", **self.formula})

    def bids(self) -> list[BidPrice]:
        fen = self.formula.get("quote", "fen") == "fen"
        return [
            BidPrice(bid, str(Fraction(price) * 100) if fen else price, values=self.values.get(bid, {}))
            for bid, price in self.prices.items()
        ]

    def run(self) -> PriceTrace:
        formula = self.read()
        check_form(formula)
        return run(formula, self.bids(), self.given)


def priced(formula: PriceFormula, prices: Sequence[int | str], **given: str) -> list[str]:
    """Run a formula over prices in yuan, of bids `a`, `b`, …, and return their points."""
    bids = [
        BidPrice(chr(ord("a") + index), str(Fraction(str(price)) * 100)) for index, price in enumerate(prices)
    ]
    return [row.points for row in run(formula, bids, given).rows]


def prices_of(*prices: int | str) -> dict[str, str]:
    return {chr(ord("a") + index): str(price) for index, price in enumerate(prices)}


def points_of(*points: str) -> dict[str, str]:
    return prices_of(*points)


def _op(op: str, *of: Any) -> Plain:  # noqa: ANN401 - texts and operations
    return {"op": op, "of": list(of)}


def _if(left: Any, test: str, right: Any) -> Plain:  # noqa: ANN401 - texts and operations
    return {"left": left, "test": test, "right": right}


FIRST = {"name": "A1", "value": _op("mean", "kept")}
NEAR = {
    "name": "near",
    "of": "kept",
    "where": [
        _if("price", ">=", _op("product", "0.9", "A1")),
        _if("price", "<=", _op("product", "1.1", "A1")),
    ],
}

CASES: Mapping[str, Case] = {
    "trim tables with unequal counts, the trimmed without points": Case(
        {
            "trim": {
                "rows": [{"from_bids": 5, "high": 2, "low": 1}, {"from_bids": 3, "high": 1, "low": 0}],
                "scored": False,
            },
            "aggregate": [MEAN],
            "score": ONE_PERCENT,
        },
        prices_of(90, 95, 105, 110, 130),
        points_of("0.00", "95.00", "95.00", "0.00", "0.00"),  # base (95 + 105) / 2
    ),
    "the trimmed still scored": Case(
        {
            "trim": {"rows": [{"from_bids": 3, "high": 1, "low": 1}]},
            "aggregate": [MEAN],
            "score": ONE_PERCENT,
        },
        prices_of(80, 100, 130),
        points_of("80.00", "100.00", "70.00"),
    ),
    "a second pass averages again what lies near a first mean": Case(
        {"aggregate": [FIRST, NEAR, {"name": "base", "value": _op("mean", "near")}], "score": ONE_PERCENT},
        prices_of(80, 96, 100, 104, 130),  # A1 = 102, near 91.8 to 112.2: 96, 100, 104
        points_of("80.00", "96.00", "100.00", "96.00", "70.00"),
    ),
    "a second pass adds the lowest left": Case(
        {
            "aggregate": [
                FIRST,
                NEAR,
                {
                    "name": "base",
                    "value": _op("quotient", _op("sum", _op("mean", "near"), _op("lowest", "near")), "2"),
                },
            ],
            "score": ONE_PERCENT,
        },
        prices_of(80, 96, 104, 130, 100),  # (100 + 96) / 2 = 98
        points_of("81.63", "97.96", "93.88", "67.35", "97.96"),
    ),
    "if nothing lies near, nothing is left out": Case(
        {
            "aggregate": [
                FIRST,
                NEAR,
                {"name": "pool", "of": "near", "when": [_if(_op("count", "near"), ">", "0")]},
                {"name": "pool", "of": "kept"},
                {"name": "base", "value": _op("mean", "pool")},
            ],
            "score": ONE_PERCENT,
        },
        prices_of(50, 150),
        points_of("50.00", "50.00"),
    ),
    "a base from the technically best two": Case(
        {
            "inputs": [{"name": "technical", **PER_BID}],
            "aggregate": [
                {
                    "name": "best",
                    "of": "kept",
                    "where": [_if("technical", ">=", _op("highest", "kept", "technical", "2"))],
                },
                {"name": "base", "value": _op("mean", "best")},
            ],
            "score": ONE_PERCENT,
        },
        prices_of(90, 100, 110),
        points_of("85.71", "95.24", "95.24"),  # base 105
        values={"a": {"technical": "40"}, "b": {"technical": "45.5"}, "c": {"technical": "42"}},
    ),
    "the median": Case(
        {"aggregate": [{"name": "base", "value": _op("median", "kept")}], "score": ONE_PERCENT},
        prices_of(90, 99, 101, 200),
        points_of("90.00", "99.00", "99.00", "0.00"),
    ),
    "the second lowest": Case(
        {"aggregate": [{"name": "base", "value": _op("lowest", "kept", "price", "2")}], "score": ONE_PERCENT},
        prices_of(90, 100, 110),
        points_of("90.00", "100.00", "90.00"),
    ),
    "F14 a second mean: that of the mean and of what lies below it": Case(
        {
            "aggregate": [
                FIRST,
                {"name": "lower", "of": "kept", "where": [_if("price", "<", "A1")]},
                {"name": "A2", "value": _op("mean", "lower")},
                {"name": "base", "value": _op("quotient", _op("sum", "A1", "A2"), "2")},
            ],
            "score": ONE_PERCENT,
        },
        prices_of(90, 98, 112),  # A1 = 100, A2 = 94, base 97
        points_of("92.78", "98.97", "84.54"),
    ),
    "F14 one of three methods, drawn": Case(
        {
            "inputs": [{"name": "method", "choices": ["1", "2", "3"]}],
            "aggregate": [
                {"name": "base", "value": _op("mean", "kept"), "when": [_if("method", "=", "1")]},
                {"name": "base", "value": _op("lowest", "kept"), "when": [_if("method", "=", "2")]},
                {"name": "base", "value": _op("median", "kept")},
            ],
            "score": ONE_PERCENT,
        },
        prices_of(80, 100, 150),
        points_of("100.00", "75.00", "12.50"),
        given={"method": "2"},
    ),
    "F14 a base of the region, given from outside": Case(
        {
            "inputs": [{"name": "regional", "unit": "fen"}],
            "aggregate": [{"name": "base", "value": "regional"}],
            "score": ONE_PERCENT,
        },
        prices_of(98, 103),
        points_of("98.00", "97.00"),
        given={"regional": "10000"},
    ),
    "a weighted mix of ceiling, reserve and mean": Case(
        {
            "inputs": [
                {"name": "ceiling", "unit": "fen", "value": "12000"},
                {"name": "reserve", "unit": "fen"},
            ],
            "aggregate": [
                {
                    "name": "base",
                    "value": _op(
                        "sum",
                        _op("product", "0.3", "ceiling"),
                        _op("product", "0.3", "reserve"),
                        _op("product", "0.4", _op("mean", "kept")),
                    ),
                }
            ],
            "score": ONE_PERCENT,
        },
        prices_of(90, 110),  # 36 + 30 + 40 = 106
        points_of("84.91", "96.23"),
        given={"reserve": "10000"},
    ),
    "a compound base times a drawn K": Case(
        {
            "inputs": [{"name": "reserve", "unit": "fen"}, {"name": "K", "choices": ["0.95", "0.98"]}],
            "aggregate": [
                FIRST,
                {
                    "name": "base",
                    "value": _op("sum", _op("product", "0.8", "A1"), _op("product", "0.2", "reserve")),
                },
            ],
            "shift": "K",
            "score": ONE_PERCENT,
        },
        prices_of(95, 105),  # (0.8 x 100 + 0.2 x 120) x 0.95 = 98.8
        points_of("96.15", "93.72"),
        given={"reserve": "12000", "K": "0.95"},
    ),
    "a mean weighted bid by bid": Case(
        {
            "inputs": [{"name": "share", **PER_BID}],
            "aggregate": [
                {
                    "name": "base",
                    "value": _op(
                        "quotient",
                        _op("total", "kept", _op("product", "share", "price")),
                        _op("total", "kept", "share"),
                    ),
                }
            ],
            "score": ONE_PERCENT,
        },
        prices_of(100, 200),  # (3 x 100 + 1 x 200) / 4 = 125
        points_of("80.00", "40.00"),
        values={"a": {"share": "3"}, "b": {"share": "1"}},
    ),
    "F10 lowest evaluated: corrections and evaluated cost": Case(
        {
            "inputs": [
                {"name": "correction", "unit": "fen", "value": "0", **PER_BID},
                {"name": "cost", "unit": "fen", "value": "0", **PER_BID},
            ],
            "adjust": [
                {"name": "arithmetic", "price": _op("sum", "price", "correction")},
                {"name": "evaluated", "price": _op("sum", "price", "cost")},
            ],
            "aggregate": [{"name": "base", "value": _op("lowest", "admitted")}],
            "score": RATIO,
            "ties": [{"by": "price", "order": "lowest"}],
        },
        prices_of(100, 95, 90),  # evaluated 100, 98, 105
        points_of("98.00", "100.00", "93.33"),
        values={"b": {"cost": "300"}, "c": {"correction": "500", "cost": "1000"}},
    ),
    "F11 weighted parts, a credit, and co-building 1 or 1.5": Case(
        {
            "inputs": [
                {"name": "quality", **PER_BID},
                {"name": "credit", **PER_BID},
                {"name": "cobuild", "value": "0", "per": "bid"},
            ],
            "score": {
                "kind": "value",
                "value": _op(
                    "sum",
                    _op("product", "0.6", "quality"),
                    _op(
                        "product",
                        "0.3",
                        _op("quotient", _op("product", "100", _op("lowest", "admitted")), "price"),
                    ),
                    _op("product", "0.1", "credit"),
                    "cobuild",
                ),
            },
        },
        prices_of(100, 125),
        points_of("87.50", "88.50"),
        values={
            "a": {"quality": "80", "credit": "80", "cobuild": "1.5"},
            "b": {"quality": "90", "credit": "100", "cobuild": "0.5"},
        },
    ),
    "F12 full marks less listed facts": Case(
        {
            "inputs": [
                {"name": "late", "value": "0", **PER_BID},
                {"name": "defects", "value": "0", **PER_BID},
            ],
            "score": {
                "kind": "value",
                "full": "20",
                "value": _op(
                    "difference",
                    "full",
                    _op("sum", _op("product", "2", "late"), _op("product", "0.5", "defects")),
                ),
            },
            "weight": "20",
        },
        prices_of(1, 1, 1),
        points_of("20.00", "14.50", "0.00"),
        values={"b": {"late": "2", "defects": "3"}, "c": {"late": "11"}},
    ),
    "a validity band round the reserve rejects": Case(
        {
            "inputs": [{"name": "reserve", "unit": "fen"}],
            "admit": [
                {
                    "name": "band",
                    "keep": [
                        _if("read", ">=", _op("product", "0.85", "reserve")),
                        _if("read", "<=", _op("product", "1.05", "reserve")),
                    ],
                }
            ],
            "aggregate": [MEAN],
            "score": ONE_PERCENT,
        },
        prices_of("84.99", 85, 105, "105.01"),  # base 95
        points_of("out", "89.47", "89.47", "out"),
        given={"reserve": "10000"},
    ),
    "a validity band round the mean leaves no points but the rank": Case(
        {
            "admit": [
                {
                    "name": "band",
                    "keep": [_if("read", ">=", _op("product", "0.8", _op("mean", "admitted")))],
                    "otherwise": "zero",
                }
            ],
            "aggregate": [MEAN],
            "score": ONE_PERCENT,
        },
        prices_of(70, 120, 110),  # mean 100; base 115
        points_of("0.00", "95.65", "95.65"),
    ),
    "full marks below the base": Case(
        {"aggregate": [MEAN], "score": {"kind": "penalty", "above": [{"rate": "2"}]}},
        prices_of(80, 120),
        points_of("100.00", "60.00"),
    ),
    "rising down to five percent below, then falling": Case(
        {
            "aggregate": [MEAN],
            "score": {
                "kind": "penalty",
                "full": "90",
                "above": [{"rate": "1"}],
                "below": [{"rate": "-2", "to": "5"}, {"rate": "1"}],
            },
            "weight": "90",
        },
        prices_of(90, 95, 100, 115),  # base 100
        points_of("95.00", "100.00", "90.00", "75.00"),
    ),
    "points of the reserve price instead of percent of the base": Case(
        {
            "inputs": [{"name": "reserve", "unit": "fen"}],
            "aggregate": [MEAN],
            "deviate": {"of": "reserve"},
            "score": ONE_PERCENT,
        },
        prices_of(90, 110),  # 10 of 125 is 8 points
        points_of("92.00", "92.00"),
        given={"reserve": "12500"},
    ),
    "caps and bounds on either side": Case(
        {
            "aggregate": [{"name": "base", "value": "10000"}],
            "score": {
                "kind": "penalty",
                "above": [{"rate": "3"}],
                "below": [{"rate": "-1"}],
                "cap_above": "20",
            },
            "floor": {"least": "85", "most": "103"},
        },
        prices_of(90, 98, 104, 130),
        points_of("103.00", "102.00", "88.00", "85.00"),
    ),
    "whole steps, a started one counts": Case(
        {"aggregate": [{"name": "base", "value": "10000"}], "score": {**ONE_PERCENT, "steps": "up"}},
        prices_of(100, "100.01", 101, "98.9"),
        points_of("100.00", "99.00", "99.00", "98.00"),
    ),
    "whole steps of half a percent, only full ones count": Case(
        {
            "aggregate": [{"name": "base", "value": "10000"}],
            "score": {**ONE_PERCENT, "steps": "down", "step": "0.5"},
        },
        prices_of("100.49", "100.99", "99.01", "99"),
        points_of("100.00", "99.50", "99.50", "99.00"),
    ),
    "whole steps, to the nearest": Case(
        {"aggregate": [{"name": "base", "value": "10000"}], "score": {**ONE_PERCENT, "steps": "nearest"}},
        prices_of("100.49", "100.5", "98.51", "98.5"),
        points_of("100.00", "99.00", "99.00", "98.00"),
    ),
    "a table, interpolated": Case(
        {
            "aggregate": [{"name": "base", "value": "10000"}],
            "score": {
                "kind": "table",
                "rows": [
                    {"at": "-10", "points": "80"},
                    {"at": "-3", "points": "100"},
                    {"at": "5", "points": "60"},
                ],
            },
        },
        prices_of(80, 90, "93.5", 97, 101, 105, 120),
        points_of("80.00", "80.00", "90.00", "100.00", "80.00", "60.00", "60.00"),
    ),
    "a table in bands": Case(
        {
            "aggregate": [{"name": "base", "value": "10000"}],
            "score": {
                "kind": "table",
                "between": "step",
                "rows": [
                    {"at": "-5", "points": "90"},
                    {"at": "0", "points": "100"},
                    {"at": "5", "points": "60"},
                ],
            },
        },
        prices_of(94, 95, "99.99", 100, 105, 200),
        points_of("90.00", "90.00", "90.00", "100.00", "60.00", "60.00"),
    ),
    "a group minimum eliminates": Case(
        {
            "inputs": [{"name": "technical", **PER_BID}],
            "admit": [{"name": "minimum", "keep": [_if("technical", ">=", _op("product", "0.6", "50"))]}],
            "aggregate": [{"name": "base", "value": _op("lowest", "admitted")}],
            "score": RATIO,
        },
        prices_of(50, 80, 100),
        points_of("out", "100.00", "80.00"),
        values={"a": {"technical": "29.99"}, "b": {"technical": "30"}, "c": {"technical": "41"}},
    ),
    "relative points for another criterion, the best has 100": Case(
        {
            "inputs": [{"name": "days", **PER_BID}],
            "score": {
                "kind": "value",
                "value": _op("quotient", _op("product", "100", _op("lowest", "admitted", "days")), "days"),
            },
            "weight": "10",
        },
        prices_of(1, 1, 1),
        points_of("10.00", "7.50", "5.00"),
        values={"a": {"days": "30"}, "b": {"days": "40"}, "c": {"days": "60"}},
    ),
    "bids as a rate of discount, where higher is better": Case(
        {
            "quote": "rate",
            "trim": {"rows": [{"from_bids": 4, "high": 1, "low": 1}]},
            "aggregate": [MEAN],
            "deviate": {"better": "higher", "of": "100"},
            "score": {"kind": "penalty", "above": [{"rate": "2"}], "below": [{"rate": "1"}]},
        },
        prices_of("5", "9.5", "10.5", "20"),  # base 10; 5 is five points worse
        points_of("90.00", "99.00", "99.50", "90.00"),
    ),
    "a rate of discount against the best": Case(
        {
            "quote": "rate",
            "aggregate": [{"name": "base", "value": _op("highest", "admitted")}],
            "score": {"kind": "value", "value": _op("quotient", _op("product", "full", "price"), "base")},
            "ties": [{"by": "read", "order": "highest"}],
        },
        prices_of("12.5", "10", "0"),
        points_of("100.00", "80.00", "0.00"),
    ),
    "preference as a deduction": Case(
        {
            "inputs": [{"name": "small", "value": "0", **PER_BID}],
            "adjust": [
                {
                    "name": "preference",
                    "when": [_if("small", "=", "1")],
                    "price": _op("product", "price", "0.9"),
                },
            ],
            "aggregate": [{"name": "base", "value": _op("lowest", "admitted")}],
            "score": RATIO,
        },
        prices_of(100, 95),  # 90 against 95
        points_of("100.00", "94.74"),
        values={"a": {"small": "1"}},
    ),
    "preference as a mark-up of the others": Case(
        {
            "inputs": [{"name": "domestic", "value": "0", **PER_BID}],
            "adjust": [
                {
                    "name": "preference",
                    "when": [_if("domestic", "!=", "1")],
                    "price": _op("product", "price", "1.2"),
                },
            ],
            "aggregate": [{"name": "base", "value": _op("lowest", "admitted")}],
            "score": RATIO,
        },
        prices_of(100, 90),  # 100 against 108
        points_of("100.00", "92.59"),
        values={"a": {"domestic": "1"}},
    ),
    "a second price counts where there is one": Case(
        {
            "inputs": [{"name": "second", "unit": "fen", "optional": True, **PER_BID}],
            "adjust": [{"name": "last", "price": _op("else", "second", "price")}],
            "aggregate": [{"name": "base", "value": _op("lowest", "admitted")}],
            "score": RATIO,
        },
        prices_of(100, 90),
        points_of("100.00", "88.89"),
        values={"a": {"second": "8000"}},
    ),
    "who was awarded another lot is not admitted": Case(
        {
            "inputs": [{"name": "awarded", "value": "0", **PER_BID}, {"name": "most", "value": "1"}],
            "admit": [{"name": "one_lot_each", "keep": [_if("awarded", "<", "most")]}],
            "aggregate": [{"name": "base", "value": _op("lowest", "admitted")}],
            "score": RATIO,
        },
        prices_of(80, 100, 125),
        points_of("out", "100.00", "80.00"),
        values={"a": {"awarded": "1"}},
    ),
    "rounding after every stage": Case(
        {
            "aggregate": [FIRST, {"name": "base", "value": "A1"}],
            "shift": "0.98",
            "score": {"kind": "penalty", "above": [{"rate": "0.7"}], "below": [{"rate": "0.3"}]},
            "weight": "33",
            "rounds": [
                {"stage": "aggregate", "step": "A1", "digits": 0, "mode": "half_up"},
                {"stage": "shift", "digits": 1, "mode": "down"},
                {"stage": "deviate", "digits": 0, "mode": "up"},
                {"stage": "score", "digits": 1, "mode": "half_even"},
                {"stage": "weight", "digits": 3, "mode": "half_up"},
            ],
            "total": {"digits": 3, "mode": "half_up"},
        },
        # A1 100.335 to 100; base 98.0; deviations -0.5, 1.02, 3.57, 5.44 away from 0 to -1, 2, 4, 6;
        # 99.7, 98.6, 97.2, 95.8 times 0.33
        prices_of("97.51", 99, "101.5", "103.33"),
        points_of("32.901", "32.538", "32.076", "31.614"),
    ),
}
"""What domain.md lists, as a sentence to the case."""

PRESETS = presets.PRESETS
