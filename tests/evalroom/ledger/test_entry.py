"""Entries: strict form, canonical bytes, and hashes as the specification writes them."""

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalroom.errors import EvalroomError
from evalroom.ledger.canonical import Json, NotCanonical, canonical
from evalroom.ledger.entry import (
    MAX_ENTRY,
    Entry,
    MalformedEntry,
    chain_hash,
    encode,
    leaf_hash,
    parse_entry,
)

SCORE = Entry(
    seq=7,
    t=1_795_478_400_123,
    type="ScoreEntered",
    site="north",
    actor="E03",
    salt="00112233445566778899aabbccddeeff",
    body={"bid": "B1", "value": {"commit": "ab" * 32}},
    cmd="c-1",
    sig="eyJhbGciOiJFUzI1NiJ9..AAAA",
)


def test_an_entry_has_these_bytes() -> None:
    expected = (
        b'{"actor":"E03","body":{"bid":"B1","value":{"commit":"' + b"ab" * 32 + b'"}},"cmd":"c-1",'
        b'"salt":"00112233445566778899aabbccddeeff","seq":7,"sig":"eyJhbGciOiJFUzI1NiJ9..AAAA",'
        b'"site":"north","t":1795478400123,"type":"ScoreEntered"}'
    )
    assert expected == encode(SCORE)
    assert SCORE == parse_entry(expected)


@pytest.mark.parametrize(
    "broken",
    [
        replace(SCORE, seq=-1),
        replace(SCORE, seq=True),
        replace(SCORE, seq=2**53),
        replace(SCORE, t=-1),
        replace(SCORE, type="scoreEntered"),
        replace(SCORE, type="Score Entered"),
        replace(SCORE, type="ScoreEntered\n"),
        replace(SCORE, site=""),
        replace(SCORE, actor="x" * 65),
        replace(SCORE, salt=None),
        replace(SCORE, salt="00"),
        replace(SCORE, salt="00112233445566778899AABBCCDDEEFF"),
        replace(SCORE, cmd=""),
        replace(SCORE, cmd=None),
        replace(SCORE, sig=""),
        replace(SCORE, sig="x" * 513),
        replace(SCORE, body={"text": "x" * MAX_ENTRY}),
    ],
)
def test_an_entry_that_breaks_its_form_is_never_written(broken: Entry) -> None:
    with pytest.raises(MalformedEntry):
        encode(broken)


def test_a_body_with_a_float_is_never_written() -> None:
    body = {"score": 8.5}
    with pytest.raises(NotCanonical):
        encode(replace(SCORE, body=body))  # type: ignore[arg-type]  # the attack is the wrong type


@pytest.mark.parametrize(
    "change",
    [
        {"extra": 1},
        {"salt": None},
        {"sig": None},
        {"cmd": None},
        {"body": []},
        {"seq": "7"},
        {"t": None},
        {"type": 5},
        {"site": ["north"]},
    ],
)
def test_an_entry_with_a_member_of_another_form_is_not_read(change: dict[str, object]) -> None:
    members = {
        "seq": 7,
        "t": 1,
        "type": "X",
        "site": "n",
        "actor": "a",
        "salt": "0" * 32,
        "body": {},
        "cmd": "c",
    }
    with pytest.raises(MalformedEntry):
        parse_entry(canonical(members | change))  # type: ignore[arg-type]  # wrong types on purpose


@pytest.mark.parametrize("name", ["seq", "t", "type", "site", "actor", "salt", "body"])
def test_an_entry_without_one_of_its_members_is_not_read(name: str) -> None:
    members: dict[str, Json] = {
        "seq": 7,
        "t": 1,
        "type": "X",
        "site": "n",
        "actor": "a",
        "salt": "0" * 32,
        "body": {},
    }
    del members[name]
    with pytest.raises(MalformedEntry):
        parse_entry(canonical(members))


@pytest.mark.parametrize("data", [b"[]", b"1", b"x" * (MAX_ENTRY + 1), b"null"])
def test_what_is_no_object_is_not_read(data: bytes) -> None:
    with pytest.raises(MalformedEntry):
        parse_entry(data)


def test_only_media_entries_go_without_salt() -> None:
    fragment = replace(SCORE, type="FragmentRecorded", salt=None, sig=None)
    assert fragment == parse_entry(encode(fragment))


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_flipping_any_byte_changes_the_leaf_or_is_refused(place: int, mask: int) -> None:
    data = bytearray(encode(SCORE))
    data[place % len(data)] ^= mask
    try:
        changed = parse_entry(bytes(data))
    except EvalroomError:
        return
    assert changed != SCORE
    assert leaf_hash(encode(SCORE)) != leaf_hash(encode(changed))


def test_truncation_anywhere_is_refused() -> None:
    data = encode(SCORE)
    for length in range(len(data)):
        with pytest.raises(NotCanonical):
            parse_entry(data[:length])


def test_leaf_and_chain_are_plain_sha_256() -> None:
    leaf = leaf_hash(b"entry")
    assert hashlib.sha256(b"\x00entry").digest() == leaf
    assert hashlib.sha256(bytes(32) + leaf).digest() == chain_hash(bytes(32), leaf)
