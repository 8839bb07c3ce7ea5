"""A tender that failed 流标 is verified like any other: its report says why and by whom, and the members signed it."""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from evalroom import approval as ap
from evalroom import commands as co
from evalroom import events as ev
from evalroom.events import Stage
from evalroom.ledger.canonical import Json
from tests.evalroom import room as trade
from tests.evalroom.room import EXPERTS, LOT, OPERATOR, REGULATOR, SUPERVISOR
from tests.recorder.bag_factory import Bag, Play, copy_of, found, one_by_one, play_out
from tests.recorder.test_verify import report_in, resigned, rewritten


class FailedPlay(Play):
    """Two persons let the only lot fail when it has been ranked, and the members sign the report of that.

    The approval comes at the time of the entry that follows from it, for the report tells it.
    """

    def run(self) -> None:
        self.note(ev.SiteOffsetMeasured(trade.WEST, -1500, 4000))
        for person in self.room.people.values():
            self.room.give(person.check_in())
        self.tell(one_by_one(self.media.first()))
        while self.room.session.stage is not Stage.SUMMARY:
            self.finish_stage()
            self.room.advance()
        self.room.give(self.room[SUPERVISOR].order(co.Propose("p1", ap.FailLot(LOT), "the site is sold")))
        self.keep()
        digest = self.room.session.approvals.waiting["p1"].digest
        approval = self.room[REGULATOR].order(co.Approve("p1", digest))
        self.room.give(replace(approval, at=trade.START + 50 * (self.journal.size + 1)))
        self.room.give(self.room[OPERATOR].order(co.FailTender("no lot is left")))
        for seat in EXPERTS:
            self.room.sign(seat)
        self.tell(self.batches(self.media.rest()))
        self.room.give(self.room[OPERATOR].order(co.CloseSession("failed")))
        self.keep()
        self.bag.cosigned.add(self.journal.size)


@pytest.fixture(scope="module", name="clean")
def _clean(tmp_path_factory: pytest.TempPathFactory) -> Bag:
    folder = tmp_path_factory.mktemp("failed")
    bag = Bag(folder / "bag")
    play = FailedPlay(bag, folder / "reels", one_by_one)
    return play_out(bag, play)


@pytest.fixture(name="bag")
def _bag(clean: Bag, tmp_path: Path) -> Bag:
    return copy_of(clean, tmp_path / "bag")


def test_a_failed_tender_with_its_signed_report_passes_every_step(clean: Bag) -> None:
    assert "failed" == clean.rows[-1][0].body["reason"]
    assert set() == found(clean)


def changes() -> Iterable[tuple[str, dict[str, Json]]]:
    yield "no failure", {"failure": None}
    yield "another ground", {"failure": {"ground": "all_rejected"}}
    yield "another reason", {"failure": {"reason": "nobody bid"}}
    yield "one person", {"failure": {"by": [str(SUPERVISOR)]}}
    yield "another time", {"failure": {"at_ms": 1}}
    yield "a winner", {"awarded": {"bid": "b1", "by": "tenderer", "lot": str(LOT)}}


@pytest.mark.parametrize(("what", "changed"), list(changes()))
def test_a_report_that_says_otherwise_is_found_though_all_signed_it(
    bag: Bag, what: str, changed: dict[str, Json]
) -> None:
    report = report_in(bag)
    for name, value in changed.items():
        before = report[name]
        both = isinstance(value, dict) and isinstance(before, dict)
        report[name] = {**before, **value} if both else value  # type: ignore[dict-item] # both are
    assert {(14, "report_failure")} == rewritten(bag, report), what


def test_a_ranking_in_the_report_of_a_failed_lot_is_found(bag: Bag) -> None:
    rows: Json = [
        {"bid": "b1", "rank": 1, "candidate": True, "technical": "1", "price": "1", "total": "2.00"}
    ]
    assert {(14, "report_totals")} == rewritten(bag, {**report_in(bag), "ranking": rows})


def test_a_failed_tender_without_its_report_or_a_signature_under_it_is_found(bag: Bag) -> None:
    bag.drop(bag.find("ReportSigned"))
    bag.retell()
    bag.write()
    assert (14, "result_missing") in found(bag)


def test_a_signature_of_another_report_is_found(bag: Bag) -> None:
    resigned(bag, bag.find("ReportSigned"), digest="0" * 64)
    bag.retell()
    bag.write()
    assert (14, "report") in found(bag)


def test_the_report_names_who_proposed_and_who_approved(clean: Bag) -> None:
    failure = json.loads((clean.path / "data" / "docs" / f"report-{LOT}.json").read_bytes())["failure"]
    assert [str(SUPERVISOR), str(REGULATOR)] == failure["by"]
    (entry,) = (one for one, _ in clean.rows if one.type == "LotFailed")
    assert entry.t == failure["at_ms"]
