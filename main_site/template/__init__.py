"""Session templates: what an agency prepares before a session, as TOML or as a workbook.

Reading ends in a `SessionTemplate` that `evalroom.tender.check_tender` has accepted, or in a `TemplateError`
that names every mistake with sheet, row and column.
"""

from main_site.template.columns import TABLES
from main_site.template.problems import Fault, Place, Problem, TemplateError, refuse
from main_site.template.rows import SessionTemplate, disassemble
from main_site.template.toml import parse_tables, parse_toml, write_toml
from main_site.template.workbook import parse_xlsx, write_xlsx

__all__ = [
    "TABLES",
    "Fault",
    "Place",
    "Problem",
    "SessionTemplate",
    "TemplateError",
    "disassemble",
    "parse_tables",
    "parse_template",
    "parse_toml",
    "parse_xlsx",
    "write_toml",
    "write_xlsx",
]

_ZIP, _OLE = b"PK", b"\xd0\xcf\x11\xe0"


def parse_template(data: bytes) -> SessionTemplate:
    """Read an uploaded template, a workbook or TOML by its first bytes; not on an event loop.

    Raises:
        TemplateError: with every problem found.
    """
    if data.startswith((_ZIP, _OLE)):
        return parse_xlsx(data)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as why:
        raise refuse(Fault.WRONG_ENCODING, f"{why.start}") from None
    return parse_toml(text)
