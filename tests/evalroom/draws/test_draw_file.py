"""A draw's file is read strictly: what is not exactly of its form is refused with one error."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from evalroom.draws.draw_file import MAX_FILE, MalformedDrawFile, read_draw_file, write_draw_file
from tests.evalroom.draws.vectors import FOLDER

WHOLE = (FOLDER / "experts.draw.json").read_bytes()


def with_change(change: Callable[[dict[str, Any]], object]) -> bytes:
    value = json.loads(WHOLE)
    change(value)
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b'{"schema":"evalroom.draw/1"}',
        b'{"a":1,"a":1}',
        b'{"a":1.5}',
        b'{"a":NaN}',
        b'{"a":"\\ud800"}',
        b"\xff",
        b"[" * 100_000,
        b" " * (MAX_FILE + 1),
        WHOLE[:-20],
    ],
    ids=lambda data: repr(data[:20]),
)
def test_what_is_no_such_file_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedDrawFile):
        read_draw_file(data)


@pytest.mark.parametrize(
    "change",
    [
        lambda value: value.update(schema="evalroom.draw/2"),
        lambda value: value.update(more=1),
        lambda value: value.update(facts=[]),
        lambda value: value.update(facts={}),
        lambda value: value.update(session=1),
        lambda value: value["facts"].pop(0),
        lambda value: value["facts"].insert(1, value["facts"][0]),
        lambda value: value["facts"][1].update(extra=1),
        lambda value: value["facts"][1].update(t="1"),
        lambda value: value["facts"][1].update(t=True),
        lambda value: value["facts"][1].update(type="ScoreEntered"),
        lambda value: value["facts"][1].pop("actor"),
        lambda value: value["facts"][1].update(body=[]),
        lambda value: value["facts"][1]["body"].update(draw="K9"),
        lambda value: value["facts"][1]["body"].update(extra=1),
        lambda value: value["facts"][0]["body"].update(purpose="roster"),
        lambda value: value["facts"][0]["body"].update(count=True),
        lambda value: value["facts"][0]["body"]["experts"][0].update(recused=0),
        lambda value: value["facts"][0]["body"]["experts"][0].update(type="legal"),
        lambda value: value["facts"][0]["body"]["places"][0].pop("region"),
        lambda value: value["facts"][0]["body"].update(options=["x"] * 1_001),
        lambda value: value["seats"][0].update(type="SeatLost"),
        lambda value: value["proofs"].pop(),
        lambda value: value["keys"].update(more=1),
        lambda value: value["pool"]["experts"][0].pop("nonce"),
        lambda value: value.update(pool=[]),
    ],
)
def test_a_file_of_another_form_is_refused(change: Callable[[dict[str, Any]], object]) -> None:
    with pytest.raises(MalformedDrawFile):
        read_draw_file(with_change(change))


def test_a_file_is_read_as_it_was_written() -> None:
    value = json.loads(WHOLE)
    more = {name: value[name] for name in ("seats", "proofs", "keys", "pool")}
    assert write_draw_file(value["session"], value["facts"], more) == WHOLE
    read = read_draw_file(WHOLE)
    assert (11, 4, 15, 18) == (len(read.lines), len(read.seats), len(read.proofs), len(read.pool))
    assert "R1" == read.declared.draw


def test_white_space_and_order_of_members_do_not_matter() -> None:
    value = json.loads(WHOLE)
    assert read_draw_file(WHOLE) == read_draw_file(json.dumps(value, indent=2, ensure_ascii=True).encode())
