"""SM4-GCM, the bulk cipher of suite 0x11: by the machine's libgcrypt where it can, else by `cryptography`.

Both give the same bytes; libgcrypt is four times faster.  A handle of it is one thread's at a time: a cipher keeps
the idle ones and opens another when all are at work.  They are wiped and closed with the cipher.  Refused: keys that are not 16 bytes, nonces that are not 12, buffers of any
other length than the result's.
"""

import ctypes
import weakref
from collections.abc import Mapping
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_uint, c_void_p
from functools import cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from evalroom.errors import LocalFault
from evalroom.sealing.gm.libcrypto import Signature, bind, load
from evalroom.sealing.suite import NONCE_SIZE, TAG_SIZE, Buffer, BulkCipher, SuiteUnavailable

KEY_SIZE = 16

NAMES = ("libgcrypt.so.20", "libgcrypt.20.dylib", "libgcrypt-20.dll")

_SM4, _GCM = 318, 9  # GCRY_CIPHER_SM4 (since 1.9), GCRY_CIPHER_MODE_GCM
_DISABLE_SECMEM, _FINISH_INITIALIZATION, _IS_INITIALIZED = 37, 38, 40
_BAD_TAG = 10  # GPG_ERR_CHECKSUM, in the low 16 bits of an error

FUNCTIONS: Mapping[str, Signature] = {
    "gcry_check_version": (c_char_p, (c_char_p,)),
    "gcry_control": (c_uint, (c_int,)),  # variadic; the three requests made here take nothing more
    "gcry_cipher_open": (c_uint, (POINTER(c_void_p), c_int, c_int, c_uint)),
    "gcry_cipher_close": (None, (c_void_p,)),
    "gcry_cipher_setkey": (c_uint, (c_void_p, c_char_p, c_size_t)),
    "gcry_cipher_setiv": (c_uint, (c_void_p, c_char_p, c_size_t)),
    "gcry_cipher_authenticate": (c_uint, (c_void_p, c_char_p, c_size_t)),
    "gcry_cipher_encrypt": (c_uint, (c_void_p, c_void_p, c_size_t, c_void_p, c_size_t)),
    "gcry_cipher_decrypt": (c_uint, (c_void_p, c_void_p, c_size_t, c_void_p, c_size_t)),
    "gcry_cipher_gettag": (c_uint, (c_void_p, c_void_p, c_size_t)),
    "gcry_cipher_checktag": (c_uint, (c_void_p, c_char_p, c_size_t)),
}


class LibgcryptFault(LocalFault):
    """The fast SM4 of this machine failed at something valid: nothing was sealed or opened; try again."""

    code = "libgcrypt_fault"


class Handle:
    """One keyed cipher inside libgcrypt, wiped and closed when nobody holds it any more."""

    __slots__ = ("__weakref__", "raw")

    def __init__(self, lib: ctypes.CDLL, key: bytes) -> None:
        """Open and key it."""
        self.raw = c_void_p()
        _need(lib.gcry_cipher_open(byref(self.raw), _SM4, _GCM, 0))
        weakref.finalize(self, lib.gcry_cipher_close, self.raw)
        _need(lib.gcry_cipher_setkey(self.raw, key, KEY_SIZE))


class LibgcryptSm4:
    """SM4-GCM under one key, by libgcrypt; threads may share it."""

    __slots__ = ("_idle", "_key", "_lib")

    def __init__(self, key: bytes) -> None:
        """Take the 16 bytes.

        Raises:
            ValueError: another number of bytes.
            SuiteUnavailable: libgcrypt is missing, too old, or forbidden to use SM4.
        """
        self._key, self._lib = checked_key(key), libgcrypt()
        self._idle: list[Handle] = []  # `pop` and `append` are atomic: no lock

    def encrypt_into(
        self, nonce: Buffer, data: Buffer, associated_data: Buffer | None, buf: Buffer, /
    ) -> int:
        """Write ciphertext and tag into `buf`, len(data) + 16 bytes; return that length.

        Raises:
            ValueError: nonce or `buf` of another length.
        """
        size = len(data)
        check_sizes(nonce, buf, size + TAG_SIZE)
        out = _writable(buf)
        handle = self._begun(nonce, associated_data)
        _need(self._lib.gcry_cipher_encrypt(handle.raw, out, size, _readable(data), size))
        _need(self._lib.gcry_cipher_gettag(handle.raw, byref(out, size), TAG_SIZE))
        self._idle.append(handle)
        return size + TAG_SIZE

    def decrypt_into(
        self, nonce: Buffer, data: Buffer, associated_data: Buffer | None, buf: Buffer, /
    ) -> int:
        """Write the plaintext into `buf`, len(data) - 16 bytes; zeros there if the tag is wrong.

        Raises:
            cryptography.exceptions.InvalidTag: the tag is wrong, or `data` is shorter than a tag.
            ValueError: nonce or `buf` of another length.
        """
        size = len(data) - TAG_SIZE
        if size < 0:
            raise InvalidTag
        check_sizes(nonce, buf, size)
        out = _writable(buf)
        handle = self._begun(nonce, associated_data)
        _need(self._lib.gcry_cipher_decrypt(handle.raw, out, size, _readable(data), size))
        wrong = self._lib.gcry_cipher_checktag(handle.raw, bytes(data[size:]), TAG_SIZE)
        if wrong:
            ctypes.memset(out, 0, size)  # nobody may read on what did not prove itself
            if wrong & 0xFFFF == _BAD_TAG:
                raise InvalidTag
            _need(wrong)
        self._idle.append(handle)
        return size

    def _begun(self, nonce: Buffer, associated_data: Buffer | None) -> Handle:
        """Return a handle with nonce and associated data in it; given up after a failure, it closes itself."""
        try:
            handle = self._idle.pop()
        except IndexError:
            handle = Handle(self._lib, self._key)
        _need(self._lib.gcry_cipher_setiv(handle.raw, bytes(nonce), NONCE_SIZE))
        if associated_data:
            aad = bytes(associated_data)
            _need(self._lib.gcry_cipher_authenticate(handle.raw, aad, len(aad)))
        return handle


class PortableSm4:
    """SM4-GCM under one key, by `cryptography`; threads may share it."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        """Take the 16 bytes.

        Raises:
            ValueError: another number of bytes.
        """
        self._key = checked_key(key)

    def encrypt_into(
        self, nonce: Buffer, data: Buffer, associated_data: Buffer | None, buf: Buffer, /
    ) -> int:
        """Write ciphertext and tag into `buf`, len(data) + 16 bytes; return that length.

        Raises:
            ValueError: nonce or `buf` of another length.
        """
        size = len(data)
        check_sizes(nonce, buf, size + TAG_SIZE)
        work = Cipher(algorithms.SM4(self._key), modes.GCM(bytes(nonce))).encryptor()
        if associated_data:
            work.authenticate_additional_data(associated_data)
        out = memoryview(buf)
        work.update_into(data, out[:size])
        work.finalize()
        out[size:] = work.tag
        return size + TAG_SIZE

    def decrypt_into(
        self, nonce: Buffer, data: Buffer, associated_data: Buffer | None, buf: Buffer, /
    ) -> int:
        """Write the plaintext into `buf`, len(data) - 16 bytes; zeros there if the tag is wrong.

        Raises:
            cryptography.exceptions.InvalidTag: the tag is wrong, or `data` is shorter than a tag.
            ValueError: nonce or `buf` of another length.
        """
        size = len(data) - TAG_SIZE
        if size < 0:
            raise InvalidTag
        check_sizes(nonce, buf, size)
        given, out = memoryview(data), memoryview(buf)
        work = Cipher(algorithms.SM4(self._key), modes.GCM(bytes(nonce))).decryptor()
        if associated_data:
            work.authenticate_additional_data(associated_data)
        work.update_into(given[:size], out)
        try:
            work.finalize_with_tag(bytes(given[size:]))
        except InvalidTag:
            out[:] = bytes(size)
            raise
        return size


def bulk(key: bytes) -> BulkCipher:
    """Return SM4-GCM under `key` by the faster of the two.

    Raises:
        ValueError: `key` is not 16 bytes long.
    """
    return LibgcryptSm4(key) if has_libgcrypt() else PortableSm4(key)


def engine() -> str:
    """Return which library encrypts: `libgcrypt 1.10.1`, or `cryptography`, a quarter as fast."""
    if not has_libgcrypt():
        return "cryptography"
    version: bytes = libgcrypt().gcry_check_version(None)
    return f"libgcrypt {version.decode('ascii', 'replace')}"


@cache
def has_libgcrypt() -> bool:
    """Say whether libgcrypt is here and does SM4-GCM; asked once."""
    try:
        libgcrypt()
    except SuiteUnavailable:
        return False
    return True


@cache
def libgcrypt() -> ctypes.CDLL:
    """Return the library, loaded and initialized at the first call and kept.

    Raises:
        SuiteUnavailable: it is missing, older than 1.9, or does no SM4-GCM (FIPS mode).
    """
    library = bind(load(NAMES, "libgcrypt"), FUNCTIONS, "libgcrypt")
    if library.gcry_check_version(b"1.9.0") is None:
        raise SuiteUnavailable(library="libgcrypt", needs="1.9")
    if not library.gcry_control(_IS_INITIALIZED):  # another user of this process may have done it
        library.gcry_control(_DISABLE_SECMEM)  # keys come from Python's memory, which is none
        library.gcry_control(_FINISH_INITIALIZATION)
    work = c_void_p()
    if library.gcry_cipher_open(byref(work), _SM4, _GCM, 0):
        raise SuiteUnavailable(library="libgcrypt", lacks="SM4-GCM")
    library.gcry_cipher_close(work)
    return library


def checked_key(key: bytes) -> bytes:
    """Return `key` if it has 16 bytes.

    Raises:
        ValueError: it has not.
    """
    if len(key) != KEY_SIZE:
        raise ValueError(f"an SM4 key has {KEY_SIZE} bytes, not {len(key)}")
    return bytes(key)


def check_sizes(nonce: Buffer, buf: Buffer, size: int) -> None:
    """Return when `nonce` has 12 bytes and `buf` has `size`.

    Raises:
        ValueError: they have not.
    """
    if len(nonce) != NONCE_SIZE:
        raise ValueError(f"a nonce has {NONCE_SIZE} bytes, not {len(nonce)}")
    if len(buf) != size:
        raise ValueError(f"the result has {size} bytes, the buffer {len(buf)}")


def _need(error: int) -> None:
    if error:
        raise LibgcryptFault(number=error & 0xFFFF)


def _writable(buf: Buffer) -> ctypes.Array[ctypes.c_char]:
    """Return `buf` as C sees it, without a copy."""
    return (ctypes.c_char * len(buf)).from_buffer(buf)


def _readable(data: Buffer) -> bytes | ctypes.Array[ctypes.c_char]:
    """Return `data` as C sees it; only a read-only view is copied."""
    if isinstance(data, bytes):
        return data
    if memoryview(data).readonly:
        return bytes(data)
    return _writable(data)
