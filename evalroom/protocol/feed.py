"""One audience's view of the journal, numbered for that audience alone and chained by hash.

`FeedLog` is the sending end's memory of a feed, `FeedReader` the receiving end's cursor.  The reader takes
each number once and in order, whatever the link does; a hole or a changed item shows in the chain
(docs/spec/signalling.md §2, docs/decisions/0009-feed-chain-in-blocks.md).  An item of two lines is refused: in
the chain it would look like two items.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import InitVar, dataclass, field

from evalroom.encoding import to_json
from evalroom.errors import PeerFault
from evalroom.events import Fact
from evalroom.ids import CommandId, SessionId
from evalroom.ledger.canonical import Json, canonical
from evalroom.protocol.messages import MAX_FRAME, Entries
from evalroom.visibility import Seen

ENTRIES_BYTES = MAX_FRAME - 16 * 1024
"""Bytes that the items of one `entries` message take in the frame; the rest is for acknowledgements."""

ACKS_PER_MESSAGE = 200
"""Acknowledgements in one `entries` message, 45 bytes each."""

BLOCK = 64
"""Items in one block of the chain: a browser hashes a block in one call, 30 kB of scores."""


class FeedBroken(PeerFault):
    """A feed did not continue where it had ended: it is read again from the last good item."""

    code = "feed_broken"


def first_head(session: SessionId, audience: str) -> bytes:
    """Return the chain's start for an audience of a session."""
    return hashlib.sha256(f"evalroom/feed/v1\n{session}\n{audience}".encode()).digest()


def _block_head(before: bytes, lines: bytes) -> bytes:
    """Return the head after a block, or a part of one, whose lines have that digest."""
    return hashlib.sha256(before + lines).digest()


@dataclass(slots=True, eq=False)
class Chain:
    """A place in a feed's chain: `length` items so far, `start` the head before the block that is open."""

    start: bytes
    length: int = 0
    _open: "hashlib._Hash" = field(init=False)

    def __post_init__(self) -> None:
        """Open a block: `length` is a multiple of `BLOCK`."""
        self._open = hashlib.sha256()

    def __eq__(self, other: object) -> bool:
        """Compare places; a running hash of the library compares by identity only."""
        return isinstance(other, Chain) and (self.length, self.head) == (other.length, other.head)

    __hash__ = None  # type: ignore[assignment] # a place goes on

    @property
    def head(self) -> bytes:
        """The head after the last item."""
        return _block_head(self.start, self._open.digest()) if self.length % BLOCK else self.start

    def add(self, texts: Sequence[str]) -> None:
        """Go on by some items.

        Raises:
            UnicodeEncodeError: a text cannot be written as UTF-8; the place is then undefined.
        """
        at = 0
        while at < len(texts):
            lines = texts[at : at + BLOCK - self.length % BLOCK]
            self._open.update("".join(f"{text}\n" for text in lines).encode())
            self.length += len(lines)
            at += len(lines)
            if self.length % BLOCK == 0:
                self.start = _block_head(self.start, self._open.digest())
                self._open = hashlib.sha256()

    def copy(self) -> "Chain":
        """Return a place that goes on by itself."""
        other = Chain(self.start, self.length)
        other._open = self._open.copy()
        return other


def wire_size(text: str) -> int:
    """Return the bytes of a canonical JSON text inside a message, where its quotes are escaped once more."""
    return len(text.encode()) + text.count('"') + text.count("\\") + 3


def item_text(n: int, fact: Fact, seen: Seen) -> str:
    """Write one item of a feed as canonical JSON."""
    item: dict[str, Json] = {
        "n": n,
        "t": fact.at,
        "type": seen.type,
        "site": fact.site,
        "actor": fact.actor,
        "body": seen.body,
    }
    if seen.cmd is not None:
        item["cmd"] = seen.cmd
    if seen.opened:
        item["opened"] = to_json(dict(seen.opened))
    return canonical(item).decode()


@dataclass(slots=True)
class FeedLog:
    """A feed as its sending end keeps it: texts, heads of full blocks, where the audience's commands landed."""

    session: SessionId
    audience: str
    texts: list[str] = field(default_factory=list, init=False)
    commands: dict[CommandId, int] = field(default_factory=dict, init=False)
    _blocks: list[bytes] = field(init=False)
    _end: Chain = field(init=False)

    def __post_init__(self) -> None:
        """Begin the chain."""
        self._end = Chain(first_head(self.session, self.audience))
        self._blocks = [self._end.start]

    @property
    def length(self) -> int:
        """Count the items; also the number of the last one."""
        return len(self.texts)

    def chain(self, n: int) -> Chain:
        """Return the chain's place after item `n` (0: before the first); an older block is hashed anew to there."""
        if n == self.length:
            return self._end.copy()
        block = n // BLOCK
        place = Chain(self._blocks[block], block * BLOCK)
        place.add(self.texts[block * BLOCK : n])
        return place

    def head(self, n: int) -> bytes:
        """Return the chain's head after item `n` (0: before the first)."""
        return self._end.head if n == self.length else self.chain(n).head

    def append(self, text: str) -> int:
        """Take one item in, a single line, and return its number."""
        self._end.add((text,))
        self.texts.append(text)
        if self.length % BLOCK == 0:
            self._blocks.append(self._end.start)
        return self.length

    def record(self, fact: Fact, seen: Seen) -> int:
        """Write what the audience sees of a fact as the next item and return its number."""
        n = self.append(item_text(self.length + 1, fact, seen))
        if seen.cmd is not None:
            self.commands.setdefault(seen.cmd, n)
        return n

    def entries(self, since: int, acks: Sequence[tuple[CommandId, int]] = (), audience: str = "") -> Entries:
        """Return the items after `since`, as many as one message holds."""
        texts: list[str] = []
        size = 0
        for text in self.texts[since : since + 500]:
            size += wire_size(text)
            if texts and size > ENTRIES_BYTES:
                break
            texts.append(text)
        last = since + len(texts)
        return Entries(since + 1, tuple(texts), self.head(last).hex(), tuple(acks), audience)


@dataclass(slots=True)
class FeedReader:
    """The receiving end's place in a feed: right after the last item taken."""

    session: SessionId
    audience: str
    stored: InitVar[Chain | None] = None
    chain: Chain = field(init=False)

    def __post_init__(self, stored: Chain | None) -> None:
        """Begin the chain, or go on from a place that is stored (`FeedLog.chain`)."""
        self.chain = stored or Chain(first_head(self.session, self.audience))

    @property
    def taken(self) -> int:
        """The number of the last item taken."""
        return self.chain.length

    @property
    def head(self) -> bytes:
        """The chain's head after the last item taken."""
        return self.chain.head

    def take(self, entries: Entries) -> tuple[str, ...]:
        """Return the items that are new, in order; those already taken are dropped.

        Raises:
            FeedBroken: there is a hole before the first item, an item is not one line of Unicode, or the chain
                is not the sender's.  Nothing is taken then.
        """
        if entries.first > self.taken + 1:
            raise FeedBroken(expected=self.taken + 1, got=entries.first)
        new = entries.items[self.taken + 1 - entries.first :]
        if not new:
            return ()
        place = self.chain.copy()
        try:
            place.add(new)
        except UnicodeEncodeError as error:
            raise FeedBroken(after=self.taken, problem="an item is not Unicode text") from error
        if any("\n" in text for text in new):
            raise FeedBroken(after=self.taken, problem="an item has more than one line")
        if place.head.hex() != entries.head:
            raise FeedBroken(after=self.taken, problem="the hash chain differs")
        self.chain = place
        return new
