"""The seats of a session at a node: one window writes, floods wait, silence is told, slow readers get all."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from evalroom.commands import AdvanceStage
from evalroom.events import Stage
from evalroom.ids import CommandId, SeatCode, SessionId, SiteId, TrackId
from evalroom.protocol import messages as m
from evalroom.protocol.feed import FeedLog, FeedReader
from evalroom.protocol.liveness import OFFLINE_MS, LinkState
from evalroom.roles import Role
from signaling import seating as module
from signaling.codec import decode_from_node, encode
from signaling.connection import POLICY, TOO_BIG, LinkClosed
from signaling.ice import IceSettings
from signaling.relay import Relay
from signaling.seating import (
    BURST,
    FORGET_MS,
    MAX_CONNECTIONS,
    PER_SECOND,
    ReadOnly,
    Seating,
    SeatingTerms,
    SeatPerson,
)
from tests.patience import PATIENCE_S
from tests.signaling.test_connection import FakeWire

SESSION, HERE, E1 = SessionId("EV-1"), SiteId("west"), SeatCode("E1")
EXPERT = SeatPerson(E1, Role.EXPERT)


class Wire(FakeWire):
    """A socket that the test speaks on."""

    def __init__(self) -> None:
        super().__init__()
        self._inbox: asyncio.Queue[str | None] = asyncio.Queue()

    async def receive_text(self) -> str:
        text = await self._inbox.get()
        if text is None:
            raise LinkClosed(1001)
        return text

    def say(self, message: object) -> None:
        self._inbox.put_nowait(message if isinstance(message, str) else encode(message))

    def hang_up(self) -> None:
        self._inbox.put_nowait(None)

    def all(self, kind: str) -> list[dict[str, Any]]:
        return [one for one in map(json.loads, self.sent) if one["kind"] == kind]

    def faults(self) -> list[str]:
        return [one["code"] for one in self.all("fault")]


async def until(met: Any) -> None:  # noqa: ANN401 - a question
    async with asyncio.timeout(PATIENCE_S):
        while not met():  # noqa: ASYNC110 - code that knows no tests
            await asyncio.sleep(0.001)


@dataclass
class Behind:
    """What lies behind the seats, kept for the test to look at."""

    host_online: bool = True
    given: list[m.Submit] = field(default_factory=list)
    changes: list[tuple[SeatCode, LinkState]] = field(default_factory=list)
    log: FeedLog = field(default_factory=lambda: FeedLog(SESSION, E1))

    def feed(self, seat: SeatCode) -> FeedLog:
        return self.log if seat == E1 else FeedLog(SESSION, seat)

    def give(self, seat: SeatCode, submit: m.Submit) -> None:
        assert seat == E1
        self.given.append(submit)

    def seat_changed(self, seat: SeatCode, state: LinkState) -> None:
        self.changes.append((seat, state))

    def may_watch(self, seat: SeatCode, track: TrackId) -> bool:
        return not (seat or track)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever else a backing may be told
        return lambda *_: None

    def grow(self, count: int, size: int = 10) -> None:
        for n in range(count):
            self.log.append(json.dumps({"n": n, "type": "x" * size}))


class Room:
    """A node's seats, and the clock by which they are judged."""

    def __init__(self) -> None:
        self.now = 1_000
        self.behind = Behind()
        terms = SeatingTerms(SESSION, HERE, lambda _: HERE, IceSettings(), lambda: None)
        self.seating = Seating(terms, self.behind, Relay(), lambda: 77)
        self.serving: list[asyncio.Task[None]] = []

    async def window(self, person: SeatPerson = EXPERT, *, take: bool = False) -> Wire:
        wire = Wire()
        serve = self.seating.serve(wire, person, take=take, generation=0)
        self.serving.append(asyncio.create_task(serve))
        await until(lambda: wire.sent)
        return wire

    async def said(self, wire: Wire, message: object) -> None:
        """Say something and wait until it was read."""
        pings = len(wire.all("pong"))
        wire.say(message)
        wire.say(m.Ping(1))
        await until(lambda: len(wire.all("pong")) > pings or wire.closed)


@pytest.fixture
async def room(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Room]:
    made = Room()
    monkeypatch.setattr(module, "monotonic_ms", lambda: made.now)
    yield made
    await made.seating.close()
    for task in made.serving:
        task.cancel()
    await asyncio.gather(*made.serving, return_exceptions=True)


def submit(n: int = 1, seat: str = "") -> m.Submit:
    command = AdvanceStage(Stage.GATHERING, Stage.BRIEFED, "")
    return m.Submit(CommandId(f"{n:032x}"), command, (), "sig", None, seat)


# --- who writes -----------------------------------------------------------------------------------------


async def test_a_second_window_only_reads(room: Room) -> None:
    first, second = await room.window(), await room.window()
    await until(second.faults)
    assert ["read_only"] == second.faults()
    await room.said(second, submit())
    assert not room.behind.given
    (refused,) = second.all("refused")
    assert ("read_only", submit().command_id) == (refused["code"], refused["command_id"])
    await room.said(first, submit())
    assert [submit()] == room.behind.given


async def test_a_window_that_takes_the_seat_over_writes_and_the_other_is_told(room: Room) -> None:
    first = await room.window()
    second = await room.window(take=True)
    await until(first.faults)
    assert (["taken_over"], []) == (first.faults(), second.faults())
    await room.said(first, submit(1))
    await room.said(second, submit(2))
    assert [submit(2)] == room.behind.given
    room.seating.acknowledge(E1, submit(2).command_id)
    await until(lambda: second.all("entries"))
    assert not first.all("entries")


async def test_a_reading_window_gets_the_pen_when_the_writing_one_is_gone(room: Room) -> None:
    first, second = await room.window(), await room.window()
    first.hang_up()
    await until(room.serving[0].done)
    await room.said(second, m.Ping(1))
    await room.said(second, submit())
    assert [submit()] == room.behind.given


async def test_the_pen_of_a_seat_gone_silent_is_free(room: Room) -> None:
    await room.window()
    room.now += OFFLINE_MS
    second = await room.window()
    await room.said(second, submit())
    assert [submit()] == room.behind.given


async def test_a_window_silent_for_good_is_forgotten_and_crowds_nobody_out(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "JUDGE_S", 0.001)
    for _ in range(MAX_CONNECTIONS):
        await room.window()
    judging = asyncio.create_task(room.seating.run())
    room.now += FORGET_MS
    await until(lambda: all(one.done() for one in room.serving))
    assert (await room.window()).all("welcome")
    judging.cancel()


async def test_a_seat_has_no_more_windows_than_a_takeover_needs(room: Room) -> None:
    windows = [await room.window() for _ in range(MAX_CONNECTIONS)]
    crowd = await room.window(take=True)
    await until(lambda: crowd.closed)
    assert (POLICY, "seat_crowded") == crowd.closed
    await room.said(windows[0], submit())
    assert [submit()] == room.behind.given
    windows[1].hang_up()
    await until(room.serving[1].done)
    assert (await room.window()).all("welcome")


async def test_a_seat_cannot_act_or_listen_for_another(room: Room) -> None:
    wire = await room.window()
    await room.said(wire, submit(seat="E2"))
    assert not room.behind.given
    assert ["not_permitted"] == [one["code"] for one in wire.all("refused")]
    await room.said(wire, m.Subscribe(0, "E2"))
    assert ["not_permitted"] == wire.faults()
    assert not wire.all("entries")


async def test_a_window_that_only_reads_publishes_and_watches_nothing(room: Room) -> None:
    await room.window()
    second = await room.window()
    await room.said(second, m.Publish(()))
    await room.said(second, m.Watch(()))
    assert room.seating._desks[E1].peer is None


# --- what is no message -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code", "reason"),
    [
        ("", POLICY, "malformed_message"),  # a binary frame reads as empty
        ("no json", POLICY, "malformed_message"),
        ('{"kind":"destroy"}', POLICY, "malformed_message"),
        ('{"kind":"ping","sent_ms":1,"more":1}', POLICY, "malformed_message"),
        ('{"kind":"ping","sent_ms":1.5}', POLICY, "malformed_message"),
        ("x" * (m.MAX_FRAME + 1), TOO_BIG, "frame_too_large"),
        ("优" * (m.MAX_FRAME // 3 + 1), TOO_BIG, "frame_too_large"),
    ],
    ids=["binary", "text", "unknown", "more", "float", "oversized", "oversized in bytes"],
)
async def test_a_broken_frame_closes_its_window_and_no_other(
    room: Room, text: str, code: int, reason: str
) -> None:
    other, wire = await room.window(), await room.window(take=True)
    wire.say(text)
    await until(lambda: wire.closed)
    assert (code, reason) == wire.closed
    assert [reason] == wire.faults()
    await until(room.serving[1].done)
    await room.said(other, m.Ping(1))
    await room.said(other, submit())
    assert [submit()] == room.behind.given


async def test_a_flood_waits_in_its_own_socket(room: Room) -> None:
    wire = await room.window()
    for n in range(BURST + 6):
        wire.say(submit(n))
    began = asyncio.get_running_loop().time()
    await until(lambda: len(room.behind.given) == BURST + 6)
    took = asyncio.get_running_loop().time() - began
    assert (
        took >= sum(range(1, 7)) / PER_SECOND * 0.9
    )  # our clock stands still: each waits longer than the last
    assert wire.closed is None
    other = await room.window(SeatPerson(SeatCode("E2"), Role.EXPERT))
    assert other.all("welcome")


# --- presence ---------------------------------------------------------------------------------------------


async def test_a_seat_that_falls_silent_is_told_once_and_told_again_when_it_is_back(room: Room) -> None:
    wire = await room.window()
    for _ in range(2):
        room.now += OFFLINE_MS // 2
        room.seating._judge(room.seating._desks[E1])
    room.seating._judge(room.seating._desks[E1])
    await room.said(wire, m.Ping(1, 12, 3))
    states = [state for _, state in room.behind.changes]
    assert [LinkState.ONLINE, LinkState.WEAK, LinkState.OFFLINE, LinkState.ONLINE] == states


async def test_a_ping_tells_round_trip_and_outbox_and_brings_the_clock(room: Room) -> None:
    wire = await room.window()
    wire.say(m.Ping(5, 12, 3))
    await until(lambda: wire.all("pong"))
    assert {"at_ms": 77, "kind": "pong", "sent_ms": 5} == wire.all("pong")[0]
    (state,) = room.seating.states()
    assert (E1, "online", 12, 3) == (state.seat, state.link, state.rtt_ms, state.unsent)


async def test_closing_a_window_is_no_absence_until_the_silence_is_long(room: Room) -> None:
    wire = await room.window()
    wire.hang_up()
    await until(room.serving[0].done)
    room.seating._judge(room.seating._desks[E1])
    assert [(E1, LinkState.ONLINE)] == room.behind.changes
    assert [] == room.seating.seated()


async def test_a_seat_whose_cookie_ended_is_shown_out_of_every_window(room: Room) -> None:
    windows = [await room.window(), await room.window()]
    room.seating.end_seat(E1)
    await until(lambda: all(one.closed for one in windows))
    assert {(POLICY, "not_seated")} == {one.closed for one in windows}


# --- feeds ------------------------------------------------------------------------------------------------


async def test_a_feed_of_megabytes_goes_to_a_slow_reader_whole(room: Room) -> None:
    room.behind.grow(400, size=10_000)
    wire = await room.window()
    wire.reading.clear()
    wire.say(m.Subscribe(0))
    await until(lambda: room.seating._desks[E1].windows[0].connection.queued > 0)
    room.seating.grew(E1)
    room.behind.grow(1)
    room.seating.grew(E1)
    wire.reading.set()
    reader = FeedReader(SESSION, E1)
    await until(lambda: sum(len(one["items"]) for one in wire.all("entries")) == 401 or wire.closed)
    for one in wire.all("entries"):
        entries = decode_from_node(one)
        assert isinstance(entries, m.Entries)
        reader.take(entries)
    assert 401 == reader.taken
    assert wire.closed is None


async def test_a_feed_goes_on_from_the_number_a_window_knows(room: Room) -> None:
    room.behind.grow(5)
    wire = await room.window()
    await room.said(wire, m.Subscribe(3))
    room.behind.grow(1)
    room.seating.grew(E1)
    await until(lambda: len(wire.all("entries")) == 2)
    assert [(4, 2), (6, 1)] == [(one["first"], len(one["items"])) for one in wire.all("entries")]


async def test_answers_go_to_the_writing_window_and_news_to_all(room: Room) -> None:
    first, second = await room.window(), await room.window()
    room.seating.hold(E1, (CommandId("a"),))
    room.seating.refuse(E1, module.refused(CommandId("b"), ReadOnly()))
    room.seating.tell(E1, encode(m.Pong(1, 2)))
    await until(lambda: first.all("pong") and second.all("pong"))
    assert (1, 1) == (len(first.all("held")), len(first.all("refused")))
    assert (0, 0) == (len(second.all("held")), len(second.all("refused")))
    room.seating.tell(SeatCode("E9"), encode(m.Pong(1, 2)))
    room.seating.grew(SeatCode("E9"))
    room.seating.end_seat(SeatCode("E9"))


async def test_a_window_is_welcomed_with_who_it_is_and_whether_the_host_is_there(room: Room) -> None:
    room.behind.host_online = False
    (welcome,) = (await room.window()).all("welcome")
    expected = {"session": "EV-1", "site": "west", "seat": "E1", "role": "expert", "at_ms": 77}
    assert expected | {"host_online": False, "kind": "welcome"} == welcome
