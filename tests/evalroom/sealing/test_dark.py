"""Code names of dark bids: they tell nothing, and what hides the number can be opened by one nonce alone."""

import hashlib
from collections import Counter
from itertools import pairwise

import pytest

from evalroom.ids import BidId, BidNumber, LotId, SessionId, check_name
from evalroom.ledger.commitment import BadNonce, OpeningMismatch, check_opening
from evalroom.sealing.dark import (
    LETTERS,
    CodedBid,
    WeakSeed,
    admission,
    document_tag,
    draw_codes,
    is_code,
)
from evalroom.sealing.policy import PartName

SESSION, LOT = SessionId("S-1"), LotId("1")
SEED = bytes(range(32))
NUMBER, OTHER = BidNumber("ab" * 16), BidNumber("cd" * 16)
NONCE = "07" * 32


@pytest.mark.parametrize("length", [0, 16, 31])
def test_a_seed_that_could_be_guessed_draws_nothing(length: int) -> None:
    with pytest.raises(WeakSeed):
        draw_codes(bytes(length), 3)


def test_more_codes_than_can_be_kept_apart_are_not_drawn() -> None:
    with pytest.raises(WeakSeed):
        draw_codes(SEED, 1_001)


def test_codes_are_different_names_without_letters_that_are_mistaken_for_each_other() -> None:
    codes = draw_codes(SEED, 1_000)
    assert len({one.lower() for one in codes}) == 1_000
    assert all(is_code(one) and check_name(one) == one for one in codes)
    assert not set("".join(code[2:] for code in codes)) & set("ILOU")


@pytest.mark.parametrize("bid", ["B01", "T-7K", "T-7KQQ", "t-7kq", "T-7KU", "T-7KQ\n", ""])
def test_what_could_say_something_is_no_code(bid: str) -> None:
    assert not is_code(bid)


def test_every_letter_comes_as_often_in_every_place_and_codes_come_in_no_order() -> None:
    drawn = [code for n in range(400) for code in draw_codes(hashlib.sha256(b"%d" % n).digest(), 8)]
    for place in (2, 3, 4):
        counts = Counter(code[place] for code in drawn)
        assert set(LETTERS) == set(counts)
        assert max(counts.values()) < 2 * min(counts.values()), "3,200 throws over 32 letters"
    rising = sum(one < other for one, other in pairwise(drawn))
    assert 0.45 < rising / len(drawn) < 0.55


def test_one_seed_gives_one_draw_and_another_seed_another() -> None:
    assert draw_codes(SEED, 5) == draw_codes(SEED, 5) == draw_codes(SEED, 9)[:5]
    assert not set(draw_codes(SEED, 5)) & set(draw_codes(SEED[::-1], 5))


def test_the_commitment_opens_to_its_number_and_to_no_other() -> None:
    told = admission(SESSION, LOT, CodedBid(BidId("T-7KQ"), NUMBER, NONCE))
    commitment, nonce = told.number.commit, bytes.fromhex(NONCE)
    with pytest.raises(OpeningMismatch):
        check_opening(commitment, nonce, SESSION, "", "/number", OTHER)
    with pytest.raises(OpeningMismatch):
        check_opening(commitment, bytes(32), SESSION, "", "/number", NUMBER)
    check_opening(commitment, nonce, SESSION, "", "/number", NUMBER)


def test_a_commitment_without_a_whole_nonce_is_not_made() -> None:
    with pytest.raises(BadNonce):
        admission(SESSION, LOT, CodedBid(BidId("T-7KQ"), NUMBER, "07"))


def test_a_document_is_asked_for_by_a_name_that_only_the_nonce_gives() -> None:
    tags = {document_tag(nonce, part) for nonce in (NONCE, "08" * 32) for part in PartName}
    assert len(tags) == 2 * len(PartName)
    assert {64} == {len(one) for one in tags}
