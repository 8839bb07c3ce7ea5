"""The session clock as this site knows it: its own steady clock, and the host's offset to it by the pings.

Everything is measured on the monotonic clock, so somebody who sets the machine's clock moves no recording;
how far the machine's clock itself is off is reported beside it, for a person to set it right.  Until the host
has answered once, an offset of an earlier run holds; without one, there is no session clock worth the name.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from signaling.clock import ClockSample, SiteClock, sample_of, utc_ms


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
    _heard: bool = False

    def __post_init__(self) -> None:
        """Fix the steady clock to the machine's UTC of this instant."""
        self._anchor_us = self.wall() * 1_000 - self.steady()
        self._estimate = SiteClock(self._read_ms)

    @property
    def known(self) -> bool:
        """Say whether the host's clock was ever measured."""
        return self._estimate.best is not None

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
        sample = sample_of(sent_us, self._read_us(), host_ms)
        if not self._heard and (not self.known or self._estimate.is_contradicted(sample)):
            # What was guessed before may have run ahead: there was no measure, or the machine's clock was set since.
            self._estimate = SiteClock(self._read_ms)
        self._heard = True
        self._estimate.measured(sample)

    def restore(self, offset_ms: int, bound_ms: int) -> None:
        """Begin with the host's clock minus the machine's as an earlier run measured it."""
        here = self._read_us()
        offset_us = (offset_ms + self.wall()) * 1_000 - here
        self._estimate.measured(ClockSample(max(bound_ms, 1) * 2_000, offset_us, here))

    @property
    def offset_ms(self) -> int | None:
        """Return the host's clock minus this machine's, as it is set now; None before the first measurement."""
        best = self._estimate.best
        return None if best is None else self._read_ms() + best.offset_us // 1_000 - self.wall()

    @property
    def bound_ms(self) -> int | None:
        """Return the largest error of the offset: half the round trip and what drift may have added, rounded up."""
        best = self._estimate.best
        return None if best is None else -(-best.bound_us(self._read_us()) // 1_000)

    def _read_us(self) -> int:
        return self._anchor_us + self.steady()

    def _read_ms(self) -> int:
        return self._read_us() // 1_000
