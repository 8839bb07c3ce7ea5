"""The shared vectors of price formulas: `python -m tests.evalroom.pricing.vectors` writes tests/vectors/pricing/.

Whoever implements docs/spec/price-formula.md must get these texts: whole traces of the presets and of what tenders
ask, refusals with their paths, and several hundred random formulas from a seed, each with the SHA-256 of the
canonical JSON (RFC 8785) of its trace.
"""

import hashlib
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evalroom.encoding import to_json
from evalroom.errors import Refusal
from evalroom.ledger.canonical import canonical
from evalroom.pricing import presets
from evalroom.pricing.checking import check_form, check_formula
from evalroom.pricing.formula import PriceFormula
from evalroom.pricing.inputs import BidPrice
from evalroom.pricing.reading import plain, read_formula
from evalroom.pricing.running import run
from tests.evalroom.pricing.formulas import CASES, Plain
from tests.evalroom.pricing.test_checking import FAULTS, GOOD
from tests.evalroom.pricing.test_reading import FAULTS as FORM_FAULTS
from tests.evalroom.pricing.test_reading import GOOD as FORM_GOOD

FOLDER = Path(__file__).parents[2] / "vectors" / "pricing"
SEED = 20261129
RANDOM = 450
PRICES = (9_433_00, 9_999_99, 10_000_00, 10_321_50, 10_777_01, 11_000_00, 8_700_00)
GIVEN = {"K": "0.97", "float": "0.0125", "reserve": "1020000"}


def vector(name: str, formula: Plain, bids: Sequence[BidPrice], given: Mapping[str, str]) -> Plain:
    """Return a vector: what goes in, and the trace or the refusal that comes out."""
    return {
        "name": name,
        "formula": formula,
        "bids": [
            {"bid": one.bid, "price": one.price, "valid": one.valid, "values": dict(one.values)}
            for one in bids
        ],
        "given": dict(given),
        **_outcome(formula, bids, given),
    }


def _outcome(formula: Plain, bids: Sequence[BidPrice], given: Mapping[str, str]) -> Plain:
    try:
        read = read_formula(formula)
        check_form(read)
        return {"trace": to_json(run(read, bids, given))}
    except Refusal as why:
        return {"refused": why.code, "path": why.detail.get("path", why.detail.get("at", ""))}


def of_presets() -> Iterator[Plain]:
    for name, make in presets.PRESETS.items():
        formula = make()
        given = {one.name: GIVEN[one.name] for one in formula.inputs if one.name in GIVEN}
        for count in (1, 3, 7):
            bids = [BidPrice(f"b{n}", str(fen)) for n, fen in enumerate(PRICES[:count])]
            yield vector(f"{name} of {count}", _plain(formula), bids, given)


def of_cases() -> Iterator[Plain]:
    for name, case in CASES.items():
        yield vector(name, _plain(case.read()), case.bids(), case.given)


def of_refusals() -> Iterator[Plain]:
    """Yield formulas with one fault each, and inputs with one fault each."""
    one = [BidPrice("a", "100")]
    for index, (changes, _) in enumerate(FAULTS):
        yield vector(f"form {index}", {**GOOD, **changes}, one, {})
    for index, (changes, _) in enumerate(FORM_FAULTS):
        yield vector(f"reading {index}", {**FORM_GOOD, **changes}, one, {})
    f1, f5 = _plain(presets.lowest_price(ceiling_fen=1000)), _plain(presets.drawn_factor())
    for price in ("0", "-1", "9.5", "", "abc", "１００", "1,000", "1e5", "1/3", "1001"):
        yield vector(f"price {price}", f1, [BidPrice("a", price)], {})
    for bid in ("", "a b", "甲", "a..b", "-a", "a-", "a" * 65):
        yield vector(f"bid {bid}", f1, [BidPrice(bid, "1")], {})
    yield vector("twice", f1, [*one, *one], {})
    yield vector("none", f1, [], {})
    yield vector("fixed", f1, one, {"ceiling": "1"})
    yield vector("unknown value", f1, [BidPrice("a", "1", values={"x": "1"})], {})
    for given in ({}, {"K": "0.99"}, {"K": "x"}, {"k": "0.97", "K": "0.97"}):
        yield vector(f"given {given}", f5, one, given)
    yield vector("invalid", f1, [BidPrice("a", "1", valid=False)], {})
    yield vector(
        "too many",
        {**_plain(presets.trimmed_mean()), "trim": {"rows": [{"from_bids": 1, "high": 0, "low": 0}]}},
        one,
        {},
    )


def of_samples() -> Iterator[Plain]:
    """Yield formulas with samples: good ones, without, and with one that differs."""
    for name, make in presets.PRESETS.items():
        whole = _plain(make())
        yield sampled(name, whole)
        yield sampled(f"{name} without", {key: value for key, value in whole.items() if key != "samples"})
        (sample,) = whole["samples"]
        bids = [*sample["bids"][:-1], {**sample["bids"][-1], "score": "1.23"}]
        yield sampled(f"{name} otherwise", {**whole, "samples": [{**sample, "bids": bids}]})


def sampled(name: str, formula: Plain) -> Plain:
    try:
        check_formula(read_formula(formula))
    except Refusal as why:
        return {"name": name, "formula": formula, "refused": why.code, "facts": why.detail}
    return {"name": name, "formula": formula, "refused": ""}


def of_dice(seed: int = SEED, count: int = RANDOM) -> Iterator[Plain]:
    """Yield random formulas over random bids: the digest of the trace and the points, or the refusal."""
    dice = random.Random(seed)
    for number in range(count):
        made = Dice(dice)
        formula, bids, given = made.formula(number), made.bids(), made.given()
        found = vector(f"random {number}", formula, bids, given)
        trace = found.pop("trace", None)
        if trace is not None:
            found["points"] = [row["points"] for row in trace["rows"]]
            found["sha256"] = hashlib.sha256(canonical(trace)).hexdigest()
        yield found


_OPS = (
    "sum", "sum", "product", "product", "min", "max", "difference", "quotient", "abs", "count", "total", "mean", "mean",
    "mean", "median", "median", "lowest", "lowest", "highest",
)  # fmt: skip


class Dice:
    """Throws one formula that can be run, though perhaps not to an end, and its inputs."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.values: list[str] = ["K", "ceiling"]
        self.sets = ["admitted"]
        self.own = ["read", "price", "mark", "small"]
        self.rate = dice.random() < 0.1

    def formula(self, number: int) -> Plain:
        dice = self.dice
        formula: Plain = {
            "name": f"R{number}",
            "weight": dice.choice(["0", "10", "30", "33.3", "60", "100", "1/3"]),
            "inputs": [
                {"name": "K", "choices": ["0.95", "0.97", "1"]},
                {"name": "ceiling", "unit": "fen", "value": "1200000"},
                {"name": "mark", "per": "bid"},
                {"name": "small", "per": "bid", "value": "0"},
                {"name": "second", "per": "bid", "optional": True},
            ],
            "admit": [self._rule(index) for index in range(dice.randint(0, 2))],
            "adjust": [self._adjustment(index) for index in range(dice.randint(0, 2))],
            "trim": {
                "rows": [
                    {"from_bids": start, "high": dice.randint(0, 1), "low": dice.randint(0, start - 2)}
                    for start in sorted(dice.sample(range(2, 8), dice.randint(0, 3)))
                ],
                "scored": dice.random() < 0.8,
            },
        }
        if self.rate:
            formula["quote"] = "rate"
        self.sets += ["kept", "trimmed"]
        formula["aggregate"] = self._steps()
        formula["shift"] = dice.choice(["1", "0.95", "K", _op("difference", "1", "0.02")])
        formula["deviate"] = {
            "better": dice.choice(["lower", "lower", "higher"]),
            "of": dice.choice(["base", "base", "ceiling", "100"]),
        }
        self.values.append("base")
        formula["score"] = self._score()
        formula["floor"] = dice.choice(
            [{}, {"least": ""}, {"least": "0", "most": "100"}, {"least": "-5", "most": "full"}]
        )
        formula["rounds"] = self._rounds()
        formula["total"] = {"digits": dice.randint(0, 4), "mode": self._mode()}
        return formula

    def bids(self) -> list[BidPrice]:
        dice = self.dice
        bids = []
        for index in range(dice.randint(1, 9)):
            values = {"mark": str(dice.randint(20, 50)) + dice.choice(["", ".5", ".25"])}
            if dice.random() < 0.4:
                values["small"] = dice.choice(["0", "1"])
            if dice.random() < 0.4:
                values["second"] = str(dice.randint(800_000, 1_100_000))
            price = (
                f"{dice.randint(0, 20)}.{dice.randint(1, 9)}"
                if self.rate
                else str(dice.randint(850_000, 1_250_000))
            )
            bids.append(BidPrice(f"{dice.choice('abcXYZ')}{index}", price, dice.random() < 0.95, values))
        dice.shuffle(bids)
        return bids

    def given(self) -> dict[str, str]:
        return {"K": self.dice.choice(["0.95", "0.97", "1"])}

    def _rule(self, index: int) -> Plain:
        bound = self.dice.choice(["ceiling", _op("product", "0.9", _op("mean", "admitted")), "30"])
        left = "mark" if bound == "30" else "read"
        test = ">=" if bound != "ceiling" else "<="
        return {
            "name": f"rule{index}",
            "keep": [{"left": left, "test": test, "right": bound}],
            "otherwise": self.dice.choice(["reject", "zero"]),
        }

    def _adjustment(self, index: int) -> Plain:
        price = self.dice.choice(
            [
                _op("product", "price", "0.9"),
                _op("else", "second", "price"),
                _op("sum", "price", _op("product", "100", "small")),
                self._expression(2, own=True),
            ]
        )
        when = [{"left": "small", "test": self.dice.choice(["=", "!="]), "right": "1"}]
        return {"name": f"adjust{index}", "price": price, "when": when if self.dice.random() < 0.6 else []}

    def _steps(self) -> list[Plain]:
        steps = []
        for index in range(self.dice.randint(0, 3)):
            if self.dice.random() < 0.25:
                name = f"set{index}"
                steps.append(
                    {
                        "name": name,
                        "of": self.dice.choice(["kept", "admitted", *self.sets]),
                        "where": self._conditions(own=True),
                    }
                )
                self.sets.append(name)
            else:
                name = f"A{index}"
                steps.append({"name": name, "value": self._expression(3, own=False)})
                self.values.append(name)
        if self.dice.random() < 0.3:
            steps.append(
                {"name": "base", "value": self._expression(2, own=False), "when": self._conditions(own=False)}
            )
        mean = _op(
            self.dice.choice(["mean", "median", "lowest"]), self.dice.choice(["kept", "kept", "admitted"])
        )
        base = self.dice.choice([mean, mean, self._expression(3, own=False)])
        return [*steps, {"name": "base", "value": base}]

    def _score(self) -> Plain:
        self.values.append("full")
        kind = self.dice.choice(["value", "penalty", "penalty", "penalty", "table"])
        score: Plain = {"kind": kind, "full": self.dice.choice(["30", "60", "100", "33.5"])}
        if kind == "value":
            self.own.append("deviation")
            ratio = _op("quotient", _op("product", "full", "base"), "price")
            return {**score, "value": self.dice.choice([ratio, self._expression(3, own=True)])}
        if kind == "table":
            at = sorted(self.dice.sample(range(-20, 21), self.dice.randint(1, 5)))
            rows = [{"at": str(one), "points": str(self.dice.randint(0, 100))} for one in at]
            return {**score, "rows": rows, "between": self.dice.choice(["linear", "step"])}
        return {
            **score,
            "above": self._segments(1),
            "below": self._segments(0),
            "cap_above": self.dice.choice(["", "", "20", "K"]),
            "cap_below": self.dice.choice(["", "", "5"]),
            "step": self.dice.choice(["1", "0.5", "2"]),
            "steps": self.dice.choice(["linear", "linear", "up", "down", "nearest"]),
        }

    def _segments(self, least: int) -> list[Plain]:
        ends = sorted(self.dice.sample(range(1, 15), self.dice.randint(least, 3)))
        found: list[Plain] = [
            {"rate": self.dice.choice(["1", "0.5", "-0.3", "2", "K", "1/3"]), "to": str(end)} for end in ends
        ]
        if found and self.dice.random() < 0.8:
            del found[-1]["to"]
        return found

    def _rounds(self) -> list[Plain]:
        stages = self.dice.sample(
            ["adjust", "aggregate", "shift", "deviate", "score", "floor", "weight"], self.dice.randint(0, 3)
        )
        return [{"stage": one, "digits": self.dice.randint(-2, 6), "mode": self._mode()} for one in stages]

    def _mode(self) -> str:
        return self.dice.choice(["half_up", "half_up", "half_even", "down", "up"])

    def _conditions(self, *, own: bool) -> list[Plain]:
        near = _op("product", self.dice.choice(["0.9", "1", "1.1"]), _op("mean", "admitted"))
        return [
            {
                "left": "price" if own and self.dice.random() < 0.7 else self._expression(2, own=own),
                "test": self.dice.choice(["<", "<=", "=", "!=", ">=", ">"]),
                "right": near if own and self.dice.random() < 0.7 else self._expression(2, own=own),
            }
            for _ in range(self.dice.randint(1, 2))
        ]

    def _expression(self, depth: int, *, own: bool) -> Any:  # noqa: ANN401 - a text or an operation
        dice = self.dice
        if depth == 0 or dice.random() < 0.2:
            names = self.values + (self.own if own else [])
            return dice.choice(
                [
                    dice.choice(names),
                    dice.choice(["0.8", "1", "2", "1/3", "1000000", "-0.5", _op("else", "K", "2")]),
                ]
            )
        op = dice.choice(_OPS)
        if op in {"count", "total", "mean", "median", "lowest", "highest"}:
            sets = [one for one in self.sets if one != "trimmed" or dice.random() < 0.05]
            of: list[Any] = [dice.choice(sets)]
            if op != "count" and dice.random() < 0.4:
                of.append(self._expression(1, own=True))
                if op in {"lowest", "highest"} and dice.random() < 0.5:
                    of.append(str(dice.choice([1, 1, 1, 2, 3])))
            return _op(op, *of)
        count = {"difference": 2, "quotient": 2, "abs": 1}.get(op, dice.randint(1, 3))
        return _op(op, *(self._expression(depth - 1, own=own) for _ in range(count)))


def _op(op: str, *of: Any) -> Plain:  # noqa: ANN401 - texts and operations
    return {"op": op, "of": list(of)}


def _plain(formula: PriceFormula) -> Plain:
    found = plain(formula)
    assert isinstance(found, dict)
    return found


FILES = {
    "presets": of_presets,
    "cases": of_cases,
    "refused": of_refusals,
    "samples": of_samples,
    "random": of_dice,
}


def text_of(name: str) -> str:
    """Return the file as it must stand: one vector a line."""
    lines = (json.dumps(one, ensure_ascii=False, separators=(",", ":")) for one in FILES[name]())
    return "[\n" + ",\n".join(lines) + "\n]\n"


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        (FOLDER / f"{name}.json").write_text(text_of(name), "utf-8")


if __name__ == "__main__":
    main()
