"""The command `evalroom`: exit status 0, 1 or 2, one clear sentence, and no wait for what is not needed."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner, Result

from main_site import demo, doctor, serving
from main_site.cli import app
from main_site.doctor import Finding

SECRET = "s3cret-of-the-relay"  # noqa: S105 - that is what must not be shown


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EVALROOM_DATA_DIR", str(tmp_path / "host"))
    yield
    structlog.reset_defaults()  # a command sends the log to its own standard error, which ends with it


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def test_help_waits_for_no_codec_and_no_database() -> None:
    script = (
        "import sys; from typer.testing import CliRunner; from main_site.cli import app\n"
        "for words in (['--help'], ['serve', '--help'], ['verify', '--help']):\n"
        "    assert CliRunner().invoke(app, words).exit_code == 0\n"
        "print([name for name in ('aiortc', 'av', 'cv2', 'numpy', 'sqlalchemy', 'fastapi') if name in sys.modules])"
    )
    root = Path(__file__).parents[2]
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=root, timeout=60, check=False
    )
    assert ("[]\n", "") == (result.stdout, result.stderr)


@pytest.mark.parametrize(
    "words", [["nonsense"], ["serve", "--prot", "1"], ["demo", "--seconds", "3"], ["verify"]]
)
def test_a_command_used_wrongly_is_misuse(words: list[str]) -> None:
    assert 2 == run(*words).exit_code


def test_a_port_in_use_is_one_clear_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = run("serve", "--port", str(taken.getsockname()[1]))
    assert 2 == result.exit_code
    assert "Another program listens on this address already" in result.stderr
    assert 1 == len(result.stderr.splitlines())


@pytest.mark.parametrize("words", [["serve"], ["config", "show"], ["doctor"]])
def test_a_wrong_setting_is_misuse_and_its_value_is_not_shown(words: list[str]) -> None:
    Path("evalroom.toml").write_text(f'turn_secrt = "{SECRET}"', encoding="utf-8")
    result = run(*words)
    assert 2 == result.exit_code
    assert "turn_secrt" in result.stderr
    assert SECRET not in result.output


def test_settings_are_shown_with_secrets_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVALROOM_TURN_SECRET", SECRET)
    monkeypatch.setenv("EVALROOM_OPERATOR_CODE", SECRET)
    plain, as_json = run("config", "show"), run("config", "show", "--json")
    assert SECRET not in plain.output + as_json.output
    shown = json.loads(as_json.stdout)
    assert ("**********", 8440) == (shown["turn_secret"], shown["port"])
    assert "port = 8440" in plain.stdout


@pytest.mark.parametrize(("good", "status"), [(True, 0), (False, 1)])
def test_the_doctor_exits_by_what_was_found(monkeypatch: pytest.MonkeyPatch, good: bool, status: int) -> None:  # noqa: FBT001 - a table
    monkeypatch.setattr(doctor, "examine", lambda _: [Finding("disk", good, "free some")])
    plain, as_json = run("doctor"), run("doctor", "--json")
    assert [status, status] == [plain.exit_code, as_json.exit_code]
    assert ("ok" if good else "BAD") in plain.stdout
    assert [{"check": "disk", "good": good, "says": "free some"}] == json.loads(as_json.stdout)


def test_what_is_no_archive_is_found_wrong_and_a_key_that_is_none_is_misuse(tmp_path: Path) -> None:
    assert 1 == run("verify", str(tmp_path)).exit_code
    assert 2 == run("verify", str(tmp_path), "--log-key", "no key").exit_code
    assert run("verify", str(tmp_path), "--json").stdout.startswith("{")


def test_the_schema_describes_messages_and_events() -> None:
    schema = json.loads(run("schema").stdout)
    assert {"FromSeat", "ToSeat", "Command"} == set(schema["messages"])
    assert "SessionOpened" in schema["events"]


def test_commands_pass_on_what_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[object] = []

    def good(given: object) -> int:
        said.append(given)
        return 0

    def wrong(**given: object) -> int:
        said.append(given)
        return 1

    monkeypatch.setattr(serving, "serve_host", good)
    monkeypatch.setattr(demo, "play", wrong)
    assert 0 == run("serve", "--port", "0").exit_code
    assert 1 == run("demo", "--once", "--seconds", "10").exit_code
    played = {"out": None, "seconds": 10, "once": True, "name": "sealed", "cut": 90}
    assert [{"host": None, "port": 0, "data_dir": None}, played] == said


def test_the_scenarios_are_listed_and_one_that_is_not_there_is_misuse() -> None:
    listed = run("demo", "--list")
    assert 0 == listed.exit_code
    assert all(name in listed.output for name in ("sealed", "works", "procurement", "acceptance"))
    wrong = run("demo", "--scenario", "tunnel")
    assert 2 == wrong.exit_code
    assert "acceptance" in wrong.output
