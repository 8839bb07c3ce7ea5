"""States that are no facts are cut to their reader like everything else."""

import pytest

from evalroom.ids import SeatCode
from evalroom.media import MEDIA, TrackKind
from evalroom.presence import SeatState, SiteState, TrackState, empty_state, near
from tests.evalroom.room import (
    ARCHIVIST,
    EAST,
    EXPERTS,
    HOST,
    OPERATOR,
    SEAT,
    SITE_OPERATOR,
    SUPERVISOR,
    WEST,
    track_started,
)

E1, E2, E3 = EXPERTS


def state_of_west() -> SiteState:
    """Return the west site with one seat of its own and a visitor, each with a camera."""
    seats = tuple(SeatState(seat, "online", 20, 3) for seat in (E2, SITE_OPERATOR))
    tracks = tuple(
        TrackState(
            track_started(seat).track, seat, WEST, TrackKind.CAMERA, MEDIA[TrackKind.CAMERA], "live", 300,
            recording=True, last_fragment_ms=1,
        )
        for seat in (E2, SITE_OPERATOR)
    )  # fmt: skip
    return SiteState(WEST, "online", 5, 0, 1, 2, "running", 10, 5000, 0, 0, 800, seats, tracks)


def seen(reader: SeatCode) -> tuple[set[str], set[str]]:
    state = near(state_of_west(), SEAT[reader])
    return {one.seat for one in state.seats}, {one.seat for one in state.tracks}


@pytest.mark.parametrize("reader", [E1, E3, ARCHIVIST])
def test_who_has_no_business_at_a_site_sees_no_seat_of_it(reader: SeatCode) -> None:
    assert (set(), set()) == seen(reader)


def test_an_expert_sees_the_own_seat_only() -> None:
    assert ({E2}, {E2}) == seen(E2)


@pytest.mark.parametrize("reader", [SUPERVISOR, OPERATOR, SITE_OPERATOR])
def test_the_hosts_staff_and_the_sites_own_operator_see_the_whole_site(reader: SeatCode) -> None:
    assert ({E2, SITE_OPERATOR}, {E2, SITE_OPERATOR}) == seen(reader)


def test_a_sites_operator_sees_no_seat_of_another_site() -> None:
    elsewhere = SiteState(
        HOST, "online", 5, 0, 1, 2, "running", 10, 5000, 0, 0, 800, (SeatState(E1, "weak", 1, 9),), ()
    )
    assert () == near(elsewhere, SEAT[SITE_OPERATOR]).seats


def test_a_site_of_which_nothing_is_known_claims_nothing() -> None:
    state = empty_state(EAST, "offline")
    assert (EAST, "offline", None, "unknown") == (state.site, state.link, state.rtt_ms, state.recorder)
    assert () == state.seats + state.tracks
