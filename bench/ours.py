"""Our own room under the scoring load: sessions of one committee each, orders signed before the clock starts.

Writers are experts at their grids.  Entitled to a value before the unlock is its owner alone, so the screens
whose arrivals count are second windows of five writers; five supervisors take part in every run and get what
the design gives them, progress at most once a second.  Every socket sends its heartbeat every two seconds.
"""

import asyncio
import contextlib
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

from bench.centre import Centre
from bench.committee import edit_of
from bench.load import Terms, number_of
from bench.people import Person, frame_of
from bench.wire import Client, masked
from evalroom.events import Stage
from evalroom.protocol import messages as m
from evalroom.roles import Role
from signaling.codec import encode

SCREENS, SUPERVISORS = 5, 5
TICKS_PER_HEARTBEAT = 100


class OurRoom:
    """`evalroom serve` with as many sessions as the writers fill committees."""

    refusals = re.compile(rb'"kind":"(?:refused|fault)"')

    def __init__(self, centre: Centre, terms: Terms, committee: int) -> None:
        self.name = f"EvalRoom, committees of {committee}"
        self.pid = centre.pid
        self.progress = 0
        self._centre, self._terms, self._committee = centre, terms, committee
        self._run = secrets.token_hex(12)[:23]
        self._experts: list[Person] = []
        self._supervisors: list[Person] = []
        self._edits: list[bytes] = []
        self._clients: list[Client] = []
        self._ticks = 0
        prefix = self._run.encode()
        self.acks = re.compile(rb'\["' + prefix + rb'(\d{9})"')
        self.arrivals = re.compile(rb'cmd\\":\\"' + prefix + rb"(\d{9})")

    @classmethod
    @contextlib.contextmanager
    def open(
        cls, terms: Terms, scratch: Path, *, committee: int, wrapper: tuple[str, ...] = ()
    ) -> Iterator["OurRoom"]:
        with Centre.open(scratch, *wrapper) as centre:
            yield cls(centre, terms, committee)

    async def prepare(self) -> None:
        """Open the sessions, seat everybody, lead them to scoring, sign every edit."""
        for number, first in enumerate(range(0, self._terms.writers, self._committee)):
            size = min(self._committee, self._terms.writers - first)
            seats = {f"E{place:03}": Role.EXPERT for place in range(size)}
            if number < SUPERVISORS:
                seats["S1"] = Role.SUPERVISOR
            people = await self._centre.open_session(f"bench-{number}", seats, Stage.DETAILED)
            self._experts += [one for one in people if one.role is Role.EXPERT]
            self._supervisors += [one for one in people if one.role is Role.SUPERVISOR]
        turns, writers = range(self._terms.rounds), range(self._terms.writers)
        self._edits = [self._edit(writer, turn) for turn in turns for writer in writers]

    def _edit(self, writer: int, turn: int) -> bytes:
        return frame_of(edit_of(self._experts[writer], turn, f"{self._run}{number_of(writer, turn):09}"))

    async def join_writer(self, writer: int) -> Client:
        return await self._join(self._experts[writer], "?take=1")

    async def join_screens(self) -> list[Client]:
        for one in self._supervisors:
            client = await self._join(one, "?take=1")
            client.on_frame = self._count_progress
        return [await self._join(one, "") for one in self._experts[:SCREENS]]

    async def _join(self, person: Person, query: str) -> Client:
        client = await self._centre.socket(person, query)
        client.send(masked(encode(m.Subscribe(0)).encode()))
        self._clients.append(client)
        return client

    def _count_progress(self, payload: bytes) -> None:
        self.progress += b'"kind":"progress"' in payload

    def edit(self, writer: int, turn: int) -> bytes:
        return self._edits[turn * self._terms.writers + writer]

    def wants_acks_of(self, writer: int) -> bool:  # noqa: ARG002 - every writer is acknowledged
        return True

    def screens_of(self, writer: int) -> int:
        return 1 if writer < SCREENS else 0

    def seen(self, payload: bytes) -> None: ...

    def tick(self) -> None:
        """Send the heartbeats that are due; each socket's turn comes every two seconds."""
        ping = masked(encode(m.Ping(int(time.time() * 1000), 1)).encode())
        for client in self._clients[self._ticks % TICKS_PER_HEARTBEAT :: TICKS_PER_HEARTBEAT]:
            client.send(ping)
        self._ticks += 1

    async def leave(self) -> None:
        """Close the supervisors' sockets too."""
        for client in self._clients:
            client.close()
        await asyncio.sleep(0)
