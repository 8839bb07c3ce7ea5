"""The routes of a sub-site's node besides its door: whether it lives, and the bids' documents."""

import asyncio
from urllib.parse import quote

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

    @router.get("/api/v1/reports/{lot}")
    async def report(lot: str, person: Permitted) -> Response:
        """Return what the host says of a lot's report."""
        return await _report(venue, person, lot, "state")

    @router.get("/api/v1/reports/{lot}/data")
    async def report_data(lot: str, person: Permitted) -> Response:
        """Return a report's data, byte for byte; whoever signs compares their digest with the journal's."""
        return await _report(venue, person, lot, "data")

    @router.get("/api/v1/reports/{lot}/pdf")
    async def report_pages(lot: str, person: Permitted, lang: str = "zh") -> Response:
        """Return a report's PDF, as the host sets it."""
        return await _report(venue, person, lot, "pdf", lang)

    return router


_HANDED_ON = ("content-type", "content-disposition", "cache-control", "x-report-digest")
"""Headers of the host's answer that reach the seat."""


async def _report(venue: Venue, person: object, lot: str, what: str, lang: str = "zh") -> Response:
    """Ask the host for a report on behalf of a seat here, and hand its answer on, refusals too.

    Raises:
        NotSeated: nobody is on a seat.
        Unreachable: the link to the host is cut; reports are made there.
    """
    if not isinstance(person, Claim):
        raise NotSeated
    names = (quote(one, safe="") for one in (person.session, person.seat, lot, what))
    answer = await venue.uplink.relay(f"/api/v1/site/reports/{'/'.join(names)}", {"lang": lang})
    headers = {name: answer.headers[name] for name in _HANDED_ON if name in answer.headers}
    return Response(answer.content, answer.status_code, headers)


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
