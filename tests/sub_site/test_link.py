"""The link to the host, against a host that does as the test says: proof, silence, noise, and dialling for ever."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from evalroom.ids import SessionId
from evalroom.protocol import liveness
from evalroom.protocol import messages as m
from evalroom.protocol.liveness import LinkState
from main_site.identity.authority import recognise
from signaling.clock import monotonic_ms
from signaling.codec import MalformedMessage, encode, wrap
from sub_site import link as module
from sub_site.enrolment import Identity, join
from sub_site.link import HostLink, LinkSession
from tests.sub_site.centre import CODE, SITE, FakeCentre
from tests.sub_site.stage import until

SESSION = SessionId("EV-1")
ROSTER = m.Roster(SESSION, "title", SITE, (), "log", 60, filming=True, closed=False)


class Behind:
    """The sessions behind the link: remembers what came, sends what it is given."""

    def __init__(self) -> None:
        self.taken: list[object] = []
        self.out: list[object] = []
        self.lost = 0
        self.rosters: list[m.Roster] = []
        self.pings: list[int] = []
        self.pongs: list[m.Pong] = []

    def sessions(self) -> dict[SessionId, LinkSession]:
        return {SESSION: self} if self.rosters else {}

    async def enrol(self, roster: m.Roster, now: int) -> None:
        del now
        self.rosters.append(roster)

    def pinged(self, sent_ms: int) -> None:
        self.pings.append(sent_ms)

    def ponged(self, pong: m.Pong) -> None:
        self.pongs.append(pong)

    def take(self, message: m.ToSite, now: int) -> None:
        del now
        self.taken.append(message)

    def link_lost(self) -> None:
        self.lost += 1

    def messages_to_send(self, now: int) -> Iterable[object]:
        del now
        out, self.out = self.out, []
        return out

    def next_deadline(self) -> int | None:
        return None


@dataclass
class FakeHost:
    """A socket at which a site proves itself."""

    centre: FakeCentre
    sites: list[str] = field(default_factory=list)
    heard: list[dict[str, object]] = field(default_factory=list)
    sockets: list[ServerConnection] = field(default_factory=list)
    answers: bool = True
    _server: Server | None = None

    async def serve(self, socket: ServerConnection) -> None:
        nonce = bytes(range(32))
        await socket.send(encode({"kind": "challenge", "nonce": nonce.hex()}))
        proof = json.loads(await socket.recv())
        signature = bytes.fromhex(proof["signature"])
        self.sites.append(recognise(self.centre.authority, proof["certificate"], nonce, signature))
        self.sockets.append(socket)
        try:
            async for text in socket:
                await self._answer(socket, json.loads(text))
        except ConnectionClosed:
            return

    async def _answer(self, socket: ServerConnection, message: dict[str, object]) -> None:
        self.heard.append(message)
        if message.get("kind") == "ping" and self.answers:
            await socket.send(encode(m.Pong(int(str(message["sent_ms"])), 1)))


@dataclass
class Scene:
    host: FakeHost
    behind: Behind
    link: HostLink
    port: int


@pytest.fixture
def centre(tmp_path: Path) -> FakeCentre:
    return FakeCentre.at(tmp_path)


@pytest.fixture
def identity(centre: FakeCentre, tmp_path: Path) -> Identity:
    with centre.client() as client:
        return join(tmp_path / "keys", "http://host", CODE, client=client)


@asynccontextmanager
async def linking(centre: FakeCentre, identity: Identity) -> AsyncIterator[Scene]:
    host, behind = FakeHost(centre), Behind()
    async with serve(host.serve, "127.0.0.1", 0, ping_interval=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        link = HostLink(identity, f"http://127.0.0.1:{port}", None, behind)
        running = asyncio.create_task(link.run())
        try:
            yield Scene(host, behind, link, port)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def test_a_site_proves_itself_and_is_online_with_the_first_answer(
    centre: FakeCentre, identity: Identity
) -> None:
    async with linking(centre, identity) as scene:
        await until(lambda: scene.link.online)
        assert [SITE] == scene.host.sites
        assert LinkState.ONLINE is scene.link.state
        await until(lambda: bool(scene.behind.pongs))
        assert scene.behind.pings[0] == scene.behind.pongs[0].sent_ms


async def test_messages_of_the_moment_go_out_wrapped_and_are_dropped_without_a_link(
    centre: FakeCentre, identity: Identity
) -> None:
    async with linking(centre, identity) as scene:
        scene.link.send(SESSION, m.SeatPresent(SITE, 1))  # type: ignore[arg-type] # any text will do
        await until(lambda: scene.link.online)
        scene.link.send(SESSION, m.SeatPresent(SITE, 2))  # type: ignore[arg-type] # likewise
        await until(lambda: any("session" in one for one in scene.host.heard))
        (wrapped,) = [one for one in scene.host.heard if "session" in one]
        assert {"session": SESSION, "message": {"kind": "seat_present", "seat": SITE, "issue": 2}} == wrapped


async def test_noise_from_the_host_is_dropped_and_the_link_goes_on(
    centre: FakeCentre, identity: Identity
) -> None:
    async with linking(centre, identity) as scene:
        await until(lambda: scene.link.online)
        (socket,) = scene.host.sockets
        for noise in (
            "{", "[]", "1.5", '{"session":"EV-1"}', '{"session":"EV-1","message":{"kind":"x"}}',
            wrap("EV-unknown", m.UploadGrant("t", 1)), encode(m.Fault("x", "y")),
        ):  # fmt: skip
            await socket.send(noise)
        await socket.send(wrap(SESSION, ROSTER))
        await socket.send(wrap(SESSION, m.UploadGrant("token", 1)))
        await until(lambda: bool(scene.behind.taken))
        assert [m.UploadGrant("token", 1)] == scene.behind.taken
        assert 1 == len(scene.host.sites)


async def test_a_host_that_falls_silent_is_given_up_and_dialled_again(
    centre: FakeCentre, identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(liveness, "OFFLINE_MS", 300)
    monkeypatch.setattr(liveness, "WEAK_MS", 200)
    monkeypatch.setattr(module, "JUDGE_S", 0.05)
    async with linking(centre, identity) as scene:
        await until(lambda: bool(scene.host.sites))
        scene.host.answers = False
        (socket,) = scene.host.sockets
        await socket.send(wrap(SESSION, ROSTER))
        await until(lambda: bool(scene.behind.rosters))
        await until(lambda: len(scene.host.sites) >= 2)
        assert scene.behind.lost >= 1


async def test_a_closed_link_is_dialled_again_and_again(centre: FakeCentre, identity: Identity) -> None:
    async with linking(centre, identity) as scene:
        for times in (1, 2, 3):
            await until(lambda times=times: len(scene.host.sockets) == times)  # type: ignore[misc] # bound at once
            await scene.host.sockets[-1].close(1008, "not today")
        await until(lambda: len(scene.host.sockets) == 4)


async def test_two_nodes_with_one_key_do_not_chase_each_other(centre: FakeCentre, identity: Identity) -> None:
    async with linking(centre, identity) as scene:
        await until(lambda: scene.link.online)
        await scene.host.sockets[-1].close(1008, "replaced")
        await until(lambda: not scene.link.online)
        assert LinkState.OFFLINE is scene.link.state
        await until(lambda: len(scene.host.sockets) == 2)


async def test_a_host_that_does_not_begin_with_a_challenge_gets_no_proof(
    centre: FakeCentre, identity: Identity
) -> None:
    heard: list[str] = []

    async def serve_nonsense(socket: ServerConnection) -> None:
        await socket.send('{"kind":"prove"}')
        async for text in socket:
            heard.append(str(text))  # noqa: PERF401 - the list is looked at meanwhile

    async with serve(serve_nonsense, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        link = HostLink(identity, f"http://127.0.0.1:{port}", None, Behind())
        with pytest.raises(MalformedMessage):
            await link._once()
    assert [] == heard
    del centre


@pytest.mark.parametrize(
    ("given", "dialled"),
    [("http://h:8440", "ws://h:8440/ws/site"), ("https://h.example/", "wss://h.example/ws/site")],
)
async def test_the_address_of_the_link_follows_from_the_hosts(
    identity: Identity, given: str, dialled: str
) -> None:
    assert dialled == HostLink(identity, given, None, Behind()).address


@pytest.mark.parametrize("steps", range(5))
async def test_a_cancellation_that_meets_a_message_is_not_lost(identity: Identity, steps: int) -> None:
    link = HostLink(identity, "http://host", None, Behind())

    async def write_for_ever() -> None:
        while True:
            link._wake.clear()
            await link._sleep_until(monotonic_ms() + 60_000)

    writing = asyncio.create_task(write_for_ever())
    await asyncio.sleep(0)
    link.wake()
    for _ in range(steps):
        await asyncio.sleep(0)
    writing.cancel()
    assert ({writing}, set()) == await asyncio.wait({writing}, timeout=1)
    writing.cancel()
