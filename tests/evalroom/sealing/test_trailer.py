"""The trailer says where parts lie and what all bytes hash to; leaves and pieces may be cut in any way."""

import hashlib
import json
from random import Random

import pytest

from evalroom.ledger.merkle import Tree
from evalroom.sealing.core import MalformedEnvelope
from evalroom.sealing.trailer import LEAF, ReceiptRoot, Trailer, hash_leaf, parse_trailer
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
    expected = hashlib.sha256(b"\0abc").digest()
    tree = ReceiptRoot()
    for run in (b"a", b"", memoryview(b"bc")):
        tree.update(run)
    assert expected == hash_leaf(b"abc") == tree.root()


def test_what_is_written_in_place_counts_like_what_is_handed_in() -> None:
    data, tree, at = tender.pattern(2 * LEAF + 77), ReceiptRoot(), 0
    while at < len(data):
        run = data[at : at + len(tree.room())]
        tree.room()[: len(run)] = run
        assert run == tree.filled(len(run))
        tree.update(data[at + len(run) : at + len(run) + 1000])
        at += len(run) + 1000
    assert root(data, []) == tree.root()


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
