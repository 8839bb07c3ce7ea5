"""The canonical form: equal to RFC 8785 on its domain, and closed to everything outside."""

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from evalroom.ledger.canonical import SAFE_INTEGER, Json, NotCanonical, canonical, parse_canonical

NAMES = st.text(st.characters(max_codepoint=0x7F), max_size=8)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-SAFE_INTEGER, SAFE_INTEGER),
    TEXTS,
    st.sampled_from(["\x7f", "\u2028", "评标", "\ufeff", "\U0001f600\uffff", '\x00\x1f"\\/\b\f\n\r\t']),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(NAMES, inner, max_size=5)),
    max_leaves=25,
)


@given(VALUES)
def test_the_fast_path_writes_what_rfc_8785_writes(value: Json) -> None:
    assert rfc8785.dumps(value) == canonical(value)


@given(VALUES)
def test_what_was_written_is_read_back(value: Json) -> None:
    assert value == parse_canonical(canonical(value))


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        float("nan"),
        [0.5],
        {"a": {"b": 1e3}},
        SAFE_INTEGER + 1,
        -SAFE_INTEGER - 1,
        {1: "a"},
        {"评": 1},
        {"a", "b"},
        b"bytes",
        "\ud800",
        {"a": "\udfff"},
    ],
)
def test_a_value_outside_the_domain_is_refused(value: Json) -> None:
    with pytest.raises(NotCanonical):
        canonical(value)


def test_nesting_ends_at_32_levels() -> None:
    deep: list[Json] = []
    for _ in range(31):
        deep = [deep]
    assert b"[" * 32 + b"]" * 32 == canonical(deep)
    with pytest.raises(NotCanonical):
        canonical([deep])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b'{"a":1,"a":1}',
        b'{"a":1,"a":2}',
        b'{"b":1,"a":2}',
        b'{"a": 1}',
        b'{"a":1}\n',
        b'\xef\xbb\xbf{"a":1}',
        b'{"a":1.0}',
        b'{"a":1e2}',
        b'{"a":-0}',
        b'{"a":01}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":"\\u0041"}',
        b'{"a":"\\/"}',
        b'{"a":"\\ud800"}',
        b'{"a":"\xff"}',
        b'{"a":9007199254740992}',
        b"9" * 5000,
        b"[" * 100_000,
    ],
)
def test_another_form_of_a_value_is_refused(data: bytes) -> None:
    with pytest.raises(NotCanonical):
        parse_canonical(data)
