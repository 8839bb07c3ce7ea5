"""What is filmed at the sub-site: through a cut link and a restart, into the journal, and to the host."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from evalroom import commands as co
from evalroom.ids import TrackId
from evalroom.media import TrackKind
from evalroom.reporting import Stand
from evalroom.stages import Stage
from main_site.rehearsal.client import SeatClient
from sub_site import spool
from tests.evalroom.room import EXPERTS, LOT, SESSION, WEST
from tests.sub_site.stage import HERE, Scene, joined, until

TRACK = TrackId(f"{WEST}-{HERE}/{TrackKind.CAMERA}")
FILMED_S = 40


@asynccontextmanager
async def filmed(scene: Scene) -> AsyncIterator[None]:
    """Seat a synthetic person with a camera at the sub-site."""
    client = SeatClient(scene.url, scene.codes[HERE], tracks=(TrackKind.CAMERA,))
    await client.login()
    running = asyncio.create_task(client.run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def fragments(scene: Scene, more: int) -> None:
    """Wait until the host's journal holds so many more fragments."""
    before = scene.journalled("FragmentRecorded")
    await until(lambda: scene.journalled("FragmentRecorded") >= before + more, FILMED_S)


def assert_host_has_every_reel(scene: Scene) -> None:
    """Demand that reels at the host hold exactly the fragments of the journal, byte by byte."""
    live = scene.centre.live[SESSION]
    assert live.recordings.reels()
    for reel in live.recordings.reels():
        data = live.archiver.reels.path(reel).read_bytes()
        assert reel.sha256 == hashlib.sha256(data).hexdigest()
        held = live.recordings.tracks[reel.track].fragments[reel.reel]
        assert list(range(reel.fragments)) == [one.n for one in held]
        for one in held:
            assert one.sha256 == hashlib.sha256(data[one.offset : one.offset + one.length]).hexdigest()


async def test_recording_goes_on_while_the_link_is_cut_and_everything_arrives_without_a_gap(
    tmp_path: Path,
) -> None:
    async with joined(tmp_path) as scene, filmed(scene):
        await scene.to_scoring()
        await fragments(scene, 1)
        evaluation = scene.venue.evaluations[SESSION]
        scene.road.cut()
        await until(lambda: not evaluation.host_online)
        before = scene.journalled("FragmentRecorded")
        kept = evaluation.acts.kept
        await until(lambda: evaluation.acts.kept >= kept + 4, FILMED_S)
        assert before == scene.journalled("FragmentRecorded")
        scene.road.heal()
        await fragments(scene, 4)
        numbers = [(one["body"]["reel"], one["body"]["n"]) for one in scene.entries("FragmentRecorded")]
        assert sorted(set(numbers)) == numbers
        assert 0 == scene.journalled("GapDeclared")
        assert 0 == scene.journalled("AlarmRaised")


async def test_after_a_restart_a_seat_that_never_comes_back_is_lost_its_track_ended_and_all_reels_handed_over(
    tmp_path: Path,
) -> None:
    async with joined(tmp_path) as scene:
        async with filmed(scene):
            await scene.to_scoring()
            await fragments(scene, 2)
            await scene.stop_site()
        await scene.start_site()
        await until(lambda: scene.journalled("SeatLost") >= 1)
        assert HERE in {one["body"]["seat"] for one in scene.entries("SeatLost")}
        await scene.to_the_end()
        await until(lambda: scene.journalled("SessionClosed") == 1, FILMED_S)
        assert [TRACK] == [one["body"]["track"] for one in scene.entries("TrackEnded")]
        assert {"recorder"} == {one["body"]["cause"] for one in scene.entries("GapDeclared")}
        await until(lambda: scene.venue.evaluations[SESSION].done)
        assert_host_has_every_reel(scene)
        with scene.venue.writer.engine.connect() as db:
            assert [True] == [one.done for one in spool.read_sessions(db)]


async def test_who_signs_the_report_of_a_failed_tender_is_filmed_until_all_have_signed(
    tmp_path: Path,
) -> None:
    async with joined(tmp_path) as scene, filmed(scene):
        await scene.to_scoring()
        await fragments(scene, 1)
        await scene.fail("the site is sold")
        await until(lambda: scene.venue.evaluations[SESSION].stage is Stage.FAILED)
        await fragments(scene, 2)
        for seat in EXPERTS:
            assert 0 == scene.journalled("TrackEnded")
            sign = co.SignReport(LOT, scene.session.report_digest(LOT), Stand.AGREES, "")
            await scene.give(scene.people[seat].order(sign))
        await until(lambda: scene.journalled("SessionClosed") == 1, FILMED_S)
        assert [TRACK] == [one["body"]["track"] for one in scene.entries("TrackEnded")]
        assert 0 == scene.journalled("GapDeclared")
        await until(lambda: scene.venue.evaluations[SESSION].done, FILMED_S)
        assert_host_has_every_reel(scene)
