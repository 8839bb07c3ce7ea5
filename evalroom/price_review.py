"""The price review 价格评审 of a lot: its formula over the opened prices, as a fact of the journal.

The kernel runs once; a corrected input is a new run with its reason, never an edited result.
"""

from collections.abc import Mapping
from fractions import Fraction

from evalroom.events import PricesComputed
from evalroom.ids import BidId
from evalroom.pricing.formula import TECHNICAL, Per
from evalroom.pricing.inputs import BidPrice
from evalroom.pricing.rationals import rational
from evalroom.pricing.running import run, turned_away
from evalroom.tender import Lot


def needs_marks(lot: Lot) -> bool:
    """Say whether the lot's formula asks for the committee's technical marks."""
    return any(one.name == TECHNICAL for one in lot.pricing.inputs_of(Per.BID))


def compute(
    lot: Lot,
    prices: Mapping[BidId, int],
    marks: Mapping[BidId, Fraction] | None = None,
    given: Mapping[str, str] | None = None,
) -> PricesComputed:
    """Run the lot's formula over `prices` (integer fen) and return every intermediate.

    `marks` are the committee's technical means, for formulas that ask for them; `given` the drawn values.

    Raises:
        NothingToPrice: no bid is admissible.
        BadPriceInput, TrimsTooMany, FormulaUndefined: there is no result for these bids.
    """
    trace = run(lot.pricing, _bids(lot, prices, marks), given or {})
    return PricesComputed(lot.id, trace.formula, trace.given, trace.steps, trace.rows)


def inadmissible(
    lot: Lot,
    prices: Mapping[BidId, int],
    marks: Mapping[BidId, Fraction] | None = None,
    given: Mapping[str, str] | None = None,
) -> Mapping[str, str]:
    """Return the rule that put each bid out, of a lot in which no price is admissible; members as for `compute`."""
    return turned_away(lot.pricing, _bids(lot, prices, marks), given or {})


def _bids(lot: Lot, prices: Mapping[BidId, int], marks: Mapping[BidId, Fraction] | None) -> list[BidPrice]:
    own = needs_marks(lot)
    return [
        BidPrice(bid, str(fen), values={TECHNICAL: rational((marks or {})[bid])} if own else {})
        for bid, fen in prices.items()
    ]
