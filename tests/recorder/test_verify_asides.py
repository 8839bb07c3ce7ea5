"""The verifier on questions, more time, faults and complaints: forged answers, lone persons, bent hours are found."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from evalroom import approval as ap
from evalroom import commands as co
from evalroom import events as ev
from evalroom.clarification import MAX_ANSWER
from evalroom.events import Fact, Stage
from evalroom.faults import Way
from evalroom.ids import BIDDER_ACTOR, HOST_ACTOR, BidId, SeatCode
from evalroom.ledger.canonical import Json
from evalroom.roles import Role
from evalroom.sealing.custody import answer_message
from tests.evalroom import room as trade
from tests.evalroom.opening import NUMBERS
from tests.evalroom.room import EXPERTS, LOT, OPERATOR, REGULATOR, START, SUPERVISOR
from tests.recorder.bag_factory import (
    Bag,
    Play,
    copy_of,
    found,
    one_by_one,
    play_out,
)
from tests.recorder.sealed_bag import DarkPlay, SealedPlay, by_bidder, envelope_key, make_sealed_bag
from tests.recorder.test_verify import resigned
from tests.recorder.test_verify_opening import retold as sealed_retold

HOUR = 3_600_000
E1, E2, E3 = EXPERTS


class AsidePlay(Play):
    """A rehearsal in which all of it happens: an answer, a silence, an extension, two faults, a complaint."""

    now: int = START

    def entry_at(self, fact: Fact) -> int:
        return max(fact.at, self.bag.rows[-1][0].t if self.bag.rows else 0)

    def give(self, seat: SeatCode, command: co.SeatCommand) -> None:
        self.room.give(replace(self.room[seat].order(command), at=self.now))
        self.keep()

    def ask(self, question: str, bid: BidId) -> None:
        self.give(E2, co.DraftQuestion(question, LOT, bid, f"Which crane is meant ({question})?"))
        self.give(E1, co.SendQuestion(question, self.room.session.asides.questions.all[question].digest))
        self.give(OPERATOR, co.RelayQuestion(question, self.now + 2 * HOUR))

    def two_persons(self, by: SeatCode, proposal: str, act: ap.Act) -> None:
        self.give(by, co.Propose(proposal, act, "agreed by telephone"))
        digest = self.room.session.approvals.waiting[proposal].digest
        self.give(REGULATOR, co.Approve(proposal, digest))

    def finish_stage(self) -> None:
        self.now = max(self.now, self.bag.rows[-1][0].t)
        match self.room.session.stage:
            case Stage.BRIEFED:
                self.give(SUPERVISOR, co.DeclareFault("f1", trade.WEST, "no power"))
                self.now += HOUR
                self.give(OPERATOR, co.MendFault("f1", "the generator runs"))
                self.give(SUPERVISOR, co.ResumeSession("power is back"))
            case Stage.DETAILED:
                self.beside_the_sheets()
            case _:
                pass
        Play.finish_stage(self)

    def go_on(self) -> None:
        """Go to the next stage; at the conclusion somebody complains."""
        self.room.advance()
        self.keep()
        if self.room.session.stage is Stage.CONCLUDED:
            self.complain()

    def beside_the_sheets(self) -> None:
        for seat in (E1, E2):
            self.give(seat, co.AskMoreTime("many bids"))
        self.give(OPERATOR, co.GrantMoreTime(self.now + 9 * HOUR, "agreed by telephone"))
        self.ask("q1", trade.BIDS[0])
        self.ask("q2", trade.BIDS[1])
        self.give(OPERATOR, co.EnterAnswer("q1", "The one of 50 t."))
        self.now += 2 * HOUR + 1
        self.room.give(co.Order(co.RecordSilence("q2"), self.now, HOST_ACTOR, trade.HOST, Role.HOST))
        self.give(SUPERVISOR, co.DeclareFault("f2", "", "no water"))
        self.now += 4 * HOUR
        self.two_persons(OPERATOR, "p1", ap.SettleFault("f2", Way.GO_ON, 0))

    def complain(self) -> None:
        self.two_persons(OPERATOR, "p2", ap.ReopenForComplaint())
        for seat in (E1, E2):
            command = co.SignSupplement(1, self.room.session.results_digest(), "Our points stand.")
            self.give(seat, command)
        self.give(OPERATOR, co.CloseComplaint(1, "answered in writing"))

    def run(self) -> None:
        self.note(ev.SiteOffsetMeasured(trade.WEST, -1500, 4000))
        for person in self.room.people.values():
            self.room.give(person.check_in())
        self.tell(one_by_one(self.media.first()))
        while self.room.session.stage is not Stage.CONCLUDED:
            self.finish_stage()
            self.go_on()
        self.tell(self.batches(self.media.rest()))
        self.room.give(self.room[OPERATOR].order(co.CloseSession("done")))
        self.keep()
        self.bag.cosigned.add(self.journal.size)


@pytest.fixture(scope="module", name="clean")
def _clean(tmp_path_factory: pytest.TempPathFactory) -> Bag:
    folder = tmp_path_factory.mktemp("asides")
    bag = Bag(folder / "bag")
    return play_out(bag, AsidePlay(bag, folder / "reels", one_by_one))


@pytest.fixture(name="bag")
def _bag(clean: Bag, tmp_path: Path) -> Bag:
    return copy_of(clean, tmp_path / "bag")


def test_a_session_in_which_all_of_it_happened_passes_every_step(clean: Bag) -> None:
    kinds = {entry.type for entry, _ in clean.rows}
    assert {
        "AnswerEntered",
        "QuestionUnanswered",
        "MoreTimeGranted",
        "FaultSettled",
        "SupplementSigned",
    } <= kinds
    assert set() == found(clean)


def lie(kind: str, nth: int = 0, **body: Json) -> Callable[[Bag], None]:
    return lambda bag: resigned(bag, bag.find(kind, nth), **body)


def by_lie(kind: str, nth: int = 0, **body: Json) -> Callable[[Bag], None]:
    return lambda bag: bag.change(bag.find(kind, nth), **body)


def gone(kind: str, nth: int = 0) -> Callable[[Bag], None]:
    return lambda bag: bag.drop(bag.find(kind, nth))


def late(kind: str, by: int) -> Callable[[Bag], None]:
    """Let an entry, and all after it, be written so much later or earlier."""

    def change(bag: Bag) -> None:
        place = bag.find(kind)
        entry, secrets = bag.rows[place]
        bag.rows[place] = (replace(entry, t=entry.t + by), secrets)

    return change


LIES: dict[str, tuple[Callable[[Bag], None], str]] = {
    "another text was sent than drafted": (lie("QuestionDrafted", text="Is it the red crane?"), "question"),
    "another than the chair's rules lets send": (by_lie("QuestionSent", sha256="00" * 32), "question"),
    "too little time to answer": (lie("QuestionRelayed", until=START + HOUR), "question"),
    "an answer that nobody was asked for": (lie("AnswerEntered", question="q7"), "question"),
    "an answer twice": (lie("AnswerEntered", question="q2"), "question"),
    "a silence before its hour": (late("QuestionUnanswered", -2), "question"),
    "a silence that is left out": (gone("QuestionUnanswered"), "question"),
    "an answer that is left out": (gone("AnswerEntered"), "question"),
    "more time for one who asks": (gone("MoreTimeAsked"), "more_time"),
    "more time into the past": (lie("MoreTimeGranted", until=1), "more_time"),
    "a fault that was never mended": (gone("FaultMended"), "fault"),
    "a pause for no fault": (gone("FaultDeclared"), "fault"),
    "a fault settled another way": (by_lie("FaultSettled", way="abort"), "fault"),
    "a fault settled too early": (late("FaultSettled", -2), "fault"),
    "a fault settled by nobody": (gone("Approved"), "fault"),
    "a complaint opened by nobody": (gone("Approved", 1), "complaint"),
    "a statement on other results": (lie("SupplementSigned", digest="00" * 32), "complaint"),
    "a statement on another complaint": (lie("SupplementSigned", complaint=2), "complaint"),
    "a complaint that was never closed": (gone("ComplaintClosed"), "complaint"),
}


@pytest.mark.parametrize("name", LIES)
def test_a_lie_is_found(bag: Bag, name: str) -> None:
    change, code = LIES[name]
    change(bag)
    bag.retell()
    bag.write()
    assert (14, code) in found(bag)


# --- answers of sealed bids -----------------------------------------------------------------------------


class AnsweredPlay(SealedPlay):
    """A sealed session in which the first bidder answers a question in time."""

    def finish_stage(self) -> None:
        if self.room.session.stage is Stage.DETAILED:
            self.clarify()
        super().finish_stage()

    def clarify(self) -> None:
        room, number = self.room, NUMBERS[0]
        bid = next(bid for bid, one in room.ceremony.admitted.items() if one.number == number)
        room.give(room.by_seat(E1, co.DraftQuestion("q1", LOT, bid, "Which crane is meant?")))
        digest = room.session.asides.questions.all["q1"].digest
        room.give(room.by_seat(E1, co.SendQuestion("q1", digest)))
        room.give(room.by_seat(OPERATOR, co.RelayQuestion("q1", room.now + 3 * HOUR)))
        text = "The one of 50 t."
        signature = by_bidder(number, answer_message(trade.SESSION, number, bytes.fromhex(digest), text))
        answer = co.TakeAnswer("q1", text, signature, envelope_key(number), marked=False)
        room.give(co.Order(answer, room.now, BIDDER_ACTOR, trade.HOST, Role.BIDDER))


class DarkAnsweredPlay(AnsweredPlay, DarkPlay):
    """The same in a dark lot, where the bid has a code."""


@pytest.fixture(scope="module", name="sealed")
def _sealed(tmp_path_factory: pytest.TempPathFactory) -> Bag:
    return make_sealed_bag(tmp_path_factory.mktemp("answered") / "bag", AnsweredPlay)


def test_a_signed_answer_is_verified_from_the_archive_alone(sealed: Bag, tmp_path: Path) -> None:
    for bag in (sealed, make_sealed_bag(tmp_path / "dark", DarkAnsweredPlay)):
        assert 1 == sum(entry.type == "QuestionAnswered" for entry, _ in bag.rows)
        assert set() == found(bag)


FORGERIES: Sequence[dict[str, Json]] = (
    {"text": "The one of 80 t."},
    {"text": "x" * MAX_ANSWER},
    {"signature": ""},
    {"signature": "c2ln"},
)


@pytest.mark.parametrize("change", FORGERIES)
def test_an_answer_that_its_bidder_did_not_sign_is_found(
    sealed: Bag, tmp_path: Path, change: dict[str, Json]
) -> None:
    bag = copy_of(sealed, tmp_path / "bag")
    bag.change(bag.find("QuestionAnswered"), **change)
    assert (21, "answer_signature") in sealed_retold(bag)


def test_an_answer_signed_by_another_bidder_is_found(sealed: Bag, tmp_path: Path) -> None:
    bag = copy_of(sealed, tmp_path / "bag")
    place = bag.find("QuestionAnswered")
    digest = bag.rows[bag.find("QuestionSent")][0].body["sha256"]
    text = str(bag.rows[place][0].body["text"])
    message = answer_message(trade.SESSION, NUMBERS[1], bytes.fromhex(str(digest)), text)
    bag.change(place, signature=by_bidder(NUMBERS[1], message))
    assert (21, "answer_signature") in sealed_retold(bag)


def test_a_question_put_in_another_bidders_mouth_is_found(sealed: Bag, tmp_path: Path) -> None:
    bag = copy_of(sealed, tmp_path / "bag")
    resigned(bag, bag.find("QuestionDrafted"), text="Do you withdraw?")
    assert {(14, "question"), (21, "answer_signature")} <= sealed_retold(bag)
