"""The way to the trustees' agents: questions survive a cut link, answers count once, and portions fit the link."""

import asyncio
import json

import pytest

from evalroom.ids import SiteId
from evalroom.protocol import messages as m
from main_site.services import trustees as module
from main_site.services.trustees import FarAgent, code_of, portions
from signaling.custody.client import AgentRefused, AgentTimedOut, SealedHead
from tests.patience import PATIENCE_S

WEST = SiteId("west")


class Road:
    """A link on which a test sees what was asked; `up` says whether it carries anything."""

    def __init__(self) -> None:
        self.asked: list[m.AskAgent] = []
        self.heard = asyncio.Event()

    def send(self, question: m.AskAgent) -> None:
        self.asked.append(question)
        self.heard.set()

    async def question(self, count: int) -> m.AskAgent:
        async with asyncio.timeout(PATIENCE_S):
            while len(self.asked) < count:
                self.heard.clear()
                await self.heard.wait()
        return self.asked[count - 1]


@pytest.fixture(autouse=True)
def _brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ASK_AGAIN_S", 0.01)


def answer(question: m.AskAgent, **said: object) -> m.AgentAnswer:
    return m.AgentAnswer(question.request, json.dumps({"ok": True, **said}))


async def test_a_question_is_put_again_to_the_letter_until_it_is_answered() -> None:
    road = Road()
    agent = FarAgent(WEST, road.send)
    asking = asyncio.create_task(agent.status())
    third = await road.question(3)
    assert 1 == len({(one.request, one.command) for one in road.asked})
    agent.take(answer(third, trustee="west"))
    assert {"trustee": "west"} == await asking


async def test_two_who_ask_the_same_wait_for_one_answer() -> None:
    road = Road()
    agent = FarAgent(WEST, road.send)
    both = [asyncio.create_task(agent.status()) for _ in range(2)]
    await road.question(2)
    agent.take(answer(road.asked[0], trustee="west"))
    assert [{"trustee": "west"}] * 2 == await asyncio.gather(*both)


async def test_one_who_gives_up_does_not_take_the_answer_from_the_other() -> None:
    road = Road()
    agent = FarAgent(WEST, road.send)
    patient = asyncio.create_task(agent.status())
    hasty = asyncio.create_task(agent.ask("status", {}, timeout_s=0.02))
    with pytest.raises(AgentTimedOut):
        await hasty
    agent.take(answer(road.asked[0], trustee="west"))
    assert {"trustee": "west"} == await patient


async def test_an_answer_nobody_waits_for_or_given_twice_does_no_harm() -> None:
    road = Road()
    agent = FarAgent(WEST, road.send)
    agent.take(m.AgentAnswer("nobody", "{}"))
    asking = asyncio.create_task(agent.status())
    question = await road.question(1)
    for name in ("first", "second"):
        agent.take(answer(question, trustee=name))
    assert {"trustee": "first"} == await asking


async def test_a_refusal_keeps_the_agents_own_code() -> None:
    road = Road()
    agent = FarAgent(WEST, road.send)
    asking = asyncio.create_task(agent.status())
    question = await road.question(1)
    refused = {"ok": False, "code": "too_early", "detail": {"wait_ms": 1}}
    agent.take(m.AgentAnswer(question.request, json.dumps(refused)))
    with pytest.raises(AgentRefused) as caught:
        await asking
    assert "too_early" == code_of(caught.value)


def test_bids_are_asked_for_in_portions_that_a_link_carries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_COMMAND", 3_000)
    bids = [SealedHead(f"{number:032x}", bytes(600), 1) for number in range(10)]
    cut = list(portions(bids))
    assert bids == [one for portion in cut for one in portion]
    assert all(len(portion) == 3 for portion in cut[:-1])
    large = SealedHead("ab" * 16, bytes(9_000), 1)
    assert [[bids[0]], [large], [bids[1]]] == list(portions([bids[0], large, bids[1]]))
