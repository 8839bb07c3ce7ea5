"""A real host dies in the middle of an upload, at one piece after another; whatever it had said to have, it has.

And before the opening hour a dump of everything, down to the memory of every process, holds no secret of a bid.
"""

import asyncio
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from evalroom.ledger.base64 import encode_base64
from evalroom.sealing.policy import PartName
from main_site.rehearsal.nodes import Agent, Node
from tests.evalroom.sealing import tender
from tests.faults.committee import LOT, PATIENCE_S, SESSION, WEST
from tests.faults.sealed_tender import TENDER, Play, played
from tests.main_site.ceremony import Bidding, seal_for, sheet_of

pytestmark = [pytest.mark.xdist_group("nodes"), pytest.mark.timeout(300)]

DOCUMENT = tender.pattern(21 << 20)
KILLED_AT = (0, 2, 5)
"""Pieces in whose middle the host dies: the first, one between, the last."""

NAME, PRICE = "绝密投标人股份有限公司", 731_942_856_013
ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be", "gb18030")


async def accepting(play: Play, seconds: float) -> None:
    """Draft a policy with a deadline so far off, have it signed, and take bids in."""
    when = int(time.time() + seconds) * 1000
    draft = {"deadline": when, "opens_at": when}
    assert (await play.http.post(f"/api/v1/sessions/{SESSION}/policy", json=draft)).is_success
    await play.reaches("armed")
    assert (await play.http.post(f"/api/v1/sessions/{SESSION}/submissions/open")).is_success


async def sealed(play: Play, document: bytes) -> Bidding:
    texts = {PartName.OPENING: sheet_of(PRICE, LOT, NAME), PartName.TECHNICAL: document}
    return await asyncio.to_thread(seal_for, await play.policy(), NAME, texts)


async def put(play: Play, one: Bidding, index: int) -> None:
    data = one.sealed.pieces[index]
    answer = await play.http.put(_place(one, index), content=data, headers=_digest(data))
    assert answer.is_success, answer.text


def _place(one: Bidding, index: int) -> str:
    return f"{TENDER}/bids/{one.number}/pieces/{index}"


def _digest(data: bytes) -> dict[str, str]:
    return {"content-digest": f"sha-256=:{encode_base64(hashlib.sha256(data).digest())}:"}


async def half(data: bytes, sent: asyncio.Event) -> AsyncIterator[bytes]:
    """Send half of a piece and then nothing more."""
    yield data[: len(data) // 2]
    sent.set()
    await asyncio.Event().wait()


async def killed_in_the_middle_of(play: Play, one: Bidding, index: int) -> None:
    """Let the host die while half of a piece has come, and come back."""
    data, sent = one.sealed.pieces[index], asyncio.Event()
    headers = {**_digest(data), "content-length": str(len(data))}
    sending = asyncio.create_task(
        play.http.put(_place(one, index), content=half(data, sent), headers=headers)
    )
    await sent.wait()
    await asyncio.sleep(0.1)  # let the bytes arrive: whether they do changes nothing, only what is tried
    await play.struck()
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)


async def have(play: Play, one: Bidding) -> list[int]:
    answer = await play.http.put(f"{TENDER}/bids/{one.number}", json=one.sealed.announcement)
    assert answer.is_success, answer.text
    found: list[int] = answer.json()["have"]
    return found


async def test_a_host_killed_in_the_middle_of_any_piece_goes_on_where_it_was(tmp_path: Path) -> None:
    async with played(tmp_path) as play:
        await accepting(play, 240)
        one = await sealed(play, DOCUMENT)
        assert 6 == len(one.sealed.pieces)
        await play.announced(one)
        done: list[int] = []
        for index in KILLED_AT:
            for before in range(len(done), index):
                await put(play, one, before)
                done.append(before)
            await killed_in_the_middle_of(play, one, index)
            assert done == await have(play, one), "what was acknowledged is there, half a piece is not"
        play.host.kill()
        path = tmp_path / "bid.evb1"
        path.write_bytes(one.sealed.data)
        words = [sys.executable, "-m", "main_site", "bid", "submit", play.host.url, str(path), "--json"]
        bidder = await asyncio.to_thread(subprocess.Popen, words, stdout=subprocess.PIPE)
        await play.host.start()  # the bidder's program waits for it by itself
        out, _ = await asyncio.to_thread(bidder.communicate, timeout=PATIENCE_S)
        assert (0, "submitted") == (bidder.returncode, json.loads(out)["state"])
        stored = next((tmp_path / "host").rglob(f"{one.number}.evb1"))
        assert one.sealed.data == stored.read_bytes()
        assert 1 == play.kinds()["BidSubmitted"]


def secrets_of(one: Bidding) -> list[bytes]:
    """Return whatever of a bid nobody may have before the hour, in every form in which it might lie about."""
    words = [text.encode(code) for text in (NAME, str(PRICE)) for code in ENCODINGS]
    drawn = [
        value for each in one.plan.secrets.values() for value in (each.half, each.secret, each.content_key)
    ]
    forms = [form for value in drawn for form in (value, value.hex().encode(), encode_base64(value).encode())]
    return [*words, *forms, tender.pattern(20_000)[5_000:5_064]]


def memory(pid: int) -> Sequence[bytes]:
    """Return the readable memory of a process, region by region (proc(5))."""
    regions = []
    with Path(f"/proc/{pid}/mem").open("rb", 0) as file:
        for line in Path(f"/proc/{pid}/maps").read_text("utf-8").splitlines():
            span, rights = line.split()[:2]
            if rights.startswith("r") and not line.endswith(("[vvar]", "[vsyscall]", "[vvar_vclock]")):
                start, end = (int(one, 16) for one in span.split("-"))
                try:
                    file.seek(start)
                    regions.append(file.read(end - start))
                except OSError:
                    continue  # a mapping without pages behind it
    return regions


def found_on_disk(folder: Path, planted: Sequence[bytes]) -> list[Path]:
    """Return the files, logs among them, in which something planted stands."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if any(form in path.read_bytes() for form in planted)]


def found_in_memory(process: Node | Agent, planted: Sequence[bytes]) -> list[bytes]:
    assert process.process is not None
    return [form for region in memory(process.process.pid) for form in planted if form in region]


async def test_a_dump_of_disk_logs_and_every_process_before_the_hour_holds_no_secret(tmp_path: Path) -> None:
    async with played(tmp_path) as play:
        await accepting(play, 600)
        one = await sealed(play, tender.pattern(6 << 20))
        await play.announced(one)
        await play.pieces(one)
        await play.submitted(one)
        await play.journalled("BidAcknowledged", 3)
        planted = secrets_of(one)
        assert [] == found_on_disk(tmp_path, planted)
        processes: list[Node | Agent] = [play.host, play.sites[WEST], *play.agents.values()]
        for process in processes:
            assert [] == found_in_memory(process, planted), process
        number = one.number.encode()
        assert found_in_memory(play.host, [number]), "the search finds what is there"
        assert found_on_disk(tmp_path / "host", [number])
