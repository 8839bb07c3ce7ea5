"""The embedded engine: aiortc and aioice without a decoder, and every private name of theirs that we use.

Pass-through is out of upstream's scope (aiortc#366, #627, #984), so receiver, sender, ICE connection and
STUN protocol are subclassed and put where aiortc looks them up.  Importing this module does that once for
the process.  Nothing outside this module touches a private name of the two libraries; the version is
pinned, `PRIVATE_NAMES` lists what the pin protects, and a test asserts that each exists.

A sender that was given a track of its own (a synthetic seat) stays the stock encoder.
"""
# ruff: noqa: SLF001 - this is the one module that may

import asyncio
import random
import struct
import time
from collections.abc import Mapping
from types import ModuleType
from typing import Any, Protocol, cast

import aioice.ice
import aioice.stun
import aiortc.rtcicetransport
import aiortc.rtcpeerconnection
import pylibsrtp
from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCRtpSender,
    RTCRtpTransceiver,
)
from aiortc.codecs import get_capabilities
from aiortc.rtcconfiguration import RTCIceTransportPolicy
from aiortc.rtcdtlstransport import RTCDtlsTransport, State
from aiortc.rtcrtpparameters import RTCRtpCodecCapability, RTCRtpReceiveParameters, RTCRtpSendParameters
from aiortc.rtcrtpreceiver import StreamStatistics
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_FIR,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    AnyRtcpPacket,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSenderInfo,
    RtcpSrPacket,
    RtpPacket,
    is_rtcp,
    pack_remb_fci,
)

from evalroom.media import Codec, Medium
from signaling.ice import (
    CONSENT_INTERVAL,
    CONSENT_RETRANSMISSIONS,
    Consent,
    Damper,
    IceServer,
    IceSettings,
    host_addresses,
)
from signaling.relay import Lane

PRIVATE_NAMES: Mapping[Any, tuple[str, ...]] = {
    RTCRtpReceiver: ("_handle_rtp_packet", "_handle_rtcp_packet", "_handle_disconnect", "_set_rtcp_ssrc"),
    RTCRtpSender: ("_handle_rtcp_packet", "_send_keyframe"),
    RTCDtlsTransport: (
        "_register_rtp_receiver", "_unregister_rtp_receiver", "_register_rtp_sender", "_unregister_rtp_sender",
    ),
    aiortc.rtcpeerconnection: ("RTCRtpReceiver", "RTCRtpSender"),
    aiortc.rtcicetransport: ("Connection",),
    aioice.ice: ("StunProtocol", "get_host_addresses"),
    aioice.ice.Connection: ("query_consent", "get_component_candidates", "build_request", "data_received"),
    aioice.ice.StunProtocol: ("datagram_received", "request"),
    aioice.stun: ("parse_message",),
}  # fmt: skip
"""Names without a promise, by their owner; those of instances are asserted by the tests of a live pair."""

_RTP_HEADER = struct.Struct("!BBHII")
_VERSION_2 = 0x80
_NTP_EPOCH_MS = 2_208_988_800_000
_REPORT_BLOCKS = 31
_SEND_BUFFER_LIMIT = 256 * 1024

# RFC 7983 §7: the first byte tells what a datagram is.
_STUN_LAST = 3
_RTP_FIRST, _RTP_LAST = 128, 191

bad_datagrams = Damper(time.monotonic_ns)
"""Datagrams that no parser understood, of the whole process: 3,000 of them cost 3.3 MB of log before."""


class Intake(Protocol):
    """Who takes what a receiver hears: one m-line's packets and sender reports."""

    def on_rtp(self, packet: RtpPacket, codec: Codec, arrival: int) -> None:
        """Take one packet, retransmissions included."""
        ...

    def on_report(self, ssrc: int, rtp: int, ntp_ms: float, arrival: int) -> None:
        """Take the clock pair of one sender report."""
        ...


class Feedback(Protocol):
    """Who answers what a viewer says about one m-line."""

    def on_ready(self) -> None:
        """Learn that packets may be sent."""
        ...

    def on_keyframe_wanted(self) -> None:
        """Learn that the viewer cannot go on without a key frame."""
        ...

    def on_missing(self, seqs: list[int]) -> None:
        """Learn which packets (16 bit) the viewer misses."""
        ...

    def on_loss(self, fraction: float) -> None:
        """Learn which share of packets the viewer lost since its last report."""
        ...


def codec_of(mime_type: str) -> Codec | None:
    """Return our codec of a MIME type such as `video/H264`, None for any other."""
    name = mime_type.partition("/")[2]
    return next((codec for codec in Codec if codec.lower() == name.lower()), None)


class PassReceiver(RTCRtpReceiver):
    """Hand RTP and sender reports to an intake; decode nothing, start no thread."""

    def __init__(self, kind: str, transport: RTCDtlsTransport) -> None:
        """Begin deaf: packets are counted and dropped until an intake is there."""
        super().__init__(kind, transport)
        self.medium = Medium(kind)
        self.intake: Intake | None = None
        self.statistics: dict[int, StreamStatistics] = {}
        self.last_arrival = 0
        self.faults = Damper(time.monotonic_ns)
        self._codecs: dict[int, tuple[Codec, int]] = {}
        self._reports: dict[int, tuple[int, int]] = {}
        self._own_ssrc = 0

    async def receive(self, parameters: RTCRtpReceiveParameters) -> None:
        """Register, or register anew when the m-line is used again with other sources."""
        self._codecs = {
            codec.payloadType: (known, codec.clockRate)
            for codec in parameters.codecs
            if codec.payloadType is not None and (known := codec_of(codec.mimeType)) is not None
        }
        self.transport._unregister_rtp_receiver(self)
        self.transport._register_rtp_receiver(self, parameters)
        cast("SteadyConnection", self.transport.transport._connection).tap = Tap(self.transport)

    async def stop(self) -> None:
        """Hear nothing from now on."""
        self.intake = None
        self.transport._unregister_rtp_receiver(self)

    def _handle_disconnect(self) -> None:
        """Do nothing: there is no decoder to stop."""

    def _set_rtcp_ssrc(self, ssrc: int) -> None:
        super()._set_rtcp_ssrc(ssrc)
        self._own_ssrc = ssrc

    async def _handle_rtp_packet(self, packet: RtpPacket, arrival_time_ms: int) -> None:  # noqa: ARG002 - upstream's
        self.take(packet)

    def take(self, packet: RtpPacket) -> None:
        """Take one packet; whatever its intake raises is counted and stops here."""
        # aiortc's receive loop would re-raise it and close the connection.
        try:
            self._take(packet)
        except Exception as error:  # noqa: BLE001 - the fence
            self.faults.warn("media_intake_failed", medium=self.medium, error=repr(error))

    def _take(self, packet: RtpPacket) -> None:
        known = self._codecs.get(packet.payload_type)
        if known is None or not self._enabled:
            return
        self.last_arrival = arrival = time.monotonic_ns()
        codec, clock_rate = known
        counted = self.statistics.get(packet.ssrc)
        if counted is None:
            counted = self.statistics[packet.ssrc] = StreamStatistics(clock_rate)
        counted.add(packet)
        if self.intake is not None:
            self.intake.on_rtp(packet, codec, arrival)

    async def _handle_rtcp_packet(self, packet: AnyRtcpPacket) -> None:
        self.last_arrival = arrival = time.monotonic_ns()
        if not isinstance(packet, RtcpSrPacket):
            return
        info = packet.sender_info
        self._reports[packet.ssrc] = ((info.ntp_timestamp >> 16) & 0xFFFFFFFF, arrival)
        if self.intake is not None and info.ntp_timestamp:
            try:
                self.intake.on_report(packet.ssrc, info.rtp_timestamp, ntp_to_ms(info.ntp_timestamp), arrival)
            except Exception as error:  # noqa: BLE001 - the fence
                self.faults.warn("media_report_failed", medium=self.medium, error=repr(error))

    def reports(self, now: int) -> list[RtcpReceiverInfo]:
        """Return one report block per source heard so far (RFC 3550 §6.4.2)."""
        return [self._report(ssrc, counted, now) for ssrc, counted in self.statistics.items()]

    def _report(self, ssrc: int, counted: StreamStatistics, now: int) -> RtcpReceiverInfo:
        lsr, since = self._reports.get(ssrc, (0, now))
        return RtcpReceiverInfo(
            ssrc=ssrc,
            fraction_lost=counted.fraction_lost,
            packets_lost=counted.packets_lost,
            highest_sequence=(counted.cycles + (counted.max_seq or 0)) & 0xFFFFFFFF,
            jitter=counted.jitter & 0xFFFFFFFF,
            lsr=lsr,
            dlsr=((now - since) * 65_536 // 1_000_000_000) & 0xFFFFFFFF if lsr else 0,
        )

    def request_keyframe(self, ssrc: int) -> None:
        """Send a picture loss indication for `ssrc` (RFC 4585 §6.3.1)."""
        send_rtcp(self.transport, [RtcpPsfbPacket(fmt=RTCP_PSFB_PLI, ssrc=self._own_ssrc, media_ssrc=ssrc)])

    def request_packets(self, ssrc: int, seqs: list[int]) -> None:
        """Ask for the packets `seqs` (16 bit) once more (RFC 4585 §6.2.1)."""
        nack = RtcpRtpfbPacket(fmt=RTCP_RTPFB_NACK, ssrc=self._own_ssrc, media_ssrc=ssrc, lost=seqs)
        send_rtcp(self.transport, [nack])


class Tap:
    """Take RTP off a connection where it arrives.

    aiortc's way costs a queue, a wake-up and three awaits per packet; DTLS and RTCP still take it.
    """

    __slots__ = ("_transport",)

    def __init__(self, transport: RTCDtlsTransport) -> None:
        """Take what `transport` would have decrypted and routed."""
        self._transport = transport

    def take(self, data: bytes) -> bool:
        """Say whether `data` was a packet and has been dealt with."""
        transport = self._transport
        if transport._state is not State.CONNECTED or is_rtcp(data):
            return False
        try:
            plain = transport._rx_srtp.unprotect(data)
            packet = RtpPacket.parse(plain, transport._rtp_header_extensions_map)
        except (pylibsrtp.Error, ValueError):
            return True  # replayed, forged or broken: as if it had never come
        receiver = transport._rtp_router.route_rtp(packet)
        if isinstance(receiver, PassReceiver):
            receiver.take(packet)
        return True


class PassSender(RTCRtpSender):
    """Send packets that somebody else encoded; with a track of its own it stays the stock encoder."""

    def __init__(self, track_or_kind: MediaStreamTrack | str, transport: RTCDtlsTransport) -> None:
        """Begin closed: nothing is sent before the m-line is negotiated."""
        super().__init__(track_or_kind, transport)
        self.feedback: Feedback | None = None
        self.ready = False
        # With the source number, not with the viewer: SRTP counts packets per source, and one whose numbers
        # jump back when its m-line is used again is refused as a replay.
        self.lane = Lane(Medium(self.kind))
        self.packets = 0
        self.octets = 0
        self.faults = Damper(time.monotonic_ns)
        self._payload_types: dict[Codec, int] = {}

    @property
    def ssrc(self) -> int:
        """The source number the viewer knows this m-line by."""
        return self._ssrc

    @property
    def encodes(self) -> bool:
        """Say whether it was given a track of its own."""
        track: MediaStreamTrack | None = (
            self.track
        )  # None, whatever upstream's annotation says, until one is set
        return track is not None

    async def send(self, parameters: RTCRtpSendParameters) -> None:
        """Learn the payload types of this viewer and say that packets may come."""
        if self.encodes:
            await super().send(parameters)
            return
        self._payload_types = {
            known: codec.payloadType
            for codec in reversed(parameters.codecs)
            if codec.payloadType is not None and (known := codec_of(codec.mimeType)) is not None
        }
        if not self.ready:
            self.transport._register_rtp_sender(self, parameters)
            self.ready = True
        if self.feedback is not None:
            self.feedback.on_ready()

    async def stop(self) -> None:
        """Send nothing from now on."""
        if self.ready:
            self.transport._unregister_rtp_sender(self)
        self.ready = False
        self.feedback = None
        await super().stop()

    def payload_type(self, codec: Codec) -> int | None:
        """Return the number this viewer gave `codec`, None when it cannot play it."""
        return self._payload_types.get(codec)

    @property
    def congested(self) -> bool:
        """Say whether packets pile up on this machine already."""
        return sending_backlog(self.transport) > _SEND_BUFFER_LIMIT

    def write(self, payload_type: int, seq: int, ts: int, payload: bytes, *, marker: bool) -> None:
        """Send one packet; dropped silently while the connection is not up."""
        head = _RTP_HEADER.pack(
            _VERSION_2, payload_type | (0x80 if marker else 0), seq & 0xFFFF, ts & 0xFFFFFFFF, self._ssrc
        )
        if send_rtp(self.transport, head + payload):
            self.packets += 1
            self.octets += len(payload)

    def report(self, ntp_ms: float, rtp: int) -> RtcpSrPacket:
        """Return a sender report that says: RTP time `rtp` is the publisher's `ntp_ms`."""
        info = RtcpSenderInfo(
            ntp_timestamp=ms_to_ntp(ntp_ms),
            rtp_timestamp=rtp & 0xFFFFFFFF,
            packet_count=self.packets & 0xFFFFFFFF,
            octet_count=self.octets & 0xFFFFFFFF,
        )
        return RtcpSrPacket(ssrc=self._ssrc, sender_info=info)

    def _send_keyframe(self) -> None:
        super()._send_keyframe()
        wanted = getattr(self.track, "request_keyframe", None)
        if wanted is not None:
            wanted()

    async def _handle_rtcp_packet(self, packet: AnyRtcpPacket) -> None:
        if self.encodes:
            await super()._handle_rtcp_packet(packet)
        elif self.feedback is not None:
            try:
                self._pass_feedback(packet, self.feedback)
            except Exception as error:  # noqa: BLE001 - the fence
                self.faults.warn("media_feedback_failed", error=repr(error))

    def _pass_feedback(self, packet: AnyRtcpPacket, feedback: Feedback) -> None:
        match packet:
            case RtcpRrPacket() | RtcpSrPacket():
                for report in packet.reports:
                    if report.ssrc == self._ssrc:
                        feedback.on_loss(report.fraction_lost / 256)
            case RtcpRtpfbPacket(fmt=fmt) if fmt == RTCP_RTPFB_NACK:
                feedback.on_missing(packet.lost)
            case RtcpPsfbPacket(fmt=fmt) if fmt in (RTCP_PSFB_PLI, RTCP_PSFB_FIR):
                feedback.on_keyframe_wanted()
            case _:
                pass  # bandwidth estimates of viewers: the node decides, not they


class SteadyConnection(aioice.ice.Connection):
    """An ICE connection that survives a slow link and finds the loopback."""

    loopback = False
    tap: Tap | None = None

    def data_received(self, data: bytes, component: int) -> None:
        """Take one datagram that is not STUN.

        None overtakes those that wait in the queue: the first packets of a key frame often do.
        """
        is_rtp = _RTP_FIRST <= data[0] <= _RTP_LAST
        if self.tap is not None and is_rtp and self._queue.empty() and self.tap.take(data):
            return
        super().data_received(data, component)

    async def get_component_candidates(
        self,
        component: int,
        addresses: list[str],
        timeout: int = 5,  # noqa: ASYNC109 - upstream's signature
    ) -> list[aioice.Candidate]:
        """Gather candidates, those of the loopback included where it is wanted or all there is."""
        if self._transport_policy is aioice.TransportPolicy.ALL:
            addresses = host_addresses(addresses, loopback=self.loopback)
        return await super().get_component_candidates(component, addresses, timeout)

    async def query_consent(self) -> None:
        """Ask for consent until it ends; each question is repeated within its window (RFC 7675 §5.1).

        Cancelling leaves the connection as it is.
        """
        consent = Consent(time.monotonic_ns())
        while not consent.expired(time.monotonic_ns()):
            await asyncio.sleep(CONSENT_INTERVAL * random.uniform(0.8, 1.2))  # noqa: S311 - jitter, no secret
            for pair in list(self._nominated.values()):
                if await self._consents(pair):
                    consent.answered(time.monotonic_ns())
        self._query_consent_task = None
        await self.close()

    async def _consents(self, pair: aioice.ice.CandidatePair) -> bool:
        request = self.build_request(pair, nominate=False)
        try:
            await pair.protocol.request(
                request,
                pair.remote_addr,
                integrity_key=(self.remote_password or "").encode(),
                retransmissions=CONSENT_RETRANSMISSIONS,
            )
        except aioice.stun.TransactionError:
            return False
        return True


class FencedStunProtocol(aioice.ice.StunProtocol):
    """Parse STUN only where the first byte says so (RFC 7983 §7), and let no datagram raise."""

    def datagram_received(self, data: bytes | str, addr: tuple[Any, ...]) -> None:
        """Take one datagram from the network."""
        if not data:
            # Upstream looks at its first byte, fails and closes the connection: anybody could do that to us.
            bad_datagrams.warn("empty_datagram")
            return
        if isinstance(data, bytes) and data[0] > _STUN_LAST:
            self.receiver.data_received(data, self.local_candidate.component)
            return
        try:
            super().datagram_received(data, addr)
        except Exception as error:  # noqa: BLE001 - the fence
            bad_datagrams.warn("bad_stun_datagram", size=len(data), error=repr(error))


_parse_message = aioice.stun.parse_message


def parse_stun(data: bytes) -> aioice.stun.Message:
    """Parse a STUN message.

    Raises:
        ValueError: for whatever cannot be parsed; upstream lets `struct.error` and others leak.
    """
    try:
        return _parse_message(data)
    except ValueError:
        raise
    except Exception as error:
        raise ValueError("not a STUN message") from error


INJECTED: tuple[tuple[ModuleType, str, object], ...] = (
    (aiortc.rtcpeerconnection, "RTCRtpReceiver", PassReceiver),
    (aiortc.rtcpeerconnection, "RTCRtpSender", PassSender),
    (aiortc.rtcicetransport, "Connection", SteadyConnection),
    (aioice.ice, "StunProtocol", FencedStunProtocol),
    (aioice.stun, "parse_message", parse_stun),
)
"""Where the libraries look up what we replace."""


def install() -> None:
    """Put our classes where aiortc and aioice look theirs up; doing it twice changes nothing."""
    for module, name, ours in INJECTED:
        setattr(module, name, ours)


install()


def new_connection(settings: IceSettings, server: IceServer | None = None) -> RTCPeerConnection:
    """Return a peer connection with one transport for everything (BUNDLE)."""
    servers = [RTCIceServer(server.urls, server.username, server.credential)] if server else []
    policy = RTCIceTransportPolicy.RELAY if settings.relay_only else RTCIceTransportPolicy.ALL
    return RTCPeerConnection(
        RTCConfiguration(
            iceServers=servers, iceTransportPolicy=policy, bundlePolicy=RTCBundlePolicy.MAX_BUNDLE
        )
    )


def set_loopback(pc: RTCPeerConnection, *, loopback: bool) -> None:
    """Say whether `pc` offers the loopback; to be called before a description is set locally."""
    for transceiver in pc.getTransceivers():
        connection = transceiver.receiver.transport.transport.iceGatherer._connection
        cast("SteadyConnection", connection).loopback = loopback


def receiver_of(transceiver: RTCRtpTransceiver) -> PassReceiver:
    """Return the receiver of `transceiver` as what it is."""
    return cast("PassReceiver", transceiver.receiver)


def sender_of(transceiver: RTCRtpTransceiver) -> PassSender:
    """Return the sender of `transceiver` as what it is."""
    return cast("PassSender", transceiver.sender)


def preferred_codecs(medium: Medium) -> list[RTCRtpCodecCapability]:
    """Return what we negotiate: Opus; H.264 constrained baseline packetization 1, then VP8.

    No RTX: retransmissions come under their own number, so that reordering sees one sequence.
    """
    capabilities = get_capabilities(medium.value).codecs
    if medium is Medium.AUDIO:
        return [c for c in capabilities if c.mimeType == "audio/opus"]
    h264 = [c for c in capabilities if c.parameters.get("profile-level-id") == "42e01f"]
    return h264 + [c for c in capabilities if c.mimeType == "video/VP8"]


def send_rtp(transport: RTCDtlsTransport, data: bytes) -> bool:
    """Protect and send one RTP packet now; False while the connection is not up."""
    return _send(transport, data, rtcp=False)


def send_rtcp(transport: RTCDtlsTransport, packets: list[AnyRtcpPacket]) -> bool:
    """Protect and send one compound RTCP packet now; False while the connection is not up."""
    return _send(transport, b"".join(bytes(packet) for packet in packets), rtcp=True)


def _send(transport: RTCDtlsTransport, data: bytes, *, rtcp: bool) -> bool:
    # What transport._send_rtp does, without its two awaits: neither can wait, and a sink must not.
    pair = transport.transport._connection._nominated.get(1)
    if transport._state is not State.CONNECTED or pair is None:
        return False
    session = transport._tx_srtp
    try:
        protected = session.protect_rtcp(data) if rtcp else session.protect(data)
    except pylibsrtp.Error as error:
        bad_datagrams.warn("srtp_protect_failed", error=str(error))
        return False
    pair.protocol.transport.sendto(protected, pair.remote_addr)
    return True


def sending_backlog(transport: RTCDtlsTransport) -> int:
    """Return how many bytes wait in this process for the socket; 0 over TURN, which has no such count."""
    pair = transport.transport._connection._nominated.get(1)
    size = getattr(pair.protocol.transport, "get_write_buffer_size", None) if pair else None
    return int(size()) if size is not None else 0


def receiver_reports(own_ssrc: int, blocks: list[RtcpReceiverInfo]) -> list[AnyRtcpPacket]:
    """Return receiver reports with all `blocks`; one, though empty, where there are none."""
    chunks = [blocks[at : at + _REPORT_BLOCKS] for at in range(0, len(blocks), _REPORT_BLOCKS)]
    return [RtcpRrPacket(ssrc=own_ssrc, reports=chunk) for chunk in chunks or [[]]]


def bandwidth_limit(own_ssrc: int, bps: int, ssrcs: list[int]) -> AnyRtcpPacket:
    """Return a REMB message: the publisher may send `bps` in all, over `ssrcs`."""
    return RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=own_ssrc, media_ssrc=0, fci=pack_remb_fci(bps, ssrcs))


def ntp_to_ms(ntp: int) -> float:
    """Return Unix milliseconds of a 64-bit NTP time."""
    return ntp * 1000 / (1 << 32) - _NTP_EPOCH_MS


def ms_to_ntp(ms: float) -> int:
    """Return the 64-bit NTP time of Unix milliseconds."""
    return int((ms + _NTP_EPOCH_MS) * (1 << 32) / 1000) & 0xFFFFFFFFFFFFFFFF
