"""The operator's routes: every role gets exactly its routes; bids are read when they may be and never before."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from evalroom.events import Stage
from evalroom.ids import SeatCode
from evalroom.roles import Role
from main_site.api.sessions import MAX_TEMPLATE
from main_site.sample import sample_template
from main_site.template import write_toml
from tests.evalroom.room import (
    ARCHIVIST,
    BIDS,
    EXPERTS,
    OPERATOR,
    SESSION,
    SITE_OPERATOR,
    SUPERVISOR,
)
from tests.evalroom.test_roles import REVIEWED
from tests.main_site.hall import OPERATOR_CODE, Hall, hall, host, put_documents

E1 = EXPERTS[0]
SEAT_OF = {
    Role.EXPERT: E1,
    Role.SUPERVISOR: SUPERVISOR,
    Role.OPERATOR: OPERATOR,
    Role.SITE_OPERATOR: SITE_OPERATOR,
    Role.ARCHIVIST: ARCHIVIST,
}
LAST = "POST /api/v1/logout"
"""Logging out on the way would make strangers of us."""

ROUTES = {
    route: rule["roles"]
    for route, rule in sorted(REVIEWED["routes"].items(), key=lambda row: row[0] == LAST)
    if not route.startswith("WS")
}


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Hall]:
    async with hall(tmp_path) as made:
        yield made


def _path(route: str) -> tuple[str, str]:
    """Return method and path of a route, with something in each place of a name."""
    method, path = route.split(" ")
    for name in ("{session}", "{seat}", "{bid}", "{path:path}", "{sha256}", "{site_seat}", "{name}"):
        path = path.replace(name, "none")
    return method, path


DENIALS = ("not_permitted", "not_seated")


async def _denied(client: httpx.AsyncClient, headers: dict[str, str]) -> set[str]:
    """Return the routes whose table does not let this client in."""
    denied = set()
    for route in ROUTES:
        method, path = _path(route)
        answer = await client.request(method, path, headers=headers)
        if answer.status_code in (401, 403) and (method == "HEAD" or answer.json()["code"] in DENIALS):
            denied.add(route)
    return denied


async def test_a_stranger_comes_in_by_the_doors_only(place: Hall) -> None:
    expected = {route for route, allowed in ROUTES.items() if "anyone" not in allowed}
    async with place.client() as client:
        assert expected == await _denied(client, {})
        assert expected == await _denied(client, {"authorization": "Bearer forged"})
    for cookies in ({"evalroom_seat": "forged"}, {"evalroom_operator": "forged"}):
        async with place.client(cookies) as client:
            assert expected == await _denied(client, {})


@pytest.mark.parametrize("role", SEAT_OF)
async def test_a_seat_gets_the_reviewed_routes_and_no_other(place: Hall, role: Role) -> None:
    expected = {route for route, allowed in ROUTES.items() if not {role.value, "anyone"} & set(allowed)}
    async with place.client(await place.cookie(SEAT_OF[role])) as client:
        assert expected == await _denied(client, {})


async def test_a_node_gets_its_own_routes_and_no_persons(place: Hall) -> None:
    wire = await place.linked()
    token = (await wire.hear("upload_grant"))["token"]
    expected = {route for route, allowed in ROUTES.items() if not {"node", "anyone"} & set(allowed)}
    async with place.client() as client:
        assert expected == await _denied(client, {"authorization": f"Bearer {token}"})


async def test_the_operator_by_code_does_not_sit_on_a_seat(place: Hall) -> None:
    for path in ("/api/v1/me", "/api/v1/replay", f"/api/v1/documents/{BIDS[0]}"):
        answer = await place.http.get(path)
        assert answer.status_code in (401, 403), path


# --- the operator's code ----------------------------------------------------------------------------------


async def test_ten_wrong_codes_close_the_door_even_for_the_right_one(tmp_path: Path) -> None:
    async with host(tmp_path) as (_, _, http):
        for _ in range(10):
            answer = await http.post("/api/v1/operator/login", json={"code": "wrong"})
            assert (401, "wrong_code") == (answer.status_code, answer.json()["code"])
        answer = await http.post("/api/v1/operator/login", json={"code": OPERATOR_CODE})
        assert (429, "too_many_tries") == (answer.status_code, answer.json()["code"])


async def test_the_operators_cookie_is_out_of_reach_of_scripts_and_other_sites(tmp_path: Path) -> None:
    async with host(tmp_path, public_url="https://host.example") as (_, _, http):
        answer = await http.post("/api/v1/operator/login", json={"code": f" {OPERATOR_CODE} "})
        said = answer.headers["set-cookie"].lower()
    assert "httponly" in said
    assert "samesite=strict" in said
    assert "secure" in said
    assert OPERATOR_CODE not in said


# --- templates ----------------------------------------------------------------------------------------------


async def test_a_template_with_mistakes_names_each_and_opens_nothing(place: Hall) -> None:
    text = write_toml(sample_template()).replace('role = "expert"', 'role = "wizard"')
    answer = await place.http.post("/api/v1/sessions", content=text.encode())
    assert answer.status_code == 409
    assert len(answer.json()["problems"]) >= 5
    assert "wizard" in answer.text
    assert {SESSION} == set(place.centre.live)


@pytest.mark.parametrize("body", [b"", b"PK\x03\x04 no workbook", b"\xff\xfe", b"= = ="])
async def test_what_is_no_template_is_refused(place: Hall, body: bytes) -> None:
    answer = await place.http.post("/api/v1/sessions", content=body)
    assert 400 <= answer.status_code < 500
    assert answer.json()["code"]


async def test_a_template_too_large_is_refused_before_it_is_all_here(place: Hall) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 8 * MAX_TEMPLATE:
            sent += 1 << 20
            yield bytes(1 << 20)

    answer = await place.http.post("/api/v1/sessions", content=endless())
    assert "template_too_large" == answer.json()["code"]
    assert sent <= MAX_TEMPLATE + (2 << 20)


async def test_a_session_is_opened_once_however_often_the_button_is_pressed(tmp_path: Path) -> None:
    async with hall(tmp_path) as place:
        template = _at_the_host()
        answers = await asyncio.gather(
            *(place.http.post("/api/v1/sessions", content=template) for _ in range(3))
        )
        assert [200, 409, 409] == sorted(one.status_code for one in answers)
        assert {"session_exists"} == {one.json()["code"] for one in answers if one.is_error}
        (opened,) = (one.json() for one in answers if one.is_success)
        assert 10 == len({one["code"] for one in opened["seats"]})


def _at_the_host() -> bytes:
    """Return the sample with all its seats at the host's node."""
    sample = sample_template()
    sites = tuple(replace(site, node=site.host) for site in sample.sites)
    seats = tuple(replace(seat, node=sites[0].id) for seat in sample.seats)
    return write_toml(replace(sample, sites=sites, seats=seats)).encode()


async def test_a_site_that_has_not_joined_opens_nothing(place: Hall) -> None:
    answer = await place.http.post("/api/v1/sessions", content=write_toml(sample_template()).encode())
    assert "site_not_joined" == answer.json()["code"]
    assert {SESSION} == set(place.centre.live)


@pytest.mark.parametrize("kind", ["toml", "xlsx"])
async def test_the_template_to_fill_in_is_one_that_is_accepted(place: Hall, kind: str) -> None:
    answer = await place.http.get(f"/api/v1/template.{kind}")
    assert f"evalroom-template.{kind}" in answer.headers["content-disposition"]
    again = await place.http.post("/api/v1/sessions", content=answer.content)
    assert "site_not_joined" == again.json()["code"]


# --- bids ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"", b"garbage", b"%PDF-1.7\ncut off", b"%PDF-1.7\n%%EOF\n"])
async def test_what_is_no_pdf_is_not_taken_in(place: Hall, body: bytes) -> None:
    answer = await place.http.post("/api/v1/documents", content=body)
    assert (409, "not_a_pdf") == (answer.status_code, answer.json()["code"])
    assert [] == list(place.centre.documents)


async def test_an_expert_reads_a_bid_from_the_preliminary_review_on_and_by_range(
    place: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    pdf = await put_documents(place, monkeypatch)
    path = f"/api/v1/documents/{BIDS[0]}"
    wire = await place.linked()
    async with (
        place.client(await place.cookie(E1)) as expert,
        place.client(await place.cookie(OPERATOR)) as operator,
        place.client(await place.cookie(SUPERVISOR)) as supervisor,
    ):
        assert 404 == (await expert.get(path)).status_code
        await place.advance_to(Stage.BRIEFED)
        assert 403 == (await expert.get(path)).status_code
        assert pdf == (await operator.get(path)).content
        await place.advance_to(Stage.PRELIMINARY)
        assert 403 == (await supervisor.get(path)).status_code
        whole = await expert.get(path)
        assert (pdf, "application/pdf") == (whole.content, whole.headers["content-type"])
        part = await expert.get(path, headers={"range": "bytes=10-99"})
        assert (206, pdf[10:100]) == (part.status_code, part.content)
        assert 404 == (await expert.get("/api/v1/documents/bid99")).status_code
    wire.hang_up()


# --- seats and overview ---------------------------------------------------------------------------------------


async def test_a_new_code_ends_the_old_cookie_once_it_is_used(place: Hall) -> None:
    async with place.client() as old, place.client() as new:
        assert (await old.post("/api/v1/login", json={"code": place.codes[E1]})).is_success
        assert 401 == (await new.post("/api/v1/login", json={"code": place.codes[E1]})).status_code
        issued = await place.http.post(f"/api/v1/sessions/{SESSION}/seats/{E1}/code")
        assert (await old.get("/api/v1/me")).is_success
        assert (await new.post("/api/v1/login", json={"code": issued.json()["code"]})).is_success
        assert 401 == (await old.get("/api/v1/me")).status_code
        assert "/seat/" == (await new.get("/api/v1/me")).json()["page"]


@pytest.mark.parametrize("path", [f"{SESSION}/seats/E9/code", "EV-9/seats/E1/code", "EV-9/enter"])
async def test_a_code_for_nobody_is_refused(place: Hall, path: str) -> None:
    answer = await place.http.post(f"/api/v1/sessions/{path}")
    assert answer.json()["code"] in ("not_seated", "unknown_session")


async def test_the_operator_enters_by_the_sessions_operator_seat(place: Hall) -> None:
    answer = await place.http.post(f"/api/v1/sessions/{SESSION}/enter")
    assert (OPERATOR, "/site/") == (answer.json()["seat"], answer.json()["page"])
    me = await place.http.get("/api/v1/me")
    assert SeatCode(OPERATOR) == me.json()["seat"]


async def test_the_overview_says_where_the_session_stands_and_no_price(place: Hall) -> None:
    wire = await place.linked()
    overview = (await place.http.get(f"/api/v1/sessions/{SESSION}")).json()
    assert ("gathering", "briefed") == (overview["stage"], overview["missing"]["stage"])
    needs = {one["code"]: one["names"] for one in overview["missing"]["needs"]}
    assert list(BIDS) == needs["bids"]
    await place.advance_to(Stage.BRIEFED)
    answer = await place.http.get(f"/api/v1/sessions/{SESSION}")
    assert {True} == {one["joined"] for one in answer.json()["seats"]}
    assert {True} == {one["imported"] for one in answer.json()["bids"]}
    assert "98000000" not in answer.text
    (listed,) = (await place.http.get("/api/v1/sessions")).json()
    assert (SESSION, "briefed", False) == (listed["session"], listed["stage"], listed["closed"])
    archive = (await place.http.get(f"/api/v1/sessions/{SESSION}/archive")).json()
    assert "running" == archive["stage"]
    wire.hang_up()
