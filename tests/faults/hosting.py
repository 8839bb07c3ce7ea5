"""A host in this very loop, behind a real socket, with a session of its own seats: for what needs no second process."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from evalroom import commands as co
from evalroom.events import Stage, StageChanged
from evalroom.ids import CommandId, SeatCode
from evalroom.protocol import messages as m
from evalroom.protocol.feed import FeedReader
from evalroom.roles import Role
from evalroom.session import TRANSITIONS, Session
from evalroom.tender import Seat
from main_site.app import make_app, make_server
from main_site.services.centre import Centre
from main_site.services.evaluation import Evaluation
from main_site.settings import HostSettings
from main_site.store import journal
from signaling.codec import decode_from_node, encode
from tests.evalroom.room import Person
from tests.faults.committee import BIDS, HOST, LOT, OPERATOR, OPERATOR_CODE, PRICES, SESSION, template
from tests.patience import PATIENCE_S

E1, E2, SUPERVISOR, ARCHIVIST = SeatCode("E1"), SeatCode("E2"), SeatCode("S1"), SeatCode("A1")
STAFF = (
    Seat(SUPERVISOR, HOST, HOST, Role.SUPERVISOR, "wall"),
    Seat(ARCHIVIST, HOST, HOST, Role.ARCHIVIST, "archive"),
)
PLAN = template({E1: HOST, E2: HOST}, STAFF)


class Window:
    """One window of a seat, spoken by hand: what it was sent, and how it ended."""

    def __init__(self, opened: ClientConnection, seat: SeatCode) -> None:
        self.socket = opened
        self.reader = FeedReader(SESSION, seat)
        self.items: list[dict[str, Any]] = []
        self.heard: list[m.ToSeatMessage] = []

    async def say(self, message: object) -> None:
        await self.socket.send(encode(message))

    async def next(self) -> m.ToSeatMessage:
        """Return the next message; items of the feed are checked for their numbers and chain, and kept."""
        message = decode_from_node(json.loads(await self.socket.recv()))
        if isinstance(message, m.Entries):
            self.items += [json.loads(text) for text in self.reader.take(message)]
        self.heard.append(message)
        return message

    async def answer(self, command_id: CommandId) -> str:
        """Return how a command ended: "" for committed, or the code of its refusal."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                match await self.next():
                    case m.Entries(acks=acks) if command_id in dict(acks):
                        return ""
                    case m.Refused(command_id=one, code=code) if one == command_id:
                        return code
                    case _:
                        continue

    async def give(self, order: co.Order) -> str:
        """Send a command and return how it ended."""
        submit = submit_of(order)
        await self.say(submit)
        return await self.answer(submit.command_id)

    async def until(self, met: Callable[[], bool]) -> None:
        """Read until something is so."""
        async with asyncio.timeout(PATIENCE_S):
            while not met():
                await self.next()

    async def caught_up(self, length: int) -> None:
        """Read until the feed has come so far."""
        await self.until(lambda: self.reader.taken >= length)

    async def fault(self) -> str:
        """Return the code of the next fault."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                message = await self.next()
                if isinstance(message, m.Fault):
                    return message.code

    async def closed(self) -> tuple[int, str]:
        """Read until the host closes the socket; return its code and reason."""
        async with asyncio.timeout(PATIENCE_S):
            with contextlib.suppress(ConnectionClosed):
                while True:
                    await self.next()
        return self.socket.close_code or 0, self.socket.close_reason or ""


def submit_of(order: co.Order) -> m.Submit:
    """Return an order as the seat sends it."""
    assert isinstance(order.command, co.SeatCommand)
    assert order.cmd is not None
    return m.Submit(order.cmd, order.command, order.secrets, order.sig)


@dataclass
class Hosted:
    """The host and the people of its session."""

    centre: Centre
    url: str
    codes: dict[SeatCode, str]
    people: dict[SeatCode, Person]

    @property
    def evaluation(self) -> Evaluation:
        return self.centre.live[SESSION].evaluation

    @property
    def session(self) -> Session:
        return self.evaluation.conductor.session

    def http(self, cookie: str = "") -> httpx.AsyncClient:
        cookies = {"evalroom_seat": cookie} if cookie else None
        return httpx.AsyncClient(base_url=self.url, cookies=cookies, timeout=PATIENCE_S)

    async def login(self, seat: SeatCode) -> str:
        async with self.http() as http:
            answer = await http.post("/api/v1/login", json={"code": self.codes[seat]})
        assert answer.is_success, answer.text
        return answer.cookies["evalroom_seat"]

    def socket(self, cookie: str, *, take: bool = False, **options: Any) -> connect:  # noqa: ANN401 - what the library takes
        """Return what opens a seat's socket."""
        address = f"{self.url.replace('http', 'ws')}/ws/seat?take={int(take)}"
        headers = {"Cookie": f"evalroom_seat={cookie}"}
        return connect(
            address,
            additional_headers=headers,
            ping_interval=None,
            max_size=1 << 22,
            close_timeout=1,
            **options,
        )

    @asynccontextmanager
    async def window(
        self,
        seat: SeatCode,
        cookie: str = "",
        *,
        take: bool = False,
        since: int = 0,
        **options: Any,  # noqa: ANN401 - what the library takes
    ) -> AsyncIterator[Window]:
        """Open a window of a seat and ask for its feed after item `since`."""
        cookie = cookie or await self.login(seat)
        async with self.socket(cookie, take=take, **options) as opened:
            window = Window(opened, seat)
            assert isinstance(await window.next(), m.Welcome)
            await window.say(m.Subscribe(since))
            yield window

    async def give(self, order: co.Order) -> None:
        """Carry out an order past the sockets."""
        await self.evaluation.conductor.give(order)

    async def advance(self) -> None:
        before = self.session.stage
        after = TRANSITIONS[before][StageChanged]
        assert isinstance(after, Stage)
        await self.give(self.people[OPERATOR].order(co.AdvanceStage(before, after, "")))

    async def to_scoring(self) -> None:
        """Bring the session to the first stage with sheets; everybody is there."""
        for person in self.people.values():
            await self.give(person.check_in())
        for bid in BIDS:
            await self.give(self.people[OPERATOR].import_bid(bid, str(PRICES[bid])))
        await self.advance()
        for expert in (E1, E2):
            await self.give(self.people[expert].accept(self.session.pledge.sha256))
        await self.advance()  # a plain profile elects no chair
        await self.advance()

    def acts(self) -> list[str]:
        """Return the commands that led to an entry of the journal, in order."""
        with self.centre.writer.engine.connect() as db:
            entries = [json.loads(row.entry) for row in journal.read(db, SESSION)]
        return [entry["cmd"] for entry in entries if entry.get("cmd")]

    def entries(self, kind: str) -> list[dict[str, Any]]:
        """Return the journal's entries of a type, from the disk."""
        with self.centre.writer.engine.connect() as db:
            entries = [json.loads(row.entry) for row in journal.read(db, SESSION)]
        return [entry for entry in entries if entry["type"] == kind]


class _Quiet(uvicorn.Server):
    """A server in the loop of a test: signals are the test runner's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def hosted(folder: Path) -> AsyncIterator[Hosted]:
    """Serve a host with one open session while the block runs."""
    settings = HostSettings.model_validate({"data_dir": folder / "host", "media_loopback": True})
    app = make_app(settings, OPERATOR_CODE)
    server = _Quiet(make_server(app, settings).config)
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)  # what is not read is soon noticed
    listener.bind(("127.0.0.1", 0))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not server.started:  # noqa: ASYNC110 - uvicorn sets no event
                await asyncio.sleep(0.01)
        centre: Centre = app.state.centre
        issued = await centre.open_session(PLAN)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        people = {seat.code: Person(seat, SESSION) for seat in PLAN.seats}
        yield Hosted(centre, url, {one.seat: one.code for one in issued}, people)
    finally:
        server.should_exit = True
        await serving
        listener.close()


def scored(person: Person, revision: int = 1, value: str = "pass", reason: str = "") -> co.Order:
    """Return an order that sets the first cell of a sheet."""
    return person.enter(BIDS[0], "form", value, revision=revision, reason=reason, lot=LOT)
