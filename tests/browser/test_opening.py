"""A bid from a real Chromium to a real host with real trustees' agents: sealed, submitted, closed, released, opened, confirmed."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from evalroom.sealing.ceremony import CeremonyState
from main_site.sample_bids import bid_documents
from tests.browser.test_bidder import button, choose_saved, serving
from tests.browser.windows import Window
from tests.evalroom.room import SESSION
from tests.main_site.ceremony import ceremony

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.needs("chromium", "cjk-font"),
    pytest.mark.timeout(180),
]

PASSPHRASE = "a passphrase on paper"  # noqa: S105 - of a bid that nobody made


async def test_a_bid_sealed_in_the_browser_is_opened_by_the_host_and_its_trustees(
    browser: Browser, tmp_path: Path
) -> None:
    pdf, key = tmp_path / "technical.pdf", tmp_path / "bid.key"
    pdf.write_bytes(next(iter(bid_documents().values())))
    window = await Window.open(browser, "bidder at a real host")
    page = window.page
    async with ceremony(tmp_path / "host") as made, serving(made.app) as url:
        await made.accept()
        await page.goto(f"{url}/bidder/#/{SESSION}/seal")
        await expect(page.get_by_text("已签名，核对无误")).to_have_count(3)
        await button(page, "已核对一致，下一步").click()
        await page.get_by_role("textbox", name="投标人全称").fill("Clearspring Water Ltd")
        await page.locator(".prices .price input").fill("3300000")
        await page.locator('[data-part="technical"] input[type=file]').set_input_files(pdf)
        await button(page, "下一步：加密").click()
        await button(page, "加密").click()
        await page.get_by_role("textbox", name="钥匙口令").fill(PASSPHRASE)
        await page.get_by_role("checkbox").check()
        async with page.expect_download() as saving:
            await button(page, "保存钥匙文件").click()
        await (await saving.value).save_as(key)
        await choose_saved(page, key)
        await button(page, "提交").click()
        await expect(page.locator("h1")).to_contain_text("已提交，这是您的回执")
        await window.photograph("real-1-receipt")
        await made.acked()
        await button(page, "开标大厅").click()
        await made.close()
        await page.get_by_role("textbox", name="钥匙口令").fill(PASSPHRASE)
        await button(page, "投标人签到").click()
        await expect(page.locator("main")).to_contain_text("已签到")
        await made.open_window()
        await button(page, "解密").click()
        await made.reaches(CeremonyState.OPENED)
        await expect(page.locator("main")).to_contain_text("3,300,000.00")
        await expect(page.locator("main")).to_contain_text("Clearspring Water Ltd")
        await window.photograph("real-2-record")
        await button(page, "确认开标记录").click()
        await page.get_by_role("dialog").get_by_role("button", name="确认开标记录").click()
        await expect(page.locator("main")).to_contain_text("您已确认开标记录")
    assert window.faults == []
    await window.context.close()
