"""What the report tells of the way, kept as it happened: the rare facts that no state holds on to.

The session's state says how things stand; a report also says how they came to stand so.  Only facts of some dozens a
session are kept here; cells, fragments and checkpoints never are.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from evalroom import approval as ap
from evalroom import clarification as cl
from evalroom import events as ev
from evalroom import faults as fa
from evalroom import more_time as mt
from evalroom import reporting as rp
from evalroom import voting as vo
from evalroom.draws import facts as df
from evalroom.events import Event, Fact
from evalroom.sealing import facts as sf

INCIDENTS: frozenset[type[Event]] = frozenset(
    {
        ev.SteppedBack, ev.ExpertRecused, ev.ExpertReplaced, ev.SessionPaused, ev.SessionResumed, ev.SheetReopened,
        ev.PriceCorrected, ev.LotFailed, ev.GapDeclared, rp.GapExplained, ev.SiteLost, ev.SiteReturned,
        fa.FaultDeclared, fa.FaultMended, fa.FaultSettled, mt.MoreTimeGranted,
        ap.Proposed, ap.Approved, ap.Vetoed, sf.CeremonyPaused, sf.CeremonyResumed, sf.WindowExtended,
    }
)  # fmt: skip
"""What happened out of the ordinary."""

KEPT: frozenset[type[Event]] = INCIDENTS | {
    ev.StageChanged, ev.SeatJoined, ev.DisciplineAccepted, ev.BidsReviewed, vo.VoteOpened, vo.VoteCounted,
    cl.QuestionSent, cl.QuestionAnswered, cl.AnswerEntered, vo.ChairElected, df.DrawDeclared, df.DrawMade, sf.RecordConfirmed,
}  # fmt: skip
"""All that is kept."""

_E = TypeVar("_E")


@dataclass(frozen=True, slots=True)
class Kept:
    """A fact as the report needs it: when, whose, what."""

    at: int
    actor: str
    event: Event


def kept(fact: Fact) -> Kept:
    """Return what is kept of a fact."""
    return Kept(fact.at, fact.actor, fact.event)


def told(chronicle: list[Kept], kind: type[_E]) -> Iterator[tuple[Kept, _E]]:
    """Yield the facts of one kind, oldest first."""
    for one in chronicle:
        if isinstance(one.event, kind):
            yield one, one.event
