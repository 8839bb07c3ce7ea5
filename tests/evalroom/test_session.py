"""The rules of the session: first whoever tries to get round them, then the way a session goes."""

import copy
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalroom import appraisal as aa
from evalroom import checkin as ci
from evalroom import clarification as cl
from evalroom import commands as co
from evalroom import events as ev
from evalroom import faults as fa
from evalroom import voting as vo
from evalroom.draws.facts import DRAW_EVENTS
from evalroom.encoding import body_of
from evalroom.errors import EvalroomError, Refusal
from evalroom.events import Fact, Secret, Stage
from evalroom.findings import Raised
from evalroom.ids import HOST_ACTOR, BidId, CommandId, ItemId, LotId, SeatCode, SessionId, SiteId, TrackId
from evalroom.ledger.signature import BadActSignature, UnsupportedSeatKey, encode_seat_key
from evalroom.media import GapCause, TrackKind
from evalroom.needs import Unready
from evalroom.pricing import presets
from evalroom.profile import PLAIN, profile_digest
from evalroom.recording import BrokenRecording
from evalroom.reporting import Section, Stand
from evalroom.roles import NotPermitted, Role
from evalroom.sealing.facts import CeremonyEvent
from evalroom.session import (
    ANYTIME,
    PART_OF,
    RETURNS,
    TRANSITIONS,
    WHILE_PAUSED,
    IllegalStep,
    NotOwner,
    NotPaused,
    Paused,
    ReasonNeeded,
    SecretsMismatch,
    Session,
    SessionOver,
    Unknown,
    WrongStage,
)
from evalroom.sheet import (
    DigestMismatch,
    OutOfRange,
    ReasonMissing,
    SheetIncomplete,
    SheetIsLocked,
    StaleRevision,
    digest_of,
)
from evalroom.tender import Part, UnusableTender
from tests.evalroom.room import (
    ARCHIVIST,
    BIDS,
    DOCUMENT,
    EAST,
    EXPERTS,
    HOST,
    KEYS,
    LOT,
    LOT1,
    NOTICE,
    OPEN,
    OPERATOR,
    REGULATOR,
    SEAT,
    SESSION,
    SITE_OPERATOR,
    START,
    SUPERVISOR,
    TENDER,
    WEST,
    WITNESSES,
    Person,
    Room,
    assert_replays,
    by_host,
    by_node,
    finish,
    fold,
    fragment,
    opened,
    private_key,
    room_at,
    track_started,
)
from tests.evalroom.test_events import SAMPLES

E1, E2, E3 = EXPERTS
L, K, V, U, G, B, E, P, D, R, S, T, N, C, A, F, X = Stage
STAGES = (G, B, E, P, D, R, S, T, N, C)
"""The stages of a rehearsal."""


def refused(room: Room, order: co.Order, why: type[EvalroomError]) -> dict[str, Any]:
    """Return the facts of the refusal that `order` must meet; the session must be as before."""
    with pytest.raises(why) as error:
        room.try_out(order)
    assert why is error.type
    return dict(error.value.detail)


# --- roles and stages, against the reviewed table -----------------------------------------------------

REVIEWED = tomllib.loads((Path(__file__).parent / "permissions.toml").read_text("utf-8"))["commands"]
SEALED = {
    *(kind.__dataclass_fields__["kind"].default for kind in get_args(co.OpeningCommand)),
    "draft_policy", "open_submissions", "step_up", "extend_window", "pause_ceremony", "resume_ceremony",
    "abort_opening", "state_not_destroyed", "admit_dark_bids",
}  # fmt: skip
"""Orders of an opening, which a rehearsal has none of (tests/evalroom/test_opening.py)."""
ACROSS = {
    "propose", "approve", "veto", "confirm_booking", "decline_booking", "recuse_self", "cast_ballot", "fail_tender",
}  # fmt: skip
"""Orders that need a world of their own (tests/evalroom/test_orders.py)."""
ASIDES = {
    *(kind.__dataclass_fields__["kind"].default for kind in get_args(co.AsideCommand)), "take_answer", "record_silence",
}  # fmt: skip
"""Orders beside the sheets (tests/evalroom/test_asides.py)."""
DRAWS = {
    "declare_draw",
    "commit_draw",
    "reveal_draw",
    "continue_draw",
    "void_draw",
    "seal_roster",
    "unseal_roster",
}
"""Orders of a draw (tests/evalroom/draws/test_rules.py)."""
UNDECIDED = [aa.Tick(duty, aa.Judgement.UNKNOWN, (), "") for duty in aa.FORM]
SEAT_OF = {
    Role.EXPERT: E1,
    Role.SUPERVISOR: SUPERVISOR,
    Role.OPERATOR: OPERATOR,
    Role.SITE_OPERATOR: SITE_OPERATOR,
    Role.ARCHIVIST: ARCHIVIST,
    Role.REGULATOR: REGULATOR,
}


@cache
def ready(stage: Stage, kind: str, *, paused: bool) -> Room:
    """Return a session in which an order of `kind` lacks nothing but the right giver and stage."""
    room = room_at(stage)
    room.note(ev.AlarmRaised("a1", "disk", "", "The disk is full."))
    if kind in ("advance_stage", "unlock_group") or (kind == "close_session" and stage is N):
        finish(room) if kind == "advance_stage" else prepare_unlock(room)
    if kind == "answer_finding":
        asked = ev.FindingRaised(
            "F9", ev.FindingCode.IDENTICAL, LOT, Part.DETAILED, BidId(""), ItemId(""), EXPERTS
        )
        room.session.findings.raised["F9"] = Raised(asked)
    if kind == "return_phone":
        room.session.arrivals.phones |= {E1: True, E2: True}
    if kind == "answer_appraisal":
        room.session.appraisals.forms[E1, LOT] = aa.ExpertAppraised(E1, LOT, 1, tuple(UNDECIDED))
    if kind == "lock_sheet" and stage in PART_OF:
        room.fill(E1)
    if kind == "justify_warning" and LOT in room.session.rankings:
        room.session.rankings[LOT] = replace(room.session.rankings[LOT], ties=(BIDS[0],))
    if kind == "explain_gap":
        room.give(by_node(track_started(E2), ev.TrackEnded(track_started(E2).track, START + 9_000)))
    if paused:
        room.take(Fact(0, HOST, SUPERVISOR, ev.SessionPaused("fire", None)))
    return room


def prepare_unlock(room: Room) -> None:
    if room.session.stage in PART_OF:
        for seat in EXPERTS:
            room.fill(seat)
            room.lock(seat)
        room.cosign()


def command_of(kind: str, room: Room, person: Person) -> co.Command:
    """Return an order of this kind as `person` would give it, right in every member."""
    session, seat = room.session, person.seat
    part = PART_OF.get(session.stage, Part.DETAILED)
    after = TRANSITIONS[session.stage].get(ev.StageChanged, Stage.CONCLUDED)
    near = E2 if seat.site == WEST else E1
    commands: dict[str, Callable[[], co.Command]] = {
        "open_session": lambda: OPEN,
        "check_in": lambda: person.check_in().command,
        "confirm_occupancy": lambda: co.ConfirmOccupancy(near, 1, ci.Grade.OPERATOR, ci.Basis.DEVICE, ""),
        "keep_phone": lambda: co.KeepPhone(near, 0, ""),
        "return_phone": lambda: co.ReturnPhone(near, "ill"),
        "declare_site": lambda: co.DeclareSite(seat.site, ready=True, open=(), note=""),
        "enter_legal_persons": lambda: co.EnterLegalPersons(()),
        "appraise_expert": lambda: co.AppraiseExpert(E2, LOT, 1, tuple(UNDECIDED)),
        "answer_appraisal": lambda: co.AnswerAppraisal(seat.code, LOT, 1, "the train was late"),
        "pass_self_test": lambda: co.PassSelfTest(seat.code, ()),
        "accept_discipline": lambda: co.AcceptDiscipline(seat.code, NOTICE),
        "advance_stage": lambda: co.AdvanceStage(session.stage, after, ""),
        "pause_session": lambda: co.PauseSession("fire", None),
        "resume_session": lambda: co.ResumeSession("out"),
        "unlock_group": lambda: co.UnlockGroup(LOT, part),
        "sign_report": lambda: co.SignReport(LOT, session.report_digest(LOT), Stand.AGREES, ""),
        "witness_report": lambda: co.WitnessReport(LOT, session.report_digest(LOT)),
        "justify_warning": lambda: co.JustifyWarning(LOT, "tie_open", "the tenderer decides"),
        "explain_gap": lambda: co.ExplainGap(track_started(E2).track, START, START + 9_000, "cable"),
        "edit_report": lambda: co.EditReport(LOT, Section.OVERVIEW, "as it went"),
        "close_alarm": lambda: co.CloseAlarm("a1", "new disk"),
        "close_session": lambda: co.CloseSession("done"),
        "record_facts": lambda: by_node(ev.SeatLost(E2)).command,
        "note_facts": lambda: co.NoteFacts(()),
    }
    return commands[kind]()


def order_of(kind: str, role: Role, room: Room) -> co.Order:
    person = Person(SEAT[SEAT_OF.get(role, E1)])
    if kind == "enter_score":
        item = "form" if room.session.stage is P else "plan"
        order = person.enter(BIDS[0], item, "pass" if item == "form" else "3")
    elif kind == "answer_finding":
        order = person.answer("F9")
    elif kind == "lock_sheet":
        order = person.lock(room.session, PART_OF.get(room.session.stage, Part.DETAILED))
    elif kind == "import_bid":
        order = person.import_bid(BIDS[0], "100")
    else:
        command = command_of(kind, room, person)
        order = person.order(command) if isinstance(command, co.SeatCommand) else by_host(command)  # type: ignore[arg-type] # whatever a seat may not send comes in the host's form, and is told apart by its role
        order = replace(order, actor=person.seat.code, site=person.seat.site)
    if role in SEAT_OF:
        return replace(order, role=role)
    return replace(order, role=role, actor=role.value, site=WEST if role is Role.NODE else HOST)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("kind", [kind for kind in REVIEWED if kind not in SEALED | ACROSS | ASIDES | DRAWS])
def test_an_order_is_carried_out_for_the_reviewed_roles_in_the_reviewed_stages_only(
    kind: str, role: Role
) -> None:
    rule = REVIEWED[kind]
    for stage in STAGES:
        for paused in (False, True):
            room = ready(stage, kind, paused=paused)
            open_now = stage.value in rule["stages"] and (rule["paused"] or not paused)
            open_now = open_now or (paused and kind == "resume_session")
            allowed = role.value in rule["roles"]
            answer = answer_to(room, order_of(kind, role, room))
            case = f"{kind} by {role} in {stage}, {paused=}"
            assert (answer is None) is (allowed and open_now), case
            assert (answer is NotPermitted) is not allowed, case
            assert answer in (None, NotPermitted, WrongStage, Paused, NotPaused, Unready), case


def answer_to(room: Room, order: co.Order) -> type[EvalroomError] | None:
    try:
        room.session.decide(order)
    except EvalroomError as error:
        return type(error)
    return None


def test_deciding_in_all_those_cells_changed_nothing() -> None:
    for stage in STAGES:
        room = ready(stage, "enter_score", paused=False)
        assert fold(room.history) == room.session


# --- signatures ---------------------------------------------------------------------------------------


def score_order() -> tuple[Room, co.Order]:
    room = room_at(D)
    return room, room[E1].enter(BIDS[0], "plan", "8.5", reason="good")


def test_an_unsigned_act_is_refused() -> None:
    room, order = score_order()
    refused(room, replace(order, sig=None), Unready)
    refused(room, replace(order, cmd=None), Unready)


def test_the_signature_of_another_seat_is_refused() -> None:
    room, order = score_order()
    refused(room, room[E2].signed(order), BadActSignature)


def test_a_signature_cannot_be_used_for_another_command_id() -> None:
    room, order = score_order()
    refused(room, replace(order, cmd=CommandId("00" * 16)), BadActSignature)


def test_a_signature_binds_every_member_of_the_act() -> None:
    room, order = score_order()
    command = order.command
    assert isinstance(command, co.EnterScore)
    changed = [
        replace(command, bid=BIDS[1]),
        replace(command, item=ItemId("quality")),
        replace(command, revision=2),
        replace(command, lot=LotId("lot2")),
        replace(command, value=command.reason),
        replace(command, reason=command.value),
    ]
    for one in changed:
        refused(room, replace(order, command=one), BadActSignature)


def test_a_signature_is_worth_nothing_in_another_session() -> None:
    room, order = score_order()
    elsewhere = replace(room[E1], session=SessionId("EV-2026-0002"))
    refused(room, elsewhere.signed(order), BadActSignature)


def test_a_signature_for_one_kind_of_act_does_not_serve_for_another() -> None:
    room = room_at(D)
    order = room[SUPERVISOR].order(co.PauseSession("fire", None))
    refused(room, replace(order, command=co.CloseSession("fire"), role=Role.SUPERVISOR), NotPermitted)
    room.give(order)
    refused(room, replace(order, command=co.ResumeSession("fire")), BadActSignature)


@pytest.mark.parametrize(
    "sig", ["", ".", "..", "x..y", "eyJhbGciOiJub25lIn0..", "eyJhbGciOiJFUzI1NiJ9.." + "A" * 86]
)
def test_a_signature_of_another_form_is_refused(sig: str) -> None:
    room, order = score_order()
    refused(room, replace(order, sig=sig), BadActSignature)


def test_every_character_of_a_signature_counts() -> None:
    room, order = score_order()
    assert order.sig is not None
    for index in range(len(order.sig)):
        for other in "A_":
            if order.sig[index] != other:
                forged = order.sig[:index] + other + order.sig[index + 1 :]
                with pytest.raises(BadActSignature):
                    room.session.decide(replace(order, sig=forged))


def test_a_seat_that_has_not_checked_in_signs_nothing() -> None:
    room = opened()
    refused(room, room[OPERATOR].import_bid(BIDS[0], "100"), Unready)
    refused(room, room[E1].order(co.PassSelfTest(E1, ())), Unready)


@pytest.mark.parametrize(
    "change",
    [
        {"actor": "E9"},
        {"actor": ""},
        {"actor": HOST_ACTOR},
        {"actor": E2},
        {"site": WEST},
        {"site": SiteId("moon")},
        {"site": SiteId("")},
    ],
)
def test_actor_and_site_of_an_act_are_those_of_one_seat(change: dict[str, str]) -> None:
    room, order = score_order()
    refused(room, room[E1].signed(replace(order, **change)), NotOwner)  # type: ignore[arg-type] # members of an order


def test_a_seat_does_not_act_in_a_role_that_is_not_its_own() -> None:
    room = room_at(D)
    pause = replace(room[E1].order(co.PauseSession("fire", None)), role=Role.SUPERVISOR)
    refused(room, room[E1].signed(pause), NotOwner)
    close = replace(room[E1].order(co.CloseSession("x")), role=Role.HOST)
    refused(room, close, WrongStage)


# --- check-in -----------------------------------------------------------------------------------------


def test_nobody_checks_another_seat_in() -> None:
    room = opened()
    order = room[E1].check_in()
    assert isinstance(order.command, co.CheckIn)
    refused(room, room[E1].signed(replace(order, command=replace(order.command, seat=E2))), NotOwner)
    refused(
        room, room[E1].signed(replace(order, command=replace(order.command, role=Role.SUPERVISOR))), NotOwner
    )


def test_a_check_in_is_signed_with_the_key_it_brings() -> None:
    room = opened()
    refused(room, Person(SEAT[E2]).signed(room[E1].check_in()), BadActSignature)


@pytest.mark.parametrize("key", ["", "AAAA", "====", "x" * 4000, "\ud800"])
def test_what_is_no_key_checks_nobody_in(key: str) -> None:
    room = opened()
    order = room[E1].check_in()
    with pytest.raises(EvalroomError) as error:
        room.session.decide(replace(order, command=co.CheckIn(E1, Role.EXPERT, key)))
    assert error.type is UnsupportedSeatKey or error.value.code == "not_canonical"


def test_the_key_of_a_lost_browser_signs_nothing_any_more() -> None:
    room = room_at(D)
    new = Person(SEAT[E1], key="new browser")
    room.give(new.check_in())
    refused(room, room[E1].enter(BIDS[0], "plan", "1"), BadActSignature)
    assert encode_seat_key(private_key("new browser").public_key()) == room.session.seat_keys[E1]
    assert 1 == len(room.try_out(new.enter(BIDS[0], "plan", "1")))


def test_acts_for_another_seat_are_refused() -> None:
    room = room_at(B)
    refused(room, room[E1].order(co.AcceptDiscipline(E2, NOTICE)), NotOwner)
    refused(room, room[E1].order(co.PassSelfTest(E2, ())), NotOwner)


def test_the_self_test_is_kept_as_it_was_reported() -> None:
    room = room_at(G)
    results = (ev.SelfTestResult("camera", passed=False, detail="none found"),)
    room.give(room[E1].order(co.PassSelfTest(E1, results)))
    assert results == room.session.tested[E1]


# --- secrets ------------------------------------------------------------------------------------------


def test_secrets_that_do_not_open_the_commitments_are_refused() -> None:
    room, order = score_order()
    value, reason = order.secrets
    wrong: list[tuple[Secret, ...]] = [
        (),
        (value,),
        (reason,),
        (value, reason, value),
        (value, value),
        (value, reason, replace(value, path="/bid")),
        (replace(value, value="8.4"), reason),
        (value, replace(reason, value="")),
        (replace(value, nonce=reason.nonce), reason),
        (replace(value, nonce=""), reason),
        (replace(value, nonce=value.nonce[:-2]), reason),
        (replace(value, nonce=value.nonce + "00"), reason),
        (replace(value, nonce="zz" * 32), reason),
        (replace(value, nonce=value.nonce[:2] + " " + value.nonce[2:]), reason),
        (replace(value, path="/reason"), replace(reason, path="/value")),
        (replace(value, path="value"), reason),
    ]
    for secrets in wrong:
        refused(room, replace(order, secrets=secrets), SecretsMismatch)


def test_a_nonce_has_one_spelling() -> None:
    room, order = score_order()
    value, reason = order.secrets
    refused(
        room, replace(order, secrets=(replace(value, nonce=value.nonce.upper()), reason)), SecretsMismatch
    )


def test_a_commitment_made_for_another_command_does_not_open() -> None:
    room = room_at(D)
    old = room[E1].enter(BIDS[0], "plan", "8.5")
    again = room[E1].order(old.command, room[E1].new_id(), old.secrets)  # type: ignore[arg-type] # a seat's command
    refused(room, again, SecretsMismatch)


def test_an_act_without_secrets_brings_none_into_the_journal_unchecked() -> None:
    room = room_at(D)
    (fact,) = room.try_out(room[SUPERVISOR].order(co.PauseSession("fire", None)))
    assert () == fact.secrets


# --- scores -------------------------------------------------------------------------------------------


def test_a_score_names_a_cell_there_is() -> None:
    room = room_at(D)
    refused(room, room[E1].enter("bid9", "plan", "1"), Unknown)
    refused(room, room[E1].enter(BIDS[0], "plans", "1"), Unknown)
    refused(room, room[E1].enter(BIDS[0], "plan", "1", lot=LotId("lot9")), Unknown)


def test_a_score_belongs_to_the_part_that_is_open() -> None:
    refused(room_at(P), Person(SEAT[E1]).enter(BIDS[0], "plan", "1"), WrongStage)
    refused(room_at(D), Person(SEAT[E1]).enter(BIDS[0], "form", "pass"), WrongStage)


@pytest.mark.parametrize(
    "value", ["12.1", "-1", "1e1", "\uff18", "8.55", "8,5", "NaN", " 8", "pass", "0" * 5000]
)
def test_a_value_the_item_does_not_allow_is_refused(value: str) -> None:
    room = room_at(D)
    refused(room, room[E1].enter(BIDS[0], "plan", value), OutOfRange)


def test_a_deduction_or_a_fail_without_a_reason_is_refused() -> None:
    refused(room_at(D), Person(SEAT[E1]).enter(BIDS[0], "faults", "1"), ReasonMissing)
    refused(room_at(P), Person(SEAT[E1]).enter(BIDS[0], "form", "fail", reason=" "), ReasonMissing)


@pytest.mark.parametrize("revision", [-1, 0, 1, 3, 2**53 - 1])
def test_a_stale_revision_is_refused_and_names_the_one_that_stands(revision: int) -> None:
    room = room_at(D)
    room.give(room[E1].enter(BIDS[0], "plan", "8.5"))
    detail = refused(room, room[E1].enter(BIDS[0], "plan", "9", revision=revision), StaleRevision)
    assert {"bid": "bid1", "item": "plan", "revision": 1} == detail


def test_a_score_may_be_revised_while_scoring_is_open() -> None:
    room = room_at(D)
    room.give(room[E1].enter(BIDS[0], "plan", "8.5"))
    order = room[E1].enter(BIDS[0], "plan", "9", revision=2, reason="read again")
    (fact,) = assert_replays(room.history, order)
    assert Fact(order.at, HOST, E1, fact.event, order.cmd, order.sig, order.secrets) == fact
    assert body_of(order.command) == body_of(fact.event)
    room.take(fact)
    cell = room.session.sheet(E1, LOT, Part.DETAILED).cells[(BIDS[0], ItemId("plan"))]
    assert (2, "9", "read again") == (cell.revision, cell.value, cell.reason)


def test_a_score_may_be_cleared() -> None:
    room = room_at(D)
    room.give(room[E1].enter(BIDS[0], "plan", "8.5"))
    room.give(room[E1].enter(BIDS[0], "plan", "", revision=2))
    assert 0 == room.session.sheet(E1, LOT, Part.DETAILED).filled()
    refused(room, room[E1].lock(room.session, Part.DETAILED), SheetIncomplete)


def test_two_experts_have_cells_of_their_own() -> None:
    room = room_at(D)
    room.give(room[E1].enter(BIDS[0], "plan", "8.5"))
    room.give(room[E2].enter(BIDS[0], "plan", "1"))
    values = [
        room.session.sheet(seat, LOT, Part.DETAILED).cells[(BIDS[0], ItemId("plan"))].value
        for seat in (E1, E2)
    ]
    assert ["8.5", "1"] == values


def test_no_fact_shows_a_value_or_a_reason_in_its_body() -> None:
    for fact in room_at(C).history:
        if isinstance(fact.event, ev.ScoreEntered):
            assert {"lot", "bid", "item", "revision", "value", "reason"} == body_of(fact.event).keys()
            assert all(len(one.commit) == 64 for one in (fact.event.value, fact.event.reason))


# --- locks and the group unlock -----------------------------------------------------------------------


def test_an_incomplete_sheet_cannot_be_locked() -> None:
    room = room_at(D)
    detail = refused(room, room[E1].lock(room.session, Part.DETAILED), SheetIncomplete)
    assert {"empty": 36, "bid": "bid1", "item": "plan"} == detail


def test_a_lock_with_another_digest_is_refused() -> None:
    room = room_at(D)
    room.fill(E1)
    right = room.session.sheet(E1, LOT, Part.DETAILED)
    for digest in ("", "0" * 64, digest_of(right.cells).upper(), digest_of({})):
        refused(room, room[E1].lock_with(digest, "", Part.DETAILED), DigestMismatch)


def test_a_lock_after_a_change_the_seat_has_not_seen_is_refused() -> None:
    room = room_at(D)
    room.fill(E1)
    before = room[E1].lock(room.session, Part.DETAILED)
    room.give(room[E1].enter(BIDS[0], "plan", "1", revision=2))
    refused(room, before, DigestMismatch)


def test_a_lock_of_another_part_or_lot_is_refused() -> None:
    room = room_at(D)
    refused(room, room[E1].lock(room.session, Part.PRELIMINARY), WrongStage)
    refused(room, room[E1].lock_with("", "", Part.DETAILED, LotId("lot9")), Unknown)


def test_a_locked_sheet_takes_no_score_and_no_second_lock() -> None:
    room = room_at(D)
    room.fill(E1)
    room.lock(E1)
    refused(room, room[E1].enter(BIDS[0], "plan", "1", revision=2), SheetIsLocked)
    refused(room, room[E1].lock(room.session, Part.DETAILED), SheetIsLocked)


def test_a_lock_closes_nobody_elses_sheet() -> None:
    room = room_at(D)
    room.fill(E1)
    room.lock(E1)
    assert room.try_out(room[E2].enter(BIDS[0], "plan", "1"))


def unlock_order() -> co.Order:
    return by_host(co.UnlockGroup(LOT, Part.DETAILED))


def all_locked() -> Room:
    room = room_at(D)
    for seat in EXPERTS:
        room.fill(seat)
        room.lock(seat)
    return room


def test_the_group_view_stays_shut_until_every_sheet_is_locked() -> None:
    room = room_at(D)
    for seat in EXPERTS:
        room.cosign()
        refused(room, unlock_order(), Unready)
        room.fill(seat)
        room.lock(seat)
    room.cosign()
    assert room.try_out(unlock_order())


def test_the_group_view_stays_shut_until_the_last_lock_is_cosigned() -> None:
    room = all_locked()
    size = room.session.size
    refused(room, unlock_order(), Unready)
    room.note(ev.CheckpointCosigned(size - 1, "root", WITNESSES))
    refused(room, unlock_order(), Unready)
    room.note(ev.CheckpointCosigned(size, "root", WITNESSES[::-1]))
    assert room.try_out(unlock_order())


@pytest.mark.parametrize(
    "witnesses",
    [
        (),
        WITNESSES[:1],
        WITNESSES[:1] * 2,
        (WITNESSES[0], "moon"),
        ("moon", "sun"),
        (WEST, EAST),
        (WITNESSES[0], WITNESSES[0].upper()),
    ],
)
def test_too_few_of_the_sessions_witnesses_are_no_quorum(witnesses: tuple[str, ...]) -> None:
    room = all_locked()
    told = ev.CheckpointCosigned(room.session.size, "root", witnesses)
    refused(room, by_host(co.NoteFacts((co.HostFact(0, told),))), Unready)


@pytest.mark.parametrize("beyond", [-10_000, -len(all_locked().history), 1, 10_000])
def test_nobody_cosigns_entries_there_are_not(beyond: int) -> None:
    room = all_locked()
    told = ev.CheckpointCosigned(room.session.size + beyond, "root", WITNESSES)
    refused(room, by_host(co.NoteFacts((co.HostFact(0, told),))), Unready)


def test_an_older_quorum_takes_nothing_back() -> None:
    room = all_locked()
    room.cosign()
    room.note(ev.CheckpointCosigned(1, "root", WITNESSES))
    assert room.try_out(unlock_order())


def test_the_group_view_opens_once_and_names_the_digests_it_rests_on() -> None:
    room = all_locked()
    room.cosign()
    (fact,) = room.try_out(unlock_order())
    sheets = {seat: room.session.sheet(seat, LOT, Part.DETAILED).locked for seat in EXPERTS}
    assert isinstance(fact.event, ev.GroupUnlocked)
    assert sheets == {one.seat: one.digest for one in fact.event.sheets}
    assert (HOST_ACTOR, HOST) == (fact.actor, fact.site)
    room.take(fact)
    refused(room, unlock_order(), Unready)


def test_the_group_view_of_another_part_or_lot_does_not_open() -> None:
    room = all_locked()
    room.cosign()
    refused(room, by_host(co.UnlockGroup(LOT, Part.PRELIMINARY)), Unready)
    refused(room, by_host(co.UnlockGroup(LotId("lot9"), Part.DETAILED)), Unknown)


def test_nothing_is_scored_after_the_unlock() -> None:
    room = room_at(D)
    room.review()
    refused(room, room[E1].enter(BIDS[0], "plan", "1", revision=2), WrongStage)


def test_without_witnesses_a_rehearsal_needs_no_cosignature() -> None:
    room = opened(replace(OPEN, keys=ev.SessionKeys("log", (), 0)))
    assert room.session.lock_is_cosigned()
    told = co.NoteFacts((co.HostFact(0, ev.CheckpointCosigned(1, "root", ())),))
    refused(room, by_host(told), Unready)


# --- the preliminary review ---------------------------------------------------------------------------

FAIL_ONE: dict[tuple[str, str], str] = {(BIDS[1], "response"): "fail"}


def votes(facts: Sequence[Fact]) -> dict[str, tuple[int, bool]]:
    (review,) = [fact.event for fact in facts if isinstance(fact.event, ev.BidsReviewed)]
    return {vote.bid: (vote.against, vote.rejected) for vote in review.votes}


def test_a_minority_rejects_no_bid() -> None:
    room = room_at(P)
    found = votes(room.review({E1: FAIL_ONE}))
    assert (1, False) == found[BIDS[1]]
    assert () == room.session.rejected[LOT]


def test_the_majority_rejects_a_bid_and_nobody_scores_it_afterwards() -> None:
    room = room_at(P)
    found = votes(room.review({E1: FAIL_ONE, E3: FAIL_ONE}))
    assert (2, True) == found[BIDS[1]]
    assert {(0, False)} == {vote for bid, vote in found.items() if bid != BIDS[1]}
    room.advance()
    refused(room, room[E1].enter(BIDS[1], "plan", "1"), WrongStage)
    assert 27 == room.session.cells_in(LOT, Part.DETAILED)
    room.review()
    prices, computed = [fact.event for fact in room.advance()[1:]]
    assert isinstance(prices, ev.PricesOpened)
    assert isinstance(computed, ev.PricesComputed)
    assert [BIDS[0], BIDS[2], BIDS[3]] == [one.bid for one in prices.prices]
    (ranking,) = [fact.event for fact in room.advance()[1:]]
    assert isinstance(ranking, ev.RankingComputed)
    assert (BIDS[1],) == ranking.rejected


def test_a_member_who_fails_a_bid_twice_counts_once() -> None:
    room = room_at(P)
    twice: dict[tuple[str, str], str] = {(BIDS[1], "response"): "fail", (BIDS[1], "form"): "fail"}
    assert (1, False) == votes(room.review({E2: twice}))[BIDS[1]]


def test_members_who_each_fail_a_bid_on_another_item_do_not_reject_it() -> None:
    """A rejection states its ground: what one member alone found is no ground of the committee."""
    room = room_at(P)
    found = votes(room.review({E1: FAIL_ONE, E3: {(BIDS[1], "form"): "fail"}}))
    assert (1, False) == found[BIDS[1]]


def test_a_review_states_every_ground_with_the_members_who_gave_it() -> None:
    room = room_at(P)
    form: dict[tuple[str, str], str] = {(BIDS[1], "form"): "fail"}
    facts = room.review({E1: {**FAIL_ONE, **form}, E2: FAIL_ONE})
    (review,) = [fact.event for fact in facts if isinstance(fact.event, ev.BidsReviewed)]
    (vote,) = [one for one in review.votes if one.grounds]
    assert ev.BidVote(BIDS[1], 2, 3, rejected=True, grounds=vote.grounds) == vote
    assert (ev.Ground(ItemId("form"), (E1,)), ev.Ground(ItemId("response"), (E1, E2))) == vote.grounds


def test_half_of_the_members_are_no_majority() -> None:
    seats = (*OPEN.seats, replace(SEAT[E1], code=SeatCode("E4")))
    session = fold(
        [
            Fact(
                0,
                HOST,
                HOST_ACTOR,
                ev.SessionOpened(
                    SESSION,
                    TENDER,
                    OPEN.sites,
                    seats,
                    KEYS,
                    rehearsal=True,
                    software="",
                    profile=PLAIN,
                    profile_sha256=profile_digest(PLAIN),
                ),
            )
        ]
    )
    assert 4 == len(session.experts())
    for seat in ("E1", "E4"):
        key = (SeatCode(seat), LOT, Part.PRELIMINARY)
        room = room_at(P)
        room.fill(E1, FAIL_ONE)
        session.sheets[key] = room.session.sheet(E1, LOT, Part.PRELIMINARY)
    (vote,) = [one for one in session._votes(LOT1) if one.bid == BIDS[1]]
    assert (2, 4, False) == (vote.against, vote.members, vote.rejected)


def test_a_lot_of_which_every_bid_was_rejected_fails() -> None:
    room = room_at(P)
    none: dict[tuple[str, str], str] = {(bid, "form"): "fail" for bid in BIDS}
    *_, failed = room.review({E1: none, E2: none})
    assert ev.LotFailed(LOT, "all_rejected", "") == failed.event
    detail = refused(room, room[OPERATOR].order(co.AdvanceStage(P, D, "")), Unready)
    assert ("live_lot", LOT) == (detail["needs"], detail["live_lot"])


# --- stages -------------------------------------------------------------------------------------------


def test_the_stages_follow_each_other_in_the_order_of_the_trade() -> None:
    assert [B, E, P, D, R, S, T, N, C, None] == [room_at(stage).session.next_stage() for stage in STAGES]
    assert [K, V, U, G] == [TRANSITIONS[stage][ev.StageChanged] for stage in (L, K, V, U)]


@pytest.mark.parametrize("stage", STAGES)
def test_no_stage_is_skipped_repeated_or_gone_back_from(stage: Stage) -> None:
    room = room_at(stage)
    finish(room)
    right = TRANSITIONS[stage].get(ev.StageChanged)
    for before in Stage:
        for after in Stage:
            if (before, after) != (stage, right):
                refused(room, room[OPERATOR].order(co.AdvanceStage(before, after, "")), WrongStage)


@pytest.mark.parametrize(
    ("stage", "missing"),
    [
        (G, {"bids": "bid1, bid2, bid3, bid4"}),
        (B, {"acceptance": "E1, E2, E3"}),
        (P, {"unlock": LOT}),
        (D, {"unlock": LOT}),
        (N, {"signatures": "E1, E2, E3"}),
    ],
)
def test_a_stage_is_left_when_its_work_is_done_and_not_before(stage: Stage, missing: dict[str, str]) -> None:
    room = room_at(stage)
    after = TRANSITIONS[stage][ev.StageChanged]
    order = room[OPERATOR].order(co.AdvanceStage(stage, after, ""))
    detail = refused(room, order, Unready)
    del detail["problem"]
    assert {"stage": stage, "needs": " ".join(missing), **missing} == detail
    finish(room)
    assert room.try_out(order)


def test_experts_who_have_not_checked_in_are_waited_for() -> None:
    room = opened()
    for seat in (OPERATOR, E1, E3):
        room.give(room[seat].check_in())
    finish(room)
    order = room[OPERATOR].order(co.AdvanceStage(G, B, ""))
    assert "E2" == refused(room, order, Unready)["check_in"]


def test_one_member_who_has_not_signed_is_waited_for() -> None:
    room = room_at(N)
    room.sign(E1)
    room.sign(E3)
    order = room[OPERATOR].order(co.AdvanceStage(N, C, ""))
    assert "E2" == refused(room, order, Unready)["signatures"]


def test_everything_a_stage_still_needs_is_named_at_once() -> None:
    room = opened()
    for seat in (OPERATOR, E1, E3):
        room.give(room[seat].check_in())
    detail = refused(room, room[OPERATOR].order(co.AdvanceStage(G, B, "")), Unready)
    assert ("bids check_in", "bid1, bid2, bid3, bid4", "E2") == (
        detail["needs"],
        detail["bids"],
        detail["check_in"],
    )


def test_prices_are_opened_and_computed_once_on_entering_pricing() -> None:
    room = room_at(D)
    finish(room)
    kinds = [type(fact.event).__name__ for fact in room.advance()]
    assert ["StageChanged", "PricesOpened", "PricesComputed"] == kinds
    assert ["StageChanged", "RankingComputed"] == [type(fact.event).__name__ for fact in room.advance()]


def test_only_the_persons_own_act_carries_the_signature() -> None:
    room = room_at(D)
    finish(room)
    order = room[OPERATOR].order(co.AdvanceStage(D, R, "go"))
    act, *computed = room.give(order)
    assert (order.cmd, order.sig, OPERATOR) == (act.cmd, act.sig, act.actor)
    assert {(None, None, HOST_ACTOR, HOST)} == {(one.cmd, one.sig, one.actor, one.site) for one in computed}


def test_a_lot_whose_prices_are_all_above_the_ceiling_fails() -> None:
    lot = replace(LOT1, pricing=presets.trimmed_mean("30", ceiling_fen=1))
    room = opened(replace(OPEN, tender=replace(TENDER, lots=(lot,))))
    for person in room.people.values():
        room.give(person.check_in())
    for _ in range(4):
        finish(room)
        room.advance()
    finish(room)
    *_, failed = room.advance()
    assert ev.LotFailed(LOT, "no_price", "") == failed.event
    assert "live_lot" == refused(room, room[OPERATOR].order(co.AdvanceStage(R, S, "")), Unready)["needs"]


def table_cells() -> list[tuple[Stage, type[ev.Event], Stage | None]]:
    return [
        (stage, kind, stage if kind in ANYTIME else TRANSITIONS[stage].get(kind))
        for stage in STAGES
        for kind in ev.EVENTS.values()
        if kind not in get_args(CeremonyEvent) and kind not in DRAW_EVENTS
    ]


@pytest.mark.parametrize("stage", STAGES)
def test_each_event_leads_where_the_table_says_and_nowhere_else(stage: Stage) -> None:
    for at, kind, after in table_cells():
        if at is not stage:
            continue
        if kind in RETURNS:
            continue
        room = room_at(stage)
        event = sample(kind, stage, after or stage)
        if after is not None:
            room.take(*(Fact(0, HOST, "node", one) for one in BEFORE.get(kind, ())))
        fact = Fact(0, HOST, E1, event, secrets=secrets_of(event))
        if after is None:
            before = copy.deepcopy(room.session)
            with pytest.raises(IllegalStep):
                room.session.evolve(fact)
            assert before == room.session
        else:
            room.session.evolve(fact)
            assert after is room.session.stage


OPENED_VOTE = vo.VoteOpened("chair", vo.Question.CHAIR, "", 1, EXPERTS, EXPERTS)
ASKING = cl.QuestionEvent.__args__
STARTED, FIRST = track_started(E1), fragment(track_started(E1).track, 0, 0)
BEFORE: dict[type[ev.Event], tuple[ev.Event, ...]] = {
    vo.BallotCast: (OPENED_VOTE,),
    ev.FormatChanged: (STARTED,),
    ev.FragmentRecorded: (STARTED,),
    ev.GapDeclared: (STARTED,),
    ev.ClockMapped: (STARTED,),
    ev.TrackEnded: (STARTED,),
    ev.ReelClosed: (STARTED, FIRST),
    **dict.fromkeys(ASKING[1:], (SAMPLES["QuestionDrafted"],)),
    fa.FaultMended: (SAMPLES["FaultDeclared"],),
    fa.FaultSettled: (SAMPLES["FaultDeclared"],),
}
"""What must have been recorded before the sample of an event can follow."""


def sample(kind: type[ev.Event], stage: Stage, after: Stage) -> ev.Event:
    if kind is ev.StageChanged:
        return ev.StageChanged(stage, after, "")
    return STARTED if kind is ev.TrackStarted else SAMPLES[kind.__name__]


def secrets_of(event: ev.Event) -> tuple[Secret, ...]:
    if isinstance(event, ev.BidImported):
        return (Secret("/price", "100", ""),)
    if isinstance(event, ev.FindingAnswered):
        return (Secret("/reason", "", ""),)
    return (
        (Secret("/value", "1", ""), Secret("/reason", "", "")) if isinstance(event, ev.ScoreEntered) else ()
    )


@pytest.mark.parametrize(
    "change", [(G, D), (P, B), (B, P), (G, G)], ids=lambda change: f"{change[0]} to {change[1]}"
)
def test_a_journal_that_tells_of_another_step_than_the_tables_was_not_written_by_us(
    change: tuple[Stage, Stage],
) -> None:
    room = room_at(G)
    with pytest.raises(IllegalStep):
        room.session.evolve(Fact(0, HOST, OPERATOR, ev.StageChanged(*change, "")))


def test_a_journal_begins_with_the_opening_and_has_one() -> None:
    for event in (ev.SessionPaused("x", None), ev.StageChanged(G, B, ""), ev.SeatLost(E1)):
        with pytest.raises(IllegalStep):
            Session().evolve(Fact(0, HOST, HOST_ACTOR, event))
    room = opened()
    with pytest.raises(IllegalStep):
        room.session.evolve(room.history[0])


def test_nothing_follows_the_end_of_the_journal() -> None:
    room = room_at(C)
    room.give(room[OPERATOR].order(co.CloseSession("done")))
    for event in (ev.SeatLost(E1), ev.SessionClosed("again"), ev.SessionPaused("x", None)):
        with pytest.raises(IllegalStep):
            room.session.evolve(Fact(0, HOST, HOST_ACTOR, event))


# --- opening the session ------------------------------------------------------------------------------


def test_a_session_is_opened_once_and_before_anything_else() -> None:
    refused(opened(), by_host(OPEN), WrongStage)
    refused(Room(), Person(SEAT[E1]).check_in(), WrongStage)
    refused(Room(), by_host(co.NoteFacts(())), WrongStage)
    refused(Room(), by_node(), WrongStage)


def test_an_unusable_tender_opens_no_session() -> None:
    refused(Room(), by_host(replace(OPEN, seats=())), UnusableTender)


@pytest.mark.parametrize(
    "keys",
    [
        ev.SessionKeys("log", KEYS.witnesses, 3),
        ev.SessionKeys("log", KEYS.witnesses, -1),
        ev.SessionKeys("log", (), 1),
        ev.SessionKeys("log", (KEYS.witnesses[0], KEYS.witnesses[0]), 2),
        ev.SessionKeys("log", (KEYS.witnesses[0], replace(KEYS.witnesses[0], site=EAST)), 2),
        ev.SessionKeys("log", (ev.WitnessKey(SiteId("moon"), "k"),), 1),
    ],
)
def test_a_quorum_is_of_witnesses_there_are(keys: ev.SessionKeys) -> None:
    refused(Room(), by_host(replace(OPEN, keys=keys)), Unready)


def test_the_first_entry_holds_everything_the_session_is_bound_to() -> None:
    (fact,) = assert_replays([], by_host(OPEN))
    assert (
        ev.SessionOpened(
            SESSION,
            TENDER,
            OPEN.sites,
            OPEN.seats,
            KEYS,
            rehearsal=True,
            software="0.1.0",
            profile=PLAIN,
            profile_sha256=profile_digest(PLAIN),
        )
        == fact.event
    )
    session = fold([fact])
    assert (SESSION, HOST, True) == (session.id, session.host_site, session.rehearsal)
    assert list(EXPERTS) == session.experts()


# --- bids ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "price",
    [
        "",
        "0",
        "-1",
        "1.5",
        "1e3",
        "0100",
        "\uff11",
        "٣",
        " 1",
        "1 ",
        "+1",
        "9" * 16,
        "9" * 5000,
        "1_0",
        "abc",
    ],
)
def test_a_price_is_a_number_of_fen_in_digits(price: str) -> None:
    room = room_at(G)
    refused(room, room[OPERATOR].import_bid(BIDS[0], price), OutOfRange)


@pytest.mark.parametrize(
    "change",
    [
        {"sha256": ""}, {"sha256": DOCUMENT.upper()}, {"sha256": DOCUMENT[:-1]}, {"sha256": DOCUMENT + "\n"},
        {"bytes": 0}, {"bytes": -1}, {"pages": 0}, {"pages": -1},
    ],
)  # fmt: skip
def test_a_bid_is_a_document(change: dict[str, Any]) -> None:
    room = room_at(G)
    order = room[OPERATOR].import_bid(BIDS[0], "100")
    refused(room, room[OPERATOR].signed(replace(order, command=replace(order.command, **change))), OutOfRange)


def test_a_bid_is_one_of_the_tenders_under_its_bidders_name() -> None:
    room = room_at(G)
    order = room[OPERATOR].import_bid(BIDS[0], "100")
    for change in (
        {"bid": BidId("bid9")},
        {"bidder": "somebody else"},
        {"bid": BIDS[1]},
        {"lot": LotId("lot9")},
    ):
        refused(
            room, room[OPERATOR].signed(replace(order, command=replace(order.command, **change))), Unknown
        )


def test_plain_bids_are_for_rehearsals() -> None:
    tender = replace(TENDER, lots=(replace(LOT1, bids=()),))
    room = opened(replace(OPEN, tender=tender, rehearsal=False))
    room.give(room[OPERATOR].check_in())
    refused(room, room[OPERATOR].import_bid(BIDS[0], "100"), Unready)


def test_a_bid_may_be_brought_in_again_before_the_session_goes_on() -> None:
    room = room_at(G)
    room.give(room[OPERATOR].import_bid(BIDS[0], "100"))
    room.give(room[OPERATOR].import_bid(BIDS[0], "200"))
    assert 200 == room.session.bids[BIDS[0]].price_fen


# --- pause --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", ["", " ", "\n\u3000"])
def test_acts_that_need_a_reason_are_refused_without_one(reason: str) -> None:
    room = room_at(D)
    room.note(ev.AlarmRaised("a1", "disk", "", "full"))
    refused(room, room[SUPERVISOR].order(co.PauseSession(reason, None)), ReasonNeeded)
    refused(room, room[SUPERVISOR].order(co.CloseAlarm("a1", reason)), ReasonNeeded)
    refused(room_at(C), Person(SEAT[OPERATOR]).order(co.CloseSession(reason)), ReasonNeeded)
    room.give(room[SUPERVISOR].order(co.PauseSession("fire", None)))
    refused(room, room[SUPERVISOR].order(co.ResumeSession(reason)), ReasonNeeded)


def test_a_pause_holds_back_the_inputs_and_a_resume_lets_them_go_on_as_they_were() -> None:
    room = room_at(D)
    order = room[E1].enter(BIDS[0], "plan", "8.5")
    before = copy.deepcopy(room.session.sheets)
    room.give(room[SUPERVISOR].order(co.PauseSession("fire", None)))
    refused(room, order, Paused)
    refused(room, room[SUPERVISOR].order(co.PauseSession("again", None)), Paused)
    room.give(room[SUPERVISOR].order(co.ResumeSession("out")))
    assert before == room.session.sheets
    assert room.try_out(order)


def test_recording_goes_on_while_paused() -> None:
    room = room_at(D)
    room.give(room[SUPERVISOR].order(co.PauseSession("fire", None)))
    assert 2 == len(room.try_out(by_node(track_started(E2), ev.SeatLost(E2))))
    assert {co.RecordFacts, co.NoteFacts, co.CheckIn} <= WHILE_PAUSED


def test_what_is_not_paused_is_not_resumed() -> None:
    room = room_at(D)
    refused(room, room[SUPERVISOR].order(co.ResumeSession("out")), NotPaused)


# --- alarms, signatures, the end ----------------------------------------------------------------------


def test_an_alarm_is_closed_once_by_its_own_name() -> None:
    room = room_at(D)
    refused(room, room[SUPERVISOR].order(co.CloseAlarm("a1", "fixed")), Unknown)
    room.note(ev.AlarmRaised("a1", "disk", "", "full"))
    room.give(room[SUPERVISOR].order(co.CloseAlarm("a1", "fixed")))
    refused(room, room[SUPERVISOR].order(co.CloseAlarm("a1", "fixed")), Unknown)


def test_a_session_is_not_closed_while_a_track_is_recorded() -> None:
    room = room_at(C)
    close = room[OPERATOR].order(co.CloseSession("done"))
    room.give(by_node(track_started(E2)))
    assert track_started(E2).track == refused(room, close, Unready)["track_end"]
    room.give(by_node(ev.TrackEnded(track_started(E2).track, 9)))
    assert room.try_out(close)


def test_a_session_is_not_closed_while_a_witness_saw_another_history() -> None:
    room = room_at(C)
    close = room[OPERATOR].order(co.CloseSession("done"))
    room.note(ev.WitnessRefused(WEST, "other root"))
    assert WEST == refused(room, close, Unready)["agreement"]
    room.cosign()
    assert room.try_out(close)


def test_a_closed_session_takes_nothing_more_from_anybody() -> None:
    room = room_at(C)
    room.give(by_host(co.CloseSession("done")))  # type: ignore[arg-type] # the one act of a seat that the host may give too
    orders = [by_node(ev.SeatLost(E2)), by_host(co.NoteFacts(())), room[E1].check_in(), by_host(OPEN)]
    for order in orders:
        refused(room, order, SessionOver)


# --- what nodes report --------------------------------------------------------------------------------


def test_a_node_speaks_for_its_own_seats_only() -> None:
    room = room_at(D)
    foreign: list[ev.NodeEvent] = [
        ev.SeatLost(E1), ev.SeatReturned(E3), ev.SeatLost(SeatCode("E9")), ev.SeatLost(SeatCode("")),
        track_started(E1), ev.AlarmRaised("a", "c", E1, "t"), ev.AlarmRaised("a", "c", "E9", "t"),
    ]  # fmt: skip
    for event in foreign:
        refused(room, by_node(event), NotOwner)


def test_the_hosts_node_speaks_for_seats_of_sites_without_one() -> None:
    room = room_at(D)
    room.give(by_node(track_started(E3), ev.SeatLost(E3), site=HOST))
    assert "east-E3/camera" in room.session.tracks
    refused(room, by_node(ev.SeatLost(E3), site=EAST), NotOwner)


@pytest.mark.parametrize(
    "track", ["west-E2/screen", "host-E1/camera", "../x/camera", "west-E2/camera2", "west-E2", ""]
)
def test_a_track_has_the_name_of_its_seat_and_kind(track: str) -> None:
    """The name is the path of the reels in the archive."""
    room = room_at(D)
    refused(room, by_node(replace(track_started(E2), track=TrackId(track))), NotOwner)


def test_a_node_does_not_take_over_the_track_of_another() -> None:
    room = room_at(D)
    room.give(by_node(track_started(E1), site=HOST))
    told: list[ev.NodeEvent] = [fragment("host-E1/camera", 0, 0), ev.TrackEnded(TrackId("host-E1/camera"), 9)]
    for event in told:
        refused(room, by_node(event), BrokenRecording)


def told_of(room: Room, *facts: ev.NodeEvent) -> list[Fact]:
    """Let a node report `facts`, and return what that leads to."""
    before = len(room.history)
    room.give(by_node(*facts))
    return list(room.history[before:])


def test_of_a_report_with_one_impossible_fact_the_rest_is_taken() -> None:
    room = room_at(D)
    start = track_started(E2)
    name = start.track
    facts = told_of(
        room, start, fragment(name, 0, 0), fragment(name, 0, 0), fragment(name, 0, 1), ev.SeatLost(E2)
    )
    assert [start, fragment(name, 0, 0), fragment(name, 0, 1), ev.SeatLost(E2)] == [
        one.event for one in facts if one.actor != HOST_ACTOR
    ]
    gap, alarm = (one for one in facts if one.actor == HOST_ACTOR)
    assert (WEST, ev.GapDeclared(name, START - 3000, START, GapCause.REFUSED, 0)) == (gap.site, gap.event)
    assert isinstance(alarm.event, ev.AlarmRaised)
    assert (HOST, "broken_recording", f"facts-{name}") == (alarm.site, alarm.event.code, alarm.event.alarm)


def test_what_was_refused_alone_is_a_gap_and_what_follows_goes_on() -> None:
    room = room_at(D)
    start = track_started(E2)
    name = start.track
    told_of(room, start, fragment(name, 0, 0))
    told_of(room, fragment(name, 0, 2))
    told_of(room, fragment(name, 0, 3))
    told_of(room, ev.ReelClosed(name, 0, 544, "a", "b", 4, torn=False), ev.TrackEnded(name, 9))
    assert not room.session.tracks[name].running
    assert [1] == [sum(isinstance(one.event, ev.AlarmRaised) for one in room.history)]


def test_the_alarm_of_a_track_rings_again_once_it_was_closed() -> None:
    room = room_at(D)
    start = track_started(E2)
    told_of(room, start, start)
    assert not [one for one in told_of(room, start) if isinstance(one.event, ev.AlarmRaised)]
    room.give(room[SUPERVISOR].order(co.CloseAlarm(f"facts-{start.track}", "looked at it")))
    assert [one for one in told_of(room, start) if isinstance(one.event, ev.AlarmRaised)]


def test_a_report_of_which_nothing_can_be_taken_is_refused() -> None:
    room = room_at(D)
    refused(room, by_node(fragment("west-E2/camera", 0, 0), ev.SeatLost(E1)), BrokenRecording)
    refused(room, by_node(ev.SeatLost(E1), fragment("west-E2/camera", 0, 0)), NotOwner)


def test_a_foreign_fact_among_good_ones_touches_nobody_elses_track() -> None:
    room = room_at(D)
    room.give(by_node(track_started(E1), site=HOST))
    before = room.session.tracks[track_started(E1).track]
    facts = told_of(room, ev.SeatLost(E2), fragment("host-E1/camera", 0, 0), ev.SeatLost(E1))
    assert [ev.SeatLost, ev.AlarmRaised] == [type(one.event) for one in facts]
    assert before == room.session.tracks[track_started(E1).track]


def test_a_node_does_not_say_what_the_journal_refused() -> None:
    room = room_at(D)
    start = track_started(E2)
    refused(room, by_node(ev.GapDeclared(start.track, 1, 2, GapCause.REFUSED, 0)), BrokenRecording)
    facts = told_of(room, start, ev.GapDeclared(start.track, 1, 2, GapCause.REFUSED, 0))
    assert [(START - 3000, HOST_ACTOR)] == [
        (one.event.from_ms, one.actor) for one in facts if isinstance(one.event, ev.GapDeclared)
    ]


def test_nothing_is_declared_of_a_track_that_is_over() -> None:
    room = room_at(D)
    start = track_started(E2)
    told_of(room, start, ev.TrackEnded(start.track, 9))
    refused(room, by_node(ev.TrackEnded(start.track, 9)), BrokenRecording)


def test_the_facts_of_a_report_follow_each_other() -> None:
    room = room_at(D)
    start = track_started(E2, TrackKind.SCREEN)
    closed = ev.ReelClosed(start.track, 0, 244, "a", "b", 2, torn=True)
    room.give(by_node(start, fragment(start.track, 0, 0)))
    room.give(by_node(fragment(start.track, 0, 1), closed, ev.TrackEnded(start.track, 9), ev.SeatLost(E2)))
    record = room.session.tracks[start.track]
    assert (WEST, E2, TrackKind.SCREEN, False, 1) == (
        record.node,
        record.seat,
        record.kind,
        record.running,
        record.next_reel,
    )


def test_times_of_a_report_are_those_of_the_node() -> None:
    order = by_node(ev.SeatLost(E2))
    assert isinstance(order.command, co.RecordFacts)
    told = replace(order.command.facts[0], at=42)
    (fact,) = room_at(D).try_out(replace(order, command=co.RecordFacts((told,))))
    assert (42, WEST, "node") == (fact.at, fact.site, fact.actor)


# --- the whole way ------------------------------------------------------------------------------------


def test_a_session_goes_its_whole_way_and_its_facts_give_the_same_state() -> None:
    room = room_at(C)
    room.give(room[OPERATOR].order(co.CloseSession("done")))
    assert room.session.closed
    assert fold(room.history) == room.session
    (ranking,) = room.session.rankings.values()
    assert sorted(BIDS) == sorted(row.bid for row in ranking.rows)
    assert {(LOT, seat) for seat in EXPERTS} == set(room.session.reports.signed)


def test_every_prefix_of_a_history_is_a_state_of_its_own() -> None:
    history = room_at(C).history
    live = Session()
    for count, fact in enumerate(history):
        if count % 40 == 0:
            assert fold(history[:count]) == live
        live.evolve(fact)
    assert len(history) == live.size


def test_each_order_of_a_whole_session_replays() -> None:
    """`assert_replays` over one order of every stage: the other tests take the quick way between them."""
    for stage in STAGES:
        room = room_at(stage)
        finish(room)
        after = TRANSITIONS[stage].get(ev.StageChanged)
        command: co.SeatCommand = co.AdvanceStage(stage, after, "") if after else co.CloseSession("done")
        assert assert_replays(room.history, room[OPERATOR].order(command))


def test_progress_counts_cells_and_no_values() -> None:
    room = room_at(D)
    assert (36, [(LOT, Part.DETAILED)]) == (
        room.session.cells_in(LOT, Part.DETAILED),
        room.session.open_parts(),
    )
    room.give(room[E1].enter(BIDS[0], "plan", "8.5"))
    assert 1 == room.session.sheet(E1, LOT, Part.DETAILED).filled()


# --- two worlds ---------------------------------------------------------------------------------------


def world(value: str) -> Room:
    """Return a session in which everything but one hidden score is the same."""
    room = room_at(D)
    room.fill(E1, {(BIDS[2], "quality"): value})
    room.fill(E2)
    return room


def test_nobody_learns_from_a_refusal_what_another_has_scored() -> None:
    answers = []
    for value in ("9.5", "1.0"):
        room = world(value)
        orders = [
            room[E2].enter(BIDS[2], "quality", "5"),
            room[E2].lock(room.session, Part.DETAILED),
            room[E3].lock(room.session, Part.DETAILED),
            room[OPERATOR].order(co.AdvanceStage(D, R, "")),
            unlock_order(),
            room[SUPERVISOR].order(co.CloseAlarm("a1", "x")),
        ]
        answers.append([outcome(room, order) for order in orders])
    assert answers[0] == answers[1]


def outcome(room: Room, order: co.Order) -> Any:  # noqa: ANN401 - facts or a refusal
    try:
        return room.session.decide(order)
    except Refusal as refusal:
        return refusal.code, refusal.detail


def test_the_journal_of_two_worlds_differs_in_one_commitment_only() -> None:
    one, other = world("9.5").history, world("1.0").history
    differing = [(a, b) for a, b in zip(one, other, strict=True) if a != b]
    assert 1 == len(differing)
    a, b = (body_of(fact.event) for fact in differing[0])
    assert {"value"} == {name for name in a if a[name] != b[name]}


# --- anything at all ----------------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["enter", "stale", "lock", "cosign", "unlock", "advance", "pause", "resume", "fill", "join"]
        ),
        st.sampled_from([*EXPERTS, SUPERVISOR, OPERATOR]),
        st.sampled_from(BIDS),
    ),
    max_size=25,
)


@settings(max_examples=60)
@given(st.sampled_from([P, D]), STEPS)
def test_whatever_is_tried_the_state_is_the_fold_and_revisions_have_no_holes(
    stage: Stage, steps: list[Any]
) -> None:
    room = room_at(stage)
    for step, seat, bid in steps:
        try:
            take_step(room, step, seat, bid)
        except Refusal:
            continue
    assert fold(room.history) == room.session
    seen: dict[tuple[str, str, str], int] = {}
    for fact in room.history:
        if isinstance(fact.event, ev.ScoreEntered):
            cell = (fact.actor, fact.event.bid, fact.event.item)
            assert seen.get(cell, 0) + 1 == fact.event.revision
            seen[cell] = fact.event.revision


def take_step(room: Room, step: str, seat: SeatCode, bid: BidId) -> None:
    person, session = room[seat], room.session
    part = PART_OF.get(session.stage, Part.DETAILED)
    item, value = ("form", "pass") if part is Part.PRELIMINARY else ("plan", "3.5")
    revision = session.sheet(seat, LOT, part).revision((bid, ItemId(item)))
    after = TRANSITIONS[session.stage].get(ev.StageChanged, C)
    match step:
        case "fill":
            room.fill(seat if seat in EXPERTS else E1)
        case "cosign":
            room.cosign()
        case "unlock":
            room.unlock()
        case "enter" | "stale":
            room.give(person.enter(bid, item, value, revision=revision + (1 if step == "enter" else 2)))
        case "lock":
            room.give(person.lock(session, part))
        case "join":
            room.give(person.check_in())
        case "advance":
            room.give(person.order(co.AdvanceStage(session.stage, after, "")))
        case "pause":
            room.give(person.order(co.PauseSession("fire", None)))
        case _:
            room.give(person.order(co.ResumeSession("out")))
