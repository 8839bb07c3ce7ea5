"""The trail of the standing list on disk: entries verbatim as canonical JSON, in order; nothing is ever changed."""

import sqlalchemy as sa

metadata = sa.MetaData()

trail = sa.Table(
    "standing_trail",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("entry", sa.LargeBinary, nullable=False),
)


def append(db: sa.Connection, number: int, entry: bytes) -> None:
    """Put the next entry down; its number is the table's key, so that no second one can have it."""
    db.execute(sa.insert(trail).values(number=number, entry=entry))


def read(db: sa.Connection) -> list[bytes]:
    """Return the entries in their order."""
    return list(db.execute(sa.select(trail.c.entry).order_by(trail.c.number)).scalars())
