"""The journal: cost of an append, durable events a second with group commit.

    python3 dev.py bench journal [--events 10000] [--runs 3]

Durable means committed by SQLite with full synchronisation.  The peer is the same SQLite with one commit for
each event, as a plain web application has it, in the same folder and interleaved.
"""

import argparse
import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import uvloop

from bench import figures, machine
from bench.committee import SESSION, Committee
from bench.people import HOST
from evalroom.commands import NodeFact, Order, RecordFacts
from evalroom.events import FragmentRecorded, TrackStarted
from evalroom.ids import SiteId, TrackId, track_id
from evalroom.ledger.entry import Entry, parse_entry
from evalroom.ledger.journal import Journal
from evalroom.media import Medium, TrackKind
from evalroom.protocol.messages import NODE_AUDIENCE
from evalroom.roles import Role
from main_site.store import journal as store
from signaling.database import open_engine

BATCH = 512
ENTRY_BYTES = 640
"""Bytes of a scored cell's entry, with signature and salt."""

PEER = "peer: SQLite, one commit per event, events/s"


async def signed_edits(folder: Path, count: int) -> dict[str, float]:
    """Measure orders through the conductor: signature, rules, commitments, entry, feed, commit."""
    async with Committee.open(folder, 17) as committee:
        orders = committee.edits(count)
        began, spent = time.monotonic(), time.process_time()
        waiting = []
        for order in orders:
            waiting.append(committee.conductor.submit(order))
            if len(waiting) == BATCH:  # as many as one transaction takes are under way at a time
                await waiting[0]
                waiting = [one for one in waiting if not one.done()]
        outcomes = await asyncio.gather(*waiting)
        wall = time.monotonic() - began
        assert not any(outcomes)
        cpu = time.process_time() - spent
        figure = {"signed edits/s": count / wall, "signed edits, CPU µs each": cpu / count * 1e6}
        return figure | await _one_by_one(committee)


async def _one_by_one(committee: Committee) -> dict[str, float]:
    """Measure edits of which each waits for the one before: what a lone writer sees."""
    times = []
    for order in committee.edits(500):
        began = time.monotonic()
        await committee.conductor.give(order)
        times.append((time.monotonic() - began) * 1000)
    return {
        "lone edit p50, ms": figures.percentile(times, 0.5),
        "lone edit p99, ms": figures.percentile(times, 0.99),
    }


async def recorded_fragments(folder: Path, count: int) -> dict[str, float]:
    """Measure facts of a recorder, fifty in a command as the booth hands them in."""
    async with Committee.open(folder, 17) as committee:
        seat = committee.experts[0].seat
        track = track_id(HOST, seat, TrackKind.CAMERA)
        media, codecs = (Medium.VIDEO, Medium.AUDIO), ("h264", "opus")
        began_ms = time.time_ns() // 1_000_000
        started = TrackStarted(track, seat, TrackKind.CAMERA, media, codecs, began_ms)
        await committee.conductor.give(_facts([NodeFact(began_ms, "TrackStarted", started)]))
        orders = [
            _facts(
                [
                    NodeFact(began_ms, "FragmentRecorded", _fragment(track, n))
                    for n in range(first, first + 50)
                ]
            )
            for first in range(0, count, 50)
        ]
        began = time.monotonic()
        await asyncio.gather(*map(committee.conductor.give, orders))
        return {"recorder facts/s": count / (time.monotonic() - began)}


def _facts(facts: Sequence[NodeFact]) -> Order:
    return Order(RecordFacts(tuple(facts)), facts[0].at, NODE_AUDIENCE, SiteId(HOST), Role.NODE)


def _fragment(track: TrackId, n: int) -> FragmentRecorded:
    return FragmentRecorded(
        track, 0, n, 1000 + n * 200_000, 200_000, "ab" * 32, n * 1_000_000, 1_000_000, n % 2 == 0
    )


def stored_rows(folder: Path, count: int) -> dict[str, float]:
    """Measure entries that are ready: the ledger alone, then the store in batches."""
    entries = _entries(folder)
    ledger = Journal("evalroom/bench")
    many = [replace(entries[n % len(entries)], seq=n) for n in range(count)]
    began = time.process_time()
    positions = [ledger.append(entry) for entry in many]
    appended = (time.process_time() - began) / count * 1e6
    engine = open_engine(folder / "store.sqlite")
    store.metadata.create_all(engine)
    rows = [store.Row(at.seq, at.data, at.chain, ()) for at in positions]
    began = time.monotonic()
    for first in range(0, count, BATCH):
        with engine.begin() as db:
            store.append(db, SESSION, rows[first : first + BATCH], ())
    wall = time.monotonic() - began
    engine.dispose()
    return {"ledger append, µs": appended, "store alone, events/s": count / wall}


def _entries(folder: Path) -> list[Entry]:
    """Return the scored cells of a committee's journal, to be appended again."""
    engine = open_engine(folder / "bench.sqlite")
    with engine.connect() as db:
        found = [parse_entry(row.entry) for row in store.read(db, SESSION)]
    engine.dispose()
    return [entry for entry in found if entry.type == "ScoreEntered"]


def plain_commits(folder: Path, count: int) -> dict[str, float]:
    """Measure the peer: one row of an entry's size, one synchronous commit."""
    db = sqlite3.connect(folder / "plain.sqlite", isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("CREATE TABLE IF NOT EXISTS edits (id INTEGER PRIMARY KEY, body BLOB)")
    body = b"x" * ENTRY_BYTES
    began = time.monotonic()
    for _ in range(count):
        db.execute("INSERT INTO edits (body) VALUES (?)", (body,))
    wall = time.monotonic() - began
    db.close()
    return {PEER: count / wall}


def measure(count: int) -> dict[str, float]:
    """Measure everything once, in one folder."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        figure = uvloop.run(signed_edits(_made(here / "edits"), count))
        figure |= stored_rows(here / "edits", count)
        figure |= uvloop.run(recorded_fragments(_made(here / "facts"), count))
        return figure | plain_commits(here, min(count, 5000))


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def main() -> None:
    """Run, and print medians and ratios."""
    parser = argparse.ArgumentParser(prog="dev.py bench journal")
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    print(machine.describe())
    middle = figures.medians([measure(options.events) for _ in range(options.runs)])
    rows = [[name, figures.show(value), _ratio(name, value, middle)] for name, value in middle.items()]
    print(f"\nmedians of {options.runs} runs of {options.events:,} events\n")
    print(figures.table(["", "ours", "x peer"], rows))


def _ratio(name: str, value: float, middle: dict[str, float]) -> str:
    return f"{value / middle[PEER]:.1f}" if name.endswith("/s") else ""


if __name__ == "__main__":
    main()
