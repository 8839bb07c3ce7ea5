"""Findings after locking, worked out a second time: none is left out, invented, bent or answered by nobody."""

from collections.abc import Callable
from pathlib import Path

import pytest

from evalroom import commands as co
from evalroom import events as ev
from evalroom.events import Stage
from evalroom.ledger.base64 import encode_base64
from evalroom.ledger.canonical import Json
from evalroom.tender import Part
from tests.evalroom import room as trade
from tests.evalroom.test_findings import HIGH
from tests.recorder.bag_factory import (
    Bag,
    Play,
    copy_of,
    found,
    one_by_one,
    play_out,
)
from tests.recorder.test_verify import resigned

E1, E2, E3 = trade.EXPERTS
RECORD = (trade.BIDS[0], "record")


class FindingPlay(Play):
    """A session in which E2 differs on a fact and corrects it, and E1 is far above the others at one bid."""

    def finish_stage(self) -> None:
        if self.room.session.stage is not Stage.DETAILED:
            super().finish_stage()
            return
        room = self.room
        room.fill(E1, HIGH)
        room.fill(E2, {RECORD: "4"})
        room.fill(E3)
        self.lock()
        room.give(room[E2].enter(*RECORD, "1.5", revision=2, reason="misread"))
        room.give(room[E2].answer("F1", "", stand=False))
        for seat in (E1, E3):
            room.give(room[seat].answer("F1", ""))
        self.lock()
        room.answer_all()

    def lock(self) -> None:
        """Let all lock, the witnesses cosign, and the host unlock or ask."""
        for seat in trade.EXPERTS:
            self.room.lock(seat)
        self.keep()
        head = self.journal.checkpoint()
        self.bag.cosigned.add(head.size)
        self.note(ev.CheckpointCosigned(head.size, encode_base64(head.root), ("east", "west")))
        self.room.give(trade.by_host(co.UnlockGroup(trade.LOT, Part.DETAILED)))


@pytest.fixture(scope="module", name="clean")
def _clean(tmp_path_factory: pytest.TempPathFactory) -> Bag:
    folder = tmp_path_factory.mktemp("findings")
    bag = Bag(folder / "bag")
    return play_out(bag, FindingPlay(bag, folder / "reels", one_by_one))


@pytest.fixture(name="bag")
def _bag(clean: Bag, tmp_path: Path) -> Bag:
    return copy_of(clean, tmp_path / "bag")


def test_a_session_in_which_members_were_asked_passes_every_step(clean: Bag) -> None:
    raised = [entry.body["code"] for entry, _ in clean.rows if entry.type == "FindingRaised"]
    assert ["objective_differs", "deviation"] == raised
    assert set() == found(clean)


def changed(kind: str, nth: int, **body: Json) -> Callable[[Bag], None]:
    return lambda bag: bag.change(bag.find(kind, nth), **body)


def hushed(nth: int, **body: Json) -> Callable[[Bag], None]:
    """Take a question out, or give it another name, and leave its answers unopened, which alone would betray it."""

    def lie(bag: Bag) -> None:
        name = bag.rows[bag.find("FindingRaised", nth)][0].body["finding"]
        answers = {
            entry.seq
            for entry, _ in bag.rows
            if entry.type == "FindingAnswered" and entry.body["finding"] == name
        }
        bag.openings = [one for one in bag.openings if isinstance(one, dict) and one["seq"] not in answers]
        if body:
            bag.change(bag.find("FindingRaised", nth), **body)
        else:
            bag.drop(bag.find("FindingRaised", nth))

    return lie


def dropped(kind: str, nth: int) -> Callable[[Bag], None]:
    return lambda bag: bag.drop(bag.find(kind, nth))


LIES: dict[str, Callable[[Bag], None]] = {
    "nobody was asked": hushed(0),
    "another bid was asked about": changed("FindingRaised", 0, bid="bid2"),
    "another item was asked about": changed("FindingRaised", 0, item="faults"),
    "one member was left out": changed("FindingRaised", 0, seats=["E1", "E3"]),
    "a deviation was kept quiet": hushed(1),
    "another member was asked for the reason": changed("FindingRaised", 1, seats=["E2"]),
    "a deviation was called something else": changed("FindingRaised", 1, code="identical"),
    "a number was skipped": hushed(1, finding="F7"),
    "a reason was never given": dropped("FindingAnswered", 3),
    "a lock came without its answer": dropped("FindingAnswered", 1),
    "a member says the value stood": lambda bag: resigned(bag, bag.find("FindingAnswered", 0), stand=True),
    "a member says the value was changed": lambda bag: resigned(
        bag, bag.find("FindingAnswered", 1), stand=False
    ),
    "an answer was given twice": lambda bag: resigned(bag, bag.find("FindingAnswered", 3), finding="F1"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_found(bag: Bag, lie: str) -> None:
    LIES[lie](bag)
    bag.retell()
    bag.write()
    assert (14, "finding") in found(bag)


def test_a_question_before_the_locks_were_cosigned_is_found(bag: Bag) -> None:
    """A host that compares sheets it may still change would have an oracle."""
    asked = bag.find("FindingRaised", 0)
    cosigned = max(
        seq for seq, (entry, _) in enumerate(bag.rows) if entry.type == "CheckpointCosigned" and seq < asked
    )
    bag.drop(cosigned)
    bag.write()
    assert (8, "unlock_early") in found(bag)


def test_a_statement_is_what_the_sheet_says(bag: Bag) -> None:
    seq = bag.find("SheetLocked", -1)
    for row in bag.openings:
        if isinstance(row, dict) and row["seq"] == seq:
            changed_row = {**row, "value": str(row["value"]).replace('"totals":[', '"totals":[["bid9","1"],')}
            bag.openings[bag.openings.index(row)] = changed_row
    bag.write()
    assert (12, "opening") in found(bag)
