"""One reel on disk, and the thread that writes the reels of a track.

Per fragment: one write, `fdatasync`, digest, and only then the fact.  The event loop hands over drafts and
never waits: a full queue is said to the caller, who declares a gap.  A write that fails cuts the file back to
its last whole fragment, closes it as torn and is reported; nothing is retried on that file.
"""

import errno
import hashlib
import os
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from evalroom.errors import LocalFault
from evalroom.events import FragmentRecorded, ReelClosed
from evalroom.ids import TrackId
from evalroom.media import GapCause
from recorder.fmp4 import INIT_AT, PATCH_AT, Draft, SampleIndex, fragment, opening, patch
from recorder.h264 import PictureFormat

Pwrite = Callable[[int, bytes, int], int]
"""`os.pwrite`, or what stands in for a failing disk.  (`O_APPEND` would ignore the offset of the patch.)"""

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_READ = 1 << 20


class DiskRefused(LocalFault):
    """The disk took no more of the recording; what was written before is safe.  Free space, then it goes on."""

    code: ClassVar[str] = "disk_refused"


def reel_path(folder: Path, track: TrackId, reel: int) -> Path:
    """Return where a reel lies under a recordings folder: `<track>.<reel>.mp4` (archive.md §13)."""
    return folder / f"{track}.{reel}.mp4"


def init_path(reel: Path) -> Path:
    """Return where a reel's init segment lies: beside it."""
    return reel.with_suffix(".init.mp4")


def clock_path(reel: Path) -> Path:
    """Return where a reel's raw clock readings lie: beside it."""
    return reel.with_suffix(".clock.jsonl")


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def file_digest(path: Path) -> tuple[int, str]:
    """Return size and SHA-256 of a file."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb", buffering=0) as file:
        while piece := file.read(_READ):
            digest.update(piece)
            size += len(piece)
    return size, digest.hexdigest()


def write_all(write: Pwrite, handle: int, data: bytes, offset: int) -> None:
    """Write all of `data` at `offset`; a disk that fills up writes a part first, then raises OSError."""
    view = memoryview(data)
    while view:
        done = write(handle, bytes(view) if len(view) < len(data) else data, offset)
        view, offset = view[done:], offset + done


class EmptyReel(LocalFault):
    """A reel was closed before anything of it was written: it was removed, and the time stands as a gap."""

    code: ClassVar[str] = "empty_reel"


class ReelFile:
    """An open reel.  Every method may raise OSError; the caller then calls `give_up`."""

    def __init__(
        self, path: Path, track: TrackId, reel: int, picture: PictureFormat | None, *,
        sound: bool, write: Pwrite = os.pwrite,
    ) -> None:  # fmt: skip
        """Create the file, its init segment beside it, and make both durable.

        Raises:
            OSError: when the disk refuses, or the file exists: a reel is never written twice.
        """
        self.path = path
        self._track, self._reel, self._write = track, reel, write
        self._index = SampleIndex(picture, sound=sound)
        self._head = opening(picture, sound=sound)
        self._init = self._head[INIT_AT:]
        self.end = len(self._head)
        self.fragments = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        try:
            write_all(write, self._handle, self._head, 0)
            os.fsync(self._handle)
            self._write_init()
            sync_folder(path.parent)
        except OSError:
            self._discard()
            raise

    def _write_init(self) -> None:
        handle = os.open(init_path(self.path), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
        try:
            write_all(self._write, handle, self._init, 0)
            os.fsync(handle)
        finally:
            os.close(handle)

    def append(self, draft: Draft, notes: bytes = b"") -> FragmentRecorded:
        """Write a fragment durably and return its fact; `notes` go to the clock file beside the reel."""
        data = fragment(self.fragments, draft)
        write_all(self._write, self._handle, data, self.end)
        os.fdatasync(self._handle)
        digest = hashlib.sha256(data).hexdigest()
        if notes:
            self._note(notes)
        begin, end = draft.pts_us, draft.end_us
        fact = FragmentRecorded(
            self._track,
            self._reel,
            self.fragments,
            self.end,
            len(data),
            digest,
            begin,
            end - begin,
            draft.keyframe,
        )
        self._index.add(draft, self.end, len(data))
        self.fragments += 1
        self.end += len(data)
        return fact

    def _note(self, notes: bytes) -> None:
        handle = os.open(clock_path(self.path), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        try:
            os.write(handle, notes)
        finally:
            os.close(handle)

    def close(self) -> ReelClosed:
        """Append the `moov`, patch the header, digest the whole, lock the file; 8 ms plus the digest.

        Raises:
            EmptyReel: when no fragment was written.
        """
        if not self.fragments:
            raise EmptyReel(track=self._track, reel=self._reel)
        header = patch(self.end)
        write_all(self._write, self._handle, self._index.closing(), self.end)
        os.fsync(self._handle)
        write_all(self._write, self._handle, header, PATCH_AT)
        os.fsync(self._handle)
        return self._closed(torn=False)

    def give_up(self) -> ReelClosed | None:
        """Cut the file back to its last whole fragment and close it as torn; a reel without any is removed."""
        if not self.fragments:
            self._discard()
            return None
        # Closing may have failed after the header was patched: a torn reel has the header of an open one.
        write_all(os.pwrite, self._handle, self._head[PATCH_AT:INIT_AT], PATCH_AT)
        os.ftruncate(self._handle, self.end)
        os.fsync(self._handle)
        return self._closed(torn=True)

    def _closed(self, *, torn: bool) -> ReelClosed:
        os.fchmod(self._handle, 0o440)
        os.close(self._handle)
        size, digest = file_digest(self.path)
        init = hashlib.sha256(self._init).hexdigest()
        return ReelClosed(self._track, self._reel, size, digest, init, self.fragments, torn)

    def _discard(self) -> None:
        os.close(self._handle)
        for path in (self.path, init_path(self.path), clock_path(self.path)):
            path.unlink(missing_ok=True)


# --- the thread -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Begin:
    """Order: open a reel."""

    reel: int
    picture: PictureFormat | None
    sound: bool


@dataclass(frozen=True, slots=True)
class Append:
    """Order: write a fragment and its clock notes."""

    reel: int
    draft: Draft
    notes: bytes


@dataclass(frozen=True, slots=True)
class Finish:
    """Order: close a reel."""

    reel: int


@dataclass(frozen=True, slots=True)
class Failed:
    """Report: a reel came to an early end; `end_us` is where its last whole fragment ends, None without any.

    `taken` says that a file of that name was there before, and was not touched.
    """

    reel: int
    end_us: int | None
    cause: GapCause
    detail: str
    taken: bool = False


@dataclass(frozen=True, slots=True)
class Dropped:
    """Report: the reels ordered so far are closed and the thread has ended."""


Report = FragmentRecorded | ReelClosed | Failed | Dropped
Order = Begin | Append | Finish


class ReelWriter:
    """The thread that writes one track's reels, in order.

    `report` is called in that thread: hand in what passes on to the event loop.
    """

    def __init__(
        self, folder: Path, track: TrackId, report: Callable[[Report], None], *,
        room: int = 16, write: Pwrite = os.pwrite,
    ) -> None:  # fmt: skip
        """Start the thread; at most `room` orders wait."""
        self._folder, self._track, self._report, self._pwrite = folder, track, report, write
        self._room = room
        self._orders: queue.SimpleQueue[Order | None] = queue.SimpleQueue()
        self._waiting = 0
        self._lock = threading.Lock()
        self._open: dict[int, ReelFile] = {}
        self._ends: dict[int, int | None] = {}
        self._thread = threading.Thread(target=self._run, name=f"reels {track}", daemon=True)
        self._thread.start()

    @property
    def backlog(self) -> int:
        """Return how many orders wait or are being carried out."""
        with self._lock:
            return self._waiting

    def offer(self, order: Order) -> bool:
        """Take an order and return at once; False when it is a fragment and the queue is full."""
        with self._lock:
            if isinstance(order, Append) and self._waiting >= self._room:
                return False
            self._waiting += 1
        self._orders.put(order)
        return True

    def stop(self) -> None:
        """Let the thread end after the orders given so far; it reports `Dropped` then."""
        self._orders.put(None)

    def join(self, timeout: float | None = None) -> None:
        """Wait until the thread has ended, at most `timeout` seconds."""
        self._thread.join(timeout)

    def _run(self) -> None:
        while (order := self._orders.get()) is not None:
            try:
                self._do(order)
            except (OSError, LocalFault) as fault:
                self._fail(order.reel, fault)
            finally:
                with self._lock:
                    self._waiting -= 1
        self._report(Dropped())

    def _do(self, order: Order) -> None:
        if isinstance(order, Begin):
            path = reel_path(self._folder, self._track, order.reel)
            self._ends[order.reel] = None
            self._open[order.reel] = ReelFile(
                path, self._track, order.reel, order.picture, sound=order.sound, write=self._pwrite
            )
        elif order.reel not in self._open:
            return  # this reel failed before, which was reported
        elif isinstance(order, Append):
            fact = self._open[order.reel].append(order.draft, order.notes)
            self._ends[order.reel] = fact.pts + fact.duration
            self._report(fact)
        else:
            self._report(self._open[order.reel].close())
            del self._open[order.reel]

    def _fail(self, reel: int, fault: OSError | LocalFault) -> None:
        full = isinstance(fault, OSError) and fault.errno in _FULL
        failed = self._open.pop(reel, None)
        if failed is not None:
            self._salvage(failed)
        cause = GapCause.DISK if full else GapCause.RECORDER
        taken = isinstance(fault, FileExistsError) and failed is None
        self._report(Failed(reel, self._ends[reel], cause, str(fault), taken))

    def _salvage(self, failed: ReelFile) -> None:
        try:
            closed = failed.give_up()
        except OSError:
            return  # not even truncated: recovery closes it at the next start, and the failure is reported
        if closed is not None:
            self._report(closed)
