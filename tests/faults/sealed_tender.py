"""A sealed tender at real nodes: host, sub-site and three trustees' agents as processes, bids sealed in this one.

What the tests of killed hosts and of dumps share; the bidder's side is spoken by hand.
"""

import asyncio
import hashlib
import json
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from evalroom.ids import SeatCode
from evalroom.ledger.base64 import decode_base64, encode_base64
from evalroom.roles import Role
from evalroom.sealing.policy import Mode, PartName, PartTerms, Policy, Window, parse_policy
from evalroom.tender import Seat
from main_site.rehearsal.direction import Operator
from main_site.rehearsal.nodes import Agent, Nodes, links_up
from main_site.template import write_toml
from main_site.template.sealing import SealingTerms
from tests.faults.committee import (
    HOST,
    OPERATOR,
    OPERATOR_CODE,
    PATIENCE_S,
    SESSION,
    WEST,
    Committee,
    template,
)
from tests.main_site.ceremony import FIRST, SUITE, Bidding

EXPERT, SUPERVISOR = SeatCode("E1"), SeatCode("S1")
OFFICERS = (OPERATOR, SUPERVISOR)
TRUSTEES = (("host", "host"), ("supervisor", "supervisor"), (str(WEST), "site"))
TENDER = f"/api/v1/tenders/{SESSION}"


def terms() -> SealingTerms:
    """Return the terms of the tender; deadline and hour come with the draft."""
    later = int(time.time() + 3600) * 1000
    parts = ((PartName.IDENTITY, 1 << 20), (PartName.OPENING, 1 << 20), (PartName.TECHNICAL, 64 << 20))
    return SealingTerms(
        deadline=later,
        mode=Mode.JOINT,
        k=2,
        suites=(SUITE,),
        min_bids=2,
        max_size=64 << 20,
        windows=(Window(FIRST, "BidsClosed", later, 600_000),),
        parts=tuple(PartTerms(name, FIRST, size) for name, size in parts),
    )


@dataclass
class Play(Committee):
    """A sealed tender at real nodes."""

    agents: dict[str, Agent] = field(default_factory=dict)
    http: httpx.AsyncClient = field(default_factory=httpx.AsyncClient)
    bidders: list[Bidding] = field(default_factory=list)

    async def struck(self) -> None:
        """Kill the host and start it again."""
        self.host.kill()
        await self.host.start()
        await links_up(self.operator, {str(WEST)})

    def freeze(self, *names: str) -> None:
        """Stop agents where they are; they go on with `thaw`."""
        for name in names:
            _signal(self.agents[name], signal.SIGSTOP)

    def thaw(self, *names: str) -> None:
        for name in names:
            _signal(self.agents[name], signal.SIGCONT)

    async def hall(self) -> dict[str, Any]:
        found: dict[str, Any] = (await self.http.get(f"{TENDER}/hall")).json()
        return found

    async def reaches(self, state: str) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_S):
            while (hall := await self.hall())["state"] != state:  # noqa: ASYNC110 - another process's state
                await asyncio.sleep(0.05)
        return hall

    async def policy(self) -> Policy:
        return parse_policy((await self.http.get(f"{TENDER}/policy")).content)

    async def announced(self, one: Bidding) -> None:
        answer = await self.http.put(f"{TENDER}/bids/{one.number}", json=one.sealed.announcement)
        assert answer.is_success, answer.text

    async def pieces(self, one: Bidding) -> None:
        for index, data in enumerate(one.sealed.pieces):
            digest = encode_base64(hashlib.sha256(data).digest())
            answer = await self.http.put(
                f"{TENDER}/bids/{one.number}/pieces/{index}",
                content=data,
                headers={"content-digest": f"sha-256=:{digest}:"},
            )
            assert answer.is_success, answer.text

    async def submitted(self, one: Bidding) -> None:
        answer = await self.http.post(f"{TENDER}/bids/{one.number}/submit")
        assert answer.is_success, answer.text

    async def released(self, one: Bidding) -> None:
        """Release as a bidder does, again and again until the host is there to take it."""
        hall = await self.hall()
        parts = [part.name for part in (await self.policy()).parts]
        halves = one.release(FIRST, decode_base64(hall["session_key"]), parts)
        body = {"window": FIRST, "halves": halves}
        answer = await self.http.post(f"{TENDER}/bids/{one.number}/release", json=body)
        assert answer.is_success, answer.text

    def kinds(self) -> Counter[str]:
        """Count the entries of the journal by type."""
        return Counter(json.loads(row.entry)["type"] for row in self.rows())


def _signal(agent: Agent, number: signal.Signals) -> None:
    assert agent.process is not None
    agent.process.send_signal(number)


@asynccontextmanager
async def played(folder: Path) -> AsyncIterator[Play]:
    """Start the agents and nodes of a sealed session and open it."""
    plan = replace(
        template({EXPERT: WEST}, [Seat(SUPERVISOR, HOST, HOST, Role.SUPERVISOR, "wall")]), sealing=terms()
    )
    lots = tuple(replace(lot, bids=()) for lot in plan.tender.lots)
    plan = replace(plan, tender=replace(plan.tender, lots=lots))
    nodes = Nodes(folder)
    async with AsyncExitStack() as stack:
        stack.callback(nodes.stop)
        agents = {name: await nodes.start_agent(name, kind, f"{name} 数据中心") for name, kind in TRUSTEES}
        local = [
            {"trustee": name, "socket": str(agents[name].socket)} for name, kind in TRUSTEES if kind != "site"
        ]
        host = await nodes.start_host(
            OPERATOR_CODE, cosign_seconds="0.3", cover_per_hour="0", agents=json.dumps(local)
        )
        operator = Operator(host.url, OPERATOR_CODE)
        stack.push_async_callback(operator.close)
        await operator.login()
        play = Play(nodes, operator, host, agents=agents)
        play.sites[WEST] = await nodes.join_site(operator, WEST, "far", host.url, agents[WEST])
        await links_up(operator, {str(WEST)})
        opened = await operator.open_session(write_toml(plan).encode())
        play.codes = {seat["seat"]: seat["code"] for seat in opened["seats"]}
        play.http = await stack.enter_async_context(httpx.AsyncClient(base_url=host.url, timeout=PATIENCE_S))
        answer = await play.http.post("/api/v1/operator/login", json={"code": OPERATOR_CODE})
        assert answer.is_success, answer.text
        for code in OFFICERS:
            await play.seat(code, host.url)
        stack.push_async_callback(_all_leave, play)
        yield play


async def _all_leave(play: Play) -> None:
    for code in list(play.running):
        await play.leave(code)
