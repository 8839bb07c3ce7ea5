"""Real peer connections over the loopback, without a browser: a node's end and a seat's end in one loop."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from evalroom.ids import SeatCode, SiteId, TrackId
from evalroom.media import GapCause, Medium, Packet, SenderReport, TrackKind, track_of
from evalroom.protocol.messages import Answer, Offer, Publish, Watch
from signaling.engine import receiver_of
from signaling.ice import IceServer, IceSettings
from signaling.peer import SeatPeer
from signaling.relay import Relay, TrackEvent
from signaling.synthetic import Studio, SyntheticSeat
from tests.patience import PATIENCE_S

LOOPBACK = IceSettings(loopback=True)
SITE = SiteId("west")
E1 = SeatCode("E1")
CAMERA = track_of(SITE, E1, TrackKind.CAMERA)
SCREEN = track_of(SITE, E1, TrackKind.SCREEN)
SMALL = {TrackKind.CAMERA: Studio(160, 96, 30, 100_000), TrackKind.SCREEN: Studio(320, 192, 10, 100_000)}


async def until(condition: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
    """Wait for `condition`, and fail when it has not come true in time."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in code that knows no tests
            await asyncio.sleep(0.005)


class Sink:
    """Remember what came."""

    def __init__(self, wants: Literal["arrival", "repaired"] = "repaired") -> None:
        self.wants: Literal["arrival", "repaired"] = wants
        self.packets: list[Packet] = []
        self.reports: list[SenderReport] = []
        self.gaps: list[tuple[Medium, int, int, GapCause]] = []
        self.ends: list[GapCause | None] = []

    def on_packet(self, packet: Packet) -> None:
        self.packets.append(packet)

    def on_sender_report(self, report: SenderReport) -> None:
        self.reports.append(report)

    def on_gap(self, medium: Medium, first: int, last: int, cause: GapCause) -> None:
        self.gaps.append((medium, first, last, cause))

    def on_end(self, cause: GapCause | None) -> None:
        self.ends.append(cause)

    def seqs(self, medium: Medium = Medium.VIDEO) -> list[int]:
        return [packet.seq for packet in self.packets if packet.medium is medium]


@dataclass
class Node:
    """A node's relay with its events, and everything that must be closed at the end."""

    relay: Relay
    stack: AsyncExitStack
    events: list[TrackEvent] = field(default_factory=list)
    watched: list[frozenset[TrackId]] = field(default_factory=list)
    settings: IceSettings = LOOPBACK
    server: IceServer | None = None

    def task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self.stack.callback(task.cancel)
        return task

    async def seat(
        self,
        code: str = "E1",
        kinds: tuple[TrackKind, ...] = (),
        *,
        publish: bool = True,
        may_watch: Callable[[TrackId], bool] = lambda _track: True,
    ) -> "Seat":
        """Return a synthetic seat that answers this node's offers and publishes `kinds`."""
        offers: asyncio.Queue[Offer] = asyncio.Queue()
        there = SyntheticSeat(
            SeatCode(code), SITE, kinds, settings=self.settings, server=self.server, studios=SMALL
        )
        here = SeatPeer(
            self.relay,
            offers.put_nowait,
            site=SITE,
            seat=SeatCode(code),
            may_watch=may_watch,
            settings=self.settings,
            server=self.server,
        )
        self.stack.push_async_callback(there.close)
        self.stack.push_async_callback(here.close)
        seat = Seat(here, there, offers)
        self.task(seat.answer_all())
        if kinds and publish:
            here.handle(Publish(kinds))
            await until(lambda: all(self.relay.source(track_of(SITE, there.code, k).id) for k in kinds))
        return seat


@dataclass
class Seat:
    """Both ends of one seat's connection."""

    here: SeatPeer
    there: SyntheticSeat
    offers: asyncio.Queue[Offer]
    answered: list[tuple[Offer, Answer]] = field(default_factory=list)
    mute: bool = False

    async def answer_all(self) -> None:
        while True:
            offer = await self.offers.get()
            answer = await self.there.answer(offer)
            self.answered.append((offer, answer))
            if not self.mute:
                self.here.handle(answer)

    def watch(self, *tracks: TrackId) -> None:
        self.here.handle(Watch(tuple(tracks)))

    def received(self, generation: int = 1) -> list[int]:
        """Return the packets received per m-line that carries any."""
        pc = self.there.connection(generation)
        counted = [receiver_of(t).statistics.values() for t in pc.getTransceivers()] if pc else []
        return [sum(c.packets_received for c in line) for line in counted if line]


@asynccontextmanager
async def node(settings: IceSettings = LOOPBACK, server: IceServer | None = None) -> AsyncIterator[Node]:
    """Give a running relay; everything made through it is closed at the end."""
    async with AsyncExitStack() as stack:
        events: list[TrackEvent] = []
        watched: list[frozenset[TrackId]] = []
        relay = Relay(on_event=events.append, on_watched=watched.append)
        here = Node(relay, stack, events, watched, settings, server)
        here.task(here.relay.run())
        yield here
