"""Suite 0x11: SM2 wraps and signatures, SM3, SM4-GCM in chunks.  Not a certified product (密评).

SM2 has no associated data, so a wrap is the SM2 ciphertext of SM3(info) | secret, and opening compares the
hash in constant time.  Every length follows from the secret's.  Refused: a machine whose libcrypto lacks SM2
or computes it wrongly; `check_available` opens and verifies what the standard printed, then its own, before
it says yes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hmac import compare_digest
from typing import Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.hashes import SM3, Hash
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from evalroom.errors import EvalroomError
from evalroom.sealing.gm import sm2, sm4
from evalroom.sealing.gm.libcrypto import libcrypto
from evalroom.sealing.suite import (
    COMMITMENT_SIZE,
    HASH_SIZE,
    NONCE_SIZE,
    BadEnvelopeSignature,
    Buffer,
    BulkCipher,
    MalformedSealingKey,
    StreamKey,
    SuiteUnavailable,
    WrapNotOpened,
)

CODE = 0x11

MAX_SECRET = 1024
"""Bytes of the longest secret that may be wrapped."""

_STREAM = b"c2sp.org/chunked-encryption@v1+AEAD_SM4_GCM\0"
"""The label of the stream's keys, with the name that RFC 8998 gave the cipher."""

_KNOWN_PRIVATE = bytes.fromhex("3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8")
_KNOWN_MESSAGE = b"message digest"
_KNOWN_SIGNATURE = bytes.fromhex(
    "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"
    "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa"
)
"""The example of GB/T 32918.5-2017, annex A.2; the signer's identity is the usual one."""


@dataclass(frozen=True, slots=True)
class RunningSm3:
    """A running SM3 that can be asked more than once."""

    _state: Hash

    def update(self, data: Buffer, /) -> None:
        """Take in `data`."""
        self._state.update(data)

    def digest(self) -> bytes:
        """Return the 32 bytes so far; more may follow."""
        return self._state.copy().finalize()

    def copy(self) -> Self:
        """Return a running hash that goes on by itself."""
        return type(self)(self._state.copy())


@dataclass(frozen=True, slots=True)
class GmOpeningKey:
    """An SM2 key to which secrets are wrapped."""

    _key: sm2.Sm2PrivateKey

    @property
    def public(self) -> bytes:
        """Return the point, 65 bytes."""
        return self._key.encoded

    def unwrap(self, wrapped: bytes, info: bytes) -> bytes:
        """Return the secret that was wrapped to this key for `info`.

        Raises:
            WrapNotOpened: another key, another info, or changed bytes.
        """
        plain = self._key.decrypt(wrapped)
        if not compare_digest(plain[:HASH_SIZE], GM.digest(info)):
            raise WrapNotOpened
        return plain[HASH_SIZE:]


@dataclass(frozen=True, slots=True)
class GmSigningKey:
    """An SM2 key that signs envelopes, under the usual identity."""

    _key: sm2.Sm2PrivateKey

    @property
    def public(self) -> bytes:
        """Return the point, 65 bytes."""
        return self._key.encoded

    def sign(self, message: bytes) -> bytes:
        """Return r | s over `message`, 64 bytes; another one each time."""
        return self._key.sign(message)


@dataclass(frozen=True, slots=True)
class GmSuite:
    """Suite 0x11 as `evalroom.sealing.suite.Suite` wants it; `GM` is the one there is."""

    code: int = CODE
    name: str = "SM2, SM4-GCM, SM3"
    key_size: int = sm4.KEY_SIZE
    wrap_overhead: int = HASH_SIZE + sm2.CIPHERTEXT_OVERHEAD
    opening_public_size: int = sm2.PUBLIC_SIZE
    signing_public_size: int = sm2.PUBLIC_SIZE
    signature_size: int = sm2.SIGNATURE_SIZE
    opening_seed_size: int = sm2.SEED_SIZE
    signing_seed_size: int = sm2.SEED_SIZE

    def check_available(self) -> None:
        """Return when this machine computes SM2, SM3 and SM4-GCM, and rightly.

        Raises:
            SuiteUnavailable: it does not; the detail names the library.
        """
        try:
            _check_sm2()
        except SuiteUnavailable:
            raise
        except (EvalroomError, InvalidSignature) as error:
            raise SuiteUnavailable(library=libcrypto().version, lacks="SM2") from error
        try:
            _check_sm3_and_sm4()
        except UnsupportedAlgorithm as error:
            raise SuiteUnavailable(library="cryptography", lacks="SM3 or SM4-GCM") from error

    def libraries(self) -> tuple[str, str]:
        """Return which library does SM2 and which the bulk, with versions, for people who look after machines.

        Raises:
            SuiteUnavailable: there is no libcrypto 3.
        """
        return libcrypto().version, sm4.engine()

    def hasher(self) -> RunningSm3:
        """Return a new running SM3."""
        return RunningSm3(Hash(SM3()))

    def digest(self, *pieces: Buffer) -> bytes:
        """Return the SM3 of the pieces joined, 32 bytes."""
        state = Hash(SM3())
        for piece in pieces:
            state.update(piece)
        return state.finalize()

    def extract(self, salt: bytes, secret: bytes) -> bytes:
        """Return HKDF-Extract (RFC 5869 §2.2) with SM3; an empty salt is 32 zeros."""
        return HKDF.extract(SM3(), salt or bytes(HASH_SIZE), secret)

    def expand(self, key: bytes, info: bytes, length: int) -> bytes:
        """Return HKDF-Expand (RFC 5869 §2.3) with SM3."""
        return HKDFExpand(SM3(), length, info).derive(key)

    def stream_key(self, content_key: bytes, salt: bytes, context: bytes) -> StreamKey:
        """Return key (16 B), nonce (12 B) and commitment (32 B) of a stream: HKDF-Expand-SM3, 60 bytes."""
        size = sm4.KEY_SIZE + NONCE_SIZE + COMMITMENT_SIZE
        made = self.expand(content_key, _STREAM + salt + context, size)
        nonce_ends = sm4.KEY_SIZE + NONCE_SIZE
        return StreamKey(made[: sm4.KEY_SIZE], made[sm4.KEY_SIZE : nonce_ends], made[nonce_ends:])

    def bulk(self, key: bytes) -> BulkCipher:
        """Return SM4-GCM under `StreamKey.key`, by the faster library that is here."""
        return sm4.bulk(key)

    def wrap(self, public: bytes, secret: bytes, info: bytes) -> bytes:
        """Return `secret` wrapped to `public`, bound to `info`: SM2 of SM3(info) | secret, as C1 | C3 | C2.

        Raises:
            MalformedSealingKey: `public` is no point of the curve.
            SuiteUnavailable: libcrypto is missing.
            ValueError: more than 1 KiB.
        """
        if len(secret) > MAX_SECRET:
            raise ValueError(f"a wrap holds at most {MAX_SECRET} bytes, not {len(secret)}")
        return sm2.Sm2PublicKey(public).encrypt(self.digest(info) + secret)

    def opening_key_from_seed(self, seed: bytes) -> tuple[bytes, ...]:
        """Return the private key that 48 random bytes make, as one unencrypted PKCS#8 DER."""
        return (sm2.private_from_seed(seed).to_pkcs8(),)

    def load_opening_key(self, pkcs8: Sequence[bytes]) -> GmOpeningKey:
        """Return the private key in that one DER.

        Raises:
            MalformedSealingKey: more or fewer DERs, another algorithm, form or number.
        """
        return GmOpeningKey(_only_key(pkcs8))

    def check_opening_public(self, public: bytes) -> None:
        """Return when `public` is a point of the curve, 65 bytes.

        Raises:
            MalformedSealingKey: it is not.
        """
        sm2.Sm2PublicKey(public)

    def signing_key_from_seed(self, seed: bytes) -> tuple[bytes, ...]:
        """Return the private key that 48 random bytes make, as one unencrypted PKCS#8 DER."""
        return (sm2.private_from_seed(seed).to_pkcs8(),)

    def load_signing_key(self, pkcs8: Sequence[bytes]) -> GmSigningKey:
        """Return the private key in that one DER.

        Raises:
            MalformedSealingKey: more or fewer DERs, another algorithm, form or number.
        """
        return GmSigningKey(_only_key(pkcs8))

    def verify(self, public: bytes, message: bytes, signature: bytes) -> None:
        """Return when `signature`, r | s, over `message` is that of `public` under the usual identity.

        Raises:
            MalformedSealingKey: `public` is no point of the curve.
            BadEnvelopeSignature: the signature is another's, or of another length.
        """
        try:
            sm2.Sm2PublicKey(public).verify(message, signature)
        except InvalidSignature as error:
            raise BadEnvelopeSignature from error


GM = GmSuite()


def _only_key(pkcs8: Sequence[bytes]) -> sm2.Sm2PrivateKey:
    if len(pkcs8) != 1:
        raise MalformedSealingKey(keys=len(pkcs8))
    return sm2.private_from_pkcs8(pkcs8[0])


def _check_sm2() -> None:
    """Verify the standard's signature, then sign, encrypt and open with its key."""
    key = sm2.Sm2PrivateKey(_KNOWN_PRIVATE)
    key.verify(_KNOWN_MESSAGE, _KNOWN_SIGNATURE)
    key.verify(_KNOWN_MESSAGE, key.sign(_KNOWN_MESSAGE))
    if key.decrypt(key.encrypt(_KNOWN_MESSAGE)) != _KNOWN_MESSAGE:
        raise WrapNotOpened


def _check_sm3_and_sm4() -> None:
    """Hash and encrypt once: whoever cannot says so."""
    key = GM.digest()[: sm4.KEY_SIZE]
    sealed = bytearray(len(_KNOWN_MESSAGE) + 16)
    sm4.bulk(key).encrypt_into(bytes(NONCE_SIZE), _KNOWN_MESSAGE, None, sealed)
    portable = bytearray(len(sealed))
    sm4.PortableSm4(key).encrypt_into(bytes(NONCE_SIZE), _KNOWN_MESSAGE, None, portable)
    if sealed != portable:
        raise SuiteUnavailable(library=sm4.engine(), lacks="SM4-GCM")
