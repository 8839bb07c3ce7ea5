"""Large sheets: 9 experts, 30 bids, 150 items. The fold of their journal, and an expert's grid in a real Chromium.

    python3 dev.py bench sheets [--runs 7] [--edits 200]

The fold is what a restart, a replica and every entry of the writer go through: `Session.evolve` on facts that are
read already; beside it, for scale, reading them back from the journal's bytes.  The grid is the pages' own desk with the feed folded
in; an edit is timed from the key to the layout of the frame that shows it entered.  No peer: nobody else has a journal.
"""

import argparse
import asyncio
import gc
import json
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from playwright.async_api import Page, async_playwright

from bench import figures, machine
from evalroom.encoding import body_of
from evalroom.events import (
    Commitment,
    Fact,
    ScoreEntered,
    Secret,
    SessionKeys,
    SessionOpened,
    Stage,
    StageChanged,
)
from evalroom.ids import HOST_ACTOR, BidId, CommandId, ItemId, LotId, SeatCode, SessionId, SiteId
from evalroom.ledger.canonical import canonical
from evalroom.pricing.presets import lowest_price
from evalroom.profile import PLAIN, profile_digest
from evalroom.roles import Role
from evalroom.session import Session
from evalroom.tender import (
    Bid,
    Item,
    ItemKind,
    Lot,
    Part,
    Seat,
    Site,
    Tender,
)
from signaling.codec import decode_fact, parse_json
from tests.browser import library
from tests.programs import PROGRAMS

EXPERTS, BIDS, ITEMS = 9, 30, 150
HOST = SiteId("host")
GRIDS = ((40, 12), (150, 30))
"""Items and bids of the grids: 480 cells as budgeted in pages.md, and the largest sheet there is."""


def facts() -> list[Fact]:
    """Return the facts of a session up to its last score: 40,500 of them are scores."""
    items = tuple(
        Item(
            ItemId(f"T{n}"),
            Part.DETAILED,
            ItemKind.SCORE,
            f"Item {n}",
            "as described",
            "0.4",
            1,
            objective=False,
        )
        for n in range(ITEMS)
    )
    bids = tuple(Bid(BidId(f"B{n}"), f"Bidder {n}") for n in range(BIDS))
    lot = Lot(LotId("1"), "Bench", items, bids, lowest_price("40"), 3)
    seats = tuple(Seat(SeatCode(f"E{n}"), HOST, HOST, Role.EXPERT, "") for n in range(EXPERTS))
    sites = (Site(HOST, "Host", host=True, node=True),)
    tender, keys = Tender("B", "Bench", (lot,)), SessionKeys("log", (), 0)
    opened = SessionOpened(
        SessionId("bench"),
        tender,
        sites,
        seats,
        keys,
        rehearsal=True,
        software="",
        profile=PLAIN,
        profile_sha256=profile_digest(PLAIN),
    )
    way = (Stage.GATHERING, Stage.BRIEFED, Stage.ELECTING, Stage.PRELIMINARY, Stage.DETAILED)
    steps = [StageChanged(before, after, "") for before, after in pairwise(way)]
    told = [Fact(0, HOST, HOST_ACTOR, opened), *(Fact(0, HOST, HOST_ACTOR, step) for step in steps)]
    cells = ((seat.code, bid.id, item.id) for seat in seats for item in items for bid in bids)
    return [*told, *(_score(n, *cell) for n, cell in enumerate(cells))]


def _score(number: int, seat: SeatCode, bid: BidId, item: ItemId) -> Fact:
    commit = Commitment(f"{number:064x}")
    event = ScoreEntered(LotId("1"), bid, item, 1, commit, commit)
    secrets = (Secret("/value", "0.3", "00" * 32), Secret("/reason", "", "00" * 32))
    return Fact(number, HOST, seat, event, CommandId(f"{number:032x}"), "s" * 100, secrets)


def fold(history: list[Fact]) -> dict[str, float]:
    """Return events a second, by the wall and by the process's own time."""
    session = Session()
    gc.collect()
    wall, own = time.perf_counter(), time.process_time()
    for fact in history:
        session.evolve(fact)
    wall, own = time.perf_counter() - wall, time.process_time() - own
    assert sum(len(sheet.cells) for sheet in session.sheets.values()) == EXPERTS * BIDS * ITEMS
    return {"fold, events/s": len(history) / wall, "fold, events per CPU second": len(history) / own}


def read(history: list[Fact], count: int = 4_000) -> dict[str, float]:
    """Return entries a second read from their bytes, as a host reads its journal after a restart."""
    lines = [
        (canonical({**_entry(fact), "body": body_of(fact.event)}).decode(), fact) for fact in history[-count:]
    ]
    own = time.process_time()
    for line, fact in lines:
        assert decode_fact(parse_json(line), fact.secrets).event == fact.event
    return {"read from bytes, entries per CPU second": count / (time.process_time() - own)}


def _entry(fact: Fact) -> dict[str, str | int | None]:
    return {
        "t": fact.at,
        "site": fact.site,
        "actor": fact.actor,
        "type": type(fact.event).__name__,
        "cmd": fact.cmd,
        "sig": fact.sig,
    }


async def grid(page: Page, address: str, items: int, bids: int, edits: int) -> dict[str, float]:
    """Return ms until a desk of this size is painted, and ms of an edit at its median and at 95 %."""
    await page.goto(address)
    shown = await page.evaluate("([items, bids]) => desk.show(items, bids)", [items, bids])
    took = []
    rows = [row for row in range(items) if row % 10 != 9]  # the others are lists of options
    for number in range(edits):
        row, column = rows[number * 7 % len(rows)], number * 5 % bids
        text = f"0.{30 + number % 20}" if row % 10 != 8 else "0"
        took.append(
            await page.evaluate("([row, column, text]) => desk.edit(row, column, text)", [row, column, text])
        )
    cells = f"{items * bids:,} cells"
    return {
        f"{cells}: shown, ms": shown,
        f"{cells}: edit p50, ms": figures.percentile(took, 0.5),
        f"{cells}: edit p95, ms": figures.percentile(took, 0.95),
    }


def build(folder: str) -> None:
    """Bundle the desk's page into `folder`."""
    config = ("--config", "tests/desk/vite.config.ts", "--outDir", folder, "--logLevel", "warn")
    subprocess.run(["node", str(library.VITE), "build", *config], cwd=library.WEB, check=True)


async def grids(options: argparse.Namespace) -> list[dict[str, float]]:
    """Build the desk's page and time it in a Chromium, once to warm up and then run by run."""
    program = PROGRAMS["chromium"].find()
    if program is None or library.missing():
        sys.exit(f"the grid cannot be shown: {library.missing() or 'Chromium is missing'}")
    with tempfile.TemporaryDirectory() as folder:
        await asyncio.to_thread(build, folder)
        with library.served(Path(folder)) as address:
            async with async_playwright() as playwright:
                browser = await playwright.chromium.launch(
                    executable_path=str(program), args=["--no-sandbox"]
                )
                page = await browser.new_page(viewport={"width": 1920, "height": 1080})
                runs = []
                for _ in range(options.runs + 1):
                    found: dict[str, float] = {}
                    for items, bids in GRIDS:
                        found |= await grid(page, address, items, bids, options.edits)
                    runs.append(found)
                await browser.close()
    return runs[1:]


def main() -> None:
    """Run and print the medians."""
    parser = argparse.ArgumentParser(prog="dev.py bench sheets")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--edits", type=int, default=200)
    options = parser.parse_args()
    print(machine.describe())
    history = facts()
    folds = [fold(history) | read(history) for _ in range(options.runs)]
    print(f"\n{len(history):,} events, medians of {options.runs} runs\n")
    middle = figures.medians(folds) | figures.medians(asyncio.run(grids(options)))
    print(figures.table(["", ""], [[name, figures.show(value)] for name, value in middle.items()]))
    print("\nfolds, run by run:", json.dumps([round(one["fold, events/s"]) for one in folds]))


if __name__ == "__main__":
    main()
