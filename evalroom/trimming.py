"""The marks of a committee without their extremes, as the tender declares: F13, or none.

Trimming marks is a rule of the tender, never a correction of an expert: whose marks were left out, and which,
is part of the result.  It is for marks only; 87号令 forbids trimming prices in its methods (unverified).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from evalroom.errors import Refusal
from evalroom.pricing.rationals import RoundingTerms, rounded
from evalroom.summary import MarkTrim, trim_for

Cell = tuple[str, str]
"""A bid and a sub-item."""


class MarksIncomplete(Refusal):
    """A member's marks are missing: nothing can be summed before every sheet is complete. Nothing was computed."""

    code = "marks_incomplete"


class WidestUndrawn(Refusal):
    """Several members have the same widest spread: a draw must say whose marks are left out. Nothing was computed."""

    code = "widest_undrawn"


class TrimsAllMarks(Refusal):
    """The rule leaves out as many marks as there are: correct the tender's rule. Nothing was computed."""

    code = "trims_all_marks"


@dataclass(frozen=True, slots=True)
class TrimmedMarks:
    """Exact means per cell, the member left out as widest (or empty), and per cell who was left out."""

    means: Mapping[Cell, Fraction]
    widest: str
    out: Mapping[Cell, tuple[str, ...]]


def trim_marks(
    marks: Mapping[str, Mapping[Cell, Fraction]], rules: Iterable[MarkTrim] = (), order: Sequence[str] = ()
) -> TrimmedMarks:
    """Return the mean of every cell after the declared trimming; `order` settles who is widest where that is tied.

    `marks` go from member to cell to points.  The rule with the most members not above their number counts.
    A member's spread is the highest less the lowest of their totals over the bids; equal spreads go by the next
    pair inwards, then by who comes first in `order`.  Of equal marks in a cell those of members first by name are left out.

    Raises:
        MarksIncomplete: two members did not mark the same cells, or there is no member.
        WidestUndrawn: the widest is tied and `order` names none of them.
        TrimsAllMarks: no mark would be left.
    """
    cells = _cells(marks)
    rule = trim_for(rules, len(marks))
    if rule.widest + rule.high + rule.low >= len(marks):
        raise TrimsAllMarks(members=len(marks), widest=rule.widest, high=rule.high, low=rule.low)
    widest = widest_member(marks, order) if rule.widest else ""
    left = {member: given for member, given in marks.items() if member != widest}
    means, out = {}, {}
    for cell in cells:
        order = sorted(left, key=lambda member: (left[member][cell], member))
        gone = order[: rule.low] + (order[len(order) - rule.high :] if rule.high else [])
        kept = [left[member][cell] for member in order if member not in gone]
        means[cell] = sum(kept, Fraction(0)) / len(kept)
        out[cell] = tuple(sorted(gone))
    return TrimmedMarks(means, widest, out)


def widest_member(marks: Mapping[str, Mapping[Cell, Fraction]], order: Sequence[str] = ()) -> str:
    """Return the member with the widest spread of totals over the bids.

    Raises:
        WidestUndrawn: several have it, and `order` names none of them.
    """
    spreads = member_spreads(marks)
    most = max(spreads.values())
    tied = sorted(member for member, spread in spreads.items() if spread == most)
    if len(tied) == 1:
        return tied[0]
    first = next((member for member in order if member in tied), None)
    if first is None:
        raise WidestUndrawn(members=", ".join(tied))
    return first


def member_spreads(marks: Mapping[str, Mapping[Cell, Fraction]]) -> dict[str, tuple[Fraction, ...]]:
    """Return each member's spreads of totals over the bids, the widest pair first."""
    return {member: spreads_of(_totals(given)) for member, given in marks.items()}


def spreads_of(totals: Sequence[Fraction]) -> tuple[Fraction, ...]:
    """Return highest less lowest, then second highest less second lowest, and so on inwards."""
    order = sorted(totals)
    return tuple(order[-1 - index] - order[index] for index in range(len(order) // 2))


def mark_of(
    means: Mapping[Cell, Fraction], bid: str, items: Iterable[str], rounding: RoundingTerms | None = None
) -> Fraction:
    """Return a bid's mark over some sub-items, rounded once where declared (F13: technical 3 digits, commercial 2)."""
    total = sum((means[bid, item] for item in items), Fraction(0))
    return total if rounding is None else Fraction(rounded(total, rounding))


def _cells(marks: Mapping[str, Mapping[Cell, Fraction]]) -> list[Cell]:
    if not marks:
        raise MarksIncomplete(problem="no member")
    cells = sorted(next(iter(marks.values())))
    for member, given in marks.items():
        if sorted(given) != cells:
            raise MarksIncomplete(member=member)
    return cells


def _totals(given: Mapping[Cell, Fraction]) -> list[Fraction]:
    totals: dict[str, Fraction] = {}
    for (bid, _), points in given.items():
        totals[bid] = totals.get(bid, Fraction(0)) + points
    return list(totals.values())
