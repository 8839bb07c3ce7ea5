"""A seat without a browser: it answers a node's offers and publishes pictures that cannot be mistaken.

For the demo, tests and benchmarks, never for evidence.  Each picture shows the seat's code and a running
clock on the seat's own colour, each microphone plays the seat's own tone, so that a swapped track is seen and
heard.  Pictures are encoded once however many connections carry them; the tone is encoded once for ever.
"""

import asyncio
import colorsys
import fractions
import math
import time
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import av
import cv2
import numpy as np
import numpy.typing as npt
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCRtpTransceiver, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from evalroom.ids import SeatCode, SiteId
from evalroom.media import CLOCK_RATE, Medium, TrackKind
from evalroom.protocol.messages import Answer, Offer
from signaling.engine import new_connection, sender_of, set_loopback
from signaling.ice import IceServer, IceSettings
from signaling.repair import SECOND
from signaling.sdp import compact, spread

Plane = npt.NDArray[np.uint8]
VideoPacket: TypeAlias = "av.Packet[Any]"

VIDEO_TICK = fractions.Fraction(1, CLOCK_RATE[Medium.VIDEO])
AUDIO_TICK = fractions.Fraction(1, CLOCK_RATE[Medium.AUDIO])
OPUS_FRAME = 960
"""Samples of one packet: 20 ms."""

LATE_FRAMES = 10
"""A tone that is further behind the clock than 0.2 s skips to the present, as a microphone would."""

OPUS_LEAD = 312
"""Samples by which libopus delays its output; the loop is cut so that it closes on silence all the same."""


@dataclass(frozen=True, slots=True)
class Studio:
    """Size, pace and rate of one synthetic picture."""

    width: int
    height: int
    rate: int
    bps: int


STUDIOS = {
    TrackKind.CAMERA: Studio(640, 360, 15, 400_000),
    TrackKind.SCREEN: Studio(1280, 720, 2, 300_000),
}
"""What five seats on two cores can afford beside three nodes."""


def colour_of(text: str) -> tuple[int, int, int]:
    """Return a colour (Y, U, V) that belongs to `text` alone, as far as eyes can tell."""
    hue = zlib.crc32(text.encode()) / 2**32
    red, green, blue = (round(255 * part) for part in colorsys.hsv_to_rgb(hue, 0.6, 0.55))
    pixel = np.full((2, 2, 3), (blue, green, red), np.uint8)
    y, u, v = cv2.cvtColor(pixel, cv2.COLOR_BGR2YUV)[0, 0]
    return int(y), int(u), int(v)


class Picture:
    """Draw one seat's picture: fixed text once, the clock and a moving bar for each frame."""

    def __init__(self, caption: str, studio: Studio) -> None:
        """Paint what does not move."""
        self._studio = studio
        width, height = studio.width, studio.height
        luma, u, v = colour_of(caption)
        self._planes: Plane = np.empty((height * 3 // 2, width), np.uint8)
        self._planes[:height] = luma
        self._planes[height : height * 5 // 4] = u
        self._planes[height * 5 // 4 :] = v
        self._scale = height / 180
        self._luma = luma
        self._write(caption, height * 2 // 5, self._scale)

    def draw(self, at: float) -> av.VideoFrame:
        """Return the picture at Unix time `at` (s)."""
        height, width = self._studio.height, self._studio.width
        self._planes[height * 11 // 20 : height * 17 // 20] = self._luma
        stamp = time.strftime("%H:%M:%S", time.localtime(at)) + f".{int(at % 1 * 100):02d}"
        self._write(stamp, height * 3 // 4, self._scale * 0.8)
        self._planes[height * 9 // 10 : height * 19 // 20] = 40
        left = int(at % 4 / 4 * (width - width // 16))
        self._planes[height * 9 // 10 : height * 19 // 20, left : left + width // 16] = 235
        return av.VideoFrame.from_ndarray(self._planes, format="yuv420p")

    def _write(self, text: str, baseline: int, scale: float) -> None:
        font, thickness = cv2.FONT_HERSHEY_SIMPLEX, max(2, round(scale * 2))
        (width, _), _ = cv2.getTextSize(text, font, scale, thickness)
        fitted = scale * min(1.0, 0.94 * self._studio.width / width)
        (width, _), _ = cv2.getTextSize(text, font, fitted, thickness)
        left = (self._studio.width - width) // 2
        luma = self._planes[: self._studio.height]
        cv2.putText(luma, text, (left, baseline), font, fitted, (235,), thickness, cv2.LINE_8)


def _encoder(studio: Studio) -> VideoCodecContext:
    codec = av.CodecContext.create("libx264", "w")
    codec.width, codec.height = studio.width, studio.height
    codec.pix_fmt = "yuv420p"
    codec.bit_rate = studio.bps
    codec.framerate = fractions.Fraction(studio.rate)
    codec.time_base = VIDEO_TICK
    codec.gop_size = 100_000  # key frames come when they are asked for, as from a browser
    codec.thread_count = 1
    codec.options = {"preset": "ultrafast", "tune": "zerolatency", "level": "31"}
    codec.profile = "Baseline"
    return codec


class Camera:
    """Encode one picture at its pace for however many connections want it."""

    def __init__(self, caption: str, studio: Studio) -> None:
        """Begin idle: nothing is drawn while nobody listens."""
        self._picture = Picture(caption, studio)
        self._studio = studio
        self._codec = _encoder(studio)
        self._listeners: list[EncodedTrack] = []
        self._keyframe = True
        self._task: asyncio.Task[None] | None = None
        self.frames = 0

    def track(self) -> "EncodedTrack":
        """Return a new track of this picture; it begins with a key frame."""
        track = EncodedTrack(Medium.VIDEO, self)
        self._listeners.append(track)
        self._keyframe = True
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        return track

    def request_keyframe(self) -> None:
        """Make the next picture one that needs no other."""
        self._keyframe = True

    def close(self) -> None:
        """End all tracks."""
        if self._task is not None:
            self._task.cancel()
        for track in self._listeners:
            track.stop()

    async def _run(self) -> None:
        period = SECOND // self._studio.rate
        due = time.monotonic_ns()
        while self._listeners:
            self._listeners = [track for track in self._listeners if track.readyState == "live"]
            for packet in self._encode(due):
                for track in self._listeners:
                    track.put(packet)
            due += period
            await asyncio.sleep((due - time.monotonic_ns()) / SECOND)

    def _encode(self, now: int) -> list[VideoPacket]:
        frame = self._picture.draw(time.time())
        frame.pts = now * CLOCK_RATE[Medium.VIDEO] // SECOND
        frame.time_base = VIDEO_TICK
        frame.pict_type = PictureType.I if self._keyframe else PictureType.NONE
        self._keyframe = False
        self.frames += 1
        return self._codec.encode(frame)


class EncodedTrack(MediaStreamTrack):
    """A track of packets already encoded; the newest second of them, if its reader is slow."""

    def __init__(self, medium: Medium, camera: Camera) -> None:
        """Begin empty."""
        super().__init__()
        self.kind = medium.value
        self._camera = camera
        self._queue: asyncio.Queue[VideoPacket | None] = asyncio.Queue()
        self._read = False

    def put(self, packet: VideoPacket) -> None:
        """Take a packet; one that finds a full queue makes room and asks for a key frame."""
        if self._queue.qsize() > 30:
            self._queue.get_nowait()
            self.request_keyframe()
        self._queue.put_nowait(packet)

    def request_keyframe(self) -> None:
        """Pass on what the node asked for."""
        self._camera.request_keyframe()

    async def recv(self) -> VideoPacket:
        """Return the next packet; cancelling loses none.

        Raises:
            MediaStreamError: when the track has ended.
        """
        if not self._read:
            self._forget_backlog()
        packet = await self._queue.get() if self.readyState == "live" else None
        if packet is None:
            raise MediaStreamError
        return packet

    def _forget_backlog(self) -> None:
        """Begin with the present: pictures drawn while the connection came up would be sent late, as no camera does."""
        self._read = True
        while not self._queue.empty():
            self._queue.get_nowait()
        self.request_keyframe()

    def stop(self) -> None:
        """End the track and wake its reader."""
        super().stop()
        self._queue.put_nowait(None)


@cache
def tone(frequency: int) -> tuple[bytes, ...]:
    """Return two seconds of Opus at `frequency` Hz: three beeps and a pause, to be looped."""
    codec = av.CodecContext.create("libopus", "w")
    codec.format, codec.layout, codec.sample_rate = "s16", "mono", CLOCK_RATE[Medium.AUDIO]
    codec.bit_rate = 32_000
    codec.options = {"application": "audio", "vbr": "on"}
    frames = 2 * CLOCK_RATE[Medium.AUDIO] // OPUS_FRAME
    packets = []
    for index in range(frames):
        packets += codec.encode(_beep(frequency, index))
    return tuple(bytes(packet) for packet in packets)


def _beep(frequency: int, index: int) -> av.AudioFrame:
    at = (np.arange(OPUS_FRAME) + index * OPUS_FRAME + OPUS_LEAD) / CLOCK_RATE[Medium.AUDIO]
    step = np.floor(at / 0.4).astype(int)
    loud = (step < 3) & (at % 0.4 < 0.3)
    pitch = frequency * np.choose(np.clip(step, 0, 2), [1.0, 1.25, 1.5])
    wave = np.where(loud, np.sin(2 * math.pi * pitch * at), 0.0)
    samples = (wave * 6000).astype(np.int16).reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
    frame.sample_rate = CLOCK_RATE[Medium.AUDIO]
    frame.pts = index * OPUS_FRAME
    frame.time_base = AUDIO_TICK
    return frame


class ToneTrack(MediaStreamTrack):
    """The seat's tone, looped on the same clock as its pictures."""

    kind = "audio"

    def __init__(self, frequency: int) -> None:
        """Begin where the clock is now."""
        super().__init__()
        self._packets = tone(frequency)
        self._index = 0

    async def recv(self) -> VideoPacket:
        """Return the next packet when it is due; cancelling loses none.

        Raises:
            MediaStreamError: when the track has ended.
        """
        self._index = max(self._index, self._present() - LATE_FRAMES)
        due = self._index * OPUS_FRAME * SECOND // CLOCK_RATE[Medium.AUDIO]
        await asyncio.sleep((due - time.monotonic_ns()) / SECOND)
        if self.readyState != "live":
            raise MediaStreamError
        packet = av.Packet(self._packets[self._index % len(self._packets)])
        packet.pts = self._index * OPUS_FRAME
        packet.time_base = AUDIO_TICK
        self._index += 1
        return packet

    @staticmethod
    def _present() -> int:
        return time.monotonic_ns() * CLOCK_RATE[Medium.AUDIO] // SECOND // OPUS_FRAME


class SyntheticSeat:
    """A seat that answers offers like a browser and publishes `tracks`."""

    def __init__(
        self,
        code: SeatCode,
        site: SiteId,
        tracks: Iterable[TrackKind] = tuple(TrackKind),
        *,
        settings: IceSettings | None = None,
        server: IceServer | None = None,
        studios: dict[TrackKind, Studio] | None = None,
    ) -> None:
        """Begin unconnected; a node learns of `tracks` by a publish message, which is the caller's to send."""
        chosen = STUDIOS | (studios or {})
        self.code = code
        self.site = site
        self.cameras = {kind: Camera(f"{site} {code} {kind}", chosen[kind]) for kind in tracks}
        self._frequency = 220 + zlib.crc32(f"{site}-{code}".encode()) % 12 * 40
        self._settings = settings or IceSettings()
        self._server = server
        self._generations: dict[int, RTCPeerConnection] = {}
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def kinds(self) -> tuple[TrackKind, ...]:
        """What this seat publishes."""
        return tuple(self.cameras)

    def connection(self, generation: int) -> RTCPeerConnection | None:
        """Return the connection of `generation`, None when there is none."""
        return self._generations.get(generation)

    async def answer(self, offer: Offer) -> Answer:
        """Answer an offer; a new generation gets a new connection, and the old one goes when that is up.

        Cancelling leaves a connection that `close` closes.
        """
        pc = self._generations.get(offer.generation) or self._make(offer.generation)
        await pc.setRemoteDescription(RTCSessionDescription(spread(offer.sdp), "offer"))
        published = {mid.mid: (mid.track, mid.medium) for mid in offer.publish}
        viewed = {mid.mid for mid in offer.view}
        for transceiver in pc.getTransceivers():
            self._play(transceiver, published.get(transceiver.mid or ""), viewed=transceiver.mid in viewed)
        set_loopback(pc, loopback=self._settings.loopback)
        await pc.setLocalDescription()
        return Answer(offer.generation, compact(pc.localDescription.sdp))

    async def close(self) -> None:
        """Close all connections; cancelling leaves them to be collected."""
        for camera in self.cameras.values():
            camera.close()
        pcs, self._generations = list(self._generations.values()), {}
        await asyncio.gather(*(pc.close() for pc in pcs), *self._closing)

    def _make(self, generation: int) -> RTCPeerConnection:
        pc = self._generations[generation] = new_connection(self._settings, self._server)
        pc.on("connectionstatechange", lambda: self._drop_older(generation))
        return pc

    def _drop_older(self, generation: int) -> None:
        pc = self._generations.get(generation)
        if pc is None or pc.connectionState != "connected":
            return
        for number in [number for number in self._generations if number < generation]:
            task = asyncio.create_task(self._generations.pop(number).close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    def _play(self, transceiver: RTCRtpTransceiver, line: tuple[str, Medium] | None, *, viewed: bool) -> None:
        label, medium = line or ("", Medium(transceiver.kind))
        camera = next((camera for kind, camera in self.cameras.items() if kind.value == label), None)
        if camera is None:
            transceiver.direction = "recvonly" if viewed else "inactive"
            return
        transceiver.direction = "sendonly"
        if not sender_of(transceiver).encodes:
            track = camera.track() if medium is Medium.VIDEO else ToneTrack(self._frequency)
            transceiver.sender.replaceTrack(track)
