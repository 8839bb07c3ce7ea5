"""The session clock never goes back, and a site's estimate of it is as good as its best ping."""

from signaling.clock import HostClock, SiteClock


def test_the_host_clock_stands_still_when_somebody_sets_it_back() -> None:
    readings = iter([1000, 1500, 900, 1501])
    clock = HostClock(lambda: next(readings))
    assert [1000, 1500, 1500, 1501] == [clock.now() for _ in range(4)]


def test_a_site_without_a_ping_tells_its_own_time() -> None:
    assert SiteClock(lambda: 5000).now() == 5000


def test_the_ping_of_least_round_trip_decides() -> None:
    clock = SiteClock(lambda: 10_000)
    clock.measured(sent_us=0, received_us=400_000, host_ms=900)
    clock.measured(sent_us=1_000_000, received_us=1_010_000, host_ms=3_000)
    assert clock.best.round_trip_us == 10_000
    assert clock.best.offset_us == 3_000_500 - 1_005_000
    assert clock.now() == 10_000 + 1_995


def test_an_old_ping_is_forgotten_after_twenty_newer_ones() -> None:
    clock = SiteClock(lambda: 0)
    clock.measured(sent_us=0, received_us=1, host_ms=77)
    for n in range(20):
        clock.measured(sent_us=n, received_us=n + 100, host_ms=0)
    assert clock.best.round_trip_us == 100


def test_the_estimate_never_goes_back_when_a_better_ping_corrects_it() -> None:
    clock = SiteClock(lambda: 1_000)
    clock.measured(sent_us=0, received_us=1_000_000, host_ms=5_000)
    before = clock.now()
    clock.measured(sent_us=0, received_us=10, host_ms=0)
    assert clock.now() == before
