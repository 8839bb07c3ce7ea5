"""Keys in files, and a custody that somebody else writes."""

import json
import sys
from pathlib import Path

import pytest

from evalroom.errors import MalformedName
from evalroom.sealing.suites import SUITES, find_suite
from signaling.custody import keys
from signaling.custody.agent import Plan, init, open_trustee
from signaling.custody.container import KeyFileDamaged, WrongPassphrase
from signaling.custody.keys import FileKeys, KeyLabel, KeyMissing, UnknownProvider, find_provider
from tests.signaling.custody.drawer import DrawerKeys
from tests.signaling.custody.world import KINDS, private


@pytest.fixture
def files(tmp_path: Path) -> FileKeys:
    return FileKeys(private(tmp_path / "keys"), b"passphrase")


@pytest.mark.parametrize("name", ["..", "a/b", "", "x\0y", "a" * 65])
def test_a_label_that_would_leave_the_folder_is_refused(name: str) -> None:
    for tender, use in ((name, "share"), ("T", name)):
        with pytest.raises(MalformedName):
            KeyLabel(tender, use, 1)


def test_a_key_that_was_never_made_is_missing(files: FileKeys) -> None:
    with pytest.raises(KeyMissing):
        files.open(KeyLabel("T", "share", 1))


@pytest.mark.parametrize("code", SUITES)
def test_a_key_is_made_once_and_found_again_with_the_passphrase_alone(files: FileKeys, code: int) -> None:
    label = KeyLabel("T", "share", code)
    made = files.make(label)
    again = FileKeys(files.folder, b"passphrase")
    assert made.public == again.make(label).public == again.open(label).public
    wrapped = find_suite(code).wrap(made.public, b"secret", b"info")
    assert b"secret" == again.open(label).unwrap(wrapped, b"info")
    with pytest.raises(WrongPassphrase):
        FileKeys(files.folder, b"another").open(label)


def test_each_file_is_its_owners_alone_and_encrypted_anew(files: FileKeys) -> None:
    files.make(KeyLabel("T", "share", 1))
    files.signer()
    found = [path for path in files.folder.rglob("*") if path.is_file()]
    assert 3 == len(found)
    assert {0o600} == {path.stat().st_mode & 0o777 for path in found}
    assert {0o700} == {path.stat().st_mode & 0o777 for path in files.folder.rglob("*") if path.is_dir()}
    assert 3 == len({path.read_bytes()[30:50] for path in found})  # each its own salt


def test_a_key_that_a_crash_left_half_written_is_made_anew(files: FileKeys) -> None:
    label = KeyLabel("T", "share", 1)
    files.make(label)
    (files.folder / "T" / "share-01" / "0.p8").unlink()
    again = FileKeys(files.folder, b"passphrase")
    assert 1216 == len(again.make(label).public)
    assert ["0.p8", "1.p8"] == sorted(path.name for path in (files.folder / "T" / "share-01").iterdir())


def test_keys_of_another_kind_in_a_file_are_damage(files: FileKeys) -> None:
    files.make(KeyLabel("T", "share", 2))
    folder = files.folder / "T" / "share-02"
    (folder / "0.p8").write_bytes((files.folder / "T" / "share-02" / "0.p8").read_bytes())
    files.signer()
    (folder / "0.p8").write_bytes((files.folder / "signer.p8").read_bytes())
    with pytest.raises(KeyFileDamaged):
        FileKeys(files.folder, b"passphrase").open(KeyLabel("T", "share", 2))


def test_destroyed_files_are_overwritten_before_they_go(
    files: FileKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.make(KeyLabel("T", "share", 2))
    files.make(KeyLabel("U", "share", 2))
    last: dict[str, bytes] = {}
    unlink = Path.unlink

    def watched(path: Path, *, missing_ok: bool = False) -> None:
        if path.exists():
            last[path.name] = path.read_bytes()
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", watched)
    files.destroy("T")
    files.destroy("T")
    assert {"0.p8"} == set(last)
    assert not any(last["0.p8"])
    assert len(last["0.p8"]) > 100
    assert not (files.folder / "T").exists()
    with pytest.raises(KeyMissing):
        files.open(KeyLabel("T", "share", 2))
    assert files.open(KeyLabel("U", "share", 2)).public


def test_no_secret_shows_in_what_a_custody_says_of_itself(files: FileKeys) -> None:
    files.make(KeyLabel("T", "share", 2))
    files.signer()
    assert "passphrase" not in repr(files).replace("passphrase=", "")
    assert "PrivateKey" not in repr(files)


def test_a_custody_that_nobody_installed_is_unknown() -> None:
    with pytest.raises(UnknownProvider):
        find_provider("phone")


def test_a_plug_in_brings_a_custody_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an installed package would: by its metadata alone."""
    facts = tmp_path / "site" / "evalroom_drawer-1.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: evalroom-drawer\nVersion: 1\n", "utf-8")
    (facts / "entry_points.txt").write_text(
        f"[{keys.GROUP}]\ndrawer = tests.signaling.custody.drawer:make_drawer\n", "utf-8"
    )
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site"), *sys.path])
    plan = Plan("host", KINDS["host"], "who", "drawer", (("slot", "7"),))
    assert isinstance(find_provider("drawer")(private(tmp_path / "k"), {"secret": "s"}), DrawerKeys)
    drawer = DrawerKeys()
    monkeypatch.setattr("tests.signaling.custody.drawer.DrawerKeys", lambda: drawer)
    init(tmp_path / "agent", plan, "1234")
    with open_trustee(tmp_path / "agent", "1234", lambda: 5) as trustee:
        line = b'{"command":"publish","tender":"T","suites":[2],"now":5}'
        assert json.loads(trustee.answer(line))["ok"]
        line = b'{"command":"publish","tender":"U","suites":[17],"now":5}'
        assert "custody_lacks_suite" == json.loads(trustee.answer(line))["code"]
    assert b"1234" not in (tmp_path / "agent" / "agent.json").read_bytes()
