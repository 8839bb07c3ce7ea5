"""The centre's certificate authority: it certifies the keys of the sub-sites and recognises them later.

One Ed25519 root per centre, made at the first start and kept on the host's disk.  It certifies nothing but
sites of this centre; a site proves itself on the link by signing the host's nonce with its certified key.
"""

import hashlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from evalroom.errors import LocalFault, Refusal
from evalroom.ids import SiteId

ROOT_YEARS, SITE_YEARS = 20, 5
LOGIN = "evalroom/site-login/v1"

_UNUSABLE = (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension)
"""What the library raises for bytes that are no certificate or request, or of a kind it does not know."""


class BadSiteRequest(Refusal):
    """The certificate request of the site cannot be used: let the site join again with a fresh one."""

    code = "bad_site_request"


class SiteNotRecognised(Refusal):
    """This is no site of this centre, or its certificate is no longer good: let it join again."""

    code = "site_not_recognised"


class AuthorityDamaged(LocalFault):
    """The centre's certificate and key on disk do not belong together: restore both from a backup."""

    code = "authority_damaged"


@dataclass(frozen=True, slots=True)
class Authority:
    """The root certificate and its key."""

    certificate: x509.Certificate
    key: Ed25519PrivateKey

    @property
    def fingerprint(self) -> str:
        """Return the SHA-256 of the root certificate, hex."""
        return hashlib.sha256(self.certificate.public_bytes(Encoding.DER)).hexdigest()

    @property
    def pem(self) -> str:
        """Return the root certificate as PEM."""
        return self.certificate.public_bytes(Encoding.PEM).decode()


def open_authority(folder: Path, centre: str) -> Authority:
    """Load the authority from `folder`, or make it there.

    Raises:
        AuthorityDamaged: one of them is lost or unreadable, or they do not match; neither is replaced, because
            the sites hold certificates of the old key.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    key_path, certificate_path = folder / "authority.key", folder / "authority.pem"
    if not key_path.exists() and not certificate_path.exists():
        _make(key_path, certificate_path, centre)
    try:
        key = load_pem_private_key(key_path.read_bytes(), None)
        certificate = x509.load_pem_x509_certificate(certificate_path.read_bytes())
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise AuthorityDamaged(folder=str(folder)) from error
    if not isinstance(key, Ed25519PrivateKey) or certificate.public_key() != key.public_key():
        raise AuthorityDamaged(folder=str(folder))
    return Authority(certificate, key)


def _make(key_path: Path, certificate_path: Path, centre: str) -> None:
    key = Ed25519PrivateKey.generate()
    text = f"EvalRoom {centre}".encode()[:64].decode(
        errors="ignore"
    )  # X.520: 64, which our library counts in bytes
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=365 * ROOT_YEARS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, None)
    )
    made = {
        certificate_path: certificate.public_bytes(Encoding.PEM),
        key_path: key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    }
    for path, data in made.items():
        _write(_part(path), data)
    for path in made:  # both are whole on the disk before either has its name
        _part(path).replace(path)


def _part(path: Path) -> Path:
    return path.with_name(path.name + ".part")


def _write(path: Path, data: bytes) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def certify(authority: Authority, csr_pem: str, site: SiteId) -> str:
    """Return a certificate (PEM) for the site key in a request.

    Raises:
        BadSiteRequest: no request, not signed by its own key, or another kind of key.
    """
    try:
        request = x509.load_pem_x509_csr(csr_pem.encode())
        good = request.is_signature_valid
        key = request.public_key()
    except _UNUSABLE as error:
        raise BadSiteRequest(problem="no certificate request") from error
    if not good or not isinstance(key, Ed25519PublicKey):
        raise BadSiteRequest(problem="a site key is Ed25519, and signs its own request")
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, site)]))
        .issuer_name(authority.certificate.subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=365 * SITE_YEARS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(authority.key, None)
    )
    return certificate.public_bytes(Encoding.PEM).decode()


def recognise(authority: Authority, certificate_pem: str, nonce: bytes, signature: bytes) -> SiteId:
    """Return the site that a certificate and a signature over the nonce belong to.

    Raises:
        SiteNotRecognised: forged, expired, no site certificate of this centre, or another key's signature.
    """
    try:
        certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
        certificate.verify_directly_issued_by(authority.certificate)
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        key = certificate.public_key()
    except (*_UNUSABLE, InvalidSignature, x509.ExtensionNotFound) as error:
        raise SiteNotRecognised(problem="certificate") from error
    now = datetime.now(UTC)
    valid = certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc
    if not valid or basic.ca or ExtendedKeyUsageOID.CLIENT_AUTH not in usage:
        raise SiteNotRecognised(problem="certificate")
    if not isinstance(key, Ed25519PublicKey):
        raise SiteNotRecognised(problem="key")
    try:
        key.verify(signature, login_message(authority.fingerprint, nonce))
    except InvalidSignature as error:
        raise SiteNotRecognised(problem="signature") from error
    return SiteId(str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value))


def login_message(fingerprint: str, nonce: bytes) -> bytes:
    """Return what a site signs to log in (docs/spec/signalling.md §6)."""
    return f"{LOGIN}\n{fingerprint}\n{nonce.hex()}".encode()
