"""Two worlds that differ in one hidden score: a whole session at a host of its own, and all bytes it gives out.

Clock and dice are the same in both, people sign and commit as browsers do, and everything that leaves the host is
written down: each seat's socket, a sub-site's link, every route for every role.
"""

import asyncio
import hashlib
import itertools
import random
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from fastapi import FastAPI

from evalroom import commands as co
from evalroom import events as ev
from evalroom.events import StageChanged
from evalroom.ids import CommandId, SeatCode
from evalroom.ledger.note import KeyKind, SigningKey
from evalroom.protocol import messages as m
from evalroom.protocol.messages import NODE_AUDIENCE
from evalroom.roles import ROUTES, Role
from evalroom.session import TRANSITIONS, Session
from evalroom.tender import Part, Seat
from main_site.app import make_app
from main_site.services import centre as centres
from main_site.services import evaluation as evaluations
from main_site.services import links
from main_site.services import notary as notaries
from main_site.services.centre import OPERATOR_COOKIE, Centre
from main_site.settings import HostSettings
from main_site.store import centre as centre_store
from recorder import booth as booths
from recorder.disk import DiskUsage
from signaling import seating
from signaling.clock import HostClock
from signaling.codec import encode, wrap
from signaling.connection import LinkClosed
from signaling.permits import COOKIE
from signaling.seating import SeatPerson
from tests.evalroom.room import START, Person
from tests.faults.committee import (
    BIDS,
    HOST,
    ITEMS,
    LOT,
    OPERATOR,
    OPERATOR_CODE,
    SESSION,
    WEST,
    one_page,
    template,
    until,
)

E1, E2, E3 = SeatCode("E1"), SeatCode("E2"), SeatCode("E3")
EXPERTS = (E1, E2, E3)
STAFF = (
    Seat(SeatCode("S1"), HOST, HOST, Role.SUPERVISOR, "wall"),
    Seat(SeatCode("A1"), HOST, HOST, Role.ARCHIVIST, "archive"),
    Seat(SeatCode("L1"), HOST, HOST, Role.SITE_OPERATOR, "room"),
    Seat(SeatCode("L2"), WEST, WEST, Role.SITE_OPERATOR, "far room"),
)
PLAN = template({E1: HOST, E2: HOST, E3: WEST}, STAFF)
"""E3 and L2 sit at a sub-site, which a test plays by its link."""

FAR = (E3, SeatCode("L2"))
DISK = SimpleNamespace(total=4_000_000, used=1_000_000, free=3_000_000)
ADD = '"add_checkpoint"'
CALM_S = 3600.0
"""What the host tells by the second is told by hand, at the same points of both worlds."""


class FakeWire:
    """A socket whose other end is a test: what was sent, and what is still to be received."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self._coming: asyncio.Queue[str] = asyncio.Queue()

    def put(self, text: str) -> None:
        self._coming.put_nowait(text)

    async def send_text(self, text: str) -> None:
        self.sent.append(text)

    async def receive_text(self) -> str:
        return await self._coming.get()

    async def close(self, code: int, reason: str) -> None:
        self.sent.append(f"closed {code} {reason}")
        raise LinkClosed(code)


@dataclass
class World:
    """A host, its people, and everything they were sent."""

    app: FastAPI
    centre: Centre
    people: dict[SeatCode, Person]
    wires: dict[str, FakeWire] = field(default_factory=dict)
    headers: dict[str, dict[str, str]] = field(default_factory=dict)
    answers: dict[str, list[str]] = field(default_factory=dict)
    serving: list["asyncio.Task[None]"] = field(default_factory=list)

    @property
    def evaluation(self) -> evaluations.Evaluation:
        return self.centre.live[SESSION].evaluation

    @property
    def session(self) -> Session:
        return self.evaluation.conductor.session

    # --- acting -------------------------------------------------------------------------------------

    async def give(self, order: co.Order) -> None:
        await self.evaluation.conductor.give(order)
        await self.settle()

    async def say(self, order: co.Order) -> None:
        """Send an order on its seat's socket, as a page does, and wait for what comes of it."""
        assert isinstance(order.command, co.SeatCommand)
        heard = len(self.wires[order.actor].sent)
        submit = m.Submit(order.cmd or CommandId(""), order.command, order.secrets, order.sig)
        self.wires[order.actor].put(encode(submit))
        await until(lambda: len(self.wires[order.actor].sent) > heard)
        await self.settle()

    async def advance(self) -> None:
        after = TRANSITIONS[self.session.stage][StageChanged]
        assert isinstance(after, ev.Stage)
        await self.give(self.people[OPERATOR].order(co.AdvanceStage(self.session.stage, after, "as planned")))

    async def fill(self, seat: SeatCode, part: Part) -> None:
        """Fill the empty cells of a sheet."""
        value = "pass" if part is Part.PRELIMINARY else "20.5"
        for bid, item in itertools.product(BIDS, ITEMS):
            if item.part is part and not self.session.sheet(seat, LOT, part).revision((bid, item.id)):
                await self.give(self.people[seat].enter(bid, item.id, value, reason="because", lot=LOT))

    async def lock(self, seat: SeatCode, part: Part) -> None:
        await self.give(self.people[seat].lock(self.session, part, LOT))

    async def unlock(self, part: Part) -> None:
        """Let the witness have cosigned what is there, which unlocks the group."""
        names = tuple(one.vkey.partition("+")[0] for one in self.session.keys.witnesses)
        self.evaluation.note(ev.CheckpointCosigned(self.session.size, "root", names))
        await until(lambda: (LOT, part) in self.session.unlocked)
        await self.settle()

    async def settle(self) -> None:
        """Wait until everything there is to send has been sent."""
        quiet = 0
        while quiet < 3:
            before = self._traffic()
            await self.centre.writer.write(lambda _: None)  # what was on its way to the disk is there
            await asyncio.sleep(0.001)
            quiet = quiet + 1 if before == self._traffic() else 0

    def _traffic(self) -> int:
        return sum(len(wire.sent) for wire in self.wires.values()) + self.session.size

    # --- looking ------------------------------------------------------------------------------------

    async def look(self) -> None:
        """Tell what is told by the second, and ask every route for every role."""
        self.evaluation._tell_status()
        self.evaluation._tell_progress()
        await self.settle()
        transport = httpx.ASGITransport(app=self.app)
        for who, headers in self.headers.items():
            async with httpx.AsyncClient(
                transport=transport, base_url="http://host", headers=headers
            ) as http:
                for method, path in routes():
                    self.answers.setdefault(who, []).append(await asked(http, method, path))

    def seen(self) -> dict[str, list[str]]:
        """Return all that everybody was sent so far; a witness is also sent roots, which salted leaves make random."""
        return {
            who: [
                *(one for one in (self.wires[who].sent if who in self.wires else ()) if ADD not in one),
                *self.answers.get(who, []),
            ]
            for who in self.wires.keys() | self.headers.keys()
        }


def routes() -> Iterator[tuple[str, str]]:
    """Fill every route of the table with names that exist; only the one that would end a login is left out."""
    names = {
        "{bid}": BIDS[0], "{session}": SESSION, "{path:path}": f"{HOST}-{E1}/camera.0.mp4",
        "{sha256}": hashlib.sha256(one_page()).hexdigest(), "{seat}": E2, "{site_seat}": f"{WEST}-{E3}",
        "{name}": "camera.0.mp4",
    }  # fmt: skip
    for route in ROUTES:
        method, _, path = route.partition(" ")
        if method != "WS" and route != "POST /api/v1/logout":
            for name, value in names.items():
                path = path.replace(name, value)
            yield method, path


async def asked(http: httpx.AsyncClient, method: str, path: str) -> str:
    """Return an answer as text, less what says only when a file was written: of a workbook, all of its bytes."""
    answer = await http.request(method, path, content=b"" if method == "GET" else b"{}")
    dated = {"etag", "last-modified"}
    if path.endswith(".xlsx"):
        return f"{path} {answer.status_code}"
    headers = sorted((name, value) for name, value in answer.headers.items() if name not in dated)
    return f"{method} {path} {answer.status_code} {headers} {answer.content!r}"


@asynccontextmanager
async def world(folder: Path, patch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """Make a world from the same dice and clock as every other; all its people are connected."""
    shutil.rmtree(folder, ignore_errors=True)
    dice = random.Random(7)
    patch.setattr("secrets.token_bytes", dice.randbytes)
    patch.setattr("secrets.token_hex", lambda n: dice.randbytes(n).hex())
    patch.setattr("secrets.token_urlsafe", lambda n: dice.randbytes(n).hex())
    patch.setattr("secrets.choice", dice.choice)
    patch.setattr("shutil.disk_usage", lambda _: DISK)
    patch.setattr(booths, "usage_of", lambda _: DiskUsage(total=2, free=1))
    patch.setattr(centres, "HostClock", lambda: HostClock(read=lambda: START))
    for module in (seating, links, notaries):
        patch.setattr(module, "monotonic_ms", lambda: 0)
    patch.setattr(evaluations, "STATUS_S", CALM_S)
    settings = HostSettings.model_validate({"data_dir": folder, "cosign_seconds": CALM_S})
    app = make_app(settings, OPERATOR_CODE)
    centre: Centre = app.state.centre
    await centre.start()
    made = World(app, centre, {seat.code: Person(seat, SESSION) for seat in PLAN.seats})
    try:
        await _enrol(centre)
        await centre.open_session(PLAN)
        await _connect(made)
        yield made
    finally:
        for task in made.serving:
            task.cancel()
        await asyncio.gather(*made.serving, return_exceptions=True)
        await centre.stop()


async def _enrol(centre: Centre) -> None:
    """Let the sub-site have joined; its certificate is never asked for here."""
    await centre.invite_site(WEST, "far")
    witness = SigningKey.from_seed("evalroom/west", KeyKind.COSIGNATURE, bytes(32)).verifier.encode()
    await centre.writer.write(lambda db: centre_store.enrol(db, WEST, "certificate", witness))


async def _connect(made: World) -> None:
    """Open every seat's socket and the sub-site's link, and log everybody in for the routes."""
    for seat in PLAN.seats:
        _, cookie = await asyncio.to_thread(made.centre.register.seat, SESSION, seat.code)
        made.headers[seat.code] = {"cookie": f"{COOKIE}={cookie}"}
        if seat.node == HOST:
            wire = made.wires[seat.code] = FakeWire()
            serve = made.evaluation.seating.serve(
                wire, SeatPerson(seat.code, seat.role), take=False, generation=0
            )
            made.serving.append(asyncio.create_task(serve))
            wire.put(encode(m.Subscribe(0)))
    made.headers["operator"] = {
        "cookie": f"{OPERATOR_COOKIE}={await made.centre.operator_login(OPERATOR_CODE)}"
    }
    made.headers["stranger"] = {}
    made.centre.links._prove = lambda *_: WEST
    wire = made.wires["west"] = FakeWire()
    made.serving.append(asyncio.create_task(made.centre.links.serve(wire)))
    wire.put(encode({"kind": "prove", "certificate": "certificate", "signature": "00"}))
    for audience in (NODE_AUDIENCE, *FAR):
        wire.put(wrap(SESSION, m.Subscribe(0, audience)))
    await made.settle()
    made.headers["west"] = {"authorization": f"Bearer {made.centre.links.states()[WEST].token}"}
