"""The clocks of a node: the session clock is the host's UTC in milliseconds, wherever a node stands.

The host's clock never goes back.  A site keeps the host's time as an offset to its own, measured by the pings
of the site link: that of the least round trip, whose half is the error bound that is stored (archive.md §4).  The
bound grows with the age of its ping, as in NTP's clock filter (RFC 5905 §10): where only the last twenty pings
counted, a minute in which a loaded machine was slow with every one of them moved the session clock by 0.3 s.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

ALARM_MS = 2_000
"""A site's clock further off than this raises an alarm."""

DRIFT_PPM = 100
"""How much faster or slower than the host's a site's steady clock may run: twice what quartz is sold with."""

GRAIN_US = 1_000
"""What the host's whole milliseconds leave open."""


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
    """One ping: round trip, the host's clock minus ours at its middle, and our clock then; all in µs."""

    round_trip_us: int
    offset_us: int
    at_us: int

    def bound_us(self, at_us: int) -> int:
        """Return how far off the offset may be when our clock says `at_us`."""
        return self.round_trip_us // 2 + max(at_us - self.at_us, 0) * DRIFT_PPM // 1_000_000


@dataclass(slots=True)
class SiteClock:
    """The session clock as a sub-site estimates it; `best` is the ping it goes by."""

    read: Callable[[], int] = utc_ms
    best: ClockSample | None = None
    _last: int = 0

    def measured(self, sample: ClockSample) -> None:
        """Take a ping: one that bounds the offset more closely, or that shows that a clock was set."""
        best, at = self.best, sample.at_us
        if best is None or self.is_contradicted(sample) or sample.bound_us(at) <= best.bound_us(at):
            self.best = sample

    def is_contradicted(self, sample: ClockSample) -> bool:
        """Say whether no offset satisfies both this ping and the one gone by: one of the clocks was set in between."""
        best, at = self.best, sample.at_us
        if best is None:
            return False
        bounds = sample.bound_us(at) + best.bound_us(at) + GRAIN_US
        return abs(sample.offset_us - best.offset_us) > bounds

    def now(self) -> int:
        """Return the session clock in ms as estimated here, never going back."""
        offset_us = self.best.offset_us if self.best is not None else 0
        self._last = max(self._last, self.read() + offset_us // 1000)
        return self._last


def sample_of(sent_us: int, received_us: int, host_ms: int) -> ClockSample:
    """Return what a pong tells: our clock when the ping went and the pong came, and the host's clock in it."""
    middle = (sent_us + received_us) // 2
    # The host writes whole milliseconds, cut off: on average half of one is missing.
    return ClockSample(received_us - sent_us, host_ms * 1000 + 500 - middle, middle)
