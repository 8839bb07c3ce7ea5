"""Signed notes: the published example of C2SP, and what must not pass for a note or a key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalroom.errors import EvalroomError
from evalroom.ledger.note import (
    BadNoteSignature,
    KeyKind,
    MalformedKey,
    MalformedNote,
    Note,
    SigningKey,
    parse_note,
    parse_signature_line,
    parse_vkey,
    sign_text,
)

VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
NOTE = (
    "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYj"
    "OBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
).encode()
KEY = SigningKey.from_seed("evalroom/S-1", KeyKind.LOG, bytes(range(32)))


def test_the_published_example_verifies() -> None:
    key, note = parse_vkey(VKEY), parse_note(NOTE)
    assert note.signatures[0].belongs_to(key)
    key.check(note.signatures[0].signature, note.text.encode())
    assert NOTE == note.encode()
    assert VKEY == key.encode()


@given(st.integers(0, len(NOTE) - 1), st.integers(1, 255))
def test_flipping_any_byte_of_a_note_is_noticed(place: int, mask: int) -> None:
    data = bytearray(NOTE)
    data[place] ^= mask
    key = parse_vkey(VKEY)
    with pytest.raises(EvalroomError):  # noqa: PT012 - one of the three steps must refuse
        note = parse_note(bytes(data))
        if not note.signatures[0].belongs_to(key):
            raise BadNoteSignature
        key.check(note.signatures[0].signature, note.text.encode())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text\n",
        b"text\n\n",
        b"\n\n",
        NOTE[:-1],
        NOTE + b"x",
        NOTE + b"\n",
        NOTE.replace(b" example.com/foo ", b"  example.com/foo "),
        NOTE.replace("— ".encode(), b"- "),
        NOTE.replace(b"This", b"\x07his"),
        NOTE.replace(b"This", b"\xff"),
        NOTE.replace(b"=\n", b"\n"),
        NOTE.replace(b"This", b"\r"),
        b"text\n\n" + "— a AAAAAA==\n".encode(),
        b"text\n\n" + "— a+b AAAAAAA=\n".encode(),
        b"x" * 70_000 + NOTE,
        NOTE + NOTE.split(b"\n")[2] * 70 + b"\n",
        b"text\n\n" + NOTE.partition(b"\n\n")[2] * 65,
    ],
)
def test_what_is_no_note_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedNote):
        parse_note(data)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+",
        VKEY[:-1],
        VKEY + "A",
        VKEY.replace("530d", "530e"),
        VKEY.replace("530d903a", "530D903A"),
        VKEY.replace("foo", "bar"),
        VKEY.replace("foo", "f o"),
        VKEY.replace("+Aek", "+Bek"),
        "name+00000000+",
        "a\nb+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
    ],
)
def test_what_is_no_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(MalformedKey):
        parse_vkey(text)


def test_one_key_has_another_id_for_another_kind_or_name() -> None:
    seed = bytes(32)
    ids = {
        SigningKey.from_seed(name, kind, seed).verifier.id
        for name in ("a", "b")
        for kind in (KeyKind.LOG, KeyKind.COSIGNATURE)
    }
    assert len(ids) == 4


def test_a_text_with_empty_lines_ends_at_the_last_one() -> None:
    text = "one\n\ntwo\n"
    note = Note(text, (sign_text(text, KEY),))
    assert note == parse_note(note.encode())


def test_a_signature_of_another_key_is_refused() -> None:
    other = SigningKey.from_seed("evalroom/S-1", KeyKind.LOG, bytes(32))
    line = parse_signature_line(sign_text("text\n", other).encode().rstrip("\n"))
    with pytest.raises(BadNoteSignature):
        KEY.verifier.check(line.signature, b"text\n")
