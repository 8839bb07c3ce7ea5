"""The recording booth of one session at one node: every track that comes up is captured, and nothing is left out.

It stands between the node's relay, which it knows only as sources of tracks, and the journal, which it knows
only as somewhere to hand facts.  A track lives until the booth is finished: a publisher that goes away, by
accident or on purpose, leaves a declared gap and may come back.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from evalroom.commands import NodeFact
from evalroom.events import AlarmRaised, GapDeclared, NodeEvent, ReelClosed, TrackEnded
from evalroom.ids import TrackId
from evalroom.media import GapCause, Medium, Packet, SenderReport, Track, TrackSink, TrackSource
from evalroom.presence import Recorded
from recorder.capture import Capture, CaptureSettings, Clock, Resume
from recorder.disk import DiskLevel, DiskUsage, usage_of
from recorder.facts import RecorderAlarm, RecorderFact

TICK_S = 0.2
"""Facts wait at most this long for others to share a command; digests must be journalled within 3 s."""

DISK_MS = 2_000
"""Milliseconds between two looks at the free space: a node at 24 Mb/s writes 6 MB meanwhile."""

BATCH = 50
"""Facts in one command: some 18 KiB, well inside a frame."""

Hand = Callable[[tuple[NodeFact, ...]], None]
"""Takes facts for the journal, in order."""


@dataclass(slots=True)
class _Sink:
    """Hands a source's packets to the capture of its track; the source's end is a gap, not the track's end."""

    capture: Capture
    wants: Literal["arrival", "repaired"] = "repaired"

    def on_packet(self, packet: Packet) -> None:
        self.capture.on_packet(packet)

    def on_sender_report(self, report: SenderReport) -> None:
        self.capture.on_sender_report(report)

    def on_gap(self, medium: Medium, first: int, last: int, cause: GapCause) -> None:
        self.capture.on_gap(medium, first, last, cause)

    def on_end(self, cause: GapCause | None) -> None:
        self.capture.on_end(cause or GapCause.PUBLISHER)


@dataclass(frozen=True, slots=True)
class BoothTerms:
    """Whose booth it is (its alarms bear that name), where it writes, by which clock, for how long a reel runs."""

    name: str
    folder: Path
    clock: Clock
    settings: CaptureSettings


class Booth:
    """All captures of one session at this node."""

    def __init__(self, terms: BoothTerms, hand: Hand, on_reel: Callable[[ReelClosed], None]) -> None:
        """Begin empty; `on_reel` learns of every closed reel, to be handed over."""
        self._terms = terms
        self._hand = hand
        self._on_reel = on_reel
        self._captures: dict[TrackId, Capture] = {}
        self._sources: dict[TrackId, tuple[TrackSource, TrackSink]] = {}
        self._resumes: dict[TrackId, Resume] = {}
        self._pending: list[NodeFact] = []
        self._alarms = 0
        self._finished = False
        self._held = False
        self._warned = False

    def resume(self, track: TrackId, resume: Resume) -> None:
        """Go on with a track that an earlier process recorded."""
        self._resumes[track] = resume

    def track_up(self, source: TrackSource) -> None:
        """Record a source from now on; an older source of the same track has ended."""
        if self._finished:
            return
        capture = self._captures.get(source.track.id) or self._new_capture(source.track)
        sink = _Sink(capture)
        self._sources[source.track.id] = (source, sink)
        source.attach(sink, lambda _sink, error: self._failed(source, error))

    def _new_capture(self, track: Track) -> Capture:
        loop = asyncio.get_running_loop()
        capture = Capture(
            track,
            self._terms.folder,
            clock=self._terms.clock,
            emit=self._emit,
            request_keyframe=lambda: self._request_keyframe(track.id),
            post=loop.call_soon_threadsafe,
            settings=self._terms.settings,
            resume=self._resumes.pop(track.id, None),
        )
        self._captures[track.id] = capture
        return capture

    def _request_keyframe(self, track: TrackId) -> None:
        held = self._sources.get(track)
        if held is not None:
            held[0].request_keyframe()

    def _failed(self, source: TrackSource, error: Exception) -> None:
        """A capture raised: close what it has, declare the gap, and record on with a new reel."""
        track = source.track.id
        self._alarm(track, "recorder_failed", repr(error))
        self._captures[track].on_end(GapCause.RECORDER)
        self.track_up(source)

    # --- facts ----------------------------------------------------------------------------------------

    def _emit(self, fact: RecorderFact) -> None:
        if isinstance(fact, RecorderAlarm):
            self._alarm(fact.track, fact.code, fact.detail)
            return
        self._note(fact)
        if isinstance(fact, ReelClosed):
            self._on_reel(fact)

    def _alarm(self, track: TrackId, code: str, detail: str) -> None:
        held = self._sources.get(track)
        self._raise(code, held[0].track.seat if held else "", f"{track}: {detail}")

    def _raise(self, code: str, seat: str, text: str) -> None:
        self._alarms += 1
        self._note(
            AlarmRaised(f"{self._terms.name}-{self._terms.clock()}.{self._alarms}", code, seat, text[:500])
        )

    def _note(self, event: NodeEvent) -> None:
        self._pending.append(NodeFact(self._terms.clock(), type(event).__name__, event))
        if len(self._pending) >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Hand over what has been noted."""
        pending, self._pending = self._pending, []
        for start in range(0, len(pending), BATCH):
            self._hand(tuple(pending[start : start + BATCH]))

    def tell(self, facts: Iterable[RecorderFact]) -> None:
        """Hand over what recovery found."""
        for fact in facts:
            self._emit(fact)

    def note(self, facts: Iterable[NodeFact]) -> None:
        """Hand facts of the node's own over in the same order as the recorder's."""
        self._pending.extend(facts)

    # --- life -----------------------------------------------------------------------------------------

    def recorded(self) -> dict[TrackId, Recorded]:
        """Say how the recording of each track stands."""
        statuses = {track: capture.status for track, capture in self._captures.items()}
        return {
            track: Recorded(one.gap is None and one.reel is not None, one.recorded_ms)
            for track, one in statuses.items()
        }

    def word(self) -> str:
        """Say in a word how recording stands here: idle, recording, gap or disk."""
        gaps = {capture.status.gap for capture in self._captures.values()}
        if not gaps:
            return "idle"
        if GapCause.DISK in gaps:
            return "disk"
        return "recording" if None in gaps else "gap"

    async def run(self) -> None:
        """Tick all captures and hand facts over until cancelled; cancelling leaves reels open for recovery."""
        looked = 0
        while True:
            if self._terms.clock() - looked >= DISK_MS:
                looked = self._terms.clock()
                self.look_at_disk(self._usage())
            for capture in self._captures.values():
                capture.tick()
            self.flush()
            await asyncio.sleep(TICK_S)

    def _usage(self) -> DiskUsage:
        return usage_of(self._terms.folder)

    def look_at_disk(self, usage: DiskUsage) -> None:
        """Stop recording at 95 % and go on below it: what is left belongs to the journal (trust.md, fault 15)."""
        full = usage.level is DiskLevel.FULL
        if full and not self._held:
            self._raise(
                "disk_full", "", f"The disk is {usage.percent} % full: recording stops, scoring goes on."
            )
        elif usage.level is DiskLevel.LOW and not self._warned:
            self._raise(
                "disk_low",
                "",
                f"The disk is {usage.percent} % full: recording stops at 95 %, free some space.",
            )
        self._held, self._warned = full, usage.level is not DiskLevel.ROOMY
        for capture in self._captures.values():
            if full:
                capture.hold(GapCause.DISK)
            else:
                capture.release()

    async def finish(self) -> None:
        """End every track and hand the last facts over.

        Cancelling leaves threads to finish their fragment; recovery closes what they had open.
        """
        self._finished = True
        for track, capture in self._captures.items():
            source, sink = self._sources[track]
            source.detach(sink)
            capture.on_end(None)
        for capture in self._captures.values():
            await asyncio.to_thread(capture.join, 30)
        await asyncio.sleep(0)  # what the threads reported last is still on its way into this loop
        self._end_interrupted()
        self.flush()

    def _end_interrupted(self) -> None:
        """Declare of tracks that never came back after a crash since when nothing was recorded, and end them."""
        now = self._terms.clock()
        for track, resume in self._resumes.items():
            if resume.gap_from_ms is None:
                continue  # it had not begun, or had ended, before the crash
            self._note(GapDeclared(track, min(resume.gap_from_ms, now), now, resume.cause, 0))
            self._note(TrackEnded(track, now))
        self._resumes.clear()
