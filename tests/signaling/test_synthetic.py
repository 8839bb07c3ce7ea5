"""Seats without a browser: what they show, how they sound, how they answer."""

import asyncio
import itertools

import av
import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamError

from evalroom.ids import SeatCode, SiteId
from evalroom.media import Codec, Medium, TrackKind, starts_keyframe
from evalroom.protocol.messages import Publish
from signaling.synthetic import Camera, Picture, Studio, SyntheticSeat, ToneTrack, colour_of, tone
from tests.patience import PATIENCE_S
from tests.signaling.live import CAMERA, LOOPBACK, SITE, SMALL, Sink, node, until

STUDIO = Studio(320, 180, 30, 200_000)


def test_seats_differ_in_colour_and_tone() -> None:
    assert len({colour_of(f"west E{n} camera") for n in range(20)}) > 15
    assert tone(440) != tone(660)
    assert tone(440) is tone(440), "encoded once for ever"


def test_the_picture_runs_with_the_clock_and_keeps_its_caption() -> None:
    picture = Picture("west E1", STUDIO)
    first = picture.draw(1000.0).to_ndarray()[:180].copy()
    second = picture.draw(1000.5).to_ndarray()[:180].copy()
    assert np.array_equal(first[:90], second[:90]), "the caption stands"
    assert not np.array_equal(first[99:153], second[99:153]), "the clock runs"
    assert not np.array_equal(first[162:171], second[162:171]), "the bar moves"
    assert first.max() == 235


def test_a_long_caption_stays_inside_the_picture() -> None:
    frame = Picture("far-away-evaluation-site-of-the-province EXPERT-000017 camera", STUDIO).draw(0.0)
    luma = frame.to_ndarray()[:90]
    assert len(np.unique(luma[:, 0])) == len(np.unique(luma[:, -1])) == 1


def test_the_tone_can_be_heard_and_has_a_pause() -> None:
    decoder = av.CodecContext.create("libopus", "r")
    decoder.sample_rate = 48_000
    samples = np.concatenate(
        [frame.to_ndarray().ravel() for packet in tone(440) for frame in decoder.decode(av.Packet(packet))]
    )
    per_step = [
        np.abs(samples[int(at * 2 * 48_000) : int((at + 0.2) * 2 * 48_000)]).mean() for at in (0.1, 1.5)
    ]
    assert per_step[0] > 100 * max(float(per_step[1]), 1e-6)
    assert len(tone(440)) == 100


async def test_an_encoded_picture_begins_with_a_key_frame_and_another_comes_only_on_request() -> None:
    camera = Camera("west E1", STUDIO)
    track = camera.track()
    packets = [await track.recv() for _ in range(10)]
    assert [packet.is_keyframe for packet in packets] == [True] + [False] * 9
    steps = {b.pts - a.pts for a, b in itertools.pairwise(packets) if a.pts and b.pts}
    assert all(abs(step - 3000) <= 1 for step in steps)
    track.request_keyframe()
    assert any([(await track.recv()).is_keyframe for _ in range(3)])
    camera.close()
    while track._queue.qsize() > 1:
        track._queue.get_nowait()
    with pytest.raises(MediaStreamError):
        await track.recv()


async def test_a_reader_that_sleeps_costs_no_memory_and_gets_a_key_frame() -> None:
    camera = Camera("west E1", STUDIO)
    track = camera.track()
    async with asyncio.timeout(PATIENCE_S):
        packet = await track.recv()
        for _ in range(60):
            track.put(packet)
    assert track._queue.qsize() <= 32
    camera.close()


async def test_nothing_is_drawn_while_nobody_listens() -> None:
    camera = Camera("west E1", STUDIO)
    track = camera.track()
    await track.recv()
    track.stop()
    frames = camera.frames
    await until(lambda: camera._task is not None and camera._task.done())
    assert camera.frames <= frames + 1


async def test_a_tone_ends_when_its_track_does() -> None:
    track = ToneTrack(440)
    first, second = await track.recv(), await track.recv()
    assert first.pts is not None
    assert second.pts == first.pts + 960
    track.stop()
    with pytest.raises(MediaStreamError):
        await track.recv()


async def test_a_node_gets_pictures_a_decoder_understands() -> None:
    async with node() as here:
        await here.seat("E1", (TrackKind.CAMERA,))
        sink, source = Sink(), here.relay.source(CAMERA.id)
        assert source is not None
        source.attach(sink)
        await until(lambda: len(sink.seqs()) > 40)
        video = [packet for packet in sink.packets if packet.medium is Medium.VIDEO]
        assert any(starts_keyframe(Codec.H264, packet.payload) for packet in video)
        stamps = sorted({packet.ts for packet in video})
        assert np.median(np.diff(stamps)) == pytest.approx(3000, abs=200)


async def test_a_seat_without_tracks_only_watches_and_one_that_is_asked_for_more_has_silence() -> None:
    async with node() as here:
        watcher = await here.seat("V1")
        watcher.here.handle(Publish((TrackKind.CAMERA,)))
        await until(lambda: watcher.here.connected)
        _, answer = watcher.answered[0]
        assert answer.sdp.count("a=inactive") == 2
        assert here.relay.sources() == ()


def test_a_seat_says_what_it_publishes() -> None:
    assert SyntheticSeat(SeatCode("E1"), SiteId(SITE), settings=LOOPBACK).kinds == tuple(TrackKind)
    only = SyntheticSeat(SeatCode("E1"), SITE, (TrackKind.SCREEN,), settings=LOOPBACK, studios=SMALL)
    assert only.kinds == (TrackKind.SCREEN,)
