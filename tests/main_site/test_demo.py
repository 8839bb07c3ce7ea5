"""The demonstration: it ends with 0 only when the archive verifies, and a failure leaves its logs to be read."""

import asyncio
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console

from evalroom.events import Stage
from main_site import demo
from main_site.rehearsal.direction import RehearsalFailed
from main_site.rehearsal.nodes import Node, Nodes
from tests.signaling.custody.process import short_folder


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    out = io.StringIO()
    monkeypatch.setattr(demo, "console", Console(file=out, width=200))
    return out


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    made = tmp_path / "demo"
    made.mkdir()
    monkeypatch.setattr(tempfile, "mkdtemp", lambda **_: str(made))
    return made


def playing(monkeypatch: pytest.MonkeyPatch, outcome: int | BaseException) -> None:
    async def play(nodes: Nodes, *_: object, **__: object) -> int:
        nodes.nodes.append(Node("host", "http://127.0.0.1:9", (), {}, nodes.folder / "host.log"))
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    monkeypatch.setattr(demo, "_play", play)


@pytest.mark.parametrize("error", [RehearsalFailed(reason="[bold]no"), httpx.ConnectError("gone")])
def test_a_failure_says_why_and_keeps_the_logs(
    monkeypatch: pytest.MonkeyPatch, said: io.StringIO, folder: Path, error: Exception
) -> None:
    playing(monkeypatch, error)
    assert 1 == demo.play(out=None, seconds=10, once=True)
    assert folder.exists()
    assert "host.log" in said.getvalue()
    assert str(error)[:20] in said.getvalue().replace("\n", "")


@pytest.mark.parametrize("status", [0, 1])
def test_the_status_is_whether_the_archive_verified_and_nothing_is_left_behind(
    monkeypatch: pytest.MonkeyPatch, said: io.StringIO, folder: Path, status: int
) -> None:
    playing(monkeypatch, status)
    assert status == demo.play(out=None, seconds=10, once=True)
    assert not folder.exists()
    assert "failed" not in said.getvalue()


def test_who_stops_it_is_told_so(monkeypatch: pytest.MonkeyPatch, said: io.StringIO, folder: Path) -> None:
    playing(monkeypatch, KeyboardInterrupt())
    assert 130 == demo.play(out=None, seconds=10, once=False)
    assert ("stopped" in said.getvalue(), True) == (True, folder.exists())


@pytest.mark.timeout(300)
def test_whoever_ends_it_by_kill_leaves_neither_it_nor_a_node_behind() -> None:
    command = (sys.executable, "-m", "main_site", "demo", "--seconds", "300")
    folder = short_folder()  # the agents' sockets lie in it, and such a name has room for 108 bytes
    surroundings = os.environ | {"TMPDIR": str(folder), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=surroundings) as running:
        processes: list[int] = []
        for line in running.stdout or ():
            processes += [int(found) for found in re.findall(r"process (\d+)", line)]
            if "make their keys" in line:
                break
        running.terminate()
        assert 130 == running.wait(timeout=30)
    assert 7 == len(processes)  # three nodes, and the agents of four trustees
    assert [] == [one for one in processes if Path(f"/proc/{one}").exists()]
    shutil.rmtree(folder)


ON_DEMAND = ("works", "sealed", "acceptance") if os.environ.get("EVALROOM_SCENES") else ()
"""Two to six minutes each: played whole when somebody asks for it."""


@pytest.mark.timeout(900)
@pytest.mark.parametrize("scenario", ["procurement", *ON_DEMAND])
def test_a_scenario_is_played_to_an_archive_that_verifies(scenario: str) -> None:
    """From end to end: nodes, experts, pictures and all.  In CI the shortest; the others are played in the room alone."""
    folder = short_folder()
    done = subprocess.run(
        [
            sys.executable, "-m", "main_site", "demo", "--scenario", scenario, "--seconds", "10", "--cut", "20",
            "--once", "--out", str(folder / "out"),
        ],
        capture_output=True, text=True, env=os.environ | {"TMPDIR": str(folder)}, timeout=800, check=False,
    )  # fmt: skip
    assert 0 == done.returncode, done.stdout[-2000:]
    assert "经过 what happened" in done.stdout
    assert "组长 chair" in done.stdout
    assert 1 == len(list((folder / "out").iterdir()))
    shutil.rmtree(folder)


async def test_an_expert_that_fails_ends_the_rehearsal_instead_of_a_wait_for_ever() -> None:
    async def fail() -> None:
        raise RehearsalFailed(reason="expert")

    never = asyncio.Event()
    with pytest.raises(RehearsalFailed):
        await demo._first_error(never.wait(), [asyncio.create_task(fail())])


async def test_experts_that_finish_do_not_end_it_before_its_leader() -> None:
    order: list[str] = []

    async def act(word: str, after: asyncio.Event, done: asyncio.Event) -> None:
        await after.wait()
        order.append(word)
        done.set()

    start, acted, led = asyncio.Event(), asyncio.Event(), asyncio.Event()
    start.set()
    expert = asyncio.create_task(act("expert", start, acted))
    await demo._first_error(act("leader", acted, led), [expert])
    assert ["expert", "leader"] == order


def test_the_archive_is_copied_to_where_it_was_asked_for(tmp_path: Path) -> None:
    archive = tmp_path / "EV-1"
    archive.mkdir()
    (archive / "bagit.txt").write_text("BagIt", encoding="ascii")
    assert archive == demo._delivered(archive, None)
    copied = demo._delivered(archive, tmp_path / "out" / "deep")
    assert (tmp_path / "out" / "deep" / "EV-1", "BagIt") == (
        copied,
        (copied / "bagit.txt").read_text("ascii"),
    )


def test_without_a_terminal_each_step_is_a_line_said_once(said: io.StringIO) -> None:
    overview: dict[str, Any] = {"tender": {"lots": [{"items": [1, 2], "bids": []}]}}
    assert 20 == demo._cells_to_fill(overview, 2, 5)
    overview["tender"]["lots"].append({"items": [1], "bids": [1, 2, 3]})
    assert 35 == demo._cells_to_fill(overview, 2, 5)
    with demo._progress() as progress:
        board = demo._Board(progress, 4)
        for _ in range(3):
            board.stage(Stage.DETAILED)
        for _ in range(4):
            board.scored()
        board.archive({"stage": "ready"})
    lines = [line.strip() for line in said.getvalue().splitlines()]
    assert 1 == lines.count("stage: detailed")
    assert 1 == lines.count("4 of 4 cells filled")
    assert "archive: ready" in lines
