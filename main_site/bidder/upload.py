"""Handing a sealed bid in: its bytes are compared with its root once more, then go up piece by piece.

What the host has already is not sent again, so that a killed upload goes on where it was; every request may be
repeated, and a repeated one gives the same receipt.  Refused: an envelope that was changed since it was sealed; it would
be refused by the host after hours.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from evalroom.sealing.envelope import Envelope
from evalroom.sealing.inspection import RootMismatch
from evalroom.sealing.stream import read_exactly
from main_site.bidder.envelope_file import Step, Stored, root_of
from main_site.bidder.host import Host
from main_site.bidder.telling import HostRefused

SENT_AGAIN = frozenset({"pieces_missing", "piece_mismatch", "piece_stalled", "upload_mismatch"})
"""Refusals after which the host says what it still needs."""

ROUNDS = 5
"""How often pieces that the host says to miss are sent before its word is believed to be wrong."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """The earlier bid whose place is taken, 32 hex digits, and its envelope key's signature, b64."""

    earlier: str
    signature: str


def check_bytes(source: Stored, envelope: Envelope, step: Step) -> None:
    """Return when the file still has the root that was signed.

    Raises:
        RootMismatch: it was changed.
        BidFileUnusable, BytesMissing: the disk does not give it.
    """
    if root_of(source, envelope.body, step) != envelope.root:
        raise RootMismatch(size=envelope.body)


def hand_in(
    host: Host, source: Stored, envelope: Envelope, step: Step, replacement: Replacement | None = None
) -> str:
    """Bring the bid to the host and return its receipt.

    Raises:
        HostRefused: with the host's code; what was sent before stays there until the deadline.
        BidFileUnusable, BytesMissing: the disk does not give the bid.
    """
    tender, bid = envelope.policy.tender, envelope.bid.hex()
    facts: dict[str, str | int] = {
        "size": envelope.size,
        "digest": envelope.digest.hex(),
        "root": envelope.root.hex(),
    }
    if replacement is not None:
        facts |= {"replaces": replacement.earlier, "signature": replacement.signature}
    for _ in range(ROUNDS - 1):
        try:
            _send(host, source, tender, bid, facts, step)
            return host.submit(tender, bid)
        except HostRefused as refusal:
            if refusal.problem not in SENT_AGAIN:
                raise
    _send(host, source, tender, bid, facts, step)
    return host.submit(tender, bid)


def _send(host: Host, source: Stored, tender: str, bid: str, facts: dict[str, str | int], step: Step) -> None:
    piece, have = host.announce(tender, bid, facts)
    done = 0
    for index, offset, length in _pieces(source.size, piece):
        if index not in have:
            host.put_piece(tender, bid, index, bytes(read_exactly(source.read, offset, length)))
        done += length
        step("send", done, source.size)


def bring_again(host: Host, source: Stored, envelope: Envelope, leaves: bytes, step: Step) -> int:
    """Bring the pieces of a handed-in bid that are damaged at the host; return how many were sent.

    Raises:
        HostRefused: with the host's code; pieces that it took are whole there.
        BidFileUnusable, BytesMissing: the disk does not give the bid.
    """
    tender, bid, sent = envelope.policy.tender, envelope.bid.hex(), 0
    tail = bytes(read_exactly(source.read, envelope.body, envelope.size - envelope.body))
    for left in reversed(range(ROUNDS)):
        piece, have = host.bring_again(tender, bid, leaves, tail)
        try:
            for index, offset, length in _pieces(source.size, piece):
                if index not in have:
                    host.put_again(tender, bid, index, bytes(read_exactly(source.read, offset, length)))
                    sent += 1
                step("send", offset + length, source.size)
        except HostRefused as refusal:
            if (
                refusal.problem != "leaves_missing" or not left
            ):  # a host that was started anew asks for them again
                raise
        else:
            break
    return sent


def _pieces(size: int, piece: int) -> Iterator[tuple[int, int, int]]:
    """Yield number, offset and length of each piece."""
    for index, offset in enumerate(range(0, size, piece)):
        yield index, offset, min(piece, size - offset)
