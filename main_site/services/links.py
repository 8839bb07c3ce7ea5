"""The links to the sub-sites: one socket each, which carries all sessions the site takes part in.

A site proves itself by its certified key before anything else is said.  From then on the host sends it the
feeds of its own seats, asks its witness, and takes its commands; a newer link of the same site replaces an
older one.  The host speaks to seats only through their own site's node.
"""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from evalroom import roles
from evalroom.errors import EvalroomError, PeerFault
from evalroom.ids import CommandId, SessionId, SiteId
from evalroom.ledger.witness import AddCheckpoint
from evalroom.protocol import messages as m
from evalroom.protocol.feed import FeedLog
from evalroom.protocol.liveness import LinkState, Liveness
from evalroom.protocol.publisher import MESSAGES_AT_ONCE, PublisherEnd
from evalroom.roles import Role
from signaling.clock import monotonic_ms
from signaling.codec import MalformedMessage, decode_from_site, encode, parse_json, wrap
from signaling.connection import POLICY, Connection, LinkClosed, Wire

PROOF_TIMEOUT_S = 10
JUDGE_S = 0.5
SITE_FRAME = 1 << 20
"""Bytes of one message on a site link: fifty facts of a recorder, or an SDP with many tracks."""


class SiteSession(Protocol):
    """What a link needs of one live session."""

    @property
    def id(self) -> SessionId:
        """The session's id."""
        ...

    def feed_of(self, site: SiteId, audience: str) -> FeedLog:
        """Return the feed of one of a site's audiences; raises NotPermitted for another's."""
        ...

    def roster_for(self, site: SiteId) -> m.Roster | None:
        """Return the site's roster, None when it takes no part."""
        ...

    def take_from_site(self, site: SiteId, message: m.FromSite) -> None:
        """Take a message that is not about feeds and heartbeats."""
        ...

    def site_changed(self, site: SiteId, state: LinkState) -> None:
        """Learn that a site's link came, went silent or came back."""
        ...


@dataclass(slots=True)
class SiteLink:
    """One site: its present socket, what was sent on it, when it was heard."""

    site: SiteId
    connection: Connection | None = None
    publishers: dict[SessionId, PublisherEnd] = field(default_factory=dict)
    liveness: Liveness = field(default_factory=Liveness)
    state: LinkState = LinkState.NEVER
    rtt_ms: int | None = None
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))


class SiteLinks:
    """All site links of the host."""

    def __init__(self, now: Callable[[], int], prove: Callable[[str, bytes, bytes], SiteId]) -> None:
        """Begin without links; `prove` checks certificate and signature over a nonce and names the site."""
        self._now = now
        self._prove = prove
        self._links: dict[SiteId, SiteLink] = {}
        self._sessions: dict[SessionId, SiteSession] = {}
        self._log = structlog.get_logger(__name__)

    # --- sessions -----------------------------------------------------------------------------------

    def add(self, session: SiteSession) -> None:
        """Carry a session from now on."""
        self._sessions[session.id] = session
        for link in self._links.values():
            self._introduce(link, session)

    def refresh(self, session: SiteSession) -> None:
        """Send the rosters of a session again: a code was issued anew, or the session has closed."""
        for link in self._links.values():
            self._introduce(link, session)

    def _introduce(self, link: SiteLink, session: SiteSession) -> None:
        roster = session.roster_for(link.site)
        if roster is None or link.connection is None:
            return
        self.send(link.site, session.id, roster)
        grant = m.UploadGrant(link.token, self._now() + 24 * 3600 * 1000)
        self.send(link.site, session.id, grant)

    def site_of_token(self, token: str) -> SiteId | None:
        """Return the site that holds an upload token."""
        return next(
            (one.site for one in self._links.values() if secrets.compare_digest(one.token, token)), None
        )

    # --- sending ------------------------------------------------------------------------------------

    def send(self, site: SiteId, session: SessionId, message: object) -> bool:
        """Send a message; say whether the site has a link."""
        link = self._links.get(site)
        if link is None or link.connection is None:
            return False
        link.connection.send(wrap(session, message))
        return True

    def tell(self, site: SiteId, session: SessionId, seat: str, text: str) -> None:
        """Send a transient message to a seat at a site."""
        self.send(site, session, m.ToSeat(seat, text))

    def grew(self, site: SiteId, session: SessionId, audience: str) -> None:
        """Send on what a feed has gained, as far as the site asked for it."""
        link = self._links.get(site)
        publisher = link.publishers.get(session) if link else None
        if link is None or publisher is None or link.connection is None:
            return
        place = MESSAGES_AT_ONCE - link.connection.queued  # what waits is sent when the queue has gone out
        for message in publisher.messages_to_send(audience, place) if place > 0 else ():
            self.send(site, session, message)

    def _flush(self, link: SiteLink) -> None:
        """Send on whatever waited for the queue to empty."""
        for session, publisher in link.publishers.items():
            for audience in publisher.waiting():
                self.grew(link.site, session, audience)

    def acknowledge(self, site: SiteId, session: SessionId, audience: str, command_id: CommandId) -> None:
        """Tell a site that a command of one of its audiences is committed."""
        link = self._links.get(site)
        if link is not None and session in link.publishers:
            link.publishers[session].acknowledge(audience, command_id)
            self.grew(site, session, audience)

    def states(self) -> dict[SiteId, SiteLink]:
        """Return all links by site."""
        return dict(self._links)

    # --- one socket -----------------------------------------------------------------------------------

    async def serve(self, wire: Wire) -> None:
        """Serve one accepted socket of a site; cancelling closes it, and the site dials again.

        Raises:
            EvalroomError: the site could not prove itself.
        """
        site = await self._admit(wire)
        link = self._links.setdefault(site, SiteLink(site))
        if link.connection is not None:
            link.connection.close(POLICY, "replaced")
        connection = Connection(wire, site, on_idle=lambda: self._flush(link))
        link.connection = connection
        link.publishers.clear()
        self._hear(link)
        pump = asyncio.create_task(connection.run_pump())
        for session in self._sessions.values():
            self._introduce(link, session)
        reading = asyncio.create_task(self._read(link, connection))
        try:
            await asyncio.wait({pump, reading}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            pump.cancel()
            reading.cancel()
            for end in await asyncio.gather(pump, reading, return_exceptions=True):
                if isinstance(end, Exception) and not isinstance(end, LinkClosed):
                    self._log.error("site_link_failed", site=site, error=repr(end), exc_info=end)
            if link.connection is connection:
                link.connection = None

    async def _admit(self, wire: Wire) -> SiteId:
        nonce = secrets.token_bytes(32)
        await wire.send_text(encode({"kind": "challenge", "nonce": nonce.hex()}))
        async with asyncio.timeout(PROOF_TIMEOUT_S):
            answer = parse_json(await wire.receive_text())
        if set(answer) != {"kind", "certificate", "signature"} or answer["kind"] != "prove":
            raise MalformedMessage(problem="a site proves itself first")
        try:
            signature = bytes.fromhex(str(answer["signature"]))
        except ValueError as error:
            raise MalformedMessage(problem="signature is hex") from error
        return self._prove(str(answer["certificate"]), nonce, signature)

    async def _read(self, link: SiteLink, connection: Connection) -> None:
        while True:
            text = await connection.wire.receive_text()
            self._hear(link)
            try:
                self._take(link, parse_json(text, limit=SITE_FRAME))
            except PeerFault as fault:
                self._log.warning("bad_site_message", site=link.site, code=fault.code, detail=fault.detail)
                connection.send(encode(m.Fault(fault.code, str(fault))))
            except EvalroomError as refusal:
                self._log.warning(
                    "refused_site_message", site=link.site, code=refusal.code, detail=refusal.detail
                )

    def _take(self, link: SiteLink, wrapped: dict[str, object]) -> None:
        if "session" not in wrapped:
            self._answer(link, decode_from_site(wrapped))
            return
        session = self._sessions.get(SessionId(str(wrapped.get("session"))))
        inner = wrapped.get("message")
        if session is None or not isinstance(inner, dict) or session.roster_for(link.site) is None:
            raise MalformedMessage(problem="no such session at this site")
        message = decode_from_site(inner)
        roles.demand(message.kind, Role.NODE, roles.MESSAGES)
        match message:
            case m.Ping():
                link.rtt_ms = message.rtt_ms
                self.send(link.site, session.id, m.Pong(message.sent_ms, self._now()))
            case m.Subscribe():
                self._subscribe(link, session, message)
            case _:
                session.take_from_site(link.site, message)

    def _answer(self, link: SiteLink, message: m.FromSite) -> None:
        """Answer the heartbeat of the link itself: a site without a session is there, too."""
        if not isinstance(message, m.Ping) or link.connection is None:
            raise MalformedMessage(problem="only a ping belongs to no session")
        link.rtt_ms = message.rtt_ms
        link.connection.send(encode(m.Pong(message.sent_ms, self._now())))

    def _subscribe(self, link: SiteLink, session: SiteSession, message: m.Subscribe) -> None:
        session.feed_of(link.site, message.audience)
        publisher = link.publishers.get(session.id)
        if publisher is None:
            publisher = PublisherEnd(lambda audience: session.feed_of(link.site, audience))
            link.publishers[session.id] = publisher
        publisher.subscribe(message.audience, message.since)
        self.grew(link.site, session.id, message.audience)

    # --- presence ---------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Judge presence until cancelled; cancelling changes nothing."""
        while True:
            for link in list(self._links.values()):
                self._judge(link)
            await asyncio.sleep(JUDGE_S)

    def _hear(self, link: SiteLink) -> None:
        link.liveness.heard = monotonic_ms()
        self._judge(link)

    def _judge(self, link: SiteLink) -> None:
        before, link.state = link.state, link.liveness.state(monotonic_ms())
        if before is not link.state:
            self._log.info("site_link", site=link.site, state=str(link.state))
            for session in self._sessions.values():
                session.site_changed(link.site, link.state)

    def online(self, site: SiteId) -> bool:
        """Say whether a site answers now."""
        link = self._links.get(site)
        return link is not None and link.connection is not None and link.state is not LinkState.OFFLINE

    def ask_witness(self, site: SiteId, session: SessionId, request: AddCheckpoint) -> bool:
        """Send a checkpoint to a site's witness."""
        return self.send(site, session, m.AddCheckpoint(request.encode().decode()))
