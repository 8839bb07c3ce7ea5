"""Media as the room sees it: tracks, packets, and the small interface of whatever consumes them.

A publisher does not know who listens: wall, recorder, link to another site are all sinks, so the
recording cannot differ from what people saw.  Nothing here opens a socket or decodes a picture.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol

from evalroom.errors import Refusal
from evalroom.ids import SeatCode, SiteId, TrackId, track_id


class UnknownTrackKind(Refusal):
    """A track is a seat's camera or its screen, and its name ends in one of the two: ask for one of those."""

    code = "unknown_track_kind"


class TrackKind(StrEnum):
    """What a seat publishes: its camera with the microphone, or its screen."""

    CAMERA = "camera"
    SCREEN = "screen"


class Medium(StrEnum):
    """The two streams a track may hold; picture and its microphone are recorded together."""

    VIDEO = "video"
    AUDIO = "audio"


class Codec(StrEnum):
    """How a medium is coded; VP8 only where a publisher has no H.264."""

    H264 = "H264"
    VP8 = "VP8"
    OPUS = "opus"


class GapCause(StrEnum):
    """Why packets are missing for good (archive.md §2); `refused`: the journal took none of what was told of them."""

    LINK = "link"
    PUBLISHER = "publisher"
    RECORDER = "recorder"
    DISK = "disk"
    PAUSE = "pause"
    REFUSED = "refused"


CLOCK_RATE: Mapping[Medium, int] = {Medium.VIDEO: 90_000, Medium.AUDIO: 48_000}
"""Ticks per second of each medium's RTP clock."""

MEDIA: Mapping[TrackKind, tuple[Medium, ...]] = {
    TrackKind.CAMERA: (Medium.VIDEO, Medium.AUDIO),
    TrackKind.SCREEN: (Medium.VIDEO,),
}
"""What each kind of track holds."""


@dataclass(frozen=True, slots=True)
class Track:
    """One published track: picture and, for a camera, its sound."""

    id: TrackId
    site: SiteId
    seat: SeatCode
    kind: TrackKind
    media: tuple[Medium, ...]


def track_of(site: SiteId, seat: SeatCode, kind: TrackKind) -> Track:
    """Return the track of `kind` that `seat` at `site` publishes."""
    return Track(track_id(site, seat, kind), site, seat, kind, MEDIA[kind])


def kind_of(track: TrackId) -> TrackKind:
    """Return what kind of track `track` names: the part after its slash.

    Raises:
        UnknownTrackKind: when it is neither camera nor screen.
    """
    _, slash, kind = track.rpartition("/")
    try:
        return TrackKind(kind if slash else "")
    except ValueError:  # in Python 3.11 `kind in TrackKind` raises for a text
        raise UnknownTrackKind(track=track[:80]) from None


@dataclass(frozen=True, slots=True)
class Packet:
    """One RTP packet after SRTP.

    `seq` and `ts` are unwrapped (they never go back by a wrap, and never below zero); `ts` counts ticks of
    the medium's clock (90,000 per second for video, 48,000 for Opus).  `arrival` is the node's monotonic
    clock in ns.  An empty `payload` is padding: it only keeps the count for those who forward packets.
    """

    medium: Medium
    seq: int
    ts: int
    marker: bool
    payload: bytes
    arrival: int


@dataclass(frozen=True, slots=True)
class SenderReport:
    """One RTCP sender report: the publisher's NTP time (ms of UTC by its own clock) at RTP time `ts`."""

    medium: Medium
    ts: int
    ntp_ms: float
    arrival: int


class TrackSink(Protocol):
    """Whatever consumes a track: a viewer, the recorder, the link to another site.

    A sink never blocks; whatever it raises stops at the source's fence.  `wants` is "arrival" (as packets
    come, for viewers and links) or "repaired" (in order, duplicates and padding dropped, for the recorder:
    loss is what `on_gap` says, not what a jump in `seq` suggests).
    """

    @property
    def wants(self) -> Literal["arrival", "repaired"]:
        """Say which of the two orders of packets this sink takes."""
        ...

    def on_packet(self, packet: Packet) -> None:
        """Take one packet."""
        ...

    def on_sender_report(self, report: SenderReport) -> None:
        """Take one sender report, the source of the clock mapping."""
        ...

    def on_gap(self, medium: Medium, first: int, last: int, cause: GapCause) -> None:
        """Learn that packets with sequence numbers `first` to `last` will never come."""
        ...

    def on_end(self, cause: GapCause | None) -> None:
        """Learn that the publisher is gone: None when it ended on purpose, else the cause."""
        ...


OnFault = Callable[[TrackSink, Exception], None]
"""Called once with a sink that raised and was therefore detached, and with what it raised."""


class TrackSource(Protocol):
    """A published track that any number of sinks listen to.

    One source is one unbroken stream of its publisher: a reload, a new connection or another codec ends it,
    and the same track comes up again as a new source.
    """

    @property
    def track(self) -> Track:
        """Say which track this is."""
        ...

    @property
    def codecs(self) -> Mapping[Medium, Codec]:
        """Say how each medium is coded; a medium is missing until its first packet has come."""
        ...

    def attach(self, sink: TrackSink, on_fault: OnFault | None = None) -> None:
        """Begin to hand packets to `sink`; a key frame is asked for."""
        ...

    def detach(self, sink: TrackSink) -> None:
        """Stop handing packets to `sink`; unknown sinks are no error."""
        ...

    def request_keyframe(self) -> None:
        """Ask the publisher for a key frame; at most one request per second goes out."""
        ...

    def set_bitrate(self, bps: int) -> None:
        """Allow the publisher this many bits per second from now on (REMB)."""
        ...


# NAL unit types of H.264 (ISO/IEC 14496-10 table 7-1) and of its RTP payload (RFC 6184 §5.2).
_IDR, _SPS, _STAP_A, _FU_A = 5, 7, 24, 28


def starts_keyframe(codec: Codec, payload: bytes) -> bool:
    """Say whether a picture that needs no other begins in this RTP payload (RFC 6184, RFC 7741)."""
    if len(payload) < 3:
        return False
    if codec is Codec.H264:
        return _h264_starts_keyframe(payload)
    return codec is Codec.VP8 and _vp8_starts_keyframe(payload)


def _h264_starts_keyframe(payload: bytes) -> bool:
    kind = payload[0] & 0x1F
    if kind == _FU_A:
        return bool(payload[1] & 0x80) and payload[1] & 0x1F in (_SPS, _IDR)
    if kind == _STAP_A:
        return len(payload) > 3 and payload[3] & 0x1F in (_SPS, _IDR)
    return kind in (_SPS, _IDR)


def _vp8_starts_keyframe(payload: bytes) -> bool:
    first = payload[0]
    if first & 0x17 != 0x10:  # start of a partition, and of partition 0
        return False
    at = 1
    if first & 0x80:
        flags = payload[1]
        at += 1
        if flags & 0x80:
            at += 2 if payload[2] & 0x80 else 1
        at += bool(flags & 0x40) + bool(flags & 0x30)
    return at < len(payload) and payload[at] & 1 == 0
