"""Leaves side by side, on threads or in lanes, have the hashes and the root that they have one by one."""

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest

from evalroom.sealing import lanes
from evalroom.sealing.lanes import SLOT, Lanes, LeafSlots, lanes_here, one_by_one, receipt_root
from evalroom.sealing.suite import SuiteUnavailable
from evalroom.sealing.trailer import LEAF, ReceiptRoot
from tests.evalroom.sealing import tender

with_library = pytest.mark.needs(
    "ipsec-mb"
)  # and a processor with AVX2, as every x86-64 server since 2015 has
SIZES = [0, 1, LEAF - 1, LEAF, LEAF + 1, 3 * LEAF, 7 * LEAF + 5, 40 * LEAF + 9]


def root(data: bytes, tree: ReceiptRoot, seed: int) -> bytes:
    """Return the root of `data`, some of it written in place and some handed in."""
    dice, at = Random(seed), 0
    while at < len(data):
        run = data[at : at + dice.randrange(1, 3 * LEAF)]
        if dice.random() < 0.5:
            run = run[: len(tree.room())]
            tree.room()[: len(run)] = run
            assert run == tree.filled(len(run))
        else:
            tree.update(run)
        at += len(run)
    assert len(data) == tree.size
    return tree.root()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("width", "slabs"), [(1, 1), (1, 3), (4, 1), (4, 2), (16, 1)])
def test_leaves_in_slots_come_to_the_same_root(size: int, width: int, slabs: int) -> None:
    data = tender.pattern(size)
    expected = root(data, ReceiptRoot(), 1)
    assert expected == root(data, ReceiptRoot(LeafSlots(one_by_one, width, slabs=slabs)), size)
    with ThreadPoolExecutor(2) as pool:
        elsewhere = LeafSlots(one_by_one, width, lambda work: pool.submit(work).result, slabs)
        assert expected == root(data, ReceiptRoot(elsewhere), size)


def test_batches_that_are_hashed_late_are_few_and_keep_their_bytes() -> None:
    data, waiting, most = tender.pattern(40 * LEAF + 5), [0], [0]

    def submit(work: Callable[[], list[bytes]]) -> Callable[[], list[bytes]]:
        waiting[0] += 1
        most[0] = max(most[0], waiting[0])
        found: list[bytes] = []

        def result() -> list[bytes]:
            if not found:
                waiting[0] -= 1
                found.extend(work())
            return found

        return result

    assert root(data, ReceiptRoot(), 1) == root(data, ReceiptRoot(LeafSlots(one_by_one, 4, submit, 3)), 2)
    assert [0, 3] == [waiting[0], most[0]]


def test_a_batch_is_hashed_when_every_lane_has_a_leaf_and_a_small_rest_without_lanes() -> None:
    asked: list[list[int]] = []

    def digests(messages: Sequence[memoryview]) -> list[bytes]:
        asked[-1].append(len(messages))
        return one_by_one(messages)

    for leaves in (8, 9, 10, 11):
        asked.append([])
        tree = ReceiptRoot(LeafSlots(digests, 4))
        tree.update(tender.pattern(leaves * LEAF))
        tree.root()
    assert [[4, 4], [4, 4], [4, 4, 2], [4, 4, 3]] == asked


@pytest.mark.parametrize("threads", [0, 1, 2])
@pytest.mark.parametrize("most", [1, 2, 8, 16])
def test_whatever_this_machine_has_the_root_is_the_same(threads: int, most: int) -> None:
    data = tender.pattern(35 * LEAF + 3)
    with ThreadPoolExecutor(threads or 1) as pool:
        submit = (lambda work: pool.submit(work).result) if threads else None
        assert root(data, ReceiptRoot(), 1) == root(data, receipt_root(submit, threads=threads, most=most), 3)


def test_without_the_library_leaves_are_hashed_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "NAMES", ("libnothing.so.1",))
    lanes._library.cache_clear()
    lanes_here.cache_clear()
    try:
        assert lanes_here() == 0
        with pytest.raises(SuiteUnavailable):
            Lanes(16)
        data = tender.pattern(5 * LEAF)
        assert root(data, ReceiptRoot(), 1) == root(data, receipt_root(), 1)
    finally:
        lanes._library.cache_clear()
        lanes_here.cache_clear()


@pytest.mark.parametrize(
    ("features", "most", "width"),
    [
        (0, 16, 0),
        (0x40, 16, 8),
        (0x40, 2, 0),
        (0x41, 16, 2),
        (0x41, 1, 0),
        (0xFC1, 16, 2),
        (0xFC0, 16, 16),
        (0xFC1, 8, 2),
        (0xFC0, 8, 8),
    ],
)
def test_the_processor_and_the_memory_allowed_decide_on_the_lanes(
    features: int, most: int, width: int
) -> None:
    kind = lanes._kind(features, most)
    assert width == (kind.width if kind else 0)


@with_library
def test_a_release_whose_layout_nobody_looked_at_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "RELEASES", ("99.",))
    lanes._library.cache_clear()
    try:
        with pytest.raises(SuiteUnavailable):
            Lanes(16)
    finally:
        lanes._library.cache_clear()


@with_library
@pytest.mark.parametrize("most", [2, 16])
def test_lanes_hash_as_hashlib_does_whatever_the_lengths(most: int) -> None:
    dice, hashing = Random(most), Lanes(most)
    for _ in range(20):
        edges = [0, 1, 55, 56, 63, 64, 65, LEAF, LEAF + 1, SLOT]
        lengths = [dice.choice([dice.randrange(SLOT), *edges]) for _ in range(dice.randint(0, hashing.width))]
        messages = [memoryview(bytearray(dice.randbytes(length))) for length in lengths if length]
        assert [hashlib.sha256(one).digest() for one in messages] == hashing.digests(messages)


@with_library
def test_more_messages_than_lanes_and_longer_ones_than_a_slot_are_refused() -> None:
    hashing = Lanes(2)
    long, short = memoryview(bytearray(SLOT + 1)), memoryview(bytearray(1))
    for messages in ([long], [short] * (hashing.width + 1)):
        with pytest.raises(ValueError, match="at most"):
            hashing.digests(messages)
    assert [hashlib.sha256(b"\0").digest()] == hashing.digests([short])


@with_library
def test_two_threads_never_share_a_manager() -> None:
    data = [tender.pattern(17 * LEAF + n) for n in range(4)]
    expected = [root(one, ReceiptRoot(), 1) for one in data]
    with ThreadPoolExecutor(3) as pool, ThreadPoolExecutor(2) as two:

        def work(one: bytes) -> bytes:
            return root(one, receipt_root(lambda task: two.submit(task).result, threads=2, most=2), 5)

        assert expected == list(pool.map(work, data))
