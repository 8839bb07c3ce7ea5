"""The tables of columns on the how-to page, made from the code: `python -m tests.main_site.template.howto` writes them."""

import re
from collections.abc import Iterator
from pathlib import Path

from main_site.template.columns import TABLES, Column, Kind, Table
from tests.reference import table

PAGE = Path(__file__).parents[3] / "docs" / "howto" / "open-a-session.md"
_SECTION = re.compile(r"(<!-- from the code: columns -->\n).*?(<!-- end -->)", re.DOTALL)


def rendered(page: str) -> str:
    """Return the page with its tables as the code has them today."""
    return _SECTION.sub(lambda found: f"{found[1]}\n{chr(10).join(_tables())}\n{found[2]}", page)


def _tables() -> Iterator[str]:
    for each in TABLES:
        yield f"### {each.title} `{each.key}`\n"
        yield _sentence(each) + "\n"
        yield table(("column", "key", "what it says", "holds", "needed, or default"), map(_row, each.columns))
        yield ""


def _sentence(each: Table) -> str:
    needed = "" if each.required else " May be left out."
    return f"{each.meaning[0].upper()}{each.meaning[1:]}.{needed}"


def _row(column: Column) -> tuple[str, ...]:
    default = "" if column.default in (None, "") else f"`{str(column.default).lower()}`"
    return (
        column.title,
        f"`{column.key}`",
        column.meaning,
        _holds(column),
        "needed" if column.required else default,
    )


def _holds(column: Column) -> str:
    match column.kind:
        case Kind.NAME:
            return f"an id of `{column.names}`" if column.names else "an id"
        case Kind.TEXT:
            return f"text, at most {column.limit}"
        case Kind.PROSE:
            return f"text with line breaks, at most {column.limit}"
        case Kind.DECIMAL:
            return f"0 to {column.limit:,}, {column.digits} digits after the point"
        case Kind.WHOLE:
            return f"whole number, at most {column.limit}"
        case Kind.FLAG:
            return "是 / 否"
        case Kind.CHOICE | Kind.FORMULA:
            choices = ", ".join(f"{title} `{code}`" for code, title in column.choices.items())
            return choices + (", or a formula" if column.kind is Kind.FORMULA else "")
        case Kind.INSTANT:
            return "a time such as 2026-12-01 09:00"


if __name__ == "__main__":
    PAGE.write_text(rendered(PAGE.read_text("utf-8")), "utf-8")
