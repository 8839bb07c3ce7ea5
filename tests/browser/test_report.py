"""The report in a real Chromium: the chair writes and answers the checks, a member reads and signs, others witness.

The report and the feed are those of the room itself; the node is a double that remembers what the pages submit.
"""

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from playwright.async_api import Browser, Page, Route, expect

from evalroom import commands as co
from evalroom import events as ev
from evalroom.encoding import to_json
from evalroom.events import Stage
from evalroom.ids import SeatCode
from evalroom.ledger.base64 import encode_base64
from evalroom.ledger.signature import encode_seat_key
from evalroom.protocol.feed import FeedLog, item_text
from evalroom.reporting import Section, Stand
from evalroom.session import Session
from evalroom.visibility import Audience, view
from main_site.services.reports import Reports
from tests.browser.bid_host import BidHost
from tests.browser.inspection import Inspection
from tests.browser.test_bidder import serving
from tests.browser.test_officers import PAGES, SocketDouble, sound
from tests.browser.windows import Window, act_with_reason, until
from tests.evalroom.room import (
    BIDS,
    EXPERTS,
    LOT,
    PRICES,
    SEAT,
    SESSION,
    SITE_OPERATOR,
    START,
    SUPERVISOR,
    Room,
    by_node,
    private_key,
    room_at,
    track_started,
)

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.needs("chromium", "cjk-font"),
    pytest.mark.timeout(180),
]

E1, E2, E3 = EXPERTS


async def enter(browser: Browser, url: str, seat: SeatCode, room: Room) -> tuple[Window, SocketDouble]:
    """Take a seat of the room's session: its feed as that seat sees it, its report as the host describes it."""
    double = SocketDouble(SEAT[seat].role.value, seat)
    double.feed = FeedLog(SESSION, seat)
    fold, who = Session(), Audience(seat, SEAT[seat].role, SEAT[seat].site, SEAT[seat].node)
    for fact in room.history:
        fold.evolve(fact)
        for seen in view(fact, who, fold):
            double.feed.append(item_text(double.feed.length + 1, fact, seen))
    window = await Window.open(browser, seat)
    page = window.page
    me = {"session": SESSION, "seat": seat, "role": double.role, "label": "", "title": "Road", "page": ""}
    await page.route("**/api/v1/me", lambda route: route.fulfill(json=me))
    await page.route("**/api/v1/ice", lambda route: route.fulfill(json={"servers": []}))
    await page.add_init_script(checked_in(seat))
    await page.route("**/api/v1/reports/**", lambda route: answer(route, room))
    await page.route_web_socket("**/ws/seat*", lambda socket: double.open(socket))  # noqa: PLW0108 - Playwright marks what it is given
    await page.goto(url + {**PAGES, "expert": "/seat/"}[double.role])
    return window, double


def checked_in(seat: SeatCode) -> str:
    """Return a script that gives the browser the key with which this seat checked in, as if it had been here before."""
    key = private_key(seat)
    pkcs8 = encode_base64(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
    spki = encode_base64(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    name, public = f"evalroom.registered.{SESSION}/{seat}", encode_seat_key(key.public_key())
    return f"""
        localStorage.setItem({json.dumps(name)}, {json.dumps(public)})
        const bytes = (text) => Uint8Array.from(atob(text), (one) => one.charCodeAt(0))
        const terms = {{ name: 'ECDSA', namedCurve: 'P-256' }}
        crypto.subtle.generateKey = async () => ({{
          privateKey: await crypto.subtle.importKey('pkcs8', bytes({json.dumps(pkcs8)}), terms, false, ['sign']),
          publicKey: await crypto.subtle.importKey('spki', bytes({json.dumps(spki)}), terms, true, ['verify']),
        }})
    """


async def answer(route: Route, room: Room) -> None:
    conductor: Any = SimpleNamespace(session=room.session)
    reports, lot = Reports(conductor, None, None), room.session.lots[LOT]  # type: ignore[arg-type] # no disk, no pages
    if route.request.url.endswith("/data"):
        await route.fulfill(body=reports.data(lot)[0])
    elif "/pdf" in route.request.url:
        problem = {"code": "report_font_missing", "title": "no font", "detail": {}}
        await route.fulfill(status=500, json=problem)
    else:
        await route.fulfill(json=to_json(reports.describe(lot)))


def desk(page: Page) -> Any:  # noqa: ANN401 - a locator
    return page.locator(f"[data-report={LOT}]")


async def test_the_chair_writes_the_words_and_gives_the_reason_that_a_check_asks_for(
    browser: Browser,
) -> None:
    room = room_at(Stage.SUMMARY)
    slip = ev.PriceCorrected(LOT, BIDS[0], PRICES[BIDS[0]], "a slip of the pen")
    room.take(ev.Fact(START, room.session.host_site, "host", slip))
    room.advance()
    inspection = Inspection()
    async with serving(BidHost()) as url:
        window, double = await enter(browser, url, E1, room)
        page = window.page
        problem = desk(page).locator("[data-problem=price_corrected]")
        await expect(problem).to_contain_text("需要说明")
        await inspection.look(window, "report-1-draft")
        await act_with_reason(page, problem.get_by_role("button", name="说明理由"), "更正有据，两人确认")
        box = desk(page).locator(f"#words-{LOT}-overview")
        await box.fill("评标过程正常。")
        await desk(page).get_by_role("button", name="保存").first.click()
        await until(lambda: asyncio.sleep(0, bool(double.commands("edit_report"))))
        room.give(room[E1].order(co.EditReport(LOT, Section.OVERVIEW, "评标过程正常。")))
        double.tell("ReportEdited", {"lot": LOT, "section": "overview", "text": "评标过程正常。"}, actor=E1)
        await expect(desk(page)).to_contain_text("报告文字已进入日志")
        assert [("price_corrected", "更正有据，两人确认")] == [
            (one["warning"], one["reason"]) for one in double.commands("justify_warning")
        ]
        (edit,) = double.commands("edit_report")
        assert ("overview", "评标过程正常。") == (edit["section"], edit["text"])
        sound(inspection, window)


async def test_a_member_compares_the_digest_and_dissents_in_writing(browser: Browser) -> None:
    room = room_at(Stage.SIGNING)
    room.sign(E2)
    room.sign(E3, Stand.REFUSES, "the weights are wrong")
    inspection = Inspection()
    async with serving(BidHost()) as url:
        window, double = await enter(browser, url, E1, room)
        page = window.page
        await expect(desk(page)).to_contain_text("本机已对收到的全部报告数据重新计算")
        await expect(page.locator("[data-signatories]")).to_contain_text("the weights are wrong")
        go = page.locator("[data-sign]").get_by_role("button")
        await page.get_by_label("保留意见").check()
        await page.get_by_text("我已核对报告内容和校验码").click()
        await expect(go).to_be_disabled()
        await page.get_by_label("书面意见").fill("工期分过高")
        await inspection.look(window, "report-2-sign")
        await go.click()
        await expect(go).to_be_enabled()
        (signed,) = double.commands("sign_report")
        assert (room.session.report_digest(LOT), "dissents", "工期分过高") == (
            signed["digest"], signed["stand"], signed["reason"],
        )  # fmt: skip
        await desk(page).locator("[data-pdf=zh]").click()
        await expect(desk(page)).to_contain_text("fonts-noto-cjk")
        window.faults[:] = [one for one in window.faults if "500" not in one]
        sound(inspection, window)


async def test_data_with_another_digest_than_the_journals_cannot_be_signed(browser: Browser) -> None:
    room = room_at(Stage.SIGNING)
    async with serving(BidHost()) as url:
        window, double = await enter(browser, url, E1, room)
        await window.page.route("**/data", lambda route: route.fulfill(body="{}"))
        await window.page.reload()
        await expect(desk(window.page)).to_contain_text("不能签名")
        await window.page.get_by_text("我已核对报告内容和校验码").click()
        await expect(window.page.locator("[data-sign]").get_by_role("button")).to_be_disabled()
        assert [] == double.commands("sign_report")


async def test_the_supervisor_declares_a_gap_and_a_site_witnesses_without_reading(browser: Browser) -> None:
    room = room_at(Stage.SIGNING)
    room.give(by_node(track_started(E2), ev.TrackEnded(track_started(E2).track, START + 9_000)))
    inspection = Inspection()
    async with serving(BidHost()) as url:
        window, double = await enter(browser, url, SUPERVISOR, room)
        await expect(desk(window.page)).to_contain_text("录像缺口")
        await inspection.look(window, "report-3-wall")
        await act_with_reason(window.page, window.page.get_by_role("button", name="说明原因"), "电缆被拔")
        (gap,) = double.commands("explain_gap")
        assert (START, START + 9_000, "电缆被拔") == (gap["from_ms"], gap["to_ms"], gap["reason"])
        site, double = await enter(browser, url, SITE_OPERATOR, room)
        await site.page.locator("[data-tab=report]").click()
        await inspection.look(site, "report-4-site")
        await site.page.get_by_role("button", name="见证").click()
        await until(lambda: asyncio.sleep(0, bool(double.commands("witness_report"))))
        assert [room.session.report_digest(LOT)] == [
            one["digest"] for one in double.commands("witness_report")
        ]
        await expect(site.page.locator("[data-signatories]")).to_contain_text("尚未签名")
        sound(inspection, window)
        sound(inspection, site)
