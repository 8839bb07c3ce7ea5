"""The words `evalroom archive …` as processes: what they print, write, and with which status they end."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from evalroom.sealing.policy import PartName, parse_recipient
from signaling.custody.archive_key import PUBLIC
from tests.main_site.holder.keys import CENTRE, PASSPHRASE, key_folder
from tests.patience import PATIENCE_S
from tests.recorder.sealed_bag import ABSENT, LISTED, envelope, make_sealed_bag
from tests.signaling.custody.process import ROOT

PRESENT = next(one for one in LISTED if one != ABSENT)


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sealed_bag(tmp_path_factory.mktemp("sealed") / "bag").path


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("key")
    (folder / "passphrase").write_text(PASSPHRASE + "\n", "utf-8")
    key = key_folder(folder / "centre", CENTRE)
    return ["--key", str(key), "--passphrase-file", str(folder / "passphrase")]


def run(*words: object) -> tuple[int, dict[str, Any], str]:
    done = subprocess.run(
        [sys.executable, "-m", "main_site", "archive", *map(str, words), "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE_S,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, json.loads(done.stdout) if done.stdout else {}, done.stderr


def test_a_document_is_never_written_over_another_file(bag: Path, held: list[str], tmp_path: Path) -> None:
    out = tmp_path / "document.pdf"
    out.write_bytes(b"mine")
    status, found, _ = run("open-document", bag, out, *held, "--bid", PRESENT)
    assert (1, "document_not_written") == (status, found["error"]["code"])
    assert b"mine" == out.read_bytes()


def test_what_is_not_there_ends_in_a_coded_sentence_and_leaves_no_file(
    bag: Path, held: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "document.pdf"
    status, found, _ = run("open-document", bag, out, *held, "--bid", ABSENT)
    assert (1, "no_such_document") == (status, found["error"]["code"])
    assert 2 == run("open-document", bag, out, *held, "--bid", PRESENT, "--part", "price")[0]
    assert [] == list(tmp_path.iterdir())


def test_the_holder_opens_a_document_and_nobody_else_may_read_it(
    bag: Path, held: list[str], tmp_path: Path
) -> None:
    out, part = tmp_path / "document.pdf", envelope(PRESENT).part(PartName.TECHNICAL)
    status, found, _ = run("open-document", bag, out, *held, "--bid", PRESENT)
    assert (0, part.sha256, part.size) == (status, found["sha256"], found["size"])
    assert envelope(PRESENT).texts[PartName.TECHNICAL] == out.read_bytes()
    assert 0o600 == stat.S_IMODE(out.stat().st_mode)
    assert 12 // 2 == run("check-keys", bag, *held)[1]["keys"]


def test_a_key_is_made_with_a_passphrase_that_is_told_once_and_kept_nowhere(tmp_path: Path) -> None:
    folder = tmp_path / "key"
    words = (
        "make-key",
        folder,
        "--name",
        "centre-archive",
        "--who",
        "档案室",
        "--suite",
        "0x02",
        "--suite",
        "0x11",
    )
    status, made, _ = run(*words)
    assert (0, str(folder / PUBLIC)) == (status, made["public"])
    public = parse_recipient((folder / PUBLIC).read_bytes())
    assert ("centre-archive", "档案室", [0x02, 0x11]) == (
        public.name,
        public.who,
        [key.suite for key in public.keys],
    )
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert not [path for path in files if made["passphrase"].encode() in path.read_bytes()]
    assert not [path for path in files if path.stat().st_mode & 0o077]
    assert "archive_key_exists" == run(*words)[1]["error"]["code"]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--name", "../x", "--who", "x"], "malformed_name"),
        (["--name", "x", "--who", "x" * 201], "malformed_who"),
        (["--name", "x", "--who", "x", "--suite", "0x77"], "custody_lacks_suite"),
        (
            ["--name", "x", "--who", "x", "--provider", "phone", "--passphrase-file", os.devnull],
            "unknown_provider",
        ),
    ],
)
def test_a_key_that_cannot_be_made_ends_in_a_coded_sentence(
    tmp_path: Path, words: list[str], code: str
) -> None:
    (tmp_path / "passphrase").write_text("words", "utf-8")
    given = [str(tmp_path / "passphrase") if one == os.devnull else one for one in words]
    status, found, _ = run("make-key", tmp_path / "key", *given)
    assert (1, code) == (status, found["error"]["code"])
    assert not (tmp_path / "key" / PUBLIC).exists()
