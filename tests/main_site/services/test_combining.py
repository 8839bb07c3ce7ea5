"""A bid is examined to the same end whether it is alone or one of several."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest

from evalroom.ids import BidNumber
from evalroom.sealing.envelope import Envelope
from evalroom.sealing.policy import PartName
from evalroom.sealing.stream import ReadAt
from evalroom.sealing.trailer import LEAF
from evalroom.sealing.verdict import Observed
from main_site.services.combining import Found, after_reading, read_all
from tests.evalroom.sealing import bids, tender

TEXTS = {**bids.TEXTS, PartName.TECHNICAL: tender.pattern(20 * LEAF + 4711)}

either = pytest.mark.parametrize("alone", [False, True])


@cache
def sealed() -> bids.Sealed:
    """Return a bid of more leaves than there are lanes."""
    return bids.sealed(2, texts=TEXTS)


def found() -> Found:
    """Return what is seen before the bytes are read: all content keys."""
    envelope, drawn = sealed().open(), sealed().plan.secrets
    keys = {part.name: drawn[part.name].content_key for part in envelope.parts}
    return Found(BidNumber(envelope.bid.hex()), Observed(keys=keys))


def examine(
    before: Found, envelope: Envelope, read: ReadAt, told: Callable[[int], None], *, alone: bool
) -> Found:
    return after_reading(before, read_all(envelope, before.seen.keys, read, told, alone=alone))


@either
def test_a_changed_byte_anywhere_is_the_platforms_matter(*, alone: bool) -> None:
    envelope = sealed().open()
    for place in (0, envelope.body // 2, envelope.body - 1):
        data = bytearray(sealed().data)
        data[place] ^= 1
        seen = examine(found(), envelope, bids.reader(bytes(data)), lambda _: None, alone=alone).seen
        assert not seen.bytes_good


@either
def test_a_part_that_does_not_decrypt_is_the_bidders(*, alone: bool) -> None:
    before = found()
    wrong = {**before.seen.keys, PartName.TECHNICAL: bytes(32)}
    other = replace(before, seen=replace(before.seen, keys=wrong))
    after = examine(other, sealed().open(), sealed().read, lambda _: None, alone=alone)
    assert (True, "part_damaged") == (after.seen.bytes_good, after.seen.fault)
    assert PartName.TECHNICAL not in {one.part for one in after.parts}


@either
def test_texts_are_told_by_digest_and_length_and_every_byte_is_counted(*, alone: bool) -> None:
    steps: list[int] = []
    after = examine(found(), sealed().open(), sealed().read, steps.append, alone=alone)
    assert sealed().open().body == steps[-1]
    assert sorted(steps) == steps
    assert {name: (hashlib.sha256(text).hexdigest(), len(text)) for name, text in TEXTS.items()} == {
        one.part: (one.sha256, one.size) for one in after.parts
    }
