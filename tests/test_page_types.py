"""The pages' types say what the wire carries: no more, no less, and never by hand."""

from pathlib import Path
from typing import Any

import pytest

from evalroom.needs import NeedCode
from signaling.codec import schema
from tests import page_types
from tests.page_types import Inexpressible


@pytest.mark.parametrize("path", page_types.modules(), ids=lambda path: path.name)
def test_the_pages_types_are_those_of_the_wire(path: Path) -> None:
    assert page_types.modules()[path] == path.read_text("utf-8"), "run `python3 dev.py docs`"


@pytest.mark.parametrize("one", [{"type": "string", "pattern": "x"}, {"type": "number"}, {"const": 3}])
def test_what_cannot_be_expressed_is_refused(one: dict[str, Any]) -> None:
    with pytest.raises(Inexpressible):
        page_types.written(one)


def test_a_name_with_two_meanings_is_refused() -> None:
    with pytest.raises(Inexpressible, match="Seat"):
        page_types.merge({"Seat": {"type": "string"}}, {"Seat": {"type": "integer"}})


def test_a_class_that_shares_its_name_with_another_is_refused() -> None:
    with pytest.raises(Inexpressible, match="own name"):
        page_types.merge({}, {"evalroom__approval__SendQuestion": {"type": "object"}})


def test_a_submission_of_unknown_commands_is_refused() -> None:
    messages: Any = schema()["messages"]
    with pytest.raises(Inexpressible):
        page_types.from_a_seat(
            messages["FromSeat"]["$defs"]["Submit"], {"oneOf": [{"$ref": "#/$defs/CheckIn"}]}
        )


def test_a_choice_inside_a_list_is_bracketed() -> None:
    one = {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "null"}]}}
    assert page_types.written(one) == "(string | null)[]"


def test_only_what_a_page_sends_may_be_left_out() -> None:
    one = {"properties": {"seat": {"type": "string", "default": ""}, "kind": {"const": "x"}}}
    assert "seat?: string\n  kind: 'x'" in page_types.declaration("X", one, whole=False)
    assert "seat: string\n  kind: 'x'" in page_types.declaration("X", one, whole=True)


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_the_pages_can_say_every_need(language: str) -> None:
    # Words that few pages need stand in files of their own, beside those of all pages.
    said: list[str] = []
    for path in sorted((page_types.PAGES.parent / "locale").glob(f"*{language}.ts")):
        section = path.read_text("utf-8").partition("  unready: {\n")[2].partition("  },\n")[0]
        said += [line.split(":")[0].strip() for line in section.splitlines()]
    assert sorted([*NeedCode, "and"]) == sorted(said)
