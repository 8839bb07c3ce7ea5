"""The seats of one session at this node: their sockets, their presence, their feeds and their media.

It serves a seat the same way at the host and at a sub-site; what lies behind (the journal itself, or an outbox
and a dialled link) is the `Backing`.  It holds no rule of the evaluation and decides nothing about visibility:
it passes on what the backing has already cut to size.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from evalroom import roles
from evalroom.errors import EvalroomError, PeerFault, Refusal
from evalroom.ids import CommandId, SeatCode, SessionId, SiteId, TrackId
from evalroom.presence import SeatState
from evalroom.protocol import messages as m
from evalroom.protocol.feed import FeedLog
from evalroom.protocol.liveness import OFFLINE_MS, LinkState, Liveness
from evalroom.protocol.publisher import MESSAGES_AT_ONCE, PublisherEnd
from evalroom.roles import Role
from signaling.clock import monotonic_ms
from signaling.codec import FrameTooLarge, decode_from_seat, encode
from signaling.connection import POLICY, TOO_BIG, Connection, LinkClosed, Wire
from signaling.ice import IceServer, IceSettings
from signaling.peer import SeatPeer
from signaling.relay import Relay

MAX_CONNECTIONS = 4
"""Windows of one seat; a two-window workstation has two, a takeover briefly three."""

MAX_GENERATION = 1 << 31
"""Media connections a seat may claim to have had: what is made of it must stay a number in JSON."""

BURST, PER_SECOND = 400, 100
"""Messages a seat may send at once (a pasted column of 150 cells twice over), and go on sending."""

FORGET_MS = 90_000
"""A window silent for so long is gone, whatever TCP hopes for: after four cuts its ghosts would crowd the seat out.

Pages ping every two seconds; a browser slows a hidden page's timers down to one a minute.
"""

JUDGE_S = 0.5
"""Seconds between two looks at who has gone silent."""


class ReadOnly(Refusal):
    """This seat is being worked on in another window: continue there, or take it over here."""

    code = "read_only"


class TakenOver(Refusal):
    """This seat was taken over in another window; this one only shows what happens."""

    code = "taken_over"


class SeatCrowded(Refusal):
    """This seat has too many windows open: close one of them."""

    code = "seat_crowded"


class Backing(Protocol):
    """What lies behind the seats of a session at this node."""

    @property
    def host_online(self) -> bool:
        """Say whether the host can be reached now."""
        ...

    def feed(self, seat: SeatCode) -> FeedLog:
        """Return the feed of a seat, as far as it is known here."""
        ...

    def give(self, seat: SeatCode, submit: m.Submit) -> None:
        """Take a seat's command; the answer comes through `Seating.acknowledge`, `refuse` or `hold`."""
        ...

    def seat_changed(self, seat: SeatCode, state: LinkState) -> None:
        """Learn that a seat came, went silent or came back."""
        ...

    def may_watch(self, seat: SeatCode, track: TrackId) -> bool:
        """Say whether a seat may see a track live."""
        ...


@dataclass(frozen=True, slots=True)
class SeatPerson:
    """Who a connection speaks for, as the node's register says."""

    seat: SeatCode
    role: Role


@dataclass(slots=True)
class _Window:
    """One socket of a seat."""

    connection: Connection
    publisher: PublisherEnd
    tokens: float = BURST
    refilled: int = 0
    heard: int = 0
    forgotten: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True)
class _Desk:
    """One seat: its windows, which of them writes, its media and when it was last heard.

    `generation` is the last media connection its windows knew of: a node that was restarted counts on from it.
    """

    person: SeatPerson
    windows: list[_Window] = field(default_factory=list)
    pen: _Window | None = None
    peer: SeatPeer | None = None
    generation: int = 0
    liveness: Liveness = field(default_factory=Liveness)
    state: LinkState = LinkState.NEVER
    rtt_ms: int | None = None
    unsent: int = 0


@dataclass(frozen=True, slots=True)
class SeatingTerms:
    """Where this seating is: session, the node's site, and how media finds its way."""

    session: SessionId
    node: SiteId
    site_of: Callable[[SeatCode], SiteId]
    ice: IceSettings
    ice_server: Callable[[], IceServer | None]


class Seating:
    """All seats of one session at this node."""

    def __init__(self, terms: SeatingTerms, backing: Backing, relay: Relay, now: Callable[[], int]) -> None:
        """Begin with empty seats; `now` is the session clock in ms."""
        self._terms = terms
        self._backing = backing
        self._relay = relay
        self._now = now
        self._desks: dict[SeatCode, _Desk] = {}
        self._log = structlog.get_logger(__name__).bind(session=terms.session)

    # --- one connection -----------------------------------------------------------------------------

    async def serve(self, wire: Wire, person: SeatPerson, *, take: bool, generation: int) -> None:
        """Serve one accepted socket until it closes; cancelling closes it and leaves the seat as it is."""
        desk = self._desks.setdefault(person.seat, _Desk(person))
        publisher = PublisherEnd(lambda _: self._backing.feed(person.seat))

        def send_on() -> None:
            if publisher.waiting():
                self._flush(window)

        window = _Window(Connection(wire, person.seat, on_idle=send_on), publisher)
        window.refilled = window.heard = monotonic_ms()
        if len(desk.windows) >= MAX_CONNECTIONS:
            await wire.send_text(encode(_fault(SeatCrowded())))
            await wire.close(POLICY, SeatCrowded.code)
            return
        self._welcome(desk, window, take=take, generation=generation)
        pump = asyncio.create_task(window.connection.run_pump())
        reading = asyncio.create_task(self._read(desk, window))
        silence = asyncio.create_task(window.forgotten.wait())
        try:
            await asyncio.wait({pump, reading, silence}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            desk.windows.remove(window)
            if desk.pen is window:
                desk.pen = None
            for task in (pump, reading, silence):
                task.cancel()
            self._report(await asyncio.gather(pump, reading, return_exceptions=True))

    def _report(self, ends: Iterable[BaseException | None]) -> None:
        for end in ends:
            if isinstance(end, Exception) and not isinstance(end, LinkClosed):
                self._log.error("connection_failed", error=repr(end), exc_info=end)

    def _welcome(self, desk: _Desk, window: _Window, *, take: bool, generation: int) -> None:
        desk.windows.append(window)
        desk.generation = max(desk.generation, min(generation, MAX_GENERATION))
        self._greet(desk, window)
        self._hear(desk)
        if desk.pen is not None and not take and monotonic_ms() - desk.pen.heard < OFFLINE_MS:
            self._send(window, _fault(ReadOnly()))
            return
        self._hand_pen(desk, window)
        if desk.peer is not None and desk.peer.generation != generation:
            desk.peer.take_loss(m.MediaLost(desk.peer.generation))

    def _greet(self, desk: _Desk, window: _Window) -> None:
        person = desk.person
        site = self._terms.site_of(person.seat)
        welcome = m.Welcome(
            self._terms.session, site, person.seat, person.role, self._now(), self._backing.host_online
        )
        self._send(window, welcome)

    def _hand_pen(self, desk: _Desk, window: _Window) -> None:
        if desk.pen is not None:
            self._send(desk.pen, _fault(TakenOver()))
        desk.pen = window

    async def _read(self, desk: _Desk, window: _Window) -> None:
        while True:
            text = await window.connection.wire.receive_text()
            window.heard = monotonic_ms()
            self._hear(desk)
            await self._spend(window)
            try:
                message = decode_from_seat(text)
                roles.demand(message.kind, desk.person.role, roles.MESSAGES)
                self._take(desk, window, message)
            except PeerFault as fault:
                self._log.warning("bad_message", seat=desk.person.seat, code=fault.code, detail=fault.detail)
                self._send(window, _fault(fault))
                window.connection.close(TOO_BIG if isinstance(fault, FrameTooLarge) else POLICY, fault.code)
            except EvalroomError as refusal:
                self._send(window, _fault(refusal))

    async def _spend(self, window: _Window) -> None:
        """Read no faster than a seat may send: a flood waits in its own socket."""
        now = monotonic_ms()
        window.tokens = min(BURST, window.tokens + (now - window.refilled) * PER_SECOND / 1000) - 1
        window.refilled = now
        if window.tokens < 0:
            await asyncio.sleep(-window.tokens / PER_SECOND)

    def _take(self, desk: _Desk, window: _Window, message: m.FromSeat) -> None:
        match message:
            case m.Ping():
                desk.rtt_ms, desk.unsent = message.rtt_ms, message.unsent
                self._send(window, m.Pong(message.sent_ms, self._now()))
                self._pass_pen(desk)
            case m.Subscribe():
                self._subscribe(window, message)
            case m.Submit():
                self._submit(desk, window, message)
            case m.Publish() | m.Watch() | m.Answer() | m.MediaLost():
                self._media(desk, window, message)

    def _subscribe(self, window: _Window, message: m.Subscribe) -> None:
        if message.audience:
            raise roles.NotPermitted(kind="subscribe", audience=message.audience)
        window.publisher.subscribe("", message.since)
        self._flush(window)

    def _submit(self, desk: _Desk, window: _Window, submit: m.Submit) -> None:
        refusal: EvalroomError | None = None
        if submit.seat:
            refusal = roles.NotPermitted(kind="submit", seat=submit.seat)
        elif desk.pen is not window:
            refusal = ReadOnly()
        if refusal is not None:
            self._send(window, refused(submit.command_id, refusal))
            return
        self._backing.give(desk.person.seat, submit)

    def _media(
        self, desk: _Desk, window: _Window, message: m.Publish | m.Watch | m.Answer | m.MediaLost
    ) -> None:
        if desk.pen is not window:
            return
        if desk.peer is None:
            desk.peer = self._new_peer(desk)
        desk.peer.handle(message)

    def _new_peer(self, desk: _Desk) -> SeatPeer:
        seat = desk.person.seat
        return SeatPeer(
            self._relay,
            lambda offer: self._to_pen(desk, offer),
            site=self._terms.site_of(seat),
            seat=seat,
            may_watch=lambda track: self._may_watch(desk, track),
            settings=self._terms.ice,
            server=self._terms.ice_server(),
            after=desk.generation,
        )

    def _may_watch(self, desk: _Desk, track: TrackId) -> bool:
        return desk.person.role in roles.MAY_WATCH and self._backing.may_watch(desk.person.seat, track)

    def _to_pen(self, desk: _Desk, message: object) -> None:
        if desk.pen is not None:
            self._send(desk.pen, message)

    def _send(self, window: _Window, message: object) -> None:
        window.connection.send(encode(message))

    # --- what comes back from behind ------------------------------------------------------------------

    def grew(self, seat: SeatCode) -> None:
        """Send on what a seat's feed has gained, soon: in one message with the acknowledgement if one follows."""
        desk = self._desks.get(seat)
        if desk is not None:
            asyncio.get_running_loop().call_soon(self._flush_all, desk)

    def _flush_all(self, desk: _Desk) -> None:
        for window in desk.windows:
            self._flush(window)

    def _flush(self, window: _Window) -> None:
        """Send on what the feed has, as much as the queue takes well; the rest follows when it has gone out."""
        place = MESSAGES_AT_ONCE - window.connection.queued
        for message in window.publisher.messages_to_send("", place) if place > 0 else ():
            self._send(window, message)

    def acknowledge(self, seat: SeatCode, command_id: CommandId) -> None:
        """Tell a seat that its command is committed."""
        desk = self._desks.get(seat)
        if desk is not None and desk.pen is not None:
            desk.pen.publisher.acknowledge("", command_id)
            self._flush(desk.pen)

    def refuse(self, seat: SeatCode, refusal: m.Refused) -> None:
        """Tell a seat that its command changed nothing."""
        self.tell(seat, encode(refusal), pen=True)

    def hold(self, seat: SeatCode, command_ids: tuple[CommandId, ...]) -> None:
        """Tell a seat that its commands are kept on disk here until the host is reached."""
        self.tell(seat, encode(m.Held(command_ids)), pen=True)

    def tell(self, seat: SeatCode, text: str, *, pen: bool = False) -> None:
        """Send a message, already written, to all windows of a seat, or to the one that writes."""
        desk = self._desks.get(seat)
        for window in desk.windows if desk else ():
            if not pen or window is desk.pen:  # type: ignore[union-attr] # a window has a desk
                window.connection.send(text)

    def seated(self) -> list[SeatPerson]:
        """List who has a window open."""
        return [desk.person for desk in self._desks.values() if desk.windows]

    def end_seat(self, seat: SeatCode) -> None:
        """Close a seat's windows: its cookie is no longer good."""
        desk = self._desks.get(seat)
        for window in desk.windows if desk else ():
            window.connection.close(POLICY, "not_seated")

    # --- presence -------------------------------------------------------------------------------------

    def states(self) -> tuple[SeatState, ...]:
        """Say how each seat that ever came looks now."""
        return tuple(
            SeatState(desk.person.seat, str(desk.state), desk.rtt_ms, desk.unsent)
            for desk in self._desks.values()
        )

    async def run(self) -> None:
        """Judge presence until cancelled; cancelling changes nothing."""
        while True:
            for desk in list(self._desks.values()):
                self._judge(desk)
                self._forget_silent(desk)
            await asyncio.sleep(JUDGE_S)

    def _hear(self, desk: _Desk) -> None:
        desk.liveness.heard = monotonic_ms()
        self._judge(desk)

    def _judge(self, desk: _Desk) -> None:
        before, desk.state = desk.state, desk.liveness.state(monotonic_ms())
        if before is desk.state:
            return
        self._backing.seat_changed(desk.person.seat, desk.state)
        if desk.state is LinkState.OFFLINE and desk.peer is not None and not desk.peer.connected:
            desk.peer.set_publish({})
            desk.peer.set_view(())

    def _forget_silent(self, desk: _Desk) -> None:
        for window in desk.windows:
            if monotonic_ms() - window.heard >= FORGET_MS:
                window.forgotten.set()

    def _pass_pen(self, desk: _Desk) -> None:
        """Give the pen to a reading window when the writing one is gone."""
        if desk.pen is None and desk.windows:
            self._hand_pen(desk, desk.windows[-1])
            self._greet(desk, desk.windows[-1])  # a second welcome tells a reading window that it writes now

    async def close(self) -> None:
        """Close all windows and media connections; cancelling leaves the rest to the process's end."""
        for desk in self._desks.values():
            for window in desk.windows:
                window.connection.close(1001, "going away")
            if desk.peer is not None:
                await desk.peer.close()


def _fault(error: EvalroomError) -> m.Fault:
    return m.Fault(error.code, error.sentence())


def refused(command_id: CommandId, error: EvalroomError, seat: str = "") -> m.Refused:
    """Write a refusal for the wire."""
    return m.Refused(command_id, error.code, error.sentence(), error.detail, seat)
