"""Suites 0x01 and 0x02 do what RFC 9180, X-Wing and the stream's specification say, and refuse everything else."""

import hashlib
import hmac
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mlkem, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from evalroom.sealing.suite import BadEnvelopeSignature, MalformedSealingKey, WrapNotOpened
from evalroom.sealing.suites import find_suite
from tests.evalroom.sealing import rfc9180, tender

Exportable = (
    ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | mlkem.MLKEM1024PrivateKey
)
BOTH = pytest.mark.parametrize("code", tender.SUITES)
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def foreign_keys() -> dict[str, list[bytes]]:
    """Return keys in PKCS#8 that belong to no suite here."""
    keys: dict[str, Exportable] = {
        "P-384": ec.derive_private_key(5, ec.SECP384R1()),
        "RSA": rsa.generate_private_key(65537, 2048),
        "Ed25519": ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32)),
        "ML-KEM-1024": mlkem.MLKEM1024PrivateKey.from_seed_bytes(bytes(64)),
    }
    ders = {
        name: key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        for name, key in keys.items()
    }
    return {
        **{name: [der] for name, der in ders.items()},
        **{f"two {name}": [der, der] for name, der in ders.items()},
        "none": [],
        "garbage": [b"\x30\x03\x02\x01"],
        "two of garbage": [b"", b""],
    }


@BOTH
def test_keys_of_another_algorithm_or_number_are_refused(code: int) -> None:
    suite = find_suite(code)
    other = tender.opening_pkcs8(3 - code, "host")
    for wrong in [*foreign_keys().values(), list(other), list(reversed(tender.opening_pkcs8(1, "host")))]:
        with pytest.raises(MalformedSealingKey):
            suite.load_opening_key(wrong)
        with pytest.raises(MalformedSealingKey):
            suite.load_signing_key(wrong)


@BOTH
def test_public_keys_of_another_form_are_refused(code: int) -> None:
    suite = find_suite(code)
    good = tender.opening_key(code, "host").public
    assert suite.opening_public_size == len(good)
    suite.check_opening_public(good)
    size = len(good)
    for wrong in (b"", good[:-1], good + b"\0", b"\xff" * size, b"\x02" + good[1:33], good[:-32] + bytes(32)):
        with pytest.raises(MalformedSealingKey):
            suite.check_opening_public(wrong)
        with pytest.raises(MalformedSealingKey):
            suite.wrap(wrong, bytes(32), b"info")


@BOTH
def test_a_wrap_opens_with_its_key_and_its_info_and_nothing_else(code: int) -> None:
    suite = find_suite(code)
    key, other = tender.opening_key(code, "host"), tender.opening_key(code, "north")
    secret = tender.drawn("secret", 67)
    wrapped = suite.wrap(key.public, secret, b"info")
    assert secret == key.unwrap(wrapped, b"info")
    assert len(secret) + suite.wrap_overhead == len(wrapped)
    assert wrapped != suite.wrap(key.public, secret, b"info")
    wrong: list[Callable[[], bytes]] = [
        lambda: other.unwrap(wrapped, b"info"),
        lambda: key.unwrap(wrapped, b"inf0"),
        lambda: key.unwrap(wrapped, b""),
        lambda: key.unwrap(b"", b"info"),
        lambda: key.unwrap(wrapped[:-1], b"info"),
        lambda: key.unwrap(wrapped + b"\0", b"info"),
        lambda: key.unwrap(bytes(len(wrapped)), b"info"),
    ]
    for place in range(0, len(wrapped), 13):
        changed = bytearray(wrapped)
        changed[place] ^= 1
        wrong.append(lambda changed=bytes(changed): key.unwrap(changed, b"info"))  # type: ignore[misc]
    for attempt in wrong:
        with pytest.raises(WrapNotOpened):
            attempt()


def test_a_p256_wrap_opens_by_the_letter_of_rfc_9180() -> None:
    key = tender.opening_key(2, "host")
    private = load_der_private_key(tender.opening_pkcs8(2, "host")[0], None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    wrapped = find_suite(2).wrap(key.public, b"secret", b"some info")
    shared = rfc9180.p256_decap(wrapped[:65], private)
    assert rfc9180.open_base(rfc9180.P256, shared, b"some info", wrapped[65:]) == b"secret"


def test_an_xwing_wrap_opens_by_the_letter_of_rfc_9180_and_the_draft() -> None:
    key = tender.opening_key(1, "host")
    first, second = (load_der_private_key(der, None) for der in tender.opening_pkcs8(1, "host"))
    assert isinstance(first, mlkem.MLKEM768PrivateKey)
    assert isinstance(second, x25519.X25519PrivateKey)
    wrapped = find_suite(1).wrap(key.public, b"secret", b"some info")
    shared = rfc9180.xwing_decap(wrapped[:1120], first, second)
    assert rfc9180.open_base(rfc9180.XWING, shared, b"some info", wrapped[1120:]) == b"secret"


@BOTH
def test_hash_and_key_derivation_are_those_of_rfc_5869(code: int) -> None:
    # RFC 5869 A.1 and A.3
    suite = find_suite(code)
    key = suite.extract(bytes(range(13)), b"\x0b" * 22)
    assert key.hex() == "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5"
    assert suite.expand(key, bytes(range(0xF0, 0xFA)), 42).hex() == (
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    )
    assert suite.extract(b"", b"\x0b" * 22).hex() == (
        "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04"
    )
    assert hashlib.sha256(b"abc").digest() == suite.digest(b"a", b"", b"bc")
    running = suite.hasher()
    running.update(b"abc")
    assert suite.digest(b"abc") == running.copy().digest() == running.digest()


@BOTH
def test_the_keys_of_a_stream_are_drawn_as_c2sp_says(code: int) -> None:
    key, salt, context = tender.drawn("k", 32), tender.drawn("s", 24), tender.drawn("c", 32)
    info = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0" + salt + context
    first = hmac.digest(key, info + b"\1", "sha512")
    second = hmac.digest(key, first + info + b"\2", "sha512")
    drawn = find_suite(code).stream_key(key, salt, context)
    assert (first + second)[:76] == drawn.key + drawn.nonce + drawn.commitment


@BOTH
def test_a_signature_is_that_of_one_key_and_one_message(code: int) -> None:
    suite = find_suite(code)
    key, other = tender.signing_key(code, "envelope"), tender.signing_key(code, "other")
    signature = key.sign(b"message")
    assert suite.signature_size == len(signature)
    assert suite.signing_public_size == len(key.public)
    suite.verify(key.public, b"message", signature)
    for public, message, wrong in (
        (other.public, b"message", signature),
        (key.public, b"messagf", signature),
        (key.public, b"message", signature[:-1]),
        (key.public, b"message", signature + b"\0"),
        (key.public, b"message", b""),
        (key.public, b"message", bytes(len(signature))),
        (key.public, b"message", b"\xff" * len(signature)),
    ):
        with pytest.raises(BadEnvelopeSignature):
            suite.verify(public, message, wrong)
    for malformed in (b"", key.public[:-1], key.public + b"\0"):
        with pytest.raises(MalformedSealingKey):
            suite.verify(malformed, b"message", signature)


def test_of_the_two_signatures_of_0x01_both_must_be_right() -> None:
    suite = find_suite(1)
    key, other = tender.signing_key(1, "envelope"), tender.signing_key(1, "other")
    right, wrong = key.sign(b"message"), other.sign(b"message")
    for mixed in (right[:64] + wrong[64:], wrong[:64] + right[64:]):
        with pytest.raises(BadEnvelopeSignature):
            suite.verify(key.public, b"message", mixed)


def test_the_second_spelling_of_an_ecdsa_signature_is_refused() -> None:
    suite, key = find_suite(2), tender.signing_key(2, "envelope")
    for number in range(8):
        message = b"message %d" % number
        signature = key.sign(message)
        s = int.from_bytes(signature[32:], "big")
        assert s <= ORDER // 2
        assert signature == key.sign(message)
        with pytest.raises(BadEnvelopeSignature):
            suite.verify(key.public, message, signature[:32] + (ORDER - s).to_bytes(32, "big"))


@BOTH
def test_one_seed_makes_one_key(code: int) -> None:
    suite = find_suite(code)
    seed = tender.drawn("seed", suite.opening_seed_size)
    assert suite.opening_key_from_seed(seed) == suite.opening_key_from_seed(seed)
    assert suite.opening_key_from_seed(seed) != suite.opening_key_from_seed(seed[::-1])
    seed = tender.drawn("seed", suite.signing_seed_size)
    assert suite.signing_key_from_seed(seed) != suite.signing_key_from_seed(seed[::-1])
    suite.check_available()


def test_the_oracle_itself_agrees_with_rfc_9180() -> None:
    # RFC 9180 A.3.1: DHKEM(P-256, HKDF-SHA256), base mode
    scalar = "f3ce7fdae57e1a310d87f1ebbde6f328be0a99cdbcadf4d6589cf29de4b8ffd2"
    private = ec.derive_private_key(int(scalar, 16), ec.SECP256R1())
    enc = bytes.fromhex(
        "04a92719c6195d5085104f469a8b9814d5838ff72b60501e2c4466e5e67b325"
        "ac98536d7b61a1af4b78e5b7f951c0900be863c403ce65c9bfcb9382657222d18c4"
    )
    shared = "c0d26aeab536609a572b07695d933b589dcf363ff9d93c93adea537aeabb8cb8"
    assert shared == rfc9180.p256_decap(enc, private).hex()
