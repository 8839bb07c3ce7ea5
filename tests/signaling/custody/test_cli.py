"""The words `agent …` of both programs, as processes: what they say and with which status they end."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from signaling.custody.agent import find_secret, open_trustee
from tests.signaling.custody.process import PATIENCE_S, ROOT, AgentProcess, short_folder

INIT = ["--name", "north", "--kind", "site", "--who", "北区中心"]


@pytest.fixture
def base() -> Iterator[Path]:
    folder = short_folder()
    yield folder
    shutil.rmtree(folder)


def run(*words: str, program: str = "main_site", **extra: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", program, "agent", *words]
    return subprocess.run(
        command,
        cwd=ROOT,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE_S,
        check=False,
        env={**os.environ, **extra},
    )


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["run"], "no_agent_here"),
        (["destroy", "--tender", "T", "--yes"], "no_agent_here"),
        (["init", "--name", "../x", "--kind", "site", "--who", "x"], "malformed_name"),
        (["init", "--name", "x", "--kind", "site", "--who", "x" * 201], "malformed_who"),
        (["init", "--name", "x", "--kind", "judge", "--who", "x"], "judge"),
        (["init", *INIT, "--witness", "nonsense"], "malformed_key"),
        (["init", *INIT, "--provider", "phone"], "passphrase_missing"),
        (["init", *INIT, "--provider", "phone", "--option", "x"], "NAME=VALUE"),
        (["init", *INIT, "--ask"], "Aborted"),
    ],
)
def test_what_cannot_be_done_ends_in_one_coded_sentence(base: Path, words: list[str], says: str) -> None:
    done = run(words[0], "--dir", str(base / "agent"), *words[1:])
    assert done.returncode in {1, 2}
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_the_same_words_serve_host_and_sub_site(base: Path) -> None:
    folder = str(base / "agent")
    made = run("init", "--dir", folder, *INIT, "--json", program="sub_site")
    facts = json.loads(made.stdout)
    assert ("north", "site") == (facts["name"], facts["kind"])
    assert "agent_exists" in run("init", "--dir", folder, *INIT).stderr
    nobody = run("status", "--dir", folder)
    assert (1, True) == (nobody.returncode, "agent_unreachable" in nobody.stderr)
    with open_trustee(base / "agent", find_secret(base / "agent"), lambda: 7) as trustee:
        line = b'{"command":"publish","tender":"T-1","suites":[2],"now":7}'
        assert json.loads(trustee.answer(line))["ok"]
        assert "agent_running" in run("destroy", "--dir", folder, "--tender", "T-1", "--yes").stderr
    unsure = run("destroy", "--dir", folder, "--tender", "T-1")
    assert (1, True) == (unsure.returncode, (base / "agent" / "keys" / "T-1").exists())
    done = run("destroy", "--dir", folder, "--tender", "T-1", "--yes")
    assert "north" == json.loads(done.stdout)["trustee"]
    assert not (base / "agent" / "keys" / "T-1").exists()


def test_a_running_agent_says_who_it_is(base: Path) -> None:
    process = AgentProcess(base).make()
    process.start()
    try:
        plain = run("status", "--dir", str(process.folder))
        other = run("status", "--dir", "/", "--socket", str(process.socket), "--json", program="sub_site")
        assert (0, "trustee host") == (plain.returncode, plain.stdout.split(",")[0])
        assert [] == json.loads(other.stdout)["tenders"]
    finally:
        process.end()
