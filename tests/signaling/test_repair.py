"""Order from disorder, in virtual time."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalroom.media import Medium, Packet
from signaling.repair import MAX_AHEAD, SECOND, Hole, Reorder, Resend, Unwrapper

WAIT = SECOND


def packet(seq: int, arrival: int = 0) -> Packet:
    return Packet(Medium.VIDEO, seq, seq * 3000, marker=False, payload=b"x", arrival=arrival)


def told(items: list[Packet | Hole]) -> list[int | Hole]:
    return [item.seq if isinstance(item, Packet) else item for item in items]


@given(st.integers(0, 0xFFFF), st.lists(st.integers(-500, 500), min_size=1, max_size=200))
def test_an_unwrapped_number_moves_as_far_as_the_counter_did(start: int, moves: list[int]) -> None:
    unwrapper = Unwrapper(16)
    true = highest = start + 0x10000
    assert unwrapper.unwrap(start) == true
    for move in moves:
        true = highest + move
        assert unwrapper.unwrap(true & 0xFFFF) == true
        highest = max(highest, true)


def test_a_wrap_goes_on_counting_and_a_packet_before_the_first_is_not_negative() -> None:
    unwrapper = Unwrapper(16)
    assert unwrapper.unwrap(0) == 0x10000
    assert unwrapper.unwrap(0xFFFF) == 0xFFFF
    assert [unwrapper.unwrap(n) for n in (0x7000, 0xE000, 2)] == [0x17000, 0x1E000, 0x20002]


def test_timestamps_unwrap_past_thirteen_hours() -> None:
    unwrapper = Unwrapper(32)
    first = unwrapper.unwrap(0xFFFFFFF0)
    assert unwrapper.unwrap(0x10) == first + 0x20


def test_packets_in_order_pass_at_once() -> None:
    order = Reorder(WAIT)
    assert [told(order.add(packet(n))) for n in (7, 8, 9)] == [[7], [8], [9]]
    assert not order.waiting


def test_a_late_packet_fits_in() -> None:
    order = Reorder(WAIT)
    told(order.add(packet(1)))
    assert told(order.add(packet(3))) == []
    assert order.missing() == [2]
    assert told(order.add(packet(2))) == [2, 3]
    assert order.missing() == []


def test_duplicates_drop_whether_held_or_gone() -> None:
    order = Reorder(WAIT)
    order.add(packet(1))
    order.add(packet(3))
    assert told(order.add(packet(3))) == []
    assert told(order.add(packet(1))) == []
    assert order.duplicates == 2


def test_what_does_not_come_within_the_wait_is_a_hole_and_what_came_goes_on() -> None:
    order = Reorder(WAIT)
    order.add(packet(1, 0))
    order.add(packet(4, 10))
    assert told(order.expire(10 + WAIT - 1)) == []
    assert told(order.expire(10 + WAIT)) == [Hole(2, 3), 4]
    assert order.lost == 2
    assert told(order.add(packet(2, 11 + WAIT))) == [], "a hole is for good"


def test_a_younger_hole_waits_for_its_own_time() -> None:
    order = Reorder(WAIT)
    order.add(packet(1, 0))
    order.add(packet(3, 0))
    order.add(packet(5, WAIT // 2))
    assert told(order.expire(WAIT)) == [Hole(2, 2), 3]
    assert told(order.expire(WAIT + WAIT // 2)) == [Hole(4, 4), 5]


def test_a_leap_that_no_repair_can_fill_is_one_hole() -> None:
    order = Reorder(WAIT)
    order.add(packet(1))
    assert told(order.add(packet(3 + MAX_AHEAD))) == [Hole(2, 2 + MAX_AHEAD), 3 + MAX_AHEAD]
    assert order.missing() == []


def test_the_end_of_the_stream_waits_for_nothing() -> None:
    order = Reorder(WAIT)
    order.add(packet(1))
    order.add(packet(3))
    order.add(packet(6))
    assert told(order.flush()) == [Hole(2, 2), 3, Hole(4, 5), 6]


@pytest.mark.parametrize("seed", range(30))
def test_whatever_the_link_does_every_number_is_told_once_and_in_order(seed: int) -> None:
    chance = random.Random(seed)
    order, now, out = Reorder(WAIT), 0, list[int | Hole]()
    queue = [n for n in range(100, 900) if n in (100, 899) or chance.random() > 0.1]
    queue += chance.sample(queue[1:-1], 50)
    queue = [100, *sorted(queue[1:], key=lambda n: n + chance.random() * 12)]
    for seq in queue:
        now += SECOND // 200
        out += told(order.add(packet(seq, now)))
        out += told(order.expire(now))
    out += told(order.flush())
    covered = [
        n for item in out for n in (range(item.first, item.last + 1) if isinstance(item, Hole) else [item])
    ]
    assert covered == list(range(100, 900))
    assert sum(i.last - i.first + 1 for i in out if isinstance(i, Hole)) == 800 - len(set(queue))


def test_a_missing_packet_is_asked_for_at_once_then_again_but_not_for_ever() -> None:
    resend = Resend(spacing=10, tries=3)
    assert resend.due([5, 6], 0) == [5, 6]
    assert resend.due([5, 6], 9) == []
    assert resend.due([6], 10) == [6]
    assert resend.due([6], 20) == [6]
    assert resend.due([6], 30) == []


def test_a_packet_that_came_and_is_missing_again_is_asked_for_afresh() -> None:
    resend = Resend(spacing=10, tries=1)
    assert resend.due([5], 0) == [5]
    assert resend.due([], 5) == []
    assert resend.due([5], 6) == [5]
