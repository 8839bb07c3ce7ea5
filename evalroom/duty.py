"""What the journal tells of each question of the duty form 履职记录, with the entries that tell it.

A pass over the journal of one session, for one expert and one lot.  It suggests yes, no or nothing, and names its
evidence by entry number, time and, where the seat's camera ran then, the track to look at.  It decides nothing: the
form is a person's (`evalroom.appraisal`).  What no entry can tell, such as knowledge of the law or useful advice, is
left open; so is what would only be guessed at.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from statistics import median

from evalroom import checkin as ci
from evalroom import clarification as cl
from evalroom import events as ev
from evalroom.appraisal import FORM, Duty, Judgement
from evalroom.checks import BadStatement, LintCode, parse_statement
from evalroom.events import Fact, FindingCode, Stage
from evalroom.ids import LotId, SeatCode, TrackId
from evalroom.media import TrackKind
from evalroom.tender import Part

AWAY_MS = 600_000
"""Ten minutes away without a pause count as having left: a restart of a workstation takes two or three."""

DRAGGED_FACTOR = 2
DRAGGED_MS = 1_800_000
"""Dragged is more than twice the others' median time for a sheet, and half an hour more than it."""

CONDUCT_ALARMS = frozenset({"absent", "second_face", "second_person", "phone", "covered", "looped"})
"""Alarms about what a person does at the seat, not about its devices."""

MOST_EVIDENCE = 20
"""Entries that a question shows: what happened more often than that is seen from the first of them."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One entry that tells something: its number, when (UTC ms), in a word what, and the track that shows it or none."""

    entry: int
    at: int
    what: str
    track: TrackId | str


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What the journal tells of one question."""

    duty: Duty
    answer: Judgement
    evidence: tuple[Evidence, ...]


@dataclass(slots=True)
class DutyTrail:
    """What is kept of a session on the way through its journal, about one seat and one lot."""

    seat: SeatCode
    lot: LotId
    at: dict[Stage, int] = field(default_factory=dict)
    stage: Stage = Stage.GATHERING
    paused: bool = False
    track: TrackId | str = ""
    gone: Evidence | None = None
    told: dict[Duty, list[Evidence]] = field(default_factory=dict)
    good: dict[Duty, list[Evidence]] = field(default_factory=dict)
    locks: dict[Part, dict[str, int]] = field(default_factory=dict)
    lock_of: dict[Part, Evidence] = field(default_factory=dict)
    questions: dict[str, FindingCode] = field(default_factory=dict)

    # --- what is found --------------------------------------------------------------------------------

    def take(self, entry: int, fact: Fact) -> None:
        """Take the next entry in."""
        event = fact.event
        match event:
            case ev.StageChanged(after=after) | ev.SteppedBack(after=after) | ev.ExpertReplaced(after=after):
                self._enter(after, entry, fact)
            case ev.SessionPaused() | ev.SessionResumed():
                self.paused = isinstance(event, ev.SessionPaused)
            case ev.TrackStarted(seat=self.seat, kind=TrackKind.CAMERA, track=track):
                self.track = track
            case ev.SeatJoined(seat=self.seat):
                self._joined(entry, fact)
            case ev.SeatLost(seat=self.seat):
                self.gone = None if self.paused else self._evidence(entry, fact, "lost")
            case ev.SeatReturned(seat=self.seat):
                self._returned(entry, fact)
            case ci.PhoneKept(seat=self.seat):
                self._praise(Duty.HANDED_IN_PHONE, self._evidence(entry, fact, "phone_kept"))
            case ev.DisciplineAccepted(seat=self.seat):
                self._praise(Duty.KEPT_DISCIPLINE, self._evidence(entry, fact, "agreed"))
            case cl.QuestionDrafted(lot=self.lot) if fact.actor == self.seat:
                self._praise(Duty.FAILED_TO_ASK_CLARIFICATION, self._evidence(entry, fact, "asked"))
            case ev.AlarmRaised(seat=self.seat, code=code) if code in CONDUCT_ALARMS:
                self._hold(Duty.KEPT_DISCIPLINE, self._evidence(entry, fact, code))
            case ev.SheetLocked(lot=self.lot, part=part):
                self._locked(part, entry, fact)
            case ev.SheetReopened(seat=self.seat, lot=self.lot, reason=reason) if reason != "bids_changed":
                self._hold(Duty.SCORING_ERRORS, self._evidence(entry, fact, "reopened"))
            case ev.FindingRaised(lot=self.lot) if self.seat in event.seats:
                self._asked(event, entry, fact)
            case ev.FindingAnswered(finding=finding) if fact.actor == self.seat and finding in self.questions:
                self._answered(event, entry, fact)
            case _:
                pass

    def _evidence(self, entry: int, fact: Fact, what: str) -> Evidence:
        return Evidence(entry, fact.at, what, self.track)

    def _hold(self, duty: Duty, evidence: Evidence) -> None:
        self.told.setdefault(duty, []).append(evidence)

    def _praise(self, duty: Duty, evidence: Evidence) -> None:
        self.good.setdefault(duty, []).append(evidence)

    def _enter(self, after: Stage, entry: int, fact: Fact) -> None:
        self.stage = after
        self.at[after] = fact.at
        if after is Stage.CONCLUDED:
            self._returned(entry, fact)

    def _joined(self, entry: int, fact: Fact) -> None:
        late = Stage.BRIEFED in self.at and Duty.LATE_OR_LEFT_EARLY not in self.good
        evidence = self._evidence(entry, fact, "joined_late" if late else "joined")
        if late:
            self._hold(Duty.LATE_OR_LEFT_EARLY, evidence)
        else:
            self._praise(Duty.LATE_OR_LEFT_EARLY, evidence)

    def _returned(self, entry: int, fact: Fact) -> None:
        """Hold an absence against the seat that was longer than a fault of its devices takes."""
        if self.gone is not None and fact.at - self.gone.at > AWAY_MS:
            self._hold(Duty.LATE_OR_LEFT_EARLY, self.gone)
            self._hold(Duty.LATE_OR_LEFT_EARLY, self._evidence(entry, fact, "returned"))
        self.gone = None

    def _locked(self, part: Part, entry: int, fact: Fact) -> None:
        self.locks.setdefault(part, {}).setdefault(fact.actor, fact.at - self.at.get(self.stage, fact.at))
        if fact.actor != self.seat:
            return
        evidence = self._evidence(entry, fact, "locked")
        self.lock_of.setdefault(part, evidence)
        for code in _stated(fact):
            if code == LintCode.UNOPENED:
                self._hold(Duty.READ_DOCUMENTS, self._evidence(entry, fact, "scored_unopened"))
            elif code in (LintCode.SAME_VECTOR, LintCode.COPIED_COMMENT):
                self._hold(Duty.SCORED_BY_STANDARD, self._evidence(entry, fact, code))

    def _asked(self, event: ev.FindingRaised, entry: int, fact: Fact) -> None:
        self.questions[event.finding] = event.code
        if event.code is FindingCode.IDENTICAL:
            self._hold(Duty.FOLLOWS_OTHERS, self._evidence(entry, fact, "identical"))
        elif event.code is FindingCode.DEVIATION:
            self._hold(Duty.SCORED_BY_STANDARD, self._evidence(entry, fact, "deviation"))

    def _answered(self, event: ev.FindingAnswered, entry: int, fact: Fact) -> None:
        """Hold a value that was changed when objective items differed against the scoring, not one that stood."""
        if self.questions[event.finding] is FindingCode.OBJECTIVE_DIFFERS and not event.stand:
            self._hold(Duty.SCORING_ERRORS, self._evidence(entry, fact, "corrected"))

    # --- what it comes to -----------------------------------------------------------------------------

    def suggestions(self) -> tuple[Suggestion, ...]:
        """Return what the entries so far tell of each question, in the form's order."""
        self._look_at_time()
        return tuple(self._suggest(duty) for duty in FORM)

    def _look_at_time(self) -> None:
        for part, evidence in self.lock_of.items():
            others = [took for seat, took in self.locks[part].items() if seat != self.seat]
            took = self.locks[part][self.seat]
            usual = median(others) if others else took
            if took > DRAGGED_FACTOR * usual and took - usual > DRAGGED_MS:
                self._hold(Duty.DRAGGED_TIME, evidence)

    def _suggest(self, duty: Duty) -> Suggestion:
        """Judge by what is held against the seat; without any, by what speaks for it, and else leave it open."""
        against, favour = self.told.get(duty, []), self._favour(duty)
        reproach = Judgement.YES if duty in _TOLD_BY_YES else Judgement.NO
        praise = Judgement.NO if duty in _TOLD_BY_YES else Judgement.YES
        if against:
            return Suggestion(duty, reproach, _first(against))
        return Suggestion(duty, praise if favour else Judgement.UNKNOWN, _first(favour))

    def _favour(self, duty: Duty) -> list[Evidence]:
        """Return what speaks for the seat: locked sheets, where nothing about them was found wanting."""
        if duty in _BY_LOCKS and self.lock_of:
            return [self.lock_of[part] for part in Part if part in self.lock_of]
        return self.good.get(duty, [])


_TOLD_BY_YES = frozenset(
    {
        Duty.FOLLOWS_OTHERS,
        Duty.SCORING_ERRORS,
        Duty.FAILED_TO_ASK_CLARIFICATION,
        Duty.LATE_OR_LEFT_EARLY,
        Duty.DRAGGED_TIME,
    }
)
"""Questions with an answer in the journal of which yes is the reproach."""

_BY_LOCKS = frozenset({Duty.FOLLOWS_OTHERS, Duty.SCORED_BY_STANDARD, Duty.SCORING_ERRORS, Duty.DRAGGED_TIME})
"""Questions that locked sheets of which nothing was found answer in the seat's favour."""


def prefill(journal: Iterable[tuple[int, Fact]], seat: SeatCode, lot: LotId) -> tuple[Suggestion, ...]:
    """Return the fifteen suggestions for a seat and lot; entries may be left out that are only scores or fragments."""
    trail = DutyTrail(seat, lot)
    for entry, fact in journal:
        trail.take(entry, fact)
    return trail.suggestions()


def _first(evidence: Iterable[Evidence]) -> tuple[Evidence, ...]:
    return tuple(evidence)[:MOST_EVIDENCE]


def _stated(fact: Fact) -> Iterator[str]:
    """Yield what a seat gave reasons for when it locked a sheet; a statement that is none tells nothing."""
    opened: Mapping[str, str] = {secret.path: secret.value for secret in fact.secrets}
    try:
        yield from (answer.code for answer in parse_statement(opened.get("/statement", "")).answers)
    except BadStatement:
        return
