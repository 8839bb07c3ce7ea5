"""RFC 9180 around a token's ECDH: forged wraps first, then the same secrets as the library's own HPKE."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from evalroom.sealing.hybrid import P256Key
from evalroom.sealing.suite import WrapNotOpened
from evalroom.sealing.suites import find_suite
from signaling.custody.decapsulation import open_wrap
from tests.evalroom.sealing import tender

SUITE = find_suite(2)
KEY = tender.opening_key(2, "host")
INFO = b"EVB1 trustee1" + bytes(32)


def exchange(other: bytes) -> bytes:
    """Do what a token does."""
    assert isinstance(KEY, P256Key)
    return KEY.private.exchange(
        ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), other)
    )


def test_every_changed_bit_and_every_cut_is_refused() -> None:
    wrapped = SUITE.wrap(KEY.public, b"share", INFO)
    changed = [
        wrapped[:place] + bytes([wrapped[place] ^ 1]) + wrapped[place + 1 :] for place in range(len(wrapped))
    ]
    for data in (*changed, *(wrapped[:end] for end in range(len(wrapped)))):
        with pytest.raises(WrapNotOpened):
            open_wrap(exchange, KEY.public, data, INFO)


def test_another_info_or_another_key_opens_nothing() -> None:
    wrapped = SUITE.wrap(KEY.public, b"share", INFO)
    for public, info in ((KEY.public, INFO + b"x"), (tender.opening_key(2, "north").public, INFO)):
        with pytest.raises(WrapNotOpened):
            open_wrap(exchange, public, wrapped, info)


def test_a_token_is_never_asked_about_what_is_no_point() -> None:
    def asked(_: bytes) -> bytes:
        pytest.fail("an invalid point reached the token")

    for point in (b"\x04" + bytes(64), b"\x02" + bytes(64), b"\x04" + b"\xff" * 64, b""):
        with pytest.raises(WrapNotOpened):
            open_wrap(asked, KEY.public, point + bytes(40), INFO)


@pytest.mark.parametrize("size", [0, 1, 67, 1024])
def test_it_opens_what_the_library_opens(size: int) -> None:
    secret = tender.drawn("secret", size)
    wrapped = SUITE.wrap(KEY.public, secret, INFO)
    assert secret == KEY.unwrap(wrapped, INFO) == open_wrap(exchange, KEY.public, wrapped, INFO)
