"""A session with a dark lot to test with: like that of `opening.py`, but its bids join under codes.

`whose` says which code each bid gets, so that two worlds can differ in nothing else.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

from evalroom import commands as co
from evalroom.events import Fact
from evalroom.ids import BidId, BidNumber, SeatCode
from evalroom.sealing import facts as sf
from evalroom.sealing.dark import CodedBid
from evalroom.sealing.facts import Verdict
from evalroom.sealing.policy import PartName
from evalroom.session import PART_OF
from evalroom.sheet import keys_of
from tests.evalroom import opening
from tests.evalroom import room as plain
from tests.evalroom.opening import NUMBERS, SECOND

DARK_LOT = replace(opening.SEALED_LOT, dark=(PartName.TECHNICAL,))
OPEN = replace(opening.OPEN, tender=replace(plain.TENDER, lots=(DARK_LOT,)))
CODES = tuple(BidId(f"T-{letters}") for letters in ("0A7", "7KQ", "ZZ2"))

Whose = Mapping[BidNumber, BidId]
FIRST_ORDER: Whose = dict(zip(NUMBERS, CODES, strict=False))
OTHER_ORDER: Whose = dict(zip(NUMBERS, reversed(CODES), strict=False))


def nonce_of(number: BidNumber) -> str:
    return hashlib.sha256(f"nonce {number}".encode()).hexdigest()


@dataclass(slots=True)
class DarkRoom(opening.Opening):
    """A session with a dark lot under way."""

    def judged(
        self, number: BidNumber, verdict: Verdict = Verdict.OPENED, cause: str = "", party: str = "",
        window: str = opening.FIRST,
    ) -> sf.BidJudged:  # fmt: skip
        """Judge with the documents that the first window opens, of another length for every bidder."""
        told = opening.Opening.judged(self, number, verdict, cause, party, window)
        document = sf.OpenedPart(
            PartName.TECHNICAL, opening.sha256(f"document {number}"), 4_000_000 + NUMBERS.index(number)
        )
        return replace(told, parts=(document,) if window == opening.FIRST and not cause else ())

    def admitting(self, whose: Whose) -> co.Order:
        bids = (CodedBid(code, number, nonce_of(number)) for number, code in whose.items())
        command = co.AdmitDarkBids(plain.LOT, tuple(sorted(bids, key=lambda one: one.bid)))
        return replace(plain.by_host(command), at=self.now)

    def admit_dark(self, whose: Whose = FIRST_ORDER) -> tuple[Fact, ...]:
        return self.give(self.admitting(whose))

    def to_the_sheets(self) -> None:
        """Go on from the opening to the detailed review."""
        self.advance()
        self.advance()
        for seat in plain.EXPERTS:
            self.give(self[seat].accept(self.session.pledge.sha256))
        self.advance()
        self.advance()
        self.review()
        self.advance()

    def fill(self, seat: SeatCode, changes: Mapping[tuple[str, str], str] | None = None) -> None:
        """Fill in the sheet of this stage; values follow the code, since nobody knows the bidder."""
        part = PART_OF[self.session.stage]
        for bid, item in keys_of(self.session.lots[plain.LOT], part, ()):
            value = (changes or {}).get((bid, item)) or usual_value(bid, item)
            self.give(self[seat].enter(bid, item, value, reason="page 3"))

    def copy(self) -> "DarkRoom":
        again = plain.Room.copy(self)
        return DarkRoom(again.history, again.session, again.people, self.policy, self.now)


def usual_value(bid: str, item: str) -> str:
    if item in ("form", "licence", "response"):
        return "pass"
    return f"{1 + ord(bid[-1]) % 4}.5"


@cache
def _opened(two_envelopes: bool) -> DarkRoom:  # noqa: FBT001 - it is what it is cached by
    people = {seat.code: plain.Person(seat) for seat in opening.SEATS}
    room = DarkRoom(people=people, policy=opening.policy(two_envelopes=two_envelopes))
    room.give(plain.by_host(OPEN))
    for person in room.people.values():
        room.give(person.check_in())
    room.accept()
    room.submit(*NUMBERS[: len(CODES)])
    room.close()
    room.advance()
    room.open_window()
    room.release(*NUMBERS[: len(CODES)])
    room.close_window()
    room.combine()
    return room


def opened(*, two_envelopes: bool = True) -> DarkRoom:
    """Return a session whose record is out and whose bids are about to join the dark lot."""
    return _opened(two_envelopes).copy()


def at_the_sheets(whose: Whose = FIRST_ORDER, *, two_envelopes: bool = True) -> DarkRoom:
    """Return a session in its detailed review, the bids known by their codes."""
    room = opened(two_envelopes=two_envelopes)
    room.admit_dark(whose)
    room.to_the_sheets()
    return room


def unlocked(whose: Whose = FIRST_ORDER) -> DarkRoom:
    """Return a session whose technical sheets have just been unlocked."""
    room = at_the_sheets(whose)
    room.review()
    return room


def after_prices(room: DarkRoom) -> None:
    """Open the prices and go on to the summary."""
    room.open_window(SECOND)
    room.release(*NUMBERS[: len(CODES)], window=SECOND)
    room.close_window(SECOND)
    room.combine(SECOND)
    room.read_prices()
    room.advance()
