"""Routes of the sub-sites: invite and join, the site link, documents down, reels up."""

import asyncio
import re
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response, WebSocket
from pydantic import BaseModel, ConfigDict, StringConstraints
from starlette.responses import FileResponse

from evalroom import events as ev
from evalroom.errors import EvalroomError
from evalroom.roles import NotPermitted
from main_site.api.opening import serve_range
from main_site.services.centre import Centre, Live, NodePerson
from main_site.services.sealed_documents import SealedDocument
from recorder.handover import UnknownReel
from signaling import connection as link
from signaling.connection import LinkClosed
from signaling.door import SocketWire
from signaling.permits import Permitted, permit
from signaling.problems import COUNTED_BY_ROUTE

MAX_PIECE = 4 << 20
MAX_READINGS = 8 << 20

_NAME = re.compile(r"(?P<kind>[a-z]+)\.(?P<reel>\d{1,6})\.(?P<what>mp4|clock\.jsonl)\Z")

Short = Annotated[str, StringConstraints(max_length=200)]


class Invitation(BaseModel):
    """A sub-site to be invited: its id, which names tracks and folders, and its name for people."""

    model_config = ConfigDict(extra="forbid", strict=True)
    site: Short
    name: Short


class Joining(BaseModel):
    """A site's request to join: enrolment code, certificate request (PEM), witness key (C2SP vkey)."""

    model_config = ConfigDict(extra="forbid", strict=True)
    code: Short
    csr: Annotated[str, StringConstraints(max_length=8000)]
    witness: Short


def site_routes(centre: Centre) -> APIRouter:
    """Return the routes of and about sub-sites."""
    router = APIRouter(dependencies=[Depends(permit)])

    @router.get("/api/v1/sites")
    async def sites() -> list[dict[str, Any]]:
        """List the known sub-sites and their links."""
        known = await asyncio.to_thread(centre.sites)
        links = centre.links.states()
        return [
            {
                "site": one.id, "name": one.name, "joined": bool(one.certificate),
                "link": str(links[one.id].state) if one.id in links else "never",
            }
            for one in known
        ]  # fmt: skip

    @router.post("/api/v1/sites")
    async def invite(body: Invitation) -> dict[str, str]:
        """Issue a one-time enrolment code for a sub-site."""
        return {"site": body.site, "code": await centre.invite_site(body.site, body.name)}

    @router.post("/api/v1/sites/enrol")
    async def enrol(body: Joining) -> dict[str, str]:
        """Certify a site that knows its enrolment code."""
        site, certificate = await centre.join_site(body.code, body.csr, body.witness)
        return {
            "site": site.id,
            "name": site.name,
            "certificate": certificate,
            "ca": centre.authority.pem,
            "centre": centre.settings.centre,
        }

    @router.websocket("/ws/site")
    async def site_socket(socket: WebSocket) -> None:
        """Carry a site's link."""
        await socket.accept()
        wire = SocketWire(socket)
        try:
            await centre.links.serve(wire)
        except LinkClosed:
            return
        except (EvalroomError, TimeoutError) as error:
            code = error.code if isinstance(error, EvalroomError) else "timeout"
            await wire.close(link.POLICY, code)

    @router.get("/api/v1/site/documents/{sha256}")
    async def document(request: Request, sha256: str, person: Permitted) -> Response:
        """Hand a document down to a site that seats experts; of an opened bid by range, straight from the ciphertext."""
        opened = await _opened(centre, person, sha256)
        if opened is not None:
            return await serve_range(request, opened)
        path = await asyncio.to_thread(centre.documents.path_of, sha256)
        return FileResponse(path, media_type="application/pdf")

    router.include_router(_reel_routes(centre))
    return router


async def _opened(centre: Centre, person: object, sha256: str) -> SealedDocument | None:
    """Return the document of an opened bid with this digest, in a session that the asking site takes part in."""
    if not isinstance(person, NodePerson):
        return None
    for live in centre.live.values():
        found = live.opening.find(sha256) if live.opening else None
        if found and live.opening and live.evaluation.roster_for(person.site) is not None:
            return await live.opening.document(*found)
    return None


def _reel_routes(centre: Centre) -> APIRouter:
    router = APIRouter()
    place = "/api/v1/site/reels/{session}/{site_seat}/{name}"

    @router.head(place)
    async def offset(session: str, site_seat: str, name: str, person: Permitted) -> Response:
        """Say from which byte on a reel is to be sent."""
        live, reel, what = _reel(centre, person, session, site_seat, name)
        if what != "mp4":
            return Response(headers={"upload-offset": "0"})
        store = live.archiver.reels
        here = await asyncio.to_thread(store.offset, reel)
        done = {"upload-complete": "1"} if await asyncio.to_thread(store.has, reel) else {}
        return Response(headers={"upload-offset": str(here), **done})

    @router.patch(place, max_body_size=COUNTED_BY_ROUTE)
    async def piece(request: Request, session: str, site_seat: str, name: str, person: Permitted) -> Response:
        """Take the next piece of a reel."""
        live, reel, what = _reel(centre, person, session, site_seat, name)
        data = await _piece(request, MAX_READINGS if what != "mp4" else MAX_PIECE)
        store = live.archiver.reels
        if what != "mp4":
            await asyncio.to_thread(store.put_readings, reel, data)
            return Response(status_code=204, headers={"upload-complete": "1"})
        begin = request.headers.get("upload-offset", "")
        here = await asyncio.to_thread(store.write, reel, _offset(begin), data)
        if here < reel.bytes:
            return Response(status_code=204, headers={"upload-offset": str(here)})
        received = await asyncio.to_thread(store.finish, reel)
        if not live.evaluation.conductor.session.closed:
            live.evaluation.note(received)
        return Response(status_code=204, headers={"upload-offset": str(here), "upload-complete": "1"})

    return router


def _reel(
    centre: Centre, person: object, session: str, site_seat: str, name: str
) -> tuple[Live, ev.ReelClosed, str]:
    """Return the reel of the journal that an address names, and which of its files is meant.

    Raises:
        UnknownReel: the journal knows no such closed reel.
        NotPermitted: it belongs to another node.
    """
    live = centre.session(session)
    match = _NAME.match(name)
    if match is None:
        raise UnknownReel(track=site_seat[:80], name=name[:80])
    track = f"{site_seat}/{match['kind']}"
    reel = live.recordings.reel(track, int(match["reel"]))
    if reel is None:
        raise UnknownReel(track=track[:80], reel=int(match["reel"]))
    record = live.evaluation.conductor.session.tracks.get(reel.track)
    if not isinstance(person, NodePerson) or record is None or record.node != person.site:
        raise NotPermitted(kind="reels", track=track[:80])
    return live, reel, match["what"]


def _offset(text: str) -> int:
    """Read an offset; what is none (`isdigit` alone lets superscripts through) fits no reel."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else -1


async def _piece(request: Request, limit: int) -> bytes:
    pieces, size = [], 0
    async for one in request.stream():
        size += len(one)
        if size > limit:
            raise UnknownReel(problem="a piece is too large", most=limit)
        pieces.append(one)
    return b"".join(pieces)
