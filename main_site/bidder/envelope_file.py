"""A sealed bid as a file on the bidder's disk: read at any place, and known by what it says in clear.

Works where there is no `pread`: bidders' machines run anything.  Refused: files that are no envelope of the
policy at hand; what a stranger may see of one without any policy is `Glance`, which vouches for nothing but form.
"""

import struct
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from evalroom.errors import LocalFault
from evalroom.ledger.merkle import Frontier
from evalroom.sealing.core import MalformedEnvelope
from evalroom.sealing.envelope import FRAME, MAGIC, TAIL_MAGIC, VERSION, Envelope, signed_message
from evalroom.sealing.header import PartHeader, parse_header
from evalroom.sealing.inspection import RootMismatch
from evalroom.sealing.lanes import receipt_root
from evalroom.sealing.members import MAX_OBJECT
from evalroom.sealing.stream import ReadAt, plain_size, read_exactly
from evalroom.sealing.suite import BadEnvelopeSignature, Suite
from evalroom.sealing.suites import find_suite
from evalroom.sealing.trailer import LEAF, ReceiptRoot, Trailer, hash_leaf, parse_trailer
from main_site.bidder.telling import NoSuchFile

_HEAD = struct.Struct(">4sBBHI")
_TAIL = struct.Struct(">II4s")
HEAD, TAIL = _HEAD.size, _TAIL.size

HASHERS = 2
"""Threads for leaf hashes; encryption is several times faster than SHA-256, so one thread does it."""

FEW_LANES = 2
"""Leaves that each of them hashes side by side at most: sixteen would take 48 MiB, and a bid has 64 in all."""

GIVE_WAY_S = 0.0005
"""How long a thread keeps the interpreter while another waits for it.

The cipher's calls keep its lock, and whoever has hashed a batch waits for it before the next: with Python's 5 ms sealing beside hashing in
lanes made 0.57 of SHA-256 alone on a busy machine, with 1 ms 1.29, with 0.2 ms 1.45, with 0.05 ms 0.96.
"""

Step = Callable[[str, int, int], None]
"""Told what is being done (`seal` or `test`), how many bytes of it are done, and how many there are."""


class BidFileUnusable(LocalFault):
    """A file of the bid cannot be read or written here: nothing was sent; look at its name, rights and the disk's room."""

    code = "bid_file_unusable"


class Stored:
    """An open file read at any place; threads take turns."""

    def __init__(self, file: BinaryIO) -> None:
        """Take a file opened for reading."""
        self._file = file
        self._turn = threading.Lock()
        self.size = file.seek(0, 2)

    def read(self, offset: int, length: int) -> bytes:
        """Return the bytes from `offset` on, fewer where the file ends before.

        Raises:
            BidFileUnusable: the disk does not give them.
        """
        try:
            with self._turn:
                self._file.seek(offset)
                return self._file.read(length)
        except OSError as error:
            raise BidFileUnusable(reason=error.strerror or "read") from error


@contextmanager
def stored(path: Path) -> Iterator[Stored]:
    """Open a sealed bid for reading.

    Raises:
        BidFileUnusable: it cannot be.
    """
    with opened(path) as file:
        yield Stored(file)


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file for reading, unbuffered.

    Raises:
        NoSuchFile: there is none.
        BidFileUnusable: it cannot be.
    """
    try:
        file = path.open("rb", buffering=0)
    except FileNotFoundError as error:
        raise NoSuchFile(file=str(path)) from error
    except OSError as error:
        raise BidFileUnusable(file=path.name, reason=error.strerror or "open") from error
    with file:
        yield file


@dataclass(frozen=True, slots=True)
class Glance:
    """What anybody can tell of an envelope without policy and keys; `signed` says whether its own key signed it."""

    suite: Suite
    parts: tuple[PartHeader, ...]
    trailer: Trailer
    size: int
    digest: bytes
    signed: bool

    @property
    def tender(self) -> str:
        """Return the tender it says to belong to."""
        return self.parts[0].core.tender

    @property
    def bid(self) -> bytes:
        """Return the number of the bid."""
        return self.parts[0].core.bid

    @property
    def number(self) -> str:
        """Return the number as 32 hex digits."""
        return self.bid.hex()

    def plain_sizes(self) -> tuple[int, ...]:
        """Return the length of each part's plaintext, padding included.

        Raises:
            PartDamaged: no plaintext has a stream of that length.
        """
        return tuple(plain_size(length) for _, length in self.trailer.parts)


def glance(source: Stored) -> Glance:
    """Return what can be told of an envelope by its form and its own signature.

    Raises:
        MalformedEnvelope: it is none.
        UnknownSuite: this version does not know its algorithms.
        MalformedSealingKey: its envelope key is no key.
        BidFileUnusable: the disk does not give it.
    """
    suite, header = _head(source)
    parts = parse_header(header, suite)
    data, signature = _tail(source, HEAD + len(header), suite)
    trailer = parse_trailer(data, HEAD + len(header))
    first = parts[0].core
    if len(trailer.parts) != len(parts) or any(replace(one.core, part=first.part) != first for one in parts):
        raise MalformedEnvelope(reason="parts of several envelopes, or another number of them")
    return Glance(
        suite=suite,
        parts=parts,
        trailer=trailer,
        size=source.size,
        digest=suite.digest(data, signature),
        signed=_signed(suite, first.envelope_key, data, signature),
    )


@contextmanager
def giving_way() -> Iterator[None]:
    """Let threads hand over to each other quickly for as long as the block lasts."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(min(before, GIVE_WAY_S))
    try:
        yield
    finally:
        sys.setswitchinterval(before)


@contextmanager
def hashed_beside() -> Iterator[ReceiptRoot]:
    """Give a tree whose leaves are hashed by threads of their own for as long as the block lasts."""
    with giving_way(), ThreadPoolExecutor(HASHERS) as pool:
        yield receipt_root(lambda work: pool.submit(work).result, threads=HASHERS, most=FEW_LANES)


def root_of(source: Stored, body: int, step: Step) -> bytes:
    """Return the root over the first `body` bytes.

    Raises:
        BidFileUnusable, BytesMissing: the disk does not give them.
    """
    with hashed_beside() as tree:
        for start in range(0, body, LEAF):
            tree.update(read_exactly(source.read, start, min(LEAF, body - start)))
            step("check", tree.size, body)
        return tree.root()


def leaves_of(source: Stored, envelope: Envelope, step: Step) -> bytes:
    """Return the hashes of all leaves, 32 bytes each, once they make the root that was signed.

    Raises:
        RootMismatch: the file was changed since it was sealed.
        BidFileUnusable, BytesMissing: the disk does not give it.
    """
    hashes, tree = [], Frontier()
    for start in range(0, envelope.body, LEAF):
        leaf = hash_leaf(read_exactly(source.read, start, min(LEAF, envelope.body - start)))
        hashes.append(leaf)
        tree.append(leaf)
        step("check", min(start + LEAF, envelope.body), envelope.body)
    if tree.root() != envelope.root:
        raise RootMismatch(size=envelope.body)
    return b"".join(hashes)


def ends_only(ends: bytes, size: int) -> ReadAt:
    """Return what reads an envelope of `size` bytes of which only head and tail, one behind the other, are here.

    What lies between reads as nothing, so whoever asks for it gets `BytesMissing`.
    """
    head = HEAD + int.from_bytes(ends[8:12], "big")
    begin = size - (len(ends) - head)

    def read(offset: int, length: int) -> bytes:
        if offset + length <= head:
            return ends[offset : offset + length]
        return ends[head + offset - begin :][:length] if offset >= begin else b""

    return read


def _head(source: Stored) -> tuple[Suite, bytes]:
    if source.size < FRAME:
        raise MalformedEnvelope(reason="shorter than its frame", size=source.size)
    magic, version, code, zero, length = _HEAD.unpack(read_exactly(source.read, 0, HEAD))
    if magic != MAGIC or version != VERSION or zero:
        raise MalformedEnvelope(reason="no EVB1 envelope of version 1")
    if length > min(MAX_OBJECT, source.size - FRAME):
        raise MalformedEnvelope(reason="header longer than 1 MiB or than the file", length=length)
    return find_suite(code), bytes(read_exactly(source.read, HEAD, length))


def _tail(source: Stored, begin: int, suite: Suite) -> tuple[bytes, bytes]:
    """Return trailer and signature."""
    length, signed, magic = _TAIL.unpack(read_exactly(source.read, source.size - TAIL, TAIL))
    start = source.size - TAIL - signed - length
    if magic != TAIL_MAGIC or signed != suite.signature_size or length > MAX_OBJECT or start < begin:
        raise MalformedEnvelope(reason="cut: it does not end as an envelope does")
    data = bytes(read_exactly(source.read, start, length + signed))
    return data[:length], data[length:]


def _signed(suite: Suite, key: bytes, trailer: bytes, signature: bytes) -> bool:
    try:
        suite.verify(key, signed_message(trailer), signature)
    except BadEnvelopeSignature:
        return False
    return True
