"""A recorder killed at a random moment, for real: another process, SIGKILL, then recovery."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pydantic
import pytest

from evalroom.events import (
    EVENTS,
    ClockMapped,
    FragmentRecorded,
    GapDeclared,
    RecordingEvent,
    ReelClosed,
    TrackEnded,
    TrackStarted,
)
from evalroom.media import GapCause, Medium, Packet
from recorder.capture import Resume
from recorder.facts import RecorderAlarm, RecorderFact
from recorder.recovery import ReelChanged, recover, told_by
from recorder.reel import clock_path, init_path, reel_path
from tests.recorder.seat import (
    T0_MS,
    audio_packets,
    camera,
    in_order,
    later,
    pictures,
    reports,
    tones,
    video_packets,
)
from tests.recorder.studio import Studio, decoded, holes

SECONDS = 8
TRACK = camera().id


def killed_recorder(folder: Path, after_lines: int, dice: random.Random) -> list[RecorderFact]:
    """Run a recorder in another process, kill it after so many facts, return the facts it got out."""
    command = [sys.executable, "-m", "tests.recorder.victim", str(folder), str(SECONDS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        lines = []
        for line in child.stdout:
            lines.append(line)
            if len(lines) >= after_lines:
                break
        for _ in range(dice.randrange(20_000)):  # some moment or other between two facts
            pass
        os.kill(child.pid, signal.SIGKILL)
        lines += child.stdout.readlines()
    return [read_fact(line) for line in lines if line.endswith(b"\n")]


def read_fact(line: bytes) -> RecordingEvent:
    kind, body = json.loads(line)
    fact = pydantic.TypeAdapter(EVENTS[kind]).validate_python(body)
    assert isinstance(fact, RecordingEvent)
    return fact


@pytest.mark.parametrize("seed", range(3))
def test_a_killed_recorder_loses_at_most_a_second_and_declares_it(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    told = killed_recorder(tmp_path, dice.randrange(4, 9), dice)
    fragments = [fact for fact in told if isinstance(fact, FragmentRecorded)]
    before = reel_path(tmp_path, TRACK, 0).read_bytes()

    (recovered,) = recover(tmp_path, told_by(told))
    after = reel_path(tmp_path, TRACK, 0).read_bytes()
    facts = told + list(recovered.facts)
    assert not [fact for fact in facts if isinstance(fact, RecorderAlarm)]
    closed = next(fact for fact in recovered.facts if isinstance(fact, ReelClosed))
    assert closed.torn
    assert before[: closed.bytes] == after
    whole = [fact for fact in facts if isinstance(fact, FragmentRecorded)]
    assert [fact.n for fact in whole] == list(range(closed.fragments))
    for fact in whole:
        piece = after[fact.offset : fact.offset + fact.length]
        assert hashlib.sha256(piece).hexdigest() == fact.sha256
    assert whole[-1].offset + whole[-1].length == closed.bytes
    assert len(decoded(reel_path(tmp_path, TRACK, 0), Medium.VIDEO)) == round(
        sum(fact.duration for fact in whole) * 15 / 1e6
    )
    assert len(fragments) <= len(whole)
    # The victim was killed within a fragment's time of its last word.
    assert recovered.resume.gap_from_ms is not None
    assert recovered.resume.gap_from_ms - T0_MS >= (len(whole) - 1) * 1000

    studio = Studio(tmp_path, resume=recovered.resume)
    gone = 12_000
    studio.feed(later_items(gone))
    studio.end()
    together = facts + studio.facts
    assert holes(together) == []
    (gap,) = [fact for fact in together if isinstance(fact, GapDeclared)]
    assert gap.cause is GapCause.RECORDER
    assert gap.to_ms == T0_MS + gone


def later_items(ms: int) -> list[Packet]:
    return later(sorted(video_packets(pictures(3)) + audio_packets(tones(3)), key=lambda p: p.arrival), ms)


def recorded(folder: Path, seconds: int = 4) -> Studio:
    studio = Studio(folder)
    studio.feed(in_order(video_packets(pictures(seconds)), audio_packets(tones(seconds)), reports(seconds)))
    return studio


def torn(studio: Studio) -> Iterator[RecorderFact]:
    """What a recorder had told when it died: nothing about closing."""
    for fact in studio.facts:
        if not isinstance(fact, ReelClosed | TrackEnded):
            yield fact


def test_fragments_on_disk_that_were_never_told_are_told(tmp_path: Path) -> None:
    studio = recorded(tmp_path)
    told = [fact for fact in torn(studio) if not isinstance(fact, FragmentRecorded) or fact.n < 1]
    (recovered,) = recover(tmp_path, told_by(told))
    fresh = [fact for fact in recovered.facts if isinstance(fact, FragmentRecorded)]
    assert fresh == studio.of(FragmentRecorded)[1:]
    assert recovered.resume == Resume(1, T0_MS + 3000)
    studio.end()


def test_a_reel_cut_in_the_middle_of_a_fragment_ends_at_the_last_whole_one(tmp_path: Path) -> None:
    studio = recorded(tmp_path)
    told = [fact for fact in torn(studio) if not isinstance(fact, FragmentRecorded) or fact.n < 2]
    third = studio.of(FragmentRecorded)[2]
    studio.end()
    path = studio.path()
    path.chmod(0o640)
    os.truncate(path, third.offset + third.length - 1)
    with path.open("r+b") as file:
        file.seek(36)
        file.write(b"\x00\x00\x00\x24free")
    (recovered,) = recover(tmp_path, told_by(told))
    (closed,) = [fact for fact in recovered.facts if isinstance(fact, ReelClosed)]
    assert (closed.bytes, closed.fragments, closed.torn) == (third.offset, 2, True)
    assert path.stat().st_size == third.offset


def test_a_closed_reel_whose_closing_was_never_told_is_only_read(tmp_path: Path) -> None:
    studio = recorded(tmp_path)
    told = list(torn(studio))
    studio.end()
    whole = studio.path().read_bytes()
    (recovered,) = recover(tmp_path, told_by(told))
    assert [fact for fact in recovered.facts if isinstance(fact, ReelClosed)] == studio.of(ReelClosed)
    assert studio.path().read_bytes() == whole


def test_a_changed_fragment_is_noticed(tmp_path: Path) -> None:
    studio = recorded(tmp_path)
    told = list(torn(studio))
    studio.end()
    path = studio.path()
    path.chmod(0o640)
    second = studio.of(FragmentRecorded)[1]
    data = bytearray(path.read_bytes())
    data[second.offset + second.length - 5] ^= 1
    path.write_bytes(data)
    (recovered,) = recover(tmp_path, told_by(told))
    (alarm,) = [fact for fact in recovered.facts if isinstance(fact, RecorderAlarm)]
    assert (alarm.code, alarm.detail) == (ReelChanged.code, "reel 0, fragment 1")


def test_a_reel_without_a_whole_fragment_leaves_nothing_behind(tmp_path: Path) -> None:
    studio = recorded(tmp_path)
    told = [fact for fact in torn(studio) if not isinstance(fact, FragmentRecorded)]
    first = studio.of(FragmentRecorded)[0]
    studio.end()
    studio.path().chmod(0o640)
    os.truncate(studio.path(), first.offset + 100)
    (recovered,) = recover(tmp_path, told_by(told))
    assert [fact for fact in recovered.facts if not isinstance(fact, ClockMapped)] == []
    assert recovered.resume == Resume(0, T0_MS)
    assert list(studio.path().parent.iterdir()) == []


def test_a_reel_that_came_up_after_the_track_had_ended_is_left_to_a_person(tmp_path: Path) -> None:
    studio = recorded(tmp_path)
    studio.end()
    again = studio.path(1)
    again.write_bytes(studio.path(0).read_bytes())
    (recovered,) = recover(tmp_path, told_by(studio.facts))
    assert [fact.code for fact in recovered.facts if isinstance(fact, RecorderAlarm)] == ["reel_unannounced"]
    assert recovered.resume == Resume(2, None)
    assert again.exists()


def test_reels_of_other_sites_in_the_same_folder_are_left_alone(tmp_path: Path) -> None:
    studio = recorded(tmp_path)
    studio.end()
    before = studio.path().read_bytes()
    assert recover(tmp_path, {}) == []
    assert studio.path().read_bytes() == before


def test_a_track_that_had_ended_needs_nothing(tmp_path: Path) -> None:
    studio = recorded(tmp_path)
    studio.end()
    (recovered,) = recover(tmp_path, told_by(studio.facts))
    assert recovered.facts == ()
    assert recovered.resume == Resume(1, None)


def test_a_missing_init_segment_is_written_again(tmp_path: Path) -> None:
    studio = recorded(tmp_path)
    told = list(torn(studio))
    studio.end()
    init = init_path(studio.path()).read_bytes()
    init_path(studio.path()).unlink()
    (recovered,) = recover(tmp_path, told_by(told))
    (closed,) = [fact for fact in recovered.facts if isinstance(fact, ReelClosed)]
    assert init_path(studio.path()).read_bytes() == init
    assert closed.init_sha256 == hashlib.sha256(init).hexdigest()


def test_a_torn_line_of_clock_readings_is_cut_off(tmp_path: Path) -> None:
    studio = recorded(tmp_path)
    told = [fact for fact in torn(studio) if not isinstance(fact, ClockMapped)]
    studio.end()
    path = clock_path(studio.path())
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"track":"nor')
    (recovered,) = recover(tmp_path, told_by(told))
    assert path.read_bytes() == whole
    (clock,) = [fact for fact in recovered.facts if isinstance(fact, ClockMapped)]
    assert [media_us for media_us, _ in clock.map] == [0, 3_000_000]


def test_recovery_twice_says_the_same(tmp_path: Path) -> None:
    studio = recorded(tmp_path)
    told = told_by(list(torn(studio)))
    assert recover(tmp_path, told) == recover(tmp_path, told)
    assert isinstance(studio.of(TrackStarted)[0], TrackStarted)
    studio.end()
