"""More time: members ask for it, each with a reason; when enough do, the tenderer may extend.

Enough is more than `review.more_time` of the members (more than a third; unverified).  Who asked counts for the stage it
was asked in.  The host's operator writes down until when the tenderer extended; nothing here ends a session.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from fractions import Fraction

from evalroom.errors import Refusal
from evalroom.ids import SeatCode
from evalroom.stages import Stage

WORKING: frozenset[Stage] = frozenset({Stage.PRELIMINARY, Stage.DETAILED, Stage.SUMMARY})
"""Stages in which members work on the bids."""


@dataclass(frozen=True, slots=True)
class MoreTimeAsked:
    """A member asked for more time, and said why."""

    reason: str


@dataclass(frozen=True, slots=True)
class MoreTimeGranted:
    """The tenderer extended the evaluation until `until` (UTC ms)."""

    until: int
    reason: str


MoreTimeEvent = MoreTimeAsked | MoreTimeGranted


class AskedAlready(Refusal):
    """You have asked for more time in this stage already; your request stands."""

    code = "asked_already"


class TooFewAsk(Refusal):
    """Too few members ask for more time, so it cannot be extended yet: the figures stand below; nothing has changed."""

    code = "too_few_ask"


class UnusableHour(Refusal):
    """An extension ends later than now: choose the hour anew; nothing has changed."""

    code = "unusable_hour"


@dataclass(slots=True)
class Extensions:
    """Who asks for more time in this stage, and until when the evaluation was extended (UTC ms), 0 if never."""

    asking: dict[SeatCode, str] = field(default_factory=dict)
    stage: Stage = Stage.GATHERING
    until: int = 0

    def askers(self, members: Collection[SeatCode], stage: Stage) -> tuple[SeatCode, ...]:
        """List the members who ask in this stage, in the order of their codes."""
        return tuple(sorted(set(self.asking) & set(members))) if stage is self.stage else ()

    def check_request(self, seat: SeatCode, members: Collection[SeatCode], stage: Stage) -> None:
        """Refuse to ask twice.

        Raises:
            AskedAlready.
        """
        if seat in self.askers(members, stage):
            raise AskedAlready(seat=seat)

    def check_grant(
        self, grant: MoreTimeGranted, at: int, members: Collection[SeatCode], stage: Stage, share: Fraction
    ) -> None:
        """Refuse an extension that too few ask for, or that is over before it begins.

        Raises:
            TooFewAsk, UnusableHour.
        """
        askers = self.askers(members, stage)
        if not len(askers) > share * len(members):
            raise TooFewAsk(asking=len(askers), members=len(members), more_than=str(share))
        if grant.until <= at:
            raise UnusableHour(until=grant.until)

    def evolve(self, event: MoreTimeEvent, by: SeatCode, stage: Stage) -> None:
        """Take an event in; an extension answers all requests."""
        if stage is not self.stage:
            self.asking, self.stage = {}, stage
        match event:
            case MoreTimeAsked(reason=reason):
                self.asking = {**self.asking, by: reason}
            case MoreTimeGranted(until=until):
                self.asking, self.until = {}, until
