"""The command that sets everything up: what it accepts as a uv, what it says, and what it leaves alone."""

import subprocess
import sys
from pathlib import Path

import pytest

import dev
from tests import __main__ as checks

ROOT = Path(__file__).parent.parent


def fake_uv(folder: Path, text: str) -> str:
    """Put a program named uv that prints `text` into `folder`."""
    (folder / "uv").write_text(f"#!/bin/sh\necho '{text}'\n")
    (folder / "uv").chmod(0o755)
    return str(folder / "uv")


@pytest.mark.parametrize("text", ["uv 0.8.24", "", "bad", "uv 0.4.0 (x 2024-08-27)"])
def test_a_uv_that_cannot_read_our_lock_is_not_used(tmp_path: Path, text: str) -> None:
    assert not dev.new_enough(fake_uv(tmp_path, text))


@pytest.mark.parametrize("text", ["uv 0.9.0", "uv 0.13.9 (x86_64-unknown-linux-gnu)", "uv 1.0.0"])
def test_a_newer_uv_is_used(tmp_path: Path, text: str) -> None:
    assert dev.new_enough(fake_uv(tmp_path, text))


def test_without_a_word_it_says_what_it_can_do_and_sets_nothing_up() -> None:
    done = subprocess.run([sys.executable, "dev.py"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert 1 == done.returncode
    assert dev.USAGE == done.stderr.strip()


def test_another_virtual_environment_does_not_leak_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRTUAL_ENV", "/elsewhere")
    assert "VIRTUAL_ENV" not in dev.environment()
    assert dev.environment()["PATH"].startswith(str(dev.BIN))


def test_every_group_runs_even_when_the_first_one_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(checks, "groups", lambda _: [("first", lambda: False), ("second", lambda: True)])
    assert 1 == checks.main([])
    said = capsys.readouterr().out
    assert "FAILED" in said
    assert said.index("=== first") < said.index("=== second") < said.index("=== summary")


def test_words_after_two_dashes_go_to_pytest(monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[list[str]] = []

    def no_groups(words: list[str]) -> list[checks.Group]:
        got.append(words)
        return []

    monkeypatch.setattr(checks, "groups", no_groups)
    assert 0 == checks.main(["--require-all", "--", "-k", "sheet"])
    assert [["--require-all", "-k", "sheet"]] == got
    assert 2 == checks.main(["--requireall"])


@pytest.mark.parametrize(("word", "code"), [("--help", 0), ("/nowhere", 1)])
def test_a_check_that_runs_beside_others_says_its_words_and_whether_it_was_content_at_its_end(
    word: str, code: int, capfd: pytest.CaptureFixture[str]
) -> None:
    beside = checks.Beside("json.tool", word)
    assert beside.begin()
    assert (code == 0) is beside.end()
    assert "json" in capfd.readouterr().out
