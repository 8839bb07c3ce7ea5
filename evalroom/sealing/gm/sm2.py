"""SM2 keys: signatures with an identity, encryption, and their fixed spellings (GB/T 32918, GM/T 0009, GM/T 0010).

A public key is its point, 04 | x | y, 65 bytes.  A signature is r | s, 64 bytes.  A ciphertext is C1 | C3 | C2:
65 bytes of point, 32 of hash, then as many as the plaintext has.  Everything has exactly one spelling, so
nothing can be respelled on its way; DER is made only for libcrypto and never leaves this module.  The dice of
signing and encrypting are libcrypto's own; a key comes from a seed or from PKCS#8.  Refused: points off the
curve, coordinates beyond the field, private keys outside 1..n-2, other curves, bytes after the end.
"""

import ctypes
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import byref, c_char_p, c_size_t, c_void_p

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from evalroom.sealing.gm.libcrypto import (
    NID_SM2,
    Libcrypto,
    LibcryptoFault,
    Parameters,
    libcrypto,
    number,
    octets,
    parameters,
    text,
    wiped,
)
from evalroom.sealing.suite import MalformedSealingKey, WrapNotOpened

PUBLIC_SIZE = 65
SIGNATURE_SIZE = 64
SEED_SIZE = 48
CIPHERTEXT_OVERHEAD = PUBLIC_SIZE + 32
"""By how much a ciphertext is longer than its plaintext."""

MAX_PLAINTEXT = 2048
"""Bytes; SM2 wraps keys.  The bound keeps every DER length below two bytes and every buffer small."""

DEFAULT_IDENTITY = b"1234567812345678"
"""The signer's identity where none is agreed (GM/T 0009-2012 §10); libcrypto 3 alone would take an empty one."""

P = bytes.fromhex("fffffffeffffffffffffffffffffffffffffffff00000000ffffffffffffffff")
N = bytes.fromhex("fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123")
"""Field and order of the recommended curve (GB/T 32918.5), big endian."""

_ZERO = bytes(32)
_LARGEST_PRIVATE = (int.from_bytes(N) - 2).to_bytes(32)

_SPKI = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d034200")
_PKCS8 = bytes.fromhex("308187020100301306072a8648ce3d020106082a811ccf5501822d046d306b0201010420")
_PKCS8_PUBLIC = bytes.fromhex("a144034200")
"""DER around the numbers: id-ecPublicKey with the curve 1.2.156.10197.1.301, as RFC 5480 and RFC 5915 want it."""

_PRIVATE_AND_PUBLIC, _PUBLIC_ONLY = 0x87, 0x86  # EVP_PKEY_KEYPAIR, EVP_PKEY_PUBLIC_KEY
_UNCOMPRESSED = 4


class Sm2PublicKey:
    """A point on the curve, checked, ready to verify and to encrypt; any number of threads may use it."""

    __slots__ = ("__weakref__", "_handle", "_lib", "encoded")

    def __init__(self, encoded: bytes) -> None:
        """Take the 65 bytes 04 | x | y.

        Raises:
            MalformedSealingKey: another length or form, or no point of the curve.
            SuiteUnavailable: libcrypto is missing.
        """
        check_point(encoded)
        self._lib = libcrypto()
        self.encoded = bytes(encoded)
        with self._lib.clean_errors():
            given = parameters(text(b"group", b"SM2"), octets(b"pub", self.encoded))
            self._handle = _key_from(self._lib, given, _PUBLIC_ONLY)
        weakref.finalize(self, self._lib.call.EVP_PKEY_free, self._handle)

    def verify(self, message: bytes, signature: bytes, identity: bytes = DEFAULT_IDENTITY) -> None:
        """Return when `signature`, r | s, is this key's over `message` under `identity`.

        Raises:
            cryptography.exceptions.InvalidSignature: it is not, or is not 64 bytes long.
        """
        if len(signature) != SIGNATURE_SIZE:
            raise InvalidSignature
        r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
        der = encode_dss_signature(r, s)
        call = self._lib.call
        with self._lib.clean_errors(), self._digesting(call.EVP_DigestVerifyInit_ex, identity) as work:
            if call.EVP_DigestVerify(work, der, len(der), message, len(message)) != 1:
                raise InvalidSignature

    def encrypt(self, plaintext: bytes) -> bytes:
        """Return C1 | C3 | C2 for 1 to 2048 bytes; another one each time.

        Raises:
            ValueError: no plaintext, or too much.
        """
        if not 0 < len(plaintext) <= MAX_PLAINTEXT:
            raise ValueError(f"SM2 encrypts 1 to {MAX_PLAINTEXT} bytes, not {len(plaintext)}")
        lib = self._lib
        size = c_size_t(len(plaintext) + CIPHERTEXT_OVERHEAD + 32)  # tags and lengths of the DER
        der = ctypes.create_string_buffer(size.value)
        with lib.clean_errors(), self._crypting(lib.call.EVP_PKEY_encrypt_init) as work:
            lib.need(lib.call.EVP_PKEY_encrypt(work, der, byref(size), plaintext, len(plaintext)))
        return _ciphertext_from_der(der.raw[: size.value])

    def to_spki(self) -> bytes:
        """Return the SubjectPublicKeyInfo DER, 91 bytes."""
        return _SPKI + self.encoded

    @contextmanager
    def _digesting(self, begin: Callable[..., int], identity: bytes) -> Iterator[int]:
        """Hand out a digest context that `begin` has set to this key, SM3 and `identity`."""
        lib = self._lib
        given = parameters(octets(b"distid", identity))
        with lib.owned(lib.call.EVP_MD_CTX_new(), lib.call.EVP_MD_CTX_free) as work:
            lib.need(begin(work, None, b"SM3", lib.context, None, self._handle, None))
            # Handed to `begin`, the identity comes too early for 3.0 and is refused.
            key_context = lib.need(lib.call.EVP_MD_CTX_get_pkey_ctx(work))
            lib.need(lib.call.EVP_PKEY_CTX_set_params(key_context, given.array))
            yield work

    @contextmanager
    def _crypting(self, begin: Callable[[int], int]) -> Iterator[int]:
        """Hand out a key context that `begin` has readied."""
        lib = self._lib
        made = lib.call.EVP_PKEY_CTX_new_from_pkey(lib.context, self._handle, None)
        with lib.owned(made, lib.call.EVP_PKEY_CTX_free) as work:
            lib.need(begin(work))
            yield work


class Sm2PrivateKey(Sm2PublicKey):
    """A private key, kept inside libcrypto and wiped there when this object is dropped."""

    __slots__ = ()

    def __init__(self, private: bytes) -> None:
        """Take the number d, 32 bytes big endian; the caller's copy stays the caller's concern.

        Raises:
            MalformedSealingKey: another length, or d outside 1..n-2.
            SuiteUnavailable: libcrypto is missing.
        """
        if len(private) != 32 or not _ZERO < private <= _LARGEST_PRIVATE:
            raise MalformedSealingKey(reason="range")
        self._lib = libcrypto()
        with self._lib.clean_errors():
            self._handle, self.encoded = _pair_from(self._lib, private)
        weakref.finalize(self, self._lib.call.EVP_PKEY_free, self._handle)

    def sign(self, message: bytes, identity: bytes = DEFAULT_IDENTITY) -> bytes:
        """Return r | s over `message` under `identity`; another one each time."""
        lib = self._lib
        size = c_size_t(80)  # DER of two numbers of 32 bytes: at most 72
        der = ctypes.create_string_buffer(size.value)
        with lib.clean_errors(), self._digesting(lib.call.EVP_DigestSignInit_ex, identity) as work:
            lib.need(lib.call.EVP_DigestSign(work, der, byref(size), message, len(message)))
        r, s = decode_dss_signature(der.raw[: size.value])
        return r.to_bytes(32) + s.to_bytes(32)

    def decrypt(self, ciphertext: bytes) -> bytes:
        """Return the plaintext of C1 | C3 | C2.

        Raises:
            WrapNotOpened: another key, changed bytes, or another form.
        """
        if not 0 < len(ciphertext) - CIPHERTEXT_OVERHEAD <= MAX_PLAINTEXT:
            raise WrapNotOpened
        der = _ciphertext_to_der(ciphertext)
        lib = self._lib
        size = c_size_t(len(der))
        with wiped(size.value) as plain:
            with lib.clean_errors(), self._crypting(lib.call.EVP_PKEY_decrypt_init) as work:
                if lib.call.EVP_PKEY_decrypt(work, plain, byref(size), der, len(der)) <= 0:
                    raise WrapNotOpened
            if size.value != len(ciphertext) - CIPHERTEXT_OVERHEAD:
                raise WrapNotOpened
            return plain.raw[: size.value]

    def to_pkcs8(self) -> bytes:
        """Return the unencrypted PKCS#8 DER, 138 bytes, with the public key in it; wrap it before it is stored."""
        with self._lib.clean_errors():
            return _PKCS8 + _number_of(self._lib, self._handle, b"priv") + _PKCS8_PUBLIC + self.encoded


def check_point(encoded: bytes) -> None:
    """Return when `encoded` has the form 04 | x | y with x and y in the field; libcrypto checks the curve.

    Raises:
        MalformedSealingKey: it has not.
    """
    if len(encoded) != PUBLIC_SIZE or encoded[0] != _UNCOMPRESSED:
        raise MalformedSealingKey(reason="form")
    if encoded[1:33] >= P or encoded[33:] >= P:
        raise MalformedSealingKey(reason="field")


def public_from_spki(der: bytes) -> Sm2PublicKey:
    """Return the key in a SubjectPublicKeyInfo DER: id-ecPublicKey, named curve, uncompressed point.

    Raises:
        MalformedSealingKey: another algorithm, curve or spelling, or no point of the curve.
    """
    if not der.startswith(_SPKI):
        raise MalformedSealingKey(reason="spki")
    return Sm2PublicKey(der[len(_SPKI) :])


def private_from_seed(seed: bytes) -> Sm2PrivateKey:
    """Return the key d = seed mod (n - 2) + 1 of 48 random bytes; 128 bits to spare leave no bias.

    Raises:
        ValueError: another number of bytes.
    """
    if len(seed) != SEED_SIZE:
        raise ValueError(f"an SM2 key is made from {SEED_SIZE} bytes, not {len(seed)}")
    number_of_keys = int.from_bytes(N) - 2
    return Sm2PrivateKey((int.from_bytes(seed) % number_of_keys + 1).to_bytes(32))


def private_from_pkcs8(der: bytes) -> Sm2PrivateKey:
    """Return the key in an unencrypted PKCS#8 DER, whoever wrote it.

    A public key in our own form must be d's; in any other form it is computed anew.

    Raises:
        MalformedSealingKey: no PKCS#8, another algorithm or curve, bytes after the end, or d outside 1..n-2.
    """
    begin, end = len(_PKCS8), len(_PKCS8) + 32
    if not der.startswith(_PKCS8) or der[end : end + len(_PKCS8_PUBLIC)] != _PKCS8_PUBLIC:
        return Sm2PrivateKey(_foreign_private(der))
    key = Sm2PrivateKey(der[begin:end])
    if der[end + len(_PKCS8_PUBLIC) :] != key.encoded:
        raise MalformedSealingKey(reason="pair")
    return key


def _foreign_private(der: bytes) -> bytes:
    """Return d out of what other programs write: curve parameters inside, or no public key."""
    lib = libcrypto()
    text_of_der = c_char_p(der)
    place = ctypes.cast(text_of_der, c_void_p)
    ends = (place.value or 0) + len(der)
    with lib.clean_errors():
        info = lib.call.d2i_PKCS8_PRIV_KEY_INFO(None, byref(place), len(der))
        if info is None:
            raise MalformedSealingKey(reason="pkcs8")
        with lib.owned(info, lib.call.PKCS8_PRIV_KEY_INFO_free):
            if place.value != ends:
                raise MalformedSealingKey(reason="pkcs8")
            key = lib.call.EVP_PKCS82PKEY_ex(info, lib.context, None)
        if key is None:
            raise MalformedSealingKey(reason="pkcs8")
        with lib.owned(key, lib.call.EVP_PKEY_free):
            if curve_of(lib, key) != b"SM2":
                raise MalformedSealingKey(reason="curve")
            return _number_of(lib, key, b"priv")


def curve_of(lib: Libcrypto, handle: int) -> bytes:
    """Return the name of the curve of libcrypto's key, `SM2` for ours, or nothing for a key without one."""
    name, size = ctypes.create_string_buffer(32), c_size_t()
    found = lib.call.EVP_PKEY_get_utf8_string_param(handle, b"group", name, len(name), byref(size))
    return name.value if found == 1 else b""


def public_of(lib: Libcrypto, handle: int) -> Sm2PublicKey:
    """Return the public key that libcrypto holds.

    Raises:
        MalformedSealingKey: it is no point of the curve.
    """
    return Sm2PublicKey(
        bytes([_UNCOMPRESSED]) + _number_of(lib, handle, b"qx") + _number_of(lib, handle, b"qy")
    )


def _number_of(lib: Libcrypto, handle: int, name: bytes) -> bytes:
    """Return a number of libcrypto's key, 32 bytes: `priv`, `qx` or `qy`.

    Raises:
        MalformedSealingKey: there is none, or it is longer: libcrypto reads such a key and keeps quiet.
    """
    big = c_void_p()
    if lib.call.EVP_PKEY_get_bn_param(handle, name, byref(big)) != 1:
        raise MalformedSealingKey(reason="range")
    with lib.owned(big.value, lib.call.BN_clear_free) as value, wiped(32) as buffer:
        if lib.call.BN_bn2binpad(value, buffer, 32) != 32:
            raise MalformedSealingKey(reason="range")
        return buffer.raw


def _pair_from(lib: Libcrypto, private: bytes) -> tuple[int, bytes]:
    """Return libcrypto's key for a d in range, and its public point."""
    call = lib.call
    with lib.owned(call.BN_bin2bn(private, len(private), None), call.BN_clear_free) as d, wiped(32) as native:
        public = _multiplied(lib, d)
        lib.need(call.BN_bn2nativepad(d, native, 32))
        given = parameters(text(b"group", b"SM2"), octets(b"pub", public), number(b"priv", native))
        return _key_from(lib, given, _PRIVATE_AND_PUBLIC), public


def _multiplied(lib: Libcrypto, d: int) -> bytes:
    """Return the point d times the generator, by libcrypto's ladder, whose time does not follow d on x86-64."""
    call = lib.call
    encoded = ctypes.create_string_buffer(PUBLIC_SIZE)
    with (
        lib.owned(
            call.EC_GROUP_new_by_curve_name_ex(lib.context, None, NID_SM2), call.EC_GROUP_free
        ) as group,
        lib.owned(call.EC_POINT_new(group), call.EC_POINT_clear_free) as point,
    ):
        lib.need(call.EC_POINT_mul(group, point, d, None, None, None))
        lib.need(call.EC_POINT_point2oct(group, point, _UNCOMPRESSED, encoded, PUBLIC_SIZE, None))
    return encoded.raw


def _key_from(lib: Libcrypto, given: Parameters, selection: int) -> int:
    """Return libcrypto's key made of `given`; the caller frees it.

    Raises:
        MalformedSealingKey: the point is not on the curve.
    """
    made = c_void_p()
    named = lib.call.EVP_PKEY_CTX_new_from_name(lib.context, b"SM2", None)
    with lib.owned(named, lib.call.EVP_PKEY_CTX_free) as work:
        lib.need(lib.call.EVP_PKEY_fromdata_init(work))
        done = lib.call.EVP_PKEY_fromdata(work, byref(made), selection, given.array)
    if done <= 0 or made.value is None:
        raise MalformedSealingKey(reason="curve")
    return made.value


# The SEQUENCE of GM/T 0009-2012 §7.2 { x INTEGER, y INTEGER, C3 OCTET STRING, C2 OCTET STRING }, for libcrypto only.


def _ciphertext_to_der(ciphertext: bytes) -> bytes:
    point = ciphertext[:PUBLIC_SIZE]
    try:
        check_point(point)  # x + p would be the same point under another spelling
    except MalformedSealingKey as error:
        raise WrapNotOpened from error
    c3, c2 = ciphertext[PUBLIC_SIZE:CIPHERTEXT_OVERHEAD], ciphertext[CIPHERTEXT_OVERHEAD:]
    body = _integer(point[1:33]) + _integer(point[33:]) + _tagged(0x04, c3) + _tagged(0x04, c2)
    return _tagged(0x30, body)


def _ciphertext_from_der(der: bytes) -> bytes:
    body, rest = _untagged(0x30, der)
    x, body = _untagged(0x02, body)
    y, body = _untagged(0x02, body)
    c3, body = _untagged(0x04, body)
    c2, body = _untagged(0x04, body)
    if rest or body or len(c3) != 32:
        raise LibcryptoFault(reason="ciphertext")
    return bytes([_UNCOMPRESSED]) + _padded(x) + _padded(y) + c3 + c2


def _padded(integer: bytes) -> bytes:
    return int.from_bytes(integer).to_bytes(32)


def _integer(value: bytes) -> bytes:
    shortest = value.lstrip(b"\0") or b"\0"
    return _tagged(0x02, b"\0" + shortest if shortest[0] & 0x80 else shortest)


def _tagged(tag: int, body: bytes) -> bytes:
    size = len(body)
    if size < 0x80:
        return bytes([tag, size]) + body
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(length)]) + length + body


def _untagged(tag: int, der: bytes) -> tuple[bytes, bytes]:
    if len(der) < 2 or der[0] != tag:
        raise LibcryptoFault(reason="ciphertext")
    size, head = der[1], 2
    if size & 0x80:
        head += size & 0x7F
        size = int.from_bytes(der[2:head])
    if head + size > len(der):
        raise LibcryptoFault(reason="ciphertext")
    return der[head : head + size], der[head + size :]
