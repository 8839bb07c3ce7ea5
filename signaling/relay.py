"""The tracks at this node and who listens: publish, subscribe, one fence between them.

A relay knows sources and sinks, never sockets: what must be asked of a publisher goes through its `Uplink`.
A viewer names a track, not a stream: it stays subscribed while the track's publisher reloads, reconnects or
has not come yet.  Whatever a sink raises stops here, is counted, and costs that sink its place alone.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

import structlog

from evalroom.ids import TrackId
from evalroom.media import (
    CLOCK_RATE,
    Codec,
    GapCause,
    Medium,
    OnFault,
    Packet,
    SenderReport,
    Track,
    TrackKind,
    TrackSink,
    starts_keyframe,
)
from signaling.repair import SECOND, Hole, Reorder, Unwrapper

KEYFRAME_SPACING = SECOND
"""Between two requests to one publisher, whoever asks."""

KEYFRAME_BEAT = 2 * SECOND
"""Between key frames for the recorder, which serve those who join as well; Chromium makes none unasked."""

STALLED_AFTER = 3 * SECOND
"""Silence after which a track counts as stalled (trust.md §3: weak)."""

RING = 512
"""Packets kept per source for viewers that miss one."""

TICK = 0.25
"""Seconds between two looks at the clock."""

REPAIR_WAIT: Mapping[Medium, int] = {Medium.VIDEO: SECOND, Medium.AUDIO: SECOND // 4}
"""How long a missing packet may still come: as long as retransmission is asked for.  Nobody asks for audio."""

BITRATES: Mapping[TrackKind, int] = {TrackKind.CAMERA: 1_500_000, TrackKind.SCREEN: 2_300_000}
"""Bits per second a publisher may send at most."""

BITRATE_FLOOR: Mapping[TrackKind, int] = {TrackKind.CAMERA: 300_000, TrackKind.SCREEN: 500_000}
"""Bits per second below which loss lowers no rate: a picture nobody can read proves nothing."""


class Uplink(Protocol):
    """The way back to a publisher."""

    def request_keyframe(self) -> None:
        """Send one request for a key frame."""
        ...

    def last_arrival(self) -> int:
        """Say when anything, RTCP included, last came over the publisher's connection (monotonic ns)."""
        ...


class TrackState(StrEnum):
    """How a track is doing; a still screen sends nothing and is well."""

    LIVE = "live"
    STILL = "still"
    STALLED = "stalled"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class TrackUp:
    """A publisher's first packet has come: a new source, perhaps of a track that was up before."""

    source: "PublishedTrack"


@dataclass(frozen=True, slots=True)
class TrackStalled:
    """Nothing has come of a track for a while though its publisher has not ended it."""

    source: "PublishedTrack"


@dataclass(frozen=True, slots=True)
class TrackResumed:
    """A stalled track moves again."""

    source: "PublishedTrack"


@dataclass(frozen=True, slots=True)
class TrackDown:
    """The source has ended; `cause` is None when the publisher meant it."""

    source: "PublishedTrack"
    cause: GapCause | None


TrackEvent = TrackUp | TrackStalled | TrackResumed | TrackDown


@dataclass(slots=True)
class MediumStats:
    """Counters of one medium of one source."""

    packets: int = 0
    octets: int = 0
    lost: int = 0
    duplicates: int = 0


@dataclass(frozen=True, slots=True)
class TrackStats:
    """What a source counted so far; `kbps` is of the last half second or so."""

    state: TrackState
    media: Mapping[Medium, MediumStats]
    sinks: int
    faults: int
    keyframes_requested: int
    kbps: int
    bitrate: int


class KeyframeGate:
    """Let one request for a key frame through per second and remember those that came too early."""

    __slots__ = ("_last", "_pending", "asked")

    def __init__(self) -> None:
        """Begin open."""
        self.asked = 0
        self._last = -KEYFRAME_SPACING
        self._pending = False

    def ask(self, now: int) -> bool:
        """Say whether a request may go out now; if not, it is due later."""
        self._pending = True
        return self.due(now)

    def due(self, now: int) -> bool:
        """Say whether a remembered request may go out now."""
        if not self._pending or now - self._last < KEYFRAME_SPACING:
            return False
        self._pending = False
        self._last = now
        self.asked += 1
        return True

    def since(self, now: int) -> int:
        """Return the nanoseconds since the last request."""
        return now - self._last

    def satisfied(self) -> None:
        """Forget remembered requests: a key frame has just begun."""
        self._pending = False


class LossRule:
    """How a publisher's rate follows its loss: down after 2 s above 10 %, up after 10 s below 2 %."""

    __slots__ = ("_got", "_lost", "_since", "_trend")

    def __init__(self) -> None:
        """Begin without a trend."""
        self._got = self._lost = 0
        self._trend = 0
        self._since = 0

    def factor(self, got: int, lost: int, now: int) -> float:
        """Return what to multiply the rate by, given all packets that came and were lost so far."""
        came, missed = got - self._got, lost - self._lost
        self._got, self._lost = got, lost
        share = missed / (came + missed) if came + missed else 0.0
        trend = -1 if share > 0.1 else 1 if share < 0.02 else 0
        if trend != self._trend:
            self._trend, self._since = trend, now
        if trend < 0 and now - self._since >= 2 * SECOND:
            self._since = now
            return 0.8
        if trend > 0 and now - self._since >= 10 * SECOND:
            self._since = now
            return 1.1
        return 1.0


@dataclass(slots=True)
class _Stream:
    """One medium of a source on its way through."""

    medium: Medium
    seq: Unwrapper = field(default_factory=lambda: Unwrapper(16))
    ts: Unwrapper = field(default_factory=lambda: Unwrapper(32))
    order: Reorder = field(init=False)
    stats: MediumStats = field(default_factory=MediumStats)
    last: int = 0

    def __post_init__(self) -> None:
        self.order = Reorder(REPAIR_WAIT[self.medium])


class PublishedTrack:
    """One publisher's stream at this node: a `TrackSource`."""

    def __init__(
        self,
        track: Track,
        uplink: Uplink,
        codecs: Mapping[Medium, Codec],
        *,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """Begin without sinks; `codecs` names what is known by now, the medium that came first."""
        self._track = track
        self._uplink = uplink
        self._clock = clock
        self._codecs = dict(codecs)
        self._streams = {medium: _Stream(medium) for medium in track.media}
        self._arrival: tuple[TrackSink, ...] = ()
        self._repaired: tuple[TrackSink, ...] = ()
        self._on_fault: dict[int, OnFault | None] = {}
        self._ring: list[Packet | None] = [None] * RING
        self._gate = KeyframeGate()
        self._loss = LossRule()
        self._rate_at = clock()
        self._rate_octets = 0
        self._kbps = 0
        self.bitrate = BITRATES[track.kind]
        self.faults = 0
        self.stalled = False
        self.ended = False
        self.born = clock()

    @property
    def track(self) -> Track:
        """Say which track this is."""
        return self._track

    @property
    def codecs(self) -> Mapping[Medium, Codec]:
        """Say how each medium is coded; a medium is missing until its first packet has come."""
        return self._codecs

    def attach(self, sink: TrackSink, on_fault: OnFault | None = None) -> None:
        """Begin to hand packets to `sink`; a key frame is asked for.  Attaching twice changes nothing."""
        if any(other is sink for other in self._arrival + self._repaired):
            return
        if sink.wants == "repaired":
            self._repaired += (sink,)
        else:
            self._arrival += (sink,)
        self._on_fault[id(sink)] = on_fault
        self.request_keyframe()

    def detach(self, sink: TrackSink) -> None:
        """Stop handing packets to `sink`; unknown sinks are no error."""
        self._arrival = tuple(other for other in self._arrival if other is not sink)
        self._repaired = tuple(other for other in self._repaired if other is not sink)
        self._on_fault.pop(id(sink), None)

    def request_keyframe(self) -> None:
        """Ask the publisher for a key frame; at most one request per second goes out."""
        if not self.ended and self._gate.ask(self._clock()):
            self._uplink.request_keyframe()

    def set_bitrate(self, bps: int) -> None:
        """Allow the publisher this many bits per second from now on, within what its kind may send."""
        kind = self._track.kind
        self.bitrate = max(BITRATE_FLOOR[kind], min(bps, BITRATES[kind]))

    def stats(self) -> TrackStats:
        """Return the counters."""
        for stream in self._streams.values():
            stream.stats.lost = stream.order.lost
            stream.stats.duplicates = stream.order.duplicates
        return TrackStats(
            state=self.state(self._clock()),
            media={medium: stream.stats for medium, stream in self._streams.items()},
            sinks=len(self._arrival) + len(self._repaired),
            faults=self.faults,
            keyframes_requested=self._gate.asked,
            kbps=self._kbps,
            bitrate=self.bitrate,
        )

    def state(self, now: int) -> TrackState:
        """Say how the track is doing: silence of a screen whose connection lives is stillness."""
        if self.ended:
            return TrackState.GONE
        heard = [stream.last for stream in self._streams.values() if stream.last]
        if now - min(heard, default=self.born) < STALLED_AFTER:
            return TrackState.LIVE
        still = self._track.kind is TrackKind.SCREEN and now - self._uplink.last_arrival() < STALLED_AFTER
        return TrackState.STILL if still else TrackState.STALLED

    def on_rtp(
        self, medium: Medium, codec: Codec, seq: int, ts: int, payload: bytes, arrival: int, *, marker: bool
    ) -> None:
        """Take one packet with the counters as they were on the wire (16 and 32 bit)."""
        stream = self._streams.get(medium)
        if stream is None or self.ended:
            return
        if medium not in self._codecs:
            self._codecs[medium] = codec
        packet = Packet(medium, stream.seq.unwrap(seq), stream.ts.unwrap(ts), marker, payload, arrival)
        stream.last = arrival
        stream.stats.packets += 1
        stream.stats.octets += len(payload)
        if medium is Medium.VIDEO:
            self._ring[packet.seq % RING] = packet
            if starts_keyframe(codec, payload):
                self._gate.satisfied()
        self._hand(self._arrival, packet)
        self._hand_on(medium, stream.order.add(packet))

    def on_report(self, medium: Medium, rtp: int, ntp_ms: float, arrival: int) -> None:
        """Take the clock pair of one sender report; one before the first packet has nothing to refer to."""
        stream = self._streams.get(medium)
        if stream is None or self.ended or not stream.last:
            return
        report = SenderReport(medium, stream.ts.unwrap(rtp), ntp_ms, arrival)
        self._each(self._arrival + self._repaired, lambda sink: sink.on_sender_report(report))

    def resend(self, medium: Medium, seq: int) -> Packet | None:
        """Return the packet with this unwrapped number, None when it is too old or was audio."""
        packet = self._ring[seq % RING] if medium is Medium.VIDEO else None
        return packet if packet is not None and packet.seq == seq else None

    def missing(self, medium: Medium) -> list[int]:
        """Return the unwrapped numbers of packets that are waited for."""
        return self._streams[medium].order.missing()

    @property
    def waiting(self) -> bool:
        """Say whether a packet is waited for: then `expire` is to be called soon."""
        return any(stream.order.waiting for stream in self._streams.values())

    def expire(self, now: int) -> None:
        """Give up packets that have been missing for too long."""
        for medium, stream in self._streams.items():
            if stream.order.waiting:
                self._hand_on(medium, stream.order.expire(now))

    def beat(self, now: int) -> None:
        """Ask for what is due: remembered key frame requests, and the recorder's own."""
        if self.ended:
            return
        wanted = bool(self._repaired) and self._gate.since(now) >= KEYFRAME_BEAT
        if self._gate.ask(now) if wanted else self._gate.due(now):
            self._uplink.request_keyframe()
        if now - self._rate_at >= SECOND // 2:
            octets = sum(stream.stats.octets for stream in self._streams.values())
            self._kbps = (octets - self._rate_octets) * 8_000_000 // (now - self._rate_at)
            self._rate_at, self._rate_octets = now, octets
            self._follow_loss(now)

    def end(self, cause: GapCause | None) -> None:
        """Tell every sink that the publisher is gone; ending twice changes nothing."""
        if self.ended:
            return
        for medium, stream in self._streams.items():
            self._hand_on(medium, stream.order.flush())
        self.ended = True
        sinks = self._arrival + self._repaired
        self._each(sinks, lambda sink: sink.on_end(cause))
        self._arrival = self._repaired = ()
        self._on_fault.clear()

    def _follow_loss(self, now: int) -> None:
        video = self._streams[Medium.VIDEO]
        factor = self._loss.factor(video.stats.packets, video.order.lost, now)
        if factor != 1.0:
            self.set_bitrate(int(self.bitrate * factor))

    def _hand_on(self, medium: Medium, items: Iterable[Packet | Hole]) -> None:
        for item in items:
            if isinstance(item, Hole):
                self._lose(medium, item)
            elif item.payload:
                self._hand(self._repaired, item)

    def _lose(self, medium: Medium, hole: Hole) -> None:
        self._each(self._repaired, lambda sink: sink.on_gap(medium, hole.first, hole.last, GapCause.LINK))
        if medium is Medium.VIDEO:
            self.request_keyframe()

    def _hand(self, sinks: tuple[TrackSink, ...], packet: Packet) -> None:
        for sink in sinks:
            try:
                sink.on_packet(packet)
            except Exception as error:  # noqa: BLE001 - the fence
                self._fault(sink, error)

    def _each(self, sinks: tuple[TrackSink, ...], tell: Callable[[TrackSink], None]) -> None:
        for sink in sinks:
            try:
                tell(sink)
            except Exception as error:  # noqa: BLE001 - the fence
                self._fault(sink, error)

    def _fault(self, sink: TrackSink, error: Exception) -> None:
        self.faults += 1
        on_fault = self._on_fault.get(id(sink))
        self.detach(sink)
        log = structlog.get_logger(__name__).bind(track=self._track.id, sink=type(sink).__name__)
        log.error("sink_failed", error=repr(error), wants=sink.wants)
        if on_fault is not None:
            try:
                on_fault(sink, error)
            except Exception as second:
                log.exception("fault_handler_failed", error=repr(second))


class Relay:
    """All tracks at this node, by name, and everybody who wants one of them."""

    def __init__(
        self,
        *,
        on_event: Callable[[TrackEvent], None] = lambda _event: None,
        on_watched: Callable[[frozenset[TrackId]], None] = lambda _tracks: None,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """Begin empty.

        `on_event` learns of tracks that come, stall and go; `on_watched` of every change in what is
        subscribed to, published here or not: what another site publishes is then asked of its link.
        """
        self._on_event = on_event
        self._on_watched = on_watched
        self._clock = clock
        self._sources: dict[TrackId, PublishedTrack] = {}
        self._subscribers: dict[TrackId, tuple[TrackSink, ...]] = {}

    def source(self, track: TrackId) -> PublishedTrack | None:
        """Return the present source of `track`, None while nobody publishes it."""
        return self._sources.get(track)

    def sources(self) -> tuple[PublishedTrack, ...]:
        """Return all present sources."""
        return tuple(self._sources.values())

    def watched(self) -> frozenset[TrackId]:
        """Return the tracks that somebody subscribed to."""
        return frozenset(self._subscribers)

    def publish(self, source: PublishedTrack) -> None:
        """Make `source` the present one of its track; an older one ends, and its viewers move over."""
        track = source.track.id
        older = self._sources.get(track)
        self._sources[track] = source
        if older is not None and older is not source:
            self._end(older, GapCause.LINK)
        for sink in self._subscribers.get(track, ()):
            source.attach(sink, self._drop_failed(track))
        self._tell(TrackUp(source))

    def withdraw(self, source: PublishedTrack, cause: GapCause | None) -> None:
        """End `source`; a younger source of the same track stays."""
        if self._sources.get(source.track.id) is source:
            del self._sources[source.track.id]
        self._end(source, cause)

    def subscribe(self, track: TrackId, sink: TrackSink) -> None:
        """Hand `sink` the packets of `track`, now or as soon as somebody publishes it."""
        before = self.watched()
        others = tuple(other for other in self._subscribers.get(track, ()) if other is not sink)
        self._subscribers[track] = (*others, sink)
        source = self._sources.get(track)
        if source is not None:
            source.attach(sink, self._drop_failed(track))
        self._watched_changed(before)

    def unsubscribe(self, track: TrackId, sink: TrackSink) -> None:
        """Stop handing `track` to `sink`; one that never asked is no error."""
        before = self.watched()
        rest = tuple(other for other in self._subscribers.get(track, ()) if other is not sink)
        if rest:
            self._subscribers[track] = rest
        else:
            self._subscribers.pop(track, None)
        source = self._sources.get(track)
        if source is not None:
            source.detach(sink)
        self._watched_changed(before)

    def request_keyframe(self, track: TrackId) -> None:
        """Ask the present publisher of `track`, if any, for a key frame."""
        source = self._sources.get(track)
        if source is not None:
            source.request_keyframe()

    def stats(self) -> dict[TrackId, TrackStats]:
        """Return the counters of all present sources."""
        return {track: source.stats() for track, source in self._sources.items()}

    def tick(self, now: int) -> None:
        """Do what is due at `now` (monotonic ns): beats, and who has stalled or moves again."""
        for source in self.sources():
            source.beat(now)
            stalled = source.state(now) is TrackState.STALLED
            if stalled != source.stalled:
                source.stalled = stalled
                self._tell(TrackStalled(source) if stalled else TrackResumed(source))

    async def run(self) -> None:
        """Tick until cancelled; cancelling leaves sources and sinks as they are."""
        while True:
            self.tick(self._clock())
            await asyncio.sleep(TICK)

    def _end(self, source: PublishedTrack, cause: GapCause | None) -> None:
        if not source.ended:
            source.end(cause)
            self._tell(TrackDown(source, cause))

    def _drop_failed(self, track: TrackId) -> OnFault:
        return lambda sink, _error: self.unsubscribe(track, sink)

    def _watched_changed(self, before: frozenset[TrackId]) -> None:
        after = self.watched()
        if after != before:
            self._on_watched(after)

    def _tell(self, event: TrackEvent) -> None:
        try:
            self._on_event(event)
        except Exception:  # noqa: BLE001 - whoever listens costs no track
            structlog.get_logger(__name__).exception("track_event_failed", change=type(event).__name__)


class Lane:
    """One medium on its way to one viewer: numbers without jumps, pictures from a key frame on.

    Numbers pass through until something was left out on purpose or the source changed; from there on they
    are shifted, so that a viewer never asks for packets that were not meant for it.
    """

    __slots__ = (
        "_floor",
        "_last_at",
        "_seq_shift",
        "_top_seq",
        "_top_ts",
        "_ts_shift",
        "fresh",
        "medium",
        "waiting",
    )

    def __init__(self, medium: Medium) -> None:
        """Begin with nothing sent; a picture waits for its key frame."""
        self.medium = medium
        self.waiting = medium is Medium.VIDEO
        self.fresh = True
        self._floor = 0
        self._seq_shift = 0
        self._ts_shift = 0
        self._top_seq = -1
        self._top_ts = 0
        self._last_at = 0

    def route(self, packet: Packet, codec: Codec) -> tuple[int, int] | None:
        """Return sequence number and timestamp to send `packet` under, None to leave it out."""
        if self.waiting and not starts_keyframe(codec, packet.payload):
            return None
        if self.waiting or self.fresh:
            self._rebase(packet)
        if packet.seq < self._floor:
            return None
        seq = packet.seq + self._seq_shift
        ts = packet.ts + self._ts_shift
        if seq > self._top_seq:
            self._top_seq, self._top_ts, self._last_at = seq, ts, packet.arrival
        return seq, ts

    def skip_to_keyframe(self) -> None:
        """Leave out everything up to the next key frame; sound is never skipped."""
        self.waiting = self.medium is Medium.VIDEO

    def change_source(self) -> None:
        """Go on with whatever comes next as if it followed what came before."""
        self.fresh = True
        self.skip_to_keyframe()

    def original(self, seq: int) -> int | None:
        """Return the source's number of what was sent under `seq` (16 bit), None when it is not to be had."""
        if self._top_seq < 0:
            return None
        number = self._top_seq - ((self._top_seq - seq) & 0xFFFF) - self._seq_shift
        return number if number >= self._floor else None

    def timestamp(self, ts: int) -> int:
        """Return the viewer's timestamp of the source's `ts`."""
        return ts + self._ts_shift

    def _rebase(self, packet: Packet) -> None:
        if self._top_seq >= 0:
            self._seq_shift = self._top_seq + 1 - packet.seq
            if self.fresh:
                passed = (packet.arrival - self._last_at) * CLOCK_RATE[self.medium] // SECOND
                self._ts_shift = self._top_ts + max(passed, 1) - packet.ts
        self._floor = packet.seq
        self.waiting = self.fresh = False
