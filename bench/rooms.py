"""The systems that `bench.scoring` drives: how each is started, joined, and edited.

Both peers are driven with what their own clients put on the wire; updates of Yjs are encoded beforehand, an
operation of ShareDB names the newest version its writer could know.
"""

import base64
import contextlib
import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.load import Terms, number_of
from bench.machine import free_port
from bench.servers import running
from bench.wire import BINARY, Client, masked

READERS = 5
SAMPLED = 20
"""Writers whose echo counts where everybody receives everything; the sockets of the others are not parsed."""

_NUMBER_IN_VALUE = re.compile(rb"~(\d{9})")
_NUMBER_IN_SEQ = re.compile(rb'"seq":(\d{1,9})[,}]')
_VERSION = re.compile(rb'"a":"op","c":"sheets","d":"all","v":(\d+)')
_NOTHING = re.compile(rb"(?!)")
CELLS = 20


class YjsRoom:
    """y-websocket's server, one document, in memory: every client gets every update, the writer its own too."""

    name = "y-websocket, everybody"
    acks = _NUMBER_IN_VALUE
    arrivals = _NUMBER_IN_VALUE
    refusals = _NOTHING

    def __init__(self, port: int, pid: int, updates: Sequence[bytes], terms: Terms) -> None:
        self.pid = pid
        self._port, self._updates, self._terms = port, updates, terms

    @classmethod
    @contextlib.contextmanager
    def open(cls, folder: Path, terms: Terms, scratch: Path) -> Iterator["YjsRoom"]:
        updates = cls._prepare(folder, terms)
        port = free_port()
        command = ["node", str(folder / "node_modules/@y/websocket-server/src/server.js")]
        with running(command, scratch / "yjs.log", port=port, HOST="127.0.0.1", PORT=str(port)) as process:
            yield cls(port, process.pid, updates, terms)

    @staticmethod
    def _prepare(folder: Path, terms: Terms) -> list[bytes]:
        command = ["node", str(folder / "yjs_updates.mjs"), str(terms.writers), str(terms.rounds)]
        lines = subprocess.run(command, check=True, capture_output=True).stdout.split()
        updates = [base64.b64decode(line) for line in lines]
        # sync message 0, its kind 2 = update, then the update as a byte array; all lengths here are below 128
        return [masked(bytes([0, 2, len(update)]) + update, BINARY) for update in updates]

    async def prepare(self) -> None: ...

    async def join_writer(self, writer: int) -> Client:  # noqa: ARG002 - all writers join alike
        return await Client.open(self._port, "/sheet")

    async def join_screens(self) -> list[Client]:
        return [await Client.open(self._port, "/sheet") for _ in range(READERS)]

    def edit(self, writer: int, turn: int) -> bytes:
        return self._updates[turn * self._terms.writers + writer]

    def wants_acks_of(self, writer: int) -> bool:
        return writer < SAMPLED

    def screens_of(self, writer: int) -> int:  # noqa: ARG002 - all readers see all writers
        return READERS

    def seen(self, payload: bytes) -> None: ...

    def tick(self) -> None: ...

    async def leave(self) -> None: ...


class SharedRoom:
    """ShareDB: one document for everybody in memory, or one per writer with owner check and synchronised file."""

    acks = _NUMBER_IN_SEQ
    arrivals = _NUMBER_IN_SEQ
    refusals = re.compile(rb'"error":')

    def __init__(self, port: int, pid: int, terms: Terms, *, owned: bool) -> None:
        self.name = "ShareDB, owner + readers, fsync" if owned else "ShareDB, everybody"
        self.pid = pid
        self._port, self._terms, self._owned = port, terms, owned
        self._version = 1

    @classmethod
    @contextlib.contextmanager
    def open(cls, folder: Path, terms: Terms, scratch: Path, *, owned: bool) -> Iterator["SharedRoom"]:
        port = free_port()
        mode = "owner" if owned else "everybody"
        script, kept = str(folder / "sharedb_server.mjs"), str(scratch / "sharedb.ops")
        command = ["node", script, str(port), mode, str(terms.writers), kept]
        with running(command, scratch / f"sharedb-{mode}.log", port=port) as process:
            yield cls(port, process.pid, terms, owned=owned)

    async def prepare(self) -> None: ...

    async def join_writer(self, writer: int) -> Client:
        client = await self._connect(f"/w{writer}")
        client.send(_json({"a": "s", "c": "sheets", "d": self._document(writer)}))
        return client

    async def join_screens(self) -> list[Client]:
        return [await self._join_screen() for _ in range(READERS)]

    async def _join_screen(self) -> Client:
        client = await self._connect("/reader")
        if self._owned:
            names = [self._document(writer) for writer in range(self._terms.writers)]
            client.send(_json({"a": "bs", "c": "sheets", "b": names}))
        else:
            client.send(_json({"a": "s", "c": "sheets", "d": "all"}))
        return client

    async def _connect(self, path: str) -> Client:
        client = await Client.open(self._port, path)
        client.send(_json({"a": "hs", "id": None, "protocol": 1, "protocolMinor": 1}))
        return client

    def _document(self, writer: int) -> str:
        return f"w{writer}" if self._owned else "all"

    def edit(self, writer: int, turn: int) -> bytes:
        number = number_of(writer, turn)
        version = turn + 1 if self._owned else self._version
        change = {"p": ["cells", f"{writer}/{turn % CELLS}"], "oi": f"~{number:09d}"}
        op = {"a": "op", "c": "sheets", "d": self._document(writer), "v": version, "seq": number, "x": {}}
        return _json({**op, "op": [change]})

    def wants_acks_of(self, writer: int) -> bool:
        return self._owned or writer < SAMPLED

    def screens_of(self, writer: int) -> int:  # noqa: ARG002 - all readers see all writers
        return READERS

    def seen(self, payload: bytes) -> None:
        found = _VERSION.search(payload)
        if found and not self._owned:
            self._version = max(self._version, int(found[1]) + 1)

    def tick(self) -> None: ...

    async def leave(self) -> None: ...


def _json(message: object) -> bytes:
    return masked(json.dumps(message, separators=(",", ":")).encode())
