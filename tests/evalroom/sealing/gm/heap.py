"""Counts the bytes that C code holds: a leak of 24 bytes a round shows, whatever Python itself does."""

import ctypes
import gc
from collections.abc import Callable
from typing import ClassVar

import pytest

PER_ROUND = 24
"""Bytes that the heap may grow by in a round: less than the smallest thing that could leak, a number."""


class Mallinfo2(ctypes.Structure):
    """What glibc says about its heap; Python's own small objects live elsewhere."""

    _fields_: ClassVar = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


def glibc() -> ctypes.CDLL | None:
    """Return the C library if it can say how many bytes are in use."""
    library = ctypes.CDLL(None)
    if not hasattr(library, "mallinfo2"):
        return None
    library.mallinfo2.restype, library.mallinfo2.argtypes = Mallinfo2, ()
    return library


def leaks(work: Callable[[], object], rounds: int) -> bool:
    """Say whether the heap grows with `work`, three times running: Python's own noise does not come thrice."""
    library = glibc()
    assert library is not None
    for _ in range(50):
        work()
    return all(growth(library, work, rounds) >= rounds * PER_ROUND for _ in range(3))


def growth(library: ctypes.CDLL, work: Callable[[], object], rounds: int) -> int:
    """Return by how many bytes the heap grows in that many rounds."""
    gc.collect()
    before: int = library.mallinfo2().uordblks
    for _ in range(rounds):
        work()
    gc.collect()
    after: int = library.mallinfo2().uordblks
    return after - before


tells = pytest.mark.skipif(
    glibc() is None, reason="only glibc 2.33 and newer tells how many bytes are in use"
)
