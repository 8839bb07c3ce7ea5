"""What every page is held to, in both languages, in whatever state a test shows it.

axe-core finds nothing serious, no text is missing or left in the other language, nothing is cut off, and the
frame does not scroll.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import Page, expect

from tests.browser.windows import Window

AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
GRAVE = {"serious", "critical"}
RUN_AXE = "() => axe.run(document, { resultTypes: ['violations'] })"

LOOK = r"""
(language) => {
  const found = []
  const frame = document.documentElement
  if (frame.scrollWidth > innerWidth || frame.scrollHeight > innerHeight)
    found.push(`the frame scrolls: ${frame.scrollWidth} × ${frame.scrollHeight}`)
  const texts = []
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (walker.nextNode()) texts.push([walker.currentNode.data, walker.currentNode.parentElement])
  for (const element of document.querySelectorAll('[title], [aria-label], [placeholder]'))
    for (const name of ['title', 'aria-label', 'placeholder']) texts.push([element.getAttribute(name) ?? '', element])
  for (const [text, element] of texts) {
    const said = text.trim()
    if (/^[a-z_]+(\.[a-zA-Z_]+)+$/.test(said) && !/\.(pdf|toml|xlsx)$/.test(said)) found.push(`no text for ${said}`)
    if (/\{\w+\}/.test(said)) found.push(`a gap in "${said}"`)
    // The notice is a legal text in one language, a rehearsal says so in both, and the button names the other one.
    const exempt = element.closest('pre, span[lang]') !== null || said === '中文'
    if (language === 'en' && !exempt && /[\u4e00-\u9fff]/.test(said)) found.push(`untranslated: ${said}`)
  }
  for (const element of document.querySelectorAll('button, th, .pill, h1, h2, h3, label, dt, dd, .obstacle')) {
    const style = getComputedStyle(element)
    const cut = style.textOverflow !== 'ellipsis' && element.scrollWidth > element.clientWidth + 1
    if (cut && style.display !== 'inline' && !element.closest('.sr')) found.push(`cut off: ${element.innerText}`)
  }
  return found
}
"""


@dataclass(slots=True)
class Inspection:
    """What was found, by page and state."""

    barriers: dict[str, list[str]] = field(default_factory=dict)
    words: dict[str, list[str]] = field(default_factory=dict)

    async def look(self, window: Window, state: str, page: Page | None = None) -> None:
        """Inspect a page as it stands, in both languages; it is left in Chinese."""
        page = page or window.page
        await window.photograph(state)
        self.words[f"{state} zh"] = await page.evaluate(LOOK, "zh-CN")
        self.barriers[state] = await barriers(page)
        other = page.get_by_role("button", name="English", exact=True)
        await other.click()
        await expect(
            page.locator("html[lang=en]")
        ).to_be_attached()  # the words come over the wire the first time
        await window.photograph(f"{state}-en")
        self.words[f"{state} en"] = await page.evaluate(LOOK, "en")
        await page.get_by_role("button", name="中文", exact=True).click()

    async def look_at_dialog(self, window: Window, state: str) -> None:
        """Inspect what stands in front of the page; the language cannot be changed from there."""
        await window.photograph(state)
        self.words[f"{state} zh"] = await window.page.evaluate(LOOK, "zh-CN")
        self.barriers[state] = await barriers(window.page)


async def barriers(page: Page) -> list[str]:
    """Return axe-core's serious and critical findings."""
    if not await page.evaluate("() => 'axe' in window"):
        await page.evaluate(AXE.read_text("utf-8"))
    report: dict[str, Any] = await page.evaluate(RUN_AXE)
    return [
        f"{one['id']}: {one['help']}: {[node['target'] for node in one['nodes']][:4]}"
        for one in report["violations"]
        if one["impact"] in GRAVE
    ]
