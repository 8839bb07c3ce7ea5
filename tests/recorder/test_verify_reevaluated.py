"""A lot that was evaluated again: the report that was voided stays, as an annex that is named, there and unchanged."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from evalroom import approval as ap
from evalroom import commands as co
from evalroom.events import Stage
from evalroom.ids import SeatCode
from evalroom.ledger.canonical import Json, canonical
from tests.evalroom.room import EXPERTS, LOT, OPERATOR, REGULATOR
from tests.recorder.bag_factory import Bag, Play, copy_of, found, one_by_one, play_out
from tests.recorder.test_verify import report_in, resigned, retold

ANNEX = f"data/docs/earlier-{LOT}-1.json"


class ReevaluatedPlay(Play):
    """One member has signed when a sum turns out to be wrong: the regulator approves that all is evaluated again."""

    again = False

    def finish_stage(self) -> None:
        if self.room.session.stage is Stage.SIGNING and not self.again:
            self.again = True
            self.room.sign(EXPERTS[0])
            self.room.give(
                self.room[OPERATOR].order(co.Propose("p1", ap.Reevaluate("sum"), "a sum is wrong"))
            )
            digest = self.room.session.approvals.waiting["p1"].digest
            self.room.give(self.room[REGULATOR].order(co.Approve("p1", digest)))
        super().finish_stage()

    def fill(self, seat: SeatCode) -> None:
        if not (self.again and self.room.session.stage is Stage.PRELIMINARY):  # what was entered there stands
            super().fill(seat)


@pytest.fixture(scope="module", name="clean")
def _clean(tmp_path_factory: pytest.TempPathFactory) -> Bag:
    folder = tmp_path_factory.mktemp("reevaluated")
    bag = Bag(folder / "bag")
    return play_out(bag, ReevaluatedPlay(bag, folder / "reels", one_by_one))


@pytest.fixture(name="bag")
def _bag(clean: Bag, tmp_path: Path) -> Bag:
    return copy_of(clean, tmp_path / "bag")


def test_a_lot_evaluated_again_passes_with_its_voided_report_as_an_annex(clean: Bag) -> None:
    assert set() == found(clean)
    made = [entry.body["sha256"] for entry, _ in clean.rows if entry.type == "ReportMade"]
    assert 2 == len(made)
    (earlier,) = json.loads((clean.path / "data" / "docs" / f"report-{LOT}.json").read_bytes())["earlier"]
    named = (earlier["number"], earlier["sha256"], earlier["stands"])
    assert (1, made[0], [[EXPERTS[0], "agrees"]]) == named


def test_an_annex_that_is_missing_is_found(bag: Bag) -> None:
    (bag.path / ANNEX).unlink()
    assert (14, "report_data") in retold(bag)


def test_an_annex_that_was_changed_is_found(bag: Bag) -> None:
    path = bag.path / ANNEX
    path.write_bytes(path.read_bytes().replace(b'"agrees"', b'"refuses"').replace(b"57.84", b"58.84"))
    assert (14, "report_data") in retold(bag)


def changes() -> Iterable[tuple[str, Json]]:
    yield "no annex named", []
    yield "no list", 7
    yield "no rows", ["ab"]
    yield "another annex", [{"number": 1, "sha256": "ab" * 32, "made_ms": 0, "voided_ms": 0, "stands": []}]


@pytest.mark.parametrize(("what", "earlier"), list(changes()))
def test_a_report_that_hides_the_one_before_it_is_found_though_all_signed_it(
    bag: Bag, what: str, earlier: Json
) -> None:
    data = canonical(report_in(bag) | {"earlier": earlier})
    (bag.path / "data" / "docs" / f"report-{LOT}.json").write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    bag.change(bag.find("ReportMade", 1), sha256=digest, bytes=len(data))
    for nth in range(1, 1 + len(EXPERTS)):
        resigned(bag, bag.find("ReportSigned", nth), digest=digest)
    assert {(14, "report_data")} == retold(bag), what
