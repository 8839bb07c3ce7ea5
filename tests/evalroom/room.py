"""A small evaluation to test with: its tender, its people with their keys, and its way through the stages.

`Person` signs commands and builds commitments exactly as a browser does (docs/spec/signalling.md §3).  `Room`
drives a session through `assert_replays`, so that every step of every test also shows that deciding changes
nothing, that live state equals the fold, and that each fact survives its canonical bytes.
"""

import copy
import hashlib
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

from cryptography.hazmat.primitives.asymmetric import ec

from evalroom import commands as co
from evalroom import events as ev
from evalroom.checks import state, write_statement
from evalroom.encoding import body_of, to_json
from evalroom.events import Commitment, Fact, Secret, Stage
from evalroom.ids import (
    HOST_ACTOR,
    NODE_ACTOR,
    BidId,
    CommandId,
    ItemId,
    LotId,
    SeatCode,
    SessionId,
    SiteId,
    TrackId,
    track_id,
)
from evalroom.ledger.canonical import canonical, parse_canonical
from evalroom.ledger.commitment import commit
from evalroom.ledger.signature import act_payload, encode_seat_key, sign_act
from evalroom.media import MEDIA, TrackKind
from evalroom.pledge import write_letter
from evalroom.pricing import presets
from evalroom.reporting import Stand
from evalroom.roles import Role
from evalroom.session import PART_OF, TRANSITIONS, Session
from evalroom.sheet import FAIL, PASS, digest_of, keys_of
from evalroom.tender import (
    Bid,
    Item,
    ItemKind,
    Lot,
    Part,
    Seat,
    Site,
    Tender,
)
from signaling.codec import decode_fact

SESSION = SessionId("EV-2026-0001")
HOST, WEST, EAST = SiteId("host"), SiteId("west"), SiteId("east")
LOT = LotId("lot1")
BIDS = tuple(BidId(f"bid{n}") for n in range(1, 5))
PRICES = {BIDS[0]: 980_000_00, BIDS[1]: 1_010_000_00, BIDS[2]: 1_000_000_00, BIDS[3]: 1_040_000_00}
EXPERTS = tuple(SeatCode(f"E{n}") for n in range(1, 4))
SUPERVISOR, OPERATOR, SITE_OPERATOR, ARCHIVIST, REGULATOR = map(SeatCode, ("S1", "O1", "L1", "A1", "R1"))
DOCUMENT = hashlib.sha256(b"%PDF-1.7").hexdigest()
START = 1_795_392_000_000

SITES = (
    Site(HOST, "Lanzhou", host=True, node=True),
    Site(WEST, "Jiuquan", host=False, node=True),
    Site(EAST, "Qingyang", host=False, node=False),  # its seats connect to the host's node
)
SEATS = (
    Seat(EXPERTS[0], HOST, HOST, Role.EXPERT, "cabin 1"),
    Seat(EXPERTS[1], WEST, WEST, Role.EXPERT, "cabin 2"),
    Seat(EXPERTS[2], EAST, HOST, Role.EXPERT, "cabin 3"),
    Seat(SUPERVISOR, HOST, HOST, Role.SUPERVISOR, "wall"),
    Seat(OPERATOR, HOST, HOST, Role.OPERATOR, "desk"),
    Seat(SITE_OPERATOR, WEST, WEST, Role.SITE_OPERATOR, "room"),
    Seat(ARCHIVIST, HOST, HOST, Role.ARCHIVIST, "archive"),
    Seat(REGULATOR, HOST, HOST, Role.REGULATOR, "second person"),
)
SEAT = {seat.code: seat for seat in SEATS}
"""Seat code to seat."""

PRICING = presets.trimmed_mean("30", ceiling_fen=1_200_000_00, above="2", below="1")


def _item(name: str, kind: ItemKind, full: str, *, objective: bool = False) -> Item:
    part = Part.PRELIMINARY if kind is ItemKind.PASS else Part.DETAILED
    return Item(ItemId(name), part, kind, f"title of {name}", f"standard of {name}", full, 1, objective)


ITEMS = (
    _item("form", ItemKind.PASS, "0"),
    _item("licence", ItemKind.PASS, "0", objective=True),
    _item("response", ItemKind.PASS, "0"),
    _item("plan", ItemKind.SCORE, "12"),
    _item("quality", ItemKind.SCORE, "10"),
    _item("safety", ItemKind.SCORE, "8"),
    _item("schedule", ItemKind.SCORE, "8"),
    _item("staff", ItemKind.SCORE, "8"),
    _item("machines", ItemKind.SCORE, "6"),
    _item("record", ItemKind.SCORE, "6.5", objective=True),
    _item("service", ItemKind.SCORE, "5"),
    _item("faults", ItemKind.DEDUCT, "6.5", objective=True),
)
LOT1 = Lot(LOT, "Road section 1", ITEMS, tuple(Bid(bid, f"bidder of {bid}") for bid in BIDS), PRICING, 3)
TENDER = Tender("T-2026-7", "Road", (LOT1,))
LETTER = write_letter(TENDER.code, TENDER.title, (bid.bidder for bid in LOT1.bids), {})
NOTICE = LETTER.sha256
"""Digest of the commitment letter of this tender, no legal person having been entered."""

WITNESSES = ("witness-w", "witness-e")
KEYS = ev.SessionKeys(
    "log", (ev.WitnessKey(WEST, f"{WITNESSES[0]}+00+key"), ev.WitnessKey(EAST, f"{WITNESSES[1]}+00+key")), 2
)
OPEN = co.OpenSession(SESSION, TENDER, SITES, SEATS, KEYS, rehearsal=True, software="0.1.0")


@cache
def private_key(name: str) -> ec.EllipticCurvePrivateKey:
    """Return the P-256 key of a seat, always the same one, so that a failure can be repeated."""
    return ec.derive_private_key(int.from_bytes(hashlib.sha256(name.encode()).digest()[:31]), ec.SECP256R1())


@dataclass(slots=True)
class Person:
    """Somebody on a seat: draws ids and nonces, builds commitments, signs with the key of the browser."""

    seat: Seat
    session: SessionId = SESSION
    key: str = ""
    dice: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        self.key = self.key or f"{self.seat.code}"
        self.dice = random.Random(self.seat.code)

    def new_id(self) -> CommandId:
        """Draw a command id."""
        return CommandId(self.dice.randbytes(16).hex())

    def order(
        self, command: co.SeatCommand, cmd: CommandId | None = None, secrets: tuple[Secret, ...] = ()
    ) -> co.Order:
        """Sign `command` and put it in an order from this seat."""
        cmd = cmd or self.new_id()
        return self.signed(
            co.Order(command, START, self.seat.code, self.seat.site, self.seat.role, cmd, None, secrets)
        )

    def signed(self, order: co.Order) -> co.Order:
        """Return `order` with this person's signature over what it says now."""
        assert isinstance(order.command, co.SeatCommand)
        payload = act_payload(
            actor=order.actor,
            body=body_of(order.command),
            cmd=order.cmd or "",
            session=self.session,
            site=order.site,
            type=co.ACTS[type(order.command)].__name__,
        )
        return replace(order, sig=sign_act(private_key(self.key), payload))

    def secret(self, cmd: CommandId, path: str, value: str) -> tuple[Commitment, Secret]:
        """Draw a nonce and return the commitment for the body, and what opens it."""
        nonce = self.dice.randbytes(32)
        commitment = Commitment(commit(nonce, self.session, cmd, path, value))
        return commitment, Secret(path, value, nonce.hex())

    def check_in(self) -> co.Order:
        public = encode_seat_key(private_key(self.key).public_key())
        return self.order(co.CheckIn(self.seat.code, self.seat.role, public))

    def accept(self, letter: str = NOTICE) -> co.Order:
        return self.order(co.AcceptDiscipline(self.seat.code, letter))

    def enter(
        self, bid: str, item: str, value: str, *, revision: int = 1, reason: str = "", lot: LotId = LOT
    ) -> co.Order:
        cmd = self.new_id()
        value_commit, value_secret = self.secret(cmd, "/value", value)
        reason_commit, reason_secret = self.secret(cmd, "/reason", reason)
        command = co.EnterScore(lot, BidId(bid), ItemId(item), revision, value_commit, reason_commit)
        return self.order(command, cmd, (value_secret, reason_secret))

    def import_bid(self, bid: BidId, price: str, *, lot: LotId = LOT) -> co.Order:
        cmd = self.new_id()
        commitment, secret = self.secret(cmd, "/price", price)
        command = co.ImportBid(lot, bid, f"bidder of {bid}", commitment, DOCUMENT, 8, 1)
        return self.order(command, cmd, (secret,))

    def lock(self, session: Session, part: Part, lot: LotId = LOT) -> co.Order:
        """Close the sheet, with the same reason for everything that the checks ask about."""
        sheet = session.sheet(self.seat.code, lot, part)
        out = session.rejected.get(lot, ())
        text = write_statement(state(sheet, session.lots[lot], part, out, "as seen in the documents"))
        return self.lock_with(digest_of(sheet.cells), text, part, lot)

    def answer(self, finding: str, reason: str = "as the standard says", *, stand: bool = True) -> co.Order:
        cmd = self.new_id()
        commitment, secret = self.secret(cmd, "/reason", reason)
        return self.order(co.AnswerFinding(finding, stand, commitment), cmd, (secret,))

    def lock_with(self, digest: str, statement: str, part: Part, lot: LotId = LOT) -> co.Order:
        """Close a sheet with this digest and this statement, be they right or wrong."""
        cmd = self.new_id()
        commitment, secret = self.secret(cmd, "/statement", statement)
        return self.order(co.LockSheet(lot, part, digest, commitment), cmd, (secret,))


def people() -> dict[SeatCode, Person]:
    """Return everybody, with fresh dice."""
    return {seat.code: Person(seat) for seat in SEATS}


def by_host(command: co.HostCommand) -> co.Order:
    """Return an order of the host's own services."""
    return co.Order(command, START, HOST_ACTOR, HOST, Role.HOST)


def by_node(*facts: ev.NodeEvent, site: SiteId = WEST) -> co.Order:
    """Return an order of a site's node that reports `facts`."""
    told = tuple(co.NodeFact(START, type(one).__name__, one) for one in facts)
    return co.Order(co.RecordFacts(told), START, NODE_ACTOR, site, Role.NODE, CommandId("11" * 16))


def fold(history: Iterable[Fact]) -> Session:
    """Return the session that these facts make."""
    session = Session()
    for fact in history:
        session.evolve(fact)
    return session


def through_bytes(fact: Fact) -> Fact:
    """Write a fact as canonical bytes and read it back as strictly as from a journal."""
    members = {name: to_json(getattr(fact, name)) for name in ("site", "actor", "cmd", "sig")}
    entry = {"t": fact.at, "type": type(fact.event).__name__, "body": body_of(fact.event), **members}
    read = parse_canonical(canonical(entry))
    assert isinstance(read, Mapping)
    return decode_fact(read, fact.secrets)


def assert_replays(history: Sequence[Fact], order: co.Order) -> tuple[Fact, ...]:
    """Decide `order` on the fold of `history` and return the facts, after checking that they replay.

    Raises:
        EvalroomError: the refusal, after checking that it changed nothing.
    """
    live, before = fold(history), fold(history)
    try:
        facts = live.decide(order)
    finally:
        assert before == live, "decide changed the session"
    for fact in facts:
        live.evolve(fact)
        assert fact == through_bytes(fact)
    assert fold([*history, *map(through_bytes, facts)]) == live
    return facts


@dataclass(slots=True)
class Room:
    """A session under way: its history, its live state, and its people."""

    history: list[Fact] = field(default_factory=list)
    session: Session = field(default_factory=Session)
    people: dict[SeatCode, Person] = field(default_factory=people)

    def __getitem__(self, seat: SeatCode) -> Person:
        return self.people[seat]

    def copy(self) -> "Room":
        """Return a room that goes on by itself; folding is quicker than copying the state."""
        return Room(list(self.history), fold(self.history), copy.deepcopy(self.people))

    def give(self, order: co.Order) -> tuple[Fact, ...]:
        """Carry out an order on the live session (quickly: without replaying its history)."""
        facts = self.session.decide(order)
        self.take(*facts)
        return facts

    def try_out(self, order: co.Order) -> tuple[Fact, ...]:
        """Return what `order` would lead to, by `assert_replays`, and leave the room as it is."""
        return assert_replays(self.history, order)

    def take(self, *facts: Fact) -> None:
        for fact in facts:
            self.history.append(fact)
            self.session.evolve(fact)

    def note(self, *events: ev.HostEvent) -> tuple[Fact, ...]:
        return self.give(by_host(co.NoteFacts(tuple(co.HostFact(START, one) for one in events))))

    def advance(self, reason: str = "") -> tuple[Fact, ...]:
        """Let the operator move the session to the next stage."""
        before = self.session.stage
        after = TRANSITIONS[before][ev.StageChanged]
        return self.give(self[OPERATOR].order(co.AdvanceStage(before, after, reason)))

    def fill(self, seat: SeatCode, changes: Mapping[tuple[str, str], str] | None = None) -> None:
        """Let an expert fill in the sheet of this stage, with `changes` in place of the usual values."""
        part = PART_OF[self.session.stage]
        for bid, item in keys_of(self.session.lots[LOT], part, self.session.rejected.get(LOT, ())):
            value = (changes or {}).get((bid, item)) or usual_value(seat, bid, item)
            self.give(
                self[seat].enter(
                    bid, item, value, reason="seen on page 3" if needs_reason(value, item) else ""
                )
            )

    def lock(self, seat: SeatCode) -> None:
        self.give(self[seat].lock(self.session, PART_OF[self.session.stage]))

    def cosign(self) -> None:
        self.note(ev.CheckpointCosigned(self.session.size, "root", WITNESSES))

    def unlock(self) -> tuple[Fact, ...]:
        return self.give(by_host(co.UnlockGroup(LOT, PART_OF[self.session.stage])))

    def review(
        self, changes: Mapping[SeatCode, Mapping[tuple[str, str], str]] | None = None
    ) -> tuple[Fact, ...]:
        """Fill, lock, cosign and unlock all sheets of this stage."""
        for seat in EXPERTS:
            self.fill(seat, (changes or {}).get(seat))
            self.lock(seat)
        self.cosign()
        facts = self.unlock()
        self.answer_all()
        return facts

    def answer_all(self) -> None:
        """Let everybody stand by their values for whatever was found once all had locked."""
        for seat in self.session.experts():
            for one in self.session.findings.open_to(seat):
                self.give(self[seat].answer(one.event.finding))

    def sign(self, seat: SeatCode, stand: Stand = Stand.AGREES, reason: str = "") -> tuple[Fact, ...]:
        digest = self.session.report_digest(LOT)
        return self.give(self[seat].order(co.SignReport(LOT, digest, stand, reason)))


def usual_value(seat: SeatCode, bid: str, item: str) -> str:
    """Return what an expert enters in a cell when a test does not say otherwise: objective items alike for all."""
    if item in ("form", "licence", "response"):
        return PASS
    if item in ("record", "faults"):
        return f"{1 + BIDS.index(BidId(bid))}.5"
    return f"{1 + (EXPERTS.index(seat) + BIDS.index(BidId(bid)) + len(item)) % 4}.5"


def needs_reason(value: str, item: str) -> bool:
    return value == FAIL or item == "faults"


def opened(command: co.OpenSession = OPEN) -> Room:
    """Return a session just opened."""
    room = Room()
    room.give(by_host(command))
    return room


def room_at(stage: Stage) -> Room:
    """Return a session that has just come to `stage`, all people checked in; in `concluded` all have signed."""
    return _room_at(stage).copy()


@cache
def _room_at(stage: Stage) -> Room:
    stages = list(Stage)
    if stage is Stage.GATHERING:
        room = opened()
        for person in room.people.values():
            room.give(person.check_in())
        return room
    room = room_at(stages[stages.index(stage) - 1])
    finish(room)
    room.advance()
    return room


def finish(room: Room) -> None:
    """Do everything a stage asks for, but leave it to the test to advance."""
    match room.session.stage:
        case Stage.GATHERING:
            for bid, price in PRICES.items():
                room.give(room[OPERATOR].import_bid(bid, str(price)))
        case Stage.BRIEFED:
            for seat in EXPERTS:
                room.give(room[seat].accept(room.session.pledge.sha256))
        case Stage.PRELIMINARY | Stage.DETAILED:
            room.review()
        case Stage.REPORTING:
            for one in room.session.problems_of(room.session.lots[LOT]):
                if one.holds_up:
                    writer = room.session.chair or room.session.experts()[0]
                    reason = co.JustifyWarning(LOT, one.code.value, "looked into, and so it stays")
                    room.give(room[writer].order(reason))
        case Stage.SIGNING:
            for seat in EXPERTS:
                room.sign(seat)
        case _:
            pass


def track_started(seat: SeatCode, kind: TrackKind = TrackKind.CAMERA) -> ev.TrackStarted:
    """Return the fact that a seat began to publish a track."""
    return ev.TrackStarted(
        track_id(SEAT[seat].site, seat, kind), seat, kind, MEDIA[kind], ("H264", "opus"), START
    )


def fragment(track: str, reel: int, n: int) -> ev.FragmentRecorded:
    """Return the fact that a fragment of one second is on disk."""
    return ev.FragmentRecorded(
        TrackId(track), reel, n, 44 + 100 * n, 100, DOCUMENT, n * 10**6, 10**6, keyframe=True
    )
