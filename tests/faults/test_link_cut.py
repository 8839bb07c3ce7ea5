"""The link between a sub-site and the host falls silent: the site works on, and everything arrives afterwards."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from evalroom.ids import SeatCode
from evalroom.tender import Part
from recorder.capture import SHORTEST_GAP_MS
from recorder.timing import session_us
from tests.faults.cable import Cable
from tests.faults.committee import (
    BIDS,
    HOST,
    LOT,
    WEST,
    Committee,
    Member,
    convened,
    seated,
    template,
    until,
    verified,
)

CUT_MS = 60_000
LONGEST_FRAGMENT_MS = 1000
HERE, THERE = SeatCode("E1"), SeatCode("E2")
PLAN = template({HERE: HOST, THERE: WEST})

pytestmark = pytest.mark.timeout(240)
together = pytest.mark.xdist_group("nodes")


@asynccontextmanager
async def far_site(folder: Path, *filmed: SeatCode) -> AsyncIterator[tuple[Committee, Cable]]:
    """Convene a session whose sub-site reaches its host by a cable only, and bring it to scoring."""
    async with convened(folder, PLAN, by_cable=True) as committee:
        await seated(committee, PLAN, filmed)
        await committee.to_scoring()
        yield committee, committee.cables[WEST]


async def held_of(member: Member, count: int) -> None:
    """Wait until the site's node has said of so many commands that it keeps them."""
    await until(lambda: len(member.held) >= count)


@pytest.mark.xdist_group("cut")
async def test_a_site_cut_off_for_a_minute_scores_and_records_on_and_nothing_is_missing(
    tmp_path: Path,
) -> None:
    async with far_site(tmp_path, THERE) as (committee, cable):
        far, near = committee.members[THERE], committee.members[HERE]
        await until(lambda: far.recorded_ms() > 0)
        cable.cut()
        since = far.recorded_ms()
        await committee.journalled("SiteLost", 1)
        arrived = len(committee.entries("FragmentRecorded"))
        waiting = [
            asyncio.create_task(far.enter(LOT, bid, "form", "pass", "seen while cut off")) for bid in BIDS
        ]
        await held_of(far, len(BIDS))
        await near.enter(LOT, BIDS[0], "form", "pass", "seen at the host")  # the others work on as ever
        await until(lambda: far.recorded_ms() >= since + CUT_MS, seconds=2 * CUT_MS / 1000)
        assert not any(task.done() for task in waiting)
        assert arrived == len(committee.entries("FragmentRecorded")), "the cable is cut indeed"
        until_ms = far.recorded_ms()
        cable.heal()
        await asyncio.gather(*waiting)
        await committee.journalled("SiteReturned", 1)
        await committee.conclude()
        await verified(await committee.archive())
        assert [] == committee.entries("GapDeclared")
        assert_no_hole(committee, since, until_ms)
        scores = [one["body"] for one in committee.entries("ScoreEntered") if one["actor"] == THERE]
        assert [1, 2] == sorted(
            one["revision"] for one in scores if one["bid"] == BIDS[0] and one["item"] == "form"
        )


def assert_no_hole(committee: Committee, since_ms: int, until_ms: int) -> None:
    """Demand that fragments cover a stretch of the session clock, by the maps of their reels alone."""
    maps = {one["body"]["reel"]: one["body"]["map"] for one in committee.entries("ClockMapped")}
    spans = sorted(
        (
            session_us(maps[one["reel"]], one["pts"]),
            session_us(maps[one["reel"]], one["pts"] + one["duration"]),
        )
        for one in (entry["body"] for entry in committee.entries("FragmentRecorded"))
    )
    reached = since_ms * 1000
    for begin, end in spans:
        assert begin - reached < SHORTEST_GAP_MS * 1000
        reached = max(reached, end)
    assert reached > (until_ms - 2 * LONGEST_FRAGMENT_MS) * 1000
    assert until_ms - since_ms >= CUT_MS


@together
async def test_a_sheet_locked_while_cut_off_is_locked_once_and_unlocked_after_the_link_has_healed(
    tmp_path: Path,
) -> None:
    async with far_site(tmp_path) as (committee, cable):
        far, near = committee.members[THERE], committee.members[HERE]
        for expert in (far, near):
            await committee.fill(expert, Part.PRELIMINARY)
        cable.cut()
        await committee.journalled("SiteLost", 1)
        locking = asyncio.create_task(committee.lock(far, Part.PRELIMINARY))
        await held_of(far, 1)
        await committee.lock(near, Part.PRELIMINARY)
        assert [] == committee.entries("GroupUnlocked")
        cable.heal()
        await locking
        await committee.all_see(lambda view: Part.PRELIMINARY in view.unlocked)
        assert [THERE] == [one["actor"] for one in committee.entries("SheetLocked") if one["actor"] == THERE]


@together
async def test_a_group_is_not_unlocked_before_the_witness_that_is_cut_off_has_cosigned(
    tmp_path: Path,
) -> None:
    async with far_site(tmp_path) as (committee, cable):
        far, near = committee.members[THERE], committee.members[HERE]
        for expert in (far, near):
            await committee.fill(expert, Part.PRELIMINARY)
        await committee.lock(far, Part.PRELIMINARY)
        cable.cut()
        await committee.journalled("SiteLost", 1)
        await committee.lock(near, Part.PRELIMINARY)
        assert [] == committee.entries("GroupUnlocked")
        cable.heal()
        await committee.all_see(lambda view: Part.PRELIMINARY in view.unlocked)
