"""Every check and test, in order, each under its heading; `python3 dev.py test` ends up here.

All groups run even when an early one fails: one look at the closing summary shows everything that is wrong.
As root on Debian or Ubuntu it installs the real programs that tests need; elsewhere it names them.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import build_pages
from tests.programs import Program, missing

ROOT = Path(__file__).resolve().parent.parent
MOST_UNSTEADY = 2
"""Modules that may fail in the crowd and pass by themselves; more than that is no accident."""

Group = tuple[str, Callable[[], bool]]


def succeeds(*command: str) -> bool:
    """Run `command` at the root of the tree, its words going to the person, and say whether it was content."""
    sys.stdout.flush()
    return subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, check=False).returncode == 0


def module(*words: str) -> bool:
    """Run a module of this Python."""
    return succeeds(sys.executable, "-m", *words)


class Beside:
    """A module that runs beside the groups between its begin and its end, and says then what it had to say."""

    def __init__(self, *words: str) -> None:
        """Keep the words of the command."""
        self._words = words

    def begin(self) -> bool:
        """Start it."""
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `end`
        command = (sys.executable, "-m", *self._words)
        self._running = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=self._said, stderr=subprocess.STDOUT
        )
        return True

    def end(self) -> bool:
        """Wait for it, pass on its words, and say whether it was content."""
        with self._said:
            content = self._running.wait() == 0
            self._said.seek(0)
            print(self._said.read().decode("utf-8", "replace"), end="", flush=True)
        return content


class Suite:
    """All tests of this Python: in a crowd, and where at most two modules failed in it, those once more by themselves.

    What passes then is named as unsteady in the summary: one machine that was busy for a moment does not turn 10,000
    good tests away, and a race that shows itself is not hidden (CPython's own regrtest does likewise).
    """

    def __init__(self, words: list[str]) -> None:
        """Keep pytest's own words."""
        self._words = words
        self.unsteady: list[str] = []

    def run(self) -> bool:
        """Run them, and say whether each passed at least by itself."""
        with tempfile.TemporaryDirectory() as folder:
            told = Path(folder) / "failed"
            if self._pytest(workers(), "--failed-to", str(told)):
                return True
            failed = told.read_text().splitlines() if told.exists() else []
        modules = sorted({one.partition("::")[0] for one in failed})
        if not 0 < len(modules) <= MOST_UNSTEADY:
            return False
        print(f"\n--- by themselves: {' '.join(modules)} ---", flush=True)
        steady = self._pytest(str(os.cpu_count() or 1), *modules)
        self.unsteady = failed if steady else []
        return steady

    def _pytest(self, processes: str, *words: str) -> bool:
        return module("pytest", "-n", processes, "--dist", "loadgroup", *self._words, *words)


def front_end() -> bool:
    """Check types, texts, tests and budgets of the pages, and build them."""
    try:
        build_pages.install()
        build_pages.run_npm("run", "check")
        build_pages.INDEX.touch()
    except build_pages.PagesNotBuilt as reason_why:
        print(reason_why)
        return False
    return True


def programs() -> bool:
    """Install the missing real programs where that is possible, and name those that stay missing."""
    wanted = missing()
    if wanted and may_install():
        install(wanted)
    for program in missing():
        print(
            f"MISSING: {program.name} (Debian package {program.package}); the tests that need it are skipped"
        )
    return True  # whether a skip is a failure is for --require-all to say


def may_install() -> bool:
    """Say whether this is root on a Debian or Ubuntu."""
    return Path("/etc/debian_version").exists() and hasattr(os, "geteuid") and os.geteuid() == 0


def install(wanted: list[Program]) -> None:
    """Install `wanted` with apt-get, one by one, so that one unknown name does not cost the others."""
    print(
        f"Installing {', '.join(program.package for program in wanted)} (root on Debian: apt-get) ...",
        flush=True,
    )
    apt_get("update", "-qq")
    for program in wanted:
        apt_get("install", "-y", "-qq", "--no-install-recommends", program.package)


def apt_get(*words: str) -> None:
    """Run apt-get without questions; what it could not do shows in what is still missing afterwards."""
    settings = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(
        ["apt-get", *words], env=settings, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False
    )


def groups(suite: Suite) -> list[Group]:
    """Return the groups in their order; the dearest comes last, and types are checked while the pages are."""
    types = Beside("mypy")
    return [
        ("real programs", programs),
        ("style (ruff check)", lambda: module("ruff", "check")),
        ("layout (ruff format)", lambda: module("ruff", "format", "--check")),
        ("types, begun", types.begin),
        ("layers (import-linter)", lambda: succeeds(str(shutil.which("lint-imports")), "--no-logo")),
        ("banned packages, imports and fonts", lambda: module("tests.banned")),
        ("pages (vue-tsc, vitest, budgets)", front_end),
        ("types (mypy --strict)", types.end),
        ("tests (pytest)", suite.run),
    ]


def workers() -> str:
    """Return how many workers share the tests: two more than cores.

    One has all the browsers, one all the real nodes, and both wait more than they compute; with a worker per core they made up two thirds
    of the time.
    """
    return str((os.cpu_count() or 1) + 2)


def run(group: Group) -> tuple[str, bool, float]:
    """Run one group under its heading; return its name, whether it passed, and its seconds."""
    name, check = group
    print(f"\n=== {name} " + "=" * max(4, 90 - len(name)), flush=True)
    begun = time.monotonic()
    passed = check()
    return name, passed, time.monotonic() - begun


def main(words: list[str]) -> int:
    """Run everything; return 0 when all is well."""
    ours = words[: words.index("--")] if "--" in words else words
    unknown = [word for word in ours if word != "--require-all"]
    if unknown:
        print(f"unknown: {' '.join(unknown)}; words after -- go to pytest")
        return 2
    suite = Suite(ours + words[len(ours) + 1 :])
    results = [run(group) for group in groups(suite)]
    print("\n=== summary " + "=" * 84)
    for name, passed, seconds in results:
        print(f"{'passed' if passed else 'FAILED'}  {seconds:6.1f} s  {name}")
    for one in suite.unsteady:
        print(f"UNSTEADY: {one} failed among the others and passed by itself: a race to be found")
    return 0 if all(passed for _, passed, _ in results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
