"""What must never come in: looks through both locks, the declared dependencies, all imports and all fonts.

`python3 dev.py test` runs it as a group of its own.  A lock names what comes in by others' wishes, too, so a
banned package is found however deep it sits; the way to it is printed.  Each entry of the tables says why.
"""

import ast
import json
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent

PYTHON: Mapping[str, str] = {
    "gmssl": "its SM2 nonces come from Mersenne Twister: a private key was recovered by predicting them",
    "opencv-python": "needs libGL and overwrites the files of the headless one",
    "opencv-contrib-python": "needs libGL and overwrites the files of the headless one",
    "mplfonts": "its wheel carries SimHei, a proprietary font",
    "tlock": "asks a public beacon: unreachable in closed networks, dies with its operator",
    "drand": "a public beacon: unreachable in closed networks, dies with its operator",
}
"""Packages of Python, as PyPI writes them."""

FRONT_END: Mapping[str, str] = {
    "handsontable": "not free for commercial use",
    "xlsx": "stuck on npm at a version with known holes",
    "tlock-js": "asks a public beacon: unreachable in closed networks, dies with its operator",
    "drand-client": "a public beacon: unreachable in closed networks, dies with its operator",
}
"""Packages of npm."""

IMPORTS: Mapping[str, str] = {
    "gmssl": PYTHON["gmssl"],
    "tlock": PYTHON["tlock"],
    "drand": PYTHON["drand"],
    "mplfonts": PYTHON["mplfonts"],
    "aiortc.contrib.media.MediaRecorder": "a plain MP4: kill -9 leaves nothing to play; evidence goes through reels",
}
"""Modules, or names in them, that no Python file of ours may import."""

ORACLES: Mapping[str, str] = {
    "pymerkle": "GPL-3: an oracle for tests, never shipped",
    "gmalg": "its time follows the key: an oracle for tests, never for secrets",
}
"""Modules that only files below `tests/` may import."""

FONTS = re.compile(
    r"simhei|simsun|simkai|simfang|nsimsun|msyh|microsoft.?yahei|fangzheng|\bfz\w+|stsong|stheiti|pingfang",
    re.IGNORECASE,
)
"""Names under which proprietary Chinese fonts travel."""

OURS = ("evalroom", "signaling", "recorder", "main_site", "sub_site", "tests", "bench")


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that must go: where it stands, what it is, why it is banned."""

    place: str
    what: str
    why: str

    def __str__(self) -> str:
        """Return the line that a person reads."""
        return f"{self.place}: {self.what} is banned: {self.why}"


def canonical(name: str) -> str:
    """Return a package's name as PyPI compares it (PEP 503): `GMSSL`, `gm_ssl` and `gm.ssl` have one form each."""
    return re.sub(r"[-_.]+", "-", name).lower()


def in_python_lock(text: str) -> Iterator[Found]:
    """Yield what `uv.lock` holds of it, with the way that it came in by."""
    packages: list[dict[str, Any]] = tomllib.loads(text)["package"]
    wishes = {package["name"]: set(_wished(package)) for package in packages}
    for name in wishes:
        if canonical(name) in PYTHON:
            way = " <- ".join(_way_to(name, wishes))
            yield Found("uv.lock", way, PYTHON[canonical(name)])


def _wished(package: Mapping[str, Any]) -> Iterator[str]:
    groups = [package.get("dependencies", [])]
    groups += package.get("optional-dependencies", {}).values()
    groups += package.get("dev-dependencies", {}).values()
    yield from (wish["name"] for group in groups for wish in group)


def _way_to(name: str, wishes: Mapping[str, set[str]]) -> list[str]:
    """Return `name`, who wishes for it, who wishes for that, as far as it goes."""
    way = [name]
    while True:
        wisher = next((who for who, theirs in wishes.items() if way[-1] in theirs and who not in way), None)
        if wisher is None:
            return way
        way.append(wisher)


def in_project(text: str) -> Iterator[Found]:
    """Yield what `pyproject.toml` asks for of it, locked or not."""
    project = tomllib.loads(text)
    lists = [project.get("project", {}).get("dependencies", []), project["build-system"]["requires"]]
    lists += project.get("project", {}).get("optional-dependencies", {}).values()
    lists += project.get("dependency-groups", {}).values()
    for line in (line for lines in lists for line in lines if isinstance(line, str)):
        name = canonical(re.split(r"[^\w.-]", line, maxsplit=1)[0])
        if name in PYTHON:
            yield Found("pyproject.toml", name, PYTHON[name])


def in_front_end_lock(text: str) -> Iterator[Found]:
    """Yield what `package-lock.json` holds of it, at any depth, also under another name."""
    for folder, package in json.loads(text)["packages"].items():
        for name in {folder.rpartition("node_modules/")[2], package.get("name", "")} & FRONT_END.keys():
            yield Found("web/package-lock.json", name, FRONT_END[name])


def in_source(place: str, text: str) -> Iterator[Found]:
    """Yield what a Python file imports of it, also by `import_module` and `__import__`."""
    banned = IMPORTS if place.startswith("tests/") else {**IMPORTS, **ORACLES}
    for node in ast.walk(ast.parse(text)):
        for name in _imported(node):
            for ban, why in banned.items():
                if name == ban or name.startswith(f"{ban}."):
                    yield Found(f"{place}:{getattr(node, 'lineno', 0)}", ban, why)


def _imported(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=str(module), names=names, level=0):
            return [f"{module}.{alias.name}" for alias in names]
        case ast.Call(
            func=ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module"),
            args=[ast.Constant(value=str(name)), *_],
        ):
            return [name]
        case _:
            return []


def in_fonts(names: Iterable[str]) -> Iterator[Found]:
    """Yield the font files among `names` that are somebody's property."""
    for name in names:
        path = Path(name)
        if path.suffix.lower() in {".ttf", ".ttc", ".otf", ".woff", ".woff2"} and FONTS.search(path.stem):
            yield Found(name, path.name, "a proprietary font")


def everything() -> Iterator[Found]:
    """Yield whatever is banned in this tree."""
    yield from in_python_lock((ROOT / "uv.lock").read_text("utf-8"))
    yield from in_project((ROOT / "pyproject.toml").read_text("utf-8"))
    yield from in_front_end_lock((ROOT / "web/package-lock.json").read_text("utf-8"))
    for path in sources():
        yield from in_source(path.relative_to(ROOT).as_posix(), path.read_text("utf-8"))
    folders = [ROOT / name for name in (*OURS, "docs", "web/public", "web/src")]
    yield from in_fonts(
        str(path.relative_to(ROOT)) for folder in folders for path in folder.rglob("*") if path.is_file()
    )


def sources() -> list[Path]:
    """Return every Python file of ours."""
    return sorted([*ROOT.glob("*.py"), *(path for name in OURS for path in (ROOT / name).rglob("*.py"))])


def main() -> int:
    """Print what is banned and here; return 0 when nothing is."""
    found = list(everything())
    for one in found:
        print(one)
    if not found:
        print(f"{len(sources())} sources and both locks: nothing banned")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
