"""The sample bids: documents that experts can judge, and viewers can show without any font of the system."""

import io

import pypdf
import pytest

from evalroom.ids import BidId
from evalroom.marks import Traces, marks_in
from evalroom.tender import Bid
from main_site.documents import inspect_pdf
from main_site.sample import PRICES_FEN, sample_template
from main_site.sample_bids import CARELESS, OFFERS, bid_documents, dark_document, qualification_document
from main_site.sample_pdf import sample_font

(LOT,) = sample_template().tender.lots


@pytest.fixture(scope="module")
def texts() -> dict[BidId, list[str]]:
    """Give the text of every page of every bid, read strictly."""
    return {
        bid: [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(data), strict=True).pages]
        for bid, data in bid_documents().items()
    }


def test_there_is_one_document_for_each_bid() -> None:
    documents = bid_documents()
    assert [bid.id for bid in LOT.bids] == list(documents) == list(OFFERS)
    facts = [inspect_pdf(data) for data in documents.values()]
    assert {11} == {fact.pages for fact in facts}
    assert len(facts) == len({fact.sha256 for fact in facts})
    assert all(50_000 < fact.bytes < 500_000 for fact in facts)


def test_the_documents_are_the_same_each_time() -> None:
    assert bid_documents() == bid_documents()


def test_every_page_bears_its_bidders_name_and_no_others(texts: dict[BidId, list[str]]) -> None:
    for bid in LOT.bids:
        assert [] == [page for page in texts[bid.id] if bid.bidder not in page]
        others = [other.bidder for other in LOT.bids if other != bid]
        assert [] == [page for page in texts[bid.id] if any(other in page for other in others)]


def test_no_price_stands_in_a_document(texts: dict[BidId, list[str]]) -> None:
    whole = {bid: "".join(pages).replace(",", "") for bid, pages in texts.items()}
    assert [] == [bid for bid, fen in PRICES_FEN.items() if str(fen // 100) in whole[bid]]


def test_what_an_expert_judges_stands_in_the_document(texts: dict[BidId, list[str]]) -> None:
    for bid, offer in OFFERS.items():
        whole = "".join(texts[bid]).replace("\n", "")
        wanted = [name for name, _, _ in offer.cases] + [words for _, words, _ in offer.deviations]
        wanted += [f"{offer.days} 个日历天", f"{offer.partitions} 个计量分区", offer.strength, offer.weakness]
        assert [] == [words for words in wanted if words not in whole]


def test_the_font_holds_every_character_of_the_sample() -> None:
    template = sample_template()
    texts = [
        template.tender.title,
        *(site.name for site in template.sites),
        *(seat.label for seat in template.seats),
    ]
    texts += [text for item in LOT.items for text in (item.title, item.standard)]
    sample_font().encode("".join(texts))


# --- dark documents ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("bid", LOT.bids, ids=lambda bid: str(bid.id))
def test_a_dark_document_names_nobody_on_any_page_and_the_other_part_does_on_every(bid: Bid) -> None:
    dark = pypdf.PdfReader(io.BytesIO(dark_document(bid, bid.id)), strict=True)
    named = pypdf.PdfReader(io.BytesIO(qualification_document(bid, bid.id)), strict=True)
    texts_of_dark = [page.extract_text() for page in dark.pages]
    assert (8, 5) == (len(dark.pages), len(named.pages))
    traces = Traces(len(texts_of_dark), tuple(texts_of_dark))
    assert () == marks_in(traces, [one.bidder for one in LOT.bids])
    assert bid.id not in "".join(texts_of_dark)
    assert all(bid.bidder in page.extract_text() for page in named.pages)
    assert (bid.bidder in str(dark.metadata)) is (bid.id == CARELESS)
