"""The route by which whoever appraises experts reads what the journal tells of a duty form."""

import asyncio
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Depends

from evalroom.ids import LotId, SeatCode
from main_site.services.centre import Centre, UnknownSession
from main_site.services.duties import read_suggestions
from signaling.permits import Permitted, permit
from signaling.register import Claim


def duty_routes(centre: Centre) -> APIRouter:
    """Return the routes of duty forms at this centre."""
    router = APIRouter(dependencies=[Depends(permit)])

    @router.get("/api/v1/sessions/{session}/duty/{seat}/{lot}")
    async def duty(session: str, seat: str, lot: str, person: Permitted) -> list[dict[str, Any]]:
        """List, for each question of an expert's form, what the journal suggests and the entries that tell it."""
        if isinstance(person, Claim) and person.session != session:
            raise UnknownSession(session=session[:64])  # to a seat there is none but its own
        live = centre.session(session)
        state = live.evaluation.conductor.session
        told = await asyncio.to_thread(
            read_suggestions, centre.writer.engine, state, SeatCode(seat), LotId(lot)
        )
        return [asdict(one) for one in told]

    return router
