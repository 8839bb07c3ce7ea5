"""The node's way to a trustee's agent: one command, one answer, each within its time.

A node holds no key; it asks the agent on its machine.  Every command may be repeated: an agent that did it
before answers as it did.  Refused: answers that are no answers, and waiting for ever.
"""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalroom.errors import LocalFault, Refusal
from evalroom.ledger.base64 import NotBase64, decode_base64, encode_base64
from evalroom.ledger.canonical import Json
from signaling.custody.evidence import Shown

TIMEOUT_S = 10.0
RELEASE_TIMEOUT_S = 60.0
"""For hundreds of bids on a slow token (2,000 ECDH at 50 a second take 40 s)."""

MAX_ANSWER = 1 << 26

NOT_OPENED = frozenset({"wrap_not_opened", "malformed_command"})
"""Refusals that are the matter of whoever wrapped: it is no wrap for this key and place."""


class AgentUnreachable(LocalFault):
    """The trustee's agent on this machine does not answer: start it (`agent run`); the command may be repeated."""

    code = "agent_unreachable"


class AgentTimedOut(LocalFault):
    """The trustee's agent takes too long: look at its token and its log; the command may be repeated."""

    code = "agent_timed_out"


class AgentSpeaksOtherwise(LocalFault):
    """The trustee's agent answers in another form: its version differs from this node's; nothing was concluded."""

    code = "agent_speaks_otherwise"


class AgentRefused(Refusal):
    """The trustee's agent refused: the code and the detail are its own."""

    code = "agent_refused"

    def __init__(self, refused: str, detail: Mapping[str, Any]) -> None:
        """Keep the agent's own code, which is that of an error of this tree, and its detail."""
        super().__init__(refused=refused, **{f"{name}_": value for name, value in detail.items()})
        self.refused = refused
        self.facts = dict(detail)


@dataclass(frozen=True, slots=True)
class Evidence:
    """A cosigned checkpoint as a note, and entries with their paths to its root."""

    checkpoint: bytes
    shown: tuple[Shown, ...]

    def members(self) -> dict[str, Json]:
        """Return the members of a command."""
        return {
            "checkpoint": self.checkpoint.decode(),
            "proofs": [
                {
                    "index": one.index,
                    "entry": encode_base64(one.entry),
                    "proof": [encode_base64(step) for step in one.path],
                }
                for one in self.shown
            ],
        }


@dataclass(frozen=True, slots=True)
class SealedHead:
    """What an agent needs of a bid: its number in hex, all bytes before and behind the parts, and the file's size."""

    bid: str
    head: bytes
    size: int

    def members(self) -> dict[str, Json]:
        """Return the members of a command."""
        return {"bid": self.bid, "head": encode_base64(self.head), "size": self.size}


@dataclass(frozen=True, slots=True)
class GivenShare:
    """A trustee's share of one part, wrapped to the window's session key; `sealed` is empty where it is no good."""

    bid: str
    part: str
    good: bool
    sealed: bytes


class AgentClient:
    """Asks the agent behind the socket `path`; each command takes a connection of its own."""

    def __init__(self, path: Path, timeout_s: float = TIMEOUT_S) -> None:
        """Take the socket's path; nothing is opened yet."""
        self._path = path
        self._timeout_s = timeout_s

    async def ask(
        self, command: str, members: Mapping[str, Json], timeout_s: float | None = None
    ) -> dict[str, Any]:
        """Return the answer to a command, without `ok`.

        Cancelling hangs up; the agent may have done the command, and says so when it is repeated.

        Raises:
            AgentUnreachable, AgentTimedOut: no answer came.
            AgentRefused: the agent refused.
            AgentSpeaksOtherwise: the answer is none.
        """
        line = json.dumps({"command": command, **members}, ensure_ascii=False).encode() + b"\n"
        try:
            async with asyncio.timeout(timeout_s or self._timeout_s):
                answer = await self._exchange(line)
        except TimeoutError as error:
            raise AgentTimedOut(command=command) from error
        except OSError as error:
            raise AgentUnreachable(socket=str(self._path), problem=type(error).__name__) from error
        return _read(answer)

    async def _exchange(self, line: bytes) -> bytes:
        reader, writer = await asyncio.open_unix_connection(self._path, limit=MAX_ANSWER)
        try:
            writer.write(line)
            await writer.drain()
            return await reader.readuntil(b"\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise ConnectionResetError("no whole answer") from error
        finally:
            writer.close()

    async def _exchange_all(self, lines: Sequence[bytes]) -> list[bytes]:
        reader, writer = await asyncio.open_unix_connection(self._path, limit=MAX_ANSWER)
        try:
            writer.write(b"".join(lines))
            return [await reader.readuntil(b"\n") for _ in lines]
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise ConnectionResetError("no whole answer") from error
        finally:
            writer.close()

    async def status(self) -> dict[str, Any]:
        """Return `{trustee, tenders: [{tender, state}], now}`."""
        return await self.ask("status", {})

    async def publish(self, tender: str, suites: Sequence[int], now: int) -> dict[str, Any]:
        """Return the body of `TrusteeKeyPublished`; `now` is the host's clock, UTC ms."""
        return await self.ask("publish", {"tender": tender, "suites": list(suites), "now": now})

    async def prove(self, tender: str, wraps: Sequence[tuple[int, bytes]]) -> list[bytes]:
        """Return the challenges inside `wraps`, pairs of suite and wrap under `evidence.possession_info`."""
        listed: Json = [{"suite": suite, "wrap": encode_base64(wrap)} for suite, wrap in wraps]
        answer = await self.ask("prove", {"tender": tender, "wraps": listed})
        return [_bytes(one) for one in _list(answer, "challenges")]

    async def sign(self, tender: str, policy: str, evidence: Evidence) -> dict[str, Any]:
        """Return the body of `PolicySigned`; shown are `SessionOpened`, `PolicyDrafted`, all `TrusteeKeyPublished`."""
        return await self.ask("sign", {"tender": tender, "policy": policy, **evidence.members()})

    async def ack(self, tender: str, bid: SealedHead) -> dict[str, Any]:
        """Return the body of `BidAcknowledged`."""
        return await self.ask("ack", {"tender": tender, **bid.members()})

    async def session_key(self, tender: str, window: str) -> bytes:
        """Return the public session key of a window, of the policy's first suite; the host's agent alone has it."""
        return _bytes((await self.ask("session_key", {"tender": tender, "window": window})).get("public"))

    async def open_release(self, tender: str, window: str, sealed: bytes, context: bytes) -> bytes:
        """Return what was wrapped to the session key under the info `context`: halves, or a trustee's share."""
        members = {"sealed": encode_base64(sealed), "context": encode_base64(context)}
        return _bytes(
            (await self.ask("open_release", {"tender": tender, "window": window, **members})).get("text")
        )

    async def open_releases(
        self, tender: str, window: str, wraps: Sequence[tuple[bytes, bytes]]
    ) -> list[bytes | None]:
        """Return what several wraps hold, each with its info; None for one that does not open.

        All go over one connection without waiting for each other's answers: at the opening thirty come at once.

        Raises:
            AgentUnreachable, AgentTimedOut, AgentRefused, AgentSpeaksOtherwise: as `ask`, for all of them.
        """
        lines = [
            json.dumps(
                {
                    "command": "open_release",
                    "tender": tender,
                    "window": window,
                    "sealed": encode_base64(sealed),
                    "context": encode_base64(info),
                }
            ).encode()
            + b"\n"
            for sealed, info in wraps
        ]
        try:
            async with asyncio.timeout(max(self._timeout_s, RELEASE_TIMEOUT_S)):
                answers = await self._exchange_all(lines)
        except TimeoutError as error:
            raise AgentTimedOut(command="open_release") from error
        except OSError as error:
            raise AgentUnreachable(socket=str(self._path), problem=type(error).__name__) from error
        return [_opened(answer) for answer in answers]

    async def release(
        self,
        tender: str,
        window: str,
        session_key: bytes,
        bids: Iterable[SealedHead],
        evidence: Evidence,
        *,
        all_released: bool,
        now: int,
    ) -> tuple[GivenShare, ...]:
        """Return this trustee's shares of `bids` for the parts of `window`.

        Shown are `BidsClosed`, the window's gate, and `HalfReleased` of every bid where `all_released`, else
        `WindowOpened` and each `WindowExtended`; `now` is the host's clock, UTC ms.
        """
        members: dict[str, Json] = {
            "tender": tender,
            "window": window,
            "session_key": encode_base64(session_key),
            "bids": [one.members() for one in bids],
            **evidence.members(),
            "released": all_released,
            "now": now,
        }
        answer = await self.ask("release", members, max(self._timeout_s, RELEASE_TIMEOUT_S))
        return tuple(_share(one) for one in _list(answer, "shares"))

    async def release_roster(
        self, tender: str, roster: bytes, session_key: bytes, evidence: Evidence, now: int
    ) -> bytes | None:
        """Return this trustee's share of a sealed roster, wrapped to the session key; None when it is no good.

        Shown are `RosterSealed` and the `StageChanged` that leads to gathering; `now` is the host's clock, UTC ms.
        """
        members: dict[str, Json] = {
            "tender": tender,
            "roster": encode_base64(roster),
            "session_key": encode_base64(session_key),
            **evidence.members(),
            "now": now,
        }
        answer = await self.ask("release_roster", members)
        return _bytes(answer.get("sealed")) if answer.get("good") is True else None

    async def keep(self, tender: str, name: str, secret: bytes) -> bytes:
        """Return `secret`, at most 1 KiB, sealed for this agent alone; `name` binds it."""
        members = {"tender": tender, "name": name, "secret": encode_base64(secret)}
        return _bytes((await self.ask("keep", members)).get("sealed"))

    async def recall(self, tender: str, name: str, sealed: bytes) -> bytes:
        """Return the secret that was kept under `name`."""
        members = {"tender": tender, "name": name, "sealed": encode_base64(sealed)}
        return _bytes((await self.ask("recall", members)).get("secret"))

    async def destroy(
        self, tender: str, policy: str = "", evidence: Evidence | None = None
    ) -> dict[str, Any]:
        """Return the body of `KeysDestroyed`.

        `policy` is the SHA-256 in hex of the policy that was signed, and then `evidence` shows `OpeningAborted`,
        or `OpeningRecorded` of every window; without a signed policy both are left out.
        """
        members: dict[str, Json] = {"tender": tender, **({"policy": policy} if policy else {})}
        return await self.ask("destroy", members | (evidence.members() if evidence else {}))


def _read(line: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(line)
    except ValueError as error:
        raise AgentSpeaksOtherwise from error
    if not isinstance(answer, dict) or not isinstance(answer.get("ok"), bool):
        raise AgentSpeaksOtherwise
    if not answer.pop("ok"):
        code, detail = answer.get("code"), answer.get("detail")
        if not isinstance(code, str) or not isinstance(detail, dict):
            raise AgentSpeaksOtherwise
        raise AgentRefused(code, detail)
    return answer


def _opened(line: bytes) -> bytes | None:
    try:
        return _bytes(_read(line).get("text"))
    except AgentRefused as refused:
        if refused.refused in NOT_OPENED:
            return None
        raise


def _list(answer: Mapping[str, Any], name: str) -> list[Any]:
    found = answer.get(name)
    if not isinstance(found, list):
        raise AgentSpeaksOtherwise(member=name)
    return found


def _bytes(text: object) -> bytes:
    if not isinstance(text, str):
        raise AgentSpeaksOtherwise
    try:
        return decode_base64(text)
    except NotBase64 as error:
        raise AgentSpeaksOtherwise from error


def _share(one: object) -> GivenShare:
    if not isinstance(one, dict) or not isinstance(one.get("good"), bool):
        raise AgentSpeaksOtherwise(member="shares")
    return GivenShare(str(one.get("bid")), str(one.get("part")), one["good"], _bytes(one.get("sealed")))
