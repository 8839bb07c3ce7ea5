"""What the journal says of the recordings, and nothing that it does not say."""

from evalroom import events as ev
from evalroom.events import Fact
from evalroom.ids import TrackId
from evalroom.media import GapCause
from main_site.services.recordings import Recordings
from tests.evalroom.room import DOCUMENT, EXPERTS, START, WEST, fragment, track_started

CAMERA = TrackId("west-E2/camera")


def fold(*events: ev.Event) -> Recordings:
    recordings = Recordings()
    recordings.take(Fact(START, WEST, "node", one) for one in events)
    return recordings


def closed(reel: int) -> ev.ReelClosed:
    return ev.ReelClosed(CAMERA, reel, 244, DOCUMENT, DOCUMENT, 2, torn=False)


def test_a_reel_that_was_never_closed_is_none() -> None:
    recordings = fold(track_started(EXPERTS[1]), fragment(CAMERA, 0, 0))
    assert recordings.reel(CAMERA, 0) is None
    assert recordings.reel("west-E9/camera", 0) is None
    assert [] == recordings.reels()


def test_a_tracks_facts_are_kept_reel_by_reel() -> None:
    gap = ev.GapDeclared(CAMERA, START, START + 900, GapCause.PUBLISHER, 4)
    mapped = ev.ClockMapped(CAMERA, 1, ((0, 1),))
    received = ev.ReelReceived(CAMERA, 0, DOCUMENT)
    ended = ev.TrackEnded(CAMERA, START)
    started = track_started(EXPERTS[1])
    pieces = [fragment(CAMERA, reel, n) for reel in (0, 1) for n in (0, 1)]
    known = fold(started, *pieces, closed(1), closed(0), gap, mapped, received, ended).tracks[CAMERA]
    assert {0: pieces[:2], 1: pieces[2:]} == known.fragments
    assert ([started], [ended], [gap]) == (known.started, known.ended, known.gaps)
    assert ({1: mapped}, {0: received}) == (known.maps, known.received)


def test_reels_are_listed_in_the_order_of_their_numbers() -> None:
    recordings = fold(closed(2), closed(0), closed(1))
    assert [0, 1, 2] == [one.reel for one in recordings.reels()]


def test_the_worst_clock_of_all_sites_is_the_bound() -> None:
    measured = [ev.SiteOffsetMeasured(WEST, 0, bound) for bound in (3_000, 9_000, 1_000)]
    assert (9_000, {}) == (fold(*measured).error_us, fold(*measured).tracks)
