"""Silence, judged by our own clock."""

import pytest

from evalroom.protocol.liveness import OFFLINE_MS, PING_MS, WEAK_MS, LinkState, Liveness, retry_delay


@pytest.mark.parametrize(
    ("silence", "state"),
    [
        (0, "online"),
        (2_999, "online"),
        (3_000, "weak"),
        (5_999, "weak"),
        (6_000, "offline"),
        (10**9, "offline"),
    ],
)
def test_silence_of_three_seconds_is_weak_and_of_six_offline(silence: int, state: str) -> None:
    assert state == Liveness(heard=1_000).state(1_000 + silence)


def test_who_was_never_heard_is_not_offline_but_unknown() -> None:
    assert LinkState.NEVER is Liveness().state(10**9)


def test_a_word_after_silence_is_online_again() -> None:
    link = Liveness(heard=0)
    assert LinkState.OFFLINE is link.state(OFFLINE_MS)
    link.heard = OFFLINE_MS
    assert LinkState.ONLINE is link.state(OFFLINE_MS + WEAK_MS - 1)


def test_pings_go_out_every_two_seconds_and_not_more_often() -> None:
    link = Liveness()
    assert [0, 2000, 4000] == [now for now in range(0, 6000, 100) if link.ping_due(now)]
    assert 4000 + PING_MS == link.next_deadline()


def test_the_first_ping_is_due_at_once() -> None:
    assert 0 == Liveness().next_deadline()
    assert Liveness().ping_due(-5)


def test_reconnecting_never_ends_and_never_waits_longer_than_five_seconds() -> None:
    assert [0, 300, 1000, 2000] == [retry_delay(attempt, 0.5) for attempt in range(4)]
    for attempt in (4, 5, 100, 10**6):
        assert 0 < retry_delay(attempt, 0.0) < retry_delay(attempt, 0.5) < retry_delay(attempt, 0.999) <= 5000
