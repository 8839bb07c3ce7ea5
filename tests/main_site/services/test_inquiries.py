"""What bidders see of the committee's questions, and how they answer: with the digest they read, with the key they sign."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from evalroom.clarification import QuestionDrafted, QuestionRelayed, QuestionSent, question_digest
from evalroom.events import Stage
from evalroom.ids import BidId
from evalroom.sealing.ceremony import Admitted
from evalroom.sealing.custody import answer_message
from main_site.services import inquiries as module
from tests.evalroom.room import EXPERTS, LOT, SESSION
from tests.main_site.bidding import SealedBid, Tendering, tendering

TEXT, ANSWER = "Which crane is meant on page 12?", "The one of 50 t."
HOUR = 3_600_000


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Tendering]:
    async with tendering(tmp_path) as made:
        yield made


async def asked(place: Tendering, question: str = "q1", bid: SealedBid | None = None) -> SealedBid:
    """Return a bid that was handed in, as if the committee, in its detailed review, had asked about it."""
    bid = bid or await place.hand_in()
    session = place.session
    session.stage = Stage.DETAILED
    session.ceremony.admitted[BidId("bid1")] = Admitted(LOT, bid.number)
    session.accepted |= set(EXPERTS)
    questions = session.asides.questions
    for event in (
        QuestionDrafted(question, LOT, BidId("bid1"), TEXT),
        QuestionSent(question, question_digest(question, TEXT)),
        QuestionRelayed(question, place.now + HOUR),
    ):
        questions.evolve(event, EXPERTS[0], Stage.DETAILED)
    return bid


async def read(
    place: Tendering, bid: SealedBid, since: str = "", digest: str | None = None
) -> httpx.Response:
    headers = {"x-bid-digest": bid.digest if digest is None else digest}
    return await place.http.get(f"{place.bid_path(bid)}/questions", headers=headers, params={"since": since})


async def reply(
    place: Tendering,
    bid: SealedBid,
    text: str = ANSWER,
    *,
    question: str = "q1",
    signer: SealedBid | None = None,
) -> httpx.Response:
    digest = bytes.fromhex(question_digest(question, TEXT))
    signature = (signer or bid).signed(answer_message(SESSION, bid.number, digest, text))
    body = {"text": text, "signature": signature, "marked": False}
    return await place.http.post(f"{place.bid_path(bid)}/questions/{question}/answer", json=body)


def refused(code: str, answer: httpx.Response) -> None:
    assert (True, code) == (answer.is_client_error, answer.json()["code"]), answer.text


async def test_a_bidder_sees_the_question_and_its_hour_and_neither_lot_nor_code(place: Tendering) -> None:
    bid = await asked(place)
    answer = await read(place, bid)
    (one,) = answer.json()["questions"]
    assert ("q1", TEXT, place.now + HOUR, "open", None) == (
        one["question"], one["text"], one["until"], one["state"], one["answer"],
    )  # fmt: skip
    assert not [word for word in (LOT, "bid1") if word in answer.text]


@pytest.mark.parametrize("digest", ["", "00" * 32, "ab"])
async def test_nobody_else_reads_what_a_bidder_is_asked(place: Tendering, digest: str) -> None:
    bid = await asked(place)
    refused("digest_needed", await read(place, bid, digest=digest))
    refused("unknown_bid", await place.http.get(f"{place.bid_path('00' * 16)}/questions"))


async def test_an_answer_with_the_bids_own_key_is_taken_once(place: Tendering) -> None:
    bid = await asked(place)
    assert (await reply(place, bid)).is_success
    (one,) = (await read(place, bid)).json()["questions"]
    assert ("answered", ANSWER) == (one["state"], one["answer"])
    assert ["QuestionAnswered"] == [kind for kind in place.types() if kind.startswith("Question")]
    refused("unknown_question", await reply(place, bid))


async def test_forged_late_and_foreign_answers_are_refused(place: Tendering) -> None:
    bid, other = await place.hand_in(), await place.hand_in("two")
    await asked(place, bid=bid)
    refused("forged_bidder_act", await reply(place, bid, signer=other))
    refused("forged_bidder_act", await reply(place, other))
    refused("unknown_question", await reply(place, bid, question="q9"))
    place.now += HOUR + 1
    refused("answer_late", await reply(place, bid))
    assert "QuestionAnswered" not in place.types()


@pytest.mark.parametrize("change", [{"text": "x" * 4_001}, {"text": 1}, {"marked": "yes"}, {"more": 1}])
async def test_an_answer_of_another_form_is_refused(place: Tendering, change: dict[str, object]) -> None:
    bid = await asked(place)
    body = {"text": ANSWER, "signature": "", "marked": False, **change}
    refused(
        "malformed_request", await place.http.post(f"{place.bid_path(bid)}/questions/q1/answer", json=body)
    )


async def test_whoever_waits_hears_of_the_answer_and_otherwise_after_a_while(
    place: Tendering, monkeypatch: pytest.MonkeyPatch
) -> None:
    bid = await asked(place)
    version = (await read(place, bid)).json()["version"]
    waiting = asyncio.create_task(read(place, bid, since=version))
    await asyncio.sleep(0)
    assert (await reply(place, bid)).is_success
    shown = (await waiting).json()
    assert "answered" == shown["questions"][0]["state"]
    monkeypatch.setattr(module, "WAIT_S", 0.02)
    assert shown == (await read(place, bid, since=shown["version"])).json()
