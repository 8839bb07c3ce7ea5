"""Commitments: a secret value stands in the journal as an HMAC, and is opened after the unlock.

A score has some 200 possible values, so a plain hash would give it away; a nonce of 32 bytes hides it, and
destroying the nonce erases it for good.  Refused: nonces of any other length (HMAC pads shorter keys with
zeros, so two nonces would open alike).
"""

import hmac
from dataclasses import dataclass

from evalroom.errors import PeerFault
from evalroom.ledger.canonical import canonical

NONCE_SIZE = 32


@dataclass(frozen=True, slots=True)
class Commitment:
    """A salted commitment in place of a secret value: HMAC-SHA256 in lower-case hex."""

    commit: str


@dataclass(frozen=True, slots=True)
class Secret:
    """The opening of one commitment: RFC 6901 pointer into the body, the value, 32 bytes of nonce in hex."""

    path: str
    value: str
    nonce: str


class BadNonce(PeerFault):
    """The nonce of a commitment is not exactly 32 bytes: draw a new one of that length."""

    code = "bad_nonce"


class OpeningMismatch(PeerFault):
    """A value and nonce do not open the commitment in the journal: one of the three was changed."""

    code = "opening_mismatch"


def commit(nonce: bytes, session: str, cmd: str, path: str, value: str) -> str:
    """Return HMAC-SHA256(nonce, RFC 8785 bytes of [session, cmd, path, value]) in lower-case hex.

    `path` is the RFC 6901 pointer into the body at which the commitment stands.

    Raises:
        BadNonce: the nonce is not 32 bytes.
    """
    if len(nonce) != NONCE_SIZE:
        raise BadNonce(length=len(nonce))
    return hmac.digest(nonce, canonical([session, cmd, path, value]), "sha256").hex()


def check_opening(commitment: str, nonce: bytes, session: str, cmd: str, path: str, value: str) -> None:
    """Check that `value` and `nonce` open `commitment`.

    Raises:
        BadNonce: the nonce is not 32 bytes.
        OpeningMismatch: they don't.
    """
    if not hmac.compare_digest(commitment.encode(), commit(nonce, session, cmd, path, value).encode()):
        raise OpeningMismatch(cmd=cmd, path=path)
