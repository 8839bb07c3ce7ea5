"""Traces of a document are read by a child, which hostile bytes cost at most its time."""

import io

import pypdf
import pytest
from pypdf.annotations import FreeText

from evalroom.ids import BidId
from evalroom.marks import MarkKind, Traces, marks_in
from main_site.sample_bids import bid_documents
from main_site.services import traces as module
from main_site.services.traces import read_traces
from tests.main_site import pdfs


async def test_text_metadata_and_pages_of_a_real_document_are_read() -> None:
    traces = await read_traces(bid_documents()[BidId("B1")])
    assert traces.total == len(traces.texts) > 5
    assert "澄源水务科技有限公司 投标文件" == traces.metadata["/Title"]
    names = {one.kind: one.pages for one in marks_in(traces, ("澄源水务科技有限公司",))}
    assert 1 in names[MarkKind.BIDDER_NAME]


async def test_comments_attachments_and_pictures_are_counted() -> None:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdfs.plain()))
    writer.add_annotation(0, FreeText(text="ours", rect=(10, 10, 90, 40)))
    writer.add_attachment("seal.txt", b"ours")
    out = io.BytesIO()
    writer.write(out)
    traces = await read_traces(out.getvalue())
    assert ((1,), 1) == (traces.comments, traces.attachments)
    assert pdfs.AUTHOR.decode() in traces.metadata["XMP"]


@pytest.mark.parametrize("data", [b"", b"no pdf", b"%PDF-1.7\n%%EOF", pdfs.plain()[:400]])
async def test_what_cannot_be_read_is_told_as_not_searched(data: bytes) -> None:
    traces = await read_traces(data)
    assert {MarkKind.NOT_SEARCHED} >= {one.kind for one in marks_in(traces, ())}
    assert traces.texts == () or traces.total > 0


async def test_a_reader_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.0)
    assert Traces(1) == await read_traces(pdfs.plain())
