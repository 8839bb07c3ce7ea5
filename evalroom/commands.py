"""Orders to the session: what people, nodes and the host's own services may ask for.

A command that a person gives at a seat has exactly the members of the event it leads to, so that the seat
can sign the journal entry's own body beforehand (archive.md §13).  `ACTS` names that event.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from evalroom.appraisal import AppraisalAnswered, ExpertAppraised, Tick
from evalroom.approval import Act, Approved, Proposed, Vetoed
from evalroom.checkin import Basis, Grade, OccupancyConfirmed, PhoneKept, PhoneReturned, SiteDeclared
from evalroom.clarification import AnswerEntered, QuestionDrafted, QuestionRelayed, QuestionSent
from evalroom.complaint import ComplaintClosed, SupplementSigned
from evalroom.draws.facts import (
    DrawCommitted,
    DrawContinued,
    DrawDeclared,
    DrawRevealed,
    MakeUp,
    Place,
    PoolExpert,
    Purpose,
    RosterSealed,
)
from evalroom.events import (
    AlarmClosed,
    BidImported,
    BookingConfirmed,
    BookingDeclined,
    Commitment,
    DisciplineAccepted,
    Event,
    ExpertRecused,
    FindingAnswered,
    HostEvent,
    NodeEvent,
    ScoreEntered,
    SeatJoined,
    SeatTested,
    Secret,
    SelfTestResult,
    SessionClosed,
    SessionKeys,
    SessionPaused,
    SessionResumed,
    SheetLocked,
    Stage,
    StageChanged,
    TenderFailed,
)
from evalroom.faults import FaultDeclared, FaultMended
from evalroom.ids import BidId, CommandId, DrawId, ItemId, LotId, SeatCode, SessionId, SiteId, TrackId
from evalroom.more_time import MoreTimeAsked, MoreTimeGranted
from evalroom.pledge import LegalPerson, LegalPersonsEntered
from evalroom.profile import PLAIN
from evalroom.reporting import (
    GapExplained,
    ReportEdited,
    ReportSigned,
    ReportWitnessed,
    Section,
    Stand,
    WarningJustified,
)
from evalroom.roles import Role
from evalroom.sealing.dark import CodedBid
from evalroom.sealing.facts import (
    BidderEvent,
    CeremonyPaused,
    CeremonyResumed,
    KeysNotDestroyed,
    OfficerSteppedUp,
    OpeningAborted,
    OpeningEvent,
    PolicyDrafted,
    SubmissionsOpened,
    TrusteeEvent,
    WindowExtended,
)
from evalroom.tender import Part, Seat, Site, Tender
from evalroom.voting import BallotCast


@dataclass(frozen=True, slots=True)
class OpenSession:
    """Open the session on these terms."""

    session: SessionId
    tender: Tender
    sites: tuple[Site, ...]
    seats: tuple[Seat, ...]
    keys: SessionKeys
    rehearsal: bool
    software: str
    profile: str = PLAIN
    kind: Literal["open_session"] = "open_session"


@dataclass(frozen=True, slots=True)
class ImportBid:
    """Bring in a plain bid (rehearsal): document digest, and the price as a commitment."""

    lot: LotId
    bid: BidId
    bidder: str
    price: Commitment
    sha256: str
    bytes: int
    pages: int
    kind: Literal["import_bid"] = "import_bid"


@dataclass(frozen=True, slots=True)
class CheckIn:
    """Take the seat: register the key that will sign its acts."""

    seat: SeatCode
    role: Role
    key: str
    kind: Literal["check_in"] = "check_in"


@dataclass(frozen=True, slots=True)
class PassSelfTest:
    """Report what the environment check found."""

    seat: SeatCode
    results: tuple[SelfTestResult, ...]
    kind: Literal["pass_self_test"] = "pass_self_test"


@dataclass(frozen=True, slots=True)
class AcceptDiscipline:
    """Agree to the commitment letter, whose text has this digest."""

    seat: SeatCode
    sha256: str
    kind: Literal["accept_discipline"] = "accept_discipline"


@dataclass(frozen=True, slots=True)
class AdvanceStage:
    """Move the session on; `before` is the stage the giver saw."""

    before: Stage
    after: Stage
    reason: str
    kind: Literal["advance_stage"] = "advance_stage"


@dataclass(frozen=True, slots=True)
class PauseSession:
    """Close the inputs on every site, and say when it will go on (UTC ms) where the profile asks for it."""

    reason: str
    resume_at: int | None
    kind: Literal["pause_session"] = "pause_session"


@dataclass(frozen=True, slots=True)
class ResumeSession:
    """Open the inputs again."""

    reason: str
    kind: Literal["resume_session"] = "resume_session"


@dataclass(frozen=True, slots=True)
class Propose:
    """Propose an act that needs a second person; `proposal` is a new id."""

    proposal: str
    act: Act
    reason: str
    kind: Literal["propose"] = "propose"


@dataclass(frozen=True, slots=True)
class Approve:
    """Approve a proposal by its digest: what it does follows at once."""

    proposal: str
    digest: str
    kind: Literal["approve"] = "approve"


@dataclass(frozen=True, slots=True)
class Veto:
    """Refuse a proposal by its digest, with a reason."""

    proposal: str
    digest: str
    reason: str
    kind: Literal["veto"] = "veto"


@dataclass(frozen=True, slots=True)
class ConfirmBooking:
    """Confirm, for one's own site, that these seats are held for the session."""

    site: SiteId
    seats: tuple[SeatCode, ...]
    kind: Literal["confirm_booking"] = "confirm_booking"


@dataclass(frozen=True, slots=True)
class DeclineBooking:
    """Say that one's own site cannot hold its seats."""

    site: SiteId
    reason: str
    kind: Literal["decline_booking"] = "decline_booking"


@dataclass(frozen=True, slots=True)
class RecuseSelf:
    """Step aside before the evaluation begins 回避."""

    seat: SeatCode
    reason: str
    kind: Literal["recuse_self"] = "recuse_self"


@dataclass(frozen=True, slots=True)
class CastBallot:
    """Vote in a round; the choice is committed."""

    vote: str
    round: int
    choice: Commitment
    kind: Literal["cast_ballot"] = "cast_ballot"


@dataclass(frozen=True, slots=True)
class FailTender:
    """End the evaluation when every lot has failed."""

    reason: str
    kind: Literal["fail_tender"] = "fail_tender"


@dataclass(frozen=True, slots=True)
class EnterScore:
    """Set one cell of one's own sheet to revision `revision`, one above what its owner last saw."""

    lot: LotId
    bid: BidId
    item: ItemId
    revision: int
    value: Commitment
    reason: Commitment
    kind: Literal["enter_score"] = "enter_score"


@dataclass(frozen=True, slots=True)
class LockSheet:
    """Close one's own sheet of a part; `digest` is what the seat computed over it, `statement` what it states."""

    lot: LotId
    part: Part
    digest: str
    statement: Commitment
    kind: Literal["lock_sheet"] = "lock_sheet"


@dataclass(frozen=True, slots=True)
class AnswerFinding:
    """Answer a finding on locked sheets: whether one's own value stands, and why."""

    finding: str
    stand: bool
    reason: Commitment
    kind: Literal["answer_finding"] = "answer_finding"


@dataclass(frozen=True, slots=True)
class UnlockGroup:
    """Open the committee's view of a part, once a quorum has cosigned every lock; first ask what is to be asked."""

    lot: LotId
    part: Part
    kind: Literal["unlock_group"] = "unlock_group"


@dataclass(frozen=True, slots=True)
class EditReport:
    """Write the chair's words in a section of a lot's report, in place of those that stood there."""

    lot: LotId
    section: Section
    text: str
    kind: Literal["edit_report"] = "edit_report"


@dataclass(frozen=True, slots=True)
class JustifyWarning:
    """Give the reason that a warning of the report's checks asks for."""

    lot: LotId
    warning: str
    reason: str
    kind: Literal["justify_warning"] = "justify_warning"


@dataclass(frozen=True, slots=True)
class SignReport:
    """Say how one stands to a lot's report, by its digest: agree, dissent in writing, or refuse for a reason."""

    lot: LotId
    digest: str
    stand: Stand
    reason: str
    kind: Literal["sign_report"] = "sign_report"


@dataclass(frozen=True, slots=True)
class WitnessReport:
    """Witness the signing of a lot's report, by its digest."""

    lot: LotId
    digest: str
    kind: Literal["witness_report"] = "witness_report"


@dataclass(frozen=True, slots=True)
class ExplainGap:
    """Declare, with a reason, a gap of a recording that no recorder has declared."""

    track: TrackId
    from_ms: int
    to_ms: int
    reason: str
    kind: Literal["explain_gap"] = "explain_gap"


@dataclass(frozen=True, slots=True)
class CloseAlarm:
    """Close an alarm with a note that says how it was dealt with."""

    alarm: str
    note: str
    kind: Literal["close_alarm"] = "close_alarm"


@dataclass(frozen=True, slots=True)
class CloseSession:
    """End the journal."""

    reason: str
    kind: Literal["close_session"] = "close_session"


@dataclass(frozen=True, slots=True)
class NodeFact:
    """What a node saw, and when (UTC ms, session clock); `type` is the class name of `body`."""

    at: int
    type: str
    body: NodeEvent


@dataclass(frozen=True, slots=True)
class HostFact:
    """What the host's services saw, and when (UTC ms, session clock)."""

    at: int
    body: HostEvent


@dataclass(frozen=True, slots=True)
class RecordFacts:
    """What a site's node saw and recorded at its own seats, in order."""

    facts: tuple[NodeFact, ...]
    kind: Literal["record_facts"] = "record_facts"


@dataclass(frozen=True, slots=True)
class NoteFacts:
    """What the host's own services saw: links, clocks, witnesses, received reels."""

    facts: tuple[HostFact, ...]
    kind: Literal["note_facts"] = "note_facts"


# --- the opening of sealed bids -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DraftPolicy:
    """Put a sealing policy before the trustees: the text of policy.json and its SHA-256."""

    policy: str
    sha256: str
    kind: Literal["draft_policy"] = "draft_policy"


@dataclass(frozen=True, slots=True)
class OpenSubmissions:
    """Take bids in under the signed policy with this SHA-256."""

    policy: str
    kind: Literal["open_submissions"] = "open_submissions"


@dataclass(frozen=True, slots=True)
class StepUp:
    """Agree, as an officer at this seat, that the window be opened."""

    window: str
    kind: Literal["step_up"] = "step_up"


@dataclass(frozen=True, slots=True)
class ExtendWindow:
    """Give bidders until `until` (UTC ms) to release their halves, for a reason."""

    window: str
    until: int
    reason: str
    kind: Literal["extend_window"] = "extend_window"


@dataclass(frozen=True, slots=True)
class PauseCeremony:
    """Let the opening stand still: no window runs out meanwhile."""

    reason: str
    kind: Literal["pause_ceremony"] = "pause_ceremony"


@dataclass(frozen=True, slots=True)
class ResumeCeremony:
    """Let the opening go on."""

    reason: str
    kind: Literal["resume_ceremony"] = "resume_ceremony"


@dataclass(frozen=True, slots=True)
class AbortOpening:
    """End the opening for good: what is sealed stays sealed.  `bids` is how many the closed list has."""

    reason: str
    bids: int
    kind: Literal["abort_opening"] = "abort_opening"


@dataclass(frozen=True, slots=True)
class StateNotDestroyed:
    """State, with a reason, that a trustee which is gone did not destroy its keys, so that the session can close."""

    trustee: str
    reason: str
    kind: Literal["state_not_destroyed"] = "state_not_destroyed"


@dataclass(frozen=True, slots=True)
class ActAsBidder:
    """Do what a bidder asked for through the host: submit, withdraw, release, confirm.

    `key` is the envelope key, in the suite's own form, that checks the act's signature: of the bid the act is
    about, for a replacement of the earlier one; empty where the act has no signature.
    """

    act: BidderEvent
    key: bytes = b""
    kind: Literal["act_as_bidder"] = "act_as_bidder"


@dataclass(frozen=True, slots=True)
class ActAsTrustee:
    """Do what a trustee's agent answered: keys, signature of the policy, ack, shares, destruction of keys."""

    act: TrusteeEvent
    kind: Literal["act_as_trustee"] = "act_as_trustee"


@dataclass(frozen=True, slots=True)
class CloseBids:
    """Close the list of bids at the deadline; with fewer than the policy's minimum the opening is aborted."""

    kind: Literal["close_bids"] = "close_bids"


@dataclass(frozen=True, slots=True)
class OpenWindow:
    """Open a window of the opening: its gate passed and cosigned, its hour come, the officers there."""

    window: str
    kind: Literal["open_window"] = "open_window"


@dataclass(frozen=True, slots=True)
class CloseWindow:
    """Take no more halves in a window: all have come, or its time is over."""

    window: str
    kind: Literal["close_window"] = "close_window"


@dataclass(frozen=True, slots=True)
class NoteOpening:
    """Write down what the host's opening service found, in order: cover, verdicts, record, keys, bids, prices."""

    facts: tuple[OpeningEvent, ...]
    kind: Literal["note_opening"] = "note_opening"


# --- draws ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DeclareDraw:
    """Announce a draw on these terms (`DrawDeclared`)."""

    draw: DrawId
    purpose: Purpose
    subject: str
    lot: LotId
    options: tuple[str, ...]
    experts: tuple[PoolExpert, ...]
    places: tuple[Place, ...]
    make_up: MakeUp | None
    count: int
    takers: tuple[str, ...]
    parties: tuple[SeatCode, ...]
    closes: int
    ends: int
    redoes: str
    kind: Literal["declare_draw"] = "declare_draw"


@dataclass(frozen=True, slots=True)
class CommitDraw:
    """Commit, as a party, to a value of one's own."""

    draw: DrawId
    commitment: str
    kind: Literal["commit_draw"] = "commit_draw"


@dataclass(frozen=True, slots=True)
class RevealDraw:
    """Reveal, as a party, the value committed to; `commitments` digests all of them as the giver saw them."""

    draw: DrawId
    value: str
    nonce: str
    commitments: str
    kind: Literal["reveal_draw"] = "reveal_draw"


@dataclass(frozen=True, slots=True)
class ContinueDraw:
    """Let the next of the order come in for somebody drawn who leaves, for a reason."""

    draw: DrawId
    out: str
    drawn: str
    reason: str
    kind: Literal["continue_draw"] = "continue_draw"


@dataclass(frozen=True, slots=True)
class SealRoster:
    """Put down that a roster sealed to the trustees lies at the host: digest and size of the file."""

    draw: DrawId
    sha256: str
    size: int
    kind: Literal["seal_roster"] = "seal_roster"


@dataclass(frozen=True, slots=True)
class UnsealRoster:
    """Put down that a roster was opened, with the shares of these trustees."""

    draw: DrawId
    sha256: str
    trustees: tuple[str, ...]
    kind: Literal["unseal_roster"] = "unseal_roster"


@dataclass(frozen=True, slots=True)
class VoidDraw:
    """End a draw whose parties were silent when the time of its phase was over."""

    draw: DrawId
    kind: Literal["void_draw"] = "void_draw"


@dataclass(frozen=True, slots=True)
class AdmitDarkBids:
    """Let opened bids join a dark lot, each by its code, in the order of the codes."""

    lot: LotId
    bids: tuple[CodedBid, ...]
    kind: Literal["admit_dark_bids"] = "admit_dark_bids"


# --- clarification, more time, faults, complaints ---------------------------------------------------


@dataclass(frozen=True, slots=True)
class DraftQuestion:
    """Write down, as a member, what a bidder is to be asked; `question` is a new id."""

    question: str
    lot: LotId
    bid: BidId
    text: str
    kind: Literal["draft_question"] = "draft_question"


@dataclass(frozen=True, slots=True)
class SendQuestion:
    """Send a question, by its digest, as the chair."""

    question: str
    sha256: str
    kind: Literal["send_question"] = "send_question"


@dataclass(frozen=True, slots=True)
class RelayQuestion:
    """Put a question that was sent before its bidder, who answers until `until` (UTC ms)."""

    question: str
    until: int
    kind: Literal["relay_question"] = "relay_question"


@dataclass(frozen=True, slots=True)
class EnterAnswer:
    """Enter an answer that a bidder without a key handed in on paper (rehearsal)."""

    question: str
    text: str
    kind: Literal["enter_answer"] = "enter_answer"


@dataclass(frozen=True, slots=True)
class TakeAnswer:
    """Take an answer that a bidder signed; `key` is the envelope key of its bid, in the suite's own form.

    `marked` says that the bidder was told of marks in the text and sends it all the same.
    """

    question: str
    text: str
    signature: str
    key: bytes
    marked: bool
    kind: Literal["take_answer"] = "take_answer"


@dataclass(frozen=True, slots=True)
class RecordSilence:
    """Put down that a question's time is over and no answer came."""

    question: str
    kind: Literal["record_silence"] = "record_silence"


@dataclass(frozen=True, slots=True)
class AskMoreTime:
    """Ask, as a member, for more time."""

    reason: str
    kind: Literal["ask_more_time"] = "ask_more_time"


@dataclass(frozen=True, slots=True)
class GrantMoreTime:
    """Put down that the tenderer extends the evaluation until `until` (UTC ms)."""

    until: int
    reason: str
    kind: Literal["grant_more_time"] = "grant_more_time"


@dataclass(frozen=True, slots=True)
class DeclareFault:
    """Declare a fault, at a site or (empty) at none: the session pauses and the profile's time begins."""

    fault: str
    site: str
    what: str
    kind: Literal["declare_fault"] = "declare_fault"


@dataclass(frozen=True, slots=True)
class MendFault:
    """Say that a fault is mended, and how."""

    fault: str
    note: str
    kind: Literal["mend_fault"] = "mend_fault"


@dataclass(frozen=True, slots=True)
class SignSupplement:
    """Add, as a member, a statement on a complaint to the results with this digest."""

    complaint: int
    digest: str
    statement: str
    kind: Literal["sign_supplement"] = "sign_supplement"


@dataclass(frozen=True, slots=True)
class CloseComplaint:
    """End the look at a complaint."""

    complaint: int
    reason: str
    kind: Literal["close_complaint"] = "close_complaint"


AsideCommand = (
    DraftQuestion | SendQuestion | RelayQuestion | EnterAnswer | AskMoreTime | GrantMoreTime
    | DeclareFault | MendFault | SignSupplement | CloseComplaint
)  # fmt: skip
"""What people order beside the sheets: questions, time, faults, complaints."""
# --- people ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ConfirmOccupancy:
    """Confirm, as one person of the venue, who sits on a seat since its check-in number `occupancy`."""

    seat: SeatCode
    occupancy: int
    grade: Grade
    basis: Basis
    reason: str
    kind: Literal["confirm_occupancy"] = "confirm_occupancy"


@dataclass(frozen=True, slots=True)
class KeepPhone:
    """Take in the phones of whoever sits on a seat; none of them is an answer, too."""

    seat: SeatCode
    pieces: int
    locker: str
    kind: Literal["keep_phone"] = "keep_phone"


@dataclass(frozen=True, slots=True)
class ReturnPhone:
    """Give the phones back; before the end of the evaluation for a reason."""

    seat: SeatCode
    reason: str
    kind: Literal["return_phone"] = "return_phone"


@dataclass(frozen=True, slots=True)
class DeclareSite:
    """Say that one's own site is ready, or no longer, and which red lines are open nevertheless."""

    site: SiteId
    ready: bool
    open: tuple[str, ...]
    note: str
    kind: Literal["declare_site"] = "declare_site"


@dataclass(frozen=True, slots=True)
class EnterLegalPersons:
    """Take down the bidders' legal persons, for the commitment letter."""

    persons: tuple[LegalPerson, ...]
    kind: Literal["enter_legal_persons"] = "enter_legal_persons"


@dataclass(frozen=True, slots=True)
class AppraiseExpert:
    """Decide the duty form of an expert for a lot."""

    seat: SeatCode
    lot: LotId
    revision: int
    ticks: tuple[Tick, ...]
    kind: Literal["appraise_expert"] = "appraise_expert"


@dataclass(frozen=True, slots=True)
class AnswerAppraisal:
    """Answer one's own duty form of a lot."""

    seat: SeatCode
    lot: LotId
    revision: int
    answer: str
    kind: Literal["answer_appraisal"] = "answer_appraisal"


PeopleCommand = (
    ConfirmOccupancy
    | KeepPhone
    | ReturnPhone
    | DeclareSite
    | EnterLegalPersons
    | AppraiseExpert
    | AnswerAppraisal
)
"""What is done about people: their arrival, what they agree to, their appraisal."""

SeatCommand = (
    ImportBid | CheckIn | PassSelfTest | AcceptDiscipline | AdvanceStage | PauseSession | ResumeSession
    | Propose | Approve | Veto | ConfirmBooking | DeclineBooking | RecuseSelf | CastBallot | FailTender
    | EnterScore | LockSheet | AnswerFinding | CloseAlarm | CloseSession
    | EditReport | JustifyWarning | SignReport | WitnessReport | ExplainGap
    | DraftPolicy | OpenSubmissions | StepUp | ExtendWindow | PauseCeremony | ResumeCeremony | AbortOpening
    | StateNotDestroyed
    | DeclareDraw | CommitDraw | RevealDraw | ContinueDraw | SealRoster
    | AsideCommand
    | PeopleCommand
)  # fmt: skip
"""What comes from a seat, signed with the seat's key."""

OpeningCommand = ActAsBidder | ActAsTrustee | CloseBids | OpenWindow | CloseWindow | NoteOpening
"""What the host does in an opening, of its own accord or for bidders and trustees, who prove themselves by their keys."""

HostCommand = (
    OpenSession | UnlockGroup | NoteFacts | VoidDraw | UnsealRoster | AdmitDarkBids | OpeningCommand
    | TakeAnswer | RecordSilence
)  # fmt: skip
Command = SeatCommand | RecordFacts | HostCommand

ACTS: Mapping[type[SeatCommand], type[Event]] = {
    ImportBid: BidImported,
    CheckIn: SeatJoined,
    PassSelfTest: SeatTested,
    AcceptDiscipline: DisciplineAccepted,
    AdvanceStage: StageChanged,
    PauseSession: SessionPaused,
    ResumeSession: SessionResumed,
    Propose: Proposed,
    Approve: Approved,
    Veto: Vetoed,
    ConfirmBooking: BookingConfirmed,
    DeclineBooking: BookingDeclined,
    RecuseSelf: ExpertRecused,
    CastBallot: BallotCast,
    FailTender: TenderFailed,
    EnterScore: ScoreEntered,
    LockSheet: SheetLocked,
    AnswerFinding: FindingAnswered,
    EditReport: ReportEdited,
    JustifyWarning: WarningJustified,
    SignReport: ReportSigned,
    WitnessReport: ReportWitnessed,
    ExplainGap: GapExplained,
    CloseAlarm: AlarmClosed,
    CloseSession: SessionClosed,
    DraftPolicy: PolicyDrafted,
    OpenSubmissions: SubmissionsOpened,
    StepUp: OfficerSteppedUp,
    ExtendWindow: WindowExtended,
    PauseCeremony: CeremonyPaused,
    ResumeCeremony: CeremonyResumed,
    AbortOpening: OpeningAborted,
    StateNotDestroyed: KeysNotDestroyed,
    DeclareDraw: DrawDeclared,
    CommitDraw: DrawCommitted,
    RevealDraw: DrawRevealed,
    ContinueDraw: DrawContinued,
    SealRoster: RosterSealed,
    DraftQuestion: QuestionDrafted,
    SendQuestion: QuestionSent,
    RelayQuestion: QuestionRelayed,
    EnterAnswer: AnswerEntered,
    AskMoreTime: MoreTimeAsked,
    GrantMoreTime: MoreTimeGranted,
    DeclareFault: FaultDeclared,
    MendFault: FaultMended,
    SignSupplement: SupplementSigned,
    CloseComplaint: ComplaintClosed,
    ConfirmOccupancy: OccupancyConfirmed,
    KeepPhone: PhoneKept,
    ReturnPhone: PhoneReturned,
    DeclareSite: SiteDeclared,
    EnterLegalPersons: LegalPersonsEntered,
    AppraiseExpert: ExpertAppraised,
    AnswerAppraisal: AppraisalAnswered,
}
"""Seat command to the event with the same members."""


@dataclass(frozen=True, slots=True)
class Order:
    """A command with what the giver cannot claim: who, where, in which role, and when it arrived.

    `secrets` open the body's commitments; `sig` is the detached JWS over the entry-to-be.
    """

    command: Command
    at: int
    actor: str
    site: SiteId
    role: Role
    cmd: CommandId | None = None
    sig: str | None = None
    secrets: tuple[Secret, ...] = field(default=())
