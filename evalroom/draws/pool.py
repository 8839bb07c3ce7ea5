"""The expert pool and a draw: who is recused, what is published of whom, and the committee's make-up.

An expert with a unit (employer, or another whose bids they may not judge) in common with a bidder or the tenderer
is out before anything is drawn.  Published are pool ids with class and region; units would name the person, so they
stand as a commitment that whoever keeps the pool can open later, to a court or a regulator.  Refused: a committee of
another make-up than declared (招标投标法 37: an odd number, at least five, two thirds of them technical or economic
experts; the numbers are terms of the draw, not of this code).
"""

import hmac
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from evalroom.draws.facts import DrawDeclared, ExpertClass, MakeUp, PoolExpert
from evalroom.ids import DrawId, SessionId
from evalroom.ledger.canonical import canonical

COUNTED = frozenset({ExpertClass.TECHNICAL, ExpertClass.ECONOMIC})
"""Classes that the law's two thirds are made of."""

_WHITE_SPACE = re.compile("[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]")
"""Unicode's property White_Space, spelled out: Python's own idea of it has four characters more."""


@dataclass(frozen=True, slots=True)
class Expert:
    """An expert as the pool has them, less name and telephone: `units` are the employer and all others to recuse from."""

    id: str
    type: ExpertClass
    region: str
    units: tuple[str, ...]


def unit_key(name: str) -> str:
    """Return what two spellings of one unit have in common: width, case and white space do not count.

    Character by character to upper case, then to lower: browsers have no case folding, and this they do alike.
    """
    text = _WHITE_SPACE.sub("", unicodedata.normalize("NFKC", name))
    return "".join(character.upper().lower() for character in text)


def is_recused(units: Iterable[str], against: Iterable[str]) -> bool:
    """Say whether one of an expert's units is among those of bidders and tenderer."""
    return bool({unit_key(one) for one in units} & {unit_key(one) for one in against})


def units_commitment(
    session: SessionId, draw: DrawId, expert: str, units: tuple[str, ...], nonce: bytes
) -> str:
    """Return the commitment to an expert's units: HMAC-SHA256 under a nonce of 32 bytes.

    Raises:
        ValueError: the nonce has another length.
    """
    if len(nonce) != 32:
        raise ValueError("the nonce of a commitment is exactly 32 bytes")
    return hmac.digest(nonce, canonical([session, draw, expert, [*units]]), "sha256").hex()


def publish(
    expert: Expert, session: SessionId, draw: DrawId, against: Iterable[str], nonce: bytes
) -> PoolExpert:
    """Return what is published of an expert for one draw."""
    commitment = units_commitment(session, draw, expert.id, expert.units, nonce)
    recused = is_recused(expert.units, against)
    return PoolExpert(expert.id, expert.type, expert.region, commitment, recused)


def make_up_fault(declared: DrawDeclared) -> str:
    """Say what is wrong with the committee that the draw would make, or nothing."""
    terms = declared.make_up
    if terms is None:
        return "a draw of experts says what the committee must be made of"
    members = terms.owners + sum(place.count for place in declared.places)
    experts = sum(place.count for place in declared.places if place.type in COUNTED)
    if members < terms.least:
        return f"a committee of {members}, and at least {terms.least} are needed"
    if terms.odd and members % 2 == 0:
        return f"a committee of {members}, and an odd number is needed"
    if experts < _share(terms) * members:
        return f"{experts} of {members} are technical or economic experts, and {terms.share} are needed"
    return ""


def _share(terms: MakeUp) -> Fraction:
    numerator, _, denominator = terms.share.partition("/")
    return Fraction(int(numerator), int(denominator))
