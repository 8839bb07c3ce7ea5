"""Playlists over closed reels."""

from evalroom.events import FragmentRecorded
from evalroom.ids import TrackId
from recorder.playlist import playlist


def fragment(n: int, pts: int, duration: int, *, key: bool) -> FragmentRecorded:
    return FragmentRecorded(TrackId("n-E1/camera"), 0, n, 1000 + 100 * n, 100, "", pts, duration, key)


def test_fragments_are_grouped_from_key_frame_to_key_frame() -> None:
    fragments = [fragment(n, n * 1_000_000, 1_000_000, key=n % 2 == 0) for n in range(4)]
    text = playlist("camera.0.mp4", "camera.0.init.mp4", fragments, 1_795_000_000_123)
    assert text.splitlines() == [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        "#EXT-X-TARGETDURATION:2",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        '#EXT-X-MAP:URI="camera.0.init.mp4"',
        "#EXT-X-PROGRAM-DATE-TIME:2026-11-18T11:06:40.123Z",
        "#EXTINF:2.000000,",
        "#EXT-X-BYTERANGE:200@1000",
        "camera.0.mp4",
        "#EXTINF:2.000000,",
        "#EXT-X-BYTERANGE:200@1200",
        "camera.0.mp4",
        "#EXT-X-ENDLIST",
    ]


def test_a_gap_belongs_to_the_segment_before_it_so_that_seeking_stays_right() -> None:
    fragments = [fragment(0, 0, 500_000, key=True), fragment(1, 3_000_000, 1_000_000, key=True)]
    text = playlist("a.mp4", "a.init.mp4", fragments, 0)
    assert [line for line in text.splitlines() if "EXTINF" in line] == [
        "#EXTINF:3.000000,",
        "#EXTINF:1.000000,",
    ]
    assert "#EXT-X-TARGETDURATION:3" in text
