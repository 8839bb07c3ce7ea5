"""The end that gives commands and reads feeds, message by message."""

from evalroom.ids import CommandId
from evalroom.protocol.feed import FeedLog, FeedReader
from evalroom.protocol.liveness import LinkState
from evalroom.protocol.messages import Entries, Held, Ping, Pong, Refused, Submit, Subscribe
from evalroom.protocol.outbox import RESEND_MS
from evalroom.protocol.subscriber import (
    RESUBSCRIBE_MS,
    Acknowledged,
    Delivered,
    KeptAtSite,
    Rejected,
    SubscriberEnd,
)
from tests.evalroom.protocol.host import submit_of
from tests.evalroom.room import BIDS, EXPERTS, SEAT, SESSION, Person

PERSON = Person(SEAT[EXPERTS[0]])


def new_end() -> tuple[SubscriberEnd, FeedLog]:
    end = SubscriberEnd(SESSION)
    end.follow("", FeedReader(SESSION, "E1"))
    return end, FeedLog(SESSION, "E1")


def online() -> tuple[SubscriberEnd, FeedLog]:
    end, log = new_end()
    end.connected(0)
    end.messages_to_send(0)
    return end, log


def score() -> Submit:
    return submit_of(PERSON.enter(BIDS[0], "plan", "1"))


def test_nothing_goes_out_while_the_link_is_down() -> None:
    end, _ = new_end()
    end.submit(score())
    assert [] == end.messages_to_send(0)
    assert end.next_deadline() is None


def test_a_connection_begins_with_the_feeds_then_the_commands_then_a_ping() -> None:
    end, _ = new_end()
    one = score()
    end.submit(one)
    end.connected(5)
    subscription, submit, ping = end.messages_to_send(5)
    assert (Subscribe(0, ""), one, Ping) == (subscription, submit, type(ping))
    assert [] == end.messages_to_send(5)


def test_a_reconnection_asks_from_where_the_feed_had_come_and_sends_what_is_unanswered() -> None:
    end, log = online()
    one = score()
    end.submit(one)
    end.messages_to_send(1)
    log.append("a")
    end.receive(log.entries(0), 2)
    end.disconnected()
    assert [] == end.messages_to_send(3)
    end.connected(4)
    assert [Subscribe(1, ""), one] == end.messages_to_send(4)[:2]


def test_items_are_delivered_once_with_their_numbers_and_head() -> None:
    end, log = online()
    for text in ("a", "b"):
        log.append(text)
    end.receive(log.entries(0), 1)
    end.receive(log.entries(0), 2)
    assert [Delivered("", 1, ("a", "b"), log.head(2).hex())] == end.events_received()
    assert [] == end.events_received()


def test_a_hole_is_asked_for_at_once_and_nothing_of_the_message_is_believed() -> None:
    end, log = online()
    one = score()
    end.submit(one)
    end.messages_to_send(1)
    for text in ("a", "b"):
        log.append(text)
    end.receive(log.entries(1, [(one.command_id, 2)]), 2)
    assert [] == end.events_received()
    assert [Subscribe(0, "")] == end.messages_to_send(2)
    assert one.command_id in end.outbox.pending


def test_a_quiet_feed_is_asked_for_again_in_time() -> None:
    """The last message of a burst may have been lost, and nothing would follow it."""
    end, _ = online()
    assert Subscribe(0, "") not in end.messages_to_send(RESUBSCRIBE_MS - 1)
    assert Subscribe(0, "") in end.messages_to_send(RESUBSCRIBE_MS)


def test_an_acknowledgement_settles_a_command_once() -> None:
    end, log = online()
    one = score()
    end.submit(one)
    for now in (1, 2):
        end.receive(log.entries(0, [(one.command_id, 0)]), now)
    assert [Acknowledged(one.command_id, 0, "")] == end.events_received()
    assert {} == end.outbox.pending


def test_an_acknowledgement_of_what_was_never_given_is_dropped() -> None:
    end, log = online()
    end.receive(log.entries(0, [(CommandId("00" * 16), 1)]), 1)
    assert [] == end.events_received()


def test_a_refusal_is_final_and_told_once() -> None:
    end, _ = online()
    one = score()
    end.submit(one)
    refusal = Refused(one.command_id, "stale", "", {})
    for now in (1, 2):
        end.receive(refusal, now)
    assert [Rejected(refusal)] == end.events_received()
    assert not [message for message in end.messages_to_send(RESEND_MS) if isinstance(message, Submit)]


def test_a_command_held_at_the_site_is_still_pending_here() -> None:
    end, _ = online()
    one = score()
    end.submit(one)
    end.messages_to_send(0)
    end.receive(Held((one.command_id,)), 1)
    assert [KeptAtSite((one.command_id,))] == end.events_received()
    assert one in end.messages_to_send(RESEND_MS)


def test_a_feed_nobody_follows_is_dropped() -> None:
    end, _ = online()
    end.receive(Entries(1, ("a",), "00", (), "E9"), 1)
    assert [] == end.events_received()


def test_following_twice_keeps_the_place() -> None:
    end, log = online()
    log.append("a")
    end.receive(log.entries(0), 1)
    end.follow("", FeedReader(SESSION, "E1"))
    assert 1 == end.readers[""].taken


def test_any_message_shows_that_the_other_end_is_there() -> None:
    end, log = online()
    for now, message in ((7_000, Pong(0, 0)), (20_000, Held(())), (40_000, log.entries(0))):
        assert LinkState.OFFLINE is end.state(now)
        end.receive(message, now)
        assert LinkState.ONLINE is end.state(now)


def test_a_link_that_went_down_is_offline_at_once_and_one_that_never_came_up_is_unknown() -> None:
    end, _ = new_end()
    assert LinkState.NEVER is end.state(0)
    end.connected(0)
    end.disconnected()
    assert LinkState.OFFLINE is end.state(0)


def test_the_next_deadline_is_the_first_of_ping_resend_and_resubscription() -> None:
    end, _ = online()
    assert 2_000 == end.next_deadline()
    end.submit(score())
    assert 0 == end.next_deadline()
    end.messages_to_send(100)
    assert 2_000 == end.next_deadline()
    for now in (2_000, 4_000):
        end.messages_to_send(now)
    assert 100 + RESEND_MS == end.next_deadline()


def test_a_ping_tells_the_last_round_trip_and_what_waits() -> None:
    end, _ = new_end()
    end.connected(0)
    assert Ping(0, None, 0) == end.messages_to_send(0)[-1]
    end.receive(Pong(0, 99), 45)
    end.submit(score())
    assert Ping(2_000, 45, 1) == end.messages_to_send(2_000)[-1]


def test_a_pong_from_the_future_is_no_negative_time() -> None:
    end, _ = online()
    end.receive(Pong(10**12, 0), 5)
    assert 0 == end.round_trip
