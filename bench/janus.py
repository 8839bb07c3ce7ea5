"""Janus 1.1.2 as Debian ships it: its own folder of settings, one VideoRoom, driven over its WebSocket API.

Everything but VideoRoom and the WebSocket transport is disabled; it records each publisher to .mjr files.
"""

import asyncio
import contextlib
import json
import resource
import secrets
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import websockets
from aiortc import RTCPeerConnection, RTCSessionDescription
from websockets.asyncio.client import ClientConnection

from bench import peers
from bench.machine import free_port
from bench.servers import running
from evalroom.media import Medium
from signaling.engine import PassSender, new_connection, preferred_codecs, sender_of
from signaling.ice import IceSettings
from signaling.sdp import spread

ROOM = 1
KEEPALIVE_S = 25
_PLUGINS = "audiobridge duktape echotest lua nosip recordplay sip streaming textroom videocall voicemail"
_TRANSPORTS = "http mqtt nanomsg pfunix rabbitmq"


def _libraries(names: str) -> str:
    return ",".join(f"libjanus_{name}.so" for name in names.split())


def write_config(folder: Path, port: int, interface: str) -> None:
    """Write the three files it needs; libconfig syntax."""
    folder.mkdir(parents=True, exist_ok=True)
    library = next(Path("/usr/lib").glob("*/janus"))
    (folder / "janus.jcfg").write_text(
        f"""general: {{
  configs_folder = "{folder}"
  plugins_folder = "{library}/plugins"
  transports_folder = "{library}/transports"
  events_folder = "{library}/events"
  loggers_folder = "{library}/loggers"
  debug_level = 3
}}
media: {{ rtp_port_range = "22000-24000" }}
nat: {{ ice_enforce_list = "{interface}" }}
plugins: {{ disable = "{_libraries(_PLUGINS)}" }}
transports: {{ disable = "{_libraries(_TRANSPORTS)}" }}
events: {{ broadcast = false }}
""",
        "utf-8",
    )
    (folder / "janus.transport.websockets.jcfg").write_text(
        f'general: {{ ws = true\n ws_port = {port}\n ws_interface = "lo"\n }}\nadmin: {{ admin_ws = false }}\n',
        "utf-8",
    )
    (folder / "janus.plugin.videoroom.jcfg").write_text(
        f"""general: {{ }}
room-{ROOM}: {{
  description = "bench"
  secret = "bench"
  publishers = 32
  bitrate = 0
  fir_freq = 2
  audiocodec = "opus"
  videocodec = "h264"
  h264_profile = "42e01f"
  transport_wide_cc_ext = false
  record = true
  rec_dir = "{folder / "rec"}"
}}
""",
        "utf-8",
    )
    (folder / "rec").mkdir(exist_ok=True)


class Janus:
    """One running Janus and our WebSocket to it."""

    name = "Janus 1.1.2"

    def __init__(self, pid: int, port: int, recordings: Path) -> None:
        self.pid = pid
        self.recordings = recordings
        self._port = port
        self._socket: ClientConnection
        self._session = 0
        self._answers: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._feeds: dict[str, int] = {}

    @classmethod
    @contextlib.contextmanager
    def open(cls, program: str, scratch: Path, interface: str) -> Iterator["Janus"]:
        folder, port = scratch / f"janus-{secrets.token_hex(3)}", free_port()
        write_config(folder, port, interface)
        with running([program, "-F", str(folder)], folder / "log", port=port) as process:
            yield cls(process.pid, port, folder / "rec")

    async def start(self, publishers: list[str], viewers: list[str]) -> None:  # noqa: ARG002 - the room is open
        """Open the WebSocket and a Janus session."""
        uri = f"ws://127.0.0.1:{self._port}"
        protocol = websockets.Subprotocol("janus-protocol")
        self._socket = await websockets.connect(uri, subprotocols=[protocol], max_size=None)
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._keep_alive())]
        self._session = int((await self._ask({"janus": "create"}))["data"]["id"])

    async def publish(self, name: str) -> tuple[RTCPeerConnection, dict[Medium, PassSender]]:
        """Join as a publisher and return the connection and its senders."""
        handle = await self._attach()
        join = {"request": "join", "ptype": "publisher", "room": ROOM, "display": name}
        joined = await self._message(handle, join)
        self._feeds[name] = int(joined["plugindata"]["data"]["id"])
        pc = new_connection(IceSettings())
        senders = {}
        for medium in (Medium.AUDIO, Medium.VIDEO):
            transceiver = pc.addTransceiver(medium.value, "sendonly")
            transceiver.setCodecPreferences(preferred_codecs(medium)[:1])
            senders[medium] = sender_of(transceiver)
        await pc.setLocalDescription()
        body = {"request": "configure", "audio": True, "video": True, "record": True, "filename": name}
        offer = {"type": "offer", "sdp": pc.localDescription.sdp}
        answer = await self._message(handle, body, offer)
        await pc.setRemoteDescription(RTCSessionDescription(spread(answer["jsep"]["sdp"]), "answer"))
        return pc, senders

    async def view(self, viewer: str, names: list[str]) -> RTCPeerConnection:  # noqa: ARG002 - viewers are nameless here
        """Subscribe to publishers over one connection and return it."""
        handle = await self._attach()
        streams = [{"feed": self._feeds[name]} for name in names]
        body = {"request": "join", "ptype": "subscriber", "room": ROOM, "streams": streams}
        offer = await self._message(handle, body)
        pc = new_connection(IceSettings())
        await pc.setRemoteDescription(RTCSessionDescription(spread(offer["jsep"]["sdp"]), "offer"))
        await pc.setLocalDescription()
        answer = {"type": "answer", "sdp": pc.localDescription.sdp}
        await self._message(handle, {"request": "start", "room": ROOM}, answer)
        return pc

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await self._socket.close()

    def make_playable(self) -> float:
        """Run janus-pp-rec over all .mjr files and return its CPU seconds; nan without the program."""
        if peers.debian_peer("janus-pp-rec", "janus-tools") is None:
            return float("nan")
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        for source in self.recordings.glob("*.mjr"):
            target = source.with_suffix(".mp4" if "video" in source.name else ".opus")
            subprocess.run(["janus-pp-rec", str(source), str(target)], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    async def _attach(self) -> int:
        request = {"janus": "attach", "plugin": "janus.plugin.videoroom", "session_id": self._session}
        return int((await self._ask(request))["data"]["id"])

    async def _message(
        self, handle: int, body: Mapping[str, object], jsep: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        request = {"janus": "message", "session_id": self._session, "handle_id": handle, "body": body}
        answer = await self._ask({**request, "jsep": jsep} if jsep else request)
        trouble = answer.get("plugindata", {}).get("data", {}).get("error")
        if trouble:
            raise RuntimeError(f"Janus refused {body['request']}: {trouble}")
        return answer

    async def _ask(self, request: Mapping[str, object]) -> dict[str, Any]:
        transaction = secrets.token_hex(6)
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answers[transaction] = future
        await self._socket.send(json.dumps({**request, "transaction": transaction}))
        answer = await asyncio.wait_for(future, 20)
        if answer["janus"] == "error":
            raise RuntimeError(f"Janus refused {request['janus']}: {answer['error']}")
        return answer

    async def _read(self) -> None:
        async for text in self._socket:
            said = json.loads(text)
            future = self._answers.get(said.get("transaction", ""))
            if future is not None and not future.done() and said["janus"] != "ack":
                future.set_result(said)

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(KEEPALIVE_S)
            await self._ask_without_answer({"janus": "keepalive", "session_id": self._session})

    async def _ask_without_answer(self, request: Mapping[str, object]) -> None:
        await self._socket.send(json.dumps({**request, "transaction": secrets.token_hex(6)}))
