"""What a stranger reads of an envelope is read with distrust, and nothing is read twice from a disk that fails."""

import sys
from pathlib import Path

import pytest

from evalroom.errors import EvalroomError
from evalroom.sealing.core import MalformedEnvelope
from evalroom.sealing.envelope import open_envelope
from evalroom.sealing.stream import BytesMissing
from evalroom.sealing.trailer import hash_leaf
from main_site.bidder.envelope_file import (
    GIVE_WAY_S,
    BidFileUnusable,
    ends_only,
    glance,
    hashed_beside,
    root_of,
    stored,
)
from main_site.bidder.telling import NoSuchFile
from tests.evalroom.sealing import bids, tender
from tests.main_site.bidder.desk import nobody_looks

SEALED = bids.sealed(0x02)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "bid.evb1"
    path.write_bytes(SEALED.data)
    return path


def test_a_glance_says_what_the_envelope_says(path: Path) -> None:
    with stored(path) as source:
        seen, opened = glance(source), SEALED.open()
        assert (tender.TENDER, tender.BID, True) == (seen.tender, seen.bid, seen.signed)
        assert (opened.digest, opened.root, opened.size) == (seen.digest, seen.trailer.root, seen.size)
        assert seen.plain_sizes() == tuple(part.plain_size for part in opened.parts)
        assert opened.root == root_of(source, opened.body, nobody_looks)


def test_no_changed_byte_of_head_and_tail_passes_unseen(path: Path) -> None:
    opened = SEALED.open()
    places = [*range(0, opened.parts[0].offset, 7), *range(opened.body, opened.size)]
    for place in places:
        data = bytearray(SEALED.data)
        data[place] ^= 1
        path.write_bytes(data)
        with stored(path) as source:
            try:
                seen = glance(source)
            except EvalroomError:
                continue
            header = place < opened.parts[0].offset
            assert header or not seen.signed or seen.digest != opened.digest


@pytest.mark.parametrize("size", [0, 11, 12, 23, 24, 1000, -1])
def test_a_cut_envelope_is_malformed(path: Path, size: int) -> None:
    path.write_bytes(SEALED.data[:size])
    with stored(path) as source, pytest.raises(MalformedEnvelope):
        glance(source)


def test_head_and_tail_are_enough_to_open_an_envelope_and_not_to_read_it() -> None:
    opened = SEALED.open()
    ends = SEALED.data[: opened.parts[0].offset] + SEALED.data[opened.body :]
    read = ends_only(ends, opened.size)
    assert opened == open_envelope(read, opened.size, SEALED.plan.policy, tender.BID)
    assert b"" == read(opened.parts[0].offset + 10, 100)
    for wrong in (b"", ends[:-1], ends[1:], ends[:8] + b"\xff\xff\xff\xff" + ends[12:]):
        with pytest.raises((BytesMissing, EvalroomError)):
            open_envelope(ends_only(wrong, opened.size), opened.size, SEALED.plan.policy, tender.BID)


def test_a_disk_that_does_not_give_is_told(path: Path, tmp_path: Path) -> None:
    with stored(path) as source:
        assert b"" == source.read(source.size, 10)
        source._file.close()
        with pytest.raises(ValueError, match="closed"):
            source.read(0, 1)
    with pytest.raises(NoSuchFile, match="none"), stored(tmp_path / "none"):
        pass
    with pytest.raises(BidFileUnusable), stored(tmp_path):
        pass


def test_threads_hand_over_quickly_while_leaves_are_hashed_beside_and_as_before_afterwards() -> None:
    before = sys.getswitchinterval()
    with hashed_beside() as tree:
        assert GIVE_WAY_S == pytest.approx(sys.getswitchinterval())
        tree.update(b"leaf")
        assert hash_leaf(b"leaf") == tree.root()
    assert before == sys.getswitchinterval()
