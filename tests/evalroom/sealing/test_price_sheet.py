"""Price sheets: one spelling, prices in the part that has them, for lots that there are."""

import pytest

from evalroom.ids import LotId
from evalroom.ledger.canonical import Json, canonical
from evalroom.sealing.policy import PartName
from evalroom.sealing.price_sheet import MalformedSheet, PriceSheet, check_prices, parse_sheet, priced_part
from evalroom.sealing.record import LotPrice
from tests.evalroom import opening as o

GOOD: dict[str, Json] = {
    "v": 1,
    "bidder": "甲",
    "prices": [{"lot": "lot1", "price_fen": "100"}],
    "remarks": "",
}
LOTS = (LotId("lot1"), LotId("lot2"))


def test_a_sheet_reads_as_it_was_written() -> None:
    sheet = PriceSheet("甲", (LotPrice("lot1", 100), LotPrice("lot2", 10**14)), "工期 120 天")
    assert sheet == parse_sheet(sheet.encode())
    assert parse_sheet(canonical(GOOD)) == PriceSheet("甲", (LotPrice("lot1", 100),))


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"v": True},
        {"bidder": ""},
        {"bidder": "x" * 201},
        {"bidder": 7},
        {"remarks": "x" * 2001},
        {"remarks": None},
        {"prices": None},
        {"prices": {}},
        {"prices": [{"lot": "lot1", "price_fen": 100}]},
        {"prices": [{"lot": "lot1", "price_fen": "0"}]},
        {"prices": [{"lot": "lot1", "price_fen": "-1"}]},
        {"prices": [{"lot": "lot1", "price_fen": "0100"}]},
        {"prices": [{"lot": "lot1", "price_fen": "1.5"}]},
        {"prices": [{"lot": "lot1", "price_fen": "1e9"}]},
        {"prices": [{"lot": "lot1", "price_fen": "１００"}]},
        {"prices": [{"lot": "lot1", "price_fen": "9" * 16}]},
        {"prices": [{"lot": "", "price_fen": "1"}]},
        {"prices": [{"lot": "lot1"}]},
        {"prices": [{"lot": "lot1", "price_fen": "1", "more": ""}]},
        {"prices": [{"lot": "lot1", "price_fen": "1"}, {"lot": "lot1", "price_fen": "2"}]},
        {"more": 1},
    ],
)
def test_another_form_is_malformed(change: dict[str, Json]) -> None:
    with pytest.raises(MalformedSheet):
        parse_sheet(canonical({**GOOD, **change}))


@pytest.mark.parametrize("name", GOOD)
def test_no_member_may_be_missing(name: str) -> None:
    with pytest.raises(MalformedSheet):
        parse_sheet(canonical({one: value for one, value in GOOD.items() if one != name}))


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"null", b"\xff", canonical(GOOD) + b"\n", b"[" * 100_000, b'{"v":NaN}']
)
def test_what_is_no_canonical_object_is_malformed(text: bytes) -> None:
    with pytest.raises(MalformedSheet):
        parse_sheet(text)


def test_prices_stand_in_the_part_that_the_tender_has_for_them() -> None:
    full, empty = parse_sheet(canonical(GOOD)), PriceSheet("甲", ())
    two, one = o.policy(), o.policy(two_envelopes=False)
    assert (PartName.PRICE, PartName.OPENING) == (priced_part(two), priced_part(one))
    check_prices(full, PartName.PRICE, two, LOTS)
    check_prices(empty, PartName.OPENING, two, LOTS)
    check_prices(full, PartName.OPENING, one, LOTS)
    for sheet, part, policy in (
        (full, PartName.OPENING, two),
        (empty, PartName.PRICE, two),
        (empty, PartName.OPENING, one),
    ):
        with pytest.raises(MalformedSheet):
            check_prices(sheet, part, policy, LOTS)


def test_a_price_for_a_lot_that_is_not_there_is_malformed() -> None:
    with pytest.raises(MalformedSheet):
        check_prices(PriceSheet("甲", (LotPrice("lot9", 1),)), PartName.PRICE, o.policy(), LOTS)
