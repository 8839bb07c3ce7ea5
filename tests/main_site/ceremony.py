"""An opening in one process: a real host, real agents of three trustees, bids really sealed, clocks in the test's hand.

Host's and supervisor's agents answer on their sockets, that of the sub-site West over its link, which a test may cut.
A `HandAgent` may be silent, or bend what it says.
"""

import asyncio
import hashlib
import json
import shutil
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import httpx

from evalroom import commands as co
from evalroom.events import Stage
from evalroom.ids import BidNumber, SeatCode
from evalroom.ledger.base64 import decode_base64, encode_base64
from evalroom.ledger.canonical import Json, canonical
from evalroom.protocol import messages as m
from evalroom.sealing import custody
from evalroom.sealing.ceremony import CeremonyState
from evalroom.sealing.envelope import open_envelope
from evalroom.sealing.identity import bidder_commitment
from evalroom.sealing.policy import Mode, PartName, PartTerms, Policy, TrusteeKind, Window
from evalroom.sealing.price_sheet import PriceSheet
from evalroom.sealing.record import LotPrice
from evalroom.sealing.seal import BidTerms, SealingPlan, plan_sealing, seal
from evalroom.sealing.suites import find_suite
from main_site.bidder.certificate import Signatory, own_signatory
from main_site.services.opening import Opening
from main_site.template import SessionTemplate
from main_site.template.sealing import SealingTerms
from signaling.clock import utc_ms
from signaling.custody.agent import Plan, init, serving
from signaling.custody.keys import FileKeys
from signaling.custody.trustee import Trustee, read_facts
from tests.evalroom import opening as room_opening
from tests.evalroom.room import LOT, OPERATOR, SESSION, SITES, TENDER, WEST, Person, people
from tests.evalroom.sealing import bids, tender
from tests.main_site.bidding import SealedBid, Tendering
from tests.main_site.hall import OPERATOR_CODE, FakeWire, host, join, until
from tests.signaling.custody.process import short_folder

MINUTE = 60_000
SUITE = 2
FIRST, SECOND = "first", "second"
KINDS = {"host": TrusteeKind.HOST, WEST: TrusteeKind.SITE, "supervisor": TrusteeKind.SUPERVISOR}
DOCUMENT = tender.pattern(1 << 20)
PASSPHRASE = b"a passphrase that tests know"

Bend = Callable[[Mapping[str, Any], dict[str, Any]], dict[str, Any]]
"""Turns a command and its honest answer into what is answered."""


@dataclass
class HandAgent:
    """An agent whose answers a test may keep back or bend."""

    trustee: Trustee
    bend: Bend = lambda _command, answer: answer
    down: bool = False
    asked: list[str] = field(default_factory=list)

    def answer(self, line: bytes) -> bytes:
        """Answer as the agent does; while it is down the connection just ends."""
        command = json.loads(line)
        self.asked.append(command["command"])
        if self.down:
            raise ConnectionResetError
        return json.dumps(self.bend(command, json.loads(self.trustee.answer(line)))).encode() + b"\n"


def sheet_of(price: int, lot: str = LOT, bidder: str = "") -> bytes:
    return PriceSheet(bidder or "某公司", (LotPrice(lot, price),) if price else ()).encode()


@dataclass(frozen=True)
class Bidding:
    """A bidder with its sealed bid and all its secrets."""

    name: str
    plan: SealingPlan
    sealed: SealedBid

    @property
    def number(self) -> BidNumber:
        return self.sealed.number

    def release(
        self, window: str, session_key: bytes, parts: Sequence[PartName], *, wrong: bool = False
    ) -> str:
        """Return what is sent to release the halves of `parts`, b64."""
        halves: dict[str, Json] = {
            part.value: encode_base64(bytes(32) if wrong else self.plan.secrets[part].half) for part in parts
        }
        text = canonical({"bid": self.number, "halves": halves, "window": window})
        info = custody.release_info(self.plan.context(PartName.IDENTITY))
        return encode_base64(find_suite(SUITE).wrap(session_key, text, info))


def seal_for(
    policy: Policy,
    name: str,
    texts: Mapping[PartName, bytes],
    signatory: Signatory | None = None,
    bend: Callable[[SealingPlan], SealingPlan] = lambda plan: plan,
) -> Bidding:
    """Seal a bid as a bidder does, with a certificate of its own."""
    who = signatory or own_signatory(name, datetime.now(UTC))
    number = hashlib.sha256(name.encode()).digest()[:16]
    key = tender.signing_key(SUITE, number.hex())
    slots = () if policy.mode is Mode.SITES else (tender.opening_key(SUITE, "token").public,)
    terms = BidTerms(SUITE, number, bidder_commitment(find_suite(SUITE), who.salt, who.certificate), slots)
    plan = bend(plan_sealing(policy, terms, key, bids.Dice(f"dice {name}")))
    identity = who.identity(key.public, plan.context(PartName.IDENTITY))
    parts = {PartName.IDENTITY: identity, **texts}
    data = b"".join(seal(plan, {part.name: [parts[part.name]] for part in policy.parts}))
    envelope = open_envelope(bids.reader(data), len(data), policy, number)
    sealed = SealedBid(BidNumber(number.hex()), data, envelope.digest.hex(), envelope.root.hex())
    return Bidding(name, plan, sealed)


@dataclass
class Ceremony(Tendering):
    """An opening under way."""

    agents: dict[str, HandAgent] = field(default_factory=dict)
    wire: FakeWire = field(default_factory=FakeWire)
    bidders: list[Bidding] = field(default_factory=list)

    @property
    def opening(self) -> Opening:
        return self.centre.opening(SESSION)

    @property
    def stands(self) -> CeremonyState:
        return self.session.ceremony.state

    async def reaches(self, state: CeremonyState) -> None:
        await until(lambda: self.stands is state)
        await self.live.evaluation.conductor.kept()

    async def pauses(self) -> None:
        await until(lambda: self.session.ceremony.paused)
        await self.live.evaluation.conductor.kept()

    # --- up to the window ---------------------------------------------------------------------------------

    async def arm(self) -> None:
        """Draft a policy and wait until all have signed it."""
        answer = await self.http.post(f"/api/v1/sessions/{SESSION}/policy")
        assert answer.is_success, answer.text
        await self.reaches(CeremonyState.ARMED)

    async def accept(self) -> None:
        await self.arm()
        answer = await self.http.post(f"/api/v1/sessions/{SESSION}/submissions/open")
        assert answer.is_success, answer.text

    def texts(self, price: int, document: bytes = DOCUMENT) -> dict[PartName, bytes]:
        """Return the texts of a bid, its price where this tender has it."""
        named = [part.name for part in self.policy.parts]
        texts = {PartName.OPENING: sheet_of(0 if PartName.PRICE in named else price)}
        if PartName.PRICE in named:
            texts[PartName.PRICE] = sheet_of(price)
        return {**texts, PartName.TECHNICAL: document}

    async def bid(self, name: str, price: int, **options: Any) -> Bidding:  # noqa: ANN401 - what `seal_for` takes
        """Seal a bid and hand it in; wait for all acks."""
        texts = options.pop("texts", None) or self.texts(price)
        one = seal_for(self.policy, name, texts, **options)
        await self.upload(one.sealed)
        answer = await self.submit(one.sealed)
        assert answer.is_success, answer.text
        self.bidders.append(one)
        return one

    async def acked(self, *trustees: str) -> None:
        handed = self.session.ceremony.handed
        wanted = set(trustees or KINDS)
        await until(lambda: all(wanted <= one.acks.keys() for one in handed.values() if not one.gone))

    async def close(self) -> None:
        """Let the deadline pass, and go on to the stage of the opening."""
        self.now = self.deadline
        await self.reaches(CeremonyState.CLOSED)
        await self.check_in()
        await self.give(
            self.at_now(self.people[OPERATOR].order(co.AdvanceStage(Stage.RECEIVING, Stage.OPENING, "")))
        )

    def at_now(self, order: co.Order) -> co.Order:
        return replace(order, at=self.now)

    async def check_in(self) -> None:
        for seat in room_opening.OFFICERS:
            if seat not in self.session.seat_keys:
                await self.give(self.people[seat].check_in())

    async def step_up(self, window: str = FIRST) -> None:
        await self.check_in()
        for seat in room_opening.OFFICERS:
            await self.give(self.people[seat].order(co.StepUp(window)))

    async def open_window(self, window: str = FIRST) -> None:
        """Let the hour come and the officers step up."""
        terms = next(one for one in self.policy.windows if one.name == window)
        self.now = max(self.now, terms.opens_at or 0)
        await self.step_up(window)
        await self.reaches(CeremonyState.UNSEALING)

    async def released(self, one: Bidding, window: str = FIRST, *, wrong: bool = False) -> httpx.Response:
        """Let a bidder release for a window by what the hall shows."""
        hall = (await self.http.get(f"/api/v1/tenders/{SESSION}/hall")).json()
        parts = self.session.ceremony.parts_of(window)
        halves = one.release(window, decode_base64(hall["session_key"]), parts, wrong=wrong)
        body = {"window": window, "halves": halves}
        return await self.http.post(f"{self.bid_path(one.sealed)}/release", json=body)

    async def release_all(self, window: str = FIRST) -> None:
        for one in self.bidders:
            answer = await self.released(one, window)
            assert answer.is_success, answer.text

    def end_window(self, window: str = FIRST) -> None:
        """Let the time to release be over."""
        self.now = self.session.ceremony.windows[window].until

    def spoil(self, one: Bidding, at: int) -> Path:
        """Change one byte of a bid where it is stored, and leave the others there: somebody may be reading."""
        path = self.submissions.uploads.path(one.number)
        path.chmod(0o600)
        with path.open("r+b") as file:
            file.seek(at)
            byte = file.read(1)
            file.seek(at)
            file.write(bytes([byte[0] ^ 1]))
        return path

    async def order(self, seat: SeatCode, command: co.SeatCommand) -> None:
        await self.give(self.people[seat].order(command))

    def verdicts(self, window: str = FIRST) -> dict[str, tuple[str, str, str]]:
        """Return verdict, cause and party by the bidder's name in the test."""
        told = self.session.ceremony.windows[window].verdicts
        return {
            one.name: (str(told[one.number].verdict), told[one.number].cause, told[one.number].party)
            for one in self.bidders
            if one.number in told
        }

    async def hall(self) -> dict[str, Any]:
        found: dict[str, Any] = (await self.http.get(f"/api/v1/tenders/{SESSION}/hall")).json()
        return found

    # --- the sub-site's end of its link -------------------------------------------------------------------

    async def link_up(self) -> None:
        """Connect West, whose witness cosigns and whose agent is asked."""
        self.wire = await self.linked()
        self.tasks.add(self.cosigning(self.wire))
        self.tasks.add(asyncio.create_task(self._relay(self.wire)))

    async def _relay(self, wire: FakeWire) -> None:
        taken, agent = 0, self.agents[WEST]
        while True:
            await asyncio.sleep(0.002)
            for asked in wire.all("ask_agent")[taken:]:
                taken += 1
                if not agent.down:
                    answer = agent.answer(asked["command"].encode()).decode()
                    self.from_west(wire, m.AgentAnswer(asked["request"], answer))


def two_windows(
    deadline: int, *, mode: Mode = Mode.JOINT, k: int = 2, prices: bool = False, most: int = 1 << 26
) -> SealingTerms:
    """Return terms with one window, or with a second one for the prices."""
    parts = [
        PartTerms(PartName.IDENTITY, FIRST, 1 << 16),
        PartTerms(PartName.OPENING, FIRST, 1 << 16),
        PartTerms(PartName.TECHNICAL, FIRST, most),
    ]
    windows = [Window(FIRST, "BidsClosed", deadline + MINUTE, 10 * MINUTE)]
    if prices:
        parts.append(PartTerms(PartName.PRICE, SECOND, 1 << 20))
        windows.append(Window(SECOND, "GroupUnlocked", None, 10 * MINUTE))
    return SealingTerms(
        deadline, mode, 0 if mode is Mode.BIDDER else k, (SUITE,), 1, most, tuple(windows), tuple(parts)
    )


def agent_in(folder: Path, name: str, clock: Callable[[], int]) -> HandAgent:
    """Make an agent's folder at the first call, and open it."""
    if not (folder / "agent.json").exists():
        init(folder, Plan(name, KINDS[name], f"{name} 数据中心", ask=True), PASSPHRASE.decode())
    return HandAgent(Trustee(folder, read_facts(folder), FileKeys(folder / "keys", PASSPHRASE), clock))


@asynccontextmanager
async def ceremony(
    folder: Path,
    settings: Mapping[str, object] | None = None,
    dark: tuple[PartName, ...] = (),
    **options: Any,  # noqa: ANN401 - what `two_windows` takes
) -> AsyncIterator[Ceremony]:
    """Run a host with a sealed tender, its trustees' agents, and West linked; nothing is drafted yet.

    With `dark` parts the lot is dark.
    """
    sockets = short_folder()
    local = [{"trustee": name, "socket": str(sockets / name)} for name in ("host", "supervisor")]
    async with AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, sockets)
        app, centre, http = await stack.enter_async_context(
            host(folder, cover_per_hour=0, agents=local, **(settings or {}))
        )
        begun = utc_ms()
        # Nothing may be dated later than the agents' clock, however long a busy machine takes from here to the fixture.
        centre.clock.read = lambda: begun
        assert (await http.post("/api/v1/operator/login", json={"code": OPERATOR_CODE})).is_success
        west = await join(http)
        empty = replace(TENDER, lots=tuple(replace(lot, bids=(), dark=dark) for lot in TENDER.lots))
        plan = two_windows(begun + MINUTE, **options)
        await centre.open_session(SessionTemplate(SESSION, empty, SITES, room_opening.SEATS, plan))
        made = Ceremony(app, centre, west, {}, people(), http, now=begun)
        made.people = {seat.code: Person(seat) for seat in room_opening.SEATS}
        centre.clock.read = lambda: made.now
        for name in KINDS:
            made.agents[name] = agent_in(folder / f"agent-{name}", name, lambda: made.now)
        for name in ("host", "supervisor"):
            trustee = cast("Trustee", made.agents[name])
            await stack.enter_async_context(serving(trustee, sockets / name))
        await made.link_up()
        stack.push_async_callback(_end, made)
        yield made


async def _end(made: Ceremony) -> None:
    for task in made.tasks:
        task.cancel()
    await asyncio.gather(*made.tasks, return_exceptions=True)
