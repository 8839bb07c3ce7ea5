"""Base64 in its one canonical spelling: what decodes must encode to the same text again.

Python's decoder forgives stray characters and loose trailing bits; a signature or hash with two spellings
could be swapped unnoticed.  Refused: any text but the canonical one.
"""

import binascii

from evalroom.errors import PeerFault


class NotBase64(PeerFault):
    """A text that should be canonical Base64 is not: the line was changed on its way."""

    code = "not_base64"


def encode_base64(data: bytes) -> str:
    """Return `data` in standard Base64 with padding (RFC 4648 §4)."""
    return binascii.b2a_base64(data, newline=False).decode()


def decode_base64(text: str) -> bytes:
    """Return the bytes of canonical standard Base64.

    Raises:
        NotBase64: for any other text.
    """
    try:
        data = binascii.a2b_base64(text.encode("ascii"), strict_mode=True)
    except (ValueError, UnicodeEncodeError) as error:
        raise NotBase64 from error
    if encode_base64(data) != text:
        raise NotBase64
    return data


def encode_base64url(data: bytes) -> str:
    """Return `data` in URL-safe Base64 without padding (RFC 7515 §2)."""
    return encode_base64(data).rstrip("=").replace("+", "-").replace("/", "_")


def decode_base64url(text: str) -> bytes:
    """Return the bytes of canonical URL-safe Base64 without padding.

    Raises:
        NotBase64: for any other text.
    """
    if not {"+", "/", "="}.isdisjoint(text):
        raise NotBase64
    padded = text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4)
    return decode_base64(padded)
