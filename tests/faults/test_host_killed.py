"""The host dies in the middle of scoring, again and again, as in a power cut."""

import asyncio
import json
import os
import random
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from evalroom.ids import SeatCode
from evalroom.tender import Part
from tests.faults.committee import (
    BIDS,
    HOST,
    LOT,
    Committee,
    Member,
    convened,
    seated,
    template,
    until,
    verified,
)

KILLS = int(os.environ.get("EVALROOM_KILLS", "4"))
"""Each costs a cold start, 4 s at least; a hundred make a night of it."""

EXPERTS = tuple(SeatCode(f"E{n}") for n in range(1, 6))

pytestmark = [pytest.mark.xdist_group("nodes"), pytest.mark.timeout(120 + 20 * KILLS)]

Written = tuple[str, str, int, str]
"""An acknowledged cell: seat, bid, revision, reason."""


@dataclass
class Pens:
    """All experts writing at once, each on two cells; what was acknowledged to them."""

    written: list[Written]
    down: asyncio.Event

    async def write(self, expert: Member, bid: str) -> None:
        """Revise one cell until the pens are put down, each time with words that nobody wrote before."""
        revision = 0
        while not self.down.is_set():
            revision += 1
            reason = f"{expert.seat} on {bid}, thought {revision}"
            await expert.enter(LOT, bid, "form", "pass", reason)
            self.written.append((expert.seat, bid, revision, reason))


async def test_no_acknowledged_score_is_lost_or_doubled_when_the_host_is_killed_again_and_again(
    tmp_path: Path,
) -> None:
    plan = template(dict.fromkeys(EXPERTS, HOST))
    dice = random.Random()
    async with convened(tmp_path, plan) as committee:
        await seated(committee, plan)
        await committee.to_scoring()
        pens = Pens([], asyncio.Event())
        writing = [
            asyncio.create_task(pens.write(expert, bid)) for expert in committee.experts for bid in BIDS
        ]
        for _ in range(KILLS):
            enough = len(pens.written) + dice.randint(1, 60)
            await until(lambda enough=enough: len(pens.written) >= enough)  # type: ignore[misc] # its default is no part of its type
            committee.host.kill()
            await committee.host.start()
        pens.down.set()
        await asyncio.gather(*writing)
        assert_exactly_once(committee, pens.written)
        for member in committee.members.values():
            assert_resumed_by_number(member)
        await committee.review(Part.PRELIMINARY)
        await committee.advance()
        await committee.conclude()
        await verified(await committee.archive())


def assert_exactly_once(committee: Committee, written: list[Written]) -> None:
    """Demand that the journal holds each acknowledged score once, with its words, and no other."""
    stored = Counter[Written]()
    commands = Counter[str]()
    for row in committee.rows():
        entry = json.loads(row.entry)
        if entry["type"] == "ScoreEntered":
            reason = next(one.value for one in row.secrets if one.path == "/reason")
            stored[entry["actor"], entry["body"]["bid"], entry["body"]["revision"], reason] += 1
            commands[entry["cmd"]] += 1
    assert Counter(written) == stored
    assert {1} == set(commands.values())


def assert_resumed_by_number(member: Member) -> None:
    """Demand that each connection went on after the last item known, and that none is missing."""
    assert len(member.resumed) > 1
    assert [known + 1 for known, _ in member.resumed] == [first for _, first in member.resumed]
