"""The session clock of a sub-site: measured by pings, deaf to whoever sets the machine's clock."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sub_site.clock import SessionClock

START_MS = 1_795_392_000_000


@dataclass
class Machine:
    """A steady clock in µs, and a wall clock that somebody may set."""

    us: int = 5_000_000
    set_by_ms: int = 0

    def wall(self) -> int:
        return START_MS + self.us // 1000 + self.set_by_ms

    def clock(self) -> SessionClock:
        return SessionClock(lambda: self.us, self.wall)

    def ping(self, clock: SessionClock, mark: int, host_ahead_ms: int, way_us: int = 500) -> None:
        """Exchange a ping and a pong with a host that is ahead of the true wall clock."""
        clock.sent(mark)
        self.us += way_us
        host_ms = START_MS + self.us // 1000 + host_ahead_ms
        self.us += way_us
        clock.answered(mark, host_ms)


def test_a_machine_clock_that_is_set_moves_no_session_time_and_shows_as_an_offset() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.ping(clock, 1, host_ahead_ms=0)
    before = clock.now()
    for step in (3_600_000, -3_600_000):
        machine.set_by_ms = step
        assert clock.now() - before <= 1
        assert abs((clock.offset_ms or 0) + step) <= 1


def test_a_machine_five_minutes_ahead_is_put_right_by_the_first_pong_though_time_was_asked_for_before() -> (
    None
):
    machine = Machine(set_by_ms=300_000)
    clock = machine.clock()
    assert clock.now() > START_MS + 300_000
    machine.ping(clock, 1, host_ahead_ms=0)
    assert abs(clock.now() - (START_MS + machine.us // 1000)) <= 1


def test_the_bound_is_half_the_least_round_trip_and_what_drift_may_have_added() -> None:
    machine = Machine()
    clock = machine.clock()
    assert (None, None, False) == (clock.offset_ms, clock.bound_ms, clock.known)
    machine.ping(clock, 1, host_ahead_ms=40, way_us=20_000)
    assert 21 == clock.bound_ms, "20 ms, and 2 µs for the way back"
    machine.ping(clock, 2, host_ahead_ms=40, way_us=1_500)
    assert 2 == clock.bound_ms
    assert abs((clock.offset_ms or 0) - 40) <= 2


def test_a_pong_nobody_asked_for_or_that_comes_twice_tells_nothing() -> None:
    machine = Machine()
    clock = machine.clock()
    clock.answered(7, START_MS + 10**9)
    assert not clock.known
    machine.ping(clock, 1, host_ahead_ms=0)
    now = clock.now()
    clock.answered(1, START_MS + 10**9)
    assert clock.now() - now <= 1


def test_a_restart_without_the_host_goes_on_with_the_offset_of_before_until_the_host_answers() -> None:
    machine = Machine(set_by_ms=-90_000)
    clock = machine.clock()
    machine.ping(clock, 1, host_ahead_ms=0)
    again = machine.clock()
    again.restore(clock.offset_ms or 0, clock.bound_ms or 0)
    assert again.known
    assert abs(again.now() - clock.now()) <= 1


@pytest.mark.parametrize("set_by_ms", [300_000, -300_000, 3_000])
def test_an_offset_of_before_is_dropped_with_the_first_pong_when_the_machine_was_set_meanwhile(
    set_by_ms: int,
) -> None:
    machine = Machine(set_by_ms=set_by_ms)
    again = machine.clock()
    again.restore(0, 1)  # bounded more closely than any ping of today
    machine.ping(again, 1, host_ahead_ms=0, way_us=40_000)
    assert abs(again.now() - (START_MS + machine.us // 1000)) <= 1
    assert abs((again.offset_ms or 0) + set_by_ms) <= 1


@given(st.lists(st.tuples(st.integers(1, 400_000), st.integers(0, 5_000_000)), max_size=40))
def test_session_time_never_goes_back(pings: list[tuple[int, int]]) -> None:
    machine = Machine()
    clock = machine.clock()
    machine.ping(clock, 0, host_ahead_ms=100)
    last = clock.now()
    for mark, (way_us, pause_us) in enumerate(pings, 1):
        machine.us += pause_us
        machine.ping(clock, mark, host_ahead_ms=100, way_us=way_us)
        assert clock.now() >= last
        last = clock.now()
