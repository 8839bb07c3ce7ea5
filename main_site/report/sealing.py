"""The host's signature in a report's PDF: PAdES B-B, or B-T with a time stamp where an authority is set.

The signature certifies: nothing may be changed afterwards.  It says that this host made these pages of the data; how the
members stand is in the attached signatures, which need no PDF to be checked.
"""

import io
from typing import Any

import httpx
import structlog

from evalroom.errors import LocalFault
from main_site.identity.report_signer import ReportSigner

FIELD = "EvalRoom"
STAMP_S = 10


class SignerMissing(LocalFault):
    """The PDF cannot be signed: install EvalRoom with its package pyhanko; data and signatures stand without it."""

    code = "signer_missing"


async def seal_pdf(pdf: bytes, signer: ReportSigner, reason: str, tsa_url: str = "") -> bytes:
    """Return `pdf` with the host's signature in it.

    An authority that does not answer costs the time stamp, not the report: that is logged.  Cancelling leaves nothing.

    Raises:
        SignerMissing: pyHanko is not installed.
    """
    try:
        from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
        from pyhanko.sign import fields, signers
    except ImportError as error:
        raise SignerMissing from error
    metadata = signers.PdfSignatureMetadata(
        field_name=FIELD,
        md_algorithm="sha256",
        reason=reason,
        subfilter=fields.SigSeedSubFilter.PADES,
        certify=True,
        docmdp_permissions=fields.MDPPerm.NO_CHANGES,
    )
    stamper = _stamper(tsa_url) if tsa_url else None
    for one in (stamper, None) if stamper else (None,):
        try:
            writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
            sealed = await signers.async_sign_pdf(writer, metadata, _signer(signer), timestamper=one)
            return bytes(sealed.getvalue())
        except (httpx.HTTPError, ValueError, OSError) as error:
            if one is None:
                raise
            structlog.get_logger(__name__).warning(
                "report_not_stamped", tsa=tsa_url, problem=repr(error)[:300]
            )
    raise AssertionError  # the last round returns or raises


def _signer(signer: ReportSigner) -> Any:  # noqa: ANN401 - a class of a library that is imported when it is needed
    from asn1crypto.keys import PrivateKeyInfo
    from asn1crypto.x509 import Certificate
    from pyhanko.sign.signers import SimpleSigner
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    store: Any = SimpleCertificateStore()  # type: ignore[no-untyped-call] # as the library has it
    chain = [Certificate.load(one) for one in signer.chain]
    store.register_multiple(chain)
    return SimpleSigner(chain[0], PrivateKeyInfo.load(signer.key), store)


def _stamper(url: str) -> Any:  # noqa: ANN401 - likewise
    """Return what asks the authority, by the HTTP client the host uses for everything else."""
    from asn1crypto import tsp
    from pyhanko.sign.timestamps import TimeStamper

    class Stamper(TimeStamper):
        async def async_request_tsa_response(self, req: Any) -> Any:  # noqa: ANN401 - asn1crypto has no types
            headers = {"content-type": "application/timestamp-query"}
            async with httpx.AsyncClient(timeout=STAMP_S) as client:
                answer = await client.post(url, content=req.dump(), headers=headers)
            answer.raise_for_status()
            return tsp.TimeStampResp.load(answer.content)

    return Stamper()  # type: ignore[no-untyped-call] # likewise
