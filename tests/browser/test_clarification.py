"""A question to a bidder in a real Chromium at a real host: asked at a seat, relayed at the desk, answered in the hall."""

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from evalroom.ids import SeatCode
from evalroom.sealing.ceremony import CeremonyState
from main_site.bidder.keyfile import BidKeys, BidRecord, stretch, write_keys
from tests.browser.inspection import Inspection
from tests.browser.test_bidder import serving
from tests.browser.windows import Window, check_devices, check_in, take_seat
from tests.evalroom.room import EXPERTS, HOST, OPERATOR, SEAT, SESSION, SUPERVISOR
from tests.evalroom.sealing import tender
from tests.main_site.ceremony import SUITE, Bidding, Ceremony, ceremony
from tests.main_site.hall import until
from tests.main_site.services.test_opening import to_detailed

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.needs("chromium", "cjk-font"),
    pytest.mark.timeout(240),
]

EXPERT = next(seat for seat in EXPERTS if SEAT[seat].node == HOST)
PASSPHRASE = "correct horse battery staple"  # noqa: S105 - of a key file made here
QUESTION, ANSWER = "第 12 页的塔吊是哪一台？", "50 吨的那一台。"


def key_file(folder: Path, place: Ceremony, one: Bidding) -> Path:
    """Write the key file that this bidder would have."""
    keys = BidKeys(tender.signing_pkcs8(SUITE, one.number), (tender.opening_pkcs8(SUITE, "token"),))
    record = BidRecord(
        SESSION, bytes.fromhex(one.number), SUITE, place.policy.encode(), bytes.fromhex(one.sealed.root),
        bytes.fromhex(one.sealed.digest), len(one.sealed.data),
    )  # fmt: skip
    path = folder / "bid.evb1.key"
    write_keys(path, record, keys, stretch(PASSPHRASE))
    return path


def asked_at(page: Page) -> Locator:
    return page.locator("[data-question]")


async def seat(
    browser: Browser, place: Ceremony, url: str, code: SeatCode, *, devices: bool = False
) -> Window:
    window = await Window.open(browser, code)
    await take_seat(window, url, (await place.centre.new_seat_code(SESSION, code)).code)
    if devices:
        await check_devices(window)
        await check_in(window)
    return window


async def answer_in_the_hall(window: Window, url: str, keys: Path, inspection: Inspection) -> None:
    page = window.page
    await page.goto(f"{url}/bidder/#/{SESSION}/hall")
    await page.locator("input[type=file]").first.set_input_files(keys)
    await page.locator(".opener input[type=password]").fill(PASSPHRASE)
    await page.locator(".opener button[type=submit]").click()
    await expect(asked_at(page)).to_contain_text(QUESTION)
    await expect(asked_at(page).get_by_role("timer")).to_be_visible()
    await inspection.look(window, "hall-clarification")
    await asked_at(page).locator("textarea").fill(ANSWER)
    await asked_at(page).get_by_role("button", name="答复", exact=True).click()
    await page.locator(".el-dialog__footer button").last.click()
    await expect(asked_at(page)).to_contain_text("已答复")
    async with page.expect_download() as download:
        await page.get_by_role("button", name="下载回执").last.click()
    receipt = await asyncio.to_thread(Path(await (await download.value).path()).read_text, "utf-8")
    assert ANSWER in receipt


async def test_a_question_goes_from_a_seat_to_the_hall_and_its_answer_back(
    browser: Browser, tmp_path: Path
) -> None:
    inspection = Inspection()
    async with ceremony(tmp_path / "host") as place, serving(place.app) as url:
        await place.accept()
        for n in range(3):
            await place.bid(f"bidder {n}", 98_000_000 + n)
        await place.acked()
        await place.close()
        await place.open_window()
        await place.release_all()
        await place.reaches(CeremonyState.OPENED)
        await until(lambda: len(place.session.ceremony.admitted) == len(place.bidders))
        await to_detailed(place)
        expert = await seat(browser, place, url, EXPERT, devices=True)
        desk = await seat(browser, place, url, OPERATOR)
        wall = await seat(browser, place, url, SUPERVISOR)
        await ask(expert, inspection)
        await relay(desk, inspection)
        await wall.page.locator("[data-asides=questions]").click()
        await expect(asked_at(wall.page)).to_contain_text(QUESTION)
        await inspection.look_at_dialog(wall, "wall-clarification")
        bidder = await Window.open(browser, "bidder")
        (one,) = [
            one
            for one in place.bidders
            if place.session.ceremony.admitted[
                place.session.asides.questions.all[name_of(place)].drafted.bid
            ].number
            == one.number
        ]
        await answer_in_the_hall(bidder, url, key_file(tmp_path, place, one), inspection)
        await expect(asked_at(expert.page)).to_contain_text(ANSWER)
        await inspection.look_at_dialog(expert, "seat-clarification")
        for window in (expert, desk, wall, bidder):
            assert window.faults == []
            await window.context.close()
    assert {name: [] for name in inspection.barriers} == inspection.barriers


def name_of(place: Ceremony) -> str:
    (name,) = place.session.asides.questions.all
    return name


async def ask(expert: Window, inspection: Inspection) -> None:
    page = expert.page
    await page.locator("[data-asides=questions]").click()
    await page.locator("[data-asides=ask]").click()
    await page.locator("#reason-text").fill(QUESTION)
    await inspection.look_at_dialog(expert, "seat-ask")
    await page.get_by_role("button", name="存为草稿").click()
    await page.get_by_role("button", name="发送", exact=True).click()
    await expect(asked_at(page)).to_have_attribute("data-state", "sent")


async def relay(desk: Window, inspection: Inspection) -> None:
    page = desk.page
    await page.locator("[data-asides=questions]").click()
    await page.get_by_role("button", name="转给投标人").click()
    await inspection.look_at_dialog(desk, "desk-relay")
    await page.get_by_role("button", name="转给投标人").click()
    await expect(asked_at(page)).to_have_attribute("data-state", "relayed")
