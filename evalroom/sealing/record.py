"""The record of a window: what is read out, published, and confirmed by each bidder or objected to.

Canonical JSON, one row for each bid of the window (opening.md §8).  Refused: another form, two rows of one bid, a
price that is no decimal number of fen.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from evalroom.errors import PeerFault
from evalroom.ids import BidNumber
from evalroom.ledger.canonical import Json, canonical
from evalroom.sealing.facts import Verdict
from evalroom.sealing.members import Members

VERSION = 1
MAX_ROWS = 1000
MAX_LOTS = 100
FEN = re.compile(r"[1-9][0-9]{0,14}")
"""A price in fen: below ten trillion yuan, and far below 2^53, where JSON readers begin to round."""


class MalformedRecord(PeerFault):
    """The record of an opening is not in its form, or says otherwise than the verdicts: it was not published."""

    code = "malformed_record"


@dataclass(frozen=True, slots=True)
class LotPrice:
    """A price for one lot, in fen."""

    lot: str
    price_fen: int


@dataclass(frozen=True, slots=True)
class RecordRow:
    """One bid: `bid` the name it goes by in the hall, `bidder` empty where it was not opened."""

    bid: str
    number: BidNumber
    bidder: str
    verdict: Verdict
    cause: str
    party: str
    prices: tuple[LotPrice, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """The record of one window of one tender; `policy` is the SHA-256 of policy.json in hex."""

    tender: str
    policy: str
    window: str
    rows: tuple[RecordRow, ...]

    def text(self) -> str:
        """Return the canonical JSON whose SHA-256 bidders confirm."""
        return canonical(
            {
                "v": VERSION,
                "tender": self.tender,
                "policy": self.policy,
                "window": self.window,
                "rows": [_row_json(row) for row in self.rows],
            }
        ).decode()


def parse_record(text: str) -> Record:
    """Return the record whose canonical text is exactly `text`.

    Raises:
        MalformedRecord: it is none.
    """
    members = Members.parse(text.encode(errors="surrogatepass"), MalformedRecord)
    if members.integer("v") != VERSION:
        raise MalformedRecord(reason="another version")
    record = Record(
        tender=members.text("tender", 64),
        policy=members.text("policy", 64),
        window=members.text("window", 64),
        rows=tuple(_row(one) for one in members.objects("rows", MAX_ROWS, 0)),
    )
    members.close()
    if len({row.number for row in record.rows}) != len(record.rows):
        raise MalformedRecord(reason="two rows of one bid")
    return record


def parse_prices(rows: Sequence[Members], fault: type[PeerFault]) -> tuple[LotPrice, ...]:
    """Return the prices in `rows`, each lot at most once.

    Raises:
        fault: another form, or a lot twice.
    """
    prices = tuple(_price(one, fault) for one in rows)
    if len({one.lot for one in prices}) != len(prices):
        raise fault(reason="a lot has two prices")
    return prices


def prices_json(prices: Sequence[LotPrice]) -> Json:
    """Return prices as they stand in sheets and records: decimal strings, for JSON readers may round numbers."""
    return [{"lot": one.lot, "price_fen": str(one.price_fen)} for one in prices]


def _price(members: Members, fault: type[PeerFault]) -> LotPrice:
    lot, fen = members.text("lot", 64), members.text("price_fen", 15)
    members.close()
    if not FEN.fullmatch(fen):
        raise fault(reason="a price in fen, 1 to 15 digits", lot=lot)
    return LotPrice(lot, int(fen))


def _row(members: Members) -> RecordRow:
    row = RecordRow(
        bid=members.text("bid", 64),
        number=BidNumber(members.text("number", 32)),
        bidder=members.text("bidder", 200, 0),
        verdict=_verdict(members.text("verdict", 16)),
        cause=members.text("cause", 64, 0),
        party=members.text("party", 64, 0),
        prices=parse_prices(members.objects("prices", MAX_LOTS, 0), MalformedRecord),
    )
    members.close()
    return row


def _verdict(text: str) -> Verdict:
    try:
        return Verdict(text)
    except ValueError as error:
        raise MalformedRecord(reason="no verdict", got=text) from error


def _row_json(row: RecordRow) -> Json:
    return {
        "bid": row.bid,
        "number": row.number,
        "bidder": row.bidder,
        "verdict": row.verdict.value,
        "cause": row.cause,
        "party": row.party,
        "prices": prices_json(row.prices),
    }
