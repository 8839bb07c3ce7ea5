"""A committee inside this process, at work on a real journal: the host's own conductor and database, no sockets."""

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator
from pathlib import Path

from bench.people import BIDS, HOST, ITEMS, LOT, NOTICE, OPERATOR, Document, Person, import_of, template_of
from evalroom.commands import (
    AcceptDiscipline,
    AdvanceStage,
    CheckIn,
    EnterScore,
    OpenSession,
    Order,
    SeatCommand,
)
from evalroom.events import SessionKeys, Stage
from evalroom.ids import HOST_ACTOR, SeatCode, SessionId
from evalroom.ledger.signature import encode_seat_key
from evalroom.protocol import messages as m
from evalroom.roles import Role
from main_site.services.conductor import Conductor
from main_site.store import journal as store
from signaling.database import Writer, open_engine

SESSION = SessionId("bench")
CELLS = [(bid, item) for bid in BIDS for item in ITEMS]


class Committee:
    """Experts who have come as far as scoring, and the conductor of their session."""

    def __init__(self, conductor: Conductor, experts: list[Person]) -> None:
        self.conductor = conductor
        self.experts = experts
        self._turns = dict.fromkeys((one.seat for one in experts), 0)

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, folder: Path, size: int) -> AsyncIterator["Committee"]:
        engine = open_engine(folder / "bench.sqlite")
        store.metadata.create_all(engine)
        writer = Writer(engine)
        conductor = Conductor(SESSION, "evalroom/bench", writer, _now)
        experts = [Person(SESSION, SeatCode(f"E{n:03}"), Role.EXPERT, "") for n in range(size)]
        await conductor.open(_opening(experts), store.StoredSession(SESSION, _now(), bytes(32), ""))
        running = asyncio.create_task(conductor.run())
        await _lead(conductor, experts)
        yield cls(conductor, experts)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        writer.close()

    def edits(self, count: int) -> list[Order]:
        """Sign `count` edits, the experts in turn."""
        orders = []
        for number in range(count):
            person = self.experts[number % len(self.experts)]
            turn = self._turns[person.seat]
            self._turns[person.seat] += 1
            orders.append(order_of(person, edit_of(person, turn)))
        return orders


def edit_of(person: Person, turn: int, cmd: str = "") -> m.Submit:
    """Return the expert's edit number `turn`: the cells one after another, then all of them again."""
    cmd = cmd or secrets.token_hex(16)
    bid, item = CELLS[turn % len(CELLS)]
    value, opened = person.secret(cmd, "/value", f"{turn % 5}.{turn % 10}")
    reason, said = person.secret(cmd, "/reason", "")
    order = EnterScore(LOT, bid, item, turn // len(CELLS) + 1, value, reason)
    return person.submit(order, [opened, said], cmd)


def order_of(person: Person, submit: m.Submit) -> Order:
    """Return what a node makes of a person's order."""
    return Order(
        submit.command, _now(), person.seat, HOST, person.role, submit.command_id, submit.sig, submit.secrets
    )


def _now() -> int:
    return time.time_ns() // 1_000_000


def _opening(experts: list[Person]) -> Order:
    template = template_of(SESSION, {one.seat: one.role for one in experts})
    command = OpenSession(
        session=template.session,
        tender=template.tender,
        sites=template.sites,
        seats=template.seats,
        keys=SessionKeys("log", (), 0),
        rehearsal=True,
        software="bench",
    )
    return Order(command, _now(), HOST_ACTOR, HOST, Role.HOST)


async def _lead(conductor: Conductor, experts: list[Person]) -> None:
    operator = Person(SESSION, OPERATOR, Role.OPERATOR, "")

    async def give(person: Person, command: SeatCommand) -> None:
        await conductor.give(order_of(person, person.submit(command)))

    for one in (operator, *experts):
        await give(one, CheckIn(one.seat, one.role, encode_seat_key(one.key.public_key())))
    for number, bid in enumerate(BIDS):
        await conductor.give(order_of(operator, import_of(operator, bid, 1_000_000 + number, Document())))
    await give(operator, AdvanceStage(Stage.GATHERING, Stage.BRIEFED, "bench"))
    for one in experts:
        await give(one, AcceptDiscipline(one.seat, NOTICE))
    await give(operator, AdvanceStage(Stage.BRIEFED, Stage.PRELIMINARY, "bench"))
    await give(operator, AdvanceStage(Stage.PRELIMINARY, Stage.DETAILED, "bench"))
