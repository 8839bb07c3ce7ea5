"""Closed reels on their way to the host: what is still to be sent, and a store that takes pieces of it.

The sender asks how much is there and goes on from that byte; the store accepts pieces only in order, keeps
them under `.part`, and gives a reel its name only after its digest was checked against the journal.  Refused:
names that are none of ours, pieces beyond the announced size, bytes for a reel that is already here.
"""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from evalroom.errors import PeerFault, Refusal
from evalroom.events import ReelClosed, ReelReceived
from evalroom.ids import TrackId, check_name
from evalroom.media import kind_of
from recorder.fmp4 import INIT_AT, MalformedFragment, init_end
from recorder.reel import clock_path, file_digest, init_path, reel_path, sync_folder, write_all

_MOST_REELS = 1_000_000
_MOST_READINGS = 64 << 20


class UnknownReel(Refusal):
    """There is no such track or reel in this session: ask for one that the journal names."""

    code: ClassVar[str] = "unknown_reel"


class WrongOffset(Refusal):
    """The piece does not follow what is already here: ask for the offset and send from there."""

    code: ClassVar[str] = "wrong_offset"


class ReelComplete(Refusal):
    """The reel is already here and verified: nothing more is needed."""

    code: ClassVar[str] = "reel_complete"


class ReelOversized(PeerFault):
    """More bytes came than the journal says the reel has: they were dropped."""

    code: ClassVar[str] = "reel_oversized"


class ReelCorrupt(PeerFault):
    """The reel's bytes do not have the digest in the journal: they were dropped, send it again."""

    code: ClassVar[str] = "reel_corrupt"


@dataclass(frozen=True, slots=True)
class Shipment:
    """One reel that the host does not have yet, and its file at this node."""

    reel: ReelClosed
    path: Path


def shipments(folder: Path, closed: Iterable[ReelClosed], received: Iterable[ReelReceived]) -> list[Shipment]:
    """Return what is still to be sent from `folder`, in the order in which the reels were closed."""
    there = {(reel.track, reel.reel) for reel in received}
    return [
        Shipment(reel, reel_path(folder, reel.track, reel.reel))
        for reel in closed
        if (reel.track, reel.reel) not in there
    ]


def checked_track(track: str) -> TrackId:
    """Return `track` when it is a track's name, `<site>-<seat>/<kind>`, and so safe as a path.

    Raises:
        UnknownReel: for anything else.
    """
    place, slash, _ = track.partition("/")
    try:
        check_name(place)
        kind_of(TrackId(track))
    except Refusal:
        raise UnknownReel(track=track[:80]) from None
    if not slash or track.count("/") != 1:
        raise UnknownReel(track=track[:80])
    return TrackId(track)


class ReelStore:
    """The host's folder of received reels.  One writer per reel at a time; calls block: not for the loop."""

    def __init__(self, folder: Path) -> None:
        """Use `folder`/media; what lies there from before goes on where it stopped."""
        self.folder = folder / "media"

    def path(self, reel: ReelClosed) -> Path:
        """Return where a reel lies, or will lie.

        Raises:
            UnknownReel: when its name is none of ours.
        """
        if not 0 <= reel.reel < _MOST_REELS:
            raise UnknownReel(track=reel.track[:80], reel=reel.reel)
        return reel_path(self.folder, checked_track(reel.track), reel.reel)

    def has(self, reel: ReelClosed) -> bool:
        """Say whether a reel is here, whole and verified."""
        return self.path(reel).exists()

    def offset(self, reel: ReelClosed) -> int:
        """Return from which byte on a reel is to be sent; its size when it is here."""
        if self.has(reel):
            return reel.bytes
        part = _part(self.path(reel))
        return part.stat().st_size if part.exists() else 0

    def write(self, reel: ReelClosed, offset: int, piece: bytes) -> int:
        """Append a piece and return the new offset; at the reel's size call `finish`.

        Raises:
            WrongOffset: when the piece does not begin where the bytes here end.
            ReelComplete: when the reel is already here.
            ReelOversized: when the piece goes beyond the reel's size.
            OSError: when the disk refuses; ask for the offset and send again from there.
        """
        if self.has(reel):
            raise ReelComplete(track=reel.track, reel=reel.reel)
        here = self.offset(reel)
        if offset != here:
            raise WrongOffset(offset=offset, here=here)
        if offset + len(piece) > reel.bytes:
            raise ReelOversized(bytes=offset + len(piece), announced=reel.bytes)
        part = _part(self.path(reel))
        part.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
        try:
            write_all(os.pwrite, handle, piece, offset)
        finally:
            os.close(handle)
        return offset + len(piece)

    def finish(self, reel: ReelClosed) -> ReelReceived:
        """Check a whole reel, make it durable under its name, and return the fact for the journal.

        Raises:
            WrongOffset: when bytes are still missing.
            ReelCorrupt: when reel or init segment have another digest; the bytes are dropped.
        """
        path = self.path(reel)
        if not self.has(reel):
            self._take(reel, path)
        return ReelReceived(reel.track, reel.reel, reel.sha256)

    def _take(self, reel: ReelClosed, path: Path) -> None:
        part, here = _part(path), self.offset(reel)
        if here != reel.bytes:
            raise WrongOffset(offset=reel.bytes, here=here)
        init = _init_of(part)
        if file_digest(part)[1] != reel.sha256 or _digest(init) != reel.init_sha256:
            part.unlink()
            raise ReelCorrupt(track=reel.track, reel=reel.reel)
        _write_durably(init_path(path), init)
        handle = os.open(part, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fchmod(handle, 0o440)
            os.fsync(handle)
        finally:
            os.close(handle)
        part.replace(path)
        sync_folder(path.parent)

    def put_readings(self, reel: ReelClosed, readings: bytes) -> None:
        """Keep a reel's raw clock readings beside it; a second copy replaces the first.

        Raises:
            ReelOversized: for more than 64 MB.
        """
        if len(readings) > _MOST_READINGS:
            raise ReelOversized(bytes=len(readings), announced=_MOST_READINGS)
        path = clock_path(self.path(reel))
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_durably(path, readings)


def _part(path: Path) -> Path:
    return path.with_name(path.name + ".part")


def _init_of(path: Path) -> bytes:
    with path.open("rb") as file:
        head = file.read(INIT_AT + 65536)
    try:
        return head[INIT_AT : init_end(head)]
    except MalformedFragment:
        return b""  # then its digest differs, and the reel is refused


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _write_durably(path: Path, data: bytes) -> None:
    fresh = path.with_name(path.name + ".new")
    with fresh.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync_folder(path.parent)
