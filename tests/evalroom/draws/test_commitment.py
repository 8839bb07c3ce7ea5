"""What each digest of a draw covers: everything before it, and nothing twice."""

from dataclasses import asdict, replace
from typing import Any

import pytest

from evalroom.draws.commitment import (
    NoDigest,
    commitment_to,
    commitments_digest,
    declaration_digest,
    demand_digest,
    seed_of,
)
from evalroom.draws.facts import DrawDeclared, Purpose
from evalroom.ids import DrawId, LotId, SeatCode, SessionId
from tests.evalroom.drawing import PARTIES, expert_draw
from tests.evalroom.room import SESSION

COMMAND = expert_draw()
DECLARED = DrawDeclared(**{name: getattr(COMMAND, name) for name in DrawDeclared.__slots__})
VALUE, NONCE = "11" * 32, "22" * 32
OTHER: dict[str, Any] = {
    "draw": DrawId("R2"),
    "purpose": Purpose.CODE,
    "subject": "other",
    "lot": LotId("lot1"),
    "options": ("x",),
    "experts": DECLARED.experts[::-1],
    "places": DECLARED.places[:1],
    "make_up": None,
    "count": 4,
    "takers": ("x",),
    "parties": PARTIES[::-1],
    "closes": 1,
    "ends": 1,
    "redoes": "R0",
}


@pytest.mark.parametrize("member", list(asdict(DECLARED)))
def test_a_declaration_changed_in_any_member_has_another_digest(member: str) -> None:
    changed = replace(DECLARED, **{member: OTHER[member]})
    assert declaration_digest(SESSION, DECLARED) != declaration_digest(SESSION, changed)


def test_a_declaration_in_another_session_has_another_digest() -> None:
    assert declaration_digest(SESSION, DECLARED) != declaration_digest(SessionId("EV-2"), DECLARED)


def test_a_commitment_covers_session_draw_declaration_party_value_and_nonce() -> None:
    def made(*members: str) -> str:
        session, draw, declaration, party, value, nonce = members
        said = (SessionId(session), DrawId(draw), declaration, SeatCode(party))
        return commitment_to(*said, value, nonce)

    first = (SESSION, "K1", "ab" * 32, "O1", VALUE, NONCE)
    found = {made(*first)}
    for place, other in enumerate(("EV-2", "K2", "cd" * 32, "S1", NONCE, VALUE)):
        found.add(made(*first[:place], other, *first[place + 1 :]))
    assert 7 == len(found)


def test_neighbouring_members_cannot_lend_each_other_characters() -> None:
    one = commitment_to(SESSION, DrawId("K"), "1" + "ab" * 32, SeatCode("O1"), VALUE, NONCE)
    other = commitment_to(SESSION, DrawId("K1"), "ab" * 32, SeatCode("O1"), VALUE, NONCE)
    assert one != other


@pytest.mark.parametrize("text", ["", "11" * 31, "11" * 33, "AA" * 32, "11" * 32 + "\n", " " + "1" * 63])
def test_thirty_two_bytes_in_lower_case_hex_and_nothing_else(text: str) -> None:
    with pytest.raises(NoDigest):
        demand_digest(text)
    for given in ((text, NONCE), (VALUE, text)):
        with pytest.raises(NoDigest):
            commitment_to(SESSION, DrawId("K1"), "ab" * 32, SeatCode("O1"), *given)


def test_seed_and_commitments_depend_on_every_party_and_on_their_order() -> None:
    values = dict.fromkeys(PARTIES, VALUE)
    for digest in (seed_of, commitments_digest):
        usual = digest("ab" * 32, PARTIES, values)
        assert usual != digest("cd" * 32, PARTIES, values)
        assert usual != digest("ab" * 32, PARTIES[::-1], values)
        assert usual != digest("ab" * 32, PARTIES[:-1], values)
        for party in PARTIES:
            assert usual != digest("ab" * 32, PARTIES, {**values, party: NONCE})
    assert seed_of("ab" * 32, PARTIES, values) != commitments_digest("ab" * 32, PARTIES, values)
