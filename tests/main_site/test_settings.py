"""Settings: a misspelt one stops the host, the environment stands above the file, no secret is ever shown."""

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from main_site.settings import HostSettings, what_is_wrong

SECRET = "s3cret-of-the-relay"  # noqa: S105 - that is what must not be shown


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(text: str) -> None:
    Path("evalroom.toml").write_text(text, encoding="utf-8")


@pytest.mark.parametrize("line", ["prot = 80", 'turn_secrt = "s3cret-of-the-relay"', "[serve]\nport = 80"])
def test_an_unknown_key_in_the_file_is_refused(line: str) -> None:
    write(line)
    with pytest.raises(ValidationError) as wrong:
        HostSettings()
    said = what_is_wrong(wrong.value)
    assert line.strip("[").split()[0].strip("]") in said
    assert SECRET not in said


@pytest.mark.parametrize(
    "line", ["port = 70000", "port = -1", "reel_seconds = 1", "cosign_seconds = 0", "camera_kbps = 1", 'port = "x"',
             "media_relay_only = true"],
)  # fmt: skip
def test_a_value_out_of_range_is_refused(line: str) -> None:
    write(line)
    with pytest.raises(ValidationError) as wrong:
        HostSettings()
    assert what_is_wrong(wrong.value).startswith("settings: ")


def test_a_file_that_is_no_toml_is_refused_with_its_name() -> None:
    write("port = = 3")
    with pytest.raises(ValueError, match="line 1") as wrong:
        HostSettings()
    assert "evalroom.toml" in what_is_wrong(wrong.value)


def test_what_was_given_stands_above_the_environment_and_that_above_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write('port = 1111\nhost = "0.0.0.0"\ncentre = "file"')
    monkeypatch.setenv("EVALROOM_PORT", "2222")
    monkeypatch.setenv("EVALROOM_CENTRE", "environment")
    settings = HostSettings(port=3333)
    assert (3333, "environment", "0.0.0.0") == (settings.port, settings.centre, settings.host)  # noqa: S104 - a value
    assert 1500 == settings.camera_kbps


def test_a_dotenv_file_is_not_read() -> None:
    Path(".env").write_text("EVALROOM_PORT=4444", encoding="utf-8")
    assert 8440 == HostSettings().port


def test_secrets_are_masked_wherever_settings_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVALROOM_TURN_SECRET", SECRET)
    monkeypatch.setenv("EVALROOM_OPERATOR_CODE", SECRET)
    settings = HostSettings()
    for written in (repr(settings), str(settings.model_dump(mode="json")), settings.model_dump_json()):
        assert SECRET not in written
    assert SecretStr(SECRET) == settings.turn_secret
