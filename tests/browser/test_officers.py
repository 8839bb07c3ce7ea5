"""The officers' panel of an opening in a real Chromium: stepping up in two clicks, what came in, acts with their reasons.

The node is a double on the page's socket that sends a feed, remembers what is submitted and acknowledges it; the
rules are the room's and are tested there.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.async_api import Browser, Page, WebSocketRoute, expect

from evalroom.encoding import to_json
from evalroom.ids import SessionId
from evalroom.ledger.canonical import Json, canonical
from evalroom.protocol.feed import FeedLog
from tests.browser.bid_host import BidHost, now_ms
from tests.browser.inspection import Inspection
from tests.browser.stage import template
from tests.browser.test_bidder import button, serving
from tests.browser.windows import SIZE, Window, act_with_reason

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.needs("chromium", "cjk-font"),
    pytest.mark.timeout(180),
]

SESSION = SessionId("s1")
BIDS = [character * 32 for character in "abc"]
PAGES = {"supervisor": "/wall/", "regulator": "/wall/", "operator": "/site/", "site_operator": "/site/"}
ROOT = "5e" * 32


@dataclass(slots=True)
class SocketDouble:
    """A node's end of the seat's socket, and the seat's role."""

    role: str
    seat: str
    feed: FeedLog = field(init=False)
    submitted: list[dict[str, Any]] = field(default_factory=list)
    socket: WebSocketRoute | None = None

    def __post_init__(self) -> None:
        """Begin the seat's feed."""
        self.feed = FeedLog(SESSION, self.seat)

    def tell(self, kind: str, body: Mapping[str, Any], actor: str = "host", site: str = "host") -> None:
        """Write an item into the feed, and send it when the page listens."""
        item: dict[str, Json] = {
            "n": self.feed.length + 1,
            "t": now_ms(),
            "type": kind,
            "site": site,
            "actor": actor,
            "body": to_json(dict(body)),
        }
        self.feed.append(canonical(item).decode())
        if self.socket is not None:
            self._send_from(self.feed.length - 1)

    def _send_from(self, since: int, acks: list[tuple[str, int]] | None = None) -> None:
        assert self.socket is not None
        head = self.feed.head(self.feed.length).hex()
        items = self.feed.texts[since:]
        message = {
            "kind": "entries",
            "first": since + 1,
            "items": items,
            "head": head,
            "acks": acks or [],
            "audience": "",
        }
        self.socket.send(json.dumps(message))

    def open(self, socket: WebSocketRoute) -> None:
        """Speak first, as nodes do."""
        self.socket = socket
        socket.on_message(lambda text: self._hear(text))  # noqa: PLW0108 - likewise
        welcome = {
            "kind": "welcome",
            "session": SESSION,
            "site": "host",
            "seat": self.seat,
            "role": self.role,
            "at_ms": now_ms(),
        }
        socket.send(json.dumps({**welcome, "host_online": True}))

    def _hear(self, text: str | bytes) -> None:
        assert self.socket is not None
        message = json.loads(text)
        if message["kind"] == "subscribe":
            self._send_from(int(message.get("since", 0)))
        elif message["kind"] == "ping":
            self.socket.send(json.dumps({"kind": "pong", "sent_ms": message["sent_ms"], "at_ms": now_ms()}))
        elif message["kind"] == "submit":
            self.submitted.append(message["command"])
            self._send_from(self.feed.length, [(message["command_id"], self.feed.length)])

    def commands(self, kind: str) -> list[dict[str, Any]]:
        """Return what was submitted of one kind."""
        return [one for one in self.submitted if one["kind"] == kind]


async def enter(window: Window, url: str, double: SocketDouble) -> Page:
    """Let the seat in by its cookie, with the double at the socket."""
    page = window.page
    me = {
        "session": SESSION,
        "seat": double.seat,
        "role": double.role,
        "label": "",
        "title": "Smart water dispatching",
        "page": "",
    }

    await page.route("**/api/v1/me", lambda route: route.fulfill(json=me))
    await page.route_web_socket("**/ws/seat*", lambda socket: double.open(socket))  # noqa: PLW0108 - Playwright marks what it is given
    await page.goto(url + PAGES[double.role])
    return page


def opened(double: SocketDouble, *, rehearsal: bool = False) -> None:
    """Tell of the session's first entry."""
    sample = template()
    body: dict[str, Json] = {
        "session": SESSION, "tender": to_json(sample.tender), "sites": to_json(sample.sites), "seats": to_json(sample.seats),
        "rehearsal": rehearsal,
    }  # fmt: skip
    double.tell("SessionOpened", body)


def signed_policy(double: SocketDouble) -> None:
    """Tell of a policy that all trustees signed."""
    policy = BidHost().policy
    for one in policy.trustees:
        keys = [{"suite": key.suite, "public": "AA=="} for key in one.keys]
        double.tell(
            "TrusteeKeyPublished",
            {"trustee": one.name, "kind": one.kind.value, "who": one.who, "signer": "AA==", "keys": keys},
        )
    double.tell("PolicyDrafted", {"policy": policy.encode().decode(), "sha256": ROOT})
    for one in policy.trustees:
        double.tell("PolicySigned", {"trustee": one.name, "sha256": ROOT})


def closed(double: SocketDouble) -> None:
    """Tell of submissions and of three bids on the closed list."""
    double.tell("SubmissionsOpened", {"policy": ROOT})
    listed = [{"bid": bid, "root": ROOT, "digest": ROOT} for bid in BIDS]
    double.tell("BidsClosed", {"policy": ROOT, "bids": listed})


async def play(
    browser: Browser, role: str, seat: str, *acts: Callable[[SocketDouble], None]
) -> tuple[Window, SocketDouble]:
    """Return a window and its node, with these acts told before the page asks."""
    double = SocketDouble(role, seat)
    for act in acts:
        act(double)
    return await Window.open(browser, role), double


def seat_of(role: str) -> str:
    """Return a seat of the template with this role."""
    return next(one.code for one in template().seats if one.role == role)


def sound(inspection: Inspection, window: Window) -> None:
    """Assert that nothing serious was found."""
    assert window.faults == []
    assert {state: found for state, found in inspection.barriers.items() if found} == {}
    assert {state: found for state, found in inspection.words.items() if found} == {}


async def test_a_supervisor_steps_up_in_two_clicks_and_follows_halves_shares_and_verdicts(
    browser: Browser,
) -> None:
    inspection = Inspection()
    window, double = await play(browser, "supervisor", seat_of("supervisor"), opened, signed_policy, closed)
    async with serving(BidHost()) as url:
        page = await enter(window, url, double)
        await button(page, "我已到场，同意开启").click()
        await inspection.look_at_dialog(window, "officers-1-step-up")
        await page.get_by_role("dialog").get_by_role("button", name="我已到场，同意开启").click()
        await expect(page.get_by_role("dialog")).to_have_count(0)
        assert double.commands("step_up") == [{"kind": "step_up", "window": "opening"}]
        double.tell("OfficerSteppedUp", {"window": "opening"}, double.seat)
        await expect(page.locator(".opening")).to_contain_text("您已到场并同意开启")
        double.tell("WindowOpened", {"window": "opening", "until": now_ms() + 1_800_000})
        double.tell("HalfReleased", {"window": "opening", "bid": BIDS[0], "good": True, "cause": ""})
        await expect(page.locator(".opening")).to_contain_text("1 / 3")
        await inspection.look(window, "officers-2-unsealing")
        await page.set_viewport_size({"width": 1366, "height": 768})
        await inspection.look(window, "officers-2-unsealing-small")
        await page.set_viewport_size(SIZE)
        await act_with_reason(page, button(page, "延长解密时间"), "the link of a bidder was down")
        assert [one["window"] for one in double.commands("extend_window")] == ["opening"]
        shares = [{"bid": bid, "part": "opening", "good": True} for bid in BIDS]
        double.tell("WindowClosed", {"window": "opening", "missing": BIDS[1:]})
        double.tell("ShareReleased", {"window": "opening", "trustee": "host", "bids": shares})
        verdicts = (
            ("opened", "", ""),
            ("revoked", "not_released", "bidder"),
            ("malformed", "dealing", "bidder"),
        )
        for bid, (verdict, cause, party) in zip(BIDS, verdicts, strict=True):
            double.tell(
                "BidJudged",
                {"window": "opening", "bid": bid, "verdict": verdict, "cause": cause, "party": party},
            )
        row = {
            "bid": "B1",
            "number": BIDS[0],
            "bidder": "Clearspring Water Ltd",
            "verdict": "opened",
            "cause": "",
            "party": "",
        }
        record = json.dumps({"rows": [{**row, "prices": [{"lot": "1", "price_fen": "330000000"}]}]})
        double.tell("OpeningRecorded", {"window": "opening", "record": record, "sha256": ROOT})
        await expect(page.locator(f'[data-bid="{BIDS[0]}"]')).to_contain_text("3,300,000.00")
        await expect(page.locator(f'[data-bid="{BIDS[1]}"]')).to_contain_text("投标人没有在规定时间内解密")
        await inspection.look(window, "officers-3-record")
    sound(inspection, window)
    await window.context.close()


async def test_an_operator_drafts_a_policy_on_the_terms_of_the_template(browser: Browser) -> None:
    inspection = Inspection()
    window, double = await play(browser, "operator", seat_of("operator"), opened)
    async with serving(BidHost()) as url:
        page = await enter(window, url, double)
        async with page.expect_request("**/api/v1/sessions/s1/policy") as asking:
            await page.route(
                "**/api/v1/sessions/s1/policy",
                lambda route: route.fulfill(json={"sha256": ROOT, "state": "drafted"}),
            )
            await button(page, "拟定加密方案").click()
            await page.get_by_label("投标截止").fill("2020-01-01T09:00")
            await expect(
                page.get_by_role("dialog").get_by_role("button", name="拟定加密方案")
            ).to_be_disabled()
            await page.get_by_label("投标截止").fill("2099-01-01T09:00")
            await inspection.look_at_dialog(window, "officers-4-draft")
            await page.get_by_role("dialog").get_by_role("button", name="拟定加密方案").click()
        said = (await asking.value).post_data_json
        assert said is not None
        assert list(said) == ["deadline"]
        await expect(page.get_by_role("dialog")).to_have_count(0)
        signed_policy(double)
        await page.route(
            "**/api/v1/sessions/s1/submissions/open", lambda route: route.fulfill(json={"policy": ROOT})
        )
        await expect(page.locator(".opening")).to_contain_text(ROOT)
        await inspection.look(window, "officers-5-armed")
        await button(page, "开始接收投标").click()
        await expect(page.get_by_role("dialog")).to_contain_text("不能撤回")
        await page.get_by_role("dialog").get_by_role("button", name="开始接收投标").click()
        await expect(page.get_by_role("dialog")).to_have_count(0)
    sound(inspection, window)
    await window.context.close()


async def test_a_rehearsal_says_so_on_the_page_and_has_no_opening(browser: Browser) -> None:
    inspection = Inspection()
    window, double = await play(
        browser, "operator", seat_of("operator"), lambda one: opened(one, rehearsal=True)
    )
    async with serving(BidHost()) as url:
        page = await enter(window, url, double)
        await expect(page.get_by_role("note")).to_have_text(
            "演练 · 明标导入，无法律效力 / REHEARSAL: bids brought in unsealed"
        )
        await expect(page.get_by_role("tab", name="开标")).to_have_count(0)
        await inspection.look(window, "officers-6-rehearsal")
    sound(inspection, window)
    await window.context.close()
