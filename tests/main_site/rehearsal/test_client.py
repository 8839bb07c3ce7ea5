"""A seat without a browser, against a real host: it acts once, sees its own, and leaves when its seat is taken."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from evalroom.commands import AcceptDiscipline
from evalroom.events import Stage
from evalroom.ids import SeatCode
from evalroom.tender import Part
from main_site.app import make_server
from main_site.rehearsal.client import CommandRefused, SeatClient, SeatView
from main_site.sample import sample_template
from main_site.services.centre import Centre
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
        async with asyncio.timeout(20):
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
        ("SessionOpened", {"tender": {"lots": [{"id": "1", "bids": []}]}, "rehearsal": False}, {}),
        ("BidAdmitted", {"lot": "1", "bid": "B1", "bidder": "某公司"}, {}),
        ("StageChanged", {"after": "detailed"}, {}),
        ("SessionPaused", {}, {}),
        ("GroupUnlocked", {"part": "preliminary"}, {}),
        ("BidsReviewed", {"votes": votes}, {}),
        ("RankingComputed", {"lot": "1"}, {}),
        ("ScoreEntered", score, {"opened": {"/value": "8.5", "/reason": ""}}),
        ("SomethingNew", {}, {}),
        ("SessionClosed", {}, {}),
    ):
        view.take({"type": kind, "body": body, **more})
    assert (Stage.ARCHIVED, True, True, 10) == (view.stage, view.paused, view.closed, view.items)
    assert [{"id": "B1", "bidder": "某公司"}] == view.tender["lots"][0]["bids"]
    assert ({"B1"}, {"preliminary"}, 1) == (view.rejected, view.unlocked, len(view.rankings))
    cell = view.cells["1", "B1", "T1"]
    assert (2, "8.5") == (cell.revision, cell.value)
    view.take({"type": "SessionResumed", "body": {}})
    assert not view.paused


def test_the_digest_of_a_sheet_is_over_its_own_part_and_lot_only() -> None:
    client = SeatClient("http://host", "code")
    client.view.tender = {
        "lots": [
            {"id": "1", "items": [{"id": "P1", "part": "preliminary"}, {"id": "T1", "part": "detailed"}]}
        ]
    }
    empty = client.sheet_digest("1", Part.DETAILED)
    body = {"bid": "B1", "revision": 1, "value": {"commit": "v"}, "reason": {"commit": "r"}}
    for lot, item in (("1", "P1"), ("2", "T1")):
        score = body | {"lot": lot, "item": item}
        client.view.take({"type": "ScoreEntered", "body": score, "opened": {"/value": "1", "/reason": ""}})
    assert empty == client.sheet_digest("1", Part.DETAILED)
    assert empty != client.sheet_digest("1", Part.PRELIMINARY)
