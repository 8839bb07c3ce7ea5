"""The one writer of a session's journal: orders in, committed facts out, exactly once.

Orders that arrive while a commit is on its way to disk form the next batch, so a busy session costs one
synchronisation for many edits.  Within a batch the fold runs ahead of the disk; nothing of it is shown or
acknowledged before the commit, and a failed commit ends the process (docs/decisions/0002-group-commit.md).
"""

import asyncio
import hashlib
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import sqlalchemy as sa
import structlog

from evalroom import visibility
from evalroom.commands import Order
from evalroom.encoding import body_of
from evalroom.errors import EvalroomError, LocalFault, Refusal
from evalroom.events import Fact
from evalroom.ids import CommandId, SeatCode, SessionId
from evalroom.ledger.entry import UNSALTED, Entry
from evalroom.ledger.journal import Journal
from evalroom.protocol.feed import FeedLog
from evalroom.protocol.messages import NODE_AUDIENCE
from evalroom.roles import Role
from evalroom.session import Session
from evalroom.visibility import Audience, Seen
from main_site.store import journal as store
from signaling.codec import decode_fact, parse_json
from signaling.database import Writer

MAX_BATCH = 512
"""Orders in one transaction: at 1,000 writers a commit takes longer than 512 edits take to arrive."""

MAX_ENTRY_TEXT = 1 << 21


class CommandReused(Refusal):
    """This command id was used for something else before; nothing has changed."""

    code = "command_reused"


class OrderFailed(LocalFault):
    """The host could not carry this out, by a fault of its own: nothing has changed, and what was there is safe; try once more, then call the operator."""

    code = "order_failed"


@dataclass(frozen=True, slots=True)
class Committed:
    """A batch that is on disk: its facts, and the audiences whose feeds have grown."""

    facts: tuple[Fact, ...]
    audiences: frozenset[str]


@dataclass(slots=True)
class _Waiting:
    """One order on its way, and who waits for its outcome."""

    order: Order
    digest: bytes
    outcome: "asyncio.Future[EvalroomError | None]"


@dataclass(slots=True)
class _Batch:
    """What one transaction will hold, and what is shown once it does."""

    rows: list[store.Row] = field(default_factory=list)
    given: list[store.GivenCommand] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    seen: list[tuple[str, Fact, Seen]] = field(default_factory=list)
    done: list[tuple[_Waiting, EvalroomError | None]] = field(default_factory=list)


class Conductor:
    """One session, live at the host."""

    def __init__(self, session_id: SessionId, origin: str, writer: Writer, now: Callable[[], int]) -> None:
        """Begin empty; `now` is the session clock in ms."""
        self.id = session_id
        self.session = Session()
        self.journal = Journal(origin)
        self.feeds: dict[str, FeedLog] = {}
        self.listeners: list[Callable[[Committed], None]] = []
        self.screen: Callable[[Order], None] = lambda _order: None
        self._audiences: dict[str, Audience] = {}
        self._writer = writer
        self._now = now
        self._given: dict[CommandId, tuple[str, bytes]] = {}
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue()
        self._extra: Callable[[sa.Connection], None] | None = None
        self._on_its_way = asyncio.Lock()
        self._log = structlog.get_logger(__name__).bind(session=session_id)

    # --- giving orders ------------------------------------------------------------------------------

    async def give(self, order: Order) -> None:
        """Carry out `order` and return once it is on disk; a repeated one returns at once.

        Cancelling the caller does not recall the order.

        Raises:
            EvalroomError: the refusal, when nothing has changed.
        """
        outcome = await self.submit(order)
        if outcome is not None:
            raise outcome

    def submit(self, order: Order) -> "asyncio.Future[EvalroomError | None]":
        """Queue `order`; the future gives None once it is committed, or the refusal."""
        future: asyncio.Future[EvalroomError | None] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait(_Waiting(order, digest_of(order), future))
        return future

    async def open(self, order: Order, stored: store.StoredSession) -> None:
        """Carry out the first order of a session and keep the session, in one transaction."""
        self._extra = lambda db: store.add_session(db, stored)
        waiting = _Waiting(order, digest_of(order), asyncio.get_running_loop().create_future())
        await self._carry_out([waiting])
        outcome = await waiting.outcome
        if outcome is not None:
            raise outcome

    async def kept(self) -> None:
        """Return when all that the fold holds is on disk: what is read of it before the next await may be shown.

        The wait is one commit at most; the lock is fair, so a busy session starves no reader.  Cancelling changes
        nothing.
        """
        async with self._on_its_way:
            pass

    async def run(self) -> None:
        """Carry out orders until cancelled; cancelling leaves queued orders unanswered, to be sent again."""
        while True:
            batch = [await self._queue.get()]
            while len(batch) < MAX_BATCH and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            await self._carry_out(batch)

    async def _carry_out(self, waiting: list[_Waiting]) -> None:
        async with self._on_its_way:
            batch = _Batch()
            for one in waiting:
                self._decide(one, batch)
            if batch.rows or batch.given:
                extra, self._extra = self._extra, None
                await self._writer.write(lambda db: self._commit(db, batch, extra))
            self._publish(batch)

    def _commit(
        self, db: sa.Connection, batch: _Batch, extra: Callable[[sa.Connection], None] | None
    ) -> None:
        if extra is not None:
            extra(db)
        store.append(db, self.id, batch.rows, batch.given)

    def _decide(self, waiting: _Waiting, batch: _Batch) -> None:
        order = replace(waiting.order, at=self._now())
        try:
            if self._known(order, waiting.digest):
                batch.done.append((waiting, None))
                return
            self.screen(order)
            facts = self.session.decide(order)
        except EvalroomError as refusal:
            batch.done.append((waiting, refusal))
            return
        except Exception:  # noqa: BLE001 - see below
            # Deciding changes nothing: one order that our rules cannot digest must not end the session of all others,
            # again and again, as often as its sender repeats it.
            self._log.exception("order_failed", command=type(order.command).__name__, actor=order.actor)
            batch.done.append((waiting, OrderFailed(command=type(order.command).__name__)))
            return
        for fact in facts:
            batch.rows.append(self._take(fact))
            batch.facts.append(fact)
            batch.seen += [(key, fact, seen) for key, seen in self._seen(fact)]
        if order.cmd is not None:
            self._given[order.cmd] = (order.actor, waiting.digest)
            batch.given.append(store.GivenCommand(order.cmd, order.actor, waiting.digest))
        batch.done.append((waiting, None))

    def _known(self, order: Order, digest: bytes) -> bool:
        known = self._given.get(order.cmd) if order.cmd is not None else None
        if known is not None and known != (order.actor, digest):
            raise CommandReused(command_id=order.cmd)
        return known is not None

    def _take(self, fact: Fact) -> store.Row:
        """Fold a fact in and make its entry."""
        self.session.evolve(fact)
        if self.session.size == 1:
            self._open_feeds()
        kind = type(fact.event).__name__
        entry = Entry(
            seq=self.journal.size,
            t=fact.at,
            type=kind,
            site=fact.site,
            actor=fact.actor,
            salt=None if kind in UNSALTED else secrets.token_hex(16),
            body=body_of(fact.event),
            cmd=fact.cmd,
            sig=fact.sig,
        )
        position = self.journal.append(entry)
        return store.Row(position.seq, position.data, position.chain, fact.secrets)

    def _publish(self, batch: _Batch) -> None:
        for key, fact, seen in batch.seen:
            self.feeds[key].record(fact, seen)
        for waiting, outcome in batch.done:
            if not waiting.outcome.cancelled():
                waiting.outcome.set_result(outcome)
        if batch.facts:
            committed = Committed(tuple(batch.facts), frozenset(key for key, _, _ in batch.seen))
            for listener in self.listeners:
                listener(committed)

    # --- feeds ----------------------------------------------------------------------------------------

    def _open_feeds(self) -> None:
        session = self.session
        for seat in session.seats.values():
            self._audiences[seat.code] = Audience(seat.code, seat.role, seat.site, seat.node)
        for site in session.sites.values():
            if site.node and not site.host:
                self._audiences[node_key(site.id)] = Audience(SeatCode(""), Role.NODE, site.id, site.id)
        for key in self._audiences:
            self.feeds[key] = FeedLog(session.id, key)

    def _seen(self, fact: Fact) -> Iterable[tuple[str, Seen]]:
        if visibility.nobody_sees(fact.event):
            return []
        if visibility.owner_only(fact.event):
            who = self._audiences.get(fact.actor)
            return [(fact.actor, seen) for seen in visibility.view(fact, who, self.session)] if who else []
        return [
            (key, seen)
            for key, who in self._audiences.items()
            for seen in visibility.view(fact, who, self.session)
        ]

    # --- coming back ------------------------------------------------------------------------------------

    def resume(self, rows: Iterable[store.Row], given: Iterable[store.GivenCommand]) -> list[Fact]:
        """Fold a stored journal in, checking its chain, and return its facts; feeds get the numbers they had.

        Raises:
            ChainBroken: an entry was changed on disk.
            IllegalStep: the journal was not written by this software.
        """
        kept, facts = list(rows), []
        self.journal = Journal.resume(self.journal.origin, ((row.entry, row.chain) for row in kept))
        for row in kept:
            fact = decode_fact(parse_json(row.entry.decode(), limit=MAX_ENTRY_TEXT), row.secrets)
            facts.append(fact)
            self.session.evolve(fact)
            if self.session.size == 1:
                self._open_feeds()
            for key, seen in self._seen(fact):
                self.feeds[key].record(fact, seen)
        self._given = {one.command_id: (one.actor, one.digest) for one in given}
        self._log.info("session_resumed", entries=len(kept))
        return facts


def node_key(site: str) -> str:
    """Name the feed of a site's own node."""
    return f"{NODE_AUDIENCE}:{site}"


def digest_of(order: Order) -> bytes:
    """Return the digest that tells a repeated command from a reused id: over all but the time of arrival.

    The spelling of frozen dataclasses names every member, at a quarter of the cost of canonical JSON.
    """
    said = repr((order.actor, order.command, order.secrets, order.sig))
    return hashlib.sha256(said.encode()).digest()
