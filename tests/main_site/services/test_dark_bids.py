"""Dark bids at the host: whose a code is, no route, feed or file tells before the unlock, whatever the process went through."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from evalroom import commands as co
from evalroom.events import Stage
from evalroom.ids import BidId, BidNumber, SeatCode
from evalroom.sealing.ceremony import CeremonyState
from evalroom.sealing.dark import draw_codes, is_code
from evalroom.sealing.policy import PartName
from evalroom.tender import Part
from main_site.services import dark_bids
from main_site.services import opening as module
from main_site.services import trustees as ways
from main_site.services.dark_bids import MARKS, alarm_of, draw_admission
from signaling.custody import container
from tests.evalroom.room import EXPERTS, LOT, OPERATOR, SESSION, SUPERVISOR, WEST
from tests.main_site import pdfs
from tests.main_site.ceremony import Bidding, Ceremony, ceremony
from tests.main_site.hall import until
from tests.main_site.services.test_opening import review, to_detailed

NAMES = ("甲公司", "乙公司", "丙公司")
PRICE = 98_000_000
DARK = (PartName.TECHNICAL,)
FILE = pdfs.plain()


@pytest.fixture(autouse=True)
def _brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look again at once, for the tests' clock stands still; and let guessing passphrases be cheap."""
    monkeypatch.setattr(module, "LOOK_S", 0.05)
    monkeypatch.setattr(module, "RETRY_S", 0.05)
    monkeypatch.setattr(ways, "RETRY_S", 0.05)
    monkeypatch.setattr(ways, "ASK_AGAIN_S", 0.2)
    monkeypatch.setattr(container, "SCRYPT_N", 16)


def document_of(name: str) -> bytes:
    """Return a document of its own length for every bidder: by it alone one could be told from the others."""
    return FILE + b"% padding\n" * (1 + NAMES.index(name))


@asynccontextmanager
async def dark(folder: Path, names: Sequence[str] = NAMES) -> AsyncIterator[Ceremony]:
    """Run a host with a dark lot, its bids opened and joined under codes."""
    async with ceremony(folder, dark=DARK) as place:
        await place.accept()
        for n, name in enumerate(names):
            await place.bid(name, PRICE + n, texts=place.texts(PRICE + n, document_of(name)))
        await place.acked()
        await place.close()
        await place.open_window()
        await place.release_all()
        await place.reaches(CeremonyState.OPENED)
        await until(lambda: len(told(place, EXPERTS[0], "DarkBidAdmitted")) == len(names))
        yield place


def whose(place: Ceremony) -> dict[BidId, str]:
    """Return the bidder of each code, as the host alone knows it."""
    ceremony_now = place.session.ceremony
    return {bid: ceremony_now.bidder_of(one.number) for bid, one in ceremony_now.admitted.items()}


def feed(place: Ceremony, audience: str) -> list[dict[str, Any]]:
    return [json.loads(text) for text in place.live.evaluation.conductor.feeds[audience].texts]


def told(place: Ceremony, audience: str, kind: str) -> list[dict[str, Any]]:
    """Return the bodies of the items of a kind that an audience was told."""
    return [one["body"] for one in feed(place, audience) if one["type"] == kind]


def telling(place: Ceremony, one: Bidding) -> list[str]:
    """Return whatever would join a code with this bid."""
    own = [one.name, one.number, one.sealed.digest, one.sealed.root]
    return own + [part.sha256 for part in place.session.ceremony.documents_of(one.number)]


# --- codes ------------------------------------------------------------------------------------------------------


def test_an_order_names_its_bids_in_the_order_of_codes_that_are_drawn_anew_each_time() -> None:
    numbers = [BidNumber(f"{n:032x}") for n in range(8)]
    orders = [draw_admission(LOT, numbers, ()) for _ in range(40)]
    for order in orders:
        assert sorted(one.bid for one in order.bids) == [one.bid for one in order.bids]
        assert len({one.nonce for one in order.bids}) == len(numbers)
    assert len({tuple(one.number for one in order.bids) for order in orders}) > 30


def test_a_code_that_another_lot_has_is_not_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    first = draw_admission(LOT, [BidNumber("00" * 16)], ())
    seeds = iter([b"a" * 32, b"a" * 32, b"b" * 32])
    monkeypatch.setattr(dark_bids, "draw_codes", lambda _, count: draw_codes(next(seeds), count))
    taken = draw_admission(LOT, [BidNumber("00" * 16)], ()).bids[0].bid
    assert taken != draw_admission(LOT, [BidNumber("00" * 16)], [taken]).bids[0].bid
    assert is_code(first.bids[0].bid)


# --- what is told -------------------------------------------------------------------------------------------------


async def test_bids_join_by_codes_and_no_feed_or_route_tells_whose_they_are(tmp_path: Path) -> None:
    async with dark(tmp_path) as place:
        codes = whose(place)
        assert all(map(is_code, codes))
        assert set(NAMES) == set(codes.values())
        secrets = [word for one in place.bidders for word in telling(place, one)]
        for seat in EXPERTS:
            everything = json.dumps(feed(place, seat), ensure_ascii=False)
            assert all(code in everything for code in codes)
            assert not [word for word in [*secrets, str(PRICE)] if word in everything]
        for audience in place.live.evaluation.conductor.feeds:
            joined = [one for one in feed(place, audience) if any(code in str(one) for code in codes)]
            assert not [word for word in secrets if word in str(joined)], audience
        hall = (await place.http.get(f"/api/v1/tenders/{SESSION}/hall")).text
        assert not [code for code in codes if code in hall]
        overview = (await place.http.get(f"/api/v1/sessions/{SESSION}")).text
        assert all(code in overview for code in codes)
        assert not [word for word in secrets if word in overview]


async def test_prices_wait_although_their_window_is_over_and_the_unlock_names_all(tmp_path: Path) -> None:
    async with dark(tmp_path) as place:
        codes = whose(place)
        await to_detailed(place)
        assert {} == place.session.ceremony.prices
        assert {""} == {bid.bidder for bid in place.session.lots[LOT].bids}
        await review(place, Part.DETAILED)
        await until(lambda: len(place.session.ceremony.prices) == len(NAMES))
        for seat in EXPERTS:
            assert codes == {one["bid"]: one["bidder"] for one in told(place, seat, "DarkBidNamed")}
        await place.order(OPERATOR, co.AdvanceStage(Stage.DETAILED, Stage.PRICING, ""))


# --- documents ----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def reading(place: Ceremony, seat: SeatCode) -> AsyncIterator[httpx.AsyncClient]:
    async with place.client(await place.cookie(seat)) as client:
        yield client


async def test_documents_are_served_by_code_masked_and_by_range_until_the_unlock(tmp_path: Path) -> None:
    async with dark(tmp_path) as place:
        codes = whose(place)
        await to_detailed(place)
        for seat in (EXPERTS[0], OPERATOR):
            async with reading(place, seat) as reader:
                for code, name in codes.items():
                    original = document_of(name)
                    answer = await reader.get(f"/api/v1/documents/{code}")
                    assert len(original) == len(answer.content)
                    assert pdfs.AUTHOR not in answer.content
                    part = await reader.get(f"/api/v1/documents/{code}", headers={"range": "bytes=50-399"})
                    assert answer.content[50:400] == part.content
                    headers = str({**answer.headers, **part.headers})
                    (document,) = place.session.ceremony.documents_of(number_of(place, code))[-1:]
                    assert not [word for word in (name, document.sha256) if word in headers]
                    other = await reader.get(f"/api/v1/documents/{code}", params={"part": "qualification"})
                    assert "still_dark" == other.json()["code"]
                for number in place.session.ceremony.handed:
                    assert (await reader.get(f"/api/v1/documents/{number}")).status_code == 404
        await review(place, Part.DETAILED)
        async with reading(place, EXPERTS[0]) as reader:
            for code, name in codes.items():
                assert document_of(name) == (await reader.get(f"/api/v1/documents/{code}")).content


def number_of(place: Ceremony, code: str) -> BidNumber:
    return place.session.ceremony.admitted[BidId(code)].number


async def test_a_site_asks_for_dark_documents_by_names_that_are_no_digests(tmp_path: Path) -> None:
    async with dark(tmp_path) as place:
        token = place.centre.links.states()[WEST].token
        headers = {"authorization": f"Bearer {token}", "range": "bytes=0-99"}
        bodies = told(place, f"node:{WEST}", "DarkBidAdmitted")
        assert 3 == len(bodies)
        async with place.client() as site:
            for body in bodies:
                (document,) = body["documents"]
                answer = await site.get(f"/api/v1/site/documents/{document['sha256']}", headers=headers)
                assert (206, FILE[:100]) == (answer.status_code, answer.content)
                assert answer.headers["content-range"].endswith(f"/{document['size']}")
                for real in place.session.ceremony.documents_of(number_of(place, body["bid"])):
                    refused = await site.get(f"/api/v1/site/documents/{real.sha256}", headers=headers)
                    assert refused.is_client_error


async def test_lengths_of_envelopes_and_parts_are_told_to_their_bidders_alone(tmp_path: Path) -> None:
    async with dark(tmp_path) as place:
        one = place.bidders[0]
        at = f"/api/v1/tenders/{SESSION}/bids/{one.number}"
        for digest in ("", "ab" * 32, one.sealed.root, one.sealed.digest[:15]):
            headers = {"x-bid-digest": digest} if digest else {}
            for method, path in (("GET", "/head"), ("GET", "/receipt"), ("POST", "/submit")):
                refused = await place.http.request(method, at + path, headers=headers)
                assert "digest_needed" == refused.json()["code"]
            assert {"state": "opened", "verdict": "opened", "cause": ""} == (await place.http.get(at, headers=headers)).json()  # fmt: skip
        paper = {"x-bid-digest": one.sealed.digest[:16]}
        assert (await place.http.get(at + "/head", headers=paper)).is_success
        own = {"x-bid-digest": one.sealed.digest}
        assert str(len(one.sealed.data)) == (await place.http.get(at + "/head", headers=own)).headers["x-envelope-size"]  # fmt: skip
        assert (await place.http.get(at + "/receipt", headers=own)).text.startswith("c2sp.org/tlog-proof@v1")
        assert "receipt" in (await place.http.get(at, headers=own)).json()


async def test_where_no_lot_is_dark_a_number_alone_is_enough(tmp_path: Path) -> None:
    async with ceremony(tmp_path) as place:
        await place.accept()
        one = await place.bid("甲公司", PRICE)
        await place.close()
        for path in ("/head", "/receipt"):
            assert (await place.http.get(f"/api/v1/tenders/{SESSION}/bids/{one.number}{path}")).is_success


# --- marks --------------------------------------------------------------------------------------------------------


async def test_marks_are_told_to_the_hosts_staff_as_alarms_and_change_nothing(tmp_path: Path) -> None:
    async with dark(tmp_path, NAMES[:1]) as place:
        codes = whose(place)
        names = {alarm_of((code, PartName.TECHNICAL)) for code in codes}
        await until(lambda: {one["alarm"] for one in told(place, SUPERVISOR, "AlarmRaised")} == names)
        for seat in (OPERATOR, SUPERVISOR):
            raised = {one["alarm"]: one for one in told(place, seat, "AlarmRaised")}
            assert {MARKS} == {raised[name]["code"] for name in names}
            assert all("what the file tells of its making" in raised[name]["text"] for name in names)
            assert not [name for name in NAMES if any(name in one["text"] for one in raised.values())]
        for seat in EXPERTS:
            assert not told(place, seat, "AlarmRaised")
        assert set(codes) == {bid.id for bid in place.session.lots[LOT].bids}
