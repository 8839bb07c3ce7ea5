"""From sheets to the award: marks trimmed and rounded, ties settled as the tender says, an award by vote."""

from dataclasses import replace
from fractions import Fraction
from functools import cache

import pytest

from evalroom import approval as ap
from evalroom import commands as co
from evalroom import events as ev
from evalroom import voting as vo
from evalroom.approval import NotSecondPerson
from evalroom.draws.facts import DrawMade, Purpose
from evalroom.draws.rules import DrawnBefore, DrawUnfit
from evalroom.events import Stage
from evalroom.ids import BidId, DrawId, ItemId, SeatCode
from evalroom.needs import NeedCode, Unready
from evalroom.pricing.formula import Undecided
from evalroom.pricing.rationals import parse_rational
from evalroom.roles import NotPermitted, Role
from evalroom.session import NotVoidable
from evalroom.settlement import LotAwarded, MarksSummed, Settler, TieSettled
from evalroom.summary import F13, SummaryTerms, WidestTie
from evalroom.tender import Lot, Part, UnusableTender
from evalroom.visibility import Audience, view
from tests.evalroom import drawing
from tests.evalroom import room as plain
from tests.evalroom.room import BIDS, HOST, LOT, OPERATOR, REGULATOR, SUPERVISOR, Room
from tests.evalroom.settling import (
    BY_VOTE,
    JUDGED,
    NINE,
    SEATS,
    SHOWN,
    TRIMMED,
    approve,
    ballot_of,
    draw,
    events,
    judge,
    needed,
    opening,
    play,
    propose,
    tie_draw,
    tied,
    vote,
    voting,
)

# --- ties ---------------------------------------------------------------------------------------------


def test_nothing_is_reported_while_a_candidate_is_tied() -> None:
    room = tied(Undecided.TENDERER)
    assert {NeedCode.TIES: BIDS[:2]} == needed(room)
    with pytest.raises(Unready):
        room.advance()


@pytest.mark.parametrize("order", [(), BIDS[:1], BIDS[:3], (BIDS[0], BIDS[0]), (BIDS[2], BIDS[3])])
def test_the_tenderer_puts_whole_ties_in_order_and_nothing_else(order: tuple[BidId, ...]) -> None:
    with pytest.raises(NotVoidable):
        propose(tied(Undecided.TENDERER), ap.SettleTie(LOT, order))


def test_the_tenderer_settles_no_tie_that_is_left_to_a_draw_nor_a_draw_one_that_is_the_tenderers() -> None:
    with pytest.raises(NotVoidable):
        propose(tied(Undecided.DRAW), ap.SettleTie(LOT, BIDS[:2]))
    with pytest.raises(NotVoidable):
        draw(tied(Undecided.TENDERER), tie_draw(*BIDS[:2]))


def test_the_tenderers_decision_has_a_reason_and_a_second_person() -> None:
    room = tied(Undecided.TENDERER)
    propose(room, ap.SettleTie(LOT, (BIDS[1], BIDS[0])))
    with pytest.raises(NotSecondPerson):
        approve(room, OPERATOR)
    facts = events(approve(room))
    assert [ap.Approved, TieSettled, ev.RankingComputed] == [type(event) for event in facts]
    assert TieSettled(LOT, (BIDS[1], BIDS[0]), Settler.TENDERER) == facts[1]
    ranking = room.session.rankings[LOT]
    assert [(BIDS[1], 1), (BIDS[0], 2)] == [(row.bid, row.rank) for row in ranking.rows[:2]]
    assert ((), {}) == (ranking.ties, needed(room))


def test_a_draw_settles_the_tie_it_was_declared_for() -> None:
    room = tied(Undecided.DRAW)
    facts = events(draw(room, tie_draw(*BIDS[:2])))
    settled = next(event for event in facts if isinstance(event, TieSettled))
    made = next(event for event in facts if isinstance(event, DrawMade))
    assert (tuple(made.drawn), Settler.DRAW) == (settled.order, settled.by)
    assert settled.order == tuple(row.bid for row in room.session.rankings[LOT].rows[:2])
    assert {} == needed(room)


def test_a_corrected_price_voids_what_was_settled_before_it() -> None:
    room = tied(Undecided.TENDERER)
    propose(room, ap.SettleTie(LOT, (BIDS[1], BIDS[0])))
    approve(room)
    room.give(room[OPERATOR].order(co.Propose("p2", ap.CorrectPrice(LOT, BIDS[3], 1_000_001_00), "a slip")))
    digest = room.session.approvals.waiting["p2"].digest
    room.take(*room.try_out(room[REGULATOR].order(co.Approve("p2", digest))))
    assert ({}, BIDS[:2]) == (room.session.settlement.settled, room.session.rankings[LOT].ties)


def test_a_tie_beyond_the_candidates_holds_nothing_up() -> None:
    lot = opening(SummaryTerms())
    alone = replace(lot.tender.lots[0], candidates=1)
    everybody = {
        (seat, bid, item): "4.5" if bid == BIDS[3] else "3.5"
        for seat in plain.EXPERTS
        for bid in BIDS
        for item in JUDGED
    }
    room = play(replace(lot, tender=replace(lot.tender, lots=(alone,))), changes=everybody, even=True)
    assert BIDS[3] == room.session.rankings[LOT].rows[0].bid
    assert room.session.rankings[LOT].ties
    assert {} == needed(room)


# --- the vote on the award ----------------------------------------------------------------------------


def candidates(room: Room) -> tuple[str, ...]:
    return tuple(row.bid for row in room.session.rankings[LOT].rows if row.candidate)


def test_the_committee_votes_among_the_candidates_and_nobody_else() -> None:
    room = voting()
    (ballot,) = room.session.votes.open.values()
    assert (vo.Question.AWARD, LOT, 1) == (ballot.opened.question, ballot.opened.lot, ballot.opened.round)
    assert candidates(room) == ballot.opened.options
    (outside,) = set(BIDS) - set(candidates(room))
    with pytest.raises(vo.NoSuchOption):
        room.try_out(ballot_of(room, plain.EXPERTS[0], outside, ballot.opened))
    assert {NeedCode.AWARD: (LOT,)} == needed(room)


def test_the_lot_goes_to_the_candidate_with_most_votes_not_to_the_first_in_rank() -> None:
    room = voting()
    first, second, *_ = candidates(room)
    facts = events(vote(room, second, first, second))
    assert [vo.BallotCast, vo.VoteCounted, LotAwarded] == [type(event) for event in facts]
    assert LotAwarded(LOT, BidId(second), Settler.VOTE) == room.session.settlement.awarded[LOT]
    assert {} == needed(room)
    room.advance()


def test_secret_ballots_are_never_shown_and_open_ones_with_their_count() -> None:
    secret = voting()
    first, second, *_ = candidates(secret)
    assert not [one for one in events(vote(secret, first, first, second)) if isinstance(one, vo.BallotsShown)]
    shown = voting(SHOWN)
    (told,) = (one for one in events(vote(shown, first, first, second)) if isinstance(one, vo.BallotsShown))
    assert [first, first, second] == [one.option for one in told.ballots]
    assert list(plain.EXPERTS) == [one.seat for one in told.ballots]


def split(room: Room) -> None:
    """Let three members choose three candidates as often as rounds are held."""
    for _ in range(room.session.profile.committee.rounds):
        vote(room, *candidates(room))


def test_a_vote_that_stays_tied_is_decided_by_the_tenderer_where_the_tender_says_so() -> None:
    room = voting(BY_VOTE, Undecided.TENDERER)
    chosen = candidates(room)[1]
    with pytest.raises(NotVoidable):  # the members have not voted
        propose(room, ap.AwardLot(LOT, BidId(chosen)))
    split(room)
    assert {} == room.session.votes.open
    assert set(candidates(room)) == set(room.session.award_tied(LOT))
    (outside,) = set(BIDS) - set(candidates(room))
    with pytest.raises(NotVoidable):
        propose(room, ap.AwardLot(LOT, outside))
    propose(room, ap.AwardLot(LOT, BidId(chosen)))
    approve(room)
    assert LotAwarded(LOT, BidId(chosen), Settler.TENDERER) == room.session.settlement.awarded[LOT]


def test_a_vote_that_stays_tied_is_drawn_otherwise_among_the_tied() -> None:
    room = voting()
    split(room)
    with pytest.raises(NotVoidable):
        propose(room, ap.AwardLot(LOT, BidId(candidates(room)[0])))
    with pytest.raises(NotVoidable):
        draw(room, tie_draw(*candidates(room)[:2]))
    facts = events(draw(room, tie_draw(*candidates(room))))
    (awarded,) = (event for event in facts if isinstance(event, LotAwarded))
    assert Settler.DRAW is awarded.by
    assert awarded.bid == next(event.drawn[0] for event in facts if isinstance(event, DrawMade))


def test_a_single_candidate_needs_no_vote() -> None:
    changes = {(seat, bid, ItemId("form")): "fail" for seat in plain.EXPERTS for bid in BIDS[1:]}
    room = play(opening(BY_VOTE), changes=changes)
    assert {LOT: LotAwarded(LOT, BIDS[0], Settler.RANKING)} == room.session.settlement.awarded
    assert ({}, {}) == (room.session.votes.open, needed(room))


def test_a_corrected_price_or_a_step_back_voids_the_vote() -> None:
    room = voting()
    first, *_ = candidates(room)
    vote(room, first, first, first)
    propose(room, ap.CorrectPrice(LOT, BIDS[0], 985_000_00))
    facts = events(approve(room))
    assert isinstance(facts[-1], vo.VoteOpened)
    assert {} == room.session.settlement.awarded
    assert {NeedCode.AWARD: (LOT,)} == needed(room)


def test_a_newcomer_finds_nothing_of_an_award_that_rested_on_the_leaver() -> None:
    room = voting()
    facts = vote(room, *[candidates(room)[0]] * 3)
    outside = Audience(SeatCode("E9"), Role.EXPERT, HOST, HOST)
    for fact in facts:
        assert () == view(fact, outside, room.session)


# --- trimming and rounding ------------------------------------------------------------------------------


@cache
def nine() -> Room:
    wide = {(NINE[4], bid, item): ("0.5" if bid != BIDS[0] else "5") for bid in BIDS for item in JUDGED}
    return play(opening(TRIMMED, seats=SEATS), changes=wide)


def summed(room: Room) -> MarksSummed:
    (found,) = (fact.event for fact in room.history if isinstance(fact.event, MarksSummed))
    return found


def test_the_widest_member_is_left_out_and_everybody_can_follow_whose_marks_were() -> None:
    done = summed(nine())
    assert (9, F13[1], NINE[4]) == (done.members, done.rule, done.widest)
    assert list(NINE) == [one.seat for one in done.spreads]
    widths = {one.seat: tuple(map(parse_rational, one.spreads)) for one in done.spreads}
    assert max(widths, key=lambda seat: widths[seat]) == NINE[4]
    assert {(bid, item) for bid in BIDS for item in JUDGED} == {(one.bid, one.item) for one in done.cells}
    assert all(len(one.out) == 2 and NINE[4] not in one.out for one in done.cells)


def test_each_cell_is_the_mean_of_the_marks_that_were_kept() -> None:
    room = nine()
    for cell in summed(room).cells:
        kept = [seat for seat in NINE if seat != NINE[4] and seat not in cell.out]
        sheets = [room.session.sheet(seat, LOT, Part.DETAILED) for seat in kept]
        marks = [Fraction(sheet.cells[cell.bid, cell.item].value) for sheet in sheets]
        assert sum(marks) / len(marks) == parse_rational(cell.mean)


def test_marks_are_rounded_by_group_before_they_are_added_up() -> None:
    room = nine()
    done, rows = summed(room), {row.bid: row for row in room.session.rankings[LOT].rows}
    for mark in done.marks:
        digits = {"technical": 3, "commercial": 2}[mark.group]
        assert (parse_rational(mark.mark) * 10**digits).denominator == 1
        assert abs(parse_rational(mark.mark) - parse_rational(mark.exact)) <= Fraction(1, 2 * 10**digits)
    for bid, row in rows.items():
        assert parse_rational(row.technical) == sum(
            parse_rational(mark.mark) for mark in done.marks if mark.bid == bid
        )


def test_objective_items_are_not_trimmed() -> None:
    assert not {"record", "faults"} & {cell.item for cell in summed(nine()).cells}


def test_below_the_rules_number_of_members_nobody_is_left_out() -> None:
    done = summed(play(opening(TRIMMED)))
    assert (3, "", (), ()) == (done.members, done.widest, done.spreads, done.cells)


def test_a_lot_without_such_terms_says_nothing_of_its_marks() -> None:
    assert not [
        fact for fact in plain.room_at(Stage.REPORTING).history if isinstance(fact.event, MarksSummed)
    ]


def members_draw(**changes: object) -> co.DeclareDraw:
    about: dict[str, object] = {
        "purpose": Purpose.MEMBERS, "subject": "members", "options": NINE, "count": 9, "takers": ()
    }  # fmt: skip
    return drawing.price_draw(**(about | changes))


@cache
def _undrawn() -> Room:
    return play(opening(replace(TRIMMED, widest_tie=WidestTie.DRAW), seats=SEATS), Stage.DETAILED)


def test_an_order_of_all_members_is_drawn_before_their_marks_are_open() -> None:
    room = _undrawn().copy()
    judge(room, {}, even=False)
    assert not room.session.ready_to_unlock(LOT, Part.DETAILED)
    with pytest.raises(Unready):
        room.unlock()
    assert (LOT,) == {need.code: need.names for need in room.session.missing_for(Stage.PRICING)}[
        NeedCode.MEMBERS_ORDER
    ]
    for changes in ({"options": NINE[:8], "count": 8}, {"count": 1}, {"options": BIDS, "count": 4}):
        with pytest.raises(DrawUnfit):
            draw(room, members_draw(**changes))
    with pytest.raises(NotVoidable):  # one order, not another for each subject
        draw(room, members_draw(subject="again"))
    draw(room, members_draw())
    room.unlock()
    room.answer_all()
    with pytest.raises(DrawnBefore):
        draw(room, members_draw(draw=DrawId("late")))
    room.advance()
    room.advance()
    assert summed(room).widest in NINE


def test_of_members_alike_in_their_spread_the_first_drawn_is_left_out() -> None:
    room = _undrawn().copy()
    same = {(seat, bid, item): f"{1 + BIDS.index(bid)}.5" for seat in NINE for bid in BIDS for item in JUDGED}
    judge(room, same, even=False)
    draw(room, members_draw())
    first = room.session.draws.all[DrawId(drawing.DRAW)].drawn[0]
    room.unlock()
    room.answer_all()
    room.advance()
    room.advance()
    assert first == summed(room).widest


def test_marks_reach_the_pages_in_pieces_that_fit_a_frame() -> None:
    room = nine()
    fact = next(fact for fact in room.history if isinstance(fact.event, MarksSummed))
    many = replace(summed(room), cells=summed(room).cells * 40)
    pieces = view(replace(fact, event=many), Audience(OPERATOR, Role.OPERATOR, HOST, HOST), room.session)
    cells = [one.body["cells"] for one in pieces]
    assert len(many.cells) == sum(len(one) for one in cells if isinstance(one, list))
    assert [bool(one.body["marks"]) for one in pieces] == [True] + [False] * (len(pieces) - 1)
    assert len(pieces) > 1


# --- terms --------------------------------------------------------------------------------------------


def lot_with(summary: SummaryTerms, candidates: int = 3) -> co.OpenSession:
    command = opening(summary)
    lot: Lot = replace(command.tender.lots[0], candidates=candidates)
    return replace(command, tender=replace(command.tender, lots=(lot,)))


@pytest.mark.parametrize(
    ("summary", "candidates"),
    [
        (SummaryTerms(trim=(F13[1], F13[0])), 3),
        (SummaryTerms(trim=(F13[0], F13[0])), 3),
        (SummaryTerms(trim=(replace(F13[0], members=2),)), 3),
        (SummaryTerms(trim=(replace(F13[0], widest=2),)), 3),
        (SummaryTerms(trim=(replace(F13[0], low=-1),)), 3),
        (SummaryTerms(technical=7), 3),
        (SummaryTerms(commercial=-1), 3),
        (BY_VOTE, 1),
        (SummaryTerms(), 4),
    ],
)
def test_terms_that_no_committee_could_be_held_by_open_no_session(
    summary: SummaryTerms, candidates: int
) -> None:
    with pytest.raises(UnusableTender):
        Room().give(plain.by_host(lot_with(summary, candidates)))


def test_a_profile_says_how_many_candidates_a_lot_may_name() -> None:
    more = replace(lot_with(SummaryTerms(), 4), profile="[result]\ncandidates = 4\n")
    Room().give(plain.by_host(more))


def test_only_the_staff_propose_what_the_tenderer_decides() -> None:
    room = tied(Undecided.TENDERER)
    for by in (SUPERVISOR, REGULATOR, plain.EXPERTS[0]):
        with pytest.raises((ap.NotProposable, NotPermitted)):
            propose(room, ap.SettleTie(LOT, BIDS[:2]), by)
