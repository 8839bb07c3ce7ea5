"""The state table of a draw: each fact leads where the table says, and nowhere else."""

from typing import get_args

import pytest

from evalroom.commands import RevealDraw
from evalroom.draws import facts as df
from evalroom.draws.facts import DrawEvent
from evalroom.draws.state import TRANSITIONS, BrokenDraw, Draws, DrawState
from evalroom.errors import EvalroomError
from evalroom.ids import DrawId
from evalroom.session import IllegalStep
from tests.evalroom.drawing import CLOSES, DRAW, ENDS, FACTS, PARTIES, Table
from tests.evalroom.room import OPERATOR, SESSION, SUPERVISOR

FOLLOWING = [kind for kind in get_args(DrawEvent) if kind is not df.DrawDeclared]


def draws_at(state: DrawState) -> Draws:
    table = Table.at()
    if state is DrawState.VOID:
        table.lapse(None)
        return table.session.draws
    table.declare()
    if state is not DrawState.DECLARED:
        table.commit_all()
    if state in (DrawState.REVEALED, DrawState.DRAWN):
        draw = table.draw()
        for party in PARTIES:
            said = table.revealing(party).command
            assert isinstance(said, RevealDraw)
            table.session.draws.evolve(df.DrawRevealed(DRAW, said.value, said.nonce, ""), SESSION, party)
        if state is DrawState.DRAWN:
            table.session.draws.evolve(draw.result(draw.values), SESSION, "host")
    assert state is table.draw().state
    return table.session.draws


@pytest.mark.parametrize("kind", FOLLOWING)
@pytest.mark.parametrize("state", DrawState)
def test_a_fact_leads_where_the_table_says(state: DrawState, kind: type[DrawEvent]) -> None:
    draws = draws_at(state)
    event = next(one for one in FACTS if type(one) is kind)
    leads = TRANSITIONS[state].get(kind)
    if leads is None:
        with pytest.raises(BrokenDraw):
            draws.evolve(event, SESSION, OPERATOR)
        assert draws == draws_at(state)
        return
    draws.evolve(event, SESSION, OPERATOR)
    assert draws.all[DRAW].state in leads


def test_the_table_has_a_row_for_each_state_and_a_place_for_each_fact() -> None:
    assert list(DrawState) == list(TRANSITIONS)
    assert set(FOLLOWING) == {kind for row in TRANSITIONS.values() for kind in row}


def test_a_draw_begins_once() -> None:
    draws = draws_at(DrawState.DECLARED)
    with pytest.raises(BrokenDraw):
        draws.evolve(draws.all[DRAW].declared, SESSION, OPERATOR)
    with pytest.raises(BrokenDraw):
        draws.evolve(df.DrawCommitted(DrawId("K9"), "ab" * 32), SESSION, OPERATOR)


def test_each_phase_has_its_own_end() -> None:
    assert CLOSES == draws_at(DrawState.DECLARED).all[DRAW].until
    assert ENDS == draws_at(DrawState.COMMITTED).all[DRAW].until


def test_a_broken_fact_changes_nothing_in_the_session() -> None:
    table = Table.at()
    table.declare()
    before = Table.at()
    before.declare()
    with pytest.raises(EvalroomError):
        table.session.evolve(table.history[-1])
    assert before.session == table.session
    assert not issubclass(BrokenDraw, IllegalStep)
    assert SUPERVISOR in table.draw().awaited()
