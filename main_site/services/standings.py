"""The standing list while the centre runs: its trail on disk, its fold in memory, one act after the other."""

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence

import sqlalchemy as sa
import structlog
from pydantic import TypeAdapter, ValidationError

from evalroom.commands import DeclareDraw, Order
from evalroom.draws.facts import Purpose
from evalroom.roles import Role
from main_site.standing import (
    ACTS,
    Act,
    Entry,
    Person,
    Seated,
    StandingList,
    SuspendedExpert,
    TrailBroken,
    fold,
)
from main_site.store import standing as store
from signaling.database import Writer


class Standings:
    """The standing list of one centre."""

    def __init__(self, writer: Writer, now: Callable[[], int]) -> None:
        """Read the trail that is there; one that was changed on disk stops its own use, not the centre's sessions."""
        self._writer = writer
        self._now = now
        self._turn = asyncio.Lock()
        self._broken: TrailBroken | None = None
        self._list = StandingList()
        self.entries: list[Entry] = []
        try:
            with writer.engine.connect() as db:
                self.entries = read_trail(db)
            self._list = fold(self.entries)
        except TrailBroken as broken:
            self._broken = broken
            structlog.get_logger(__name__).critical("standing_trail_broken", problem=str(broken))

    @property
    def list(self) -> StandingList:
        """What stands.

        Raises:
            TrailBroken: the trail was changed on disk: nothing rests on it, and no expert is drawn, until it is restored.
        """
        if self._broken is not None:
            raise self._broken
        return self._list

    async def act(self, by: Person, act: Act) -> Entry:
        """Put an act on the trail and return its entry once it is on disk.

        Cancelling the caller does not recall the act.

        Raises:
            NotSecondPerson, UnknownDecision, OtherDecision, UnusableDecision: nothing was recorded.
        """
        return await asyncio.shield(self._act(by, act))

    async def _act(self, by: Person, act: Act) -> Entry:
        async with self._turn:
            entry = self.list.next(self._now(), by, act)
            await self._writer.write(lambda db: store.append(db, entry.number, entry.text()))
            self.list.take(entry)
            self.entries.append(entry)
            return entry

    def suspended(self, subjects: Iterable[str]) -> tuple[str, ...]:
        """List those of these experts whom a decision in force keeps out."""
        found = self.list.about(subjects, self._now())
        out = (name for name, ones in found.items() if any(one.keeps_out(self._now()) for one in ones))
        return tuple(sorted(out))

    async def give_seats(self, by: Person, wanted: Sequence[Seated]) -> None:
        """Let seats be given to these experts: whatever there is about them was looked at, and stands on the trail.

        All are checked before anything is put down, and all is put down before a seat is given: a session that is then
        not opened leaves no more than the line that somebody looked.

        Raises:
            TrailBroken, SuspendedExpert, StandingWarning, UnusableDecision: no seat is given.
        """
        known = [one for one in wanted if self.list.warnings(one.subject, self._now())]
        for one in known:
            self.list.next(self._now(), by, one)
        for one in known:
            await self.act(by, one)

    def screen(self, order: Order) -> None:
        """Refuse a draw in which a suspended expert could be drawn.

        Raises:
            SuspendedExpert: naming them.
        """
        command = order.command
        if not isinstance(command, DeclareDraw) or command.purpose is not Purpose.EXPERTS:
            return
        out = self.suspended(one.id for one in command.experts if not one.recused)
        if out:
            raise SuspendedExpert(experts=", ".join(out)[:400])


def read_trail(db: sa.Connection) -> list[Entry]:
    """Return the entries of a trail.

    Raises:
        TrailBroken: one has another form than this software writes.
    """
    return [_entry(data) for data in store.read(db)]


def _entry(data: bytes) -> Entry:
    try:
        value = json.loads(data)
        act: Act = TypeAdapter(ACTS[value["type"]]).validate_python(value["act"])
        by = Person(value["by"], Role(value["role"]))
        entry = Entry(value["number"], value["at"], by, act, value["previous"])
    except (ValueError, KeyError, TypeError, ValidationError) as error:
        raise TrailBroken(problem=type(error).__name__) from error
    if entry.text() != data:
        raise TrailBroken(number=entry.number)
    return entry
