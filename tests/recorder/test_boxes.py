"""Boxes, whole and torn."""

import pytest

from recorder.boxes import Box, box, children, full_box, walk


@pytest.mark.parametrize("size", [0, 1, 7, 13, 0xFFFFFFFF])
def test_a_box_that_claims_a_wrong_size_ends_the_walk(size: int) -> None:
    data = box("free", b"abcd") + size.to_bytes(4, "big") + b"mdat" + b"abcd"
    assert list(walk(data)) == [Box("free", 0, 12)]


def test_a_torn_header_ends_the_walk() -> None:
    assert list(walk(box("free") + b"\x00\x00\x00")) == [Box("free", 0, 8)]


def test_boxes_nest() -> None:
    data = box("moov", full_box("mvhd", 1, 2, b"x"), box("trak"))
    (moov,) = walk(data)
    assert [(one.name, one.size) for one in children(data, moov)] == [("mvhd", 13), ("trak", 8)]
    assert moov.end == len(data)
    assert data[16:20] == b"\x01\x00\x00\x02"
