"""A small evaluation whose nodes are real processes, and whose committee sits there by the protocol of a browser.

Nodes may be killed, cut off and started again on the same port and data; nothing here knows their insides.  What
is true is read from the host's journal on disk.
"""

import asyncio
import hashlib
import io
import json
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pypdf
import sqlalchemy as sa
from websockets.asyncio.client import ClientConnection

from evalroom import commands as co
from evalroom.events import Stage, StageChanged
from evalroom.ids import BidId, ItemId, LotId, SeatCode, SessionId, SiteId
from evalroom.media import TrackKind
from evalroom.protocol import messages as m
from evalroom.reporting import Stand
from evalroom.roles import Role
from evalroom.session import PART_OF, TRANSITIONS
from evalroom.sheet import PASS
from evalroom.tender import Bid, Item, ItemKind, Lot, Part, Seat, Site, Tender
from main_site.rehearsal.client import SeatClient, SeatView
from main_site.rehearsal.direction import Operator
from main_site.rehearsal.nodes import Node, Nodes, links_up
from main_site.store import journal
from main_site.template import SessionTemplate, write_toml
from recorder.verify import Report, verify
from signaling.codec import decode_from_node
from tests.evalroom.room import PRICING
from tests.faults.cable import Cable, cabled

PATIENCE_S = 120
"""Seconds to wait for what other processes do; a node's cold start alone took 9 on two busy cores."""

ORDER = list(Stage)
SESSION, LOT = SessionId("EV-2026-0009"), LotId("lot1")
HOST, WEST = SiteId("host"), SiteId("west")
OPERATOR = SeatCode("O1")
OPERATOR_CODE = "operator of the centre"
BIDS = (BidId("bid1"), BidId("bid2"))
PRICES = {BIDS[0]: 980_000_00, BIDS[1]: 1_010_000_00}


def _item(name: str, kind: ItemKind, full: str) -> Item:
    part = Part.PRELIMINARY if kind is ItemKind.PASS else Part.DETAILED
    return Item(ItemId(name), part, kind, f"title of {name}", f"standard of {name}", full, 1, objective=False)


ITEMS = (
    _item("form", ItemKind.PASS, "0"),
    _item("plan", ItemKind.SCORE, "40"),
    _item("staff", ItemKind.SCORE, "30"),
)
TENDER = Tender(
    "T-2026-9",
    "Bridge",
    (Lot(LOT, "Bridge", ITEMS, tuple(Bid(bid, f"bidder of {bid}") for bid in BIDS), PRICING, 2),),
)


def template(experts: dict[SeatCode, SiteId], staff: Iterable[Seat] = ()) -> SessionTemplate:
    """Make the session of these experts; each other site than the host has a node of its own."""
    others = sorted(set(experts.values()) - {HOST})
    sites = (
        Site(HOST, "Lanzhou", host=True, node=True),
        *(Site(site, site, host=False, node=True) for site in others),
    )
    seats = (
        *(Seat(code, site, site, Role.EXPERT, f"cabin of {code}") for code, site in experts.items()),
        Seat(OPERATOR, HOST, HOST, Role.OPERATOR, "desk"),
        *staff,
    )
    return SessionTemplate(SESSION, TENDER, sites, seats)


def one_page() -> bytes:
    """Make a PDF of one empty page."""
    writer, out = pypdf.PdfWriter(), io.BytesIO()
    writer.add_blank_page(595, 842)
    writer.write(out)
    return out.getvalue()


class Member(SeatClient):
    """A synthetic seat that remembers what its sockets have brought."""

    def __init__(self, base_url: str, code: str, *, tracks: tuple[TrackKind, ...] = ()) -> None:
        super().__init__(base_url, code, tracks=tracks)
        self.resumed: list[tuple[int, int]] = []
        """Per connection: the items known before, and the number of the first one it brought."""
        self.held: set[str] = set()
        self.status: m.Status | None = None
        self._fresh = False

    async def _connected_once(self) -> None:
        self._fresh = True
        await super()._connected_once()

    def _take(self, value: dict[str, Any], ws: ClientConnection) -> None:
        match decode_from_node(value):
            case m.Entries(first=first, items=items) if items and self._fresh:
                self.resumed.append((self.view.items, first))
                self._fresh = False
            case m.Held(command_ids=ids):
                self.held |= set(ids)
            case m.Status() as status:
                self.status = status
            case _:
                pass
        super()._take(value, ws)

    def recorded_ms(self) -> int:
        """Return when, by the session clock, a fragment of this seat's track was last safe; 0 for never."""
        tracks = [track for site in (self.status.sites if self.status else ()) for track in site.tracks]
        return max((one.last_fragment_ms or 0 for one in tracks if one.seat == self.seat), default=0)


@dataclass
class Committee:
    """A session under way at real nodes."""

    nodes: Nodes
    operator: Operator
    host: Node
    codes: dict[str, str] = field(default_factory=dict)
    sites: dict[SiteId, Node] = field(default_factory=dict)
    cables: dict[SiteId, Cable] = field(default_factory=dict)
    members: dict[SeatCode, Member] = field(default_factory=dict)
    running: dict[SeatCode, "asyncio.Task[None]"] = field(default_factory=dict)

    @property
    def experts(self) -> list[Member]:
        return [member for member in self.members.values() if member.role is Role.EXPERT]

    # --- people -----------------------------------------------------------------------------------

    async def seat(self, code: SeatCode, url: str, tracks: tuple[TrackKind, ...] = ()) -> Member:
        """Let somebody log in at a node and stay connected."""
        member = Member(url, self.codes[code], tracks=tracks)
        await member.login(patience=PATIENCE_S)
        self.members[code] = member
        self.running[code] = asyncio.create_task(member.run())
        await member.check_in()
        return member

    async def leave(self, code: SeatCode) -> None:
        """Let somebody go for good: the socket and the camera go with them."""
        task = self.running.pop(code)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    # --- the way through the stages ---------------------------------------------------------------

    async def advance(self) -> Stage:
        """Move to the next stage and return it once everybody has heard of it."""
        lead = self.members[OPERATOR]
        before = lead.view.stage
        after = TRANSITIONS[before][StageChanged]
        assert isinstance(after, Stage)
        await lead.give(lambda _: co.AdvanceStage(before, after, "as planned"))
        # From concluded on the host goes alone: a busy reader may be told of two stages in one message.
        await self.all_see(lambda view: ORDER.index(view.stage) >= ORDER.index(after))
        return after

    async def all_see(self, met: Callable[[SeatView], bool]) -> None:
        """Wait until the feeds of all who are there show something."""
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*(self.members[code].until(met) for code in self.running))

    async def to_scoring(self) -> None:
        """Bring the session to the first stage with sheets."""
        lead = self.members[OPERATOR]
        pdf = await asyncio.to_thread(one_page)
        overview = await self.operator.overview(SESSION)
        await self.operator.import_bids(lead, overview, {bid: (pdf, fen) for bid, fen in PRICES.items()})
        await self.advance()
        for expert in self.experts:
            await expert.until(lambda view: bool(view.letter))
            letter = hashlib.sha256(expert.view.letter.encode()).hexdigest()
            await expert.give(lambda _, seat=expert.seat, digest=letter: co.AcceptDiscipline(seat, digest))  # type: ignore[misc] # its defaults are no part of its type
        await self.advance()  # a plain profile elects no chair
        await self.advance()

    async def fill(self, expert: Member, part: Part) -> None:
        """Fill every cell of a part, those that were filled before too."""
        for bid in BIDS:
            for item in ITEMS:
                if item.part is part:
                    await expert.enter(LOT, bid, item.id, PASS if part is Part.PRELIMINARY else "20.5")

    async def lock(self, expert: Member, part: Part) -> None:
        await expert.lock(LOT, part, "as seen in the documents")

    async def review(self, part: Part) -> None:
        """Let all experts fill and lock their sheets of a part, and wait for the unlock."""
        for expert in self.experts:
            await self.fill(expert, part)
            await self.lock(expert, part)
        await self.all_see(lambda view: part in view.unlocked)

    async def conclude(self) -> None:
        """Take the session from where it stands, at the begin of its stage, to its end."""
        stage = self.members[OPERATOR].view.stage
        while stage is not Stage.CONCLUDED:
            if stage in PART_OF:
                await self.review(PART_OF[stage])
            for expert in self.experts if stage is Stage.SUMMARY else ():
                await expert.answer_all("the same marks for all")  # what was asked came with the unlock
            for expert in self.experts if stage is Stage.SIGNING else ():
                for lot, digest in expert.view.reports.items():
                    sign = co.SignReport(lot, digest, Stand.AGREES, "")
                    await expert.give(lambda _, sign=sign: sign)  # type: ignore[misc] # likewise
            stage = await self.advance()

    async def archive(self) -> Path:
        """Wait for the archive and return where it lies."""
        async with asyncio.timeout(PATIENCE_S):
            state = await self.operator.archive(SESSION, lambda _state: None)
        return Path(state["path"])

    # --- what is true -----------------------------------------------------------------------------

    def rows(self) -> list[journal.Row]:
        """Read the journal from the host's disk, whether or not the host lives."""
        path = self.nodes.folder / "host" / "evalroom.sqlite"
        engine = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": PATIENCE_S})
        try:
            with engine.connect() as db:
                return list(journal.read(db, SESSION))
        finally:
            engine.dispose()

    def entries(self, kind: str) -> list[dict[str, Any]]:
        """Return the entries of a type."""
        return [entry for row in self.rows() if (entry := json.loads(row.entry))["type"] == kind]

    async def journalled(self, kind: str, count: int) -> None:
        """Wait until the journal holds `count` entries of a type."""
        await until(lambda: len(self.entries(kind)) >= count)


async def until(met: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
    """Wait for something that happens in another process, and fail when it does not."""
    async with asyncio.timeout(seconds):
        while not met():  # noqa: ASYNC110 - another process sets no event here
            await asyncio.sleep(0.02)


async def verified(archive: Path) -> Report:
    """Verify an archive and demand that it is whole."""
    report = await asyncio.to_thread(verify, archive)
    assert report.ok, report.first_failure
    return report


@asynccontextmanager
async def convened(
    folder: Path, plan: SessionTemplate, *, by_cable: bool = False, reel_s: int = 5
) -> AsyncIterator[Committee]:
    """Start the nodes of a session and open it; the sites reach the host directly, or by a cable each."""
    nodes = Nodes(folder)
    async with AsyncExitStack() as stack:
        stack.callback(nodes.stop)
        host = await nodes.start_host(OPERATOR_CODE, reel_seconds=str(reel_s), cosign_seconds="0.5")
        operator = Operator(host.url, OPERATOR_CODE)
        stack.push_async_callback(operator.close)
        await operator.login()
        committee = Committee(nodes, operator, host)
        for site in plan.sites:
            if not site.host:
                url = host.url
                if by_cable:
                    committee.cables[site.id], url = await stack.enter_async_context(cabled(url))
                committee.sites[site.id] = await nodes.join_site(operator, site.id, site.name, url)
        await links_up(operator, set(committee.sites))
        opened = await operator.open_session(write_toml(plan).encode())
        committee.codes = {seat["seat"]: seat["code"] for seat in opened["seats"]}
        stack.push_async_callback(_all_leave, committee)
        yield committee


async def _all_leave(committee: Committee) -> None:
    for code in list(committee.running):
        await committee.leave(code)


async def seated(committee: Committee, plan: SessionTemplate, filmed: Sequence[SeatCode] = ()) -> None:
    """Seat everybody of the plan at the node of their site; those of `filmed` publish their cameras."""
    for seat in plan.seats:
        node = committee.sites.get(seat.node, committee.host)
        await committee.seat(seat.code, node.url, (TrackKind.CAMERA,) if seat.code in filmed else ())
