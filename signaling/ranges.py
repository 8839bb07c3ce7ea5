"""The Range field of HTTP (RFC 9110 §14): which bytes of a document a browser asks for, one range at a time.

A field of another form, or with several ranges, counts as none: the whole is a right answer to it.  Refused: ranges
of which no byte exists.
"""

import re

from signaling.problems import RangeOutside

_RANGE = re.compile(r"bytes=(?P<first>\d{0,15})-(?P<last>\d{0,15})", re.ASCII)


def parse_range(header: str, size: int) -> tuple[int, int] | None:
    """Return first byte and the one behind the last that a Range field asks for; None for all of it.

    Raises:
        RangeOutside: no byte of it exists.
    """
    match = _RANGE.fullmatch(header.replace(" ", ""))
    if match is None or not (match["first"] or match["last"]):
        return None
    if not match["first"]:
        first, behind = size - min(int(match["last"]), size), size
    elif not match["last"]:
        first, behind = int(match["first"]), size
    elif int(match["last"]) < int(match["first"]):
        return None
    else:
        first, behind = int(match["first"]), min(int(match["last"]) + 1, size)
    if first >= behind:
        raise RangeOutside(size=size)
    return first, behind


def range_headers(wanted: tuple[int, int] | None, size: int, sha256: str) -> tuple[int, dict[str, str]]:
    """Return status and headers of the answer with these bytes of a document that nobody may keep."""
    headers = {
        "accept-ranges": "bytes",
        "etag": f'"{sha256}"',
        "cache-control": "private, no-store",
        "content-disposition": "inline",
    }
    if wanted is None:
        return 200, headers
    return 206, {**headers, "content-range": f"bytes {wanted[0]}-{wanted[1] - 1}/{size}"}
