"""A bid for the benchmarks: real keys, a policy with three trustees, a technical part of any size made on the fly."""

import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from evalroom.sealing.policy import (
    Mode,
    PartName,
    PartTerms,
    Policy,
    Trustee,
    TrusteeKey,
    TrusteeKind,
    Window,
)
from evalroom.sealing.seal import BidTerms, SealingPlan, plan_sealing
from evalroom.sealing.stream import (
    CHUNK,
    PREFIX,
    SEALED_CHUNK,
    ChunkCipher,
    sealed_size,
)
from evalroom.sealing.suite import Buffer, OpeningKey, Suite
from evalroom.sealing.suites import find_suite

PIECE = 1 << 20
SHEET = "报价 12,345,678.90 元".encode()
SMALL: Mapping[PartName, bytes] = {PartName.IDENTITY: b"{}", PartName.OPENING: SHEET}


def opening_key(suite: Suite) -> OpeningKey:
    """Return a new key to which secrets are wrapped."""
    return suite.load_opening_key(suite.opening_key_from_seed(secrets.token_bytes(suite.opening_seed_size)))


@dataclass(frozen=True, slots=True)
class Bid:
    """A bidder's plan with the keys of everybody."""

    plan: SealingPlan
    bidder: OpeningKey
    trustees: tuple[OpeningKey, ...]

    @classmethod
    def make(cls, code: int) -> Self:
        """Return a bid for a new tender."""
        suite = find_suite(code)
        kinds = (TrusteeKind.HOST, TrusteeKind.SITE, TrusteeKind.SUPERVISOR)
        keys = tuple(opening_key(suite) for _ in kinds)
        policy = Policy(
            "bench", Mode.JOINT, 2, (code,), 0, 3, 1 << 40,
            tuple(
                Trustee(kind.value, kind, kind.value, kind.value.encode(), (TrusteeKey(code, key.public),))
                for kind, key in zip(kinds, keys, strict=True)
            ),
            (Window("first", "BidsClosed", 0, 3_600_000),),
            (
                PartTerms(PartName.IDENTITY, "first", 1 << 20),
                PartTerms(PartName.OPENING, "first", 1 << 20),
                PartTerms(PartName.TECHNICAL, "first", 1 << 40),
            ),
        )  # fmt: skip
        bidder = opening_key(suite)
        seed = secrets.token_bytes(suite.signing_seed_size)
        envelope_key = suite.load_signing_key(suite.signing_key_from_seed(seed))
        terms = BidTerms(code, secrets.token_bytes(16), secrets.token_bytes(32), (bidder.public,))
        return cls(plan_sealing(policy, terms, envelope_key, secrets.token_bytes), bidder, keys)

    def sources(self, technical: Iterable[Buffer]) -> dict[PartName, Iterable[Buffer]]:
        """Return the parts to be sealed."""
        return {**{name: [text] for name, text in SMALL.items()}, PartName.TECHNICAL: technical}


def same_piece(piece: Buffer, size: int) -> Iterator[Buffer]:
    """Yield `size` bytes, all out of the one piece."""
    view = memoryview(piece)
    for start in range(0, size, len(view)):
        yield view[: min(len(view), size - start)]


class Regrown:
    """An envelope that is nowhere: its head and tail are kept, the technical part is encrypted anew where it is read.

    So 10 GB can be opened on a machine that has no room for them, and nothing but the reader takes memory.
    """

    def __init__(self, bid: Bid, piece: bytes, size: int, before: bytes, behind: bytes) -> None:
        """Take the piece of which the technical part of `size` bytes consists, and what stands around its stream."""
        self._drawn = bid.plan.secrets[PartName.TECHNICAL]
        bound = bid.plan.context(PartName.TECHNICAL)
        self._keys = bid.plan.suite.stream_key(self._drawn.content_key, self._drawn.salt, bound)
        self._cipher = ChunkCipher(bid.plan.suite, self._keys.key, self._keys.nonce)
        self._piece, self._size, self._begin = piece, size, len(before)
        self._end = len(before) + sealed_size(size)
        self._before, self._behind = before, behind

    def read(self, offset: int, length: int) -> bytes:
        """Return the bytes that would lie there."""
        parts = [self._before[offset : offset + length]]
        start, stop = max(offset, self._begin), min(offset + length, self._end)
        if start < stop:
            parts.append(self._stream(start - self._begin, stop - self._begin))
        behind = max(0, offset - self._end)
        parts.append(self._behind[behind : max(0, offset + length - self._end)])
        return b"".join(parts)

    def _stream(self, start: int, stop: int) -> bytes:
        prefix = (self._drawn.salt + self._keys.commitment)[start:stop]
        first = max(0, start - PREFIX) // SEALED_CHUNK
        behind = -(-max(0, stop - PREFIX) // SEALED_CHUNK)
        if first == behind:
            return prefix
        plain = b"".join(
            self._piece[number * CHUNK % PIECE :][: max(0, min(CHUNK, self._size - number * CHUNK))]
            for number in range(first, behind)
        )
        sealed = self._cipher.seal(first, plain)
        if len(plain) and len(plain) % CHUNK == 0 and behind * CHUNK > self._size:
            sealed += self._cipher.seal(behind - 1, b"")
        begin = PREFIX + first * SEALED_CHUNK
        return prefix + bytes(sealed[max(0, start - begin) : stop - begin])
