"""Members are distrusted one by one: kind, length, spelling; whatever is wrong is the reader's own error."""

from collections.abc import Callable

import pytest

from evalroom.errors import PeerFault
from evalroom.ledger.canonical import Json, canonical
from evalroom.sealing.members import MAX_OBJECT, Members


class Odd(PeerFault):
    """Something in this test is odd: look at it."""

    code = "odd"


Take = Callable[[Members], object]

TAKES: dict[str, Take] = {
    "missing": lambda one: one.text("absent", 9),
    "text that is empty": lambda one: one.text("empty", 9),
    "text too long": lambda one: one.text("text", 3),
    "text that is a number": lambda one: one.text("number", 9),
    "number that is a text": lambda one: one.integer("text"),
    "number that is true": lambda one: one.integer("true"),
    "number too small": lambda one: one.integer("number", 8),
    "number too large": lambda one: one.integer("number", 0, 6),
    "data of another length": lambda one: one.data("data", 2),
    "data in no Base64": lambda one: one.data("text", 3),
    "data longer than its limit": lambda one: one.data_within("data", 2),
    "data that is empty": lambda one: one.data_within("empty", 2),
    "data that is a number": lambda one: one.data("number", 3),
    "data with loose bits": lambda one: one.data("loose", 1),
    "list that is a text": lambda one: one.objects("text", 3),
    "list too long": lambda one: one.integers("list", 1),
    "list that is empty": lambda one: one.many_data("none", 3, 3),
    "objects that are numbers": lambda one: one.objects("list", 3),
    "pairs that are numbers": lambda one: one.pairs("list", 3),
    "integers below zero": lambda one: one.integers("below", 3),
    "taken twice": lambda one: (one.text("text", 9), one.text("text", 9)),
    "left over": lambda one: one.close(),
}


def members() -> Members:
    value: dict[str, Json] = {
        "empty": "",
        "text": "text!",
        "number": 7,
        "true": True,
        "data": "AAAA",
        "loose": "AB==",
        "list": [1, 2],
        "none": [],
        "below": [-1],
    }
    return Members.parse(canonical(value), Odd)


@pytest.mark.parametrize("take", TAKES.values(), ids=TAKES)
def test_a_member_of_another_kind_is_the_readers_own_error(take: Take) -> None:
    with pytest.raises(Odd):
        take(members())


@pytest.mark.parametrize(
    "data",
    [b"", b"1", b"[]", b'"text"', b"{", b"{}\n", b'{"a":1,"a":1}', b'{"a":NaN}', b'{"a":1.0}', b"\xff\xfe"],
)
def test_bytes_that_are_no_canonical_object_are_the_readers_own_error(data: bytes) -> None:
    with pytest.raises(Odd):
        Members.parse(data, Odd)


def test_an_object_longer_than_a_mebibyte_is_not_even_parsed() -> None:
    with pytest.raises(Odd) as refused:
        Members.parse(b'{"a":"' + b"a" * MAX_OBJECT + b'"}', Odd)
    assert refused.value.detail["reason"] == "longer than 1 MiB"


def test_nesting_that_would_end_the_interpreter_is_refused() -> None:
    for data in (b"[" * 500_000, b'{"a":' * 100_000, b'{"a":' + b"[" * 40 + b"]" * 40 + b"}"):
        with pytest.raises(Odd):
            Members.parse(data, Odd)


def test_good_members_come_out_as_they_are() -> None:
    value = canonical({"b": ["AAAA"], "c": [], "n": 3, "o": [{"x": "y"}], "p": [[1, 2]], "s": "é"})
    one = Members.parse(value, Odd)
    assert one.has("b")
    assert one.many_data("b", 3, 1) == (bytes(3),)
    assert not one.has("b")
    assert one.many_data_within("c", 9, 1) == ()
    assert one.integer("n") == 3
    (inner,) = one.objects("o", 1)
    assert inner.text("x", 1) == "y"
    inner.close()
    assert one.pairs("p", 1) == ((1, 2),)
    assert one.text("s", 1) == "é"
    one.close()
