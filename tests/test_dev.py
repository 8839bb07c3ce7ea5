"""The command that sets everything up: what it accepts as a uv, what it says, and what it leaves alone."""

import os
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
    got: list[tuple[str, ...]] = []

    def run(*words: str) -> bool:
        got.append(words)
        return True

    monkeypatch.setattr(checks, "module", run)
    monkeypatch.setattr(checks, "groups", lambda suite: [("tests", suite.run)])
    assert 0 == checks.main(["--require-all", "--", "-k", "sheet"])
    (words,) = got
    assert ("--require-all", "-k", "sheet") == words[words.index("loadgroup") + 1 :][:3]
    assert 2 == checks.main(["--requireall"])


CROWDED = """
import os
def test_alone(): assert os.environ["PYTEST_XDIST_WORKER_COUNT"] == {processes!r}
def test_steady(): pass
"""


@pytest.mark.parametrize(("processes", "code", "said"), [("1", 0, "UNSTEADY"), ("never", 1, "FAILED")])
def test_what_fails_in_the_crowd_is_asked_once_more_by_itself_and_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    processes: str,
    code: int,
    said: str,
) -> None:
    path = tmp_path / "test_crowded.py"
    path.write_text(CROWDED.format(processes=processes))
    monkeypatch.setattr(checks, "ROOT", tmp_path)
    monkeypatch.setattr(checks, "workers", lambda: "2")
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    monkeypatch.setattr(checks, "groups", lambda suite: [("tests", suite.run)])
    (tmp_path / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text())
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    assert code == checks.main(["--", "test_crowded.py"])
    told = capfd.readouterr().out
    assert said in told
    assert 2 == told.count("rootdir"), "in the crowd, then alone"
    assert ("test_crowded.py::test_alone failed among" in told) is (code == 0)


def test_what_fails_in_many_modules_is_no_accident_and_not_asked_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[str, ...]] = []

    def run(*words: str) -> bool:
        asked.append(words)
        names = [f"tests/test_{name}.py::test_it" for name in "abc"]
        Path(words[words.index("--failed-to") + 1]).write_text("\n".join(names))
        return False

    monkeypatch.setattr(checks, "module", run)
    monkeypatch.setattr(checks, "groups", lambda suite: [("tests", suite.run)])
    assert 1 == checks.main([])
    assert 1 == len(asked)
    assert "UNSTEADY" not in capsys.readouterr().out


@pytest.mark.parametrize(("word", "code"), [("--help", 0), ("/nowhere", 1)])
def test_a_check_that_runs_beside_others_says_its_words_and_whether_it_was_content_at_its_end(
    word: str, code: int, capfd: pytest.CaptureFixture[str]
) -> None:
    beside = checks.Beside("json.tool", word)
    assert beside.begin()
    assert (code == 0) is beside.end()
    assert "json" in capfd.readouterr().out
