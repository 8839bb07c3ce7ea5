"""The pages' own libraries in a page of their own, for tests that need a real browser and no node.

Vite bundles `web/tests/window/` as it bundles the product's pages; a server on the loopback hands the files out, since workers,
WebCrypto and private files want an origin that counts as secure.
"""

import functools
import http.server
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WEB = Path(__file__).parents[2] / "web"
VITE = WEB / "node_modules/vite/bin/vite.js"
CONFIG = "tests/window/vite.config.ts"


class LibraryNotBuilt(Exception):
    """Vite could not bundle the library: read its own words."""


def missing() -> str | None:
    """Say what a machine lacks to bundle the library, or return None."""
    if shutil.which("node") is None:
        return "node is missing; on Debian: apt-get install nodejs"
    return None if VITE.exists() else "vite is missing; `npm ci` in web/ brings it"


def build(folder: Path) -> None:
    """Bundle the library into `folder`.

    Raises:
        LibraryNotBuilt: with what vite said.
    """
    command = ["node", str(VITE), "build", "--config", CONFIG, "--outDir", str(folder), "--logLevel", "warn"]
    done = subprocess.run(command, cwd=WEB, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LibraryNotBuilt(done.stdout + done.stderr)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing: pytest keeps what is printed."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve `folder` on the loopback and yield the page's address."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/index.html"
        server.shutdown()
        thread.join()
