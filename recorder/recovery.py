"""After a recorder died: what lies in the folder, put in order and told to the journal.

A torn reel is cut to its last whole fragment and stays the master: plain fragmented MP4, never remuxed.
Fragments that were on disk but not yet in the journal are told now; those that were told before are compared
with their digests.  Nothing before the cut is changed, and a reel that was closed is only read.
"""

import hashlib
import json
import mmap
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from evalroom.errors import LocalFault
from evalroom.events import ClockMapped, FragmentRecorded, GapDeclared, ReelClosed, TrackEnded, TrackStarted
from evalroom.ids import TrackId
from recorder.boxes import Box
from recorder.capture import Resume
from recorder.facts import RecorderAlarm, RecorderFact
from recorder.fmp4 import INIT_AT, MalformedFragment, fragment_times, fragments_of, init_end
from recorder.reel import clock_path, file_digest, init_path, reel_path, sync_folder
from recorder.timing import extended, session_us

_NAME = re.compile(r"(?P<kind>[a-z]+)\.(?P<reel>\d{1,6})\.mp4\Z")


class ReelChanged(LocalFault):
    """A recorded fragment no longer has the digest that stands in the journal: the file was changed on disk."""

    code: ClassVar[str] = "reel_changed"


@dataclass(frozen=True, slots=True)
class Told:
    """What the journal (or the outbox before it) already knows of one track."""

    fragments: Mapping[int, Sequence[FragmentRecorded]] = field(default_factory=dict)
    closed: Mapping[int, ReelClosed] = field(default_factory=dict)
    maps: Mapping[int, ClockMapped] = field(default_factory=dict)
    started_ms: int | None = None
    covered_ms: int = 0


@dataclass(frozen=True, slots=True)
class Recovered:
    """One track after recovery: facts still to be told, and how its next recorder goes on."""

    track: TrackId
    facts: tuple[RecorderFact, ...]
    resume: Resume


def told_by(facts: Iterable[RecorderFact]) -> dict[TrackId, Told]:
    """Fold recording facts, in order, into what is known per track; give the node's outbox and journal."""
    tracks: dict[TrackId, _Knowledge] = {}
    for fact in facts:
        known = tracks.setdefault(fact.track, _Knowledge())
        match fact:
            case TrackStarted():
                known.started_ms, known.ended = fact.at_ms, False
                known.covered_ms = max(known.covered_ms, fact.at_ms)
            case TrackEnded():
                known.ended = True
            case GapDeclared():
                known.covered_ms = max(known.covered_ms, fact.to_ms)
            case FragmentRecorded():
                known.fragments.setdefault(fact.reel, []).append(fact)
            case ReelClosed():
                known.closed[fact.reel] = fact
            case ClockMapped():
                known.maps[fact.reel] = fact
            case _:
                continue
    return {track: known.frozen() for track, known in tracks.items()}


@dataclass(slots=True)
class _Knowledge:
    fragments: dict[int, list[FragmentRecorded]] = field(default_factory=dict)
    closed: dict[int, ReelClosed] = field(default_factory=dict)
    maps: dict[int, ClockMapped] = field(default_factory=dict)
    started_ms: int | None = None
    covered_ms: int = 0
    ended: bool = False

    def frozen(self) -> Told:
        started = None if self.ended else self.started_ms
        return Told(self.fragments, self.closed, self.maps, started, self.covered_ms)


def recover(folder: Path, told: Mapping[TrackId, Told]) -> list[Recovered]:
    """Put the reels of the tracks in `told` in order; call it before the first capture is made.

    Other tracks under `folder` are left alone: a host keeps there what sites have handed over.  Running it
    twice changes nothing more.

    Raises:
        OSError: when the disk refuses; nothing is lost, and it may be run again.
    """
    return [
        _recover_track(folder, track, _reels_on_disk(folder, track), told[track]) for track in sorted(told)
    ]


def _reels_on_disk(folder: Path, track: TrackId) -> list[int]:
    place, _, kind = track.partition("/")
    named = [_NAME.match(path.name) for path in (folder / place).glob(f"{kind}.*.mp4")]
    return sorted(int(match["reel"]) for match in named if match and match["kind"] == kind)


def _recover_track(folder: Path, track: TrackId, reels: list[int], told: Told) -> Recovered:
    facts: list[RecorderFact] = []
    kept = [*told.fragments, *told.closed]
    for reel in reels:
        if reel in told.closed:
            continue
        path = reel_path(folder, track, reel)
        if told.started_ms is None and reel not in told.fragments:
            # Its start was never told, though the track had ended before: a person decides.
            facts.append(RecorderAlarm(track, "reel_unannounced", path.name))
        else:
            facts += _recover_reel(path, track, reel, told)
        if path.exists():
            kept.append(reel)
    next_reel = 1 + max(kept, default=-1)
    if told.started_ms is None:
        return Recovered(track, tuple(facts), Resume(next_reel, None))
    since = max([told.covered_ms, *_ends_ms(told, facts)])
    return Recovered(track, tuple(facts), Resume(next_reel, since))


def _recover_reel(path: Path, track: TrackId, reel: int, told: Told) -> Iterator[RecorderFact]:
    fragments, end, init = _scan(path, track, reel)
    if not fragments:
        _discard(path)
        return
    known = {fact.n: fact for fact in told.fragments.get(reel, ())}
    for fact in fragments:
        if fact.n not in known:
            yield fact
        elif fact != known[fact.n]:
            yield RecorderAlarm(track, ReelChanged.code, f"reel {reel}, fragment {fact.n}")
    missing = sorted(known.keys() - {fact.n for fact in fragments})
    if missing:
        yield RecorderAlarm(track, ReelChanged.code, f"reel {reel}, fragment {missing[0]} is gone")
    yield from _map(path, track, reel, told.maps.get(reel))
    yield _close(path, track, reel, len(fragments), end, init)


def _map(path: Path, track: TrackId, reel: int, told: ClockMapped | None) -> Iterator[ClockMapped]:
    """Yield the reel's clock map anew when the readings beside the reel reach further than the one told."""
    knots = list(told.map) if told else []
    readings = _readings(clock_path(path), reel)
    for reading in (*readings[:1], *readings[-1:]):
        if not knots:
            knots = [reading]
        elif reading[0] > knots[-1][0]:
            knots = extended(knots, *reading)
    if knots and (told is None or tuple(knots) != told.map):
        yield ClockMapped(track, reel, tuple(knots))


def _readings(path: Path, reel: int) -> list[tuple[int, int]]:
    if not path.exists():
        return []
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if whole != data:  # the last line is torn: the readings go into the archive, as lines of JSON
        os.truncate(path, len(whole))
    notes = [json.loads(line) for line in whole.splitlines()]
    return [(note["media_us"], note["session_ms"] * 1000) for note in notes if note.get("reel") == reel]


def _scan(path: Path, track: TrackId, reel: int) -> tuple[list[FragmentRecorded], int, bytes]:
    """Return the whole fragments of a reel, where the last of them ends, and its init segment."""
    if path.stat().st_size < INIT_AT:
        return [], 0, b""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        view = memoryview(data)
        try:
            return _fragments(view, track, reel)
        except MalformedFragment:
            return [], 0, b""
        finally:
            view.release()


def _fragments(view: memoryview, track: TrackId, reel: int) -> tuple[list[FragmentRecorded], int, bytes]:
    init = bytes(view[INIT_AT : init_end(view)])
    found, end = [], 0
    for n, (moof, mdat) in enumerate(fragments_of(view)):
        found.append(_fragment(view, track, reel, n, moof, mdat))
        end = mdat.end
    return found, end, init


def _fragment(view: memoryview, track: TrackId, reel: int, n: int, moof: Box, mdat: Box) -> FragmentRecorded:
    times = fragment_times(view, moof)
    digest = hashlib.sha256(view[moof.offset : mdat.end]).hexdigest()
    return FragmentRecorded(
        track, reel, n, moof.offset, mdat.end - moof.offset, digest, times.pts, times.duration, times.keyframe
    )


def _close(path: Path, track: TrackId, reel: int, fragments: int, end: int, init: bytes) -> ReelClosed:
    torn = not _is_closed(path)
    if torn:
        with path.open("r+b", buffering=0) as file:
            file.truncate(end)
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), 0o440)
    if not init_path(path).exists():
        init_path(path).write_bytes(init)
        sync_folder(path.parent)
    size, digest = file_digest(path)
    return ReelClosed(track, reel, size, digest, hashlib.sha256(init).hexdigest(), fragments, torn)


def _is_closed(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(INIT_AT)[-4:] == b"mdat"


def _discard(path: Path) -> None:
    # The recorder died before the first fragment was whole: nothing of this reel was ever told.
    for name in (path, init_path(path), clock_path(path)):
        name.unlink(missing_ok=True)
    sync_folder(path.parent)


def _ends_ms(told: Told, facts: Sequence[RecorderFact]) -> Iterator[int]:
    """Yield where the fragments of each reel end on the session clock, by the reel's map."""
    maps = dict(told.maps)
    ends = {reel: max(fact.pts + fact.duration for fact in told.fragments[reel]) for reel in told.fragments}
    for fact in facts:
        if isinstance(fact, ClockMapped):
            maps[fact.reel] = fact
        elif isinstance(fact, FragmentRecorded):
            ends[fact.reel] = max(ends.get(fact.reel, 0), fact.pts + fact.duration)
    for reel, end in ends.items():
        if reel in maps:
            yield session_us(maps[reel].map, end) // 1000
