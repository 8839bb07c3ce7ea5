"""A bid is sealed whole or not at all: it opens with the trustees' and its own keys, and a failure leaves nothing."""

import gc
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from evalroom.errors import EvalroomError
from evalroom.sealing import seal
from evalroom.sealing.envelope import open_envelope
from evalroom.sealing.identity import check_identity, parse_identity
from evalroom.sealing.inspection import SelfTestFailed
from evalroom.sealing.policy import Mode, PartName, PolicyRefuses
from evalroom.sealing.suite import SuiteUnavailable, WrapNotOpened
from evalroom.sealing.suites import find_suite
from evalroom.sealing.unseal import content_key, open_half, open_share, read_text
from main_site.bidder import keyfile, paper, sealing
from main_site.bidder.envelope_file import BidFileUnusable, stored
from main_site.bidder.keyfile import KeyFileExists, unlock
from main_site.bidder.sealing import (
    BidExists,
    DiskTooSmall,
    FileChanged,
    PartsMissing,
    pick_suite,
    seal_to_file,
)
from main_site.bidder.sheet import UnusablePriceSheet
from main_site.bidder.slots import Made, Spare
from tests.evalroom.sealing import tender
from tests.main_site.bidder.desk import NAME, OPENING, PASSPHRASE, Desk, laid, nobody_looks, trustee_keys

NUMBER = bytes(range(16))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return laid(tmp_path)


def names(desk: Desk) -> set[str]:
    return {path.name for path in desk.folder.iterdir()}


def opened(desk: Desk, suite: int) -> dict[PartName, bytes]:
    """Return every text, opened with the key file and two trustees' keys."""
    record, keys = unlock(desk.keys, PASSPHRASE)
    with stored(desk.out) as source:
        envelope = open_envelope(source.read, source.size, desk.policy, record.bid)
        assert (record.root, record.digest, record.size) == (envelope.root, envelope.digest, envelope.size)
        [own] = keys.openers(envelope.suite)
        texts = {}
        for part in envelope.parts:
            held = trustee_keys(suite).items()
            shares = {place: open_share(envelope.suite, part, place, key) for place, key in held}
            key = content_key(envelope, part.name, open_half(envelope.suite, part, own), shares)
            texts[part.name] = read_text(envelope, part.name, key, source.read)
        certificate = check_identity(envelope, parse_identity(texts[PartName.IDENTITY]))
    assert NAME in certificate.subject.rfc4514_string()
    return texts


@pytest.mark.parametrize("suite", [0x01, 0x02])
def test_a_sealed_bid_opens_with_its_key_file_and_a_quorum(desk: Desk, suite: int) -> None:
    record = desk.seal(suite)
    texts = opened(desk, suite)
    assert texts[PartName.TECHNICAL] == (desk.folder / "technical.pdf").read_bytes()
    assert OPENING == json.loads(texts[PartName.OPENING])
    assert (record.suite, record.tender) == (suite, tender.TENDER)
    assert {"bid.evb1", "bid.evb1.key"} < names(desk)
    assert not [name for name in names(desk) if "unfinished" in name]


def test_nothing_is_sealed_over_a_file_that_is_there(desk: Desk) -> None:
    desk.out.write_bytes(b"another bid")
    with pytest.raises(BidExists):
        desk.seal()
    desk.out.unlink()
    desk.keys.write_bytes(b"its keys")
    with pytest.raises(KeyFileExists):
        desk.seal()
    assert b"its keys" == desk.keys.read_bytes()


def test_a_file_that_came_meanwhile_is_not_replaced(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    write = keyfile.write_keys

    def and_somebody_takes_the_name(*given: object) -> None:
        write(*given)  # type: ignore[arg-type]  # passed on as it came
        desk.out.write_bytes(b"another bid")

    monkeypatch.setattr(sealing, "write_keys", and_somebody_takes_the_name)
    with pytest.raises(BidExists):
        desk.seal()
    assert b"another bid" == desk.out.read_bytes()
    assert not desk.keys.exists()


def test_an_envelope_that_does_not_open_again_is_thrown_away(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = sealing._write_all
    damaged = iter([False, False, True])

    def spoil(target: object, data: object) -> None:
        spoilt = bytearray(data)  # type: ignore[call-overload]  # a buffer
        if next(damaged, False):
            spoilt[100] ^= 1
        write(target, spoilt)  # type: ignore[arg-type]  # passed on as it came

    before = names(desk)
    monkeypatch.setattr(sealing, "_write_all", spoil)
    with pytest.raises(SelfTestFailed):
        desk.seal()
    assert before == names(desk)


def test_a_file_that_grows_while_it_is_sealed_is_refused(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    path = desk.folder / "technical.pdf"
    plan = seal.plan_sealing

    def and_somebody_writes(*given: object) -> object:
        with path.open("ab") as file:
            file.write(b"one more page")
        return plan(*given)  # type: ignore[arg-type]  # passed on as it came

    monkeypatch.setattr(sealing, "plan_sealing", and_somebody_writes)
    before = names(desk)
    with pytest.raises(FileChanged):
        desk.seal()
    assert before == names(desk)


def test_a_full_disk_is_found_out_before_a_byte_is_sealed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        free = 1000

    monkeypatch.setattr(shutil, "disk_usage", lambda _: Full)
    before = names(desk)
    with pytest.raises(DiskTooSmall):
        desk.seal()
    assert before == names(desk)


def test_a_disk_that_fills_up_meanwhile_leaves_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sealing, "_write_all", full)
    before = names(desk)
    with pytest.raises(BidFileUnusable, match="No space left"):
        desk.seal()
    assert before == names(desk)


def test_parts_are_exactly_those_of_the_policy(desk: Desk) -> None:
    order = desk.order()
    without = desk.parts
    del without[PartName.TECHNICAL]
    with pytest.raises(PartsMissing, match="technical"):
        seal_to_file(replace(order, parts=without), nobody_looks)
    more = {**desk.parts, PartName.QUALIFICATION: desk.folder / "technical.pdf"}
    with pytest.raises(PolicyRefuses, match="qualification"):
        seal_to_file(replace(order, parts=more), nobody_looks)


def test_a_part_may_be_empty(desk: Desk) -> None:
    seal_to_file(replace(desk.order(), parts={**desk.parts, PartName.TECHNICAL: None}), nobody_looks)
    assert b"" == opened(desk, 0x02)[PartName.TECHNICAL]


@pytest.mark.parametrize("limit", [2_999_999, 3_500_000])
def test_what_is_larger_than_the_policy_allows_is_not_even_read(
    tmp_path: Path, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = tender.policy()
    parts = tuple(
        replace(part, max_size=limit) if part.name is PartName.TECHNICAL else part for part in policy.parts
    )
    small = replace(policy, parts=parts, max_size=3_100_000)

    def unread(*_: object) -> Iterator[bytes]:
        raise AssertionError

    monkeypatch.setattr(sealing, "_pieces", unread)
    with pytest.raises(PolicyRefuses, match="larger"):
        laid(tmp_path, policy=small).seal()


def test_a_price_sheet_that_the_opening_would_not_read_is_refused(desk: Desk) -> None:
    (desk.folder / "price.json").write_text('{"v": 1}', "utf-8")
    before = names(desk)
    with pytest.raises(UnusablePriceSheet):
        desk.seal()
    assert before == names(desk)


def test_a_document_that_cannot_be_read_is_told(desk: Desk) -> None:
    (desk.folder / "technical.pdf").unlink()
    with pytest.raises(BidFileUnusable):
        desk.seal()


def test_without_halves_a_bid_has_no_slot(tmp_path: Path) -> None:
    desk = laid(tmp_path, policy=tender.policy(Mode.SITES))
    desk.seal()
    assert () == unlock(desk.keys, PASSPHRASE)[1].slots


def test_the_suite_is_the_policys_first_that_works_here(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = tender.policy()
    assert [0x01, 0x02] == [pick_suite(policy, None), pick_suite(policy, 0x02)]
    with pytest.raises(EvalroomError):
        pick_suite(policy, 0x11)

    def lacking() -> None:
        raise SuiteUnavailable(lacks="a library")

    monkeypatch.setattr(type(policy.check_suite(1)), "check_available", lambda _: lacking())
    assert 0x02 == pick_suite(policy, None)


def test_steps_are_told_and_every_file_is_closed(desk: Desk) -> None:
    told: dict[str, tuple[int, int]] = {}

    def step(name: str, done: int, total: int) -> None:
        told[name] = done, total

    seal_to_file(desk.order(), step)
    assert ["seal", "test"] == list(told)
    assert told["seal"][0] == desk.out.stat().st_size
    gc.collect()  # a file left open would be a ResourceWarning, which is an error here


def test_a_large_bid_takes_no_more_memory_than_a_small_one(tmp_path: Path) -> None:
    """Seal 160 MiB in a process of its own and look at its peak."""
    desk = laid(tmp_path, size=1)
    with (desk.folder / "technical.pdf").open("wb") as file:
        file.truncate(160 << 20)
    script = (
        "import resource, sys; from pathlib import Path\n"
        "from tests.main_site.bidder.desk import Desk\n"
        "from tests.tools.transcript import policy\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10\n"
        "desk = Desk(Path(sys.argv[1]), policy((1, 2))); order = desk.order(); before = peak()\n"
        "desk.seal(); print(peak() - before)"
    )
    root = Path(__file__).parents[3]
    ran = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, cwd=root, check=True
    )
    assert int(ran.stdout) <= 40  # MiB: 16 of them for the passphrase, before a byte is read


def test_each_slot_opens_every_part_and_a_spare_key_file_does_all_that_the_first_does(desk: Desk) -> None:
    spare, code = desk.folder / "spare.key", paper.draw()
    own = paper.slot_key(code, find_suite(0x02), desk.policy.tender, NUMBER)
    slots = Made(
        beside=True, spares=(Spare(spare, "passphrase of the spare"),), openers=(own,), codes=(code,)
    )
    record = seal_to_file(replace(desk.order(), slots=slots, bid=NUMBER), nobody_looks)
    first, second = unlock(desk.keys, PASSPHRASE)[1], unlock(spare, "passphrase of the spare")[1]
    assert NUMBER == record.bid == unlock(spare, "passphrase of the spare")[0].bid
    assert first.envelope == second.envelope
    assert first.slots != second.slots
    suite = find_suite(0x02)
    with stored(desk.out) as source:
        envelope = open_envelope(source.read, source.size, desk.policy, NUMBER)
    for part in envelope.parts:
        assert 3 == len(part.header.slots)
        halves = {open_half(suite, part, key) for key in (*first.openers(suite), *second.openers(suite), own)}
        assert 1 == len(halves)


def test_without_a_slot_of_its_own_the_key_file_opens_nothing(desk: Desk) -> None:
    own = paper.slot_key(paper.draw(), find_suite(0x02), desk.policy.tender, NUMBER)
    seal_to_file(replace(desk.order(), slots=Made(beside=False, openers=(own,)), bid=NUMBER), nobody_looks)
    assert () == unlock(desk.keys, PASSPHRASE)[1].slots


def test_a_slot_that_does_not_open_is_found_before_the_bid_has_its_name(desk: Desk) -> None:
    before = names(desk)

    class Deaf:
        public = tender.opening_key(0x02, "token").public

        def unwrap(self, wrapped: bytes, info: bytes) -> bytes:
            del wrapped, info
            raise WrapNotOpened

    with pytest.raises(SelfTestFailed):
        seal_to_file(replace(desk.order(), slots=Made(openers=(Deaf(),))), nobody_looks)
    assert before == names(desk)


@pytest.mark.parametrize("there", ["spare.key", "away/spare.key", "bid.evb1.key"])
def test_a_spare_that_cannot_be_written_leaves_nothing(desk: Desk, there: str) -> None:
    if "/" not in there and there != "bid.evb1.key":
        (desk.folder / there).write_bytes(b"another bid's")
    before = names(desk)
    slots = Made(spares=(Spare(desk.folder / there, "passphrase of the spare"),))
    with pytest.raises(EvalroomError) as refused:
        seal_to_file(replace(desk.order(), slots=slots), nobody_looks)
    assert refused.value.code in {"key_file_exists", "bid_file_unusable"}
    assert before == names(desk)
