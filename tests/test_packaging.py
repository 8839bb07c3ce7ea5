"""What is shipped and what it stands on: locks without foreign addresses, known licences, pages in the wheel."""

import ast
import json
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from importlib.metadata import Distribution, distribution, packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

import build_pages

ROOT = Path(__file__).parent.parent
STATIC = build_pages.INDEX.parent
PACKAGES = {"evalroom", "signaling", "recorder", "main_site", "sub_site"}
PUBLIC = {"https://pypi.org", "https://files.pythonhosted.org"}

# Absolute addresses that stand in the built pages and are never fetched: names, not places.
NAMES_NOT_PLACES = {
    "www.w3.org": "namespaces of SVG, MathML, XLink and XHTML",
    "vuejs.org": "Vue prints it beside an error",
    "element-plus.org": "Element Plus prints it beside a deprecation",
    "github.com": "pdf.js names its issues and sources in messages",
    "ns.adobe.com": "namespace of XMP metadata, which pdf.js reads",
    "www.xfa.org": "namespaces of XFA forms, which pdf.js reads",
    "www.apache.org": "the licence notice of pdf.js",
    "example.com": "pdf.js tests by it whether a link resolves",
    "foo.bar": "pdf.js tests by it whether the browser parses addresses",
}

pages_needed = pytest.mark.skipif(
    not build_pages.INDEX.exists(), reason="the pages are not built: python3 build_pages.py"
)


def lock() -> dict[str, Any]:
    """Return `uv.lock`."""
    return tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))


def front_end_lock() -> Mapping[str, Mapping[str, Any]]:
    """Return the packages of `package-lock.json`, by folder."""
    packages: Mapping[str, Mapping[str, Any]] = json.loads(
        (ROOT / "web/package-lock.json").read_text("utf-8")
    )["packages"]
    return packages


def test_the_python_lock_knows_no_address_but_the_public_index() -> None:
    found = set(re.findall(r"\w+://[^/\"]+", (ROOT / "uv.lock").read_text("utf-8")))
    assert found == PUBLIC


def test_each_locked_python_package_comes_with_its_digests() -> None:
    files = [file for package in lock()["package"] for file in package.get("wheels", ())]
    assert files
    assert [] == [file["url"] for file in files if not file["hash"].startswith("sha256:")]


def test_the_front_end_lock_holds_digests_and_no_address() -> None:
    text = (ROOT / "web/package-lock.json").read_text("utf-8")
    assert '"resolved"' not in text
    packages = {name: package for name, package in front_end_lock().items() if name}
    assert [] == [name for name, package in packages.items() if "integrity" not in package]


def test_the_front_end_lock_is_whole_on_every_platform() -> None:
    """Npm writes no entry for a binary its registry lacked, and a newer npm then refuses the whole lock."""
    locked = {name.rpartition("node_modules/")[2] for name in front_end_lock()}
    wanted_somewhere = {
        name for package in front_end_lock().values() for name in package.get("optionalDependencies", {})
    }
    assert set() == wanted_somewhere - locked


def test_opencv_is_the_headless_one_below_five_and_aiortc_stays_on_its_minor() -> None:
    locked = {package["name"]: package.get("version", "") for package in lock()["package"]}
    assert locked["opencv-python-headless"].startswith("4.")
    assert locked["aiortc"].startswith("1.16.")


def runtime_set() -> Iterator[Distribution]:
    """Yield everything that `pip install evalroom` brings to this platform."""
    seen: set[str] = set()
    waiting = [("evalroom", "")]
    while waiting:
        name, extra = waiting.pop()
        package = distribution(name)
        if f"{name}[{extra}]" not in seen:
            seen.add(f"{name}[{extra}]")
            waiting += wanted(package, extra)
            yield package


def wanted(package: Distribution, extra: str) -> list[tuple[str, str]]:
    """Return what `package` needs here when it was asked for with `extra`, each with the extra asked of it."""
    needs = [Requirement(line) for line in package.requires or ()]
    here = [need for need in needs if need.marker is None or need.marker.evaluate({"extra": extra})]
    return [(need.name, asked) for need in here for asked in {"", *need.extras}]


def licence(package: Distribution) -> str:
    """Return everything that a package says about its licence."""
    said = package.metadata
    fields = [said[name][:100] for name in ("License-Expression", "License") if name in said]
    classifiers = [line for line in said.get_all("Classifier") or [] if line.startswith("License")]
    return " ".join([*fields, *classifiers])


def test_no_package_of_the_runtime_set_is_under_the_gpl_and_each_names_its_licence() -> None:
    said = {package.name: licence(package).strip() for package in runtime_set()}
    assert len(said) > len(lock()["package"]) / 3, "the walk over the requirements stopped too early"
    assert {} == {
        name: words
        for name, words in said.items()
        if not words or re.search(r"\bA?GPL|GNU (Affero )?General", words)
    }


def imported() -> set[str]:
    """Return the top names that the five packages import from outside."""
    names: set[str] = set()
    for path in (file for package in PACKAGES for file in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.split(".")[0])
    return names - sys.stdlib_module_names - PACKAGES


def test_whatever_is_imported_is_declared_and_does_not_come_by_chance() -> None:
    declared = {Requirement(line).name for line in distribution("evalroom").requires or ()}
    homes = {name: {home.lower() for home in packages_distributions().get(name, ())} for name in imported()}
    assert set() == {name for name, home in homes.items() if not home & declared}


@pages_needed
def test_the_built_pages_name_no_foreign_origin() -> None:
    texts = [path for path in STATIC.rglob("*") if path.suffix in {".html", ".js", ".mjs", ".css", ".json"}]
    assert texts
    hosts: dict[str, set[str]] = {}
    for path in texts:
        for host in re.findall(
            r"(?:https?:|wss?:|[\"'(]\s*)//([a-z0-9-]+(?:\.[a-z0-9-]+)+)", path.read_text("utf-8")
        ):
            hosts.setdefault(host, set()).add(path.name)
    assert {} == {host: files for host, files in hosts.items() if host not in NAMES_NOT_PLACES}


@pages_needed
def test_the_wheel_carries_the_five_packages_and_the_pages_and_nothing_else(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert tops == PACKAGES | {"evalroom-0.1.0.dist-info"}
    assert "main_site/static/index.html" in names
