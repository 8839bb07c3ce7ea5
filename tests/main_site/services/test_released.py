"""What bidders release is read strictly: another bid, window or form is no half."""

import pytest

from evalroom.ids import BidNumber
from evalroom.ledger.base64 import encode_base64
from evalroom.ledger.canonical import Json, canonical
from evalroom.sealing.policy import PartName
from evalroom.sealing.unseal import HalfMismatch
from main_site.services.released import parse_halves

NUMBER = BidNumber("ab" * 16)
HALF = bytes(range(32))


def said(**changes: Json) -> bytes:
    halves: Json = {"opening": encode_base64(HALF)}
    return canonical({"bid": NUMBER, "halves": halves, "window": "first", **changes})


def test_halves_are_read_by_part() -> None:
    assert {PartName.OPENING: HALF} == parse_halves(said(), "first", NUMBER)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"null",
        b"\xff",
        said() + b" ",
        said().replace(b'"bid"', b'"bid" '),
        said(bid="cd" * 16),
        said(window="second"),
        said(more=1),
        said(halves=[]),
        said(halves={"opening": "x"}),
        said(halves={"opening": encode_base64(HALF[:31])}),
        said(halves={"opening": 5}),
        said(halves={"cellar": encode_base64(HALF)}),
        b"[" * 5000,
    ],
)
def test_anything_else_is_no_half(text: bytes) -> None:
    with pytest.raises(HalfMismatch):
        parse_halves(text, "first", NUMBER)
