"""The usual price formulas, F1 to F9, each as a function of its parameters, with a sample worked by hand.

Their figures stand in the design's table of formulas; tenders change them freely.  A sample here is worked out
by the sentence of the method, not by the kernel, so that it checks the kernel and not itself.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction

from evalroom.pricing.formula import (
    ADMITTED,
    BASE,
    FULL,
    KEPT,
    PRICE,
    READ,
    TWO_DIGITS,
    USUAL_TIES,
    Adjustment,
    AdmitRule,
    BaseStep,
    Condition,
    Expr,
    InputUnit,
    NamedValue,
    Op,
    PenaltySegment,
    Per,
    PriceFormula,
    PriceInput,
    PriceSample,
    PriceStage,
    Relation,
    RoundAt,
    SampleBid,
    ScoreBounds,
    ScoreKind,
    ScoreTerms,
    TrimTable,
    TrimTerms,
    WholeSteps,
    apply,
)
from evalroom.pricing.inputs import number
from evalroom.pricing.rationals import Rounding, RoundingTerms, rounded

LOWEST_PRICE, TRIMMED_MEAN = "lowest_price", "trimmed_mean"
CEILING, RESERVE, SMALL = "ceiling", "reserve", "small"
K, FLOAT = "K", "float"
K_VALUES = ("0.96", "0.97", "0.98")
FLOAT_VALUES = ("0.015", "0.0125", "0.01", "0.0075", "0.005", "0.0025")

RATIO = apply(Op.QUOTIENT, apply(Op.PRODUCT, FULL, BASE), PRICE)
"""Lowest price first: full marks x base / price."""

_MEAN = apply(Op.MEAN, KEPT)


def lowest_price(
    weight: str = "30",
    *,
    ceiling_fen: int | None = None,
    deduction: str = "",
    total: RoundingTerms = TWO_DIGITS,
) -> PriceFormula:
    """F1 低价优先: the lowest evaluated price gets full marks, the others full marks x lowest / price.

    87号令 art. 55: the price weighs at least 30 % for goods, 10 % for services.  `deduction` is the small firms'
    preference (6 to 10 %, as "0.1"): it lowers the price for comparison only.
    """
    return PriceFormula(
        name=LOWEST_PRICE,
        title="低价优先法 lowest price first",
        weight=weight,
        inputs=_ceiling_input(ceiling_fen) + ((_small_input(),) if deduction else ()),
        admit=_ceiling_rule(ceiling_fen),
        adjust=(small_firms(deduction),) if deduction else (),
        aggregate=(BaseStep(BASE, value=apply(Op.LOWEST, ADMITTED)),),
        score=ScoreTerms(ScoreKind.VALUE, full=_full(weight), value=RATIO),
        total=total,
        samples=(_ratio_sample(weight, deduction, ceiling_fen, total),),
    )


def trimmed_mean(
    weight: str = "30",
    *,
    trim: tuple[TrimTerms, ...] = (TrimTerms(4, 1, 1),),
    above: str = "2",
    below: str = "1",
    floor: str = "0",
    ceiling_fen: int | None = None,
    total: RoundingTerms = TWO_DIGITS,
) -> PriceFormula:
    """F2 去极值平均: the mean without extremes is the base; points come off per percent, unequal above and below."""
    return _penalty(
        TRIMMED_MEAN,
        "去极值平均基准价法 trimmed mean",
        weight,
        above=above,
        below=below,
        floor=floor,
        trim=trim,
        ceiling_fen=ceiling_fen,
        total=total,
    )


def mean_less(weight: str = "40", *, delta: str = "-0.05") -> PriceFormula:
    """F3: mean x (1 + delta), by default 5 % below it; scored out of 100 to two digits, then weighted."""
    shift = 1 + number(delta)
    return _penalty(
        "F3",
        "平均价下浮法 mean, shifted",
        weight,
        full="100",
        above="1.2",
        below="0.8",
        trim=(TrimTerms(6, 1, 0), TrimTerms(7, 1, 1)),
        shift=apply(Op.SUM, "1", delta),
        shifted=shift,
        rounds=(RoundAt(PriceStage.SCORE, 2, Rounding.HALF_UP),),
    )


def tenth_penalties() -> PriceFormula:
    """F4: from five bids on one high and one low are left out; 60 - 100 K |d|, K 0.2 above and 0.1 below."""
    return _penalty(
        "F4", "平均价偏差法 mean deviation", "60", above="0.2", below="0.1", trim=(TrimTerms(5, 1, 1),)
    )


def drawn_factor(weight: str = "30", *, values: tuple[str, ...] = K_VALUES) -> PriceFormula:
    """F5: base = mean x K, K drawn before any price is unsealed; a percent above costs 0.5, below 0.3 points."""
    return _penalty(
        "F5",
        "抽取系数法 drawn factor",
        weight,
        above="0.5",
        below="0.3",
        inputs=(PriceInput(K, "抽取的系数 K", choices=values),),
        shift=K,
        shifted=number(values[0]),
        given=(NamedValue(K, values[0]),),
    )


def drawn_float(
    weight: str = "30", *, values: tuple[str, ...] = FLOAT_VALUES, above: str = "1", below: str = "0.5"
) -> PriceFormula:
    """F6: base = mean x (1 - float), the float drawn at the opening from 1.5 % to 0.25 %."""
    return _penalty(
        "F6",
        "抽取浮动点法 drawn float",
        weight,
        above=above,
        below=below,
        inputs=(PriceInput(FLOAT, "抽取的下浮率", choices=values),),
        shift=apply(Op.DIFFERENCE, "1", FLOAT),
        shifted=1 - number(values[0]),
        given=(NamedValue(FLOAT, values[0]),),
    )


def compound(
    weight: str = "50", *, mean_share: str = "0.8", above: str = "1", below: str = "0.5"
) -> PriceFormula:
    """F7 复合标底: base = 0.8 x mean of the bids + 0.2 x reserve price, which becomes known at the opening."""
    share = number(mean_share)
    steps = (
        BaseStep("A1", "投标报价平均值", _MEAN),
        BaseStep(
            BASE,
            "复合标底",
            apply(
                Op.SUM,
                apply(Op.PRODUCT, mean_share, "A1"),
                apply(Op.PRODUCT, apply(Op.DIFFERENCE, "1", mean_share), RESERVE),
            ),
        ),
    )
    return _penalty(
        "F7",
        "复合标底法 compound base",
        weight,
        above=above,
        below=below,
        inputs=(PriceInput(RESERVE, "标底", unit=InputUnit.FEN),),
        aggregate=steps,
        shifted=share + (1 - share) * Fraction(11, 10),
        given=(NamedValue(RESERVE, "11000"),),
    )


def capped(weight: str = "100") -> PriceFormula:
    """F8: a percent above costs 1 point, at most 20; a percent below 0.3, at most 5."""
    return _penalty(
        "F8", "限额扣分法 capped penalties", weight, above="1", below="0.3", cap_above="20", cap_below="5"
    )


def interpolated(weight: str = "30", *, steps: WholeSteps = WholeSteps.LINEAR) -> PriceFormula:
    """F9: parts of a percent count in proportion; other documents count whole steps (`steps`)."""
    return _penalty("F9", "内插法 interpolation", weight, above="1", below="0.5", steps=steps)


PRESETS: Mapping[str, Callable[[], PriceFormula]] = {
    "F1": lowest_price,
    "F2": trimmed_mean,
    "F3": mean_less,
    "F4": tenth_penalties,
    "F5": drawn_factor,
    "F6": drawn_float,
    "F7": compound,
    "F8": capped,
    "F9": interpolated,
    LOWEST_PRICE: lowest_price,
    TRIMMED_MEAN: trimmed_mean,
}
"""Name to formula with its source's figures; the words of older templates are names of F1 and F2."""


def small_firms(deduction: str) -> Adjustment:
    """Return the preference of small firms: their price less `deduction`, for comparison only."""
    price = apply(Op.PRODUCT, PRICE, apply(Op.DIFFERENCE, "1", deduction))
    return Adjustment("preference", price, "小微企业价格扣除", (Condition(SMALL, Relation.EQUAL, "1"),))


def ceiling_rule() -> AdmitRule:
    """Return the rule that a price above the ceiling is rejected."""
    return AdmitRule(CEILING, (Condition(READ, Relation.AT_MOST, CEILING),), "最高限价")


def _small_input() -> PriceInput:
    return PriceInput(SMALL, "小微企业", per=Per.BID, value="0")


def _ceiling_input(fen: int | None) -> tuple[PriceInput, ...]:
    return () if fen is None else (PriceInput(CEILING, "最高限价", unit=InputUnit.FEN, value=str(fen)),)


def _ceiling_rule(fen: int | None) -> tuple[AdmitRule, ...]:
    return () if fen is None else (ceiling_rule(),)


def _full(weight: str) -> str:
    """Return the full marks of the score: the weight itself, where it is above 0."""
    return weight if number(weight) > 0 else "100"


def _penalty(
    name: str,
    title: str,
    weight: str,
    *,
    above: str,
    below: str,
    full: str = "",
    floor: str = "0",
    cap_above: str = "",
    cap_below: str = "",
    steps: WholeSteps = WholeSteps.LINEAR,
    trim: tuple[TrimTerms, ...] = (),
    inputs: tuple[PriceInput, ...] = (),
    aggregate: tuple[BaseStep, ...] = (BaseStep(BASE, value=_MEAN),),
    shift: Expr = "1",
    shifted: Fraction = Fraction(1),
    given: tuple[NamedValue, ...] = (),
    rounds: tuple[RoundAt, ...] = (),
    ceiling_fen: int | None = None,
    total: RoundingTerms = TWO_DIGITS,
) -> PriceFormula:
    """Return a formula that takes points off by the deviation from a base; `shifted` is the sample's base / mean."""
    full = full or _full(weight)
    score = ScoreTerms(
        ScoreKind.PENALTY,
        full=full,
        above=(PenaltySegment(above),),
        below=(PenaltySegment(below),),
        cap_above=cap_above,
        cap_below=cap_below,
        steps=steps,
    )
    formula = PriceFormula(
        name=name,
        title=title,
        weight=weight,
        inputs=(*_ceiling_input(ceiling_fen), *inputs),
        admit=_ceiling_rule(ceiling_fen),
        trim=TrimTable(trim),
        aggregate=aggregate,
        shift=shift,
        score=score,
        floor=ScoreBounds(least=floor),
        rounds=rounds,
        total=total,
        ties=USUAL_TIES,
    )
    return replace(formula, samples=(_worked(formula, shifted, given, ceiling_fen),))


def _worked(
    formula: PriceFormula, shifted: Fraction, given: tuple[NamedValue, ...], ceiling_fen: int | None
) -> PriceSample:
    """Work out a sample by the sentence of the method: a few bids round 100 yuan, whose mean is known at sight.

    With three bids of 9500, 10000 and 10500 fen the mean is 10000; a trim table that begins below four bids, or a
    ceiling below those, gets a single bid instead, which is its own mean.
    """
    few = any(row.from_bids <= 3 for row in formula.trim.rows)
    prices = _within(ceiling_fen, (10_000,) if few else (9_500, 10_000, 10_500))
    base = shifted * Fraction(sum(prices), len(prices))
    rows = [
        (chr(ord("A") + index), price, _by_hand(formula, 100 * (price - base) / base))
        for index, price in enumerate(prices)
    ]
    return PriceSample(
        bids=tuple(
            SampleBid(bid, str(price), str(rounded(score, formula.total))) for bid, price, score in rows
        ),
        given=given,
    )


def _by_hand(formula: PriceFormula, away: Fraction) -> Fraction:
    """Full marks less rate x |d|, capped, not below the floor, rounded where declared, weighted."""
    score = formula.score
    (segment,) = score.above if away > 0 else score.below
    cap = score.cap_above if away > 0 else score.cap_below
    far = _in_steps(abs(away), score.steps)
    taken = number(str(segment.rate)) * far
    taken = min(taken, number(str(cap))) if cap else taken
    points = max(number(str(formula.floor.least)), number(score.full) - taken)
    for terms in formula.rounds:
        points = Fraction(rounded(points, RoundingTerms(terms.digits, terms.mode)))
    return points * number(formula.weight) / number(score.full)


def _in_steps(away: Fraction, steps: WholeSteps) -> Fraction:
    if steps is WholeSteps.LINEAR:
        return away
    mode = {WholeSteps.UP: Rounding.UP, WholeSteps.DOWN: Rounding.DOWN}.get(steps, Rounding.HALF_UP)
    return Fraction(rounded(away, RoundingTerms(0, mode)))


def _ratio_sample(weight: str, deduction: str, ceiling_fen: int | None, total: RoundingTerms) -> PriceSample:
    """Work out a sample of F1; with a preference every price is a small firm's, which changes no ratio."""
    prices = _within(ceiling_fen, (80, 100, 160))
    small = (NamedValue(SMALL, "1"),) if deduction else ()
    scores = [str(rounded(number(weight) * Fraction(prices[0], price), total)) for price in prices]
    return PriceSample(
        bids=tuple(
            SampleBid(chr(ord("A") + index), str(price), score, values=small)
            for index, (price, score) in enumerate(zip(prices, scores, strict=True))
        )
    )


def _within(ceiling_fen: int | None, prices: tuple[int, ...]) -> tuple[int, ...]:
    """Return prices for a sample, or a single one at the ceiling where that lies below them."""
    return prices if ceiling_fen is None or ceiling_fen >= max(prices) else (ceiling_fen,)
