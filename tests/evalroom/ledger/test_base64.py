"""Base64 with exactly one spelling per value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalroom.ledger.base64 import (
    NotBase64,
    decode_base64,
    decode_base64url,
    encode_base64,
    encode_base64url,
)


@given(st.binary(max_size=70))
def test_both_alphabets_give_back_what_went_in(data: bytes) -> None:
    assert data == decode_base64(encode_base64(data))
    assert data == decode_base64url(encode_base64url(data))


@pytest.mark.parametrize(
    "text", ["A", "AA", "AA=", "AB==", "AA==\n", "A A=", "AA==AA==", "é===", "=", "-_8=", "===="]
)
def test_another_spelling_is_refused(text: str) -> None:
    with pytest.raises(NotBase64):
        decode_base64(text)


@pytest.mark.parametrize("text", ["A", "AB", "AA==", "+/8", "AA\n", "é", " AA"])
def test_another_url_safe_spelling_is_refused(text: str) -> None:
    with pytest.raises(NotBase64):
        decode_base64url(text)
