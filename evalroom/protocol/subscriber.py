"""The end that gives commands and reads feeds: a seat towards its node, a sub-site's node towards the host.

Sans-I/O: the shell tells it what arrived and what time it is, and sends what it hands out.  It survives
anything a link can do: duplicates are dropped by number, holes are asked for again, unanswered commands are
sent again with the same id.
"""

from dataclasses import dataclass, field

from evalroom.ids import CommandId, SessionId
from evalroom.protocol.feed import FeedBroken, FeedReader
from evalroom.protocol.liveness import LinkState, Liveness
from evalroom.protocol.messages import Entries, Held, Ping, Pong, Refused, Submit, Subscribe
from evalroom.protocol.outbox import Outbox

RESUBSCRIBE_MS = 10_000
"""A feed that seems quiet is asked for again this often: the last message of a burst may have been lost."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """New items of a feed, in order; `first` is the number of the first, `head` the chain after the last."""

    audience: str
    first: int
    items: tuple[str, ...]
    head: str


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A command is committed at the host; `n` is the number of its item in the giver's feed, 0 for none."""

    command_id: CommandId
    n: int
    audience: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """A command was refused for good."""

    refusal: Refused


@dataclass(frozen=True, slots=True)
class KeptAtSite:
    """The site's node keeps these commands until the host is reached."""

    command_ids: tuple[CommandId, ...]


Received = Delivered | Acknowledged | Rejected | KeptAtSite


@dataclass(slots=True)
class SubscriberEnd:
    """Outbox, feed cursors and liveness of one link; `now` is the shell's monotonic clock in ms."""

    session: SessionId
    readers: dict[str, FeedReader] = field(default_factory=dict)
    outbox: Outbox = field(default_factory=Outbox)
    liveness: Liveness = field(default_factory=Liveness)
    online: bool = False
    round_trip: int | None = None
    _asked: dict[str, int] = field(default_factory=dict)
    _received: list[Received] = field(default_factory=list)

    def follow(self, audience: str, reader: FeedReader) -> None:
        """Read a feed from a place on; an audience already followed keeps its place."""
        self.readers.setdefault(audience, reader)

    def submit(self, submit: Submit) -> None:
        """Keep a command until it is answered."""
        self.outbox.add(submit)

    def connected(self, now: int) -> None:
        """The link is up: ask for every feed, send every pending command."""
        self.online = True
        self.liveness.heard = now
        self._asked.clear()
        self.outbox.link_lost()

    def disconnected(self) -> None:
        """The link is down; nothing is lost."""
        self.online = False

    def receive(self, message: Entries | Held | Refused | Pong, now: int) -> None:
        """Take a message that arrived at `now`."""
        self.liveness.heard = now
        match message:
            case Entries():
                self._take(message)
            case Held(command_ids=ids):
                self._received.append(KeptAtSite(ids))
            case Refused(command_id=one):
                if self.outbox.settle(one):
                    self._received.append(Rejected(message))
            case Pong(sent_ms=sent):
                self.round_trip = max(now - sent, 0)

    def _take(self, entries: Entries) -> None:
        reader = self.readers.get(entries.audience)
        if reader is None:
            return
        try:
            first = reader.taken + 1
            new = reader.take(entries)
        except FeedBroken:
            self._asked.pop(entries.audience, None)
            return
        if new:
            self._received.append(Delivered(entries.audience, first, new, entries.head))
        for command_id, n in entries.acks:
            if self.outbox.settle(command_id):
                self._received.append(Acknowledged(command_id, n, entries.audience))

    def events_received(self) -> list[Received]:
        """Return what came since the last call, in order."""
        out, self._received = self._received, []
        return out

    def messages_to_send(self, now: int) -> list[Subscribe | Submit | Ping]:
        """Return what has to go out at `now`; nothing while the link is down."""
        if not self.online:
            return []
        out: list[Subscribe | Submit | Ping] = []
        for audience, reader in self.readers.items():
            if now - self._asked.get(audience, -RESUBSCRIBE_MS) >= RESUBSCRIBE_MS:
                self._asked[audience] = now
                out.append(Subscribe(reader.taken, audience))
        out += self.outbox.due(now)
        if self.liveness.ping_due(now):
            out.append(Ping(now, self.round_trip, len(self.outbox.pending)))
        return out

    def next_deadline(self) -> int | None:
        """Say when (ms) `messages_to_send` will next have something if nothing arrives; None while offline."""
        if not self.online:
            return None
        asked = [self._asked.get(audience, -RESUBSCRIBE_MS) + RESUBSCRIBE_MS for audience in self.readers]
        resend = self.outbox.next_deadline()
        return min([*asked, self.liveness.next_deadline(), *([] if resend is None else [resend])])

    def state(self, now: int) -> LinkState:
        """Say how the link looks from here."""
        if not self.online and self.liveness.heard is not None:
            return LinkState.OFFLINE
        return self.liveness.state(now)
