"""The order of recording: what may follow what on one track, so that a hole cannot hide.

Fragments count from 0 in each reel and reels from 0 on each track, without a number left out; a reel is
closed with exactly the fragments it has, and a track ends with no reel open (archive.md §3).  Only where the
journal refused something and declared the gap itself may numbers be left out, never go back.
"""

from dataclasses import dataclass, replace

from evalroom import events as ev
from evalroom.errors import Refusal
from evalroom.ids import SeatCode, SiteId
from evalroom.media import GapCause, TrackKind

TOLD_WITHIN_MS = 3_000
"""A fragment is told of within three seconds of its last picture (archive.md §2)."""


class BrokenRecording(Refusal):
    """The recorder reported something that cannot follow what it reported before: an operator must look at it."""

    code = "broken_recording"


@dataclass(frozen=True, slots=True)
class TrackRecord:
    """One track as its facts leave it; `next_reel` is the number the next reel will have.

    `hole`: a gap was declared for something refused, and no fragment has come since.
    """

    node: SiteId
    seat: SeatCode
    kind: TrackKind
    running: bool
    reel_open: bool
    next_reel: int
    next_fragment: int
    hole: bool = False


def next_record(record: TrackRecord | None, event: ev.RecordingEvent, node: SiteId) -> TrackRecord:
    """Return the track's record after `event` from `node`.

    Raises:
        BrokenRecording: the event cannot follow.
    """
    _demand(record is None or record.node == node, event, "the track belongs to another node")
    if isinstance(event, ev.TrackStarted):
        return _started(record, event, node)
    if record is None:
        raise BrokenRecording(track=event.track, event=type(event).__name__, problem="unknown track")
    match event:
        case ev.FragmentRecorded():
            return _fragment(record, event)
        case ev.ReelClosed():
            return _closed(record, event)
        case ev.TrackEnded():
            return _ended(record, event)
        case ev.GapDeclared():
            _demand(event.from_ms <= event.to_ms, event, "a gap ends before it begins")
            return replace(record, hole=record.hole or event.cause is GapCause.REFUSED)
        case _:
            return record


def _started(record: TrackRecord | None, event: ev.TrackStarted, node: SiteId) -> TrackRecord:
    _demand(record is None or not record.running, event, "the track is already running")
    if record is None:
        return TrackRecord(
            node, event.seat, event.kind, running=True, reel_open=False, next_reel=0, next_fragment=0
        )
    return replace(record, running=True, hole=False)


def _fragment(record: TrackRecord, event: ev.FragmentRecorded) -> TrackRecord:
    _demand(record.running, event, "the track is not running")
    found = (event.reel, event.n)
    if record.reel_open:
        expected, problem = (record.next_reel - 1, record.next_fragment), "a fragment is missing or doubled"
    else:
        expected, problem = (record.next_reel, 0), "a new reel begins with the next number"
    onward = record.hole and found > expected and event.n >= 0
    _demand(found == expected or onward, event, problem)
    return replace(record, reel_open=True, next_reel=event.reel + 1, next_fragment=event.n + 1, hole=False)


def _closed(record: TrackRecord, event: ev.ReelClosed) -> TrackRecord:
    known = record.reel_open and event.reel == record.next_reel - 1
    onward = record.hole and event.fragments > record.next_fragment
    counted = event.fragments == record.next_fragment or onward
    _demand(known and counted, event, "the reel has other fragments")
    return replace(record, reel_open=False, next_fragment=0)


def _ended(record: TrackRecord, event: ev.TrackEnded) -> TrackRecord:
    closed = not record.reel_open or record.hole
    _demand(record.running and closed, event, "the track is not running, or a reel is open")
    return replace(record, running=False, reel_open=False, next_fragment=0, hole=False)


def _demand(met: bool, event: ev.RecordingEvent, problem: str) -> None:  # noqa: FBT001 - a condition, read in place
    if not met:
        raise BrokenRecording(track=event.track, event=type(event).__name__, problem=problem)


def gap_for(event: ev.RecordingEvent, told_ms: int, at: int) -> ev.GapDeclared:
    """Return the gap to declare when `event`, told at `at`, was refused; `told_ms`: when the last one was told."""
    return ev.GapDeclared(event.track, min(told_ms - TOLD_WITHIN_MS, at), at, GapCause.REFUSED, 0)
