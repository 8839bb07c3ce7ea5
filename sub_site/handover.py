"""Closed reels of one session on their way to the host: in the background, resumable, until every one is there.

What is to be sent is what the spool's facts call closed and the host has not confirmed; there is no other list
that could be lost.  Clock readings go before the reel, so that whoever has the reel has all of it (the init
segment stands in the reel).  Nothing is deleted here, and a reel that the host does not want yet waits behind the others.
"""

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import structlog

from evalroom.errors import LocalFault
from evalroom.events import ReelClosed
from evalroom.ids import SessionId, TrackId
from evalroom.protocol.liveness import retry_delay
from recorder.reel import clock_path, file_digest, reel_path
from signaling.database import Writer
from sub_site import spool
from sub_site.uplink import Denied, Unreachable, Uplink

CHUNK = 4 << 20
"""Bytes of one piece: what a cut costs at most."""

READINGS = 8 << 20
"""Bytes of clock readings, which travel whole: a day's worth in a reel of half an hour."""


class ReelMissing(LocalFault):
    """A reel that was recorded and closed is not on this disk any more, or was changed: a person must look."""

    code: ClassVar[str] = "reel_missing"


@dataclass(frozen=True, slots=True)
class Piece:
    """One file on its way: where it lies here, its name at the host, size and digest of the whole."""

    path: Path
    name: str
    size: int
    sha256: str
    chunk: int = CHUNK


class Handover:
    """Hands over the reels of one session."""

    def __init__(
        self, session: SessionId, folder: Path, uplink: Uplink, writer: Writer, online: Callable[[], bool]
    ) -> None:
        """Begin with nothing to send; reels lie under `folder`."""
        self._session = session
        self._folder = folder
        self._uplink = uplink
        self._writer = writer
        self._online = online
        self._queue: deque[ReelClosed] = deque()
        self._journalled: set[tuple[TrackId, int]] = set()
        self._wake = asyncio.Event()
        self._failures = 0
        self.missing: set[tuple[TrackId, int]] = set()
        self._log = structlog.get_logger(__name__).bind(session=session)

    def restore(self, closed: Iterable[ReelClosed], received: set[tuple[TrackId, int]]) -> None:
        """Queue what an earlier process had not finished, in the order in which the reels were closed."""
        self._queue.extend(reel for reel in closed if (reel.track, reel.reel) not in received)

    def add(self, reel: ReelClosed) -> None:
        """Queue a reel that was just closed; it goes out once the journal knows it."""
        self._queue.append(reel)

    def journalled(self, reels: Iterable[ReelClosed]) -> None:
        """Learn that the host's journal calls these reels closed: it takes them from now on."""
        self._journalled |= {(reel.track, reel.reel) for reel in reels}
        self._wake.set()

    def nudge(self) -> None:
        """Try at once: the link is back, or there is a new token."""
        self._failures = 0
        self._wake.set()

    @property
    def waiting(self) -> int:
        """Count the reels that the host does not have yet."""
        return len(self._queue)

    @property
    def waiting_mb(self) -> int:
        """Return their size in millions of bytes, rounded up."""
        return -(-sum(reel.bytes for reel in self._queue) // 1_000_000)

    async def run(self) -> None:
        """Hand over until cancelled; cancelling leaves the rest in the spool's facts for the next start."""
        while True:
            reel = await self._next()
            try:
                await self._send(reel)
            except Unreachable:
                await self._pause()
            except (Denied, ReelMissing, OSError) as error:
                self._log.warning("reel_waits", track=reel.track, reel=reel.reel, problem=str(error)[:300])
                self._queue.remove(reel)
                self._queue.append(reel)
                await self._pause()
            else:
                self._failures = 0

    async def _next(self) -> ReelClosed:
        """Wait for a reel that may go out now."""
        while True:
            self._wake.clear()
            ready = (reel for reel in self._queue if (reel.track, reel.reel) in self._journalled)
            reel = next(ready, None)
            if reel is not None and self._uplink.granted and self._online():
                return reel
            await self._wake.wait()

    async def _pause(self) -> None:
        """Wait before the next attempt, but not when something new has come up."""
        self._failures += 1
        self._wake.clear()
        pause = retry_delay(self._failures, random.random()) / 1000  # noqa: S311 - spreads attempts, guards nothing
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(pause, 0.3)):
                await self._wake.wait()

    async def _send(self, reel: ReelClosed) -> None:
        for piece in await asyncio.to_thread(self._pieces, reel):
            await self._send_piece(reel, piece)
        await self._writer.write(lambda db: spool.add_handed_over(db, self._session, reel.track, reel.reel))
        self._queue.remove(reel)
        self._log.info("reel_handed_over", track=reel.track, reel=reel.reel, bytes=reel.bytes)

    def _pieces(self, reel: ReelClosed) -> list[Piece]:
        path = reel_path(self._folder, reel.track, reel.reel)
        if not path.exists() or path.stat().st_size != reel.bytes:
            self.missing.add((reel.track, reel.reel))
            raise ReelMissing(track=reel.track, reel=reel.reel)
        whole = Piece(path, path.name, reel.bytes, reel.sha256)
        readings = clock_path(path)
        if not readings.exists():
            return [whole]
        return [Piece(readings, readings.name, *file_digest(readings), READINGS), whole]

    async def _send_piece(self, reel: ReelClosed, piece: Piece) -> None:
        place = reel.track.partition("/")[0]
        url = f"/api/v1/site/reels/{self._session}/{place}/{piece.name}"
        facts = {"upload-length": str(piece.size), "x-content-sha256": piece.sha256}
        state = await self._uplink.ask("HEAD", url, headers=facts)
        while state.headers.get("upload-complete") != "1":
            offset = int(state.headers.get("upload-offset", "0"))
            if offset > piece.size:
                raise Denied(path=url, offset=offset, size=piece.size)
            body = await asyncio.to_thread(_read, piece, offset)
            headers = {**facts, "upload-offset": str(offset), "content-type": "application/octet-stream"}
            state = await self._uplink.ask("PATCH", url, headers=headers, body=body)
            self._check_progress(state.headers.get("upload-offset"), offset, body, url)

    def _check_progress(self, said: str | None, offset: int, body: bytes, url: str) -> None:
        """A host that neither moves on nor finishes would be sent the same bytes for ever."""
        if said is not None and body and int(said) <= offset:
            raise Denied(path=url, offset=offset)


def _read(piece: Piece, offset: int) -> bytes:
    with piece.path.open("rb") as file:
        file.seek(offset)
        return file.read(piece.chunk)
