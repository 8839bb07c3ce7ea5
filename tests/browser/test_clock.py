"""A seat's computer whose clock is off: the page says so, shows the host's time, and what is done there counts."""

import re
import time
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from main_site.rehearsal.direction import Operator
from main_site.rehearsal.nodes import Nodes
from main_site.template import write_toml
from tests.browser.stage import all_at_the_host
from tests.browser.windows import Window, check_devices, check_in, take_seat

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.needs("chromium", "cjk-font"),
    pytest.mark.timeout(120),
]

OFF_S = 300
CLOSE_MS = 60_000
"""Between an entry and the look at it; far less than the clock is off."""


async def test_a_computer_whose_clock_is_off_is_told_so_and_its_seat_checks_in_at_the_hosts_time(
    browser: Browser, tmp_path: Path
) -> None:
    nodes = Nodes(tmp_path)
    window, watch = [await Window.open(browser, name) for name in ("E01", "SUP")]
    await window.set_clock(-OFF_S)
    try:
        host = await nodes.start_host("code")
        operator = Operator(host.url, "code")
        await operator.login()
        opened = await operator.open_session(write_toml(all_at_the_host()).encode())
        await operator.close()
        codes = {seat["seat"]: seat["code"] for seat in opened["seats"]}
        for one in (window, watch):
            await take_seat(one, host.url, codes[one.name])
        banner = window.page.locator(".banner.warn")
        await expect(banner).to_contain_text(f"相差 {OFF_S} 秒")
        await expect(banner).to_contain_text("clock_off")
        await banner.get_by_role("button", name="知道了").click()
        await expect(banner).to_have_count(0)
        await check_devices(window)
        await check_in(window)
        replay = await (await watch.page.request.get(f"{host.url}/api/v1/replay")).json()
        joined = next(event for event in replay["events"] if event["type"] == "SeatJoined")
        assert abs(joined["t"] - time.time() * 1000) < CLOSE_MS
        shown = await window.page.locator("time.clock").inner_text()
        away = abs(seconds_of(shown) - seconds_of(await watch.page.locator("time.clock").inner_text()))
        assert min(away, 24 * 3600 - away) <= 2, "both pages show the host's time"
        await expect(watch.page.locator(".banner")).to_have_count(0)
        assert [] == window.faults + watch.faults
    finally:
        for one in (window, watch):
            await one.context.close()
        nodes.stop()


def seconds_of(text: str) -> int:
    """Return the second of the day that a clock shows."""
    found = re.search(r"(\d\d):(\d\d):(\d\d)", text)
    assert found is not None, text
    hours, minutes, rest = map(int, found.groups())
    return (hours * 60 + minutes) * 60 + rest
