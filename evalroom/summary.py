"""How the members' marks of a lot become totals, and its ranking an award 汇总: terms of the tender, fixed with it.

Trimming marks (F13), rounding them by group, whether the committee votes on the award among the candidates, and
whether its ballots are shown: all is declared before anybody marks, so nothing of it can answer to a result.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

MAX_MARK_DIGITS = 6
"""Most digits that a group's mark may be rounded to; F13 has three and two."""

MAX_TRIMS = 9
MAX_MEMBERS = 99


class WidestTie(StrEnum):
    """Whose marks are left out where several members have the same widest spread.

    `draw`: whoever comes first in an order of all members drawn before any of them sees the others' marks; `seat`:
    whoever has the first seat code, for seats are drawn at check-in.
    """

    DRAW = "draw"
    SEAT = "seat"


class Award(StrEnum):
    """How a lot is awarded: by its ranking, or by a vote of the committee among the candidates 票决."""

    RANKING = "ranking"
    VOTE = "vote"


class Ballots(StrEnum):
    """Whether it is told who voted how: kept committed for good, or shown with the count 记名."""

    SECRET = "secret"  # noqa: S105 - a way to vote
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class MarkTrim:
    """From `members` on: leave out the `widest` member (0 or 1), then per cell `high` highest and `low` lowest."""

    members: int
    widest: int
    high: int
    low: int


F13 = (MarkTrim(7, 0, 1, 1), MarkTrim(9, 1, 1, 1))
"""7 members: one highest and one lowest per sub-item; 9: the widest member goes first."""


@dataclass(frozen=True, slots=True)
class SummaryTerms:
    """The terms of one lot; as they stand by default every mark counts, unrounded, and the ranking decides.

    `trim` says from how many members on which marks are left out, of subjective items only.  `technical` and
    `commercial` are the digits that a bid's mark of that group is rounded to, half up; None leaves it exact.
    """

    trim: tuple[MarkTrim, ...] = ()
    widest_tie: WidestTie = WidestTie.DRAW
    technical: int | None = None
    commercial: int | None = None
    award: Award = Award.RANKING
    ballots: Ballots = Ballots.SECRET

    @property
    def plain(self) -> bool:
        """Say whether a mark is no more than the mean over all members."""
        return not self.trim and self.technical is None and self.commercial is None

    def trim_for(self, members: int) -> MarkTrim:
        """Return the rule that counts for so many members: the one with the most that are reached, or none."""
        return trim_for(self.trim, members)

    def draws_widest(self, members: int) -> bool:
        """Say whether an order of the members has to be drawn beforehand."""
        return self.widest_tie is WidestTie.DRAW and bool(self.trim_for(members).widest)


AS_MARKED = SummaryTerms()
"""Every mark counts, unrounded, and the ranking decides."""

NO_TRIM = MarkTrim(0, 0, 0, 0)


def trim_for(rules: Iterable[MarkTrim], members: int) -> MarkTrim:
    """Return the rule with the most members not above `members`; one that leaves out nothing when none is reached."""
    fitting = (rule for rule in rules if rule.members <= members)
    return max(fitting, key=lambda rule: rule.members, default=NO_TRIM)


def fault_of(terms: SummaryTerms, candidates: int) -> str:
    """Return what is wrong with the terms of a lot that names so many candidates; nothing when all is well."""
    sizes = [rule.members for rule in terms.trim]
    if sizes != sorted(set(sizes)) or len(sizes) > MAX_TRIMS:
        return "trimming rules go by a rising number of members, at most nine"
    for rule in terms.trim:
        if not 1 <= rule.members <= MAX_MEMBERS or rule.widest not in (0, 1) or min(rule.high, rule.low) < 0:
            return "a trimming rule has 1 to 99 members, no or one widest, and no number below zero"
        if rule.widest + rule.high + rule.low >= rule.members:
            return "a trimming rule leaves out as many marks as there are"
    digits = [one for one in (terms.technical, terms.commercial) if one is not None]
    if any(not 0 <= one <= MAX_MARK_DIGITS for one in digits):
        return "marks are rounded to 0 to 6 digits"
    if terms.award is Award.VOTE and candidates < 2:
        return "a vote on the award is among two candidates or more"
    return ""
