"""Reading a clock map."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.timing import BEND_PERCENT, extended, session_us


@pytest.mark.parametrize(
    ("media_us", "utc_us"),
    [(-10, 990), (0, 1000), (50, 1100), (100, 1200), (150, 1225), (200, 1250), (210, 1260)],
)
def test_a_map_is_linear_between_its_knots_and_nominal_outside(media_us: int, utc_us: int) -> None:
    assert session_us([(0, 1000), (100, 1200), (200, 1250)], media_us) == utc_us


def test_one_knot_is_enough() -> None:
    assert session_us([(5, 100)], 7) == 102


def test_a_map_goes_straight_to_a_reading_that_fits() -> None:
    assert [(0, 1_000), (20_000_000, 20_101_000)] == extended([(0, 1_000)], 20_000_000, 20_101_000)


def test_a_map_bends_to_a_reading_that_contradicts_it_and_is_there_within_twenty_times_the_difference() -> (
    None
):
    knots = extended([(0, 600_000)], 20_000_000, 20_000_000)
    assert (20_000_000, 20_000_000) == knots[-1]
    assert [-150_000] * 4 == [
        (then - utc) - (later - media) for (media, utc), (later, then) in pairwise(knots)
    ]
    short = extended([(0, 600_000)], 1_000_000, 1_000_000)
    assert [(0, 600_000), (1_000_000, 1_550_000)] == short
    assert (12_000_000, 12_000_000) == extended(short, 12_000_000, 12_000_000)[-1]


@given(
    st.lists(st.tuples(st.integers(1, 90_000_000), st.integers(-(10**8), 10**8)), min_size=1, max_size=20),
    st.integers(0, 2**50),
)
def test_whatever_is_read_a_map_grows_never_jumps_and_keeps_what_it_said(
    readings: list[tuple[int, int]], begin_us: int
) -> None:
    knots, media = [(0, begin_us)], 0
    for way, off in readings:
        media, before = media + way, knots
        knots = extended(knots, media, begin_us + media + off)
        assert before == knots[: len(before)]
        assert media == knots[-1][0]
    for (at, utc), (later, then) in pairwise(knots):
        assert later > at
        assert then > utc
        assert abs((then - utc) - (later - at)) <= min(150_001, (later - at) * BEND_PERCENT // 100 + 1)
