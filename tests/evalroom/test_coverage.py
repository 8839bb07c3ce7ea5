"""What of a track is recorded: undeclared gaps are found where they are, and nothing is found where none is."""

from dataclasses import replace

import pytest

from evalroom import events as ev
from evalroom.coverage import GRACE_MS, Coverage, Hole
from evalroom.ids import TrackId
from evalroom.media import MEDIA, GapCause, TrackKind
from evalroom.reporting import GapExplained
from tests.evalroom.room import EXPERTS, fragment

TRACK = TrackId("host-E1/camera")
STARTED = ev.TrackStarted(
    TRACK, EXPERTS[0], TrackKind.CAMERA, MEDIA[TrackKind.CAMERA], ("H264", "opus"), 10_000
)


def closed(reel: int, fragments: int) -> ev.ReelClosed:
    return ev.ReelClosed(TRACK, reel, 100, "a", "b", fragments, torn=False)


def mapped(reel: int, from_ms: int) -> ev.ClockMapped:
    return ev.ClockMapped(TRACK, reel, ((0, from_ms * 1000), (2_000_000, (from_ms + 2_000) * 1000)))


def holes(*events: ev.RecordingEvent | GapExplained) -> list[tuple[int, int]]:
    coverage = Coverage()
    for event in events:
        coverage.take(event)
    return [(one.from_ms, one.to_ms) for one in coverage.holes()]


WHOLE = (STARTED, mapped(0, 10_000), fragment(TRACK, 0, 0), fragment(TRACK, 0, 1), closed(0, 2))


def test_a_track_recorded_from_its_start_to_its_end_has_no_gap() -> None:
    assert [] == holes(*WHOLE, ev.TrackEnded(TRACK, 12_000))
    assert [] == holes(*WHOLE, ev.TrackEnded(TRACK, 12_199))


def test_what_nobody_recorded_before_the_end_is_a_gap_and_declaring_it_closes_it() -> None:
    cut = (*WHOLE, ev.TrackEnded(TRACK, 15_000))
    assert [(12_000, 15_000)] == holes(*cut)
    assert [] == holes(*cut, ev.GapDeclared(TRACK, 12_000, 15_000, GapCause.RECORDER, 0))
    assert [] == holes(*cut, GapExplained(TRACK, 12_000, 15_000, "the power failed"))
    assert [(14_000, 15_000)] == holes(*cut, ev.GapDeclared(TRACK, 12_000, 14_000, GapCause.RECORDER, 0))


def test_a_gap_between_two_reels_is_found() -> None:
    second = (mapped(1, 13_000), fragment(TRACK, 1, 0), closed(1, 1), ev.TrackEnded(TRACK, 14_000))
    assert [(12_000, 13_000)] == holes(*WHOLE, *second)


def test_a_fragment_left_out_inside_a_reel_is_a_gap_even_while_the_reel_is_open() -> None:
    later = replace(fragment(TRACK, 0, 2), pts=4_000_000)
    assert [(12_000, 14_000)] == holes(*WHOLE[:-1], later)


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (1, 3, 0, 2), (3, 2, 1, 0)])
def test_sound_and_pictures_come_in_no_order_of_their_times(order: tuple[int, ...]) -> None:
    pieces = [(0, 1_000_000), (900_000, 2_000_000), (2_950_000, 1_000_000), (3_000_000, 2_000_000)]
    told = [
        replace(fragment(TRACK, 0, n), pts=pieces[at][0], duration=pieces[at][1])
        for n, at in enumerate(order)
    ]
    assert [] == holes(STARTED, mapped(0, 10_000), *told, closed(0, 4), ev.TrackEnded(TRACK, 15_000))


def test_an_open_reel_may_still_move_by_two_seconds_on_the_clock_and_a_closed_one_may_not() -> None:
    late = (mapped(1, 12_000 + GRACE_MS), fragment(TRACK, 1, 0))
    assert [] == holes(*WHOLE, *late)
    assert [(12_000, 14_000)] == holes(*WHOLE, *late, closed(1, 1))


def test_the_tail_of_a_running_track_is_on_its_way_and_no_gap() -> None:
    assert [] == holes(*WHOLE)
    assert [] == holes(STARTED)


def test_a_track_started_again_is_judged_run_by_run() -> None:
    again = (replace(STARTED, at_ms=60_000), mapped(1, 60_000), fragment(TRACK, 1, 0), closed(1, 1))
    assert [] == holes(*WHOLE, ev.TrackEnded(TRACK, 12_000), *again)
    assert [(61_000, 70_000)] == holes(
        *WHOLE, ev.TrackEnded(TRACK, 12_000), *again, ev.TrackEnded(TRACK, 70_000)
    )


@pytest.mark.parametrize("order", [1, -1])
def test_tracks_are_told_in_the_order_of_their_names(order: int) -> None:
    coverage = Coverage()
    for name in [TrackId("b-E1/camera"), TrackId("a-E1/camera")][::order]:
        coverage.take(replace(STARTED, track=name))
        coverage.take(ev.TrackEnded(name, 11_000))
    found = [Hole(TrackId(name), 10_000, 11_000) for name in ("a-E1/camera", "b-E1/camera")]
    assert found == list(coverage.holes())
