"""Sealed bids on their way in, on the disk: what was announced, and the bytes that have come, piece by piece.

Nothing is ever held whole in memory.  A piece counts once its bytes are on the disk and then, in a second file,
the hashes of its leaves: these are at once the list of pieces that are here and what the root is made of, so a
bid of any size is submitted without being read again.  A process killed between the two asks for that piece once
more.  Refused: a piece of another length or digest, and other bytes where a piece lies already.  Nobody's address
is written down: who handed in what is not to be known.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import sqlalchemy as sa

from evalroom.errors import PeerFault
from evalroom.ids import BidNumber, SessionId
from evalroom.ledger.merkle import HASH_SIZE, Frontier
from evalroom.sealing.stream import ReadAt, read_exactly
from evalroom.sealing.suite import Buffer
from evalroom.sealing.trailer import LEAF, hash_leaf
from recorder.reel import sync_folder, write_all

PIECE = 4 << 20
"""Bytes of a piece: four leaves of the root, so that each is hashed as it comes."""

_ROW = PIECE // LEAF * HASH_SIZE
"""Bytes of a piece in the file of leaves; they lie within one sector of any disk."""

metadata = sa.MetaData()

announced = sa.Table(
    "announced_bids",
    metadata,
    sa.Column("session", sa.String(64), primary_key=True),
    sa.Column("bid", sa.String(32), primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("root", sa.String(64), nullable=False),
    sa.Column("replaces", sa.String(32), nullable=False),
    sa.Column("signature", sa.Text, nullable=False),
)

terms = sa.Table(
    "sealing_terms",
    metadata,
    sa.Column("session", sa.String(64), primary_key=True),
    sa.Column("terms", sa.Text, nullable=False),
)

stamps = sa.Table(
    "time_stamps",
    metadata,
    sa.Column("session", sa.String(64), primary_key=True),
    sa.Column("size", sa.Integer, primary_key=True),
    sa.Column("note", sa.LargeBinary, nullable=False),
    sa.Column("token", sa.LargeBinary, nullable=False),
)


class PieceMismatch(PeerFault):
    """This piece is not the one that was announced (length or digest): it was not taken; send the same piece again."""

    code = "piece_mismatch"


@dataclass(frozen=True, slots=True)
class Announcement:
    """What a bidder says is coming: length of the file, its digest and root (hex), and the bid it replaces, if any."""

    bid: BidNumber
    size: int
    digest: str
    root: str
    replaces: str = ""
    signature: str = ""

    @property
    def pieces(self) -> int:
        """Return of how many pieces it consists."""
        return -(-self.size // PIECE)

    def piece_size(self, index: int) -> int:
        """Return the length of a piece.

        Raises:
            PieceMismatch: the bid has no such piece.
        """
        if not 0 <= index < self.pieces:
            raise PieceMismatch(index=index, pieces=self.pieces)
        return min(PIECE, self.size - index * PIECE)


# --- the database -------------------------------------------------------------------------------------


def announce(db: sa.Connection, session: SessionId, one: Announcement) -> None:
    """Keep an announcement."""
    db.execute(sa.insert(announced).values(session=session, **asdict(one)))


def forget(db: sa.Connection, session: SessionId, bid: BidNumber) -> None:
    """Drop an announcement."""
    db.execute(sa.delete(announced).where((announced.c.session == session) & (announced.c.bid == bid)))


def read_announced(db: sa.Connection, session: SessionId) -> list[Announcement]:
    """Return what is announced in a session, submitted or not."""
    rows = db.execute(sa.select(announced).where(announced.c.session == session)).mappings()
    return [
        Announcement(
            **{name: row[name] for name in ("bid", "size", "digest", "root", "replaces", "signature")}
        )
        for row in rows
    ]


def put_terms(db: sa.Connection, session: SessionId, text: str) -> None:
    """Keep the terms, as JSON, under which a session's policy is to be drafted."""
    db.execute(sa.insert(terms).values(session=session, terms=text))


def read_terms(db: sa.Connection, session: SessionId) -> str:
    """Return the terms of a session; nothing for one whose bids are brought in plain."""
    return db.execute(sa.select(terms.c.terms).where(terms.c.session == session)).scalar() or ""


def put_stamp(db: sa.Connection, session: SessionId, size: int, note: bytes, token: bytes) -> None:
    """Keep the first time stamp over a checkpoint of that size; a second one is dropped."""
    where = (stamps.c.session == session) & (stamps.c.size == size)
    if db.execute(sa.select(stamps.c.size).where(where)).scalar() is None:
        db.execute(sa.insert(stamps).values(session=session, size=size, note=note, token=token))


def find_stamp(db: sa.Connection, session: SessionId, index: int) -> tuple[bytes, bytes] | None:
    """Return note and token of the smallest stamped checkpoint that covers entry `index`."""
    query = sa.select(stamps.c.note, stamps.c.token).where(
        (stamps.c.session == session) & (stamps.c.size > index)
    )
    row = db.execute(query.order_by(stamps.c.size).limit(1)).first()
    return None if row is None else (row[0], row[1])


def last_stamp(db: sa.Connection, session: SessionId) -> int:
    """Return the size of the largest stamped checkpoint of a session, 0 without one."""
    query = sa.select(sa.func.max(stamps.c.size)).where(stamps.c.session == session)
    return db.execute(query).scalar() or 0


# --- the bytes ----------------------------------------------------------------------------------------


class Uploads:
    """The folder of one session's sealed bids.  All calls block: not for the loop."""

    def __init__(self, folder: Path) -> None:
        """Use `folder`; what lies there from before goes on where it stopped."""
        self._folder = folder

    def path(self, bid: BidNumber) -> Path:
        """Return where a bid's bytes lie, or will lie."""
        return self._folder / f"{bid}.evb1"

    def _leaves(self, bid: BidNumber) -> Path:
        return self._folder / f"{bid}.leaves"

    def begin(self, one: Announcement) -> None:
        """Make the files of an announced bid; what has come already stays."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for path, size in ((self.path(one.bid), one.size), (self._leaves(one.bid), one.pieces * _ROW)):
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                os.ftruncate(handle, size)
                os.fsync(handle)
            finally:
                os.close(handle)
        sync_folder(self._folder)

    def have(self, one: Announcement) -> list[int]:
        """Return the numbers of the pieces that are here."""
        rows = self._rows(one.bid)
        return [index for index in range(one.pieces) if any(rows[index * _ROW : (index + 1) * _ROW])]

    def written(self, one: Announcement) -> int:
        """Return how many bytes of a bid are here."""
        return sum(one.piece_size(index) for index in self.have(one))

    def touched(self, bid: BidNumber) -> float:
        """Return when a piece last came, or the bid was announced: seconds since 1970, 0 when nothing is here."""
        path = self._leaves(bid)
        return path.stat().st_mtime if path.exists() else 0.0

    def _rows(self, bid: BidNumber) -> bytes:
        path = self._leaves(bid)
        return path.read_bytes() if path.exists() else b""

    @contextmanager
    def reading(self, bid: BidNumber) -> Iterator[ReadAt]:
        """Give what reads a bid's bytes anywhere."""
        handle = os.open(self.path(bid), os.O_RDONLY | os.O_CLOEXEC)
        try:
            yield lambda offset, length: os.pread(handle, length, offset)
        finally:
            os.close(handle)

    def root(self, bid: BidNumber, read: ReadAt, body: int) -> bytes:
        """Return the root over the first `body` bytes, from the leaves hashed as they came and the last one anew.

        Raises:
            BytesMissing: the store did not give the last leaf.
        """
        rows, tree = self._rows(bid), Frontier()
        for leaf in range(body // LEAF):
            tree.append(rows[leaf * HASH_SIZE : (leaf + 1) * HASH_SIZE])
        rest = body % LEAF
        if rest:
            tree.append(hash_leaf(read_exactly(read, body - rest, rest)))
        return tree.root()

    def begins_as_it_came(self, bid: BidNumber, read: ReadAt, size: int, length: int) -> bool:
        """Say whether the leaves with the first `length` of `size` bytes are those that were hashed as they came."""
        rows = self._rows(bid)
        return all(
            hash_leaf(read(leaf * LEAF, min(LEAF, size - leaf * LEAF)))
            == rows[leaf * HASH_SIZE : (leaf + 1) * HASH_SIZE]
            for leaf in range(-(-length // LEAF))
        )

    def keep(self, bid: BidNumber) -> None:
        """Protect a submitted bid's bytes against slips."""
        self.path(bid).chmod(0o400)

    def mend(self, bid: BidNumber, size: int, offset: int, data: bytes) -> None:
        """Write bytes of a handed-in bid over damaged ones, in a file of `size` bytes; on the disk on return.

        Raises:
            OSError: the disk did not take them.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self.path(bid)
        if path.exists():
            path.chmod(0o600)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(handle, size)
            write_all(os.pwrite, handle, data, offset)
            os.fsync(handle)
        finally:
            os.close(handle)
        self.keep(bid)
        sync_folder(self._folder)

    def ends(self, bid: BidNumber) -> Path:
        """Return where head and tail of a bid taken back lie, which outlast its bytes."""
        return self._folder / f"{bid}.ends"

    def keep_ends(self, bid: BidNumber, data: bytes) -> None:
        """Keep head and tail of a bid that is about to be taken back; on the disk on return; blocks."""
        path = self.ends(bid)
        path.write_bytes(data)
        _sync(path)

    def drop(self, bid: BidNumber) -> None:
        """Delete what is here of a bid."""
        for path in (self._leaves(bid), self.path(bid)):
            path.unlink(missing_ok=True)

    def piece(self, one: Announcement, index: int) -> "Piece":
        """Begin to take a piece.

        Raises:
            PieceMismatch: the bid has no such piece.
        """
        size = one.piece_size(index)
        rows = self._rows(one.bid)[index * _ROW : (index + 1) * _ROW]
        return Piece(self.path(one.bid), self._leaves(one.bid), index, size, rows if any(rows) else b"")


class Piece:
    """One piece on its way to the disk, leaf by leaf; a piece that is here already is compared, never overwritten."""

    __slots__ = ("_bytes", "_digest", "_hashes", "_here", "_index", "_leaves", "size", "taken")

    def __init__(self, path: Path, leaves: Path, index: int, size: int, here: bytes) -> None:
        """Begin piece `index` of `size` bytes; `here` are its leaves' hashes when it has come before."""
        self._bytes = path
        self._leaves = leaves
        self._index = index
        self._here = here
        self._digest = hashlib.sha256()
        self._hashes = b""
        self.size = size
        self.taken = 0

    def take(self, leaf: Buffer) -> None:
        """Write the next leaf: 1 MiB, the last one of the bid shorter; blocks.

        Raises:
            PieceMismatch: more bytes than the piece has.
            OSError: the disk did not take it.
        """
        if self.taken + len(leaf) > self.size:
            raise PieceMismatch(index=self._index, size=self.size, problem="too long")
        if not self._here:
            _write(self._bytes, bytes(leaf), self._index * PIECE + self.taken)
        self._digest.update(leaf)
        self._hashes += hash_leaf(leaf)
        self.taken += len(leaf)

    def finish(self, sha256: bytes) -> None:
        """Count the piece as here; on return it is on the disk; blocks.

        Raises:
            PieceMismatch: it has another length or digest, or other bytes lie in its place; nothing counts.
            OSError: the disk did not take it.
        """
        if self.taken != self.size:
            raise PieceMismatch(index=self._index, size=self.size, got=self.taken)
        if self._digest.digest() != sha256:
            raise PieceMismatch(index=self._index, problem="digest")
        row = self._hashes.ljust(_ROW, b"\xff")  # a bid's last piece may have fewer leaves
        if not self._here:
            _sync(self._bytes)
            _write(self._leaves, row, self._index * _ROW)
            _sync(self._leaves)
        elif row != self._here:
            raise PieceMismatch(index=self._index, problem="other bytes came before")


def _write(path: Path, data: bytes, offset: int) -> None:
    _with(path, lambda handle: write_all(os.pwrite, handle, data, offset))


def _sync(path: Path) -> None:
    _with(path, os.fdatasync)


def _with(path: Path, work: Callable[[int], object]) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        work(handle)
    finally:
        os.close(handle)
