"""`evalroom demo`: one whole evaluation on this machine, three nodes as three processes, five synthetic experts.

The nodes are the real ones, started by their own commands; the experts come in by the same door as people.
It ends with the ranking, the archive and its verification, and keeps serving until Ctrl-C unless told not to.
"""

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from evalroom.errors import EvalroomError
from evalroom.events import Stage
from evalroom.media import TrackKind
from evalroom.roles import Role
from evalroom.tender import Site
from main_site.rehearsal.client import SeatClient
from main_site.rehearsal.direction import Operator, RehearsalFailed
from main_site.rehearsal.expert import Pace, SyntheticExpert
from main_site.sample import PRICES_FEN, sample_template
from main_site.sample_bids import bid_documents
from main_site.template import write_toml
from main_site.verifying import written
from recorder.verify import verify

READY_S = 40
"""Seconds a node may take to answer; a cold start on two busy cores took 9."""

REEL_S = 20
"""Reels in the demonstration are short, so that the replay has something to show while it runs."""

FREE_SEAT = "E05"
PRELIMINARY_SHARE = 0.25

console = Console()


@dataclass(slots=True)
class Node:
    """One node's process."""

    name: str
    url: str
    process: subprocess.Popen[bytes]
    log: Path


@dataclass(slots=True)
class Nodes:
    """The three nodes and where their data lie."""

    folder: Path
    nodes: list[Node] = field(default_factory=list)

    def stop(self) -> None:
        """End the nodes we started, and only those."""
        for node in self.nodes:
            if node.process.poll() is None:
                node.process.send_signal(signal.SIGTERM)
        for node in self.nodes:
            try:
                node.process.wait(10)
            except subprocess.TimeoutExpired:
                node.process.kill()
                node.process.wait()


def play(*, out: Path | None, seconds: int, once: bool) -> int:
    """Play the demonstration and return the exit status: 0 only when the archive verifies."""
    folder = Path(tempfile.mkdtemp(prefix="evalroom-demo-"))
    stage = Nodes(folder)
    failed = False
    try:
        return asyncio.run(_play(stage, out, seconds, once=once))
    except KeyboardInterrupt:
        console.print("\n[bold]stopped[/bold]")
        return 130
    except (EvalroomError, httpx.HTTPError) as error:
        console.print("[red]the demonstration failed:[/red]", escape(str(error)))
        failed = True
        for node in stage.nodes:
            console.print(f"log of {node.name}: {node.log}")
        return 1
    finally:
        stage.stop()
        if (once or out is not None) and not failed:
            shutil.rmtree(folder, ignore_errors=True)


async def _play(stage: Nodes, out: Path | None, seconds: int, *, once: bool) -> int:
    template = sample_template()
    operator_code = secrets.token_urlsafe(9)
    console.print("[bold]EvalRoom[/bold] · 演示 demonstration: 3 sites, 5 experts, 4 bids, 12 items")
    host = await _start_host(stage, operator_code)
    operator = Operator(host.url, operator_code)
    await operator.login()
    urls = {site.id: host.url for site in template.sites}
    for site in template.sites:
        if site.node and not site.host:
            urls[site.id] = (await _start_site(stage, operator, site, host.url)).url
    await _links_up(operator, [site.id for site in template.sites if site.node and not site.host])
    opened = await operator.open_session(write_toml(template).encode())
    session = opened["session"]
    codes = {seat["seat"]: seat["code"] for seat in opened["seats"]}
    state = await _rehearse(operator, session, codes, urls, template_seats(template), seconds)
    ok = await _report(operator, session, state, out)
    if not once:
        console.print(f"\nstill serving at {host.url} · Ctrl-C ends it")
        await asyncio.Event().wait()
    await operator.close()
    return 0 if ok else 1


def template_seats(template: Any) -> dict[str, Any]:  # noqa: ANN401 - the template's seats by code
    """Return a template's seats by code."""
    return {seat.code: seat for seat in template.seats}


# --- the three nodes ----------------------------------------------------------------------------------


async def _start_host(stage: Nodes, operator_code: str) -> Node:
    port = _free_port()
    environment = {
        "EVALROOM_OPERATOR_CODE": operator_code,
        "EVALROOM_MEDIA_LOOPBACK": "1",
        "EVALROOM_REEL_SECONDS": str(REEL_S),
        "EVALROOM_COSIGN_SECONDS": "3",
        "EVALROOM_DATA_DIR": str(stage.folder / "host"),
    }
    command = ["main_site", "serve", "--port", str(port)]
    return await _start(stage, "host", port, command, environment)


async def _start_site(stage: Nodes, operator: Operator, site: Site, host_url: str) -> Node:
    code = await operator.invite(site.id, site.name)
    port = _free_port()
    environment = {
        "EVALROOM_SITE_HOST_URL": host_url,
        "EVALROOM_SITE_PORT": str(port),
        "EVALROOM_SITE_DATA_DIR": str(stage.folder / site.id),
        "EVALROOM_SITE_MEDIA_LOOPBACK": "1",
    }
    joining = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sub_site", "join", code, env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=stage.folder,
    )  # fmt: skip
    said, _ = await joining.communicate()
    if joining.returncode != 0:
        raise RehearsalFailed(site=site.id, reason=said.decode(errors="replace")[-400:])
    return await _start(stage, site.id, port, ["sub_site", "serve"], environment)


async def _start(stage: Nodes, name: str, port: int, command: list[str], environment: dict[str, str]) -> Node:
    log = stage.folder / f"{name}.log"
    with log.open("wb") as file:
        process = subprocess.Popen(  # noqa: ASYNC220, S603 - our own interpreter and module; starting takes a millisecond
            [sys.executable, "-m", *command],
            env={**os.environ, **environment},
            stdout=file,
            stderr=subprocess.STDOUT,
            cwd=stage.folder,
        )
    node = Node(name, f"http://127.0.0.1:{port}", process, log)
    stage.nodes.append(node)
    await _answers(node)
    console.print(f"  node [cyan]{name}[/cyan] at {node.url} (process {process.pid})")
    return node


async def _answers(node: Node) -> None:
    async with httpx.AsyncClient(base_url=node.url, timeout=2) as http, asyncio.timeout(READY_S):
        while node.process.poll() is None:
            with contextlib.suppress(httpx.TransportError):
                if (await http.get("/healthz")).is_success:
                    return
            await asyncio.sleep(0.2)
    raise RehearsalFailed(node=node.name, reason=node.log.read_text(errors="replace")[-600:])


async def _links_up(operator: Operator, sites: list[str]) -> None:
    async with asyncio.timeout(READY_S):
        while not set(sites) <= await operator.online():  # noqa: ASYNC110 - another process's links
            await asyncio.sleep(0.2)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# --- the session ----------------------------------------------------------------------------------------


async def _rehearse(
    operator: Operator,
    session: str,
    codes: dict[str, str],
    urls: dict[Any, str],
    seats: dict[str, Any],
    seconds: int,
) -> dict[str, Any]:
    experts = [code for code, seat in seats.items() if seat.role is Role.EXPERT]
    async with _seated({code: (urls[seats[code].node], codes[code]) for code in [*experts, "OP"]}) as clients:
        lead = clients["OP"]
        await lead.check_in()
        overview = await operator.overview(session)
        documents = await asyncio.to_thread(bid_documents)
        await operator.import_bids(
            lead, overview, {bid: (documents[bid], PRICES_FEN[bid]) for bid in documents}
        )
        await _print_addresses(operator, session, codes, urls, seats)
        with _progress() as progress:
            board = _Board(progress, _cells_to_fill(overview, len(experts)))
            pace = Pace(seconds * PRELIMINARY_SHARE, seconds * (1 - PRELIMINARY_SHARE))
            acting = [
                asyncio.create_task(SyntheticExpert(clients[code], pace, board.scored).run())
                for code in experts
            ]
            await _first_error(operator.lead(session, lead, board.stage), acting)
            return await operator.archive(session, board.archive)


@contextlib.asynccontextmanager
async def _seated(doors: dict[str, tuple[str, str]]) -> AsyncIterator[dict[str, SeatClient]]:
    """Log all seats in and keep them connected; leaving drops their sockets and pictures."""
    clients = {
        code: SeatClient(url, seat_code, tracks=() if code == "OP" else (TrackKind.CAMERA, TrackKind.SCREEN))
        for code, (url, seat_code) in doors.items()
    }
    for client in clients.values():
        await client.login()
    running = [asyncio.create_task(client.run()) for client in clients.values()]
    try:
        yield clients
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _first_error(leading: Any, acting: list["asyncio.Task[None]"]) -> None:  # noqa: ANN401 - a coroutine
    """Lead to the end; an expert that fails ends it, instead of a wait for ever."""
    lead = asyncio.create_task(leading)
    waiting = {lead, *acting}
    while lead in waiting:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()


def _cells_to_fill(overview: dict[str, Any], experts: int) -> int:
    return sum(len(lot["items"]) * len(lot["bids"]) for lot in overview["tender"]["lots"]) * experts


def _progress() -> Progress:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
    )
    return Progress(*columns, TimeElapsedColumn(), console=console)


class _Board:
    """What the person at the terminal sees of the session's way."""

    def __init__(self, progress: Progress, cells: int) -> None:
        self._progress = progress
        self._task: TaskID = progress.add_task("gathering", total=cells)
        self._said: Stage | None = None
        self._archive = ""

    def scored(self) -> None:
        self._progress.advance(self._task)

    def stage(self, stage: Stage) -> None:
        if stage is not self._said:
            self._said = stage
            self._progress.update(self._task, description=f"stage: {stage}")

    def archive(self, state: dict[str, Any]) -> None:
        if state["stage"] != self._archive:
            self._archive = state["stage"]
            self._progress.update(self._task, description=f"archive: {self._archive}")


async def _print_addresses(
    operator: Operator, session: str, codes: dict[str, str], urls: dict[Any, str], seats: dict[str, Any]
) -> None:
    free = await operator.new_code(session, FREE_SEAT)
    rows = [
        ("监督大屏 wall", seats["SUP1"], codes["SUP1"]),
        (f"空席位 free seat ({FREE_SEAT}, taken over when you log in)", seats[FREE_SEAT], free),
        ("回放 replay", seats["ARC1"], codes["ARC1"]),
        ("副场控制台 site console", seats["SA1"], codes["SA1"]),
    ]
    console.print("\nopen in a browser and enter the seat code:")
    for name, seat, code in rows:
        console.print(f"  {name}: [link]{urls[seat.node]}/[/link]  [bold]{code}[/bold]")
    console.print()


async def _report(operator: Operator, session: str, state: dict[str, Any], out: Path | None) -> bool:
    archive = await asyncio.to_thread(_delivered, Path(state["path"]), out)
    _print_ranking(await operator.overview(session), archive)
    report = await asyncio.to_thread(verify, archive)
    console.print(written(report), markup=False)
    console.print(f"\n档案 archive: [bold]{archive}[/bold]")
    return report.ok


def _delivered(archive: Path, out: Path | None) -> Path:
    """Copy the archive to where it was asked for."""
    if out is None:
        return archive
    out.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copytree(archive, out / archive.name))


def _print_ranking(overview: dict[str, Any], archive: Path) -> None:

    names = {bid["bid"]: bid["bidder"] for bid in overview["bids"]}
    for lot in overview["tender"]["lots"]:
        ranking = json.loads(
            (archive / "data" / "docs" / f"ranking-{lot['id']}.json").read_text(encoding="utf-8")
        )
        console.print(f"\n[bold]排名 ranking[/bold] · {lot['title']}")
        for row in ranking["rows"]:
            mark = "候选 candidate" if row["candidate"] else ""
            console.print(f"  {row['rank']}. {names[row['bid']]}  {row['total']}  {mark}")
