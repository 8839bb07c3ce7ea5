"""Write small PDFs with Chinese text: the bids of the sample session, and nothing else.

The glyphs come with the package (`sample_font/`), cut down to the characters that the samples use, and are
embedded whole: a page looks the same in every viewer, needs no font of the system, and its text can be searched.
A character without a glyph is an error, never a box.  The form is ISO 32000-1: fonts in 9.7, text mapping in 9.10.
"""

import hashlib
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

from evalroom.errors import LocalFault

WIDTH, HEIGHT = 595, 842
"""An A4 page in points."""

_NEVER_FIRST = frozenset("，。；：、！？）》」』”’％%.,;:)]")
_EM = 1000


class MissingGlyph(LocalFault):
    """The sample font lacks a character: cut it again, as sample_font/README.md says."""

    code = "missing_glyph"


@dataclass(frozen=True, slots=True)
class Font:
    """A TrueType font: its bytes, the glyph of each character, and each glyph's width in thousandths of an em."""

    data: bytes
    glyphs: Mapping[str, int]
    widths: Sequence[int]
    ascent: int
    descent: int
    box: Sequence[int]

    def encode(self, text: str) -> list[int]:
        """Return the glyphs of `text`.

        Raises:
            MissingGlyph: the font has none for a character.
        """
        missing = "".join(sorted(set(text) - self.glyphs.keys()))
        if missing:
            raise MissingGlyph(characters=missing)
        return [self.glyphs[char] for char in text]

    def measure(self, text: str, size: float) -> float:
        """Return the width of `text` in points at `size` points."""
        return sum(self.widths[glyph] for glyph in self.encode(text)) * size / _EM


def sample_font() -> Font:
    """Return the font that comes with the package."""
    return read_font(files("main_site").joinpath("sample_font", "sample.ttf").read_bytes())


def read_font(data: bytes) -> Font:
    """Read what a PDF has to know of a TrueType font (OpenType 1.9: head, hhea, hmtx, cmap format 4)."""
    tables = {
        tag.decode(): data[offset : offset + length]
        for tag, _, offset, length in struct.iter_unpack(
            ">4sIII", data[12 : 12 + 16 * struct.unpack_from(">H", data, 4)[0]]
        )
    }
    units, *box = struct.unpack_from(">H16x4h", tables["head"], 18)
    ascent, descent, metrics = struct.unpack_from(">hh26xH", tables["hhea"], 4)
    count = struct.unpack_from(">H", tables["maxp"], 4)[0]
    advances = [struct.unpack_from(">H", tables["hmtx"], 4 * min(i, metrics - 1))[0] for i in range(count)]

    def scaled(values: Iterable[int]) -> list[int]:
        return [round(value * _EM / units) for value in values]

    up, down = scaled((ascent, descent))
    return Font(data, _read_cmap(tables["cmap"]), scaled(advances), up, down, scaled(box))


def _read_cmap(table: bytes) -> dict[str, int]:
    """Read the Unicode subtable: platform 3, encoding 1, format 4."""
    count = struct.unpack_from(">H", table, 2)[0]
    records = struct.iter_unpack(">HHI", table[4 : 4 + 8 * count])
    start = next(offset for platform, encoding, offset in records if (platform, encoding) == (3, 1))
    segments = struct.unpack_from(">H", table, start + 6)[0] // 2
    ends, starts, deltas, ranges = (
        struct.unpack_from(f">{segments}H", table, start + 14 + 2 * (segments * i + bool(i)))
        for i in range(4)
    )
    glyphs: dict[str, int] = {}
    for i, (first, last) in enumerate(zip(starts, ends, strict=True)):
        for code in range(first, min(last, 0xFFFE) + 1):
            glyph = code
            if ranges[i]:
                at = start + 16 + 2 * (segments * 3 + i) + ranges[i] + 2 * (code - first)
                glyph = struct.unpack_from(">H", table, at)[0]
            if glyph or not ranges[i]:
                glyphs[chr(code)] = (glyph + deltas[i]) % 0x10000
    return glyphs


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture in greys, one byte a dot, row by row from the top, and where it stands on its page (points)."""

    dots: bytes
    width: int
    height: int
    frame: tuple[float, float, float, float]

    def drawn(self) -> str:
        """Return what draws it: x, y of the lower left corner, width and height."""
        x, y, width, height = self.frame
        return f"q {width:.2f} 0 0 {height:.2f} {x:.2f} {y:.2f} cm /P Do Q"


class Page:
    """One page, drawn with the origin at the lower left; lengths in points, colours as greys or RGB in 0 to 1."""

    def __init__(self, font: Font) -> None:
        """Begin an empty page."""
        self.font = font
        self.picture: Picture | None = None
        self._drawn: list[str] = []

    def text(
        self, x: float, y: float, size: float, text: str, *, bold: bool = False, grey: float = 0
    ) -> None:
        """Write one line that begins at `x` on the base line `y`."""
        glyphs = "".join(f"{glyph:04x}" for glyph in self.font.encode(text))
        stroke = f"2 Tr {size / 36:.2f} w {grey} G" if bold else "0 Tr"
        self._drawn.append(f"BT {stroke} {grey} g /F {size} Tf {x:.2f} {y:.2f} Td <{glyphs}> Tj ET")

    def centred(self, x: float, y: float, size: float, text: str, *, bold: bool = False) -> None:
        """Write one line with its middle at `x`."""
        self.text(x - self.font.measure(text, size) / 2, y, size, text, bold=bold)

    def line(self, x: float, y: float, to_x: float, to_y: float, grey: float = 0.4) -> None:
        """Draw a thin line."""
        self._drawn.append(f"0.6 w {grey} G {x:.2f} {y:.2f} m {to_x:.2f} {to_y:.2f} l S")

    def box(self, x: float, y: float, width: float, height: float, fill: tuple[float, float, float]) -> None:
        """Draw a filled rectangle with a thin border, its lower left corner at `x`, `y`."""
        colour = " ".join(f"{part:.2f}" for part in fill)
        self._drawn.append(f"0.6 w 0.4 G {colour} rg {x:.2f} {y:.2f} {width:.2f} {height:.2f} re B")

    def content(self) -> bytes:
        """Return the page's content stream."""
        pictures = [self.picture.drawn()] if self.picture else []
        return "\n".join([*pictures, *self._drawn]).encode("ascii")


def wrap(font: Font, text: str, size: float, width: float) -> list[str]:
    """Break `text` into lines of at most `width` points; closing punctuation never begins a line."""
    lines = [""]
    for char in text:
        if font.measure(lines[-1] + char, size) > width and char not in _NEVER_FIRST:
            lines.append("")
        lines[-1] += char
    return lines


class Booklet:
    """A PDF in the making: its pages, and bookmarks that lead to them."""

    def __init__(self, font: Font, title: str) -> None:
        """Begin a document without pages."""
        self.font = font
        self.title = title
        self.pages: list[Page] = []
        self._bookmarks: list[tuple[str, int]] = []

    def add_page(self) -> Page:
        """Append an empty page and return it."""
        self.pages.append(Page(self.font))
        return self.pages[-1]

    def bookmark(self, title: str) -> None:
        """Let a bookmark lead to the last page."""
        self._bookmarks.append((title, len(self.pages) - 1))

    def to_bytes(self) -> bytes:
        """Return the whole document; the same pages always give the same bytes."""
        objects = _Objects()
        catalog, tree, font = objects.reserve(), objects.reserve(), self._add_font(objects)
        leaves = [self._add_page(objects, page, tree, font) for page in self.pages]
        kids = " ".join(f"{leaf} 0 R" for leaf in leaves)
        objects.fill(tree, f"<< /Type /Pages /Count {len(leaves)} /Kids [{kids}] >>")
        outlines = self._add_bookmarks(objects, leaves)
        objects.fill(
            catalog,
            f"<< /Type /Catalog /Pages {tree} 0 R /Outlines {outlines} 0 R /PageMode /UseOutlines /Lang (zh-CN) >>",
        )
        information = objects.add(f"<< /Title {_text(self.title)} /Producer (EvalRoom sample) >>")
        return objects.to_bytes(catalog, information)

    def _add_page(self, objects: "_Objects", page: Page, tree: int, font: int) -> int:
        content = objects.add_stream(page.content())
        pictures = f" /XObject << /P {_add_picture(objects, page.picture)} 0 R >>" if page.picture else ""
        return objects.add(
            f"<< /Type /Page /Parent {tree} 0 R /MediaBox [0 0 {WIDTH} {HEIGHT}] "
            f"/Resources << /Font << /F {font} 0 R >>{pictures} >> /Contents {content} 0 R >>"
        )

    def _add_font(self, objects: "_Objects") -> int:
        file = objects.add_stream(self.font.data, f"/Length1 {len(self.font.data)} ")
        name = "/SAMPLE+EvalRoomSample"
        descriptor = objects.add(
            f"<< /Type /FontDescriptor /FontName {name} /Flags 4 /ItalicAngle 0 /StemV 80 "
            f"/FontBBox [{' '.join(map(str, self.font.box))}] /Ascent {self.font.ascent} "
            f"/Descent {self.font.descent} /CapHeight 700 /FontFile2 {file} 0 R >>"
        )
        widths = " ".join(map(str, self.font.widths))
        descendant = objects.add(
            f"<< /Type /Font /Subtype /CIDFontType2 /BaseFont {name} /CIDToGIDMap /Identity "
            f"/CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> "
            f"/FontDescriptor {descriptor} 0 R /DW 1000 /W [0 [{widths}]] >>"
        )
        mapping = objects.add_stream(_to_unicode(self.font.glyphs))
        return objects.add(
            f"<< /Type /Font /Subtype /Type0 /BaseFont {name} /Encoding /Identity-H "
            f"/DescendantFonts [{descendant} 0 R] /ToUnicode {mapping} 0 R >>"
        )

    def _add_bookmarks(self, objects: "_Objects", leaves: Sequence[int]) -> int:
        root, marks = objects.reserve(), [objects.reserve() for _ in self._bookmarks]
        for i, (title, page) in enumerate(self._bookmarks):
            beside = "".join(
                f" /{way} {marks[j]} 0 R"
                for way, j in (("Prev", i - 1), ("Next", i + 1))
                if 0 <= j < len(marks)
            )
            objects.fill(
                marks[i],
                f"<< /Title {_text(title)} /Parent {root} 0 R /Dest [{leaves[page]} 0 R /Fit]{beside} >>",
            )
        ends = f" /First {marks[0]} 0 R /Last {marks[-1]} 0 R" if marks else ""
        objects.fill(root, f"<< /Type /Outlines /Count {len(marks)}{ends} >>")
        return root


def _add_picture(objects: "_Objects", picture: Picture) -> int:
    size = f"/Width {picture.width} /Height {picture.height}"
    kind = "/Type /XObject /Subtype /Image /ColorSpace /DeviceGray /BitsPerComponent 8"
    return objects.add_stream(picture.dots, f"{kind} {size} ", level=1)


class _Objects:
    """The numbered objects of one file, and the table of where each begins."""

    def __init__(self) -> None:
        self._bodies: list[bytes] = []

    def reserve(self) -> int:
        self._bodies.append(b"")
        return len(self._bodies)

    def fill(self, number: int, body: str) -> None:
        self._bodies[number - 1] = body.encode("ascii")

    def add(self, body: str) -> int:
        number = self.reserve()
        self.fill(number, body)
        return number

    def add_stream(self, content: bytes, more: str = "", level: int = 9) -> int:
        packed = zlib.compress(content, level)
        head = f"<< {more}/Filter /FlateDecode /Length {len(packed)} >>\nstream\n"
        self._bodies.append(head.encode("ascii") + packed + b"\nendstream")
        return len(self._bodies)

    def to_bytes(self, root: int, information: int) -> bytes:
        out = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
        offsets = []
        for number, body in enumerate(self._bodies, start=1):
            offsets.append(len(out))
            out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
        table = len(out)
        identity = hashlib.sha256(out).hexdigest()[:32]
        out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(offsets) + 1)
        out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
        out += (
            f"trailer\n<< /Size {len(offsets) + 1} /Root {root} 0 R /Info {information} 0 R "
            f"/ID [<{identity}> <{identity}>] >>\nstartxref\n{table}\n%%EOF\n"
        ).encode("ascii")
        return bytes(out)


def _text(text: str) -> str:
    """Return a text string: UTF-16 with a byte order mark, in hexadecimal (7.9.2.2)."""
    return f"<feff{text.encode('utf-16-be').hex()}>"


def _to_unicode(glyphs: Mapping[str, int]) -> bytes:
    """Return the map from glyphs to characters that lets viewers search and copy the text."""
    pairs = [f"<{glyph:04x}> <{char.encode('utf-16-be').hex()}>" for char, glyph in glyphs.items()]
    blocks = [pairs[i : i + 100] for i in range(0, len(pairs), 100)]
    mapping = "\n".join(f"{len(block)} beginbfchar\n" + "\n".join(block) + "\nendbfchar" for block in blocks)
    return (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /EvalRoom def /CMapType 2 def\n"
        "1 begincodespacerange <0000> <ffff> endcodespacerange\n"
        f"{mapping}\nendcmap CMapName currentdict /CMap defineresource pop end end"
    ).encode("ascii")
