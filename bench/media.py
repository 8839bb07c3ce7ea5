"""Recording and relaying real WebRTC: our node beside Janus 1.1.2, on the same packets.

    python3 dev.py bench media [--publishers 17] [--viewers 3] [--seconds 20] [--runs 3] [--only ours,janus]

Each publisher replays 720p30 H.264 at 1.5 Mb/s and Opus.  First all are recorded and nobody looks: CPU seconds
per recorded stream-minute.  Then every viewer takes every track: share of a core for the whole session.  Only
the server's process is counted.  Janus's .mjr files cannot be played: what `janus-pp-rec` costs is added.
"""

import argparse
import asyncio
import contextlib
import gc
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Protocol

import uvloop
from aiortc import RTCPeerConnection

from bench import figures, machine, peers
from bench.camera import Publisher, Show, Viewer, connected
from bench.centre import Centre
from bench.footage import Footage, film
from bench.janus import Janus
from bench.people import HOST, Person
from bench.seat import SeatLink
from evalroom.events import Stage
from evalroom.ids import SessionId
from evalroom.media import Medium, TrackKind
from evalroom.protocol import messages as m
from evalroom.roles import Role
from signaling.engine import PassSender

SETTLE_S = 4.0
_SESSION = SessionId("bench-media")
SHOWN = (
    "CPU s per stream-minute", "+ making it playable", "recording, % of a core", "session, % of a core", "viewers got", "viewers lost",
    "recorded", "RSS MB", "driver lag p99, ms", "driver CPU",
)  # fmt: skip


class OurMedia:
    """`evalroom serve`: one session with a seat for each publisher and a supervisor for each viewer."""

    name = "EvalRoom"
    session = _SESSION

    def __init__(self, centre: Centre) -> None:
        self.pid = centre.pid
        self.recordings = centre.folder / "sessions" / _SESSION / "media"
        self._centre = centre
        self._people: dict[str, Person] = {}
        self._links: list[SeatLink] = []

    @classmethod
    @contextlib.contextmanager
    def open(cls, scratch: Path) -> Iterator["OurMedia"]:
        with Centre.open(scratch) as centre:
            yield cls(centre)

    @property
    def experts(self) -> list[Person]:
        return [one for one in self._people.values() if one.role is Role.EXPERT]

    async def start(self, publishers: list[str], viewers: list[str]) -> None:
        seats = dict.fromkeys(publishers, Role.EXPERT) | dict.fromkeys(viewers, Role.SUPERVISOR)
        people = await self._centre.open_session(_SESSION, seats, Stage.DETAILED)
        self._people = {one.seat: one for one in people}

    async def publish(self, name: str) -> tuple[RTCPeerConnection, dict[Medium, PassSender]]:
        link = await self._ask(name, m.Publish((TrackKind.CAMERA,)))
        return link.connection(), link.senders

    async def view(self, viewer: str, names: list[str]) -> RTCPeerConnection:
        link = await self._ask(viewer, m.Watch(tuple(f"{HOST}-{name}/camera" for name in names)))
        return link.connection()

    async def stop(self) -> None:
        for link in self._links:
            link.close()

    def make_playable(self) -> float:
        return 0.0  # a reel is a playable file from its first fragment on

    async def _ask(self, name: str, message: object) -> SeatLink:
        link = SeatLink(await self._centre.socket(self._people[name], "?take=1"))
        self._links.append(link)
        link.send(message)
        await asyncio.wait_for(link.answered.wait(), 10)
        return link


class MediaServer(Protocol):
    """A server that takes publishers and viewers; each call gives a connection to wait for."""

    name: str
    pid: int
    recordings: Path

    async def start(self, publishers: list[str], viewers: list[str]) -> None: ...

    async def publish(self, name: str) -> tuple[RTCPeerConnection, dict[Medium, PassSender]]: ...

    async def view(self, viewer: str, names: list[str]) -> RTCPeerConnection: ...

    async def stop(self) -> None: ...

    def make_playable(self) -> float:
        """Do what it takes to play the recordings, after the end; return its CPU seconds, nan if it can't."""


Opener = Callable[[], AbstractContextManager[MediaServer]]


async def measure(server: MediaServer, footage: Footage, options: argparse.Namespace) -> dict[str, float]:
    """Run both parts on one server."""
    names = [f"E{place:02}" for place in range(options.publishers)]
    watchers = [f"S{place:02}" for place in range(options.viewers)]
    await server.start(names, watchers)
    publishers = []
    for name in names:
        pc, senders = await server.publish(name)
        await connected(pc)
        publishers.append(Publisher(pc, senders, footage))
    show = Show(publishers)
    gc.collect()
    gc.freeze()
    show.start()
    await asyncio.sleep(SETTLE_S)
    size, since = _size(server.recordings), time.monotonic()
    alone = await _watch(server.pid, options.seconds)
    viewers = []
    for watcher in watchers:
        pc = await server.view(watcher, names)
        await connected(pc)
        viewers.append(Viewer(pc))
    await asyncio.sleep(SETTLE_S)
    before = sum(viewer.packets for viewer in viewers), sum(viewer.lost for viewer in viewers)
    began, own = time.monotonic(), time.process_time()
    show.lags.clear()
    together = await _watch(server.pid, options.seconds)
    wall = time.monotonic() - began
    seen = sum(viewer.packets for viewer in viewers) - before[0]
    lost = sum(viewer.lost for viewer in viewers) - before[1]
    owed = footage.packets_per_second * len(names) * len(viewers) * wall
    figure = {
        "CPU s per stream-minute": alone * 60 / len(names),
        "recording, % of a core": alone * 100,
        "session, % of a core": together * 100,
        "viewers got": seen / owed if owed else 1.0,
        "viewers lost": float(lost),
        "RSS MB": machine.resident_mb(server.pid),
        "driver lag p99, ms": figures.percentile(show.lags, 0.99) * 1000,
        "driver CPU": (time.process_time() - own) / wall,
    }
    elapsed = time.monotonic() - since
    grown = (_size(server.recordings) - size) * 8 / (footage.bits_per_second * len(names) * elapsed)
    await show.stop()
    for viewer in viewers:
        await viewer.close()
    await asyncio.gather(*(publisher.pc.close() for publisher in publishers))
    await server.stop()
    return figure | {"recorded": grown}


async def _watch(pid: int, seconds: float) -> float:
    """Return the share of a core that the server took over `seconds`."""
    meter, began = machine.Meter.start(pid), time.monotonic()
    await asyncio.sleep(seconds)
    return meter.spent() / (time.monotonic() - began)


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def main() -> None:
    """Run both servers in turns and print the medians."""
    options = _options()
    print(machine.describe())
    footage = film()
    print(
        f"{options.publishers} publishers x {footage.packets_per_second:.0f} packets/s, "
        f"{footage.bits_per_second / 1e6:.2f} Mb/s; {options.viewers} viewers on all of them"
    )
    with tempfile.TemporaryDirectory() as folder:
        runs: dict[str, list[dict[str, float]]] = {}
        for turn in range(options.runs):
            for name, opener in openers(Path(folder), options).items():
                with opener() as server:
                    run = uvloop.run(measure(server, footage, options))
                    minutes = _size(server.recordings) * 8 / footage.bits_per_second / 60
                    run["+ making it playable"] = server.make_playable() / minutes
                    runs.setdefault(name, []).append(run)
                line = ", ".join(f"{shown} {figures.show(run[shown])}" for shown in SHOWN)
                print(f"  run {turn + 1}, {name}: {line}", flush=True)
    _report(runs)


def _report(runs: Mapping[str, Sequence[dict[str, float]]]) -> None:
    middle = {name: figures.medians(several) for name, several in runs.items()}
    rows = [[shown, *(figures.show(one[shown]) for one in middle.values())] for shown in SHOWN]
    print(f"\nmedians of {len(next(iter(runs.values())))} runs\n")
    print(figures.table(["", *middle], rows), flush=True)


def openers(scratch: Path, options: argparse.Namespace) -> dict[str, Opener]:
    """Return the servers that can be run here."""
    found: dict[str, Opener] = {"ours": partial(OurMedia.open, scratch)}
    program = peers.debian_peer("janus", "janus")
    interface = machine.interface()
    if program is not None and interface is not None:
        found["janus"] = partial(Janus.open, program, scratch, interface)
    only = set(filter(None, options.only.split(",")))
    return {name: opener for name, opener in found.items() if not only or name in only}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="dev.py bench media")
    parser.add_argument("--publishers", type=int, default=17)
    parser.add_argument("--viewers", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default="")
    return parser.parse_args()


if __name__ == "__main__":
    main()
