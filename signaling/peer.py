"""One browser seat or one synthetic seat and its media: what it publishes here, what it watches here.

The node offers, always.  A seat says what it has and what it wants to see; m-lines are made, freed and used
again by renegotiation; a connection that is lost is replaced by a new generation while the old one still
carries what it can.  Nothing is decoded, and nothing a sink or a message does ends a connection.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import structlog
from aiortc import RTCPeerConnection, RTCRtpTransceiver, RTCSessionDescription
from aiortc.rtp import AnyRtcpPacket, RtpPacket

from evalroom.errors import PeerFault, Refusal
from evalroom.ids import SeatCode, SiteId, TrackId
from evalroom.media import (
    CLOCK_RATE,
    MEDIA,
    Codec,
    GapCause,
    Medium,
    Packet,
    SenderReport,
    Track,
    TrackKind,
    kind_of,
    track_of,
)
from evalroom.protocol.messages import Answer, MediaLost, Mid, Offer, Publish, Watch
from signaling.engine import (
    PassReceiver,
    PassSender,
    bandwidth_limit,
    new_connection,
    preferred_codecs,
    receiver_of,
    receiver_reports,
    send_rtcp,
    sender_of,
    set_loopback,
)
from signaling.ice import IceServer, IceSettings
from signaling.negotiation import Accept, Build, Drop, MakeOffer, Negotiation, Step
from signaling.relay import Lane, PublishedTrack, Relay
from signaling.repair import SECOND, Resend
from signaling.sdp import compact, spread, with_opus_parameters

MAX_WATCHED = 64
"""Tracks one peer may watch at a time: three per seat of the largest wall tested, and room."""

AUDIO_ALLOWANCE = 100_000
"""Bits per second added to the limit of a publisher for its sound and for RTCP."""

BEAT = 0.5
"""Seconds between two bandwidth limits; reports go out with every second one."""

LINGER = 1.0
"""Seconds a replaced connection still carries packets while the first ones of the new one are on their way."""

LOSS_TO_SKIP = 0.3
"""Share of packets a viewer may lose in two reports running before its picture jumps to a key frame."""

REPAIR_START, REPAIR_PACE = 0.02, 0.05
"""Seconds from a hole to the first question for its packets (most are only late), and between questions."""


class TooManyTracks(Refusal):
    """More tracks were asked for than one connection carries: watch fewer at a time."""

    code = "too_many_tracks"


class WatchRefused(Refusal):
    """This seat may not watch that track; nothing has changed in what it sees."""

    code = "watch_refused"


class MalformedDescription(PeerFault):
    """The other end's session description could not be used; the connection is being made anew."""

    code = "malformed_description"


class Publication:
    """One track as it arrives over one connection; it becomes a source with its first packet."""

    def __init__(self, track: Track, relay: Relay, heard: Callable[[], int]) -> None:
        """Begin without a source; `heard` says when anything last came over the connection."""
        self.track = track
        self.source: PublishedTrack | None = None
        self._relay = relay
        self._heard = heard
        self._receivers: dict[Medium, PassReceiver] = {}
        self._ssrc: dict[Medium, int] = {}
        self._retired: set[int] = set()
        self._resend = Resend()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def listen(self, medium: Medium, receiver: PassReceiver) -> None:
        """Take `medium` from `receiver`."""
        self._receivers[medium] = receiver
        receiver.intake = _Intake(self, medium)

    def close(self, cause: GapCause | None) -> None:
        """End the source, if one ever came."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        for receiver in self._receivers.values():
            receiver.intake = None
        if self.source is not None:
            self._relay.withdraw(self.source, cause)

    def video_ssrc(self) -> int | None:
        """Return the number its picture comes under, None before the first packet."""
        return self._ssrc.get(Medium.VIDEO)

    def request_keyframe(self) -> None:
        """Send one request for a key frame."""
        ssrc = self.video_ssrc()
        if ssrc is not None:
            self._receivers[Medium.VIDEO].request_keyframe(ssrc)

    def last_arrival(self) -> int:
        """Say when anything last came over the connection."""
        return self._heard()

    def on_rtp(self, medium: Medium, packet: RtpPacket, codec: Codec, arrival: int) -> None:
        """Take one packet."""
        if self._closed or packet.ssrc in self._retired:
            return
        source = self._source_of(medium, packet.ssrc, codec)
        source.on_rtp(
            medium,
            codec,
            packet.sequence_number,
            packet.timestamp,
            packet.payload,
            arrival,
            marker=bool(packet.marker),
        )
        if source.waiting and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(REPAIR_START, self._repair)

    def on_report(self, medium: Medium, ssrc: int, rtp: int, ntp_ms: float, arrival: int) -> None:
        """Take one sender report."""
        if self.source is not None and self._ssrc.get(medium) == ssrc:
            self.source.on_report(medium, rtp, ntp_ms, arrival)

    def _source_of(self, medium: Medium, ssrc: int, codec: Codec) -> PublishedTrack:
        source = self.source
        if source is not None and self._ssrc.get(medium) == ssrc and source.codecs.get(medium) is codec:
            return source
        known = self._ssrc.get(medium, ssrc)
        changed = known != ssrc or (source is not None and source.codecs.get(medium, codec) is not codec)
        if source is not None and changed:
            self._retired |= {known} - {ssrc}
            self._ssrc.clear()
            self._relay.withdraw(source, GapCause.PUBLISHER)
            source = None
        self._ssrc[medium] = ssrc
        return source if source is not None else self._begin(medium, codec)

    def _begin(self, medium: Medium, codec: Codec) -> PublishedTrack:
        source = self.source = PublishedTrack(self.track, self, {medium: codec})
        self._relay.publish(source)
        return source

    def _repair(self) -> None:
        self._timer = None
        source, now = self.source, time.monotonic_ns()
        if source is None or source.ended:
            return
        source.expire(now)
        self._ask_again(source, now)
        if source.waiting:
            self._timer = asyncio.get_running_loop().call_later(REPAIR_PACE, self._repair)

    def _ask_again(self, source: PublishedTrack, now: int) -> None:
        ssrc = self.video_ssrc()
        due = self._resend.due(source.missing(Medium.VIDEO), now) if ssrc is not None else []
        if ssrc is not None and due:
            self._receivers[Medium.VIDEO].request_packets(ssrc, [seq & 0xFFFF for seq in due])


@dataclass(frozen=True, slots=True)
class _Intake:
    """One medium's end of a publication."""

    publication: Publication
    medium: Medium

    def on_rtp(self, packet: RtpPacket, codec: Codec, arrival: int) -> None:
        self.publication.on_rtp(self.medium, packet, codec, arrival)

    def on_report(self, ssrc: int, rtp: int, ntp_ms: float, arrival: int) -> None:
        self.publication.on_report(self.medium, ssrc, rtp, ntp_ms, arrival)


@dataclass(slots=True)
class _Outlet:
    """One medium's m-line towards a viewer."""

    lane: Lane
    sender: PassSender
    codec: Codec | None = None
    payload_type: int | None = None
    report: SenderReport | None = None
    lossy: int = 0


class Viewer:
    """A sink that forwards one track over one connection."""

    wants: Literal["arrival", "repaired"] = "arrival"

    def __init__(self, track: TrackId, relay: Relay) -> None:
        """Begin unsubscribed, until an m-line is ready."""
        self.track = track
        self._relay = relay
        self._outlets: dict[Medium, _Outlet] = {}
        self._closed = False

    def speak(self, medium: Medium, sender: PassSender) -> None:
        """Forward `medium` through `sender` once it is ready."""
        if medium not in self._outlets:
            sender.lane.change_source()
            self._outlets[medium] = _Outlet(sender.lane, sender)
        sender.feedback = _Feedback(self, medium)

    def close(self) -> None:
        """Forward nothing from now on."""
        self._closed = True
        for outlet in self._outlets.values():
            outlet.sender.feedback = None
        self._relay.unsubscribe(self.track, self)

    def on_packet(self, packet: Packet) -> None:
        """Forward one packet, unless this viewer is waiting for a key frame."""
        outlet = self._outlets.get(packet.medium)
        if outlet is None or (outlet.payload_type is None and not self._learn_codec(outlet)):
            return
        if packet.marker and packet.medium is Medium.VIDEO and outlet.sender.congested:
            self._skip(outlet)
        self._forward(outlet, packet)

    def on_sender_report(self, report: SenderReport) -> None:
        """Remember the publisher's clock for the reports to this viewer."""
        outlet = self._outlets.get(report.medium)
        if outlet is not None:
            outlet.report = report

    def on_gap(self, medium: Medium, first: int, last: int, cause: GapCause) -> None:
        """Do nothing: a viewer sees a gap by itself."""

    def on_end(self, cause: GapCause | None) -> None:  # noqa: ARG002 - a viewer goes on whatever the cause
        """Go on with the next source of the track as if it followed this one."""
        for outlet in self._outlets.values():
            outlet.lane.change_source()
            outlet.codec = outlet.payload_type = outlet.report = None

    def on_ready(self) -> None:
        """Subscribe: the viewer's m-line is negotiated."""
        if not self._closed:
            self._relay.subscribe(self.track, self)

    def on_keyframe_wanted(self) -> None:
        """Pass the request on."""
        self._relay.request_keyframe(self.track)

    def on_missing(self, medium: Medium, seqs: list[int]) -> None:
        """Send again what is still there."""
        outlet, source = self._outlets[medium], self._relay.source(self.track)
        for seq in seqs if source is not None else []:
            number = outlet.lane.original(seq)
            packet = source.resend(medium, number) if source is not None and number is not None else None
            if packet is not None:
                self._forward(outlet, packet)

    def on_loss(self, medium: Medium, fraction: float) -> None:
        """Jump to the next key frame when this viewer alone cannot keep up."""
        outlet = self._outlets[medium]
        outlet.lossy = outlet.lossy + 1 if fraction >= LOSS_TO_SKIP else 0
        if outlet.lossy >= 2:
            outlet.lossy = 0
            self._skip(outlet)

    def beat(self, now: int) -> list[AnyRtcpPacket]:
        """Return the sender reports due now, and ask again for a key frame that is waited for."""
        if any(outlet.lane.waiting for outlet in self._outlets.values()):
            self._relay.request_keyframe(self.track)
        return [
            outlet.sender.report(*_extrapolate(outlet, now))
            for outlet in self._outlets.values()
            if outlet.report is not None and outlet.sender.packets
        ]

    def _forward(self, outlet: _Outlet, packet: Packet) -> None:
        if outlet.codec is None or outlet.payload_type is None:
            return
        route = outlet.lane.route(packet, outlet.codec)
        if route is not None:
            outlet.sender.write(outlet.payload_type, *route, packet.payload, marker=packet.marker)

    def _learn_codec(self, outlet: _Outlet) -> bool:
        source = self._relay.source(self.track)
        outlet.codec = source.codecs.get(outlet.lane.medium) if source is not None else None
        outlet.payload_type = outlet.sender.payload_type(outlet.codec) if outlet.codec is not None else None
        return outlet.payload_type is not None

    def _skip(self, outlet: _Outlet) -> None:
        outlet.lane.skip_to_keyframe()
        self._relay.request_keyframe(self.track)


def _extrapolate(outlet: _Outlet, now: int) -> tuple[float, int]:
    """Return the publisher's clock pair carried on to `now`: a repeated one would spoil the round trip."""
    report = outlet.report
    if report is None:
        return 0.0, 0
    passed = now - report.arrival
    ticks = passed * CLOCK_RATE[report.medium] // SECOND
    return report.ntp_ms + passed / 1_000_000, outlet.lane.timestamp(report.ts + ticks)


@dataclass(frozen=True, slots=True)
class _Feedback:
    """One medium's way back from a viewer."""

    viewer: Viewer
    medium: Medium

    def on_ready(self) -> None:
        self.viewer.on_ready()

    def on_keyframe_wanted(self) -> None:
        self.viewer.on_keyframe_wanted()

    def on_missing(self, seqs: list[int]) -> None:
        self.viewer.on_missing(self.medium, seqs)

    def on_loss(self, fraction: float) -> None:
        self.viewer.on_loss(self.medium, fraction)


class Connection:
    """One generation's peer connection and the publications and viewers that run over it."""

    def __init__(
        self, generation: int, relay: Relay, settings: IceSettings, server: IceServer | None
    ) -> None:
        """Make the peer connection; nothing is sent yet."""
        self.generation = generation
        self.relay = relay
        self.pc: RTCPeerConnection = new_connection(settings, server)
        self.publications: dict[str, Publication] = {}
        self.viewers: dict[TrackId, Viewer] = {}
        self._settings = settings
        self._beats = 0

    @property
    def connected(self) -> bool:
        """Say whether packets can flow."""
        return self.pc.connectionState == "connected"

    def publication(self, label: str, track: Track) -> Publication:
        """Return the publication under `label`, made if need be."""
        if label not in self.publications:
            self.publications[label] = Publication(track, self.relay, self.last_arrival)
        return self.publications[label]

    def viewer(self, track: TrackId) -> Viewer:
        """Return the viewer of `track`, made if need be."""
        if track not in self.viewers:
            self.viewers[track] = Viewer(track, self.relay)
        return self.viewers[track]

    def keep(self, labels: Iterable[str], tracks: Iterable[TrackId]) -> None:
        """End the publications and viewers that are not among these."""
        for label in self.publications.keys() - set(labels):
            self.publications.pop(label).close(None)
        for track in self.viewers.keys() - set(tracks):
            self.viewers.pop(track).close()

    def last_arrival(self) -> int:
        """Say when anything last came over this connection (monotonic ns)."""
        return max((receiver_of(t).last_arrival for t in self.pc.getTransceivers()), default=0)

    async def describe(self) -> str:
        """Set and return the local description, with all candidates in it.

        Cancelling leaves a connection that can only be closed.
        """
        set_loopback(self.pc, loopback=self._settings.loopback)
        await self.pc.setLocalDescription()
        return with_opus_parameters(compact(self.pc.localDescription.sdp))

    async def apply(self, sdp: str, kind: Literal["offer", "answer"]) -> None:
        """Set the remote description.

        Raises:
            MalformedDescription: for whatever aiortc cannot use, which it says in many ways.
        """
        try:
            await self.pc.setRemoteDescription(RTCSessionDescription(spread(sdp), kind))
        except Exception as error:
            raise MalformedDescription(generation=self.generation, reason=repr(error)[:200]) from error

    def beat(self, now: int) -> None:
        """Send what is due: bandwidth limits each time, reports every second time."""
        transceivers = self.pc.getTransceivers()
        if not self.connected or not transceivers:
            return
        own = sender_of(transceivers[0]).ssrc
        transport = transceivers[0].receiver.transport
        self._beats += 1
        packets = [*self._limits(own), *(self._reports(own, now) if self._beats % 2 else [])]
        for packet in packets:
            send_rtcp(transport, [packet])

    def end(self, cause: GapCause | None) -> None:
        """End all publications and viewers; the peer connection itself stays."""
        for publication in self.publications.values():
            publication.close(cause)
        for viewer in self.viewers.values():
            viewer.close()
        self.publications.clear()
        self.viewers.clear()

    async def close(self, cause: GapCause | None) -> None:
        """End everything and close the peer connection."""
        self.end(cause)
        await self.pc.close()

    def _limits(self, own: int) -> list[AnyRtcpPacket]:
        # One limit for the connection: browsers take a REMB for all they send, whichever source it names.
        live = [p for p in self.publications.values() if p.source is not None and not p.source.ended]
        ssrcs = [ssrc for p in live if (ssrc := p.video_ssrc()) is not None]
        if not ssrcs:
            return []
        allowed = sum(p.source.bitrate for p in live if p.source is not None)
        return [bandwidth_limit(own, allowed + AUDIO_ALLOWANCE, ssrcs)]

    def _reports(self, own: int, now: int) -> list[AnyRtcpPacket]:
        blocks = [b for t in self.pc.getTransceivers() for b in receiver_of(t).reports(now)]
        sent = [packet for viewer in self.viewers.values() for packet in viewer.beat(now)]
        return [*receiver_reports(own, blocks), *sent]


@dataclass(slots=True)
class _Line:
    """One m-line of an offering connection: free, or carrying one medium of a track one way."""

    transceiver: RTCRtpTransceiver
    medium: Medium
    way: Literal["publish", "view"]
    name: str | None = None


@dataclass(slots=True)
class _Offering:
    """A connection we offer over, with its m-lines in order."""

    connection: Connection
    lines: list[_Line] = field(default_factory=list)

    def shape(self, publish: Mapping[str, Track], view: Mapping[TrackId, tuple[Medium, ...]]) -> None:
        """Give every wanted medium an m-line, used ones first, and free those nobody wants."""
        wanted = [("publish", label, m) for label, track in publish.items() for m in track.media]
        wanted += [("view", track, m) for track, media in view.items() for m in media]
        for line in self.lines:
            if line.name is not None and (line.way, line.name, line.medium) not in wanted:
                line.name = None
                line.transceiver.direction = "inactive"
        taken = {(line.way, line.name, line.medium) for line in self.lines}
        self.connection.keep(publish, view)
        for way, name, medium in wanted:
            if (way, name, medium) not in taken:
                self._take("publish" if way == "publish" else "view", name, medium)
        for line in self.lines:
            if line.way == "publish" and line.name is not None:
                receiver = receiver_of(line.transceiver)
                self.connection.publication(line.name, publish[line.name]).listen(line.medium, receiver)

    def mids(self, way: Literal["publish", "view"]) -> tuple[Mid, ...]:
        """Return what each m-line of this way carries."""
        return tuple(
            Mid(line.transceiver.mid or "", line.name, line.medium)
            for line in self.lines
            if line.way == way and line.name is not None
        )

    async def accept(self, sdp: str) -> None:
        """Apply an answer; viewers speak from then on."""
        for line in self.lines:
            if line.way == "view" and line.name is not None:
                self.connection.viewer(TrackId(line.name)).speak(line.medium, sender_of(line.transceiver))
        await self.connection.apply(sdp, "answer")

    def _take(self, way: Literal["publish", "view"], name: str, medium: Medium) -> None:
        free = (line for line in self.lines if line.name is None and (line.way, line.medium) == (way, medium))
        line = next(free, None) or self._add(way, medium)
        line.name = name
        line.transceiver.direction = "recvonly" if way == "publish" else "sendonly"

    def _add(self, way: Literal["publish", "view"], medium: Medium) -> _Line:
        direction = "recvonly" if way == "publish" else "sendonly"
        transceiver = self.connection.pc.addTransceiver(medium.value, direction)
        transceiver.setCodecPreferences(preferred_codecs(medium))
        line = _Line(transceiver, medium, way)
        self.lines.append(line)
        return line


class OfferingPeer:
    """The offering end of one connection that is kept alive: publications in, viewers out.

    `send` is given every offer; answers and losses come in through `take_answer` and `take_loss`.
    """

    def __init__(
        self,
        relay: Relay,
        send: Callable[[Offer], None],
        *,
        settings: IceSettings,
        server: IceServer | None = None,
        name: str,
        after: int = 0,
    ) -> None:
        """Begin idle; `name` stands in the log.  Must be called in a running event loop.

        `after` is the last generation that the other end knows, from an earlier process of this node: offering
        its number again would be taken for a change of a connection that died with that process.
        """
        self._relay = relay
        self._send = send
        self._settings = settings
        self._server = server
        self._log = structlog.get_logger(__name__).bind(peer=name)
        self._negotiation = Negotiation(after)
        self._connections: dict[int, _Offering] = {}
        self._publish: dict[str, Track] = {}
        self._view: dict[TrackId, tuple[Medium, ...]] = {}
        self._wake = asyncio.Event()
        self._closing: set[asyncio.Task[None]] = set()
        self._tasks = [asyncio.create_task(self._drive()), asyncio.create_task(self._beat())]

    @property
    def generation(self) -> int:
        """The generation of the present connection, 0 before the first."""
        return self._negotiation.generation

    @property
    def connected(self) -> bool:
        """Say whether the present connection is up."""
        current = self._connections.get(self.generation)
        return current is not None and current.connection.connected

    def take_answer(self, message: Answer) -> None:
        """Take the answer to an offer.

        Raises:
            UnexpectedAnswer: when no offer of its generation is open.
        """
        self._negotiation.answer(message.generation, message.sdp, time.monotonic_ns())
        self._wake.set()

    def take_loss(self, message: MediaLost) -> None:
        """Take the news that a connection failed at the other end; old news change nothing."""
        self._negotiation.lost(message.generation, time.monotonic_ns())
        self._wake.set()

    def set_view(self, tracks: Iterable[TrackId]) -> None:
        """Send exactly these tracks from now on.

        Raises:
            UnknownTrackKind: for a name that is no track.
            TooManyTracks: for more than one connection carries.
        """
        view = {track: MEDIA[kind_of(track)] for track in dict.fromkeys(tracks)}
        if len(view) > MAX_WATCHED:
            raise TooManyTracks(wanted=len(view), limit=MAX_WATCHED)
        self._change(self._publish, view)

    def set_publish(self, tracks: Mapping[str, Track]) -> None:
        """Receive exactly these tracks from now on, each under its label in the offer."""
        self._change(dict(tracks), self._view)

    async def close(self) -> None:
        """Close all connections; cancelling leaves them to be collected."""
        self._negotiation.close(time.monotonic_ns())
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._retire(self.generation, cause=None, linger=0)
        await asyncio.gather(*self._closing, return_exceptions=True)

    def _change(self, publish: dict[str, Track], view: dict[TrackId, tuple[Medium, ...]]) -> None:
        if publish == self._publish and view == self._view:
            return
        self._publish, self._view = publish, view
        self._negotiation.changed(time.monotonic_ns(), wanted=bool(publish or view))
        self._wake.set()

    async def _drive(self) -> None:
        while True:
            self._wake.clear()
            for step in self._negotiation.steps():
                await self._attempt(step)
            if not self._wake.is_set():
                await self._wait()
            self._negotiation.due(time.monotonic_ns())

    async def _wait(self) -> None:
        deadline = self._negotiation.next_deadline()
        left = None if deadline is None else max(0.0, (deadline - time.monotonic_ns()) / SECOND)
        try:
            async with asyncio.timeout(left):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _attempt(self, step: Step) -> None:
        try:
            await self._take(step)
        except Exception as error:  # noqa: BLE001 - logged, and answered by a new connection
            self._log.warning("negotiation_step_failed", step=type(step).__name__, error=repr(error))
            self._negotiation.lost(self.generation, time.monotonic_ns())

    async def _take(self, step: Step) -> None:
        match step:
            case Build(generation):
                self._build(generation)
            case MakeOffer(generation):
                await self._offer(self._connections[generation])
            case Accept(generation, sdp):
                await self._connections[generation].accept(sdp)
            case Drop(generation):
                self._retire(generation, cause=GapCause.LINK, linger=LINGER)

    def _build(self, generation: int) -> None:
        # One that never came up carries nothing, so there is nothing to keep it for.
        for number in [n for n, o in self._connections.items() if not o.connection.connected]:
            self._dismiss(number, cause=GapCause.LINK, linger=0)
        connection = Connection(generation, self._relay, self._settings, self._server)
        self._connections[generation] = _Offering(connection)
        connection.pc.on("connectionstatechange", lambda: self._state_changed(connection))

    async def _offer(self, offering: _Offering) -> None:
        offering.shape(self._publish, self._view)
        sdp = await offering.connection.describe()
        publish, view = offering.mids("publish"), offering.mids("view")
        self._send(Offer(offering.connection.generation, sdp, publish, view))

    def _state_changed(self, connection: Connection) -> None:
        state = connection.pc.connectionState
        self._log.info("media_connection", generation=connection.generation, state=state)
        if state == "connected":
            self._negotiation.connected(connection.generation)
        elif state in ("failed", "closed"):
            connection.end(GapCause.LINK)
            self._negotiation.lost(connection.generation, time.monotonic_ns())
        self._wake.set()

    def _retire(self, generation: int, *, cause: GapCause | None, linger: float) -> None:
        for number in [number for number in self._connections if number <= generation]:
            self._dismiss(number, cause=cause, linger=linger)

    def _dismiss(self, number: int, *, cause: GapCause | None, linger: float) -> None:
        connection = self._connections.pop(number).connection
        task = asyncio.create_task(_close_later(connection, cause, linger))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT)
            now = time.monotonic_ns()
            for offering in list(self._connections.values()):
                offering.connection.beat(now)


async def _close_later(connection: Connection, cause: GapCause | None, linger: float) -> None:
    await asyncio.sleep(linger)
    await connection.close(cause)


SeatMessage = Publish | Watch | Answer | MediaLost


class SeatPeer(OfferingPeer):
    """The media of one seat: it publishes camera and screen, and watches tracks of this node's relay."""

    def __init__(
        self,
        relay: Relay,
        send: Callable[[Offer], None],
        *,
        site: SiteId,
        seat: SeatCode,
        may_watch: Callable[[TrackId], bool],
        settings: IceSettings | None = None,
        server: IceServer | None = None,
        after: int = 0,
    ) -> None:
        """Begin idle; `may_watch` decides on every track the seat asks for, `after` is of `OfferingPeer`."""
        super().__init__(
            relay, send, settings=settings or IceSettings(), server=server, name=f"{site}-{seat}", after=after
        )
        self._site = site
        self._seat = seat
        self._may_watch = may_watch

    def handle(self, message: SeatMessage) -> None:
        """Take one message of the seat; never waits.

        Raises:
            WatchRefused: for a track this seat may not see; then nothing changes.
            TooManyTracks: for more than one connection carries.
            UnknownTrackKind: for a name that is no track.
            UnexpectedAnswer: for an answer nobody asked for.
        """
        match message:
            case Publish(tracks=kinds):
                self.set_publish(self._tracks(kinds))
            case Watch(tracks=tracks):
                self._watch([TrackId(track) for track in tracks])
            case Answer():
                self.take_answer(message)
            case MediaLost():
                self.take_loss(message)

    def _tracks(self, kinds: Iterable[TrackKind]) -> dict[str, Track]:
        return {kind.value: track_of(self._site, self._seat, kind) for kind in kinds}

    def _watch(self, tracks: list[TrackId]) -> None:
        for track in tracks:
            if not self._may_watch(track):
                raise WatchRefused(track=track)
        self.set_view(tracks)
