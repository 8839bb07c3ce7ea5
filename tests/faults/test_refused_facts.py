"""A recorder that tells nonsense: the rest is taken, the alarm rings, the gap is declared, and the archive verifies."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalroom import events as ev
from evalroom.commands import NodeFact
from evalroom.ids import SeatCode, TrackId
from evalroom.ledger.entry import Entry
from evalroom.media import GapCause
from evalroom.recording import BrokenRecording, TrackRecord, gap_for, next_record
from recorder.verify import Report, verify
from tests.evalroom.room import EXPERTS, WEST, fragment, track_started
from tests.recorder.bag_factory import LOG_KEY, TRACK, WITNESS_KEYS, Bag, Told, make_bag

BEFORE = next_record(None, track_started(EXPERTS[1]), WEST)
FOREIGN: tuple[ev.NodeEvent, ...] = (
    fragment("host-E1/camera", 0, 0),
    fragment("nobody/camera", 0, 0),
    ev.SeatLost(EXPERTS[0]),
    ev.SeatReturned(SeatCode("nobody")),
    ev.AlarmRaised("a", "x", EXPERTS[0], "not my seat"),
    ev.GapDeclared(TRACK, 0, 2**50, GapCause.REFUSED, 0),
    ev.GapDeclared(TRACK, 9, 1, GapCause.LINK, 0),
)


class Liar:
    """A recorder whose facts are told among lies: whatever the rules refuse at that place."""

    def __init__(self, data: st.DataObject) -> None:
        self.data = data
        self.record: TrackRecord | None = BEFORE
        self.lies = 0

    def __call__(self, facts: Told) -> Iterator[Told]:
        batch: Told = []
        for place, one in enumerate(facts):
            batch += self._lie(facts[: place + 1], one.at)
            self._follow(one.body)
            batch.append(one)
            if self.data.draw(st.booleans(), "command ends"):
                yield batch
                batch = []
        yield batch

    def _lie(self, told: Sequence[NodeFact], at: int) -> Told:
        lie = self.data.draw(st.sampled_from([None, *FOREIGN, *self._told_wrongly(told)]), "lie")
        if lie is None or (lie not in FOREIGN and not self._refused(lie)):
            return []
        self.lies += 1
        if isinstance(lie, ev.RecordingEvent) and lie.track == TRACK:
            self._follow(gap_for(lie, at, at))
        return [NodeFact(at, type(lie).__name__, lie)]

    def _told_wrongly(self, told: Sequence[NodeFact]) -> Iterator[ev.NodeEvent]:
        """Yield what was told before, again, and what comes now, with other numbers."""
        yield from (one.body for one in told[:-1])
        yield track_started(EXPERTS[1])
        match told[-1].body:
            case ev.FragmentRecorded() as now:
                yield from (replace(now, n=now.n + 3), replace(now, reel=now.reel + 1), replace(now, n=-1))
            case ev.ReelClosed() as now:
                yield from (replace(now, fragments=now.fragments + 1), replace(now, reel=now.reel + 1))
                yield ev.TrackEnded(TRACK, told[-1].at)
            case _:
                return

    def _refused(self, lie: ev.NodeEvent) -> bool:
        if not isinstance(lie, ev.RecordingEvent):
            return False
        with suppress(BrokenRecording):
            next_record(self.record, lie, WEST)
            return False
        return True

    def _follow(self, event: ev.NodeEvent) -> None:
        if isinstance(event, ev.RecordingEvent):
            self.record = next_record(self.record, event, WEST)


def checked(bag: Bag) -> Report:
    return verify(bag.path, [LOG_KEY], WITNESS_KEYS)


def entries(bag: Bag, kind: str) -> list[Entry]:
    return [entry for entry, _ in bag.rows if entry.type == kind]


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_whatever_is_refused_costs_an_alarm_and_a_gap_and_nothing_else(data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        liar = Liar(data)
        bag = make_bag(Path(folder) / "bag", liar)
        report = checked(bag)
        assert report.ok, report.first_failure
        assert (5, 2) == tuple(len(entries(bag, kind)) for kind in ("FragmentRecorded", "ReelClosed"))
        assert bool(entries(bag, "AlarmRaised")) == bool(liar.lies)


def mistold(numbers: Iterable[int], facts: Told) -> Iterator[Told]:
    """Tell fragments in whose facts the number of the reel is wrong: they are refused, and never told again."""
    wrong = set(numbers)
    fragments = 0
    for one in facts:
        body = one.body
        if isinstance(body, ev.FragmentRecorded):
            if fragments in wrong:
                body = replace(body, reel=-1)
            fragments += 1
        yield [replace(one, body=body)]


@pytest.mark.parametrize(
    "wrong",
    [{0}, {1}, {2}, {3}, {4}, {0, 1}, {1, 2}, {0, 2}, {2, 3}, {3, 4}, {0, 1, 2}, {0, 1, 2, 3, 4}, {1, 4}],
)
def test_fragments_that_were_never_told_rightly_are_a_declared_gap(wrong: set[int], tmp_path: Path) -> None:
    bag = make_bag(tmp_path / "bag", lambda facts: mistold(wrong, facts))
    report = checked(bag)
    assert report.ok, report.first_failure
    assert 5 - len(wrong) == len(entries(bag, "FragmentRecorded"))
    refused = [one for one in entries(bag, "GapDeclared") if one.body["cause"] == "refused"]
    assert refused
    assert {("host", WEST)} == {(one.actor, one.site) for one in refused}


def test_the_alarm_rings_once_and_says_what_was_refused(tmp_path: Path) -> None:
    bag = make_bag(tmp_path / "bag", lambda facts: mistold({1, 2, 4}, facts))
    (alarm,) = entries(bag, "AlarmRaised")
    assert ("host", "broken_recording", f"facts-{TRACK}") == (
        alarm.actor,
        alarm.body["code"],
        alarm.body["alarm"],
    )
    assert "FragmentRecorded" in str(alarm.body["text"])


@pytest.mark.parametrize(
    ("kind", "nth", "body", "code"),
    [
        ("GapDeclared", 0, {"cause": "recorder"}, "track_order"),
        ("FragmentRecorded", 1, {"n": 1}, "fragment_order"),
        ("FragmentRecorded", 1, {"n": 3}, "fragment_order"),
    ],
)
def test_numbers_left_out_without_a_refusal_or_miscounted_are_noticed(
    kind: str, nth: int, body: dict[str, str | int], code: str, tmp_path: Path
) -> None:
    bag = make_bag(tmp_path / "bag", lambda facts: mistold({1}, facts))
    bag.change(bag.find(kind, nth), **body)
    bag.retell()
    bag.write()
    failure = checked(bag).first_failure
    assert failure is not None
    assert code == failure.code


def test_a_gap_that_only_a_host_may_declare_is_noticed_in_the_name_of_a_node(tmp_path: Path) -> None:
    bag = make_bag(tmp_path / "bag", lambda facts: mistold({1}, facts))
    seq = bag.find("GapDeclared", 0)
    entry, secrets = bag.rows[seq]
    bag.rows[seq] = (replace(entry, actor="node"), secrets)
    bag.retell()
    bag.write()
    failure = checked(bag).first_failure
    assert failure is not None
    assert ("track_order", TrackId(str(failure.track))) == (failure.code, TRACK)
