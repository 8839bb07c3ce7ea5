"""The officers at the end of a rehearsal: gaps are declared by the supervisor, reports witnessed by everybody who may.

On a machine that cannot keep up recordings have gaps that no recorder declares; as in a centre they hold up every
signature until the supervisor has said why they are there.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from evalroom.commands import ExplainGap, WitnessReport
from evalroom.events import Stage
from evalroom.ids import LotId, TrackId
from evalroom.stages import OVER
from main_site.rehearsal.client import CommandRefused, SeatClient
from main_site.rehearsal.expert import LOOK_S, at

BECAUSE = "演练所用机器繁忙,这段时间的画面没有录下。"

_PASSING = frozenset({"undeclared_gap", "no_such_gap", "paused", "other_report"})
"""Refusals after which it is tried again: another gap came up, or the one named has moved on the clock meanwhile."""


@dataclass(frozen=True, slots=True)
class ReportOfficers:
    """The supervisor, and whoever witnesses, already seated."""

    supervisor: SeatClient
    witnesses: Sequence[SeatClient]

    async def run(self) -> None:
        """Attend until the session is over, or somebody else takes the seat; cancelling leaves what was acknowledged."""
        await asyncio.gather(*map(self._attend, (self._declare(), *map(self._witness, self.witnesses))))

    async def _attend(self, work: Coroutine[object, object, None]) -> None:
        try:
            await work
        except CommandRefused:
            if not any(one.evicted.is_set() for one in (self.supervisor, *self.witnesses)):
                raise

    async def _declare(self) -> None:
        client = self.supervisor
        await client.until(at(Stage.REPORTING))
        async with httpx.AsyncClient(base_url=client.base_url, cookies=client.cookies()) as http:
            while client.view.stage not in OVER:
                for lot in client.view.lots:
                    told = (await http.get(f"/api/v1/reports/{lot}")).json()
                    for gap in told.get("gaps", ()):
                        await self._explain(gap)
                await asyncio.sleep(LOOK_S)

    async def _explain(self, gap: dict[str, Any]) -> None:
        order = ExplainGap(TrackId(gap["track"]), gap["from_ms"], gap["to_ms"], BECAUSE)
        try:
            await self.supervisor.give(lambda _: order)
        except CommandRefused as refusal:
            if refusal.detail.get("code") not in _PASSING:
                raise

    async def _witness(self, client: SeatClient) -> None:
        await client.until(lambda view: bool(view.reports))
        for lot in sorted(client.view.reports):
            while not await self._witnessed(client, lot):  # noqa: ASYNC110 - another process decides
                await asyncio.sleep(LOOK_S)

    async def _witnessed(self, client: SeatClient, lot: LotId) -> bool:
        """Witness a report; say whether that is done, or the members were quicker and the session is over."""
        try:
            await client.give(lambda _: WitnessReport(lot, client.view.reports[lot]))
        except CommandRefused as refusal:
            code = refusal.detail.get("code")
            if code not in _PASSING | {"stage", "session_over"}:
                raise
            return code not in _PASSING
        return True
