"""Settings of the host: environment above file above defaults, nothing unknown, and no secret in a complaint."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from main_site.settings import HostSettings


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def read(**given: object) -> HostSettings:
    return HostSettings.model_validate(given)


def test_an_unknown_setting_is_refused(tmp_path: Path) -> None:
    (tmp_path / "evalroom.toml").write_text("hots = 'x'\n")
    with pytest.raises(ValidationError):
        read()


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "evalroom.toml").write_text("port = 1234\ncamera_kbps = 900\n")
    monkeypatch.setenv("EVALROOM_PORT", "4321")
    assert (4321, 900) == (read().port, read().camera_kbps)
    assert 1 == read(port=1).port


def test_relays_only_without_a_relay_is_refused_and_says_no_secret() -> None:
    with pytest.raises(ValidationError, match="needs turn_url") as refused:
        read(media_relay_only=True, operator_code="the code of this centre")
    assert "the code of this centre" not in str(refused.value)
    assert read(media_relay_only=True, turn_url="turn:relay.example").media_relay_only
