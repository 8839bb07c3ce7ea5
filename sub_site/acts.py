"""The node's own acts: facts of its recorder and of its seats' presence, on their way into the journal.

Facts travel in batches of at most fifty, one at a time and in order, for a fragment that overtakes another would
read as a hole.  Which facts make up a batch is fixed on disk before it is sent, so a resent batch is the same
to the letter, however long the host was out of reach and however often this process died.
"""

import secrets
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from evalroom.commands import NodeFact, RecordFacts
from evalroom.encoding import body_of
from evalroom.ids import CommandId
from evalroom.ledger.canonical import canonical
from evalroom.protocol.messages import Submit
from signaling.codec import MalformedMessage, decode_submit
from sub_site.spool import WAITING, Batch

BATCH = 50
"""Facts in one command: some 18 KiB, well inside a frame."""


def fact_text(fact: NodeFact) -> str:
    """Write a fact for the spool."""
    return canonical({"at": fact.at, "type": fact.type, "body": body_of(fact.body)}).decode()


def read_facts(texts: Sequence[str]) -> list[NodeFact]:
    """Read facts back from the spool.

    Raises:
        MalformedMessage: they were not written by `fact_text`.
    """
    read: list[NodeFact] = []
    for start in range(0, len(texts), BATCH):
        facts = ",".join(texts[start : start + BATCH])
        command = decode_submit(
            f'{{"kind":"submit","command_id":"","command":{{"kind":"record_facts","facts":[{facts}]}}}}'
        ).command
        if not isinstance(command, RecordFacts):
            raise MalformedMessage(problem="no facts in the spool")
        read += command.facts
    return read


@dataclass(slots=True)
class OwnActs:
    """Facts not yet answered by the host: those of the batch under way, and those behind it."""

    kept: int = 0
    waiting: Batch | None = None
    _behind: deque[NodeFact] = field(default_factory=deque)
    _under_way: tuple[NodeFact, ...] = ()

    def restore(self, facts: Sequence[NodeFact], last: Batch | None) -> Submit | None:
        """Take up what an earlier process left; return the batch that may have been sent."""
        self.kept = len(facts)
        done = last.last if last is not None else 0
        self._behind.extend(facts[done:])
        if last is None or last.outcome != WAITING:
            return None
        self.waiting, self._under_way = last, tuple(facts[last.first - 1 : last.last])
        return Submit(last.command_id, RecordFacts(self._under_way))

    def add(self, facts: Iterable[NodeFact]) -> tuple[int, list[str]]:
        """Take facts in; return the number of the first, and their texts for the spool."""
        new = list(facts)
        first = self.kept + 1
        self._behind.extend(new)
        self.kept += len(new)
        return first, [fact_text(fact) for fact in new]

    def next_batch(self) -> tuple[Batch, Submit] | None:
        """Return the next batch to keep and send; None while one is under way, or nothing waits."""
        if self.waiting is not None or not self._behind:
            return None
        first = self.kept - len(self._behind) + 1
        facts = tuple(self._behind.popleft() for _ in range(min(BATCH, len(self._behind))))
        batch = Batch(first, first + len(facts) - 1, CommandId(secrets.token_hex(16)), WAITING)
        self.waiting, self._under_way = batch, facts
        return batch, Submit(batch.command_id, RecordFacts(facts))

    def answered(self, command_id: CommandId) -> tuple[NodeFact, ...]:
        """Note the host's answer; return the facts of the batch under way, none if it was to another one."""
        if self.waiting is None or self.waiting.command_id != command_id:
            return ()
        facts, self.waiting, self._under_way = self._under_way, None, ()
        return facts

    def __len__(self) -> int:
        """Count the facts without an answer."""
        return len(self._under_way) + len(self._behind)
