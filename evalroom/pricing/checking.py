"""What a formula must be before it is published: names that exist, tables in order, samples that come out.

One live system published tenders with half their formula missing; here a formula without a worked sample,
or with one that comes out otherwise, opens no session.  Rules: docs/spec/price-formula.md §2, §3, §12.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from evalroom.pricing.errors import (
    BadPriceInput,
    FormulaMalformed,
    FormulaUndefined,
    FormulaWithoutSample,
    NothingToPrice,
    SampleDiffers,
    TrimsTooMany,
)
from evalroom.pricing.formula import (
    ADMITTED,
    BASE,
    DEVIATION,
    FULL,
    KEPT,
    PRICE,
    READ,
    RESERVED,
    TECHNICAL,
    TRIMMED,
    Condition,
    Expr,
    Op,
    Operation,
    PenaltySegment,
    Per,
    PriceFormula,
    PriceInput,
    PriceSample,
    PriceStage,
    RoundAt,
    ScoreKind,
    ScoreTerms,
)
from evalroom.pricing.inputs import BidPrice, number
from evalroom.pricing.rationals import is_number
from evalroom.pricing.reading import MAX_DEPTH, MAX_LIST, MAX_OF, malformed, not_a_number
from evalroom.pricing.running import run

MAX_NAME, MAX_TITLE, MAX_NTH = 64, 200, 99
MAX_TOTAL_DIGITS = 4
DIGITS = range(-6, 9)

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,31}")
_MANY = frozenset({Op.SUM, Op.PRODUCT, Op.MIN, Op.MAX, Op.ELSE})
_PAIRS = frozenset({Op.DIFFERENCE, Op.QUOTIENT})
_MOST_OVER_SET: Mapping[Op, int] = {
    Op.COUNT: 1, Op.TOTAL: 2, Op.MEAN: 2, Op.MEDIAN: 2, Op.LOWEST: 3, Op.HIGHEST: 3,
}  # fmt: skip


def check_formula(formula: PriceFormula) -> None:
    """Refuse a formula that cannot be run, has no worked sample, or whose sample comes out otherwise.

    Raises:
        FormulaMalformed: with the path of the member that is wrong.
        FormulaWithoutSample: there is none.
        SampleDiffers: with sample, bid, the score expected and the one that came out.
    """
    check_form(formula)
    if not formula.samples:
        raise FormulaWithoutSample(formula=formula.name)
    for index, sample in enumerate(formula.samples):
        _check_sample(formula, sample, index)


def check_form(formula: PriceFormula) -> None:
    """Refuse a formula that cannot be run, whatever its samples.

    Raises:
        FormulaMalformed: with the path of the member that is wrong.
    """
    _Check(formula).whole()


def _check_sample(formula: PriceFormula, sample: PriceSample, index: int) -> None:
    bids = [
        BidPrice(one.bid, one.price, one.valid, {each.name: each.value for each in one.values})
        for one in sample.bids
    ]
    expected = {one.bid: one.score for one in sample.bids}
    try:
        trace = run(formula, bids, {one.name: one.value for one in sample.given})
    except BadPriceInput as why:
        raise FormulaMalformed(**{**why.detail, "path": f"samples[{index}].{why.detail['path']}"}) from why
    except (NothingToPrice, TrimsTooMany, FormulaUndefined) as why:
        raise SampleDiffers(
            sample=index + 1, bid=bids[0].bid, expected=expected[bids[0].bid], got=why.code
        ) from why
    for row in trace.rows:
        if not _same(expected[row.bid], row.points):
            raise SampleDiffers(sample=index + 1, bid=row.bid, expected=expected[row.bid], got=row.points)


def _same(expected: str, got: str) -> bool:
    """Say whether two scores are the same number, or both `out`; 30 is 30.00."""
    if is_number(expected) and is_number(got):
        return number(expected) == number(got)
    return expected == got


@dataclass(frozen=True, slots=True)
class _Scope:
    """The names an expression may use: values for all, values of each bid, sets."""

    common: frozenset[str]
    own: frozenset[str]
    sets: frozenset[str]

    def with_value(self, name: str) -> "_Scope":
        return _Scope(self.common | {name}, self.own, self.sets)

    def with_set(self, name: str) -> "_Scope":
        return _Scope(self.common, self.own, self.sets | {name})


class _Check:
    """The checks of one formula, from its first member to its last."""

    def __init__(self, formula: PriceFormula) -> None:
        self.formula = formula
        own = {one.name for one in formula.inputs_of(Per.BID)}
        self.scope = _Scope(
            frozenset(one.name for one in formula.inputs_of(Per.TENDER)),
            frozenset({READ, PRICE, *own}),
            frozenset({ADMITTED}),
        )

    def whole(self) -> None:
        formula = self.formula
        if formula.version != 1:
            raise malformed("version", "this version knows formulas of version 1 only", formula.version)
        if not 1 <= len(formula.name) <= MAX_NAME:
            raise malformed("name", f"a name holds 1 to {MAX_NAME} characters", len(formula.name))
        _check_title(formula.title, "title")
        _check_number(formula.weight, "weight", least=0)
        self._inputs()
        self._admit_and_adjust()
        self._trim()
        self._aggregate()
        self._expression(formula.shift, "shift", own=False)
        if formula.has_base():
            self._expression(formula.deviate.of, "deviate.of", own=False)
        self._score(formula.score)
        self._rounds()
        self._ties()
        self._samples()

    # --- members in turn ----------------------------------------------------------------------------

    def _inputs(self) -> None:
        _check_length(self.formula.inputs, "inputs")
        _check_names((one.name for one in self.formula.inputs), "inputs", reserved=True)
        for index, one in enumerate(self.formula.inputs):
            path = f"inputs[{index}]"
            _check_title(one.title, f"{path}.title")
            _check_input(one, path)

    def _admit_and_adjust(self) -> None:
        formula = self.formula
        _check_length(formula.admit, "admit")
        _check_length(formula.adjust, "adjust")
        _check_names((one.name for one in formula.admit), "admit")
        _check_names((one.name for one in formula.adjust), "adjust")
        for index, rule in enumerate(formula.admit):
            _check_title(rule.title, f"admit[{index}].title")
            if not rule.keep:
                raise malformed(f"admit[{index}].keep", "a rule needs a condition")
            self._conditions(rule.keep, f"admit[{index}].keep", own=True)
        for index, one in enumerate(formula.adjust):
            _check_title(one.title, f"adjust[{index}].title")
            self._conditions(one.when, f"adjust[{index}].when", own=True)
            self._expression(one.price, f"adjust[{index}].price", own=True)

    def _trim(self) -> None:
        rows = self.formula.trim.rows
        _check_length(rows, "trim.rows")
        seen: set[int] = set()
        for index, row in enumerate(rows):
            path = f"trim.rows[{index}]"
            if row.from_bids < 1 or row.from_bids in seen:
                raise malformed(
                    f"{path}.from_bids", "each row begins at another number of bids, from 1 on", row.from_bids
                )
            if min(row.high, row.low) < 0 or row.high + row.low >= row.from_bids:
                raise malformed(
                    f"{path}.high", "trimming must leave a bid", f"{row.high} + {row.low} of {row.from_bids}"
                )
            seen.add(row.from_bids)

    def _aggregate(self) -> None:
        steps = self.formula.aggregate
        _check_length(steps, "aggregate")
        self.scope = self.scope.with_set(KEPT).with_set(TRIMMED)
        taken = {one.name for one in self.formula.inputs} | RESERVED
        are_sets: dict[str, bool] = {}
        for index, step in enumerate(steps):
            path = f"aggregate[{index}]"
            if not _NAME.fullmatch(step.name) or step.name in taken:
                raise malformed(f"{path}.name", "not a free name", step.name)
            if (step.value == "") == (step.of == ""):
                raise malformed(f"{path}.value", "a step has either a value or a set it is taken of")
            if are_sets.setdefault(step.name, bool(step.of)) != bool(step.of) or (
                step.name == BASE and step.of
            ):
                raise malformed(
                    f"{path}.name", "a name is that of values or of sets, and `base` of values", step.name
                )
            _check_title(step.title, f"{path}.title")
            self._conditions(step.when, f"{path}.when", own=False)
            if step.of:
                self._set_name(step.of, f"{path}.of")
                self._conditions(step.where, f"{path}.where", own=True)
                self.scope = self.scope.with_set(step.name)
            else:
                if step.where:
                    raise malformed(f"{path}.where", "only a set has conditions on its bids")
                self._expression(step.value, f"{path}.value", own=False)
                self.scope = self.scope.with_value(step.name)

    def _score(self, score: ScoreTerms) -> None:
        _check_number(score.full, "score.full", above=0)
        _check_number(score.step, "score.step", above=0)
        if score.kind is not ScoreKind.VALUE and not self.formula.has_base():
            raise malformed("aggregate", "a penalty or table needs a step `base`")
        self._check_kind(score)
        scope = self.scope = self.scope.with_value(FULL)
        if score.kind is ScoreKind.VALUE:
            if self.formula.has_base():
                self.scope = _Scope(scope.common, scope.own | {DEVIATION}, scope.sets)
            self._expression(score.value, "score.value", own=True)
            self.scope = scope
        self._segments(score.above, "score.above")
        self._segments(score.below, "score.below")
        _check_table(score)
        floor = self.formula.floor
        for path, bound in (
            ("score.cap_above", score.cap_above),
            ("score.cap_below", score.cap_below),
            ("floor.least", floor.least),
            ("floor.most", floor.most),
        ):
            if bound != "":
                self._expression(bound, path, own=False)
        least = floor.least
        if isinstance(least, str) and is_number(least) and number(least) > number(score.full):
            raise malformed("floor.least", "the floor is above the full marks", least)

    def _check_kind(self, score: ScoreTerms) -> None:
        """Refuse members of a kind the score is not."""
        penalty = (score.above, score.below, score.cap_above, score.cap_below)
        for kind, path, filled in (
            (ScoreKind.VALUE, "score.value", score.value != ""),
            (ScoreKind.TABLE, "score.rows", score.rows != ()),
            (ScoreKind.PENALTY, "score.above", penalty != ((), (), "", "")),
        ):
            if filled and score.kind is not kind:
                raise malformed(path, f"belongs to a score of kind {kind}, not {score.kind}")
            if not filled and score.kind is kind:
                raise malformed(path, f"a score of kind {kind} needs it")

    def _segments(self, segments: tuple[PenaltySegment, ...], path: str) -> None:
        _check_length(segments, path)
        before = "0"
        for index, one in enumerate(segments):
            here = f"{path}[{index}]"
            self._expression(one.rate, f"{here}.rate", own=False)
            if one.to == "":
                if index + 1 < len(segments):
                    raise malformed(f"{here}.to", "only the last segment goes on without end")
                continue
            _check_number(one.to, f"{here}.to")
            if number(one.to) <= number(before):
                raise malformed(f"{here}.to", "segments end further and further out", one.to)
            before = one.to

    def _rounds(self) -> None:
        _check_length(self.formula.rounds, "rounds")
        steps = {step.name for step in self.formula.aggregate if not step.of}
        seen: set[tuple[PriceStage, str]] = set()
        for index, one in enumerate(self.formula.rounds):
            path = f"rounds[{index}]"
            _check_round(one, steps, path)
            if (one.stage, one.step) in seen:
                raise malformed(f"{path}.stage", "this is rounded twice", one.stage.value)
            seen.add((one.stage, one.step))
        if not 0 <= self.formula.total.digits <= MAX_TOTAL_DIGITS:
            raise malformed(
                "total.digits", f"0 to {MAX_TOTAL_DIGITS} digits after the point", self.formula.total.digits
            )

    def _ties(self) -> None:
        _check_length(self.formula.ties, "ties")
        known = {READ, PRICE, "score", TECHNICAL}
        known |= {one.name for one in self.formula.inputs_of(Per.BID) if not one.optional}
        for index, key in enumerate(self.formula.ties):
            if key.by not in known:
                raise malformed(f"ties[{index}].by", "no key of this name", key.by)

    def _samples(self) -> None:
        _check_length(self.formula.samples, "samples")
        for index, sample in enumerate(self.formula.samples):
            path = f"samples[{index}]"
            _check_title(sample.title, f"{path}.title")
            _check_length(sample.bids, f"{path}.bids")
            _check_twice((one.name for one in sample.given), f"{path}.given")
            for place, one in enumerate(sample.bids):
                _check_twice((each.name for each in one.values), f"{path}.bids[{place}].values")
                if one.score != "out":
                    _check_number(one.score, f"{path}.bids[{place}].score")

    # --- expressions --------------------------------------------------------------------------------

    def _conditions(self, conditions: tuple[Condition, ...], path: str, *, own: bool) -> None:
        _check_length(conditions, path)
        for index, one in enumerate(conditions):
            self._expression(one.left, f"{path}[{index}].left", own=own)
            self._expression(one.right, f"{path}[{index}].right", own=own)

    def _expression(self, expr: Expr, path: str, *, own: bool, depth: int = 1) -> None:
        """Refuse names that are not known here; `own` says whether the value may differ from bid to bid."""
        if isinstance(expr, Operation):
            self._node(expr, path, own=own, depth=depth)
        elif expr in self.scope.own and not own:
            raise malformed(
                path, "this differs from bid to bid: say of which bids, as in the mean of kept", expr
            )
        elif not is_number(expr) and expr not in self.scope.common | self.scope.own:
            raise malformed(
                path,
                "no number, and no value of this name is known here"
                if _NAME.fullmatch(expr)
                else not_a_number(expr),
                expr,
            )

    def _node(self, node: Operation, path: str, *, own: bool, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise malformed(path, f"expressions nest at most {MAX_DEPTH} deep")
        least, most = _arity(node.op)
        if not least <= len(node.of) <= most:
            raise malformed(f"{path}.of", f"{node.op} takes {least} to {most} things", len(node.of))
        if node.op not in _MOST_OVER_SET:
            for index, one in enumerate(node.of):
                if node.op is Op.ELSE and isinstance(one, Operation):
                    raise malformed(f"{path}.of[{index}]", "else chooses among names and numbers only")
                self._expression(one, f"{path}.of[{index}]", own=own, depth=depth + 1)
            return
        self._set_name(node.of[0], f"{path}.of[0]")
        if len(node.of) > 1:
            self._expression(node.of[1], f"{path}.of[1]", own=True, depth=depth + 1)
        if len(node.of) > 2 and not _is_place(node.of[2]):
            raise malformed(
                f"{path}.of[2]", f"a whole number from 1 to {MAX_NTH} is expected here", node.of[2]
            )

    def _set_name(self, name: Expr, path: str) -> None:
        if not isinstance(name, str) or name not in self.scope.sets:
            raise malformed(path, "no set of this name is known here", name)


def _arity(op: Op) -> tuple[int, int]:
    if op in _MANY:
        return 1, MAX_OF
    if op in _PAIRS:
        return 2, 2
    return 1, _MOST_OVER_SET.get(op, 1)


def _is_place(text: Expr) -> bool:
    return isinstance(text, str) and re.fullmatch(r"[1-9][0-9]?", text) is not None


def _check_input(one: PriceInput, path: str) -> None:
    if one.value:
        _check_number(one.value, f"{path}.value")
    _check_length(one.choices, f"{path}.choices")
    for index, choice in enumerate(one.choices):
        _check_number(choice, f"{path}.choices[{index}]")
    if one.choices and one.value:
        raise malformed(f"{path}.value", "a value that is drawn is not fixed", one.value)
    if one.optional and (one.per is Per.TENDER or one.value):
        raise malformed(f"{path}.optional", "only a bid's input without a value may be left out")


def _check_table(score: ScoreTerms) -> None:
    _check_length(score.rows, "score.rows")
    for index, row in enumerate(score.rows):
        path = f"score.rows[{index}]"
        _check_number(row.at, f"{path}.at")
        _check_number(row.points, f"{path}.points")
        if index and number(row.at) <= number(score.rows[index - 1].at):
            raise malformed(f"{path}.at", "rows stand in rising order", row.at)


def _check_round(one: RoundAt, steps: set[str], path: str) -> None:
    if one.digits not in DIGITS:
        raise malformed(f"{path}.digits", f"{DIGITS[0]} to {DIGITS[-1]} digits after the point", one.digits)
    if one.step and (one.stage is not PriceStage.AGGREGATE or one.step not in steps):
        raise malformed(f"{path}.step", "no value of this name is aggregated", one.step)


def _check_names(names: Iterable[str], path: str, *, reserved: bool = False) -> None:
    seen: set[str] = set()
    for index, name in enumerate(names):
        here = f"{path}[{index}].name"
        if not _NAME.fullmatch(name) or (reserved and (name in RESERVED or name == BASE)):
            raise malformed(here, "not a free name", name)
        if name in seen:
            raise malformed(here, "the name is there twice", name)
        seen.add(name)


def _check_twice(names: Iterable[str], path: str) -> None:
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name in seen:
            raise malformed(f"{path}[{index}].name", "the name is there twice", name)
        seen.add(name)


def _check_length(things: tuple[object, ...], path: str) -> None:
    if len(things) > MAX_LIST:
        raise malformed(path, f"at most {MAX_LIST} things stand in a list", len(things))


def _check_title(text: str, path: str) -> None:
    if len(text) > MAX_TITLE:
        raise malformed(path, f"a title holds at most {MAX_TITLE} characters", len(text))


def _check_number(text: str, path: str, *, least: int | None = None, above: int | None = None) -> None:
    if not is_number(text):
        raise malformed(path, not_a_number(text), text)
    if least is not None and number(text) < least:
        raise malformed(path, f"not below {least}", text)
    if above is not None and number(text) <= above:
        raise malformed(path, f"above {above}", text)
