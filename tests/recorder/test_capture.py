"""The recorder of one track, fed with real media in virtual time."""

import errno
import os
import random
import threading
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import av
import pytest

from evalroom.events import (
    ClockMapped,
    FormatChanged,
    FragmentRecorded,
    GapDeclared,
    ReelClosed,
    TrackEnded,
    TrackStarted,
)
from evalroom.media import GapCause, Medium, Packet, SenderReport
from recorder.capture import Capture, CaptureSettings, Resume
from recorder.depacketize import UnsupportedPayload
from recorder.facts import RecorderAlarm
from recorder.fmp4 import fragments_of, sample_times
from recorder.timing import session_us
from tests.patience import PATIENCE_S
from tests.recorder.seat import (
    AUDIO_START,
    FPS,
    T0_MS,
    VIDEO_START,
    at_ms,
    audio_packets,
    camera,
    in_order,
    later,
    pictures,
    reports,
    tones,
    video_packets,
)
from tests.recorder.studio import Studio, decoded


def without(packets: list[Packet], begin_ms: float, end_ms: float) -> list[Packet]:
    return [packet for packet in packets if not begin_ms <= at_ms(packet) < end_ms]


def longest_sample_ms(studio: Studio, medium: Medium, reel: int = 0) -> float:
    data = studio.path(reel).read_bytes()
    durations = [
        length for moof, _ in fragments_of(data) for m, _, length in sample_times(data, moof) if m is medium
    ]
    return max(durations, default=0) / 1000


def jumps(times: list[float], over: float = 0.1) -> list[tuple[float, float]]:
    return [(round(a, 2), round(b, 2)) for a, b in pairwise(times) if b - a > over]


def test_picture_and_sound_are_recorded_whole(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    studio.feed(in_order(video_packets(pictures(6)), audio_packets(tones(6)), reports(6)))
    studio.end()
    studio.check()
    assert len(studio.of(ReelClosed)) == len(studio.of(TrackStarted)) == len(studio.of(TrackEnded)) == 1
    assert [fragment.duration for fragment in studio.of(FragmentRecorded)] == [1_000_000] * 6
    assert [fragment.keyframe for fragment in studio.of(FragmentRecorded)] == [True, False] * 3
    assert len(decoded(studio.path(), Medium.VIDEO)) == 6 * FPS
    assert len(decoded(studio.path(), Medium.AUDIO)) == 6 * 50
    assert studio.of(TrackEnded)[0].at_ms - T0_MS in range(5990, 6011)
    assert studio.gaps() == []


def test_a_fragment_is_in_the_journal_within_three_seconds_of_its_first_picture(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    late: list[float] = []
    for item in in_order(video_packets(pictures(6)), audio_packets(tones(6)), reports(6)):
        known = len(studio.of(FragmentRecorded))
        studio.feed([item])
        late += [studio.now - T0_MS - fact.pts / 1000 for fact in studio.of(FragmentRecorded)[known:]]
    studio.end()
    assert max(late) <= 3000


def test_recording_starts_at_a_key_frame_and_asks_for_one_every_two_seconds(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    studio.feed(without(video_packets(pictures(6)), 0, 500))
    studio.end()
    studio.check()
    assert studio.of(TrackStarted)[0].at_ms == T0_MS + 2000
    assert {b - a for a, b in pairwise(studio.keyframes_asked)} == {2000}


def test_a_hole_in_the_picture_is_declared_and_no_sample_is_stretched_over_it(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    studio.feed(
        in_order(without(video_packets(pictures(6)), 2500, 2900), audio_packets(tones(6)), reports(6))
    )
    studio.end()
    studio.check()
    # What came between 2.9 s and the key frame at 4 s refers to what is missing: it is dropped.
    ((begin, end, cause),) = studio.gaps()
    assert (round(begin, -2), end, cause) == (2500, 4000, GapCause.LINK)
    assert studio.of(GapDeclared)[0].lost_packets == 6
    assert jumps(decoded(studio.path(), Medium.VIDEO)) == [(2.47, 4.0)]
    assert longest_sample_ms(studio, Medium.VIDEO) < 70
    assert len(decoded(studio.path(), Medium.AUDIO)) == 300


def test_a_hole_in_the_sound_is_declared_and_no_sample_is_stretched_over_it(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    studio.feed(
        in_order(video_packets(pictures(6)), without(audio_packets(tones(6)), 2500, 2900), reports(6))
    )
    studio.end()
    studio.check()
    assert studio.gaps() == [(2500, 2900, GapCause.LINK)]
    assert longest_sample_ms(studio, Medium.AUDIO) == 20
    assert len(decoded(studio.path(), Medium.VIDEO)) == 6 * FPS


def test_a_short_hole_is_no_gap_and_still_not_stretched_over(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    studio.feed(
        in_order(video_packets(pictures(4)), without(audio_packets(tones(4)), 2500, 2600), reports(4))
    )
    studio.end()
    studio.check()
    assert studio.gaps() == []
    assert longest_sample_ms(studio, Medium.AUDIO) == 20


def test_padding_takes_numbers_and_is_no_loss(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    padded = [
        replace(packet, seq=packet.seq + 7 * (at_ms(packet) > 1000)) for packet in video_packets(pictures(4))
    ]
    for packet in padded:
        studio.capture.on_packet(packet)
    studio.settle()
    studio.end()
    assert studio.gaps() == []
    assert len(decoded(studio.path(), Medium.VIDEO)) == 4 * FPS


def test_the_cause_of_a_gap_is_the_one_the_source_names(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    sound = audio_packets(tones(4))
    studio.loss = GapCause.PAUSE
    studio.feed(in_order(video_packets(pictures(4)), without(sound, 2000, 2600), reports(2)))
    studio.end()
    assert [gap[2] for gap in studio.gaps()] == [GapCause.PAUSE]


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_lost_the_track_is_tiled_and_every_picture_decodes(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    settings = CaptureSettings(reel_s=4)
    studio = Studio(tmp_path, settings=settings)
    loss = dice.choice([0.005, 0.02, 0.1])
    items = in_order(video_packets(pictures(10)), audio_packets(tones(10)), reports(10))
    studio.feed(item for item in items if dice.random() > loss)
    studio.end()
    studio.check()
    for closed in studio.of(ReelClosed):
        assert not closed.torn
        assert longest_sample_ms(studio, Medium.VIDEO, closed.reel) < 201
        assert decoded(studio.path(closed.reel), Medium.VIDEO)[0] == 0.0


def test_a_new_resolution_stays_in_the_reel_and_is_told(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    small = video_packets(pictures(4))
    large = video_packets(pictures(4, 640, 360), small[-1].seq + 1, VIDEO_START + 4 * 90_000)
    studio.feed(in_order(small, later(large, 4000), audio_packets(tones(8)), reports(8)))
    studio.end()
    studio.check()
    track = studio.track.id
    assert studio.of(FormatChanged) == [FormatChanged(track, 0, 4_000_000, 640, 360)]
    assert len(decoded(studio.path(), Medium.VIDEO)) == 8 * FPS


def test_sound_goes_on_in_fragments_of_a_second_when_the_camera_stops(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    picture = [p for p in video_packets(pictures(4)) if at_ms(p) < 2300]
    studio.feed(in_order(picture, audio_packets(tones(8)), reports(8)))
    assert studio.of(FragmentRecorded)[-1].pts + 2_500_000 >= 8_000_000
    studio.end()
    studio.check()
    assert studio.gaps() == []
    assert len(decoded(studio.path(), Medium.AUDIO)) == 400
    assert longest_sample_ms(studio, Medium.VIDEO) < 70


@pytest.mark.parametrize("still_ms", [300, 420, 700, 1100, 1400, 2600])
@pytest.mark.parametrize("from_ms", [1000, 1950, 2010, 2600])
def test_sound_covers_a_camera_that_stands_still_wherever_its_fragment_was_cut(
    tmp_path: Path, from_ms: int, still_ms: int
) -> None:
    studio = Studio(tmp_path)
    shown = [unit for unit in pictures(8) if not from_ms < unit.at_ms < from_ms + still_ms]
    studio.feed(in_order(video_packets(shown), audio_packets(tones(8)), reports(8)))
    studio.end()
    studio.check()
    assert studio.gaps() == []


def test_late_sound_begins_late_and_is_not_stretched_back(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    studio.feed(in_order(video_packets(pictures(6)), without(audio_packets(tones(6)), 0, 2500), reports(6)))
    studio.end()
    studio.check()
    assert round(decoded(studio.path(), Medium.AUDIO)[0], 2) == 2.5
    assert longest_sample_ms(studio, Medium.AUDIO) == 20


def test_sender_reports_tie_sound_to_picture_whatever_arrives_when(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    studio.feed(
        in_order(later(video_packets(pictures(6)), 130), audio_packets(tones(6)), reports(6, 90_000.0))
    )
    studio.end()
    studio.check()
    assert abs(decoded(studio.path(), Medium.AUDIO)[0] * 1000) <= 21
    # The session clock is where the reports arrived, not where the pictures did.
    knots = studio.of(ClockMapped)[-1].map
    assert abs(session_us(knots, 0) / 1000 - T0_MS) < 5


@pytest.mark.parametrize("reported", [[], reports(3, 90_000.0)], ids=["no report", "reports"])
def test_a_short_reel_whose_first_packets_came_late_has_one_straight_clock(
    tmp_path: Path, reported: list[SenderReport]
) -> None:
    # A node that is busy when the seat connects: what was sent in the first 700 ms is read together.
    studio = Studio(tmp_path)
    read = round((700 + 5_000_000) * 1e6)
    sent = [*video_packets(pictures(3)), *audio_packets(tones(3))]
    packets = [replace(one, arrival=max(one.arrival, read)) for one in sent]
    studio.feed(in_order(packets, [replace(one, arrival=max(one.arrival, read)) for one in reported]))
    studio.capture.hold(GapCause.DISK)
    studio.end()
    (begin_us, begin), (end_us, end) = studio.of(ClockMapped)[-1].map
    assert abs((end - begin) - (end_us - begin_us)) < 1000
    assert abs(begin / 1000 - T0_MS) < 25


def test_without_sender_reports_sound_is_tied_by_arrival_after_a_second(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    studio.feed(in_order(later(video_packets(pictures(6)), 40), audio_packets(tones(6))))
    studio.end()
    studio.check()
    assert len(decoded(studio.path(), Medium.AUDIO)) >= 297
    sound = studio.of(FragmentRecorded)
    assert sum(fragment.duration for fragment in sound) == 6_000_000


def test_the_next_reel_ties_sound_to_picture_by_the_reports_that_came_since(tmp_path: Path) -> None:
    studio = Studio(tmp_path, settings=CaptureSettings(reel_s=4))
    late = [report for report in reports(8) if at_ms(report) > 2000]
    studio.feed(in_order(later(video_packets(pictures(8)), 300), audio_packets(tones(8)), late))
    studio.end()
    studio.check()
    # Sound of the first 300 ms lies in the reel before, where arrival alone had to place it.
    assert abs(decoded(studio.path(1), Medium.AUDIO)[0] - 0.3) < 0.03
    assert abs(decoded(studio.path(1), Medium.AUDIO)[-1] - 3.98) < 0.03


@pytest.mark.parametrize("seed", range(6))
def test_readings_that_contradict_each_other_make_no_hole_between_reels(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    studio = Studio(tmp_path, settings=CaptureSettings(reel_s=4))
    told = [replace(one, ntp_ms=one.ntp_ms + dice.uniform(-700, 700)) for one in reports(14)]
    sound = audio_packets(tones(14)) if seed % 2 else []
    studio.feed(in_order(video_packets(pictures(14)), sound, told))
    studio.end()
    studio.check()
    assert studio.gaps() == []


@pytest.mark.parametrize("behind_ms", [900, 1500, 3500])
def test_sound_far_behind_its_picture_never_comes_after_a_fragment_of_the_next_reel(
    tmp_path: Path, behind_ms: int
) -> None:
    studio = Studio(tmp_path, settings=CaptureSettings(reel_s=4))
    sound = later(audio_packets(tones(10)), behind_ms)
    studio.feed(in_order(video_packets(pictures(10)), sound, reports(10)))
    studio.end()
    studio.check()
    told = [one.reel for one in studio.facts if isinstance(one, FragmentRecorded | ReelClosed)]
    assert told == sorted(told)
    assert (behind_ms > 1000) == any(gap[2] is GapCause.RECORDER for gap in studio.gaps())


def stalled(items: list[Packet | SenderReport], stalls: list[tuple[int, int]]) -> list[Packet | SenderReport]:
    """Let a machine read nothing for stretches of (begin, length) ms, and then everything at once."""
    for begin, length in stalls:
        first, last = (round((at + 5_000_000) * 1e6) for at in (begin, begin + length))
        items = [replace(one, arrival=last) if first < one.arrival < last else one for one in items]
    return items


@pytest.mark.parametrize("seed", range(12))
def test_a_machine_that_stalls_for_seconds_on_end_leaves_no_hole_and_no_clock_that_jumps(
    tmp_path: Path, seed: int
) -> None:
    """Every second one loses packets, too, and every third is a sub-site's whose session clock is put right meanwhile."""
    dice = random.Random(seed)
    studio = Studio(tmp_path, settings=CaptureSettings(reel_s=4, map_every_ms=3000))
    picture, sound = video_packets(pictures(16)), audio_packets(tones(16))
    if seed % 2:
        picture, sound = without(picture, 5000, 5600), without(sound, 9000, 9400)
    late = [replace(one, ntp_ms=one.ntp_ms + dice.uniform(0, 700)) for one in reports(16)]
    stalls = [(dice.randrange(15_000), dice.randrange(200, 3000)) for _ in range(6)]
    packets = in_order(stalled([*picture, *sound, *late], stalls + [(0, 900)] * (seed % 3 == 0)))
    put_right = [(dice.randrange(2, 15) * 1000, dice.randrange(-600, 600)) for _ in range(2)]
    for item in packets:
        studio.feed([item])
        if seed % 3 == 2 and put_right and at_ms(item) > put_right[0][0]:
            studio.now += put_right.pop(0)[1]
    studio.end()
    studio.check()
    assert bool(seed % 2) == any(gap[2] is GapCause.LINK for gap in studio.gaps())


def test_a_track_without_a_picture_is_recorded_as_sound(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    studio.feed(audio_packets(tones(6)))
    studio.end()
    studio.check()
    assert studio.of(TrackStarted)[0].codecs == ("opus",)
    assert len(decoded(studio.path(), Medium.AUDIO)) == 300


def test_a_picture_that_comes_after_all_opens_a_reel_with_both(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    late = without(video_packets(pictures(8)), 0, 5500)
    studio.feed(in_order(late, audio_packets(tones(8)), reports(8)))
    studio.end()
    studio.check()
    assert [closed.reel for closed in studio.of(ReelClosed)] == [0, 1]
    assert len(decoded(studio.path(0), Medium.AUDIO)) == 300
    assert len(decoded(studio.path(1), Medium.AUDIO)) == 100
    assert len(decoded(studio.path(1), Medium.VIDEO)) == 2 * FPS


def test_reels_are_cut_at_key_frames_and_lose_nothing(tmp_path: Path) -> None:
    studio = Studio(tmp_path, settings=CaptureSettings(reel_s=4))
    studio.feed(
        in_order(later(video_packets(pictures(10)), 60), later(audio_packets(tones(10)), 90), reports(10))
    )
    studio.end()
    studio.check()
    reels = [closed.reel for closed in studio.of(ReelClosed)]
    assert reels == [0, 1, 2]
    assert [len(decoded(studio.path(reel), Medium.VIDEO)) for reel in reels] == [60, 60, 30]
    assert sum(len(decoded(studio.path(reel), Medium.AUDIO)) for reel in reels) == 500
    assert studio.gaps() == []


def test_a_hole_between_two_reels_is_declared(tmp_path: Path) -> None:
    studio = Studio(tmp_path, settings=CaptureSettings(reel_s=4))
    picture = without(video_packets(pictures(8)), 3500, 3900)
    sound = without(audio_packets(tones(8)), 3600, 4500)
    studio.feed(in_order(picture, sound, reports(8)))
    studio.end()
    studio.check()
    assert [closed.reel for closed in studio.of(ReelClosed)] == [0, 1]
    assert sorted((round(begin, -2), end) for begin, end, _ in studio.gaps()) == [(3500, 4000), (3600, 4500)]


def test_a_picture_that_is_lost_up_to_the_end_is_declared(tmp_path: Path) -> None:
    for media in (tuple(Medium), (Medium.VIDEO,)):
        studio = Studio(tmp_path / media[-1], camera(*media))
        picture = without(video_packets(pictures(6)), 4500, 4600)
        studio.feed(in_order(picture, audio_packets(tones(6)) if Medium.AUDIO in media else [], reports(6)))
        studio.end()
        studio.check()
        begin, end, cause = studio.gaps()[0]
        assert (round(begin, -2), cause) == (4500, GapCause.LINK)
        assert abs(end - 6000) < 100
        assert abs(studio.of(TrackEnded)[0].at_ms - T0_MS - 6000) < 100


def test_a_reconnection_opens_a_new_reel_and_declares_the_gap(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    studio.feed(in_order(video_packets(pictures(4)), audio_packets(tones(4)), reports(4)))
    studio.end(GapCause.LINK)
    assert studio.capture.status.gap is GapCause.LINK
    again = video_packets(pictures(4), 10, 500), audio_packets(tones(4), 20, 700)
    studio.feed(later(in_order_packets(*again), 9000))
    studio.end()
    studio.check()
    assert [closed.reel for closed in studio.of(ReelClosed)] == [0, 1]
    ((begin, end, cause),) = studio.gaps()
    assert (round(begin, -1), round(end, -1), cause) == (4000, 9000, GapCause.LINK)
    assert len(studio.of(TrackStarted)) == 1


def in_order_packets(*streams: list[Packet]) -> list[Packet]:
    return sorted((packet for stream in streams for packet in stream), key=lambda packet: packet.arrival)


def test_a_reloaded_tab_is_seen_from_its_numbers_alone(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    studio.feed(in_order(video_packets(pictures(4)), audio_packets(tones(4)), reports(4)))
    studio.feed(
        later(in_order_packets(video_packets(pictures(4), 9, 9), audio_packets(tones(4), 9, 9)), 6000)
    )
    studio.end()
    studio.check()
    assert [closed.reel for closed in studio.of(ReelClosed)] == [0, 1]
    assert [gap[2] for gap in studio.gaps()] == [GapCause.PUBLISHER]


def test_a_long_gap_is_declared_piece_by_piece_and_closed_at_the_end(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    studio.feed(video_packets(pictures(4)))
    studio.end(GapCause.PUBLISHER)
    studio.wait_until(100_000)
    assert len(studio.gaps()) == 3
    studio.end()
    studio.check()
    assert studio.of(TrackEnded)[0].at_ms == T0_MS + 100_000


def test_a_still_screen_is_no_gap(tmp_path: Path) -> None:
    studio = Studio(tmp_path, camera(Medium.VIDEO))
    units = pictures(8)
    shown = [unit for unit in units if unit.at_ms < 300 or unit.key]
    studio.feed(in_order(video_packets(shown), reports(8)))
    studio.end()
    studio.check()
    assert studio.gaps() == []


def test_a_screen_that_is_still_while_its_reel_changes_is_no_gap(tmp_path: Path) -> None:
    studio = Studio(tmp_path, camera(Medium.VIDEO), settings=CaptureSettings(reel_s=4))
    shown = [unit for unit in pictures(8) if unit.key or not 3000 < unit.at_ms < 4000]
    studio.feed(in_order(video_packets(shown), reports(8)))
    studio.end()
    studio.check()
    assert studio.gaps() == []
    assert [closed.reel for closed in studio.of(ReelClosed)] == [0, 1]


def test_a_seat_that_sends_nothing_for_a_while_leaves_a_declared_gap(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    frozen = [unit for unit in pictures(8) if not 2900 < unit.at_ms < 6000]
    silent = [unit for unit in tones(8) if not 2900 < unit.at_ms < 6000]
    studio.feed(in_order(video_packets(frozen), audio_packets(silent), reports(8)))
    studio.end()
    studio.check()
    assert [gap[2] for gap in studio.gaps()] == [GapCause.PUBLISHER]


def test_a_capture_on_hold_records_nothing_and_declares_it(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    items = in_order(video_packets(pictures(10)), audio_packets(tones(10)), reports(10))
    studio.feed(item for item in items if at_ms(item) < 3000)
    studio.capture.hold(GapCause.DISK)
    studio.capture.hold(GapCause.DISK)
    studio.feed(item for item in items if 3000 <= at_ms(item) < 5000)
    studio.capture.release()
    studio.feed(item for item in items if at_ms(item) >= 5000)
    studio.end()
    studio.check()
    ((begin, end, cause),) = studio.gaps()
    assert (round(begin, -2), round(end, -2), cause) == (3000, 6000, GapCause.DISK)
    assert [closed.reel for closed in studio.of(ReelClosed)] == [0, 1]


def test_a_name_that_is_taken_is_left_alone_and_the_next_one_used(tmp_path: Path) -> None:
    studio = Studio(tmp_path, settings=CaptureSettings(disk_retry_ms=1500))
    studio.path(0).parent.mkdir()
    studio.path(0).write_bytes(b"of an earlier time")
    studio.feed(in_order(video_packets(pictures(6)), audio_packets(tones(6)), reports(6)))
    studio.end()
    studio.check()
    assert studio.path(0).read_bytes() == b"of an earlier time"
    assert [closed.reel for closed in studio.of(ReelClosed)] == [1]
    assert {gap[2] for gap in studio.gaps()} == {GapCause.RECORDER}


class FullDisk:
    """A disk that has room for `room` bytes until somebody frees it."""

    def __init__(self, room: int) -> None:
        self.room = room

    def __call__(self, handle: int, data: bytes, offset: int) -> int:
        if self.room <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = os.pwrite(handle, data[: self.room], offset)
        self.room -= written
        return written


def test_a_full_disk_is_a_gap_and_an_alarm_and_recording_returns(tmp_path: Path) -> None:
    disk = FullDisk(60_000)
    studio = Studio(tmp_path, settings=CaptureSettings(disk_retry_ms=2000), write=disk)
    items = in_order(video_packets(pictures(12)), audio_packets(tones(12)), reports(12))
    studio.feed(item for item in items if at_ms(item) < 7000)
    assert [alarm.code for alarm in studio.of(RecorderAlarm)] == ["disk_refused"]
    assert studio.capture.status.gap is GapCause.DISK
    disk.room = 1 << 40
    studio.feed(item for item in items if at_ms(item) >= 7000)
    studio.end()
    studio.check()
    assert {gap[2] for gap in studio.gaps()} == {GapCause.DISK}
    torn, whole = studio.of(ReelClosed)
    assert (torn.reel, torn.torn, whole.reel, whole.torn) == (0, True, 1, False)
    assert len(decoded(studio.path(0), Medium.VIDEO)) > FPS
    assert len(decoded(studio.path(1), Medium.VIDEO)) >= 2 * FPS


def test_a_disk_that_fills_up_at_the_very_end_is_declared_too(tmp_path: Path) -> None:
    disk = FullDisk(1 << 40)
    studio = Studio(tmp_path, write=disk)
    studio.feed(in_order(video_packets(pictures(3)), audio_packets(tones(3)), reports(3)))
    disk.room = 100
    studio.end()
    studio.check()
    assert [(gap[2], gap[1]) for gap in studio.gaps()] == [(GapCause.DISK, 3000)]
    assert [closed.torn for closed in studio.of(ReelClosed)] == [True]


def test_a_broken_disk_is_the_recorders_gap(tmp_path: Path) -> None:
    def broken(handle: int, data: bytes, offset: int) -> int:
        if offset > 20_000:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return os.pwrite(handle, data, offset)

    studio = Studio(tmp_path, write=broken)
    studio.feed(in_order(video_packets(pictures(3)), audio_packets(tones(3)), reports(3)))
    studio.end()
    studio.check()
    assert [alarm.code for alarm in studio.of(RecorderAlarm)] == ["recorder_failed"]
    assert {gap[2] for gap in studio.gaps()} == {GapCause.RECORDER}


def test_a_disk_that_hangs_never_holds_the_loop_and_what_is_dropped_is_declared(tmp_path: Path) -> None:
    hangs, free = threading.Event(), threading.Event()

    def slow(handle: int, data: bytes, offset: int) -> int:
        if hangs.is_set():
            free.wait(PATIENCE_S)
        return os.pwrite(handle, data, offset)

    studio = Studio(tmp_path, settings=CaptureSettings(queue=2), write=slow)
    items = in_order(video_packets(pictures(12)), audio_packets(tones(12)), reports(12))
    studio.feed(item for item in items if at_ms(item) < 2000)
    hangs.set()
    studio.feed((item for item in items if 2000 <= at_ms(item) < 8000), paced=False)
    assert [alarm.code for alarm in studio.of(RecorderAlarm)] == ["recorder_overflow"]
    free.set()
    studio.settle()
    studio.feed(item for item in items if at_ms(item) >= 8000)
    studio.end()
    studio.check()
    assert {gap[2] for gap in studio.gaps()} == {GapCause.RECORDER}
    assert longest_sample_ms(studio, Medium.VIDEO) < 70


def within(at: float, periods: list[tuple[int, int]]) -> bool:
    return any(begin < at < begin + length for begin, length in periods)


def connection(dice: random.Random, studio: Studio, begin_ms: float) -> tuple[list[Packet], float]:
    """One connection of a seat, with random loss, bursts, still pictures and skew; return its packets and when it ends."""
    seconds, loss = dice.choice([2, 6, 10]), dice.choice([0, 0, 0.003, 0.02, 0.3])
    bursts = [
        (dice.randrange(seconds * 1000), dice.choice([50, 250, 1500, 4000])) for _ in range(dice.randrange(4))
    ]
    still = [
        (dice.randrange(seconds * 1000), dice.choice([150, 400, 1300, 3000]))
        for _ in range(dice.randrange(3))
    ]
    packets: list[Packet] = []
    for medium in studio.track.media:
        seq, ts = dice.randrange(100_000), dice.randrange(1 << 33)
        if medium is Medium.VIDEO:
            moving = [unit for unit in pictures(seconds) if unit.key or not within(unit.at_ms, still)]
            made = video_packets(moving, seq, ts)
        else:
            made = audio_packets(tones(seconds), seq, ts)
        for begin, length in bursts if dice.random() < 0.7 else ():
            made = without(made, begin, begin + length)
        made = [packet for packet in made if dice.random() >= loss]
        packets += later(made, begin_ms + dice.randrange(200))
    return sorted(packets, key=lambda packet: packet.arrival), begin_ms + seconds * 1000


@pytest.mark.parametrize("seed", range(24))
def test_whatever_goes_wrong_everything_is_tiled_and_all_that_is_kept_decodes(
    tmp_path: Path, seed: int
) -> None:
    dice = random.Random(seed)
    media = dice.choice([tuple(Medium), tuple(Medium), (Medium.VIDEO,), (Medium.AUDIO,)])
    settings = CaptureSettings(
        reel_s=dice.choice([3, 6, 1800]), disk_retry_ms=1500, queue=dice.choice([2, 16])
    )
    disk = FullDisk(dice.choice([1 << 40, dice.randrange(1000, 200_000)]))
    studio = Studio(tmp_path, camera(*media), settings=settings, write=disk)
    at = 0.0
    for _ in range(dice.choice([1, 1, 2, 3])):
        packets, at = connection(dice, studio, at)
        for packet in packets:
            studio.feed([packet], paced=dice.random() < 0.98)
            disk.room = disk.room if dice.random() < 0.998 else 1 << 40
        at += dice.choice([100, 700, 3000, 40_000])
        if dice.random() < 0.7:
            studio.end(dice.choice([GapCause.LINK, GapCause.PUBLISHER]))
        studio.settle()
    studio.end()
    if studio.of(TrackStarted):
        studio.check()
    reels = {closed.reel for closed in studio.of(ReelClosed)}
    assert (
        reels
        == {fact.reel for fact in studio.of(FragmentRecorded)}
        == {fact.reel for fact in studio.of(ClockMapped)}
    )
    for reel in reels:
        assert longest_sample_ms(studio, Medium.AUDIO, reel) <= 20
        if has_picture(studio.path(reel)):
            times = decoded(studio.path(reel), Medium.VIDEO)
            assert times == sorted(set(times))


def has_picture(path: Path) -> bool:
    with av.open(str(path)) as container:
        return bool(container.streams.video)


def test_a_drifting_seat_clock_is_followed(tmp_path: Path) -> None:
    # 100 ppm fast and an hour off: by arrival alone the end would be 2 ms off here, 1 s after 3 h.
    studio = Studio(tmp_path, settings=CaptureSettings(map_every_ms=2000))
    drifting = [
        replace(report, ts=start + round((report.ts - start) * 1.0001))
        for report in reports(16, 3_600_000.0)
        for start in ([VIDEO_START] if report.medium is Medium.VIDEO else [AUDIO_START])
    ]
    studio.feed(in_order(video_packets(pictures(16)), drifting))
    studio.end()
    knots = studio.of(ClockMapped)[-1].map
    assert len(knots) == 9
    seconds = (knots[-1][1] - knots[1][1]) / 1e6
    assert abs(seconds / ((knots[-1][0] - knots[1][0]) / 1e6) - 0.9999) < 0.00005


def test_a_recorder_that_comes_back_declares_the_time_it_was_gone(tmp_path: Path) -> None:
    studio = Studio(tmp_path, resume=Resume(next_reel=3, gap_from_ms=T0_MS - 4000))
    studio.feed(in_order(video_packets(pictures(4)), audio_packets(tones(4)), reports(4)))
    studio.end()
    assert studio.gaps() == [(-4000, 0, GapCause.RECORDER)]
    assert [closed.reel for closed in studio.of(ReelClosed)] == [3]
    assert studio.of(TrackStarted) == []


def test_a_codec_that_mp4_refuses_is_refused_loudly(tmp_path: Path) -> None:
    asked: list[None] = []
    with pytest.raises(UnsupportedPayload):
        Capture(
            camera(), tmp_path, clock=lambda: 0, emit=print, post=print,
            request_keyframe=lambda: asked.append(None), codecs=("vp8",),
        )  # fmt: skip


def test_pictures_without_a_key_frame_raise_an_alarm(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    studio.feed(replace(packet, payload=b"\x10vp8") for packet in video_packets(pictures(8)))
    assert [alarm.code for alarm in studio.of(RecorderAlarm)] == ["no_keyframe"]
    studio.end()


def test_payloads_that_are_no_h264_raise_one_alarm_and_record_nothing(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    studio.feed(replace(packet, payload=b"\x90\x80\x00\x10junk") for packet in video_packets(pictures(2)))
    studio.feed(replace(packet, payload=b"\x1d\x80\x00\x10junk") for packet in video_packets(pictures(2)))
    studio.end()
    assert [alarm.code for alarm in studio.of(RecorderAlarm)] == ["unsupported_payload"]
    assert list(tmp_path.iterdir()) == []
