"""Checkpoints: the log's signed word on size and root, and the witnesses' cosignatures below it.

Forms: c2sp.org/tlog-checkpoint and the Ed25519 part of c2sp.org/tlog-cosignature.  Refused: extension
lines (nobody audits them, and a witness rebuilds the text from origin, size and root alone), a log key
whose name is not the origin, and two cosignatures of one public key (Ed25519 does not bind the name, so
one witness could count twice).
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from evalroom.errors import PeerFault
from evalroom.ledger.base64 import NotBase64, decode_base64, encode_base64
from evalroom.ledger.canonical import SAFE_INTEGER
from evalroom.ledger.merkle import EMPTY_ROOT, HASH_SIZE
from evalroom.ledger.note import (
    BadNoteSignature,
    KeyKind,
    MalformedKey,
    Note,
    SignatureLine,
    SigningKey,
    UntrustedNote,
    VerifierKey,
    check_key_name,
    parse_note,
    sign_text,
)

_TIMESTAMPED = struct.Struct(">Q64s")


class MalformedCheckpoint(PeerFault):
    """A note's text is no checkpoint: origin, size and root, one line each."""

    code = "malformed_checkpoint"


class OriginMismatch(PeerFault):
    """A checkpoint speaks of another log than the one asked for: it belongs to another session."""

    code = "origin_mismatch"


class QuorumMissing(PeerFault):
    """Fewer witnesses than the session's quorum cosigned: wait for them, or find out why they refuse."""

    code = "quorum_missing"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head: `root` over the first `size` entries of the log named `origin`."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """Return the note text: three lines."""
        return f"{self.origin}\n{self.size}\n{encode_base64(self.root)}\n"


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A witness's verified word that at `time` (POSIX seconds) the checkpoint was the largest it had seen."""

    key: VerifierKey
    time: int


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A checkpoint whose log signature was verified, with what else was found below it."""

    checkpoint: Checkpoint
    cosignatures: tuple[Cosignature, ...]
    unknown: tuple[SignatureLine, ...]
    note: Note


def parse_checkpoint(text: str) -> Checkpoint:
    """Return the checkpoint that a note's text writes down.

    Raises:
        MalformedCheckpoint: another form, or an empty tree with another root.
    """
    lines = text.split("\n")
    if len(lines) != 4 or lines[3]:
        raise MalformedCheckpoint(reason="not three lines")
    origin, digits, encoded = lines[:3]
    try:
        check_key_name(origin)
        root = decode_base64(encoded)
    except (MalformedKey, NotBase64) as error:
        raise MalformedCheckpoint(reason="origin or root") from error
    size = parse_size(digits)
    if len(root) != HASH_SIZE or (size == 0 and root != EMPTY_ROOT):
        raise MalformedCheckpoint(reason="root", size=size)
    return Checkpoint(origin, size, root)


def parse_size(digits: str) -> int:
    """Return a tree size in ASCII decimal without leading zeroes.

    Raises:
        MalformedCheckpoint: another form, or above 2^53 - 1.
    """
    if not digits.isascii() or not digits.isdigit() or len(digits) > 16 or str(int(digits)) != digits:
        raise MalformedCheckpoint(reason="size", size=digits[:40])
    size = int(digits)
    if size > SAFE_INTEGER:
        raise MalformedCheckpoint(reason="size", size=size)
    return size


def sign_checkpoint(checkpoint: Checkpoint, key: SigningKey) -> Note:
    """Return the checkpoint as a note signed by the log.

    Raises:
        OriginMismatch: the key bears another name than the origin.
        MalformedKey: it is no log key.
    """
    if key.kind is not KeyKind.LOG:
        raise MalformedKey(name=key.name)
    if key.name != checkpoint.origin:
        raise OriginMismatch(expected=checkpoint.origin, got=key.name)
    text = checkpoint.text()
    return Note(text, (sign_text(text, key),))


def cosign(checkpoint: Checkpoint, key: SigningKey, time: int) -> SignatureLine:
    """Return a witness's cosignature at `time`, POSIX seconds; only `witness.reply` may call it for a witness.

    Raises:
        MalformedKey: it is no cosignature key.
    """
    if key.kind is not KeyKind.COSIGNATURE:
        raise MalformedKey(name=key.name)
    signature = key.private.sign(cosigned_message(checkpoint.text(), time))
    return key.line(_TIMESTAMPED.pack(time, signature))


def cosigned_message(text: str, time: int) -> bytes:
    """Return what a cosignature signs: header line, time line and the whole note text."""
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def with_cosignatures(note: Note, lines: Iterable[SignatureLine]) -> Note:
    """Return `note` with `lines` added below; lines it has already are not repeated."""
    added = dict.fromkeys((*note.signatures, *lines))
    return Note(note.text, tuple(added))


def open_checkpoint(
    data: bytes, log_key: VerifierKey, witnesses: Sequence[VerifierKey] = ()
) -> SignedCheckpoint:
    """Return the checkpoint in `data` once its log signature and every known cosignature are verified.

    Raises:
        MalformedNote, MalformedCheckpoint: another form.
        OriginMismatch: it is of another log.
        UntrustedNote: the log did not sign it.
        BadNoteSignature: a known key's signature is wrong, or stands there twice.
    """
    note = parse_note(data)
    checkpoint = parse_checkpoint(note.text)
    if checkpoint.origin != log_key.name:
        raise OriginMismatch(expected=log_key.name, got=checkpoint.origin)
    check_distinct(witnesses)
    by_log: list[SignatureLine] = []
    cosignatures: list[Cosignature] = []
    unknown: list[SignatureLine] = []
    for line in note.signatures:
        witness = next((key for key in witnesses if line.belongs_to(key)), None)
        if line.belongs_to(log_key):
            log_key.check(line.signature, note.text.encode())
            by_log.append(line)
        elif witness is not None:
            cosignatures.append(check_cosignature(line, witness, note.text))
        else:
            unknown.append(line)
    if not by_log:
        raise UntrustedNote(origin=checkpoint.origin, size=checkpoint.size)
    if len(by_log) > 1 or len({one.key for one in cosignatures}) != len(cosignatures):
        raise BadNoteSignature(reason="a key signed twice", size=checkpoint.size)
    return SignedCheckpoint(checkpoint, tuple(cosignatures), tuple(unknown), note)


def check_cosignature(line: SignatureLine, key: VerifierKey, text: str) -> Cosignature:
    """Return the cosignature in `line` once it is verified for the note text `text`.

    Raises:
        BadNoteSignature: wrong length, time beyond 2^63 - 1, or a wrong signature.
    """
    if key.kind is not KeyKind.COSIGNATURE or len(line.signature) != _TIMESTAMPED.size:
        raise BadNoteSignature(key=key.name)
    time, signature = _TIMESTAMPED.unpack(line.signature)
    if not 0 < time < 1 << 63:
        raise BadNoteSignature(key=key.name)
    key.check(signature, cosigned_message(text, time))
    return Cosignature(key, time)


def check_distinct(witnesses: Sequence[VerifierKey]) -> None:
    """Check that no public key and no name stands among the witnesses twice.

    Raises:
        MalformedKey: one does.
    """
    for values in ({key.public for key in witnesses}, {key.name for key in witnesses}):
        if len(values) != len(witnesses):
            raise MalformedKey(reason="two witnesses share a key or a name")


def default_quorum(witnesses: int) -> int:
    """Return max(2, n//2 + 1), at most n: the default number of cosignatures (archive.md §1)."""
    return min(witnesses, max(2, witnesses // 2 + 1))


def check_quorum(signed: SignedCheckpoint, quorum: int) -> None:
    """Check that at least `quorum` known witnesses cosigned.

    Raises:
        QuorumMissing: fewer did.
    """
    if len(signed.cosignatures) < quorum:
        raise QuorumMissing(size=signed.checkpoint.size, quorum=quorum, found=len(signed.cosignatures))
