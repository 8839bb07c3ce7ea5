"""The private names we stand on, and what passes through the engine's two ends."""

import socket
import struct
import threading
from collections.abc import AsyncIterator

import pytest
from aiortc.codecs import CODECS
from aiortc.rtp import RtpPacket, unpack_remb_fci

from evalroom.ids import TrackId
from evalroom.media import Codec, Medium, TrackKind
from signaling import engine
from signaling.engine import (
    INJECTED,
    PRIVATE_NAMES,
    PassReceiver,
    PassSender,
    SteadyConnection,
    Tap,
    bandwidth_limit,
    codec_of,
    ms_to_ntp,
    ntp_to_ms,
    preferred_codecs,
    receiver_of,
    receiver_reports,
    sender_of,
)
from tests.signaling.live import CAMERA, Node, node, until


@pytest.fixture(name="here")
async def _here() -> AsyncIterator[Node]:
    async with node() as running:
        yield running


@pytest.mark.parametrize(
    ("owner", "names"), list(PRIVATE_NAMES.items()), ids=lambda x: getattr(x, "__name__", "")
)
def test_every_private_name_exists_in_the_pinned_version(owner: object, names: tuple[str, ...]) -> None:
    assert [name for name in names if not hasattr(owner, name)] == []


def test_ours_stand_where_the_libraries_look() -> None:
    engine.install()
    for module, name, ours in INJECTED:
        assert getattr(module, name) is ours


async def test_private_names_of_a_live_connection_exist(here: Node) -> None:
    seat = await here.seat("E1", (TrackKind.CAMERA,))
    pc = seat.here._connections[1].connection.pc
    transport = pc.getTransceivers()[0].receiver.transport
    for owner, names in (
        (transport, ("_state", "_tx_srtp", "_rx_srtp", "_rtp_router", "_rtp_header_extensions_map")),
        (transport.transport, ("_connection",)),
        (
            transport.transport._connection,
            ("_nominated", "_query_consent_task", "_transport_policy", "_queue"),
        ),
        (pc.getTransceivers()[0].sender, ("_ssrc", "_enabled")),
    ):
        assert [name for name in names if not hasattr(owner, name)] == []
    assert type(pc.getTransceivers()[0].receiver) is PassReceiver
    assert type(pc.getTransceivers()[0].sender) is PassSender
    assert not [t.name for t in threading.enumerate() if "decoder" in t.name]


async def test_the_browser_side_is_the_dtls_client_and_aes_256_gcm_results(here: Node) -> None:
    seat = await here.seat("E1", (TrackKind.CAMERA,))
    transport = seat.here._connections[1].connection.pc.getTransceivers()[0].receiver.transport
    assert transport._role == "server"
    assert transport._ssl is not None
    assert transport._ssl.get_selected_srtp_profile() == b"SRTP_AEAD_AES_256_GCM"


class Broken:
    """An intake that fails at everything."""

    def on_rtp(self, packet: RtpPacket, codec: Codec, arrival: int) -> None:  # noqa: ARG002 - it fails
        raise RuntimeError("intake")

    def on_report(self, ssrc: int, rtp: int, ntp_ms: float, arrival: int) -> None:  # noqa: ARG002 - it fails
        raise RuntimeError("intake")


async def test_an_intake_that_raises_leaves_the_connection_up(here: Node) -> None:
    seat = await here.seat("E1", (TrackKind.CAMERA,))
    receiver = receiver_of(seat.here._connections[1].connection.pc.getTransceivers()[0])
    receiver.intake = Broken()
    await until(lambda: receiver.faults.count > 30)
    assert seat.here.connected


async def test_padding_extensions_and_contributors_are_taken_off(here: Node) -> None:
    seat = await here.seat("E1", (TrackKind.CAMERA,))
    connection = seat.here._connections[1].connection
    receiver, taken = receiver_of(connection.pc.getTransceivers()[0]), list[tuple[int, bytes]]()

    class Taking:
        def on_rtp(self, packet: RtpPacket, codec: Codec, arrival: int) -> None:  # noqa: ARG002 - one will do
            taken.append((packet.sequence_number, packet.payload))

        def on_report(self, ssrc: int, rtp: int, ntp_ms: float, arrival: int) -> None:
            pass

    receiver.intake = Taking()
    await until(lambda: bool(taken))
    taken.clear()
    (payload_type,) = [pt for pt, (codec, _) in receiver._codecs.items() if codec is Codec.H264]
    head = struct.pack("!BBHII", 0x80 | 0x20 | 0x10 | 2, payload_type, 77, 0, 4242)
    extension = struct.pack("!HH", 0xBEDE, 1) + b"\x10\x30\x00\x00"
    full = head + b"CSR1CSR2" + extension + b"\x65picture" + b"\x00\x00\x03"
    only_padding = struct.pack("!BBHII", 0x80 | 0x20, payload_type, 78, 0, 4242) + b"\x00" * 99 + b"\x64"
    for data in (full, only_padding):
        await receiver._handle_rtp_packet(RtpPacket.parse(data), 0)
    assert [entry for entry in taken if entry[0] in (77, 78)] == [(77, b"\x65picture"), (78, b"")]


async def test_each_viewer_gets_the_payload_type_it_negotiated(
    here: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    await here.seat("E1", (TrackKind.CAMERA,))
    common = await here.seat("V1")
    common.watch(CAMERA.id)
    await until(lambda: len(common.received()) == 2)
    for codec in CODECS["video"]:
        monkeypatch.setattr(codec, "payloadType", (codec.payloadType or 0) + 20)
        if "apt" in codec.parameters:
            monkeypatch.setitem(codec.parameters, "apt", int(codec.parameters["apt"] or 0) + 20)
    other = await here.seat("V2")
    other.watch(CAMERA.id)
    await until(lambda: len(other.received()) == 2)
    numbers = [
        sender_of(seat.here._connections[1].connection.pc.getTransceivers()[0]).payload_type(Codec.H264)
        for seat in (common, other)
    ]
    assert numbers[0] is not None
    assert numbers == [numbers[0], numbers[0] + 20]


async def test_nothing_is_sent_before_the_connection_is_up(here: Node) -> None:
    viewer = await here.seat("V1")
    viewer.mute = True
    viewer.watch(TrackId("west-E1/camera"))
    await until(lambda: len(viewer.answered) == 1)
    sender = sender_of(viewer.here._connections[1].connection.pc.getTransceivers()[0])
    sender.write(101, 1, 1, b"x", marker=True)
    assert sender.packets == 0
    assert not sender.congested


@pytest.mark.parametrize(
    "data", [b"", b"\x80", b"\x80\xc8", b"\x14", b"\xff" * 9, b"\x80\x65" + b"\x00" * 40, b"\x00"]
)
async def test_a_stranger_s_datagram_neither_closes_a_connection_nor_is_taken_for_media(
    here: Node, data: bytes
) -> None:
    seat = await here.seat("E1", (TrackKind.CAMERA,))
    pc = seat.here._connections[1].connection.pc
    receiver = receiver_of(pc.getTransceivers()[0])
    pair = receiver.transport.transport._connection._nominated[1]
    with socket.socket(
        socket.AF_INET6 if ":" in pair.local_addr[0] else socket.AF_INET, socket.SOCK_DGRAM
    ) as stranger:
        for _ in range(5):
            stranger.sendto(data, pair.local_addr)
    before = sum(counted.packets_received for counted in receiver.statistics.values())
    await until(lambda: sum(c.packets_received for c in receiver.statistics.values()) > before + 20)
    assert len(receiver.statistics) == 1
    assert seat.here.connected


async def test_no_packet_overtakes_those_that_wait_for_the_handshake_to_be_noticed(here: Node) -> None:
    seat = await here.seat("E1", (TrackKind.CAMERA,))
    receiver = receiver_of(seat.here._connections[1].connection.pc.getTransceivers()[0])
    connection = receiver.transport.transport._connection
    assert isinstance(connection, SteadyConnection)
    taken: list[bytes] = []

    class Taking(Tap):
        def take(self, data: bytes) -> bool:
            taken.append(data)
            return True

    connection.tap = Taking(receiver.transport)
    connection._queue.put_nowait((b"\x14 a record of the handshake", 1))
    connection.data_received(b"\x80 in the same turn of the loop", 1)
    assert taken == []
    assert connection._queue.qsize() == 2
    await until(connection._queue.empty)
    connection.data_received(b"\x80 after it", 1)
    assert taken[-1] == b"\x80 after it"


def test_h264_baseline_comes_before_vp8_and_nothing_else_is_negotiated() -> None:
    video = preferred_codecs(Medium.VIDEO)
    assert [codec.mimeType for codec in video] == ["video/H264", "video/VP8"]
    assert video[0].parameters["profile-level-id"] == "42e01f"
    assert video[0].parameters["packetization-mode"] == "1"
    assert [codec.mimeType for codec in preferred_codecs(Medium.AUDIO)] == ["audio/opus"]


@pytest.mark.parametrize(
    ("mime", "codec"), [("video/H264", Codec.H264), ("video/VP8", Codec.VP8), ("audio/opus", Codec.OPUS),
                        ("video/rtx", None), ("audio/PCMU", None), ("", None)]
)  # fmt: skip
def test_only_our_codecs_are_known(mime: str, codec: Codec | None) -> None:
    assert codec_of(mime) is codec


def test_clock_pairs_survive_the_way_to_ntp_and_back() -> None:
    for ms in (0.0, 1_700_000_000_123.25, 2_085_978_495_999.5):
        assert ntp_to_ms(ms_to_ntp(ms)) == pytest.approx(ms, abs=0.001)


def test_a_limit_names_all_sources_and_reports_split_at_31_blocks() -> None:
    limit = bandwidth_limit(1, 4_000_000, [7, 8])
    bps, ssrcs = unpack_remb_fci(limit.fci)  # type: ignore[union-attr] # it is a payload-specific message
    assert (abs(bps - 4_000_000) < 20, ssrcs) == (True, [7, 8])
    assert len(receiver_reports(1, [])) == 1
    assert bytes(receiver_reports(1, [])[0])[:2] == b"\x80\xc9"
