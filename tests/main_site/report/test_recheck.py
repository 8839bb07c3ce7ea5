"""A report's PDF checked from the file alone: what holds, and every way in which it may not."""

import asyncio
import hashlib
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfWriter
from pypdf.generic import NameObject, StreamObject
from typer.testing import CliRunner

from evalroom.draws.recheck import Mark
from evalroom.ledger.canonical import canonical
from evalroom.report.lint import RULES, ProblemCode
from main_site.cli import app
from main_site.identity.authority import Authority, open_authority
from main_site.identity.report_signer import open_report_signer
from main_site.report.fonts import find_fonts
from main_site.report.layout import lay_out
from main_site.report.recheck import NoReport, Rechecked, UnreadableReport, UnusableTrust, recheck_pdf
from main_site.report.sealing import seal_pdf
from main_site.report.signed_acts import write_signatures
from main_site.report.typesetting import typeset
from tests.evalroom.room import LOT, SESSION, START
from tests.main_site.report.made import E1, E2, E3, SIGNATORIES, entries, report

MARKED = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/" pdfaid:part="3" pdfaid:conformance="B"/></rdf:RDF></x:xmpmeta>'


def attached(data: bytes = b"", signatures: bytes = b"") -> dict[str, bytes]:
    signed = write_signatures(entries(), LOT, report().sha256, SESSION)
    return {"report-lot1.json": data or report().data, "signatures-lot1.json": signatures or signed}


def plain_pdf(files: Mapping[str, bytes], marked: bytes = MARKED) -> bytes:
    out, writer = io.BytesIO(), PdfWriter()
    writer.add_blank_page(200, 200)
    for name, data in files.items():
        writer.add_attachment(name, data)
    packet = StreamObject()
    packet.set_data(marked)
    packet.update({NameObject("/Type"): NameObject("/Metadata"), NameObject("/Subtype"): NameObject("/XML")})
    writer.root_object[NameObject("/Metadata")] = writer._add_object(packet)
    writer.write(out)
    return out.getvalue()


class Office:
    """Where reports are signed: a centre with its certificates."""

    def __init__(self, folder: Path) -> None:
        self.authority: Authority = open_authority(folder, "centre")
        self.signer = open_report_signer(folder, self.authority)

    def seal(self, pdf: bytes) -> bytes:
        return asyncio.run(seal_pdf(pdf, self.signer, "report"))

    @property
    def anchor(self) -> bytes:
        return self.authority.pem.encode()


@pytest.fixture(scope="module", name="office")
def _office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    return Office(tmp_path_factory.mktemp("office"))


@pytest.fixture(scope="module", name="sealed")
def _sealed(office: Office) -> bytes:
    return office.seal(plain_pdf(attached()))


def failed(found: Rechecked) -> list[int]:
    return [step.number for step in found.steps if step.mark is Mark.FAILED]


def test_a_signed_report_passes_and_says_whose_it_is_and_who_stood_by_it(
    office: Office, sealed: bytes
) -> None:
    found = recheck_pdf(sealed, office.anchor)
    assert [Mark.PASSED] * 6 == [step.mark for step in found.steps], found.steps
    assert (SESSION, LOT, report().sha256) == (found.session, found.lot, found.digest)
    assert {E1: "agrees", E2: "dissents", E3: "agrees"} == found.stands
    assert "centre" in found.certificate["issuer"]
    assert found.ok


@pytest.mark.needs("cjk-font")
def test_the_pages_as_the_host_sets_them_pass(office: Office) -> None:
    work = lay_out(report().data, report().sha256, SIGNATORIES, "zh", draft=False)
    pdf = asyncio.run(typeset(work, find_fonts(()), attached(), START))
    assert recheck_pdf(office.seal(pdf), office.anchor).ok


def test_without_anchors_the_certificate_is_named_and_left_open(sealed: bytes) -> None:
    found = recheck_pdf(sealed)
    assert Mark.ABSENT is found.steps[2].mark
    assert found.ok


def test_a_certificate_of_another_centre_is_not_trusted(sealed: bytes, tmp_path: Path) -> None:
    other = open_authority(tmp_path, "centre")
    assert [3] == failed(recheck_pdf(sealed, other.pem.encode()))
    with pytest.raises(UnusableTrust):
        recheck_pdf(sealed, b"no certificate")


def places(pdf: bytes) -> list[int]:
    """Return bytes to change: some of everywhere, and of what the signature does not cover, its header among it."""
    room = pdf.rindex(b"/Contents <") + len(b"/Contents ")
    end = pdf.index(b">", room)
    around = {room + 1 + 2 * at for at in (25, 26, 30, 41, 69, 80, 110, 200, 300, 700, 1013, 1068, 1079)}
    edges = {*around, room, room + 1, room + 2, room + 900, end - 1, end - 2, end, end + 1, 0, len(pdf) - 2}
    return sorted({*range(7, len(pdf), len(pdf) // 40), *edges})


def test_one_byte_changed_anywhere_is_found(office: Office, sealed: bytes) -> None:
    for at in places(sealed):
        changed = bytearray(sealed)
        changed[at] ^= 0x20 if chr(changed[at]).isalpha() else 1
        try:
            assert not recheck_pdf(bytes(changed), office.anchor).ok, at
        except (UnreadableReport, NoReport):
            continue


def test_what_hides_in_the_room_for_the_signature_is_found(sealed: bytes) -> None:
    end = sealed.index(b">", sealed.rindex(b"/Contents <"))
    found = recheck_pdf(sealed[: end - 8] + b"DEADBEEF" + sealed[end:])
    assert [2] == failed(found)


@pytest.mark.parametrize("kept", [0, 5, 100, 0.5, 0.9, 0.999])
def test_a_file_that_was_cut_off_is_no_report(sealed: bytes, kept: float) -> None:
    with pytest.raises(UnreadableReport):
        recheck_pdf(sealed[: int(kept if kept > 1 else kept * len(sealed))])


def test_what_is_added_after_the_signature_is_found(sealed: bytes) -> None:
    assert 2 in failed(recheck_pdf(sealed + sealed[sealed.rindex(b"startxref") :]))
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

    writer: Any = IncrementalPdfFileWriter(io.BytesIO(sealed))
    out = io.BytesIO()
    writer.root["/PageMode"] = writer.root.raw_get("/Type")
    writer.update_root()
    writer.write(out)
    assert 2 in failed(recheck_pdf(out.getvalue()))


@pytest.mark.parametrize(
    "data", [b"", b"%PDF-1.7\n%%EOF\n", b"PK\x03\x04", b"%PDF-1.7\n" + b"[" * 5000 + b"\n%%EOF"]
)
def test_what_is_no_pdf_is_said_to_be_none(data: bytes) -> None:
    with pytest.raises((UnreadableReport, NoReport)):
        recheck_pdf(data)


def test_a_pdf_without_a_report_or_with_two_is_none(office: Office) -> None:
    for files in ({}, {"notes.json": b"{}"}, {**attached(), "report-lot2.json": report().data}):
        with pytest.raises(NoReport):
            recheck_pdf(office.seal(plain_pdf(files)))


def test_a_draft_without_a_signature_fails() -> None:
    found = recheck_pdf(plain_pdf({"report-lot1.json": report().data}))
    assert [2, 3, 5] == failed(found)


def test_a_file_that_does_not_say_that_it_is_for_archives_fails(office: Office) -> None:
    for marker in (
        MARKED.replace(b'part="3"', b'part="2"'),
        MARKED.replace(b'"B"', b'"U"'),
        MARKED.replace(b' pdfaid:part="3"', b""),
    ):
        assert [1] == failed(recheck_pdf(office.seal(plain_pdf(attached(), marker))))


def changed(change: Callable[[dict[str, Any]], object]) -> bytes:
    told = json.loads(report().data)
    change(told)
    return canonical(told)


LIES: dict[str, tuple[Callable[[dict[str, Any]], object], list[int]]] = {
    "another total": (lambda told: told["ranking"][0].update(total="99.00"), [5, 6]),
    "another order": (lambda told: told["ranking"].reverse(), [5]),
    "another lot": (lambda told: told.update(lot="lot2"), [4, 5]),
    "another form": (lambda told: told.update(form="evalroom-report/2"), [4, 5]),
    "no figure": (lambda told: told["ranking"][0].update(total="1e999999999"), [5, 6]),
    "an unknown item": (lambda told: told["sheets"][-1]["cells"][0].update(item="other"), [5, 6]),
    "no ranking at all": (lambda told: told.update(ranking=[]), [5, 6]),
    "a member who is gone": (lambda told: told.pop("attendance"), [4, 5]),
    "more than a report": (lambda told: told.update(remark="x"), [4, 5]),
}


@pytest.mark.parametrize("lie", LIES)
def test_data_that_the_members_did_not_sign_are_found_and_checked_again(office: Office, lie: str) -> None:
    change, steps = LIES[lie]
    found = recheck_pdf(office.seal(plain_pdf(attached(changed(change)))))
    assert {*steps} <= {*failed(found)} | {6 if found.steps[5].mark is Mark.ABSENT else 0}, found.steps
    assert not found.ok


def test_a_voided_report_that_is_named_and_not_attached_as_it_was_is_found(office: Office) -> None:
    digest = hashlib.sha256(b"{}").hexdigest()
    row = {"number": 1, "sha256": digest, "made_ms": START, "voided_ms": START, "stands": [[E1, "agrees"]]}
    files = attached(changed(lambda told: told.update(earlier=[row])))
    for data, wrong in ((b"{}", False), (b"[]", True), (b"", True)):
        annex = {"earlier-lot1-1.json": data} if data else {}
        step = recheck_pdf(office.seal(plain_pdf(files | annex))).steps[3]
        assert wrong is (step.mark is Mark.FAILED), step


def test_a_member_without_a_signature_is_named(office: Office) -> None:
    told = json.loads(attached()["signatures-lot1.json"])
    gone = [one for one in told["acts"] if one["type"] == "ReportSigned" and one["actor"] == E2]
    told["acts"] = [one for one in told["acts"] if one not in gone]
    found = recheck_pdf(office.seal(plain_pdf(attached(signatures=canonical(told)))))
    assert ([5], f"{E2} has not signed") == (failed(found), found.steps[4].lines[0])


def test_all_checks_but_the_one_that_needs_the_recordings_are_run_again(sealed: bytes) -> None:
    assert f"{len(RULES) - 1} checks run again" in recheck_pdf(sealed).steps[5].lines[-1]
    assert ProblemCode.GAP_UNDECLARED.value in recheck_pdf(sealed).steps[5].lines[-1]


# --- the command --------------------------------------------------------------------------------------


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["report", "check", *words])
    return result.exit_code, result.output


def test_the_command_tells_each_step_and_exits_by_what_it_found(
    office: Office, sealed: bytes, tmp_path: Path
) -> None:
    good, bad, none = tmp_path / "good.pdf", tmp_path / "bad.pdf", tmp_path / "none.pdf"
    anchor = tmp_path / "centre.pem"
    good.write_bytes(sealed)
    bad.write_bytes(plain_pdf(attached()))
    none.write_bytes(sealed[:999])
    anchor.write_bytes(office.anchor)
    status, said = run(str(good), "--trust", str(anchor))
    assert (0, True) == (status, "报告有效" in said)
    status, said = run(str(bad))
    assert (1, True) == (status, "报告未通过检查" in said)
    status, said = run(str(none), "--json")
    assert (2, "unreadable_report") == (status, json.loads(said)["error"])
    assert 2 == run(str(tmp_path / "nowhere.pdf"))[0]


def test_the_command_prints_one_object_for_programs(sealed: bytes, tmp_path: Path) -> None:
    file = tmp_path / "report.pdf"
    file.write_bytes(sealed)
    told = json.loads(run(str(file), "--json")[1])
    assert (True, report().sha256, "agrees") == (told["ok"], told["digest"], told["stands"][E1])
    assert ["passed", "passed", "absent", "passed", "passed", "passed"] == [
        one["mark"] for one in told["steps"]
    ]
