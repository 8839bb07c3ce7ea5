"""A host under test: `evalroom serve` in a process of its own, sessions opened, seats taken, through its own door.

Nothing is short-cut: codes are exchanged for cookies over HTTP, every seat checks in with a P-256 key over its
socket, the operator brings the bids in and advances the stages.  Only then may a benchmark begin.
"""

import asyncio
import contextlib
import io
import json
import secrets
import sys
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
from pypdf import PdfWriter

from bench.machine import free_port
from bench.people import BIDS, NOTICE, OPERATOR, Document, Person, frame_of, import_of, template_of
from bench.servers import running
from bench.wire import Client
from evalroom.commands import AcceptDiscipline, AdvanceStage, CheckIn
from evalroom.events import Stage
from evalroom.ids import BidId, SeatCode, SessionId
from evalroom.ledger.signature import encode_seat_key
from evalroom.roles import Role
from main_site.template import SessionTemplate, write_toml

_CODE = "bench-operator"


class Refused(Exception):
    """The host did not take what a benchmark's set-up asked for."""


class Centre:
    """One running host."""

    def __init__(self, pid: int, port: int, folder: Path) -> None:
        self.pid, self.port, self.folder = pid, port, folder
        self.people: dict[tuple[SessionId, SeatCode], Person] = {}

    @classmethod
    @contextlib.contextmanager
    def open(cls, scratch: Path, *wrapper: str, **environment: str) -> Iterator["Centre"]:
        """Run a host with an empty data folder; `wrapper` may be a profiler."""
        port, folder = free_port(), scratch / f"host-{secrets.token_hex(3)}"
        program = str(Path(sys.executable).with_name("evalroom"))
        command = [*wrapper, program, "serve", "--port", str(port), "--data-dir", str(folder)]
        kept = {"EVALROOM_OPERATOR_CODE": _CODE, **environment}
        with running(command, scratch / f"{folder.name}.log", port=port, **kept) as process:
            yield cls(process.pid, port, folder)

    async def open_session(self, name: str, seats: dict[str, Role], stage: Stage) -> list[Person]:
        """Open a session with these seats, seat everybody, and lead it to `stage`; return all but the operator."""
        session = SessionId(name)
        issued = await self._open(template_of(session, seats))
        people = [Person(session, SeatCode(one["seat"]), Role(one["role"]), one["code"]) for one in issued]
        await _in_groups(self._sit_down(one) for one in people)
        for one in people:
            self.people[session, one.seat] = one
        operator = next(one for one in people if one.seat == OPERATOR)
        experts = [one for one in people if one.role is Role.EXPERT]
        await self._lead(operator, experts, stage)
        return [one for one in people if one is not operator]

    async def socket(self, person: Person, query: str = "") -> Client:
        """Open a seat's socket."""
        return await Client.open(self.port, f"/ws/seat{query}", f"Cookie: evalroom_seat={person.cookie}\r\n")

    async def _open(self, template: SessionTemplate) -> list[dict[str, Any]]:
        async with self.operator() as http:
            answer = await http.post("/api/v1/sessions", content=write_toml(template).encode())
            seats: list[dict[str, Any]] = _check(answer)["seats"]
            return seats

    @contextlib.asynccontextmanager
    async def operator(self) -> AsyncIterator[httpx.AsyncClient]:
        """Log in as the centre's operator and yield the HTTP client."""
        async with self._http() as http:
            _check(await http.post("/api/v1/operator/login", json={"code": _CODE}))
            yield http

    def _http(self) -> httpx.AsyncClient:
        # verify=False: there is no TLS here, and loading the trusted roots takes 30 ms for every client
        return httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", timeout=60, verify=False)  # noqa: S501

    async def _sit_down(self, person: Person) -> None:
        async with self._http() as http:
            _check(await http.post("/api/v1/login", json={"code": person.code}))
            person.cookie = next(iter(http.cookies.values()))
        check_in = CheckIn(person.seat, person.role, encode_seat_key(person.key.public_key()))
        await self.give(person, [frame_of(person.submit(check_in))])

    async def _lead(self, operator: Person, experts: list[Person], stage: Stage) -> None:
        for number, bid in enumerate(BIDS):
            order = import_of(operator, bid, 1_000_000 + number, await self._put_document(bid))
            await self.give(operator, [frame_of(order)])
        stages = list(Stage)[list(Stage).index(Stage.GATHERING) :]  # a rehearsal begins there
        for before in stages[: stages.index(stage)]:
            if before is Stage.BRIEFED:
                await _in_groups(
                    self.give(one, [frame_of(one.submit(AcceptDiscipline(one.seat, NOTICE)))])
                    for one in experts
                )
            after = stages[stages.index(before) + 1]
            await self.give(operator, [frame_of(operator.submit(AdvanceStage(before, after, "bench")))])

    async def _put_document(self, bid: BidId) -> Document:
        writer, pdf = PdfWriter(), io.BytesIO()
        writer.add_blank_page(595, 842)
        writer.add_metadata({"/Title": bid})
        writer.write(pdf)
        async with self.operator() as http:
            return Document(**_check(await http.post("/api/v1/documents", content=pdf.getvalue())))

    async def give(self, person: Person, frames: Sequence[bytes]) -> None:
        """Give orders one after another over a socket of their own, each after the acknowledgement of the last.

        Raises:
            Refused: the host took one of them not.
        """
        client = await self.socket(person, "?take=1")
        said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        client.on_frame = lambda payload: said.put_nowait(json.loads(payload))
        try:
            for frame in frames:
                client.send(frame)
                await asyncio.wait_for(_acknowledged(said), 30)
        finally:
            client.close()


async def _in_groups(works: Iterable[Coroutine[object, object, None]]) -> None:
    """Do `works` fifty at a time."""
    waiting = list(works)
    for start in range(0, len(waiting), 50):
        await asyncio.gather(*waiting[start : start + 50])


async def _acknowledged(said: "asyncio.Queue[dict[str, Any]]") -> None:
    while True:
        message = await said.get()
        if message["kind"] == "entries" and message["acks"]:
            return
        if message["kind"] in ("refused", "fault") and message["code"] not in ("taken_over", "read_only"):
            raise Refused(message)


def _check(answer: httpx.Response) -> Any:  # noqa: ANN401 - JSON
    if answer.status_code >= 300:
        raise Refused(answer.text[:1000])
    return answer.json() if answer.content else None
