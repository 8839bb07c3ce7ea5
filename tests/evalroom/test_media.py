"""Tracks by name, and key frames in RTP payloads."""

import pytest

from evalroom.ids import SeatCode, SiteId, TrackId
from evalroom.media import (
    CLOCK_RATE,
    MEDIA,
    Codec,
    Medium,
    TrackKind,
    UnknownTrackKind,
    kind_of,
    starts_keyframe,
    track_of,
)

H264, VP8 = Codec.H264, Codec.VP8


@pytest.mark.parametrize(
    "name", ["", "camera", "a-b", "a-b/", "a-b/Camera", "a-b/camera/x", "a-b/camera ", "/", "x" * 9000]
)
def test_what_is_no_track_has_no_kind(name: str) -> None:
    with pytest.raises(UnknownTrackKind):
        kind_of(TrackId(name))


@pytest.mark.parametrize("kind", TrackKind)
def test_a_track_knows_its_kind_and_its_media(kind: TrackKind) -> None:
    track = track_of(SiteId("west"), SeatCode("E2"), kind)
    assert kind is kind_of(track.id)
    assert MEDIA[kind] == track.media


def test_only_the_camera_has_sound() -> None:
    assert (Medium.VIDEO, Medium.AUDIO) == MEDIA[TrackKind.CAMERA]
    assert (Medium.VIDEO,) == MEDIA[TrackKind.SCREEN]


def test_clocks_tick_as_rtp_says() -> None:
    assert {Medium.VIDEO: 90_000, Medium.AUDIO: 48_000} == CLOCK_RATE


@pytest.mark.parametrize("codec", Codec)
@pytest.mark.parametrize("payload", [b"", b"\x65", b"\x65\x00", b"\x10\x00"])
def test_a_payload_too_short_to_hold_a_picture_starts_none(codec: Codec, payload: bytes) -> None:
    assert not starts_keyframe(codec, payload)


@pytest.mark.parametrize("codec", Codec)
def test_any_bytes_are_judged_without_an_error(codec: Codec) -> None:
    for first in range(256):
        for second in range(256):
            for length in (3, 4, 7):
                starts_keyframe(codec, bytes([first, second, 0xFF, 0xFF, 0xFF, 0xFF, 0x00])[:length])


@pytest.mark.parametrize(
    ("payload", "is_key"),
    [
        (b"\x65\x88\x84", True),  # IDR slice
        (b"\x67\x42\xe0", True),  # SPS
        (b"\x68\xce\x3c", False),  # PPS alone
        (b"\x41\x9a\x00", False),  # slice that needs another
        (b"\x78\x00\x04\x67\x42\xe0\x1f", True),  # STAP-A beginning with SPS
        (b"\x78\x00\x04\x41\x9a\xe0\x1f", False),
        (b"\x78\x00\x04", False),  # STAP-A cut off before its first unit
        (b"\x7c\x85\x00", True),  # FU-A, start, IDR
        (b"\x7c\x05\x00", False),  # FU-A, middle of an IDR
        (b"\x7c\x81\x00", False),  # FU-A, start of another slice
    ],
)
def test_h264_key_frames_are_found(payload: bytes, is_key: bool) -> None:  # noqa: FBT001 - a table
    assert is_key is starts_keyframe(H264, payload)


@pytest.mark.parametrize(
    ("payload", "is_key"),
    [
        (b"\x10\x00\x00", True),
        (b"\x10\x01\x00", False),  # interframe
        (b"\x00\x00\x00", False),  # not the start of a partition
        (b"\x11\x00\x00", False),  # partition 1
        (b"\x90\x80\x01\x00", True),  # picture id of 7 bits
        (b"\x90\x80\x81\x01\x00", True),  # picture id of 15 bits
        (b"\x90\x80\x81\x01\x01", False),
        (b"\x90\xe0\x01\x02\x03\x00", True),  # picture id, TL0PICIDX, TID
        (b"\x90\xe0\x01\x02", False),  # cut off in the descriptor
    ],
)
def test_vp8_key_frames_are_found(payload: bytes, is_key: bool) -> None:  # noqa: FBT001 - a table
    assert is_key is starts_keyframe(VP8, payload)


def test_sound_has_no_key_frames() -> None:
    assert not starts_keyframe(Codec.OPUS, b"\x65\x88\x84")
