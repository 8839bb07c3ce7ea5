"""Reels on their way to the host: from the byte where it stopped, whatever breaks, until all are there."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from evalroom.events import ReelClosed
from evalroom.ids import SessionId, TrackId
from recorder.reel import clock_path, reel_path
from signaling.database import Writer, open_engine
from sub_site import handover as module
from sub_site import spool
from sub_site.handover import Handover
from sub_site.uplink import Uplink
from tests.sub_site.centre import FakeCentre
from tests.sub_site.stage import until

SESSION, TRACK = SessionId("EV-1"), TrackId("west-E2/camera")
PLACE = "EV-1/west-E2"


@pytest.fixture
def centre(tmp_path: Path) -> FakeCentre:
    return FakeCentre.at(tmp_path)


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    engine = open_engine(tmp_path / "spool.sqlite")
    spool.metadata.create_all(engine)
    writer = Writer(engine)
    yield writer
    writer.close()


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.Piece.__init__, "__defaults__", (1000,))


def closed_reel(folder: Path, number: int = 0, size: int = 4500) -> ReelClosed:
    """Put a reel on the disk as a recorder leaves it."""
    path = reel_path(folder, TRACK, number)
    path.parent.mkdir(parents=True, exist_ok=True)
    data = bytes((number + index * 7) % 256 for index in range(size))
    path.write_bytes(data)
    clock_path(path).write_text(f'{{"reel":{number}}}\n')
    return ReelClosed(TRACK, number, size, hashlib.sha256(data).hexdigest(), "", 1, torn=False)


@asynccontextmanager
async def handing(centre: FakeCentre, writer: Writer, folder: Path) -> AsyncIterator[Handover]:
    uplink = Uplink(centre.async_client())
    uplink.grant("token")
    handover = Handover(SESSION, folder, uplink, writer, lambda: True)
    task = asyncio.create_task(handover.run())
    yield handover
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await uplink.close()


def add(handover: Handover, reel: ReelClosed) -> None:
    """Close a reel and let the host's journal know of it."""
    handover.add(reel)
    handover.journalled([reel])


def handed(writer: Writer) -> set[tuple[TrackId, int]]:
    with writer.engine.connect() as db:
        return spool.read_handed_over(db, SESSION)


async def test_a_reel_goes_on_from_the_byte_where_an_earlier_process_stopped(
    centre: FakeCentre, writer: Writer, tmp_path: Path
) -> None:
    reel = closed_reel(tmp_path)
    whole = reel_path(tmp_path, TRACK, 0).read_bytes()
    centre.reels[f"{PLACE}/camera.0.mp4"] = bytearray(whole[:2000])
    async with handing(centre, writer, tmp_path) as handover:
        handover.restore([reel], set())
        handover.journalled([reel])
        await until(lambda: handed(writer) == {(TRACK, 0)})
    assert whole == bytes(centre.reels[f"{PLACE}/camera.0.mp4"])
    pieces = [one for one in centre.asked if one.startswith("PATCH") and one.endswith("camera.0.mp4")]
    assert 3 == len(pieces)


async def test_a_reel_waits_until_the_journal_knows_it_and_then_goes_before_older_ones_that_it_does_not_know(
    centre: FakeCentre, writer: Writer, tmp_path: Path
) -> None:
    first, second = closed_reel(tmp_path, 0), closed_reel(tmp_path, 1)
    async with handing(centre, writer, tmp_path) as handover:
        handover.add(first)
        handover.add(second)
        handover.journalled([second])
        await until(lambda: handover.waiting == 1)
        assert {(TRACK, 1)} == handed(writer)
        assert not any("camera.0" in one for one in centre.asked)
        handover.journalled([first])
        await until(lambda: handover.waiting == 0)


async def test_clock_readings_go_before_their_reel(
    centre: FakeCentre, writer: Writer, tmp_path: Path
) -> None:
    async with handing(centre, writer, tmp_path) as handover:
        add(handover, closed_reel(tmp_path))
        await until(lambda: handover.waiting == 0)
    names = [one.rpartition("/")[2] for one in centre.asked]
    assert names.index("camera.0.clock.jsonl") < names.index("camera.0.mp4")
    assert {f"{PLACE}/camera.0.clock.jsonl", f"{PLACE}/camera.0.mp4"} == centre.complete


async def test_a_link_that_breaks_in_the_middle_costs_no_byte_twice(
    centre: FakeCentre, writer: Writer, tmp_path: Path
) -> None:
    reel = closed_reel(tmp_path)
    async with handing(centre, writer, tmp_path) as handover:
        centre.failures += [httpx.ConnectError("x"), httpx.Response(401), httpx.ReadTimeout("x")]
        add(handover, reel)
        while handover.waiting:
            handover.nudge()
            await asyncio.sleep(0.01)
    assert {(TRACK, 0)} == handed(writer)
    assert reel.bytes == len(centre.reels[f"{PLACE}/camera.0.mp4"])


async def test_a_reel_the_host_does_not_want_yet_holds_up_no_other(
    centre: FakeCentre, writer: Writer, tmp_path: Path
) -> None:
    first, second = closed_reel(tmp_path, 0), closed_reel(tmp_path, 1)
    async with handing(centre, writer, tmp_path) as handover:
        centre.failures.append(httpx.Response(409, json={"code": "unknown_reel"}))
        handover.restore([first, second], set())
        handover.journalled([first, second])
        await until(lambda: (TRACK, 1) in handed(writer))
        handover.nudge()
        await until(lambda: handed(writer) == {(TRACK, 0), (TRACK, 1)})


async def test_a_reel_that_is_gone_or_was_cut_is_named_and_never_called_handed_over(
    centre: FakeCentre, writer: Writer, tmp_path: Path
) -> None:
    reel = closed_reel(tmp_path)
    reel_path(tmp_path, TRACK, 0).write_bytes(b"short")
    async with handing(centre, writer, tmp_path) as handover:
        add(handover, reel)
        await until(lambda: bool(handover.missing))
        assert (1, {(TRACK, 0)}) == (handover.waiting, handover.missing)
    assert [] == centre.asked
    assert set() == handed(writer)


async def test_a_host_that_does_not_move_on_is_not_sent_the_same_bytes_for_ever(
    centre: FakeCentre, writer: Writer, tmp_path: Path
) -> None:
    stuck = httpx.Response(204, headers={"upload-offset": "0"})
    async with handing(centre, writer, tmp_path) as handover:
        centre.failures += [stuck] * 2
        add(handover, closed_reel(tmp_path))
        await until(lambda: len(centre.asked) == 2)
        assert 1 == handover.waiting
        handover.nudge()
        await until(lambda: handover.waiting == 0)


async def test_what_the_host_has_is_not_offered_again_after_a_restart(
    centre: FakeCentre, writer: Writer, tmp_path: Path
) -> None:
    reels = [closed_reel(tmp_path, number, 5_000_000 * number + 1) for number in (0, 1)]
    handover = Handover(SESSION, tmp_path, Uplink(centre.async_client()), writer, lambda: True)
    handover.restore(reels, {(TRACK, 0)})
    assert (1, 6) == (handover.waiting, handover.waiting_mb)
