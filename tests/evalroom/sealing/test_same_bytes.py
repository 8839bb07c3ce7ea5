"""Only the very bytes of a bid pass for them: piece by piece, whatever a stranger says they are."""

import random

import pytest

from evalroom.ids import BidNumber
from evalroom.ledger.merkle import HASH_SIZE
from evalroom.sealing.facts import BidSubmitted
from evalroom.sealing.policy import PartName
from evalroom.sealing.same_bytes import OtherBytes, SameBytes, same_bytes
from evalroom.sealing.trailer import LEAF, hash_leaf
from tests.evalroom.sealing import bids, tender

PIECE = 4 * LEAF
SIZES = (40_000, 3_000_000, 9_000_000)


def bid(suite: int = 2, size: int = SIZES[1]) -> tuple[bytes, BidSubmitted]:
    texts = {**bids.TEXTS, PartName.TECHNICAL: tender.pattern(size)}
    one = bids.sealed(suite, tender.policy(suites=(suite,)), texts)
    seen = one.open()
    told = BidSubmitted(
        BidNumber(tender.BID.hex()), suite, seen.size, seen.root.hex(), seen.digest.hex(), "", ""
    )
    return one.data, told


def parts(data: bytes) -> tuple[bytes, bytes]:
    """Return the hashes of the leaves, and the tail."""
    end = 12 + int.from_bytes(data[-12:-8], "big") + int.from_bytes(data[-8:-4], "big")
    body = data[:-end]
    leaves = [hash_leaf(body[start : start + LEAF]) for start in range(0, len(body), LEAF)]
    return b"".join(leaves), data[-end:]


def known(data: bytes, told: BidSubmitted) -> SameBytes:
    return same_bytes(*parts(data), told)


def test_leaves_or_a_tail_of_another_file_are_refused() -> None:
    data, told = bid()
    leaves, tail = parts(data)
    other, _ = bid(size=SIZES[1] + 1)
    wrong: list[tuple[bytes, bytes]] = [
        (leaves, b""),
        (leaves, tail[:-1]),
        (leaves, b"\0" + tail),
        (leaves[:-HASH_SIZE], tail),
        (leaves + leaves[:HASH_SIZE], tail),
        (leaves[:-1], tail),
        (b"", tail),
        (leaves[HASH_SIZE:] + leaves[:HASH_SIZE], tail),
        parts(other),
        (parts(other)[0], tail),
    ]
    for one in wrong:
        with pytest.raises(OtherBytes):
            same_bytes(*one, told)


@pytest.mark.parametrize("size", SIZES)
def test_every_flipped_bit_and_every_cut_of_a_piece_is_noticed(size: int) -> None:
    data, told = bid(size=size)
    seen, dice = known(data, told), random.Random(size)
    for start in range(0, len(data), PIECE):
        piece = data[start : start + PIECE]
        for _ in range(12):
            changed = bytearray(piece)
            changed[dice.randrange(len(piece))] ^= 1 << dice.randrange(8)
            assert not seen.holds(start, changed)
        assert not seen.holds(start, piece[: dice.randrange(1, len(piece))])
        assert not seen.holds(start, piece + b"\0")
        assert not seen.holds(start + PIECE, piece)


def test_a_tail_that_was_changed_is_no_part_of_the_bid() -> None:
    data, told = bid(size=SIZES[0])
    seen = known(data, told)
    for place in (1, 12, 40, 90):
        changed = bytearray(data)
        changed[-place] ^= 1
        assert not seen.holds(0, changed)


@pytest.mark.parametrize("suite", [1, 2, 0x11])
@pytest.mark.parametrize("size", SIZES)
def test_the_bytes_that_were_handed_in_are_known_again(suite: int, size: int) -> None:
    data, told = bid(suite, size)
    seen = known(data, told)
    assert len(data) == seen.size
    assert all(seen.holds(start, data[start : start + PIECE]) for start in range(0, len(data), PIECE))
    assert all(seen.holds(start, data[start : start + LEAF]) for start in range(0, len(data), LEAF))
