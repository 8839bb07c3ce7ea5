"""The vectors of the specification: made anew they show no diff, and what they refuse is refused."""

import json

import pytest

from evalroom.errors import EvalroomError
from evalroom.ledger.entry import parse_entry
from tests.evalroom.ledger.vectors import FOLDER, VECTORS, text_of


@pytest.mark.parametrize("file", VECTORS)
def test_vectors_made_anew_show_no_diff(file: str) -> None:
    assert (FOLDER / file).read_text(encoding="utf-8") == text_of(VECTORS[file])


def test_no_vector_file_is_left_over() -> None:
    assert set(VECTORS) == {path.name for path in FOLDER.iterdir()}


CASES = [tuple(case.values()) for case in json.loads((FOLDER / "refused-entries.json").read_text("utf-8"))]


@pytest.mark.parametrize(("reason", "line"), CASES, ids=[case[0] for case in CASES])
def test_a_line_with_this_fault_is_no_entry(reason: str, line: str) -> None:
    assert reason
    with pytest.raises(EvalroomError):
        parse_entry(line.encode())
