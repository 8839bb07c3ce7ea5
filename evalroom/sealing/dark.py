"""Dark bids 暗标: each opened bid goes by a random code, and whose it is stands committed until the unlock.

The host hands in the dice.  Codes say nothing: not who, not when handed in, not the place in any list; entries stand in
the order of the codes, which is a random one, too.  What the commitment hides is the number of the sealed bid: to it
the record has the bidder, and the verdict the digests of the documents.  Refused: seeds too short to be no guess.
"""

import hashlib
import re
from dataclasses import dataclass

from evalroom.errors import LocalFault
from evalroom.ids import BidId, BidNumber, LotId, SessionId
from evalroom.ledger.commitment import Commitment, commit
from evalroom.sealing.facts import DarkBidAdmitted
from evalroom.sealing.policy import PartName

NUMBER_PATH = "/number"
"""Where the commitment stands in the entry's body."""

SEED_SIZE = 32
LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no two that are mistaken for each other, no vowel but A and E to make words of."""

LENGTH = 3
"""32,768 codes: short enough to be said aloud, and more than 300 times the bids of the largest lot (domain.md)."""

MOST_CODES = 1_000

_CODE = re.compile(rf"T-[{LETTERS}]{{{LENGTH}}}")


class WeakSeed(LocalFault):
    """The host's dice gave too little to draw code names from: nothing was drawn."""

    code = "weak_seed"


@dataclass(frozen=True, slots=True)
class CodedBid:
    """An opened bid with the code drawn for it, and 32 bytes of nonce, hex, that hide its number."""

    bid: BidId
    number: BidNumber
    nonce: str


def draw_codes(seed: bytes, count: int) -> tuple[BidId, ...]:
    """Return `count` different codes, drawn one after the other from 32 random bytes that are kept nowhere.

    Raises:
        WeakSeed: fewer bytes, or more codes than are kept apart.
    """
    if len(seed) < SEED_SIZE or not 0 <= count <= MOST_CODES:
        raise WeakSeed(bytes=len(seed), codes=count)
    codes: dict[BidId, None] = {}
    turn = 0
    while len(codes) < count:
        throw = hashlib.sha256(b"evalroom/code/v1\n" + seed + turn.to_bytes(4, "big")).digest()
        letters = (
            LETTERS[byte % len(LETTERS)] for byte in throw[:LENGTH]
        )  # 256 is a multiple of 32: no bias
        codes[BidId("T-" + "".join(letters))] = None
        turn += 1
    return tuple(codes)


def is_code(bid: str) -> bool:
    """Say whether an id on the sheets is a code."""
    return _CODE.fullmatch(bid) is not None


def admission(session: SessionId, lot: LotId, one: CodedBid) -> DarkBidAdmitted:
    """Return the fact that a coded bid joins a lot, its number committed.

    Raises:
        BadNonce: the nonce is not 32 bytes.
    """
    nonce = bytes.fromhex(one.nonce)
    return DarkBidAdmitted(lot, one.bid, Commitment(commit(nonce, session, "", NUMBER_PATH, one.number)))


def document_tag(nonce: str, part: PartName) -> str:
    """Return by which name a site's node asks for a dark document: as long as a digest, and telling nothing of it."""
    return hashlib.sha256(f"evalroom/dark document/v1\n{nonce}\n{part}".encode()).hexdigest()
