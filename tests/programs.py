"""The real programs that some tests cannot do without: how each is found, and which Debian package brings it.

A test asks with `@pytest.mark.needs("chromium")`; it is skipped where the program is missing, and says so.
Nothing here starts a program for long: the fixture that needs one starts and ends it.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from ctypes.util import find_library
from dataclasses import dataclass
from pathlib import Path

_FONT_FOLDERS = (
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "~/.local/share/fonts",
    "~/.fonts",
    "/Library/Fonts",
)
_CJK_FONTS = ("wqy-microhei*", "wqy-zenhei*", "NotoSansCJK*", "NotoSerifCJK*", "SourceHanS*")


def chromium() -> str | None:
    """Return the path of a Chromium: `EVALROOM_CHROMIUM`, one on PATH, or the one Playwright installed."""
    names = (os.environ.get("EVALROOM_CHROMIUM", ""), "chromium", "google-chrome", "chrome")
    found = next((path for name in names if name and (path := shutil.which(name))), None)
    return found or _playwright_chromium()


def _playwright_chromium() -> str | None:
    cache = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH", "~/.cache/ms-playwright")).expanduser()
    patterns = ("chromium-*/chrome-linux*/chrome", "chromium_headless_shell-*/chrome-linux*/*headless*shell")
    return next((str(path) for pattern in patterns for path in sorted(cache.glob(pattern))), None)


def coturn() -> str | None:
    """Return the path of coturn's `turnserver`."""
    return shutil.which("turnserver")


def cjk_font() -> str | None:
    """Return the path of a font file that has Chinese glyphs."""
    folders = [Path(folder).expanduser() for folder in _FONT_FOLDERS]
    hits = (path for folder in folders for pattern in _CJK_FONTS for path in folder.rglob(pattern))
    return next((str(path) for path in hits if path.suffix.lower() in {".ttf", ".ttc", ".otf"}), None)


def netns() -> str | None:
    """Return the path of `ip` where this process may make network namespaces."""
    ip, unshare = shutil.which("ip"), shutil.which("unshare")
    if ip is None or unshare is None:
        return None
    return (
        ip
        if subprocess.run([unshare, "--net", "true"], capture_output=True, check=False).returncode == 0
        else None
    )


def mount() -> str | None:
    """Return the path of `mount` where this process may mount a file system of its own."""
    path, unshare = shutil.which("mount"), shutil.which("unshare")
    if path is None or unshare is None:
        return None
    return (
        path
        if subprocess.run([unshare, "--mount", "true"], capture_output=True, check=False).returncode == 0
        else None
    )


def openssl() -> str | None:
    """Return the path of OpenSSL's command line: an authority, a reader of keys, a time stamper."""
    return shutil.which("openssl")


def softhsm2() -> str | None:
    """Return the path of SoftHSM2's driver: a token in software, for what a trustee keeps on a token."""
    folders = (
        "/usr/lib/softhsm",
        "/usr/lib64/softhsm",
        "/usr/local/lib/softhsm",
        "/opt/homebrew/lib/softhsm",
    )
    names = (os.environ.get("EVALROOM_SOFTHSM2", ""), *(f"{folder}/libsofthsm2.so" for folder in folders))
    found = next((name for name in names if name and Path(name).exists()), None)
    return found if shutil.which("softhsm2-util") else None


def ipsec_mb() -> str | None:
    """Return the name of Intel's multi-buffer library, which hashes leaves of a receipt root side by side."""
    return find_library("IPSec_MB")


@dataclass(frozen=True, slots=True)
class Program:
    """One program: how it is found, and what brings it on Debian or Ubuntu."""

    name: str
    find: Callable[[], str | None]
    package: str


PROGRAMS = {
    program.name: program
    for program in (
        Program("chromium", chromium, "chromium"),
        Program("coturn", coturn, "coturn"),
        Program("cjk-font", cjk_font, "fonts-wqy-microhei"),
        Program("netns", netns, "iproute2"),
        Program("openssl", openssl, "openssl"),
        Program("mount", mount, "mount"),
        Program("softhsm2", softhsm2, "softhsm2"),
        Program("ipsec-mb", ipsec_mb, "libipsec-mb1"),
    )
}


def missing() -> list[Program]:
    """Return the programs that this machine lacks."""
    return [program for program in PROGRAMS.values() if program.find() is None]
