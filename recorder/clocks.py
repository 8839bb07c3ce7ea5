"""From RTP time to the session clock, and from picture to sound (archive.md §4, media.md §6).

A sender report ties RTP time to the seat's own clock; a line through the last twelve of them gives its
drift.  The seat's clock is not trusted: its offset is measured, as the least delay with which its reports
and packets arrive (a report may name an instant long before it was sent: half a second for a screen at two
pictures a second).  Until a report comes, arrival is the measure; it can only be late, never early.
"""

from collections import deque
from collections.abc import Iterable

from evalroom.media import Medium, Packet, SenderReport
from recorder.fmp4 import RATES

_REPORTS = 12
_SHORTEST_FIT_S = 5.0
_WORST_SKEW = 500e-6
_STEP_MS = 100.0
_NS_PER_MS = 1e6


class LeastDelay:
    """The least of a noisy offset that is only ever too large, over the last dozen seconds."""

    def __init__(self) -> None:
        """Begin without a reading."""
        self._seconds: deque[tuple[int, float]] = deque(maxlen=_REPORTS)
        self._least: float | None = None

    def add(self, at_ms: float, offset: float) -> None:
        """Take a reading made at `at_ms`."""
        second = int(at_ms // 1000)
        if not self._seconds or self._seconds[-1][0] != second:
            self._seconds.append((second, offset))
            self._least = min(reading for _, reading in self._seconds)
        elif offset < self._seconds[-1][1]:
            self._seconds[-1] = (second, offset)
            self._least = min(self.value(), offset)

    def value(self) -> float:
        """Return the least reading; there must be one."""
        if self._least is None:
            raise LookupError
        return self._least

    def __bool__(self) -> bool:
        """Say whether there is a reading."""
        return self._least is not None

    def clear(self) -> None:
        """Forget all readings: the clock was set."""
        self._seconds.clear()
        self._least = None


class _MediumClock:
    """One medium: its ticks against the seat's clock (reports) and against arrival."""

    def __init__(self, medium: Medium) -> None:
        self.rate = RATES[medium]
        self.reports: deque[tuple[int, float]] = deque(maxlen=_REPORTS)
        self.arrival = LeastDelay()
        self._fitted: tuple[float, int, float] | None = None

    def report(self, ts: int, ms: float) -> None:
        """Take a report; the line is fitted anew when it is next asked for."""
        self.reports.append((ts, ms))
        self._fitted = None

    def forget(self) -> None:
        """Drop all reports: the seat's clock was set."""
        self.reports.clear()
        self._fitted = None

    def line(self) -> tuple[float, int, float]:
        """Return (ms per tick, tick, ms) of the line through the reports, fitted once per report."""
        if self._fitted is None:
            self._fitted = self._fit()
        return self._fitted

    def _fit(self) -> tuple[float, int, float]:
        nominal = 1000 / self.rate
        mean_ts = sum(ts for ts, _ in self.reports) // len(self.reports)
        mean_ms = sum(ms for _, ms in self.reports) / len(self.reports)
        shift = sum(ts - mean_ts for ts, _ in self.reports) / len(self.reports)
        slope = nominal
        if self.reports[-1][0] - self.reports[0][0] >= _SHORTEST_FIT_S * self.rate:
            slope = _slope(((ts - mean_ts - shift, ms - mean_ms) for ts, ms in self.reports), nominal)
        return slope, mean_ts, mean_ms - shift * slope

    def seat_ms(self, ts: float) -> float:
        slope, at, ms = self.line()
        return ms + (ts - at) * slope

    def seat_ts(self, ms: float) -> float:
        slope, at, base = self.line()
        return at + (ms - base) / slope


def _slope(points: Iterable[tuple[float, float]], nominal: float) -> float:
    pairs = list(points)
    slope = sum(x * y for x, y in pairs) / sum(x * x for x, _ in pairs)
    limit = nominal * _WORST_SKEW
    return min(max(slope, nominal - limit), nominal + limit)


class TrackClock:
    """The clocks of one connection: both media of a track, the seat behind them, and this node."""

    def __init__(self) -> None:
        """Begin with no reading."""
        self._media = {medium: _MediumClock(medium) for medium in Medium}
        self._node = LeastDelay()
        self._seat = LeastDelay()

    def saw(self, packet: Packet, now_ms: float) -> None:
        """Take a packet's arrival; `now_ms` is the session clock as it is handed over."""
        arrived = self._arrived(packet.arrival, now_ms)
        clock = self._media[packet.medium]
        clock.arrival.add(arrived, arrived - packet.ts * 1000 / clock.rate)
        if clock.reports:
            self._seat.add(arrived, arrived - clock.seat_ms(packet.ts))

    def report(self, report: SenderReport, now_ms: float) -> None:
        """Take a sender report; one that contradicts the line means that the seat's clock was set."""
        clock = self._media[report.medium]
        if clock.reports and abs(clock.seat_ms(report.ts) - report.ntp_ms) > _STEP_MS:
            self._seat.clear()
            for medium in self._media.values():
                medium.forget()
        clock.report(report.ts, report.ntp_ms)
        arrived = self._arrived(report.arrival, now_ms)
        self._seat.add(arrived, arrived - report.ntp_ms)

    def _arrived(self, arrival_ns: int, now_ms: float) -> float:
        arrival = arrival_ns / _NS_PER_MS
        self._node.add(now_ms, now_ms - arrival)
        return arrival + self._node.value()

    def reports(self, medium: Medium) -> int:
        """Return how many sender reports of a medium stand behind its line."""
        return len(self._media[medium].reports)

    def session_ms(self, medium: Medium, ts: float) -> float:
        """Return when a tick was captured, ms of the session clock; a packet of the medium must have come."""
        clock = self._media[medium]
        if clock.reports:
            return clock.seat_ms(ts) + self._seat.value()
        return ts * 1000 / clock.rate + clock.arrival.value()

    def is_aligned(self) -> bool:
        """Say whether sender reports of both media tie sound to picture."""
        return all(clock.reports for clock in self._media.values())

    def sound_at(self, picture_ts: int) -> int:
        """Return the sound's tick at the instant of a picture's tick, by reports if both have them."""
        picture, sound = self._media[Medium.VIDEO], self._media[Medium.AUDIO]
        if self.is_aligned():
            return round(sound.seat_ts(picture.seat_ms(picture_ts)))
        at_ms = picture_ts * 1000 / picture.rate + picture.arrival.value()
        return round((at_ms - sound.arrival.value()) * sound.rate / 1000)
