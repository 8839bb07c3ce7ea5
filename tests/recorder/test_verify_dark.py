"""The verifier on dark lots: whose a code was follows from the commitment alone, and nothing was told before its time."""

import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evalroom.ids import BidNumber
from evalroom.ledger.canonical import canonical
from evalroom.sealing.policy import PartName
from recorder.verify import Failure, _Case, _Entry, _unlocked_at, verify
from tests.evalroom import room as trade
from tests.recorder.bag_factory import LOG_KEY, WITNESS_KEYS, Bag, copy_of
from tests.recorder.sealed_bag import ABSENT, CODES, LISTED, DarkPlay, make_sealed_bag, papers

OPENING = Path("data/docs/opening")


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Bag:
    return make_sealed_bag(tmp_path_factory.mktemp("dark") / "bag", DarkPlay)


@pytest.fixture
def bag(clean: Bag, tmp_path: Path) -> Bag:
    return copy_of(clean, tmp_path / "bag")


def failures(bag: Bag) -> list[Failure]:
    report = verify(bag.path, [LOG_KEY], WITNESS_KEYS)
    return [failure for step in report.steps for failure in step.failures]


def retold(bag: Bag) -> set[tuple[int, str]]:
    """Return what is found once journal, checkpoints, receipts and all else follow a change."""
    bag.retell()
    for name, data in papers(bag).items():
        (bag.path / OPENING / name).write_bytes(data)
    bag.write()
    return {(one.step, one.code) for one in failures(bag)}


def opened(bag: Bag) -> list[dict[str, Any]]:
    """Return the openings of the bag, as they can be read."""
    return [json.loads(canonical(one)) for one in bag.openings]


def body(bag: Bag, seq: int) -> dict[str, Any]:
    return dict(json.loads(canonical(bag.rows[seq][0].body)))


def numbers(bag: Bag) -> list[int]:
    """Return which openings are of numbers."""
    return [n for n, one in enumerate(opened(bag)) if one["path"] == "/number"]


def recommit(bag: Bag, place: int, number: str) -> None:
    """Commit another number in the place of the one there, with an opening that fits: as who has all keys can."""
    opening = opened(bag)[place]
    message = canonical([trade.SESSION, "", "/number", number])
    commit = hmac.digest(bytes.fromhex(opening["nonce"]), message, "sha256").hex()
    bag.change(opening["seq"], number={"commit": commit})
    bag.openings[place] = {**opening, "value": number}


# --- attackers ------------------------------------------------------------------------------------------


def swap_numbers(bag: Bag) -> None:
    """Say afterwards that two codes were each other's: the commitments are in the way."""
    one, other = numbers(bag)[:2]
    first, second = opened(bag)[one], opened(bag)[other]
    bag.openings[one] = {**first, "value": second["value"]}
    bag.openings[other] = {**second, "value": first["value"]}


def withhold_one(bag: Bag) -> None:
    del bag.openings[numbers(bag)[0]]


def commit_to_the_absent(bag: Bag) -> None:
    recommit(bag, numbers(bag)[0], ABSENT)


def commit_twice(bag: Bag) -> None:
    recommit(bag, numbers(bag)[0], opened(bag)[numbers(bag)[1]]["value"])


def join_in_another_order(bag: Bag) -> None:
    one, two = (bag.find("DarkBidAdmitted", n) for n in range(2))
    first, second = bag.rows[one][0].body["bid"], bag.rows[two][0].body["bid"]
    bag.change(one, bid=second)
    bag.change(two, bid=first)


def forget_the_dark(bag: Bag) -> None:
    tender = body(bag, 0)["tender"]
    tender["lots"][0]["dark"] = []
    bag.change(0, tender=tender)


def say_a_name_for_a_code(bag: Bag) -> None:
    bag.change(bag.find("DarkBidAdmitted"), bid="B01")


@pytest.mark.parametrize(
    ("attack", "finding"),
    [
        (swap_numbers, (12, "opening")),
        (withhold_one, (12, "opening_missing")),
        (commit_to_the_absent, (22, "admission")),
        (commit_twice, (22, "admission")),
        (join_in_another_order, (22, "admission")),
        (forget_the_dark, (22, "admission")),
        (say_a_name_for_a_code, (5, "body_form")),
    ],
)
def test_another_map_than_the_one_committed_is_found(
    bag: Bag, attack: Callable[[Bag], None], finding: tuple[int, str]
) -> None:
    attack(bag)
    assert finding in retold(bag)


def test_a_price_read_before_the_unlock_is_found(bag: Bag) -> None:
    place, unlock = bag.find("PriceRead"), bag.find("GroupUnlocked", -1)
    row = bag.rows.pop(place)
    bag.rows.insert(unlock, row)
    bag.rows = [(replace(entry, seq=n), secrets) for n, (entry, secrets) in enumerate(bag.rows)]
    codes = retold(bag)
    assert (22, "price_read") in codes or (20, "ceremony_order") in codes


# --- the clean bag ----------------------------------------------------------------------------------------


def test_the_clean_bag_verifies(clean: Bag) -> None:
    assert [] == failures(clean)


def test_the_bag_holds_the_map_as_commitments_and_their_openings(clean: Bag) -> None:
    places = [entry.seq for entry, _ in clean.rows if entry.type == "DarkBidAdmitted"]
    bodies = [body(clean, seq) for seq in places]
    assert sorted(CODES[number] for number in LISTED if number != ABSENT) == [one["bid"] for one in bodies]
    assert not [number for number in LISTED if number in str(bodies)]
    values = {opened(clean)[n]["seq"]: opened(clean)[n]["value"] for n in numbers(clean)}
    assert {seq: one["bid"] for seq, one in zip(places, bodies, strict=True)} == {
        seq: CODES[BidNumber(number)] for seq, number in values.items()
    }
    assert [PartName.TECHNICAL] == body(clean, 0)["tender"]["lots"][0]["dark"]


# --- when the dark ends -----------------------------------------------------------------------------------

UNLOCKED, REOPENED, FAILED = "GroupUnlocked", "SheetReopened", "LotFailed"


@pytest.mark.parametrize(
    ("course", "end"),
    [
        ([(UNLOCKED, "A"), (UNLOCKED, "B")], 1),
        ([(UNLOCKED, "A"), (FAILED, "B")], 1),
        ([(FAILED, "B"), (UNLOCKED, "A")], 1),
        ([(UNLOCKED, "A"), (REOPENED, "A"), (UNLOCKED, "B")], None),
        ([(UNLOCKED, "A"), (REOPENED, "A"), (UNLOCKED, "B"), (UNLOCKED, "A")], 3),
        ([(UNLOCKED, "A"), ("SteppedBack", "detailed"), (UNLOCKED, "B")], None),
        ([(UNLOCKED, "A"), ("ExpertReplaced", "briefed"), (UNLOCKED, "B")], None),
        ([(UNLOCKED, "A"), ("SteppedBack", "pricing"), (UNLOCKED, "B")], 2),
        ([(FAILED, "A"), (FAILED, "B")], None),
    ],
)
def test_the_dark_ends_when_every_lot_that_is_still_in_stands_unlocked(
    course: list[tuple[str, str]], end: int | None
) -> None:
    case = _Case(Path(), [], [], 1, lambda _: None)
    for seq, (kind, what) in enumerate(course):
        body = {"lot": what, "after": what, "part": "detailed", "ground": "ordered"}
        case.entries.append(_Entry(seq, 0, kind, "host", "host", body, None, None))
    assert end == _unlocked_at(case, {"A", "B"})
