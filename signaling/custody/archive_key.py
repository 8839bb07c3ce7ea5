"""An archive key: made once, kept for years, and used when a document must be read after the trustees' keys are gone.

Its public file goes to the host, which names it in the policies of its tenders; the private half needs no machine
that is on a network, and no agent.  It lies with a key provider like a trustee's keys (`keys.py`), under a passphrase
that is drawn here, told once and kept nowhere.  Refused: a second key in one folder, and keys that are no longer
those of the public file.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from evalroom.errors import LocalFault, PeerFault, Refusal
from evalroom.ids import check_name
from evalroom.sealing.policy import Recipient, TrusteeKey, encode_recipient, parse_recipient
from evalroom.sealing.suite import OpeningKey
from signaling.custody.agent import MAX_WHO, MalformedWho, open_provider
from signaling.custody.folder import RecordDamaged, check_private, lock, make_folder, read_json, write_file
from signaling.custody.keys import CustodyLacksSuite, KeyLabel
from signaling.custody.trustee import KeyReplaced

PUBLIC, CUSTODY = "archive-key.json", "custody.json"
OWNER, USE = "archive", "read"


class ArchiveKeyExists(LocalFault):
    """There is an archive key in this folder already, and policies name it: take another folder."""

    code = "archive_key_exists"


class NoArchiveKey(LocalFault):
    """There is no archive key in this folder: name the folder in which `archive make-key` made it."""

    code = "no_archive_key"


@dataclass(frozen=True, slots=True)
class ArchivePlan:
    """What `archive make-key` is told."""

    name: str
    who: str
    suites: tuple[int, ...]
    provider: str = "file"
    options: tuple[tuple[str, str], ...] = ()


def make(folder: Path, plan: ArchivePlan, secret: str) -> Recipient:
    """Make an archive key in `folder` and return its public half, whose file stands in the folder then.

    Raises:
        ArchiveKeyExists, FolderOpenToOthers: the folder.
        MalformedName, MalformedWho, CustodyLacksSuite, UnknownSuite, SuiteUnavailable, UnknownProvider, TokenGone,
        WrongPin: nothing counts but keys on the token.
    """
    check_name(plan.name)
    if not 1 <= len(plan.who) <= MAX_WHO:
        raise MalformedWho(length=len(plan.who))
    make_folder(folder)
    check_private(folder)
    if (folder / PUBLIC).exists():
        raise ArchiveKeyExists(folder=str(folder))
    held = lock(folder)
    try:
        provider = open_provider(folder, plan.provider, dict(plan.options), secret)
        lacking = [code for code in plan.suites if code not in provider.suites]
        if lacking:
            raise CustodyLacksSuite(suite=lacking[0])
        keys = tuple(TrusteeKey(code, provider.make(_label(code)).public) for code in plan.suites)
        provider.close()
        made = Recipient(plan.name, plan.who, keys)
        custody = {"provider": plan.provider, "options": dict(plan.options)}
        write_file(folder / CUSTODY, json.dumps(custody, ensure_ascii=False).encode() + b"\n")
        write_file(folder / PUBLIC, encode_recipient(made))
    finally:
        os.close(held)
    return made


def read_public(folder: Path) -> Recipient:
    """Return the public half of the archive key in `folder`.

    Raises:
        NoArchiveKey: there is none.
        RecordDamaged: its file was changed into something else.
    """
    path = folder / PUBLIC
    if not path.is_file():
        raise NoArchiveKey(folder=str(folder))
    try:
        return parse_recipient(path.read_bytes())
    except (PeerFault, Refusal) as error:
        raise RecordDamaged(file=PUBLIC, problem=str(error)[:200]) from error


@contextmanager
def unlocked(folder: Path, secret: str) -> Iterator[Callable[[int], OpeningKey]]:
    """Give what returns the private key for a suite, for as long as the block lasts.

    Raises:
        NoArchiveKey, FolderOpenToOthers, RecordDamaged: the folder.
        WrongPassphrase, KeyFileDamaged, KeyMissing, TokenGone, WrongPin, KeyReplaced: the custody, once a key is asked for.
    """
    public = read_public(folder)
    check_private(folder)
    name, options = _custody(folder)
    provider = open_provider(folder, name, options, secret)

    def key(suite: int) -> OpeningKey:
        found = provider.open(_label(suite))
        if found.public != public.key(suite):
            raise KeyReplaced(key="archive")
        return found

    try:
        yield key
    finally:
        provider.close()


def _custody(folder: Path) -> tuple[str, dict[str, str]]:
    found = read_json(folder / CUSTODY)
    name, options = found.get("provider"), found.get("options")
    if not isinstance(name, str) or not isinstance(options, dict):
        raise RecordDamaged(file=CUSTODY, problem="another form")
    return name, {str(one): str(value) for one, value in options.items()}


def _label(suite: int) -> KeyLabel:
    return KeyLabel(OWNER, USE, suite)
