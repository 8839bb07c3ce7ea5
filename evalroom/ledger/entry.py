"""One entry of the journal: a fact, in canonical bytes that are kept verbatim for ever.

`Entry` holds the members that every entry has (archive.md §13); what the body of a type means is said in
`evalroom.events`.  Refused: unknown or missing members, any byte form but the canonical one, a signature
without the command it signs, and a missing salt wherever an entry may later be withheld.
"""

import hashlib
import re
from dataclasses import dataclass

from evalroom.errors import PeerFault
from evalroom.ledger.canonical import SAFE_INTEGER, Json, NotCanonical, canonical, parse_canonical

__all__ = [
    "MAX_ENTRY",
    "UNSALTED",
    "Entry",
    "Json",
    "MalformedEntry",
    "NotCanonical",
    "canonical",
    "chain_hash",
    "encode",
    "leaf_hash",
    "parse_entry",
]

MAX_ENTRY = 1 << 20
"""Largest entry, bytes: a command fits a frame of 64 KiB, an opening entry with its tender needs more."""

UNSALTED = frozenset(
    {
        "TrackStarted",
        "FormatChanged",
        "FragmentRecorded",
        "GapDeclared",
        "ReelClosed",
        "ReelReceived",
        "TrackEnded",
        "ClockMapped",
        "SiteOffsetMeasured",
        "CheckpointCosigned",
    },
)
"""Types that are never withheld (archive.md §13), so that nobody gains by guessing them: salt optional."""

_SALT = re.compile(r"[0-9a-f]{32}")
_TYPE = re.compile(r"[A-Z][A-Za-z0-9]{0,63}")
_REQUIRED = frozenset({"seq", "t", "type", "site", "actor", "body"})
_ALLOWED = _REQUIRED | {"salt", "cmd", "sig"}


class MalformedEntry(PeerFault):
    """An entry of the journal does not have the form the specification gives it: it was not taken."""

    code = "malformed_entry"


@dataclass(frozen=True, slots=True)
class Entry:
    """One fact: leaf `seq` of the session's tree, at `t` ms UTC of the session clock.

    `salt` is 16 random bytes in hex, None only for the types in `UNSALTED`; `cmd` is the id of the command
    that caused the entry and `sig` the detached JWS of the person who gave it.
    """

    seq: int
    t: int
    type: str
    site: str
    actor: str
    salt: str | None
    body: dict[str, Json]
    cmd: str | None = None
    sig: str | None = None


def encode(entry: Entry) -> bytes:
    """Return the canonical bytes of `entry`.

    Raises:
        MalformedEntry: when a member breaks its form.
        NotCanonical: when the body is outside the domain of canonical JSON.
    """
    _check(entry)
    members: dict[str, Json] = {
        "seq": entry.seq,
        "t": entry.t,
        "type": entry.type,
        "site": entry.site,
        "actor": entry.actor,
        "body": entry.body,
    }
    if entry.salt is not None:
        members["salt"] = entry.salt
    if entry.cmd is not None:
        members["cmd"] = entry.cmd
    if entry.sig is not None:
        members["sig"] = entry.sig
    data = canonical(members)
    if len(data) > MAX_ENTRY:
        raise MalformedEntry(reason="longer than 1 MiB", seq=entry.seq)
    return data


def parse_entry(data: bytes) -> Entry:
    """Return the entry whose canonical bytes are exactly `data`.

    Raises:
        MalformedEntry: unknown or missing members, or a member that breaks its form.
        NotCanonical: `data` is not the canonical form of what it says.
    """
    if len(data) > MAX_ENTRY:
        raise MalformedEntry(reason="longer than 1 MiB")
    members = parse_canonical(data)
    if not isinstance(members, dict):
        raise MalformedEntry(reason="no object")
    names = members.keys()
    if not names >= _REQUIRED or not names <= _ALLOWED:
        odd = sorted((_REQUIRED - names) | (names - _ALLOWED))
        raise MalformedEntry(reason="members missing or unknown", members=", ".join(odd)[:200])
    if None in (members.get("salt", ""), members.get("cmd", ""), members.get("sig", "")):
        raise MalformedEntry(reason="an optional member is left out, not null")
    entry = Entry(**{"salt": None, **members})
    _check(entry)
    return entry


def leaf_hash(entry: bytes) -> bytes:
    """Return SHA-256(0x00 || entry), the RFC 6962 §2.1 hash of a leaf."""
    return hashlib.sha256(b"\x00" + entry).digest()


def chain_hash(previous: bytes, leaf: bytes) -> bytes:
    """Return SHA-256(previous || leaf); the chain begins with 32 zero bytes."""
    return hashlib.sha256(previous + leaf).digest()


def _check(entry: Entry) -> None:
    _check_number("seq", entry.seq)
    _check_number("t", entry.t)
    _check_pattern("type", entry.type, _TYPE)
    _check_text("site", entry.site, 64)
    _check_text("actor", entry.actor, 64)
    _check_object("body", entry.body)
    if entry.salt is not None:
        _check_pattern("salt", entry.salt, _SALT)
    elif entry.type not in UNSALTED:
        raise MalformedEntry(reason="salt missing", seq=entry.seq)
    if entry.cmd is not None:
        _check_text("cmd", entry.cmd, 64)
    if entry.sig is not None:
        _check_text("sig", entry.sig, 512)
        if entry.cmd is None:
            raise MalformedEntry(reason="a signature without its command", seq=entry.seq)


def _check_pattern(name: str, value: object, pattern: re.Pattern[str]) -> None:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise MalformedEntry(reason=f"{name} does not match {pattern.pattern}")


def _check_object(name: str, value: object) -> None:
    if not isinstance(value, dict):
        raise MalformedEntry(reason=f"{name} is no object")


def _check_number(name: str, value: object) -> None:
    if type(value) is not int or not 0 <= value <= SAFE_INTEGER:
        raise MalformedEntry(reason=f"{name} is no integer from 0 to 2^53 - 1")


def _check_text(name: str, value: object, longest: int) -> None:
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        raise MalformedEntry(reason=f"{name} is no text of 1 to {longest} characters")
