"""The stored vectors of draws come out the same, and every draw changed in one place is found out."""

import json
from typing import Any

import pytest

from tests.evalroom.draws import vectors

STORED: dict[str, Any] = json.loads((vectors.FOLDER / "verdicts.json").read_text("utf-8"))


def test_vectors_made_anew_show_no_difference() -> None:
    stored = {path.name: path.read_bytes() for path in vectors.FOLDER.iterdir()}
    assert stored == vectors.files()


@pytest.mark.parametrize("name", vectors.CHANGES)
def test_a_draw_changed_in_one_place_fails(name: str) -> None:
    assert "F" in STORED[name]["marks"]


@pytest.mark.parametrize(
    ("name", "marks"),
    [
        ("price-parameter", "pppppapp"),
        ("from-a-page", "pppppaaa"),
        ("experts", "pppppppp"),
        ("void", "pppapapp"),
        ("not-committed", "pppapapp"),
    ],
)
def test_a_draw_as_it_was_held_passes(name: str, marks: str) -> None:
    assert marks == STORED[name]["marks"]
