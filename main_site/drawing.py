"""`evalroom draw`: repeat a draw from its file, take one out of an archive, make an expert pool ready to be drawn from.

Nothing here needs a host or a network.  An archive is only read; whether it is whole is the matter of `evalroom verify`.
"""

import json
import secrets
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from evalroom.draws.draw_file import LINES, MAX_FILE, read_draw_file, write_draw_file
from evalroom.draws.facts import ExpertClass
from evalroom.draws.pool import Expert, publish
from evalroom.draws.recheck import Mark, Report, recheck
from evalroom.errors import EvalroomError, Refusal
from evalroom.ids import DrawId, SessionId, check_name
from evalroom.ledger.checkpoint import SignedCheckpoint, check_quorum, open_checkpoint
from evalroom.ledger.entry import leaf_hash
from evalroom.ledger.merkle import Tree
from evalroom.ledger.note import parse_note, parse_vkey
from evalroom.ledger.proof import TlogProof
from evalroom.sealing.dealing import SECRET_SIZE
from evalroom.sealing.policy import parse_policy
from evalroom.sealing.roster import seal_roster as seal
from evalroom.sealing.stream import SALT_SIZE

FOUND_WRONG, MISUSE = 1, 2
NONCE_SIZE = 32
_MARKS = {Mark.PASSED: "通过 pass", Mark.FAILED: "失败 FAIL", Mark.ABSENT: "缺少 none"}
_HEADLINES = {
    True: "抽签可复算，结果成立 The draw comes out again.",
    False: "抽签未通过 The draw does not come out.",
}


class NoSuchDraw(Refusal):
    """The archive holds no draw of that name: `draw export DIR` without a name lists those it holds."""

    code = "no_such_draw"


class UnreadableArchive(Refusal):
    """The folder holds no journal that can be read: give the folder that holds bagit.txt, and verify it."""

    code = "unreadable_archive"


class UnusablePool(Refusal):
    """The file is no expert pool: a table `[[expert]]` with id, type, region and units for each, and `against`."""

    code = "unusable_pool"


class UnusableRoster(Refusal):
    """The file is no roster: JSON, a list of objects whose members are texts; nothing was sealed."""

    code = "unusable_roster"


# --- check ------------------------------------------------------------------------------------------------


def check_draw(file: Path, keys: Sequence[str], *, as_json: bool) -> int:
    """Repeat a draw, print every step and return the exit status."""
    try:
        for key in keys:
            parse_vkey(key)
        with file.open("rb") as handle:
            data = handle.read(MAX_FILE + 1)
        read = read_draw_file(data)
    except (OSError, EvalroomError) as error:
        typer.echo(error, err=True)
        return MISUSE
    report = recheck(read, keys)
    if as_json:
        facts = {"draw": read.declared.draw, "session": read.session, "ok": report.ok, **asdict(report)}
        typer.echo(json.dumps(facts, ensure_ascii=False, indent=1))
    else:
        typer.echo(written(report))
    return 0 if report.ok else FOUND_WRONG


def written(report: Report) -> str:
    """Write a report for people: each step, what it found below it."""
    lines = []
    for step in report.steps:
        lines.append(f"{_MARKS[step.mark]}  {step.number}  {step.name('zh')} / {step.name()}")
        lines += [f"              {line}" for line in step.lines]
    return "\n".join([*lines, _HEADLINES[report.ok]])


# --- export -----------------------------------------------------------------------------------------------


def export_draw(directory: Path, draw: str) -> bytes:
    """Return the file of a draw of an archived session, with its proofs.

    Raises:
        UnreadableArchive: there is no journal there, or no checkpoint that a quorum cosigned covers the draw.
        NoSuchDraw: the session had no such draw.
    """
    entries = _entries(directory)
    read = [json.loads(entry) for entry in entries]
    lines = [one["seq"] for one in read if one["type"] in LINES and one["body"]["draw"] == draw]
    if not lines:
        raise NoSuchDraw(draw=draw[:64], there=", ".join(draws_of(directory))[:500])
    people = {read[seq]["actor"] for seq in lines}
    seats = [one["seq"] for one in read if one["type"] == "SeatJoined" and one["actor"] in people]
    opened = read[0]["body"]
    signed, note = _covering(directory, opened["keys"], max(lines))
    seats = [seq for seq in seats if seq < signed.checkpoint.size]
    tree = Tree()
    for entry in entries[: signed.checkpoint.size]:
        tree.append(leaf_hash(entry))
    proofs = [
        TlogProof(seq, tuple(tree.inclusion_proof(seq, signed.checkpoint.size)), note).encode().decode()
        for seq in (*lines, *seats)
    ]
    keys = opened["keys"]
    more = {
        "seats": [read[seq] for seq in seats],
        "proofs": proofs,
        "keys": {
            "log": keys["log"],
            "witnesses": [one["vkey"] for one in keys["witnesses"]],
            "quorum": keys["quorum"],
        },
    }
    return write_draw_file(opened["session"], [read[seq] for seq in lines], more)


def draws_of(directory: Path) -> list[str]:
    """List the draws of an archived session.

    Raises:
        UnreadableArchive: there is no journal there.
    """
    read = (json.loads(entry) for entry in _entries(directory))
    return [one["body"]["draw"] for one in read if one["type"] == "DrawDeclared"]


def _entries(directory: Path) -> list[bytes]:
    try:
        lines = (directory / "data" / "log" / "entries.jsonl").read_bytes().splitlines()
        if not lines or json.loads(lines[0])["type"] != "SessionOpened":
            raise UnreadableArchive(directory=str(directory), problem="no session begins here")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UnreadableArchive(directory=str(directory), problem=type(error).__name__) from error
    return lines


def _covering(directory: Path, keys: Mapping[str, Any], seq: int) -> tuple[SignedCheckpoint, Any]:
    """Return the last checkpoint that a quorum cosigned, which covers entry `seq`."""
    log, witnesses = parse_vkey(keys["log"]), [parse_vkey(one["vkey"]) for one in keys["witnesses"]]
    found = None
    for text in _notes(directory / "data" / "log" / "checkpoints.txt"):
        try:
            signed = open_checkpoint(text, log, witnesses)
            check_quorum(signed, keys["quorum"])
        except EvalroomError:
            continue
        found = (signed, parse_note(text))
    if found is None or found[0].checkpoint.size <= seq:
        raise UnreadableArchive(directory=str(directory), problem="no cosigned checkpoint covers the draw")
    return found


def _notes(path: Path) -> Iterator[bytes]:
    """Yield the notes of checkpoints.txt: after its signature lines the next other line begins another."""
    try:
        lines = path.read_text("utf-8").splitlines(keepends=True)
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableArchive(problem=type(error).__name__, file=path.name) from error
    note: list[str] = []
    for line in lines:
        if note and note[-1].startswith("— ") and not line.startswith("— "):
            yield "".join(note).encode()
            note = []
        note.append(line)
    yield "".join(note).encode()


# --- pool -------------------------------------------------------------------------------------------------


def prepare_pool(pool: Path, session: str, draw: str) -> tuple[bytes, bytes]:
    """Return what is published of a pool for one draw, and the openings of its units, which stay with the pool.

    Raises:
        UnusablePool: the file is no pool.
        MalformedName: session or draw has no name that can be one.
    """
    check_name(session)
    check_name(draw)
    try:
        value = tomllib.loads(pool.read_text("utf-8"))
        against = [str(one) for one in value["against"]]
        experts = [_expert(one) for one in value["expert"]]
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise UnusablePool(problem=f"{type(error).__name__}: {error}"[:200]) from error
    if len({one.id for one in experts}) != len(experts):
        raise UnusablePool(problem="an expert stands in it twice")
    published, openings = [], []
    for one in experts:
        nonce = secrets.token_bytes(NONCE_SIZE)
        published.append(asdict(publish(one, SessionId(session), DrawId(draw), against, nonce)))
        openings.append({"id": one.id, "units": list(one.units), "nonce": nonce.hex()})
    return _json(published), _json({"against": against, "experts": openings})


def _expert(row: Mapping[str, Any]) -> Expert:
    unknown = row.keys() - {"id", "type", "region", "units"}
    if unknown:
        raise ValueError(f"unknown columns {', '.join(sorted(unknown))}")
    units = tuple(str(one) for one in row["units"])
    return Expert(str(row["id"]), ExpertClass(row["type"]), str(row["region"]), units)


def open_pool(file: Path, openings: Path) -> bytes:
    """Return a draw's file with the openings of its experts' units put in.

    Raises:
        MalformedDrawFile, UnusablePool: one of the files is none.
    """
    try:
        value, pool = json.loads(file.read_bytes()), json.loads(openings.read_bytes())
        more = {name: value[name] for name in ("seats", "proofs", "keys") if name in value}
        data = write_draw_file(value["session"], value["facts"], {**more, "pool": pool})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UnusablePool(problem=f"{type(error).__name__}: {error}"[:200]) from error
    read_draw_file(data)
    return data


# --- roster -----------------------------------------------------------------------------------------------


def seal_roster(roster: Path, policy: Path, draw: str) -> bytes:
    """Return a roster sealed to the trustees of a policy.

    Raises:
        UnusableRoster: the file is no list of objects with text members.
        MalformedPolicy, PolicyRefuses: the policy is none, or has no trustees with shares.
        OSError: a file cannot be read.
    """
    terms = parse_policy(policy.read_bytes())
    check_name(draw)
    try:
        rows = json.loads(roster.read_bytes())
        fit = isinstance(rows, list) and rows and all(_is_row(one) for one in rows)
    except (ValueError, RecursionError) as error:
        raise UnusableRoster(problem=type(error).__name__) from error
    if not fit:
        raise UnusableRoster(problem="a list of objects with text members")
    text = json.dumps(rows, ensure_ascii=False).encode()
    return seal(terms, DrawId(draw), text, secrets.token_bytes(SECRET_SIZE), secrets.token_bytes(SALT_SIZE))


def _is_row(one: object) -> bool:
    return isinstance(one, dict) and bool(one) and all(isinstance(value, str) for value in one.values())


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n"
