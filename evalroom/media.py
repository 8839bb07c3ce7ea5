"""Media as the room sees it: tracks, packets, and the small interface of whatever consumes them.

A publisher does not know who listens: wall, recorder, link to another site are all sinks, so the
recording cannot differ from what people saw.  Nothing here opens a socket or decodes a picture.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol

from evalroom.ids import SeatCode, SiteId, TrackId


class TrackKind(StrEnum):
    """What a seat publishes: its camera with the microphone, or its screen."""

    CAMERA = "camera"
    SCREEN = "screen"


class Medium(StrEnum):
    """The two streams a track may hold; picture and its microphone are recorded together."""

    VIDEO = "video"
    AUDIO = "audio"


class GapCause(StrEnum):
    """Why packets are missing for good (archive.md §2)."""

    LINK = "link"
    PUBLISHER = "publisher"
    RECORDER = "recorder"
    DISK = "disk"
    PAUSE = "pause"


@dataclass(frozen=True, slots=True)
class Track:
    """One published track: picture and, for a camera, its sound."""

    id: TrackId
    site: SiteId
    seat: SeatCode
    kind: TrackKind
    media: tuple[Medium, ...]


@dataclass(frozen=True, slots=True)
class Packet:
    """One RTP packet after SRTP.

    `seq` and `ts` are unwrapped (they never go back by a wrap); `ts` counts ticks of the medium's clock
    (90,000 per second for video, 48,000 for Opus).  `arrival` is the node's monotonic clock in ns.
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
    come, for viewers and links) or "repaired" (in order, duplicates dropped, for the recorder).
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


class TrackSource(Protocol):
    """A published track that any number of sinks listen to."""

    @property
    def track(self) -> Track:
        """Say which track this is."""
        ...

    def attach(self, sink: TrackSink) -> None:
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
