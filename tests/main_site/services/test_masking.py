"""Masked documents tell nothing of their making, at the same length and with the same pages, whatever range is read."""

import io
import random
import zlib

import pypdf
import pytest

from main_site.sample import sample_template
from main_site.sample_bids import bid_documents
from main_site.services import masking
from main_site.services.masking import Mask, Patch, mask_of
from tests.main_site import pdfs


def masked(data: bytes) -> tuple[bytes, Mask]:
    mask = mask_of(lambda first, behind: data[first:behind], len(data))
    return mask.apply(0, data), mask


SAMPLES = {
    "plain": pdfs.plain(),
    "packed xmp": pdfs.plain(packed_xmp=True),
    "three revisions": pdfs.plain(revisions=3),
    "object stream": pdfs.packed(),
}


def unpacked(data: bytes) -> bytes:
    """Return the bytes with whatever Flate streams they hold unpacked behind them."""
    whole = data
    for place in range(len(data)):
        if data[place : place + 2] in (b"x\x9c", b"x\xda"):
            try:
                whole += zlib.decompressobj().decompress(data[place:])
            except zlib.error:
                continue
    return whole


@pytest.mark.parametrize("name", SAMPLES)
def test_nothing_in_the_bytes_tells_author_title_or_program(name: str) -> None:
    before = unpacked(SAMPLES[name])
    assert pdfs.AUTHOR in before
    assert b"WPS" in before
    after, mask = masked(SAMPLES[name])
    assert not [word for word in (pdfs.AUTHOR, b"Wang and Sons", b"WPS") if word in unpacked(after)]
    assert 0 == mask.left


@pytest.mark.parametrize("name", SAMPLES)
def test_a_masked_document_has_its_length_and_reads_as_before(name: str) -> None:
    after, _ = masked(SAMPLES[name])
    assert len(SAMPLES[name]) == len(after)
    before, reader = (pypdf.PdfReader(io.BytesIO(data)) for data in (SAMPLES[name], after))
    assert before.metadata
    assert not reader.metadata
    assert ["Page one"] == [page.extract_text() for page in reader.pages]


@pytest.mark.parametrize("name", SAMPLES)
def test_any_range_is_that_of_the_masked_whole(name: str) -> None:
    data, dice = SAMPLES[name], random.Random(3)
    after, mask = masked(data)
    for _ in range(300):
        first, behind = sorted(dice.sample(range(len(data) + 1), 2))
        assert after[first:behind] == mask.apply(first, data[first:behind])


@pytest.mark.parametrize("block", [64, 333, 1 << 20])
def test_what_lies_across_two_blocks_is_found(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masking, "BLOCK", block)
    for data in SAMPLES.values():
        assert pdfs.AUTHOR not in unpacked(masked(data)[0])


def test_the_sample_bids_are_masked_and_keep_every_page() -> None:
    names = {bid.id: bid.bidder for bid in sample_template().tender.lots[0].bids}
    for bid, data in bid_documents().items():
        after, mask = masked(data)
        reader = pypdf.PdfReader(io.BytesIO(after))
        assert (0, None) == (mask.left, reader.metadata.title if reader.metadata else None)
        assert len(pypdf.PdfReader(io.BytesIO(data)).pages) == len(reader.pages)
        assert names[bid]


def test_what_cannot_be_blanked_is_counted_and_not_passed_over() -> None:
    data = pdfs.packed().replace(b"/FlateDecode", b"/LZWDecode\x20")
    broken = data.replace(b"x\x9c", b"\0\0", 1)
    assert 1 == masked(broken)[1].left
    assert 1 == masked(b"%PDF-1.4 /Type /Metadata without an object")[1].left
    assert 1 == masked(b"%PDF-1.4 <?xpacket begin without an end")[1].left


@pytest.mark.parametrize("seed", range(40))
def test_bytes_that_are_no_pdf_raise_nothing_and_stay_as_long(seed: int) -> None:
    dice = random.Random(seed)
    data = bytearray(SAMPLES[[*SAMPLES][seed % 4]])
    for _ in range(30):
        data[dice.randrange(len(data))] = dice.randrange(256)
    cut = bytes(data[: dice.randrange(len(data))])
    assert len(cut) == len(masked(cut)[0])


def test_an_object_stream_that_unpacks_to_gigabytes_is_left_alone() -> None:
    bomb = zlib.compress(bytes(masking.MAX_UNPACKED + 1))
    data = (
        b"%%PDF-1.5\n7 0 obj\n<< /Type /ObjStm /N 1 /First 4 /Length %d >>\nstream\n%s\nendstream\nendobj\n"
        % (
            len(bomb),
            bomb,
        )
    )
    after, mask = masked(data + b"trailer << /Info 5 0 R >>")
    assert 1 == mask.left
    assert bomb in after


def test_a_patch_that_ends_outside_a_range_covers_what_lies_inside() -> None:
    mask = Mask((Patch(5, b"XXXX"),))
    assert b"abcdeXXXXj" == mask.apply(0, b"abcdefghij")
    assert b"XXj" == mask.apply(7, b"hij")
    assert b"eX" == mask.apply(4, b"ef")
    assert b"jk" == mask.apply(9, b"jk")
