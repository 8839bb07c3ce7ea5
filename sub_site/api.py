"""The routes of a sub-site's node besides its door: whether it lives, and the bids' documents."""

import asyncio

import sqlalchemy as sa
from fastapi import APIRouter, Depends
from fastapi.responses import FileResponse

from evalroom.events import Stage
from evalroom.ids import BidId
from evalroom.roles import Role
from evalroom.session import WrongStage
from signaling.permits import Permitted, permit
from signaling.register import Claim, NotSeated
from sub_site.venue import Venue

SEALED = frozenset({Stage.RECEIVING, Stage.OPENING, Stage.GATHERING, Stage.BRIEFED})
"""Stages in which an expert may not read the bids yet."""


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
    async def document(bid: str, person: Permitted) -> FileResponse:
        """Return a bid's document, by range if asked so."""
        if not isinstance(person, Claim):
            raise NotSeated
        evaluation = venue.evaluation(person.session)
        if person.role is Role.EXPERT and evaluation.stage in SEALED:
            raise WrongStage(stage=evaluation.stage, needed=Stage.PRELIMINARY)
        path = venue.documents.path(person.session, BidId(bid))
        return FileResponse(
            path,
            media_type="application/pdf",
            content_disposition_type="inline",
            filename=f"{bid}.pdf",
            headers={"cache-control": "private, no-cache"},
        )

    return router


def _read_spool(venue: Venue) -> None:
    with venue.writer.engine.connect() as db:
        db.execute(sa.text("SELECT 1"))
