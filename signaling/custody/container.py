"""An encrypted private key on disk: EncryptedPrivateKeyInfo by PBES2 with scrypt and AES-256-CBC.

Written here because `cryptography` 50 writes PBKDF2 only, with 2,048 rounds (`BestAvailableEncryption`), and
its builder takes no PKCS#8; it reads this form, and so does OpenSSL.  Forms: RFC 8018 §6.2, RFC 7914 §7.
Refused: any other scheme or weaker parameters, so that nobody swaps a file for one that is cheaper to guess.
"""

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.padding import PKCS7

from evalroom.errors import LocalFault

SCRYPT_N, SCRYPT_R, SCRYPT_P = 16_384, 8, 1
SALT_SIZE, IV_SIZE, KEY_SIZE, BLOCK = 16, 16, 32, 16

_PBES2 = bytes.fromhex("06092a864886f70d01050d")  # 1.2.840.113549.1.5.13
_SCRYPT = bytes.fromhex("06092b06010401da47040b")  # 1.3.6.1.4.1.11591.4.11
_AES256_CBC = bytes.fromhex("060960864801650304012a")  # 2.16.840.1.101.3.4.1.42


class WrongPassphrase(LocalFault):
    """A key does not open with this passphrase: give the one it was made with, or restore both from one backup."""

    code = "wrong_passphrase"


class KeyFileDamaged(LocalFault):
    """A key's file is not what was written: restore it from a backup; nothing was signed or released with it."""

    code = "key_file_damaged"


def encrypt_pkcs8(der: bytes, passphrase: bytes, salt: bytes, iv: bytes) -> bytes:
    """Return the PKCS#8 document `der` encrypted; `salt` and `iv` are 16 random bytes each, used once."""
    padder = PKCS7(8 * BLOCK).padder()
    cipher = _cipher(passphrase, salt, iv).encryptor()
    sealed = cipher.update(padder.update(der) + padder.finalize()) + cipher.finalize()
    return _sequence(_algorithm(salt, iv) + _tagged(0x04, sealed))


def decrypt_pkcs8(data: bytes, passphrase: bytes) -> bytes:
    """Return the PKCS#8 document in `data`.

    Raises:
        KeyFileDamaged: another form than `encrypt_pkcs8` writes.
        WrongPassphrase: it does not open.
    """
    salt, iv, sealed = _read(data)
    cipher, unpadder = _cipher(passphrase, salt, iv).decryptor(), PKCS7(8 * BLOCK).unpadder()
    try:
        der = unpadder.update(cipher.update(sealed) + cipher.finalize()) + unpadder.finalize()
    except ValueError as error:
        raise WrongPassphrase from error
    # CBC has no tag and its padding passes by chance once in 256: what came out must be one whole SEQUENCE.
    if not der.startswith(b"\x30") or der != _sequence(der[len(der) - _body_length(der) :]):
        raise WrongPassphrase
    return der


def _cipher(passphrase: bytes, salt: bytes, iv: bytes) -> Cipher[CBC]:
    key = Scrypt(salt=salt, length=KEY_SIZE, n=SCRYPT_N, r=SCRYPT_R, p=SCRYPT_P).derive(passphrase)
    return Cipher(AES(key), CBC(iv))


def _algorithm(salt: bytes, iv: bytes) -> bytes:
    parameters = b"".join(map(_integer, (SCRYPT_N, SCRYPT_R, SCRYPT_P, KEY_SIZE)))
    derivation = _sequence(_SCRYPT + _sequence(_tagged(0x04, salt) + parameters))
    encryption = _sequence(_AES256_CBC + _tagged(0x04, iv))
    return _sequence(_PBES2 + _sequence(derivation + encryption))


def _read(data: bytes) -> tuple[bytes, bytes, bytes]:
    """Return salt, IV and ciphertext by writing the container anew around them and comparing."""
    head = _algorithm(bytes(SALT_SIZE), bytes(IV_SIZE))
    begin = len(data) - _body_length(data)
    salt_at = begin + head.index(bytes(SALT_SIZE))
    iv_at = begin + head.rindex(bytes(IV_SIZE))
    salt, iv = data[salt_at : salt_at + SALT_SIZE], data[iv_at : iv_at + IV_SIZE]
    octets = data[begin + len(head) :]
    sealed = octets[len(octets) - _body_length(octets) :]
    written = _sequence(_algorithm(salt, iv) + _tagged(0x04, sealed))
    if written != data or not sealed or len(sealed) % BLOCK:
        raise KeyFileDamaged(reason="not PBES2 with scrypt as it is written here")
    return salt, iv, sealed


def _body_length(der: bytes) -> int:
    """Return how many bytes the first element of `der` says to hold; what is said is compared by the caller."""
    if len(der) < 2:
        return 0
    if der[1] < 0x80:
        return der[1]
    return min(len(der), int.from_bytes(der[2 : 2 + (der[1] & 0x7F)], "big"))


def _integer(value: int) -> bytes:
    return _tagged(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _sequence(body: bytes) -> bytes:
    return _tagged(0x30, body)


def _tagged(tag: int, body: bytes) -> bytes:
    length = len(body)
    if length < 0x80:
        return bytes([tag, length]) + body
    digits = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(digits)]) + digits + body
