"""The way from the host to the trustee's agent of this site: questions in, the agent's own answers out.

The node holds no trustee's key and adds nothing to an answer; what may be released the agent decides by its own
means.  Refused: commands that only a person at the agent's machine or the host has a use for, and answers too long
for the link.  A question that is under way is not put twice; whatever the host was not told it asks again.
"""

import asyncio
from typing import ClassVar, Protocol

import structlog

from evalroom.errors import EvalroomError, LocalFault, Refusal
from evalroom.ids import SessionId
from evalroom.ledger.canonical import Json
from evalroom.protocol import messages as m
from signaling.codec import encode, parse_json
from signaling.custody.client import RELEASE_TIMEOUT_S, AgentClient, AgentRefused

ASKED_FROM_AFAR = frozenset({"status", "publish", "prove", "sign", "ack", "release", "destroy"})
"""Commands that a host has a use for at a sub-site (opening.md §10)."""

MAX_TEXT = 900_000
"""Bytes of a command or an answer: a message of the link holds 1 MiB, in which each quote costs a byte more."""


class NoAgentAtSite(LocalFault):
    """This site has no trustee's agent: name its socket (setting `agent_socket`); bids are safe meanwhile."""

    code: ClassVar[str] = "no_agent_at_site"


class NotAskedFromAfar(Refusal):
    """This command is not put to an agent over the site link: nothing was done."""

    code: ClassVar[str] = "not_asked_from_afar"


class AnswerTooLong(LocalFault):
    """The agent's answer does not fit a message of the site link: ask for fewer bids at once; nothing is lost."""

    code: ClassVar[str] = "answer_too_long"


class ToHost(Protocol):
    """The link to the host."""

    def send(self, session: SessionId, message: object) -> None:
        """Send a message of the moment; without a link it is dropped."""
        ...


class AgentRelay:
    """Hands questions of the host to the agent of this site."""

    def __init__(self, agent: AgentClient | None, link: ToHost) -> None:
        """Ask `agent`, None where the site has none."""
        self._agent = agent
        self._link = link
        self._under_way: dict[tuple[SessionId, str], asyncio.Task[None]] = {}

    def take(self, session: SessionId, question: m.AskAgent) -> None:
        """Put a question to the agent; its answer goes up the link, and is asked for again if that breaks."""
        key = session, question.request
        if key not in self._under_way:
            self._under_way[key] = asyncio.create_task(self._answer(session, question))

    async def close(self) -> None:
        """End what is under way; the agent does a command wholly or not at all, and the host asks again."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _answer(self, session: SessionId, question: m.AskAgent) -> None:
        try:
            said = encode({"ok": True, **await self._put(question.command)})
            if len(said.encode()) > MAX_TEXT:
                raise AnswerTooLong(bytes=len(said))
        except AgentRefused as refused:
            said = encode({"ok": False, "code": refused.refused, "detail": refused.facts})
        except EvalroomError as error:
            structlog.get_logger(__name__).warning("agent_not_asked", code=error.code, detail=error.detail)
            said = encode({"ok": False, "code": error.code, "detail": dict(error.detail)})
        finally:
            del self._under_way[session, question.request]
        self._link.send(session, m.AgentAnswer(question.request, said))

    async def _put(self, text: str) -> dict[str, Json]:
        members = parse_json(text, limit=MAX_TEXT)
        command = members.pop("command", None)
        if command not in ASKED_FROM_AFAR:
            raise NotAskedFromAfar(command=str(command)[:40])
        if self._agent is None:
            raise NoAgentAtSite
        return await self._agent.ask(str(command), members, RELEASE_TIMEOUT_S)
