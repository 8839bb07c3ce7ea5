"""Folders of archive keys for tests: those that the sealed bag's policy names, and whatever a test changes in them."""

import json
from pathlib import Path

from evalroom.sealing.policy import encode_recipient
from signaling.custody.archive_key import CUSTODY, OWNER, PUBLIC, USE
from signaling.custody.folder import make_folder, write_file
from signaling.custody.keys import FileKeys
from tests.evalroom.sealing import tender
from tests.recorder.sealed_bag import RECIPIENTS, SUITES

PASSPHRASE = "a passphrase that tests know"  # noqa: S105 - public on purpose
SUPERVISOR, CENTRE = RECIPIENTS


def key_folder(folder: Path, name: str) -> Path:
    """Lay the archive key called `name` into a folder as `archive make-key` does, its private half known."""
    make_folder(folder)
    custody = FileKeys(folder / "keys", PASSPHRASE.encode())
    for suite in SUITES:
        place = folder / "keys" / OWNER / f"{USE}-{suite:02x}"
        for number, der in enumerate(tender.opening_pkcs8(suite, f"archive {name}")):
            custody._write(place / f"{number}.p8", der)
    write_file(folder / CUSTODY, json.dumps({"provider": "file", "options": {}}).encode())
    write_file(folder / PUBLIC, encode_recipient(tender.recipient(name, SUITES)))
    return folder
