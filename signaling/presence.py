"""What a node says of its tracks: what the relay sees of them, beside what their recording has reached."""

from collections.abc import Mapping

from evalroom.ids import TrackId
from evalroom.presence import Recorded, TrackState
from signaling.relay import Relay


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
