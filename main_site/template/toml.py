"""Session templates as TOML: the form for scripts and for keeping under version control.

`[project]` is a table, the others are arrays of tables with the column keys of `columns.py`.  Numbers may be
written as numbers or as texts; floats are read as exact decimals, so 0.1 is a tenth.
"""

import json
import tomllib
from collections.abc import Iterator, Mapping
from decimal import Decimal

from evalroom.pricing.reading import to_toml
from main_site.template.columns import TABLES, Kind, Table, Value
from main_site.template.formulas import is_whole, read_whole
from main_site.template.problems import Fault, Place, refuse
from main_site.template.rows import (
    MAX_ROWS,
    Findings,
    RawRow,
    SessionTemplate,
    assemble,
    disassemble,
    place_of,
)

MAX_CHARACTERS = 1_000_000


def parse_toml(text: str) -> SessionTemplate:
    """Read a session template from TOML.

    Raises:
        TemplateError: with every problem found.
    """
    if len(text) > MAX_CHARACTERS:
        raise refuse(Fault.TOO_LARGE, f"{len(text)} > {MAX_CHARACTERS}")
    try:
        document = tomllib.loads(text.removeprefix("\ufeff"), parse_float=Decimal)
    except (tomllib.TOMLDecodeError, ArithmeticError, RecursionError, ValueError) as why:
        # A deep nest ends in RecursionError, an integer of 5,000 digits in ValueError, 1e99999999999 in Decimal's.
        raise refuse(Fault.NOT_TOML, str(why) or type(why).__name__) from None
    return parse_tables(document)


def parse_tables(document: Mapping[str, object]) -> SessionTemplate:
    """Read a session template from tables of rows: what a TOML file holds, or what the set-up wizard sends.

    Raises:
        TemplateError: with every problem found, each at its table, entry and column.
    """
    findings = Findings()
    return assemble(_find_tables(document, findings), findings)


def _find_tables(document: Mapping[str, object], findings: Findings) -> dict[str, list[RawRow]]:
    known = {table.key: table for table in TABLES}
    for key in document.keys() - known.keys():
        findings.add(Fault.UNKNOWN_TABLE, Place(), key)
    return {key: _find_rows(known[key], raw, findings) for key, raw in document.items() if key in known}


def _find_rows(table: Table, raw: object, findings: Findings) -> list[RawRow]:
    entries = raw if isinstance(raw, list) else [raw]
    rows = []
    for number, entry in enumerate(entries[: MAX_ROWS + 1], start=1):
        row = RawRow(number, entry if isinstance(entry, dict) else {})
        if not isinstance(entry, dict):
            findings.add(Fault.NOT_ROWS, place_of(table, row), entry)
            continue
        _blame_unknown_keys(table, row, findings)
        rows.append(row)
    return rows


def _blame_unknown_keys(table: Table, row: RawRow, findings: Findings) -> None:
    known = {column.key for column in table.columns}
    for key in row.cells:
        if key not in known:
            findings.add(Fault.UNKNOWN_COLUMN, place_of(table, row), key)


def write_toml(template: SessionTemplate) -> str:
    """Write a session template as TOML, with a comment on every key at its first appearance."""
    rows = disassemble(template)
    return "\n".join(line for table in TABLES for line in _write_table(table, rows[table.key]))


def _write_table(table: Table, rows: list[dict[str, Value]]) -> Iterator[str]:
    yield f"# {table.title}: {table.about}"
    yield f"# {table.key}: {table.meaning}"
    for index, row in enumerate(rows):
        yield f"[{table.key}]" if table.single else f"[[{table.key}]]"
        whole: list[str] = []
        for column in table.columns:
            if index == 0:
                yield f"# {column.title}: {column.about} {column.meaning}"
            value = row[column.key]
            if column.kind is Kind.FORMULA and is_whole(str(value)):
                whole = to_toml(read_whole(str(value)), f"{table.key}.{column.key}").splitlines()
            elif value is not None:
                yield f"{column.key} = {_literal(value)}"
        yield from whole
        yield ""
    if not rows:
        for column in table.columns:
            yield f"# {column.key}: {column.title}，{column.about} {column.meaning}"
        yield ""


def _literal(value: Value) -> str:
    """Return a TOML value; basic strings escape as JSON does (toml.io 1.0, "String")."""
    return json.dumps(value, ensure_ascii=False)
