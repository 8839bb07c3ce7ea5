"""The nodes of a rehearsal: the real host and sub-sites, started by their own commands as processes on loopback.

Tests stop them the hard way and start them again on the same port and data; only processes that were started
here are ever ended.
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from main_site.rehearsal.direction import Operator, RehearsalFailed

READY_S = 60
"""Seconds a node may take to answer; a cold start on two busy cores took 9."""

ENDING_S = 10


@dataclass(slots=True)
class Node:
    """One node: how it is started, where it answers, and its present process."""

    name: str
    url: str
    command: tuple[str, ...]
    environment: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Start the process and return once it answers.

        Cancelling leaves the process running, to be stopped by `stop`.

        Raises:
            RehearsalFailed: it ended, or took longer than a minute.
        """
        with self.log.open("ab") as file:
            self.process = subprocess.Popen(  # noqa: ASYNC220, S603 - our own interpreter and module; it takes a millisecond
                [sys.executable, "-m", *self.command],
                env={**os.environ, **self.environment},
                stdout=file,
                stderr=subprocess.STDOUT,
                cwd=self.log.parent,
            )
        try:
            await self._answers()
        except TimeoutError as error:
            raise RehearsalFailed(node=self.name, reason=self.last_words()) from error

    async def _answers(self) -> None:
        async with httpx.AsyncClient(base_url=self.url, timeout=2) as http, asyncio.timeout(READY_S):
            while self.process is not None and self.process.poll() is None:
                with contextlib.suppress(httpx.TransportError):
                    if (await http.get("/healthz")).is_success:
                        return
                await asyncio.sleep(0.1)
        raise RehearsalFailed(node=self.name, reason=self.last_words())

    def last_words(self) -> str:
        """Return the end of the node's log."""
        return self.log.read_text(errors="replace")[-800:]

    def kill(self) -> None:
        """End the process at once, as a power cut would (SIGKILL)."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self) -> None:
        """Ask the process to end, and end it if it does not."""
        _stop(self.process)


@dataclass(slots=True)
class Agent:
    """A trustee's agent: its name, its folder, and its process."""

    name: str
    folder: Path
    log: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> Path:
        """Return the socket it answers on."""
        return self.folder / "agent.sock"

    async def start(self) -> None:
        """Start the process and return once its socket is there.

        Raises:
            RehearsalFailed: it ended, or said nothing for a minute.
        """
        command = (sys.executable, "-m", "main_site", "agent", "run", "--dir", str(self.folder))
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: ASYNC220, S603 - our own command; it starts at once
                command, stdout=log, stderr=subprocess.STDOUT
            )
        try:
            async with asyncio.timeout(READY_S):
                while not self.socket.exists() and self.process.poll() is None:  # noqa: ASYNC110 - a process of its own
                    await asyncio.sleep(0.1)
        except TimeoutError as error:
            raise RehearsalFailed(agent=self.name, log=str(self.log)) from error
        if self.process.poll() is not None:
            raise RehearsalFailed(agent=self.name, log=str(self.log), status=self.process.returncode)

    def stop(self) -> None:
        """End it; what it signed and released stands in its folder."""
        _stop(self.process)


@dataclass(frozen=True, slots=True)
class ArchiveKey:
    """An archive key and the file with its passphrase, which in earnest lie apart."""

    name: str
    folder: Path
    passphrase: Path

    @property
    def public(self) -> Path:
        """Return the file that the host is given."""
        return self.folder / "archive-key.json"

    async def opens(self, archive: Path) -> int:
        """Try every content key that an archive holds for this key, and return how many there are.

        Raises:
            RehearsalFailed: one does not open.
        """
        found = await _said_json(
            "archive", "check-keys", str(archive), "--key", str(self.folder),
            "--passphrase-file", str(self.passphrase),
        )  # fmt: skip
        return int(found["keys"])


async def _said_json(*words: str) -> dict[str, Any]:
    """Return what a command of ours prints as JSON.

    Raises:
        RehearsalFailed: it ended badly.
    """
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "main_site", *words, "--json",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await running.communicate()
    if running.returncode != 0:
        raise RehearsalFailed(command=" ".join(words[:2]), reason=said.decode(errors="replace")[-400:])
    found: dict[str, Any] = json.loads(said)
    return found


@dataclass(slots=True)
class Nodes:
    """A host and its sub-sites, with their data below one folder."""

    folder: Path
    nodes: list[Node] = field(default_factory=list)
    agents: list[Agent] = field(default_factory=list)

    async def start_agent(self, name: str, kind: str, who: str) -> Agent:
        """Make a trustee's agent and start it.

        Raises:
            RehearsalFailed: it could not be made, or did not start.
        """
        agent = Agent(name, self.folder / f"agent-{name}", self.folder / f"agent-{name}.log")
        making = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "main_site", "agent", "init",
            "--dir", str(agent.folder), "--name", name, "--kind", kind, "--who", who,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=self.folder,
        )  # fmt: skip
        said, _ = await making.communicate()
        if making.returncode != 0:
            raise RehearsalFailed(agent=name, reason=said.decode(errors="replace")[-400:])
        self.agents.append(agent)
        await agent.start()
        return agent

    async def make_archive_key(self, name: str, who: str) -> ArchiveKey:
        """Make an archive key, and keep the passphrase that is shown once.

        Raises:
            RehearsalFailed: it could not be made.
        """
        key = ArchiveKey(name, self.folder / name, self.folder / f"{name}.passphrase")
        made = await _said_json("archive", "make-key", str(key.folder), "--name", name, "--who", who)
        key.passphrase.touch(0o600)
        key.passphrase.write_text(made["passphrase"] + "\n", "utf-8")
        return key

    async def start_host(self, operator_code: str, **settings: str) -> Node:
        """Start a host; `settings` are of `EVALROOM_…`, in lower case."""
        port = free_port()
        environment = {
            "EVALROOM_OPERATOR_CODE": operator_code,
            "EVALROOM_MEDIA_LOOPBACK": "1",
            "EVALROOM_DATA_DIR": str(self.folder / "host"),
            **{f"EVALROOM_{name.upper()}": value for name, value in settings.items()},
        }
        return await self._start("host", port, ("main_site", "serve", "--port", str(port)), environment)

    async def join_site(
        self, operator: Operator, site: str, name: str, host_url: str, agent: Agent | None = None
    ) -> Node:
        """Invite a sub-site, let it join, and start it, with the agent of its trustee where it has one.

        Raises:
            RehearsalFailed: it could not join, or did not start.
        """
        code = await operator.invite(site, name)
        port = free_port()
        environment = {
            "EVALROOM_SITE_HOST_URL": host_url,
            "EVALROOM_SITE_PORT": str(port),
            "EVALROOM_SITE_DATA_DIR": str(self.folder / site),
            "EVALROOM_SITE_MEDIA_LOOPBACK": "1",
            **({"EVALROOM_SITE_AGENT_SOCKET": str(agent.socket)} if agent else {}),
        }
        joining = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "sub_site", "join", code, env={**os.environ, **environment},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=self.folder,
        )  # fmt: skip
        said, _ = await joining.communicate()
        if joining.returncode != 0:
            raise RehearsalFailed(site=site, reason=said.decode(errors="replace")[-400:])
        return await self._start(site, port, ("sub_site", "serve"), environment)

    async def _start(
        self, name: str, port: int, command: tuple[str, ...], environment: dict[str, str]
    ) -> Node:
        node = Node(name, f"http://127.0.0.1:{port}", command, environment, self.folder / f"{name}.log")
        self.nodes.append(node)
        await node.start()
        return node

    def stop(self) -> None:
        """End all nodes and agents started here."""
        for node in self.nodes:
            node.stop()
        for agent in self.agents:
            agent.stop()


def _stop(process: "subprocess.Popen[bytes] | None") -> None:
    if process is None or process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(ENDING_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


async def links_up(operator: Operator, sites: set[str]) -> None:
    """Wait until all these sub-sites are connected to the host."""
    async with asyncio.timeout(READY_S):
        while not sites <= await operator.online():  # noqa: ASYNC110 - another process's links
            await asyncio.sleep(0.2)


def free_port() -> int:
    """Return a port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
