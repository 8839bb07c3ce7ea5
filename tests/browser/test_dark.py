"""Dark bids in a real Chromium at a real host: an expert's page knows codes until the unlock, and then the bidders."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from evalroom.sealing.ceremony import CeremonyState
from evalroom.sealing.policy import PartName
from evalroom.tender import Part
from main_site.sample import sample_template
from main_site.sample_bids import OFFERS, dark_document
from main_site.services.dark_bids import DarkBids
from tests.browser.inspection import Inspection
from tests.browser.test_bidder import serving
from tests.browser.windows import Window, check_devices, check_in, take_seat
from tests.evalroom.room import EXPERTS, HOST, SEAT, SESSION
from tests.main_site.ceremony import Ceremony, ceremony
from tests.main_site.hall import until
from tests.main_site.services.test_opening import review, to_detailed

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.needs("chromium", "cjk-font"),
    pytest.mark.timeout(240),
]

NAMES = ("Clearspring Water Ltd", "Farstream Systems Ltd")
PRICE = 98_000_000
EXPERT = next(seat for seat in EXPERTS if SEAT[seat].node == HOST)


async def places(window: Window) -> dict[str, str]:
    """Return everything that an expert's browser shows, heard and keeps."""
    return {
        "page": await window.page.content(),
        "sockets": "\n".join(window.heard),
        "storage": await window.remembered(),
    }


LETTER_LINE = re.compile(r"[0-9]+\. [^·\n\\]{1,200} · 法定代表人")


def secrets(place: Ceremony) -> Sequence[str]:
    """Return what would join a code with its bidder."""
    told = [*NAMES, str(PRICE), str(PRICE + 1)]
    for one in place.bidders:
        told += [one.number, one.sealed.root, one.sealed.digest]
        told += [part.sha256 for part in place.session.ceremony.documents_of(one.number)]
    return told


async def test_an_experts_page_holds_no_bidder_before_the_unlock_and_shows_them_after_it(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        DarkBids, "search", lambda _: None
    )  # marks have a test of their own, and cost processes
    lot, inspection = sample_template().tender.lots[0], Inspection()
    window = await Window.open(browser, "dark")
    async with ceremony(tmp_path / "host", dark=(PartName.TECHNICAL,)) as place, serving(place.app) as url:
        await take_seat(window, url, (await place.centre.new_seat_code(SESSION, EXPERT)).code)
        await check_devices(window)
        await check_in(window)
        await place.accept()
        for n, (name, bid) in enumerate(zip(NAMES, lot.bids, strict=False)):
            document = dark_document(bid, next(like for like in OFFERS if like == bid.id))
            await place.bid(name, PRICE + n, texts=place.texts(PRICE + n, document))
        await place.acked()
        await place.close()
        await place.open_window()
        await place.release_all()
        await place.reaches(CeremonyState.OPENED)
        await until(lambda: len(place.session.ceremony.admitted) == len(NAMES))
        await place.give(place.people[EXPERT].check_in())  # the test goes on with a key of its own
        await to_detailed(place)
        codes = sorted(place.session.ceremony.admitted)
        tabs = window.page.locator(".documents .tabs").first.get_by_role("tab")
        await expect(tabs).to_have_text(codes)
        await expect(window.page.locator(".viewer canvas").first).to_be_visible()
        for where, text in (await places(window)).items():
            assert text, where
            told = LETTER_LINE.sub("", text)  # the commitment letter names all bidders, beside no code
            assert not [word for word in secrets(place) if word in told], where
        page = await window.page.content()
        assert all(code in page for code in codes)
        await inspection.look(window, "seat-dark")
        await review(place, Part.DETAILED)
        for name in NAMES:
            await expect(window.page.locator(".group")).to_contain_text(name)
        after = await places(window)
        assert all(name in after[where] for name in NAMES for where in ("page", "sockets"))
    assert window.faults == []
    assert [] == inspection.barriers["seat-dark"]
    await window.context.close()
