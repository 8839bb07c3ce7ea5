"""One live evaluation at the host: the writer, the notary, the host's own seats, its recording booth.

It is the place where the four meet: a seat's command becomes an order, a committed fact wakes the seats and
sites whose feeds have grown, a site's recorder hands in its facts, and about once a second everybody is told
who is there.  Rules are the session's; what is shown is `visibility`'s.
"""

import asyncio
import shutil
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from evalroom import events as ev
from evalroom import roles, visibility
from evalroom.checkin import PhoneReturned
from evalroom.clarification import ASKING
from evalroom.commands import (
    CloseSession,
    HostFact,
    ImportBid,
    NodeFact,
    NoteFacts,
    Order,
    RecordFacts,
    RecordSilence,
    VoidDraw,
)
from evalroom.complaint import ComplaintClosed, ComplaintOpened
from evalroom.errors import EvalroomError
from evalroom.ids import HOST_ACTOR, CommandId, SeatCode, SessionId, SiteId, TrackId
from evalroom.media import Track, TrackKind, track_of
from evalroom.presence import SiteState, empty_state, near
from evalroom.protocol import messages as m
from evalroom.protocol.feed import FeedLog
from evalroom.protocol.liveness import LinkState
from evalroom.protocol.messages import NODE_AUDIENCE
from evalroom.reporting import AgreementDeemed, ReportSigned, ReportWitnessed
from evalroom.roles import Role
from evalroom.sealing import facts as sf
from evalroom.session import SessionOver
from evalroom.sheet import items_of
from evalroom.stages import OVER, Stage
from evalroom.tender import Part, Seat
from main_site.documents import UnknownDocument
from main_site.services.conductor import Committed, Conductor, node_key
from main_site.services.links import SiteLinks
from main_site.services.notary import Notary, log_refusal
from recorder.booth import Booth
from signaling.clock import ALARM_MS
from signaling.codec import encode
from signaling.link import OfferingLink
from signaling.presence import presence_fact, track_states
from signaling.register import SeatRegister
from signaling.relay import Relay, TrackEvent, TrackUp
from signaling.seating import Seating, refused

STATUS_S = 1.0
NEAR_EVERY = 5
"""Seconds after which a seat is told about itself though nothing has changed."""

_TOLD_PROGRESS = (Role.SUPERVISOR, Role.OPERATOR, Role.SITE_OPERATOR, Role.REGULATOR)

OFFSET_EVERY_MS, OFFSET_MOVED_MS = 60_000, 500
"""A site's clock is journalled once a minute, and at once when somebody set it: its cosignatures' times are read by it."""

BOUND_MS = 2_000
"""A first ping of four seconds on a machine that has just started tells nothing: the next one is waited for."""

_STILLER = (
    ev.TrackEnded, ev.CheckpointCosigned, sf.KeysDestroyed, sf.KeysNotDestroyed, ComplaintClosed, PhoneReturned,
    ReportSigned, ReportWitnessed, AgreementDeemed,
)  # fmt: skip
"""Facts of which one may have been the last that a session that is over was waiting for."""

_ENDS_FILMING = (ev.StageChanged, ev.TenderFailed, ev.SessionAborted, ReportSigned, AgreementDeemed)
"""Facts of which one may end the filming."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What an evaluation is made of; the composition root puts it together."""

    conductor: Conductor
    notary: Notary
    links: SiteLinks
    register: SeatRegister
    relay: Relay
    folder: Path
    now: Callable[[], int]
    reel_seconds: int
    bitrates: Mapping[TrackKind, int]
    has_document: Callable[[str], bool]


class Evaluation:
    """One session while it runs at the host."""

    def __init__(self, parts: Parts) -> None:
        """Wire the parts' callbacks; `seating` and `booth` are set right after."""
        self.parts = parts
        self.conductor = parts.conductor
        self.seating: Seating
        self.booth: Booth
        self.title = parts.conductor.session.tender.title
        self.new_link: Callable[[SiteId], OfferingLink]
        self._media: dict[SiteId, OfferingLink] = {}
        self._site_states: dict[SiteId, SiteState] = {}
        self._offsets: dict[SiteId, tuple[int, int]] = {}
        self._clock_alarms: set[SiteId] = set()
        self._progress = ""
        self._ticks = 0
        self._near: dict[SeatCode, m.Status] = {}
        self._booth_done = False
        self._filmed_out = False
        self.on_closed: Callable[[], None] = lambda: None
        self.on_agent_answer: Callable[[SiteId, m.AgentAnswer], None] = lambda _site, _answer: None
        self._log = structlog.get_logger(__name__).bind(session=parts.conductor.id)
        self._tasks: set[asyncio.Task[None]] = set()
        parts.conductor.listeners.append(self._committed)

    # --- what a link or a seating asks ----------------------------------------------------------------

    @property
    def id(self) -> SessionId:
        """The session's id."""
        return self.conductor.id

    @property
    def host_online(self) -> bool:
        """This is the host."""
        return True

    def feed(self, seat: SeatCode) -> FeedLog:
        """Return the feed of a seat."""
        return self.conductor.feeds[seat]

    def feed_of(self, site: SiteId, audience: str) -> FeedLog:
        """Return the feed of one of a site's audiences.

        Raises:
            NotPermitted: the seat belongs to another node.
        """
        if audience == NODE_AUDIENCE:
            return self.conductor.feeds[node_key(site)]
        seat = self.conductor.session.seats.get(SeatCode(audience))
        if seat is None or not self.serves(site, seat):
            raise roles.NotPermitted(kind="subscribe", audience=audience[:64], site=site)
        return self.conductor.feeds[audience]

    def serves(self, site: SiteId, seat: Seat) -> bool:
        """Say whether a site's node seats these people: its own, and over a complaint every member, who may come back anywhere."""
        session = self.conductor.session
        return seat.node == site or (session.asides.complaints.open > 0 and seat.code in session.members)

    def roster_for(self, site: SiteId) -> m.Roster | None:
        """Return what a site's node needs to seat people; None for a site without part in this session."""
        session = self.conductor.session
        known = session.sites.get(site)
        if known is None or not known.node or known.host:
            return None
        here = {seat.code for seat in session.seats.values() if self.serves(site, seat)}
        seats = tuple(one for one in self.parts.register.roster(self.id) if one.seat in here)
        return m.Roster(
            session=self.id,
            title=self.title,
            site=site,
            seats=seats,
            log_key=session.keys.log,
            reel_seconds=self.parts.reel_seconds,
            filming=session.filming(),
            closed=session.closed,
        )

    def site_changed(self, site: SiteId, state: LinkState) -> None:
        """Journal that a site went silent or came back; greet its witness."""
        if self.roster_for(site) is None or self.conductor.session.closed:
            return
        if state is LinkState.OFFLINE:
            self._site_states.pop(site, None)
            self._note(ev.SiteLost(site))
        elif state is LinkState.ONLINE:
            self._renew_media(site)
            if site in self._offsets:
                self._note(ev.SiteReturned(site))
            self.parts.notary.connected(site)

    def may_watch(self, seat: SeatCode, track: TrackId) -> bool:
        """Say whether a seat may see a track live now."""
        session = self.conductor.session
        who, shown = session.seats.get(seat), self._tracks().get(track)
        outside = who is not None and who.role is Role.EXPERT and seat not in session.members
        if who is None or shown is None or outside:
            return False
        return visibility.may_watch(who.role, shown.kind, session.stage, own_site=shown.site == who.site)

    def _tracks(self) -> dict[TrackId, Track]:
        """Return every track that a seat of the session may publish."""
        seats = self.conductor.session.seats.values()
        tracks = (track_of(seat.site, seat.code, kind) for seat in seats for kind in TrackKind)
        return {track.id: track for track in tracks}

    def seat_changed(self, seat: SeatCode, state: LinkState) -> None:
        """Journal that a seat of the host's node went silent or came back."""
        session = self.conductor.session
        fact = presence_fact(seat, state, self.parts.now())
        ours = session.seats[seat].node == session.host_site
        if fact is not None and ours and seat in session.seat_keys and not session.closed:
            self.booth.note([fact])

    # --- orders ---------------------------------------------------------------------------------------

    def give(self, seat: SeatCode, submit: m.Submit) -> None:
        """Take a command of a seat of the host's node."""
        command = submit.command
        if isinstance(command, ImportBid) and not self.parts.has_document(command.sha256):
            self.seating.refuse(seat, refused(submit.command_id, UnknownDocument(sha256=command.sha256[:64])))
            return
        outcome = self.conductor.submit(self._order_of(seat, submit))
        outcome.add_done_callback(lambda done: self._answer(seat, submit.command_id, done.result()))

    def _answer(self, seat: SeatCode, command_id: CommandId, outcome: EvalroomError | None) -> None:
        if outcome is None:
            self.seating.acknowledge(seat, command_id)
        else:
            self.seating.refuse(seat, refused(command_id, outcome))

    def _order_of(self, code: SeatCode, submit: m.Submit) -> Order:
        seat = self.conductor.session.seats[code]
        return Order(
            submit.command,
            self.parts.now(),
            code,
            seat.site,
            seat.role,
            submit.command_id,
            submit.sig,
            submit.secrets,
        )

    def hand(self, facts: tuple[NodeFact, ...]) -> None:
        """Take facts of the host's own recorder."""
        order = Order(
            RecordFacts(facts), self.parts.now(), NODE_AUDIENCE, self.conductor.session.host_site, Role.NODE
        )
        self._spawn(self._hand(order))

    async def _hand(self, order: Order) -> None:
        outcome = await self.conductor.submit(order)
        if outcome is not None:
            self._refused_facts(order.site, outcome)

    def _refused_facts(self, site: SiteId, error: EvalroomError) -> None:
        """A recorder's facts that the journal will not take are lost evidence: somebody must look."""
        self._log.error("recorder_facts_refused", site=site, code=error.code, detail=error.detail)
        text = f"The journal refused facts of the recorder at {site}: {error}"
        self._raise_alarm(f"facts-{site}", error.code, text[:500])

    def service_failed(self, name: str) -> None:
        """Tell people that a service of the host has failed; it is begun again, and a person should look why."""
        text = f"The host's {name} failed and was begun again; scores and journal are safe. Keep the log of this minute."
        self._raise_alarm(f"service-{name}", "service_failed", text)

    def _raise_alarm(self, alarm: str, code: str, text: str) -> None:
        """Raise an alarm about the host's own work, once as long as nobody has closed it."""
        session = self.conductor.session
        if not session.closed and not session.alarms.get(alarm):
            self._note(ev.AlarmRaised(alarm, code, "", text))

    def take_from_site(self, site: SiteId, message: m.FromSite) -> None:
        """Take a site's message that is not about feeds and heartbeats."""
        match message:
            case m.Submit():
                self._spawn(self._give_for_site(site, message))
            case m.SiteStatus(state=state):
                self._take_state(site, state)
            case m.SeatPresent(seat=seat, issue=issue):
                self._spawn(asyncio.to_thread(self.parts.register.used, self.id, seat, issue))
            case m.Cosign():
                self._spawn(self._cosigned(site, message))
            case m.WitnessRefusal():
                self.parts.notary.take_refusal(site, message)
            case m.AgentAnswer():
                self.on_agent_answer(site, message)
            case m.Watch() | m.Answer() | m.MediaLost():
                self._link_to(site).handle(message)
            case _:
                self._log.warning("unexpected_site_message", site=site, kind=message.kind)

    async def _give_for_site(self, site: SiteId, submit: m.Submit) -> None:
        audience = submit.seat or NODE_AUDIENCE
        try:
            order = self._order_from_site(site, submit)
        except roles.NotPermitted as refusal:
            self.parts.links.send(site, self.id, refused(submit.command_id, refusal, audience))
            return
        outcome = await self.conductor.submit(order)
        if outcome is None:
            self.parts.links.acknowledge(site, self.id, audience, submit.command_id)
            return
        if not submit.seat:
            self._refused_facts(site, outcome)
        self.parts.links.send(site, self.id, refused(submit.command_id, outcome, audience))

    def _order_from_site(self, site: SiteId, submit: m.Submit) -> Order:
        if not submit.seat:
            return Order(submit.command, self.parts.now(), NODE_AUDIENCE, site, Role.NODE, submit.command_id)
        self.feed_of(site, submit.seat)
        return self._order_of(SeatCode(submit.seat), submit)

    async def _cosigned(self, site: SiteId, message: m.Cosign) -> None:
        try:
            await self.parts.notary.take_cosignature(site, message)
        except EvalroomError as error:
            log_refusal(error, site)

    def _note(self, event: ev.HostEvent) -> None:
        fact = HostFact(self.parts.now(), event)
        session = self.conductor.session
        self.conductor.submit(Order(NoteFacts((fact,)), fact.at, HOST_ACTOR, session.host_site, Role.HOST))

    def note(self, event: ev.HostEvent) -> None:
        """Journal something the host's services saw."""
        self._note(event)

    # --- after a commit ---------------------------------------------------------------------------------

    def _committed(self, committed: Committed) -> None:
        for audience in committed.audiences:
            self._wake(audience)
        if any(isinstance(fact.event, _ENDS_FILMING) for fact in committed.facts):
            self.conclude()
        if any(isinstance(fact.event, _STILLER) for fact in committed.facts):
            self._close_when_still()
        if any(isinstance(fact.event, ComplaintOpened | ComplaintClosed) for fact in committed.facts):
            self.parts.links.refresh(self)
        if any(isinstance(fact.event, ev.SessionClosed) for fact in committed.facts):
            self.parts.links.refresh(self)
            self.on_closed()

    def _wake(self, audience: str) -> None:
        session = self.conductor.session
        seat = session.seats.get(SeatCode(audience))
        if seat is None:
            site = SiteId(audience.partition(":")[2])
            self.parts.links.grew(site, self.id, NODE_AUDIENCE)
        else:
            for site in self._sub_sites():
                if self.serves(site, seat):
                    self.parts.links.grew(site, self.id, seat.code)
            self.seating.grew(seat.code)  # who cannot reach the node of the site may sit at the host's

    def conclude(self) -> None:
        """Let the recordings of all sites end once nobody is filmed any more; the session's close follows."""
        if not self._filmed_out and not self.conductor.session.filming():
            self._filmed_out = True
            self.parts.links.refresh(self)
            self._spawn(self._finish_recording())

    async def _finish_recording(self) -> None:
        await self.booth.finish()
        self._booth_done = True
        self._close_when_still()

    def _close_when_still(self) -> None:
        """Close the journal once the session is concluded, no track runs at any site and no trustee holds keys.

        Where the profile asks for duty forms the operator closes it, for experts may answer theirs; and no phone is left.
        """
        session = self.conductor.session
        people = session.profile.people
        if people.appraisal or (people.phone and any(session.arrivals.phones.values())):
            return
        running = any(record.running for record in session.tracks.values())
        waiting = running or not self._booth_done or session.ceremony.keys_at_large() or session.held_open()
        waiting = waiting or (session.stage is Stage.FAILED and session.lacks_signatures())
        if session.stage not in OVER or waiting or session.closed:
            return
        self._spawn(self._close())

    async def _close(self) -> None:
        """End the journal; a refusal (a witness saw another history) is told, and tried again at the next quorum."""
        session = self.conductor.session
        command = CloseSession("all tracks are closed")
        order = Order(command, self.parts.now(), HOST_ACTOR, session.host_site, Role.HOST)
        outcome = await self.conductor.submit(order)
        if outcome is not None and not isinstance(outcome, SessionOver):
            self._log.error("session_not_closed", code=outcome.code, detail=outcome.detail)

    # --- what everybody is told about once a second -------------------------------------------------------

    async def run_status(self) -> None:
        """Tell the seats of the host's node, and staff elsewhere, how things stand, until cancelled."""
        while True:
            self._tell_status()
            self._tell_progress()
            self._void_draws()
            self._record_silence()
            await asyncio.sleep(STATUS_S)

    def _void_draws(self) -> None:
        """End draws whose parties were silent; one that ended meanwhile refuses, and that is all right."""
        session, now = self.conductor.session, self.parts.now()
        for draw in session.draws.overdue(now):
            self.conductor.submit(Order(VoidDraw(draw), now, HOST_ACTOR, session.host_site, Role.HOST))

    def _record_silence(self) -> None:
        """Put down which bidders let their time to answer pass; whoever answers meanwhile is refused as late."""
        session, now = self.conductor.session, self.parts.now()
        for question in session.asides.questions.overdue(now) if session.stage in ASKING else ():
            self.conductor.submit(
                Order(RecordSilence(question), now, HOST_ACTOR, session.host_site, Role.HOST)
            )

    def _tell_status(self) -> None:
        own = self.own_state()
        self._tell_staff(own)
        self._ticks += 1
        for place, person in enumerate(self.seating.seated()):
            seat = self.conductor.session.seats[person.seat]
            if seat.role not in (Role.SUPERVISOR, Role.OPERATOR, Role.ARCHIVIST):
                self._tell_near(seat, own, due=(self._ticks + place) % NEAR_EVERY == 0)

    def _tell_staff(self, own: SiteState) -> None:
        staff = self._listening((Role.SUPERVISOR, Role.OPERATOR))
        if staff:
            sites = (own, *(self._remote_state(site) for site in self._sub_sites()))
            whole = encode(self._status(sites))
            for seat in staff:
                self._tell(seat, whole)

    def _listening(self, roles_told: tuple[Role, ...]) -> list[Seat]:
        """Return the seats of these roles that may have a window open; of another node's it is not known here."""
        session, here = self.conductor.session, {one.seat for one in self.seating.seated()}
        return [
            seat
            for seat in session.seats.values()
            if seat.role in roles_told and (seat.code in here or seat.node != session.host_site)
        ]

    def _tell_near(self, seat: Seat, own: SiteState, *, due: bool) -> None:
        """Tell a seat how it stands itself: when that has changed, and now and then for whoever has just come."""
        status = self._status((near(own, seat),))
        if due or self._near.get(seat.code) != status:
            self._near[seat.code] = status
            self._tell(seat, encode(status))

    def _sub_sites(self) -> list[SiteId]:
        return [one.id for one in self.conductor.session.sites.values() if one.node and not one.host]

    def _remote_state(self, site: SiteId) -> SiteState:
        link = self.parts.links.states().get(site)
        state = self._site_states.get(site)
        word = str(link.state) if link else str(LinkState.NEVER)
        if state is None:
            return empty_state(site, word)
        return replace(state, link=word, rtt_ms=link.rtt_ms if link else None)

    def _status(self, sites: tuple[SiteState, ...]) -> m.Status:
        session = self.conductor.session
        notary = self.parts.notary
        return m.Status(session.stage, session.paused, sites, notary.state(), notary.cosigned_ms)

    def own_state(self) -> SiteState:
        """Describe the host's own site."""
        usage = shutil.disk_usage(self.parts.folder)
        return SiteState(
            site=self.conductor.session.host_site,
            link=str(LinkState.ONLINE),
            rtt_ms=0,
            offset_ms=0,
            offset_bound_ms=0,
            outbox=0,
            recorder=self.booth.word(),
            disk_used_percent=round(100 * usage.used / usage.total),
            disk_free_mb=usage.free // 1_000_000,
            reels_waiting=0,
            reels_waiting_mb=0,
            uplink_kbps=0,
            seats=self.seating.states(),
            tracks=track_states(self.parts.relay, self.booth.recorded()),
        )

    def _take_state(self, site: SiteId, state: SiteState) -> None:
        self._site_states[site] = state
        if state.offset_ms is None or state.offset_bound_ms is None or self.conductor.session.closed:
            return
        now = self.parts.now()
        before = self._offsets.get(site)
        moved = before is not None and abs(state.offset_ms - before[1]) > OFFSET_MOVED_MS
        due = before is None or moved or now - before[0] > OFFSET_EVERY_MS
        if due and state.offset_bound_ms <= BOUND_MS:
            self._offsets[site] = (now, state.offset_ms)
            self._note(
                ev.SiteOffsetMeasured(site, state.offset_ms * 1000, max(state.offset_bound_ms, 1) * 1000)
            )
        if abs(state.offset_ms) > ALARM_MS and site not in self._clock_alarms:
            self._clock_alarms.add(site)
            text = f"The clock of site {site} is {state.offset_ms} ms off; recordings there are mapped, set it right."
            self._note(ev.AlarmRaised(f"clock-{site}", "clock_off", "", text))

    def _tell_progress(self) -> None:
        staff = self._listening(_TOLD_PROGRESS)
        text = encode(self.progress()) if staff else self._progress
        if text == self._progress:
            return
        self._progress = text
        for seat in staff:
            self._tell(seat, text)

    def progress_now(self, seat: Seat) -> None:
        """Tell one seat the progress at once: it has just come."""
        if seat.role in _TOLD_PROGRESS:
            self._tell(seat, encode(self.progress()))

    def progress(self) -> m.Progress:
        """Count how far every sheet is, without a value."""
        session = self.conductor.session
        rows = [
            m.SheetProgress(
                seat,
                lot.id,
                part,
                (sheet := session.sheet(seat, lot.id, part)).filled(),
                session.cells_in(lot.id, part),
                locked=sheet.locked is not None,
            )
            for lot in session.tender.lots
            for part in Part
            if items_of(lot, part)
            for seat in session.experts()
        ]
        return m.Progress(tuple(rows))

    def _tell(self, seat: Seat, text: str) -> None:
        if seat.node == self.conductor.session.host_site:
            self.seating.tell(seat.code, text)
        else:
            self.parts.links.tell(seat.node, self.id, seat.code, text)

    # --- media --------------------------------------------------------------------------------------------

    def on_track(self, event: TrackEvent) -> None:
        """Record what comes up at the host's own seats."""
        if isinstance(event, TrackUp) and self._is_own(event.source.track.id):
            event.source.set_bitrate(self.parts.bitrates[event.source.track.kind])
            self.booth.track_up(event.source)

    def on_watched(self) -> None:
        """Ask each site's node for exactly those of its tracks that somebody watches through this node."""
        watched = self.parts.relay.watched()
        for site in self._sub_sites():
            tracks = [track for track in self._tracks_at(site) if track.id in watched]
            if tracks or site in self._media:
                self._link_to(site).want(tracks)

    def _tracks_at(self, node: SiteId) -> list[Track]:
        seats = [seat for seat in self.conductor.session.seats.values() if seat.node == node]
        return [track_of(seat.site, seat.code, kind) for seat in seats for kind in TrackKind]

    def _is_own(self, track: TrackId) -> bool:
        return any(track == one.id for one in self._tracks_at(self.conductor.session.host_site))

    def _renew_media(self, site: SiteId) -> None:
        """Offer anew to a node that came back: it may have been restarted, or missed the last offer."""
        link = self._media.get(site)
        if link is not None:
            link.handle(m.MediaLost(link.generation))

    def _link_to(self, site: SiteId) -> OfferingLink:
        if site not in self._media:
            self._media[site] = self.new_link(site)
        return self._media[site]

    def send_to_site(self, site: SiteId, message: object) -> None:
        """Send a message of this session to a site's node; without a link it is lost, and asked for again."""
        self.parts.links.send(site, self.id, message)

    # --- tasks --------------------------------------------------------------------------------------------

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._log.error("task_failed", error=repr(task.exception()), exc_info=task.exception())
