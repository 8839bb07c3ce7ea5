"""The bytes of a reel, read by an implementation that is not ours."""

import io
import struct
from fractions import Fraction
from pathlib import Path

import av
import pytest

from evalroom.media import Medium
from recorder.boxes import walk
from recorder.fmp4 import (
    INIT_AT,
    PATCH_AT,
    Draft,
    MalformedFragment,
    ReelTooLarge,
    Sample,
    SampleIndex,
    fragment,
    fragment_times,
    fragments_of,
    init_end,
    init_segment,
    micros,
    opening,
    patch,
    sample_times,
)
from recorder.h264 import PPS, SPS, PictureFormat, nal_type, picture_format
from tests.recorder.seat import FPS, Unit, nals, pictures, tones


def format_of(unit: Unit) -> PictureFormat:
    found = nals(unit.data)
    sps, pps = (next(nal for nal in found if nal_type(nal) == kind) for kind in (SPS, PPS))
    return picture_format(sps, pps)


def drafts(seconds: int = 4, *, sound_from: int = 0) -> list[Draft]:
    """One draft per second, of the real picture and tone."""
    made = []
    for second in range(seconds):
        video = [
            Sample(
                unit.ticks,
                90_000 // FPS,
                b"".join(len(n).to_bytes(4, "big") + n for n in nals(unit.data)),
                unit.key,
            )
            for unit in pictures(seconds)[second * FPS : (second + 1) * FPS]
        ]
        audio = [
            Sample(unit.ticks, 960, unit.data) for unit in tones(seconds)[second * 50 : (second + 1) * 50]
        ]
        made.append(Draft(tuple(video), tuple(audio) if second >= sound_from else ()))
    return made


def reel(parts: list[Draft]) -> tuple[bytes, bytes]:
    """An open reel and the same one closed."""
    picture = format_of(pictures(4)[0])
    data, index = opening(picture, sound=True), SampleIndex(picture, sound=True)
    for number, part in enumerate(parts):
        piece = fragment(number, part)
        index.add(part, len(data), len(piece))
        data += piece
    closed = bytearray(data + index.closing())
    closed[PATCH_AT:INIT_AT] = patch(len(data))
    return data, bytes(closed)


def frames(data: bytes, medium: Medium) -> list[float]:
    with av.open(io.BytesIO(data), "r") as container:
        if medium is Medium.VIDEO:
            return [float(frame.time or 0) for frame in container.decode(video=0)]
        return [float(frame.time or 0) for frame in container.decode(audio=0)]


def test_a_reel_of_four_gigabytes_cannot_be_closed() -> None:
    with pytest.raises(ReelTooLarge):
        patch((1 << 32) + PATCH_AT)
    assert patch((1 << 32) + PATCH_AT - 1) == b"\xff\xff\xff\xffmdat"


def test_another_writers_fragment_is_not_read_as_ours() -> None:
    data = bytearray(reel(drafts())[0])
    moof, _ = next(fragments_of(bytes(data)))
    at = data.index(b"trun", moof.offset) + 4
    data[at : at + 4] = struct.pack(">I", 0x301)
    with pytest.raises(MalformedFragment):
        fragment_times(bytes(data), moof)
    with pytest.raises(MalformedFragment):
        init_end(bytes(data[:60]))


def test_every_truncation_leaves_whole_fragments_and_no_more() -> None:
    data = reel(drafts())[0]
    ends = [mdat.end for _, mdat in fragments_of(data)]
    for length in range(INIT_AT, len(data), 997):
        assert [mdat.end for _, mdat in fragments_of(data[:length])] == [end for end in ends if end <= length]


def test_an_open_reel_plays_and_so_does_the_closed_one() -> None:
    opened, closed = reel(drafts())
    for data in (opened, closed):
        assert frames(data, Medium.VIDEO) == pytest.approx([n / FPS for n in range(4 * FPS)], abs=1e-4)
        assert len(frames(data, Medium.AUDIO)) == 200


def test_closing_moves_no_fragment() -> None:
    opened, closed = reel(drafts())
    assert closed[INIT_AT : len(opened)] == opened[INIT_AT:]
    assert list(fragments_of(opened)) == list(fragments_of(closed))
    assert [box.name for box in walk(closed)] == ["ftyp", "free", "mdat", "moov"]
    assert [box.name for box in walk(opened)][:4] == ["ftyp", "free", "free", "moov"]


def test_the_init_segment_and_any_fragment_play_alone() -> None:
    opened, _ = reel(drafts())
    third = list(fragments_of(opened))[2]
    alone = opened[INIT_AT : init_end(opened)] + opened[third[0].offset : third[1].end]
    assert frames(alone, Medium.VIDEO)[0] == pytest.approx(2.0)


def test_late_sound_stays_late_in_both_forms() -> None:
    for data in reel(drafts(sound_from=2)):
        assert frames(data, Medium.AUDIO)[0] == pytest.approx(2.0, abs=0.001)


def test_a_closed_reel_seeks_to_the_key_frame_before() -> None:
    with av.open(io.BytesIO(reel(drafts())[1]), "r") as container:
        container.seek(3_500_000)
        assert next(container.decode(video=0)).time == pytest.approx(2.0)
        assert container.duration == 4_000_000


def test_a_stream_that_never_came_is_not_in_the_closed_reel() -> None:
    parts = [Draft(draft.video, ()) for draft in drafts()]
    _, closed = reel(parts)
    with av.open(io.BytesIO(closed), "r") as container:
        assert [stream.type for stream in container.streams] == ["video"]


def test_a_reel_of_sound_alone_plays() -> None:
    data, index = opening(None, sound=True), SampleIndex(None, sound=True)
    for number, draft in enumerate(drafts()):
        part = Draft((), draft.audio)
        piece = fragment(number, part)
        index.add(part, len(data), len(piece))
        data += piece
    closed = bytearray(data + index.closing())
    closed[PATCH_AT:INIT_AT] = patch(len(data))
    assert len(frames(data, Medium.AUDIO)) == len(frames(bytes(closed), Medium.AUDIO)) == 200


def test_what_a_fragment_says_of_itself_is_read_back() -> None:
    data, _ = reel(drafts())
    times = [fragment_times(data, moof) for moof, _ in fragments_of(data)]
    assert [(one.pts, one.duration, one.keyframe) for one in times] == [
        (n * 1_000_000, 1_000_000, n % 2 == 0) for n in range(4)
    ]
    moof, _ = next(fragments_of(data))
    samples = list(sample_times(data, moof))
    assert len(samples) == FPS + 50
    assert samples[1] == (Medium.VIDEO, micros(Medium.VIDEO, 6000), 66_666)
    assert samples[-1] == (Medium.AUDIO, 980_000, 20_000)


def test_the_same_pictures_come_out_as_from_libavformat(tmp_path: Path) -> None:
    """Its hybrid fragmented muxer is the oracle: same frames, same times, same seeks."""
    path = tmp_path / "oracle.mp4"
    options = {
        "movflags": "hybrid_fragmented+empty_moov+default_base_moof+frag_keyframe",
        "frag_duration": "1000000",
        "max_interleave_delta": "500000",
    }
    with av.open(str(path), "w", format="mp4", options=options) as container:
        stream = container.add_stream("libx264", rate=FPS)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = 320, 180
        picture = format_of(pictures(4)[0])
        start = b"\x00\x00\x00\x01"
        stream.codec_context.extradata = start + picture.sps + start + picture.pps
        for unit in pictures(4):
            packet = av.Packet(unit.data)
            packet.stream, packet.is_keyframe = stream, unit.key
            packet.pts = packet.dts = unit.ticks
            packet.time_base, packet.duration = Fraction(1, 90_000), 6000
            container.mux_one(packet)
    ours = reel([Draft(draft.video, ()) for draft in drafts()])[1]
    assert frames(ours, Medium.VIDEO) == pytest.approx(frames(path.read_bytes(), Medium.VIDEO), abs=1e-4)


def test_the_init_segment_is_the_same_wherever_it_is_made() -> None:
    picture = format_of(pictures(4)[0])
    head = opening(picture, sound=True)
    assert head[INIT_AT:] == init_segment(picture, sound=True)
    assert init_end(head) == len(head)
