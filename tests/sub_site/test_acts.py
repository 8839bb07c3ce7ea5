"""The node's own facts: in order, one batch at a time, the same batch to the letter after a crash."""

import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from evalroom.commands import NodeFact, RecordFacts
from evalroom.events import NodeEvent, SeatLost, SeatReturned
from evalroom.ids import CommandId
from evalroom.protocol.messages import Submit
from sub_site import spool
from sub_site.acts import BATCH, OwnActs, fact_text, read_facts
from sub_site.spool import SETTLED, WAITING, Batch
from tests.evalroom.room import EXPERTS, SESSION, START, fragment, track_started


def facts(count: int, first: int = 0) -> list[NodeFact]:
    """Return facts that can be told apart by their instants."""
    return [
        NodeFact(START + n, "SeatLost", SeatLost(EXPERTS[1])) if n % 2
        else NodeFact(START + n, "SeatReturned", SeatReturned(EXPERTS[1]))
        for n in range(first, first + count)
    ]  # fmt: skip


def told(submit: Submit) -> tuple[NodeFact, ...]:
    assert isinstance(submit.command, RecordFacts)
    return submit.command.facts


def test_facts_of_every_kind_survive_the_spool() -> None:
    events: list[NodeEvent] = [
        track_started(EXPERTS[1]),
        fragment("west-E2/camera", 0, 0),
        SeatLost(EXPERTS[1]),
    ]
    originals = [NodeFact(START, type(one).__name__, one) for one in events]
    assert originals == read_facts([fact_text(one) for one in originals])


def test_only_one_batch_is_under_way_and_the_next_begins_where_it_ended() -> None:
    acts = OwnActs()
    acts.add(facts(BATCH + 7))
    first = acts.next_batch()
    assert first is not None
    assert (1, BATCH, WAITING) == (first[0].first, first[0].last, first[0].outcome)
    assert acts.next_batch() is None
    acts.add(facts(3, first=BATCH + 7))
    assert not acts.answered(CommandId("ff" * 16))
    assert acts.answered(first[0].command_id)
    second = acts.next_batch()
    assert second is not None
    assert (BATCH + 1, BATCH + 10) == (second[0].first, second[0].last)
    assert tuple(facts(BATCH + 10)) == told(first[1]) + told(second[1])
    acts.answered(second[0].command_id)
    assert (None, 0) == (acts.next_batch(), len(acts))


def test_a_batch_that_may_have_been_sent_is_sent_again_to_the_letter_after_a_crash() -> None:
    acts = OwnActs()
    _, texts = acts.add(facts(5))
    batch = acts.next_batch()
    assert batch is not None
    _, more = acts.add(facts(4, first=5))
    again = OwnActs()
    assert batch[1] == again.restore(read_facts([*texts, *more]), batch[0])
    assert 9 == len(again)
    assert again.next_batch() is None
    assert again.answered(batch[0].command_id)
    rest = again.next_batch()
    assert rest is not None
    assert tuple(facts(4, first=5)) == told(rest[1])


def test_what_the_host_has_answered_is_not_sent_again_after_a_crash() -> None:
    for outcome in (SETTLED, "broken_recording"):
        acts = OwnActs()
        assert acts.restore(facts(6), Batch(1, 4, CommandId("aa" * 16), outcome)) is None
        rest = acts.next_batch()
        assert rest is not None
        assert (5, 6) == (rest[0].first, rest[0].last)


def test_the_spool_is_told_the_number_of_the_first_new_fact() -> None:
    acts = OwnActs()
    assert 1 == acts.add(facts(2))[0]
    assert 3 == acts.add(facts(1, first=2))[0]


class Journal:
    """A host that carries a batch out once, however often it comes, and takes facts in order only."""

    def __init__(self) -> None:
        self.facts: list[NodeFact] = []
        self._known: dict[str, Submit] = {}

    def take(self, submit: Submit) -> None:
        known = self._known.get(submit.command_id)
        assert known in (None, submit), "a known id came with other facts"
        if known is None:
            self._known[submit.command_id] = submit
            self.facts += told(submit)


class Node:
    """A site's node and its spool; whatever is not in the spool dies with the process."""

    def __init__(self) -> None:
        engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
        spool.metadata.create_all(engine)
        self._engine = engine
        self.restart()

    def restart(self) -> None:
        with self._engine.connect() as db:
            facts = read_facts(spool.read_facts(db, SESSION))
            self.acts = OwnActs()
            self.sent = self.acts.restore(facts, spool.read_last_batch(db, SESSION))

    def note(self, new: list[NodeFact]) -> None:
        with self._engine.begin() as db:
            spool.add_facts(db, SESSION, *self.acts.add(new))

    def send(self) -> Submit | None:
        following = self.acts.next_batch()
        if following is not None:
            with self._engine.begin() as db:
                spool.add_batch(db, SESSION, following[0])
            self.sent = following[1]
        return self.sent

    def hear(self, command_id: CommandId) -> None:
        if self.acts.answered(command_id):
            self.sent = None
            with self._engine.begin() as db:
                spool.settle_batch(db, SESSION, command_id, spool.SETTLED)


@given(st.lists(st.sampled_from(["note", "send", "lose", "answer", "crash"]), max_size=60))
def test_every_fact_is_journalled_once_and_in_order_whatever_crashes_or_is_lost(steps: list[str]) -> None:
    node, journal, noted = Node(), Journal(), 0
    for step in [*steps, "answer", "answer", "crash", "answer"]:
        if step == "note":
            node.note(facts(BATCH // 2 + 7, first=noted))
            noted += BATCH // 2 + 7
        elif step == "crash":
            node.restart()
        elif (submit := node.send()) is not None:
            if step != "lose":
                journal.take(submit)
            if step == "answer":
                node.hear(submit.command_id)
    while (submit := node.send()) is not None:
        journal.take(submit)
        node.hear(submit.command_id)
    assert facts(noted) == journal.facts
    assert 0 == len(node.acts)
