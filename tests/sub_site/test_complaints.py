"""Over a complaint the committee meets again, and a member may sit down at any site: also at the node of another one."""

from pathlib import Path

import httpx

from evalroom import approval as ap
from evalroom import commands as co
from evalroom.ids import SeatCode
from tests.evalroom.room import EXPERTS, LOT, OPERATOR, REGULATOR, SESSION
from tests.sub_site.stage import HERE, Scene, joined, submit_of, until

ELSEWHERE = next(seat for seat in EXPERTS if seat != HERE)


async def login_here(scene: Scene, code: str) -> httpx.Response:
    async with scene.http() as http:
        return await http.post("/api/v1/login", json={"code": code})


def known_here(scene: Scene) -> set[tuple[SeatCode, int]]:
    """Return the seats that the sub-site's node has codes of, with how often one was issued."""
    return {(one.seat, one.issue) for one in scene.venue.register.roster(SESSION)}


async def test_a_member_of_another_site_comes_back_here_and_adds_a_statement_to_a_complaint(
    tmp_path: Path,
) -> None:
    async with joined(tmp_path, profile="[complaint]\nhold = true\n") as scene:
        await scene.to_scoring()
        await scene.to_the_end()
        early = await scene.centre.new_seat_code(SESSION, ELSEWHERE)
        assert not (await login_here(scene, early.code)).is_success
        act = co.Propose("p1", ap.ReopenForComplaint(), "a bidder complains about item T1")
        await scene.give(scene.people[OPERATOR].order(act))
        digest = scene.session.approvals.waiting["p1"].digest
        await scene.give(scene.people[REGULATOR].order(co.Approve("p1", digest)))
        issued = await scene.centre.new_seat_code(SESSION, ELSEWHERE)
        await until(lambda: (ELSEWHERE, 3) in known_here(scene))
        cookie = (await login_here(scene, issued.code)).cookies["evalroom_seat"]
        async with scene.http(cookie) as http:
            assert (await http.get(f"/api/v1/reports/{LOT}/data")).is_success
        async with scene.seated(cookie, code=ELSEWHERE) as seat:
            results = scene.session.results_digest()
            order = scene.people[ELSEWHERE].order(
                co.SignSupplement(1, results, "scored as the standard says")
            )
            await seat.say(submit_of(order))
            await seat.acknowledged(str(order.cmd))
        (signed,) = scene.entries("SupplementSigned")
        assert ELSEWHERE == signed["actor"]
