"""The host dies in every state of an opening, as in a power cut, and the opening ends as if nothing had happened.

Host, sub-site and the three trustees' agents are real processes.  Agents are stopped where a state would be over too
soon to be met, and go on after the host is back.
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
import pytest

from evalroom import commands as co
from evalroom.events import Stage
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
    LOT,
    OPERATOR,
    OPERATOR_CODE,
    PATIENCE_S,
    SESSION,
    WEST,
    Committee,
    template,
    until,
)
from tests.main_site.ceremony import FIRST, SUITE, Bidding, seal_for, sheet_of

pytestmark = [pytest.mark.xdist_group("nodes"), pytest.mark.timeout(300)]

EXPERT, SUPERVISOR = SeatCode("E1"), SeatCode("S1")
OFFICERS = (OPERATOR, SUPERVISOR)
TRUSTEES = (("host", "host"), ("supervisor", "supervisor"), (str(WEST), "site"))
NAMES = ("甲公司", "乙公司")
DOCUMENT = b"%PDF " + bytes(3 << 20)
TENDER = f"/api/v1/tenders/{SESSION}"
LEAST_S, STRIKES = 25, 8
"""Seconds until the deadline: three restarts of a host lie before it, and whatever else a busy machine does."""


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


async def test_an_opening_ends_as_if_nothing_had_happened_though_the_host_is_killed_in_every_state(
    tmp_path: Path,
) -> None:
    async with played(tmp_path) as play:
        await arm(play)
        await hand_in(play)
        await close(play)
        await unseal(play)
        await combine(play)
        await play.reaches("opened")
        await play.struck()
        await play.journalled("PriceRead", 2)
        assert_each_once(play)
        await assert_record(play)
        assert_no_secret(play, tmp_path)


async def arm(play: Play) -> None:
    """Draft; the host dies before it, while a trustee has not signed, and again when all have."""
    began = time.monotonic()
    await play.struck()
    play.freeze("supervisor")
    when = int(time.time() + max(LEAST_S, STRIKES * (time.monotonic() - began))) * 1000
    drafting = asyncio.create_task(
        play.http.post(f"/api/v1/sessions/{SESSION}/policy", json={"deadline": when, "opens_at": when})
    )
    await play.journalled("TrusteeKeyPublished", 2)
    play.thaw("supervisor")
    answer = await drafting
    assert answer.is_success, answer.text
    play.freeze("supervisor")
    await play.struck()
    play.thaw("supervisor")
    await play.reaches("armed")
    await play.struck()
    answer = await play.http.post(f"/api/v1/sessions/{SESSION}/submissions/open")
    assert answer.is_success, answer.text


async def hand_in(play: Play) -> None:
    """Hand two bids in; the host dies before a submission, and before a trustee's ack."""
    policy = await play.policy()
    for price, name in enumerate(NAMES, 980_000):
        texts = {PartName.OPENING: sheet_of(price, LOT), PartName.TECHNICAL: DOCUMENT}
        play.bidders.append(await asyncio.to_thread(seal_for, policy, name, texts))
    first, second = play.bidders
    for one in (first, second):
        await play.announced(one)
        await play.pieces(one)
    await play.submitted(first)
    play.freeze(str(WEST))
    await play.submitted(second)
    await play.struck()
    play.thaw(str(WEST))
    await play.journalled("BidAcknowledged", 6)


async def close(play: Play) -> None:
    """Let the deadline pass; the host dies on the closed list."""
    await play.reaches("closed")
    await play.struck()
    lead = play.members[OPERATOR]
    await lead.give(lambda _: co.AdvanceStage(Stage.RECEIVING, Stage.OPENING, "the list is closed"))
    for code in OFFICERS:
        await play.members[code].give(lambda _: co.StepUp(FIRST))


async def unseal(play: Play) -> None:
    """The host dies after the first release, before the second; then agents are kept from releasing shares."""
    first, second = play.bidders
    await play.reaches("unsealing")
    await play.released(first)
    await play.struck()
    hall = await play.hall()
    assert {first.number: "released", second.number: "listed"} == {
        one["bid"]: one["state"] for one in hall["bids"]
    }
    play.freeze("supervisor", str(WEST))
    await until(lambda: bool(play.kinds()["HalfReleased"]))
    await play.released(first)
    await play.released(second)


async def combine(play: Play) -> None:
    """The host dies with one trustee's shares of the two that it needs, and again among the verdicts."""
    await play.journalled("ShareReleased", 1)
    await play.struck()
    play.thaw("supervisor", str(WEST))
    await play.journalled("ShareReleased", 2)
    play.host.kill()
    await play.host.start()


def assert_each_once(play: Play) -> None:
    """Demand that whatever happens once stands in the journal once."""
    kinds = play.kinds()
    once = {
        "TrusteeKeyPublished": 3, "PolicyDrafted": 1, "PolicySigned": 3, "SubmissionsOpened": 1, "BidSubmitted": 2,
        "BidAcknowledged": 6, "BidsClosed": 1, "WindowOpened": 1, "HalfReleased": 2, "WindowClosed": 1,
        "BidJudged": 2, "OpeningRecorded": 1, "PartKeyPublished": 2, "BidAdmitted": 2, "PriceRead": 2,
    }  # fmt: skip
    assert once == {kind: kinds[kind] for kind in once}
    assert kinds["CeremonyPaused"] == kinds["CeremonyResumed"]
    assert 2 <= kinds["ShareReleased"] <= 3


async def assert_record(play: Play) -> None:
    """Demand that both bids were opened, with names and prices."""
    rows = json.loads((await play.hall())["record"]["text"])["rows"]
    assert {(name, "opened", str(price)) for price, name in enumerate(NAMES, 980_000)} == {
        (row["bidder"], row["verdict"], row["prices"][0]["price_fen"]) for row in rows
    }


def assert_no_secret(play: Play, folder: Path) -> None:
    """Demand that no half and no content key of a sealed document lies on the host's disk or in its log."""
    drawn = [one.plan.secrets[PartName.TECHNICAL] for one in play.bidders]
    planted = [value for one in drawn for value in (one.half, one.secret, one.content_key)]
    forms = [form for one in planted for form in (one, one.hex().encode(), encode_base64(one).encode())]
    paths = [folder / "host.log", *(path for path in (folder / "host").rglob("*") if path.is_file())]
    assert [] == [path for path in paths if any(form in path.read_bytes() for form in forms)]
