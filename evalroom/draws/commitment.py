"""From the parties' values to the seed: what each digest of a draw covers (docs/spec/draw.md §3).

A party commits to its value before it knows another's, and every later digest covers the earlier ones: the
commitment names the declaration, the reveal names all commitments as the party saw them.  So nobody who keeps the
journal can swap list, terms or commitment after a value is known.  Refused: what is not 64 lower-case hex digits.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict

from evalroom.draws.facts import DrawDeclared
from evalroom.errors import Refusal
from evalroom.ids import DrawId, SeatCode, SessionId
from evalroom.ledger.canonical import Json, canonical

DECLARATION, COMMITMENT = b"evalroom/draw/declaration/v1\n", b"evalroom/draw/commitment/v1\n"
COMMITMENTS, SEED = b"evalroom/draw/commitments/v1\n", b"evalroom/draw/seed/v1\n"

_DIGEST = re.compile(r"[0-9a-f]{64}")


class NoDigest(Refusal):
    """A value, nonce or commitment of a draw is 64 lower-case hex digits: this is not, and nothing was taken."""

    code = "no_digest"


def demand_digest(text: str) -> str:
    """Return `text` when it is 64 lower-case hex digits.

    Raises:
        NoDigest: it is not.
    """
    if not _DIGEST.fullmatch(text):
        raise NoDigest(given=text[:80])
    return text


def _digest(tag: bytes, value: Json) -> str:
    return hashlib.sha256(tag + canonical(value)).hexdigest()


def declaration_digest(session: SessionId, declared: DrawDeclared) -> str:
    """Return the digest of a declaration: over its members and the session's id."""
    return _digest(DECLARATION, {"session": session, **asdict(declared)})


def commitment_to(
    session: SessionId, draw: DrawId, declaration: str, party: SeatCode, value: str, nonce: str
) -> str:
    """Return a party's commitment to `value` under the declaration with that digest.

    Raises:
        NoDigest: value or nonce is no 32 bytes in hex.
    """
    said = [session, draw, declaration, party, demand_digest(value), demand_digest(nonce)]
    return _digest(COMMITMENT, said)


def commitments_digest(
    declaration: str, parties: Iterable[SeatCode], commitments: Mapping[SeatCode, str]
) -> str:
    """Return the digest of all commitments, in the declared order of the parties."""
    return _digest(COMMITMENTS, [declaration, [[party, commitments[party]] for party in parties]])


def seed_of(declaration: str, parties: Iterable[SeatCode], values: Mapping[SeatCode, str]) -> str:
    """Return the seed that all values make, in the declared order of the parties."""
    return _digest(SEED, [declaration, [[party, values[party]] for party in parties]])
