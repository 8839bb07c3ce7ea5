"""From halves and shares to a part's text: every step checked against the header before the next.

A released half or share is compared with its commitment at once, so that a wrong one can be given again and
is blamed on whoever gave it.  Only a part whose dealing is right gets a content key.  Refused: a half in a
mode without halves, shares in a mode without shares; nothing here guesses which was meant.
"""

from collections.abc import Mapping
from hmac import compare_digest

from evalroom.errors import PeerFault
from evalroom.sealing.dealing import SECRET_SIZE, check_share, join
from evalroom.sealing.envelope import Envelope, SealedPart
from evalroom.sealing.header import half_digest, slot_info, trustee_info
from evalroom.sealing.padding import unpad
from evalroom.sealing.policy import PartName, PolicyRefuses
from evalroom.sealing.stream import ReadAt, StreamReader
from evalroom.sealing.suite import OpeningKey, Suite, WrapNotOpened

NO_SECRET = bytes(SECRET_SIZE)
"""Stands for the half or the dealt secret in a mode that has none."""


class HalfMismatch(PeerFault):
    """The half that the bidder released is not the one sealed: nothing is lost; release again with the right key."""

    code = "half_mismatch"


def derive_content_key(suite: Suite, context: bytes, half: bytes, secret: bytes) -> bytes:
    """Return the content key of a part: HKDF(half || secret, no salt, "EVB1 cek" || context)."""
    return suite.expand(suite.extract(b"", half + secret), b"EVB1 cek" + context, suite.key_size)


def open_half(suite: Suite, part: SealedPart, key: OpeningKey) -> bytes:
    """Return the bidder's half, 32 bytes, from whichever slot `key` opens.

    Raises:
        WrapNotOpened: it opens none.
        HalfMismatch: what it opens is not what the header commits to.
    """
    info = slot_info(part.header.context)
    for wrapped in part.header.slots:
        try:
            half = key.unwrap(wrapped, info)
        except WrapNotOpened:
            continue  # another slot's key: each is tried, the last failure is reported below
        check_half(suite, part, half)
        return half
    raise WrapNotOpened(part=part.name, slots=len(part.header.slots))


def check_half(suite: Suite, part: SealedPart, half: bytes) -> None:
    """Return when `half` is the one that was sealed.

    Raises:
        HalfMismatch: it is not.
        PolicyRefuses: parts have no halves in this mode.
    """
    expected = part.header.half_digest
    if expected is None:
        raise PolicyRefuses(reason="no bidder's half in this mode", part=part.name)
    if len(half) != SECRET_SIZE or not compare_digest(
        half_digest(suite, part.header.context, half), expected
    ):
        raise HalfMismatch(part=part.name)


def open_share(suite: Suite, part: SealedPart, place: int, key: OpeningKey) -> bytes:
    """Return the share of trustee number `place`, from 1, checked against its commitment.

    Raises:
        WrapNotOpened: `key` does not open it.
        ShareMismatch: it contradicts its commitment: no ack, and undetermined whose fault it is.
        PolicyRefuses: there is no such trustee.
    """
    if not 1 <= place <= len(part.header.shares):
        raise PolicyRefuses(reason="no such trustee", part=part.name, trustee=place)
    sealed = part.header.shares[place - 1]
    share = key.unwrap(sealed.wrapped, trustee_info(part.header.context, place))
    check_share(suite, part.header.context, place, share, sealed.digest)
    return share


def content_key(envelope: Envelope, name: PartName, half: bytes | None, shares: Mapping[int, bytes]) -> bytes:
    """Return the content key of a part from what the policy's mode demands; shares by number of the trustee.

    Raises:
        HalfMismatch: the half is not the one sealed, or is missing.
        ShareMismatch, TooFewShares, Dealing: see `dealing.join`.
        PolicyRefuses: a half or shares in a mode without.
    """
    part, policy = envelope.part(name), envelope.policy
    header = part.header
    if header.half_digest is not None or half is not None:
        check_half(envelope.suite, part, half or b"")
    if not header.shares and shares:
        raise PolicyRefuses(reason="no shares in this mode", part=name)
    secret = NO_SECRET
    if header.shares:
        digests = [one.digest for one in header.shares]
        secret = join(envelope.suite, header.context, policy.k, digests, shares)
    return derive_content_key(envelope.suite, header.context, half or NO_SECRET, secret)


def open_part(envelope: Envelope, name: PartName, key: bytes, read: ReadAt) -> StreamReader:
    """Return a reader of the part under its content key; padding is still on (`read_text` takes it off).

    Raises:
        PartDamaged: it was sealed wrongly.
        BytesMissing: the store did not give what was asked for.
    """
    part = envelope.part(name)
    return StreamReader.open(envelope.suite, key, part.header.context, read, part.offset, part.length)


def read_text(envelope: Envelope, name: PartName, key: bytes, read: ReadAt) -> bytes:
    """Return the whole text of a small part, without its padding; big ones are read by `open_part`.

    Raises:
        PartDamaged: it was sealed or padded wrongly.
        BytesMissing: the store did not give what was asked for.
    """
    reader = open_part(envelope, name, key, read)
    data = reader.range(0, reader.size)
    return unpad(data) if envelope.part(name).terms.padded else bytes(data)
