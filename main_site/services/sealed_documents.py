"""Documents of opened bids, read by range straight from the ciphertext; their keys lie sealed by the host's agent.

No plaintext is written down: a range is decrypted when somebody asks for it, after commitment and final chunk of the
part were checked.  Content keys are in memory and, sealed for the agent of this machine, on the disk, so that a
restart needs no trustee.  Refused: parts that were not opened, and keys that nobody kept.
"""

import asyncio
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from evalroom.errors import LocalFault, Refusal
from evalroom.ids import BidNumber
from evalroom.sealing.envelope import Envelope
from evalroom.sealing.policy import PartName
from evalroom.sealing.stream import ReadAt, StreamReader
from evalroom.sealing.unseal import open_part
from main_site.services.masking import Mask
from main_site.store.bids import Uploads
from recorder.reel import sync_folder
from signaling.custody.client import AgentClient

STEP = 1 << 20
"""Bytes decrypted at a time for somebody who reads on and on."""


class NotOpened(Refusal):
    """This part of the bid has not been opened, or its bid does not take part: there is nothing to read yet."""

    code = "part_not_opened"


class KeyNotKept(LocalFault):
    """The content key of an opened part is not on this disk: restore the session's folder from a backup."""

    code = "key_not_kept"


class KeptKeys:
    """Content keys of opened parts: in memory, and on the disk sealed by the host's agent."""

    def __init__(self, folder: Path, tender: str, agent: Callable[[], AgentClient]) -> None:
        """Keep sealed keys in `folder`."""
        self._folder = folder
        self._tender = tender
        self._agent = agent
        self._known: dict[tuple[BidNumber, PartName], bytes] = {}

    def _path(self, number: BidNumber, part: PartName) -> Path:
        return self._folder / f"{number}.{part}"

    async def keep(self, number: BidNumber, part: PartName, key: bytes) -> None:
        """Have the agent seal a content key, and write that down; again, it is kept once.

        Raises:
            LocalFault: the agent does not answer.
        """
        if not self._path(number, part).exists():
            sealed = await self._agent().keep(self._tender, _name(number, part), key)
            await _in_thread(lambda: write_private(self._path(number, part), sealed))
        self._known[number, part] = key

    async def key(self, number: BidNumber, part: PartName) -> bytes:
        """Return the content key of an opened part.

        Raises:
            KeyNotKept: it was never kept.
            LocalFault: the agent does not answer.
        """
        known = self._known.get((number, part))
        if known is None:
            path = self._path(number, part)
            if not path.exists():
                raise KeyNotKept(bid=number, part=part)
            known = await self._agent().recall(self._tender, _name(number, part), path.read_bytes())
            self._known[number, part] = known
        return known

    def has(self, number: BidNumber, part: PartName) -> bool:
        """Say whether a part's key is known or kept."""
        return (number, part) in self._known or self._path(number, part).exists()


@dataclass(frozen=True, slots=True)
class SealedDocument:
    """One opened part: SHA-256 and length of its text, how its bytes are read, and what of them is blanked.

    Of a dark one `sha256` is the name that sites ask for it by.
    """

    sha256: str
    size: int
    uploads: Uploads = field(repr=False)
    envelope: Envelope = field(repr=False)
    part: PartName
    key: bytes = field(repr=False)
    mask: Mask = field(default_factory=Mask, repr=False)

    def read(self, first: int, behind: int) -> bytes:
        """Return bytes `first` to `behind` - 1; blocks.

        Raises:
            PartDamaged, BytesMissing: the stored bytes are no longer those that were opened.
        """
        with self.uploads.reading(BidNumber(self.envelope.bid.hex())) as read:
            return self.mask.apply(first, bytes(self._reader(read).range(first, behind)))

    def stream(self, first: int, behind: int) -> Iterator[bytes]:
        """Yield those bytes, 1 MiB at a time; blocks."""
        with self.uploads.reading(BidNumber(self.envelope.bid.hex())) as read:
            reader = self._reader(read)
            for start in range(first, behind, STEP):
                yield self.mask.apply(start, bytes(reader.range(start, min(start + STEP, behind))))

    def _reader(self, read: ReadAt) -> StreamReader:
        return open_part(self.envelope, self.part, self.key, read)


def write_private(path: Path, data: bytes) -> None:
    """Write a file for this user alone, whole or not at all; it is on the disk when this returns."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_name(path.name + ".new")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync_folder(path.parent)


def _name(number: BidNumber, part: PartName) -> str:
    return f"{number}.{part}"


async def _in_thread(work: Callable[[], None]) -> None:
    await asyncio.to_thread(work)
