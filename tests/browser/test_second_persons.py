"""What takes a second person, in a real Chromium, and what is read together: each page is looked at in both languages.

A seat confirmed by two, the duty form, the standing list, the regulator's wall, the report of a tender that failed.
The node is a double on the page's socket (`test_officers`): the rules are the room's and are tested there.
"""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from playwright.async_api import Browser, Route, expect

from evalroom.encoding import to_json
from evalroom.ids import SeatCode
from evalroom.roles import Role
from evalroom.tender import Seat
from main_site.standing import Kind, Proposed, digest_of
from tests.browser.bid_host import BidHost
from tests.browser.inspection import Inspection
from tests.browser.stage import HOST, template
from tests.browser.test_bidder import serving
from tests.browser.test_officers import SESSION, SocketDouble, enter, play, seat_of, sound
from tests.browser.windows import act_with_reason, until
from tests.evalroom.report.test_failure import ended, ordered
from tests.evalroom.room import LOT

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.needs("chromium", "cjk-font"),
    pytest.mark.timeout(120),
]

PROFILE = '[people]\ncheckin = "two"\nphone = true\nappraisal = true\n'
REGULATOR = Seat(SeatCode("REG"), HOST, HOST, Role.REGULATOR, "regulator")
RESERVE = Seat(SeatCode("E08"), HOST, HOST, Role.EXPERT, "cabin 8", reserve=True)


def opened(double: SocketDouble) -> None:
    """Tell of a session in which a regulator and a reserve have seats, and of E01, who has come."""
    sample = template()
    body = {
        "session": SESSION, "tender": to_json(sample.tender), "sites": to_json(sample.sites),
        "seats": to_json((*sample.seats, REGULATOR, RESERVE)), "rehearsal": True, "profile": PROFILE,
    }  # fmt: skip
    double.tell("SessionOpened", body)
    double.tell("SeatJoined", {"seat": "E01", "role": "expert", "key": "AA=="}, "E01")


def proposed(double: SocketDouble, act: Mapping[str, Any], reason: str, by: str) -> None:
    double.tell("Proposed", {"proposal": f"p-{act['kind']}", "act": act, "reason": reason}, by)


def at(double: SocketDouble, *stages: str) -> None:
    """Tell how the session came from gathering to the last of these stages."""
    for before, after in zip(("gathering", *stages), stages, strict=False):
        double.tell("StageChanged", {"before": before, "after": after, "reason": ""})


async def _given(double: SocketDouble, kind: str) -> bool:
    return bool(double.commands(kind))


async def test_a_seat_is_confirmed_by_two_persons_of_which_the_second_sees_what_the_first_saw(
    browser: Browser,
) -> None:
    inspection = Inspection()
    desk, first = await play(browser, "operator", seat_of("operator"), opened)
    wall, second = await play(browser, "supervisor", seat_of("supervisor"), opened)
    async with serving(BidHost()) as url:
        page = await enter(desk, url, first)
        await page.locator("nav.tabs [data-tab=seats]").click()
        await page.locator(".card[data-seat=E01] [data-act=confirm]").click()
        await page.locator("input[name=basis][value=document]").check()
        await expect(page.locator("[data-act=go]")).to_be_disabled()
        await page.locator(".el-dialog textarea").fill("the face check failed twice, identity card looked at")
        await inspection.look_at_dialog(desk, "two-1-propose")
        await page.locator("[data-act=go]").click()
        await expect(page.locator(".el-dialog")).to_have_count(0)
        (asked,) = first.commands("propose")
        assert ("confirm_by_two", "E01", "document") == tuple(
            asked["act"][one] for one in ("kind", "seat", "basis")
        )
        for one in (first, second):
            proposed(one, asked["act"], asked["reason"], first.seat)
        await expect(page.locator(".card[data-seat=E01] [data-act=confirm]")).to_have_count(0)
        await inspection.look(desk, "two-2-waiting")
        page = await enter(wall, url, second)
        waiting = page.locator("[data-proposal=confirm_by_two]")
        await expect(waiting).to_contain_text("identity card looked at")
        await expect(page.get_by_text("提出：两人确认 E01 的人员身份")).to_be_visible()
        await inspection.look(wall, "two-3-second")
        await waiting.get_by_role("button", name="同意", exact=True).click()
        await until(lambda: _given(second, "approve"))
        assert [f"p-{asked['act']['kind']}"] == [one["proposal"] for one in second.commands("approve")]
    sound(inspection, desk)
    sound(inspection, wall)
    for window in (desk, wall):
        await window.context.close()


# --- the duty form ------------------------------------------------------------------------------------


SUGGESTED = [
    {
        "duty": "late_or_left_early",
        "answer": "yes",
        "evidence": [{"entry": 12, "at": 0, "what": "returned", "track": ""}],
    },
    {
        "duty": "read_documents",
        "answer": "yes",
        "evidence": [{"entry": 40, "at": 0, "what": "returned", "track": ""}],
    },
]


async def test_an_appraisal_is_decided_question_by_question_and_what_speaks_against_somebody_is_founded(
    browser: Browser,
) -> None:
    inspection = Inspection()
    desk, double = await play(browser, "operator", seat_of("operator"), opened)
    at(
        double,
        "briefed",
        "electing",
        "preliminary",
        "detailed",
        "pricing",
        "summary",
        "reporting",
        "signing",
        "concluded",
    )
    async with serving(BidHost()) as url:
        page = await enter(desk, url, double)
        await page.route("**/duty/E01/1", lambda route: route.fulfill(json=SUGGESTED))
        await page.locator("nav.tabs [data-tab=duty]").click()
        await page.locator("[data-duty='E01/1']").click()
        form = page.locator("[data-open-duty=E01]")
        submit = form.locator(".actions .el-button--primary")
        for item in await form.locator("[data-item]").all():
            await item.locator("input[value=unknown]").check()
        late, negotiates = (
            form.locator(f"[data-item={one}]") for one in ("late_or_left_early", "negotiates")
        )
        await negotiates.locator("input[value=no]").check()
        await expect(submit).to_be_disabled()
        await expect(negotiates).to_contain_text("须有日志证据或备注")
        await inspection.look(desk, "duty-1-ground-needed")
        await negotiates.locator("input.remark").fill("kept silent when the committee discussed")
        await late.locator("input[value=yes]").check()
        await inspection.look(desk, "duty-2-decided")
        await submit.click()
        await expect(form).to_have_count(0)
        (given,) = double.commands("appraise_expert")
        ticks = {one["duty"]: one for one in given["ticks"]}
        assert ("yes", [12]) == (
            ticks["late_or_left_early"]["answer"],
            ticks["late_or_left_early"]["entries"],
        )
        assert ("no", []) == (ticks["negotiates"]["answer"], ticks["negotiates"]["entries"])
        assert len(ticks) == 15
    sound(inspection, desk)
    await desk.context.close()


# --- the standing list --------------------------------------------------------------------------------


CASE: dict[str, Any] = {
    "decision": "d1", "subject": "P-0042", "kind": "warned", "ground": "left early twice", "session": "S-1", "seat": "E9",
    "entry": 7, "since_ms": 0, "until_ms": 4_102_444_800_000,
}  # fmt: skip
STATE = {
    "digest": "", "at": 0, "proposed_by": "operator", "proposed_role": "operator", "approved_by": "", "refused_by": "",
    "appeal": "", "outcome": "", "answer": "", "in_force": False,
}  # fmt: skip


async def test_the_second_person_approves_the_very_words_of_a_decision_that_stand_on_the_page(
    browser: Browser,
) -> None:
    inspection = Inspection()
    wall, double = await play(browser, "supervisor", seat_of("supervisor"), opened)
    approved: list[str] = []

    async def answer(route: Route) -> None:
        if route.request.method == "POST":
            approved.append(json.loads(route.request.post_data or "{}")["digest"])
        stands = {"approved_by": f"S-1/{double.seat}", "in_force": True} if approved else {}
        line = {"number": 1, "at": 0, "by": "operator", "role": "operator", "type": "Proposed", "act": CASE}
        seated = {"seat": "E01", "decisions": ["d1"], "subject": "P-0042"}
        told = {"number": 2, "at": 0, "by": "operator", "role": "operator", "type": "Seated", "act": seated}
        await route.fulfill(
            json={"decisions": [{**CASE, **STATE, **stands}], "trail": [line, told], "head": "5e" * 32}
        )

    async with serving(BidHost()) as url:
        page = await enter(wall, url, double)
        await page.route("**/api/v1/standing", answer)
        await page.route("**/api/v1/standing/d1/approve", answer)
        await page.get_by_role("button", name="红黑名单").click()
        decision = page.locator("[data-decision=d1]")
        await expect(decision).to_have_attribute("data-state", "proposed")
        await page.locator("summary", has_text="台账").click()
        await expect(page.locator(".trail")).to_contain_text("E01 d1")
        await inspection.look(wall, "standing-1-proposed")
        await decision.get_by_role("button", name="同意", exact=True).click()
        await expect(decision).to_have_attribute("data-state", "in_force")
        assert [digest_of(Proposed(**{**CASE, "kind": Kind.WARNED}))] == approved
        await inspection.look(wall, "standing-2-in-force")
    sound(inspection, wall)
    await wall.context.close()


# --- the regulator ------------------------------------------------------------------------------------


async def test_the_regulator_sees_what_waits_for_them_decides_it_and_gives_no_order(browser: Browser) -> None:
    inspection = Inspection()
    wall, double = await play(browser, "regulator", REGULATOR.code, opened)
    at(double, "briefed", "electing", "preliminary")
    proposed(double, {"kind": "step_back", "after": "preliminary"}, "a sum was read wrong", "E01")
    proposed(
        double,
        {"kind": "replace_expert", "seat": "E01", "newcomer": "E08"},
        "fell ill",
        seat_of("supervisor"),
    )
    async with serving(BidHost()) as url:
        page = await enter(wall, url, double)
        await expect(page.locator("[data-proposal]")).to_have_count(2)
        await inspection.look(wall, "regulator-1-waiting")
        replacing = page.locator("[data-proposal=replace_expert]")
        await replacing.get_by_role("button", name="同意", exact=True).click()
        await act_with_reason(
            page, page.locator("[data-proposal=step_back] .el-button").first, "the sum was right"
        )
        await until(lambda: _given(double, "veto"))
        assert ["p-replace_expert"] == [one["proposal"] for one in double.commands("approve")]
        (veto,) = double.commands("veto")
        assert ("p-step_back", "the sum was right") == (veto["proposal"], veto["reason"])
        for order in ("暂停", "提请"):
            await expect(page.get_by_role("button", name=order)).to_have_count(0)
        double.tell("Approved", {"proposal": "p-replace_expert", "digest": "0" * 64}, REGULATOR.code)
        double.tell("Vetoed", {"proposal": "p-step_back", "digest": "0" * 64, "reason": "x"}, REGULATOR.code)
        await expect(page.locator("[data-proposal]")).to_have_count(0)
        await inspection.look(wall, "regulator-2-decided")
    sound(inspection, wall)
    await wall.context.close()


# --- a failed lot -------------------------------------------------------------------------------------


async def test_the_report_of_a_failed_tender_says_why_and_by_whom_and_is_witnessed(browser: Browser) -> None:
    inspection = Inspection()
    wall, double = await play(browser, "supervisor", seat_of("supervisor"), opened)
    room = ended(ordered())
    made = room.session.reports.made[LOT]
    double.tell("LotFailed", {"lot": "1", "ground": "ordered", "reason": "the site is sold"})
    double.tell("TenderFailed", {"reason": "no lot is left"}, seat_of("operator"))
    double.tell("ReportMade", {"lot": "1", "sha256": made.sha256, "bytes": len(made.data)})
    told = {
        "lot": "1", "state": "signing", "digest": made.sha256, "bytes": len(made.data), "report": json.loads(made.data),
        "problems": [], "gaps": [], "signatories": [],
    }  # fmt: skip
    async with serving(BidHost()) as url:
        page = await enter(wall, url, double)
        await page.route("**/api/v1/reports/1", lambda route: route.fulfill(json=told))
        await page.route("**/api/v1/reports/1/data", lambda route: route.fulfill(body=made.data))
        await page.reload()
        report = page.locator("[data-report='1']")
        await expect(report.locator("[data-failed]")).to_have_text("✗ 流标")
        reason = report.get_by_role("cell", name="the site is sold", exact=True).first
        await reason.scroll_into_view_if_needed()
        await inspection.look(wall, "failed-report")
        await report.get_by_role("button", name="见证").click()
        await until(lambda: _given(double, "witness_report"))
        (given,) = double.commands("witness_report")
        assert (made.sha256, "1") == (given["digest"], given["lot"])
    sound(inspection, wall)
    await wall.context.close()
