"""The session: `decide` holds every rule, `evolve` every change of state, `TRANSITIONS` every stage.

`decide` takes an order and returns the facts it leads to, or raises a named refusal and changes nothing.
`evolve` takes a fact and holds no rule beyond the table.  Time, identity and secrets come in with the order;
the session is the fold of its facts, so a restart, a replica and a replay all arrive at the same state.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from itertools import pairwise
from typing import Any, assert_never

from evalroom import appraisal as aa
from evalroom import approval as ap
from evalroom import checkin as ci
from evalroom import clarification as cl
from evalroom import complaint as cp
from evalroom import events as ev
from evalroom import faults as fa
from evalroom import more_time as mt
from evalroom import pledge as pl
from evalroom import reporting as rp
from evalroom import roles
from evalroom import voting as vo
from evalroom.asides import ASIDE_EVENTS, AsideEvent, Asides
from evalroom.asides import Circumstances as AsideCircumstances
from evalroom.checks import check_statement, parse_statement
from evalroom.commands import (
    ACTS,
    AbortOpening,
    AcceptDiscipline,
    ActAsBidder,
    ActAsTrustee,
    AdmitDarkBids,
    AdvanceStage,
    AnswerAppraisal,
    AnswerFinding,
    AppraiseExpert,
    Approve,
    AsideCommand,
    CastBallot,
    CheckIn,
    CloseAlarm,
    CloseBids,
    CloseSession,
    CloseWindow,
    Command,
    CommitDraw,
    ConfirmBooking,
    ConfirmOccupancy,
    ContinueDraw,
    DeclareDraw,
    DeclareFault,
    DeclareSite,
    DeclineBooking,
    DraftPolicy,
    EditReport,
    EnterAnswer,
    EnterLegalPersons,
    EnterScore,
    ExplainGap,
    ExtendWindow,
    FailTender,
    ImportBid,
    JustifyWarning,
    KeepPhone,
    LockSheet,
    MendFault,
    NodeFact,
    NoteFacts,
    NoteOpening,
    OpeningCommand,
    OpenSession,
    OpenSubmissions,
    OpenWindow,
    Order,
    PassSelfTest,
    PauseCeremony,
    PauseSession,
    PeopleCommand,
    Propose,
    RecordFacts,
    RecordSilence,
    RecuseSelf,
    ResumeCeremony,
    ResumeSession,
    ReturnPhone,
    RevealDraw,
    SealRoster,
    SeatCommand,
    SignReport,
    StateNotDestroyed,
    StepUp,
    TakeAnswer,
    UnlockGroup,
    UnsealRoster,
    Veto,
    VoidDraw,
    WitnessReport,
)
from evalroom.committee_marks import CommitteeMarks, committee_marks
from evalroom.coverage import Coverage
from evalroom.draws import facts as df
from evalroom.draws import rules as draw_rules
from evalroom.draws.facts import DRAW_EVENTS, DrawEvent, Purpose
from evalroom.draws.state import Draws
from evalroom.encoding import body_of, to_json
from evalroom.errors import LocalFault, Refusal
from evalroom.events import Event, Fact, Stage
from evalroom.findings import Findings, ask_before_unlock, ask_with_unlock
from evalroom.ids import (
    BIDDER_ACTOR,
    HOST_ACTOR,
    TRUSTEE_ACTOR,
    BidId,
    BidNumber,
    LotId,
    SeatCode,
    SessionId,
    SiteId,
    TrackId,
    check_name,
    track_id,
)
from evalroom.ledger.canonical import canonical
from evalroom.ledger.commitment import BadNonce, OpeningMismatch, check_opening
from evalroom.ledger.signature import act_payload, parse_seat_key, verify_act
from evalroom.media import GapCause
from evalroom.needs import Need, NeedCode, Unready
from evalroom.price_review import compute, inadmissible, needs_marks
from evalroom.pricing.errors import NothingToPrice
from evalroom.pricing.formula import Per, Undecided
from evalroom.profile import Profile, parse_profile, profile_digest
from evalroom.ranking import contested, rank, settles
from evalroom.recording import BrokenRecording, TrackRecord, gap_for, next_record
from evalroom.report.building import Material, build
from evalroom.report.chronicle import KEPT, Kept, kept
from evalroom.report.data import Report
from evalroom.report.data import digest_of as report_digest
from evalroom.report.failure import ALL_REJECTED, NO_COMPETITION, NO_PRICE, ORDERED
from evalroom.report.lint import Checked, Effect, Problem, ProblemCode, holding_up, lint
from evalroom.report.state import Reports
from evalroom.roles import OFFICERS, Role
from evalroom.sealing import facts as sf
from evalroom.sealing.ceremony import Admitted, Ceremony, CeremonyState
from evalroom.sealing.custody import answer_message
from evalroom.sealing.dark import NUMBER_PATH, admission
from evalroom.sealing.facts import CEREMONY_EVENTS, CeremonyEvent
from evalroom.sealing.policy import PartName
from evalroom.sealing.rules import (
    FIRST_GATE,
    NO_NUMBER,
    SHEETS_GATE,
    Circumstances,
    check,
    check_bidders_word,
)
from evalroom.settlement import LotAwarded, MarksSummed, Settlement, Settler, TieSettled
from evalroom.sheet import (
    Cell,
    DigestMismatch,
    OutOfRange,
    Sheet,
    SheetIncomplete,
    SheetIsLocked,
    StaleRevision,
    check_complete,
    check_value,
    digest_of,
    failed_items,
    items_of,
    keys_of,
)
from evalroom.stages import OVER, ROAD
from evalroom.summary import Award, Ballots
from evalroom.tender import (
    Bid,
    Item,
    Lot,
    Part,
    Seat,
    Site,
    Tender,
    check_candidates,
    check_committee,
    check_tender,
)

L, K, V, U = Stage.PLANNED, Stage.BOOKED, Stage.RECEIVING, Stage.OPENING
G, B, E, P, D = Stage.GATHERING, Stage.BRIEFED, Stage.ELECTING, Stage.PRELIMINARY, Stage.DETAILED
R, S, T, N = Stage.PRICING, Stage.SUMMARY, Stage.REPORTING, Stage.SIGNING
C, A, F, X = Stage.CONCLUDED, Stage.ARCHIVED, Stage.FAILED, Stage.ABORTED

DRAFTING = (sf.TrusteeKeyPublished, sf.PolicyDrafted, sf.PolicySigned)
"""The policy of a tender is written and signed before its notice is out."""

HANDING_IN = (
    *DRAFTING, sf.SubmissionsOpened, sf.BidSubmitted, sf.BidAcknowledged, sf.BidWithdrawn, sf.CoverMade, sf.BidsClosed,
)  # fmt: skip
"""What happens around sealed bids until their list is closed."""

IN_WINDOWS = (
    sf.OfficerSteppedUp, sf.WindowOpened, sf.WindowExtended, sf.HalfReleased, sf.ShareReleased, sf.WindowClosed,
    sf.BidJudged, sf.OpeningRecorded, sf.PartKeyPublished, sf.PartKeySealed, sf.PriceRead,
    sf.CeremonyPaused, sf.CeremonyResumed,
)  # fmt: skip
"""What happens around a window of the opening, at the opening itself or once the technical sheets are unlocked."""

AFTER_OPENING = (sf.RecordConfirmed, sf.KeysDestroyed, sf.KeysNotDestroyed)
"""What bidders and trustees may still do, or be said not to have done, once bids have been opened."""

ADMITTING = (sf.BidAdmitted, sf.DarkBidAdmitted)
"""How opened bids join their lots."""

SHEETS = (
    ev.ScoreEntered, ev.SheetLocked, ev.SheetReopened, ev.GroupUnlocked, ev.FindingRaised, ev.FindingAnswered,
)  # fmt: skip
"""What happens to sheets while they are open."""

VOTES = (vo.VoteOpened, vo.BallotCast, vo.VoteCounted, vo.BallotsShown)

STANDING_BY = (rp.ReportMade, rp.ReportSigned, rp.AgreementDeemed, rp.ReportWitnessed)
"""What happens to reports once they are made: at the signing, or when the tender has failed as a whole."""

QUESTIONS = cl.QuestionEvent.__args__
COMPLAINTS = cp.ComplaintEvent.__args__

DRAWING = (df.DrawDeclared, df.DrawContinued, df.RosterSealed)
"""What begins or continues a draw; what ends one belongs to every stage, or moving on would be a way to stop it."""

GATHERED = (*DRAWING, df.RosterUnsealed)
"""The same once people come in: a roster is opened for check-in and not before."""

_WITHIN: Mapping[Stage, tuple[type[Event], ...]] = {
    L: (*DRAFTING, *DRAWING),
    K: (*DRAFTING, *DRAWING, ev.BookingConfirmed, ev.BookingDeclined),
    V: (*HANDING_IN, *DRAWING, sf.OpeningAborted, *AFTER_OPENING[1:]),
    U: (*IN_WINDOWS, *DRAWING, *AFTER_OPENING, *ADMITTING, sf.OpeningAborted, ev.LotFailed),
    G: (*AFTER_OPENING, *GATHERED, ev.BidImported, ev.ExpertRecused, ev.LotFailed),
    B: (*AFTER_OPENING, *GATHERED, ev.DisciplineAccepted, ev.ExpertRecused, ev.LotFailed),
    E: (*AFTER_OPENING, *GATHERED, *VOTES, vo.ChairElected, ev.LotFailed),
    P: (
        *AFTER_OPENING,
        *GATHERED,
        *SHEETS,
        *VOTES,
        *QUESTIONS,
        mt.MoreTimeAsked,
        ev.BidsReviewed,
        ev.LotFailed,
    ),
    D: (*AFTER_OPENING, *GATHERED, *SHEETS, *IN_WINDOWS, *QUESTIONS, mt.MoreTimeAsked, ev.LotFailed),
    R: (
        *AFTER_OPENING,
        ev.FindingAnswered,
        ev.PricesOpened,
        ev.PriceCorrected,
        ev.PricesComputed,
        ev.LotFailed,
    ),
    S: (
        *AFTER_OPENING,
        *DRAWING,
        *VOTES,
        *QUESTIONS,
        mt.MoreTimeAsked,
        ev.FindingAnswered,
        ev.PriceCorrected,
        ev.PricesComputed,
        MarksSummed,
        ev.RankingComputed,
        TieSettled,
        LotAwarded,
        ev.LotFailed,
    ),
    T: (*AFTER_OPENING, ev.FindingAnswered, ev.LotFailed, rp.ReportEdited, rp.WarningJustified),
    N: (*AFTER_OPENING, *STANDING_BY),
    C: (*AFTER_OPENING, *COMPLAINTS),
    F: (*AFTER_OPENING, *STANDING_BY),
    X: AFTER_OPENING,
    A: (),
}
"""Stage to the events that belong to it and leave it as it is."""

PEOPLE: Mapping[type[Event], frozenset[Stage]] = {
    ci.OccupancyConfirmed: ci.STAGES[ci.OccupancyConfirmed],
    ci.PhoneKept: ci.STAGES[ci.PhoneKept],
    ci.PhoneReturned: ci.STAGES[ci.PhoneReturned],
    ci.SiteDeclared: ci.STAGES[ci.SiteDeclared],
    pl.LegalPersonsEntered: frozenset({U, G}),
    pl.LetterIssued: frozenset({B}),
    aa.ExpertAppraised: frozenset({C, F}),
    aa.AppraisalAnswered: frozenset({C, F}),
}
"""Facts about people to the stages they belong to and leave as they are."""

_FAILS = frozenset({U, G, B, E, P, D, R, S, T})
"""Stages in which a tender may fail as a whole."""

TRANSITIONS: Mapping[Stage, Mapping[type[Event], Stage]] = {
    stage: dict.fromkeys((*within, *(kind for kind, stages in PEOPLE.items() if stage in stages)), stage)
    | dict.fromkeys(fa.FaultEvent.__args__ if stage in fa.BEFORE | fa.DURING else (), stage)
    | ({mt.MoreTimeGranted: stage} if mt.MoreTimeAsked in within else {})
    | ({ev.StageChanged: ROAD[ROAD.index(stage) + 1]} if stage in ROAD[:-2] else {})
    | ({ev.SessionClosed: A} if stage in (V, U, C, F, X) else {})
    | ({ev.TenderFailed: F} if stage in _FAILS else {})
    | ({ev.SessionAborted: X} if stage not in (C, A, F, X) else {})
    for stage, within in _WITHIN.items()
}
"""Stage to the events that belong to it, each with the stage it leads to."""

RETURNS: Mapping[type[Event], Mapping[Stage, frozenset[Stage]]] = {
    ev.SteppedBack: {
        D: frozenset({P}),
        R: frozenset({P, D}),
        S: frozenset({P, D, R}),
        T: frozenset({P, D, R, S}),
        N: frozenset({P, D, R, S, T}),
    },
    ev.ExpertReplaced: {G: frozenset({G})} | {stage: frozenset({B}) for stage in (B, E, P, D, R, S, T, N)},
}
"""Events that lead back, with the stages they may lead to: a step back, and a newcomer who begins anew."""

ANYTIME: frozenset[type[Event]] = frozenset(
    {
        ev.SessionPaused, ev.SessionResumed, ev.SeatJoined, ev.SeatTested, ev.SeatLost, ev.SeatReturned,
        ev.TrackStarted, ev.FormatChanged, ev.FragmentRecorded, ev.GapDeclared, ev.ReelClosed, ev.ReelReceived,
        ev.TrackEnded, ev.ClockMapped, ev.SiteOffsetMeasured, ev.SiteLost, ev.SiteReturned, ev.AlarmRaised,
        ev.AlarmClosed, ev.CheckpointCosigned, ev.WitnessLate, ev.WitnessRefused,
        ap.Proposed, ap.Approved, ap.Vetoed,
        df.DrawCommitted, df.DrawRevealed, df.DrawMade, df.DrawVoided, rp.GapExplained,
    }
)  # fmt: skip
"""Events that belong to every stage and change none."""

WHILE_PAUSED: frozenset[type[object]] = frozenset(
    {
        CheckIn, PassSelfTest, ResumeSession, CloseAlarm, RecordFacts, NoteFacts,
        ActAsBidder, ActAsTrustee, CloseWindow, NoteOpening, ExtendWindow, PauseCeremony, ResumeCeremony,
        Propose, Approve, Veto,
        CommitDraw, RevealDraw, VoidDraw,
        EnterAnswer, TakeAnswer, RecordSilence, DeclareFault, MendFault,
        ConfirmOccupancy, KeepPhone, ReturnPhone, DeclareSite,
    }
)  # fmt: skip
"""Commands that a pause does not hold back: recording goes on, seats come back, an opening has a pause of its own,
nobody stops a draw whose result they begin to know, and a bidder's hour to answer stays as it was announced."""

_EARLY = frozenset({L, K, V, U, G, B})

DRAW_STAGES: Mapping[Purpose, frozenset[Stage]] = {
    Purpose.EXPERTS: _EARLY | {E, P, D},
    Purpose.SEATS: _EARLY | {E, P, D},
    Purpose.SUB_SITE: _EARLY,
    Purpose.CODE: _EARLY,
    Purpose.PRICE_PARAMETER: _EARLY,
    Purpose.CHAIR: frozenset({E}),
    Purpose.TIE: frozenset({S}),
    Purpose.MEMBERS: _EARLY | {E, P, D},
}
"""What is drawn to the stages it belongs to; a price parameter moreover comes before prices are unsealed, the order of
members before their marks are open."""

MEMBERS_SUBJECT = "members"
"""What a draw of the members' order is about: one order for each lot, whatever it is needed for."""

PART_OF: Mapping[Stage, Part] = {P: Part.PRELIMINARY, D: Part.DETAILED}
"""The sheets that are open in a stage."""

CONCLUDED_SO = frozenset({ALL_REJECTED, NO_COMPETITION, NO_PRICE})
"""Grounds of a lot's failure that are conclusions of the committee, and void with them."""


class WrongStage(Refusal):
    """The session is not at the stage where this is done; look at the stage shown above and go on from there."""

    code = "stage"


class Paused(Refusal):
    """The evaluation is paused: nothing is lost, and you can go on as soon as the supervisor resumes it."""

    code = "paused"


class NotPaused(Refusal):
    """The evaluation is not paused, so there is nothing to resume."""

    code = "not_paused"


class NotOwner(Refusal):
    """This belongs to another seat; nothing has changed."""

    code = "not_owner"


class Unknown(Refusal):
    """The session knows nothing by that name; reload the page and try again."""

    code = "unknown"


class SecretsMismatch(Refusal):
    """The value sent does not open its commitment, so it was not taken; enter it again."""

    code = "secrets_mismatch"


class ReasonNeeded(Refusal):
    """This act needs a reason in writing."""

    code = "reason_needed"


class NotMember(Refusal):
    """Your seat is a reserve, or its place in the committee was taken: you have no part in this, and nothing changed."""

    code = "not_member"


class SecondPersonNeeded(Refusal):
    """The rules of this session ask for a second person here: propose it, and let it be approved."""

    code = "second_person_needed"


class NotVoidable(Refusal):
    """That is not there to be changed: the stage, seat, sheet, lot or price named does not stand so."""

    code = "not_voidable"


class SessionOver(Refusal):
    """The session is closed; its journal takes nothing more."""

    code = "session_over"


class IllegalStep(LocalFault):
    """The journal holds an event that its stage does not allow: it was not written by this software."""

    code = "illegal_step"


_public_key = lru_cache(maxsize=4096)(parse_seat_key)
"""Parsing an SPKI costs as much as verifying with it; a seat signs hundreds of times."""


@dataclass(frozen=True, slots=True)
class ImportedBid:
    """A bid as brought in: document digest and the price, in fen, that nobody sees before pricing."""

    bidder: str
    price_fen: int
    sha256: str
    bytes: int
    pages: int


_SHA256 = _NONCE = re.compile(r"[0-9a-f]{64}")
_FEN = re.compile(r"[1-9][0-9]{0,14}")
"""A price in fen: below ten trillion yuan, and far below 2^53, where JSON readers begin to round."""

_NO_SESSION = SessionId("")
_NO_TENDER = Tender("", "", ())
_NO_KEYS = ev.SessionKeys("", (), 0)

SheetKey = tuple[SeatCode, LotId, Part]


@dataclass(slots=True)
class Session:
    """One session as its facts leave it.  Read freely; change only through `evolve`."""

    id: SessionId = _NO_SESSION
    tender: Tender = _NO_TENDER
    sites: dict[SiteId, Site] = field(default_factory=dict)
    seats: dict[SeatCode, Seat] = field(default_factory=dict)
    lots: dict[LotId, Lot] = field(default_factory=dict)
    keys: ev.SessionKeys = _NO_KEYS
    rehearsal: bool = False
    profile: Profile = field(default_factory=Profile)
    stage: Stage = Stage.GATHERING
    paused: bool = False
    closed: bool = False
    seat_keys: dict[SeatCode, str] = field(default_factory=dict)
    tested: dict[SeatCode, tuple[ev.SelfTestResult, ...]] = field(default_factory=dict)
    accepted: set[SeatCode] = field(default_factory=set)
    bids: dict[BidId, ImportedBid] = field(default_factory=dict)
    sheets: dict[SheetKey, Sheet] = field(default_factory=dict)
    unlocked: set[tuple[LotId, Part]] = field(default_factory=set)
    shown: set[tuple[LotId, Part]] = field(default_factory=set)
    priced: set[BidId] = field(default_factory=set)
    rejected: dict[LotId, tuple[BidId, ...]] = field(default_factory=dict)
    prices: dict[LotId, ev.PricesComputed] = field(default_factory=dict)
    rankings: dict[LotId, ev.RankingComputed] = field(default_factory=dict)
    settlement: Settlement = field(default_factory=Settlement)
    reports: Reports = field(default_factory=Reports)
    chronicle: list[Kept] = field(default_factory=list)
    coverage: Coverage = field(default_factory=Coverage)
    tracks: dict[TrackId, TrackRecord] = field(default_factory=dict)
    told: dict[TrackId, int] = field(default_factory=dict)
    alarms: dict[str, bool] = field(default_factory=dict)
    size: int = 0
    cosigned: int = 0
    last_lock: int = 0
    disputed: set[SiteId] = field(default_factory=set)
    members: list[SeatCode] = field(default_factory=list)
    left: set[SeatCode] = field(default_factory=set)
    recused: set[SeatCode] = field(default_factory=set)
    chair: SeatCode | None = None
    booked: set[SiteId] = field(default_factory=set)
    lost: set[SiteId] = field(default_factory=set)
    failed: dict[LotId, str] = field(default_factory=dict)
    corrected: dict[tuple[LotId, BidId], int] = field(default_factory=dict)
    approvals: ap.Approvals = field(default_factory=ap.Approvals)
    votes: vo.Votes = field(default_factory=vo.Votes)
    rounds: int = 1
    ceremony: Ceremony = field(default_factory=Ceremony)
    gates: dict[str, int] = field(default_factory=dict)
    findings: Findings = field(default_factory=Findings)
    draws: Draws = field(default_factory=Draws)
    asides: Asides = field(default_factory=Asides)
    arrivals: ci.Arrivals = field(default_factory=ci.Arrivals)
    pledge: pl.Pledge = field(default_factory=pl.Pledge)
    appraisals: aa.Appraisals = field(default_factory=aa.Appraisals)
    named_at: int = 0
    """Entries there were once the bidders of all dark lots were known, 0 before."""
    _drafts: dict[LotId, tuple[int, Report]] = field(default_factory=dict, compare=False, repr=False)
    """The last report made of each lot, with the entries there were: pages ask for it many times over."""

    # --- decide -----------------------------------------------------------------------------------

    def decide(self, order: Order) -> tuple[Fact, ...]:
        """Return the facts that `order` leads to; the session itself is left as it was.

        Raises:
            Refusal: the rule that forbids it, by its own class.
            PeerFault: a key or signature that is none, or text that has no canonical form.
        """
        command = order.command
        roles.demand(command.kind, order.role, roles.COMMANDS)
        self._check_circumstances(order)
        match command:
            case OpenSession():
                return self._open(command, order)
            case UnlockGroup():
                return self._unlock(command, order)
            case RecordFacts():
                return self._record(command, order)
            case NoteFacts():
                return tuple(self._note(command, order))
            case CheckIn() | PassSelfTest() | AcceptDiscipline():
                self._check_own_seat(command.seat, command, order)
            case ImportBid():
                self._check_import(command, order)
            case AdvanceStage():
                return self._advance(command, order)
            case PauseSession() | ResumeSession():
                self._check_pause(command, order)
            case Propose():
                self._check_proposal(command, order)
            case Approve() | Veto():
                return self._decide_proposal(command, order)
            case ConfirmBooking() | DeclineBooking():
                self._check_booking(command, order)
            case RecuseSelf():
                return self._recuse(command, order)
            case CastBallot():
                return self._vote(command, order)
            case FailTender():
                return self._fail_tender(command, order)
            case EnterScore():
                self._check_score(command, order)
            case LockSheet():
                self._check_lock(command, order)
            case AnswerFinding():
                self._check_answer(command, order)
            case EditReport() | JustifyWarning():
                self._check_words(command, order)
            case SignReport() | WitnessReport():
                self._check_signature(command, order)
            case ExplainGap():
                self._check_explanation(command)
            case CloseAlarm():
                self._check_alarm(command)
            case CloseSession():
                self._check_close(command, order.role)
            case OpenSubmissions():
                return self._open_submissions(command, order)
            case (
                DraftPolicy() | StepUp() | ExtendWindow()
                | PauseCeremony() | ResumeCeremony() | AbortOpening() | StateNotDestroyed()
            ):  # fmt: skip
                self._check_ceremony(ACTS[type(command)](**_members(command)), order)
            case ActAsBidder() | ActAsTrustee() | CloseBids() | OpenWindow() | CloseWindow() | NoteOpening():
                return self._lead_opening(command, order)
            case DeclareDraw() | CommitDraw() | ContinueDraw() | SealRoster():
                self._check_draw(ACTS[type(command)](**_members(command)), order)
            case RevealDraw():
                return self._reveal(command, order)
            case VoidDraw():
                return self._void(command, order)
            case UnsealRoster():
                return self._unseal_roster(command, order)
            case AdmitDarkBids():
                return self._admit_dark(command, order)
            case TakeAnswer():
                return self._take_answer(command, order)
            case RecordSilence(question=question):
                silent = cl.QuestionUnanswered(question)
                return (self._by_host(order, self._checked_aside(silent, order)),)
            case (
                ConfirmOccupancy() | KeepPhone() | ReturnPhone() | DeclareSite()
                | EnterLegalPersons() | AppraiseExpert() | AnswerAppraisal()
            ):  # fmt: skip
                self._check_people(command, order)
            case _:
                return self._give_aside(command, order)
        return (_act(command, order),)

    def _check_circumstances(self, order: Order) -> None:
        command = order.command
        if self.closed:
            raise SessionOver(session=self.id)
        if isinstance(command, OpenSession) != (self.size == 0):
            raise WrongStage(stage=self.stage if self.size else None, command=command.kind)
        if self.paused and type(command) not in WHILE_PAUSED:
            raise Paused(command=command.kind)
        if isinstance(command, SeatCommand):
            self._check_signed(command, order)
            if isinstance(command, ImportBid) and not self.rehearsal:
                raise Unready(Need(NeedCode.REHEARSAL))
            event = ACTS[type(command)]
            early = isinstance(command, OpenSubmissions) and self.stage in (L, K)
            if event not in ANYTIME and event not in TRANSITIONS[self.stage] and not early:
                raise WrongStage(stage=self.stage, command=command.kind)

    def _check_signed(self, command: SeatCommand, order: Order) -> None:
        """Demand the giver's signature over the entry-to-be; only the host may close a session unsigned."""
        if order.role is Role.HOST:
            return
        self._check_giver(order)
        key = command.key if isinstance(command, CheckIn) else self.seat_keys.get(SeatCode(order.actor))
        if key is None:
            raise Unready(Need(NeedCode.CHECK_IN, (order.actor,)))
        if order.sig is None or order.cmd is None:
            raise Unready(Need(NeedCode.SIGNED_ACT, (order.actor,)))
        payload = act_payload(
            actor=order.actor,
            body=body_of(command),
            cmd=order.cmd,
            session=self.id,
            site=order.site,
            type=ACTS[type(command)].__name__,
        )
        verify_act(_public_key(key), payload, order.sig)

    def _check_giver(self, order: Order) -> None:
        """Demand that actor, role and site of the connection are those of one seat, and an expert a member."""
        seat = self.seats.get(SeatCode(order.actor))
        if seat is None or (seat.role, seat.site) != (order.role, order.site):
            raise NotOwner(seat=order.actor, role=order.role, site=order.site)
        outside = seat.role is Role.EXPERT and seat.code not in self.members
        if outside and not isinstance(order.command, CheckIn | PassSelfTest):
            raise NotMember(seat=seat.code)

    def _open(self, command: OpenSession, order: Order) -> tuple[Fact, ...]:
        check_name(command.session)
        check_tender(command.tender, command.sites, command.seats, sealed=not command.rehearsal)
        rules = parse_profile(command.profile)
        check_committee(command.seats, rules.committee)
        check_candidates(command.tender, rules.result)
        _check_witnesses(command)
        opened = ev.SessionOpened(**_members(command), profile_sha256=profile_digest(command.profile))
        return (Fact(order.at, order.site, HOST_ACTOR, opened),)

    def _check_own_seat(
        self, seat: SeatCode, command: CheckIn | PassSelfTest | AcceptDiscipline, order: Order
    ) -> None:
        if seat != order.actor:
            raise NotOwner(seat=seat)
        if isinstance(command, CheckIn):
            if command.role is not self.seats[seat].role:
                raise NotOwner(seat=seat, role=command.role)
        elif seat not in self.seat_keys:
            raise Unready(Need(NeedCode.CHECK_IN, (seat,)))
        elif isinstance(command, AcceptDiscipline):
            if not self.arrivals.satisfies(seat, self.profile.people.checkin):
                raise Unready(Need(NeedCode.IDENTITY, (seat,)))
            self.pledge.check_agreed(seat, command.sha256)

    def _check_import(self, command: ImportBid, order: Order) -> None:
        if Bid(command.bid, command.bidder) not in self._lot(command.lot).bids:
            raise Unknown(bid=command.bid, bidder=command.bidder[:80])
        if not _SHA256.fullmatch(command.sha256) or min(command.bytes, command.pages) < 1:
            raise OutOfRange(bid=command.bid, problem="a document has a digest, bytes and pages")
        price = self._opened(order, {"/price": command.price})["/price"]
        if not _FEN.fullmatch(price):
            raise OutOfRange(bid=command.bid, problem="a price in fen, 1 to 15 digits")

    def _check_pause(self, command: PauseSession | ResumeSession, order: Order) -> None:
        _demand_reason(command.reason)
        if isinstance(command, ResumeSession):
            self._check_resumption(order.at)
            if self.profile.pause.second_person:
                raise SecondPersonNeeded(act="resume")
            return
        if self.stage in (L, K, V, U, C, F, X):  # an opening has a pause of its own
            raise WrongStage(stage=self.stage, command=command.kind)
        if self.profile.pause.resume_at and (command.resume_at or 0) <= order.at:
            raise Unready(Need(NeedCode.RESUMPTION))

    def _check_resumption(self, at: int) -> None:
        if not self.paused:
            raise NotPaused
        self.asides.faults.check_resumption(at)
        self._check_sites_back()

    def _check_sites_back(self) -> None:
        if self.profile.pause.second_person and self.lost:
            raise Unready(Need(NeedCode.SITES_BACK, tuple(sorted(self.lost))))

    # --- what needs a second person -------------------------------------------------------------------

    def _person(self, order: Order) -> ap.Person:
        return ap.Person(SeatCode(order.actor), order.role, order.actor == self.chair)

    def _check_proposal(self, command: Propose, order: Order) -> None:
        check_name(command.proposal)
        _demand_reason(command.reason)
        proposed = ap.Proposed(command.proposal, command.act, command.reason)
        self.approvals.check_proposal(proposed, self._person(order), self.stage)
        if isinstance(command.act, ap.ReleaseQuestion) and not self._leads(order):
            raise cl.NotSender(question=command.act.question[:40])
        if isinstance(command.act, ap.ConfirmByTwo):
            ci.check_near(command.act.seat, self._voucher(order), self.seats)
        self._check_act(command.act, order.at)

    def _check_act(self, act: ap.Act, at: int) -> None:
        """Refuse an act that has nothing to act on as the session stands."""
        match act:
            case ap.StepBack(after=after):
                fits = after in RETURNS[ev.SteppedBack].get(self.stage, ())
            case ap.ReopenSheet(seat=seat, lot=lot, part=part):
                fits = PART_OF.get(self.stage) is part and self.sheet(seat, lot, part).locked is not None
                fits = fits and seat in self.members
            case ap.ReplaceExpert(seat=seat, newcomer=newcomer):
                fits = seat in self.members and newcomer in self.reserves()
            case ap.Resume():
                return self._check_resumption(at)
            case ap.ReleaseQuestion(question=question, sha256=sha256):
                return self.asides.questions.check_digest(question, sha256)
            case ap.SettleFault():
                return self._check_fault_way(act, at)
            case ap.ReopenForComplaint():
                return self.asides.complaints.check_opening()
            case ap.CorrectPrice(lot=lot, bid=bid, price_fen=fen):
                fits = lot in self.prices and any(row.bid == bid for row in self.prices[lot].rows)
                fits = fits and _FEN.fullmatch(str(fen)) is not None
            case ap.FailLot(lot=lot):
                fits = any(one.id == lot for one in self.live_lots())
            case ap.DeemAgreed(seat=seat, lot=lot):
                fits = lot in self.reports.made and seat in self.members
                fits = fits and (lot, seat) not in self.reports.signed
            case ap.Reevaluate(ground=ground):
                fits = ground in self.profile.reevaluation.grounds
            case ap.SettleTie(lot=lot, order=order):
                fits = self._left_to(lot, Undecided.TENDERER) and settles(self.rankings[lot], order)
            case ap.AwardLot(lot=lot, bid=bid):
                fits = self._left_to(lot, Undecided.TENDERER) and bid in self.award_tied(lot)
            case ap.AbortSession():
                fits = True
            case ap.ConfirmByTwo(seat=seat, occupancy=occupancy):
                return self.arrivals.check_occupancy(seat, occupancy, ci.Grade.TWO)
            case _:
                assert_never(act)
        if not fits:
            raise NotVoidable(act=act.kind, stage=self.stage)
        return None

    def _decide_proposal(self, command: Approve | Veto, order: Order) -> tuple[Fact, ...]:
        decision = ACTS[type(command)](**_members(command))
        if not isinstance(decision, ap.Approved | ap.Vetoed):
            raise Unknown(proposal=command.proposal)
        act = self.approvals.check_decision(decision, self._person(order), regulator=self.has_regulator())
        if isinstance(act, ap.ConfirmByTwo) and act.seat == order.actor:
            raise ap.NotSecondPerson(proposal=command.proposal, seat=act.seat)
        if isinstance(command, Veto):
            _demand_reason(command.reason)
            return (_act(command, order),)
        if not self.approvals.completes(command.proposal, order.role, regulator=self.has_regulator()):
            return (_act(command, order),)
        self._check_act(act, order.at)
        reason = self.approvals.waiting[command.proposal].proposed.reason
        effects = [self._by_host(order, event) for event in self._effects(act, reason)]
        return (_act(command, order), *effects)

    def has_regulator(self) -> bool:
        """Say whether a regulator has a seat: else another officer is the second person."""
        return any(seat.role is Role.REGULATOR for seat in self.seats.values())

    def _effects(self, act: ap.Act, reason: str) -> Iterator[Event]:
        """Yield what an approved act does."""
        match act:
            case ap.StepBack(after=after):
                yield from self._step_back(after, reason)
            case ap.ReopenSheet(seat=seat, lot=lot, part=part):
                yield ev.SheetReopened(seat, lot, part, reason)
            case ap.ReplaceExpert(seat=seat, newcomer=newcomer):
                yield self._replacing(seat, newcomer, reason)
            case ap.Resume():
                yield ev.SessionResumed(reason)
            case ap.CorrectPrice(lot=lot, bid=bid, price_fen=fen):
                yield from self._correct(self._lot(lot), bid, fen, reason)
            case ap.FailLot(lot=lot):
                yield ev.LotFailed(lot, ORDERED, reason)
            case ap.DeemAgreed(seat=seat, lot=lot):
                self._demand_no_gap(seat)
                yield rp.AgreementDeemed(lot, seat, self.report_digest(lot), reason)
            case ap.Reevaluate(ground=ground):
                yield from self._step_back(P, f"{ground}: {reason}")
            case ap.SettleTie(lot=lot, order=order):
                yield from self._settle(self._lot(lot), order, Settler.TENDERER)
            case ap.AwardLot(lot=lot, bid=bid):
                yield LotAwarded(lot, bid, Settler.TENDERER)
            case ap.AbortSession():
                yield ev.SessionAborted(reason)
            case ap.ReleaseQuestion(question=question, sha256=sha256):
                yield cl.QuestionSent(question, sha256)
            case ap.SettleFault():
                yield from self._settle_fault(act, reason)
            case ap.ReopenForComplaint():
                yield cp.ComplaintOpened(self.asides.complaints.count + 1, reason)
            case ap.ConfirmByTwo(seat=seat, occupancy=occupancy, basis=basis):
                yield ci.OccupancyConfirmed(seat, occupancy, ci.Grade.TWO, basis, reason)
            case _:
                assert_never(act)

    def _step_back(self, after: Stage, reason: str) -> Iterator[Event]:
        """Go back; what the stage computes by itself is computed anew on what stands then."""
        yield ev.SteppedBack(self.stage, after, reason)
        lots = self.live_lots()
        if after is R:
            yield from (event for lot in lots for event in self._price(lot))
        if after is S:
            yield from (event for lot in lots for event in self._rank(lot, self.prices[lot.id]))

    def _replacing(self, seat: SeatCode, newcomer: SeatCode, reason: str) -> ev.ExpertReplaced:
        return ev.ExpertReplaced(seat, newcomer, reason, self.stage, G if self.stage is G else B)

    def _correct(self, lot: Lot, bid: BidId, fen: int, reason: str) -> Iterator[Event]:
        yield ev.PriceCorrected(lot.id, bid, fen, reason)
        prices = self._compute(lot, {**self.prices_of(lot), bid: fen})
        yield prices
        if self.stage is S:
            yield from self._rank(lot, prices)

    # --- beside the sheets: questions, time, faults, complaints -----------------------------------------

    def _leads(self, order: Order) -> bool:
        """Say whether the giver speaks for the committee: its chair, or, where the rules know none, any member."""
        return order.actor == self.chair if self.profile.committee.chair else order.actor in self.members

    def _beside(self, order: Order) -> AsideCircumstances:
        live = self.live_lots()
        return AsideCircumstances(
            at=order.at,
            stage=self.stage,
            seat=SeatCode(order.actor),
            leads=self._leads(order),
            members=self.members,
            bids={lot.id: {bid.id for bid in lot.bids} - {*self.rejected.get(lot.id, ())} for lot in live},
            sites=self.sites,
            results=self.results_digest(),
            rehearsal=self.rehearsal,
            profile=self.profile,
        )

    def _checked_aside(self, event: Event, order: Order) -> Event:
        if not isinstance(event, AsideEvent) or type(event) not in TRANSITIONS[self.stage]:
            raise WrongStage(stage=self.stage, command=order.command.kind)
        self.asides.check(event, self._beside(order))
        return event

    def _give_aside(self, command: AsideCommand, order: Order) -> tuple[Fact, ...]:
        """Return an order's fact; a fault pauses the session, to go on when its time is over at the latest."""
        event = self._checked_aside(ACTS[type(command)](**_members(command)), order)
        if isinstance(event, cl.QuestionSent) and self.profile.clarification.approval != "none":
            raise SecondPersonNeeded(act="release_question")
        if not isinstance(event, fa.FaultDeclared) or self.paused:
            return (_act(command, order),)
        paused = ev.SessionPaused(event.what, order.at + _fault_limit(self.profile, self.stage))
        return (_act(command, order), self._by_host(order, paused))

    def _take_answer(self, command: TakeAnswer, order: Order) -> tuple[Fact, ...]:
        """Take what a bidder signed; while its lot is dark, ask about what may tell whose it is."""
        if cl.QuestionAnswered not in TRANSITIONS[self.stage]:
            raise WrongStage(stage=self.stage, command=command.kind)
        one = self.asides.questions.check_answer(command.question, command.text, order.at)
        admitted = self.ceremony.admitted.get(one.drafted.bid)
        if admitted is None:
            raise cl.UnknownQuestion(question=command.question)
        message = answer_message(self.id, admitted.number, bytes.fromhex(one.digest), command.text)
        check_bidders_word(self.ceremony, admitted.number, command.key, message, command.signature)
        dark = one.drafted.lot in self.dark_parts()
        marks = cl.marks_of(command.text, self.ceremony.bidders()) if dark else ()
        if marks and not command.marked:
            raise cl.MarkedAnswer(question=command.question, marks=", ".join(marks))
        answered = cl.QuestionAnswered(command.question, command.text, command.signature, marks)
        fact = Fact(order.at, order.site, BIDDER_ACTOR, answered)
        if not marks:
            return (fact,)
        told = f"{one.drafted.bid}: {cl.say_marks(marks)}"
        return (
            fact,
            self._by_host(order, ev.AlarmRaised(f"answer-{command.question}", "marked_answer", "", told)),
        )

    def _check_fault_way(self, act: ap.SettleFault, at: int) -> None:
        """Refuse a way that is not open; where the session goes on, no other fault and no lost site may be left."""
        faults = self.asides.faults
        faults.check_way(act.fault, act.way, act.until, at)
        if act.way in (fa.Way.GO_ON, fa.Way.ANEW):
            faults.without(act.fault).check_resumption(at)
            self._check_sites_back()
        if act.way is fa.Way.ANEW and len(self._successors()) < len(self.members):
            raise fa.NotThisWay(fault=act.fault, way=act.way, reserves=len(self.reserves()))

    def _successors(self) -> dict[SeatCode, SeatCode]:
        """Return for each member a reserve of the same specialty, as far as there are."""
        free, found = self.reserves(), dict[SeatCode, SeatCode]()
        for seat in self.experts():
            kind = self.seats[seat].specialty
            heir = next((one for one in free if self.seats[one].specialty is kind), None)
            if heir is not None:
                free.remove(heir)
                found[seat] = heir
        return found

    def _settle_fault(self, act: ap.SettleFault, reason: str) -> Iterator[Event]:
        """Yield what two persons agreed on; a new committee begins where newcomers begin, with nothing of the old."""
        yield fa.FaultSettled(act.fault, act.way, act.until, reason)
        if act.way is fa.Way.ABORT:
            yield ev.SessionAborted(reason)
        before = self.stage
        for seat, heir in self._successors().items() if act.way is fa.Way.ANEW else ():
            yield ev.ExpertReplaced(seat, heir, reason, before, B)
            before = B
        if act.way in (fa.Way.GO_ON, fa.Way.ANEW):
            yield ev.SessionResumed(reason)

    # --- people: their arrival, what they agree to, their appraisal -----------------------------------

    def _check_people(self, command: PeopleCommand, order: Order) -> None:
        act = ACTS[type(command)](**_members(command))
        if isinstance(act, ci.ArrivalEvent):
            self.arrivals.check(act, self._voucher(order), self.seats, self.stage)
        elif isinstance(act, pl.LegalPersonsEntered):
            self.pledge.check_persons(act, self.bidders())
        elif isinstance(act, aa.ExpertAppraised):
            experts = {*self.members, *self.left}
            self.appraisals.check_form(act, order.actor, experts, self.lots, self.size)
        elif isinstance(act, aa.AppraisalAnswered):
            self.appraisals.check_answer(act, order.actor)

    @staticmethod
    def _voucher(order: Order) -> ci.Voucher:
        return ci.Voucher(order.actor, order.role, order.site)

    def bidders(self) -> frozenset[str]:
        """Name the bidders whose bids were opened, of all lots together: no name tells of a code."""
        if self.rehearsal:
            return frozenset(bid.bidder for lot in self.lots.values() for bid in lot.bids)
        first = next(iter(self.ceremony.windows.values()), None)
        return frozenset(row.bidder for row in first.rows.values() if row.bidder) if first else frozenset()

    def _letter(self) -> pl.LetterIssued:
        return pl.write_letter(self.tender.code, self.tender.title, self.bidders(), self.pledge.persons)

    def _arrival_needs(self, after: Stage) -> "_Waited":
        """Yield who of the members has not arrived as the profile asks: it matters from the first act on."""
        if after not in ROAD or ROAD.index(after) <= ROAD.index(B) or after is A:
            return
        rules, experts = self.profile.people, self.experts()
        graded = self.arrivals.satisfies
        yield NeedCode.IDENTITY, tuple(seat for seat in experts if not graded(seat, rules.checkin))
        kept = self.arrivals.phones
        yield NeedCode.PHONE, tuple(seat for seat in experts if rules.phone and not kept.get(seat))

    def unappraised(self) -> tuple[str, ...]:
        """List the members without a duty form, seat and lot, where the profile wants one of each."""
        wanted = self.profile.people.appraisal and self.stage is C
        pairs = ((seat, lot.id) for seat in self.experts() for lot in self.live_lots() if wanted)
        return tuple(f"{seat} {lot}" for seat, lot in pairs if (seat, lot) not in self.appraisals.forms)

    # --- the committee and its votes ------------------------------------------------------------------

    def _check_booking(self, command: ConfirmBooking | DeclineBooking, order: Order) -> None:
        if command.site != order.site:
            raise NotOwner(site=command.site)
        if isinstance(command, DeclineBooking):
            _demand_reason(command.reason)
            return
        own = tuple(sorted(seat.code for seat in self.seats.values() if seat.site == order.site))
        if tuple(sorted(command.seats)) != own:
            raise Unready(Need(NeedCode.BOOKING, tuple(sorted(set(own) - set(command.seats))) or own))

    def _recuse(self, command: RecuseSelf, order: Order) -> tuple[Fact, ...]:
        """Let a member step aside; the next reserve of the same specialty takes the place at once."""
        if command.seat != order.actor:
            raise NotOwner(seat=command.seat)
        _demand_reason(command.reason)
        facts = [_act(command, order)]
        specialty = self.seats[command.seat].specialty
        heir = next((one for one in self.reserves() if self.seats[one].specialty is specialty), None)
        if heir is not None:
            facts.append(self._by_host(order, self._replacing(command.seat, heir, command.reason)))
        return tuple(facts)

    def _vote(self, command: CastBallot, order: Order) -> tuple[Fact, ...]:
        choice = self._opened(order, {"/choice": command.choice})["/choice"]
        cast = vo.BallotCast(command.vote, command.round, command.choice)
        self.votes.check_ballot(cast, SeatCode(order.actor), choice)
        counted = self.votes.counted_with(cast, SeatCode(order.actor), choice)
        before = self.votes.open[command.vote].choices
        told = self._after_count(counted, {**before, SeatCode(order.actor): choice}) if counted else ()
        return (_act(command, order), *(self._by_host(order, event) for event in told))

    def _after_count(self, counted: vo.VoteCounted, choices: Mapping[SeatCode, str]) -> Iterator[Event]:
        """Yield the count and what follows from it: another round, a chair, an award, a lot without competition."""
        yield counted
        question = self.votes.questions[counted.vote]
        award = question.question is vo.Question.AWARD
        if award and self.lots[LotId(question.lot)].summary.ballots is Ballots.OPEN:
            shown = tuple(vo.ShownBallot(seat, choices[seat]) for seat in question.voters)
            yield vo.BallotsShown(counted.vote, counted.round, shown)
        if award and counted.outcome:
            yield LotAwarded(LotId(question.lot), BidId(counted.outcome), Settler.VOTE)
        again = vo.next_round(question, counted, self.profile.committee.rounds)
        if again is not None:
            yield again
        if question.question is vo.Question.CHAIR and counted.outcome:
            yield vo.ChairElected(SeatCode(counted.outcome), "vote")
        if question.question is vo.Question.COMPETITION and counted.outcome == vo.REJECT_ALL:
            yield ev.LotFailed(LotId(question.lot), NO_COMPETITION, "")

    def _fail_tender(self, command: FailTender, order: Order) -> tuple[Fact, ...]:
        """End the evaluation, with the reports that say why: they are signed like those of other lots."""
        _demand_reason(command.reason)
        if self.live_lots():
            raise Unready(Need(NeedCode.LIVE_LOT, tuple(lot.id for lot in self.live_lots())))
        return (_act(command, order), *(self._by_host(order, event) for event in self._made_reports()))

    def _made_reports(self) -> Iterator[Event]:
        for lot in self.lots.values():
            made = self.report_of(lot).encode()
            yield rp.ReportMade(lot.id, report_digest(made), len(made))

    def _check_score(self, command: EnterScore, order: Order) -> None:
        item = self._cell_item(command)
        opened = self._opened(order, {"/value": command.value, "/reason": command.reason})
        sheet = self.sheet(SeatCode(order.actor), command.lot, item.part)
        if not sheet.takes((command.bid, command.item)):
            raise SheetIsLocked(lot=command.lot, part=item.part)
        revision = sheet.revision((command.bid, command.item))
        if command.revision != revision + 1:
            raise StaleRevision(bid=command.bid, item=command.item, revision=revision)
        check_value(item, opened["/value"], opened["/reason"])

    def _cell_item(self, command: EnterScore) -> Item:
        lot = self._lot(command.lot)
        item = next((one for one in lot.items if one.id == command.item), None)
        if item is None or command.bid not in {bid.id for bid in lot.bids}:
            raise Unknown(bid=command.bid, item=command.item)
        if PART_OF.get(self.stage) is not item.part or (lot.id, item.part) in self.unlocked:
            raise WrongStage(stage=self.stage, command=command.kind, part=item.part)
        if command.bid in self.rejected.get(lot.id, ()):
            raise WrongStage(stage=self.stage, command=command.kind, rejected=command.bid)
        return item

    def _check_lock(self, command: LockSheet, order: Order) -> None:
        lot = self._lot(command.lot)
        if PART_OF.get(self.stage) is not command.part or not items_of(lot, command.part):
            raise WrongStage(stage=self.stage, command=command.kind, part=command.part)
        sheet = self.sheet(SeatCode(order.actor), lot.id, command.part)
        if sheet.locked is not None:
            raise SheetIsLocked(lot=lot.id, part=command.part)
        if sheet.reopened:
            names = tuple(one.event.finding for one in self.findings.open_to(SeatCode(order.actor)))
            raise Unready(Need(NeedCode.FINDINGS, names))
        statement = self._opened(order, {"/statement": command.statement})["/statement"]
        out = self.rejected.get(lot.id, ())
        check_complete(sheet, lot, command.part, out)
        if command.digest != digest_of(sheet.cells):
            raise DigestMismatch(lot=lot.id, part=command.part)
        check_statement(sheet, lot, command.part, out, parse_statement(statement))

    def _check_answer(self, command: AnswerFinding, order: Order) -> None:
        reason = self._opened(order, {"/reason": command.reason})["/reason"]
        seat = SeatCode(order.actor)
        answer = ev.FindingAnswered(command.finding, command.stand, command.reason)
        self.findings.check_answer(answer, seat, reason, self.asked_sheet(command.finding, seat))

    def asked_sheet(self, finding: str, seat: SeatCode) -> Sheet:
        """Return the sheet of a seat that a finding is about."""
        raised = self.findings.raised.get(finding)
        return self.sheet(seat, raised.event.lot, raised.event.part) if raised else Sheet()

    def _unlock(self, command: UnlockGroup, order: Order) -> tuple[Fact, ...]:
        """Ask members what objective items differ on; when there is nothing (more) to ask, open the group view."""
        lot, part = self._lot(command.lot), command.part
        if self.asides.questions.waiting(lot=lot.id):
            raise Unready(Need(NeedCode.QUESTIONS, self.asides.questions.waiting(lot=lot.id)), part=part)
        if not self.ready_to_unlock(lot.id, part):
            raise Unready(Need(NeedCode.UNLOCK, (lot.id,)), part=part)
        sheets = {seat: self.sheet(seat, lot.id, part) for seat in self.experts()}
        out = self.rejected.get(lot.id, ())
        asked = ask_before_unlock(self.findings, lot, part, sheets, out)
        if asked:
            return tuple(self._by_host(order, event) for event in asked)
        locked = tuple(ev.LockedSheet(seat, sheet.locked or "") for seat, sheet in sheets.items())
        told: list[Event] = [ev.GroupUnlocked(lot.id, part, locked)]
        if part is Part.PRELIMINARY:
            told += self._review(lot)
        told += ask_with_unlock(self.findings, lot, part, sheets, out)
        return tuple(self._by_host(order, event) for event in told)

    def _review(self, lot: Lot) -> Iterator[Event]:
        """Yield the result of the preliminary review and what follows from it for the lot."""
        votes = tuple(self._votes(lot))
        yield ev.BidsReviewed(lot.id, votes)
        out = {*self.lost_bids(lot), *(vote.bid for vote in votes if vote.rejected)}
        left = sum(1 for bid in lot.bids if bid.id not in out)
        if not left:
            yield ev.LotFailed(lot.id, ALL_REJECTED, "")
        elif left < self.profile.review.least_valid:
            vote, members = vo.lot_vote(vo.Question.COMPETITION, lot.id), tuple(self.experts())
            options = (vo.REJECT_ALL, vo.GO_ON)
            yield vo.VoteOpened(vote, vo.Question.COMPETITION, lot.id, 1, options, members)
        for seat in self.experts():
            sheet = self.sheet(seat, lot.id, Part.DETAILED)
            if sheet.locked is not None and _lacks_cells(sheet, lot, out):
                yield ev.SheetReopened(seat, lot.id, Part.DETAILED, "bids_changed")

    def _votes(self, lot: Lot) -> Iterator[ev.BidVote]:
        """Yield the vote on each bid: a rejection states its ground, so one item must have the majority."""
        members = self.experts()
        sheets = {seat: self.sheet(seat, lot.id, Part.PRELIMINARY) for seat in members}
        for bid in lot.bids:
            failed = {seat: failed_items(sheets[seat], bid.id) for seat in members}
            seats = {
                item.id: tuple(seat for seat in members if item.id in failed[seat])
                for item in items_of(lot, Part.PRELIMINARY)
            }
            grounds = tuple(ev.Ground(item, against) for item, against in seats.items() if against)
            most = max((len(ground.seats) for ground in grounds), default=0)
            yield ev.BidVote(bid.id, most, len(members), rejected=2 * most > len(members), grounds=grounds)

    # --- the report -----------------------------------------------------------------------------------

    def _check_words(self, command: EditReport | JustifyWarning, order: Order) -> None:
        lot, seat = self._lot(command.lot), SeatCode(order.actor)
        if isinstance(command, EditReport):
            self.reports.check_words(command.text, seat, self.chair)
            return
        _demand_reason(command.reason)
        self.reports.check_words(command.reason, seat, self.chair, rp.MAX_SAID)
        asking = (one.code.value for one in self.problems_of(lot) if one.effect is Effect.ASKS)
        if command.warning not in asking:
            raise rp.NoSuchWarning(lot=lot.id, warning=command.warning[:40])

    def _check_signature(self, command: SignReport | WitnessReport, order: Order) -> None:
        seat = SeatCode(order.actor)
        if isinstance(command, SignReport):
            signed = rp.ReportSigned(command.lot, command.digest, command.stand, command.reason)
            self.reports.check_signature(signed, seat)
        else:
            self.reports.check_witness(rp.ReportWitnessed(command.lot, command.digest), seat)
        self._demand_no_gap(seat)

    def _demand_no_gap(self, seat: SeatCode) -> None:
        """Refuse a signature as long as a recording has a gap that nobody has declared."""
        hole = next(self.coverage.holes(), None)
        if hole is not None:
            raise rp.UndeclaredGap(seat=seat, track=hole.track, from_ms=hole.from_ms, to_ms=hole.to_ms)

    def _check_explanation(self, command: ExplainGap) -> None:
        _demand_reason(command.reason)
        known = ((one.track, one.from_ms, one.to_ms) for one in self.coverage.holes())
        if (command.track, command.from_ms, command.to_ms) not in known:
            raise rp.NoSuchGap(track=command.track[:80], from_ms=command.from_ms, to_ms=command.to_ms)

    def report_of(self, lot: Lot) -> Report:
        """Return a lot's report as the session stands; of one that is signed, `reports.made` has what was signed."""
        size, made = self._drafts.get(lot.id, (-1, None))
        if made is None or size != self.size:
            made = build(self._material(lot))
            self._drafts[lot.id] = (self.size, made)
        return made

    def _material(self, lot: Lot) -> Material:
        admitted = self.ceremony.admitted.items()
        return Material(
            session=self.id,
            tender=self.tender,
            lot=lot,
            rehearsal=self.rehearsal,
            sites=tuple(self.sites.values()),
            seats=tuple(self.seats.values()),
            members=self.experts(),
            chair=self.chair,
            sheets={
                (seat, part): sheet
                for (seat, of, part), sheet in self.sheets.items()
                if of == lot.id and (of, part) in self.unlocked
            },
            findings=self.findings,
            prices=self.prices.get(lot.id),
            ranking=self.rankings.get(lot.id),
            rejected=frozenset(self.rejected.get(lot.id, ())),
            numbers={bid: one.number for bid, one in admitted if one.lot == lot.id},
            windows=self.ceremony.windows,
            marks=self._summed(lot).summed if lot.id in self.rankings else None,
            settled=self.settlement.settled.get(lot.id, ()),
            awarded=self.settlement.awarded.get(lot.id),
            questions=self.asides.questions.all,
            prose=self.reports.prose_of(lot.id),
            justified=self.reports.reasons_of(lot.id),
            earlier=self.reports.earlier(lot.id),
            chronicle=self.chronicle,
            failed=lot.id in self.failed,
            turned_away=self._turned_away(lot) if self.failed.get(lot.id) == NO_PRICE else {},
        )

    def problems_of(self, lot: Lot) -> tuple[Problem, ...]:
        """Return what the checks of a lot's report find as the session stands."""
        checked = Checked(self.report_of(lot), tuple(self.coverage.holes()))
        return lint(checked, self.reports.reasons_of(lot.id))

    def _check_alarm(self, command: CloseAlarm) -> None:
        _demand_reason(command.note)
        if self.alarms.get(command.alarm) is not True:
            raise Unknown(alarm=command.alarm)

    def _check_close(self, command: CloseSession, role: Role) -> None:
        _demand_reason(command.reason)
        if self.asides.complaints.open:
            raise Unready(Need(NeedCode.COMPLAINT, (str(self.asides.complaints.open),)))
        if role is Role.HOST and self.held_open():
            raise Unready(Need(NeedCode.HELD_OPEN))
        if self.stage not in (C, F, X) and self.ceremony.state is not CeremonyState.ABORTED:
            raise Unready(Need(NeedCode.OPENING_ENDED, (self.ceremony.state.value,)))
        if self.disputed:
            raise Unready(Need(NeedCode.AGREEMENT, tuple(sorted(self.disputed))))
        if self.stage is F and self.lacks_signatures():
            raise Unready(*(Need(code, names) for code, names in _needs_signatures(self) if names))
        if self.unappraised():
            raise Unready(Need(NeedCode.APPRAISAL, self.unappraised()))
        at_large = self.ceremony.keys_at_large()
        if at_large:
            raise Unready(Need(NeedCode.KEYS_DESTROYED, at_large))
        still_open = tuple(track for track, record in self.tracks.items() if record.running)
        if still_open:
            raise Unready(Need(NeedCode.TRACK_END, still_open))

    def _record(self, command: RecordFacts, order: Order) -> tuple[Fact, ...]:
        """Take what follows; of the rest, raise the alarm and declare the gap, so that what comes later can follow.

        Raises:
            Refusal: the first one, when nothing is taken and no gap has to be declared.
        """
        report = _Report(order, dict(self.tracks), dict(self.told))
        for one in command.facts:
            try:
                self._check_told(one.body, order.site)
                report.take(one)
            except Refusal as refusal:
                self._refuse_told(one, report, refusal)
        if report.refused is not None and not report.told_anything:
            raise report.refused
        return tuple(report.facts)

    def _check_told(self, event: ev.NodeEvent, node: SiteId) -> None:
        if isinstance(event, ev.SeatLost | ev.SeatReturned | ev.TrackStarted):
            self._check_at_node(event.seat, node)
        if isinstance(event, ev.TrackStarted):
            self._check_track(event)
        if isinstance(event, ev.AlarmRaised) and event.seat:
            self._check_at_node(SeatCode(event.seat), node)
        if isinstance(event, ev.GapDeclared) and event.cause is GapCause.REFUSED:
            raise BrokenRecording(track=event.track, problem="only the journal says what it refused")

    def _refuse_told(self, one: NodeFact, report: "_Report", refusal: Refusal) -> None:
        site, name = report.order.site, report.bridge(one)
        report.refused = report.refused or refusal
        alarm, seat = f"facts-{name or site}", self.tracks[name].seat if name in self.tracks else ""
        if self.alarms.get(alarm) or alarm in report.alarms:
            return
        report.alarms.add(alarm)
        text = f"The journal refused what {site} told of its seats, {one.type}: {refusal}"
        report.facts.append(
            self._by_host(report.order, ev.AlarmRaised(alarm, refusal.code, seat, text[:500]))
        )

    def _check_at_node(self, seat: SeatCode, node: SiteId) -> None:
        if seat not in self.seats or self.seats[seat].node != node:
            raise NotOwner(seat=seat, node=node)

    def _check_track(self, event: ev.TrackStarted) -> None:
        """Demand the seat's own track: its name is the path of its reels."""
        if event.track != track_id(self.seats[event.seat].site, event.seat, event.kind):
            raise NotOwner(seat=event.seat, track=event.track[:80])

    def _note(self, command: NoteFacts, order: Order) -> Iterator[Fact]:
        for one in command.facts:
            if isinstance(one.body, ev.CheckpointCosigned):
                self._check_quorum(one.body)
            yield Fact(one.at, order.site, order.actor, one.body)

    def _check_quorum(self, event: ev.CheckpointCosigned) -> None:
        """Demand a quorum of the session's own witnesses, over entries there are: the group unlock rests on it."""
        known = self.witness_sites().keys() & set(event.witnesses)
        if len(known) < max(self.keys.quorum, 1) or not 0 < event.size <= self.size:
            raise Unready(Need(NeedCode.COSIGNATURES, (str(event.size),)))

    # --- the way from stage to stage ----------------------------------------------------------------

    def _advance(self, command: AdvanceStage, order: Order) -> tuple[Fact, ...]:
        after = TRANSITIONS[self.stage].get(ev.StageChanged)
        if command.before is not self.stage or command.after is not after:
            raise WrongStage(stage=self.stage, command=command.kind, after=command.after)
        missing = self.missing_for(after)
        if missing:
            raise Unready(*missing, stage=self.stage)
        return (_act(command, order), *(self._by_host(order, event) for event in self._entering(after)))

    def _entering(self, after: Stage) -> Iterator[Event]:
        """Yield what the host does by itself when a stage is entered."""
        if after is B:
            yield self._letter()
        if after is E and self.profile.committee.chair and self.chair is None:
            members = tuple(self.experts())
            yield vo.VoteOpened(vo.Question.CHAIR, vo.Question.CHAIR, "", 1, members, members)
        if after is R:
            yield from (event for lot in self.live_lots() for event in self._price(lot))
        if after is S:
            lots = self.live_lots()
            yield from (event for lot in lots for event in self._rank(lot, self.prices[lot.id]))
        if after is N:
            yield from self._made_reports()

    # --- the opening ----------------------------------------------------------------------------------

    def _open_submissions(self, command: OpenSubmissions, order: Order) -> tuple[Fact, ...]:
        """Take bids in: with the notice the plan and the booking are over, if nothing is missing there."""
        if self.rehearsal:
            raise WrongStage(stage=self.stage, command=command.kind, rehearsal="true")
        missing = self.missing_for(V) if self.stage in (L, K) else ()
        if missing:
            raise Unready(*missing, stage=self.stage)
        check(self.ceremony, sf.SubmissionsOpened(command.policy), self._circumstances(order, 0))
        if self.stage not in (L, K, V):
            raise WrongStage(stage=self.stage, command=command.kind)
        steps = ROAD[ROAD.index(self.stage) : ROAD.index(V) + 1]
        changes = (
            self._by_host(order, ev.StageChanged(before, after, "")) for before, after in pairwise(steps)
        )
        return (*changes, _act(command, order))

    def _lead_opening(self, command: OpeningCommand, order: Order) -> tuple[Fact, ...]:
        """Return what the host writes down of an opening, each fact checked after those before it."""
        going_on = self.ceremony.copy()
        facts = []
        for number, act in enumerate(_acts_of(command, going_on, order)):
            self._check_ceremony(act, order, going_on, number)
            fact = Fact(order.at, order.site, _ACTORS.get(type(command), HOST_ACTOR), act)
            self._evolve_ceremony(going_on, fact, self.size + number + 1)
            facts.append(fact)
        return tuple(facts)

    def _admit_dark(self, command: AdmitDarkBids, order: Order) -> tuple[Fact, ...]:
        """Return how bids join a dark lot: each fact with the secret that opens its commitment after the unlock."""
        going_on = self.ceremony.copy()
        facts = []
        for ahead, one in enumerate(command.bids):
            secret = ev.Secret(NUMBER_PATH, one.number, one.nonce)
            act = self._by_host(order, admission(self.id, command.lot, one))
            fact = replace(act, secrets=(secret,))
            self._check_ceremony(fact.event, order, going_on, ahead, one.number)
            self._evolve_ceremony(going_on, fact, self.size + ahead + 1)
            facts.append(fact)
        return tuple(facts)

    def _check_ceremony(
        self,
        act: Event,
        order: Order,
        ceremony: Ceremony | None = None,
        ahead: int = 0,
        number: BidNumber = NO_NUMBER,
    ) -> None:
        if not isinstance(act, CeremonyEvent) or self.rehearsal:
            raise WrongStage(stage=self.stage, command=order.command.kind, rehearsal="true")
        if isinstance(act, sf.KeysDestroyed) and self.rosters_waiting():
            raise Unready(Need(NeedCode.ROSTER, self.rosters_waiting()))
        now = replace(self._circumstances(order, ahead), number=number)
        check(ceremony or self.ceremony, act, now)
        if isinstance(act, sf.WindowClosed) and act.window == self.ceremony.price_window():
            self._demand_price_draws_over()
        if type(act) not in TRANSITIONS[self.stage]:
            raise WrongStage(stage=self.stage, command=order.command.kind)

    def _circumstances(self, order: Order, ahead: int) -> Circumstances:
        size = self.size + ahead
        officers: dict[SiteId, int] = {}
        for seat in self.seats.values():
            if seat.role in OFFICERS:
                officers[seat.site] = officers.get(seat.site, 0) + 1
        return Circumstances(
            at=order.at,
            tender=self.id,
            size=size,
            cosigned=self.cosigned if self.keys.quorum else size,
            gates=self.gates,
            officers=officers,
            lots={lot.id: frozenset(bid.id for bid in lot.bids) for lot in self.lots.values()},
            dark=self.dark_parts(),
            seat=order.actor,
            key=order.command.key if isinstance(order.command, ActAsBidder) else b"",
        )

    def rejected_numbers(self) -> frozenset[BidNumber]:
        """Return the sealed bids that the committee rejected in every lot they stand in."""
        out = {bid for bids in self.rejected.values() for bid in bids}
        admitted = self.ceremony.admitted.items()
        kept = {one.number for bid, one in admitted if bid not in out}
        return frozenset(one.number for _, one in admitted) - kept

    def _evolve_ceremony(self, ceremony: Ceremony, fact: Fact, size: int) -> None:
        if type(fact.event) in CEREMONY_EVENTS and isinstance(fact.event, CeremonyEvent):
            by = (fact.actor, fact.site)
            ceremony.evolve(fact.event, fact.at, size, by, self.rejected_numbers())
        if isinstance(fact.event, sf.DarkBidAdmitted):
            number = BidNumber(fact.secrets[0].value)
            ceremony.admitted[fact.event.bid] = Admitted(fact.event.lot, number)

    # --- draws ------------------------------------------------------------------------------------------

    def _check_draw(self, act: Event, order: Order) -> None:
        if isinstance(act, DrawEvent):
            purpose = act.purpose if isinstance(act, df.DrawDeclared) else self._purpose_of(act)
            fits = self._may_draw(purpose)
            if isinstance(act, df.DrawDeclared):
                self._check_drawable(act)
            draw_rules.check(self.draws, act, self._draw_circumstances(order, stage_fits=fits))
            if isinstance(act, df.DrawDeclared):
                self._check_settling(act)

    def _check_drawable(self, act: df.DrawDeclared) -> None:
        """Demand that a chair is drawn from those the last round left tied, a parameter from the formula's list."""
        if act.purpose is Purpose.CHAIR:
            counted = self.votes.outcomes.get(vo.Question.CHAIR)
            tied = counted.tied if counted and vo.Question.CHAIR not in self.votes.open else ()
            if self.chair is not None or set(act.options) != set(tied):
                raise NotVoidable(act="chair", stage=self.stage, tied=", ".join(tied))
        if act.purpose is Purpose.PRICE_PARAMETER and act.lot in self.lots:
            inputs = {one.name: one.choices for one in self.lots[act.lot].pricing.inputs_of(Per.TENDER)}
            if act.subject in inputs and set(act.options) != set(inputs[act.subject]):
                raise NotVoidable(act=act.subject, stage=self.stage, choices=", ".join(inputs[act.subject]))

    def _check_settling(self, act: df.DrawDeclared) -> None:
        """Demand that a tie is left to a draw and drawn whole, and members' order drawn before their marks are open."""
        if act.purpose is Purpose.TIE and act.lot in self.rankings:
            fits = self._left_to(act.lot, Undecided.DRAW) and self._is_tie(act.lot, act.options)
            if not fits:
                tied = self.award_tied(act.lot) or self.rankings[act.lot].ties
                raise NotVoidable(act="tie", stage=self.stage, tied=", ".join(tied))
        if act.purpose is Purpose.MEMBERS:
            shown = (act.lot, Part.DETAILED) in self.shown
            if act.subject != MEMBERS_SUBJECT or shown:
                raise NotVoidable(act="members", stage=self.stage, subject=MEMBERS_SUBJECT, shown=shown)

    def _is_tie(self, lot: LotId, order: tuple[str, ...]) -> bool:
        """Say whether these bids are all that a vote, or else the ranking's keys, left tied."""
        if tied := self.award_tied(lot):
            return sorted(order) == sorted(tied)
        return settles(self.rankings[lot], tuple(map(BidId, order)))

    def _purpose_of(self, act: DrawEvent) -> Purpose:
        return draw_rules.find(self.draws, act.draw).declared.purpose

    def _may_draw(self, purpose: Purpose) -> bool:
        if purpose is Purpose.PRICE_PARAMETER and not self.rehearsal:
            return self.stage in (L, K, V, U) and not self._prices_unsealed()
        return self.stage in DRAW_STAGES[purpose]

    def _prices_unsealed(self) -> bool:
        """Say whether the window that holds prices was closed: from then on shares come together."""
        ceremony = self.ceremony
        if ceremony.policy is None or ceremony.price_window() not in ceremony.windows:
            return False
        later = ceremony.current != ceremony.price_window()
        return later or ceremony.state is not CeremonyState.UNSEALING

    def _demand_price_draws_over(self) -> None:
        waiting = tuple(
            draw
            for draw in self.draws.open()
            if self.draws.all[draw].declared.purpose is Purpose.PRICE_PARAMETER
        )
        if waiting:
            raise Unready(Need(NeedCode.DRAWS, waiting))

    def _draw_circumstances(self, order: Order, *, stage_fits: bool) -> draw_rules.Circumstances:
        return draw_rules.Circumstances(
            at=order.at,
            session=self.id,
            seat=order.actor,
            seats={seat.code: seat.role for seat in self.seats.values()},
            stage_fits=stage_fits,
            sites=frozenset(site.id for site in self.sites.values() if not site.host),
            bids={lot.id: frozenset(bid.id for bid in lot.bids) for lot in self.lots.values()},
            ties={lot: frozenset(self.award_tied(lot) or one.ties) for lot, one in self.rankings.items()},
            trustees=frozenset(self._share_holders()),
            quorum=self.ceremony.policy.k if self.ceremony.policy else 0,
            gathered=df.RosterUnsealed in TRANSITIONS[self.stage],
        )

    def _share_holders(self) -> tuple[str, ...]:
        """List who holds shares under a policy that every trustee has signed; nobody when a quorum has no keys left."""
        ceremony, policy = self.ceremony, self.ceremony.policy
        if policy is None or not policy.n or ceremony.state is CeremonyState.DRAFTED:
            return ()
        left = tuple(one.name for one in policy.trustees if one.name not in ceremony.destroyed)
        return left if len(left) >= policy.k else ()

    def rosters_waiting(self) -> tuple[str, ...]:
        """List the sealed rosters that people may still come in by: the trustees' keys are needed for them."""
        over = self.ceremony.state is CeremonyState.ABORTED or self.stage not in ROAD[: ROAD.index(D) + 1]
        return () if over else self.draws.sealed_rosters()

    def _unseal_roster(self, command: UnsealRoster, order: Order) -> tuple[Fact, ...]:
        act = df.RosterUnsealed(command.draw, command.sha256, command.trustees)
        self._check_draw(act, order)
        if df.RosterUnsealed not in TRANSITIONS[self.stage]:
            raise WrongStage(stage=self.stage, command=command.kind)
        return (self._by_host(order, act),)

    def _reveal(self, command: RevealDraw, order: Order) -> tuple[Fact, ...]:
        """Return the reveal, and with the last one the result that follows from it."""
        fact = _act(command, order)
        self._check_draw(fact.event, order)
        draw = self.draws.all[command.draw]
        values = {**draw.values, SeatCode(order.actor): command.value}
        if len(values) < len(draw.declared.parties):
            return (fact,)
        made = draw.result(values)
        told: list[Event] = [made]
        if draw.declared.purpose is Purpose.CHAIR and self.stage is E:
            told.append(vo.ChairElected(SeatCode(made.drawn[0]), "draw"))
        if draw.declared.purpose is Purpose.TIE:
            told += self._settle_by_draw(draw.declared.lot, made.drawn)
        return (fact, *(self._by_host(order, event) for event in told))

    def _void(self, command: VoidDraw, order: Order) -> tuple[Fact, ...]:
        act = df.DrawVoided(command.draw, draw_rules.find(self.draws, command.draw).awaited())
        self._check_draw(act, order)
        return (self._by_host(order, act),)

    def _by_host(self, order: Order, event: Event) -> Fact:
        return Fact(order.at, self.host_site, HOST_ACTOR, event)

    def next_stage(self) -> Stage | None:
        """Return the stage after this one, None at the end."""
        return TRANSITIONS[self.stage].get(ev.StageChanged)

    def missing_for(self, after: Stage) -> tuple[Need, ...]:
        """List what must still happen before `after` can be entered."""
        waited = (
            *(_NEEDED[after](self) if after in _NEEDED else ()),
            (NeedCode.DRAWS, self.draws.open()),
            (NeedCode.QUESTIONS, self.asides.questions.waiting(self.failed)),
            *self._arrival_needs(after),
        )
        return tuple(Need(code, names) for code, names in waited if names)

    def prices_of(self, lot: Lot) -> dict[BidId, int]:
        """Return the prices, in fen, of a lot's bids that are still in, corrected where two persons corrected one."""
        read = self.ceremony.prices
        return {
            bid.id: self.corrected.get(
                (lot.id, bid.id), self.bids[bid.id].price_fen if self.rehearsal else read[bid.id]
            )
            for bid in lot.bids
            if bid.id not in self.rejected.get(lot.id, ())
        }

    def _price(self, lot: Lot) -> tuple[Event, ...]:
        """Open a lot's prices and run the kernel; a lot in which no price is admissible fails."""
        fen = self.prices_of(lot)
        opened = ev.PricesOpened(
            lot.id, tuple(ev.OpenedPrice(bid, price) for bid, price in sorted(fen.items()))
        )
        try:
            return (opened, self._compute(lot, fen))
        except NothingToPrice:
            return (opened, ev.LotFailed(lot.id, NO_PRICE, ""))

    def _compute(self, lot: Lot, fen: Mapping[BidId, int]) -> ev.PricesComputed:
        marks = self._summed(lot).marks if needs_marks(lot) else None
        return compute(lot, fen, marks, self._drawn_values(lot))

    def _turned_away(self, lot: Lot) -> Mapping[str, str]:
        """Return the rule of the formula that put each bid of a lot out, in which no price is admissible."""
        marks = self._summed(lot).marks if needs_marks(lot) else None
        return inadmissible(lot, self.prices_of(lot), marks, self._drawn_values(lot))

    def _drawn_values(self, lot: Lot) -> dict[str, str]:
        """Return the price parameters drawn for a lot, by the name of the formula's input."""
        drawn = {
            one.name: self.draws.drawn(Purpose.PRICE_PARAMETER, lot.id, one.name)
            for one in lot.pricing.inputs_of(Per.TENDER)
            if one.choices
        }
        return {name: values[0] for name, values in drawn.items() if values}

    def _summed(self, lot: Lot) -> CommitteeMarks:
        """Sum up the committee's marks of a lot's bids that are still in, trimmed and rounded as the tender says."""
        sheets = {seat: self.sheet(seat, lot.id, Part.DETAILED) for seat in self.experts()}
        out = self.rejected.get(lot.id, ())
        bids = [bid.id for bid in lot.bids if bid.id not in out]
        return committee_marks(lot, sheets, bids, self._order_of_members(lot))

    def _order_of_members(self, lot: Lot) -> list[str]:
        """Return the members as they were drawn, where they were, then by seat."""
        drawn = self.draws.drawn(Purpose.MEMBERS, lot.id, MEMBERS_SUBJECT)
        return list(dict.fromkeys((*drawn, *self.experts())))

    def _rank(self, lot: Lot, prices: ev.PricesComputed, settled: tuple[BidId, ...] = ()) -> Iterator[Event]:
        """Yield the marks where they are more than means, the ranking, and the vote on the award once no tie is left."""
        done = self._summed(lot)
        if done.summed is not None:
            yield done.summed
        ranking = rank(lot, done.marks, prices, self.rejected.get(lot.id, ()), settled)
        yield ranking
        if lot.summary.award is Award.VOTE and not contested(ranking):
            yield from self._open_award(lot, ranking)

    def _open_award(self, lot: Lot, ranking: ev.RankingComputed) -> Iterator[Event]:
        """Let the committee vote among the candidates; a single one needs no vote."""
        candidates = tuple(row.bid for row in ranking.rows if row.candidate)
        if len(candidates) == 1:
            yield LotAwarded(lot.id, candidates[0], Settler.RANKING)
        elif candidates:
            vote, members = vo.lot_vote(vo.Question.AWARD, lot.id), tuple(self.experts())
            yield vo.VoteOpened(vote, vo.Question.AWARD, lot.id, 1, candidates, members)

    # --- what keys and votes leave tied -------------------------------------------------------------

    def award_tied(self, lot: LotId) -> tuple[str, ...]:
        """Return the candidates that the last round of the vote on a lot's award left tied, until that is settled."""
        if lot in self.settlement.awarded:
            return ()
        return self.votes.left_tied(vo.lot_vote(vo.Question.AWARD, lot))

    def _left_to(self, lot: LotId, settler: Undecided) -> bool:
        """Say whether a lot has a ranking whose ties the tender leaves to a draw, or to the tenderer."""
        return lot in self.rankings and self._lot(lot).pricing.undecided is settler

    def _settle(self, lot: Lot, order: tuple[BidId, ...], by: Settler) -> Iterator[Event]:
        yield TieSettled(lot.id, order, by)
        yield from self._rank(lot, self.prices[lot.id], (*self.settlement.settled.get(lot.id, ()), *order))

    def _settle_by_draw(self, lot: LotId, drawn: tuple[str, ...]) -> Iterator[Event]:
        """Yield what a draw settles; nothing when what was tied is so no more, by a price corrected meanwhile."""
        order = tuple(map(BidId, drawn))
        if lot not in self.rankings or not self._is_tie(lot, drawn):
            return
        if self.award_tied(lot):
            yield LotAwarded(lot, order[0], Settler.DRAW)
        else:
            yield from self._settle(self._lot(lot), order, Settler.DRAW)

    # --- reading ------------------------------------------------------------------------------------

    @property
    def host_site(self) -> SiteId:
        """Name the leading site."""
        return next((site.id for site in self.sites.values() if site.host), SiteId(""))

    def experts(self) -> list[SeatCode]:
        """List the members of the committee, in the order of their seat codes."""
        return sorted(self.members)

    def reserves(self) -> list[SeatCode]:
        """List the reserve seats that may still take a member's place, in the order of the session's seats."""
        seats = (seat for seat in self.seats.values() if seat.role is Role.EXPERT)
        return [seat.code for seat in seats if seat.code not in self.left and seat.code not in self.members]

    def live_lots(self) -> list[Lot]:
        """List the lots that have not failed, in the tender's order."""
        return [lot for lot in self.lots.values() if lot.id not in self.failed]

    def lost_bids(self, lot: Lot) -> set[BidId]:
        """Return the bids of a lot that a window of the opening lost after they were admitted."""
        lost = {one.number for one in self.ceremony.admitted.values()} - set(self.ceremony.standing())
        admitted = self.ceremony.admitted
        return {bid.id for bid in lot.bids if bid.id in admitted and admitted[bid.id].number in lost}

    def sheet(self, seat: SeatCode, lot: LotId, part: Part) -> Sheet:
        """Return a sheet as it stands; one nobody has touched is empty."""
        return self.sheets.get((seat, lot, part)) or Sheet()

    def dark_parts(self) -> dict[LotId, tuple[PartName, ...]]:
        """Return the dark parts of each dark lot, as long as nobody may know whose bids they are.

        All lots end being dark together: a bid has one document for all of its lots.
        """
        return {} if self.named_at else {lot.id: lot.dark for lot in self.lots.values() if lot.dark}

    def dark_lots_unlocked(self) -> bool:
        """Say whether the technical sheets of every dark lot that has not failed are unlocked; of none, never."""
        live = [lot.id for lot in self.live_lots() if lot.dark]
        return bool(live) and all((lot, Part.DETAILED) in self.unlocked for lot in live)

    def open_parts(self) -> list[tuple[LotId, Part]]:
        """List the lots and the part whose sheets this stage is about, still to be unlocked."""
        part = PART_OF.get(self.stage)
        if part is None:
            return []
        return [(lot.id, part) for lot in self.live_lots() if self._awaits(lot, part)]

    def _awaits(self, lot: Lot, part: Part) -> bool:
        return bool(items_of(lot, part)) and (lot.id, part) not in self.unlocked

    def ready_to_unlock(self, lot: LotId, part: Part) -> bool:
        """Say whether every sheet of the part is locked and cosigned by a quorum, and no bidder's answer is awaited."""
        locked = all(self.sheet(seat, lot, part).locked is not None for seat in self.experts())
        asking = self.asides.questions.waiting(lot=lot)
        drawn = part is not Part.DETAILED or not self.lacks_order(self.lots[lot])
        ready = locked and drawn and not asking and self.lock_is_cosigned()
        return (lot, part) in self.open_parts() and ready

    def lacks_order(self, lot: Lot) -> bool:
        """Say whether an order of the members must still be drawn, before anybody knows whose spread is the widest."""
        needed = lot.summary.draws_widest(len(self.members))
        return needed and not self.draws.drawn(Purpose.MEMBERS, lot.id, MEMBERS_SUBJECT)

    def witness_sites(self) -> dict[str, SiteId]:
        """Return the site of each witness by the name of its key, the part of a vkey before the first `+`."""
        return {one.vkey.partition("+")[0]: one.site for one in self.keys.witnesses}

    def lock_is_cosigned(self) -> bool:
        """Say whether a quorum has cosigned the journal beyond the last lock; without witnesses it has."""
        return self.keys.quorum == 0 or self.cosigned >= self.last_lock

    def cells_in(self, lot: LotId, part: Part) -> int:
        """Count the cells of a complete sheet."""
        return len(keys_of(self.lots[lot], part, self.rejected.get(lot, ())))

    def report_digest(self, lot: LotId) -> str:
        """Return the digest that is signed for a lot: SHA-256 of its report's canonical JSON; empty before it is made."""
        made = self.reports.made.get(lot)
        return made.sha256 if made else ""

    def results_digest(self) -> str:
        """Return what a statement on a complaint names: SHA-256 over the rankings of all lots, in the tender's order."""
        rankings = [to_json(self.rankings[lot.id]) for lot in self.tender.lots if lot.id in self.rankings]
        return hashlib.sha256(canonical(rankings)).hexdigest()

    def signatories(self) -> list[SeatCode]:
        """List the members who stand to the reports: all; of a tender that failed early, who had accepted the commitment."""
        return [seat for seat in self.experts() if self.stage is not F or seat in self.accepted]

    def unsigned(self) -> tuple[tuple[LotId, SeatCode], ...]:
        """List who has not said how they stand to which lot's report, of lots that failed, too."""
        return self.reports.missing(self.lots, self.signatories())

    def lacks_signatures(self) -> bool:
        """Say whether somebody still has to sign or witness a report, or a gap to be declared before they can."""
        return any(names for _, names in _needs_signatures(self))

    def filming(self) -> bool:
        """Say whether seats are filmed: until the evaluation is over, of a failed tender until its members have signed.

        87号令 article 39 has the whole review recorded; what a committee signs belongs to it.
        """
        return self.stage not in OVER or (self.stage is F and bool(self.unsigned()))

    def witnesses_missing(self) -> tuple[str, ...]:
        """List, with the lot where there are several, the sub-sites and regulators whose witness a report still lacks."""
        lots = list(self.lots)
        there = {(lot, self.seats[seat].site) for lot, seat in self.reports.witnessed if seat in self.seats}
        desks = {one.site for one in self.seats.values() if one.role is Role.SITE_OPERATOR}
        sites = [
            _by_lot(self, lot, site) for lot in lots for site in sorted(desks) if (lot, site) not in there
        ]
        officers = [one.code for one in self.seats.values() if one.role is Role.REGULATOR]
        seen = self.reports.witnessed
        people = [_by_lot(self, lot, one) for lot in lots for one in officers if (lot, one) not in seen]
        return (*sites, *people)

    def held_open(self) -> bool:
        """Say whether a concluded session waits for its operator to close it, open for complaints."""
        return self.stage is C and (self.profile.complaint.hold or self.asides.complaints.open > 0)

    def _lot(self, lot: LotId) -> Lot:
        if lot not in self.lots:
            raise Unknown(lot=lot)
        return self.lots[lot]

    def _opened(self, order: Order, commitments: Mapping[str, ev.Commitment]) -> dict[str, str]:
        if sorted(secret.path for secret in order.secrets) != sorted(commitments):
            raise SecretsMismatch(expected=len(commitments), got=len(order.secrets))
        for secret in order.secrets:
            self._check_secret(secret, commitments[secret.path], order.cmd or "")
        return {secret.path: secret.value for secret in order.secrets}

    def _check_secret(self, secret: ev.Secret, commitment: ev.Commitment, cmd: str) -> None:
        nonce = bytes.fromhex(secret.nonce) if _NONCE.fullmatch(secret.nonce) else b""
        try:
            check_opening(commitment.commit, nonce, self.id, cmd, secret.path, secret.value)
        except (BadNonce, OpeningMismatch):
            raise SecretsMismatch(path=secret.path) from None

    # --- evolve -------------------------------------------------------------------------------------

    def evolve(self, fact: Fact) -> None:
        """Take one fact into the state; no rule is checked beyond the stage table.

        Raises:
            IllegalStep, BrokenCeremony, BrokenDraw: the table has no such event in this stage or state.
        """
        stage = self._step(fact.event)
        self._evolve_ceremony(self.ceremony, fact, self.size + 1)
        if stage is not self.stage:
            self.approvals.lapse(stage)
        if type(fact.event) in DRAW_EVENTS and isinstance(fact.event, DrawEvent):
            self.draws.evolve(fact.event, self.id, fact.actor)
        if type(fact.event) in ASIDE_EVENTS:
            self.asides.evolve(fact, stage, _fault_limit(self.profile, stage))
        if type(fact.event) in KEPT:
            self.chronicle.append(kept(fact))
        self.stage = stage
        self.size += 1
        change = _CHANGES.get(type(fact.event))
        if change is not None:
            change(self, fact)

    def _step(self, event: Event) -> Stage:
        kind = type(event)
        if (kind is ev.SessionOpened) != (self.size == 0) or self.closed:
            raise IllegalStep(stage=self.stage, event=kind.__name__, size=self.size)
        if kind is ev.SessionOpened or kind in ANYTIME:
            return self.stage
        if isinstance(event, ev.SteppedBack | ev.ExpertReplaced):
            allowed = RETURNS[kind].get(self.stage, frozenset())
            if event.before is not self.stage or event.after not in allowed:
                raise IllegalStep(stage=self.stage, event=kind.__name__)
            return event.after
        after = TRANSITIONS[self.stage].get(kind)
        told = (event.before, event.after) if isinstance(event, ev.StageChanged) else (self.stage, after)
        if after is None or told != (self.stage, after):
            raise IllegalStep(stage=self.stage, event=kind.__name__)
        return after


@dataclass(slots=True)
class _Report:
    """A node's facts on their way into the journal, and how its tracks stand after those taken so far."""

    order: Order
    tracks: dict[TrackId, TrackRecord]
    told: dict[TrackId, int]
    facts: list[Fact] = field(default_factory=list)
    alarms: set[str] = field(default_factory=set)
    refused: Refusal | None = None
    told_anything: bool = False

    def take(self, one: NodeFact, by: str = "") -> None:
        """Take a fact that follows; raise what says why it does not."""
        site = self.order.site
        if isinstance(one.body, ev.RecordingEvent):
            track = one.body.track
            self.tracks[track] = next_record(self.tracks.get(track), one.body, site)
            self.told[track] = one.at
        self.facts.append(Fact(one.at, site, by or self.order.actor, one.body))
        self.told_anything = True

    def bridge(self, one: NodeFact) -> TrackId | None:
        """Name the track of this node that a refused fact is about, and declare the gap if it is running."""
        event = one.body
        record = self.tracks.get(event.track) if isinstance(event, ev.RecordingEvent) else None
        if not isinstance(event, ev.RecordingEvent) or record is None or record.node != self.order.site:
            return None
        if record.running:
            gap = gap_for(event, self.told[event.track], one.at)
            self.take(NodeFact(one.at, type(gap).__name__, gap), HOST_ACTOR)
        return event.track


def _set_opened(session: Session, fact: Fact) -> None:
    event = fact.event
    if isinstance(event, ev.SessionOpened):
        session.id, session.tender, session.keys = event.session, event.tender, event.keys
        session.rehearsal = event.rehearsal
        session.profile = parse_profile(event.profile)
        session.approvals.both = session.profile.clarification.approval == "both"
        session.stage = G if event.rehearsal else L
        session.sites = {site.id: site for site in event.sites}
        session.seats = {seat.code: seat for seat in event.seats}
        session.lots = {lot.id: lot for lot in event.tender.lots}
        seats = (seat for seat in event.seats if seat.role is Role.EXPERT and not seat.reserve)
        session.members = [seat.code for seat in seats]


def _set_paused(session: Session, fact: Fact) -> None:
    session.paused = isinstance(fact.event, ev.SessionPaused)


def _set_aborted(session: Session, _: Fact) -> None:
    """End a pause with the session: nothing is left to resume, and a paused session could not be closed."""
    session.paused = False


def _set_closed(session: Session, _: Fact) -> None:
    session.closed = True


def _keep_bid(session: Session, fact: Fact) -> None:
    event = fact.event
    if isinstance(event, ev.BidImported):
        fen = int(fact.secrets[0].value)
        session.bids[event.bid] = ImportedBid(event.bidder, fen, event.sha256, event.bytes, event.pages)


def _keep_closed_list(session: Session, _: Fact) -> None:
    session.gates[FIRST_GATE] = session.size


def _keep_admitted(session: Session, fact: Fact) -> None:
    """Let an opened bid join its lot, in the tender too."""
    event = fact.event
    if isinstance(event, sf.BidAdmitted):
        lot = session.lots[event.lot]
        _replace_lot(session, replace(lot, bids=(*lot.bids, Bid(event.bid, event.bidder))))


def _keep_dark(session: Session, fact: Fact) -> None:
    """Let a bid join its lot by its code alone: whose it is stands in the ceremony, where no page reads."""
    event = fact.event
    if isinstance(event, sf.DarkBidAdmitted):
        lot = session.lots[event.lot]
        _replace_lot(session, replace(lot, bids=(*lot.bids, Bid(event.bid, ""))))


def _name_dark_bids(session: Session) -> None:
    """Name the bidders of all dark lots once the technical sheets of the last one that is still in are unlocked."""
    dark = session.dark_parts()
    if not dark or not session.dark_lots_unlocked():
        return
    session.named_at = session.size
    for lot in dark:
        named = tuple(
            replace(bid, bidder=session.ceremony.bidder_of(session.ceremony.admitted[bid.id].number))
            for bid in session.lots[lot].bids
        )
        _replace_lot(session, replace(session.lots[lot], bids=named))


def _replace_lot(session: Session, lot: Lot) -> None:
    session.lots[lot.id] = lot
    session.tender = replace(session.tender, lots=tuple(session.lots[one.id] for one in session.tender.lots))


def _keep_recorded(session: Session, fact: Fact) -> None:
    """Take bids out of the evaluation that a later window could not open."""
    event = fact.event
    if isinstance(event, sf.OpeningRecorded):
        told = session.ceremony.windows[event.window].verdicts
        for bid, one in session.ceremony.admitted.items():
            lost = one.number in told and told[one.number].verdict is not sf.Verdict.OPENED
            if lost and bid not in session.rejected.get(one.lot, ()):
                session.rejected[one.lot] = (*session.rejected.get(one.lot, ()), bid)


def _keep_booking(session: Session, fact: Fact) -> None:
    match fact.event:
        case ev.BookingConfirmed(site=site):
            session.booked.add(site)
        case ev.BookingDeclined(site=site):
            session.booked.discard(site)
        case _:
            pass


def _keep_settlement(session: Session, fact: Fact) -> None:
    if isinstance(fact.event, MarksSummed | TieSettled | LotAwarded):
        session.settlement.evolve(fact.event)


def _void_award(session: Session, lot: LotId) -> None:
    """Void what was settled and voted on a lot's ranking."""
    session.settlement.void(lot)
    session.votes.drop(vo.lot_vote(vo.Question.AWARD, lot))


def _keep_approval(session: Session, fact: Fact) -> None:
    if isinstance(fact.event, ap.ApprovalEvent):
        seat = SeatCode(fact.actor)
        role, regulator = session.seats[seat].role, session.has_regulator()
        session.approvals.evolve(fact.event, seat, session.stage, role=role, regulator=regulator)


def _keep_vote(session: Session, fact: Fact) -> None:
    event = fact.event
    if isinstance(event, vo.VoteEvent):
        choice = fact.secrets[0].value if fact.secrets else ""
        session.votes.evolve(event, SeatCode(fact.actor), choice)
    if isinstance(event, vo.ChairElected):
        session.chair = event.seat


def _keep_failure(session: Session, fact: Fact) -> None:
    """Take a lot out; if it was the last whose technical sheets were awaited, what waits for them goes on."""
    if isinstance(fact.event, ev.LotFailed):
        session.failed[fact.event.lot] = fact.event.ground
        _void_award(session, fact.event.lot)
        seen = any((lot.id, Part.DETAILED) in session.unlocked for lot in session.live_lots())
        if session.stage is D and seen and not session.open_parts():
            session.gates.setdefault(SHEETS_GATE, session.size)
        _name_dark_bids(session)


def _keep_correction(session: Session, fact: Fact) -> None:
    event = fact.event
    if isinstance(event, ev.PriceCorrected):
        session.corrected[event.lot, event.bid] = event.price_fen
        _void_award(session, event.lot)


def _keep_recusal(session: Session, fact: Fact) -> None:
    if isinstance(fact.event, ev.ExpertRecused):
        session.recused.add(fact.event.seat)


def _keep_replacement(session: Session, fact: Fact) -> None:
    """Take the leaver's conclusions out of everything, and with them what was built on them."""
    event = fact.event
    if not isinstance(event, ev.ExpertReplaced):
        return
    session.members = [event.newcomer if seat == event.seat else seat for seat in session.members]
    session.left.add(event.seat)
    session.recused.discard(event.seat)
    session.accepted.discard(event.seat)
    session.sheets = {key: sheet for key, sheet in session.sheets.items() if key[0] != event.seat}
    session.votes.void(event.seat)
    if session.chair == event.seat:
        session.chair = None
    if event.after is not event.before:
        session.rounds += 1
    _void_conclusions(session, P, fact.at)


def _keep_step_back(session: Session, fact: Fact) -> None:
    """Void what was concluded from the stage on that the session goes back to; its own sheets are open again."""
    event = fact.event
    if not isinstance(event, ev.SteppedBack):
        return
    session.rounds += 1
    part = PART_OF.get(event.after)
    for key, sheet in list(session.sheets.items()):
        if key[2] is part:
            sheet.locked = None
        elif event.after is P:
            del session.sheets[key]
    _void_conclusions(session, event.after, fact.at)


def _void_conclusions(session: Session, stage: Stage, at: int) -> None:
    """Void every conclusion that rests on `stage` or a later one; `at` UTC ms."""
    session.asides.void(stage)
    if stage is P:
        session.rejected = {
            lot.id: tuple(bid.id for bid in lot.bids if bid.id in session.lost_bids(lot))
            for lot in session.lots.values()
        }
        session.failed = {lot: ground for lot, ground in session.failed.items() if ground not in CONCLUDED_SO}
        session.unlocked.clear()
        _void_findings(session, None, None)
    if stage is D:
        _void_findings(session, None, Part.DETAILED)
        session.unlocked = {one for one in session.unlocked if one[1] is not Part.DETAILED}
    if stage in (P, D, R):
        session.prices.clear()
    if stage in (P, D, R, S):
        session.rankings.clear()
        session.settlement.void()
        session.votes.drop_all(vo.Question.AWARD)
    session.reports.void(at, reasons=stage is not T)


def _void_findings(session: Session, lot: LotId | None, part: Part | None) -> None:
    """Void what was asked about sheets that are open again as a whole, of one lot and part or of all (None)."""
    session.findings.void(lot, part)
    for (_, of, about), sheet in session.sheets.items():
        if lot in (None, of) and part in (None, about):
            sheet.reopened = None


def _keep_reopened(session: Session, fact: Fact) -> None:
    """Open a sheet again; the group sees each other's values no more until all are locked again."""
    event = fact.event
    if isinstance(event, ev.SheetReopened):
        sheet = session.sheets.setdefault((event.seat, event.lot, event.part), Sheet())
        sheet.locked = None
        session.unlocked.discard((event.lot, event.part))
        _void_findings(session, event.lot, event.part)


def _keep_people(session: Session, fact: Fact) -> None:
    event = fact.event
    if isinstance(event, ci.ArrivalEvent):
        session.arrivals.evolve(event)
    elif isinstance(event, pl.PledgeEvent):
        session.pledge.evolve(event)
    elif isinstance(event, aa.AppraisalEvent):
        session.appraisals.evolve(event)


def _keep_site(session: Session, fact: Fact) -> None:
    match fact.event:
        case ev.SiteLost(site=site):
            session.lost.add(site)
        case ev.SiteReturned(site=site):
            session.lost.discard(site)
        case _:
            pass


def _keep_seat(session: Session, fact: Fact) -> None:
    match fact.event:
        case ev.SeatJoined(seat=seat, key=key):
            session.seat_keys[seat] = key
            session.arrivals.take_joined(seat)
        case ev.SeatTested(seat=seat, results=results):
            session.tested[seat] = results
        case ev.DisciplineAccepted(seat=seat):
            session.accepted.add(seat)
        case _:
            pass


def _keep_score(session: Session, fact: Fact) -> None:
    event = fact.event
    if not isinstance(event, ev.ScoreEntered):
        return
    # The hot path of a fold, 40,500 times in a large session: nothing is made here that is not kept.
    one, other = fact.secrets
    value, reason = (one, other) if one.path == "/value" else (other, one)
    key = (SeatCode(fact.actor), event.lot, PART_OF[session.stage])
    sheet = session.sheets.get(key)
    if sheet is None:
        sheet = session.sheets[key] = Sheet()
    sheet.cells[(event.bid, event.item)] = Cell(
        event.revision, value.value, reason.value, event.value.commit, event.reason.commit
    )


def _keep_lock(session: Session, fact: Fact) -> None:
    event = fact.event
    if isinstance(event, ev.SheetLocked):
        sheet = session.sheets.setdefault((SeatCode(fact.actor), event.lot, event.part), Sheet())
        sheet.locked = event.digest
        session.last_lock = session.size


def _keep_finding(session: Session, fact: Fact) -> None:
    event, seat = fact.event, SeatCode(fact.actor)
    if isinstance(event, ev.FindingRaised):
        lot, part = event.lot, event.part
        sheets = {one: session.sheets.setdefault((one, lot, part), Sheet()) for one in event.seats}
        session.findings.take_raised(event, sheets)
    elif isinstance(event, ev.FindingAnswered):
        opened = {secret.path: secret.value for secret in fact.secrets}
        sheet = session.asked_sheet(event.finding, seat)
        session.findings.take_answer(event, seat, opened["/reason"], sheet)


def _keep_result(session: Session, fact: Fact) -> None:
    match fact.event:
        case ev.GroupUnlocked(lot=lot, part=part):
            session.unlocked.add((lot, part))
            session.shown.add((lot, part))
            if part is Part.DETAILED and not session.open_parts():
                session.gates[SHEETS_GATE] = session.size
            _name_dark_bids(session)
        case ev.BidsReviewed(lot=lot, votes=votes):
            lost = session.lost_bids(session.lots[lot])
            out = {*lost, *(vote.bid for vote in votes if vote.rejected)}
            session.rejected[lot] = tuple(bid.id for bid in session.lots[lot].bids if bid.id in out)
        case ev.PricesOpened(prices=opened):
            session.priced |= {one.bid for one in opened}
        case ev.PricesComputed(lot=lot) as prices:
            session.prices[lot] = prices
        case ev.RankingComputed(lot=lot) as ranking:
            session.rankings[lot] = ranking
        case _:
            pass


def _keep_report(session: Session, fact: Fact) -> None:
    event, made = fact.event, b""
    if isinstance(event, rp.ReportMade):
        made = session.report_of(session.lots[event.lot]).encode()
    if isinstance(event, rp.ReportEvent):
        session.reports.take(event, SeatCode(fact.actor), fact.at, made)


def _keep_recording(session: Session, fact: Fact) -> None:
    if isinstance(fact.event, ev.RecordingEvent | rp.GapExplained):
        session.coverage.take(fact.event)
    if isinstance(fact.event, ev.RecordingEvent):
        track = fact.event.track
        session.tracks[track] = next_record(session.tracks.get(track), fact.event, fact.site)
        session.told[track] = fact.at


def _keep_alarm(session: Session, fact: Fact) -> None:
    match fact.event:
        case ev.AlarmRaised(alarm=alarm):
            session.alarms[alarm] = True
        case ev.AlarmClosed(alarm=alarm):
            session.alarms[alarm] = False
        case _:
            pass


def _keep_witness(session: Session, fact: Fact) -> None:
    match fact.event:
        case ev.CheckpointCosigned(size=size, witnesses=witnesses):
            session.cosigned = max(session.cosigned, size)
            sites = session.witness_sites()
            session.disputed -= {sites[name] for name in witnesses if name in sites}
        case ev.WitnessRefused(site=site):
            session.disputed.add(site)
        case _:
            pass


_CHANGES: Mapping[type[Event], Callable[[Session, Fact], None]] = {
    ev.SessionOpened: _set_opened,
    ev.SessionPaused: _set_paused,
    ev.SessionResumed: _set_paused,
    ev.SessionAborted: _set_aborted,
    ev.SessionClosed: _set_closed,
    ev.BidImported: _keep_bid,
    sf.BidsClosed: _keep_closed_list,
    sf.BidAdmitted: _keep_admitted,
    sf.DarkBidAdmitted: _keep_dark,
    sf.OpeningRecorded: _keep_recorded,
    ev.SeatJoined: _keep_seat,
    ev.SeatTested: _keep_seat,
    ev.DisciplineAccepted: _keep_seat,
    ev.ScoreEntered: _keep_score,
    ev.SheetLocked: _keep_lock,
    ev.FindingRaised: _keep_finding,
    ev.FindingAnswered: _keep_finding,
    ev.SheetReopened: _keep_reopened,
    ev.BookingConfirmed: _keep_booking,
    ev.BookingDeclined: _keep_booking,
    ev.ExpertRecused: _keep_recusal,
    ev.ExpertReplaced: _keep_replacement,
    ev.SteppedBack: _keep_step_back,
    ev.LotFailed: _keep_failure,
    ev.PriceCorrected: _keep_correction,
    ev.SiteLost: _keep_site,
    ev.SiteReturned: _keep_site,
    ap.Proposed: _keep_approval,
    ap.Approved: _keep_approval,
    ap.Vetoed: _keep_approval,
    vo.VoteOpened: _keep_vote,
    vo.BallotCast: _keep_vote,
    vo.VoteCounted: _keep_vote,
    vo.BallotsShown: _keep_vote,
    vo.ChairElected: _keep_vote,
    MarksSummed: _keep_settlement,
    TieSettled: _keep_settlement,
    LotAwarded: _keep_settlement,
    ev.GroupUnlocked: _keep_result,
    ev.BidsReviewed: _keep_result,
    ev.PricesOpened: _keep_result,
    ev.PricesComputed: _keep_result,
    ev.RankingComputed: _keep_result,
    rp.ReportEdited: _keep_report,
    rp.WarningJustified: _keep_report,
    rp.ReportMade: _keep_report,
    rp.ReportSigned: _keep_report,
    rp.AgreementDeemed: _keep_report,
    rp.ReportWitnessed: _keep_report,
    rp.GapExplained: _keep_recording,
    ev.TrackStarted: _keep_recording,
    ev.FormatChanged: _keep_recording,
    ev.FragmentRecorded: _keep_recording,
    ev.GapDeclared: _keep_recording,
    ev.ReelClosed: _keep_recording,
    ev.TrackEnded: _keep_recording,
    ev.ClockMapped: _keep_recording,
    ev.AlarmRaised: _keep_alarm,
    ev.AlarmClosed: _keep_alarm,
    ev.CheckpointCosigned: _keep_witness,
    ev.WitnessRefused: _keep_witness,
    **dict.fromkeys(PEOPLE, _keep_people),
}
"""Event to the change it makes; events that only inform have none."""


def _fault_limit(profile: Profile, stage: Stage) -> int:
    """Return how long a fault of a stage may last, in ms."""
    return (profile.fault.before_start if stage in fa.BEFORE else profile.fault.during).ms


_Waited = Iterator[tuple[NeedCode, tuple[str, ...]]]


def _needs_closed_list(session: Session) -> _Waited:
    state = session.ceremony.state
    yield NeedCode.CLOSED_BIDS, () if state is CeremonyState.CLOSED else (state.value,)


def _needs_opened_bids(session: Session) -> _Waited:
    ceremony = session.ceremony
    first = ceremony.terms.windows[0].name
    if not ceremony.recorded(first) or ceremony.state is CeremonyState.ABORTED:
        yield NeedCode.OPENING_RECORD, (first,)
        return
    opened = ceremony.standing()
    needed = max(1, ceremony.terms.min_bids)
    yield NeedCode.VALID_BIDS, () if len(opened) >= needed else (str(len(opened)), str(needed))
    admitted = {one.number for one in ceremony.admitted.values()}
    empty = tuple(lot.id for lot in session.lots.values() if not lot.bids)
    yield NeedCode.ADMISSION, (*(number for number in opened if number not in admitted), *empty)


def _needs_booking(session: Session) -> _Waited:
    if session.profile.booking.confirm:
        desks = {seat.site for seat in session.seats.values() if seat.role is Role.SITE_OPERATOR}
        yield NeedCode.BOOKING, tuple(sorted(desks - session.booked - {session.host_site}))


def _needs_live_lot(session: Session) -> _Waited:
    yield NeedCode.LIVE_LOT, () if session.live_lots() else tuple(session.failed)


def _needs_bids_and_seats(session: Session) -> _Waited:
    bids = (bid.id for lot in session.tender.lots for bid in lot.bids if session.rehearsal)
    yield NeedCode.BIDS, tuple(bid for bid in bids if bid not in session.bids)
    yield NeedCode.SUCCESSOR, tuple(sorted(session.recused))
    yield NeedCode.CHECK_IN, tuple(seat for seat in session.experts() if seat not in session.seat_keys)


def _needs_acceptance(session: Session) -> _Waited:
    yield NeedCode.SUCCESSOR, tuple(sorted(session.recused))
    yield NeedCode.CHECK_IN, tuple(seat for seat in session.experts() if seat not in session.seat_keys)
    yield NeedCode.ACCEPTANCE, tuple(seat for seat in session.experts() if seat not in session.accepted)


def _needs_chair(session: Session) -> _Waited:
    if session.profile.committee.chair and session.chair is None:
        ballot = session.votes.open.get(vo.Question.CHAIR)
        yield NeedCode.CHAIR, (ballot.missing() if ballot else tuple(session.experts()))


def _needs_unlock(session: Session) -> _Waited:
    yield NeedCode.UNLOCK, tuple(lot for lot, _ in session.open_parts())
    if session.stage is D:
        undrawn = (lot for lot, _ in session.open_parts() if session.lacks_order(session.lots[lot]))
        yield NeedCode.MEMBERS_ORDER, tuple(undrawn)
    votes = session.votes.open.values()
    yield (
        NeedCode.COMPETITION,
        tuple(one.opened.lot for one in votes if one.opened.question is vo.Question.COMPETITION),
    )
    yield from _needs_live_lot(session)


def _needs_prices(session: Session) -> _Waited:
    yield from _needs_unlock(session)
    lots = session.live_lots()
    named = ((lot, one) for lot in lots for one in lot.pricing.inputs_of(Per.TENDER) if one.choices)
    undrawn = (
        f"{lot.id} {one.name}"
        for lot, one in named
        if not one.value and not session.draws.drawn(Purpose.PRICE_PARAMETER, lot.id, one.name)
    )
    yield NeedCode.DRAWN_VALUE, tuple(undrawn)
    ceremony = session.ceremony
    if session.rehearsal:
        return
    yield (
        NeedCode.PRICE_WINDOW,
        tuple(window.name for window in ceremony.terms.windows if not ceremony.recorded(window.name)),
    )
    out = {bid for bids in session.rejected.values() for bid in bids}
    admitted = (bid for bid, one in ceremony.admitted.items() if one.lot not in session.failed)
    yield NeedCode.PRICES, tuple(bid for bid in admitted if bid not in out and bid not in ceremony.prices)


def _needs_award(session: Session) -> _Waited:
    yield from _needs_live_lot(session)
    live = [lot for lot in session.live_lots() if lot.id in session.rankings]
    yield NeedCode.TIES, tuple(bid for lot in live for bid in contested(session.rankings[lot.id]))
    voted = (lot for lot in live if lot.summary.award is Award.VOTE and session.rankings[lot.id].rows)
    yield NeedCode.AWARD, tuple(lot.id for lot in voted if lot.id not in session.settlement.awarded)


def _needs_answers(session: Session) -> _Waited:
    yield NeedCode.FINDINGS, tuple(session.findings.waiting(session.failed))
    lots = session.lots.values()
    found = ((lot.id, one) for lot in lots for one in holding_up(session.problems_of(lot)))
    waited = ((lot, one.code) for lot, one in found if one.code is not ProblemCode.FINDING_UNANSWERED)
    yield NeedCode.REPORT, tuple(_by_lot(session, lot, code) for lot, code in waited)


def _needs_signatures(session: Session) -> _Waited:
    missing = session.unsigned()
    yield NeedCode.SIGNATURES, tuple(_by_lot(session, lot, seat) for lot, seat in missing)
    yield NeedCode.WITNESSES, session.witnesses_missing() if session.profile.report.witnesses else ()
    yield NeedCode.GAPS, tuple(f"{one.track} {one.from_ms}-{one.to_ms}" for one in session.coverage.holes())


def _by_lot(session: Session, lot: LotId, name: str) -> str:
    """Say what is waited for with its lot before it, where there are several."""
    return name if len(session.lots) == 1 else f"{lot} {name}"


_NEEDED: Mapping[Stage, Callable[[Session], _Waited]] = {
    Stage.RECEIVING: _needs_booking,
    Stage.OPENING: _needs_closed_list,
    Stage.GATHERING: _needs_opened_bids,
    Stage.BRIEFED: _needs_bids_and_seats,
    Stage.ELECTING: _needs_acceptance,
    Stage.PRELIMINARY: _needs_chair,
    Stage.SUMMARY: _needs_live_lot,
    Stage.REPORTING: _needs_award,
    Stage.DETAILED: _needs_unlock,
    Stage.PRICING: _needs_prices,
    Stage.SIGNING: _needs_answers,
    Stage.CONCLUDED: _needs_signatures,
}
"""Stage to what must have happened before it is entered."""


def _members(command: Command) -> dict[str, Any]:
    """Return the members a command shares with its event: all but `kind`."""
    return {one.name: getattr(command, one.name) for one in fields(command) if one.name != "kind"}


_ACTORS: Mapping[type[Command], str] = {ActAsBidder: BIDDER_ACTOR, ActAsTrustee: TRUSTEE_ACTOR}
"""Whose act it is that the host writes down; its own where nobody is named."""


def _acts_of(command: OpeningCommand, ceremony: Ceremony, order: Order) -> tuple[CeremonyEvent, ...]:
    """Return the facts that a command of the opening asks for, still to be checked."""
    match command:
        case ActAsBidder(act=act) | ActAsTrustee(act=act):
            return (act,)
        case CloseBids():
            return ceremony.closing()
        case OpenWindow(window=window):
            return (ceremony.opening(window, order.at),)
        case CloseWindow(window=window):
            return (ceremony.window_closing(window),)
        case NoteOpening(facts=facts):
            return facts


def _act(command: SeatCommand, order: Order) -> Fact:
    """Return what a person did, as they signed it."""
    event = ACTS[type(command)](**_members(command))
    return Fact(order.at, order.site, order.actor, event, order.cmd, order.sig, order.secrets)


def _check_witnesses(command: OpenSession) -> None:
    sites = {one.site for one in command.keys.witnesses}
    names = {one.vkey.partition("+")[0] for one in command.keys.witnesses}
    count = len(command.keys.witnesses)
    if (len(sites), len(names)) != (count, count) or not sites <= {site.id for site in command.sites}:
        raise Unready(Need(NeedCode.WITNESS_KEYS))
    if not 0 <= command.keys.quorum <= count:
        raise Unready(Need(NeedCode.QUORUM, (str(command.keys.quorum),)))


def _lacks_cells(sheet: Sheet, lot: Lot, rejected: set[BidId]) -> bool:
    """Say whether a sheet that was locked lacks cells now that other bids are in."""
    try:
        check_complete(sheet, lot, Part.DETAILED, rejected)
    except SheetIncomplete:
        return True
    return False


def _demand_reason(reason: str) -> None:
    if not reason.strip():
        raise ReasonNeeded
