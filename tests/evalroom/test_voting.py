"""Votes: secret until counted, tied rounds among the tied only, and a cap on the rounds."""

import pytest

from evalroom.events import Commitment
from evalroom.ids import SeatCode
from evalroom.voting import (
    BallotCast,
    Count,
    NoSuchOption,
    NoSuchVote,
    NotVoter,
    Question,
    VoteOpened,
    Votes,
    count,
    next_round,
)

E1, E2, E3, E4 = (SeatCode(f"E{n}") for n in range(1, 5))
VOTERS = (E1, E2, E3, E4)
OPENED = VoteOpened("chair", Question.CHAIR, "", 1, VOTERS, VOTERS)
BALLOT = BallotCast("chair", 1, Commitment("00" * 32))


def under_way(**choices: str) -> Votes:
    votes = Votes()
    votes.evolve(OPENED, E1, "")
    for seat, choice in choices.items():
        votes.evolve(BALLOT, SeatCode(seat), choice)
    return votes


def test_a_member_votes_once() -> None:
    with pytest.raises(NotVoter):
        under_way(E1="E2").check_ballot(BALLOT, E1, E3)


def test_who_is_no_voter_has_no_vote() -> None:
    with pytest.raises(NotVoter):
        under_way().check_ballot(BALLOT, SeatCode("E9"), E3)


def test_a_choice_outside_the_options_is_not_counted() -> None:
    with pytest.raises(NoSuchOption):
        under_way().check_ballot(BALLOT, E1, "E9")


def test_a_ballot_of_another_round_or_vote_is_refused() -> None:
    for ballot in (BallotCast("chair", 2, BALLOT.choice), BallotCast("award", 1, BALLOT.choice)):
        with pytest.raises(NoSuchVote):
            under_way().check_ballot(ballot, E1, E2)


def test_nothing_is_counted_before_the_last_ballot() -> None:
    votes = under_way(E1="E2", E2="E2")
    assert votes.counted_with(BALLOT, E3, E2) is None
    votes = under_way(E1="E2", E2="E2", E3="E1")
    counted = votes.counted_with(BALLOT, E4, E1)
    assert counted is not None
    assert (E1, E2) == counted.tied


def test_the_option_with_most_votes_wins() -> None:
    counted = count(OPENED, [E2, E2, E1, E2])
    assert (E2, ()) == (counted.outcome, counted.tied)
    assert (Count(E1, 1), Count(E2, 3), Count(E3, 0), Count(E4, 0)) == counted.counts


def test_only_the_tied_stand_again_and_rounds_are_capped() -> None:
    counted = count(OPENED, [E2, E2, E1, E1])
    again = next_round(OPENED, counted, 3)
    assert again is not None
    assert (2, (E1, E2), VOTERS) == (again.round, again.options, again.voters)
    assert next_round(OPENED, counted, 1) is None
    assert next_round(OPENED, count(OPENED, [E2, E2, E2, E1]), 3) is None


def test_a_vote_of_somebody_who_left_is_dropped_with_its_round() -> None:
    votes = under_way(E1="E2")
    votes.void(E4)
    assert {} == votes.open
    assert "" == votes.outcome("chair")
