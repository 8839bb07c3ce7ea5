"""The report of one lot as data, complete and frozen: what everybody signs by its digest.

Form and meaning of every member: docs/spec/report.md.  Instants are UTC milliseconds, points and rationals texts as in
the journal, money integer fen.  People appear by their seats: who sat there stays outside the archive.
"""

import hashlib
from dataclasses import dataclass

from evalroom.encoding import to_json
from evalroom.events import PricesComputed, RankRow
from evalroom.ids import BidId, ItemId, LotId, SeatCode, SessionId, SiteId
from evalroom.ledger.canonical import canonical
from evalroom.pricing.rationals import RoundingTerms
from evalroom.reporting import Section, Stand
from evalroom.roles import Role
from evalroom.settlement import LotAwarded, MarksSummed
from evalroom.stages import Stage
from evalroom.tender import ItemKind, Option, Part, Specialty

FORM = "evalroom-report/1"
"""The form of the data; a new meaning gets a new number."""


@dataclass(frozen=True, slots=True)
class ReportedSite:
    """A site that took part."""

    id: SiteId
    name: str
    host: bool


@dataclass(frozen=True, slots=True)
class ReportedItem:
    """One line of the rubric, as the tender declared it; `options` are those of a choice with their points."""

    id: ItemId
    part: Part
    group: str
    kind: ItemKind
    title: str
    full: str
    objective: bool
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class ReportedRounding:
    """How the tender rounds: totals, and marks by group to so many digits, None exact; whoever checks sums needs it."""

    total: RoundingTerms
    technical: int | None
    commercial: int | None


@dataclass(frozen=True, slots=True)
class ReportedBid:
    """A bid of the lot: its id on the sheets and its bidder."""

    id: BidId
    bidder: str


@dataclass(frozen=True, slots=True)
class Attendance:
    """Who checked in where and when; `commitment` is the digest of the notice an expert accepted, with the time."""

    seat: SeatCode
    site: SiteId
    role: Role
    label: str
    specialty: Specialty
    member: bool
    chair: bool
    joined_ms: int | None
    commitment: str
    committed_ms: int | None


@dataclass(frozen=True, slots=True)
class OpeningRow:
    """One bid in the record of a window: verdict with cause and party, prices by lot in fen, the bidder's objection."""

    window: str
    bid: str
    bidder: str
    verdict: str
    cause: str
    party: str
    prices: tuple[tuple[str, int], ...]
    confirmed: bool
    objection: str


@dataclass(frozen=True, slots=True)
class ReportedCell:
    """What a member entered for one item of one bid."""

    bid: BidId
    item: ItemId
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReportedSheet:
    """A member's locked sheet of one part, with the digest it was locked with."""

    seat: SeatCode
    part: Part
    digest: str
    cells: tuple[ReportedCell, ...]


@dataclass(frozen=True, slots=True)
class Subtotal:
    """A member's points for a bid in one group of the detailed part; the empty group is the total."""

    seat: SeatCode
    bid: BidId
    group: str
    points: str


@dataclass(frozen=True, slots=True)
class ReviewedBid:
    """The preliminary review of a bid: most members against it on one item, members in all."""

    bid: BidId
    against: int
    members: int
    rejected: bool


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a bid is out: in which stage, on which ground (an item, a verdict's cause, a rule of the formula), with reasons."""

    bid: BidId
    stage: Stage
    ground: str
    seats: tuple[SeatCode, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why nobody wins a failed lot 流标, decided by whom, and the words there are.

    `ground`: `all_rejected` and `no_competition` are the members' conclusions, `no_price` is the formula's and has nobody
    in `by`, `ordered` was proposed and approved by the two named.
    """

    at_ms: int
    ground: str
    reason: str
    by: tuple[SeatCode, ...]


@dataclass(frozen=True, slots=True)
class ClarificationRow:
    """A question to a bidder and the signed answer; the empty answer is silence, `annex` what a step back voided."""

    bid: BidId
    by: SeatCode
    asked_ms: int | None
    question: str
    answered_ms: int | None
    answer: str
    paper: bool
    annex: bool


@dataclass(frozen=True, slots=True)
class FindingRow:
    """What a comparison of locked sheets asked one member, and the answer."""

    finding: str
    code: str
    part: Part
    bid: BidId
    item: ItemId
    seat: SeatCode
    answered: bool
    stand: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Incident:
    """Something that happened on the way, in the journal's order: its kind is the entry's type, its facts are texts.

    Back-steps, replacements, recusals, pauses, reopened sheets, corrected prices, failed lots, gaps, decisions of two.
    """

    at_ms: int
    kind: str
    by: str
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class VoteRow:
    """A counted round of a vote: options with their votes, never who chose what."""

    vote: str
    round: int
    counts: tuple[tuple[str, int], ...]
    outcome: str
    tied: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DrawRow:
    """A draw's result; anybody repeats it from the journal."""

    draw: str
    purpose: str
    drawn: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EarlierReport:
    """A report on this lot that was voided after members could sign it: the digest of its data, which are an annex; who stood how."""

    number: int
    sha256: str
    made_ms: int
    voided_ms: int
    stands: tuple[tuple[SeatCode, Stand], ...]


@dataclass(frozen=True, slots=True)
class StageRow:
    """When a stage was entered."""

    at_ms: int
    stage: Stage


@dataclass(frozen=True, slots=True)
class Prose:
    """The chair's words in one section."""

    section: Section
    text: str


@dataclass(frozen=True, slots=True)
class Justified:
    """A warning of the checks, and the chair's reason."""

    warning: str
    reason: str


@dataclass(frozen=True, slots=True)
class Report:
    """The report of one lot."""

    form: str
    session: SessionId
    tender: str
    title: str
    lot: LotId
    lot_title: str
    rehearsal: bool
    formula: str
    weight: str
    candidates: int
    rounding: ReportedRounding
    sites: tuple[ReportedSite, ...]
    items: tuple[ReportedItem, ...]
    bids: tuple[ReportedBid, ...]
    stages: tuple[StageRow, ...]
    attendance: tuple[Attendance, ...]
    opening: tuple[OpeningRow, ...]
    review: tuple[ReviewedBid, ...]
    sheets: tuple[ReportedSheet, ...]
    subtotals: tuple[Subtotal, ...]
    prices: PricesComputed | None
    marks: MarksSummed | None
    ranking: tuple[RankRow, ...]
    settled: tuple[BidId, ...]
    awarded: LotAwarded | None
    ties: tuple[BidId, ...]
    failure: Failure | None
    rejections: tuple[Rejection, ...]
    clarifications: tuple[ClarificationRow, ...]
    findings: tuple[FindingRow, ...]
    incidents: tuple[Incident, ...]
    earlier: tuple[EarlierReport, ...]
    votes: tuple[VoteRow, ...]
    draws: tuple[DrawRow, ...]
    prose: tuple[Prose, ...]
    warnings: tuple[Justified, ...]

    def encode(self) -> bytes:
        """Return the canonical JSON (RFC 8785) whose SHA-256 is signed."""
        return canonical(to_json(self))


def digest_of(data: bytes) -> str:
    """Return what is signed for a report's canonical JSON: its SHA-256, hex."""
    return hashlib.sha256(data).hexdigest()
