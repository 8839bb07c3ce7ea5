"""Names that reach the disk, the signed notes and the feeds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalroom.errors import MalformedName
from evalroom.ids import SeatCode, SiteId, check_name, track_id

BAD = [
    "", ".", "..", "a..b", "../a", "a/b", "a\\b", "/a", "-a", "_a", ".a", "a.", "a-", " a", "a ", "a b", "a\n", "a\0",
    "a+b", "é", "评标", "\uff21", "a\u200b", "x" * 65, "C:", "a\u0301", "%2e", "~", "a\r",
]  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_name_that_could_leave_a_folder_or_break_a_note_is_refused(name: str) -> None:
    with pytest.raises(MalformedName):
        check_name(name)


@pytest.mark.parametrize("name", ["a", "A1", "EV-2026-0001", "3.1", "x" * 64, "a--b", "a_", "host"])
def test_a_usual_name_passes_unchanged(name: str) -> None:
    assert name == check_name(name)


@given(st.text(max_size=70))
def test_whatever_passes_is_ascii_without_separators(name: str) -> None:
    try:
        check_name(name)
    except MalformedName:
        return
    assert name.isascii()
    assert 1 <= len(name) <= 64
    assert not set(name) & set('/\\:+ \n\r\t\0*?"<>|')
    assert name.strip(".-") == name
    assert ".." not in name


def test_the_refusal_shows_no_more_than_the_beginning_of_a_long_name() -> None:
    with pytest.raises(MalformedName) as refused:
        check_name("/" * 5000)
    assert {"name": "/" * 80} == refused.value.detail


def test_a_track_is_named_after_site_seat_and_kind() -> None:
    assert "west-E2/camera" == track_id(SiteId("west"), SeatCode("E2"), "camera")
