"""The people around the committee in a rehearsal: the operator who prepares and leads, and where things stand."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from evalroom.commands import AdvanceStage, ImportBid
from evalroom.errors import LocalFault
from evalroom.events import Stage
from evalroom.ids import BidId, LotId
from main_site.rehearsal.client import SeatClient

POLL_S = 0.4

PATIENCE_S = 120
"""Seconds for an answer: at a load of fourteen, three trustees' agents took more than 30 for the keys of a policy."""

_OVER = frozenset({Stage.CONCLUDED, Stage.ARCHIVED})

KEPT = httpx.Limits(keepalive_expiry=2)
"""A connection is not used again after two quiet seconds: the host closes it after five, perhaps just then."""


class RehearsalFailed(LocalFault):
    """The rehearsal could not go on: the reason is named, and the logs of the three nodes say more."""

    code = "rehearsal_failed"


class Operator:
    """The host's operator, over HTTP and at the session's operator seat."""

    def __init__(self, base_url: str, code: str) -> None:
        """Prepare to log in at the host with the centre's operator code."""
        self.base_url = base_url
        self._code = code
        self._http = httpx.AsyncClient(base_url=base_url, timeout=PATIENCE_S, limits=KEPT)

    async def login(self) -> None:
        """Log in."""
        _good(await self._http.post("/api/v1/operator/login", json={"code": self._code}))

    async def invite(self, site: str, name: str) -> str:
        """Return an enrolment code for a sub-site."""
        return str(_good(await self._http.post("/api/v1/sites", json={"site": site, "name": name}))["code"])

    async def open_session(self, template: bytes) -> dict[str, Any]:
        """Open a session and return its id, seats and codes."""
        return _good(await self._http.post("/api/v1/sessions", content=template))

    async def new_code(self, session: str, seat: str) -> str:
        """Return a fresh code for a seat."""
        return str(_good(await self._http.post(f"/api/v1/sessions/{session}/seats/{seat}/code"))["code"])

    async def overview(self, session: str) -> dict[str, Any]:
        """Return where a session stands."""
        return _good(await self._http.get(f"/api/v1/sessions/{session}"))

    async def online(self) -> set[str]:
        """Return the sub-sites whose links are up."""
        answer = await self._http.get("/api/v1/sites")
        return {one["site"] for one in answer.json() if one["link"] == "online"}

    async def import_bids(
        self, seat: SeatClient, overview: Mapping[str, Any], bids: Mapping[str, tuple[bytes, int]]
    ) -> None:
        """Bring in each bid: its PDF over HTTP, its price (fen) sealed into a signed command."""
        for row in overview["bids"]:
            pdf, fen = bids[row["bid"]]
            facts = _good(await self._http.post("/api/v1/documents", content=pdf))
            await _import(seat, row, facts, fen)

    async def take_bids_in(self, session: str, deadline: int, release_ms: int) -> None:
        """Have a policy drafted and signed by all trustees, and open the submissions; `deadline` is UTC ms."""
        terms = {"deadline": deadline, "opens_at": deadline, "release_ms": release_ms}
        _good(await self._http.post(f"/api/v1/sessions/{session}/policy", json=terms))
        while await self._state(session) != "armed":  # noqa: ASYNC110 - another process's state
            await asyncio.sleep(POLL_S)
        _good(await self._http.post(f"/api/v1/sessions/{session}/submissions/open"))

    async def _state(self, session: str) -> str:
        return str(_good(await self._http.get(f"/api/v1/tenders/{session}/hall"))["state"])

    async def lead(self, session: str, seat: SeatClient, on_stage: Callable[[Stage], None]) -> None:
        """Move the session on whenever its next stage needs nothing more, until the host goes on alone."""
        while True:
            overview = await self.overview(session)
            stage = Stage(overview["stage"])
            on_stage(stage)
            # From concluded on the host goes alone, between two looks perhaps as far as archived.
            if stage in _OVER:
                return
            after = overview["missing"]
            if not after["needs"] and not overview["paused"]:
                await _advance(seat, stage, Stage(after["stage"]))
                await asyncio.sleep(1)
            await asyncio.sleep(POLL_S)

    async def archive(self, session: str, on_state: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """Wait for the session's archive and return its last state.

        Raises:
            RehearsalFailed: it could not be built.
        """
        while True:
            state = _good(await self._http.get(f"/api/v1/sessions/{session}/archive"))
            on_state(state)
            if state["stage"] == "failed":
                raise RehearsalFailed(reason=state["detail"])
            if state["stage"] == "ready":
                return state
            await asyncio.sleep(POLL_S)

    def cookies(self) -> httpx.Cookies:
        """Return the operator's cookies."""
        return self._http.cookies

    async def close(self) -> None:
        """Close the connection pool."""
        await self._http.aclose()


async def _import(seat: SeatClient, row: Mapping[str, Any], facts: Mapping[str, Any], fen: int) -> None:
    await seat.give(
        lambda secret: ImportBid(
            LotId(row["lot"]), BidId(row["bid"]), row["bidder"], secret["price"],
            facts["sha256"], facts["bytes"], facts["pages"],
        ),
        price=str(fen),
    )  # fmt: skip


async def _advance(seat: SeatClient, before: Stage, after: Stage) -> None:
    await seat.give(lambda _: AdvanceStage(before, after, "rehearsal"))


def _good(answer: httpx.Response) -> dict[str, Any]:
    if answer.is_error:
        raise RehearsalFailed(status=answer.status_code, reason=answer.text[:400])
    return dict(answer.json() or {})
