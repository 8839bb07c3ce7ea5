"""A bidder's way in a real Chromium: seal, keep the keys, submit, be cut off, come back, release, object.

The host is a double that opens what it is given with the room's own code: what the page seals must open, what it
signs must verify, and the halves it releases must give back every byte.  The tests are scenes, played in order.
"""

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio
import uvicorn
from fastapi import FastAPI
from playwright.async_api import Browser, Locator, Page, expect

from main_site.bidder.keyfile import unlock
from main_site.sample_bids import bid_documents
from tests.browser.bid_host import TENDER, TRUSTEES, BidHost, make_app, now_ms
from tests.browser.inspection import Inspection
from tests.browser.windows import SIZE, Window, until

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.needs("chromium", "cjk-font"),
    pytest.mark.timeout(180),
]

BIDDER = "Clearspring Water Ltd"
PASSPHRASE = "桥头第三家的老槐树 1987"  # noqa: S105 - of a bid that nobody made
PIECES = 3
LATER_PIECE = 1

SEALED_FILES = """
async () => {
  const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('sealed-bids')
  const names = []
  for await (const name of folder.keys()) names.push(name)
  return names
}
"""


@dataclass(slots=True)
class Play:
    """The stage as the scenes find it."""

    host: BidHost
    url: str
    window: Window
    folder: Path
    pdf: Path
    large: Path
    inspection: Inspection = field(default_factory=Inspection)
    numbers: list[str] = field(default_factory=list)
    keys: list[Path] = field(default_factory=list)
    played: int = 0

    @property
    def page(self) -> Page:
        """Return the bidder's tab."""
        return self.window.page

    @asynccontextmanager
    async def scene(self, number: int) -> AsyncIterator[None]:
        """Play one scene, provided that those before it succeeded."""
        assert self.played == number - 1, "a scene before this one failed, or was left out"
        try:
            yield
        except Exception as error:
            error.add_note(await self.window.describe())
            await self.window.photograph("failed-bidder")
            raise
        self.played = number


@asynccontextmanager
async def serving(host: BidHost | FastAPI) -> AsyncIterator[str]:
    """Serve the double, or a real host that runs already, on the loopback and yield its address."""
    app = make_app(host) if isinstance(host, BidHost) else host
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())

    async def started() -> bool:
        return server.started

    await until(started)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task


@pytest_asyncio.fixture(scope="module", loop_scope="session", name="play")
async def _play(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Play]:
    folder = tmp_path_factory.mktemp("bidder")
    pdf, large = folder / "qualification.pdf", folder / "technical.pdf"
    pdf.write_bytes(next(iter(bid_documents().values())))
    # Nine megabytes are three pieces; what follows the end of a PDF is read by nobody.
    large.write_bytes(pdf.read_bytes() + b"\n%" + bytes(9 << 20))
    host = BidHost()
    async with serving(host) as url:
        window = await Window.open(browser, "bidder")
        yield Play(host, url, window, folder, pdf, large)
        await window.context.close()


def button(page: Page, name: str) -> Locator:
    """Return the button of this name."""
    return page.get_by_role("button", name=name, exact=True)


async def look_small(play: Play, state: str) -> None:
    """Inspect the page as it stands on a small screen."""
    await play.page.set_viewport_size({"width": 1366, "height": 768})
    await play.inspection.look(play.window, state)
    await play.page.set_viewport_size(SIZE)


async def fill(play: Play, price: str) -> None:
    """Fill in the bid's contents."""
    page = play.page
    await page.get_by_role("textbox", name="投标人全称").fill(BIDDER)
    await page.locator(".prices .price input").fill(price)
    await page.locator('[data-part="qualification"] input[type=file]').set_input_files(play.pdf)
    await page.locator('[data-part="technical"] input[type=file]').set_input_files(play.large)
    await expect(button(page, "下一步：加密")).to_be_enabled()


async def keep_keys(play: Play) -> None:
    """Choose a passphrase, save the key file, and choose it again."""
    page = play.page
    await page.get_by_role("textbox", name="钥匙口令").fill(PASSPHRASE)
    await page.get_by_role("checkbox").check()
    async with page.expect_download() as saving:
        await button(page, "保存钥匙文件").click()
    path = play.folder / (await saving.value).suggested_filename
    await (await saving.value).save_as(path)
    play.keys.append(path)


async def choose_saved(page: Page, path: Path) -> None:
    """Take the saved file back in."""
    await page.locator("input[type=file]").set_input_files(path)


async def test_a_bidder_chooses_a_tender_and_checks_who_signed_its_policy(play: Play) -> None:
    async with play.scene(1):
        page = play.page
        await page.goto(f"{play.url}/bidder/")
        await expect(page.locator(f'[data-tender="{TENDER}"]')).to_contain_text("接收投标")
        await play.inspection.look(play.window, "bidder-1-tenders")
        await button(page, "加密并提交投标").click()
        for _, _, who in TRUSTEES:
            await expect(page.get_by_role("row", name=re.compile(who))).to_contain_text("已签名，核对无误")
        await expect(page.locator("main")).to_contain_text(play.host.policy_sha256.hex())
        await play.inspection.look(play.window, "bidder-2-policy")
        await look_small(play, "bidder-2-policy-small")
        await button(page, "已核对一致，下一步").click()


async def test_wrong_files_and_prices_are_refused_while_they_are_typed(play: Play) -> None:
    async with play.scene(2):
        page = play.page
        await expect(page.locator("main")).to_contain_text("还没有填写投标人全称")
        text = play.folder / "prices.txt"
        text.write_text("no document", "utf-8")
        await page.locator('[data-part="technical"] input[type=file]').set_input_files(text)
        await expect(page.get_by_role("alert")).to_contain_text("这不是 PDF 文件")
        await fill(play, "３，４１８，８００．５")
        await expect(page.locator(".reads")).to_have_text("3,418,800.50 元")
        await play.inspection.look(play.window, "bidder-3-files")
        await button(page, "下一步：加密").click()


async def test_the_bid_is_sealed_with_progress_and_opened_as_a_test(play: Play) -> None:
    async with play.scene(3):
        page = play.page
        await expect(page.locator("main")).to_contain_text("3,418,800.50 元")
        await play.inspection.look(play.window, "bidder-4-check")
        await button(page, "加密").click()
        await expect(page.locator("main")).to_contain_text("已加密，并在本机试开核对无误")
        await play.inspection.look(play.window, "bidder-5-key")


async def test_nobody_goes_on_without_the_saved_key_file(play: Play) -> None:
    async with play.scene(4):
        page = play.page
        await page.get_by_role("textbox", name="钥匙口令").fill("too short")
        await expect(button(page, "保存钥匙文件")).to_be_disabled()
        await keep_keys(play)
        await choose_saved(page, play.pdf)
        await expect(page.get_by_role("alert")).to_contain_text("这不是投标的钥匙文件")
        await play.inspection.look_at_dialog(play.window, "bidder-6-key-check")
        await page.reload()
        await choose_saved(page, play.keys[0])
        await expect(page.locator("h1")).to_have_text("提交投标")


async def test_the_command_line_opens_the_key_file(play: Play) -> None:
    async with play.scene(5):
        record, keys = await asyncio.to_thread(unlock, play.keys[0], PASSPHRASE)
        assert (record.tender, len(keys.slots)) == (TENDER, 1)
        play.numbers.append(record.number)


async def test_an_upload_goes_on_after_its_tab_was_killed_at_any_piece_and_ends_in_a_receipt(
    play: Play,
) -> None:
    async with play.scene(6):
        host = play.host
        for piece in range(PIECES):
            host.failing = piece
            await button(play.page, "提交").click()
            await expect(play.page.locator("main")).to_contain_text("网络暂时不通")
            if piece == LATER_PIECE:
                await play.inspection.look(play.window, "bidder-7-waiting")
            await play.window.kill_tab()
            # Whoever comes back by the address in the notice is told that there is a bid to go on with.
            play.window.page = await play.window.new_tab(f"{play.url}/bidder/")
            card = play.page.locator(f'[data-tender="{TENDER}"]')
            await expect(card).to_contain_text(f"编号 {play.numbers[0][:8]}…）还没有提交")
            if piece == LATER_PIECE:
                await play.inspection.look(play.window, "bidder-7-unfinished")
            await button(play.page, "继续办理这份投标").click()
        page = play.page
        host.failing = None
        await button(page, "提交").click()
        await expect(page.locator("h1")).to_contain_text("已提交，这是您的回执")
        assert host.puts == list(range(PIECES))
        await expect(page.locator(".card svg path")).to_be_visible()
        await play.inspection.look(play.window, "bidder-8-receipt")
        await look_small(play, "bidder-8-receipt-small")
        async with page.expect_download() as saving:
            await button(page, "下载回执").click()
        assert (await saving.value).suggested_filename == f"{play.numbers[0]}.receipt"
        await (await saving.value).save_as(play.folder / "bid.receipt")
        assert (play.folder / "bid.receipt").read_text("utf-8") == host.receipt(play.numbers[0])


async def test_another_bid_takes_its_place_signed_by_the_earlier_key(play: Play) -> None:
    async with play.scene(7):
        page, host = play.page, play.host
        await button(page, "查看、替换或撤回投标").click()
        await page.get_by_role("textbox", name="钥匙口令").fill("not the passphrase")
        await button(page, "打开").click()
        await expect(page.get_by_role("alert")).to_contain_text("口令不对")
        await page.get_by_role("textbox", name="钥匙口令").fill(PASSPHRASE)
        await button(page, "打开").click()
        await expect(page.locator("main")).to_contain_text("已提交")
        await play.inspection.look(play.window, "bidder-9-mine")
        await button(page, "替换投标").click()
        await play.inspection.look_at_dialog(play.window, "bidder-10-replace")
        await button(page, "开始制作新的投标").click()
        await button(page, "已核对一致，下一步").click()
        await fill(play, "3300000")
        await button(page, "下一步：加密").click()
        await button(page, "加密").click()
        await keep_keys(play)
        await choose_saved(page, play.keys[1])
        await button(page, "提交").click()
        await expect(page.locator("h1")).to_contain_text("已提交，这是您的回执")
        play.numbers.append(unlock(play.keys[1], PASSPHRASE)[0].number)
        assert [host.bids[one].state for one in play.numbers] == ["withdrawn", "submitted"]
        del host.bids[play.numbers[0]]


async def test_the_hall_hides_the_number_of_bids_until_the_deadline(play: Play) -> None:
    async with play.scene(8):
        page, host = play.page, play.host
        await button(page, "开标大厅").click()
        await expect(page.locator("main")).to_contain_text("截止前不公开")
        await play.inspection.look(play.window, "bidder-11-hall-before")
        host.state, host.deadline = "closed", now_ms() - 1
        await expect(page.locator("main")).to_contain_text("投标名单")
        await expect(page.locator(f'[data-bid="{play.numbers[1]}"]')).to_contain_text("已列入")


async def test_a_bidder_who_signed_in_releases_with_one_click(play: Play) -> None:
    async with play.scene(9):
        page, host = play.page, play.host
        await page.get_by_role("textbox", name="钥匙口令").fill(PASSPHRASE)
        await button(page, "投标人签到").click()
        await expect(page.locator("main")).to_contain_text("已签到")
        # The policy of the bid is older than the double's deadline: what was sealed under it must still be opened.
        host.deadline = int(json.loads(unlock(play.keys[1], PASSPHRASE)[0].policy)["deadline"])
        host.officers = [
            {"site": "host", "seats": ["OP1", "SV1"]},
            {"site": "north", "seats": ["SO1", "SO2"]},
        ]
        host.state, host.until = "unsealing", now_ms() + 1_800_000
        await expect(button(page, "解密")).to_be_visible()
        await play.inspection.look(play.window, "bidder-12-release")
        await button(page, "解密").click()
        await expect(page.locator("main")).to_contain_text("您已解密，主机已核对收下")
        host.shares = {"host": 1, "supervisor": 1}
        await expect(page.locator(".pill.good", has_text=TRUSTEES[2][2])).to_be_visible()
        await play.inspection.look(play.window, "bidder-13-released")


async def test_what_was_sealed_is_what_was_typed_and_chosen(play: Play) -> None:
    async with play.scene(10):
        texts = await asyncio.to_thread(play.host.texts, play.numbers[1])
        sheet = json.loads(texts["opening"])
        assert sheet == {
            "v": 1,
            "bidder": BIDDER,
            "prices": [{"lot": "1", "price_fen": "330000000"}],
            "remarks": "",
        }
        assert hashlib.sha256(texts["technical"]).digest() == hashlib.sha256(play.large.read_bytes()).digest()
        assert texts["qualification"] == play.pdf.read_bytes()


async def test_the_record_is_read_and_an_objection_is_signed(play: Play) -> None:
    async with play.scene(11):
        page, host = play.page, play.host
        rows = [
            {"bid": "B1", "number": play.numbers[1], "bidder": BIDDER, "verdict": "opened", "cause": "", "party": "",
             "prices": [{"lot": "1", "price_fen": "330000000"}]},
        ]  # fmt: skip
        host.verdicts = {play.numbers[1]: ("opened", "")}
        host.record = json.dumps(
            {"v": 1, "tender": TENDER, "window": "opening", "rows": rows}, ensure_ascii=False
        )
        host.state = "opened"
        await expect(page.locator("main")).to_contain_text("3,300,000.00")
        await page.locator(".more").first.click()
        await play.inspection.look(play.window, "bidder-14-record")
        await look_small(play, "bidder-14-record-small")
        await button(page, "提出异议").click()
        await page.get_by_label("异议内容").fill("唱标金额与开标一览表大写不一致。")
        await play.inspection.look_at_dialog(play.window, "bidder-15-objection")
        await page.get_by_role("dialog").get_by_role("button", name="提出异议").click()
        await expect(page.locator("main")).to_contain_text("您的异议已记入日志")
        answer = host.bids[play.numbers[1]].answer
        assert answer is not None
        assert answer["objection"].startswith("唱标金额")


async def test_a_bid_is_withdrawn_after_a_second_question(play: Play) -> None:
    async with play.scene(12):
        page, host = play.page, play.host
        host.state, host.bids[play.numbers[1]].state = "accepting", "submitted"
        await page.goto(f"{play.url}/bidder/#/{TENDER}/bid")
        await page.reload()
        await page.locator("input[type=file]").set_input_files(play.keys[1])
        await page.get_by_role("textbox", name="钥匙口令").fill(PASSPHRASE)
        await button(page, "打开").click()
        await button(page, "撤回投标").click()
        await play.inspection.look_at_dialog(play.window, "bidder-16-withdraw")
        await page.get_by_role("dialog").get_by_role("button", name="撤回投标").click()
        await expect(page.locator(".pill.bad")).to_have_text("撤回")
        assert host.bids[play.numbers[1]].state == "withdrawn"


async def test_the_page_kept_no_secret_in_the_browser(play: Play) -> None:
    async with play.scene(13):
        kept = await play.window.remembered()
        assert play.numbers[1] in kept
        assert not [secret for secret in (PASSPHRASE, "330000000", "3300000") if secret in kept]


async def test_a_browser_without_mlkem_says_aloud_what_the_page_brings(browser: Browser, play: Play) -> None:
    async with serving(BidHost()) as url:
        window = await Window.open(browser, "old-browser")
        await window.context.add_init_script("delete SubtleCrypto.prototype.encapsulateBits")
        await window.page.goto(f"{url}/bidder/#/{TENDER}/seal")
        await expect(window.page.locator("main")).to_contain_text("本机浏览器缺少 ML-KEM-768")
        await play.inspection.look(window, "bidder-17-from-library")
        await window.context.close()


async def test_what_a_killed_tab_had_sealed_is_gone_when_the_next_bid_is_sealed(
    browser: Browser, play: Play
) -> None:
    async with serving(BidHost()) as url:
        again = Play(play.host, url, await Window.open(browser, "killed"), play.folder, play.pdf, play.large)
        names = []
        for _ in range(2):
            again.window.page = await again.window.new_tab(f"{url}/bidder/#/{TENDER}/seal")
            await button(again.page, "已核对一致，下一步").click()
            await fill(again, "3418800.5")
            await button(again.page, "下一步：加密").click()
            await button(again.page, "加密").click()
            await expect(again.page.locator("main")).to_contain_text("已加密，并在本机试开核对无误")
            names.append(await again.page.evaluate(SEALED_FILES))
            await again.window.kill_tab()
        assert [len(one) for one in names] == [1, 1]
        assert names[0] != names[1]
        await again.window.context.close()


async def test_no_page_raised_an_error_that_nobody_caught(play: Play) -> None:
    assert play.window.faults == []


async def test_axe_finds_nothing_serious_on_the_bidders_page(play: Play) -> None:
    assert {state: found for state, found in play.inspection.barriers.items() if found} == {}


async def test_the_bidders_page_fits_and_speaks_in_both_languages(play: Play) -> None:
    assert {state: found for state, found in play.inspection.words.items() if found} == {}
