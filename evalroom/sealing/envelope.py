"""The envelope EVB1 as it lies in a file: its frame, and the checks that need no key.

`open_envelope` reads head and tail only, whatever lies between, and gives back nothing unless frame, header,
trailer, every core, the policy and the signature agree.  The policy and the number of the bid are arguments
that cannot be left out: an envelope of another tender, policy or bid is `foreign_envelope`.  The root is
compared by `inspection.py`, which reads everything.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace

from evalroom.errors import PeerFault
from evalroom.sealing.core import BID_SIZE, MalformedEnvelope
from evalroom.sealing.header import PartHeader, parse_header
from evalroom.sealing.members import MAX_OBJECT
from evalroom.sealing.policy import PAD_STEP, Mode, PartName, PartTerms, Policy, PolicyRefuses
from evalroom.sealing.stream import PartDamaged, ReadAt, plain_size, read_exactly
from evalroom.sealing.suite import Suite
from evalroom.sealing.trailer import Trailer, parse_trailer

MAGIC = b"EVB1"
TAIL_MAGIC = b"1BVE"
VERSION = 1
MAX_SIGNATURE = 8192

_HEAD = struct.Struct(">4sBBHI")
_TAIL = struct.Struct(">II4s")
TAIL_SIZE = _TAIL.size
FRAME = _HEAD.size + TAIL_SIZE


class ForeignEnvelope(PeerFault):
    """The envelope belongs to another tender, policy or bid: it was not opened; submit it where it belongs."""

    code = "foreign_envelope"


@dataclass(frozen=True, slots=True)
class SealedPart:
    """One part of a checked envelope: its header, the policy's terms for it, and where its stream lies."""

    header: PartHeader
    terms: PartTerms
    offset: int
    length: int

    @property
    def name(self) -> PartName:
        """Return which part it is."""
        return self.header.name

    @property
    def plain_size(self) -> int:
        """Return the bytes of plaintext, padding included."""
        return plain_size(self.length)


@dataclass(frozen=True, slots=True)
class Envelope:
    """An envelope whose frame, cores and signature are right under `policy`; nothing of it is decrypted yet.

    `digest` is the suite's hash of trailer and signature, `root` the tree over the first `body` bytes.
    """

    suite: Suite
    policy: Policy
    bid: bytes
    bidder: bytes
    envelope_key: bytes
    parts: tuple[SealedPart, ...]
    root: bytes
    body: int
    size: int
    digest: bytes

    def part(self, name: PartName) -> SealedPart:
        """Return the part of that name.

        Raises:
            PolicyRefuses: the tender has no such part.
        """
        found = next((part for part in self.parts if part.name is name), None)
        if found is None:
            raise PolicyRefuses(reason="no such part", part=name)
        return found


def encode_head(suite: Suite, header: bytes) -> bytes:
    """Return what stands before the parts: frame and header.

    Raises:
        MalformedEnvelope: the header is longer than 1 MiB.
    """
    if len(header) > MAX_OBJECT:
        raise MalformedEnvelope(reason="header longer than 1 MiB")
    return _HEAD.pack(MAGIC, VERSION, suite.code, 0, len(header)) + header


def encode_tail(trailer: bytes, signature: bytes) -> bytes:
    """Return what stands behind the parts: trailer, signature, their lengths."""
    return trailer + signature + _TAIL.pack(len(trailer), len(signature), TAIL_MAGIC)


def signed_message(trailer: bytes) -> bytes:
    """Return what the envelope key signs."""
    return b"EVB1 bid" + trailer


def open_envelope(read: ReadAt, size: int, policy: Policy, bid: bytes) -> Envelope:
    """Return the envelope of `size` bytes that `read` gives, once all that needs no key is right.

    Raises:
        MalformedEnvelope: it is none, or was changed.
        UnknownSuite, PolicyRefuses: the policy does not take its suite, parts or sizes.
        ForeignEnvelope: it is of another tender, policy or bid.
        BadEnvelopeSignature, MalformedSealingKey: the signature is not its envelope key's.
        BytesMissing: the store did not give what was asked for.
    """
    if len(bid) != BID_SIZE:
        raise ForeignEnvelope(reason="a bid's number has 16 bytes")
    suite, header = _read_head(read, size, policy)
    begin = _HEAD.size + len(header)
    data, signature = _read_tail(read, size, begin, suite)
    trailer = parse_trailer(data, begin)
    if trailer.size + len(data) + len(signature) + _TAIL.size != size:
        raise MalformedEnvelope(reason="lengths do not add up to the file's")
    headers = parse_header(header, suite)
    _check_cores(headers, suite, policy, bid)
    core = headers[0].core
    suite.verify(core.envelope_key, signed_message(data), signature)
    return Envelope(
        suite=suite,
        policy=policy,
        bid=bid,
        bidder=core.bidder,
        envelope_key=core.envelope_key,
        parts=_place(headers, trailer, policy),
        root=trailer.root,
        body=trailer.size,
        size=size,
        digest=suite.digest(data, signature),
    )


def _read_head(read: ReadAt, size: int, policy: Policy) -> tuple[Suite, bytes]:
    if size > policy.max_size:
        raise PolicyRefuses(reason="larger than the policy allows", size=size, limit=policy.max_size)
    if size < FRAME:
        raise MalformedEnvelope(reason="shorter than its frame", size=size)
    magic, version, code, zero, length = _HEAD.unpack(read_exactly(read, 0, _HEAD.size))
    if magic != MAGIC or version != VERSION or zero != 0:
        raise MalformedEnvelope(reason="no EVB1 envelope of version 1")
    suite = policy.check_suite(code)
    if length > min(MAX_OBJECT, size - FRAME):
        raise MalformedEnvelope(reason="header longer than 1 MiB or than the file", length=length)
    return suite, bytes(read_exactly(read, _HEAD.size, length))


def _read_tail(read: ReadAt, size: int, begin: int, suite: Suite) -> tuple[bytes, bytes]:
    """Return trailer and signature, their lengths checked before anything is read."""
    length, signed, magic = _TAIL.unpack(read_exactly(read, size - _TAIL.size, _TAIL.size))
    if magic != TAIL_MAGIC:
        raise MalformedEnvelope(reason="cut: it does not end as an envelope does")
    if signed > MAX_SIGNATURE or signed != suite.signature_size or length > MAX_OBJECT:
        raise MalformedEnvelope(reason="length of trailer or signature")
    start = size - _TAIL.size - signed - length
    if start < begin:
        raise MalformedEnvelope(reason="trailer and header overlap")
    data = bytes(read_exactly(read, start, length + signed))
    return data[:length], data[length:]


def _check_cores(headers: Sequence[PartHeader], suite: Suite, policy: Policy, bid: bytes) -> None:
    first = headers[0].core
    if any(replace(one.core, part=first.part) != first for one in headers):
        raise MalformedEnvelope(reason="parts of several envelopes")
    if first.tender != policy.tender or first.policy != policy.digest(suite):
        raise ForeignEnvelope(reason="another tender or policy", tender=first.tender)
    if first.bid != bid:
        raise ForeignEnvelope(reason="another bid", bid=first.bid.hex())
    if [one.name for one in headers] != [part.name for part in policy.parts]:
        raise PolicyRefuses(reason="other parts than the policy's, or in another order")
    with_half, shares = policy.mode is not Mode.SITES, policy.n
    if any(bool(one.slots) != with_half or len(one.shares) != shares for one in headers):
        raise PolicyRefuses(reason="halves or shares of another mode", mode=policy.mode)


def _place(headers: Sequence[PartHeader], trailer: Trailer, policy: Policy) -> tuple[SealedPart, ...]:
    if len(trailer.parts) != len(headers):
        raise MalformedEnvelope(reason="trailer and header count the parts differently")
    parts = tuple(
        SealedPart(header, terms, offset, length)
        for header, terms, (offset, length) in zip(headers, policy.parts, trailer.parts, strict=True)
    )
    for part in parts:
        _check_size(part)
    return parts


def _check_size(part: SealedPart) -> None:
    try:
        size = part.plain_size
    except PartDamaged as error:
        raise MalformedEnvelope(reason="a part's stream was cut", part=part.name) from error
    if size > part.terms.max_size:
        raise PolicyRefuses(
            reason="larger than the policy allows", part=part.name, size=size, limit=part.terms.max_size
        )
    if part.terms.padded and (size == 0 or size % PAD_STEP):
        raise MalformedEnvelope(reason="a part is not padded to 64 KiB", part=part.name)
