"""Padding: every text has one padded form, and any other is refused."""

import pytest

from evalroom.sealing.padding import pad, padded_size, unpad
from evalroom.sealing.policy import PAD_STEP
from evalroom.sealing.stream import PartDamaged
from tests.evalroom.sealing import tender


@pytest.mark.parametrize("size", [0, 1, PAD_STEP - 9, PAD_STEP - 8, PAD_STEP - 7, PAD_STEP, 3 * PAD_STEP - 8])
def test_a_text_comes_back_and_its_length_is_hidden_in_steps(size: int) -> None:
    padded = pad(tender.pattern(size))
    assert padded_size(size) == len(padded)
    assert len(padded) % PAD_STEP == 0
    assert len(padded) - size < PAD_STEP + 8
    assert tender.pattern(size) == unpad(padded)


def test_other_paddings_are_refused() -> None:
    good = pad(b"text")
    for wrong in (
        b"",
        bytes(7),
        good[:-1],
        good + bytes(PAD_STEP),
        good + b"\0",
        good[:-1] + b"\1",
        good[:12] + b"\1" + good[13:],
        (PAD_STEP - 7).to_bytes(8, "big") + good[8:],
        b"\xff" * 8 + good[8:],
    ):
        with pytest.raises(PartDamaged):
            unpad(wrong)
