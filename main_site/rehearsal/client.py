"""A seat without a browser: login, socket, outbox, feed, signatures and media, as the page does them."""

import asyncio
import contextlib
import json
import random
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import structlog
from cryptography.hazmat.primitives.asymmetric import ec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from evalroom.checks import state, write_statement
from evalroom.commands import ACTS, AnswerFinding, CastBallot, CheckIn, EnterScore, LockSheet, SeatCommand
from evalroom.draws.facts import DRAW_EVENTS, DrawEvent
from evalroom.draws.state import Draws
from evalroom.encoding import body_of
from evalroom.errors import Refusal
from evalroom.events import Commitment, FindingCode, Secret, SessionOpened, Stage
from evalroom.ids import BidId, CommandId, ItemId, LotId, SeatCode, SessionId, SiteId
from evalroom.ledger.commitment import commit
from evalroom.ledger.signature import act_payload, encode_seat_key, sign_act
from evalroom.media import TrackKind
from evalroom.protocol import messages as m
from evalroom.protocol.feed import FeedReader
from evalroom.protocol.liveness import retry_delay
from evalroom.protocol.subscriber import Acknowledged, Delivered, Rejected, SubscriberEnd
from evalroom.roles import Role
from evalroom.sheet import Cell, Sheet, digest_of, items_of
from evalroom.stages import stage_after
from evalroom.tender import Bid, Lot, Part
from signaling.clock import monotonic_ms
from signaling.codec import decode_event, decode_from_node, encode, parse_json
from signaling.ice import IceSettings
from signaling.synthetic import SyntheticSeat

BIG = 1 << 22


_NO_SESSION = SessionId("")
_DRAWN = frozenset(kind.__name__ for kind in DRAW_EVENTS)


class CommandRefused(Refusal):
    """The host refused what this seat asked for."""

    code = "command_refused"


@dataclass(slots=True)
class SeatView:
    """What a seat knows from its feed: the fold a page keeps too."""

    stage: Stage = Stage.GATHERING
    paused: bool = False
    closed: bool = False
    tender: dict[str, Any] = field(default_factory=dict)
    lots: dict[str, Lot] = field(default_factory=dict)
    rejected: set[str] = field(default_factory=set)
    unlocked: set[str] = field(default_factory=set)
    reports: dict[LotId, str] = field(default_factory=dict)
    """Lot to the digest of its report, once there is one to sign."""
    cells: dict[tuple[str, str, str], Cell] = field(default_factory=dict)
    findings: dict[str, dict[str, Any]] = field(default_factory=dict)
    answered: set[tuple[str, str]] = field(default_factory=set)
    reopened: set[tuple[str, str, str]] = field(default_factory=set)
    members: list[str] = field(default_factory=list)
    ballots: dict[str, dict[str, Any]] = field(default_factory=dict)
    cast: set[tuple[str, int]] = field(default_factory=set)
    chair: str = ""
    sent: list[str] = field(default_factory=list)
    session: SessionId = _NO_SESSION
    draws: Draws = field(default_factory=Draws)
    letter: str = ""
    items: int = 0

    def ballot(self, seat: str) -> dict[str, Any] | None:
        """Return an open vote in which a seat has still to vote in this round."""
        waiting = (
            body
            for body in self.ballots.values()
            if seat in body["voters"] and (body["vote"], body["round"]) not in self.cast
        )
        return next(waiting, None)

    def writer(self) -> str:
        """Name the seat that writes the report's words: the chair, or without one the first member."""
        return self.chair or min(self.members, default="")

    def asked(self, seat: str) -> list[str]:
        """List the findings that a seat has still to answer."""
        return [
            name
            for name, body in self.findings.items()
            if seat in body["seats"] and (name, seat) not in self.answered
        ]

    def owes(self, seat: str) -> bool:
        """Say whether a seat has still to answer, to vote, or to close a sheet again."""
        again = any(one[0] == seat for one in self.reopened)
        return bool(self.asked(seat)) or again or self.ballot(seat) is not None

    def take(self, item: dict[str, Any]) -> None:
        """Fold one item in."""
        self.items += 1
        body = item["body"]
        self.stage = stage_after(item["type"], body, self.stage)
        match item["type"]:
            case "SessionOpened":
                self.tender, self.session = body["tender"], SessionId(body["session"])
                opened = decode_event("SessionOpened", body)
                if isinstance(opened, SessionOpened):
                    self.lots = {lot.id: lot for lot in opened.tender.lots}
                    experts = (seat for seat in opened.seats if seat.role is Role.EXPERT)
                    self.members = [seat.code for seat in experts if not seat.reserve]
            case "ExpertReplaced":
                changed = {body["seat"]: body["newcomer"]}
                self.members = [changed.get(seat, seat) for seat in self.members]
            case "ChairElected":
                self.chair = body["seat"]
            case "QuestionSent":
                self.sent.append(body["question"])
            case "VoteOpened":
                self.ballots[body["vote"]] = body
            case "VoteCounted":
                self.ballots.pop(body["vote"], None)
            case "BallotCast":
                self.cast.add((body["vote"], body["round"]))
            case "ChairElected":
                self.chair = body["seat"]
            case "BidAdmitted" | "DarkBidAdmitted":
                lot = next(one for one in self.tender["lots"] if one["id"] == body["lot"])
                lot["bids"] = [*lot["bids"], {"id": body["bid"], "bidder": body.get("bidder", "")}]
                known = self.lots[body["lot"]]
                bids = (*known.bids, Bid(BidId(body["bid"]), body.get("bidder", "")))
                self.lots[known.id] = replace(known, bids=bids)
            case "LetterIssued":
                self.letter = body["text"]
            case "SessionPaused" | "SessionResumed":
                self.paused = item["type"] == "SessionPaused"
            case "SessionClosed":
                self.closed = True
            case "GroupUnlocked":
                self.unlocked.add(body["part"])
            case "BidsReviewed":
                self.rejected |= {vote["bid"] for vote in body["votes"] if vote["rejected"]}
            case "FindingRaised":
                self.findings[body["finding"]] = body
                if body["code"] == FindingCode.OBJECTIVE_DIFFERS:
                    self.reopened |= {(seat, body["lot"], body["part"]) for seat in body["seats"]}
            case "FindingAnswered":
                self.answered.add((body["finding"], item["actor"]))
            case "SheetLocked":
                self.reopened.discard((item["actor"], body["lot"], body["part"]))
            case "ReportMade":
                self.reports[LotId(body["lot"])] = body["sha256"]
            case "ScoreEntered":
                self._score(body, item.get("opened", {}))
            case kind if kind in _DRAWN:
                self._draw(item)
            case _:
                pass

    def _draw(self, item: dict[str, Any]) -> None:
        event = decode_event(item["type"], item["body"])
        if isinstance(event, DrawEvent):
            self.draws.evolve(event, self.session, item["actor"])

    def _score(self, body: dict[str, Any], opened: dict[str, str]) -> None:
        cell = Cell(
            body["revision"],
            opened["/value"],
            opened["/reason"],
            body["value"]["commit"],
            body["reason"]["commit"],
        )
        self.cells[(body["lot"], body["bid"], body["item"])] = cell


class SeatClient:
    """One synthetic person at one seat."""

    def __init__(
        self, base_url: str, code: str, *, tracks: tuple[TrackKind, ...] = (), loopback: bool = True
    ) -> None:
        """Prepare to log in at the node `base_url` with a one-time code; `tracks` are published."""
        self.base_url = base_url.rstrip("/")
        self.view = SeatView()
        self.seat = SeatCode("")
        self.role = Role.ANYONE
        self.site = SiteId("")
        self.session = SessionId("")
        self.evicted = asyncio.Event()
        self._code = code
        self._tracks = tracks
        self._loopback = loopback
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._cookie = ""
        self._end: SubscriberEnd
        self._media: SyntheticSeat | None = None
        self._generation = 0
        self._welcomed = False
        self._negotiating = asyncio.Lock()
        self._answers: dict[str, asyncio.Future[None]] = {}
        self._changed = asyncio.Event()
        self._wake = asyncio.Event()
        self._log = structlog.get_logger(__name__)
        self._answering: set[asyncio.Task[None]] = set()

    # --- coming in ------------------------------------------------------------------------------------

    async def login(self, patience: int = 5) -> None:
        """Use the code up; a node that does not know it yet is asked `patience` times, a second apart.

        Raises:
            CommandRefused: the node did not take it.
        """
        async with httpx.AsyncClient(base_url=self.base_url, timeout=10) as http:
            answer = await http.post("/api/v1/login", json={"code": self._code})
            while answer.status_code == httpx.codes.UNAUTHORIZED and (patience := patience - 1) > 0:
                await asyncio.sleep(1)  # the roster of a new session is on its way to the sub-sites
                answer = await http.post("/api/v1/login", json={"code": self._code})
            if answer.status_code != httpx.codes.OK:
                raise CommandRefused(reason=answer.text[:300])
            self._cookie = answer.cookies["evalroom_seat"]
            who = answer.json()
        self.seat, self.role, self.session = (
            SeatCode(who["seat"]),
            Role(who["role"]),
            SessionId(who["session"]),
        )
        self._end = SubscriberEnd(self.session)
        self._end.follow("", FeedReader(self.session, self.seat))

    async def run(self) -> None:
        """Stay connected until cancelled or evicted; cancelling drops the socket and the media."""
        attempt = 0
        try:
            while not self.evicted.is_set():
                try:
                    await self._connected_once()
                    attempt = 0
                except (OSError, InvalidHandshake, ConnectionClosed, TimeoutError) as error:
                    self._see_eviction(error)
                    attempt += 1
                self._end.disconnected()
                await asyncio.sleep(retry_delay(attempt, random.random()) / 1000)  # noqa: S311 - jitter
        finally:
            if self._media is not None:
                await self._media.close()

    async def _connected_once(self) -> None:
        url = self.base_url.replace("http", "ws", 1) + "/ws/seat"
        headers = {"Cookie": f"evalroom_seat={self._cookie}"}
        async with connect(
            f"{url}?take={int(self._welcomed)}&media={self._generation}",
            additional_headers=headers,
            max_size=BIG,
            ping_interval=None,
        ) as ws:
            self._take_welcome(parse_json(str(await ws.recv()), BIG))
            self._end.connected(monotonic_ms())
            if self._tracks:
                await ws.send(encode(m.Publish(self._tracks)))
            sender = asyncio.create_task(self._send(ws))
            try:
                async for text in ws:
                    self._take(parse_json(str(text), BIG), ws)
            finally:
                sender.cancel()
                await asyncio.gather(sender, return_exceptions=True)

    def _see_eviction(self, error: Exception) -> None:
        """Somebody else's use of a new code closes the socket with the reason, and every later one as well."""
        closed = error.rcvd if isinstance(error, ConnectionClosed) else None
        if closed is not None and (closed.code, closed.reason) == (1008, "not_seated"):
            self.evicted.set()
            self._changed.set()

    def _take_welcome(self, value: dict[str, Any]) -> None:
        welcome = decode_from_node(value)
        if isinstance(welcome, m.Welcome):
            self.site = welcome.site
            self._welcomed = True  # after a cut, take the pen from the own ghost
            if self._tracks and self._media is None:
                settings = IceSettings(loopback=self._loopback)
                self._media = SyntheticSeat(self.seat, self.site, self._tracks, settings=settings)

    async def _send(self, ws: ClientConnection) -> None:
        while True:
            now = monotonic_ms()
            for message in self._end.messages_to_send(now):
                await ws.send(encode(message))
            deadline = self._end.next_deadline()
            self._wake.clear()
            pause = 1.0 if deadline is None else max(0.0, (deadline - now) / 1000)
            # Not wait_for: on Python 3.11 it swallows a cancellation that meets the event.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(pause, 1.0) or 0.01):
                    await self._wake.wait()

    def _take(self, value: dict[str, Any], ws: ClientConnection) -> None:
        message = decode_from_node(value)
        match message:
            case m.Entries() | m.Held() | m.Refused() | m.Pong():
                self._end.receive(message, monotonic_ms())
                self._settle()
                self._wake.set()
            case m.Offer():
                task = asyncio.create_task(self._answer(message, ws))
                self._answering.add(task)
                task.add_done_callback(self._answering.discard)
            case _:
                pass

    async def _answer(self, offer: m.Offer, ws: ClientConnection) -> None:
        if self._media is None:
            return
        async with self._negotiating:
            answer = await self._media.answer(offer)
            self._generation = offer.generation
        with contextlib.suppress(ConnectionClosed):  # whoever reads the socket sees its end, and dials again
            await ws.send(encode(answer))

    def _settle(self) -> None:
        for event in self._end.events_received():
            match event:
                case Delivered(items=items):
                    for text in items:
                        self.view.take(json.loads(text))
                    self._changed.set()
                case Acknowledged(command_id=one):
                    self._resolve(one, None)
                case Rejected(refusal=refusal):
                    error = CommandRefused(code=refusal.code, **refusal.detail)
                    self._resolve(refusal.command_id, error)
                case _:
                    pass

    def _resolve(self, command_id: str, error: CommandRefused | None) -> None:
        future = self._answers.pop(command_id, None)
        if future is None or future.done():
            return
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)

    # --- acting -----------------------------------------------------------------------------------------

    async def until(self, met: Callable[[SeatView], bool]) -> None:
        """Wait until the feed has brought what `met` asks for.

        Raises:
            CommandRefused: somebody else took the seat.
        """
        while not met(self.view):
            if self.evicted.is_set():
                raise CommandRefused(reason="evicted", seat=self.seat)
            self._changed.clear()
            await self._changed.wait()

    async def give(self, make: Callable[[Mapping[str, Commitment]], SeatCommand], **values: str) -> None:
        """Give a command and wait until it is committed; `values` are its secret members.

        Cancelling does not recall it.

        Raises:
            CommandRefused: nothing has changed.
        """
        command_id = CommandId(secrets.token_hex(16))
        opened = tuple(Secret(f"/{name}", value, secrets.token_hex(32)) for name, value in values.items())
        commitments = {
            one.path[1:]: Commitment(
                commit(bytes.fromhex(one.nonce), self.session, command_id, one.path, one.value)
            )
            for one in opened
        }
        command = make(commitments)
        payload = act_payload(
            actor=self.seat,
            body=body_of(command),
            cmd=command_id,
            session=self.session,
            site=self.site,
            type=ACTS[type(command)].__name__,
        )
        submit = m.Submit(command_id, command, opened, sign_act(self._key, payload))
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._answers[command_id] = future
        self._end.submit(submit)
        self._wake.set()
        await future

    def cookies(self) -> dict[str, str]:
        """Return the seat's cookie for plain requests."""
        return {"evalroom_seat": self._cookie}

    async def check_in(self) -> None:
        """Register this seat's key."""
        await self.until(lambda view: view.items > 0)
        key = encode_seat_key(self._key.public_key())
        await self.give(lambda _: CheckIn(self.seat, self.role, key))

    async def enter(self, lot: str, bid: str, item: str, value: str, reason: str = "") -> None:
        """Set one cell of the own sheet."""
        known = self.view.cells.get((lot, bid, item))
        revision = known.revision + 1 if known else 1

        def make(commitments: Mapping[str, Commitment]) -> EnterScore:
            return EnterScore(
                LotId(lot), BidId(bid), ItemId(item), revision, commitments["value"], commitments["reason"]
            )

        await self.give(make, value=value, reason=reason)

    async def lock(self, lot: str, part: Part, reason: str) -> None:
        """Close the own sheet of a part; `reason` answers whatever the checks ask about."""
        sheet = self.sheet(lot, part)
        rejected = [BidId(bid) for bid in sorted(self.view.rejected)]
        statement = state(sheet, self.view.lots[lot], part, rejected, reason)
        digest = digest_of(sheet.cells)
        await self.give(
            lambda secret: LockSheet(LotId(lot), part, digest, secret["statement"]),
            statement=write_statement(statement),
        )

    async def answer_all(self, reason: str) -> None:
        """Stand by every value that was asked about, and close sheets again that were opened for it."""
        for finding in self.view.asked(self.seat):
            await self.give(
                lambda secret, name=finding: AnswerFinding(name, stand=True, reason=secret["reason"]),  # type: ignore[misc] # its default is no part of its type
                reason=reason,
            )
        for seat, lot, part in sorted(self.view.reopened):
            if seat == self.seat and not self.view.asked(seat):
                await self.lock(lot, Part(part), reason)

    async def vote(self, ballot: Mapping[str, Any], choice: str) -> None:
        """Vote in an open round."""
        await self.give(
            lambda secret: CastBallot(ballot["vote"], ballot["round"], secret["choice"]), choice=choice
        )

    def sheet(self, lot: str, part: Part) -> Sheet:
        """Return the own sheet as the feed has shown it."""
        items = {item.id for item in items_of(self.view.lots[lot], part)}
        return Sheet(
            {
                (BidId(bid), ItemId(item)): cell
                for (of, bid, item), cell in self.view.cells.items()
                if of == lot and item in items
            }
        )
