"""A member at a sub-site reads the report through the own node, checks its digest and signs it there."""

import hashlib
from pathlib import Path

from evalroom import commands as co
from evalroom.reporting import Stand
from evalroom.stages import Stage
from tests.evalroom.room import LOT
from tests.sub_site.stage import HERE, joined, submit_of

PATH = f"/api/v1/reports/{LOT}"


async def test_a_member_at_a_sub_site_reads_and_signs_the_report_through_its_own_node(tmp_path: Path) -> None:
    async with joined(tmp_path) as scene:
        cookie = await scene.login()
        async with scene.http(cookie) as http:
            early = await http.get(PATH)
            assert (409, "report_not_open") == (early.status_code, early.json()["code"])
            await scene.to_scoring()
            await scene.reach(Stage.SIGNING)
            data = await http.get(f"{PATH}/data")
            digest = hashlib.sha256(data.content).hexdigest()
            assert digest == data.headers["x-report-digest"] == scene.session.report_digest(LOT)
            told = (await http.get(PATH)).json()
            assert ("signing", digest, 4) == (told["state"], told["digest"], len(told["report"]["ranking"]))
            assert "unknown" == (await http.get("/api/v1/reports/lot9/data")).json()["code"]
        async with scene.seated(cookie) as seat:
            order = scene.people[HERE].order(
                co.SignReport(LOT, digest, Stand.DISSENTS, "the weights are wrong")
            )
            await seat.say(submit_of(order))
            await seat.acknowledged(str(order.cmd))
        (signed,) = scene.entries("ReportSigned")
        assert (HERE, digest, "west") == (signed["actor"], signed["body"]["digest"], signed["site"])
        async with scene.http(cookie) as http:
            rows = {one["seat"]: one["stand"] for one in (await http.get(PATH)).json()["signatories"]}
            assert {HERE: "dissents"} == {seat: stand for seat, stand in rows.items() if stand != "unsigned"}
            scene.road.cut()
            away = await http.get(f"{PATH}/data")
            assert (503, "host_offline") == (away.status_code, away.json()["code"])


async def test_nobody_reads_a_report_at_a_node_without_a_seat_there(tmp_path: Path) -> None:
    async with joined(tmp_path) as scene, scene.http() as http:
        assert 401 == (await http.get(PATH)).status_code
