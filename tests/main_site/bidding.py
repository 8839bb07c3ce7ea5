"""A host that takes sealed bids in, with trustees played by hand and bids really sealed: what tests of handing in share.

The trustees' keys, the policy and the bids are those of the room's own tests; the clock is the test's.
"""

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import httpx

from evalroom import commands as co
from evalroom.ids import TRUSTEE_ACTOR, BidNumber
from evalroom.ledger.base64 import encode_base64
from evalroom.roles import Role
from evalroom.sealing import custody
from evalroom.sealing import facts as sf
from evalroom.sealing.envelope import open_envelope
from evalroom.sealing.policy import Mode, PartName, PartTerms, Policy, Window
from evalroom.sealing.seal import plan_sealing, seal
from main_site.services.submissions import Submissions
from main_site.store.bids import PIECE
from main_site.template import SessionTemplate
from main_site.template.sealing import SealingTerms
from signaling.clock import utc_ms
from tests.evalroom import opening
from tests.evalroom.room import HOST, SESSION, SITES, TENDER, people
from tests.evalroom.sealing import bids, tender
from tests.main_site.hall import OPERATOR_CODE, Hall, host, join

HOUR = 3_600_000
SUITE = opening.SUITE
TENDERS = f"/api/v1/tenders/{SESSION}"
TEXTS: Mapping[PartName, bytes] = {
    PartName.IDENTITY: '{"certificate":"远汇信息"}'.encode(),
    PartName.OPENING: "报价 1,234,567.89 元".encode(),
    PartName.TECHNICAL: tender.pattern(40_000),
}


def terms(deadline: int, max_size: int = 1 << 26) -> SealingTerms:
    """Return the terms of the tests: three bids at least, everything opened in one window."""
    return SealingTerms(
        deadline=deadline,
        mode=Mode.JOINT,
        k=2,
        suites=(SUITE,),
        min_bids=1,
        max_size=max_size,
        windows=(Window("first", "BidsClosed", deadline + HOUR, HOUR),),
        parts=(
            PartTerms(PartName.IDENTITY, "first", 1 << 16),
            PartTerms(PartName.OPENING, "first", 1 << 16),
            PartTerms(PartName.TECHNICAL, "first", max_size),
        ),
    )


@dataclass(slots=True)
class HandTrustees:
    """Trustees whose keys the test has; `silent` ones answer nothing."""

    submissions: Submissions
    silent: set[str] = field(default_factory=set)
    asked: list[BidNumber] = field(default_factory=list)
    suites: tuple[int, ...] | None = (SUITE,)

    async def give(self, act: sf.TrusteeEvent) -> None:
        conductor = self.submissions.parts.conductor
        await conductor.give(co.Order(co.ActAsTrustee(act), 0, TRUSTEE_ACTOR, HOST, Role.TRUSTEE))

    async def publish(self, suites: Sequence[int]) -> None:
        assert self.suites in (None, tuple(suites))
        for name in opening.TRUSTEES:
            if name not in self.silent:
                await self.give(opening.new().published(name))

    async def sign(self) -> None:
        sha256 = self.submissions.ceremony.sha256
        for name in opening.TRUSTEES:
            signature = opening.by_trustee(name, custody.policy_message(bytes.fromhex(sha256)))
            await self.give(sf.PolicySigned(name, sha256, signature))

    def acknowledge(self, bid: BidNumber, head: bytes, size: int) -> None:
        assert head.startswith(b"EVB1")
        assert size > len(head)
        self.asked.append(bid)


@dataclass(frozen=True)
class SealedBid:
    """A bid as its bidder has it on disk."""

    number: BidNumber
    data: bytes
    digest: str
    root: str

    @property
    def announcement(self) -> dict[str, str | int]:
        return {"size": len(self.data), "digest": self.digest, "root": self.root}

    @cached_property
    def pieces(self) -> list[bytes]:
        return [self.data[start : start + PIECE] for start in range(0, len(self.data), PIECE)]

    def signed(self, message: bytes) -> str:
        """Return a signature by the bid's envelope key, b64."""
        return encode_base64(tender.signing_key(SUITE, self.number).sign(message))


def seal_bid(policy: Policy, label: str = "one", texts: Mapping[PartName, bytes] = TEXTS) -> SealedBid:
    """Return a bid sealed under `policy`, always the same for a label but for its wraps."""
    number = tender.drawn(f"number {label}", 16)
    key = tender.signing_key(SUITE, number.hex())
    plan = plan_sealing(policy, bids.terms(SUITE, policy, number), key, bids.Dice(f"dice {label}"))
    data = b"".join(seal(plan, {name: [text] for name, text in texts.items()}))
    envelope = open_envelope(bids.reader(data), len(data), policy, number)
    return SealedBid(BidNumber(number.hex()), data, envelope.digest.hex(), envelope.root.hex())


@dataclass
class Tendering(Hall):
    """A host with a sealed tender, its clock in the test's hand."""

    now: int = 0
    trustees: HandTrustees | None = None

    @property
    def submissions(self) -> Submissions:
        return self.centre.submission(SESSION)

    @property
    def policy(self) -> Policy:
        return self.submissions.ceremony.terms

    @property
    def deadline(self) -> int:
        return self.policy.deadline

    def bid_path(self, bid: SealedBid | str) -> str:
        return f"{TENDERS}/bids/{bid.number if isinstance(bid, SealedBid) else bid}"

    async def announce(self, bid: SealedBid, **changes: object) -> httpx.Response:
        return await self.http.put(self.bid_path(bid), json=bid.announcement | changes)

    async def put_piece(self, bid: SealedBid, index: int, data: bytes | None = None) -> httpx.Response:
        content = bid.pieces[index] if data is None else data
        digest = encode_base64(hashlib.sha256(content).digest())
        headers = {"content-digest": f"sha-256=:{digest}:"}
        return await self.http.put(f"{self.bid_path(bid)}/pieces/{index}", content=content, headers=headers)

    async def upload(self, bid: SealedBid, **changes: object) -> None:
        answer = await self.announce(bid, **changes)
        assert answer.is_success, answer.text
        for index in range(len(bid.pieces)):
            answer = await self.put_piece(bid, index)
            assert answer.is_success, answer.text

    async def submit(self, bid: SealedBid) -> httpx.Response:
        return await self.http.post(f"{self.bid_path(bid)}/submit")

    async def hand_in(self, label: str = "one", **changes: object) -> SealedBid:
        """Seal a bid, upload and submit it."""
        bid = seal_bid(self.policy, label)
        await self.upload(bid, **changes)
        answer = await self.submit(bid)
        assert answer.is_success, answer.text
        return bid

    async def state(self, bid: SealedBid) -> str:
        return str((await self.http.get(self.bid_path(bid))).json()["state"])


@asynccontextmanager
async def tendering(
    folder: Path, *, accepting: bool = True, max_size: int = 1 << 26, **settings: object
) -> AsyncIterator[Tendering]:
    """Run a host with a sealed tender that takes bids in; the client is a stranger once it does."""
    async with host(folder, **{"cover_per_hour": 0, **settings}) as (app, centre, http):
        now = utc_ms()
        assert (await http.post("/api/v1/operator/login", json={"code": OPERATOR_CODE})).is_success
        west = await join(http)
        empty = replace(TENDER, lots=tuple(replace(lot, bids=()) for lot in TENDER.lots))
        template = SessionTemplate(SESSION, empty, SITES, opening.SEATS, terms(now + HOUR, max_size))
        issued = await centre.open_session(template)
        codes = {one.seat: one.code for one in issued}
        made = Tendering(app, centre, west, codes, people(), http, now=centre.clock.now())
        centre.clock.read = lambda: made.now
        made.trustees = HandTrustees(made.submissions)
        made.submissions.trustees = made.trustees
        if accepting:
            await accept(made)
        yield made
        for task in made.tasks:
            task.cancel()


async def accept(place: Tendering) -> None:
    """Draft, sign and open, as the operator does, then log out."""
    answer = await place.http.post(f"/api/v1/sessions/{SESSION}/policy")
    assert answer.is_success, answer.text
    assert place.trustees is not None
    await place.trustees.sign()
    answer = await place.http.post(f"/api/v1/sessions/{SESSION}/submissions/open")
    assert answer.is_success, answer.text
    place.http.cookies.clear()
