"""What `evalroom archive` does: makes an archive key, opens a document with it, and looks whether all its keys open.

One function a command, from the words given to the lines printed.  A document is written whole or not at all, for this
user alone, and never over another file.  The passphrase comes from a file or a terminal, never from the command line.
"""

import getpass
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import typer

from evalroom.errors import EvalroomError
from evalroom.sealing import facts as sf
from evalroom.sealing.policy import PartName
from evalroom.sealing.sealed_key import open_document as reader_of
from main_site.holder.archive import (
    DocumentNotWritten,
    NoSealedKey,
    NoSuchDocument,
    OpenedArchive,
    document,
    read_archive,
    sealed_bid,
)
from signaling.custody import archive_key
from signaling.custody.agent import harden
from signaling.custody.keys import draw_passphrase

FOUND_WRONG, MISUSE = 1, 2


@dataclass(frozen=True, slots=True)
class Held:
    """The folder of an archive key, and a file with its passphrase, if nobody is to be asked."""

    folder: Path
    passphrase: Path | None


def make_key(folder: Path, plan: archive_key.ArchivePlan, passphrase: Path | None, *, as_json: bool) -> None:
    """Make an archive key; for keys in files the passphrase is drawn and shown this once, unless a file has it."""
    with _told(as_json=as_json):
        harden()
        drawn = "" if passphrase or plan.provider != "file" else draw_passphrase()
        made = archive_key.make(folder, plan, drawn or _secret(passphrase, twice=True))
    public = folder / archive_key.PUBLIC
    result = {"name": made.name, "who": made.who, "public": str(public)}
    if drawn:
        result["passphrase"] = drawn
    lines = [
        f"归档密钥已生成 archive key made: {made.name}",
        f"  公开文件 public file  {public}  （交给主场 give it to the host: setting archive_keys）",
    ]
    if drawn:
        lines.append(f"  口令 passphrase      {drawn}  （只显示这一次 shown this once）")
    lines.append(
        "文件夹与口令分开保存多年 keep the folder and the passphrase apart, for as long as the archives are kept"
    )
    _say(result, lines, as_json=as_json)


def open_document(archive: Path, held: Held, bid: str, part: PartName, out: Path, *, as_json: bool) -> None:
    """Write the document of an opened part to `out`, once it is seen to be the one that was judged."""
    with _told(as_json=as_json):
        harden()
        opened = read_archive(archive)
        fact = _sealed_key(opened, held, bid, part)
        with (
            archive_key.unlocked(held.folder, _secret(held.passphrase)) as keys,
            sealed_bid(opened, fact.bid) as found,
        ):
            _write(out, document(opened, fact, keys(found[0].suite.code), found))
    told = opened.judged[fact.bid, part]
    result = {"bid": fact.bid, "part": part.value, "out": str(out), "sha256": told.sha256, "size": told.size}
    _say(result, [f"已打开并核对 opened and checked: {out}", f"  SHA-256 {told.sha256}"], as_json=as_json)


def check_keys(archive: Path, held: Held, *, as_json: bool) -> None:
    """Open every content key that was sealed to this archive key, and compare each with its part; exit 1 if one is wrong."""
    with _told(as_json=as_json):
        harden()
        opened = read_archive(archive)
        mine = opened.sealed_for(opened.recipient(archive_key.read_public(held.folder)))
        if not mine:
            raise NoSealedKey(archive=str(archive))
        with archive_key.unlocked(held.folder, _secret(held.passphrase)) as keys:
            for fact in mine:
                with sealed_bid(opened, fact.bid) as (envelope, read):
                    reader_of(envelope, fact, keys(envelope.suite.code), read)
    line = f"全部可用 all of them open: {len(mine)}"
    _say({"keys": len(mine)}, [line], as_json=as_json)


def _sealed_key(opened: OpenedArchive, held: Held, bid: str, part: PartName) -> sf.PartKeySealed:
    number = opened.number(bid)
    if (number, part) not in opened.judged:
        raise NoSuchDocument(bid=bid[:64], part=part)
    name = opened.recipient(archive_key.read_public(held.folder))
    found = opened.sealed.get((number, part, name))
    if found is None:
        raise NoSealedKey(bid=bid[:64], part=part, recipient=name)
    return found


def _write(out: Path, pieces: Iterator[bytes]) -> None:
    fresh = out.with_name(f"{out.name}.{os.getpid()}.new")
    try:
        if out.exists():
            raise DocumentNotWritten(file=str(out), problem="it exists")
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(out)
    except OSError as error:
        raise DocumentNotWritten(file=str(out), problem=error.strerror) from error
    finally:
        fresh.unlink(missing_ok=True)


def _secret(path: Path | None, *, twice: bool = False) -> str:
    if path is not None:
        try:
            return path.read_text("utf-8-sig").partition("\n")[0].strip()
        except (OSError, UnicodeDecodeError):
            typer.echo(f"{path} has no passphrase in its first line", err=True)
            raise typer.Exit(MISUSE) from None
    said = getpass.getpass("口令或 PIN passphrase or PIN: ")
    if twice and said != getpass.getpass("再输一次 once more: "):
        typer.echo("the two differ", err=True)
        raise typer.Exit(MISUSE)
    return said


@contextmanager
def _told(*, as_json: bool) -> Iterator[None]:
    """End the command with status 1 when the block fails with an error of ours, and tell it."""
    try:
        yield
    except EvalroomError as error:
        facts = {"code": error.code, "sentence": error.sentence(), "detail": error.detail}
        text = json.dumps({"error": facts}, ensure_ascii=False) if as_json else f"{error} ({error.code})"
        typer.echo(text, err=not as_json)
        raise typer.Exit(FOUND_WRONG) from None


def _say(result: Mapping[str, object], lines: list[str], *, as_json: bool) -> None:
    typer.echo(json.dumps(result, ensure_ascii=False) if as_json else "\n".join(lines))
