"""What an agent demands to see: entries out of place, first entries that name no keys, heads that do not fit."""

from dataclasses import replace

import pytest

from evalroom.ledger.entry import Entry, encode
from evalroom.ledger.merkle import InvalidProof
from evalroom.ledger.note import BadNoteSignature, KeyKind, MalformedKey
from evalroom.sealing.core import MalformedEnvelope
from signaling.custody.evidence import (
    ClockSkewed,
    EvidenceMalformed,
    EvidenceMissing,
    check_clock,
    head_and_tail,
    read_back,
    trust_in,
)
from tests.evalroom.sealing import bids, tender
from tests.signaling.custody.world import BEFORE, Log, head_of, signing_key


@pytest.mark.parametrize(
    ("kind", "body", "fault"),
    [
        ("StageChanged", {}, EvidenceMissing),
        ("SessionOpened", {}, EvidenceMissing),
        ("SessionOpened", {"keys": []}, EvidenceMissing),
        ("SessionOpened", {"keys": {"log": 1, "witnesses": [], "quorum": 0}}, EvidenceMalformed),
        ("SessionOpened", {"keys": {"log": "x", "witnesses": [], "quorum": 0}}, MalformedKey),
    ],
)
def test_a_first_entry_that_names_no_keys_is_believed_in_nothing(
    kind: str, body: dict[str, object], fault: type[Exception]
) -> None:
    entry = Entry(0, BEFORE, kind, "host", "host", "0" * 32, body)  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(fault):
        trust_in(encode(entry), (), 0)


def test_a_witness_key_does_not_pass_for_the_logs() -> None:
    log = Log()
    entry = log.entries[0].replace(
        log.key.verifier.encode().encode(),
        signing_key(log.origin, KeyKind.COSIGNATURE).verifier.encode().encode(),
    )
    with pytest.raises(EvidenceMissing):
        trust_in(entry, (), 0)


@pytest.mark.parametrize(
    ("witnesses", "said", "own", "needed"),
    [(0, 0, 0, 0), (1, 0, 0, 1), (3, 0, 0, 2), (3, 3, 0, 3), (3, 2, 3, 3)],
)
def test_a_host_cannot_ask_for_fewer_cosignatures_than_usual(
    witnesses: int, said: int, own: int, needed: int
) -> None:
    log = Log(witnesses, said)
    assert needed == trust_in(log.entries[0], (), own).quorum


def test_an_entry_in_another_place_or_tree_is_refused() -> None:
    log = Log()
    log.add("BidsClosed", {}, BEFORE)
    log.add("BidsClosed", {"again": 1}, BEFORE)
    trust = trust_in(log.entries[0], (), 0)
    shown = log.show(1, 2)
    assert ["BidsClosed"] * 2 == [one.type for one in read_back(shown.checkpoint, shown.shown, trust, BEFORE)]
    moved = replace(shown.shown[0], index=2)
    with pytest.raises(InvalidProof):
        read_back(shown.checkpoint, [moved], trust, BEFORE)
    forged = shown.checkpoint[:-10] + b"AAAAAAAA=\n"
    with pytest.raises(BadNoteSignature):
        read_back(forged, shown.shown, trust, BEFORE)


@pytest.mark.parametrize(
    ("theirs", "good"), [(0, True), (2_000, True), (-2_000, True), (2_001, False), (-2_001, False)]
)
def test_two_seconds_are_the_limit_both_ways(theirs: int, good: bool) -> None:  # noqa: FBT001 - a table
    if good:
        check_clock(BEFORE, BEFORE + theirs)
        return
    with pytest.raises(ClockSkewed):
        check_clock(BEFORE, BEFORE + theirs)


def test_head_and_tail_read_as_the_whole_file_and_give_nothing_between() -> None:
    sealed = bids.sealed(2)
    given = head_of(sealed.data, tender.BID)
    read = head_and_tail(given.head, given.size)
    head = 12 + int.from_bytes(sealed.data[8:12], "big")
    tail = len(given.head) - head
    assert sealed.data[:head] == read(0, head)
    assert sealed.data[-tail:] == read(given.size - tail, tail)
    assert b"" == read(0, head + 1)
    assert b"" == read(head, 1)


@pytest.mark.parametrize("size", [0, 100])
@pytest.mark.parametrize("data", [b"", b"EVB1", b"EVB1" + b"\xff" * 20])
def test_a_head_that_says_to_be_longer_than_it_is_does_not_fit(data: bytes, size: int) -> None:
    with pytest.raises(MalformedEnvelope):
        head_and_tail(data, size)
