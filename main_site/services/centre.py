"""The centre: all sessions of this host, its sites, documents and people; what the API works with.

It puts an evaluation together from its parts, opens new sessions and takes stored ones up again.  It holds no
rule: what may happen in a session is the session's business.
"""

import asyncio
import hmac
import secrets
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
import structlog
from starlette.requests import HTTPConnection

from evalroom import events as ev
from evalroom.commands import OpenSession, Order
from evalroom.errors import MalformedName, Refusal
from evalroom.ids import (
    BIDDER_ACTOR,
    HOST_ACTOR,
    NODE_ACTOR,
    TRUSTEE_ACTOR,
    SeatCode,
    SessionId,
    SiteId,
    check_name,
)
from evalroom.ledger.checkpoint import default_quorum
from evalroom.ledger.note import KeyKind, SigningKey, parse_vkey
from evalroom.media import TrackKind
from evalroom.protocol.messages import SeatCredential
from evalroom.roles import Role
from evalroom.stages import OVER
from evalroom.tender import check_tender
from main_site import software
from main_site.documents import DocumentStore
from main_site.identity.authority import certify, open_authority, recognise
from main_site.identity.report_signer import ReportSigner, open_report_signer
from main_site.services.archive_keys import read_recipients
from main_site.services.archives import Archiver
from main_site.services.conductor import Committed, Conductor
from main_site.services.evaluation import Evaluation, Parts
from main_site.services.evidence import Proofs
from main_site.services.inquiries import Inquiries
from main_site.services.links import SiteLinks
from main_site.services.notary import Notary
from main_site.services.opening import Opening, OpeningParts
from main_site.services.recordings import Recordings
from main_site.services.reports import ReportParts, Reports
from main_site.services.rosters import Rosters
from main_site.services.standings import Standings
from main_site.services.submissions import SubmissionParts, Submissions, UnknownTender, UploadLimits
from main_site.services.timestamps import TimeStamps
from main_site.services.trustees import SessionTrustees, TrusteeParts
from main_site.settings import HostSettings
from main_site.store import bids as bid_store
from main_site.store import centre as centre_store
from main_site.store import journal as store
from main_site.store import standing as standing_store
from main_site.template import SessionTemplate
from main_site.template.sealing import changed_terms, stored_terms
from recorder.booth import Booth, BoothTerms
from recorder.capture import CaptureSettings
from recorder.disk import Reserve
from recorder.recovery import Recovered, recover, told_by
from signaling.clock import HostClock, monotonic_ms
from signaling.custody.client import AgentClient
from signaling.database import StoreFailed, Writer, open_engine
from signaling.door import identify_seat, seat_cookie
from signaling.ice import IceServer, IceSettings, TurnServer, turn_credentials
from signaling.link import OfferingLink
from signaling.register import Claim, NotSeated, SeatRegister, TooManyTries, WrongCode, credential, new_code
from signaling.relay import Relay
from signaling.seating import Seating, SeatingTerms

OPERATOR_COOKIE = "evalroom_operator"
AGAIN_S = 2.0
"""Seconds before a service that failed is begun again."""
TRIES, WINDOW_MS = 10, 60_000


class SessionExists(Refusal):
    """There is already a session by that name: choose another one in the template."""

    code = "session_exists"


class SiteNotJoined(Refusal):
    """A sub-site of the template has not joined this centre yet: give it an enrolment code and let it join."""

    code = "site_not_joined"


class UnknownSession(Refusal):
    """There is no session by that name at this host."""

    code = "unknown_session"


@dataclass(frozen=True, slots=True)
class OperatorPerson:
    """The host's operator, known by the centre's operator code."""

    role: Role = Role.OPERATOR


@dataclass(frozen=True, slots=True)
class NodePerson:
    """A sub-site's node, known by the token it got on its link."""

    site: SiteId
    role: Role = Role.NODE


@dataclass(slots=True)
class Live:
    """One session in memory."""

    evaluation: Evaluation
    recordings: Recordings
    archiver: Archiver
    stored: store.StoredSession
    submissions: Submissions | None
    reports: Reports
    inquiries: Inquiries | None = None
    opening: Opening | None = None
    rosters: Rosters | None = None


@dataclass(frozen=True, slots=True)
class IssuedCode:
    """A seat and its fresh one-time code, shown once."""

    seat: SeatCode
    role: Role
    label: str
    site: SiteId
    node: SiteId
    code: str


class Centre:
    """Everything this host runs."""

    def __init__(self, settings: HostSettings, operator_code: str) -> None:
        """Open database, keys and folders under the data folder."""
        self.settings = settings
        self.clock = HostClock()
        self._reserve = Reserve(settings.data_dir, settings.reserve_mb)
        self._reserve.look()  # a full disk may be what ended this node before
        engine = open_engine(settings.data_dir / "evalroom.sqlite")
        for metadata in (store.metadata, centre_store.metadata, bid_store.metadata, standing_store.metadata):
            metadata.create_all(engine)
        self.writer = Writer(engine)
        self.register = SeatRegister(engine, monotonic_ms)
        self.standings = Standings(self.writer, self.clock.now)
        self.documents = DocumentStore(settings.data_dir / "documents")
        self.authority = open_authority(settings.data_dir / "keys", settings.centre)
        self.links = SiteLinks(
            self.clock.now, lambda pem, nonce, sig: recognise(self.authority, pem, nonce, sig)
        )
        self.live: dict[SessionId, Live] = {}
        self._time_stamps = _time_stamps(settings)
        self._operator_code = operator_code
        self._operator_failures: list[int] = []
        self._opening = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._log = structlog.get_logger(__name__)

    # --- life -------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Take up all stored sessions and begin to serve the links."""
        self._spawn(self.links.run())
        self._spawn(self._reserve.watch())
        with self.writer.engine.connect() as db:
            stored = store.read_sessions(db)
        for one in stored:
            await self._resume(one)

    async def stop(self) -> None:
        """Stop all work; recordings that are open stay as they are and are recovered at the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for live in self.live.values():
            if live.opening is not None:
                await live.opening.parts.trustees.close()
            await live.evaluation.seating.close()
        self.writer.close()

    async def _conduct(self, conductor: Conductor) -> None:
        """Carry out a session's orders; a fault of ours ends the process, for the fold may be ahead of the disk."""
        try:
            await conductor.run()
        except StoreFailed:
            raise  # the writer has ended the process already
        except Exception as error:
            self._log.exception("conductor_failed", session=conductor.id)
            self.writer.fatal(error)
            raise

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._log.critical("service_ended", error=repr(task.exception()), exc_info=task.exception())

    # --- sessions -----------------------------------------------------------------------------------------

    async def open_session(self, template: SessionTemplate) -> list[IssuedCode]:
        """Open a session from a template and return the seats with their one-time codes.

        Raises:
            SessionExists, SiteNotJoined, UnusableTender: nothing was opened.
        """
        sealed = template.sealing is not None
        check_tender(template.tender, template.sites, template.seats, sealed=sealed)
        async with self._opening:  # a second click would meet the database's key, and that ends the process
            return await self._open_session(template)

    async def _open_session(self, template: SessionTemplate) -> list[IssuedCode]:
        if template.session in self.live:
            raise SessionExists(session=template.session)
        witnesses = self._witnesses(template)
        stored = store.StoredSession(template.session, self.clock.now(), secrets.token_bytes(32), "")
        conductor = Conductor(template.session, origin_of(template.session), self.writer, self.clock.now)
        command = OpenSession(
            session=template.session,
            tender=template.tender,
            sites=template.sites,
            seats=template.seats,
            keys=ev.SessionKeys(
                _log_key(stored).verifier.encode(), witnesses, default_quorum(len(witnesses))
            ),
            rehearsal=template.sealing is None,
            software=software(),
            profile=template.profile,
        )
        host = next(site.id for site in template.sites if site.host)
        issued = [
            IssuedCode(seat.code, seat.role, seat.label, seat.site, seat.node, new_code())
            for seat in template.seats
        ]
        credentials = await asyncio.to_thread(_credentials, issued)
        await conductor.open(Order(command, self.clock.now(), HOST_ACTOR, host, Role.HOST), stored)
        await asyncio.to_thread(self.register.enrol, template.session, credentials)
        if template.sealing is not None:
            terms = template.sealing.encode()
            await self.writer.write(lambda db: bid_store.put_terms(db, template.session, terms))
        await self._bring_up(conductor, stored, [])
        return issued

    def _witnesses(self, template: SessionTemplate) -> tuple[ev.WitnessKey, ...]:
        with self.writer.engine.connect() as db:
            known = {site.id: site for site in centre_store.read_sites(db)}
        keys = []
        for site in template.sites:
            if site.host or not site.node:
                continue
            if site.id not in known or not known[site.id].witness:
                raise SiteNotJoined(site=site.id)
            keys.append(ev.WitnessKey(site.id, known[site.id].witness))
        return tuple(keys)

    async def _resume(self, stored: store.StoredSession) -> None:
        conductor = Conductor(stored.id, origin_of(stored.id), self.writer, self.clock.now)
        with self.writer.engine.connect() as db:
            rows = list(store.read(db, stored.id))
            given = store.read_commands(db, stored.id)
        facts = conductor.resume(rows, given)
        await self._bring_up(conductor, stored, list(facts))

    async def _bring_up(
        self, conductor: Conductor, stored: store.StoredSession, facts: list[ev.Fact]
    ) -> None:
        recordings = Recordings()
        recordings.take(facts)
        conductor.screen = self.standings.screen
        notary = Notary(conductor, _log_key(stored), self.writer, self.links, self.clock.now)
        folder = self.settings.data_dir / "sessions" / conductor.id
        (folder / "media").mkdir(parents=True, exist_ok=True)
        relay = Relay(
            on_event=lambda event: evaluation.on_track(event),  # noqa: PLW0108 - bound only when called
            on_watched=lambda _: evaluation.on_watched(),
        )
        parts = Parts(
            conductor=conductor,
            notary=notary,
            links=self.links,
            register=self.register,
            relay=relay,
            folder=folder,
            now=self.clock.now,
            reel_seconds=self.settings.reel_seconds,
            bitrates=self._bitrates(),
            has_document=self.documents.has,
        )
        evaluation = Evaluation(parts)
        evaluation.seating = Seating(self._seating_terms(conductor), evaluation, relay, self.clock.now)
        evaluation.booth = self._booth(evaluation)
        evaluation.new_link = lambda site: self._new_link(evaluation, site)
        reports = Reports(conductor, self.writer.engine, self._report_parts())
        archiver = Archiver(
            evaluation, recordings, self.writer, self.documents, self.settings.data_dir / "archives", reports
        )
        submissions = self._submissions(parts, stored, facts)
        live = Live(evaluation, recordings, archiver, stored, submissions, reports)
        if live.submissions is not None:
            live.opening = self._opening_of(live.submissions, evaluation, facts)
            live.inquiries = Inquiries(live.submissions)
            live.rosters = Rosters(live.opening, folder / "rosters")
        archiver.submissions = live.submissions
        conductor.listeners.append(lambda committed: _fold(recordings, committed))
        evaluation.on_closed = lambda: self._spawn(archiver.run())
        self.live[conductor.id] = live
        await self._recover(live, facts)
        self._start(live)

    def _report_parts(self) -> ReportParts:
        settings = self.settings
        return ReportParts(settings.report_fonts, self._report_signer, settings.tsa_url, self.clock.now)

    def _report_signer(self) -> ReportSigner:
        """Return who signs the PDF of reports; made when the first report is.  Blocks on the disk."""
        given = (self.settings.report_cert, self.settings.report_key)
        pair = (given[0], given[1]) if given[0] and given[1] else None
        return open_report_signer(self.settings.data_dir / "keys", self.authority, pair)

    def _submissions(
        self, parts: Parts, stored: store.StoredSession, facts: list[ev.Fact]
    ) -> Submissions | None:
        """Return what takes sealed bids in; None in a rehearsal, whose bids are brought in plain."""
        if parts.conductor.session.rehearsal:
            return None
        limits = UploadLimits(
            announced=self.settings.uploads,
            per_address=self.settings.uploads_per_address,
            bytes_per_address=self.settings.upload_gb_per_address << 30,
            cover_per_hour=self.settings.cover_per_hour,
        )
        made = SubmissionParts(
            conductor=parts.conductor,
            notary=parts.notary,
            key=_log_key(stored),
            writer=self.writer,
            folder=parts.folder,
            now=self.clock.now,
            limits=limits,
            recipients=lambda: read_recipients(self.settings.archive_keys),
            time_stamps=self._time_stamps,
        )
        return Submissions(made, facts)

    def _opening_of(self, submissions: Submissions, evaluation: Evaluation, facts: list[ev.Fact]) -> Opening:
        """Return what leads a sealed session's opening, with the ways to its trustees' agents."""
        conductor, key = evaluation.conductor, submissions.parts.key
        local = {one.trustee: AgentClient(one.socket) for one in self.settings.agents}
        parts = TrusteeParts(
            conductor,
            local,
            lambda site, question: self.links.send(site, conductor.id, question),
            self.clock.now,
        )
        trustees = SessionTrustees(parts)
        evaluation.on_agent_answer = trustees.take_answer
        submissions.trustees = trustees
        proofs = Proofs(conductor, key, self.writer.engine, evaluation.parts.notary.hurry)
        folder = evaluation.parts.folder / "opening"
        return Opening(OpeningParts(submissions, trustees, proofs, key, folder, self.clock.now), facts)

    def _seating_terms(self, conductor: Conductor) -> SeatingTerms:
        session = conductor.session
        return SeatingTerms(
            session=session.id,
            node=session.host_site,
            site_of=lambda seat: session.seats[seat].site,
            ice=self._ice(),
            ice_server=self.ice_server,
        )

    def _bitrates(self) -> dict[TrackKind, int]:
        return {
            TrackKind.CAMERA: self.settings.camera_kbps * 1000,
            TrackKind.SCREEN: self.settings.screen_kbps * 1000,
        }

    def _booth(self, evaluation: Evaluation) -> Booth:
        settings = CaptureSettings(reel_s=self.settings.reel_seconds)
        terms = BoothTerms(
            evaluation.conductor.session.host_site,
            evaluation.parts.folder / "media",
            self.clock.now,
            settings,
        )
        return Booth(terms, evaluation.hand, lambda _reel: None)

    async def _recover(self, live: Live, facts: list[ev.Fact]) -> None:
        """Put in order what an earlier process left of the host's own recordings."""
        evaluation = live.evaluation
        session = evaluation.conductor.session
        if session.closed or not facts:
            return
        own = [
            fact.event
            for fact in facts
            if isinstance(fact.event, ev.RecordingEvent) and fact.site == session.host_site
        ]
        if not own:
            return
        folder = evaluation.parts.folder / "media"
        for one in await asyncio.to_thread(recover, folder, told_by(own)):
            _go_on(evaluation.booth, one)

    def _start(self, live: Live) -> None:
        evaluation = live.evaluation
        session = evaluation.conductor.session
        self._spawn(self._conduct(evaluation.conductor))
        services: dict[str, Callable[[], Coroutine[object, object, None]]] = {
            "notary": lambda: evaluation.parts.notary.run(self.settings.cosign_seconds),
            "seating": evaluation.seating.run,
            "relay": evaluation.parts.relay.run,
            "recorder": evaluation.booth.run,
            "status": evaluation.run_status,
        }
        if live.submissions is not None:
            services["submissions"] = live.submissions.run
        if live.opening is not None:
            services["opening"] = live.opening.run
        for name, run in services.items():
            self._spawn(self._keep_up(evaluation, name, run))
        self.links.add(evaluation)
        if session.closed:
            self._spawn(live.archiver.run())
        elif session.stage in OVER:
            evaluation.conclude()

    async def _keep_up(
        self, evaluation: Evaluation, name: str, run: Callable[[], Coroutine[object, object, None]]
    ) -> None:
        """Run a service of a session, and begin it again after a fault of ours: what it leads lies in the journal or on the disk.

        A fault in one of them once ended an opening without a word; people are told now.
        """
        while True:
            try:
                return await run()
            except Exception:  # noqa: BLE001 - whatever it was, people are told and the session goes on
                self._log.exception("service_failed", session=evaluation.id, service=name)
                evaluation.service_failed(name)
            await asyncio.sleep(AGAIN_S)

    def session(self, session: str) -> Live:
        """Return a live session.

        Raises:
            UnknownSession: there is none by that name.
        """
        live = self.live.get(SessionId(session))
        if live is None:
            raise UnknownSession(session=session[:64])
        return live

    # --- sealed bids --------------------------------------------------------------------------------------

    def submissions(self) -> list[Submissions]:
        """Return the sealed tenders of this host."""
        return [live.submissions for live in self.live.values() if live.submissions is not None]

    def inquiries(self, tender: str) -> Inquiries:
        """Return what is asked of a tender's bidders.

        Raises:
            UnknownTender: there is no such tender, or it takes no sealed bids.
        """
        live = self.live.get(SessionId(tender))
        if live is None or live.inquiries is None:
            raise UnknownTender(tender=tender[:64])
        return live.inquiries

    def submission(self, tender: str) -> Submissions:
        """Return what takes in the bids of a tender.

        Raises:
            UnknownTender: no sealed tender has that name.
        """
        live = self.live.get(SessionId(tender))
        if live is None or live.submissions is None:
            raise UnknownTender(tender=tender[:64])
        return live.submissions

    def opening(self, tender: str) -> Opening:
        """Return what leads the opening of a tender.

        Raises:
            UnknownTender: no sealed tender has that name.
        """
        live = self.live.get(SessionId(tender))
        if live is None or live.opening is None:
            raise UnknownTender(tender=tender[:64])
        return live.opening

    async def draft_policy(self, session: str, changes: Mapping[str, Any]) -> str:
        """Put a policy before the trustees, on the template's terms with these changes; return its SHA-256.

        Raises:
            UnknownTender, MalformedPolicy, UnknownSuite, Refusal: nothing was drafted.
        """
        submissions = self.submission(session)
        with self.writer.engine.connect() as db:
            text = bid_store.read_terms(db, SessionId(session))
        return await submissions.draft(changed_terms(stored_terms(text), changes))

    def address_of(self, connection: HTTPConnection) -> str:
        """Return the address a request comes from, by the word of our own proxy where one stands before this node."""
        peer = connection.client.host if connection.client else ""
        told = connection.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
        return told if told and peer and peer == self.settings.proxy else peer

    # --- seats: what the door asks --------------------------------------------------------------------

    @property
    def secure(self) -> bool:
        """Say whether browsers reach this node by https."""
        return self.settings.tls_cert is not None or self.settings.public_url.startswith("https:")

    def seating(self, session: SessionId) -> Seating:
        """Return the live seats of a session at this node."""
        return self.session(session).evaluation.seating

    def title(self, session: SessionId) -> str:
        """Return what a session is about."""
        return self.session(session).evaluation.title

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

    def _new_link(self, evaluation: Evaluation, site: SiteId) -> OfferingLink:
        return OfferingLink(
            evaluation.parts.relay,
            lambda offer: evaluation.send_to_site(site, offer),
            settings=self._ice(),
            server=self.ice_server(),
            name=f"host-{site}",
        )

    async def seat_claimed(self, claim: Claim) -> None:
        """Close the older windows of a seat whose code was just used."""
        if claim.issue > 1:
            self.seating(claim.session).end_seat(claim.seat)

    async def new_seat_code(self, session: SessionId, seat: SeatCode) -> IssuedCode:
        """Issue a seat a new one-time code; its use ends the seat's older cookies.

        Raises:
            UnknownSession, NotSeated: there is no such seat.
        """
        live = self.session(session)
        known = live.evaluation.conductor.session.seats.get(seat)
        roster = await asyncio.to_thread(self.register.roster, session)
        # 0 for a seat whose first code was lost with a crash while the session was being opened.
        before = next((one.issue for one in roster if one.seat == seat), 0)
        if known is None:
            raise NotSeated(seat=seat[:64])
        issued = IssuedCode(known.code, known.role, known.label, known.site, known.node, new_code())
        fresh = await asyncio.to_thread(credential, seat, known.role, known.label, issued.code, before + 1)
        await asyncio.to_thread(self.register.enrol, session, [fresh])
        self.links.refresh(live.evaluation)
        return issued

    # --- people and sites ---------------------------------------------------------------------------------

    def identify(self, connection: HTTPConnection) -> Claim | OperatorPerson | NodePerson:
        """Return who is behind a request: a site by its token, a seat or the operator by cookie.

        Raises:
            NotSeated: none of them.
        """
        scheme, _, token = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            site = self.links.site_of_token(token)
            if site is None:
                raise NotSeated
            return NodePerson(site)
        operator = connection.cookies.get(OPERATOR_COOKIE)
        wants_seat = connection.url.path in ("/ws/seat", "/api/v1/me") or any(
            word in connection.url.path for word in ("/documents", "/reports/")
        )
        if operator is not None and not (wants_seat and seat_cookie(connection) is not None):
            with self.writer.engine.connect() as db:
                if centre_store.is_operator_cookie(db, operator):
                    return OperatorPerson()
        return identify_seat(self.register, connection)

    async def operator_login(self, code: str) -> str:
        """Return a cookie for somebody who knows the operator's code.

        Raises:
            WrongCode: another code.
            TooManyTries: ten wrong codes a minute.
        """
        now = monotonic_ms()
        self._operator_failures = [at for at in self._operator_failures if at > now - WINDOW_MS]
        if len(self._operator_failures) >= TRIES:
            raise TooManyTries
        if not hmac.compare_digest(code.strip().encode(), self._operator_code.encode()):
            self._operator_failures.append(now)
            raise WrongCode
        return await self.writer.write(centre_store.new_operator_cookie)

    async def invite_site(self, site: str, name: str) -> str:
        """Return a one-time code with which a sub-site may join.

        Raises:
            MalformedName: the site's id may not name a folder, belongs to the host, or nobody could read its name.
        """
        checked = SiteId(check_name(site))
        if checked.lower() in _NEVER_A_SITE or not name.strip():
            raise MalformedName(name=site, title=name[:80])
        return await self.writer.write(lambda db: centre_store.issue_enrolment(db, checked, name))

    async def join_site(self, code: str, csr: str, witness: str) -> tuple[centre_store.KnownSite, str]:
        """Certify a site that knows its enrolment code; return it and its certificate.

        Raises:
            UnknownEnrolmentCode, BadSiteRequest, MalformedKey: nothing was certified.
        """
        parse_vkey(witness)

        def work(db: sa.Connection) -> tuple[centre_store.KnownSite, str]:
            site = centre_store.find_enrolment(db, code)
            certificate = certify(self.authority, csr, site.id)
            centre_store.enrol(db, site.id, certificate, witness)
            return site, certificate

        return await self.writer.write(work)

    def sites(self) -> list[centre_store.KnownSite]:
        """Return all known sub-sites; reads the disk."""
        with self.writer.engine.connect() as db:
            return centre_store.read_sites(db)


_NEVER_A_SITE = frozenset({HOST_ACTOR, NODE_ACTOR, BIDDER_ACTOR, TRUSTEE_ACTOR})
"""Actors of the journal that are no site: one of that name could not be told from them."""


def origin_of(session: SessionId) -> str:
    """Name a session's log: origin and key name (archive.md §13)."""
    return f"evalroom/{session}"


def _time_stamps(settings: HostSettings) -> TimeStamps | None:
    """Return the time-stamp authority that is set.

    Raises:
        StampsUnavailable: this machine cannot ask it.
    """
    if not settings.tsa_url:
        return None
    authority = TimeStamps(settings.tsa_url, settings.tsa_roots)
    authority.check()
    return authority


def _log_key(stored: store.StoredSession) -> SigningKey:
    return SigningKey.from_seed(origin_of(stored.id), KeyKind.LOG, stored.log_seed)


def _credentials(issued: list[IssuedCode]) -> list[SeatCredential]:
    return [credential(one.seat, one.role, one.label, one.code, 1) for one in issued]


def _fold(recordings: Recordings, committed: Committed) -> None:
    recordings.take(committed.facts)


def _go_on(booth: Booth, recovered: Recovered) -> None:
    """Tell the journal what recovery found, and let the next recorder of the track go on from there."""
    booth.tell(recovered.facts)
    booth.resume(recovered.track, recovered.resume)
