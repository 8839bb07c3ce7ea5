"""Damaged bytes of a bid are brought anew by whoever has them; other bytes never, and strangers disturb nobody."""

import asyncio
import hashlib
import threading
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest

from evalroom import commands as co
from evalroom.ids import BidNumber
from evalroom.ledger.base64 import encode_base64
from evalroom.sealing.ceremony import CeremonyState
from evalroom.sealing.policy import PartName
from evalroom.sealing.stream import ReadAt
from evalroom.sealing.trailer import LEAF, hash_leaf
from main_site.services import opening as module
from main_site.services import trustees as ways
from main_site.services.resupply import Resupply
from main_site.store.bids import PIECE
from signaling.custody import container
from tests.evalroom.room import SUPERVISOR
from tests.evalroom.sealing import tender
from tests.main_site.bidding import SealedBid
from tests.main_site.ceremony import Bidding, Ceremony, ceremony, sheet_of
from tests.main_site.hall import settle
from tests.patience import PATIENCE_S

PRICE = 98_000_000
LARGE = tender.pattern(9_000_000)
OPENED = ("opened", "", "")


@pytest.fixture(autouse=True)
def _brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOOK_S", "RETRY_S"):
        monkeypatch.setattr(module, name, 0.05)
    monkeypatch.setattr(ways, "RETRY_S", 0.05)
    monkeypatch.setattr(ways, "ASK_AGAIN_S", 0.2)
    monkeypatch.setattr(container, "SCRYPT_N", 16)


async def closed(place: Ceremony) -> tuple[Bidding, Bidding]:
    """Hand in two bids, the first of three pieces, and close the list."""
    await place.accept()
    texts = {PartName.OPENING: sheet_of(PRICE), PartName.TECHNICAL: LARGE}
    one, other = await place.bid("甲公司", PRICE, texts=texts), await place.bid("乙公司", PRICE + 1)
    await place.acked()
    await place.close()
    return one, other


def known_by(bid: SealedBid) -> dict[str, str]:
    """Return what the bytes of a bid are known by, as its bidder sends it."""
    data = bid.data
    end = 12 + int.from_bytes(data[-12:-8], "big") + int.from_bytes(data[-8:-4], "big")
    body = data[:-end]
    leaves = b"".join(hash_leaf(body[start : start + LEAF]) for start in range(0, len(body), LEAF))
    return {"leaves": encode_base64(leaves), "tail": encode_base64(data[-end:])}


async def begin(place: Ceremony, one: Bidding, **changes: str) -> httpx.Response:
    return await place.http.put(f"{place.bid_path(one.sealed)}/again", json=known_by(one.sealed) | changes)


async def put(place: Ceremony, one: Bidding, index: int, data: bytes | None = None) -> httpx.Response:
    content = one.sealed.pieces[index] if data is None else data
    digest = encode_base64(hashlib.sha256(content).digest())
    headers = {"content-digest": f"sha-256=:{digest}:"}
    return await place.http.put(
        f"{place.bid_path(one.sealed)}/again/{index}", content=content, headers=headers
    )


def code(answer: httpx.Response) -> str:
    return str(answer.json()["code"])


# --- strangers ------------------------------------------------------------------------------------------------


async def test_other_bytes_are_refused_at_once_and_the_right_ones_are_taken_all_the_same(
    tmp_path: Path,
) -> None:
    async with ceremony(tmp_path) as place:
        one, other = await closed(place)
        place.spoil(one, PIECE + 5)
        leaves = known_by(other.sealed)["leaves"]
        assert "other_bytes" == code(await begin(place, one, leaves=leaves))
        assert "other_bytes" == code(await begin(place, one, tail=known_by(other.sealed)["tail"]))
        assert "other_bytes" == code(await begin(place, one, leaves=encode_base64(b"x")))
        assert "leaves_missing" == code(await put(place, one, 1)), "nothing is taken before it can be told"
        assert [0, 2] == (await begin(place, one)).json()["have"]
        piece = one.sealed.pieces[1]
        for junk in (bytes(len(piece)), one.sealed.pieces[0], piece[:-1] + bytes([piece[-1] ^ 1])):
            assert "other_bytes" == code(await put(place, one, 1, junk))
        for junk in (b"", piece[:-1], piece + b"x"):
            assert "piece_mismatch" == code(await put(place, one, 1, junk))
        for index in (-1, 3, 10**12):
            assert "piece_mismatch" == code(await put(place, one, index, piece))
        assert "other_bytes" == code(await begin(place, one, leaves=leaves)), (
            "nor does that undo what was begun"
        )
        assert 204 == (await put(place, one, 1)).status_code
        assert one.sealed.data == place.submissions.uploads.path(one.number).read_bytes()


async def test_a_bid_that_is_not_here_or_was_lost_for_good_is_not_brought_again(tmp_path: Path) -> None:
    async with ceremony(tmp_path) as place:
        one, other = await closed(place)
        path = f"{place.bid_path('00' * 16)}/again"
        assert "unknown_bid" == code(await place.http.put(path, json=known_by(one.sealed)))
        await place.open_window()
        await place.released(other)
        place.end_window()
        await place.reaches(CeremonyState.OPENED)
        assert ("revoked", "not_released", "bidder") == place.verdicts()["甲公司"]
        assert "ceremony_state" == code(await begin(place, one))


async def test_what_is_whole_here_need_not_be_brought(tmp_path: Path) -> None:
    async with ceremony(tmp_path) as place:
        one, _ = await closed(place)
        assert {"piece": PIECE, "have": [0, 1, 2]} == (await begin(place, one)).json()
        before = place.submissions.uploads.path(one.number).stat().st_mtime_ns
        assert 204 == (await put(place, one, 0)).status_code
        assert before == place.submissions.uploads.path(one.number).stat().st_mtime_ns


# --- the way it goes ------------------------------------------------------------------------------------------


async def judged_damaged(place: Ceremony, at: int) -> Bidding:
    """Come to where the opening stands still because the first bid's bytes are damaged."""
    one, _ = await closed(place)
    await place.open_window()
    place.spoil(one, at)
    await place.release_all()
    await place.pauses()
    assert {"甲公司": ("awaiting_bytes", "root_mismatch", "platform")} == place.verdicts()
    return one


async def test_a_bid_that_awaits_bytes_is_opened_once_its_bidder_brings_the_damaged_piece(
    tmp_path: Path,
) -> None:
    async with ceremony(tmp_path) as place:
        one = await judged_damaged(place, 2 * PIECE + 9)
        hall = await place.hall()
        assert "awaiting_bytes" == next(row["state"] for row in hall["bids"] if row["bid"] == one.number)
        assert "send the same file again" in hall["paused"]
        assert [0, 1] == (await begin(place, one)).json()["have"]
        assert 204 == (await put(place, one, 2)).status_code
        await place.reaches(CeremonyState.OPENED)
        assert {"甲公司": OPENED, "乙公司": OPENED} == place.verdicts()
        assert "opened" == await place.state(one.sealed)


async def test_a_file_that_is_gone_altogether_is_brought_as_a_whole(tmp_path: Path) -> None:
    async with ceremony(tmp_path) as place:
        one = await judged_damaged(place, 9)
        place.submissions.uploads.path(one.number).unlink()
        assert [] == (await begin(place, one)).json()["have"]
        for index in (2, 0, 1):
            assert 204 == (await put(place, one, index)).status_code
        await place.reaches(CeremonyState.OPENED)
        assert {"甲公司": OPENED, "乙公司": OPENED} == place.verdicts()
        assert 0o400 == place.submissions.uploads.path(one.number).stat().st_mode & 0o777


async def test_after_a_restart_the_hashes_are_brought_again_and_the_bytes_are_not(tmp_path: Path) -> None:
    async with ceremony(tmp_path) as place:
        one = await judged_damaged(place, 9)
        place.spoil(one, PIECE + 9)
        assert [2] == (await begin(place, one)).json()["have"]
        assert 204 == (await put(place, one, 0)).status_code
        fresh = Resupply(place.submissions.uploads, lambda: place.session.ceremony)
        fresh.on_whole = place.submissions.resupply.on_whole
        place.submissions.resupply = fresh
        assert "leaves_missing" == code(await put(place, one, 1))
        assert [0, 2] == (await begin(place, one)).json()["have"]
        assert 204 == (await put(place, one, 1)).status_code
        await place.reaches(CeremonyState.OPENED)
        assert {"甲公司": OPENED, "乙公司": OPENED} == place.verdicts()


async def test_a_head_that_was_damaged_before_the_window_costs_its_bidder_nothing(tmp_path: Path) -> None:
    async with ceremony(tmp_path) as place:
        one, other = await closed(place)
        place.opening._bids.clear()  # as after a restart
        place.spoil(one, 40)
        await place.open_window()
        assert (await place.released(other)).is_success
        answer = await place.released(one)
        assert (503, "release_not_taken") == (answer.status_code, code(answer))
        assert [1, 2] == (await begin(place, one)).json()["have"]
        assert 204 == (await put(place, one, 0)).status_code
        assert (await place.released(one)).is_success
        await place.reaches(CeremonyState.OPENED)
        assert {"甲公司": OPENED, "乙公司": OPENED} == place.verdicts()


async def test_bytes_that_nobody_brings_withdraw_the_bid_when_people_say_so(tmp_path: Path) -> None:
    async with ceremony(tmp_path) as place:
        one = await judged_damaged(place, 9)
        await settle()
        assert CeremonyState.COMBINING is place.stands
        await place.order(SUPERVISOR, co.ResumeCeremony("the bidder has no copy either"))
        await place.reaches(CeremonyState.OPENED)
        assert {"甲公司": ("withdrawn", "root_mismatch", "platform"), "乙公司": OPENED} == place.verdicts()
        assert "ceremony_state" == code(await begin(place, one))


async def test_many_pieces_at_once_come_through(tmp_path: Path) -> None:
    async with ceremony(tmp_path) as place:
        one = await judged_damaged(place, 9)
        path = place.submissions.uploads.path(one.number)
        path.chmod(0o600)
        path.write_bytes(bytes(len(one.sealed.data)))
        await begin(place, one)
        answers = await asyncio.gather(*(put(place, one, index) for index in (0, 1, 2) * 5))
        assert {204} == {answer.status_code for answer in answers}
        await place.reaches(CeremonyState.OPENED)
        assert {"甲公司": OPENED, "乙公司": OPENED} == place.verdicts()


async def test_a_bid_that_is_brought_at_any_instant_of_the_hosts_own_work_disturbs_none_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ceremony(tmp_path) as place:
        one = await judged_damaged(place, 9)
        uploads, loop = place.submissions.uploads, asyncio.get_running_loop()
        read = uploads.reading

        def disturbed(number: BidNumber) -> AbstractContextManager[ReadAt]:
            told = threading.Event()
            loop.call_soon_threadsafe(place.submissions.resupply.on_whole, number)
            loop.call_soon_threadsafe(told.set)
            assert told.wait(PATIENCE_S)
            return read(number)

        monkeypatch.setattr(uploads, "reading", disturbed)
        uploads.path(one.number).write_bytes(one.sealed.data)
        await place.reaches(CeremonyState.OPENED)
        assert {"甲公司": OPENED, "乙公司": OPENED} == place.verdicts()
