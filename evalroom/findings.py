"""What is looked at once every sheet of a part is locked, and how members answer: state, changes and rules.

Comparing sheets earlier would be an oracle for their values.  Two kinds of finding follow one another:

* Before the group view opens, objective items on which members differ.  Each member is asked to stand by the own value
  or to revise it; their sheets are open for exactly these cells, and nobody learns more than bid and item.  One
  round only: whoever still differs has been asked, and the committee then sees it.
* With the group view, points far off the committee's mean and members whose points are the same throughout.  They
  want a written reason for the report, hold up no unlock, but the results are not signed without it.

The system asks, the expert decides; nothing here changes a score (domain.md, "Checks"; 发改法规〔2026〕195号).
"""

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from evalroom.errors import Refusal
from evalroom.events import FindingAnswered, FindingCode, FindingRaised
from evalroom.ids import BidId, ItemId, LotId, SeatCode
from evalroom.sheet import MAX_REASON, CellKey, Sheet, keys_of, points_of, technical_points
from evalroom.tender import Item, ItemKind, Lot, Part


class UnknownFinding(Refusal):
    """This seat was asked nothing by that name, or has answered it; reload the page to see what is still open."""

    code = "unknown_finding"


class OtherThanStated(Refusal):
    """The answer says the value stands and it was changed, or the other way round: look at the cell and answer again."""

    code = "other_than_stated"


class AnswerWithoutReason(Refusal):
    """This finding wants a reason in writing, at most 2,000 characters: write it, then answer again."""

    code = "answer_without_reason"


@dataclass(frozen=True, slots=True)
class Raised:
    """A finding as it was raised; `before` holds what each seat's cell said then, where one cell is meant."""

    event: FindingRaised
    before: Mapping[SeatCode, str] = field(default_factory=dict)

    @property
    def reopens(self) -> bool:
        """Say whether it opens a cell of the sheets again."""
        return self.event.code is FindingCode.OBJECTIVE_DIFFERS

    @property
    def cell(self) -> CellKey:
        """Return the cell it is about."""
        return self.event.bid, self.event.item


@dataclass(frozen=True, slots=True)
class Answered:
    """A member's answer: whether the value stands, and the reason in clear."""

    stand: bool
    reason: str


@dataclass(slots=True)
class Findings:
    """All findings of a session after locking, and their answers by finding and seat."""

    raised: dict[str, Raised] = field(default_factory=dict)
    answered: dict[tuple[str, SeatCode], Answered] = field(default_factory=dict)
    voided: set[str] = field(default_factory=set)

    def standing(self) -> Iterator[Raised]:
        """Yield the findings that still mean something, oldest first: no step back has voided their sheets."""
        return (one for name, one in self.raised.items() if name not in self.voided)

    def open_to(self, seat: SeatCode) -> list[Raised]:
        """List what a seat was asked and has not answered, oldest first."""
        return [
            one
            for one in self.standing()
            if seat in one.event.seats and (one.event.finding, seat) not in self.answered
        ]

    def waiting(self, failed: Container[LotId] = ()) -> list[SeatCode]:
        """List the seats that still owe an answer, in the order of their codes; of `failed` lots nothing is wanted."""
        asking = (one for one in self.standing() if one.event.lot not in failed)
        return sorted({seat for one in asking for seat in self._silent(one)})

    def _silent(self, one: Raised) -> Iterator[SeatCode]:
        return (seat for seat in one.event.seats if (one.event.finding, seat) not in self.answered)

    def were_asked(self, lot: LotId, part: Part) -> bool:
        """Say whether members were asked about the objective items of a part: they are asked once."""
        return any(one.reopens and (one.event.lot, one.event.part) == (lot, part) for one in self.standing())

    def void(self, lot: LotId | None, part: Part | None) -> None:
        """Void the findings on sheets of one lot and part, or of all (None): their sheets are judged anew."""
        self.voided |= {
            name
            for name, one in self.raised.items()
            if lot in (None, one.event.lot) and part in (None, one.event.part)
        }

    # --- changes ----------------------------------------------------------------------------------

    def take_raised(self, event: FindingRaised, sheets: Mapping[SeatCode, Sheet]) -> None:
        """Keep a finding, and open the cell it is about in `sheets`, those of the seats that are asked."""
        raised = Raised(event, {seat: _value(sheet, event) for seat, sheet in sheets.items()})
        self.raised[event.finding] = raised
        if raised.reopens:
            for sheet in sheets.values():
                sheet.reopen(raised.cell)

    def take_answer(self, event: FindingAnswered, seat: SeatCode, reason: str, sheet: Sheet) -> None:
        """Keep an answer; the cell it is about is closed again."""
        self.answered[event.finding, seat] = Answered(event.stand, reason)
        raised = self.raised.get(event.finding)
        if raised is not None and raised.reopens and sheet.reopened is not None:
            sheet.reopened.discard(raised.cell)

    # --- rules ------------------------------------------------------------------------------------

    def check_answer(self, event: FindingAnswered, seat: SeatCode, reason: str, sheet: Sheet) -> None:
        """Refuse an answer that the finding does not ask for.

        Raises:
            UnknownFinding: this seat was not asked, or has answered.
            OtherThanStated: the cell says otherwise than `stand`.
            AnswerWithoutReason: a reason is wanted, or it is too long.
        """
        raised = self.raised.get(event.finding)
        if raised is None or raised not in self.open_to(seat):
            raise UnknownFinding(finding=event.finding[:40])
        stands = not raised.reopens or _value(sheet, raised.event) == raised.before[seat]
        if event.stand is not stands:
            raise OtherThanStated(finding=event.finding, bid=raised.event.bid, item=raised.event.item)
        if len(reason) > MAX_REASON or not (raised.reopens or reason.strip()):
            raise AnswerWithoutReason(finding=event.finding, most=MAX_REASON)


def _value(sheet: Sheet, event: FindingRaised) -> str:
    cell = sheet.cells.get((event.bid, event.item))
    return cell.value if cell else ""


# --- what is found ------------------------------------------------------------------------------------


def ask_before_unlock(
    findings: Findings, lot: Lot, part: Part, sheets: Mapping[SeatCode, Sheet], rejected: Iterable[BidId]
) -> tuple[FindingRaised, ...]:
    """Return what members are asked before the group view opens; nothing when they were asked already.

    `sheets` are those of all members, complete and locked, by seat in the order of the codes.
    """
    if findings.were_asked(lot.id, part):
        return ()
    number = len(findings.raised)
    differing = differing_cells(lot, part, sheets, rejected)
    return tuple(
        FindingRaised(f"F{number + n}", FindingCode.OBJECTIVE_DIFFERS, lot.id, part, bid, item, tuple(sheets))
        for n, (bid, item) in enumerate(differing, start=1)
    )


def ask_with_unlock(
    findings: Findings, lot: Lot, part: Part, sheets: Mapping[SeatCode, Sheet], rejected: Iterable[BidId]
) -> tuple[FindingRaised, ...]:
    """Return what members have to give a reason for once the group view is open: points of the detailed part."""
    if part is not Part.DETAILED:
        return ()
    out, number = tuple(rejected), len(findings.raised)
    none = (BidId(""), ItemId(""))
    found = [(FindingCode.DEVIATION, (bid, none[1]), (seat,)) for seat, bid in deviating(lot, sheets, out)]
    alike = [(FindingCode.IDENTICAL, none, seats) for seats in identical(lot, sheets, out)]
    return tuple(
        FindingRaised(f"F{number + n}", code, lot.id, part, bid, item, seats)
        for n, (code, (bid, item), seats) in enumerate([*found, *alike], start=1)
    )


def differing_cells(
    lot: Lot, part: Part, sheets: Mapping[SeatCode, Sheet], rejected: Iterable[BidId]
) -> list[CellKey]:
    """List the objective cells on which members differ, in the order of the tender."""
    objective = {item.id: item for item in lot.items if item.part is part and item.objective}
    keys = [key for key in keys_of(lot, part, rejected) if key[1] in objective]
    return [
        key
        for key in keys
        if len({_worth(objective[key[1]], sheet.cells[key].value) for sheet in sheets.values()}) > 1
    ]


def _worth(item: Item, value: str) -> str | Decimal:
    """Return what two values are compared by: 8.0 is 8, and two options that earn the same are two answers."""
    return points_of(item, value) if item.kind in (ItemKind.SCORE, ItemKind.DEDUCT) else value


def deviating(
    lot: Lot, sheets: Mapping[SeatCode, Sheet], rejected: Iterable[BidId]
) -> Iterator[tuple[SeatCode, BidId]]:
    """Yield the members whose total for a bid is further off the committee's mean than the lot's threshold."""
    limit = Fraction(lot.checks.deviation) / 100
    for bid in _bids(lot, rejected):
        totals = {seat: Fraction(technical_points(sheet, lot, bid)) for seat, sheet in sheets.items()}
        mean = sum(totals.values(), Fraction(0)) / len(totals)
        yield from ((seat, bid) for seat, total in totals.items() if abs(total - mean) > limit * mean)


def identical(
    lot: Lot, sheets: Mapping[SeatCode, Sheet], rejected: Iterable[BidId]
) -> Iterator[tuple[SeatCode, ...]]:
    """Yield the members who gave every bid the same points on every subjective item, two or more each time."""
    items = [item for item in lot.items if item.part is Part.DETAILED and not item.objective]
    bids = _bids(lot, rejected)
    if len(items) * len(bids) < lot.checks.vector_cells:
        return
    alike: dict[tuple[Decimal, ...], list[SeatCode]] = {}
    for seat, sheet in sheets.items():
        vector = tuple(points_of(item, sheet.cells[bid, item.id].value) for bid in bids for item in items)
        alike.setdefault(vector, []).append(seat)
    yield from (tuple(seats) for seats in alike.values() if len(seats) > 1)


def _bids(lot: Lot, rejected: Iterable[BidId]) -> list[BidId]:
    out = set(rejected)
    return [bid.id for bid in lot.bids if bid.id not in out]
