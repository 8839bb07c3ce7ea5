"""Sets everything up and runs one command: `python3 dev.py demo | test | bench [NAME] | any word of the CLI`.

Needs Python 3.11 and pip, nothing else: a `.venv` of its own keeps a system Python that is managed by its
distribution (PEP 668) untouched, uv brings in exactly what `uv.lock` names, and the hatch hook builds the
pages.  It refuses to guess: whatever fails ends here with that program's own words.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
USAGE = """python3 dev.py demo            one whole evaluation: a host, two sub-sites, five experts; then the archive
python3 dev.py test            every check and test; `--require-all` makes a skip a failure; words after -- go to pytest
python3 dev.py bench [NAME]    one benchmark, or all of them
python3 dev.py docs            writes what is made from the code: reference pages, types of the wire; names what they lack
python3 dev.py WORD...         any command of the CLI, such as `verify DIR`; `--help` lists them"""
TOOLS = {
    "test": "tests",
    "bench": "bench",
    "docs": "tests.reference",
}  # our own modules; every other word is the CLI's
PAGELESS = {"docs", "test"}  # the test builds the pages in a group of its own, and says aloud when that fails


def environment() -> dict[str, str]:
    """Return the environment in which everything runs: this `.venv` and no other."""
    kept = {name: value for name, value in os.environ.items() if name not in {"VIRTUAL_ENV", "PYTHONHOME"}}
    ours = {"UV_PROJECT_ENVIRONMENT": str(VENV), "UV_PYTHON_DOWNLOADS": "never", "PYTHONUNBUFFERED": "1"}
    return {**kept, **ours, "PATH": os.pathsep.join([str(BIN), os.environ.get("PATH", "")])}


def run(*command: str | Path, **extra: str) -> None:
    """Run `command` here, or leave with its exit code."""
    done = subprocess.run(list(map(str, command)), cwd=ROOT, env={**environment(), **extra}, check=False)
    if done.returncode:
        sys.exit(done.returncode)


def make_venv() -> None:
    """Make `.venv`, without pip: a Debian Python may lack the wheels that venv would put into it."""
    if not PYTHON.exists():
        print(f"Making {VENV.name} ...", flush=True)
        run(sys.executable, "-m", "venv", "--without-pip", VENV)


def find_uv() -> str:
    """Return a uv that reads our lock, from PATH or from `.venv`, where pip puts it if there is none."""
    for found in (shutil.which("uv"), shutil.which("uv", path=str(BIN))):
        if found and new_enough(found):
            return found
    print(f"Installing uv into {VENV.name} ...", flush=True)
    run(
        sys.executable,
        "-m",
        "pip",
        "--python",
        PYTHON,
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "uv>=0.9",
    )
    return str(BIN / "uv")


def new_enough(uv: str) -> bool:
    """Say whether this uv runs at all and is 0.9 or newer."""
    said = subprocess.run([uv, "--version"], capture_output=True, text=True, check=False).stdout.split()
    return len(said) > 1 and tuple(map(int, said[1].split(".")[:2])) >= (0, 9)


def install(word: str) -> None:
    """Bring `.venv` in line with `uv.lock` and rebuild stale pages; `--inexact` spares the uv that lives in it."""
    import build_pages  # an older Python must get as far as the sentence at the end of this file

    groups = ["--no-default-groups"] if word not in TOOLS else []
    extra = {"EVALROOM_WEB": "skip"} if word in PAGELESS else {}
    if word == "test" and build_pages.system_npm() is None:
        groups += ["--group", "node"]
    if word not in PAGELESS and build_pages.stale() and build_pages.wish() != "skip":
        print("Building the pages ...", flush=True)
        groups += ["--reinstall-package", "evalroom"]
    run(find_uv(), "sync", "--frozen", "--inexact", "--quiet", *groups, **extra)
    if word not in PAGELESS and build_pages.stale():
        print("The pages are not built; EVALROOM_WEB=require makes npm say why. API and demo go without.")


def main(words: list[str]) -> None:
    """Set up, then become the command."""
    if not words:
        sys.exit(USAGE)
    make_venv()
    install(words[0])
    if words[0] in TOOLS:
        os.chdir(ROOT)
        command = [str(PYTHON), "-m", TOOLS[words[0]], *words[1:]]
    else:
        command = [str(BIN / "evalroom"), *words]
    if os.name == "nt":
        sys.exit(subprocess.run(command, env=environment(), check=False).returncode)
    os.execve(command[0], command, environment())  # Ctrl-C then reaches the command and nobody else


if __name__ == "__main__":
    if sys.version_info < (3, 11):  # noqa: UP036 - the one file that an older Python reads
        sys.exit(f"EvalRoom needs Python 3.11 or newer; this is {sys.version.split()[0]}")
    main(sys.argv[1:])
