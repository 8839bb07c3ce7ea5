"""A host in this process and a sub-site spoken by hand: what the tests of the host's services and routes share.

The sub-site `West` has real keys: it joins over HTTP, proves itself on its socket, and cosigns as a witness.
Sockets are `FakeWire`s, so that a test decides when the other end reads and what it says.
"""

import asyncio
import hashlib
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from fastapi import FastAPI

from evalroom import commands as co
from evalroom import events as ev
from evalroom.errors import EvalroomError
from evalroom.events import Stage
from evalroom.ids import NODE_ACTOR, BidId, SeatCode, track_id
from evalroom.ledger.checkpoint import Checkpoint
from evalroom.ledger.note import KeyKind, SigningKey, VerifierKey
from evalroom.ledger.witness import (
    AddCheckpoint,
    OtherSizeKnown,
    WitnessRefusal,
    consider,
    parse_request,
    reply,
)
from evalroom.media import Medium, TrackKind
from evalroom.protocol import messages as m
from evalroom.reporting import Stand
from evalroom.roles import Role
from evalroom.session import PART_OF, TRANSITIONS, Session
from evalroom.sheet import keys_of
from evalroom.tender import Part
from main_site.app import make_app
from main_site.documents import PdfFacts
from main_site.identity.authority import login_message
from main_site.sample_bids import bid_documents
from main_site.services.centre import Centre, Live
from main_site.services.conductor import Conductor
from main_site.settings import HostSettings
from main_site.store import journal as store
from main_site.template import SessionTemplate
from signaling.clock import utc_ms
from signaling.codec import encode
from signaling.connection import GOING_AWAY, LinkClosed
from signaling.database import Writer, open_engine
from tests.evalroom.room import (
    BIDS,
    EXPERTS,
    HOST,
    LOT,
    LOT1,
    OPERATOR,
    PRICES,
    SEAT,
    SEATS,
    SESSION,
    SITES,
    START,
    TENDER,
    WEST,
    Person,
    by_host,
    needs_reason,
    people,
    usual_value,
)
from tests.patience import PATIENCE_S
from tests.recorder.seat import audio_packets, in_order, pictures, reports, tones, video_packets
from tests.recorder.studio import Studio

OPERATOR_CODE = "operator-code"
DOCUMENT = PdfFacts(hashlib.sha256(b"%PDF-1.7").hexdigest(), 8, 1)
"""What the operator brings in as every bid's document, unless a test puts a real one here."""


async def until(met: Callable[[], bool]) -> None:
    """Wait for something that happens in code that knows no tests, and fail when it does not."""
    async with asyncio.timeout(PATIENCE_S):
        while not met():  # noqa: ASYNC110 - likewise
            await asyncio.sleep(0.002)


async def settle() -> None:
    """Let everything that is ready run, so that a test may say what did not happen."""
    for _ in range(20):
        await asyncio.sleep(0)


class FakeWire:
    """A socket whose other end is the test: it says, it hears, and it reads only while `reading` is set."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.closed: tuple[int, str] | None = None
        self.reading = asyncio.Event()
        self.reading.set()
        self._inbox: asyncio.Queue[str | None] = asyncio.Queue()
        self._read: list[dict[str, Any]] = []

    async def send_text(self, text: str) -> None:
        await self.reading.wait()
        self.sent.append(text)

    async def receive_text(self) -> str:
        text = await self._inbox.get()
        if text is None:
            raise LinkClosed(GOING_AWAY)
        return text

    async def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)

    def say(self, message: object) -> None:
        self._inbox.put_nowait(message if isinstance(message, str) else encode(message))

    def hang_up(self) -> None:
        self._inbox.put_nowait(None)

    def all(self, kind: str) -> list[dict[str, Any]]:
        """Return all messages of a kind that came, without their wrapping."""
        for text in self.sent[len(self._read) :]:
            one = json.loads(text)
            self._read.append(one if "kind" in one else one["message"])
        return [one for one in self._read if one["kind"] == kind]

    async def hear(self, kind: str, met: Callable[[dict[str, Any]], bool] = lambda _: True) -> dict[str, Any]:
        """Return the first message of a kind that meets a condition, waiting for it."""
        await until(lambda: any(met(one) for one in self.all(kind)))
        return next(one for one in self.all(kind) if met(one))


# --- a sub-site ---------------------------------------------------------------------------------------


class HandWitness:
    """A witness by the book of C2SP; it remembers the last checkpoint it cosigned."""

    def __init__(self, name: str) -> None:
        seed = name.encode().ljust(32, b".")
        self.key = SigningKey.from_seed(name, KeyKind.COSIGNATURE, seed)
        self.seen: Checkpoint | None = None

    def answer(self, request: AddCheckpoint, origin: str, log: VerifierKey) -> m.Cosign | m.WitnessRefusal:
        try:
            self.seen = consider(self.seen, request, {origin: log})
        except WitnessRefusal as refusal:
            size = refusal.size if isinstance(refusal, OtherSizeKnown) else 0
            return m.WitnessRefusal(refusal.status, size, "size" if size else refusal.code)
        return m.Cosign(self.seen.size, reply(self.seen, self.key, utc_ms() // 1000).decode())


@dataclass
class HandSite:
    """A sub-site's keys, and what it says with them."""

    name: str = WEST
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    certificate: str = ""
    authority: str = ""

    def __post_init__(self) -> None:
        self.witness = HandWitness(f"witness-{self.name}")

    def request(self) -> str:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)])
        request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(self.key, None)
        return request.public_bytes(Encoding.PEM).decode()

    def proof(self, challenge: dict[str, Any], fingerprint: str, **changed: str) -> str:
        signature = self.key.sign(login_message(fingerprint, bytes.fromhex(challenge["nonce"])))
        proof = {"kind": "prove", "certificate": self.certificate, "signature": signature.hex()}
        return json.dumps(proof | changed)


# --- the host -------------------------------------------------------------------------------------------


@dataclass
class Hall:
    """A host with its session open: what a test works with."""

    app: FastAPI
    centre: Centre
    west: HandSite
    codes: dict[SeatCode, str]
    people: dict[SeatCode, Person]
    http: httpx.AsyncClient
    tasks: "set[asyncio.Task[None]]" = field(default_factory=set)

    @property
    def live(self) -> Live:
        return self.centre.live[SESSION]

    @property
    def session(self) -> Session:
        return self.live.evaluation.conductor.session

    @asynccontextmanager
    async def client(self, cookies: dict[str, str] | None = None) -> AsyncIterator[httpx.AsyncClient]:
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://host", cookies=cookies) as client:
            yield client

    async def cookie(self, seat: SeatCode) -> dict[str, str]:
        """Return a seat's cookie, without using its code up."""
        _, cookie = await asyncio.to_thread(self.centre.register.seat, SESSION, seat)
        return {"evalroom_seat": cookie}

    async def linked(self) -> FakeWire:
        """Connect the sub-site's link."""
        wire = FakeWire()
        self.tasks.add(asyncio.create_task(self.centre.links.serve(wire)))
        wire.say(self.west.proof(await wire.hear("challenge"), self.centre.authority.fingerprint))
        await wire.hear("roster")
        return wire

    def from_west(self, wire: FakeWire, message: object) -> None:
        wire.say(json.dumps({"session": SESSION, "message": json.loads(encode(message))}))

    def cosigning(self, wire: FakeWire) -> "asyncio.Task[None]":
        """Let the sub-site's witness answer whatever it is asked, until cancelled."""
        return asyncio.create_task(self._cosign(wire))

    async def _cosign(self, wire: FakeWire) -> None:
        answered = 0
        conductor = self.live.evaluation.conductor
        log = SigningKey.from_seed(conductor.journal.origin, KeyKind.LOG, self.live.stored.log_seed)
        while True:
            await asyncio.sleep(0.002)
            for asked in wire.all("add_checkpoint")[answered:]:
                answered += 1
                request = parse_request(asked["request"].encode())
                answer = self.west.witness.answer(request, conductor.journal.origin, log.verifier)
                self.from_west(wire, answer)

    async def give(self, order: co.Order) -> None:
        await self.live.evaluation.conductor.give(order)

    async def advance_to(self, stage: Stage) -> None:
        """Let everybody do what a stage asks for until the session has come to `stage`; witnesses must answer."""
        while self.session.stage is not stage:
            await finish(self.live.evaluation.conductor, self.people)
            await until(lambda: not self.session.open_parts())
            before = self.session.stage
            after = TRANSITIONS[before][ev.StageChanged]
            await self.give(self.people[OPERATOR].order(co.AdvanceStage(before, after, "")))

    def types(self) -> list[str]:
        """Return the types of all entries on disk."""
        with self.centre.writer.engine.connect() as db:
            return [json.loads(row.entry)["type"] for row in store.read(db, SESSION)]

    def bodies(self, kind: str) -> list[dict[str, Any]]:
        """Return the bodies of all entries of a type on disk."""
        with self.centre.writer.engine.connect() as db:
            entries = [json.loads(row.entry) for row in store.read(db, SESSION)]
        return [entry["body"] for entry in entries if entry["type"] == kind]


async def finish(conductor: Conductor, persons: dict[SeatCode, Person]) -> None:
    """Do everything the present stage asks for, in as few commits as it takes."""
    session, operator = conductor.session, persons[OPERATOR]
    orders: list[co.Order] = []
    match session.stage:
        case Stage.GATHERING:
            orders = [one.check_in() for one in persons.values() if one.seat.code not in session.seat_keys]
            await _all(conductor, orders)
            orders = [_import(operator, bid) for bid in BIDS if bid not in session.bids]
        case Stage.BRIEFED:
            orders = [persons[seat].accept(session.pledge.sha256) for seat in EXPERTS]
        case Stage.PRELIMINARY | Stage.DETAILED:
            part = PART_OF[session.stage]
            await _all(conductor, [one for seat in EXPERTS for one in sheet(session, persons[seat], part)])
            orders = [persons[seat].lock(session, part) for seat in EXPERTS]
        case Stage.SIGNING:
            sign = co.SignReport(LOT, session.report_digest(LOT), Stand.AGREES, "")
            orders = [persons[seat].order(sign) for seat in EXPERTS]
        case _:
            pass
    await _all(conductor, orders)


def _import(operator: Person, bid: BidId) -> co.Order:
    """Return the operator's order that brings a bid in, with `DOCUMENT` as its document."""
    cmd = operator.new_id()
    commitment, secret = operator.secret(cmd, "/price", str(PRICES[bid]))
    facts = (DOCUMENT.sha256, DOCUMENT.bytes, DOCUMENT.pages)
    return operator.order(co.ImportBid(LOT, bid, f"bidder of {bid}", commitment, *facts), cmd, (secret,))


def sheet(session: Session, person: Person, part: Part) -> list[co.Order]:
    """Return an expert's orders for a whole sheet."""
    return [
        person.enter(bid, item, value, reason="page 3" if needs_reason(value, item) else "")
        for bid, item in keys_of(LOT1, part, session.rejected.get(LOT, ()))
        for value in [usual_value(person.seat.code, bid, item)]
    ]


async def _all(conductor: Conductor, orders: list[co.Order]) -> None:
    outcomes: list[EvalroomError | None] = await asyncio.gather(*map(conductor.submit, orders))
    assert {None} >= set(outcomes)


@asynccontextmanager
async def host(folder: Path, **settings: object) -> AsyncIterator[tuple[FastAPI, Centre, httpx.AsyncClient]]:
    """Run a host in this process, and a client that is nobody yet."""
    given = {"data_dir": folder / "host", "media_loopback": True, "cosign_seconds": 0.05, **settings}
    app = make_app(HostSettings.model_validate(given), OPERATOR_CODE)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://host") as http,
    ):
        yield app, app.state.centre, http


@asynccontextmanager
async def hall(folder: Path, **settings: object) -> AsyncIterator[Hall]:
    """Run a host with an open session, which the sub-site West has joined; the client is the host's operator."""
    async with host(folder, **settings) as (app, centre, http):
        answer = await http.post("/api/v1/operator/login", json={"code": OPERATOR_CODE})
        assert answer.is_success, answer.text
        west = await join(http)
        issued = await centre.open_session(SessionTemplate(SESSION, TENDER, SITES, SEATS))
        made = Hall(app, centre, west, {one.seat: one.code for one in issued}, people(), http)
        yield made
        for task in made.tasks:
            task.cancel()


async def join(http: httpx.AsyncClient, name: str = WEST) -> HandSite:
    """Invite a sub-site as the operator, and let it join."""
    site = HandSite(name)
    invited = await http.post("/api/v1/sites", json={"site": name, "name": "Jiuquan"})
    body = {
        "code": invited.json()["code"],
        "csr": site.request(),
        "witness": site.witness.key.verifier.encode(),
    }
    answer = await http.post("/api/v1/sites/enrol", json=body)
    assert answer.is_success, answer.text
    site.certificate, site.authority = answer.json()["certificate"], answer.json()["ca"]
    return site


# --- a conductor alone ------------------------------------------------------------------------------------


class HeldWriter(Writer):
    """A store whose commits a test may hold back: `writing` counts those on their way."""

    def __init__(self, engine: sa.Engine) -> None:
        self.deaths: list[BaseException] = []
        super().__init__(engine, self.deaths.append)
        self.gate = asyncio.Event()
        self.gate.set()
        self.waiting = 0

    async def write(self, work: Callable[[sa.Connection], Any]) -> Any:  # noqa: ANN401 - whatever the work returns
        self.waiting += 1
        await self.gate.wait()
        self.waiting -= 1
        return await super().write(work)


@asynccontextmanager
async def writer_in(folder: Path) -> AsyncIterator[HeldWriter]:
    """Open a store in a folder."""
    engine = open_engine(folder / "evalroom.sqlite")
    store.metadata.create_all(engine)
    writer = HeldWriter(engine)
    try:
        yield writer
    finally:
        writer.close()


@asynccontextmanager
async def conducting(writer: Writer, opening: co.OpenSession) -> AsyncIterator[Conductor]:
    """Open a session on a store and carry out its orders while the block runs."""
    conductor = Conductor(SESSION, f"evalroom/{SESSION}", writer, lambda: START)
    stored = store.StoredSession(SESSION, START, b"s" * 32, "")
    await conductor.open(by_host(opening), stored)
    running = asyncio.create_task(conductor.run())
    try:
        yield conductor
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


# --- a recording --------------------------------------------------------------------------------------------


@cache
def recorded() -> tuple[ev.ReelClosed, bytes, tuple[ev.FragmentRecorded, ...], ev.ClockMapped]:
    """Return a real reel of four seconds as its recorder reports it, and its bytes."""
    with tempfile.TemporaryDirectory() as folder:
        studio = Studio(Path(folder))
        studio.feed(in_order(video_packets(pictures(4)), audio_packets(tones(4)), reports(4)))
        studio.end()
        fragments = tuple(studio.of(ev.FragmentRecorded))
        return (
            studio.of(ev.ReelClosed)[0],
            studio.path().read_bytes(),
            fragments,
            studio.of(ev.ClockMapped)[-1],
        )


async def record(place: Hall, seat: SeatCode, kind: TrackKind, *, ended: bool = True) -> ev.ReelClosed:
    """Let the node of a seat report one reel of a track of that seat."""
    told, _, fragments, mapped = recorded()
    where, begun = SEAT[seat], place.centre.clock.now() - 5_000
    shift = begun * 1000 - mapped.map[0][1]
    track = track_id(where.site, seat, kind)
    closed = replace(told, track=track)
    events: list[ev.NodeEvent] = [
        ev.TrackStarted(track, seat, kind, tuple(Medium), ("H264", "opus"), begun),
        *(replace(one, track=track) for one in fragments),
        ev.ClockMapped(track, closed.reel, tuple((at, utc + shift) for at, utc in mapped.map)),
        closed,
        *((ev.TrackEnded(track, begun + 4_000),) if ended else ()),
    ]
    facts = tuple(co.NodeFact(begun + 5_000, type(one).__name__, one) for one in events)
    await place.give(co.Order(co.RecordFacts(facts), START, NODE_ACTOR, where.node, Role.NODE))
    if where.node != HOST:
        place.live.evaluation.note(ev.SiteOffsetMeasured(where.node, 0, 1_000))
    return closed


async def upload(place: Hall, token: str, reel: ev.ReelClosed, data: bytes) -> httpx.Response:
    """Hand a reel over in one piece."""
    track, _, kind = reel.track.partition("/")
    async with place.client() as client:
        return await client.patch(
            f"/api/v1/site/reels/{SESSION}/{track}/{kind}.{reel.reel:04d}.mp4",
            content=data,
            headers={"authorization": f"Bearer {token}", "upload-offset": "0"},
        )


async def conclude(place: Hall, wire: FakeWire) -> None:
    """Bring the session to its closed end: the sub-site's witness answers whatever it is asked."""
    cosigning = place.cosigning(wire)
    await place.advance_to(Stage.CONCLUDED)
    await until(lambda: place.session.closed)
    await until(lambda: place.live.archiver.state.stage not in ("running", "witnesses"))
    cosigning.cancel()


async def put_documents(place: Hall, patch: pytest.MonkeyPatch) -> bytes:
    """Bring a real PDF in, which people then import as every bid's document."""
    pdf = next(iter(bid_documents().values()))
    facts = (await place.http.post("/api/v1/documents", content=pdf)).json()
    patch.setattr(sys.modules[__name__], "DOCUMENT", PdfFacts(**facts))
    return pdf
