"""Votes of the committee: its chair, and the questions that the rules put to it.

A ballot stands committed until all have voted; then the host counts and says how many chose what, never who.
A tie is voted again among the tied only.  The rounds for a chair and for an award are capped; what they leave tied
is drawn (domain.md, stage `electing`: three rounds, then a verifiable draw) or, of an award, decided as the tender
says.  Whether to go on without competition is voted until it is decided.  Of an award whose ballots are open it is
told with the count who chose what.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from evalroom.errors import Refusal
from evalroom.ids import LotId, SeatCode
from evalroom.ledger.commitment import Commitment


class Question(StrEnum):
    """What is voted on."""

    CHAIR = "chair"
    COMPETITION = "competition"
    AWARD = "award"


REJECT_ALL, GO_ON = "reject_all", "go_on"
"""Options of `competition`: all bids are rejected for lack of competition, or the evaluation goes on."""


@dataclass(frozen=True, slots=True)
class VoteOpened:
    """A vote is open to these members; `round` counts from 1, `lot` is empty where it concerns the session."""

    vote: str
    question: Question
    lot: str
    round: int
    options: tuple[str, ...]
    voters: tuple[SeatCode, ...]


@dataclass(frozen=True, slots=True)
class BallotCast:
    """A member voted; the choice stands committed."""

    vote: str
    round: int
    choice: Commitment


@dataclass(frozen=True, slots=True)
class Count:
    """How many members chose an option."""

    option: str
    votes: int


@dataclass(frozen=True, slots=True)
class VoteCounted:
    """The count of a round; `outcome` is empty where options are tied, `tied` names them."""

    vote: str
    round: int
    counts: tuple[Count, ...]
    outcome: str
    tied: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ShownBallot:
    """What a member chose."""

    seat: SeatCode
    option: str


@dataclass(frozen=True, slots=True)
class BallotsShown:
    """Who chose what in a round just counted, where the tender says that ballots are open 记名."""

    vote: str
    round: int
    ballots: tuple[ShownBallot, ...]


@dataclass(frozen=True, slots=True)
class ChairElected:
    """The committee has a chair, by `vote` or, after the last round, by `draw`."""

    seat: SeatCode
    by: str


VoteEvent = VoteOpened | BallotCast | VoteCounted | BallotsShown | ChairElected


class NoSuchVote(Refusal):
    """No such vote or round is open: look at the vote shown above and choose there."""

    code = "no_such_vote"


class NotVoter(Refusal):
    """You have no vote in this, or have voted already; your ballot stands."""

    code = "not_voter"


class NoSuchOption(Refusal):
    """The choice is not among the options of this vote; nothing was counted."""

    code = "no_such_option"


@dataclass(slots=True)
class Ballot:
    """A round under way: who may vote, and what was chosen."""

    opened: VoteOpened
    choices: dict[SeatCode, str] = field(default_factory=dict)

    def missing(self) -> tuple[SeatCode, ...]:
        """List the members who have not voted."""
        return tuple(seat for seat in self.opened.voters if seat not in self.choices)


@dataclass(slots=True)
class Votes:
    """The votes of a session: open rounds by vote, and how those that are over came out."""

    open: dict[str, Ballot] = field(default_factory=dict)
    outcomes: dict[str, VoteCounted] = field(default_factory=dict)
    questions: dict[str, VoteOpened] = field(default_factory=dict)

    def check_ballot(self, cast: BallotCast, by: SeatCode, choice: str) -> None:
        """Refuse a ballot that is not this member's to cast.

        Raises:
            NoSuchVote, NotVoter, NoSuchOption.
        """
        ballot = self.open.get(cast.vote)
        if ballot is None or ballot.opened.round != cast.round:
            raise NoSuchVote(vote=cast.vote, round=cast.round)
        if by not in ballot.missing():
            raise NotVoter(vote=cast.vote)
        if choice not in ballot.opened.options:
            raise NoSuchOption(vote=cast.vote)

    def counted_with(self, cast: BallotCast, by: SeatCode, choice: str) -> VoteCounted | None:
        """Return the count if this ballot is the last of its round."""
        ballot = self.open[cast.vote]
        if ballot.missing() != (by,):
            return None
        return count(ballot.opened, [*ballot.choices.values(), choice])

    def evolve(self, event: VoteEvent, by: SeatCode, choice: str) -> None:
        """Take an event of a vote in; `choice` is the opened ballot."""
        match event:
            case VoteOpened(vote=vote):
                self.open[vote] = Ballot(event)
                self.questions[vote] = event
            case BallotCast(vote=vote):
                self.open[vote].choices[by] = choice
            case VoteCounted(vote=vote):
                self.open.pop(vote, None)
                self.outcomes[vote] = event
            case BallotsShown() | ChairElected():
                pass

    def void(self, seat: SeatCode) -> None:
        """Drop every open round that a member took part in who is no member any more."""
        self.open = {name: one for name, one in self.open.items() if seat not in one.opened.voters}

    def drop(self, vote: str) -> None:
        """Forget a vote, open or counted: what it was about is no more."""
        self.open.pop(vote, None)
        self.outcomes.pop(vote, None)

    def drop_all(self, question: Question) -> None:
        """Forget every vote on a question."""
        for vote in [name for name, one in self.questions.items() if one.question is question]:
            self.drop(vote)

    def left_tied(self, vote: str) -> tuple[str, ...]:
        """Return the options that the last round of a vote left tied; none while it is open or decided."""
        counted = self.outcomes.get(vote)
        return counted.tied if counted and vote not in self.open else ()

    def outcome(self, vote: str) -> str:
        """Return how a vote came out, empty while it is open, tied or was never held."""
        return self.outcomes[vote].outcome if vote in self.outcomes else ""


def count(opened: VoteOpened, choices: Sequence[str]) -> VoteCounted:
    """Count a round: the option with most votes, or those tied for the most."""
    votes: Mapping[str, int] = Counter(choices)
    most = max(votes.values())
    best = tuple(option for option in opened.options if votes.get(option, 0) == most)
    counts = tuple(Count(option, votes.get(option, 0)) for option in opened.options)
    outcome, tied = (best[0], ()) if len(best) == 1 else ("", best)
    return VoteCounted(opened.vote, opened.round, counts, outcome, tied)


def next_round(opened: VoteOpened, counted: VoteCounted, rounds: int) -> VoteOpened | None:
    """Return the round among the tied that follows, None when the vote is decided or its rounds are used up.

    `rounds` caps the election of the chair and the vote on an award: a draw or the tenderer may decide those then.
    """
    capped = opened.question is not Question.COMPETITION and opened.round >= rounds
    if not counted.tied or capped:
        return None
    return VoteOpened(opened.vote, opened.question, opened.lot, opened.round + 1, counted.tied, opened.voters)


def lot_vote(question: Question, lot: LotId) -> str:
    """Name the vote on a question about a lot."""
    return f"{question}-{lot}"
