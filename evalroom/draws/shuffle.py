"""From a seed to an order, the same on every machine: a stream of numbers without bias, and a shuffle.

The stream is SHA-256 in counter mode, read as 64-bit numbers; a number that would favour small remainders is passed
over.  The shuffle is that of Fisher and Yates in Durstenfeld's form, from the end.  With at most 2^16 options a
number is passed over once in 2^48 cases: it is there for exactness, not for speed.
"""

import hashlib
from collections.abc import Iterator, Sequence

STREAM = b"evalroom/draw/stream/v1\n"
_WORD = 8


def words(seed: bytes) -> Iterator[int]:
    """Yield the stream of `seed` (32 bytes): 64-bit numbers, big endian, four from each block."""
    block = 0
    while True:
        digest = hashlib.sha256(STREAM + seed + block.to_bytes(8, "big")).digest()
        for at in range(0, len(digest), _WORD):
            yield int.from_bytes(digest[at : at + _WORD], "big")
        block += 1


def below(bound: int, stream: Iterator[int]) -> int:
    """Return the next number from 0 to `bound` - 1, each as likely as any other."""
    limit = 2**64 - 2**64 % bound
    return next(word for word in stream if word < limit) % bound


def shuffled(options: Sequence[str], seed: str) -> tuple[str, ...]:
    """Return `options` in the order that `seed` (hex) gives."""
    order, stream = list(options), words(bytes.fromhex(seed))
    for last in range(len(order) - 1, 0, -1):
        other = below(last + 1, stream)
        order[last], order[other] = order[other], order[last]
    return tuple(order)
