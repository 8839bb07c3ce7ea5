"""A synthetic expert: plausible marks within range, the same every time; it stops when its seat is taken over."""

import asyncio
import hashlib
import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from evalroom.clarification import question_digest
from evalroom.commands import AnswerFinding, LockSheet
from evalroom.events import Commitment, Stage
from evalroom.ids import LotId, SeatCode
from evalroom.sheet import FAIL, PASS
from evalroom.tender import Part
from main_site.rehearsal.client import CommandRefused, SeatClient, SeatView
from main_site.rehearsal.expert import Pace, ReportDiffers, SyntheticExpert, Temper, at, choice_of, mark
from tests.evalroom.room import LOT1
from tests.patience import PATIENCE_S

REPORT = b"{}"

ITEMS: list[dict[str, Any]] = [
    {"id": "P1", "part": "preliminary", "kind": "pass", "full": "0", "digits": 0, "objective": False},
    {"id": "T1", "part": "detailed", "kind": "score", "full": "14", "digits": 1, "objective": False},
    {"id": "C3", "part": "detailed", "kind": "deduct", "full": "0.5", "digits": 1, "objective": False},
]
FACTS: list[dict[str, Any]] = [
    {"id": "C1", "part": "detailed", "kind": "score", "full": "6", "digits": 1, "objective": True},
    {
        "id": "C2", "part": "detailed", "kind": "choice", "full": "6", "digits": 0, "objective": True,
        "options": [{"name": "A", "points": "6"}, {"name": "B", "points": "0"}],
    },
]  # fmt: skip
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


@pytest.mark.parametrize("item", FACTS)
def test_members_find_the_same_facts_but_for_one_member_at_one_bid(item: dict[str, Any]) -> None:
    dice = random.Random(3)
    for bid in ("B1", "B2", "B3", "B4"):
        found = [mark(f"E0{n}", bid, item, dice)[0] for n in range(1, 6)]
        assert 1 == len(set(found[:4]))
        assert (found[4] == found[0]) is (bid != "B3")
        assert set(found) <= {"A", "B"} or item["kind"] == "score"


async def test_it_stands_by_its_values_when_asked_and_locks_again() -> None:
    client = Client()
    client.view.findings["F1"] = {"finding": "F1", "seats": ["E01"]}
    client.view.findings["F2"] = {"finding": "F2", "seats": ["E02"]}
    client.view.reopened = {("E01", "1", "detailed"), ("E02", "1", "detailed")}

    async def give(make: Callable[..., Any], **_: str) -> None:
        given = make({"reason": Commitment("")})
        client.given.append(given)
        client.view.answered.add((given.finding, "E01"))

    client.give = give  # type: ignore[method-assign] # what a host says yes to comes back by the feed
    await client.answer_all("as the standard says")
    answer, lock = client.given
    assert AnswerFinding("F1", True, Commitment("")) == answer  # noqa: FBT003 - members of a command
    assert (lock.kind, lock.part) == ("lock_sheet", Part.DETAILED)
    assert {("E02", "1", "detailed")} == client.view.reopened


BALLOT = {
    "vote": "award-1",
    "question": "award",
    "lot": "1",
    "round": 1,
    "options": ["B2", "B1"],
    "voters": ["E01"],
}


def test_a_seat_owes_a_vote_until_it_has_voted_in_this_round() -> None:
    view = SeatView()
    view.take({"type": "VoteOpened", "actor": "host", "body": BALLOT})
    assert (True, False) == (view.owes("E01"), view.owes("E02"))
    view.take({"type": "BallotCast", "actor": "E01", "body": {"vote": "award-1", "round": 1}})
    assert not view.owes("E01")
    view.take({"type": "VoteOpened", "actor": "host", "body": {**BALLOT, "round": 2}})
    assert view.owes("E01")
    view.take({"type": "VoteCounted", "actor": "host", "body": {"vote": "award-1"}})
    assert not view.owes("E01")


def test_members_choose_the_first_but_for_one_and_go_on_where_bids_are_few() -> None:
    assert ["B2", "B1", "B2"] == [choice_of(seat, BALLOT) for seat in ("E01", "E04", "E05")]
    assert "go_on" == choice_of(
        "E04", {**BALLOT, "question": "competition", "options": ["reject_all", "go_on"]}
    )


def test_what_a_play_asks_of_members_is_done_and_no_more() -> None:
    temper = Temper(fails={("B4", "P1"): "expired"}, severe={"E01": 1})
    expert = SyntheticExpert(Client(), Pace(0, 0), lambda: None, temper)
    assert (FAIL, "expired") == expert.judge("B4", ITEMS[0], random.Random(1), 3)
    assert PASS == expert.judge("B3", ITEMS[0], random.Random(1), 2)[0]
    severe, usual = (Decimal(expert.judge("B2", ITEMS[1], random.Random(1), place)[0]) for place in (1, 0))
    assert severe <= Decimal("4.2") < usual


async def test_a_member_who_recuses_says_why_and_does_no_more() -> None:
    client = Client()
    client.view.members = ["E01"]
    temper = Temper(recuses={"E01": "worked for a bidder"})
    await SyntheticExpert(client, Pace(0, 0), lambda: None, temper).run()
    assert ["checked in", "pass_self_test", "recuse_self"] == [
        getattr(one, "kind", one) for one in client.given
    ]


@pytest.mark.parametrize(("chair", "asked"), [("E01", True), ("E02", False)])
async def test_the_chair_asks_what_the_play_asks_about_a_bid_that_is_still_in(
    chair: str,
    asked: bool,  # noqa: FBT001 - a table
) -> None:
    client = Client()
    client.view.members, client.view.chair, client.view.rejected = ["E01"], chair, {"B1"}
    client.view.lots = {}
    await SyntheticExpert(client, Pace(0, 0), lambda: None, Temper(asks="How was it measured?"))._ask()
    given = {getattr(one, "kind", one): one for one in client.given}
    assert asked is ({"draft_question", "send_question"} <= given.keys())
    if asked:
        assert ("B2", "How was it measured?") == (given["draft_question"].bid, given["draft_question"].text)
        assert question_digest("Q1", "How was it measured?") == given["send_question"].sha256


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
        self.view.lots = {LotId(str(one["id"])): LOT1 for one in LOTS}
        self.view.members = [self.seat]
        self.view.reports = {LotId(str(one["id"])): hashlib.sha256(REPORT).hexdigest() for one in LOTS}
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

    async def lock(self, lot: str, part: Part, reason: str) -> None:
        assert reason
        self.given.append(LockSheet(LotId(lot), part, f"{lot}/{part}/{len(self.entered)}", Commitment("")))
        self.view.reopened.discard((self.seat, lot, part))


def expert(client: Client) -> SyntheticExpert:
    made = SyntheticExpert(client, Pace(0, 0), lambda: None)

    async def warnings(_lot: str) -> list[str]:
        return ["tie_open"]

    async def data(_lot: str) -> bytes:
        return REPORT

    # What it asks over HTTP.
    made._warnings, made._data = warnings, data  # type: ignore[method-assign, assignment]
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
        "edit_report",
        "edit_report",
        "justify_warning",
        "sign_report",
    ] == kinds
    assert ["1/preliminary/4", "1/detailed/10"] == [one.digest for one in client.given[3:5]]
    again = Client()
    again.view.rejected = {"B4"}
    await expert(again).run()
    assert client.entered == again.entered


async def test_only_the_chair_writes_the_report_and_only_the_report_of_the_journal_is_signed() -> None:
    client = Client()
    client.view.chair = "E09"
    await expert(client)._report()
    assert [] == client.given
    client.view.reports = {LotId("1"): "00" * 32}
    with pytest.raises(ReportDiffers):
        await expert(client)._sign()
    assert [] == client.given


async def test_a_report_put_to_the_members_meanwhile_is_written_no_more() -> None:
    client = Client()

    async def late(_: object) -> None:
        raise CommandRefused(code="stage")

    client.give = late  # type: ignore[method-assign, assignment] # the host says so
    await expert(client)._report()


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
    async with asyncio.timeout(PATIENCE_S):
        await expert(client).run()
