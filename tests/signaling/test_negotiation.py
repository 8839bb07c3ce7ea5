"""Offers and answers in virtual time."""

import random

import pytest

from signaling.negotiation import (
    ANSWER_WAIT,
    CONNECT_WAIT,
    RETRY,
    TRANSITIONS,
    Accept,
    Build,
    Drop,
    MakeOffer,
    Negotiation,
    Signal,
    State,
    Step,
    UnexpectedAnswer,
)

CALM = ("answer", "due", "up")
WILD = ("change", "lost", *CALM)


def up(generation: int = 1) -> Negotiation:
    """Return a negotiation whose connection of `generation` is up and stable."""
    negotiation = Negotiation()
    negotiation.changed(0)
    for number in range(1, generation + 1):
        if number > 1:
            negotiation.lost(number - 1, 0)
            negotiation.due(negotiation.next_deadline() or 0)
        negotiation.answer(number, "sdp", 0)
        negotiation.connected(number)
    negotiation.steps()
    return negotiation


def state(negotiation: Negotiation) -> State:
    """Return the state, which the type checker would else take for unchanged."""
    return negotiation.state


def test_an_answer_nobody_asked_for_is_a_fault_of_the_peer_and_changes_nothing() -> None:
    for negotiation in (Negotiation(), up()):
        before = negotiation.state
        with pytest.raises(UnexpectedAnswer):
            negotiation.answer(negotiation.generation, "sdp", 0)
        assert negotiation.state is before
        assert negotiation.steps() == []


def test_an_answer_of_an_earlier_generation_is_refused() -> None:
    negotiation = up()
    negotiation.lost(1, 0)
    negotiation.due(0)
    with pytest.raises(UnexpectedAnswer):
        negotiation.answer(1, "sdp", 0)
    assert negotiation.state is State.OFFERED


def test_the_same_answer_twice_is_refused_the_second_time() -> None:
    negotiation = Negotiation()
    negotiation.changed(0)
    negotiation.answer(1, "sdp", 0)
    with pytest.raises(UnexpectedAnswer):
        negotiation.answer(1, "sdp", 0)


def test_nothing_is_offered_before_anything_is_wanted() -> None:
    negotiation = Negotiation()
    assert negotiation.steps() == []
    assert negotiation.next_deadline() is None


def test_the_first_wish_builds_a_connection_and_offers_it() -> None:
    negotiation = Negotiation()
    negotiation.changed(0)
    assert negotiation.steps() == [Build(1), MakeOffer(1)]


def test_what_the_other_end_knows_from_an_earlier_process_is_not_numbered_again() -> None:
    negotiation = Negotiation(after=3)
    negotiation.changed(0)
    assert negotiation.steps() == [Build(4), MakeOffer(4)]


def test_changes_during_an_open_offer_become_one_next_offer() -> None:
    negotiation = Negotiation()
    negotiation.changed(0)
    negotiation.changed(1)
    negotiation.changed(2)
    assert negotiation.steps() == [Build(1), MakeOffer(1)]
    negotiation.answer(1, "first", 3)
    assert negotiation.steps() == [Accept(1, "first"), MakeOffer(1)]
    negotiation.answer(1, "second", 4)
    assert negotiation.steps() == [Accept(1, "second")]
    assert negotiation.state is State.STABLE


def test_a_lost_connection_is_followed_by_the_next_generation_and_dropped_when_that_is_up() -> None:
    negotiation = up()
    negotiation.lost(1, 100)
    assert negotiation.steps() == []
    assert negotiation.next_deadline() == 100
    negotiation.due(100)
    assert negotiation.steps() == [Build(2), MakeOffer(2)]
    negotiation.answer(2, "sdp", 101)
    assert negotiation.steps() == [Accept(2, "sdp")]
    negotiation.connected(2)
    assert negotiation.steps() == [Drop(1)]


def test_news_of_an_old_generation_change_nothing() -> None:
    negotiation = up(2)
    negotiation.lost(1, 0)
    negotiation.connected(1)
    assert negotiation.state is State.STABLE
    assert negotiation.steps() == []


def test_a_peer_that_never_answers_is_tried_for_ever_with_growing_pauses() -> None:
    negotiation = Negotiation()
    negotiation.changed(0)
    now, pauses = 0, list[int]()
    for _ in range(8):
        now += ANSWER_WAIT
        negotiation.due(now)
        assert state(negotiation) is State.WAITING
        pauses.append((negotiation.next_deadline() or 0) - now)
        now = negotiation.next_deadline() or 0
        negotiation.due(now)
        assert state(negotiation) is State.OFFERED
    assert pauses == [*RETRY, RETRY[-1], RETRY[-1], RETRY[-1]]
    assert negotiation.generation == 9


def test_a_connection_that_does_not_come_up_is_made_anew() -> None:
    negotiation = Negotiation()
    negotiation.changed(0)
    negotiation.answer(1, "sdp", 5)
    negotiation.due(5 + CONNECT_WAIT - 1)
    assert state(negotiation) is State.STABLE
    negotiation.due(5 + CONNECT_WAIT)
    assert state(negotiation) is State.WAITING


def test_one_that_is_up_waits_for_no_deadline() -> None:
    negotiation = up()
    assert negotiation.next_deadline() is None
    negotiation.changed(0)
    negotiation.answer(1, "sdp", 1)
    assert negotiation.next_deadline() is None


def test_a_success_forgets_earlier_failures() -> None:
    negotiation = up(3)
    negotiation.lost(3, 50)
    assert negotiation.next_deadline() == 50 + RETRY[0]


def test_what_is_wanted_while_waiting_goes_into_the_next_offer() -> None:
    negotiation = up()
    negotiation.lost(1, 0)
    negotiation.changed(0)
    negotiation.due(0)
    assert negotiation.steps() == [Build(2), MakeOffer(2)]


def test_nothing_is_made_anew_for_a_peer_that_wants_nothing() -> None:
    negotiation = up()
    negotiation.changed(0, wanted=False)
    negotiation.answer(1, "silent", 1)
    assert negotiation.steps() == [MakeOffer(1), Accept(1, "silent")]
    negotiation.lost(1, 2)
    assert negotiation.state is State.IDLE
    assert negotiation.next_deadline() is None
    assert negotiation.steps() == [Drop(1)]
    negotiation.changed(3)
    assert negotiation.steps() == [Build(2), MakeOffer(2)]


def test_a_peer_that_left_while_it_was_waited_for_is_not_called_again() -> None:
    negotiation = up()
    negotiation.lost(1, 0)
    negotiation.changed(1, wanted=False)
    assert negotiation.state is State.IDLE
    assert negotiation.steps() == [Drop(1)]


def test_an_offer_of_silence_that_nobody_answers_is_not_repeated() -> None:
    negotiation = up()
    negotiation.changed(0, wanted=False)
    negotiation.due(ANSWER_WAIT)
    assert negotiation.state is State.IDLE


def test_after_the_end_nothing_happens() -> None:
    negotiation = up()
    negotiation.close(0)
    assert negotiation.steps() == [Drop(1)]
    negotiation.changed(1)
    negotiation.lost(1, 1)
    negotiation.connected(1)
    negotiation.due(10**18)
    assert negotiation.steps() == []


def test_every_state_is_in_the_table_and_all_but_the_last_can_be_left() -> None:
    assert set(State) == set(TRANSITIONS)
    assert all(Signal.CLOSE in row for state, row in TRANSITIONS.items() if state is not State.CLOSED)


@pytest.mark.parametrize("seed", range(50))
def test_whatever_happens_offers_and_answers_alternate_and_the_last_wish_is_offered(seed: int) -> None:
    chance = random.Random(seed)
    negotiation, now, wish, offered, open_offers = Negotiation(), 0, 0, 0, 0
    for turn in range(400):
        now += chance.randrange(ANSWER_WAIT // 2)
        quiet = turn >= 380
        match chance.choice(CALM if quiet else WILD):
            case "change":
                wish += 1
                negotiation.changed(now)
            case "answer" if open_offers:
                negotiation.answer(negotiation.generation, "sdp", now)
            case "lost":
                negotiation.lost(negotiation.generation, now)
                open_offers = 0
            case "due":
                negotiation.due(now)
            case "up":
                negotiation.connected(negotiation.generation)
            case _:
                pass
        open_offers = 0 if negotiation.state is State.WAITING else open_offers
        open_offers, offered = played(negotiation.steps(), open_offers, wish, offered)
        assert open_offers in (0, 1)
    assert offered == wish


def played(steps: list[Step], open_offers: int, wish: int, offered: int) -> tuple[int, int]:
    """Carry the steps out: an offer says what is wanted at that moment."""
    for step in steps:
        match step:
            case Build():
                open_offers = 0
            case MakeOffer():
                assert open_offers == 0, "an offer went out while another was open"
                open_offers, offered = 1, wish
            case Accept():
                open_offers = 0
            case Drop():
                pass
    return open_offers, offered
