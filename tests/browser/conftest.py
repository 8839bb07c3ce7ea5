"""One Chromium for all tests of the pages; it lives on the loop of the whole run, and so do they."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.browser.inspection import AXE
from tests.browser.windows import chromium
from tests.programs import PROGRAMS

# A scenario of five minutes is played when somebody asks for it; a skip would be a failure under --require-all.
collect_ignore = [] if os.environ.get("EVALROOM_SCENES") else ["test_acceptance.py"]

INDEX = Path(__file__).parents[2] / "main_site" / "static" / "index.html"


@pytest_asyncio.fixture(scope="session", loop_scope="session", name="browser")
async def _browser() -> AsyncIterator[Browser]:
    if not INDEX.exists():
        pytest.skip("the pages are not built; `python3 build_pages.py` builds them")
    if not AXE.exists():
        pytest.skip("axe-core is missing; `npm ci` in web/ brings it")
    path = PROGRAMS["chromium"].find()
    assert path is not None
    async with chromium(path) as browser:
        yield browser
