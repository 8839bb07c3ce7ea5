"""Nodes as processes: one that does not come up is told with its last words, and only our own are ended."""

import asyncio
from pathlib import Path

import pytest

from main_site.rehearsal import nodes as module
from main_site.rehearsal.direction import Operator, RehearsalFailed
from main_site.rehearsal.nodes import Node, Nodes, free_port, links_up


def node(folder: Path, *command: str, port: int = 9) -> Node:
    return Node("host", f"http://127.0.0.1:{port}", command, {"EVALROOM_WORD": "heard"}, folder / "host.log")


async def test_a_node_that_ends_at_once_is_told_with_its_last_words(tmp_path: Path) -> None:
    (tmp_path / "ending.py").write_text("raise SystemExit('the disk is full')", encoding="utf-8")
    with pytest.raises(RehearsalFailed) as failed:
        await node(tmp_path, "ending").start()
    assert "the disk is full" in str(failed.value.detail["reason"])


async def test_a_node_that_never_answers_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "READY_S", 0.3)
    (tmp_path / "silent.py").write_text("import time; time.sleep(60)", encoding="utf-8")
    silent = node(tmp_path, "silent")
    with pytest.raises(RehearsalFailed):
        await silent.start()
    silent.kill()
    assert silent.process is not None
    assert silent.process.returncode == -9


async def test_a_node_is_started_stopped_and_started_again_in_its_own_folder(tmp_path: Path) -> None:
    (tmp_path / "healthz").touch()
    port = free_port()
    made = Nodes(tmp_path)
    made.nodes.append(node(tmp_path, "http.server", str(port), "--bind", "127.0.0.1", port=port))
    (running,) = made.nodes
    await running.start()
    await asyncio.to_thread(running.kill)
    await running.start()
    await asyncio.to_thread(made.stop)
    assert running.process is not None
    assert running.process.poll() is not None
    made.stop()


async def test_links_that_do_not_come_up_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READY_S", 0.01)
    operator = Operator("http://127.0.0.1:9", "code")

    async def online() -> set[str]:
        return {"west"}

    monkeypatch.setattr(operator, "online", online)
    await links_up(operator, {"west"})
    with pytest.raises(TimeoutError):
        await links_up(operator, {"west", "east"})
    await operator.close()


def test_a_free_port_is_one_that_anybody_may_take() -> None:
    assert free_port() > 1023
