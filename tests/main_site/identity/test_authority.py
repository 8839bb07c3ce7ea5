"""The centre's authority: whatever is not a site's certificate of this centre, with its own key, is refused."""

import base64
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.types import (
    CertificateIssuerPrivateKeyTypes,
    CertificatePublicKeyTypes,
)
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from evalroom.ids import SiteId
from main_site.identity.authority import (
    Authority,
    AuthorityDamaged,
    BadSiteRequest,
    SiteNotRecognised,
    certify,
    login_message,
    open_authority,
    recognise,
)

SITE = SiteId("west")
NONCE = bytes(range(32))
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
OTHER = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
P256 = ec.derive_private_key(7, ec.SECP256R1())
NOW = datetime.now(UTC)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return open_authority(tmp_path_factory.mktemp("authority"), "centre")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Another centre, which took the same name."""
    return open_authority(tmp_path_factory.mktemp("stranger"), "centre")


def named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def leaf(
    issuer: x509.Name,
    signer: CertificateIssuerPrivateKeyTypes,
    *,
    begins: datetime = NOW - DAY,
    ends: datetime = NOW + DAY,
    ca: bool = False,
    usage: x509.ObjectIdentifier | None = ExtendedKeyUsageOID.CLIENT_AUTH,
    basic: bool = True,
    public: CertificatePublicKeyTypes | None = None,
) -> str:
    """Return a site certificate in which one thing may be wrong."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(named(SITE))
        .issuer_name(issuer)
        .public_key(public or KEY.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )
    if basic:
        builder = builder.add_extension(x509.BasicConstraints(ca, None), critical=True)
    if usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    algorithm = None if isinstance(signer, Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(signer, algorithm).public_bytes(Encoding.PEM).decode()


Forge = Callable[[Authority, Authority], str]

FORGED: dict[str, Forge] = {
    "garbage": lambda *_: "no certificate",
    "empty": lambda *_: "",
    "lone surrogate": lambda *_: "\ud800",
    "cut off": lambda ours, _: ours.pem[:200],
    "expired": lambda ours, _: leaf(ours.certificate.subject, ours.key, ends=NOW - timedelta(minutes=1)),
    "not yet valid": lambda ours, _: leaf(
        ours.certificate.subject, ours.key, begins=NOW + timedelta(hours=1)
    ),
    "may certify others": lambda ours, _: leaf(ours.certificate.subject, ours.key, ca=True),
    "for servers": lambda ours, _: leaf(
        ours.certificate.subject, ours.key, usage=ExtendedKeyUsageOID.SERVER_AUTH
    ),
    "for no use": lambda ours, _: leaf(ours.certificate.subject, ours.key, usage=None),
    "without constraints": lambda ours, _: leaf(ours.certificate.subject, ours.key, basic=False),
    "another kind of key": lambda ours, _: leaf(ours.certificate.subject, ours.key, public=P256.public_key()),
    "issued by another": lambda ours, _: leaf(named("another"), ours.key),
    "signed by another centre": lambda _, theirs: leaf(theirs.certificate.subject, theirs.key),
    "signed by itself": lambda ours, _: leaf(ours.certificate.subject, KEY),
    "signed by another kind of key": lambda ours, _: leaf(ours.certificate.subject, P256),
    "the authority's own": lambda ours, _: ours.pem,
    "two, the second good": lambda ours, theirs: (
        leaf(theirs.certificate.subject, theirs.key) + leaf(ours.certificate.subject, ours.key)
    ),
}


OTHER_USES = {
    "mail": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "code": ExtendedKeyUsageOID.CODE_SIGNING,
    "time stamps": ExtendedKeyUsageOID.TIME_STAMPING,
    "answers on revocation": ExtendedKeyUsageOID.OCSP_SIGNING,
    "anything": ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
    "smart cards": ExtendedKeyUsageOID.SMARTCARD_LOGON,
}
SPANS = {
    "over for a second": (NOW - DAY, NOW - timedelta(seconds=1)),
    "over for a day": (NOW - 3 * DAY, NOW - DAY),
    "over for a decade": (NOW - 5_000 * DAY, NOW - 3_650 * DAY),
    "valid in two hours": (NOW + timedelta(hours=2), NOW + DAY),
    "valid tomorrow": (NOW + DAY, NOW + 2 * DAY),
    "valid in a decade": (NOW + 3_650 * DAY, NOW + 5_000 * DAY),
}
KEYS: dict[str, CertificatePublicKeyTypes] = {
    "P-384": ec.derive_private_key(7, ec.SECP384R1()).public_key(),
    "secp256k1": ec.derive_private_key(7, ec.SECP256K1()).public_key(),
    "Ed448": Ed448PrivateKey.from_private_bytes(b"k" * 57).public_key(),
    "another site's": OTHER.public_key(),
    "RSA": rsa.generate_private_key(65537, 2048).public_key(),
}
FORGED |= {
    f"for {name}": lambda ours, _, use=use: leaf(ours.certificate.subject, ours.key, usage=use)  # type: ignore[misc] # bound now
    for name, use in OTHER_USES.items()
}
FORGED |= {
    name: lambda ours, _, span=span: leaf(ours.certificate.subject, ours.key, begins=span[0], ends=span[1])  # type: ignore[misc] # bound now
    for name, span in SPANS.items()
}
FORGED |= {
    f"with a key of {name}": lambda ours, _, key=key: leaf(ours.certificate.subject, ours.key, public=key)  # type: ignore[misc] # bound now
    for name, key in KEYS.items()
}
FORGED |= {
    "issued by a site": lambda *_: leaf(named(SITE), KEY),
    "issued by nobody": lambda ours, _: leaf(x509.Name([]), ours.key),
    "signed by another centre under our name": lambda ours, theirs: leaf(
        ours.certificate.subject, theirs.key
    ),
    "the other centre's own": lambda _, theirs: theirs.pem,
    "a request": lambda *_: request(),
    "a request under a certificate's mark": lambda *_: request().replace(
        "CERTIFICATE REQUEST", "CERTIFICATE"
    ),
    "marked as a key": lambda ours, _: good(ours).replace("CERTIFICATE", "PUBLIC KEY"),
    "without its marks": lambda ours, _: "".join(good(ours).splitlines()[1:-1]),
    "cut in the middle": lambda ours, _: "\n".join(
        [*good(ours).splitlines()[:4], good(ours).splitlines()[-1]]
    ),
    "another line in it": lambda ours, _: good(ours).replace("\n", "\nAAAA\n", 1),
    "zeroes before it": lambda ours, _: (
        good(ours).replace("-----BEGIN", "\0-----BEGIN").replace("-----\n", "\0\n", 1)
    ),
}
"""With those above more than forty; of them none is accepted."""


def good(authority: Authority) -> str:
    return certify(authority, request(), SITE)


def test_more_than_forty_kinds_of_bad_certificates_are_tried() -> None:
    assert 40 <= len(FORGED)


def signed(authority: Authority, nonce: bytes = NONCE, key: Ed25519PrivateKey = KEY) -> bytes:
    return key.sign(login_message(authority.fingerprint, nonce))


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED.keys())
def test_a_certificate_that_is_not_a_sites_is_refused(
    authority: Authority, stranger: Authority, forge: Forge
) -> None:
    with pytest.raises(SiteNotRecognised):
        recognise(authority, forge(authority, stranger), NONCE, signed(authority))


@pytest.mark.filterwarnings("ignore:Parsed a serial number")  # one flip makes it negative; it is refused, too
def test_every_flipped_byte_of_a_certificate_is_refused(authority: Authority) -> None:
    good = x509.load_pem_x509_certificate(certify(authority, request(), SITE).encode())
    der = good.public_bytes(Encoding.DER)
    # The signature's bit string begins with the count of its unused bits: where those are zero, it changes nothing.
    unused_bits = len(der) - 65
    for place in set(range(len(der))) - {unused_bits}:
        bad = bytearray(der)
        bad[place] ^= 1
        pem = f"-----BEGIN CERTIFICATE-----\n{base64.encodebytes(bad).decode()}-----END CERTIFICATE-----\n"
        with pytest.raises(SiteNotRecognised):
            recognise(authority, pem, NONCE, signed(authority))


@pytest.mark.parametrize(
    "sign",
    [
        lambda ours, _: signed(ours, key=OTHER),
        lambda ours, _: signed(ours, nonce=bytes(32)),
        lambda _, theirs: signed(theirs),
        lambda *_: KEY.sign(NONCE),
        lambda *_: b"",
        lambda *_: bytes(64),
        lambda ours, _: signed(ours)[:63],
    ],
    ids=["other key", "other nonce", "other centre", "the bare nonce", "empty", "zeroes", "cut off"],
)
def test_a_signature_that_is_not_of_this_key_over_this_nonce_is_refused(
    authority: Authority, stranger: Authority, sign: Callable[[Authority, Authority], bytes]
) -> None:
    certificate = certify(authority, request(), SITE)
    with pytest.raises(SiteNotRecognised):
        recognise(authority, certificate, NONCE, sign(authority, stranger))
    assert SITE == recognise(authority, certificate, NONCE, signed(authority))


def test_the_certificate_names_the_site_the_code_was_for_and_not_the_one_the_request_asks_for(
    authority: Authority,
) -> None:
    certificate = certify(authority, request(name="host"), SITE)
    assert SITE == recognise(authority, certificate, NONCE, signed(authority))


# --- requests ---------------------------------------------------------------------------------------------


def request(signer: CertificateIssuerPrivateKeyTypes = KEY, name: str = SITE) -> str:
    algorithm = None if isinstance(signer, Ed25519PrivateKey) else hashes.SHA256()
    made = x509.CertificateSigningRequestBuilder().subject_name(named(name)).sign(signer, algorithm)
    return made.public_bytes(Encoding.PEM).decode()


def _broken() -> str:
    """Return a request whose signature is not of its key."""
    made = x509.load_pem_x509_csr(request().encode()).public_bytes(Encoding.DER)
    bad = made[:-1] + bytes([made[-1] ^ 1])
    body = base64.encodebytes(bad).decode()
    return f"-----BEGIN CERTIFICATE REQUEST-----\n{body}-----END CERTIFICATE REQUEST-----\n"


@pytest.mark.parametrize(
    "make",
    [
        lambda: request(P256),
        lambda: request(rsa.generate_private_key(65537, 2048)),
        _broken,
        lambda: "",
        lambda: "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
        lambda: "\ud800",
    ],
    ids=["P-256", "RSA", "broken signature", "empty", "garbage", "lone surrogate"],
)
def test_a_request_that_is_none_is_not_certified(authority: Authority, make: Callable[[], str]) -> None:
    with pytest.raises(BadSiteRequest):
        certify(authority, make(), SITE)


# --- on disk ------------------------------------------------------------------------------------------------


def test_a_key_that_is_not_the_certificates_stops_the_host(tmp_path: Path) -> None:
    open_authority(tmp_path / "one", "centre")
    open_authority(tmp_path / "two", "centre")
    (tmp_path / "two" / "authority.key").replace(tmp_path / "one" / "authority.key")
    with pytest.raises(AuthorityDamaged):
        open_authority(tmp_path / "one", "centre")


@pytest.mark.parametrize("name", ["authority.key", "authority.pem"])
@pytest.mark.parametrize("content", [b"", b"garbage", None])
def test_keys_that_a_crash_left_incomplete_are_named_and_not_replaced(
    tmp_path: Path, name: str, content: bytes | None
) -> None:
    open_authority(tmp_path, "centre")
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(AuthorityDamaged):
        open_authority(tmp_path, "centre")


def test_the_authority_is_the_same_after_a_restart(tmp_path: Path) -> None:
    first, again = open_authority(tmp_path, "centre"), open_authority(tmp_path, "renamed")
    assert (first.fingerprint, first.pem) == (again.fingerprint, again.pem)


def test_the_key_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    open_authority(tmp_path / "keys", "centre")
    assert 0o600 == stat.S_IMODE((tmp_path / "keys" / "authority.key").stat().st_mode)
    assert 0o700 == stat.S_IMODE((tmp_path / "keys").stat().st_mode)


def test_a_centre_with_a_long_name_gets_its_authority(tmp_path: Path) -> None:
    name = "省公共资源交易中心" * 20
    assert open_authority(tmp_path, name).certificate.subject
