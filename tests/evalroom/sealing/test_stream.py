"""The stream of a part: one text, one form; nothing is read from a stream that was cut, swapped or changed."""

from random import Random

import pytest
from cryptography import cobblestone

from evalroom.errors import EvalroomError
from evalroom.sealing.stream import (
    CHUNK,
    PREFIX,
    SEALED_CHUNK,
    BytesMissing,
    ChunkCipher,
    PartDamaged,
    StreamReader,
    StreamSealer,
    plain_size,
    sealed_size,
)
from evalroom.sealing.suites import find_suite
from tests.evalroom.sealing import bids, tender

SUITE = find_suite(1)
KEY, SALT, CONTEXT = tender.drawn("key", 32), tender.drawn("salt", 24), tender.drawn("context", 32)
SIZES = (0, 1, 15, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 7, 65 * CHUNK + 5)


def sealed(text: bytes, key: bytes = KEY, context: bytes = CONTEXT) -> bytes:
    stream = StreamSealer(SUITE, key, SALT, context)
    return stream.prefix + bids.streamed(stream, text)


def opened(data: bytes, key: bytes = KEY, context: bytes = CONTEXT, offset: int = 0) -> StreamReader:
    return StreamReader.open(SUITE, key, context, bids.reader(data), offset, len(data) - offset)


@pytest.mark.parametrize("size", SIZES)
def test_cobblestone_opens_what_we_seal(size: int) -> None:
    text = tender.pattern(size)
    other = cobblestone.Cobblestone256Decryptor(KEY, CONTEXT)
    assert text == other.update(sealed(text)) + other.finalize()


@pytest.mark.parametrize("size", SIZES)
def test_we_open_what_cobblestone_seals(size: int) -> None:
    text = tender.pattern(size)
    other = cobblestone.Cobblestone256Encryptor(KEY, CONTEXT)
    data = other.update(text) + other.finalize()
    assert sealed_size(size) == len(data)
    reader = opened(data)
    assert text == b"".join(reader.pieces()) == reader.range(0, size)
    assert size == reader.size


@pytest.mark.parametrize("step", [1, 100, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_the_steps_in_which_a_text_comes_leave_no_trace(step: int) -> None:
    text = tender.pattern(2 * CHUNK + 99)
    stream = StreamSealer(SUITE, KEY, SALT, CONTEXT)
    steps = [text[n : n + step] for n in range(0, len(text), step)]
    assert sealed(text) == stream.prefix + bids.streamed(stream, *steps)


def test_lengths_go_there_and_back_and_others_belong_to_no_text() -> None:
    possible = {sealed_size(size): size for size in range(3 * CHUNK)}
    for length in range(max(possible)):
        if length in possible:
            assert possible[length] == plain_size(length)
        else:
            with pytest.raises(PartDamaged):
                plain_size(length)


def test_a_thousand_ranges_equal_the_plaintext() -> None:
    text = tender.pattern(7 * CHUNK + 333)
    reader = opened(b"before it" + sealed(text), offset=9)
    dice = Random(1)
    for _ in range(1000):
        start, stop = (dice.randrange(-5, len(text) + 50) for _ in range(2))
        assert text[max(start, 0) : max(stop, 0)] == reader.range(start, stop)


def test_a_range_reads_no_more_chunks_than_it_needs() -> None:
    data = sealed(tender.pattern(100 * CHUNK))
    asked: list[tuple[int, int]] = []

    def read(offset: int, length: int) -> bytes:
        asked.append((offset, length))
        return data[offset : offset + length]

    reader = StreamReader.open(SUITE, KEY, CONTEXT, read, 0, len(data))
    reader.range(50 * CHUNK + 5, 51 * CHUNK + 5)
    assert [
        (0, PREFIX),
        (PREFIX + 100 * SEALED_CHUNK, 16),
        (PREFIX + 50 * SEALED_CHUNK, 2 * SEALED_CHUNK),
    ] == asked


@pytest.mark.parametrize("size", [CHUNK, 2 * CHUNK + 5, 3 * CHUNK])
def test_a_cut_tail_is_refused_before_anything_is_read(size: int) -> None:
    data = sealed(tender.pattern(size))
    cuts = [length for length in range(len(data)) if length < 200 or length > len(data) - 200]
    cuts += [PREFIX + n * SEALED_CHUNK + more for n in range(1, 4) for more in (-1, 0, 1, 15, 16, 17)]
    for length in cuts:
        if length < len(data):
            with pytest.raises(PartDamaged):
                opened(data[:length])


def test_chunks_swapped_doubled_or_left_out_are_refused() -> None:
    data = sealed(tender.pattern(3 * CHUNK + 100))
    head, rest = data[:PREFIX], data[PREFIX:]
    chunks = [rest[n : n + SEALED_CHUNK] for n in range(0, len(rest), SEALED_CHUNK)]
    for order in ([1, 0, 2, 3], [0, 2, 3], [0, 1, 1, 2, 3], [0, 1, 3], [3], [0, 0, 2, 3], [0, 1, 2]):
        with pytest.raises(PartDamaged):
            b"".join(opened(head + b"".join(chunks[n] for n in order)).pieces())


def test_every_flipped_byte_is_found() -> None:
    data = sealed(tender.pattern(CHUNK + 40))
    for place in [*range(PREFIX + 20), *range(PREFIX + SEALED_CHUNK - 20, len(data)), PREFIX + 9000]:
        changed = bytearray(data)
        changed[place] ^= 0x80
        with pytest.raises(PartDamaged):
            b"".join(opened(bytes(changed)).pieces())


def test_another_key_or_context_is_refused_by_the_commitment() -> None:
    data = sealed(b"text")
    for key, context in ((bytes(32), CONTEXT), (KEY, bytes(32)), (KEY, b"")):
        with pytest.raises(PartDamaged) as refused:
            opened(data, key, context)
        assert refused.value.detail["reason"] == "commitment"


def test_a_store_that_gives_too_little_or_too_much_is_not_the_bidders_fault() -> None:
    data = sealed(tender.pattern(CHUNK))
    for wrong in (lambda _, length: bytes(length - 1), lambda _, length: bytes(length + 1)):
        with pytest.raises(BytesMissing):
            StreamReader.open(SUITE, KEY, CONTEXT, wrong, 0, len(data))


def test_a_stream_keeps_its_own_errors_in_one_tree() -> None:
    with pytest.raises(EvalroomError):
        opened(b"")


@pytest.mark.parametrize("size", SIZES)
def test_a_buffer_used_again_holds_the_same_chunks(size: int) -> None:
    keys = SUITE.stream_key(KEY, SALT, CONTEXT)
    cipher = ChunkCipher(SUITE, keys.key, keys.nonce)
    text = tender.pattern(size)
    out, back = bytearray(b"\xaa" * (size + 5000)), bytearray(b"\xbb" * (size + 5000))
    length = cipher.seal_into(3, text, out)
    assert cipher.seal(3, text) == out[:length]
    assert size == cipher.open_into(3, out[:length], back)
    assert text == back[:size] == cipher.open(3, out[:length])
    with pytest.raises(PartDamaged):
        cipher.open_into(4, out[:length], back)
