"""Starts an agent as a process of its own, talks to it through its real socket, and kills it."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from signaling.custody.agent import SOCKET, Plan, init
from signaling.custody.client import AgentClient
from tests.patience import PATIENCE_S
from tests.signaling.custody.world import BEFORE, KINDS

ROOT = Path(__file__).parents[3]


def short_folder() -> Path:
    """Return a new folder whose path leaves room for a socket's name."""
    return Path(tempfile.mkdtemp(prefix="ev-", dir="/tmp"))


@dataclass(slots=True)
class AgentProcess:
    """One agent, `python -m tests.signaling.custody.victim`, with its log and its clock in files."""

    base: Path
    name: str = "host"
    process: subprocess.Popen[bytes] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)

    def make(self) -> "AgentProcess":
        """Make the agent's folder; its passphrase is drawn."""
        init(self.folder, Plan(self.name, KINDS[self.name], f"{self.name} 数据中心"))
        self.set_clock(BEFORE)
        return self

    @property
    def folder(self) -> Path:
        return self.base / "agent"

    @property
    def socket(self) -> Path:
        return self.folder / SOCKET

    @property
    def log(self) -> Path:
        return self.base / "log"

    @property
    def client(self) -> AgentClient:
        return AgentClient(self.socket, PATIENCE_S)

    @property
    def clock(self) -> int:
        return int((self.base / "clock").read_text("ascii"))

    def set_clock(self, now: int) -> None:
        fresh = self.base / "clock.new"
        fresh.write_text(str(now), "ascii")
        fresh.replace(self.base / "clock")

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [
            sys.executable,
            "-m",
            "tests.signaling.custody.victim",
            str(self.folder),
            str(self.base / "clock"),
        ]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, stderr=log, stdout=log, env={**os.environ, **self.environment}
            )
        end = time.monotonic() + PATIENCE_S
        while not self.answers():
            assert self.process.poll() is None, self.log.read_text("utf-8")[-3000:]
            assert time.monotonic() < end, "the agent does not come up"
            select.select([], [], [], 0.02)

    def answers(self) -> bool:
        try:
            return bool(self.ask({"command": "status"})["ok"])
        except OSError:
            return False

    def ask(self, members: Mapping[str, Any]) -> dict[str, Any]:
        """Send one command on a connection of its own and return the answer."""
        (answer,) = self.send([json.dumps(members).encode() + b"\n"])
        found: dict[str, Any] = json.loads(answer)
        return found

    def send(self, lines: list[bytes]) -> list[bytes]:
        """Send lines one by one on one connection; return the answers."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            link.settimeout(PATIENCE_S)
            link.connect(str(self.socket))
            with link.makefile("rb") as answers:
                found = []
                for line in lines:
                    link.sendall(line)
                    found.append(answers.readline())
                return found

    def throw(self, line: bytes) -> None:
        """Send a line and do not wait for the answer."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            link.connect(str(self.socket))
            link.sendall(line)

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE_S)

    def stop(self) -> int:
        """Ask it to end, and return its exit status."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(PATIENCE_S)

    def end(self) -> None:
        """Leave nothing running."""
        if self.process is not None and self.process.poll() is None:
            self.kill()
