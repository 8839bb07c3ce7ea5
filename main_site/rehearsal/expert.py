"""A synthetic member of the committee: tests the seat, agrees to the letter, fills in both sheets, signs.

Its marks are drawn from the seat's own code, so a rehearsal scores the same every time; one member fails a
bid in the preliminary review, with a reason and without a majority.
"""

import asyncio
import hashlib
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import structlog

from evalroom.clarification import question_digest
from evalroom.commands import (
    AcceptDiscipline,
    DraftQuestion,
    EditReport,
    JustifyWarning,
    PassSelfTest,
    RecuseSelf,
    SendQuestion,
    SignReport,
)
from evalroom.errors import PeerFault
from evalroom.events import SelfTestResult, Stage
from evalroom.ids import BidId, LotId
from evalroom.reporting import Section, Stand
from evalroom.sheet import FAIL, PASS
from evalroom.tender import ItemKind, Part
from evalroom.voting import GO_ON, Question
from main_site.rehearsal.client import CommandRefused, SeatClient, SeatView
from main_site.rehearsal.direction import PATIENCE_S

REASONS = (
    "方案与需求逐条对应,关键指标有实测数据支撑。",
    "进度安排合理,但人员投入偏少。",
    "偏离表所列条款影响一般,按细则扣分。",
    "业绩材料齐全,金额与合同一致。",
)


SEVERE = "关键参数只有承诺,没有计算书和检测报告,按细则从低评分。"
QUESTION = "Q1"
STANDS = "经复核,维持原评分。"

PROSE = {
    Section.OVERVIEW: "评标委员会按招标文件规定的程序和标准独立评审,全过程录音录像,各副场网络与设备正常。",
    Section.RECOMMENDATION: "经评审,评标委员会推荐排名靠前的投标人为中标候选人,排序见上表。",
}
"""What the chair writes."""

JUSTIFIED = "经核对原始记录,情况属实,按招标文件规定处理。"
DISSENT = "对一项客观分的认定保留意见:业绩证明材料的签署日期不在规定期限内。"

LOOK_S = 1.0
"""Seconds until something that was refused for now is tried again."""

OTHERWISE = "5"
"""Last digit of the seat that counts one project less than the others, once: the system then asks all members."""


class ReportDiffers(PeerFault):
    """The report that the node gave is not the one of the journal's digest: it was not signed."""

    code = "report_differs"


@dataclass(frozen=True, slots=True)
class Pace:
    """How long, in seconds, a member takes for each of the two sheets."""

    preliminary: float
    detailed: float


@dataclass(frozen=True, slots=True)
class Temper:
    """What a play asks of its members beyond the usual.

    `fails` are bids that all of them fail on an item, with the reason; `severe` the seats that mark one bid, by its
    place in the lot, far below the others; `recuses` the seat that steps aside, and why; `asks` is what the chair asks
    the first bidder of the first lot.
    """

    fails: Mapping[tuple[str, str], str] = field(default_factory=dict)
    severe: Mapping[str, int] = field(default_factory=dict)
    recuses: Mapping[str, str] = field(default_factory=dict)
    asks: str = ""


CALM = Temper()


class SyntheticExpert:
    """Acts as an expert at one seat."""

    def __init__(
        self, client: SeatClient, pace: Pace, on_score: Callable[[], None], temper: Temper = CALM
    ) -> None:
        """Stand ready; `on_score` is called after every acknowledged cell."""
        self.client = client
        self._pace = pace
        self._on_score = on_score
        self._temper = temper

    async def run(self) -> None:
        """Take part until the report is signed; cancelling leaves what was acknowledged.

        Ends early, without an error, when somebody else takes the seat.
        """
        try:
            await self._take_part()
        except CommandRefused as refusal:
            if not self.client.evicted.is_set():
                raise
            structlog.get_logger(__name__).info("seat_taken_over", seat=self.client.seat, reason=str(refusal))

    async def _take_part(self) -> None:
        client = self.client
        await client.check_in()
        await client.give(lambda _: PassSelfTest(client.seat, tuple(_self_test())))
        briefed = at(Stage.BRIEFED)
        await client.until(lambda view: briefed(view) and self._is_member() and bool(view.letter))
        if client.seat in self._temper.recuses:
            await client.give(lambda _: RecuseSelf(client.seat, self._temper.recuses[client.seat]))
            return
        digest = hashlib.sha256(client.view.letter.encode()).hexdigest()
        await client.give(lambda _: AcceptDiscipline(client.seat, digest))
        await self._until(at(Stage.PRELIMINARY))
        await self._fill(Part.PRELIMINARY, self._pace.preliminary)
        await self._until(at(Stage.DETAILED))
        await self._ask()
        await self._fill(Part.DETAILED, self._pace.detailed)
        await self._until(at(Stage.REPORTING))
        await self._report()
        await self._until(at(Stage.SIGNING))
        await self._sign()

    async def _report(self) -> None:
        """Write the report's words, as the chair or, without one, as the first member; give reasons that are asked for."""
        client = self.client
        if client.seat != client.view.writer():
            return
        try:
            for lot in client.view.lots:
                for section, text in PROSE.items():
                    edit = EditReport(LotId(lot), section, text)
                    await client.give(lambda _, edit=edit: edit)  # type: ignore[misc] # mypy takes no default in a lambda
                for warning in await self._warnings(lot):
                    reason = JustifyWarning(LotId(lot), warning, JUSTIFIED)
                    await client.give(lambda _, reason=reason: reason)  # type: ignore[misc] # likewise
        except CommandRefused as refusal:
            if (
                refusal.detail.get("code") != "stage"
            ):  # nothing held the report up, and it was put to the members
                raise

    def _http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self.client.base_url, cookies=self.client.cookies(), timeout=PATIENCE_S
        )

    async def _warnings(self, lot: str) -> list[str]:
        async with self._http() as http:
            told = (await http.get(f"/api/v1/reports/{lot}")).json()
        return [one["code"] for one in told["problems"] if one["effect"] == "asks" and not one["justified"]]

    async def _data(self, lot: str) -> bytes:
        async with self._http() as http:
            return (await http.get(f"/api/v1/reports/{lot}/data")).content

    async def _sign(self) -> None:
        """Read each report, compare its digest with the journal's, and sign it; one member dissents in writing."""
        client = self.client
        for lot, digest in sorted(client.view.reports.items()):
            if hashlib.sha256(await self._data(lot)).hexdigest() != digest:
                raise ReportDiffers(lot=lot, digest=digest)
            dissents = client.seat.endswith(OTHERWISE)
            stand, words = (Stand.DISSENTS, DISSENT) if dissents else (Stand.AGREES, "")
            await self._give_until_taken(SignReport(lot, digest, stand, words))

    async def _give_until_taken(self, sign: SignReport) -> None:
        """Sign; while a gap of a recording is not declared nobody can, so that it is tried again."""
        while True:
            try:
                await self.client.give(lambda _: sign)
            except CommandRefused as refusal:
                if refusal.detail.get("code") not in ("undeclared_gap", "paused"):
                    raise
                await asyncio.sleep(LOOK_S)
                continue
            return

    async def _ask(self) -> None:
        """Draft and send a question, as the chair, where the play has one."""
        text, lot = self._temper.asks, self.client.view.tender["lots"][0]
        if not text or self.client.view.chair != self.client.seat:
            return
        bid = next(one["id"] for one in lot["bids"] if one["id"] not in self.client.view.rejected)
        await self.client.give(lambda _: DraftQuestion(QUESTION, LotId(lot["id"]), BidId(bid), text))
        await self.client.give(lambda _: SendQuestion(QUESTION, question_digest(QUESTION, text)))

    def _is_member(self) -> bool:
        """Say whether the seat is in the committee: a reserve waits until it takes somebody's place."""
        return self.client.seat in self.client.view.members

    async def _until(self, met: Callable[[SeatView], bool]) -> None:
        """Wait until `met`, answering meanwhile what is asked once all sheets are locked."""
        client = self.client
        while True:
            await client.until(lambda view: met(view) or (not view.paused and view.owes(client.seat)))
            if not client.view.owes(client.seat):
                return
            ballot = client.view.ballot(client.seat)
            try:
                if ballot is not None:
                    await client.vote(ballot, choice_of(client.seat, ballot))
                await client.answer_all(SEVERE if client.seat in self._temper.severe else STANDS)
            except CommandRefused as refusal:
                # Unready: the rest of what is asked is still on its way.
                if refusal.detail.get("code") not in ("paused", "unready"):
                    raise

    async def _fill(self, part: Part, seconds: float) -> None:
        cells = [
            (lot, bid, item)
            for lot in self.client.view.tender["lots"]
            for bid, item in self._cells(lot, part)
        ]
        dice = random.Random(f"{self.client.seat}/{part}")  # noqa: S311 - the same marks every time
        for lot, bid, item in cells:
            await asyncio.sleep(seconds / len(cells) * dice.uniform(0.5, 1.4))
            place = [one["id"] for one in lot["bids"]].index(bid)
            value, reason = self.judge(bid, item, dice, place)
            await self._enter(lot["id"], bid, item["id"], value, reason)
        for lot in self.client.view.tender["lots"]:
            await self.client.lock(lot["id"], part, REASONS[0])

    def judge(self, bid: str, item: dict[str, Any], dice: random.Random, place: int) -> tuple[str, str]:
        """Return a value and a reason for one cell; `place` is the bid's in its lot, from 0."""
        wrong = self._temper.fails.get((bid, item["id"]))
        if wrong is not None:
            return FAIL, wrong
        value, reason = mark(self.client.seat, bid, item, dice)
        if self._temper.severe.get(self.client.seat) != place or item["kind"] != ItemKind.SCORE:
            return value, reason
        return f"{float(item['full']) * dice.uniform(0.2, 0.3):.{item['digits']}f}", SEVERE

    def _cells(self, lot: dict[str, Any], part: Part) -> Iterator[tuple[str, dict[str, Any]]]:
        for bid in lot["bids"]:
            if part is Part.DETAILED and bid["id"] in self.client.view.rejected:
                continue
            for item in lot["items"]:
                if item["part"] == part:
                    yield bid["id"], item

    async def _enter(self, lot: str, bid: str, item: str, value: str, reason: str) -> None:
        while True:
            try:
                await self.client.enter(lot, bid, item, value, reason)
            except CommandRefused as refusal:
                if refusal.detail.get("code") != "paused":
                    raise
                await self.client.until(lambda view: not view.paused)
                continue
            self._on_score()
            return


def choice_of(seat: str, ballot: Mapping[str, Any]) -> str:
    """Return how a member votes: most for the first option, one in four for the second."""
    options: Sequence[str] = ballot["options"]
    if ballot["question"] == Question.COMPETITION:
        return GO_ON
    return options[1] if len(options) > 1 and seat[-1:] in "48" else options[0]


def at(stage: Stage) -> Callable[[SeatView], bool]:
    """Make the condition that the session has reached `stage` and is not paused."""
    order = list(Stage)
    return lambda view: order.index(view.stage) >= order.index(stage) and not view.paused


def mark(seat: str, bid: str, item: dict[str, Any], dice: random.Random) -> tuple[str, str]:
    """Return a value and a reason for one cell: plausible, within the item's range."""
    if item["kind"] == ItemKind.PASS:
        failing = seat.endswith("5") and bid.endswith("4") and item["objective"] is False
        return (FAIL, "偏离表第 6.4 条与招标文件要求不一致,未作说明。") if failing else (PASS, "")
    full = float(item["full"])
    if item["objective"]:
        dice = random.Random(f"{bid}/{item['id']}")  # noqa: S311 - a fact, so all members find the same
    if item["kind"] == ItemKind.CHOICE:
        options = item["options"]
        found = dice.randrange(len(options)) + (item["objective"] and _odd(seat, bid))
        return options[found % len(options)]["name"], REASONS[3]
    if item["kind"] == ItemKind.DEDUCT:
        value = dice.choice([0.0, 0.0, 0.5, 1.0])
        return f"{min(value, full):.{item['digits']}f}", REASONS[2] if value else ""
    value = full * dice.uniform(0.62, 0.98)
    if item["objective"] and _odd(seat, bid):
        value -= full * 0.2
    text = f"{value:.{item['digits']}f}"
    return text, dice.choice(REASONS) if dice.random() < 0.2 else ""


def _odd(seat: str, bid: str) -> bool:
    """Say whether this member is the one who finds otherwise, at this bid."""
    return seat.endswith(OTHERWISE) and bid.endswith("3")


def _self_test() -> Iterator[SelfTestResult]:
    for check in ("browser", "camera", "microphone", "speaker", "network"):
        yield SelfTestResult(check, passed=True, detail="synthetic seat")
