"""The session clock never goes back, and a site's estimate of it is as good as its best ping."""

from hypothesis import given
from hypothesis import strategies as st

from signaling.clock import DRIFT_PPM, HostClock, SiteClock, sample_of


def test_the_host_clock_stands_still_when_somebody_sets_it_back() -> None:
    readings = iter([1000, 1500, 900, 1501])
    clock = HostClock(lambda: next(readings))
    assert [1000, 1500, 1500, 1501] == [clock.now() for _ in range(4)]


def test_a_site_without_a_ping_tells_its_own_time() -> None:
    assert SiteClock(lambda: 5000).now() == 5000


def measured(clock: SiteClock, sent_us: int, received_us: int, host_ms: int) -> None:
    clock.measured(sample_of(sent_us, received_us, host_ms))


def test_the_ping_of_least_round_trip_decides() -> None:
    clock = SiteClock(lambda: 10_000)
    measured(clock, sent_us=0, received_us=400_000, host_ms=2_195)
    measured(clock, sent_us=1_000_000, received_us=1_010_000, host_ms=3_000)
    assert clock.best is not None
    assert clock.best.round_trip_us == 10_000
    assert clock.best.offset_us == 3_000_500 - 1_005_000
    assert clock.now() == 10_000 + 1_995


def test_a_good_ping_outlives_a_minute_of_slow_ones_until_drift_has_made_it_worse() -> None:
    clock = SiteClock(lambda: 0)
    measured(clock, sent_us=0, received_us=2_000, host_ms=1)
    for second in range(1, 61):
        sent = second * 1_000_000
        measured(clock, sent_us=sent, received_us=sent + 1_400_000, host_ms=sent // 1000 + 1_300)
    assert clock.best is not None
    assert 2_000 == clock.best.round_trip_us
    assert 1_000 + 60 * DRIFT_PPM == clock.best.bound_us(60_001_000)
    measured(clock, sent_us=120_000_000, received_us=120_020_000, host_ms=120_010)
    assert 20_000 == clock.best.round_trip_us


def test_a_ping_that_no_drift_explains_says_that_a_clock_was_set() -> None:
    clock = SiteClock(lambda: 0)
    measured(clock, sent_us=0, received_us=2_000, host_ms=1)
    measured(clock, sent_us=1_000_000, received_us=1_600_000, host_ms=301_300)
    assert clock.best is not None
    assert 300 == round(clock.best.offset_us / 1e6)


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 3_000_000), st.integers(0, 100)), min_size=1))
def test_the_offset_is_never_further_off_than_its_bound(pings: list[tuple[int, int, int]]) -> None:
    """Whatever the way takes there and back: our clock is 7 s behind the host's and shows the true time."""
    clock = SiteClock(lambda: 0)
    for at, trip, there in sorted(pings):
        host_ms = (at + trip * there // 100) // 1000 + 7_000
        measured(clock, sent_us=at, received_us=at + trip, host_ms=host_ms)
        assert clock.best is not None
        assert abs(clock.best.offset_us - 7_000_000) <= clock.best.bound_us(at + trip) + 1_000


def test_the_estimate_never_goes_back_when_a_better_ping_corrects_it() -> None:
    clock = SiteClock(lambda: 1_000)
    measured(clock, sent_us=0, received_us=1_000_000, host_ms=5_000)
    before = clock.now()
    measured(clock, sent_us=0, received_us=10, host_ms=0)
    assert clock.now() == before
