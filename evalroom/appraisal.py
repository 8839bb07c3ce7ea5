"""The appraisal 一标一评: the duty form 履职记录 of one expert for one lot, fifteen questions, and the expert's answer.

What the journal tells of a question is worked out beforehand (`evalroom.duty`), but no tick comes by itself: the
host's operator or supervisor decides each, on record with its evidence, after the results are signed and never
on themselves; the expert sees it and may answer, and then it may be decided once more (domain.md, "Appraisal").
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from evalroom.errors import Refusal
from evalroom.ids import LotId, SeatCode

MAX_REMARK = 500
MAX_ANSWER = 2_000
MAX_ENTRIES = 50
"""Entries that one tick may name as evidence."""


class Duty(StrEnum):
    """The questions of the form, in its order."""

    KNOWS_LAW = "knows_law"
    READ_DOCUMENTS = "read_documents"
    KNOWS_COMMERCIAL_TERMS = "knows_commercial_terms"
    KNOWS_SPECIFICATION = "knows_specification"
    NEGOTIATES = "negotiates"
    FOLLOWS_OTHERS = "follows_others"
    LEADING_TALK = "leading_talk"
    SCORED_BY_STANDARD = "scored_by_standard"
    SCORING_ERRORS = "scoring_errors"
    FAILED_TO_ASK_CLARIFICATION = "failed_to_ask_clarification"
    KEPT_DISCIPLINE = "kept_discipline"
    HANDED_IN_PHONE = "handed_in_phone"
    LATE_OR_LEFT_EARLY = "late_or_left_early"
    USEFUL_ADVICE = "useful_advice"
    DRAGGED_TIME = "dragged_time"


FORM: tuple[Duty, ...] = tuple(Duty)

REPROACHES: frozenset[Duty] = frozenset(
    {
        Duty.FOLLOWS_OTHERS,
        Duty.LEADING_TALK,
        Duty.SCORING_ERRORS,
        Duty.FAILED_TO_ASK_CLARIFICATION,
        Duty.LATE_OR_LEFT_EARLY,
        Duty.DRAGGED_TIME,
    }
)
"""Questions of which yes is bad; of the others it is no."""


class Judgement(StrEnum):
    """What is ticked; `unknown` says that nobody could tell."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Tick:
    """One question decided: `entries` are the numbers of journal entries that it rests on."""

    duty: Duty
    answer: Judgement
    entries: tuple[int, ...]
    remark: str


@dataclass(frozen=True, slots=True)
class ExpertAppraised:
    """The duty form of the expert on a seat for a lot; `revision` counts its decisions from 1."""

    seat: SeatCode
    lot: LotId
    revision: int
    ticks: tuple[Tick, ...]


@dataclass(frozen=True, slots=True)
class AppraisalAnswered:
    """The expert answered the own form, of this lot and revision, in writing."""

    seat: SeatCode
    lot: LotId
    revision: int
    answer: str


AppraisalEvent = ExpertAppraised | AppraisalAnswered


class NotAppraisable(Refusal):
    """Only members of the committee are appraised, past ones too, for a lot of this tender, by somebody else."""

    code = "not_appraisable"


class StaleAppraisal(Refusal):
    """The form was decided or answered since you opened it: read it again, then go on from there."""

    code = "stale_appraisal"


class IncompleteForm(Refusal):
    """All fifteen questions are decided, each once and in the form's order; a remark has 500 characters at most."""

    code = "incomplete_form"


class GroundNeeded(Refusal):
    """What is held against an expert rests on entries of the journal or on a remark: give one for the question named."""

    code = "ground_needed"


class AnswerNeeded(Refusal):
    """The answer to an appraisal is a text of at most 2,000 characters, given once to each decision."""

    code = "answer_needed"


def is_adverse(tick: Tick) -> bool:
    """Say whether a tick speaks against the expert."""
    return tick.answer is (Judgement.YES if tick.duty in REPROACHES else Judgement.NO)


@dataclass(slots=True)
class Appraisals:
    """The forms of a session as they stand, and the answers to them, by seat and lot."""

    forms: dict[tuple[SeatCode, LotId], ExpertAppraised] = field(default_factory=dict)
    answers: dict[tuple[SeatCode, LotId], AppraisalAnswered] = field(default_factory=dict)

    def evolve(self, event: AppraisalEvent) -> None:
        """Take a fact in."""
        match event:
            case ExpertAppraised():
                self.forms[event.seat, event.lot] = event
            case AppraisalAnswered():
                self.answers[event.seat, event.lot] = event

    def check_form(
        self,
        form: ExpertAppraised,
        by: str,
        experts: Container[SeatCode],
        lots: Mapping[LotId, object],
        size: int,
    ) -> None:
        """Refuse a form that is not this person's to decide, or not whole; `size` is how many entries there are.

        Raises:
            NotAppraisable, StaleAppraisal, IncompleteForm, GroundNeeded.
        """
        if form.seat not in experts or form.lot not in lots or by == form.seat:
            raise NotAppraisable(seat=form.seat[:64], lot=form.lot[:64])
        known = self.forms.get((form.seat, form.lot))
        if form.revision != (known.revision if known else 0) + 1:
            raise StaleAppraisal(revision=known.revision if known else 0)
        if tuple(tick.duty for tick in form.ticks) != FORM:
            raise IncompleteForm(ticks=len(form.ticks))
        for tick in form.ticks:
            _check_tick(tick, size)

    def check_answer(self, answer: AppraisalAnswered, by: str) -> None:
        """Refuse an answer to a form that is not the actor's own, or not the one that stands.

        Raises:
            NotAppraisable, StaleAppraisal, AnswerNeeded.
        """
        form = self.forms.get((answer.seat, answer.lot))
        if by != answer.seat or form is None:
            raise NotAppraisable(seat=answer.seat[:64], lot=answer.lot[:64])
        if answer.revision != form.revision:
            raise StaleAppraisal(revision=form.revision)
        before = self.answers.get((answer.seat, answer.lot))
        again = before is not None and before.revision == answer.revision
        if again or not answer.answer.strip() or len(answer.answer) > MAX_ANSWER:
            raise AnswerNeeded(most=MAX_ANSWER)


def _check_tick(tick: Tick, size: int) -> None:
    named = len(tick.entries) <= MAX_ENTRIES and all(0 <= one < size for one in tick.entries)
    if not named or len(tick.remark) > MAX_REMARK:
        raise IncompleteForm(duty=tick.duty)
    if is_adverse(tick) and not tick.entries and not tick.remark.strip():
        raise GroundNeeded(duty=tick.duty)
