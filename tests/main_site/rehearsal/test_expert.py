"""A synthetic expert: plausible marks within range, the same every time; it stops when its seat is taken over."""

import asyncio
import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from evalroom.events import Stage
from evalroom.ids import SeatCode
from evalroom.sheet import FAIL, PASS
from evalroom.tender import Part
from main_site.rehearsal.client import CommandRefused, SeatClient, SeatView
from main_site.rehearsal.expert import Pace, SyntheticExpert, at, mark

ITEMS: list[dict[str, Any]] = [
    {"id": "P1", "part": "preliminary", "kind": "pass", "full": "0", "digits": 0, "objective": False},
    {"id": "T1", "part": "detailed", "kind": "score", "full": "14", "digits": 1, "objective": False},
    {"id": "C3", "part": "detailed", "kind": "deduct", "full": "0.5", "digits": 1, "objective": False},
]
LOTS = [{"id": "1", "items": ITEMS, "bids": [{"id": f"B{n}"} for n in (1, 2, 3, 4)]}]


@pytest.mark.parametrize("item", ITEMS)
def test_a_mark_is_within_range_has_its_digits_and_a_reason_where_one_is_due(item: dict[str, Any]) -> None:
    dice = random.Random(7)
    for _ in range(300):
        value, reason = mark("E05", "B4", item, dice)
        if item["kind"] == "pass":
            assert value in (PASS, FAIL)
            assert bool(reason) == (value == FAIL)
            continue
        assert 0 <= Decimal(value) <= Decimal(item["full"])
        assert -item["digits"] == Decimal(value).as_tuple().exponent
        assert reason or item["kind"] == "score" or not Decimal(value)


def test_one_member_fails_one_bid_and_so_never_a_majority() -> None:
    failed = {
        (seat, bid)
        for seat in ("E01", "E02", "E03", "E04", "E05")
        for bid in ("B1", "B2", "B3", "B4")
        if mark(seat, bid, ITEMS[0], random.Random(1))[0] == FAIL
    }
    assert {("E05", "B4")} == failed


def test_a_stage_is_reached_once_it_has_come_or_gone_by_and_nobody_paused() -> None:
    reached = at(Stage.PRELIMINARY)
    found = [reached(SeatView(stage=stage)) for stage in (Stage.BRIEFED, Stage.PRELIMINARY, Stage.DETAILED)]
    assert [False, True, True] == found
    assert not reached(SeatView(stage=Stage.DETAILED, paused=True))


class Client(SeatClient):
    """A seat whose host says yes, or what a test puts in `refusals`."""

    def __init__(self) -> None:
        super().__init__("http://host", "code")
        self.seat = SeatCode("E01")
        self.view.tender = {"lots": LOTS}
        self.entered: list[tuple[str, ...]] = []
        self.given: list[Any] = []
        self.refusals: list[CommandRefused] = []
        self.waited = 0

    async def check_in(self) -> None:
        self.given.append("checked in")

    async def until(self, met: Callable[[SeatView], bool]) -> None:  # noqa: ARG002 - it is always met
        self.waited += 1

    async def give(self, make: Callable[..., Any], **_: str) -> None:
        self.given.append(make({}))

    async def enter(self, lot: str, bid: str, item: str, value: str, reason: str = "") -> None:
        if self.refusals:
            raise self.refusals.pop()
        self.entered.append((lot, bid, item, value, reason))

    def sheet_digest(self, lot: str, part: Part) -> str:
        return f"{lot}/{part}/{len(self.entered)}"


def expert(client: Client) -> SyntheticExpert:
    made = SyntheticExpert(client, Pace(0, 0), lambda: None)

    async def notice() -> str:
        return "notice"

    made._notice = notice  # type: ignore[method-assign] # the one thing it asks over HTTP
    return made


async def test_it_fills_both_sheets_leaves_rejected_bids_out_locks_and_signs() -> None:
    client = Client()
    client.view.rejected = {"B4"}
    await expert(client).run()
    assert 4 == sum(item == "P1" for _, _, item, _, _ in client.entered)
    assert {"B1", "B2", "B3"} == {bid for _, bid, item, _, _ in client.entered if item != "P1"}
    kinds = [getattr(one, "kind", one) for one in client.given]
    assert [
        "checked in",
        "pass_self_test",
        "accept_discipline",
        "lock_sheet",
        "lock_sheet",
        "sign_report",
    ] == kinds
    assert ["1/preliminary/4", "1/detailed/10"] == [one.digest for one in client.given[3:5]]
    again = Client()
    again.view.rejected = {"B4"}
    await expert(again).run()
    assert client.entered == again.entered


async def test_a_pause_is_waited_out_and_the_cell_entered_again() -> None:
    client = Client()
    client.refusals = [CommandRefused(code="paused")]
    await expert(client)._fill(Part.PRELIMINARY, 0)
    assert client.waited == 1
    assert 4 == len(client.entered)


async def test_any_other_refusal_ends_it_unless_somebody_took_the_seat() -> None:
    client = Client()
    client.refusals = [CommandRefused(code="out_of_range")]
    with pytest.raises(CommandRefused):
        await expert(client).run()
    client.refusals = [CommandRefused(code="read_only")]
    client.evicted.set()
    async with asyncio.timeout(5):
        await expert(client).run()
