"""`evalroom report check`: a report's PDF checked offline, from the file alone, step by step.

The pages are for people: what counts are the data attached and the signatures under them, and that nobody has touched
the file since the host signed it.  Every byte is covered: what a signature leaves out, the room for itself, may hold
that signature and zeros and nothing else.
"""

import hashlib
import io
import json
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from evalroom.draws.recheck import Mark
from evalroom.encoding import to_json
from evalroom.errors import PeerFault, Refusal
from evalroom.ledger.canonical import canonical
from evalroom.report.data import FORM, Report
from evalroom.report.lint import RULES, Checked, Effect, Problem, ProblemCode, lint
from main_site.report.signed_acts import BrokenSignatures, SignedActs, check_signatures

MAX_FILE = 1 << 28
"""Bytes of a PDF that are looked at: a report of 40,500 cells has some 20 MB."""

MAX_ATTACHED = 1 << 26

NAMES: Mapping[int, tuple[str, str]] = {
    1: ("长期保存格式", "Archival form PDF/A-3b"),
    2: ("主场签名与文件完整", "Signature of the host, nothing added or changed after it"),
    3: ("签名证书", "Certificate of the signature"),
    4: ("附带的报告数据", "Data attached"),
    5: ("评委签名与见证", "Signatures of the members, and witnesses"),
    6: ("报告检查复核", "Checks of the report, run again"),
}
_MARKS = {Mark.PASSED: "通过 pass", Mark.FAILED: "失败 FAIL", Mark.ABSENT: "未查 none"}
_HEADLINES = {
    True: "报告有效 The report is what was signed.",
    False: "报告未通过检查 The report does not hold.",
}
_ELSEWHERE = frozenset({ProblemCode.GAP_UNDECLARED})
"""Checks that need the recordings: `evalroom verify` runs them on the archive."""

_FIGURE = re.compile(r"-?[0-9]{1,40}(?:\.[0-9]{1,20})?(?:/[0-9]{1,40})?")
_PART = re.compile(rb"pdfaid:part(?:=[\"']|>)3[\"'<]")
_CONFORMANCE = re.compile(rb"pdfaid:conformance(?:=[\"']|>)B[\"'<]")
_DATA = re.compile(r"report-(.+)\.json")


_VERSION_1 = bytes.fromhex("020101")
_SHA256 = bytes.fromhex("300d06096086480165030402010500")
"""DER of what stands in a signature as `seal_pdf` makes it."""


class UnreadableReport(PeerFault):
    """The file is no PDF that can be read: it was cut off or changed, or is something else; get it again from the archive."""

    code = "unreadable_report"


class NoReport(PeerFault):
    """The PDF holds no data of a report: it is another document, or the attachments were taken out."""

    code = "no_report"


class UnusableTrust(Refusal):
    """The file with certificates to trust holds none: give the centre's or an authority's certificate, PEM or DER."""

    code = "unusable_trust"


@dataclass(frozen=True, slots=True)
class Step:
    """What one step found."""

    number: int
    mark: Mark
    lines: tuple[str, ...]

    @property
    def name(self) -> str:
        """Return its name in both languages."""
        return " / ".join(NAMES[self.number])


@dataclass(frozen=True, slots=True)
class Rechecked:
    """What the check of a report's PDF found: whose it is, and step by step whether it holds."""

    session: str
    lot: str
    digest: str
    steps: tuple[Step, ...]
    certificate: Mapping[str, str]
    stands: Mapping[str, str]
    witnesses: tuple[str, ...]
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Say whether no step failed."""
        return all(step.mark is not Mark.FAILED for step in self.steps)


@dataclass(slots=True)
class _Signature:
    """How the host's signature stands; `wrong` says why it proves nothing, `trusted` is None without anchors."""

    wrong: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    certificate: dict[str, str] = field(default_factory=dict)
    trusted: bool | None = None


def recheck_pdf(pdf: bytes, anchors: bytes = b"") -> Rechecked:
    """Check a report's PDF; `anchors` are certificates to trust, PEM or DER, none to leave that open.

    Raises:
        UnreadableReport: it is no PDF, or one that was cut off or changed so that it cannot be read.
        NoReport: there are no data of a report in it.
        UnusableTrust: `anchors` are no certificates.
    """
    attached, archival = _read(pdf)
    names = [name for name in attached if _DATA.fullmatch(name)]
    if len(names) != 1:
        raise NoReport(attached=", ".join(sorted(attached))[:200])
    data = attached[names[0]]
    lot = names[0].removeprefix("report-").removesuffix(".json")
    signature = _look_at_signature(pdf, anchors)
    report, wrong = _decode(data, lot)
    digest = hashlib.sha256(data).hexdigest()
    wrong += _earlier(report, attached)
    acts, members = _members(data, attached.get(f"signatures-{lot}.json"), report)
    problems, checks = _checks(report)
    steps = (
        _step(1, [] if archival else ["the file does not say that it is PDF/A-3b"], []),
        _step(2, signature.wrong, signature.lines),
        _certificate(signature),
        _step(4, wrong, [f"SHA-256 {digest}", f"{len(data)} bytes, {names[0]}"]),
        members,
        checks,
    )
    return Rechecked(
        session=report.session if report else "",
        lot=lot,
        digest=digest,
        steps=steps,
        certificate=signature.certificate,
        stands=acts.stands if acts else {},
        witnesses=acts.witnesses if acts else (),
        problems=problems,
    )


def _earlier(report: Report | None, attached: Mapping[str, bytes]) -> list[str]:
    """Say which of the voided reports that a report names is not attached as it was."""
    names = (
        {f"earlier-{report.lot}-{one.number}.json": one.sha256 for one in report.earlier} if report else {}
    )
    found = {name: hashlib.sha256(attached[name]).hexdigest() for name in names if name in attached}
    return [
        f"{name}: not the voided report that is named"
        for name, digest in names.items()
        if found.get(name) != digest
    ]


def _step(number: int, wrong: list[str], lines: list[str]) -> Step:
    return Step(number, Mark.FAILED if wrong else Mark.PASSED, (*wrong, *lines))


# --- the file -----------------------------------------------------------------------------------------


def _read(pdf: bytes) -> tuple[dict[str, bytes], bool]:
    """Return what is attached, by name, and whether the file says that it is PDF/A-3b."""
    import pypdf

    logging.getLogger("pypdf").setLevel(
        logging.CRITICAL
    )  # of a broken file it would tell a line for each oddity
    if not pdf.startswith(b"%PDF-") or b"%%EOF" not in pdf[-32:]:
        raise UnreadableReport(problem="no header, or no end mark")
    try:
        reader = pypdf.PdfReader(io.BytesIO(pdf))
        found = {name: list(contents) for name, contents in reader.attachments.items()}
        metadata = reader.xmp_metadata
        told = metadata.stream.get_data() if metadata else b""
    except Exception as why:  # noqa: BLE001 - hostile bytes make pypdf raise anything, RecursionError included
        raise UnreadableReport(problem=type(why).__name__) from None
    twice = [name for name, contents in found.items() if len(contents) != 1]
    if twice or sum(len(one) for contents in found.values() for one in contents) > MAX_ATTACHED:
        raise UnreadableReport(
            problem="attachments twice by one name, or too large", name=", ".join(twice)[:80]
        )
    return {name: contents[0] for name, contents in found.items()}, bool(
        _PART.search(told) and _CONFORMANCE.search(told)
    )


def _look_at_signature(pdf: bytes, anchors: bytes) -> _Signature:
    from pyhanko.keys import load_certs_from_pemder_data
    from pyhanko.pdf_utils.reader import PdfFileReader

    for name in (
        "pyhanko",
        "pyhanko_certvalidator",
    ):  # they tell of an unknown issuer by a trace of the stack
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        roots = list(load_certs_from_pemder_data(anchors)) if anchors else []
    except Exception as why:  # noqa: BLE001 - whatever file was given
        raise UnusableTrust(problem=type(why).__name__) from None
    if anchors and not roots:
        raise UnusableTrust
    found = _Signature()
    try:
        signatures = PdfFileReader(io.BytesIO(pdf)).embedded_signatures
        if len(signatures) != 1:
            found.wrong.append(f"{len(signatures)} signatures, where the host's one is expected")
        else:
            _validate(pdf, signatures[0], roots, found)
    except Exception as why:  # noqa: BLE001 - hostile bytes make the library raise anything
        found.wrong.append(f"the signature cannot be read: {type(why).__name__}")
    return found


def _validate(pdf: bytes, signature: Any, roots: list[Any], found: _Signature) -> None:  # noqa: ANN401 - a class of a library that is imported when it is needed
    from pyhanko.sign.fields import MDPPerm
    from pyhanko.sign.validation import validate_pdf_signature
    from pyhanko.sign.validation.status import SignatureCoverageLevel
    from pyhanko_certvalidator import ValidationContext

    status = validate_pdf_signature(signature, ValidationContext(trust_roots=roots, allow_fetching=False))
    certificate = status.signing_cert
    found.certificate = {
        "subject": certificate.subject.human_friendly,
        "issuer": certificate.issuer.human_friendly,
        "serial": f"{certificate.serial_number:x}",
        "sha256": certificate.sha256.hex(),
        "not_before": str(certificate.not_valid_before),
        "not_after": str(certificate.not_valid_after),
    }
    found.trusted = bool(status.trusted) if roots else None
    wrong = {
        "the signature does not fit the file: it was changed": not (status.intact and status.valid),
        "it is no PAdES signature": signature.sig_object.get("/SubFilter") != "/ETSI.CAdES.detached",
        "it does not cover the whole file: something was added after it": status.coverage
        is not SignatureCoverageLevel.ENTIRE_FILE,
        "it does not certify that nothing may follow": signature.docmdp_level is not MDPPerm.NO_CHANGES,
        "the room for the signature holds something else": not _fills(pdf, signature),
        "it is headed otherwise than the host heads it": not _headed(signature),
        "a certificate beside the signature does not belong to it": not _belong(signature, roots),
    }
    found.wrong += [why for why, so in wrong.items() if so]
    signed = status.signer_reported_dt
    found.lines.append(f"signed at {signed}, as the host says" if signed else "signed without a time")
    if status.timestamp_validity is not None:
        stamp = status.timestamp_validity
        found.lines.append(f"time stamp {stamp.timestamp}, intact: {stamp.intact and stamp.valid}")
        if not (stamp.intact and stamp.valid):
            found.wrong.append("the time stamp does not fit the signature")


def _fills(pdf: bytes, signature: Any) -> bool:  # noqa: ANN401 - likewise
    """Say whether what the signature does not cover is that signature in hex, then zeros: nothing can hide there."""
    from asn1crypto.parser import peek

    start, length, again, _ = signature.byte_range
    room = pdf[start + length : again]
    digits = room[1:-1]
    used = 2 * peek(bytes.fromhex(digits.decode("ascii")))
    framed = (start, room[:1], room[-1:]) == (0, b"<", b">") and not digits[used:].strip(b"0")
    return framed and digits in (digits.upper(), digits.lower())


def _headed(signature: Any) -> bool:  # noqa: ANN401 - likewise
    """Say whether version and digest are as the host writes them: the signature covers neither."""
    (signer,) = signature.signed_data["signer_infos"]
    data = signature.signed_data
    versions = {data["version"].dump(), signer["version"].dump()}
    digests = (signer["digest_algorithm"].dump(), data["digest_algorithms"].dump())
    return versions == {_VERSION_1} and digests == (_SHA256, b"\x31\x0f" + _SHA256)


def _belong(signature: Any, roots: list[Any]) -> bool:  # noqa: ANN401 - likewise
    """Say whether each certificate that came along issued another of them, and was issued by one or by a root.

    No signature covers them: what was changed in one would else go unnoticed.  Without roots the uppermost one may
    have been issued by somebody who is not there.
    """
    come = [
        x509.load_der_x509_certificate(one.chosen.dump()) for one in signature.signed_data["certificates"]
    ]
    own = x509.load_der_x509_certificate(signature.signer_cert.dump())
    known = [x509.load_der_x509_certificate(one.dump()) for one in roots]
    for one in come:
        issues = one == own or any(_issued(other, one) for other in come if other != one)
        names = {other.subject for other in come}
        issued = any(_issued(one, by) for by in (*come, *known)) or not (roots or one.issuer in names)
        if not (issues and issued):
            return False
    return own in come


def _issued(certificate: x509.Certificate, by: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(by)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _certificate(signature: _Signature) -> Step:
    lines = [f"{name}: {value}" for name, value in signature.certificate.items()]
    if not signature.certificate:
        return Step(3, Mark.FAILED, ("there is none",))
    if signature.trusted is None:
        return Step(3, Mark.ABSENT, ("whether it is to be trusted is not checked: give --trust", *lines))
    wrong = [] if signature.trusted else ["it does not lead to a certificate that was given with --trust"]
    return _step(3, wrong, lines)


# --- what is attached ---------------------------------------------------------------------------------


def _decode(data: bytes, lot: str) -> tuple[Report | None, list[str]]:
    """Return the report that the data are, and what is wrong with them; None when they are none."""
    from pydantic import TypeAdapter

    try:
        report = TypeAdapter(Report).validate_json(data, strict=True)
        same = canonical(to_json(report)) == data
    except (ValueError, TypeError, RecursionError):
        return None, ["they are no data of a report in the form this version knows"]
    wrong = {
        "they have another form": report.form != FORM,
        "they are not canonical, or hold more than a report": not same,
        "they are of another lot than their name says": report.lot != lot,
    }
    return report, [why for why, so in wrong.items() if so]


def _members(data: bytes, signatures: bytes | None, report: Report | None) -> tuple[SignedActs | None, Step]:
    """Check the signatures under these very data, and that every member stands to them."""
    if signatures is None or report is None:
        return None, Step(5, Mark.FAILED, ("there are none that could be checked",))
    try:
        acts = check_signatures(data, signatures)
    except (BrokenSignatures, RecursionError) as why:
        return None, Step(5, Mark.FAILED, (str(why),))
    # Of a tender that failed early, those sign who had accepted the commitment (docs/spec/report.md §3).
    members = [
        one.seat for one in report.attendance if one.member and (not report.failure or one.committed_ms)
    ]
    missing = [seat for seat in members if seat not in acts.stands]
    lines = [
        *(_told(seat, acts.stands[seat]) for seat in members if seat in acts.stands),
        *(f"{seat}: witnessed" for seat in acts.witnesses),
        "keys as the file has them: `evalroom verify` compares them with the journal",
    ]
    return acts, _step(5, [f"{seat} has not signed" for seat in missing], lines)


def _told(seat: str, stand: str) -> str:
    return f"{seat}: {stand}" + (
        ", as the host put down for two persons: not signed" if stand == "deemed" else ""
    )


def _checks(report: Report | None) -> tuple[tuple[Problem, ...], Step]:
    """Run the report's checks again, all that need no recordings."""
    if report is None:
        return (), Step(6, Mark.ABSENT, ("there are no data to check",))
    odd = next((text for text in _figures(report) if not _FIGURE.fullmatch(text)), None)
    if odd is not None:
        return (), Step(6, Mark.FAILED, (f"no figure: {odd[:40]}",))
    try:
        problems = lint(Checked(report), {one.warning: one.reason for one in report.warnings})
    except (ValueError, KeyError, ArithmeticError, IndexError) as why:
        return (), Step(6, Mark.FAILED, (f"the tables do not fit together: {type(why).__name__}",))
    failed = report.failure is not None  # nothing asks for reasons when the whole tender fails
    wrong = [one for one in problems if one.effect is Effect.BLOCKS or not (one.justified or failed)]
    ran = [code for code in RULES if code not in _ELSEWHERE]
    lines = [
        *(f"{one.code} {' '.join(one.names)}: {one.justified}" for one in problems if one not in wrong),
        f"{len(ran)} checks run again; {', '.join(sorted(_ELSEWHERE))} needs the archive: `evalroom verify`",
    ]
    return problems, _step(6, [f"{one.code} {' '.join(one.names)}" for one in wrong], lines)


def _figures(report: Report) -> Iterator[str]:
    """Yield every text that the checks compute with: in data that somebody made up it may be anything."""
    yield from (one.full for one in report.items)
    yield from (option.points for one in report.items for option in one.options)
    yield from (one.points for one in report.subtotals)
    yield from (text for row in report.ranking for text in (row.technical, row.price, row.total))
    counted = {one.id for one in report.items if one.kind.value in {"score", "deduct"}}
    yield from (cell.value for sheet in report.sheets for cell in sheet.cells if cell.item in counted)


# --- the command --------------------------------------------------------------------------------------


def check_report(file: Path, trust: Path | None) -> Rechecked:
    """Check the PDF in a file; `trust` is a file of certificates.

    Raises:
        OSError: a file cannot be read.
        UnreadableReport, NoReport, UnusableTrust.
    """
    with file.open("rb") as handle:
        pdf = handle.read(MAX_FILE + 1)
    if len(pdf) > MAX_FILE:
        raise UnreadableReport(problem="too large", most=MAX_FILE)
    anchors = trust.read_bytes() if trust else b""
    if trust and not anchors:
        raise UnusableTrust
    return recheck_pdf(pdf, anchors)


def written(found: Rechecked) -> str:
    """Write what was found for people: each step, what it found below it."""
    lines = [f"{found.session} {found.lot}"]
    for step in found.steps:
        lines.append(f"{_MARKS[step.mark]}  {step.number}  {step.name}")
        lines += [f"              {line}" for line in step.lines]
    return "\n".join([*lines, _HEADLINES[found.ok]])


def as_json(found: Rechecked) -> str:
    """Write what was found for programs: one object."""
    return json.dumps({"ok": found.ok, **asdict(found)}, ensure_ascii=False, indent=1)
