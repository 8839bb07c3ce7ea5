"""Chains of SM2 certificates (GM/T 0015): from a leaf to a certificate that the trust list names, at an instant.

`cryptography` reads such certificates and cannot check them; libcrypto can, once each is told the identity that
its issuer signed under.  The instant is the caller's: what was signed under a certificate stays valid when that
expires.  Refused: chains longer than 5, any other algorithm or curve on the way, a leaf that may not
sign, a leaf that is itself named in the trust list, and all that X.509 forbids (RFC 5280 §6, strictly).
Revocation is asked for elsewhere: nothing here goes to a network.
"""

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from ctypes import byref, c_char_p, c_void_p
from datetime import datetime

from evalroom.errors import PeerFault
from evalroom.sealing.gm.libcrypto import Libcrypto, libcrypto
from evalroom.sealing.gm.sm2 import DEFAULT_IDENTITY, Sm2PublicKey, curve_of, public_of

MAX_CERTIFICATE = 16384
"""Bytes; a certificate with a seal's picture in it is none of ours."""

MAX_GIVEN = 64
"""Certificates handed in beside the leaf; more would only cost time."""

_DEEPEST = 3  # certificates between leaf and anchor
_SM2_WITH_SM3 = 1204  # NID_SM2_with_SM3
_STRICT, _PARTIAL_CHAIN = 0x20, 0x80000  # X509_V_FLAG_X509_STRICT, _PARTIAL_CHAIN: a listed CA may be no root
_DIGITAL_SIGNATURE = 0x80  # KU_DIGITAL_SIGNATURE
_SECURITY_LEVEL = 2  # at least 112 bits


class UntrustedSm2Certificate(PeerFault):
    """A certificate does not lead to a certificate authority of the trust list: ask its owner for another one."""

    code = "untrusted_sm2_certificate"


def verify_chain(
    leaf: bytes,
    given: Sequence[bytes],
    anchors: Sequence[bytes],
    at: datetime,
    identity: bytes = DEFAULT_IDENTITY,
) -> Sm2PublicKey:
    """Return the leaf's public key, once `leaf` leads through `given` to one of `anchors` at the instant `at`.

    All are DER.  `at` is timezone-aware.  `identity` is what the issuers sign under.

    Raises:
        UntrustedSm2Certificate: it does not; the detail says why and at which certificate (0 is the leaf).
        SuiteUnavailable: libcrypto is missing.
    """
    if len(given) + len(anchors) > MAX_GIVEN or not anchors:
        raise UntrustedSm2Certificate(reason="number of certificates")
    lib = libcrypto()
    with lib.clean_errors(), ExitStack() as owned:
        tip = owned.enter_context(_read(lib, leaf, identity))
        between = [owned.enter_context(_read(lib, der, identity)) for der in given]
        trusted = [owned.enter_context(_read(lib, der, identity)) for der in anchors]
        work = owned.enter_context(_verifying(lib, tip, between, trusted, at))
        if lib.call.X509_verify_cert(work) != 1:
            raise _refusal(lib, work)
        _check_chain(lib, work)
        if not lib.call.X509_get_key_usage(tip) & _DIGITAL_SIGNATURE:
            raise UntrustedSm2Certificate(reason="may not sign", certificate=0)
        return public_of(lib, lib.need(lib.call.X509_get0_pubkey(tip)))


def key_of_certificate(der: bytes) -> Sm2PublicKey:
    """Return the key that an SM2 certificate names, whoever issued it: `cryptography` cannot say.

    Raises:
        UntrustedSm2Certificate: no certificate, or one for a key of another algorithm.
        SuiteUnavailable: libcrypto is missing.
    """
    lib = libcrypto()
    with lib.clean_errors(), _read(lib, der, DEFAULT_IDENTITY) as certificate:
        key: int | None = lib.call.X509_get0_pubkey(certificate)
        if key is None or curve_of(lib, key) != b"SM2":
            raise UntrustedSm2Certificate(reason="key of another algorithm", certificate=0)
        return public_of(lib, key)


@contextmanager
def _read(lib: Libcrypto, der: bytes, identity: bytes) -> Iterator[int]:
    """Hand out libcrypto's form of a certificate, told the identity that its issuer signed under."""
    if len(der) > MAX_CERTIFICATE:
        raise UntrustedSm2Certificate(reason="size")
    made = c_void_p(lib.need(lib.call.X509_new_ex(lib.context, None)))
    text = c_char_p(der)
    place = ctypes.cast(text, c_void_p)
    ends = (place.value or 0) + len(der)
    read = lib.call.d2i_X509(byref(made), byref(place), len(der))
    if read is None:  # and libcrypto has freed what it was given
        raise UntrustedSm2Certificate(reason="form")
    with lib.owned(read, lib.call.X509_free) as certificate:
        if place.value != ends:
            raise UntrustedSm2Certificate(reason="form")
        name = lib.need(lib.call.ASN1_OCTET_STRING_new())
        lib.call.X509_set0_distinguishing_id(certificate, name)
        lib.need(lib.call.ASN1_OCTET_STRING_set(name, identity, len(identity)))
        yield certificate


@contextmanager
def _verifying(
    lib: Libcrypto, tip: int, between: Sequence[int], trusted: Sequence[int], at: datetime
) -> Iterator[int]:
    """Hand out a verification that is ready to run."""
    call = lib.call
    with (
        lib.owned(call.X509_STORE_new(), call.X509_STORE_free) as store,
        lib.owned(call.OPENSSL_sk_new_null(), call.OPENSSL_sk_free) as stack,
        lib.owned(call.X509_STORE_CTX_new_ex(lib.context, None), call.X509_STORE_CTX_free) as work,
    ):
        for certificate in trusted:
            lib.need(call.X509_STORE_add_cert(store, certificate))
        for certificate in between:
            lib.need(call.OPENSSL_sk_push(stack, certificate))
        lib.need(call.X509_STORE_CTX_init(work, store, tip, stack))
        rules = lib.need(call.X509_STORE_CTX_get0_param(work))
        call.X509_VERIFY_PARAM_set_time(rules, int(at.timestamp()))
        call.X509_VERIFY_PARAM_set_depth(rules, _DEEPEST)
        call.X509_VERIFY_PARAM_set_auth_level(rules, _SECURITY_LEVEL)
        lib.need(call.X509_VERIFY_PARAM_set_flags(rules, _STRICT | _PARTIAL_CHAIN))
        yield work


def _refusal(lib: Libcrypto, work: int) -> UntrustedSm2Certificate:
    said: bytes = lib.call.X509_verify_cert_error_string(lib.call.X509_STORE_CTX_get_error(work))
    depth: int = lib.call.X509_STORE_CTX_get_error_depth(work)
    return UntrustedSm2Certificate(reason=said.decode("ascii", "replace"), certificate=depth)


def _check_chain(lib: Libcrypto, work: int) -> None:
    """Return when each key and signature of the chain found is SM2's, and the leaf is not its own anchor.

    The anchor's own signature is nobody's business: the trust list vouches for its key.
    """
    chain = lib.need(lib.call.X509_STORE_CTX_get0_chain(work))
    count: int = lib.call.OPENSSL_sk_num(chain)
    if count < 2:
        raise UntrustedSm2Certificate(reason="its own anchor", certificate=0)
    for depth in range(count):
        certificate = lib.need(lib.call.OPENSSL_sk_value(chain, depth))
        key: int | None = lib.call.X509_get0_pubkey(certificate)
        if key is None or curve_of(lib, key) != b"SM2":
            raise UntrustedSm2Certificate(reason="key of another algorithm", certificate=depth)
        if depth < count - 1 and lib.call.X509_get_signature_nid(certificate) != _SM2_WITH_SM3:
            raise UntrustedSm2Certificate(reason="signature of another algorithm", certificate=depth)
