"""What the centre knows beyond its sessions: its sub-sites, codes to enrol them, and operators' cookies."""

import hashlib
import secrets
from dataclasses import dataclass

import sqlalchemy as sa

from evalroom.errors import Refusal
from evalroom.ids import SiteId

metadata = sa.MetaData()

sites = sa.Table(
    "sites",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("code_hash", sa.String(64), nullable=False),
    sa.Column("certificate", sa.Text, nullable=False, default=""),
    sa.Column("witness", sa.Text, nullable=False, default=""),
)

operator_cookies = sa.Table("operator_cookies", metadata, sa.Column("hash", sa.String(64), primary_key=True))


class UnknownEnrolmentCode(Refusal):
    """This enrolment code is unknown or was used: ask the host's operator for a new one."""

    code = "unknown_enrolment_code"


@dataclass(frozen=True, slots=True)
class KnownSite:
    """A sub-site; until it has joined, certificate and witness key are empty."""

    id: SiteId
    name: str
    certificate: str
    witness: str


def issue_enrolment(db: sa.Connection, site: SiteId, name: str) -> str:
    """Give a one-time code with which `site` may join; a site that joined before keeps its keys until then."""
    code = secrets.token_hex(16)  # typed on a command line, where a leading hyphen reads as an option
    known = db.execute(sa.select(sites.c.id).where(sites.c.id == site)).scalar()
    if known is None:
        db.execute(
            sa.insert(sites).values(id=site, name=name, code_hash=_hash(code), certificate="", witness="")
        )
    else:
        db.execute(sa.update(sites).where(sites.c.id == site).values(name=name, code_hash=_hash(code)))
    return code


def find_enrolment(db: sa.Connection, code: str) -> KnownSite:
    """Return the site a code was given to.

    Raises:
        UnknownEnrolmentCode: never given, or used.
    """
    row = db.execute(sa.select(sites).where(sites.c.code_hash == _hash(code))).mappings().first()
    if row is None:
        raise UnknownEnrolmentCode
    return _site(row)


def enrol(db: sa.Connection, site: SiteId, certificate: str, witness: str) -> None:
    """Keep a site's certificate and witness key; its code is used up."""
    values = {"code_hash": "", "certificate": certificate, "witness": witness}
    db.execute(sa.update(sites).where(sites.c.id == site).values(values))


def read_sites(db: sa.Connection) -> list[KnownSite]:
    """Return all sites."""
    return [_site(row) for row in db.execute(sa.select(sites).order_by(sites.c.id)).mappings()]


def new_operator_cookie(db: sa.Connection) -> str:
    """Make a cookie for somebody who knew the operator's code."""
    cookie = secrets.token_urlsafe(32)
    db.execute(sa.insert(operator_cookies).values(hash=_hash(cookie)))
    return cookie


def is_operator_cookie(db: sa.Connection, cookie: str) -> bool:
    """Say whether a cookie is an operator's."""
    query = sa.select(operator_cookies.c.hash).where(operator_cookies.c.hash == _hash(cookie))
    return db.execute(query).scalar() is not None


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _site(row: sa.RowMapping) -> KnownSite:
    return KnownSite(row["id"], row["name"], row["certificate"], row["witness"])
