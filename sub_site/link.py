"""The link to the host: dialled from here, proved by the site's certified key, and dialled again for ever.

One socket carries all sessions.  What must not be lost stands in the spool and goes out of it again after
every reconnect; what is only of the moment (status, media, cosignatures) is dropped with a link that breaks.
A host that is silent for six seconds is given up, whatever TCP still hopes for.
"""

import asyncio
import contextlib
import random
import ssl
from collections import deque
from collections.abc import Coroutine, Iterable
from typing import Any, ClassVar, Protocol
from urllib.parse import urlsplit, urlunsplit

import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from evalroom.errors import EvalroomError, PeerFault, Refusal
from evalroom.ids import SessionId
from evalroom.protocol import messages as m
from evalroom.protocol.liveness import LinkState, Liveness, retry_delay
from signaling.clock import monotonic_ms
from signaling.codec import MalformedMessage, decode_to_site, encode, parse_json, wrap
from sub_site.enrolment import Identity

SITE_FRAME = 1 << 20
"""Bytes of one message on a site link: fifty facts of a recorder, or an SDP with many tracks."""

OPEN_S = 5.0
"""Seconds a dial and its proof may take."""

STEADY_MS = 5_000
"""A link that lasted so long is dialled again at once; two processes with one key would else chase each other."""

JUDGE_S = 0.5
QUEUED = 512
"""Messages of the moment that may wait for the socket; older ones are dropped first."""


class HostSilent(PeerFault):
    """The host has been silent for six seconds: the link is given up and dialled again."""

    code: ClassVar[str] = "host_silent"


class LinkRefused(Refusal):
    """The host did not accept this site on its link: see its log, or let the site join again."""

    code: ClassVar[str] = "link_refused"


class LinkSession(Protocol):
    """What the link needs of one session."""

    def take(self, message: m.ToSite, now: int) -> None:
        """Take a message of the host; `now` is monotonic ms."""
        ...

    def link_lost(self) -> None:
        """Learn that the link is down."""
        ...

    def messages_to_send(self, now: int) -> Iterable[object]:
        """Return what has to go out now."""
        ...

    def next_deadline(self) -> int | None:
        """Say when (monotonic ms) something will have to go out if nothing happens."""
        ...


class LinkSessions(Protocol):
    """The sessions behind the link."""

    def sessions(self) -> dict[SessionId, LinkSession]:
        """Return all sessions this site serves."""
        ...

    async def enrol(self, roster: m.Roster, now: int) -> None:
        """Take a roster: of a session new to this site, or of one that is known."""
        ...

    def pinged(self, sent_ms: int) -> None:
        """Learn that a ping goes out this instant."""
        ...

    def ponged(self, pong: m.Pong) -> None:
        """Learn what the host's clock said."""
        ...


class HostLink:
    """Keeps one socket to the host open."""

    def __init__(
        self, identity: Identity, host_url: str, tls: ssl.SSLContext | None, behind: LinkSessions
    ) -> None:
        """Begin without a link; `run` dials."""
        parts = urlsplit(host_url)
        scheme = "wss" if parts.scheme == "https" else "ws"
        self.address = urlunsplit((scheme, parts.netloc, "/ws/site", "", ""))
        self._tls = tls if scheme == "wss" else None
        self._identity = identity
        self._behind = behind
        self._liveness = Liveness()
        self._open = False
        self._since = 0
        self._rtt: int | None = None
        self._wake = asyncio.Event()
        self._queue: deque[tuple[SessionId, object]] = deque(maxlen=QUEUED)
        self._log = structlog.get_logger(__name__).bind(host=self.address)

    @property
    def state(self) -> LinkState:
        """Say how the link looks from here."""
        if not self._open:
            return LinkState.NEVER if self._liveness.heard is None else LinkState.OFFLINE
        return self._liveness.state(monotonic_ms())

    @property
    def online(self) -> bool:
        """Say whether the host was heard of late."""
        return self._open and self.state is not LinkState.OFFLINE

    def send(self, session: SessionId, message: object) -> None:
        """Send a message of the moment; without a link it is dropped."""
        if self._open:
            self._queue.append((session, message))
            self._wake.set()

    def wake(self) -> None:
        """Look at once for what has to go out."""
        self._wake.set()

    async def run(self) -> None:
        """Dial and serve the link until cancelled; cancelling closes it, the spool keeps what was not answered."""
        attempt = 0
        while True:
            try:
                await self._once()
            except (OSError, TimeoutError, ConnectionClosed, InvalidHandshake) as error:
                self._log.info("link_down", problem=str(error)[:200], attempt=attempt)
            except (HostSilent, LinkRefused, MalformedMessage, InvalidURI) as error:
                self._log.warning("link_down", problem=str(error)[:300], attempt=attempt)
            attempt = 0 if self._end_link() else attempt + 1
            await asyncio.sleep(retry_delay(attempt, random.random()) / 1000)  # noqa: S311 - spreads attempts

    def _end_link(self) -> bool:
        """Tell the sessions that the link has ended; say whether it was a good one."""
        lasted = self._open and monotonic_ms() - self._since >= STEADY_MS
        self._open = False
        self._queue.clear()
        for session in self._behind.sessions().values():
            session.link_lost()
        return lasted

    async def _once(self) -> None:
        async with connect(
            self.address,
            ssl=self._tls,
            open_timeout=OPEN_S,
            close_timeout=1,
            max_size=SITE_FRAME,
            compression=None,
            proxy=None,
        ) as socket:
            async with asyncio.timeout(OPEN_S):
                await self._prove(socket)
            self._liveness.heard, self._liveness.pinged = monotonic_ms(), None
            await _first_end(self._read(socket), self._write(socket), self._judge())

    async def _prove(self, socket: ClientConnection) -> None:
        challenge = parse_json(await _text(socket))
        if challenge.get("kind") != "challenge" or not isinstance(challenge.get("nonce"), str):
            raise MalformedMessage(problem="the host begins with a challenge")
        await socket.send(encode(self._identity.prove(challenge["nonce"])))

    # --- down ---------------------------------------------------------------------------------------------

    async def _read(self, socket: ClientConnection) -> None:
        while True:
            text = await _text(socket)
            now = monotonic_ms()
            self._liveness.heard = now
            try:
                await self._take(parse_json(text, limit=SITE_FRAME), now)
            except EvalroomError as error:
                self._log.error("bad_host_message", code=error.code, detail=error.detail)

    async def _take(self, value: dict[str, Any], now: int) -> None:
        if "session" not in value:
            self._take_own(decode_to_site(value), now)
            return
        inner = value.get("message")
        if not isinstance(inner, dict):
            raise MalformedMessage(problem="no message inside")
        message = decode_to_site(inner)
        if isinstance(message, m.Roster):
            self._opened(now)
            await self._behind.enrol(message, now)
        else:
            session = self._behind.sessions().get(SessionId(str(value["session"])))
            if session is None:
                raise MalformedMessage(
                    problem="a session without a roster", session=str(value["session"])[:64]
                )
            session.take(message, now)
        self._wake.set()

    def _opened(self, now: int) -> None:
        """The first roster or pong says that the proof was accepted."""
        if not self._open:
            self._open, self._since = True, now
            self._log.info("link_up")

    def _take_own(self, message: m.ToSite, now: int) -> None:
        """Take a message that belongs to no session."""
        if isinstance(message, m.Pong):
            self._opened(now)
            self._rtt = max(now - message.sent_ms, 0)
            self._behind.ponged(message)
        else:
            self._log.error("host_fault", message=encode(message)[:300])

    # --- up -----------------------------------------------------------------------------------------------

    async def _write(self, socket: ClientConnection) -> None:
        while True:
            self._wake.clear()
            while self._queue:
                session, message = self._queue.popleft()
                await socket.send(wrap(session, message))
            await self._ping(socket)
            deadlines = [await self._send_due(socket, *one) for one in self._behind.sessions().items()]
            own = self._liveness.next_deadline()
            await self._sleep_until(min([own, *(one for one in deadlines if one is not None)]))

    async def _ping(self, socket: ClientConnection) -> None:
        """Ask whether the host is there, whatever sessions there are."""
        now = monotonic_ms()
        if self._liveness.ping_due(now):
            self._behind.pinged(now)
            await socket.send(encode(m.Ping(now, self._rtt)))

    async def _send_due(
        self, socket: ClientConnection, session_id: SessionId, session: LinkSession
    ) -> int | None:
        for message in session.messages_to_send(monotonic_ms()):
            text = wrap(session_id, message)
            if isinstance(message, m.Ping):
                self._behind.pinged(message.sent_ms)
            await socket.send(text)
        return session.next_deadline()

    async def _sleep_until(self, deadline: int) -> None:
        # Not `wait_for`: up to Python 3.11 it swallows a cancellation that meets the event (bpo-42130).
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(deadline - monotonic_ms(), 1) / 1000):
                await self._wake.wait()

    async def _judge(self) -> None:
        """Give the link up when the host falls silent."""
        while True:
            await asyncio.sleep(JUDGE_S)
            if self._liveness.state(monotonic_ms()) is LinkState.OFFLINE:
                raise HostSilent


async def _text(socket: ClientConnection) -> str:
    message = await socket.recv()
    return message if isinstance(message, str) else ""


async def _first_end(*work: Coroutine[object, object, None]) -> None:
    """Run all, and end all when one ends; raises what it raised."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
    for end in ends:
        if isinstance(end, Exception):
            raise end
