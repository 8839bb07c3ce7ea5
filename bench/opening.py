"""The hour of an opening at a real host: bids handed in over HTTP, three agents, every byte verified, documents by range.

    python3 dev.py bench opening [--bids 30] [--megabytes 200] [--document 500]

The host, its agents and the bidders share one process and two cores; the host's readers of big bids are its children, and
their time counts.  *readable* is
from the instant the last trustee's shares have come to the last price sheet being read; *verified* is joining, keeping
keys, and one pass that hashes ciphertext, decrypts and digests the text, against SHA-256 over the same files on
one core and on two; *range* is a whole HTTP request over the loopback, seat cookie and all.
"""

import argparse
import asyncio
import hashlib
import http.client
import os
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import pytest
import uvicorn

from bench import figures, machine, peers
from evalroom.sealing import lanes
from evalroom.sealing.ceremony import CeremonyState
from evalroom.sealing.policy import PartName
from main_site.app import make_server
from main_site.services import submissions
from tests.evalroom.room import OPERATOR
from tests.main_site import ceremony as stage
from tests.main_site import hall
from tests.main_site.ceremony import Ceremony, ceremony, seal_for

MIB = 1 << 20
RANGES = 200
LIMITS = {"uploads": 1000, "uploads_per_address": 1000, "upload_gb_per_address": 1000}
PATIENCE_S = 3600


async def hand_in(place: Ceremony, name: str, megabytes: int) -> None:
    """Seal a bid whose document has so many MiB, hand it in, and drop the bytes from memory."""
    document = hashlib.shake_256(name.encode()).digest(MIB) * megabytes
    texts = {PartName.OPENING: stage.sheet_of(98_000_000), PartName.TECHNICAL: document}
    one = await asyncio.to_thread(seal_for, place.policy, name, texts)
    await place.upload(one.sealed)
    answer = await place.submit(one.sealed)
    assert answer.is_success, answer.text
    place.bidders.append(replace(one, sealed=replace(one.sealed, data=b"")))


class Clock:
    """Notes when something of the opening begins and ends, each time it happens."""

    def __init__(self) -> None:
        self.begun: dict[str, list[float]] = {}
        self.ended: dict[str, list[float]] = {}
        self.spent: dict[str, list[float]] = {}

    def around(self, name: str, work: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        """Return `work`, whose begins and ends are noted."""

        async def noted(*words: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever is wrapped
            self.begun.setdefault(name, []).append(time.perf_counter())
            before = _processor()
            result = await work(*words, **named)
            self.spent.setdefault(name, []).append(_processor() - before)
            self.ended.setdefault(name, []).append(time.perf_counter())
            return result

        return noted


def _processor() -> float:
    """Return the processor's seconds of this process and of its children that have ended."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def hashing(paths: Sequence[Path], threads: int) -> tuple[float, float]:
    """Return the seconds, and those of the processor, that SHA-256 over the files takes on so many threads."""
    began, before = time.perf_counter(), _processor()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(_hash, paths))
    return time.perf_counter() - began, _processor() - before


def _hash(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


@asynccontextmanager
async def served(place: Ceremony) -> AsyncIterator[int]:
    """Serve the host's routes on a port of the loopback."""
    server = uvicorn.Server(make_server(place.app, place.centre.settings).config)
    server.config.lifespan = "off"
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:  # noqa: ASYNC110 - uvicorn sets no event
        await asyncio.sleep(0.01)
    yield listener.getsockname()[1]
    server.should_exit = True
    await serving


def places(size: int) -> Iterator[int]:
    """Yield offsets all over a document."""
    step = max(1, (size - MIB) // RANGES)
    yield from range(0, size - MIB, step)


async def ranges(place: Ceremony, number: str) -> list[float]:
    """Return the seconds of requests for 1 MiB each, all over a bid's document, a few to warm up before."""
    bid = next(name for name, one in place.session.ceremony.admitted.items() if one.number == number)
    (cookie,) = (await place.cookie(OPERATOR)).items()
    async with served(place) as port:
        return await asyncio.to_thread(_ask, port, bid, "=".join(cookie))


def _ask(port: int, bid: str, cookie: str) -> list[float]:
    """Ask over one connection by the standard library's client: httpx takes longer than the host does."""
    connection, took = http.client.HTTPConnection("127.0.0.1", port), []
    size = int(_get(connection, bid, cookie, 0, 1)[0].partition("/")[2])
    for offset in places(size):
        began = time.perf_counter()
        _, length = _get(connection, bid, cookie, offset, MIB)
        took.append(time.perf_counter() - began)
        assert length == MIB
    connection.close()
    return took[5:]


def _get(
    connection: http.client.HTTPConnection, bid: str, cookie: str, offset: int, length: int
) -> tuple[str, int]:
    asked = {"cookie": cookie, "range": f"bytes={offset}-{offset + length - 1}"}
    connection.request("GET", f"/api/v1/documents/{bid}", headers=asked)
    answer = connection.getresponse()
    assert answer.status == 206
    return answer.headers["content-range"], len(answer.read())


async def run(options: argparse.Namespace, folder: Path) -> None:
    """Lead one opening and print what it took."""
    clock = Clock()
    async with AsyncExitStack() as stack:
        place = await stack.enter_async_context(ceremony(folder, LIMITS, most=1 << 40))
        await place.accept()
        began = time.perf_counter()
        for number in range(options.bids):
            await hand_in(place, f"bidder {number}", options.megabytes)
        await hand_in(place, "a large one", options.document)
        large = place.bidders[-1].number
        await place.acked()
        total = (options.bids * options.megabytes + options.document) * MIB / 1e6
        print(f"{total:,.0f} MB sealed and handed in, {time.perf_counter() - began:.1f} s", flush=True)
        paths = [place.submissions.uploads.path(one.number) for one in place.bidders]
        await asyncio.to_thread(hashing, paths, 1)  # both sides read from memory, not one from the disk
        await place.close()
        await place.open_window()
        opening, trustees = place.opening, place.opening.parts.trustees
        trustees.release = clock.around("release", trustees.release)  # type: ignore[method-assign, assignment] # what is wrapped is called alike
        opening.read_sheets = clock.around("sheets", opening.read_sheets)  # type: ignore[method-assign, assignment] # what is wrapped is called alike
        opening.examine_bids = clock.around("examine", opening.examine_bids)  # type: ignore[method-assign, assignment] # what is wrapped is called alike
        await place.release_all()
        await place.reaches(CeremonyState.OPENED)
        await hall.until(lambda: len(place.session.ceremony.prices) == len(place.bidders))
        quorum = sorted(clock.ended["release"])[place.policy.k - 1]
        readable = next(end for end in clock.ended["sheets"] if end > quorum) - quorum
        verified = clock.ended["examine"][0] - clock.begun["examine"][0]
        one, processor = await asyncio.to_thread(hashing, paths, 1)
        two, _ = await asyncio.to_thread(hashing, paths, 2)
        took = await ranges(place, large)
        rows = [
            [f"{len(paths)} price sheets readable after the last shares, ms", _ms(readable)],
            ["every byte verified, s", figures.show(verified)],
            ["… x SHA-256 of the files on one core", figures.show(verified / one)],
            ["… x SHA-256 of the files on two", figures.show(verified / two)],
            ["… CPU time x SHA-256's", figures.show(clock.spent["examine"][0] / processor)],
            [f"1 MiB out of {options.document} MiB by HTTP, ms: median", _ms(median(took))],
            ["… fastest", _ms(min(took))],
            ["… p95", _ms(figures.percentile(took, 0.95))],
        ]
        print(figures.table(["an opening", ""], rows), flush=True)


def _ms(seconds: float) -> str:
    return figures.show(seconds * 1000)


def main() -> None:
    """Run, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bids", type=int, default=30)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--document", type=int, default=500)
    options = parser.parse_args()
    peers.debian_library(lanes.NAMES, "libipsec-mb1")
    print(f"{machine.describe()}\n{lanes.lanes_here()} leaves are hashed side by side", flush=True)
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(hall, "PATIENCE_S", PATIENCE_S)
        patch.setattr(submissions, "RECEIPT_PATIENCE_S", 0.0)
        asyncio.run(run(options, Path(name)))


if __name__ == "__main__":
    main()
