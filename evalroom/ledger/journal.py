"""The journal of one session as a growing tree: gives each entry its place, leaf, chain and root.

Appending keeps nothing but hashes; the bytes belong to the store.  Refused: an entry whose `seq` is not
the next number, and stored rows whose chain does not follow.  A failed commit leaves the journal ahead of
the store: drop it and read again (trust.md §2.8), or work on a `copy` and keep that after the commit.
"""

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass
from typing import Self

from evalroom.errors import LocalFault
from evalroom.ledger.checkpoint import Checkpoint
from evalroom.ledger.entry import Entry, chain_hash, encode, leaf_hash
from evalroom.ledger.merkle import Tree

CHAIN_START = bytes(32)
"""What the first entry's chain hash follows on."""


class SequenceBroken(LocalFault):
    """An entry does not bear the next number of the journal: read the journal again from the store."""

    code = "sequence_broken"


class ChainBroken(LocalFault):
    """The stored journal was changed or damaged: its hash chain breaks. Stop, and restore from a witness."""

    code = "chain_broken"


@dataclass(frozen=True, slots=True)
class Position:
    """Where an entry stands: its bytes, number, leaf hash, and the chain hash up to it."""

    data: bytes
    seq: int
    leaf: bytes
    chain: bytes


class Journal:
    """All entries of one session in their order, as hashes."""

    __slots__ = ("_chain", "_tree", "origin")

    def __init__(self, origin: str) -> None:
        """Begin an empty journal whose checkpoints bear `origin`."""
        self.origin = origin
        self._tree = Tree()
        self._chain = CHAIN_START

    @classmethod
    def resume(cls, origin: str, rows: Iterable[tuple[bytes, bytes]]) -> Self:
        """Return the journal over stored rows (entry bytes, chain hash), checking every link (3 µs each).

        Raises:
            ChainBroken: a row does not follow from the one before.
        """
        journal = cls(origin)
        for data, chain in rows:
            position = journal._place(data, journal.size)
            if position.chain != chain:
                raise ChainBroken(seq=position.seq)
        return journal

    @property
    def size(self) -> int:
        """Say how many entries there are: the `seq` of the next one."""
        return self._tree.size

    @property
    def chain(self) -> bytes:
        """Return the chain hash up to the last entry."""
        return self._chain

    @property
    def tree(self) -> Tree:
        """Return the tree, for proofs; append through the journal only."""
        return self._tree

    def append(self, entry: Entry) -> Position:
        """Add `entry`.

        Raises:
            SequenceBroken: its `seq` is not the next number.
            MalformedEntry, NotCanonical: it has no canonical form.
        """
        if entry.seq != self.size:
            raise SequenceBroken(expected=self.size, got=entry.seq)
        return self._place(encode(entry), entry.seq)

    def root(self, size: int | None = None) -> bytes:
        """Return the root over the first `size` entries, of all when None.

        Raises:
            OutsideTree: there are fewer.
        """
        return self._tree.root(size)

    def checkpoint(self, size: int | None = None) -> Checkpoint:
        """Return the tree head over the first `size` entries, of all when None, to be signed.

        Raises:
            OutsideTree: there are fewer.
        """
        size = self.size if size is None else size
        return Checkpoint(self.origin, size, self._tree.root(size))

    def copy(self) -> Self:
        """Return a journal that grows on its own; 64 bytes per entry are copied."""
        return deepcopy(self)

    def _place(self, data: bytes, seq: int) -> Position:
        leaf = leaf_hash(data)
        self._tree.append(leaf)
        self._chain = chain_hash(self._chain, leaf)
        return Position(data, seq, leaf, self._chain)
