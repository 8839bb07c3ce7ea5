"""The same command twice, at once and on two ways: it has one effect, and both who sent it hear the same of it."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from websockets.asyncio.client import connect

from evalroom import commands as co
from evalroom.ids import CommandId
from evalroom.protocol import messages as m
from evalroom.tender import Part
from signaling.codec import encode
from tests.evalroom.room import BIDS, LOT, SESSION, SUPERVISOR
from tests.faults import hosting
from tests.faults.hosting import E1, hosted, scored
from tests.sub_site.stage import HERE, Scene, Seat, joined, submit_of

TIMES = 12


def cell(scene: Scene, revision: int) -> co.Order:
    return scene.people[HERE].enter(BIDS[0], "form", "pass", revision=revision, lot=LOT)


@asynccontextmanager
async def straight(scene: Scene) -> AsyncIterator[Seat]:
    """Seat the sub-site's expert at the host as well, past the node of the site."""
    _, cookie = await asyncio.to_thread(scene.centre.register.seat, SESSION, HERE)
    address = f"{scene.host_url.replace('http', 'ws')}/ws/seat?take=1"
    async with connect(address, additional_headers={"Cookie": f"evalroom_seat={cookie}"}) as socket:
        seat = Seat(socket)
        await seat.hear(m.Welcome)
        await seat.say(m.Subscribe(0))
        yield seat


@asynccontextmanager
async def both_ways(folder: Path) -> AsyncIterator[tuple[Scene, Seat, Seat]]:
    """Give a session in scoring, and one seat by the node of its site and straight at the host."""
    async with joined(folder) as scene:
        await scene.to_scoring()
        async with scene.seated(await scene.login()) as by_node, straight(scene) as direct:
            yield scene, by_node, direct


def effects(entries: Iterable[dict[str, Any]], command_id: str | None) -> int:
    return sum(one["cmd"] == command_id for one in entries)


async def test_a_command_sent_by_the_sites_node_and_straight_to_the_host_at_once_is_carried_out_once(
    tmp_path: Path,
) -> None:
    async with both_ways(tmp_path) as (scene, by_node, direct):
        for revision in range(1, TIMES + 1):
            submit = submit_of(cell(scene, revision))
            first, second = (by_node, direct) if revision % 2 else (direct, by_node)
            await asyncio.gather(first.say(submit), second.say(submit))
            numbers = await asyncio.gather(
                by_node.acknowledged(submit.command_id), direct.acknowledged(submit.command_id)
            )
            assert numbers[0] == numbers[1]
            assert 1 == effects(scene.entries("ScoreEntered"), submit.command_id)
        assert TIMES == len([one for one in scene.entries("ScoreEntered") if one["actor"] == HERE])


async def test_a_command_held_at_a_site_that_is_cut_off_and_given_at_the_host_meanwhile_is_carried_out_once(
    tmp_path: Path,
) -> None:
    async with both_ways(tmp_path) as (scene, by_node, direct):
        scene.road.cut()
        submit = submit_of(cell(scene, 1))
        await by_node.say(submit)
        await by_node.hear(m.Held, lambda one: submit.command_id in one.command_ids)
        await direct.say(submit)
        number = await direct.acknowledged(submit.command_id)
        later = submit_of(cell(scene, 2))
        await direct.say(later)
        await direct.acknowledged(later.command_id)
        scene.road.heal()
        assert number == await by_node.acknowledged(submit.command_id)
        assert [1, 2] == [one["body"]["revision"] for one in scene.entries("ScoreEntered")]


async def test_other_content_under_a_used_command_id_is_refused_on_either_way(tmp_path: Path) -> None:
    async with both_ways(tmp_path) as (scene, by_node, direct):
        submit = submit_of(cell(scene, 1))
        await by_node.say(submit)
        await by_node.acknowledged(submit.command_id)
        forged = submit_of(scene.people[HERE].order(co.LockSheet(LOT, Part.PRELIMINARY, "0" * 64)))
        reused = m.Submit(submit.command_id, forged.command, forged.secrets, forged.sig)
        await direct.say(reused)
        refused = await direct.hear(m.Refused, lambda one: one.command_id == submit.command_id)
        assert "command_reused" == refused.code
        assert 1 == effects(scene.entries("ScoreEntered"), submit.command_id)
        assert [] == scene.entries("SheetLocked")


async def test_a_seat_straight_at_the_host_hears_what_others_do_although_its_site_has_a_node(
    tmp_path: Path,
) -> None:
    async with both_ways(tmp_path) as (scene, _, direct):
        pause = scene.people[SUPERVISOR].order(co.PauseSession("a break", None))
        await scene.give(pause)
        await direct.hear(m.Entries, lambda one: "SessionPaused" in json.dumps(one.items))


async def test_a_command_on_two_sockets_of_one_seat_at_once_is_carried_out_once(tmp_path: Path) -> None:
    async with hosted(tmp_path) as host:
        await host.to_scoring()
        cookie = await host.login(E1)
        async with host.window(E1, cookie) as older, host.window(E1, cookie, take=True) as newer:
            for revision in range(1, TIMES + 1):
                submit = hosting.submit_of(scored(host.people[E1], revision))
                text = encode(submit)
                await asyncio.gather(
                    *(window.socket.send(text) for window in (older, newer, newer, older, newer))
                )
                assert "read_only" == await older.answer(submit.command_id)
                assert "" == await newer.answer(submit.command_id)
                assert 1 == host.acts().count(submit.command_id)
        async with host.window(E1, cookie, take=True) as again:
            known = CommandId(host.acts()[-1])
            assert known == submit.command_id
            await again.socket.send(text)
            assert "" == await again.answer(known)
            assert 1 == host.acts().count(known)
