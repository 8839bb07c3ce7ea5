"""The host dies in every state of an opening, as in a power cut, and the opening ends as if nothing had happened.

Host, sub-site and the three trustees' agents are real processes.  Agents are stopped where a state would be over too
soon to be met, and go on after the host is back.
"""

import asyncio
import json
import time
from pathlib import Path

import pytest

from evalroom import commands as co
from evalroom.events import Stage
from evalroom.ledger.base64 import encode_base64
from evalroom.sealing.policy import PartName
from tests.faults.committee import LOT, OPERATOR, SESSION, WEST, until
from tests.faults.sealed_tender import OFFICERS, Play, played
from tests.main_site.ceremony import FIRST, seal_for, sheet_of

pytestmark = [pytest.mark.xdist_group("nodes"), pytest.mark.timeout(300)]

NAMES = ("甲公司", "乙公司")
DOCUMENT = b"%PDF " + bytes(3 << 20)
LEAST_S, STRIKES = 20, 6
"""Seconds until the deadline: three restarts of a host lie before it, and whatever else a busy machine does."""


async def test_an_opening_ends_as_if_nothing_had_happened_though_the_host_is_killed_in_every_state(
    tmp_path: Path,
) -> None:
    async with played(tmp_path) as play:
        await arm(play)
        await hand_in(play)
        await close(play)
        await unseal(play)
        await combine(play)
        await play.reaches("opened")
        await play.struck()
        await play.journalled("PriceRead", 2)
        assert_each_once(play)
        await assert_record(play)
        assert_no_secret(play, tmp_path)


async def arm(play: Play) -> None:
    """Draft; the host dies before it, while a trustee has not signed, and again when all have."""
    began = time.monotonic()
    await play.struck()
    play.freeze("supervisor")
    when = int(time.time() + max(LEAST_S, STRIKES * (time.monotonic() - began))) * 1000
    drafting = asyncio.create_task(
        play.http.post(f"/api/v1/sessions/{SESSION}/policy", json={"deadline": when, "opens_at": when})
    )
    await play.journalled("TrusteeKeyPublished", 2)
    play.thaw("supervisor")
    answer = await drafting
    assert answer.is_success, answer.text
    play.freeze("supervisor")
    await play.struck()
    play.thaw("supervisor")
    await play.reaches("armed")
    await play.struck()
    answer = await play.http.post(f"/api/v1/sessions/{SESSION}/submissions/open")
    assert answer.is_success, answer.text


async def hand_in(play: Play) -> None:
    """Hand two bids in; the host dies before a submission, and before a trustee's ack."""
    policy = await play.policy()
    for price, name in enumerate(NAMES, 980_000):
        texts = {PartName.OPENING: sheet_of(price, LOT), PartName.TECHNICAL: DOCUMENT}
        play.bidders.append(await asyncio.to_thread(seal_for, policy, name, texts))
    first, second = play.bidders
    for one in (first, second):
        await play.announced(one)
        await play.pieces(one)
    await play.submitted(first)
    play.freeze(str(WEST))
    await play.submitted(second)
    await play.struck()
    play.thaw(str(WEST))
    await play.journalled("BidAcknowledged", 6)


async def close(play: Play) -> None:
    """Let the deadline pass; the host dies on the closed list."""
    await play.reaches("closed")
    await play.struck()
    lead = play.members[OPERATOR]
    await lead.give(lambda _: co.AdvanceStage(Stage.RECEIVING, Stage.OPENING, "the list is closed"))
    for code in OFFICERS:
        await play.members[code].give(lambda _: co.StepUp(FIRST))


async def unseal(play: Play) -> None:
    """The host dies after the first release, before the second; then agents are kept from releasing shares."""
    first, second = play.bidders
    await play.reaches("unsealing")
    await play.released(first)
    await play.struck()
    hall = await play.hall()
    assert {first.number: "released", second.number: "listed"} == {
        one["bid"]: one["state"] for one in hall["bids"]
    }
    play.freeze("supervisor", str(WEST))
    await until(lambda: bool(play.kinds()["HalfReleased"]))
    await play.released(first)
    await play.released(second)


async def combine(play: Play) -> None:
    """The host dies with one trustee's shares of the two that it needs, and again among the verdicts."""
    await play.journalled("ShareReleased", 1)
    await play.struck()
    play.thaw("supervisor", str(WEST))
    await play.journalled("ShareReleased", 2)
    play.host.kill()
    await play.host.start()


def assert_each_once(play: Play) -> None:
    """Demand that whatever happens once stands in the journal once."""
    kinds = play.kinds()
    once = {
        "TrusteeKeyPublished": 3, "PolicyDrafted": 1, "PolicySigned": 3, "SubmissionsOpened": 1, "BidSubmitted": 2,
        "BidAcknowledged": 6, "BidsClosed": 1, "WindowOpened": 1, "HalfReleased": 2, "WindowClosed": 1,
        "BidJudged": 2, "OpeningRecorded": 1, "PartKeyPublished": 2, "BidAdmitted": 2, "PriceRead": 2,
    }  # fmt: skip
    assert once == {kind: kinds[kind] for kind in once}
    assert kinds["CeremonyPaused"] == kinds["CeremonyResumed"]
    assert 2 <= kinds["ShareReleased"] <= 3


async def assert_record(play: Play) -> None:
    """Demand that both bids were opened, with names and prices."""
    rows = json.loads((await play.hall())["record"]["text"])["rows"]
    assert {(name, "opened", str(price)) for price, name in enumerate(NAMES, 980_000)} == {
        (row["bidder"], row["verdict"], row["prices"][0]["price_fen"]) for row in rows
    }


def assert_no_secret(play: Play, folder: Path) -> None:
    """Demand that no half and no content key of a sealed document lies on the host's disk or in its log."""
    drawn = [one.plan.secrets[PartName.TECHNICAL] for one in play.bidders]
    planted = [value for one in drawn for value in (one.half, one.secret, one.content_key)]
    forms = [form for one in planted for form in (one, one.hex().encode(), encode_base64(one).encode())]
    paths = [folder / "host.log", *(path for path in (folder / "host").rglob("*") if path.is_file())]
    assert [] == [path for path in paths if any(form in path.read_bytes() for form in forms)]
