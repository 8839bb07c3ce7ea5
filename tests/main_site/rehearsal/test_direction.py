"""The director of a rehearsal: a refusal ends it with its reason, and the session moves on when it may."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from evalroom.events import Stage
from main_site.rehearsal import direction as module
from main_site.rehearsal.client import SeatClient
from main_site.rehearsal.direction import Operator, RehearsalFailed

Answer = Callable[[httpx.Request], httpx.Response]


def operator(answer: Answer) -> Operator:
    made = Operator("http://host", "code")
    made._http = httpx.AsyncClient(base_url="http://host", transport=httpx.MockTransport(answer))
    return made


class Seat(SeatClient):
    """A seat that only notes what it is told to do."""

    def __init__(self) -> None:
        super().__init__("http://host", "code")
        self.given: list[Any] = []

    async def give(self, make: Callable[..., Any], **values: str) -> None:
        self.given.append((make(dict.fromkeys(values, "committed")), values))


@pytest.mark.parametrize("status", [401, 409, 500])
async def test_what_the_host_refuses_ends_the_rehearsal_with_its_reason(status: int) -> None:
    made = operator(lambda _: httpx.Response(status, text="the reason"))
    for act in (made.login(), made.invite("west", "West"), made.open_session(b""), made.overview("EV-1")):
        with pytest.raises(RehearsalFailed) as failed:
            await act
        assert (status, "the reason") == (failed.value.detail["status"], failed.value.detail["reason"])
    await made.close()


async def test_an_archive_that_failed_ends_the_rehearsal_and_one_that_is_ready_is_returned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "POLL_S", 0)
    states = [{"stage": "packing", "detail": ""}, {"stage": "failed", "detail": "a reel is corrupt"}]
    seen: list[str] = []
    made = operator(lambda _: httpx.Response(200, json=states.pop(0)))
    with pytest.raises(RehearsalFailed, match="a reel is corrupt"):
        await made.archive("EV-1", lambda state: seen.append(state["stage"]))
    assert ["packing", "failed"] == seen
    states.append({"stage": "ready", "detail": "", "path": "/x"})
    assert "/x" == (await made.archive("EV-1", lambda _: None))["path"]


async def test_the_session_moves_on_when_its_next_stage_needs_nothing_and_nobody_paused_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "POLL_S", 0)
    monkeypatch.setattr(asyncio, "sleep", _at_once)
    gathering = {
        "stage": "gathering",
        "paused": False,
        "missing": {"stage": "briefed", "needs": [{"code": "bids", "names": ["b1"]}]},
    }
    ready = gathering | {"missing": {"stage": "briefed", "needs": []}}
    overviews = [gathering, ready | {"paused": True}, ready, {"stage": "concluded"}]
    seat, stages = Seat(), list[Stage]()
    made = operator(lambda _: httpx.Response(200, json=overviews.pop(0)))
    await made.lead("EV-1", seat, stages.append)
    ((command, _),) = seat.given
    assert (Stage.GATHERING, Stage.BRIEFED) == (command.before, command.after)
    assert Stage.CONCLUDED is stages[-1]


async def test_the_lead_ends_though_the_host_went_on_to_archived_between_two_looks() -> None:
    archived = {"stage": "archived", "paused": False, "missing": {}}
    seat, stages = Seat(), list[Stage]()
    made = operator(lambda _: httpx.Response(200, json=archived))
    await made.lead("EV-1", seat, stages.append)
    assert ([Stage.ARCHIVED], []) == (stages, seat.given)


async def _at_once(_: float) -> None:
    return None


async def test_each_bid_comes_in_with_its_own_document_and_a_price_that_is_only_committed() -> None:
    sent: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.content)
        return httpx.Response(200, json={"sha256": request.content.hex(), "bytes": 1, "pages": 2})

    seat = Seat()
    overview = {"bids": [{"lot": "1", "bid": f"B{n}", "bidder": "x"} for n in (1, 2)]}
    await operator(answer).import_bids(seat, overview, {"B1": (b"one", 11), "B2": (b"two", 22)})
    assert [b"one", b"two"] == sent
    assert [b"one".hex(), b"two".hex()] == [command.sha256 for command, _ in seat.given]
    assert [{"price": "11"}, {"price": "22"}] == [values for _, values in seat.given]
    assert {"committed"} == {command.price for command, _ in seat.given}


async def test_the_sites_that_are_online_are_those_whose_links_are_up() -> None:
    rows = [{"site": "west", "link": "online"}, {"site": "east", "link": "weak"}]
    assert {"west"} == await operator(lambda _: httpx.Response(200, json=rows)).online()
    body = await operator(
        lambda asked: httpx.Response(200, json={"code": json.loads(asked.content)["site"]})
    ).invite("west", "West")
    assert "west" == body
