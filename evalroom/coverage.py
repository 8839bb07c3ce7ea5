"""What of each track is recorded, and where nothing is and nobody said so: the account that signing rests on.

The rule is the archive's (archive.md §10, step 10): between the start and the end of a track every 200 ms are recorded
or declared.  Where a reel lies on the session clock is known from its clock map; while the reel is open the map is
still being refined (on a loaded machine by 0.6 s), so there its ends are taken with two seconds' grace.  The tail of a
running track is not judged: what was recorded there is still on its way, from a sub-site perhaps behind a cut link.
It refuses nothing.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from evalroom import events as ev
from evalroom.ids import TrackId
from evalroom.reporting import GapExplained

HOLE_MS = 200
"""Shorter than this nothing is missing: frames come every 33 ms, and clocks are mapped to some milliseconds."""

GRACE_MS = 2_000
"""How far the ends of an open reel may still move on the session clock."""

_HOLE_US = HOLE_MS * 1000
_LATEST = 2**63

Span = tuple[int, int]
"""From and to, UTC milliseconds on the session clock."""


@dataclass(frozen=True, slots=True)
class Hole:
    """Nothing was recorded on a track from `from_ms` to `to_ms`, and nobody declared it."""

    track: TrackId
    from_ms: int
    to_ms: int


@dataclass(slots=True)
class _Reel:
    """A reel: runs of fragments without a break (µs from its start), and its map to the session clock."""

    runs: list[list[int]] = field(default_factory=list)
    map: tuple[tuple[int, int], ...] = ()
    closed: bool = False

    def take(self, pts: int, duration: int) -> None:
        """Take a fragment in; sound runs ahead of pictures, so that they come in no order of their times."""
        runs, end = self.runs, pts + duration
        at = bisect_right(runs, [pts, _LATEST])
        if at and pts - runs[at - 1][1] < _HOLE_US:
            at -= 1
            runs[at][1] = max(runs[at][1], end)
        else:
            runs.insert(at, [pts, end])
        while at + 1 < len(runs) and runs[at + 1][0] - runs[at][1] < _HOLE_US:
            runs[at][1] = max(runs[at][1], runs.pop(at + 1)[1])

    def spans(self) -> Iterator[Span]:
        grace, last = (0 if self.closed else GRACE_MS), len(self.runs) - 1
        for number, (begin, end) in enumerate(self.runs if self.map else ()):
            before, after = grace if number == 0 else 0, grace if number == last else 0
            yield _utc_ms(self.map, begin) - before, _utc_ms(self.map, end) + after


def _utc_ms(knots: tuple[tuple[int, int], ...], media: int) -> int:
    """Map media time by the piece it lies in; outside, clocks go on at one second a second."""
    at = bisect_right(knots, (media, _LATEST)) - 1
    if at < 0 or at == len(knots) - 1:
        known, utc = knots[max(at, 0)]
        return (utc + media - known) // 1000
    (low, from_us), (high, to_us) = knots[at : at + 2]
    return (from_us + (media - low) * (to_us - from_us) // (high - low)) // 1000


@dataclass(slots=True)
class TrackCoverage:
    """One track: when it ran (an open end is None), what its reels hold, and what was declared."""

    ran: list[tuple[int, int | None]] = field(default_factory=list)
    reels: dict[int, _Reel] = field(default_factory=dict)
    declared: list[Span] = field(default_factory=list)

    def holes(self) -> Iterator[Span]:
        """Yield what is neither recorded nor declared, in order."""
        pieces = sorted([*self.declared, *(span for reel in self.reels.values() for span in reel.spans())])
        last = max((end for _, end in pieces), default=0)
        for begin, end in self.ran:
            yield from _between(begin, last if end is None else end, pieces)


def _between(begin: int, end: int, pieces: list[Span]) -> Iterator[Span]:
    covered = begin
    for start, stop in pieces:
        if stop <= covered:
            continue
        if min(start, end) - covered >= HOLE_MS:
            yield covered, min(start, end)
        covered = max(covered, stop)
    if end - covered >= HOLE_MS:
        yield covered, end


@dataclass(slots=True)
class Coverage:
    """All tracks of a session."""

    tracks: dict[TrackId, TrackCoverage] = field(default_factory=dict)

    def take(self, event: ev.RecordingEvent | GapExplained) -> None:
        """Take a recording's fact in."""
        track = self.tracks.get(event.track)
        if track is None:
            track = self.tracks[event.track] = TrackCoverage()
        match event:
            case ev.FragmentRecorded():  # the hot path: some ten a second in a large session
                track.reels.setdefault(event.reel, _Reel()).take(event.pts, event.duration)
            case ev.ClockMapped(reel=reel, map=knots):
                track.reels.setdefault(reel, _Reel()).map = knots
            case ev.ReelClosed(reel=reel):
                track.reels.setdefault(reel, _Reel()).closed = True
            case ev.GapDeclared() | GapExplained():
                track.declared.append((event.from_ms, event.to_ms))
            case ev.TrackStarted(at_ms=at):
                track.ran.append((at, None))
            case ev.TrackEnded(at_ms=at):
                if track.ran:
                    track.ran[-1] = (track.ran[-1][0], at)
            case _:
                pass

    def holes(self) -> Iterator[Hole]:
        """Yield the undeclared gaps of all tracks, track by track."""
        known: Mapping[TrackId, TrackCoverage] = self.tracks
        for name, track in sorted(known.items()):
            yield from (Hole(name, begin, end) for begin, end in track.holes())
