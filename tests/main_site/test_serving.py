"""How a host comes up: an address of its own, a code that lasts, and a sentence when it cannot."""

import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
import uvicorn

from main_site import serving
from main_site.serving import PortInUse, listen, serve_host
from main_site.settings import HostSettings


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    yield
    structlog.reset_defaults()


def test_an_address_in_use_or_of_another_machine_is_refused() -> None:
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(PortInUse) as taken:
            listen("127.0.0.1", port)
        assert ("127.0.0.1", port) == (taken.value.detail["host"], taken.value.detail["port"])
    with pytest.raises(PortInUse):
        listen("192.0.2.1", 0)
    with pytest.raises(PortInUse):
        listen("no-such-host.invalid", 0)


def test_a_damaged_authority_keeps_the_host_from_starting(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "host" / "keys").mkdir(parents=True)
    (tmp_path / "host" / "keys" / "authority.key").write_bytes(b"")
    assert 2 == serve_host({"data_dir": tmp_path / "host", "port": 0})
    assert "authority_damaged" in capsys.readouterr().err


def test_the_operators_code_is_drawn_once_and_kept_for_its_owner_only(tmp_path: Path) -> None:
    settings = HostSettings(data_dir=tmp_path / "host")
    code = serving._kept_code(settings)
    assert code == serving._kept_code(settings)
    assert len(code) >= 16
    path = tmp_path / "host" / "keys" / "operator.code"
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert code != serving._kept_code(HostSettings(data_dir=tmp_path / "other"))


def test_a_code_that_a_crash_left_empty_is_drawn_again(tmp_path: Path) -> None:
    settings = HostSettings(data_dir=tmp_path)
    serving._kept_code(settings)
    (tmp_path / "keys" / "operator.code").write_text("", encoding="ascii")
    assert serving._kept_code(settings)


def test_the_address_and_the_code_are_said_and_the_setting_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EVALROOM_OPERATOR_CODE", "chosen-code")

    def run(server: uvicorn.Server, listener: socket.socket) -> int:
        assert server.config.host == "127.0.0.1"
        listener.close()
        return 0

    monkeypatch.setattr(serving, "_run", run)
    assert 0 == serve_host({"data_dir": tmp_path / "host", "port": 0, "host": None})
    said = capsys.readouterr().out
    assert "http://127.0.0.1:" in said
    assert "operator code: chosen-code" in said
    assert not (tmp_path / "host" / "keys" / "operator.code").exists()
