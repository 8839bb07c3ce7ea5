"""The way to the trustees' agents: those on the host's machine by their sockets, a sub-site's by the site link.

Agents decide by their own means; here their commands are put, repeated until they are answered, and what they say is
taken into the journal, where the room checks it again.  A sub-site's trustee bears the site's id: no node speaks for
another's.  Refused: an agent that answers under another name, keys that nobody proves to hold.  A silent agent is
named (`silent`) and asked again; nobody waits for it for ever.
"""

import asyncio
import hashlib
import json
import secrets
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from evalroom.commands import ActAsTrustee, Order
from evalroom.errors import EvalroomError, PeerFault
from evalroom.ids import TRUSTEE_ACTOR, BidNumber, SessionId, SiteId
from evalroom.ledger.base64 import decode_base64
from evalroom.protocol import messages as m
from evalroom.roles import Role
from evalroom.sealing import custody
from evalroom.sealing import facts as sf
from evalroom.sealing.ceremony import Ceremony, CeremonyState
from evalroom.sealing.policy import TrusteeKind
from evalroom.sealing.suites import find_suite
from main_site.services.conductor import Conductor
from signaling.codec import decode_event
from signaling.custody.client import AgentClient, AgentRefused, Evidence, GivenShare, SealedHead

ASK_AGAIN_S = 3.0
"""An answer may be lost with its link: a question over the site link is put again after so long."""

RETRY_S = 2.0
"""Pause before a silent agent is asked for an ack once more."""

CHALLENGE_SIZE = 32
MAX_COMMAND = 600_000
"""Bytes of heads in one command: with the proofs it must fit a message of the site link, 1 MiB."""

HOPELESS = frozenset({"ack_too_late", "trustee_keys_destroyed", "policy_not_signed", "no_keys_for_tender"})
"""Refusals of an agent that asking again for an ack will not mend."""


class AgentContradicts(PeerFault):
    """A trustee's agent answers for another, or otherwise than it must: nothing of it was taken; look at that machine."""

    code = "agent_contradicts"


class PossessionNotProven(PeerFault):
    """A trustee's agent cannot open what was wrapped to the keys it published: they were not taken."""

    code = "possession_not_proven"


class FarAgent(AgentClient):
    """The agent of a sub-site, asked over its node's link; an answer may come after a reconnect."""

    def __init__(self, site: SiteId, send: Callable[[m.AskAgent], object]) -> None:
        """Ask through `send`, which drops what has no link."""
        super().__init__(Path(site))
        self._send = send
        self._waiting: dict[str, tuple[asyncio.Future[bytes], set[object]]] = {}

    async def _exchange(self, line: bytes) -> bytes:
        # The same command is the same question: two who ask it wait for one answer.
        request, who = hashlib.sha256(line).hexdigest()[:32], object()
        question = m.AskAgent(request, line.decode().strip())
        if request not in self._waiting:
            self._waiting[request] = asyncio.get_running_loop().create_future(), set()
        answer, askers = self._waiting[request]
        askers.add(who)
        try:
            while not answer.done():
                self._send(question)
                await asyncio.wait({answer}, timeout=ASK_AGAIN_S)
            return answer.result()
        finally:
            askers.discard(who)
            if not askers or answer.done():
                self._waiting.pop(request, None)

    def take(self, answer: m.AgentAnswer) -> None:
        """Take what the site's node brought; an answer nobody waits for was given twice."""
        waiting = self._waiting.get(answer.request)
        if waiting is not None and not waiting[0].done():
            waiting[0].set_result(answer.answer.encode())


Send = Callable[[SiteId, m.AskAgent], object]


@dataclass(frozen=True, slots=True)
class TrusteeParts:
    """What the way to the trustees is made of; `local` are agents by the names of their trustees."""

    conductor: Conductor
    local: Mapping[str, AgentClient]
    send: Send
    now: Callable[[], int]


class SessionTrustees:
    """The trustees of one session."""

    def __init__(self, parts: TrusteeParts) -> None:
        """Know the host's own agents, and one for each sub-site of the session that has a node."""
        self.parts = parts
        sites = [one.id for one in parts.conductor.session.sites.values() if one.node and not one.host]
        self._far = {site: self._far_agent(site) for site in sites}
        self.agents: dict[str, AgentClient] = {str(site): agent for site, agent in self._far.items()}
        self.agents |= parts.local
        self.silent: dict[str, str] = {}
        """Trustees that did not do what they were asked last, each with a code."""
        self.on_change: Callable[[], None] = lambda: None
        self._acks: dict[tuple[str, BidNumber], asyncio.Task[None]] = {}
        self._log = structlog.get_logger(__name__).bind(session=parts.conductor.id)

    def _far_agent(self, site: SiteId) -> FarAgent:
        return FarAgent(site, lambda question: self.parts.send(site, question))

    @property
    def tender(self) -> SessionId:
        """Return the id of the tender under which agents keep their keys: the session's."""
        return self.parts.conductor.id

    @property
    def ceremony(self) -> Ceremony:
        """Return the opening as the journal has it."""
        return self.parts.conductor.session.ceremony

    @property
    def host(self) -> AgentClient:
        """Return the host's own agent, which opens what was released.

        Raises:
            AgentContradicts: no agent of this machine published keys as the host's.
        """
        for name, published in self.ceremony.keys.items():
            if published.kind is TrusteeKind.HOST and name in self.parts.local:
                return self.parts.local[name]
        raise AgentContradicts(reason="no agent here holds the host's keys")

    def take_answer(self, site: SiteId, answer: m.AgentAnswer) -> None:
        """Take what a site's node brought of its agent."""
        if site in self._far:
            self._far[site].take(answer)

    async def close(self) -> None:
        """Stop asking; cancelling what is under way loses nothing, for every command may be repeated."""
        tasks = list(self._acks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- the policy -----------------------------------------------------------------------------------------

    async def publish(self, suites: Sequence[int]) -> None:
        """Have every agent make its keys and prove that it holds them; those that did stand in the journal then."""
        await self._all(self.agents, lambda name: self._publish(name, suites))

    async def _publish(self, name: str, suites: Sequence[int]) -> None:
        body = await self.agents[name].publish(self.tender, suites, self.parts.now())
        event = decode_event(sf.TrusteeKeyPublished.__name__, body)
        assert isinstance(event, sf.TrusteeKeyPublished)  # noqa: S101 - read as what it is named
        self._check_name(name, event)
        if self.ceremony.keys.get(name) != event:
            await self._prove(name, event)
            await self._give(event)

    def _check_name(self, name: str, event: sf.TrusteeKeyPublished) -> None:
        """Demand that an agent speaks for the trustee it was asked as: a site's node for the site alone."""
        far = name in self._far
        if event.trustee != name or (event.kind is TrusteeKind.SITE) is not far:
            raise AgentContradicts(asked=name, answers=event.trustee[:64], kind=event.kind)

    async def _prove(self, name: str, event: sf.TrusteeKeyPublished) -> None:
        """Demand that the agent opens a random challenge wrapped to each of its keys."""
        info = custody.possession_info(event.keys)
        challenges = [secrets.token_bytes(CHALLENGE_SIZE) for _ in event.keys]
        wraps = [
            (key.suite, find_suite(key.suite).wrap(decode_base64(key.public), challenge, info))
            for key, challenge in zip(event.keys, challenges, strict=True)
        ]
        if await self.agents[name].prove(self.tender, wraps) != challenges:
            raise PossessionNotProven(trustee=name)

    async def sign(self, policy: str, evidence: Evidence) -> None:
        """Have every trustee that has not signed the drafted policy compare and sign it."""
        waiting = [one.name for one in self.ceremony.terms.trustees if one.name not in self.ceremony.signed]
        await self._all(waiting, lambda name: self._sign(name, policy, evidence))

    async def _sign(self, name: str, policy: str, evidence: Evidence) -> None:
        body = await self._agent(name).sign(self.tender, policy, evidence)
        await self._give(_read(sf.PolicySigned, name, body))

    # --- bids -----------------------------------------------------------------------------------------------

    def acknowledge(self, bid: BidNumber, head: bytes, size: int) -> None:
        """Ask every trustee to check its own shares, until it has answered or the list is closed."""
        for one in self.ceremony.terms.trustees:
            key = one.name, bid
            known = self.ceremony.handed.get(bid)
            if key not in self._acks and not (known and one.name in known.acks):
                self._acks[key] = asyncio.create_task(self._ack(one.name, SealedHead(bid, head, size)))
                self._acks[key].add_done_callback(lambda _, key=key: self._acks.pop(key))  # type: ignore[misc] # bound now

    async def _ack(self, name: str, bid: SealedHead) -> None:
        while self.ceremony.state is CeremonyState.ACCEPTING:
            refused = await self._try(name, lambda: self._ack_once(name, bid))
            if refused is None or refused in HOPELESS or self.ceremony.handed[BidNumber(bid.bid)].gone:
                return
            await asyncio.sleep(RETRY_S)

    async def _ack_once(self, name: str, bid: SealedHead) -> None:
        body = await self._agent(name).ack(self.tender, bid)
        await self._give(_read(sf.BidAcknowledged, name, body))

    # --- the opening ------------------------------------------------------------------------------------------

    async def release(
        self,
        name: str,
        window: str,
        session_key: bytes,
        bids: Iterable[SealedHead],
        evidence: Evidence,
        *,
        all_released: bool,
    ) -> list[GivenShare]:
        """Return a trustee's shares of `bids`, wrapped to the session key, asked for in portions that a link carries.

        Raises:
            EvalroomError: the agent refuses or does not answer; what it released before it releases again.
        """
        given: list[GivenShare] = []
        for portion in portions(bids):
            given += await self._agent(name).release(
                self.tender,
                window,
                session_key,
                portion,
                evidence,
                all_released=all_released,
                now=self.parts.now(),
            )
        return given

    async def destroy(self, names: Collection[str], evidence: Evidence) -> None:
        """Have those trustees of `names` whose keys are still there destroy them and sign that they did."""
        waiting = [
            one.name
            for one in self.ceremony.terms.trustees
            if one.name in names and one.name not in self.ceremony.destroyed
        ]
        await self._all(waiting, lambda name: self._destroy(name, evidence))

    async def _destroy(self, name: str, evidence: Evidence) -> None:
        body = await self._agent(name).destroy(self.tender, self.ceremony.sha256, evidence)
        await self._give(_read(sf.KeysDestroyed, name, body))

    # --- asking -----------------------------------------------------------------------------------------------

    def _agent(self, name: str) -> AgentClient:
        agent = self.agents.get(name)
        if agent is None:
            raise AgentContradicts(trustee=name, reason="this host knows no way to its agent")
        return agent

    async def _all(self, names: Iterable[str], act: Callable[[str], Coroutine[Any, Any, None]]) -> None:
        """Ask several trustees at once; who does not do it is named, and holds up nobody."""
        await asyncio.gather(*(self._try(name, lambda name=name: act(name)) for name in names))  # type: ignore[misc] # bound now

    async def _try(self, name: str, act: Callable[[], Awaitable[None]]) -> str | None:
        """Return nothing when it is done, else the code of why it is not; `silent` says it to whoever looks."""
        try:
            await act()
        except EvalroomError as error:
            self.note(name, error)
            return code_of(error)
        self.heard(name)
        return None

    def note(self, name: str, error: EvalroomError) -> None:
        """Take note that a trustee did not do what it was asked."""
        if self.silent.get(name) != code_of(error):
            self._log.warning("trustee_does_not", trustee=name, code=code_of(error), detail=error.detail)
            self.silent[name] = code_of(error)
            self.on_change()

    def heard(self, name: str) -> None:
        """Take note that a trustee did what it was asked."""
        if self.silent.pop(name, None) is not None:
            self.on_change()

    async def _give(self, act: sf.TrusteeEvent) -> None:
        await self.give(act)

    async def give(self, act: sf.TrusteeEvent) -> None:
        """Take what an agent said into the journal; what stands there already counts once.

        Raises:
            EvalroomError: the room does not take it.
        """
        host = self.parts.conductor.session.host_site
        order = Order(ActAsTrustee(act), self.parts.now(), TRUSTEE_ACTOR, host, Role.TRUSTEE)
        outcome = await self.parts.conductor.submit(order)
        if outcome is not None and outcome.code != "already_done":
            raise outcome


def code_of(error: EvalroomError) -> str:
    """Return the code that says why: the agent's own where it refused."""
    return error.refused if isinstance(error, AgentRefused) else error.code


def _read(kind: type[sf.TrusteeEvent], name: str, body: Mapping[str, object]) -> sf.TrusteeEvent:
    """Read an agent's body of an entry, and demand that it is its own."""
    event = decode_event(kind.__name__, dict(body))
    if not isinstance(event, kind) or event.trustee != name:
        raise AgentContradicts(asked=name, about=kind.__name__)
    return event


def portions(bids: Iterable[SealedHead]) -> Iterator[list[SealedHead]]:
    """Cut bids into portions whose heads together fit one command; a larger one goes alone."""
    portion: list[SealedHead] = []
    size = 0
    for one in bids:
        own = len(json.dumps(one.members()))
        if portion and size + own > MAX_COMMAND:
            yield portion
            portion, size = [], 0
        portion.append(one)
        size += own
    if portion:
        yield portion
