"""A draw held by synthetic parties gives what anybody recomputes from its facts."""

from collections.abc import Callable
from typing import Any

from evalroom import commands as co
from evalroom.draws.facts import ExpertClass
from evalroom.draws.pool import make_up_fault
from evalroom.draws.state import DrawState
from evalroom.events import Stage
from evalroom.ids import DrawId, SeatCode
from main_site.rehearsal.client import SeatClient, SeatView
from main_site.rehearsal.lottery import hold, redraw, roster_draw, sample_pool
from tests.evalroom.drawing import PARTIES, Table
from tests.evalroom.room import SESSION

AGAINST = ("澄源水务科技有限公司", "远汇信息系统集成有限公司")
DRAW = DrawId("roster")


class Seat(SeatClient):
    """A party whose host is the room itself: what is decided reaches every seat at once."""

    def __init__(self, seat: SeatCode, table: Table, everybody: "dict[SeatCode, Seat]") -> None:
        super().__init__("http://host", "code")
        self.seat, self.session = seat, SESSION
        self.view.session = SESSION
        self.table, self.everybody = table, everybody

    async def give(self, make: Callable[..., Any], **_: str) -> None:
        command: co.SeatCommand = make({})
        facts = self.table.try_out(self.table.by(self.seat, command))
        self.table.take(*facts)
        for fact in facts:
            for other in self.everybody.values():
                other.view.draws.evolve(fact.event, SESSION, fact.actor)  # type: ignore[arg-type] # facts of a draw
                other._changed.set()

    async def until(self, met: Callable[[SeatView], bool]) -> None:
        while not met(self.view):
            self._changed.clear()
            await self._changed.wait()


def seats() -> dict[SeatCode, Seat]:
    table = Table.at(Stage.GATHERING)
    everybody: dict[SeatCode, Seat] = {}
    for party in PARTIES:
        everybody[party] = Seat(party, table, everybody)
    return everybody


def test_the_published_pool_recuses_who_worked_for_a_bidder_and_names_nobody() -> None:
    pool = sample_pool(SESSION, DRAW, AGAINST)
    assert ["K-007", "K-018"] == [one.id for one in pool if one.recused]
    assert {ExpertClass.TECHNICAL, ExpertClass.ECONOMIC} == {one.type for one in pool}
    assert not any(name in repr(pool) for name in AGAINST)


async def test_the_parties_draw_a_committee_and_the_next_of_its_order_comes_in_for_who_leaves() -> None:
    everybody = seats()
    table = everybody[PARTIES[0]].table
    order = roster_draw(SESSION, DRAW, PARTIES, table.now, AGAINST)
    draw = await hold(order, dict(everybody))
    assert (DrawState.DRAWN, 5) == (draw.state, len(draw.drawn))
    assert "" == make_up_fault(draw.declared)
    out = draw.drawn[-1]
    comes = await redraw(everybody[PARTIES[0]], DRAW, out, "works for a bidder")
    assert comes == table.draw(DRAW).drawn[-1] != out
