"""Nobody bids in another's name: the identity opens the core's commitment and is signed for one envelope."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from evalroom.sealing.envelope import open_envelope
from evalroom.sealing.identity import (
    Identity,
    IdentityMismatch,
    bidder_commitment,
    check_identity,
    identity_message,
    machine_mark,
    parse_identity,
)
from evalroom.sealing.policy import PartName
from evalroom.sealing.seal import plan_sealing, seal
from evalroom.sealing.suites import find_suite
from tests.evalroom.sealing import bids, tender

Private = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
SALT = tender.drawn("bidder's salt", 32)
P256 = ec.derive_private_key(7, ec.SECP256R1())


def certificate(key: Private) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "某某建设有限公司")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1)
    builder = builder.not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
    builder = builder.not_valid_after(datetime(2027, 1, 1, tzinfo=UTC))
    hashed = None if isinstance(key, ed25519.Ed25519PrivateKey) else SHA256()
    return builder.sign(key, hashed).public_bytes(Encoding.DER)


def raw(key: ec.EllipticCurvePrivateKey, message: bytes, *, high: bool = False) -> bytes:
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(SHA256())))
    s = max(s, ORDER - s) if high else min(s, ORDER - s)
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def envelope_of(der: bytes, bid: bytes = tender.BID) -> bids.Sealed:
    policy = tender.policy()
    terms = replace(bids.terms(2, policy, bid), bidder=bidder_commitment(find_suite(2), SALT, der))
    plan = plan_sealing(policy, terms, tender.signing_key(2, "envelope"), bids.Dice(bid.hex()))
    return bids.Sealed(plan, b"".join(seal(plan, {name: [text] for name, text in bids.TEXTS.items()})))


def message_of(sealed: bids.Sealed) -> bytes:
    return identity_message(sealed.plan.key.public, sealed.plan.context(PartName.IDENTITY))


def es256() -> tuple[bids.Sealed, Identity]:
    der = certificate(P256)
    sealed = envelope_of(der)
    return sealed, Identity(der, (), SALT, "ES256", raw(P256, message_of(sealed)))


def test_a_bidder_is_known_by_certificate_and_signature() -> None:
    sealed, identity = es256()
    assert identity == parse_identity(identity.encode())
    assert check_identity(sealed.open(), identity).public_key() == P256.public_key()


def test_ed25519_and_rsa_certificates_are_taken_as_well() -> None:
    edwards = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))
    sealed = envelope_of(certificate(edwards))
    signed = edwards.sign(message_of(sealed))
    check_identity(sealed.open(), Identity(certificate(edwards), (), SALT, "EdDSA", signed))
    old = rsa.generate_private_key(65537, 2048)
    der = certificate(old)
    sealed = envelope_of(der)
    signed = old.sign(message_of(sealed), padding.PKCS1v15(), SHA256())
    check_identity(sealed.open(), Identity(der, (), SALT, "RS256", signed))
    with pytest.raises(IdentityMismatch):
        check_identity(sealed.open(), Identity(der, (), SALT, "ES256", signed))


def test_another_certificate_salt_or_signature_is_refused() -> None:
    sealed, identity = es256()
    stranger = ec.derive_private_key(8, ec.SECP256R1())
    message = message_of(sealed)
    for wrong in (
        replace(identity, certificate=certificate(stranger)),
        replace(identity, salt=bytes(32)),
        replace(identity, signature=raw(stranger, message)),
        replace(identity, signature=raw(P256, message, high=True)),
        replace(identity, signature=raw(P256, message + b"x")),
        replace(identity, signature=identity.signature[:-1]),
        replace(identity, alg="EdDSA"),
        replace(identity, alg="SM2"),
        replace(identity, alg="none"),
    ):
        with pytest.raises(IdentityMismatch):
            check_identity(sealed.open(), wrong)


def test_an_identity_copied_into_another_envelope_is_refused() -> None:
    _, identity = es256()
    other = envelope_of(identity.certificate, bid=bytes(16))
    with pytest.raises(IdentityMismatch):
        check_identity(other.open(), identity)


def test_bytes_that_are_no_certificate_are_refused_though_committed_to() -> None:
    sealed = envelope_of(b"no certificate")
    with pytest.raises(IdentityMismatch):
        check_identity(sealed.open(), Identity(b"no certificate", (), SALT, "ES256", bytes(64)))


def test_every_flipped_byte_of_an_identity_is_refused() -> None:
    sealed, identity = es256()
    envelope, text = sealed.open(), identity.encode()
    accepted = []
    for place in range(len(text)):
        changed = bytearray(text)
        changed[place] ^= 1
        try:
            check_identity(envelope, parse_identity(bytes(changed)))
        except IdentityMismatch:
            continue
        accepted.append(place)
    assert [] == accepted


@pytest.mark.parametrize("text", [b"", b"{}", b"[" * 5000, b'{"v":NaN}', '{"v":1,"标":2}'.encode()])
def test_text_that_is_no_identity_is_refused(text: bytes) -> None:
    with pytest.raises(IdentityMismatch):
        parse_identity(text)


def test_marks_agree_within_one_tender_and_in_no_other() -> None:
    suite = find_suite(2)
    here = machine_mark(suite, bytes(32), "mac", "00:11:22:33:44:55")
    assert here == machine_mark(suite, bytes(32), "mac", "00:11:22:33:44:55")
    assert here != machine_mark(suite, b"\x01" * 32, "mac", "00:11:22:33:44:55")
    assert here != machine_mark(suite, bytes(32), "disk", "00:11:22:33:44:55")
    sealed, identity = es256()
    marked = replace(identity, marks=(here,), chain=(identity.certificate,))
    assert marked == parse_identity(marked.encode())
    check_identity(open_envelope(sealed.read, len(sealed.data), sealed.plan.policy, tender.BID), marked)
