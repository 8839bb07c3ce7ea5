"""The bids' documents: what counts as a PDF, and a folder that keeps each under its own digest.

A bid that some viewer refuses during scoring stops a session, so it is refused at the door: no PDF, cut off,
encrypted, without pages, too large.  Reading is left to pypdf with its limits, and nothing is repaired.  Everything
here blocks on disk or parses, so it runs in a thread, never on the event loop.
"""

import hashlib
import io
import logging
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from evalroom.errors import LocalFault, Refusal

MAX_PDF_BYTES = 200_000_000
"""Largest document taken in by default; larger bids come as several documents."""

_CHUNK = 1 << 20
_EDGE = 1024
"""ISO 32000-1, Annex H: readers look for the header in the first and the end mark in the last 1,024 bytes."""

# pypdf warns of every oddity it meets, a line each: hostile files would fill the log, and the verdict says enough.
logging.getLogger("pypdf").setLevel(logging.CRITICAL)

_DIGEST = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True)
class PdfFacts:
    """What the journal states about a document: SHA-256 in hexadecimal, length in bytes, number of pages."""

    sha256: str
    bytes: int
    pages: int


class NotAPdf(Refusal):
    """The file is no readable PDF, or only a part of one: export it again and upload the new file."""

    code = "not_a_pdf"


class EncryptedPdf(Refusal):
    """The PDF is protected by a password, so experts could not read it: save it without one."""

    code = "encrypted_pdf"


class PdfTooLarge(Refusal):
    """The PDF is larger than this host takes: divide it, or scan it at a lower resolution."""

    code = "pdf_too_large"


class UnknownDocument(Refusal):
    """There is no document with this digest; reload the page and open the bid again."""

    code = "unknown_document"


class DamagedDocument(LocalFault):
    """A stored document no longer has the bytes it was taken in with: restore it from a copy."""

    code = "damaged_document"


def inspect_pdf(source: bytes | Path, max_bytes: int = MAX_PDF_BYTES) -> PdfFacts:
    """Return digest, length and page count of a PDF of at most `max_bytes` bytes.

    Raises:
        NotAPdf: it is none, was cut off, or has no pages.
        EncryptedPdf: it cannot be read without a password, or is encrypted at all.
        PdfTooLarge: it is too large; nothing of it was parsed.
        OSError: the path cannot be read.
    """
    if isinstance(source, bytes):
        return _inspect(io.BytesIO(source), len(source), max_bytes)
    with source.open("rb") as stream:
        return _inspect(stream, os.fstat(stream.fileno()).st_size, max_bytes)


def _inspect(stream: IO[bytes], size: int, max_bytes: int) -> PdfFacts:
    if size > max_bytes:
        raise PdfTooLarge(bytes=size, limit=max_bytes)
    _check_edges(stream, size)
    pages = _count_pages(stream)
    if pages < 1:
        raise NotAPdf(problem="no pages")
    stream.seek(0)
    return PdfFacts(_digest(stream), size, pages)


def _digest(stream: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def _check_edges(stream: IO[bytes], size: int) -> None:
    """Demand header and end mark: without the second, a reader would repair half an upload into fewer pages."""
    if b"%PDF-" not in stream.read(_EDGE):
        raise NotAPdf(problem="no header")
    stream.seek(max(0, size - _EDGE))
    if b"%%EOF" not in stream.read():
        raise NotAPdf(problem="no end mark")
    stream.seek(0)


def _count_pages(stream: IO[bytes]) -> int:
    import pypdf

    try:
        reader = pypdf.PdfReader(stream)
        encrypted, pages = reader.is_encrypted, 0 if reader.is_encrypted else len(reader.pages)
    except Exception as why:  # noqa: BLE001 - hostile bytes make pypdf raise anything, RecursionError included
        raise NotAPdf(problem=type(why).__name__) from None
    if encrypted:
        raise EncryptedPdf
    return pages


class DocumentStore:
    """A folder of PDFs named by their SHA-256, where equal documents are kept once.

    A document is there completely or not at all: it is written to a temporary file, synced, then renamed.
    """

    def __init__(self, folder: Path, max_bytes: int = MAX_PDF_BYTES) -> None:
        """Use `folder`, which is made if it is missing, for documents of at most `max_bytes` bytes."""
        self._folder = folder
        self._max_bytes = max_bytes
        self._verified: set[str] = set()
        folder.mkdir(parents=True, exist_ok=True)
        for leftover in folder.glob("*.part"):
            leftover.unlink()  # an upload that a crash cut off; nobody was told it had arrived

    def put(self, chunks: bytes | Iterable[bytes]) -> PdfFacts:
        """Take in a document and return its facts; on return it is on the disk.

        Raises:
            NotAPdf, EncryptedPdf, PdfTooLarge: nothing was kept.
            OSError: the disk did not take it; nothing was kept.
        """
        path = self._write([chunks] if isinstance(chunks, bytes) else chunks)
        try:
            facts = inspect_pdf(path, self._max_bytes)
            path.replace(self._folder / f"{facts.sha256}.pdf")
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        _sync_folder(self._folder)
        self._verified.add(facts.sha256)
        return facts

    def _write(self, chunks: Iterable[bytes]) -> Path:
        """Write a temporary file and bring it to the disk; on failure nothing of it remains."""
        with NamedTemporaryFile(dir=self._folder, suffix=".part", delete=False) as file:
            try:
                for chunk in _limited(chunks, self._max_bytes):
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
        return Path(file.name)

    def path_of(self, sha256: str) -> Path:
        """Return the path of a document; its bytes are checked once per process, reading it all.

        Raises:
            UnknownDocument: there is none, or `sha256` is no digest.
            DamagedDocument: the file has other bytes than it was taken in with.
        """
        path = self._folder / f"{sha256}.pdf"
        if not _DIGEST.match(sha256) or not path.is_file():
            raise UnknownDocument(sha256=sha256[:64])
        if sha256 not in self._verified:
            _verify(path, sha256)
            self._verified.add(sha256)
        return path

    def has(self, sha256: str) -> bool:
        """Say whether a document by that digest is here; its bytes are not looked at."""
        return bool(_DIGEST.match(sha256)) and (self._folder / f"{sha256}.pdf").is_file()

    def __iter__(self) -> Iterator[str]:
        """Yield the digests of all documents, sorted."""
        yield from sorted(path.stem for path in self._folder.glob("*.pdf") if _DIGEST.match(path.stem))


def _limited(chunks: Iterable[bytes], max_bytes: int) -> Iterator[bytes]:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > max_bytes:
            raise PdfTooLarge(bytes=size, limit=max_bytes)
        yield chunk


def _verify(path: Path, sha256: str) -> None:
    with path.open("rb") as stream:
        found = _digest(stream)
    if found != sha256:
        raise DamagedDocument(sha256=sha256, found=found)


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable (fsync(2): the directory needs its own)."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
