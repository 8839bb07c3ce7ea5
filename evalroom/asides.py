"""What goes on beside sheets and stages (domain.md, "Orders that cut across stages"): questions, time, faults, complaints.

Each has a module of its own with its facts, state and rules; here they stand together, so that the session asks once
whether an order may be carried out, and hands on once what was done.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from evalroom.clarification import (
    AnswerEntered,
    Asking,
    Clarifications,
    NotOnPaper,
    QuestionDrafted,
    QuestionEvent,
    QuestionRelayed,
    QuestionSent,
    QuestionUnanswered,
)
from evalroom.complaint import ComplaintClosed, ComplaintEvent, Complaints, SupplementSigned
from evalroom.errors import Refusal
from evalroom.events import Fact
from evalroom.faults import FaultDeclared, FaultEvent, FaultMended, Faults
from evalroom.ids import BidId, LotId, SeatCode, SiteId
from evalroom.more_time import Extensions, MoreTimeAsked, MoreTimeEvent, MoreTimeGranted
from evalroom.profile import Profile
from evalroom.stages import Stage

AsideEvent = QuestionEvent | MoreTimeEvent | FaultEvent | ComplaintEvent

ASIDE_EVENTS: frozenset[type[AsideEvent]] = frozenset(AsideEvent.__args__)
"""The same as a set, for whoever asks of every fact of a session."""


class UnknownSite(Refusal):
    """A fault is at a site of this session, or at none: choose it from the list; nothing was declared."""

    code = "unknown_site"


class OtherResultsStand(Refusal):
    """The digest is not that of the results that stand: look at the ranking again, then sign the statement."""

    code = "other_results_stand"


class StatementMissing(Refusal):
    """This wants a sentence in writing: say why, then give the order again; nothing has changed."""

    code = "statement_missing"


@dataclass(frozen=True, slots=True)
class Circumstances:
    """How the session stands for whoever gives an order: hour, stage, the giver, committee, bids still in, results."""

    at: int
    stage: Stage
    seat: SeatCode
    leads: bool
    members: Collection[SeatCode]
    bids: Mapping[LotId, Collection[BidId]]
    sites: Collection[SiteId]
    results: str
    rehearsal: bool
    profile: Profile

    def asking(self) -> Asking:
        """Return who asks a bidder, and which may be asked."""
        return Asking(self.seat, self.leads, self.bids)


@dataclass(slots=True)
class Asides:
    """Questions, requests for time, faults and complaints of one session."""

    questions: Clarifications = field(default_factory=Clarifications)
    extensions: Extensions = field(default_factory=Extensions)
    faults: Faults = field(default_factory=Faults)
    complaints: Complaints = field(default_factory=Complaints)

    def check(self, event: AsideEvent, now: Circumstances) -> None:
        """Refuse what the rules of questions, time, faults or complaints forbid as they stand.

        Raises:
            Refusal: the rule that forbids it, by its own class.
        """
        match event:
            case QuestionDrafted():
                self.questions.check_draft(event, now.asking())
            case QuestionSent(question=question, sha256=sha256):
                self.questions.check_sending(question, sha256, now.asking())
            case QuestionRelayed():
                self.questions.check_relay(event, now.at, now.profile.clarification.within.ms)
            case AnswerEntered(question=question, text=text):
                if not now.rehearsal:
                    raise NotOnPaper(question=question[:40])
                self.questions.check_answer(question, text, now.at)
            case QuestionUnanswered(question=question):
                self.questions.check_silence(question, now.at)
            case MoreTimeAsked(reason=reason):
                _demand(reason)
                self.extensions.check_request(now.seat, now.members, now.stage)
            case MoreTimeGranted(reason=reason):
                _demand(reason)
                share = now.profile.review.more_time
                self.extensions.check_grant(event, now.at, now.members, now.stage, share)
            case FaultDeclared(site=site, what=what):
                _demand(what)
                if site and SiteId(site) not in now.sites:
                    raise UnknownSite(site=site[:40])
                self.faults.check_declaration(event)
            case FaultMended(note=note):
                _demand(note)
                self.faults.check_mending(event)
            case SupplementSigned(digest=digest):
                self.complaints.check_supplement(event, now.seat)
                if digest != now.results:
                    raise OtherResultsStand(complaint=event.complaint)
            case ComplaintClosed(complaint=complaint, reason=reason):
                _demand(reason)
                self.complaints.check_open(complaint)
            case _:
                pass

    def void(self, stage: Stage) -> None:
        """Take back what rests on a stage that is gone through anew: its questions become annexes, requests count no more."""
        self.questions.void(stage)
        self.extensions.asking = {}

    def evolve(self, fact: Fact, stage: Stage, limit_ms: int) -> None:
        """Take a fact in; `limit_ms` is how long a fault may last in this stage."""
        event, by = fact.event, SeatCode(fact.actor)
        if isinstance(event, QuestionEvent):
            self.questions.evolve(event, by, stage)
        elif isinstance(event, MoreTimeEvent):
            self.extensions.evolve(event, by, stage)
        elif isinstance(event, FaultEvent):
            self.faults.evolve(event, fact.at, stage, limit_ms)
        elif isinstance(event, ComplaintEvent):
            self.complaints.evolve(event, by)


def _demand(text: str) -> None:
    if not text.strip():
        raise StatementMissing
