"""Orders that cut across stages: two persons, a step back, a replacement, a recusal, votes, failing lots, a booking."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from functools import cache

import pytest

from evalroom import approval as ap
from evalroom import commands as co
from evalroom import events as ev
from evalroom import voting as vo
from evalroom.draws.commitment import commitment_to, declaration_digest
from evalroom.draws.facts import Purpose
from evalroom.events import Fact, Stage
from evalroom.ids import BidId, DrawId, ItemId, LotId, SeatCode
from evalroom.needs import Unready
from evalroom.pricing import presets
from evalroom.profile import PLAIN, UnusableProfile
from evalroom.roles import Role
from evalroom.session import (
    PART_OF,
    RETURNS,
    NotMember,
    NotOwner,
    NotVoidable,
    ReasonNeeded,
    SecondPersonNeeded,
    SecretsMismatch,
    WrongStage,
)
from evalroom.sheet import PASS, keys_of
from evalroom.tender import Part, Seat, Specialty, UnusableTender
from evalroom.visibility import CONCLUSIONS, Audience, view
from tests.evalroom import opening as o
from tests.evalroom import room as plain
from tests.evalroom.room import BIDS, EXPERTS, HOST, LOT, OPERATOR, REGULATOR, SUPERVISOR, WEST, Person, Room

E1, E2, E3 = EXPERTS
RESERVE, OTHER_RESERVE = SeatCode("E8"), SeatCode("E9")
CHAIR_RULES = (
    "[committee]\nchair = true\nrounds = 2\n[review]\nleast_valid = 3\n[pause]\nsecond_person = true\n"
)
SEATS = (
    *plain.SEATS,
    Seat(RESERVE, HOST, HOST, Role.EXPERT, "cabin 8", reserve=True),
    Seat(OTHER_RESERVE, HOST, HOST, Role.EXPERT, "cabin 9", Specialty.ECONOMIC, reserve=True),
)
OPEN = replace(plain.OPEN, seats=SEATS, profile=CHAIR_RULES)


def vote(room: Room, **choices: str) -> tuple[Fact, ...]:
    """Let members vote in the open round, in the order given; return what the last ballot led to."""
    (ballot,) = room.session.votes.open.values()
    facts: tuple[Fact, ...] = ()
    for seat, choice in choices.items():
        person = room[SeatCode(seat)]
        cmd = person.new_id()
        commitment, secret = person.secret(cmd, "/choice", choice)
        order = person.order(
            co.CastBallot(ballot.opened.vote, ballot.opened.round, commitment), cmd, (secret,)
        )
        facts = room.give(order)
    return facts


def finish(room: Room) -> None:
    """Do what the stage asks for."""
    if room.session.stage is Stage.ELECTING and room.session.chair is None:
        vote(room, **dict.fromkeys(room.session.experts(), room.session.experts()[0]))
    elif room.session.stage is Stage.BRIEFED:
        for seat in room.session.experts():
            if seat not in room.session.accepted:
                room.give(room[seat].accept(room.session.pledge.sha256))
    elif room.session.stage in (Stage.PRELIMINARY, Stage.DETAILED):
        review(room)
    else:
        plain.finish(room)


def review(
    room: Room, changes: Mapping[SeatCode, Mapping[tuple[str, str], str]] | None = None
) -> tuple[Fact, ...]:
    """Let every member whose sheet is open fill it in and lock it; then unlock the group."""
    part = PART_OF[room.session.stage]
    for seat in room.session.experts():
        sheet = room.session.sheet(seat, LOT, part)
        if sheet.locked is None:
            fill(room, seat, (changes or {}).get(seat))
            room.lock(seat)
    room.cosign()
    facts = room.unlock()
    room.answer_all()
    return facts


def fill(room: Room, seat: SeatCode, changes: Mapping[tuple[str, str], str] | None = None) -> None:
    part = PART_OF[room.session.stage]
    sheet = room.session.sheet(seat, LOT, part)
    for bid, item in keys_of(room.session.lots[LOT], part, room.session.rejected.get(LOT, ())):
        value = (changes or {}).get((bid, item)) or (PASS if part is Part.PRELIMINARY else "2.5")
        reason = "seen on page 3"
        if sheet.revision((bid, item)) == 0 or changes:
            room.give(
                room[seat].enter(bid, item, value, reason=reason, revision=sheet.revision((bid, item)) + 1)
            )


@cache
def _at(stage: Stage) -> Room:
    if stage is Stage.GATHERING:
        room = Room(people={seat.code: Person(seat) for seat in SEATS})
        room.give(plain.by_host(OPEN))
        for person in room.people.values():
            room.give(person.check_in())
        return room
    room = at(list(Stage)[list(Stage).index(stage) - 1])
    finish(room)
    room.advance()
    return room


def at(stage: Stage) -> Room:
    return _at(stage).copy()


def propose(room: Room, by: SeatCode, act: ap.Act, reason: str = "as the rules allow") -> co.Order:
    return room[by].order(co.Propose("p1", act, reason))


def approve(room: Room, by: SeatCode = REGULATOR) -> co.Order:
    return room[by].order(co.Approve("p1", room.session.approvals.waiting["p1"].digest))


def carry(room: Room, by: SeatCode, act: ap.Act, reason: str = "as the rules allow") -> tuple[Fact, ...]:
    """Propose and approve; return the facts of the approval, which must replay."""
    room.give(propose(room, by, act, reason))
    facts = room.try_out(approve(room))
    room.take(*facts)
    return facts


def stage_of(room: Room) -> Stage:
    """Return the stage as it is now."""
    return room.session.stage


def refused(room: Room, order: co.Order, why: type[Exception]) -> None:
    with pytest.raises(why):
        room.try_out(order)


# --- two persons ----------------------------------------------------------------------------------------


def test_a_proposal_changes_nothing_until_it_is_approved() -> None:
    room = at(Stage.DETAILED)
    room.give(propose(room, E1, ap.StepBack(Stage.PRELIMINARY)))
    assert Stage.DETAILED is stage_of(room)
    refused(room, approve(room, SUPERVISOR), ap.NotSecondPerson)
    room.give(approve(room))
    assert Stage.PRELIMINARY is stage_of(room)


def test_a_veto_ends_a_proposal_and_says_why() -> None:
    room = at(Stage.DETAILED)
    room.give(propose(room, E1, ap.StepBack(Stage.PRELIMINARY)))
    digest = room.session.approvals.waiting["p1"].digest
    refused(room, room[REGULATOR].order(co.Veto("p1", digest, " ")), ReasonNeeded)
    room.give(room[REGULATOR].order(co.Veto("p1", digest, "no ground")))
    refused(room, room[REGULATOR].order(co.Approve("p1", digest)), ap.UnknownProposal)
    assert Stage.DETAILED is stage_of(room)


def test_a_proposal_lapses_when_the_stage_changes() -> None:
    room = at(Stage.DETAILED)
    room.give(propose(room, E1, ap.StepBack(Stage.PRELIMINARY)))
    order = approve(room)
    review(room)
    room.advance()
    refused(room, order, ap.UnknownProposal)


def test_a_proposal_needs_a_reason() -> None:
    room = at(Stage.DETAILED)
    refused(room, propose(room, E1, ap.StepBack(Stage.PRELIMINARY), " "), ReasonNeeded)


@pytest.mark.parametrize(
    ("stage", "by", "act"),
    [
        (Stage.DETAILED, E1, ap.StepBack(Stage.DETAILED)),
        (Stage.DETAILED, E1, ap.StepBack(Stage.SUMMARY)),
        (Stage.DETAILED, E1, ap.StepBack(Stage.GATHERING)),
        (Stage.DETAILED, E1, ap.ReopenSheet(E2, LOT, Part.DETAILED)),
        (Stage.DETAILED, E1, ap.ReopenSheet(E2, LOT, Part.PRELIMINARY)),
        (Stage.DETAILED, SUPERVISOR, ap.ReplaceExpert(RESERVE, OTHER_RESERVE)),
        (Stage.DETAILED, SUPERVISOR, ap.ReplaceExpert(E1, E2)),
        (Stage.DETAILED, SUPERVISOR, ap.ReplaceExpert(E1, SeatCode("E77"))),
        (Stage.DETAILED, SUPERVISOR, ap.FailLot(LotId("lot9"))),
        (Stage.PRICING, OPERATOR, ap.CorrectPrice(LOT, BidId("bid9"), 1)),
        (Stage.PRICING, OPERATOR, ap.CorrectPrice(LOT, BIDS[0], 0)),
        (Stage.SIGNING, OPERATOR, ap.Reevaluate("I do not like it")),
    ],
)
def test_an_act_that_has_nothing_to_act_on_is_not_proposed(stage: Stage, by: SeatCode, act: ap.Act) -> None:
    room = at(stage)
    refused(room, propose(room, by, act), NotVoidable)


# --- stepping back --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stage", "after"),
    [(stage, after) for stage, afters in RETURNS[ev.SteppedBack].items() for after in sorted(afters)],
)
def test_a_step_back_voids_what_came_later_and_the_way_forward_is_the_same(
    stage: Stage, after: Stage
) -> None:
    room = at(stage)
    carry(room, E1, ap.StepBack(after))
    session = room.session
    assert after is session.stage
    assert not session.reports.signed
    assert not session.reports.made
    order = list(Stage)
    assert (LOT in session.rankings) is (order.index(after) >= order.index(Stage.SUMMARY))
    assert (LOT in session.prices) is (order.index(after) >= order.index(Stage.PRICING))
    assert ((LOT, Part.DETAILED) in session.unlocked) is (order.index(after) >= order.index(Stage.PRICING))
    assert ((LOT, Part.PRELIMINARY) in session.unlocked) is (after is not Stage.PRELIMINARY)
    while room.session.stage is not Stage.SIGNING:
        finish(room)
        room.advance()
    assert room.session.rankings == at(Stage.SIGNING).session.rankings


def test_after_a_step_back_to_the_review_its_values_are_drafts_and_later_sheets_are_gone() -> None:
    room = at(Stage.PRICING)
    carry(room, E1, ap.StepBack(Stage.PRELIMINARY))
    preliminary = room.session.sheet(E1, LOT, Part.PRELIMINARY)
    assert preliminary.locked is None
    assert preliminary.filled()
    assert not room.session.sheet(E1, LOT, Part.DETAILED).cells


def test_a_reopened_sheet_closes_the_committees_view_until_it_is_locked_again() -> None:
    room = at(Stage.DETAILED)
    review(room)
    before = room.session.sheet(E2, LOT, Part.DETAILED).locked
    carry(room, E1, ap.ReopenSheet(E2, LOT, Part.DETAILED))
    assert room.session.sheet(E2, LOT, Part.DETAILED).locked is None
    assert room.session.sheet(E3, LOT, Part.DETAILED).locked is not None
    assert ["unlock"] == [need.code for need in room.session.missing_for(Stage.PRICING)]
    room.give(room[E2].enter(BIDS[0], "plan", "3", revision=2))
    room.lock(E2)
    room.cosign()
    room.unlock()
    assert before != room.session.sheet(E2, LOT, Part.DETAILED).locked


def differing(room: Room) -> None:
    """Let all lock the detailed sheets, one of them with another objective value, and be asked about it."""
    for seat in room.session.experts():
        fill(room, seat, {(BIDS[0], "record"): "3"} if seat == E2 else None)
        room.lock(seat)
    room.cosign()
    room.unlock()
    assert ["F1"] == [one.event.finding for one in room.session.findings.open_to(E3)]


@pytest.mark.parametrize("after", [Stage.PRELIMINARY, Stage.DETAILED])
def test_a_step_back_voids_what_was_asked_about_sheets_that_are_judged_anew(after: Stage) -> None:
    room = at(Stage.DETAILED)
    differing(room)
    if after is Stage.DETAILED:
        room.answer_all()
        for seat in room.session.experts():
            room.lock(seat)
        room.cosign()
        room.unlock()
        room.answer_all()
        room.advance()
    carry(room, E1, ap.StepBack(after))
    assert [] == room.session.findings.waiting()
    while room.session.stage is not Stage.DETAILED:
        finish(room)
        room.advance()
    fresh = room.session.sheet(E2, LOT, Part.DETAILED).revision((BIDS[0], ItemId("plan")))
    assert room.try_out(room[E2].enter(BIDS[0], "plan", "4", reason="seen", revision=fresh + 1))
    for seat in room.session.experts():
        fill(room, seat, {(BIDS[1], "record"): "3"} if seat == E3 else {(BIDS[0], "record"): "2.5"})
        room.lock(seat)
    room.cosign()
    asked = [fact.event for fact in room.unlock()]
    assert [(BIDS[1], "record")] == [
        (one.bid, one.item) for one in asked if isinstance(one, ev.FindingRaised)
    ]


def test_a_sheet_returned_to_its_owner_is_open_as_a_whole_and_everybody_is_asked_anew() -> None:
    room = at(Stage.DETAILED)
    differing(room)
    room.give(room[E1].answer("F1"))
    room.give(room[E1].lock(room.session, Part.DETAILED))
    carry(room, E1, ap.ReopenSheet(E1, LOT, Part.DETAILED))
    assert [] == room.session.findings.waiting()
    for seat in (E1, E2):
        assert room.try_out(room[seat].enter(BIDS[0], "plan", "4", reason="seen", revision=2))


def test_a_newcomer_is_asked_nothing_that_the_leaver_was() -> None:
    room = at(Stage.DETAILED)
    differing(room)
    asked = next(fact for fact in room.history if isinstance(fact.event, ev.FindingRaised))
    assert () == view(asked, Audience(RESERVE, Role.EXPERT, HOST, HOST), room.session)
    carry(room, SUPERVISOR, ap.ReplaceExpert(E2, RESERVE))
    assert [] == room.session.findings.waiting()
    assert room.session.findings.raised.keys() == room.session.findings.voided


def test_a_lot_is_evaluated_again_on_a_listed_ground_only_and_old_signatures_fall() -> None:
    room = at(Stage.SIGNING)
    room.sign(E1)
    carry(room, OPERATOR, ap.Reevaluate("sum"), "added wrongly")
    assert (Stage.PRELIMINARY, {}, 2) == (
        room.session.stage,
        room.session.reports.signed,
        room.session.rounds,
    )


def test_nothing_may_be_ordered_where_the_stages_have_no_way_back_for_it() -> None:
    ways = {ap.StepBack: ev.SteppedBack, ap.Reevaluate: ev.SteppedBack, ap.ReplaceExpert: ev.ExpertReplaced}
    for act, event in ways.items():
        for stage in ap.RULES[act].stages - {Stage.PRELIMINARY}:
            assert RETURNS[event].get(stage), (act, stage)


def test_what_is_concluded_is_not_evaluated_again() -> None:
    room = at(Stage.CONCLUDED)
    refused(room, propose(room, OPERATOR, ap.Reevaluate("sum")), ap.NotProposable)


# --- replacing and recusing -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "stage", [Stage.BRIEFED, Stage.PRELIMINARY, Stage.DETAILED, Stage.PRICING, Stage.SIGNING]
)
def test_a_newcomer_begins_anew_and_nothing_of_the_leaver_counts(stage: Stage) -> None:
    room = at(stage)
    if stage is Stage.DETAILED:
        fill(room, E1, dict.fromkeys(((bid, "plan") for bid in BIDS), "12"))
    carry(room, SUPERVISOR, ap.ReplaceExpert(E1, RESERVE))
    session = room.session
    assert sorted([E2, E3, RESERVE]) == session.experts()
    assert Stage.BRIEFED is session.stage
    assert not [key for key in session.sheets if key[0] == E1]
    assert (
        not session.unlocked | session.prices.keys() | session.rankings.keys() | session.reports.signed.keys()
    )
    while room.session.stage is not Stage.SIGNING:
        finish(room)
        room.advance()
    row = room.session.rankings[LOT].rows[0]
    members = [room.session.sheet(seat, LOT, Part.DETAILED) for seat in room.session.experts()]
    assert 3 == len(members)
    assert row.technical == added_up(room, row.bid)


def added_up(room: Room, bid: str) -> str:
    """Add the members' points up again, from their cells alone, as a fraction in lowest terms."""
    total = Fraction(0)
    for seat in room.session.experts():
        for (of, item), cell in room.session.sheet(seat, LOT, Part.DETAILED).cells.items():
            if of == bid:
                total += Fraction("6.5") - Fraction(cell.value) if item == "faults" else Fraction(cell.value)
    mean = total / len(room.session.experts())
    return f"{mean.numerator}/{mean.denominator}"


def test_the_leaver_has_no_part_any_more_and_the_reserve_none_before() -> None:
    room = at(Stage.DETAILED)
    refused(room, room[RESERVE].enter(BIDS[0], "plan", "3"), NotMember)
    carry(room, SUPERVISOR, ap.ReplaceExpert(E2, RESERVE))
    refused(room, room[E2].accept(room.session.pledge.sha256), NotMember)
    room.give(room[RESERVE].accept(room.session.pledge.sha256))


def test_whoever_left_does_not_come_back_as_a_newcomer() -> None:
    room = at(Stage.BRIEFED)
    carry(room, SUPERVISOR, ap.ReplaceExpert(E2, RESERVE))
    order = room[SUPERVISOR].order(co.Propose("p2", ap.ReplaceExpert(E1, E2), "back"))
    refused(room, order, NotVoidable)


def test_a_chair_who_leaves_is_elected_anew() -> None:
    room = at(Stage.DETAILED)
    assert E1 == room.session.chair
    carry(room, SUPERVISOR, ap.ReplaceExpert(E1, RESERVE))
    assert not room.session.chair
    finish(room)
    room.advance()
    assert ["chair"] == [need.code for need in room.session.missing_for(Stage.PRELIMINARY)]


def test_a_member_recuses_and_the_next_reserve_of_the_same_kind_takes_the_place_at_once() -> None:
    room = at(Stage.BRIEFED)
    refused(room, room[E1].order(co.RecuseSelf(E2, "he is my brother")), NotOwner)
    refused(room, room[E1].order(co.RecuseSelf(E1, "")), ReasonNeeded)
    order = room[E1].order(co.RecuseSelf(E1, "my brother works there"))
    recused, replaced = room.try_out(order)
    assert ev.ExpertRecused(E1, "my brother works there") == recused.event
    assert RESERVE == getattr(replaced.event, "newcomer", None)
    room.give(order)
    assert [E2, E3, RESERVE] == room.session.experts()


def test_a_recusal_without_a_reserve_waits_for_a_successor() -> None:
    room = plain.room_at(Stage.BRIEFED)
    room.give(room[E1].order(co.RecuseSelf(E1, "my brother works there")))
    assert "successor" in [need.code for need in room.session.missing_for(Stage.ELECTING)]


def test_nobody_recuses_once_the_review_has_begun() -> None:
    room = at(Stage.PRELIMINARY)
    refused(room, room[E1].order(co.RecuseSelf(E1, "I am tired")), WrongStage)


def test_a_reserve_sees_nothing_that_was_concluded() -> None:
    room = at(Stage.SIGNING)
    reserve = Audience(RESERVE, Role.EXPERT, HOST, HOST)
    session, seen = plain.fold([]), []
    for fact in room.history:
        session.evolve(fact)
        if view(fact, reserve, session):
            seen.append(type(fact.event))
    assert ev.StageChanged in seen
    assert not CONCLUSIONS & set(seen)
    assert ev.ScoreEntered not in seen


# --- votes ------------------------------------------------------------------------------------------------


def test_the_chair_is_elected_by_the_most_votes() -> None:
    room = at(Stage.ELECTING)
    facts = vote(room, E1=E2, E2=E2, E3=E1)
    assert ["BallotCast", "VoteCounted", "ChairElected"] == [type(fact.event).__name__ for fact in facts]
    assert E2 == room.session.chair
    assert () == room.session.missing_for(Stage.PRELIMINARY)


def test_a_tie_is_voted_again_among_the_tied_and_rounds_are_capped() -> None:
    room = at(Stage.ELECTING)
    *_, again = vote(room, E1=E2, E2=E1, E3=E3)
    assert isinstance(again.event, vo.VoteOpened)
    assert 2 == again.event.round
    facts = vote(room, E1=E2, E2=E1, E3=E3)
    assert ["BallotCast", "VoteCounted"] == [type(fact.event).__name__ for fact in facts]
    assert ["chair"] == [need.code for need in room.session.missing_for(Stage.PRELIMINARY)]


def test_after_the_last_round_the_chair_is_drawn_from_those_it_left_tied_and_from_nobody_else() -> None:
    room = at(Stage.ELECTING)
    early = chair_draw(room, tuple(EXPERTS))
    refused(room, early, NotVoidable)
    for _ in range(2):
        vote(room, E1=E2, E2=E1, E3=E3)
    refused(room, chair_draw(room, (E1, E2)), NotVoidable)
    room.give(chair_draw(room, tuple(EXPERTS)))
    assert "draws" in [need.code for need in room.session.missing_for(Stage.PRELIMINARY)]
    for commits in (True, False):
        for party in (SUPERVISOR, REGULATOR):
            facts = room.give(draw_step(room, party, commits=commits))
    assert ["DrawRevealed", "DrawMade", "ChairElected"] == [type(fact.event).__name__ for fact in facts]
    assert room.session.chair in EXPERTS
    assert () == room.session.missing_for(Stage.PRELIMINARY)


CHAIR_DRAW = DrawId("chair1")


def chair_draw(room: Room, options: tuple[SeatCode, ...]) -> co.Order:
    """Return the declaration of a draw of the chair, with two parties."""
    times = (plain.START + 60_000, plain.START + 120_000)
    return room[OPERATOR].order(
        co.DeclareDraw(
            CHAIR_DRAW,
            Purpose.CHAIR,
            "chair",
            LotId(""),
            options,
            (),
            (),
            None,
            1,
            (),
            (SUPERVISOR, REGULATOR),
            *times,
            "",
        )
    )


def draw_step(room: Room, party: SeatCode, *, commits: bool) -> co.Order:
    """Return a party's commitment, or what opens it."""
    value, nonce = hashlib.sha256(f"value {party}".encode()).hexdigest(), hashlib.sha256(b"nonce").hexdigest()
    if commits:
        declared = declaration_digest(plain.SESSION, room.session.draws.all[CHAIR_DRAW].declared)
        made = commitment_to(plain.SESSION, CHAIR_DRAW, declared, party, value, nonce)
        return room[party].order(co.CommitDraw(CHAIR_DRAW, made))
    digest = room.session.draws.all[CHAIR_DRAW].commitments_digest()
    return room[party].order(co.RevealDraw(CHAIR_DRAW, value, nonce, digest))


def test_a_ballot_that_does_not_open_its_commitment_is_refused() -> None:
    room = at(Stage.ELECTING)
    person = room[E1]
    cmd = person.new_id()
    commitment, secret = person.secret(cmd, "/choice", E2)
    order = person.order(co.CastBallot("chair", 1, commitment), cmd, (replace(secret, value=E3),))
    refused(room, order, SecretsMismatch)


def test_too_few_bids_are_put_to_the_vote_and_may_end_the_lot() -> None:
    for choice, failed in ((vo.GO_ON, False), (vo.REJECT_ALL, True)):
        room = at(Stage.PRELIMINARY)
        out: dict[tuple[str, str], str] = {(bid, "form"): "fail" for bid in BIDS[:2]}
        review(room, dict.fromkeys(EXPERTS, out))
        assert ["competition"] == [need.code for need in room.session.missing_for(Stage.DETAILED)]
        vote(room, **dict.fromkeys(EXPERTS, choice))
        assert failed is (LOT in room.session.failed)


def test_a_committee_that_is_even_about_competition_votes_until_it_decides() -> None:
    """Rounds are capped for the chair, whom a draw may find; whether bids compete no draw decides."""
    room = opened_with_four()
    out: dict[tuple[str, str], str] = {(bid, "form"): "fail" for bid in BIDS[:2]}
    review(room, dict.fromkeys(room.session.experts(), out))
    for _ in range(4):  # the profile caps the chair's at two
        vote(room, E1=vo.GO_ON, E2=vo.GO_ON, E3=vo.REJECT_ALL, E8=vo.REJECT_ALL)
        assert ["competition"] == [need.code for need in room.session.missing_for(Stage.DETAILED)]
    vote(room, **dict.fromkeys(room.session.experts(), vo.GO_ON))
    assert () == room.session.missing_for(Stage.DETAILED)


def opened_with_four() -> Room:
    """Return a session at the preliminary review whose committee has four members."""
    seats = tuple(replace(seat, reserve=False) if seat.code == RESERVE else seat for seat in SEATS)
    room = Room(people={seat.code: Person(seat) for seat in seats})
    room.give(plain.by_host(replace(OPEN, seats=seats)))
    for person in room.people.values():
        room.give(person.check_in())
    while room.session.stage is not Stage.PRELIMINARY:
        finish(room)
        room.advance()
    return room


def test_a_tender_fails_only_when_every_lot_has() -> None:
    room = at(Stage.PRELIMINARY)
    order = room[OPERATOR].order(co.FailTender("nobody is left"))
    refused(room, order, Unready)
    carry(room, SUPERVISOR, ap.FailLot(LOT))
    room.give(order)
    assert Stage.FAILED is stage_of(room)
    for seat in room.session.experts():
        room.sign(seat)
    room.give(room[OPERATOR].order(co.CloseSession("failed")))
    assert Stage.ARCHIVED is stage_of(room)


# --- prices, pause, abort, booking -----------------------------------------------------------------------------


@pytest.mark.parametrize("stage", [Stage.PRICING, Stage.SUMMARY])
def test_a_corrected_price_is_computed_anew_and_the_earlier_run_stays_in_the_journal(stage: Stage) -> None:
    room = at(stage)
    before = room.session.prices[LOT]
    carry(room, OPERATOR, ap.CorrectPrice(LOT, BIDS[3], 990_000_00), "the sum of the bill")
    assert "99000000/1" == next(row.read for row in room.session.prices[LOT].rows if row.bid == BIDS[3])
    runs = [fact.event for fact in room.history if isinstance(fact.event, ev.PricesComputed)]
    assert [before, room.session.prices[LOT]] == runs
    assert (stage is Stage.SUMMARY) is (LOT in room.session.rankings)


def test_prices_wait_for_the_value_that_the_formula_has_drawn_and_are_computed_with_it() -> None:
    pricing = presets.drawn_factor("30")
    (name, choices) = next((one.name, one.choices) for one in pricing.inputs if one.choices)
    room = plain.opened(
        replace(plain.OPEN, tender=replace(plain.TENDER, lots=(replace(plain.LOT1, pricing=pricing),)))
    )
    for person in room.people.values():
        room.give(person.check_in())
    wrong = parameter_draw(room, name, (*choices[1:], "0.5"))
    refused(room, wrong, NotVoidable)
    assert "drawn_value" in [need.code for need in room.session.missing_for(Stage.PRICING)]
    room.give(parameter_draw(room, name, choices))
    for commits in (True, False):
        for party in (SUPERVISOR, REGULATOR):
            room.give(draw_step(room, party, commits=commits))
    while room.session.stage is not Stage.PRICING:
        plain.finish(room)
        room.advance()
    (drawn,) = room.session.draws.drawn(Purpose.PRICE_PARAMETER, LOT, name)
    (given,) = room.session.prices[LOT].given
    assert (name, Fraction(drawn)) == (given.name, Fraction(given.value))


def parameter_draw(room: Room, name: str, choices: tuple[str, ...]) -> co.Order:
    """Return the declaration of a draw of a price parameter."""
    times = (plain.START + 60_000, plain.START + 120_000)
    parties = (SUPERVISOR, REGULATOR)
    purpose = Purpose.PRICE_PARAMETER
    return room[OPERATOR].order(
        co.DeclareDraw(CHAIR_DRAW, purpose, name, LOT, choices, (), (), None, 1, (), parties, *times, "")
    )


def test_a_pause_is_ended_by_two_persons_and_with_every_site_back() -> None:
    room = at(Stage.DETAILED)
    room.give(room[SUPERVISOR].order(co.PauseSession("fire", None)))
    refused(room, room[SUPERVISOR].order(co.ResumeSession("out")), SecondPersonNeeded)
    room.give(propose(room, SUPERVISOR, ap.Resume()))
    room.note(ev.SiteLost(WEST))
    refused(room, approve(room), Unready)
    room.note(ev.SiteReturned(WEST))
    room.give(approve(room))
    assert not room.session.paused


def test_an_announced_resumption_lies_ahead() -> None:
    rules = replace(plain.OPEN, profile="[pause]\nresume_at = true\n")
    room = plain.opened(rules)
    for person in room.people.values():
        room.give(person.check_in())
    for late in (None, plain.START):
        refused(room, room[SUPERVISOR].order(co.PauseSession("fire", late)), Unready)
    assert room.give(room[SUPERVISOR].order(co.PauseSession("fire", plain.START + 1)))


def test_an_aborted_session_takes_nothing_but_its_close() -> None:
    room = at(Stage.DETAILED)
    carry(room, SUPERVISOR, ap.AbortSession())
    assert Stage.ABORTED is stage_of(room)
    refused(room, room[E1].enter(BIDS[0], "plan", "3"), WrongStage)
    room.give(room[OPERATOR].order(co.CloseSession("aborted")))


def test_a_session_aborted_during_a_pause_can_be_closed() -> None:
    room = at(Stage.DETAILED)
    room.give(room[SUPERVISOR].order(co.PauseSession("fire", None)))
    carry(room, SUPERVISOR, ap.AbortSession())
    room.give(room[OPERATOR].order(co.CloseSession("aborted")))
    assert Stage.ARCHIVED is stage_of(room)


def booked_session() -> o.Opening:
    command = replace(o.OPEN, profile="[booking]\nconfirm = true\n")
    room = o.new(command=command)
    room.advance()
    return room


def test_bids_are_received_once_every_sub_site_holds_its_seats() -> None:
    room = booked_session()
    own = tuple(seat.code for seat in o.SEATS if seat.site == WEST)
    desk = room[plain.SITE_OPERATOR]
    assert ["booking"] == [need.code for need in room.session.missing_for(Stage.RECEIVING)]
    refused(room, desk.order(co.ConfirmBooking(HOST, own)), NotOwner)
    refused(room, desk.order(co.ConfirmBooking(WEST, own[:1])), Unready)
    refused(room, desk.order(co.DeclineBooking(WEST, "")), ReasonNeeded)
    room.give(desk.order(co.ConfirmBooking(WEST, own)))
    room.give(desk.order(co.DeclineBooking(WEST, "power cut")))
    assert ["booking"] == [need.code for need in room.session.missing_for(Stage.RECEIVING)]
    room.give(desk.order(co.ConfirmBooking(WEST, own)))
    room.advance()
    assert Stage.RECEIVING is stage_of(room)


def test_no_notice_goes_out_before_the_seats_are_held() -> None:
    room = booked_session()
    room.arm()
    refused(room, room.by_seat(OPERATOR, co.OpenSubmissions(room.sha256)), Unready)


# --- the profile and the committee ------------------------------------------------------------------------------


def test_a_profile_that_cannot_be_read_opens_no_session() -> None:
    refused(Room(), plain.by_host(replace(plain.OPEN, profile="[committee]\nleast = -1")), UnusableProfile)


@pytest.mark.parametrize(
    ("rules", "specialties", "fits"),
    [
        ("least = 5", (), False),
        ("least = 3", (), True),
        ("odd = true", (), True),
        ('expert_share = "2/3"', (), False),
        ('expert_share = "2/3"', (Specialty.TECHNICAL, Specialty.OWNER, Specialty.OWNER), False),
        ('expert_share = "2/3"', (Specialty.TECHNICAL, Specialty.ECONOMIC, Specialty.OWNER), True),
    ],
)
def test_a_committee_of_the_wrong_make_up_opens_no_session(
    rules: str, specialties: tuple[Specialty, ...], *, fits: bool
) -> None:
    seats = dict(zip(EXPERTS, specialties, strict=False))
    made = tuple(replace(seat, specialty=seats.get(seat.code, seat.specialty)) for seat in plain.SEATS)
    order = plain.by_host(replace(plain.OPEN, seats=made, profile=f"{PLAIN}[committee]\n{rules}\n"))
    if fits:
        assert Room().try_out(order)
    else:
        refused(Room(), order, UnusableTender)


def test_reserve_seats_count_for_nothing_in_the_committee() -> None:
    rules = f"{PLAIN}[committee]\nleast = 4\n"
    refused(Room(), plain.by_host(replace(OPEN, profile=rules)), UnusableTender)
