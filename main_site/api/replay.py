"""Routes of the replay: one index over all tracks, gaps, clocks and events, and the reels by range.

While the session runs, only what nobody may be hurt by is replayed: no screens and no values before the
sheets are unlocked.  Once it is closed, all of it is.
"""

import asyncio
import json
import re
from typing import Any

from fastapi import APIRouter, Depends
from starlette.responses import FileResponse

from evalroom.encoding import to_json
from evalroom.errors import Refusal
from evalroom.events import Stage
from evalroom.ids import SeatCode, SessionId, TrackId
from evalroom.media import TrackKind, kind_of
from evalroom.roles import NotPermitted
from evalroom.session import Unknown
from evalroom.stages import OVER
from evalroom.visibility import released
from main_site.services.centre import Centre, Live
from main_site.services.recordings import TrackRecordings
from main_site.store import journal as store
from signaling.permits import Permitted, permit
from signaling.register import Claim

OPEN_SCREENS: frozenset[Stage] = frozenset(
    {Stage.PRICING, Stage.SUMMARY, Stage.REPORTING, Stage.SIGNING, *OVER}
)
"""Stages in which no sheet is open any more, so that a recorded screen gives nothing away early."""


BULK = frozenset({"FragmentRecorded", "ClockMapped", "CheckpointCosigned", "SiteOffsetMeasured", "CoverMade"})
"""Entries that come by the thousand, or say nothing to a viewer."""


_REEL = re.compile(r"(?P<track>.+)\.(?P<reel>[0-9]{1,6})\.mp4")


class NotYet(Refusal):
    """This recording shows values that are not open yet: it can be replayed once all sheets are unlocked."""

    code = "not_yet"


def replay_routes(centre: Centre) -> APIRouter:
    """Return the replay's routes."""
    router = APIRouter(dependencies=[Depends(permit)])

    @router.get("/api/v1/replay")
    async def index(person: Permitted) -> dict[str, Any]:
        """Return the index of the session the person is seated in."""
        live = _live(centre, person)
        seat = person.seat if isinstance(person, Claim) else SeatCode("")
        return await asyncio.to_thread(_index, centre, live, seat)

    @router.get("/api/v1/replay/media/{path:path}")
    async def media(path: str, person: Permitted) -> FileResponse:
        """Serve a closed reel that the host holds, by range."""
        live = _live(centre, person)
        name = _REEL.fullmatch(path)
        reel = live.recordings.reel(name["track"], int(name["reel"])) if name else None
        if reel is None or not live.archiver.reels.has(reel):
            raise Unknown(reel=path[:100])
        _check_open(live, reel.track)
        return FileResponse(live.archiver.reels.path(reel), media_type="video/mp4")

    return router


def _live(centre: Centre, person: object) -> Live:
    if not isinstance(person, Claim):
        raise NotPermitted(kind="replay")
    return centre.session(SessionId(person.session))


def _check_open(live: Live, track: str) -> None:
    if not _is_open(live, track):
        raise NotYet(track=track[:80])


def _is_open(live: Live, track: str) -> bool:
    state = live.evaluation.conductor.session
    return kind_of(TrackId(track)) is not TrackKind.SCREEN or state.stage in OPEN_SCREENS


def _index(centre: Centre, live: Live, seat: SeatCode) -> dict[str, Any]:
    state = live.evaluation.conductor.session
    tracks = [
        _track(live, track, known)
        for track, known in sorted(live.recordings.tracks.items())
        if _is_open(live, track)
    ]
    return {
        "session": state.id,
        "title": state.tender.title,
        "closed": state.closed,
        "stage": state.stage,
        "sites": [to_json(site) for site in state.sites.values()],
        "tender": to_json(state.tender),
        "tracks": tracks,
        "events": _closed_events(centre, live) if state.closed else _events_so_far(live, seat),
        "archive": to_json({"stage": live.archiver.state.stage, "verified": live.archiver.state.verified}),
        "clock": {"max_err_ms": -(-live.recordings.error_us // 1000)},
    }


def _events_so_far(live: Live, seat: SeatCode) -> list[dict[str, Any]]:
    """Return what the person's own feed has shown."""
    return [json.loads(text) for text in list(live.evaluation.conductor.feeds[seat].texts)]


def _closed_events(centre: Centre, live: Live) -> list[dict[str, Any]]:
    """Return the whole journal with its openings, less the fragments, which the tracks list."""
    with centre.writer.engine.connect() as db:
        rows = list(store.read(db, live.evaluation.id))
    items = []
    for row in rows:
        entry = json.loads(row.entry)
        if entry["type"] not in BULK:
            state = live.evaluation.conductor.session
            opened = (
                {one.path: one.value for one in row.secrets} if row.secrets and released(entry, state) else {}
            )
            members = {name: entry[name] for name in ("seq", "t", "type", "site", "actor", "body")}
            items.append({**members, "opened": opened} if opened else members)
    return items


def _track(live: Live, track: str, known: TrackRecordings) -> dict[str, Any]:
    first = known.started[0]
    seat = live.evaluation.conductor.session.seats[first.seat]
    return {
        "id": track,
        "site": seat.site,
        "seat": seat.code,
        "kind": first.kind,
        "started_ms": first.at_ms,
        "ended_ms": known.ended[-1].at_ms if known.ended else None,
        "gaps": [{"from_ms": one.from_ms, "to_ms": one.to_ms, "cause": one.cause} for one in known.gaps],
        "reels": [
            {
                "file": f"{track}.{number}.mp4",
                "available": live.archiver.reels.has(closed),
                "map": [list(pair) for pair in known.maps[number].map] if number in known.maps else [],
                "duration_us": max(
                    (one.pts + one.duration for one in known.fragments.get(number, [])), default=0
                ),
                "bytes": closed.bytes,
                "sha256": closed.sha256,
                "torn": closed.torn,
                "fragments": [
                    [one.offset, one.length, one.sha256, one.pts, one.duration, one.keyframe]
                    for one in known.fragments.get(number, [])
                ],
            }
            for number, closed in sorted(known.closed.items())
        ],
    }
