"""Ranges as browsers ask for them: what is none gives the whole, and what lies outside is refused."""

import pytest

from signaling.problems import RangeOutside
from signaling.ranges import parse_range, range_headers


@pytest.mark.parametrize(
    ("header", "bytes_meant"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=5-", (5, 100)),
        ("bytes=-7", (93, 100)),
        ("bytes=-700", (0, 100)),
        ("bytes=90-700", (90, 100)),
        ("bytes = 1 - 2", (1, 3)),
    ],
)
def test_a_range_is_read(header: str, bytes_meant: tuple[int, int]) -> None:
    assert bytes_meant == parse_range(header, 100)


@pytest.mark.parametrize(
    "header", ["", "bytes=-", "bytes=5-4", "bytes=0-1,4-5", "items=0-1", "bytes=٣-٤", "bytes=a-b"]
)
def test_what_is_no_single_range_asks_for_the_whole(header: str) -> None:
    assert parse_range(header, 100) is None


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=999999999999999-"])
def test_a_range_outside_is_refused(header: str) -> None:
    with pytest.raises(RangeOutside):
        parse_range(header, 100)


def test_an_empty_document_has_no_range() -> None:
    assert parse_range("", 0) is None
    with pytest.raises(RangeOutside):
        parse_range("bytes=0-", 0)


def test_nobody_may_keep_what_is_sent() -> None:
    status, headers = range_headers((2, 5), 10, "ab")
    assert (206, "bytes 2-4/10") == (status, headers["content-range"])
    assert "no-store" in headers["cache-control"]
    assert 200 == range_headers(None, 10, "ab")[0]
