"""What `evalroom verify` prints, and how it exits."""

import json
from pathlib import Path

import pytest

from main_site.verifying import verify_archive, written
from recorder.verify import verify
from tests.recorder.bag_factory import LOG_KEY, Bag, make_bag


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Bag:
    return make_bag(tmp_path_factory.mktemp("clean") / "bag")


@pytest.fixture
def spoilt(tmp_path: Path) -> Path:
    made = make_bag(tmp_path / "bag")
    document = next(path for path in (made.path / "data" / "docs").rglob("*") if path.is_file())
    document.write_bytes(document.read_bytes() + b"x")
    return made.path


def test_a_changed_archive_is_found_wrong_step_by_step(
    spoilt: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert 1 == verify_archive(spoilt, [LOG_KEY], as_json=False)
    said = capsys.readouterr().out
    assert "失败 FAIL   2" in said
    assert "The archive does not verify." in said
    assert 1 == verify_archive(spoilt, [LOG_KEY], as_json=True)
    steps = {step["number"]: step for step in json.loads(capsys.readouterr().out)["steps"]}
    assert steps[2]["failures"]


def test_a_key_that_is_none_is_misuse(bag: Bag, capsys: pytest.CaptureFixture[str]) -> None:
    assert 2 == verify_archive(bag.path, ["no key"], as_json=False)
    said = capsys.readouterr()
    assert "" == said.out
    assert said.err


def test_a_good_archive_passes_in_both_languages(bag: Bag, capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == verify_archive(bag.path, [LOG_KEY], as_json=False)
    said = capsys.readouterr().out
    assert "FAIL" not in said
    assert "档案完好 The archive verifies." in said


def test_what_was_taken_on_trust_is_said(bag: Bag) -> None:
    assert "note: log key taken from the bag" in written(verify(bag.path))


def test_of_many_failures_of_a_step_the_first_are_printed(spoilt: Path) -> None:
    for path in spoilt.rglob("data/**/*.*"):
        if path.is_file():
            path.write_bytes(path.read_bytes() + b"x")
    report = verify(spoilt, [LOG_KEY])
    assert len(report.steps[1].failures) > 5
    assert 5 >= max(len(block.splitlines()) - 1 for block in written(report).split("失败 FAIL")[1:2])
