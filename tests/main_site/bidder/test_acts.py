"""What a bid's keys prove is good for one act on one bid, and releases the halves of one window alone."""

import pytest

from evalroom.ledger.base64 import decode_base64, encode_base64
from evalroom.ledger.canonical import parse_canonical
from evalroom.sealing.custody import (
    ForgedBidderAct,
    confirm_message,
    release_info,
    replace_message,
    verify_bidder,
    withdraw_message,
)
from evalroom.sealing.policy import Mode, PartName
from evalroom.sealing.suite import OpeningKey, WrapNotOpened
from evalroom.sealing.suites import find_suite
from main_site.bidder.acts import (
    NoSlotKey,
    NothingToRelease,
    UnusableObjection,
    halves_of,
    seal_halves,
    sign_confirmation,
    sign_replacement,
    sign_withdrawal,
)
from main_site.bidder.keyfile import BidKeys, BidRecord
from tests.evalroom.sealing import bids, tender

SUITE = find_suite(0x02)
SEALED = bids.sealed(0x02)
ENVELOPE = SEALED.open()
KEYS = BidKeys(tender.signing_pkcs8(2, "envelope"), (tender.opening_pkcs8(2, "spare"),))
OPENERS = KEYS.openers(SUITE)
NUMBER = tender.BID.hex()
RECORD = BidRecord(
    tender.TENDER, tender.BID, 2, SEALED.plan.policy.encode(), ENVELOPE.root, ENVELOPE.digest, ENVELOPE.size
)


def openers(*slots: tuple[bytes, ...]) -> list[OpeningKey]:
    return [SUITE.load_opening_key(one) for one in slots]


def accepted(message: bytes, signature: str) -> bool:
    try:
        verify_bidder(SUITE, ENVELOPE.envelope_key, message, signature)
    except ForgedBidderAct:
        return False
    return True


def test_a_signature_is_good_for_one_act() -> None:
    other, sha256 = bytes(16), bytes(32)
    messages = [
        replace_message(tender.TENDER, NUMBER, other.hex(), sha256),
        withdraw_message(tender.TENDER, NUMBER, ENVELOPE.digest),
        confirm_message(sha256, ""),
        confirm_message(sha256, "价格有误"),
    ]
    signatures = [
        sign_replacement(RECORD, KEYS, other, sha256),
        sign_withdrawal(RECORD, KEYS),
        sign_confirmation(RECORD, KEYS, sha256, ""),
        sign_confirmation(RECORD, KEYS, sha256, "价格有误"),
    ]
    for place, signature in enumerate(signatures):
        assert [place] == [number for number, message in enumerate(messages) if accepted(message, signature)]


def test_halves_are_those_of_the_window_and_no_others() -> None:
    first, second = (halves_of(ENVELOPE, OPENERS, window) for window in ("first", "second"))
    assert {PartName.IDENTITY, PartName.OPENING, PartName.TECHNICAL} == set(first)
    assert {PartName.PRICE: SEALED.plan.secrets[PartName.PRICE].half} == second


def test_any_of_several_slot_keys_will_do() -> None:
    stranger, own = tender.opening_pkcs8(2, "stranger"), tender.opening_pkcs8(2, "token")
    for slots in ((stranger, own), (own, stranger)):
        assert halves_of(ENVELOPE, openers(*slots), "second")
    with pytest.raises(WrapNotOpened):
        halves_of(ENVELOPE, openers(stranger, stranger), "second")


def test_where_there_is_nothing_to_release_that_is_said() -> None:
    with pytest.raises(NothingToRelease):
        halves_of(ENVELOPE, OPENERS, "third")
    with pytest.raises(NoSlotKey):
        halves_of(ENVELOPE, (), "first")
    without = bids.sealed(0x02, tender.policy(Mode.SITES)).open()
    with pytest.raises(NothingToRelease):
        halves_of(without, OPENERS, "first")


def test_released_halves_open_for_this_bid_and_window_alone() -> None:
    halves = halves_of(ENVELOPE, OPENERS, "second")
    session = tender.opening_key(1, "session")
    sealed = seal_halves(ENVELOPE, halves, "second", session.public, find_suite(1))
    text = session.unwrap(sealed, release_info(ENVELOPE.part(PartName.IDENTITY).header.context))
    expected = {"bid": NUMBER, "halves": {"price": encode_base64(halves[PartName.PRICE])}, "window": "second"}
    assert expected == parse_canonical(text)
    assert 32 == len(decode_base64(expected["halves"]["price"]))  # type: ignore[index]  # JSON of our own
    assert len(sealed) < 1700
    with pytest.raises(WrapNotOpened):
        session.unwrap(sealed, release_info(bytes(32)))


def test_a_long_objection_is_refused_before_it_is_signed() -> None:
    sign_confirmation(RECORD, KEYS, bytes(32), "x" * 2000)
    with pytest.raises(UnusableObjection):
        sign_confirmation(RECORD, KEYS, bytes(32), "x" * 2001)
