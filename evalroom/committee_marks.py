"""The committee's marks of a lot: objective items as agreed, subjective ones as the mean after the declared trim.

Members agree on objective items or stand by their own values after they were asked (`evalroom.findings`), so the
mean over all members is what they agreed on.  Trimming touches subjective items alone, and a member's spread is
taken over those: an objective item says nothing about who marks how.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from evalroom.ids import BidId, SeatCode
from evalroom.pricing.rationals import Rounding, RoundingTerms, rational, rounded
from evalroom.settlement import CellMean, GroupMark, MarksSummed, MemberSpread
from evalroom.sheet import Sheet, items_of, points_of
from evalroom.summary import NO_TRIM
from evalroom.tender import Group, Item, ItemKind, Lot, Part
from evalroom.trimming import TrimmedMarks, member_spreads, trim_marks

_Marks = Mapping[str, Mapping[tuple[str, str], Fraction]]


@dataclass(frozen=True, slots=True)
class CommitteeMarks:
    """The mark of each bid, and how it came about; `summed` is None where it is no more than the mean."""

    marks: Mapping[BidId, Fraction]
    summed: MarksSummed | None


def committee_marks(
    lot: Lot, sheets: Mapping[SeatCode, Sheet], bids: Iterable[BidId], order: Sequence[str] = ()
) -> CommitteeMarks:
    """Sum up the detailed sheets of all members for `bids`; `order` says whose spread counts as widest in a tie.

    Raises:
        WidestUndrawn: the widest spread is tied, and `order` names none of the tied.
    """
    among = tuple(bids)
    items = tuple(item for item in items_of(lot, Part.DETAILED) if item.kind is not ItemKind.PASS)
    agreed = _marks(sheets, among, [item for item in items if item.objective])
    judged = _marks(sheets, among, [item for item in items if not item.objective])
    rule = lot.summary.trim_for(len(sheets)) if among and any(judged.values()) else NO_TRIM
    trimmed = trim_marks(judged, [rule], order)
    means = {**trim_marks(agreed).means, **trimmed.means}
    rows = tuple(_group_marks(lot, items, among, means))
    marks = dict.fromkeys(among, Fraction(0))
    for row in rows:
        marks[row.bid] += Fraction(row.mark)
    if lot.summary.plain:
        return CommitteeMarks(marks, None)
    told = rule != NO_TRIM
    summed = MarksSummed(
        lot=lot.id,
        members=len(sheets),
        rule=rule,
        widest=trimmed.widest,
        spreads=tuple(_spreads(judged)) if rule.widest else (),
        cells=tuple(_cells(trimmed, among, items)) if told else (),
        marks=rows,
    )
    return CommitteeMarks(marks, summed)


def _marks(sheets: Mapping[SeatCode, Sheet], bids: Sequence[BidId], items: Sequence[Item]) -> _Marks:
    return {
        seat: {
            (bid, item.id): Fraction(points_of(item, sheet.cells[bid, item.id].value))
            for bid in bids
            for item in items
        }
        for seat, sheet in sheets.items()
    }


def _spreads(judged: _Marks) -> Iterable[MemberSpread]:
    spreads = member_spreads(judged)
    return (MemberSpread(SeatCode(seat), tuple(map(rational, spreads[seat]))) for seat in sorted(spreads))


def _cells(trimmed: TrimmedMarks, bids: Sequence[BidId], items: Sequence[Item]) -> Iterable[CellMean]:
    return (
        CellMean(
            bid,
            item.id,
            rational(trimmed.means[bid, item.id]),
            tuple(map(SeatCode, trimmed.out[bid, item.id])),
        )
        for bid in bids
        for item in items
        if not item.objective
    )


def _group_marks(
    lot: Lot, items: Sequence[Item], bids: Sequence[BidId], means: Mapping[tuple[str, str], Fraction]
) -> Iterable[GroupMark]:
    """Yield each bid's mark in each group of the lot, in the tender's order of groups."""
    digits = {Group.TECHNICAL: lot.summary.technical, Group.COMMERCIAL: lot.summary.commercial}
    groups = dict.fromkeys(item.group for item in items)
    for bid in bids:
        for group in groups:
            exact = sum((means[bid, item.id] for item in items if item.group is group), Fraction(0))
            places = digits[group] if group else None
            mark = exact if places is None else _rounded(exact, places)
            yield GroupMark(bid, group or "", rational(exact), rational(mark))


def _rounded(value: Fraction, digits: int) -> Fraction:
    return Fraction(rounded(value, RoundingTerms(digits, Rounding.HALF_UP)))
