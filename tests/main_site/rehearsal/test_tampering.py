"""A forged copy, its manifests in order, is told from the archive; and what happened is told from the journal."""

from pathlib import Path

import pytest

from main_site.rehearsal.chronicle import turns_of
from main_site.rehearsal.tampering import ENTRIES, NothingToForge, forge
from recorder.verify import verify
from tests.evalroom.room import BIDS
from tests.recorder.bag_factory import LOG_KEY, WITNESS_KEYS, Bag, make_bag


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Bag:
    return make_bag(tmp_path_factory.mktemp("whole") / "bag")


def test_a_forged_total_passes_the_digests_and_is_named_with_bid_and_both_numbers(
    bag: Bag, tmp_path: Path
) -> None:
    forgery = forge(bag.path, tmp_path)
    report = verify(forgery.archive, [LOG_KEY], WITNESS_KEYS)
    found = {failure.step: failure for step in report.steps for failure in step.failures}
    assert 2 not in found
    assert {6, 14} <= found.keys()
    assert all(word in found[14].detail for word in (forgery.bid, forgery.before, forgery.after))
    assert verify(bag.path, [LOG_KEY], WITNESS_KEYS).ok


def test_an_archive_without_a_ranking_is_not_forged(bag: Bag, tmp_path: Path) -> None:
    bare = forge(bag.path, tmp_path).archive
    lines = (bare / ENTRIES).read_text("utf-8").splitlines(keepends=True)
    (bare / ENTRIES).write_text("".join(line for line in lines if "RankingComputed" not in line), "utf-8")
    with pytest.raises(NothingToForge):
        forge(bare, tmp_path)


def test_what_happened_is_told_in_the_order_of_the_journal(bag: Bag) -> None:
    turns = list(turns_of(bag.path, {bid: f"bidder of {bid}" for bid in BIDS}))
    told = [turn.detail for turn in turns if turn.what.startswith("进入阶段")]
    assert ["briefed", "electing", "preliminary", "detailed", "pricing", "summary", "reporting"] == told[:7]
    assert sorted(turn.at for turn in turns) == [turn.at for turn in turns]
    assert 3 == sum(turn.what.startswith("签署") for turn in turns)
