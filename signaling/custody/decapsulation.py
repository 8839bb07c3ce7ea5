"""HPKE's receiver around a token: the token does the ECDH, everything after it is done here (RFC 9180).

PKCS#11 knows P-256 and no HPKE, so for suite 0x02 a token gives the x-coordinate of the shared point and
keeps the key.  Base mode, DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM, one message, no AAD: what
`cryptography` does for keys in files (evalroom/sealing/hybrid.py), held equal by test.
"""

from collections.abc import Callable
from typing import TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from evalroom.sealing.suite import WrapNotOpened

POINT_SIZE = 65
_KEM = b"KEM\x00\x10"
_HPKE = b"HPKE\x00\x10\x00\x01\x00\x02"

Exchange: TypeAlias = Callable[[bytes], bytes]
"""Takes another's public point (uncompressed, 65 bytes), returns the x-coordinate of the shared one, 32 bytes."""


def open_wrap(exchange: Exchange, public: bytes, wrapped: bytes, info: bytes) -> bytes:
    """Return the secret wrapped to the key behind `exchange`, whose public point is `public`.

    Raises:
        WrapNotOpened: it does not open, or its first 65 bytes are no point.
    """
    enc, sealed = wrapped[:POINT_SIZE], wrapped[POINT_SIZE:]
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), enc)  # a token need not check
    except ValueError as error:
        raise WrapNotOpened from error
    eae = _extract(_KEM, b"", b"eae_prk", exchange(enc))
    shared = _expand(_KEM, eae, b"shared_secret", enc + public, 32)
    psk_id = _extract(_HPKE, b"", b"psk_id_hash", b"")
    context = b"\x00" + psk_id + _extract(_HPKE, b"", b"info_hash", info)
    secret = _extract(_HPKE, shared, b"secret", b"")
    key, nonce = (
        _expand(_HPKE, secret, b"key", context, 32),
        _expand(_HPKE, secret, b"base_nonce", context, 12),
    )
    try:
        return AESGCM(key).decrypt(nonce, sealed, b"")
    except InvalidTag as error:
        raise WrapNotOpened from error


def _extract(suite: bytes, salt: bytes, label: bytes, secret: bytes) -> bytes:
    return HKDF.extract(SHA256(), salt or None, b"HPKE-v1" + suite + label + secret)


def _expand(suite: bytes, key: bytes, label: bytes, info: bytes, length: int) -> bytes:
    return HKDFExpand(SHA256(), length, length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info).derive(
        key
    )
