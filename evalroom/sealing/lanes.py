"""SHA-256 of several leaves at a time, by Intel's multi-buffer library where the machine has it.

The leaves of a receipt root are independent, and one core hashes two of them side by side (SHA-NI), or sixteen (AVX-512), in
half the time it takes for one after another.  hashlib has no such call; libIPSec_MB has, and is loaded as libgcrypt is
(docs/decisions/0012-leaves-side-by-side.md): at the first use, never on import, and used only after it hashed leaves of
every length right.  Without it everything works as before.  Refused: releases whose layout was not looked at.
"""

import ctypes
import hashlib
import weakref
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from ctypes import CFUNCTYPE, addressof, c_char, c_int, c_uint, c_uint64, c_void_p
from dataclasses import dataclass, field
from functools import cache, partial
from typing import ClassVar

from evalroom.errors import LocalFault
from evalroom.sealing.gm.libcrypto import Signature, bind, load
from evalroom.sealing.suite import HASH_SIZE, Buffer, SuiteUnavailable
from evalroom.sealing.trailer import LEAF, MARK, ReceiptRoot

NAMES = ("libIPSec_MB.so.1", "libIPSec_MB.so.2", "libIPSec_MB.dll")
RELEASES = ("1.3.", "1.4.", "1.5.", "2.0.")
"""Releases whose jobs and manager have their members where `_Job` and `_Manager` look for them."""

FUNCTIONS: Mapping[str, Signature] = {
    "imb_get_version_str": (ctypes.c_char_p, ()),
    "alloc_mb_mgr": (c_void_p, (c_uint64,)),
    "free_mb_mgr": (None, (c_void_p,)),
    "init_mb_mgr_sse": (None, (c_void_p,)),
    "init_mb_mgr_avx2": (None, (c_void_p,)),
    "init_mb_mgr_avx512": (None, (c_void_p,)),
}

_SHANI, _AVX2, _AVX512 = 1 << 0, 1 << 6, 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 11
_CIPHER_NULL, _ENCRYPT, _HASH_FIRST, _SHA_256, _COMPLETED = 3, 1, 2, 15, 3

SLOT = LEAF + 64
"""Bytes from a leaf's mark to the next one's; the mark stands in the slot, since a job is one run of bytes."""

WIDE = 16
"""Most lanes that a core has."""


class LanesFault(LocalFault):
    """The multi-buffer library of this machine lost a leaf: nothing was sealed or opened; try again without it."""

    code = "lanes_fault"


class _Job(ctypes.Structure):
    """The members of `IMB_JOB` that a hash needs; the library owns jobs, so what follows does not matter."""

    _fields_: ClassVar = [
        ("_keys", c_char * 24),
        ("source", c_void_p),
        ("_lengths", c_char * 24),
        ("offset", c_uint64),
        ("length", c_uint64),
        ("_nonce", c_char * 16),
        ("digest", c_void_p),
        ("digest_size", c_uint64),
        ("_own", c_char * 24),
        ("status", c_int),
        ("cipher", c_int),
        ("direction", c_int),
        ("algorithm", c_int),
        ("order", c_int),
    ]


_Call = CFUNCTYPE(c_void_p, c_void_p)


class _Manager(ctypes.Structure):
    """The head of `IMB_MGR`.  `submit` is the call without checks: the checked one refuses more than 65,534 bytes.

    SHA-256 counts them in 64 bits all the same (`sha_mb_mgr.h`; SHA-512 does not).
    """

    _fields_: ClassVar = [
        ("flags", c_uint64),
        ("features", c_uint64),
        ("_reserved", c_uint64 * 5),
        ("architecture", c_uint),
        ("number", c_int),
        ("next_job", _Call),
        ("_submit_checked", _Call),
        ("submit", _Call),
        ("completed", _Call),
        ("flush", _Call),
    ]


class Lanes:
    """One manager of the library: one thread's at a time."""

    __slots__ = ("__weakref__", "_manager", "_out", "width")

    def __init__(self, most: int) -> None:
        """Take as many lanes as the processor has, at most `most`: 2 with SHA-NI, else 16 with AVX-512, 8 with AVX2.

        Raises:
            SuiteUnavailable: no library, or a processor on which it gains nothing.
        """
        library = _library()
        raw = library.alloc_mb_mgr(0)
        if not raw:
            raise SuiteUnavailable(library="libIPSec_MB", lacks="memory")
        weakref.finalize(self, library.free_mb_mgr, raw)
        self._manager = _Manager.from_address(raw)
        kind = _kind(self._manager.features, most)
        if kind is None:
            raise SuiteUnavailable(library="libIPSec_MB", lacks="instructions of this processor")
        self.width = kind.width
        getattr(library, kind.init)(raw)
        self._out = ctypes.create_string_buffer(self.width * HASH_SIZE)

    def digests(self, messages: Sequence[memoryview]) -> list[bytes]:
        """Return the SHA-256 of each message; they are writable, so that nothing is copied.

        Raises:
            ValueError: more messages than lanes, or one that is longer than a slot.
            LanesFault: the library lost one.
        """
        if len(messages) > self.width or max(map(len, messages), default=0) > SLOT:
            raise ValueError(f"at most {self.width} messages of at most {SLOT} bytes")
        manager, at, done = self._manager, addressof(self._manager), 0
        held = [(c_char * len(one)).from_buffer(one) for one in messages]
        for number, one in enumerate(held):
            self._fill(manager.next_job(at), addressof(one), len(one), number)
            done += self._finished(manager.submit(at), manager.completed)
        while job := manager.flush(at):
            done += self._finished(job, manager.completed)
        if done != len(messages):
            raise LanesFault(given=len(messages), done=done)
        out = self._out.raw
        return [out[n * HASH_SIZE : (n + 1) * HASH_SIZE] for n in range(len(messages))]

    def _fill(self, raw: int, source: int, length: int, number: int) -> None:
        job = _Job.from_address(raw)
        job.source, job.offset, job.length = source, 0, length
        job.digest, job.digest_size = addressof(self._out) + number * HASH_SIZE, HASH_SIZE
        job.cipher, job.direction, job.order = _CIPHER_NULL, _ENCRYPT, _HASH_FIRST
        job.algorithm, job.status = _SHA_256, 0

    def _finished(self, job: int | None, completed: Callable[[int], int | None]) -> int:
        """Return how many jobs are done, with those that wait behind the first."""
        count = 0
        while job:
            if _Job.from_address(job).status != _COMPLETED:
                raise LanesFault(status=_Job.from_address(job).status)
            count, job = count + 1, completed(addressof(self._manager))
        return count


@dataclass(frozen=True, slots=True)
class _Kind:
    """A way to hash side by side: what the processor must have, how it is chosen, and its lanes."""

    features: int
    init: str
    width: int


_KINDS = (
    _Kind(_SHANI, "init_mb_mgr_sse", 2),  # of AVX2's managers only those for newer processors use SHA-NI
    _Kind(_AVX512, "init_mb_mgr_avx512", WIDE),
    _Kind(_AVX2, "init_mb_mgr_avx2", 8),
)
"""The fastest first.  SHA-NI's two lanes hash as fast as AVX-512's sixteen (1.92 times hashlib, AMD EPYC), and their leaves stay in the
core's cache: sealing is 5 to 20 % faster with them.  AVX2's eight beat hashlib where there is no SHA-NI."""


def _kind(features: int, most: int) -> _Kind | None:
    fitting = (one for one in _KINDS if one.width <= most)
    return next((one for one in fitting if features & one.features == one.features), None)


@cache
def _library() -> ctypes.CDLL:
    """Return the library, loaded at the first call and kept.

    Raises:
        SuiteUnavailable: it is missing, or of a release that was not looked at.
    """
    library = bind(load(NAMES, "libIPSec_MB"), FUNCTIONS, "libIPSec_MB")
    version = library.imb_get_version_str().decode("ascii", "replace").removeprefix("v")
    if not version.startswith(RELEASES):
        raise SuiteUnavailable(library="libIPSec_MB", version=version, needs=", ".join(RELEASES))
    return library


@cache
def lanes_here(most: int = WIDE) -> int:
    """Return how many leaves are hashed side by side on this machine: 0 without the library; tried out once."""
    try:
        lanes = Lanes(most)
        return lanes.width if _works(lanes) else 0
    except (SuiteUnavailable, LanesFault):
        return 0


def _works(lanes: Lanes) -> bool:
    """Say whether leaves of every length come out as hashlib has them: whole ones, short ones, and both together."""
    slots = [bytearray(SLOT) for _ in range(lanes.width)]
    for number, slot in enumerate(slots):
        slot[number::4096] = bytes([number + 1]) * len(range(number, SLOT, 4096))
    whole = len(MARK) + LEAF
    for lengths in ([whole] * len(slots), [whole - 1021 * n for n in range(len(slots))], [whole], [1, 56]):
        messages = [memoryview(slot)[:length] for slot, length in zip(slots, lengths, strict=False)]
        if lanes.digests(messages) != [hashlib.sha256(one).digest() for one in messages]:
            return False
    return True


# --- leaves of a receipt root -----------------------------------------------------------------------------------

Digests = Callable[[Sequence[memoryview]], list[bytes]]
"""Returns the SHA-256 of each message; threads may share it."""

Submit = Callable[[Callable[[], list[bytes]]], Callable[[], list[bytes]]]
"""Begins something and returns what waits for it, such as `lambda work: pool.submit(work).result`."""


def receipt_root(submit: Submit | None = None, *, threads: int = 1, most: int = WIDE) -> ReceiptRoot:
    """Return a tree whose leaves are hashed as fast as this machine can.

    `submit` has them hashed by so many `threads` beside the caller's, else they are hashed where they come.  Takes as
    many MiB of memory as there are lanes, at most `most`, and as much again for each thread; without the library one
    MiB, and two for each thread.
    """
    width = lanes_here(most)
    if width:
        return ReceiptRoot(LeafSlots(_Shared(most).digests, width, submit, 1 + threads if submit else 1))
    if submit is None:
        return ReceiptRoot()
    return ReceiptRoot(LeafSlots(one_by_one, 1, submit, 1 + 2 * threads))


def one_by_one(messages: Sequence[memoryview]) -> list[bytes]:
    """Return the SHA-256 of each message; hashlib lets other threads run meanwhile."""
    return [hashlib.sha256(one).digest() for one in messages]


class _Shared:
    """Managers for any number of threads: idle ones are kept, another is made when all are at work."""

    __slots__ = ("_idle", "_most")

    def __init__(self, most: int) -> None:
        self._most = most
        self._idle: list[Lanes] = []  # `pop` and `append` are atomic: no lock

    def digests(self, messages: Sequence[memoryview]) -> list[bytes]:
        try:
            lanes = self._idle.pop()
        except IndexError:
            lanes = Lanes(self._most)
        found = lanes.digests(messages)
        self._idle.append(lanes)
        return found


@dataclass(slots=True)
class _Batch:
    """Leaves that are hashed together: where they lie, how long each is with its mark, and their hashes to be."""

    slab: memoryview
    lengths: list[int] = field(default_factory=list)
    found: Callable[[], list[bytes]] | None = None


class LeafSlots:
    """Leaves side by side in slabs, hashed as soon as every lane has one; a slab is used again when its hashes are known."""

    __slots__ = ("_at", "_batch", "_busy", "_digests", "_free", "_submit", "_width", "backlog")

    def __init__(self, digests: Digests, width: int, submit: Submit | None = None, slabs: int = 1) -> None:
        """Hash `width` leaves at a time, at once or as `submit` says; `slabs` of `width` MiB are in memory."""
        self._digests, self._width, self._submit = digests, width, submit
        self._free = [memoryview(bytearray(width * SLOT)) for _ in range(slabs)]
        self._busy: deque[_Batch] = deque()
        self._batch = _Batch(self._free.pop())
        self._at = len(MARK)
        self.backlog = slabs * width

    def room(self) -> memoryview:
        """Return what is left of the leaf's slot."""
        if not self._batch.slab:
            self._batch = _Batch(self._next_slab())
        begin = len(self._batch.lengths) * SLOT
        return self._batch.slab[begin + self._at : begin + len(MARK) + LEAF]

    def filled(self, length: int) -> None:
        """Note how far the slot is filled."""
        self._at += length

    def take(self, run: Buffer) -> None:
        """Copy a run into the slot."""
        self.room()[: len(run)] = run
        self._at += len(run)

    def close(self) -> Callable[[], bytes]:
        """End the leaf and return what gives its hash, if need be before its batch is full."""
        batch = self._batch
        batch.lengths.append(self._at)
        self._at = len(MARK)
        if len(batch.lengths) == self._width:
            self._send()
        return partial(self._hash_of, batch, len(batch.lengths) - 1)

    def _hash_of(self, batch: _Batch, number: int) -> bytes:
        found = batch.found or self._send()
        return found()[number]

    def _send(self) -> Callable[[], list[bytes]]:
        """Have the batch hashed and return what waits for its hashes; its bytes lie still until the room is asked for."""
        batch = self._batch
        if self._submit is None:
            hashes = self._hash(batch)
            batch.found = lambda: hashes
        else:
            batch.found = self._submit(partial(self._hash, batch))
        self._busy.append(batch)
        self._batch = _Batch(memoryview(b""))
        return batch.found

    def _next_slab(self) -> memoryview:
        if not self._free:
            earliest = self._busy.popleft()
            if earliest.found:
                earliest.found()
            self._free.append(earliest.slab)
        return self._free.pop()

    def _hash(self, batch: _Batch) -> list[bytes]:
        leaves = [batch.slab[n * SLOT : n * SLOT + length] for n, length in enumerate(batch.lengths)]
        few = len(leaves) * 2 < self._width  # empty lanes take as long as full ones
        return one_by_one(leaves) if few else self._digests(leaves)
