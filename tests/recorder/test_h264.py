"""Reading a picture's size out of a parameter set."""

import random

import pytest

from recorder.h264 import SPS, MalformedParameterSet, nal_type, picture_format
from tests.recorder.seat import nals, pictures


def parameter_set(width: int, height: int) -> bytes:
    return next(nal for nal in nals(pictures(1, width, height)[0].data) if nal_type(nal) == SPS)


def test_no_bytes_whatever_raise_anything_but_the_named_fault() -> None:
    dice = random.Random(2)
    for _ in range(5_000):
        try:
            picture_format(b"\x67" + dice.randbytes(dice.randrange(30)), b"\x68")
        except MalformedParameterSet:
            continue


def test_a_truncated_parameter_set_is_refused() -> None:
    with pytest.raises(MalformedParameterSet):
        picture_format(parameter_set(320, 180)[:5], b"\x68")


@pytest.mark.parametrize(("width", "height"), [(320, 180), (640, 360), (1280, 720), (176, 144), (322, 182)])
def test_the_size_is_what_was_encoded_cropping_included(width: int, height: int) -> None:
    found = picture_format(parameter_set(width, height), b"\x68")
    assert (found.width, found.height) == (width, height)
    assert found.codec.startswith("avc1.42")


def test_a_high_profile_set_with_chroma_and_scaling_is_read() -> None:
    # Written by x264 for High 4:2:0, 1920x1080: cropped from 1088 rows.
    sps = bytes.fromhex("67640028acd940780227e5c05a808080a0000003002000000781e30632c0")
    found = picture_format(sps, b"\x68")
    assert (found.width, found.height) == (1920, 1080)
