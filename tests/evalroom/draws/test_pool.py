"""Recusal by units, and what is published of an expert."""

import pytest

from evalroom.draws.pool import is_recused, publish, unit_key, units_commitment
from evalroom.ids import DrawId
from tests.evalroom.drawing import BIDDERS, pool
from tests.evalroom.room import SESSION

DRAW = DrawId("R1")
NONCE = bytes(range(32))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Northern Roads Ltd.", "NORTHERN ROADS LTD."),
        ("甘肃路桥集团", "甘肃 路桥集团"),
        ("ＡＢＣ公司", "abc公司"),
        ("中铁（一）局", "中铁(一)局"),
        ("unit\u3000one", "unit one"),
        ("Straße", "STRASSE"),
        ("ΟΔΟΣ", "οδος"),
    ],
)
def test_width_case_and_blanks_hide_no_unit(one: str, other: str) -> None:
    assert unit_key(one) == unit_key(other)
    assert is_recused((one,), (other,))


def test_one_unit_of_many_is_enough() -> None:
    assert is_recused(("设计院", "甘肃路桥集团"), BIDDERS)
    assert not is_recused(("设计院", "甘肃路桥"), BIDDERS)
    assert not is_recused((), BIDDERS)


def test_a_commitment_to_units_is_of_one_draw_expert_and_list() -> None:
    first = units_commitment(SESSION, DRAW, "P-1", ("a", "b"), NONCE)
    assert first == units_commitment(SESSION, DRAW, "P-1", ("a", "b"), NONCE)
    others = (
        units_commitment(SESSION, DrawId("R2"), "P-1", ("a", "b"), NONCE),
        units_commitment(SESSION, DRAW, "P-2", ("a", "b"), NONCE),
        units_commitment(SESSION, DRAW, "P-1", ("a",), NONCE),
        units_commitment(SESSION, DRAW, "P-1", ("ab",), NONCE),
        units_commitment(SESSION, DRAW, "P-1", ("a", "b"), NONCE[::-1]),
    )
    assert first not in others


@pytest.mark.parametrize("nonce", [b"", bytes(31), bytes(33)])
def test_a_nonce_of_another_length_is_refused(nonce: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        units_commitment(SESSION, DRAW, "P-1", (), nonce)


def test_nothing_published_names_a_unit() -> None:
    for one in pool():
        published = publish(one, SESSION, DRAW, BIDDERS, NONCE)
        assert not [unit for unit in one.units if unit in str(published)]
        assert published.recused is (BIDDERS[0] in one.units)
