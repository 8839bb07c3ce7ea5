"""What is found once all have locked: nothing earlier, no value told, no score changed, and every question answered."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalroom import commands as co
from evalroom import events as ev
from evalroom.errors import EvalroomError
from evalroom.events import Fact, FindingCode, FindingRaised, Stage
from evalroom.findings import (
    AnswerWithoutReason,
    Findings,
    OtherThanStated,
    UnknownFinding,
    ask_before_unlock,
    ask_with_unlock,
    deviating,
    differing_cells,
    identical,
)
from evalroom.ids import BidId, ItemId, SeatCode
from evalroom.needs import Unready
from evalroom.roles import Role
from evalroom.sheet import MAX_REASON, Cell, Sheet, SheetIsLocked, keys_of
from evalroom.tender import ItemKind, Lot, Option, Part, Thresholds
from tests.evalroom.room import (
    BIDS,
    EXPERTS,
    ITEMS,
    LOT,
    LOT1,
    OPERATOR,
    Room,
    assert_replays,
    by_host,
    room_at,
    usual_value,
)
from tests.evalroom.test_visibility import ALL, seen_by, texts

E1, E2, E3 = EXPERTS
B1, B2, B3, B4 = BIDS
RECORD = ItemId("record")
Values = Mapping[tuple[str, str], str]


def refused(room: Room, order: co.Order, why: type[EvalroomError]) -> dict[str, Any]:
    with pytest.raises(why) as error:
        room.try_out(order)
    assert why is error.type
    return dict(error.value.detail)


def filled(changes: Mapping[SeatCode, Values], stage: Stage = Stage.DETAILED) -> Room:
    """Return a session whose sheets are all locked and cosigned, with `changes` to the usual values."""
    room = room_at(stage)
    for seat in EXPERTS:
        room.fill(seat, changes.get(seat))
        room.lock(seat)
    room.cosign()
    return room


def raised(facts: tuple[Fact, ...]) -> list[FindingRaised]:
    return [fact.event for fact in facts if isinstance(fact.event, FindingRaised)]


def differing() -> Room:
    """Return a session in which E2 differs on an objective item, and all have been asked."""
    room = filled({E2: {(B1, RECORD): "4"}})
    room.unlock()
    return room


# --- nothing before all have locked ---------------------------------------------------------------------


def test_no_finding_is_raised_while_a_sheet_is_open() -> None:
    room = room_at(Stage.DETAILED)
    room.fill(E1, {(B1, RECORD): "4"})
    room.lock(E1)
    for seat in (E2, E3):
        room.fill(seat)
    room.lock(E2)
    room.cosign()
    for last in (False, True):
        if last:
            room.lock(E3)
        refused(room, by_host(co.UnlockGroup(LOT, Part.DETAILED)), Unready)
    assert {} == room.session.findings.raised


def test_sheets_that_differ_and_sheets_that_agree_look_the_same_until_all_have_locked() -> None:
    rooms = [filled({}), filled({E2: {(B1, RECORD): "4"}})]
    for who in ALL:
        same = texts(who, rooms[0].history) == texts(who, rooms[1].history)
        assert same is (who.seat != E2), who


# --- objective items that differ ------------------------------------------------------------------------


def test_members_who_differ_on_an_objective_item_are_all_asked_and_the_group_view_waits() -> None:
    room = filled({E2: {(B1, RECORD): "4"}})
    facts = room.try_out(by_host(co.UnlockGroup(LOT, Part.DETAILED)))
    asked = FindingRaised("F1", FindingCode.OBJECTIVE_DIFFERS, LOT, Part.DETAILED, B1, RECORD, EXPERTS)
    assert (asked,) == tuple(fact.event for fact in facts)


@pytest.mark.parametrize("odd", EXPERTS)
@pytest.mark.parametrize("value", ["4", "0"])
def test_the_question_tells_neither_who_differs_nor_by_what(odd: SeatCode, value: str) -> None:
    rooms = [filled({E2: {(B1, RECORD): "4"}}), filled({odd: {(B1, RECORD): value}})]
    for room in rooms:
        room.unlock()
    for who in ALL:
        mine = [[text for text in texts(who, room.history) if '"FindingRaised"' in text] for room in rooms]
        assert mine[0] == mine[1], who
        if who.seat not in (E2, odd):
            assert texts(who, rooms[0].history) == texts(who, rooms[1].history), who


def test_each_may_revise_exactly_the_cells_that_were_asked_about() -> None:
    room = differing()
    for seat in EXPERTS:
        for bid, item in keys_of(LOT1, Part.DETAILED, ()):
            order = room[seat].enter(bid, item, "1", revision=2, reason="seen")
            if (bid, item) == (B1, RECORD):
                assert room.try_out(order)
            else:
                refused(room, order, SheetIsLocked)


def test_a_sheet_is_locked_again_once_its_questions_are_answered_and_then_the_group_view_opens() -> None:
    room = differing()
    refused(room, by_host(co.UnlockGroup(LOT, Part.DETAILED)), Unready)
    assert "F1" == refused(room, room[E1].lock(room.session, Part.DETAILED), Unready)["findings"]
    room.give(room[E2].enter(B1, RECORD, "1.5", revision=2))
    room.give(room[E2].answer("F1", "", stand=False))
    for seat in (E1, E3):
        room.give(room[seat].answer("F1", ""))
    refused(room, room[E2].enter(B1, RECORD, "2", revision=3), SheetIsLocked)
    for seat in EXPERTS:
        room.lock(seat)
    refused(room, by_host(co.UnlockGroup(LOT, Part.DETAILED)), Unready)
    room.cosign()
    facts = assert_replays(room.history, by_host(co.UnlockGroup(LOT, Part.DETAILED)))
    (unlocked,) = [fact.event for fact in facts if isinstance(fact.event, ev.GroupUnlocked)]
    sheets = {seat: room.session.sheet(seat, LOT, Part.DETAILED).locked for seat in EXPERTS}
    assert sheets == {one.seat: one.digest for one in unlocked.sheets}


def test_members_are_asked_once_and_may_still_differ() -> None:
    """The system asks, the expert decides; after the unlock the committee sees what is left."""
    room = differing()
    room.answer_all()
    for seat in EXPERTS:
        room.lock(seat)
    room.cosign()
    facts = room.unlock()
    assert isinstance(facts[0].event, ev.GroupUnlocked)
    assert "4" == room.session.sheet(E2, LOT, Part.DETAILED).cells[B1, RECORD].value


def test_an_answer_says_what_the_cell_says() -> None:
    room = differing()
    detail = refused(room, room[E2].answer("F1", stand=False), OtherThanStated)
    assert {"finding": "F1", "bid": B1, "item": RECORD} == detail
    room.give(room[E2].enter(B1, RECORD, "3", revision=2))
    refused(room, room[E2].answer("F1", stand=True), OtherThanStated)
    room.give(room[E2].enter(B1, RECORD, "4", revision=3))
    assert room.try_out(room[E2].answer("F1", stand=True))


def test_nobody_answers_what_was_not_asked_or_was_answered() -> None:
    room = differing()
    refused(room, room[E1].answer("F2"), UnknownFinding)
    room.give(room[E1].answer("F1"))
    refused(room, room[E1].answer("F1"), UnknownFinding)


def test_an_answer_before_the_unlock_is_seen_by_its_giver_alone() -> None:
    one, other = differing(), differing()
    one.give(one[E2].answer("F1", "seen on page 7"))
    other.give(other[E2].enter(B1, RECORD, "1.5", revision=2, reason="I misread"))
    other.give(other[E2].answer("F1", "my mistake", stand=False))
    for who in ALL:
        assert (texts(who, one.history) == texts(who, other.history)) is (who.seat != E2), who


def test_objective_verdicts_are_asked_about_in_the_preliminary_part_as_well() -> None:
    room = filled({E3: {(B2, "licence"): "fail"}}, Stage.PRELIMINARY)
    (asked,) = raised(room.unlock())
    assert (Part.PRELIMINARY, B2, "licence") == (asked.part, asked.bid, asked.item)
    room.give(room[E3].enter(B2, "licence", "pass", revision=2))
    room.give(room[E3].answer("F1", "", stand=False))
    room.answer_all()
    for seat in EXPERTS:
        room.lock(seat)
    room.cosign()
    (review,) = [fact.event for fact in room.unlock() if isinstance(fact.event, ev.BidsReviewed)]
    assert {()} == {vote.grounds for vote in review.votes}


def test_subjective_items_may_differ_as_they_like() -> None:
    room = filled({E2: {(B1, "plan"): "6"}})
    assert [] == [one for one in raised(room.unlock()) if one.code is FindingCode.OBJECTIVE_DIFFERS]


# --- reasons that the report wants ------------------------------------------------------------------------

HIGH: dict[tuple[str, str], str] = {(B1, "plan"): "12", (B1, "quality"): "10", (B1, "safety"): "8"}


def test_points_far_off_the_mean_want_a_reason_and_hold_up_no_unlock() -> None:
    room = filled({E1: HIGH})
    facts = room.unlock()
    assert isinstance(facts[0].event, ev.GroupUnlocked)
    asked = FindingRaised("F1", FindingCode.DEVIATION, LOT, Part.DETAILED, B1, ItemId(""), (E1,))
    assert [asked] == raised(facts)


def test_results_are_not_signed_before_the_reason_is_given() -> None:
    room = filled({E1: HIGH})
    room.unlock()
    room.advance()
    room.advance()
    room.advance()
    order = room[OPERATOR].order(co.AdvanceStage(Stage.REPORTING, Stage.SIGNING, ""))
    detail = refused(room, order, Unready)
    assert ("findings", E1) == (detail["needs"], detail["findings"])
    before = room.session.rankings[LOT]
    room.give(room[E1].answer("F1", "the only bid with a tested design"))
    room.advance()
    assert before == room.session.rankings[LOT]
    assert Stage.SIGNING is room.session.stage


@pytest.mark.parametrize("reason", ["", " \n\u3000", "x" * (MAX_REASON + 1)])
def test_a_deviation_is_not_answered_without_words(reason: str) -> None:
    room = filled({E1: HIGH})
    room.unlock()
    refused(room, room[E1].answer("F1", reason), AnswerWithoutReason)


def test_a_value_that_the_committee_has_seen_is_not_revised_by_an_answer() -> None:
    room = filled({E1: HIGH})
    room.unlock()
    refused(room, room[E1].answer("F1", "I was wrong", stand=False), OtherThanStated)
    refused(room, room[E2].answer("F1", "so it is"), UnknownFinding)


def test_of_a_deviation_the_committee_hears_and_nobody_else_before_the_summary() -> None:
    room = filled({E1: HIGH})
    room.unlock()
    room.give(room[E1].answer("F1", "tested"))
    for who in ALL:
        seen = [seen for _, seen in seen_by(who, room.history) if seen.type.startswith("Finding")]
        reads = who.role in (Role.EXPERT, Role.REGULATOR)
        assert (["FindingRaised", "FindingAnswered"] if reads else []) == [one.type for one in seen]
        if reads:
            assert {"/reason": "tested"} == dict(seen[1].opened)
            assert (who.seat == E1) is (seen[1].cmd is not None)


def test_members_with_the_same_points_throughout_give_a_reason_each() -> None:
    same: Values = {key: usual_value(E1, *key) for key in keys_of(LOT1, Part.DETAILED, ())}
    room = filled({E3: same})
    asked = FindingRaised("F1", FindingCode.IDENTICAL, LOT, Part.DETAILED, BidId(""), ItemId(""), (E1, E3))
    assert [asked] == raised(room.unlock())
    room.give(room[E1].answer("F1", "the standard leaves no room"))
    assert [E3] == room.session.findings.waiting()


def test_what_is_found_is_numbered_through() -> None:
    room = filled({E2: {(B1, RECORD): "4", (B2, RECORD): "4"}, E1: HIGH})
    assert ["F1", "F2"] == [one.finding for one in raised(room.unlock())]
    room.answer_all()
    for seat in EXPERTS:
        room.lock(seat)
    room.cosign()
    assert ["F3"] == [one.finding for one in raised(room.unlock())]


# --- the comparisons themselves -----------------------------------------------------------------------------


def committee(points: Mapping[str, list[str]], lot: Lot = LOT1) -> dict[SeatCode, Sheet]:
    """Return sheets of three members; `points` ("bid1 plan") are theirs in turn, all else is the full marks."""
    items = {item.id: item for item in lot.items}
    sheets = {}
    for number, seat in enumerate(EXPERTS):
        cells = {
            (bid, item): Cell(
                1,
                points.get(f"{bid} {item}", [full_of(items[item].kind, items[item].full)] * 3)[number],
                "",
                "",
                "",
            )
            for bid, item in keys_of(lot, Part.DETAILED, ())
        }
        sheets[seat] = Sheet(cells, "digest")
    return sheets


def full_of(kind: ItemKind, full: str) -> str:
    return {ItemKind.DEDUCT: "0", ItemKind.CHOICE: "A"}.get(kind, full)


def test_numbers_are_compared_as_numbers_and_options_by_name() -> None:
    options = (Option("A", "6.5"), Option("B", "6.5"))
    lot = replace(
        LOT1, items=(*ITEMS[:9], replace(ITEMS[9], kind=ItemKind.CHOICE, options=options), *ITEMS[10:])
    )
    same = committee({"bid1 faults": ["1", "1.0", "1"]}, lot)
    assert [] == differing_cells(lot, Part.DETAILED, same, ())
    named = committee({"bid1 record": ["A", "B", "A"]}, lot)
    assert [(B1, RECORD)] == differing_cells(lot, Part.DETAILED, named, ())


def test_rejected_bids_are_compared_no_more() -> None:
    sheets = committee({"bid1 record": ["1", "2", "3"], "bid1 plan": ["0", "0", "12"]})
    assert [] == differing_cells(LOT1, Part.DETAILED, sheets, [B1])
    assert [] == [*deviating(LOT1, sheets, [B1])]


def small(deviation: str = "30") -> Lot:
    """Return a lot with one subjective item of 70 points."""
    return replace(
        LOT1, items=(*ITEMS[:3], replace(ITEMS[3], full="70")), checks=Thresholds(deviation=deviation)
    )


@pytest.mark.parametrize(
    ("points", "off"),
    [
        (["50", "50", "50"], []),
        (["32.5", "62.5", "55"], [E1]),  # 35, 25 and 10 %
        (["65", "50", "35"], []),  # exactly 30 %
        (["65.1", "50", "34.9"], [E1, E3]),
        (["0", "0", "0"], []),
        (["0", "0", "0.1"], [E1, E2, E3]),
    ],
)  # fmt: skip
def test_off_is_what_differs_from_the_mean_by_more_than_the_threshold(
    points: list[str], off: list[SeatCode]
) -> None:
    sheets = committee({"bid1 plan": points}, small())
    assert off == [seat for seat, bid in deviating(small(), sheets, ()) if bid == B1]


def test_the_threshold_is_the_lots() -> None:
    sheets = committee({"bid1 plan": ["55", "50", "45"]}, small())
    assert [] == [*deviating(small("10"), sheets, ())]
    assert [(E1, B1), (E3, B1)] == [*deviating(small("9.9"), sheets, ())]


def test_too_few_cells_make_nobody_a_copy() -> None:
    lot = replace(small(), bids=LOT1.bids[:2])
    assert [] == [*identical(lot, committee({}, lot), ())]
    assert [EXPERTS] == [*identical(small(), committee({}, small()), ())]


def test_pairs_that_agree_among_themselves_are_told_apart() -> None:
    assert [(E1, E3)] == [*identical(LOT1, committee({"bid1 plan": ["1", "2", "1.0"]}), ())]


values = st.lists(st.sampled_from(["0", "1.5", "6", "6.5"]), min_size=3, max_size=3)


@settings(max_examples=40)
@given(values, values)
def test_whatever_is_found_no_sheet_changes_and_nothing_is_asked_twice(
    one: list[str], other: list[str]
) -> None:
    sheets = committee({"bid1 record": one, "bid2 plan": other})
    before = committee({"bid1 record": one, "bid2 plan": other})
    findings = Findings()
    first = ask_before_unlock(findings, LOT1, Part.DETAILED, sheets, ())
    assert bool(first) is (len(set(one)) > 1)
    assert (EXPERTS,) * len(first) == tuple(event.seats for event in first)
    found = ask_with_unlock(findings, LOT1, Part.DETAILED, sheets, ())
    assert before == sheets
    for event in first or found:
        findings.take_raised(event, {seat: sheets[seat] for seat in event.seats})
    assert bool(first) is findings.were_asked(LOT, Part.DETAILED)
    if first:
        assert () == ask_before_unlock(findings, LOT1, Part.DETAILED, sheets, ())
    assert () == ask_with_unlock(findings, LOT1, Part.PRELIMINARY, sheets, ())
