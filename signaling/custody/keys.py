"""Where a trustee's private keys live: the interface that every kind of custody has, and the default, files.

An agent asks its provider for a signer, which lasts, and for opening keys, which belong to one tender and are
destroyed after it.  Files are PKCS#8 under scrypt (`container.py`) in a folder that only the agent reads; the
passphrase is drawn here and never chosen.  A token is in `tokens.py`; a cryptographic device with an SKF
library (GM/T 0016) or a phone comes as a plug-in: a package that names a factory under the entry point group
`evalroom.key_providers` (docs/howto/run-a-trustee-agent.md).  Refused: suites that the custody cannot do,
labels that would leave the folder, keys that are no longer the ones that were published.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol, TypeAlias

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

from evalroom.errors import LocalFault, Refusal
from evalroom.ids import check_name
from evalroom.sealing.suite import MalformedSealingKey, OpeningKey
from evalroom.sealing.suites import SUITES, find_suite
from signaling.custody.container import (
    IV_SIZE,
    SALT_SIZE,
    KeyFileDamaged,
    WrongPassphrase,
    decrypt_pkcs8,
    encrypt_pkcs8,
)
from signaling.custody.folder import destroy_file, make_folder, write_file

GROUP = "evalroom.key_providers"
SIGNER = "signer"
PASSPHRASE_BYTES = 24
"""Bytes of a drawn passphrase: 192 bits, so that scrypt is the second line of defence and not the first."""


class CustodyLacksSuite(Refusal):
    """The keys of this trustee cannot be made for that suite: leave the suite out of the policy, or change the custody."""

    code = "custody_lacks_suite"


class KeyMissing(LocalFault):
    """A key that was published is not in the custody any more: restore it, or bring back the token it lies on."""

    code = "key_missing"


class UnknownProvider(LocalFault):
    """There is no key custody of that name here: install the package that brings it, or choose another."""

    code = "unknown_provider"


@dataclass(frozen=True, slots=True)
class KeyLabel:
    """Which opening key: the tender, what for (`share`, `keep`, `session-<place of the window>`), and the suite."""

    tender: str
    use: str
    suite: int

    def __post_init__(self) -> None:
        """Let nothing into a label that could leave a folder.

        Raises:
            MalformedName: a part of it is no name.
        """
        check_name(self.tender)
        check_name(self.use)


class TrusteeSigner(Protocol):
    """A trustee's signing key: Ed25519, or ES256 on a token."""

    @property
    def spki(self) -> bytes:
        """Return the public key as it stands in policies: SPKI DER."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Return the signature over `message`: 64 bytes, of Ed25519 or r‖s with s at most n/2.

        Raises:
            LocalFault: the custody does not answer; nothing was signed.
        """
        ...


class KeyProvider(Protocol):
    """A custody of keys.  Everything may be called again: whoever made a key once gets the same one.

    What a call raises beside the errors named here is a `LocalFault` with a code of its own, such as
    `token_gone`: the agent answers with it and goes on, and the next call tries anew.
    """

    @property
    def suites(self) -> tuple[int, ...]:
        """Return the suites for which it can make opening keys."""
        ...

    def signer(self) -> TrusteeSigner:
        """Return the signer; the first call ever makes it."""
        ...

    def make(self, label: KeyLabel) -> OpeningKey:
        """Return the opening key under `label`; the first call makes it, kept when this returns.

        Raises:
            CustodyLacksSuite: not for this suite.
        """
        ...

    def open(self, label: KeyLabel) -> OpeningKey:
        """Return the opening key under `label`.

        Raises:
            KeyMissing: there is none.
        """
        ...

    def destroy(self, tender: str) -> None:
        """Destroy every opening key of `tender`, so that this returns only when none is left."""
        ...

    def close(self) -> None:
        """Forget what is unlocked."""
        ...


ProviderFactory: TypeAlias = Callable[[Path, Mapping[str, str]], KeyProvider]
"""What a plug-in's entry point names: takes the agent's key folder and the options given to it."""


def find_provider(name: str) -> ProviderFactory:
    """Return the factory of the plug-in called `name`.

    Raises:
        UnknownProvider: no installed package brings one.
    """
    for point in entry_points(group=GROUP, name=name):
        factory: ProviderFactory = point.load()
        return factory
    raise UnknownProvider(provider=name[:80])


def draw_passphrase() -> str:
    """Return a new passphrase."""
    return secrets.token_urlsafe(PASSPHRASE_BYTES)


@dataclass(frozen=True, slots=True)
class Ed25519Signer:
    """A signer whose key lies in this process."""

    private: Ed25519PrivateKey

    @property
    def spki(self) -> bytes:
        """Return the public key, SPKI DER."""
        return self.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def sign(self, message: bytes) -> bytes:
        """Return 64 bytes of Ed25519."""
        return self.private.sign(message)


@dataclass(slots=True)
class FileKeys:
    """Keys in files of `folder`, each encrypted under scrypt; what was opened stays open until `close`."""

    folder: Path
    passphrase: bytes = field(repr=False)
    _opened: dict[KeyLabel, OpeningKey] = field(default_factory=dict, repr=False)
    _signer: Ed25519Signer | None = field(default=None, repr=False)

    @property
    def suites(self) -> tuple[int, ...]:
        """Return all suites; whether this machine has their libraries is asked when a key is made."""
        return tuple(SUITES)

    def signer(self) -> Ed25519Signer:
        """Return the signer, made at the first call.

        Raises:
            WrongPassphrase, KeyFileDamaged: its file does not open.
        """
        if self._signer is None:
            path = self.folder / f"{SIGNER}.p8"
            if not path.exists():
                self._write(path, _pkcs8(Ed25519PrivateKey.generate()))
            key = load_der_private_key(self._read(path), None)
            if not isinstance(key, Ed25519PrivateKey):
                raise KeyFileDamaged(file=path.name)
            self._signer = Ed25519Signer(key)
        return self._signer

    def make(self, label: KeyLabel) -> OpeningKey:
        """Return the opening key under `label`, made at the first call.

        Raises:
            UnknownSuite, SuiteUnavailable: not on this machine.
            WrongPassphrase, KeyFileDamaged: there is one, and it does not open.
        """
        suite = find_suite(label.suite)
        suite.check_available()
        folder = self._folder(label)
        if not folder.exists():
            make_folder(folder)
            documents = suite.opening_key_from_seed(secrets.token_bytes(suite.opening_seed_size))
            for number, der in reversed(list(enumerate(documents))):
                self._write(folder / f"{number}.p8", der)  # 0.p8 comes last: with it the key is whole
        if not (folder / "0.p8").exists():
            destroy_folder(folder)  # a crash came in between: nobody has seen this key
            return self.make(label)
        return self.open(label)

    def open(self, label: KeyLabel) -> OpeningKey:
        """Return the opening key under `label`.

        Raises:
            KeyMissing: there is none.
            WrongPassphrase, KeyFileDamaged: it does not open.
        """
        found = self._opened.get(label)
        if found is None:
            paths = sorted(self._folder(label).glob("*.p8"))
            if not paths:
                raise KeyMissing(tender=label.tender, use=label.use, suite=label.suite)
            try:
                found = find_suite(label.suite).load_opening_key([self._read(path) for path in paths])
            except MalformedSealingKey as error:
                raise KeyFileDamaged(tender=label.tender, use=label.use, suite=label.suite) from error
            self._opened[label] = found
        return found

    def destroy(self, tender: str) -> None:
        """Overwrite and remove every key file of `tender`, and forget what was opened of them."""
        destroy_folder(self.folder / check_name(tender))
        for label in [label for label in self._opened if label.tender == tender]:
            del self._opened[label]

    def close(self) -> None:
        """Forget what is unlocked."""
        self._opened.clear()
        self._signer = None

    def _folder(self, label: KeyLabel) -> Path:
        return self.folder / label.tender / f"{label.use}-{label.suite:02x}"

    def _write(self, path: Path, der: bytes) -> None:
        make_folder(path.parent)
        salt, iv = secrets.token_bytes(SALT_SIZE), secrets.token_bytes(IV_SIZE)
        write_file(path, encrypt_pkcs8(der, self.passphrase, salt, iv))

    def _read(self, path: Path) -> bytes:
        try:
            return decrypt_pkcs8(path.read_bytes(), self.passphrase)
        except WrongPassphrase as error:
            raise WrongPassphrase(file=path.name) from error


def destroy_folder(folder: Path) -> None:
    """Overwrite and remove every file in `folder`, and the folder; one that is gone already is no fault."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir():
            path.rmdir()
        else:
            destroy_file(path)
    if folder.exists():
        folder.rmdir()


def _pkcs8(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
