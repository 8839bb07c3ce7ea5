"""What is no PDF is told so, and never anything else; what is kept is kept whole, or not at all."""

import hashlib
import io
import random
from collections.abc import Iterator
from pathlib import Path

import pypdf
import pytest

from main_site import documents
from main_site.documents import (
    DamagedDocument,
    DocumentStore,
    EncryptedPdf,
    NotAPdf,
    PdfFacts,
    PdfTooLarge,
    UnknownDocument,
    inspect_pdf,
)


def pdf(pages: int = 2, user: str = "", owner: str = "") -> bytes:
    """Make a PDF with empty pages, encrypted when there is a password."""
    writer = pypdf.PdfWriter()
    for _ in range(pages):
        writer.add_blank_page(595, 842)
    if user or owner:
        writer.encrypt(user, owner or None, algorithm="AES-256")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


GOOD = pdf()
DIGEST = hashlib.sha256(GOOD).hexdigest()


def verdict(data: bytes) -> str:
    """Return what a PDF is found to be; anything but facts and refusals flies out of here."""
    try:
        inspect_pdf(data)
    except (NotAPdf, EncryptedPdf) as refusal:
        return refusal.code
    return "good"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"%PDF-1.7",
        b"%PDF-1.7\n%%EOF",
        b"%PDF-1.7\ntrailer << /Root 1 0 R >>\nstartxref\n0\n%%EOF",
        b"PK\x03\x04" + bytes(2000),
        bytes(1100) + GOOD,
        GOOD + bytes(1100),
        GOOD[: len(GOOD) // 2] + b"%%EOF",
        pdf(pages=0),
        GOOD.replace(b"/Kids", b"/Lids"),
    ],
)
def test_what_is_no_pdf_is_refused(data: bytes) -> None:
    assert "not_a_pdf" == verdict(data)


def test_half_an_upload_is_refused_and_not_repaired_into_fewer_pages() -> None:
    whole = pdf(pages=50)
    assert {"not_a_pdf"} == {verdict(whole[:length]) for length in range(0, len(whole) - 8, 97)}


def test_an_encrypted_pdf_is_refused_with_a_code_of_its_own() -> None:
    assert "encrypted_pdf" == verdict(pdf(user="secret"))


def test_a_pdf_that_opens_with_an_empty_password_is_refused_too() -> None:
    assert "encrypted_pdf" == verdict(pdf(user="", owner="owner"))


def test_a_page_tree_that_bites_its_own_tail_is_refused() -> None:
    looped = (
        b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n"
        b"2 0 obj\n<< /Type /Pages /Count 9 /Kids [2 0 R 2 0 R] >>\nendobj\n"
        b"trailer\n<< /Root 1 0 R /Size 3 >>\n%%EOF"
    )
    assert "not_a_pdf" == verdict(looped)


def test_brackets_without_end_are_refused() -> None:
    deep = b"%PDF-1.7\n1 0 obj\n" + b"[" * 200_000 + b"\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF"
    assert "not_a_pdf" == verdict(deep)


def test_random_damage_never_raises_anything_but_a_refusal() -> None:
    dice = random.Random(20261123)
    found = set()
    for _ in range(400):
        data = bytearray(GOOD)
        for _ in range(dice.randint(1, 12)):
            data[dice.randrange(len(data))] = dice.choice(b"0123456789<>[]()/ RZ\x00\xff")
        found.add(verdict(bytes(data)))
    assert {"good", "not_a_pdf"} <= found <= {"good", "not_a_pdf", "encrypted_pdf"}


def test_random_cuts_and_doublings_never_raise_anything_but_a_refusal() -> None:
    dice = random.Random(7)
    for _ in range(200):
        first, last = sorted(dice.randrange(len(GOOD)) for _ in range(2))
        verdict(GOOD[:first] + GOOD[last:])
        verdict(GOOD[:last] + GOOD[first:])


def test_random_bytes_between_header_and_end_are_refused() -> None:
    dice = random.Random(3)
    assert {"not_a_pdf"} == {verdict(b"%PDF-1.4\n" + dice.randbytes(600) + b"\n%%EOF") for _ in range(50)}


def test_a_document_beyond_the_limit_is_not_parsed() -> None:
    with pytest.raises(PdfTooLarge) as refusal:
        inspect_pdf(GOOD, max_bytes=len(GOOD) - 1)
    assert {"bytes": len(GOOD), "limit": len(GOOD) - 1} == refusal.value.detail


def test_a_pdf_is_known_by_digest_length_and_pages(tmp_path: Path) -> None:
    path = tmp_path / "bid.pdf"
    path.write_bytes(GOOD)
    assert PdfFacts(DIGEST, len(GOOD), 2) == inspect_pdf(GOOD) == inspect_pdf(path)


def test_a_reader_of_many_pages_finds_them_all() -> None:
    assert 1500 == inspect_pdf(pdf(pages=1500)).pages


@pytest.fixture
def store(tmp_path: Path) -> DocumentStore:
    return DocumentStore(tmp_path / "documents")


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../" + DIGEST, DIGEST.upper(), DIGEST + "\n", DIGEST[:-1], "/etc/passwd", "x" * 9999],
)
def test_a_name_that_is_no_digest_leads_nowhere(store: DocumentStore, name: str) -> None:
    store.put(GOOD)
    with pytest.raises(UnknownDocument):
        store.path_of(name)


def test_a_digest_without_a_document_is_unknown(store: DocumentStore) -> None:
    with pytest.raises(UnknownDocument):
        store.path_of(DIGEST)


def test_a_document_that_was_changed_on_the_disk_is_not_served(tmp_path: Path) -> None:
    path = DocumentStore(tmp_path).path_of(DocumentStore(tmp_path).put(GOOD).sha256)
    path.write_bytes(GOOD.replace(b"595", b"594"))
    with pytest.raises(DamagedDocument):
        DocumentStore(tmp_path).path_of(DIGEST)


def test_a_document_is_read_whole_only_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    DocumentStore(tmp_path).put(GOOD)
    store, read = DocumentStore(tmp_path), []
    monkeypatch.setattr(documents, "_verify", lambda path, _: read.append(path))
    assert store.path_of(DIGEST) == store.path_of(DIGEST)
    assert [tmp_path / f"{DIGEST}.pdf"] == read


def test_what_is_refused_leaves_nothing_behind(store: DocumentStore, tmp_path: Path) -> None:
    with pytest.raises(NotAPdf):
        store.put(b"hello")
    assert [] == list((tmp_path / "documents").iterdir())


def test_an_upload_that_breaks_off_leaves_nothing_behind(store: DocumentStore, tmp_path: Path) -> None:
    def upload() -> Iterator[bytes]:
        yield GOOD[:100]
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        store.put(upload())
    assert [] == list((tmp_path / "documents").iterdir())


def test_an_upload_beyond_the_limit_is_cut_off_while_it_comes(tmp_path: Path) -> None:
    taken = []

    def upload() -> Iterator[bytes]:
        for number in range(1000):
            taken.append(number)
            yield bytes(100)

    with pytest.raises(PdfTooLarge):
        DocumentStore(tmp_path, max_bytes=250).put(upload())
    assert 3 == len(taken)


def test_a_full_disk_loses_nothing_that_was_there(
    store: DocumentStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put(GOOD)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        store.put(pdf(pages=3))
    assert [f"{DIGEST}.pdf"] == [path.name for path in (tmp_path / "documents").iterdir()]


def test_what_a_crash_left_half_written_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / "abc.part").write_bytes(GOOD[:50])
    assert [] == list(DocumentStore(tmp_path))
    assert [] == list(tmp_path.iterdir())


def test_a_document_comes_back_as_it_was(store: DocumentStore) -> None:
    facts = store.put(GOOD[i : i + 100] for i in range(0, len(GOOD), 100))
    assert PdfFacts(DIGEST, len(GOOD), 2) == facts
    assert GOOD == store.path_of(facts.sha256).read_bytes()


def test_equal_documents_are_kept_once(store: DocumentStore) -> None:
    assert store.put(GOOD) == store.put(GOOD)
    assert [DIGEST] == list(store)
