"""From an empty desk to the first agreement, in real browsers: the wizard, the board, check-in, the letter, the list.

Everybody sits at the host.  What is played here is what a venue does on a morning; rules are the room's and are
tested there.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from main_site.rehearsal.client import SeatClient
from main_site.rehearsal.nodes import Nodes
from main_site.sample_bids import bid_documents
from main_site.template import write_toml
from tests.browser.inspection import Inspection
from tests.browser.stage import BIDS, PRICES, SESSION, all_at_the_host
from tests.browser.test_evaluation import OPERATOR_CODE, bring_in
from tests.browser.windows import Window, act_with_reason, check_devices, check_in, take_seat

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.needs("chromium", "cjk-font"),
    pytest.mark.timeout(240),
]


@dataclass(slots=True)
class Morning:
    """The host, the operator's window, and the codes of the seats."""

    url: str
    folder: Path
    operator: Window
    codes: dict[str, str] = field(default_factory=dict)
    inspection: Inspection = field(default_factory=Inspection)

    async def look(self, window: Window, state: str) -> None:
        await self.inspection.look(window, state)


@pytest_asyncio.fixture(scope="module", loop_scope="session", name="morning")
async def _morning(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Morning]:
    folder = tmp_path_factory.mktemp("morning")
    nodes = Nodes(folder)
    try:
        host = await nodes.start_host(OPERATOR_CODE, reel_seconds="15", cosign_seconds="1", camera_kbps="500")
        window = await Window.open(browser, "OP")
        yield Morning(host.url, folder, window)
        await window.context.close()
    finally:
        nodes.stop()


async def test_the_wizard_names_errors_at_their_fields_keeps_the_draft_and_creates(morning: Morning) -> None:
    page = morning.operator.page
    await page.goto(f"{morning.url}/site/#operator")
    await page.fill("#operator-code", OPERATOR_CODE)
    await page.click("form.login button[type=submit]")
    await page.locator("[data-act=wizard]").click()
    await read_template(morning, page)
    await page.locator("[data-field=checkin]").select_option("operator")
    await page.locator(".profile input[type=checkbox]").first.check()
    title = page.locator("#project-0-title")
    await title.fill("")
    await title.blur()
    await expect(page.locator("[data-wrong='project/1/title']")).to_be_visible()
    await morning.look(morning.operator, "wizard-project")
    await page.reload()  # the draft is kept, and comes back by itself
    await expect(page.locator("[data-wrong='project/1/title']")).to_be_visible()
    await title.fill("Smart water dispatching")
    await title.blur()
    await expect(page.locator("[data-wrong='project/1/title']")).to_have_count(0)
    for step in ("lots", "pricing", "sites", "sealing", "check"):
        await page.locator("[data-act=next]").click()
        await expect(page.locator(f".wizard[data-step={step}]")).to_be_visible()
        if step in ("lots", "pricing", "check"):
            await morning.operator.photograph(f"wizard-{step}")
    create = page.locator("[data-act=create]")
    await expect(create).to_be_disabled()
    await page.locator(".final input[type=checkbox]").check()
    await name_an_expert_who_was_warned(morning, page)
    await create.click()
    await expect(page.locator("[data-seat]")).to_have_count(len(all_at_the_host().seats))
    for slip in await page.locator("[data-seat]").all():
        seat = await slip.get_attribute("data-seat")
        morning.codes[str(seat)] = await slip.locator(".code").inner_text()


async def name_an_expert_who_was_warned(morning: Morning, page: Page) -> None:
    """Give a seat to somebody on the standing list: nothing is created before it was looked at, with a reason."""
    warned = {
        "decision": "d1", "subject": "P-0042", "kind": "warned", "ground": "left early twice", "session": "S-1", "seat": "E9",
        "entry": 7, "since_ms": 0, "until_ms": 4_102_444_800_000, "digest": "0" * 64, "at": 0, "proposed_by": "operator",
        "proposed_role": "operator", "approved_by": "S-1/R1", "refused_by": "", "appeal": "", "outcome": "", "answer": "",
        "in_force": True,
    }  # fmt: skip
    await page.route("**/api/v1/standing/seat", lambda route: route.fulfill(json=[warned]))
    await page.locator("[data-occupants] summary").click()
    seat = page.locator("[data-occupant=E01]")
    await seat.locator("input[type=text]").first.fill("P-0042")
    await seat.locator("input[type=text]").first.blur()
    await expect(seat.get_by_role("alert")).to_contain_text("left early twice")
    await expect(page.locator("[data-act=create]")).to_be_disabled()
    await morning.look(morning.operator, "wizard-occupant")
    await seat.locator("input[type=checkbox]").check()
    await seat.locator("input[type=text]").last.fill("nobody else of this class")
    await expect(page.locator("[data-act=create]")).to_be_enabled()
    await seat.locator("input[type=text]").first.fill("")
    await page.unroute("**/api/v1/standing/seat")


async def read_template(morning: Morning, page: Page) -> None:
    right = morning.folder / "session.toml"
    right.write_text(write_toml(replace(all_at_the_host(), session=SESSION)), "utf-8")
    await page.locator(".wizard input[type=file]").set_input_files(right)
    await page.locator(".wizard .import .el-button").first.click()
    await expect(page.locator("#project-0-code")).to_have_value("BR-2026-0001")


async def test_the_board_says_no_until_people_are_there_confirmed_and_their_phones_kept(
    morning: Morning, browser: Browser
) -> None:
    page = morning.operator.page
    await page.locator("tr", has_text="Smart water dispatching").get_by_role("button").click()
    await import_bids(morning, page)
    await page.locator("nav.tabs [data-tab=ready]").click()
    await expect(page.locator(".board")).to_have_attribute("data-go", "false")
    await expect(page.locator("[data-red=seat_present]").first).to_be_visible()
    await page.locator("#person-0").fill("Zhang San")
    await page.locator("[data-act=persons]").click()
    expert = await Window.open(browser, "E01")
    await take_seat(expert, morning.url, morning.codes["E01"])
    await check_devices(expert)
    await check_in(expert)
    other = SeatClient(morning.url, morning.codes["E02"])
    async with asyncio.TaskGroup() as group:
        await other.login()
        running = group.create_task(other.run())
        await other.check_in()
        await expect(page.locator("[data-red=seat_identity]")).to_have_count(2)
        await morning.look(morning.operator, "board")
        await welcome(morning, page)
        await page.locator("nav.tabs [data-tab=ready]").click()
        await expect(page.locator("[data-red=seat_identity]")).to_have_count(0)
        await expect(page.locator("[data-red=seat_phone]")).to_have_count(0)
        await page.locator("nav.tabs [data-tab=run]").click()
        await act_with_reason(page, page.locator(".controls .el-button--primary").first, "all are here")
        await agree(morning, expert)
        running.cancel()
    await expert.context.close()


async def import_bids(morning: Morning, page: Page) -> None:
    documents = await asyncio.to_thread(bid_documents)
    rows = page.locator("tr[data-bid]")
    for row, bid in enumerate(BIDS):
        pdf = morning.folder / f"{bid}.pdf"
        pdf.write_bytes(documents[bid])
        await bring_in(rows.nth(row), pdf, PRICES[bid])
        await expect(rows.nth(row).locator(".pill.good")).to_be_visible()


async def welcome(morning: Morning, page: Page) -> None:
    """Confirm both experts against their documents, and take their phones in."""
    await page.locator("nav.tabs [data-tab=seats]").click()
    for seat in ("E01", "E02"):
        card = page.locator(f".card[data-seat={seat}]")
        await card.locator("[data-act=confirm]").click()
        if seat == "E01":
            await morning.inspection.look_at_dialog(morning.operator, "confirm-dialog")
        await expect(page.locator("[data-act=go]")).to_be_disabled()
        await page.locator("input[name=basis][value=device]").check()
        await page.locator("[data-act=go]").click()
        await expect(page.locator(".el-dialog")).to_have_count(0)
        await card.locator("[data-act=keep]").click()
        await page.locator(".el-dialog input[type=text]").fill("B-12")
        await page.locator("[data-act=go]").click()
        await expect(page.locator(".el-dialog")).to_have_count(0)
    await morning.look(morning.operator, "seats-confirmed")


async def agree(morning: Morning, expert: Window) -> None:
    """Let an expert look at other steps, and agree to the letter that names the bidders."""
    page = expert.page
    letter = page.locator(".letter pre")
    await expect(letter).to_contain_text("Clearspring Water Ltd · 法定代表人 legal person: Zhang San")
    await morning.look(expert, "letter")
    await page.locator("[data-step=technical]").click()
    await expect(page.locator("[data-look=technical]")).to_be_visible()
    await morning.look(expert, "step-ahead")
    await page.locator("[data-step=clarification]").click()
    await page.locator("[data-open-questions]").click()
    await expect(page.get_by_role("dialog", name="澄清")).to_be_visible()
    await page.keyboard.press("Escape")
    await page.mouse.move(0, 0)  # a button under the mouse is paler than one that is read
    await page.locator("[data-open-questions]").evaluate("(button) => button.blur()")
    await morning.look(expert, "step-clarification")
    await page.locator("[data-step=check_in]").click()
    await expect(page.locator("[data-look=check_in] .own")).to_contain_text("B-12")
    await page.locator("[data-step=pledge]").click()
    await page.locator(".letter input[type=checkbox]").check()
    await page.get_by_role("button", name="同意并遵守").click()
    await expect(page.locator(".letter .done")).to_be_visible()


async def test_no_page_had_a_barrier_a_gap_or_an_error(morning: Morning) -> None:
    assert {} == {state: found for state, found in morning.inspection.barriers.items() if found}
    assert {} == {state: found for state, found in morning.inspection.words.items() if found}
    assert [] == morning.operator.faults
