"""Every total is worked out again from the archive alone: one number changed in any stage is found and named.

The forger owns the log's key: manifests, roots and the log's signatures are all in order again, so nothing but the
recomputation can tell.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evalroom import approval as ap
from evalroom import events as ev
from evalroom.events import Stage
from evalroom.ledger.base64 import encode_base64
from evalroom.pricing.formula import Undecided
from evalroom.summary import Award, Ballots
from recorder.verify import Failure, verify
from tests.evalroom import room as trade
from tests.evalroom import settling
from tests.evalroom.room import BIDS, LOT, OPERATOR
from tests.evalroom.settling import NINE
from tests.recorder.bag_factory import (
    KEYS,
    LOG_KEY,
    WITNESS_KEYS,
    Bag,
    Play,
    copy_of,
    one_by_one,
    play_out,
)
from tests.recorder.test_verify import resigned


class WholePlay(Play):
    """Nine members by F13, a tie that the tenderer settles, and an open vote on the award."""

    def open_room(self) -> trade.Room:
        terms = replace(settling.TRIMMED, award=Award.VOTE, ballots=Ballots.OPEN)
        command = settling.opening(terms, Undecided.TENDERER, settling.SEATS)
        room = trade.Room(people={seat.code: trade.Person(seat) for seat in command.seats})
        room.give(trade.by_host(replace(command, keys=KEYS)))
        return room

    def finish_stage(self) -> None:
        match self.room.session.stage:
            case Stage.GATHERING:
                for bid in BIDS:
                    self.room.give(self.room[OPERATOR].import_bid(bid, "100000000"))
            case Stage.BRIEFED:
                for seat in NINE:
                    self.room.give(self.room[seat].accept())
            case Stage.PRELIMINARY | Stage.DETAILED:
                self.judge()
            case Stage.SUMMARY:
                settling.propose(self.room, ap.SettleTie(LOT, (BIDS[1], BIDS[0])))
                settling.approve(self.room)
                settling.vote(self.room, *[BIDS[0]] * 5, *[BIDS[1]] * 4)
            case Stage.SIGNING:
                for seat in NINE:
                    self.room.sign(seat)
            case _:
                pass

    def judge(self) -> None:
        settling.fill(self.room, {}, even=True)
        self.keep()
        head = self.journal.checkpoint()
        self.bag.cosigned.add(head.size)
        self.note(ev.CheckpointCosigned(head.size, encode_base64(head.root), ("east", "west")))
        self.room.unlock()
        self.room.answer_all()


@pytest.fixture(scope="module", name="clean")
def _clean(tmp_path_factory: pytest.TempPathFactory) -> Bag:
    folder = tmp_path_factory.mktemp("totals")
    bag = Bag(folder / "bag")
    return play_out(
        bag, WholePlay(bag, folder / "reels", one_by_one), lambda entry: entry.type != "BallotCast"
    )


@pytest.fixture(name="bag")
def _bag(clean: Bag, tmp_path: Path) -> Bag:
    return copy_of(clean, tmp_path / "bag")


def found(bag: Bag) -> list[Failure]:
    bag.retell()
    bag.write()
    return of(bag)


def of(bag: Bag) -> list[Failure]:
    report = verify(bag.path, [LOG_KEY], WITNESS_KEYS)
    return [failure for step in report.steps for failure in step.failures]


def test_a_trimmed_tied_and_voted_lot_passes_every_step(clean: Bag) -> None:
    kinds = [entry.type for entry, _ in clean.rows]
    assert {"MarksSummed", "TieSettled", "VoteCounted", "BallotsShown", "LotAwarded"} <= set(kinds)
    assert [] == of(clean)


def bent(bag: Bag, seq: int, path: Sequence[str | int], value: object) -> None:
    """Put another value at a path of an entry's body."""
    body: Any = _copied(bag.rows[seq][0].body)
    inner = body
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    bag.change(seq, **body)


def _copied(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return {name: _copied(one) for name, one in value.items()}
    return [_copied(one) for one in value] if isinstance(value, list) else value


LIES: dict[str, tuple[str, int, tuple[str | int, ...], object, str, tuple[str, ...]]] = {
    "a majority": ("BidsReviewed", 0, ("votes", 1, "against"), 3, "votes", ("bid2", "0", "3")),
    "a price": ("PricesOpened", 0, ("prices", 2, "price_fen"), 99_000_000, "prices", ("bid3", "100000000")),
    "a base price": ("PricesComputed", 0, ("steps", -1, "value"), "1/1", "pricing", ("base", "100000000/1")),
    "a price score": ("PricesComputed", 0, ("rows", 3, "score"), "29/1", "pricing", ("bid4", "30/1", "29/1")),
    "a member's spread": ("MarksSummed", 0, ("spreads", 4, "spreads", 0), "99/1", "marks", ("E5", "99/1")),
    "who is the widest": ("MarksSummed", 0, ("widest",), "E3", "marks", ("widest", "E1", "E3")),
    "a trimmed mean": ("MarksSummed", 0, ("cells", 2, "mean"), "9/1", "marks", ("bid1", "safety", "9/1")),
    "whose mark was left out": ("MarksSummed", 1, ("cells", 0, "out"), ["E7"], "marks", ("bid1", "plan", "E7")),
    "a rounded mark": ("MarksSummed", 1, ("marks", 5, "mark"), "7/2", "marks", ("bid3", "commercial", "7/2")),
    "a technical mark": ("RankingComputed", 0, ("rows", 2, "technical"), "50/1", "ranking", ("bid3", "50/1")),
    "a total": ("RankingComputed", 1, ("rows", 3, "total"), "99.99", "ranking", ("bid4", "99.99")),
    "a rank": ("RankingComputed", 1, ("rows", 0, "rank"), 2, "ranking", ("bid2", "rank", "1", "2")),
    "the order of a tie": ("TieSettled", 0, ("order",), ["bid1", "bid2"], "settled", ("bid1, bid2",)),
    "who settled a tie": ("TieSettled", 0, ("by",), "draw", "settled", ("bid2, bid1",)),
    "a count of votes": ("VoteCounted", 0, ("counts", 1, "votes"), 6, "votes", ("award-lot1",)),
    "a shown ballot": ("BallotsShown", 0, ("ballots", 0, "option"), "bid2", "votes", ("award-lot1",)),
    "among whom was voted": ("VoteOpened", 0, ("options", 2), "bid4", "award", ("bid4",)),
    "who was awarded the lot": ("LotAwarded", 0, ("bid",), "bid2", "award", ("bid2",)),
    "by what a lot was awarded": ("LotAwarded", 0, ("by",), "draw", "award", ("bid1",)),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_a_changed_number_is_found_and_named_with_both_values(bag: Bag, lie: str) -> None:
    kind, nth, path, value, code, words = LIES[lie]
    bent(bag, bag.find(kind, nth), path, value)
    (first, *_) = [one for one in found(bag) if one.step == 14]
    assert code == first.code
    assert all(word in first.detail for word in words), first.detail


@pytest.mark.parametrize("kind", ["MarksSummed", "TieSettled", "LotAwarded", "BallotsShown"])
def test_what_a_ranking_or_an_award_rests_on_is_not_left_out(bag: Bag, kind: str) -> None:
    bag.drop(bag.find(kind))
    bag.write()
    codes = {(one.step, one.code) for one in of(bag)}
    if kind == "BallotsShown":  # nothing rests on them: only that they were promised
        assert (14, "votes") in codes
    else:
        assert codes & {(14, "result_missing"), (14, "approval"), (14, "ranking")}


def test_a_member_who_joins_the_fraud_changes_the_total_that_the_sheet_states(bag: Bag) -> None:
    """The mark itself cannot be bent: its commitment is signed and witnessed; a bent statement is another text."""
    seq = bag.find("SheetLocked", -1)
    rows = [dict(row) if isinstance(row, dict) else {} for row in bag.openings]
    for row in rows:
        if row["seq"] == seq:
            row["value"] = str(row["value"]).replace("bid1", "bid2")
    bag.openings = [*rows]
    assert {(12, "opening")} <= {(one.step, one.code) for one in found(bag)}


def test_an_award_that_was_never_voted_on_is_missed(bag: Bag) -> None:
    seq = bag.find("BallotCast", 3)
    resigned(bag, seq, round=2)
    assert (14, "votes") in {(one.step, one.code) for one in found(bag)}
