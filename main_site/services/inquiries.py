"""What committees ask bidders, at the host: shown to whoever has a bid's digest, answered with its envelope key.

Whether somebody is asked anything is between bidder and committee, so the digest is wanted in every lot, not in dark ones
alone; neither lot nor code is shown.  Refused: asking without the digest, and whatever the session refuses.
"""

import asyncio
import hashlib

from evalroom.clarification import Question
from evalroom.commands import Order, TakeAnswer
from evalroom.ids import BIDDER_ACTOR, BidNumber
from evalroom.ledger.canonical import Json, canonical
from evalroom.roles import Role
from main_site.services.conductor import Committed
from main_site.services.submissions import Submissions

WAIT_S = 20.0
"""How long a question for news is held open, as in the hall."""


class Inquiries:
    """The questions of one session, from the bidders' side."""

    def __init__(self, submissions: Submissions) -> None:
        """Begin to follow the session's journal."""
        self._submissions = submissions
        self._changed = asyncio.Event()
        submissions.parts.conductor.listeners.append(self._committed)

    def _committed(self, _: Committed) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def view(self, bid: BidNumber) -> dict[str, Json]:
        """Return what the bidder of `bid` was asked, with `version` to wait for something else."""
        shown: Json = [_shown(one) for one in self._of(bid)]
        version = hashlib.sha256(canonical(shown)).hexdigest()[:32]
        return {"questions": shown, "now": self._submissions.parts.now(), "version": version}

    async def next_view(self, bid: BidNumber, digest: str, since: str) -> dict[str, Json]:
        """Return the same once it is another than `since`, after 20 s in any case; cancelling changes nothing.

        Raises:
            UnknownBid, DigestNeeded: this is not its bidder.
        """
        self._submissions.check_bidder(bid, digest)
        try:
            async with asyncio.timeout(WAIT_S):
                while (view := self.view(bid))["version"] == since:
                    await self._changed.wait()
        except TimeoutError:
            return self.view(bid)
        return view

    async def answer(self, bid: BidNumber, question: str, text: str, signature: str, *, marked: bool) -> None:
        """Take an answer that the bidder signed; `marked` when it was told of marks and sends it all the same.

        Raises:
            UnknownBid: there is no such bid.
            Refusal: the question is not this bidder's or not open, the text is none, or has marks.
            ForgedBidderAct: another key signed.
        """
        envelope = await self._submissions.envelope(bid)
        parts = self._submissions.parts
        command = TakeAnswer(question, text, signature, envelope.envelope_key, marked)
        host = parts.conductor.session.host_site
        await parts.conductor.give(Order(command, parts.now(), BIDDER_ACTOR, host, Role.BIDDER))

    def _of(self, number: BidNumber) -> list[Question]:
        session = self._submissions.parts.conductor.session
        bids = [bid for bid, one in session.ceremony.admitted.items() if one.number == number]
        return [one for bid in bids for one in session.asides.questions.of_bid(bid)]


def _shown(one: Question) -> Json:
    return {
        "question": one.drafted.question,
        "text": one.drafted.text,
        "sha256": one.digest,
        "until": one.until,
        "state": _state(one),
        "answer": one.answer,
    }


def _state(one: Question) -> str:
    if one.answer is not None:
        return "answered"
    if one.silent:
        return "silent"
    return "void" if one.annex else "open"
