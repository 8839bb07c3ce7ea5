"""The end that sends feeds and acknowledgements over one link: the host's, or a node's towards a seat.

Sans-I/O.  It remembers per audience how far it has sent, sends on from there in messages that fit a frame,
and rewinds when the other end subscribes again.  What it sends has been committed; it never reorders.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from evalroom.ids import CommandId
from evalroom.protocol.feed import ACKS_PER_MESSAGE, FeedLog
from evalroom.protocol.messages import Entries


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

    def messages_to_send(self, audience: str) -> list[Entries]:
        """Return everything of one audience that has not been sent on this link."""
        log, acks = self.feed(audience), self._acks.pop(audience, [])
        sent = self._sent.get(audience, log.length)  # without a subscription: acknowledgements only
        out: list[Entries] = []
        while sent < log.length or acks:
            out.append(log.entries(sent, acks[:ACKS_PER_MESSAGE], audience))
            sent += len(out[-1].items)
            acks = acks[ACKS_PER_MESSAGE:]
        if audience in self._sent:
            self._sent[audience] = sent
        return out
