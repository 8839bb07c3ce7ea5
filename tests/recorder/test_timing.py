"""Reading a clock map."""

import pytest

from recorder.timing import session_us


@pytest.mark.parametrize(
    ("media_us", "utc_us"),
    [(-10, 990), (0, 1000), (50, 1100), (100, 1200), (150, 1225), (200, 1250), (210, 1260)],
)
def test_a_map_is_linear_between_its_knots_and_nominal_outside(media_us: int, utc_us: int) -> None:
    assert session_us([(0, 1000), (100, 1200), (200, 1250)], media_us) == utc_us


def test_one_knot_is_enough() -> None:
    assert session_us([(5, 100)], 7) == 102
