"""The trailer of an envelope: where the parts lie, how long all before it is, and the root over it.

The root is that of the Merkle tree (RFC 9162 §2.1, SHA-256 for every suite, as the journal's) over leaves of
1 MiB, the last one shorter, so that an upload in pieces is checked piece by piece.  Where leaves are hashed is told
apart from the tree: at once, on threads, or several side by side (`lanes.py`).  Refused: parts that leave gaps or overlap, sizes that
do not add up.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from evalroom.ledger.base64 import encode_base64
from evalroom.ledger.canonical import canonical
from evalroom.ledger.merkle import Frontier
from evalroom.sealing.core import MalformedEnvelope
from evalroom.sealing.members import Members
from evalroom.sealing.policy import PartName
from evalroom.sealing.stream import PREFIX
from evalroom.sealing.suite import HASH_SIZE, TAG_SIZE, Buffer

LEAF = 1 << 20
MARK = b"\x00"
"""What is hashed before a leaf (RFC 9162 §2.1)."""

_SCRATCH = 1 << 18
"""Bytes written in place at a time while leaves are hashed at once: still in the core's cache when they are hashed."""


def hash_leaf(leaf: Buffer) -> bytes:
    """Return SHA-256(0x00 || leaf)."""
    running = hashlib.sha256(MARK)
    running.update(leaf)
    return running.digest()


class Leaves(Protocol):
    """Where the bytes of leaves are put, one leaf after another, and hashed: at once, on threads, in lanes."""

    @property
    def backlog(self) -> int:
        """Return how many leaves may be closed without the hash of the first of them being asked for."""
        ...

    def room(self) -> memoryview:
        """Return where the next bytes may be written; of an unfinished leaf never nothing."""
        ...

    def filled(self, length: int) -> None:
        """Note that so many bytes of the room belong to the leaf now."""
        ...

    def take(self, run: Buffer) -> None:
        """Take in the next bytes from elsewhere; they may change afterwards."""
        ...

    def close(self) -> Callable[[], bytes]:
        """End the leaf and return what gives its hash."""
        ...


class HashedAtOnce:
    """Leaves hashed where they come, and kept nowhere."""

    __slots__ = ("_room", "_running")

    backlog = 0

    def __init__(self) -> None:
        """Begin the first leaf."""
        self._running = hashlib.sha256(MARK)
        self._room = memoryview(b"")

    def room(self) -> memoryview:
        """Return a buffer that is used again and again."""
        if not self._room:
            self._room = memoryview(bytearray(_SCRATCH))
        return self._room

    def filled(self, length: int) -> None:
        """Hash what was written."""
        self._running.update(self._room[:length])

    def take(self, run: Buffer) -> None:
        """Hash a run."""
        self._running.update(run)

    def close(self) -> Callable[[], bytes]:
        """End the leaf and return its hash."""
        done, self._running = self._running, hashlib.sha256(MARK)
        return done.digest


class ReceiptRoot:
    """Cuts what is sealed or received into leaves and keeps their tree."""

    __slots__ = ("_filled", "_frontier", "_leaves", "_waiting", "size")

    def __init__(self, leaves: Leaves | None = None) -> None:
        """Hash at once, or as `leaves` do (`lanes.receipt_root`)."""
        self._leaves = HashedAtOnce() if leaves is None else leaves
        self._frontier = Frontier()
        self._waiting: deque[Callable[[], bytes]] = deque()
        self._filled = 0
        self.size = 0
        """Bytes taken in."""

    def room(self) -> memoryview:
        """Return where the next bytes may be written instead of being handed in: one byte at least."""
        return self._leaves.room()[: LEAF - self._filled]

    def filled(self, length: int) -> memoryview:
        """Take in so many bytes of the room and return them; they stay as they are until the room is asked for again."""
        written = self._leaves.room()[:length]
        self._leaves.filled(length)
        self._grown(length)
        return written

    def update(self, data: Buffer) -> None:
        """Take in the next bytes."""
        view = memoryview(data)
        while view:
            run = view[: LEAF - self._filled]
            view = view[len(run) :]
            self._leaves.take(run)
            self._grown(len(run))

    def root(self) -> bytes:
        """Return the root over everything taken in; nothing may follow."""
        if self._filled:
            self._waiting.append(self._leaves.close())
        while self._waiting:
            self._frontier.append(self._waiting.popleft()())
        return self._frontier.root()

    def _grown(self, length: int) -> None:
        self.size += length
        self._filled += length
        if self._filled == LEAF:
            self._waiting.append(self._leaves.close())
            self._filled = 0
            if len(self._waiting) > self._leaves.backlog:
                self._frontier.append(self._waiting.popleft()())


@dataclass(frozen=True, slots=True)
class Trailer:
    """Offset and length of each part, the size of all before the trailer, and the root over that."""

    parts: tuple[tuple[int, int], ...]
    size: int
    root: bytes

    def encode(self) -> bytes:
        """Return the RFC 8785 form, which is signed."""
        return canonical(
            {
                "parts": [list(part) for part in self.parts],
                "root": encode_base64(self.root),
                "size": self.size,
            }
        )


def parse_trailer(data: bytes, begin: int) -> Trailer:
    """Return the trailer whose bytes are exactly `data`; the first part begins at `begin`.

    Raises:
        MalformedEnvelope: parts leave gaps, overlap, are too short or do not end at `size`.
    """
    members = Members.parse(data, MalformedEnvelope)
    trailer = Trailer(
        parts=members.pairs("parts", len(PartName)),
        size=members.integer("size"),
        root=members.data("root", HASH_SIZE),
    )
    members.close()
    if list(trailer.parts) != list(_contiguous(begin, [length for _, length in trailer.parts])):
        raise MalformedEnvelope(reason="parts leave gaps or overlap", at="trailer")
    if min(length for _, length in trailer.parts) < PREFIX + TAG_SIZE:
        raise MalformedEnvelope(reason="a part is shorter than any stream", at="trailer")
    if sum(trailer.parts[-1]) != trailer.size:
        raise MalformedEnvelope(reason="the parts do not end where the trailer begins", at="trailer")
    return trailer


def _contiguous(begin: int, lengths: Sequence[int]) -> Iterator[tuple[int, int]]:
    for length in lengths:
        yield begin, length
        begin += length
