"""The files and words that a bidder's commands are given: bids and their keys found, secrets asked for, receipts kept.

Files are written whole under a new name: neither a bid nor a key file is ever overwritten, a receipt only by a later
one of the same bid.
"""

import getpass
import os
import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from evalroom.errors import EvalroomError, LocalFault, Refusal
from evalroom.sealing.envelope import MAGIC, Envelope
from evalroom.sealing.receipt import Receipt, parse_receipt
from main_site.bidder import receipts
from main_site.bidder.envelope_file import BidFileUnusable, glance, opened, stored
from main_site.bidder.keyfile import BidKeys, BidRecord, check_passphrase, read_record, unlock
from main_site.bidder.sealing import key_path
from main_site.bidder.slots import TokenSlot
from main_site.bidder.telling import Misused, NoSuchFile

MOST_RECEIPTS = 64


class OtherPolicy(Refusal):
    """The policy is not the one meant: nothing was sealed or sent; fetch it again and compare it with the notice."""

    code = "other_policy"


class NobodyToAsk(Misused):
    """A secret is wanted and no terminal is here to ask at: nothing was sealed or sent; name the file that holds it."""

    code = "nobody_to_ask"


class NoKeys(Misused):
    """There is no key file where it is looked for: nothing was sent; name it with --keys, or another slot."""

    code = "no_keys"


class ReceiptNotKept(LocalFault):
    """The host has the bid, its receipt could not be written here: make room beside it and fetch it by `bid status`."""

    code = "receipt_not_kept"


@dataclass(frozen=True, slots=True)
class KeysAt:
    """Where the keys of a bid are, if not beside it, and a file with their passphrase, if nobody is to be asked."""

    keys: Path | None = None
    passphrase: Path | None = None


@dataclass(frozen=True, slots=True)
class There:
    """Which host, whose authority is trusted if not the machine's, and after how many seconds of silence it is given up."""

    host: str
    ca: Path | None = None
    give_up: float | None = None


def ask(prompt: str) -> str:
    """Return what whoever sits at the terminal types, unseen.

    Raises:
        NobodyToAsk: nobody does.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "error", getpass.GetPassWarning
            )  # it would read a pipe, and show what it reads
            return getpass.getpass(prompt)
    except (EOFError, getpass.GetPassWarning) as error:
        raise NobodyToAsk(wanted=prompt.strip(" :")) from error


def known(envelope: Envelope) -> receipts.Known:
    """Return what a receipt of this envelope must say."""
    return receipts.Known(envelope.policy.tender, envelope.bid, envelope.root, envelope.digest, envelope.size)


def known_of(path: Path) -> receipts.Known:
    """Return which bid a file is about: the envelope or its key file."""
    with stored(path) as source:
        if source.read(0, 4) == MAGIC:
            seen = glance(source)
            return receipts.Known(seen.tender, seen.bid, seen.trailer.root, seen.digest, seen.size)
    record = _record(path)
    return receipts.Known(record.tender, record.bid, record.root, record.digest, record.size)


def bid_path(path: Path) -> Path:
    """Return where the envelope lies, or would, given it or its key file."""
    return path.with_name(path.name.removesuffix(".key"))


def record_of(path: Path) -> BidRecord | None:
    """Return what a key file says in clear, None where the file is an envelope.

    Raises:
        MalformedKeyFile, BidFileUnusable: it is neither.
    """
    return None if is_envelope(path) else _record(path)


def _record(path: Path) -> BidRecord:
    try:
        return read_record(path)
    except FileNotFoundError as error:
        raise NoSuchFile(file=str(path)) from error
    except OSError as error:
        raise BidFileUnusable(file=path.name, reason=error.strerror or "read") from error


def is_envelope(path: Path | None) -> bool:
    """Say whether a sealed bid lies there."""
    if path is None or not path.is_file():
        return False
    with stored(path) as source:
        return source.read(0, 4) == MAGIC


def lies_at(bid: object, keys: Path | None) -> Path | None:
    """Return where the envelope lies, or would: it was named, or lies beside the key file."""
    if isinstance(bid, Path):
        return bid_path(bid)
    return bid_path(keys) if keys else None


def receipts_beside(bid: Path) -> Iterator[tuple[Path, Receipt]]:
    """Yield the receipts that lie in the folder of a bid, as far as they are some; their proofs are not looked at."""
    for path in sorted(bid.parent.glob("*.receipt"))[:MOST_RECEIPTS]:
        with suppress(EvalroomError):
            yield path, parse_receipt(content(path))


def keys_of(bid: Path | None, at: KeysAt) -> tuple[BidRecord, BidKeys]:
    """Return the keys of a bid: those named, those in `bid` itself, or those beside it.

    Raises:
        MalformedKeyFile, BidKeysLocked, WeakPassphrase, BidFileUnusable, NobodyToAsk: they do not open.
        NoKeys: there are none.
    """
    path = at.keys
    if path is None and bid is not None:
        path = bid if bid.name.endswith(".key") else key_path(bid)
    if path is None:
        raise Misused(reason="name the bid, or its key file with --keys")
    if not path.is_file():
        raise NoKeys(file=str(path))
    return unlocked(path, at.passphrase)


def unlocked(path: Path, passphrase: Path | None) -> tuple[BidRecord, BidKeys]:
    """Return what a key file holds; whoever sits there is asked where no file has the passphrase.

    Raises:
        MalformedKeyFile, BidKeysLocked, WeakPassphrase, BidFileUnusable: it does not open.
    """
    said = first_line(passphrase) if passphrase else ask(f"{path.name} 口令 passphrase: ")
    try:
        return unlock(path, check_passphrase(said))
    except FileNotFoundError as error:
        raise NoSuchFile(file=str(path)) from error
    except OSError as error:
        raise BidFileUnusable(file=path.name, reason=error.strerror or "read") from error


def pin_of(slot: TokenSlot) -> str:
    """Return the PIN of a token, from the file that the slot names, else from whoever sits there.

    Raises:
        NobodyToAsk, BidFileUnusable: nobody gives it.
    """
    return first_line(slot.pin) if slot.pin else ask(f"{slot.token} PIN: ")


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
    """Write the receipt beside the bid, once it is seen to be this bid's, and return where.

    Raises:
        ReceiptOfAnotherBid, MalformedReceipt, MalformedProof, ReceiptMismatch: it is none of this bid's.
        ReceiptNotKept: it cannot be written.
    """
    receipts.check_belongs(text.encode(), known)
    path = bid.with_name(f"{known.number}.receipt")
    try:
        write_file(path, text.encode(), anew=False)
    except BidFileUnusable as error:
        raise ReceiptNotKept(**error.detail) from error
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
