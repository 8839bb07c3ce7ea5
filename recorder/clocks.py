"""From RTP time to the session clock, and from picture to sound (archive.md §4, media.md §6).

All that is read here is late: a packet arrives after it was captured, a sender report may name an instant long before it
was sent (half a second for a screen at two pictures a second), and a loaded machine is late with both for seconds on
end.  Nothing is early.  So each offset is the least of its readings, however long ago, allowed to rise as fast as the
worst of clocks drifts; lines through readings and windows that forget moved the recordings of a loaded machine by
0.5 s to either side.  The seat's own clock is not trusted: it only says how long before its arrival something was
captured, and ties sound to picture.
"""

from collections import deque

from evalroom.media import Medium, Packet, SenderReport
from recorder.fmp4 import RATES

_DOZEN = 12
_WORST_DRIFT = 500e-6
_STEP_MS = 50.0
_NS_PER_MS = 1e6


class LeastDelay:
    """The least of a noisy offset that is only ever too large, over the last dozen seconds in which it was read."""

    def __init__(self) -> None:
        """Begin without a reading."""
        self._seconds: deque[tuple[int, float]] = deque(maxlen=_DOZEN)
        self._least = 0.0

    def add(self, at_ms: float, offset: float) -> None:
        """Take a reading made at `at_ms`."""
        second = int(at_ms // 1000)
        if not self._seconds or self._seconds[-1][0] != second:
            self._seconds.append((second, offset))
            self._least = min(reading for _, reading in self._seconds)
        elif offset < self._seconds[-1][1]:
            self._seconds[-1] = (second, offset)
            self._least = min(self._least, offset)

    def value(self) -> float:
        """Return the least reading; 0 before the first."""
        return self._least


class LowestOffset:
    """The lower edge of a noisy offset that is only ever too large; between readings it rises by 0.5 ms a second."""

    def __init__(self) -> None:
        """Begin without a reading."""
        self._read = 0
        self._at = self._lowest = 0.0

    def add(self, at_ms: float, offset: float) -> None:
        """Take a reading made at `at_ms`."""
        edge = self._lowest + max(at_ms - self._at, 0.0) * _WORST_DRIFT
        self._lowest = min(offset, edge) if self._read else offset
        self._at = max(at_ms, self._at) if self._read else at_ms
        self._read += 1

    def value(self) -> float:
        """Return the edge as of the last reading.

        Raises:
            LookupError: there was none.
        """
        if not self._read:
            raise LookupError
        return self._lowest

    @property
    def readings(self) -> int:
        """Return how many readings stand behind it."""
        return self._read


class _MediumClock:
    """One medium: its ticks against arrival, and against the seat's clock as reports tell; both at nominal rate."""

    def __init__(self, medium: Medium) -> None:
        self.rate = RATES[medium]
        self.arrival = LowestOffset()
        self.seat = LowestOffset()

    def ms(self, ts: float) -> float:
        return ts * 1000 / self.rate


class TrackClock:
    """The clocks of one connection: both media of a track, the seat behind them, and this node."""

    def __init__(self) -> None:
        """Begin with no reading."""
        self._media = {medium: _MediumClock(medium) for medium in Medium}
        self._node = LeastDelay()
        self._seat = LowestOffset()

    def saw(self, packet: Packet, now_ms: float) -> None:
        """Take a packet's arrival; `now_ms` is the session clock as it is handed over."""
        arrived = self._arrived(packet.arrival, now_ms)
        clock = self._media[packet.medium]
        clock.arrival.add(arrived, arrived - clock.ms(packet.ts))

    def report(self, report: SenderReport, now_ms: float) -> None:
        """Take a sender report."""
        arrived = self._arrived(report.arrival, now_ms)
        clock = self._media[report.medium]
        delay, offset = arrived - report.ntp_ms, report.ntp_ms - clock.ms(report.ts)
        if self._was_set(clock, delay, offset):
            self._seat = LowestOffset()
            for medium in self._media.values():
                medium.seat = LowestOffset()
        self._seat.add(arrived, delay)
        clock.seat.add(arrived, offset)

    def _was_set(self, clock: _MediumClock, delay: float, offset: float) -> bool:
        """Say whether the seat's clock was set: it then lies differently to its media and to us, by the same step.

        Whatever is merely late makes one of the two larger, and neither smaller.
        """
        if not clock.seat.readings:
            return False
        here, there = delay - self._seat.value(), offset - clock.seat.value()
        return min(here, there) < -_STEP_MS and max(here, there) > _STEP_MS

    def _arrived(self, arrival_ns: int, now_ms: float) -> float:
        """Return an arrival in ms of this node's steady clock, and learn how that lies to the session clock."""
        arrival = arrival_ns / _NS_PER_MS
        self._node.add(arrival, now_ms - arrival)
        return arrival

    def reports(self, medium: Medium) -> int:
        """Return how many sender reports of a medium were taken since its seat's clock was last set."""
        return self._media[medium].seat.readings

    def session_ms(self, medium: Medium, ts: float) -> float:
        """Return when a tick was captured, ms of the session clock; a packet of the medium must have come."""
        clock = self._media[medium]
        offset = clock.arrival.value()
        if clock.seat.readings:
            offset = min(offset, clock.seat.value() + self._seat.value())
        return clock.ms(ts) + offset + self._node.value()

    def is_aligned(self) -> bool:
        """Say whether sender reports of both media tie sound to picture."""
        return all(clock.seat.readings for clock in self._media.values())

    def sound_at(self, picture_ts: int) -> int:
        """Return the sound's tick at the instant of a picture's tick, by reports if both have them."""
        picture, sound = self._media[Medium.VIDEO], self._media[Medium.AUDIO]
        if self.is_aligned():
            between = picture.seat.value() - sound.seat.value()
        else:
            between = picture.arrival.value() - sound.arrival.value()
        return round((picture.ms(picture_ts) + between) * sound.rate / 1000)
