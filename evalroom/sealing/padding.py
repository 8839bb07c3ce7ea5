"""Padding of the parts whose very length tells something: identity and price sheet.

Length in 8 bytes, data, zeros up to the next 64 KiB.  Refused: more zeros than needed, anything but zeros, a
length that does not fit; one text has one padded form.
"""

from evalroom.sealing.policy import PAD_STEP
from evalroom.sealing.stream import PartDamaged
from evalroom.sealing.suite import Buffer

_LENGTH = 8


def padded_size(plain: int) -> int:
    """Return the length of `plain` bytes padded."""
    return -(-(plain + _LENGTH) // PAD_STEP) * PAD_STEP


def pad(data: Buffer) -> bytes:
    """Return `data` padded to a multiple of 64 KiB."""
    return (len(data).to_bytes(_LENGTH, "big") + data).ljust(padded_size(len(data)), b"\x00")


def unpad(padded: Buffer) -> bytes:
    """Return the data in a padded part.

    Raises:
        PartDamaged: it was padded in another way.
    """
    length = int.from_bytes(padded[:_LENGTH], "big")
    if len(padded) < _LENGTH or padded_size(length) != len(padded):
        raise PartDamaged(reason="padding: length")
    if bytes(padded[_LENGTH + length :]).strip(b"\x00"):
        raise PartDamaged(reason="padding: not zeros")
    return bytes(padded[_LENGTH : _LENGTH + length])
