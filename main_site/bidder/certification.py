"""Whether a bidder's certificate is fit to sign bids, and whether it leads to an authority that the tender accepts.

Checked before anything is sealed: form, time, key, purpose, and each step of the chain (RFC 5280 §4.2, §6).  The
library's own verifier is not used: it takes no Ed25519 chains (pyca#13391), wants a name in SAN, and says one
sentence for everything.  What is not understood is refused: unknown critical extensions, name constraints.
Revocation is asked for elsewhere: nothing here goes to a network.  The instant is the caller's.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.hashes import MD5, SHA1, SHA224, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from evalroom.errors import Refusal
from evalroom.sealing.gm.chain import UntrustedSm2Certificate, verify_chain

Kind = TypeVar("Kind", bound=x509.ExtensionType)

DEEPEST = 5
"""Certificates from the bidder's up to its authority, both counted in, as for SM2 (evalroom/sealing/gm/chain.py)."""

SM2_KEY = "1.2.156.10197.1.301"
SM2_WITH_SM3 = "1.2.156.10197.1.501"
LEAST_RSA, LEAST_CURVE, LEAST_EXPONENT = 2048, 256, 65537

PURPOSES = frozenset(
    {
        ExtendedKeyUsageOID.CLIENT_AUTH,
        ExtendedKeyUsageOID.EMAIL_PROTECTION,
        ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
        x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36"),  # document signing, RFC 9336
        x509.ObjectIdentifier("1.3.6.1.4.1.311.10.3.12"),  # document signing, the form of before
    }
)
"""Purposes under which a person or a company signs; of those that only servers, code or time stamps have, none counts."""

_UNDERSTOOD = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.ISSUER_ALTERNATIVE_NAME,
        ExtensionOID.CERTIFICATE_POLICIES,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER,
        ExtensionOID.CRL_DISTRIBUTION_POINTS,
    }
)
"""Extensions that may be critical; each is either looked at below or says nothing that a signature depends on."""


class CertificateOutOfTime(Refusal):
    """A certificate is not valid today: nothing was sealed; renew it at its authority, or set this computer's clock."""

    code = "certificate_out_of_time"


class UnknownAuthority(Refusal):
    """No accepted authority vouches for the certificate: nothing was sealed; use one that the tender document accepts."""

    code = "unknown_authority"


class UnfitCertificate(Refusal):
    """The certificate is not fit to sign bids: nothing was sealed; ask its authority for a signing certificate of yours."""

    code = "unfit_certificate"


def check_certificate(
    leaf: x509.Certificate,
    chain: Sequence[x509.Certificate],
    authorities: Sequence[x509.Certificate],
    at: datetime,
) -> None:
    """Return when `leaf` may sign bids at `at`; without `authorities` it is not asked who vouches for it.

    `chain` is what came along, in any order; `at` is timezone-aware.

    Raises:
        CertificateOutOfTime, UnfitCertificate, UnknownAuthority: with the point, and at which certificate.
        SuiteUnavailable: it is an SM2 certificate, and this machine lacks SM2.
    """
    _check_leaf(leaf)
    _check_time(leaf, at, "the bidder's")
    if is_sm2(leaf):
        if authorities:
            _check_sm2(leaf, chain, authorities, at)
        return
    _check_key(leaf, "the bidder's")
    if authorities:
        _check_path(leaf, chain, authorities, at)
    elif chain:
        _check_path(leaf, chain, [one for one in chain if not _vouched(one, chain)], at)


def is_sm2(certificate: x509.Certificate) -> bool:
    """Say whether a certificate is for an SM2 key; `cryptography` reads the name of the curve and no more."""
    try:
        certificate.public_key()
    except (UnsupportedAlgorithm, ValueError):
        return certificate.signature_algorithm_oid.dotted_string == SM2_WITH_SM3
    return False


def _check_leaf(leaf: x509.Certificate) -> None:
    extensions = _extensions(leaf, "the bidder's")
    if not list(leaf.subject):
        raise UnfitCertificate(reason="it names nobody")
    if _value(extensions, x509.BasicConstraints, lambda one: one.ca):
        raise UnfitCertificate(reason="it is an authority's own (CA:true)")
    if not _value(
        extensions, x509.KeyUsage, lambda one: one.digital_signature or one.content_commitment, absent=True
    ):
        raise UnfitCertificate(
            reason="its key usage is not signing; of two certificates take the one for signing"
        )
    if not _value(extensions, x509.ExtendedKeyUsage, lambda one: bool(PURPOSES & set(one)), absent=True):
        raise UnfitCertificate(reason="its extended key usage is for servers, code or time stamps")


def _check_time(certificate: x509.Certificate, at: datetime, whose: str) -> None:
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if at < begin:
        raise CertificateOutOfTime(certificate=whose, reason="not yet valid", begins=begin.isoformat())
    if at > end:
        raise CertificateOutOfTime(certificate=whose, reason="expired", ended=end.isoformat())


def _check_key(certificate: x509.Certificate, whose: str) -> None:
    """Refuse keys and signatures that can be forged, or of kinds that nobody here can check."""
    try:
        key, hashed = certificate.public_key(), certificate.signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UnfitCertificate(certificate=whose, reason="a key or signature of an unknown kind") from error
    match key:
        case rsa.RSAPublicKey():
            strong = key.key_size >= LEAST_RSA and key.public_numbers().e >= LEAST_EXPONENT
        case ec.EllipticCurvePublicKey():
            strong = key.curve.key_size >= LEAST_CURVE
        case ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey():
            strong = True
        case _:
            strong = False
    if not strong:
        raise UnfitCertificate(
            certificate=whose, reason="its key is too weak, or of a kind that signs nothing"
        )
    if _weak(hashed):
        raise UnfitCertificate(certificate=whose, reason="it was signed with a broken hash (MD5, SHA-1)")


def _weak(hashed: HashAlgorithm | None) -> bool:
    return isinstance(hashed, MD5 | SHA1 | SHA224)


# --- the way up -------------------------------------------------------------------------------------------


def _check_path(
    leaf: x509.Certificate,
    chain: Sequence[x509.Certificate],
    authorities: Sequence[x509.Certificate],
    at: datetime,
) -> None:
    """Return when some way leads from `leaf` to an authority; the fault that is told is that of the last way tried."""
    if _in(leaf, authorities):
        raise UnknownAuthority(reason="it is its own authority")
    fault: Refusal = UnknownAuthority(
        reason="no way leads to an authority", issuer=leaf.issuer.rfc4514_string()[:200]
    )
    for way in _ways([leaf], [*authorities, *chain], authorities):
        try:
            _check_way(way, at)
        except Refusal as error:
            fault = error
        else:
            return
    raise fault


def _ways(
    way: Sequence[x509.Certificate], pool: Sequence[x509.Certificate], authorities: Sequence[x509.Certificate]
) -> Iterator[Sequence[x509.Certificate]]:
    """Yield each way up that ends at an authority, signatures checked; no certificate stands in it twice."""
    if len(way) == DEEPEST:
        return
    for issuer in pool:
        if _in(issuer, way) or not _issued(way[-1], issuer):
            continue
        further = [*way, issuer]
        if _in(issuer, authorities):
            yield further
        else:
            yield from _ways(further, pool, authorities)


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _vouched(certificate: x509.Certificate, others: Sequence[x509.Certificate]) -> bool:
    """Say whether another of them issued it: then it is not where the way ends."""
    return any(_issued(certificate, one) for one in others if one != certificate)


def _check_way(way: Sequence[x509.Certificate], at: datetime) -> None:
    for below, issuer in enumerate(way[1:]):
        whose = issuer.subject.rfc4514_string()[:200]
        _check_time(issuer, at, whose)
        _check_authority(_extensions(issuer, whose), below, whose)
        if issuer is way[-1]:
            _check_anchor(issuer, whose)
        else:
            _check_key(issuer, whose)


def _check_authority(extensions: x509.Extensions, below: int, whose: str) -> None:
    """Return when a certificate with these extensions may issue one that has `below` authorities under it."""

    def deep_enough(one: x509.BasicConstraints) -> bool:
        return one.path_length is None or one.path_length >= below

    if not _value(extensions, x509.BasicConstraints, lambda one: one.ca):
        raise UnknownAuthority(certificate=whose, reason="it is no authority (CA:false)")
    if not _value(extensions, x509.KeyUsage, lambda one: one.key_cert_sign, absent=True):
        raise UnknownAuthority(certificate=whose, reason="it may not sign certificates")
    if not _value(extensions, x509.BasicConstraints, deep_enough):
        raise UnknownAuthority(certificate=whose, reason="more certificates below it than it allows")
    if not _value(extensions, x509.ExtendedKeyUsage, lambda one: bool(PURPOSES & set(one)), absent=True):
        raise UnknownAuthority(certificate=whose, reason="it is an authority for other purposes")


def _check_anchor(anchor: x509.Certificate, whose: str) -> None:
    """Check an authority's key; its own signature is nobody's business: the tender document vouches for it."""
    if _weak(anchor.signature_hash_algorithm) and anchor.issuer == anchor.subject:
        return
    _check_key(anchor, whose)


def _check_sm2(
    leaf: x509.Certificate,
    chain: Sequence[x509.Certificate],
    authorities: Sequence[x509.Certificate],
    at: datetime,
) -> None:
    der, given, anchors = _der(leaf), [_der(one) for one in chain], [_der(one) for one in authorities]
    try:
        verify_chain(der, given, anchors, at)
    except UntrustedSm2Certificate as error:
        raise UnknownAuthority(**error.detail) from error


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def _in(certificate: x509.Certificate, others: Sequence[x509.Certificate]) -> bool:
    return any(certificate == one for one in others)


# --- extensions -------------------------------------------------------------------------------------------


def _extensions(certificate: x509.Certificate, whose: str) -> x509.Extensions:
    """Return the extensions once all critical ones are such as are looked at here."""
    try:
        found = certificate.extensions
    except (ValueError, TypeError, x509.DuplicateExtension, UnsupportedAlgorithm) as error:
        raise UnfitCertificate(certificate=whose, reason="its extensions cannot be read") from error
    if certificate.version is not x509.Version.v3:
        raise UnfitCertificate(certificate=whose, reason="no X.509 of version 3")
    odd = [one.oid.dotted_string for one in found if one.critical and one.oid not in _UNDERSTOOD]
    if odd or any(one.oid == ExtensionOID.NAME_CONSTRAINTS for one in found):
        raise UnfitCertificate(
            certificate=whose, reason="an extension that is not understood", oid=", ".join(odd)[:80]
        )
    return found


def _value(
    extensions: x509.Extensions, kind: type[Kind], of: Callable[[Kind], bool], *, absent: bool = False
) -> bool:
    """Return what `of` says of an extension, or `absent` where there is none."""
    try:
        return of(extensions.get_extension_for_class(kind).value)
    except x509.ExtensionNotFound:
        return absent
