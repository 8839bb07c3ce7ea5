"""What a node says of its seats and tracks: presence as facts for the journal, tracks as states for the wall."""

from collections.abc import Mapping

from evalroom.commands import NodeFact
from evalroom.events import SeatLost, SeatReturned
from evalroom.ids import SeatCode, TrackId
from evalroom.presence import Recorded, TrackState
from evalroom.protocol.liveness import LinkState
from signaling.relay import Relay


def presence_fact(seat: SeatCode, state: LinkState, at: int) -> NodeFact | None:
    """Return what the journal learns of a seat's link: that it is lost or back; a weak one is no fact."""
    if state is LinkState.OFFLINE:
        return NodeFact(at, SeatLost.__name__, SeatLost(seat))
    if state is LinkState.ONLINE:
        return NodeFact(at, SeatReturned.__name__, SeatReturned(seat))
    return None


def track_states(relay: Relay, recorded: Mapping[TrackId, Recorded]) -> tuple[TrackState, ...]:
    """Describe the tracks that are up at this node and recorded here."""
    rows = []
    for source in relay.sources():
        track, taken = source.track, recorded.get(source.track.id)
        if taken is None:
            continue
        stats = source.stats()
        row = TrackState(
            track=track.id,
            seat=track.seat,
            site=track.site,
            track_kind=track.kind,
            media=track.media,
            state=str(stats.state),
            kbps=stats.kbps,
            recording=taken.running,
            last_fragment_ms=taken.last_fragment_ms,
        )
        rows.append(row)
    return tuple(rows)
