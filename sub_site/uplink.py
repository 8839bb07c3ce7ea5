"""HTTP to the host beside the socket: with the token of the link, measured, and failing in two words only.

`Unreachable` means try again later; `Denied` means the host answered and does not want this now.  Neither is
the end of anything: whoever asks keeps what it has and asks again.
"""

import ssl
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar

import httpx

from evalroom.errors import LocalFault

TIMEOUT = httpx.Timeout(10.0, write=60.0, read=60.0)
MEASURED_S = 5.0
"""Seconds over which the rate of uploads is measured."""


class Unreachable(LocalFault):
    """The host cannot be reached now; everything is kept here and sent later."""

    code: ClassVar[str] = "host_offline"


class Denied(LocalFault):
    """The host does not take or give this now; it is kept here and asked for again."""

    code: ClassVar[str] = "host_denied"


def tls_context(ca: Path | None) -> ssl.SSLContext:
    """Return how the host's https is checked: by `ca`, else by the system's authorities."""
    return ssl.create_default_context(cafile=str(ca) if ca else None)


class Uplink:
    """Authorised HTTP requests to the host."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        """Send through `client`, whose base address is the host's."""
        self._client = client
        self._token = ""
        self._sent: deque[tuple[float, int]] = deque()

    @property
    def granted(self) -> bool:
        """Say whether the host has given a token since this process started."""
        return bool(self._token)

    def grant(self, token: str) -> None:
        """Use this token from now on."""
        self._token = token

    async def ask(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, body: bytes = b""
    ) -> httpx.Response:
        """Return the host's answer; cancelling leaves it unknown whether the host took the request.

        Raises:
            Unreachable: no answer came.
            Denied: the answer is no success.
        """
        try:
            answer = await self._client.request(
                method, path, headers={**self._bearer(), **(headers or {})}, content=body
            )
        except httpx.HTTPError as error:
            raise Unreachable(problem=repr(error)[:200]) from error
        self._count(len(body))
        if not answer.is_success:
            raise Denied(status=answer.status_code, path=path[:200])
        return answer

    async def relay(self, path: str, query: dict[str, str]) -> httpx.Response:
        """Return the host's answer to a GET, be it a success or the host's own refusal, to be handed on as it is.

        Raises:
            Unreachable: no answer came.
        """
        try:
            return await self._client.get(path, params=query, headers=self._bearer())
        except httpx.HTTPError as error:
            raise Unreachable(problem=repr(error)[:200]) from error

    @asynccontextmanager
    async def stream(self, path: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """Give the body of a GET piece by piece.

        Raises:
            Unreachable: the host went away, perhaps half-way.
            Denied: the answer is no success.
        """
        try:
            async with self._client.stream("GET", path, headers=self._bearer()) as answer:
                if not answer.is_success:
                    raise Denied(status=answer.status_code, path=path[:200])
                yield answer.aiter_bytes(1 << 18)
        except httpx.HTTPError as error:
            raise Unreachable(problem=repr(error)[:200]) from error

    def kbps(self) -> int:
        """Return the rate of uploads over the last seconds, kbit/s."""
        self._forget(time.monotonic())
        return round(sum(size for _, size in self._sent) * 8 / 1000 / MEASURED_S)

    def _bearer(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self._token}"}

    def _count(self, size: int) -> None:
        now = time.monotonic()
        self._sent.append((now, size))
        self._forget(now)

    def _forget(self, now: float) -> None:
        while self._sent and self._sent[0][0] < now - MEASURED_S:
            self._sent.popleft()

    async def close(self) -> None:
        """Close the connections; cancelling leaves them to be collected."""
        await self._client.aclose()
