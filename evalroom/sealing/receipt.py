"""The receipt of a sealed bid: what a bidder keeps to prove that the bid was handed in, and when.

A C2SP tlog-proof (c2sp.org/tlog-proof) whose `extra` carries what it is about and the salted entry itself, then, where
a time-stamp authority is configured, a line with its token, which the room keeps as it came (opening.md §6).  It is
checked offline with the keys of log and witnesses alone.  Refused: an entry that is no submission or of another bid
than `extra` says, a proof that does not lead to the checkpoint; too few cosignatures make it provisional only.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from evalroom.errors import PeerFault
from evalroom.ids import BidNumber
from evalroom.ledger.base64 import NotBase64, decode_base64, encode_base64
from evalroom.ledger.canonical import canonical
from evalroom.ledger.entry import MAX_ENTRY, Entry, leaf_hash, parse_entry
from evalroom.ledger.note import Note, VerifierKey
from evalroom.ledger.proof import TlogProof, parse_proof
from evalroom.sealing.members import Members

_TOKEN = b"tst "
MAX_TOKEN = 1 << 16


class MalformedReceipt(PeerFault):
    """The file is no receipt of a sealed bid, or was changed: fetch it again from the host while it is there."""

    code = "malformed_receipt"


class ReceiptMismatch(PeerFault):
    """The receipt's entry is not about this bid or tender: it proves nothing, the bid is safe; fetch its own receipt."""

    code = "receipt_mismatch"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a receipt says: bid, digest and root in hex, size of the envelope, the entry's bytes, and the proof."""

    tender: str
    bid: BidNumber
    digest: str
    root: str
    size: int
    entry: bytes
    index: int
    path: tuple[bytes, ...]
    note: Note
    token: bytes | None = None

    def encode(self) -> bytes:
        """Return the file's bytes."""
        extra = canonical(
            {
                "bid": self.bid,
                "digest": self.digest,
                "entry": encode_base64(self.entry),
                "root": self.root,
                "size": self.size,
                "tender": self.tender,
            }
        )
        proof = TlogProof(self.index, self.path, self.note, extra).encode()
        stamp = b"" if self.token is None else _TOKEN + encode_base64(self.token).encode() + b"\n"
        return proof + stamp

    def stamped(self) -> bytes:
        """Return what a time-stamp authority stamps: SHA-256 of the checkpoint's note, signatures included."""
        return hashlib.sha256(self.note.encode()).digest()


@dataclass(frozen=True, slots=True)
class CheckedReceipt:
    """A receipt that holds: when the entry was written (UTC ms), under how many entries, who cosigned."""

    receipt: Receipt
    at: int
    size: int
    cosigners: tuple[str, ...]
    provisional: bool


def issue_receipt(
    tender: str, entry: bytes, path: Sequence[bytes], note: Note, token: bytes | None = None
) -> Receipt:
    """Return the receipt over the bytes of a `BidSubmitted` entry; `path` leads from it to the root in `note`.

    Raises:
        MalformedReceipt: the entry is of another type.
    """
    read = _submission(entry)
    members = Members(read.body, MalformedReceipt)
    return Receipt(
        tender=tender,
        bid=BidNumber(members.text("bid", 32)),
        digest=members.text("digest", 64),
        root=members.text("root", 64),
        size=members.integer("size", 1),
        entry=entry,
        index=read.seq,
        path=tuple(path),
        note=note,
        token=token,
    )


def parse_receipt(data: bytes) -> Receipt:
    """Return the receipt in a `.receipt` file, its entry compared with what it says; no signature is verified yet.

    Raises:
        MalformedReceipt, MalformedProof: another form.
        ReceiptMismatch: the entry is about another bid.
    """
    if len(data) > 2 * MAX_ENTRY:
        raise MalformedReceipt(reason="too long")
    whole, token = _split_token(data)
    proof = parse_proof(whole)
    members = Members.parse(proof.extra or b"", MalformedReceipt)
    receipt = Receipt(
        tender=members.text("tender", 64),
        bid=BidNumber(members.text("bid", 32)),
        digest=members.text("digest", 64),
        root=members.text("root", 64),
        size=members.integer("size", 1),
        entry=members.data_within("entry", MAX_ENTRY),
        index=proof.index,
        path=proof.path,
        note=proof.note,
        token=token,
    )
    members.close()
    if receipt != issue_receipt(receipt.tender, receipt.entry, proof.path, proof.note, token):
        raise ReceiptMismatch(bid=receipt.bid)
    return receipt


def check_receipt(
    data: bytes, tender: str, log_key: VerifierKey, witnesses: Sequence[VerifierKey], quorum: int
) -> CheckedReceipt:
    """Return what a receipt proves, offline, with the keys of log and witnesses from the notice of `tender`.

    The entry does not name its tender, the log's key does: there is no checking without knowing both.  The time stamp is not looked at here: it belongs to whoever trusts its authority.

    Raises:
        MalformedReceipt, MalformedProof: another form.
        ReceiptMismatch: it is of another tender, or its entry is about another bid.
        MalformedCheckpoint, OriginMismatch, UntrustedNote, BadNoteSignature: the checkpoint is not this log's.
        InvalidProof: the entry does not stand under it.
    """
    receipt = parse_receipt(data)
    if receipt.tender != tender:
        raise ReceiptMismatch(tender=receipt.tender, expected=tender)
    proof = TlogProof(receipt.index, receipt.path, receipt.note)
    signed = proof.verify(leaf_hash(receipt.entry), log_key, witnesses)
    return CheckedReceipt(
        receipt=receipt,
        at=parse_entry(receipt.entry).t,
        size=signed.checkpoint.size,
        cosigners=tuple(sorted(one.key.name for one in signed.cosignatures)),
        provisional=len(signed.cosignatures) < quorum,
    )


def _submission(entry: bytes) -> Entry:
    try:
        read = parse_entry(entry)
    except PeerFault as error:
        raise MalformedReceipt(reason=error.code) from error
    if read.type != "BidSubmitted" or read.salt is None:
        raise MalformedReceipt(reason="no salted submission")
    return read


def _split_token(data: bytes) -> tuple[bytes, bytes | None]:
    """Part the last line from the proof where it is a token."""
    proof, _, last = data[:-1].rpartition(b"\n")
    if not last.startswith(_TOKEN):
        return data, None
    try:
        token = decode_base64(last.removeprefix(_TOKEN).decode("ascii"))
    except (NotBase64, UnicodeDecodeError) as error:
        raise MalformedReceipt(reason="the time stamp is not Base64") from error
    if not data.endswith(b"\n") or not 0 < len(token) <= MAX_TOKEN:
        raise MalformedReceipt(reason="the time stamp's line")
    return proof + b"\n", token
