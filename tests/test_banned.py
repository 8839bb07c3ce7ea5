"""The look-out for banned things: each is found where it hides, what merely looks like it is let through."""

import json

import pytest

from tests import banned

LOCK = """
[[package]]
name = "evalroom"
source = { editable = "." }
dependencies = [{ name = "harmless" }]
[package.dev-dependencies]
dev = [{ name = "tool" }]

[[package]]
name = "harmless"
version = "1"
dependencies = [{ name = "deeper" }]

[[package]]
name = "deeper"
version = "1"
[package.optional-dependencies]
gm = [{ name = "NAME" }]

[[package]]
name = "tool"
version = "1"
dependencies = [{ name = "deeper" }]

[[package]]
name = "NAME"
version = "3.2.2"
"""


def test_nothing_banned_is_here() -> None:
    assert [] == list(map(str, banned.everything()))


def test_gmssl_is_found_however_deep_it_sits_and_the_way_to_it_is_told() -> None:
    (found,) = banned.in_python_lock(LOCK.replace("NAME", "gmssl"))
    assert found.what == "gmssl <- deeper <- harmless <- evalroom"
    assert "Mersenne" in str(found)


def test_gmssl_planted_deep_in_our_own_lock_is_found() -> None:
    ours = (banned.ROOT / "uv.lock").read_text("utf-8")
    wisher = '[[package]]\nname = "structlog"\n'
    assert wisher in ours
    planted = ours.replace(wisher, f'{wisher}dependencies = [{{ name = "between" }}]\n', 1)
    planted += '\n[[package]]\nname = "between"\nversion = "1"\ndependencies = [{ name = "gmssl" }]\n'
    planted += '\n[[package]]\nname = "gmssl"\nversion = "3.2.2"\n'
    assert [] == list(banned.in_python_lock(ours))
    (found,) = banned.in_python_lock(planted)
    assert found.what == "gmssl <- between <- structlog <- evalroom"


@pytest.mark.parametrize("name", [*banned.PYTHON, "GMSSL", "Opencv_Python"])
def test_each_banned_package_is_found_in_the_lock(name: str) -> None:
    assert len(list(banned.in_python_lock(LOCK.replace("NAME", name)))) == 1


@pytest.mark.parametrize("name", ["gmssl-lookalike", "opencv-python-headless", "pymerkle", "gmalg"])
def test_a_package_that_only_looks_like_one_is_let_through(name: str) -> None:
    assert [] == list(banned.in_python_lock(LOCK.replace("NAME", name)))


@pytest.mark.parametrize(
    "line", ["gmssl", "GmSSL>=3", "gmssl[extra]==3.2.2; python_version>'3'", "gmssl @ file:x"]
)
def test_a_declared_dependency_is_found_before_it_is_locked(line: str) -> None:
    for table in (
        "[project]\ndependencies",
        "[project.optional-dependencies]\ngm",
        "[dependency-groups]\ndev",
    ):
        text = f'[build-system]\nrequires = []\n{table} = ["rich", "{line}"]\n'
        assert len(list(banned.in_project(text))) == 1
    assert len(list(banned.in_project(f'[build-system]\nrequires = ["{line}"]\n'))) == 1


@pytest.mark.parametrize("folder", ["node_modules/xlsx", "node_modules/a/node_modules/handsontable"])
def test_a_package_of_npm_is_found_at_any_depth(folder: str) -> None:
    lock = json.dumps({"packages": {"": {"name": "pages"}, folder: {"version": "1"}}})
    assert len(list(banned.in_front_end_lock(lock))) == 1


def test_a_package_of_npm_is_found_under_another_name() -> None:
    lock = json.dumps({"packages": {"node_modules/sheets": {"name": "xlsx", "version": "1"}}})
    assert len(list(banned.in_front_end_lock(lock))) == 1


@pytest.mark.parametrize(
    "line",
    [
        "import gmssl",
        "import gmssl.sm2 as sm2",
        "from gmssl import sm2",
        "from gmssl.sm2 import CryptSM2",
        "def later():\n    from gmssl import sm2",
        "importlib.import_module('gmssl.sm2')",
        "import_module('gmssl')",
        "__import__('gmssl')",
        "from aiortc.contrib.media import MediaRecorder",
        "from drand import client",
    ],
)
def test_an_import_is_found_wherever_it_stands(line: str) -> None:
    for place in ("evalroom/x.py", "tests/x.py", "bench/x.py", "dev.py"):
        assert len(list(banned.in_source(place, line))) == 1


@pytest.mark.parametrize("name", banned.ORACLES)
def test_an_oracle_stays_in_the_tests(name: str) -> None:
    assert [] == list(banned.in_source("tests/x.py", f"import {name}"))
    for place in ("evalroom/x.py", "bench/x.py", "dev.py"):
        assert len(list(banned.in_source(place, f"import {name}"))) == 1


@pytest.mark.parametrize(
    "line",
    ["import gmssl_lookalike", "from . import gmssl", "x = 'gmssl'", "from aiortc.contrib import media"],
)
def test_an_import_that_only_looks_like_one_is_let_through(line: str) -> None:
    assert [] == list(banned.in_source("evalroom/x.py", line))


@pytest.mark.parametrize(
    ("name", "hits"),
    [
        ("a/SimHei.ttf", 1),
        ("msyh.ttc", 1),
        ("fonts/NotoSansCJK.ttc", 0),
        ("LiberationSans.ttf", 0),
        ("simhei.md", 0),
    ],
)
def test_a_proprietary_font_is_found_by_its_name(name: str, hits: int) -> None:
    assert hits == len(list(banned.in_fonts([name])))


def test_what_is_found_fails_the_check_and_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = banned.ROOT / "tests/evalroom/ledger/test_canonical.py"
    monkeypatch.setattr(banned, "sources", lambda: [path])
    assert banned.main() == 0
    monkeypatch.setitem(banned.IMPORTS, "rfc8785", "a planted ban")
    assert banned.main() == 1
    assert "tests/evalroom/ledger/test_canonical.py" in capsys.readouterr().out
