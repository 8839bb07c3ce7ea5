"""The Merkle tree of RFC 6962: roots, inclusion and consistency proofs, and their verification.

`Frontier` keeps the perfect subtrees only and gives roots as the journal grows; `Tree` keeps every perfect
subtree (64 bytes per leaf) and proves in O(log² n) for any size.  Verification raises, so that no boolean
can be forgotten.  Refused: hashes that are not 32 bytes, proofs longer or shorter than they must be.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Self

from evalroom.errors import PeerFault, Refusal

HASH_SIZE = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
"""Root of the tree without leaves (RFC 6962 §2.1)."""


class InvalidProof(PeerFault):
    """A Merkle proof does not lead to the root it claims: leaf, proof or root was changed."""

    code = "invalid_proof"


class OutsideTree(Refusal):
    """A proof was asked for a leaf or size that the tree does not have: ask within its size."""

    code = "outside_tree"


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return SHA-256(0x01 || left || right), the RFC 6962 §2.1 hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """The roots of the perfect subtrees, largest first: all that appending and the root need."""

    __slots__ = ("_peaks", "_size")

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        """Begin with the tree without leaves, or go on from `size` and `peaks` of another frontier."""
        self._peaks = list(peaks)
        self._size = size

    @property
    def size(self) -> int:
        """Say how many leaves were appended."""
        return self._size

    @property
    def peaks(self) -> tuple[bytes, ...]:
        """Return the roots of the perfect subtrees, largest first."""
        return tuple(self._peaks)

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash."""
        node, size = leaf, self._size
        while size & 1:
            node = node_hash(self._peaks.pop(), node)
            size >>= 1
        self._peaks.append(node)
        self._size += 1

    def root(self) -> bytes:
        """Return the root over all leaves so far."""
        if not self._peaks:
            return EMPTY_ROOT
        root = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            root = node_hash(peak, root)
        return root

    def copy(self) -> Self:
        """Return a frontier that grows on its own (at most 53 hashes are copied)."""
        return type(self)(self._size, self._peaks)


class Tree:
    """All perfect subtrees, level by level: proves inclusion and consistency at every size it has had."""

    __slots__ = ("_levels",)

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        """Begin with these leaf hashes."""
        self._levels: list[bytearray] = [bytearray()]
        for leaf in leaves:
            self.append(leaf)

    @property
    def size(self) -> int:
        """Say how many leaves were appended."""
        return len(self._levels[0]) // HASH_SIZE

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash; two nodes are hashed on average.

        Raises:
            InvalidProof: it is not 32 bytes.
        """
        if len(leaf) != HASH_SIZE:
            raise InvalidProof(reason="leaf hash is not 32 bytes")
        node, index, height = leaf, self.size, 0
        self._levels[0] += leaf
        while index & 1:
            node = node_hash(self._node(height, index - 1), node)
            index >>= 1
            height += 1
            if height == len(self._levels):
                self._levels.append(bytearray())
            self._levels[height] += node

    def leaf(self, index: int) -> bytes:
        """Return the hash of leaf `index`.

        Raises:
            OutsideTree: the tree has no such leaf.
        """
        if not 0 <= index < self.size:
            raise OutsideTree(index=index, size=self.size)
        return self._node(0, index)

    def root(self, size: int | None = None) -> bytes:
        """Return the root over the first `size` leaves, of all when None.

        Raises:
            OutsideTree: the tree is smaller.
        """
        size = self.size if size is None else size
        if not 0 <= size <= self.size:
            raise OutsideTree(size=size)
        return self._range(0, size) if size else EMPTY_ROOT

    def inclusion_proof(self, index: int, size: int) -> tuple[bytes, ...]:
        """Return the path from leaf `index` to the root over `size` leaves, sibling first (RFC 6962 §2.1.1).

        Raises:
            OutsideTree: not 0 <= index < size <= size of the tree.
        """
        if not 0 <= index < size <= self.size:
            raise OutsideTree(index=index, size=size)
        path: list[bytes] = []
        low, high = 0, size
        while high - low > 1:
            middle = low + _split(high - low)
            if index < middle:
                path.append(self._range(middle, high))
                high = middle
            else:
                path.append(self._range(low, middle))
                low = middle
        return tuple(reversed(path))

    def consistency_proof(self, old: int, new: int) -> tuple[bytes, ...]:
        """Return the proof that the first `old` leaves of the tree over `new` are unchanged (RFC 6962 §2.1.2).

        Empty when `old` is 0 or equals `new`.

        Raises:
            OutsideTree: not 0 <= old <= new <= size of the tree.
        """
        if not 0 <= old <= new <= self.size:
            raise OutsideTree(old=old, new=new)
        if old in {0, new}:
            return ()
        path: list[bytes] = []
        low, high = 0, new
        while old != high:
            middle = low + _split(high - low)
            if old <= middle:
                path.append(self._range(middle, high))
                high = middle
            else:
                path.append(self._range(low, middle))
                low = middle
        if low:  # otherwise the old root itself is this subtree, and the verifier has it
            path.append(self._range(low, high))
        return tuple(reversed(path))

    def _node(self, height: int, index: int) -> bytes:
        start = index * HASH_SIZE
        return bytes(self._levels[height][start : start + HASH_SIZE])

    def _range(self, low: int, high: int) -> bytes:
        """Return the hash over leaves [low, high), `low` a multiple of the largest power of two inside."""
        span = high - low
        if span & (span - 1) == 0:
            height = span.bit_length() - 1
            return self._node(height, low >> height)
        middle = low + _split(span)
        return node_hash(self._range(low, middle), self._range(middle, high))


def _split(span: int) -> int:
    """Return the largest power of two smaller than `span` (> 1)."""
    return 1 << ((span - 1).bit_length() - 1)


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that `leaf` is leaf `index` of the tree with `size` leaves and `root` (RFC 9162 §2.1.3.2).

    Raises:
        InvalidProof: it is not proven.
    """
    _check_hashes([leaf, root, *proof])
    if not 0 <= index < size:
        raise InvalidProof(reason="index outside the tree", index=index, size=size)
    position, last, node = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise InvalidProof(reason="proof too long", index=index, size=size)
        if position & 1 or position == last:
            node = node_hash(sibling, node)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            node = node_hash(node, sibling)
        position >>= 1
        last >>= 1
    if last != 0 or node != root:
        raise InvalidProof(reason="inclusion does not lead to the root", index=index, size=size)


def verify_consistency(
    old_size: int,
    new_size: int,
    proof: Sequence[bytes],
    old_root: bytes,
    new_root: bytes,
) -> None:
    """Check that the tree with `new_root` begins with the leaves of that with `old_root` (RFC 9162 §2.1.4.2).

    Raises:
        InvalidProof: it is not proven.
    """
    _check_hashes([old_root, new_root, *proof])
    if not 0 <= old_size <= new_size:
        raise InvalidProof(reason="sizes go back", old=old_size, new=new_size)
    if old_size in {0, new_size}:
        _check_trivial(old_size, new_size, proof, old_root, new_root)
        return
    nodes = list(proof) if old_size & (old_size - 1) else [old_root, *proof]
    if not nodes or _replay(old_size - 1, new_size - 1, nodes) != (old_root, new_root):
        raise InvalidProof(reason="consistency does not lead to the roots", old=old_size, new=new_size)


def _check_trivial(
    old_size: int, new_size: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes
) -> None:
    if proof:
        raise InvalidProof(reason="nothing to prove, so the proof must be empty")
    if old_size == 0 and old_root != EMPTY_ROOT:
        raise InvalidProof(reason="an empty tree has one root only")
    if old_size == new_size and old_root != new_root:
        raise InvalidProof(reason="two roots for one size", size=old_size)


def _replay(first: int, second: int, nodes: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    """Fold the proof into (old root, new root); None when its length does not fit the sizes."""
    while first & 1:
        first >>= 1
        second >>= 1
    old = new = nodes[0]
    for node in nodes[1:]:
        if second == 0:
            return None
        if first & 1 or first == second:
            old, new = node_hash(node, old), node_hash(node, new)
            while not first & 1 and first:
                first >>= 1
                second >>= 1
        else:
            new = node_hash(new, node)
        first >>= 1
        second >>= 1
    return None if second else (old, new)


def _check_hashes(hashes: Iterable[bytes]) -> None:
    if any(len(one) != HASH_SIZE for one in hashes):
        raise InvalidProof(reason="a hash is not 32 bytes")
