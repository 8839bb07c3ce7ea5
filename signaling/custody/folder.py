"""The folder of an agent: readable by nobody else, locked while the agent runs, and what it did, line by line.

A tender's record is appended and synchronised before an answer leaves, so that after kill -9 a repeated
command gives the answer it gave before.  A last line without its end was never answered: it is cut off.
Refused: a folder or file of another owner or open to others, a second agent in the same folder, a record
damaged anywhere but at its end.
"""

import fcntl
import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from evalroom.errors import LocalFault
from evalroom.ledger.canonical import Json, NotCanonical, canonical, parse_canonical

RECORD = "record.jsonl"


class FolderOpenToOthers(LocalFault):
    """The agent's folder, or a file in it, is open to other users: make it its own (chown, chmod go=) and start again."""

    code = "folder_open_to_others"


class AgentRunning(LocalFault):
    """An agent runs in this folder already: talk to it, or stop it first."""

    code = "agent_running"


class NoAgentHere(LocalFault):
    """There is no trustee's agent in this folder: make one with `agent init`."""

    code = "no_agent_here"


class RecordDamaged(LocalFault):
    """The record of what this agent did is damaged: it stays stopped; restore its folder from a backup."""

    code = "record_damaged"


def check_private(folder: Path) -> None:
    """Return when `folder` and everything in it belong to this user and are open to nobody else.

    Raises:
        NoAgentHere: there is no such folder.
        FolderOpenToOthers: one of them is not, or is a link.
    """
    if not folder.is_dir():
        raise NoAgentHere(folder=str(folder))
    for path in (folder, *sorted(folder.rglob("*"))):
        facts = path.lstat()
        if facts.st_uid != os.geteuid() or stat.S_ISLNK(facts.st_mode):
            raise FolderOpenToOthers(path=str(path), reason="another owner, or a link")
        if facts.st_mode & 0o077:
            raise FolderOpenToOthers(path=str(path), mode=oct(stat.S_IMODE(facts.st_mode)))


def lock(folder: Path) -> int:
    """Return a descriptor that holds the folder until it is closed, also by kill -9.

    Raises:
        AgentRunning: another process holds it.
    """
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise AgentRunning(folder=str(folder)) from error
    return handle


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, for this user alone; the new name is on the disk when this returns."""
    for one in (*reversed(path.parents), path):
        if not one.exists():
            one.mkdir(mode=0o700)
            _synchronise(one.parent)


def write_file(path: Path, data: bytes) -> None:
    """Write a file for this user alone, whole or not at all, on the disk when this returns."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    _synchronise(path.parent)


def destroy_file(path: Path) -> None:
    """Overwrite a file with zeros, synchronise, and remove it; one that is gone already is no fault.

    A disk that copies on write may keep the old blocks; there the key is as safe as its passphrase.
    """
    if not path.exists():
        return
    with path.open("r+b", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        file.write(bytes(size))
        os.fsync(file.fileno())
    path.unlink()
    _synchronise(path.parent)


def _synchronise(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_json(path: Path) -> Mapping[str, Json]:
    """Return the object in a file that this program wrote.

    Raises:
        NoAgentHere: there is no such file.
        RecordDamaged: it holds something else.
    """
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise NoAgentHere(folder=str(path.parent)) from error
    except ValueError as error:
        raise RecordDamaged(file=path.name) from error
    if not isinstance(value, dict):
        raise RecordDamaged(file=path.name)
    return value


def read_lines(folder: Path) -> Iterator[Mapping[str, Json]]:
    """Yield the whole lines of the record in `folder`, also while its agent is writing; nothing is changed.

    Raises:
        RecordDamaged: a line is none of ours.
    """
    path = folder / RECORD
    data = path.read_bytes() if path.exists() else b""
    for number, line in enumerate(data[: data.rfind(b"\n") + 1].splitlines(), 1):
        yield _parse(path, line, number)


def _parse(path: Path, line: bytes, number: int) -> Mapping[str, Json]:
    try:
        value = parse_canonical(line)
    except NotCanonical as error:
        raise RecordDamaged(file=path.name, line=number) from error
    if not isinstance(value, dict):
        raise RecordDamaged(file=path.name, line=number)
    return value


class Record:
    """What an agent did in one tender: canonical JSON objects, one a line, appended only."""

    def __init__(self, folder: Path) -> None:
        """Open the record in `folder`, which is made if need be, and cut off a line that was never answered.

        Raises:
            RecordDamaged: a line that was answered is no line of ours.
        """
        make_folder(folder)
        self._path = folder / RECORD
        self._lines = list(self._read())

    def __iter__(self) -> Iterator[Mapping[str, Json]]:
        """Iterate over the lines, oldest first."""
        return iter(self._lines)

    def append(self, lines: Iterable[Mapping[str, Json]]) -> None:
        """Append `lines`; they are on the disk when this returns; after a crash before, each whole one counts."""
        new = list(lines)
        data = b"".join(canonical(one) + b"\n" for one in new)
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            before = os.fstat(file.fileno()).st_size
            try:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                os.ftruncate(file.fileno(), before)  # half a line must not stand before the next one
                raise
        if not before:
            _synchronise(self._path.parent)
        self._lines += new

    def _read(self) -> Iterator[Mapping[str, Json]]:
        data = self._path.read_bytes() if self._path.exists() else b""
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            os.truncate(self._path, whole)
        yield from read_lines(self._path.parent)
