"""The bidder's certificate and its key, as PEM files, and what they sign: that this bid is this bidder's.

Made for ECDSA on P-256, Ed25519, RSA and SM2 (through the machine's libcrypto).  Without a certificate one is
made here that says a name and nobody vouches for it.  Refused, before anything is sealed: a key that is not the
certificate's, a certificate out of its time, algorithms that the identity part has no name for.
"""

import base64
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from evalroom.errors import Refusal
from evalroom.sealing.gm.chain import UntrustedSm2Certificate, key_of_certificate
from evalroom.sealing.gm.sm2 import private_from_pkcs8
from evalroom.sealing.identity import MAX_CERTIFICATE, MAX_CHAIN, SALT_SIZE, Identity, identity_message
from evalroom.sealing.suite import MalformedSealingKey

_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Order n of P-256; the identity part wants s at most n/2 (sealed-bid.md §9)."""

Sign = Callable[[bytes], bytes]


class UnusableCertificate(Refusal):
    """Certificate and key cannot sign this bid: nothing was sealed; give PEM files that belong together and are valid."""

    code = "unusable_certificate"


@dataclass(frozen=True, slots=True)
class Signatory:
    """Who bids: certificate and chain in DER, a fresh salt for the commitment, and what signs."""

    certificate: bytes
    chain: tuple[bytes, ...]
    alg: str
    salt: bytes
    sign: Sign = field(repr=False)

    def identity(self, envelope_key: bytes, context: bytes) -> bytes:
        """Return the text of the identity part of one envelope."""
        signature = self.sign(identity_message(envelope_key, context))
        return Identity(self.certificate, self.chain, self.salt, self.alg, signature).encode()


def load_signatory(certificate: Path, key: Path, password: bytes | None, now: datetime) -> Signatory:
    """Return who the PEM files are; the first certificate is the bidder's, more are its chain.

    Raises:
        UnusableCertificate: they do not belong together, or cannot sign a bid.
        OSError: one cannot be read.
    """
    try:
        found = x509.load_pem_x509_certificates(certificate.read_bytes())
    except ValueError as error:
        raise UnusableCertificate(file=certificate.name, reason="no certificate in PEM") from error
    ders = [one.public_bytes(Encoding.DER) for one in found]
    if len(ders) > 1 + MAX_CHAIN or max(map(len, ders)) > MAX_CERTIFICATE:
        raise UnusableCertificate(reason="more than 8 certificates in the chain, or one longer than 16 KiB")
    if not found[0].not_valid_before_utc <= now <= found[0].not_valid_after_utc:
        until = found[0].not_valid_after_utc.isoformat()
        raise UnusableCertificate(reason="out of its time by this computer's clock", until=until)
    alg, sign = _signer(found[0], ders[0], key, password)
    return Signatory(ders[0], tuple(ders[1:]), alg, secrets.token_bytes(SALT_SIZE), sign)


def own_signatory(name: str, now: datetime) -> Signatory:
    """Return a bidder whose certificate says `name`, signed by itself; its key is forgotten afterwards.

    Raises:
        UnusableCertificate: a certificate cannot bear the name.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    try:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    except ValueError as error:
        raise UnusableCertificate(reason="a name has 1 to 64 characters") from error
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=366))
    der = builder.sign(key, SHA256()).public_bytes(Encoding.DER)
    return Signatory(der, (), "ES256", secrets.token_bytes(SALT_SIZE), _es256(key))


def _signer(found: x509.Certificate, der: bytes, path: Path, password: bytes | None) -> tuple[str, Sign]:
    data = path.read_bytes()
    try:
        key = load_pem_private_key(data, password)
    except UnsupportedAlgorithm:
        return _sm2(der, data, path)
    except (ValueError, TypeError) as error:  # TypeError: a password is missing, or none was needed
        if password is None and b"ENCRYPTED" not in data:
            return _sm2(der, data, path)
        raise UnusableCertificate(file=path.name, reason="no private key in PEM, or its password") from error
    _check_pair(found, key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    match key:
        case ec.EllipticCurvePrivateKey(curve=ec.SECP256R1()):
            return "ES256", _es256(key)
        case ed25519.Ed25519PrivateKey():
            return "EdDSA", key.sign
        case rsa.RSAPrivateKey() if key.key_size >= 2048:
            return "RS256", lambda message: key.sign(message, padding.PKCS1v15(), SHA256())
        case _:
            raise UnusableCertificate(reason="algorithms are P-256, Ed25519, RSA from 2048 bits, SM2")


def _check_pair(found: x509.Certificate, spki: bytes) -> None:
    public = found.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if public != spki:
        raise UnusableCertificate(reason="the key is not the certificate's")


def _es256(key: ec.EllipticCurvePrivateKey) -> Sign:
    def sign(message: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(message, ec.ECDSA(SHA256())))
        return r.to_bytes(32, "big") + min(s, _ORDER - s).to_bytes(32, "big")

    return sign


def _sm2(der: bytes, pem: bytes, path: Path) -> tuple[str, Sign]:
    try:
        key = private_from_pkcs8(_unarmoured(pem))
        public = key_of_certificate(der)
    except (ValueError, MalformedSealingKey, UntrustedSm2Certificate) as error:
        raise UnusableCertificate(file=path.name, reason="no key of an algorithm that bids use") from error
    if key.encoded != public.encoded:
        raise UnusableCertificate(reason="the key is not the certificate's")
    return "SM2", key.sign


def _unarmoured(pem: bytes) -> bytes:
    """Return the DER between the lines of an unencrypted PKCS#8 in PEM.

    Raises:
        ValueError: there is none.
    """
    found = re.search(rb"-----BEGIN PRIVATE KEY-----(.*?)-----END PRIVATE KEY-----", pem, re.DOTALL)
    if found is None:
        raise ValueError
    return base64.b64decode(b"".join(found[1].split()), validate=True)
