"""Publishers and viewers that cost the driver little: real ICE, DTLS and SRTP, and no codec at either end.

A publisher replays `bench.footage` through a sender without a track; a viewer counts what comes by the RTP
header, which SRTP leaves in the clear, and decrypts nothing.  Their CPU is not the server's.
"""

import asyncio
import random
import time
from dataclasses import dataclass, field
from typing import Any

from aiortc import RTCPeerConnection
from aiortc.rtp import RtcpReceiverInfo

from bench.footage import AUDIO_STEP, RATE, VIDEO_STEP, Footage
from evalroom.media import Codec, Medium
from signaling.engine import PassSender, receiver_reports, send_rtcp

PICTURE_S, SOUND_S, REPORT_S = 1 / RATE, 0.02, 1.0


async def connected(pc: RTCPeerConnection, patience: float = 20) -> None:
    """Wait until `pc` is up.

    Raises:
        TimeoutError: it did not come up within `patience` seconds.
    """
    up = asyncio.Event()

    def look() -> None:
        if pc.connectionState == "connected":
            up.set()

    pc.on("connectionstatechange", look)
    look()
    async with asyncio.timeout(patience):
        await up.wait()


@dataclass(slots=True)
class _Stream:
    """One sender and where it is in the footage; numbers start anywhere, as they do in browsers."""

    sender: PassSender
    codec: Codec
    index: int = 0
    seq: int = field(default_factory=lambda: random.randrange(20_000))
    start: int = field(default_factory=lambda: random.randrange(1 << 30))


class Publisher:
    """One camera with its microphone, replayed over a connection that is up."""

    def __init__(self, pc: RTCPeerConnection, senders: dict[Medium, PassSender], footage: Footage) -> None:
        self.pc = pc
        self._footage = footage
        self._video = _Stream(senders[Medium.VIDEO], Codec.H264)
        self._audio = _Stream(senders[Medium.AUDIO], Codec.OPUS)

    def send_picture(self) -> None:
        stream = self._video
        payloads = self._footage.pictures[stream.index % len(self._footage.pictures)]
        self._send(stream, payloads, VIDEO_STEP)

    def send_sound(self) -> None:
        stream = self._audio
        self._send(stream, (self._footage.sounds[stream.index % len(self._footage.sounds)],), AUDIO_STEP)

    def send_reports(self) -> None:
        now = time.time() * 1000
        for stream, step in ((self._video, VIDEO_STEP), (self._audio, AUDIO_STEP)):
            report = stream.sender.report(now, stream.start + stream.index * step)
            send_rtcp(stream.sender.transport, [report])

    def _send(self, stream: _Stream, payloads: tuple[bytes, ...], step: int) -> None:
        kind = stream.sender.payload_type(stream.codec)
        assert kind is not None, "the server did not take our codec"
        ts, last = stream.start + stream.index * step, len(payloads) - 1
        for place, payload in enumerate(payloads):
            stream.sender.write(kind, stream.seq, ts, payload, marker=place == last)
            stream.seq += 1
        stream.index += 1


class Show:
    """All publishers, each on its own beat; keeps its own lag, so that a slow driver is seen."""

    def __init__(self, publishers: list[Publisher]) -> None:
        self._publishers = publishers
        self.lags: list[float] = []
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        began = time.monotonic() + 0.1
        for place, publisher in enumerate(self._publishers):
            shift = began + PICTURE_S * place / len(self._publishers)
            self._tasks += [
                asyncio.create_task(self._beat(publisher.send_picture, shift, PICTURE_S)),
                asyncio.create_task(self._beat(publisher.send_sound, shift, SOUND_S)),
                asyncio.create_task(self._beat(publisher.send_reports, shift + 0.05, REPORT_S)),
            ]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _beat(self, send: Any, due: float, period: float) -> None:  # noqa: ANN401 - a bound method
        while True:
            wait = due - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            self.lags.append(time.monotonic() - due)
            send()
            due += period


class Viewer:
    """Counts packets and losses by RTP number, and reports once a second as a browser would."""

    def __init__(self, pc: RTCPeerConnection) -> None:
        self.pc = pc
        self.packets = 0
        self.lost = 0
        self._last: dict[int, int] = {}
        self._transport = pc.getTransceivers()[0].receiver.transport
        connection = self._transport.transport._connection  # noqa: SLF001 - the one way past the decryption
        for protocol in connection._protocols:  # noqa: SLF001
            setattr(protocol, "datagram_received", self._tap(protocol.datagram_received))  # noqa: B010 - see _tap
        self._task = asyncio.create_task(self._report())

    @property
    def streams(self) -> int:
        return len(self._last)

    async def close(self) -> None:
        self._task.cancel()
        await self.pc.close()

    def _tap(self, further: Any) -> Any:  # noqa: ANN401 - aioice's callback
        """Count RTP here; hand STUN, DTLS and RTCP on."""

        def received(data: bytes, addr: object) -> None:
            if 127 < data[0] < 192 and not 192 <= data[1] <= 223:
                self._count(int.from_bytes(data[8:12], "big"), int.from_bytes(data[2:4], "big"))
            else:
                further(data, addr)

        return received

    def _count(self, ssrc: int, seq: int) -> None:
        self.packets += 1
        last = self._last.get(ssrc)
        if last is None:
            self._last[ssrc] = seq
            return
        step = (seq - last) & 0xFFFF
        if step < 0x8000:
            self._last[ssrc] = seq
            self.lost += step - 1
        else:
            self.lost -= 1

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(1)
            blocks = [
                RtcpReceiverInfo(ssrc, 0, 0, seq, jitter=0, lsr=0, dlsr=0) for ssrc, seq in self._last.items()
            ]
            for report in receiver_reports(1, blocks):
                send_rtcp(self._transport, [report])
