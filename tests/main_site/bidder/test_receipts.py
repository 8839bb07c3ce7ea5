"""A receipt counts for the bid it names, with the keys of the notice, and for nothing else."""

from dataclasses import replace

import pytest

from evalroom.errors import PeerFault
from evalroom.sealing import facts as sf
from evalroom.sealing.receipt import ReceiptMismatch, issue_receipt
from main_site.bidder.receipts import Known, ReceiptOfAnotherBid, UnusableKeyList, check, check_belongs
from tests.evalroom.sealing import tender
from tests.tools import transcript

STORY = transcript.made()
BID = STORY.bids[0]
KNOWN = Known(tender.TENDER, BID.envelope.bid, BID.envelope.root, BID.envelope.digest, BID.envelope.size)
RECEIPT = STORY.files[f"receipts/{BID.number}.receipt"]
KEYS = "\n".join(transcript.KEYS).encode()


def test_a_receipt_holds_for_its_bid() -> None:
    for about in (KNOWN, tender.TENDER):
        checked = check(RECEIPT, KEYS, None, about)
        assert (BID.number, False, 2) == (checked.receipt.bid, checked.provisional, len(checked.cosigners))
    check_belongs(RECEIPT, KNOWN)


@pytest.mark.parametrize(
    "other",
    [
        replace(KNOWN, bid=bytes(16)),
        replace(KNOWN, root=bytes(32)),
        replace(KNOWN, digest=bytes(32)),
        replace(KNOWN, size=1),
    ],
)
def test_a_receipt_of_another_bid_is_found_out(other: Known) -> None:
    with pytest.raises(ReceiptOfAnotherBid):
        check(RECEIPT, KEYS, None, other)
    with pytest.raises(ReceiptOfAnotherBid):
        check_belongs(RECEIPT, other)


def test_a_receipt_of_another_tender_is_found_out() -> None:
    with pytest.raises(ReceiptMismatch):
        check(RECEIPT, KEYS, None, "EV-9")
    with pytest.raises(ReceiptOfAnotherBid):
        check_belongs(RECEIPT, replace(KNOWN, tender="EV-9"))


def test_without_a_quorum_it_is_provisional() -> None:
    assert check(RECEIPT, KEYS.split(b"\n")[0], 1, KNOWN).provisional
    assert check(RECEIPT, KEYS, 3, KNOWN).provisional
    assert not check(RECEIPT, KEYS.split(b"\n")[0], None, KNOWN).provisional


def test_a_receipt_over_another_entry_proves_nothing() -> None:
    path = STORY.journal.tree.inclusion_proof(0, STORY.journal.size)
    forged = transcript.Transcript(STORY.terms)
    forged.note(sf.CoverMade("00"))
    forged.note(BID.submitted())
    note = STORY.notes[-1]
    with pytest.raises(PeerFault):
        check(issue_receipt(tender.TENDER, forged.lines[1], path, note).encode(), KEYS, 0, KNOWN)


@pytest.mark.parametrize(
    "keys",
    [
        b"",
        b"no key",
        b"\xff",
        "\n".join(transcript.KEYS[1:]).encode(),
        "\n".join(reversed(transcript.KEYS)).encode(),
        "\n".join([*transcript.KEYS, transcript.KEYS[1]]).encode(),
        "\n".join([transcript.KEYS[0], transcript.KEYS[0]]).encode(),
    ],
)
def test_a_list_of_keys_that_is_none_is_told(keys: bytes) -> None:
    with pytest.raises(UnusableKeyList):
        check(RECEIPT, keys, None, KNOWN)
