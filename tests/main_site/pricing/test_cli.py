"""`evalroom price` as it is typed: what it prints, what it refuses, how it ends."""

import json
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from evalroom.pricing.presets import PRESETS
from evalroom.pricing.reading import read_formula
from main_site.cli import app

GOOD = 'formula = "F4"\n' + "".join(
    f'[[bids]]\nbid = "{bid}"\nprice = "{price}"\n'
    for bid, price in (("A", "95"), ("B", "100"), ("C", "105"))
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "lot.toml"
    path.write_text(GOOD, "utf-8")
    return path


def told(*words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["price", *words])
    return done.exit_code, done.stdout, done.stderr


def test_a_wrong_field_ends_with_status_1_and_says_where_what_and_what_to_do(file: Path) -> None:
    file.write_text(GOOD.replace('"100"', '"１００"'), "utf-8")
    code, out, err = told("run", str(file))
    assert (1, "") == (code, out)
    assert err.startswith("lot.toml: bids[1].price: full-width characters: write 100; found １００\n")
    assert "correct the field named" in err


def test_a_sample_that_differs_is_named(file: Path) -> None:
    formula = CliRunner().invoke(app, ["price", "show", "F4"]).stdout.replace('"59.00"', '"58.00"')
    file.write_text(GOOD.replace('formula = "F4"\n', "") + formula, "utf-8")
    code, _, err = told("run", str(file))
    assert 1 == code
    assert "sample 1, bid C, expected 58.00, got 59.00" in err


def test_a_formula_without_a_sample_is_refused(file: Path) -> None:
    formula = CliRunner().invoke(app, ["price", "show", "F4"]).stdout.split("[[formula.samples]]")[0]
    file.write_text(GOOD.replace('formula = "F4"\n', "") + formula, "utf-8")
    assert 1 == told("run", str(file))[0]
    assert 1 == told("explain", str(file))[0]


def test_an_error_is_json_too(file: Path) -> None:
    file.write_text(GOOD.replace("F4", "F5"), "utf-8")
    code, out, _ = told("run", str(file), "--json")
    assert 1 == code
    assert ("price_input", "given.K") == (json.loads(out)["code"], json.loads(out)["path"])


def test_a_file_that_is_not_there_is_misuse(tmp_path: Path) -> None:
    assert 2 == told("run", str(tmp_path / "none.toml"))[0]
    assert 2 == told("show", "F99")[0]
    assert 2 == told("explain", str(tmp_path), "--lang", "fr")[0]


def test_run_prints_every_intermediate_and_the_scores(file: Path) -> None:
    code, out, err = told("run", str(file))
    assert (0, "") == (code, err)
    lines = out.splitlines()
    assert "aggregate base: 10000/1" in lines
    at = lines.index("bid A")
    assert ["  read 9500/1", "  deviate -5/1", "  score 119/2", "  floor 119/2", "  weight 119/2",
            "  score 119/2 = 59.50"] == lines[at + 1 : at + 7]  # fmt: skip


def test_run_prints_json_with_scores_as_texts(file: Path) -> None:
    out = json.loads(told("run", str(file), "--json")[1])
    assert ["59.50", "60.00", "59.00"] == [row["points"] for row in out["rows"]]
    assert {"formula", "given", "steps", "rows"} == out.keys()


def test_explain_speaks_chinese_unless_told_otherwise(file: Path) -> None:
    assert "计价方法：F4" in told("explain", str(file))[1]
    assert "Method: F4" in told("explain", str(file), "--lang", "en")[1]


@pytest.mark.parametrize("name", PRESETS)
def test_show_prints_a_preset_that_reads_back(name: str) -> None:
    _, out, _ = told("show", name)
    assert PRESETS[name]() == read_formula(tomllib.loads(out, parse_float=Decimal)["formula"])
