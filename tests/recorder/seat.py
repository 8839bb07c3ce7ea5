"""A seat for tests: a real picture and a real tone, encoded once, cut into RTP packets by the book.

The picture is a moving bar, H.264 constrained baseline with a key frame every two seconds; the sound is a
tone in Opus.  Packets carry a virtual arrival time; nothing here waits for a clock.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache

import av
import numpy as np

from evalroom.ids import SeatCode, SiteId, track_id
from evalroom.media import Medium, Packet, SenderReport, Track, TrackKind

FPS = 15
MTU = 1100
VIDEO_START, AUDIO_START = 4_000_000_000, 3_000_000_000
"""Media time begins anywhere, as in RTP."""

T0_MS = 1_795_000_000_000


def camera(*media: Medium) -> Track:
    site, seat = SiteId("north"), SeatCode("E1")
    return Track(track_id(site, seat, "camera"), site, seat, TrackKind.CAMERA, media or tuple(Medium))


@dataclass(frozen=True)
class Unit:
    """One encoded picture or sound packet, `at_ms` from the beginning."""

    at_ms: float
    ticks: int
    key: bool
    data: bytes


@cache
def pictures(seconds: int, width: int = 320, height: int = 180, gop_s: int = 2) -> tuple[Unit, ...]:
    context = av.CodecContext.create("libx264", "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base, context.framerate, context.bit_rate = Fraction(1, FPS), Fraction(FPS, 1), 200_000
    context.options = {
        "profile": "baseline",
        "tune": "zerolatency",
        "preset": "ultrafast",
        "x264-params": f"keyint={gop_s * FPS}:scenecut=0:repeat-headers=1:annexb=1:threads=1",
    }
    units = []
    for index in range(seconds * FPS + 1):
        packets = context.encode(_picture(index, width, height) if index < seconds * FPS else None)
        units += [(packet.pts or 0, packet.is_keyframe, bytes(packet)) for packet in packets]
    return tuple(Unit(pts * 1000 / FPS, pts * 90_000 // FPS, key, data) for pts, key, data in units)


def _picture(index: int, width: int, height: int) -> av.VideoFrame:
    image = np.full((height, width, 3), (index * 2) % 128, np.uint8)
    image[:, (index * 7) % width : (index * 7) % width + 20] = 255
    frame = av.VideoFrame.from_ndarray(image, format="rgb24")
    frame.pts = index
    return frame


@cache
def tones(seconds: int) -> tuple[Unit, ...]:
    context = av.CodecContext.create("libopus", "w")
    assert isinstance(context, av.AudioCodecContext)
    context.sample_rate, context.layout, context.format = 48_000, "stereo", "s16"
    context.time_base = Fraction(1, 48_000)
    data = []
    for index in range(seconds * 50):
        wave = np.sin(2 * np.pi * 440 * (np.arange(960) + index * 960) / 48_000) * 8000
        frame = av.AudioFrame.from_ndarray(
            np.repeat(wave.astype(np.int16), 2).reshape(1, -1), format="s16", layout="stereo"
        )
        frame.sample_rate, frame.pts, frame.time_base = 48_000, index * 960, Fraction(1, 48_000)
        data += [bytes(packet) for packet in context.encode(frame)]
    return tuple(Unit(index * 20, index * 960, key=True, data=piece) for index, piece in enumerate(data))


def nals(annex_b: bytes) -> list[bytes]:
    pieces = annex_b.replace(b"\x00\x00\x00\x01", b"\x00\x00\x01").split(b"\x00\x00\x01")
    return [piece for piece in pieces if piece]


def payloads(unit: Unit) -> Iterator[bytes]:
    """RFC 6184: parameter sets together in a STAP-A, large slices in FU-A, the rest alone."""
    units = nals(unit.data)
    sets = [nal for nal in units if nal[0] & 31 in (6, 7, 8)]
    if sets:
        sets.sort(key=lambda nal: (nal[0] & 31) == 6)
        yield b"\x78" + b"".join(len(nal).to_bytes(2, "big") + nal for nal in sets)
    for nal in units:
        if nal not in sets:
            yield from _slice(nal)


def _slice(nal: bytes) -> Iterator[bytes]:
    if len(nal) <= MTU:
        yield nal
        return
    body = nal[1:]
    for at in range(0, len(body), MTU):
        mark = 0x80 * (at == 0) | 0x40 * (at + MTU >= len(body))
        yield bytes([nal[0] & 0xE0 | 28, mark | nal[0] & 0x1F]) + body[at : at + MTU]


def _arrival(at_ms: float) -> int:
    return round((at_ms + 5_000_000) * 1e6)


def video_packets(units: Iterable[Unit], first_seq: int = 60_000, start: int = VIDEO_START) -> list[Packet]:
    packets: list[Packet] = []
    for unit in units:
        pieces = list(payloads(unit))
        for index, piece in enumerate(pieces):
            seq, last = first_seq + len(packets), index == len(pieces) - 1
            packets.append(Packet(Medium.VIDEO, seq, start + unit.ticks, last, piece, _arrival(unit.at_ms)))
    return packets


def audio_packets(units: Iterable[Unit], first_seq: int = 65_500, start: int = AUDIO_START) -> list[Packet]:
    return [
        Packet(
            Medium.AUDIO,
            first_seq + n,
            start + unit.ticks,
            marker=False,
            payload=unit.data,
            arrival=_arrival(unit.at_ms),
        )
        for n, unit in enumerate(units)
    ]


def reports(seconds: float, seat_clock_ms: float = 0.0, every_ms: int = 500) -> list[SenderReport]:
    """Sender reports of both media by a seat whose clock is off by `seat_clock_ms`."""
    made = []
    for at in range(100, round(seconds * 1000), every_ms):
        for medium, start, rate in ((Medium.VIDEO, VIDEO_START, 90), (Medium.AUDIO, AUDIO_START, 48)):
            made.append(SenderReport(medium, start + at * rate, T0_MS + at + seat_clock_ms, _arrival(at)))
    return made


def later(packets: Iterable[Packet], ms: float) -> list[Packet]:
    """The same packets, arriving later."""
    return [replace(packet, arrival=packet.arrival + round(ms * 1e6)) for packet in packets]


def at_ms(item: Packet | SenderReport) -> float:
    """When an item arrives, ms from the beginning."""
    return item.arrival / 1e6 - 5_000_000


def in_order(*streams: Iterable[Packet | SenderReport]) -> list[Packet | SenderReport]:
    return sorted((item for stream in streams for item in stream), key=lambda item: item.arrival)
