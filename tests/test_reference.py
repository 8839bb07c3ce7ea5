"""How the reference pages are made: from help texts and descriptions, refusing what has none."""

from pathlib import Path
from types import SimpleNamespace
from typing import Annotated

import pytest
import typer
from pydantic import BaseModel, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from evalroom.errors import Refusal
from tests import reference


class Disk(BaseModel):
    """Where things are kept."""

    folder: Path = Field(default=Path("data"), description="Folder of the journal.")


class Scene(BaseSettings):
    """Settings of a scene."""

    model_config = SettingsConfigDict(env_prefix="SCENE_", env_nested_delimiter="__")

    port: int = Field(description="Port it listens on.")
    hosts: list[str] = Field(default_factory=list, description="Who may call; nobody unless named.")
    disk: Disk = Disk()


def application() -> typer.Typer:
    """Return a program with one command of its own and one in a group."""
    app, keys = typer.Typer(), typer.Typer()
    app.add_typer(keys, name="keys")

    @app.command()
    def verify(
        folder: Annotated[Path, typer.Argument(help="The archive.")],
        *,
        json: Annotated[bool, typer.Option(help="Print JSON | nothing else.")] = False,
    ) -> None:
        """Verify an archive.

        Step by step.
        """

    @keys.command()
    def show(number: Annotated[int, typer.Option("--number", "-n", help="How many.")] = 3) -> None:
        """Show the keys."""

    return app


def test_each_command_of_a_program_appears_with_its_arguments_and_options() -> None:
    text = "\n".join(reference.program("scene", SimpleNamespace(app=application())))
    assert "### `scene verify`" in text
    assert "Verify an archive." in text
    assert "| `FOLDER` | required | The archive. |" in text
    assert r"| `--json, --no-json` | `False` | Print JSON \| nothing else. |" in text
    assert "### `scene keys show`" in text
    assert "| `--number, -n` | `3` | How many. |" in text


def test_a_command_without_help_is_refused() -> None:
    app = typer.Typer()
    app.command("bare")(lambda: None)
    app.command("other")(lambda: None)
    with pytest.raises(reference.Undocumented, match="scene bare"):
        list(reference.program("scene", SimpleNamespace(app=app)))


def test_an_option_without_help_is_refused() -> None:
    app = typer.Typer()

    @app.command()
    def start(port: int = 8) -> None:
        """Start."""

    with pytest.raises(reference.Undocumented, match="--port"):
        list(reference.program("scene", SimpleNamespace(app=app)))


def test_each_setting_appears_with_its_variable_nested_ones_too() -> None:
    assert [
        ("`port`", "`SCENE_PORT`", "required", "Port it listens on."),
        ("`hosts`", "`SCENE_HOSTS`", "", "Who may call; nobody unless named."),
        ("`disk.folder`", "`SCENE_DISK__FOLDER`", "`data`", "Folder of the journal."),
    ] == list(reference.fields(Scene, Scene))


def test_a_setting_without_a_description_is_refused() -> None:
    class Silent(BaseSettings):
        port: int = 1

    with pytest.raises(reference.Undocumented, match="setting port"):
        list(reference.fields(Silent, Silent))


def test_an_error_without_a_sentence_of_its_own_is_refused() -> None:
    silent = type("Silent", (Refusal,), {"__doc__": None})
    assert reference.sentence(Refusal, "Refusal")
    with pytest.raises(reference.Undocumented, match="Silent"):
        reference.sentence(silent, "Silent")
