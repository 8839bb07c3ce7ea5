"""What the journal says of a session's recordings: the fold from which reels are received, packed and replayed."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from evalroom import events as ev
from evalroom.events import Fact
from evalroom.ids import TrackId

ReelKey = tuple[TrackId, int]


@dataclass(slots=True)
class TrackRecordings:
    """One track: its starts, ends and gaps, and per reel the fragments, clock map and closing."""

    started: list[ev.TrackStarted] = field(default_factory=list)
    ended: list[ev.TrackEnded] = field(default_factory=list)
    gaps: list[ev.GapDeclared] = field(default_factory=list)
    fragments: dict[int, list[ev.FragmentRecorded]] = field(default_factory=dict)
    maps: dict[int, ev.ClockMapped] = field(default_factory=dict)
    closed: dict[int, ev.ReelClosed] = field(default_factory=dict)
    received: dict[int, ev.ReelReceived] = field(default_factory=dict)


@dataclass(slots=True)
class Recordings:
    """All tracks of a session."""

    tracks: dict[TrackId, TrackRecordings] = field(default_factory=dict)
    error_us: int = 0

    def take(self, facts: Iterable[Fact]) -> None:
        """Fold committed facts in."""
        for fact in facts:
            self._take(fact.event)

    def _take(self, event: ev.Event) -> None:
        if isinstance(event, ev.SiteOffsetMeasured):
            self.error_us = max(self.error_us, event.bound_us)
        if not isinstance(event, ev.RecordingEvent | ev.ReelReceived):
            return
        track = self.tracks.setdefault(event.track, TrackRecordings())
        match event:
            case ev.TrackStarted():
                track.started.append(event)
            case ev.TrackEnded():
                track.ended.append(event)
            case ev.GapDeclared():
                track.gaps.append(event)
            case ev.FragmentRecorded():
                track.fragments.setdefault(event.reel, []).append(event)
            case ev.ClockMapped():
                track.maps[event.reel] = event
            case ev.ReelClosed():
                track.closed[event.reel] = event
            case ev.ReelReceived():
                track.received[event.reel] = event
            case _:
                pass

    def reel(self, track: str, reel: int) -> ev.ReelClosed | None:
        """Return a closed reel, None for one the journal does not know as closed."""
        known = self.tracks.get(TrackId(track))
        return known.closed.get(reel) if known else None

    def reels(self) -> list[ev.ReelClosed]:
        """Return all closed reels, track by track."""
        return [reel for track in self.tracks.values() for _, reel in sorted(track.closed.items())]
