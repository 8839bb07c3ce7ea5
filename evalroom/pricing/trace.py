"""What a run of a price formula leaves behind: every intermediate, as texts that an event carries whole.

Form: docs/spec/price-formula.md §10.  Rationals are texts `n/d` in lowest terms.
"""

from dataclasses import dataclass

from evalroom.pricing.formula import NamedValue


@dataclass(frozen=True, slots=True)
class PriceStep:
    """What one step did for all: a value, or the bids it concerned."""

    stage: str
    name: str
    value: str
    bids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StageValue:
    """A bid's value after one stage."""

    stage: str
    value: str


@dataclass(frozen=True, slots=True)
class PriceRow:
    """One bid in the price kernel: its way through the stages; `why` names the rule that put it out.

    `read` is the price as read out, `price` the evaluated one, `deviation` in percent or empty, `score` exact,
    `points` rounded as the total is, or `out`.
    """

    bid: str
    read: str
    admitted: bool
    scored: bool
    trimmed: bool
    why: str
    values: tuple[StageValue, ...]
    price: str
    deviation: str
    score: str
    points: str


@dataclass(frozen=True, slots=True)
class PriceTrace:
    """One run of a price formula with every intermediate."""

    formula: str
    given: tuple[NamedValue, ...]
    steps: tuple[PriceStep, ...]
    rows: tuple[PriceRow, ...]

    def base(self) -> str:
        """Return the base price after its last stage, empty when the formula has none."""
        return next((one.value for one in reversed(self.steps) if one.name == "base"), "")
