"""The order of recording: a hole, a double or a foreign reel cannot enter the journal."""

from dataclasses import replace

import pytest

from evalroom import events as ev
from evalroom.ids import TrackId
from evalroom.media import GapCause
from evalroom.recording import BrokenRecording, TrackRecord, gap_for, next_record
from tests.evalroom.room import EAST, EXPERTS, WEST, fragment, track_started

STARTED = track_started(EXPERTS[1])
TRACK = STARTED.track
ENDED = ev.TrackEnded(TRACK, 9)


def frag(reel: int, n: int) -> ev.FragmentRecorded:
    return fragment(TRACK, reel, n)


def closed(reel: int, fragments: int, *, torn: bool = False) -> ev.ReelClosed:
    return ev.ReelClosed(TRACK, reel, 1000, "sha", "init", fragments, torn)


def gap(start: int, end: int) -> ev.GapDeclared:
    return ev.GapDeclared(TRACK, start, end, GapCause.LINK, 3)


def refused(at: int = 9) -> ev.GapDeclared:
    return gap_for(ENDED, at, at)


def after(*events: ev.RecordingEvent) -> TrackRecord | None:
    record: TrackRecord | None = None
    for event in events:
        record = next_record(record, event, WEST)
    return record


RUNNING = (STARTED,)
IN_REEL = (STARTED, frag(0, 0), frag(0, 1))
BETWEEN = (*IN_REEL, closed(0, 2))
OVER = (*BETWEEN, ENDED)


@pytest.mark.parametrize(
    ("before", "event"),
    [
        ((), frag(0, 0)),
        ((), ENDED),
        ((), gap(1, 2)),
        ((), closed(0, 1)),
        ((), ev.FormatChanged(TRACK, 0, 0, 640, 360)),
        ((), ev.ClockMapped(TRACK, 0, ())),
        (RUNNING, STARTED),
        (RUNNING, frag(0, 1)),
        (RUNNING, frag(1, 0)),
        (RUNNING, frag(-1, 0)),
        (RUNNING, closed(0, 0)),
        (RUNNING, closed(-1, 0)),
        (IN_REEL, frag(0, 1)),
        (IN_REEL, frag(0, 3)),
        (IN_REEL, frag(0, 0)),
        (IN_REEL, frag(1, 0)),
        (IN_REEL, frag(1, 2)),
        (IN_REEL, closed(0, 1)),
        (IN_REEL, closed(0, 3)),
        (IN_REEL, closed(1, 2)),
        (IN_REEL, closed(0, 1, torn=True)),
        (IN_REEL, ENDED),
        (IN_REEL, STARTED),
        (BETWEEN, closed(0, 2)),
        (BETWEEN, frag(0, 2)),
        (BETWEEN, frag(2, 0)),
        (BETWEEN, frag(1, 1)),
        (OVER, ENDED),
        (OVER, frag(1, 0)),
        (OVER, closed(0, 2)),
        (RUNNING, gap(2, 1)),
        ((), refused()),
        ((*RUNNING, refused()), frag(0, -1)),
        ((*RUNNING, refused()), frag(1, -1)),
        ((*RUNNING, refused()), STARTED),
        ((*RUNNING, refused()), closed(0, 1)),
        ((*IN_REEL, refused()), frag(0, 1)),
        ((*IN_REEL, refused()), closed(0, 1)),
        ((*IN_REEL, refused()), closed(1, 3)),
        ((*IN_REEL, refused(), frag(0, 3)), frag(0, 5)),
        ((*IN_REEL, gap(1, 2)), frag(0, 3)),
        ((*BETWEEN, refused()), frag(0, 3)),
        ((*OVER, refused(), STARTED), frag(2, 0)),
    ],
)
def test_what_cannot_follow_is_refused(
    before: tuple[ev.RecordingEvent, ...], event: ev.RecordingEvent
) -> None:
    record = after(*before)
    with pytest.raises(BrokenRecording):
        next_record(record, event, WEST)
    assert record == after(*before)


@pytest.mark.parametrize(
    "event",
    [
        frag(0, 2),
        closed(0, 2),
        gap(1, 2),
        ev.ClockMapped(TRACK, 0, ()),
        ev.FormatChanged(TRACK, 0, 0, 640, 360),
    ],
)
def test_no_other_node_speaks_for_a_track(event: ev.RecordingEvent) -> None:
    with pytest.raises(BrokenRecording):
        next_record(after(*IN_REEL), event, EAST)


def test_no_other_node_takes_up_a_track_that_has_ended() -> None:
    with pytest.raises(BrokenRecording):
        next_record(after(*OVER), STARTED, EAST)


def test_reels_follow_each_other_without_a_number_left_out() -> None:
    record = after(*BETWEEN, frag(1, 0), frag(1, 1), frag(1, 2), closed(1, 3), ENDED)
    assert record is not None
    assert (False, False, 2) == (record.running, record.reel_open, record.next_reel)


def test_a_torn_reel_is_closed_with_its_whole_fragments_and_the_next_begins() -> None:
    record = after(*IN_REEL, closed(0, 2, torn=True), gap(1, 2), frag(1, 0))
    assert record is not None
    assert (True, 2, 1) == (record.reel_open, record.next_reel, record.next_fragment)


def test_a_track_that_comes_back_goes_on_with_the_next_reel() -> None:
    again = after(*OVER, STARTED)
    assert again is not None
    assert (True, 1) == (again.running, again.next_reel)
    assert next_record(again, frag(1, 0), WEST).reel_open
    with pytest.raises(BrokenRecording):
        next_record(again, frag(0, 0), WEST)


def test_a_track_without_a_single_picture_may_end() -> None:
    record = after(STARTED, gap(1, 2), ENDED)
    assert record is not None
    assert not record.running


def test_a_gap_of_one_instant_is_a_gap() -> None:
    assert after(STARTED, gap(7, 7)) == after(STARTED)


def test_late_clocks_and_formats_change_nothing() -> None:
    for event in (ev.ClockMapped(TRACK, 0, ((0, 1),)), ev.FormatChanged(TRACK, 0, 5, 640, 360)):
        assert after(*OVER) == next_record(after(*OVER), event, WEST)


def test_tracks_are_told_apart() -> None:
    other = replace(STARTED, track=TrackId("west-E2/screen"))
    assert after(STARTED) is not None
    assert next_record(None, other, WEST).next_reel == 0


@pytest.mark.parametrize(
    ("before", "event"),
    [
        (RUNNING, frag(0, 0)),
        (RUNNING, frag(0, 2)),
        (RUNNING, frag(3, 1)),
        (IN_REEL, frag(0, 2)),
        (IN_REEL, frag(0, 7)),
        (IN_REEL, frag(1, 0)),
        (IN_REEL, closed(0, 2)),
        (IN_REEL, closed(0, 4)),
        (IN_REEL, ENDED),
        (BETWEEN, frag(1, 4)),
    ],
)
def test_after_a_refusal_numbers_may_be_left_out_but_never_go_back(
    before: tuple[ev.RecordingEvent, ...], event: ev.RecordingEvent
) -> None:
    assert after(*before, refused(), event) is not None


def test_the_gap_of_a_refusal_reaches_back_to_what_was_last_told() -> None:
    assert ev.GapDeclared(TRACK, 7_000, 11_000, GapCause.REFUSED, 0) == gap_for(frag(0, 9), 10_000, 11_000)
    assert gap_for(frag(0, 9), 90_000, 11_000).from_ms == 11_000
