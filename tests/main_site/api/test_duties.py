"""The duty form's suggestions over HTTP: of the own session, once it is concluded, to whoever appraises."""

from dataclasses import replace
from pathlib import Path

from evalroom import commands as co
from evalroom.appraisal import FORM
from evalroom.events import Stage
from evalroom.profile import PeopleRules
from tests.evalroom.room import EXPERTS, LOT, OPERATOR, SESSION, SITE_OPERATOR, SUPERVISOR
from tests.main_site.hall import Hall, hall, settle, until

E1 = EXPERTS[0]


async def concluding(place: Hall, people: PeopleRules) -> None:
    """Bring the session to its conclusion under these rules about people, and let the host do what follows by itself."""
    place.session.profile = replace(place.session.profile, people=people)
    place.cosigning(await place.linked())
    await place.advance_to(Stage.CONCLUDED)
    await settle()


async def test_suggestions_are_for_the_own_session_once_it_is_concluded(tmp_path: Path) -> None:
    async with hall(tmp_path) as place, place.client(await place.cookie(SUPERVISOR)) as client:
        path = f"/api/v1/sessions/{SESSION}/duty/{E1}/{LOT}"
        assert "stage" == (await client.get(path)).json()["code"]
        await concluding(place, PeopleRules(appraisal=True))
        told = (await client.get(path)).json()
        assert isinstance(told, list), told
        assert list(FORM) == [one["duty"] for one in told]
        locked = next(one for one in told if one["duty"] == "scoring_errors")
        assert locked["evidence"]
        for wrong in (
            f"none/duty/{E1}/{LOT}",
            f"{SESSION}/duty/{SUPERVISOR}/{LOT}",
            f"{SESSION}/duty/{E1}/none",
        ):
            answer = await client.get(f"/api/v1/sessions/{wrong}")
            assert answer.json()["code"] in ("unknown", "unknown_session"), wrong


async def test_the_host_closes_nothing_while_forms_may_be_answered(tmp_path: Path) -> None:
    async with hall(tmp_path) as place:
        await concluding(place, PeopleRules(appraisal=True))
        place.live.evaluation._close_when_still()
        await settle()
        assert not place.session.closed


async def test_the_host_closes_nothing_while_a_phone_lies_in_its_locker(tmp_path: Path) -> None:
    async with hall(tmp_path) as place:
        await concluding(place, PeopleRules())
        await until(lambda: place.session.closed)
    async with hall(tmp_path / "asked") as place:
        desk = place.people[OPERATOR]
        await place.advance_to(Stage.GATHERING)
        for seat in EXPERTS:
            place.session.arrivals.phones[seat] = True
        await concluding(place, PeopleRules(phone=True))
        for seat in EXPERTS:
            assert not place.session.closed
            keeper = place.people[SITE_OPERATOR] if seat == EXPERTS[1] else desk
            await place.give(keeper.order(co.ReturnPhone(seat, "")))
        await until(lambda: place.session.closed)
