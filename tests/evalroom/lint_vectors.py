"""Makes the vectors of the checks before a lock, which pages are held to as well; run it as a module to write them anew."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from evalroom.checks import Statement, lint, state, write_statement
from evalroom.encoding import to_json
from evalroom.ids import BidId
from evalroom.ledger.canonical import Json
from evalroom.sheet import Cell, Sheet, keys_of
from evalroom.tender import Item, ItemKind, Lot, Option, Part, Thresholds
from tests.evalroom.room import BIDS, ITEMS, LOT1

FILE = Path(__file__).parents[1] / "vectors" / "sheets" / "lint.json"
CHOICE = replace(
    ITEMS[9], kind=ItemKind.CHOICE, options=(Option("A", "6.5"), Option("B", "3.25"), Option("无", "0"))
)
LOT = replace(LOT1, items=(*ITEMS[:9], CHOICE, replace(ITEMS[10], reason_below="20"), ITEMS[11]))
STRICT = replace(LOT, checks=Thresholds("95.5", 2, 3, 2, "10"))
HEAVY = replace(LOT, items=(*LOT.items[:4], replace(LOT.items[4], full="11"), *LOT.items[5:]))

Case = tuple[str, Lot, Part, dict[str, str], dict[str, Json]]


def usual(item: Item, number: int) -> str:
    """Return a value without a finding, another one for each bid."""
    match item.kind:
        case ItemKind.PASS:
            return "pass"
        case ItemKind.CHOICE:
            return item.options[0].name
        case ItemKind.DEDUCT:
            return "0"
        case ItemKind.SCORE:
            return f"{7 + number}" if item.id == "quality" else item.full


def sheet_of(lot: Lot, part: Part, cells: dict[str, str]) -> Sheet:
    """Return a sheet with `cells` ("bid1 plan": "3|reason") in place of the usual values; "" leaves a cell out."""
    items = {item.id: item for item in lot.items}
    sheet = Sheet()
    for bid, item in keys_of(lot, part, ()):
        text = cells.get(f"{bid} {item}", usual(items[item], BIDS.index(bid)))
        value, _, reason = text.partition("|")
        if text:
            sheet.cells[bid, item] = Cell(1, value, reason, "v", "r")
    return sheet


def cases() -> Iterator[Case]:
    """Yield name, lot, part, changed cells and what is told of every case."""
    detailed, preliminary = Part.DETAILED, Part.PRELIMINARY
    yield "in order", LOT, detailed, {}, {}
    yield "in order, preliminary", LOT, preliminary, {"bid2 form": "fail|no seal"}, {}
    yield "empty", LOT, detailed, {"bid1 plan": "", "bid4 faults": ""}, {"totals": {}}
    yield (
        "range",
        LOT,
        detailed,
        {"bid1 plan": "12.1", "bid2 plan": "8.55", "bid3 record": "C", "bid4 plan": "08"},
        {},
    )
    yield "no verdict", LOT, preliminary, {"bid1 form": "1", "bid2 form": "fail| "}, {}
    yield "reason missing", LOT, detailed, {"bid1 faults": "0.5", "bid2 faults": "0.0"}, {}
    yield (
        "wrong totals",
        LOT,
        detailed,
        {},
        {"totals": {"bid1": "67.0", "bid2": "1", "bid3": "x", "bid9": "3"}},
    )
    yield "weights", HEAVY, detailed, {}, {}
    yield "low", LOT, detailed, {
        "bid1 plan": "7.1", "bid2 plan": "7.2", "bid3 plan": "7.1|thin", "bid1 record": "B", "bid2 record": "无|none",
        "bid3 service": "1", "bid4 service": "0.9", "bid4 faults": "6|late",
    }, {}  # fmt: skip
    yield "low by other thresholds", STRICT, detailed, {"bid1 plan": "11.4", "bid2 plan": "11.5"}, {}
    yield (
        "same vector",
        LOT,
        detailed,
        {"bid1 quality": "9.0", "bid2 quality": "9", "bid2 record": "B|one"},
        {},
    )
    yield "copied", LOT, detailed, {
        "bid1 plan": "12|条理清楚、论证充分。", "bid2 plan": "12| 条理清楚、论证充分。 ", "bid3 safety": "8|条理清楚、论证充分。",
        "bid1 staff": "8|well  staffed", "bid4 staff": "8|well staffed", "bid1 machines": "6|fine", "bid2 machines": "6|fine",
    }, {}  # fmt: skip
    yield "copied, 8 characters of two units", LOT, detailed, {
        "bid1 plan": f"12|{'𠮷' * 8}", "bid2 plan": f"12|{'𠮷' * 8}", "bid3 plan": f"12|{'𠮷' * 7}", "bid4 plan": f"12|{'𠮷' * 7}",
    }, {}  # fmt: skip
    yield "unopened", LOT, detailed, {}, {"opened": ["bid1", "bid4"]}
    yield "rejected", LOT, detailed, {"bid2 plan": "99"}, {"rejected": ["bid2"]}


def made(case: Case) -> dict[str, Json]:
    """Return a case with what the room finds in it, and the statement of an expert who answers everything."""
    name, lot, part, changes, told = case
    sheet = sheet_of(lot, part, changes)
    totals, opened = told.get("totals"), told.get("opened")
    rejected = [BidId(str(one)) for one in _list(told.get("rejected"))]
    found = lint(
        sheet,
        lot,
        part,
        rejected=rejected,
        totals={bid: str(total) for bid, total in totals.items()} if isinstance(totals, dict) else None,
        opened=None if opened is None else frozenset(BidId(str(one)) for one in _list(opened)),
    )
    stated: Statement = state(sheet, lot, part, rejected, "已核对")
    cells: list[Json] = [[*key, cell.value, cell.reason] for key, cell in sheet.cells.items()]
    findings: list[Json] = [[one.code.value, one.effect.value, [*one.bids], [*one.items]] for one in found]
    lot_json = to_json(lot)
    return {
        "name": name, "lot": lot_json, "part": part.value, "cells": cells, "told": told, "findings": findings,
        "statement": write_statement(stated),
    }  # fmt: skip


def _list(value: Json) -> list[Json]:
    return list(value) if isinstance(value, list) else []


def text() -> str:
    """Return the file's text."""
    lines = (json.dumps(made(case), ensure_ascii=False) for case in cases())
    return "[\n" + ",\n".join(lines) + "\n]\n"


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(text(), encoding="utf-8")
