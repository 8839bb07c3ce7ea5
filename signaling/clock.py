"""The clocks of a node: the session clock is the host's UTC in milliseconds, wherever a node stands.

The host's clock never goes back.  A site keeps the host's time as an offset to its own, measured by the pings
of the site link: the least round trip of the last twenty, whose half is the error bound that is stored
(archive.md §4).
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

ALARM_MS = 2_000
"""A site's clock further off than this raises an alarm."""

WINDOW = 20


def utc_ms() -> int:
    """Return this machine's UTC in milliseconds."""
    return time.time_ns() // 1_000_000


def monotonic_ms() -> int:
    """Return milliseconds of a clock that nobody sets."""
    return time.monotonic_ns() // 1_000_000


@dataclass(slots=True)
class HostClock:
    """The session clock itself: the host's UTC, never going back when somebody sets the machine's clock."""

    read: Callable[[], int] = utc_ms
    _last: int = 0

    def now(self) -> int:
        """Return the session clock in ms."""
        self._last = max(self._last, self.read())
        return self._last


@dataclass(frozen=True, slots=True)
class ClockSample:
    """One ping: round trip, and the host's clock minus ours at its middle, both in µs."""

    round_trip_us: int
    offset_us: int


@dataclass(slots=True)
class SiteClock:
    """The session clock as a sub-site estimates it."""

    read: Callable[[], int] = utc_ms
    samples: deque[ClockSample] = field(default_factory=lambda: deque(maxlen=WINDOW))
    _last: int = 0

    def measured(self, sent_us: int, received_us: int, host_ms: int) -> None:
        """Take a pong: our clock when the ping went and the pong came, and the host's clock in it."""
        middle = (sent_us + received_us) // 2
        # The host writes whole milliseconds, cut off: on average half of one is missing.
        self.samples.append(ClockSample(received_us - sent_us, host_ms * 1000 + 500 - middle))

    @property
    def best(self) -> ClockSample:
        """Return the sample of least round trip; without one, no offset and no idea."""
        return min(self.samples, key=lambda one: one.round_trip_us, default=ClockSample(0, 0))

    def now(self) -> int:
        """Return the session clock in ms as estimated here, never going back."""
        self._last = max(self._last, self.read() + self.best.offset_us // 1000)
        return self._last
