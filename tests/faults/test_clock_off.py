"""A sub-site whose machine's clock is minutes off: somebody is told, and neither scores nor recordings suffer."""

from pathlib import Path

import pytest

from evalroom.ids import SeatCode
from signaling.clock import ALARM_MS
from tests.faults.committee import HOST, WEST, Committee, convened, seated, template, verified

HERE, THERE = SeatCode("E1"), SeatCode("E2")
PLAN = template({HERE: HOST, THERE: WEST})
ROOT = Path(__file__).parents[2]
CLOSE_MS = 500

pytestmark = [pytest.mark.xdist_group("nodes"), pytest.mark.timeout(180)]


async def restart_with_clock(committee: Committee, seconds: int) -> None:
    """Start the sub-site's node anew on a machine whose clock is so far ahead."""
    node = committee.sites[WEST]
    node.kill()
    node.command = ("tests.faults.set_clock", str(seconds), *node.command)
    node.environment["PYTHONPATH"] = str(ROOT)
    await node.start()


@pytest.mark.parametrize("seconds", [300, -300, 3])
async def test_a_site_whose_clock_is_off_is_alarmed_once_and_its_recordings_stand_at_the_true_time(
    tmp_path: Path, seconds: int
) -> None:
    async with convened(tmp_path, PLAN) as committee:
        await restart_with_clock(committee, seconds)
        await seated(committee, PLAN, [THERE])
        await committee.to_scoring()
        await committee.journalled("FragmentRecorded", 3)
        await committee.journalled("AlarmRaised", 1)
        await committee.conclude()
        await verified(await committee.archive())
        (alarm,) = committee.entries("AlarmRaised")
        assert "clock_off" == alarm["body"]["code"]
        assert [] == committee.entries("GapDeclared")
        for entry in committee.entries("SiteOffsetMeasured"):
            assert abs(entry["body"]["offset_us"] / 1e6 + seconds) < 1
        started = committee.entries("TrackStarted")[0]
        assert abs(started["t"] - started["body"]["at_ms"]) < ALARM_MS + CLOSE_MS
