"""Catching up in a browser: 10,000 items over a WebSocket into a real Chromium, every link of the chain checked.

    python3 dev.py bench catchup [--items 10000] [--runs 5]

Ours is the pages' own feed reader on the feed of an expert; the frames are those the host would send.  The peer
is Yjs in the same page: the same number of edits as one merged state, which has no history and no chain, and one
by one.  Runs are interleaved; the first of each is thrown away, as a page's code is compiled then.
"""

import argparse
import asyncio
import base64
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import uvloop
import websockets
from playwright.async_api import Page, async_playwright
from websockets.asyncio.server import ServerConnection

from bench import figures, machine, peers
from bench.committee import SESSION, Committee
from evalroom.protocol.feed import FeedLog
from evalroom.protocol.publisher import PublisherEnd
from signaling.codec import encode

WEB = Path(__file__).parent.parent / "web"
YJS_WRITERS = 20


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


async def measure(folder: Path, options: argparse.Namespace) -> list[dict[str, float]]:
    """Serve the three, run them in turns in one page, and return the runs."""
    feed = await feed_of(options.items)
    served: Mapping[str, list[str] | list[bytes]] = {
        "/feed": frames_of(feed),
        "/state": [yjs_state(folder, options.items)],
        "/updates": yjs_updates(folder, options.items),
    }

    async def serve(socket: ServerConnection) -> None:
        await socket.recv()
        assert socket.request is not None
        for frame in served[socket.request.path]:
            await socket.send(frame)
        await socket.wait_closed()

    async with (
        websockets.serve(serve, "127.0.0.1", 0, compression=None, max_size=None) as server,
        async_playwright() as play,
    ):
        port = next(iter(server.sockets)).getsockname()[1]
        browser = await play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        print(f"Chromium {browser.version}")
        page = await browser.new_page()
        await page.goto((folder / "catchup.html").as_uri())
        audience = feed.audience
        runs = [
            await _once(page, port, audience, feed.length, options.items) for _ in range(options.runs + 1)
        ]
        await browser.close()
    return runs[1:]


async def _once(page: Page, port: int, audience: str, length: int, edits: int) -> dict[str, float]:
    ours = await page.evaluate(f"ours({port}, {SESSION!r}, {audience!r}, {length})")
    state = await page.evaluate(f"yjs({port}, '/state', {edits})")
    updates = await page.evaluate(f"yjs({port}, '/updates', {edits})")
    return {
        f"ours: {length:,} items, chain checked": ours["ms"],
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
    folder = peers.npm_peers()
    if folder is None:
        sys.exit("the page cannot be built without node and npm")
    bundle(folder)
    middle = figures.medians(uvloop.run(measure(folder, options)))
    ours = next(iter(middle.values()))
    rows = [
        [name, figures.show(value), "" if "MB" in name else f"{value / ours:.2f}"]
        for name, value in middle.items()
    ]
    print(f"\nmedians of {options.runs} runs\n")
    print(figures.table(["", "ms", "x ours"], rows))


if __name__ == "__main__":
    main()
