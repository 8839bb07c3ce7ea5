"""Session templates as xlsx workbooks: the form that agencies fill in.

One sheet per table, a bilingual header with a comment on each column, lists to choose from.  Reading trusts
nothing: sizes are checked before anything is unpacked, documents with a DOCTYPE are refused unparsed, formulas
count by the value the spreadsheet last kept, and macros and links are never looked at.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from main_site.template.cells import is_empty
from main_site.template.columns import NO, TABLES, YES, Column, Kind, Table, Value
from main_site.template.problems import Fault, Place, TemplateError, refuse
from main_site.template.rows import (
    MAX_ROWS,
    Findings,
    RawRow,
    SessionTemplate,
    assemble,
    disassemble,
    place_of,
)

if TYPE_CHECKING:
    from openpyxl import Workbook
    from openpyxl.cell import Cell
    from openpyxl.worksheet.worksheet import Worksheet

MAX_BYTES = 2_000_000
MAX_UNPACKED_BYTES = 8_000_000
"""A template with 1,000 rows in each sheet unpacks to 2 MB; parsing 8 MB takes about 3 s."""

MAX_MEMBERS = 200
MAX_SHEETS = 20
_LAST_ROW = 1_048_576
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_DOCTYPES = tuple("<!DOCTYPE".encode(code) for code in ("utf-8", "utf-16-le", "utf-16-be"))
_AUTHOR = "EvalRoom"
_HEADER_COLOUR = "DCE6F1"
_WIDTHS: Mapping[Kind, int] = {
    Kind.NAME: 16,
    Kind.TEXT: 36,
    Kind.PROSE: 70,
    Kind.DECIMAL: 16,
    Kind.WHOLE: 16,
    Kind.FLAG: 10,
    Kind.CHOICE: 22,
    Kind.FORMULA: 22,
    Kind.INSTANT: 28,
}


def parse_xlsx(data: bytes) -> SessionTemplate:
    """Read a session template from the bytes of a workbook; takes up to seconds, so not on an event loop.

    Raises:
        TemplateError: with every problem found.
    """
    _check_container(data)
    findings = Findings()
    try:
        found = _find_tables(data, findings)
    except TemplateError:
        raise
    except Exception as why:  # noqa: BLE001 - openpyxl answers broken workbooks with whatever its depths raise
        raise refuse(Fault.NOT_XLSX, type(why).__name__) from None
    return assemble(found, findings)


def _check_container(data: bytes) -> None:
    """Refuse what is no workbook, or would unpack to more than a template can be."""
    if len(data) > MAX_BYTES:
        raise refuse(Fault.TOO_LARGE, f"{len(data)} > {MAX_BYTES}")
    if data.startswith(_OLE):
        raise refuse(Fault.OLD_OR_ENCRYPTED)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _check_members(archive)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, OSError, ValueError, EOFError, struct.error) as why:
        # Odd compressions are NotImplementedError, encrypted members RuntimeError, wild offsets the others.
        raise refuse(Fault.NOT_XLSX, type(why).__name__) from None


def _check_members(archive: zipfile.ZipFile) -> None:
    """Check sizes as declared, which is also what `zipfile` stops unpacking at."""
    members = archive.infolist()
    size = sum(member.file_size for member in members)
    if len(members) > MAX_MEMBERS or size > MAX_UNPACKED_BYTES:
        raise refuse(Fault.TOO_LARGE, f"{len(members)} / {size}")
    if "[Content_Types].xml" not in archive.namelist():
        raise refuse(Fault.NOT_XLSX)
    for member in members:
        content = archive.read(member)
        if any(mark in content for mark in _DOCTYPES):
            raise refuse(Fault.NOT_XLSX, "DOCTYPE")


def _find_tables(data: bytes, findings: Findings) -> dict[str, list[RawRow]]:
    import openpyxl

    book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
    found: dict[str, list[RawRow]] = {}
    try:
        if len(book.sheetnames) > MAX_SHEETS:
            raise refuse(Fault.TOO_LARGE, f"{len(book.sheetnames)} > {MAX_SHEETS}")
        for title in book.sheetnames:
            _find_table(title, _rows_of(book, title), found, findings)
    finally:
        book.close()
    return found


def _rows_of(book: "Workbook", title: str) -> Iterator[tuple[int, Sequence[object]]]:
    """Yield the rows that hold anything, with their numbers; the dimensions a sheet declares may lie."""
    sheet = book[title]
    sheet.reset_dimensions()
    for number, row in enumerate(sheet.iter_rows(max_row=_LAST_ROW, values_only=True), start=1):
        if not all(map(is_empty, row)):
            yield number, row


def _find_table(
    title: str,
    rows: Iterator[tuple[int, Sequence[object]]],
    found: dict[str, list[RawRow]],
    findings: Findings,
) -> None:
    table = next((table for table in TABLES if _names(title, table.key, table.title)), None)
    if table is None:
        if next(rows, None) is not None:  # an empty "Sheet1" is what spreadsheets add by themselves
            findings.add(Fault.UNKNOWN_TABLE, Place(), title)
    elif table.key in found:
        findings.add(Fault.REPEATED_TABLE, place_of(table), title)
    else:
        found[table.key] = _find_rows(table, rows, findings)


def _names(title: str, key: str, chinese: str) -> bool:
    """Say whether a title means `key`: either word of it does, whatever stands between or beside them."""
    words = title.replace("/", " ").split()
    return bool(words) and (words[0] == chinese or words[-1].lower() == key)


def _find_rows(
    table: Table, rows: Iterator[tuple[int, Sequence[object]]], findings: Findings
) -> list[RawRow]:
    first, header = next(rows, (1, ()))
    columns = _find_columns(table, first, header, findings)
    letters = {key: _letter(index) for index, key in columns.items()}
    found = []
    for number, row in rows:
        _blame_strays(table, number, row, header, findings)
        cells = {key: row[index] if index < len(row) else None for index, key in columns.items()}
        found.append(RawRow(number, cells, letters))
        if len(found) > MAX_ROWS:
            break
    return found


def _find_columns(table: Table, first: int, header: Sequence[object], findings: Findings) -> dict[int, str]:
    """Return the column key by index, blaming headings that are unknown, doubled or absent."""
    columns: dict[int, str] = {}
    for index, heading in enumerate(header):
        if is_empty(heading):
            continue
        key = next(
            (column.key for column in table.columns if _names(str(heading), column.key, column.title)), ""
        )
        if not key:
            findings.add(Fault.UNKNOWN_COLUMN, _place(table, first, index), heading)
        elif key in columns.values():
            findings.add(Fault.REPEATED_COLUMN, _place(table, first, index, key), heading)
        else:
            columns[index] = key
    for column in table.columns:
        if column.required and column.key not in columns.values():
            findings.add(Fault.MISSING_COLUMN, _place(table, first, None, column.key))
    return columns


def _blame_strays(
    table: Table, number: int, row: Sequence[object], header: Sequence[object], findings: Findings
) -> None:
    for index, raw in enumerate(row):
        if not is_empty(raw) and (index >= len(header) or is_empty(header[index])):
            findings.add(Fault.OUTSIDE_COLUMNS, _place(table, number, index), raw)


def _place(table: Table, row: int, index: int | None, key: str = "") -> Place:
    letter = "" if index is None else _letter(index)
    return replace(place_of(table, key=key), row=row, letter=letter)


def _letter(index: int) -> str:
    from openpyxl.utils import get_column_letter

    return get_column_letter(index + 1)


def write_xlsx(template: SessionTemplate) -> bytes:
    """Write a session template as a workbook; `write_xlsx(sample_template())` is the form to fill in."""
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.worksheets[0])
    rows = disassemble(template)
    for table in TABLES:
        sheet = book.create_sheet(table.sheet)
        _write_header(sheet, table)
        for number, row in enumerate(rows[table.key], start=2):
            for index, column in enumerate(table.columns, start=1):
                _write_cell(sheet.cell(number, index), column, row[column.key])
        _add_choices(sheet, table)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _write_header(sheet: "Worksheet", table: Table) -> None:
    from openpyxl.comments import Comment
    from openpyxl.styles import Alignment, Font, PatternFill

    sheet.freeze_panes = "A2"
    sheet.row_dimensions[1].height = 34
    for index, column in enumerate(table.columns, start=1):
        cell = sheet.cell(1, index, f"{column.title}\n{column.key}")
        cell.font = Font(bold=True)
        cell.fill = PatternFill("solid", fgColor=_HEADER_COLOUR)
        cell.alignment = Alignment(wrap_text=True, vertical="center")
        cell.comment = Comment(explain(column), _AUTHOR, height=120, width=300)
        sheet.column_dimensions[_letter(index - 1)].width = _WIDTHS[column.kind]


def explain(column: Column) -> str:
    """Return what a person who fills in `column` has to know, in both languages."""
    needed = "必填 required" if column.required else "可不填 optional"
    choices = " / ".join(f"{title} = {code}" for code, title in column.choices.items())
    return "\n".join(line for line in (column.about, column.meaning, needed, choices) if line)


def _write_cell(cell: "Cell", column: Column, value: Value) -> None:
    """Write one value; texts are marked as such, so that a name that begins with `=` is no formula."""
    from openpyxl.styles import Alignment

    match column.kind:
        case _ if value is None:
            return
        case Kind.DECIMAL:
            cell.value = Decimal(str(value))
        case Kind.WHOLE:
            cell.value = int(value)
        case Kind.FLAG:
            cell.value = YES if value else NO
        case Kind.CHOICE:
            cell.value = column.choices[str(value)]
        case Kind.FORMULA if str(value) in column.choices:
            cell.value = column.choices[str(value)]
        case _:
            cell.value, cell.data_type = str(value), "s"
            cell.number_format = "@"
    cell.alignment = Alignment(wrap_text=column.kind is Kind.PROSE, vertical="top")


def _add_choices(sheet: "Worksheet", table: Table) -> None:
    """Give columns with choices, flags and references a list to choose from."""
    from openpyxl.worksheet.datavalidation import DataValidation

    for index, column in enumerate(table.columns):
        source = _choices_of(column)
        if source:
            rule = DataValidation(type="list", formula1=source, allow_blank=not column.required)
            rule.showErrorMessage = column.kind is not Kind.FORMULA  # a whole formula is typed, not chosen
            rule.error, rule.errorTitle = f"{column.title}: {column.about}"[:255], column.title[:32]
            rule.add(f"{_letter(index)}2:{_letter(index)}{MAX_ROWS + 1}")
            sheet.add_data_validation(rule)


def _choices_of(column: Column) -> str:
    """Return the list of a column in the spreadsheet's own terms; ids come from the sheet that defines them."""
    if column.names:
        table = next(table for table in TABLES if table.key == column.names)
        return f"'{table.sheet}'!$A$2:$A${MAX_ROWS + 1}"
    words = (YES, NO) if column.kind is Kind.FLAG else tuple(column.choices.values())
    return f'"{",".join(words)}"' if words else ""
