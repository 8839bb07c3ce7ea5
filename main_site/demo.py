"""`evalroom demo`: one whole evaluation on this machine, three nodes as three processes, synthetic experts.

The nodes are the real ones, started by their own commands; the experts come in by the same door as people.  Which
session is played, and what goes otherwise in it, says a scenario.  It ends with the ranking, what happened, the
archive and its verification, and keeps serving until Ctrl-C unless told not to.
"""

import asyncio
import contextlib
import json
import secrets
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from evalroom.commands import AdvanceStage, ConfirmBooking, RelayQuestion
from evalroom.errors import EvalroomError
from evalroom.events import Stage
from evalroom.ids import DrawId, LotId, SeatCode, SessionId, SiteId
from evalroom.media import TrackKind
from evalroom.profile import parse_profile
from evalroom.roles import Role
from evalroom.tender import Seat
from main_site.rehearsal.bidding import BiddersDesk, Officers, Opening
from main_site.rehearsal.cable import Cable
from main_site.rehearsal.chronicle import Turn, turns_of
from main_site.rehearsal.client import SeatClient
from main_site.rehearsal.direction import Operator
from main_site.rehearsal.expert import Pace, SyntheticExpert, at
from main_site.rehearsal.lottery import hold, redraw, roster_draw
from main_site.rehearsal.nodes import Agent, ArchiveKey, Node, Nodes, links_up
from main_site.rehearsal.reporting import ReportOfficers
from main_site.rehearsal.scenarios import (
    CUT_S,
    DESKS,
    OFFICERS,
    OPERATOR_SEAT,
    PARTIES,
    SCENARIOS,
    USUAL,
    Scenario,
    find_scenario,
)
from main_site.rehearsal.tampering import forge
from main_site.sample import DOCUMENTS, PRICES
from main_site.sample_offers import offer_document
from main_site.template import SessionTemplate, write_toml
from main_site.verifying import written
from recorder.verify import verify

REEL_S = 20
"""Reels in the demonstration are short, so that the replay has something to show while it runs."""

REPLAY_SEAT = SeatCode("ARC1")
WALL_SEAT = SeatCode("SUP1")

TRUSTEES = (("host", "host", "省中心 主场"), ("supervisor", "supervisor", "省公共资源交易监督管理局"))
"""Trustees with an agent at the host; every sub-site has one of its own."""

HOLDERS = (("supervisor-archive", "省公共资源交易监督管理局 档案室"), ("centre-archive", "省中心 档案室"))
"""Who may read opened documents when all keys of the tender are destroyed."""

HANDING_IN_S, SLOWER = 45, 6
"""Seconds from the policy to the deadline, or so many times what writing the documents took if that is longer."""

RELEASE_S, RELEASE_SHARE = 12, 3
"""Seconds in which bidders may release their halves, or a third of the time to the deadline; one lets them pass."""

PRELIMINARY_SHARE = 0.25

console = Console()


ROSTER = DrawId("roster")

GRACE_MS = 60_000
"""Milliseconds a bidder has beyond what the profile gives: the relay may be on its way for a while."""

CUT_AFTER_S = 5
"""Seconds into the detailed sheets at which a link is cut, where a scenario cuts one."""


def list_scenarios() -> None:
    """Print the scenarios that can be played."""
    for one in SCENARIOS.values():
        console.print(f"[cyan]{one.name:12}[/cyan] {one.title}\n{'':12} {one.about}", highlight=False)


def play(*, out: Path | None, seconds: int, once: bool, name: str = USUAL, cut: int = CUT_S) -> int:
    """Play a scenario and return the exit status: 0 only when the archive verifies.

    `cut` are the seconds for which the scenario's link is cut, if it cuts one.
    """
    scenario = find_scenario(name)
    folder = Path(tempfile.mkdtemp(prefix="evalroom-demo-"))
    nodes = Nodes(folder)
    failed = False
    signal.signal(signal.SIGTERM, _interrupt)  # whoever ends us by kill leaves no node behind either
    try:
        return asyncio.run(_play(nodes, scenario, out, seconds, once=once, cut=cut))
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


async def _play(
    nodes: Nodes, scenario: Scenario, out: Path | None, seconds: int, *, once: bool, cut: int
) -> int:
    _end_in_order()
    template = scenario.template()
    experts = sum(1 for seat in template.seats if seat.role is Role.EXPERT and not seat.reserve)
    items = sum(len(lot.items) for lot in template.tender.lots)
    bids = f"{len(scenario.bidders)} sealed bids" if scenario.bidders else f"{len(scenario.prices)} bids"
    console.print(
        f"[bold]EvalRoom[/bold] · 演示 demonstration: {len(template.sites)} sites, "
        f"{experts} experts, {bids}, {items} items\n  {scenario.name} · {scenario.title}"
    )
    holders = [await nodes.make_archive_key(*holder) for holder in HOLDERS if scenario.bidders]
    stage = await _start_nodes(nodes, scenario, template, holders)
    operator, urls = stage.operator, stage.urls
    opened = await operator.open_session(write_toml(template).encode())
    codes = {seat["seat"]: seat["code"] for seat in opened["seats"]}
    seats = {seat.code: seat for seat in template.seats}
    cast = _Cast(operator, scenario, opened["session"], codes, urls, seats)
    desks = [
        BiddersDesk(nodes.folder / f"bidder-{number}", operator.base_url, cast.session, bidder)
        for number, bidder in enumerate(scenario.bidders, start=1)
    ]
    state = await _rehearse(cast, desks, seconds, _Cutting(stage.cable, cut))
    ok = await _report(cast, state, out, holders)
    if not once:
        console.print(f"\nstill serving at {urls[template.sites[0].id]} · Ctrl-C ends it")
        await asyncio.Event().wait()
    await operator.close()
    if stage.cable is not None:
        await stage.cable.close()
    return 0 if ok else 1


@dataclass(frozen=True, slots=True)
class _Cast:
    """Who takes part, where they come in, and with which codes."""

    operator: Operator
    scenario: Scenario
    session: str
    codes: dict[str, str]
    urls: dict[SiteId, str]
    seats: dict[SeatCode, Seat]


@dataclass(frozen=True, slots=True)
class _Stage:
    """The nodes that are up: the operator at the host, each site's address, and the cable that can be cut."""

    operator: Operator
    urls: dict[SiteId, str]
    cable: Cable | None


@dataclass(frozen=True, slots=True)
class _Cutting:
    """The cable that is cut, if there is one, and for how many seconds."""

    cable: Cable | None
    seconds: int


# --- the three nodes ----------------------------------------------------------------------------------


async def _start_nodes(
    nodes: Nodes, scenario: Scenario, template: SessionTemplate, holders: Sequence[ArchiveKey]
) -> _Stage:
    """Start the host and its sub-sites, with agents of trustees where bids are sealed."""
    operator_code = secrets.token_urlsafe(9)
    sealed = bool(scenario.bidders)
    agents = [_said(await nodes.start_agent(*trustee)) for trustee in TRUSTEES if sealed]
    sockets = json.dumps([{"trustee": one.name, "socket": str(one.socket)} for one in agents])
    terms = {
        "agents": sockets,
        "cover_per_hour": "600",
        "archive_keys": json.dumps([str(one.public) for one in holders]),
    }
    host = await nodes.start_host(
        operator_code, reel_seconds=str(REEL_S), cosign_seconds="3", **(terms if sealed else {})
    )
    _say_node(host)
    operator = Operator(host.url, operator_code)
    await operator.login()
    urls = {site.id: host.url for site in template.sites}
    subs = [site for site in template.sites if site.node and not site.host]
    cable = Cable(int(host.url.rpartition(":")[2])) if scenario.cut else None
    near = await cable.lay() if cable is not None else ""
    for site in subs:
        agent = _said(await nodes.start_agent(site.id, "site", site.name)) if sealed else None
        url = near if site.id == scenario.cut else host.url
        node = await nodes.join_site(operator, site.id, site.name, url, agent)
        _say_node(node)
        urls[site.id] = node.url
    await links_up(operator, {site.id for site in subs})
    return _Stage(operator, urls, cable)


def _said(agent: Agent) -> Agent:
    process = agent.process.pid if agent.process else 0
    console.print(f"  agent of trustee [cyan]{agent.name}[/cyan] (process {process})")
    return agent


def _say_node(node: Node) -> None:
    process = node.process.pid if node.process else 0
    console.print(f"  node [cyan]{node.name}[/cyan] at {node.url} (process {process})")


# --- the session ----------------------------------------------------------------------------------------


async def _rehearse(cast: _Cast, desks: list[BiddersDesk], seconds: int, cutting: _Cutting) -> dict[str, Any]:
    scenario = cast.scenario
    experts = [code for code, seat in cast.seats.items() if seat.role is Role.EXPERT]
    members = [code for code in experts if not cast.seats[code].reserve]
    watched = any(cast.seats[code].role is Role.SUPERVISOR for code in scenario.staff)
    seated = scenario.staff if watched else (*scenario.staff, WALL_SEAT)
    doors = {code: (cast.urls[cast.seats[code].node], cast.codes[code]) for code in [*experts, *seated]}
    opening = Opening(cast.operator.base_url, cast.session, desks, _say)
    async with _seated(doors, seated, scenario.tracks) as clients:
        lead = clients[OPERATOR_SEAT]
        staff = [clients[code] for code in seated]
        await asyncio.gather(*(client.check_in() for client in staff))
        if not watched:  # whoever watches takes the seat over from whom the play has put there
            cast.codes[WALL_SEAT] = await cast.operator.new_code(cast.session, WALL_SEAT)
        await _print_addresses(cast)
        await _prepare(cast, clients)
        await _bring_bids(cast, lead, opening)
        with _progress() as progress:
            overview = await cast.operator.overview(cast.session)
            board = _Board(progress, _cells_to_fill(overview, len(desks) - 1, len(members)))
            pace = Pace(seconds * PRELIMINARY_SHARE, seconds * (1 - PRELIMINARY_SHARE))
            acting = [
                asyncio.create_task(SyntheticExpert(clients[code], pace, board.scored, scenario.temper).run())
                for code in experts
            ]
            if desks:
                officers = Officers([clients[code] for code in OFFICERS])
                acting.append(asyncio.create_task(_open(opening, officers)))
            if scenario.answer:
                acting.append(asyncio.create_task(_clarify(scenario, lead, desks)))
            if scenario.roster:
                acting.append(asyncio.create_task(_redraw(scenario, lead)))
            if cutting.cable is not None:
                acting.append(asyncio.create_task(_cut(cutting.cable, cutting.seconds, lead)))
            acting.append(asyncio.create_task(_report_officers(cast, clients).run()))
            await _first_error(cast.operator.lead(cast.session, lead, board.stage), acting)
            state = await cast.operator.archive(cast.session, board.archive)
    await opening.close()
    return state


async def _prepare(cast: _Cast, clients: dict[SeatCode, SeatClient]) -> None:
    """Draw the experts and have the sub-sites hold their seats, where the scenario asks for it."""
    if not cast.scenario.roster:
        return
    lead = clients[OPERATOR_SEAT]
    names = [one.name for one in cast.scenario.bidders]
    order = roster_draw(SessionId(cast.session), ROSTER, PARTIES, int(time.time() * 1000), names)
    drawn = await hold(order, {code: clients[code] for code in PARTIES})
    _say(f"experts drawn by {len(PARTIES)} parties: {', '.join(drawn.drawn)}")
    await lead.give(lambda _: AdvanceStage(Stage.PLANNED, Stage.BOOKED, "rehearsal"))
    for code in DESKS:
        own = tuple(sorted(one.code for one in cast.seats.values() if one.site == cast.seats[code].site))
        await clients[code].until(at(Stage.BOOKED))
        await clients[code].give(lambda _, c=code, o=own: ConfirmBooking(cast.seats[c].site, o))  # type: ignore[misc] # its defaults are no part of its type
    _say("the sub-sites hold their seats")


async def _redraw(scenario: Scenario, lead: SeatClient) -> None:
    """Let the next of the drawn order come in for whoever steps aside."""
    for seat, reason in scenario.temper.recuses.items():
        await lead.until(lambda view, gone=seat: bool(view.members) and gone not in view.members)  # type: ignore[misc] # its default is no part of its type
        out = lead.view.draws.all[ROSTER].drawn[-1]
        comes = await redraw(lead, ROSTER, out, reason)
        _say(f"{seat} steps aside; redrawn for {out}: {comes}")


async def _clarify(scenario: Scenario, lead: SeatClient, desks: list[BiddersDesk]) -> None:
    """Relay the chair's question, and let the bidder it is about answer: each looks whether it is the one."""
    await lead.until(lambda view: bool(view.sent))
    within = parse_profile(scenario.template().profile).clarification.within.ms
    until = int(time.time() * 1000) + within + GRACE_MS
    await lead.give(lambda _: RelayQuestion(lead.view.sent[0], until))
    _say("the chair's question is before its bidder")
    ready = [desk for desk in desks if desk.bidder.releases]
    while not any([await desk.answer(scenario.answer) for desk in ready]):  # noqa: ASYNC110 - another process's state
        await asyncio.sleep(1)
    _say("the bidder has answered")


async def _cut(cable: Cable, seconds: int, lead: SeatClient) -> None:
    """Cut the link of a sub-site while its members fill in their sheets; they go on meanwhile."""
    await lead.until(at(Stage.DETAILED))
    await asyncio.sleep(CUT_AFTER_S)
    cable.cut()
    _say(f"the link of a sub-site is cut for {seconds} s; its members go on")
    try:
        await asyncio.sleep(seconds)
    finally:
        cable.heal()
    _say("the link is whole again")


async def _bring_bids(cast: _Cast, lead: SeatClient, opening: Opening) -> None:
    """Take sealed bids in, or bring plain ones in with their documents."""
    if cast.scenario.bidders:
        await _take_in(cast, opening)
        return
    tender = cast.scenario.template().tender
    bids = {
        str(bid.id): (offer_document(tender, lot, bid), cast.scenario.prices[bid.id])
        for lot in tender.lots
        for bid in lot.bids
    }
    await cast.operator.import_bids(lead, await cast.operator.overview(cast.session), bids)
    _say(f"{len(bids)} bids are brought in")


def _report_officers(cast: _Cast, clients: Mapping[SeatCode, SeatClient]) -> ReportOfficers:
    """Return who declares gaps and witnesses the report: one supervisor, one operator of each sub-site, the regulators."""
    seats = {code: cast.seats[code] for code in clients}
    by_site = {seat.site: code for code, seat in seats.items() if seat.role is Role.SITE_OPERATOR}
    supervisor = next(code for code, seat in seats.items() if seat.role is Role.SUPERVISOR)
    regulators = [code for code, seat in seats.items() if seat.role is Role.REGULATOR]
    witnesses = [clients[code] for code in (supervisor, *by_site.values(), *regulators)]
    return ReportOfficers(clients[supervisor], witnesses)


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
async def _seated(
    doors: dict[SeatCode, tuple[str, str]], unseen: Sequence[SeatCode], tracks: tuple[TrackKind, ...]
) -> AsyncIterator[dict[SeatCode, SeatClient]]:
    """Log all seats in, those `unseen` without `tracks`, and keep them connected; leaving drops all of it."""
    clients = {
        code: SeatClient(url, seat_code, tracks=() if code in unseen else tracks)
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
    """Count the cells of all sheets; sealed bids, `bids` of them, join their lots later."""
    lots = overview["tender"]["lots"]
    return sum(len(lot["items"]) * (len(lot["bids"]) or bids) for lot in lots) * experts


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
    taken = cast.scenario.free_seat
    free = await cast.operator.new_code(cast.session, taken)
    rows = [
        ("监督大屏 wall", "SUP1", cast.codes["SUP1"]),
        (f"空席位 free seat, taken over from {taken}", taken, free),
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
    if cast.scenario.bidders:
        console.print(f"  {'—':14}  {hall}/bidder/  开标大厅 hall, no code", highlight=False, soft_wrap=True)
    console.print()


async def _report(
    cast: _Cast, state: dict[str, Any], out: Path | None, holders: Sequence[ArchiveKey]
) -> bool:
    archive = await asyncio.to_thread(_delivered, Path(state["path"]), out)
    overview = await cast.operator.overview(cast.session)
    _print_ranking(overview, archive)
    names = {bid["bid"]: bid["bidder"] for bid in overview["bids"]}
    _print_turns(turns_of(archive, names))
    report = await asyncio.to_thread(verify, archive)
    console.print(written(report), markup=False)
    for one in holders:
        console.print(
            f"归档密钥 archive key {one.name}: {await one.opens(archive)} 个内容密钥可用 content keys open"
        )
    detected = not cast.scenario.forged or await asyncio.to_thread(_show_forgery, archive)
    console.print(f"\n档案 archive: [bold]{archive}[/bold]")
    return report.ok and detected


def _show_forgery(archive: Path) -> bool:
    """Print what the verifier says of a forged copy, and say whether it found the forgery."""
    with tempfile.TemporaryDirectory(prefix="evalroom-forged-") as folder:
        forgery = forge(archive, Path(folder))
        report = verify(forgery.archive)
    console.print(
        f"\n[bold]篡改检验 forged copy[/bold]: {forgery.bid} {forgery.before} → {forgery.after}",
        highlight=False,
    )
    for step in (one for one in report.steps if not one.ok):
        for failure in step.failures[:2]:
            console.print(f"  ✗ {failure.sentence('zh')}", markup=False, highlight=False, soft_wrap=True)
    console.print("  已检出 detected" if not report.ok else "  [red]未检出 not detected[/red]")
    return not report.ok


def _print_turns(turns: Iterable[Turn]) -> None:
    table = Table(title="经过 what happened", title_justify="left", box=None)
    for heading in ("时间", "事项", "内容"):
        table.add_column(heading, overflow="fold")
    for turn in turns:
        hour = datetime.fromtimestamp(turn.at / 1000, UTC).strftime("%H:%M:%S")
        table.add_row(hour, turn.what, escape(turn.detail))
    console.print()
    console.print(table)


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
