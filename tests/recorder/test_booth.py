"""The booth records whatever comes up, and leaves nothing unsaid when it ends."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from evalroom.commands import NodeFact
from evalroom.events import AlarmRaised, GapDeclared, NodeEvent, ReelClosed, TrackEnded
from evalroom.ids import SeatCode, SiteId
from evalroom.media import Codec, GapCause, Medium, OnFault, Track, TrackKind, TrackSink, track_of
from recorder.booth import BATCH, Booth, BoothTerms
from recorder.capture import CaptureSettings, Resume
from recorder.disk import DiskUsage

NOW = 1_795_392_000_000
TRACK = track_of(SiteId("west"), SeatCode("E1"), TrackKind.SCREEN)


class Clock:
    """The session clock, moved by hand."""

    now = NOW

    def __call__(self) -> int:
        return self.now


class Source:
    """A source of one track, as the booth knows it."""

    def __init__(self, track: Track = TRACK) -> None:
        self.track = track
        self.codecs: Mapping[Medium, Codec] = {Medium.VIDEO: Codec.H264}
        self.sinks: list[TrackSink] = []
        self.on_fault: OnFault | None = None
        self.asked = 0

    def attach(self, sink: TrackSink, on_fault: OnFault | None = None) -> None:
        self.sinks.append(sink)
        self.on_fault = on_fault

    def detach(self, sink: TrackSink) -> None:
        self.sinks.remove(sink)

    def request_keyframe(self) -> None:
        self.asked += 1

    def set_bitrate(self, bps: int) -> None:
        del bps


class Desk:
    """A booth with everything it hands over."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.handed: list[tuple[NodeFact, ...]] = []
        self.reels: list[ReelClosed] = []
        terms = BoothTerms("west", folder, self.clock, CaptureSettings())
        self.booth = Booth(terms, self.handed.append, self.reels.append)

    def events(self) -> list[NodeEvent]:
        self.booth.flush()
        return [fact.body for batch in self.handed for fact in batch]

    def of(self, kind: type[NodeEvent]) -> list[NodeEvent]:
        return [event for event in self.events() if isinstance(event, kind)]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


async def test_a_track_that_came_before_a_crash_and_never_returns_is_ended_with_its_gap(desk: Desk) -> None:
    desk.booth.resume(TRACK.id, Resume(next_reel=2, gap_from_ms=NOW - 5_000))
    await desk.booth.finish()
    assert [
        GapDeclared(TRACK.id, NOW - 5_000, NOW, GapCause.RECORDER, 0),
        TrackEnded(TRACK.id, NOW),
    ] == desk.events()


async def test_a_track_that_had_ended_before_the_crash_is_not_ended_twice(desk: Desk) -> None:
    desk.booth.resume(TRACK.id, Resume(next_reel=2, gap_from_ms=None))
    await desk.booth.finish()
    assert desk.events() == []


async def test_nothing_is_recorded_after_the_end(desk: Desk) -> None:
    await desk.booth.finish()
    source = Source()
    desk.booth.track_up(source)
    assert source.sinks == []


async def test_facts_are_handed_over_in_order_and_in_batches(desk: Desk) -> None:
    facts = [NodeFact(n, "AlarmRaised", AlarmRaised(str(n), "x", "", "y")) for n in range(2 * BATCH + 3)]
    desk.booth.note(facts)
    desk.booth.flush()
    assert [BATCH, BATCH, 3] == [len(batch) for batch in desk.handed]
    assert facts == [fact for batch in desk.handed for fact in batch]


async def test_a_full_disk_stops_recording_with_one_alarm_and_lets_it_go_on_below(desk: Desk) -> None:
    source = Source()
    desk.booth.track_up(source)
    full, roomy = DiskUsage(total=100, free=4), DiskUsage(total=100, free=50)
    for usage in (full, full, roomy, roomy):
        desk.booth.look_at_disk(usage)
    alarms = [event.code for event in desk.of(AlarmRaised) if isinstance(event, AlarmRaised)]
    assert alarms == ["disk_full"]
    await desk.booth.finish()


async def test_a_disk_that_fills_up_is_told_before_it_is_full(desk: Desk) -> None:
    low = DiskUsage(total=100, free=8)
    for _ in range(3):
        desk.booth.look_at_disk(low)
    assert ["disk_low"] == [event.code for event in desk.of(AlarmRaised) if isinstance(event, AlarmRaised)]


async def test_a_capture_that_raises_is_an_alarm_and_the_track_is_recorded_on(desk: Desk) -> None:
    source = Source()
    desk.booth.track_up(source)
    assert source.on_fault is not None
    source.on_fault(source.sinks[0], RuntimeError("boom"))
    (alarm,) = desk.of(AlarmRaised)
    assert isinstance(alarm, AlarmRaised)
    assert (alarm.code, alarm.seat) == ("recorder_failed", "E1")
    assert len(source.sinks) == 2
    source.sinks.pop(0)
    await desk.booth.finish()
