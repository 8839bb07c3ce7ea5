"""Session descriptions made small before they leave and usable when they arrive.

Text in, text out (RFC 8866).  A wall of 17 seats has 51 m-lines, each with three fingerprints and all
candidates as aiortc writes them: 90 KB, more than a frame of the socket may hold.  What BUNDLE shares is
said once.  Candidates nobody here can use are dropped before aioice spends a second on each.
"""

from collections.abc import Iterator

_SHARED = ("a=ice-ufrag:", "a=ice-pwd:", "a=setup:")
_FINGERPRINT = "a=fingerprint:"
_CANDIDATE = "a=candidate:"
_END = "a=end-of-candidates"

MAX_SDP = 60 * 1024
"""Bytes of a description, so that its message stays below 64 KiB."""

OPUS_PARAMETERS = "minptime=10;useinbandfec=1"
"""In-band error correction on, discontinuous transmission off: silence is evidence as well."""


def compact(sdp: str) -> str:
    """Return `sdp` with transport attributes once for the session and candidates in the first m-line only."""
    session, media = _split(sdp)
    shared = [line for line in media[0] if line.startswith(_SHARED) or _is_sha256(line)]
    out = session + shared
    for index, lines in enumerate(media):
        out += [line for line in lines if not _said_once(line) and (index == 0 or not _of_candidates(line))]
    return _join(out)


def with_opus_parameters(sdp: str) -> str:
    """Return `sdp` asking publishers for Opus with in-band error correction."""
    return _join(_opus_lines(sdp.splitlines()))


def spread(sdp: str) -> str:
    """Return `sdp` with the usable candidates in every m-line.

    aiortc takes those of the last m-line of a bundle, browsers write them into the first.  Names ending in
    .local need multicast DNS (the peer-reflexive way works without); TCP is for TURN.
    """
    session, media = _split(sdp)
    candidates = list(dict.fromkeys(line for lines in media for line in lines if _usable(line)))
    if candidates and any(line == _END for lines in media for line in lines):
        candidates.append(_END)
    out = session
    for lines in media:
        out += [line for line in lines if not _of_candidates(line)] + candidates
    return _join(out)


def fingerprint(sdp: str) -> str:
    """Return the SHA-256 fingerprint line of whoever wrote `sdp`, the empty text without one."""
    return next((line for line in sdp.splitlines() if _is_sha256(line)), "")


def _split(sdp: str) -> tuple[list[str], list[list[str]]]:
    session: list[str] = []
    media: list[list[str]] = []
    for line in sdp.splitlines():
        if line.startswith("m="):
            media.append([])
        (media[-1] if media else session).append(line)
    return session, media


def _join(lines: list[str] | Iterator[str]) -> str:
    return "".join(f"{line}\r\n" for line in lines)


def _is_sha256(line: str) -> bool:
    return line.lower().startswith(_FINGERPRINT + "sha-256")


def _said_once(line: str) -> bool:
    return line.startswith((*_SHARED, _FINGERPRINT))


def _of_candidates(line: str) -> bool:
    return line.startswith((_CANDIDATE, _END))


def _usable(line: str) -> bool:
    if not line.startswith(_CANDIDATE):
        return False
    fields = line.split()
    return len(fields) > 7 and fields[2].lower() == "udp" and not fields[4].endswith(".local")


def _opus_lines(lines: list[str]) -> Iterator[str]:
    for line in lines:
        yield line
        if line.startswith("a=rtpmap:") and " opus/" in line.lower():
            number = line.removeprefix("a=rtpmap:").split()[0]
            yield f"a=fmtp:{number} {OPUS_PARAMETERS}"
