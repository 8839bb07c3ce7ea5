"""The recorder of one track: a sink that turns packets into reels, and whatever is missing into declared gaps.

It starts at a key frame, keeps picture and microphone together, cuts reels at key frames, and fails open:
a full disk or a dead link becomes a gap, and it tries again for as long as the track lives.  Fragments and
gaps tile the track from `TrackStarted` to `TrackEnded`.  Media time is RTP time: nothing is invented, nothing
stretched over a hole.  It decodes nothing, holds no clock, and refuses media it cannot record, loudly.
"""

import json
import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

from evalroom.errors import PeerFault
from evalroom.events import (
    ClockMapped,
    FormatChanged,
    FragmentRecorded,
    GapDeclared,
    ReelClosed,
    TrackEnded,
    TrackStarted,
)
from evalroom.ids import TrackId
from evalroom.media import GapCause, Medium, Packet, SenderReport, Track
from recorder.clocks import TrackClock
from recorder.depacketize import AccessUnit, H264Depacketizer, OpusDepacketizer, UnsupportedPayload
from recorder.facts import Emit, RecorderAlarm
from recorder.fmp4 import RATES, Draft, Sample, micros
from recorder.fragmenter import LONGEST_US, Fragmenter
from recorder.h264 import PictureFormat
from recorder.reel import Append, Begin, Failed, Finish, Pwrite, ReelWriter, Report
from recorder.timing import extended, session_us

Clock = Callable[[], int]
"""The session clock: UTC ms as the host counts them."""

Post = Callable[[Callable[[], None]], object]
"""Runs a call in the event loop's thread: `loop.call_soon_threadsafe`."""

SHORTEST_GAP_MS = 200
"""A hole this long is declared (archive.md §3)."""

_JUMP_PACKETS = 3000
_JUMP_MS = 10_000.0
_LATE_SOUND_MS = 500
_SAME_INSTANT_US = 1_000
"""Ticks of 90 kHz in microseconds: two roundings apart at most."""

_MOST_KNOTS = 1_000
"""Knots in one reel's map, 30 KB as a fact: every declared hole brings two, and the next reel goes on."""


@dataclass(frozen=True, slots=True)
class CaptureSettings:
    """Times of one capture, in the unit each name ends with; `queue` counts fragments that may wait for the disk.

    Two fragments come a second, of 0.2 MB together at most: at a load of ten, `fdatasync` of some tracks took 10 s, and
    a queue of 16 left gaps of as much; 48 are 5 MB a track while the disk is that slow, and nothing while it is not.
    """

    reel_s: int = 30 * 60
    reel_bytes: int = 2 << 30
    fragment_us: int = LONGEST_US
    keyframe_every_ms: int = 2000
    disk_retry_ms: int = 5000
    sound_wait_ms: int = 1000
    picture_wait_ms: int = 3000
    no_picture_ms: int = 6000
    flush_after_ms: int = 1500
    map_every_ms: int = 60_000
    gap_piece_ms: int = 30_000
    queue: int = 48


@dataclass(frozen=True, slots=True)
class Resume:
    """Where an earlier recorder of the same track stopped: its next reel, and since when nothing is recorded.

    `gap_from_ms` is None when the track is not running: it then starts anew, under the next reel's number.
    """

    next_reel: int
    gap_from_ms: int | None
    cause: GapCause = GapCause.RECORDER


@dataclass(frozen=True, slots=True)
class CaptureStatus:
    """One track for the site console: `recorded_ms` is when the last fragment was safe, `gap` why none comes."""

    track: TrackId
    reel: int | None
    recorded_ms: int | None
    backlog: int
    gap: GapCause | None


@dataclass(slots=True)
class _Absence:
    """A stretch of session time in which nothing of the track is being recorded."""

    since_ms: int
    cause: GapCause
    lost: int = 0


@dataclass(slots=True)
class _Lane:
    """One medium inside a reel: which tick is the reel's zero, and where its last sample began.

    `ended_us` is where the reel before ended, in this reel's time, and `ended_ms` by its own map: a hole may lie between.
    """

    origin: int
    last: int = -1
    broken: GapCause | None = None
    ended_us: int | None = None
    ended_ms: int = 0


@dataclass(slots=True)
class _OpenReel:
    """A reel being recorded, as the event loop sees it.

    `follows_us` is the session time (µs) at which the reel before ended when nothing is missing between them: two
    readings of the clock must not make a hole of it.  `latest_us` is what was read first: something was told to end
    there, so the reel does not begin later when the session clock is corrected.
    """

    number: int
    picture: PictureFormat | None
    lead: Medium
    lanes: dict[Medium, _Lane]
    fragmenter: Fragmenter
    clocks: TrackClock
    began_ms: float
    bytes: int = 0
    knots: list[tuple[int, int]] = field(default_factory=list)
    reports: int = 0
    written_ms: int = 0
    has_fragments: bool = False
    follows_us: int | None = None
    latest_us: int | None = None


class Capture:
    """Records one track.  All methods run in the event loop's thread; `tick` wants to be called twice a second."""

    wants: Literal["repaired"] = "repaired"

    def __init__(
        self, track: Track, folder: Path, *, clock: Clock, emit: Emit, request_keyframe: Callable[[], None],
        post: Post, settings: CaptureSettings | None = None, resume: Resume | None = None,
        codecs: tuple[str, ...] = ("h264", "opus"), write: Pwrite = os.pwrite,
    ) -> None:  # fmt: skip
        """Make ready; recording begins with the first key frame, or with sound where no picture comes.

        Raises:
            UnsupportedPayload: for codecs other than H.264 and Opus (MP4 refuses VP8).
        """
        for codec in codecs:
            if codec.lower() not in ("h264", "opus"):
                raise UnsupportedPayload(codec=codec, track=track.id)
        self._track, self._clock, self._emit, self._request = track, clock, emit, request_keyframe
        self._settings = settings or CaptureSettings()
        self._writer = ReelWriter(
            folder, track.id, self._in_loop(post), room=self._settings.queue, write=write
        )
        self._next_reel = resume.next_reel if resume else 0
        self._absent: _Absence | None = None
        if resume is not None and resume.gap_from_ms is not None:
            self._absent = _Absence(resume.gap_from_ms, resume.cause)
        self._started = self._absent is not None
        self._reel: _OpenReel | None = None
        self._closing: _OpenReel | None = None
        self._unclosed: dict[int, _OpenReel] = {}
        self._ended_ms: int | None = None
        self._recorded_ms: int | None = None
        self._held: GapCause | None = None
        self._blocked_until = 0
        self._asked_ms = 0
        self._alarmed: set[str] = set()
        self._connect()

    def _in_loop(self, post: Post) -> Callable[[Report], None]:
        def report(said: Report) -> None:
            post(partial(self._reported, said))

        return report

    def _connect(self) -> None:
        self._clocks = TrackClock()
        self._h264 = H264Depacketizer()
        self._opus = OpusDepacketizer()
        self._cause: dict[Medium, GapCause] = {}
        self._latest: dict[Medium, Packet] = {}
        self._sound: deque[AccessUnit] = deque(maxlen=400)
        self._sound_since: int | None = None
        self._seen_since = self._clock()
        self._notes: deque[str] = deque(maxlen=1000)

    # --- what the source calls --------------------------------------------------------------------

    def on_packet(self, packet: Packet) -> None:
        """Take one packet, in order; a jump in its numbers or times that no loss explains is another stream."""
        if self._ended_ms is not None or self._held is not None:
            return
        if self._is_other_stream(packet):
            self.on_end(GapCause.PUBLISHER)
        now = self._clock()
        self._latest[packet.medium] = packet
        self._clocks.saw(packet, now)
        units = self._h264 if packet.medium is Medium.VIDEO else self._opus
        take = self._picture if packet.medium is Medium.VIDEO else self._heard
        try:
            for unit in units.push(packet):
                take(unit, now)
        except PeerFault as fault:
            self._alarm(fault.code, str(fault))

    def on_sender_report(self, report: SenderReport) -> None:
        """Take one sender report: it ties media time to the seat's clock."""
        now = self._clock()
        self._clocks.report(report, now)
        self._notes.append(
            self._note(medium=report.medium, ts=report.ts, ntp_us=round(report.ntp_ms * 1000), at_ms=now)
        )
        self._settle(now)
        reel = self._reel
        if reel is not None and reel.reports < 2 <= self._clocks.reports(reel.lead):
            self._map_anew(reel)

    def on_gap(self, medium: Medium, first: int, last: int, cause: GapCause) -> None:
        """Learn that packets will never come, and why."""
        self._cause[medium] = cause
        (self._h264 if medium is Medium.VIDEO else self._opus).miss(last - first + 1)

    def on_end(self, cause: GapCause | None) -> None:
        """Close the reel; with a cause the track lives on and a gap is open until packets come again."""
        if self._ended_ms is not None:
            return
        lost = self._lost_picture()
        end = self._finish_reels()
        if cause is None and lost is not None and end is not None:
            self._absent = _Absence(end, lost)
        if cause is not None:
            if self._started and self._absent is None:
                self._absent = _Absence(end if end is not None else self._clock(), cause)
            self._connect()
            return
        self._ended_ms = end if end is not None else self._clock()
        if self._absent is not None:
            self._ended_ms = max(self._clock(), self._absent.since_ms)
            self._declare(self._absent.since_ms, self._ended_ms, self._absent.cause, self._absent.lost)
        self._writer.stop()

    def hold(self, cause: GapCause) -> None:
        """Stop recording, with a gap of that cause, until `release`: the disk is needed for the journal."""
        if self._held is None:
            self.on_end(cause)
            self._held = cause

    def release(self) -> None:
        """Record again from the next key frame on."""
        if self._held is not None:
            self._held = None
            self._connect()

    def tick(self) -> None:
        """Do what is due by the clock: ask for a key frame, flush a stalled fragment, declare a long gap so far."""
        if self._ended_ms is not None:
            return
        now = self._clock()
        if Medium.VIDEO in self._track.media and now - self._asked_ms >= self._settings.keyframe_every_ms:
            self._asked_ms = now
            self._request()
        self._settle(now)
        self._miss_picture(now)
        if self._closing is not None and now - self._closing.written_ms > _LATE_SOUND_MS:
            self._finish(self._closing)
            self._closing = None
        if self._reel is not None:
            self._flush_stalled(self._reel, now)
        self._declare_so_far(now)

    @property
    def status(self) -> CaptureStatus:
        """Say how the recording of this track stands."""
        cause = self._absent.cause if self._absent else None
        reel = self._reel.number if self._reel else None
        return CaptureStatus(self._track.id, reel, self._recorded_ms, self._writer.backlog, cause)

    def join(self, timeout: float | None = None) -> None:
        """Wait for the writing thread after `on_end(None)`, at most `timeout` seconds; blocks: not for the loop."""
        self._writer.join(timeout)

    # --- units ------------------------------------------------------------------------------------

    def _is_other_stream(self, packet: Packet) -> bool:
        before = self._latest.get(packet.medium)
        if before is None:
            return False
        media_ms = (packet.ts - before.ts) * 1000 / RATES[packet.medium]
        passed_ms = (packet.arrival - before.arrival) / 1e6
        return abs(packet.seq - before.seq) > _JUMP_PACKETS or abs(media_ms - passed_ms) > _JUMP_MS

    def _picture(self, unit: AccessUnit, now: int) -> None:
        if self._is_blocked(now):
            self._h264.wait_for_keyframe()
            return
        reel = self._reel
        if unit.keyframe and (reel is None or reel.picture is None or self._is_due(reel, unit)):
            self._begin_with_picture(unit, now)
        if self._reel is not None and self._reel.picture is not None:
            self._write(self._reel, Medium.VIDEO, unit, now)
            self._settle(now)

    def _miss_picture(self, now: int) -> None:
        # Pictures come and none can be recorded: another codec, or nobody answers the requests.
        has_picture = self._reel is not None and self._reel.picture is not None
        if has_picture or Medium.VIDEO not in self._latest or now < self._blocked_until:
            self._seen_since = now
        elif now - self._seen_since >= self._settings.no_picture_ms:
            self._alarm("no_keyframe", f"none for {now - self._seen_since} ms")

    def _heard(self, unit: AccessUnit, now: int) -> None:
        if self._is_blocked(now):
            self._sound.clear()
            self._sound_since = None
            return
        if self._sound_since is None:
            self._sound_since = now
        if self._reel is None or Medium.AUDIO not in self._reel.lanes:
            self._sound.append(unit)
            self._settle(now)
        else:
            self._write_sound(unit, now)

    def _is_blocked(self, now: int) -> bool:
        if now < self._blocked_until:
            return True
        overflowed = self._absent is not None and self._reel is not None
        return overflowed and self._writer.backlog > self._settings.queue // 2

    def _settle(self, now: int) -> None:
        # Sound waits until it is known where it belongs beside the picture, or that no picture comes.
        if not self._sound or self._sound_since is None:
            return
        waited, reel = now - self._sound_since, self._reel
        if reel is not None and reel.picture is not None and Medium.AUDIO not in reel.lanes:
            if self._clocks.is_aligned() or waited >= self._settings.sound_wait_ms:
                origin = self._clocks.sound_at(reel.lanes[Medium.VIDEO].origin)
                reel.lanes[Medium.AUDIO] = _Lane(origin)
                self._release_sound(now)
        elif reel is None and self._is_sound_alone(waited):
            self._begin(None, {Medium.AUDIO: _Lane(self._sound[0].ts)}, Medium.AUDIO, now)
            self._release_sound(now)

    def _is_sound_alone(self, waited: int) -> bool:
        return Medium.VIDEO not in self._track.media or waited >= self._settings.picture_wait_ms

    def _release_sound(self, now: int) -> None:
        waiting, self._sound = self._sound, deque(maxlen=self._sound.maxlen)
        for unit in waiting:
            self._write_sound(unit, now)

    def _write_sound(self, unit: AccessUnit, now: int) -> None:
        reel, closing = self._reel, self._closing
        if reel is None:
            return  # the disk failed between two units: the gap is open
        if unit.ts >= reel.lanes[Medium.AUDIO].origin:
            if closing is not None:
                self._finish(closing)
                self._closing = None
            self._write(reel, Medium.AUDIO, unit, now)
        elif closing is not None and Medium.AUDIO in closing.lanes:
            self._write(closing, Medium.AUDIO, unit, now)
        elif reel.lanes[Medium.AUDIO].ended_us is not None:
            reel.lanes[Medium.AUDIO].broken = GapCause.RECORDER  # the reel it belongs to could wait no longer

    # --- reels ------------------------------------------------------------------------------------

    def _is_due(self, reel: _OpenReel, unit: AccessUnit) -> bool:
        age = (unit.ts - reel.lanes[Medium.VIDEO].origin) // RATES[Medium.VIDEO]
        full = reel.bytes >= self._settings.reel_bytes or len(reel.knots) >= _MOST_KNOTS
        return age >= self._settings.reel_s or full

    def _begin_with_picture(self, unit: AccessUnit, now: int) -> None:
        lanes = {Medium.VIDEO: _Lane(unit.ts)}
        self._alarmed.discard("no_keyframe")
        before = self._reel
        if before is not None:
            if Medium.AUDIO in before.lanes:
                lanes[Medium.AUDIO] = _Lane(self._clocks.sound_at(unit.ts))
            self._leave(before, lanes, unit)
        self._begin(unit.format, lanes, Medium.VIDEO, now, self._follows(before, lanes))

    def _leave(self, before: _OpenReel, lanes: dict[Medium, _Lane], unit: AccessUnit) -> None:
        lane = before.lanes.get(Medium.VIDEO)
        if lane is not None and not unit.lost:
            before.fragmenter.last_until(Medium.VIDEO, unit.ts - lane.origin)
        for medium, new in lanes.items():
            if medium in before.lanes:
                old, rate = before.lanes[medium], RATES[medium]
                end_us = before.fragmenter.end_of(medium)
                new.broken, new.ended_us = old.broken, end_us - (new.origin - old.origin) * 1_000_000 // rate
                new.ended_ms = self._told(before, end_us)
        if self._closing is not None:
            self._finish(self._closing)
        self._closing, self._reel = before, None

    def _follows(self, before: _OpenReel | None, lanes: dict[Medium, _Lane]) -> int | None:
        """Return when the reel before ended (UTC µs) where the same picture ends it and begins the next one.

        Two readings of a loaded machine's clocks were 0.6 s apart there, and the archive showed a hole where none was.
        """
        if before is None or before.lead is not Medium.VIDEO:
            return None
        lane, ended = lanes[Medium.VIDEO], before.lanes[Medium.VIDEO]
        if lane.ended_us is None or abs(lane.ended_us) > _SAME_INSTANT_US:
            return None
        return self._enter(before, micros(Medium.VIDEO, lane.origin - ended.origin))

    def _begin(
        self,
        picture: PictureFormat | None,
        lanes: dict[Medium, _Lane],
        lead: Medium,
        now: int,
        follows_us: int | None = None,
    ) -> None:
        sound = Medium.AUDIO in self._track.media
        began = self._clocks.session_ms(lead, lanes[lead].origin)
        number, self._next_reel = self._next_reel, self._next_reel + 1
        fragmenter = Fragmenter(self._settings.fragment_us)
        reel = _OpenReel(number, picture, lead, lanes, fragmenter, self._clocks, began, written_ms=now)
        reel.follows_us, reel.latest_us = follows_us, self._reading(reel, 0)
        self._reel = self._unclosed[number] = reel
        self._writer.offer(Begin(number, picture, sound))
        if not self._started:
            self._started = True
            self._start(picture, round(began))
        self._map_anew(reel)

    def _start(self, picture: PictureFormat | None, at_ms: int) -> None:
        track = self._track
        codecs = ("opus",) if Medium.AUDIO in track.media else ()
        codecs = (picture.codec, *codecs) if picture else codecs
        self._emit(TrackStarted(track.id, track.seat, track.kind, track.media, codecs, at_ms))

    def _finish_reels(self) -> int | None:
        """Close what is open; return where the record ends on the session clock, None without an open reel."""
        ends = [self._finish(reel) for reel in (self._closing, self._reel) if reel is not None]
        self._closing = self._reel = None
        return max(ends) if ends else None

    def _finish(self, reel: _OpenReel) -> int:
        for draft in reel.fragmenter.flush():
            self._hand(reel, draft)
        self._map(reel)
        self._writer.offer(Finish(reel.number))
        self._declare_lost_picture(reel)
        return self._told(reel, reel.fragmenter.end_us())

    def _lost_picture(self) -> GapCause | None:
        """Return why pictures are being dropped until a key frame comes; None when they are not."""
        reel = self._reel
        if reel is None or reel.picture is None or not self._h264.waits_for_keyframe:
            return None
        return self._cause.get(Medium.VIDEO, GapCause.LINK)

    def _declare_lost_picture(self, reel: _OpenReel) -> None:
        # The reel ends while pictures are being dropped: their hole ends with it.
        cause = self._lost_picture()
        if reel is self._reel and cause is not None:
            begin = self._told(reel, reel.fragmenter.end_of(Medium.VIDEO))
            self._declare(begin, self._told(reel, reel.fragmenter.end_us()), cause, 0)

    # --- samples ----------------------------------------------------------------------------------

    def _write(self, reel: _OpenReel, medium: Medium, unit: AccessUnit, now: int) -> None:
        lane = reel.lanes[medium]
        dts = unit.ts - lane.origin
        if dts < 0:
            return  # sound from before the reel's first picture
        if dts <= lane.last:
            lane.broken = GapCause.PUBLISHER
            self._alarm("reordered_pictures", f"{medium} at {unit.ts}")
            return
        contiguous = not unit.lost and lane.broken is None
        self._declare_hole(reel, medium, unit, dts, contiguous=contiguous)
        if medium is Medium.VIDEO:
            self._note_format(reel, unit, dts)
        lane.last, lane.broken, reel.written_ms = dts, None, now
        data = unit.sample if medium is Medium.VIDEO else unit.nals[0]
        sample = Sample(dts, unit.duration, data, unit.keyframe)
        for draft in reel.fragmenter.add(medium, sample, contiguous=contiguous):
            self._hand(reel, draft)
        self._map_when_due(reel, medium, dts)

    def _declare_hole(
        self, reel: _OpenReel, medium: Medium, unit: AccessUnit, dts: int, *, contiguous: bool
    ) -> None:
        begin_us = micros(medium, dts)
        if self._absent is not None:
            absent, self._absent = self._absent, None
            self._declare(absent.since_ms, self._told(reel, begin_us), absent.cause, absent.lost + unit.lost)
            self._tell_map(reel)
            return
        if not contiguous:
            ended = self._ended(reel, medium)
            cause = reel.lanes[medium].broken or self._cause.pop(medium, GapCause.LINK)
        elif reel.fragmenter.holds():
            return  # the sample before is still here: it lasts until this one
        else:
            # Nothing is missing, yet nothing came for so long that the last sample lies in a fragment already.
            ends = [end for end in (self._ended(reel, one) for one in reel.lanes) if end is not None]
            ended, cause = max(ends, default=None), GapCause.PUBLISHER
        if ended is not None and self._is_hole(reel, ended, begin_us):
            since = self._told(reel, ended[0]) if ended[1] is None else ended[1]
            self._declare(since, self._told(reel, begin_us), cause, unit.lost)
            self._tell_map(reel)

    def _ended(self, reel: _OpenReel, medium: Medium) -> tuple[int, int | None] | None:
        """Return where the record of a medium ends: in the reel's time and, if in the reel before, by its map (UTC ms)."""
        lane = reel.lanes[medium]
        if lane.last >= 0:
            return reel.fragmenter.end_of(medium), None
        return None if lane.ended_us is None else (lane.ended_us, lane.ended_ms)

    def _is_hole(self, reel: _OpenReel, ended: tuple[int, int | None], begin_us: int) -> bool:
        """Say whether so much lies between that it is declared; two reels' maps may differ by as much."""
        media_us, before_ms = ended
        missing_ms = (begin_us - media_us) // 1000
        if before_ms is not None:
            missing_ms = max(missing_ms, _ms(session_us(reel.knots, begin_us)) - before_ms)
        return missing_ms >= SHORTEST_GAP_MS

    def _note_format(self, reel: _OpenReel, unit: AccessUnit, dts: int) -> None:
        new, old = unit.format, reel.picture
        if new is None or old is None:
            return
        if (new.width, new.height) != (old.width, old.height):
            pts = micros(Medium.VIDEO, dts)
            self._emit(FormatChanged(self._track.id, reel.number, pts, new.width, new.height))
        reel.picture = new

    def _hand(self, reel: _OpenReel, draft: Draft) -> None:
        if reel is self._reel and self._closing is not None:
            # Sound a second behind its picture: no fragment of the reel before may come after one of this.
            closing, self._closing = self._closing, None
            self._finish(closing)
        reel.bytes += draft.size
        read_ms = _ms(self._reading(reel, draft.pts_us))
        knot = self._note(reel=reel.number, media_us=draft.pts_us, session_ms=read_ms)
        notes = [*self._notes, knot]
        self._notes.clear()
        if not self._writer.offer(Append(reel.number, draft, "".join(notes).encode())):
            self._overflow(reel, draft)

    def _note(self, **reading: str | int) -> str:
        return json.dumps({"track": self._track.id, **reading}, separators=(",", ":")) + "\n"

    def _overflow(self, reel: _OpenReel, draft: Draft) -> None:
        # The disk is too slow: what waits is dropped up to the next key frame, and said so.
        if self._absent is None:
            self._absent = _Absence(self._told(reel, draft.pts_us), GapCause.RECORDER)
            self._tell_map(reel)
            self._alarm("recorder_overflow", f"reel {reel.number}")
        reel.fragmenter.flush()
        self._h264.wait_for_keyframe()
        for lane in reel.lanes.values():
            lane.broken = GapCause.RECORDER

    def _flush_stalled(self, reel: _OpenReel, now: int) -> None:
        if now - reel.written_ms < self._settings.flush_after_ms or not reel.fragmenter.holds():
            return
        alone = Medium.AUDIO not in reel.lanes
        for draft in reel.fragmenter.flush_shown() if alone else reel.fragmenter.flush():
            self._hand(reel, draft)

    # --- time and gaps ----------------------------------------------------------------------------

    def _reading(self, reel: _OpenReel, media_us: int) -> int:
        """Return what the clocks say of a media time now, UTC µs."""
        ticks = reel.lanes[reel.lead].origin + media_us * RATES[reel.lead] / 1_000_000
        return round(reel.clocks.session_ms(reel.lead, ticks) * 1000)

    def _enter(self, reel: _OpenReel, media_us: int) -> int:
        """Take the reel's map on to a media time, if it does not reach so far; return it there, UTC µs.

        What is declared is read off the map and fixed in it: a better reading later must not open a hole beside a gap.
        """
        if media_us > reel.knots[-1][0]:
            if len(reel.knots) == 1:  # what came first may have come late: both by the same readings
                reel.knots = [self._first_knot(reel)]
            reel.knots = extended(reel.knots, media_us, self._reading(reel, media_us))
        return session_us(reel.knots, media_us)

    def _told(self, reel: _OpenReel, media_us: int) -> int:
        """Return when a media time was, UTC ms by the reel's map: what a fact may say of it."""
        return _ms(self._enter(reel, media_us))

    def _first_knot(self, reel: _OpenReel) -> tuple[int, int]:
        if reel.follows_us is not None:
            return 0, reel.follows_us
        read = self._reading(reel, 0)
        return 0, read if reel.latest_us is None else min(read, reel.latest_us)

    def _map_anew(self, reel: _OpenReel) -> None:
        """Enter a reel's first knot, anew when reports came and nothing was told by it yet."""
        reel.reports = reel.clocks.reports(reel.lead)
        if len(reel.knots) <= 1:
            reel.knots = [self._first_knot(reel)]
            self._tell_map(reel)

    def _map(self, reel: _OpenReel) -> None:
        """Take the reel's map on to its end so far, and tell it."""
        self._enter(reel, reel.fragmenter.end_us())
        self._tell_map(reel)

    def _tell_map(self, reel: _OpenReel) -> None:
        if reel.has_fragments:
            self._emit(ClockMapped(self._track.id, reel.number, tuple(reel.knots)))

    def _map_first(self, number: int) -> None:
        # A reel is told of only once it holds something: the disk may refuse it altogether.
        reel = self._unclosed[number]
        if not reel.has_fragments:
            reel.has_fragments = True
            self._emit(ClockMapped(self._track.id, number, tuple(reel.knots)))

    def _map_when_due(self, reel: _OpenReel, medium: Medium, dts: int) -> None:
        if (
            medium is reel.lead
            and micros(medium, dts) - reel.knots[-1][0] >= self._settings.map_every_ms * 1000
        ):
            self._map(reel)

    def _declare(self, from_ms: int, to_ms: int, cause: GapCause, lost: int) -> None:
        if to_ms > from_ms:
            self._emit(GapDeclared(self._track.id, from_ms, to_ms, cause, lost))

    def _declare_so_far(self, now: int) -> None:
        absent = self._absent
        if absent is not None and now - absent.since_ms >= self._settings.gap_piece_ms:
            self._declare(absent.since_ms, now, absent.cause, absent.lost)
            absent.since_ms, absent.lost = now, 0

    def _alarm(self, code: str, detail: str) -> None:
        if code not in self._alarmed:
            self._alarmed.add(code)
            self._emit(RecorderAlarm(self._track.id, code, detail))

    # --- what the writing thread reports ----------------------------------------------------------

    def _reported(self, report: Report) -> None:
        if isinstance(report, FragmentRecorded):
            self._recorded_ms = self._clock()
            self._map_first(report.reel)
            self._alarmed -= {"disk_refused", "recorder_overflow"}
            self._emit(report)
        elif isinstance(report, ReelClosed):
            if not report.torn:
                del self._unclosed[report.reel]
            self._emit(report)
        elif isinstance(report, Failed):
            self._failed(report)
        elif self._ended_ms is not None and self._started:
            self._emit(TrackEnded(self._track.id, self._ended_ms))

    def _failed(self, failed: Failed) -> None:
        code = "disk_refused" if failed.cause is GapCause.DISK else "recorder_failed"
        self._alarm(code, failed.detail)
        reel = self._unclosed.pop(failed.reel)
        since = self._told(reel, failed.end_us) if failed.end_us is not None else round(reel.began_ms)
        self._tell_map(reel)
        if failed.end_us is None and not failed.taken and self._next_reel == reel.number + 1:
            self._next_reel = reel.number
        if reel is not self._reel:
            self._closing = None if reel is self._closing else self._closing
            self._declare(since, self._told(reel, reel.fragmenter.end_us()), failed.cause, 0)
            return
        self._reel = None
        self._absent = _Absence(since, failed.cause)
        self._sound_since = None
        self._blocked_until = self._clock() + self._settings.disk_retry_ms
        self._h264.wait_for_keyframe()


def _ms(us: int) -> int:
    return (us + 500) // 1000
