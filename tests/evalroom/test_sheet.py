"""Score sheets: what a cell may hold, and what closes a sheet."""

import hashlib
import json
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalroom.ids import BidId, ItemId
from evalroom.sheet import (
    MAX_REASON,
    Cell,
    CellKey,
    OutOfRange,
    ReasonMissing,
    Sheet,
    SheetIncomplete,
    check_complete,
    check_value,
    digest_of,
    failed_items,
    items_of,
    keys_of,
    technical_points,
)
from evalroom.tender import Item, ItemKind, Part
from tests.evalroom.room import BIDS, ITEMS, LOT1
from tests.evalroom.test_tender import NOT_DECIMAL

VERDICT, SCORE, DEDUCT = ITEMS[0], ITEMS[3], ITEMS[-1]


def cell(value: str, *, revision: int = 1, commit: str = "a", reason: str = "") -> Cell:
    return Cell(revision, value, reason, commit, "b")


def key(bid: str, item: str) -> CellKey:
    return BidId(bid), ItemId(item)


# --- values -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("item", [SCORE, DEDUCT], ids=["score", "deduct"])
@pytest.mark.parametrize("value", [text for text in NOT_DECIMAL if text])
def test_what_is_no_plain_decimal_is_no_score(item: Item, value: str) -> None:
    with pytest.raises(OutOfRange):
        check_value(item, value, "seen")


@pytest.mark.parametrize(
    "value", ["Pass", "PASS", "pass ", "ok", "1", "true", "合格", "\uff50ass", "failed", "0"]
)
def test_a_verdict_is_pass_or_fail(value: str) -> None:
    with pytest.raises(OutOfRange):
        check_value(VERDICT, value, "seen")


@pytest.mark.parametrize("value", ["pass", "fail"])
def test_a_verdict_is_no_number_of_points(value: str) -> None:
    with pytest.raises(OutOfRange):
        check_value(SCORE, value, "seen")


@pytest.mark.parametrize("value", ["12.1", "13", "999999"])
def test_no_score_exceeds_the_weight_of_its_item(value: str) -> None:
    with pytest.raises(OutOfRange):
        check_value(SCORE, value, "")


@pytest.mark.parametrize(("digits", "value"), [(0, "8.0"), (1, "8.55"), (1, "8.50"), (2, "8.555")])
def test_no_score_is_finer_than_its_item_allows(digits: int, value: str) -> None:
    with pytest.raises(OutOfRange) as error:
        check_value(replace(SCORE, digits=digits), value, "")
    assert digits == error.value.detail["most"]


@pytest.mark.parametrize("value", ["0", "0.0", "8.5", "12", "12.0"])
def test_a_score_within_its_limits_is_taken(value: str) -> None:
    check_value(SCORE, value, "")


def test_a_fail_needs_a_reason_in_writing() -> None:
    for reason in ("", " ", "\n\t\u3000"):
        with pytest.raises(ReasonMissing):
            check_value(VERDICT, "fail", reason)
    check_value(VERDICT, "fail", "no licence")
    check_value(VERDICT, "pass", "")


def test_a_deduction_needs_a_reason_in_writing() -> None:
    with pytest.raises(ReasonMissing):
        check_value(DEDUCT, "0.1", "")
    check_value(DEDUCT, "0.1", "late once")
    check_value(DEDUCT, "0.0", "")


@pytest.mark.parametrize("item", [VERDICT, SCORE, DEDUCT], ids=["pass", "score", "deduct"])
def test_a_cell_may_be_cleared_without_a_reason(item: Item) -> None:
    check_value(item, "", "")


def test_a_reason_has_an_end() -> None:
    check_value(SCORE, "1", "x" * MAX_REASON)
    for value in ("1", ""):
        with pytest.raises(OutOfRange):
            check_value(SCORE, value, "x" * (MAX_REASON + 1))


@given(st.text(max_size=9))
def test_whatever_text_comes_only_a_decimal_within_the_limits_is_taken(value: str) -> None:
    try:
        check_value(SCORE, value, "")
    except OutOfRange:
        return
    assert value == "" or 0 <= Decimal(value) <= Decimal(SCORE.full)


# --- a sheet ----------------------------------------------------------------------------------------


def test_the_digest_is_what_the_specification_says() -> None:
    cells = {
        key("b2", "x"): cell("1", commit="c3"),
        key("b1", "y"): cell("2", revision=7, commit="c1"),
        key("b1", "z"): cell("", commit="c2"),
    }
    rows = [["b1", "y", 7, "c1", "b"], ["b2", "x", 1, "c3", "b"]]
    assert hashlib.sha256(json.dumps(rows, separators=(",", ":")).encode()).hexdigest() == digest_of(cells)


def test_the_digest_does_not_depend_on_the_order_of_entering() -> None:
    one = {key("b1", "x"): cell("1"), key("b2", "x"): cell("2", commit="c")}
    assert digest_of(one) == digest_of(dict(reversed(one.items())))


def test_the_digest_binds_every_revision_and_commitment() -> None:
    base = cell("1")
    others = [replace(base, revision=2), replace(base, value_commit="x"), replace(base, reason_commit="x")]
    digests = {digest_of({key("b1", "x"): one}) for one in [base, *others]} | {
        digest_of({key("b1", "y"): base})
    }
    assert 5 == len(digests)


def test_the_digest_gives_no_value_away() -> None:
    """Equal commitments, other values: the digest reads nothing that is secret."""
    assert digest_of({key("b1", "x"): cell("1")}) == digest_of({key("b1", "x"): cell("2", reason="so")})


def test_an_empty_sheet_has_a_digest_too() -> None:
    assert hashlib.sha256(b"[]").hexdigest() == digest_of({})


def test_a_sheet_with_an_empty_cell_is_incomplete() -> None:
    cells = {one: cell("pass") for one in keys_of(LOT1, Part.PRELIMINARY, ())}
    check_complete(Sheet(cells), LOT1, Part.PRELIMINARY, ())
    for one in list(cells):
        for holed in ({**cells, one: cell("")}, {other: cells[other] for other in cells if other != one}):
            with pytest.raises(SheetIncomplete) as error:
                check_complete(Sheet(holed), LOT1, Part.PRELIMINARY, ())
            assert {"empty": 1, "bid": one[0], "item": one[1]} == error.value.detail


def test_rejected_bids_need_no_points() -> None:
    keys = keys_of(LOT1, Part.DETAILED, [BIDS[1]])
    assert {BIDS[0], BIDS[2], BIDS[3]} == {bid for bid, _ in keys}
    assert len(keys) == 3 * len(items_of(LOT1, Part.DETAILED))


def test_every_bid_is_reviewed_in_the_preliminary_part() -> None:
    assert set(BIDS) == {bid for bid, _ in keys_of(LOT1, Part.PRELIMINARY, [BIDS[1]])}


def test_a_cell_never_set_has_revision_0() -> None:
    sheet = Sheet({key("b1", "x"): cell("1", revision=3)})
    assert (3, 0) == (sheet.revision(key("b1", "x")), sheet.revision(key("b1", "y")))


def test_cleared_cells_do_not_count_as_filled() -> None:
    assert 1 == Sheet({key("b1", "x"): cell("1"), key("b1", "y"): cell("")}).filled()


def test_deductions_are_taken_from_the_weight_and_scores_added() -> None:
    cells = {(BIDS[0], item.id): cell("1.5") for item in items_of(LOT1, Part.DETAILED)}
    scores = [item for item in items_of(LOT1, Part.DETAILED) if item.kind is ItemKind.SCORE]
    expected = Decimal("1.5") * len(scores) + Decimal(DEDUCT.full) - Decimal("1.5")
    assert expected == technical_points(Sheet(cells), LOT1, BIDS[0])


def test_the_items_a_bid_fails_are_named() -> None:
    sheet = Sheet(
        {
            (BIDS[0], ITEMS[0].id): cell("fail"),
            (BIDS[0], ITEMS[1].id): cell("pass"),
            (BIDS[1], ITEMS[0].id): cell("fail"),
        }
    )
    assert [ITEMS[0].id] == failed_items(sheet, BIDS[0])
    assert [] == failed_items(sheet, BIDS[2])
