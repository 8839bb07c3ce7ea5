"""The bidders' routes: all that may be wrong with a bid on its way in, then the way of one that is right."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from evalroom.ids import BidNumber
from evalroom.ledger.base64 import decode_base64, encode_base64
from evalroom.ledger.note import parse_vkey
from evalroom.sealing import custody
from evalroom.sealing.ceremony import CeremonyState
from evalroom.sealing.envelope import open_envelope
from evalroom.sealing.policy import PartName, parse_policy
from evalroom.sealing.receipt import check_receipt
from evalroom.sealing.trailer import ReceiptRoot
from main_site.services import hall as hall_module
from main_site.services import submissions as module
from main_site.store.bids import PIECE
from recorder.disk import DiskUsage
from signaling.database import Writer
from tests.evalroom.room import SESSION
from tests.evalroom.sealing import bids as room_bids
from tests.evalroom.sealing import tender as room_tender
from tests.main_site.bidding import TENDERS, TEXTS, SealedBid, Tendering, accept, seal_bid, tendering
from tests.main_site.hall import settle, until
from tests.patience import PATIENCE_S

LARGE = {**TEXTS, PartName.TECHNICAL: room_tender.drawn("large", 2 * PIECE)}
GHOST = "00" * 16


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RECEIPT_PATIENCE_S", 0.02)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Tendering]:
    async with tendering(tmp_path) as made:
        yield made


def refused(status: int, code: str, answer: httpx.Response) -> None:
    """Assert that an answer is a refusal in the one form that all have, and says what to do."""
    assert (status, code) == (answer.status_code, answer.json()["code"]), answer.text
    assert "application/problem+json" == answer.headers["content-type"]
    assert answer.json()["title"].rstrip().endswith((".", "!"))


def large(place: Tendering, label: str = "one") -> SealedBid:
    return seal_bid(place.policy, label, LARGE)


def changed(bid: SealedBid, at: int, data: bytes) -> SealedBid:
    """Return a bid with other bytes at a place; announced as before."""
    return replace(bid, data=bid.data[:at] + data + bid.data[at + len(data) :])


def honest(bid: SealedBid, data: bytes) -> SealedBid:
    """Return other bytes under the bid's number, announced as what they are as far as they can be read."""
    return replace(bid, data=data)


# --- announcing ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["policy", "hall", f"bids/{GHOST}", f"bids/{GHOST}/receipt", f"bids/{GHOST}/head"]
)
async def test_a_tender_that_is_not_here_is_refused(place: Tendering, path: str) -> None:
    refused(404, "unknown_tender", await place.http.get(f"/api/v1/tenders/EV-0/{path}"))


async def test_a_bid_that_was_never_announced_is_refused(place: Tendering) -> None:
    for path in ("", "/receipt", "/head"):
        refused(404, "unknown_bid", await place.http.get(place.bid_path(GHOST) + path))
    for path, body in (("/submit", {}), ("/withdraw", {"signature": ""})):
        refused(404, "unknown_bid", await place.http.post(place.bid_path(GHOST) + path, json=body))
    refused(
        404, "unknown_bid", await place.put_piece(replace(seal_bid(place.policy), number=BidNumber(GHOST)), 0)
    )


@pytest.mark.parametrize(
    "changes",
    [{"digest": "ab"}, {"root": "AB" * 32}, {"size": -1}, {"size": "9"}, {"size": True}, {"extra": 1},
     {"replaces": "x"}, {"signature": "x" * 6001}, {"size": 1 << 53}],
)  # fmt: skip
async def test_an_announcement_of_another_form_is_refused(
    place: Tendering, changes: dict[str, object]
) -> None:
    refused(400, "malformed_request", await place.announce(seal_bid(place.policy), **changes))


@pytest.mark.parametrize("number", ["00" * 15, "0G" * 16, "AB" * 16, "00" * 17, "..%2f" * 6 + "ab"])
async def test_a_number_that_is_none_is_refused(place: Tendering, number: str) -> None:
    answer = await place.http.put(place.bid_path(number), json=seal_bid(place.policy).announcement)
    assert answer.status_code in (400, 404, 405)
    assert answer.json()["code"] in ("malformed_bid", "no_such_address", "wrong_method")


@pytest.mark.parametrize(
    "changes", [{"size": 23}, {"replaces": GHOST}, {"signature": "c2ln"}]
)  # fmt: skip
async def test_an_announcement_that_no_envelope_fits_is_refused(
    place: Tendering, changes: dict[str, object]
) -> None:
    refused(400, "malformed_bid", await place.announce(seal_bid(place.policy), **changes))


async def test_a_bid_larger_than_the_policy_allows_is_refused_before_a_byte_is_sent(place: Tendering) -> None:
    answer = await place.announce(seal_bid(place.policy), size=place.policy.max_size + 1)
    refused(413, "too_large", answer)


async def test_two_bids_of_one_number_are_refused_before_and_after_the_first_is_submitted(
    place: Tendering,
) -> None:
    bid = seal_bid(place.policy)
    other = honest(bid, bid.data + b"x")
    await place.upload(bid)
    refused(409, "bid_exists", await place.announce(other))
    assert (await place.submit(bid)).is_success
    refused(409, "bid_exists", await place.announce(other))
    assert "submitted" == await place.state(bid)


async def test_an_announcement_may_be_repeated_and_says_what_is_here(place: Tendering) -> None:
    bid = large(place)
    assert {"piece": PIECE, "have": []} == (await place.announce(bid)).json()
    await place.put_piece(bid, 1)
    assert {"piece": PIECE, "have": [1]} == (await place.announce(bid)).json()
    await place.upload(bid)
    assert (await place.submit(bid)).is_success
    assert {"piece": PIECE, "have": [0, 1, 2]} == (await place.announce(bid)).json()


async def test_an_announced_bid_may_be_given_up_without_a_signature(place: Tendering) -> None:
    bid = seal_bid(place.policy)
    await place.upload(bid)
    answer = await place.http.post(place.bid_path(bid) + "/withdraw", json={})
    assert {"state": "withdrawn"} == answer.json()
    assert not place.submissions.uploads.path(bid.number).exists()
    assert [] == (await place.announce(bid)).json()["have"]


async def test_one_address_may_not_fill_the_host(tmp_path: Path) -> None:
    async with tendering(tmp_path, uploads_per_address=2) as place:
        one, two, three = (seal_bid(place.policy, label) for label in ("one", "two", "three"))
        assert (await place.announce(one)).is_success
        assert (await place.announce(two)).is_success
        refused(429, "too_many_uploads", await place.announce(three))
        assert (await place.announce(one)).is_success, "what is here may go on"
        await place.upload(one)
        assert (await place.submit(one)).is_success
        assert (await place.announce(three)).is_success, "what is submitted counts no more"


async def test_an_address_may_not_announce_more_bytes_than_its_share(
    place: Tendering, monkeypatch: pytest.MonkeyPatch
) -> None:
    bid = seal_bid(place.policy)
    limits = replace(place.submissions.parts.limits, bytes_per_address=2 * len(bid.data))
    monkeypatch.setattr(place.submissions, "parts", replace(place.submissions.parts, limits=limits))
    for label in ("one", "two"):
        assert (await place.announce(seal_bid(place.policy, label))).is_success
    refused(429, "too_many_uploads", await place.announce(seal_bid(place.policy, "three")))


async def test_a_tender_takes_only_so_many_bids_at_once_from_all_addresses(tmp_path: Path) -> None:
    async with tendering(tmp_path, uploads=1, proxy="127.0.0.1") as place:
        place.http.headers["x-forwarded-for"] = "192.0.2.1, 192.0.2.2"
        assert (await place.announce(seal_bid(place.policy))).is_success
        place.http.headers["x-forwarded-for"] = "192.0.2.3"
        refused(429, "too_many_uploads", await place.announce(seal_bid(place.policy, "two")))


async def test_addresses_are_told_apart_by_the_word_of_our_proxy_alone(tmp_path: Path) -> None:
    async with tendering(tmp_path, uploads_per_address=1, proxy="127.0.0.1") as place:
        for number, label in enumerate(("one", "two")):
            place.http.headers["x-forwarded-for"] = f"192.0.2.9, 192.0.2.{number}"
            assert (await place.announce(seal_bid(place.policy, label))).is_success
        place.http.headers["x-forwarded-for"] = "192.0.2.77, 192.0.2.1"
        refused(429, "too_many_uploads", await place.announce(seal_bid(place.policy, "three")))


async def test_a_stranger_cannot_claim_another_address(tmp_path: Path) -> None:
    async with tendering(tmp_path, uploads_per_address=1) as place:
        assert (await place.announce(seal_bid(place.policy))).is_success
        place.http.headers["x-forwarded-for"] = "192.0.2.1"
        refused(429, "too_many_uploads", await place.announce(seal_bid(place.policy, "two")))


async def test_a_disk_without_room_takes_no_bid_and_keeps_what_the_journal_needs(
    place: Tendering, monkeypatch: pytest.MonkeyPatch
) -> None:
    bid = seal_bid(place.policy)
    total = 100 * len(bid.data)
    five_percent = total * 5 // 100
    monkeypatch.setattr(module, "usage_of", lambda _: DiskUsage(total, five_percent + len(bid.data) - 1))
    refused(507, "no_room_for_bid", await place.announce(bid))
    refused(404, "unknown_bid", await place.http.get(place.bid_path(bid)))
    monkeypatch.setattr(module, "usage_of", lambda _: DiskUsage(total, five_percent + len(bid.data)))
    assert (await place.announce(bid)).is_success
    refused(507, "no_room_for_bid", await place.announce(seal_bid(place.policy, "two")))


# --- pieces -------------------------------------------------------------------------------------------------


async def test_a_piece_that_is_not_what_its_header_says_is_refused_and_others_stay(place: Tendering) -> None:
    bid = large(place)
    await place.announce(bid)
    assert 204 == (await place.put_piece(bid, 1)).status_code
    path = f"{place.bid_path(bid)}/pieces/0"
    right = encode_base64(hashlib.sha256(bid.pieces[0]).digest())
    wrong = encode_base64(bytes(32))
    for header in (
        "",
        f"sha-256=:{wrong}:",
        f"sha-512=:{right}:",
        f"sha-256={right}",
        "sha-256=:!:",
        f"SHA-256=:{right}:",
    ):
        answer = await place.http.put(path, content=bid.pieces[0], headers={"content-digest": header})
        refused(400, "piece_mismatch", answer)
    assert [1] == (await place.announce(bid)).json()["have"]
    both = f"sha-512=:{wrong}:, sha-256=:{right}:"
    assert (
        204
        == (await place.http.put(path, content=bid.pieces[0], headers={"content-digest": both})).status_code
    )


@pytest.mark.parametrize(("index", "length"), [(0, PIECE - 1), (0, PIECE + 1), (2, 0), (3, 5), (10**12, 5)])
async def test_a_piece_of_another_length_or_place_is_refused(
    place: Tendering, index: int, length: int
) -> None:
    bid = large(place)
    await place.announce(bid)
    refused(400, "piece_mismatch", await place.put_piece(bid, index, bytes(length)))
    assert [] == (await place.announce(bid)).json()["have"]


async def test_a_piece_too_long_is_refused_before_it_is_all_here(place: Tendering) -> None:
    bid = large(place)
    await place.announce(bid)
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 16 * PIECE:
            sent += 1 << 20
            yield bytes(1 << 20)

    headers = {"content-digest": f"sha-256=:{encode_base64(bytes(32))}:"}
    answer = await place.http.put(f"{place.bid_path(bid)}/pieces/0", content=endless(), headers=headers)
    refused(400, "piece_mismatch", answer)
    assert sent <= PIECE + (2 << 20)


async def test_a_piece_that_is_here_is_taken_again_only_with_the_same_bytes(place: Tendering) -> None:
    bid = large(place)
    await place.announce(bid)
    for _ in range(2):
        assert 204 == (await place.put_piece(bid, 0)).status_code
    refused(400, "piece_mismatch", await place.put_piece(bid, 0, bytes(PIECE)))
    await place.upload(bid)
    assert (await place.submit(bid)).is_success


async def test_a_piece_sent_anew_takes_over_from_one_whose_link_was_cut(place: Tendering) -> None:
    bid = large(place)
    await place.announce(bid)
    hanging, go_on = asyncio.Event(), asyncio.Event()

    async def stalled() -> AsyncIterator[bytes]:
        yield bytes(2 << 20)
        hanging.set()
        await go_on.wait()
        yield bytes(2 << 20)

    digest = hashlib.sha256(bytes(PIECE)).digest()
    first = asyncio.create_task(place.submissions.piece(bid.number, 0, digest, stalled()))
    await hanging.wait()
    assert 204 == (await place.put_piece(bid, 0)).status_code
    go_on.set()
    with pytest.raises(module.PieceStalled):
        await first
    await place.upload(bid)
    assert (await place.submit(bid)).is_success


async def test_a_piece_of_which_nothing_more_comes_is_given_up(
    place: Tendering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STALLED_S", 0.05)
    bid = large(place)
    await place.announce(bid)

    async def silent() -> AsyncIterator[bytes]:
        yield b"a"
        await asyncio.Event().wait()

    with pytest.raises(module.PieceStalled):
        await place.submissions.piece(bid.number, 0, bytes(32), silent())


# --- submitting ---------------------------------------------------------------------------------------------


async def test_a_bid_with_missing_pieces_is_not_submitted_and_says_which(place: Tendering) -> None:
    bid = large(place)
    await place.announce(bid)
    await place.put_piece(bid, 0)
    answer = await place.submit(bid)
    refused(409, "pieces_missing", answer)
    assert {"bid": bid.number, "missing": 2, "first": 1} == answer.json()["detail"]
    await place.upload(bid)
    assert (await place.submit(bid)).is_success


async def test_bytes_that_are_no_envelope_are_refused_and_dropped(place: Tendering) -> None:
    bid = seal_bid(place.policy)
    for data in (bytes(200), bid.data[:-1] + b"?", b"EVB2" + bid.data[4:], bid.data[: len(bid.data) // 2]):
        await place.upload(honest(bid, data))
        refused(400, "malformed_envelope", await place.submit(bid))
        refused(404, "unknown_bid", await place.http.get(place.bid_path(bid)))
    await place.upload(bid)
    assert (await place.submit(bid)).is_success


async def test_an_envelope_of_another_suite_number_or_policy_is_refused(place: Tendering) -> None:
    bid = seal_bid(place.policy)
    parts = (PartName.IDENTITY, PartName.OPENING, PartName.TECHNICAL, PartName.PRICE)
    empty = dict.fromkeys(parts, b"")
    other_suite = room_bids.sealed(1, room_tender.policy(suites=(1,)), empty).data
    await place.upload(honest(bid, other_suite))
    refused(400, "policy_refuses", await place.submit(bid))
    other_number = seal_bid(place.policy, "two")
    await place.upload(honest(bid, other_number.data))
    refused(400, "foreign_envelope", await place.submit(bid))
    elsewhere = seal_bid(replace(place.policy, min_bids=2))
    await place.upload(elsewhere)
    refused(400, "foreign_envelope", await place.submit(bid))


async def test_an_envelope_signed_by_nobody_is_refused(place: Tendering) -> None:
    bid = seal_bid(place.policy)
    forged = changed(bid, len(bid.data) - 12 - 40, bytes(8))
    await place.upload(forged)
    refused(400, "bad_envelope_signature", await place.submit(forged))


async def test_bytes_changed_on_their_way_are_refused_and_may_be_sent_again(place: Tendering) -> None:
    bid = large(place)
    await place.upload(changed(bid, PIECE + 77, b"????"))
    refused(400, "upload_mismatch", await place.submit(bid))
    assert [] == (await place.announce(bid)).json()["have"]
    await place.upload(bid)
    assert (await place.submit(bid)).is_success


@pytest.mark.parametrize("what", ["digest", "root"])
async def test_another_envelope_than_the_one_announced_is_refused(place: Tendering, what: str) -> None:
    bid = seal_bid(place.policy)
    await place.upload(bid, **{what: "ab" * 32})
    refused(400, "upload_mismatch", await place.submit(bid))


async def test_a_bid_is_in_time_one_millisecond_before_the_deadline_and_late_at_it(place: Tendering) -> None:
    early, late = seal_bid(place.policy), seal_bid(place.policy, "two")
    await place.upload(early)
    await place.upload(late)
    place.now = place.deadline - 1
    assert (await place.submit(early)).is_success
    place.now = place.deadline
    refused(409, "deadline_passed", await place.submit(late))
    refused(409, "deadline_passed", await place.announce(seal_bid(place.policy, "three")))
    refused(409, "deadline_passed", await place.put_piece(late, 0))
    body = {"signature": early.signed(b"")}
    refused(409, "deadline_passed", await place.http.post(place.bid_path(early) + "/withdraw", json=body))
    assert (await place.submit(early)).is_success, "asked again, the receipt is given again"


async def test_a_bid_is_submitted_once_however_often_it_is_asked_for(place: Tendering) -> None:
    bid = seal_bid(place.policy)
    await place.upload(bid)
    answers = await asyncio.gather(*(place.submit(bid) for _ in range(3)))
    assert {200} == {one.status_code for one in answers}
    assert 1 == place.types().count("BidSubmitted")
    assert place.trustees is not None
    assert [bid.number] == place.trustees.asked


async def test_who_asks_again_while_the_entry_is_being_written_waits_for_it(place: Tendering) -> None:
    bid = seal_bid(place.policy)
    await place.upload(bid)
    first = asyncio.create_task(place.submit(bid))
    while not place.submissions.counts(bid.number):  # noqa: ASYNC110 - the very turn of the loop is meant
        await asyncio.sleep(0)
    again = await place.submit(bid)
    assert (200, 200) == ((await first).status_code, again.status_code)


async def test_before_the_notice_nothing_is_taken_in_and_nothing_is_shown(tmp_path: Path) -> None:
    async with tendering(tmp_path, accepting=False) as place:
        operator = dict(place.http.cookies)
        refused(409, "not_accepting", await place.http.get(f"{TENDERS}/policy"))
        bid = SealedBid(BidNumber(GHOST), bytes(100), "ab" * 32, "ab" * 32)
        refused(409, "not_accepting", await place.announce(bid))
        assert [] == (await place.http.get("/api/v1/tenders")).json()
        refused(409, "ceremony_state", await place.http.post(f"/api/v1/sessions/{SESSION}/submissions/open"))
        await accept(place)
        (listed,) = (await place.http.get("/api/v1/tenders")).json()
        assert (SESSION, "accepting", place.deadline) == (
            listed["tender"],
            listed["state"],
            listed["deadline"],
        )
        refused(401, "not_seated", await place.http.post(f"/api/v1/sessions/{SESSION}/policy"))
        place.http.cookies.update(operator)
        refused(409, "ceremony_state", await place.http.post(f"/api/v1/sessions/{SESSION}/policy"))


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"deadline": 1}, "malformed_policy"), ({"k": 4}, "malformed_policy"), ({"opens_at": 5}, "malformed_policy"),
     ({"mode": "none"}, "malformed_request"), ({"k": 1, "suites": [99]}, "unknown_suite")],
)  # fmt: skip
async def test_terms_that_no_policy_can_meet_are_refused(
    tmp_path: Path, changes: dict[str, object], code: str
) -> None:
    async with tendering(tmp_path, accepting=False) as place:
        assert place.trustees is not None
        place.trustees.suites = None
        answer = await place.http.post(f"/api/v1/sessions/{SESSION}/policy", json=changes)
        refused(400, code, answer)
        assert "PolicyDrafted" not in place.types()


async def test_without_its_trustees_no_policy_is_drafted(tmp_path: Path) -> None:
    async with tendering(tmp_path, accepting=False) as place:
        assert place.trustees is not None
        place.trustees.silent = {"host"}
        refused(400, "malformed_policy", await place.http.post(f"/api/v1/sessions/{SESSION}/policy"))


# --- replacing and withdrawing ------------------------------------------------------------------------------


def _replacement(earlier: SealedBid, later: SealedBid) -> dict[str, str]:
    message = custody.replace_message(SESSION, earlier.number, later.number, bytes.fromhex(later.digest))
    return {"replaces": earlier.number, "signature": earlier.signed(message)}


async def test_a_bid_is_replaced_by_its_own_key_alone(place: Tendering) -> None:
    earlier = await place.hand_in("one")
    later = seal_bid(place.policy, "two")
    right = _replacement(earlier, later)
    forged = {**right, "signature": later.signed(b"EVB1 replace")}
    refused(400, "forged_bidder_act", await place.announce(later, **forged))
    refused(404, "unknown_bid", await place.announce(later, **{**right, "replaces": GHOST}))
    await place.upload(later, **right)
    assert "submitted" == await place.state(earlier), "it counts until the other one does"
    assert (await place.submit(later)).is_success
    assert ("withdrawn", "submitted") == (await place.state(earlier), await place.state(later))
    assert not place.submissions.uploads.path(earlier.number).exists()
    refused(404, "unknown_bid", await place.http.get(place.bid_path(earlier) + "/head"))


async def test_a_bid_is_withdrawn_by_its_own_key_alone(place: Tendering) -> None:
    bid = await place.hand_in()
    message = custody.withdraw_message(SESSION, bid.number, bytes.fromhex(bid.digest))
    stranger = seal_bid(place.policy, "two")
    for signature in ("", stranger.signed(message), bid.signed(message + b"x"), "no base64"):
        answer = await place.http.post(place.bid_path(bid) + "/withdraw", json={"signature": signature})
        assert answer.status_code in (400, 409), answer.text
        assert "submitted" == await place.state(bid)
    answer = await place.http.post(place.bid_path(bid) + "/withdraw", json={"signature": bid.signed(message)})
    assert answer.is_success, answer.text
    assert "withdrawn" == await place.state(bid)
    assert not place.submissions.uploads.path(bid.number).exists()
    assert (await place.http.get(place.bid_path(bid) + "/receipt")).is_success, "what was proven stays proven"
    refused(409, "bid_exists", await place.announce(bid))


# --- what is given back --------------------------------------------------------------------------------------


async def test_the_policy_comes_verbatim_with_its_hash_and_signatures(place: Tendering) -> None:
    answer = await place.http.get(f"{TENDERS}/policy")
    assert place.policy == parse_policy(answer.content)
    sha256 = hashlib.sha256(answer.content).hexdigest()
    assert f'"{sha256}"' == answer.headers["etag"]
    signed = json.loads(decode_base64(answer.headers["x-policy-signatures"]))
    assert {"host", "north", "supervisor"} == {one["trustee"] for one in signed}
    for one in signed:
        spki = next(known.signer for known in place.policy.trustees if known.name == one["trustee"])
        custody.verify_trustee(spki, custody.policy_message(bytes.fromhex(sha256)), one["signature"])
    (listed,) = (await place.http.get("/api/v1/tenders")).json()
    assert sha256 == listed["policy_sha256"]


async def test_a_receipt_is_provisional_until_the_witness_answers_then_final_offline(
    place: Tendering, monkeypatch: pytest.MonkeyPatch
) -> None:
    bid = await place.hand_in()
    (listed,) = (await place.http.get("/api/v1/tenders")).json()
    tender, log = listed["tender"], parse_vkey(listed["keys"]["log"])
    witnesses = [parse_vkey(one["vkey"]) for one in listed["keys"]["witnesses"]]
    quorum = listed["keys"]["quorum"]
    path = place.bid_path(bid) + "/receipt"
    provisional = check_receipt((await place.http.get(path)).content, tender, log, witnesses, quorum)
    assert provisional.provisional
    wire = await place.linked()
    place.tasks.add(place.cosigning(wire))
    async with asyncio.timeout(PATIENCE_S):
        while (
            final := check_receipt((await place.http.get(path)).content, tender, log, witnesses, quorum)
        ).provisional:
            pass
    assert (bid.number, bid.root, len(bid.data)) == (
        final.receipt.bid, final.receipt.root, final.receipt.size,
    )  # fmt: skip
    assert place.now == final.at
    monkeypatch.setattr(module, "RECEIPT_PATIENCE_S", 15)
    later = seal_bid(place.policy, "two")
    await place.upload(later)
    at_once = check_receipt((await place.submit(later)).content, tender, log, witnesses, quorum)
    assert not at_once.provisional
    told = (await place.http.get(place.bid_path(later))).json()
    assert later.number == check_receipt(told["receipt"].encode(), tender, log, witnesses, quorum).receipt.bid


async def test_head_and_tail_suffice_to_open_the_envelope(place: Tendering) -> None:
    bid = await place.hand_in()
    answer = await place.http.get(place.bid_path(bid) + "/head")
    ends, size = answer.content, int(answer.headers["x-envelope-size"])
    head = 12 + int.from_bytes(ends[8:12], "big")

    def read(offset: int, length: int) -> bytes:
        start = offset if offset < head else offset - size + len(ends)
        return ends[start : start + length]

    envelope = open_envelope(read, size, place.policy, bytes.fromhex(bid.number))
    assert bid.digest == envelope.digest.hex()
    assert len(bid.data) == size > len(ends)


async def test_the_host_recomputes_the_root_of_what_it_stores(place: Tendering) -> None:
    bid = large(place)
    await place.upload(bid)
    assert (await place.submit(bid)).is_success
    stored = place.submissions.uploads.path(bid.number).read_bytes()
    assert bid.data == stored
    envelope = open_envelope(room_bids.reader(stored), len(stored), place.policy, bytes.fromhex(bid.number))
    tree = ReceiptRoot()
    tree.update(stored[: envelope.body])
    assert bid.root == tree.root().hex()


# --- the hall ---------------------------------------------------------------------------------------------------


async def test_the_hall_does_not_tell_how_many_bids_there_are_before_the_list_is_closed(
    place: Tendering,
) -> None:
    empty = (await place.http.get(f"{TENDERS}/hall")).json()
    bid = await place.hand_in()
    one = (await place.http.get(f"{TENDERS}/hall")).json()
    assert empty == one, "nothing of it changes, not even its version"
    assert not {"count", "bids", "record"} & set(one)
    assert bid.number not in json.dumps(one)


async def test_the_list_is_closed_at_the_deadline_once_it_is_cosigned_and_shown_to_all(
    place: Tendering,
) -> None:
    kept, unfinished = await place.hand_in("one"), seal_bid(place.policy, "two")
    await place.upload(unfinished)
    seen = (await place.http.get(f"{TENDERS}/hall")).json()
    waiting = asyncio.create_task(place.http.get(f"{TENDERS}/hall", params={"since": seen["version"]}))
    wire = await place.linked()
    place.now = place.deadline
    await asyncio.sleep(0)
    assert "BidsClosed" not in place.types(), "nobody has cosigned the last bid"
    place.tasks.add(place.cosigning(wire))
    shown = (await waiting).json()
    assert ("closed", 1) == (shown["state"], shown["count"])
    assert [{"bid": kept.number, "root": kept.root, "state": "listed"}] == shown["bids"]
    assert "listed" == await place.state(kept)
    await until(lambda: not place.submissions.uploads.path(unfinished.number).exists())
    assert "withdrawn" == await place.state(unfinished)
    refused(409, "deadline_passed", await place.submit(unfinished))


async def test_whoever_waits_for_news_is_answered_after_a_while_in_any_case(
    place: Tendering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hall_module, "WAIT_S", 0.05)
    seen = (await place.http.get(f"{TENDERS}/hall")).json()
    again = (await place.http.get(f"{TENDERS}/hall", params={"since": seen["version"]})).json()
    assert seen == again
    assert ("accepting", place.deadline, 2) == (again["state"], again["deadline"], again["k"])


async def test_the_hall_shows_nothing_that_is_not_on_disk_yet(
    place: Tendering, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.tasks.add(place.cosigning(await place.linked()))
    await place.hand_in()
    write, gate = Writer.write, asyncio.Event()

    async def held(writer: Writer, work: Callable[[sa.Connection], Any]) -> Any:  # noqa: ANN401 - as the writer's
        if place.session.ceremony.state is CeremonyState.CLOSED:
            await gate.wait()
        return await write(writer, work)

    monkeypatch.setattr(Writer, "write", held)
    place.now = place.deadline
    await until(lambda: place.session.ceremony.state is CeremonyState.CLOSED)
    asked = asyncio.create_task(place.submissions.hall.next_view(SESSION, "", place.centre.clock.now))
    await settle()
    assert not asked.done()
    gate.set()
    assert "closed" == (await asked)["state"]


async def test_nobody_confirms_a_record_that_is_not_out(place: Tendering) -> None:
    bid = await place.hand_in()
    body = {"window": "first", "sha256": "ab" * 32, "objection": "", "signature": bid.signed(b"")}
    refused(409, "other_record", await place.http.post(place.bid_path(bid) + "/confirm", json=body))
