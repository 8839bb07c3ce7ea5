"""Two sessions that differ in one hidden score: until the unlock everybody else is sent the same bytes.

The leaks planted here are the proof that the comparison would find one.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalroom import commands as co
from evalroom import visibility
from evalroom.events import ScoreEntered, SheetLocked
from evalroom.ids import SeatCode
from evalroom.tender import Part
from main_site.api import sessions
from tests.faults.committee import BIDS, LOT, OPERATOR, PRICES
from tests.faults.worlds import E1, E2, EXPERTS, World, world

SUPERVISOR = SeatCode("S1")
LOW, HIGH = "7", "31.5"
"""The hidden score of the first expert in the one world, and in the other."""

Transcript = dict[str, list[str]]


async def played(
    folder: Path, patch: pytest.MonkeyPatch, hidden: str, *, asking: bool
) -> tuple[Transcript, Transcript]:
    """Play a session in which E1 gives the first bid `hidden`; return what all saw before the unlock, and after.

    `asking` also asks every route for every role, three times.
    """
    async with world(folder, patch) as here:
        await to_detailed(here)
        await here.say(here.people[E1].enter(BIDS[0], "plan", hidden, reason=f"{hidden} it is", lot=LOT))
        await here.say(here.people[E1].enter(BIDS[0], "plan", "99", revision=2, lot=LOT))  # refused
        if asking:
            await here.look()
        for expert in EXPERTS:
            await here.fill(expert, Part.DETAILED)
        for order in (co.PauseSession("a break", None), co.ResumeSession("over")):
            await here.say(here.people[SUPERVISOR].order(order))
        for expert in EXPERTS:
            await here.lock(expert, Part.DETAILED)
        if asking:
            await here.look()
        before = here.seen()
        await here.unlock(Part.DETAILED)
        if asking:
            await here.look()
        return before, here.seen()


async def to_detailed(here: World) -> None:
    for person in here.people.values():
        await here.give(person.check_in())
    for bid in BIDS:
        await here.give(here.people[OPERATOR].import_bid(bid, str(PRICES[bid]), lot=LOT))
    await here.advance()
    for expert in EXPERTS:
        await here.give(here.people[expert].accept(here.session.pledge.sha256))
    await here.advance()  # a plain profile elects no chair
    await here.advance()
    for expert in EXPERTS:
        await here.fill(expert, Part.PRELIMINARY)
        await here.lock(expert, Part.PRELIMINARY)
    await here.unlock(Part.PRELIMINARY)
    await here.advance()


async def differences(
    folder: Path, patch: pytest.MonkeyPatch, *, asking: bool = True
) -> tuple[set[str], set[str]]:
    """Play both worlds; return who could tell them apart before the unlock, and after."""
    one, other = [await played(folder, patch, hidden, asking=asking) for hidden in (LOW, HIGH)]
    assert one[0].keys() == other[0].keys()
    return {who for who in one[0] if one[0][who] != other[0][who]}, {
        who for who in one[1] if one[1][who] != other[1][who]
    }


async def test_a_hidden_score_changes_no_byte_for_anybody_else_until_the_unlock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, after = await differences(tmp_path / "host", monkeypatch)
    assert {E1} == before
    assert {E1, E2, "west"} == after, "the committee sees the sheets; E3 sits at the sub-site"


def score_for_all(patch: pytest.MonkeyPatch) -> None:
    rules = {**visibility._RULES, ScoreEntered: visibility._for(visibility._EVERYBODY)}
    patch.setattr(visibility, "_RULES", rules)
    patch.setattr(visibility, "_OWN", frozenset())


def digest_for_all(patch: pytest.MonkeyPatch) -> None:
    rules = {**visibility._RULES, SheetLocked: visibility._for(visibility._COMMITTEE)}
    patch.setattr(visibility, "_RULES", rules)


def total_in_a_route(patch: pytest.MonkeyPatch) -> None:
    brief = sessions._brief

    def leaky(live: Any) -> dict[str, Any]:  # noqa: ANN401 - as of the function it stands in for
        sheets = live.evaluation.conductor.session.sheets.values()
        values = [cell.value for sheet in sheets for cell in sheet.cells.values()]
        return {**brief(live), "weight": sum(len(value) for value in values)}

    patch.setattr(sessions, "_brief", leaky)


@pytest.mark.parametrize(
    ("leak", "told", "asking"),
    [
        (score_for_all, E2, False),
        (digest_for_all, SUPERVISOR, False),
        (total_in_a_route, "operator", True),
    ],
)
async def test_a_planted_leak_is_found(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    leak: Callable[[pytest.MonkeyPatch], None],
    told: str,
    asking: bool,  # noqa: FBT001 - a case of the table
) -> None:
    leak(monkeypatch)
    before, _ = await differences(tmp_path / "host", monkeypatch, asking=asking)
    assert told in before
