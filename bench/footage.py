"""Pre-encoded RTP payloads that every publisher of `bench.media` replays: 720p30 H.264 at 1.5 Mb/s, and Opus.

Encoding is the camera's cost, not the server's: ten seconds are encoded once and looped by time stamps.  A
key frame comes every two seconds by itself, so requests for one need no answer.
"""

import fractions
from dataclasses import dataclass

import av
import numpy as np
from aiortc.codecs.h264 import H264Encoder

from signaling.synthetic import tone

WIDTH, HEIGHT, RATE, SECONDS = 1280, 720, 30, 10
BITS_PER_SECOND = 1_500_000
VIDEO_STEP, AUDIO_STEP = 90_000 // RATE, 960
AUDIO_RATE = 50


@dataclass(frozen=True, slots=True)
class Footage:
    """Payloads by frame: a picture is several packets, 20 ms of sound are one."""

    pictures: tuple[tuple[bytes, ...], ...]
    sounds: tuple[bytes, ...]

    @property
    def packets_per_second(self) -> float:
        """Say how many RTP packets one publisher sends in a second."""
        return sum(map(len, self.pictures)) / SECONDS + AUDIO_RATE

    @property
    def bits_per_second(self) -> float:
        """Say how many bits of payload one publisher sends in a second."""
        video = sum(len(payload) for picture in self.pictures for payload in picture) / SECONDS
        return 8 * (video + sum(map(len, self.sounds)) / len(self.sounds) * AUDIO_RATE)


def film() -> Footage:
    """Encode a picture that moves enough to need its bit rate (about 3 s of CPU)."""
    codec = av.CodecContext.create("libx264", "w")
    codec.width, codec.height, codec.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    codec.framerate, codec.time_base = fractions.Fraction(RATE), fractions.Fraction(1, RATE)
    codec.bit_rate, codec.gop_size, codec.thread_count = BITS_PER_SECOND, 2 * RATE, 1
    codec.profile = "Baseline"
    kilobits = BITS_PER_SECOND // 1000
    codec.options = {
        "preset": "veryfast",
        "tune": "zerolatency",
        "level": "31",
        "x264-params": f"nal-hrd=cbr:force-cfr=1:vbv-maxrate={kilobits}:vbv-bufsize={kilobits}:scenecut=0",
    }
    pictures: list[tuple[bytes, ...]] = []
    for index in range(RATE * SECONDS):
        frame = _draw(index)
        pictures += [_payloads(bytes(packet)) for packet in codec.encode(frame)]
    assert len(pictures) == RATE * SECONDS
    return Footage(tuple(pictures), tone(440))


def _payloads(access_unit: bytes) -> tuple[bytes, ...]:
    return tuple(H264Encoder._packetize(H264Encoder._split_bitstream(access_unit)))  # noqa: SLF001 - RFC 6184


def _draw(index: int) -> av.VideoFrame:
    dice = np.random.default_rng(index)
    planes = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
    ramp = (np.arange(WIDTH) + 7 * index) % 256
    planes[:HEIGHT] = ramp.astype(np.uint8)
    noise = dice.integers(0, 256, (12, 20), np.uint8)
    top, left = 40 + index % 300, 60 + (index * 5) % 900
    planes[top : top + 12 * 16, left : left + 20 * 16] = np.kron(noise, np.ones((16, 16), np.uint8))
    frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
    frame.pts = index
    frame.time_base = fractions.Fraction(1, RATE)
    return frame
