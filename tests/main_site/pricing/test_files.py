"""Files with a formula and bids: every fault by the name of its field, before anything is computed."""

import json
from pathlib import Path
from typing import Any

import pytest

from evalroom.errors import Refusal
from evalroom.pricing import presets
from evalroom.pricing.reading import plain
from main_site.pricing.files import UnreadableFile, calculate

BIDS = [{"bid": "A", "price": "95"}, {"bid": "B", "price": "100.00"}, {"bid": "C", "price_fen": 10500}]


def path_of(tmp_path: Path, document: object) -> object:
    file = tmp_path / "price.json"
    file.write_text(json.dumps(document), "utf-8")
    with pytest.raises(Refusal) as why:
        calculate(file)
    return why.value.detail.get("path")


def document(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - members of a file
    return {"formula": "F4", "bids": BIDS, **changes}


def bid(**members: Any) -> dict[str, Any]:  # noqa: ANN401 - members of a bid
    return document(bids=[BIDS[0], {"bid": "B", **members}])


@pytest.mark.parametrize(
    ("bad", "path"),
    [
        (document(formula="F99"), "formula"),
        (document(formula=None), "formula"),
        (document(formula={"name": "x"}), "formula.score"),
        (document(formula={**plain(presets.capped()), "wieght": "1"}), "formula.wieght"),  # type: ignore[dict-item]
        (document(extra=1), "extra"),
        (document(bids={}), "bids"),
        (document(bids=[]), "bids"),
        (document(bids=["A"]), "bids[0]"),
        (document(given=[]), "given"),
        (document(given={"K": "0.96"}), "given.K"),
        (document(formula="F5"), "given.K"),
        (document(formula="F5", given={"K": "ninety"}), "given.K"),
        (document(formula="F5", given={"K": "0.5"}), "given.K"),
        (bid(price="0"), "bids[1].price"),
        (bid(price="-5"), "bids[1].price"),
        (bid(price=-5), "bids[1].price"),
        (bid(price="１００"), "bids[1].price"),
        (bid(price="一百"), "bids[1].price"),
        (bid(price="1.005"), "bids[1].price"),
        (bid(price=None), "bids[1].price"),
        (bid(price=True), "bids[1].price"),
        (bid(price_fen="1.5"), "bids[1].price"),
        (bid(), "bids[1].price"),
        (bid(price="1", price_fen=100), "bids[1].price_fen"),
        (bid(price="1", prize="2"), "bids[1].prize"),
        (bid(price="1", valid="yes"), "bids[1].valid"),
        (bid(price="1", values={"small": "1"}), "bids[1].values.small"),
        (bid(price="1", values=[1]), "bids[1].values"),
        (document(bids=[BIDS[0], BIDS[0]]), "bids[1].bid"),
        (document(bids=[{"bid": 7, "price": "1"}]), "bids[0].bid"),
        (document(bids=[{"bid": "A", "bidder": "甲", "price": "1"}, {"bid": "B", "bidder": "甲", "price": "2"}]),
         "bids[1].bidder"),
    ],
)  # fmt: skip
def test_a_fault_is_named_by_its_field(tmp_path: Path, bad: object, path: str) -> None:
    assert path == path_of(tmp_path, bad)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"bids": 1, "bids": 2}',
        '{"formula": NaN}',
        '{"x": 1e99999999999}',
        "[" * 100_000,
        "\udcff",
    ],
)
def test_what_is_no_table_of_json_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "x.json"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(Refusal):
        calculate(file)


def test_a_missing_and_a_huge_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile):
        calculate(tmp_path / "none.toml")
    (tmp_path / "huge.toml").write_bytes(b"#" * 1_000_001)
    with pytest.raises(UnreadableFile):
        calculate(tmp_path / "huge.toml")


def test_toml_with_fractions_is_read_exactly(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text(
        'formula = "F1"\n[[bids]]\nbid = "A"\nprice = 0.1\n[[bids]]\nbid = "B"\nprice = 0.30\n', "utf-8"
    )
    done = calculate(file)
    assert ["10/1", "30/1"] == [row.read for row in done.trace.rows]
    assert ["30.00", "10.00"] == [row.points for row in done.trace.rows]


def test_yuan_and_fen_are_the_same_money(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text(json.dumps(document()), "utf-8")
    assert ["59.50", "60.00", "59.00"] == [row.points for row in calculate(file).trace.rows]


def test_a_bid_above_the_ceiling_is_told_as_rejected_by_its_rule(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    formula = plain(presets.lowest_price(ceiling_fen=100_00))
    file.write_text(json.dumps(document(formula=formula)), "utf-8")
    last = calculate(file).trace.rows[2]
    assert ("out", "ceiling") == (last.points, last.why)
