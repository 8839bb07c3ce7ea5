"""The journal on disk: a number, a command id and a session are there once; what was written is read back."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from evalroom.events import Secret
from evalroom.ids import CommandId, SessionId
from main_site.store import journal as store
from signaling.database import open_engine

SESSION, OTHER = SessionId("EV-1"), SessionId("EV-2")
SECRET = Secret("/value", "8.5 “优”", "00" * 32)
ROWS = [store.Row(n, f"entry {n}".encode(), bytes([n]) * 32, (SECRET,) if n else ()) for n in range(4)]
GIVEN = store.GivenCommand(CommandId("ab" * 16), "E1", b"d" * 32)


@pytest.fixture(name="db")
def _db(tmp_path: Path) -> Iterator[sa.Connection]:
    engine = open_engine(tmp_path / "evalroom.sqlite")
    store.metadata.create_all(engine)
    with engine.connect() as db:
        yield db
    engine.dispose()


def test_a_number_is_given_once(db: sa.Connection) -> None:
    store.append(db, SESSION, ROWS, [])
    with pytest.raises(sqlite3.IntegrityError):
        store.append(db, SESSION, [replace(ROWS[2], entry=b"another")], [])
    store.append(db, OTHER, ROWS, [])
    assert ROWS == list(store.read(db, SESSION))


def test_a_command_id_is_used_once(db: sa.Connection) -> None:
    store.append(db, SESSION, [], [GIVEN])
    with pytest.raises(sqlite3.IntegrityError):
        store.append(db, SESSION, [], [replace(GIVEN, actor="E2")])
    store.append(db, OTHER, [], [GIVEN])
    assert [GIVEN] == store.read_commands(db, SESSION)


def test_a_session_is_opened_once(db: sa.Connection) -> None:
    stored = store.StoredSession(SESSION, 1, b"s" * 32, "")
    store.add_session(db, stored)
    with pytest.raises(sa.exc.IntegrityError):
        store.add_session(db, replace(stored, log_seed=b"t" * 32))


def test_entries_are_read_back_in_order_with_their_secrets(db: sa.Connection) -> None:
    store.append(db, SESSION, list(reversed(ROWS)), [])
    assert ROWS == list(store.read(db, SESSION))
    assert ROWS[2:] == list(store.read(db, SESSION, 2))
    assert [] == list(store.read(db, OTHER))


def test_a_batch_that_is_rolled_back_leaves_nothing(db: sa.Connection) -> None:
    store.append(db, SESSION, ROWS, [GIVEN])
    db.rollback()
    assert [] == list(store.read(db, SESSION))
    assert [] == store.read_commands(db, SESSION)


def test_sessions_are_listed_oldest_first_with_where_their_archive_lies(db: sa.Connection) -> None:
    new, old = store.StoredSession(OTHER, 9, b"n", ""), store.StoredSession(SESSION, 3, b"o", "")
    for stored in (new, old):
        store.add_session(db, stored)
    store.set_archive(db, OTHER, "/archives/EV-2")
    assert [old, replace(new, archive="/archives/EV-2")] == store.read_sessions(db)


def test_of_one_size_the_note_with_most_cosignatures_stays(db: sa.Connection) -> None:
    for size, note, signers in ((5, b"one", 1), (5, b"two", 2), (5, b"late", 1), (2, b"small", 2)):
        store.put_checkpoint(db, SESSION, size, note, signers)
    store.put_checkpoint(db, OTHER, 1, b"other", 1)
    assert [b"small", b"two"] == store.read_checkpoints(db, SESSION)
