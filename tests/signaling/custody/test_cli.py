"""The words `agent …` of both programs, as processes: what they say and with which status they end."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from signaling.custody.agent import find_secret, open_trustee
from tests.patience import PATIENCE_S
from tests.signaling.custody.bench import Bench
from tests.signaling.custody.hsm import PIN, opened
from tests.signaling.custody.process import ROOT, AgentProcess, short_folder
from tests.signaling.custody.world import TENDER, Opening

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


def code_of(done: subprocess.CompletedProcess[str]) -> str:
    """Return the code that programs read of a command that failed; nothing else is said."""
    error = json.loads(done.stdout)["error"]
    assert error["sentence"]
    assert "Traceback" not in done.stderr
    return str(error["code"])


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
        (["init", *INIT, "--ask"], "passphrase_missing"),
        (["policy", "--tender", "T"], "no_agent_here"),
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
    unsure = run("destroy", "--dir", folder, "--tender", "T-1", "--json")
    assert (1, "not_confirmed") == (unsure.returncode, code_of(unsure))
    assert (base / "agent" / "keys" / "T-1").exists()
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


def test_what_is_wrong_with_the_folder_is_told_and_mended(base: Path) -> None:
    folder = base / "agent"
    assert "custody_storage" == code_of(run("init", "--dir", "/proc/nowhere", *INIT, "--json"))
    assert 0 == run("init", "--dir", str(folder), *INIT).returncode
    assert "agent_exists" == code_of(run("init", "--dir", str(folder), *INIT, "--json"))
    folder.chmod(0o755)
    assert "folder_open_to_others" == code_of(run("run", "--dir", str(folder), "--log-json"))
    folder.chmod(0o700)
    kept = (folder / "passphrase").read_bytes()
    (folder / "passphrase").write_bytes(b"another")
    wrong = run("destroy", "--dir", str(folder), "--tender", "T-1", "--yes", "--json")
    assert (1, "wrong_passphrase") == (wrong.returncode, code_of(wrong))
    (folder / "passphrase").unlink()
    assert "passphrase_missing" == code_of(run("run", "--dir", str(folder), "--log-json"))
    assert "passphrase_missing" == code_of(run("run", "--dir", str(folder), "--log-json", "--ask"))
    (folder / "passphrase").write_bytes(kept)
    (folder / "passphrase").chmod(0o600)
    none = run("destroy", "--dir", str(folder), "--tender", "T-1", "--yes", "--json")
    assert "no_keys_for_tender" == code_of(none)


def test_an_officer_reads_which_policy_was_signed_while_the_agent_works(tmp_path: Path, base: Path) -> None:
    host = Bench(tmp_path / "host")
    words = ("policy", "--dir", str(tmp_path / "host"), "--tender", TENDER, "--json")
    assert "no_keys_for_tender" == code_of(run(*words))
    opening = Opening.draft([host.publish()])
    assert "policy_not_signed" == code_of(run(*words))
    assert host.sign(opening)["ok"]
    record = tmp_path / "host" / "tenders" / TENDER / "record.jsonl"
    whole = record.read_bytes()
    record.write_bytes(whole + b'{"did":"ack')  # a line that the agent is just writing
    out = base / "policy.json"
    found = json.loads(run(*words, "--out", str(out)).stdout)
    assert opening.text.encode() == out.read_bytes()
    assert hashlib.sha256(out.read_bytes()).hexdigest() == found["sha256"]
    assert (TENDER, "1 of 1") == (found["tender"], found["quorum"])
    assert whole + b'{"did":"ack' == record.read_bytes()
    assert "custody_storage" == code_of(run(*words, "--out", str(out)))  # nothing is overwritten
    said = run(*words[:-1]).stdout
    assert found["sha256"] in said
    assert found["deadline"] in said
    assert "malformed_name" == code_of(run("policy", "--dir", words[2], "--tender", "../x", "--json"))


@pytest.mark.needs("softhsm2")
@pytest.mark.xdist_group("softhsm2")
def test_an_agent_on_a_token_is_made_with_its_pin_and_refuses_another(tmp_path: Path, base: Path) -> None:
    with opened(tmp_path) as hsm:
        folder = base / "agent"
        init = ["init", "--dir", str(folder), *INIT, "--provider", "pkcs11", "--json"]
        token = ["--module", hsm.module, "--token", hsm.make()]
        assert "passphrase_missing" == code_of(run(*init, *token))
        credentials = base / "credentials"
        credentials.mkdir()
        pin = credentials / "evalroom-agent-passphrase"
        pin.write_text(PIN, "utf-8")
        extra = {"CREDENTIALS_DIRECTORY": str(credentials)}
        for more, code in (
            (["--module", "/no/driver.so", "--token", "x"], "token_gone"),
            (["--module", hsm.module, "--token", "another"], "token_gone"),
            (["--module", hsm.module], "unknown_provider"),
        ):
            assert code == code_of(run(*init, *more, **extra))
        pin.write_text("0815", "utf-8")
        assert "wrong_pin" == code_of(run(*init, *token, **extra))
        pin.write_text(PIN, "utf-8")
        assert "north" == json.loads(run(*init, *token, **extra).stdout)["name"]
        pin.write_text("0815", "utf-8")
        assert "wrong_pin" == code_of(run("run", "--dir", str(folder), "--log-json", **extra))
