"""SM4-GCM, the bulk cipher of suite 0x11: by the machine's libgcrypt where it can, else by `cryptography`.

Both give the same bytes; libgcrypt is four times faster.  Its handle is opened, keyed and closed within each
call: that costs 2 of 28 microseconds a chunk of 16 KiB, and in return threads share nothing and no key
outlives the call in the library.  Refused: keys that are not 16 bytes, nonces that are not 12, buffers of any
other length than the result's.
"""

import ctypes
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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


class LibgcryptSm4:
    """SM4-GCM under one key, by libgcrypt; threads may share it."""

    __slots__ = ("_key", "_lib")

    def __init__(self, key: bytes) -> None:
        """Take the 16 bytes.

        Raises:
            ValueError: another number of bytes.
            SuiteUnavailable: libgcrypt is missing, too old, or forbidden to use SM4.
        """
        self._key, self._lib = checked_key(key), libgcrypt()

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
        with self._begun(nonce, associated_data) as work:
            _need(self._lib.gcry_cipher_encrypt(work, out, size, _readable(data), size))
            _need(self._lib.gcry_cipher_gettag(work, ctypes.byref(out, size), TAG_SIZE))
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
        with self._begun(nonce, associated_data) as work:
            _need(self._lib.gcry_cipher_decrypt(work, out, size, _readable(data), size))
            tag = bytes(memoryview(data)[size:])
            wrong = self._lib.gcry_cipher_checktag(work, tag, TAG_SIZE)
        if wrong:
            ctypes.memset(out, 0, size)  # nobody may read on what did not prove itself
            if wrong & 0xFFFF == _BAD_TAG:
                raise InvalidTag
            _need(wrong)
        return size

    @contextmanager
    def _begun(self, nonce: Buffer, associated_data: Buffer | None) -> Iterator[c_void_p]:
        """Hand out a handle with key, nonce and associated data in it; closing wipes it."""
        lib, work = self._lib, c_void_p()
        _need(lib.gcry_cipher_open(byref(work), _SM4, _GCM, 0))
        try:
            _need(lib.gcry_cipher_setkey(work, self._key, KEY_SIZE))
            _need(lib.gcry_cipher_setiv(work, bytes(nonce), NONCE_SIZE))
            if associated_data:
                _need(lib.gcry_cipher_authenticate(work, bytes(associated_data), len(associated_data)))
            yield work
        finally:
            lib.gcry_cipher_close(work)


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
    if memoryview(buf).nbytes != size:
        raise ValueError(f"the result has {size} bytes, the buffer {memoryview(buf).nbytes}")


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
