"""The peers we are measured against: brought in from npm and Debian, kept in a folder of the user's cache.

A peer that cannot be had is named aloud, with the reason, and the benchmark goes on with ours alone.
"""

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

HERE = Path(__file__).parent


def cache() -> Path:
    """Return the folder that keeps peers and prepared inputs from one call to the next."""
    root = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "evalroom-bench"
    root.mkdir(parents=True, exist_ok=True)
    return root


def missing(peer: str, reason: str) -> None:
    """Say loudly that a peer is not there, so that nobody takes our figures for a comparison."""
    print(
        f"\n!!! NO PEER: {peer} could not be had: {reason}. Ours runs alone.\n", file=sys.stderr, flush=True
    )


def npm_peers() -> Path | None:
    """Return a folder with the npm peers and our scripts for them, or None after having said why."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        missing("y-websocket, ShareDB", "there is no node and npm on PATH")
        return None
    folder = cache() / "npm"
    folder.mkdir(exist_ok=True)
    for script in (*HERE.glob("*.mjs"), *HERE.glob("*.ts"), *HERE.glob("*.html")):
        shutil.copy(script, folder)
    wanted = (HERE / "package.json").read_text("utf-8")
    have = folder / "package.json"
    if (
        have.exists()
        and have.read_text("utf-8") == wanted
        and (folder / "node_modules/.package-lock.json").exists()
    ):
        return folder
    have.write_text(wanted, "utf-8")
    print("Installing the npm peers ...", flush=True)
    done = subprocess.run(
        [npm, "install", "--no-audit", "--no-fund", "--silent"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        have.unlink()
        missing("y-websocket, ShareDB", done.stderr.strip()[-300:] or f"npm ended with {done.returncode}")
        return None
    return folder


def debian_peer(program: str, package: str) -> str | None:
    """Return the path of `program`, installing the Debian package that has it when root; else None, said aloud."""
    found = shutil.which(program)
    if found or not _installed(program, package):
        return found
    return shutil.which(program)


def debian_library(names: Sequence[str], package: str) -> None:
    """Have a shared library here under one of `names`, installing the Debian package that has it when root."""
    if not _loads(names) and _installed(names[0], package) and not _loads(names):
        missing(names[0], f"{package} has none of that name")


def _loads(names: Sequence[str]) -> bool:
    for name in names:
        with suppress(OSError):
            ctypes.CDLL(name)
            return True
    return False


def _installed(wanted: str, package: str) -> bool:
    """Install a package; say aloud why it could not be."""
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        missing(wanted, f"not here, and only root on Debian can install {package}")
        return False
    print(f"Installing {package} ...", flush=True)
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = [apt, "install", "-y", "-qq", "--no-install-recommends", package]
    done = subprocess.run(install, env=quiet, capture_output=True, text=True, check=False)
    if done.returncode:  # the package lists may be old or absent
        subprocess.run([apt, "update", "-qq"], env=quiet, capture_output=True, check=False)
        done = subprocess.run(install, env=quiet, capture_output=True, text=True, check=False)
    if done.returncode:
        missing(wanted, done.stderr.strip()[-300:])
    return not done.returncode
