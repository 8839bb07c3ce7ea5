"""Reading a whole envelope once: its root and, where content keys are known, every chunk of every part.

The host recomputes the root when an upload ends; after the opening all bytes are verified behind the price
sheets, hashing and decrypting each piece while it is still in the processor's cache.  A wrong root and a
damaged part are told apart: the first is the platform's matter, the second the bidder's.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence

from evalroom.errors import EvalroomError, LocalFault
from evalroom.sealing.dealing import deal, share_digest
from evalroom.sealing.envelope import Envelope, SealedPart, open_envelope
from evalroom.sealing.padding import unpad
from evalroom.sealing.policy import PartName
from evalroom.sealing.seal import SealingPlan
from evalroom.sealing.stream import (
    CHUNK,
    PIECE_CHUNKS,
    PREFIX,
    SEALED_CHUNK,
    ChunkCipher,
    PartDamaged,
    ReadAt,
    read_exactly,
)
from evalroom.sealing.suite import OpeningKey
from evalroom.sealing.trailer import LEAF, ReceiptRoot
from evalroom.sealing.unseal import content_key, open_half, open_part

PIECE = PIECE_CHUNKS * SEALED_CHUNK


class RootMismatch(LocalFault):
    """The bytes stored here are not those that were sealed: fetch the identical bytes again; the bid still counts."""

    code = "root_mismatch"


class SelfTestFailed(LocalFault):
    """The envelope just sealed does not open again: nothing was sent; seal once more, on another machine if need be."""

    code = "self_test_failed"


def check_root(envelope: Envelope, read: ReadAt, tree: ReceiptRoot | None = None) -> Iterator[int]:
    """Yield how many bytes were hashed, leaf by leaf, and raise at the end if the root is wrong.

    Raises:
        RootMismatch: the bytes are not those that were sealed.
        BytesMissing: the store did not give what was asked for.
    """
    tree = tree or ReceiptRoot()
    for start in range(0, envelope.body, LEAF):
        tree.update(read_exactly(read, start, min(LEAF, envelope.body - start)))
        yield tree.size
    if tree.root() != envelope.root:
        raise RootMismatch(size=envelope.body)


class Inspection:
    """One pass over an envelope: the root, and each part whose content key is known.

    `damaged` holds what was wrong with which part; parts that are whole are not in it.  With `digesting`, `digests`
    holds SHA-256 and length of the plaintext, without padding, of each part that is whole.
    """

    __slots__ = ("_digesting", "_envelope", "_keys", "_read", "_tree", "damaged", "digests")

    def __init__(
        self,
        envelope: Envelope,
        keys: Mapping[PartName, bytes],
        read: ReadAt,
        tree: ReceiptRoot | None = None,
        *,
        digesting: bool = False,
    ) -> None:
        """Take the content keys that are known; other parts are hashed only."""
        self._envelope = envelope
        self._keys = keys
        self._read = read
        self._tree = tree or ReceiptRoot()
        self._digesting = digesting
        self.damaged: dict[PartName, PartDamaged] = {}
        self.digests: dict[PartName, tuple[str, int]] = {}

    def run(self) -> Iterator[int]:
        """Yield how many bytes were looked at, every 128 KiB, and raise at the end if the root is wrong.

        Raises:
            RootMismatch: the bytes are not those that were sealed; `damaged` then says nothing.
            BytesMissing: the store did not give what was asked for.
        """
        head = self._envelope.parts[0].offset
        self._take(0, head)
        for part in self._envelope.parts:
            yield from self._part(part)
        if self._tree.root() != self._envelope.root:
            raise RootMismatch(size=self._envelope.body)

    def _part(self, part: SealedPart) -> Iterator[int]:
        self._take(part.offset, PREFIX)
        cipher, plain = self._open(part), bytearray(PIECE_CHUNKS * CHUNK)
        running = hashlib.sha256() if self._digesting and not part.terms.padded else None
        for start in range(PREFIX, part.length, PIECE):
            data = self._take(part.offset + start, min(PIECE, part.length - start))
            if cipher is not None and part.name not in self.damaged:
                try:
                    size = cipher.open_into((start - PREFIX) // SEALED_CHUNK, data, plain)
                    if running is not None:
                        running.update(memoryview(plain)[:size])
                except PartDamaged as error:
                    self.damaged[part.name] = error
            yield self._tree.size
        if cipher is not None and running is not None and part.name not in self.damaged:
            self.digests[part.name] = running.hexdigest(), part.plain_size

    def _open(self, part: SealedPart) -> ChunkCipher | None:
        """Return the cipher of a part whose key is known and whose ends and padding are right."""
        if part.name not in self._keys:
            return None
        try:
            reader = open_part(self._envelope, part.name, self._keys[part.name], self._read)
            if part.terms.padded:
                text = unpad(reader.range(0, reader.size))
                if self._digesting:
                    self.digests[part.name] = hashlib.sha256(text).hexdigest(), len(text)
        except PartDamaged as error:
            self.damaged[part.name] = error
            return None
        return reader.cipher

    def _take(self, offset: int, length: int) -> bytes | bytearray | memoryview:
        data = read_exactly(self._read, offset, length)
        self._tree.update(data)
        return data


def self_test(plan: SealingPlan, read: ReadAt, size: int, keys: Sequence[OpeningKey] = ()) -> Iterator[int]:
    """Open what was just sealed, as at the opening, before it is sent; yield the bytes looked at.

    `keys` are the bidder's own: each must open a slot of every part.

    Raises:
        SelfTestFailed: it does not open, with the reason as cause.
    """
    try:
        envelope = open_envelope(read, size, plan.policy, plan.terms.bid)
        opened = {part.name: _content_key(plan, envelope, part, keys) for part in envelope.parts}
        inspection = Inspection(envelope, opened, read)
        yield from inspection.run()
    except SelfTestFailed:
        raise
    except EvalroomError as error:
        raise SelfTestFailed(reason=error.code) from error
    for part, fault in inspection.damaged.items():
        raise SelfTestFailed(reason=fault.code, part=part) from fault


def _content_key(
    plan: SealingPlan, envelope: Envelope, part: SealedPart, keys: Sequence[OpeningKey]
) -> bytes:
    """Return the content key by the road of the opening, with shares dealt anew in place of the trustees'."""
    suite, drawn = plan.suite, plan.secrets[part.name]
    for key in keys:
        if open_half(suite, part, key) != drawn.half:
            raise SelfTestFailed(reason="a slot holds another half", part=part.name)
    dealt = deal(suite, drawn.secret, plan.policy.k, plan.policy.n)
    for sealed, share in zip(part.header.shares, dealt, strict=True):
        if sealed.digest != share_digest(suite, part.header.context, share):
            raise SelfTestFailed(reason="a share's commitment", part=part.name)
    half = drawn.half if part.header.half_digest is not None else None
    return content_key(envelope, part.name, half, dict(enumerate(dealt, 1)))
