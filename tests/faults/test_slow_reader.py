"""A client that stops reading: what waits for it is bounded, it is told to come again, and nobody else waits."""

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path

from evalroom import commands as co
from evalroom.ids import ItemId, SeatCode
from evalroom.tender import Part
from signaling.connection import MAX_BYTES, MAX_MESSAGES, TRY_AGAIN, Connection
from tests.faults.committee import BIDS, LOT
from tests.faults.hosting import E1, E2, SUPERVISOR, Hosted, Window, hosted, scored

WORDS = "细则" * 1000
"""A reason as long as one may be; with it, an item has some 6 KB."""

AFTERWARDS = 40
"""Scores written while the client is stuck."""


UNREAD = 1000
"""Scores, 6 MB, that no buffer of a socket takes."""


def deaf_socket(url: str) -> socket.socket:
    """Connect with as little room for what is not read as the system allows."""
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    host, _, port = url.removeprefix("http://").partition(":")
    deaf.connect((host, int(port)))
    deaf.settimeout(0)
    return deaf


def connections(host: Hosted, seat: SeatCode) -> list[Connection]:
    """Return the host's ends of a seat's sockets."""
    return [one.connection for one in host.evaluation.seating._desks[seat].windows]


async def test_a_client_that_stops_reading_is_closed_with_1013_and_slows_nobody(tmp_path: Path) -> None:
    async with hosted(tmp_path) as host:
        await host.to_scoring()
        cookie = await host.login(E1)
        async with (
            host.window(E1, cookie, sock=deaf_socket(host.url), max_queue=1) as deaf,
            host.window(E1, cookie, take=True) as pen,
            host.window(E2) as other,
            host.window(SUPERVISOR) as wall,
        ):
            stuck, _ = connections(host, E1)
            written = await write(host, pen, lambda: stuck.queued > 0)
            await write(host, pen, lambda: pen.reader.taken >= written + AFTERWARDS)
            assert "" == await other.give(scored(host.people[E2]))
            assert "" == await wall.give(
                host.people[SUPERVISOR].order(co.PauseSession("all hear this", None))
            )
            while stuck.closing is None:
                assert stuck.queued <= MAX_MESSAGES
                assert stuck._bytes <= MAX_BYTES
                host.evaluation._tell_status()
                await asyncio.sleep(0)
            assert (TRY_AGAIN, "resync") == await deaf.closed()
            feed = host.evaluation.feed(E1)
            assert deaf.reader.taken < feed.length
            async with host.window(E1, cookie, since=deaf.reader.taken) as again:
                again.reader = deaf.reader
                await again.caught_up(feed.length)
            await pen.caught_up(feed.length)


async def write(host: Hosted, pen: Window, enough: Callable[[], bool]) -> int:
    """Write scores with long reasons until it is enough; return how often this cell was written."""
    while not enough():
        revision = host.session.sheet(E1, LOT, Part.PRELIMINARY).revision((BIDS[0], ItemId("form"))) + 1
        assert "" == await pen.give(scored(host.people[E1], revision, reason=WORDS))
        assert revision < UNREAD, "what waits for a client that does not read has no bound"
    return revision
