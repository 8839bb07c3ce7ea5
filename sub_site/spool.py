"""What a sub-site keeps on disk: feeds of its seats, commands not yet answered, facts of its own, witness state.

A restart goes on from here alone, with or without the host.  Commands and facts stand here before they are
sent, feed items before they are shown, the witness's state before it is signed.  Facts stay after they are
acknowledged: recovery after a crash compares the reels on disk with what was told.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from evalroom.ids import CommandId, SessionId, TrackId

metadata = sa.MetaData()

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("session", sa.String(64), primary_key=True),
    sa.Column("roster", sa.Text, nullable=False),
    sa.Column("done", sa.Boolean, nullable=False),
)

feeds = sa.Table(
    "feeds",
    metadata,
    sa.Column("session", sa.String(64), primary_key=True),
    sa.Column("audience", sa.String(64), primary_key=True),
    sa.Column("n", sa.Integer, primary_key=True),
    sa.Column("text", sa.Text, nullable=False),
)

commands = sa.Table(
    "commands",
    metadata,
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("session", sa.String(64), nullable=False),
    sa.Column("command_id", sa.String(64), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.UniqueConstraint("session", "command_id"),
)

facts = sa.Table(
    "facts",
    metadata,
    sa.Column("session", sa.String(64), primary_key=True),
    sa.Column("n", sa.Integer, primary_key=True),
    sa.Column("text", sa.Text, nullable=False),
)

batches = sa.Table(
    "batches",
    metadata,
    sa.Column("session", sa.String(64), primary_key=True),
    sa.Column("first", sa.Integer, primary_key=True),
    sa.Column("last", sa.Integer, nullable=False),
    sa.Column("command_id", sa.String(64), nullable=False),
    sa.Column("outcome", sa.String(64), nullable=False),
)

witnessed = sa.Table(
    "witnessed",
    metadata,
    sa.Column("origin", sa.String(128), primary_key=True),
    sa.Column("text", sa.Text, nullable=False),
)

handed_over = sa.Table(
    "handed_over",
    metadata,
    sa.Column("session", sa.String(64), primary_key=True),
    sa.Column("track", sa.String(160), primary_key=True),
    sa.Column("reel", sa.Integer, primary_key=True),
)

measures = sa.Table(
    "measures",
    metadata,
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("value", sa.Integer, nullable=False),
)

WAITING, SETTLED = "waiting", "settled"
"""Outcomes of a batch; any other text is the code with which the host refused it."""


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session this site takes part in: its roster as it came, and whether nothing is left to do."""

    session: SessionId
    roster: str
    done: bool


@dataclass(frozen=True, slots=True)
class Batch:
    """Facts `first` to `last`, sent to the host together under one id."""

    first: int
    last: int
    command_id: CommandId
    outcome: str


# --- sessions and feeds -----------------------------------------------------------------------------


def put_roster(db: sa.Connection, session: SessionId, roster: str) -> None:
    """Keep the newest roster of a session."""
    changed = db.execute(sa.update(sessions).where(sessions.c.session == session).values(roster=roster))
    if not changed.rowcount:
        db.execute(sa.insert(sessions).values(session=session, roster=roster, done=False))


def finish_session(db: sa.Connection, session: SessionId) -> None:
    """Note that this site has nothing left to do for a session; everything stays on disk."""
    db.execute(sa.update(sessions).where(sessions.c.session == session).values(done=True))


def read_sessions(db: sa.Connection) -> list[StoredSession]:
    """Return all sessions this site ever took part in."""
    return [StoredSession(row.session, row.roster, row.done) for row in db.execute(sa.select(sessions))]


def add_items(db: sa.Connection, session: SessionId, audience: str, first: int, texts: Sequence[str]) -> None:
    """Keep items of a feed, numbered from `first` on."""
    rows = [
        {"session": session, "audience": audience, "n": first + index, "text": text}
        for index, text in enumerate(texts)
    ]
    db.execute(sa.insert(feeds), rows)


def read_feed(db: sa.Connection, session: SessionId, audience: str) -> list[str]:
    """Return the items of a feed in order."""
    where = (feeds.c.session == session) & (feeds.c.audience == audience)
    return list(db.scalars(sa.select(feeds.c.text).where(where).order_by(feeds.c.n)))


# --- commands of the seats --------------------------------------------------------------------------


def add_command(db: sa.Connection, session: SessionId, command_id: CommandId, text: str) -> None:
    """Keep a seat's command until the host has answered it."""
    db.execute(sa.insert(commands).values(session=session, command_id=command_id, text=text))


def settle_command(db: sa.Connection, session: SessionId, command_id: CommandId) -> None:
    """Forget an answered command; its effect stands in the seat's feed, its secrets nowhere any more."""
    where = (commands.c.session == session) & (commands.c.command_id == command_id)
    db.execute(sa.delete(commands).where(where))


def read_commands(db: sa.Connection, session: SessionId) -> list[str]:
    """Return the unanswered commands in the order they were given."""
    chosen = sa.select(commands.c.text).where(commands.c.session == session).order_by(commands.c.position)
    return list(db.scalars(chosen))


# --- facts of the node ------------------------------------------------------------------------------


def add_facts(db: sa.Connection, session: SessionId, first: int, texts: Sequence[str]) -> None:
    """Keep facts, numbered from `first` on."""
    rows = [{"session": session, "n": first + index, "text": text} for index, text in enumerate(texts)]
    db.execute(sa.insert(facts), rows)


def add_batch(db: sa.Connection, session: SessionId, batch: Batch) -> None:
    """Fix which facts travel together: a resent batch must be the same to the letter."""
    row = {"first": batch.first, "last": batch.last, "command_id": batch.command_id, "outcome": batch.outcome}
    db.execute(sa.insert(batches).values(session=session, **row))


def settle_batch(db: sa.Connection, session: SessionId, command_id: CommandId, outcome: str) -> None:
    """Note the host's answer to a batch."""
    where = (batches.c.session == session) & (batches.c.command_id == command_id)
    db.execute(sa.update(batches).where(where).values(outcome=outcome))


def read_facts(db: sa.Connection, session: SessionId) -> list[str]:
    """Return all facts ever kept, in order."""
    chosen = sa.select(facts.c.text).where(facts.c.session == session).order_by(facts.c.n)
    return list(db.scalars(chosen))


def read_last_batch(db: sa.Connection, session: SessionId) -> Batch | None:
    """Return the newest batch, the only one that may still be waiting."""
    chosen = sa.select(batches).where(batches.c.session == session).order_by(batches.c.first.desc()).limit(1)
    row = db.execute(chosen).first()
    return None if row is None else Batch(row.first, row.last, CommandId(row.command_id), row.outcome)


# --- witness, reels, measures -----------------------------------------------------------------------


def read_witnessed(db: sa.Connection, origin: str) -> str | None:
    """Return the text of the last checkpoint cosigned for a log."""
    return db.scalar(sa.select(witnessed.c.text).where(witnessed.c.origin == origin))


def put_witnessed(db: sa.Connection, origin: str, before: str | None, text: str) -> bool:
    """Replace the witness's state for a log; False when it is no longer `before`."""
    if read_witnessed(db, origin) != before:
        return False
    if before is None:
        db.execute(sa.insert(witnessed).values(origin=origin, text=text))
    else:
        db.execute(sa.update(witnessed).where(witnessed.c.origin == origin).values(text=text))
    return True


def add_handed_over(db: sa.Connection, session: SessionId, track: TrackId, reel: int) -> None:
    """Note that the host holds a verified copy of a reel."""
    known = read_handed_over(db, session)
    if (track, reel) not in known:
        db.execute(sa.insert(handed_over).values(session=session, track=track, reel=reel))


def read_handed_over(db: sa.Connection, session: SessionId) -> set[tuple[TrackId, int]]:
    """Return the reels of which the host holds a verified copy."""
    rows = db.execute(sa.select(handed_over).where(handed_over.c.session == session))
    return {(TrackId(row.track), row.reel) for row in rows}


def put_measures(db: sa.Connection, **values: int) -> None:
    """Keep numbers that a restart begins with."""
    db.execute(sa.delete(measures).where(measures.c.name.in_(values)))
    db.execute(sa.insert(measures), [{"name": name, "value": value} for name, value in values.items()])


def read_measure(db: sa.Connection, name: str) -> int | None:
    """Return a number kept by an earlier run."""
    return db.scalar(sa.select(measures.c.value).where(measures.c.name == name))
