"""Big bids are read by processes of their own, which leave the room the right of way.

Hashing and decrypting a window's bids keeps two cores busy for seconds to minutes.  In threads of the host that costs twice: the
cipher's calls of 16 KiB hold the interpreter's lock, so two threads make 0.83 of what two processes make, and scores and pictures wait
behind them.  A child costs half a second of imports, so small windows are read in threads.  Keys go to the child through its pipe
and stand in no argument, no file and no environment.  A child that dies, for want of memory say, costs time and no verdict: the bid is
then read by a thread of the host.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from evalroom.sealing.envelope import Envelope, open_envelope
from evalroom.sealing.facts import OpenedPart
from evalroom.sealing.policy import PartName, parse_policy
from main_site.services.combining import Read, read_all

WORTH_A_PROCESS = 256 << 20
"""Bytes of a window's bids from which on children are started: reading as many takes about as long as two imports."""

STEP = 16 << 20
"""Bytes between two words about progress."""

NICENESS = 10
MAX_LINE = 1 << 20


class Reader:
    """One child that reads one bid after another."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        """Take a child whose standard input and output are pipes."""
        self._process = process

    @property
    def pid(self) -> int:
        """Return the child's process number."""
        return self._process.pid

    def kill(self) -> None:
        """End the child at once."""
        if self._process.returncode is None:
            self._process.kill()

    async def read(
        self,
        path: Path,
        envelope: Envelope,
        keys: Mapping[PartName, bytes],
        told: Callable[[int], None],
        *,
        alone: bool = False,
    ) -> Read | None:
        """Return what reading the bid at `path` showed, or None when the child could not say.

        `told` is called with the bytes read, every 16 MiB.

        Cancelling leaves the child at work: end it.
        """
        to, back = self._process.stdin, self._process.stdout
        if to is None or back is None:
            return None
        try:
            to.write(json.dumps(_task(path, envelope, keys, alone=alone)).encode() + b"\n")
            await to.drain()
            while line := await back.readline():
                said = json.loads(line)
                if "done" not in said:
                    return _read_of(said)
                told(said["done"])
        except (OSError, ValueError) as error:
            structlog.get_logger(__name__).warning("reader_lost", error=str(error))
        return None


@asynccontextmanager
async def reading_apart() -> AsyncIterator[Reader]:
    """Give a child for as long as the block lasts; leaving it, also by cancelling, ends the child."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=MAX_LINE,
    )  # fmt: skip
    reader = Reader(process)
    try:
        yield reader
    finally:
        reader.kill()
        await process.communicate()  # closes its pipes, too


def _task(
    path: Path, envelope: Envelope, keys: Mapping[PartName, bytes], *, alone: bool
) -> dict[str, object]:
    return {
        "path": str(path),
        "alone": alone,
        "policy": envelope.policy.encode().decode(),
        "bid": envelope.bid.hex(),
        "keys": {part: key.hex() for part, key in keys.items()},
    }


def _read_of(said: Mapping[str, Any]) -> Read:
    parts = tuple(OpenedPart(PartName(part), digest, size) for part, digest, size in said["parts"])
    return Read(bytes_good=said["bytes_good"], damaged=said["damaged"], parts=parts)


# --- in the child -------------------------------------------------------------------------------------------


def answer(line: bytes, told: Callable[[int], None]) -> dict[str, object]:
    """Return what reading the bid of a task showed.

    Raises:
        OSError: its file is gone or does not read.
        EvalroomError: it is no envelope any more: the host looks itself.
    """
    task = json.loads(line)
    keys = {PartName(part): bytes.fromhex(key) for part, key in task["keys"].items()}
    handle = os.open(task["path"], os.O_RDONLY | os.O_CLOEXEC)
    try:
        read = partial(_pread, handle)
        size = os.fstat(handle).st_size
        policy, bid = parse_policy(task["policy"].encode()), bytes.fromhex(task["bid"])
        envelope = open_envelope(read, size, policy, bid)
        found = read_all(envelope, keys, read, told, alone=task["alone"])
    finally:
        os.close(handle)
    rows = [[one.part, one.sha256, one.size] for one in found.parts]
    return {"bytes_good": found.bytes_good, "damaged": found.damaged, "parts": rows}


def _pread(handle: int, offset: int, length: int) -> bytes:
    return os.pread(handle, length, offset)


def _say(said: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


class _Steps:
    """Says how far a bid was read, every `STEP` bytes."""

    def __init__(self) -> None:
        self._next = STEP

    def __call__(self, done: int) -> None:
        if done >= self._next:
            self._next = done + STEP
            _say({"done": done})


def _tasks() -> Iterator[bytes]:
    yield from iter(sys.stdin.buffer.readline, b"")


def main() -> None:
    """Answer task after task until the host closes the pipe."""
    os.nice(NICENESS)
    for line in _tasks():
        _say(answer(line, _Steps()))


if __name__ == "__main__":
    main()
