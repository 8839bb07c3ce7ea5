"""The routes of the standing list: by cookie, two persons, an expert's own decisions alone, and the draw they screen."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from evalroom import commands as co
from evalroom.draws.facts import ExpertClass, Place, PoolExpert, Purpose
from evalroom.ids import DrawId, LotId, SeatCode
from evalroom.roles import Role
from main_site.services.standings import Standings
from main_site.standing import Kind, Proposed, SuspendedExpert, TrailBroken, digest_of
from tests.evalroom.room import EXPERTS, OPERATOR, REGULATOR, SESSION, START, SUPERVISOR
from tests.main_site.hall import OPERATOR_CODE, Hall, hall

E1, E2, _ = EXPERTS
DAY = 86_400_000
CASE: dict[str, Any] = {
    "decision": "d1", "subject": "P-0042", "kind": "suspended", "ground": "left early", "session": SESSION, "seat": E1,
    "entry": 0, "since_ms": 1_000, "until_ms": 9 * 366 * DAY,
}  # fmt: skip


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Hall]:
    async with hall(tmp_path) as made:
        yield made


class Desk:
    """The list as each person reaches it."""

    def __init__(self, place: Hall, now: int) -> None:
        self.place = place
        self.case = {**CASE, "since_ms": now - DAY, "until_ms": now + DAY}

    async def ask(
        self, who: SeatCode | None, path: str, body: dict[str, Any] | None = None
    ) -> httpx.Response:
        """Ask as a seat, or as the centre's operator (None)."""
        cookies = await self.place.cookie(who) if who is not None else {}
        async with self.place.client(cookies) as client:
            if who is None:
                await client.post("/api/v1/operator/login", json={"code": OPERATOR_CODE})
            url = f"/api/v1/standing{path}"
            return await (client.get(url) if body is None else client.post(url, json=body))

    def digest(self) -> str:
        return digest_of(Proposed(**{**self.case, "kind": Kind.SUSPENDED}))

    async def decide(self) -> None:
        assert 200 == (await self.ask(None, "", self.case)).status_code
        assert 200 == (await self.ask(REGULATOR, "/d1/approve", {"digest": self.digest()})).status_code


@pytest.fixture
def desk(place: Hall) -> Desk:
    return Desk(place, place.centre.clock.now())


def code(answer: httpx.Response) -> str:
    return str(answer.json().get("code", answer.status_code))


async def test_a_decision_takes_a_second_person_and_its_evidence_is_an_entry_there_is(desk: Desk) -> None:
    for change in ({"entry": 10**6}, {"seat": "E99"}, {"session": "none"}):
        assert code(await desk.ask(None, "", desk.case | change)) in ("unusable_decision", "unknown_session")
    assert 200 == (await desk.ask(None, "", desk.case)).status_code
    assert "not_permitted" == code(await desk.ask(OPERATOR, "/d1/approve", {"digest": desk.digest()}))
    assert "other_decision" == code(await desk.ask(REGULATOR, "/d1/approve", {"digest": "0" * 64}))
    assert 200 == (await desk.ask(REGULATOR, "/d1/approve", {"digest": desk.digest()})).status_code
    (one,) = (await desk.ask(SUPERVISOR, "")).json()["decisions"]
    assert ("operator", f"{SESSION}/{REGULATOR}", True) == (
        one["proposed_by"],
        one["approved_by"],
        one["in_force"],
    )


async def test_an_expert_sees_and_appeals_against_decisions_about_the_own_seat_alone(desk: Desk) -> None:
    await desk.decide()
    assert ["d1"] == [one["decision"] for one in (await desk.ask(E1, "/own")).json()]
    assert [] == (await desk.ask(E2, "/own")).json()
    assert "not_permitted" == code(await desk.ask(E1, ""))
    assert "not_permitted" == code(await desk.ask(E2, "/d1/appeal", {"text": "not me"}))
    assert 200 == (await desk.ask(E1, "/d1/appeal", {"text": "a late train"})).status_code
    answer = {"outcome": "lifted", "reason": "the train was late"}
    assert "standing_second_person" == code(await desk.ask(REGULATOR, "/d1/answer", answer))
    assert 200 == (await desk.ask(SUPERVISOR, "/d1/answer", answer)).status_code
    (one,) = (await desk.ask(None, "")).json()["decisions"]
    assert ("lifted", False) == (one["outcome"], one["in_force"])


def declaring(place: Hall, *, recused: bool) -> co.Order:
    units = "0" * 64
    pool = tuple(
        PoolExpert(name, ExpertClass.TECHNICAL, "", units, recused=recused and name == "P-0042")
        for name in ("P-0041", "P-0042", "P-0043")
    )
    places = (Place(ExpertClass.TECHNICAL, "", 1),)
    draw = co.DeclareDraw(
        DrawId("draw1"), Purpose.EXPERTS, "committee", LotId(""), (), pool, places, None, 1, (), (OPERATOR,), START, START + 1, ""
    )  # fmt: skip
    return place.people[OPERATOR].order(draw)


async def test_a_suspended_expert_is_in_no_draw_unless_marked_as_recused(place: Hall, desk: Desk) -> None:
    screen = place.centre.live[SESSION].evaluation.conductor.screen
    screen(declaring(place, recused=False))
    await desk.decide()
    with pytest.raises(SuspendedExpert) as refused:
        screen(declaring(place, recused=False))
    assert "P-0042" == refused.value.detail["experts"]
    screen(declaring(place, recused=True))
    told = (await desk.ask(None, "/check", {"subjects": ["P-0041", "P-0042"]})).json()
    assert ["P-0042"] == list(told)


async def code_for(place: Hall, body: dict[str, Any] | None) -> httpx.Response:
    async with place.client({}) as client:
        await client.post("/api/v1/operator/login", json={"code": OPERATOR_CODE})
        return await client.post(f"/api/v1/sessions/{SESSION}/seats/{E1}/code", json=body)


async def test_a_seats_code_for_somebody_on_the_list_takes_a_second_look_that_stands_on_the_trail(
    place: Hall, desk: Desk
) -> None:
    desk.case |= {"kind": "warned"}
    assert 200 == (await desk.ask(None, "", desk.case)).status_code
    digest = digest_of(Proposed(**{**desk.case, "kind": Kind.WARNED}))
    assert 200 == (await desk.ask(REGULATOR, "/d1/approve", {"digest": digest})).status_code
    assert ["d1"] == [
        one["decision"] for one in (await desk.ask(None, "/seat", {"subject": "P-0042"})).json()
    ]
    refused = await code_for(place, {"subject": "P-0042"})
    assert "standing_warning" == code(refused)
    assert "d1" in refused.text
    assert "unusable_decision" == code(await code_for(place, {"subject": "P-0042", "seen": ["d1"]}))
    seen = {"subject": "P-0042", "seen": ["d1"], "reason": "nobody else of this class"}
    assert 200 == (await code_for(place, seen)).status_code
    last = (await desk.ask(None, "")).json()["trail"][-1]
    assert ("Seated", "operator", E1, ["d1"]) == (
        last["type"],
        last["by"],
        last["act"]["seat"],
        last["act"]["decisions"],
    )
    assert Standings(place.centre.writer, place.centre.clock.now).list == place.centre.standings.list


async def test_a_suspended_expert_gets_no_code_and_nobody_else_leaves_a_trace(
    place: Hall, desk: Desk
) -> None:
    await desk.decide()
    before = len(place.centre.standings.entries)
    out = await code_for(place, {"subject": "P-0042", "seen": ["d1"], "reason": "all the same"})
    assert "suspended_expert" == code(out)
    for free in (None, {"subject": "P-0041"}):
        assert 200 == (await code_for(place, free)).status_code
    assert before == len(place.centre.standings.entries)
    assert 400 == (await code_for(place, {"subject": ""})).status_code


async def test_a_trail_changed_on_disk_decides_nothing_and_lets_nobody_be_drawn(
    place: Hall, desk: Desk
) -> None:
    await desk.decide()
    centre = place.centre
    again = Standings(centre.writer, centre.clock.now)
    assert centre.standings.list == again.list

    def kinder(db: sa.Connection) -> None:
        text = db.execute(sa.text("select entry from standing_trail where number = 1")).scalar_one()
        changed = bytes(text).replace(b'"suspended"', b'"praised"')
        db.execute(sa.text("update standing_trail set entry = :entry where number = 1"), {"entry": changed})

    await centre.writer.write(kinder)
    broken = Standings(centre.writer, centre.clock.now)
    with pytest.raises(TrailBroken):
        _ = broken.list
    with pytest.raises(TrailBroken):
        broken.screen(declaring(place, recused=True))


@pytest.mark.parametrize("role", [Role.EXPERT, Role.ARCHIVIST])
async def test_whoever_decides_nothing_proposes_nothing(desk: Desk, role: Role) -> None:
    who = {Role.EXPERT: E1, Role.ARCHIVIST: SeatCode("A1")}[role]
    assert "not_permitted" == code(await desk.ask(who, "", desk.case))
