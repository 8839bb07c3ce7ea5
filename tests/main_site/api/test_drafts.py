"""The set-up wizard's routes: problems at their fields, a summary of what would be opened, and the session itself."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from evalroom.roles import Role
from evalroom.stages import Stage
from main_site.sample import sample_template
from main_site.services.centre import Centre
from main_site.standing import Approved, Kind, Person, Proposed, Seated, digest_of
from main_site.template import write_toml, write_xlsx
from tests.main_site.hall import OPERATOR_CODE, host


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[tuple[Centre, httpx.AsyncClient]]:
    async with host(tmp_path) as (_, centre, http):
        await http.post("/api/v1/operator/login", json={"code": OPERATOR_CODE})
        yield centre, http


Desk = tuple[Centre, httpx.AsyncClient]


async def sample(http: httpx.AsyncClient) -> dict[str, list[dict[str, Any]]]:
    """Return the sample's rows on one site, so that no other has to join first."""
    rows: dict[str, list[dict[str, Any]]] = (await http.get("/api/v1/drafts/form")).json()["sample"]
    hosts = [site["id"] for site in rows["sites"] if site["host"]]
    rows["sites"] = [site for site in rows["sites"] if site["host"]]
    rows["seats"] = [seat | {"site": hosts[0], "node": hosts[0]} for seat in rows["seats"]]
    return rows


async def check(http: httpx.AsyncClient, rows: dict[str, Any]) -> dict[str, Any]:
    answer = await http.post("/api/v1/drafts/check", json={"rows": rows})
    assert 200 == answer.status_code, answer.text
    return dict(answer.json())


async def test_a_stranger_and_a_seat_set_nothing_up(tmp_path: Path) -> None:
    async with host(tmp_path) as (_, _centre, http):
        for path in ("check", "open"):
            answer = await http.post(f"/api/v1/drafts/{path}", json={"rows": {}})
            assert 401 == answer.status_code


async def test_every_problem_is_named_by_table_entry_and_column(desk: Desk) -> None:
    _, http = desk
    rows = await sample(http)
    rows["items"][2]["full"] = "twelve"
    rows["project"][0]["title"] = ""
    rows["seats"][0]["role"] = "judge"
    rows["sites"].append({"id": "no name/", "name": "x", "host": True, "node": True})
    told = await check(http, rows)
    assert told["summary"] is None
    places = {(one["sheet"], one["row"], one["column"]): one["code"] for one in told["problems"]}
    assert "not_a_decimal" == places["items", 3, "full"]
    assert "missing_value" == places["project", 1, "title"]
    assert "not_a_choice" == places["seats", 1, "role"]
    assert "not_a_name" == places["sites", len(rows["sites"]), "id"]


BARELY_BEGUN: tuple[dict[str, Any], ...] = (
    {}, {"project": []}, {"project": [{}]}, {"moon": [{"phase": 1}]}, {"project": [{"session": "x", "moon": 1}]},
)  # fmt: skip
NO_FORM: tuple[dict[str, Any], ...] = (
    {}, {"rows": []}, {"rows": {"project": {}}}, {"rows": {"project": [{"session": {"a": 1}}]}}, {"rows": {}, "more": 1},
    {"rows": {"project": [{"session": 1.5}]}}, {"rows": {str(n): [] for n in range(21)}}, {"rows": {"items": [{}] * 1001}},
)  # fmt: skip


async def test_a_form_barely_begun_gets_its_problems_and_what_is_none_is_refused_as_a_whole(
    desk: Desk,
) -> None:
    for rows in BARELY_BEGUN:
        assert (await check(desk[1], rows))["problems"], rows
    for body in NO_FORM:
        answer = await desk[1].post("/api/v1/drafts/check", json=body)
        assert answer.status_code in (400, 422), body


async def test_the_summary_says_what_would_be_opened_and_what_stands_in_its_way(desk: Desk) -> None:
    _, http = desk
    rows = await sample(http)
    told = (await check(http, rows))["summary"]
    assert rows["project"][0]["session"] == told["session"]
    assert len(rows["items"]) == sum(lot["items"] for lot in told["lots"])
    assert all(lot["samples"] for lot in told["lots"])
    assert ([], False) == (told["not_joined"], told["taken"])
    rows["sites"].append({"id": "west", "name": "West", "host": False, "node": True})
    assert ["west"] == (await check(http, rows))["summary"]["not_joined"]


async def test_what_was_checked_is_opened_once(desk: Desk) -> None:
    centre, http = desk
    rows = await sample(http)
    rows["project"][0] |= {"session": "WIZ-1", "profile": '[people]\ncheckin = "operator"\nphone = true\n'}
    answer = await http.post("/api/v1/drafts/open", json={"rows": rows})
    assert 200 == answer.status_code, answer.text
    assert len(rows["seats"]) <= len(answer.json()["seats"])
    session = next(live.evaluation.conductor.session for name, live in centre.live.items() if name == "WIZ-1")
    assert ("operator", True) == (session.profile.people.checkin, session.profile.people.phone)
    assert session.stage in (Stage.GATHERING, Stage.PLANNED)
    assert (await check(http, rows))["summary"]["taken"]
    again = await http.post("/api/v1/drafts/open", json={"rows": rows})
    assert "session_exists" == again.json()["code"]


@pytest.mark.parametrize("write", [lambda template: write_toml(template).encode(), write_xlsx])
async def test_a_template_that_is_read_in_checks_as_it_would_open(desk: Desk, write: Any) -> None:  # noqa: ANN401 - two writers
    _, http = desk
    read = await http.post("/api/v1/drafts/read", content=write(sample_template()))
    rows = read.json()["rows"]
    assert [] == (await check(http, json.loads(json.dumps(rows))))["problems"]


async def test_a_template_with_problems_is_answered_with_their_rows_and_columns(desk: Desk) -> None:
    text = write_toml(sample_template()).replace("digits = 1", 'digits = "one"', 1).encode()
    answer = await desk[1].post("/api/v1/drafts/read", content=text)
    assert "template_invalid" == answer.json()["code"]
    assert "not_whole" in answer.text


async def test_an_expert_on_the_list_is_looked_at_before_the_wizard_gives_the_seat(desk: Desk) -> None:
    centre, http = desk
    now = centre.clock.now()
    case = Proposed("w1", "P-0042", Kind.WARNED, "left early", "S-1", "E1", 1, now - 1000, now + 10**7)
    await centre.standings.act(Person("S-1/S1", Role.SUPERVISOR), case)
    await centre.standings.act(Person("S-1/R1", Role.REGULATOR), Approved("w1", digest_of(case)))
    rows = await sample(http)
    rows["project"][0] |= {"session": "WIZ-2"}
    seat = next(row["code"] for row in rows["seats"] if row["role"] == "expert")
    body: dict[str, Any] = {"rows": rows, "occupants": {seat: {"subject": "P-0042"}}}
    refused = await http.post("/api/v1/drafts/open", json=body)
    assert "standing_warning" == refused.json()["code"]
    assert "WIZ-2" not in centre.live
    body["occupants"][seat] |= {"seen": ["w1"], "reason": "nobody else of this class"}
    body["occupants"]["nowhere"] = {"subject": "P-0042"}
    assert 200 == (await http.post("/api/v1/drafts/open", json=body)).status_code
    assert (
        Seated("P-0042", "WIZ-2", seat, ("w1",), "nobody else of this class")
        == centre.standings.entries[-1].act
    )
