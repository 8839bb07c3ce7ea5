"""Watermarks of the disk."""

import asyncio
import os
from pathlib import Path

import pytest

from recorder import disk
from recorder.disk import RESERVE_PERCENT, DiskLevel, DiskUsage, Reserve, usage_of
from tests.patience import PATIENCE_S


@pytest.mark.parametrize(
    ("free", "level"),
    [(1000, DiskLevel.ROOMY), (101, DiskLevel.ROOMY), (100, DiskLevel.LOW), (51, DiskLevel.LOW), (50, DiskLevel.FULL),
     (0, DiskLevel.FULL)],
)  # fmt: skip
def test_the_level_follows_the_watermarks(free: int, level: DiskLevel) -> None:
    assert DiskUsage(1000, free).level is level


def test_a_file_system_without_size_is_full() -> None:
    assert DiskUsage(0, 0).level is DiskLevel.FULL


def test_the_hours_left_end_where_recording_would_stop() -> None:
    usage = DiskUsage(100 * 3600, 15 * 3600)
    assert usage.hours_left(1.0) == 10.0
    assert DiskUsage(100, 2).hours_left(1.0) == 0.0
    assert usage.hours_left(0.0) == float("inf")


def test_the_file_system_of_a_folder_is_asked(tmp_path: Path) -> None:
    usage = usage_of(tmp_path)
    assert 0 <= usage.free <= usage.total
    with pytest.raises(OSError, match="No such file"):
        usage_of(tmp_path / "absent")


# --- the reserve ------------------------------------------------------------------------------------

TOTAL = 10 << 30
MB = 1 << 20


class Machine:
    """A disk whose free space a test sets."""

    def __init__(self, patch: pytest.MonkeyPatch, free: int, total: int = TOTAL) -> None:
        self.free, self.total = free, total
        patch.setattr(disk, "usage_of", lambda _: DiskUsage(self.total, self.free))


def test_room_is_kept_for_the_journal_and_given_up_when_nothing_else_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine, reserve = Machine(monkeypatch, TOTAL), Reserve(tmp_path, 2)
    reserve.look()
    assert 2 * MB == (tmp_path / "reserve").stat().st_size
    assert 2 * MB <= (tmp_path / "reserve").stat().st_blocks * 512, "a sparse file would keep nothing"
    for free in (TOTAL // 20, 3 * MB, MB):
        machine.free = free
        reserve.look()
        assert reserve.kept
    machine.free = MB - 1
    reserve.look()
    assert [] == list(tmp_path.iterdir())


def test_a_reserve_given_up_is_kept_again_only_when_the_disk_has_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine, reserve = Machine(monkeypatch, 2 * MB), Reserve(tmp_path, 2)
    for free in (2 * MB, TOTAL // 20, TOTAL // 10):
        machine.free = free
        reserve.look()
        assert not reserve.kept
    machine.free = TOTAL // 9
    reserve.look()
    assert reserve.kept


def test_the_reserve_of_a_small_disk_does_not_bring_recording_back_when_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Machine(monkeypatch, 100 * MB, 100 * MB)
    reserve = Reserve(tmp_path)
    reserve.look()
    size = (tmp_path / "reserve").stat().st_size
    assert RESERVE_PERCENT * MB == size
    assert DiskUsage(100 * MB, size).level is DiskLevel.FULL


def test_no_reserve_is_kept_where_none_is_wanted_or_another_was_faster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Machine(monkeypatch, TOTAL)
    Reserve(tmp_path, 0).look()
    assert [] == list(tmp_path.iterdir())

    def full(_handle: int, _begin: int, _size: int) -> None:
        raise OSError

    monkeypatch.setattr(os, "posix_fallocate", full)
    Reserve(tmp_path, 2).look()
    assert [] == list(tmp_path.iterdir())


async def test_the_disk_is_watched_for_as_long_as_the_node_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine, reserve = Machine(monkeypatch, TOTAL), Reserve(tmp_path, 2)
    monkeypatch.setattr(disk, "LOOK_S", 0.01)
    watching = asyncio.create_task(reserve.watch())
    async with asyncio.timeout(PATIENCE_S):
        for free, kept in ((TOTAL, True), (0, False), (TOTAL, True)):
            machine.free = free
            while reserve.kept is not kept:  # noqa: ASYNC110 - a thread sets no event
                await asyncio.sleep(0.01)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
