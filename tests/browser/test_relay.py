"""A seat behind a strict network: its picture takes no way but a real TURN server, and arrives on the wall."""

import asyncio
import socket
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from main_site.rehearsal.direction import Operator
from main_site.rehearsal.nodes import Nodes
from main_site.template import write_toml
from tests.browser.stage import all_at_the_host
from tests.browser.windows import Window, check_devices, check_in, take_seat
from tests.programs import PROGRAMS

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.needs("chromium", "cjk-font", "coturn"),
    pytest.mark.timeout(120),
]

SECRET = "north"  # noqa: S105 - of a relay that lives as long as the test


@pytest_asyncio.fixture(name="turn_url", loop_scope="session")
async def _turn_url(tmp_path: Path) -> AsyncIterator[str]:
    """Run coturn on the loopback."""
    turnserver = PROGRAMS["coturn"].find()
    assert turnserver is not None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = f"-n -L 127.0.0.1 -E 127.0.0.1 -p {port} --no-tls --no-dtls --use-auth-secret"
    options += (
        f" --static-auth-secret={SECRET} --realm=evalroom --allow-loopback-peers --no-cli --no-stdout-log"
    )
    process = await asyncio.create_subprocess_exec(
        turnserver, *options.split(), cwd=tmp_path, stdout=subprocess.DEVNULL
    )
    yield f"turn:127.0.0.1:{port}?transport=udp"
    process.terminate()
    await process.wait()


async def test_a_picture_arrives_over_the_relay_where_nothing_else_is_let_through(
    browser: Browser, turn_url: str, tmp_path: Path
) -> None:
    nodes = Nodes(tmp_path)
    windows = [await Window.open(browser, name) for name in ("E01", "SUP")]
    try:
        host = await nodes.start_host("code", turn_url=turn_url, turn_secret=SECRET, media_relay_only="1")
        operator = Operator(host.url, "code")
        await operator.login()
        opened = await operator.open_session(write_toml(all_at_the_host()).encode())
        await operator.close()
        codes = {seat["seat"]: seat["code"] for seat in opened["seats"]}
        for window in windows:
            await take_seat(window, host.url, codes[window.name])
        expert, wall = windows
        await check_devices(expert)
        await check_in(expert)
        await wall.decodes("[data-seat=E01] video", 10)
        assert await expert.ways() == await wall.ways() == {"relay"}
    finally:
        for window in windows:
            await window.context.close()
        nodes.stop()
