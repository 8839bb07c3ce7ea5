"""Makes real bags for tests: a whole session decided by the room, reels written by the recorder, keys and all.

The same bytes come out every time.  `Bag` is the folder with what an attacker needs to change it cleverly:
the manifests can be made anew, and the journal rebuilt and signed again with the true keys.
"""

import hashlib
import json
import random
import shutil
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from evalroom import commands as co
from evalroom import events as ev
from evalroom.encoding import body_of
from evalroom.events import Fact, Stage
from evalroom.ids import NODE_ACTOR, CommandId, TrackId
from evalroom.ledger.base64 import encode_base64
from evalroom.ledger.canonical import Json, canonical
from evalroom.ledger.checkpoint import cosign, sign_checkpoint, with_cosignatures
from evalroom.ledger.entry import UNSALTED, Entry
from evalroom.ledger.journal import Journal
from evalroom.ledger.note import KeyKind, Note, SigningKey
from evalroom.media import MEDIA, GapCause, TrackKind
from evalroom.roles import Role
from recorder.fmp4 import Draft, Sample
from recorder.h264 import PictureFormat
from recorder.reel import ReelFile, init_path
from tests.evalroom import room as trade

ORIGIN = f"evalroom/{trade.SESSION}"
LOG = SigningKey.from_seed(ORIGIN, KeyKind.LOG, b"L" * 32)
WITNESSES = (
    SigningKey.from_seed("west", KeyKind.COSIGNATURE, b"W" * 32),
    SigningKey.from_seed("east", KeyKind.COSIGNATURE, b"E" * 32),
)
KEYS = ev.SessionKeys(
    LOG.verifier.encode(),
    (
        ev.WitnessKey(trade.WEST, WITNESSES[0].verifier.encode()),
        ev.WitnessKey(trade.EAST, WITNESSES[1].verifier.encode()),
    ),
    2,
)
OUTSIDE_KEYS = tuple(key.verifier.encode() for key in (LOG, *WITNESSES))
DOCUMENT = b"%PDF-1.7"
PICTURE = PictureFormat(320, 180, bytes.fromhex("6742e01fda0a0b7602d4040405"), bytes.fromhex("68ce3c80"))
TRACK = TrackId(f"{trade.WEST}-{trade.EXPERTS[1]}/camera")


@dataclass
class Bag:
    """A bag on disk with the rows it was made from; `write` puts it there anew after a change."""

    path: Path
    rows: list[tuple[Entry, tuple[ev.Secret, ...]]] = field(default_factory=list)
    cosigned: set[int] = field(default_factory=set)
    openings: list[Json] = field(default_factory=list)

    def write(self) -> None:
        """Write journal, checkpoints, index and manifests; reels and documents lie there already."""
        journal = Journal(ORIGIN)
        lines, notes = [], []
        for entry, _ in self.rows:
            lines.append(journal.append(entry).data + b"\n")
            if journal.size in self.cosigned:
                notes.append(_cosigned(journal, entry.t // 1000 + 1))
        log = self.path / "data" / "log"
        log.mkdir(parents=True, exist_ok=True)
        (log / "entries.jsonl").write_bytes(b"".join(lines))
        (log / "openings.jsonl").write_bytes(b"".join(canonical(one) + b"\n" for one in self.openings))
        (log / "checkpoints.txt").write_bytes(b"".join(note.encode() for note in notes))
        (log / "checkpoint").write_bytes(notes[-1].encode())
        (log / "keys.txt").write_text("".join(key + "\n" for key in OUTSIDE_KEYS), "utf-8")
        (log / "clock.jsonl").write_bytes(b"")
        index = json.dumps(self._index(journal), indent=1)
        (self.path / "data" / "session.json").write_text(index, "utf-8")
        (self.path / "data" / "session.js").write_text(f"window.SESSION = {index};\n", "utf-8")
        self.seal()

    def _index(self, journal: Journal) -> Json:
        opened = self.rows[0][0].body
        head = journal.checkpoint(max(self.cosigned))
        reels = [entry.body for entry, _ in self.rows if entry.type == "ReelClosed"]
        return {
            "schema": "evalroom.session/1",
            "id": opened["session"],
            "sites": [{"id": one.id} for one in trade.SITES],
            "seats": [{"id": one.code} for one in trade.SEATS],
            "tracks": [
                {
                    "id": TRACK,
                    "reels": [
                        {
                            "file": f"data/media/{one['track']}.{one['reel']}.mp4",
                            "sha256": one["sha256"],
                            "bytes": one["bytes"],
                            "fragments": one["fragments"],
                        }
                        for one in reels
                    ],
                }
            ],
            "log": {"origin": head.origin, "size": head.size, "root": encode_base64(head.root)},
        }

    def seal(self) -> None:
        """Make bag-info.txt and both manifests anew, as whoever can write the folder can."""
        (self.path / "bagit.txt").write_text(
            "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n", "utf-8"
        )
        payload = sorted(one for one in (self.path / "data").rglob("*") if one.is_file())
        total = sum(one.stat().st_size for one in payload)
        (self.path / "bag-info.txt").write_text(f"Payload-Oxum: {total}.{len(payload)}\n", "utf-8")
        (self.path / "README.txt").write_text("sha256sum -c manifest-sha256.txt\n", "utf-8")
        (self.path / "manifest-sha256.txt").write_text(self._manifest(payload), "utf-8")
        tags = [one for one in sorted(self.path.iterdir()) if one.is_file() and "tagmanifest" not in one.name]
        (self.path / "tagmanifest-sha256.txt").write_text(self._manifest(tags), "utf-8")

    def _manifest(self, files: Iterable[Path]) -> str:
        return "".join(
            f"{hashlib.sha256(one.read_bytes()).hexdigest()}  {one.relative_to(self.path).as_posix()}\n"
            for one in files
        )

    def find(self, kind: str, nth: int = 0) -> int:
        """Return the number of the `nth` entry of a type; -1 is the last."""
        return [n for n, (entry, _) in enumerate(self.rows) if entry.type == kind][nth]

    def change(self, seq: int, **body: Json) -> None:
        """Change members of an entry's body; nothing is signed again."""
        entry, secrets = self.rows[seq]
        self.rows[seq] = (replace(entry, body={**entry.body, **body}), secrets)

    def drop(self, seq: int) -> None:
        """Take an entry out and number the rest anew; checkpoints and openings move with it."""
        del self.rows[seq]
        self.rows = [(replace(entry, seq=n), secrets) for n, (entry, secrets) in enumerate(self.rows)]
        self.cosigned = {size - (size > seq) for size in self.cosigned}
        for n, (entry, _) in enumerate(self.rows):
            if entry.type == "CheckpointCosigned":
                size = entry.body["size"]
                assert isinstance(size, int)
                self.change(n, size=size - (size > seq))
        self.openings = [
            {**one, "seq": one["seq"] - (one["seq"] > seq)}
            for one in self.openings
            if isinstance(one, dict) and one["seq"] != seq
        ]
        self.retell()

    def retell(self) -> None:
        """Let every CheckpointCosigned name the root that the journal has now."""
        journal = Journal(ORIGIN)
        for n, (entry, secrets) in enumerate(self.rows):
            if entry.type == "CheckpointCosigned":
                size = entry.body["size"]
                assert isinstance(size, int)
                told = {**entry.body, "root": encode_base64(journal.root(size))}
                self.rows[n] = (replace(entry, body=told), secrets)
            journal.append(self.rows[n][0])


def _cosigned(journal: Journal, time: int) -> Note:
    head = journal.checkpoint()
    return with_cosignatures(sign_checkpoint(head, LOG), [cosign(head, key, time) for key in WITNESSES])


def make_bag(path: Path) -> Bag:
    """Make the bag of a whole session of three experts, four bids and one track with a declared gap."""
    bag = Bag(path)
    play = _Play(bag)
    play.run()
    bag.openings = [
        {"seq": entry.seq, "path": secret.path, "value": secret.value, "nonce": secret.nonce}
        for entry, secrets in bag.rows
        for secret in secrets
    ]
    documents = path / "data" / "docs" / "bids"
    documents.mkdir(parents=True)
    for bid in trade.BIDS:
        (documents / f"{bid}.pdf").write_bytes(DOCUMENT)
    bag.write()
    return bag


def copy_of(bag: Bag, path: Path) -> Bag:
    """Return a bag of its own with the same bytes."""
    shutil.copytree(bag.path, path, copy_function=shutil.copyfile)
    return Bag(path, list(bag.rows), set(bag.cosigned), list(bag.openings))


class _Play:
    """Plays the session and keeps its journal beside it."""

    def __init__(self, bag: Bag) -> None:
        self.bag = bag
        self.journal = Journal(ORIGIN)
        self.dice = random.Random(7)
        self.room = trade.opened(replace(trade.OPEN, keys=KEYS))
        self.media = _Media(bag.path / "data" / "media")

    def run(self) -> None:
        self.note(ev.SiteOffsetMeasured(trade.WEST, -1500, 4000))
        for person in self.room.people.values():
            self.room.give(person.check_in())
        self.tell(self.media.first())
        while self.room.session.stage is not Stage.CONCLUDED:
            self.finish_stage()
            self.room.advance()
        self.tell(self.media.rest())
        self.room.give(self.room[trade.OPERATOR].order(co.CloseSession("done")))
        self.keep()
        self.bag.cosigned.add(self.journal.size)

    def finish_stage(self) -> None:
        if self.room.session.stage not in {Stage.PRELIMINARY, Stage.DETAILED}:
            trade.finish(self.room)
            return
        for seat in trade.EXPERTS:
            self.room.fill(seat)
            self.room.lock(seat)
        self.keep()
        head = self.journal.checkpoint()
        self.bag.cosigned.add(head.size)
        self.note(ev.CheckpointCosigned(head.size, encode_base64(head.root), ("east", "west")))
        self.room.unlock()

    def note(self, *events: ev.HostEvent) -> None:
        self.room.note(*events)
        self.keep()

    def tell(self, events: Iterable[ev.NodeEvent]) -> None:
        self.keep()
        for event in events:
            cmd = CommandId(self.dice.randbytes(16).hex())
            facts = (co.NodeFact(trade.START, type(event).__name__, event),)
            self.room.give(
                co.Order(co.RecordFacts(facts), trade.START, NODE_ACTOR, trade.WEST, Role.NODE, cmd)
            )
        self.keep()

    def keep(self) -> None:
        """Enter what has happened since in the journal; every entry is 50 ms after the one before."""
        for fact in self.room.history[self.journal.size :]:
            entry = self._entry(fact)
            self.journal.append(entry)
            self.bag.rows.append((entry, fact.secrets))

    def _entry(self, fact: Fact) -> Entry:
        seq, kind = self.journal.size, type(fact.event).__name__
        salt = None if kind in UNSALTED else self.dice.randbytes(16).hex()
        at = trade.START + 50 * seq
        return Entry(seq, at, kind, fact.site, fact.actor, salt, body_of(fact.event), fact.cmd, fact.sig)


class _Media:
    """One camera track: a reel of three fragments, a declared gap, a torn reel of two."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.at = trade.START + 1000

    def first(self) -> list[ev.NodeEvent]:
        expert = trade.EXPERTS[1]
        return [
            ev.TrackStarted(
                TRACK, expert, TrackKind.CAMERA, MEDIA[TrackKind.CAMERA], ("h264", "opus"), self.at
            )
        ]

    def rest(self) -> list[ev.NodeEvent]:
        events: list[ev.NodeEvent] = []
        events += self._reel(0, 3, torn=False)
        events.append(ev.GapDeclared(TRACK, self.at, self.at + 1500, GapCause.LINK, 40))
        self.at += 1500
        events += self._reel(1, 2, torn=True)
        events.append(ev.TrackEnded(TRACK, self.at))
        return events

    def _reel(self, number: int, fragments: int, *, torn: bool) -> list[ev.NodeEvent]:
        path = self.folder / f"{TRACK}.{number}.mp4"
        reel = ReelFile(path, TRACK, number, PICTURE, sound=True)
        events: list[ev.NodeEvent] = [reel.append(_draft(number, n)) for n in range(fragments)]
        closed = reel.give_up() if torn else reel.close()
        assert closed is not None
        path.chmod(0o644)
        init_path(path).chmod(0o644)
        begin = self.at * 1000
        knots = ((0, begin), (fragments * 1_000_000, begin + fragments * 1_000_020))
        self.at += fragments * 1000
        return [*events, ev.ClockMapped(TRACK, number, knots), closed]


def _draft(reel: int, n: int) -> Draft:
    """Return a second of pictures and sound whose bytes are noise: nothing here is decoded."""
    dice = random.Random(f"{reel}/{n}")
    video = tuple(
        Sample(n * 90_000 + k * 9_000, 9_000, struct.pack(">I", 400) + dice.randbytes(400), k == 0)
        for k in range(10)
    )
    audio = tuple(Sample(n * 48_000 + k * 4_800, 4_800, dice.randbytes(80)) for k in range(10))
    return Draft(video, audio)
