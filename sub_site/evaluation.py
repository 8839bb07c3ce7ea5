"""One evaluation as far as it runs at this site: its seats, their feeds and commands, recording, the witness.

It goes on whether or not the host can be reached.  Whatever comes in, from a seat, the recorder or the host,
stands in the spool before anybody is told of it, and in the order in which it came.  It holds no rule of the
evaluation and sees no more of the journal than its feeds.
"""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import sqlalchemy as sa
import structlog

from evalroom import events as ev
from evalroom import roles, visibility
from evalroom.commands import NodeFact
from evalroom.errors import PeerFault
from evalroom.events import Stage
from evalroom.ids import BidId, CommandId, SeatCode, SessionId, SiteId, TrackId
from evalroom.media import Track, TrackKind, track_of
from evalroom.presence import SiteState, near
from evalroom.protocol import messages as m
from evalroom.protocol.feed import FeedLog, FeedReader
from evalroom.protocol.liveness import OFFLINE_MS, LinkState
from evalroom.protocol.messages import NODE_AUDIENCE
from evalroom.protocol.subscriber import Acknowledged, Delivered, KeptAtSite, Rejected, SubscriberEnd
from evalroom.roles import Role
from evalroom.stages import stage_after
from evalroom.tender import Seat
from recorder.booth import Booth
from recorder.capture import Resume
from recorder.disk import usage_of
from signaling.clock import monotonic_ms
from signaling.codec import decode_event, decode_submit, encode
from signaling.database import Writer
from signaling.link import AnsweringLink
from signaling.presence import presence_fact, track_states
from signaling.relay import Relay, TrackEvent, TrackUp
from signaling.seating import Seating
from sub_site import spool
from sub_site.acts import OwnActs, read_facts
from sub_site.agent import AgentRelay
from sub_site.clock import SessionClock
from sub_site.documents import Documents, KnownDocument
from sub_site.handover import Handover
from sub_site.sealed_documents import SealedDocuments
from sub_site.uplink import Uplink
from sub_site.witness import Witness

STATUS_S = 1.0
COSIGNED_LATE_MS = 30_000
"""Without a request for so long the witness is shown as waiting; the host asks every ten seconds."""

MAX_BATCH = 512
"""Pieces of work that share one transaction."""


@dataclass(frozen=True, slots=True)
class Given:
    """A command from a seat."""

    seat: SeatCode
    submit: m.Submit


@dataclass(frozen=True, slots=True)
class Noted:
    """Facts from the recorder and about presence."""

    facts: tuple[NodeFact, ...]


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A roster from the host."""

    roster: m.Roster


Work = Given | Noted | Enrolled | Delivered | Acknowledged | Rejected | KeptAtSite


@dataclass(slots=True)
class _Round:
    """What one transaction holds, and what happens once it is on disk."""

    writes: list[Callable[[sa.Connection], None]] = field(default_factory=list)
    after: list[Callable[[], None]] = field(default_factory=list)
    taken: set[CommandId] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Parts:
    """What an evaluation is made of; the venue puts it together."""

    site: SiteId
    end: SubscriberEnd
    writer: Writer
    relay: Relay
    witness: Witness
    agent: AgentRelay
    documents: Documents
    sealed_documents: SealedDocuments
    handover: Handover
    uplink: Uplink
    folder: Path
    clock: SessionClock
    bitrates: dict[TrackKind, int]
    send: Callable[[object], None]
    wake: Callable[[], None]
    link_state: Callable[[], LinkState]
    enrol: Callable[[m.Roster], Coroutine[object, object, None]]


class Evaluation:
    """One session while it runs at this site."""

    def __init__(self, parts: Parts, roster: m.Roster) -> None:
        """Wire nothing yet; `seating`, `booth` and `media` are set right after."""
        self.parts = parts
        self.roster = roster
        self.seating: Seating
        self.booth: Booth
        self.media: AnsweringLink
        self.opened: ev.SessionOpened | None = None
        self.stage = Stage.GATHERING
        self.paused = False
        self.closed = False
        self.done = False
        self.feeds: dict[str, FeedLog] = {}
        self.acts = OwnActs()
        self._seats: dict[SeatCode, Seat] = {}
        self._members: set[SeatCode] = set()
        self._joined: set[SeatCode] = set()
        self._awaited: set[SeatCode] = set()
        self._awaited_since = monotonic_ms()
        self._finished: bool | None = None
        self._inbox: deque[Work] = deque()
        self._arrived = asyncio.Event()
        self._request = ""
        self._cosigned_ms: int | None = None
        self._refusing = False
        self._tasks: set[asyncio.Task[None]] = set()
        self.fatal: Callable[[BaseException], None] = lambda _error: None
        self._log = structlog.get_logger(__name__).bind(session=roster.session)

    # --- what the seating asks -----------------------------------------------------------------------

    @property
    def id(self) -> SessionId:
        """The session's id."""
        return self.roster.session

    @property
    def host_online(self) -> bool:
        """Say whether the host can be reached now."""
        return self.parts.end.online

    def feed(self, seat: SeatCode) -> FeedLog:
        """Return the feed of a seat, as far as it is known here."""
        return self._log_of(seat)

    def _log_of(self, audience: str) -> FeedLog:
        if audience not in self.feeds:
            self.feeds[audience] = FeedLog(self.id, self._feed_name(audience))
        return self.feeds[audience]

    def _feed_name(self, audience: str) -> str:
        return f"{NODE_AUDIENCE}:{self.parts.site}" if audience == NODE_AUDIENCE else audience

    def give(self, seat: SeatCode, submit: m.Submit) -> None:
        """Take a seat's command: kept on disk, then forwarded; the answer comes from the host."""
        self._enter(Given(seat, replace(submit, seat=seat)))

    def seat_changed(self, seat: SeatCode, state: LinkState) -> None:
        """Note for the journal that a seat of this site went silent or came back."""
        fact = presence_fact(seat, state, self.parts.clock.now())
        if fact is not None and seat in self._joined and not self.closed:
            self.booth.note([fact])

    def may_watch(self, seat: SeatCode, track: TrackId) -> bool:
        """Say whether a seat may see a track live now."""
        who = self._seats.get(seat)
        shown = next((one for one in self.tracks() if one.id == track), None)
        if who is None or shown is None:
            return False
        return visibility.may_watch(who.role, shown.kind, self.stage, own_site=shown.site == who.site)

    def site_of(self, seat: SeatCode) -> SiteId:
        """Return the site a seat belongs to."""
        known = self._seats.get(seat)
        return known.site if known else self.parts.site

    def tracks(self) -> list[Track]:
        """Return every track that a seat of the session may publish, at any site."""
        return [track_of(seat.site, seat.code, kind) for seat in self._seats.values() for kind in TrackKind]

    def _is_own(self, track: TrackId) -> bool:
        here = (seat for seat in self._seats.values() if seat.node == self.parts.site)
        return any(track.startswith(f"{seat.site}-{seat.code}/") for seat in here)

    # --- coming back ---------------------------------------------------------------------------------

    def restore(self, db: sa.Connection) -> list[NodeFact]:
        """Take up what an earlier process left in the spool and return its facts; nothing is sent or shown."""
        for audience in self._audiences():
            log = self._log_of(audience)
            self._extend(log, spool.read_feed(db, self.id, audience))
            self._follow(audience)
        self._learn(self._log_of(NODE_AUDIENCE).texts)
        for text in spool.read_commands(db, self.id):
            self.parts.end.submit(decode_submit(text))
        facts = read_facts(spool.read_facts(db, self.id))
        under_way = self.acts.restore(facts, spool.read_last_batch(db, self.id))
        if under_way is not None:
            self.parts.end.submit(under_way)
        self._awaited = self._joined - _told_lost(facts)
        return facts

    def interrupted(self, track: TrackId, resume: Resume) -> None:
        """Go on with a track that an earlier process recorded; if it never comes back, its end is declared."""
        self.booth.resume(track, resume)

    def _audiences(self) -> list[str]:
        return [NODE_AUDIENCE, *(seat.seat for seat in self.roster.seats)]

    def _follow(self, audience: str) -> None:
        log = self._log_of(audience)
        reader = FeedReader(self.id, self._feed_name(audience), log.chain(log.length))
        self.parts.end.follow(audience, reader)

    # --- what the link brings --------------------------------------------------------------------------

    def enrol(self, roster: m.Roster, now: int) -> None:
        """Take a roster in: this session is alive at the other end of the link."""
        if not self.parts.end.online:
            self.parts.end.connected(now)
        self._enter(Enrolled(roster))

    def link_lost(self) -> None:
        """The link is down: tell every seat which of its commands are kept here."""
        self.parts.end.disconnected()
        held: dict[SeatCode, list[CommandId]] = {}
        for one in self.parts.end.outbox.pending.values():
            if one.seat:
                held.setdefault(SeatCode(one.seat), []).append(one.command_id)
        for seat, ids in held.items():
            self.seating.hold(seat, tuple(ids))

    def take(self, message: m.ToSite, now: int) -> None:
        """Take a message of this session from the host."""
        match message:
            case m.Entries() | m.Refused():
                self.parts.end.receive(message, now)
                for one in self.parts.end.events_received():
                    self._enter(one)
            case m.Pong():
                self.parts.clock.answered(message.sent_ms, message.at_ms)
                self.parts.end.receive(message, now)
            case m.ToSeat(seat=seat, message=text):
                self.seating.tell(SeatCode(seat), text)
            case m.AddCheckpoint(request=request):
                self._request = request
                self._witness()
            case m.AskAgent():
                self.parts.agent.take(self.id, message)
            case m.UploadGrant(token=token):
                self.parts.uplink.grant(token)
                self.parts.handover.nudge()
                self.parts.documents.nudge()
            case m.Offer():
                self.media.handle(message)
            case m.Roster():
                self.enrol(message, now)
            case m.Fault():
                self._log.error("host_fault", code=message.code, message=message.message)
            case m.Watch() | m.Answer() | m.MediaLost():
                self._log.warning("unexpected_message", kind=message.kind)

    # --- what goes up the link ---------------------------------------------------------------------------

    def messages_to_send(self, now: int) -> list[m.Subscribe | m.Submit | m.Ping]:
        """Return what has to go out now: all of it stands in the spool."""
        return self.parts.end.messages_to_send(now)

    def next_deadline(self) -> int | None:
        """Say when something will have to go out if nothing happens."""
        return self.parts.end.next_deadline()

    # --- one round: spool, then effects ------------------------------------------------------------------

    def _enter(self, work: Work) -> None:
        self._inbox.append(work)
        self._arrived.set()

    async def run(self) -> None:
        """Carry out what comes in until cancelled; what is not yet on disk then was told to nobody."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._inbox:
                await self._carry_out()

    async def _carry_out(self) -> None:
        work = [self._inbox.popleft() for _ in range(min(MAX_BATCH, len(self._inbox)))]
        turn = _Round()
        for one in work:
            self._prepare(one, turn)
        self._prepare_acts(turn)
        if turn.writes:
            await self.parts.writer.write(lambda db: _write(db, turn.writes))
        for effect in turn.after:
            effect()
        self.parts.wake()

    def _prepare(self, work: Work, turn: _Round) -> None:
        match work:
            case Given():
                self._prepare_command(work, turn)
            case Noted(facts=facts):
                first, texts = self.acts.add(facts)
                turn.writes.append(lambda db: spool.add_facts(db, self.id, first, texts))
            case Enrolled(roster=roster):
                self._prepare_roster(roster, turn)
            case Delivered():
                self._prepare_items(work, turn)
            case Acknowledged(command_id=one, audience=audience):
                self._prepare_answer(one, audience, spool.SETTLED, turn)
                if audience != NODE_AUDIENCE:
                    turn.after.append(lambda: self.seating.acknowledge(SeatCode(audience), one))
            case Rejected(refusal=refusal):
                self._prepare_refusal(refusal, turn)
            case KeptAtSite():
                pass  # a host holds nothing: only sites do

    def _prepare_command(self, given: Given, turn: _Round) -> None:
        seat, submit = given.seat, given.submit
        one = submit.command_id
        if one in turn.taken or one in self.parts.end.outbox.pending:
            turn.after.append(lambda: self._hold(seat, one))
        elif one in self._log_of(seat).commands and not self.parts.end.online:
            turn.after.append(lambda: self.seating.acknowledge(seat, one))
        else:
            turn.taken.add(one)
            turn.writes.append(lambda db: spool.add_command(db, self.id, one, encode(submit)))
            turn.after += [lambda: self.parts.end.submit(submit), lambda: self._hold(seat, one)]

    def _hold(self, seat: SeatCode, command_id: CommandId) -> None:
        """Say that a command is kept here, when the host cannot answer it now."""
        if not self.parts.end.online and command_id in self.parts.end.outbox.pending:
            self.seating.hold(seat, (command_id,))

    def _prepare_acts(self, turn: _Round) -> None:
        following = self.acts.next_batch()
        if following is not None:
            batch, submit = following
            turn.writes.append(lambda db: spool.add_batch(db, self.id, batch))
            turn.after.append(lambda: self.parts.end.submit(submit))

    def _prepare_roster(self, roster: m.Roster, turn: _Round) -> None:
        turn.writes.append(lambda db: spool.put_roster(db, self.id, encode(roster)))
        turn.after.append(lambda: self._enrolled(roster))

    def _enrolled(self, roster: m.Roster) -> None:
        self.roster = roster
        for audience in self._audiences():
            self._follow(audience)
        self._follow_roster()
        self.media.renew()
        self.parts.handover.nudge()

    def _prepare_items(self, items: Delivered, turn: _Round) -> None:
        turn.writes.append(lambda db: spool.add_items(db, self.id, items.audience, items.first, items.items))
        turn.after.append(lambda: self._show(items))

    def _show(self, items: Delivered) -> None:
        self._extend(self._log_of(items.audience), items.items)
        if items.audience == NODE_AUDIENCE:
            self._learn(items.items)
            self.seat_people()
            self._witness()
        else:
            self.seating.grew(SeatCode(items.audience))

    def _extend(self, log: FeedLog, texts: Iterable[str]) -> None:
        for text in texts:
            n = log.append(text)
            command_id = json.loads(text).get("cmd")
            if command_id is not None:
                log.commands.setdefault(CommandId(command_id), n)

    def _prepare_answer(self, command_id: CommandId, audience: str, outcome: str, turn: _Round) -> None:
        if audience != NODE_AUDIENCE:
            turn.writes.append(lambda db: spool.settle_command(db, self.id, command_id))
        elif facts := self.acts.answered(command_id):
            turn.writes.append(lambda db: spool.settle_batch(db, self.id, command_id, outcome))
            closed = [fact.body for fact in facts if isinstance(fact.body, ev.ReelClosed)]
            if outcome == spool.SETTLED:
                turn.after.append(lambda: self.parts.handover.journalled(closed))

    def _prepare_refusal(self, refusal: m.Refused, turn: _Round) -> None:
        self._prepare_answer(refusal.command_id, refusal.seat, refusal.code, turn)
        if refusal.seat == NODE_AUDIENCE:
            # The host has told a person by an alarm; the facts stay in the spool as evidence.
            self._log.error("facts_refused", code=refusal.code, detail=dict(refusal.detail))
        else:
            told = replace(refusal, seat="")
            turn.after.append(lambda: self.seating.refuse(SeatCode(refusal.seat), told))

    # --- what the journal says to this site ----------------------------------------------------------------

    def _learn(self, texts: Iterable[str]) -> None:
        for text in texts:
            item = json.loads(text)
            try:
                self._learn_one(item["type"], item["body"])
            except (KeyError, ValueError, PeerFault) as error:
                # A newer host may say what this version does not know; seats get it as it is.
                self._log.error("item_not_understood", type=item.get("type"), problem=str(error)[:300])

    def _learn_one(self, kind: str, body: dict[str, object]) -> None:
        self.stage = stage_after(kind, body, self.stage)
        match kind:
            case "SessionOpened":
                event = decode_event(kind, body)
                if isinstance(event, ev.SessionOpened):
                    self.opened = event
                    self._seats = {seat.code: seat for seat in event.seats}
                    self._members = {seat.code for seat in event.seats if not seat.reserve}
            case "SessionPaused" | "SessionResumed":
                self.paused = kind == "SessionPaused"
            case "SessionClosed":
                self.closed = True
            case "SeatJoined":
                self._joined.add(SeatCode(str(body["seat"])))
            case "ExpertReplaced":
                self._members = self._members - {SeatCode(str(body["seat"]))} | {
                    SeatCode(str(body["newcomer"]))
                }
            case "BidImported":
                self._learn_bid(body)
            case "BidAdmitted" | "DarkBidAdmitted" | "DarkBidNamed":
                self._learn_admitted(body)
            case _:
                pass

    def may_read_bids(self, seat: SeatCode) -> bool:
        """Say whether a seat may read the bids now; an expert outside the committee never."""
        known = self._seats.get(seat)
        return (
            known is not None
            and visibility.may_read_bids(known.role, self.stage)
            and (known.role is not Role.EXPERT or seat in self._members)
        )

    def _learn_bid(self, body: dict[str, object]) -> None:
        document = KnownDocument(str(body["sha256"]), int(str(body["bytes"])))
        self.parts.documents.learn(self.id, BidId(str(body["bid"])), document)

    def _learn_admitted(self, body: dict[str, object]) -> None:
        """Take in which documents a bid has here: of a dark one, until it is named, by other names than digests."""
        documents = body["documents"]
        for one in documents if isinstance(documents, list) else ():
            document = KnownDocument(str(one["sha256"]), int(str(one["size"])))
            self.parts.sealed_documents.learn(self.id, BidId(str(body["bid"])), str(one["part"]), document)

    def _follow_roster(self) -> None:
        """Let people in who may sit here, and end the recordings once the host films nobody any more."""
        self.seat_people()
        if not self.roster.filming and self._finished is None:
            self._finished = False
            self._spawn(self._finish_recording())

    def seat_people(self) -> None:
        """Let people in once it is known where they sit and what time it is at the host."""
        if self.opened is not None and self.parts.clock.known:
            self._spawn(self.parts.enrol(self.roster))

    async def _finish_recording(self) -> None:
        await self.booth.finish()
        self._finished = True

    # --- recording ------------------------------------------------------------------------------------------

    def hand(self, facts: tuple[NodeFact, ...]) -> None:
        """Take facts of the recorder and of presence, for the journal."""
        self._enter(Noted(facts))

    def on_track(self, event: TrackEvent) -> None:
        """Record what comes up at this site's own seats."""
        if isinstance(event, TrackUp) and self._is_own(event.source.track.id):
            event.source.set_bitrate(self.parts.bitrates[event.source.track.kind])
            self.booth.track_up(event.source)

    def on_watched(self, watched: frozenset[TrackId]) -> None:
        """Ask the host for exactly those tracks of other sites that somebody here watches."""
        self.media.want([one for one in self.tracks() if one.id in watched and not self._is_own(one.id)])

    # --- witness --------------------------------------------------------------------------------------------

    def _witness(self) -> None:
        """Answer the newest request, once the journal's first entry has brought the log's key."""
        if self._request and self.opened is not None:
            request, self._request = self._request, ""
            self._spawn(self._answer_request(request, self.opened.keys.log))

    async def _answer_request(self, request: str, log_key: str) -> None:
        answer = await self.parts.witness.consider(request, log_key, self.roster.log_key)
        if isinstance(answer, m.Cosign):
            self._cosigned_ms, self._refusing = self.parts.clock.now(), False
        else:
            self._refusing = answer.reason != "size"
        self.parts.send(answer)

    def _witness_word(self) -> str:
        keys = self.opened.keys.witnesses if self.opened else ()
        if self.parts.site not in {one.site for one in keys}:
            return "none"
        if self._refusing:
            return "refused"
        late = self._cosigned_ms is None or self.parts.clock.now() - self._cosigned_ms > COSIGNED_LATE_MS
        return "waiting" if late else "current"

    # --- what is told about once a second -------------------------------------------------------------------

    async def run_status(self) -> None:
        """Tell the host and the seats here how this site stands, until cancelled."""
        while True:
            state = self.own_state()
            if self.parts.end.online:
                self.parts.send(m.SiteStatus(state))
            self._tell_seats(state)
            self._note_absent()
            await self._close_when_done()
            await asyncio.sleep(STATUS_S)

    def _note_absent(self) -> None:
        """After a restart: whoever is not back within the time that counts as lost is journalled as lost."""
        if not self._awaited or monotonic_ms() - self._awaited_since < OFFLINE_MS:
            return
        now, back = self.parts.clock.now(), {one.seat for one in self.seating.seated()}
        gone, self._awaited = sorted(self._awaited - back), set()
        here = [seat for seat in gone if seat in self._seats and self._seats[seat].node == self.parts.site]
        if here and not self.closed:
            self.booth.note([NodeFact(now, ev.SeatLost.__name__, ev.SeatLost(seat)) for seat in here])

    def _tell_seats(self, state: SiteState) -> None:
        for person in self.seating.seated():
            seat = self._seats.get(person.seat)
            if seat is not None and self._tells(person.role):
                self.seating.tell(seat.code, encode(self._status(near(state, seat))))

    def _tells(self, role: Role) -> bool:
        """Say whether this node tells a role: the host's staff hears from the host, as long as it can be heard."""
        if role in (Role.SUPERVISOR, Role.OPERATOR):
            return not self.parts.end.online
        return role in roles.MAY_WATCH

    def _status(self, state: SiteState) -> m.Status:
        return m.Status(self.stage, self.paused, (state,), self._witness_word(), self._cosigned_ms)

    def own_state(self) -> SiteState:
        """Describe this site."""
        disk, clock, handover = usage_of(self.parts.folder), self.parts.clock, self.parts.handover
        return SiteState(
            site=self.parts.site,
            link=str(self.parts.link_state()),
            rtt_ms=self.parts.end.round_trip,
            offset_ms=clock.offset_ms,
            offset_bound_ms=clock.bound_ms,
            outbox=self.unanswered(),
            recorder=self.booth.word(),
            disk_used_percent=disk.percent,
            disk_free_mb=disk.free // 1_000_000,
            reels_waiting=handover.waiting,
            reels_waiting_mb=handover.waiting_mb,
            uplink_kbps=self.parts.uplink.kbps(),
            seats=self.seating.states(),
            tracks=track_states(self.parts.relay, self.booth.recorded()),
        )

    def unanswered(self) -> int:
        """Count the commands of seats and the facts of the node that the host has not acknowledged."""
        given = sum(1 for one in self.parts.end.outbox.pending.values() if one.seat)
        return given + len(self.acts)

    async def _close_when_done(self) -> None:
        over = self.roster.closed and self._finished is True
        if self.done or not over or self.unanswered() or self.parts.handover.waiting or self._inbox:
            return
        await self.parts.writer.write(lambda db: spool.finish_session(db, self.id))
        self.done = True
        self._log.info("session_done")

    # --- tasks ------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Do what the host had asked of an earlier process."""
        self._witness()
        self._follow_roster()

    async def close(self) -> None:
        """Put what was noted into the spool, end all windows and media; recordings stay open for recovery.

        Cancelling leaves the rest to the process's end.
        """
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.booth.flush()
        while self._inbox:
            await self._carry_out()
        await self.seating.close()
        await self.media.close()

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fatal(error)


def _write(db: sa.Connection, writes: Iterable[Callable[[sa.Connection], None]]) -> None:
    for write in writes:
        write(db)


def _told_lost(facts: Iterable[NodeFact]) -> set[SeatCode]:
    """Return the seats of which the last thing told is that they are lost."""
    lost: set[SeatCode] = set()
    for fact in facts:
        if isinstance(fact.body, ev.SeatLost):
            lost.add(fact.body.seat)
        elif isinstance(fact.body, ev.SeatReturned):
            lost.discard(fact.body.seat)
    return lost
