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
from typing import Any, assert_never

from evalroom import events as ev
from evalroom import roles
from evalroom.commands import (
    ACTS,
    AbortOpening,
    AcceptDiscipline,
    ActAsBidder,
    ActAsTrustee,
    AdmitDarkBids,
    AdvanceStage,
    CheckIn,
    CloseAlarm,
    CloseBids,
    CloseSession,
    CloseWindow,
    Command,
    DraftPolicy,
    EnterScore,
    ExtendWindow,
    ImportBid,
    LockSheet,
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
    RecordFacts,
    ResumeCeremony,
    ResumeSession,
    SeatCommand,
    SignReport,
    StepUp,
    UnlockGroup,
)
from evalroom.encoding import body_of, to_json
from evalroom.errors import LocalFault, Refusal
from evalroom.events import Event, Fact, Stage
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
from evalroom.pricing import compute
from evalroom.ranking import rank
from evalroom.recording import BrokenRecording, TrackRecord, gap_for, next_record
from evalroom.roles import OFFICERS, Role
from evalroom.sealing import facts as sf
from evalroom.sealing.ceremony import Admitted, Ceremony, CeremonyState
from evalroom.sealing.dark import NUMBER_PATH, admission
from evalroom.sealing.facts import CEREMONY_EVENTS, CeremonyEvent
from evalroom.sealing.policy import PartName
from evalroom.sealing.rules import FIRST_GATE, NO_NUMBER, SHEETS_GATE, Circumstances, check
from evalroom.sheet import (
    Cell,
    DigestMismatch,
    OutOfRange,
    Sheet,
    SheetIsLocked,
    StaleRevision,
    check_complete,
    check_value,
    digest_of,
    failed_items,
    items_of,
    keys_of,
)
from evalroom.tender import Bid, Item, Lot, Part, Seat, Site, Tender, check_tender

V, U = Stage.RECEIVING, Stage.OPENING
G, B, P, D = Stage.GATHERING, Stage.BRIEFED, Stage.PRELIMINARY, Stage.DETAILED
R, S, N, C = Stage.PRICING, Stage.SUMMARY, Stage.SIGNING, Stage.CONCLUDED

HANDING_IN = (
    sf.TrusteeKeyPublished, sf.PolicyDrafted, sf.PolicySigned, sf.SubmissionsOpened,
    sf.BidSubmitted, sf.BidAcknowledged, sf.BidWithdrawn, sf.CoverMade, sf.BidsClosed,
)  # fmt: skip
"""What happens around sealed bids until their list is closed."""

IN_WINDOWS = (
    sf.OfficerSteppedUp, sf.WindowOpened, sf.WindowExtended, sf.HalfReleased, sf.ShareReleased, sf.WindowClosed,
    sf.BidJudged, sf.OpeningRecorded, sf.PartKeyPublished, sf.PriceRead, sf.CeremonyPaused, sf.CeremonyResumed,
)  # fmt: skip
"""What happens around a window of the opening, at the opening itself or once the technical sheets are unlocked."""

ADMITTING = (sf.BidAdmitted, sf.DarkBidAdmitted)
"""How opened bids join their lots."""

AFTER_OPENING = (sf.RecordConfirmed, sf.KeysDestroyed)
"""What bidders and trustees may still do once bids have been opened."""

TRANSITIONS: Mapping[Stage, Mapping[type[Event], Stage]] = {
    V: dict.fromkeys((*HANDING_IN, sf.OpeningAborted, sf.KeysDestroyed, ev.SessionClosed), V)
    | {ev.StageChanged: U},
    U: dict.fromkeys((*IN_WINDOWS, *AFTER_OPENING, *ADMITTING, sf.OpeningAborted, ev.SessionClosed), U)
    | {ev.StageChanged: G},
    G: {ev.StageChanged: B, ev.BidImported: G} | dict.fromkeys(AFTER_OPENING, G),
    B: {ev.StageChanged: P, ev.DisciplineAccepted: B} | dict.fromkeys(AFTER_OPENING, B),
    P: {ev.StageChanged: D, ev.ScoreEntered: P, ev.SheetLocked: P, ev.GroupUnlocked: P, ev.BidsReviewed: P}
    | dict.fromkeys(AFTER_OPENING, P),
    D: {ev.StageChanged: R, ev.ScoreEntered: D, ev.SheetLocked: D, ev.GroupUnlocked: D}
    | dict.fromkeys((*IN_WINDOWS, *AFTER_OPENING), D),
    R: {ev.StageChanged: S, ev.PricesOpened: R, ev.PricesComputed: R} | dict.fromkeys(AFTER_OPENING, R),
    S: {ev.StageChanged: N, ev.RankingComputed: S} | dict.fromkeys(AFTER_OPENING, S),
    N: {ev.StageChanged: C, ev.ReportSigned: N} | dict.fromkeys(AFTER_OPENING, N),
    C: {ev.SessionClosed: C} | dict.fromkeys(AFTER_OPENING, C),
}
"""Stage to the events that belong to it, each with the stage it leads to."""

ANYTIME: frozenset[type[Event]] = frozenset(
    {
        ev.SessionPaused, ev.SessionResumed, ev.SeatJoined, ev.SeatTested, ev.SeatLost, ev.SeatReturned,
        ev.TrackStarted, ev.FormatChanged, ev.FragmentRecorded, ev.GapDeclared, ev.ReelClosed, ev.ReelReceived,
        ev.TrackEnded, ev.ClockMapped, ev.SiteOffsetMeasured, ev.SiteLost, ev.SiteReturned, ev.AlarmRaised,
        ev.AlarmClosed, ev.CheckpointCosigned, ev.WitnessLate, ev.WitnessRefused,
    }
)  # fmt: skip
"""Events that belong to every stage and change none."""

WHILE_PAUSED: frozenset[type[object]] = frozenset(
    {
        CheckIn, PassSelfTest, ResumeSession, CloseAlarm, RecordFacts, NoteFacts,
        ActAsBidder, ActAsTrustee, CloseWindow, NoteOpening, ExtendWindow, PauseCeremony, ResumeCeremony,
    }
)  # fmt: skip
"""Commands that a pause does not hold back: recording goes on, seats come back, and an opening has a pause of its own."""

PART_OF: Mapping[Stage, Part] = {P: Part.PRELIMINARY, D: Part.DETAILED}
"""The sheets that are open in a stage."""


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


class AlreadySigned(Refusal):
    """You have signed the results already; your signature stands."""

    code = "already_signed"


class OtherResults(Refusal):
    """The digest signed is not that of the results that stand: look at the ranking again, then sign it."""

    code = "other_results"


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


@dataclass(frozen=True, slots=True)
class Signature:
    """A member's signature of the results."""

    digest: str
    dissent: str


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
    stage: Stage = Stage.GATHERING
    paused: bool = False
    closed: bool = False
    seat_keys: dict[SeatCode, str] = field(default_factory=dict)
    tested: dict[SeatCode, tuple[ev.SelfTestResult, ...]] = field(default_factory=dict)
    accepted: set[SeatCode] = field(default_factory=set)
    bids: dict[BidId, ImportedBid] = field(default_factory=dict)
    sheets: dict[SheetKey, Sheet] = field(default_factory=dict)
    unlocked: set[tuple[LotId, Part]] = field(default_factory=set)
    rejected: dict[LotId, tuple[BidId, ...]] = field(default_factory=dict)
    prices: dict[LotId, ev.PricesComputed] = field(default_factory=dict)
    rankings: dict[LotId, ev.RankingComputed] = field(default_factory=dict)
    signatures: dict[SeatCode, Signature] = field(default_factory=dict)
    tracks: dict[TrackId, TrackRecord] = field(default_factory=dict)
    told: dict[TrackId, int] = field(default_factory=dict)
    alarms: dict[str, bool] = field(default_factory=dict)
    size: int = 0
    cosigned: int = 0
    last_lock: int = 0
    disputed: set[SiteId] = field(default_factory=set)
    ceremony: Ceremony = field(default_factory=Ceremony)
    gates: dict[str, int] = field(default_factory=dict)
    named_at: int = 0
    """Entries there were once the bidders of all dark lots were known, 0 before."""

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
                self._check_pause(command)
            case EnterScore():
                self._check_score(command, order)
            case LockSheet():
                self._check_lock(command, order)
            case SignReport():
                self._check_signature(command, order)
            case CloseAlarm():
                self._check_alarm(command)
            case CloseSession():
                self._check_close(command)
            case (
                DraftPolicy() | OpenSubmissions() | StepUp() | ExtendWindow()
                | PauseCeremony() | ResumeCeremony() | AbortOpening()
            ):  # fmt: skip
                self._check_ceremony(ACTS[type(command)](**_members(command)), order)
            case ActAsBidder() | ActAsTrustee() | CloseBids() | OpenWindow() | CloseWindow() | NoteOpening():
                return self._lead_opening(command, order)
            case AdmitDarkBids():
                return self._admit_dark(command, order)
            case _:
                assert_never(command)
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
            if event not in ANYTIME and event not in TRANSITIONS[self.stage]:
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
        """Demand that actor, role and site of the connection are those of one seat."""
        seat = self.seats.get(SeatCode(order.actor))
        if seat is None or (seat.role, seat.site) != (order.role, order.site):
            raise NotOwner(seat=order.actor, role=order.role, site=order.site)

    def _open(self, command: OpenSession, order: Order) -> tuple[Fact, ...]:
        check_name(command.session)
        check_tender(command.tender, command.sites, command.seats, sealed=not command.rehearsal)
        _check_witnesses(command)
        return (Fact(order.at, order.site, HOST_ACTOR, ev.SessionOpened(**_members(command))),)

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

    def _check_import(self, command: ImportBid, order: Order) -> None:
        if Bid(command.bid, command.bidder) not in self._lot(command.lot).bids:
            raise Unknown(bid=command.bid, bidder=command.bidder[:80])
        if not _SHA256.fullmatch(command.sha256) or min(command.bytes, command.pages) < 1:
            raise OutOfRange(bid=command.bid, problem="a document has a digest, bytes and pages")
        price = self._opened(order, {"/price": command.price})["/price"]
        if not _FEN.fullmatch(price):
            raise OutOfRange(bid=command.bid, problem="a price in fen, 1 to 15 digits")

    def _check_pause(self, command: PauseSession | ResumeSession) -> None:
        _demand_reason(command.reason)
        if isinstance(command, PauseSession) and self.stage in (V, U, C):
            raise WrongStage(stage=self.stage, command=command.kind)
        if isinstance(command, ResumeSession) and not self.paused:
            raise NotPaused

    def _check_score(self, command: EnterScore, order: Order) -> None:
        item = self._cell_item(command)
        opened = self._opened(order, {"/value": command.value, "/reason": command.reason})
        sheet = self.sheet(SeatCode(order.actor), command.lot, item.part)
        if sheet.locked is not None:
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
        check_complete(sheet, lot, command.part, self.rejected.get(lot.id, ()))
        if command.digest != digest_of(sheet.cells):
            raise DigestMismatch(lot=lot.id, part=command.part)

    def _unlock(self, command: UnlockGroup, order: Order) -> tuple[Fact, ...]:
        lot = self._lot(command.lot)
        if not self.ready_to_unlock(lot.id, command.part):
            raise Unready(Need(NeedCode.UNLOCK, (lot.id,)), part=command.part)
        locked = [
            ev.LockedSheet(seat, self.sheet(seat, lot.id, command.part).locked or "")
            for seat in self.experts()
        ]
        facts = [self._by_host(order, ev.GroupUnlocked(lot.id, command.part, tuple(locked)))]
        if command.part is Part.PRELIMINARY:
            facts.append(self._by_host(order, ev.BidsReviewed(lot.id, tuple(self._votes(lot)))))
        return tuple(facts)

    def _votes(self, lot: Lot) -> Iterator[ev.BidVote]:
        members = self.experts()
        for bid in lot.bids:
            against = sum(
                1 for seat in members if failed_items(self.sheet(seat, lot.id, Part.PRELIMINARY), bid.id)
            )
            yield ev.BidVote(bid.id, against, len(members), rejected=2 * against > len(members))

    def _check_signature(self, command: SignReport, order: Order) -> None:
        if order.actor in self.signatures:
            raise AlreadySigned(seat=order.actor)
        if command.digest != self.report_digest():
            raise OtherResults(seat=order.actor)

    def _check_alarm(self, command: CloseAlarm) -> None:
        _demand_reason(command.note)
        if self.alarms.get(command.alarm) is not True:
            raise Unknown(alarm=command.alarm)

    def _check_close(self, command: CloseSession) -> None:
        _demand_reason(command.reason)
        if self.stage is not C and self.ceremony.state is not CeremonyState.ABORTED:
            raise Unready(Need(NeedCode.OPENING_ENDED, (self.ceremony.state.value,)))
        if self.disputed:
            raise Unready(Need(NeedCode.AGREEMENT, tuple(sorted(self.disputed))))
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
        facts = [_act(command, order)]
        if after is R:
            facts += [self._by_host(order, event) for lot in self.lots.values() for event in self._price(lot)]
        if after is S:
            facts += [self._by_host(order, self._rank(lot)) for lot in self.lots.values()]
        return tuple(facts)

    # --- the opening ----------------------------------------------------------------------------------

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
        now = replace(self._circumstances(order, ahead), number=number)
        check(ceremony or self.ceremony, act, now)
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

    def _by_host(self, order: Order, event: Event) -> Fact:
        return Fact(order.at, self.host_site, HOST_ACTOR, event)

    def next_stage(self) -> Stage | None:
        """Return the stage after this one, None at the end."""
        return TRANSITIONS[self.stage].get(ev.StageChanged)

    def missing_for(self, after: Stage) -> tuple[Need, ...]:
        """List what must still happen before `after` can be entered."""
        waited = _NEEDED[after](self) if after in _NEEDED else ()
        return tuple(Need(code, names) for code, names in waited if names)

    def _price(self, lot: Lot) -> tuple[Event, ...]:
        read = self.ceremony.prices
        fen = {
            bid.id: self.bids[bid.id].price_fen if self.rehearsal else read[bid.id]
            for bid in lot.bids
            if bid.id not in self.rejected.get(lot.id, ())
        }
        opened = tuple(ev.OpenedPrice(bid, price) for bid, price in sorted(fen.items()))
        return (ev.PricesOpened(lot.id, opened), compute(lot, fen))

    def _rank(self, lot: Lot) -> ev.RankingComputed:
        sheets = [self.sheet(seat, lot.id, Part.DETAILED) for seat in self.experts()]
        return rank(lot, sheets, self.prices[lot.id], self.rejected.get(lot.id, ()))

    # --- reading ------------------------------------------------------------------------------------

    @property
    def host_site(self) -> SiteId:
        """Name the leading site."""
        return next((site.id for site in self.sites.values() if site.host), SiteId(""))

    def experts(self) -> list[SeatCode]:
        """List the members of the committee, in the order of their seat codes."""
        return sorted(seat.code for seat in self.seats.values() if seat.role is Role.EXPERT)

    def sheet(self, seat: SeatCode, lot: LotId, part: Part) -> Sheet:
        """Return a sheet as it stands; one nobody has touched is empty."""
        return self.sheets.get((seat, lot, part)) or Sheet()

    def dark_parts(self) -> dict[LotId, tuple[PartName, ...]]:
        """Return the dark parts of each dark lot, as long as nobody may know whose bids they are.

        All lots end being dark together: a bid has one document for all of its lots.
        """
        return {} if self.named_at else {lot.id: lot.dark for lot in self.lots.values() if lot.dark}

    def open_parts(self) -> list[tuple[LotId, Part]]:
        """List the lots and the part whose sheets this stage is about, still to be unlocked."""
        part = PART_OF.get(self.stage)
        if part is None:
            return []
        return [(lot.id, part) for lot in self.lots.values() if self._awaits(lot, part)]

    def _awaits(self, lot: Lot, part: Part) -> bool:
        return bool(items_of(lot, part)) and (lot.id, part) not in self.unlocked

    def ready_to_unlock(self, lot: LotId, part: Part) -> bool:
        """Say whether every sheet of the part is locked and a quorum has cosigned the last lock."""
        locked = all(self.sheet(seat, lot, part).locked is not None for seat in self.experts())
        return (lot, part) in self.open_parts() and locked and self.lock_is_cosigned()

    def witness_sites(self) -> dict[str, SiteId]:
        """Return the site of each witness by the name of its key, the part of a vkey before the first `+`."""
        return {one.vkey.partition("+")[0]: one.site for one in self.keys.witnesses}

    def lock_is_cosigned(self) -> bool:
        """Say whether a quorum has cosigned the journal beyond the last lock; without witnesses it has."""
        return self.keys.quorum == 0 or self.cosigned >= self.last_lock

    def cells_in(self, lot: LotId, part: Part) -> int:
        """Count the cells of a complete sheet."""
        return len(keys_of(self.lots[lot], part, self.rejected.get(lot, ())))

    def report_digest(self) -> str:
        """Return the digest members sign: SHA-256 over the rankings of all lots, in the tender's order."""
        rankings = [to_json(self.rankings[lot.id]) for lot in self.tender.lots if lot.id in self.rankings]
        return hashlib.sha256(canonical(rankings)).hexdigest()

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
            IllegalStep, BrokenCeremony: the table has no such event in this stage or state.
        """
        stage = self._step(fact.event)
        self._evolve_ceremony(self.ceremony, fact, self.size + 1)
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
        session.stage = G if event.rehearsal else V
        session.sites = {site.id: site for site in event.sites}
        session.seats = {seat.code: seat for seat in event.seats}
        session.lots = {lot.id: lot for lot in event.tender.lots}


def _set_paused(session: Session, fact: Fact) -> None:
    session.paused = isinstance(fact.event, ev.SessionPaused)


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
    """Name the bidders of all dark lots once the technical sheets of the last one are unlocked."""
    dark = session.dark_parts()
    if not dark or any((lot, Part.DETAILED) not in session.unlocked for lot in dark):
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


def _keep_seat(session: Session, fact: Fact) -> None:
    match fact.event:
        case ev.SeatJoined(seat=seat, key=key):
            session.seat_keys[seat] = key
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
    opened = {secret.path: secret.value for secret in fact.secrets}
    part = PART_OF[session.stage]
    sheet = session.sheets.setdefault((SeatCode(fact.actor), event.lot, part), Sheet())
    sheet.cells[(event.bid, event.item)] = Cell(
        event.revision, opened["/value"], opened["/reason"], event.value.commit, event.reason.commit
    )


def _keep_lock(session: Session, fact: Fact) -> None:
    event = fact.event
    if isinstance(event, ev.SheetLocked):
        sheet = session.sheets.setdefault((SeatCode(fact.actor), event.lot, event.part), Sheet())
        sheet.locked = event.digest
        session.last_lock = session.size


def _keep_result(session: Session, fact: Fact) -> None:
    match fact.event:
        case ev.GroupUnlocked(lot=lot, part=part):
            session.unlocked.add((lot, part))
            if part is Part.DETAILED and not session.open_parts():
                session.gates[SHEETS_GATE] = session.size
            _name_dark_bids(session)
        case ev.BidsReviewed(lot=lot, votes=votes):
            session.rejected[lot] = tuple(vote.bid for vote in votes if vote.rejected)
        case ev.PricesComputed(lot=lot) as prices:
            session.prices[lot] = prices
        case ev.RankingComputed(lot=lot) as ranking:
            session.rankings[lot] = ranking
        case ev.ReportSigned(digest=digest, dissent=dissent):
            session.signatures[SeatCode(fact.actor)] = Signature(digest, dissent)
        case _:
            pass


def _keep_recording(session: Session, fact: Fact) -> None:
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
    ev.GroupUnlocked: _keep_result,
    ev.BidsReviewed: _keep_result,
    ev.PricesComputed: _keep_result,
    ev.RankingComputed: _keep_result,
    ev.ReportSigned: _keep_result,
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
}
"""Event to the change it makes; events that only inform have none."""


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


def _needs_bids_and_seats(session: Session) -> _Waited:
    bids = (bid.id for lot in session.tender.lots for bid in lot.bids if session.rehearsal)
    yield NeedCode.BIDS, tuple(bid for bid in bids if bid not in session.bids)
    yield NeedCode.CHECK_IN, tuple(seat for seat in session.experts() if seat not in session.seat_keys)


def _needs_acceptance(session: Session) -> _Waited:
    yield NeedCode.ACCEPTANCE, tuple(seat for seat in session.experts() if seat not in session.accepted)


def _needs_unlock(session: Session) -> _Waited:
    yield NeedCode.UNLOCK, tuple(lot for lot, _ in session.open_parts())
    rejected = session.rejected
    hopeless = (lot.id for lot in session.tender.lots if len(rejected.get(lot.id, ())) == len(lot.bids))
    yield NeedCode.ADMITTED_BID, tuple(hopeless)


def _needs_prices(session: Session) -> _Waited:
    yield from _needs_unlock(session)
    ceremony = session.ceremony
    if session.rehearsal:
        return
    yield (
        NeedCode.PRICE_WINDOW,
        tuple(window.name for window in ceremony.terms.windows if not ceremony.recorded(window.name)),
    )
    out = {bid for bids in session.rejected.values() for bid in bids}
    yield (
        NeedCode.PRICES,
        tuple(bid for bid in ceremony.admitted if bid not in out and bid not in ceremony.prices),
    )


def _needs_signatures(session: Session) -> _Waited:
    yield NeedCode.SIGNATURES, tuple(seat for seat in session.experts() if seat not in session.signatures)


_NEEDED: Mapping[Stage, Callable[[Session], _Waited]] = {
    Stage.OPENING: _needs_closed_list,
    Stage.GATHERING: _needs_opened_bids,
    Stage.BRIEFED: _needs_bids_and_seats,
    Stage.PRELIMINARY: _needs_acceptance,
    Stage.DETAILED: _needs_unlock,
    Stage.PRICING: _needs_prices,
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


def _demand_reason(reason: str) -> None:
    if not reason.strip():
        raise ReasonNeeded
