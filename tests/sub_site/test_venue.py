"""The sub-site as a whole, against the real host: a cut link, a restart, codes, and who gets in."""

from pathlib import Path

from evalroom.protocol import messages as m
from tests.evalroom.room import OPERATOR, SESSION
from tests.sub_site.stage import HERE, joined, submit_of, until


async def test_a_score_is_acknowledged_with_its_number_once_the_host_has_it(tmp_path: Path) -> None:
    async with joined(tmp_path) as stage:
        await stage.to_scoring()
        async with stage.seated(await stage.login()) as seat:
            order = stage.people[HERE].enter("bid1", "form", "pass")
            await seat.say(submit_of(order))
            n = await seat.acknowledged(str(order.cmd))
            assert "ScoreEntered" == seat.items[n - 1]["type"]
            assert {"/value": "pass", "/reason": ""} == seat.items[n - 1]["opened"]
        assert 1 == stage.journalled("ScoreEntered")


async def test_a_command_given_while_the_link_is_cut_is_held_and_carried_out_once(tmp_path: Path) -> None:
    async with joined(tmp_path) as stage:
        await stage.to_scoring()
        async with stage.seated(await stage.login()) as seat:
            stage.road.cut()
            evaluation = stage.venue.evaluations[SESSION]
            await until(lambda: not evaluation.host_online)
            orders = [stage.people[HERE].enter("bid1", item, "pass") for item in ("form", "licence")]
            for order in [*orders, *orders]:  # a page sends again what has no answer
                await seat.say(submit_of(order))
            held: set[str] = set()
            while len(held) < len(orders):
                held |= set((await seat.hear(m.Held)).command_ids)
            assert held == {order.cmd for order in orders}
            assert 0 == stage.journalled("ScoreEntered")
            stage.road.heal()
            for order in orders:
                assert await seat.acknowledged(str(order.cmd)) > 0
        assert 2 == stage.journalled("ScoreEntered")
        await until(lambda: stage.venue.evaluations[SESSION].unanswered() == 0)


async def test_commands_survive_a_restart_of_the_node_while_the_host_is_out_of_reach(tmp_path: Path) -> None:
    async with joined(tmp_path) as stage:
        await stage.to_scoring()
        cookie = await stage.login()
        order = stage.people[HERE].enter("bid1", "form", "pass")
        async with stage.seated(cookie) as seat:
            stage.road.cut()
            await until(lambda: not stage.venue.evaluations[SESSION].host_online)
            await seat.say(submit_of(order))
            await seat.hear(m.Held)
        await stage.stop_site()
        await stage.start_site()
        assert stage.venue.evaluations[SESSION].unanswered() >= 1
        async with stage.seated(cookie) as seat:
            await seat.hear(m.Entries, lambda _: any(one["type"] == "StageChanged" for one in seat.items))
            stage.road.heal()
            assert await seat.acknowledged(str(order.cmd)) > 0
        assert 1 == stage.journalled("ScoreEntered")


async def test_a_refusal_of_the_host_reaches_the_seat_and_leaves_nothing_behind(tmp_path: Path) -> None:
    async with joined(tmp_path) as stage:
        await stage.to_scoring()
        async with stage.seated(await stage.login()) as seat:
            order = stage.people[HERE].enter("bid1", "form", "pass", revision=7)
            await seat.say(submit_of(order))
            refused = await seat.hear(m.Refused)
            assert ("stale", order.cmd, "") == (refused.code, refused.command_id, refused.seat)
        await until(lambda: stage.venue.evaluations[SESSION].unanswered() == 0)


async def test_a_code_that_was_not_issued_for_this_site_opens_no_seat(tmp_path: Path) -> None:
    async with joined(tmp_path) as stage, stage.http() as http:
        for code in ("", "AAAA-BBBB-CCCC", stage.codes[OPERATOR]):  # the operator is seated at the host
            answer = await http.post("/api/v1/login", json={"code": code})
            assert (401, "wrong_code") == (answer.status_code, answer.json()["code"])


async def test_a_code_works_once_and_also_without_the_host(tmp_path: Path) -> None:
    async with joined(tmp_path) as stage:
        stage.road.cut()
        await until(lambda: not stage.venue.evaluations[SESSION].host_online)
        await stage.login()
        async with stage.http() as http:
            again = await http.post("/api/v1/login", json={"code": stage.codes[HERE]})
        assert "wrong_code" == again.json()["code"]


async def test_the_witness_of_the_site_cosigns_the_journal(tmp_path: Path) -> None:
    async with joined(tmp_path) as stage:
        await stage.to_scoring()
        await until(lambda: stage.journalled("CheckpointCosigned") >= 1)
        assert "current" == stage.centre.live[SESSION].evaluation.parts.notary.state()
