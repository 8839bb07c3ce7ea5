"""Feeds: numbered for one audience, chained, and never torn by what a link does."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalroom.events import Fact, SessionPaused, Stage
from evalroom.ids import CommandId, SessionId
from evalroom.ledger.canonical import canonical, parse_canonical
from evalroom.protocol.feed import (
    BLOCK,
    FeedBroken,
    FeedLog,
    FeedReader,
    first_head,
    item_text,
    wire_size,
)
from evalroom.protocol.messages import MAX_FRAME, Entries
from evalroom.visibility import Seen
from signaling.codec import encode
from tests.evalroom.protocol.vectors import FILE, HEADS, ITEMS, text_of
from tests.evalroom.room import EXPERTS, HOST, SESSION, SUPERVISOR

FACT = Fact(7, HOST, SUPERVISOR, SessionPaused("fire", None), CommandId("ab" * 16))


def log_of(*texts: str) -> FeedLog:
    log = FeedLog(SESSION, EXPERTS[0])
    for text in texts:
        log.append(text)
    return log


def reader() -> FeedReader:
    return FeedReader(SESSION, EXPERTS[0])


REFUSED: list[dict[str, Any]] = json.loads(text_of())["refused"]


def sample() -> FeedLog:
    log = FeedLog(SessionId("EV-2026-0001"), "E03")
    for text in ITEMS:
        log.append(text)
    return log


def test_the_vectors_made_anew_show_no_diff() -> None:
    assert FILE.read_text(encoding="ascii") == text_of()


@pytest.mark.parametrize("case", REFUSED, ids=[case["reason"] for case in REFUSED])
def test_what_the_vectors_refuse_is_not_taken_in_any_part(case: dict[str, Any]) -> None:
    log, after = sample(), case["after"]
    end = FeedReader(log.session, log.audience, log.chain(after))
    with pytest.raises(FeedBroken):
        end.take(Entries(case["first"], tuple(case["items"]), case["head"]))
    assert (after, HEADS[after]) == (end.taken, end.head.hex())
    assert tuple(ITEMS[after:]) == end.take(log.entries(after))


@pytest.mark.parametrize("length", [2, BLOCK, BLOCK + 1, 2 * BLOCK + 3])
def test_whichever_item_is_changed_dropped_doubled_or_moved_the_feed_breaks(length: int) -> None:
    good = Entries(1, tuple(ITEMS[:length]), HEADS[length])
    log = sample()
    for at in range(length):
        before, one, behind = ITEMS[:at], ITEMS[at], ITEMS[at + 1 : length]
        for items in (
            [*before, f"{one[:-1]} {one[-1]}", *behind],
            [*before, *behind],
            [*before, one, one, *behind],
            [*before, *behind[:1], one, *behind[1:]] if behind else [one, *before],
        ):
            with pytest.raises(FeedBroken):
                FeedReader(log.session, log.audience).take(replace(good, items=tuple(items)))


def test_a_hole_breaks_the_feed() -> None:
    entries = log_of("a", "b", "c").entries(1)
    with pytest.raises(FeedBroken):
        reader().take(entries)


@pytest.mark.parametrize(
    "items",
    [
        ("a", "x", "c"),
        ("b", "a", "c"),
        ("a", "b"),
        ("a", "b", "c", "d"),
        ("a", "c"),
        ("", "b", "c"),
        ("ab", "", "c"),
    ],
)
def test_changed_swapped_or_missing_items_break_the_feed(items: tuple[str, ...]) -> None:
    entries = replace(log_of("a", "b", "c").entries(0), items=items)
    end = reader()
    with pytest.raises(FeedBroken):
        end.take(entries)
    assert (0, first_head(SESSION, EXPERTS[0])) == (end.taken, end.head)


def test_a_wrong_head_breaks_the_feed() -> None:
    entries = log_of("a").entries(0)
    for head in ("", "00" * 32, entries.head.upper()):
        with pytest.raises(FeedBroken):
            reader().take(replace(entries, head=head))


def test_the_feed_of_another_audience_or_session_breaks_at_once() -> None:
    entries = log_of("a").entries(0)
    for other in (FeedReader(SESSION, EXPERTS[1]), FeedReader(SessionId("other"), EXPERTS[0])):
        with pytest.raises(FeedBroken):
            other.take(entries)


def test_a_feed_continues_after_it_broke() -> None:
    log, end = log_of("a", "b", "c"), reader()
    end.take(replace(log.entries(0), items=("a",), head=log.head(1).hex()))
    with pytest.raises(FeedBroken):
        end.take(replace(log.entries(1), items=("x", "c")))
    assert ("b", "c") == end.take(log.entries(1))


def test_items_already_taken_are_dropped() -> None:
    log, end = log_of("a", "b", "c"), reader()
    assert ("a", "b", "c") == end.take(log.entries(0))
    assert () == end.take(log.entries(0))
    assert () == end.take(log.entries(2))
    log.append("d")
    assert ("d",) == end.take(log.entries(1))


def test_a_message_from_before_the_beginning_is_no_error() -> None:
    log, end = log_of("a"), reader()
    assert () == end.take(Entries(-5, (), ""))
    assert ("a",) == end.take(log.entries(0))


def test_a_reader_goes_on_from_a_stored_place() -> None:
    log, end = log_of("a", "b"), reader()
    end.take(log.entries(0))
    log.append("c")
    stored = FeedReader(SESSION, EXPERTS[0], end.chain)
    assert ("c",) == stored.take(log.entries(2))
    assert (2, 3) == (end.taken, stored.taken)


@pytest.mark.parametrize("place", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK - 1, 2 * BLOCK, len(ITEMS)])
def test_a_stored_feed_goes_on_from_any_place_and_leaves_the_log_alone(place: int) -> None:
    log = sample()
    stored = FeedReader(log.session, log.audience, log.chain(place))
    assert tuple(ITEMS[place:]) == stored.take(log.entries(place))
    log.append("more")
    assert ("more",) == stored.take(log.entries(len(ITEMS)))


def test_feeds_are_equal_by_what_they_hold() -> None:
    log = sample()
    assert sample() == log
    assert log.chain(70) == sample().chain(70)
    assert log.chain(70) != log.chain(71)
    assert log_of("a").chain(1) != log_of("b").chain(1)


def test_the_chain_is_what_the_specification_says() -> None:
    log = sample()
    assert HEADS == [log.head(n).hex() for n in range(len(ITEMS) + 1)]
    grown = FeedLog(log.session, log.audience)
    for n, text in enumerate(ITEMS):
        assert HEADS[n] == grown.head(n).hex()
        grown.append(text)


def test_an_item_has_the_members_of_the_specification_and_no_others() -> None:
    text = item_text(3, FACT, Seen("SessionPaused", {"reason": "fire"}, {"/a": "b"}, FACT.cmd))
    expected = {
        "n": 3, "t": 7, "type": "SessionPaused", "site": "host", "actor": "S1", "body": {"reason": "fire"},
        "cmd": "ab" * 16, "opened": {"/a": "b"},
    }  # fmt: skip
    assert expected == parse_canonical(text.encode())


def test_what_is_withheld_is_absent() -> None:
    item = json.loads(item_text(1, FACT, Seen("SessionPaused", {"reason": "fire"})))
    assert not {"cmd", "opened"} & set(item)


def test_a_command_is_found_at_its_first_item() -> None:
    log = FeedLog(SESSION, SUPERVISOR)
    seen = Seen("SessionPaused", {}, cmd=FACT.cmd)
    assert (1, 2) == (log.record(FACT, seen), log.record(FACT, seen))
    assert {FACT.cmd: 1} == log.commands


@given(st.text() | st.text(alphabet='"\\\n\x01\x7fa评\U0001f600'))
def test_the_size_in_a_frame_is_exact(value: str) -> None:
    text = canonical({"v": value.encode("utf-8", "replace").decode()}).decode()
    comma_for_brackets = 1 - 2
    assert len(encode([text]).encode()) + comma_for_brackets == wire_size(text)


@pytest.mark.parametrize("letter", ["a", '"', "\\", "评", "\x01"])
def test_every_message_of_a_long_feed_fits_the_frame(letter: str) -> None:
    log = log_of(*(canonical({"n": n, "v": letter * 1000}).decode() for n in range(300)))
    end, count = reader(), 0
    while end.taken < log.length:
        acks = [(CommandId("ab" * 16), 10**6)] * 200
        message = log.entries(end.taken, acks)
        assert len(encode(message).encode()) <= MAX_FRAME
        assert end.take(message)
        count += 1
    assert count < 150


def test_messages_are_filled_not_one_item_each() -> None:
    assert 500 == len(log_of(*("x" for _ in range(1000))).entries(0).items)


LINES = st.text(max_size=5).map(lambda text: text.replace("\n", ""))


@given(st.lists(LINES, max_size=20).map(lambda more: [*ITEMS[:55], *more]), st.randoms(), st.integers(0, 60))
def test_whatever_pieces_arrive_the_reader_has_the_senders_items_in_order(
    texts: list[str], dice: object, tries: int
) -> None:
    log, end = log_of(*texts), reader()
    got: list[str] = []
    for _ in range(tries):
        since = dice.randint(0, len(texts))  # type: ignore[attr-defined] # hypothesis' own random
        try:
            got += end.take(log.entries(since))
        except FeedBroken:
            assert since > end.taken
    got += end.take(log.entries(end.taken))
    assert texts == got
    assert log.head(log.length) == end.head


def test_stages_are_written_as_their_text() -> None:
    assert '"gathering"' in item_text(1, FACT, Seen("X", {"stage": Stage.GATHERING.value}))
