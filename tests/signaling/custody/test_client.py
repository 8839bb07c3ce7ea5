"""The node's end of an agent's socket: nobody there, nobody who answers, answers that are none."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from signaling.custody.client import (
    AgentClient,
    AgentRefused,
    AgentSpeaksOtherwise,
    AgentTimedOut,
    AgentUnreachable,
    Evidence,
    GivenShare,
    SealedHead,
)
from tests.signaling.custody.process import short_folder


@pytest.fixture
def path() -> Iterator[Path]:
    folder = short_folder()
    yield folder / "agent.sock"
    shutil.rmtree(folder)


@asynccontextmanager
async def answering(path: Path, answer: Callable[[bytes], bytes | None]) -> AsyncIterator[list[bytes]]:
    """Be an agent that answers what it is told to, or nothing at all."""
    heard: list[bytes] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            heard.append(await reader.readline())
            said = answer(heard[-1])
            if said is None:
                await reader.read()  # until the client gives up
            else:
                writer.write(said)
        finally:
            writer.close()
            closed.set()

    closed = asyncio.Event()
    async with await asyncio.start_unix_server(connected, path):
        yield heard
        await closed.wait()


async def test_nobody_there_is_unreachable(path: Path) -> None:
    with pytest.raises(AgentUnreachable):
        await AgentClient(path).status()


async def test_another_file_in_its_place_is_unreachable(path: Path) -> None:
    with pytest.raises(AgentUnreachable):
        await AgentClient(path.parent).status()


async def test_nobody_who_answers_is_not_waited_for_for_ever(path: Path) -> None:
    async with answering(path, lambda _: None):
        with pytest.raises(AgentTimedOut):
            await AgentClient(path, timeout_s=0.05).status()


@pytest.mark.parametrize("cut", [b"", b'{"ok":tr'])
async def test_an_answer_that_is_cut_is_unreachable(path: Path, cut: bytes) -> None:
    async with answering(path, lambda _: cut):
        with pytest.raises(AgentUnreachable):
            await AgentClient(path).status()


@pytest.mark.parametrize(
    "said",
    [
        b"\n",
        b"[]\n",
        b"{}\n",
        b'{"ok":1}\n',
        b'{"ok":false}\n',
        b'{"ok":false,"code":"x","detail":1}\n',
        b"\xff\n",
    ],
)
async def test_an_answer_of_another_form_is_no_answer(path: Path, said: bytes) -> None:
    async with answering(path, lambda _: said):
        with pytest.raises(AgentSpeaksOtherwise):
            await AgentClient(path).status()


@pytest.mark.parametrize(
    "shares", [None, 1, [1], [{}], [{"bid": "b", "part": "p", "good": True, "sealed": "%"}]]
)
async def test_shares_of_another_form_are_none(path: Path, shares: object) -> None:
    line = json.dumps({"ok": True, "shares": shares}).encode() + b"\n"
    async with answering(path, lambda _: line):
        with pytest.raises(AgentSpeaksOtherwise):
            await AgentClient(path).release(
                "T", "first", b"k", [], Evidence(b"", ()), all_released=True, now=1
            )


async def test_a_refusal_keeps_the_agents_own_code_and_detail(path: Path) -> None:
    said = b'{"ok":false,"code":"too_early","detail":{"window":"first","wait_ms":5,"reason":"x"}}\n'
    async with answering(path, lambda _: said):
        with pytest.raises(AgentRefused) as refused:
            await AgentClient(path).status()
    assert ("too_early", 5) == (refused.value.refused, refused.value.facts["wait_ms"])
    assert "too_early" in str(refused.value)


async def test_commands_and_answers_are_those_of_the_specification(path: Path) -> None:
    share = {"bid": "b", "part": "price", "good": True, "sealed": "AAE="}
    said = json.dumps({"ok": True, "shares": [share], "public": "AAE="}).encode() + b"\n"
    async with answering(path, lambda _: said) as heard:
        client = AgentClient(path)
        assert b"\x00\x01" == await client.session_key("T", "first")
        shares = await client.release(
            "T",
            "first",
            b"\x00",
            [SealedHead("b", b"head", 9)],
            Evidence(b"note\n", ()),
            all_released=False,
            now=7,
        )
    assert (GivenShare("b", "price", good=True, sealed=b"\x00\x01"),) == shares
    assert {"command": "session_key", "tender": "T", "window": "first"} == json.loads(heard[0])
    assert {
        "command": "release",
        "tender": "T",
        "window": "first",
        "session_key": "AA==",
        "bids": [{"bid": "b", "head": "aGVhZA==", "size": 9}],
        "checkpoint": "note\n",
        "proofs": [],
        "released": False,
        "now": 7,
    } == json.loads(heard[1])
