"""Dataclasses written as plain JSON values."""

from dataclasses import dataclass
from decimal import Decimal

import pytest

from evalroom import commands as co
from evalroom import events as ev
from evalroom.encoding import body_of, to_json
from evalroom.ledger.canonical import canonical
from tests.evalroom import room


@dataclass(frozen=True, slots=True)
class Box:
    content: object


@pytest.mark.parametrize(
    "value", [1.5, Decimal(1), b"x", {1, 2}, object(), Box, Box(1.0), (1, (2.0,)), {"a": 0.5}]
)
def test_what_has_no_exact_json_form_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        to_json(value)


def test_only_what_has_members_has_a_body() -> None:
    with pytest.raises(TypeError):
        body_of("text")


def test_enums_become_their_text_and_tuples_lists() -> None:
    assert {"content": ["gathering", None, True, 7]} == to_json(Box((ev.Stage.GATHERING, None, True, 7)))


def test_a_command_leaves_its_kind_out_of_the_body() -> None:
    assert {"reason": "fire", "resume_at": None} == body_of(co.PauseSession("fire", None))


def test_a_command_has_the_body_of_the_event_it_leads_to() -> None:
    assert body_of(ev.SessionPaused("fire", None)) == body_of(co.PauseSession("fire", None))


def test_an_event_keeps_a_kind_of_its_own() -> None:
    assert "camera" == body_of(room.track_started(room.EXPERTS[0]))["kind"]


def test_a_whole_tender_has_a_canonical_form() -> None:
    assert canonical(to_json(room.TENDER)) == canonical(to_json(room.TENDER))
    assert b'"kind":"deduct"' in canonical(to_json(room.TENDER))
