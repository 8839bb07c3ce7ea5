"""The agent as a process: whom it lets in, what it survives, and that kill -9 takes nothing back."""

import json
import os
import random
import select
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from evalroom.ledger.base64 import encode_base64
from evalroom.sealing import custody as messages
from evalroom.sealing.policy import TrusteeKind
from signaling.custody import agent
from signaling.custody.agent import MAX_CONNECTIONS, PassphraseMissing, Plan, find_secret, init, open_trustee
from signaling.custody.client import AgentRefused
from signaling.custody.container import WrongPassphrase
from signaling.custody.folder import AgentRunning, FolderOpenToOthers, NoAgentHere
from signaling.custody.keys import UnknownProvider
from tests.patience import PATIENCE_S
from tests.signaling.custody.process import ROOT, AgentProcess, short_folder
from tests.signaling.custody.world import (
    BEFORE,
    CLOSES,
    DEADLINE,
    FIRST,
    OPENS,
    TENDER,
    Opening,
    session_public,
)

SUITE = 2
PLAN = Plan("host", TrusteeKind.HOST, "host 数据中心")


@pytest.fixture
def base() -> Iterator[Path]:
    folder = short_folder()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def running(base: Path) -> Iterator[AgentProcess]:
    process = AgentProcess(base).make()
    process.start()
    yield process
    process.end()


# --- who is not let in -------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [".", "agent.json", "passphrase", "keys", "keys/signer.p8", "tenders"])
@pytest.mark.parametrize("mode", [0o040, 0o004, 0o001, 0o020])
def test_an_agent_does_not_run_where_others_may_look(base: Path, path: str, mode: int) -> None:
    init(base / "agent", PLAN)
    found = base / "agent" / path
    found.chmod(stat.S_IMODE(found.stat().st_mode) | mode)
    with pytest.raises(FolderOpenToOthers), open_trustee(base / "agent", find_secret(base / "agent")):
        pytest.fail("it ran")


def test_an_agent_does_not_run_in_a_folder_of_somebody_else_or_with_links(base: Path) -> None:
    init(base / "agent", PLAN)
    (base / "agent" / "tenders" / "link").symlink_to(base)
    with pytest.raises(FolderOpenToOthers), open_trustee(base / "agent", find_secret(base / "agent")):
        pytest.fail("it ran")
    (base / "agent" / "tenders" / "link").unlink()
    if os.geteuid() == 0:
        os.chown(base / "agent" / "agent.json", 12345, 12345)
        with pytest.raises(FolderOpenToOthers), open_trustee(base / "agent", find_secret(base / "agent")):
            pytest.fail("it ran")


def test_a_wrong_passphrase_opens_nothing(base: Path) -> None:
    init(base / "agent", PLAN)
    with pytest.raises(WrongPassphrase), open_trustee(base / "agent", "another"):
        pytest.fail("it ran")


def test_a_folder_has_one_agent_at_a_time_and_one_for_ever(running: AgentProcess) -> None:
    with pytest.raises(AgentRunning), open_trustee(running.folder, find_secret(running.folder)):
        pytest.fail("it ran twice")
    with pytest.raises(agent.AgentExists):
        init(running.folder, PLAN)


def test_an_empty_folder_has_no_agent(base: Path) -> None:
    for folder in (base, base / "nowhere"):
        with pytest.raises(NoAgentHere), open_trustee(folder, "x"):
            pytest.fail("it ran")


def test_a_passphrase_comes_from_a_credential_a_file_or_a_person_in_this_order(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PassphraseMissing):
        find_secret(base)
    assert "asked" == find_secret(base, lambda: "asked")
    (base / "passphrase").write_text("kept\n", "utf-8")
    assert "kept" == find_secret(base, lambda: "asked")
    credentials = base / "credentials"
    credentials.mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    assert "kept" == find_secret(base)
    (credentials / agent.CREDENTIAL).write_text("given\n", "utf-8")
    assert "given" == find_secret(base)


@pytest.mark.parametrize(
    ("provider", "options"), [("skf", ()), ("pkcs11", ()), ("pkcs11", (("module", "/nowhere.so"),))]
)
def test_a_custody_that_is_not_installed_is_said_by_name(
    base: Path, provider: str, options: tuple[tuple[str, str], ...]
) -> None:
    plan = Plan("host", TrusteeKind.HOST, "who", provider, options)
    with pytest.raises(UnknownProvider):
        init(base / "agent", plan, "1234")


def test_a_passphrase_that_a_person_keeps_stands_nowhere_in_the_folder(base: Path) -> None:
    init(base / "agent", Plan("host", TrusteeKind.HOST, "who", ask=True), "a person keeps it")
    assert not (base / "agent" / "passphrase").exists()
    with open_trustee(base / "agent", "a person keeps it") as trustee:
        assert json.loads(trustee.answer(b'{"command":"status"}'))["ok"]


# --- the process and its socket --------------------------------------------------------------------------


def test_the_socket_is_for_its_owner_and_gone_at_the_end(running: AgentProcess) -> None:
    facts = running.socket.stat()
    assert stat.S_ISSOCK(facts.st_mode)
    assert 0o600 == stat.S_IMODE(facts.st_mode)
    assert 0 == running.stop()
    assert not running.socket.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="prctl and /proc are Linux's")
def test_the_process_writes_no_core_dump_and_nobody_may_trace_it() -> None:
    script = (
        "import ctypes, resource\n"
        "from signaling.custody.agent import harden\n"
        "harden()\n"
        "libc = ctypes.CDLL(None)\n"
        "print(resource.getrlimit(resource.RLIMIT_CORE), libc.prctl(3, 0, 0, 0, 0), libc.prctl(39, 0, 0, 0, 0))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "(0, 0) 0 1\n" == done.stdout


def test_an_agent_takes_the_socket_that_systemd_hands_over(base: Path) -> None:
    process = AgentProcess(base).make()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    path = base / "given.sock"
    listener.bind(str(path))
    listener.listen()
    os.dup2(listener.fileno(), 100)
    try:
        victim = f"{sys.executable} -m tests.signaling.custody.victim {process.folder} {base / 'clock'}"
        shell = f"exec 3<&100; LISTEN_FDS=1 LISTEN_PID=$$ exec {victim}"
        child = subprocess.Popen(["bash", "-c", shell], cwd=ROOT, pass_fds=[100], stderr=subprocess.DEVNULL)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            link.settimeout(PATIENCE_S)
            link.connect(str(path))  # systemd's queue: answered once the agent is up
            link.sendall(b'{"command":"status"}\n')
            assert json.loads(link.makefile("rb").readline())["ok"]
        child.terminate()
        assert 0 == child.wait(PATIENCE_S)
        assert path.exists()  # systemd's own, not ours to remove
        assert not process.socket.exists()
    finally:
        os.close(100)
        listener.close()


@pytest.mark.parametrize("what", ["too long", "a file", "no folder"])
def test_a_path_that_is_no_place_for_a_socket_is_said_so(base: Path, what: str) -> None:
    path = {"too long": base / ("x" * 120), "a file": base / "file", "no folder": base / "no" / "where"}[what]
    (base / "file").write_bytes(b"not to be removed")
    with pytest.raises(agent.BadSocketPath):
        agent._listener(path)
    assert b"not to be removed" == (base / "file").read_bytes()


def test_lines_that_are_no_commands_are_answered_and_the_process_lives(running: AgentProcess) -> None:
    bad = [
        b"\n",
        b"{\n",
        b"[1,2\n",
        b"\x00\xff\xfe\n",
        b'{"command":"launch"}\n',
        b'{"command":"status","x":1}\n',
        b"[" * 200_000 + b"\n",
        b'{"command":"release","tender":"' + b"x" * 1_000_000 + b'"}\n',
    ]
    answers = [json.loads(one) for one in running.send(bad)]
    assert {"malformed_command", "unknown_agent_command"} == {one["code"] for one in answers}
    running.throw(b'{"command":"status"')  # hangs up in the middle of a line
    running.throw(b'{"command":"status"}\n' * 1000)  # and without reading a thing
    assert running.answers()


def test_a_line_without_end_is_answered_once_and_hung_up_on(running: AgentProcess) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(PATIENCE_S)
        link.connect(str(running.socket))
        piece = b"x" * (1 << 20)
        try:
            for _ in range(3 * (agent.MAX_LINE >> 20)):
                link.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has stopped listening, which is what it should
        else:
            pytest.fail("it took three times the longest line")
        assert "line_too_long" == json.loads(link.makefile("rb").readline())["code"]
    assert running.answers()


def test_too_many_connections_are_refused_and_others_go_on(running: AgentProcess) -> None:
    def connect() -> socket.socket:
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        link.settimeout(PATIENCE_S)
        link.connect(str(running.socket))
        return link

    links = [connect() for _ in range(MAX_CONNECTIONS)]
    for link in links:  # each is known to be taken once it is answered
        link.sendall(b'{"command":"status"}\n')
        assert json.loads(link.makefile("rb").readline())["ok"]
    with connect() as one_more:
        assert "agent_busy" == json.loads(one_more.makefile("rb").readline())["code"]
    for link in links:
        link.close()
    while not running.answers():
        select.select([], [], [], 0.01)


# --- kill -9 ------------------------------------------------------------------------------------------------


def lines_of(running: AgentProcess) -> Iterator[tuple[str, bytes]]:
    """Yield each command in its order; the journal grows as answers come in."""

    def line(command: str, **members: Any) -> tuple[str, bytes]:  # noqa: ANN401 - whatever a command takes
        return command, json.dumps({"command": command, "tender": TENDER, **members}).encode() + b"\n"

    yield line("publish", suites=[SUITE], now=running.clock)
    published = running.ask({"command": "publish", "tender": TENDER, "suites": [SUITE], "now": running.clock})
    published.pop("ok")
    opening = Opening.draft([published], suites=(SUITE,))
    yield line("sign", policy=opening.text, **opening.to_sign().members())
    opening.seal(3, SUITE)
    yield line("ack", **opening.head(0).members())
    yield line("session_key", window=FIRST)
    opening.close()
    running.set_clock(CLOSES + 1)
    yield line(
        "release",
        window=FIRST,
        session_key=encode_base64(session_public(SUITE)),
        bids=[opening.head(place).members() for place in range(3)],
        released=False,
        now=running.clock,
        **opening.to_release().members(),
    )
    ends = opening.end()
    yield line("destroy", policy=opening.digest, **opening.log.show(*ends).members())


def test_kill_9_after_each_command_and_a_restart_give_the_same_answers(running: AgentProcess) -> None:
    given: dict[str, bytes] = {}
    for command, line in lines_of(running):
        (given[command],) = running.send([line])
        assert json.loads(given[command])["ok"], given[command]
        running.kill()
        running.start()
        assert [given[command]] == running.send([line])
    assert ["publish", "sign", "ack", "session_key", "release", "destroy"] == list(given)


def test_kill_9_in_the_middle_of_each_command_leaves_it_done_or_not_and_never_half(
    running: AgentProcess,
) -> None:
    dice = random.Random(20261124)
    for command, line in lines_of(running):
        if command != "publish":  # its answer was asked for already, to go on with
            running.throw(line)
            select.select([], [], [], dice.random() * 0.03)
            running.kill()
            running.start()
        first, second = running.send([line, line])
        assert json.loads(first)["ok"], (command, first)
        assert first == second
    record = (running.folder / "tenders" / TENDER / "record.jsonl").read_bytes()
    did = [json.loads(one)["did"] for one in record.splitlines()]
    expected = [
        "published",
        "signed",
        "acked",
        "session",
        "target",
        *["released"] * 3,
        "destroying",
        "destroyed",
    ]
    assert expected == did


# --- an opening through the real socket ------------------------------------------------------------------------


async def test_an_opening_through_the_client_refuses_before_the_hour_and_holds_no_secret(
    running: AgentProcess,
) -> None:
    client = running.client
    published = await client.publish(TENDER, [SUITE], BEFORE)
    opening = Opening.draft([published], suites=(SUITE,))
    assert (await client.sign(TENDER, opening.text, opening.to_sign()))["sha256"] == opening.digest
    opening.seal(2, SUITE)
    assert (await client.ack(TENDER, opening.head(0)))["good"]
    session = await client.session_key(TENDER, FIRST)
    opening.close()

    async def refused(clock: int, theirs: int | None = None, *places: int) -> str:
        running.set_clock(clock)
        shown = opening.log.show(*places) if places else opening.to_release()
        heads = [opening.head(place) for place in range(2)]
        now = clock if theirs is None else theirs
        try:
            await client.release(TENDER, FIRST, session, heads, shown, all_released=False, now=now)
        except AgentRefused as error:
            return error.refused
        return ""

    assert ["clock_skewed", "too_early", "too_early"] == [
        await refused(at) for at in (DEADLINE - 3_000, OPENS - 1, CLOSES - 1)
    ]
    assert "clock_skewed" == await refused(CLOSES + 5_000, CLOSES + 7_001)
    assert "evidence_missing" == await refused(CLOSES, None, opening.opened)
    assert "" == await refused(CLOSES)

    secret = bytes(range(32))
    kept = await client.keep(TENDER, "bid/opening", secret)
    assert secret == await client.recall(TENDER, "bid/opening", kept)
    shares = await client.release(
        TENDER,
        FIRST,
        session,
        [opening.head(0)],
        opening.to_release(),
        all_released=False,
        now=CLOSES,
    )
    info = messages.combine_info(1, opening.envelope().parts[0].header.context)
    share = await client.open_release(TENDER, FIRST, shares[0].sealed, info)
    status = await client.status()
    assert ("host", [{"tender": TENDER, "state": "released"}]) == (status["trustee"], status["tenders"])
    running.stop()
    passphrase = find_secret(running.folder)
    (running.folder / "passphrase").unlink()  # the one file that must hold it
    files = b"".join(path.read_bytes() for path in running.base.rglob("*") if path.is_file())
    assert running.log.read_bytes()
    for one in (share, secret, passphrase.encode()):
        for spelling in (one, one.hex().encode(), encode_base64(one).encode()):
            assert spelling not in files


def test_ten_thousand_replays_over_the_socket_give_one_answer(running: AgentProcess) -> None:
    release = b""
    for command, line in lines_of(running):
        if command == "destroy":
            break
        assert json.loads(running.send([line])[0])["ok"]
        release = line
    members = json.loads(release)
    small = [{"bid": one["bid"], "head": "AA==", "size": 1} for one in members["bids"]]
    replay = json.dumps({**members, "bids": small, "proofs": [], "checkpoint": "x"}).encode() + b"\n"
    answers = set(running.send([replay] * 10_000))
    assert set(running.send([release])) == answers
    record = (running.folder / "tenders" / TENDER / "record.jsonl").read_bytes()
    assert 3 == record.count(b'"did":"released"')


def test_two_at_once_get_the_same_share(running: AgentProcess) -> None:
    for command, line in lines_of(running):
        with ThreadPoolExecutor(4) as threads:
            answers = list(threads.map(running.send, [[line]] * 4))
        assert all(one == answers[0] for one in answers), command
