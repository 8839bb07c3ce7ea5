"""The bids' documents at this site: fetched from the host once, checked against the journal, kept by digest.

They are fetched as soon as the journal names them, so experts read on while the link is cut.  A document whose
bytes do not have the digest that stands in the journal is never shown and never kept.
"""

import asyncio
import contextlib
import hashlib
import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import structlog

from evalroom.errors import LocalFault, PeerFault, Refusal
from evalroom.ids import BidId, SessionId
from evalroom.protocol.liveness import retry_delay
from sub_site.uplink import Denied, Unreachable, Uplink


class NoSuchBid(Refusal):
    """There is no bid by that name in your session: reload the page and open the bid again."""

    code: ClassVar[str] = "no_such_bid"


class DocumentNotHere(LocalFault):
    """The bid's document has not reached this site yet: it is being fetched, try again in a moment."""

    code: ClassVar[str] = "document_not_here"


class DocumentAltered(PeerFault):
    """The host sent other bytes than the journal names: they were dropped, and are asked for again."""

    code: ClassVar[str] = "document_altered"


@dataclass(frozen=True, slots=True)
class KnownDocument:
    """A document as the journal names it: digest and size in bytes."""

    sha256: str
    size: int


class Documents:
    """All documents this site may need."""

    def __init__(self, folder: Path, uplink: Uplink, online: Callable[[], bool]) -> None:
        """Keep documents in `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._uplink = uplink
        self._online = online
        self._known: dict[tuple[SessionId, BidId], KnownDocument] = {}
        self._wake = asyncio.Event()
        self._failures = 0
        self._log = structlog.get_logger(__name__)

    def learn(self, session: SessionId, bid: BidId, document: KnownDocument) -> None:
        """Take a bid's document in from the journal, to be fetched."""
        self._known[session, bid] = document
        self._wake.set()

    def nudge(self) -> None:
        """Try at once: the link is back, or there is a new token."""
        self._failures = 0
        self._wake.set()

    def path(self, session: SessionId, bid: BidId) -> Path:
        """Return the file of a bid's document.

        Raises:
            NoSuchBid: the journal names none.
            DocumentNotHere: it has not been fetched yet.
        """
        known = self._known.get((session, bid))
        if known is None:
            raise NoSuchBid(bid=bid[:64])
        if not self._file(known).exists():
            self._wake.set()
            raise DocumentNotHere(bid=bid, sha256=known.sha256)
        return self._file(known)

    def _file(self, document: KnownDocument) -> Path:
        return self._folder / f"{document.sha256}.pdf"

    def _wanted(self) -> list[KnownDocument]:
        return [one for one in dict.fromkeys(self._known.values()) if not self._file(one).exists()]

    async def run(self) -> None:
        """Fetch what is missing until cancelled; cancelling leaves half a document to be fetched anew."""
        while True:
            self._wake.clear()
            wanted = self._wanted() if self._uplink.granted and self._online() else []
            if not wanted:
                await self._wake.wait()
            for one in wanted:
                if not await self._try(one):
                    await self._pause()
                    break

    async def _try(self, document: KnownDocument) -> bool:
        try:
            await self._fetch(document)
        except (Unreachable, Denied, DocumentAltered, OSError) as error:
            self._failures += 1
            self._log.warning("document_waits", sha256=document.sha256, problem=str(error)[:300])
            return False
        self._failures = 0
        return True

    async def _pause(self) -> None:
        pause = retry_delay(self._failures, random.random()) / 1000  # noqa: S311 - spreads attempts, guards nothing
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._wake.wait()

    async def _fetch(self, document: KnownDocument) -> None:
        part = self._file(document).with_suffix(".part")
        digest, size = hashlib.sha256(), 0
        with part.open("wb") as file:
            async with self._uplink.stream(f"/api/v1/site/documents/{document.sha256}") as pieces:
                async for piece in pieces:
                    size += len(piece)
                    if size > document.size:
                        raise DocumentAltered(sha256=document.sha256, problem="longer than the journal says")
                    digest.update(piece)
                    await asyncio.to_thread(file.write, piece)
            file.flush()
            await asyncio.to_thread(os.fsync, file.fileno())
        if digest.hexdigest() != document.sha256 or size != document.size:
            part.unlink()
            raise DocumentAltered(sha256=document.sha256, size=size)
        part.replace(self._file(document))
        self._log.info("document_fetched", sha256=document.sha256, bytes=size)
