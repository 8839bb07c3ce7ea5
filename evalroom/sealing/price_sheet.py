"""The price sheet: the text of the part `opening`, and of `price` where prices wait for a window of their own.

Canonical JSON (opening.md §8).  Everybody who has the published key reads it, so it has one spelling and one meaning.
Refused, as `malformed_sheet` and at the bidder's cost: another form, prices of lots that the tender does not have,
prices in the part that has none, and none in the part that has them.
"""

from collections.abc import Collection
from dataclasses import dataclass

from evalroom.errors import PeerFault
from evalroom.ids import LotId
from evalroom.ledger.canonical import canonical
from evalroom.sealing.members import Members
from evalroom.sealing.policy import PartName, Policy
from evalroom.sealing.record import MAX_LOTS, LotPrice, parse_prices, prices_json

VERSION = 1
MAX_NAME = 200
MAX_REMARKS = 2_000
SHEET_PARTS = (PartName.OPENING, PartName.PRICE)
"""Parts whose text is a price sheet."""


class MalformedSheet(PeerFault):
    """A price sheet in a bid is not in its form, so no price can be read from it: the bid counts as malformed."""

    code = "malformed_sheet"


@dataclass(frozen=True, slots=True)
class PriceSheet:
    """Who bids, for how much, and what the bidder remarks; prices in fen, by lot."""

    bidder: str
    prices: tuple[LotPrice, ...]
    remarks: str = ""

    def encode(self) -> bytes:
        """Return the text of the part, before padding."""
        return canonical(
            {
                "v": VERSION,
                "bidder": self.bidder,
                "prices": prices_json(self.prices),
                "remarks": self.remarks,
            }
        )


def parse_sheet(text: bytes) -> PriceSheet:
    """Return the price sheet whose bytes are exactly `text`.

    Raises:
        MalformedSheet: it is none.
    """
    members = Members.parse(text, MalformedSheet)
    if members.integer("v") != VERSION:
        raise MalformedSheet(reason="another version")
    sheet = PriceSheet(
        bidder=members.text("bidder", MAX_NAME),
        prices=parse_prices(members.objects("prices", MAX_LOTS, 0), MalformedSheet),
        remarks=members.text("remarks", MAX_REMARKS, 0),
    )
    members.close()
    return sheet


def priced_part(policy: Policy) -> PartName:
    """Return the part in which prices stand: `price` where the policy has it, else `opening`."""
    parts = [part.name for part in policy.parts]
    return PartName.PRICE if PartName.PRICE in parts else PartName.OPENING


def check_prices(sheet: PriceSheet, part: PartName, policy: Policy, lots: Collection[LotId]) -> None:
    """Return when the sheet of `part` has the prices that belong there, for lots of this tender only.

    Raises:
        MalformedSheet: it has not.
    """
    if bool(sheet.prices) is not (part is priced_part(policy)):
        raise MalformedSheet(reason="prices stand in the part that this tender has for them, and only there")
    for one in sheet.prices:
        if one.lot not in lots:
            raise MalformedSheet(reason="no lot of this tender", lot=one.lot)
