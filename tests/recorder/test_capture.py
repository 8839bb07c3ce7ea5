"""The recorder of one track, fed with real media in virtual time."""

from pathlib import Path

from evalroom.events import FragmentRecorded, ReelClosed, TrackEnded, TrackStarted
from evalroom.media import Medium
from tests.recorder.booth import Booth, decoded
from tests.recorder.seat import T0_MS, audio_packets, in_order, pictures, reports, tones, video_packets


def test_picture_and_sound_are_recorded_whole(tmp_path: Path) -> None:
    booth = Booth(tmp_path)
    booth.feed(in_order(video_packets(pictures(6)), audio_packets(tones(6)), reports(6)))
    booth.end()
    booth.check()
    assert len(booth.of(ReelClosed)) == len(booth.of(TrackStarted)) == len(booth.of(TrackEnded)) == 1
    assert [fragment.duration for fragment in booth.of(FragmentRecorded)] == [1_000_000] * 6
    assert len(decoded(booth.path(), Medium.VIDEO)) == 6 * 15
    assert len(decoded(booth.path(), Medium.AUDIO)) == 6 * 50
    assert booth.of(TrackEnded)[0].at_ms - T0_MS in range(5990, 6011)
    assert booth.gaps() == []
