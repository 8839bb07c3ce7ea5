"""What is looked at before a sheet is closed: everything asks or stops, nothing changes a score."""

import copy
import json
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalroom.checks import (
    EFFECTS,
    MAX_STATEMENT,
    Answer,
    BadStatement,
    Effect,
    Finding,
    FindingUnanswered,
    LintCode,
    SheetFaulty,
    Statement,
    check_statement,
    lint,
    parse_statement,
    state,
    totals_of,
    write_statement,
)
from evalroom.ids import BidId
from evalroom.sheet import MAX_REASON, Cell, Sheet, keys_of
from evalroom.tender import ItemKind, Lot, Option, Part
from tests.evalroom import lint_vectors
from tests.evalroom.room import BIDS, ITEMS, LOT1

B1, B2, B3, B4 = BIDS
PLAN, QUALITY, FAULTS = ITEMS[3], ITEMS[4], ITEMS[-1]


def sheet_of(
    lot: Lot = LOT1, part: Part = Part.DETAILED, cells: Mapping[str, str] | None = None, **more: str
) -> Sheet:
    """Return a complete sheet without a finding, but for the `cells` (`bid1_plan="3"`, `bid1_plan="3|reason"`)."""
    items = {item.id: item for item in lot.items}
    sheet, changes = Sheet(), {**(cells or {}), **more}
    for number, (bid, item) in enumerate(keys_of(lot, part, ())):
        usual = "pass" if part is Part.PRELIMINARY else f"{items[item].full}"
        if items[item].kind is ItemKind.DEDUCT:
            usual = "0"
        elif items[item].kind is ItemKind.CHOICE:
            usual = items[item].options[0].name
        elif item == "quality":
            usual = f"{7 + number % 4}"
        value, _, reason = changes.pop(f"{bid}_{item}", usual).partition("|")
        sheet.cells[bid, item] = Cell(1, value, reason, "v", "r")
    assert not changes
    return sheet


def found(
    sheet: Sheet, lot: Lot = LOT1, part: Part = Part.DETAILED
) -> list[tuple[str, list[str], list[str]]]:
    return [(one.code.value, [*one.bids], [*one.items]) for one in lint(sheet, lot, part)]


def vectors(value: str) -> dict[str, str]:
    return {f"bid{n}_quality": value for n in (1, 2)}


def test_a_sheet_that_is_in_order_has_no_finding() -> None:
    assert [] == found(sheet_of())
    assert [] == found(sheet_of(part=Part.PRELIMINARY), part=Part.PRELIMINARY)


# --- what blocks ------------------------------------------------------------------------------------


def test_an_empty_cell_blocks() -> None:
    sheet = sheet_of(bid2_plan="")
    del sheet.cells[B4, QUALITY.id]
    assert [("empty", ["bid2"], ["plan"]), ("empty", ["bid4"], ["quality"])] == found(sheet)


@pytest.mark.parametrize("value", ["12.1", "8.55", "eight", "-1", "\uff18", "pass", "1e1"])
def test_a_value_out_of_its_range_blocks(value: str) -> None:
    assert ("range", ["bid1"], ["plan"]) in found(sheet_of(bid1_plan=value))


def test_a_fail_or_a_deduction_without_its_reason_blocks() -> None:
    assert [("reason_missing", ["bid3"], ["faults"])] == found(sheet_of(bid3_faults="1"))
    sheet = sheet_of(part=Part.PRELIMINARY, bid3_form="fail")
    assert [("reason_missing", ["bid3"], ["form"])] == found(sheet, part=Part.PRELIMINARY)


@pytest.mark.parametrize("told", [None, "", "62.9", "x", "1e2"])
def test_a_total_that_the_values_do_not_give_blocks(told: str | None) -> None:
    sheet = sheet_of()
    totals: dict[str, str] = {**totals_of(sheet, LOT1, Part.DETAILED, sheet.cells)}
    totals.pop(B2)
    if told is not None:
        totals[B2] = told
    assert [Finding(LintCode.TOTAL, Effect.BLOCK, (B2,))] == [
        *lint(sheet, LOT1, Part.DETAILED, totals=totals)
    ]


def test_a_total_of_a_bid_that_is_not_on_the_sheet_blocks() -> None:
    sheet = sheet_of()
    totals = {**totals_of(sheet, LOT1, Part.DETAILED, sheet.cells), "bid9": "1"}
    assert [("bid9",)] == [one.bids for one in lint(sheet, LOT1, Part.DETAILED, totals=totals)]


def test_a_total_may_be_written_with_zeros_at_its_end() -> None:
    sheet = sheet_of()
    totals = {bid: f"{total}.0" if "." not in total else f"{total}0" for bid, total in
              totals_of(sheet, LOT1, Part.DETAILED, sheet.cells).items()}  # fmt: skip
    assert () == lint(sheet, LOT1, Part.DETAILED, totals=totals)


def test_weights_that_do_not_add_up_block() -> None:
    lot = replace(LOT1, items=(*ITEMS[:3], replace(PLAN, full="13"), *ITEMS[4:]))
    assert ("weights", [], []) in found(sheet_of(lot), lot)


# --- what wants a reason ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "asked"), [("7.1", True), ("7.2", False), ("0", True), ("7.1|few pages", False)]
)
def test_less_than_60_percent_of_the_weight_wants_a_reason(value: str, asked: bool) -> None:  # noqa: FBT001 - a column of the table
    assert ([("low", ["bid1"], ["plan"])] if asked else []) == found(sheet_of(bid1_plan=value))


def test_an_item_may_have_a_share_of_its_own() -> None:
    for share, asked in (("0", False), ("75", True)):
        lot = replace(LOT1, items=(*ITEMS[:3], replace(PLAN, reason_below=share), *ITEMS[4:]))
        assert asked is bool(found(sheet_of(lot, bid1_plan="8.9"), lot))


def test_what_is_left_after_a_deduction_is_what_counts() -> None:
    """The reason for the deduction is the reason asked for, so nobody writes two."""
    assert [] == found(sheet_of(bid1_faults="6|late every time"))


def test_an_option_below_the_share_wants_a_reason() -> None:
    options = (Option("A", "12"), Option("B", "7.1"), Option("C", "0"))
    lot = replace(LOT1, items=(*ITEMS[:3], replace(PLAN, kind=ItemKind.CHOICE, options=options), *ITEMS[4:]))
    assert [] == found(sheet_of(lot), lot)
    assert [("low", ["bid2"], ["plan"])] == found(sheet_of(lot, bid2_plan="B"), lot)
    assert ("range", ["bid2"], ["plan"]) in found(sheet_of(lot, bid2_plan="D"), lot)


def test_the_same_points_for_several_bids_want_a_reason() -> None:
    assert [("same_vector", ["bid1", "bid2"], [])] == found(sheet_of(cells=vectors("8")))
    assert [("same_vector", ["bid1", "bid2"], [])] == found(sheet_of(bid1_quality="8", bid2_quality="8.0"))


def test_objective_items_alone_do_not_make_bids_differ_or_alike() -> None:
    assert [("same_vector", ["bid1", "bid2"], [])] == found(sheet_of(bid1_record="5", cells=vectors("8")))


def test_too_few_subjective_items_tell_nothing() -> None:
    lot = replace(LOT1, checks=replace(LOT1.checks, vector_cells=8))
    assert [] == found(sheet_of(lot, cells=vectors("8")), lot)


def test_the_same_verdicts_for_several_bids_are_the_usual_case() -> None:
    assert [] == found(sheet_of(part=Part.PRELIMINARY), part=Part.PRELIMINARY)


def test_a_comment_copied_to_another_bid_is_told_and_to_a_third_wants_a_reason() -> None:
    two = sheet_of(bid1_plan="11|clear and sound", bid2_plan="11|clear  and sound ")
    (told,) = lint(two, LOT1, Part.DETAILED)
    assert Finding(LintCode.COPIED_COMMENT, Effect.WARN, (B1, B2), (PLAN.id,)) == told
    three = sheet_of(
        bid1_plan="11|clear and sound", bid2_safety="7|clear and sound", bid4_plan="11|clear and sound"
    )
    (asked,) = lint(three, LOT1, Part.DETAILED)
    assert (Effect.REASON, (B1, B2, B4), ("plan", "safety")) == (asked.effect, asked.bids, asked.items)


def test_a_short_comment_or_one_beside_a_single_bid_is_copied_from_nobody() -> None:
    assert [] == found(sheet_of(bid1_plan="11|fine", bid2_plan="11|fine"))
    assert [] == found(sheet_of(bid1_plan="11|clear and sound", bid1_safety="7|clear and sound"))


def test_bids_scored_unopened_are_told_when_it_is_known_what_was_opened() -> None:
    (told,) = lint(sheet_of(), LOT1, Part.DETAILED, opened=frozenset({B1, B2, B4}))
    assert Finding(LintCode.UNOPENED, Effect.WARN, (B3,)) == told
    assert () == lint(sheet_of(), LOT1, Part.DETAILED)


def test_rejected_bids_are_not_looked_at() -> None:
    sheet = sheet_of(bid1_plan="")
    assert () == lint(sheet, LOT1, Part.DETAILED, rejected=[B1])


def test_every_code_has_its_effect() -> None:
    assert set(LintCode) == set(EFFECTS)


# --- what is stated with the lock -------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", '{"answers":[],"totals":[],"x":1}', '{"totals":[],"answers":[]}', '{"answers":[], "totals":[]}',
        '{"answers":{},"totals":[]}', '{"answers":[["low",["b"],["i"]]],"totals":[]}',
        '{"answers":[["low",["b"],["i"]," "]],"totals":[]}', '{"answers":[["low",[1],["i"],"x"]],"totals":[]}',
        '{"answers":[],"totals":[["b",1]]}', '{"answers":[],"totals":[["b","1","2"]]}', "\ud800",
        '{"answers":[],"totals":[]}' + " " * MAX_STATEMENT,
        '{"answers":[["low",["b"],["i"],"' + "x" * (MAX_REASON + 1) + '"]],"totals":[]}',
    ],
)  # fmt: skip
def test_what_is_no_statement_is_refused(text: str) -> None:
    with pytest.raises(BadStatement):
        parse_statement(text)


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9)
answers = st.builds(
    Answer,
    texts,
    st.lists(texts).map(tuple),
    st.lists(texts).map(tuple),
    texts.filter(lambda text: text.strip()),
)


@given(st.lists(answers, max_size=4), st.lists(st.tuples(texts, texts), max_size=4))
def test_a_statement_is_read_as_it_was_written(
    given_answers: list[Answer], totals: list[tuple[str, str]]
) -> None:
    statement = Statement(tuple(given_answers), tuple(totals))
    assert statement == parse_statement(write_statement(statement))


def check(sheet: Sheet, statement: Statement, lot: Lot = LOT1) -> None:
    check_statement(sheet, lot, Part.DETAILED, (), statement)


def test_a_finding_without_its_answer_keeps_the_sheet_open() -> None:
    sheet = sheet_of(bid1_plan="3", cells=vectors("8"))
    whole = state(sheet, LOT1, Part.DETAILED, (), "as agreed with the standard")
    assert ["low"] == [one.code for one in whole.answers]
    for missing in range(len(whole.answers)):
        left = whole.answers[:missing] + whole.answers[missing + 1 :]
        with pytest.raises(FindingUnanswered) as error:
            check(sheet, replace(whole, answers=left))
        assert {"finding": "low", "count": 1, "bid": "bid1", "item": "plan"} == error.value.detail
    check(sheet, whole)


def test_an_answer_to_something_else_is_none() -> None:
    sheet = sheet_of(bid1_plan="3")
    whole = state(sheet, LOT1, Part.DETAILED, (), "because")
    for other in (Answer("low", ("bid2",), ("plan",), "x"), Answer("same_vector", ("bid1",), ("plan",), "x")):
        with pytest.raises(FindingUnanswered):
            check(sheet, replace(whole, answers=(other,)))


def test_what_blocks_cannot_be_answered() -> None:
    sheet = sheet_of()
    whole = state(sheet, LOT1, Part.DETAILED, (), "because")
    wrong = (*whole.totals[1:], (whole.totals[0][0], "1"))
    with pytest.raises(SheetFaulty) as error:
        check(sheet, Statement((Answer("total", ("bid1",), (), "I say so"),), wrong))
    assert ("total", "bid1") == (error.value.detail["finding"], error.value.detail["bid"])


@given(st.lists(st.sampled_from(["0", "3", "7.2", "12"]), min_size=4, max_size=4), st.text(max_size=12))
def test_no_check_changes_the_sheet(values: list[str], reason: str) -> None:
    cells = {f"{bid}_plan": f"{value}|{reason}" for bid, value in zip(BIDS, values, strict=True)}
    sheet = sheet_of(cells=cells)
    before = copy.deepcopy(sheet)
    statement = state(sheet, LOT1, Part.DETAILED, (), "because")
    check(sheet, statement)
    lint(sheet, LOT1, Part.DETAILED, totals={}, opened=frozenset({BidId("x")}))
    assert before == sheet


# --- vectors, which the pages are held to as well ---------------------------------------------------


def test_vectors_made_anew_show_no_diff() -> None:
    assert lint_vectors.FILE.read_text("utf-8") == lint_vectors.text()


def test_the_vectors_show_every_code() -> None:
    told = {row[0] for case in json.loads(lint_vectors.text()) for row in case["findings"]}
    assert {code.value for code in LintCode} == told
