"""A cable between two nodes: TCP that can fall silent, as a network does that swallows packets.

A silent cable closes nothing and refuses nothing: what was under way arrives after it has healed, late and
perhaps twice, and whoever dials meanwhile waits for an answer.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Cable:
    """Carries TCP to a port of this machine."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._whole = asyncio.Event()
        self._whole.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._carrying: set[asyncio.Task[None]] = set()

    def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until one of its ends has closed it."""
        self._writers.add(writer)
        task = asyncio.create_task(self._carry(reader, writer))
        self._carrying.add(task)
        task.add_done_callback(self._carrying.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._whole.wait()
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.transport.abort()
            return
        self._writers.add(far_writer)
        await asyncio.gather(self._pour(reader, far_writer), self._pour(far_reader, writer))
        self._writers -= {writer, far_writer}

    async def _pour(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                await self._whole.wait()
                writer.write(data)
                await writer.drain()
        await self._whole.wait()
        writer.close()

    def cut(self) -> None:
        """Let nothing through from now on, and tell nobody."""
        self._whole.clear()

    def heal(self) -> None:
        """Let everything through again, what waited first."""
        self._whole.set()

    async def close(self) -> None:
        for task in self._carrying:
            task.cancel()
        await asyncio.gather(*self._carrying, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0)  # the loop closes the sockets in its next round


@asynccontextmanager
async def cabled(url: str) -> AsyncIterator[tuple[Cable, str]]:
    """Lay a cable to the node at `url`; give it and the address at its near end."""
    cable = Cable(int(url.rpartition(":")[2]))
    server = await asyncio.start_server(cable.carry, "127.0.0.1", 0)
    try:
        yield cable, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()
        await cable.close()
