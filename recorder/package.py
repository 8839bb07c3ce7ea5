"""Builds the archive of one session: a BagIt bag (RFC 8493) in the layout of archive.md §5.

Digests of reels are those of the journal; they are not computed again, for whoever verifies does that.  The
bag is made in a folder beside its place and renamed at the end, so it is whole or not there.  Refused: a bag
that exists, a reel that is missing or has another size, a name that is not plain ASCII.
"""

import errno
import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from evalroom.errors import LocalFault, Refusal
from evalroom.events import FragmentRecorded, ReelClosed
from evalroom.ids import SeatCode, SiteId, TrackId
from recorder.fmp4 import INIT_AT, init_end
from recorder.manifest import (
    BAGIT,
    Digest,
    IndexedReel,
    IndexedTrack,
    SessionIndex,
    bag_info,
    manifest,
    readme,
    session_js,
    session_json,
)
from recorder.playlist import playlist
from recorder.reel import sync_folder
from recorder.timing import Knots, session_us

_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}\Z")


class BagExists(Refusal):
    """There is already an archive in that place: choose another folder, archives are never overwritten."""

    code: ClassVar[str] = "bag_exists"


class UnsafeDocumentName(Refusal):
    """A document's name may only hold ASCII letters, digits, dot, dash and underscore, unique without case."""

    code: ClassVar[str] = "unsafe_document_name"


class ReelIncomplete(LocalFault):
    """A reel of the journal is not here as a whole: wait until its site has handed it over."""

    code: ClassVar[str] = "reel_incomplete"


@dataclass(frozen=True, slots=True)
class BagReel:
    """A reel as the journal knows it, and its file; `map` is that of the last `ClockMapped`."""

    closed: ReelClosed
    fragments: Sequence[FragmentRecorded]
    map: Knots
    source: Path


@dataclass(frozen=True, slots=True)
class BagTrack:
    """A track with its reels in order."""

    id: TrackId
    site: SiteId
    seat: SeatCode
    kind: str
    codecs: tuple[str, ...]
    reels: tuple[BagReel, ...]


@dataclass(frozen=True, slots=True)
class BagLog:
    """The journal: entries and openings as canonical JSON without newlines, checkpoints as signed notes."""

    entries: Iterable[bytes]
    openings: Iterable[bytes]
    checkpoints: Sequence[str]
    keys: Sequence[str]
    clock: Iterable[bytes]


@dataclass(frozen=True, slots=True)
class ReadOnlyFile:
    """A file that nothing writes to any more: the bag may have it under a second name instead of a copy."""

    path: Path


Documents = Mapping[str, bytes | Path | ReadOnlyFile]
"""Path below data/docs to the content, or to the file that holds it."""


def build(
    target: Path,
    index: SessionIndex,
    tracks: Sequence[BagTrack],
    log: BagLog,
    documents: Documents,
    date: str,
) -> Path:
    """Build the bag `target` and return it; `date` is the day of packing, YYYY-MM-DD.  Blocks on the disk.

    Raises:
        BagExists: when there is something at `target`.
        ReelIncomplete: when a reel is absent or has another size than the journal says.
        UnsafeDocumentName: for a document whose name is not safe everywhere.
        OSError: when the disk refuses; nothing is left at `target`.
    """
    if target.exists():
        raise BagExists(path=target.name)
    making = target.with_name(f".{target.name}.making")
    if making.exists():
        shutil.rmtree(making)  # of an attempt that a crash cut short
    try:
        _fill(_Bag(making), index, tracks, log, documents, date)
        making.rename(target)
    except BaseException:
        shutil.rmtree(making, ignore_errors=True)
        raise
    sync_folder(target.parent)
    return target


def _fill(
    bag: "_Bag", index: SessionIndex, tracks: Sequence[BagTrack], log: BagLog, documents: Documents, date: str
) -> None:
    indexed = [_add_track(bag, track) for track in tracks]
    _add_log(bag, log)
    for name in sorted(documents):
        bag.add(f"data/docs/{name}", documents[name])
    text = session_json(index, indexed)
    bag.add("data/session.json", text.encode())
    bag.add("data/session.js", session_js(text).encode())
    payload = dict(bag.files)
    bag.add("bagit.txt", BAGIT.encode())
    bag.add("bag-info.txt", bag_info(payload, index, date).encode())
    sealed = any(name.startswith("opening/") for name in documents)
    bag.add("README.txt", readme(index, _example(tracks), sealed=sealed).encode())
    bag.add("manifest-sha256.txt", manifest(payload).encode())
    tags = {path: digest for path, digest in bag.files.items() if path not in payload}
    bag.add("tagmanifest-sha256.txt", manifest(tags).encode())
    bag.sync()


def _add_log(bag: "_Bag", log: BagLog) -> None:
    bag.add_lines("data/log/entries.jsonl", log.entries)
    bag.add_lines("data/log/openings.jsonl", log.openings)
    bag.add_lines("data/log/clock.jsonl", log.clock)
    bag.add_lines("data/log/keys.txt", (key.encode() for key in log.keys))
    bag.add("data/log/checkpoints.txt", "".join(log.checkpoints).encode())
    bag.add("data/log/checkpoint", log.checkpoints[-1].encode() if log.checkpoints else b"")


def _add_track(bag: "_Bag", track: BagTrack) -> IndexedTrack:
    reels: list[IndexedReel] = []
    end_ms: int | None = None
    for reel in track.reels:
        indexed, end_ms = _add_reel(bag, reel, end_ms)
        reels.append(indexed)
    return IndexedTrack(track.id, track.site, track.seat, track.kind, track.codecs, tuple(reels))


def _add_reel(bag: "_Bag", reel: BagReel, before_ms: int | None) -> tuple[IndexedReel, int]:
    closed, name = reel.closed, f"data/media/{reel.closed.track}.{reel.closed.reel}"
    file, init, listing = f"{name}.mp4", f"{name}.init.mp4", f"{name}.m3u8"
    length = max((fragment.pts + fragment.duration for fragment in reel.fragments), default=0)
    if not reel.map or not reel.fragments:
        raise ReelIncomplete(track=closed.track, reel=closed.reel, missing="clock map or fragments")
    start_ms, end_ms = (session_us(reel.map, at) // 1000 for at in (0, length))
    bag.add_reel(file, reel.source, closed)
    bag.add(init, _init_of(reel))
    base = file.rpartition("/")[2]
    text = playlist(base, init.rpartition("/")[2], reel.fragments, start_ms)
    bag.add(listing, text.encode())
    gap_ms = max(start_ms - before_ms, 0) if before_ms is not None else 0
    indexed = IndexedReel(
        file, init, listing, start_ms, length, reel.map, closed.bytes, closed.sha256, closed.fragments, gap_ms
    )
    return indexed, end_ms


def _init_of(reel: BagReel) -> bytes:
    with reel.source.open("rb") as file:
        file.seek(INIT_AT)
        first = reel.fragments[0]
        head = file.read(first.offset - INIT_AT)
        # Fragments before it that the journal refused lie between: then only the boxes say where the init ends.
        init = head[: init_end(bytes(INIT_AT) + head) - INIT_AT] if first.n else head
    if hashlib.sha256(init).hexdigest() != reel.closed.init_sha256:
        raise ReelIncomplete(track=reel.closed.track, reel=reel.closed.reel, missing="its init segment")
    return init


def _example(tracks: Sequence[BagTrack]) -> tuple[str, int, int, str] | None:
    for track in tracks:
        for reel in track.reels:
            first = reel.fragments[0]
            return f"data/media/{track.id}.{first.reel}.mp4", first.offset, first.length, first.sha256
    return None


class _Bag:
    """The folder in the making: writes files, keeps their digests, makes all of it durable at the end."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: dict[str, Digest] = {}
        self._lower: set[str] = set()
        root.mkdir(parents=True)

    def add(self, path: str, content: bytes | Path | ReadOnlyFile) -> None:
        """Write a file; a path as content is copied and digested in one pass, a file nobody writes to is linked."""
        if isinstance(content, bytes):
            self._write(path, [content])
        elif isinstance(content, ReadOnlyFile):
            self._link(content.path, self._place(path))
            self.files[path] = _digest_of(content.path)
        else:
            with content.open("rb") as source:
                self._write(path, iter(lambda: source.read(1 << 20), b""))

    def add_lines(self, path: str, lines: Iterable[bytes]) -> None:
        """Write a file of lines, each ended by a newline."""
        self._write(path, (line + b"\n" for line in lines))

    def add_reel(self, path: str, source: Path, closed: ReelClosed) -> None:
        """Link or copy a reel under its journalled digest."""
        if not source.is_file() or source.stat().st_size != closed.bytes:
            raise ReelIncomplete(track=closed.track, reel=closed.reel)
        self._link(source, self._place(path))  # reels are read-only from closing on
        self.files[path] = Digest(closed.sha256, closed.bytes)

    def _link(self, source: Path, place: Path) -> None:
        """Give a file that nothing changes any more a second name, or copy it where that cannot be."""
        try:
            os.link(source, place)
        except OSError as fault:
            if fault.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP):
                raise
            shutil.copyfile(source, place)
            _sync(place)

    def _write(self, path: str, pieces: Iterable[bytes]) -> None:
        digest, size = hashlib.sha256(), 0
        with self._place(path).open("xb") as file:
            for piece in pieces:
                file.write(piece)
                digest.update(piece)
                size += len(piece)
            file.flush()
            os.fsync(file.fileno())
        self.files[path] = Digest(digest.hexdigest(), size)

    def _place(self, path: str) -> Path:
        if path.lower() in self._lower or not all(map(_PART.match, path.split("/"))) or ".." in path:
            raise UnsafeDocumentName(path=path[:80])
        self._lower.add(path.lower())
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        return place

    def sync(self) -> None:
        """Make every name in the bag durable."""
        for folder in sorted({(self.root / path).parent for path in self.files} | {self.root}):
            sync_folder(folder)


def _digest_of(path: Path) -> Digest:
    with path.open("rb") as file:
        return Digest(hashlib.file_digest(file, "sha256").hexdigest(), os.fstat(file.fileno()).st_size)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
