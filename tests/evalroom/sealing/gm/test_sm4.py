"""SM4-GCM: the RFC's vector, the same bytes by both libraries, and nothing to read after a wrong tag."""

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import gmalg
import pytest
from cryptography.exceptions import InvalidTag

from evalroom.sealing.gm import sm4
from evalroom.sealing.suite import BulkCipher, SuiteUnavailable
from tests.evalroom.sealing.gm.standard import SM4_AAD, SM4_KEY, SM4_NONCE, SM4_PLAIN, SM4_SEALED

CHUNK = 16384
CIPHERS = [
    pytest.param(sm4.PortableSm4, id="cryptography"),
    pytest.param(
        sm4.LibgcryptSm4,
        id="libgcrypt",
        marks=pytest.mark.skipif(
            not sm4.has_libgcrypt(), reason="libgcrypt is missing: apt-get install libgcrypt20"
        ),
    ),
]
Make = Callable[[bytes], BulkCipher]

both = pytest.mark.parametrize("make", CIPHERS)


def sealed(cipher: BulkCipher, plain: bytes, nonce: bytes = SM4_NONCE, aad: bytes | None = SM4_AAD) -> bytes:
    """Return ciphertext and tag."""
    out = bytearray(len(plain) + 16)
    assert cipher.encrypt_into(nonce, plain, aad, out) == len(out)
    return bytes(out)


def opened(cipher: BulkCipher, data: bytes, nonce: bytes = SM4_NONCE, aad: bytes | None = SM4_AAD) -> bytes:
    """Return the plaintext."""
    out = bytearray(max(0, len(data) - 16))
    assert cipher.decrypt_into(nonce, data, aad, out) == len(out)
    return bytes(out)


@pytest.fixture
def no_libgcrypt(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hide libgcrypt, and forget afterwards that it was hidden."""
    monkeypatch.setattr(sm4, "NAMES", ("libgcrypt-of-nowhere.so",))
    forget()
    yield
    monkeypatch.undo()
    forget()


def forget() -> None:
    sm4.libgcrypt.cache_clear()
    sm4.has_libgcrypt.cache_clear()


@both
def test_the_vector_of_rfc_8998(make: Make) -> None:
    assert sealed(make(SM4_KEY), SM4_PLAIN) == SM4_SEALED
    assert opened(make(SM4_KEY), SM4_SEALED) == SM4_PLAIN


@both
@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 31, 255, 4096, CHUNK - 1, CHUNK])
def test_every_size_opens_again_and_is_what_an_independent_cipher_makes(make: Make, size: int) -> None:
    plain = random.Random(size).randbytes(size)
    for aad in (None, b"", SM4_AAD):
        data = sealed(make(SM4_KEY), plain, aad=aad)
        assert opened(make(SM4_KEY), data, aad=aad) == plain
        assert data == sealed(sm4.PortableSm4(SM4_KEY), plain, aad=aad)
    counter = gmalg.SM4(SM4_KEY).encrypt(SM4_NONCE + (2).to_bytes(4))  # GCM's first block of key stream
    assert data[: min(size, 16)] == bytes(a ^ b for a, b in zip(plain, counter, strict=False))


@both
def test_views_and_arrays_are_taken_as_they_come(make: Make) -> None:
    cipher, room = make(SM4_KEY), bytearray(len(SM4_SEALED) + 8)
    for plain in (SM4_PLAIN, bytearray(SM4_PLAIN), memoryview(SM4_PLAIN), memoryview(bytearray(SM4_PLAIN))):
        cipher.encrypt_into(bytearray(SM4_NONCE), plain, memoryview(SM4_AAD), memoryview(room)[4:-4])
        assert room == bytes(4) + SM4_SEALED + bytes(4)
    for data in (SM4_SEALED, bytearray(SM4_SEALED), memoryview(room)[4:-4]):
        out = bytearray(len(SM4_PLAIN) + 2)
        cipher.decrypt_into(memoryview(SM4_NONCE), data, bytearray(SM4_AAD), memoryview(out)[1:-1])
        assert out == b"\0" + SM4_PLAIN + b"\0"


@both
def test_each_flipped_bit_is_found_and_leaves_only_zeros(make: Make) -> None:
    cipher = make(SM4_KEY)
    for bit in range(len(SM4_SEALED) * 8):
        bent = bytearray(SM4_SEALED)
        bent[bit // 8] ^= 1 << bit % 8
        out = bytearray(b"?" * len(SM4_PLAIN))
        with pytest.raises(InvalidTag):
            cipher.decrypt_into(SM4_NONCE, bent, SM4_AAD, out)
        assert out == bytes(len(SM4_PLAIN))


@both
def test_another_key_nonce_or_context_and_every_cut_are_found(make: Make) -> None:
    cipher = make(SM4_KEY)
    wrong: list[tuple[BulkCipher, bytes, bytes, bytes | None]] = [
        (make(bytes(16)), SM4_SEALED, SM4_NONCE, SM4_AAD),
        (cipher, SM4_SEALED, bytes(12), SM4_AAD),
        (cipher, SM4_SEALED, SM4_NONCE, SM4_AAD + b"\0"),
        (cipher, SM4_SEALED, SM4_NONCE, None),
        (cipher, SM4_SEALED + b"\0", SM4_NONCE, SM4_AAD),
        *((cipher, SM4_SEALED[:size], SM4_NONCE, SM4_AAD) for size in range(len(SM4_SEALED))),
    ]
    for opener, data, nonce, aad in wrong:
        with pytest.raises(InvalidTag):
            opened(opener, data, nonce, aad)


@both
def test_keys_nonces_and_buffers_of_another_length_are_our_mistake(make: Make) -> None:
    for key in (b"", bytes(15), bytes(32)):
        with pytest.raises(ValueError, match="16"):
            make(key)
    cipher = make(SM4_KEY)
    for nonce in (b"", bytes(11), bytes(16)):
        with pytest.raises(ValueError, match="12"):
            sealed(cipher, SM4_PLAIN, nonce)
        with pytest.raises(ValueError, match="12"):
            opened(cipher, SM4_SEALED, nonce)
    for size in (len(SM4_SEALED) - 1, len(SM4_SEALED) + 1):
        with pytest.raises(ValueError, match="buffer"):
            cipher.encrypt_into(SM4_NONCE, SM4_PLAIN, None, bytearray(size))
        with pytest.raises(ValueError, match="buffer"):
            cipher.decrypt_into(SM4_NONCE, SM4_SEALED, None, bytearray(size - 16))


@both
def test_one_cipher_does_many_chunks_and_forgets_each(make: Make) -> None:
    cipher, dice = make(SM4_KEY), random.Random(3)
    for turn in range(200):
        nonce, aad = turn.to_bytes(12), dice.randbytes(dice.choice((0, 5, 33)))
        plain = dice.randbytes(dice.randrange(300))
        data = sealed(cipher, plain, nonce, aad)
        assert data == sealed(sm4.PortableSm4(SM4_KEY), plain, nonce, aad)
        with pytest.raises(InvalidTag):
            opened(cipher, data, nonce, aad + b"?")
        assert opened(cipher, data, nonce, aad) == plain


@both
def test_threads_share_a_cipher(make: Make) -> None:
    cipher = make(SM4_KEY)
    plain = random.Random(1).randbytes(CHUNK)

    def work(turn: int) -> bool:
        nonce = turn.to_bytes(12)
        return opened(cipher, sealed(cipher, plain, nonce), nonce) == plain

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(400)))


@pytest.mark.usefixtures("no_libgcrypt")
def test_without_libgcrypt_it_is_slower_and_says_so() -> None:
    assert sm4.engine() == "cryptography"
    assert sealed(sm4.bulk(SM4_KEY), SM4_PLAIN) == SM4_SEALED
    with pytest.raises(SuiteUnavailable):
        sm4.LibgcryptSm4(SM4_KEY)


@pytest.mark.skipif(not sm4.has_libgcrypt(), reason="libgcrypt is missing: apt-get install libgcrypt20")
def test_with_libgcrypt_it_is_named() -> None:
    assert sm4.engine().startswith("libgcrypt 1.")
    assert isinstance(sm4.bulk(SM4_KEY), sm4.LibgcryptSm4)
