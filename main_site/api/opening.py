"""Routes of an opening: bidders release their halves, and whoever may read an opened document reads it by range.

Documents are decrypted as they are sent, never stored; a browser's range requests are served from the ciphertext.
Refused: reading what was not opened, and every part that is no document.
"""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, StringConstraints
from starlette.responses import StreamingResponse

from evalroom.ids import BidId, BidNumber, DrawId
from evalroom.ledger.base64 import decode_base64
from evalroom.sealing.policy import PartName
from evalroom.sealing.roster import MAX_ROSTER
from evalroom.session import Unknown
from main_site.services.centre import Centre, Live
from main_site.services.rosters import Rosters, RosterSealedStill
from main_site.services.sealed_documents import NotOpened, SealedDocument
from signaling.permits import permit
from signaling.ranges import parse_range, range_headers

AT_ONCE = 4 << 20
"""Bytes of a range that are decrypted in one go; longer ones are sent as they are decrypted."""


class Release(BaseModel):
    """The halves of a bid for one window, wrapped to its session key, b64 (opening.md §7)."""

    model_config = ConfigDict(extra="forbid", strict=True)
    window: Annotated[str, StringConstraints(max_length=64)]
    halves: Annotated[str, StringConstraints(max_length=12_000)]


def opening_routes(centre: Centre) -> APIRouter:
    """Return the routes by which bidders take part in an opening at this centre."""
    router = APIRouter(dependencies=[Depends(permit)])

    @router.post("/api/v1/tenders/{tender}/bids/{bid}/release")
    async def release(tender: str, bid: str, body: Release) -> dict[str, Any]:
        """Release the halves of a bid for the window that is open; the same again is one release."""
        await centre.opening(tender).release(BidNumber(bid), body.window, decode_base64(body.halves))
        return {"state": "released", "window": body.window}

    @router.post("/api/v1/sessions/{session}/rosters/{draw}", max_body_size=MAX_ROSTER)
    async def keep_roster(request: Request, session: str, draw: str) -> dict[str, Any]:
        """Keep a roster that was sealed elsewhere; the answer is what the operator's seat then puts down."""
        return await _rosters(centre, session).keep(DrawId(draw), await request.body())

    @router.get("/api/v1/sessions/{session}/rosters/{draw}")
    async def read_roster(session: str, draw: str) -> Response:
        """Serve a roster at check-in, opened by the trustees' agents; it is kept by nobody on its way."""
        text = await _rosters(centre, session).read(DrawId(draw))
        return Response(text, media_type="application/json", headers={"cache-control": "no-store"})

    return router


def _rosters(centre: Centre, session: str) -> Rosters:
    """Return the rosters of a session.

    Raises:
        UnknownSession: there is no such session.
        RosterSealedStill: it is a rehearsal, without trustees.
    """
    rosters = centre.session(session).rosters
    if rosters is None:
        raise RosterSealedStill(session=session[:64], problem="a rehearsal has no trustees")
    return rosters


async def opened_document(live: Live, bid: BidId, part: str) -> SealedDocument:
    """Return the opened document of a bid on the sheets; `part` empty means the technical one.

    Raises:
        Unknown: no such bid.
        NotOpened: it has no such document.
        StillDark: the document would tell whose the bid is.
    """
    opening = live.opening
    if opening is None:
        raise Unknown(bid=bid[:64])
    try:
        name = PartName(part or PartName.TECHNICAL)
    except ValueError as error:
        raise NotOpened(bid=bid[:64], part=part[:16]) from error
    return await opening.document(bid, name)


async def serve_range(request: Request, document: SealedDocument) -> Response:
    """Answer with the bytes of a document that the request asks for, decrypted now.

    Raises:
        RangeOutside: it has no such bytes.
        PartDamaged, BytesMissing: the stored bytes are no longer those that were opened.
    """
    wanted = parse_range(request.headers.get("range", ""), document.size)
    status, headers = range_headers(wanted, document.size, document.sha256)
    first, behind = wanted or (0, document.size)
    if behind - first <= AT_ONCE:
        data = await asyncio.to_thread(document.read, first, behind)
        return Response(data, status, headers, "application/pdf")
    return _stream(document, first, behind, status, headers)


def _stream(
    document: SealedDocument, first: int, behind: int, status: int, headers: Mapping[str, str]
) -> StreamingResponse:
    length = {"content-length": str(behind - first)}
    return StreamingResponse(document.stream(first, behind), status, {**headers, **length}, "application/pdf")
