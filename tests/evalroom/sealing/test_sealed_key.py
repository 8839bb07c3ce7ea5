"""Content keys for years to come: nobody but the recipient opens one, and only for its own bid, part and tender."""

from dataclasses import replace

import pytest

from evalroom.ids import BidNumber
from evalroom.ledger.base64 import decode_base64, encode_base64
from evalroom.sealing import facts as sf
from evalroom.sealing.policy import PartName, Policy, PolicyRefuses
from evalroom.sealing.sealed_key import open_document, seal_key
from evalroom.sealing.stream import PartDamaged
from evalroom.sealing.suite import WrapNotOpened
from evalroom.sealing.suites import SUITES
from tests.evalroom.sealing import bids, tender

CENTRE = "centre-archive"


def policy(suite: int) -> Policy:
    recipients = tuple(tender.recipient(name, (suite,)) for name in ("supervisor-archive", CENTRE))
    return replace(tender.policy(suites=(suite,)), recipients=recipients)


def sealed(suite: int, bid: bytes = tender.BID, part: PartName = PartName.TECHNICAL) -> sf.PartKeySealed:
    one = bids.sealed(suite, policy(suite), bid=bid)
    return seal_key(one.open(), part, one.plan.secrets[part].content_key, CENTRE)


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("owner", ["archive supervisor-archive", "host", "somebody"])
def test_no_other_key_opens_it(suite: int, owner: str) -> None:
    one = bids.sealed(suite, policy(suite))
    with pytest.raises(WrapNotOpened):
        open_document(one.open(), sealed(suite), tender.opening_key(suite, owner), one.read)


@pytest.mark.parametrize("suite", SUITES)
def test_a_wrap_moved_to_another_recipient_part_or_bid_does_not_open(suite: int) -> None:
    one, given = bids.sealed(suite, policy(suite)), sealed(suite)
    mine = tender.opening_key(suite, f"archive {CENTRE}")
    moved = [
        (one, replace(given, recipient="supervisor-archive")),
        (one, replace(given, part=PartName.IDENTITY)),
        (bids.sealed(suite, policy(suite), bid=bytes(16)), given),
    ]
    for where, fact in moved:
        with pytest.raises(WrapNotOpened):
            open_document(where.open(), fact, mine, where.read)


@pytest.mark.parametrize("suite", SUITES)
def test_a_wrap_with_one_byte_changed_does_not_open(suite: int) -> None:
    one, given = bids.sealed(suite, policy(suite)), sealed(suite)
    mine, data = tender.opening_key(suite, f"archive {CENTRE}"), bytearray(decode_base64(given.wrapped))
    for place in range(0, len(data), 41):
        changed = bytearray(data)
        changed[place] ^= 1
        with pytest.raises(WrapNotOpened):
            open_document(one.open(), replace(given, wrapped=encode_base64(bytes(changed))), mine, one.read)


def test_a_key_that_is_not_the_parts_is_found_out_by_its_commitment() -> None:
    one = bids.sealed(2, policy(2))
    false = seal_key(one.open(), PartName.TECHNICAL, bytes(32), CENTRE)
    with pytest.raises(PartDamaged):
        open_document(one.open(), false, tender.opening_key(2, f"archive {CENTRE}"), one.read)


def test_nobody_is_a_recipient_whom_the_policy_does_not_name() -> None:
    one = bids.sealed(2, policy(2))
    with pytest.raises(PolicyRefuses):
        seal_key(one.open(), PartName.TECHNICAL, bytes(32), "a stranger")


@pytest.mark.parametrize("suite", SUITES)
def test_the_holder_reads_the_document_years_later(suite: int) -> None:
    one, given = bids.sealed(suite, policy(suite)), sealed(suite)
    assert (BidNumber(tender.BID.hex()), PartName.TECHNICAL, CENTRE) == (
        given.bid,
        given.part,
        given.recipient,
    )
    reader = open_document(one.open(), given, tender.opening_key(suite, f"archive {CENTRE}"), one.read)
    assert bids.TEXTS[PartName.TECHNICAL] == b"".join(reader.pieces())
    assert one.plan.secrets[PartName.TECHNICAL].content_key not in decode_base64(given.wrapped)
