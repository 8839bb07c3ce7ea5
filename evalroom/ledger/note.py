"""Signed notes and verifier keys as C2SP writes them (c2sp.org/signed-note).

A note is a text with signature lines below; keys are known by name and a four-byte id.  Two kinds of key
are understood: Ed25519 of a log (0x01) and Ed25519 cosignature of a witness (0x04).  Lines of unknown keys
are reported and count for nothing; one bad signature under a known key spoils the whole note.
"""

import hashlib
import re
from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from evalroom.errors import PeerFault
from evalroom.ledger.base64 import NotBase64, decode_base64, encode_base64

MAX_NOTE = 1 << 16
"""Largest note, bytes; C2SP asks that at least 16 signatures be accepted."""

MAX_SIGNATURES = 64

_KEY_NAME = re.compile(r"[^\s+\x00-\x1f\x7f]{1,128}")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_DASH = "\N{EM DASH} "


class MalformedNote(PeerFault):
    """A text is no signed note: it was changed on its way, or something else was sent."""

    code = "malformed_note"


class MalformedKey(PeerFault):
    """A verifier key does not have the form `<name>+<id>+<key>`, or its id does not belong to it."""

    code = "malformed_key"


class BadNoteSignature(PeerFault):
    """A line bears a known key's name and id, but its signature is wrong: the note was forged or changed."""

    code = "bad_note_signature"


class UntrustedNote(PeerFault):
    """No key we trust signed this note: believe nothing in it, nothing was done; compare the keys, or fetch it again."""

    code = "untrusted_note"


class KeyKind(IntEnum):
    """What a key signs: the type byte of C2SP."""

    LOG = 0x01
    COSIGNATURE = 0x04


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with the name it signs under; `public` is 32 bytes of Ed25519."""

    name: str
    kind: KeyKind
    public: bytes

    @property
    def id(self) -> bytes:
        """Return SHA-256(name || newline || type || key)[:4]."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4]

    def encode(self) -> str:
        """Return the vkey `<name>+<id in hex>+<base64 of type and key>`."""
        return f"{self.name}+{self.id.hex()}+{encode_base64(bytes([self.kind]) + self.public)}"

    def check(self, signature: bytes, message: bytes) -> None:
        """Check an Ed25519 signature of this key.

        Raises:
            BadNoteSignature: it is none.
        """
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError) as error:
            raise BadNoteSignature(key=self.name) from error


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The private half of a `VerifierKey`."""

    name: str
    kind: KeyKind
    private: Ed25519PrivateKey

    @classmethod
    def from_seed(cls, name: str, kind: KeyKind, seed: bytes) -> Self:
        """Return the key that 32 secret bytes make (RFC 8032 §5.1.5)."""
        return cls(name, kind, Ed25519PrivateKey.from_private_bytes(seed))

    @property
    def verifier(self) -> VerifierKey:
        """Return the public half."""
        return VerifierKey(self.name, self.kind, self.private.public_key().public_bytes_raw())

    def line(self, signature: bytes) -> "SignatureLine":
        """Return the note line that carries `signature` under this key's name and id."""
        return SignatureLine(self.name, self.verifier.id, signature)


@dataclass(frozen=True, slots=True)
class SignatureLine:
    """One line below a note: who says to have signed, and the bytes after the key id."""

    name: str
    key_id: bytes
    signature: bytes

    def encode(self) -> str:
        """Return the line with its newline."""
        return f"{_DASH}{self.name} {encode_base64(self.key_id + self.signature)}\n"

    def belongs_to(self, key: VerifierKey) -> bool:
        """Say whether name and id are those of `key`; the signature is not looked at."""
        return self.name == key.name and self.key_id == key.id


@dataclass(frozen=True, slots=True)
class Note:
    """A text, its last newline included, and the lines below it in their order."""

    text: str
    signatures: tuple[SignatureLine, ...]

    def encode(self) -> bytes:
        """Return the note as bytes."""
        return (self.text + "\n" + "".join(line.encode() for line in self.signatures)).encode()


def check_key_name(name: str) -> str:
    """Return `name` when a key may bear it: no white space, no plus, no control characters.

    Raises:
        MalformedKey: otherwise.
    """
    if not _KEY_NAME.fullmatch(name):
        raise MalformedKey(name=name[:80])
    return name


def parse_vkey(text: str) -> VerifierKey:
    """Return the key that a vkey line writes down.

    Raises:
        MalformedKey: another form, an unknown type, a wrong length, or an id of another key.
    """
    name, _, rest = text.partition("+")
    key_id, _, encoded = rest.partition("+")
    try:
        material = decode_base64(encoded)
        kind = KeyKind(material[0])
    except (NotBase64, IndexError, ValueError) as error:
        raise MalformedKey(vkey=text[:120]) from error
    key = VerifierKey(check_key_name(name), kind, material[1:])
    if len(key.public) != 32 or key.id.hex() != key_id:
        raise MalformedKey(vkey=text[:120])
    return key


def parse_note(data: bytes) -> Note:
    """Return the note in `data`, without verifying anything.

    Raises:
        MalformedNote: not UTF-8, control characters, no text, no or too many signature lines.
    """
    if len(data) > MAX_NOTE:
        raise MalformedNote(reason="longer than 64 KiB")
    try:
        whole = data.decode()
    except UnicodeDecodeError as error:
        raise MalformedNote(reason="not UTF-8") from error
    if _CONTROL.search(whole):
        raise MalformedNote(reason="control characters")
    head, blank, tail = whole.rpartition("\n\n")
    if not blank or not head or not tail.endswith("\n"):
        raise MalformedNote(reason="no text, blank line and signature lines")
    lines = tail[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise MalformedNote(reason="too many signatures")
    return Note(head + "\n", tuple(parse_signature_line(line) for line in lines))


def parse_signature_line(line: str) -> SignatureLine:
    """Return one signature line, given without its newline.

    Raises:
        MalformedNote: another form.
    """
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space or not _KEY_NAME.fullmatch(name):
        raise MalformedNote(reason="a signature line has another form")
    try:
        payload = decode_base64(encoded)
    except NotBase64 as error:
        raise MalformedNote(reason="a signature is not Base64") from error
    if len(payload) <= 4:
        raise MalformedNote(reason="a signature is too short")
    return SignatureLine(name, payload[:4], payload[4:])


def sign_text(text: str, key: SigningKey) -> SignatureLine:
    """Return the plain Ed25519 signature (type 0x01) over a note's text."""
    return key.line(key.private.sign(text.encode()))
