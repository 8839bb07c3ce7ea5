"""How full the disk of the recordings is, and what that means (trust.md row 15).

From 90 % on a person is told and no new session begins; from 95 % on recording stops, for scoring must go on.
It deletes nothing: what may go is decided by retention, never by a full disk.
"""

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class DiskLevel(StrEnum):
    """What the space that is left allows."""

    ROOMY = "roomy"
    LOW = "low"
    FULL = "full"


LEVELS: tuple[tuple[int, DiskLevel], ...] = ((95, DiskLevel.FULL), (90, DiskLevel.LOW), (0, DiskLevel.ROOMY))
"""From how many percent used which level holds, highest first."""


@dataclass(frozen=True, slots=True)
class DiskUsage:
    """Bytes of a file system: all of it, and what we may still write."""

    total: int
    free: int

    @property
    def percent(self) -> int:
        """Return how much is used, whole percent, rounded down."""
        return (self.total - self.free) * 100 // self.total if self.total else 100

    @property
    def level(self) -> DiskLevel:
        """Return what the space that is left allows."""
        return next(level for floor, level in LEVELS if self.percent >= floor)

    def hours_left(self, bytes_per_second: float) -> float:
        """Return for how many hours the disk lasts at this rate, until recording would stop."""
        until = self.free - self.total * (100 - LEVELS[0][0]) // 100
        return max(until, 0) / bytes_per_second / 3600 if bytes_per_second > 0 else float("inf")


def usage_of(folder: Path) -> DiskUsage:
    """Ask the file system that `folder` lies on.

    Raises:
        OSError: when the folder is not there.
    """
    found = os.statvfs(folder)
    return DiskUsage(found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize)
