"""What a person typed becomes what was meant, or a fault: nothing is guessed."""

import datetime as dt
from decimal import Decimal

import pytest

from evalroom.tender import Option
from main_site.template.cells import is_empty, parse_options, plain, read_cell, write_options
from main_site.template.columns import TABLES, Column
from main_site.template.problems import Fault


def column(path: str) -> Column:
    table, key = path.split(".")
    return next(table_ for table_ in TABLES if table_.key == table).column(key)


@pytest.mark.parametrize(
    ("path", "raw", "fault"),
    [
        ("bids.bidder", "", Fault.MISSING_VALUE),
        ("bids.bidder", "　", Fault.MISSING_VALUE),
        ("bids.bidder", True, Fault.NOT_TEXT),
        ("bids.bidder", dt.date(2026, 11, 2), Fault.NOT_TEXT),
        ("bids.bidder", ["甲"], Fault.NOT_TEXT),
        ("bids.bidder", "甲" * 201, Fault.TOO_LONG),
        ("bids.bidder", "甲\n乙", Fault.FORBIDDEN_CHARACTER),
        ("bids.bidder", "甲\x07", Fault.FORBIDDEN_CHARACTER),
        ("bids.bidder", "\u202e乙甲", Fault.FORBIDDEN_CHARACTER),
        ("bids.bidder", "\ud800", Fault.FORBIDDEN_CHARACTER),
        ("bids.bidder", "#REF!", Fault.FORBIDDEN_CHARACTER),
        ("items.standard", "行\n" * 100 + "行", Fault.TOO_LONG),
        ("bids.id", "../B1", Fault.NOT_A_NAME),
        ("bids.id", "甲", Fault.NOT_A_NAME),
        ("bids.id", {"a": 1}, Fault.NOT_TEXT),
        ("bids.id", "Ｂ1", Fault.FULL_WIDTH),
        ("bids.id", "Ｂ／1", Fault.NOT_A_NAME),
        ("items.options", "A", Fault.NOT_OPTIONS),
        ("items.options", "A=5; B", Fault.NOT_OPTIONS),
        ("items.options", "A=5;; B=3", Fault.NOT_OPTIONS),
        ("items.options", "A=five", Fault.NOT_OPTIONS),
        ("items.options", "A=-1; B=2", Fault.NOT_OPTIONS),
        ("items.options", "=5; B=3", Fault.NOT_OPTIONS),
        ("items.options", "A=1.23456; B=3", Fault.NOT_OPTIONS),
        ("items.options", "甲" * 41 + "=5; B=3", Fault.NOT_OPTIONS),
        ("items.options", "A=1; " * 300, Fault.TOO_LONG),
        ("items.options", True, Fault.NOT_TEXT),
        ("pricing.weight", "-1", Fault.NOT_A_DECIMAL),
        ("pricing.weight", "1e1", Fault.NOT_A_DECIMAL),
        ("pricing.weight", "30 分", Fault.NOT_A_DECIMAL),
        ("pricing.weight", "٣", Fault.NOT_A_DECIMAL),
        ("pricing.weight", float("nan"), Fault.NOT_A_DECIMAL),
        ("pricing.weight", float("inf"), Fault.NOT_A_DECIMAL),
        ("pricing.weight", Decimal("1e999999999999999"), Fault.NOT_A_DECIMAL),
        ("pricing.weight", Decimal("1e-999999999999999"), Fault.NOT_A_DECIMAL),
        ("pricing.weight", True, Fault.NOT_A_DECIMAL),
        ("pricing.weight", "100.01", Fault.OUT_OF_RANGE),
        ("pricing.weight", "1.00001", Fault.TOO_MANY_DIGITS),
        ("pricing.ceiling", "0.001", Fault.TOO_MANY_DIGITS),
        ("pricing.ceiling", 10**13, Fault.OUT_OF_RANGE),
        ("items.digits", "1.5", Fault.NOT_WHOLE),
        ("items.digits", 5, Fault.OUT_OF_RANGE),
        ("items.objective", "也许", Fault.NOT_YES_NO),
        ("items.objective", 2, Fault.NOT_YES_NO),
        ("items.kind", "打分制", Fault.NOT_A_CHOICE),
        ("items.kind", 1, Fault.NOT_A_CHOICE),
        ("seats.role", "host", Fault.NOT_A_CHOICE),
        ("seats.role", "node", Fault.NOT_A_CHOICE),
    ],
)
def test_a_cell_that_does_not_fit_its_column_is_a_fault(path: str, raw: object, fault: Fault) -> None:
    assert fault == read_cell(column(path), raw)


@pytest.mark.parametrize(
    ("path", "raw", "value"),
    [
        ("bids.bidder", " 澄源公司 ", "澄源公司"),
        ("bids.bidder", "=1+1", "=1+1"),
        ("bids.bidder", 2026, "2026"),
        ("items.standard", "优\r\n良", "优\n良"),
        ("bids.id", 1, "1"),
        ("bids.id", 1.0, "1"),
        ("bids.id", 1.5, "1.5"),
        ("pricing.weight", 30.0, "30"),
        ("pricing.weight", "030.50", "30.5"),
        ("pricing.weight", 0.1, "0.1"),
        ("pricing.weight", Decimal("0.10"), "0.1"),
        ("pricing.ceiling", 3_880_000, "3880000"),
        ("pricing.ceiling", None, None),
        ("items.full", None, "0"),
        ("items.digits", "2", 2),
        ("items.digits", 2.0, 2),
        ("items.digits", None, 1),
        ("items.objective", "是", True),
        ("items.objective", "No", False),
        ("items.objective", True, True),
        ("items.objective", 1, True),
        ("items.kind", "扣分", "deduct"),
        ("items.kind", "Score", "score"),
        ("seats.role", "监督", "supervisor"),
    ],
)
def test_a_cell_is_read_as_it_was_meant(path: str, raw: object, value: object) -> None:
    found = read_cell(column(path), raw)
    assert (value, type(value)) == (found, type(found))


def test_only_spaces_are_nothing() -> None:
    assert [True, True, False, False] == [is_empty(raw) for raw in (None, " \n", 0, False)]


def test_a_decimal_has_one_plain_form() -> None:
    assert ["0", "100", "1.5"] == [plain(Decimal(text)) for text in ("0.00", "100", "1.50")]


@pytest.mark.parametrize(
    ("path", "raw", "value"),
    [
        ("pricing.weight", "３０．５", "30.5"),
        ("items.digits", "２", 2),
        ("items.options", " Ａ级＝５；B = 3.0 ; 无=0 ;", "Ａ级=5; B=3; 无=0"),
    ],
)
def test_full_width_digits_are_taken_for_what_they_are_where_they_can_be_nothing_else(
    path: str, raw: str, value: object
) -> None:
    assert value == read_cell(column(path), raw)


def test_options_are_read_as_they_are_written() -> None:
    options = (Option("A", "5"), Option("优 级", "2.5"))
    assert options == parse_options(write_options(options))
    assert () == parse_options("")
