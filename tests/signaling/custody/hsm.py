"""SoftHSM2 for tests: tokens in software that can be made, pulled out and put back.

The driver reads its place when it is initialised, so that one process has one store at a time.
"""

import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pkcs11

from tests.programs import PROGRAMS

PIN = "4711"


@dataclass(frozen=True, slots=True)
class Hsm:
    """A store of tokens in software; the driver reads its place once, so that all tests share it."""

    folder: Path
    module: str

    def make(self) -> str:
        """Return the label of a new token."""
        label = f"token-{secrets.token_hex(4)}"
        words = [
            "softhsm2-util",
            "--init-token",
            "--free",
            "--label",
            label,
            "--pin",
            PIN,
            "--so-pin",
            "12345678",
        ]
        subprocess.run(words, check=True, capture_output=True)
        return label

    def pull_out(self) -> None:
        (self.folder / "tokens").rename(self.folder / "away")

    def put_back(self) -> None:
        (self.folder / "away").rename(self.folder / "tokens")


@contextmanager
def opened(folder: Path) -> Iterator[Hsm]:
    """Keep a store of tokens in `folder` for as long as the block lasts."""
    (folder / "tokens").mkdir()
    settings = folder / "softhsm2.conf"
    settings.write_text(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\n", "utf-8")
    before = os.environ.get("SOFTHSM2_CONF")
    os.environ["SOFTHSM2_CONF"] = str(settings)
    module = PROGRAMS["softhsm2"].find()
    assert module is not None
    pkcs11.lib(module).reinitialize()  # another module's tests may have left it at their store
    yield Hsm(folder, module)
    del os.environ["SOFTHSM2_CONF"]
    if before is not None:
        os.environ["SOFTHSM2_CONF"] = before
