"""The writer of the sample documents: valid PDFs, whose text is shown with its own glyphs and can be read back."""

import io
import re
import struct
from typing import Any

import pypdf
import pytest
from pypdf import PageObject

from main_site.documents import inspect_pdf
from main_site.sample_pdf import Booklet, MissingGlyph, Page, read_font, sample_font, wrap

FONT = sample_font()


def booklet(*lines: str) -> Booklet:
    """Make one page for each line."""
    made = Booklet(FONT, "投标文件")
    for line in lines:
        made.add_page().text(60, 700, 12, line)
        made.bookmark(line)
    return made


def strictly_read(data: bytes) -> pypdf.PdfReader:
    return pypdf.PdfReader(io.BytesIO(data), strict=True)


def font_of(page: PageObject) -> Any:  # noqa: ANN401 - pypdf types no path through a document
    resources: Any = page["/Resources"]
    return resources["/Font"]["/F"].get_object()


def test_a_character_without_a_glyph_is_an_error_and_never_a_box() -> None:
    with pytest.raises(MissingGlyph) as error:
        Page(FONT).text(0, 0, 12, "投标龘鱻文件")
    assert {"characters": "鱻龘"} == error.value.detail


def test_a_strict_reader_finds_text_title_and_bookmarks() -> None:
    reader = strictly_read(booklet("一、投标函", "二、资格证明文件").to_bytes())
    assert ["一、投标函", "二、资格证明文件"] == [page.extract_text() for page in reader.pages]
    assert reader.metadata is not None
    assert "投标文件" == reader.metadata.title
    marks = [mark for mark in reader.outline if not isinstance(mark, list)]
    assert ["一、投标函", "二、资格证明文件"] == [mark.title for mark in marks]
    assert [0, 1] == [reader.get_destination_page_number(mark) for mark in marks]


def test_the_font_is_embedded_with_the_widths_it_has() -> None:
    font = font_of(strictly_read(booklet("投标 Ab1").to_bytes()).pages[0])
    descendant = font["/DescendantFonts"][0].get_object()
    assert FONT.data == descendant["/FontDescriptor"]["/FontFile2"].get_object().get_data()
    assert list(FONT.widths) == list(descendant["/W"][1])


def test_the_table_of_objects_is_right_to_the_byte() -> None:
    data = booklet("投标").to_bytes()
    table = int(re.search(rb"startxref\n(\d+)\n%%EOF", data)[1])  # type: ignore[index]  # no match fails the test
    offsets = [int(line[:10]) for line in data[table:].splitlines()[3:] if line.endswith(b" n ")]
    assert [b"%d 0 obj" % number for number in range(1, len(offsets) + 1)] == [
        data[offset : data.index(b"\n", offset)] for offset in offsets
    ]


def test_the_same_pages_give_the_same_bytes() -> None:
    assert booklet("投标").to_bytes() == booklet("投标").to_bytes()
    assert booklet("投标").to_bytes() != booklet("投标函").to_bytes()


def test_a_booklet_without_bookmarks_is_a_pdf_too() -> None:
    made = Booklet(FONT, "投标")
    made.add_page().box(10, 10, 100, 50, (1, 0.5, 0))
    made.pages[0].line(0, 0, 100, 100)
    assert 1 == inspect_pdf(made.to_bytes()).pages
    assert [] == strictly_read(made.to_bytes()).outline


def test_a_centred_line_has_as_much_on_either_side() -> None:
    page = Page(FONT)
    page.centred(300, 100, 20, "投标文件")
    x = float(re.search(r"Tf ([\d.]+) ", page.content().decode())[1])  # type: ignore[index]  # no match fails the test
    assert pytest.approx(300 - 40, abs=0.5) == x


def test_lines_are_no_wider_than_the_column_but_for_closing_punctuation() -> None:
    lines = wrap(FONT, "投标文件，" * 20, 10, 92)
    assert "投标文件，" * 20 == "".join(lines)
    assert not any(line.startswith("，") for line in lines)
    assert all(FONT.measure(line.rstrip("，"), 10) <= 92 for line in lines)


def test_a_chinese_character_is_as_wide_as_the_size_says() -> None:
    assert pytest.approx(24, rel=0.03) == FONT.measure("投标", 12)


def test_glyphs_are_read_from_either_form_of_a_segment() -> None:
    font = read_font(tiny_font())
    assert {"A": 1, "B": 2, "a": 2, "b": 1} == font.glyphs
    assert [0, 500, 1000] == list(font.widths)
    assert (800, -200, [0, -200, 1000, 800]) == (font.ascent, font.descent, font.box)


def tiny_font() -> bytes:
    """Make a font of three glyphs: A, B by a delta, a, b by a table; 2,048 units to the em."""
    cmap = struct.pack(">HHHHI", 0, 1, 3, 1, 12) + struct.pack(
        ">7H 3H H 3H 3H 3H 2H",
        *(4, 44, 0, 6, 4, 1, 2),
        *(66, 98, 0xFFFF),
        0,
        *(65, 97, 0xFFFF),
        *(0x10000 - 64, 0, 1),
        *(0, 4, 0),
        *(2, 1),
    )
    tables = {
        b"cmap": cmap,
        b"head": struct.pack(">18xH16x4h", 2048, 0, -410, 2048, 1638),
        b"hhea": struct.pack(">4xhh26xH", 1638, -410, 3),
        b"hmtx": struct.pack(">6H", 0, 0, 1024, 0, 2048, 0),
        b"maxp": struct.pack(">IH", 0x10000, 3),
    }
    directory, body = b"", b""
    for tag, table in tables.items():
        directory += struct.pack(">4sIII", tag, 0, 12 + 16 * len(tables) + len(body), len(table))
        body += table
    return struct.pack(">IHHHH", 0x10000, len(tables), 0, 0, 0) + directory + body
