"""The bad link itself: it does what it says, and nothing else."""

from dataclasses import dataclass, field

import pytest

from tests.link import Link, run


@dataclass(eq=False)
class Talker:
    """An end that sends a number at each of its times and notes what it gets."""

    times: list[int] = field(default_factory=list)
    got: list[tuple[int, int]] = field(default_factory=list)
    links: list[tuple[str, int]] = field(default_factory=list)

    def receive(self, message: int, now: int) -> None:
        self.got.append((now, message))

    def messages_to_send(self, now: int) -> list[int]:
        due = [time for time in self.times if time <= now]
        self.times = self.times[len(due) :]
        return due

    def next_deadline(self) -> int | None:
        return self.times[0] if self.times else None

    def connected(self, now: int) -> None:
        self.links.append(("up", now))

    def disconnected(self) -> None:
        self.links.append(("down", -1))


def talk(count: int = 100, **how: object) -> tuple[Talker, Talker, Link]:
    left, right = Talker(list(range(0, 10 * count, 10))), Talker()
    link = Link(left, right, **how)  # type: ignore[arg-type] # the terms of a link
    run([link], 0, 100_000)
    return left, right, link


def test_a_good_link_carries_everything_in_order_and_in_time() -> None:
    _, right, link = talk()
    assert [(time + 1, time) for time in range(0, 1000, 10)] == right.got
    assert 100 == link.carried


def test_loss_loses() -> None:
    _, right, _ = talk(loss=0.5)
    assert 25 < len(right.got) < 75
    assert [] == talk(loss=1.0)[1].got


def test_duplicates_double() -> None:
    assert 200 == len(talk(duplicate=1.0)[1].got)


def test_unequal_delays_reorder() -> None:
    _, right, _ = talk(delay=(1, 500))
    numbers = [number for _, number in right.got]
    assert sorted(numbers) != numbers
    assert sorted(numbers) == list(range(0, 1000, 10))
    assert all(1 <= now - number <= 500 for now, number in right.got)


def test_a_cut_swallows_what_is_sent_and_what_is_on_its_way_and_both_ends_learn_of_it() -> None:
    left, right, _ = talk(cut=[(205, 405)], delay=(20, 20))
    assert not [number for _, number in right.got if 185 < number < 405]
    assert [("up", 0), ("down", -1), ("up", 405)] == left.links == right.links


@pytest.mark.parametrize("seed", [1, 2])
def test_a_seed_repeats_a_run(seed: int) -> None:
    one, other = (talk(loss=0.3, duplicate=0.3, delay=(1, 50), seed=seed)[1].got for _ in range(2))
    assert one == other
    assert one != talk(loss=0.3, duplicate=0.3, delay=(1, 50), seed=seed + 5)[1].got


def test_the_wire_may_change_what_it_carries() -> None:
    assert [(1, -0), (11, -10)] == talk(2, carry=lambda number: -number)[1].got


def test_a_run_ends_when_all_is_quiet() -> None:
    left, right = Talker([0, 10]), Talker()
    assert 11 == run([Link(left, right)], 0, 1000, quiet=lambda: len(right.got) == 2)
    assert 1000 == run([Link(Talker(), Talker())], 0, 1000)
