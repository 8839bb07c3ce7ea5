"""The rules of an opening: first whoever wants it early, twice, forged or otherwise than it was; then the way it goes."""

import dataclasses
import random
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalroom import commands as co
from evalroom import events as ev
from evalroom.errors import EvalroomError
from evalroom.events import Stage
from evalroom.ids import BidId, BidNumber, LotId, SeatCode
from evalroom.ledger.signature import BadActSignature
from evalroom.needs import Unready
from evalroom.pricing.rationals import parse_rational
from evalroom.roles import NotPermitted, Role
from evalroom.sealing import facts as sf
from evalroom.sealing.ceremony import CeremonyState, WrongCeremonyState
from evalroom.sealing.custody import ForgedBidderAct, ForgedTrusteeAct
from evalroom.sealing.facts import Verdict
from evalroom.sealing.policy import (
    MalformedPolicy,
    Mode,
    PartName,
    Policy,
    PolicyRefuses,
    TrusteeKind,
    Window,
)
from evalroom.sealing.record import LotPrice, MalformedRecord
from evalroom.sealing.rules import (
    MAX_TRIES,
    AlreadyDone,
    BeforeHour,
    BidExists,
    CeremonyStandsStill,
    Contradiction,
    DeadlinePassed,
    GateShut,
    NotAccepting,
    OfficersMissing,
    PolicyUnfit,
    TooLarge,
    TooManyReleases,
    UnknownBid,
    UnknownTrustee,
    WindowOver,
    shown_size,
)
from evalroom.session import WrongStage
from evalroom.tender import Part
from tests.evalroom import opening as o
from tests.evalroom import room as plain
from tests.evalroom.opening import FIRST, NUMBERS, SECOND, Opening

A, B, C, D = NUMBERS[:4]
SITE_SEATS = (plain.SITE_OPERATOR, SeatCode("L2"))


def refused(room: Opening, order: co.Order, why: type[EvalroomError]) -> dict[str, Any]:
    """Return the facts of the refusal that `order` must meet; the session must be as before."""
    with pytest.raises(why) as error:
        room.try_out(order)
    assert why is error.type
    return dict(error.value.detail)


def state_of(room: Opening) -> str:
    return room.ceremony.state.value


# --- keys and policy ------------------------------------------------------------------------------------


def test_a_trustees_keys_are_published_with_its_own_signature_over_this_tender() -> None:
    room = o.new()
    good = room.published("north")
    for forged in (
        replace(good, proof=room.published("host").proof),
        replace(good, signer=room.published("host").signer),
        replace(good, keys=room.published("host").keys),
        replace(good, proof=""),
        replace(good, proof=good.proof[:-4]),
    ):
        refused(room, room.by_trustee(forged), ForgedTrusteeAct)
    assert room.try_out(room.by_trustee(good))


def test_nobody_takes_the_name_or_the_signer_of_another_trustee() -> None:
    room = o.new()
    room.give(room.by_trustee(room.published("north")))
    refused(room, room.by_trustee(replace(room.published("host"), trustee="north")), Contradiction)
    refused(room, room.by_trustee(replace(room.published("north"), trustee="south")), Contradiction)
    refused(room, room.by_trustee(replace(room.published("host"), trustee="NORTH")), Contradiction)
    refused(room, room.by_trustee(replace(room.published("host"), trustee="../host")), Contradiction)


def draft(room: Opening, text: str) -> co.Order:
    return room.by_seat(plain.OPERATOR, co.DraftPolicy(text, o.sha256(text)))


def test_a_policy_is_drafted_only_from_the_keys_that_stand_in_the_journal() -> None:
    room = o.new()
    text = room.policy.encode().decode()
    refused(room, draft(room, text), PolicyUnfit)
    for name in ("host", "north"):
        room.give(room.by_trustee(room.published(name)))
    refused(room, draft(room, text), PolicyUnfit)
    room.give(room.by_trustee(room.published("supervisor")))
    assert room.try_out(draft(room, text))


@pytest.mark.parametrize(
    "change",
    [
        {"tender": "EV-2026-0002"},
        {"deadline": plain.START},
        {"windows": (Window(FIRST, "SessionPaused", o.OPENS_AT, 1),)},
        {"windows": (Window(FIRST, "GroupUnlocked", o.OPENS_AT, 1),)},
    ],
)
def test_a_policy_of_another_tender_gate_or_time_is_refused(change: dict[str, Any]) -> None:
    room = o.new(o.policy(two_envelopes=False))
    for name in o.TRUSTEES:
        room.give(room.by_trustee(room.published(name)))
    refused(room, draft(room, replace(room.policy, **change).encode().decode()), PolicyUnfit)


def test_a_policy_names_the_trustees_as_they_published_themselves() -> None:
    room = o.new()
    for name in o.TRUSTEES:
        room.give(room.by_trustee(room.published(name)))
    host, north, supervisor = room.policy.trustees
    for trustees in (
        (host, replace(north, who="somebody"), supervisor),
        (host, replace(north, signer=o.spki("thief")), supervisor),
        (host, replace(north, kind=TrusteeKind.SUPERVISOR), supervisor),
        (
            host,
            replace(north, keys=(replace(north.keys[0], public=o.trustee("supervisor").keys[0].public),)),
            supervisor,
        ),
    ):
        changed = replace(room.policy, trustees=trustees)
        with pytest.raises((PolicyUnfit, MalformedPolicy)):
            room.try_out(draft(room, changed.encode().decode()))


def test_the_digest_of_a_draft_is_that_of_its_text() -> None:
    room = o.new()
    for name in o.TRUSTEES:
        room.give(room.by_trustee(room.published(name)))
    text = room.policy.encode().decode()
    refused(room, room.by_seat(plain.OPERATOR, co.DraftPolicy(text, o.sha256(text + " "))), PolicyUnfit)
    refused(room, draft(room, text.replace(":", ": ", 1)), MalformedPolicy)


def test_a_policy_is_armed_when_every_trustee_has_signed_this_very_one() -> None:
    room = o.new()
    for name in o.TRUSTEES:
        room.give(room.by_trustee(room.published(name)))
    room.give(draft(room, room.policy.encode().decode()))
    refused(room, room.by_trustee(replace(room.signed("north"), sha256="ab" * 32)), Contradiction)
    refused(room, room.by_trustee(replace(room.signed("north"), trustee="host")), ForgedTrusteeAct)
    refused(room, room.by_trustee(replace(room.signed("north"), trustee="stranger")), UnknownTrustee)
    room.give(room.by_trustee(room.signed("north")))
    refused(room, room.by_trustee(room.signed("north")), AlreadyDone)
    refused(room, room.by_seat(plain.OPERATOR, co.OpenSubmissions(room.sha256)), WrongCeremonyState)
    room.give(room.by_trustee(room.signed("host")))
    assert CeremonyState.DRAFTED == state_of(room)
    room.give(room.by_trustee(room.signed("supervisor")))
    assert CeremonyState.ARMED == state_of(room)


def test_a_key_published_anew_voids_the_draft_and_a_draft_voids_its_signatures() -> None:
    room = o.new()
    for name in o.TRUSTEES:
        room.give(room.by_trustee(room.published(name)))
    room.give(draft(room, room.policy.encode().decode()))
    room.give(room.by_trustee(room.signed("host")))
    room.give(room.by_trustee(room.published("north")))
    assert (None, {}) == (room.ceremony.policy, room.ceremony.signed)
    refused(room, room.by_trustee(room.signed("north")), WrongCeremonyState)


def test_the_notice_is_of_the_signed_policy_and_before_its_deadline() -> None:
    room = o.at("armed")
    refused(room, room.by_seat(plain.OPERATOR, co.OpenSubmissions("ab" * 32)), Contradiction)
    room.now = o.DEADLINE
    refused(room, room.by_seat(plain.OPERATOR, co.OpenSubmissions(room.sha256)), DeadlinePassed)


# --- handing in -----------------------------------------------------------------------------------------


def test_the_deadline_is_over_by_one_millisecond() -> None:
    room = o.at("accepting")
    room.submit(A)
    room.now = o.DEADLINE - 1
    assert room.try_out(room.by_bidder(room.submitted(B)))
    room.now = o.DEADLINE
    assert 0 == refused(room, room.by_bidder(room.submitted(B)), DeadlinePassed)["late_ms"]
    refused(room, room.by_bidder(room.withdrawn(A), o.envelope_key(A)), DeadlinePassed)
    refused(room, room.by_bidder(room.submitted(B, A), o.envelope_key(A)), DeadlinePassed)


@pytest.mark.parametrize("state", ["drafted", "armed"])
def test_no_bid_is_taken_before_the_notice(state: str) -> None:
    room = o.at(state)
    refused(room, room.by_bidder(room.submitted(A)), NotAccepting)


@pytest.mark.parametrize("state", ["closed", "unsealing", "combining", "opened"])
def test_no_bid_is_taken_or_taken_back_once_the_list_is_closed(state: str) -> None:
    room = o.at(state)
    room.now = o.DEADLINE - 1  # a clock set back helps nobody
    refused(room, room.by_bidder(room.submitted(NUMBERS[6])), DeadlinePassed)
    refused(room, room.by_bidder(room.withdrawn(A), o.envelope_key(A)), DeadlinePassed)


def test_a_number_serves_once_even_after_the_bid_was_taken_back() -> None:
    room = o.at("accepting")
    room.submit(A, B)
    refused(room, room.by_bidder(room.submitted(A)), BidExists)
    room.give(room.by_bidder(room.withdrawn(A), o.envelope_key(A)))
    refused(room, room.by_bidder(room.submitted(A)), BidExists)
    refused(room, room.by_bidder(room.withdrawn(A), o.envelope_key(A)), UnknownBid)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"bid": BidNumber("AB" * 16)}, UnknownBid),
        ({"bid": BidNumber("../../../etc")}, UnknownBid),
        ({"bid": BidNumber("")}, UnknownBid),
        ({"root": "xyz"}, UnknownBid),
        ({"digest": ""}, UnknownBid),
        ({"suite": 1}, PolicyRefuses),
        ({"size": (1 << 30) + 1}, TooLarge),
        ({"size": 0}, TooLarge),
        ({"signature": "c2ln"}, Contradiction),
        ({"replaces": str(B)}, UnknownBid),
    ],
)
def test_a_submission_that_the_policy_or_its_form_forbids_is_refused(
    change: dict[str, Any], why: type[EvalroomError]
) -> None:
    room = o.at("accepting")
    refused(room, room.by_bidder(replace(room.submitted(A), **change)), why)


def test_only_the_earlier_envelope_key_replaces_or_withdraws_a_bid() -> None:
    room = o.at("accepting")
    room.submit(A)
    good = room.submitted(B, A)
    for forged in (
        replace(good, signature=""),
        replace(good, signature="c2ln"),
        replace(good, digest="ab" * 32),
    ):
        refused(room, room.by_bidder(forged, o.envelope_key(A)), ForgedBidderAct)
    refused(room, room.by_bidder(good, o.envelope_key(B)), ForgedBidderAct)
    refused(room, room.by_bidder(good, b""), ForgedBidderAct)
    refused(room, room.by_bidder(room.withdrawn(A), o.envelope_key(B)), ForgedBidderAct)
    room.give(room.by_bidder(good, o.envelope_key(A)))
    refused(room, room.by_bidder(room.submitted(C, A), o.envelope_key(A)), UnknownBid)
    assert [A] == [number for number, one in room.ceremony.handed.items() if one.gone]


def test_an_ack_is_the_trustees_own_about_this_bid_and_given_once() -> None:
    room = o.at("accepting")
    room.give(room.by_bidder(room.submitted(A)))
    good = room.acknowledged("north", A)
    refused(room, room.by_trustee(replace(good, trustee="host")), ForgedTrusteeAct)
    refused(room, room.by_trustee(replace(good, good=False, cause="share_mismatch")), ForgedTrusteeAct)
    refused(room, room.by_trustee(replace(good, cause="share_mismatch")), Contradiction)
    refused(room, room.by_trustee(replace(good, good=False)), Contradiction)
    refused(room, room.by_trustee(room.acknowledged("north", B)), UnknownBid)
    room.give(room.by_trustee(good))
    refused(room, room.by_trustee(room.acknowledged("north", A, "wrap_not_opened")), AlreadyDone)
    assert (True, False) == (room.ceremony.acked("north", A), room.ceremony.acked("host", A))


def test_cover_says_nothing_and_is_short() -> None:
    room = o.at("accepting")
    for noise in ("xyz", "0", "00" * 600):
        refused(room, room.noting(sf.CoverMade(noise)), Contradiction)
    assert 3 == len(room.try_out(room.noting(*[sf.CoverMade("ab" * 40)] * 3)))


# --- closing ---------------------------------------------------------------------------------------------


def test_the_list_is_not_closed_one_millisecond_early_nor_before_a_quorum_has_seen_the_last_bid() -> None:
    room = o.at("accepting")
    room.submit(A, B, C)
    room.now = o.DEADLINE - 1
    room.cosign()
    refused(room, room.by_host(co.CloseBids()), BeforeHour)
    room.now = o.DEADLINE
    assert room.try_out(room.by_host(co.CloseBids()))
    late = o.at("accepting")
    late.submit(A, B, C)
    late.now = o.DEADLINE
    refused(late, late.by_host(co.CloseBids()), Unready)


def test_the_list_has_what_was_handed_in_and_neither_taken_back_nor_replaced() -> None:
    room = o.at("accepting")
    room.submit(D, C, B, A)
    room.give(room.by_bidder(room.withdrawn(B), o.envelope_key(B)))
    room.give(room.by_bidder(room.submitted(NUMBERS[4], A), o.envelope_key(A)))
    (fact,) = room.close()
    assert isinstance(fact.event, sf.BidsClosed)
    assert sorted([C, D, NUMBERS[4]]) == [one.bid for one in fact.event.bids]


def test_too_few_bids_stay_sealed_for_good() -> None:
    room = o.at("accepting")
    room.submit(A, B)
    closed, aborted = room.close()
    assert isinstance(closed.event, sf.BidsClosed)
    assert sf.OpeningAborted("fewer bids than the policy's minimum of 3", 2) == aborted.event
    refused(room, room.by_host(co.OpenWindow(FIRST)), WrongCeremonyState)
    before, after = Stage.RECEIVING, Stage.OPENING
    refused(room, room.by_seat(plain.OPERATOR, co.AdvanceStage(before, after, "")), Unready)
    for name in o.TRUSTEES:
        room.give(room.by_trustee(room.destroyed(name)))
    assert room.try_out(room.by_seat(plain.OPERATOR, co.CloseSession("too few bids")))


def test_a_session_whose_opening_goes_on_is_not_closed_early() -> None:
    for state in ("accepting", "closed", "opened"):
        room = o.at(state)
        refused(room, room.by_seat(plain.OPERATOR, co.CloseSession("no")), Unready)


def test_what_was_aborted_is_never_opened() -> None:
    room = o.at("closed")
    refused(room, room.by_seat(plain.SUPERVISOR, co.AbortOpening("stop", 9)), Contradiction)
    refused(room, room.by_seat(plain.SUPERVISOR, co.AbortOpening(" ", 4)), Contradiction)
    room.give(room.by_seat(plain.SUPERVISOR, co.AbortOpening("the tenderer withdrew", 4)))
    room.now = o.OPENS_AT
    refused(room, room.by_host(co.OpenWindow(FIRST)), WrongCeremonyState)
    refused(room, room.by_seat(plain.SUPERVISOR, co.StepUp(FIRST)), WrongCeremonyState)


# --- opening a window ------------------------------------------------------------------------------------


def test_a_window_is_not_opened_one_millisecond_early() -> None:
    room = o.at("closed")
    room.step_up()
    room.cosign()
    room.now = o.OPENS_AT - 1
    refused(room, room.by_host(co.OpenWindow(FIRST)), BeforeHour)
    room.now = o.OPENS_AT
    (fact,) = room.try_out(room.by_host(co.OpenWindow(FIRST)))
    assert sf.WindowOpened(FIRST, o.OPENS_AT + o.RELEASE_MS) == fact.event


def test_a_window_waits_for_two_officers_of_every_site() -> None:
    for absent in o.OFFICERS:
        room = o.at("closed")
        room.step_up(seats=[seat for seat in o.OFFICERS if seat != absent])
        room.cosign()
        room.now = o.OPENS_AT
        detail = refused(room, room.by_host(co.OpenWindow(FIRST)), OfficersMissing)
        assert (plain.WEST if absent in SITE_SEATS else plain.HOST) == detail["sites"]


def test_one_officer_does_not_count_twice_nor_for_another_window() -> None:
    room = o.at("closed")
    room.step_up(seats=[plain.SUPERVISOR])
    refused(room, room.by_seat(plain.SUPERVISOR, co.StepUp(FIRST)), AlreadyDone)
    refused(room, room.by_seat(plain.SUPERVISOR, co.StepUp(SECOND)), WrongCeremonyState)
    refused(room, room.by_seat(plain.EXPERTS[0], co.StepUp(FIRST)), NotPermitted)


def test_an_officer_signs_with_the_key_of_the_own_seat() -> None:
    room = o.at("closed")
    order = room.by_seat(plain.SUPERVISOR, co.StepUp(FIRST))
    refused(room, room[plain.OPERATOR].signed(order), BadActSignature)


def test_a_window_waits_for_a_quorum_of_cosignatures_over_the_closed_list() -> None:
    room = o.at("accepting")
    room.submit(A, B, C)
    room.close()  # nobody has cosigned the list itself
    room.advance()
    room.step_up()
    room.now = o.OPENS_AT
    refused(room, room.by_host(co.OpenWindow(FIRST)), Unready)
    room.note(ev.CheckpointCosigned(room.session.gates["BidsClosed"] - 1, "root", plain.WITNESSES))
    refused(room, room.by_host(co.OpenWindow(FIRST)), Unready)
    room.note(ev.CheckpointCosigned(room.session.gates["BidsClosed"], "root", plain.WITNESSES))
    assert room.try_out(room.by_host(co.OpenWindow(FIRST)))


@settings(max_examples=1000, deadline=None)
@given(
    ahead=st.integers(-(10**9), -1),
    officers=st.sets(st.sampled_from(o.OFFICERS)),
    cosigned=st.booleans(),
    closed=st.booleans(),
    window=st.sampled_from([FIRST, SECOND, "third", ""]),
)
def test_no_window_opens_early_or_without_the_closed_list(
    *, ahead: int, officers: set[SeatCode], cosigned: bool, closed: bool, window: str
) -> None:
    room = before_opening(frozenset(officers), cosigned=cosigned, closed=closed)
    at = o.OPENS_AT + (ahead if closed else abs(ahead))
    with pytest.raises(EvalroomError):
        room.session.decide(replace(room.by_host(co.OpenWindow(window)), at=at))


@cache
def before_opening(officers: frozenset[SeatCode], *, cosigned: bool, closed: bool) -> Opening:
    room = o.at("closed" if closed else "accepting")
    if closed:
        room.step_up(seats=sorted(officers))
    if cosigned:
        room.cosign()
    return room


def test_the_second_window_waits_for_the_unlock_of_the_technical_sheets() -> None:
    room = o.at("opened")
    room.step_up(SECOND)
    room.cosign()
    refused(room, room.by_host(co.OpenWindow(SECOND)), GateShut)
    to_detailed(room)
    refused(
        room, room.by_host(co.OpenWindow(SECOND)), GateShut
    )  # the unlock of the preliminary part is no gate
    room.review()
    refused(room, room.by_host(co.OpenWindow(SECOND)), Unready)  # unlocked, but nobody has cosigned that yet
    room.cosign()
    assert room.try_out(room.by_host(co.OpenWindow(SECOND)))


def to_detailed(room: Opening) -> None:
    room.advance()
    room.advance()
    for seat in plain.EXPERTS:
        room.give(room[seat].accept(room.session.pledge.sha256))
    room.advance()
    room.advance()
    room.review()
    room.advance()


# --- halves ----------------------------------------------------------------------------------------------


def test_ten_thousand_replays_of_one_release_are_one_release() -> None:
    room = o.at("unsealing")
    order = room.by_bidder(room.released(A))
    room.give(order)
    for _ in range(10_000):
        with pytest.raises(AlreadyDone):
            room.session.decide(order)
    assert 1 == sum(isinstance(fact.event, sf.HalfReleased) for fact in room.history)


def test_a_wrong_half_may_be_followed_by_the_right_one() -> None:
    room = o.at("unsealing")
    room.give(room.by_bidder(room.released(A, "half_mismatch")))
    assert A in room.ceremony.missing_halves(FIRST)
    room.give(room.by_bidder(room.released(A)))
    assert A not in room.ceremony.missing_halves(FIRST)
    again = replace(room.released(A, "half_mismatch"), sealed="cd" * 32)
    refused(room, room.by_bidder(again), AlreadyDone)


def test_a_good_half_has_no_cause_and_a_bad_one_has() -> None:
    room = o.at("unsealing")
    for change in (
        {"cause": "half_mismatch"},
        {"good": False},
        {"good": False, "cause": "x"},
        {"sealed": "?"},
    ):
        refused(room, room.by_bidder(replace(room.released(A), **change)), Contradiction)


def test_wrong_halves_do_not_flood_the_journal() -> None:
    room = o.at("unsealing")
    wrong = room.released(A, "wrap_not_opened")
    for n in range(MAX_TRIES):
        room.give(room.by_bidder(replace(wrong, sealed=f"{n:064x}")))
    refused(room, room.by_bidder(wrong), TooManyReleases)
    assert room.try_out(room.by_bidder(room.released(A)))  # whoever sent those, the bidder is not locked out


def test_halves_come_within_the_window_by_the_millisecond_and_for_listed_bids() -> None:
    room = o.at("unsealing")
    refused(room, room.by_bidder(room.released(NUMBERS[7])), UnknownBid)
    refused(room, room.by_bidder(room.released(A, window=SECOND)), WrongCeremonyState)
    room.now = room.ceremony.windows[FIRST].until - 1
    assert room.try_out(room.by_bidder(room.released(A)))
    room.now += 1
    refused(room, room.by_bidder(room.released(A)), WindowOver)


def test_no_half_comes_once_the_window_is_closed() -> None:
    room = o.at("combining")
    refused(room, room.by_bidder(room.released(D)), WrongCeremonyState)


def test_a_window_is_closed_when_all_have_released_and_else_not_before_its_end() -> None:
    room = o.at("unsealing")
    room.release(A, B, C)
    refused(room, room.by_host(co.CloseWindow(FIRST)), BeforeHour)
    everybody = room.copy()
    everybody.release(D)
    (fact,) = everybody.try_out(everybody.by_host(co.CloseWindow(FIRST)))
    assert sf.WindowClosed(FIRST, ()) == fact.event
    room.now = room.ceremony.windows[FIRST].until
    (fact,) = room.try_out(room.by_host(co.CloseWindow(FIRST)))
    assert sf.WindowClosed(FIRST, (D,)) == fact.event


# --- more time, pauses -------------------------------------------------------------------------------------


def extended(room: Opening, until: int, reason: str = "the link was down") -> co.Order:
    return room.by_seat(plain.SUPERVISOR, co.ExtendWindow(FIRST, until, reason))


def test_only_the_supervisor_gives_more_time_and_never_less() -> None:
    room = o.at("unsealing")
    until = room.ceremony.windows[FIRST].until
    refused(room, room.by_seat(plain.OPERATOR, co.ExtendWindow(FIRST, until + 1, "x")), NotPermitted)
    refused(room, extended(room, until), Contradiction)
    refused(room, extended(room, until + 1, " "), Contradiction)
    room.give(extended(room, until + 60_000))
    room.now = until + 59_999
    assert room.try_out(room.by_bidder(room.released(A)))


def test_a_closed_window_is_opened_again_only_while_no_share_has_left() -> None:
    room = o.at("combining")
    until = room.now + 60_000
    again = room.copy()
    again.give(extended(again, until))
    again.release(D)
    assert () == again.ceremony.missing_halves(FIRST)
    room.give(room.by_trustee(room.shares("north")))
    refused(room, extended(room, until), WrongCeremonyState)


def test_a_pause_moves_the_end_of_the_window_by_its_length() -> None:
    room = o.at("unsealing")
    until = room.ceremony.windows[FIRST].until
    room.now += 60_000
    room.give(room.by_seat(plain.SUPERVISOR, co.PauseCeremony("two trustees are away")))
    refused(room, room.by_seat(plain.SUPERVISOR, co.PauseCeremony("again")), AlreadyDone)
    assert "two trustees are away" == room.ceremony.why_paused
    room.now = until + 5
    refused(room, room.by_host(co.CloseWindow(FIRST)), CeremonyStandsStill)
    assert room.try_out(room.by_bidder(room.released(A)))  # nothing runs out while it lasts
    room.give(room.by_seat(plain.SUPERVISOR, co.ResumeCeremony("they are back")))
    assert until + (until + 5 - o.OPENS_AT - 60_000) == room.ceremony.windows[FIRST].until
    assert "" == room.ceremony.why_paused
    refused(room, room.by_seat(plain.SUPERVISOR, co.ResumeCeremony("again")), AlreadyDone)


def test_the_host_may_pause_by_itself_and_nothing_is_judged_meanwhile() -> None:
    room = o.at("combining")
    pause = replace(room.by_host(co.CloseBids()), command=co.PauseCeremony("disk"))
    room.give(pause)
    room.give(room.by_trustee(room.shares("north")))  # shares are what it waits for
    refused(room, room.noting(room.judged(D, Verdict.REVOKED, "not_released", "bidder")), CeremonyStandsStill)


# --- shares and verdicts -------------------------------------------------------------------------------------


def test_a_share_sent_twice_is_one_share() -> None:
    room = o.at("combining")
    room.give(room.by_trustee(room.shares("north")))
    refused(room, room.by_trustee(room.shares("north")), AlreadyDone)
    other = room.shares("north", bad=[A])
    refused(room, room.by_trustee(other), AlreadyDone)  # what was said first stands
    doubled = replace(room.shares("host"), bids=room.shares("host").bids * 2)
    refused(room, room.by_trustee(doubled), Contradiction)


def test_shares_are_of_listed_bids_parts_of_the_window_and_trustees_of_the_policy() -> None:
    room = o.at("combining")
    good = room.shares("north")
    refused(room, room.by_trustee(replace(good, trustee="south")), UnknownTrustee)
    refused(room, room.by_trustee(replace(good, bids=())), Contradiction)
    for change in ({"bid": NUMBERS[7]}, {"part": PartName.PRICE}):
        one = replace(good.bids[0], **change)
        refused(room, room.by_trustee(replace(good, bids=(one,))), UnknownBid)


@pytest.mark.parametrize("state", ["accepting", "closed", "unsealing"])
def test_no_share_leaves_while_bidders_may_still_release(state: str) -> None:
    room = o.at(state)
    given = (sf.GivenShare(A, PartName.OPENING, good=True),)
    refused(room, room.by_trustee(sf.ShareReleased(FIRST, "north", given)), WrongCeremonyState)


REVOKED = (Verdict.REVOKED, "not_released", "bidder")


@pytest.mark.parametrize(
    ("number", "verdict", "cause", "party"),
    [
        (D, Verdict.OPENED, "", ""),  # its half never came
        (D, Verdict.MALFORMED, "dealing", "bidder"),
        (D, Verdict.WITHDRAWN, "too_few_shares", "sites"),
        (A, *REVOKED),  # its half came
        (A, Verdict.WITHDRAWN, "platform_fault", "platform"),
        (A, Verdict.OPENED, "", "platform"),
        (A, Verdict.OPENED, "not_released", "bidder"),
        (A, Verdict.MALFORMED, "dealing", "platform"),  # who pays is not chosen
        (A, Verdict.REVOKED, "dealing", "bidder"),
        (A, Verdict.WITHDRAWN, "superseded", "platform"),
        (A, Verdict.WITHDRAWN, "because", "bidder"),
        (A, Verdict.WITHDRAWN, "too_few_shares", "sites"),  # a quorum of shares is there
    ],
)
def test_a_verdict_that_the_journal_or_the_table_contradicts_is_refused(
    number: BidNumber, verdict: Verdict, cause: str, party: str
) -> None:
    room = o.at("combining")
    for name in ("host", "north"):
        room.give(room.by_trustee(room.shares(name)))
    refused(room, room.noting(room.judged(number, verdict, cause, party)), Contradiction)


def test_nobody_is_opened_by_fewer_good_shares_than_the_quorum() -> None:
    room = o.at("combining")
    room.give(room.by_trustee(room.shares("host")))
    refused(room, room.noting(room.judged(A)), Contradiction)
    refused(room, room.noting(room.judged(A, Verdict.MALFORMED, "dealing", "bidder")), Contradiction)
    assert room.try_out(room.noting(room.judged(A, Verdict.WITHDRAWN, "too_few_shares", "sites")))
    room.give(room.by_trustee(room.shares("north", bad=[A])))
    refused(room, room.noting(room.judged(A)), Contradiction)
    assert room.try_out(room.noting(room.judged(B)))
    room.give(room.by_trustee(room.shares("supervisor")))  # another quorum
    assert room.try_out(room.noting(room.judged(A)))


def test_a_verdict_stands_but_one_that_awaits_bytes_gives_way() -> None:
    room = o.at("combining")
    for name in ("host", "north"):
        room.give(room.by_trustee(room.shares(name)))
    room.give(room.noting(room.judged(A, Verdict.AWAITING_BYTES, "root_mismatch", "platform")))
    room.give(room.noting(room.judged(B), room.judged(C), room.judged(D, *REVOKED)))
    refused(room, room.noting(room.judged(B)), AlreadyDone)
    refused(room, room.noting(room.judged(NUMBERS[6])), UnknownBid)
    refused(room, room.noting(room.recorded()), WrongCeremonyState)  # somebody is waited for
    room.give(room.noting(room.judged(A)))
    assert room.try_out(room.noting(room.recorded()))


def test_evidence_names_entries_that_are_there_and_parts_of_the_window() -> None:
    room = o.at("combining")
    for name in ("host", "north"):
        room.give(room.by_trustee(room.shares(name)))
    for number in (-1, room.session.size):
        refused(room, room.noting(replace(room.judged(A), evidence=(number,))), Contradiction)
    price = sf.OpenedPart(PartName.PRICE, "ab" * 32, 1)
    refused(room, room.noting(replace(room.judged(A), parts=(price,))), Contradiction)


@pytest.mark.parametrize("mode", [Mode.SITES, Mode.BIDDER])
def test_in_other_modes_one_side_alone_opens(mode: Mode) -> None:
    room = o.at("unsealing", o.policy(mode))
    if mode is Mode.BIDDER:
        room.release(A, B, C)
        room.close_window()
        refused(room, room.by_trustee(room.shares("north")), Contradiction)
        assert room.try_out(room.noting(room.judged(A)))
    else:
        refused(room, room.by_bidder(room.released(A)), UnknownBid)
        room.close_window()
        refused(room, room.noting(room.judged(A)), Contradiction)
        room.combine()
        assert set(NUMBERS[:4]) == set(room.ceremony.standing())


# --- the record and what follows -------------------------------------------------------------------------------


def judged_room() -> Opening:
    room = o.at("combining", o.policy(two_envelopes=False))
    for name in ("host", "north"):
        room.give(room.by_trustee(room.shares(name)))
    room.give(room.noting(room.judged(A), room.judged(B), room.judged(C), room.judged(D, *REVOKED)))
    return room


def test_a_record_says_what_the_verdicts_say_and_of_all_bids() -> None:
    room = judged_room()
    record = room.record()
    first, *rest = record.rows
    revoked = next(row for row in record.rows if row.verdict is Verdict.REVOKED)
    others = [row for row in record.rows if row is not revoked]
    changed = [
        replace(record, rows=tuple(rest)),
        replace(record, rows=(*record.rows, replace(first, number=NUMBERS[6]))),
        replace(record, rows=(*others, replace(revoked, verdict=Verdict.OPENED, cause="", party=""))),
        replace(record, rows=(*others, replace(revoked, prices=(LotPrice("lot1", 1),)))),
        replace(record, window=SECOND),
        replace(record, policy="ab" * 32),
        replace(record, tender="other"),
    ]
    for one in changed:
        act = sf.OpeningRecorded(FIRST, one.text(), o.sha256(one.text()))
        refused(room, room.noting(act), Contradiction)
    refused(room, room.noting(replace(room.recorded(), sha256="ab" * 32)), Contradiction)
    text = record.text() + " "
    refused(room, room.noting(sf.OpeningRecorded(FIRST, text, o.sha256(text))), MalformedRecord)
    assert room.try_out(room.noting(room.recorded()))


def opened_room() -> Opening:
    room = judged_room()
    room.give(room.noting(room.recorded()))
    return room


def test_no_name_price_or_key_comes_out_before_the_record() -> None:
    room = judged_room()
    room_after = opened_room()
    acts: list[sf.OpeningEvent] = [
        room_after.admitted(A),
        sf.PartKeyPublished(A, PartName.OPENING, "ab" * 32),
        sf.PriceRead(plain.LOT, BidId("bid1"), 1),
    ]
    for act in acts:
        refused(room, room.noting(act), WrongCeremonyState)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"number": D}, UnknownBid),  # revoked
        ({"number": NUMBERS[6]}, UnknownBid),
        ({"lot": LotId("lot9")}, Contradiction),
        ({"bidder": "rival"}, Contradiction),
        ({"bidder": ""}, Contradiction),
        ({"bid": BidId("../bid")}, Contradiction),
    ],
)
def test_only_an_opened_bid_joins_a_lot_under_its_own_name(
    change: dict[str, Any], why: type[EvalroomError]
) -> None:
    room = opened_room()
    refused(room, room.noting(replace(room.admitted(A), **change)), why)


def test_a_bid_joins_a_lot_once_under_an_id_of_its_own() -> None:
    room = opened_room()
    room.give(room.noting(room.admitted(A)))
    refused(room, room.noting(replace(room.admitted(A), bid=BidId("again"))), AlreadyDone)
    refused(room, room.noting(replace(room.admitted(B), bid=BidId("BID1"))), Contradiction)
    refused(room, room.noting(room.admitted(B), replace(room.admitted(C), bid=BidId("bid2"))), Contradiction)
    assert ("bid1",) == tuple(bid.id for bid in room.session.lots[plain.LOT].bids)
    assert room.session.tender.lots == tuple(room.session.lots.values())


def test_a_price_is_read_as_it_stands_in_the_record_and_once() -> None:
    room = opened_room()
    room.admit()
    bid = o.bid_id(A)
    refused(room, room.noting(sf.PriceRead(plain.LOT, bid, o.price_of(A) - 1)), Contradiction)
    refused(room, room.noting(sf.PriceRead(plain.LOT, bid, o.price_of(B))), Contradiction)
    refused(room, room.noting(sf.PriceRead(LotId("lot9"), bid, o.price_of(A))), UnknownBid)
    refused(room, room.noting(sf.PriceRead(plain.LOT, o.bid_id(D), o.price_of(D))), UnknownBid)
    room.give(room.noting(sf.PriceRead(plain.LOT, bid, o.price_of(A))))
    refused(room, room.noting(sf.PriceRead(plain.LOT, bid, o.price_of(A))), AlreadyDone)


def test_keys_of_public_parts_of_opened_bids_are_published_and_no_others() -> None:
    room = opened_room()
    good = sf.PartKeyPublished(A, PartName.OPENING, "ab" * 32)
    assert room.try_out(room.noting(good))
    for part in (PartName.IDENTITY, PartName.TECHNICAL):
        refused(room, room.noting(replace(good, part=part)), Contradiction)
    refused(room, room.noting(replace(good, bid=D)), UnknownBid)
    refused(room, room.noting(replace(good, key="ab")), Contradiction)
    sealed_price = o.at("opened")
    refused(sealed_price, sealed_price.noting(replace(good, part=PartName.PRICE)), UnknownBid)


def with_recipients() -> Policy:
    return replace(o.policy(), recipients=(o.recipient("supervisor"), o.recipient("centre")))


def recorded_with_recipients() -> Opening:
    """Return an opening whose first record is out, and no content key sealed yet."""
    room = o.at("combining", with_recipients())
    for name in ("host", "north"):
        room.give(room.by_trustee(room.shares(name)))
    for number in (A, B, C):
        room.give(room.noting(room.judged(number)))
    room.give(room.noting(room.judged(D, *REVOKED)))
    refused(room, room.noting(room.key_sealed(A)), WrongCeremonyState)
    room.give(room.noting(room.recorded()))
    return room


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"part": PartName.OPENING}, Contradiction),
        ({"part": PartName.PRICE}, Contradiction),
        ({"part": PartName.QUALIFICATION}, PolicyRefuses),
        ({"recipient": "north"}, PolicyRefuses),
        ({"bid": D}, UnknownBid),
        ({"bid": NUMBERS[6]}, UnknownBid),
        ({"wrapped": "AAAA"}, Contradiction),
        ({"wrapped": "no Base64"}, Contradiction),
    ],
)
def test_only_content_keys_of_opened_parts_are_sealed_and_only_to_the_policys_recipients(
    change: dict[str, Any], why: type[EvalroomError]
) -> None:
    room = recorded_with_recipients()
    refused(room, room.noting(replace(room.key_sealed(A), **change)), why)


def test_each_recipient_gets_each_unpublished_key_once() -> None:
    room = recorded_with_recipients()
    parts, names = (PartName.IDENTITY, PartName.TECHNICAL), ("supervisor", "centre")
    assert {(one, part, name) for one in (A, B, C) for part in parts for name in names} == set(
        room.ceremony.keys_to_seal()
    )
    room.give(room.noting(room.key_sealed(A)))
    refused(room, room.noting(room.key_sealed(A)), AlreadyDone)
    assert 11 == len(room.ceremony.keys_to_seal())


def test_neither_a_next_window_nor_an_end_of_keys_comes_before_all_are_sealed() -> None:
    room = recorded_with_recipients()
    room.admit()
    to_detailed(room)
    room.review()
    room.step_up(SECOND)
    room.cosign()
    told = refused(room, room.by_host(co.OpenWindow(SECOND)), WrongCeremonyState)
    assert 12 == told["keys_to_seal"]
    for key in room.ceremony.keys_to_seal():
        room.give(room.noting(room.key_sealed(*key)))
    room.give(room.by_host(co.OpenWindow(SECOND)))
    one = replace(room.policy, windows=room.policy.windows[:1], parts=room.policy.parts[:3])
    short = o.at("combining", one)
    for name in ("host", "north"):
        short.give(short.by_trustee(short.shares(name)))
    for number in (A, B, C):
        short.give(short.noting(short.judged(number)))
    short.give(short.noting(short.judged(D, *REVOKED)))
    short.give(short.noting(short.recorded()))
    refused(short, short.by_trustee(short.destroyed("north")), WrongCeremonyState)


def test_each_bidder_confirms_or_objects_once_with_the_envelope_key() -> None:
    room = opened_room()
    good = room.confirmed(A)
    refused(room, room.by_bidder(good, o.envelope_key(B)), ForgedBidderAct)
    refused(room, room.by_bidder(replace(good, objection="no"), o.envelope_key(A)), ForgedBidderAct)
    refused(room, room.by_bidder(replace(good, objection="x" * 2001), o.envelope_key(A)), Contradiction)
    refused(room, room.by_bidder(replace(good, window=SECOND), o.envelope_key(A)), UnknownBid)
    room.give(room.by_bidder(good, o.envelope_key(A)))
    refused(room, room.by_bidder(room.confirmed(A, "but"), o.envelope_key(A)), AlreadyDone)
    room.give(room.by_bidder(room.confirmed(D, "my half was sent"), o.envelope_key(D)))
    assert {A: "", D: "my half was sent"} == room.ceremony.windows[FIRST].confirmed


def test_keys_are_destroyed_when_the_last_window_is_done_and_by_their_own_trustee() -> None:
    waiting = o.at("opened")
    refused(waiting, waiting.by_trustee(waiting.destroyed("host")), WrongCeremonyState)
    room = opened_room()
    refused(room, room.by_trustee(replace(room.destroyed("host"), trustee="north")), ForgedTrusteeAct)
    for name in ("host", "north"):
        room.give(room.by_trustee(room.destroyed(name)))
    refused(room, room.by_trustee(room.destroyed("host")), AlreadyDone)
    assert CeremonyState.OPENED == state_of(room)
    room.give(room.by_trustee(room.destroyed("supervisor")))
    assert CeremonyState.DESTROYED == state_of(room)


def test_a_trustee_that_is_gone_is_stated_not_to_have_destroyed_its_keys_by_the_supervisor_with_a_reason() -> (
    None
):
    waiting, gone = o.at("opened"), co.StateNotDestroyed("north", "its machine burnt down")
    refused(waiting, waiting.by_seat(plain.SUPERVISOR, gone), WrongCeremonyState)
    room = opened_room()
    refused(room, room.by_seat(plain.OPERATOR, gone), NotPermitted)
    refused(room, room.by_seat(plain.SUPERVISOR, replace(gone, reason=" ")), Contradiction)
    refused(room, room.by_seat(plain.SUPERVISOR, replace(gone, trustee="nobody")), UnknownTrustee)
    room.give(room.by_trustee(room.destroyed("host")))
    refused(room, room.by_seat(plain.SUPERVISOR, replace(gone, trustee="host")), AlreadyDone)
    room.give(room.by_seat(plain.SUPERVISOR, gone))
    refused(room, room.by_seat(plain.SUPERVISOR, gone), AlreadyDone)
    assert ("supervisor",) == room.ceremony.keys_at_large()


def test_a_trustee_that_comes_back_may_still_destroy_its_keys() -> None:
    room = opened_room()
    room.give(room.by_seat(plain.SUPERVISOR, co.StateNotDestroyed("north", "no link for a week")))
    for name in o.TRUSTEES:
        room.give(room.by_trustee(room.destroyed(name)))
    assert CeremonyState.DESTROYED is room.ceremony.state


def test_a_session_is_not_closed_while_a_trustee_may_still_hold_keys() -> None:
    few = o.at("accepting")
    few.submit(A)
    few.close()
    closing = co.CloseSession("too few bids")
    told = refused(few, few.by_seat(plain.OPERATOR, closing), Unready)
    assert "host, north, supervisor" == told["keys_destroyed"]
    few.give(few.by_trustee(few.destroyed("host")))
    few.give(few.by_trustee(few.destroyed("supervisor")))
    told = refused(few, few.by_seat(plain.OPERATOR, closing), Unready)
    assert ("keys_destroyed", "north") == (told["needs"], told["keys_destroyed"])
    few.give(few.by_seat(plain.SUPERVISOR, co.StateNotDestroyed("north", "its machine burnt down")))
    few.give(few.by_seat(plain.OPERATOR, closing))
    assert few.session.closed


# --- roles ------------------------------------------------------------------------------------------------------


def test_machines_do_not_act_for_each_other() -> None:
    room = o.at("unsealing")
    release = room.by_bidder(room.released(A))
    for role in set(Role) - {Role.BIDDER}:
        refused(room, replace(release, role=role), NotPermitted)
    for role in set(Role) - {Role.TRUSTEE}:
        refused(room, replace(room.by_trustee(sf.KeysDestroyed("host", "")), role=role), NotPermitted)
    for command in (co.CloseBids(), co.OpenWindow(FIRST), co.CloseWindow(FIRST), co.NoteOpening(())):
        for role in set(Role) - {Role.HOST}:
            refused(room, replace(room.by_host(command), role=role), NotPermitted)


def test_the_journal_names_bidders_and_trustees_by_no_seats_name() -> None:
    room = o.at("unsealing")
    (fact,) = room.try_out(replace(room.by_bidder(room.released(A)), actor=plain.SUPERVISOR))
    assert "bidder" == fact.actor
    assert {"host", "trustee", "bidder"} <= {one.actor for one in o.at("opened").history}


def test_a_rehearsal_has_no_opening() -> None:
    room = plain.room_at(Stage.DETAILED)
    with pytest.raises(WrongStage):
        room.try_out(room[plain.SUPERVISOR].order(co.StepUp(FIRST)))
    with pytest.raises(WrongCeremonyState):
        room.try_out(plain.by_host(co.OpenWindow(FIRST)))
    receiving = plain.room_at(Stage.GATHERING)
    with pytest.raises(WrongStage):
        receiving.try_out(receiving[plain.OPERATOR].order(co.OpenSubmissions("ab" * 32)))


# --- the state table ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", o.STEPS)
def test_every_state_survives_a_restart(state: str) -> None:
    room = o.at(state)
    assert state == room.ceremony.state
    assert plain.fold(plain.through_bytes(fact) for fact in room.history) == room.session


def test_a_copy_of_a_ceremony_goes_on_by_itself() -> None:
    room = o.at("opened")
    before, copied = o.at("opened").ceremony, room.ceremony.copy()
    assert before == copied
    shared = [
        one.name
        for one in dataclasses.fields(copied)
        if isinstance(getattr(copied, one.name), dict | set)
        and getattr(copied, one.name) is getattr(room.ceremony, one.name)
    ]
    assert [] == shared
    copied.windows[FIRST].halves.clear()
    copied.windows[FIRST].shares.clear()
    assert before == room.ceremony


def test_a_batch_is_written_whole_or_not_at_all() -> None:
    room = o.at("accepting")
    refused(room, room.noting(sf.CoverMade("ab"), sf.CoverMade("?")), Contradiction)


def test_random_orders_never_break_the_fold() -> None:
    """A thousand orders at random, most of them out of place: whatever is decided, replays."""
    dice = random.Random(7)
    for state in o.STEPS:
        room = o.at(state)
        for _ in range(140):
            order = dice.choice(ORDERS)(room)
            try:
                room.give(order)
            except EvalroomError:
                continue
        assert plain.fold(room.history) == room.session


ORDERS: tuple[Callable[[Opening], co.Order], ...] = (
    lambda room: room.by_trustee(room.published("north")),
    lambda room: room.by_trustee(room.signed("host")),
    lambda room: room.by_bidder(room.submitted(NUMBERS[5])),
    lambda room: room.by_bidder(room.withdrawn(A), o.envelope_key(A)),
    lambda room: room.by_host(co.CloseBids()),
    lambda room: room.by_host(co.OpenWindow(FIRST)),
    lambda room: room.by_host(co.OpenWindow(SECOND)),
    lambda room: room.by_host(co.CloseWindow(FIRST)),
    lambda room: room.by_bidder(room.released(A)),
    lambda room: room.by_bidder(room.released(B, "half_mismatch")),
    lambda room: room.by_seat(plain.SUPERVISOR, co.StepUp(FIRST)),
    lambda room: room.by_seat(plain.SUPERVISOR, co.PauseCeremony("x")),
    lambda room: room.by_seat(plain.SUPERVISOR, co.ResumeCeremony("x")),
    lambda room: room.noting(room.judged(A)),
    lambda room: room.noting(room.judged(D, *REVOKED)),
    lambda room: room.noting(sf.CoverMade("ab")),
    lambda room: room.by_trustee(room.destroyed("north")),
)


def test_what_is_shown_fits_a_frame() -> None:
    assert 1 + 3 + 3 == shown_size('"') + shown_size("\\") - 1
    assert 3 == shown_size("评")


# --- the evaluation behind it -------------------------------------------------------------------------------------


def test_the_opening_begins_with_the_closed_list_and_the_evaluation_with_enough_opened_bids() -> None:
    accepting = o.at("accepting")
    needs = accepting.session.missing_for(Stage.OPENING)
    assert ["closed_bids"] == [need.code for need in needs]
    assert ["opening_record"] == [
        need.code for need in o.at("combining").session.missing_for(Stage.GATHERING)
    ]
    few = o.at("combining", bids=3)
    few.combine()
    few.admit()
    assert ("2", "3") == few.session.missing_for(Stage.GATHERING)[0].names
    waiting = o.at("combining")
    waiting.combine()
    assert ["admission"] == [need.code for need in waiting.session.missing_for(Stage.GATHERING)]
    assert () == o.at("opened").session.missing_for(Stage.GATHERING)


def test_sealed_prices_are_opened_before_they_are_computed() -> None:
    room = o.at("opened")
    to_detailed(room)
    room.review()
    assert ["price_window", "prices"] == [need.code for need in room.session.missing_for(Stage.PRICING)]
    room.open_window(SECOND)
    room.release(A, B, C, window=SECOND)
    room.close_window(SECOND)
    room.combine(SECOND)
    assert ["prices"] == [need.code for need in room.session.missing_for(Stage.PRICING)]
    room.read_prices()
    room.advance()
    rows = room.session.prices[plain.LOT].rows
    assert [o.price_of(A), o.price_of(B), o.price_of(C)] == [parse_rational(row.read) for row in rows]


def test_a_bid_whose_price_part_fails_is_out_and_the_others_go_on() -> None:
    room = o.at("opened")
    to_detailed(room)
    room.review()
    room.open_window(SECOND)
    room.release(A, B, window=SECOND)
    room.close_window(SECOND)
    room.combine(SECOND)
    room.read_prices()
    room.advance()
    assert [o.bid_id(A), o.bid_id(B)] == [row.bid for row in room.session.prices[plain.LOT].rows]
    room.advance()
    assert (o.bid_id(C),) == room.session.rankings[plain.LOT].rejected
    assert Verdict.REVOKED is getattr(room.ceremony.verdict(C), "verdict", None)


def test_the_price_of_a_bid_rejected_in_the_review_is_never_opened() -> None:
    room = o.at("opened")
    room.advance()
    room.advance()
    for seat in plain.EXPERTS:
        room.give(room[seat].accept(room.session.pledge.sha256))
    room.advance()
    room.advance()
    none: dict[tuple[str, str], str] = {(o.bid_id(B), "form"): "fail"}
    room.review(dict.fromkeys(plain.EXPERTS, none))
    room.advance()
    room.review()
    room.open_window(SECOND)
    assert {A, C} == set(room.ceremony.windows[SECOND].bids)
    refused(room, room.by_bidder(room.released(B, window=SECOND)), UnknownBid)
    assert Part.DETAILED in {part for _, part in room.session.unlocked}
