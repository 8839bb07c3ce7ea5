"""A WebSocket client that costs the driver little: raw frames on an asyncio transport, RFC 6455.

It knows what a load driver needs and no more: text and binary frames, ping answered, a close reported.  It
offers no compression, refuses nothing a server sends, and is no client for anything but measuring.
"""

import asyncio
import base64
import os
import struct
from collections.abc import Callable
from typing import cast

TEXT, BINARY, _CLOSE, _PING, _PONG = 1, 2, 8, 9, 10
_MASK = b"\x9b\x2f\xc4\x71"


def masked(payload: bytes, kind: int = TEXT) -> bytes:
    """Return one client frame around `payload`, ready to be written."""
    length = len(payload)
    if length < 126:
        head = struct.pack("!BB", 0x80 | kind, 0x80 | length)
    elif length < 65536:
        head = struct.pack("!BBH", 0x80 | kind, 0x80 | 126, length)
    else:
        head = struct.pack("!BBQ", 0x80 | kind, 0x80 | 127, length)
    mask = int.from_bytes((_MASK * (length // 4 + 1))[:length], "big")
    return head + _MASK + (int.from_bytes(payload, "big") ^ mask).to_bytes(length, "big")


class Client(asyncio.Protocol):
    """One connection.  `on_frame` gets each message's payload; None throws everything away unread."""

    def __init__(self, host: str, path: str, headers: str = "") -> None:
        self.on_frame: Callable[[bytes], None] | None = None
        self.on_close: Callable[[str], None] | None = None
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.received = 0
        self._host, self._path, self._headers = host, path, headers
        self._buffer = bytearray()
        self._upgraded = False
        self._closing = False
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def open(cls, port: int, path: str, headers: str = "") -> "Client":
        """Connect to the loopback and return the client once it is upgraded; `headers` end in CRLF each."""
        loop = asyncio.get_running_loop()
        _, client = await loop.create_connection(
            lambda: cls(f"127.0.0.1:{port}", path, headers), "127.0.0.1", port
        )
        await asyncio.wait_for(client.ready, 30)
        return client

    def send(self, frame: bytes) -> None:
        """Write a frame that `masked` made."""
        assert self._transport is not None
        self._transport.write(frame)

    def close(self) -> None:
        """Drop the connection; nothing is reported."""
        self._closing = True
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own is registered nowhere
        key = base64.b64encode(os.urandom(16)).decode()
        self._transport.write(
            f"GET {self._path} HTTP/1.1\r\nHost: {self._host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n{self._headers}\r\n".encode()
        )

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ready.done():
            self.ready.set_exception(ConnectionError(f"closed before the upgrade: {exc}"))
        elif not self._closing and self.on_close is not None:
            self.on_close(repr(exc))

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        if self._upgraded and self.on_frame is None and not self._buffer:
            return
        self._buffer += data
        if not self._upgraded and not self._take_answer():
            return
        while self._take_frame():
            pass

    def _take_answer(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        answer = bytes(self._buffer[:end])
        del self._buffer[: end + 4]
        self._upgraded = True
        if answer.startswith(b"HTTP/1.1 101"):
            self.ready.set_result(None)
            return True
        self.ready.set_exception(ConnectionError(answer.decode(errors="replace")[:500]))
        return False

    def _take_frame(self) -> bool:
        buffer = self._buffer
        if len(buffer) < 2:
            return False
        kind, length, head = buffer[0] & 15, buffer[1] & 127, 2
        if length == 126:
            head, length = 4, int.from_bytes(buffer[2:4], "big")
        elif length == 127:
            head, length = 10, int.from_bytes(buffer[2:10], "big")
        if len(buffer) < head + length:
            return False
        payload = bytes(buffer[head : head + length])
        del buffer[: head + length]
        self._take_payload(kind, payload)
        return True

    def _take_payload(self, kind: int, payload: bytes) -> None:
        if kind == _PING:
            self.send(masked(payload, _PONG))
        elif kind == _CLOSE:
            if self.on_close is not None and not self._closing:
                self.on_close(f"{int.from_bytes(payload[:2], 'big')} {payload[2:].decode(errors='replace')}")
        elif self.on_frame is not None:
            self.on_frame(payload)
