"""Settings of a sub-site: environment above file above defaults, and nothing unknown."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from sub_site.settings import SiteSettings


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def read(**given: object) -> SiteSettings:
    return SiteSettings.model_validate(given)


def test_an_unknown_setting_is_refused(tmp_path: Path) -> None:
    (tmp_path / "evalroom-site.toml").write_text("hots = 'x'\n")
    with pytest.raises(ValidationError):
        read()


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "evalroom-site.toml").write_text("port = 1234\ncamera_kbps = 900\n")
    monkeypatch.setenv("EVALROOM_SITE_PORT", "4321")
    assert (4321, 900) == (read().port, read().camera_kbps)
    assert 1 == read(port=1).port


def test_browsers_reach_the_node_by_https_with_a_certificate_or_behind_a_proxy() -> None:
    assert not read().secure
    assert read(tls_cert="x.pem").secure
    assert read(public_url="https://site.example").secure


def test_relays_only_without_a_relay_is_refused_and_says_no_secret() -> None:
    with pytest.raises(ValidationError, match="needs turn_url") as refused:
        read(media_relay_only=True, turn_secret="north")  # noqa: S106 - of a relay that is not there
    assert "north" not in str(refused.value)
    assert read(media_relay_only=True, turn_url="turn:relay.example").media_relay_only


def test_every_setting_says_what_it_is_for() -> None:
    assert all(field.description for field in SiteSettings.model_fields.values())
