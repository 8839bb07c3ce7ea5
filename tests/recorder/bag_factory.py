"""Makes real bags for tests: a session decided by the room, reels and package by the recorder, keys and all.

The same bytes come out every time.  `Bag` is the folder with what an attacker needs to change it cleverly:
the manifests can be made anew, and the journal rebuilt and signed again with the true keys.
"""

import hashlib
import json
import random
import shutil
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from evalroom import commands as co
from evalroom import events as ev
from evalroom.encoding import body_of
from evalroom.events import Fact, Stage
from evalroom.ids import NODE_ACTOR, CommandId, SeatCode, SiteId, TrackId
from evalroom.ledger.base64 import encode_base64
from evalroom.ledger.canonical import Json, canonical
from evalroom.ledger.checkpoint import Checkpoint, cosign, sign_checkpoint, with_cosignatures
from evalroom.ledger.entry import UNSALTED, Entry
from evalroom.ledger.journal import Journal
from evalroom.ledger.note import KeyKind, SigningKey
from evalroom.media import MEDIA, GapCause, TrackKind
from evalroom.roles import Role
from evalroom.session import Session
from recorder.fmp4 import Draft, Sample
from recorder.h264 import PictureFormat
from recorder.manifest import (
    Digest,
    IndexedClock,
    IndexedLog,
    IndexedProject,
    IndexedSeat,
    IndexedSite,
    Retention,
    SessionIndex,
    manifest,
    session_js,
)
from recorder.package import BagLog, BagReel, BagTrack, build
from recorder.reel import ReelFile, reel_path
from recorder.verify import verify
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
LOG_KEY = LOG.verifier.encode()
WITNESS_KEYS = tuple(key.verifier.encode() for key in WITNESSES)
DOCUMENT = b"%PDF-1.7"
PICTURE = PictureFormat(320, 180, bytes.fromhex("6742e01fda0a0b7602d4040405"), bytes.fromhex("68ce3c80"))
TRACK = TrackId(f"{trade.WEST}-{trade.EXPERTS[1]}/camera")


@dataclass
class Bag:
    """A bag on disk with the rows it was made from; `write` puts its journal there anew after a change."""

    path: Path
    rows: list[tuple[Entry, tuple[ev.Secret, ...]]] = field(default_factory=list)
    cosigned: set[int] = field(default_factory=set)
    openings: list[Json] = field(default_factory=list)

    def log(self) -> tuple[BagLog, Checkpoint]:
        """Return the journal as the package takes it, and its last checkpoint."""
        journal, entries, notes = Journal(ORIGIN), [], []
        head = journal.checkpoint()
        for entry, _ in self.rows:
            entries.append(journal.append(entry).data)
            if journal.size in self.cosigned:
                head = journal.checkpoint()
                lines = [cosign(head, key, entry.t // 1000 + 1) for key in WITNESSES]
                notes.append(with_cosignatures(sign_checkpoint(head, LOG), lines).encode().decode())
        openings = [canonical(one) for one in self.openings]
        return BagLog(entries, openings, notes, (LOG_KEY, *WITNESS_KEYS), ()), head

    def journal(self, size: int) -> Journal:
        """Return the journal of the first `size` entries."""
        journal = Journal(ORIGIN)
        for entry, _ in self.rows[:size]:
            journal.append(entry)
        return journal

    def write(self) -> None:
        """Write the journal, an index that follows it, and manifests: what whoever owns the host can do."""
        log, head = self.log()
        folder = self.path / "data" / "log"
        (folder / "entries.jsonl").write_bytes(b"".join(line + b"\n" for line in log.entries))
        (folder / "openings.jsonl").write_bytes(b"".join(line + b"\n" for line in log.openings))
        (folder / "checkpoints.txt").write_text("".join(log.checkpoints), "utf-8")
        (folder / "checkpoint").write_text(log.checkpoints[-1], "utf-8")
        index = json.loads((self.path / "data" / "session.json").read_text("utf-8"))
        index["log"] = {"origin": head.origin, "size": head.size, "root": encode_base64(head.root)}
        for track in index["tracks"]:
            track["reels"] = [self._follow(reel) for reel in track["reels"]]
            track["reels"] = [reel for reel in track["reels"] if reel is not None]
        text = json.dumps(index, ensure_ascii=False, indent=1) + "\n"
        (self.path / "data" / "session.json").write_text(text, "utf-8")
        (self.path / "data" / "session.js").write_text(session_js(text), "utf-8")
        self.seal()

    def _follow(self, reel: dict[str, Json]) -> dict[str, Json] | None:
        """Let the index say of a reel what the journal says now."""
        bodies = [
            entry.body
            for kind in ("ClockMapped", "ReelClosed")
            for entry, _ in self.rows
            if entry.type == kind
            and reel["file"] == f"data/media/{entry.body['track']}.{entry.body['reel']}.mp4"
        ]
        if not bodies or "fragments" not in bodies[-1]:
            return None
        reel |= {name: bodies[-1][name] for name in ("sha256", "bytes", "fragments")}
        reel["map"] = bodies[0].get("map", [])
        return reel

    def seal(self) -> None:
        """Make bag-info.txt and both manifests anew, as whoever can write the folder can."""
        payload = {one: self._digest(one) for one in self._files() if one.startswith("data/")}
        info = (self.path / "bag-info.txt").read_text("utf-8").splitlines()
        total = sum(one.bytes for one in payload.values())
        info = [line if "Oxum" not in line else f"Payload-Oxum: {total}.{len(payload)}" for line in info]
        (self.path / "bag-info.txt").write_text("".join(line + "\n" for line in info), "utf-8")
        (self.path / "manifest-sha256.txt").write_text(manifest(payload), "utf-8")
        tags = [
            one for one in self._files() if not one.startswith(("data/", "tagmanifest", "seal/", "derived/"))
        ]
        (self.path / "tagmanifest-sha256.txt").write_text(
            manifest({one: self._digest(one) for one in tags}), "utf-8"
        )

    def _files(self) -> list[str]:
        return sorted(one.relative_to(self.path).as_posix() for one in self.path.rglob("*") if one.is_file())

    def _digest(self, name: str) -> Digest:
        data = (self.path / name).read_bytes()
        return Digest(hashlib.sha256(data).hexdigest(), len(data))

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


Told = list[co.NodeFact]
"""What a node tells in one command."""


def one_by_one(facts: Told) -> Iterable[Told]:
    """Tell each fact in a command of its own."""
    return ([one] for one in facts)


def make_bag(path: Path, tell: Callable[[Told], Iterable[Told]] = one_by_one) -> Bag:
    """Make the bag of a whole session of three experts, four bids and one track with a declared gap.

    `tell` makes commands of what the recorder tells once the track has started.
    """
    bag = Bag(path)
    return play_out(bag, Play(bag, path.with_name(f"{path.name}-reels"), tell))


def play_out(bag: Bag, play: "Play", opens: Callable[[Entry], bool] = lambda _: True) -> Bag:
    """Play to the end and write everything down; `opens` says of which entries the archive holds the openings."""
    play.run()
    bag.openings = [
        {"seq": entry.seq, "path": secret.path, "value": secret.value, "nonce": secret.nonce}
        for entry, secrets in bag.rows
        if opens(entry)
        for secret in secrets
    ]
    log, head = bag.log()
    documents = {f"bids/{bid}.pdf": DOCUMENT for bid in trade.BIDS} | reports_of(play.room.session)
    build(bag.path, index_of(bag, head), [play.media.track(play.room.history)], log, documents, "2026-11-23")
    return bag


def reports_of(session: Session) -> dict[str, bytes]:
    """Return the data of the reports that were signed, and of those voided before them, by their names in the bag."""
    earlier = {
        f"earlier-{lot}-{number}.json": one.made.data
        for lot in session.reports.made
        for number, one in enumerate(session.reports.earlier(lot), 1)
    }
    return {f"report-{lot}.json": made.data for lot, made in session.reports.made.items()} | earlier


def index_of(bag: Bag, head: Checkpoint) -> SessionIndex:
    """Return the index that goes with a bag's journal."""
    seats = bag.rows[0][0].body["seats"]
    assert isinstance(seats, list)
    return SessionIndex(
        id=trade.SESSION,
        project=IndexedProject(trade.TENDER.code, (trade.LOT,)),
        sites=tuple(IndexedSite(one.id, "host" if one.host else "sub", "", "") for one in trade.SITES),
        seats=tuple(
            IndexedSeat(SeatCode(str(one["code"])), SiteId(str(one["site"])), str(one["code"]))
            for one in seats
            if isinstance(one, dict)
        ),
        t0_ms=bag.rows[0][0].t,
        t1_ms=bag.rows[-1][0].t,
        clock=IndexedClock("host", 4),
        log=IndexedLog(head.origin, head.size, encode_base64(head.root)),
        retention=Retention("default", 0),
        classification="",
        software="0.1.0",
    )


def found(bag: Bag) -> set[tuple[int, str]]:
    """Return step and code of every failure that the verifier finds, its keys known from outside."""
    report = verify(bag.path, [LOG_KEY], WITNESS_KEYS)
    return {(step.number, failure.code) for step in report.steps for failure in step.failures}


def copy_of(bag: Bag, path: Path) -> Bag:
    """Return a bag of its own with the same bytes."""
    shutil.copytree(bag.path, path, copy_function=shutil.copyfile)
    return Bag(path, list(bag.rows), set(bag.cosigned), list(bag.openings))


class Play:
    """Plays the session and keeps its journal beside it."""

    def __init__(self, bag: Bag, reels: Path, batches: Callable[[Told], Iterable[Told]]) -> None:
        self.bag = bag
        self.batches = batches
        self.journal = Journal(ORIGIN)
        self.dice = random.Random(7)
        self.room = self.open_room()
        self.media = _Media(reels)

    def open_room(self) -> trade.Room:
        """Return the room to play in, just opened."""
        return trade.opened(replace(trade.OPEN, keys=KEYS))

    def run(self) -> None:
        self.note(ev.SiteOffsetMeasured(trade.WEST, -1500, 4000))
        for person in self.room.people.values():
            self.room.give(person.check_in())
        self.tell(one_by_one(self.media.first()))
        while self.room.session.stage is not Stage.CONCLUDED:
            self.finish_stage()
            self.room.advance()
        self.tell(self.batches(self.media.rest()))
        self.room.give(self.room[trade.OPERATOR].order(co.CloseSession("done")))
        self.keep()
        self.bag.cosigned.add(self.journal.size)

    def finish_stage(self) -> None:
        if self.room.session.stage not in {Stage.PRELIMINARY, Stage.DETAILED}:
            trade.finish(self.room)
            return
        for seat in trade.EXPERTS:
            self.fill(seat)
            self.room.lock(seat)
        self.keep()
        head = self.journal.checkpoint()
        self.bag.cosigned.add(head.size)
        self.note(ev.CheckpointCosigned(head.size, encode_base64(head.root), ("east", "west")))
        self.room.unlock()
        self.room.answer_all()

    def fill(self, seat: SeatCode) -> None:
        self.room.fill(seat)

    def note(self, *events: ev.HostEvent) -> None:
        self.room.note(*events)
        self.keep()

    def tell(self, commands: Iterable[Told]) -> None:
        self.keep()
        for facts in commands:
            cmd = CommandId(self.dice.randbytes(16).hex())
            told = co.RecordFacts(tuple(facts))
            self.room.give(co.Order(told, trade.START, NODE_ACTOR, trade.WEST, Role.NODE, cmd))
        self.keep()

    def keep(self) -> None:
        """Enter what has happened since in the journal."""
        for fact in self.room.history[self.journal.size :]:
            entry = self._entry(fact)
            self.journal.append(entry)
            self.bag.rows.append((entry, fact.secrets))

    def entry_at(self, _: Fact) -> int:
        """Return the time of the next entry."""
        return trade.START + 50 * self.journal.size

    def _entry(self, fact: Fact) -> Entry:
        seq, kind = self.journal.size, type(fact.event).__name__
        salt = None if kind in UNSALTED else self.dice.randbytes(16).hex()
        return Entry(
            seq,
            self.entry_at(fact),
            kind,
            fact.site,
            fact.actor,
            salt,
            body_of(fact.event),
            fact.cmd,
            fact.sig,
        )


class _Media:
    """One camera track: a reel of three fragments, a declared gap, a torn reel of two."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.at = trade.START + 1000
        self.reels: list[BagReel] = []

    def track(self, history: Iterable[Fact]) -> BagTrack:
        """Return the track as the journal knows it: a host packs nothing else."""
        expert = trade.EXPERTS[1]
        events = [fact.event for fact in history]
        told = [one for one in events if isinstance(one, ev.FragmentRecorded)]
        reels = [
            replace(reel, fragments=[one for one in told if one.reel == reel.closed.reel])
            for reel in self.reels
            if reel.closed in events
        ]
        return BagTrack(TRACK, trade.WEST, expert, "camera", ("h264", "opus"), tuple(reels))

    def first(self) -> Told:
        expert = trade.EXPERTS[1]
        media = MEDIA[TrackKind.CAMERA]
        return [
            self.told(
                ev.TrackStarted(TRACK, expert, TrackKind.CAMERA, media, ("h264", "opus"), self.at), self.at
            )
        ]

    def told(self, event: ev.NodeEvent, at: int) -> co.NodeFact:
        return co.NodeFact(at + 400, type(event).__name__, event)

    def rest(self) -> Told:
        facts = self._reel(0, 3, torn=False)
        gap = ev.GapDeclared(TRACK, self.at, self.at + 1500, GapCause.LINK, 40)
        self.at += 1500
        facts.append(self.told(gap, self.at))
        facts += self._reel(1, 2, torn=True)
        return [*facts, self.told(ev.TrackEnded(TRACK, self.at), self.at)]

    def _reel(self, number: int, fragments: int, *, torn: bool) -> Told:
        path = reel_path(self.folder, TRACK, number)
        reel = ReelFile(path, TRACK, number, PICTURE, sound=True)
        recorded = [reel.append(_draft(number, n)) for n in range(fragments)]
        closed = reel.give_up() if torn else reel.close()
        assert closed is not None
        begin = self.at
        knots = ((0, begin * 1000), (fragments * 1_000_000, begin * 1000 + fragments * 1_000_020))
        self.at += fragments * 1000
        self.reels.append(BagReel(closed, recorded, knots, path))
        told = [self.told(one, begin + 1000 * (one.n + 1)) for one in recorded]
        end = [self.told(one, self.at) for one in (ev.ClockMapped(TRACK, number, knots), closed)]
        return [*told, *end]


def _draft(reel: int, n: int) -> Draft:
    """Return a second of pictures and sound whose bytes are noise: nothing here is decoded."""
    dice = random.Random(f"{reel}/{n}")
    video = tuple(
        Sample(n * 90_000 + k * 9_000, 9_000, struct.pack(">I", 400) + dice.randbytes(400), k == 0)
        for k in range(10)
    )
    audio = tuple(Sample(n * 48_000 + k * 4_800, 4_800, dice.randbytes(80)) for k in range(10))
    return Draft(video, audio)
