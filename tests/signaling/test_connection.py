"""A queue per connection: what one client does not read holds up nobody, and ends that one with 1013."""

import asyncio

import pytest

from signaling.connection import MAX_MESSAGES, NORMAL, TRY_AGAIN, Connection, LinkClosed


class FakeWire:
    """A socket whose other end reads only while `reading` is set."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.closed: tuple[int, str] | None = None
        self.reading = asyncio.Event()
        self.reading.set()

    async def send_text(self, text: str) -> None:
        await self.reading.wait()
        self.sent.append(text)

    async def receive_text(self) -> str:
        raise LinkClosed(NORMAL)

    async def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)


async def test_messages_go_out_in_order() -> None:
    wire = FakeWire()
    connection = Connection(wire, "E1")
    for n in range(10):
        connection.send(str(n))
    connection.close(NORMAL, "done")
    with pytest.raises(LinkClosed):
        await connection.run_pump()
    assert [str(n) for n in range(10)] == wire.sent
    assert wire.closed == (NORMAL, "done")


async def test_a_client_that_stops_reading_is_closed_with_try_again() -> None:
    wire = FakeWire()
    wire.reading.clear()
    connection = Connection(wire, "E1")
    pump = asyncio.create_task(connection.run_pump())
    for n in range(MAX_MESSAGES + 1):
        connection.send(str(n))
    assert connection.closing == (TRY_AGAIN, "resync")
    assert connection.queued == 0
    wire.reading.set()
    with pytest.raises(LinkClosed) as closed:
        await pump
    assert closed.value.code == TRY_AGAIN


def test_a_megabyte_in_the_queue_is_too_much_however_few_the_messages() -> None:
    connection = Connection(FakeWire(), "E1")
    connection.send("x" * 600_000)
    assert connection.closing is None
    connection.send("x" * 600_000)
    assert connection.closing == (TRY_AGAIN, "resync")


def test_nothing_is_queued_on_a_connection_that_is_closing() -> None:
    connection = Connection(FakeWire(), "E1")
    connection.close(NORMAL, "bye")
    connection.send("late")
    assert connection.queued == 0
