"""Who sits where: one-time seat codes and the cookies they are exchanged for, on disk at the node.

A code is used once; what stays is a cookie whose hash is kept.  A new code for the same seat has a higher
issue number, and its use ends all older cookies: the way back for somebody who lost the browser.  The node
judges codes by itself, so a seat can be taken while the link to the host is cut.
"""

import hashlib
import secrets
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from evalroom.errors import Refusal
from evalroom.ids import SeatCode, SessionId
from evalroom.protocol.messages import SeatCredential
from evalroom.roles import Role
from signaling.database import writing

ALPHABET = "ABCDEFGHJKMNPQRSTVWXYZ23456789"
"""No 0/O, 1/I/L, U: codes are read aloud and typed by hand."""

HANDLE = 4
LENGTH = 12
"""Eight secret characters after a public handle of four: 39 bits, one-time, behind a limit of tries."""

TRIES, WINDOW_MS = 10, 60_000

metadata = sa.MetaData()

credentials = sa.Table(
    "seat_credentials",
    metadata,
    sa.Column("session", sa.String(64), primary_key=True),
    sa.Column("seat", sa.String(64), primary_key=True),
    sa.Column("role", sa.String(32), nullable=False),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("handle", sa.String(8), nullable=False, index=True),
    sa.Column("salt", sa.String(64), nullable=False),
    sa.Column("code_hash", sa.String(128), nullable=False),
    sa.Column("issue", sa.Integer, nullable=False),
    sa.Column("used", sa.Integer, nullable=False, default=0),
)

cookies = sa.Table(
    "seat_cookies",
    metadata,
    sa.Column("hash", sa.String(64), primary_key=True),
    sa.Column("session", sa.String(64), nullable=False),
    sa.Column("seat", sa.String(64), nullable=False),
    sa.Column("issue", sa.Integer, nullable=False),
)


class WrongCode(Refusal):
    """This seat code is not known here or was already used: check it, or ask the operator for a new one."""

    code = "wrong_code"


class TooManyTries(Refusal):
    """Too many wrong codes from this address: wait a minute, then try again."""

    code = "too_many_tries"


class NotSeated(Refusal):
    """You are not logged in at this node: enter your seat code."""

    code = "not_seated"


@dataclass(frozen=True, slots=True)
class Claim:
    """Who a cookie speaks for."""

    session: SessionId
    seat: SeatCode
    role: Role
    label: str
    issue: int


def new_code() -> str:
    """Draw a seat code, grouped for reading aloud."""
    text = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    return "-".join(text[start : start + 4] for start in range(0, LENGTH, 4))


def normal_code(code: str) -> str:
    """Return a code as typed, without grouping, spaces and case."""
    return "".join(one for one in code.upper() if one in ALPHABET)[: LENGTH + 1]


def hash_code(code: str, salt: str) -> str:
    """Return the scrypt hash (hex) of a code; 4 ms, so that a stolen roster does not give codes away at once."""
    return hashlib.scrypt(normal_code(code).encode(), salt=bytes.fromhex(salt), n=2**12, r=8, p=1).hex()


def credential(seat: SeatCode, role: Role, label: str, code: str, issue: int) -> SeatCredential:
    """Make what a node keeps of a code."""
    salt = secrets.token_hex(16)
    return SeatCredential(seat, role, label, normal_code(code)[:HANDLE], salt, hash_code(code, salt), issue)


class SeatRegister:
    """Credentials and cookies of one node.  Calls wait for the disk: keep them off the event loop."""

    def __init__(self, engine: sa.Engine, clock: Callable[[], int]) -> None:
        """Make the tables where they are missing; `clock` is monotonic, in ms."""
        metadata.create_all(engine)
        self._engine = engine
        self._writing = writing(engine)
        self._clock = clock
        self._failures: dict[str, deque[int]] = {}

    def enrol(self, session: SessionId, seats: Iterable[SeatCredential]) -> None:
        """Take a roster in; what is known keeps its state, a higher issue replaces its code."""
        with self._writing.begin() as db:
            for seat in seats:
                known = db.execute(_by_seat(session, seat.seat)).mappings().first()
                if known is None:
                    db.execute(sa.insert(credentials).values(_row(session, seat)))
                elif known["issue"] < seat.issue:
                    where = (credentials.c.session == session) & (credentials.c.seat == seat.seat)
                    db.execute(sa.update(credentials).where(where).values(_row(session, seat)))

    def roster(self, session: SessionId) -> list[SeatCredential]:
        """Return all credentials of a session."""
        with self._engine.connect() as db:
            rows = db.execute(sa.select(credentials).where(credentials.c.session == session)).mappings()
            return [_credential(row) for row in rows]

    def claim(self, code: str, address: str) -> tuple[Claim, str]:
        """Use a code up; return who it seats and the new cookie's text.

        Raises:
            WrongCode: unknown or used.
            TooManyTries: ten wrong codes a minute from this address.
        """
        self._check_tries(address)
        plain = normal_code(code)
        with self._writing.begin() as db:
            found = (
                db.execute(sa.select(credentials).where(credentials.c.handle == plain[:HANDLE]))
                .mappings()
                .all()
            )
            row = next((one for one in found if hash_code(plain, one["salt"]) == one["code_hash"]), None)
            if row is None or row["used"] >= row["issue"]:
                self._failures.setdefault(address, deque(maxlen=TRIES)).append(self._clock())
                raise WrongCode
            where = (credentials.c.session == row["session"]) & (credentials.c.seat == row["seat"])
            db.execute(sa.update(credentials).where(where).values(used=row["issue"]))
            return _claim(row), self._new_cookie(db, row["session"], row["seat"], row["issue"])

    def seat(self, session: SessionId, seat: SeatCode) -> tuple[Claim, str]:
        """Give a cookie for a seat without a code, to somebody already known in another way.

        Raises:
            NotSeated: there is no such seat here.
        """
        with self._writing.begin() as db:
            row = db.execute(_by_seat(session, seat)).mappings().first()
            if row is None:
                raise NotSeated(seat=seat)
            return _claim(row), self._new_cookie(db, session, seat, row["issue"])

    def whose(self, cookie: str) -> Claim:
        """Return who a cookie speaks for.

        Raises:
            NotSeated: unknown, or ended by a newer code of the same seat.
        """
        join = sa.select(credentials, cookies.c.issue.label("held")).join(
            cookies, (cookies.c.session == credentials.c.session) & (cookies.c.seat == credentials.c.seat)
        )
        with self._engine.connect() as db:
            row = db.execute(join.where(cookies.c.hash == _hash(cookie))).mappings().first()
        if row is None or row["held"] < row["used"]:
            raise NotSeated
        return _claim(row)

    def leave(self, cookie: str) -> None:
        """Forget a cookie."""
        with self._writing.begin() as db:
            db.execute(sa.delete(cookies).where(cookies.c.hash == _hash(cookie)))

    def used(self, session: SessionId, seat: SeatCode, issue: int) -> None:
        """Learn that a code was used at another node."""
        where = (
            (credentials.c.session == session) & (credentials.c.seat == seat) & (credentials.c.used < issue)
        )
        with self._writing.begin() as db:
            db.execute(sa.update(credentials).where(where).values(used=issue))

    def _new_cookie(self, db: sa.Connection, session: str, seat: str, issue: int) -> str:
        cookie = secrets.token_urlsafe(32)
        db.execute(sa.insert(cookies).values(hash=_hash(cookie), session=session, seat=seat, issue=issue))
        return cookie

    def _check_tries(self, address: str) -> None:
        failures = self._failures.get(address, deque())
        while failures and failures[0] < self._clock() - WINDOW_MS:
            failures.popleft()
        if len(failures) >= TRIES:
            raise TooManyTries


def _by_seat(session: str, seat: str) -> sa.Select[tuple[object, ...]]:
    return sa.select(credentials).where((credentials.c.session == session) & (credentials.c.seat == seat))


def _hash(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()


def _row(session: str, seat: SeatCredential) -> dict[str, object]:
    return {
        "session": session,
        "seat": seat.seat,
        "role": str(seat.role),
        "label": seat.label,
        "handle": seat.handle,
        "salt": seat.salt,
        "code_hash": seat.code_hash,
        "issue": seat.issue,
    }


def _credential(row: sa.RowMapping) -> SeatCredential:
    return SeatCredential(
        row["seat"],
        Role(row["role"]),
        row["label"],
        row["handle"],
        row["salt"],
        row["code_hash"],
        row["issue"],
    )


def _claim(row: sa.RowMapping) -> Claim:
    return Claim(row["session"], row["seat"], Role(row["role"]), row["label"], row["issue"])
