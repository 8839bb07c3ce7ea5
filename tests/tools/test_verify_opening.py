"""A stranger with one script finds every lie in an opening, and none in an honest one."""

import ast
import hashlib
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from evalroom.ledger.canonical import canonical
from evalroom.ledger.entry import encode, parse_entry
from evalroom.ledger.journal import Journal
from evalroom.sealing.receipt import issue_receipt
from evalroom.sealing.suites import find_suite
from tests.tools import transcript

SCRIPT = Path(__file__).parents[2] / "tools" / "verify_opening.py"
POLICY = transcript.made().sha256
Lie = Callable[[Path], None]


@cache
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("verify_opening", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return transcript.made().lay(tmp_path_factory.mktemp("honest"))


@pytest.fixture
def folder(honest: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(honest, tmp_path / "archive"))


def verdict(folder: Path, capsys: pytest.CaptureFixture[str], *given: str) -> tuple[int, str]:
    """Return the exit status and the last line."""
    status = script().main(str(folder), *given)
    return status, capsys.readouterr().out.splitlines()[-1]


def test_the_script_is_short_and_imports_nothing_of_ours() -> None:
    text = SCRIPT.read_text("utf-8")
    assert len(text.splitlines()) <= 300
    roots = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            roots |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            roots.add((node.module or ".").split(".")[0])
    assert {"cryptography"} == roots - set(sys.stdlib_module_names)


@pytest.mark.parametrize("suites", [(0x01,), (0x02,), (0x01, 0x02)])
def test_an_honest_opening_passes_every_step(
    tmp_path: Path, suites: tuple[int, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    story = transcript.made(suites)
    assert 0 == script().main(str(story.lay(tmp_path)), *transcript.KEYS, story.sha256)
    said = capsys.readouterr().out
    assert 7 == said.count("ok   ")
    assert "3 of 3 keys known from outside" in said
    assert "known from outside: yes" in said


def test_an_opening_under_the_national_suite_passes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        find_suite(0x11).check_available()
    except Exception as error:  # noqa: BLE001 - whatever this machine lacks
        pytest.skip(f"suite 0x11: {error}")
    assert 0 == script().main(str(transcript.made((0x11,)).lay(tmp_path)))
    assert "4 texts opened with published keys" in capsys.readouterr().out


def test_it_runs_anywhere_without_the_product(honest: Path, tmp_path: Path) -> None:
    alone = shutil.copy(SCRIPT, tmp_path / "verify_opening.py")
    ran = subprocess.run(
        [sys.executable, "-I", alone, str(honest)], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert (0, "") == (ran.returncode, ran.stderr)
    assert "0 of 3 keys known from outside" in ran.stdout


def test_keys_and_policy_of_another_notice_are_refused(
    honest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stranger = transcript.WITNESSES[0].verifier.encode().replace("north", "nord")
    assert verdict(honest, capsys, stranger) == (
        1,
        "FAIL 1 journal: ValueError a key that is not the journal's",
    )
    assert (1, "FAIL 2 policy") == _cut(verdict(honest, capsys, "00" * 32))


def _cut(found: tuple[int, str]) -> tuple[int, str]:
    return found[0], found[1].partition(":")[0]


# --- lies: each changes files alone, or writes the journal anew and signs it as the host and both witnesses could ---


def journal_path(folder: Path) -> Path:
    return folder / "data" / "log" / "entries.jsonl"


def opening(folder: Path, name: str) -> Path:
    [found] = sorted((folder / "data" / "docs" / "opening").glob(name))[:1]
    return found


def flip(path: Path, at: int = -1) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def rewritten(change: Callable[[str, dict[str, object]], bool], later: int = 0) -> Lie:
    """Return a lie in the journal; `change` gets type and body of each entry and says whether to keep it.

    The checkpoints are made anew by everybody who signs, so that nothing but the lie itself can give it away.
    """

    def lie(folder: Path) -> None:
        story = transcript.Transcript(transcript.made().terms)
        story.clock += later
        for line in journal_path(folder).read_bytes().splitlines():
            entry = parse_entry(line)
            if change(entry.type, entry.body):  # type: ignore[arg-type]  # JSON is an object to the lie
                story.write(entry.type, entry.body)
        story.sign()
        journal_path(folder).write_bytes(b"".join(line + b"\n" for line in story.lines))
        (folder / "data" / "log" / "checkpoints.txt").write_bytes(story.notes[0].encode())
        _receipts_anew(folder, story)

    return lie


def _receipts_anew(folder: Path, story: transcript.Transcript) -> None:
    for index, line in enumerate(story.lines):
        body = parse_entry(line).body
        path = folder / f"data/docs/opening/receipts/{body.get('bid')}.receipt"
        if parse_entry(line).type == "BidSubmitted" and path.exists():
            proof = story.journal.tree.inclusion_proof(index, story.journal.size)
            receipt = issue_receipt("EV-2026-0001", line, proof, story.notes[0])
            path.write_bytes(receipt.encode())


def set_in(kind: str, name: str, value: object) -> Lie:
    """Return a lie that sets a member in the first entry of a type."""
    done: list[int] = []

    def change(type_: str, body: dict[str, object]) -> bool:
        if type_ == kind and not done:
            done.append(1)
            body[name] = value
        return True

    def lie(folder: Path) -> None:
        done.clear()
        rewritten(change)(folder)

    return lie


def without(kind: str, nth: int = 0) -> Lie:
    """Return a lie that leaves one entry of a type out."""

    def lie(folder: Path) -> None:
        seen: list[int] = []

        def change(type_: str, _: dict[str, object]) -> bool:
            if type_ == kind:
                seen.append(1)
            return type_ != kind or len(seen) != nth + 1

        rewritten(change)(folder)

    return lie


def cheaper(folder: Path) -> None:
    """Change a price in the record, its hash, its file and the journal's entry alike."""
    path = opening(folder, "record-second.json")
    text = path.read_text("utf-8").replace("123456700", "123456699")
    path.write_text(text, "utf-8")
    sha256 = hashlib.sha256(text.encode()).hexdigest()

    def change(type_: str, body: dict[str, object]) -> bool:
        if type_ == "OpeningRecorded" and body["window"] == "second":
            body |= {"record": text, "sha256": sha256}
        return True

    rewritten(change)(folder)


def unjudged(folder: Path) -> None:
    """Leave a listed bid out of every verdict and record."""
    gone = min(path.stem for path in (folder / "data/docs/opening/envelopes").iterdir())
    texts = {}
    for window in ("first", "second"):
        path = opening(folder, f"record-{window}.json")
        record = json.loads(path.read_text("utf-8"))
        record["rows"] = [row for row in record["rows"] if row["number"] != gone]
        texts[window] = canonical(record)
        path.write_bytes(texts[window])

    def change(type_: str, body: dict[str, object]) -> bool:
        if type_ == "OpeningRecorded":
            text = texts[str(body["window"])]
            body |= {"record": text.decode(), "sha256": hashlib.sha256(text).hexdigest()}
        return not (type_ in {"BidJudged", "PartKeyPublished"} and body["bid"] == gone)

    rewritten(change)(folder)


def own_witnesses(folder: Path) -> None:
    """Leave the cosignatures away from the closed list on."""
    path = folder / "data" / "log" / "checkpoints.txt"
    north = transcript.WITNESSES[0].verifier.name
    path.write_text(re.sub(f"— {north} .*\n", "", path.read_text("utf-8")), "utf-8")


LIES: dict[str, tuple[int, Lie]] = {
    "a byte of the journal": (1, lambda folder: flip(journal_path(folder), 1000)),
    "the journal's end cut": (1, lambda folder: cut(journal_path(folder))),
    "cosignatures left away": (1, own_witnesses),
    "a byte of the checkpoints": (1, lambda folder: flip(folder / "data/log/checkpoints.txt", -3)),
    "another policy file": (2, lambda folder: flip(opening(folder, "policy.json"), 40)),
    "a signature nobody gave": (2, without("PolicySigned")),
    "a trustee's signature": (2, set_in("PolicySigned", "signature", "AA==")),
    "bids under another policy": (2, set_in("SubmissionsOpened", "policy", "00" * 32)),
    "a bid left out of the list": (3, set_in("BidsClosed", "bids", [])),
    "a bid that was never taken back": (3, without("BidWithdrawn")),
    "a submission left out": (3, without("BidSubmitted", 2)),
    "bids after the deadline": (3, rewritten(lambda *_: True, later=60_000)),
    "an envelope lost": (4, lambda folder: opening(folder, "envelopes/*").unlink()),
    "a byte of ciphertext": (4, lambda folder: flip(opening(folder, "envelopes/*"), 90_000)),
    "a byte of a header": (4, lambda folder: flip(opening(folder, "envelopes/*"), 40)),
    "a byte of the signature": (4, lambda folder: flip(opening(folder, "envelopes/*"), -20)),
    "an envelope cut": (4, lambda folder: cut(opening(folder, "envelopes/*"))),
    "a receipt lost": (5, lambda folder: opening(folder, "receipts/*").unlink()),
    "a byte of a receipt": (5, lambda folder: flip(opening(folder, "receipts/*"), 60)),
    "a verdict turned": (6, set_in("BidJudged", "verdict", "revoked")),
    "a verdict left out": (6, without("BidJudged")),
    "a record's file": (6, lambda folder: flip(opening(folder, "record-first.json"), 30)),
    "a bid without a verdict": (6, unjudged),
    "another price": (7, cheaper),
    "a key that opens nothing": (7, set_in("PartKeyPublished", "key", "00" * 32)),
    "a price's key kept back": (7, without("PartKeyPublished", 2)),
}  # fmt: skip


@pytest.mark.parametrize("name", LIES)
def test_a_lie_is_found_at_its_step(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    step, lie = LIES[name]
    lie(folder)
    status, last = verdict(folder, capsys)
    assert (1, f"FAIL {step}") == (status, last[:6]), last


def test_rewriting_alone_is_no_lie(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rewritten(lambda *_: True)(folder)
    assert 0 == verdict(folder, capsys)[0]


def test_a_rewritten_journal_is_found_out_by_a_receipt_that_was_kept(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = opening(folder, "receipts/*")
    data = kept.read_bytes()
    set_in("CoverMade", "noise", "01ff")(folder)
    kept.write_bytes(data)
    assert (1, "FAIL 5 receipts") == _cut(verdict(folder, capsys))


def test_bytes_that_are_nothing_end_in_a_failed_step(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (1, "FAIL 1 journal") == _cut(verdict(tmp_path, capsys))
    (tmp_path / "log").mkdir()
    for data in (b"", b"\n", b"{}\n", b"[" * 100_000 + b"\n", b"\xff\n", b'{"a":1.5}\n'):
        (tmp_path / "log" / "entries.jsonl").write_bytes(data)
        assert (1, "FAIL 1 journal") == _cut(verdict(tmp_path, capsys))


def test_every_entry_of_the_sample_is_the_rooms_own() -> None:
    story = transcript.made()
    journal = Journal(transcript.ORIGIN)
    for line in story.lines:
        entry = parse_entry(line)
        assert encode(entry) == line
        journal.append(entry)
    assert journal.root() == story.journal.root()
