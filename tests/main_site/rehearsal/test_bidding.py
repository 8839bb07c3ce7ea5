"""The sealed bids of a demonstration: bidders act at the right moment, and a command that fails is told."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from evalroom.events import Stage
from evalroom.ids import BidId, LotId
from main_site.rehearsal.bidding import Bidder, BiddersDesk, Officers, Opening
from main_site.rehearsal.client import SeatClient
from main_site.rehearsal.direction import RehearsalFailed

READY = Bidder("澄源水务", 100, BidId("B1"))
LATE = Bidder("远汇信息", 200, BidId("B2"), releases=False)


class Desk:
    """A bidder whose commands only leave a note."""

    def __init__(self, bidder: Bidder, done: list[str]) -> None:
        self.bidder, self._done = bidder, done

    async def release(self, window: str) -> None:
        self._done.append(f"{self.bidder.name} releases {window}")

    async def confirm(self, window: str) -> None:
        self._done.append(f"{self.bidder.name} confirms {window}")


class Seat:
    """An officer's seat, whose session is at the stage that the test says."""

    def __init__(self, done: list[str]) -> None:
        self._done = done

    async def until(self, _met: Callable[[Any], bool]) -> None:
        self._done.append("the stage has come")

    async def give(self, make: Callable[[Any], Any]) -> None:
        self._done.append(f"steps up for {make(None).window}")


def opening(halls: list[dict[str, Any]], done: list[str], said: list[str]) -> Opening:
    desks = cast("list[BiddersDesk]", [Desk(READY, done), Desk(LATE, done)])
    made = Opening("http://host", "T-1", desks, said.append)

    def answer(_request: httpx.Request) -> httpx.Response:
        hall = halls.pop(0) if len(halls) > 1 else halls[0]
        return httpx.Response(200, json={"version": str(len(halls)), **hall})

    made._http = httpx.AsyncClient(base_url="http://host", transport=httpx.MockTransport(answer))
    return made


def hall(state: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any members of the hall
    return {"state": state, "window": "documents", "bids": [], **more}


async def test_a_window_goes_from_the_officers_to_the_confirmed_record() -> None:
    done: list[str] = []
    said: list[str] = []
    rows = [{"number": "ab" * 16, "verdict": "revoked", "cause": "not_released", "bidder": ""}]
    record = {"window": "documents", "text": json.dumps({"rows": rows})}
    halls = [hall("accepting"), hall("closed"), hall("unsealing"), hall("opened", record=record)]
    officers = Officers(cast("list[SeatClient]", [Seat(done)]))
    await opening(halls, done, said).open_window("documents", Stage.OPENING, officers)
    assert [
        "the stage has come",
        "steps up for documents",
        "澄源水务 releases documents",
        "澄源水务 confirms documents",
    ] == done
    assert any("revoked not_released" in line for line in said)


async def test_an_opening_that_was_aborted_ends_the_demonstration() -> None:
    officers = Officers(())
    with pytest.raises(RehearsalFailed):
        await opening([hall("aborted")], [], []).open_window("documents", Stage.OPENING, officers)


async def test_a_command_that_fails_is_told_with_the_bidder_and_what_it_said(tmp_path: Path) -> None:
    desk = BiddersDesk(tmp_path / "one", "http://127.0.0.1:1", "T-1", READY)
    with pytest.raises(RehearsalFailed) as refused:
        await asyncio.wait_for(desk.release("documents"), 60)
    assert ("澄源水务", "release") == (refused.value.detail["bidder"], refused.value.detail["command"])


async def test_a_bidder_writes_a_sheet_without_prices_and_a_price_by_itself(tmp_path: Path) -> None:
    desk = BiddersDesk(tmp_path / "one", "http://127.0.0.1:1", "T-1", READY)
    await desk.prepare(LotId("1"))
    folder = tmp_path / "one"
    assert [] == json.loads((folder / "opening.json").read_text("utf-8"))["prices"]
    (price,) = json.loads((folder / "price.json").read_text("utf-8"))["prices"]
    assert {"lot": "1", "price_fen": "100"} == price
    assert (folder / "technical.pdf").stat().st_size > 3_000_000


@pytest.mark.parametrize(
    ("states", "answers"), [([], False), (["answered"], False), (["answered", "open"], True)]
)
async def test_only_a_bidder_with_an_open_question_answers(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    states: list[str],
    answers: bool,  # noqa: FBT001 - a table
) -> None:
    desk = BiddersDesk(tmp_path / "desk", "http://host", "T-1", READY)
    given: list[str] = []

    async def bid(word: str, *more: str) -> dict[str, Any]:
        given.append(" ".join((word, *more[2:4])))
        return {"questions": [{"state": state} for state in states]}

    monkeypatch.setattr(desk, "_bid", bid)
    assert answers is await desk.answer("sixty runs")
    assert ["questions", *(["answer --text sixty runs"] if answers else [])] == [one.strip() for one in given]
