"""The command line and the host's own routes understand each other: what one says the other takes, refusals included."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from typer.testing import CliRunner

from main_site.bidder import errands, keyfile
from main_site.cli import app
from main_site.services import submissions
from tests.evalroom.room import SESSION
from tests.evalroom.sealing import tender
from tests.main_site.bidder.desk import PASSPHRASE
from tests.main_site.bidding import SUITE, Tendering, tendering

HOST = "http://127.0.0.1:9"
SHEET = {"v": 1, "bidder": "路桥公司", "prices": [{"lot": "lot1", "price_fen": "100"}], "remarks": ""}


@pytest.fixture
async def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Tendering]:
    monkeypatch.setattr(submissions, "RECEIPT_PATIENCE_S", 0.02)
    monkeypatch.setattr(
        keyfile, "Scrypt", lambda *, salt, length, **_: Scrypt(salt=salt, length=length, n=2, r=1, p=1)
    )
    async with tendering(tmp_path / "host") as made:
        loop = asyncio.get_running_loop()

        async def forward(request: httpx.Request) -> httpx.Response:
            headers = {name: value for name, value in request.headers.items() if name != "host"}
            return await made.http.request(
                request.method, request.url.raw_path.decode(), content=request.content, headers=headers
            )

        def handle(request: httpx.Request) -> httpx.Response:
            found = asyncio.run_coroutine_threadsafe(forward(request), loop).result(60)
            return httpx.Response(found.status_code, headers=found.headers, content=found.content)

        monkeypatch.setattr(
            errands, "connected", lambda _: httpx.Client(transport=httpx.MockTransport(handle))
        )
        yield made


async def run(*words: object) -> tuple[int, dict[str, Any]]:
    """Run a command in a thread, as the host runs in this one and may write a line of its log meanwhile."""
    result = await asyncio.to_thread(CliRunner().invoke, app, ["bid", *map(str, words), "--json"])
    assert result.stdout, result.output
    return result.exit_code, json.loads(result.stdout.splitlines()[-1])


def lay(folder: Path) -> list[object]:
    """Lay what is to be sealed, and return the words for it."""
    folder.mkdir()
    (folder / "opening.json").write_text(json.dumps(SHEET, ensure_ascii=False), "utf-8")
    (folder / "technical.pdf").write_bytes(tender.pattern(9_000_000))
    (folder / "passphrase").write_text(PASSPHRASE, "utf-8")
    parts = [f"--part={name}={path}" for name, path in (
        ("opening", folder / "opening.json"), ("technical", folder / "technical.pdf")
    )]  # fmt: skip
    return ["seal", "--policy", folder / "policy.json", *parts, "--passphrase-file", folder / "passphrase"]


async def sealed(folder: Path) -> Path:
    """Fetch the policy, seal, and return where the bid lies."""
    words = lay(folder)
    assert 0 == (await run("policy", HOST, SESSION, folder / "policy.json"))[0]
    status, found = await run(*words, folder / "bid.evb1")
    assert (0, f"0x{SUITE:02x}") == (status, found["suite"]), found
    return folder / "bid.evb1"


@pytest.mark.usefixtures("place")
async def test_a_bid_is_handed_in_replaced_and_withdrawn(tmp_path: Path) -> None:
    first, second = await sealed(tmp_path / "first"), await sealed(tmp_path / "second")
    words = ("--passphrase-file", first.parent / "passphrase")
    status, found = await run("submit", HOST, first)
    assert 0 == status, found
    assert "submitted" == (await run("status", HOST, first))[1]["state"]
    again = await run("submit", HOST, first)
    assert (0, found["receipt"]) == (again[0], again[1]["receipt"])
    replaced = await run("submit", HOST, second, "--replaces", f"{first}.key", *words)
    assert 0 == replaced[0], replaced
    assert "withdrawn" == (await run("status", HOST, f"{first}.key"))[1]["state"]
    assert 0 == (await run("withdraw", HOST, second, *words))[0]
    assert "withdrawn" == (await run("status", HOST, second))[1]["state"]


async def test_damaged_bytes_are_brought_again_after_the_deadline_by_the_same_file_and_no_other(
    place: Tendering, tmp_path: Path
) -> None:
    path = await sealed(tmp_path / "bid")
    submitted = (await run("submit", HOST, path))[1]
    place.now = place.deadline
    stored = place.submissions.uploads.path(submitted["bid"])
    stored.chmod(0o600)
    damaged = bytearray(stored.read_bytes())
    damaged[5_000_000] ^= 1
    stored.write_bytes(damaged)
    changed = tmp_path / "changed.evb1"
    changed.write_bytes(bytes(damaged))
    status, found = await run("resupply", HOST, changed)
    assert (1, "root_mismatch") == (status, found["error"]["code"])
    status, found = await run("resupply", HOST, path)
    assert (0, 1) == (status, found["sent"]), found
    assert path.read_bytes() == stored.read_bytes()
    assert 0 == (await run("resupply", HOST, path))[1]["sent"], "nothing is damaged any more"


async def test_a_receipt_is_checked_with_the_sessions_keys(place: Tendering, tmp_path: Path) -> None:
    path = await sealed(tmp_path / "bid")
    receipt = (await run("submit", HOST, path))[1]["receipt"]
    told = place.submissions.parts.conductor.session.keys
    keys = tmp_path / "keys.txt"
    keys.write_text("\n".join([told.log, *(one.vkey for one in told.witnesses)]), "utf-8")
    status, found = await run("check-receipt", receipt, "--keys", keys, "--bid", path, "--quorum", 0)
    assert (0, SESSION) == (status, found["tender"]), found


async def test_a_deadline_passed_by_a_millisecond_is_told(place: Tendering, tmp_path: Path) -> None:
    path = await sealed(tmp_path / "bid")
    place.now = place.deadline
    status, found = await run("submit", HOST, path)
    assert (1, "deadline_passed", "host") == (status, found["error"]["code"], found["error"]["by"])
    assert place.deadline == found["error"]["detail"]["now"]


@pytest.mark.usefixtures("place")
async def test_a_bid_withdrawn_by_a_stranger_stays(tmp_path: Path) -> None:
    first, second = await sealed(tmp_path / "first"), await sealed(tmp_path / "second")
    assert 0 == (await run("submit", HOST, first))[0]
    record, _ = keyfile.unlock(Path(f"{first}.key"), PASSPHRASE)
    _, keys = keyfile.unlock(Path(f"{second}.key"), PASSPHRASE)
    forged = tmp_path / "forged.key"
    keyfile.write_keys(forged, record, keys, keyfile.stretch(PASSPHRASE))
    words = ("withdraw", HOST, first, "--keys", forged, "--passphrase-file", first.parent / "passphrase")
    status, found = await run(*words)
    assert (1, "forged_bidder_act") == (status, found["error"]["code"])
    assert "submitted" == (await run("status", HOST, first))[1]["state"]
