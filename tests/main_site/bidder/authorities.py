"""Certificate authorities of tests: good certificates, and such as are wrong in one point each.

What the library's builder does not make (a broken hash, version 1) is made by changing the signed bytes and signing anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa, x25519
from cryptography.hazmat.primitives.hashes import MD5, SHA1, SHA256, HashAlgorithm
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime(2026, 11, 24, tzinfo=UTC)
DAY = timedelta(days=1)

Signs = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey
Key = Signs | x25519.X25519PrivateKey

USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)
SIGNING, ISSUING = ("digital_signature", "content_commitment"), ("key_cert_sign", "crl_sign")
PURPOSE = {
    "client": ExtendedKeyUsageOID.CLIENT_AUTH,
    "email": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "any": ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
    "document": x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36"),
    "server": ExtendedKeyUsageOID.SERVER_AUTH,
    "code": ExtendedKeyUsageOID.CODE_SIGNING,
    "stamp": ExtendedKeyUsageOID.TIME_STAMPING,
    "ocsp": ExtendedKeyUsageOID.OCSP_SIGNING,
}
STRANGE = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
NARROW = x509.NameConstraints([x509.DNSName("example.org")], None)


@cache
def p256(label: str) -> ec.EllipticCurvePrivateKey:
    """Return a key that is always the same for a label."""
    return ec.derive_private_key(int.from_bytes(label.encode()[:31], "big") + 1, ec.SECP256R1())


@cache
def rsa_key(bits: int, exponent: int = 65537) -> rsa.RSAPrivateKey:
    """Return a key of that many bits, one a run; weak ones are what must be refused."""
    assert exponent in (3, 65537)
    return rsa.generate_private_key(exponent, bits)


@dataclass(frozen=True, slots=True)
class Made:
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: Key = field(repr=False)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a certificate is to be: a bidder's good one, where nothing else is said."""

    subject: str = "某某建设有限公司"
    key: Key | None = None
    begin: datetime = NOW - DAY
    end: datetime = NOW + 365 * DAY
    ca: bool | None = False
    path_length: int | None = None
    usage: Sequence[str] | None = SIGNING
    purposes: Sequence[str] = ()
    extra: Sequence[x509.ExtensionType] = ()
    issuer_name: str | None = None


def authority(subject: str, **changes: object) -> Wish:
    """Return the wish for an authority's certificate."""
    return Wish(**({"subject": subject, "ca": True, "usage": ISSUING, "key": p256(subject)} | changes))  # type: ignore[arg-type]  # a table of changes


def make(wish: Wish, by: Made | None = None) -> Made:
    """Return what is wished for, issued by `by` or by itself."""
    key = wish.key or p256(wish.subject)
    name = _name(wish.subject)
    issuer = by.certificate.subject if by else name
    builder = x509.CertificateBuilder(
        subject_name=name,
        issuer_name=_name(wish.issuer_name) if wish.issuer_name else issuer,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=wish.begin,
        not_valid_after=wish.end,
    )
    if wish.ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(wish.ca, wish.path_length), critical=True)
    if wish.usage is not None:
        bits = {one: one in wish.usage for one in USAGES}
        builder = builder.add_extension(x509.KeyUsage(**bits), critical=True)
    if wish.purposes:
        oids = [PURPOSE[one] for one in wish.purposes]
        builder = builder.add_extension(x509.ExtendedKeyUsage(oids), critical=False)
    for one in wish.extra:
        builder = builder.add_extension(one, critical=True)
    signer = by.key if by else key
    assert not isinstance(signer, x25519.X25519PrivateKey)
    hashed = None if isinstance(signer, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey) else SHA256()
    return Made(builder.sign(signer, hashed), key)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)] if text else [])


# --- what the builder does not make ---------------------------------------------------------------------

SHA_1, MD_5 = SHA1(), MD5()  # noqa: S303 - the broken ones that must be refused

_SHA256_RSA, _SHA1_RSA, _MD5_RSA = (bytes.fromhex(f"06092a864886f70d0101{end}") for end in ("0b", "05", "04"))


def with_hash(made: Made, by: Made, hashed: HashAlgorithm) -> Made:
    """Return a certificate of an RSA authority signed with SHA-1 or MD5 instead."""
    named = _SHA1_RSA if isinstance(hashed, SHA1) else _MD5_RSA
    assert isinstance(hashed, SHA1 | MD5)
    assert isinstance(by.key, rsa.RSAPrivateKey)
    body = made.certificate.tbs_certificate_bytes.replace(_SHA256_RSA, named)
    # PKCS #1 v1.5 by hand: the library signs no certificate with these any more, and OpenSSL may not either.
    return Made(_whole(body, named + b"\x05\x00", _pkcs1(by.key, body, hashed)), made.key)


def _pkcs1(key: rsa.RSAPrivateKey, body: bytes, hashed: HashAlgorithm) -> bytes:
    return key.sign(body, padding.PKCS1v15(), hashed)


def of_version_1(made: Made, by: Made) -> Made:
    """Return a certificate that says to be of version 1, with a right signature."""
    version = b"\xa0\x03\x02\x01\x02"
    _, _, inner = made.certificate.tbs_certificate_bytes.partition(version)
    body = _tlv(0x30, inner)  # version 1 is the default and left out
    assert isinstance(by.key, ec.EllipticCurvePrivateKey)
    signature = by.key.sign(body, ec.ECDSA(SHA256()))
    return Made(_whole(body, bytes.fromhex("06082a8648ce3d040302"), signature), made.key)


def with_byte_changed(made: Made, old: bytes, new: bytes) -> Made:
    """Return a certificate changed after it was signed."""
    body = made.certificate.tbs_certificate_bytes
    assert old in body
    algorithm = bytes.fromhex("06082a8648ce3d040302")
    return Made(_whole(body.replace(old, new), algorithm, made.certificate.signature), made.key)


def _whole(body: bytes, algorithm: bytes, signature: bytes) -> x509.Certificate:
    whole = body + _tlv(0x30, algorithm) + _tlv(0x03, b"\x00" + signature)
    return x509.load_der_x509_certificate(_tlv(0x30, whole))


def _tlv(tag: int, body: bytes) -> bytes:
    size = len(body)
    if size < 0x80:
        return bytes([tag, size]) + body
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(digits)]) + digits + body
