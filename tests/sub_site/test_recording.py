"""What is filmed at the sub-site: through a kill of the node, into the journal, and to the host."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from evalroom.events import ReelClosed
from evalroom.ids import TrackId
from evalroom.media import TrackKind
from main_site.rehearsal.client import SeatClient
from tests.evalroom.room import SESSION, WEST
from tests.sub_site.stage import HERE, Scene, joined, until

TRACK = TrackId(f"{WEST}-{HERE}/{TrackKind.CAMERA}")
START_S = 40


class NodeProcess:
    """The sub-site as a process of its own, which can be killed."""

    def __init__(self, folder: Path, host_url: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self._log = folder / "west.log"
        self._environment = {
            **os.environ,
            "EVALROOM_SITE_HOST_URL": host_url,
            "EVALROOM_SITE_PORT": str(self._port),
            "EVALROOM_SITE_DATA_DIR": str(folder / "west"),
            "EVALROOM_SITE_MEDIA_LOOPBACK": "1",
        }
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220 - starting takes a millisecond
                [sys.executable, "-m", "sub_site", "serve"], env=self._environment, stdout=log, stderr=log
            )
        async with httpx.AsyncClient(base_url=self.url) as http, asyncio.timeout(START_S):
            while True:
                with contextlib.suppress(httpx.TransportError):
                    if (await http.get("/readyz")).is_success:
                        return
                assert self._process.poll() is None, self._log.read_text()[-2000:]
                await asyncio.sleep(0.1)

    def end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(20)
            self._process = None


@asynccontextmanager
async def node_process(scene: Scene) -> AsyncIterator[NodeProcess]:
    """Run the sub-site as a process in place of the one in this loop."""
    await scene.stop_site()
    node = NodeProcess(scene.folder, scene.road.url)
    await node.start()
    try:
        yield node
    finally:
        node.end(signal.SIGKILL)


@asynccontextmanager
async def filmed(scene: Scene, url: str) -> AsyncIterator[SeatClient]:
    """Seat a synthetic person with a camera at the sub-site."""
    client = SeatClient(url, scene.codes[HERE], tracks=(TrackKind.CAMERA,))
    await client.login()
    running = asyncio.create_task(client.run())
    try:
        yield client
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_killed_node_loses_no_fragment_declares_the_gap_and_hands_every_reel_over(
    tmp_path: Path,
) -> None:
    async with joined(tmp_path) as scene, node_process(scene) as node, filmed(scene, node.url):
        await scene.to_scoring()
        await until(lambda: scene.journalled("FragmentRecorded") >= 3, START_S)
        node.end(signal.SIGKILL)
        await node.start()
        before = scene.journalled("FragmentRecorded")
        await until(lambda: scene.journalled("FragmentRecorded") > before + 2, START_S)
        gaps = [entry["body"] for entry in scene.entries("GapDeclared")]
        assert {(TRACK, "recorder")} == {(gap["track"], gap["cause"]) for gap in gaps}
        await scene.to_the_end()
        await until(lambda: scene.journalled("SessionClosed") == 1, START_S)
        live = scene.centre.live[SESSION]
        await until(lambda: all(live.archiver.reels.has(reel) for reel in live.recordings.reels()), START_S)
        reels = live.recordings.reels()
        assert {True, False} == {reel.torn for reel in reels}
        assert_every_fragment_is_there(scene, reels)


def assert_every_fragment_is_there(scene: Scene, reels: list[ReelClosed]) -> None:
    """Demand that reels at the host hold exactly the fragments of the journal, byte by byte."""
    import hashlib

    live = scene.centre.live[SESSION]
    for reel in reels:
        data = live.archiver.reels.path(reel).read_bytes()
        assert hashlib.sha256(data).hexdigest() == reel.sha256
        fragments = live.recordings.tracks[reel.track].fragments[reel.reel]
        assert list(range(reel.fragments)) == [one.n for one in fragments]
        for one in fragments:
            assert hashlib.sha256(data[one.offset : one.offset + one.length]).hexdigest() == one.sha256


async def test_a_track_that_never_comes_back_after_a_restart_is_ended_so_that_the_session_can_close(
    tmp_path: Path,
) -> None:
    async with joined(tmp_path) as scene, node_process(scene) as node:
        async with filmed(scene, node.url):
            await scene.to_scoring()
            await until(lambda: scene.journalled("FragmentRecorded") >= 1, START_S)
            node.end(signal.SIGKILL)
        await node.start()
        await scene.to_the_end()
        await until(lambda: scene.journalled("SessionClosed") == 1, START_S)
        assert [TRACK] == [entry["body"]["track"] for entry in scene.entries("TrackEnded")]
