"""Paper codes: a slot key that a bidder writes down and types in again on any machine, without any file.

A code is 28 symbols, 140 random bits, in seven groups of four and a check symbol each (docs/spec/bid-keys.md §3); the
slot key is derived from code, tender and number of the bid, so that the envelope and the code are all it takes.  The
code is kept nowhere.  Refused: a group whose check symbol is wrong, with its place, before anything is derived.
"""

import hashlib
import secrets

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from evalroom.errors import Refusal
from evalroom.sealing.suite import OpeningKey, Suite, SuiteUnavailable

SYMBOLS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's alphabet: no I, L, O, U.  I and L are read as 1, O as 0."""

GROUPS, DATA = 7, 4
MEMORY_KIB, PASSES, LANES = 19 * 1024, 2, 1
"""Argon2id at the least that OWASP's cheat sheet on password storage takes: a code is drawn and not guessed, and
sealing has to stay within 64 MiB (bench/sealing.py)."""

_READ_AS = str.maketrans({"I": "1", "L": "1", "O": "0"})
_GF32 = 0b100101
"""x^5 + x^2 + 1, primitive over GF(2): 2 generates all 31 non-zero elements."""


class MistypedCode(Refusal):
    """A paper code was not typed as it was written down: nothing was sent; look at the group named and type it again."""

    code = "mistyped_paper_code"


def draw() -> str:
    """Return a new code, as it is shown to people: `4F7KX-…`, seven groups of five."""
    groups = ["".join(secrets.choice(SYMBOLS) for _ in range(DATA)) for _ in range(GROUPS)]
    return "-".join(group + check_symbol(place, group) for place, group in enumerate(groups, 1))


def check_symbol(place: int, group: str) -> str:
    """Return the check symbol of the group at `place`, from 1.

    A sum over GF(32) with another power of 2 for each symbol and for the place: one wrong symbol, two swapped ones
    and two groups swapped each change it.
    """
    total = 0
    for one in (place, *map(SYMBOLS.index, group)):
        total = _double(total) ^ one
    return SYMBOLS[_double(total)]


def _double(value: int) -> int:
    value <<= 1
    return value ^ _GF32 if value & 0b100000 else value


def read(text: str) -> str:
    """Return the 28 symbols of a code, however it was typed: small letters, spaces and dashes anywhere.

    Raises:
        MistypedCode: another number of symbols, or a group that was not typed as it was shown.
    """
    typed = "".join(one for one in text.upper().translate(_READ_AS) if not one.isspace() and one != "-")
    if len(typed) != GROUPS * (DATA + 1):
        raise MistypedCode(symbols=len(typed), expected=GROUPS * (DATA + 1))
    groups = [typed[start : start + DATA + 1] for start in range(0, len(typed), DATA + 1)]
    for place, group in enumerate(groups, 1):
        if set(group) - set(SYMBOLS) or check_symbol(place, group[:DATA]) != group[DATA]:
            raise MistypedCode(group=place)
    return "".join(group[:DATA] for group in groups)


def slot_key(code: str, suite: Suite, tender: str, bid: bytes) -> OpeningKey:
    """Return the slot key of a code for one bid of 16 bytes; it takes 19 MiB of memory for an instant.

    Raises:
        MistypedCode: it is none.
        SuiteUnavailable: this machine lacks Argon2id, or the suite.
    """
    salt = hashlib.sha256(b"EVB1 paper" + tender.encode() + b"\x00" + bid).digest()
    try:
        derivation = Argon2id(
            salt=salt,
            length=suite.opening_seed_size,
            iterations=PASSES,
            lanes=LANES,
            memory_cost=MEMORY_KIB,
        )
        seed = derivation.derive(read(code).encode())
    except UnsupportedAlgorithm as error:
        raise SuiteUnavailable(library="Argon2id of OpenSSL 3.2") from error
    return suite.load_opening_key(suite.opening_key_from_seed(seed))
