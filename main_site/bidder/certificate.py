"""The bidder's certificate and its key, as files, and what they sign: that this bid is this bidder's.

Files are PEM, a certificate in DER, or one PKCS#12 (`.p12`, `.pfx`) that holds both.  Made for ECDSA on P-256, Ed25519,
RSA and SM2 (through the machine's libcrypto).  Without a certificate one is made here that says a name and nobody
vouches for it.  Refused, before anything is sealed: a key that is not the certificate's, a certificate that
`certification` refuses, algorithms that the identity part has no name for.
"""

import base64
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12
from cryptography.x509.oid import NameOID

from evalroom.errors import Refusal
from evalroom.sealing.gm.chain import UntrustedSm2Certificate, key_of_certificate
from evalroom.sealing.gm.sm2 import private_from_pkcs8
from evalroom.sealing.identity import MAX_CERTIFICATE, MAX_CHAIN, SALT_SIZE, Identity, identity_message
from evalroom.sealing.suite import MalformedSealingKey
from main_site.bidder.certification import check_certificate

_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Order n of P-256; the identity part wants s at most n/2 (sealed-bid.md §9)."""

Sign = Callable[[bytes], bytes]


class UnusableCertificate(Refusal):
    """Certificate and key cannot sign this bid: nothing was sealed; give files that belong together, and the password."""

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


Password = Callable[[], bytes | None]
"""Gives the password of a private key, asked for only where one is needed; None where nobody gives it."""


@dataclass(frozen=True, slots=True)
class Pair:
    """What files hold: the bidder's certificate, further ones, and what signs with its key."""

    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    alg: str
    sign: Sign = field(repr=False)


def load_signatory(
    certificate: bytes,
    key: bytes | None,
    password: Password,
    now: datetime,
    authorities: bytes = b"",
) -> Signatory:
    """Return who the files are; without `key`, `certificate` is PKCS#12, else its first one is the bidder's.

    `authorities` are the certificates, PEM, that the tender document accepts; with none nobody is asked who vouches.

    Raises:
        UnusableCertificate: they do not belong together, or cannot sign a bid.
        CertificateOutOfTime, UnfitCertificate, UnknownAuthority: see `check_certificate`.
    """
    pair = _pkcs12(certificate, password) if key is None else _pem(certificate, key, password)
    der, *chain = [one.public_bytes(Encoding.DER) for one in (pair.certificate, *pair.chain)]
    if len(chain) > MAX_CHAIN or max(map(len, (der, *chain))) > MAX_CERTIFICATE:
        raise UnusableCertificate(reason="more than 8 certificates in the chain, or one longer than 16 KiB")
    anchors = _certificates(authorities, "the accepted authorities") if authorities else []
    check_certificate(pair.certificate, pair.chain, anchors, now)
    return Signatory(der, tuple(chain), pair.alg, secrets.token_bytes(SALT_SIZE), pair.sign)


def _pem(certificate: bytes, key: bytes, password: Password) -> Pair:
    found = _certificates(certificate, "the bidder's")
    alg, sign = _signer(found[0], key, password)
    return Pair(found[0], tuple(found[1:]), alg, sign)


def _certificates(data: bytes, whose: str) -> list[x509.Certificate]:
    """Return the certificates in PEM, at least one, or the one in DER."""
    try:
        if data.startswith(b"\x30"):
            return [x509.load_der_x509_certificate(data)]
        return x509.load_pem_x509_certificates(data)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UnusableCertificate(file=whose, reason="no certificate in PEM or DER") from error


def _pkcs12(data: bytes, password: Password) -> Pair:
    """Read PKCS#12; many have no password, or an empty one, so that nobody is asked first."""
    if not data.startswith(b"\x30"):
        raise UnusableCertificate(reason="no PKCS#12; of PEM files name the private key, too")
    found = None
    for secret in (lambda: None, lambda: b"", password):
        try:
            found = load_pkcs12(data, secret())
        except (ValueError, TypeError, UnsupportedAlgorithm):
            continue  # which of them it was, and whether a password was wrong, the library does not say
        break
    if found is None:
        raise UnusableCertificate(
            reason="no PKCS#12, another password, or (SM2) a kind that is not read: give PEM"
        )
    if found.key is None or found.cert is None:
        raise UnusableCertificate(
            reason="the PKCS#12 lacks the private key or its certificate: export it anew with both"
        )
    certificate = found.cert.certificate
    alg, sign = _signing(certificate, found.key)
    return Pair(certificate, tuple(one.certificate for one in found.additional_certs), alg, sign)


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


def _signer(found: x509.Certificate, data: bytes, password: Password) -> tuple[str, Sign]:
    secret = password() if b"ENCRYPTED" in data else None
    try:
        key = load_pem_private_key(data, secret)
    except UnsupportedAlgorithm:
        return _sm2(found, data)
    except (ValueError, TypeError) as error:
        if b"ENCRYPTED" not in data:
            return _sm2(found, data)
        raise UnusableCertificate(reason="no private key in PEM, or its password") from error
    return _signing(found, key)


def _signing(found: x509.Certificate, key: PrivateKeyTypes) -> tuple[str, Sign]:
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
    try:
        public = found.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UnusableCertificate(reason="the certificate is for a key of an unknown kind") from error
    if public != spki:
        raise UnusableCertificate(reason="the key is not the certificate's")


def _es256(key: ec.EllipticCurvePrivateKey) -> Sign:
    def sign(message: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(message, ec.ECDSA(SHA256())))
        return r.to_bytes(32, "big") + min(s, _ORDER - s).to_bytes(32, "big")

    return sign


def _sm2(found: x509.Certificate, pem: bytes) -> tuple[str, Sign]:
    try:
        key = private_from_pkcs8(_unarmoured(pem))
        public = key_of_certificate(found.public_bytes(Encoding.DER))
    except (ValueError, MalformedSealingKey, UntrustedSm2Certificate) as error:
        raise UnusableCertificate(reason="no private key in PEM of an algorithm that bids use") from error
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
