"""Clarification 澄清: what the committee asks a bidder in writing, and what the bidder answers or leaves unanswered.

A member drafts, the chair sends, the host relays, the bidder signs the answer with the envelope key of its bid.  The
profile may want a regulator, or regulator and operator, to approve before a question is sent; what they approve is its
digest.  An answer is evidence to read: nothing here touches a sheet.  A question of a stage that is void stays in the
journal as an annex and is owed no answer.

As long as a lot is dark its bids have codes and no names.  An answer that would tell whose it is is asked about, never
changed: its bidder hears what was found and decides; what was sent all the same stays from the experts until the names
are known.
"""

import hashlib
from collections.abc import Collection, Container, Mapping
from dataclasses import dataclass, field, replace

from evalroom.errors import Refusal
from evalroom.ids import BidId, LotId, SeatCode, check_name
from evalroom.ledger.canonical import canonical
from evalroom.marks import SAID, MarkKind, Traces, marks_in
from evalroom.stages import ROAD, Stage

MAX_QUESTION = 2_000
MAX_ANSWER = 4_000
"""Characters: in a frame of 64 KiB even of four bytes each, and escaped."""

LONGEST_GRACE_MS = 86_400_000
"""How much longer than the profile's time a bidder may be given: a slip in the date must not hold up a session."""

ASKING: frozenset[Stage] = frozenset({Stage.PRELIMINARY, Stage.DETAILED, Stage.SUMMARY})
"""Stages in which a bidder is asked."""


@dataclass(frozen=True, slots=True)
class QuestionDrafted:
    """A member wrote down what a bidder is to be asked; `question` is an id of their choice."""

    question: str
    lot: LotId
    bid: BidId
    text: str


@dataclass(frozen=True, slots=True)
class QuestionSent:
    """The chair sent a question with this digest, or it was approved as the profile asks: the host relays it."""

    question: str
    sha256: str


@dataclass(frozen=True, slots=True)
class QuestionRelayed:
    """The host put the question before its bidder, who answers until `until` (UTC ms)."""

    question: str
    until: int


@dataclass(frozen=True, slots=True)
class QuestionAnswered:
    """The bidder answered; `signature` is by the envelope key of its bid, which is not named here.

    `marks` lists what kinds of things in the text might tell whose it is, while its lot is dark.
    """

    question: str
    text: str
    signature: str
    marks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AnswerEntered:
    """The operator entered an answer that was handed in on paper (rehearsals, whose bids have no keys)."""

    question: str
    text: str


@dataclass(frozen=True, slots=True)
class QuestionUnanswered:
    """The time to answer was over and nothing had come."""

    question: str


QuestionEvent = (
    QuestionDrafted | QuestionSent | QuestionRelayed | QuestionAnswered | AnswerEntered | QuestionUnanswered
)


class UnknownQuestion(Refusal):
    """No such question waits for this: it was settled, is void with its stage, or was never asked; look at the list."""

    code = "unknown_question"


class QuestionTaken(Refusal):
    """A question of that id is there already; nothing has changed, give yours another."""

    code = "question_taken"


class UnusableText(Refusal):
    """A question has 1 to 2,000 characters, an answer 1 to 4,000, and no control signs: shorten it, then send it again."""

    code = "unusable_text"


class OtherQuestion(Refusal):
    """The digest sent is not that of the question as it was drafted: read it again, then send it."""

    code = "other_question"


class NotSender(Refusal):
    """The chair sends questions; where the committee has none, whoever drafted it: nothing was sent."""

    code = "not_sender"


class AnswerLate(Refusal):
    """The time to answer is over, so nothing was taken; the committee goes on with what the bid itself says."""

    code = "answer_late"


class UnusableDeadline(Refusal):
    """The bidder gets at least the time of the rules and at most a day more: choose the hour anew; nothing was relayed."""

    code = "unusable_deadline"


class MarkedAnswer(Refusal):
    """Something in the answer may tell whose it is, and this lot is dark: nothing was sent; write it without, or confirm."""

    code = "marked_answer"


class NotOnPaper(Refusal):
    """Bidders of this session sign their answers with the keys of their bids: nothing was entered, let the bidder answer."""

    code = "not_on_paper"


def question_digest(question: str, text: str) -> str:
    """Return what the chair sends, others approve and the bidder signs: hex SHA-256 of RFC 8785 {question, text}.

    The bid is left out: of a dark lot its bidder must not learn the code.
    """
    return hashlib.sha256(canonical({"question": question, "text": text})).hexdigest()


@dataclass(frozen=True, slots=True)
class Question:
    """A question as it stands; `until` is 0 until it is relayed, `annex` says that its stage is void."""

    drafted: QuestionDrafted
    by: SeatCode
    stage: Stage
    digest: str
    sent: bool = False
    until: int = 0
    answer: str | None = None
    marks: tuple[str, ...] = ()
    paper: bool = False
    silent: bool = False
    annex: bool = False

    @property
    def over(self) -> bool:
        """Say whether nothing more is waited for."""
        return self.annex or self.silent or self.answer is not None

    @property
    def open(self) -> bool:
        """Say whether the evaluation waits for it: sent, and not over."""
        return self.sent and not self.over


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks, and which bids may be asked: those of each lot that are still in."""

    seat: SeatCode
    leads: bool
    bids: Mapping[LotId, Collection[BidId]]


@dataclass(slots=True)
class Clarifications:
    """The questions of a session, by id, in the order of their drafting."""

    all: dict[str, Question] = field(default_factory=dict)

    def waiting(self, failed: Container[LotId] = (), lot: LotId | None = None) -> tuple[str, ...]:
        """List the questions that the evaluation waits for, of one lot or of all that have not failed."""
        return tuple(
            name
            for name, one in self.all.items()
            if one.open and one.drafted.lot not in failed and lot in (None, one.drafted.lot)
        )

    def overdue(self, at: int) -> tuple[str, ...]:
        """List the relayed questions whose time is over without an answer."""
        return tuple(name for name, one in self.all.items() if one.open and 0 < one.until < at)

    def of_bid(self, bid: BidId) -> tuple[Question, ...]:
        """List what a bidder was asked about one bid: the relayed questions, whatever became of them."""
        return tuple(one for one in self.all.values() if one.drafted.bid == bid and one.until)

    def withheld(self, lots: Container[LotId]) -> tuple[Question, ...]:
        """List the answers of these lots that may tell whose they are."""
        return tuple(one for one in self.all.values() if one.marks and one.drafted.lot in lots)

    # --- rules ------------------------------------------------------------------------------------

    def check_draft(self, draft: QuestionDrafted, who: Asking) -> None:
        """Refuse a question about no bid of the evaluation, or one that is no text.

        Raises:
            MalformedName, QuestionTaken, UnknownQuestion, UnusableText.
        """
        check_name(draft.question)
        if draft.question in self.all:
            raise QuestionTaken(question=draft.question)
        if draft.bid not in who.bids.get(draft.lot, ()):
            raise UnknownQuestion(lot=draft.lot[:40], bid=draft.bid[:40])
        _check_text(draft.text, MAX_QUESTION)

    def check_sending(self, question: str, sha256: str, who: Asking) -> None:
        """Refuse to send what another leads, what was sent already, or another text than was drafted.

        Raises:
            UnknownQuestion, NotSender, OtherQuestion.
        """
        one = self.all.get(question)
        if one is None or one.sent or one.annex:
            raise UnknownQuestion(question=question[:40])
        if not who.leads:
            raise NotSender(question=question)
        self.check_digest(question, sha256)

    def check_digest(self, question: str, sha256: str) -> None:
        """Demand a question that is not sent yet, under its own digest; also what is proposed must still be so.

        Raises:
            UnknownQuestion, OtherQuestion.
        """
        one = self.all.get(question)
        if one is None or one.sent or one.annex:
            raise UnknownQuestion(question=question[:40])
        if sha256 != one.digest:
            raise OtherQuestion(question=question)

    def check_relay(self, relay: QuestionRelayed, at: int, within_ms: int) -> None:
        """Refuse to relay what was not sent, or with too little time to answer.

        Raises:
            UnknownQuestion, UnusableDeadline.
        """
        one = self.all.get(relay.question)
        if one is None or not one.open or one.until:
            raise UnknownQuestion(question=relay.question[:40])
        if not at + within_ms <= relay.until <= at + within_ms + LONGEST_GRACE_MS:
            raise UnusableDeadline(question=relay.question, until=relay.until, least=at + within_ms)

    def check_answer(self, question: str, text: str, at: int) -> Question:
        """Return the question that is answered in time.

        Raises:
            UnknownQuestion, AnswerLate, UnusableText.
        """
        one = self.all.get(question)
        if one is None or not one.until or one.over:
            raise UnknownQuestion(question=question[:40])
        if at > one.until:
            raise AnswerLate(question=question, until=one.until)
        _check_text(text, MAX_ANSWER)
        return one

    def check_silence(self, question: str, at: int) -> None:
        """Refuse to call a bidder silent before its time is over.

        Raises:
            UnknownQuestion.
        """
        if question not in self.overdue(at):
            raise UnknownQuestion(question=question[:40])

    # --- changes ----------------------------------------------------------------------------------

    def evolve(self, event: QuestionEvent, by: SeatCode, stage: Stage) -> None:
        """Take an event of a question in."""
        if isinstance(event, QuestionDrafted):
            digest = question_digest(event.question, event.text)
            self.all[event.question] = Question(event, by, stage, digest)
            return
        one = self.all[event.question]
        self.all[event.question] = _changed(one, event)

    def void(self, stage: Stage) -> None:
        """Make annexes of all questions of a stage and of those after it."""
        first = ROAD.index(stage)
        self.all = {
            name: replace(one, annex=True) if ROAD.index(one.stage) >= first else one
            for name, one in self.all.items()
        }


def _changed(one: Question, event: QuestionEvent) -> Question:
    match event:
        case QuestionSent():
            return replace(one, sent=True)
        case QuestionRelayed(until=until):
            return replace(one, until=until)
        case QuestionAnswered(text=text, marks=marks):
            return replace(one, answer=text, marks=marks)
        case AnswerEntered(text=text):
            return replace(one, answer=text, paper=True)
        case QuestionUnanswered():
            return replace(one, silent=True)
        case _:
            return one


def marks_of(text: str, bidders: Collection[str]) -> tuple[str, ...]:
    """Return the kinds of marks in an answer, each once: names of bidders, credit codes, ways to reach somebody."""
    return tuple(one.kind.value for one in marks_in(Traces(1, (text,)), bidders))


def say_marks(marks: Collection[str]) -> str:
    """Return kinds of marks as one line for people, in both languages of the pages."""
    return "; ".join(SAID[MarkKind(one)] for one in marks)


def _check_text(text: str, most: int) -> None:
    signs = any(ord(one) < 0x20 and one not in "\n\t" for one in text)
    if not text.strip() or len(text) > most or signs:
        raise UnusableText(length=len(text), most=most)
