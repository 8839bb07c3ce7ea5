"""`evalroom draw`: repeat a draw from its file, take one out of an archive, prepare a pool."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from evalroom.sealing.roster import open_roster, open_roster_share, parse_roster
from main_site.cli import app
from tests.evalroom.draws import vectors
from tests.evalroom.sealing import tender
from tests.recorder.bag_factory import LOG_KEY, Bag, make_bag
from tests.recorder.test_verify_draws import make

POOL = """
against = ["甘肃路桥集团"]
[[expert]]
id = "P-1"
type = "technical"
region = "GS"
units = ["甘肃 路桥集团"]
[[expert]]
id = "P-2"
type = "economic"
region = "NX"
units = []
"""


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, ["draw", *map(str, words)])


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Bag:
    return make(tmp_path_factory.mktemp("draws") / "bag")


@pytest.mark.parametrize("name", ["an option added", "another drawn", "an innocent named", "a value changed"])
def test_a_draw_changed_in_one_place_is_found_wrong(tmp_path: Path, name: str) -> None:
    row = json.loads((vectors.FOLDER / "verdicts.json").read_text("utf-8"))[name]
    whole = (vectors.FOLDER / f"{row['of']}.draw.json").read_bytes()
    file = tmp_path / "draw.json"
    file.write_bytes(vectors.changed(whole, row["steps"]))
    result = run("check", file)
    assert 1 == result.exit_code
    assert "失败 FAIL" in result.stdout
    assert "The draw does not come out." in result.stdout


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff", b"[1]"])
def test_what_is_no_draw_is_misuse(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "draw.json"
    file.write_bytes(data)
    result = run("check", file)
    assert (2, "") == (result.exit_code, result.stdout)
    assert "no file of a draw" in result.stderr
    assert 2 == run("check", tmp_path / "missing.json").exit_code


def test_a_key_that_is_none_is_misuse() -> None:
    assert 2 == run("check", vectors.FOLDER / "void.draw.json", "--log-key", "mine").exit_code


def test_another_log_than_yours_is_found_wrong() -> None:
    key = vectors.WITNESSES[0].verifier.encode()
    assert 1 == run("check", vectors.FOLDER / "price-parameter.draw.json", "--log-key", key).exit_code


def test_each_step_of_a_good_draw_is_printed() -> None:
    result = run("check", vectors.FOLDER / "experts.draw.json", "--log-key", vectors.LOG.verifier.encode())
    assert 0 == result.exit_code
    for number, name in enumerate(("抽签声明与名单", "各方承诺", "种子与次序重新计算"), 1):
        assert name in result.stdout, number
    assert "with a key of yours" in result.stdout
    assert "The draw comes out again." in result.stdout


def test_programs_get_json() -> None:
    result = run("check", vectors.FOLDER / "void.draw.json", "--json")
    said = json.loads(result.stdout)
    assert (0, True, "void", []) == (result.exit_code, said["ok"], said["state"], said["drawn"])
    assert "pppapapp" == "".join(one["mark"][0] for one in said["steps"])


def test_a_draw_taken_out_of_an_archive_proves_itself(bag: Bag, tmp_path: Path) -> None:
    listed = run("export", bag.path)
    assert (0, "K1\nK2\nR1\nC1\n") == (listed.exit_code, listed.stdout)
    for draw in listed.stdout.split():
        file = tmp_path / f"{draw}.json"
        assert 0 == run("export", bag.path, draw, "--out", file).exit_code
        result = run("check", file, "--log-key", LOG_KEY)
        assert 0 == result.exit_code, result.stdout
        assert "2 witnesses needed" in result.stdout


def test_what_the_archive_does_not_hold_cannot_be_taken_out(bag: Bag, tmp_path: Path) -> None:
    result = run("export", bag.path, "K9")
    assert 2 == result.exit_code
    assert "K1, K2, R1, C1" in result.stderr
    assert 2 == run("export", tmp_path).exit_code
    plain = make_bag(tmp_path / "bag")
    assert (0, "\n") == (run("export", plain.path).exit_code, run("export", plain.path).stdout)
    (plain.path / "data" / "log" / "checkpoints.txt").write_text("", "utf-8")
    assert 2 == run("export", plain.path, "K1").exit_code


def test_a_journal_without_a_cosigned_checkpoint_gives_no_proof(bag: Bag, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "log"
    folder.mkdir(parents=True)
    for name in ("entries.jsonl", "checkpoints.txt"):
        (folder / name).write_bytes((bag.path / "data" / "log" / name).read_bytes())
    (folder / "checkpoints.txt").write_text("nothing\n", "utf-8")
    result = run("export", tmp_path, "K2")
    assert 2 == result.exit_code
    assert "no cosigned checkpoint" in result.stderr


# --- the pool ---------------------------------------------------------------------------------------------


def test_nothing_published_of_a_pool_names_a_unit(tmp_path: Path) -> None:
    (tmp_path / "pool.toml").write_text(POOL, "utf-8")
    words = (
        tmp_path / "pool.toml",
        "--session",
        "EV-1",
        "--draw",
        "R1",
        "--openings",
        tmp_path / "kept.json",
    )
    result = run("pool", *words)
    assert 0 == result.exit_code, result.stderr
    assert "路桥" not in result.stdout
    listed = json.loads(result.stdout)
    assert [("P-1", True), ("P-2", False)] == [(one["id"], one["recused"]) for one in listed]
    assert 0o600 == (tmp_path / "kept.json").stat().st_mode & 0o777
    again = run("pool", *words)
    assert 2 == again.exit_code, "openings are never overwritten: they belong to a list that is out"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "against = 1",
        POOL.replace("technical", "legal"),
        POOL.replace('region = "NX"', ""),
        POOL.replace('id = "P-2"', 'id = "P-1"'),
        POOL.replace('id = "P-2"', 'id = "P-2"\nname = "张三"'),
        "\x00",
    ],
)
def test_what_is_no_pool_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "pool.toml").write_text(text, "utf-8")
    words = ("--session", "EV-1", "--draw", "R1", "--openings", tmp_path / "kept.json")
    assert 2 == run("pool", tmp_path / "pool.toml", *words).exit_code
    assert not (tmp_path / "kept.json").exists()


def test_the_openings_let_anyone_check_recusal(tmp_path: Path) -> None:
    whole = vectors.FOLDER / "experts.draw.json"
    value = json.loads(whole.read_bytes())
    opened = tmp_path / "kept.json"
    opened.write_text(json.dumps(value.pop("pool")), "utf-8")
    file = tmp_path / "draw.json"
    file.write_text(json.dumps(value), "utf-8")
    assert "pool has not opened the units" in run("check", file).stdout
    result = run("open-pool", file, opened, "--out", tmp_path / "opened.json")
    assert 0 == result.exit_code
    assert whole.read_bytes() == (tmp_path / "opened.json").read_bytes()
    opened.write_text("[]", "utf-8")
    assert 2 == run("open-pool", file, opened).exit_code


# --- the roster -------------------------------------------------------------------------------------------


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.json"
    path.write_bytes(tender.policy(suites=[2]).encode())
    return path


@pytest.mark.parametrize("text", ["", "[]", "{}", "[1]", "[{}]", '[{"name": 1}]', "[" * 100_000])
def test_what_is_no_roster_is_not_sealed(tmp_path: Path, policy: Path, text: str) -> None:
    (tmp_path / "roster.json").write_text(text, "utf-8")
    out = tmp_path / "roster.sealed"
    assert (
        2
        == run(
            "seal-roster", tmp_path / "roster.json", "--policy", policy, "--draw", "R1", "--out", out
        ).exit_code
    )
    assert not out.exists()


def test_a_roster_is_sealed_to_the_trustees_of_the_policy(tmp_path: Path, policy: Path) -> None:
    rows = [{"id": "P-001", "name": "张三", "phone": "13800000000"}]
    (tmp_path / "roster.json").write_text(json.dumps(rows), "utf-8")
    out = tmp_path / "roster.sealed"
    words = ("seal-roster", tmp_path / "roster.json", "--policy", policy, "--draw", "R1", "--out", out)
    assert 0 == run(*words).exit_code
    first = out.read_bytes()
    assert 0 == run(*words).exit_code
    assert first != out.read_bytes(), "every roster has a secret of its own"
    terms = tender.policy(suites=[2])
    roster = parse_roster(first, terms)
    shares = {
        n: open_roster_share(roster, n, tender.opening_key(2, who))
        for n, who in ((1, "host"), (3, "supervisor"))
    }
    assert rows == json.loads(open_roster(roster, terms.k, shares))
