"""The trailer of an envelope: where the parts lie, how long all before it is, and the root over it.

The root is that of the Merkle tree (RFC 9162 §2.1, SHA-256 for every suite, as the journal's) over leaves of
1 MiB, the last one shorter, so that an upload in pieces is checked piece by piece.  Leaf hashes are steps of
their own: a shell may compute them on several threads.  Refused: parts that leave gaps or overlap, sizes that
do not add up.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from evalroom.ledger.base64 import encode_base64
from evalroom.ledger.canonical import canonical
from evalroom.ledger.merkle import Frontier
from evalroom.sealing.core import MalformedEnvelope
from evalroom.sealing.members import Members
from evalroom.sealing.policy import PartName
from evalroom.sealing.stream import PREFIX
from evalroom.sealing.suite import HASH_SIZE, TAG_SIZE, Buffer, Hasher

LEAF = 1 << 20
BACKLOG = 4
"""Leaves whose hash may be outstanding; with 16, whoever encrypts keeps the interpreter from those who hash."""

Leaf: TypeAlias = tuple[Buffer, ...]
"""The bytes of a leaf, in one or several runs, so that nothing need be copied."""

Schedule: TypeAlias = Callable[[Leaf], Callable[[], bytes]]
"""Begins to hash a leaf and returns what waits for the hash, such as `pool.submit(hash_leaf, leaf).result`."""


def _new_leaf() -> Hasher:
    return hashlib.sha256(b"\x00")


def hash_leaf(leaf: Leaf) -> bytes:
    """Return SHA-256(0x00 || leaf); threads gain from it, as hashlib lets others run meanwhile."""
    running = _new_leaf()
    for run in leaf:
        running.update(run)
    return running.digest()


class ReceiptRoot:
    """Cuts what is sealed or received into leaves and keeps their tree."""

    __slots__ = ("_filled", "_frontier", "_running", "_runs", "_schedule", "_waiting", "size")

    def __init__(self, schedule: Schedule | None = None) -> None:
        """Hash at once, or leaf by leaf as `schedule` says; runs handed in must not change afterwards then."""
        self._schedule = schedule
        self._frontier = Frontier()
        self._waiting: deque[Callable[[], bytes]] = deque()
        self._runs: list[Buffer] = []
        self._running = _new_leaf()
        self._filled = 0
        self.size = 0
        """Bytes taken in."""

    def update(self, data: Buffer) -> None:
        """Take in the next bytes."""
        view = memoryview(data)
        self.size += len(view)
        while view:
            run = view[: LEAF - self._filled]
            view = view[len(run) :]
            self._filled += len(run)
            if self._schedule is None:  # at once, while the bytes are still in the cache
                self._running.update(run)
            else:
                self._runs.append(run)
            if self._filled == LEAF:
                self._close_leaf()

    def root(self) -> bytes:
        """Return the root over everything taken in; nothing may follow."""
        if self._filled:
            self._close_leaf()
        while self._waiting:
            self._frontier.append(self._waiting.popleft()())
        return self._frontier.root()

    def _close_leaf(self) -> None:
        if self._schedule is None:
            self._frontier.append(self._running.digest())
            self._running = _new_leaf()
        else:
            self._waiting.append(self._schedule(tuple(self._runs)))
            self._runs = []
        self._filled = 0
        if len(self._waiting) > BACKLOG:
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
