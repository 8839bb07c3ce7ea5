"""Certificate and key sign a bid only when they belong together, in their time, with an algorithm that bids use."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from evalroom.sealing.identity import bidder_commitment, check_identity, parse_identity
from evalroom.sealing.policy import PartName
from evalroom.sealing.seal import BidTerms, plan_sealing, seal
from evalroom.sealing.suites import find_suite
from main_site.bidder.certificate import Signatory, UnusableCertificate, load_signatory, own_signatory
from tests.evalroom.sealing import bids, tender
from tests.evalroom.sealing.gm.authority import NOW as SM2_NOW
from tests.evalroom.sealing.gm.authority import Authority

NOW = datetime(2026, 11, 24, tzinfo=UTC)
Key = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey | ed448.Ed448PrivateKey
PASSWORD = b"password of a key"


def files(
    folder: Path, key: Key, *, other: Key | None = None, until: timedelta = timedelta(days=1)
) -> tuple[Path, Path]:
    """Write a certificate for `key`, and `other` or the key itself, as PEM files."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "某某公司")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1)
    builder = builder.not_valid_before(NOW - timedelta(days=2)).not_valid_after(NOW + until)
    hashed = None if isinstance(key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey) else SHA256()
    certificate, private = folder / "bidder.pem", folder / "bidder.key"
    certificate.write_bytes(builder.sign(key, hashed).public_bytes(Encoding.PEM))
    private.write_bytes(pem(other or key))
    return certificate, private


def pem(key: Key, password: bytes | None = None) -> bytes:
    lock = NoEncryption() if password is None else BestAvailableEncryption(password)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock)


def accepted(who: Signatory) -> str:
    """Seal a bid for `who`, and return whose it is by the identity part."""
    suite, policy = find_suite(2), tender.policy()
    slots = bids.terms(2, policy).slots
    terms = BidTerms(2, tender.BID, bidder_commitment(suite, who.salt, who.certificate), slots)
    plan = plan_sealing(policy, terms, tender.signing_key(2, "envelope"), bids.Dice("certificate"))
    text = who.identity(plan.key.public, plan.context(PartName.IDENTITY))
    texts = {**bids.TEXTS, PartName.IDENTITY: text}
    sealed = bids.Sealed(plan, b"".join(seal(plan, {name: [text] for name, text in texts.items()})))
    return check_identity(sealed.open(), parse_identity(text)).subject.rfc4514_string()


@pytest.mark.parametrize(
    ("key", "alg"),
    [
        (ec.derive_private_key(7, ec.SECP256R1()), "ES256"),
        (ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32)), "EdDSA"),
        (rsa.generate_private_key(65537, 2048), "RS256"),
    ],
    ids=["P-256", "Ed25519", "RSA"],
)
def test_a_bid_is_signed_with_every_usual_certificate(tmp_path: Path, key: Key, alg: str) -> None:
    who = load_signatory(*files(tmp_path, key), None, NOW)
    assert alg == who.alg
    assert "CN=某某公司" == accepted(who)
    assert "sign" not in repr(who)


def test_without_a_certificate_one_is_made_that_says_a_name() -> None:
    assert "CN=路桥公司" == accepted(own_signatory("路桥公司", NOW))
    with pytest.raises(UnusableCertificate):
        own_signatory("", NOW)


@pytest.mark.parametrize("number", [1, 4])
def test_a_chain_goes_along_and_is_bounded(tmp_path: Path, number: int) -> None:
    certificate, key = files(tmp_path, ec.derive_private_key(7, ec.SECP256R1()))
    whole = certificate.read_bytes()
    certificate.write_bytes(whole * (1 + number))
    assert number == len(load_signatory(certificate, key, None, NOW).chain)
    certificate.write_bytes(whole * 10)
    with pytest.raises(UnusableCertificate, match="chain"):
        load_signatory(certificate, key, None, NOW)


def test_an_expired_certificate_is_refused_before_anything_is_sealed(tmp_path: Path) -> None:
    paths = files(tmp_path, ec.derive_private_key(7, ec.SECP256R1()), until=timedelta(days=-1))
    with pytest.raises(UnusableCertificate, match="time"):
        load_signatory(*paths, None, NOW)
    with pytest.raises(UnusableCertificate, match="time"):
        load_signatory(*paths, None, NOW - timedelta(days=3))


def test_a_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    own, other = ec.derive_private_key(7, ec.SECP256R1()), ec.derive_private_key(8, ec.SECP256R1())
    with pytest.raises(UnusableCertificate, match="not the certificate's"):
        load_signatory(*files(tmp_path, own, other=other), None, NOW)


@pytest.mark.parametrize(
    "key",
    [
        ec.derive_private_key(7, ec.SECP384R1()),
        ed448.Ed448PrivateKey.generate(),
        rsa.generate_private_key(65537, 1024),  # noqa: S505 - the weak one that must be refused
    ],
    ids=["P-384", "Ed448", "RSA-1024"],
)
def test_an_algorithm_that_identities_do_not_name_is_refused(tmp_path: Path, key: Key) -> None:
    with pytest.raises(UnusableCertificate):
        load_signatory(*files(tmp_path, key), None, NOW)


def test_an_encrypted_key_wants_its_password(tmp_path: Path) -> None:
    key = ec.derive_private_key(7, ec.SECP256R1())
    certificate, path = files(tmp_path, key)
    path.write_bytes(pem(key, PASSWORD))
    assert "ES256" == load_signatory(certificate, path, PASSWORD, NOW).alg
    for password in (None, b"another"):
        with pytest.raises(UnusableCertificate, match="password"):
            load_signatory(certificate, path, password, NOW)


@pytest.mark.parametrize(
    "data", [b"", b"no PEM", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_what_is_no_pem_is_told(tmp_path: Path, data: bytes) -> None:
    certificate, key = files(tmp_path, ec.derive_private_key(7, ec.SECP256R1()))
    good = key.read_bytes()
    key.write_bytes(data)
    with pytest.raises(UnusableCertificate):
        load_signatory(certificate, key, None, NOW)
    key.write_bytes(good)
    certificate.write_bytes(data)
    with pytest.raises(UnusableCertificate):
        load_signatory(certificate, key, None, NOW)


@pytest.mark.needs("openssl")
def test_a_bid_is_signed_with_an_sm2_certificate(tmp_path: Path) -> None:
    made = Authority.open(tmp_path)
    made.root("bidder")
    made.root("rival")
    certificate, key = tmp_path / "bidder.pem", tmp_path / "bidder.key"
    who = load_signatory(certificate, key, None, SM2_NOW)
    assert ("SM2", "CN=bidder") == (who.alg, accepted(who))
    with pytest.raises(UnusableCertificate, match="not the certificate's"):
        load_signatory(certificate, tmp_path / "rival.key", None, SM2_NOW)
