"""A cable carries both ways, holds everything back while it is cut, and delivers it afterwards."""

import asyncio
import contextlib

from main_site.rehearsal.cable import Cable


class Echo:
    """A host that says everything louder."""

    def __init__(self) -> None:
        self.over = asyncio.Event()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(100):
                writer.write(data.upper())
                await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        self.over.set()


async def dial(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def test_what_is_sent_into_a_cut_arrives_once_it_has_healed() -> None:
    echo = Echo()
    server = await asyncio.start_server(echo.answer, "127.0.0.1", 0)
    cable = Cable(server.sockets[0].getsockname()[1])
    reader, writer = await dial(await cable.lay())
    writer.write(b"before")
    assert b"BEFORE" == await reader.readexactly(6)
    cable.cut()
    writer.write(b"meanwhile")
    await writer.drain()
    answer = asyncio.create_task(reader.readexactly(9))
    done, _ = await asyncio.wait({answer}, timeout=0)
    assert not done
    cable.heal()
    assert b"MEANWHILE" == await answer
    await hang_up(writer)
    await echo.over.wait()
    await cable.close()
    server.close()
    await server.wait_closed()


async def test_who_dials_a_dead_host_is_hung_up_on() -> None:
    server = await asyncio.start_server(Echo().answer, "127.0.0.1", 0)
    cable = Cable(server.sockets[0].getsockname()[1])
    server.close()
    await server.wait_closed()
    reader, writer = await dial(await cable.lay())
    with contextlib.suppress(ConnectionResetError):
        assert b"" == await reader.read(1)
    await hang_up(writer)
    await cable.close()
