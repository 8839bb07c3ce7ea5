"""The fonts of a report: found on this machine or where the settings say, and asked for every character beforehand.

A character without a glyph would be a box in a document that people sign: it is an error that names the character and
where it stands.  Fonts are embedded as subsets, so the archive needs none.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from evalroom.errors import LocalFault

SUFFIXES = frozenset({".ttf", ".otf", ".ttc", ".otc"})
_FOLDERS = (
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "~/.local/share/fonts",
    "~/.fonts",
    "/Library/Fonts",
    "C:/Windows/Fonts",
)
_NAMES = (
    "NotoSerifCJK-Regular*", "NotoSerifCJKsc-Regular*", "NotoSansCJK-Regular*", "NotoSansCJKsc-Regular*",
    "SourceHanSerif*Regular*", "SourceHanSans*Regular*", "wqy-microhei*", "wqy-zenhei*",
)  # fmt: skip
"""Free fonts with Chinese glyphs, best first (decision 1: none with a proprietary licence)."""

_SILENT = frozenset("\n\r\t\u00a0\u200b\ufeff")
"""Characters that are set as space or nothing."""


class ReportFontMissing(LocalFault):
    """There is no font with Chinese glyphs on this machine: install fonts-noto-cjk or fonts-wqy-microhei, or set report_fonts."""

    code = "report_font_missing"


class ReportGlyphMissing(LocalFault):
    """No font given has a glyph for a character of the report: add one to report_fonts that has it; the data stand."""

    code = "report_glyph_missing"


@dataclass(frozen=True, slots=True)
class ReportFonts:
    """Font files and the families in them, in the order they are tried, and every character one of them has."""

    files: tuple[Path, ...]
    families: tuple[str, ...]
    characters: frozenset[int]

    def demand(self, texts: Iterable[tuple[str, str]]) -> None:
        """Refuse texts, each with its place, of which a character has no glyph.

        Raises:
            ReportGlyphMissing: with the first such character, its code and its place.
        """
        for place, text in texts:
            for char in set(text) - _SILENT:
                if ord(char) not in self.characters:
                    where = text[max(text.index(char) - 10, 0) :][:24]
                    raise ReportGlyphMissing(
                        character=char, code_point=f"U+{ord(char):04X}", place=place, text=where
                    )


def find_fonts(given: Sequence[Path]) -> ReportFonts:
    """Return the fonts given by the settings, else the first known one of this machine.  Blocks on the disk.

    Raises:
        ReportFontMissing: none is there, or a file given is no font.
    """
    files = tuple(_given(given)) if given else _installed()
    if not files:
        raise ReportFontMissing(looked_for=", ".join(_NAMES)[:200])
    return _read(files)


def _given(paths: Sequence[Path]) -> Iterable[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(one for one in path.iterdir() if one.suffix.lower() in SUFFIXES)
        elif path.suffix.lower() in SUFFIXES and path.is_file():
            yield path
        else:
            raise ReportFontMissing(path=str(path)[:200])


def _installed() -> tuple[Path, ...]:
    folders = [folder for one in _FOLDERS if (folder := Path(one).expanduser()).is_dir()]
    for name in _NAMES:
        for folder in folders:
            found = next((one for one in sorted(folder.rglob(name)) if one.suffix.lower() in SUFFIXES), None)
            if found:
                return (found,)
    return ()


@lru_cache(maxsize=4)
def _read(files: tuple[Path, ...]) -> ReportFonts:
    """Read names and characters; reading one takes 0.2 s, so what was read is kept while the process lives."""
    from fontTools.ttLib import TTCollection, TTFont, TTLibError

    families: list[str] = []
    characters: set[int] = set()
    for path in files:
        try:
            collection = path.suffix.lower() in {".ttc", ".otc"}
            with TTCollection(path) if collection else TTFont(path) as font:
                # Of a collection the first face counts: the others share its glyphs, for other regions or fixed widths.
                face = font.fonts[0] if collection else font
                characters |= face.getBestCmap().keys()
                families.append(str(face["name"].getBestFamilyName()))
        except (OSError, TTLibError, KeyError, AttributeError) as error:
            raise ReportFontMissing(path=str(path)[:200], problem=repr(error)[:120]) from error
    return ReportFonts(files, tuple(dict.fromkeys(families)), frozenset(characters))
