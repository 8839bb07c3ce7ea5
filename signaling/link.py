"""The media of two nodes: one connection between them, tracks on demand both ways.

The host's node offers, whoever dialled, so offers never cross.  A node says which tracks of the other it
wants; packets cross the link only while somebody watches, one copy each, and arrive as sources of their own
for the viewers here.  A m-line nobody wants falls silent and is used again.
"""

import asyncio
import time
from collections.abc import Callable, Iterable

import structlog

from evalroom.ids import TrackId
from evalroom.media import GapCause, Medium, Track
from evalroom.protocol.messages import Answer, MediaLost, Offer, Watch
from signaling.engine import receiver_of, sender_of
from signaling.ice import IceServer, IceSettings
from signaling.peer import BEAT, LINGER, Connection, MalformedDescription, OfferingPeer
from signaling.relay import Relay
from signaling.sdp import fingerprint

OfferingMessage = Answer | Watch | MediaLost


class OfferingLink(OfferingPeer):
    """The host's end of a link: it makes the offers."""

    def __init__(
        self,
        relay: Relay,
        send: Callable[[Offer], None],
        *,
        settings: IceSettings | None = None,
        server: IceServer | None = None,
        name: str,
    ) -> None:
        """Begin idle; `name` stands in the log."""
        super().__init__(relay, send, settings=settings or IceSettings(), server=server, name=name)

    def want(self, tracks: Iterable[Track]) -> None:
        """Receive exactly these tracks of the other node from now on; each becomes a source of this relay."""
        self.set_publish({track.id: track for track in tracks})

    def handle(self, message: OfferingMessage) -> None:
        """Take one message of the other node; never waits.

        Raises:
            TooManyTracks: for more than one connection carries.
            UnknownTrackKind: for a name that is no track.
            UnexpectedAnswer: for an answer nobody asked for.
        """
        match message:
            case Watch(tracks=tracks):
                self.set_view(TrackId(track) for track in tracks)
            case Answer():
                self.take_answer(message)
            case MediaLost():
                self.take_loss(message)


class AnsweringLink:
    """The sub-site's end of a link: it answers, and says by messages what it wants."""

    def __init__(
        self,
        relay: Relay,
        send: Callable[[Answer | Watch | MediaLost], None],
        *,
        settings: IceSettings | None = None,
        server: IceServer | None = None,
        name: str,
    ) -> None:
        """Begin without a connection; must be called in a running event loop."""
        self._relay = relay
        self._send = send
        self._settings = settings or IceSettings()
        self._server = server
        self._log = structlog.get_logger(__name__).bind(peer=name)
        self._wanted: dict[str, Track] = {}
        self._connections: dict[int, Connection] = {}
        self._makers: dict[int, str] = {}
        self._offers: asyncio.Queue[Offer] = asyncio.Queue()
        self._closing: set[asyncio.Task[None]] = set()
        self._tasks = [asyncio.create_task(self._drive()), asyncio.create_task(self._beat())]

    @property
    def connected(self) -> bool:
        """Say whether the youngest connection is up."""
        return bool(self._connections) and self._connections[max(self._connections)].connected

    def want(self, tracks: Iterable[Track]) -> None:
        """Ask for exactly these tracks of the other node; each becomes a source of this relay."""
        wanted = {track.id: track for track in tracks}
        if wanted.keys() != self._wanted.keys():
            self._wanted = {str(name): track for name, track in wanted.items()}
            self.renew()

    def renew(self) -> None:
        """Say once more what is wanted: the socket to the other node is a new one."""
        self._send(Watch(tuple(self._wanted)))

    def handle(self, message: Offer) -> None:
        """Take an offer; never waits.  Its answer follows through `send`."""
        self._offers.put_nowait(message)

    async def close(self) -> None:
        """Close all connections; cancelling leaves them to be collected."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        connections, self._connections = list(self._connections.values()), {}
        await asyncio.gather(*(connection.close(None) for connection in connections))
        await asyncio.gather(*self._closing, return_exceptions=True)

    async def _drive(self) -> None:
        while True:
            offer = await self._offers.get()
            try:
                await self._answer(offer)
            except MalformedDescription as error:
                self._log.warning("offer_refused", error=str(error))
                self._send(MediaLost(offer.generation))
            except Exception as error:  # noqa: BLE001 - logged, and answered by asking for a new connection
                self._log.error("answer_failed", error=repr(error))
                self._send(MediaLost(offer.generation))

    async def _answer(self, offer: Offer) -> None:
        connection = self._connection_for(offer)
        await connection.apply(offer.sdp, "offer")
        self._shape(connection, offer)
        self._send(Answer(offer.generation, await connection.describe()))

    def _shape(self, connection: Connection, offer: Offer) -> None:
        sent = {mid.mid: TrackId(mid.track) for mid in offer.publish}
        heard = {mid.mid: self._wanted[mid.track] for mid in offer.view if mid.track in self._wanted}
        connection.keep([track.id for track in heard.values()], sent.values())
        for transceiver in connection.pc.getTransceivers():
            mid, medium = transceiver.mid or "", Medium(transceiver.kind)
            transceiver.direction = "sendonly" if mid in sent else "recvonly" if mid in heard else "inactive"
            if mid in sent:
                connection.viewer(sent[mid]).speak(medium, sender_of(transceiver))
            elif mid in heard:
                publication = connection.publication(heard[mid].id, heard[mid])
                publication.listen(medium, receiver_of(transceiver))

    def _connection_for(self, offer: Offer) -> Connection:
        """Return the connection an offer is about.

        A host that was restarted numbers from 1 again, with another certificate: that is another connection.
        """
        connection, maker = self._connections.get(offer.generation), fingerprint(offer.sdp)
        if connection is not None and self._makers.get(offer.generation) == maker:
            return connection
        if connection is not None:
            self._dismiss(offer.generation, linger=0)
        self._makers[offer.generation] = maker
        return self._make(offer.generation)

    def _make(self, generation: int) -> Connection:
        connection = Connection(generation, self._relay, self._settings, self._server)
        for number in [n for n, other in self._connections.items() if not other.connected]:
            self._dismiss(number, linger=0)
        self._connections[generation] = connection
        connection.pc.on("connectionstatechange", lambda: self._state_changed(connection))
        return connection

    def _state_changed(self, connection: Connection) -> None:
        state = connection.pc.connectionState
        self._log.info("media_connection", generation=connection.generation, state=state)
        if state == "connected":
            for number in [number for number in self._connections if number < connection.generation]:
                self._dismiss(number, linger=LINGER)
        elif state in ("failed", "closed"):
            connection.end(GapCause.LINK)
            if self._connections.get(connection.generation) is connection:
                self._send(MediaLost(connection.generation))

    def _dismiss(self, number: int, *, linger: float) -> None:
        self._makers.pop(number, None)
        task = asyncio.create_task(_close_later(self._connections.pop(number), linger))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT)
            now = time.monotonic_ns()
            for connection in list(self._connections.values()):
                connection.beat(now)


async def _close_later(connection: Connection, linger: float) -> None:
    await asyncio.sleep(linger)
    await connection.close(GapCause.LINK)
