"""The agent as a process: its folder, its socket, and what keeps unlocked keys from leaving its memory.

One line of JSON comes in, one goes out (opening.md §10); commands are done one after the other, so a killed
process has done a command wholly or not at all.  It writes no core dump, nobody may trace it, and it never
logs what a command holds.  Refused: a folder open to others, a second process in it, lines of more than
16 MiB, more than 32 connections.
"""

import asyncio
import contextlib
import ctypes
import os
import resource
import signal
import socket
import stat
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from evalroom.errors import LocalFault, PeerFault, Refusal
from evalroom.ids import check_name
from evalroom.ledger.note import parse_vkey
from evalroom.sealing.policy import TrusteeKind, parse_recipient
from signaling.clock import utc_ms
from signaling.custody.folder import AgentRunning, NoAgentHere, check_private, lock, make_folder, write_file
from signaling.custody.keys import FileKeys, KeyProvider, UnknownProvider, draw_passphrase, find_provider
from signaling.custody.trustee import FACTS, AgentFacts, Trustee, encode_answer, read_facts, refusal

MAX_LINE = 1 << 24
"""Longest line: heads and tails of some hundred ordinary bids, or of five that use every byte they may."""

MAX_CONNECTIONS = 32
MAX_SOCKET_PATH = 107
"""Bytes of a path that Linux takes for a socket, less the zero behind it (unix(7))."""

MAX_WHO = 200
SOCKET = "agent.sock"
PASSPHRASE = "passphrase"  # noqa: S105 - the name of a file
CREDENTIAL = "evalroom-agent-passphrase"
PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 4, 38


class LineTooLong(PeerFault):
    """A line on the agent's socket is longer than 16 MiB: ask for fewer bids at a time; nothing was done."""

    code = "line_too_long"


class AgentBusy(PeerFault):
    """Too many connections to this agent are open: close some; nothing was done."""

    code = "agent_busy"


class NotHardened(LocalFault):
    """The kernel does not let the agent keep its memory to itself: it holds no keys here; look at its sandbox."""

    code = "not_hardened"


class BadSocketPath(LocalFault):
    """The agent cannot listen there: choose a shorter path in a folder that exists and is this user's own."""

    code = "bad_socket_path"


class PassphraseMissing(LocalFault):
    """Nobody gives passphrase or PIN, the agent stays locked: write it to its file `passphrase`, or --ask at a terminal."""

    code = "passphrase_missing"


class MalformedWho(Refusal):
    """A trustee is described to people in 1 to 200 characters: choose another description."""

    code = "malformed_who"


class AgentExists(LocalFault):
    """There is an agent in this folder already; its signer stands in policies. Take another folder."""

    code = "agent_exists"


def harden() -> None:
    """Let no core dump, no tracer and no new privilege at this process; from here on, for good.

    Raises:
        NotHardened: the kernel does not let it.
    """
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        prctl = ctypes.CDLL(None, use_errno=True).prctl
        prctl.argtypes = [
            ctypes.c_int,
            *[ctypes.c_ulong] * 4,
        ]  # unused arguments are looked at: all 64 bits zero
        for option, value in ((PR_SET_DUMPABLE, 0), (PR_SET_NO_NEW_PRIVS, 1)):
            if prctl(option, value, 0, 0, 0):
                raise NotHardened(option=option, problem=os.strerror(ctypes.get_errno()))


@dataclass(frozen=True, slots=True)
class Plan:
    """What `agent init` is told."""

    name: str
    kind: TrusteeKind
    who: str
    provider: str = "file"
    options: tuple[tuple[str, str], ...] = ()
    witnesses: tuple[str, ...] = ()
    quorum: int = 0
    ask: bool = False
    archive: tuple[bytes, ...] = ()
    """Public files of archive keys."""


def init(folder: Path, plan: Plan, secret: str = "") -> AgentFacts:
    """Make an agent in `folder` with a signer of its own; `secret` is a passphrase or PIN, drawn for files if empty.

    Raises:
        AgentExists: there is one.
        FolderOpenToOthers: the folder is not this user's alone.
        MalformedName, MalformedWho, MalformedKey, MalformedPolicy, UnknownProvider, TokenGone, WrongPin: nothing was kept but keys on the token.
    """
    check_name(plan.name)
    if not 1 <= len(plan.who) <= MAX_WHO:
        raise MalformedWho(length=len(plan.who))
    witnesses = tuple(map(parse_vkey, plan.witnesses))
    archive = tuple(map(parse_recipient, plan.archive))
    make_folder(folder)
    check_private(folder)
    if (folder / FACTS).exists():
        raise AgentExists(folder=str(folder))
    held = lock(folder)
    try:
        secret = secret or _kept_passphrase(folder, plan)
        provider = open_provider(folder, plan.provider, dict(plan.options), secret)
        facts = AgentFacts(
            plan.name,
            plan.kind,
            plan.who,
            plan.provider,
            dict(plan.options),
            provider.signer().spki,
            witnesses,
            plan.quorum,
            archive,
        )
        provider.close()
        make_folder(folder / "tenders")
        facts.write(folder)
    finally:
        os.close(held)
    return facts


def _kept_passphrase(folder: Path, plan: Plan) -> str:
    """Return the passphrase kept in the folder, drawn at the first call; other custodies have none to draw."""
    if plan.provider != "file" or plan.ask:
        raise PassphraseMissing(provider=plan.provider)
    path = folder / PASSPHRASE
    if not path.exists():
        write_file(path, draw_passphrase().encode() + b"\n")
    return path.read_text("utf-8").strip()


def find_secret(folder: Path, ask: Callable[[], str] | None = None) -> str:
    """Return passphrase or PIN: a systemd credential, else the file in the agent's folder, else what `ask` says.

    Raises:
        PassphraseMissing: nobody gives it.
    """
    credentials = os.environ.get("CREDENTIALS_DIRECTORY", "")
    for path in (Path(credentials) / CREDENTIAL if credentials else None, folder / PASSPHRASE):
        if path is not None and path.exists():
            return path.read_text("utf-8").strip()
    if ask is not None:
        return ask()
    raise PassphraseMissing(folder=str(folder))


def open_provider(folder: Path, name: str, options: dict[str, str], secret: str) -> KeyProvider:
    """Return the key custody called `name`.

    Raises:
        UnknownProvider: no such custody is installed.
    """
    keys = folder / "keys"
    make_folder(keys)
    if name == "file":
        return FileKeys(keys, secret.encode())
    if name == "pkcs11":
        return _token(options, secret)
    return find_provider(name)(keys, {**options, "secret": secret})


def _token(options: dict[str, str], secret: str) -> KeyProvider:
    try:
        from signaling.custody.tokens import Pkcs11Keys
    except ImportError as error:
        raise UnknownProvider(provider="pkcs11", needs="pip install evalroom[pkcs11]") from error
    if not options.get("module") or not options.get("token"):
        raise UnknownProvider(provider="pkcs11", needs="the driver's file and the token's label")
    return Pkcs11Keys(options["module"], options["token"], secret)


def find_agent(folder: Path) -> None:
    """Return when there is an agent in `folder`, and nobody else may look.

    Raises:
        NoAgentHere, FolderOpenToOthers: otherwise.
    """
    check_private(folder)
    if not (folder / FACTS).exists():
        raise NoAgentHere(folder=str(folder))


@contextmanager
def open_trustee(folder: Path, secret: str, clock: Callable[[], int] = utc_ms) -> Iterator[Trustee]:
    """Hold the folder and its unlocked keys for as long as the block lasts.

    Raises:
        NoAgentHere, FolderOpenToOthers, AgentRunning, RecordDamaged: the folder.
        WrongPassphrase, KeyFileDamaged, TokenGone, WrongPin, KeyReplaced: the custody.
    """
    find_agent(folder)
    held = lock(folder)
    try:
        facts = read_facts(folder)
        provider = open_provider(folder, facts.provider, dict(facts.options), secret)
        try:
            yield Trustee(folder, facts, provider, clock)
        finally:
            provider.close()
    finally:
        os.close(held)


def run(folder: Path, secret: str, path: Path | None = None, clock: Callable[[], int] = utc_ms) -> None:
    """Serve until SIGTERM or SIGINT; the socket is `path`, or the one that systemd hands over.

    Raises:
        BadSocketPath: it cannot listen there.
        LocalFault: what `open_trustee` raises.
    """
    harden()
    with open_trustee(folder, secret, clock) as trustee:
        asyncio.run(_serve_until_told(trustee, path or folder / SOCKET))


async def _serve_until_told(trustee: Trustee, path: Path) -> None:
    done = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, done.set)
    async with serving(trustee, path):
        structlog.get_logger(__name__).info("agent_ready", socket=str(path))
        await done.wait()


@asynccontextmanager
async def serving(trustee: Trustee, path: Path) -> AsyncIterator[None]:
    """Answer on the socket for as long as the block lasts.

    Cancelling leaves no socket behind; a command that was read is done wholly.
    """
    server = _Server(trustee)
    listener, own = _listener(path)
    # Not `start_unix_server`: from Python 3.13 on it removes the socket's file, which may be systemd's.
    async with await asyncio.start_server(server.connected, sock=listener, limit=MAX_LINE) as door:
        try:
            yield
        finally:
            door.close()
            await server.close()
            if own:
                _remove(path)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def _listener(path: Path) -> tuple[socket.socket, bool]:
    """Return a listening socket, and whether its file is ours to remove."""
    if os.environ.get("LISTEN_PID") == str(os.getpid()) and os.environ.get("LISTEN_FDS") == "1":
        return socket.socket(fileno=3), False  # sd_listen_fds(3): systemd made it, with the owner it was told
    if len(os.fsencode(path)) > MAX_SOCKET_PATH:
        raise BadSocketPath(path=str(path), reason=f"longer than {MAX_SOCKET_PATH} bytes")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)  # the file is 0600 from its first instant on
    try:
        _remove_stale(path)
        listener.bind(str(path))
    except OSError as error:
        listener.close()
        raise BadSocketPath(path=str(path), reason=error.strerror) from error
    except LocalFault:
        listener.close()
        raise
    finally:
        os.umask(before)
    listener.listen(MAX_CONNECTIONS)
    return listener, True


def _remove_stale(path: Path) -> None:
    """Remove a socket that nobody answers on: whoever made it was killed."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise BadSocketPath(path=str(path), reason="another file lies there")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(str(path))
            except ConnectionRefusedError:
                path.unlink()
            else:
                raise AgentRunning(socket=str(path))


TURNS_AT_THE_DOOR = 4
"""Turns of the loop from a connection's being accepted to `connected`: one that came just before the end is closed, too."""


class _Server:
    """The connections of one agent."""

    def __init__(self, trustee: Trustee) -> None:
        self._trustee = trustee
        self._writers: set[asyncio.StreamWriter] = set()
        self._closing = False

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer line after line until the other end hangs up; its haste or rudeness ends nothing but this."""
        if self._closing or len(self._writers) >= MAX_CONNECTIONS:
            writer.write(_refused(AgentBusy(most=MAX_CONNECTIONS)))
            await _hang_up(writer)
            return
        self._writers.add(writer)
        try:
            await self._answer_all(reader, writer)
        except (ConnectionError, TimeoutError):
            structlog.get_logger(__name__).info("connection_lost")
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer_all(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                line = await reader.readuntil(b"\n")
            except asyncio.IncompleteReadError:
                return  # hung up, perhaps in the middle of a line: that was no command
            except asyncio.LimitOverrunError:
                writer.write(_refused(LineTooLong(most=MAX_LINE)))
                await writer.drain()
                return  # where the next line begins is not worth reading on for
            writer.write(self._trustee.answer(line))
            await writer.drain()

    async def close(self) -> None:
        """Hang up on everybody, and return when the last socket is closed.

        Cancelling leaves them closing.
        """
        self._closing = True
        for _ in range(TURNS_AT_THE_DOOR):
            await asyncio.sleep(0)
        leaving = [asyncio.create_task(_hang_up(writer)) for writer in self._writers]
        if leaving:
            await asyncio.wait(leaving)


async def _hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(ConnectionError):  # whoever hung up first, or broke off, is gone just the same
        await writer.wait_closed()


def _refused(error: PeerFault) -> bytes:
    return encode_answer(refusal(error))
