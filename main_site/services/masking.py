"""Dark documents as they are handed out: information dictionary and XMP packets blanked, at the same places and length.

A PDF tells author, title, program and times of its making in places that no page shows.  They are found once, in one or
two passes over the bytes, and blanked whenever a range is read: nothing is written, no byte moves, ranges stay what they
were.  Found by their marks in the bytes, not by a parser, so that earlier revisions that no reader shows are found, too,
and hostile bytes find nothing to break.  What cannot be blanked at the same length is counted in `left`.
"""

import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

BLOCK = 1 << 20
OVERLAP = 1 << 12
MAX_OBJECT = 1 << 16
"""Longest information dictionary, and most bytes between an object's number and its stream."""

MAX_PACKET = 1 << 24
MAX_UNPACKED = 1 << 23

_INFO = re.compile(rb"/Info\s+(\d{1,10})\s+(\d{1,5})\s+R")
_METADATA = re.compile(rb"/Type\s*/Metadata\b")
_PACKET = re.compile(rb"<\?xpacket\s+begin")
_OBJECTS = re.compile(rb"/Type\s*/ObjStm\b")
_FILTER = re.compile(rb"/Filter\s*(?:\[[^\]]*\]|/\w+)")
_STREAM = re.compile(rb"stream\r?\n")
_NUMBER = re.compile(rb"\d+")

Read = Callable[[int, int], bytes]
"""Returns bytes `first` to `behind` - 1."""


@dataclass(frozen=True, slots=True)
class Patch:
    """Bytes that stand in place of those at `offset`."""

    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Mask:
    """The patches of one document, by offset, and how many places could not be blanked."""

    patches: tuple[Patch, ...] = ()
    left: int = 0

    def apply(self, first: int, data: bytes) -> bytes:
        """Return the bytes read from `first` on as they are handed out."""
        masked = bytearray(data)
        for patch in self.patches:
            begin, end = max(patch.offset, first), min(patch.offset + len(patch.data), first + len(data))
            if begin < end:
                masked[begin - first : end - first] = patch.data[begin - patch.offset : end - patch.offset]
        return bytes(masked)


def mask_of(read: Read, size: int) -> Mask:
    """Return what is blanked in a document of `size` bytes; blocks as long as reading it once or twice takes.

    Raises:
        Whatever `read` raises.
    """
    found = _Found(read, size)
    found.look()
    patches = sorted(found.patches, key=lambda one: one.offset)
    return Mask(tuple(patches), found.left)


class _Found:
    """What one document was found to tell of its making."""

    def __init__(self, read: Read, size: int) -> None:
        self._read = read
        self._size = size
        self.patches: list[Patch] = []
        self.left = 0

    def look(self) -> None:
        infos: set[tuple[int, int]] = set()
        packed: list[int] = []
        ended = 0
        for kind, match, offset in self._matches((_INFO, _METADATA, _PACKET, _OBJECTS)):
            if kind is _INFO:
                infos.add((int(match[1]), int(match[2])))
                self._blank(offset, len(match[0]))
            elif kind is _OBJECTS:
                packed.append(offset)
            elif offset >= ended:
                ended = self._blank_stream(offset) if kind is _METADATA else self._blank_packet(offset)
        missing = infos - self._blank_infos(infos)
        if missing:
            unpacked = {number for offset in packed for number in self._blank_packed(offset, missing)}
            self.left += sum(number not in unpacked for number, _ in missing)

    def _matches(
        self, patterns: tuple[re.Pattern[bytes], ...]
    ) -> Iterator[tuple[re.Pattern[bytes], re.Match[bytes], int]]:
        """Yield what matches, each place once, block by block; within a block by place."""
        for start in range(0, self._size, BLOCK):
            data = self._range(start, start + BLOCK + OVERLAP)
            matches = ((kind, match) for kind in patterns for match in kind.finditer(data))
            for kind, match in sorted(matches, key=lambda one: one[1].start()):
                if match.start() < BLOCK:
                    yield kind, match, start + match.start()

    def _range(self, first: int, behind: int) -> bytes:
        return self._read(max(first, 0), min(behind, self._size))

    def _blank(self, offset: int, length: int) -> None:
        self.patches.append(Patch(offset, b" " * length))

    def _blank_infos(self, infos: set[tuple[int, int]]) -> set[tuple[int, int]]:
        """Empty the dictionaries that stand in the file by themselves, in every revision; return which were found."""
        done: set[tuple[int, int]] = set()
        if not infos:
            return done
        names = b"|".join(rb"%d\s+%d" % one for one in sorted(infos))
        header = re.compile(rb"(?<![0-9])(?:" + names + rb")\s+obj\b")
        for _, match, offset in self._matches((header,)):
            begin = offset + len(match[0])
            end = self._range(begin, begin + MAX_OBJECT).find(b"endobj")
            if end < 4:
                self.left += end < 0
                continue
            self.patches.append(Patch(begin, b"<<>>".ljust(end)))
            number, generation = _NUMBER.findall(match[0])[:2]
            done.add((int(number), int(generation)))
        return done

    def _blank_stream(self, offset: int) -> int:
        """Blank the metadata stream in whose dictionary `offset` lies; return where it ends."""
        place = self._stream_at(offset)
        if place is None:
            self.left += 1
            return offset
        begin, data, end = place
        self._blank(data, end - data)
        for match in _FILTER.finditer(self._range(begin, data)):
            self._blank(begin + match.start(), len(match[0]))
        return end

    def _stream_at(self, offset: int) -> tuple[int, int, int] | None:
        """Return where the dictionary around `offset` begins, and where its stream's bytes begin and end."""
        before = self._range(offset - MAX_OBJECT, offset)
        start = before.rfind(b"obj")
        found = _STREAM.search(self._range(offset, offset + MAX_OBJECT))
        if start < 0 or found is None:
            return None
        data = offset + found.end()
        end = self._find(b"endstream", data)
        return None if end < 0 else (offset - len(before) + start, data, end)

    def _blank_packet(self, offset: int) -> int:
        """Blank an XMP packet that stands as text; return where it ends."""
        end = self._find(b"<?xpacket end", offset)
        if end < 0:
            self.left += 1
            return offset
        self._blank(offset, end - offset)
        return end

    def _find(self, what: bytes, start: int) -> int:
        """Return where `what` comes next within 16 MiB, -1 when it does not."""
        for first in range(start, min(start + MAX_PACKET, self._size), BLOCK):
            place = self._range(first, first + BLOCK + len(what)).find(what)
            if place >= 0:
                return first + place
        return -1

    def _blank_packed(self, offset: int, infos: set[tuple[int, int]]) -> Iterator[int]:
        """Empty the dictionaries that stand packed in the object stream around `offset`; yield their numbers."""
        place = self._stream_at(offset)
        if place is None:
            return
        begin, data, end = place
        head, raw = self._range(begin, data), self._range(data, end)
        plain = _unpacked(raw)
        count, first = _whole(head, b"N"), _whole(head, b"First")
        if plain is None or count is None or first is None:
            return
        numbers = [int(one) for one in _NUMBER.findall(plain[:first])[: 2 * count]]
        places = dict(zip(numbers[::2], numbers[1::2], strict=False))
        ends = sorted({*places.values(), len(plain) - first})
        blanked = bytearray(plain)
        done = [number for number, _ in infos if number in places]
        for number in done:
            start = places[number]
            stop = next((one for one in ends if one > start), start)
            blanked[first + start : first + stop] = b"<<>>".ljust(stop - start)[: stop - start]
        again = zlib.compress(bytes(blanked), 9) if done else b""
        if done and len(again) <= len(raw):
            self.patches.append(Patch(data, again.ljust(len(raw), b"\0")))
            yield from done


def _unpacked(raw: bytes) -> bytes | None:
    """Return what a Flate stream holds; None for another filter, damage, or more than 8 MiB."""
    try:
        reader = zlib.decompressobj()
        plain = reader.decompress(raw, MAX_UNPACKED)
    except zlib.error:
        return None
    return plain if reader.eof else None


def _whole(head: bytes, name: bytes) -> int | None:
    match = re.search(rb"/" + name + rb"\s+(\d{1,9})\b", head)
    return int(match[1]) if match else None
