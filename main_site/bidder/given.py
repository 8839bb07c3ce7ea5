"""The files and words that a bidder's commands are given: bids and their keys found, receipts kept, misuse told.

Files are written whole under a new name: neither a bid nor a key file is ever overwritten, a receipt only by a later
one of the same bid.
"""

import getpass
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import typer

from evalroom.errors import Refusal
from evalroom.sealing.envelope import MAGIC, Envelope
from main_site.bidder import receipts
from main_site.bidder.envelope_file import BidFileUnusable, glance, opened, stored
from main_site.bidder.keyfile import BidKeys, BidRecord, check_passphrase, read_record, unlock
from main_site.bidder.sealing import key_path

MISUSE = 2


class OtherPolicy(Refusal):
    """The policy is not the one meant: nothing was sealed or sent; fetch it again and compare it with the notice."""

    code = "other_policy"


@dataclass(frozen=True, slots=True)
class KeysAt:
    """Where the keys of a bid are, if not beside it, and a file with their passphrase, if nobody is to be asked."""

    keys: Path | None
    passphrase: Path | None


def known(envelope: Envelope) -> receipts.Known:
    """Return what a receipt of this envelope must say."""
    return receipts.Known(envelope.policy.tender, envelope.bid, envelope.root, envelope.digest, envelope.size)


def known_of(path: Path) -> receipts.Known:
    """Return which bid a file is about: the envelope or its key file."""
    with stored(path) as source:
        if source.read(0, 4) == MAGIC:
            seen = glance(source)
            return receipts.Known(seen.tender, seen.bid, seen.trailer.root, seen.digest, seen.size)
    record = read_record(path)
    return receipts.Known(record.tender, record.bid, record.root, record.digest, record.size)


def bid_path(path: Path) -> Path:
    """Return where the envelope lies, or would, given it or its key file."""
    return path.with_name(path.name.removesuffix(".key"))


def keys_of(bid: Path, at: KeysAt) -> tuple[BidRecord, BidKeys]:
    """Return the keys of a bid: those named, those in `bid` itself, or those beside it.

    Raises:
        MalformedKeyFile, BidKeysLocked, WeakPassphrase, BidFileUnusable: they do not open.
        typer.Exit: there are none.
    """
    path = at.keys or (bid if bid.name.endswith(".key") else key_path(bid))
    if not path.is_file():
        misuse(f"there are no keys at {path}: name them with --keys")
    return unlocked(path, at.passphrase)


def unlocked(path: Path, passphrase: Path | None) -> tuple[BidRecord, BidKeys]:
    """Return what a key file holds; whoever sits there is asked where no file has the passphrase.

    Raises:
        MalformedKeyFile, BidKeysLocked, WeakPassphrase, BidFileUnusable: it does not open.
    """
    said = first_line(passphrase) if passphrase else getpass.getpass(f"{path.name} 口令 passphrase: ")
    try:
        return unlock(path, check_passphrase(said))
    except OSError as error:
        raise BidFileUnusable(file=path.name, reason=error.strerror or "read") from error


def first_line(path: Path) -> str:
    """Return the first line of a text file.

    Raises:
        BidFileUnusable: it cannot be read, or is no text.
    """
    try:
        return content(path).decode("utf-8-sig").partition("\n")[0].rstrip("\r")
    except UnicodeDecodeError as error:
        raise BidFileUnusable(file=path.name, reason="not UTF-8") from error


def content(path: Path) -> bytes:
    """Return a file's bytes, at most 1 MiB of them.

    Raises:
        BidFileUnusable: it cannot be read.
    """
    with opened(path) as file:
        try:
            return file.read(1 << 20)
        except OSError as error:
            raise BidFileUnusable(file=path.name, reason=error.strerror or "read") from error


def keep_receipt(bid: Path, text: str, known: receipts.Known) -> Path:
    """Write the receipt beside the bid, once it is seen to be this bid's, and return where."""
    receipts.check_belongs(text.encode(), known)
    path = bid.with_name(f"{known.number}.receipt")
    write_file(path, text.encode(), anew=False)
    return path


def write_file(path: Path, data: bytes, *, anew: bool) -> None:
    """Write a file whole or not at all; `anew` refuses to replace one."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        if anew and path.exists():
            raise BidFileUnusable(file=path.name, reason="it exists")
        with fresh.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise BidFileUnusable(file=path.name, reason=error.strerror or "write") from error


def instant(ms: int) -> str:
    """Return UTC milliseconds as people here write an instant."""
    return datetime.fromtimestamp(ms / 1000, UTC).astimezone().isoformat(timespec="seconds")


def misuse(sentence: str) -> NoReturn:
    """Say what was used wrongly and end with status 2.

    Raises:
        typer.Exit: always.
    """
    typer.echo(sentence, err=True)
    raise typer.Exit(MISUSE)
