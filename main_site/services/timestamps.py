"""Time stamps (RFC 3161) over checkpoints, from the authority that the centre has chosen.

What is stamped is the SHA-256 of a checkpoint's note; the token goes into receipts as it came.  Refused: an answer
to another question (nonce, digest), one that was not granted and, where the authority's root is known, one that it
did not sign.  A silent authority holds nothing up: receipts are provisional until it answers.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from cryptography import x509

from evalroom.errors import LocalFault, PeerFault

if TYPE_CHECKING:
    from rfc3161_client import TimeStampRequest, TimeStampResponse, Verifier

PATIENCE_S = 10.0
MAX_ANSWER = 1 << 16
_SHA256 = x509.ObjectIdentifier("2.16.840.1.101.3.4.2.1")


class StampsUnavailable(LocalFault):
    """A time-stamp authority is set, but this machine lacks what talks to it: install the extra `tsa`, or unset it."""

    code = "stamps_unavailable"


class BadTimeStamp(PeerFault):
    """The time-stamp authority did not answer, or not to this question; receipts stay provisional and it is asked again."""

    code = "bad_time_stamp"


@dataclass(frozen=True)
class TimeStamps:
    """A time-stamp authority: its address, and a file with its root certificates (PEM) or None."""

    url: str
    roots: Path | None = None

    def check(self) -> None:
        """Return when this machine can ask for time stamps.

        Raises:
            StampsUnavailable: it lacks the library, or the roots cannot be read.
        """
        try:
            import rfc3161_client  # noqa: F401 - whether it is there
        except ImportError as error:
            raise StampsUnavailable(lacks="rfc3161-client") from error
        _ = self._roots

    @cached_property
    def _roots(self) -> list[x509.Certificate]:
        try:
            return x509.load_pem_x509_certificates(self.roots.read_bytes()) if self.roots else []
        except (OSError, ValueError) as error:
            raise StampsUnavailable(roots=str(self.roots)) from error

    async def stamp(self, note: bytes) -> bytes:
        """Return the token (DER) over the SHA-256 of `note`; cancelling leaves nothing behind.

        Raises:
            BadTimeStamp: no answer, or one that is no time stamp of this note.
        """
        from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

        request = TimestampRequestBuilder().data(note).hash_algorithm(HashAlgorithm.SHA256).build()
        answer = _decoded(await self._ask(request.as_bytes()))
        try:
            _check(request, answer, note)
            if self._roots:
                self._verify(request, answer, note)
        except ValueError as error:
            raise BadTimeStamp(reason=str(error)[:200]) from error
        return answer.time_stamp_token()

    async def _ask(self, request: bytes) -> bytes:
        headers = {"content-type": "application/timestamp-query", "accept": "application/timestamp-reply"}
        answer = b""
        try:
            async with (
                httpx.AsyncClient(timeout=PATIENCE_S) as client,
                client.stream("POST", self.url, content=request, headers=headers) as response,
            ):
                response.raise_for_status()
                async for piece in response.aiter_bytes():
                    answer += piece
                    if len(answer) > MAX_ANSWER:
                        raise BadTimeStamp(reason="answer too long")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise BadTimeStamp(reason=type(error).__name__) from error
        return answer

    def _verify(self, request: "TimeStampRequest", answer: "TimeStampResponse", note: bytes) -> None:
        from rfc3161_client import VerificationError

        try:
            self._verifier(request).verify_message(answer, note)
        except VerificationError as error:
            raise BadTimeStamp(reason=str(error)[:200]) from error

    def _verifier(self, request: "TimeStampRequest") -> "Verifier":
        from rfc3161_client import VerifierBuilder

        # The list is made here each time: the builder changes the one it is given.
        return VerifierBuilder(roots=list(self._roots), intermediates=[], nonce=request.nonce).build()


def _decoded(data: bytes) -> "TimeStampResponse":
    from rfc3161_client import decode_timestamp_response

    try:
        return decode_timestamp_response(data)
    except ValueError as error:
        raise BadTimeStamp(reason="no time-stamp reply") from error


def _check(request: "TimeStampRequest", answer: "TimeStampResponse", note: bytes) -> None:
    """Compare an answer with its question.

    Raises:
        BadTimeStamp, ValueError: they do not belong together.
    """
    if answer.status not in (0, 1):  # RFC 3161 §2.4.2: granted, granted with modifications
        raise BadTimeStamp(reason="not granted", status=int(answer.status))
    info = answer.tst_info
    imprint = info.message_imprint
    if info.nonce != request.nonce:
        raise BadTimeStamp(reason="another nonce")
    if imprint.hash_algorithm != _SHA256 or imprint.message != hashlib.sha256(note).digest():
        raise BadTimeStamp(reason="another digest")
