"""Records: one spelling, one row of each bid."""

from dataclasses import replace

import pytest

from evalroom.ids import BidNumber
from evalroom.ledger.canonical import Json, canonical, parse_canonical
from evalroom.sealing.facts import Verdict
from evalroom.sealing.record import LotPrice, MalformedRecord, Record, RecordRow, parse_record

ROW = RecordRow("1", BidNumber("a" * 32), "某某", Verdict.OPENED, "", "", (LotPrice("lot1", 98_000_000),))
LOST = RecordRow("2", BidNumber("b" * 32), "", Verdict.REVOKED, "not_released", "bidder", ())
RECORD = Record("T-1", "ab" * 32, "first", (ROW, LOST))


def test_a_record_reads_as_it_was_written() -> None:
    assert RECORD == parse_record(RECORD.text())
    assert '"price_fen":"98000000"' in RECORD.text()
    assert replace(RECORD, rows=()) == parse_record(replace(RECORD, rows=()).text())


def changed(**members: Json) -> str:
    whole = parse_canonical(RECORD.text().encode())
    assert isinstance(whole, dict)
    return canonical({**whole, **members}).decode()


def row(**members: Json) -> list[Json]:
    whole = parse_canonical(RECORD.text().encode())
    assert isinstance(whole, dict)
    rows = whole["rows"]
    assert isinstance(rows, list)
    return [{**rows[0], **members}]


@pytest.mark.parametrize(
    "text",
    [
        "", "{}", "[]", "\ud800", RECORD.text() + " ", changed(v=2), changed(more=1), changed(rows=None),
        changed(rows=row(verdict="pardoned")), changed(rows=row(bid="")), changed(rows=row(more="")),
        changed(rows=row(prices=[{"lot": "a", "price_fen": 1}])), changed(rows=row(prices=[{"lot": "a", "price_fen": "0"}])),
        changed(rows=row() * 2),
    ],
)  # fmt: skip
def test_another_form_is_refused(text: str) -> None:
    with pytest.raises(MalformedRecord):
        parse_record(text)
