"""A price formula as data: what is signed with the tender, and what everybody runs alike.

Members, defaults and meaning: docs/spec/price-formula.md §2 to §9.  Numbers are texts, so that no reader
turns a tenth into a double.  These classes promise form only by their types; `reading` distrusts what comes
from outside, and `checking` refuses a formula that cannot be run.
"""

from dataclasses import dataclass
from enum import StrEnum

from evalroom.pricing.rationals import Rounding, RoundingTerms

READ, PRICE, DEVIATION, FULL, BASE = "read", "price", "deviation", "full", "base"
ADMITTED, KEPT, TRIMMED = "admitted", "kept", "trimmed"
RESERVED = frozenset({READ, PRICE, DEVIATION, FULL, ADMITTED, KEPT, TRIMMED})
TECHNICAL = "technical"


class Quote(StrEnum):
    """What bids are: prices in fen, or numbers such as a discount in percent."""

    FEN = "fen"
    RATE = "rate"


class Per(StrEnum):
    """Whether an input has one value for the tender, or one for each bid."""

    TENDER = "tender"
    BID = "bid"


class InputUnit(StrEnum):
    """What an input's value counts."""

    FEN = "fen"
    NUMBER = "number"


class Op(StrEnum):
    """The operations of expressions; from `count` on they are over a set of bids."""

    SUM = "sum"
    PRODUCT = "product"
    MIN = "min"
    MAX = "max"
    DIFFERENCE = "difference"
    QUOTIENT = "quotient"
    ABS = "abs"
    ELSE = "else"
    COUNT = "count"
    TOTAL = "total"
    MEAN = "mean"
    MEDIAN = "median"
    LOWEST = "lowest"
    HIGHEST = "highest"


class Relation(StrEnum):
    """How the two sides of a condition compare."""

    BELOW = "<"
    AT_MOST = "<="
    EQUAL = "="
    UNEQUAL = "!="
    AT_LEAST = ">="
    ABOVE = ">"


class Otherwise(StrEnum):
    """What becomes of a bid that fails a rule: out of the ranking, or a price score of 0."""

    REJECT = "reject"
    ZERO = "zero"


class Better(StrEnum):
    """Which way a bid gets better: prices down, rates of discount up."""

    LOWER = "lower"
    HIGHER = "higher"


class ScoreKind(StrEnum):
    """How a deviation or a price becomes points."""

    VALUE = "value"
    PENALTY = "penalty"
    TABLE = "table"


class WholeSteps(StrEnum):
    """Whether parts of a step of deviation count, and how."""

    LINEAR = "linear"
    UP = "up"
    DOWN = "down"
    NEAREST = "nearest"


class Between(StrEnum):
    """What a table says between two of its rows."""

    LINEAR = "linear"
    STEP = "step"


class PriceStage(StrEnum):
    """The stages that work out values, each of which a rounding may follow."""

    ADJUST = "adjust"
    AGGREGATE = "aggregate"
    SHIFT = "shift"
    DEVIATE = "deviate"
    SCORE = "score"
    FLOOR = "floor"
    WEIGHT = "weight"


class TieOrder(StrEnum):
    """Which of two equal totals goes first by a key."""

    LOWEST = "lowest"
    HIGHEST = "highest"


class Undecided(StrEnum):
    """What settles a tie that the declared keys leave: a draw, or the tenderer's recorded decision."""

    DRAW = "draw"
    TENDERER = "tenderer"


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation on expressions or on a set of bids; a plain text is a number or the name of a value."""

    op: Op
    of: tuple["str | Operation", ...]


Expr = str | Operation


@dataclass(frozen=True, slots=True)
class PriceInput:
    """A named value from outside: fixed, given at the run, drawn from `choices`, or one for each bid."""

    name: str
    title: str = ""
    per: Per = Per.TENDER
    unit: InputUnit = InputUnit.NUMBER
    value: str = ""
    choices: tuple[str, ...] = ()
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Condition:
    """Two expressions and how they must compare."""

    left: str | Operation
    test: Relation
    right: str | Operation


@dataclass(frozen=True, slots=True)
class AdmitRule:
    """A bid must meet every condition, or is rejected or scores nothing."""

    name: str
    keep: tuple[Condition, ...]
    title: str = ""
    otherwise: Otherwise = Otherwise.REJECT


@dataclass(frozen=True, slots=True)
class Adjustment:
    """Another price for comparison, where the conditions hold: preference, correction, second price."""

    name: str
    price: str | Operation
    title: str = ""
    when: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class TrimTerms:
    """From `from_bids` bids on, leave out that many highest and lowest prices."""

    from_bids: int
    high: int
    low: int


@dataclass(frozen=True, slots=True)
class TrimTable:
    """The trim table by number of bids; `scored` says whether the trimmed still get points."""

    rows: tuple[TrimTerms, ...] = ()
    scored: bool = True


@dataclass(frozen=True, slots=True)
class BaseStep:
    """One step of aggregation: a value, or a set of bids; the one named `base` is the base price."""

    name: str
    title: str = ""
    value: str | Operation = ""
    of: str = ""
    where: tuple[Condition, ...] = ()
    when: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class DeviationTerms:
    """Which way a bid is better, and what the deviation is a percentage of."""

    better: Better = Better.LOWER
    of: str | Operation = BASE


@dataclass(frozen=True, slots=True)
class PenaltySegment:
    """Points taken off per percent of deviation, up to `to` percent, or without end when that is empty."""

    rate: str | Operation
    to: str = ""


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """The points at one deviation, in percent."""

    at: str
    points: str


@dataclass(frozen=True, slots=True)
class ScoreTerms:
    """How a bid gets its points out of `full`; members of another kind keep their defaults."""

    kind: ScoreKind
    full: str = "100"
    value: str | Operation = ""
    above: tuple[PenaltySegment, ...] = ()
    below: tuple[PenaltySegment, ...] = ()
    cap_above: str | Operation = ""
    cap_below: str | Operation = ""
    step: str = "1"
    steps: WholeSteps = WholeSteps.LINEAR
    rows: tuple[ScoreRow, ...] = ()
    between: Between = Between.LINEAR


@dataclass(frozen=True, slots=True)
class ScoreBounds:
    """Bounds of the score; empty is none."""

    least: str | Operation = "0"
    most: str | Operation = ""


@dataclass(frozen=True, slots=True)
class RoundAt:
    """A rounding that follows a stage, or one step of the aggregation."""

    stage: PriceStage
    digits: int
    mode: Rounding
    step: str = ""


@dataclass(frozen=True, slots=True)
class TieKey:
    """One key that puts equal totals in order."""

    by: str
    order: TieOrder


@dataclass(frozen=True, slots=True)
class NamedValue:
    """A value and its name, both as texts."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class SampleBid:
    """A bid of a worked sample, and the score that must come out, or `out`."""

    bid: str
    price: str
    score: str
    valid: bool = True
    values: tuple[NamedValue, ...] = ()


@dataclass(frozen=True, slots=True)
class PriceSample:
    """A worked sample: what is given, and every score that must come out."""

    bids: tuple[SampleBid, ...]
    title: str = ""
    given: tuple[NamedValue, ...] = ()


TWO_DIGITS = RoundingTerms(2, Rounding.HALF_UP)
USUAL_TIES = (TieKey(READ, TieOrder.LOWEST), TieKey(TECHNICAL, TieOrder.HIGHEST))


@dataclass(frozen=True, slots=True)
class PriceFormula:
    """The price formula of a lot, whole: from the prices as read to points, ties and worked samples."""

    name: str
    score: ScoreTerms
    weight: str
    version: int = 1
    title: str = ""
    quote: Quote = Quote.FEN
    inputs: tuple[PriceInput, ...] = ()
    admit: tuple[AdmitRule, ...] = ()
    adjust: tuple[Adjustment, ...] = ()
    trim: TrimTable = TrimTable()
    aggregate: tuple[BaseStep, ...] = ()
    shift: str | Operation = "1"
    deviate: DeviationTerms = DeviationTerms()
    floor: ScoreBounds = ScoreBounds()
    rounds: tuple[RoundAt, ...] = ()
    total: RoundingTerms = TWO_DIGITS
    ties: tuple[TieKey, ...] = USUAL_TIES
    undecided: Undecided = Undecided.DRAW
    samples: tuple[PriceSample, ...] = ()

    def has_base(self) -> bool:
        """Say whether an aggregation step gives a base price."""
        return any(step.name == BASE for step in self.aggregate)

    def inputs_of(self, per: Per) -> tuple[PriceInput, ...]:
        """Return the inputs of the tender, or those of each bid."""
        return tuple(one for one in self.inputs if one.per is per)


def apply(op: Op, *of: Expr) -> Operation:
    """Return the operation on these expressions."""
    return Operation(op, of)
