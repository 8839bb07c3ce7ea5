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
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from cryptography.x509.oid import NameOID

from evalroom.sealing.identity import bidder_commitment, check_identity, parse_identity
from evalroom.sealing.policy import PartName
from evalroom.sealing.seal import BidTerms, plan_sealing, seal
from evalroom.sealing.suites import find_suite
from main_site.bidder.certificate import Signatory, UnusableCertificate, load_signatory, own_signatory
from main_site.bidder.certification import CertificateOutOfTime, UnfitCertificate, UnknownAuthority
from tests.evalroom.sealing import bids, tender
from tests.evalroom.sealing.gm.authority import NOW as SM2_NOW
from tests.evalroom.sealing.gm.authority import Authority
from tests.main_site.bidder.authorities import Made, Wish, authority, make, p256

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


def load(
    certificate: Path,
    key: Path | None,
    now: datetime,
    *,
    password: bytes | None = None,
    accepted: bytes = b"",
) -> Signatory:
    """Return who the files are, a password being given where one is asked for."""
    return load_signatory(
        certificate.read_bytes(), key.read_bytes() if key else None, lambda: password, now, accepted
    )


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
    who = load(*files(tmp_path, key), NOW)
    assert alg == who.alg
    assert "CN=某某公司" == accepted(who)
    assert "sign" not in repr(who)


def test_without_a_certificate_one_is_made_that_says_a_name() -> None:
    assert "CN=路桥公司" == accepted(own_signatory("路桥公司", NOW))
    with pytest.raises(UnusableCertificate):
        own_signatory("", NOW)


@pytest.mark.parametrize("number", [1, 4])
def test_a_chain_goes_along_and_is_bounded(tmp_path: Path, number: int) -> None:
    above = [make(authority("0"))]
    for place in range(1, number):
        above.insert(0, make(authority(str(place)), above[0]))
    bidder, key = make(Wish(), above[0]), tmp_path / "bidder.key"
    key.write_bytes(pem(p256(Wish().subject)))
    path = tmp_path / "bidder.pem"
    path.write_bytes(pems(bidder, *above))
    assert number == len(load(path, key, NOW).chain)
    assert number == len(load(path, key, NOW, accepted=pems(above[-1])).chain)
    path.write_bytes(pems(bidder, *above * 9))
    with pytest.raises(UnusableCertificate, match="chain"):
        load(path, key, NOW)


def test_an_expired_certificate_is_refused_before_anything_is_sealed(tmp_path: Path) -> None:
    paths = files(tmp_path, ec.derive_private_key(7, ec.SECP256R1()), until=timedelta(days=-1))
    with pytest.raises(CertificateOutOfTime, match="expired"):
        load(*paths, NOW)
    with pytest.raises(CertificateOutOfTime, match="not yet valid"):
        load(*paths, NOW - timedelta(days=3))


def test_a_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    own, other = ec.derive_private_key(7, ec.SECP256R1()), ec.derive_private_key(8, ec.SECP256R1())
    with pytest.raises(UnusableCertificate, match="not the certificate's"):
        load(*files(tmp_path, own, other=other), NOW)


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
        load(*files(tmp_path, key), NOW)


def test_an_encrypted_key_wants_its_password(tmp_path: Path) -> None:
    key = ec.derive_private_key(7, ec.SECP256R1())
    certificate, path = files(tmp_path, key)
    path.write_bytes(pem(key, PASSWORD))
    assert "ES256" == load(certificate, path, NOW, password=PASSWORD).alg
    for password in (None, b"another"):
        with pytest.raises(UnusableCertificate, match="password"):
            load(certificate, path, NOW, password=password)


@pytest.mark.parametrize(
    "data", [b"", b"no PEM", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_what_is_no_pem_is_told(tmp_path: Path, data: bytes) -> None:
    certificate, key = files(tmp_path, ec.derive_private_key(7, ec.SECP256R1()))
    good = key.read_bytes()
    key.write_bytes(data)
    with pytest.raises(UnusableCertificate):
        load(certificate, key, NOW)
    key.write_bytes(good)
    certificate.write_bytes(data)
    with pytest.raises(UnusableCertificate):
        load(certificate, key, NOW)


def test_an_authority_that_the_tender_does_not_accept_is_refused(tmp_path: Path) -> None:
    top = make(authority("root"))
    certificate, key = tmp_path / "bidder.pem", tmp_path / "bidder.key"
    certificate.write_bytes(pems(make(Wish(), top)))
    key.write_bytes(pem(p256(Wish().subject)))
    assert "CN=某某建设有限公司" == accepted(load(certificate, key, NOW, accepted=pems(top)))
    with pytest.raises(UnknownAuthority):
        load(certificate, key, NOW, accepted=pems(make(authority("other"))))
    with pytest.raises(UnusableCertificate, match="accepted authorities"):
        load(certificate, key, NOW, accepted=b"no PEM")
    certificate.write_bytes(pems(make(Wish(ca=True), top)))
    with pytest.raises(UnfitCertificate, match="CA:true"):
        load(certificate, key, NOW)


@pytest.mark.parametrize("password", [None, PASSWORD], ids=["without a password", "with one"])
def test_a_pkcs12_holds_certificate_key_and_chain(tmp_path: Path, password: bytes | None) -> None:
    top = make(authority("root"))
    bidder = make(Wish(), top)
    path = tmp_path / "bidder.p12"
    path.write_bytes(pkcs12_of(bidder, p256(Wish().subject), [top], password))
    who = load(path, None, NOW, password=password, accepted=pems(top))
    assert ("ES256", 1) == (who.alg, len(who.chain))
    assert "CN=某某建设有限公司" == accepted(who)


def test_a_pkcs12_that_lacks_something_is_told(tmp_path: Path) -> None:
    bidder, key = make(Wish()), p256(Wish().subject)
    path = tmp_path / "bidder.p12"
    path.write_bytes(pkcs12_of(bidder, key, [], PASSWORD))
    for password in (None, b"another"):
        with pytest.raises(UnusableCertificate, match="another password"):
            load(path, None, NOW, password=password)
    path.write_bytes(pkcs12_of(None, None, [bidder], PASSWORD))
    with pytest.raises(UnusableCertificate, match="lacks the private key"):
        load(path, None, NOW, password=PASSWORD)
    for data in (b"", b"no PKCS#12", b"\x30\x03\x02\x01\x03", pems(bidder)):
        path.write_bytes(data)
        with pytest.raises(UnusableCertificate, match="PKCS#12"):
            load(path, None, NOW, password=PASSWORD)
    path.write_bytes(pkcs12_of(make(Wish(end=NOW - timedelta(seconds=1))), key, [], None))
    with pytest.raises(CertificateOutOfTime):
        load(path, None, NOW)


def pkcs12_of(
    bidder: Made | None, key: ec.EllipticCurvePrivateKey | None, others: list[Made], password: bytes | None
) -> bytes:
    lock = BestAvailableEncryption(password) if password else NoEncryption()
    certificates = [one.certificate for one in others]
    certificate = bidder.certificate if bidder else None
    return serialize_key_and_certificates(b"bidder", key, certificate, certificates, lock)


def pems(*made: Made) -> bytes:
    return b"".join(one.certificate.public_bytes(Encoding.PEM) for one in made)


@pytest.mark.needs("openssl")
def test_an_sm2_certificate_leads_to_an_accepted_authority(tmp_path: Path) -> None:
    made = Authority.open(tmp_path)
    made.root("root")
    made.root("other")
    made.issue("bidder", "root", "person")
    made.issue("secret", "root", "encrypts")
    certificate, key = tmp_path / "bidder.pem", tmp_path / "bidder.key"
    top, other = ((tmp_path / f"{name}.pem").read_bytes() for name in ("root", "other"))
    assert "SM2" == load(certificate, key, SM2_NOW, accepted=top).alg
    with pytest.raises(UnknownAuthority):
        load(certificate, key, SM2_NOW, accepted=other)
    with pytest.raises(CertificateOutOfTime):
        load(certificate, key, SM2_NOW + timedelta(days=9999), accepted=top)
    with pytest.raises(UnfitCertificate, match="of two certificates take the one for signing"):
        load(tmp_path / "secret.pem", tmp_path / "secret.key", SM2_NOW, accepted=top)


@pytest.mark.needs("openssl")
def test_a_bid_is_signed_with_an_sm2_certificate(tmp_path: Path) -> None:
    made = Authority.open(tmp_path)
    made.root("top")
    made.issue("bidder", "top", "person")
    made.root("rival")
    certificate, key = tmp_path / "bidder.pem", tmp_path / "bidder.key"
    who = load(certificate, key, SM2_NOW)
    assert ("SM2", "CN=bidder") == (who.alg, accepted(who))
    with pytest.raises(UnusableCertificate, match="not the certificate's"):
        load(certificate, tmp_path / "rival.key", SM2_NOW)
