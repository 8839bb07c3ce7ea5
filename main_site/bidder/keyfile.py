"""The key file beside a sealed bid: envelope key and slot keys under a passphrase, and what the bid is, in clear.

Whoever holds file and passphrase can replace, withdraw and release the bid; nobody can without both.  The clear
members (tender, number, policy, root, digest) say no more than the envelope itself and are authenticated with
the rest.  scrypt (RFC 7914) makes the key: 8 MiB of memory, ten times over, because the passphrase may be one
that a person chose.  Refused: parameters that are cheaper to guess or would exhaust this machine, another form,
a short passphrase.
"""

import os
import secrets
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from evalroom.errors import LocalFault, PeerFault, Refusal
from evalroom.ledger.base64 import encode_base64
from evalroom.ledger.canonical import Json, NotCanonical, canonical, parse_canonical
from evalroom.sealing.core import BID_SIZE
from evalroom.sealing.header import MAX_SLOTS
from evalroom.sealing.members import MAX_OBJECT, Members
from evalroom.sealing.policy import Policy, parse_policy
from evalroom.sealing.suite import HASH_SIZE, OpeningKey, SigningKey, Suite
from evalroom.sealing.suites import find_suite

KIND = "evalroom bid keys"
VERSION = 1
SCRYPT_N, SCRYPT_R, SCRYPT_P = 1 << 13, 8, 10
KDF = f"scrypt {SCRYPT_N} {SCRYPT_R} {SCRYPT_P}"
MAX_PRIVATE, MAX_PRIVATES = 8192, 2
SALT_SIZE, NONCE_SIZE = 16, 12
SHORTEST_PASSPHRASE = 12
MAX_FILE = 2 * MAX_OBJECT
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Letters of generated passphrases: none that looks like another on paper."""


class BidKeysLocked(PeerFault):
    """The key file does not open: wrong passphrase, or it was changed; nothing was sent.  Try again, or take its copy."""

    code = "bid_keys_locked"


class MalformedKeyFile(PeerFault):
    """This is no key file of a sealed bid: give the file `….key` that was written beside it."""

    code = "malformed_key_file"


class WeakPassphrase(Refusal):
    """The passphrase has fewer than 12 characters: choose a longer one, or none and have one made."""

    code = "weak_passphrase"


class KeyFileExists(LocalFault):
    """A key file of this name is there already and may hold the only keys of another bid: choose another name."""

    code = "key_file_exists"


@dataclass(frozen=True, slots=True)
class BidRecord:
    """What a sealed bid is, as far as the envelope itself tells anybody; `policy` is the text of policy.json."""

    tender: str
    bid: bytes
    suite: int
    policy: bytes
    root: bytes
    digest: bytes
    size: int

    @property
    def number(self) -> str:
        """Return the number of the bid, 32 hex digits."""
        return self.bid.hex()

    def terms(self) -> Policy:
        """Return the policy.

        Raises:
            MalformedPolicy, UnknownSuite: it cannot be used.
        """
        return parse_policy(self.policy)

    def algorithms(self) -> Suite:
        """Return the suite.

        Raises:
            UnknownSuite: this version does not know it.
        """
        return find_suite(self.suite)


@dataclass(frozen=True, slots=True)
class BidKeys:
    """The secrets of a sealed bid, unencrypted PKCS#8; they never appear in a text form."""

    envelope: tuple[bytes, ...] = field(repr=False)
    slots: tuple[tuple[bytes, ...], ...] = field(repr=False)

    @classmethod
    def draw(cls, suite: Suite, slots: int) -> "BidKeys":
        """Return fresh keys, made for one bid."""
        return cls(
            suite.signing_key_from_seed(secrets.token_bytes(suite.signing_seed_size)),
            tuple(
                suite.opening_key_from_seed(secrets.token_bytes(suite.opening_seed_size))
                for _ in range(slots)
            ),
        )

    def signer(self, suite: Suite) -> SigningKey:
        """Return the envelope key.

        Raises:
            MalformedSealingKey: it is none of the suite.
        """
        return suite.load_signing_key(self.envelope)

    def openers(self, suite: Suite) -> Sequence[OpeningKey]:
        """Return the slot keys.

        Raises:
            MalformedSealingKey: one is none of the suite.
        """
        return [suite.load_opening_key(one) for one in self.slots]


@dataclass(frozen=True, slots=True)
class Stretched:
    """A passphrase made into a key; made before a bid is sealed, as both together would take too much memory."""

    salt: bytes
    key: bytes = field(repr=False)


def stretch(passphrase: str, salt: bytes | None = None) -> Stretched:
    """Return the key of a passphrase, under a fresh salt where none is given."""
    salt = secrets.token_bytes(SALT_SIZE) if salt is None else salt
    derivation = Scrypt(salt=salt, length=32, n=SCRYPT_N, r=SCRYPT_R, p=SCRYPT_P)
    return Stretched(salt, derivation.derive(passphrase.encode()))


def new_passphrase() -> str:
    """Return a passphrase of 25 letters and digits in five groups: 123 bits."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(5)) for _ in range(5))


def check_passphrase(text: str) -> str:
    """Return a passphrase as it is used, without white space around it.

    Raises:
        WeakPassphrase: it is too short.
    """
    said = unicodedata.normalize("NFKC", text.strip())
    if len(said) < SHORTEST_PASSPHRASE:
        raise WeakPassphrase(shortest=SHORTEST_PASSPHRASE)
    return said


def write_keys(path: Path, record: BidRecord, keys: BidKeys, stretched: Stretched) -> None:
    """Write a key file for this user alone, on the disk when this returns; an existing file is never touched.

    Raises:
        KeyFileExists: there is one of this name.
    """
    data = lock(record, keys, stretched, secrets.token_bytes(NONCE_SIZE))
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise KeyFileExists(file=path.name) from error
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def lock(record: BidRecord, keys: BidKeys, stretched: Stretched, nonce: bytes) -> bytes:
    """Return the bytes of a key file; `nonce` is random and used once."""
    clear: dict[str, Json] = {
        "v": VERSION,
        "kind": KIND,
        "tender": record.tender,
        "bid": encode_base64(record.bid),
        "suite": record.suite,
        "policy": encode_base64(record.policy),
        "root": encode_base64(record.root),
        "digest": encode_base64(record.digest),
        "size": record.size,
        "kdf": KDF,
        "salt": encode_base64(stretched.salt),
        "nonce": encode_base64(nonce),
    }
    secret = canonical(
        {
            "envelope": [encode_base64(one) for one in keys.envelope],
            "slots": [{"key": [encode_base64(one) for one in slot]} for slot in keys.slots],
        }
    )
    sealed = AESGCM(stretched.key).encrypt(nonce, secret, canonical(clear))
    return canonical({**clear, "sealed": encode_base64(sealed)}) + b"\n"


def read_record(path: Path) -> BidRecord:
    """Return what a key file says in clear; nothing vouches for it until `unlock`.

    Raises:
        MalformedKeyFile: it is none.
        OSError: it cannot be read.
    """
    return _read(_content(path))[0]


def unlock(path: Path, passphrase: str) -> tuple[BidRecord, BidKeys]:
    """Return what a key file holds.

    Raises:
        MalformedKeyFile: it is none.
        BidKeysLocked: wrong passphrase, or a changed file.
        OSError: it cannot be read.
    """
    data = _content(path)
    record, salt, nonce, sealed = _read(data)
    clear = parse_canonical(data)
    if not isinstance(clear, dict):  # `_read` has seen that it is one
        raise MalformedKeyFile(reason="no object")
    del clear["sealed"]
    try:
        secret = AESGCM(stretch(passphrase, salt).key).decrypt(nonce, sealed, canonical(clear))
    except InvalidTag as error:
        raise BidKeysLocked(file=path.name) from error
    return record, _parse_keys(secret)


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(MAX_FILE + 1)
    if len(data) > MAX_FILE or not data.endswith(b"\n"):
        raise MalformedKeyFile(file=path.name)
    return data[:-1]


def _read(data: bytes) -> tuple[BidRecord, bytes, bytes, bytes]:
    """Return the record, salt, nonce and ciphertext."""
    try:
        members = Members(parse_canonical(data), MalformedKeyFile)
    except NotCanonical as error:
        raise MalformedKeyFile(reason="no canonical JSON") from error
    if members.text("kind", 64) != KIND or members.integer("v") != VERSION:
        raise MalformedKeyFile(reason="another kind or version")
    record = BidRecord(
        tender=members.text("tender", 64),
        bid=members.data("bid", BID_SIZE),
        suite=members.integer("suite"),
        policy=members.data_within("policy", MAX_OBJECT),
        root=members.data("root", HASH_SIZE),
        digest=members.data("digest", HASH_SIZE),
        size=members.integer("size"),
    )
    if members.text("kdf", 64) != KDF:
        raise MalformedKeyFile(reason="another derivation of its key")
    salt, nonce = members.data("salt", SALT_SIZE), members.data("nonce", NONCE_SIZE)
    sealed = members.data_within("sealed", MAX_OBJECT)
    members.close()
    return record, salt, nonce, sealed


def _parse_keys(secret: bytes) -> BidKeys:
    members = Members.parse(secret, MalformedKeyFile)
    envelope = members.many_data_within("envelope", MAX_PRIVATE, MAX_PRIVATES)
    slots = members.objects("slots", MAX_SLOTS, 0)
    members.close()
    return BidKeys(envelope, tuple(_parse_slot(one) for one in slots))


def _parse_slot(members: Members) -> tuple[bytes, ...]:
    keys = members.many_data_within("key", MAX_PRIVATE, MAX_PRIVATES)
    members.close()
    return keys
