"""Catching up in a browser: 10,000 items over a WebSocket into a real Chromium, every link of the chain checked.

    python3 dev.py bench catchup [--items 10000] [--runs 5]

Ours is the pages' own feed reader on the feed of an expert; the frames are those the host would send.  The peer
is Yjs in the same page: the same number of edits as one merged state, which has no history and no chain, and one
by one.  Runs are interleaved; the first of each is thrown away, as a page's code is compiled then.

The page takes its orders over a socket of its own.  A debugger, Playwright's too, is handed a copy of every frame
by the browser: with one attached, receiving these 4.5 MB took 60 to 90 ms instead of 25.
"""

import argparse
import asyncio
import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import uvloop
import websockets
from websockets.asyncio.server import ServerConnection

from bench import figures, machine, peers
from bench.committee import SESSION, Committee
from evalroom.protocol.feed import FeedLog
from evalroom.protocol.publisher import PublisherEnd
from signaling.codec import encode

WEB = Path(__file__).parent.parent / "web"
YJS_WRITERS = 20
START_S = 60
"""Patience with a browser's start."""
FLAGS = ("--headless", "--no-sandbox", "--no-first-run", "--disable-gpu", "--remote-debugging-port=0")
"""The port keeps a headless Chromium open; nobody connects to it."""


async def feed_of(count: int) -> FeedLog:
    """Return the feed of an expert who has made `count` edits, as a conductor wrote it."""
    with tempfile.TemporaryDirectory() as folder:
        async with Committee.open(Path(folder), 1) as committee:
            for order in committee.edits(count):
                await asyncio.shield(committee.conductor.submit(order))
            return committee.conductor.feeds[committee.experts[0].seat]


def frames_of(feed: FeedLog) -> list[str]:
    """Return the messages that a subscription from 0 is answered with."""
    end = PublisherEnd(lambda _: feed)
    end.subscribe("", 0)
    return [encode(message) for message in end.messages_to_send("", most=feed.length)]


def bundle(folder: Path) -> None:
    """Build the page from the pages' own sources with esbuild."""
    program = folder / "node_modules/.bin/esbuild"
    options = ["--bundle", "--minify", "--target=chrome87", f"--alias:@={WEB / 'src'}", "--log-level=warning"]
    found = {**os.environ, "NODE_PATH": str(folder / "node_modules")}
    command = [str(program), str(folder / "catchup.ts"), f"--outfile={folder / 'catchup.js'}", *options]
    subprocess.run(command, check=True, env=found)


def yjs_updates(folder: Path, count: int) -> list[bytes]:
    """Return the updates of `count` edits."""
    command = ["node", str(folder / "yjs_updates.mjs"), str(YJS_WRITERS), str(count // YJS_WRITERS)]
    lines = subprocess.run(command, check=True, capture_output=True).stdout.split()
    return [base64.b64decode(line) for line in lines]


def yjs_state(folder: Path, count: int) -> bytes:
    """Return the merged state after `count` edits."""
    command = ["node", str(folder / "yjs_updates.mjs"), str(YJS_WRITERS), str(count // YJS_WRITERS), "merged"]
    return base64.b64decode(subprocess.run(command, check=True, capture_output=True).stdout)


@asynccontextmanager
async def browser(program: str, address: str) -> AsyncIterator[None]:
    """Show a page in a new Chromium; leaving ends it."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        started = await asyncio.create_subprocess_exec(
            program,
            *FLAGS,
            f"--user-data-dir={profile}",
            address,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield
        finally:
            started.terminate()
            await started.wait()


async def measure(program: str, folder: Path, options: argparse.Namespace) -> list[dict[str, float]]:
    """Serve the three, run them in turns in one page, and return the runs."""
    feed = await feed_of(options.items)
    served: Mapping[str, list[str] | list[bytes]] = {
        "/feed": frames_of(feed),
        "/state": [yjs_state(folder, options.items)],
        "/updates": yjs_updates(folder, options.items),
    }
    opened: asyncio.Future[ServerConnection] = asyncio.get_running_loop().create_future()

    async def serve(socket: ServerConnection) -> None:
        assert socket.request is not None
        if socket.request.path == "/orders":
            opened.set_result(socket)
        else:
            await socket.recv()
            for frame in served[socket.request.path]:
                await socket.send(frame)
        await socket.wait_closed()

    async with websockets.serve(serve, "127.0.0.1", 0, compression=None, max_size=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with browser(program, f"{(folder / 'catchup.html').as_uri()}#{port}"):
            page = await asyncio.wait_for(opened, START_S)
            runs = [await _once(page, feed, options.items) for _ in range(options.runs + 1)]
    return runs[1:]


async def _ask(page: ServerConnection, *order: str | int) -> dict[str, float]:
    await page.send(json.dumps(order))
    answer: dict[str, float] = json.loads(await page.recv())
    if "ms" not in answer:
        sys.exit(f"the page failed: {answer}")
    return answer


async def _once(page: ServerConnection, feed: FeedLog, edits: int) -> dict[str, float]:
    ours = await _ask(page, "ours", SESSION, feed.audience, feed.length)
    state = await _ask(page, "yjs", "/state", edits)
    updates = await _ask(page, "yjs", "/updates", edits)
    return {
        f"ours: {feed.length:,} items, chain checked": ours["ms"],
        "Yjs: one merged state": state["ms"],
        "Yjs: one update after another": updates["ms"],
        "ours, MB": ours["bytes"] / 1e6,
        "Yjs merged, MB": state["bytes"] / 1e6,
    }


def main() -> None:
    """Run and print the medians."""
    parser = argparse.ArgumentParser(prog="dev.py bench catchup")
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    print(machine.describe())
    folder, program = peers.npm_peers(), shutil.which("chromium")
    if folder is None:
        sys.exit("the page cannot be built without node and npm")
    if program is None:
        sys.exit("Chromium is missing: apt-get install chromium")
    print(subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout.strip())
    bundle(folder)
    runs = uvloop.run(measure(program, folder, options))
    middle = figures.medians(runs)
    ours = next(iter(middle.values()))
    rows = [
        [name, figures.show(value), "" if "MB" in name else f"{value / ours:.2f}"]
        for name, value in middle.items()
    ]
    print(f"\nmedians of {options.runs} runs\n")
    print(figures.table(["", "ms", "x ours"], rows))
    print("\nours, run by run:", *(f"{next(iter(run.values())):.0f}" for run in runs))


if __name__ == "__main__":
    main()
