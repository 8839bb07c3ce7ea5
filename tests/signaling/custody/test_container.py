"""The encrypted key file: what others read, what we refuse, and that no bit of its frame may differ."""

import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_der_private_key,
)

from evalroom.sealing.suites import SUITES
from signaling.custody.container import KeyFileDamaged, WrongPassphrase, decrypt_pkcs8, encrypt_pkcs8
from tests.evalroom.sealing import tender

SALT, IV, PASSPHRASE = tender.drawn("salt", 16), tender.drawn("iv", 16), "口令 phrase".encode()
KEY = tender.opening_pkcs8(2, "host")[0]


def test_a_wrong_passphrase_never_gives_a_key() -> None:
    sealed = encrypt_pkcs8(KEY, PASSPHRASE, SALT, IV)
    for number in range(30):
        with pytest.raises(WrongPassphrase):
            decrypt_pkcs8(sealed, b"guess %d" % number)


def test_no_bit_before_the_ciphertext_may_differ() -> None:
    sealed = encrypt_pkcs8(KEY, PASSPHRASE, SALT, IV)
    frame = sealed.index(IV)
    derivation = range(sealed.index(SALT), sealed.index(SALT) + len(SALT))
    for place in range(frame):
        changed = bytearray(sealed)
        changed[place] ^= 1
        fault = WrongPassphrase if place in derivation else KeyFileDamaged
        if place in derivation and place % 5:
            continue  # each costs an scrypt: a few stand for all sixteen
        with pytest.raises(fault):
            decrypt_pkcs8(bytes(changed), PASSPHRASE)


def test_every_cut_and_every_tail_is_refused_before_any_scrypt() -> None:
    sealed = encrypt_pkcs8(KEY, PASSPHRASE, SALT, IV)
    for data in (*(sealed[:end] for end in range(len(sealed))), sealed + b"\0"):
        with pytest.raises(KeyFileDamaged):
            decrypt_pkcs8(data, PASSPHRASE)


def test_the_librarys_own_encryption_is_refused_as_too_cheap_to_guess() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    cheap = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, BestAvailableEncryption(PASSPHRASE))
    with pytest.raises(KeyFileDamaged):
        decrypt_pkcs8(cheap, PASSPHRASE)


@pytest.mark.parametrize("code", SUITES)
def test_keys_of_every_suite_come_back(code: int) -> None:
    for der in tender.opening_pkcs8(code, "host"):
        assert der == decrypt_pkcs8(encrypt_pkcs8(der, PASSPHRASE, SALT, IV), PASSPHRASE)


@pytest.mark.parametrize("code", [1, 2])
def test_the_library_reads_what_we_write(code: int) -> None:
    for der in tender.opening_pkcs8(code, "host"):
        loaded = load_der_private_key(encrypt_pkcs8(der, PASSPHRASE, SALT, IV), PASSPHRASE)
        assert type(load_der_private_key(der, None)) is type(loaded)


@pytest.mark.needs("openssl")
@pytest.mark.parametrize("code", [2, 0x11])
def test_openssl_reads_what_we_write_and_says_scrypt(code: int, tmp_path: Path) -> None:
    der = tender.opening_pkcs8(code, "host")[0]
    path = tmp_path / "key.p8"
    path.write_bytes(encrypt_pkcs8(der, PASSPHRASE, SALT, IV))
    words = ["openssl", "asn1parse", "-inform", "DER", "-in", str(path)]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert ":scrypt" in said
    assert ":4000\n" in said  # N 16384
    words = ["openssl", "pkcs8", "-inform", "DER", "-in", str(path), "-passin", "stdin", "-outform", "DER"]
    opened = subprocess.run(words, input=PASSPHRASE + b"\n", capture_output=True, check=True).stdout
    assert opened[7:39] in der  # OpenSSL writes SEC 1: version, then the private key as an OCTET STRING
