"""100 bids through every price formula: presets and what tenders ask; the target is 10 ms each.

    python3 dev.py bench pricing [--bids 100] [--runs 20]

The pages' implementation is measured by `npx vitest bench --run tests/pricing` in web/.
"""

import argparse
import time
from collections.abc import Iterator, Mapping

from bench import machine
from evalroom.errors import Refusal
from evalroom.pricing import presets
from evalroom.pricing.formula import Per, PriceFormula, Quote
from evalroom.pricing.inputs import BidPrice
from evalroom.pricing.running import run
from tests.evalroom.pricing.formulas import CASES

TARGET_MS = 10
GIVEN = {"K": "0.97", "float": "0.005", "reserve": "1000000000", "regional": "1000000000", "method": "1"}


def formulas() -> Iterator[tuple[str, PriceFormula, Mapping[str, str]]]:
    """Yield every formula with a bid's own values."""
    for name, make in presets.PRESETS.items():
        yield name, make(), {}
    for name, case in CASES.items():
        needed = {one.name for one in case.read().inputs_of(Per.BID) if not (one.value or one.optional)}
        own = [one for one in case.values.values() if one.keys() >= needed]
        yield name, case.read(), own[-1] if needed else {}


def bids(formula: PriceFormula, count: int, values: Mapping[str, str]) -> list[BidPrice]:
    """Return bids round 10 million yuan, or rates round 10 %."""
    if formula.quote is Quote.RATE:
        return [BidPrice(f"b{n}", f"{5 + n % 97}.{n % 7}", values=values) for n in range(count)]
    return [BidPrice(f"b{n}", str(970_000_000 + n * 599_999), values=values) for n in range(count)]


def measure(formula: PriceFormula, some: list[BidPrice], runs: int) -> tuple[float, float]:
    """Return the least and the median milliseconds of CPU of one run."""
    left_open = [one.name for one in formula.inputs_of(Per.TENDER) if not one.value]
    given = {
        one.name: GIVEN.get(one.name, "1") for one in formula.inputs_of(Per.TENDER) if one.name in left_open
    }
    given |= {one.name: one.choices[0] for one in formula.inputs_of(Per.TENDER) if one.choices}
    took = []
    for _ in range(runs):
        start = time.process_time()
        run(formula, some, given)
        took.append((time.process_time() - start) * 1000)
    return min(took), sorted(took)[len(took) // 2]


def main() -> None:
    """Run every formula and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bids", type=int, default=100)
    parser.add_argument("--runs", type=int, default=20)
    options = parser.parse_args()
    print(machine.describe())
    slow = 0
    for name, formula, values in formulas():
        try:
            least, median = measure(formula, bids(formula, options.bids, values), options.runs)
        except Refusal as why:
            print(f"{why.code:>16}  {name}")
            continue
        slow += median > TARGET_MS
        print(f"{least:7.2f} {median:7.2f} ms  {name}")
    print(f"{slow} above {TARGET_MS} ms of CPU for {options.bids} bids")


if __name__ == "__main__":
    main()
