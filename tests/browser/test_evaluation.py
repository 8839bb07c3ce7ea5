"""One evaluation in real browsers, from the template to the replay.

An operator, two experts at two sites, a supervisor, a site's operator and an archivist take part.  The tests are its scenes, played in order on one host and one sub-site; a scene after one that failed says so
at once.  Between a seat and its node, and between the sites, lie roads that can be cut.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, expect

from main_site.rehearsal.direction import Operator
from main_site.rehearsal.nodes import Nodes, links_up
from main_site.sample_bids import bid_documents
from main_site.template import write_toml
from tests.browser.inspection import Inspection
from tests.browser.stage import BIDS, PRICES, SECRET_MARK, SECRET_REASON, WEST, template
from tests.browser.windows import (
    Window,
    act_with_reason,
    check_devices,
    check_in,
    take_seat,
    until,
)
from tests.patience import PATIENCE_S
from tests.sub_site.stage import Road

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.needs("chromium", "cjk-font"),
    pytest.mark.timeout(240),
]

OPERATOR_CODE = "the-operator-of-this-centre"
INK = """
() => {
  const canvas = document.querySelector('.viewer .sheet canvas')
  if (canvas === null) return 0
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
  let dark = 0
  for (let at = 0; at < data.length; at += 4) if (data[at] + data[at + 1] + data[at + 2] < 384) dark += 1
  return dark
}
"""


@dataclass(slots=True)
class Play:
    """The stage as the scenes find it."""

    browser: Browser
    nodes: Nodes
    folder: Path
    host_url: str
    seat_road: Road
    site_road: Road
    site_url: str = ""
    codes: dict[str, str] = field(default_factory=dict)
    windows: dict[str, Window] = field(default_factory=dict)
    inspection: Inspection = field(default_factory=Inspection)
    played: int = 0

    @asynccontextmanager
    async def scene(self, number: int) -> AsyncIterator[None]:
        """Play one scene, provided that those before it succeeded; a failure is told with what all windows show."""
        assert self.played == number - 1, "a scene before this one failed, or was left out"
        try:
            yield
        except Exception as error:
            for window in self.windows.values():
                error.add_note(await window.describe())
                await window.photograph(f"failed-{window.name}")
            raise
        self.played = number

    async def person(self, name: str) -> Window:
        """Give a person a browser of their own."""
        self.windows[name] = await Window.open(self.browser, name)
        return self.windows[name]

    async def enter(self, seat: str, url: str) -> Window:
        """Let a person take their seat at the node of their site."""
        window = await self.person(seat)
        await take_seat(window, url, self.codes[seat])
        return window

    def page(self, seat: str) -> Page:
        return self.windows[seat].page


@pytest_asyncio.fixture(scope="module", loop_scope="session", name="play")
async def _play(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Play]:
    folder = tmp_path_factory.mktemp("evaluation")
    nodes = Nodes(folder)
    try:
        host = await nodes.start_host(OPERATOR_CODE, reel_seconds="15", cosign_seconds="1", camera_kbps="500")
        async with road_to(host.url) as seat_road, road_to(host.url) as site_road:
            play = Play(browser, nodes, folder, host.url, seat_road, site_road)
            yield play
            for window in play.windows.values():
                await window.context.close()
    finally:
        nodes.stop()


@asynccontextmanager
async def road_to(url: str) -> AsyncIterator[Road]:
    """Lay a road to a node, to be cut and healed."""
    road = Road(int(url.rpartition(":")[2]))
    await road.build()
    try:
        yield road
    finally:
        await road.close()


class AtTheDesk(Operator):
    """An operator who invites sub-sites on the page."""

    def __init__(self, base_url: str, page: Page) -> None:
        super().__init__(base_url, OPERATOR_CODE)
        self._page = page

    async def invite(self, site: str, name: str) -> str:
        fields = self._page.locator("form.invite input")
        await fields.nth(0).fill(site)
        await fields.nth(1).fill(name)
        await self._page.locator("form.invite button").click()
        return await self._page.locator("p.code strong").inner_text()


# --- the operator's page --------------------------------------------------------------------------------


async def test_the_operator_lets_a_site_join_and_opens_a_session_from_a_template(play: Play) -> None:
    async with play.scene(1):
        window = await play.person("OP")
        page = window.page
        await page.goto(f"{play.host_url}/")
        await expect(page.locator("#seat-code")).to_be_visible()
        await play.inspection.look(window, "door")
        await page.goto(f"{play.host_url}/site/#operator")
        await page.fill("#operator-code", "not the code")
        await page.click("form.login button[type=submit]")
        await expect(page.locator("form.login [role=alert]")).to_contain_text("wrong_code")
        await page.fill("#operator-code", OPERATOR_CODE)
        await page.click("form.login button[type=submit]")
        await join(play, page)
        await open_session(play, page)
        await play.inspection.look(window, "operator-codes")


async def join(play: Play, page: Page) -> None:
    """Let the sub-site join with a code from the page; its link lies on a road that can be cut."""
    operator = AtTheDesk(play.host_url, page)
    await operator.login()
    west = await play.nodes.join_site(operator, WEST, "Western centre", play.site_road.url)
    play.site_url = west.url
    await links_up(operator, {WEST})
    await operator.close()


async def open_session(play: Play, page: Page) -> None:
    """Import a template that is wrong, and then one that is right; keep the codes of the seats."""
    text = write_toml(template())
    wrong = play.folder / "wrong.toml"
    wrong.write_text(text.replace('full = "40"', 'full = "forty"'), "utf-8")
    await page.set_input_files("input[accept='.toml,.xlsx']", wrong)
    await page.locator(".open button").click()
    await expect(page.locator(".faults li")).to_have_count(1)
    right = play.folder / "session.toml"
    right.write_text(text, "utf-8")
    await page.set_input_files("input[accept='.toml,.xlsx']", right)
    await page.locator(".open button").click()
    await expect(page.locator("[data-seat]")).to_have_count(len(template().seats))
    for slip in await page.locator("[data-seat]").all():
        seat = await slip.get_attribute("data-seat")
        play.codes[str(seat)] = await slip.locator(".code").inner_text()


async def test_the_operator_brings_the_bids_in_as_pdf_and_price(play: Play) -> None:
    async with play.scene(2):
        page = play.page("OP")
        await page.locator("tr", has_text="Smart water dispatching").get_by_role("button").click()
        rows = page.locator("tr[data-bid]")
        await expect(rows).to_have_count(len(BIDS))
        none = play.folder / "none.pdf"
        none.write_bytes(b"not a document")
        await bring_in(rows.nth(0), none, "1")
        await expect(rows.nth(0).locator("[role=alert]")).to_contain_text("not_a_pdf")
        documents = await asyncio.to_thread(bid_documents)
        for row, bid in enumerate(BIDS):
            pdf = play.folder / f"{bid}.pdf"
            pdf.write_bytes(documents[bid])
            await bring_in(rows.nth(row), pdf, PRICES[bid])
            await expect(rows.nth(row).locator(".pill.good")).to_be_visible()
        await play.inspection.look(play.windows["OP"], "operator-bids")


async def bring_in(row: Locator, pdf: Path, price: str) -> None:
    await row.locator("input[type=file]").set_input_files(pdf)
    await row.locator("input[inputmode=decimal]").fill(price)
    await row.locator(".el-button").click()


async def advance(play: Play, stage: str) -> None:
    """Let the operator lead the session on, with a reason, once nothing is missing any more."""
    page = play.page("OP")
    await page.locator("nav.tabs [data-tab=run]").click()
    await act_with_reason(page, page.locator(".controls .el-button--primary").first, f"on to {stage}")


# --- coming in ------------------------------------------------------------------------------------------


async def test_experts_pass_the_device_check_and_check_in_at_their_own_sites(play: Play) -> None:
    async with play.scene(3):
        wrong = await play.person("E01")
        await wrong.page.goto(play.seat_road.url)
        await wrong.page.fill("#seat-code", "AAAA-BBBB-CCCC")
        await wrong.page.click("form.login button[type=submit]")
        await expect(wrong.page.locator("form.login [role=alert]")).to_contain_text("wrong_code")
        await wrong.context.close()
        await play.enter("E01", play.seat_road.url)
        await play.enter("E02", play.site_url)
        await check_devices(play.windows["E01"])
        await check_in(play.windows["E01"])
        await check_devices(play.windows["E02"], screen=True)
        await play.inspection.look(play.windows["E02"], "seat-device-check")
        await check_in(play.windows["E02"])
        await expect(play.page("OP").locator(".recording")).to_be_visible()


async def test_the_notice_is_accepted_before_anything_is_reviewed(play: Play) -> None:
    async with play.scene(4):
        await play.enter("SUP", play.host_url)
        await play.enter("SO", play.site_url)
        await advance(play, "briefing")
        await play.inspection.look(play.windows["E01"], "seat-pledge")
        for seat in ("E01", "E02"):
            page = play.page(seat)
            agree = page.get_by_role("button", name="同意并遵守")
            await expect(agree).to_be_disabled()
            await page.locator(".letter input[type=checkbox]").check()
            await agree.click()
            await expect(page.locator(".letter .done")).to_be_visible()
        await play.inspection.look(play.windows["OP"], "operator-run")


async def test_the_wall_decodes_the_picture_of_the_other_site(play: Play) -> None:
    async with play.scene(5):
        wall = play.windows["SUP"]
        await asyncio.gather(
            wall.decodes("[data-seat=E02] video", 10), wall.decodes("[data-seat=E01] video", 10)
        )
        await expect(wall.page.locator("[data-seat=E02] .recording")).to_be_visible()
        await play.inspection.look(wall, "wall")
        room = play.windows["SO"]
        await expect(room.page.locator(".card", has_text="E02")).to_contain_text("检测通过")
        await play.inspection.look(room, "site-seats")
        await room.page.locator("nav.tabs [data-tab=room]").click()
        await play.inspection.look(room, "site-room")


# --- the preliminary review -----------------------------------------------------------------------------


async def test_a_bid_is_read_beside_the_sheet_and_a_fail_needs_its_reason(play: Play) -> None:
    async with play.scene(6):
        await advance(play, "the election")
        await expect(play.page("E01").locator(".wait h1")).to_be_visible()
        await advance(play, "the preliminary review")
        page = play.page("E01")
        await until(lambda: has_ink(page))
        for row in range(2):
            for column in range(2):
                await verdict(page, row, column, "pass").click()
                await expect(cell(page, row, column)).to_have_class(re.compile("saved"))
        await play.inspection.look(play.windows["E01"], "seat-preliminary")
        await fail_with_reason(play.page("E02"))


async def has_ink(page: Page) -> bool:
    return int(await page.evaluate(INK)) > 500


def verdict(page: Page, row: int, column: int, choice: str) -> Locator:
    return page.locator(f"[data-row='{row}'][data-column='{column}'][data-choice='{choice}']")


def cell(page: Page, row: int, column: int) -> Locator:
    return page.locator(f"td.cell:has([data-row='{row}'][data-column='{column}'])")


async def fail_with_reason(page: Page) -> None:
    for row, column in ((0, 0), (0, 1), (1, 0)):
        await verdict(page, row, column, "pass").click()
    await verdict(page, 1, 1, "fail").click()
    await expect(cell(page, 1, 1)).to_have_class(re.compile(r"typing.*faulty"))
    await expect(submit(page)).to_be_disabled()
    await expect(page.locator("#reason")).to_be_focused()
    await page.locator("#reason").fill("the bond ends too early")
    await page.get_by_role("button", name="保存理由").click()
    await expect(cell(page, 1, 1)).to_have_class(re.compile("saved"))


def submit(page: Page) -> Locator:
    return page.get_by_role("button", name="提交并签名")


async def test_sheets_are_locked_in_two_steps_and_opened_to_the_group_together(play: Play) -> None:
    async with play.scene(7):
        await lock(play, "E01", look="seat-lock")
        await expect(play.page("E01").locator(".group")).to_have_count(0)
        await play.inspection.look(play.windows["E01"], "seat-waiting")
        await lock(play, "E02")
        for seat in ("E01", "E02"):
            await expect(play.page(seat).locator(".group td.fail")).to_have_count(0)
            await play.page(seat).locator(".group .tabs button").nth(1).click()
            await expect(play.page(seat).locator(".group td.fail")).to_contain_text("the bond ends too early")


async def lock(play: Play, seat: str, look: str = "", reasons: int = 0) -> None:
    """Submit a sheet: answer what the checks ask, look at the totals, then sign the digest."""
    page = play.page(seat)
    await submit(page).click()
    asked = page.locator(".findings textarea")
    await expect(asked).to_have_count(reasons)
    if reasons:
        await expect(page.get_by_role("button", name="去签名")).to_be_disabled()
    for field_ in await asked.all():
        await field_.fill("two weeks are missing in the plan")
    if look:
        await play.inspection.look_at_dialog(play.windows[seat], look)
    await page.get_by_role("button", name="去签名").click()
    digest = await page.locator("[data-digest]").inner_text()
    assert re.fullmatch(r"([0-9a-f]{4} ){15}[0-9a-f]{4}", digest)
    await page.get_by_role("button", name="签名并锁定").click()
    await expect(page.locator(".el-dialog")).to_have_count(0)


# --- the detailed review --------------------------------------------------------------------------------


async def test_typed_scores_are_saved_and_the_wall_counts_them(play: Play) -> None:
    async with play.scene(8):
        await advance(play, "the detailed review")
        page = play.page("E01")
        await type_score(page, 0, 0, SECRET_MARK)
        await expect(cell(page, 0, 0)).to_have_class(re.compile("saved"))
        await cell(page, 0, 0).locator("input").click()
        await page.locator("#reason").fill(SECRET_REASON)
        await page.get_by_role("button", name="保存理由").click()
        await expect(cell(page, 0, 0)).to_have_class(re.compile("saved"))
        await type_score(page, 1, 0, "20.5")
        await expect(cell(page, 1, 0)).to_have_class(re.compile("faulty"))
        await type_score(page, 1, 0, "１８．５")  # full-width, as an input method leaves it
        await expect(cell(page, 1, 0)).to_have_class(re.compile("saved"))
        await play.inspection.look(play.windows["E01"], "seat-detailed")
        await expect(progress(play, "E01")).to_contain_text("2/6")


async def type_score(page: Page, row: int, column: int, text: str) -> None:
    await cell(page, row, column).locator("input").fill(text)
    await cell(page, row, column).locator("input").press("Enter")


def progress(play: Play, seat: str) -> Locator:
    return play.page("SUP").locator(".matrix tbody tr", has_text=seat).locator("td").nth(2)


async def test_a_pause_closes_the_inputs_of_both_sites_and_resuming_opens_them(play: Play) -> None:
    async with play.scene(9):
        wall = play.page("SUP")
        await act_with_reason(wall, wall.get_by_role("button", name="暂停评标"), "the fire alarm is ringing")
        for seat in ("E01", "E02"):
            page = play.page(seat)
            await expect(page.locator(".banner.pause")).to_contain_text("the fire alarm is ringing")
            await expect(cell(page, 0, 1).locator("input")).not_to_be_editable()
        await play.inspection.look(play.windows["E02"], "seat-paused")
        await act_with_reason(wall, wall.get_by_role("button", name="恢复评标"), "a false alarm")
        for seat in ("E01", "E02"):
            await expect(cell(play.page(seat), 0, 1).locator("input")).to_be_editable()


async def test_a_second_tab_only_reads_until_it_takes_the_seat_over(play: Play) -> None:
    async with play.scene(10):
        window = play.windows["E02"]
        second = await window.new_tab(f"{play.site_url}/seat/")
        await expect(cell(second, 0, 0).locator("input")).not_to_be_editable()
        await second.get_by_role("button", name="改用本窗口").click()
        await expect(cell(second, 0, 0).locator("input")).to_be_editable()
        await expect(cell(window.page, 0, 0).locator("input")).not_to_be_editable()
        await window.page.close()
        window.page = second
        await type_score(second, 1, 1, "12")
        await expect(cell(second, 1, 1)).to_have_class(re.compile("saved"))


async def test_a_killed_tab_comes_back_with_its_draft_and_with_what_was_never_sent(play: Play) -> None:
    async with play.scene(11):
        window = play.windows["E01"]
        play.seat_road.cut()
        await expect(window.page.locator(".banner.bad")).to_be_visible()
        await type_score(window.page, 0, 1, "31.5")
        await expect(window.page.locator(".unsaved")).to_contain_text("1")
        await expect(cell(window.page, 0, 1)).to_have_class(re.compile("pending"))
        await play.inspection.look(window, "seat-offline")
        await cell(window.page, 1, 1).locator("input").press_sequentially("17.")
        await window.kill_tab()
        play.seat_road.heal()
        window.page = await window.new_tab(f"{play.seat_road.url}/seat/")
        await expect(cell(window.page, 0, 1)).to_have_class(re.compile("saved"))
        await expect(cell(window.page, 0, 1).locator("input")).to_have_value("31.5")
        await expect(cell(window.page, 1, 1)).to_have_class(re.compile("typing"))
        await expect(cell(window.page, 1, 1).locator("input")).to_have_value("17.")
        await type_score(window.page, 1, 1, "17.5")
        await expect(cell(window.page, 1, 1)).to_have_class(re.compile("saved"))


async def test_scores_go_on_while_the_line_to_the_host_is_cut_and_follow_when_it_heals(play: Play) -> None:
    async with play.scene(12):
        window = play.windows["E02"]
        play.site_road.cut()
        await expect(window.page.locator(".banner.warn")).to_be_visible()
        await type_score(window.page, 0, 0, "30")
        await expect(cell(window.page, 0, 0)).to_have_class(re.compile("held"))
        await cell(window.page, 0, 1).locator("input").press_sequentially("28")
        await window.kill_tab()
        window.page = await window.new_tab(f"{play.site_url}/seat/")
        await expect(cell(window.page, 0, 0)).to_have_class(re.compile("held|pending"))
        await expect(cell(window.page, 0, 1).locator("input")).to_have_value("28")
        await expect(cell(window.page, 0, 1)).to_have_class(re.compile("typing"))
        await play.inspection.look(play.windows["SO"], "site-cut-off")
        play.site_road.heal()
        await expect(cell(window.page, 0, 0)).to_have_class(
            re.compile("saved"), timeout=2 * PATIENCE_S * 1000
        )
        await expect(window.page.locator(".banner.warn")).to_have_count(0)


async def test_nobody_else_finds_a_mark_before_the_unlock(play: Play) -> None:
    async with play.scene(13):
        window = play.windows["E01"]
        assert any(SECRET_MARK in text for text in window.heard), "the search would find it where it is"
        for name, other in play.windows.items():
            if name == "E01":
                continue
            places = {
                "page": await other.page.content(),
                "sockets": "\n".join(other.heard),
                "storage": await other.remembered(),
            }
            for place, text in places.items():
                assert text, f"nothing to search in: {place} of {name}"
                assert SECRET_MARK not in text, f"{place} of {name}"
                assert SECRET_REASON not in text, f"{place} of {name}"


async def test_the_detailed_sheets_open_to_the_group_after_both_are_locked(play: Play) -> None:
    async with play.scene(14):
        for seat, marks in (("E01", {}), ("E02", MARKS)):
            for (row, column), mark in marks.items():
                await type_score(play.page(seat), row, column, mark)
            for column, option in enumerate(("one", "two" if seat == "E01" else "one")):
                await choose(play.page(seat), 2, column, option)
            await lock(play, seat, look="seat-findings" if marks else "", reasons=int(bool(marks)))
        await recheck(play)
        for seat in ("E02",):
            await expect(play.page(seat).locator(".group")).to_contain_text(SECRET_MARK)
            await expect(play.page(seat).locator(".group")).to_contain_text(SECRET_REASON)
        await play.inspection.look(play.windows["E02"], "seat-group")


async def choose(page: Page, row: int, column: int, option: str) -> None:
    """Choose an option by keyboard alone."""
    field_ = cell(page, row, column).locator("select")
    await field_.focus()
    await field_.press(option[0])
    await field_.press("Enter")
    await expect(cell(page, row, column)).to_have_class(re.compile("saved"))


async def recheck(play: Play) -> None:
    """Let both look again at the objective item on which they differ; nobody is told who of them."""
    for seat in ("E01", "E02"):
        page = play.page(seat)
        await expect(page.locator("[data-recheck]")).to_have_count(1)
        await expect(page.locator("[data-recheck]")).to_contain_text("Farstream")
        await expect(page.locator(".group")).to_have_count(0)
        await expect(submit(page)).to_be_disabled()
    await play.inspection.look(play.windows["E02"], "seat-recheck")
    await play.page("E01").locator("[data-recheck] .el-button").click()
    second = play.page("E02").locator("[data-recheck]")
    await second.locator("select").select_option("two")
    await second.locator(".el-button").click()
    for seat in ("E01", "E02"):
        await expect(play.page(seat).locator("[data-recheck].done")).to_have_count(1)
        page = play.page(seat)
        await submit(page).click()
        kept = page.locator(".findings textarea")
        if seat == "E02":
            await expect(kept).to_have_value("two weeks are missing in the plan")
        await page.get_by_role("button", name="去签名").click()
        await page.get_by_role("button", name="签名并锁定").click()


MARKS = {(0, 1): "28", (1, 0): "11"}
"""Row and column to what E02 still has to give; 11 of 20 points want a reason."""


# --- the end --------------------------------------------------------------------------------------------


async def clear_report(play: Play) -> None:
    """Have the supervisor say why recordings have gaps, and a member give the reasons that the checks ask for."""
    page, wall = play.page("E01"), play.page("SUP")
    await expect(page.locator(".problems")).to_be_visible()
    gaps = wall.get_by_role("button", name="说明原因")
    if await page.locator("[data-problem=gap_undeclared]").count():
        await expect(gaps.first).to_be_visible()
    while left := await gaps.count():
        await act_with_reason(wall, gaps.first, "the tab was killed, and the line was cut")
        await expect(gaps).to_have_count(left - 1)
    asked = page.locator("[data-problem]:has(.pill.warn)")
    while left := await asked.count():
        await act_with_reason(page, asked.first.get_by_role("button", name="说明理由"), "as the tender says")
        await expect(asked).to_have_count(left - 1)


async def test_prices_and_ranking_follow_and_both_experts_sign_them(play: Play) -> None:
    async with play.scene(15):
        await advance(play, "the prices")
        await expect(play.page("E01").locator("table")).not_to_have_count(0)
        await play.inspection.look(play.windows["E01"], "seat-pricing")
        await advance(play, "the summary")
        await advance(play, "the report")
        await expect(play.page("OP").locator(".stages .current")).to_contain_text("评标报告")
        await clear_report(play)
        await advance(play, "the signatures")
        await play.inspection.look(play.windows["E01"], "seat-signing")
        digests = set()
        for seat in ("E01", "E02"):
            page = play.page(seat)
            digests.add(await page.locator("[data-digest]").inner_text())
            await page.locator("[data-sign] input[type=checkbox]").check()
            await page.locator("[data-sign]").get_by_role("button").click()
            await expect(page.locator("[data-sign] .done")).to_be_visible()
        assert len(digests) == 1
        await advance(play, "the end")


async def test_the_archive_is_ready_and_verified_soon_after(play: Play) -> None:
    async with play.scene(16):
        for seat in ("E01", "E02"):
            await expect(play.page(seat).locator("[aria-current=step]")).to_contain_text("结束")
        await play.inspection.look(play.windows["E01"], "seat-concluded")
        page = play.page("OP")
        await page.locator("nav.tabs [data-tab=archive]").click()
        verified = page.locator(".archive .pill.good")
        await expect(verified).to_be_visible(timeout=2 * PATIENCE_S * 1000)
        await play.inspection.look(play.windows["OP"], "operator-archive")
        await expect(play.page("E01").locator("video")).to_have_count(0)  # nobody is filmed after the end


async def test_the_replay_seeks_every_track_to_the_instant_of_an_event(play: Play) -> None:
    async with play.scene(17):
        window = await play.enter("ARC", play.host_url)
        page = window.page
        index = await (await page.request.get(f"{play.host_url}/api/v1/replay")).json()
        unlocked = next(event for event in index["events"] if event["type"] == "GroupUnlocked")
        entered = next(event for event in index["events"] if opened(event) == SECRET_MARK)
        designed = page.locator(".sheet-panel tr", has_text="Design").locator("td").first
        await page.locator("[data-event=GroupUnlocked]").first.click()
        await until(lambda: stand_at(page, index, unlocked["t"]))
        await expect(designed).not_to_contain_text(SECRET_MARK)
        await (
            page.locator("[data-event=ScoreEntered]", has_text="E01").filter(has_text="Design").first.click()
        )
        await until(lambda: stand_at(page, index, entered["t"]))
        await expect(designed).to_contain_text(SECRET_MARK)
        assert page.url.endswith(f"#t={entered['t']}")
        await play.inspection.look(window, "replay")


def opened(event: dict[str, Any]) -> str | None:
    """Return the value that an event of the archive opens."""
    return str(event.get("opened", {}).get("/value"))


async def stand_at(page: Page, index: dict[str, Any], at_ms: float) -> bool:
    """Say whether every track with a picture at that instant shows the media time that its clock map names."""
    wanted = {str(track["id"]): media_s(track, at_ms) for track in index["tracks"]}
    shown = await page.evaluate(
        "() => Object.fromEntries([...document.querySelectorAll('[data-track]')].map((tile) =>"
        " [tile.dataset.track, tile.querySelector('video:not(.hidden)')?.currentTime ?? null]))"
    )
    assert wanted.keys() == shown.keys()
    assert sum(at is not None for at in wanted.values()) >= 2
    return all(
        (shown[track] is None) == (at is None) and (at is None or abs(shown[track] - at) < 0.05)
        for track, at in wanted.items()
    )


def media_s(track: dict[str, Any], at_ms: float) -> float | None:
    """Return where in its reel a track stands, by the journal's clock maps alone; None where there is no picture."""
    if any(gap["from_ms"] <= at_ms < gap["to_ms"] for gap in track["gaps"]):
        return None
    for reel in track["reels"]:
        at_us = interpolated([(utc, media) for media, utc in reel["map"]], at_ms * 1000)
        if reel["available"] and 0 <= at_us < reel["duration_us"]:
            return at_us / 1e6
    return None


def interpolated(points: list[tuple[float, float]], at: float) -> float:
    """Return the ordinate at `at`; beyond both ends the nearest piece goes on."""
    after = next((n for n, (x, _) in enumerate(points) if x > at and n > 0), len(points) - 1)
    (x0, y0), (x1, y1) = points[after - 1], points[after]
    return y0 + (at - x0) * (y1 - y0) / (x1 - x0)


async def test_gaps_of_the_recording_are_drawn_and_said(play: Play) -> None:
    async with play.scene(18):
        page = play.page("ARC")
        index = await (await page.request.get(f"{play.host_url}/api/v1/replay")).json()
        gaps = [(track["id"], gap) for track in index["tracks"] for gap in track["gaps"]]
        assert gaps, "two tabs were killed"
        drawn = page.locator(".timeline rect.gap")
        await expect(drawn).to_have_count(len(gaps))
        widest = max(range(len(gaps)), key=lambda n: gaps[n][1]["to_ms"] - gaps[n][1]["from_ms"])
        await drawn.nth(widest).click()
        tile = page.locator(f"[data-track='{gaps[widest][0]}']")
        await expect(tile.locator(".absence")).to_contain_text("缺口")
        await page.get_by_role("button", name="验证全部").click()
        await expect(page.get_by_text("全部片段与日志一致")).to_be_visible()


async def test_what_was_sent_again_stands_in_the_journal_once(play: Play) -> None:
    async with play.scene(19):
        index = await (await play.page("ARC").request.get(f"{play.host_url}/api/v1/replay")).json()
        cells = [
            (event["actor"], event["body"]["bid"], event["body"]["item"], opened(event))
            for event in index["events"]
            if event["type"] == "ScoreEntered"
        ]
        assert [cell for cell in cells if cell[:3] == ("E01", "B2", "T1")] == [("E01", "B2", "T1", "31.5")]
        assert [cell for cell in cells if cell[:3] == ("E02", "B1", "T1")] == [("E02", "B1", "T1", "30")]


async def test_no_page_raised_an_error_that_nobody_caught(play: Play) -> None:
    assert play.windows
    assert {name: window.faults for name, window in play.windows.items() if window.faults} == {}


async def test_axe_finds_nothing_serious_on_any_page(play: Play) -> None:
    assert play.inspection.barriers
    assert {state: found for state, found in play.inspection.barriers.items() if found} == {}


async def test_every_page_fits_and_speaks_in_both_languages(play: Play) -> None:
    assert play.inspection.words
    assert {state: found for state, found in play.inspection.words.items() if found} == {}
