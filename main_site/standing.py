"""The standing list 红黑名单 of a centre: decisions about experts, who approved them, appeals and their outcome.

An append-only trail of acts, each with the digest of the one before; what stands is its fold.  A decision names an
expert by the id of the expert pool, never by name, its ground, the journal entry that shows it, and from when until when
it holds.  Whoever proposed it does not approve it, and neither of the two answers an appeal.  It is a warning
to whoever draws experts or gives them seats; only a decision of the kind `suspended` keeps somebody out.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum

from evalroom.errors import LocalFault, Refusal
from evalroom.ids import check_name
from evalroom.ledger.canonical import Json, canonical
from evalroom.roles import Role

MAX_TEXT = 2_000
MAX_SPAN_MS = 10 * 366 * 86_400_000
"""No decision holds for longer than ten years."""

FIRST = "0" * 64


class Kind(StrEnum):
    """What a decision does: it praises, warns, or keeps the expert out until it ends."""

    PRAISED = "praised"
    WARNED = "warned"
    SUSPENDED = "suspended"


class Outcome(StrEnum):
    """How an appeal came out."""

    UPHELD = "upheld"
    SHORTENED = "shortened"
    LIFTED = "lifted"


@dataclass(frozen=True, slots=True)
class Person:
    """Who acts: `session/seat`, or `operator` for whoever has the centre's operator code."""

    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class Proposed:
    """A decision proposed; `entry` of the journal of `session` shows the ground, `seat` is where the expert sat."""

    decision: str
    subject: str
    kind: Kind
    ground: str
    session: str
    seat: str
    entry: int
    since_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True)
class Approved:
    """A second person approved the proposal with this digest."""

    decision: str
    digest: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A second person refused the proposal with this digest, and said why."""

    decision: str
    digest: str
    reason: str


@dataclass(frozen=True, slots=True)
class Appealed:
    """The expert appealed: from the own seat, or in writing to whoever entered it."""

    decision: str
    text: str


@dataclass(frozen=True, slots=True)
class Answered:
    """A third person answered the appeal; `until_ms` is the new end of a shortened decision, else 0."""

    decision: str
    outcome: Outcome
    reason: str
    until_ms: int


@dataclass(frozen=True, slots=True)
class Seated:
    """Whoever gives seats looked at `decisions` about an expert, and gave the seat all the same, for a reason."""

    subject: str
    session: str
    seat: str
    decisions: tuple[str, ...]
    reason: str


Act = Proposed | Approved | Refused | Appealed | Answered | Seated
ACTS: Mapping[str, type[Act]] = {
    one.__name__: one for one in (Proposed, Approved, Refused, Appealed, Answered, Seated)
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One act on the trail: number from 1, when, by whom, and the digest of the entry before."""

    number: int
    at: int
    by: Person
    act: Act
    previous: str

    def text(self) -> bytes:
        """Return the canonical bytes that the next entry's `previous` digests."""
        act: dict[str, Json] = {name: _plain(value) for name, value in asdict(self.act).items()}
        return canonical(
            {
                "number": self.number,
                "at": self.at,
                "by": self.by.name,
                "role": self.by.role.value,
                "type": type(self.act).__name__,
                "act": act,
                "previous": self.previous,
            }
        )


def _plain(value: str | int | tuple[str, ...]) -> Json:
    if isinstance(value, tuple):
        return [*value]
    return value if isinstance(value, int) else str(value)


class NotSecondPerson(Refusal):
    """This takes another person of another role than who proposed it, and an appeal a third one: nothing was recorded."""

    code = "standing_second_person"


class UnknownDecision(Refusal):
    """There is no such decision waiting for that: it was decided, has ended, or was never proposed."""

    code = "unknown_decision"


class OtherDecision(Refusal):
    """The digest approved is not that of the decision proposed: read it again, then decide."""

    code = "other_decision"


class UnusableDecision(Refusal):
    """A decision names expert, ground and evidence, and holds from one day until a later one, for ten years at most."""

    code = "unusable_decision"


class TrailBroken(LocalFault):
    """An entry of the standing list was changed on disk: nothing of it is shown before it is restored from a backup."""

    code = "trail_broken"


def digest_of(proposed: Proposed) -> str:
    """Return the digest that a second person approves: hex SHA-256 of the proposal's canonical JSON."""
    body: dict[str, Json] = {name: _plain(value) for name, value in asdict(proposed).items()}
    return hashlib.sha256(canonical(body)).hexdigest()


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision as it stands: who proposed and decided it, its appeal, and how that came out."""

    proposed: Proposed
    by: Person
    digest: str
    at: int
    approved: Person | None = None
    refused: Person | None = None
    appeal: str = ""
    answered: Answered | None = None
    until_ms: int = 0

    def holds(self, now: int) -> bool:
        """Say whether it is in force at `now` (UTC ms); a pending appeal does not suspend it."""
        return self.approved is not None and self.proposed.since_ms <= now < self.until_ms

    def keeps_out(self, now: int) -> bool:
        """Say whether it keeps the expert out at `now`: a suspension in force."""
        return self.proposed.kind is Kind.SUSPENDED and self.holds(now)

    def warns(self, now: int) -> bool:
        """Say whether somebody who gives a seat has to look at it: it is in force and no praise, or under appeal."""
        under_appeal = self.approved is not None and bool(self.appeal) and self.answered is None
        return under_appeal or (self.holds(now) and self.proposed.kind is not Kind.PRAISED)


class SuspendedExpert(Refusal):
    """A decision in force keeps this expert out: mark them as recused before a draw, give the seat to somebody else."""

    code = "suspended_expert"


class StandingWarning(Refusal):
    """Something is on the standing list about this expert: look at the decisions named, then give the seat with a reason."""

    code = "standing_warning"

    @classmethod
    def about(cls, subject: str, seat: str, found: Iterable[Decision]) -> "StandingWarning":
        """Name what there is to look at."""
        return cls(
            subject=subject[:64], seat=seat[:64], decisions=" ".join(one.proposed.decision for one in found)
        )


@dataclass(slots=True)
class StandingList:
    """The fold of the trail."""

    decisions: dict[str, Decision] = field(default_factory=dict)
    size: int = 0
    head: str = FIRST

    def next(self, at: int, by: Person, act: Act) -> Entry:
        """Return the entry that an act leads to.

        Raises:
            NotSecondPerson, UnknownDecision, OtherDecision, UnusableDecision: it may not be.
        """
        match act:
            case Proposed():
                self._check_proposed(act)
            case Approved() | Refused():
                self._check_decided(act, by)
            case Appealed():
                self._check_appealed(act)
            case Answered():
                self._check_answered(act, by)
            case Seated():
                self._check_seated(act, at)
        return Entry(self.size + 1, at, by, act, self.head)

    def take(self, entry: Entry) -> None:
        """Take the next entry of the trail in.

        Raises:
            TrailBroken: its number or the digest before it are not those of the trail.
        """
        if (entry.number, entry.previous) != (self.size + 1, self.head):
            raise TrailBroken(number=entry.number)
        self.size, self.head = entry.number, hashlib.sha256(entry.text()).hexdigest()
        act = entry.act
        if isinstance(act, Proposed):
            self.decisions[act.decision] = Decision(
                act, entry.by, digest_of(act), entry.at, until_ms=act.until_ms
            )
            return
        if isinstance(act, Seated):
            return
        known = self.decisions[act.decision]
        match act:
            case Approved():
                known = replace(known, approved=entry.by)
            case Refused():
                known = replace(known, refused=entry.by)
            case Appealed(text=text):
                known = replace(known, appeal=text)
            case Answered():
                known = replace(known, answered=act, until_ms=_end_after(act, known, entry.at))
        self.decisions[act.decision] = known

    def about(self, subjects: Iterable[str], now: int) -> dict[str, list[Decision]]:
        """Return what is in force about each of these experts, newest first; who has nothing is left out."""
        found: dict[str, list[Decision]] = {}
        wanted = set(subjects)
        for one in reversed(self.decisions.values()):
            if one.proposed.subject in wanted and one.holds(now):
                found.setdefault(one.proposed.subject, []).append(one)
        return found

    def warnings(self, subject: str, now: int) -> list[Decision]:
        """Return what whoever gives this expert a seat has to look at, newest first.

        That is what is in force and does not praise, and every decision whose appeal nobody has answered yet.
        """
        about = (one for one in reversed(self.decisions.values()) if one.proposed.subject == subject)
        return [one for one in about if one.warns(now)]

    # --- rules --------------------------------------------------------------------------------------

    def _check_seated(self, act: Seated, at: int) -> None:
        """Demand that all there was to see was looked at, that a reason is given, and that nobody is suspended."""
        found = self.warnings(act.subject, at)
        if any(one.keeps_out(at) for one in found):
            raise SuspendedExpert(experts=act.subject)
        if not found or {*act.decisions} != {one.proposed.decision for one in found}:
            raise StandingWarning.about(act.subject, act.seat, found)
        _check_text(act.reason, act.subject)

    def _check_proposed(self, act: Proposed) -> None:
        check_name(act.decision)
        named = act.subject.strip() and act.session.strip() and len(act.subject) <= 64
        told = act.ground.strip() and len(act.ground) <= MAX_TEXT
        spans = 0 < act.until_ms - act.since_ms <= MAX_SPAN_MS and act.since_ms >= 0
        if not (named and told and spans) or act.entry < 0 or act.decision in self.decisions:
            raise UnusableDecision(decision=act.decision)

    def _waiting(self, decision: str) -> Decision:
        known = self.decisions.get(decision)
        if known is None or known.approved is not None or known.refused is not None:
            raise UnknownDecision(decision=decision[:64])
        return known

    def _check_decided(self, act: Approved | Refused, by: Person) -> None:
        known = self._waiting(act.decision)
        if act.digest != known.digest:
            raise OtherDecision(decision=act.decision)
        if by.name == known.by.name or by.role is known.by.role:
            raise NotSecondPerson(decision=act.decision)
        if isinstance(act, Refused):
            _check_text(act.reason, act.decision)

    def _check_appealed(self, act: Appealed) -> None:
        known = self.decisions.get(act.decision)
        if known is None or known.approved is None or known.appeal:
            raise UnknownDecision(decision=act.decision[:64])
        _check_text(act.text, act.decision)

    def _check_answered(self, act: Answered, by: Person) -> None:
        known = self.decisions.get(act.decision)
        if known is None or not known.appeal or known.answered is not None:
            raise UnknownDecision(decision=act.decision[:64])
        if known.approved is None or by.name in (known.by.name, known.approved.name):
            raise NotSecondPerson(decision=act.decision)
        _check_text(act.reason, act.decision)
        shorter = known.proposed.since_ms < act.until_ms < known.until_ms
        if shorter if act.outcome is not Outcome.SHORTENED else not shorter:
            raise UnusableDecision(decision=act.decision)


def _end_after(act: Answered, known: Decision, at: int) -> int:
    """Return when a decision ends after the answer to its appeal: as it was, earlier, or now."""
    match act.outcome:
        case Outcome.UPHELD:
            return known.until_ms
        case Outcome.SHORTENED:
            return act.until_ms
        case Outcome.LIFTED:
            return min(at, known.until_ms)


def _check_text(text: str, decision: str) -> None:
    if not text.strip() or len(text) > MAX_TEXT:
        raise UnusableDecision(decision=decision)


def fold(entries: Iterable[Entry]) -> StandingList:
    """Return the list that a trail makes.

    Raises:
        TrailBroken: an entry was changed, left out or put in.
    """
    made = StandingList()
    for entry in entries:
        made.take(entry)
    return made
