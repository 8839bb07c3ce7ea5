"""The load driver of `bench.scoring`: every writer one edit a second, evenly spread; who saw it when.

It is open-loop: an edit is due when it is due, whether or not earlier ones were answered, and the driver
reports its own lag (due to sent) and its own CPU share, so that a slow driver cannot pass for a slow server.
Every system is driven through a `Room`; the edits are made before the clock starts.
"""

import asyncio
import gc
import re
import sys
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from bench.figures import percentile
from bench.machine import Meter
from bench.wire import Client

STRIDE = 100_000
"""An edit's number is (writer + 1) * STRIDE + round; it stands in the edit as nine digits."""

PATIENCE = 5.0
"""Seconds that late arrivals are waited for before the run is called saturated."""


def number_of(writer: int, turn: int) -> int:
    """Return the number of an edit, never 0."""
    return (writer + 1) * STRIDE + turn


class Room(Protocol):
    """One system under load: its server is running, its edits are prepared."""

    name: str
    pid: int
    acks: re.Pattern[bytes]
    """Finds the numbers of acknowledged edits in what a writer receives."""
    arrivals: re.Pattern[bytes]
    """Finds the numbers of edits in what a screen receives."""
    refusals: re.Pattern[bytes]
    """Finds what tells a writer that an edit was not taken."""

    async def prepare(self) -> None:
        """Do what comes before the first connection."""

    async def join_writer(self, writer: int) -> Client: ...

    async def join_screens(self) -> Sequence[Client]:
        """Connect the screens whose arrivals count."""

    def edit(self, writer: int, turn: int) -> bytes:
        """Return the frame of this edit."""

    def wants_acks_of(self, writer: int) -> bool:
        """Say whether this writer's socket is read at all; the rest is received and thrown away."""

    def screens_of(self, writer: int) -> int:
        """Say at how many of the screens an edit of this writer is to arrive."""

    def seen(self, payload: bytes) -> None:
        """Look at what a screen received, for systems whose edits must name a version."""

    def tick(self) -> None:
        """Do what clients do fifty times a second beside editing."""

    async def leave(self) -> None:
        """Close what the room itself opened."""


@dataclass(frozen=True, slots=True)
class Terms:
    """A run: writers, seconds of warming up and of measuring."""

    writers: int
    warm: int
    seconds: int

    @property
    def rounds(self) -> int:
        """Say how many edits each writer makes."""
        return self.warm + self.seconds


class Run:
    """One run of one system."""

    def __init__(self, room: Room, terms: Terms) -> None:
        self._room, self._terms = room, terms
        self._sent = array("d", bytes(8 * terms.writers * terms.rounds))
        self._lags: list[float] = []
        self._acks: dict[int, float] = {}
        self._arrivals: list[float] = []
        self._arrived = 0
        self._owed_acks = self._owed_arrivals = 0
        self._closed: list[str] = []
        self._refused: list[bytes] = []
        self._clients: list[Client] = []
        self._writers: list[Client] = []

    async def measure(self) -> dict[str, float]:
        """Connect, edit, wait for the last arrivals, disconnect; return the figures (ms, CPU seconds)."""
        await self._room.prepare()
        await self._connect()
        gc.collect()
        gc.freeze()
        gc.disable()
        try:
            figures = await self._edit()
        finally:
            gc.enable()
            for client in self._clients:
                client.close()
            await self._room.leave()
        await asyncio.sleep(0.3)
        return figures

    async def _connect(self) -> None:
        screens = await self._room.join_screens()
        for screen in screens:
            screen.on_frame = self._screen_received
        for writer in range(self._terms.writers):
            client = await self._room.join_writer(writer)
            if self._room.wants_acks_of(writer):
                client.on_frame = partial(self._writer_received, writer)
            self._writers.append(client)
        self._clients = [*screens, *self._writers]
        for client in self._clients:
            client.on_close = self._closed.append

    async def _edit(self) -> dict[str, float]:
        began = time.monotonic() + 0.2
        ticking = asyncio.create_task(self._tick())
        await self._send_turns(began, 0, self._terms.warm)
        server, own, watch = Meter.start(self._room.pid), time.process_time(), time.monotonic()
        self._lags.clear()
        await self._send_turns(began, self._terms.warm, self._terms.rounds)
        for _ in range(int(PATIENCE / 0.02)):
            if not self._due():
                break
            await asyncio.sleep(0.02)
        wall = time.monotonic() - watch
        spent, own_share = server.spent(), (time.process_time() - own) / wall
        ticking.cancel()
        return self._figures(spent, own_share, wall)

    def _due(self) -> int:
        return self._owed_acks - len(self._acks) + self._owed_arrivals - self._arrived

    async def _send_turns(self, began: float, first: int, after: int) -> None:
        writers = self._terms.writers
        for slot in range(first * writers, after * writers):
            turn, writer = divmod(slot, writers)
            due = began + slot / writers
            wait = due - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            self._send(writer, turn, slot, due, counted=first > 0)

    def _send(self, writer: int, turn: int, slot: int, due: float, *, counted: bool) -> None:
        frame = self._room.edit(writer, turn)
        now = time.monotonic()
        self._sent[slot] = now
        self._lags.append(now - due)
        if counted:
            self._owed_acks += self._room.wants_acks_of(writer)
            self._owed_arrivals += self._room.screens_of(writer)
        self._writers[writer].send(frame)

    def _slot(self, number: bytes) -> int:
        writer, turn = divmod(int(number), STRIDE)
        return turn * self._terms.writers + writer - 1

    def _writer_received(self, writer: int, payload: bytes) -> None:
        now = time.monotonic()
        if self._room.refusals.search(payload):
            self._refused.append(payload)
            return
        for number in self._room.acks.findall(payload):
            slot = self._slot(number)
            if slot >= self._terms.warm * self._terms.writers and slot % self._terms.writers == writer:
                self._acks.setdefault(slot, now)

    def _screen_received(self, payload: bytes) -> None:
        now = time.monotonic()
        self._room.seen(payload)
        for number in self._room.arrivals.findall(payload):
            slot = self._slot(number)
            if slot >= self._terms.warm * self._terms.writers:
                self._arrived += 1
                self._arrivals.append((now - self._sent[slot]) * 1000)

    async def _tick(self) -> None:
        while True:
            self._room.tick()
            await asyncio.sleep(0.02)

    def _figures(self, spent: float, own_share: float, wall: float) -> dict[str, float]:
        edits = self._terms.writers * self._terms.seconds
        acks = [(at - self._sent[slot]) * 1000 for slot, at in self._acks.items()]
        owed = self._owed_acks + self._owed_arrivals
        figures = {f"ack p{share}": percentile(acks, share / 100) for share in (50, 95, 99)}
        figures |= {f"screen p{share}": percentile(self._arrivals, share / 100) for share in (50, 95, 99)}
        for trouble in (*self._closed[:3], *self._refused[:3]):
            print(f"  !!! {self._room.name}: {trouble!r}", file=sys.stderr)
        lags = [lag * 1000 for lag in self._lags]
        return figures | {
            "CPU s per 1,000": spent / edits * 1000,
            "CPU share": spent / wall,
            "delivered": 1 - self._due() / owed if owed else 1.0,
            "driver lag p99": percentile(lags, 0.99),
            "driver CPU": own_share,
            "closed": float(len(self._closed)),
            "refused": float(len(self._refused)),
        }
