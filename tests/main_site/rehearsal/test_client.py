"""A seat without a browser, against a real host: it acts once, sees its own, and leaves when its seat is taken."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from evalroom.commands import AcceptDiscipline
from evalroom.encoding import body_of
from evalroom.events import SessionOpened, Stage
from evalroom.ids import BidId, SeatCode
from evalroom.sheet import digest_of
from evalroom.tender import Bid, Part
from main_site.app import make_server
from main_site.rehearsal.client import CommandRefused, SeatClient, SeatView
from main_site.sample import sample_template
from main_site.services.centre import Centre
from tests.evalroom.room import KEYS, LOT, LOT1, SEATS, SESSION, SITES, TENDER
from tests.patience import PATIENCE_S
from tests.sub_site.stage import host_app, serving

SAMPLE = sample_template()
HOST = SAMPLE.sites[0].id


@dataclass
class Stand:
    centre: Centre
    url: str
    codes: dict[SeatCode, str]


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    app, settings = host_app(tmp_path)
    centre: Centre = app.state.centre
    async with serving(make_server(app, settings)) as url:
        sites = tuple(replace(site, node=site.host) for site in SAMPLE.sites)
        seats = tuple(replace(seat, node=HOST) for seat in SAMPLE.seats)
        issued = await centre.open_session(replace(SAMPLE, sites=sites, seats=seats))
        yield Stand(centre, url, {one.seat: one.code for one in issued})


@contextlib.asynccontextmanager
async def seated(stand: Stand, seat: str, code: str = "") -> AsyncIterator[SeatClient]:
    client = SeatClient(stand.url, code or stand.codes[SeatCode(seat)])
    await client.login()
    running = asyncio.create_task(client.run())
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield client
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_wrong_code_comes_in_nowhere(stand: Stand) -> None:
    with pytest.raises(CommandRefused):
        await SeatClient(stand.url, "ABCD-EFGH-JKMN").login(patience=1)


async def test_a_seat_checks_in_acts_signed_and_is_told_of_refusals(stand: Stand) -> None:
    async with seated(stand, "E01") as expert:
        await expert.check_in()
        await expert.until(lambda view: view.items >= 2)
        session = stand.centre.live[SAMPLE.session].evaluation.conductor.session
        assert {"E01"} == set(session.seat_keys)
        with pytest.raises(CommandRefused) as refused:
            await expert.give(lambda _: AcceptDiscipline(SeatCode("E01"), "0" * 64))
        assert "stage" == refused.value.detail["code"]
        assert Stage.GATHERING is expert.view.stage
        assert SAMPLE.tender.title == expert.view.tender["title"]


async def test_a_seat_that_was_taken_over_leaves_for_good(stand: Stand) -> None:
    async with seated(stand, "E01") as first:
        await first.until(lambda view: view.items > 0)
        fresh = await stand.centre.new_seat_code(SAMPLE.session, SeatCode("E01"))
        async with seated(stand, "E01", fresh.code) as second:
            with pytest.raises(CommandRefused, match="evicted"):
                await first.until(lambda view: view.closed)
            await second.until(lambda view: view.items > 0)
            assert not second.evicted.is_set()


def opening() -> dict[str, Any]:
    """Return the first entry of a session with sealed bids."""
    lot = replace(LOT1, bids=())
    tender = replace(TENDER, lots=(lot,))
    event = SessionOpened(
        SESSION, tender, SITES, SEATS, KEYS, rehearsal=False, software="", profile="", profile_sha256=""
    )
    return body_of(event)


def test_the_view_folds_what_the_page_folds() -> None:
    view = SeatView()
    votes = [{"bid": "B1", "rejected": True}, {"bid": "B2", "rejected": False}]
    score = {
        "lot": "1",
        "bid": "B1",
        "item": "T1",
        "revision": 2,
        "value": {"commit": "v"},
        "reason": {"commit": "r"},
    }
    for kind, body, more in (
        ("SessionOpened", opening(), {}),
        ("BidAdmitted", {"lot": LOT, "bid": "B1", "bidder": "某公司"}, {}),
        ("StageChanged", {"after": "detailed"}, {}),
        ("SessionPaused", {}, {}),
        ("GroupUnlocked", {"part": "preliminary"}, {}),
        ("BidsReviewed", {"votes": votes}, {}),
        ("ReportMade", {"lot": "1", "sha256": "00" * 32}, {}),
        ("ScoreEntered", score, {"opened": {"/value": "8.5", "/reason": ""}}),
        ("SomethingNew", {}, {}),
        ("SessionClosed", {}, {}),
    ):
        view.take({"type": kind, "body": body, **more})
    assert (Stage.ARCHIVED, True, True, 10) == (view.stage, view.paused, view.closed, view.items)
    assert [{"id": "B1", "bidder": "某公司"}] == view.tender["lots"][0]["bids"]
    assert (Bid(BidId("B1"), "某公司"),) == view.lots[LOT].bids
    assert ({"B1"}, {"preliminary"}, {"1": "00" * 32}) == (view.rejected, view.unlocked, view.reports)
    cell = view.cells["1", "B1", "T1"]
    assert (2, "8.5") == (cell.revision, cell.value)
    view.take({"type": "SessionResumed", "body": {}})
    assert not view.paused


def test_the_digest_of_a_sheet_is_over_its_own_part_and_lot_only() -> None:
    client = SeatClient("http://host", "code")
    client.view.lots = {LOT: LOT1}

    def digest(part: Part) -> str:
        return digest_of(client.sheet(LOT, part).cells)

    empty = digest(Part.DETAILED)
    body = {"bid": "B1", "revision": 1, "value": {"commit": "v"}, "reason": {"commit": "r"}}
    for lot, item in ((LOT, "form"), ("2", "plan")):
        score = body | {"lot": lot, "item": item}
        client.view.take({"type": "ScoreEntered", "body": score, "opened": {"/value": "1", "/reason": ""}})
    assert empty == digest(Part.DETAILED)
    assert empty != digest(Part.PRELIMINARY)
