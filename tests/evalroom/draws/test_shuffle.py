"""From a seed to an order: without bias, and the same everywhere."""

import hashlib
import math
from collections import Counter
from itertools import islice, permutations

import pytest

from evalroom.draws.shuffle import STREAM, below, shuffled, words

SEED = "5a" * 32


def seeds(count: int) -> list[str]:
    return [hashlib.sha256(f"{number}".encode()).hexdigest() for number in range(count)]


def test_a_number_that_would_favour_small_remainders_is_passed_over() -> None:
    limit = 2**64 - 2**64 % 6
    assert 4 == below(6, iter([limit, 2**64 - 1, 10]))
    assert 5 == below(6, iter([limit - 1]))


def test_a_bound_that_divides_all_numbers_passes_none_over() -> None:
    assert 7 == below(8, iter([2**64 - 1]))
    assert 0 == below(1, iter([2**64 - 1]))


def test_the_stream_is_the_hash_of_seed_and_counter() -> None:
    blocks = [hashlib.sha256(STREAM + bytes.fromhex(SEED) + n.to_bytes(8, "big")).digest() for n in range(2)]
    expected = [int.from_bytes(block[at : at + 8], "big") for block in blocks for at in (0, 8, 16, 24)]
    assert expected == list(islice(words(bytes.fromhex(SEED)), 8))


def test_every_order_is_as_likely_as_any_other() -> None:
    found = Counter(shuffled("abcd", seed) for seed in seeds(24_000))
    assert set(permutations("abcd")) == set(found)
    # Chi squared with 23 degrees of freedom is above 49.7 once in a thousand; the seeds are fixed.
    assert sum((count - 1_000) ** 2 / 1_000 for count in found.values()) < 49.7


def test_every_place_is_as_likely_for_the_first_and_for_the_last_of_a_list() -> None:
    names = tuple(f"{number}" for number in range(10))
    orders = [shuffled(names, seed) for seed in seeds(10_000)]
    for name in ("0", "9"):
        found = Counter(order.index(name) for order in orders)
        assert max(abs(count - 1_000) for count in found.values()) < 5 * math.sqrt(1_000)


@pytest.mark.parametrize("options", [(), ("a",), tuple("abcdefghij")])
def test_an_order_holds_what_the_list_holds(options: tuple[str, ...]) -> None:
    assert sorted(options) == sorted(shuffled(options, SEED))


def test_another_seed_gives_another_order() -> None:
    names = tuple(f"{number}" for number in range(30))
    assert len({shuffled(names, seed) for seed in seeds(200)}) == 200
