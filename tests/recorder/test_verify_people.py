"""People, worked out a second time: who was confirmed by whom, the letter agreed to, duty forms and their answers."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from evalroom import appraisal as aa
from evalroom import commands as co
from evalroom import pledge as pl
from evalroom.events import Stage
from evalroom.ledger.canonical import Json
from tests.evalroom import arriving as a
from tests.evalroom import room as trade
from tests.recorder.bag_factory import (
    KEYS,
    Bag,
    Play,
    copy_of,
    found,
    one_by_one,
    play_out,
)
from tests.recorder.test_verify import resigned

E1, E2, E3 = trade.EXPERTS
LATE = aa.Tick(aa.Duty.LATE_OR_LEFT_EARLY, aa.Judgement.YES, (3,), "")


class PeoplePlay(Play):
    """A session whose profile asks for everything: one seat is confirmed by two persons, one expert answers."""

    def open_room(self) -> trade.Room:
        return trade.opened(replace(trade.OPEN, keys=KEYS, profile=a.RULES))

    def finish_stage(self) -> None:
        room = self.room
        if room.session.stage is Stage.GATHERING:
            persons = (pl.LegalPerson("bidder of bid1", "Zhang San"),)
            room.give(room[trade.OPERATOR].order(co.EnterLegalPersons(persons)))
            for seat in (E1, E3):
                room.give(a.confirming(room, seat))
            order, digest = a.proposing(room, E2, trade.SITE_OPERATOR)
            room.give(order)
            room.give(room[trade.SUPERVISOR].order(co.Approve("p1", digest)))
            for seat in trade.EXPERTS:
                room.give(a.keeping(room, seat))
            ready = co.DeclareSite(trade.WEST, ready=True, open=(), note="")
            room.give(room[trade.SITE_OPERATOR].order(ready))
        super().finish_stage()

    def keep(self) -> None:
        room = self.room
        if room.session.stage is Stage.CONCLUDED and not room.session.appraisals.forms:
            for seat in trade.EXPERTS:
                room.give(a.form(room, seat, 1, trade.OPERATOR, LATE))
            room.give(room[E1].order(co.AnswerAppraisal(E1, trade.LOT, 1, "a train")))
            room.give(room[trade.OPERATOR].order(co.ReturnPhone(E1, "")))
        super().keep()


@pytest.fixture(scope="module", name="clean")
def _clean(tmp_path_factory: pytest.TempPathFactory) -> Bag:
    folder = tmp_path_factory.mktemp("people")
    bag = Bag(folder / "bag")
    return play_out(bag, PeoplePlay(bag, folder / "reels", one_by_one))


@pytest.fixture(name="bag")
def _bag(clean: Bag, tmp_path: Path) -> Bag:
    return copy_of(clean, tmp_path / "bag")


def test_a_session_that_receives_and_appraises_its_people_passes_every_step(clean: Bag) -> None:
    assert set() == found(clean)


def said(kind: str, nth: int = 0, **body: Json) -> Callable[[Bag], None]:
    """Let whoever acted take part in the lie: it is signed anew."""
    return lambda bag: resigned(bag, bag.find(kind, nth), **body)


def told(kind: str, nth: int = 0, **body: Json) -> Callable[[Bag], None]:
    """Let the host lie in an entry of its own."""
    return lambda bag: bag.change(bag.find(kind, nth), **body)


def dropped(kind: str, nth: int = 0) -> Callable[[Bag], None]:
    return lambda bag: bag.drop(bag.find(kind, nth))


def ticks(bag: Bag, **change: Json) -> list[Json]:
    """Return the first form's ticks with the late one changed."""
    body = bag.rows[bag.find("ExpertAppraised")][0].body
    rows = body["ticks"]
    assert isinstance(rows, list)
    return [{**one, **change} if isinstance(one, dict) and one["duty"] == LATE.duty else one for one in rows]


def letter_without(bag: Bag) -> None:
    """Let the host issue, and the experts agree to, a letter that keeps one bidder quiet."""
    text = pl.write_letter("T-2026-7", "Road", ["bidder of bid2"], {}).text
    bag.change(bag.find("LetterIssued"), text=text)


LIES: dict[str, tuple[str, Callable[[Bag], None]]] = {
    "nobody confirmed a seat": ("identity", dropped("OccupancyConfirmed", 0)),
    "an earlier occupancy was confirmed": ("identity", said("OccupancyConfirmed", 0, occupancy=2)),
    "another site confirmed": ("identity", said("OccupancyConfirmed", 0, seat="E2")),
    "one person says it was two": ("identity", said("OccupancyConfirmed", 0, grade="two")),
    "one person needed no document": ("identity", said("OccupancyConfirmed", 0, basis="other", reason="I know him")),
    "the device failed and nobody says why": ("identity", said("OccupancyConfirmed", 0, basis="document")),
    "two persons agreed on another seat": ("identity", told("OccupancyConfirmed", 2, seat="E1")),
    "a phone was never taken in": ("identity", dropped("PhoneKept", 0)),
    "a phone was taken in twice": ("identity", said("PhoneKept", 1, seat="E1")),
    "a site declared another one": ("identity", said("SiteDeclared", 0, site="east")),
    "a bidder was left out of the letter": ("letter", letter_without),
    "the letter has another digest": ("letter", told("LetterIssued", 0, sha256="0" * 64)),
    "a legal person of nobody": ("letter", said("LegalPersonsEntered", 0, persons=[{"bidder": "x", "person": "y"}])),
    "a legal person was swapped": (
        "letter", said("LegalPersonsEntered", 0, persons=[{"bidder": "bidder of bid1", "person": "Li Si"}]),
    ),
    "an expert agreed to something else": ("letter", said("DisciplineAccepted", 0, sha256="0" * 64)),
    "a stranger was appraised": ("appraisal", said("ExpertAppraised", 0, seat="S1")),
    "a form on evidence to come": (
        "appraisal", lambda bag: resigned(bag, bag.find("ExpertAppraised"), ticks=ticks(bag, entries=[10**6])),
    ),
    "a reproach without ground": (
        "appraisal", lambda bag: resigned(bag, bag.find("ExpertAppraised"), ticks=ticks(bag, entries=[])),
    ),
    "a question was left out": (
        "appraisal", lambda bag: resigned(bag, bag.find("ExpertAppraised"), ticks=ticks(bag)[1:]),
    ),
    "a revision was skipped": ("appraisal", said("ExpertAppraised", 0, revision=2)),
    "another expert answered": ("appraisal", said("AppraisalAnswered", 0, seat="E2")),
    "an answer to another revision": ("appraisal", said("AppraisalAnswered", 0, revision=2)),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_found(bag: Bag, lie: str) -> None:
    code, tell = LIES[lie]
    tell(bag)
    bag.retell()
    bag.write()
    assert (14, code) in found(bag)


@pytest.mark.parametrize(
    "profile", ["people = 1\n", "[people]\ncheckin = 7\n", "[people", '[people]\ncheckin = "x"\n']
)
def test_a_profile_that_no_room_would_take_ends_in_no_crash(bag: Bag, profile: str) -> None:
    bag.change(0, profile=profile)
    bag.retell()
    bag.write()
    assert (14, "profile") in found(bag)
