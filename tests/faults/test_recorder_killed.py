"""A node that records is killed: what was finished stays as it was, and what is missing is declared."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest

from evalroom.ids import SeatCode, SiteId
from main_site.rehearsal.nodes import Node
from tests.faults.committee import HOST, SESSION, WEST, Committee, convened, seated, template, verified

HERE, THERE = SeatCode("E1"), SeatCode("E2")
PLAN = template({HERE: HOST, THERE: WEST})

pytestmark = [pytest.mark.xdist_group("nodes"), pytest.mark.timeout(180)]


def host_of(committee: Committee) -> Node:
    return committee.host


def west_of(committee: Committee) -> Node:
    return committee.sites[WEST]


@pytest.mark.parametrize(
    ("filmed", "site", "node_of"),
    [
        pytest.param(THERE, WEST, west_of, id="of a sub-site"),
        pytest.param(HERE, HOST, host_of, id="of the host"),
    ],
)
async def test_a_killed_node_keeps_every_finished_fragment_and_declares_the_gap(
    tmp_path: Path, filmed: SeatCode, site: SiteId, node_of: Callable[[Committee], Node]
) -> None:
    async with convened(tmp_path, PLAN) as committee:
        await seated(committee, PLAN, [filmed])
        await committee.to_scoring()
        await committee.journalled("FragmentRecorded", 4)
        node_of(committee).kill()
        before = committee.entries("FragmentRecorded")
        await node_of(committee).start()
        await committee.journalled("GapDeclared", 1)
        await committee.journalled("FragmentRecorded", len(before) + 4)
        await committee.conclude()
        archive = await committee.archive()
        await verified(archive)
        gaps = {(gap["body"]["track"], gap["body"]["cause"]) for gap in committee.entries("GapDeclared")}
        assert {(f"{site}-{filmed}/camera", "recorder")} == gaps
        assert_kept(archive, before)
        assert_torn_reel_plays(archive, committee)


async def test_a_seat_that_never_comes_back_after_its_node_was_killed_does_not_hold_the_session_open(
    tmp_path: Path,
) -> None:
    plan = template({HERE: HOST, SeatCode("E3"): HOST})
    async with convened(tmp_path, plan) as committee:
        await seated(committee, plan, [HERE])
        await committee.to_scoring()
        await committee.journalled("FragmentRecorded", 2)
        committee.host.kill()
        await committee.leave(HERE)
        await committee.host.start()
        committee.codes[HERE] = await committee.operator.new_code(SESSION, HERE)
        await committee.seat(HERE, committee.host.url)  # at another machine, without a camera
        await committee.conclude()
        await verified(await committee.archive())
        assert ["recorder"] == [gap["body"]["cause"] for gap in committee.entries("GapDeclared")]
        assert 1 == len(committee.entries("TrackEnded"))


def assert_kept(archive: Path, before: list[dict[str, Any]]) -> None:
    """Demand that the archive says of fragments what the journal said before the kill; their bytes are verified."""
    kept = [json.loads(line) for line in (archive / "data/log/entries.jsonl").read_bytes().splitlines()]
    assert before
    assert all(one in kept for one in before)


def assert_torn_reel_plays(archive: Path, committee: Committee) -> None:
    """Demand that the reel that was open when the node died decodes to its last picture."""
    (torn,) = [one["body"] for one in committee.entries("ReelClosed") if one["body"]["torn"]]
    fragments = [
        one["body"]
        for one in committee.entries("FragmentRecorded")
        if (one["body"]["track"], one["body"]["reel"]) == (torn["track"], torn["reel"])
    ]
    path = archive / "data/media" / f"{torn['track']}.{torn['reel']}.mp4"
    with av.open(str(path)) as film:
        seconds = [frame.time or 0.0 for frame in film.decode(video=0)]
    assert len(fragments) == torn["fragments"]
    assert max(seconds) >= max(one["pts"] for one in fragments) / 1e6
