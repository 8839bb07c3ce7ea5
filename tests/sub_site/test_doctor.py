"""What the doctor of a sub-site says about clocks."""

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from sub_site.doctor import _clock

NOW = 1_795_392_000.0
DATE = format_datetime(datetime.fromtimestamp(NOW, UTC), usegmt=True)


@pytest.mark.parametrize(
    ("off", "good"), [(0.0, True), (0.9, True), (-2.0, True), (3.6, False), (-300.0, False)]
)
def test_a_clock_more_than_two_seconds_off_is_bad(off: float, good: bool) -> None:  # noqa: FBT001 - a table
    (found,) = _clock(DATE, NOW + off)
    assert good is found.good
    assert good or "set it right" in found.says


def test_a_host_that_says_no_time_proves_nothing() -> None:
    assert [] == _clock(None, NOW)
