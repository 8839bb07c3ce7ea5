"""The record of an agent: damaged, cut, or on a full disk."""

import os
from pathlib import Path

import pytest

from signaling.custody.folder import (
    AgentRunning,
    FolderOpenToOthers,
    NoAgentHere,
    Record,
    RecordDamaged,
    check_private,
    destroy_file,
    lock,
    make_folder,
    read_json,
    write_file,
)
from tests.signaling.custody.world import private


@pytest.mark.parametrize(
    "data", [b"x\n", b'{"a":1}\n{"a": 1}\n', b"[]\n", b"\n", b'{"a":1.5}\n', b'{"a":1}\n\xff\n{"a":1}\n']
)
def test_a_record_with_a_line_that_is_not_ours_is_damaged(tmp_path: Path, data: bytes) -> None:
    private(tmp_path / "t")
    (tmp_path / "t" / "record.jsonl").write_bytes(data)
    with pytest.raises(RecordDamaged):
        Record(tmp_path / "t")


def test_a_record_cut_at_any_byte_holds_the_lines_before_the_cut(tmp_path: Path) -> None:
    whole = b'{"did":"published","who":"\xe4\xb8\xad"}\n{"did":"signed"}\n'
    private(tmp_path / "t")
    for end in range(len(whole) + 1):
        (tmp_path / "t" / "record.jsonl").write_bytes(whole[:end])
        lines = list(Record(tmp_path / "t"))
        assert whole[:end].count(b"\n") == len(lines)
        record = Record(tmp_path / "t")
        record.append([{"did": "next"}])
        assert {"did": "next"} == list(Record(tmp_path / "t"))[-1]


def test_a_line_that_a_full_disk_cut_does_not_stand_before_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = Record(tmp_path / "t")
    record.append([{"did": "published"}])
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            record.append([{"did": "signed"}])
    assert [{"did": "published"}] == list(record) == list(Record(tmp_path / "t"))
    record.append([{"did": "acked"}])
    assert [{"did": "published"}, {"did": "acked"}] == list(Record(tmp_path / "t"))


def full(_: int) -> None:
    raise OSError(28, "No space left on device")


def test_a_folder_is_locked_for_one_and_free_when_that_one_is_gone(tmp_path: Path) -> None:
    held = lock(tmp_path)
    with pytest.raises(AgentRunning):
        lock(tmp_path)
    os.close(held)
    os.close(lock(tmp_path))


def test_only_a_private_folder_passes(tmp_path: Path) -> None:
    with pytest.raises(NoAgentHere):
        check_private(tmp_path / "nowhere")
    folder = private(tmp_path / "one")
    make_folder(folder / "two" / "three")
    write_file(folder / "two" / "file", b"x")
    check_private(folder)
    (folder / "two" / "file").chmod(0o640)
    with pytest.raises(FolderOpenToOthers):
        check_private(folder)


def test_a_file_is_written_whole_and_private_over_what_a_crash_left(tmp_path: Path) -> None:
    (tmp_path / "file.new").write_bytes(b"half")
    write_file(tmp_path / "file", b"first")
    write_file(tmp_path / "file", b"second")
    assert b"second" == (tmp_path / "file").read_bytes()
    assert 0o600 == (tmp_path / "file").stat().st_mode & 0o777
    assert ["file"] == [path.name for path in tmp_path.iterdir()]


def test_destroying_what_is_gone_is_no_fault(tmp_path: Path) -> None:
    write_file(tmp_path / "file", b"x")
    destroy_file(tmp_path / "file")
    destroy_file(tmp_path / "file")
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("data", "fault"), [(None, NoAgentHere), (b"{", RecordDamaged), (b"[]", RecordDamaged)]
)
def test_facts_that_are_none_are_said_so(tmp_path: Path, data: bytes | None, fault: type[Exception]) -> None:
    if data is not None:
        (tmp_path / "agent.json").write_bytes(data)
    with pytest.raises(fault):
        read_json(tmp_path / "agent.json")
