"""Sets a laid-out report in a process of its own: PDF/A-3 with embedded fonts and the data attached.

A process can be ended when nobody waits for the pages any more, and its memory is given back; a thread could be neither
stopped nor kept from holding the interpreter.  Nothing is fetched: fonts and data come as files of one folder.
"""

import asyncio
import contextlib
import json
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from evalroom.errors import LocalFault
from main_site.report.fonts import ReportFonts
from main_site.report.layout import Sheetwork

LONGEST_S = 120
"""Seconds after which setting a report is given up: the longest known, with 40,500 cells, takes 10."""


class TypesetterMissing(LocalFault):
    """The typesetter is not installed: install EvalRoom with its package typst; data and signatures stand without pages."""

    code = "typesetter_missing"


class ReportNotSet(LocalFault):
    """The pages of the report could not be set; its data and signatures are untouched, and the log says why."""

    code = "report_not_set"


async def typeset(work: Sheetwork, fonts: ReportFonts, attached: Mapping[str, bytes], at_ms: int) -> bytes:
    """Return the PDF of a report; `attached` are files by name, the first of them its data; `at_ms` its date.

    Cancelling ends the process that sets it and leaves nothing behind.

    Raises:
        ReportGlyphMissing: a character has no glyph.
        TypesetterMissing, ReportNotSet.
    """
    await asyncio.to_thread(fonts.demand, work.texts())
    if find_spec("typst") is None:
        raise TypesetterMissing
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="evalroom-report-"))
    try:
        await asyncio.to_thread(_lay_down, folder, work, fonts, attached)
        await _run(folder, at_ms // 1000)
        return await asyncio.to_thread((folder / "report.pdf").read_bytes)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _lay_down(folder: Path, work: Sheetwork, fonts: ReportFonts, attached: Mapping[str, bytes]) -> None:
    pages = files("main_site.report").joinpath("pages.typ").read_bytes()
    (folder / "pages.typ").write_bytes(pages)
    for name, data in attached.items():
        (folder / name).write_bytes(data)
    (folder / "fonts").mkdir()  # the typesetter looks in folders: one of its own holds no other font
    for number, font in enumerate(fonts.files):
        place = folder / "fonts" / f"{number}{font.suffix}"
        try:
            place.symlink_to(font.resolve())
        except OSError:
            shutil.copyfile(font, place)
    told = [
        {
            "name": name,
            "relationship": "data" if number == 0 else "supplement",
            "description": "canonical JSON (RFC 8785); its SHA-256 is what was signed"
            if number == 0
            else "signatures",
        }
        for number, name in enumerate(attached)
    ]
    whole = {**asdict(work), "families": list(fonts.families), "attached": told}
    (folder / "work.json").write_text(json.dumps(whole, ensure_ascii=False), "utf-8")


async def _run(folder: Path, seconds: int) -> None:
    command = [sys.executable, "-I", "-c", _CHILD, str(folder), str(seconds)]
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(LONGEST_S):
            _, said = await process.communicate()
    except TimeoutError:
        raise ReportNotSet(problem=f"took longer than {LONGEST_S} s") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode:
        raise ReportNotSet(problem=said.decode(errors="replace")[-800:])


_CHILD = """
import sys, typst
folder, seconds = sys.argv[1:]
fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[folder + "/fonts"])
compiler = typst.Compiler(folder + "/pages.typ", root=folder, font_paths=fonts, ignore_system_fonts=True)
_, warnings = compiler.compile_with_warnings(
    output=folder + "/report.pdf", format="pdf", pdf_standards="a-3b", timestamp=int(seconds), pdf_tags=False
)
if warnings:
    sys.exit("\\n".join(one.diagnostic for one in warnings))
"""
"""What the child does: isolated from the environment and the folder it is started in (-I); a warning is an error here."""
