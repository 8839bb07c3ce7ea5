"""Suite 0x11: wraps bound to their place, an independent key schedule, and a machine that lacks something."""

import hashlib
import hmac
import random
import subprocess
import sys
from collections.abc import Iterator

import gmalg
import pytest

from evalroom.sealing.gm import libcrypto, suite
from evalroom.sealing.gm.suite import GM
from evalroom.sealing.suite import (
    BadEnvelopeSignature,
    MalformedSealingKey,
    Suite,
    SuiteUnavailable,
    WrapNotOpened,
)
from tests.evalroom.sealing.gm.standard import PRIVATE, PUBLIC, SIGNATURE, SIGNED, SM3

SECRET = bytes(range(32))
INFO = b"EVB1 trustee1" + bytes(32)
KEY = GM.load_opening_key(GM.opening_key_from_seed(b"o" * 48))
OTHER = GM.load_opening_key(GM.opening_key_from_seed(b"p" * 48))
SIGNER = GM.load_signing_key(GM.signing_key_from_seed(b"s" * 48))


def plain_sm3(data: bytes) -> bytes:
    """Return the SM3 of an implementation that shares nothing with ours."""
    digest = gmalg.SM3()
    digest.update(data)
    value: bytes = digest.value()
    return value


def plain_hmac(key: bytes, data: bytes) -> bytes:
    """Return HMAC-SM3 (RFC 2104), written out."""
    padded = (plain_sm3(key) if len(key) > 64 else key).ljust(64, b"\0")
    inner = plain_sm3(bytes(byte ^ 0x36 for byte in padded) + data)
    return plain_sm3(bytes(byte ^ 0x5C for byte in padded) + inner)


def plain_expand(key: bytes, info: bytes, length: int) -> bytes:
    """Return HKDF-Expand (RFC 5869 §2.3), written out."""
    made, block = b"", b""
    for turn in range(1, -(-length // 32) + 1):
        block = plain_hmac(key, block + info + bytes([turn]))
        made += block
    return made[:length]


@pytest.fixture
def forgotten(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Let the test change what is loaded, and load the real library again afterwards."""
    libcrypto.libcrypto.cache_clear()
    yield monkeypatch
    monkeypatch.undo()
    libcrypto.libcrypto.cache_clear()


def test_it_is_a_suite_and_this_machine_has_it() -> None:
    as_protocol: Suite = GM
    as_protocol.check_available()
    assert as_protocol.code == 0x11
    assert GM.libraries()[0].startswith("OpenSSL 3.")


@pytest.mark.parametrize("message", SM3, ids=["abc", "64 bytes"])
def test_the_standards_hashes(message: bytes) -> None:
    assert GM.digest(message).hex() == SM3[message]
    running = GM.hasher()
    running.update(message[:1])
    before = running.copy()
    running.update(memoryview(message)[1:])
    assert running.digest() == running.digest() == GM.digest(message[:2], b"", message[2:])
    assert before.digest() == GM.digest(message[:1])


def test_the_key_schedule_is_what_an_independent_one_makes() -> None:
    assert GM.expand(SECRET, INFO, 100) == plain_expand(SECRET, INFO, 100)
    assert GM.extract(b"salt", SECRET) == plain_hmac(b"salt", SECRET)
    assert GM.extract(b"", SECRET) == plain_hmac(bytes(32), SECRET)
    label = b"c2sp.org/chunked-encryption@v1+AEAD_SM4_GCM\0"
    stream = GM.stream_key(SECRET[:16], b"s" * 24, b"context")
    made = plain_expand(SECRET[:16], label + b"s" * 24 + b"context", 60)
    assert (stream.key, stream.nonce, stream.commitment) == (made[:16], made[16:28], made[28:])


@pytest.mark.skipif("sm3" not in hashlib.algorithms_available, reason="this Python's hashlib has no SM3")
def test_pythons_own_sm3_agrees() -> None:
    assert GM.digest(SECRET) == hashlib.new("sm3", SECRET).digest()
    assert GM.extract(b"k" * 70, SECRET) == hmac.new(b"k" * 70, SECRET, "sm3").digest()


@pytest.mark.parametrize("size", [0, 16, 32, 67, 1024])
def test_a_wrap_opens_in_its_place_and_has_its_length(size: int) -> None:
    secret = random.Random(size).randbytes(size)
    wrapped = GM.wrap(KEY.public, secret, INFO)
    assert len(wrapped) == size + GM.wrap_overhead
    assert KEY.unwrap(wrapped, INFO) == secret
    assert GM.wrap(KEY.public, secret, INFO) != wrapped


def test_another_implementation_finds_hash_and_secret_in_a_wrap() -> None:
    wrapped = GM.wrap(PUBLIC, SECRET, INFO)
    assert gmalg.SM2(PRIVATE).decrypt(wrapped) == plain_sm3(INFO) + SECRET


def test_a_wrap_for_another_place_or_key_does_not_open() -> None:
    wrapped = GM.wrap(KEY.public, SECRET, INFO)
    for info in (b"", INFO[:-1], INFO + b"\0", INFO.replace(b"1 ", b"2 "), b"EVB1 bidder" + bytes(32)):
        if info != INFO:
            with pytest.raises(WrapNotOpened):
                KEY.unwrap(wrapped, info)
    with pytest.raises(WrapNotOpened):
        OTHER.unwrap(wrapped, INFO)


def test_a_plaintext_shorter_than_the_hash_does_not_open() -> None:
    """Someone who knows the public key can encrypt anything, also less than a hash."""
    short = gmalg.SM2(pk=KEY.public).encrypt(GM.digest(INFO)[:31])
    with pytest.raises(WrapNotOpened):
        KEY.unwrap(short, INFO)


def test_tampered_cut_and_lengthened_wraps_do_not_open() -> None:
    wrapped = GM.wrap(KEY.public, SECRET, INFO)
    dice = random.Random(11)
    bent = [bytearray(wrapped) for _ in range(300)]
    for one in bent:
        one[dice.randrange(len(one))] ^= 1 << dice.randrange(8)
    for changed in (*map(bytes, bent), *(wrapped[:size] for size in range(len(wrapped))), wrapped + b"\0"):
        with pytest.raises(WrapNotOpened):
            KEY.unwrap(changed, INFO)


def test_a_secret_of_more_than_a_kibibyte_is_our_mistake() -> None:
    with pytest.raises(ValueError, match="1024"):
        GM.wrap(KEY.public, bytes(1025), INFO)


def test_the_standards_signature_verifies_and_no_other() -> None:
    GM.verify(PUBLIC, SIGNED, SIGNATURE)
    GM.verify(SIGNER.public, SIGNED, SIGNER.sign(SIGNED))
    assert len(SIGNER.sign(SIGNED)) == GM.signature_size
    for public, message, signature in (
        (PUBLIC, SIGNED + b"\0", SIGNATURE),
        (SIGNER.public, SIGNED, SIGNATURE),
        (PUBLIC, SIGNED, SIGNATURE[:-1]),
        (PUBLIC, SIGNED, SIGNATURE + b"\0"),
        (PUBLIC, SIGNED, bytes(64)),
    ):
        with pytest.raises(BadEnvelopeSignature):
            GM.verify(public, message, signature)


@pytest.mark.parametrize("public", [b"", bytes(65), PUBLIC[:-1], PUBLIC + b"\0", b"\4" + bytes(63) + b"\1"])
def test_what_is_no_point_of_the_curve_is_no_public_key(public: bytes) -> None:
    with pytest.raises(MalformedSealingKey):
        GM.check_opening_public(public)
    with pytest.raises(MalformedSealingKey):
        GM.wrap(public, SECRET, INFO)
    with pytest.raises(MalformedSealingKey):
        GM.verify(public, SIGNED, SIGNATURE)


def test_a_key_is_one_der() -> None:
    (der,) = GM.opening_key_from_seed(b"o" * 48)
    assert GM.load_opening_key([der]).public == KEY.public
    for ders in ([], [der, der], [b""], [der[:-1]]):
        with pytest.raises(MalformedSealingKey):
            GM.load_opening_key(ders)
        with pytest.raises(MalformedSealingKey):
            GM.load_signing_key(ders)


def test_nothing_is_loaded_before_the_suite_is_used() -> None:
    told = (
        "from evalroom.sealing.gm import libcrypto, sm4, suite;"
        "assert not libcrypto.libcrypto.cache_info().currsize + sm4.libgcrypt.cache_info().currsize;"
        "suite.GM.check_available();"
        "assert libcrypto.libcrypto.cache_info().currsize"
    )
    subprocess.run([sys.executable, "-c", told], check=True)


def test_without_libcrypto_the_suite_is_unavailable(forgotten: pytest.MonkeyPatch) -> None:
    forgotten.setattr(libcrypto, "NAMES", ("libcrypto-of-nowhere.so.3",))
    with pytest.raises(SuiteUnavailable) as caught:
        GM.check_available()
    assert caught.value.detail["tried"] == "libcrypto-of-nowhere.so.3"


def test_a_library_that_lacks_a_function_is_unavailable(forgotten: pytest.MonkeyPatch) -> None:
    wanted = {"EVP_of_tomorrow": (None, ()), **libcrypto.FUNCTIONS}
    forgotten.setattr(libcrypto, "FUNCTIONS", wanted)
    with pytest.raises(SuiteUnavailable) as caught:
        GM.check_available()
    assert caught.value.detail["lacks"] == "EVP_of_tomorrow"


@pytest.mark.parametrize("major", [1, 4])
def test_a_library_of_another_line_is_unavailable(forgotten: pytest.MonkeyPatch, major: int) -> None:
    class Other:
        """A libcrypto that is not 3.x."""

        @staticmethod
        def OPENSSL_version_major() -> int:  # noqa: N802 - the library's name for it
            return major

    forgotten.setattr(libcrypto, "bind", lambda *_: Other)
    with pytest.raises(SuiteUnavailable) as caught:
        GM.check_available()
    assert caught.value.detail["needs"] == "3.x"


def test_a_library_that_computes_wrongly_is_unavailable(forgotten: pytest.MonkeyPatch) -> None:
    forgotten.setattr(suite, "_KNOWN_SIGNATURE", SIGNATURE[:-1] + b"\0")
    with pytest.raises(SuiteUnavailable) as caught:
        GM.check_available()
    assert caught.value.detail["lacks"] == "SM2"


def test_a_library_built_without_sm2_is_unavailable(forgotten: pytest.MonkeyPatch) -> None:
    forgotten.setattr(libcrypto.libcrypto().call, "EVP_PKEY_CTX_new_from_name", lambda *_: None)
    with pytest.raises(SuiteUnavailable) as caught:
        GM.check_available()
    assert caught.value.detail["lacks"] == "SM2"
