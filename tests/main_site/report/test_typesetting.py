"""The PDF: fonts embedded, text that can be read back, data attached byte for byte, the host's signature over all of it."""

import asyncio
import hashlib
import io
import os
import tempfile
from pathlib import Path

import pytest
from pypdf import PdfReader
from pypdf.generic import DictionaryObject

from main_site.identity.authority import Authority, open_authority
from main_site.identity.report_signer import ReportSigner, ReportSignerUnusable, open_report_signer
from main_site.report import typesetting
from main_site.report.fonts import ReportFontMissing, ReportFonts, ReportGlyphMissing, find_fonts
from main_site.report.layout import lay_out
from main_site.report.sealing import seal_pdf
from main_site.report.typesetting import ReportNotSet, TypesetterMissing, typeset
from main_site.report.words import Language
from tests.evalroom.room import START
from tests.main_site.hall import until
from tests.main_site.report.made import SIGNATORIES, report

SAMPLE = Path(str(Path(__file__).parents[3] / "main_site" / "sample_font" / "sample.ttf"))
"""A real font, with the characters of the sample bids and no more."""


def attached() -> dict[str, bytes]:
    return {"report-lot1.json": report().data, "signatures-lot1.json": b"{}"}


async def pdf_of(fonts: ReportFonts, language: Language = "zh", *, draft: bool = False) -> bytes:
    work = lay_out(report().data, report().sha256, SIGNATORIES, language, draft=draft)
    return await typeset(work, fonts, attached(), START)


@pytest.mark.needs("cjk-font")
async def test_a_report_has_its_fonts_embedded_its_text_readable_and_its_data_attached() -> None:
    reader = PdfReader(io.BytesIO(await pdf_of(find_fonts(()), draft=True)))
    text = "".join(page.extract_text() for page in reader.pages)
    for part in ("评标报告", "汇总排名与中标候选人", "权重有误", "bidder of bid3", "57.84", "草稿"):
        assert part in text
    assert all(report().sha256 in page.extract_text().replace("\n", "") for page in reader.pages)
    assert attached() == {name: bytes(data[0]) for name, data in reader.attachments.items()}
    resources = [page["/Resources"].get_object() for page in reader.pages]
    fonts = [font for one in resources if isinstance(one, DictionaryObject) for font in one["/Font"].values()]  # type: ignore[attr-defined] # a dictionary of fonts
    assert fonts
    for font in fonts:
        (inner,) = font.get_object()["/DescendantFonts"]
        descriptor = inner.get_object()["/FontDescriptor"].get_object()
        assert {"/FontFile2", "/FontFile3"} & descriptor.keys(), "not embedded"
    assert "pdfaid:part>3<" in str(
        reader.xmp_metadata.stream.get_data().decode() if reader.xmp_metadata else ""
    )


@pytest.mark.needs("cjk-font")
async def test_the_same_data_give_the_same_pages_in_either_language() -> None:
    fonts = find_fonts(())
    assert await pdf_of(fonts, "en") == await pdf_of(fonts, "en")
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(await pdf_of(fonts, "en"))).pages)
    assert "Summary, ranking and candidates" in text


async def test_a_character_without_a_glyph_is_named_with_its_place_and_nothing_is_set() -> None:
    with pytest.raises(ReportGlyphMissing) as missing:
        await pdf_of(find_fonts((SAMPLE,)))
    detail = missing.value.detail
    assert f"U+{ord(str(detail['character'])):04X}" == detail["code_point"]
    assert detail["place"]
    assert str(detail["character"]) in str(detail["text"])


def test_a_font_is_looked_for_where_the_settings_say_and_nowhere_else(tmp_path: Path) -> None:
    for wrong in (tmp_path / "none.ttf", tmp_path / "README.md"):
        with pytest.raises(ReportFontMissing):
            find_fonts((wrong,))
    with pytest.raises(ReportFontMissing):
        find_fonts((tmp_path,))
    (tmp_path / "broken.ttf").write_bytes(b"\x00\x01\x00\x00 no font")
    with pytest.raises(ReportFontMissing):
        find_fonts((tmp_path,))
    (tmp_path / "broken.ttf").write_bytes(SAMPLE.read_bytes())
    found = find_fonts((tmp_path,))
    assert ord("标") in found.characters


def test_where_no_font_is_installed_that_is_said_loudly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("main_site.report.fonts._FOLDERS", ())
    with pytest.raises(ReportFontMissing):
        find_fonts(())


async def test_without_the_typesetter_there_is_a_coded_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typesetting, "find_spec", lambda _: None)
    with pytest.raises(TypesetterMissing):
        await pdf_of(ReportFonts((SAMPLE,), ("x",), frozenset(range(0x11000))))


async def test_pages_that_cannot_be_set_leave_no_folder_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    unknown = ReportFonts((SAMPLE,), ("No Such Family",), frozenset(range(0x11000)))
    with pytest.raises(ReportNotSet):
        await pdf_of(unknown)
    assert [] == await asyncio.to_thread(lambda: list(tmp_path.iterdir()))


def process_in(path: Path) -> int:
    """Return the number of the process that wrote itself down, 0 as long as it has not."""
    return int(path.read_text() or "0") if path.exists() else 0


async def test_a_cancelled_setting_ends_its_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    started = tmp_path / "started"
    child = f"import os, pathlib, time; pathlib.Path({str(started)!r}).write_text(str(os.getpid())); time.sleep(60)"
    monkeypatch.setattr(typesetting, "_CHILD", child)
    task = asyncio.create_task(pdf_of(ReportFonts((SAMPLE,), ("x",), frozenset(range(0x11000)))))
    await until(lambda: process_in(started) > 0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ProcessLookupError):
        os.kill(process_in(started), 0)
    assert [] == await asyncio.to_thread(lambda: list(tmp_path.glob("evalroom-report-*")))


# --- the host's signature -----------------------------------------------------------------------------


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return open_authority(tmp_path, "centre")


@pytest.fixture
def signer(tmp_path: Path, authority: Authority) -> ReportSigner:
    return open_report_signer(tmp_path, authority)


def plain_pdf() -> bytes:
    from pypdf import PdfWriter

    out, writer = io.BytesIO(), PdfWriter()
    writer.add_blank_page(200, 200)
    writer.write(out)
    return out.getvalue()


def validity(pdf: bytes, authority: Authority) -> tuple[bool, bool]:
    """Return whether the signature in a PDF is intact and covers all of it, and whether it is this centre's."""
    from pyhanko.keys import load_certs_from_pemder_data
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.validation import validate_pdf_signature
    from pyhanko_certvalidator import ValidationContext

    roots = list(load_certs_from_pemder_data(authority.pem.encode()))
    (signature,) = PdfFileReader(io.BytesIO(pdf)).embedded_signatures
    status = validate_pdf_signature(signature, ValidationContext(trust_roots=roots))
    return status.bottom_line, status.trusted


async def test_the_hosts_signature_covers_the_whole_pdf_and_leads_to_the_centre(
    signer: ReportSigner, authority: Authority
) -> None:
    sealed = await seal_pdf(plain_pdf(), signer, "评标报告")
    assert (True, True) == await asyncio.to_thread(validity, sealed, authority)
    assert b"ETSI.CAdES.detached" in sealed


async def test_a_changed_pdf_is_no_longer_signed(signer: ReportSigner, authority: Authority) -> None:
    sealed = bytearray(await seal_pdf(plain_pdf(), signer, "report"))
    at = sealed.index(b"/MediaBox") + 12
    sealed[at] = ord("1") if sealed[at] != ord("1") else ord("2")
    assert not (await asyncio.to_thread(validity, bytes(sealed), authority))[0]


async def test_an_authority_that_does_not_answer_costs_the_time_stamp_and_not_the_report(
    signer: ReportSigner, authority: Authority
) -> None:
    sealed = await seal_pdf(plain_pdf(), signer, "report", "http://127.0.0.1:9/tsa")
    assert (True, True) == await asyncio.to_thread(validity, sealed, authority)


def test_the_centres_own_certificate_is_made_once_and_kept(tmp_path: Path, authority: Authority) -> None:
    first, again = (open_report_signer(tmp_path, authority) for _ in range(2))
    assert first == again
    assert 0o600 == (tmp_path / "report.key").stat().st_mode & 0o777


def test_a_pair_that_does_not_belong_together_is_refused(tmp_path: Path, authority: Authority) -> None:
    open_report_signer(tmp_path, authority)
    other = tmp_path / "other"
    other.mkdir()
    open_report_signer(other, authority)
    for pair in (
        (tmp_path / "report.pem", other / "report.key"),
        (tmp_path / "report.pem", tmp_path / "none.key"),
        (tmp_path / "authority.pem", tmp_path / "authority.key"),
    ):
        with pytest.raises(ReportSignerUnusable):
            open_report_signer(tmp_path, authority, pair)
    assert hashlib.sha256(b"").digest() != open_report_signer(tmp_path, authority).key
