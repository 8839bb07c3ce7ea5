"""Facts of a session: the bodies of journal entries, and the fact with its circumstances.

An entry's `type` is the class name; a new meaning is a new type, never a changed one.  Secret values do
not stand here: a body holds `Commitment`s, and value and nonce travel beside it as a `Secret` until the
group unlock (archive.md §1).  Those of the opening stand in `evalroom.sealing.facts`, those of draws in
`evalroom.draws.facts`, those of reports in `evalroom.reporting`.  Instants are integers of UTC milliseconds on the session clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from evalroom.appraisal import AppraisalEvent
from evalroom.approval import ApprovalEvent
from evalroom.checkin import ArrivalEvent
from evalroom.clarification import QuestionEvent
from evalroom.complaint import ComplaintEvent
from evalroom.draws.facts import DrawEvent
from evalroom.faults import FaultEvent
from evalroom.ids import BidId, CommandId, ItemId, LotId, SeatCode, SessionId, SiteId, TrackId
from evalroom.ledger.commitment import Commitment as Commitment
from evalroom.ledger.commitment import Secret as Secret
from evalroom.media import GapCause, Medium, TrackKind
from evalroom.more_time import MoreTimeEvent
from evalroom.pledge import PledgeEvent
from evalroom.pricing.formula import NamedValue
from evalroom.pricing.trace import PriceRow, PriceStep
from evalroom.reporting import GapExplained, ReportEvent
from evalroom.roles import Role
from evalroom.sealing.facts import CeremonyEvent
from evalroom.settlement import SettlementEvent
from evalroom.stages import Stage as Stage
from evalroom.tender import Part, Seat, Site, Tender
from evalroom.voting import VoteEvent

# --- the session and its stages -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WitnessKey:
    """A site's witness: its C2SP verifier key, certified by the site's enrolment."""

    site: SiteId
    vkey: str


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """The log's key, the witnesses, and how many of them make a quorum."""

    log: str
    witnesses: tuple[WitnessKey, ...]
    quorum: int


@dataclass(frozen=True, slots=True)
class SessionOpened:
    """The first entry: everything the session is bound to.

    `rehearsal` marks bids brought in unsealed; `profile` is the whole text of the rule profile.
    """

    session: SessionId
    tender: Tender
    sites: tuple[Site, ...]
    seats: tuple[Seat, ...]
    keys: SessionKeys
    rehearsal: bool
    software: str
    profile: str
    profile_sha256: str


@dataclass(frozen=True, slots=True)
class StageChanged:
    """The session moved to another stage."""

    before: Stage
    after: Stage
    reason: str


@dataclass(frozen=True, slots=True)
class SessionPaused:
    """Inputs are closed on every site; recording goes on.  `resume_at` is the announced time (UTC ms), or none."""

    reason: str
    resume_at: int | None


@dataclass(frozen=True, slots=True)
class SessionResumed:
    """Inputs are open again, as they were."""

    reason: str


@dataclass(frozen=True, slots=True)
class SessionClosed:
    """The last act: nothing but the final checkpoint follows."""

    reason: str


@dataclass(frozen=True, slots=True)
class SteppedBack:
    """The session went back to an earlier stage; what was concluded from there on is void, kept as an annex."""

    before: Stage
    after: Stage
    reason: str


@dataclass(frozen=True, slots=True)
class TenderFailed:
    """Every lot has failed 流标: the evaluation ends."""

    reason: str


@dataclass(frozen=True, slots=True)
class SessionAborted:
    """The session was ended for good before its conclusion."""

    reason: str


@dataclass(frozen=True, slots=True)
class LotFailed:
    """Nobody wins this lot; `ground` is a code, `reason` what was written."""

    lot: LotId
    ground: str
    reason: str


@dataclass(frozen=True, slots=True)
class BookingConfirmed:
    """A sub-site holds these seats for the session."""

    site: SiteId
    seats: tuple[SeatCode, ...]


@dataclass(frozen=True, slots=True)
class BookingDeclined:
    """A sub-site cannot hold its seats, and says why: the host asks another."""

    site: SiteId
    reason: str


# --- bids -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BidImported:
    """A plain bid brought in by the operator, rehearsal only; the price stays committed until pricing."""

    lot: LotId
    bid: BidId
    bidder: str
    price: Commitment
    sha256: str
    bytes: int
    pages: int


@dataclass(frozen=True, slots=True)
class OpenedPrice:
    """A bid's price in fen, as opened."""

    bid: BidId
    price_fen: int


@dataclass(frozen=True, slots=True)
class PricesOpened:
    """The prices of a lot's bids that are still in the evaluation."""

    lot: LotId
    prices: tuple[OpenedPrice, ...]


# --- seats ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SeatJoined:
    """Somebody took the seat with its code; `key` is the P-256 public key (base64url SPKI) of their acts."""

    seat: SeatCode
    role: Role
    key: str


@dataclass(frozen=True, slots=True)
class SelfTestResult:
    """One card of the environment check."""

    check: str
    passed: bool
    detail: str


@dataclass(frozen=True, slots=True)
class SeatTested:
    """The seat passport: what the environment check at the seat found."""

    seat: SeatCode
    results: tuple[SelfTestResult, ...]


@dataclass(frozen=True, slots=True)
class SeatLost:
    """The seat's link has been silent for six seconds."""

    seat: SeatCode


@dataclass(frozen=True, slots=True)
class SeatReturned:
    """The same identity is back on its seat."""

    seat: SeatCode


@dataclass(frozen=True, slots=True)
class DisciplineAccepted:
    """The expert agreed to the commitment letter and knows of no ground for recusal; digest of its text."""

    seat: SeatCode
    sha256: str


@dataclass(frozen=True, slots=True)
class ExpertRecused:
    """A member stepped aside before the evaluation began 回避, and said why."""

    seat: SeatCode
    reason: str


@dataclass(frozen=True, slots=True)
class ExpertReplaced:
    """A reserve seat took a member's place; sheets, votes and signatures of the leaver are void.

    `before` and `after` are the stages: the session goes back to where the newcomer begins.
    """

    seat: SeatCode
    newcomer: SeatCode
    reason: str
    before: Stage
    after: Stage


# --- sheets ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ScoreEntered:
    """A cell of the actor's own sheet was set; value and reason stand committed."""

    lot: LotId
    bid: BidId
    item: ItemId
    revision: int
    value: Commitment
    reason: Commitment


@dataclass(frozen=True, slots=True)
class SheetLocked:
    """The actor closed the sheet of one part; both ends computed the same digest over its commitments.

    `statement` commits to the totals the expert saw and the reasons asked for (`evalroom.checks`).
    """

    lot: LotId
    part: Part
    digest: str
    statement: Commitment


@dataclass(frozen=True, slots=True)
class SheetReopened:
    """A locked sheet may be changed again; the locked version stays in the journal."""

    seat: SeatCode
    lot: LotId
    part: Part
    reason: str


@dataclass(frozen=True, slots=True)
class LockedSheet:
    """Whose sheet was locked with which digest."""

    seat: SeatCode
    digest: str


@dataclass(frozen=True, slots=True)
class GroupUnlocked:
    """All sheets of a part are locked and cosigned: the committee sees each other's values."""

    lot: LotId
    part: Part
    sheets: tuple[LockedSheet, ...]


@dataclass(frozen=True, slots=True)
class Ground:
    """An item on which members failed a bid; their reasons stand in their cells, open since the unlock."""

    item: ItemId
    seats: tuple[SeatCode, ...]


@dataclass(frozen=True, slots=True)
class BidVote:
    """The committee's vote on one bid: the most members who failed it on one item, members in all, every ground."""

    bid: BidId
    against: int
    members: int
    rejected: bool
    grounds: tuple[Ground, ...]


@dataclass(frozen=True, slots=True)
class BidsReviewed:
    """The preliminary review's result per bid: rejected when most members fail it on one and the same item."""

    lot: LotId
    votes: tuple[BidVote, ...]


class FindingCode(StrEnum):
    """What is found once all sheets of a part are locked (`evalroom.findings`)."""

    OBJECTIVE_DIFFERS = "objective_differs"
    DEVIATION = "deviation"
    IDENTICAL = "identical"


@dataclass(frozen=True, slots=True)
class FindingRaised:
    """A comparison of locked sheets asks these seats something; no value stands here.

    `objective_differs` names bid and item and asks every member; `deviation` names a bid and asks one member;
    `identical` names neither.
    """

    finding: str
    code: FindingCode
    lot: LotId
    part: Part
    bid: BidId
    item: ItemId
    seats: tuple[SeatCode, ...]


@dataclass(frozen=True, slots=True)
class FindingAnswered:
    """The actor answered a finding: whether the own value stands, and the reason, committed."""

    finding: str
    stand: bool
    reason: Commitment


# --- results --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PriceCorrected:
    """A price was corrected for the comparison by two persons; the kernel's earlier run is kept."""

    lot: LotId
    bid: BidId
    price_fen: int
    reason: str


@dataclass(frozen=True, slots=True)
class PricesComputed:
    """One run of the price kernel with every intermediate; rationals are strings "n/d"."""

    lot: LotId
    formula: str
    given: tuple[NamedValue, ...]
    steps: tuple[PriceStep, ...]
    rows: tuple[PriceRow, ...]


@dataclass(frozen=True, slots=True)
class RankRow:
    """One bid in the ranking: exact technical mean and price score, the rounded total, rank from 1."""

    bid: BidId
    technical: str
    price: str
    total: str
    rank: int
    candidate: bool


@dataclass(frozen=True, slots=True)
class RankingComputed:
    """Totals and ranking of a lot; `ties` lists bids whose order the declared keys did not settle."""

    lot: LotId
    rows: tuple[RankRow, ...]
    ties: tuple[BidId, ...]
    rejected: tuple[BidId, ...]


# --- recording ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TrackStarted:
    """A seat began to publish a track; `at_ms` is the time meant, not the time of writing."""

    track: TrackId
    seat: SeatCode
    kind: TrackKind
    media: tuple[Medium, ...]
    codecs: tuple[str, ...]
    at_ms: int


@dataclass(frozen=True, slots=True)
class FormatChanged:
    """The picture's size changed inside a reel, from `pts` (µs from the start of the reel) on."""

    track: TrackId
    reel: int
    pts: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class FragmentRecorded:
    """A fragment is on disk: byte range in its reel, digest of those bytes, `pts`/`duration` in µs."""

    track: TrackId
    reel: int
    n: int
    offset: int
    length: int
    sha256: str
    pts: int
    duration: int
    keyframe: bool


@dataclass(frozen=True, slots=True)
class GapDeclared:
    """Nothing was recorded from `from_ms` to `to_ms`, and why."""

    track: TrackId
    from_ms: int
    to_ms: int
    cause: GapCause
    lost_packets: int


@dataclass(frozen=True, slots=True)
class ReelClosed:
    """A reel is finished; a torn one (the recorder died) ends at its last whole fragment."""

    track: TrackId
    reel: int
    bytes: int
    sha256: str
    init_sha256: str
    fragments: int
    torn: bool


@dataclass(frozen=True, slots=True)
class ReelReceived:
    """The host holds a verified copy of a reel."""

    track: TrackId
    reel: int
    sha256: str


@dataclass(frozen=True, slots=True)
class TrackEnded:
    """The track is over at `at_ms`."""

    track: TrackId
    at_ms: int


@dataclass(frozen=True, slots=True)
class ClockMapped:
    """Piecewise map from media time to the session clock: pairs of (media µs, UTC µs)."""

    track: TrackId
    reel: int
    map: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class SiteOffsetMeasured:
    """A site's clock against the host's, by least round trip; the bound is half of that round trip."""

    site: SiteId
    offset_us: int
    bound_us: int


# --- links, alarms, witnesses ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SiteLost:
    """The link to a sub-site has been silent for six seconds; its seats go on and catch up later."""

    site: SiteId


@dataclass(frozen=True, slots=True)
class SiteReturned:
    """The link to a sub-site is back."""

    site: SiteId


@dataclass(frozen=True, slots=True)
class AlarmRaised:
    """Something needs a person's eye; `code` is stable, the text says what happened and what is safe."""

    alarm: str
    code: str
    seat: str
    text: str


@dataclass(frozen=True, slots=True)
class AlarmClosed:
    """A person dealt with an alarm and said how."""

    alarm: str
    note: str


@dataclass(frozen=True, slots=True)
class CheckpointCosigned:
    """A quorum of witnesses, named as their keys are, cosigned the journal up to `size` entries."""

    size: int
    root: str
    witnesses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WitnessLate:
    """A witness has not cosigned for 30 seconds; scoring and recording go on."""

    site: SiteId


@dataclass(frozen=True, slots=True)
class WitnessRefused:
    """A witness saw another history of this journal: nothing can be closed until this is explained."""

    site: SiteId
    reason: str


RecordingEvent = (
    TrackStarted | FormatChanged | FragmentRecorded | GapDeclared | ReelClosed | TrackEnded | ClockMapped
)
"""What a recorder tells the journal."""

NodeEvent = RecordingEvent | SeatLost | SeatReturned | AlarmRaised
"""What a site's node may tell the journal about its own seats."""

HostEvent = (
    SiteOffsetMeasured | SiteLost | SiteReturned | AlarmRaised | ReelReceived
    | CheckpointCosigned | WitnessLate | WitnessRefused
)  # fmt: skip
"""What the host's own services tell the journal."""

Event = (
    SessionOpened | StageChanged | SessionPaused | SessionResumed | SessionClosed
    | SteppedBack | TenderFailed | SessionAborted | LotFailed | BookingConfirmed | BookingDeclined
    | ApprovalEvent | VoteEvent | ArrivalEvent | PledgeEvent | AppraisalEvent
    | BidImported | PricesOpened | PriceCorrected
    | SeatJoined | SeatTested | DisciplineAccepted | ExpertRecused | ExpertReplaced
    | ScoreEntered | SheetLocked | SheetReopened | GroupUnlocked | BidsReviewed | FindingRaised | FindingAnswered
    | PricesComputed | RankingComputed | SettlementEvent | AlarmClosed
    | ReportEvent | GapExplained
    | NodeEvent | HostEvent | CeremonyEvent | DrawEvent
    | QuestionEvent | MoreTimeEvent | FaultEvent | ComplaintEvent
)  # fmt: skip

EVENTS: Mapping[str, type[Event]] = {kind.__name__: kind for kind in Event.__args__}
"""Entry type to the class of its body."""


@dataclass(frozen=True, slots=True)
class Fact:
    """An event with its circumstances: the journal entry before it gets its number and salt."""

    at: int
    site: SiteId
    actor: str
    event: Event
    cmd: CommandId | None = None
    sig: str | None = None
    secrets: tuple[Secret, ...] = ()
