"""A real host and a real sub-site on one loop, and between them a road that can be cut.

The host is `main_site` itself, with its journal, notary and API; the sub-site is the application under test,
served by uvicorn as in production.  People at the host act directly on its conductor; whoever sits at the
sub-site comes in by its door.
"""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
import uvicorn
from fastapi import FastAPI
from websockets.asyncio.client import ClientConnection, connect

from evalroom import commands as co
from evalroom.approval import FailLot
from evalroom.events import Stage, StageChanged
from evalroom.ids import CommandId, SeatCode
from evalroom.profile import PLAIN
from evalroom.protocol import messages as m
from evalroom.protocol.feed import FeedReader
from evalroom.reporting import Stand
from evalroom.session import PART_OF, TRANSITIONS, Session
from evalroom.sheet import keys_of
from evalroom.tender import Part
from main_site.app import make_app, make_server
from main_site.services.centre import Centre
from main_site.settings import HostSettings
from main_site.store import journal
from main_site.template import SessionTemplate
from signaling.codec import decode_from_node, encode
from sub_site.app import app_of
from sub_site.enrolment import join, load_identity
from sub_site.serving import make_server as make_site_server
from sub_site.settings import SiteSettings
from sub_site.venue import Venue
from tests.evalroom.room import (
    BIDS,
    EXPERTS,
    LOT,
    LOT1,
    OPERATOR,
    PRICES,
    REGULATOR,
    SEATS,
    SESSION,
    SITES,
    SUPERVISOR,
    TENDER,
    WEST,
    Person,
    needs_reason,
    usual_value,
)
from tests.patience import PATIENCE_S

HERE = EXPERTS[1]
"""The expert whose seat is at the sub-site."""

Message = TypeVar("Message")


class Road:
    """Carries TCP between a sub-site and its host, until it is cut."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._open = True
        self._pairs: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server
        self.url = ""

    async def build(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._open:
            writer.transport.abort()
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
        self._pairs |= {writer, far_writer}
        await asyncio.gather(self._pour(reader, far_writer), self._pour(far_reader, writer))

    async def _pour(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
        writer.transport.abort()
        self._pairs.discard(writer)

    def cut(self) -> None:
        """Break everything that is on the road, and let nothing on it."""
        self._open = False
        for writer in list(self._pairs):
            writer.transport.abort()

    def heal(self) -> None:
        self._open = True

    async def close(self) -> None:
        self.cut()
        self._server.close()
        await self._server.wait_closed()


class Seat:
    """A seat's socket at the sub-site, spoken by hand."""

    def __init__(self, socket: ClientConnection, code: SeatCode = HERE) -> None:
        self.socket = socket
        self._heard: list[m.ToSeatMessage] = []
        self.reader = FeedReader(SESSION, code)
        self.items: list[dict[str, Any]] = []

    async def say(self, message: object) -> None:
        await self.socket.send(encode(message))

    async def hear(self, kind: type[Message], met: Callable[[Message], bool] = lambda _: True) -> Message:
        """Return the next message of a kind that meets a condition; others are kept for later."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for message in self._heard:
                    if isinstance(message, kind) and met(message):
                        self._heard.remove(message)
                        return message
                self._heard.append(await self._next())

    async def _next(self) -> m.ToSeatMessage:
        message = decode_from_node(json.loads(await self.socket.recv()))
        if isinstance(message, m.Entries):
            self.items += [json.loads(text) for text in self.reader.take(message)]
        return message

    async def acknowledged(self, command_id: str) -> int:
        """Wait for the acknowledgement of a command and return its number in the feed."""
        entries = await self.hear(m.Entries, lambda one: command_id in dict(one.acks))
        return dict(entries.acks)[CommandId(command_id)]


def submit_of(order: co.Order) -> m.Submit:
    """Return an order as the seat sends it."""
    assert isinstance(order.command, co.SeatCommand)
    assert order.cmd is not None
    return m.Submit(order.cmd, order.command, order.secrets, order.sig)


@dataclass
class Scene:
    """What a test works with."""

    centre: Centre
    road: Road
    folder: Path
    codes: dict[SeatCode, str]
    people: dict[SeatCode, Person]
    stack: AsyncExitStack
    faults: list[BaseException] = field(default_factory=list)
    venue: Venue = field(init=False)
    url: str = ""
    host_url: str = ""
    _running: AsyncExitStack | None = None

    # --- the sub-site -----------------------------------------------------------------------------

    async def start_site(self) -> None:
        """Start the sub-site's process, as it were."""
        settings = site_settings(data_dir=self.folder / "west", host_url=self.road.url)
        self.venue = Venue(settings, load_identity(settings.data_dir / "keys"), self.faults.append)
        self._running = AsyncExitStack()
        server = make_site_server(app_of(self.venue), settings)
        self.url = await self._running.enter_async_context(serving(server))

    async def stop_site(self) -> None:
        if self._running is not None:
            running, self._running = self._running, None
            await running.aclose()

    async def linked(self) -> None:
        """Wait until the session has come to the sub-site and its people may come in."""
        await until(lambda: SESSION in self.venue.evaluations)
        evaluation = self.venue.evaluations[SESSION]
        await until(lambda: evaluation.opened is not None and evaluation.host_online)
        await until(lambda: len(self.venue.register.roster(SESSION)) == 2)

    def http(self, cookie: str = "") -> httpx.AsyncClient:
        cookies = {"evalroom_seat": cookie} if cookie else None
        return httpx.AsyncClient(base_url=self.url, cookies=cookies, timeout=PATIENCE_S)

    async def login(self, seat: SeatCode = HERE) -> str:
        """Use a seat's code up at the sub-site and return the cookie."""
        async with self.http() as http:
            answer = await http.post("/api/v1/login", json={"code": self.codes[seat]})
            assert answer.is_success, answer.text
            return answer.cookies["evalroom_seat"]

    @asynccontextmanager
    async def seated(self, cookie: str, *, take: bool = False, code: SeatCode = HERE) -> AsyncIterator[Seat]:
        """Open the seat's socket, read its feed from the beginning, and keep it alive."""
        address = f"{self.url.replace('http', 'ws')}/ws/seat?take={int(take)}"
        async with connect(address, additional_headers={"Cookie": f"evalroom_seat={cookie}"}) as socket:
            seat = Seat(socket, code)
            await seat.hear(m.Welcome)
            await seat.say(m.Subscribe(0))
            yield seat

    # --- the host ---------------------------------------------------------------------------------

    @property
    def session(self) -> Session:
        return self.centre.live[SESSION].evaluation.conductor.session

    async def give(self, order: co.Order) -> None:
        await self.centre.live[SESSION].evaluation.conductor.give(order)

    async def advance(self) -> None:
        before = self.session.stage
        after = TRANSITIONS[before][StageChanged]
        await self.give(self.people[OPERATOR].order(co.AdvanceStage(before, after, "")))

    async def to_scoring(self) -> None:
        """Bring the session to the first stage with sheets; everybody is there."""
        for person in self.people.values():
            await self.give(person.check_in())
        for bid in BIDS:
            await self.give(self.people[OPERATOR].import_bid(bid, str(PRICES[bid])))
        await self.advance()
        for expert in EXPERTS:
            await self.give(self.people[expert].accept())
        await self.advance()
        await self.advance()
        assert self.session.stage is Stage.PRELIMINARY

    async def to_the_end(self) -> None:
        """Let everybody score, lock and sign, until the session is concluded."""
        await self.reach(Stage.CONCLUDED)

    async def reach(self, stage: Stage) -> None:
        """Let everybody do what each stage before this one asks for."""
        while self.session.stage is not stage:
            part = PART_OF.get(self.session.stage)
            for seat in EXPERTS if part is not None else ():
                await self._fill(self.people[seat], part or Part.DETAILED)
            await until(lambda: not self.session.open_parts())
            for seat in EXPERTS if self.session.stage is Stage.SIGNING else ():
                sign = co.SignReport(LOT, self.session.report_digest(LOT), Stand.AGREES, "")
                await self.give(self.people[seat].order(sign))
            await self.advance()

    async def fail(self, reason: str) -> None:
        """Let the only lot fail, with the regulator's word, and with it the tender."""
        await self.give(self.people[SUPERVISOR].order(co.Propose("p1", FailLot(LOT), reason)))
        digest = self.session.approvals.waiting["p1"].digest
        await self.give(self.people[REGULATOR].order(co.Approve("p1", digest)))
        await self.give(self.people[OPERATOR].order(co.FailTender(reason)))

    async def _fill(self, person: Person, part: Part) -> None:
        for bid, item in keys_of(LOT1, part, self.session.rejected.get(LOT, ())):
            value = usual_value(person.seat.code, bid, item)
            await self.give(
                person.enter(bid, item, value, reason="seen" if needs_reason(value, item) else "")
            )
        await self.give(person.lock(self.session, part))

    def entries(self, kind: str) -> list[dict[str, Any]]:
        """Return the entries of a type in the host's journal."""
        with self.centre.writer.engine.connect() as db:
            entries = [json.loads(row.entry) for row in journal.read(db, SESSION)]
        return [entry for entry in entries if entry["type"] == kind]

    def journalled(self, kind: str) -> int:
        """Count the entries of a type in the host's journal."""
        return len(self.entries(kind))


async def until(met: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
    """Wait for something that happens in code that knows no tests, and fail when it does not."""
    async with asyncio.timeout(seconds):
        while not met():  # noqa: ASYNC110 - likewise
            await asyncio.sleep(0.01)


class _Quiet(uvicorn.Server):
    """A server beside others in one process: signals are the test runner's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(server: uvicorn.Server) -> AsyncIterator[str]:
    """Serve on a free port while the block runs."""
    quiet = _Quiet(server.config)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    task = asyncio.create_task(quiet.serve(sockets=[listener]))
    await until(lambda: quiet.started or task.done())
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        quiet.should_exit = True
        await task
        listener.close()


def site_settings(**given: object) -> SiteSettings:
    """Return settings with what a test says above the defaults."""
    return SiteSettings.model_validate({"media_loopback": True, **given})


def host_app(folder: Path) -> tuple[FastAPI, HostSettings]:
    given = {"data_dir": folder / "host", "media_loopback": True, "cosign_seconds": 0.3, "reel_seconds": 5}
    settings = HostSettings.model_validate(given)
    return make_app(settings, "operator"), settings


@asynccontextmanager
async def joined(folder: Path, profile: str = PLAIN) -> AsyncIterator[Scene]:
    """Give a host with an open session under these rules, and a sub-site that has joined and is linked."""
    async with AsyncExitStack() as stack:
        app, settings = host_app(folder)
        centre: Centre = app.state.centre
        url = await stack.enter_async_context(serving(make_server(app, settings)))
        road = Road(int(url.rpartition(":")[2]))
        await road.build()
        stack.push_async_callback(road.close)
        code = await centre.invite_site(WEST, "Jiuquan")
        with httpx.Client() as client:
            await asyncio.to_thread(join, folder / "west" / "keys", url, code, client=client)
        template = SessionTemplate(SESSION, TENDER, SITES, SEATS, profile=profile)
        issued = await centre.open_session(template)
        codes = {one.seat: one.code for one in issued}
        people = {seat.code: Person(seat) for seat in SEATS}
        stage = Scene(centre, road, folder, codes, people, stack, host_url=url)
        stack.push_async_callback(stage.stop_site)
        await stage.start_site()
        await stage.linked()
        yield stage
        await stage.stop_site()
        assert [] == stage.faults
