"""The description of a template is complete and free of doubt."""

import re
import tomllib

from main_site.template.columns import TABLES, Column, Kind
from main_site.template.rows import MAX_ROWS
from main_site.template.workbook import MAX_BYTES
from tests.main_site.template import howto


def columns() -> list[Column]:
    return [column for table in TABLES for column in table.columns]


def test_a_heading_means_one_column_in_its_table() -> None:
    for table in TABLES:
        assert len(table.columns) == len({column.key for column in table.columns})
        assert len(table.columns) == len({column.title for column in table.columns})


def test_a_sheet_has_a_title_that_spreadsheets_take() -> None:
    assert [] == [
        table.sheet for table in TABLES if len(table.sheet) > 31 or set(table.sheet) & set("[]:*?/\\'")
    ]
    assert [] == [table.sheet for table in TABLES if len(table.sheet.split()) != 2]


def test_every_column_is_explained_in_both_languages() -> None:
    assert [] == [
        column.key for column in columns() if not (column.about and column.meaning and column.title)
    ]


def test_a_limited_kind_has_a_limit_and_a_choice_has_choices() -> None:
    limited = {Kind.TEXT, Kind.PROSE, Kind.DECIMAL, Kind.WHOLE}
    assert [] == [column.key for column in columns() if (column.kind in limited) != bool(column.limit)]
    assert [] == [
        column.key
        for column in columns()
        if (column.kind in {Kind.CHOICE, Kind.FORMULA}) != bool(column.choices)
    ]


def test_an_id_that_is_referred_to_stands_in_the_first_column() -> None:
    first = {table.key: table.columns[0].key for table in TABLES}
    assert {"id"} == {first[column.names] for column in columns() if column.names}


def test_the_choices_of_a_list_hold_no_comma() -> None:
    assert [] == [title for column in columns() for title in column.choices.values() if "," in title]


def test_the_how_to_lists_every_column_as_the_code_has_it() -> None:
    page = howto.PAGE.read_text("utf-8")
    assert howto.rendered(page) == page, "run `python -m tests.main_site.template.howto`"
    assert [] == [column.key for column in columns() if f"| `{column.key}` |" not in page]


def test_the_how_to_shows_toml_that_has_the_keys_it_lists() -> None:
    example = re.search(r"```toml\n(.*?)```", howto.PAGE.read_text("utf-8"), re.DOTALL)
    assert example is not None
    tables = {table.key: {column.key for column in table.columns} for table in TABLES}
    for key, rows in tomllib.loads(example[1]).items():
        for row in rows if isinstance(rows, list) else [rows]:
            assert row.keys() <= tables[key]


def test_the_how_to_names_the_limits() -> None:
    page = howto.PAGE.read_text("utf-8")
    assert f"{MAX_BYTES // 1_000_000} MB" in page
    assert f"{MAX_ROWS:,} rows" in page
