"""Building the pages: when it happens, with which Node, and what a failure costs."""

import json
import os
from pathlib import Path

import pytest

import build_pages

NPM = """#!/bin/sh
echo "$@" >> "{log}"
case "$1 $2" in
  "run build") mkdir -p "{static}"; echo page > "{static}/index.html";;
esac
exit {code}
"""


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a source tree with one page and a machine without Node."""
    (tmp_path / "web/src").mkdir(parents=True)
    (tmp_path / "web/src/page.ts").write_text("page")
    (tmp_path / "web/package.json").write_text("{}")
    (tmp_path / "web/package-lock.json").write_text(json.dumps({"packages": {"": {}}}))
    monkeypatch.setattr(build_pages, "WEB", tmp_path / "web")
    monkeypatch.setattr(build_pages, "INDEX", tmp_path / "static/index.html")
    monkeypatch.setattr(build_pages, "packaged_npm", lambda: None)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/bin")
    monkeypatch.delenv("EVALROOM_WEB", raising=False)
    node(tmp_path, "none")
    return tmp_path


def node(tree: Path, version: str, code: int = 0) -> None:
    """Put a Node of this version, and an npm that ends with `code`, before every other on PATH."""
    log, static = tree / "npm.log", tree / "static"
    (tree / "bin").mkdir(exist_ok=True)
    for name, text in (
        ("node", f"#!/bin/sh\necho {version}\n"),
        ("npm", NPM.format(log=log, static=static, code=code)),
    ):
        (tree / "bin" / name).write_text(text)
        (tree / "bin" / name).chmod(0o755)


def npm_ran(tree: Path) -> list[str]:
    """Return what npm was asked to do."""
    log = tree / "npm.log"
    return log.read_text().splitlines() if log.exists() else []


def test_without_a_fit_node_an_installation_succeeds_and_says_what_is_missing(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    node(tree, "v18.20.4")
    build_pages.build_as_wished()
    assert [] == npm_ran(tree)
    assert "Pages not built (no Node" in capsys.readouterr().err


def test_required_pages_fail_the_build_when_npm_fails(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    node(tree, "v22.12.0", code=1)
    monkeypatch.setenv("EVALROOM_WEB", "require")
    with pytest.raises(build_pages.PagesNotBuilt, match="npm ci"):
        build_pages.build_as_wished()


@pytest.mark.parametrize("version", ["v20.19.0", "v20.20.2", "v22.12.0", "v24.1.0"])
def test_stale_pages_are_built_once(tree: Path, version: str) -> None:
    node(tree, version)
    build_pages.build_as_wished()
    build_pages.build_as_wished()
    assert ["ci --no-audit --no-fund", "run build"] == npm_ran(tree)


@pytest.mark.parametrize("version", ["v20.18.3", "v22.11.0", "v21.7.3", "none", ""])
def test_a_node_that_vite_does_not_run_on_is_left_alone(tree: Path, version: str) -> None:
    node(tree, version)
    assert build_pages.system_npm() is None
    assert [build_pages.PACKAGED_NODE] == build_pages.packaged_node_needed()


def test_a_changed_source_makes_pages_stale_but_an_installed_package_does_not(tree: Path) -> None:
    node(tree, "v22.12.0")
    build_pages.build_as_wished()
    later = build_pages.INDEX.stat().st_mtime + 10
    (tree / "web/node_modules").mkdir()
    (tree / "web/node_modules/x.js").write_text("x")
    os.utime(tree / "web/node_modules/x.js", (later, later))
    assert not build_pages.stale()
    os.utime(tree / "web/src/page.ts", (later, later))
    assert build_pages.stale()


def test_pages_that_nobody_wants_are_not_built(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    node(tree, "v22.12.0")
    monkeypatch.setenv("EVALROOM_WEB", "skip")
    build_pages.build_as_wished()
    assert [] == npm_ran(tree)
    assert [] == build_pages.packaged_node_needed()


def test_packages_of_another_version_are_installed_again(tree: Path) -> None:
    lock = {"packages": {"": {}, "node_modules/vue": {"version": "3.5.45"}}}
    (tree / "web/package-lock.json").write_text(json.dumps(lock))
    (tree / "web/node_modules").mkdir()
    there = tree / "web/node_modules/.package-lock.json"
    there.write_text(json.dumps({"packages": {"node_modules/vue": {"version": "3.5.44"}}}))
    assert not build_pages.installed()
    there.write_text(json.dumps({"packages": {"node_modules/vue": {"version": "3.5.45"}}}))
    assert build_pages.installed()


def test_scripts_that_call_npm_again_find_one_that_works(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree / "home").mkdir()
    cli, again = tree / "home/npm-cli.js", f'[ "$2" = run ] && npm ci || echo again > "{tree}/npm.log"'
    (tree / "home/node").write_text(f"#!/bin/sh\n{again}\n")
    (tree / "home/node").chmod(0o755)
    monkeypatch.setattr(build_pages, "packaged_npm", lambda: [str(tree / "home/node"), str(cli)])
    build_pages.run_npm("run", "check")
    assert ["again"] == npm_ran(tree)
