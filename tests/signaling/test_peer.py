"""Seats over real peer connections: publish, watch, fail, come back."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from evalroom.ids import TrackId
from evalroom.media import Codec, GapCause, Medium, Packet, TrackKind, UnknownTrackKind, starts_keyframe
from evalroom.protocol.messages import Answer, MediaLost, Publish, Watch
from signaling.engine import receiver_of
from signaling.negotiation import UnexpectedAnswer
from signaling.peer import MAX_WATCHED, TooManyTracks, WatchRefused
from signaling.relay import TrackDown, TrackUp
from tests.signaling.live import CAMERA, SCREEN, Node, Sink, node, until

BOTH = (TrackKind.CAMERA, TrackKind.SCREEN)


@pytest.fixture(name="here")
async def _here() -> AsyncIterator[Node]:
    async with node() as running:
        yield running


class Bomb(Sink):
    """A sink that fails at its third packet."""

    def on_packet(self, packet: Packet) -> None:
        super().on_packet(packet)
        if len(self.packets) == 3:
            raise RuntimeError("muxer")


async def test_a_seat_may_not_watch_what_it_is_not_allowed_to(here: Node) -> None:
    seat = await here.seat(may_watch=lambda track: track == CAMERA.id)
    with pytest.raises(WatchRefused):
        seat.watch(CAMERA.id, SCREEN.id)
    assert here.relay.watched() == frozenset()
    assert seat.here.generation == 0, "a refused wish changes nothing"


@pytest.mark.parametrize("name", ["", "x", "west-E1/keyboard", "west-E1/", "a" * 5000])
async def test_a_name_that_is_no_track_is_refused(here: Node, name: str) -> None:
    seat = await here.seat()
    with pytest.raises(UnknownTrackKind):
        seat.watch(TrackId(name))


async def test_more_tracks_than_a_connection_carries_are_refused(here: Node) -> None:
    seat = await here.seat()
    with pytest.raises(TooManyTracks):
        seat.watch(*(TrackId(f"west-E{n}/camera") for n in range(MAX_WATCHED + 1)))


@pytest.mark.parametrize("sdp", ["", "nonsense", "v=0\r\nm=video 9 X 1\r\n", "m=\r\n", "v=0\r\n" * 2000])
async def test_an_answer_that_cannot_be_used_leads_to_a_new_connection(here: Node, sdp: str) -> None:
    seat = await here.seat()
    seat.mute = True
    seat.watch(CAMERA.id)
    await until(lambda: len(seat.answered) == 1)
    seat.here.handle(Answer(1, sdp))
    seat.mute = False
    await until(lambda: seat.here.generation > 1 and seat.here.connected)


async def test_an_answer_without_an_offer_is_refused(here: Node) -> None:
    seat = await here.seat()
    with pytest.raises(UnexpectedAnswer):
        seat.here.handle(Answer(1, "v=0"))


async def test_both_tracks_arrive_in_order_with_their_clock_and_nothing_is_decoded(here: Node) -> None:
    threads = threading.active_count()
    await here.seat("E1", BOTH)
    sink = Sink()
    source = here.relay.source(CAMERA.id)
    assert source is not None
    source.attach(sink)
    await until(
        lambda: len(sink.reports) >= 2 and len(sink.seqs()) > 30 and len(sink.seqs(Medium.AUDIO)) > 30
    )
    assert {Medium.VIDEO: Codec.H264, Medium.AUDIO: Codec.OPUS} == source.codecs
    assert sink.gaps == []
    for medium in Medium:
        assert sink.seqs(medium) == list(
            range(sink.seqs(medium)[0], sink.seqs(medium)[0] + len(sink.seqs(medium)))
        )
    assert {report.medium for report in sink.reports} <= set(Medium)
    assert threading.active_count() == threads, "a decoder thread was started"


async def test_the_recorder_gets_a_key_frame_every_two_seconds_without_asking(here: Node) -> None:
    await here.seat("E1", (TrackKind.CAMERA,))
    sink = Sink()
    source = here.relay.source(CAMERA.id)
    assert source is not None
    source.attach(sink)
    await until(lambda: len(keyframes(sink)) >= 3)
    keys = keyframes(sink)
    assert 1.5 < keys[-1] - keys[-2] < 2.6


def keyframes(sink: Sink) -> list[float]:
    """Return when key frames began, in seconds of media."""
    video = [packet for packet in sink.packets if packet.medium is Medium.VIDEO]
    return sorted({packet.ts / 90_000 for packet in video if starts_keyframe(Codec.H264, packet.payload)})


async def test_a_raising_sink_costs_neither_the_peer_nor_the_others(here: Node) -> None:
    seat = await here.seat("E1", (TrackKind.CAMERA,))
    source = here.relay.source(CAMERA.id)
    assert source is not None
    faults: list[Exception] = []
    bomb, arrivals, recorder = Bomb("arrival"), Sink("arrival"), Bomb("repaired")
    source.attach(bomb)
    source.attach(recorder, lambda _sink, error: faults.append(error))
    source.attach(arrivals)
    await until(lambda: len(arrivals.packets) > 60)
    assert len(bomb.packets) == len(recorder.packets) == 3, "a failed sink is detached"
    assert [type(error) for error in faults] == [RuntimeError]
    assert source.faults == 2
    assert seat.here.connected


async def test_a_viewer_joins_at_a_key_frame_and_numbers_run_on(here: Node) -> None:
    await here.seat("E1", (TrackKind.CAMERA,))
    await asyncio.gather(*(watched(here, f"V{n}") for n in range(3)))
    source = here.relay.source(CAMERA.id)
    assert source is not None
    assert source.stats().keyframes_requested <= 4, "three viewers in one second are one request"


async def watched(here: Node, code: str) -> None:
    viewer = await here.seat(code)
    viewer.watch(CAMERA.id)
    await until(lambda: len(viewer.received()) == 2 and min(viewer.received()) > 20)
    pc = viewer.there.connection(1)
    assert pc is not None
    lost = [c.packets_lost for t in pc.getTransceivers() for c in receiver_of(t).statistics.values()]
    assert lost == [0, 0]


async def test_a_viewer_who_leaves_amid_the_fan_out_disturbs_nobody(here: Node) -> None:
    await here.seat("E1", (TrackKind.CAMERA,))
    stays, goes = await here.seat("V1"), await here.seat("V2")
    stays.watch(CAMERA.id)
    goes.watch(CAMERA.id)
    await until(lambda: len(stays.received()) == 2 == len(goes.received()))
    await goes.there.close()
    before = sum(stays.received())
    await until(lambda: sum(stays.received()) > before + 60)
    await goes.here.close()
    source = here.relay.source(CAMERA.id)
    assert source is not None
    assert source.stats().sinks == 1
    assert source.faults == 0


async def test_a_track_may_be_watched_before_anybody_publishes_it(here: Node) -> None:
    viewer = await here.seat("V1")
    viewer.watch(CAMERA.id)
    await until(lambda: viewer.here.connected)
    assert here.watched[-1] == {CAMERA.id}
    await here.seat("E1", (TrackKind.CAMERA,))
    await until(lambda: len(viewer.received()) == 2)


async def test_a_line_nobody_wants_falls_silent_and_is_used_again(here: Node) -> None:
    await here.seat("E1", BOTH)
    viewer = await here.seat("V1")
    viewer.watch(CAMERA.id)
    await until(lambda: len(viewer.received()) == 2)
    viewer.watch()
    await until(lambda: len(viewer.answered) == 2 and here.watched[-1] == frozenset())
    viewer.watch(SCREEN.id)
    await until(lambda: len(viewer.answered) == 3)
    offer = viewer.answered[-1][0]
    assert [(line.mid, line.track) for line in offer.view] == [("0", SCREEN.id)], (
        "the free video line serves again"
    )
    before = viewer.received()[0]
    await until(lambda: viewer.received()[0] > before + 5)
    assert offer.sdp.count("a=inactive") == 1


async def test_wishes_during_an_open_offer_go_into_the_next_one(here: Node) -> None:
    viewer = await here.seat("V1")
    viewer.watch(CAMERA.id)
    viewer.watch(CAMERA.id, SCREEN.id)
    viewer.watch(SCREEN.id)
    await until(lambda: viewer.here.connected and here.relay.watched() == {SCREEN.id})
    assert len(viewer.answered) <= 2


async def test_a_seat_that_wants_nothing_is_left_alone_until_it_wants_something(here: Node) -> None:
    seat = await here.seat("E1", (TrackKind.CAMERA,))
    seat.here.handle(Publish(()))
    await until(lambda: len(seat.answered) == 2)
    seat.here.handle(MediaLost(1))
    await until(lambda: not seat.here.connected)
    assert seat.here.generation == 1
    seat.here.handle(Publish((TrackKind.CAMERA,)))
    await until(lambda: here.relay.source(CAMERA.id) is not None)
    assert seat.here.generation == 2


async def test_ending_a_publication_ends_its_source_on_purpose(here: Node) -> None:
    seat = await here.seat("E1", BOTH)
    sink = Sink()
    source = here.relay.source(SCREEN.id)
    assert source is not None
    source.attach(sink)
    seat.here.handle(Publish((TrackKind.CAMERA,)))
    await until(lambda: here.relay.source(SCREEN.id) is None)
    assert sink.ends == [None]
    assert here.relay.source(CAMERA.id) is not None
    seat.here.handle(Publish(BOTH))
    await until(lambda: here.relay.source(SCREEN.id) is not None)


async def test_a_closed_connection_is_replaced_without_a_click(here: Node) -> None:
    seat = await here.seat("E1", (TrackKind.CAMERA,))
    viewer = await here.seat("V1")
    viewer.watch(CAMERA.id)
    await until(lambda: len(viewer.received()) == 2)
    sink = Sink()
    first = here.relay.source(CAMERA.id)
    assert first is not None
    first.attach(sink)
    pc = seat.there.connection(1)
    assert pc is not None
    await pc.close()
    await until(lambda: here.relay.source(CAMERA.id) not in (None, first))
    assert sink.ends == [GapCause.LINK]
    assert seat.here.generation == 2
    before = viewer.received()
    await until(lambda: all(now > then + 10 for now, then in zip(viewer.received(), before, strict=True)))


async def test_the_new_connection_is_up_before_the_old_one_goes(here: Node) -> None:
    seat = await here.seat("E1", (TrackKind.CAMERA,))
    first = here.relay.source(CAMERA.id)
    seat.here.handle(MediaLost(1))
    await until(lambda: here.relay.source(CAMERA.id) is not first)
    kinds = [type(event) for event in here.events]
    assert kinds == [TrackUp, TrackDown, TrackUp], "the old source ends when the new one has its first packet"
    seat.here.handle(MediaLost(1))
    assert seat.here.generation == 2, "old news change nothing"


async def test_a_seat_that_closes_ends_its_sources_and_is_not_called_again(here: Node) -> None:
    seat = await here.seat("E1", BOTH)
    await seat.here.close()
    assert here.relay.sources() == ()
    assert [event.cause for event in here.events if isinstance(event, TrackDown)] == [None, None]
    with pytest.raises(UnexpectedAnswer):
        seat.here.handle(Answer(1, ""))
    seat.here.handle(Watch((CAMERA.id,)))
    assert seat.offers.empty()


async def test_lost_packets_are_asked_for_again_and_leave_no_gap(
    here: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    seat = await here.seat("E1", (TrackKind.CAMERA,))
    source = here.relay.source(CAMERA.id)
    assert source is not None
    sink = Sink()
    source.attach(sink)
    connection = (
        seat.here._connections[1].connection.pc.getTransceivers()[0].receiver.transport.transport._connection
    )
    take, seen = connection.data_received, 0

    def lossy(data: bytes, component: int) -> None:
        nonlocal seen
        seen += 1
        if seen % 9:  # before SRTP, which would take the second copy of a packet it has seen for a replay
            take(data, component)

    monkeypatch.setattr(connection, "data_received", lossy)
    await until(lambda: len(sink.seqs()) > 60)
    assert [gap for gap in sink.gaps if gap[0] is Medium.VIDEO] == []
    assert sink.seqs() == list(range(sink.seqs()[0], sink.seqs()[0] + len(sink.seqs())))
    # Nobody sends sound a second time: its holes stay holes.
    await until(lambda: any(gap[0] is Medium.AUDIO for gap in sink.gaps))
