"""The journal on disk: entries verbatim, their secrets beside them, the commands that led to them.

One transaction holds a batch: its entries, and one row per command, whose key makes a command unique for
ever.  Nothing here is ever updated or deleted.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from evalroom.events import Secret
from evalroom.ids import CommandId, SessionId

metadata = sa.MetaData()

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("opened_ms", sa.BigInteger, nullable=False),
    sa.Column("log_seed", sa.LargeBinary, nullable=False),
    sa.Column("archive", sa.Text, nullable=False, default=""),
)

entries = sa.Table(
    "entries",
    metadata,
    sa.Column("session", sa.String(64), primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("entry", sa.LargeBinary, nullable=False),
    sa.Column("chain", sa.LargeBinary, nullable=False),
    sa.Column("secrets", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)

commands = sa.Table(
    "commands",
    metadata,
    sa.Column("session", sa.String(64), primary_key=True),
    sa.Column("command_id", sa.String(64), primary_key=True),
    sa.Column("actor", sa.String(64), nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

checkpoints = sa.Table(
    "checkpoints",
    metadata,
    sa.Column("session", sa.String(64), primary_key=True),
    sa.Column("size", sa.Integer, primary_key=True),
    sa.Column("note", sa.LargeBinary, nullable=False),
    sa.Column("signers", sa.Integer, nullable=False),
)

_INSERT_ENTRY = "INSERT INTO entries (session, seq, entry, chain, secrets) VALUES (?, ?, ?, ?, ?)"
_INSERT_COMMAND = "INSERT INTO commands (session, command_id, actor, digest) VALUES (?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class Row:
    """One stored entry: number, bytes, chain hash, and the openings of its commitments."""

    seq: int
    entry: bytes
    chain: bytes
    secrets: tuple[Secret, ...]


@dataclass(frozen=True, slots=True)
class GivenCommand:
    """A command that was carried out: who gave it, and the digest of what it said."""

    command_id: CommandId
    actor: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session the host keeps: its log key's seed, and where its archive lies once it is built."""

    id: SessionId
    opened_ms: int
    log_seed: bytes
    archive: str


def add_session(db: sa.Connection, session: StoredSession) -> None:
    """Keep a new session; its first entry follows in the same transaction."""
    row = {
        "id": session.id,
        "opened_ms": session.opened_ms,
        "log_seed": session.log_seed,
        "archive": session.archive,
    }
    db.execute(sa.insert(sessions).values(row))


def append(db: sa.Connection, session: SessionId, rows: Sequence[Row], given: Sequence[GivenCommand]) -> None:
    """Add entries and the commands that led to them.

    On the driver's own cursor: of the 270 µs of a scored cell composing the statements took 100, and handing
    them on as texts still 60.
    """
    if not db.in_transaction():
        db.begin()
    cursor = db.connection.cursor()
    values = [(session, row.seq, row.entry, row.chain, _write_secrets(row.secrets)) for row in rows]
    cursor.executemany(_INSERT_ENTRY, values)
    names = [(session, one.command_id, one.actor, one.digest) for one in given]
    cursor.executemany(_INSERT_COMMAND, names)
    cursor.close()


def read(db: sa.Connection, session: SessionId, start: int = 0) -> Iterator[Row]:
    """Yield the entries from number `start` on, in order."""
    query = sa.select(entries).where((entries.c.session == session) & (entries.c.seq >= start))
    for row in db.execute(query.order_by(entries.c.seq)).mappings():
        yield Row(row["seq"], _bytes(row["entry"]), _bytes(row["chain"]), _read_secrets(row["secrets"]))


def _bytes(stored: object) -> bytes:
    """Return a column's bytes; one changed by hand comes as a text, for the chain to find it."""
    return stored if isinstance(stored, bytes) else str(stored).encode()


def read_commands(db: sa.Connection, session: SessionId) -> list[GivenCommand]:
    """Return all commands ever carried out in a session."""
    query = sa.select(commands).where(commands.c.session == session)
    return [
        GivenCommand(row["command_id"], row["actor"], row["digest"]) for row in db.execute(query).mappings()
    ]


def read_sessions(db: sa.Connection) -> list[StoredSession]:
    """Return all sessions, oldest first."""
    query = sa.select(sessions).order_by(sessions.c.opened_ms)
    return [
        StoredSession(row["id"], row["opened_ms"], row["log_seed"], row["archive"])
        for row in db.execute(query).mappings()
    ]


def set_archive(db: sa.Connection, session: SessionId, path: str) -> None:
    """Note where a session's finished archive lies."""
    db.execute(sa.update(sessions).where(sessions.c.id == session).values(archive=path))


def put_checkpoint(db: sa.Connection, session: SessionId, size: int, note: bytes, signers: int) -> None:
    """Keep a cosigned checkpoint; of one size only the note with most cosignatures stays."""
    where = (checkpoints.c.session == session) & (checkpoints.c.size == size)
    known = db.execute(sa.select(checkpoints.c.signers).where(where)).scalar()
    if known is None:
        db.execute(sa.insert(checkpoints).values(session=session, size=size, note=note, signers=signers))
    elif known < signers:
        db.execute(sa.update(checkpoints).where(where).values(note=note, signers=signers))


def read_checkpoints(db: sa.Connection, session: SessionId) -> list[bytes]:
    """Return the kept checkpoints of a session, by size."""
    query = sa.select(checkpoints.c.note).where(checkpoints.c.session == session).order_by(checkpoints.c.size)
    return list(db.execute(query).scalars())


def find_checkpoint(db: sa.Connection, session: SessionId, index: int, signers: int) -> bytes | None:
    """Return the smallest kept checkpoint that covers entry `index` and has at least so many cosignatures."""
    query = sa.select(checkpoints.c.note).where(
        (checkpoints.c.session == session) & (checkpoints.c.size > index) & (checkpoints.c.signers >= signers)
    )
    return db.execute(query.order_by(checkpoints.c.size).limit(1)).scalar()


def _write_secrets(secrets: tuple[Secret, ...]) -> str:
    return json.dumps([[one.path, one.value, one.nonce] for one in secrets]) if secrets else ""


def _read_secrets(text: str) -> tuple[Secret, ...]:
    return tuple(Secret(path, value, nonce) for path, value, nonce in json.loads(text)) if text else ()
