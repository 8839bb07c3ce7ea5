"""The centre: what a stop and a start keep, who is behind a request, and what cannot be opened."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from starlette.requests import HTTPConnection

from evalroom.events import Stage
from evalroom.ids import SeatCode, SessionId
from evalroom.ledger.journal import ChainBroken
from evalroom.roles import Role
from evalroom.tender import UnusableTender
from main_site.app import make_app
from main_site.services.centre import NodePerson, OperatorPerson, SessionExists, SiteNotJoined, UnknownSession
from main_site.settings import HostSettings
from main_site.store import journal as store
from main_site.template import SessionTemplate
from signaling.register import Claim, NotSeated
from tests.evalroom.room import BIDS, EAST, EXPERTS, SEATS, SESSION, SITES, TENDER, WEST, people
from tests.main_site.hall import OPERATOR_CODE, Hall, hall, host

E1, E2, _ = EXPERTS
TEMPLATE = SessionTemplate(SESSION, TENDER, SITES, SEATS)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Hall]:
    async with hall(tmp_path) as made:
        yield made


# --- what cannot be opened ----------------------------------------------------------------------------------


async def test_a_session_is_opened_once_and_nothing_of_the_second_remains(place: Hall) -> None:
    outcomes = await asyncio.gather(
        *(place.centre.open_session(replace(TEMPLATE, session=SessionId("EV-2"))) for _ in range(3)),
        return_exceptions=True,
    )
    assert [True, True] == [isinstance(one, SessionExists) for one in outcomes if isinstance(one, Exception)]
    with pytest.raises(SessionExists):
        await place.centre.open_session(TEMPLATE)
    with place.centre.writer.engine.connect() as db:
        assert {SESSION, "EV-2"} == {one.id for one in store.read_sessions(db)}


async def test_a_tender_that_cannot_be_evaluated_or_a_site_that_has_not_joined_opens_nothing(
    place: Hall,
) -> None:
    seatless = replace(TEMPLATE, session=SessionId("EV-2"), seats=())
    with pytest.raises(UnusableTender):
        await place.centre.open_session(seatless)
    sites = tuple(replace(site, node=site.node or site.id == EAST) for site in SITES)
    seats = tuple(replace(seat, node=EAST) if seat.site == EAST else seat for seat in SEATS)
    with pytest.raises(SiteNotJoined):
        await place.centre.open_session(SessionTemplate(SessionId("EV-2"), TENDER, sites, seats))
    assert {SESSION} == set(place.centre.live)
    with pytest.raises(UnknownSession):
        place.centre.session("EV-2")


# --- stop and start -----------------------------------------------------------------------------------------


async def test_a_restarted_host_has_the_sessions_codes_cookies_and_sites_it_had(tmp_path: Path) -> None:
    async with hall(tmp_path) as place:
        wire = await place.linked()
        await place.advance_to(Stage.PRELIMINARY)
        await place.give(place.people[E1].enter(BIDS[0], "form", "pass"))
        before, feeds = place.session, place.live.evaluation.conductor.feeds
        root = place.live.evaluation.conductor.journal.root()
        cookie, west, codes = await place.cookie(E1), place.west, place.codes
        operator = dict(place.http.cookies)
        wire.hang_up()
    async with host(tmp_path) as (app, centre, http):
        again = Hall(app, centre, west, codes, people(), http)
        conductor = again.live.evaluation.conductor
        assert root == conductor.journal.root(conductor.journal.size)
        assert (before, feeds) == (again.session, conductor.feeds)
        async with again.client(cookie) as seat, again.client(operator) as desk:
            assert E1 == (await seat.get("/api/v1/me")).json()["seat"]
            assert (await desk.get("/api/v1/sessions")).is_success
            answer = await seat.post("/api/v1/login", json={"code": codes[E2]})
            assert E2 == answer.json()["seat"]
        assert (await again.linked()).all("roster")


async def test_a_host_whose_journal_was_changed_does_not_start(tmp_path: Path) -> None:
    async with hall(tmp_path) as place:
        await place.give(place.people[E1].check_in())
        with place.centre.writer.engine.begin() as db:
            changed = sa.update(store.entries).where(store.entries.c.seq == 1)
            db.execute(changed.values(entry=sa.func.replace(store.entries.c.entry, "E1", "E3")))
    app = make_app(HostSettings.model_validate({"data_dir": tmp_path / "host"}), OPERATOR_CODE)
    with pytest.raises(ChainBroken):
        async with app.router.lifespan_context(app):
            pass
    await app.state.centre.stop()


# --- who is behind a request --------------------------------------------------------------------------------


def asking(path: str, cookies: dict[str, str] | None = None, token: str = "") -> HTTPConnection:
    headers = []
    if cookies:
        headers.append((b"cookie", "; ".join(f"{name}={value}" for name, value in cookies.items()).encode()))
    if token:
        headers.append((b"authorization", token.encode()))
    return HTTPConnection(
        {"type": "http", "path": path, "headers": headers, "method": "GET", "query_string": b""}
    )


async def test_nobody_is_taken_for_somebody(place: Hall) -> None:
    for connection in (
        asking("/api/v1/sessions"),
        asking("/api/v1/sessions", {"evalroom_operator": "x"}),
        asking("/api/v1/me", {"evalroom_seat": "x"}),
        *(asking("/api/v1/site/documents/x", token=word) for word in ("Bearer x", "Bearer ", "Basic x")),
    ):
        with pytest.raises(NotSeated):
            place.centre.identify(connection)


async def test_a_wrong_token_is_not_made_good_by_a_cookie(place: Hall) -> None:
    with pytest.raises(NotSeated):
        place.centre.identify(asking("/api/v1/sessions", dict(place.http.cookies), "Bearer x"))


async def test_operator_seat_and_node_are_told_apart(place: Hall) -> None:
    centre, operator = place.centre, dict(place.http.cookies)
    both = operator | await place.cookie(E1)
    assert OperatorPerson() == centre.identify(asking("/api/v1/sessions", both))
    for path in ("/ws/seat", "/api/v1/me", "/api/v1/documents/bid1"):
        person = centre.identify(asking(path, both))
        assert isinstance(person, Claim)
        assert (E1, Role.EXPERT) == (person.seat, person.role)
    wire = await place.linked()
    token = (await wire.hear("upload_grant"))["token"]
    assert NodePerson(WEST) == centre.identify(asking("/x", token=f"Bearer {token}"))


async def test_a_code_is_issued_anew_for_a_seat_there_is(place: Hall) -> None:
    with pytest.raises(NotSeated):
        await place.centre.new_seat_code(SESSION, SeatCode("E9"))
    wire = await place.linked()
    rosters = len(wire.all("roster"))
    issued = await place.centre.new_seat_code(SESSION, E2)
    assert issued.code != place.codes[E2]
    await wire.hear("roster", lambda one: any(seat["issue"] == 2 for seat in one["seats"]))
    assert len(wire.all("roster")) > rosters
    assert issued.code not in "".join(wire.sent)
