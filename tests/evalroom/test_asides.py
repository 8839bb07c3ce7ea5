"""Orders beside the sheets against the reviewed table: for these roles, in these stages, and no others."""

from dataclasses import replace
from functools import cache

import pytest

from evalroom import commands as co
from evalroom.clarification import (
    QuestionDrafted,
    QuestionEvent,
    QuestionRelayed,
    QuestionSent,
    UnknownQuestion,
    question_digest,
)
from evalroom.complaint import ComplaintOpened
from evalroom.errors import EvalroomError
from evalroom.events import Fact, SessionPaused, Stage
from evalroom.faults import FaultDeclared
from evalroom.more_time import MoreTimeAsked
from evalroom.roles import NotPermitted, Role
from evalroom.session import Paused, WrongStage
from tests.evalroom import room as plain
from tests.evalroom.room import BIDS, EXPERTS, HOST, LOT, START, SUPERVISOR, Person, Room
from tests.evalroom.test_session import ASIDES, REVIEWED, SEAT_OF, STAGES

E1 = EXPERTS[0]
TEXT = "Which crane is meant on page 12?"
HOUR = 3_600_000
SHA256 = question_digest("q1", TEXT)


@cache
def ready(stage: Stage, kind: str, *, paused: bool) -> Room:
    """Return a session in which an order of `kind` lacks nothing but the right giver and stage."""
    room = plain.room_at(stage)
    asides = room.session.asides
    asked: list[QuestionEvent] = [
        QuestionDrafted("q1", LOT, BIDS[0], TEXT),
        QuestionSent("q1", SHA256),
        QuestionRelayed("q1", START),
    ]
    known = {"draft_question": 0, "send_question": 1, "relay_question": 2}.get(kind, 3)
    for event in asked[:known]:
        asides.questions.evolve(event, E1, stage)
    asides.faults.evolve(FaultDeclared("f1", "", "no power"), START, stage, HOUR)
    asides.complaints.evolve(ComplaintOpened(1, "the crane"), E1)
    if kind == "grant_more_time":
        for seat in EXPERTS:
            asides.extensions.evolve(MoreTimeAsked("many bids"), seat, stage)
    if paused:
        room.take(Fact(0, HOST, SUPERVISOR, SessionPaused("fire", None)))
    return room


def command_of(kind: str, room: Room) -> co.Command:
    commands: dict[str, co.Command] = {
        "draft_question": co.DraftQuestion("q1", LOT, BIDS[0], TEXT),
        "send_question": co.SendQuestion("q1", SHA256),
        "relay_question": co.RelayQuestion("q1", START + 2 * HOUR),
        "enter_answer": co.EnterAnswer("q1", "The one of 50 t."),
        "take_answer": co.TakeAnswer("q1", "The one of 50 t.", "", b"", marked=False),
        "record_silence": co.RecordSilence("q1"),
        "ask_more_time": co.AskMoreTime("many bids"),
        "grant_more_time": co.GrantMoreTime(START + HOUR, "agreed"),
        "declare_fault": co.DeclareFault("f2", "", "no water"),
        "mend_fault": co.MendFault("f1", "a new fuse"),
        "sign_supplement": co.SignSupplement(1, room.session.results_digest(), "It stands."),
        "close_complaint": co.CloseComplaint(1, "answered"),
    }
    return commands[kind]


def order_of(kind: str, role: Role, room: Room) -> co.Order:
    person = Person(plain.SEAT[SEAT_OF.get(role, E1)])
    command = command_of(kind, room)
    seat = isinstance(command, co.SeatCommand)
    order = person.order(command) if seat else plain.by_host(command)  # type: ignore[arg-type] # told apart by its role
    order = replace(order, at=START + (1 if kind == "record_silence" else 0))
    if role in SEAT_OF:
        return replace(order, role=role, actor=person.seat.code, site=person.seat.site)
    return replace(order, role=role, actor=role.value, site=HOST)


def answer_to(room: Room, order: co.Order) -> type[EvalroomError] | None:
    try:
        room.session.decide(order)
    except EvalroomError as error:
        return type(error)
    return None


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("kind", sorted(ASIDES))
def test_an_order_is_carried_out_for_the_reviewed_roles_in_the_reviewed_stages_only(
    kind: str, role: Role
) -> None:
    rule = REVIEWED[kind]
    for stage in STAGES:
        for paused in (False, True):
            room = ready(stage, kind, paused=paused)
            open_now = stage.value in rule["stages"] and (rule["paused"] or not paused)
            allowed = role.value in rule["roles"]
            answer = answer_to(room, order_of(kind, role, room))
            case = f"{kind} by {role} in {stage}, {paused=}"
            if (
                kind == "take_answer" and allowed
            ):  # a rehearsal has no key to answer with: tried in test_clarification
                assert answer is (UnknownQuestion if open_now else WrongStage), case
                continue
            assert (answer is None) is (allowed and open_now), case
            assert (answer is NotPermitted) is not allowed, case
            assert answer in (None, NotPermitted, WrongStage, Paused), case
