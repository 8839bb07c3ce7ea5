"""A byte-range HLS playlist over one closed reel (RFC 8216, with RFC 8216bis' independent segments).

The reel's own bytes are the segments: fragments grouped from key frame to key frame, for a player can only
begin there.  Times come from the journal, since a box walk of a closed reel no longer finds its fragments.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from math import ceil

from evalroom.events import FragmentRecorded


def playlist(file: str, init: str, fragments: Sequence[FragmentRecorded], start_ms: int) -> str:
    """Return the playlist of a reel; `file` and `init` are addresses relative to it, `start_ms` its UTC begin."""
    groups = list(_groups(fragments))
    lengths = [length / 1_000_000 for length in _lengths(groups)]
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", f"#EXT-X-TARGETDURATION:{ceil(max(lengths, default=1))}"]
    lines += ["#EXT-X-PLAYLIST-TYPE:VOD", "#EXT-X-INDEPENDENT-SEGMENTS", f'#EXT-X-MAP:URI="{init}"']
    lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{_date(start_ms)}")
    begins = [group[0].offset for group in groups] + [one.offset + one.length for one in fragments[-1:]]
    for length, (begin, end) in zip(lengths, pairwise(begins), strict=True):
        lines += [f"#EXTINF:{length:.6f},", f"#EXT-X-BYTERANGE:{end - begin}@{begin}", file]
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])


def _groups(fragments: Iterable[FragmentRecorded]) -> Iterator[list[FragmentRecorded]]:
    group: list[FragmentRecorded] = []
    for fragment in fragments:
        if fragment.keyframe and group:
            yield group
            group = []
        group.append(fragment)
    if group:
        yield group


def _lengths(groups: Sequence[list[FragmentRecorded]]) -> Iterator[int]:
    # Up to the next group's begin, µs: a declared gap belongs to the segment before it, and seeking stays right.
    for index, group in enumerate(groups):
        last = group[-1]
        end = groups[index + 1][0].pts if index + 1 < len(groups) else last.pts + last.duration
        yield max(end - group[0].pts, 1)


def _date(ms: int) -> str:
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"
