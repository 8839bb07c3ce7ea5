"""How full the disk of the recordings is, and what that means (trust.md row 15).

From 90 % on a person is told and no new session begins; from 95 % on recording stops, for scoring must go on.
When others have taken the rest as well, a file kept for this hour gives its room to the journal.  It deletes
nothing else: what may go is decided by retention, never by a full disk.
"""

import asyncio
import contextlib
import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import structlog


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


# --- the reserve ------------------------------------------------------------------------------------

RESERVE_MB = 64
"""Kept for the journal by default: some 30,000 entries with their secrets, and SQLite's log of 4 MB."""

RESERVE_PERCENT = 3
"""The reserve's most of a small disk: given up, it must not take the disk below 95 %, or recording would eat it."""

LOOK_S = 1.0
"""Seconds between two looks; if the disk fills up faster, the node ends at a commit and looks when it starts again."""


class Reserve:
    """A file that holds room for the journal of a node: given up on a full disk, kept again when there is room."""

    def __init__(self, folder: Path, megabytes: int = RESERVE_MB) -> None:
        """Keep the file in `folder`, the node's data folder; 0 megabytes keep none."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._most = megabytes << 20
        self._path = folder / "reserve"

    @property
    def kept(self) -> bool:
        """Say whether there is a reserve now."""
        return self._path.exists()

    def look(self) -> None:
        """Give the reserve up when nearly nothing else is left, or keep one anew where the disk has room; blocks."""
        usage = usage_of(self._folder)
        size = min(self._most, usage.total * RESERVE_PERCENT // 100)
        log = structlog.get_logger(__name__)
        if self.kept and usage.free < size // 2:
            self._path.unlink()
            log.critical("reserve_given_up", free=usage.free, cure="free some space on this disk")
        elif size and not self.kept and usage.level is DiskLevel.ROOMY and usage.free > 2 * size:
            self._keep(size)
            log.info("reserve_kept", bytes=size)

    def _keep(self, size: int) -> None:
        part = self._path.with_suffix(".part")
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            with contextlib.suppress(OSError):  # somebody was faster: there is no room to keep
                os.posix_fallocate(handle, 0, size)
                part.rename(self._path)
        finally:
            os.close(handle)
            part.unlink(missing_ok=True)

    async def watch(self) -> None:
        """Look every second until cancelled; cancelling leaves the reserve as it is."""
        while True:
            await asyncio.to_thread(self.look)
            await asyncio.sleep(LOOK_S)
