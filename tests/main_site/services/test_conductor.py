"""The writer of a journal: what is acknowledged is on disk once; what is on its way to disk is nobody's yet."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from evalroom import events as ev
from evalroom.commands import AdvanceStage, Order
from evalroom.events import Fact
from evalroom.ids import CommandId
from evalroom.ledger.journal import ChainBroken
from evalroom.needs import Unready
from evalroom.session import NotOwner, Session
from evalroom.sheet import StaleRevision
from evalroom.tender import Part
from main_site.services.conductor import CommandReused, Committed, Conductor, OrderFailed, digest_of, node_key
from main_site.store import journal as store
from signaling.database import StoreFailed
from tests.evalroom.room import BIDS, EXPERTS, OPEN, OPERATOR, SEATS, SESSION, START, SUPERVISOR, WEST, people
from tests.main_site.hall import HeldWriter, conducting, finish, settle, sheet, until, writer_in

E1, E2, _ = EXPERTS
ORIGIN = f"evalroom/{SESSION}"
PEOPLE = people()
"""Their dice go on from test to test: no command id is drawn twice."""


@pytest.fixture
async def writer(tmp_path: Path) -> AsyncIterator[HeldWriter]:
    async with writer_in(tmp_path) as writer:
        yield writer


@pytest.fixture
async def conductor(writer: HeldWriter) -> AsyncIterator[Conductor]:
    async with conducting(writer, OPEN) as conductor:
        yield conductor


def rows(writer: HeldWriter) -> list[store.Row]:
    with writer.engine.connect() as db:
        return list(store.read(db, SESSION))


def given(writer: HeldWriter) -> list[store.GivenCommand]:
    with writer.engine.connect() as db:
        return store.read_commands(db, SESSION)


def fresh(writer: HeldWriter) -> Conductor:
    """Return a conductor as after a restart: it knows what the disk knows."""
    conductor = Conductor(SESSION, ORIGIN, writer, lambda: START)
    conductor.resume(rows(writer), given(writer))
    return conductor


async def scoring(conductor: Conductor) -> None:
    """Bring a session to where sheets are open."""
    persons = PEOPLE
    for _ in range(3):
        await finish(conductor, persons)
        before = conductor.session.stage
        after = list(ev.Stage)[list(ev.Stage).index(before) + 1]
        await conductor.give(persons[OPERATOR].order(AdvanceStage(before, after, "")))


# --- exactly once -------------------------------------------------------------------------------------


async def test_an_id_that_was_used_for_something_else_is_refused(
    conductor: Conductor, writer: HeldWriter
) -> None:
    first = PEOPLE[E1].check_in()
    await conductor.give(first)
    before = rows(writer)
    other = PEOPLE[E1].order(first.command, CommandId("ab" * 16))  # type: ignore[arg-type] # a seat's command
    reused = replace(other, cmd=first.cmd)
    with pytest.raises(CommandReused):
        await conductor.give(reused)
    with pytest.raises(CommandReused):
        await conductor.give(replace(first, actor=E2))
    assert before == rows(writer)


async def test_a_repeated_command_is_answered_and_carried_out_once(
    conductor: Conductor, writer: HeldWriter
) -> None:
    order = PEOPLE[E1].check_in()
    await conductor.give(order)
    before = rows(writer)
    await conductor.give(order)
    await conductor.give(replace(order, at=order.at + 5_000))
    assert before == rows(writer)


async def test_a_command_that_arrives_twice_at_once_is_carried_out_once(
    conductor: Conductor, writer: HeldWriter
) -> None:
    order = PEOPLE[E1].check_in()
    assert {None} == set(await asyncio.gather(conductor.submit(order), conductor.submit(order)))
    assert 2 == len(rows(writer))
    assert [order.cmd] == [one.command_id for one in given(writer)]


async def test_a_repeat_is_known_after_a_restart_and_so_is_a_reused_id(
    conductor: Conductor, writer: HeldWriter
) -> None:
    order = PEOPLE[E1].check_in()
    await conductor.give(order)
    again = fresh(writer)
    running = asyncio.create_task(again.run())
    await again.give(order)
    with pytest.raises(CommandReused):
        await again.give(replace(order, sig="another"))
    running.cancel()
    assert 2 == len(rows(writer))


async def test_a_refused_command_leaves_no_trace_and_its_id_is_free(
    conductor: Conductor, writer: HeldWriter
) -> None:
    order = PEOPLE[E1].check_in()
    with pytest.raises(NotOwner):
        await conductor.give(replace(order, role=SEATS[3].role))
    assert 1 == len(rows(writer))
    await conductor.give(order)
    assert 2 == len(rows(writer))


def test_the_time_of_arrival_is_no_part_of_what_a_command_says() -> None:
    order = PEOPLE[E1].enter(BIDS[0], "plan", "8")
    assert digest_of(order) == digest_of(replace(order, at=order.at + 1))
    for other in (
        replace(order, actor=E2),
        replace(order, sig="x"),
        replace(order, secrets=()),
        replace(order, command=PEOPLE[E1].accept().command),
    ):
        assert digest_of(order) != digest_of(other)


# --- batches --------------------------------------------------------------------------------------------


async def test_an_order_is_decided_on_what_the_one_before_it_in_the_batch_changed(
    conductor: Conductor, writer: HeldWriter
) -> None:
    await scoring(conductor)
    person, writes = PEOPLE[E1], len(rows(writer))
    first, second = (
        person.enter(BIDS[0], "form", value, revision=n) for n, value in ((1, "pass"), (2, "pass"))
    )
    stale = person.enter(BIDS[0], "form", "pass", revision=1)
    outcomes = await asyncio.gather(*map(conductor.submit, (first, second, stale)))
    assert [None, None] == outcomes[:2]
    assert isinstance(outcomes[2], StaleRevision)
    assert writes + 2 == len(rows(writer))


async def test_what_arrives_during_a_commit_goes_into_the_next_one_together(
    conductor: Conductor, writer: HeldWriter
) -> None:
    commits: list[int] = []
    conductor.listeners.append(lambda committed: commits.append(len(committed.facts)))
    writer.gate.clear()
    first = conductor.submit(PEOPLE[E1].check_in())
    await until(lambda: writer.waiting == 1)
    rest = [conductor.submit(PEOPLE[one.code].check_in()) for one in SEATS[1:]]
    writer.gate.set()
    await asyncio.gather(first, *rest)
    assert [1, len(SEATS) - 1] == commits


# --- nothing before the disk ----------------------------------------------------------------------------


async def test_nothing_is_shown_or_answered_before_the_commit(
    conductor: Conductor, writer: HeldWriter
) -> None:
    told: list[Committed] = []
    conductor.listeners.append(told.append)
    before = {key: feed.length for key, feed in conductor.feeds.items()}
    order = PEOPLE[E1].check_in()
    writer.gate.clear()
    good, refused = conductor.submit(order), conductor.submit(replace(order, actor=E2))
    await until(lambda: writer.waiting == 1)
    await settle()
    assert not good.done()
    assert not refused.done()  # its refusal would tell of what is not on disk yet
    assert before == {key: feed.length for key, feed in conductor.feeds.items()}
    assert not told
    writer.gate.set()
    assert await good is None
    assert isinstance(await refused, CommandReused)
    assert [1] == [len(one.facts) for one in told]
    assert conductor.feeds[SUPERVISOR].length == before[SUPERVISOR] + 1
    assert SUPERVISOR in told[0].audiences


async def test_who_waits_for_what_is_kept_reads_it_after_the_commit_even_while_the_next_one_waits(
    conductor: Conductor, writer: HeldWriter
) -> None:
    kept = len(rows(writer))
    writer.gate.clear()
    first = conductor.submit(PEOPLE[E1].check_in())
    await until(lambda: writer.waiting == 1)
    second = conductor.submit(PEOPLE[E2].check_in())
    reader = asyncio.create_task(_size_once_kept(conductor))
    await settle()
    assert not reader.done()
    writer.gate.set()
    assert kept + 1 == await reader
    assert {None} == set(await asyncio.gather(first, second))
    await conductor.kept()
    assert kept + 2 == len(rows(writer))


async def _size_once_kept(conductor: Conductor) -> int:
    await conductor.kept()
    return conductor.session.size


async def test_an_order_that_the_rules_cannot_digest_ends_nobody_elses_session(
    conductor: Conductor, writer: HeldWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide = Session.decide

    def choke(session: Session, order: Order) -> tuple[Fact, ...]:
        if order.actor == E1:
            raise ZeroDivisionError
        return decide(session, order)

    monkeypatch.setattr(Session, "decide", choke)
    before = rows(writer)
    with pytest.raises(OrderFailed):
        await conductor.give(PEOPLE[E1].check_in())
    assert before == rows(writer)
    await conductor.give(PEOPLE[E2].check_in())
    assert len(before) + 1 == len(rows(writer))


async def test_a_failed_commit_ends_the_process_and_answers_nobody(writer: HeldWriter) -> None:
    async with conducting(writer, OPEN) as conductor:
        told: list[Committed] = []
        conductor.listeners.append(told.append)
        lengths = {key: feed.length for key, feed in conductor.feeds.items()}
        with writer.engine.begin() as db:
            db.execute(sa.text("DROP TABLE entries"))
        outcome = conductor.submit(PEOPLE[E1].check_in())
        await until(lambda: bool(writer.deaths))
        await settle()
        assert not outcome.done()
        assert not told
        assert lengths == {key: feed.length for key, feed in conductor.feeds.items()}


async def test_a_session_that_may_not_be_opened_is_not_kept(writer: HeldWriter) -> None:
    bad = replace(OPEN, keys=replace(OPEN.keys, quorum=3))
    with pytest.raises(Unready):
        async with conducting(writer, bad):
            pass
    with writer.engine.connect() as db:
        assert [] == store.read_sessions(db)


async def test_a_session_and_its_first_entry_are_stored_together_or_not_at_all(writer: HeldWriter) -> None:
    with writer.engine.begin() as db:
        db.execute(sa.text("DROP TABLE entries"))
    with pytest.raises(StoreFailed):
        async with conducting(writer, OPEN):
            pass
    with writer.engine.connect() as db:
        assert [] == store.read_sessions(db)


async def test_a_giver_who_went_away_does_not_recall_the_order(
    conductor: Conductor, writer: HeldWriter
) -> None:
    writer.gate.clear()
    outcome = conductor.submit(PEOPLE[E1].check_in())
    await until(lambda: writer.waiting == 1)
    outcome.cancel()
    writer.gate.set()
    assert await conductor.submit(PEOPLE[E2].check_in()) is None
    assert 3 == len(rows(writer))


# --- who is shown what ----------------------------------------------------------------------------------


async def test_a_score_grows_the_feed_of_its_owner_and_no_other(conductor: Conductor) -> None:
    await scoring(conductor)
    before = {key: feed.length for key, feed in conductor.feeds.items()}
    await conductor.give(PEOPLE[E1].enter(BIDS[0], "form", "pass"))
    after = {key: feed.length for key, feed in conductor.feeds.items()}
    assert {E1: before[E1] + 1} == {key: n for key, n in after.items() if n != before[key]}


async def test_every_seat_and_every_sub_sites_node_has_a_feed(conductor: Conductor) -> None:
    assert {*(seat.code for seat in SEATS), node_key(WEST)} == set(conductor.feeds)


# --- coming back ----------------------------------------------------------------------------------------


async def test_a_resumed_session_equals_the_one_that_was_stopped(
    conductor: Conductor, writer: HeldWriter
) -> None:
    await scoring(conductor)
    for order in sheet(conductor.session, PEOPLE[E1], Part.PRELIMINARY):
        conductor.submit(order)
    await conductor.give(PEOPLE[E2].enter(BIDS[1], "form", "fail", reason="page 3"))
    again = fresh(writer)
    assert conductor.session == again.session
    assert conductor.feeds == again.feeds
    assert (conductor.journal.size, conductor.journal.root()) == (again.journal.size, again.journal.root())
    assert conductor.journal.chain == again.journal.chain


def _flip(row: store.Row) -> store.Row:
    return replace(row, entry=row.entry.replace(b"E1", b"E9"))


def _chain(row: store.Row) -> store.Row:
    return replace(row, chain=bytes(32))


@pytest.mark.parametrize(("change", "at"), [(_flip, 1), (_chain, 1), (_chain, -1)])
async def test_an_entry_changed_on_disk_is_not_resumed(
    conductor: Conductor, writer: HeldWriter, change: Callable[[store.Row], store.Row], at: int
) -> None:
    for n in range(3):
        await conductor.give(PEOPLE[SEATS[n].code].check_in())
    kept = rows(writer)
    kept[at] = change(kept[at])
    with pytest.raises(ChainBroken):
        Conductor(SESSION, ORIGIN, writer, lambda: START).resume(kept, [])


@pytest.mark.parametrize("order", [(0, 2, 1, 3), (0, 2, 3), (1, 2, 3)])
async def test_entries_reordered_or_missing_are_not_resumed(
    conductor: Conductor, writer: HeldWriter, order: tuple[int, ...]
) -> None:
    for n in range(3):
        await conductor.give(PEOPLE[SEATS[n].code].check_in())
    kept = rows(writer)
    with pytest.raises(ChainBroken):
        Conductor(SESSION, ORIGIN, writer, lambda: START).resume([kept[n] for n in order], [])
