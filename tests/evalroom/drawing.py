"""Draws to test with: declarations of every purpose, parties with values, and a session in which they are held."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from evalroom import commands as co
from evalroom.draws import facts as df
from evalroom.draws.commitment import commitment_to
from evalroom.draws.facts import ExpertClass, MakeUp, Place, PoolExpert, Purpose
from evalroom.draws.pool import Expert, publish
from evalroom.draws.state import Draw
from evalroom.events import Fact, Stage
from evalroom.ids import HOST_ACTOR, DrawId, LotId, SeatCode
from evalroom.roles import Role
from tests.evalroom import room as plain
from tests.evalroom.room import (
    ARCHIVIST,
    HOST,
    LOT,
    OPERATOR,
    SESSION,
    SITE_OPERATOR,
    START,
    SUPERVISOR,
    Room,
)

DRAW = DrawId("K1")
PARTIES = (OPERATOR, SITE_OPERATOR, ARCHIVIST, SUPERVISOR)
"""The operator, who wrote the list, reveals first; the supervisor last."""

CLOSES, ENDS = START + 600_000, START + 1_200_000
K = ("96%", "97%", "98%")
LAW = MakeUp(least=5, share="2/3", odd=True, owners=0)
BIDDERS = ("甘肃路桥集团", "Northern Roads Ltd.")
TECHNICAL, ECONOMIC, OTHER = ExpertClass.TECHNICAL, ExpertClass.ECONOMIC, ExpertClass.OTHER
PLACES = (Place(TECHNICAL, "GS", 2), Place(TECHNICAL, "", 2), Place(ECONOMIC, "", 1))


def secret(what: str, draw: str, party: str) -> str:
    """Return a value or nonce that a party drew, always the same one."""
    return hashlib.sha256(f"{what} {draw} {party}".encode()).hexdigest()


def pool() -> tuple[Expert, ...]:
    """Return a pool of experts of two regions, some with a bidder's unit."""
    people = []
    for number in range(1, 19):
        kind = (TECHNICAL, TECHNICAL, ECONOMIC)[number % 3]
        unit = BIDDERS[0] if number % 6 == 5 else f"设计院 {number}"
        people.append(Expert(f"P-{number:03}", kind, ("GS", "NX")[number % 2], (unit, "former employer")))
    return tuple(people)


def published(draw: str) -> tuple[PoolExpert, ...]:
    """Return what is published of the pool for a draw."""
    return tuple(
        publish(one, SESSION, DrawId(draw), BIDDERS, bytes.fromhex(secret("pool", draw, one.id)))
        for one in pool()
    )


def price_draw(**changes: Any) -> co.DeclareDraw:  # noqa: ANN401 - whatever the members hold
    """Return the order to draw K for the lot, but for `changes`."""
    usual = co.DeclareDraw(
        draw=DRAW,
        purpose=Purpose.PRICE_PARAMETER,
        subject="K",
        lot=LOT,
        options=K,
        experts=(),
        places=(),
        make_up=None,
        count=1,
        takers=(),
        parties=PARTIES,
        closes=CLOSES,
        ends=ENDS,
        redoes="",
    )
    return replace(usual, **changes)


def expert_draw(draw: str = "R1", **changes: Any) -> co.DeclareDraw:  # noqa: ANN401 - see above
    """Return the order to draw a committee of five."""
    about = {"draw": DrawId(draw), "purpose": Purpose.EXPERTS, "subject": "committee", "lot": LotId("")}
    terms = {"options": (), "experts": published(draw), "places": PLACES, "make_up": LAW, "count": 5}
    return price_draw(**{**about, **terms, **changes})


@dataclass(slots=True)
class Table(Room):
    """A session in which draws are held; `now` is the host's clock."""

    now: int = START + 1_000

    @staticmethod
    def at(stage: Stage = Stage.GATHERING) -> "Table":
        """Return a session at a stage, everybody checked in."""
        room = plain.room_at(stage)
        return Table(room.history, room.session, room.people)

    def draw(self, draw: str = DRAW) -> Draw:
        return self.session.draws.all[DrawId(draw)]

    def by(self, seat: SeatCode, command: co.SeatCommand) -> co.Order:
        """Return an order of a seat, now."""
        return replace(self[seat].order(command), at=self.now)

    def declaring(self, command: co.DeclareDraw | None = None) -> co.Order:
        return self.by(OPERATOR, command or price_draw())

    def committing(self, seat: SeatCode, draw: str = DRAW, value: str = "") -> co.Order:
        given = value or secret("value", draw, seat)
        nonce = secret("nonce", draw, seat)
        digest = self.draw(draw).digest
        made = commitment_to(SESSION, DrawId(draw), digest, seat, given, nonce)
        return self.by(seat, co.CommitDraw(DrawId(draw), made))

    def revealing(self, seat: SeatCode, draw: str = DRAW, **changes: Any) -> co.Order:  # noqa: ANN401 - members of the order
        seen = self.draw(draw).commitments_digest()
        said = co.RevealDraw(DrawId(draw), secret("value", draw, seat), secret("nonce", draw, seat), seen)
        return self.by(seat, replace(said, **changes))

    def voiding(self, draw: str = DRAW) -> co.Order:
        return co.Order(co.VoidDraw(DrawId(draw)), self.now, HOST_ACTOR, HOST, Role.HOST)

    def declare(self, command: co.DeclareDraw | None = None) -> str:
        """Declare a draw and return its id."""
        order = self.declaring(command)
        self.give(order)
        assert isinstance(order.command, co.DeclareDraw)
        return order.command.draw

    def commit_all(self, draw: str = DRAW) -> None:
        for seat in self.draw(draw).declared.parties:
            self.give(self.committing(seat, draw))

    def reveal_all(self, draw: str = DRAW) -> tuple[Fact, ...]:
        """Let every party reveal, and return the facts of the last reveal."""
        facts: tuple[Fact, ...] = ()
        for seat in self.draw(draw).declared.parties:
            facts = self.give(self.revealing(seat, draw))
        return facts

    def hold(self, command: co.DeclareDraw | None = None) -> Draw:
        """Hold a draw from its declaration to its result."""
        draw = self.declare(command)
        self.commit_all(draw)
        self.reveal_all(draw)
        return self.draw(draw)

    def lapse(self, reveals: Sequence[SeatCode] | None, command: co.DeclareDraw | None = None) -> str:
        """Declare a draw and let it become void: nobody commits (None), or only `reveals` reveal."""
        draw = self.declare(command)
        if reveals is not None:
            self.commit_all(draw)
            for seat in reveals:
                self.give(self.revealing(seat, draw))
        self.now = self.draw(draw).until + 1
        self.give(self.voiding(draw))
        return draw


def later(table: Table, **changes: Any) -> co.DeclareDraw:  # noqa: ANN401 - whatever the members hold
    """Return the order to hold the price draw again, with times that lie ahead."""
    times = {"closes": table.now + 600_000, "ends": table.now + 1_200_000}
    return price_draw(**{"draw": DrawId("K2"), "redoes": DRAW, **times, **changes})


FACTS: tuple[df.DrawEvent, ...] = (
    df.DrawDeclared(
        DRAW,
        Purpose.EXPERTS,
        "committee",
        LotId(""),
        (),
        published("R1")[:2],
        PLACES,
        LAW,
        5,
        (),
        PARTIES,
        1,
        2,
        "",
    ),
    df.DrawCommitted(DRAW, "ab" * 32),
    df.DrawRevealed(DRAW, "ab" * 32, "cd" * 32, "ef" * 32),
    df.DrawMade(DRAW, "ab" * 32, ("98%", "96%", "97%"), ("98%",)),
    df.DrawVoided(DRAW, (SUPERVISOR,)),
    df.DrawContinued(DRAW, "P-001", "P-002", "on leave"),
    df.RosterSealed(DRAW, "ab" * 32, 90_000),
    df.RosterUnsealed(DRAW, "ab" * 32, ("host", "north")),
)
"""One fact of every kind, for tests of their form and of who sees them."""
