"""Documents of sealed bids pass through a site's memory: any range, nothing on the disk, nothing but what was asked for."""

import httpx
import pytest

from evalroom.ids import BidId, SessionId
from sub_site import sealed_documents as module
from sub_site.documents import DocumentAltered, KnownDocument, NoSuchBid
from sub_site.sealed_documents import SealedDocuments
from sub_site.uplink import Unreachable, Uplink
from tests.evalroom.sealing.tender import pattern

SESSION, BID = SessionId("EV-2026-0001"), BidId("B01")
DATA = pattern(5_000)
KNOWN = KnownDocument("ab" * 32, len(DATA))


class Host:
    """A host that serves one document by range; `cut` keeps it from answering."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.cut = False
        self.short = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if self.cut:
            raise httpx.ConnectError("cut")
        assert request.url.path == f"/api/v1/site/documents/{KNOWN.sha256}"
        self.asked.append(request.headers["range"])
        first, last = map(int, request.headers["range"].removeprefix("bytes=").split("-"))
        return httpx.Response(206, content=DATA[first : last + 1 - self.short])


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setattr(module, "BLOCK", 1_000)
    return Host()


def documents(host: Host) -> SealedDocuments:
    client = httpx.AsyncClient(transport=httpx.MockTransport(host), base_url="http://host")
    made = SealedDocuments(Uplink(client))
    made.learn(SESSION, BID, "technical", KNOWN)
    return made


async def read(documents: SealedDocuments, first: int, behind: int) -> bytes:
    return b"".join([piece async for piece in documents.stream(KNOWN, first, behind)])


async def test_every_range_is_what_the_host_has(host: Host) -> None:
    made = documents(host)
    for first, behind in ((0, 5_000), (0, 1), (999, 1_001), (1_000, 2_000), (4_999, 5_000), (1_500, 3_500)):
        assert DATA[first:behind] == await read(made, first, behind)
    assert len(host.asked) == len(set(host.asked)) == 5


async def test_what_was_read_stays_readable_while_the_link_is_cut(host: Host) -> None:
    made = documents(host)
    await read(made, 0, 2_000)
    host.cut = True
    assert DATA[500:1_500] == await read(made, 500, 1_500)
    with pytest.raises(Unreachable):
        await read(made, 1_500, 2_500)


async def test_memory_holds_so_many_blocks_and_no_more(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT_BLOCKS", 2)
    made = documents(host)
    await read(made, 0, 5_000)
    await read(made, 3_000, 5_000)
    assert 5 == len(host.asked)
    await read(made, 0, 1_000)
    assert 6 == len(host.asked)


async def test_an_answer_of_another_length_is_not_shown(host: Host) -> None:
    host.short = 1
    with pytest.raises(DocumentAltered):
        await read(documents(host), 0, 1_000)


def test_only_what_the_journal_names_is_shown(host: Host) -> None:
    made = documents(host)
    assert KNOWN == made.find(SESSION, BID, "")
    assert not made.knows(SESSION, BidId("B02"))
    for bid, part in ((BID, "identity"), (BidId("B02"), "")):
        with pytest.raises(NoSuchBid):
            made.find(SESSION, bid, part)
