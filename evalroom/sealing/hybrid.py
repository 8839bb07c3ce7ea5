"""The international suites: 0x01 with X-Wing and two signatures, 0x02 with P-256 for tokens and plain WebCrypto.

Both wrap by HPKE (RFC 9180, base mode, HKDF-SHA256, AES-256-GCM) and encrypt by AES-256-GCM in the stream of
c2sp.org/chunked-encryption with HKDF-SHA-512, which is what `cryptography` calls Cobblestone-256.  Refused:
ECDSA signatures in DER or with s above n/2, since two spellings of one signature would give one bid two
digests; public keys that are no point or no reduced ML-KEM vector.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidSignature, InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, mlkem, x25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256, SHA512
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
)
from cryptography.hazmat.primitives.hpke import Suite as Hpke
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

from evalroom.sealing.suite import (
    BadEnvelopeSignature,
    Buffer,
    BulkCipher,
    Hasher,
    MalformedSealingKey,
    OpeningKey,
    SigningKey,
    StreamKey,
    WrapNotOpened,
)

KEY_SIZE = 32
STREAM_LABEL = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0"

XWING_PUBLIC = 1184 + 32
XWING_OVERHEAD = 1088 + 32 + 16
P256_PUBLIC = 65
P256_OVERHEAD = 65 + 16
ED25519_SIZES = (32, 64)
MLDSA65_SIZES = (1952, 3309)
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Order n of P-256 (SP 800-186 §3.2.1.3)."""

_ES256 = ec.ECDSA(SHA256())
_SIGN = ec.ECDSA(SHA256(), deterministic_signing=True)  # RFC 6979: the room has no dice

_XWING_HPKE = Hpke(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_P256_HPKE = Hpke(KEM.P256, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


class _Exportable(Protocol):
    def private_bytes(
        self, encoding: Encoding, form: PrivateFormat, encryption_algorithm: NoEncryption, /
    ) -> bytes: ...


def _pkcs8(key: _Exportable) -> bytes:
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def _load(pkcs8: bytes) -> object:
    """Return whatever private key stands in the DER."""
    try:
        return load_der_private_key(pkcs8, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise MalformedSealingKey(reason="no private key in PKCS#8") from error


def _expect(pkcs8: Sequence[bytes], number: int) -> None:
    if len(pkcs8) != number:
        raise MalformedSealingKey(reason="another number of keys", expected=number, got=len(pkcs8))


def _p256_private(seed: bytes) -> ec.EllipticCurvePrivateKey:
    """Return the key of 48 random bytes: modulo n - 1, plus 1 (FIPS 186-5 A.2.1: the bias is below 2^-128)."""
    return ec.derive_private_key(int.from_bytes(seed, "big") % (_ORDER - 1) + 1, ec.SECP256R1())


def _p256_load(pkcs8: Sequence[bytes]) -> ec.EllipticCurvePrivateKey:
    _expect(pkcs8, 1)
    key = _load(pkcs8[0])
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise MalformedSealingKey(reason="no P-256 key")
    return key


def _p256_public(data: bytes) -> ec.EllipticCurvePublicKey:
    if len(data) != P256_PUBLIC:
        raise MalformedSealingKey(reason="not an uncompressed point of P-256")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), data)
    except ValueError as error:
        raise MalformedSealingKey(reason="not an uncompressed point of P-256") from error


def _point(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _unwrap(
    hpke: Hpke, wrapped: bytes, private: MLKEM768X25519PrivateKey | ec.EllipticCurvePrivateKey, info: bytes
) -> bytes:
    try:
        return hpke.decrypt(wrapped, private, info)
    except (InvalidTag, ValueError) as error:  # ValueError: an encapsulated X25519 point of small order
        raise WrapNotOpened from error


@dataclass(frozen=True, slots=True)
class XWingKey:
    """A pair of private keys that together open X-Wing wraps."""

    public: bytes
    private: MLKEM768X25519PrivateKey

    def unwrap(self, wrapped: bytes, info: bytes) -> bytes:
        """Return the secret wrapped to this key for `info`.

        Raises:
            WrapNotOpened: it does not open.
        """
        return _unwrap(_XWING_HPKE, wrapped, self.private, info)


@dataclass(frozen=True, slots=True)
class P256Key:
    """A private key on P-256 that opens wraps."""

    public: bytes
    private: ec.EllipticCurvePrivateKey

    def unwrap(self, wrapped: bytes, info: bytes) -> bytes:
        """Return the secret wrapped to this key for `info`.

        Raises:
            WrapNotOpened: it does not open.
        """
        return _unwrap(_P256_HPKE, wrapped, self.private, info)


@dataclass(frozen=True, slots=True)
class PairSigner:
    """Ed25519 and ML-DSA-65, one signature behind the other; a forger has to break both."""

    public: bytes
    first: ed25519.Ed25519PrivateKey
    second: mldsa.MLDSA65PrivateKey

    def sign(self, message: bytes) -> bytes:
        """Return 64 + 3,309 bytes; the second part differs each time (FIPS 204, hedged)."""
        return self.first.sign(message) + self.second.sign(message)


@dataclass(frozen=True, slots=True)
class Es256Signer:
    """ECDSA on P-256 with SHA-256."""

    public: bytes
    private: ec.EllipticCurvePrivateKey

    def sign(self, message: bytes) -> bytes:
        """Return r‖s with s at most n/2, 64 bytes."""
        r, s = decode_dss_signature(self.private.sign(message, _SIGN))
        return r.to_bytes(32, "big") + min(s, _ORDER - s).to_bytes(32, "big")


class _AesSha2:
    """What both suites share: SHA-256, HKDF, AES-256-GCM and its stream."""

    __slots__ = ()

    key_size = KEY_SIZE

    def check_available(self) -> None:
        """Return: whatever `cryptography` 50 was built with has all of it, else importing fails."""

    def hasher(self) -> Hasher:
        """Return a new running SHA-256."""
        return hashlib.sha256()

    def digest(self, *pieces: Buffer) -> bytes:
        """Return SHA-256 of the pieces joined."""
        running = hashlib.sha256()
        for piece in pieces:
            running.update(piece)
        return running.digest()

    def extract(self, salt: bytes, secret: bytes) -> bytes:
        """Return HKDF-Extract with SHA-256."""
        return HKDF.extract(SHA256(), salt or None, secret)

    def expand(self, key: bytes, info: bytes, length: int) -> bytes:
        """Return HKDF-Expand with SHA-256."""
        return HKDFExpand(SHA256(), length, info).derive(key)

    def stream_key(self, content_key: bytes, salt: bytes, context: bytes) -> StreamKey:
        """Return the stream's keys: HKDF-Expand-SHA-512, 32 + 12 + 32 bytes."""
        drawn = HKDFExpand(SHA512(), 76, STREAM_LABEL + salt + context).derive(content_key)
        return StreamKey(drawn[:32], drawn[32:44], drawn[44:])

    def bulk(self, key: bytes) -> BulkCipher:
        """Return AES-256-GCM under `key`."""
        return AESGCM(key)


class XWingSuite(_AesSha2):
    """Suite 0x01, the default."""

    __slots__ = ()

    code = 0x01
    name = "X-Wing, AES-256-GCM, SHA-256, Ed25519 + ML-DSA-65"
    wrap_overhead = XWING_OVERHEAD
    opening_public_size = XWING_PUBLIC
    opening_seed_size = 64 + 32
    signing_public_size = ED25519_SIZES[0] + MLDSA65_SIZES[0]
    signature_size = ED25519_SIZES[1] + MLDSA65_SIZES[1]
    signing_seed_size = 32 + 32

    def wrap(self, public: bytes, secret: bytes, info: bytes) -> bytes:
        """Return HPKE's encapsulation and ciphertext, 1,136 bytes more than the secret.

        Raises:
            MalformedSealingKey: `public` is no ML-KEM-768 and X25519 key.
        """
        if len(public) != XWING_PUBLIC:
            raise MalformedSealingKey(reason="not 1,184 + 32 bytes")
        try:
            first = mlkem.MLKEM768PublicKey.from_public_bytes(public[:1184])
            second = x25519.X25519PublicKey.from_public_bytes(public[1184:])
            return _XWING_HPKE.encrypt(secret, MLKEM768X25519PublicKey(first, second), info)
        except ValueError as error:  # coefficients not reduced; a point of small order
            raise MalformedSealingKey(reason="no ML-KEM-768 and X25519 key") from error

    def check_opening_public(self, public: bytes) -> None:
        """Return when a trial wrap succeeds: only that finds X25519 points of small order.

        Raises:
            MalformedSealingKey: it does not.
        """
        self.wrap(public, bytes(32), b"")

    def opening_key_from_seed(self, seed: bytes) -> tuple[bytes, ...]:
        """Return both keys: 64 bytes d‖z for ML-KEM (FIPS 203 §7.1), 32 for X25519."""
        first = mlkem.MLKEM768PrivateKey.from_seed_bytes(seed[:64])
        return _pkcs8(first), _pkcs8(x25519.X25519PrivateKey.from_private_bytes(seed[64:]))

    def load_opening_key(self, pkcs8: Sequence[bytes]) -> OpeningKey:
        """Return the pair: ML-KEM-768 first, then X25519.

        Raises:
            MalformedSealingKey: anything else.
        """
        _expect(pkcs8, 2)
        first, second = map(_load, pkcs8)
        if not isinstance(first, mlkem.MLKEM768PrivateKey) or not isinstance(second, x25519.X25519PrivateKey):
            raise MalformedSealingKey(reason="not ML-KEM-768 and X25519")
        public = first.public_key().public_bytes_raw() + second.public_key().public_bytes_raw()
        return XWingKey(public, MLKEM768X25519PrivateKey(first, second))

    def signing_key_from_seed(self, seed: bytes) -> tuple[bytes, ...]:
        """Return both keys: 32 bytes for Ed25519, 32 for ML-DSA-65 (ξ of FIPS 204)."""
        first = ed25519.Ed25519PrivateKey.from_private_bytes(seed[:32])
        return _pkcs8(first), _pkcs8(mldsa.MLDSA65PrivateKey.from_seed_bytes(seed[32:]))

    def load_signing_key(self, pkcs8: Sequence[bytes]) -> SigningKey:
        """Return the pair: Ed25519 first, then ML-DSA-65.

        Raises:
            MalformedSealingKey: anything else.
        """
        _expect(pkcs8, 2)
        first, second = map(_load, pkcs8)
        if not isinstance(first, ed25519.Ed25519PrivateKey) or not isinstance(
            second, mldsa.MLDSA65PrivateKey
        ):
            raise MalformedSealingKey(reason="not Ed25519 and ML-DSA-65")
        public = first.public_key().public_bytes_raw() + second.public_key().public_bytes_raw()
        return PairSigner(public, first, second)

    def verify(self, public: bytes, message: bytes, signature: bytes) -> None:
        """Check both signatures.

        Raises:
            MalformedSealingKey, BadEnvelopeSignature: see `Suite.verify`.
        """
        if len(public) != self.signing_public_size:
            raise MalformedSealingKey(reason="not 32 + 1,952 bytes")
        if len(signature) != self.signature_size:
            raise BadEnvelopeSignature(reason="length")
        try:
            first = ed25519.Ed25519PublicKey.from_public_bytes(public[:32])
            second = mldsa.MLDSA65PublicKey.from_public_bytes(public[32:])
        except ValueError as error:
            raise MalformedSealingKey(reason="no Ed25519 and ML-DSA-65 key") from error
        try:
            first.verify(signature[:64], message)
            second.verify(signature[64:], message)
        except InvalidSignature as error:
            raise BadEnvelopeSignature from error


class P256Suite(_AesSha2):
    """Suite 0x02, for tokens and for browsers without ML-KEM."""

    __slots__ = ()

    code = 0x02
    name = "P-256, AES-256-GCM, SHA-256, ES256"
    wrap_overhead = P256_OVERHEAD
    opening_public_size = P256_PUBLIC
    opening_seed_size = 48
    signing_public_size = P256_PUBLIC
    signature_size = 64
    signing_seed_size = 48

    def wrap(self, public: bytes, secret: bytes, info: bytes) -> bytes:
        """Return HPKE's encapsulation and ciphertext, 81 bytes more than the secret.

        Raises:
            MalformedSealingKey: `public` is no uncompressed point.
        """
        return _P256_HPKE.encrypt(secret, _p256_public(public), info)

    def check_opening_public(self, public: bytes) -> None:
        """Return when `public` is a point of the curve, uncompressed.

        Raises:
            MalformedSealingKey: it is not.
        """
        _p256_public(public)

    def opening_key_from_seed(self, seed: bytes) -> tuple[bytes, ...]:
        """Return the key of 48 random bytes."""
        return (_pkcs8(_p256_private(seed)),)

    def load_opening_key(self, pkcs8: Sequence[bytes]) -> OpeningKey:
        """Return the key.

        Raises:
            MalformedSealingKey: it is no P-256 key.
        """
        key = _p256_load(pkcs8)
        return P256Key(_point(key), key)

    def signing_key_from_seed(self, seed: bytes) -> tuple[bytes, ...]:
        """Return the key of 48 random bytes."""
        return (_pkcs8(_p256_private(seed)),)

    def load_signing_key(self, pkcs8: Sequence[bytes]) -> SigningKey:
        """Return the key.

        Raises:
            MalformedSealingKey: it is no P-256 key.
        """
        key = _p256_load(pkcs8)
        return Es256Signer(_point(key), key)

    def verify(self, public: bytes, message: bytes, signature: bytes) -> None:
        """Check r‖s, s at most n/2.

        Raises:
            MalformedSealingKey, BadEnvelopeSignature: see `Suite.verify`.
        """
        key = _p256_public(public)
        if len(signature) != self.signature_size:
            raise BadEnvelopeSignature(reason="length")
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        if s > _ORDER // 2:
            raise BadEnvelopeSignature(reason="s above n/2")
        try:
            key.verify(encode_dss_signature(r, s), message, _ES256)
        except InvalidSignature as error:
            raise BadEnvelopeSignature from error
