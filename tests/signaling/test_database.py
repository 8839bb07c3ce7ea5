"""The one writer of a node's database: acknowledged is committed, refused touches nobody else, failed is the end."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from evalroom.errors import Refusal
from signaling.database import StoreFailed, Writer, open_engine, writing

metadata = sa.MetaData()
names = sa.Table("names", metadata, sa.Column("name", sa.String(8), primary_key=True))


class Store:
    """A writer, what it called fatal, and what another reader of the file sees."""

    def __init__(self, path: Path) -> None:
        self.path = path
        engine = open_engine(path)
        metadata.create_all(engine)
        self.deaths: list[BaseException] = []
        self.writer = Writer(engine, self.deaths.append)

    def kept(self) -> list[str]:
        other = open_engine(self.path)
        with other.connect() as db:
            found = list(db.execute(sa.select(names.c.name)).scalars())
        other.dispose()
        return found


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "folder" / "node.sqlite")
    yield made
    made.writer.close()


def put(db: sa.Connection, name: str) -> str:
    db.execute(sa.insert(names).values(name=name))
    return name


async def test_a_write_that_the_database_refuses_is_the_end_and_is_not_acknowledged(store: Store) -> None:
    await store.writer.write(lambda db: put(db, "a"))
    with pytest.raises(StoreFailed):
        await store.writer.write(lambda db: put(db, "a"))
    assert 1 == len(store.deaths)
    assert ["a"] == store.kept()


async def test_a_failed_batch_leaves_nothing_behind(store: Store) -> None:
    await store.writer.write(lambda db: put(db, "a"))
    outcomes = await asyncio.gather(
        *(store.writer.write(lambda db, name=name: put(db, name)) for name in ("b", "a", "c")),  # type: ignore[misc] # bound now
        return_exceptions=True,
    )
    assert [StoreFailed] * 3 == [type(one) for one in outcomes]
    assert (1, ["a"]) == (len(store.deaths), store.kept())


async def test_what_the_work_itself_refuses_is_rolled_back_and_ends_nothing(store: Store) -> None:
    def refuse(db: sa.Connection) -> None:
        put(db, "b")
        raise Refusal(reason="no")

    before, refused, after = await asyncio.gather(
        store.writer.write(lambda db: put(db, "a")),
        store.writer.write(refuse),
        store.writer.write(lambda db: put(db, "c")),
        return_exceptions=True,
    )
    assert isinstance(refused, Refusal)
    assert ("a", "c") == (before, after)
    with pytest.raises(Refusal):
        await store.writer.write(refuse)
    assert "d" == await store.writer.write(lambda db: put(db, "d"))
    assert (["a", "c", "d"], []) == (sorted(store.kept()), store.deaths)


async def test_what_comes_while_the_disk_is_waited_for_shares_the_next_commit(store: Store) -> None:
    turns: list[list[str]] = [[], []]

    def note(db: sa.Connection, turn: int, name: str) -> None:
        assert turn or not turns[1]
        turns[turn].append(put(db, name))

    first = asyncio.create_task(store.writer.write(lambda db: note(db, 0, "a")))
    await asyncio.sleep(0)  # the task runs and asks for a turn
    await asyncio.sleep(0)  # which comes in the next pass
    rest = [store.writer.write(lambda db, n=n: note(db, 1, f"n{n}")) for n in range(5)]  # type: ignore[misc] # bound now
    await asyncio.gather(first, *rest)
    assert [["a"], [f"n{n}" for n in range(5)]] == turns
    assert 6 == len(store.kept())


async def test_another_writer_of_the_file_is_waited_for_and_stops_nobodys_loop(store: Store) -> None:
    other = writing(open_engine(store.path))
    with other.begin() as db:
        put(db, "a")
        waiting = asyncio.create_task(store.writer.write(lambda db: put(db, "b")))
        for _ in range(3):
            await asyncio.sleep(0)
        assert not waiting.done()
    await waiting
    other.dispose()
    assert ["a", "b"] == sorted(store.kept())


async def test_a_closed_store_takes_nothing_more(tmp_path: Path) -> None:
    store = Store(tmp_path / "node.sqlite")
    store.writer.close()
    with pytest.raises(StoreFailed):
        await store.writer.write(lambda db: put(db, "a"))


async def test_what_is_acknowledged_is_seen_by_every_other_reader(store: Store) -> None:
    async def write(name: str) -> None:
        assert name == await store.writer.write(lambda db: put(db, name))
        assert name in store.kept()

    await asyncio.gather(*(write(f"n{n}") for n in range(20)))


async def test_a_caller_who_went_away_does_not_undo_the_write(store: Store) -> None:
    gone = asyncio.create_task(store.writer.write(lambda db: put(db, "a")))
    await asyncio.sleep(0)
    gone.cancel()
    await store.writer.write(lambda db: put(db, "b"))
    assert ["a", "b"] == sorted(store.kept())


async def test_closing_finishes_what_was_begun(tmp_path: Path) -> None:
    store = Store(tmp_path / "node.sqlite")
    writes = [asyncio.create_task(store.writer.write(lambda db, n=n: put(db, f"n{n}"))) for n in range(9)]  # type: ignore[misc] # bound now
    await asyncio.sleep(0)
    await asyncio.to_thread(store.writer.close)
    await asyncio.gather(*writes)
    assert 9 == len(store.kept())


def test_the_file_survives_a_cut_of_power(store: Store) -> None:
    with store.writer.engine.connect() as db:
        pragmas = [db.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")]
    assert ["wal", 2] == pragmas


def test_two_that_write_wait_for_each_other(store: Store) -> None:
    engine = writing(open_engine(store.path))
    done: list[str] = []

    def write(name: str) -> None:
        with engine.begin() as db:
            db.execute(sa.select(names)).all()
            done.append(put(db, name))

    threads = [threading.Thread(target=write, args=(f"n{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    engine.dispose()
    assert 8 == len(done) == len(store.kept())
