"""One audience's view of the journal, numbered for that audience alone and chained by hash.

`FeedLog` is the sending end's memory of a feed, `FeedReader` the receiving end's cursor.  The reader takes
each number once and in order, whatever the link does; a hole or a changed item shows in the chain
(docs/spec/signalling.md §2).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

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


class FeedBroken(PeerFault):
    """A feed did not continue where it had ended: it is read again from the last good item."""

    code = "feed_broken"


def first_head(session: SessionId, audience: str) -> bytes:
    """Return the chain's start for an audience of a session."""
    return hashlib.sha256(f"evalroom/feed/v1\n{session}\n{audience}".encode()).digest()


def next_head(head: bytes, text: str) -> bytes:
    """Return the chain after one more item."""
    return hashlib.sha256(head + text.encode()).digest()


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
    """A feed as its sending end keeps it: texts, chain heads, and where each of the audience's commands landed."""

    session: SessionId
    audience: str
    texts: list[str] = field(default_factory=list)
    heads: list[bytes] = field(default_factory=list)
    commands: dict[CommandId, int] = field(default_factory=dict)

    @property
    def length(self) -> int:
        """Count the items; also the number of the last one."""
        return len(self.texts)

    def head(self, n: int) -> bytes:
        """Return the chain after item `n` (0: before the first)."""
        return self.heads[n - 1] if n else first_head(self.session, self.audience)

    def append(self, text: str) -> int:
        """Take one item in and return its number."""
        self.heads.append(next_head(self.head(self.length), text))
        self.texts.append(text)
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
    """The receiving end's place in a feed: the number and chain head of the last item taken."""

    session: SessionId
    audience: str
    taken: int = 0
    head: bytes = b""

    def __post_init__(self) -> None:
        """Begin the chain unless a stored place is given."""
        self.head = self.head or first_head(self.session, self.audience)

    def take(self, entries: Entries) -> tuple[str, ...]:
        """Return the items that are new, in order; those already taken are dropped.

        Raises:
            FeedBroken: there is a hole before the first item, or the chain is not the sender's.
        """
        if entries.first > self.taken + 1:
            raise FeedBroken(expected=self.taken + 1, got=entries.first)
        new = entries.items[self.taken + 1 - entries.first :]
        head = self.head
        for text in new:
            head = next_head(head, text)
        if new and head.hex() != entries.head:
            raise FeedBroken(after=self.taken, problem="the hash chain differs")
        self.taken += len(new)
        self.head = head
        return new
