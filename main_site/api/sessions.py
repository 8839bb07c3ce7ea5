"""Routes of the host's operator: log in, open sessions, issue codes, bring in documents, watch the archive."""

import asyncio
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.responses import FileResponse

from evalroom.encoding import to_json
from evalroom.errors import Refusal
from evalroom.ids import BidId, SeatCode, SessionId
from evalroom.roles import NotPermitted, Role
from evalroom.session import Unknown
from evalroom.visibility import may_read_bids
from main_site.api.opening import opened_document, serve_range
from main_site.documents import MAX_PDF_BYTES, PdfTooLarge
from main_site.sample import sample_template
from main_site.services.centre import OPERATOR_COOKIE, Centre, IssuedCode, Live
from main_site.standing import Person
from main_site.standing import Seated as SeatGiven
from main_site.template import SessionTemplate, parse_template, write_toml, write_xlsx
from signaling.door import YEAR_S, Seated, seated, set_cookie
from signaling.permits import Permitted, permit
from signaling.problems import COUNTED_BY_ROUTE
from signaling.register import Claim

OPERATOR = Person("operator", Role.OPERATOR)
"""Who gives seats, as the standing list's trail names them: whoever has the centre's operator code."""

MAX_TEMPLATE = 2 << 20
TOML, XLSX = "application/toml", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class TemplateTooLarge(Refusal):
    """A template may hold 2 MB at most; nothing was opened."""

    code = "template_too_large"


class OperatorLogin(BaseModel):
    """The centre's operator code."""

    model_config = ConfigDict(extra="forbid", strict=True)
    code: Annotated[str, StringConstraints(max_length=200)]


class Occupant(BaseModel):
    """The expert to whom a seat is given, by the id of the pool: which decisions were looked at, and why all the same."""

    model_config = ConfigDict(extra="forbid", strict=True)
    subject: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    seen: Annotated[list[Annotated[str, StringConstraints(max_length=64)]], Field(max_length=100)] = []
    reason: Annotated[str, StringConstraints(max_length=2000)] = ""

    def seated(self, session: str, seat: str) -> SeatGiven:
        """Return what goes onto the trail of the standing list, if there is anything about the expert."""
        return SeatGiven(self.subject, session, seat, tuple(self.seen), self.reason)


class Opened(BaseModel):
    """A session just opened, with the codes of its seats: they are shown this once."""

    session: str
    seats: list[dict[str, Any]]


def session_routes(centre: Centre) -> APIRouter:
    """Return the operator's routes at this centre."""
    router = APIRouter(dependencies=[Depends(permit)])

    @router.post("/api/v1/operator/login")
    async def operator_login(body: OperatorLogin, response: Response) -> None:
        """Log the host's operator in."""
        cookie = await centre.operator_login(body.code)
        response.set_cookie(
            OPERATOR_COOKIE,
            cookie,
            max_age=YEAR_S,
            httponly=True,
            samesite="strict",
            secure=centre.secure,
            path="/",
        )

    @router.get("/api/v1/sessions")
    async def sessions() -> list[dict[str, Any]]:
        """List the sessions of this host."""
        return [_brief(live) for live in centre.live.values()]

    @router.post("/api/v1/sessions", max_body_size=COUNTED_BY_ROUTE)
    async def open_session(request: Request) -> Opened:
        """Open a session from a template, TOML or xlsx, sent as the body."""
        data = await read_body(request, MAX_TEMPLATE, TemplateTooLarge(limit=MAX_TEMPLATE))
        template = await asyncio.to_thread(parse_template, data)
        issued = await centre.open_session(template)
        return opened(template, issued)

    @router.get("/api/v1/sessions/{session}")
    async def session(session: str) -> dict[str, Any]:
        """Describe a session: stage, seats, bids, what the next stage needs, archive."""
        return _overview(centre.session(session))

    @router.post("/api/v1/sessions/{session}/enter")
    async def enter(session: str, request: Request, response: Response) -> Seated:
        """Take the session's operator seat."""
        live = centre.session(session)
        seats = live.evaluation.conductor.session.seats.values()
        seat = next(one.code for one in seats if one.role is Role.OPERATOR)
        claim, cookie = await asyncio.to_thread(centre.register.seat, SessionId(session), seat)
        set_cookie(request, response, cookie, secure=centre.secure)
        return seated(centre, claim)

    @router.post("/api/v1/sessions/{session}/seats/{seat}/code")
    async def new_code(session: str, seat: str, body: Occupant | None = None) -> dict[str, Any]:
        """Issue a seat a new one-time code; whose it will be is looked up in the standing list, and not kept."""
        known = centre.session(session).evaluation.conductor.session.seats
        if body is not None and seat in known:
            await centre.standings.give_seats(OPERATOR, [body.seated(session, seat)])
        return _code(await centre.new_seat_code(SessionId(session), SeatCode(seat)))

    @router.get("/api/v1/sessions/{session}/archive")
    async def archive(session: str) -> dict[str, Any]:
        """Say where the session's archive stands."""
        return asdict(centre.session(session).archiver.state)

    @router.post("/api/v1/documents", max_body_size=COUNTED_BY_ROUTE)
    async def put_document(request: Request) -> dict[str, Any]:
        """Take a PDF in, sent as the body."""
        data = await read_body(request, MAX_PDF_BYTES, PdfTooLarge(limit=MAX_PDF_BYTES))
        facts = await asyncio.to_thread(centre.documents.put, data)
        return {"sha256": facts.sha256, "bytes": facts.bytes, "pages": facts.pages}

    @router.get("/api/v1/documents/{bid}")
    async def document(request: Request, bid: str, person: Permitted, part: str = "") -> Response:
        """Serve a bid's PDF, by range; of an opened bid the part named, straight from the ciphertext."""
        if not isinstance(person, Claim):
            raise NotPermitted(kind="documents", role=person.role)
        live = centre.session(person.session)
        state = live.evaluation.conductor.session
        outside = person.role is Role.EXPERT and person.seat not in state.members
        if not state.rehearsal:
            if outside or not may_read_bids(person.role, state.stage):
                raise NotPermitted(kind="documents", stage=state.stage)
            return await serve_range(request, await opened_document(live, BidId(bid), part))
        imported = state.bids.get(BidId(bid))
        if imported is None:
            raise Unknown(bid=bid[:64])
        if outside or not may_read_bids(person.role, state.stage):
            raise NotPermitted(kind="documents", stage=state.stage)
        path = await asyncio.to_thread(centre.documents.path_of, imported.sha256)
        return FileResponse(path, media_type="application/pdf", content_disposition_type="inline")

    @router.get("/api/v1/template.toml")
    async def template_toml() -> Response:
        """Return a template to fill in, as TOML."""
        return _download(write_toml(sample_template()).encode(), TOML, "evalroom-template.toml")

    @router.get("/api/v1/template.xlsx")
    async def template_xlsx() -> Response:
        """Return a template to fill in, as a workbook."""
        data = await asyncio.to_thread(write_xlsx, sample_template())
        return _download(data, XLSX, "evalroom-template.xlsx")

    return router


async def read_body(request: Request, limit: int, refusal: Refusal) -> bytes:
    """Read a body of at most `limit` bytes; a longer one is refused before it is all here."""
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size > limit:
            raise refusal
        pieces.append(piece)
    return b"".join(pieces)


def _download(data: bytes, kind: str, name: str) -> Response:
    return Response(data, media_type=kind, headers={"content-disposition": f'attachment; filename="{name}"'})


def opened(template: SessionTemplate, issued: list[IssuedCode]) -> Opened:
    """Describe a session just opened."""
    return Opened(session=template.session, seats=[_code(one) for one in issued])


def _code(issued: IssuedCode) -> dict[str, Any]:
    return asdict(issued)


def _brief(live: Live) -> dict[str, Any]:
    state = live.evaluation.conductor.session
    return {
        "session": state.id,
        "code": state.tender.code,
        "title": state.tender.title,
        "stage": state.stage,
        "paused": state.paused,
        "closed": state.closed,
        "opened_ms": live.stored.opened_ms,
        "archive": live.archiver.state.stage,
    }


def _overview(live: Live) -> dict[str, Any]:
    state = live.evaluation.conductor.session
    return {
        **_brief(live),
        "archive": asdict(live.archiver.state),
        "tender": to_json(state.tender),
        "sites": [to_json(site) for site in state.sites.values()],
        "seats": [
            {
                "code": seat.code, "site": seat.site, "node": seat.node, "role": seat.role, "label": seat.label,
                "joined": seat.code in state.seat_keys, "accepted": seat.code in state.accepted,
            }
            for seat in state.seats.values()
        ],
        "bids": list(_bids(live)),
        "missing": _missing(live),
    }  # fmt: skip


def _bids(live: Live) -> Iterator[dict[str, Any]]:
    state = live.evaluation.conductor.session
    for lot in state.tender.lots:
        for bid in lot.bids:
            known = state.bids.get(bid.id)
            yield {
                "lot": lot.id,
                "bid": bid.id,
                "bidder": bid.bidder,
                "imported": known is not None,
                "pages": known.pages if known else 0,
                "bytes": known.bytes if known else 0,
            }


def _missing(live: Live) -> dict[str, Any]:
    """Say what the next stage still needs, each need with its code and the names it waits for."""
    state = live.evaluation.conductor.session
    after = state.next_stage()
    return {"stage": after, "needs": [asdict(one) for one in state.missing_for(after)]} if after else {}
