"""What the spool keeps: in order, once, and the witness's state only by comparing first."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from evalroom.ids import CommandId, SessionId, TrackId
from signaling.database import open_engine
from sub_site import spool
from sub_site.spool import SETTLED, WAITING, Batch, StoredSession

ONE, TWO = SessionId("EV-1"), SessionId("EV-2")
A, B = CommandId("aa" * 16), CommandId("bb" * 16)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sa.Connection]:
    engine = open_engine(tmp_path / "spool.sqlite")
    spool.metadata.create_all(engine)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def test_a_feed_takes_no_number_twice(db: sa.Connection) -> None:
    spool.add_items(db, ONE, "E1", 1, ["a", "b"])
    with pytest.raises(sa.exc.IntegrityError):
        spool.add_items(db, ONE, "E1", 2, ["c"])


def test_feeds_are_kept_apart_by_session_and_audience(db: sa.Connection) -> None:
    spool.add_items(db, ONE, "E1", 1, ["a", "b"])
    spool.add_items(db, ONE, "E2", 1, ["x"])
    spool.add_items(db, TWO, "E1", 1, ["y"])
    spool.add_items(db, ONE, "E1", 3, ["c"])
    assert ["a", "b", "c"] == spool.read_feed(db, ONE, "E1")


def test_a_command_is_kept_once_and_forgotten_when_answered(db: sa.Connection) -> None:
    spool.add_command(db, ONE, B, "first")
    spool.add_command(db, ONE, A, "second")
    spool.add_command(db, TWO, B, "other")
    spool.settle_command(db, ONE, B)
    assert ["second"] == spool.read_commands(db, ONE)
    assert ["other"] == spool.read_commands(db, TWO)
    with pytest.raises(sa.exc.IntegrityError):
        spool.add_command(db, ONE, A, "again")


def test_commands_come_back_in_the_order_they_were_given(db: sa.Connection) -> None:
    for n in (3, 1, 2):
        spool.add_command(db, ONE, CommandId(f"{n:032x}"), f"command {n}")
    assert ["command 3", "command 1", "command 2"] == spool.read_commands(db, ONE)


def test_the_witness_state_is_replaced_only_from_what_was_seen(db: sa.Connection) -> None:
    assert spool.put_witnessed(db, "log", None, "one")
    assert not spool.put_witnessed(db, "log", None, "two")
    assert spool.put_witnessed(db, "log", "one", "two")
    assert not spool.put_witnessed(db, "log", "one", "three")
    assert "two" == spool.read_witnessed(db, "log")


def test_the_newest_batch_tells_whether_it_was_answered(db: sa.Connection) -> None:
    assert spool.read_last_batch(db, ONE) is None
    spool.add_facts(db, ONE, 1, ["f1", "f2", "f3"])
    spool.add_batch(db, ONE, Batch(1, 2, A, WAITING))
    spool.settle_batch(db, ONE, A, SETTLED)
    spool.add_batch(db, ONE, Batch(3, 3, B, WAITING))
    assert Batch(3, 3, B, WAITING) == spool.read_last_batch(db, ONE)
    assert ["f1", "f2", "f3"] == spool.read_facts(db, ONE)


def test_a_session_keeps_its_newest_roster_and_whether_it_is_done(db: sa.Connection) -> None:
    spool.put_roster(db, ONE, "old")
    spool.put_roster(db, ONE, "new")
    spool.put_roster(db, TWO, "other")
    spool.finish_session(db, TWO)
    assert [StoredSession(ONE, "new", done=False), StoredSession(TWO, "other", done=True)] == (
        spool.read_sessions(db)
    )


def test_a_reel_is_noted_as_handed_over_however_often_it_is_said(db: sa.Connection) -> None:
    for _ in range(2):
        spool.add_handed_over(db, ONE, TrackId("west-E2/camera"), 0)
    assert {("west-E2/camera", 0)} == spool.read_handed_over(db, ONE)


def test_measures_are_replaced(db: sa.Connection) -> None:
    spool.put_measures(db, offset_ms=3, bound_ms=1)
    spool.put_measures(db, offset_ms=-7, bound_ms=2)
    assert (-7, 2, None) == tuple(spool.read_measure(db, one) for one in ("offset_ms", "bound_ms", "other"))
