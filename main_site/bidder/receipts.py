"""Receipts as a bidder keeps them: compared with the bid they are about, and checked offline with the notice's keys.

A receipt proves that the bid stands in the journal under a checkpoint that log and witnesses signed (opening.md
§6).  With fewer cosignatures than the quorum it is provisional: the bid is handed in, the proof is to be fetched
again.  Refused: a receipt of another bid, a proof that does not hold.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from evalroom.errors import PeerFault
from evalroom.ledger.checkpoint import check_distinct, default_quorum
from evalroom.ledger.note import KeyKind, MalformedKey, VerifierKey, parse_vkey
from evalroom.sealing.receipt import CheckedReceipt, Receipt, check_receipt, parse_receipt


class ReceiptOfAnotherBid(PeerFault):
    """The receipt is about another bid than this one: keep it, but look for the one that belongs to the bid."""

    code = "receipt_of_another_bid"


class UnusableKeyList(PeerFault):
    """The list of verifier keys is not that of a log and then its witnesses: copy it from the notice, a line each."""

    code = "unusable_key_list"


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a bid from the envelope or its key file."""

    tender: str
    bid: bytes
    root: bytes
    digest: bytes
    size: int

    @property
    def number(self) -> str:
        """Return the number of the bid, 32 hex digits."""
        return self.bid.hex()

    def check(self, receipt: Receipt) -> None:
        """Return when the receipt is about this bid.

        Raises:
            ReceiptOfAnotherBid: it is not.
        """
        about = receipt.tender, receipt.bid, receipt.root, receipt.digest, receipt.size
        if about != (self.tender, self.number, self.root.hex(), self.digest.hex(), self.size):
            raise ReceiptOfAnotherBid(bid=self.number, receipt=receipt.bid)


def check_belongs(data: bytes, known: Known) -> None:
    """Return when a receipt is about the bid; its signatures are not looked at, for want of keys.

    Raises:
        ReceiptOfAnotherBid, MalformedReceipt, MalformedProof, ReceiptMismatch: it is not.
    """
    known.check(parse_receipt(data))


def check(data: bytes, keys: bytes, quorum: int | None, about: Known | str) -> CheckedReceipt:
    """Return what a receipt proves of a bid, or of whichever bid it names in the tender `about`.

    `keys` is the notice's list; without `quorum` the journal's rule counts.

    Raises:
        UnusableKeyList: the list is none.
        ReceiptOfAnotherBid: the receipt is about another bid.
        EvalroomError: it proves nothing, and why.
    """
    log, *witnesses = _key_list(keys)
    needed = default_quorum(len(witnesses)) if quorum is None else quorum
    tender = about if isinstance(about, str) else about.tender
    checked = check_receipt(data, tender, log, witnesses, needed)
    if isinstance(about, Known):
        about.check(checked.receipt)
    return checked


def _key_list(text: bytes) -> Sequence[VerifierKey]:
    try:
        keys = [parse_vkey(line) for line in text.decode().split("\n") if line.strip()]
        check_distinct(keys[1:])
    except (UnicodeDecodeError, MalformedKey) as error:
        raise UnusableKeyList(reason="a line is no verifier key, or stands there twice") from error
    kinds = [key.kind for key in keys]
    if kinds[:1] != [KeyKind.LOG] or set(kinds[1:]) - {KeyKind.COSIGNATURE}:
        raise UnusableKeyList(reason="the log's key first, then only witnesses'")
    return keys
