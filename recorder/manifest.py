"""What stands in the bag's own files: manifests, `bag-info.txt`, `README.txt`, and the index `session.json`.

Pure text, the same for the same inputs.  The index only points: where it and the journal differ, the journal
is right (archive.md §5).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from evalroom.ids import SeatCode, SessionId, SiteId, TrackId
from recorder.timing import Knots

BAGIT = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
SCHEMA = "evalroom.session/1"


@dataclass(frozen=True, slots=True)
class Digest:
    """A file of the bag: SHA-256 in hex, and bytes."""

    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class IndexedProject:
    """The procurement: its code and lots."""

    code: str
    lots: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class IndexedSite:
    """A site: `role` is host or sub; `vkey` its witness key, `cert` its certificate in PEM, either may be empty."""

    id: SiteId
    role: str
    vkey: str
    cert: str


@dataclass(frozen=True, slots=True)
class IndexedSeat:
    """A seat under the name that the archive gives it."""

    id: SeatCode
    site: SiteId
    pseudonym: str


@dataclass(frozen=True, slots=True)
class IndexedReel:
    """A reel: paths relative to the bag; `map` ties media µs to UTC µs; `gap_before_ms` to the reel before."""

    file: str
    init: str
    playlist: str
    start_ms: int
    duration_us: int
    map: Knots
    bytes: int
    sha256: str
    fragments: int
    gap_before_ms: int


@dataclass(frozen=True, slots=True)
class IndexedTrack:
    """A track and its reels in order."""

    id: TrackId
    site: SiteId
    seat: SeatCode
    kind: str
    codec: tuple[str, ...]
    reels: tuple[IndexedReel, ...]


@dataclass(frozen=True, slots=True)
class IndexedClock:
    """Whose clock the session's is, and by how much any site's may have been off, ms."""

    ref: str
    max_err_ms: int


@dataclass(frozen=True, slots=True)
class IndexedLog:
    """The journal's head: origin, size, root in base64 as in the checkpoint."""

    origin: str
    size: int
    root: str


@dataclass(frozen=True, slots=True)
class Retention:
    """By which rule the archive is kept, and before when (UTC ms) it must not be destroyed."""

    rule: str
    not_before_ms: int


@dataclass(frozen=True, slots=True)
class SessionIndex:
    """`session.json` without its tracks, which the package adds."""

    id: SessionId
    project: IndexedProject
    sites: tuple[IndexedSite, ...]
    seats: tuple[IndexedSeat, ...]
    t0_ms: int
    t1_ms: int
    clock: IndexedClock
    log: IndexedLog
    retention: Retention
    classification: str
    software: str


def session_json(index: SessionIndex, tracks: Sequence[IndexedTrack]) -> str:
    """Return the index as indented JSON, members in the order of archive.md §5."""
    members: dict[str, Any] = {
        "schema": SCHEMA,
        **asdict(index),
        "tracks": [asdict(track) for track in tracks],
    }
    order = (
        "schema",
        "id",
        "project",
        "sites",
        "seats",
        "t0_ms",
        "t1_ms",
        "clock",
        "tracks",
        "log",
        "retention",
    )
    members = {name: members.pop(name) for name in order} | members
    return json.dumps(members, ensure_ascii=False, indent=1) + "\n"


def session_js(text: str) -> str:
    """Return the index as a classic script: from `file://` a page may run scripts but fetch nothing."""
    safe = text.strip().replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return f"window.SESSION = {safe};\n"


def manifest(files: Mapping[str, Digest]) -> str:
    """Return a manifest: digest, two spaces, path; sorted by path."""
    return "".join(f"{files[path].sha256}  {path}\n" for path in sorted(files))


def bag_info(payload: Mapping[str, Digest], index: SessionIndex, date: str) -> str:
    """Return `bag-info.txt`; `date` is the day of packing, YYYY-MM-DD."""
    total = sum(digest.bytes for digest in payload.values())
    rows = {
        "Bag-Software-Agent": index.software,
        "Bagging-Date": date,
        "External-Identifier": index.id,
        "External-Description": f"Remote bid evaluation {index.project.code}",
        "Payload-Oxum": f"{total}.{len(payload)}",
    }
    return "".join(f"{name}: {' '.join(value.split())}\n" for name, value in rows.items())


def readme(index: SessionIndex, example: tuple[str, int, int, str] | None, *, sealed: bool = False) -> str:
    """Return a stranger's commands in Chinese and English; `example` is a fragment: file, offset, length, digest.

    With `sealed` it says what the opening of sealed bids left, and how to check it.
    """
    parts = [_README.format(id=index.id, project=index.project.code, size=index.log.size)]
    if example is not None:
        file, offset, length, sha256 = example
        parts.append(
            _FRAGMENT.format(file=file, offset=offset, length=length, sha256=sha256, after=offset + 1)
        )
    return "".join([*parts, _OPENING] if sealed else parts)


_README = """\
远程异地评标档案 / Archive of a remote bid evaluation
{id} · {project}

本文件夹即完整档案，无需任何专用软件即可核对与播放。
This folder is the whole archive; it can be checked and played without our software.

1  文件完整 / Files are complete and unchanged
   sha256sum --quiet -c manifest-sha256.txt
   sha256sum --quiet -c tagmanifest-sha256.txt

2  日志 / The journal: {size} entries, one JSON object (RFC 8785) per line
   data/log/entries.jsonl
   叶 / leaf = SHA-256(0x00 || line)，结点 / node = SHA-256(0x01 || left || right)（RFC 6962）
   data/log/checkpoint 为最后签名的树根，附见证会签 / is the last signed root with the witnesses' cosignatures
   data/log/keys.txt 为签名公钥，请与另行取得的公钥对照 / lists the keys: compare them with keys from elsewhere

3  录像 / Recordings: data/media/<site>-<seat>/<kind>.<reel>.mp4
   H.264 + Opus，普通播放器可直接打开；.m3u8 供 HLS 播放 / ordinary MP4; the .m3u8 is for HLS players
   日志中 FragmentRecorded 记载每一片段的位置与摘要；缺口见 GapDeclared
   FragmentRecorded in the journal gives place and digest of each fragment; GapDeclared declares every gap

4  评分 / Scores: the journal holds commitments; data/log/openings.jsonl opens them
   HMAC-SHA256(nonce, canonical JSON of [session, cmd, path, value])

5  索引 / data/session.json 仅为索引，以日志为准 / is only an index: the journal wins
"""

_OPENING = """
7  开标 / The opening of sealed bids: data/docs/opening/
   policy.json 密封规则 / the terms of sealing; signatures.json 受托方签名 / the trustees' signatures over it
   envelopes/ 密封投标文件，逐字节原样 / the bids as handed in; receipts/ 递交回执 / their receipts
   taken-back/ 撤回或被替换投标的首尾 / head and tail of bids taken back or replaced
   record-*.json 各开启窗口的开标记录 / the record of each window
   核对（一个文件，Python 3.11 与 cryptography，不含本产品代码）/ To check, with one file that shares no code with ours:
   python3 verify_opening.py FOLDER LOG-KEY WITNESS-KEY ... POLICY-SHA256
   公钥与规则摘要取自招标公告；格式见 docs/spec/opening.md、sealed-bid.md、archive.md
   Keys and the policy's hash are those of the notice; the formats are in docs/spec/opening.md, sealed-bid.md, archive.md
"""

_FRAGMENT = """
6  示例：核对一个录像片段 / Example: check one fragment of a recording
   tail -c +{after} {file} | head -c {length} | sha256sum
   {sha256}
"""
