"""The witness: what it refuses, with which status, and that it never answers from thin air."""

import pytest

from evalroom.ledger.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint, with_cosignatures
from evalroom.ledger.entry import leaf_hash
from evalroom.ledger.merkle import Tree
from evalroom.ledger.note import KeyKind, SigningKey, parse_signature_line
from evalroom.ledger.witness import (
    AddCheckpoint,
    BadRequest,
    Equivocation,
    Inconsistent,
    OtherSizeKnown,
    UnknownLogKey,
    UnknownOrigin,
    WitnessRefusal,
    consider,
    parse_request,
    reply,
)

ORIGIN = "evalroom/S-1"
LOG = SigningKey.from_seed(ORIGIN, KeyKind.LOG, b"L" * 32)
NORTH = SigningKey.from_seed("north", KeyKind.COSIGNATURE, b"N" * 32)
LOGS = {ORIGIN: LOG.verifier}
TREE = Tree(leaf_hash(str(n).encode()) for n in range(40))
OTHER_TREE = Tree(leaf_hash(str(-n).encode()) for n in range(40))


def head(size: int, tree: Tree = TREE) -> Checkpoint:
    return Checkpoint(ORIGIN, size, tree.root(size))


def request(old: int, new: int, tree: Tree = TREE) -> AddCheckpoint:
    return AddCheckpoint(old, tree.consistency_proof(old, new), sign_checkpoint(head(new, tree), LOG))


def refusal(seen: Checkpoint | None, asked: AddCheckpoint) -> WitnessRefusal:
    with pytest.raises(WitnessRefusal) as caught:
        consider(seen, asked, LOGS)
    return caught.value


def test_a_log_is_followed_from_its_first_checkpoint_on() -> None:
    state = consider(None, request(0, 7), LOGS)
    assert head(7) == state
    assert head(30) == consider(state, request(7, 30), LOGS)


def test_the_reply_cosigns_the_state_that_was_persisted() -> None:
    persisted = consider(None, request(0, 7), LOGS)
    line = parse_signature_line(reply(persisted, NORTH, 1_795_000_000).decode().rstrip("\n"))
    note = with_cosignatures(sign_checkpoint(head(7), LOG), [line])
    signed = open_checkpoint(note.encode(), LOG.verifier, [NORTH.verifier])
    assert [("north", 1_795_000_000)] == [(one.key.name, one.time) for one in signed.cosignatures]


def test_the_same_checkpoint_may_be_cosigned_again() -> None:
    assert head(7) == consider(head(7), request(7, 7), LOGS)


def test_a_log_rolled_back_is_told_the_size_it_once_had() -> None:
    caught = refusal(head(30), request(7, 12))
    assert isinstance(caught, OtherSizeKnown)
    assert (409, 30, b"30\n") == (caught.status, caught.size, caught.body())


def test_a_smaller_tree_from_the_known_size_is_refused() -> None:
    caught = refusal(head(30), AddCheckpoint(30, (), sign_checkpoint(head(12), LOG)))
    assert isinstance(caught, BadRequest)
    assert caught.status == 400


def test_a_second_root_for_one_size_is_equivocation() -> None:
    caught = refusal(head(7), AddCheckpoint(7, (), sign_checkpoint(head(7, OTHER_TREE), LOG)))
    assert isinstance(caught, Equivocation)
    assert caught.status == 422


def test_another_history_is_inconsistent() -> None:
    caught = refusal(head(7), request(7, 12, OTHER_TREE))
    assert isinstance(caught, Inconsistent)
    assert caught.status == 422


def test_a_proof_from_nothing_must_be_empty() -> None:
    asked = AddCheckpoint(0, (bytes(32),), sign_checkpoint(head(7), LOG))
    assert isinstance(refusal(None, asked), Inconsistent)
    assert isinstance(refusal(head(0), asked), Inconsistent)


@pytest.mark.parametrize("proof", [(), (b"short",), tuple(bytes(32) for _ in range(63))])
def test_a_made_up_proof_is_inconsistent(proof: tuple[bytes, ...]) -> None:
    asked = AddCheckpoint(7, proof, sign_checkpoint(head(12), LOG))
    assert isinstance(refusal(head(7), asked), Inconsistent)


def test_a_checkpoint_of_a_stolen_name_is_refused() -> None:
    thief = SigningKey.from_seed(ORIGIN, KeyKind.LOG, b"T" * 32)
    caught = refusal(None, AddCheckpoint(0, (), sign_checkpoint(head(7), thief)))
    assert isinstance(caught, UnknownLogKey)
    assert caught.status == 403


def test_a_checkpoint_with_a_broken_signature_is_refused() -> None:
    note = sign_checkpoint(head(7), LOG)
    line = note.signatures[0]
    forged = LOG.line(bytes([line.signature[0] ^ 1]) + line.signature[1:])
    asked = AddCheckpoint(0, (), type(note)(note.text, (forged,)))
    assert isinstance(refusal(None, asked), UnknownLogKey)


def test_an_unknown_log_is_not_followed() -> None:
    other = SigningKey.from_seed("evalroom/S-2", KeyKind.LOG, b"L" * 32)
    asked = AddCheckpoint(0, (), sign_checkpoint(Checkpoint("evalroom/S-2", 7, TREE.root(7)), other))
    caught = refusal(None, asked)
    assert isinstance(caught, UnknownOrigin)
    assert caught.status == 404


def test_the_state_of_one_log_is_never_used_for_another() -> None:
    seen = Checkpoint("evalroom/S-2", 7, TREE.root(7))
    assert isinstance(refusal(seen, request(7, 12)), BadRequest)


def test_a_note_that_is_no_checkpoint_is_a_bad_request() -> None:
    note = sign_checkpoint(head(7), LOG)
    asked = AddCheckpoint(0, (), type(note)(note.text + "extension\n", note.signatures))
    assert isinstance(refusal(None, asked), BadRequest)


def test_a_request_survives_its_bytes() -> None:
    asked = request(7, 30)
    assert asked == parse_request(asked.encode())
    assert b"old 7\n" == asked.encode()[:6]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"old 0\n",
        request(7, 30).encode().replace(b"old 7", b"old 07"),
        request(7, 30).encode().replace(b"old 7", b"new 7"),
        request(7, 30).encode().replace(b"old 7\n", b"old 7\n!\n"),
        request(7, 30).encode().replace(b"old 7\n", b"old 7\n" + b"A" * 43 + b"=\n" * 64),
        AddCheckpoint(0, tuple(bytes(32) for _ in range(64)), request(0, 7).note).encode(),
        request(7, 30).encode()[:-20],
        b"old \xff\n\n",
        request(7, 30).encode() + b"x" * 100_000,
    ],
)
def test_a_request_of_another_form_is_refused(data: bytes) -> None:
    with pytest.raises(BadRequest):
        parse_request(data)
