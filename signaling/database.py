"""A node's SQLite database: one file, write-ahead log, full synchronisation, one writing thread.

Acknowledged means on disk: with `synchronous=FULL` each commit waits for the disk (measured: 1,934 commits a
second, 0 of 28,061 acknowledged writes lost in 25 kills).  An error in a commit is not "not stored"
(trust.md §2.8), so it ends the process, which starts again and reads what is really there.
"""

import asyncio
import contextlib
import os
import queue
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
import structlog

from evalroom.errors import LocalFault

_T = TypeVar("_T")

STORE_FAILED = 70
"""Exit status after a failed commit (EX_SOFTWARE): whatever supervises the process starts it again."""


MOST_JOBS = 256
"""Pieces of work in one transaction."""

_FAULTS = (sqlite3.Error, sa.exc.SQLAlchemyError)

LOCKED_S = 30.0
"""Seconds to wait for another process that writes the same file, before that is a fault."""


class StoreFailed(LocalFault):
    """The database could not be written: the node stops, starts again and reads what is really stored."""

    code = "store_failed"


def open_engine(path: Path) -> sa.Engine:
    """Open or make the database file at `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(f"sqlite:///{path}", connect_args={"check_same_thread": False, "timeout": 30})
    sa.event.listen(engine, "connect", _set_pragmas)
    sa.event.listen(engine, "begin", _begin)
    return engine


def _set_pragmas(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's own connection
    # The driver's own transactions would begin late and commit at a released savepoint: we begin them ourselves.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: sa.Connection) -> None:
    # A reader that turns writer is refused at once when somebody wrote meanwhile, whatever the timeout says; one
    # that says so from the beginning waits its turn.
    begin = connection.get_execution_options().get("begin", "BEGIN")
    if begin:
        connection.exec_driver_sql(begin)


def writing(engine: sa.Engine) -> sa.Engine:
    """Return the engine for transactions that write: they wait for each other instead of failing."""
    return engine.execution_options(begin="BEGIN IMMEDIATE")


@dataclass(slots=True, eq=False)
class _Job:
    """One piece of work on its way to the disk, and who waits for it."""

    work: Callable[[sa.Connection], Any]
    loop: asyncio.AbstractEventLoop
    done: "asyncio.Future[Any]"
    result: Any = None
    error: BaseException | None = None

    def do(self, db: sa.Connection) -> None:
        """Do the work."""
        self.result, self.error = self.work(db), None

    def answer(self) -> None:
        """Tell whoever waits; called in their loop, after the commit."""
        if self.done.cancelled():
            return
        if self.error is not None:
            self.done.set_exception(self.error)
        else:
            self.done.set_result(self.result)


class _Transactions:
    """The writer's own connection: transactions begun and ended by hand, each with many pieces of work."""

    def __init__(self, engine: sa.Engine) -> None:
        self._db = engine.connect().execution_options(begin="")
        raw = self._db.connection.driver_connection
        if not isinstance(raw, sqlite3.Connection):
            raise StoreFailed(driver=type(raw).__name__)
        self._raw = raw
        self._raw.execute("PRAGMA busy_timeout=0")  # the loop never waits for another process's lock

    def begin(self, batch: list[_Job]) -> bool:
        """Begin a transaction and do the work in it; False when somebody else is writing just now.

        Raises:
            sqlite3.Error, sa.exc.SQLAlchemyError: the database failed.
        """
        if not self._lock():
            return False
        try:
            for job in batch:
                job.do(self._db)
        except _FAULTS:
            self._give_up()
            raise
        except Exception:  # noqa: BLE001 - found again, and handed to whoever waits, by doing each apart
            self._raw.execute("ROLLBACK")
            return self._begin_apart(batch)
        return True

    def _begin_apart(self, batch: list[_Job]) -> bool:
        """Do each piece of work in a savepoint of its own: what one refuses does not touch the others."""
        if not self._lock():
            return False
        for job in batch:
            self._raw.execute("SAVEPOINT job")
            try:
                job.do(self._db)
            except _FAULTS:
                self._give_up()
                raise
            except Exception as error:  # noqa: BLE001 - handed to whoever waits
                job.error = error
                self._raw.execute("ROLLBACK TO job")
            self._raw.execute("RELEASE job")
        return True

    def _give_up(self) -> None:
        with contextlib.suppress(sqlite3.Error):  # the fault that led here is the one that is told
            self._raw.execute("ROLLBACK")

    def _lock(self) -> bool:
        try:
            self._raw.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            return False
        return True

    def wait(self, batch: list[_Job]) -> None:
        """Begin as soon as whoever else is writing has done; blocks.

        Raises:
            sqlite3.Error, sa.exc.SQLAlchemyError: the database failed, or stayed locked for half a minute.
        """
        until = time.monotonic() + LOCKED_S
        while not self.begin(batch):
            if time.monotonic() > until:
                raise sqlite3.OperationalError("database is locked")
            time.sleep(0.002)

    def commit(self) -> None:
        """Wait for the disk; blocks.

        Raises:
            sqlite3.Error: the database failed.
        """
        try:
            self._raw.execute("COMMIT")
        except sqlite3.Error:
            self._give_up()
            raise

    def close(self) -> None:
        """Give the connection back."""
        self._db.close()


class Writer:
    """The one writer of the database: work is done in the loop, and a thread waits for the disk.

    What comes while a commit is on its way goes into the next one, whichever session it is of.  The work is done
    in the loop because it touches memory only: each statement done in a thread hands the interpreter over and
    back, which took 290 of the 400 µs of a scored cell, and waited for a busy loop each time.
    """

    def __init__(self, engine: sa.Engine, fatal: Callable[[BaseException], None] | None = None) -> None:
        """Start idle; `fatal` ends the process when a write failed."""
        self.engine = engine
        self.fatal = fatal or _exit
        self._transactions = _Transactions(engine)
        self._waiting: deque[_Job] = deque()
        self._busy = self._closed = False
        self._turn = threading.Lock()
        self._tasks: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="store", daemon=True)
        self._thread.start()

    async def write(self, work: Callable[[sa.Connection], _T]) -> _T:
        """Run `work` in a transaction and return once it is on disk.

        `work` is run a second time when what came with it was refused and rolled back: it changes nothing but the
        database.  Cancelling the caller does not undo the transaction.

        Raises:
            StoreFailed: the database failed, or is closed; the process is on its way out.
        """
        loop = asyncio.get_running_loop()
        job = _Job(work, loop, loop.create_future())
        with self._turn:
            if self._closed:
                raise StoreFailed
            self._waiting.append(job)
            if not self._busy:
                self._busy = True
                loop.call_soon(self._begin)  # whatever else is ready in this pass of the loop comes along
        result: _T = await job.done
        return result

    def _begin(self) -> None:
        with self._turn:
            batch = [self._waiting.popleft() for _ in range(min(MOST_JOBS, len(self._waiting)))]
            self._busy = bool(batch)
            if batch:
                self._attempt(batch)

    def _attempt(self, batch: list[_Job]) -> None:
        try:
            begun = self._transactions.begin(batch)
        except _FAULTS as error:
            self._fail(batch, error)
            self._tasks.put(partial(self._hand_back, batch))
        else:
            self._tasks.put(partial(self._store, batch, begun=begun))

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            task()

    def _store(self, batch: list[_Job], *, begun: bool) -> None:
        try:
            if not begun:
                self._transactions.wait(batch)
            self._transactions.commit()
        except _FAULTS as error:
            self._fail(batch, error)
        self._hand_back(batch)

    def _hand_back(self, batch: list[_Job]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop of a caller that is gone is closed
            batch[0].loop.call_soon_threadsafe(self._finish, batch)

    def _fail(self, batch: list[_Job], error: Exception) -> None:
        self.fatal(error)
        for job in batch:
            job.error = StoreFailed()
            job.error.__cause__ = error

    def _finish(self, batch: list[_Job]) -> None:
        self._begin()
        here = batch[0].loop
        for job in batch:
            if job.loop is here:
                job.answer()
            else:
                job.loop.call_soon_threadsafe(job.answer)

    def close(self) -> None:
        """Finish what was begun and stop the thread; blocks while the disk is waited for."""
        with self._turn:
            self._closed = True
            rest = list(self._waiting)
            self._waiting.clear()
        if rest:
            self._tasks.put(partial(self._store, rest, begun=False))
        self._tasks.put(None)
        self._thread.join()
        self._transactions.close()
        self.engine.dispose()


def _exit(error: BaseException) -> None:
    structlog.get_logger(__name__).critical("store_failed", error=repr(error))
    os._exit(STORE_FAILED)
