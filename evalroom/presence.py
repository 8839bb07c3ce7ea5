"""Who and what is there right now: states that are no facts, told about once a second, never journalled.

`near` cuts a site's state down to what a seat may see of it, before anything is written for the wire.
"""

from dataclasses import dataclass, replace

from evalroom.ids import SeatCode, SiteId
from evalroom.media import Medium, TrackKind
from evalroom.roles import Role
from evalroom.tender import Seat

_STAFF = frozenset({Role.SUPERVISOR, Role.OPERATOR})


@dataclass(frozen=True, slots=True)
class Recorded:
    """How the recording of one track stands: whether it runs, and when a fragment was last safe (session clock)."""

    running: bool
    last_fragment_ms: int | None


@dataclass(frozen=True, slots=True)
class TrackState:
    """One track as its node sees it: `state` is live, still, stalled or gone; instants are session clock."""

    track: str
    seat: SeatCode
    site: SiteId
    track_kind: TrackKind
    media: tuple[Medium, ...]
    state: str
    kbps: int
    recording: bool
    last_fragment_ms: int | None


@dataclass(frozen=True, slots=True)
class SeatState:
    """One seat as its node sees it: `link` is online, weak, offline or never; round trip in ms."""

    seat: SeatCode
    link: str
    rtt_ms: int | None
    unsent: int


@dataclass(frozen=True, slots=True)
class SiteState:
    """One site as the host or the site itself sees it.  Shares are percent, rates kbit/s."""

    site: SiteId
    link: str
    rtt_ms: int | None
    offset_ms: int | None
    offset_bound_ms: int | None
    outbox: int
    recorder: str
    disk_used_percent: int
    disk_free_mb: int
    reels_waiting: int
    reels_waiting_mb: int
    uplink_kbps: int
    seats: tuple[SeatState, ...]
    tracks: tuple[TrackState, ...]


def near(state: SiteState, seat: Seat) -> SiteState:
    """Cut a site's state to what a seat may see of it: the host's staff all, a site's operator that site.

    Whoever else asks finds the own seat and its tracks there, and nobody else's; disks are the staff's concern.
    """
    if seat.role in _STAFF or (seat.role is Role.SITE_OPERATOR and seat.site == state.site):
        return state
    return replace(
        state,
        disk_used_percent=0,
        disk_free_mb=0,
        seats=tuple(one for one in state.seats if one.seat == seat.code),
        tracks=tuple(one for one in state.tracks if one.seat == seat.code),
    )


def empty_state(site: SiteId, link: str) -> SiteState:
    """Describe a site of which nothing is known but its link."""
    return SiteState(site, link, None, None, None, 0, "unknown", 0, 0, 0, 0, 0, (), ())
