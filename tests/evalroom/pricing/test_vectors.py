"""The shared vectors are what this kernel says, and what the pages' own implementation is held to."""

import json

import pytest

from tests.evalroom.pricing import vectors


@pytest.mark.parametrize("name", vectors.FILES)
def test_the_vectors_come_out_anew_without_a_difference(name: str) -> None:
    text = (vectors.FOLDER / f"{name}.json").read_text("utf-8")
    assert text == vectors.text_of(name), "run `python -m tests.evalroom.pricing.vectors`"


def test_most_random_formulas_come_to_a_result_and_the_others_are_refused_by_code() -> None:
    found = json.loads((vectors.FOLDER / "random.json").read_text("utf-8"))
    assert len(found) >= 400
    assert sum("sha256" in one for one in found) > 0.75 * len(found)
    refused = {one["refused"] for one in found if "refused" in one}
    assert {"formula_undefined", "nothing_to_price"} == refused


def test_each_kind_of_formula_is_among_the_random_ones() -> None:
    formulas = [one["formula"] for one in json.loads((vectors.FOLDER / "random.json").read_text("utf-8"))]
    assert {"value", "penalty", "table"} == {one["score"]["kind"] for one in formulas}
    assert {"linear", "up", "down", "nearest"} <= {one["score"].get("steps", "linear") for one in formulas}
    assert {"half_up", "half_even", "down", "up"} == {
        each["mode"] for one in formulas for each in one["rounds"]
    }
    assert any(one.get("quote") == "rate" for one in formulas)
