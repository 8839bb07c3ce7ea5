"""One WebSocket with a bounded queue and a pump of its own, so that a client that stops reading slows nobody.

Measured: a plain loop over clients froze everybody for more than 20 s behind one stalled reader; with a queue
per connection the worst step was 4 ms (trust.md §2).  A queue that overflows closes the connection with 1013:
the client reads on from its number.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

import structlog

MAX_MESSAGES = 256
MAX_BYTES = 1_000_000

NORMAL, GOING_AWAY, POLICY, TOO_BIG, TRY_AGAIN = 1000, 1001, 1008, 1009, 1013


class Wire(Protocol):
    """What a connection needs of a WebSocket library; `LinkClosed` ends both directions."""

    async def send_text(self, text: str) -> None:
        """Send one message."""
        ...

    async def receive_text(self) -> str:
        """Return the next message."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """Close the socket."""
        ...


class LinkClosed(Exception):
    """The socket is closed; `code` is the WebSocket close code."""

    def __init__(self, code: int) -> None:
        """Keep the close code."""
        super().__init__(f"closed with {code}")
        self.code = code


class Connection:
    """A queue in front of a socket; `send` never waits."""

    def __init__(self, wire: Wire, name: str, on_idle: Callable[[], None] = lambda: None) -> None:
        """Wrap a socket; `run_pump` must be running for anything to go out.

        `on_idle` is called whenever everything queued has gone out: whoever has more for a slow reader sends it
        then.
        """
        self._on_idle = on_idle
        self.wire = wire
        self.name = name
        self.closing: tuple[int, str] | None = None
        self._queue: deque[str] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()

    @property
    def queued(self) -> int:
        """Count the messages that have not gone out."""
        return len(self._queue)

    def send(self, text: str) -> None:
        """Queue a message; a queue over its bound turns into a close with 1013."""
        if self.closing is not None:
            return
        self._queue.append(text)
        self._bytes += len(text)
        if len(self._queue) > MAX_MESSAGES or self._bytes > MAX_BYTES:
            structlog.get_logger(__name__).warning(
                "slow_reader", connection=self.name, queued=len(self._queue)
            )
            self._queue.clear()
            self.close(TRY_AGAIN, "resync")
        self._wake.set()

    def close(self, code: int, reason: str) -> None:
        """Close after what is queued has gone out."""
        if self.closing is None:
            self.closing = (code, reason)
        self._wake.set()

    async def run_pump(self) -> None:
        """Send what is queued until the connection closes; cancelling leaves the rest unsent.

        Raises:
            LinkClosed: the other end went away.
        """
        while True:
            while self._queue:
                text = self._queue.popleft()
                self._bytes -= len(text)
                await self.wire.send_text(text)
            if self.closing is not None:
                await self.wire.close(*self.closing)
                raise LinkClosed(self.closing[0])
            self._wake.clear()
            self._on_idle()
            await self._wake.wait()
