"""The link between a sub-site and its host as a cable that can be cut: TCP that falls silent, as networks do.

A cut closes nothing and refuses nothing: what was under way arrives after it has healed, late, and whoever dials
meanwhile waits for an answer.
"""

import asyncio
import contextlib

CHUNK = 1 << 16


class Cable:
    """Carries TCP to a port of this machine, until it is cut."""

    def __init__(self, to: int) -> None:
        """Lead to the port `to`."""
        self._to = to
        self._whole = asyncio.Event()
        self._whole.set()
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self._carrying: set[asyncio.Task[None]] = set()

    async def lay(self) -> str:
        """Begin to carry; return the address at the near end."""
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def cut(self) -> None:
        """Let nothing through from now on, and tell nobody."""
        self._whole.clear()

    def heal(self) -> None:
        """Let everything through again, what waited first."""
        self._whole.set()

    async def close(self) -> None:
        """Take the cable up; what it carried is dropped."""
        if self._server is not None:
            self._server.close()
        for task in self._carrying:
            task.cancel()
        await asyncio.gather(*self._carrying, return_exceptions=True)
        for end in self._ends:
            end.transport.abort()
        await asyncio.sleep(0)  # the loop closes the sockets in its next round

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._carry(reader, writer))
        self._carrying.add(task)
        task.add_done_callback(self._carrying.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._ends.add(writer)
        await self._whole.wait()
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.transport.abort()
            return
        self._ends.add(far_writer)
        await asyncio.gather(self._pour(reader, far_writer), self._pour(far_reader, writer))
        self._ends -= {writer, far_writer}

    async def _pour(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                await self._whole.wait()
                writer.write(data)
                await writer.drain()
        await self._whole.wait()
        writer.close()
