"""A bid arrives whole whenever the link lets it: killed at any piece it goes on, and is never sent after a change."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from evalroom.sealing.envelope import Envelope, open_envelope
from evalroom.sealing.inspection import RootMismatch
from main_site.bidder.envelope_file import Stored, root_of, stored
from main_site.bidder.host import Host
from main_site.bidder.keyfile import read_record
from main_site.bidder.receipts import Known, check_belongs
from main_site.bidder.telling import HostRefused
from main_site.bidder.upload import ROUNDS, check_bytes, hand_in
from tests.main_site.bidder.desk import Desk, laid, nobody_looks
from tests.main_site.bidder.fake_host import FakeHost, problem


class Killed(Exception):
    """The process ended here."""


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = laid(tmp_path)
    desk.seal()
    return desk


@contextmanager
def sealed(desk: Desk) -> Iterator[tuple[Stored, Envelope]]:
    with stored(desk.out) as source:
        yield source, open_envelope(source.read, source.size, desk.policy, bid_of(desk))


def bid_of(desk: Desk) -> bytes:
    return read_record(desk.keys).bid


def client(fake: FakeHost) -> Host:
    return Host("http://host", lambda *_: None, fake.client(), lambda _: None)


def test_a_bid_killed_at_any_piece_goes_on_where_it_was(desk: Desk) -> None:
    fake = FakeHost(desk.policy)
    with sealed(desk) as (source, envelope):
        for stop in range(1, 5):
            sent: list[int] = []

            def until(name: str, done: int, _: int, stop: int = stop, sent: list[int] = sent) -> None:
                assert "send" == name
                sent.append(done)
                if len(sent) == stop:
                    raise Killed

            with pytest.raises(Killed):
                hand_in(client(fake), source, envelope, until)
        receipt = hand_in(client(fake), source, envelope, nobody_looks)
    pieces = [one for one in fake.asked if "/pieces/" in one]
    assert len(pieces) == len(set(pieces)) == 4
    known = Known(envelope.policy.tender, envelope.bid, envelope.root, envelope.digest, envelope.size)
    check_belongs(receipt.encode(), known)
    [one] = fake.bids.values()
    assert one.data == desk.out.read_bytes()


def test_every_request_may_be_lost_and_is_made_again(desk: Desk) -> None:
    fake = FakeHost(desk.policy)
    answer = fake.handle
    turns = iter(range(1000))

    def lossy(request: httpx.Request) -> httpx.Response:
        turn = next(turns) % 3
        if turn == 0:
            raise httpx.ConnectError("lost on the way there")
        found = answer(request)
        if turn == 1:
            raise httpx.ReadError("lost on the way back")
        return found

    there = Host(
        "http://host", lambda *_: None, httpx.Client(transport=httpx.MockTransport(lossy)), lambda _: None
    )
    with sealed(desk) as (source, envelope):
        assert hand_in(there, source, envelope, nobody_looks)
    assert "submitted" == fake.bids[envelope.bid.hex()].state


def test_pieces_that_the_host_lost_are_sent_again(desk: Desk) -> None:
    fake = FakeHost(desk.policy)
    answer = fake.handle
    lost = iter([True])

    def forgetful(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/submit") and next(lost, False):
            del fake.bids[bid_of(desk).hex()].pieces[1]
        return answer(request)

    there = Host(
        "http://host", lambda *_: None, httpx.Client(transport=httpx.MockTransport(forgetful)), lambda _: None
    )
    with sealed(desk) as (source, envelope):
        assert hand_in(there, source, envelope, nobody_looks)


def test_a_host_that_never_has_all_pieces_is_given_up(desk: Desk) -> None:
    def never(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/submit"):
            asked.append(1)
            return problem(409, "pieces_missing")
        return httpx.Response(200, json={"piece": 1 << 20, "have": []})

    asked: list[int] = []
    there = Host(
        "http://host", lambda *_: None, httpx.Client(transport=httpx.MockTransport(never)), lambda _: None
    )
    with sealed(desk) as (source, envelope), pytest.raises(HostRefused, match="pieces_missing"):
        hand_in(there, source, envelope, nobody_looks)
    assert ROUNDS == len(asked)


@pytest.mark.parametrize("code", ["deadline_passed", "not_accepting", "too_large", "bid_exists"])
def test_a_refusal_ends_the_upload_with_the_hosts_word(desk: Desk, code: str) -> None:
    fake = FakeHost(desk.policy, troubles=[problem(409, code)])
    with sealed(desk) as (source, envelope), pytest.raises(HostRefused, match=code):
        hand_in(client(fake), source, envelope, nobody_looks)
    assert 1 == len(fake.asked)


def test_a_file_changed_since_it_was_sealed_is_found_before_it_is_sent(desk: Desk) -> None:
    with desk.out.open("r+b") as file:
        file.seek(200_000)
        file.write(b"\x00\x01\x02")
    with sealed(desk) as (source, envelope):
        with pytest.raises(RootMismatch):
            check_bytes(source, envelope, nobody_looks)
        assert root_of(source, envelope.body, nobody_looks) != envelope.root
