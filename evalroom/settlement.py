"""Facts between the sheets and the award, and what of them stands: marks summed, ties settled, lots awarded.

What the tender's keys leave tied is put in order by a draw or, where the tender says so, by the tenderer with a
second person; a lot awarded by vote likewise when the last round of its vote stays tied.  Whatever makes a ranking
anew voids what rested on the old one.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from evalroom.ids import BidId, ItemId, LotId, SeatCode
from evalroom.summary import MarkTrim


class Settler(StrEnum):
    """Who or what settled it."""

    RANKING = "ranking"
    VOTE = "vote"
    DRAW = "draw"
    TENDERER = "tenderer"


@dataclass(frozen=True, slots=True)
class MemberSpread:
    """How far a member's totals lie apart over the bids: highest less lowest, then the next pair inwards ("n/d")."""

    seat: SeatCode
    spreads: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CellMean:
    """The exact mean of a bid's cell over the members whose marks were kept, and whose were left out."""

    bid: BidId
    item: ItemId
    mean: str
    out: tuple[SeatCode, ...]


@dataclass(frozen=True, slots=True)
class GroupMark:
    """A bid's exact mark in a group of items ("" for those in none), and as rounded where the tender says so."""

    bid: BidId
    group: str
    exact: str
    mark: str


@dataclass(frozen=True, slots=True)
class MarksSummed:
    """How the marks of so many members became the bids' marks, by the rule that their number reached.

    `widest` names the member left out for the widest spread, or nobody; `cells` are those of subjective items, none
    where nothing is left out.  It stands right before the ranking that rests on it.
    """

    lot: LotId
    members: int
    rule: MarkTrim
    widest: str
    spreads: tuple[MemberSpread, ...]
    cells: tuple[CellMean, ...]
    marks: tuple[GroupMark, ...]


@dataclass(frozen=True, slots=True)
class TieSettled:
    """Bids that the keys left tied stand in this order now, by a draw or the tenderer's decision."""

    lot: LotId
    order: tuple[BidId, ...]
    by: Settler


@dataclass(frozen=True, slots=True)
class LotAwarded:
    """The lot's award goes to this candidate: by vote, or by what settled a vote that stayed tied."""

    lot: LotId
    bid: BidId
    by: Settler


SettlementEvent = MarksSummed | TieSettled | LotAwarded


@dataclass(slots=True)
class Settlement:
    """What stands: the order of bids that were tied, and who was awarded a lot."""

    settled: dict[LotId, tuple[BidId, ...]] = field(default_factory=dict)
    awarded: dict[LotId, LotAwarded] = field(default_factory=dict)

    def evolve(self, event: SettlementEvent) -> None:
        """Take an event in."""
        match event:
            case TieSettled(lot=lot, order=order):
                self.settled[lot] = (*self.settled.get(lot, ()), *order)
            case LotAwarded(lot=lot):
                self.awarded[lot] = event
            case MarksSummed():
                pass

    def void(self, lot: LotId | None = None) -> None:
        """Void what was settled for a lot, or for all: its ranking is made anew."""
        for kept in (self.settled, self.awarded):
            if lot is None:
                kept.clear()
            else:
                kept.pop(lot, None)
