"""The session clock as this site knows it: its own steady clock, and the host's offset to it by the pings.

Everything is measured on the monotonic clock, so somebody who sets the machine's clock moves no recording;
how far the machine's clock itself is off is reported beside it, for a person to set it right.  Until the host
has answered once, an offset of an earlier run holds; without one, there is no session clock worth the name.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from signaling.clock import ClockSample, SiteClock, utc_ms


def monotonic_us() -> int:
    """Return microseconds of a clock that nobody sets."""
    return time.monotonic_ns() // 1_000


@dataclass(slots=True)
class SessionClock:
    """Session time at a sub-site; `steady` counts µs, `wall` is the machine's UTC in ms."""

    steady: Callable[[], int] = monotonic_us
    wall: Callable[[], int] = utc_ms
    _anchor_us: int = field(init=False)
    _estimate: SiteClock = field(init=False)
    _sent: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Fix the steady clock to the machine's UTC of this instant."""
        self._anchor_us = self.wall() * 1_000 - self.steady()
        self._estimate = SiteClock(self._read_ms)

    @property
    def known(self) -> bool:
        """Say whether the host's clock was ever measured."""
        return bool(self._estimate.samples)

    def now(self) -> int:
        """Return the session clock in ms, never going back."""
        return self._estimate.now()

    def sent(self, sent_ms: int) -> None:
        """Note that the ping of this mark goes out now."""
        self._sent[sent_ms] = self._read_us()
        while len(self._sent) > 100:  # pings whose answers were lost with their links
            self._sent.pop(next(iter(self._sent)))

    def answered(self, sent_ms: int, host_ms: int) -> None:
        """Take the host's clock out of the pong to a ping; one of an unknown mark tells nothing."""
        sent_us = self._sent.pop(sent_ms, None)
        if sent_us is None:
            return
        if not self.known:
            self._estimate = SiteClock(self._read_ms)  # what was guessed before may have run ahead
        self._estimate.measured(sent_us, self._read_us(), host_ms)

    def restore(self, offset_ms: int, bound_ms: int) -> None:
        """Begin with the host's clock minus the machine's as an earlier run measured it."""
        offset_us = (offset_ms + self.wall()) * 1_000 - self._read_us()
        self._estimate.samples.append(ClockSample(max(bound_ms, 1) * 2_000, offset_us))

    @property
    def offset_ms(self) -> int | None:
        """Return the host's clock minus this machine's, as it is set now; None before the first measurement."""
        return self._read_ms() + self._estimate.best.offset_us // 1_000 - self.wall() if self.known else None

    @property
    def bound_ms(self) -> int | None:
        """Return the largest error of the offset: half the least round trip, rounded up."""
        return -(-self._estimate.best.round_trip_us // 2_000) if self.known else None

    def _read_us(self) -> int:
        return self._anchor_us + self.steady()

    def _read_ms(self) -> int:
        return self._read_us() // 1_000
