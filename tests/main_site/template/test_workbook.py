"""Templates as workbooks: hostile files are refused unparsed, mistakes are named by sheet, row and column."""

import io
import json
import random
import zipfile
from collections.abc import Callable

import openpyxl
import pytest
from hypothesis import given, settings
from openpyxl import Workbook

from main_site.sample import sample_template
from main_site.template import (
    Fault,
    Problem,
    SessionTemplate,
    TemplateError,
    parse_toml,
    parse_xlsx,
    write_toml,
    write_xlsx,
)
from main_site.template.columns import TABLES
from main_site.template.workbook import MAX_BYTES, MAX_MEMBERS, MAX_UNPACKED_BYTES
from tests.main_site.template.templates import (
    edited,
    problems_in,
    problems_of,
    saved,
    templates,
    workbook,
)

GOOD = write_xlsx(sample_template())


def faults(data: bytes) -> list[Fault]:
    return [problem.fault for problem in problems_of(lambda: parse_xlsx(data))]


def archive(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return out.getvalue()


def members(data: bytes = GOOD) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        return {name: file.read(name) for name in file.namelist()}


def sheet(number: int) -> str:
    return f"xl/worksheets/sheet{number}.xml"


def only(problems: tuple[Problem, ...]) -> tuple[Fault, str, int | None, str, str]:
    (problem,) = problems
    place = problem.place
    return problem.fault, place.table, place.row, place.letter, place.column


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\x03\x04",
        b"[project]",
        GOOD[:-30],
        GOOD[: len(GOOD) // 2],
        archive({"a.txt": b"hello"}),
        archive({"[Content_Types].xml": b"<broken"}),
    ],
)
def test_what_is_no_workbook_is_refused(data: bytes) -> None:
    assert [Fault.NOT_XLSX] == faults(data)


def test_an_old_or_encrypted_workbook_is_told_what_to_do() -> None:
    assert [Fault.OLD_OR_ENCRYPTED] == faults(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512))


def test_a_file_beyond_the_limit_is_not_opened() -> None:
    assert [Fault.TOO_LARGE] == faults(bytes(MAX_BYTES + 1))


def test_a_zip_bomb_is_not_unpacked() -> None:
    assert [Fault.TOO_LARGE] == faults(archive({**members(), "bomb": bytes(MAX_UNPACKED_BYTES)}))


def test_a_bomb_that_lies_about_its_size_unpacks_no_further_than_it_says() -> None:
    bomb = bytearray(archive({"[Content_Types].xml": bytes(MAX_UNPACKED_BYTES + 1)}))
    size = (MAX_UNPACKED_BYTES + 1).to_bytes(4, "little")
    while (at := bomb.find(size)) >= 0:
        bomb[at : at + 4] = (1000).to_bytes(4, "little")
    assert [Fault.NOT_XLSX] == faults(bytes(bomb))


def test_a_thousand_members_are_refused() -> None:
    assert [Fault.TOO_LARGE] == faults(archive({str(number): b"" for number in range(MAX_MEMBERS + 1)}))


@pytest.mark.parametrize("coding", ["utf-8", "utf-16-le", "utf-16-be"])
def test_a_document_type_is_refused_unparsed(coding: str) -> None:
    laughs = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>'.encode(coding)
    assert [Fault.NOT_XLSX] == faults(archive({**members(), "xl/sharedStrings.xml": laughs}))


def test_random_damage_ends_in_a_template_or_in_its_error() -> None:
    dice = random.Random(20261123)
    plain = archive(members())
    for _ in range(60):
        data = bytearray(plain)
        for _ in range(dice.randint(1, 8)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        problems_of(lambda data=bytes(data): parse_xlsx(data))  # type: ignore[misc]  # a default in a lambda is untyped


def test_damage_inside_the_sheets_ends_in_a_template_or_in_its_error() -> None:
    dice = random.Random(11)
    parts = members()
    names = sorted(parts)
    for _ in range(60):
        name = dice.choice(names)
        content = bytearray(parts[name])
        for _ in range(dice.randint(1, 20)):
            content[dice.randrange(len(content))] = dice.choice(b'<>/"=0Z9& r')
        data = archive({**parts, name: bytes(content)})
        problems_of(lambda data=data: parse_xlsx(data))  # type: ignore[misc]  # a default in a lambda is untyped


def test_a_missing_column_is_named_with_sheet_and_row() -> None:
    problems = problems_in(lambda book: book["评审项 items"].delete_cols(6))
    assert (Fault.MISSING_COLUMN, "items", 1, "", "standard") == only(problems)
    assert (
        "评审项 items · 第 1 行 row 1 · 评审标准 standard: 缺少列 the column is missing"
        == problems[0].sentence()
    )


def test_a_missing_sheet_is_named_once_and_not_for_each_row_that_refers_to_it() -> None:
    found = only(problems_in(lambda book: book.remove(book["会场 sites"])))
    assert (Fault.MISSING_TABLE, "sites", None, "", "") == found


def test_a_wrong_cell_is_named_with_sheet_row_and_column() -> None:
    problems = problems_in(lambda book: book["评审项 items"].cell(6, 7, "十四"))
    assert (Fault.NOT_A_DECIMAL, "items", 6, "G", "full") == only(problems)


def test_all_mistakes_are_named_at_once() -> None:
    def edit(book: Workbook) -> None:
        book["项目 project"]["A2"] = "编号"
        book["评审项 items"]["D3"] = "凭感觉"
        book["投标人 bids"]["C4"] = None
        book["席位 seats"]["B2"] = "site-z"

    assert [
        (Fault.NOT_A_NAME, "A"),
        (Fault.NOT_A_CHOICE, "D"),
        (Fault.MISSING_VALUE, "C"),
        (Fault.UNKNOWN_NAME, "B"),
    ] == [(problem.fault, problem.place.letter) for problem in problems_in(edit)]


@pytest.mark.parametrize(
    ("edit", "found"),
    [
        (lambda book: book["标段 lots"].cell(1, 4, "税率"), (Fault.UNKNOWN_COLUMN, "lots", 1, "D", "")),
        (
            lambda book: book["标段 lots"].cell(1, 4, "标段名称"),
            (Fault.REPEATED_COLUMN, "lots", 1, "D", "title"),
        ),
        (lambda book: book["标段 lots"].cell(2, 11, "7%"), (Fault.OUTSIDE_COLUMNS, "lots", 2, "K", "")),
        (lambda book: book.create_sheet("说明").cell(1, 1, "x"), (Fault.UNKNOWN_TABLE, "", None, "", "")),
        (lambda book: book.create_sheet("bids"), (Fault.REPEATED_TABLE, "bids", None, "", "")),
        (
            lambda book: book["项目 project"].append(["S2", "c", "t"]),
            (Fault.ONE_ROW_ONLY, "project", 3, "", ""),
        ),
        (
            lambda book: book["投标人 bids"].cell(1100, 3, "远"),
            (Fault.MISSING_VALUE, "bids", 1100, "B", "id"),
        ),
    ],
)
def test_what_a_template_does_not_have_is_refused(
    edit: Callable[[Workbook], object], found: tuple[Fault, str, int | None, str, str]
) -> None:
    assert found == only(problems_in(edit))


def test_a_table_with_too_many_rows_is_refused() -> None:
    def edit(book: Workbook) -> None:
        for number in range(1100):
            book["投标人 bids"].append(["1", f"X{number}", f"某公司{number}"])

    assert (Fault.TOO_MANY_ROWS, "bids", 1002, "", "") == only(problems_in(edit))


def test_the_size_that_a_sheet_declares_is_not_believed() -> None:
    parts = members()
    name = sheet(3)
    assert b'<dimension ref="A1:L13"' in parts[name]
    lying = parts[name].replace(b'<dimension ref="A1:L13"', b'<dimension ref="A1:A2"')
    assert sample_template() == parse_xlsx(archive({**parts, name: lying}))


def test_a_row_at_the_end_of_the_world_takes_no_second() -> None:
    parts = members()
    row = b'<row r="99999999999"><c r="A1" t="inlineStr"><is><t>x</t></is></c></row></sheetData>'
    far = parts[sheet(4)].replace(b"</sheetData>", row)
    assert sample_template() == parse_xlsx(archive({**parts, sheet(4): far}))


def test_an_empty_sheet_and_blank_rows_do_no_harm() -> None:
    def edit(book: Workbook) -> None:
        book.create_sheet("Sheet1")
        book["投标人 bids"].insert_rows(3)

    assert sample_template() == parse_xlsx(edited(edit))


def test_headings_may_keep_one_of_their_two_words() -> None:
    def edit(book: Workbook) -> None:
        for table in TABLES:
            page = book[table.sheet]
            page.title = table.title
            for index, column in enumerate(table.columns, start=1):
                page.cell(1, index, column.title if index % 2 else f" {column.key.upper()} ")

    assert sample_template() == parse_xlsx(edited(edit))


def test_columns_may_stand_in_any_order() -> None:
    def edit(book: Workbook) -> None:
        for row in book["席位 seats"].iter_rows():
            values = [cell.value for cell in row]
            for cell, value in zip(row, reversed(values), strict=True):
                cell.value = value

    assert sample_template() == parse_xlsx(edited(edit))


def test_a_name_that_begins_with_an_equals_sign_is_no_formula() -> None:
    book = workbook()
    book["投标人 bids"]["C2"].value = "=1+1"
    book["投标人 bids"]["C2"].data_type = "s"
    template = parse_xlsx(saved(book))
    page = openpyxl.load_workbook(io.BytesIO(write_xlsx(template)))["投标人 bids"]
    assert ("=1+1", "s") == (page["C2"].value, page["C2"].data_type)


def test_the_form_helps_whoever_fills_it_in() -> None:
    book = workbook()
    assert [table.sheet for table in TABLES] == book.sheetnames
    for table in TABLES:
        page = book[table.sheet]
        assert "A2" == page.freeze_panes
        for index, column in enumerate(table.columns, start=1):
            cell = page.cell(1, index)
            assert f"{column.title}\n{column.key}" == cell.value
            assert cell.comment is not None
            assert column.about in str(cell.comment.text)


def test_choices_flags_and_references_are_chosen_from_lists() -> None:
    rules = workbook()["席位 seats"].data_validations.dataValidation
    assert {
        "B2:B1001": "'会场 sites'!$A$2:$A$1001",
        "C2:C1001": "'会场 sites'!$A$2:$A$1001",
        "D2:D1001": '"专家,监督,主场操作员,副场操作员,档案员,行政监督"',
        "F2:F1001": '"不分,技术,经济,招标人代表"',
        "G2:G1001": '"是,否"',
    } == {str(rule.sqref): rule.formula1 for rule in rules}


def test_points_and_money_are_numbers_in_the_sheet() -> None:
    page = workbook()["价格 pricing"]
    assert [30, 3880000, 1, 0.5] == [page[f"{letter}2"].value for letter in "CDEF"]


@pytest.mark.parametrize("name", ["_x000D_", "_x0041_", "a_x005F_b", "<&>\"'", "-3", "007", "TRUE", "😀"])
def test_a_name_that_spreadsheets_like_to_change_stays_as_it_is(name: str) -> None:
    text = write_toml(sample_template()).replace(
        "蓝泓智能装备股份有限公司", json.dumps(name, ensure_ascii=False)[1:-1]
    )
    template = parse_toml(text)
    assert template == parse_xlsx(write_xlsx(template))


@settings(max_examples=15)
@given(templates())
def test_a_template_comes_back_from_a_workbook_as_it_was(template: SessionTemplate) -> None:
    assert template == parse_xlsx(write_xlsx(template))


def test_the_error_of_a_workbook_is_raised_as_such() -> None:
    with pytest.raises(TemplateError, match="template cannot be used"):
        parse_xlsx(b"")


@pytest.mark.parametrize(("ref", "row", "letter"), [("A2:A5", 2, "A"), ("B3:C3", 3, "B"), ("D1:E1", 1, "D")])
def test_merged_cells_are_named_with_sheet_row_and_column(ref: str, row: int, letter: str) -> None:
    problems = problems_in(lambda book: book["评审项 items"].merge_cells(ref))
    first = problems[0]
    assert (Fault.MERGED, "items", row, letter) == (
        first.fault,
        first.place.table,
        first.place.row,
        first.place.letter,
    )
    assert ref == first.found


def test_merged_cells_on_a_sheet_that_is_no_table_are_nobodys_business() -> None:
    def edit(book: Workbook) -> None:
        book.create_sheet("Sheet1").merge_cells("A1:C3")

    assert () == problems_in(edit)


def test_the_spreadsheet_itself_refuses_what_is_no_number() -> None:
    rules = {
        str(rule.sqref): (rule.type, rule.operator, rule.formula1, rule.formula2)
        for rule in workbook()["评审项 items"].data_validations.dataValidation
    }
    assert ("decimal", "between", "0", "100") == rules["G2:G1001"]
    assert ("whole", "between", "0", "4") == rules["H2:H1001"]
