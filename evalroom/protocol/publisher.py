"""The end that sends feeds and acknowledgements over one link: the host's, or a node's towards a seat.

Sans-I/O.  It remembers per audience how far it has sent, sends on from there in messages that fit a frame,
and rewinds when the other end subscribes again.  What it sends has been committed; it never reorders.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from evalroom.ids import CommandId
from evalroom.protocol.feed import ACKS_PER_MESSAGE, FeedLog
from evalroom.protocol.messages import Entries

MESSAGES_AT_ONCE = 16
"""Messages of one feed handed out at a time: half a megabyte, half of what a connection's queue may hold."""


@dataclass(slots=True)
class PublisherEnd:
    """Positions and acknowledgements of one link; `feed` finds the log of an audience on that link."""

    feed: Callable[[str], FeedLog]
    _sent: dict[str, int] = field(default_factory=dict)
    _acks: dict[str, list[tuple[CommandId, int]]] = field(default_factory=dict)

    def subscribe(self, audience: str, since: int) -> None:
        """Send this feed after item `since`; a number beyond the end waits for it, a negative one is 0."""
        self._sent[audience] = min(max(since, 0), self.feed(audience).length)

    def acknowledge(self, audience: str, command_id: CommandId) -> None:
        """Tell the giver that a command is committed; the number of its item is looked up in its feed."""
        n = self.feed(audience).commands.get(command_id, 0)
        self._acks.setdefault(audience, []).append((command_id, n))

    def audiences(self) -> frozenset[str]:
        """Name the audiences that have subscribed on this link."""
        return frozenset(self._sent)

    def waiting(self) -> list[str]:
        """Name the audiences for which something has not been sent on this link."""
        behind = [audience for audience, sent in self._sent.items() if sent < self.feed(audience).length]
        return [
            *behind,
            *(audience for audience, acks in self._acks.items() if acks and audience not in behind),
        ]

    def messages_to_send(self, audience: str, most: int = MESSAGES_AT_ONCE) -> list[Entries]:
        """Return what of one audience has not been sent on this link, at most `most` messages of it.

        A reader far behind gets the rest when the shell asks again, once these have gone out: a whole feed at
        once would overflow the connection's queue.
        """
        log, acks = self.feed(audience), self._acks.pop(audience, [])
        sent = self._sent.get(audience, log.length)  # without a subscription: acknowledgements only
        out: list[Entries] = []
        while (sent < log.length or acks) and len(out) < most:
            out.append(log.entries(sent, acks[:ACKS_PER_MESSAGE], audience))
            sent += len(out[-1].items)
            acks = acks[ACKS_PER_MESSAGE:]
        if acks:
            self._acks[audience] = acks
        if audience in self._sent:
            self._sent[audience] = sent
        return out
