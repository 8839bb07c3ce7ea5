"""HPKE's receiver in forty lines, straight from RFC 9180 and the X-Wing draft: the oracle for wraps.

It shares nothing with `cryptography`'s HPKE but the primitives (ECDH, ML-KEM-768, X25519, AES-GCM).
"""

import hashlib
import hmac

from cryptography.hazmat.primitives.asymmetric import ec, mlkem, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

P256, XWING = 0x0010, 0x647A
KDF, AEAD = 0x0001, 0x0002


def extract(salt: bytes, ikm: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), ikm, "sha256")


def expand(key: bytes, info: bytes, length: int) -> bytes:
    out, block = b"", b""
    for number in range(1, length // 32 + 2):
        block = hmac.digest(key, block + info + bytes([number]), "sha256")
        out += block
    return out[:length]


def labeled_extract(suite: bytes, salt: bytes, label: bytes, ikm: bytes) -> bytes:
    return extract(salt, b"HPKE-v1" + suite + label + ikm)


def labeled_expand(suite: bytes, key: bytes, label: bytes, info: bytes, length: int) -> bytes:
    return expand(key, length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info, length)


def p256_decap(enc: bytes, private: ec.EllipticCurvePrivateKey) -> bytes:
    """DHKEM(P-256, HKDF-SHA256), RFC 9180 §4.1."""
    own = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    dh = private.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), enc))
    suite = b"KEM" + P256.to_bytes(2, "big")
    eae = labeled_extract(suite, b"", b"eae_prk", dh)
    return labeled_expand(suite, eae, b"shared_secret", enc + own, 32)


def xwing_decap(enc: bytes, first: mlkem.MLKEM768PrivateKey, second: x25519.X25519PrivateKey) -> bytes:
    """X-Wing, draft-connolly-cfrg-xwing-kem §5.4."""
    own = second.public_key().public_bytes_raw()
    dh = second.exchange(x25519.X25519PublicKey.from_public_bytes(enc[1088:]))
    joined = first.decapsulate(enc[:1088]) + dh + enc[1088:] + own + b"\\.//^\\"
    return hashlib.sha3_256(joined).digest()


def open_base(kem: int, secret: bytes, info: bytes, ciphertext: bytes) -> bytes:
    """KeySchedule and Open in mode_base, RFC 9180 §5.1 and §5.2, first message, no AAD."""
    suite = b"HPKE" + b"".join(one.to_bytes(2, "big") for one in (kem, KDF, AEAD))
    psk_id = labeled_extract(suite, b"", b"psk_id_hash", b"")
    hashed = labeled_extract(suite, b"", b"info_hash", info)
    context = b"\x00" + psk_id + hashed
    key = labeled_extract(suite, secret, b"secret", b"")
    cipher = AESGCM(labeled_expand(suite, key, b"key", context, 32))
    return cipher.decrypt(labeled_expand(suite, key, b"base_nonce", context, 12), ciphertext, b"")
