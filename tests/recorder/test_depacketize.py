"""RTP payloads to access units: hostile and damaged input first."""

import random
from collections.abc import Iterable
from dataclasses import replace

import pytest

from evalroom.errors import PeerFault
from evalroom.media import Medium, Packet
from recorder.depacketize import (
    AccessUnit,
    H264Depacketizer,
    OpusDepacketizer,
    UnsupportedPayload,
    opus_duration,
)
from recorder.h264 import PPS, SPS, nal_type
from tests.recorder.seat import audio_packets, nals, payloads, pictures, tones, video_packets


def units(packets: Iterable[Packet], depacketizer: H264Depacketizer | None = None) -> list[AccessUnit]:
    """Feed packets as a repaired source does: a jump in numbers is told as a loss."""
    depacketizer = depacketizer or H264Depacketizer()
    found, expected = [], None
    for packet in packets:
        if expected is not None and packet.seq > expected:
            depacketizer.miss(packet.seq - expected)
        expected = packet.seq + 1
        found += list(depacketizer.push(packet))
    return found


def video(payload: bytes, *, seq: int = 1, ts: int = 0, marker: bool = True) -> Packet:
    return Packet(Medium.VIDEO, seq, ts, marker, payload, 0)


@pytest.mark.parametrize("kind", [0, 25, 26, 27, 29, 30, 31])
def test_interleaved_and_unknown_payloads_are_refused(kind: int) -> None:
    with pytest.raises(UnsupportedPayload):
        units([video(bytes([kind]) + b"abc")])


def test_random_bytes_raise_nothing_but_faults_of_the_peer() -> None:
    dice = random.Random(1)
    depacketizer = H264Depacketizer()
    for seq in range(20_000):
        payload = dice.randbytes(dice.randrange(20))
        try:
            list(depacketizer.push(video(payload, seq=seq, ts=seq // 3, marker=seq % 3 == 0)))
        except PeerFault:
            continue


@pytest.mark.parametrize(
    "payload",
    [
        b"\x78\x00",
        b"\x78\x00\x00",
        b"\x78\xff\xff\x67",
        b"\x78\x00\x05\x67\x42",
        b"\x7c",
        b"\x7c\x85",
        b"\x7c\x45abc",
    ],
)
def test_a_truncated_payload_damages_its_picture_and_nothing_else(payload: bytes) -> None:
    whole = video_packets(pictures(4))
    second = next(index for index, packet in enumerate(whole) if index and packet.payload[0] == 0x78)
    bad = video(payload, seq=whole[second - 1].seq, ts=whole[second - 1].ts)
    found = units([*whole[: second - 1], bad, *whole[second:]])
    assert len(found) == len(units(whole)) - 1
    assert [unit.lost for unit in found if unit.lost] == [1]


def test_every_picture_comes_out_as_it_was_encoded() -> None:
    encoded = pictures(4)
    found = units(video_packets(encoded))
    assert len(found) == len(encoded)
    for unit, source in zip(found, encoded, strict=True):
        assert sorted(unit.nals) == sorted(nals(source.data))
        assert unit.keyframe == source.key
        assert unit.lost == 0
        assert unit.format is not None
        assert (unit.format.width, unit.format.height) == (320, 180)


def test_samples_have_lengths_and_streams_have_start_codes() -> None:
    unit = AccessUnit(0, (b"ab", b"c"), keyframe=True, format=None, lost=0)
    assert unit.sample == b"\x00\x00\x00\x02ab\x00\x00\x00\x01c"
    assert unit.annex_b == b"\x00\x00\x00\x01ab\x00\x00\x00\x01c"


def test_nothing_comes_before_the_first_key_frame() -> None:
    packets = video_packets(pictures(4))
    found = units(packets[10:])
    assert found[0].keyframe
    assert found[0].lost == 0


def test_after_a_loss_pictures_are_dropped_up_to_the_next_key_frame() -> None:
    packets = video_packets(pictures(4))
    found = units(packet for index, packet in enumerate(packets) if index != 12)
    lossy = [unit for unit in found if unit.lost]
    assert [unit.keyframe for unit in lossy] == [True]
    assert lossy[0].lost == 1


def test_a_key_frame_whose_beginning_is_missing_is_no_key_frame() -> None:
    packets = video_packets(pictures(6))
    starts = [index for index, packet in enumerate(packets) if packet.payload[0] == 0x78]
    found = units(packet for index, packet in enumerate(packets) if index != starts[1])
    assert [unit.ts for unit in found if unit.keyframe] == [packets[starts[0]].ts, packets[starts[2]].ts]


def test_a_key_frame_right_after_a_loss_is_taken() -> None:
    packets = video_packets(pictures(6))
    starts = [index for index, packet in enumerate(packets) if packet.payload[0] == 0x78]
    found = units(packet for index, packet in enumerate(packets) if index != starts[1] - 1)
    assert len([unit for unit in found if unit.keyframe]) == 3


def test_a_lost_marker_closes_the_picture_at_the_next_timestamp() -> None:
    packets = [replace(packet, marker=False) for packet in video_packets(pictures(4))]
    assert len(units(packets)) == len(pictures(4)) - 1


def test_parameter_sets_that_travel_alone_are_remembered() -> None:
    first = pictures(2)[0]
    stap, *rest = payloads(first)
    packets = [video(stap, seq=1, ts=1)]
    packets += [video(p, seq=2 + n, ts=2, marker=p is rest[-1]) for n, p in enumerate(rest)]
    (unit,) = units(packets)
    assert unit.keyframe
    assert unit.format is not None
    assert not {SPS, PPS} & {nal_type(nal) for nal in unit.nals}


def test_waiting_can_be_asked_for() -> None:
    packets = video_packets(pictures(4))
    depacketizer = H264Depacketizer()
    before = units(packets[:20], depacketizer)
    depacketizer.wait_for_keyframe()
    assert depacketizer.waits_for_keyframe
    after = units(packets[20:], depacketizer)
    assert before
    assert after[0].keyframe
    assert not depacketizer.waits_for_keyframe


def test_sound_packets_pass_one_by_one_and_tell_what_is_missing() -> None:
    packets = audio_packets(tones(1))
    depacketizer = OpusDepacketizer()
    found = list(depacketizer.push(packets[0]))
    depacketizer.miss(3)
    found += depacketizer.push(packets[4])
    found += depacketizer.push(replace(packets[5], payload=b""))
    assert [(unit.ts, unit.lost, unit.duration) for unit in found] == [
        (packets[0].ts, 0, 960),
        (packets[4].ts, 3, 960),
    ]


@pytest.mark.parametrize(
    ("payload", "ticks"),
    [(b"\x00", 480), (b"\x08", 960), (b"\x18", 2880), (b"\x60", 480), (b"\x80", 120), (b"\xf8", 960), (b"\xf9", 1920),
     (b"\xfa", 1920), (b"\xfb\x03", 2880), (b"\xfb", 0)],
)  # fmt: skip
def test_the_length_of_an_opus_packet_is_in_its_first_bytes(payload: bytes, ticks: int) -> None:
    assert opus_duration(payload) == ticks
