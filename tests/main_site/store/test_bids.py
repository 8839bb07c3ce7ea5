"""Bytes of sealed bids on the disk: nothing half written counts, nothing that counts is overwritten."""

import hashlib
from pathlib import Path

import pytest

from evalroom.ids import BidNumber, SessionId
from evalroom.sealing.trailer import LEAF, ReceiptRoot
from main_site.store import bids as store
from main_site.store.bids import PIECE, Announcement, PieceMismatch, Uploads
from signaling.database import open_engine
from tests.evalroom.sealing.tender import drawn

NUMBER = BidNumber("0f" * 16)
SESSION = SessionId("EV-1")
DATA = drawn("bid", 2 * PIECE + LEAF + 77)
ONE = Announcement(NUMBER, len(DATA), "00" * 32, "11" * 32)


@pytest.fixture
def uploads(tmp_path: Path) -> Uploads:
    made = Uploads(tmp_path / "bids")
    made.begin(ONE)
    return made


def piece_of(index: int) -> bytes:
    return DATA[index * PIECE : (index + 1) * PIECE]


def send(uploads: Uploads, index: int, data: bytes | None = None, sha256: bytes | None = None) -> None:
    data = piece_of(index) if data is None else data
    piece = uploads.piece(ONE, index)
    for start in range(0, len(data), LEAF):
        piece.take(data[start : start + LEAF])
    piece.finish(sha256 or hashlib.sha256(data).digest())


def root(data: bytes) -> bytes:
    tree = ReceiptRoot()
    tree.update(data)
    return tree.root()


@pytest.mark.parametrize("index", [-1, 3, 1 << 60])
def test_a_piece_outside_the_bid_is_refused(uploads: Uploads, index: int) -> None:
    with pytest.raises(PieceMismatch):
        uploads.piece(ONE, index)


@pytest.mark.parametrize(
    ("index", "data"),
    [(0, piece_of(0)[:-1]), (2, piece_of(2) + b"x"), (2, b""), (1, piece_of(1)[:LEAF])],
)
def test_a_piece_of_another_length_does_not_count(uploads: Uploads, index: int, data: bytes) -> None:
    with pytest.raises(PieceMismatch):
        send(uploads, index, data)
    assert [] == uploads.have(ONE)


def test_a_piece_of_another_digest_does_not_count(uploads: Uploads) -> None:
    with pytest.raises(PieceMismatch):
        send(uploads, 0, sha256=bytes(32))
    assert [] == uploads.have(ONE)
    assert 0 == uploads.written(ONE)


def test_a_piece_that_is_here_is_never_overwritten(uploads: Uploads) -> None:
    send(uploads, 1)
    other = bytes(PIECE)
    with pytest.raises(PieceMismatch):
        send(uploads, 1, other)
    with uploads.reading(NUMBER) as read:
        assert piece_of(1) == read(PIECE, PIECE)
    send(uploads, 1)
    assert [1] == uploads.have(ONE)


def test_a_piece_of_which_a_part_was_written_does_not_count(uploads: Uploads) -> None:
    uploads.piece(ONE, 0).take(piece_of(0)[:LEAF])
    assert [] == Uploads(uploads.path(NUMBER).parent).have(ONE)


def test_pieces_may_come_in_any_order_and_after_a_restart(uploads: Uploads) -> None:
    send(uploads, 2)
    again = Uploads(uploads.path(NUMBER).parent)
    again.begin(ONE)
    assert [2] == again.have(ONE)
    send(again, 0)
    send(again, 1)
    assert [0, 1, 2] == again.have(ONE)
    assert len(DATA) == again.written(ONE)
    assert DATA == again.path(NUMBER).read_bytes()


@pytest.mark.parametrize("body", [1, LEAF, LEAF + 1, 2 * PIECE, 2 * PIECE + LEAF, len(DATA) - 5])
def test_the_root_is_that_of_the_bytes(uploads: Uploads, body: int) -> None:
    for index in range(3):
        send(uploads, index)
    with uploads.reading(NUMBER) as read:
        assert root(DATA[:body]) == uploads.root(NUMBER, read, body)


def test_a_missing_piece_gives_another_root(uploads: Uploads) -> None:
    send(uploads, 0)
    send(uploads, 2)
    with uploads.reading(NUMBER) as read:
        assert root(DATA) != uploads.root(NUMBER, read, len(DATA))


def test_nobody_else_may_read_a_bid_and_a_submitted_one_is_protected(uploads: Uploads) -> None:
    assert 0o600 == uploads.path(NUMBER).stat().st_mode & 0o777
    uploads.keep(NUMBER)
    assert 0o400 == uploads.path(NUMBER).stat().st_mode & 0o777


def test_a_link_in_a_bids_place_is_not_followed(uploads: Uploads, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    uploads.drop(NUMBER)
    uploads.path(NUMBER).symlink_to(victim)
    with pytest.raises(OSError, match="symbolic links"):
        uploads.begin(ONE)
    assert b"mine" == victim.read_bytes()


def test_what_is_dropped_is_gone(uploads: Uploads) -> None:
    send(uploads, 0)
    assert uploads.touched(NUMBER) > 0
    uploads.drop(NUMBER)
    uploads.drop(NUMBER)
    assert [] == list(uploads.path(NUMBER).parent.iterdir())
    assert 0.0 == uploads.touched(NUMBER)
    assert [] == uploads.have(ONE)


def test_announcements_terms_and_stamps_are_kept_by_session(tmp_path: Path) -> None:
    engine = open_engine(tmp_path / "db.sqlite")
    store.metadata.create_all(engine)
    with engine.begin() as db:
        store.announce(db, SESSION, ONE)
        store.put_terms(db, SESSION, "{}")
        assert [ONE] == store.read_announced(db, SESSION)
        assert [] == store.read_announced(db, SessionId("EV-2"))
        assert ("{}", "") == (store.read_terms(db, SESSION), store.read_terms(db, SessionId("EV-2")))
        store.forget(db, SESSION, NUMBER)
        assert [] == store.read_announced(db, SESSION)
        for size, token in ((9, b"late"), (5, b"first"), (5, b"second")):
            store.put_stamp(db, SESSION, size, b"note", token)
        assert (b"note", b"first") == store.find_stamp(db, SESSION, 4)
        assert (b"note", b"late") == store.find_stamp(db, SESSION, 5)
        assert store.find_stamp(db, SESSION, 9) is None
        assert (9, 0) == (store.last_stamp(db, SESSION), store.last_stamp(db, SessionId("EV-2")))
