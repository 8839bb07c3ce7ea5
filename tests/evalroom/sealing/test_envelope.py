"""An envelope is taken for one tender, one policy and one bid; nothing can be moved into it from another."""

import struct
from dataclasses import replace

import pytest

from evalroom.sealing.core import MalformedEnvelope
from evalroom.sealing.dealing import ShareMismatch
from evalroom.sealing.envelope import ForeignEnvelope, encode_head, open_envelope
from evalroom.sealing.policy import Mode, PartName, Policy, PolicyRefuses
from evalroom.sealing.stream import BytesMissing, PartDamaged
from evalroom.sealing.suite import BadEnvelopeSignature, WrapNotOpened
from evalroom.sealing.suites import UnknownSuite, find_suite
from evalroom.sealing.unseal import HalfMismatch
from tests.evalroom.sealing import bids, corpus, tender

OTHER_BID = bytes(range(16, 32))


def anatomy(bid: bytes = tender.BID, suite: int = 2) -> corpus.Anatomy:
    """Return a bid of the corpus's policy, taken apart."""
    return corpus.take_apart(bids.sealed(suite, tender.policy(suites=[suite]), bid=bid))


def refused(data: bytes, policy: Policy | None = None, bid: bytes = tender.BID) -> type[Exception] | None:
    """Return what opening everything ended in."""
    try:
        bids.open_all(data, policy or tender.policy(suites=[2]), bid)
    except Exception as error:  # noqa: BLE001 - whatever it was is what the test looks at
        return type(error)
    return None


def test_an_envelope_for_another_tender_policy_or_bid_is_foreign() -> None:
    policy = tender.policy()
    data = bids.sealed(2, policy).data
    assert refused(data, replace(policy, tender="EV-2026-0002")) is ForeignEnvelope
    assert refused(data, replace(policy, min_bids=2)) is ForeignEnvelope
    assert refused(data, tender.policy(k=1)) is ForeignEnvelope
    assert refused(data, policy, OTHER_BID) is ForeignEnvelope
    assert refused(data, policy, b"") is ForeignEnvelope
    assert refused(data, policy) is None


def test_trustees_swapped_in_the_policy_make_it_another_policy() -> None:
    policy = tender.policy()
    swapped = replace(policy, trustees=(policy.trustees[1], policy.trustees[0], policy.trustees[2]))
    assert refused(bids.sealed(2, policy).data, swapped) is ForeignEnvelope


@pytest.mark.parametrize("suite", [1, 2])
def test_a_suite_that_the_policy_does_not_list_is_refused_whatever_the_core_says(suite: int) -> None:
    data = bids.sealed(suite).data
    assert refused(data, tender.policy(suites=[3 - suite])) is PolicyRefuses
    changed = data[:5] + bytes([3 - suite]) + data[6:]
    assert refused(changed, tender.policy()) is MalformedEnvelope
    assert refused(data[:5] + b"\x7f" + data[6:], tender.policy()) is UnknownSuite


@pytest.mark.parametrize("mode", Mode)
def test_an_envelope_of_one_mode_is_none_of_another(mode: Mode) -> None:
    data = bids.sealed(2, tender.policy(mode)).data
    for other in set(Mode) - {mode}:
        assert refused(data, tender.policy(other)) is ForeignEnvelope


def test_a_part_of_another_envelope_is_refused() -> None:
    ours, theirs = anatomy(), anatomy(OTHER_BID)
    for number in range(4):
        streams = (*ours.parts[:number], theirs.parts[number], *ours.parts[number + 1 :])
        assert refused(replace(ours, parts=streams).build()) is PartDamaged

        def with_header(header: corpus.Value, number: int = number) -> None:
            header["parts"][number] = corpus.header_of(theirs)["parts"][number]

        assert refused(ours.with_header(with_header)) is MalformedEnvelope


@pytest.mark.parametrize(
    ("name", "error"),
    [("shares", WrapNotOpened), ("bidder", WrapNotOpened), ("bh", HalfMismatch), ("core", MalformedEnvelope)],
)
def test_keys_of_another_envelope_or_part_are_refused(name: str, error: type[Exception]) -> None:
    ours, theirs = anatomy(), anatomy(OTHER_BID)

    def from_another_bid(header: corpus.Value) -> None:
        header["parts"][2][name] = corpus.header_of(theirs)["parts"][2][name]

    def from_another_part(header: corpus.Value) -> None:
        header["parts"][2][name] = header["parts"][3][name]

    assert refused(ours.with_header(from_another_bid)) is error
    other = PolicyRefuses if name == "core" else error
    assert refused(ours.with_header(from_another_part)) is other


def test_one_share_of_another_envelope_is_refused() -> None:
    ours, theirs = anatomy(), anatomy(OTHER_BID)

    def wrapped(header: corpus.Value) -> None:
        header["parts"][1]["shares"][0]["ct"] = corpus.header_of(theirs)["parts"][1]["shares"][0]["ct"]

    def committed(header: corpus.Value) -> None:
        header["parts"][1]["shares"][0]["h"] = corpus.header_of(theirs)["parts"][1]["shares"][0]["h"]

    assert refused(ours.with_header(wrapped)) is WrapNotOpened
    assert refused(ours.with_header(committed)) is ShareMismatch


def test_a_rivals_envelope_signed_anew_is_refused() -> None:
    data = anatomy().data
    stranger = tender.signing_key(2, "stranger")
    one = replace(anatomy(), data=data)
    start = 12 + len(one.header) + sum(map(len, one.parts))
    trailer = data[start : len(data) - 12 - 64]
    forged = data[: len(data) - 12 - 64] + stranger.sign(b"EVB1 bid" + trailer) + data[-12:]
    assert refused(forged) is BadEnvelopeSignature


def test_all_is_checked_from_head_and_tail_alone() -> None:
    sealed = bids.sealed(2)
    asked: list[tuple[int, int]] = []

    def read(offset: int, length: int) -> bytes:
        asked.append((offset, length))
        return sealed.read(offset, length)

    envelope = open_envelope(read, len(sealed.data), sealed.plan.policy, tender.BID)
    assert sum(length for _, length in asked) < 12 + len(sealed.plan.header) + 1000
    assert tender.BID == envelope.bid
    assert sealed.plan.terms.bidder == envelope.bidder
    assert envelope.digest != bids.sealed(2, bid=OTHER_BID).data
    with pytest.raises(PolicyRefuses):
        envelope.part(PartName.QUALIFICATION)


@pytest.mark.parametrize("length", [0, 1, 11, 12, 23, 24, 100])
def test_a_file_shorter_than_its_frame_says_is_refused(length: int) -> None:
    data = bids.sealed(2).data[:length]
    with pytest.raises(MalformedEnvelope):
        open_envelope(bids.reader(data), len(data), tender.policy(), tender.BID)


def test_lengths_are_compared_with_the_file_before_anything_is_read_by_them() -> None:
    data = bytearray(bids.sealed(2).data)
    struct.pack_into(">I", data, 8, 0xFFFFFFFF)

    def read(offset: int, length: int) -> bytes:
        assert length < 1 << 20
        return bytes(data[offset : offset + length])

    with pytest.raises(MalformedEnvelope):
        open_envelope(read, len(data), tender.policy(), tender.BID)


def test_a_header_longer_than_a_mebibyte_is_neither_written_nor_read() -> None:
    with pytest.raises(MalformedEnvelope):
        encode_head(find_suite(2), bytes((1 << 20) + 1))
    one = anatomy()
    data = b"EVB1\x01\x02\0\0" + struct.pack(">I", (1 << 20) + 1) + bytes(3 << 20) + one.data[-12:]
    assert refused(data) is MalformedEnvelope


def test_a_part_that_is_not_padded_or_too_large_is_refused() -> None:
    one = anatomy()
    short = one.parts[0][:-16_400]
    assert refused(replace(one, parts=(short, *one.parts[1:])).build()) is MalformedEnvelope
    large = one.parts[0] + bytes(16_400 * 64)
    assert refused(replace(one, parts=(large, *one.parts[1:])).build()) is PolicyRefuses


def test_a_file_larger_than_the_policy_allows_is_not_even_begun() -> None:
    with pytest.raises(PolicyRefuses):
        open_envelope(_never, (1 << 34) + 1, tender.policy(), tender.BID)


def _never(offset: int, length: int) -> bytes:
    raise AssertionError((offset, length))


def test_a_store_that_lost_bytes_is_named_and_not_the_bidder() -> None:
    sealed = bids.sealed(2)
    with pytest.raises(BytesMissing):
        open_envelope(bids.reader(sealed.data[:-500]), len(sealed.data), sealed.plan.policy, tender.BID)
