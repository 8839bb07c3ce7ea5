"""The routes of a sub-site's node besides its door: whether it lives, and the bids' documents."""

import asyncio

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import FileResponse, StreamingResponse

from evalroom.events import Stage
from evalroom.ids import BidId
from evalroom.session import WrongStage
from signaling.permits import Permitted, permit
from signaling.ranges import parse_range, range_headers
from signaling.register import Claim, NotSeated
from sub_site.documents import KnownDocument
from sub_site.venue import Venue


def routes(venue: Venue) -> APIRouter:
    """Return the routes of `venue`."""
    router = APIRouter(dependencies=[Depends(permit)])

    @router.get("/healthz")
    async def alive() -> dict[str, str]:
        """Say that the process answers."""
        return {"status": "ok"}

    @router.get("/readyz")
    async def ready() -> dict[str, object]:
        """Say whether the spool can be read and how the link to the host looks; no secrets, no names."""
        await asyncio.to_thread(_read_spool, venue)
        unanswered = sum(one.unanswered() for one in venue.evaluations.values())
        return {
            "status": "ok",
            "link": str(venue.link.state),
            "sessions": len(venue.evaluations),
            "unanswered": unanswered,
        }

    @router.get("/api/v1/documents/{bid}")
    async def document(request: Request, bid: str, person: Permitted, part: str = "") -> Response:
        """Return a bid's document, by range if asked so; of a sealed bid the part named, kept nowhere here."""
        if not isinstance(person, Claim):
            raise NotSeated
        evaluation = venue.evaluation(person.session)
        if not evaluation.may_read_bids(person.seat):
            raise WrongStage(stage=evaluation.stage, needed=Stage.PRELIMINARY)
        if venue.sealed_documents.knows(person.session, BidId(bid)):
            return _handed_on(request, venue, venue.sealed_documents.find(person.session, BidId(bid), part))
        path = venue.documents.path(person.session, BidId(bid))
        return FileResponse(
            path,
            media_type="application/pdf",
            content_disposition_type="inline",
            filename=f"{bid}.pdf",
            headers={"cache-control": "private, no-cache"},
        )

    return router


def _handed_on(request: Request, venue: Venue, document: KnownDocument) -> StreamingResponse:
    """Answer with the bytes of a sealed bid's document that were asked for, as they come from the host."""
    wanted = parse_range(request.headers.get("range", ""), document.size)
    status, headers = range_headers(wanted, document.size, document.sha256)
    first, behind = wanted or (0, document.size)
    headers["content-length"] = str(behind - first)
    body = venue.sealed_documents.stream(document, first, behind)
    return StreamingResponse(body, status, headers, "application/pdf")


def _read_spool(venue: Venue) -> None:
    with venue.writer.engine.connect() as db:
        db.execute(sa.text("SELECT 1"))
