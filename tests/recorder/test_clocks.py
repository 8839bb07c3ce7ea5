"""RTP time, seat clock and session clock, under jitter, drift and steps."""

import random

import pytest

from evalroom.media import Medium, Packet, SenderReport
from recorder.clocks import LeastDelay, LowestOffset, TrackClock

SESSION_MS = 1_795_000_000_000.0
NODE_NS = 77_000_000_000


class Link:
    """A seat whose clocks are off, behind a link that delays; the truth is known here."""

    def __init__(
        self, seed: int = 0, *, ppm: float = 0.0, seat_ms: float = 0.0, jitter_ms: float = 0.0
    ) -> None:
        self.clock = TrackClock()
        self.dice = random.Random(seed)
        self.ppm, self.seat_ms, self.jitter_ms = ppm, seat_ms, jitter_ms

    def ts(self, medium: Medium, at_ms: float) -> int:
        rate = {Medium.VIDEO: 90, Medium.AUDIO: 48}[medium]
        return 1_000_000 + round(at_ms * rate * (1 + self.ppm * 1e-6))

    def _arrives(self, at_ms: float) -> tuple[int, float]:
        late = at_ms + 1 + self.dice.expovariate(1 / self.jitter_ms) if self.jitter_ms else at_ms + 1
        return NODE_NS + round(late * 1e6), SESSION_MS + late

    def packet(self, medium: Medium, at_ms: float) -> None:
        arrival, now = self._arrives(at_ms)
        self.clock.saw(Packet(medium, 0, self.ts(medium, at_ms), False, b"x", arrival), now)  # noqa: FBT003 - a marker

    def report(self, medium: Medium, at_ms: float) -> None:
        arrival, now = self._arrives(at_ms)
        ntp = SESSION_MS + at_ms + self.seat_ms
        self.clock.report(SenderReport(medium, self.ts(medium, at_ms), ntp, arrival), now)

    def run(self, begin_ms: int, end_ms: int, *, reports: bool = True) -> None:
        for at in range(begin_ms, end_ms, 20):
            self.packet(Medium.AUDIO, at)
            if at % 40 == 0:
                self.packet(Medium.VIDEO, at)
            if reports and at % 1000 == 0:
                self.report(Medium.VIDEO, at)
                self.report(Medium.AUDIO, at + 5)

    def error_ms(self, medium: Medium, at_ms: float) -> float:
        return self.clock.session_ms(medium, self.ts(medium, at_ms)) - SESSION_MS - at_ms


def test_arrival_is_the_measure_until_a_report_comes() -> None:
    link = Link(jitter_ms=20)
    link.run(0, 4000, reports=False)
    assert 0.9 < link.error_ms(Medium.VIDEO, 4000) < 6
    assert not link.clock.is_aligned()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("ppm", [-200, 0, 150])
def test_drift_and_an_untrue_seat_clock_are_followed_within_milliseconds(seed: int, ppm: float) -> None:
    link = Link(seed, ppm=ppm, seat_ms=-3_600_000, jitter_ms=8)
    link.run(0, 60_000)
    assert abs(link.error_ms(Medium.VIDEO, 60_000) - 1) < 5
    assert abs(link.error_ms(Medium.AUDIO, 60_000) - 1) < 5


def test_sound_is_tied_to_the_picture_by_reports_not_by_arrival() -> None:
    link = Link()
    link.run(0, 6000)
    picture = link.ts(Medium.VIDEO, 3000)
    assert link.clock.is_aligned()
    assert abs(link.clock.sound_at(picture) - link.ts(Medium.AUDIO, 3000)) <= 2


def test_without_reports_sound_is_tied_by_arrival() -> None:
    link = Link()
    link.run(0, 3000, reports=False)
    picture = link.ts(Medium.VIDEO, 3000)
    assert abs(link.clock.sound_at(picture) - link.ts(Medium.AUDIO, 3000)) <= 2


@pytest.mark.parametrize("step_ms", [-300_000, 300_000])
def test_a_seat_whose_clock_is_set_does_not_move_the_recording(step_ms: int) -> None:
    link = Link()
    link.run(0, 20_000)
    link.seat_ms = step_ms
    link.run(20_000, 24_000)
    assert abs(link.error_ms(Medium.VIDEO, 24_000) - 1) < 5


def test_a_session_clock_that_is_corrected_is_followed_after_a_dozen_seconds() -> None:
    least = LeastDelay()
    for second in range(20):
        least.add(second * 1000, 100.0 if second < 5 else 140.0)
    assert least.value() == 140.0


def test_the_lower_edge_rises_no_faster_than_the_worst_clock_drifts() -> None:
    lowest = LowestOffset()
    with pytest.raises(LookupError):
        lowest.value()
    lowest.add(0, 100.0)
    lowest.add(60_000, 700.0)
    assert lowest.value() == 130.0
    lowest.add(59_000, 131.0)  # a repaired packet comes late: time does not go back
    assert lowest.value() == 130.0
    lowest.add(60_000, 90.0)
    assert (90.0, 4) == (lowest.value(), lowest.readings)


def loaded(link: Link, begin_ms: int, end_ms: int, late_ms: float) -> None:
    """Let everything be late: packets and reports come late, and reports name instants long before they were sent."""
    for at in range(begin_ms, end_ms, 40):
        arrival = NODE_NS + round((at + late_ms) * 1e6)
        packet = Packet(Medium.VIDEO, 0, link.ts(Medium.VIDEO, at), False, b"x", arrival)  # noqa: FBT003 - a marker
        link.clock.saw(packet, SESSION_MS + at + late_ms)
        if at % 1000 == 0:
            ntp = SESSION_MS + at + late_ms * (at // 1000 % 3) / 2 + link.seat_ms
            told = SenderReport(Medium.VIDEO, link.ts(Medium.VIDEO, at), ntp, arrival)
            link.clock.report(told, SESSION_MS + at + late_ms)


@pytest.mark.parametrize("late_ms", [90.0, 600.0, 1800.0])
def test_a_machine_that_is_late_with_everything_for_a_minute_moves_no_recording(late_ms: float) -> None:
    link = Link(seat_ms=-40_000)
    link.run(0, 2000)
    before = link.error_ms(Medium.VIDEO, 2000)
    loaded(link, 2000, 62_000, late_ms)
    assert abs(link.error_ms(Medium.VIDEO, 62_000) - before) < 31
    link.run(62_000, 64_000)
    assert abs(link.error_ms(Medium.VIDEO, 64_000) - before) < 1


@pytest.mark.parametrize("late_ms", [90.0, 600.0])
def test_a_track_that_begins_on_a_loaded_machine_is_late_and_never_early_until_a_packet_is_in_time(
    late_ms: float,
) -> None:
    link = Link(seat_ms=7_000)
    loaded(link, 0, 8000, late_ms)
    assert 0 <= link.error_ms(Medium.VIDEO, 8000) <= late_ms + 5
    link.run(8000, 9000)
    assert abs(link.error_ms(Medium.VIDEO, 9000) - 1) < 5


def test_two_reports_close_together_do_not_bend_the_line() -> None:
    link = Link(jitter_ms=0)
    link.packet(Medium.VIDEO, 0)
    link.report(Medium.VIDEO, 100)
    link.clock.report(
        SenderReport(Medium.VIDEO, link.ts(Medium.VIDEO, 200), SESSION_MS + 203, NODE_NS + 201_000_000),
        SESSION_MS + 201,
    )
    assert abs(link.error_ms(Medium.VIDEO, 60_000)) < 5
