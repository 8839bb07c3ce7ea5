"""Bytes of a handed-in bid that were damaged here, brought anew by whoever has them.

What is brought first are the hashes of the bid's leaves and its tail (`same_bytes.py`): they prove themselves by the
journal, and every piece afterwards proves itself by them.  Only pieces that are damaged here are asked for and
overwritten, in their place, so a bad sector of a bid of 10 GB costs 4 MiB and no second copy.  Nothing is kept but the
bytes: after a restart the hashes are brought again.  Refused: other bytes, and bids of which nothing more will be opened.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from evalroom.errors import Refusal
from evalroom.ids import BidNumber
from evalroom.ledger.merkle import HASH_SIZE
from evalroom.sealing.ceremony import Ceremony, CeremonyState, WrongCeremonyState
from evalroom.sealing.facts import Verdict
from evalroom.sealing.rules import UnknownBid
from evalroom.sealing.same_bytes import OtherBytes, SameBytes, same_bytes
from main_site.store.bids import PIECE, PieceMismatch, Uploads

OPEN_STATES = frozenset(
    {
        CeremonyState.ACCEPTING,
        CeremonyState.CLOSED,
        CeremonyState.UNSEALING,
        CeremonyState.COMBINING,
        CeremonyState.OPENED,
    }
)
MOST_WAITING = 8
"""Pieces that are held in memory at once, 4 MiB each."""


class LeavesMissing(Refusal):
    """The host does not know the hashes of this bid's leaves, perhaps after a restart: send them first, then pieces."""

    code = "leaves_missing"


@dataclass(slots=True)
class _Repair:
    """A bid that is being made whole: how its bytes are known, and which pieces are damaged here."""

    known: SameBytes
    damaged: set[int]


class Resupply:
    """The bids of one session whose bytes are brought anew."""

    def __init__(self, uploads: Uploads, ceremony: Callable[[], Ceremony]) -> None:
        """Mend what lies in `uploads`; `on_whole` is told of every bid that is seen to be whole."""
        self._uploads = uploads
        self._ceremony = ceremony
        self.on_whole: Callable[[BidNumber], None] = lambda _: None
        self._repairs: dict[BidNumber, _Repair] = {}
        self._locks: dict[BidNumber, asyncio.Lock] = {}
        self._slots = asyncio.Semaphore(MOST_WAITING)

    async def begin(self, number: BidNumber, leaves: bytes, tail: bytes) -> list[int]:
        """Take what the bid's bytes are known by, and return the pieces that are whole here.

        Cancelling leaves nothing but time lost.

        Raises:
            UnknownBid, WrongCeremonyState: there is no such bid, or nothing more of it will be opened.
            OtherBytes: these are not the hashes of what was handed in.
        """
        self._check_wanted(number)
        if len(leaves) % HASH_SIZE:
            raise OtherBytes(bid=number, problem="a hash has 32 bytes")
        known = await asyncio.to_thread(same_bytes, leaves, tail, self._ceremony().handed[number].event)
        pieces = range(-(-known.size // PIECE))
        async with self._locks.setdefault(number, asyncio.Lock()):
            damaged = await asyncio.to_thread(self._damaged, number, known)
            self._repairs[number] = _Repair(known, damaged)
            self._tell(number)
        return [index for index in pieces if index not in damaged]

    async def piece(self, number: BidNumber, index: int, sha256: bytes, stream: AsyncIterator[bytes]) -> None:
        """Take one piece; on return it is on the disk.  Cancelling leaves it to be sent again.

        Raises:
            UnknownBid, WrongCeremonyState: as `begin`.
            LeavesMissing: `begin` first.
            PieceMismatch: another length or digest than announced.
            OtherBytes: it is not what was handed in.
        """
        self._check_wanted(number)
        repair = self._repairs.get(number)
        if repair is None:
            raise LeavesMissing(bid=number)
        async with self._slots:
            data = await _whole(stream, index, repair.known.size)
            if hashlib.sha256(data).digest() != sha256:
                raise PieceMismatch(index=index, problem="digest")
            if not await asyncio.to_thread(repair.known.holds, index * PIECE, data):
                raise OtherBytes(bid=number, piece=index)
            async with self._locks[number]:
                if index in repair.damaged:
                    await asyncio.to_thread(
                        self._uploads.mend, number, repair.known.size, index * PIECE, data
                    )
                    repair.damaged.discard(index)
                    self._tell(number)

    def _tell(self, number: BidNumber) -> None:
        if not self._repairs[number].damaged:
            self.on_whole(number)

    def _check_wanted(self, number: BidNumber) -> None:
        ceremony = self._ceremony()
        handed = ceremony.handed.get(number)
        if handed is None or handed.gone:
            raise UnknownBid(bid=number[:64])
        told = ceremony.verdict(number)
        lost = told is not None and told.verdict not in (Verdict.OPENED, Verdict.AWAITING_BYTES)
        if ceremony.state not in OPEN_STATES or lost:
            raise WrongCeremonyState(state=ceremony.state, verdict=told.verdict if told else "")

    def _damaged(self, number: BidNumber, known: SameBytes) -> set[int]:
        """Return the pieces that are not here as they were handed in; what the disk does not give is damaged."""
        found = set()
        for index in range(-(-known.size // PIECE)):
            length = min(PIECE, known.size - index * PIECE)
            try:
                with self._uploads.reading(number) as read:
                    data = read(index * PIECE, length)
            except OSError:
                data = b""
            if len(data) != length or not known.holds(index * PIECE, data):
                found.add(index)
        return found


async def _whole(stream: AsyncIterator[bytes], index: int, size: int) -> bytes:
    """Return a piece's bytes.

    Raises:
        PieceMismatch: the bid has no such piece, or it has another length.
    """
    length = min(PIECE, size - index * PIECE) if index >= 0 else 0
    data = bytearray()
    async for part in stream:
        data += part
        if len(data) > length:
            break
    if length <= 0 or len(data) != length:
        raise PieceMismatch(index=index, size=max(length, 0), got=len(data))
    return bytes(data)
