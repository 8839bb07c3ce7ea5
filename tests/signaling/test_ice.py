"""Ways, consent and bad datagrams."""

import asyncio
import base64
import hashlib
import hmac
import random
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import aioice
import aioice.ice
import aioice.stun
import pytest
from structlog.testing import capture_logs

from evalroom.media import TrackKind
from signaling.engine import FencedStunProtocol, SteadyConnection, bad_datagrams, parse_stun
from signaling.ice import (
    CONSENT_TIMEOUT,
    Consent,
    Damper,
    IceSettings,
    TurnServer,
    host_addresses,
    turn_credentials,
)
from signaling.repair import SECOND
from tests.patience import PATIENCE_S
from tests.programs import PROGRAMS
from tests.signaling.live import CAMERA, node, until


async def pair(delay: float = 0.0) -> tuple[SteadyConnection, SteadyConnection]:
    """Return two connected ends; every datagram takes `delay` seconds each way."""
    ends = SteadyConnection(ice_controlling=True), SteadyConnection(ice_controlling=False)
    for end in ends:
        end.loopback = True
        await end.gather_candidates()
    for here, there in (ends, ends[::-1]):
        here.remote_username, here.remote_password = there.local_username, there.local_password
        for candidate in there.local_candidates:
            await here.add_remote_candidate(candidate)
        await here.add_remote_candidate(None)
        slow_down(here, delay)
    await asyncio.gather(*(end.connect() for end in ends))
    return ends


def slow_down(connection: SteadyConnection, delay: float) -> None:
    """Make every STUN message of `connection` leave `delay` seconds late."""
    loop = asyncio.get_running_loop()
    for protocol in connection._protocols:
        send: Callable[..., None] = protocol.send_stun

        def late(
            message: aioice.stun.Message, addr: tuple[str, int], send: Callable[..., None] = send
        ) -> None:
            loop.call_later(delay, send, message, addr)

        protocol.send_stun = late  # type: ignore[method-assign] # the slow link


async def test_a_round_trip_of_600_ms_keeps_consent(monkeypatch: pytest.MonkeyPatch) -> None:
    # Time is shortened tenfold on both sides of the comparison: 60 ms against a first retransmission after
    # 50 ms, where the unwrapped connection gives up.
    monkeypatch.setattr(aioice.stun, "RETRY_RTO", 0.05)
    monkeypatch.setattr("signaling.engine.CONSENT_INTERVAL", 0.05)
    monkeypatch.setattr("signaling.ice.CONSENT_TIMEOUT", SECOND)
    here, there = await pair(delay=0.03)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(2.5):
            await here.get_event()
    await asyncio.gather(here.close(), there.close())


async def test_consent_ends_when_nobody_answers_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aioice.stun, "RETRY_RTO", 0.02)
    monkeypatch.setattr("signaling.engine.CONSENT_INTERVAL", 0.05)
    monkeypatch.setattr("signaling.ice.CONSENT_TIMEOUT", SECOND // 2)
    here, there = await pair()
    await there.close()
    async with asyncio.timeout(PATIENCE_S):
        assert isinstance(await here.get_event(), aioice.ConnectionClosed)


def test_consent_lasts_thirty_seconds_of_silence() -> None:
    consent = Consent(0)
    assert not consent.expired(CONSENT_TIMEOUT - 1)
    consent.answered(CONSENT_TIMEOUT - 1)
    assert not consent.expired(CONSENT_TIMEOUT)
    assert consent.expired(2 * CONSENT_TIMEOUT)


def bad_messages(count: int) -> list[bytes]:
    """Return datagrams that look like STUN and are none, as fuzzers and broken middleboxes send them."""
    chance = random.Random(7)
    out = []
    for number in range(count):
        body = chance.randbytes(chance.randrange(4, 60))
        kind = (0x0001, 0x0101, 0x0011)[number % 3]
        head = struct.pack("!HHI12s", kind, len(body), aioice.stun.COOKIE, chance.randbytes(12))
        attribute = struct.pack("!HH", chance.choice(list(aioice.stun.ATTRIBUTES_BY_TYPE)), len(body) - 4)
        out.append(head + attribute + body[4:])
    return out


def test_whatever_cannot_be_parsed_is_a_value_error() -> None:
    leaks = 0
    for data in bad_messages(3000):
        try:
            parse_stun(data)
        except ValueError as error:
            leaks += isinstance(error.__cause__, struct.error)
    assert leaks > 0, "upstream leaks no more: the fence may go"


async def test_three_thousand_bad_packets_are_ten_log_lines_at_most_and_harm_nobody() -> None:
    here, there = await pair()
    (protocol, *_) = here._protocols
    assert isinstance(protocol, FencedStunProtocol)
    before = bad_datagrams.count
    with capture_logs() as lines:
        for data in bad_messages(3000):
            protocol.datagram_received(data, ("127.0.0.1", 9))
    assert len(lines) <= 10
    assert bad_datagrams.count >= before
    while not here._queue.empty():
        here._queue.get_nowait()
    await there.send(b"\x80still here")
    async with asyncio.timeout(PATIENCE_S):
        assert await here.recv() == b"\x80still here"
    await asyncio.gather(here.close(), there.close())


def test_the_loopback_is_offered_when_it_is_all_there_is_or_wanted() -> None:
    assert host_addresses([], loopback=False) == ["127.0.0.1"]
    assert host_addresses(["192.0.2.1"], loopback=False) == ["192.0.2.1"]
    assert host_addresses(["192.0.2.1"], loopback=True) == ["192.0.2.1", "127.0.0.1"]
    assert host_addresses(["127.0.0.1"], loopback=True) == ["127.0.0.1"]


async def test_a_connection_for_relays_only_offers_no_address_of_its_own() -> None:
    connection = SteadyConnection(ice_controlling=True, transport_policy=aioice.TransportPolicy.RELAY)
    connection.loopback = True
    await connection.gather_candidates()
    assert connection.local_candidates == []
    await connection.close()


@pytest.fixture(name="relays_only")
def _relays_only(tmp_path: Path) -> Iterator[IceSettings]:
    """Start coturn on the loopback and give the settings that allow no other way."""
    turnserver = PROGRAMS["coturn"].find()
    assert turnserver is not None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = f"-n -L 127.0.0.1 -E 127.0.0.1 -p {port} --no-tls --no-dtls --use-auth-secret"
    options += " --static-auth-secret=north --realm=evalroom --allow-loopback-peers --no-cli --no-stdout-log"
    process = subprocess.Popen([turnserver, *options.split()], cwd=tmp_path, stdout=subprocess.DEVNULL)
    try:
        yield IceSettings(TurnServer(f"turn:127.0.0.1:{port}?transport=udp", "north"), relay_only=True)
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.needs("coturn")
async def test_a_seat_behind_a_strict_network_publishes_over_the_relay(relays_only: IceSettings) -> None:
    assert relays_only.turn is not None
    server = turn_credentials(relays_only.turn, "west-E1", int(time.time()))
    async with node(relays_only, server) as here:
        seat = await here.seat("E1", (TrackKind.CAMERA,))
        viewer = await here.seat("V1")
        viewer.watch(CAMERA.id)
        await until(lambda: len(viewer.received()) == 2 and min(viewer.received()) > 20)
        offer, answer = seat.answered[0]
        assert "typ relay" in offer.sdp
        assert "typ host" not in offer.sdp + answer.sdp


def test_turn_credentials_are_what_coturn_computes_and_end_after_a_day() -> None:
    server = turn_credentials(TurnServer("turn:host:3478", "north"), "west-E1", 1_000_000)
    expiry, name = server.username.split(":")
    assert (int(expiry), name) == (1_000_000 + 24 * 3600, "west-E1")
    digest = hmac.new(b"north", server.username.encode(), hashlib.sha1).digest()
    assert base64.b64decode(server.credential) == digest
    assert server.urls == "turn:host:3478"


def test_a_damper_counts_all_and_lets_one_line_through_per_interval() -> None:
    now = 0
    damper = Damper(lambda: now, every=10)
    with capture_logs() as lines:
        for now in range(25):  # noqa: B007 - the clock reads it
            damper.warn("bad", size=1)
    assert damper.count == 25
    assert [line["count"] for line in lines] == [1, 11, 21]
