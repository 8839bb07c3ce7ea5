"""What a node says of seats and tracks: lost and back are facts, weak is none, and only what is recorded is shown."""

import pytest

from evalroom.events import SeatLost, SeatReturned
from evalroom.presence import Recorded
from evalroom.protocol.liveness import LinkState
from signaling.presence import presence_fact, track_states
from signaling.relay import Relay
from tests.evalroom.room import EXPERTS, START
from tests.signaling.test_relay import Publisher

E1 = EXPERTS[0]


@pytest.mark.parametrize("state", [LinkState.NEVER, LinkState.WEAK])
def test_a_weak_link_is_no_fact(state: LinkState) -> None:
    assert presence_fact(E1, state, START) is None


def test_a_seat_lost_and_back_is_a_fact_of_that_instant() -> None:
    lost, back = (presence_fact(E1, one, START) for one in (LinkState.OFFLINE, LinkState.ONLINE))
    assert lost is not None
    assert back is not None
    assert ("SeatLost", SeatLost(E1), START) == (lost.type, lost.body, lost.at)
    assert ("SeatReturned", SeatReturned(E1), START) == (back.type, back.body, back.at)


def test_a_track_that_is_not_recorded_here_is_not_shown() -> None:
    relay = Relay()
    source = Publisher().source
    relay.publish(source)
    track = source.track
    assert () == track_states(relay, {})
    (row,) = track_states(relay, {track.id: Recorded(running=True, last_fragment_ms=START)})
    assert (track.id, track.seat, track.site, track.kind) == (row.track, row.seat, row.site, row.track_kind)
    assert (True, START) == (row.recording, row.last_fragment_ms)
    (stopped,) = track_states(relay, {track.id: Recorded(running=False, last_fragment_ms=None)})
    assert (False, None) == (stopped.recording, stopped.last_fragment_ms)


def test_a_track_that_is_recorded_but_gone_is_not_up() -> None:
    relay = Relay()
    source = Publisher().source
    relay.publish(source)
    relay.withdraw(source, None)
    assert () == track_states(relay, {source.track.id: Recorded(running=True, last_fragment_ms=1)})
