"""Proofs that stand alone: an entry's place under a checkpoint, as a `.tlog-proof` file.

Form: c2sp.org/tlog-proof.  Whoever holds the entry, the log's key and the witnesses' keys needs nothing
else.  The `extra` line is carried but proves nothing: nobody signs it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from evalroom.errors import PeerFault
from evalroom.ledger.base64 import NotBase64, decode_base64, encode_base64
from evalroom.ledger.checkpoint import (
    MalformedCheckpoint,
    SignedCheckpoint,
    check_quorum,
    open_checkpoint,
    parse_size,
)
from evalroom.ledger.merkle import verify_inclusion
from evalroom.ledger.note import MalformedNote, Note, VerifierKey, parse_note

HEADER = "c2sp.org/tlog-proof@v1"
MAX_PROOF = 63


class MalformedProof(PeerFault):
    """A file is no `.tlog-proof`, or was changed or cut: it proves nothing, what it is about is safe; fetch it again."""

    code = "malformed_proof"


@dataclass(frozen=True, slots=True)
class TlogProof:
    """Leaf `index`, the path from it to the checkpoint's root, and the checkpoint as a note."""

    index: int
    path: tuple[bytes, ...]
    note: Note
    extra: bytes | None = None

    def encode(self) -> bytes:
        """Return the file's bytes."""
        lines = [HEADER]
        if self.extra is not None:
            lines.append(f"extra {encode_base64(self.extra)}")
        lines += [f"index {self.index}", *map(encode_base64, self.path), "", ""]
        return "\n".join(lines).encode() + self.note.encode()

    def verify(
        self,
        leaf: bytes,
        log_key: VerifierKey,
        witnesses: Sequence[VerifierKey] = (),
        quorum: int = 0,
    ) -> SignedCheckpoint:
        """Return the checkpoint under which `leaf` is proven to stand.

        Raises:
            UntrustedNote, BadNoteSignature, OriginMismatch, MalformedCheckpoint: the checkpoint fails.
            QuorumMissing: fewer than `quorum` witnesses cosigned.
            InvalidProof: the leaf is not under its root.
        """
        signed = open_checkpoint(self.note.encode(), log_key, witnesses)
        check_quorum(signed, quorum)
        verify_inclusion(leaf, self.index, signed.checkpoint.size, self.path, signed.checkpoint.root)
        return signed


def parse_proof(data: bytes) -> TlogProof:
    """Return the proof in a `.tlog-proof` file, without verifying it.

    Raises:
        MalformedProof: another form.
    """
    head, blank, note = data.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
        if not blank or lines.pop(0) != HEADER:
            raise MalformedProof(reason="header or empty line")
        extra = None
        if lines and lines[0].startswith("extra "):
            extra = decode_base64(lines.pop(0).removeprefix("extra "))
        if not lines or not lines[0].startswith("index ") or len(lines) > MAX_PROOF + 1:
            raise MalformedProof(reason="index or number of lines")
        index = parse_size(lines.pop(0).removeprefix("index "))
        path = tuple(decode_base64(line) for line in lines)
        return TlogProof(index, path, parse_note(note), extra)
    except (UnicodeDecodeError, NotBase64, MalformedCheckpoint, MalformedNote) as error:
        raise MalformedProof(reason="a line has another form") from error
