"""The venue: everything this sub-site runs.  Sessions come from the host by their rosters, and from the spool.

It puts an evaluation together from its parts, takes stored ones up again after a restart, and is what the door
asks.  It decides nothing about a session, and refuses to start without having joined a centre.
"""

import asyncio
import os
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path

import httpx
import sqlalchemy as sa
import structlog
from starlette.requests import HTTPConnection

from evalroom.commands import NodeFact
from evalroom.events import RecordingEvent, ReelClosed
from evalroom.ids import SessionId, TrackId, check_name
from evalroom.media import TrackKind
from evalroom.protocol import messages as m
from evalroom.protocol.liveness import LinkState
from evalroom.protocol.subscriber import SubscriberEnd
from recorder.booth import Booth, BoothTerms
from recorder.capture import CaptureSettings
from recorder.disk import Reserve
from recorder.recovery import Recovered, recover, told_by
from signaling.clock import monotonic_ms
from signaling.codec import decode_to_site, parse_json
from signaling.custody.client import AgentClient
from signaling.database import STORE_FAILED, Writer, open_engine
from signaling.door import identify_seat
from signaling.ice import IceServer, IceSettings, TurnServer, turn_credentials
from signaling.link import AnsweringLink
from signaling.register import Claim, NotSeated, SeatRegister, credentials
from signaling.relay import Relay
from signaling.seating import Seating, SeatingTerms
from sub_site import spool
from sub_site.agent import AgentRelay
from sub_site.clock import SessionClock
from sub_site.documents import Documents
from sub_site.enrolment import Identity
from sub_site.evaluation import Evaluation, Parts
from sub_site.handover import Handover
from sub_site.link import SITE_FRAME, HostLink, LinkSession
from sub_site.sealed_documents import SealedDocuments
from sub_site.settings import SiteSettings
from sub_site.uplink import TIMEOUT, Uplink, tls_context
from sub_site.witness import Witness

MEASURE_S = 10.0
"""Seconds between two notes of the host's clock, with which a restart without the host begins."""

Fatal = Callable[[BaseException], None]


def end_process(error: BaseException) -> None:
    """End this process: something failed on the way of journal or recording, and a restart reads what is true."""
    structlog.get_logger(__name__).critical("service_failed", error=repr(error), exc_info=error)
    os._exit(STORE_FAILED)


class Venue:
    """Everything this sub-site runs."""

    def __init__(self, settings: SiteSettings, identity: Identity, fatal: Fatal = end_process) -> None:
        """Open spool and folders under the data folder; `start` brings everything to life."""
        self.settings = settings
        self.identity = identity
        self._fatal = fatal
        self._reserve = Reserve(settings.data_dir, settings.reserve_mb)
        self._reserve.look()  # a full disk may be what ended this node before
        engine = open_engine(settings.data_dir / "spool.sqlite")
        spool.metadata.create_all(engine)
        self.writer = Writer(engine, fatal)
        self.register = SeatRegister(engine, monotonic_ms)
        self.clock = SessionClock()
        host_url = settings.host_url or identity.host_url
        tls = tls_context(settings.host_ca) if host_url.startswith("https:") else None
        self.link = HostLink(identity, host_url, tls, self)
        client = httpx.AsyncClient(base_url=host_url, timeout=TIMEOUT, verify=tls or True, trust_env=False)
        self.uplink = Uplink(client)
        self.documents = Documents(settings.data_dir / "documents", self.uplink, lambda: self.link.online)
        self.sealed_documents = SealedDocuments(self.uplink)
        self.witness = Witness(self.writer, identity.witness)
        socket = settings.agent_socket
        self.agent = AgentRelay(AgentClient(socket) if socket else None, self.link)
        self.evaluations: dict[SessionId, Evaluation] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._log = structlog.get_logger(__name__).bind(site=identity.site)

    # --- life ---------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Take up all sessions that are not done, then dial the host."""
        with self.writer.engine.connect() as db:
            offset, bound = spool.read_measure(db, "offset_ms"), spool.read_measure(db, "bound_ms")
            stored = [one for one in spool.read_sessions(db) if not one.done]
        if offset is not None and bound is not None:
            self.clock.restore(offset, bound)
        for one in stored:
            await self._bring_up(_roster(one.roster))
        self._spawn(self._reserve.watch())
        self._spawn(self.link.run())
        self._spawn(self.documents.run())
        self._spawn(self._keep_clock())

    async def stop(self) -> None:
        """Stop all work; recordings that are open stay as they are and are recovered at the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.agent.close()
        for evaluation in self.evaluations.values():
            await evaluation.close()
        await self.uplink.close()
        self.writer.close()

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fatal(error)

    async def _keep_clock(self) -> None:
        while True:
            offset, bound = self.clock.offset_ms, self.clock.bound_ms
            if offset is not None and bound is not None:
                await self.writer.write(partial(spool.put_measures, offset_ms=offset, bound_ms=bound))
            await asyncio.sleep(MEASURE_S)

    # --- sessions -------------------------------------------------------------------------------------------

    def sessions(self) -> dict[SessionId, LinkSession]:
        """Return all sessions this site serves."""
        return dict(self.evaluations)

    async def enrol(self, roster: m.Roster, now: int) -> None:
        """Take a roster: of a session new to this site, or of one that is known."""
        if roster.session not in self.evaluations:
            await self._bring_up(roster)
        self.evaluations[roster.session].enrol(roster, now)

    def pinged(self, sent_ms: int) -> None:
        """Measure the host's clock from this instant."""
        self.clock.sent(sent_ms)

    def ponged(self, pong: m.Pong) -> None:
        """Take the host's clock; people may come in once it is known."""
        known = self.clock.known
        self.clock.answered(pong.sent_ms, pong.at_ms)
        for evaluation in self.evaluations.values() if not known else ():
            evaluation.seat_people()

    async def _bring_up(self, roster: m.Roster) -> None:
        folder = self.settings.data_dir / "sessions" / check_name(roster.session)
        (folder / "media").mkdir(parents=True, exist_ok=True)
        relay = Relay(
            on_event=lambda event: evaluation.on_track(event),  # noqa: PLW0108 - the evaluation is made below
            on_watched=lambda tracks: evaluation.on_watched(tracks),  # noqa: PLW0108 - likewise
        )
        evaluation = Evaluation(self._parts(roster, folder, relay), roster)
        evaluation.fatal = self._fatal
        evaluation.seating = Seating(self._terms(evaluation), evaluation, relay, self.clock.now)
        evaluation.booth = self._booth(evaluation, folder)
        evaluation.media = AnsweringLink(
            relay,
            evaluation.parts.send,
            settings=self._ice(),
            server=self.ice_server(),
            name=f"{self.identity.site}-host",
        )
        with self.writer.engine.connect() as db:
            facts = evaluation.restore(db)
            received = spool.read_handed_over(db, roster.session)
        await self._recover(evaluation, folder, facts, received)
        self.evaluations[roster.session] = evaluation
        self._start(evaluation)

    def _parts(self, roster: m.Roster, folder: Path, relay: Relay) -> Parts:
        session = roster.session
        return Parts(
            site=self.identity.site,
            end=SubscriberEnd(session),
            writer=self.writer,
            relay=relay,
            witness=self.witness,
            agent=self.agent,
            documents=self.documents,
            sealed_documents=self.sealed_documents,
            handover=Handover(session, folder / "media", self.uplink, self.writer, lambda: self.link.online),
            uplink=self.uplink,
            folder=folder,
            clock=self.clock,
            bitrates={
                TrackKind.CAMERA: self.settings.camera_kbps * 1000,
                TrackKind.SCREEN: self.settings.screen_kbps * 1000,
            },
            send=lambda message: self.link.send(session, message),
            wake=self.link.wake,
            link_state=self._link_state,
            enrol=self._seat,
        )

    def _link_state(self) -> LinkState:
        return self.link.state

    def _terms(self, evaluation: Evaluation) -> SeatingTerms:
        return SeatingTerms(
            session=evaluation.id,
            node=self.identity.site,
            site_of=evaluation.site_of,
            ice=self._ice(),
            ice_server=self.ice_server,
        )

    def _booth(self, evaluation: Evaluation, folder: Path) -> Booth:
        settings = CaptureSettings(reel_s=evaluation.roster.reel_seconds)
        terms = BoothTerms(self.identity.site, folder / "media", self.clock.now, settings)
        return Booth(terms, evaluation.hand, evaluation.parts.handover.add)

    async def _recover(
        self, evaluation: Evaluation, folder: Path, facts: list[NodeFact], received: set[tuple[TrackId, int]]
    ) -> None:
        """Put in order what an earlier process left of this site's recordings, and queue what it had not sent."""
        told = told_by(fact.body for fact in facts if isinstance(fact.body, RecordingEvent))
        closed = [reel for track in told.values() for reel in track.closed.values()]
        evaluation.parts.handover.restore(closed, received)
        answered = facts[: evaluation.acts.kept - len(evaluation.acts)]
        evaluation.parts.handover.journalled(
            fact.body for fact in answered if isinstance(fact.body, ReelClosed)
        )
        if told:
            for one in await asyncio.to_thread(recover, folder / "media", told):
                _go_on(evaluation, one)

    def _start(self, evaluation: Evaluation) -> None:
        self._spawn(evaluation.run())
        self._spawn(evaluation.seating.run())
        self._spawn(evaluation.parts.relay.run())
        self._spawn(evaluation.booth.run())
        self._spawn(evaluation.parts.handover.run())
        self._spawn(evaluation.run_status())
        evaluation.start()
        self._log.info("session_up", session=evaluation.id, stage=str(evaluation.stage))

    def evaluation(self, session: SessionId) -> Evaluation:
        """Return a session that runs at this site.

        Raises:
            NotSeated: there is none by that name.
        """
        evaluation = self.evaluations.get(session)
        if evaluation is None:
            raise NotSeated(session=session[:64])
        return evaluation

    # --- seats: what the door asks ------------------------------------------------------------------------

    @property
    def secure(self) -> bool:
        """Say whether browsers reach this node by https."""
        return self.settings.secure

    def seating(self, session: SessionId) -> Seating:
        """Return the live seats of a session at this node."""
        return self.evaluation(session).seating

    def title(self, session: SessionId) -> str:
        """Return what a session is about."""
        return self.evaluation(session).roster.title

    def _ice(self) -> IceSettings:
        turn = None
        if self.settings.turn_url:
            turn = TurnServer(self.settings.turn_url, self.settings.turn_secret.get_secret_value())
        return IceSettings(turn=turn, loopback=self.settings.media_loopback, relay_only=self.relay_only)

    @property
    def relay_only(self) -> bool:
        """Say whether media may take no way but the TURN server."""
        return self.settings.media_relay_only

    def ice_server(self) -> IceServer | None:
        """Return the TURN server with fresh credentials, None without one."""
        turn = self._ice().turn
        return turn_credentials(turn, "seat", self.clock.now() // 1000) if turn else None

    async def seat_claimed(self, claim: Claim) -> None:
        """End the seat's older windows, and tell the host that the code is used up, now or when it is back."""
        if claim.issue > 1:
            self.seating(claim.session).end_seat(claim.seat)
        self.link.send(claim.session, m.SeatPresent(claim.seat, claim.issue))

    async def _seat(self, roster: m.Roster) -> None:
        """Take a roster's codes in, and tell the host which of them were used while it was out of reach."""
        used = await asyncio.to_thread(self._enrol, roster)
        for present in used:
            self.link.send(roster.session, present)

    def _enrol(self, roster: m.Roster) -> list[m.SeatPresent]:
        self.register.enrol(roster.session, roster.seats)
        where = (credentials.c.session == roster.session) & (credentials.c.used > 0)
        with self.writer.engine.connect() as db:
            rows = db.execute(sa.select(credentials.c.seat, credentials.c.used).where(where))
            return [m.SeatPresent(row.seat, row.used) for row in rows]

    def identify(self, connection: HTTPConnection) -> Claim:
        """Return who is behind a request.

        Raises:
            NotSeated: nobody with a seat at this node.
        """
        return identify_seat(self.register, connection)


def _roster(text: str) -> m.Roster:
    message = decode_to_site(parse_json(text, limit=SITE_FRAME))
    if not isinstance(message, m.Roster):
        raise TypeError("the spool keeps rosters only")
    return message


def _go_on(evaluation: Evaluation, recovered: Recovered) -> None:
    """Tell the journal what recovery found, and let the next recorder of the track go on from there."""
    evaluation.booth.tell(recovered.facts)
    evaluation.interrupted(recovered.track, recovered.resume)
