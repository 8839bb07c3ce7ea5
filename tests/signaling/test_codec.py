"""What arrives is read strictly: one wrong member, and nothing of it is taken."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalroom.commands import EnterScore, LockSheet, NodeFact, RecordFacts
from evalroom.encoding import to_json
from evalroom.errors import PeerFault
from evalroom.events import EVENTS, Commitment, SeatLost, SeatReturned, Secret
from evalroom.ids import BidId, CommandId, ItemId, LotId, SeatCode
from evalroom.protocol import messages as m
from evalroom.tender import Part
from signaling.codec import (
    FrameTooLarge,
    MalformedMessage,
    decode_event,
    decode_from_node,
    decode_from_seat,
    decode_from_site,
    decode_submit,
    encode,
    parse_json,
    schema,
    wrap,
)

CMD = CommandId("ab" * 16)
SCORE = EnterScore(LotId("1"), BidId("B1"), ItemId("T1"), 1, Commitment("a" * 64), Commitment("b" * 64))
SUBMIT = m.Submit(
    CMD, SCORE, (Secret("/value", "8.5", "00" * 32), Secret("/reason", "", "11" * 32)), "x..y", 5
)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        '"ping"',
        "{",
        '{"kind":"ping"}',
        '{"kind":"ping","sent_ms":1,"extra":2}',
        '{"kind":"ping","sent_ms":true}',
        '{"kind":"ping","sent_ms":"1"}',
        '{"kind":"ping","sent_ms":1.0}',
        '{"kind":"ping","sent_ms":1e3}',
        '{"kind":"ping","sent_ms":NaN}',
        '{"kind":"ping","sent_ms":1,"sent_ms":1}',
        '{"kind":"ping","kind":"ping","sent_ms":1}',
        '{"kind":"welcome"}',
        '{"kind":"cosign","size":1,"lines":""}',
        '{"kind":"watch","tracks":"host-A/camera"}',
        '{"kind":"publish","tracks":["door"]}',
        '{"sent_ms":1}',
        "[" * 5000,
        '{"kind":"ping","sent_ms":"\ud800"}',
    ],
)
def test_a_message_of_another_form_is_refused_with_a_code(text: str) -> None:
    with pytest.raises(MalformedMessage):
        decode_from_seat(text)


def test_a_frame_over_64_kib_is_refused_whatever_its_characters_weigh() -> None:
    fits = json.dumps({"kind": "watch", "tracks": ["x" * 60_000]})
    assert isinstance(decode_from_seat(fits), m.Watch)
    for text in ("x" * (m.MAX_FRAME + 1), "评" * (m.MAX_FRAME // 2)):
        with pytest.raises(FrameTooLarge):
            decode_from_seat(text)


def test_a_score_comes_back_as_it_was_sent() -> None:
    assert SUBMIT == decode_from_seat(encode(SUBMIT))


@pytest.mark.parametrize("member", ["lot", "bid", "item", "revision", "value", "reason", "kind"])
def test_a_command_without_one_of_its_members_is_refused(member: str) -> None:
    value = json.loads(encode(SUBMIT))
    del value["command"][member]
    with pytest.raises(MalformedMessage):
        decode_from_seat(json.dumps(value))


def test_every_command_of_a_seat_refuses_an_unknown_member() -> None:
    for command in (SCORE, LockSheet(LotId("1"), Part.DETAILED, "c" * 64, Commitment("d" * 64))):
        value = json.loads(encode(m.Submit(CMD, command)))
        value["command"]["weight"] = "9"
        with pytest.raises(MalformedMessage):
            decode_from_seat(json.dumps(value))


def test_a_seat_may_not_record_facts() -> None:
    facts = m.Submit(CMD, RecordFacts((NodeFact(1, "SeatLost", SeatLost(SeatCode("E1"))),)))
    with pytest.raises(MalformedMessage):
        decode_from_seat(encode(facts))


def test_two_events_of_the_same_shape_are_told_apart_by_their_type() -> None:
    facts = (
        NodeFact(1, "SeatLost", SeatLost(SeatCode("E1"))),
        NodeFact(2, "SeatReturned", SeatReturned(SeatCode("E1"))),
    )
    sent = m.Submit(CMD, RecordFacts(facts))
    assert sent == decode_from_site(json.loads(encode(sent)))
    assert sent == decode_submit(encode(sent))


def _alter(change: Callable[[dict[str, object]], None]) -> dict[str, object]:
    fact = NodeFact(1, "SeatLost", SeatLost(SeatCode("E1")))
    value: dict[str, object] = json.loads(encode(m.Submit(CMD, RecordFacts((fact,)))))
    change(value)
    return value


@pytest.mark.parametrize(
    "change",
    [
        lambda value: value["command"]["facts"][0].update(type="SessionClosed", body={"reason": "x"}),
        lambda value: value["command"]["facts"][0].update(type="Nothing"),
        lambda value: value["command"]["facts"][0]["body"].update(site="x"),
        lambda value: value["command"]["facts"][0].update(at=True),
        lambda value: value["command"]["facts"].append("SeatLost"),
        lambda value: value["command"].update(more=1),
        lambda value: value.update(seat="E1"),
        lambda value: value.update(actor="E1"),
        lambda value: value.update(command_id=7),
    ],
)
def test_a_node_cannot_smuggle_anything_into_its_facts(change: Callable[[dict[str, object]], None]) -> None:
    with pytest.raises(MalformedMessage):
        decode_from_site(_alter(change))


def test_every_event_type_refuses_an_unknown_member_and_an_unknown_type() -> None:
    for kind in EVENTS:
        with pytest.raises(MalformedMessage):
            decode_event(kind, {"surely": "unknown"})
    with pytest.raises(MalformedMessage):
        decode_event("Score", {})
    with pytest.raises(MalformedMessage):
        decode_event(None, {})


def test_what_a_node_says_comes_back_as_it_was_said() -> None:
    sent = m.Entries(1, ('{"n":1}',), "00" * 32, ((CMD, 1),))
    assert sent == decode_from_node(parse_json(encode(sent)))


def test_the_site_link_wraps_messages_by_session() -> None:
    assert {"session": "S1", "message": to_json(m.Ping(3))} == json.loads(wrap("S1", m.Ping(3)))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda of: st.lists(of) | st.dictionaries(st.text(), of),
    )
)
def test_no_json_at_all_gets_past_as_anything_but_a_peer_fault(value: object) -> None:
    try:
        decode_from_seat(json.dumps(value))
    except PeerFault:
        return
    assert isinstance(value, dict)
    assert "kind" in value


def test_the_schema_names_every_event() -> None:
    events = schema()["events"]
    assert isinstance(events, dict)
    assert set(EVENTS) == set(events)
