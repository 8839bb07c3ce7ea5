"""Routes of the reports: what the pages that edit, sign and witness show, the signed data byte for byte, the PDF.

A seat of a sub-site asks its own node, which asks here with its token for exactly that seat.
"""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from fastapi import APIRouter, Depends, Request, Response
from starlette.responses import JSONResponse

from evalroom.ids import SeatCode
from evalroom.roles import NotPermitted, Role
from evalroom.session import Unknown
from main_site.report.words import LANGUAGES, Language
from main_site.services.centre import Centre, Live, NodePerson
from signaling.permits import Permitted, permit
from signaling.register import Claim

LOOK_S = 0.25
"""Seconds between two looks whether whoever asked for pages is still there."""

_T = TypeVar("_T")


def report_routes(centre: Centre) -> APIRouter:
    """Return the routes of reports."""
    router = APIRouter(dependencies=[Depends(permit)])

    async def answer(request: Request, lot: str, person: object, what: str, lang: str) -> Response:
        live, seat = _reader(centre, person)
        return await _answer(request, live, seat, lot, what, lang)

    @router.get("/api/v1/reports/{lot}")
    async def report(request: Request, lot: str, person: Permitted) -> Response:
        """Describe a lot's report: its data, checks, gaps and signatures."""
        return await answer(request, lot, person, "state", "")

    @router.get("/api/v1/reports/{lot}/data")
    async def data(request: Request, lot: str, person: Permitted) -> Response:
        """Return a report's canonical JSON, byte for byte: its SHA-256 is what is signed."""
        return await answer(request, lot, person, "data", "")

    @router.get("/api/v1/reports/{lot}/pdf")
    async def pdf(request: Request, lot: str, person: Permitted, lang: str = "zh") -> Response:
        """Return a report's PDF in Chinese or English; nobody waiting any more ends the setting of it."""
        return await answer(request, lot, person, "pdf", lang)

    @router.get("/api/v1/site/reports/{session}/{seat}/{lot}/{what}")
    async def for_site(
        request: Request, session: str, seat: str, lot: str, what: str, person: Permitted, lang: str = "zh"
    ) -> Response:
        """Answer a site's node for one of its seats, with the rights of that seat."""
        live = centre.session(session)
        known = live.evaluation.conductor.session.seats.get(SeatCode(seat))
        served = isinstance(person, NodePerson) and known and live.evaluation.serves(person.site, known)
        if known is None or not served:
            raise NotPermitted(kind="reports", seat=seat[:64])
        return await _answer(request, live, known.code, lot, what, lang)

    return router


def _reader(centre: Centre, person: object) -> tuple[Live, SeatCode]:
    if not isinstance(person, Claim):
        raise NotPermitted(kind="reports")
    return centre.session(person.session), person.seat


async def _answer(request: Request, live: Live, seat: SeatCode, name: str, what: str, lang: str) -> Response:
    reports, role = live.reports, live.evaluation.conductor.session.seats[seat].role
    if role is Role.SITE_OPERATOR:
        raise NotPermitted(kind="reports", role=role)
    reports.demand_reader(seat, role)
    lot, private = reports.lot(name), {"cache-control": "private, no-cache"}
    if what == "state":
        return JSONResponse(reports.describe(lot), headers=private)
    if what == "data":
        data, digest = reports.data(lot)
        return Response(data, media_type="application/json", headers={**private, "x-report-digest": digest})
    if what != "pdf":
        raise Unknown(what=what[:40])
    pdf = await _while_awaited(request, reports.pages(lot, _language(lang)))
    file = {"content-disposition": f'inline; filename="report-{lot.id}.pdf"'}
    return Response(pdf, media_type="application/pdf", headers={**private, **file})


def _language(text: str) -> Language:
    return next((one for one in LANGUAGES if one == text), LANGUAGES[0])


async def _while_awaited(request: Request, work: Awaitable[_T]) -> _T:
    """Return what `work` gives; cancel it as soon as whoever asked has gone."""
    task = asyncio.ensure_future(work)
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=LOOK_S)
            if not task.done() and await request.is_disconnected():
                task.cancel()
        return task.result()
    finally:
        task.cancel()
