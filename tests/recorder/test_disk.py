"""Watermarks of the disk."""

from pathlib import Path

import pytest

from recorder.disk import DiskLevel, DiskUsage, usage_of


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
