"""The table of suites, and what every suite in it must keep to."""

import pytest

from evalroom.sealing.suite import HASH_SIZE, NONCE_SIZE, TAG_SIZE
from evalroom.sealing.suites import SUITES, UnknownSuite, find_suite
from tests.evalroom.sealing import tender

EVERY = pytest.mark.parametrize("code", sorted(SUITES))


def test_a_byte_that_names_nothing_is_refused() -> None:
    for code in (0, 3, 0x10, 0xFF, -1):
        with pytest.raises(UnknownSuite):
            find_suite(code)


@EVERY
def test_a_suite_keeps_to_the_lengths_it_states(code: int) -> None:
    suite = find_suite(code)
    assert code == suite.code
    opening, signing = tender.opening_key(code, "host"), tender.signing_key(code, "envelope")
    assert suite.opening_public_size == len(opening.public)
    assert suite.signing_public_size == len(signing.public)
    assert suite.signature_size == len(signing.sign(b"message")) <= 8192
    for size in (32, 67):
        assert size + suite.wrap_overhead == len(suite.wrap(opening.public, bytes(size), b"info"))
    assert len(suite.digest(b"")) == HASH_SIZE
    drawn = suite.stream_key(bytes(suite.key_size), bytes(24), bytes(32))
    assert (suite.key_size, NONCE_SIZE, HASH_SIZE) == (
        len(drawn.key),
        len(drawn.nonce),
        len(drawn.commitment),
    )


@EVERY
def test_a_bulk_cipher_writes_where_it_is_told(code: int) -> None:
    suite = find_suite(code)
    cipher = suite.bulk(bytes(suite.key_size))
    sealed, opened = bytearray(20 + TAG_SIZE), bytearray(20)
    text = memoryview(tender.pattern(30))[5:25]
    assert cipher.encrypt_into(bytes(NONCE_SIZE), text, None, memoryview(sealed)) == 20 + TAG_SIZE
    assert cipher.decrypt_into(bytes(NONCE_SIZE), memoryview(sealed), None, memoryview(opened)) == 20
    assert text == opened
    assert bytes(text) != sealed[:20]
