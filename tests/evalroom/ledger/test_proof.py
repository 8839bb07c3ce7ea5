"""Proof files: they convince with the right keys, and fail after any change."""

import pytest

from evalroom.errors import EvalroomError
from evalroom.ledger.checkpoint import Checkpoint, QuorumMissing, cosign, sign_checkpoint, with_cosignatures
from evalroom.ledger.entry import leaf_hash
from evalroom.ledger.merkle import InvalidProof, Tree
from evalroom.ledger.note import KeyKind, SigningKey
from evalroom.ledger.proof import MalformedProof, TlogProof, parse_proof

LOG = SigningKey.from_seed("evalroom/S-1", KeyKind.LOG, b"L" * 32)
NORTH = SigningKey.from_seed("north", KeyKind.COSIGNATURE, b"N" * 32)
TREE = Tree(leaf_hash(str(n).encode()) for n in range(40))
HEAD = Checkpoint("evalroom/S-1", 37, TREE.root(37))
NOTE = with_cosignatures(sign_checkpoint(HEAD, LOG), [cosign(HEAD, NORTH, 1_795_000_000)])
PROOF = TlogProof(20, TREE.inclusion_proof(20, 37), NOTE, extra=b"sheet E03")
KEYS = (LOG.verifier, (NORTH.verifier,), 1)


def test_a_proof_file_convinces_whoever_has_the_keys() -> None:
    parsed = parse_proof(PROOF.encode())
    assert PROOF == parsed
    assert HEAD == parsed.verify(TREE.leaf(20), *KEYS).checkpoint


def test_the_extra_line_may_be_absent() -> None:
    proof = TlogProof(0, TREE.inclusion_proof(0, 37), NOTE)
    assert proof == parse_proof(proof.encode())


def test_a_tree_of_one_leaf_needs_no_hashes() -> None:
    head = Checkpoint("evalroom/S-1", 1, TREE.root(1))
    proof = TlogProof(0, (), sign_checkpoint(head, LOG))
    parse_proof(proof.encode()).verify(TREE.leaf(0), LOG.verifier)


def test_another_leaf_is_not_proven() -> None:
    with pytest.raises(InvalidProof):
        PROOF.verify(TREE.leaf(21), *KEYS)


def test_a_missing_cosignature_is_named() -> None:
    with pytest.raises(QuorumMissing):
        PROOF.verify(TREE.leaf(20), LOG.verifier, (NORTH.verifier,), 2)


def test_flipping_any_byte_but_the_unsigned_extra_is_noticed() -> None:
    data = PROOF.encode()
    start = data.index(b"extra ") + 6
    unsigned = range(start, data.index(b"\n", start))
    for place in set(range(len(data))) - set(unsigned):
        changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        with pytest.raises(EvalroomError):
            parse_proof(changed).verify(TREE.leaf(20), *KEYS)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        PROOF.encode().replace(b"@v1", b"@v2"),
        PROOF.encode().replace(b"index 20", b"index 020"),
        PROOF.encode().replace(b"index 20\n", b""),
        PROOF.encode().replace(b"index 20\n", b"index 20\nindex 20\n"),
        PROOF.encode().replace(b"extra ", b"extra !"),
        TlogProof(0, tuple(bytes(32) for _ in range(64)), NOTE).encode(),
        PROOF.encode().partition(b"\n\n")[0],
        b"\xff" + PROOF.encode(),
    ],
)
def test_a_file_of_another_form_is_no_proof(data: bytes) -> None:
    with pytest.raises(MalformedProof):
        parse_proof(data)
