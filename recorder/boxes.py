"""Boxes of ISO 14496-12, written and walked: the alphabet of every reel.

It knows sizes and four-letter names, no meaning.  It refuses a box that claims less than its own header or
more than what lies there: on a torn file that is where the whole part ends.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

HEADER = 8
"""Bytes of a box header: 32-bit size, four-letter name."""


@dataclass(frozen=True, slots=True)
class Box:
    """One box as it lies: its name, where its header begins, and its size with the header, in bytes."""

    name: str
    offset: int
    size: int

    @property
    def end(self) -> int:
        """Return the offset of the first byte after the box."""
        return self.offset + self.size


def box(name: str, *payload: bytes) -> bytes:
    """Return a box of `payload`."""
    body = b"".join(payload)
    return struct.pack(">I4s", HEADER + len(body), name.encode()) + body


def full_box(name: str, version: int, flags: int, *payload: bytes) -> bytes:
    """Return a box that carries version and flags before its payload (ISO 14496-12 §4.2)."""
    return box(name, struct.pack(">I", version << 24 | flags), *payload)


def walk(data: bytes | memoryview, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """Yield the boxes that lie whole between `start` and `end`; stop at the first that does not."""
    stop = len(data) if end is None else end
    while start + HEADER <= stop:
        size, name = struct.unpack_from(">I4s", data, start)
        if size < HEADER or start + size > stop:
            return
        yield Box(name.decode("latin-1"), start, size)
        start += size


def children(data: bytes | memoryview, parent: Box) -> Iterator[Box]:
    """Yield the boxes inside a plain container box."""
    return walk(data, parent.offset + HEADER, parent.end)
