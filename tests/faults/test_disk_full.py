"""The disk of the host fills up, a real and small one: recording stops and says so, scoring goes on."""

import asyncio
import contextlib
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from evalroom.ids import SeatCode
from main_site.rehearsal.direction import RehearsalFailed
from signaling.database import STORE_FAILED
from tests.faults.committee import (
    BIDS,
    HOST,
    LOT,
    Committee,
    Member,
    convened,
    seated,
    template,
    until,
    verified,
)
from tests.programs import PROGRAMS

FILMED, OTHER = SeatCode("E1"), SeatCode("E2")
PLAN = template({FILMED: HOST, OTHER: HOST})
SIZE_MB = 256
"""SQLite's log alone grows to 4 MB, and the reserve is 3 % of a disk as small as this."""

LONG_S = 600
"""Seconds of a reel: the only one that is closed here is the one that a full disk ends, after its last fragment."""

FULL = 100
SCORES = 40
"""Revisions of one cell, written while the disk is full."""

pytestmark = [
    pytest.mark.needs("mount"),
    pytest.mark.xdist_group("nodes"),
    pytest.mark.timeout(180),
]


@pytest.fixture(name="disk")
def _disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a small file system where the host of a test in `tmp_path` keeps its data."""
    mount, umount = PROGRAMS["mount"].find(), shutil.which("umount")
    assert mount is not None
    assert umount is not None
    place = tmp_path / "host"
    place.mkdir()
    subprocess.run([mount, "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "tmpfs", place], check=True)
    try:
        yield place
    finally:
        subprocess.run([umount, "--lazy", place], check=True)


def fill(disk: Path, percent: int) -> Path:
    """Let somebody else's file take the disk up to so many percent."""
    found = os.statvfs(disk)
    ballast = disk / "of somebody else"
    with ballast.open("wb", buffering=0) as file:  # what does not fit is not tried again at the end
        room = found.f_bavail - found.f_blocks * (100 - percent) // 100
        with contextlib.suppress(OSError):
            file.write(bytes(found.f_frsize * room))
    return ballast


@asynccontextmanager
async def supervised(committee: Committee) -> AsyncIterator[list[int]]:
    """Start the host again whenever it ends by itself, as a service manager does; give how it ended."""
    ended: list[int] = []

    async def watch() -> None:
        while True:
            process = committee.host.process
            if process is not None and process.poll() is not None:
                ended.append(process.returncode)
                with contextlib.suppress(RehearsalFailed):  # then once more
                    await committee.host.start()
            await asyncio.sleep(0.1)

    watching = asyncio.create_task(watch())
    try:
        yield ended
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def write(expert: Member) -> None:
    """Revise one cell again and again; each revision is acknowledged before the next."""
    for thought in range(1, SCORES + 1):
        await expert.enter(LOT, BIDS[0], "form", "pass", f"thought {thought}")


@pytest.mark.parametrize("percent", [96, 100])
async def test_recording_stops_with_a_declared_gap_while_scoring_goes_on_and_both_after_room_was_made(
    tmp_path: Path, disk: Path, percent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVALROOM_RESERVE_MB", "64")
    async with convened(tmp_path, PLAN, reel_s=LONG_S) as committee, supervised(committee) as ended:
        await seated(committee, PLAN, [FILMED])
        await committee.to_scoring()
        await until((disk / "reserve").exists)
        await committee.journalled("FragmentRecorded", 2)
        closed = len(committee.entries("ReelClosed"))
        ballast = fill(disk, percent)
        await until(lambda: "disk_full" in alarms(committee))
        await committee.journalled("ReelClosed", closed + 1)
        recorded = len(committee.entries("FragmentRecorded"))
        await asyncio.gather(write(committee.members[FILMED]), write(committee.members[OTHER]))
        # A node that ended at a commit let go of its reserve, and records again in what that leaves.
        assert ended or recorded == len(committee.entries("FragmentRecorded")), (
            "nothing is recorded on a full disk"
        )
        assert (disk / "reserve").exists() is (percent < FULL)
        ballast.unlink()
        await committee.journalled("FragmentRecorded", recorded + 2)
        for expert in (FILMED, OTHER):
            scores = [one["body"] for one in committee.entries("ScoreEntered") if one["actor"] == expert]
            assert list(range(1, SCORES + 1)) == [one["revision"] for one in scores]
        await committee.conclude()
        await verified(await committee.archive())
        causes = {one["body"]["cause"] for one in committee.entries("GapDeclared")}
        # A disk that fills up within a second may end the node at a commit: it comes back and finds room.
        assert "disk" in causes or (set(ended) == {STORE_FAILED} and "recorder" in causes)


def alarms(committee: Committee) -> list[str]:
    return [one["body"]["code"] for one in committee.entries("AlarmRaised")]
