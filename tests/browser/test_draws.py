"""Draws in a real Chromium: declared, taken part in, revealed by the page itself, and repeated by anyone, online or from a file.

The node is a double on the page's socket; what the page commits to and reveals is checked with the room's own code.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, FilePayload, Page, Route, expect

from evalroom.draws import facts as df
from evalroom.draws.commitment import commitment_to
from evalroom.draws.draw_file import DrawFile, read_draw_file, write_draw_file
from evalroom.draws.recheck import recheck
from evalroom.draws.state import Draws
from evalroom.encoding import body_of
from evalroom.ids import DrawId, SeatCode
from tests.browser.bid_host import BidHost, now_ms
from tests.browser.inspection import Inspection
from tests.browser.test_bidder import button, serving
from tests.browser.test_officers import SESSION, SocketDouble, enter, opened, play, sound
from tests.browser.windows import Window, until
from tests.evalroom.drawing import secret
from tests.evalroom.draws import vectors

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.needs("chromium", "cjk-font"),
    pytest.mark.timeout(180),
]

OPERATOR, SITE_OPERATOR, SUPERVISOR = SeatCode("OP"), SeatCode("SO"), SeatCode("SUP")
OFFLINE = Path(__file__).parents[2] / "main_site" / "static" / "verify" / "offline.html"


def rehearsal(double: SocketDouble) -> None:
    opened(double, rehearsal=True)


def declared_by(body: dict[str, Any]) -> df.DrawDeclared:
    """Return the fact that an order to declare leads to."""
    order = {name: value for name, value in body.items() if name != "kind"}
    line = {"type": "DrawDeclared", "t": 0, "actor": "OP", "body": order}
    return read_draw_file(write_draw_file(SESSION, [line])).declared


class Others:
    """Everybody but the page's own seat, and the host that writes the journal."""

    def __init__(self, double: SocketDouble, body: dict[str, Any]) -> None:
        """Write the declaration."""
        self.double, self.draws = double, Draws()
        self.declared = declared_by(body)
        self.tell(self.declared, OPERATOR)

    @property
    def draw(self) -> Any:  # noqa: ANN401 - read in many ways
        return self.draws.all[self.declared.draw]

    def tell(self, fact: df.DrawEvent, by: str) -> None:
        self.draws.evolve(fact, SESSION, by)
        self.double.tell(type(fact).__name__, body_of(fact), by)

    def commit(self, seat: SeatCode) -> None:
        id_ = self.declared.draw
        value, nonce = secret("value", id_, seat), secret("nonce", id_, seat)
        made = commitment_to(SESSION, id_, self.draw.digest, seat, value, nonce)
        self.tell(df.DrawCommitted(id_, made), seat)

    def reveal(self, seat: SeatCode) -> None:
        id_ = self.declared.draw
        said = (secret("value", id_, seat), secret("nonce", id_, seat), self.draw.commitments_digest())
        self.tell(df.DrawRevealed(id_, *said), seat)

    def finish(self) -> None:
        self.tell(self.draw.result(self.draw.values), "host")


def read(path: Path) -> DrawFile:
    return read_draw_file(path.read_bytes())


async def submitted(double: SocketDouble, kind: str) -> dict[str, Any]:
    """Wait for an order of this kind and return the last."""

    async def there() -> bool:
        return bool(double.commands(kind))

    await until(there)
    return {name: value for name, value in double.commands(kind)[-1].items() if name != "kind"}


async def test_an_operator_declares_takes_part_and_anyone_repeats_the_result(browser: Browser) -> None:
    inspection = Inspection()
    window, double = await play(browser, "operator", OPERATOR, rehearsal)
    async with serving(BidHost()) as url:
        page = await enter(window, url, double)
        await page.get_by_role("tab", name="抽签").click()
        await button(page, "声明抽签").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("抽什么").select_option("price_parameter")
        await expect(dialog).to_contain_text("请填写名称")
        await dialog.get_by_label("名称").fill("K")
        await dialog.get_by_label("名单，每行一项").fill("96%\n97%\n98%")
        await inspection.look_at_dialog(window, "draws-1-declare")
        await dialog.get_by_role("button", name="声明抽签").click()
        body = await submitted(double, "declare_draw")
        assert [OPERATOR, SITE_OPERATOR, SUPERVISOR] == body["parties"]
        others = Others(double, body)
        card = page.locator(f'[data-draw="{body["draw"]}"]')
        await card.get_by_role("button", name="参与抽签").click()
        own = await submitted(double, "commit_draw")
        others.tell(df.DrawCommitted(DrawId(own["draw"]), own["commitment"]), OPERATOR)
        await expect(card).to_contain_text("您已参与")
        await inspection.look(window, "draws-2-taken")
        await page.reload()
        await page.get_by_role("tab", name="抽签").click()
        assert double.commands("reveal_draw") == []
        for seat in body["parties"][1:]:
            others.commit(SeatCode(seat))
        said = await submitted(double, "reveal_draw")
        draw = others.draw
        made = commitment_to(SESSION, draw.declared.draw, draw.digest, OPERATOR, said["value"], said["nonce"])
        assert (own["commitment"], draw.commitments_digest()) == (made, said["commitments"])
        others.tell(df.DrawRevealed(**{**said, "draw": DrawId(said["draw"])}), OPERATOR)
        for seat in body["parties"][1:]:
            others.reveal(SeatCode(seat))
        others.finish()
        await expect(card).to_contain_text("本机已复算，结果一致")
        await expect(card.locator(".result li")).to_have_count(1)
        await inspection.look(window, "draws-3-drawn")
        async with page.expect_download() as download:
            await button(page, "下载抽签文件").click()
        report = recheck(read(await (await download.value).path()))
        assert (True, draw.drawn) == (report.ok, report.drawn)
        async with window.context.expect_page() as other:
            await card.get_by_role("link", name="复核").click()
        public = await other.value
        await expect(public.locator(".verdict")).to_contain_text("抽签可复算，结果成立")
        await inspection.look(window, "draws-4-public", public)
    sound(inspection, window)
    await window.context.close()


async def test_a_supervisor_takes_part_on_the_wall_and_a_silent_party_is_named(browser: Browser) -> None:
    inspection = Inspection()
    window, double = await play(browser, "supervisor", SUPERVISOR, rehearsal)
    body = {
        "draw": "chair-1", "purpose": "chair", "subject": "chair", "lot": "", "options": ["E01", "E02"], "experts": [],
        "places": [], "make_up": None, "count": 1, "takers": [], "parties": ["OP", "SUP"],
        "closes": now_ms() + 600_000, "ends": now_ms() + 1_200_000, "redoes": "",
    }  # fmt: skip
    others = Others(double, body)
    async with serving(BidHost()) as url:
        page = await enter(window, url, double)
        await button(page, "参与抽签").click()
        own = await submitted(double, "commit_draw")
        others.tell(df.DrawCommitted(DrawId("chair-1"), own["commitment"]), SUPERVISOR)
        others.commit(OPERATOR)
        await expect(page.locator("section.draws")).to_contain_text("等待：OP")
        assert double.commands("reveal_draw") == [], "the supervisor's turn comes after the operator's"
        others.tell(df.DrawVoided(DrawId("chair-1"), (OPERATOR,)), "host")
        await expect(page.locator("section.draws")).to_contain_text("抽签作废，未响应：OP")
        await inspection.look(window, "draws-5-void")
    sound(inspection, window)
    await window.context.close()


async def check_file(page: Page, name: str) -> None:
    await page.set_input_files(".drop input", vectors.FOLDER / name)


async def test_a_stranger_repeats_a_draw_without_logging_in(browser: Browser, tmp_path: Path) -> None:
    inspection = Inspection()
    window = await Window.open(browser, "stranger")
    async with serving(BidHost()) as url:
        page = window.page
        await page.goto(f"{url}/verify/")
        await inspection.look(window, "draws-6-drop")
        await check_file(page, "price-parameter.draw.json")
        await expect(page.locator(".steps .passed")).to_have_count(7)
        await inspection.look(window, "draws-7-good")
        await button(page, "再复核一个").click()
        whole = (vectors.FOLDER / "price-parameter.draw.json").read_bytes()
        row = ["set", ["facts", 9, "body", "drawn"], ["95%"]]
        (tmp_path / "lie.json").write_bytes(vectors.changed(whole, [row]))
        await page.set_input_files(".drop input", tmp_path / "lie.json")
        await expect(page.locator(".verdict.bad")).to_contain_text("抽签未通过复核")
        await inspection.look(window, "draws-8-bad")
    sound(inspection, window)
    await window.context.close()


async def test_the_page_works_from_a_file_without_any_network(browser: Browser) -> None:
    window = await Window.open(browser, "offline")
    await window.context.set_offline(True)
    page, asked = window.page, list[str]()
    page.on("request", lambda request: asked.append(request.url))
    await page.goto(OFFLINE.as_uri())
    await check_file(page, "experts.draw.json")
    await expect(page.locator(".steps .passed")).to_have_count(8)
    await expect(page.locator(".result li")).to_have_count(5)
    await page.get_by_role("button", name="English").click()
    await expect(page.locator(".verdict")).to_contain_text("The draw comes out again")
    assert [OFFLINE.as_uri()] == asked
    assert window.faults == []
    await window.context.close()


async def test_an_operator_sends_a_sealed_roster_and_opens_it_at_check_in(browser: Browser) -> None:
    inspection = Inspection()
    window, double = await play(browser, "operator", OPERATOR, opened)
    listed = json.loads((vectors.FOLDER / "experts.draw.json").read_text("utf-8"))["facts"]
    for fact in listed:
        double.tell(fact["type"], {**fact["body"]}, fact["actor"])
    kept = {"draw": "R1", "sha256": "ab" * 32, "size": 90_000}
    rows = [{"id": "P-001", "name": "Zhang San", "phone": "13800000000"}]

    async def serve(route: Route) -> None:
        await route.fulfill(json=kept if route.request.method == "POST" else rows)

    async with serving(BidHost()) as url:
        page = await enter(window, url, double)
        await page.route("**/api/v1/sessions/s1/rosters/R1", serve)
        await page.get_by_role("tab", name="抽签").click()
        box = page.locator(".roster")
        await expect(box.get_by_role("button", name="打开名单")).to_have_count(0)
        file: FilePayload = {"name": "experts-1.sealed", "mimeType": "", "buffer": b"{}"}
        await box.locator("input").set_input_files(file)
        assert kept == await submitted(double, "seal_roster")
        double.tell("RosterSealed", kept, OPERATOR)
        await expect(box).to_contain_text("任何人都无法打开")
        await expect(box.get_by_role("button", name="打开名单")).to_be_disabled()
        double.tell("StageChanged", {"before": "opening", "after": "gathering", "reason": ""}, OPERATOR)
        await box.get_by_role("button", name="打开名单").click()
        await expect(box).to_contain_text("Zhang San")
        double.tell("RosterUnsealed", {"draw": "R1", "sha256": kept["sha256"], "trustees": ["host", "north"]})
        await expect(box).to_contain_text("名单已在签到时打开")
        await inspection.look(window, "draws-9-roster")
        assert "Zhang San" not in await window.remembered()
    sound(inspection, window)
    await window.context.close()
