"""Reels on their way to the host: resumable, checked, and never outside their folder."""

from dataclasses import replace
from pathlib import Path

import pytest

from evalroom.events import ReelClosed, ReelReceived
from evalroom.ids import TrackId
from recorder.handover import (
    ReelComplete,
    ReelCorrupt,
    ReelOversized,
    ReelStore,
    UnknownReel,
    WrongOffset,
    checked_track,
    shipments,
)
from recorder.reel import init_path
from tests.recorder.seat import audio_packets, in_order, pictures, reports, tones, video_packets
from tests.recorder.studio import Studio


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> tuple[ReelClosed, bytes]:
    studio = Studio(tmp_path_factory.mktemp("site"))
    studio.feed(in_order(video_packets(pictures(4)), audio_packets(tones(4)), reports(4)))
    studio.end()
    return studio.of(ReelClosed)[0], studio.path().read_bytes()


@pytest.mark.parametrize(
    "name",
    ["../../etc/camera", "a/b/camera", "/camera", "north-E1/../camera", "north-E1", "north-E1/", "north-E1/camera/x",
     "north-E1/passwd", "nörth/camera", "north-E1\x00/camera", "..", "a" * 65 + "/camera", "north-E1/CAMERA"],
)  # fmt: skip
def test_a_name_that_is_no_track_is_refused(tmp_path: Path, name: str) -> None:
    store = ReelStore(tmp_path)
    reel = ReelClosed(TrackId(name), 0, 3, "", "", 1, torn=False)
    with pytest.raises(UnknownReel):
        checked_track(name)
    with pytest.raises(UnknownReel):
        store.write(reel, 0, b"abc")
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize("number", [-1, 1_000_000])
def test_a_reel_number_out_of_range_is_refused(tmp_path: Path, number: int) -> None:
    with pytest.raises(UnknownReel):
        ReelStore(tmp_path).offset(ReelClosed(TrackId("n-E1/camera"), number, 3, "", "", 1, torn=False))


def test_a_changed_byte_is_found_and_the_reel_sent_again(
    tmp_path: Path, sent: tuple[ReelClosed, bytes]
) -> None:
    reel, data = sent
    store = ReelStore(tmp_path)
    wrong = bytearray(data)
    wrong[len(data) // 2] ^= 1
    store.write(reel, 0, bytes(wrong))
    with pytest.raises(ReelCorrupt):
        store.finish(reel)
    assert not store.has(reel)
    assert store.offset(reel) == 0
    store.write(reel, 0, data)
    store.finish(reel)
    assert store.path(reel).read_bytes() == data


def test_bytes_beyond_the_announced_size_are_dropped(tmp_path: Path, sent: tuple[ReelClosed, bytes]) -> None:
    reel, data = sent
    store = ReelStore(tmp_path)
    with pytest.raises(ReelOversized):
        store.write(reel, 0, data + b"x")
    assert store.offset(reel) == 0


def test_a_piece_that_does_not_follow_is_refused_with_the_offset(
    tmp_path: Path, sent: tuple[ReelClosed, bytes]
) -> None:
    reel, data = sent
    store = ReelStore(tmp_path)
    store.write(reel, 0, data[:1000])
    for offset in (0, 999, 1001):
        with pytest.raises(WrongOffset) as refused:
            store.write(reel, offset, b"x")
        assert refused.value.detail["here"] == 1000
    with pytest.raises(WrongOffset):
        store.finish(reel)


def test_an_upload_goes_on_where_it_stopped_even_in_another_process(
    tmp_path: Path, sent: tuple[ReelClosed, bytes]
) -> None:
    reel, data = sent
    ReelStore(tmp_path).write(reel, 0, data[:5000])
    store = ReelStore(tmp_path)
    offset = store.offset(reel)
    while offset < reel.bytes:
        offset = store.write(reel, offset, data[offset : offset + 7000])
    assert store.finish(reel) == ReelReceived(reel.track, reel.reel, reel.sha256)
    assert store.finish(reel) == ReelReceived(reel.track, reel.reel, reel.sha256)
    assert store.path(reel).read_bytes() == data
    assert store.offset(reel) == reel.bytes
    assert init_path(store.path(reel)).exists()
    assert [path.name for path in store.path(reel).parent.glob("*.part")] == []


def test_a_reel_that_is_here_takes_no_more_bytes(tmp_path: Path, sent: tuple[ReelClosed, bytes]) -> None:
    reel, data = sent
    store = ReelStore(tmp_path)
    store.write(reel, 0, data)
    store.finish(reel)
    with pytest.raises(ReelComplete):
        store.write(reel, 0, data)


def test_an_init_segment_with_another_digest_is_refused(
    tmp_path: Path, sent: tuple[ReelClosed, bytes]
) -> None:
    reel, data = sent
    store = ReelStore(tmp_path)
    other = replace(reel, init_sha256="0" * 64)
    store.write(other, 0, data)
    with pytest.raises(ReelCorrupt):
        store.finish(other)


def test_bytes_that_are_no_reel_are_refused(tmp_path: Path) -> None:
    reel = ReelClosed(TrackId("n-E1/camera"), 0, 3, "00", "00", 1, torn=False)
    store = ReelStore(tmp_path)
    store.write(reel, 0, b"abc")
    with pytest.raises(ReelCorrupt):
        store.finish(reel)


def test_what_is_left_to_send_is_what_the_host_has_not_received(
    tmp_path: Path, sent: tuple[ReelClosed, bytes]
) -> None:
    reel, _ = sent
    other = replace(reel, reel=1)
    received = [ReelReceived(reel.track, 0, reel.sha256)]
    (shipment,) = shipments(tmp_path, [reel, other], received)
    assert shipment.reel == other
    assert shipment.path == tmp_path / f"{reel.track}.1.mp4"


def test_clock_readings_lie_beside_the_reel(tmp_path: Path, sent: tuple[ReelClosed, bytes]) -> None:
    reel, _ = sent
    store = ReelStore(tmp_path)
    store.put_readings(reel, b"{}\n")
    store.put_readings(reel, b"{}\n{}\n")
    (path,) = store.path(reel).parent.iterdir()
    assert (path.name, path.read_bytes()) == ("camera.0.clock.jsonl", b"{}\n{}\n")
