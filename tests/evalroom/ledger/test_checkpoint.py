"""Checkpoints: who signed, who cosigned, and every way of pretending to."""

import struct

import pytest

from evalroom.errors import EvalroomError
from evalroom.ledger.checkpoint import (
    Checkpoint,
    MalformedCheckpoint,
    OriginMismatch,
    QuorumMissing,
    check_quorum,
    cosign,
    default_quorum,
    open_checkpoint,
    parse_checkpoint,
    sign_checkpoint,
    with_cosignatures,
)
from evalroom.ledger.merkle import EMPTY_ROOT
from evalroom.ledger.note import (
    BadNoteSignature,
    KeyKind,
    MalformedKey,
    Note,
    SigningKey,
    UntrustedNote,
    parse_vkey,
    sign_text,
)

LOG = SigningKey.from_seed("evalroom/S-1", KeyKind.LOG, b"L" * 32)
NORTH = SigningKey.from_seed("north", KeyKind.COSIGNATURE, b"N" * 32)
SOUTH = SigningKey.from_seed("south", KeyKind.COSIGNATURE, b"S" * 32)
WITNESSES = (NORTH.verifier, SOUTH.verifier)
HEAD = Checkpoint("evalroom/S-1", 12, b"R" * 32)
SIGNED = sign_checkpoint(HEAD, LOG)
COSIGNED = with_cosignatures(SIGNED, [cosign(HEAD, NORTH, 1_795_000_000), cosign(HEAD, SOUTH, 1_795_000_001)])


def test_a_published_cosigned_checkpoint_of_c2sp_parses() -> None:
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    assert text == parse_checkpoint(text).text()


def test_a_cosigned_checkpoint_tells_who_and_when() -> None:
    signed = open_checkpoint(COSIGNED.encode(), LOG.verifier, WITNESSES)
    assert HEAD == signed.checkpoint
    assert [("north", 1_795_000_000), ("south", 1_795_000_001)] == [
        (one.key.name, one.time) for one in signed.cosignatures
    ]
    check_quorum(signed, 2)


def test_lines_of_unknown_keys_are_reported_and_count_for_nothing() -> None:
    signed = open_checkpoint(COSIGNED.encode(), LOG.verifier, WITNESSES[:1])
    assert ["south"] == [line.name for line in signed.unknown]
    with pytest.raises(QuorumMissing):
        check_quorum(signed, 2)


def test_flipping_any_byte_takes_the_quorum_away() -> None:
    data = COSIGNED.encode()
    for place in range(len(data)):
        changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        with pytest.raises(EvalroomError):
            check_quorum(open_checkpoint(changed, LOG.verifier, WITNESSES), 2)


def test_truncation_anywhere_takes_the_quorum_away() -> None:
    data = COSIGNED.encode()
    for length in range(len(data)):
        with pytest.raises(EvalroomError):
            check_quorum(open_checkpoint(data[:length], LOG.verifier, WITNESSES), 2)


def test_a_checkpoint_of_another_key_of_the_same_name_is_not_trusted() -> None:
    thief = SigningKey.from_seed("evalroom/S-1", KeyKind.LOG, b"T" * 32)
    with pytest.raises(UntrustedNote):
        open_checkpoint(sign_checkpoint(HEAD, thief).encode(), LOG.verifier)


def test_a_checkpoint_of_another_session_is_refused() -> None:
    other = SigningKey.from_seed("evalroom/S-2", KeyKind.LOG, b"L" * 32)
    note = sign_checkpoint(Checkpoint("evalroom/S-2", 12, b"R" * 32), other)
    with pytest.raises(OriginMismatch):
        open_checkpoint(note.encode(), LOG.verifier)
    with pytest.raises(OriginMismatch):
        sign_checkpoint(HEAD, other)


def test_cosignatures_alone_make_no_checkpoint() -> None:
    note = Note(HEAD.text(), (cosign(HEAD, NORTH, 1),))
    with pytest.raises(UntrustedNote):
        open_checkpoint(note.encode(), LOG.verifier, WITNESSES)


def test_a_cosignature_moved_to_another_checkpoint_is_refused() -> None:
    other = sign_checkpoint(Checkpoint("evalroom/S-1", 13, b"R" * 32), LOG)
    with pytest.raises(BadNoteSignature):
        open_checkpoint(with_cosignatures(other, [cosign(HEAD, NORTH, 1)]).encode(), LOG.verifier, WITNESSES)


def test_a_cosignature_of_a_log_key_is_refused() -> None:
    forged = NORTH.line(struct.pack(">Q", 1) + NORTH.private.sign(HEAD.text().encode()))
    with pytest.raises(BadNoteSignature):
        open_checkpoint(with_cosignatures(SIGNED, [forged]).encode(), LOG.verifier, WITNESSES)
    with pytest.raises(MalformedKey):
        cosign(HEAD, LOG, 1)
    with pytest.raises(MalformedKey):
        sign_checkpoint(HEAD, NORTH)


@pytest.mark.parametrize("time", [0, 1 << 63, (1 << 64) - 1])
def test_a_cosignature_at_an_impossible_time_is_refused(time: int) -> None:
    line = NORTH.line(
        struct.pack(">Q", time) + NORTH.private.sign(f"cosignature/v1\ntime {time}\n{HEAD.text()}".encode())
    )
    with pytest.raises(BadNoteSignature):
        open_checkpoint(with_cosignatures(SIGNED, [line]).encode(), LOG.verifier, WITNESSES)


def test_a_witness_never_counts_twice() -> None:
    twice = with_cosignatures(SIGNED, [cosign(HEAD, NORTH, 1), cosign(HEAD, NORTH, 2)])
    with pytest.raises(BadNoteSignature):
        open_checkpoint(twice.encode(), LOG.verifier, WITNESSES)
    renamed = SigningKey("east", KeyKind.COSIGNATURE, NORTH.private)
    with pytest.raises(MalformedKey):
        open_checkpoint(SIGNED.encode(), LOG.verifier, (NORTH.verifier, renamed.verifier))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "o\n1\n",
        HEAD.text() + "extension\n",
        HEAD.text() + "\n",
        HEAD.text().replace("12", "012"),
        HEAD.text().replace("12", "-12"),
        HEAD.text().replace("12", "+12"),
        HEAD.text().replace("12", "1_2"),
        HEAD.text().replace("12", "\u0661\u0662"),
        HEAD.text().replace("12", "9007199254740992"),
        HEAD.text().replace("12", "99999999999999999999"),
        HEAD.text().replace("12", ""),
        HEAD.text().replace("12", "0"),
        HEAD.text().replace("evalroom/S-1", ""),
        HEAD.text().replace("evalroom/S-1", "two words"),
        "o\n1\nUlJS\n",
        "o\n1\n!\n",
    ],
)
def test_a_text_of_another_form_is_no_checkpoint(text: str) -> None:
    with pytest.raises(MalformedCheckpoint):
        parse_checkpoint(text)


def test_an_empty_log_has_a_checkpoint_too() -> None:
    head = Checkpoint("evalroom/S-1", 0, EMPTY_ROOT)
    assert head == open_checkpoint(sign_checkpoint(head, LOG).encode(), LOG.verifier).checkpoint


def test_a_log_that_signs_twice_is_refused() -> None:
    note = Note(HEAD.text(), (*SIGNED.signatures, sign_text(HEAD.text(), LOG)))
    with pytest.raises(BadNoteSignature):
        open_checkpoint(note.encode(), LOG.verifier)


@pytest.mark.parametrize(("witnesses", "quorum"), [(0, 0), (1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (9, 5)])
def test_the_default_quorum_is_a_majority_of_at_least_two(witnesses: int, quorum: int) -> None:
    assert quorum == default_quorum(witnesses)


def test_keys_travel_as_verifier_keys() -> None:
    assert WITNESSES == tuple(parse_vkey(key.encode()) for key in WITNESSES)
