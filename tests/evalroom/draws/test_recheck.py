"""A draw is repeated from its file: every lie is found in its step, and what cannot be checked is said."""

import json

import pytest

from evalroom.draws.draw_file import read_draw_file
from evalroom.draws.recheck import STEPS, Mark, Report, recheck
from tests.evalroom.draws import vectors

FILES = {
    path.name.removesuffix(".draw.json"): path.read_bytes() for path in vectors.FOLDER.glob("*.draw.json")
}
STORED = json.loads((vectors.FOLDER / "verdicts.json").read_text("utf-8"))


def report(name: str) -> Report:
    return recheck(read_draw_file(FILES[name]))


@pytest.mark.parametrize("name", STORED)
def test_every_step_comes_out_as_the_vectors_say(name: str) -> None:
    row = STORED[name]
    assert row["marks"] == vectors.marks(vectors.changed(FILES[row["of"]], row["steps"]))


def test_a_log_that_is_not_yours_is_not_trusted() -> None:
    file = read_draw_file(FILES["price-parameter"])
    assert not recheck(file, [vectors.WITNESSES[0].verifier.encode()]).ok
    found = recheck(file, [vectors.LOG.verifier.encode()])
    assert found.ok
    assert "with a key of yours" in found.steps[-1].lines
    assert "with the keys in the file: compare them with your own" in recheck(file).steps[-1].lines


def test_a_step_says_what_it_found() -> None:
    found = report("experts")
    lines = {step.number: " ".join(step.lines) for step in found.steps}
    assert "experts: committee, 5 of 15" in lines[1]
    assert found.drawn[1] in lines[5]
    assert "3 of 18 recused" in lines[6]
    assert "15 entries, 2 witnesses needed" in lines[8]
    assert ("drawn", 5) == (found.state, len(found.drawn))


def test_a_void_draw_names_who_was_silent() -> None:
    found = report("void")
    assert ("void", ()) == (found.state, found.drawn)
    assert "void: A1 silent" in found.steps[4].lines


def test_steps_have_names_in_both_languages() -> None:
    for step in report("void").steps:
        assert (step.name(), step.name("zh-CN")) == STEPS[step.number]
    assert list(STEPS) == [step.number for step in report("void").steps]


def test_every_kind_of_mark_occurs() -> None:
    marks = {step.mark for step in report("void").steps}
    assert {Mark.PASSED, Mark.ABSENT} == marks
