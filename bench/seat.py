"""A seat's socket for benchmarks: JSON in and out, heartbeats, offers answered without a codec at this end."""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

from aiortc import RTCPeerConnection, RTCSessionDescription

from bench.wire import Client, masked
from evalroom.encoding import to_json
from evalroom.media import Medium
from evalroom.protocol import messages as m
from signaling.engine import PassSender, new_connection, sender_of, set_loopback
from signaling.ice import IceSettings
from signaling.sdp import compact, spread

HEARTBEAT_S = 2.0


class SeatLink:
    """One seat's connection to its node; `on_message` gets what is neither offer nor heartbeat."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.on_message: Callable[[dict[str, Any]], None] = lambda _message: None
        self.pc: RTCPeerConnection | None = None
        self.senders: dict[Medium, PassSender] = {}
        self.answered = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        client.on_frame = self._received
        self._spawn(self._beat())

    def connection(self) -> RTCPeerConnection:
        assert self.pc is not None, "no offer came"
        return self.pc

    def send(self, message: object) -> None:
        self.client.send(masked(json.dumps(to_json(message), separators=(",", ":")).encode()))

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        self.client.close()

    def _received(self, payload: bytes) -> None:
        message = json.loads(payload)
        if message["kind"] == "offer":
            self._spawn(self._answer(message))
        elif message["kind"] != "pong":
            self.on_message(message)

    async def _answer(self, offer: dict[str, Any]) -> None:
        pc = self.pc = self.pc or new_connection(IceSettings())
        await pc.setRemoteDescription(RTCSessionDescription(spread(offer["sdp"]), "offer"))
        published = {mid["mid"]: Medium(mid["medium"]) for mid in offer["publish"]}
        viewed = {mid["mid"] for mid in offer["view"]}
        for transceiver in pc.getTransceivers():
            mid = transceiver.mid or ""
            transceiver.direction = (
                "sendonly" if mid in published else "recvonly" if mid in viewed else "inactive"
            )
            if mid in published:
                self.senders[published[mid]] = sender_of(transceiver)
        set_loopback(pc, loopback=False)
        await pc.setLocalDescription()
        self.send(m.Answer(int(offer["generation"]), compact(pc.localDescription.sdp)))
        self.answered.set()

    async def _beat(self) -> None:
        while True:
            self.send(m.Ping(int(time.time() * 1000)))
            await asyncio.sleep(HEARTBEAT_S)

    def _spawn(self, work: Any) -> None:  # noqa: ANN401 - a coroutine
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            raise task.exception() or RuntimeError
