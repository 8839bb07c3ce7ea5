"""What a document tells besides its words: read by a process of its own, which hostile bytes can only cost.

pypdf on a file that somebody made to harm it may loop or eat memory, and on an honest one keeps the interpreter busy for
seconds; in a child with limits it takes nothing from the session.  The document goes there through a pipe: no plaintext
is written down.  Refused: nothing; what cannot be read is told as pages that were not searched.
"""

import asyncio
import contextlib
import io
import json
import sys
import time
from collections.abc import Iterator
from typing import Any

from evalroom.marks import Traces

MAX_SEARCHED = 96 << 20
"""Larger documents are not searched: text of 96 MiB is a scan, whose pictures hold no text anyway."""

PATIENCE_S = 120
READING_S = 60
MEMORY = 2 << 30
MOST_PAGES = 1_000
MAX_FIELD = 20_000


async def read_traces(pdf: bytes) -> Traces:
    """Return the traces of a document; cancelling ends the process that reads it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(PATIENCE_S):
            said, _ = await process.communicate(pdf)
        return _traces(json.loads(said))
    except (TimeoutError, ValueError, OSError):
        return Traces(1)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _traces(told: dict[str, Any]) -> Traces:
    return Traces(
        total=told["total"],
        texts=tuple(told["texts"]),
        metadata=told["metadata"],
        attachments=told["attachments"],
        comments=tuple(told["comments"]),
        signatures=told["signatures"],
        images=tuple(tuple(pages) for pages in told["images"]),
    )


# --- in the child -------------------------------------------------------------------------------------


def traces_of(data: bytes, seconds: float = READING_S) -> dict[str, Any]:
    """Return what pypdf reads of a document within about so many seconds.

    Raises:
        Exception: whatever hostile bytes make pypdf raise.
    """
    import pypdf

    until = time.monotonic() + seconds
    reader = pypdf.PdfReader(io.BytesIO(data))
    told: dict[str, Any] = {
        "total": len(reader.pages),
        "metadata": _metadata(reader),
        "attachments": len(reader.attachments),
        "signatures": 0,
        "texts": [],
        "comments": [],
        "images": [],
    }
    images: dict[int, list[int]] = {}
    for number, page in enumerate(reader.pages, 1):
        if number > MOST_PAGES or time.monotonic() > until:
            break
        told["texts"].append(page.extract_text())
        for note in page.get("/Annots") or ():
            kind = note.get_object()
            told["comments"] += [number] if "/Contents" in kind or "/T" in kind else []
            told["signatures"] += kind.get("/FT") == "/Sig"
        for image in _images(page):
            images.setdefault(image, []).append(number)
    told["images"] = list(images.values())
    return told


def _metadata(reader: Any) -> dict[str, str]:  # noqa: ANN401 - pypdf is imported where it is used
    found = {str(name): str(value)[:MAX_FIELD] for name, value in (reader.metadata or {}).items()}
    root = reader.trailer["/Root"]
    packet = root["/Metadata"].get_data() if "/Metadata" in root else b""
    return {**found, "XMP": packet[:MAX_FIELD].decode(errors="replace")}


def _images(page: Any) -> Iterator[int]:  # noqa: ANN401 - likewise
    """Yield the object numbers of the pictures a page uses: the same one on every page is a letterhead."""
    for name, one in page.get("/Resources", {}).get("/XObject", {}).items():
        reference = page["/Resources"]["/XObject"].raw_get(name)
        if one.get_object().get("/Subtype") in ("/Image", "/Form") and hasattr(reference, "idnum"):
            yield reference.idnum


def _limit() -> None:
    """Give the reader no more memory and processor than a document is worth, and everybody else the right of way."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import os
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (PATIENCE_S, PATIENCE_S))
        os.nice(10)


if __name__ == "__main__":
    _limit()
    json.dump(traces_of(sys.stdin.buffer.read()), sys.stdout)
