"""Checks of a report before it is put to the members: what blocks, and what asks for a reason.

Each rule is a row of `RULES`; it looks at the report's own tables and computes anew what they say, by another way
than the room's ranking, so that a slip in one is seen by the other.  It needs nothing but the report's data, so whoever
has those runs the checks again; gaps alone are known from the recordings.  Nothing here changes anything.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from evalroom.coverage import Hole
from evalroom.ids import ItemId
from evalroom.pricing.rationals import Rounding, parse_rational, round_exactly
from evalroom.report.data import Failure, Report, ReportedItem
from evalroom.report.failure import ALL_REJECTED, BY_MEMBERS, NO_COMPETITION, NO_PRICE, ORDERED
from evalroom.reporting import Section
from evalroom.settlement import MarksSummed
from evalroom.tender import ItemKind, Part
from evalroom.voting import REJECT_ALL, Question, lot_vote


class Effect(StrEnum):
    """What follows from a problem: signing has to wait for it, or the chair gives a reason."""

    BLOCKS = "blocks"
    ASKS = "asks"


class ProblemCode(StrEnum):
    """Everything a report is checked for."""

    SUM_DIFFERS = "sum_differs"
    MEAN_DIFFERS = "mean_differs"
    TOTAL_DIFFERS = "total_differs"
    ORDER_DIFFERS = "order_differs"
    BID_UNACCOUNTED = "bid_unaccounted"
    GROUND_MISSING = "ground_missing"
    FINDING_UNANSWERED = "finding_unanswered"
    SHEET_MISSING = "sheet_missing"
    GAP_UNDECLARED = "gap_undeclared"
    TIE_OPEN = "tie_open"
    FEW_CANDIDATES = "few_candidates"
    PRICE_CORRECTED = "price_corrected"
    OBJECTION = "objection"
    FAILURE_UNFOUNDED = "failure_unfounded"


@dataclass(frozen=True, slots=True)
class Problem:
    """What a check found: where in the report, whether it blocks, and the bids, seats, tracks or figures it is about."""

    code: ProblemCode
    effect: Effect
    section: Section
    names: tuple[str, ...]
    justified: str = ""

    @property
    def holds_up(self) -> bool:
        """Say whether the report cannot be put to the members yet."""
        return self.effect is Effect.BLOCKS or not self.justified


@dataclass(frozen=True, slots=True)
class Checked:
    """What the checks look at: the report, and the undeclared gaps there are."""

    report: Report
    holes: tuple[Hole, ...] = ()


_Names = Iterator[str]


def _sums(of: Checked) -> _Names:
    """Compare each member's total with the sum over the cells, and with the sum of the groups."""
    worth = {item.id: item for item in of.report.items}
    cells: dict[tuple[str, str], Decimal] = {}
    for sheet in of.report.sheets:
        for cell in sheet.cells if sheet.part is Part.DETAILED else ():
            key = (sheet.seat, cell.bid)
            earned = _earned(worth[cell.item], cell.value)
            cells[key] = cells.get(key, Decimal(0)) + earned
    groups: dict[tuple[str, str], Decimal] = {}
    for one in of.report.subtotals:
        if one.group:
            groups[one.seat, one.bid] = groups.get((one.seat, one.bid), Decimal(0)) + Decimal(one.points)
    for one in of.report.subtotals:
        key, total = (one.seat, one.bid), Decimal(one.points)
        if not one.group and not total == cells.get(key, Decimal(0)) == groups.get(key, Decimal(0)):
            yield f"{one.seat} {one.bid}"


def _earned(item: ReportedItem, value: str) -> Decimal:
    """Return what a value is worth, read from the tender's own words and not from the sheet's rules."""
    if item.kind is ItemKind.PASS:
        return Decimal(0)
    if item.kind is ItemKind.CHOICE:
        return Decimal({option.name: option.points for option in item.options}[value])
    return Decimal(item.full) - Decimal(value) if item.kind is ItemKind.DEDUCT else Decimal(value)


def _means(of: Checked) -> _Names:
    """Compare each technical mark with what the members' sheets give, trimmed and rounded as the tender declares."""
    marks = _plain_means(of.report) if of.report.marks is None else _summed(of, of.report.marks)
    for row in of.report.ranking:
        if marks.get(row.bid) != parse_rational(row.technical):
            yield row.bid


def _plain_means(report: Report) -> dict[str, Fraction]:
    totals: dict[str, list[Fraction]] = {}
    for one in report.subtotals:
        if not one.group:
            totals.setdefault(one.bid, []).append(Fraction(one.points))
    return {bid: sum(given, Fraction(0)) / len(given) for bid, given in totals.items()}


def _summed(of: Checked, marks: MarksSummed) -> dict[str, Fraction]:
    """Work the marks out from the sheets, leaving out whom the summing says it left out, rounded by group as declared."""
    out = {(one.bid, one.item): {*one.out, marks.widest} for one in marks.cells}
    given: dict[tuple[str, str], list[Fraction]] = {}
    worth = {item.id: item for item in of.report.items}
    for sheet in of.report.sheets:
        for cell in sheet.cells if sheet.part is Part.DETAILED else ():
            if sheet.seat not in out.get((cell.bid, cell.item), set()):
                earned = Fraction(_earned(worth[cell.item], cell.value))
                given.setdefault((cell.bid, cell.item), []).append(earned)
    rounding = of.report.rounding
    digits = {"technical": rounding.technical, "commercial": rounding.commercial}
    groups: dict[tuple[str, str], Fraction] = {}
    for (bid, item), points in given.items():
        group = worth[ItemId(item)].group
        groups[bid, group] = groups.get((bid, group), Fraction(0)) + sum(points, Fraction(0)) / len(points)
    totals: dict[str, Fraction] = {}
    for (bid, group), exact in groups.items():
        places = digits.get(group)
        mark = exact if places is None else round_exactly(exact, places, Rounding.HALF_UP)
        totals[bid] = totals.get(bid, Fraction(0)) + mark
    return totals


def _totals(of: Checked) -> _Names:
    """Compare each total with mark plus price score, rounded as the tender declares."""
    terms = of.report.rounding.total
    for row in of.report.ranking:
        exact = parse_rational(row.technical) + parse_rational(row.price)
        if round_exactly(exact, terms.digits, terms.mode) != Fraction(row.total):
            yield row.bid


def _order(of: Checked) -> _Names:
    """Find bids ranked before one with a higher total, and candidates beyond the places there are."""
    rows = of.report.ranking
    for one in rows:
        better = sum(1 for other in rows if Fraction(other.total) > Fraction(one.total))
        if one.rank <= better or one.candidate is not (one.rank <= of.report.candidates):
            yield one.bid


def _unaccounted(of: Checked) -> _Names:
    """Find bids that are neither ranked nor rejected, or both; nobody is ranked in a lot that failed."""
    if of.report.failure is not None:
        return
    ranked = {row.bid for row in of.report.ranking}
    out = {one.bid for one in of.report.rejections}
    for bid in of.report.bids:
        if (bid.id in ranked) is (bid.id in out):
            yield bid.id


def _groundless(of: Checked) -> _Names:
    """Find rejections by the committee without a written ground, where the chair's words give none either."""
    if any(one.section is Section.REJECTIONS and one.text.strip() for one in of.report.prose):
        return
    for one in of.report.rejections:
        if not one.ground or (one.seats and not any(reason.strip() for reason in one.reasons)):
            yield one.bid


def _unanswered(of: Checked) -> _Names:
    asked = () if of.report.failure else of.report.findings
    return (f"{one.finding} {one.seat}" for one in asked if not one.answered)


def _sheetless(of: Checked) -> _Names:
    """Find members without a locked sheet of a part that has items; a lot may fail before anybody has one."""
    parts = set() if of.report.failure else {item.part for item in of.report.items}
    there = {(one.seat, one.part) for one in of.report.sheets}
    members = [one.seat for one in of.report.attendance if one.member]
    return (f"{seat} {part}" for seat in members for part in sorted(parts) if (seat, part) not in there)


def _gaps(of: Checked) -> _Names:
    return (f"{one.track} {one.from_ms}-{one.to_ms}" for one in of.holes)


def _ties(of: Checked) -> _Names:
    return iter(of.report.ties)


def _few(of: Checked) -> _Names:
    """Say how many candidates there are where the tender wants more, though bids enough were opened for them."""
    named = sum(1 for row in of.report.ranking if row.candidate)
    if of.report.failure is None and named < min(of.report.candidates, len(of.report.bids)):
        yield str(named)


def _corrected(of: Checked) -> _Names:
    for one in of.report.incidents:
        if one.kind == "PriceCorrected":
            yield dict(one.facts)["bid"]


def _objections(of: Checked) -> _Names:
    return (one.bid for one in of.report.opening if one.objection)


def _unfounded(of: Checked) -> _Names:
    """Find a lot that is said to have failed where the report's own tables do not bear it out."""
    report, failure = of.report, of.report.failure
    if failure is None:
        return
    result = report.ranking or report.awarded or report.marks or report.settled or report.ties
    if result or not _bears_out(report, failure):
        yield failure.ground


def _bears_out(report: Report, failure: Failure) -> bool:
    """Say whether the tables show the ground: everybody out, a vote to reject all, or two persons' order."""
    members = {one.seat for one in report.attendance if one.member}
    out = {one.bid for one in report.rejections}
    voted = {one.outcome for one in report.votes if one.vote == lot_vote(Question.COMPETITION, report.lot)}
    proposed = {
        dict(one.facts)["proposal"]
        for one in report.incidents
        if one.kind == "Proposed" and {("act", "fail_lot"), ("lot", report.lot)} <= {*one.facts}
    }
    approved = {dict(one.facts)["proposal"] for one in report.incidents if one.kind == "Approved"}
    shown = {
        ALL_REJECTED: all(one.id in out for one in report.bids),
        NO_PRICE: report.prices is None and all(one.id in out for one in report.bids),
        NO_COMPETITION: REJECT_ALL in voted,
        ORDERED: bool(proposed & approved and failure.reason.strip()) and len({*failure.by}) > 1,
    }
    by_members = failure.ground not in BY_MEMBERS or {*failure.by} == members
    return shown.get(failure.ground, False) and by_members


RULES: Mapping[ProblemCode, tuple[Effect, Section, Callable[[Checked], _Names]]] = {
    ProblemCode.SUM_DIFFERS: (Effect.BLOCKS, Section.DETAILED, _sums),
    ProblemCode.MEAN_DIFFERS: (Effect.BLOCKS, Section.DETAILED, _means),
    ProblemCode.TOTAL_DIFFERS: (Effect.BLOCKS, Section.RECOMMENDATION, _totals),
    ProblemCode.ORDER_DIFFERS: (Effect.BLOCKS, Section.RECOMMENDATION, _order),
    ProblemCode.BID_UNACCOUNTED: (Effect.BLOCKS, Section.REJECTIONS, _unaccounted),
    ProblemCode.GROUND_MISSING: (Effect.BLOCKS, Section.REJECTIONS, _groundless),
    ProblemCode.FINDING_UNANSWERED: (Effect.BLOCKS, Section.DETAILED, _unanswered),
    ProblemCode.SHEET_MISSING: (Effect.BLOCKS, Section.DETAILED, _sheetless),
    ProblemCode.GAP_UNDECLARED: (Effect.BLOCKS, Section.OVERVIEW, _gaps),
    ProblemCode.TIE_OPEN: (Effect.ASKS, Section.RECOMMENDATION, _ties),
    ProblemCode.FEW_CANDIDATES: (Effect.ASKS, Section.RECOMMENDATION, _few),
    ProblemCode.PRICE_CORRECTED: (Effect.ASKS, Section.PRICE, _corrected),
    ProblemCode.OBJECTION: (Effect.ASKS, Section.OVERVIEW, _objections),
    ProblemCode.FAILURE_UNFOUNDED: (Effect.BLOCKS, Section.RECOMMENDATION, _unfounded),
}
"""Each check: whether it blocks or asks, the section it belongs to, and what finds it."""


def lint(of: Checked, justified: Mapping[str, str] | None = None) -> tuple[Problem, ...]:
    """Return what the checks find, in the order of `RULES`; `justified` holds the chair's reasons by code."""
    reasons = justified or {}
    found = ((code, rule, tuple(rule[2](of))) for code, rule in RULES.items())
    return tuple(
        Problem(code, effect, section, names, reasons.get(code.value, ""))
        for code, (effect, section, _), names in found
        if names
    )


def holding_up(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return the problems for which a report cannot be put to the members yet."""
    return tuple(one for one in problems if one.holds_up)
