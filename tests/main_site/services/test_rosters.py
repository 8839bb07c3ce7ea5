"""A roster sealed to the trustees: nobody who runs the host reads it before people gather; then two agents open it."""

import json
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from evalroom import commands as co
from evalroom.draws.commitment import commitment_to
from evalroom.draws.rules import DrawUnfit, WrongDrawState
from evalroom.events import Stage
from evalroom.ids import HOST_ACTOR, TRUSTEE_ACTOR, DrawId
from evalroom.ledger.base64 import encode_base64
from evalroom.needs import Unready
from evalroom.roles import Role
from evalroom.sealing.facts import KeysDestroyed
from evalroom.sealing.roster import seal_roster
from tests.evalroom.drawing import expert_draw, secret
from tests.evalroom.room import HOST, OPERATOR, SESSION, SITE_OPERATOR, SUPERVISOR
from tests.main_site.ceremony import Ceremony, ceremony
from tests.main_site.hall import until

DRAW = DrawId("R1")
PARTIES = (OPERATOR, SITE_OPERATOR, SUPERVISOR)
PLANTED = ("张三丰", "13900001234", "620102197001011234")
ROSTER = [{"id": "P-001", "name": PLANTED[0], "phone": PLANTED[1], "identity": PLANTED[2]}]
TEXT = json.dumps(ROSTER, ensure_ascii=False).encode()
PLACE = f"/api/v1/sessions/{SESSION}/rosters/{DRAW}"


async def drawn(place: Ceremony) -> None:
    """Draw a committee while bids are taken in."""
    await place.check_in()
    command = expert_draw(DRAW, parties=PARTIES, closes=place.now + 10_000, ends=place.now + 20_000)
    await place.order(OPERATOR, command)
    draw = place.session.draws.all[DRAW]
    for seat in PARTIES:
        given = secret("value", DRAW, seat), secret("nonce", DRAW, seat)
        await place.order(seat, co.CommitDraw(DRAW, commitment_to(SESSION, DRAW, draw.digest, seat, *given)))
    for seat in PARTIES:
        given = secret("value", DRAW, seat), secret("nonce", DRAW, seat)
        await place.order(seat, co.RevealDraw(DRAW, *given, draw.commitments_digest()))


async def sealed(place: Ceremony, draw: DrawId = DRAW) -> bytes:
    return seal_roster(place.policy, draw, TEXT, secrets.token_bytes(32), secrets.token_bytes(24))


async def put_down(place: Ceremony) -> bytes:
    """Draw, seal the roster elsewhere, send it, and put it down from the operator's seat."""
    await drawn(place)
    data = await sealed(place)
    answer = await place.http.post(PLACE, content=data)
    assert answer.is_success, answer.text
    await place.order(OPERATOR, co.SealRoster(**answer.json()))
    return data


async def gathered(place: Ceremony) -> None:
    """Open a bid, and go on to the stage where people come in."""
    await place.bid("甲公司", 98_000_000)
    await place.acked()
    await place.close()
    await place.open_window()
    await place.release_all()
    await until(
        lambda: bool(place.session.ceremony.prices) and not place.session.missing_for(Stage.GATHERING)
    )
    await place.order(OPERATOR, co.AdvanceStage(Stage.OPENING, Stage.GATHERING, ""))


async def read(place: Ceremony) -> tuple[int, Any]:
    answer = await place.http.get(PLACE)
    return answer.status_code, answer.json()


def spellings(text: str) -> Sequence[bytes]:
    raw = text.encode()
    return raw, raw.hex().encode(), encode_base64(raw)[:-4].encode(), json.dumps(text)[1:-1].encode()


def kept_in(folder: Path) -> list[Path]:
    return list(folder.rglob("*.roster"))


def dump(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def test_before_people_gather_nobody_reads_it_and_no_dump_holds_a_name(tmp_path: Path) -> None:
    async with ceremony(tmp_path) as place:
        await place.accept()
        await put_down(place)
        status, said = await read(place)
        assert (409, "roster_sealed") == (status, said["code"])
        assert not [name for name, agent in place.agents.items() if "release_roster" in agent.asked]
        everything = dump(tmp_path)
        for planted in PLANTED:
            assert not [one for one in spellings(planted) if one in everything], planted


async def test_an_operator_who_changes_the_host_still_gets_no_share(tmp_path: Path) -> None:
    """The rule of the host is gone, as if its code had been changed; the agents' own stands."""
    async with ceremony(tmp_path) as place:
        await place.accept()
        data = await put_down(place)
        rosters = place.live.rosters
        assert rosters is not None
        opening = place.opening
        shown = opening.places.all(type(place.session.draws.all[DRAW].declared), DRAW)
        evidence = await opening.parts.proofs.of([0, *shown])
        target = await opening.parts.trustees.host.session_key(
            SESSION, opening.ceremony.terms.windows[0].name
        )
        for name in place.agents:
            agent = opening.parts.trustees.agents[name]
            with pytest.raises(Exception, match="evidence_missing"):
                await agent.release_roster(SESSION, data, target, evidence, place.now)


async def test_two_agents_open_it_at_check_in_and_the_journal_says_who(tmp_path: Path) -> None:
    async with ceremony(tmp_path) as place:
        await place.accept()
        await put_down(place)
        await gathered(place)
        place.agents["supervisor"].down = True
        assert (200, ROSTER) == await read(place)
        assert (200, ROSTER) == await read(place)
        draw = place.session.draws.all[DRAW]
        assert draw.unsealed
        assert 1 == place.types().count("RosterUnsealed")
        everything = dump(tmp_path)
        for planted in PLANTED:
            assert not [one for one in spellings(planted) if one in everything], "it stays in memory"


async def test_too_few_agents_open_nothing_and_later_it_opens(tmp_path: Path) -> None:
    async with ceremony(tmp_path) as place:
        await place.accept()
        await put_down(place)
        await gathered(place)
        for name in ("supervisor", "west"):
            place.agents[name].bend = lambda command, answer: (
                {"ok": False, "code": "too_early", "detail": {}}
                if command["command"] == "release_roster"
                else answer
            )
        status, said = await read(place)
        assert (409, "too_few_shares") == (status, said["code"])
        assert "RosterUnsealed" not in place.types()
        place.agents["west"].bend = lambda _, answer: answer
        assert (200, ROSTER) == await read(place)


async def test_the_keys_outlive_the_opening_until_the_roster_is_open(tmp_path: Path) -> None:
    async with ceremony(tmp_path) as place:
        await place.accept()
        await put_down(place)
        await gathered(place)
        act = co.ActAsTrustee(KeysDestroyed("supervisor", "AA=="))
        with pytest.raises(Unready, match="rosters that people"):
            place.session.decide(co.Order(act, place.now, TRUSTEE_ACTOR, HOST, Role.TRUSTEE))
        assert not [agent for agent in place.agents.values() if "destroy" in agent.asked]
        assert (200, ROSTER) == await read(place)
        await until(lambda: {"west", "supervisor"} <= place.session.ceremony.destroyed)


async def test_after_the_keys_are_destroyed_nobody_seals_a_roster_or_opens_one(tmp_path: Path) -> None:
    async with ceremony(tmp_path) as place:
        await place.accept()
        await put_down(place)
        await gathered(place)
        for name, agent in place.agents.items():
            agent.trustee.destroy(SESSION)
            place.session.ceremony.destroyed.add(name)
        assert "too_few_shares" == (await read(place))[1]["code"]
        draw = place.session.draws.all[DRAW]
        again = place.people[OPERATOR].order(co.SealRoster(DRAW, draw.roster, 90_000))
        with pytest.raises(DrawUnfit, match="signed the sealing policy"):
            place.session.decide(again)


@pytest.mark.parametrize("change", ["another draw", "cut", "empty", "too long"])
async def test_what_is_no_roster_of_this_draw_is_not_kept(tmp_path: Path, change: str) -> None:
    async with ceremony(tmp_path) as place:
        await place.accept()
        await drawn(place)
        good = await sealed(place)
        data = {
            "another draw": await sealed(place, DrawId("R2")),
            "cut": good[:-9],
            "empty": b"",
            "too long": b"x" * ((1 << 18) + 1),
        }[change]
        answer = await place.http.post(PLACE, content=data)
        assert answer.status_code in (400, 413, 422), answer.text
        assert not kept_in(tmp_path)
        unknown = await place.http.post(PLACE.replace("R1", "R9"), content=good)
        assert "unknown_draw" == unknown.json()["code"]


async def test_a_file_that_is_gone_is_said_and_may_be_sent_again(tmp_path: Path) -> None:
    async with ceremony(tmp_path) as place:
        await place.accept()
        data = await put_down(place)
        await gathered(place)
        for path in kept_in(tmp_path):
            path.unlink()
        assert "roster_missing" == (await read(place))[1]["code"]
        assert (await place.http.post(PLACE, content=data)).is_success
        assert (200, ROSTER) == await read(place)


async def test_the_host_cannot_say_that_a_roster_was_opened_too_early_or_by_too_few(tmp_path: Path) -> None:
    async with ceremony(tmp_path) as place:
        await place.accept()
        await put_down(place)
        digest = place.session.draws.all[DRAW].roster

        def order(*trustees: str) -> co.Order:
            said = co.UnsealRoster(DRAW, digest, trustees)
            return co.Order(said, place.now, HOST_ACTOR, HOST, Role.HOST)

        with pytest.raises(WrongDrawState):
            place.session.decide(order("host", "west"))
        await gathered(place)
        for few in (("host",), ("host", "host"), ("host", "stranger")):
            with pytest.raises(Exception, match="too few trustees"):
                place.session.decide(order(*few))
        assert place.session.decide(order("host", "west"))
