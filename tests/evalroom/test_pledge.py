"""The commitment letter: everybody agrees to the text that the archive has, and no name in it forges a line."""

import hashlib

import pytest

from evalroom import commands as co
from evalroom import pledge as pl
from evalroom.events import Stage
from evalroom.session import WrongStage
from tests.evalroom import opening
from tests.evalroom import room as plain
from tests.evalroom.room import EXPERTS, LETTER, OPERATOR, Room, room_at
from tests.evalroom.test_session import refused

E1 = EXPERTS[0]
A, B = "bidder of bid1", "bidder of bid2"


def entering(room: Room, **persons: str) -> co.Order:
    named = tuple(pl.LegalPerson(bidder.replace("_", " "), person) for bidder, person in persons.items())
    return room[OPERATOR].order(co.EnterLegalPersons(named))


def letter_of(room: Room) -> str:
    issued = [fact.event for fact in room.history if isinstance(fact.event, pl.LetterIssued)]
    return issued[-1].text


def test_an_expert_agrees_to_the_letter_that_was_issued_and_to_no_other() -> None:
    room = room_at(Stage.BRIEFED)
    for other in ("0" * 64, "", hashlib.sha256(pl.NOTICE.encode()).hexdigest()):
        refused(room, room[E1].accept(other), pl.OtherLetter)
    room.give(room[E1].accept(LETTER.sha256))
    assert hashlib.sha256(letter_of(room).encode()).hexdigest() == LETTER.sha256


def test_the_letter_names_every_bidder_and_the_legal_persons_that_were_entered() -> None:
    room = room_at(Stage.GATHERING)
    room.give(entering(room, **{A: "Zhang San", B: "Li Si"}))
    room.give(entering(room, **{A: "Wang Wu"}))
    plain.finish(room)
    room.advance()
    text = letter_of(room)
    assert (
        "1. bidder of bid1 · 法定代表人 legal person: Wang Wu\n2. bidder of bid2 · 法定代表人未登记" in text
    )
    assert "Li Si" not in text
    assert "T-2026-7 Road" in text


@pytest.mark.parametrize(
    "persons",
    [{"nobody we know": "Zhang San"}, {A: ""}, {A: " \n"}, {A: "x" * 201}],
)
def test_a_legal_person_belongs_to_a_bidder_and_has_a_name(persons: dict[str, str]) -> None:
    room = room_at(Stage.GATHERING)
    refused(room, entering(room, **persons), pl.UnknownLegalPerson)


def test_a_bidder_has_one_legal_person() -> None:
    room = room_at(Stage.GATHERING)
    twice = (pl.LegalPerson(A, "Zhang San"), pl.LegalPerson(A, "Li Si"))
    refused(room, room[OPERATOR].order(co.EnterLegalPersons(twice)), pl.UnknownLegalPerson)


def test_nothing_is_entered_once_the_letter_is_out() -> None:
    room = room_at(Stage.BRIEFED)
    refused(room, entering(room, **{A: "Zhang San"}), WrongStage)


def test_a_line_break_in_a_name_makes_no_line_of_its_own() -> None:
    forged = "甲公司\n2. 乙公司 · 法定代表人 legal person: 张三"
    text = pl.write_letter("T", "x\n3. y", [forged, "丙公司"], {"丙公司": "李四\n4. 丁"}).text
    rows = [line for line in text.splitlines() if "· 法定代表人" in line]
    assert 2 == len(rows)
    assert rows[0].startswith("1. ")
    assert rows[1].startswith("2. ")


def test_the_same_bidders_in_another_order_make_the_same_letter() -> None:
    one = pl.write_letter("T", "x", ["b", "a", "a", ""], {})
    assert pl.write_letter("T", "x", ["a", "b"], {}) == one


def test_of_sealed_bids_the_letter_names_those_that_were_opened() -> None:
    room = opening.at("opened")
    names = room.session.bidders()
    assert {f"bidder {n}" for n in range(3)} <= names
    room.give(entering(room, **{"bidder 0": "Zhang San"}))
    room.advance()
    room.advance()
    rows = [line for line in letter_of(room).splitlines() if "· 法定代表人" in line]
    assert len(names) == len(rows)
    assert rows[0].endswith("bidder 0 · 法定代表人 legal person: Zhang San")
