"""Starts and ends the programs a benchmark drives; their output is kept in a file and shown when they fail."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path


@contextlib.contextmanager
def running(
    command: Sequence[str | Path], log: Path, *, port: int = 0, **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` until the block is left; wait first until `port` of the loopback answers, when given.

    Raises:
        RuntimeError: the program ended, or the port stayed silent for 30 s; with the end of its output.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(word) for word in command],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
        )
    try:
        if port:
            _await_port(process, port, log)
        yield process
    except BaseException:
        if process.poll() is not None:
            print(_end_of(log), file=sys.stderr)
        raise
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_port(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} does not answer on port {port}:\n{_end_of(log)}")


def _end_of(log: Path) -> str:
    return log.read_text("utf-8", errors="replace")[-3000:]
