"""Facts of an opening: the bodies of journal entries from the trustees' keys to their destruction.

Members and who writes them are those of opening.md §3.  Numbers of sealed bids, roots and digests are lower-case
hex; keys and signatures are b64.  No half, share, dealt secret or content key of an unpublished part has a place
here.  These classes hold no rule: `ceremony.py` says which may follow which.
"""

from dataclasses import dataclass
from enum import StrEnum

from evalroom.ids import BidId, BidNumber, LotId
from evalroom.sealing.policy import PartName, TrusteeKind


class Verdict(StrEnum):
    """What became of a sealed bid (opening.md §8): 撤销 is `revoked`, 撤回 `withdrawn`."""

    OPENED = "opened"
    REVOKED = "revoked"
    WITHDRAWN = "withdrawn"
    MALFORMED = "malformed"
    AWAITING_BYTES = "awaiting_bytes"


@dataclass(frozen=True, slots=True)
class SuiteKey:
    """A trustee's public key for one suite, made for this tender; b64 in the suite's own form."""

    suite: int
    public: str


@dataclass(frozen=True, slots=True)
class ListedBid:
    """A sealed bid as the closed list has it: its number, the root over its bytes, its digest."""

    bid: BidNumber
    root: str
    digest: str


@dataclass(frozen=True, slots=True)
class GivenShare:
    """Whether a trustee's share of one part agrees with its commitment."""

    bid: BidNumber
    part: PartName
    good: bool


@dataclass(frozen=True, slots=True)
class OpenedPart:
    """A part's text or document, opened: SHA-256 and length of the plaintext without padding."""

    part: PartName
    sha256: str
    size: int


# --- policy ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TrusteeKeyPublished:
    """A trustee's agent made its keys for this tender; `proof` is by the signer key over them."""

    trustee: str
    kind: TrusteeKind
    who: str
    signer: str
    keys: tuple[SuiteKey, ...]
    proof: str


@dataclass(frozen=True, slots=True)
class PolicyDrafted:
    """The text of policy.json as all trustees are to sign it, and its SHA-256; an earlier draft is void."""

    policy: str
    sha256: str


@dataclass(frozen=True, slots=True)
class PolicySigned:
    """A trustee's agent compared the policy with what it knows, and signed it."""

    trustee: str
    sha256: str
    signature: str


@dataclass(frozen=True, slots=True)
class SubmissionsOpened:
    """The notice is out: bids are taken in under the policy with this SHA-256."""

    policy: str


# --- handing in -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BidSubmitted:
    """A sealed bid lies at the host, whole and with its root recomputed; `replaces` an earlier one, or nothing."""

    bid: BidNumber
    suite: int
    size: int
    root: str
    digest: str
    replaces: str
    signature: str


@dataclass(frozen=True, slots=True)
class BidAcknowledged:
    """A trustee's agent opened its own share of every part and compared it, or says why it could not."""

    trustee: str
    bid: BidNumber
    good: bool
    cause: str
    signature: str


@dataclass(frozen=True, slots=True)
class BidWithdrawn:
    """The bidder took a sealed bid back before the deadline, by its envelope key."""

    bid: BidNumber
    signature: str


@dataclass(frozen=True, slots=True)
class CoverMade:
    """An entry that says nothing, so that the journal's size does not tell how many bids there are."""

    noise: str


@dataclass(frozen=True, slots=True)
class BidsClosed:
    """The deadline is over; these bids, sorted by number, are the ones that count."""

    policy: str
    bids: tuple[ListedBid, ...]


@dataclass(frozen=True, slots=True)
class OpeningAborted:
    """The opening will not take place or not go on; what is sealed stays sealed.  `bids` counts the listed ones."""

    reason: str
    bids: int


# --- the ceremony ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OfficerSteppedUp:
    """An officer at a seat is there and agrees that this window be opened."""

    window: str


@dataclass(frozen=True, slots=True)
class WindowOpened:
    """Bidders may release their halves for the parts of this window until `until`."""

    window: str
    until: int


@dataclass(frozen=True, slots=True)
class WindowExtended:
    """The supervisor gives bidders more time, or opens the window again before any share has left."""

    window: str
    until: int
    reason: str


@dataclass(frozen=True, slots=True)
class HalfReleased:
    """A bidder's halves came, sealed to the window's session key, and agree with the bid or do not."""

    window: str
    bid: BidNumber
    sealed: str
    good: bool
    cause: str


@dataclass(frozen=True, slots=True)
class ShareReleased:
    """A trustee's agent released its shares of the listed bids for this window."""

    window: str
    trustee: str
    bids: tuple[GivenShare, ...]


@dataclass(frozen=True, slots=True)
class WindowClosed:
    """Bidders can release no more in this window; `missing` are the bids without a good half."""

    window: str
    missing: tuple[BidNumber, ...]


@dataclass(frozen=True, slots=True)
class BidJudged:
    """The verdict on a bid in a window, with its cause, the party at fault, and the entries it follows from."""

    window: str
    bid: BidNumber
    verdict: Verdict
    cause: str
    party: str
    parts: tuple[OpenedPart, ...]
    evidence: tuple[int, ...]
    signature: str


@dataclass(frozen=True, slots=True)
class OpeningRecorded:
    """The record of a window, the text as canonical JSON and its SHA-256: read out and confirmed by bidders."""

    window: str
    record: str
    sha256: str


@dataclass(frozen=True, slots=True)
class PartKeyPublished:
    """The content key, in hex, of a part that everybody may open: whoever has the envelope can check the prices."""

    bid: BidNumber
    part: PartName
    key: str


@dataclass(frozen=True, slots=True)
class PartKeySealed:
    """The content key of an opened part that is not for everybody, wrapped to a recipient of the policy, b64."""

    bid: BidNumber
    part: PartName
    recipient: str
    wrapped: str


@dataclass(frozen=True, slots=True)
class BidAdmitted:
    """An opened bid joins a lot of the evaluation under an id of its own; `number` is that of the sealed bid."""

    lot: LotId
    bid: BidId
    number: BidNumber
    bidder: str
    documents: tuple[OpenedPart, ...]


@dataclass(frozen=True, slots=True)
class PriceRead:
    """The price of an admitted bid in fen, as its price sheet has it."""

    lot: LotId
    bid: BidId
    price_fen: int


@dataclass(frozen=True, slots=True)
class RecordConfirmed:
    """A bidder read the record and confirms it, or objects in writing."""

    window: str
    bid: BidNumber
    objection: str
    signature: str


@dataclass(frozen=True, slots=True)
class CeremonyPaused:
    """The opening stands still and no window runs out, because of the platform or of missing trustees."""

    reason: str


@dataclass(frozen=True, slots=True)
class CeremonyResumed:
    """The opening goes on; the window that was open ends later by the length of the pause."""

    reason: str


@dataclass(frozen=True, slots=True)
class KeysDestroyed:
    """A trustee's agent destroyed its keys for this tender and signs that it did."""

    trustee: str
    signature: str


@dataclass(frozen=True, slots=True)
class KeysNotDestroyed:
    """A trustee is gone: the supervisor states, with a reason, that nobody vouches for the end of its keys."""

    trustee: str
    reason: str


TrusteeEvent = TrusteeKeyPublished | PolicySigned | BidAcknowledged | ShareReleased | KeysDestroyed
"""What a trustee's agent tells the journal, through the host."""

BidderEvent = BidSubmitted | BidWithdrawn | HalfReleased | RecordConfirmed
"""What a bidder tells the journal, through the host."""

OpeningEvent = (
    CoverMade | BidJudged | OpeningRecorded | PartKeyPublished | PartKeySealed | BidAdmitted | PriceRead
)  # fmt: skip
"""What the host's opening service tells the journal of its own accord."""

CeremonyEvent = (
    TrusteeEvent | BidderEvent | OpeningEvent
    | PolicyDrafted | SubmissionsOpened | BidsClosed | OpeningAborted | OfficerSteppedUp
    | WindowOpened | WindowExtended | WindowClosed | CeremonyPaused | CeremonyResumed | KeysNotDestroyed
)  # fmt: skip
"""Everything that an opening consists of."""

CEREMONY_EVENTS: frozenset[type[CeremonyEvent]] = frozenset(CeremonyEvent.__args__)
"""The same as a set, for whoever asks of every fact of a session."""
