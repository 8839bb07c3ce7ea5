"""The acceptance scenario in a real Chromium: an expert, a supervisor and an archivist take three of its seats.

Everybody else is played, by real nodes and real agents.  The expert answers whatever the page asks, in whatever order the
evening brings it; the supervisor sees the link fall and come back; the archivist goes through the archive.  It takes
as long as the scenario, four minutes at least, so it is played on demand: `EVALROOM_SCENES=1`.
"""

import asyncio
import os
import random
import re
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, expect

from main_site.rehearsal.expert import mark
from main_site.sample_lots import acceptance_template
from tests.browser.inspection import Inspection
from tests.browser.test_evaluation import submit
from tests.browser.windows import Window, check_devices, check_in, take_seat
from tests.signaling.custody.process import short_folder

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.needs("chromium", "cjk-font"),
    pytest.mark.timeout(1300),
]

SCORING_S, CUT_S = 30, 20
PLAY_S = 1200
"""Seconds for the whole scenario: five minutes on two quiet cores, of which the deadline and the windows are half."""

DOOR = re.compile(r"^\s*(\S{4}-\S{4}-\S{4})\s+(http\S+)\s+(.*)$")
EXPERT, LOST_SITE = "E04", "site-a"
WORDS = "按招标文件和评审细则核对,情况属实。"


@dataclass(slots=True)
class Scene:
    """The scenario as it runs: what it has said so far, and the doors it opened."""

    process: asyncio.subprocess.Process
    said: list[str] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self) -> None:
        """Keep what it says, until it has nothing more to say."""
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.said.append(line.decode().rstrip())
            self.news.set()
        await self.process.wait()
        self.news.set()

    async def says(self, words: str) -> None:
        """Wait until it has said something.

        Raises:
            AssertionError: it ended before.
        """
        while not any(words in line for line in self.said):
            assert self.process.returncode is None, "\n".join(self.said[-20:])
            self.news.clear()
            await self.news.wait()

    async def goes_on(self) -> None:
        """Wait for its end, which comes by itself only when something failed.

        Raises:
            AssertionError: it ended.
        """
        await self.process.wait()
        raise AssertionError("\n".join(self.said[-20:]))

    def door(self, label: str) -> tuple[str, str]:
        """Return the code of a seat and the address to come in by."""
        found = (DOOR.match(line) for line in self.said)
        return next((one[1], one[2]) for one in found if one is not None and label in one[3])


@asynccontextmanager
async def playing(folder: Path) -> AsyncIterator[Scene]:
    """Run the scenario; it ends with the block."""
    words = ("demo", "--scenario", "acceptance", "--seconds", str(SCORING_S), "--cut", str(CUT_S))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "main_site", *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        env=os.environ | {"TMPDIR": str(folder), "PYTHONUNBUFFERED": "1", "COLUMNS": "200"},
    )  # fmt: skip
    scene = Scene(process)
    listening = asyncio.create_task(scene.listen())
    try:
        yield scene
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.wait()
        await listening
        shutil.rmtree(folder, ignore_errors=True)


class Member:
    """The expert at the browser: does whatever the page has in front of them."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self.page = window.page
        self.done: list[str] = []
        self._items = {item.title: item for item in acceptance_template().tender.lots[0].items}
        self._dice = random.Random(EXPERT)

    async def take_part(self, inspection: Inspection) -> None:
        """Act until the page says that the evaluation is over."""
        ways = (
            ("letter", self.page.locator(".letter input[type=checkbox]"), self._pledge),
            ("vote", self.page.locator("[data-vote] input[type=radio]"), self._vote),
            ("recheck", self.page.locator(".recheck footer .el-button"), self._look_again),
            ("sheet", self.page.locator(".score-grid td.cell"), self._fill),
            ("reason", self.page.locator("li.mine[data-found] textarea"), self._answer),
            ("signature", self.page.locator("[data-sign] input[type=checkbox]"), self._sign),
        )
        while "结束" not in await self.page.locator("[aria-current=step]").inner_text():
            for name, sign, act in ways:
                if await sign.count():
                    await inspection.look(self.window, f"acceptance-{name}-{len(self.done)}")
                    await act()
                    self.done.append(name)
            await asyncio.sleep(0.5)

    async def _pledge(self) -> None:
        await self.page.locator(".letter input[type=checkbox]").check()
        await self.page.get_by_role("button", name="同意并遵守").click()
        await self._gone(self.page.locator(".letter input[type=checkbox]"))

    async def _vote(self) -> None:
        ballot = self.page.locator("[data-vote]:has(input[type=radio])")
        await ballot.locator("input[type=radio]").first.check()
        await ballot.locator(".actions .el-button").click()
        await self._gone(ballot)

    async def _gone(self, asked: Locator) -> None:
        """Wait until something is not asked any more; what takes its place may be the next stage already."""
        await expect(asked).to_have_count(0)

    async def _fill(self) -> None:
        rows = self.page.locator(".score-grid tbody tr:has(td.cell)")
        bids = await self.page.locator(".score-grid thead th:not(.corner)").all_inner_texts()
        for row in await rows.all():
            title = await row.locator("th .title").inner_text()
            for cell, bid in zip(await row.locator("td.cell").all(), bids, strict=True):
                await self._enter(cell, title, bid)
        await submit(self.page).click()
        for box in await self.page.locator(".findings textarea").all():
            await box.fill(WORDS)
        await self._lock()

    async def _enter(self, cell: Locator, title: str, bid: str) -> None:
        item = self._items[title]
        facts: dict[str, Any] = {
            "id": item.id, "kind": item.kind, "full": item.full, "digits": item.digits, "objective": item.objective,
            "options": [{"name": one.name} for one in item.options],
        }  # fmt: skip
        value, _ = mark(EXPERT, bid, facts, self._dice)
        if await cell.locator("button").count():
            await cell.locator(f"[data-choice={value}]").click()
        elif await cell.locator("select").count():
            await cell.locator("select").select_option(value)
            await cell.locator("select").press("Enter")
        else:
            await cell.locator("input").fill(value)
            await cell.locator("input").press("Enter")
        if await self.page.locator("#reason.must").count():
            await self.page.locator("#reason").fill(WORDS)
            await self.page.get_by_role("button", name="保存理由").click()
        await expect(cell).to_have_class(re.compile("saved|held|pending"))

    async def _lock(self) -> None:
        await self.page.get_by_role("button", name="去签名").click()
        await self.page.get_by_role("button", name="签名并锁定").click()
        await expect(self.page.locator(".el-dialog")).to_have_count(0)

    async def _look_again(self) -> None:
        asked = self.page.locator("[data-recheck]:not(.done) .entry .el-button")
        while await asked.count():
            left = await asked.count()
            await asked.first.click()
            await expect(asked).to_have_count(left - 1)
        await self.page.locator(".recheck footer .el-button").click()
        for box in await self.page.locator(".findings textarea").all():
            await box.fill(WORDS)
        await self._lock()

    async def _answer(self) -> None:
        asked = self.page.locator("li.mine[data-found]")
        left = await asked.count()
        await asked.first.locator("textarea").fill(WORDS)
        await asked.first.locator(".el-button").click()
        await expect(asked).to_have_count(left - 1)

    async def _sign(self) -> None:
        await self.page.locator("[data-sign] input[type=checkbox]").first.check()
        await self.page.locator("[data-sign] .actions .el-button").first.click()
        await self._gone(self.page.locator("[data-sign] input[type=checkbox]"))


async def supervise(window: Window, scene: Scene, inspection: Inspection) -> None:
    """Watch the wall: pictures of every site, the link that falls silent, and that it is back."""
    page = window.page
    link = page.locator(f"[data-site={LOST_SITE}] .link")
    await expect(link).to_have_class(re.compile("online"))
    await asyncio.gather(*(window.decodes(f"[data-seat={seat}] video", 5) for seat in ("E01", "E02", "E03")))
    await inspection.look(window, "acceptance-wall")
    await scene.says("the link of a sub-site is cut")
    await expect(link).to_have_class(re.compile("offline"))
    await inspection.look(window, "acceptance-wall-cut")
    await scene.says("the link is whole again")
    await expect(link).to_have_class(re.compile("online"))
    await window.decodes("[data-seat=E02] video", 5)


async def replay(window: Window, inspection: Inspection) -> None:
    """Go through the archive: what went otherwise is in it, and every fragment is the journal's."""
    page = window.page
    for kind in ("ExpertReplaced", "SiteLost", "SiteReturned", "ReportSigned"):
        await expect(page.locator(f"[data-event={kind}]").first).to_be_attached()
    await page.locator("[data-event=ExpertReplaced]").first.click()
    await inspection.look(window, "acceptance-replay")
    await page.get_by_role("button", name="验证全部").click()
    await expect(page.get_by_text("全部片段与日志一致")).to_be_visible()


async def enter(browser: Browser, scene: Scene, label: str) -> Window:
    """Let a person take the seat of that label."""
    code, url = scene.door(label)
    window = await Window.open(browser, label)
    await take_seat(window, url.rstrip("/"), code)
    return window


async def test_the_acceptance_scenario_is_played_through_by_an_expert_a_supervisor_and_an_archivist(
    browser: Browser,
) -> None:
    inspection, windows = Inspection(), list[Window]()
    async with playing(short_folder()) as scene, asyncio.timeout(PLAY_S):
        await scene.says("回放 replay")
        try:
            windows.append(await enter(browser, scene, "空席位"))
            await check_devices(windows[0])
            await check_in(windows[0])
            windows.append(await enter(browser, scene, "监督大屏"))
            member = Member(windows[0])
            async with asyncio.TaskGroup() as people:
                watching = people.create_task(scene.goes_on())
                acting = (member.take_part(inspection), supervise(windows[1], scene, inspection))
                await asyncio.wait([people.create_task(one) for one in acting])
                watching.cancel()
            await scene.says("档案完好")
            await scene.says("已检出 detected")
            windows.append(await enter(browser, scene, "回放"))
            await replay(windows[2], inspection)
        except BaseException as error:
            error.add_note("\n".join(scene.said[-30:]))
            for window in windows:
                error.add_note(await window.describe())
                await window.photograph(f"failed-{window.name}")
            raise
        assert {"letter", "sheet", "signature"} <= set(member.done)
        assert 2 == member.done.count("sheet")
    assert {window.name: window.faults for window in windows if window.faults} == {}
    assert {state: found for state, found in inspection.barriers.items() if found} == {}
    assert {state: found for state, found in inspection.words.items() if found and state.endswith("zh")} == {}
    for window in windows:
        await window.context.close()
