"""Documents of opened sealed bids at this site: fetched from the host by range, held in memory and never written down.

Whoever steals this site's disk finds no bid on it.  What experts have looked at of late stays readable while the link
is cut, as far as memory allows; the rest waits for the link.  The host answers for the bytes: a part of a document has
no digest of its own.  Refused: documents that the journal does not name, answers of another length than asked for.
"""

from collections import OrderedDict
from collections.abc import AsyncIterator

from evalroom.ids import BidId, SessionId
from sub_site.documents import DocumentAltered, KnownDocument, NoSuchBid
from sub_site.uplink import Uplink

BLOCK = 1 << 20
KEPT_BLOCKS = 256
"""Blocks held in memory: 256 MiB, a few documents of usual size."""

FIRST_PART = "technical"


class SealedDocuments:
    """All documents of sealed bids this site may show."""

    def __init__(self, uplink: Uplink) -> None:
        """Fetch through `uplink`."""
        self._uplink = uplink
        self._known: dict[tuple[SessionId, BidId, str], KnownDocument] = {}
        self._blocks: OrderedDict[tuple[str, int], bytes] = OrderedDict()

    def learn(self, session: SessionId, bid: BidId, part: str, document: KnownDocument) -> None:
        """Take a part of an admitted bid in from the journal."""
        self._known[session, bid, part] = document

    def knows(self, session: SessionId, bid: BidId) -> bool:
        """Say whether a bid was sealed and opened."""
        return any(known[:2] == (session, bid) for known in self._known)

    def find(self, session: SessionId, bid: BidId, part: str) -> KnownDocument:
        """Return a document of a bid; `part` empty means the technical one.

        Raises:
            NoSuchBid: the journal names none.
        """
        known = self._known.get((session, bid, part or FIRST_PART))
        if known is None:
            raise NoSuchBid(bid=bid[:64], part=part[:16])
        return known

    async def stream(self, document: KnownDocument, first: int, behind: int) -> AsyncIterator[bytes]:
        """Yield bytes `first` to `behind` - 1, at most 1 MiB at a time.

        Raises:
            Unreachable, Denied: the host does not give them now.
            DocumentAltered: it gave something else.
        """
        for start in range(first // BLOCK * BLOCK, behind, BLOCK):
            block = await self._block(document, start)
            yield block[max(first - start, 0) : behind - start]

    async def _block(self, document: KnownDocument, start: int) -> bytes:
        key = document.sha256, start
        known = self._blocks.get(key)
        if known is None:
            known = await self._fetch(document, start, min(start + BLOCK, document.size))
            self._blocks[key] = known
        self._blocks.move_to_end(key)
        while len(self._blocks) > KEPT_BLOCKS:
            self._blocks.popitem(last=False)
        return known

    async def _fetch(self, document: KnownDocument, start: int, behind: int) -> bytes:
        headers = {"range": f"bytes={start}-{behind - 1}"}
        path = f"/api/v1/site/documents/{document.sha256}"
        answer = await self._uplink.ask("GET", path, headers=headers)
        if len(answer.content) != behind - start:
            raise DocumentAltered(sha256=document.sha256, got=len(answer.content), asked=behind - start)
        return answer.content
