"""A recording studio for tests: a `Capture` in virtual time, its facts collected, its tiling checked."""

import hashlib
import os
import queue
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import av

from evalroom.events import ClockMapped, FragmentRecorded, GapDeclared, ReelClosed, TrackEnded, TrackStarted
from evalroom.media import GapCause, Medium, Packet, SenderReport, Track
from recorder.capture import Capture, CaptureSettings, Resume
from recorder.facts import RecorderFact
from recorder.reel import Pwrite, reel_path
from recorder.timing import session_us
from tests.patience import PATIENCE_S
from tests.recorder.seat import T0_MS, at_ms, camera

_Kind = TypeVar("_Kind")


class Studio:
    """Feeds a capture and runs what its writing thread posts, in this thread."""

    def __init__(
        self, folder: Path, track: Track | None = None, *, settings: CaptureSettings | None = None,
        resume: Resume | None = None, write: Pwrite = os.pwrite,
    ) -> None:  # fmt: skip
        self.folder, self.track = folder, track or camera()
        self.now = T0_MS
        self._next_tick = T0_MS + 500
        self.facts: list[RecorderFact] = []
        self.loss = GapCause.LINK
        self._expected: dict[Medium, int] = {}
        self.keyframes_asked: list[int] = []
        self._posted: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.capture = Capture(
            self.track, folder, clock=lambda: self.now, emit=self.facts.append,
            request_keyframe=lambda: self.keyframes_asked.append(self.now), post=self._posted.put,
            settings=settings, resume=resume, write=write,
        )  # fmt: skip

    def feed(self, items: Iterable[Packet | SenderReport], *, paced: bool = True) -> None:
        """Hand over items at their arrival, ticking every half second of virtual time."""
        for item in items:
            self.wait_until(at_ms(item))
            if isinstance(item, Packet):
                self._tell_loss(item)
                self.capture.on_packet(item)
            else:
                self.capture.on_sender_report(item)
            if paced:
                self.settle()

    def _tell_loss(self, packet: Packet) -> None:
        expected = self._expected.get(packet.medium, packet.seq)
        if expected < packet.seq < expected + 1000:
            self.capture.on_gap(packet.medium, expected, packet.seq - 1, self.loss)
        self._expected[packet.medium] = packet.seq + 1

    def wait_until(self, ms: float) -> None:
        while self._next_tick <= T0_MS + ms:
            self.now = self._next_tick
            self._next_tick += 500
            self.capture.tick()
        self.now = max(self.now, T0_MS + round(ms))

    def settle(self) -> None:
        """Run what the writing thread has posted, until it has nothing more to write."""
        while self.capture.status.backlog or not self._posted.empty():
            with suppress(queue.Empty):  # an order for a failed reel is dropped without a word: look again
                self._posted.get(timeout=0.02)()

    def end(self, cause: GapCause | None = None) -> None:
        self.capture.on_end(cause)
        if cause is None:
            self.capture.join(PATIENCE_S)
            while not self._posted.empty():
                self._posted.get_nowait()()

    def of(self, kind: type[_Kind]) -> list[_Kind]:
        return [fact for fact in self.facts if isinstance(fact, kind)]

    def path(self, reel: int = 0) -> Path:
        return reel_path(self.folder, self.track.id, reel)

    def gaps(self) -> list[tuple[int, int, GapCause]]:
        return [(gap.from_ms - T0_MS, gap.to_ms - T0_MS, gap.cause) for gap in self.of(GapDeclared)]

    def check(self) -> None:
        """Digests fit the bytes, fragments lie end to end, and everything tiles the track."""
        for fact in self.of(FragmentRecorded):
            data = self.path(fact.reel).read_bytes()[fact.offset : fact.offset + fact.length]
            assert fact.sha256 == hashlib.sha256(data).hexdigest()
        for closed in self.of(ReelClosed):
            numbers = [fact.n for fact in self.of(FragmentRecorded) if fact.reel == closed.reel]
            assert numbers == list(range(closed.fragments))
            assert closed.sha256 == hashlib.sha256(self.path(closed.reel).read_bytes()).hexdigest()
        assert holes(self.facts) == []
        for told in self.of(ClockMapped):
            for (media, utc), (later, then) in pairwise(told.map):  # archive.md §7, step 11
                assert later > media
                assert then > utc
                assert abs((then - utc) - (later - media)) <= 200_000 + (later - media) // 1000


def holes(facts: Iterable[RecorderFact], tolerance_ms: float = 200) -> list[tuple[float, float]]:
    """What neither fragments nor declared gaps cover between start and end, ms from the beginning."""
    facts = list(facts)
    maps = {fact.reel: fact.map for fact in facts if isinstance(fact, ClockMapped)}
    covered = []
    for fact in facts:
        if isinstance(fact, FragmentRecorded):
            begin, end = (
                session_us(maps[fact.reel], us) / 1000 for us in (fact.pts, fact.pts + fact.duration)
            )
            covered.append((begin, end))
        elif isinstance(fact, GapDeclared):
            covered.append((fact.from_ms, fact.to_ms))
    (at,) = [float(fact.at_ms) for fact in facts if isinstance(fact, TrackStarted)]
    (stop,) = [float(fact.at_ms) for fact in facts if isinstance(fact, TrackEnded)]
    found = []
    for begin, end in sorted([*covered, (stop, stop)]):
        if begin - at >= tolerance_ms:
            found.append((at - T0_MS, begin - T0_MS))
        at = max(at, end)
    return found


def decoded(path: Path, medium: Medium) -> list[float]:
    """Decode a whole stream; the time of each frame in seconds."""
    with av.open(str(path)) as container:
        frames: Iterable[av.VideoFrame | av.AudioFrame] = (
            container.decode(video=0) if medium is Medium.VIDEO else container.decode(audio=0)
        )
        return [float(frame.time or 0.0) for frame in frames]
