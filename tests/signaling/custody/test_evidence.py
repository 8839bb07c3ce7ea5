"""What an agent demands to see: entries out of place, first entries that name no keys, heads that do not fit."""

import random
from dataclasses import replace

import pytest

from evalroom.ledger.canonical import Json
from evalroom.ledger.entry import Entry, encode
from evalroom.ledger.merkle import InvalidProof
from evalroom.ledger.note import BadNoteSignature, KeyKind, MalformedKey
from evalroom.sealing.core import MalformedEnvelope
from evalroom.sealing.policy import Window
from signaling.custody.evidence import (
    AnotherPolicy,
    ClockSkewed,
    EvidenceMalformed,
    EvidenceMissing,
    TooEarly,
    check_clock,
    check_release,
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


# --- before the hour, before the list, before the gate --------------------------------------------------------

POLICY = tender.policy()
FIRST, SECOND = POLICY.windows[0], replace(POLICY.windows[1], gate="GroupUnlocked")
DIGEST = "ab" * 32


def fact(kind: str, at: int = BEFORE, **body: Json) -> Entry:
    return Entry(1, at, kind, "host", "host", "0" * 32, body)


def evidence(window: Window, at: int) -> dict[str, Entry]:
    """Return all that shares of `window` may leave by, the window opened at `at`."""
    gate = {} if window is FIRST else {"gate": fact("GroupUnlocked", lot="lot1", part="detailed")}
    return {
        "closed": fact("BidsClosed", policy=DIGEST, bids=[]),
        "opened": fact("WindowOpened", at, window=window.name, until=at + window.release_ms),
        **gate,
    }


@pytest.mark.parametrize("window", [FIRST, SECOND])
def test_shares_leave_once_the_bidders_time_is_over(window: Window) -> None:
    at = window.opens_at or POLICY.deadline
    shown = tuple(evidence(window, at).values())
    over = at + window.release_ms
    check_release(POLICY, DIGEST, window, shown, over, all_released=False)
    with pytest.raises(TooEarly):
        check_release(POLICY, DIGEST, window, shown, over - 1, all_released=False)


def test_of_a_thousand_attempts_to_have_shares_early_or_without_the_closed_list_none_succeeds() -> None:
    dice = random.Random(3)
    for _ in range(1_000):
        window = dice.choice([FIRST, SECOND])
        at = window.opens_at or POLICY.deadline
        shown, over = evidence(window, at), at + window.release_ms
        lacking = dice.choice([*shown, "hour", "policy", "part"])
        if lacking in shown:
            del shown[lacking]
        if lacking == "policy":
            shown["closed"] = fact("BidsClosed", policy="cd" * 32, bids=[])
        if lacking == "part":
            window, shown["gate"] = SECOND, fact("GroupUnlocked", lot="lot1", part="preliminary")
        now = dice.randrange(BEFORE, over) if lacking == "hour" else over + dice.randrange(10**9)
        with pytest.raises((TooEarly, EvidenceMissing, AnotherPolicy)):
            check_release(POLICY, DIGEST, window, tuple(shown.values()), now, all_released=False)


def test_the_unlock_of_the_preliminary_part_lets_no_price_out() -> None:
    at = POLICY.deadline
    shown = {**evidence(SECOND, at), "gate": fact("GroupUnlocked", lot="lot1", part="preliminary")}
    with pytest.raises(EvidenceMissing):
        check_release(
            POLICY, DIGEST, SECOND, tuple(shown.values()), at + SECOND.release_ms, all_released=False
        )
