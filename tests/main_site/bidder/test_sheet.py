"""A price sheet that the opening would not read never gets as far as being sealed."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from evalroom.sealing.policy import PartName
from main_site.bidder.sheet import UnusablePriceSheet, bidder_of, canonical_sheet
from tests.evalroom.sealing import tender
from tests.main_site.bidder.desk import NAME, OPENING, PRICE

POLICY = tender.policy()
OPENING_PART, PRICE_PART = PartName.OPENING, PartName.PRICE


def sealed(sheet: Mapping[str, Any], part: PartName = PRICE_PART) -> bytes:
    return canonical_sheet(json.dumps(sheet, ensure_ascii=False, indent=3).encode(), part, POLICY)


def test_a_sheet_in_any_layout_is_sealed_in_the_one_form() -> None:
    expected = (
        b'{"bidder":"%s","prices":[{"lot":"L1","price_fen":"123456789"}],"remarks":"","v":1}' % NAME.encode()
    )
    assert expected == sealed(PRICE)
    assert expected == canonical_sheet(b"\xef\xbb\xbf" + json.dumps(PRICE).encode(), PRICE_PART, POLICY)
    assert NAME == bidder_of(sealed(OPENING, OPENING_PART))


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2}, {"v": True}, {"v": 1.0}, {"bidder": ""}, {"bidder": "x" * 201}, {"bidder": None}, {"more": 1},
        {"remarks": "x" * 2001}, {"remarks": None}, {"prices": []}, {"prices": None}, {"prices": [{}]},
        {"prices": [{"lot": "L1", "price_fen": 5}]}, {"prices": [{"lot": "L1", "price_fen": "1.5"}]},
        {"prices": [{"lot": "L1", "price_fen": "007"}]}, {"prices": [{"lot": "", "price_fen": "7"}]},
        {"prices": [{"lot": "L1", "price_fen": "1"}, {"lot": "L1", "price_fen": "2"}]},
        {"remarks": "\ud800"},
    ],
)  # fmt: skip
def test_what_the_opening_would_not_read_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(UnusablePriceSheet):
        canonical_sheet(json.dumps({**PRICE, **change}).encode(), PRICE_PART, POLICY)


@pytest.mark.parametrize(
    "text",
    [b"", b"\xff", b"[]", b"null", b"{", b"[" * 100_000, b'{"v":NaN}', json.dumps(PRICE).encode() + b"x",
     b'{"v":1,"v":1,"bidder":"a","prices":[{"lot":"L1","price_fen":"1"}],"remarks":""}'],
)  # fmt: skip
def test_what_is_no_json_is_refused(text: bytes) -> None:
    with pytest.raises(UnusablePriceSheet):
        canonical_sheet(text, PRICE_PART, POLICY)


def test_prices_stand_in_the_part_that_has_them_and_only_there() -> None:
    with pytest.raises(UnusablePriceSheet, match="prices"):
        sealed(PRICE, OPENING_PART)
    with pytest.raises(UnusablePriceSheet, match="prices"):
        sealed(OPENING, PRICE_PART)
