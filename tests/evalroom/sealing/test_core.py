"""A core has one spelling, knows its suite, and its hash tells any two places apart."""

from dataclasses import replace

import pytest

from evalroom.sealing.core import Core, MalformedEnvelope, context, parse_core
from evalroom.sealing.policy import PartName
from evalroom.sealing.suites import find_suite
from tests.evalroom.sealing import tender

SUITE = find_suite(2)


def core() -> Core:
    key = tender.signing_key(2, "envelope").public
    return Core(tender.BID, bytes(32), key, PartName.PRICE, bytes(32), 2, tender.TENDER)


def test_a_core_survives_its_own_bytes() -> None:
    assert core() == parse_core(core().encode(), SUITE)


def test_every_flipped_byte_is_refused_or_another_core() -> None:
    data = core().encode()
    for place in range(len(data)):
        for bit in (1, 0x20, 0x80):
            changed = bytearray(data)
            changed[place] ^= bit
            try:
                other = parse_core(bytes(changed), SUITE)
            except MalformedEnvelope:
                continue
            assert other != core()
            assert other.encode() == changed


def test_a_core_of_another_suite_or_with_a_key_of_another_is_refused() -> None:
    for wrong in (replace(core(), suite=1), replace(core(), envelope_key=bytes(64))):
        with pytest.raises(MalformedEnvelope):
            parse_core(wrong.encode(), SUITE)


@pytest.mark.parametrize("tender_id", ["", "../x", "a" * 65, "x-", "标", "a b", "a\n"])
def test_a_tender_that_is_no_name_is_refused(tender_id: str) -> None:
    with pytest.raises(MalformedEnvelope):
        parse_core(replace(core(), tender=tender_id).encode(), SUITE)


def test_the_context_tells_any_two_places_apart() -> None:
    one = core()
    others = [
        replace(one, bid=bytes(16)),
        replace(one, bidder=b"\1" * 32),
        replace(one, envelope_key=tender.signing_key(2, "stranger").public),
        replace(one, part=PartName.OPENING),
        replace(one, policy=b"\1" * 32),
        replace(one, tender="EV-2026-0002"),
    ]
    contexts = {context(SUITE, each.encode()) for each in [one, *others]}
    assert len(contexts) == 7
    assert SUITE.digest(b"EVB1 ctx" + one.encode()) == context(SUITE, one.encode())
