"""The header of an envelope: for each part its core, the wrapped halves and shares, and their commitments.

The bytes are kept as they came and never written anew; they must be the RFC 8785 form.  Which members a part
has follows from the policy's mode: without bidder's half no `bidder` and `bh`, without shares no `shares`.
Refused: wraps of a length that the suite never makes, share numbers other than 1 to n.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from evalroom.ledger.base64 import encode_base64
from evalroom.ledger.canonical import Json, canonical
from evalroom.sealing.core import Core, MalformedEnvelope, context, parse_core
from evalroom.sealing.dealing import SECRET_SIZE, SHARE_SIZE
from evalroom.sealing.members import Members
from evalroom.sealing.policy import MAX_TRUSTEES, PartName
from evalroom.sealing.suite import HASH_SIZE, Suite

MAX_SLOTS = 16
MAX_CORE = 1 << 14


@dataclass(frozen=True, slots=True)
class SealedShare:
    """A trustee's share, wrapped, and the commitment to what is inside."""

    wrapped: bytes
    digest: bytes


@dataclass(frozen=True, slots=True)
class PartHeader:
    """A part's keys under lock: `slots` wrap the bidder's half, `half_digest` commits to it."""

    core: Core
    context: bytes
    slots: tuple[bytes, ...]
    half_digest: bytes | None
    shares: tuple[SealedShare, ...]

    @property
    def name(self) -> PartName:
        """Return which part it is."""
        return self.core.part


def encode_header(parts: Sequence[PartHeader]) -> bytes:
    """Return the header's bytes."""
    return canonical({"parts": [_part_json(part) for part in parts]})


def parse_header(data: bytes, suite: Suite) -> tuple[PartHeader, ...]:
    """Return the parts of a header of this suite, still to be compared with a policy.

    Raises:
        MalformedEnvelope: it is no header.
    """
    members = Members.parse(data, MalformedEnvelope)
    parts = tuple(_parse_part(one, suite) for one in members.objects("parts", len(PartName)))
    members.close()
    return parts


def half_digest(suite: Suite, context: bytes, half: bytes) -> bytes:
    """Return the commitment to the bidder's half that stands in the header."""
    return suite.digest(b"EVB1 half", context, half)


def slot_info(context: bytes) -> bytes:
    """Return what binds the wraps of the bidder's half."""
    return b"EVB1 bidder" + context


def trustee_info(context: bytes, place: int) -> bytes:
    """Return what binds the wrap of trustee number `place`, from 1."""
    return b"EVB1 trustee%d" % place + context


def recipient_info(context: bytes, place: int) -> bytes:
    """Return what binds a content key wrapped to recipient number `place`, from 1, once its part was opened."""
    return b"EVB1 archive%d" % place + context


def _parse_part(members: Members, suite: Suite) -> PartHeader:
    core = members.data_within("core", MAX_CORE)
    has_half, has_shares = members.has("bidder"), members.has("shares")
    if not has_half and not has_shares:
        raise MalformedEnvelope(reason="a part that nobody could open")
    slots = members.many_data("bidder", SECRET_SIZE + suite.wrap_overhead, MAX_SLOTS) if has_half else ()
    digest = members.data("bh", HASH_SIZE) if has_half else None
    shares = members.objects("shares", MAX_TRUSTEES) if has_shares else ()
    part = PartHeader(
        core=parse_core(core, suite),
        context=context(suite, core),
        slots=slots,
        half_digest=digest,
        shares=tuple(_parse_share(one, place, suite) for place, one in enumerate(shares, 1)),
    )
    members.close()
    return part


def _parse_share(members: Members, place: int, suite: Suite) -> SealedShare:
    if members.integer("i") != place:
        raise MalformedEnvelope(reason="shares are numbered from 1 without gaps", at="shares")
    share = SealedShare(members.data("ct", SHARE_SIZE + suite.wrap_overhead), members.data("h", HASH_SIZE))
    members.close()
    return share


def _part_json(part: PartHeader) -> Json:
    found: dict[str, Json] = {"core": encode_base64(part.core.encode())}
    if part.half_digest is not None:
        found |= {"bidder": [encode_base64(one) for one in part.slots], "bh": encode_base64(part.half_digest)}
    if part.shares:
        found["shares"] = [
            {"i": place, "ct": encode_base64(one.wrapped), "h": encode_base64(one.digest)}
            for place, one in enumerate(part.shares, 1)
        ]
    return found
