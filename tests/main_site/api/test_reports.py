"""Routes of the report: who reads it when, the signed bytes, the draft and the final PDF, sites for their own seats."""

import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from evalroom import approval as ap
from evalroom import commands as co
from evalroom.events import Stage
from evalroom.reporting import Stand
from main_site.report import typesetting
from main_site.report.signed_acts import check_signatures
from tests.evalroom.room import (
    ARCHIVIST,
    EXPERTS,
    LOT,
    OPERATOR,
    REGULATOR,
    SESSION,
    SITE_OPERATOR,
    SUPERVISOR,
)
from tests.main_site.hall import Hall, finish, hall, put_documents, until

E1, E2, E3 = EXPERTS
PATH = f"/api/v1/reports/{LOT}"


@pytest.fixture
async def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hall]:
    async with hall(tmp_path) as made:
        await put_documents(made, monkeypatch)
        yield made


async def at(place: Hall, stage: Stage) -> Hall:
    cosigning = place.cosigning(await place.linked())
    await place.advance_to(stage)
    cosigning.cancel()
    return place


async def test_there_is_no_report_before_the_ranking_stands_and_none_of_a_lot_that_is_not(
    place: Hall,
) -> None:
    async with place.client(await place.cookie(E1)) as client:
        early = await client.get(PATH)
        assert (409, "report_not_open") == (early.status_code, early.json()["code"])
    await at(place, Stage.REPORTING)
    async with place.client(await place.cookie(E1)) as client:
        assert "unknown" == (await client.get("/api/v1/reports/lot9")).json()["code"]


async def test_members_and_officers_read_the_report_and_a_sites_operator_does_not(place: Hall) -> None:
    await at(place, Stage.REPORTING)
    for seat in (E1, OPERATOR, SUPERVISOR, REGULATOR, ARCHIVIST):
        async with place.client(await place.cookie(seat)) as client:
            told = (await client.get(PATH)).json()
            assert ("draft", "", []) == (told["state"], told["digest"], told["problems"])
            assert 4 == len(told["report"]["ranking"])
    async with place.client(await place.cookie(SITE_OPERATOR)) as client:
        assert 403 == (await client.get(PATH)).status_code
    async with place.client() as client:
        assert 401 == (await client.get(PATH)).status_code


async def test_a_failed_tender_is_reported_and_closes_once_its_members_have_signed(place: Hall) -> None:
    await at(place, Stage.DETAILED)
    conductor, people = place.live.evaluation.conductor, place.people
    act = co.Propose("p1", ap.FailLot(LOT), "the site is sold")
    assert await conductor.submit(people[SUPERVISOR].order(act)) is None
    digest = place.session.approvals.waiting["p1"].digest
    await conductor.submit(people[REGULATOR].order(co.Approve("p1", digest)))
    await conductor.submit(people[OPERATOR].order(co.FailTender("no lot is left")))
    async with place.client(await place.cookie(E1)) as client:
        told = (await client.get(PATH)).json()
        assert ("signing", "the site is sold") == (told["state"], told["report"]["failure"]["reason"])
        assert [*EXPERTS] == [one["seat"] for one in told["signatories"]]
        for seat in EXPERTS:
            assert not place.session.closed
            signed = co.SignReport(LOT, place.session.report_digest(LOT), Stand.AGREES, "")
            await conductor.submit(people[seat].order(signed))
        assert "final" == (await client.get(PATH)).json()["state"]
    await until(lambda: place.session.closed)


async def test_the_bytes_that_are_signed_come_as_they_are(place: Hall) -> None:
    await at(place, Stage.SIGNING)
    async with place.client(await place.cookie(E1)) as client:
        data = await client.get(f"{PATH}/data")
        assert place.session.report_digest(LOT) == hashlib.sha256(data.content).hexdigest()
        assert place.session.report_digest(LOT) == data.headers["x-report-digest"]
        assert ["unsigned"] * 3 == [one["stand"] for one in (await client.get(PATH)).json()["signatories"]]
    await finish(place.live.evaluation.conductor, place.people)
    lot = place.session.lots[LOT]
    proved = check_signatures(data.content, place.live.reports.signatures(lot))
    assert {*EXPERTS} == proved.stands.keys()


async def test_a_report_that_is_voided_stays_as_an_annex_of_the_next_one(place: Hall) -> None:
    await at(place, Stage.SIGNING)
    give, people = place.live.evaluation.conductor.give, place.people
    before = place.session.reports.made[LOT]
    lot = place.session.lots[LOT]
    assert {} == place.live.reports.earlier(lot)
    await give(people[OPERATOR].order(co.Propose("p1", ap.Reevaluate("sum"), "a sum is wrong")))
    digest = place.session.approvals.waiting["p1"].digest
    await give(people[REGULATOR].order(co.Approve("p1", digest)))
    assert Stage.PRELIMINARY is place.session.stage
    assert {f"earlier-{LOT}-1.json": before.data} == place.live.reports.earlier(lot)
    told = json.loads(place.session.report_of(lot).encode())
    assert [before.sha256] == [one["sha256"] for one in told["earlier"]]


@pytest.mark.needs("cjk-font")
async def test_the_pdf_is_a_draft_until_the_session_is_concluded(place: Hall) -> None:
    await at(place, Stage.SIGNING)
    async with place.client(await place.cookie(E1)) as client:
        draft = await client.get(f"{PATH}/pdf?lang=en")
        assert ("application/pdf", b"%PDF") == (draft.headers["content-type"], draft.content[:4])
        assert b"ETSI.CAdES" not in draft.content
        again = await client.get(f"{PATH}/pdf?lang=en")
        assert again.content == draft.content


async def test_what_keeps_a_pdf_from_being_made_is_told_by_its_code_and_harms_nothing(
    place: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    await at(place, Stage.SIGNING)
    monkeypatch.setattr("main_site.report.fonts._FOLDERS", ())
    async with place.client(await place.cookie(E1)) as client:
        assert "report_font_missing" == (await client.get(f"{PATH}/pdf")).json()["code"]
        assert (await client.get(f"{PATH}/data")).is_success
    monkeypatch.undo()
    monkeypatch.setattr(typesetting, "find_spec", lambda _: None)
    async with place.client(await place.cookie(E1)) as client:
        assert (await client.get(f"{PATH}/pdf")).json()["code"] in (
            "typesetter_missing",
            "report_font_missing",
        )


async def test_a_sites_node_asks_for_its_own_seats_only(place: Hall) -> None:
    await place.advance_to(Stage.GATHERING)
    wire = await place.linked()
    token = (await wire.hear("upload_grant"))["token"]
    cosigning = place.cosigning(wire)
    await place.advance_to(Stage.SIGNING)
    headers = {"authorization": f"Bearer {token}"}
    async with place.client() as client:
        own = await client.get(f"/api/v1/site/reports/{SESSION}/{E2}/{LOT}/data", headers=headers)
        assert place.session.report_digest(LOT) == hashlib.sha256(own.content).hexdigest()
        for seat in (E1, "E9", SITE_OPERATOR):
            other = await client.get(f"/api/v1/site/reports/{SESSION}/{seat}/{LOT}/state", headers=headers)
            assert 403 == other.status_code, json.dumps(other.json())
        assert 401 == (await client.get(f"/api/v1/site/reports/{SESSION}/{E2}/{LOT}/data")).status_code
        wrong = await client.get(f"/api/v1/site/reports/{SESSION}/{E2}/{LOT}/nothing", headers=headers)
        assert "unknown" == wrong.json()["code"]
    cosigning.cancel()
