"""The end that sends feeds: from where the other end says, never twice, in frames."""

import pytest

from evalroom.ids import CommandId
from evalroom.protocol.feed import FeedLog
from evalroom.protocol.messages import MAX_FRAME, Entries
from evalroom.protocol.publisher import MESSAGES_AT_ONCE, PublisherEnd
from signaling.codec import encode
from tests.evalroom.room import SESSION

ONE = CommandId("01" * 16)


def end_with(*texts: str) -> tuple[PublisherEnd, FeedLog]:
    log = FeedLog(SESSION, "E1")
    for text in texts:
        log.append(text)
    return PublisherEnd({"": log, "E1": log}.__getitem__), log


def items(messages: list[Entries]) -> list[str]:
    return [text for message in messages for text in message.items]


def test_nothing_is_sent_to_who_did_not_ask() -> None:
    end, _ = end_with("a")
    assert [] == end.messages_to_send("")
    assert frozenset() == end.audiences()


def test_an_unknown_audience_is_a_mistake_of_the_shell() -> None:
    end, _ = end_with("a")
    with pytest.raises(KeyError):
        end.subscribe("E9", 0)


def test_everything_after_the_number_is_sent_once() -> None:
    end, log = end_with("a", "b")
    end.subscribe("", 1)
    assert ["b"] == items(end.messages_to_send(""))
    assert [] == end.messages_to_send("")
    log.append("c")
    assert ["c"] == items(end.messages_to_send(""))


def test_a_new_subscription_rewinds() -> None:
    end, _ = end_with("a", "b")
    for _ in range(2):
        end.subscribe("", 0)
        assert ["a", "b"] == items(end.messages_to_send(""))


@pytest.mark.parametrize(
    ("since", "expected"), [(-1, ["a", "b", "c"]), (-(10**9), ["a", "b", "c"]), (99, ["c"])]
)
def test_numbers_that_cannot_be_are_brought_into_the_feed(since: int, expected: list[str]) -> None:
    end, log = end_with("a", "b")
    end.subscribe("", since)
    log.append("c")
    assert expected == items(end.messages_to_send(""))


def test_an_acknowledgement_carries_the_number_of_the_givers_own_item() -> None:
    end, log = end_with("a", "b")
    log.commands[ONE] = 2
    end.subscribe("", 2)
    end.acknowledge("", ONE)
    (message,) = end.messages_to_send("")
    assert (3, (), ((ONE, 2),), log.head(2).hex()) == (
        message.first,
        message.items,
        message.acks,
        message.head,
    )
    assert [] == end.messages_to_send("")


def test_an_acknowledgement_without_an_item_says_0() -> None:
    end, _ = end_with()
    end.acknowledge("E1", ONE)
    (message,) = end.messages_to_send("E1")
    assert (((ONE, 0),), "E1") == (message.acks, message.audience)


def test_an_acknowledgement_comes_with_the_items_before_it() -> None:
    end, log = end_with("a")
    end.subscribe("", 0)
    log.commands[ONE] = 1
    end.acknowledge("", ONE)
    (message,) = end.messages_to_send("")
    assert (("a",), ((ONE, 1),)) == (message.items, message.acks)


def test_thousands_of_acknowledgements_fit_their_frames() -> None:
    end, _ = end_with(*("x" * 1000 for _ in range(200)))
    end.subscribe("", 0)
    for _ in range(5000):
        end.acknowledge("", ONE)
    messages = drain(end)
    assert all(len(encode(message).encode()) <= MAX_FRAME for message in messages)
    assert (5000, 200) == (sum(len(message.acks) for message in messages), len(items(messages)))


def drain(end: PublisherEnd) -> list[Entries]:
    """Ask as a connection does: again whenever what was handed out has gone."""
    messages = []
    while end.waiting():
        messages += end.messages_to_send("")
    return messages


def test_a_reader_far_behind_gets_a_long_feed_in_parts_that_a_queue_can_hold() -> None:
    end, _ = end_with(*("x" * 1000 for _ in range(2000)))
    end.subscribe("", 0)
    first = end.messages_to_send("")
    assert len(first) == MESSAGES_AT_ONCE
    assert end.waiting() == [""]
    assert 2000 == len(items(first)) + len(items(drain(end)))
    assert end.waiting() == []


def test_audiences_of_one_link_do_not_mix() -> None:
    logs = {seat: FeedLog(SESSION, seat) for seat in ("E1", "E2")}
    end = PublisherEnd(logs.__getitem__)
    logs["E1"].append("a")
    logs["E2"].append("b")
    end.subscribe("E1", 0)
    end.subscribe("E2", 0)
    assert frozenset({"E1", "E2"}) == end.audiences()
    assert (["b"], ["a"]) == (items(end.messages_to_send("E2")), items(end.messages_to_send("E1")))
