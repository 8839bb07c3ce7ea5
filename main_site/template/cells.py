"""Read one cell: what a person typed in a spreadsheet or in TOML becomes the value its column wants, or a fault.

Spreadsheets turn an id `1` into a number and TOML writes 8.5 as a float; both are taken back to the text that
was meant.  Nothing is guessed: a date, a formula's error or a text with control characters is a fault.
"""

import datetime as dt
import re
import unicodedata
from collections.abc import Callable, Mapping
from decimal import Decimal

from evalroom.errors import MalformedName
from evalroom.ids import check_name
from main_site.template.columns import SAID_NO, SAID_YES, Column, Kind, Value
from main_site.template.formulas import whole_text
from main_site.template.problems import Fault

_DECIMAL = re.compile(r"([0-9]{1,15})(?:\.([0-9]{1,15}))?\Z")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})?"
)
BEIJING = dt.timezone(dt.timedelta(hours=8))
"""The one legal time of the country; it knows no summer time."""

_MAX_PROSE_LINES = 60
_MAX_EXPONENT = 64
ERROR_VALUES = frozenset({"#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A"})
_SPOOFING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufffe\uffff")
"""Overrides of the writing direction can show one bidder's name as another's; the last two are no characters."""


def is_empty(raw: object) -> bool:
    """Say whether nothing was entered: no cell, or only spaces."""
    return raw is None or (isinstance(raw, str) and not raw.strip())


def read_cell(column: Column, raw: object) -> Value | Fault:
    """Return the value that `raw` means in `column`, or what is wrong with it."""
    if is_empty(raw):
        return Fault.MISSING_VALUE if column.required else column.default
    return _READERS[column.kind](column, raw)


def plain(number: Decimal) -> str:
    """Write a decimal without exponent or trailing zeros, the one form in which templates keep numbers."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _text_of(raw: object) -> str | None:
    """Return what was typed: a spreadsheet keeps `1` as a number, perhaps as 1.0."""
    if isinstance(raw, bool):
        return None
    if isinstance(raw, float) and raw.is_integer() and abs(raw) < 1e15:
        return str(int(raw))
    if isinstance(raw, Decimal | int | float):
        number = Decimal(str(raw))
        # 1e99999999 is three bytes more than 1e9 in TOML, and a hundred million when written out
        return f"{number:f}" if number.is_finite() and abs(number.adjusted()) < _MAX_EXPONENT else None
    return raw.replace("\r\n", "\n").strip() if isinstance(raw, str) else None


def _read_text(column: Column, raw: object) -> Value | Fault:
    text = _text_of(raw)
    if text is None:
        return Fault.NOT_TEXT
    if len(text) > column.limit or text.count("\n") > _MAX_PROSE_LINES:
        return Fault.TOO_LONG
    newline = "\n" if column.kind is Kind.PROSE else ""
    if text in ERROR_VALUES or not all(char in newline or _is_plain(char) for char in text):
        return Fault.FORBIDDEN_CHARACTER
    return text


def _is_plain(char: str) -> bool:
    return unicodedata.category(char) not in {"Cc", "Cs"} and char not in _SPOOFING


def _read_name(_: Column, raw: object) -> Value | Fault:
    text = _text_of(raw)
    if text is None:
        return Fault.NOT_TEXT
    try:
        return check_name(text)
    except MalformedName:
        return Fault.NOT_A_NAME


def _read_decimal(column: Column, raw: object) -> Value | Fault:
    match = _DECIMAL.match(_text_of(raw) or "")
    if match is None:
        return Fault.NOT_A_DECIMAL
    number = Decimal(match[0])
    if number > column.limit:
        return Fault.OUT_OF_RANGE
    text = plain(number)
    return Fault.TOO_MANY_DIGITS if len(text.partition(".")[2]) > column.digits else text


def _read_whole(column: Column, raw: object) -> Value | Fault:
    match = _DECIMAL.match(_text_of(raw) or "")
    if match is None or Decimal(match[0]) % 1:
        return Fault.NOT_WHOLE
    number = int(Decimal(match[0]))
    return number if number <= column.limit else Fault.OUT_OF_RANGE


def _read_flag(_: Column, raw: object) -> Value | Fault:
    if isinstance(raw, bool):
        return raw
    word = (_text_of(raw) or "").lower()
    if word in SAID_YES or word in SAID_NO:
        return word in SAID_YES
    return Fault.NOT_YES_NO


def _read_choice(column: Column, raw: object) -> Value | Fault:
    word = _text_of(raw) or ""
    for code, title in column.choices.items():
        if word == title or word.lower() == code:
            return str(code)
    return Fault.NOT_A_CHOICE


def _read_formula(column: Column, raw: object) -> Value | Fault:
    """Return the name of a preset, or a whole formula as text; what is wrong with that is told by the row's rules."""
    return whole_text(raw) or _read_choice(column, raw)


def _read_instant(_: Column, raw: object) -> Value | Fault:
    """Return an instant as ISO 8601 in Beijing time, to the second; what names no zone means that time."""
    found = raw if isinstance(raw, dt.datetime) else _instant_of(_text_of(raw) or "")
    if found is None or not 2000 <= found.year < 9999:
        return Fault.NOT_AN_INSTANT
    aware = found if found.tzinfo else found.replace(tzinfo=BEIJING)
    return aware.astimezone(BEIJING).replace(microsecond=0).isoformat()


def _instant_of(text: str) -> dt.datetime | None:
    if not _INSTANT.fullmatch(text):
        return None
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        return None


_READERS: Mapping[Kind, Callable[[Column, object], Value | Fault]] = {
    Kind.NAME: _read_name,
    Kind.TEXT: _read_text,
    Kind.PROSE: _read_text,
    Kind.DECIMAL: _read_decimal,
    Kind.WHOLE: _read_whole,
    Kind.FLAG: _read_flag,
    Kind.CHOICE: _read_choice,
    Kind.FORMULA: _read_formula,
    Kind.INSTANT: _read_instant,
}
