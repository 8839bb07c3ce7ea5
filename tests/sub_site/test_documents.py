"""The bids' documents: never shown before they are whole and what the journal says they are."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from evalroom.ids import BidId, SessionId
from sub_site.documents import DocumentNotHere, Documents, KnownDocument, NoSuchBid
from sub_site.uplink import Uplink
from tests.sub_site.centre import FakeCentre
from tests.sub_site.stage import until

SESSION, BID = SessionId("EV-1"), BidId("bid1")
PDF = b"%PDF-1.7 " + bytes(range(256)) * 4000
KNOWN = KnownDocument(hashlib.sha256(PDF).hexdigest(), len(PDF))


@pytest.fixture
def centre(tmp_path: Path) -> FakeCentre:
    return FakeCentre.at(tmp_path)


@asynccontextmanager
async def fetching(centre: FakeCentre, folder: Path, *, online: bool = True) -> AsyncIterator[Documents]:
    uplink = Uplink(centre.async_client())
    uplink.grant("token")
    documents = Documents(folder, uplink, lambda: online)
    task = asyncio.create_task(documents.run())
    yield documents
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await uplink.close()


@pytest.mark.parametrize("sent", [PDF[:-1], PDF + b"x", PDF[:-1] + b"x", b""])
async def test_other_bytes_than_the_journal_names_are_dropped(
    centre: FakeCentre, tmp_path: Path, sent: bytes
) -> None:
    centre.documents[KNOWN.sha256] = sent
    async with fetching(centre, tmp_path / "documents") as documents:
        documents.learn(SESSION, BID, KNOWN)
        await until(lambda: len(centre.asked) >= 2)
        with pytest.raises(DocumentNotHere):
            documents.path(SESSION, BID)
        assert not list((tmp_path / "documents").glob("*.pdf"))
        centre.documents[KNOWN.sha256] = PDF
        documents.nudge()
        await until(lambda: bool(list((tmp_path / "documents").glob("*.pdf"))))
        assert PDF == documents.path(SESSION, BID).read_bytes()


async def test_a_document_is_fetched_as_soon_as_the_journal_names_it_and_once(
    centre: FakeCentre, tmp_path: Path
) -> None:
    centre.documents[KNOWN.sha256] = PDF
    async with fetching(centre, tmp_path / "documents") as documents:
        documents.learn(SESSION, BID, KNOWN)
        documents.learn(SessionId("EV-2"), BID, KNOWN)
        await until(lambda: bool(list((tmp_path / "documents").glob("*.pdf"))))
    async with fetching(centre, tmp_path / "documents") as documents:
        documents.learn(SESSION, BID, KNOWN)
        assert PDF == documents.path(SESSION, BID).read_bytes()
    assert 1 == len(centre.asked)


async def test_a_host_that_fails_is_asked_again(centre: FakeCentre, tmp_path: Path) -> None:
    centre.documents[KNOWN.sha256] = PDF
    centre.failures += [httpx.ConnectError("x"), httpx.Response(503), httpx.ReadError("x")]
    async with fetching(centre, tmp_path / "documents") as documents:
        documents.learn(SESSION, BID, KNOWN)
        while not list((tmp_path / "documents").glob("*.pdf")):
            documents.nudge()
            await asyncio.sleep(0.01)
        assert PDF == documents.path(SESSION, BID).read_bytes()


async def test_without_the_link_nothing_is_asked_for_and_a_bid_of_another_session_is_unknown(
    centre: FakeCentre, tmp_path: Path
) -> None:
    async with fetching(centre, tmp_path / "documents", online=False) as documents:
        documents.learn(SESSION, BID, KNOWN)
        with pytest.raises(DocumentNotHere):
            documents.path(SESSION, BID)
        with pytest.raises(NoSuchBid):
            documents.path(SessionId("EV-2"), BID)
    assert [] == centre.asked
