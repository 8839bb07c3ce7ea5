"""The calculation as a bidder can follow it by hand, in Chinese or English, with the actual numbers.

It is told from the formula and the trace alone: what is written here was computed there.  Stages that a formula
does not use are left out.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from fractions import Fraction

from evalroom.pricing.formula import (
    ADMITTED,
    BASE,
    DEVIATION,
    FULL,
    KEPT,
    PRICE,
    READ,
    TRIMMED,
    Better,
    Condition,
    Expr,
    InputUnit,
    Op,
    Otherwise,
    PenaltySegment,
    Per,
    PriceStage,
    Quote,
    RoundAt,
    ScoreKind,
    Undecided,
    WholeSteps,
)
from evalroom.pricing.inputs import number
from evalroom.pricing.rationals import Rounding, parse_rational
from evalroom.pricing.running import trim_row
from evalroom.pricing.trace import PriceRow, PriceStep
from main_site.pricing.figures import Writer, figure
from main_site.pricing.files import Calculation


class Language(StrEnum):
    """The languages of explanations."""

    ZH = "zh"
    EN = "en"


_WORDS: Mapping[str, tuple[str, str]] = {
    "method": ("计价方法：{}", "Method: {}"),
    "given": ("给定的值", "Given values"),
    "drawn": ("（从 {} 中抽取）", " (drawn from {})"),
    "read": ("投标报价（元）", "Prices as read out (yuan)"),
    "rates": ("投标报价（费率）", "Rates as read out"),
    "admit": ("有效报价", "Admitted prices"),
    "rule": ("规则 {}：{}", "Rule {}: {}"),
    "all_in": ("{} 家全部有效", "all {} are admitted"),
    "out": ("{} 否决（{}）", "{} is rejected ({})"),
    "zero": ("{} 报价得 0 分（{}）", "{} gets no points for its price ({})"),
    "adjust": ("评标价（仅用于比较）", "Evaluated prices, for comparison only"),
    "adjusted": ("{}：{} = {}", "{}: {} = {}"),
    "trim": ("去掉极值", "Extremes left out of the mean"),
    "trimmed": (
        "有效报价 {} 家：去掉 {} 个最高 {}，{} 个最低 {}",
        "{} admitted prices: without the {} highest {} and the {} lowest {}",
    ),
    "still": ("被去掉的报价仍参与计分", "what is left out still gets points"),
    "unscored": ("被去掉的报价不计分", "what is left out gets no points"),
    "base": ("基准价", "Base price"),
    "set": ("{}：{}", "{}: {}"),
    "none": ("无", "none"),
    "shifted": ("基准价 = {} × {} = {}", "base = {} × {} = {}"),
    "deviate": ("偏差率（%）= 100 × ({}) ÷ {}", "Deviation (%) = 100 × ({}) ÷ {}"),
    "minus": ("报价 − 基准价", "price − base"),
    "minus_higher": ("基准价 − 报价", "base − price"),
    "score": ("得分（满分 {}）", "Points (full marks {})"),
    "above": ("高于基准价", "above the base"),
    "below": ("低于基准价", "below the base"),
    "rate": ("每 1% 扣 {} 分", "{} points off per 1 %"),
    "gain": ("每 1% 加 {} 分", "{} points more per 1 %"),
    "up_to": ("{}%以内", "up to {} %"),
    "beyond": ("以外", "beyond"),
    "cap": ("最多扣 {} 分", "at most {}"),
    "capped": ("（最多扣 {}）", " (at most {})"),
    "steps": ("按每 {}% 一档，{}", "in steps of {} %, {}"),
    "up": ("不足一档按一档计", "a started step counts"),
    "down": ("不足一档不计", "only full steps count"),
    "nearest": ("四舍五入到整档", "to the nearest step"),
    "table": ("按表取值：{}", "by table: {}"),
    "at": ("偏差 {}% 得 {} 分", "{} points at {} %"),
    "linear": ("其间内插", "straight lines between"),
    "step": ("达到该行即取该行", "the last row reached counts"),
    "floor": ("得分界限：{}", "Bounds of the points: {}"),
    "least": ("不低于 {}", "not below {}"),
    "most": ("不高于 {}", "not above {}"),
    "weight": ("折算：得分 × {} ÷ {}", "Weighted: points × {} ÷ {}"),
    "round": ("保留 {} 位小数，{}", "rounded to {} digits, {}"),
    "half_up": ("四舍五入", "half away from zero"),
    "half_even": ("四舍六入五成双", "half to even"),
    "round_down": ("舍去尾数", "towards zero"),
    "round_up": ("进一", "away from zero"),
    "result": ("价格得分", "Points for the price"),
    "rejected": ("否决", "rejected"),
    "ties": ("总分相同时依次比较：{}；仍相同的：{}", "Equal totals go by: {}; what is still tied: {}"),
    "lowest": ("{}低者优先", "lower {}"),
    "highest": ("{}高者优先", "higher {}"),
    "draw": ("抽签决定", "a draw"),
    "tenderer": ("由招标人决定并记录", "the tenderer decides, on record"),
}
_NAMES: Mapping[str, tuple[str, str]] = {
    READ: ("报价", "price as read"),
    PRICE: ("评标价", "evaluated price"),
    DEVIATION: ("偏差率", "deviation"),
    FULL: ("满分", "full marks"),
    BASE: ("基准价", "base"),
    ADMITTED: ("有效报价", "admitted"),
    KEPT: ("保留的报价", "kept"),
    TRIMMED: ("去掉的报价", "trimmed"),
    "technical": ("技术得分", "technical mark"),
    "score": ("价格得分", "points for the price"),
    "invalid": ("投标无效", "the bid is not valid"),
}
_OPERATIONS: Mapping[Op, tuple[str, str]] = {
    Op.MIN: ("较小者", "lesser of"),
    Op.MAX: ("较大者", "greater of"),
    Op.ABS: ("绝对值", "absolute value of"),
    Op.ELSE: ("首个有值者", "first given of"),
    Op.COUNT: ("家数", "number of"),
    Op.TOTAL: ("合计", "sum of"),
    Op.MEAN: ("平均", "mean of"),
    Op.MEDIAN: ("中位数", "median of"),
    Op.LOWEST: ("最低", "lowest of"),
    Op.HIGHEST: ("最高", "highest of"),
}
_NTH: Mapping[Op, tuple[str, str]] = {
    Op.LOWEST: ("由低到高第 {} 个", "no. {} from the lowest of"),
    Op.HIGHEST: ("由高到低第 {} 个", "no. {} from the highest of"),
}
_MODES: Mapping[Rounding, str] = {
    Rounding.HALF_UP: "half_up",
    Rounding.HALF_EVEN: "half_even",
    Rounding.DOWN: "round_down",
    Rounding.UP: "round_up",
}


def explain(done: Calculation, language: Language) -> str:
    """Return the whole calculation as numbered steps with every number in it."""
    return "\n".join(map(_nearly, _Explanation(done, language).lines())) + "\n"


def _nearly(line: str) -> str:
    """Say once, where a result is given, that it was cut: not at each number that goes into it."""
    results = line.split("= ≈")
    return "≈ ".join(one.replace("≈", "") for one in results)


class _Explanation:
    """One explanation; each method tells one stage."""

    def __init__(self, done: Calculation, language: Language) -> None:
        self.formula, self.trace, self.done = done.formula, done.trace, done
        self.second = language is Language.EN
        self.fen = done.formula.quote is Quote.FEN
        self.rows = {row.bid: row for row in done.trace.rows}
        self.common = {one.name: parse_rational(one.value) for one in done.trace.given}
        self.common[FULL] = number(self.formula.score.full)
        self.titles = {one.name: one.title for one in self.formula.inputs if one.title}
        self.titles |= {one.name: one.title for one in self.formula.aggregate if one.title}
        self.titles |= {one.name: one.title for one in self.formula.admit if one.title}
        self.sets: dict[str, tuple[str, ...]] = {ADMITTED: (), KEPT: (), TRIMMED: ()}
        self.prices = {row.bid: parse_rational(row.read) for row in done.trace.rows}
        money = {READ, PRICE} if self.fen else set()
        self.money = money | {one.name for one in self.formula.inputs if one.unit is InputUnit.FEN}
        self.number = 0

    def lines(self) -> Iterator[str]:
        yield self._say("method", self._titled())
        yield from self._given()
        yield from self._read()
        yield from self._admit()
        yield from self._adjust()
        yield from self._trim()
        yield from self._aggregate()
        yield from self._deviate()
        yield from self._score()
        yield from self._floor()
        yield from self._weight()
        yield from self._result()

    # --- stages -------------------------------------------------------------------------------------

    def _titled(self) -> str:
        title = self.formula.title
        return f"{self.formula.name} {title}".strip() if title != self.formula.name else title

    def _given(self) -> Iterator[str]:
        if not self.trace.given:
            return
        yield self._head("given")
        declared = {one.name: one for one in self.formula.inputs_of(Per.TENDER)}
        for one in self.trace.given:
            drawn = (
                self._say("drawn", ", ".join(declared[one.name].choices))
                if declared[one.name].choices
                else ""
            )
            yield f"   {self._name(one.name)} = {self._amount(one.name, parse_rational(one.value))}{drawn}"

    def _read(self) -> Iterator[str]:
        yield self._head("read" if self.fen else "rates")
        for row in self.trace.rows:
            yield f"   {self._bid(row.bid)}  {self._amount(READ, parse_rational(row.read))}"

    def _admit(self) -> Iterator[str]:
        yield self._head("admit")
        rules = {rule.name: rule for rule in self.formula.admit}
        admitted = list(self.rows)
        for step in self._steps("admit"):
            if step.name in rules:
                self.sets[ADMITTED] = tuple(admitted)
                yield "   " + self._say(
                    "rule", self._name(step.name), self._conditions(rules[step.name].keep)
                )
            for bid in step.bids:
                zero = step.name in rules and rules[step.name].otherwise is Otherwise.ZERO
                yield "   " + self._say("zero" if zero else "out", self._bid(bid), self._name(step.name))
            admitted = [bid for bid in admitted if bid not in step.bids]
        if len(admitted) == len(self.rows):
            yield "   " + self._say("all_in", str(len(admitted)))
        self.sets[ADMITTED] = tuple(admitted)

    def _adjust(self) -> Iterator[str]:
        if not self.formula.adjust:
            return
        yield self._head("adjust", self._rounding(PriceStage.ADJUST))
        nth = dict.fromkeys(self.rows, 0)
        for rule, step in zip(self.formula.adjust, self._steps("adjust"), strict=True):
            for bid in step.bids:
                values = [one for one in self.rows[bid].values if one.stage == "adjust"]
                after = parse_rational(values[nth[bid]].value)
                nth[bid] += 1
                text = self._writer(bid).write(rule.price, 1 if self.fen else None)
                yield "   " + self._say(
                    "adjusted",
                    rule.title or rule.name,
                    f"{self._bid(bid)} {text}",
                    self._amount(PRICE, after),
                )
                self.prices[bid] = after
        self.prices = {row.bid: parse_rational(row.price) for row in self.trace.rows}

    def _trim(self) -> Iterator[str]:
        gone = {step.name: step.bids for step in self._steps("trim")}
        out = {bid for bids in gone.values() for bid in bids}
        admitted = self.sets[ADMITTED]
        self.sets[TRIMMED] = tuple(bid for bid in admitted if bid in out)
        self.sets[KEPT] = tuple(bid for bid in admitted if bid not in out)
        if not self.formula.trim.rows:
            return
        yield self._head("trim")
        row = trim_row(self.formula.trim.rows, len(admitted))
        yield "   " + self._say(
            "trimmed",
            str(len(admitted)),
            str(row.high),
            self._bids(gone["high"]),
            str(row.low),
            self._bids(gone["low"]),
        )
        if out:
            yield "   " + self._say("still" if self.formula.trim.scored else "unscored")

    def _aggregate(self) -> Iterator[str]:
        if not self.formula.aggregate:
            return
        yield self._head("base")
        told = [step for step in self.trace.steps if step.stage in {"aggregate", "round", "shift"}]
        for index, step in enumerate(told):
            if step.stage == "shift":
                yield from self._shift(step)
            elif step.stage == "aggregate":
                yield from self._step(step)
            else:
                stage = PriceStage.SHIFT if told[index - 1].stage == "shift" else PriceStage.AGGREGATE
                yield f"     {self._rounding(stage, step.name)}: {self._amount(step.name, parse_rational(step.value))}"
                self.common[step.name] = parse_rational(step.value)

    def _step(self, step: PriceStep) -> Iterator[str]:
        if not step.value:
            self.sets[step.name] = step.bids
            (declared, *_) = [one for one in self.formula.aggregate if one.name == step.name]
            conditions = f" ({self._conditions(declared.where)})" if declared.where else ""
            yield "   " + self._say("set", self._name(step.name) + conditions, self._bids(step.bids))
            return
        value = parse_rational(step.value)
        writer = self._writer()
        declared_value = self._counting(step)
        power = writer.power(declared_value)
        if power == 1 or (step.name == BASE and self.fen):
            self.money.add(step.name)
        text = writer.write(declared_value, 1 if step.name in self.money else None)
        shown = self._amount(step.name, value)
        yield f"   {self._name(step.name)} = {text}" + ("" if text == shown else f" = {shown}")
        self.common[step.name] = value

    def _counting(self, step: PriceStep) -> Expr:
        """Return the expression of the namesake that counted: the one whose conditions held."""
        namesakes = [one for one in self.formula.aggregate if one.name == step.name]
        holding = [one for one in namesakes if all(self._holds(each) for each in one.when)]
        return (holding or namesakes)[0].value

    def _holds(self, one: Condition) -> bool:
        left, right = (self._simple(side) for side in (one.left, one.right))
        if left is None or right is None:
            return True
        return {"<": left < right, "<=": left <= right, "=": left == right, "!=": left != right,
                ">=": left >= right, ">": left > right}[one.test.value]  # fmt: skip

    def _simple(self, expr: Expr) -> Fraction | None:
        """Return the value of a name, a number or a count; deeper conditions are told as they were decided."""
        if isinstance(expr, str):
            return number(expr) if expr not in self.common else self.common[expr]
        if expr.op is Op.COUNT and isinstance(expr.of[0], str):
            return Fraction(len(self.sets.get(expr.of[0], ())))
        return None

    def _shift(self, step: PriceStep) -> Iterator[str]:
        value = parse_rational(step.value)
        if self.formula.shift != "1":
            before = self._amount(BASE, self.common[BASE])
            factor = self._writer().write(self.formula.shift, inside=True)
            yield "   " + self._say("shifted", before, factor, self._amount(BASE, value))
        self.common[BASE] = value

    def _deviate(self) -> Iterator[str]:
        if not self.formula.has_base():
            return
        lower = self.formula.deviate.better is Better.LOWER
        of = self.formula.deviate.of
        amount = self._writer().write(of, inside=True)
        yield self._head(
            "deviate",
            self._rounding(PriceStage.DEVIATE),
            self._say("minus" if lower else "minus_higher"),
            amount,
        )
        for row in self._scored():
            price, base = (
                self._amount(PRICE, parse_rational(row.price)),
                self._amount(BASE, self.common[BASE]),
            )
            sides = f"{price} − {base}" if lower else f"{base} − {price}"
            yield f"   {self._bid(row.bid)}  100 × ({sides}) ÷ {amount} = {self._chain(row, 'deviate')}"

    def _score(self) -> Iterator[str]:
        score = self.formula.score
        yield self._head("score", self._rounding(PriceStage.SCORE), figure(number(score.full)))
        if score.kind is ScoreKind.PENALTY:
            yield "   " + self._side("above", score.above, score.cap_above)
            yield "   " + self._side("below", score.below, score.cap_below)
            if score.steps is not WholeSteps.LINEAR:
                yield "   " + self._say("steps", score.step, self._say(score.steps.value))
        if score.kind is ScoreKind.TABLE:
            at = [
                self._say("at", *((row.at, row.points) if not self.second else (row.points, row.at)))
                for row in score.rows
            ]
            yield "   " + self._say("table", "; ".join(at)) + "; " + self._say(score.between.value)
        for row in self._scored():
            yield f"   {self._bid(row.bid)}  {self._working(row)} = {self._chain(row, 'score')}"

    def _working(self, row: PriceRow) -> str:
        score = self.formula.score
        if score.kind is ScoreKind.VALUE:
            return self._writer(row.bid).write(score.value)
        away = parse_rational(row.deviation)
        if score.kind is ScoreKind.TABLE:
            return f"[{figure(away)}%]"
        full = number(score.full)
        value = next(parse_rational(one.value) for one in row.values if one.stage == "score")
        segments, cap = (score.above, score.cap_above) if away > 0 else (score.below, score.cap_below)
        if len(segments) == 1 and not segments[0].to and score.steps is WholeSteps.LINEAR and away:
            rate = self._writer().write(segments[0].rate, inside=True)
            sign, rate = ("+", rate[1:]) if rate.startswith("−") else ("−", rate)
            bound = self._say("capped", self._writer().write(cap)) if cap != "" else ""
            return f"{figure(full)} {sign} {rate} × {figure(abs(away))}{bound}"
        return (
            f"{figure(full)} − {figure(full - value)}"
            if value <= full
            else f"{figure(full)} + {figure(value - full)}"
        )

    def _floor(self) -> Iterator[str]:
        floor = self.formula.floor
        bounds = [
            self._say(word, self._writer().write(bound))
            for word, bound in (("least", floor.least), ("most", floor.most))
            if bound != ""
        ]
        moved = [row for row in self._scored() if self._before(row, "floor") != self._value(row, "floor")]
        if bounds and (moved or PriceStage.FLOOR in {one.stage for one in self.formula.rounds}):
            yield self._head("floor", self._rounding(PriceStage.FLOOR), "; ".join(bounds))
            for row in moved:
                yield f"   {self._bid(row.bid)}  {self._chain(row, 'floor')}"

    def _weight(self) -> Iterator[str]:
        score, weight = number(self.formula.score.full), number(self.formula.weight)
        if score == weight and not self._rounding(PriceStage.WEIGHT):
            return
        yield self._head("weight", self._rounding(PriceStage.WEIGHT), figure(weight), figure(score))
        for row in self._scored():
            before = figure(self._before(row, "weight"))
            yield f"   {self._bid(row.bid)}  {before} × {figure(weight)} ÷ {figure(score)} = {self._chain(row, 'weight')}"

    def _result(self) -> Iterator[str]:
        terms = self.formula.total
        yield self._head("result", self._say("round", str(terms.digits), self._say(_MODES[terms.mode])))
        for row in self.trace.rows:
            yield f"   {self._bid(row.bid)}  {row.points if row.admitted else self._say('rejected')}"
        keys = ", ".join(self._say(key.order.value, self._name(key.by)) for key in self.formula.ties)
        last = "draw" if self.formula.undecided is Undecided.DRAW else "tenderer"
        yield self._say("ties", keys or self._say("none"), self._say(last))

    # --- words --------------------------------------------------------------------------------------

    def _say(self, key: str, *facts: str) -> str:
        return _WORDS[key][self.second].format(*facts)

    def _head(self, key: str, after: str = "", *facts: str) -> str:
        self.number += 1
        return f"{self.number}. {self._say(key, *facts)}" + (f" ({after})" if after else "")

    def _name(self, name: str) -> str:
        if name in self.titles:
            return self.titles[name] if name == BASE else f"{self.titles[name]} {name}"
        return _NAMES[name][self.second] if name in _NAMES else name

    def _bid(self, bid: str) -> str:
        bidder = self.done.bidders.get(bid, "")
        return f"{bid} {bidder}" if bidder else bid

    def _bids(self, bids: tuple[str, ...]) -> str:
        return f"({', '.join(bids)})" if bids else f"({self._say('none')})"

    def _amount(self, name: str, value: Fraction) -> str:
        return self._writer().amount(value, int(name in self.money))

    def _rounding(self, stage: PriceStage, step: str = "") -> str:
        declared: dict[str, RoundAt] = {one.step: one for one in self.formula.rounds if one.stage is stage}
        terms = declared.get(step) or declared.get("")
        return self._say("round", str(terms.digits), self._say(_MODES[terms.mode])) if terms else ""

    def _conditions(self, conditions: tuple[Condition, ...]) -> str:
        writer = self._writer()
        parts = []
        for one in conditions:
            power = writer.power(one.left)
            power = writer.power(one.right) if power is None else power
            sides = [self._side_of(side, power) for side in (one.left, one.right)]
            parts.append(f"{sides[0]} {one.test.value} {sides[1]}")
        return "; ".join(parts)

    def _side_of(self, expr: Expr, power: int | None) -> str:
        if isinstance(expr, str) and (expr in _NAMES and expr not in self.common):
            return self._name(expr)
        return self._writer().write(expr, power)

    def _side(self, word: str, segments: tuple[PenaltySegment, ...], cap: Expr) -> str:
        parts = []
        for index, one in enumerate(segments):
            rate = self._writer().write(one.rate)
            text = self._say("gain", rate[1:]) if rate.startswith("−") else self._say("rate", rate)
            span = self._say("up_to", one.to) if one.to else self._say("beyond") if index else ""
            parts.append(f"{span} {text}".strip())
        if cap != "":
            parts.append(self._say("cap", self._writer().write(cap)))
        return f"{self._say(word)}: " + ("; ".join(parts) or self._say("rate", "0"))

    # --- numbers ------------------------------------------------------------------------------------

    def _writer(self, bid: str = "") -> Writer:
        words = {op: said[self.second] for op, said in _OPERATIONS.items()}
        nth = {op: said[self.second] for op, said in _NTH.items()}
        return Writer(
            lambda name: self._value_of(name, bid), self._members, words, nth, frozenset(self.money)
        )

    def _value_of(self, name: str, bid: str) -> Fraction | None:
        if name in self.common:
            return self.common[name]
        return self._own(name, bid) if bid else None

    def _own(self, name: str, bid: str) -> Fraction | None:
        row = self.rows[bid]
        if name == READ:
            return parse_rational(row.read)
        if name == PRICE:
            return self.prices[bid]
        if name == DEVIATION:
            return parse_rational(row.deviation) if row.deviation else None
        declared = next(one for one in self.formula.inputs_of(Per.BID) if one.name == name)
        given = next(one for one in self.done.bids if one.bid == bid).values
        text = given.get(name) or declared.value
        return number(text) if text else None

    def _members(self, name: Expr, value: Expr) -> list[str]:
        bids = self.sets.get(name, ()) if isinstance(name, str) else ()
        return [self._writer(bid).write(value, inside=True) for bid in bids]

    def _steps(self, stage: str) -> list[PriceStep]:
        return [step for step in self.trace.steps if step.stage == stage]

    def _scored(self) -> list[PriceRow]:
        return [row for row in self.trace.rows if row.scored]

    def _index(self, row: PriceRow, stage: str) -> int:
        return next(index for index, one in enumerate(row.values) if one.stage == stage)

    def _value(self, row: PriceRow, stage: str) -> Fraction:
        return parse_rational(row.values[self._index(row, stage)].value)

    def _before(self, row: PriceRow, stage: str) -> Fraction:
        return parse_rational(row.values[self._index(row, stage) - 1].value)

    def _chain(self, row: PriceRow, stage: str) -> str:
        """Write a stage's value, and its rounded one where a rounding follows."""
        index = self._index(row, stage)
        text = figure(parse_rational(row.values[index].value))
        after = row.values[index + 1] if index + 1 < len(row.values) else None
        return f"{text} → {figure(parse_rational(after.value))}" if after and after.stage == "round" else text
