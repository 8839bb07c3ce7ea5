"""A sub-site whose machine's clock is minutes off: somebody is told, and neither scores nor recordings suffer."""

from itertools import dropwhile
from pathlib import Path

import pytest

from evalroom.ids import SeatCode
from signaling.clock import ALARM_MS
from tests.faults.committee import HOST, WEST, Committee, convened, seated, template, verified

HERE, THERE = SeatCode("E1"), SeatCode("E2")
PLAN = template({HERE: HOST, THERE: WEST})
ROOT = Path(__file__).parents[2]
CLOSE_MS, GRAIN_US = 500, 2_000
AHEAD_S = 300

pytestmark = [pytest.mark.xdist_group("nodes"), pytest.mark.timeout(180)]


async def restart_with_clock(committee: Committee, seconds: int) -> None:
    """Start the sub-site's node anew on a machine whose clock is so far ahead."""
    node = committee.sites[WEST]
    node.kill()
    node.command = ("tests.faults.set_clock", str(seconds), *node.command)
    node.environment["PYTHONPATH"] = str(ROOT)
    await node.start()


async def test_a_site_whose_clock_is_off_is_alarmed_once_and_its_recordings_stand_at_the_true_time(
    tmp_path: Path,
) -> None:
    """Behind or only a little ahead needs no second evening: tests/sub_site/test_clock.py sets clocks either way."""
    async with convened(tmp_path, PLAN) as committee:
        await restart_with_clock(committee, AHEAD_S)
        await seated(committee, PLAN, [THERE])
        await committee.to_scoring()
        await committee.journalled("FragmentRecorded", 3)
        await committee.journalled("AlarmRaised", 1)
        await committee.conclude()
        await verified(await committee.archive())
        (alarm,) = committee.entries("AlarmRaised")
        assert "clock_off" == alarm["body"]["code"]
        assert [] == committee.entries("GapDeclared")
        assert_measured(committee)
        started = committee.entries("TrackStarted")[0]
        assert abs(started["t"] - started["body"]["at_ms"]) < ALARM_MS + CLOSE_MS


def assert_measured(committee: Committee) -> None:
    """Demand that the site was measured as far off as it was set, each time since, within the bound that was stored."""
    bodies = [entry["body"] for entry in committee.entries("SiteOffsetMeasured")]
    since = list(dropwhile(lambda one: abs(one["offset_us"]) < one["bound_us"] + GRAIN_US, bodies))
    assert since, "what the node told before it was killed is not all"
    for one in since:
        assert abs(one["offset_us"] + AHEAD_S * 1_000_000) <= one["bound_us"] + GRAIN_US
