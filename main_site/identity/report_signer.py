"""The certificate with which this centre signs the PDF of a report: given by the settings, or issued by the centre itself.

Its key is on P-256: readers of PDFs know no Ed25519.  A certificate of the centre's own authority says which host
signed; one by a public authority, set in its place, is recognised by every reader.
"""

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from evalroom.errors import LocalFault
from main_site.identity.authority import Authority

YEARS = 5


class ReportSignerUnusable(LocalFault):
    """The certificate and key that sign reports cannot be used: set report_cert and report_key to a pair that belongs together."""

    code = "report_signer_unusable"


@dataclass(frozen=True, slots=True)
class ReportSigner:
    """Who signs: the certificate first, then those above it as far as they are known, all DER; the key as PKCS #8 DER."""

    chain: tuple[bytes, ...]
    key: bytes


def open_report_signer(
    folder: Path, authority: Authority, given: tuple[Path, Path] | None = None
) -> ReportSigner:
    """Load the pair given by the settings (certificate, key), else the centre's own from `folder`, made at the first call.

    Raises:
        ReportSignerUnusable: unreadable, of another kind, or not belonging together.
    """
    certificate, key = given or (folder / "report.pem", folder / "report.key")
    if given is None and not key.exists():
        _make(key, certificate, authority)
    try:
        chain = x509.load_pem_x509_certificates(certificate.read_bytes())
        private = load_pem_private_key(key.read_bytes(), None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ReportSignerUnusable(certificate=str(certificate)[:200]) from error
    fits = isinstance(private, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey)
    if not fits or chain[0].public_key() != private.public_key():
        raise ReportSignerUnusable(certificate=str(certificate)[:200], problem="key and certificate differ")
    der = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return ReportSigner(tuple(one.public_bytes(Encoding.DER) for one in chain), der)


def _make(key_path: Path, certificate_path: Path, authority: Authority) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    root, now = authority.certificate, datetime.now(UTC)
    centre = str(root.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=True, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=False, crl_sign=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{centre} reports"[:64])]))
        .issuer_name(root.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(min(now + timedelta(days=365 * YEARS), root.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .sign(authority.key, None)
    )
    pem = certificate.public_bytes(Encoding.PEM) + root.public_bytes(Encoding.PEM)
    _write(certificate_path, pem)
    _write(key_path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def _write(path: Path, data: bytes) -> None:
    """Write a file that is whole or not there; the key is written last, for its presence says that both are."""
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
