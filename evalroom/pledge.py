"""The commitment letter 承诺书: discipline, the project, and the bidders with their legal persons, in one text.

An expert agrees to a text, by its digest, and the archive has the text.  So that everybody can see for whom nobody
may have an interest, it names every bidder of the tender whose bid was opened, in the order of their names; in dark
lots too, for the names without the codes tell nothing of whose bid is whose.  Legal persons are what the operator
took down from the opening.  The host issues the letter with the stage `briefed`.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from evalroom.errors import Refusal
from evalroom.ids import SeatCode

NOTICE = """评标纪律与承诺

一、独立评审，不发表诱导性言论，不打听他人评分。
二、评审期间不与外界联系，手机等通信设备已交存。
三、与投标人有利害关系的，主动回避。
四、对评审情况和所知悉的商业秘密负有保密义务。
五、我知悉席位全程录音录像并予归档。

Discipline and commitment

1. I evaluate independently, lead nobody and ask nobody for their scores.
2. I have no contact with the outside during the evaluation; telephones are handed in.
3. Where I have an interest in a bidder, I recuse myself.
4. I keep the evaluation and all business secrets confidential.
5. I know that my seat is filmed and recorded throughout and archived.
"""
"""The notice that a letter begins with; a change of its text is a change of what is agreed to."""

MAX_PERSONS = 200
MAX_NAME = 200
"""Characters of a bidder's name or a legal person's: the longest company name registered has about 60."""


@dataclass(frozen=True, slots=True)
class LegalPerson:
    """Who a bidder's legal person 法定代表人 is, as read at the opening."""

    bidder: str
    person: str


@dataclass(frozen=True, slots=True)
class LegalPersonsEntered:
    """The operator took down the bidders' legal persons; a later list takes the place of an earlier one."""

    persons: tuple[LegalPerson, ...]


@dataclass(frozen=True, slots=True)
class LetterIssued:
    """The text of the commitment letter, and its SHA-256: what experts agree to from now on."""

    text: str
    sha256: str


PledgeEvent = LegalPersonsEntered | LetterIssued


class UnknownLegalPerson(Refusal):
    """A legal person belongs to one of the bidders whose bids were opened, once, and has a name: correct the list."""

    code = "unknown_legal_person"


class OtherLetter(Refusal):
    """What you agreed to is not the letter that was issued: read the letter shown now, then agree again."""

    code = "other_letter"


@dataclass(slots=True)
class Pledge:
    """The letter of a session: what it was made from, its digest, and who agreed to it."""

    persons: dict[str, str] = field(default_factory=dict)
    sha256: str = ""

    def evolve(self, event: PledgeEvent) -> None:
        """Take a fact in."""
        match event:
            case LegalPersonsEntered():
                self.persons = {one.bidder: one.person for one in event.persons}
            case LetterIssued():
                self.sha256 = event.sha256

    def check_persons(self, event: LegalPersonsEntered, bidders: Iterable[str]) -> None:
        """Refuse a list that names somebody else's legal person, or one twice.

        Raises:
            UnknownLegalPerson.
        """
        known, named = set(bidders), [one.bidder for one in event.persons]
        for one in event.persons:
            if one.bidder not in known or not _line(one.person) or len(one.person) > MAX_NAME:
                raise UnknownLegalPerson(bidder=one.bidder[:80])
        if len(set(named)) != len(named) or len(named) > MAX_PERSONS:
            raise UnknownLegalPerson(persons=len(named))

    def check_agreed(self, seat: SeatCode, sha256: str) -> None:
        """Refuse agreement to another text than the one that was issued.

        Raises:
            OtherLetter.
        """
        if sha256 != self.sha256:
            raise OtherLetter(seat=seat)


def write_letter(code: str, title: str, bidders: Iterable[str], persons: Mapping[str, str]) -> LetterIssued:
    """Return the letter of a tender: its code and title, the names of its bidders, and their legal persons."""
    text = "\n".join((NOTICE, *_lines(code, title, sorted({*bidders} - {""}), persons), ""))
    return LetterIssued(text, hashlib.sha256(text.encode()).hexdigest())


def _lines(code: str, title: str, bidders: list[str], persons: Mapping[str, str]) -> Iterator[str]:
    yield f"项目 Project: {_line(code)} {_line(title)}"
    yield ""
    yield "投标人及法定代表人（按名称排列） Bidders and their legal persons, in the order of their names:"
    for number, bidder in enumerate(bidders, start=1):
        yield f"{number}. {_line(bidder)}{_person(persons.get(bidder, ''))}"
    yield ""
    yield "我与上述投标人及其法定代表人没有应当回避的利害关系，同意并遵守以上纪律。"
    yield "I have no interest in these bidders or their legal persons that calls for recusal; I agree to the above."


def _person(person: str) -> str:
    return (
        f" · 法定代表人 legal person: {_line(person)}"
        if person
        else " · 法定代表人未登记 legal person not entered"
    )


def _line(text: str) -> str:
    """Return a name on one line: a line break in it would forge another row of the letter."""
    return " ".join(text.split())
