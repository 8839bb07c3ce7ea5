"""`evalroom bid` as a shell runs it, over a host that answers out of memory: what tests of commands share."""

import json
from typing import Any

from typer.testing import CliRunner, Result

from main_site.cli import app
from tests.main_site.bidder.desk import Desk

HOST = "http://127.0.0.1:9"


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def good(*words: object) -> dict[str, Any]:
    """Run a command that must succeed, and return what it prints for programs."""
    result = run(*words, "--json")
    assert 0 == result.exit_code, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def refused(*words: object, status: int = 1) -> str:
    """Run a command that must end with `status`, and return the code; for people it says the same in a sentence."""
    result = run(*words, "--json")
    assert status == result.exit_code, result.output
    said = run(*words)
    assert (status, "") == (said.exit_code, said.stdout)
    error = json.loads(result.stdout)["error"]
    assert error["sentence"] in said.stderr
    assert f"({error['code']}" in said.stderr
    assert "Traceback" not in said.stderr
    return str(error["code"])


def key_words(desk: Desk) -> list[object]:
    return ["--passphrase-file", desk.folder / "passphrase"]


def seal(desk: Desk, *more: object) -> dict[str, Any]:
    return good(*desk.words(), *key_words(desk), *more, desk.out)
