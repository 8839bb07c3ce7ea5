"""What a suite of algorithms must offer to a sealed bid: hash, wraps, bulk cipher, signature.

One byte names a suite; `suites.py` holds the table.  All lengths are fixed by the suite, so that a reader
checks them before it touches a key.  A suite refuses keys, wraps and signatures of any other form with the
errors of this module; a library missing on this machine is `suite_unavailable`, found out when the policy is
signed and never in the opening hour.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self, TypeAlias

from evalroom.errors import LocalFault, PeerFault

Buffer: TypeAlias = bytes | bytearray | memoryview

HASH_SIZE = 32
"""Bytes of every suite's hash: SHA-256 and SM3 alike."""

NONCE_SIZE = 12
TAG_SIZE = 16
"""Nonce and tag of every suite's bulk cipher, which is a GCM."""

COMMITMENT_SIZE = 32


class SuiteUnavailable(LocalFault):
    """This machine lacks the library for a suite: nothing was sealed or opened; install it or leave the suite out."""

    code = "suite_unavailable"


class MalformedSealingKey(PeerFault):
    """A key does not belong to the suite or has another form: have it exported again by its owner."""

    code = "malformed_sealing_key"


class WrapNotOpened(PeerFault):
    """A wrapped secret does not open here: wrong key, wrong bid, or changed on its way; nothing is lost, try another key."""

    code = "wrap_not_opened"


class BadEnvelopeSignature(PeerFault):
    """The envelope's signature is not that of its envelope key: it was changed after sealing; send the original."""

    code = "bad_envelope_signature"


class Hasher(Protocol):
    """A running hash, as `hashlib` makes them."""

    def update(self, data: Buffer, /) -> None:
        """Take in `data`."""

    def digest(self) -> bytes:
        """Return the 32 bytes so far; more may follow."""
        ...

    def copy(self) -> Self:
        """Return a running hash that goes on by itself."""
        ...


class BulkCipher(Protocol):
    """The bulk cipher under one key; `AESGCM` is one as it stands."""

    def encrypt_into(
        self, nonce: Buffer, data: Buffer, associated_data: Buffer | None, buf: Buffer, /
    ) -> int:
        """Write the ciphertext and its 16-byte tag into `buf`, exactly len(data) + 16 bytes; return that length."""
        ...

    def decrypt_into(
        self, nonce: Buffer, data: Buffer, associated_data: Buffer | None, buf: Buffer, /
    ) -> int:
        """Write the plaintext into `buf`, exactly len(data) - 16 bytes; return that length.

        Raises:
            cryptography.exceptions.InvalidTag: the tag is wrong, or `data` is shorter than a tag.
        """
        ...


@dataclass(frozen=True, slots=True)
class StreamKey:
    """What a stream is encrypted under: bulk key, first nonce (12 B), and the commitment to both (32 B)."""

    key: bytes
    nonce: bytes
    commitment: bytes


class OpeningKey(Protocol):
    """A private key to which secrets are wrapped; a token or phone may stand behind it."""

    @property
    def public(self) -> bytes:
        """Return the public key as it stands in policies and headers."""
        ...

    def unwrap(self, wrapped: bytes, info: bytes) -> bytes:
        """Return the secret that was wrapped to this key for `info`.

        Raises:
            WrapNotOpened: another key, another info, or changed bytes; never garbage.
        """
        ...


class SigningKey(Protocol):
    """A private key that signs an envelope."""

    @property
    def public(self) -> bytes:
        """Return the public key as it stands in the core."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Return the signature over `message`, exactly `Suite.signature_size` bytes."""
        ...


class Suite(Protocol):
    """One choice of algorithms.  Deterministic but for wraps, ML-DSA and SM2, whose dice are the libraries' own."""

    @property
    def code(self) -> int:
        """Return the suite byte."""
        ...

    @property
    def name(self) -> str:
        """Return what people read, such as `X-Wing, AES-256-GCM, SHA-256, Ed25519 + ML-DSA-65`."""
        ...

    @property
    def key_size(self) -> int:
        """Return the length of a content key: 32, for GM 16."""
        ...

    @property
    def wrap_overhead(self) -> int:
        """Return by how much a wrapped secret is longer than the secret."""
        ...

    @property
    def opening_public_size(self) -> int:
        """Return the length of a public key to which secrets are wrapped."""
        ...

    @property
    def signing_public_size(self) -> int:
        """Return the length of a public key that checks signatures."""
        ...

    @property
    def signature_size(self) -> int:
        """Return the length of a signature."""
        ...

    @property
    def opening_seed_size(self) -> int:
        """Return how many random bytes `opening_key_from_seed` takes."""
        ...

    @property
    def signing_seed_size(self) -> int:
        """Return how many random bytes `signing_key_from_seed` takes."""
        ...

    def check_available(self) -> None:
        """Return when this machine can seal and open with the suite.

        Raises:
            SuiteUnavailable: it cannot; the detail names the library.
        """
        ...

    def hasher(self) -> Hasher:
        """Return a new running hash."""
        ...

    def digest(self, *pieces: Buffer) -> bytes:
        """Return the hash of the pieces joined, 32 bytes."""
        ...

    def extract(self, salt: bytes, secret: bytes) -> bytes:
        """Return HKDF-Extract (RFC 5869 §2.2) with the suite's hash; an empty salt is 32 zeros."""
        ...

    def expand(self, key: bytes, info: bytes, length: int) -> bytes:
        """Return HKDF-Expand (RFC 5869 §2.3) with the suite's hash."""
        ...

    def stream_key(self, content_key: bytes, salt: bytes, context: bytes) -> StreamKey:
        """Return bulk key, nonce and commitment of a stream (c2sp.org/chunked-encryption).

        0x01 and 0x02: HKDF-Expand-SHA-512; GM: HKDF-Expand-SM3, 60 bytes.
        """
        ...

    def bulk(self, key: bytes) -> BulkCipher:
        """Return the bulk cipher under `StreamKey.key`.

        Raises:
            SuiteUnavailable: this machine lacks it.
        """
        ...

    def wrap(self, public: bytes, secret: bytes, info: bytes) -> bytes:
        """Return `secret` (at most 1 KiB) wrapped to `public`, bound to `info`; another result each time.

        Raises:
            MalformedSealingKey: `public` is no key of the suite.
            SuiteUnavailable: this machine lacks what it needs.
        """
        ...

    def opening_key_from_seed(self, seed: bytes) -> tuple[bytes, ...]:
        """Return the private key that `opening_seed_size` random bytes make: unencrypted PKCS#8 DER, one or two."""
        ...

    def load_opening_key(self, pkcs8: Sequence[bytes]) -> OpeningKey:
        """Return the private key in those DERs.

        Raises:
            MalformedSealingKey: another algorithm, form or number.
        """
        ...

    def check_opening_public(self, public: bytes) -> None:
        """Return when secrets can be wrapped to `public`.

        Raises:
            MalformedSealingKey: they can't.
        """
        ...

    def signing_key_from_seed(self, seed: bytes) -> tuple[bytes, ...]:
        """Return the private key that `signing_seed_size` random bytes make: unencrypted PKCS#8 DER, one or two."""
        ...

    def load_signing_key(self, pkcs8: Sequence[bytes]) -> SigningKey:
        """Return the private key in those DERs.

        Raises:
            MalformedSealingKey: another algorithm, form or number.
        """
        ...

    def verify(self, public: bytes, message: bytes, signature: bytes) -> None:
        """Return when `signature` over `message` is that of `public`; of two keys both must be right.

        Raises:
            MalformedSealingKey: `public` is no key of the suite.
            BadEnvelopeSignature: the signature is another's, or of another length.
        """
        ...
