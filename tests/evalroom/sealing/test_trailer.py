"""The trailer says where parts lie and what all bytes hash to; leaves and pieces may be cut in any way."""

import hashlib
import json
from collections.abc import Callable
from random import Random

import pytest

from evalroom.ledger.merkle import Tree
from evalroom.sealing.core import MalformedEnvelope
from evalroom.sealing.trailer import BACKLOG, LEAF, Leaf, ReceiptRoot, Trailer, hash_leaf, parse_trailer
from tests.evalroom.sealing import tender


def root(data: bytes, steps: list[int]) -> bytes:
    tree = ReceiptRoot()
    at = 0
    for step in steps:
        tree.update(data[at : at + step])
        at += step
    tree.update(data[at:])
    assert len(data) == tree.size
    return tree.root()


@pytest.mark.parametrize("size", [0, 1, LEAF - 1, LEAF, LEAF + 1, 2 * LEAF, 3 * LEAF + 77])
def test_the_root_is_that_of_the_tree_over_leaves_of_a_mebibyte(size: int) -> None:
    data = tender.pattern(size)
    leaves = [hashlib.sha256(b"\0" + data[n : n + LEAF]).digest() for n in range(0, size, LEAF)]
    expected = Tree(leaves).root()
    dice = Random(size)
    assert expected == root(data, [])
    assert expected == root(data, [dice.randrange(LEAF * 2) for _ in range(10)])
    assert expected == root(data, [1, 0, LEAF - 1, LEAF])


def test_a_leaf_in_several_runs_is_one_leaf() -> None:
    assert (
        hash_leaf((b"abc",)) == hash_leaf((b"a", b"", memoryview(b"bc"))) == hashlib.sha256(b"\0abc").digest()
    )


def test_leaves_that_are_hashed_later_are_kept_in_order_and_few_at_a_time() -> None:
    data = tender.pattern(40 * LEAF + 5)
    waiting: list[Leaf] = []

    def schedule(leaf: Leaf) -> Callable[[], bytes]:
        waiting.append(leaf)

        def result() -> bytes:
            waiting.remove(leaf)
            return hash_leaf(leaf)

        assert len(waiting) <= BACKLOG + 1
        return result

    tree = ReceiptRoot(schedule)
    tree.update(data)
    assert root(data, []) == tree.root()
    assert [] == waiting


def test_a_trailer_survives_its_own_bytes() -> None:
    trailer = Trailer(((100, 72), (172, 16_472)), 16_644, bytes(32))
    assert trailer == parse_trailer(trailer.encode(), 100)


@pytest.mark.parametrize(
    ("parts", "size"),
    [
        ([], 100),
        ([[99, 72]], 171),
        ([[101, 72]], 173),
        ([[100, 71]], 171),
        ([[100, 0], [100, 72]], 172),
        ([[100, 72], [173, 72]], 245),
        ([[100, 72], [171, 72]], 243),
        ([[172, 72], [100, 72]], 172),
        ([[100, 72]], 173),
        ([[100, 72]] * 2, 172),
        ([[100, 2**53 - 1]], 2**53 - 1),
        ([[100, -72]], 28),
        ([[100, 72, 0]], 172),
        ([100, 72], 172),
        ([[100, True]], 101),
        ([["100", 72]], 172),
        ([[100, 72]] * 6, 172),
        ("", 100),
    ],
)
def test_parts_that_leave_gaps_or_overlap_are_refused(parts: list[object], size: int) -> None:
    value = {"parts": parts, "root": "A" * 43 + "=", "size": size}
    data = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    with pytest.raises(MalformedEnvelope):
        parse_trailer(data, 100)
