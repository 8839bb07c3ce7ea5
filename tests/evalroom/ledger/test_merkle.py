"""The tree: known vectors of RFC 6962, another implementation as oracle, and every forged proof."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from evalroom.ledger.entry import leaf_hash
from evalroom.ledger.merkle import (
    EMPTY_ROOT,
    Frontier,
    InvalidProof,
    OutsideTree,
    Tree,
    node_hash,
    verify_consistency,
    verify_inclusion,
)

INPUTS = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
"""The leaves of the Certificate Transparency reference tests; their roots follow."""

ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]

LEAVES = [leaf_hash(str(n).encode()) for n in range(300)]
TREE = Tree(LEAVES)
SIZES = st.integers(0, 300)


def recursive_root(leaves: list[bytes]) -> bytes:
    """Return the root by the definition of RFC 6962 §2.1."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(recursive_root(leaves[:split]), recursive_root(leaves[split:]))


def test_roots_are_those_of_the_reference_tests() -> None:
    tree, frontier = Tree(), Frontier()
    for data, root in zip(INPUTS, ROOTS, strict=True):
        tree.append(leaf_hash(data))
        frontier.append(leaf_hash(data))
        assert root == tree.root().hex()
        assert root == frontier.root().hex()


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert hashlib.sha256(b"").digest() == EMPTY_ROOT
    assert EMPTY_ROOT == Tree().root()
    assert EMPTY_ROOT == Frontier().root()


@given(SIZES)
def test_every_root_is_that_of_the_definition(size: int) -> None:
    frontier = Frontier()
    for leaf in LEAVES[:size]:
        frontier.append(leaf)
    assert recursive_root(LEAVES[:size]) == frontier.root()
    assert recursive_root(LEAVES[:size]) == TREE.root(size)


@settings(deadline=None)
@given(st.integers(1, 64), st.data())
def test_another_implementation_gives_the_same_roots_and_proofs(size: int, data: st.DataObject) -> None:
    oracle = InmemoryTree(algorithm="sha256")
    for n in range(size):
        oracle.append_entry(str(n).encode())
    assert oracle.get_root(size) == TREE.root(size)
    index = data.draw(st.integers(0, size - 1))
    path = oracle.prove_inclusion(index + 1, size).path  # counts from 1, and the path holds the leaf itself
    assert [one for one in path if one != LEAVES[index]] == list(TREE.inclusion_proof(index, size))
    old = data.draw(st.integers(1, size))
    verify_consistency(
        old, size, TREE.consistency_proof(old, size), oracle.get_root(old), oracle.get_root(size)
    )


@given(st.integers(1, 300), st.data())
def test_every_leaf_is_proven_at_every_size(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    verify_inclusion(LEAVES[index], index, size, TREE.inclusion_proof(index, size), TREE.root(size))


@given(SIZES, SIZES)
def test_every_size_is_consistent_with_every_later_one(one: int, other: int) -> None:
    old, new = sorted((one, other))
    verify_consistency(old, new, TREE.consistency_proof(old, new), TREE.root(old), TREE.root(new))


@given(st.integers(1, 300), st.data())
def test_a_forged_inclusion_is_refused(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof, root = TREE.inclusion_proof(index, size), TREE.root(size)
    other = data.draw(st.integers(0, 299).filter(lambda n: n != index))
    with pytest.raises(InvalidProof):
        verify_inclusion(LEAVES[other], index, size, proof, root)
    with pytest.raises(InvalidProof):
        verify_inclusion(LEAVES[index], index, size, (*proof, bytes(32)), root)
    with pytest.raises(InvalidProof):
        verify_inclusion(LEAVES[index], index, size, proof, bytes(32))
    with pytest.raises(InvalidProof):
        verify_inclusion(LEAVES[index], size, size, proof, root)
    if proof:
        with pytest.raises(InvalidProof):
            verify_inclusion(LEAVES[index], index, size, proof[:-1], root)
        place = data.draw(st.integers(0, len(proof) - 1))
        flipped = bytes([proof[place][0] ^ 1]) + proof[place][1:]
        with pytest.raises(InvalidProof):
            verify_inclusion(LEAVES[index], index, size, (*proof[:place], flipped, *proof[place + 1 :]), root)


@given(st.integers(1, 300), st.integers(1, 300), st.data())
def test_a_forged_consistency_is_refused(one: int, other: int, data: st.DataObject) -> None:
    old, new = sorted((one, other))
    proof, old_root, new_root = TREE.consistency_proof(old, new), TREE.root(old), TREE.root(new)
    for forged in ((bytes(32), new_root), (old_root, bytes(32)), (new_root, old_root)):
        if forged != (old_root, new_root):
            with pytest.raises(InvalidProof):
                verify_consistency(old, new, proof, *forged)
    with pytest.raises(InvalidProof):
        verify_consistency(old, new, (*proof, bytes(32)), old_root, new_root)
    if proof:
        with pytest.raises(InvalidProof):
            verify_consistency(old, new, proof[:-1], old_root, new_root)
        place = data.draw(st.integers(0, len(proof) - 1))
        flipped = bytes([proof[place][0] ^ 1]) + proof[place][1:]
        with pytest.raises(InvalidProof):
            verify_consistency(old, new, (*proof[:place], flipped, *proof[place + 1 :]), old_root, new_root)


def test_a_leaf_does_not_pass_for_a_root() -> None:
    with pytest.raises(InvalidProof):
        verify_inclusion(LEAVES[0], 0, 5, (), LEAVES[0])
    with pytest.raises(InvalidProof):
        verify_inclusion(LEAVES[0], 0, 1, (LEAVES[1],), node_hash(LEAVES[1], LEAVES[0]))


def test_a_smaller_tree_does_not_pass_for_a_larger_one() -> None:
    made_up = node_hash(TREE.root(2), bytes(32))
    with pytest.raises(InvalidProof):
        verify_consistency(2, 8, (bytes(32),), TREE.root(2), made_up)
    with pytest.raises(InvalidProof):
        verify_consistency(4, 3, (), TREE.root(4), TREE.root(4))


def test_a_tree_never_shrinks() -> None:
    with pytest.raises(InvalidProof):
        verify_consistency(5, 4, (), TREE.root(5), TREE.root(4))


def test_two_roots_of_one_size_are_refused() -> None:
    with pytest.raises(InvalidProof):
        verify_consistency(5, 5, (), TREE.root(5), TREE.root(6))


def test_an_empty_tree_with_a_root_of_its_own_is_refused() -> None:
    with pytest.raises(InvalidProof):
        verify_consistency(0, 5, (), bytes(32), TREE.root(5))


@pytest.mark.parametrize("wrong", [b"", bytes(31), bytes(33)])
def test_hashes_of_another_length_are_refused(wrong: bytes) -> None:
    with pytest.raises(InvalidProof):
        verify_inclusion(wrong, 0, 1, (), wrong)
    with pytest.raises(InvalidProof):
        verify_consistency(1, 2, (wrong,), TREE.root(1), TREE.root(2))
    with pytest.raises(InvalidProof):
        Tree().append(wrong)


def test_a_proof_outside_the_tree_is_refused() -> None:
    for call in (
        lambda: TREE.root(301),
        lambda: TREE.root(-1),
        lambda: TREE.leaf(300),
        lambda: TREE.inclusion_proof(5, 5),
        lambda: TREE.inclusion_proof(-1, 5),
        lambda: TREE.inclusion_proof(5, 301),
        lambda: TREE.consistency_proof(6, 5),
        lambda: TREE.consistency_proof(1, 301),
    ):
        with pytest.raises(OutsideTree):
            call()


def test_a_copied_frontier_grows_alone() -> None:
    frontier = Frontier()
    for leaf in LEAVES[:5]:
        frontier.append(leaf)
    twin = frontier.copy()
    twin.append(LEAVES[5])
    assert (5, TREE.root(5)) == (frontier.size, frontier.root())
    assert (6, TREE.root(6)) == (twin.size, twin.root())
    assert TREE.root(5) == Frontier(5, frontier.peaks).root()


def test_a_tree_gives_its_leaves_back() -> None:
    assert LEAVES[17] == TREE.leaf(17)
