"""Whether the other end is there, judged by our own heartbeat and by nobody else's timers.

A dead client cannot report itself, and aiortc says `connected` throughout a cut: so each end pings every two
seconds and judges the silence itself (trust.md §3).  Reconnecting never ends while a session is open.
"""

from dataclasses import dataclass
from enum import StrEnum

PING_MS = 2_000
WEAK_MS = 3_000
OFFLINE_MS = 6_000
RETRY_MS = (0, 300, 1_000, 2_000, 5_000)


class LinkState(StrEnum):
    """How a link looks from here."""

    NEVER = "never"
    ONLINE = "online"
    WEAK = "weak"
    OFFLINE = "offline"


@dataclass(slots=True)
class Liveness:
    """When something last came from the other end, and when we last asked (ms; None: never)."""

    heard: int | None = None
    pinged: int | None = None

    def state(self, now: int) -> LinkState:
        """Judge the silence up to `now`."""
        if self.heard is None:
            return LinkState.NEVER
        silence = now - self.heard
        if silence >= OFFLINE_MS:
            return LinkState.OFFLINE
        return LinkState.WEAK if silence >= WEAK_MS else LinkState.ONLINE

    def ping_due(self, now: int) -> bool:
        """Say whether a ping is due, and note it as sent when it is."""
        due = self.pinged is None or now - self.pinged >= PING_MS
        if due:
            self.pinged = now
        return due

    def next_deadline(self) -> int:
        """Say when (ms) the next ping is due."""
        return 0 if self.pinged is None else self.pinged + PING_MS


def retry_delay(attempt: int, jitter: float) -> int:
    """Return the pause in ms before reconnect number `attempt` (from 0); `jitter` is drawn from [0, 1).

    0, 0.3, 1, 2, then every 5 s with full jitter, without end.
    """
    if attempt < len(RETRY_MS) - 1:
        return RETRY_MS[attempt]
    return int(RETRY_MS[-1] * (0.2 + 0.8 * jitter))
