"""The fence between publishers and sinks, and the way of one medium to one viewer; time is ours."""

import random
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from evalroom.ids import SeatCode, SiteId
from evalroom.media import Codec, GapCause, Medium, Packet, SenderReport, Track, TrackKind, track_of
from signaling.relay import (
    BITRATES,
    KEYFRAME_BEAT,
    REPAIR_WAIT,
    RING,
    STALLED_AFTER,
    KeyframeGate,
    Lane,
    LossRule,
    PublishedTrack,
    Relay,
    TrackDown,
    TrackEvent,
    TrackResumed,
    TrackStalled,
    TrackState,
    TrackUp,
)
from signaling.repair import SECOND
from tests.signaling.live import Sink

CAMERA = track_of(SiteId("west"), SeatCode("E1"), TrackKind.CAMERA)
SCREEN = track_of(SiteId("west"), SeatCode("E1"), TrackKind.SCREEN)
KEY, DELTA = b"\x67\x42\xe0\x1f", b"\x41\x9a\x24\x01"


class Publisher:
    """A publisher in virtual time: its source, and what the source asked of it."""

    def __init__(self, track: Track = CAMERA) -> None:
        self.now = 100 * SECOND
        self.keyframes = 0
        self.heard = self.now
        self.seq = 65_000
        self.source = PublishedTrack(track, self, {Medium.VIDEO: Codec.H264}, clock=lambda: self.now)

    def request_keyframe(self) -> None:
        self.keyframes += 1

    def last_arrival(self) -> int:
        return self.heard

    def send(self, payload: bytes = DELTA, *, seq: int | None = None, medium: Medium = Medium.VIDEO) -> int:
        """Send one packet and return its number on the wire."""
        if seq is None:
            seq = self.seq = (self.seq + 1) & 0xFFFF
        self.heard = self.now
        codec = Codec.H264 if medium is Medium.VIDEO else Codec.OPUS
        self.source.on_rtp(medium, codec, seq, seq * 3000 & 0xFFFFFFFF, payload, self.now, marker=True)
        return seq

    def later(self, ns: int) -> None:
        self.now += ns
        self.source.expire(self.now)
        self.source.beat(self.now)


class Failing(Sink):
    """A sink whose named method raises."""

    def __init__(self, method: str) -> None:
        super().__init__()
        setattr(self, method, self.fail)

    def fail(self, *_: object) -> None:
        raise ValueError("broken sink")


@pytest.mark.parametrize("method", ["on_packet", "on_gap", "on_end", "on_sender_report"])
def test_a_sink_may_raise_anywhere_and_the_others_go_on(method: str) -> None:
    publisher, good, faults = Publisher(), Sink(), list[str]()
    bad = Failing(method)
    publisher.source.attach(bad, lambda _sink, error: faults.append(str(error)))
    publisher.source.attach(good)
    with capture_logs() as lines:
        publisher.send()
        publisher.source.on_report(Medium.VIDEO, 3, 1.0, publisher.now)
        publisher.seq += 1
        publisher.send()
        publisher.later(REPAIR_WAIT[Medium.VIDEO])
        publisher.source.end(None)
    assert faults == ["broken sink"]
    assert [line["event"] for line in lines] == ["sink_failed"]
    assert (len(good.packets), len(good.gaps), len(good.reports), good.ends) == (2, 1, 1, [None])


def test_a_fault_handler_that_raises_stops_at_the_fence_too() -> None:
    publisher = Publisher()
    handler: Callable[[object, Exception], None] = lambda _sink, _error: 1 / 0  # type: ignore[assignment] # it fails  # noqa: E731
    publisher.source.attach(Failing("on_packet"), handler)
    with capture_logs() as lines:
        publisher.send()
    assert [line["event"] for line in lines] == ["sink_failed", "fault_handler_failed"]


def test_a_sink_may_leave_or_bring_another_while_it_is_served() -> None:
    publisher, newcomer = Publisher(), Sink()

    class Leaving(Sink):
        def on_packet(self, packet: Packet) -> None:
            super().on_packet(packet)
            publisher.source.detach(self)
            publisher.source.attach(newcomer)

    leaving, stays = Leaving(), Sink()
    publisher.source.attach(leaving)
    publisher.source.attach(stays)
    publisher.send()
    publisher.send()
    assert (len(leaving.packets), len(newcomer.packets), len(stays.packets)) == (1, 1, 2)


def test_numbers_and_times_go_on_over_their_wraps() -> None:
    publisher, sink = Publisher(), Sink()
    publisher.seq = 65_533
    publisher.source.attach(sink)
    for _ in range(6):
        publisher.send()
    seqs = sink.seqs()
    assert seqs == list(range(seqs[0], seqs[0] + 6))
    first = PublishedTrack(CAMERA, publisher, {})
    first.attach(late := Sink())
    for seq, ts in ((65_535, 0xFFFFF000), (0, 0x00000100)):
        first.on_rtp(Medium.VIDEO, Codec.H264, seq, ts, KEY, 0, marker=True)
    assert late.packets[1].ts - late.packets[0].ts == 0x1100


def test_the_recorder_gets_order_and_viewers_get_speed() -> None:
    publisher, recorder, viewer = Publisher(), Sink("repaired"), Sink("arrival")
    publisher.source.attach(recorder)
    publisher.source.attach(viewer)
    for seq in (10, 12, 11, 12, 13):
        publisher.send(seq=seq)
    base = 0x10000
    assert [n - base for n in recorder.seqs()] == [10, 11, 12, 13]
    assert [n - base for n in viewer.seqs()] == [10, 12, 11, 12, 13]
    assert publisher.source.stats().media[Medium.VIDEO].duplicates == 1


def test_what_never_comes_is_a_gap_for_the_recorder_and_a_key_frame_is_asked_for() -> None:
    publisher, recorder = Publisher(), Sink()
    publisher.source.attach(recorder)
    publisher.later(5 * SECOND)
    asked = publisher.keyframes
    publisher.send(seq=10)
    publisher.send(seq=14)
    publisher.later(REPAIR_WAIT[Medium.VIDEO] - 1)
    assert recorder.gaps == []
    publisher.later(1)
    assert recorder.gaps == [(Medium.VIDEO, 0x10000 + 11, 0x10000 + 13, GapCause.LINK)]
    assert publisher.keyframes > asked
    assert publisher.source.stats().media[Medium.VIDEO].lost == 3


def test_padding_keeps_the_count_for_viewers_and_is_no_gap_for_the_recorder() -> None:
    publisher, recorder, viewer = Publisher(), Sink("repaired"), Sink("arrival")
    publisher.source.attach(recorder)
    publisher.source.attach(viewer)
    for payload in (KEY, b"", b"", DELTA):
        publisher.send(payload)
    publisher.later(10 * SECOND)
    assert recorder.gaps == []
    assert (len(recorder.packets), len(viewer.packets)) == (2, 4)


def test_a_still_screen_is_neither_stalled_nor_a_gap_but_a_dead_link_is() -> None:
    publisher, sink, events = Publisher(SCREEN), Sink(), list[TrackEvent]()
    relay = Relay(on_event=events.append, clock=lambda: publisher.now)
    relay.publish(publisher.source)
    publisher.source.attach(sink)
    publisher.send(KEY)
    for _ in range(60):
        publisher.later(SECOND)
        publisher.heard = publisher.now  # its sender reports still come
        relay.tick(publisher.now)
    assert publisher.source.state(publisher.now) is TrackState.STILL
    assert sink.gaps == []
    assert [type(event) for event in events] == [TrackUp]
    publisher.later(STALLED_AFTER)
    relay.tick(publisher.now)
    publisher.send()
    relay.tick(publisher.now)
    assert [type(event) for event in events] == [TrackUp, TrackStalled, TrackResumed]


def test_a_camera_that_sends_sound_only_is_stalled() -> None:
    publisher = Publisher()
    publisher.send(KEY)
    for _ in range(40):
        publisher.later(SECOND // 10)
        publisher.send(medium=Medium.AUDIO, seq=1)
    assert publisher.source.state(publisher.now) is TrackState.STALLED


def test_requests_for_key_frames_are_one_per_second_and_none_is_forgotten() -> None:
    publisher = Publisher()
    for _ in range(50):
        publisher.source.request_keyframe()
    assert publisher.keyframes == 1
    publisher.later(SECOND - 1)
    assert publisher.keyframes == 1
    publisher.later(1)
    assert publisher.keyframes == 2
    publisher.later(5 * SECOND)
    assert publisher.keyframes == 2


def test_a_key_frame_that_came_meanwhile_serves_those_who_wait() -> None:
    publisher = Publisher()
    publisher.source.request_keyframe()
    publisher.source.request_keyframe()
    publisher.send(KEY)
    publisher.later(2 * SECOND)
    assert publisher.keyframes == 1


def test_the_recorder_has_its_beat_and_viewers_have_none() -> None:
    publisher = Publisher()
    publisher.source.attach(Sink("arrival"))
    for _ in range(40):
        publisher.later(SECOND // 4)
    assert publisher.keyframes == 1
    publisher.source.attach(Sink("repaired"))
    for _ in range(40):
        publisher.later(SECOND // 4)
        publisher.send(KEY)
    assert publisher.keyframes == 2 + 10 * SECOND // KEYFRAME_BEAT


def test_a_gate_counts_what_went_through() -> None:
    gate = KeyframeGate()
    assert [gate.ask(now) for now in (0, 1, SECOND - 1)] == [True, False, False]
    assert gate.due(SECOND)
    assert not gate.due(3 * SECOND)
    assert gate.asked == 2


def test_the_ring_gives_back_pictures_that_are_not_too_old() -> None:
    publisher, sink = Publisher(), Sink()
    publisher.source.attach(sink)
    for _ in range(RING + 5):
        publisher.send()
    seqs = sink.seqs()
    assert publisher.source.resend(Medium.VIDEO, seqs[0]) is None
    newest = publisher.source.resend(Medium.VIDEO, seqs[-1])
    assert newest is not None
    assert newest.seq == seqs[-1]
    assert publisher.source.resend(Medium.AUDIO, seqs[-1]) is None


def test_reports_carry_the_unwrapped_time_and_those_before_the_first_packet_none() -> None:
    publisher, sink = Publisher(), Sink()
    publisher.source.attach(sink)
    publisher.source.on_report(Medium.VIDEO, 5, 1000.0, publisher.now)
    publisher.send(seq=2)
    publisher.source.on_report(Medium.VIDEO, 6500, 1001.0, publisher.now)
    assert sink.reports == [SenderReport(Medium.VIDEO, sink.packets[0].ts + 500, 1001.0, publisher.now)]


def test_a_bit_rate_stays_between_what_can_be_read_and_what_may_be_sent() -> None:
    source = Publisher().source
    source.set_bitrate(10**9)
    assert source.bitrate == BITRATES[TrackKind.CAMERA]
    source.set_bitrate(1)
    assert source.bitrate == 300_000


def test_lasting_loss_lowers_the_rate_and_lasting_health_restores_it() -> None:
    rule, now, got, lost = LossRule(), 0, 0, 0
    factors = []
    for step in range(60):
        now += SECOND // 2
        got, lost = got + 80, lost + (20 if step < 10 else 0)
        factors.append(rule.factor(got, lost, now))
    assert factors[:10].count(0.8) == 2, "every two seconds of it"
    assert set(factors[10:]) == {1.0, 1.1}
    assert factors[10:].count(1.1) == 2, "every ten seconds"


def test_an_ended_source_takes_and_asks_nothing() -> None:
    publisher, sink = Publisher(), Sink()
    publisher.source.attach(sink)
    publisher.send(seq=1)
    publisher.send(seq=3)
    publisher.source.end(GapCause.PUBLISHER)
    publisher.source.end(None)
    publisher.send()
    asked = publisher.keyframes
    publisher.source.request_keyframe()
    assert sink.ends == [GapCause.PUBLISHER]
    assert sink.gaps == [(Medium.VIDEO, 0x10002, 0x10002, GapCause.LINK)]
    assert (len(sink.packets), publisher.keyframes) == (2, asked)
    assert publisher.source.state(publisher.now) is TrackState.GONE


def test_a_younger_source_takes_the_viewers_over_and_the_older_ends() -> None:
    events: list[TrackEvent] = []
    old, new, viewer = Publisher(), Publisher(), Sink("arrival")
    relay = Relay(on_event=events.append)
    relay.subscribe(CAMERA.id, viewer)
    relay.publish(old.source)
    old.send()
    relay.publish(new.source)
    old.send()
    new.send()
    assert (len(viewer.packets), viewer.ends) == (2, [GapCause.LINK])
    assert [type(event) for event in events] == [TrackUp, TrackDown, TrackUp]
    relay.withdraw(old.source, None)
    assert relay.source(CAMERA.id) is new.source, "late news of the old one"
    assert len(events) == 3


def test_what_is_watched_is_told_once_per_change() -> None:
    told: list[frozenset[str]] = []
    relay = Relay(on_watched=told.append)
    first, second = Sink("arrival"), Sink("arrival")
    relay.subscribe(CAMERA.id, first)
    relay.subscribe(CAMERA.id, first)
    relay.subscribe(CAMERA.id, second)
    relay.unsubscribe(CAMERA.id, second)
    relay.unsubscribe(CAMERA.id, first)
    relay.unsubscribe(CAMERA.id, first)
    assert told == [frozenset({CAMERA.id}), frozenset()]


def test_a_failed_viewer_is_forgotten_by_the_relay_as_well() -> None:
    relay, publisher = Relay(), Publisher()
    relay.publish(publisher.source)
    relay.subscribe(CAMERA.id, Failing("on_packet"))
    with capture_logs():
        publisher.send()
    assert relay.watched() == frozenset()


def test_whoever_listens_to_events_may_fail() -> None:
    def listener(_event: TrackEvent) -> None:
        raise RuntimeError("listener")

    relay = Relay(on_event=listener)
    with capture_logs() as lines:
        relay.publish(Publisher().source)
    assert [line["event"] for line in lines] == ["track_event_failed"]


def picture(seq: int, payload: bytes = DELTA, ts: int | None = None, arrival: int = 0) -> Packet:
    return Packet(
        Medium.VIDEO, seq, seq * 10 if ts is None else ts, marker=True, payload=payload, arrival=arrival
    )


def test_a_lane_begins_at_a_key_frame_and_passes_numbers_through() -> None:
    lane = Lane(Medium.VIDEO)
    assert lane.route(picture(5), Codec.H264) is None
    assert lane.route(picture(6, KEY), Codec.H264) == (6, 60)
    assert lane.route(picture(7), Codec.H264) == (7, 70)
    assert lane.route(picture(5), Codec.H264) is None, (
        "what was before the key frame is not meant for this viewer"
    )


def test_sound_begins_at_once() -> None:
    lane = Lane(Medium.AUDIO)
    packet = Packet(Medium.AUDIO, 9, 960, marker=False, payload=b"opus", arrival=0)
    assert lane.route(packet, Codec.OPUS) == (9, 960)


def test_pictures_left_out_leave_no_hole_in_the_numbers() -> None:
    lane = Lane(Medium.VIDEO)
    lane.route(picture(6, KEY), Codec.H264)
    lane.skip_to_keyframe()
    assert [lane.route(picture(n), Codec.H264) for n in (7, 8, 9)] == [None] * 3
    assert lane.route(picture(10, KEY), Codec.H264) == (7, 100), "time goes on as it was"
    assert lane.route(picture(11), Codec.H264) == (8, 110)
    assert lane.route(picture(9), Codec.H264) is None


def test_another_source_goes_on_where_the_last_one_stopped() -> None:
    lane = Lane(Medium.VIDEO)
    lane.route(picture(100, KEY, ts=9_000, arrival=0), Codec.H264)
    lane.change_source()
    assert lane.route(picture(3, KEY, ts=70_000_000, arrival=SECOND), Codec.H264) == (101, 99_000)
    assert lane.route(picture(4, ts=70_000_900, arrival=SECOND), Codec.H264) == (102, 99_900)
    assert lane.timestamp(70_000_000) == 99_000


def test_a_viewer_s_request_names_the_source_s_packet() -> None:
    lane = Lane(Medium.VIDEO)
    assert lane.original(5) is None
    lane.route(picture(0x1FFFE, KEY), Codec.H264)
    for n in range(0x1FFFF, 0x20005):
        lane.route(picture(n), Codec.H264)
    assert lane.original(0xFFFF) == 0x1FFFF
    assert lane.original(0x0003) == 0x20003
    assert lane.original(0xFFFD) is None, "before the viewer joined"
    lane.skip_to_keyframe()
    lane.route(picture(0x20100, KEY), Codec.H264)
    assert lane.original(0x0005) == 0x20100
    assert lane.original(0x0004) is None, "before the jump"


@pytest.mark.parametrize("seed", range(20))
def test_whatever_happens_a_viewer_sees_rising_numbers_without_holes(seed: int) -> None:
    chance, lane, seen, now, seq = random.Random(seed), Lane(Medium.VIDEO), list[int](), 0, 7
    for _ in range(500):
        now += SECOND // 30
        seq += 1
        match chance.randrange(60):
            case 0:
                lane.skip_to_keyframe()
            case 1:
                lane.change_source()
                seq = chance.randrange(1, 10**6)
            case _:
                pass
        route = lane.route(picture(seq, KEY if chance.random() < 0.2 else DELTA, arrival=now), Codec.H264)
        if route is not None:
            seen.append(route[0])
    assert seen == list(range(seen[0], seen[0] + len(seen)))
