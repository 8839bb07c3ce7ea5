"""Order from disorder: unwrapped counters, late packets fitted in, lost ones named.

Sans-I/O: time comes in as nanoseconds of a monotonic clock.  Packets in order pass at once and never wait
for anybody; one that is ahead waits for those before it, at most `wait`, and what has not come by then is a
hole for good.  Nothing is invented, and nothing here asks for a retransmission: it says which are missing.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from evalroom.media import Packet

SECOND = 1_000_000_000
"""Nanoseconds."""

MAX_AHEAD = 1024
"""Packets held back at most; SRTP's own replay window is as wide, so older ones cannot come any more."""


class Unwrapper:
    """Make a counter of `bits` that wraps into one that never does (RFC 3550 §A.1).

    It starts one whole cycle up, so that a packet that overtook the first one has no negative number.
    """

    __slots__ = ("_half", "_highest", "_modulus")

    def __init__(self, bits: int) -> None:
        """Begin with nothing seen."""
        self._modulus = 1 << bits
        self._half = self._modulus >> 1
        self._highest = -1

    def unwrap(self, value: int) -> int:
        """Return the unwrapped number nearest to the highest one seen."""
        if self._highest < 0:
            self._highest = value + self._modulus
            return self._highest
        ahead = (value - self._highest) % self._modulus
        if ahead < self._half:
            self._highest += ahead
            return self._highest
        return self._highest + ahead - self._modulus


@dataclass(frozen=True, slots=True)
class Hole:
    """Packets `first` to `last` that will never come."""

    first: int
    last: int


class Reorder:
    """Hand packets on by sequence number; wait a bounded time for those that are missing."""

    def __init__(self, wait: int) -> None:
        """Wait at most `wait` nanoseconds for a missing packet."""
        self.lost = 0
        self.duplicates = 0
        self._wait = wait
        self._next = -1
        self._held: dict[int, Packet] = {}
        self._missing: dict[int, int] = {}
        self._top = -1

    def add(self, packet: Packet) -> list[Packet | Hole]:
        """Take a packet and return what may go on now, in order."""
        seq = packet.seq
        if seq == self._next and not self._held:  # nearly every packet of a healthy link
            self._next = self._top = seq + 1
            return [packet]
        if self._next < 0:
            self._next = self._top = seq + 1
            return [packet]
        if seq < self._next or seq in self._held:
            self.duplicates += 1
            return []
        self._note(seq, packet.arrival)
        self._held[seq] = packet
        return list(self._release(skip=len(self._held) > MAX_AHEAD or seq - self._next > MAX_AHEAD))

    def expire(self, now: int) -> list[Packet | Hole]:
        """Give up what has been missing for too long and return what may go on."""
        out: list[Packet | Hole] = []
        while self._held and now - self._missing.get(self._next, now) >= self._wait:
            out += self._skip()
            out += self._release(skip=False)
        return out

    def flush(self) -> list[Packet | Hole]:
        """Give up waiting altogether: the stream has ended."""
        return list(self._release(skip=True))

    def missing(self) -> list[int]:
        """Return the sequence numbers waited for, lowest first."""
        return list(self._missing)

    @property
    def waiting(self) -> bool:
        """Say whether anything is held back."""
        return bool(self._held)

    def _note(self, seq: int, now: int) -> None:
        if seq - self._top <= MAX_AHEAD:
            for absent in range(self._top, seq):
                self._missing[absent] = now
        self._missing.pop(seq, None)
        self._top = max(self._top, seq + 1)

    def _release(self, *, skip: bool) -> Iterator[Packet | Hole]:
        while self._held:
            packet = self._held.pop(self._next, None)
            if packet is not None:
                self._next += 1
                yield packet
            elif skip:
                yield from self._skip()
            else:
                return

    def _skip(self) -> list[Packet | Hole]:
        first, self._next = self._next, min(self._held)
        for absent in [seq for seq in self._missing if seq < self._next]:
            del self._missing[absent]
        self.lost += self._next - first
        return [Hole(first, self._next - 1)]


class Resend:
    """Which missing packets to ask for now: at once, then again each `spacing`, a bounded number of times."""

    __slots__ = ("_asked", "_spacing", "_tries")

    def __init__(self, spacing: int = SECOND // 20, tries: int = 8) -> None:
        """Ask for each packet at most `tries` times, `spacing` nanoseconds apart."""
        self._asked: dict[int, tuple[int, int]] = {}
        self._spacing = spacing
        self._tries = tries

    def due(self, missing: list[int], now: int) -> list[int]:
        """Return those of `missing` to ask for now; what is no longer missing is forgotten."""
        before = self._asked
        self._asked = {seq: before.get(seq, (0, now - self._spacing)) for seq in missing}
        due = [
            seq
            for seq, (tries, last) in self._asked.items()
            if tries < self._tries and now - last >= self._spacing
        ]
        for seq in due:
            self._asked[seq] = (self._asked[seq][0] + 1, now)
        return due
