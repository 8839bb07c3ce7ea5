"""A site's node carries questions to its agent and answers back, and neither adds to them nor asks what it must not."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from evalroom.ids import SessionId
from evalroom.ledger.canonical import Json
from evalroom.protocol import messages as m
from signaling.custody.client import AgentClient, AgentRefused
from sub_site import agent as module
from sub_site.agent import AgentRelay
from tests.patience import PATIENCE_S

SESSION = SessionId("EV-2026-0001")


class HandAgent(AgentClient):
    """An agent that a test answers for; `gate` holds its answers back."""

    def __init__(self, answer: dict[str, Any] | Exception) -> None:
        super().__init__(Path("nowhere"))
        self.answer = answer
        self.asked: list[tuple[str, Mapping[str, Json]]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def ask(
        self, command: str, members: Mapping[str, Json], timeout_s: float | None = None
    ) -> dict[str, Any]:
        del timeout_s
        self.asked.append((command, members))
        await self.gate.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Link:
    """A link that keeps what goes up it."""

    def __init__(self) -> None:
        self.sent: list[tuple[SessionId, m.AgentAnswer]] = []
        self.heard = asyncio.Event()

    def send(self, session: SessionId, message: object) -> None:
        assert isinstance(message, m.AgentAnswer)
        self.sent.append((session, message))
        self.heard.set()

    async def answer(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_S):
            await self.heard.wait()
        session, message = self.sent[-1]
        assert (SESSION, "r1") == (session, message.request)
        told: dict[str, Any] = json.loads(message.answer)
        return told


def question(command: str = "ack", **members: Json) -> m.AskAgent:
    return m.AskAgent("r1", json.dumps({"command": command, **members}))


@pytest.mark.parametrize("command", ["keep", "recall", "open_release", "session_key", "nonsense", ""])
async def test_only_what_a_host_has_a_use_for_is_put_to_the_agent(command: str) -> None:
    agent, link = HandAgent({}), Link()
    AgentRelay(agent, link).take(SESSION, question(command))
    assert "not_asked_from_afar" == (await link.answer())["code"]
    assert [] == agent.asked


@pytest.mark.parametrize("text", ["", "[]", "{", '{"command":1.5}', '{"command":"ack","command":"ack"}'])
async def test_what_is_no_command_is_answered_with_a_code(text: str) -> None:
    link = Link()
    AgentRelay(HandAgent({}), link).take(SESSION, m.AskAgent("r1", text))
    assert "malformed_message" == (await link.answer())["code"]


async def test_a_site_without_an_agent_says_so() -> None:
    link = Link()
    AgentRelay(None, link).take(SESSION, question())
    assert "no_agent_at_site" == (await link.answer())["code"]


async def test_the_agents_own_words_go_up() -> None:
    agent, link = HandAgent({"trustee": "west", "good": True}), Link()
    AgentRelay(agent, link).take(SESSION, question(bid="ab" * 16))
    assert {"ok": True, "trustee": "west", "good": True} == await link.answer()
    assert [("ack", {"bid": "ab" * 16})] == agent.asked


async def test_a_refusal_of_the_agent_keeps_its_code() -> None:
    link = Link()
    AgentRelay(HandAgent(AgentRefused("too_early", {"wait_ms": 5})), link).take(SESSION, question("release"))
    assert {"ok": False, "code": "too_early", "detail": {"wait_ms": 5}} == await link.answer()


async def test_an_answer_that_does_not_fit_the_link_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_TEXT", 100)
    link = Link()
    AgentRelay(HandAgent({"shares": "x" * 200}), link).take(SESSION, question("release"))
    assert "answer_too_long" == (await link.answer())["code"]


async def test_a_question_under_way_is_not_put_twice_and_may_be_asked_again_later() -> None:
    agent, link = HandAgent({"good": True}), Link()
    agent.gate.clear()
    relay = AgentRelay(agent, link)
    for _ in range(3):
        relay.take(SESSION, question())
        await asyncio.sleep(0)
    agent.gate.set()
    await link.answer()
    assert (1, 1) == (len(agent.asked), len(link.sent))
    link.heard.clear()
    relay.take(SESSION, question())
    await link.answer()
    assert 2 == len(agent.asked)


async def test_closing_ends_what_is_under_way() -> None:
    agent, link = HandAgent({}), Link()
    agent.gate.clear()
    relay = AgentRelay(agent, link)
    relay.take(SESSION, question())
    await asyncio.sleep(0)
    await relay.close()
    assert [] == link.sent
