"""The command `evalroom-site`: what it says and how it exits when something is wrong."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner, Result

from sub_site.cli import app
from tests.sub_site.centre import CODE, FakeCentre

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EVALROOM_SITE_DATA_DIR", str(tmp_path / "site"))
    yield
    structlog.reset_defaults()  # a command sends the log to its own standard error, which ends with it


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def join_centre(folder: Path) -> None:
    from sub_site.enrolment import join

    with FakeCentre.at(folder).client() as client:
        join(folder / "site" / "keys", NOWHERE, CODE, client=client)


def test_serving_without_having_joined_says_what_to_do() -> None:
    result = run("serve", "--port", "0")
    assert 2 == result.exit_code
    assert "run `join`" in result.stderr
    assert "not_joined" in result.stderr


def test_a_port_in_use_is_one_clear_sentence(tmp_path: Path, taken: int) -> None:
    join_centre(tmp_path)
    result = run("serve", "--port", str(taken))
    assert 2 == result.exit_code
    assert "Another program listens on this address already" in result.stderr
    assert 1 == len(result.stderr.splitlines())


def test_joining_needs_an_address_and_a_host_that_answers() -> None:
    assert "--host-url" in run("join", "code").stderr
    result = run("join", "code", "--host-url", NOWHERE)
    assert 2 == result.exit_code
    assert "host_unreachable" in result.stderr


def test_joining_twice_is_refused_before_anybody_is_asked(tmp_path: Path) -> None:
    join_centre(tmp_path)
    result = run("join", "code", "--host-url", NOWHERE)
    assert 2 == result.exit_code
    assert "already_joined" in result.stderr


@pytest.mark.parametrize(("name", "value"), [("PORT", "99999"), ("CAMERA_KBPS", "1")])
def test_a_setting_out_of_range_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"EVALROOM_SITE_{name}", value)
    result = run("serve")
    assert 2 == result.exit_code
    assert name.lower() in result.stderr


def test_an_unknown_key_in_the_settings_file_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "evalroom-site.toml").write_text("prot = 1\n")
    assert "prot" in run("doctor").stderr


def test_the_doctor_names_what_is_wrong(tmp_path: Path, taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVALROOM_SITE_PORT", str(taken))
    before = json.loads(run("doctor", "--json").stdout)
    assert {"identity": False} == {one["check"]: one["good"] for one in before if one["check"] == "identity"}
    join_centre(tmp_path)
    result = run("doctor", "--json")
    assert 1 == result.exit_code
    found = {one["check"]: one for one in json.loads(result.stdout)}
    assert {"identity", "disk", "certificate", "host", "port"} == found.keys()
    assert (True, True, False, False) == tuple(
        found[one]["good"] for one in ("identity", "certificate", "host", "port")
    )
    assert "port" not in {one["check"] for one in json.loads(run("doctor", "--json", "--running").stdout)}
    assert "BAD  host" in run("doctor").stdout
