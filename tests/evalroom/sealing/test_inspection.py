"""One pass over all bytes: a wrong root is the store's matter, a damaged part the bidder's, and both are told apart."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from evalroom.sealing.envelope import open_envelope
from evalroom.sealing.header import encode_header
from evalroom.sealing.inspection import Inspection, RootMismatch, SelfTestFailed, check_root, self_test
from evalroom.sealing.lanes import receipt_root
from evalroom.sealing.padding import pad
from evalroom.sealing.policy import Mode, PartName
from evalroom.sealing.seal import plan_sealing, seal
from evalroom.sealing.stream import PREFIX, BytesMissing, StreamSealer
from tests.evalroom.sealing import bids, corpus, tender

LARGE = {**bids.TEXTS, PartName.TECHNICAL: tender.pattern(5 << 20)}


def keys_of(sealed: bids.Sealed) -> dict[PartName, bytes]:
    return {name: drawn.content_key for name, drawn in sealed.plan.secrets.items()}


def run(steps: Iterator[int]) -> list[int]:
    return list(steps)


def changed(sealed: bids.Sealed, name: PartName, offset: int) -> bids.Sealed:
    data = bytearray(sealed.data)
    data[sealed.open().part(name).offset + offset] ^= 1
    return replace(sealed, data=bytes(data))


def test_a_changed_byte_anywhere_gives_another_root() -> None:
    sealed = bids.sealed(2, texts=LARGE)
    envelope = sealed.open()
    assert run(check_root(envelope, sealed.read))[-1] == envelope.body
    for name in bids.TEXTS:
        damaged = changed(sealed, name, 70)
        for steps in (
            check_root(envelope, damaged.read),
            Inspection(envelope, {}, damaged.read).run(),
            Inspection(envelope, keys_of(sealed), damaged.read).run(),
        ):
            with pytest.raises(RootMismatch):
                run(steps)


def test_bytes_that_the_store_lost_are_named() -> None:
    sealed = bids.sealed(2)
    with pytest.raises(BytesMissing):
        run(check_root(sealed.open(), bids.reader(sealed.data[:-9000])))


@pytest.mark.parametrize("offset", [0, 30, PREFIX, PREFIX + 16_400, PREFIX + 20_000])
def test_a_part_sealed_wrongly_is_named_and_the_others_are_whole(offset: int) -> None:
    one = corpus.anatomy(2)
    stream = bytearray(one.parts[2])
    stream[offset] ^= 1
    data = replace(one, parts=(*one.parts[:2], bytes(stream), one.parts[3])).build()
    sealed = replace(bids.sealed(2, one.policy), data=data)
    inspection = Inspection(sealed.open(), keys_of(bids.sealed(2, one.policy)), sealed.read)
    run(inspection.run())
    assert [PartName.TECHNICAL] == list(inspection.damaged)


def test_padding_that_is_not_zeros_is_found() -> None:
    one = corpus.anatomy(2)
    plan = bids.sealed(2, one.policy).plan
    drawn = plan.secrets[PartName.OPENING]
    for padded, damaged in ((pad(b"100"), False), (pad(b"100")[:-1] + b"\1", True)):
        bound = plan.context(PartName.OPENING)
        stream = StreamSealer(plan.suite, drawn.content_key, drawn.salt, bound)
        sheet = stream.prefix + bids.streamed(stream, padded)
        data = replace(one, parts=(one.parts[0], sheet, *one.parts[2:])).build()
        envelope = open_envelope(bids.reader(data), len(data), one.policy, tender.BID)
        inspection = Inspection(envelope, {PartName.OPENING: drawn.content_key}, bids.reader(data))
        run(inspection.run())
        assert damaged is (PartName.OPENING in inspection.damaged)


def test_several_threads_come_to_the_same_root() -> None:
    sealed = bids.sealed(2, texts=LARGE)
    with ThreadPoolExecutor(2) as pool:
        tree = receipt_root(lambda work: pool.submit(work).result, threads=2)
        run(check_root(sealed.open(), sealed.read, tree))
        tree = receipt_root(lambda work: pool.submit(work).result, threads=2)
        sources = {name: [text] for name, text in LARGE.items()}
        plan = plan_sealing(
            tender.policy(),
            sealed.plan.terms,
            tender.signing_key(2, "envelope"),
            bids.Dice("threads"),
        )
        again = b"".join(seal(plan, sources, tree))
    assert LARGE == bids.open_all(again, tender.policy())


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("suite", [1, 2, 0x11])
def test_what_was_just_sealed_passes_its_self_test(suite: int, mode: Mode) -> None:
    sealed = bids.sealed(suite, tender.policy(mode, suites=[suite]))
    keys = [] if mode is Mode.SITES else [tender.opening_key(suite, one) for one in ("token", "spare")]
    steps = run(self_test(sealed.plan, sealed.read, len(sealed.data), keys))
    assert sealed.open().body == steps[-1]


def test_the_self_test_finds_a_disk_that_changes_bytes() -> None:
    sealed = bids.sealed(2)
    for name, offset in ((PartName.TECHNICAL, 5000), (PartName.OPENING, 0)):
        damaged = changed(sealed, name, offset)
        with pytest.raises(SelfTestFailed) as failed:
            run(self_test(sealed.plan, damaged.read, len(sealed.data)))
        assert failed.value.detail["reason"] == "root_mismatch"
    with pytest.raises(SelfTestFailed):
        run(self_test(sealed.plan, bids.reader(sealed.data[:-1]), len(sealed.data) - 1))
    with pytest.raises(SelfTestFailed):
        run(self_test(sealed.plan, bids.reader(sealed.data[:-1]), len(sealed.data)))


def test_the_self_test_finds_a_key_that_opens_no_slot() -> None:
    sealed = bids.sealed(2)
    with pytest.raises(SelfTestFailed) as failed:
        run(self_test(sealed.plan, sealed.read, len(sealed.data), [tender.opening_key(2, "phone")]))
    assert failed.value.detail["reason"] == "wrap_not_opened"


def test_the_self_test_finds_shares_dealt_wrongly() -> None:
    sealed = bids.sealed(2, lie=lambda shares: (shares[0], shares[1], shares[0]))
    with pytest.raises(SelfTestFailed):
        run(self_test(sealed.plan, sealed.read, len(sealed.data)))


def test_the_self_test_finds_a_part_whose_key_is_not_the_one_planned() -> None:
    sealed = bids.sealed(2)
    other = replace(sealed.plan.secrets[PartName.PRICE], content_key=bytes(32))
    plan = replace(sealed.plan, secrets={**sealed.plan.secrets, PartName.PRICE: other})
    assert encode_header(plan.parts) == plan.header
    data = b"".join(seal(plan, {name: [text] for name, text in bids.TEXTS.items()}))
    with pytest.raises(SelfTestFailed) as failed:
        run(self_test(sealed.plan, bids.reader(data), len(data)))
    assert failed.value.detail["part"] == PartName.PRICE


def test_digests_are_those_of_the_texts_and_only_of_whole_parts() -> None:
    sealed = bids.sealed(2, texts=LARGE)
    inspection = Inspection(sealed.open(), keys_of(sealed), sealed.read, digesting=True)
    run(inspection.run())
    assert {
        name: (hashlib.sha256(text).hexdigest(), len(text)) for name, text in LARGE.items()
    } == inspection.digests
    one = {PartName.TECHNICAL: bytes(32), PartName.OPENING: keys_of(sealed)[PartName.OPENING]}
    inspection = Inspection(sealed.open(), one, sealed.read, digesting=True)
    run(inspection.run())
    assert {PartName.OPENING} == inspection.digests.keys()
