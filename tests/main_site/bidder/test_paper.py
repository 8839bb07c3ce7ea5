"""A paper code is typed in again on any machine; a slip of the pen is found, and told with its place."""

import hashlib
import json
import secrets
from pathlib import Path

import pytest

from evalroom.sealing.suite import WrapNotOpened
from evalroom.sealing.suites import find_suite
from main_site.bidder import paper
from main_site.bidder.paper import GROUPS, SYMBOLS, MistypedCode, check_symbol, draw, read, slot_key

VECTOR = json.loads((Path(__file__).parents[2] / "vectors/bid-keys/paper.json").read_text("utf-8"))
CODE = VECTOR["code"]
SUITE, BID = find_suite(0x02), bytes(range(16))


@pytest.fixture(scope="module")
def codes() -> list[str]:
    return [draw() for _ in range(20)]


def test_one_wrong_symbol_is_found_wherever_it_stands() -> None:
    for place, right in enumerate(CODE):
        if right == "-":
            continue
        for wrong in set(SYMBOLS) - {right}:
            with pytest.raises(MistypedCode) as refused:
                read(CODE[:place] + wrong + CODE[place + 1 :])
            assert place // 6 + 1 == refused.value.detail["group"]


def test_swapped_symbols_and_swapped_groups_are_found(codes: list[str]) -> None:
    for code in codes:
        typed, groups = list(code.replace("-", "")), code.split("-")
        swaps = [(start + a, start + b) for start in range(0, 35, 5) for a in range(5) for b in range(a)]
        for one, other in swaps:
            if typed[one] != typed[other]:
                changed = list(typed)
                changed[one], changed[other] = typed[other], typed[one]
                with pytest.raises(MistypedCode):
                    read("".join(changed))
        for one in range(GROUPS):
            for other in range(one):
                changed = list(groups)
                changed[one], changed[other] = groups[other], groups[one]
                with pytest.raises(MistypedCode):
                    read("-".join(changed))


@pytest.mark.parametrize("text", ["", "0123E", CODE[:-1], CODE + "0", "字" * 35, "U" * 35])
def test_what_is_no_code_is_told(text: str) -> None:
    with pytest.raises(MistypedCode):
        read(text)


def test_a_code_may_be_typed_in_any_way_that_people_type() -> None:
    bare = read(CODE)
    for text in (
        CODE.lower(),
        CODE.replace("-", " "),
        f"{CODE}-",
        f"  {CODE}\n",
        CODE.replace("0", "o").replace("1", "l"),
    ):
        assert bare == read(text)
    assert read(CODE.replace("1", "I")) == bare


def test_codes_differ_and_use_no_symbol_that_looks_like_another(codes: list[str]) -> None:
    assert len(set(codes)) == len(codes)
    assert not set("".join(codes)) & set("ILOU")


def test_codes_and_keys_are_those_of_the_vector() -> None:
    assert all(check_symbol(place, group[:4]) == group[4] for place, group in enumerate(CODE.split("-"), 1))
    for suite, expected in VECTOR["public_sha256"].items():
        key = slot_key(CODE, find_suite(int(suite)), VECTOR["tender"], bytes.fromhex(VECTOR["bid"]))
        assert expected == hashlib.sha256(key.public).hexdigest()


@pytest.mark.parametrize("suite", [0x01, 0x02])
def test_the_key_of_a_code_belongs_to_one_bid(suite: int) -> None:
    algorithms = find_suite(suite)
    own = slot_key(CODE, algorithms, "T-1", BID)
    wrapped = algorithms.wrap(own.public, b"half", b"info")
    assert b"half" == slot_key(CODE.lower(), algorithms, "T-1", BID).unwrap(wrapped, b"info")
    others = [(draw(), "T-1", BID), (CODE, "T-2", BID), (CODE, "T-1", secrets.token_bytes(16))]
    for code, tender, bid in others:
        with pytest.raises(WrapNotOpened):
            slot_key(code, algorithms, tender, bid).unwrap(wrapped, b"info")


def test_a_code_costs_memory_to_guess() -> None:
    assert (19 * 1024, 2, 1) == (paper.MEMORY_KIB, paper.PASSES, paper.LANES)
