"""RTP payloads in, access units out: H.264 by RFC 6184, Opus by RFC 7587.

Packets come in order, without duplicates and padding; what is missing for good is told by `miss`, not by a
jump of the sequence number, for padding takes numbers too.  A damaged picture is dropped, and every picture after it up to the next key frame, because it would refer to what is missing.
Refused: interleaved packetization (STAP-B, MTAP, FU-B), which no browser sends.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from evalroom.errors import PeerFault
from evalroom.media import Packet
from recorder.h264 import FU_A, IDR, PPS, SPS, STAP_A, PictureFormat, nal_type, picture_format

OPUS_RATE = 48_000
VIDEO_RATE = 90_000


class UnsupportedPayload(PeerFault):
    """The seat sends media in a form that cannot be recorded: H.264 or Opus is needed."""

    code: ClassVar[str] = "unsupported_payload"


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """One picture (NAL units without start codes) or one Opus packet, whole.

    `ts` and `duration` are ticks of the medium's clock; the duration of a picture is unknown here: 0.
    `lost` counts the packets missing for good since the unit delivered before, so it is 0 when nothing is
    missing between them.
    """

    ts: int
    nals: tuple[bytes, ...]
    keyframe: bool
    format: PictureFormat | None
    lost: int
    duration: int = 0

    @property
    def annex_b(self) -> bytes:
        """Return the NAL units with start codes, as decoders take them."""
        return b"".join(b"\x00\x00\x00\x01" + nal for nal in self.nals)

    @property
    def sample(self) -> bytes:
        """Return the NAL units with four-byte lengths, as `avc1` in MP4 has them (ISO 14496-15)."""
        return b"".join(len(nal).to_bytes(4, "big") + nal for nal in self.nals)


class H264Depacketizer:
    """Collects the packets of one picture; delivers it when the marker or the next timestamp closes it."""

    def __init__(self) -> None:
        """Begin with nothing seen: only a key frame with its parameter sets opens the stream."""
        self._ts: int | None = None
        self._nals: list[bytes] = []
        self._fragment: list[bytes] | None = None
        self._damaged = False
        self._hole = False
        self._waiting = True
        self._lost = 0
        self._sps: bytes | None = None
        self._pps: bytes | None = None
        self._format: PictureFormat | None = None

    @property
    def waits_for_keyframe(self) -> bool:
        """Say whether pictures are being dropped until a key frame comes."""
        return self._waiting

    def wait_for_keyframe(self) -> None:
        """Drop pictures until the next key frame: what they refer to was not recorded."""
        self._waiting = True

    def push(self, packet: Packet) -> Iterator[AccessUnit]:
        """Take one packet; yield the pictures it completes.

        Raises:
            UnsupportedPayload: for an interleaved or unknown payload; the picture it belongs to is dropped.
            MalformedParameterSet: for parameter sets that cannot be read.
        """
        if self._ts is not None and packet.ts != self._ts:
            yield from self._finish()
        if self._ts is None and packet.payload:
            self._damaged = self._hole and not _opens_picture(packet.payload)
            self._hole = False
        self._ts = packet.ts
        if packet.payload:
            self._take(packet.payload)
        if packet.marker:
            yield from self._finish()

    def miss(self, count: int) -> None:
        """Learn that the next `count` packets will never come."""
        # Which picture the missing packets belonged to is unknown: the one being collected is damaged, and
        # the next one too unless its first packet shows that it is the first.
        self._lost += max(count, 1)
        self._damaged = self._ts is not None
        self._hole = True
        self._fragment = None
        self._waiting = True

    def _take(self, payload: bytes) -> None:
        kind = nal_type(payload)
        if 1 <= kind <= 23:
            self._nals.append(payload)
        elif kind == STAP_A:
            self._take_aggregate(payload)
        elif kind == FU_A:
            self._take_fragment(payload)
        else:
            self._damaged = True
            raise UnsupportedPayload(nal_type=kind)

    def _take_aggregate(self, payload: bytes) -> None:
        at = 1
        while at < len(payload) or at == 1:
            size = int.from_bytes(payload[at : at + 2], "big")
            nal = payload[at + 2 : at + 2 + size]
            if not nal or len(nal) < size:
                self._damaged = True
                return
            self._nals.append(nal)
            at += 2 + size

    def _take_fragment(self, payload: bytes) -> None:
        if len(payload) < 3:
            self._damaged = True
            return
        start, end = payload[1] & 0x80, payload[1] & 0x40
        if start:
            self._fragment = [bytes([payload[0] & 0xE0 | payload[1] & 0x1F])]
        if self._fragment is None:
            self._damaged = True
            return
        self._fragment.append(payload[2:])
        if end:
            self._nals.append(b"".join(self._fragment))
            self._fragment = None

    def _finish(self) -> Iterator[AccessUnit]:
        nals, ts = tuple(self._nals), self._ts
        damaged = self._damaged or self._fragment is not None
        self._nals, self._fragment, self._damaged, self._ts = [], None, False, None
        if damaged:
            self._waiting = True
            self._lost = max(self._lost, 1)
        if damaged or not nals or ts is None:
            return
        self._remember(nals)
        unit = self._unit(ts, nals)
        if unit is not None:
            self._waiting = False
            self._lost = 0
            yield unit

    def _remember(self, nals: tuple[bytes, ...]) -> None:
        before = (self._sps, self._pps)
        for nal in nals:
            if nal_type(nal) == SPS:
                self._sps = nal
            elif nal_type(nal) == PPS:
                self._pps = nal
        if self._sps and self._pps and (self._sps, self._pps) != before:
            self._format = picture_format(self._sps, self._pps)

    def _unit(self, ts: int, nals: tuple[bytes, ...]) -> AccessUnit | None:
        kinds = {nal_type(nal) for nal in nals}
        keyframe = IDR in kinds
        if not any(1 <= kind <= IDR for kind in kinds):
            return None  # parameter sets that travel alone: remembered, no picture
        if self._format is None or (self._waiting and not keyframe):
            return None
        return AccessUnit(ts, nals, keyframe, self._format, self._lost)


def _opens_picture(payload: bytes) -> bool:
    # Browsers and x264 send the parameter sets first: alone, or first in a STAP-A.
    first = nal_type(payload)
    return first == SPS or (first == STAP_A and len(payload) > 3 and nal_type(payload[3:]) == SPS)


class OpusDepacketizer:
    """Hands on Opus packets one by one; each is a frame of its own, holes stay holes."""

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self._lost = 0

    def miss(self, count: int) -> None:
        """Learn that the next `count` packets will never come."""
        self._lost += max(count, 1)

    def push(self, packet: Packet) -> Iterator[AccessUnit]:
        """Take one packet; yield it as a unit, unless it is empty."""
        if not packet.payload:
            return
        lost, self._lost = self._lost, 0
        duration = opus_duration(packet.payload)
        yield AccessUnit(
            packet.ts, (packet.payload,), keyframe=True, format=None, lost=lost, duration=duration
        )


_CELT_SILK_FRAME = (
    (480, 960, 1920, 2880), (480, 960, 1920, 2880), (480, 960, 1920, 2880),
    (480, 960), (480, 960),
    (120, 240, 480, 960), (120, 240, 480, 960), (120, 240, 480, 960), (120, 240, 480, 960),
)  # fmt: skip


def opus_duration(payload: bytes) -> int:
    """Return how many ticks of 48 kHz an Opus packet lasts, from its first bytes (RFC 6716 §3.1, table 2)."""
    sizes = [size for group in _CELT_SILK_FRAME for size in group]
    frame = sizes[payload[0] >> 3]
    count = (1, 2, 2, 0)[payload[0] & 3]
    if count == 0:
        count = payload[1] & 0x3F if len(payload) > 1 else 0
    return frame * count
