"""A forger's copy of an archive: one total of the ranking is changed, and every manifest made anew around it."""

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalroom.errors import LocalFault

ENTRIES = Path("data/log/entries.jsonl")


class NothingToForge(LocalFault):
    """The archive has no ranking whose total could be changed."""

    code = "nothing_to_forge"


@dataclass(frozen=True, slots=True)
class Forgery:
    """What was changed: where the copy lies, the bid, the total as it was and as it is now."""

    archive: Path
    bid: str
    before: str
    after: str


def forge(archive: Path, to: Path) -> Forgery:
    """Copy an archive and lift the total of the second in rank above the first's.

    Raises:
        NothingToForge: no ranking has two bids.
    """
    copy = Path(shutil.copytree(archive, to / f"{archive.name}-forged"))
    lines = (copy / ENTRIES).read_bytes().splitlines(keepends=True)
    for number in reversed(range(len(lines))):
        entry: dict[str, Any] = json.loads(lines[number])
        if entry["type"] == "RankingComputed" and len(entry["body"]["rows"]) > 1:
            second = entry["body"]["rows"][1]
            before, second["total"] = second["total"], "99.99"
            text = json.dumps(entry, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
            lines[number] = text.encode() + b"\n"
            (copy / ENTRIES).write_bytes(b"".join(lines))
            _make_manifests_anew(copy)
            return Forgery(copy, second["bid"], before, "99.99")
    raise NothingToForge(archive=str(archive))


def _make_manifests_anew(copy: Path) -> None:
    """Let both manifests say what lies there now: a digest alone proves nothing to whoever can write it, too."""
    for name, changed in (
        ("manifest-sha256.txt", ENTRIES),
        ("tagmanifest-sha256.txt", Path("manifest-sha256.txt")),
    ):
        rows = [line.split(maxsplit=1) for line in (copy / name).read_text("utf-8").splitlines()]
        digest = hashlib.sha256((copy / changed).read_bytes()).hexdigest()
        told = [(digest if file == changed.as_posix() else old, file) for old, file in rows]
        (copy / name).write_text("".join(f"{one}  {file}\n" for one, file in told), "utf-8")
