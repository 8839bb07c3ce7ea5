"""How media finds its way: which servers help, which addresses are ours, how long silence is consent.

aioice is told what it does not know by itself: that a machine without a network still has a loopback, that
a link of 600 ms is slow and not dead, that a datagram nobody can parse is the sender's fault.  The
overrides themselves live in `engine.py`; here are the rules, without sockets.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from signaling.repair import SECOND

CONSENT_INTERVAL = 5.0
"""Seconds between two questions whether the other end still agrees to receive (RFC 7675 §5.1)."""

CONSENT_RETRANSMISSIONS = 3
"""Repeats of one question: after 0.5, 1.5 and 3.5 s, so an answer may take 7.5 s.  aioice sends none and
gives up after 0.5 s, which closes every link with a longer round trip."""

CONSENT_TIMEOUT = 30 * SECOND
"""Silence after which consent has ended (RFC 7675 §5.1)."""

LOOPBACK = "127.0.0.1"

CREDENTIAL_LIFETIME = 24 * 3600
"""Seconds: longer than any evaluation day; coturn refuses a user name whose time has passed."""


@dataclass(frozen=True, slots=True)
class TurnServer:
    """A relay for strict networks: `url` like `turn:host:3478?transport=udp`, `secret` shared with coturn."""

    url: str
    secret: str


@dataclass(frozen=True, slots=True)
class IceSettings:
    """How connections of this node find their way.

    `loopback` adds 127.0.0.1 even when other addresses exist; `relay_only` refuses direct paths.
    """

    turn: TurnServer | None = None
    loopback: bool = False
    relay_only: bool = False


@dataclass(frozen=True, slots=True)
class IceServer:
    """What a page or an engine is told about one server."""

    urls: str
    username: str
    credential: str


def turn_credentials(server: TurnServer, name: str, now: int) -> IceServer:
    """Return time-limited credentials for `name`: user `expiry:name`, password base64 HMAC-SHA1 (coturn).

    `now` is Unix time in seconds.  SHA-1 is coturn's choice; as a HMAC it is sound.
    """
    user = f"{now + CREDENTIAL_LIFETIME}:{name}"
    digest = hmac.new(server.secret.encode(), user.encode(), hashlib.sha1).digest()
    return IceServer(server.url, user, base64.b64encode(digest).decode())


def host_addresses(found: list[str], *, loopback: bool) -> list[str]:
    """Return the addresses to offer: those found, and the loopback when it is wanted or all there is."""
    usable = [address for address in found if address != LOOPBACK]
    return [*usable, LOOPBACK] if loopback or not usable else usable


class Consent:
    """Whether the other end still agrees to receive: it does until it has been silent for the timeout."""

    __slots__ = ("_answered",)

    def __init__(self, now: int) -> None:
        """Begin with consent just given: the connection came up."""
        self._answered = now

    def answered(self, now: int) -> None:
        """Note an answer."""
        self._answered = now

    def expired(self, now: int) -> bool:
        """Say whether the silence has lasted too long."""
        return now - self._answered >= CONSENT_TIMEOUT


class Damper:
    """Count what may happen thousands of times a second and let a few log lines through."""

    __slots__ = ("_clock", "_every", "_next", "count")

    def __init__(self, clock: Callable[[], int], every: int = 10 * SECOND) -> None:
        """Let one line through per `every` nanoseconds."""
        self.count = 0
        self._clock = clock
        self._every = every
        self._next = 0

    def warn(self, event: str, **facts: object) -> None:
        """Count `event` and log it unless one was logged a short while ago."""
        self.count += 1
        now = self._clock()
        if now >= self._next:
            self._next = now + self._every
            structlog.get_logger(__name__).warning(event, count=self.count, **facts)
