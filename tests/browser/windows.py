"""Windows of a real Chromium, a browser context for each person, and what a test asks of them.

Each remembers what it heard on its sockets, the errors nobody caught, and its media connections.  A condition of a page is asked for again until it holds or its deadline passes; nothing waits for a fixed time.
"""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.async_api import (
    Browser,
    BrowserContext,
    Locator,
    Page,
    ViewportSize,
    WebSocket,
    async_playwright,
    expect,
)

from tests.patience import PATIENCE_S

SIZE = ViewportSize(width=1920, height=1080)
FLAGS = (
    "--no-sandbox",
    "--use-fake-ui-for-media-stream",
    # Ten pictures a second cost a third of the usual thirty, and show movement as well.
    "--use-fake-device-for-media-stream=fps=10",
    "--auto-select-desktop-capture-source=Entire screen",
    # A host candidate under a .local name is found by multicast DNS only, which a container has not.
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--disable-background-networking",
)
SET_CLOCK = """
window.Date = class extends window.Date {
  constructor(...terms) { if (terms.length) super(...terms); else super(Date.now()) }
  static now() { return super.now() + SHIFT_MS }
}
"""
REMEMBER_CONNECTIONS = """
window.connections = []
window.RTCPeerConnection = class extends window.RTCPeerConnection {
  constructor(...terms) { super(...terms); window.connections.push(this) }
}
"""
FRAMES_DECODED = """
async (selector) => {
  const stream = document.querySelector(selector)?.srcObject
  const shown = new Set(stream ? stream.getVideoTracks().map((track) => track.id) : [])
  let frames = 0
  for (const connection of window.connections)
    for (const line of (await connection.getStats()).values())
      if (line.type === 'inbound-rtp' && shown.has(line.trackIdentifier)) frames += line.framesDecoded ?? 0
  return frames
}
"""
FRAMES_SENT = """
async () => {
  let frames = 0
  for (const connection of window.connections)
    for (const line of (await connection.getStats()).values())
      if (line.type === 'outbound-rtp') frames += line.framesSent ?? 0
  return frames
}
"""
WAYS_TAKEN = """
async () => {
  const ways = []
  for (const connection of window.connections) {
    const lines = await connection.getStats()
    for (const line of lines.values())
      if (line.type === 'candidate-pair' && line.nominated && line.state === 'succeeded')
        ways.push(lines.get(line.localCandidateId).candidateType)
  }
  return ways
}
"""
KEPT = """
async () => {
  const kept = [JSON.stringify(localStorage), JSON.stringify(sessionStorage)]
  for (const { name } of await indexedDB.databases()) {
    const database = await new Promise((done, failed) => {
      const asked = indexedDB.open(name)
      asked.onsuccess = () => done(asked.result)
      asked.onerror = () => failed(asked.error)
    })
    for (const store of database.objectStoreNames) {
      const rows = database.transaction(store).objectStore(store).getAll()
      kept.push(await new Promise((done) => { rows.onsuccess = () => done(JSON.stringify(rows.result)) }))
    }
    database.close()
  }
  return kept.join('\\n')
}
"""


@asynccontextmanager
async def chromium(path: str) -> AsyncIterator[Browser]:
    """Run a headless Chromium with fake devices."""
    expect.set_options(timeout=PATIENCE_S * 1000)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        await browser.close()


@dataclass(slots=True)
class Window:
    """One person's browser: its context lives as long as the person, its page until the tab is killed."""

    name: str
    context: BrowserContext
    page: Page
    heard: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @classmethod
    async def open(cls, browser: Browser, name: str) -> "Window":
        """Open a fresh browser for a person, with an empty tab."""
        context = await browser.new_context(viewport=SIZE, locale="zh-CN", reduced_motion="reduce")
        context.set_default_timeout(PATIENCE_S * 1000)
        await context.add_init_script(REMEMBER_CONNECTIONS)
        window = cls(name, context, await context.new_page())
        window.listen(window.page)
        return window

    def listen(self, page: Page) -> None:
        """Keep what a tab hears on its sockets and which errors nobody caught."""
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("websocket", lambda socket: listen_to(socket, self.heard))

    async def set_clock(self, seconds: int) -> None:
        """Let the computer's clock be so many seconds ahead, from the next page on."""
        await self.context.add_init_script(SET_CLOCK.replace("SHIFT_MS", str(seconds * 1000)))

    async def kill_tab(self) -> None:
        """End the tab as a crash does: no script of it runs any more."""
        crashed = asyncio.Event()
        self.page.on("crash", lambda _: crashed.set())
        devtools = await self.context.new_cdp_session(self.page)
        dying = asyncio.ensure_future(devtools.send("Page.crash"))
        async with asyncio.timeout(PATIENCE_S):
            await crashed.wait()
        await self.page.close()
        await asyncio.gather(dying, return_exceptions=True)

    async def new_tab(self, url: str) -> Page:
        """Open another tab of this person."""
        page = await self.context.new_page()
        self.listen(page)
        await page.goto(url)
        return page

    async def remembered(self) -> str:
        """Return all that the page has kept in this browser, as text."""
        return str(await self.page.evaluate(KEPT))

    async def decodes(self, selector: str, frames: int) -> None:
        """Wait until the picture at `selector` has decoded that many frames more."""
        before = await self.page.evaluate(FRAMES_DECODED, selector)
        await until(lambda: self._exceeds(FRAMES_DECODED, before + frames, selector))

    async def sends(self, frames: int) -> None:
        """Wait until the page has sent that many frames more."""
        before = await self.page.evaluate(FRAMES_SENT)
        await until(lambda: self._exceeds(FRAMES_SENT, before + frames))

    async def _exceeds(self, script: str, limit: int, argument: object = None) -> bool:
        return bool(await self.page.evaluate(script, argument) >= limit)

    async def ways(self) -> set[str]:
        """Return the kinds of local candidate that the page's media really takes, once it takes any: host, srflx, relay."""
        found: set[str] = set()

        async def taken() -> bool:
            found.update(await self.page.evaluate(WAYS_TAKEN))
            return bool(found)

        await until(taken)
        return found

    async def describe(self) -> str:
        """Say in a few lines what a person would see, for whoever reads a failure."""
        text = await self.page.locator("body").inner_text() if not self.page.is_closed() else "(closed)"
        return f"{self.name} at {self.page.url}: {' | '.join(text.split(chr(10)))[:600]} {self.faults or ''}"

    async def photograph(self, name: str) -> None:
        """Keep a picture of the page in `EVALROOM_SCREENSHOTS`, when that names a folder."""
        if folder := os.environ.get("EVALROOM_SCREENSHOTS"):
            await self.page.screenshot(path=Path(folder) / f"{name}.png")


def listen_to(socket: WebSocket, heard: list[str]) -> None:
    """Keep every text frame that a socket receives."""
    socket.on("framereceived", lambda frame: heard.append(str(frame)))


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Ask until it holds.

    Raises:
        TimeoutError: the deadline has passed.
    """
    async with asyncio.timeout(PATIENCE_S):
        while not await holds():  # noqa: ASYNC110 - another process's state
            await asyncio.sleep(0.1)


async def take_seat(window: Window, url: str, code: str) -> None:
    """Come in by the door of a node with a seat code, and arrive at the page of the seat's role."""
    page = window.page
    await page.goto(url)
    await page.fill("#seat-code", code.lower().replace("-", " "))  # as people type it
    await page.click("form.login button[type=submit]")
    await page.wait_for_url(lambda at: at.rstrip("/") != url.rstrip("/"))


async def check_devices(window: Window, *, screen: bool = False) -> None:
    """Go through the five cards with the fake devices, and share the screen if asked to."""
    page = window.page
    cards = page.locator(".check .card")
    await page.locator(".check footer button").last.click()
    await cards.filter(has_text="♪").get_by_role("button").first.click()
    await page.get_by_role("button", name="我听到了").click()
    for card in range(5):
        await expect(cards.nth(card)).to_have_class(re.compile(r"\bpassed\b"))
    if screen:
        await cards.nth(5).get_by_role("button").click()
        await expect(cards.nth(5)).to_have_class(re.compile(r"\bpassed\b"))


async def check_in(window: Window) -> None:
    """Agree to be recorded, check in, and see the own picture leave."""
    page = window.page
    go_on = page.locator(".check footer button").last
    await expect(go_on).to_be_disabled()
    await page.locator(".check footer input[type=checkbox]").check()
    await go_on.click()
    await page.get_by_role("button", name="签到", exact=True).click()
    await window.sends(5)


async def act_with_reason(page: Page, button: Locator, reason: str) -> None:
    """Press a button that asks for a reason: without one it does nothing, with one it acts and closes."""
    await button.click()
    dialog = page.locator(".el-dialog")
    go = dialog.locator(".el-dialog__footer button").last
    await expect(go).to_be_disabled()
    await dialog.locator("#reason-text").fill(reason)
    await go.click()
    await expect(dialog).to_have_count(0)
