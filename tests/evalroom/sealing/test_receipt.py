"""Receipts: checked offline with the notice's keys alone, and worth nothing after any change."""

from dataclasses import replace

import pytest

from evalroom.encoding import body_of
from evalroom.errors import EvalroomError
from evalroom.ids import BidNumber
from evalroom.ledger.base64 import decode_base64, encode_base64
from evalroom.ledger.checkpoint import OriginMismatch, cosign, sign_checkpoint, with_cosignatures
from evalroom.ledger.entry import Entry, encode
from evalroom.ledger.journal import Journal
from evalroom.ledger.merkle import InvalidProof
from evalroom.ledger.note import KeyKind, Note, SigningKey
from evalroom.ledger.proof import parse_proof
from evalroom.sealing import facts as sf
from evalroom.sealing.receipt import (
    MalformedReceipt,
    Receipt,
    ReceiptMismatch,
    check_receipt,
    issue_receipt,
    parse_receipt,
)

TENDER, ORIGIN = "EV-2026-0001", "evalroom/EV-2026-0001"
LOG = SigningKey.from_seed(ORIGIN, KeyKind.LOG, b"L" * 32)
NORTH = SigningKey.from_seed("north", KeyKind.COSIGNATURE, b"N" * 32)
EAST = SigningKey.from_seed("east", KeyKind.COSIGNATURE, b"E" * 32)
KEYS = (TENDER, LOG.verifier, (NORTH.verifier, EAST.verifier), 2)
BID = sf.BidSubmitted(BidNumber("ab" * 16), 2, 1_000, "cd" * 32, "ef" * 32, "", "")


def entry(seq: int, event: object = BID, kind: str = "BidSubmitted") -> Entry:
    return Entry(seq, 1_795_392_000_000 + seq, kind, "host", "bidder", f"{seq:032x}", body_of(event))


JOURNAL = Journal(ORIGIN)
DATA = [JOURNAL.append(entry(seq)).data for seq in range(9)]


def note(*witnesses: SigningKey, size: int = 8) -> Note:
    head = JOURNAL.checkpoint(size)
    return with_cosignatures(
        sign_checkpoint(head, LOG), [cosign(head, one, 1_795_392_100) for one in witnesses]
    )


def receipt(*witnesses: SigningKey, token: bytes | None = None, seq: int = 5) -> Receipt:
    return issue_receipt(TENDER, DATA[seq], JOURNAL.tree.inclusion_proof(seq, 8), note(*witnesses), token)


def test_a_receipt_proves_offline_that_the_bid_was_handed_in_and_when() -> None:
    checked = check_receipt(receipt(NORTH, EAST).encode(), *KEYS)
    assert (False, ("east", "north"), 8) == (checked.provisional, checked.cosigners, checked.size)
    assert 1_795_392_000_005 == checked.at
    assert (BID.bid, BID.digest, BID.root, 1_000) == (
        checked.receipt.bid,
        checked.receipt.digest,
        checked.receipt.root,
        checked.receipt.size,
    )


@pytest.mark.parametrize("witnesses", [(), (NORTH,)])
def test_with_fewer_cosignatures_than_the_quorum_it_is_provisional(witnesses: tuple[SigningKey, ...]) -> None:
    checked = check_receipt(receipt(*witnesses).encode(), *KEYS)
    assert (True, len(witnesses)) == (checked.provisional, len(checked.cosigners))


def test_a_stranger_who_cosigns_does_not_count() -> None:
    stranger = SigningKey.from_seed("south", KeyKind.COSIGNATURE, b"S" * 32)
    assert check_receipt(receipt(NORTH, stranger).encode(), *KEYS).provisional


@pytest.mark.parametrize("token", [None, b"\0", b"token" * 900])
def test_a_receipt_reads_as_it_was_written(token: bytes | None) -> None:
    one = receipt(NORTH, EAST, token=token)
    assert one == parse_receipt(one.encode())
    assert one.stamped() == replace(one, token=None).stamped()


def test_a_receipt_without_a_time_stamp_is_a_plain_tlog_proof() -> None:
    proof = parse_proof(receipt(NORTH).encode())
    assert (5, note(NORTH)) == (proof.index, proof.note)


def test_flipping_any_byte_is_noticed_or_makes_a_witness_a_stranger() -> None:
    data = receipt(NORTH, EAST).encode()
    for place in range(len(data)):
        changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        try:
            checked = check_receipt(changed, *KEYS)
        except EvalroomError:
            continue
        assert checked.provisional, place
        assert len(checked.cosigners) < 2


def test_a_receipt_of_another_tender_or_log_proves_nothing() -> None:
    data = receipt(NORTH, EAST).encode()
    with pytest.raises(ReceiptMismatch):
        check_receipt(data, "EV-2026-0002", *KEYS[1:])
    other = SigningKey.from_seed("evalroom/EV-2026-0002", KeyKind.LOG, b"L" * 32)
    with pytest.raises(OriginMismatch):
        check_receipt(data, TENDER, other.verifier, *KEYS[2:])


def test_the_proof_of_another_entry_proves_nothing() -> None:
    moved = replace(receipt(NORTH, EAST), path=JOURNAL.tree.inclusion_proof(4, 8))
    with pytest.raises(InvalidProof):
        check_receipt(moved.encode(), *KEYS)
    with pytest.raises(ReceiptMismatch):
        check_receipt(replace(moved, index=4).encode(), *KEYS)


@pytest.mark.parametrize(
    "change", [{"bid": "00" * 16}, {"digest": "00" * 32}, {"root": "00" * 32}, {"size": 1}]
)
def test_what_a_receipt_says_is_what_its_entry_says(change: dict[str, str]) -> None:
    with pytest.raises(ReceiptMismatch):
        parse_receipt(replace(receipt(NORTH), **change).encode())  # type: ignore[arg-type] # members of a receipt


def test_an_entry_that_is_no_submission_gets_no_receipt() -> None:
    for data in (encode(entry(0, sf.CoverMade("ab"), "CoverMade")), b"", b"{}", DATA[0][:-1]):
        with pytest.raises(MalformedReceipt):
            issue_receipt(TENDER, data, (), note())


@pytest.mark.parametrize("line", [b"tst \n", b"tst ?\n", b"tst AA=\n", b"tst AAAA", b"tst \xff\n"])
def test_a_time_stamp_of_another_form_is_refused(line: bytes) -> None:
    with pytest.raises(EvalroomError):
        parse_receipt(receipt(NORTH).encode() + line)


def test_an_extra_of_another_form_is_refused() -> None:
    data = receipt(NORTH).encode()
    line = data.split(b"\n")[1]
    whole = decode_base64(line.removeprefix(b"extra ").decode())
    for extra in (b"{}", whole + b" ", whole.replace(b"{", b'{"a":1,', 1)):
        changed = data.replace(line, b"extra " + encode_base64(extra).encode())
        with pytest.raises(MalformedReceipt):
            parse_receipt(changed)
    with pytest.raises(MalformedReceipt):
        parse_receipt(data.replace(line + b"\n", b""))
    with pytest.raises(MalformedReceipt):
        parse_receipt(b"x" * (3 << 20))
