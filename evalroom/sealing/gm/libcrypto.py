"""The system's libcrypto 3 by ctypes: only what SM2 needs, each function with its types, each failure with its reason.

`cryptography` carries its own libcrypto and shows no SM2 of it.  Loading one more shared library reads no file
of ours and no clock (docs/decisions/0006-gm-by-ctypes.md).  It happens at the first use, never on import.  A library context of
our own keeps the machine's `openssl.cnf` and other users of the same library out.  Refused: a library that is
missing, older or newer than 3.x, or built without SM2.
"""

import ctypes
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from ctypes import (
    POINTER,
    c_char,
    c_char_p,
    c_int,
    c_int64,
    c_long,
    c_size_t,
    c_uint,
    c_uint32,
    c_ulong,
    c_void_p,
)
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

from evalroom.errors import LocalFault
from evalroom.sealing.suite import SuiteUnavailable

NAMES = ("libcrypto.so.3", "libcrypto.3.dylib", "libcrypto-3-x64.dll")
"""What OpenSSL 3 is called on Linux, macOS and Windows; the loader looks where it looks for every program."""

NID_SM2 = 1172
"""The curve's number in libcrypto, the same in every release."""

_STRING, _BYTES, _UNSIGNED = 4, 5, 2  # OSSL_PARAM_UTF8_STRING, _OCTET_STRING, _UNSIGNED_INTEGER


class Parameter(ctypes.Structure):
    """One `OSSL_PARAM`; a list of them ends in one without a key."""

    _fields_: ClassVar = [
        ("key", c_char_p),
        ("data_type", c_uint),
        ("data", c_void_p),
        ("data_size", c_size_t),
        ("return_size", c_size_t),
    ]


Pointer = c_void_p
_Length = POINTER(c_size_t)
_Bytes = c_char_p
_Parameters = POINTER(Parameter)

Signature = tuple[Any, tuple[Any, ...]]

FUNCTIONS: Mapping[str, Signature] = {
    # errors
    "ERR_clear_error": (None, ()),
    "ERR_peek_last_error": (c_ulong, ()),
    "ERR_reason_error_string": (c_char_p, (c_ulong,)),
    # library
    "OpenSSL_version": (c_char_p, (c_int,)),
    "OPENSSL_version_major": (c_uint, ()),
    "OSSL_LIB_CTX_new": (Pointer, ()),
    "OSSL_LIB_CTX_free": (None, (Pointer,)),
    # numbers and points
    "BN_bin2bn": (Pointer, (_Bytes, c_int, Pointer)),
    "BN_bn2binpad": (c_int, (Pointer, POINTER(c_char), c_int)),
    "BN_bn2nativepad": (c_int, (Pointer, POINTER(c_char), c_int)),
    "BN_clear_free": (None, (Pointer,)),
    "EC_GROUP_new_by_curve_name_ex": (Pointer, (Pointer, c_char_p, c_int)),
    "EC_GROUP_free": (None, (Pointer,)),
    "EC_POINT_new": (Pointer, (Pointer,)),
    "EC_POINT_clear_free": (None, (Pointer,)),
    "EC_POINT_mul": (c_int, (Pointer, Pointer, Pointer, Pointer, Pointer, Pointer)),
    "EC_POINT_point2oct": (
        c_size_t,
        (Pointer, Pointer, c_int, POINTER(c_char), c_size_t, Pointer),
    ),
    # keys
    "EVP_PKEY_CTX_new_from_name": (Pointer, (Pointer, c_char_p, c_char_p)),
    "EVP_PKEY_CTX_new_from_pkey": (Pointer, (Pointer, Pointer, c_char_p)),
    "EVP_PKEY_CTX_free": (None, (Pointer,)),
    "EVP_PKEY_fromdata_init": (c_int, (Pointer,)),
    "EVP_PKEY_fromdata": (c_int, (Pointer, POINTER(Pointer), c_int, _Parameters)),
    "EVP_PKEY_free": (None, (Pointer,)),
    "EVP_PKEY_get_bn_param": (c_int, (Pointer, c_char_p, POINTER(Pointer))),
    "EVP_PKEY_get_utf8_string_param": (
        c_int,
        (Pointer, c_char_p, POINTER(c_char), c_size_t, _Length),
    ),
    "d2i_PKCS8_PRIV_KEY_INFO": (Pointer, (POINTER(Pointer), POINTER(Pointer), c_long)),
    "PKCS8_PRIV_KEY_INFO_free": (None, (Pointer,)),
    "EVP_PKCS82PKEY_ex": (Pointer, (Pointer, Pointer, c_char_p)),
    # operations
    "EVP_PKEY_CTX_set_params": (c_int, (Pointer, _Parameters)),
    "EVP_MD_CTX_get_pkey_ctx": (Pointer, (Pointer,)),  # owned by the digest context
    "EVP_PKEY_encrypt_init": (c_int, (Pointer,)),
    "EVP_PKEY_encrypt": (c_int, (Pointer, POINTER(c_char), _Length, _Bytes, c_size_t)),
    "EVP_PKEY_decrypt_init": (c_int, (Pointer,)),
    "EVP_PKEY_decrypt": (c_int, (Pointer, POINTER(c_char), _Length, _Bytes, c_size_t)),
    "EVP_MD_CTX_new": (Pointer, ()),
    "EVP_MD_CTX_free": (None, (Pointer,)),
    "EVP_DigestSignInit_ex": (
        c_int,
        (Pointer, Pointer, c_char_p, Pointer, c_char_p, Pointer, _Parameters),
    ),
    "EVP_DigestSign": (c_int, (Pointer, POINTER(c_char), _Length, _Bytes, c_size_t)),
    "EVP_DigestVerifyInit_ex": (
        c_int,
        (Pointer, Pointer, c_char_p, Pointer, c_char_p, Pointer, _Parameters),
    ),
    "EVP_DigestVerify": (c_int, (Pointer, _Bytes, c_size_t, _Bytes, c_size_t)),
    # certificates
    "OPENSSL_sk_new_null": (Pointer, ()),
    "OPENSSL_sk_push": (c_int, (Pointer, Pointer)),
    "OPENSSL_sk_num": (c_int, (Pointer,)),
    "OPENSSL_sk_value": (Pointer, (Pointer, c_int)),
    "OPENSSL_sk_free": (None, (Pointer,)),
    "ASN1_OCTET_STRING_new": (Pointer, ()),
    "ASN1_OCTET_STRING_set": (c_int, (Pointer, _Bytes, c_int)),
    "X509_new_ex": (Pointer, (Pointer, c_char_p)),
    "d2i_X509": (Pointer, (POINTER(Pointer), POINTER(Pointer), c_long)),
    "X509_free": (None, (Pointer,)),
    "X509_set0_distinguishing_id": (None, (Pointer, Pointer)),  # takes the identity over
    "X509_get0_pubkey": (Pointer, (Pointer,)),
    "X509_get_signature_nid": (c_int, (Pointer,)),
    "X509_get_key_usage": (c_uint32, (Pointer,)),
    "X509_STORE_new": (Pointer, ()),
    "X509_STORE_free": (None, (Pointer,)),
    "X509_STORE_add_cert": (c_int, (Pointer, Pointer)),
    "X509_STORE_CTX_new_ex": (Pointer, (Pointer, c_char_p)),
    "X509_STORE_CTX_free": (None, (Pointer,)),
    "X509_STORE_CTX_init": (c_int, (Pointer, Pointer, Pointer, Pointer)),
    "X509_STORE_CTX_get0_param": (Pointer, (Pointer,)),
    "X509_STORE_CTX_get0_chain": (Pointer, (Pointer,)),
    "X509_STORE_CTX_get_error": (c_int, (Pointer,)),
    "X509_STORE_CTX_get_error_depth": (c_int, (Pointer,)),
    "X509_VERIFY_PARAM_set_time": (None, (Pointer, c_int64)),
    "X509_VERIFY_PARAM_set_flags": (c_int, (Pointer, c_ulong)),
    "X509_VERIFY_PARAM_set_depth": (None, (Pointer, c_int)),
    "X509_VERIFY_PARAM_set_auth_level": (None, (Pointer, c_int)),
    "X509_verify_cert": (c_int, (Pointer,)),
    "X509_verify_cert_error_string": (c_char_p, (c_long,)),
}
"""Result and arguments of every function used: without them ctypes would cut pointers to 32 bits."""


class LibcryptoFault(LocalFault):
    """The cryptographic library of this machine failed at something valid: nothing was sealed or opened; try again."""

    code = "libcrypto_fault"


@dataclass(frozen=True, slots=True)
class Libcrypto:
    """The loaded library, and the library context that all its work is done in."""

    call: ctypes.CDLL
    context: int

    @property
    def version(self) -> str:
        """Return what the library calls itself, such as `OpenSSL 3.0.19 27 Jan 2026`."""
        said: bytes = self.call.OpenSSL_version(0)
        return said.decode("ascii", "replace")

    def reason(self) -> str:
        """Return the newest entry of this thread's error queue, or nothing."""
        text: bytes | None = self.call.ERR_reason_error_string(self.call.ERR_peek_last_error())
        return (text or b"").decode("ascii", "replace")

    def need(self, result: int | None) -> int:
        """Return a result that is neither NULL nor a failure.

        Raises:
            LibcryptoFault: it is one of them.
        """
        if result is None or result <= 0:
            raise LibcryptoFault(reason=self.reason())
        return result

    @contextmanager
    def clean_errors(self) -> Iterator[None]:
        """Empty this thread's error queue before and after: Python's `ssl` reads the same one."""
        self.call.ERR_clear_error()
        try:
            yield
        finally:
            self.call.ERR_clear_error()

    @contextmanager
    def owned(self, handle: int | None, free: Callable[[int], None]) -> Iterator[int]:
        """Hand out `handle` and free it in the end, whatever happens.

        Raises:
            LibcryptoFault: it is NULL.
        """
        held = self.need(handle)
        try:
            yield held
        finally:
            free(held)


@cache
def libcrypto() -> Libcrypto:
    """Return the library, loaded at the first call and kept.

    Raises:
        SuiteUnavailable: there is none, or none of the 3.x line, or a function is missing in it.
    """
    library = bind(load(NAMES, "libcrypto"), FUNCTIONS, "libcrypto")
    if library.OPENSSL_version_major() != 3:
        raise SuiteUnavailable(library="libcrypto", needs="3.x")
    context = library.OSSL_LIB_CTX_new()
    if context is None:
        raise SuiteUnavailable(library="libcrypto", reason="no library context")
    return Libcrypto(library, context)


def load(names: tuple[str, ...], title: str) -> ctypes.CDLL:
    """Return the first shared library found under one of `names`.

    Raises:
        SuiteUnavailable: there is none, or it cannot be loaded.
    """
    for name in names:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue  # another system's name for it
    raise SuiteUnavailable(library=title, tried=", ".join(names))


def bind(library: ctypes.CDLL, functions: Mapping[str, Signature], title: str) -> ctypes.CDLL:
    """Return `library` with the types of `functions` set.

    Raises:
        SuiteUnavailable: it has not got them all.
    """
    for name, (result, arguments) in functions.items():
        try:
            function = getattr(library, name)
        except AttributeError as error:
            raise SuiteUnavailable(library=title, lacks=name) from error
        function.restype, function.argtypes = result, arguments
    return library


@dataclass(frozen=True, slots=True)
class Parameters:
    """A list of `OSSL_PARAM`s, and the buffers that it points into and that must live as long."""

    array: ctypes.Array[Parameter]
    buffers: tuple[ctypes.Array[c_char], ...]


Given = tuple[bytes, ctypes.Array[c_char], int]
"""A parameter's key, value and type."""


def parameters(*given: Given) -> Parameters:
    """Return the list of `given`, closed by an empty entry."""
    made = (Parameter * (len(given) + 1))()
    for place, (key, data, kind) in zip(made, given, strict=False):
        place.key, place.data_type = key, kind
        place.data, place.data_size = ctypes.addressof(data), len(data)
    return Parameters(made, tuple(data for _, data, _ in given))


def text(key: bytes, value: bytes) -> Given:
    """Return a text for `parameters`."""
    return key, ctypes.create_string_buffer(value, len(value)), _STRING


def octets(key: bytes, value: bytes) -> Given:
    """Return a byte string for `parameters`."""
    return key, ctypes.create_string_buffer(value, len(value)), _BYTES


def number(key: bytes, native: ctypes.Array[c_char]) -> Given:
    """Return a natural number, in this machine's byte order, for `parameters`; its owner wipes the buffer."""
    return key, native, _UNSIGNED


@contextmanager
def wiped(size: int) -> Iterator[ctypes.Array[c_char]]:
    """Hand out a buffer for a secret and overwrite it with zeros in the end."""
    buffer = ctypes.create_string_buffer(size)
    try:
        yield buffer
    finally:
        ctypes.memset(buffer, 0, size)
