"""`evalroom demo`: one whole evaluation on this machine, three nodes as three processes, five synthetic experts.

The nodes are the real ones, started by their own commands; the experts come in by the same door as people.
It ends with the ranking, the archive and its verification, and keeps serving until Ctrl-C unless told not to.
"""

import asyncio
import contextlib
import json
import secrets
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from evalroom.errors import EvalroomError
from evalroom.events import Stage
from evalroom.ids import BidId, LotId, SeatCode, SiteId
from evalroom.media import TrackKind
from evalroom.roles import Role
from evalroom.tender import Seat
from main_site.rehearsal.bidding import Bidder, BiddersDesk, Officers, Opening
from main_site.rehearsal.client import SeatClient
from main_site.rehearsal.direction import Operator
from main_site.rehearsal.expert import Pace, SyntheticExpert
from main_site.rehearsal.nodes import Agent, ArchiveKey, Node, Nodes, links_up
from main_site.sample import DOCUMENTS, PRICES, PRICES_FEN, sample_template, sealed_template
from main_site.template import SessionTemplate, write_toml
from main_site.verifying import written
from recorder.verify import verify

REEL_S = 20
"""Reels in the demonstration are short, so that the replay has something to show while it runs."""

FREE_SEAT = SeatCode("E05")
OPERATOR_SEAT = SeatCode("OP")
REPLAY_SEAT = SeatCode("ARC1")
OFFICERS = (OPERATOR_SEAT, *map(SeatCode, ("SUP2", "SA2", "SA3", "SB2", "SB3")))
"""Seats without a picture: they lead the session and step up when bids are opened."""

TRUSTEES = (("host", "host", "省中心 主场"), ("supervisor", "supervisor", "省公共资源交易监督管理局"))
"""Trustees with an agent at the host; every sub-site has one of its own."""

HOLDERS = (("supervisor-archive", "省公共资源交易监督管理局 档案室"), ("centre-archive", "省中心 档案室"))
"""Who may read opened documents when all keys of the tender are destroyed."""

LATE_BIDDER = Bidder("远川智慧水务有限公司", 3_600_000_00, BidId("B4"), releases=False)
"""Seals and hands in like the others, and never releases: its bid is revoked, the others go on."""

HANDING_IN_S, SLOWER = 45, 8
"""Seconds from the policy to the deadline, or so many times what writing the documents took if that is longer."""

RELEASE_S, RELEASE_SHARE = 12, 3
"""Seconds in which bidders may release their halves, or a third of the time to the deadline; one lets them pass."""

PRELIMINARY_SHARE = 0.25

console = Console()


def play(*, out: Path | None, seconds: int, once: bool) -> int:
    """Play the demonstration and return the exit status: 0 only when the archive verifies."""
    folder = Path(tempfile.mkdtemp(prefix="evalroom-demo-"))
    nodes = Nodes(folder)
    failed = False
    signal.signal(signal.SIGTERM, _interrupt)  # whoever ends us by kill leaves no node behind either
    try:
        return asyncio.run(_play(nodes, out, seconds, once=once))
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("\n[bold]stopped[/bold]")
        return 130
    except (EvalroomError, httpx.HTTPError) as error:
        console.print("[red]the demonstration failed:[/red]", escape(str(error)))
        failed = True
        for node in nodes.nodes:
            console.print(f"log of {node.name}: {node.log}")
        return 1
    finally:
        nodes.stop()
        if (once or out is not None) and not failed:
            shutil.rmtree(folder, ignore_errors=True)


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _end_in_order() -> None:
    """Let SIGTERM end the play as Ctrl-C does: the play first, then what serves it.

    An exception thrown into whatever runs just then cancels everything at once, and seats that leave while their
    own library's tasks are gone wait for ever.
    """
    playing = asyncio.current_task()
    if playing is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, playing.cancel)


async def _play(nodes: Nodes, out: Path | None, seconds: int, *, once: bool) -> int:
    _end_in_order()
    template, bidders = sealed_template(), _bidders()
    experts = sum(1 for seat in template.seats if seat.role is Role.EXPERT)
    bids, items = len(bidders), sum(len(lot.items) for lot in template.tender.lots)
    console.print(
        f"[bold]EvalRoom[/bold] · 演示 demonstration: {len(template.sites)} sites, "
        f"{experts} experts, {bids} sealed bids, {items} items"
    )
    holders = [await nodes.make_archive_key(*holder) for holder in HOLDERS]
    operator, urls = await _start_nodes(nodes, template, holders)
    opened = await operator.open_session(write_toml(template).encode())
    codes = {seat["seat"]: seat["code"] for seat in opened["seats"]}
    cast = _Cast(operator, opened["session"], codes, urls, {seat.code: seat for seat in template.seats})
    desks = [
        BiddersDesk(nodes.folder / f"bidder-{number}", operator.base_url, cast.session, bidder)
        for number, bidder in enumerate(bidders, start=1)
    ]
    state = await _rehearse(cast, desks, seconds)
    ok = await _report(operator, opened["session"], state, out, holders)
    if not once:
        console.print(f"\nstill serving at {urls[template.sites[0].id]} · Ctrl-C ends it")
        await asyncio.Event().wait()
    await operator.close()
    return 0 if ok else 1


@dataclass(frozen=True, slots=True)
class _Cast:
    """Who takes part, where they come in, and with which codes."""

    operator: Operator
    session: str
    codes: dict[str, str]
    urls: dict[SiteId, str]
    seats: dict[SeatCode, Seat]


def _bidders() -> list[Bidder]:
    (lot,) = sample_template().tender.lots
    first, *others = (Bidder(bid.bidder, PRICES_FEN[bid.id], bid.id) for bid in lot.bids)
    return [replace(first, on_paper=True), *others, LATE_BIDDER]


# --- the three nodes ----------------------------------------------------------------------------------


async def _start_nodes(
    nodes: Nodes, template: SessionTemplate, holders: Sequence[ArchiveKey]
) -> tuple[Operator, dict[SiteId, str]]:
    """Start the host and its sub-sites; return the operator and each site's address."""
    operator_code = secrets.token_urlsafe(9)
    agents = [_said(await nodes.start_agent(*trustee)) for trustee in TRUSTEES]
    sockets = json.dumps([{"trustee": one.name, "socket": str(one.socket)} for one in agents])
    host = await nodes.start_host(
        operator_code,
        reel_seconds=str(REEL_S),
        cosign_seconds="3",
        agents=sockets,
        cover_per_hour="600",
        archive_keys=json.dumps([str(one.public) for one in holders]),
    )
    _say_node(host)
    operator = Operator(host.url, operator_code)
    await operator.login()
    urls = {site.id: host.url for site in template.sites}
    subs = [site for site in template.sites if site.node and not site.host]
    for site in subs:
        agent = _said(await nodes.start_agent(site.id, "site", site.name))
        node = await nodes.join_site(operator, site.id, site.name, host.url, agent)
        _say_node(node)
        urls[site.id] = node.url
    await links_up(operator, {site.id for site in subs})
    return operator, urls


def _said(agent: Agent) -> Agent:
    process = agent.process.pid if agent.process else 0
    console.print(f"  agent of trustee [cyan]{agent.name}[/cyan] (process {process})")
    return agent


def _say_node(node: Node) -> None:
    process = node.process.pid if node.process else 0
    console.print(f"  node [cyan]{node.name}[/cyan] at {node.url} (process {process})")


# --- the session ----------------------------------------------------------------------------------------


async def _rehearse(cast: _Cast, desks: list[BiddersDesk], seconds: int) -> dict[str, Any]:
    experts = [code for code, seat in cast.seats.items() if seat.role is Role.EXPERT]
    doors = {code: (cast.urls[cast.seats[code].node], cast.codes[code]) for code in [*experts, *OFFICERS]}
    opening = Opening(cast.operator.base_url, cast.session, desks, _say)
    async with _seated(doors) as clients:
        lead, officers = clients[OPERATOR_SEAT], Officers([clients[code] for code in OFFICERS])
        await asyncio.gather(*(client.check_in() for client in officers.seats))
        await _print_addresses(cast)
        await _take_in(cast, opening)
        with _progress() as progress:
            board = _Board(
                progress,
                _cells_to_fill(await cast.operator.overview(cast.session), len(desks) - 1, len(experts)),
            )
            pace = Pace(seconds * PRELIMINARY_SHARE, seconds * (1 - PRELIMINARY_SHARE))
            acting = [
                asyncio.create_task(SyntheticExpert(clients[code], pace, board.scored).run())
                for code in experts
            ]
            acting.append(asyncio.create_task(_open(opening, officers)))
            await _first_error(cast.operator.lead(cast.session, lead, board.stage), acting)
            state = await cast.operator.archive(cast.session, board.archive)
    await opening.close()
    return state


async def _take_in(cast: _Cast, opening: Opening) -> None:
    """Have the policy signed and every bid handed in before the deadline, which a slow machine gets later."""
    (lot,) = (await cast.operator.overview(cast.session))["tender"]["lots"]
    _say("the bidders write their documents")
    began = time.monotonic()
    await opening.prepare(LotId(lot["id"]))
    wait = max(HANDING_IN_S, round(SLOWER * (time.monotonic() - began)))
    _say(f"the trustees make their keys and sign the policy; the deadline is in {wait} s")
    release = max(RELEASE_S, wait // RELEASE_SHARE)
    await cast.operator.take_bids_in(cast.session, int(time.time() + wait) * 1000, release * 1000)
    await opening.hand_in()
    _say("waiting for the deadline")


async def _open(opening: Opening, officers: Officers) -> None:
    for window, stage in ((DOCUMENTS, Stage.OPENING), (PRICES, Stage.DETAILED)):
        await opening.open_window(window, stage, officers)


def _say(text: str) -> None:
    console.print(f"  {text}", highlight=False)


@contextlib.asynccontextmanager
async def _seated(doors: dict[SeatCode, tuple[str, str]]) -> AsyncIterator[dict[SeatCode, SeatClient]]:
    """Log all seats in and keep them connected; leaving drops their sockets and pictures."""
    clients = {
        code: SeatClient(
            url, seat_code, tracks=() if code in OFFICERS else (TrackKind.CAMERA, TrackKind.SCREEN)
        )
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


def _cells_to_fill(overview: dict[str, Any], bids: int, experts: int) -> int:
    return sum(len(lot["items"]) * bids for lot in overview["tender"]["lots"]) * experts


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
        self._cells = cells
        self._filled = 0
        self._said = ""

    def scored(self) -> None:
        self._filled += 1
        self._progress.advance(self._task)
        if self._filled % max(self._cells // 4, 1) == 0:
            self._say(f"{self._filled} of {self._cells} cells filled")

    def stage(self, stage: Stage) -> None:
        self._describe(f"stage: {stage}")

    def archive(self, state: dict[str, Any]) -> None:
        self._describe(f"archive: {state['stage']}")

    def _describe(self, text: str) -> None:
        if text != self._said:
            self._said = text
            self._progress.update(self._task, description=text)
            self._say(text)

    def _say(self, text: str) -> None:
        """Where there is no terminal to draw a bar on, say each step on a line of its own."""
        if not console.is_terminal:
            console.print(f"  {text}", highlight=False)


async def _print_addresses(cast: _Cast) -> None:
    free = await cast.operator.new_code(cast.session, FREE_SEAT)
    rows = [
        ("监督大屏 wall", "SUP1", cast.codes["SUP1"]),
        (f"空席位 free seat, taken over from {FREE_SEAT}", FREE_SEAT, free),
        ("回放 replay", REPLAY_SEAT, cast.codes[REPLAY_SEAT]),
        ("副场控制台 site console", "SA1", cast.codes["SA1"]),
    ]
    console.print("\nopen in a browser and enter the seat code · 用浏览器打开并输入席位码:")
    for name, seat, code in rows:
        url = cast.urls[cast.seats[SeatCode(seat)].node]
        if seat == REPLAY_SEAT:
            url = url.replace(
                "127.0.0.1", "localhost"
            )  # another name, another cookie: wall and replay in one browser
        console.print(f"  {code}  {url}/  {name}", highlight=False, soft_wrap=True)
    hall = cast.operator.base_url
    console.print(f"  {'—':14}  {hall}/bidder/  开标大厅 hall, no code", highlight=False, soft_wrap=True)
    console.print()


async def _report(
    operator: Operator, session: str, state: dict[str, Any], out: Path | None, holders: Sequence[ArchiveKey]
) -> bool:
    archive = await asyncio.to_thread(_delivered, Path(state["path"]), out)
    _print_ranking(await operator.overview(session), archive)
    report = await asyncio.to_thread(verify, archive)
    console.print(written(report), markup=False)
    for one in holders:
        console.print(
            f"归档密钥 archive key {one.name}: {await one.opens(archive)} 个内容密钥可用 content keys open"
        )
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
