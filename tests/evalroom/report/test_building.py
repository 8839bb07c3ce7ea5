"""The report's data: every table of it made from the journal, the same bytes for whoever makes them."""

import json
from typing import Any

import pytest

from evalroom import commands as co
from evalroom import events as ev
from evalroom.events import Stage
from evalroom.ledger.canonical import canonical
from evalroom.report.data import FORM, digest_of
from tests.evalroom.room import BIDS, EXPERTS, LOT, OPERATOR, START, SUPERVISOR, Room, fold, room_at

E1, E2, E3 = EXPERTS


def report_in(room: Room) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(room.session.report_of(room.session.lots[LOT]).encode())
    return read


def rejecting() -> Room:
    """Return a session at reporting in which two of three members failed a bid on one item."""
    room = room_at(Stage.PRELIMINARY)
    room.review({E1: {(BIDS[3], "form"): "fail"}, E2: {(BIDS[3], "form"): "fail"}})
    for stage in (Stage.DETAILED, Stage.PRICING, Stage.SUMMARY, Stage.REPORTING):
        room.advance()
        if stage is Stage.DETAILED:
            room.review()
    return room


def test_the_report_names_its_form_and_holds_every_table() -> None:
    report = report_in(room_at(Stage.REPORTING))
    assert FORM == report["form"]
    assert {
        "attendance", "opening", "review", "sheets", "subtotals", "prices", "ranking", "rejections", "clarifications",
        "findings", "incidents", "votes", "draws", "prose", "warnings", "stages",
    } <= report.keys()  # fmt: skip
    assert [E1, E2, E3] == [one["seat"] for one in report["attendance"] if one["member"]]
    assert all(one["commitment"] for one in report["attendance"] if one["member"])
    assert {(seat, part) for seat in EXPERTS for part in ("preliminary", "detailed")} == {
        (one["seat"], one["part"]) for one in report["sheets"]
    }
    assert [] == report["clarifications"]


def test_two_who_fold_the_same_journal_make_the_same_bytes_and_the_digest_is_over_them() -> None:
    room = room_at(Stage.SIGNING)
    made, again = (one.reports.made[LOT] for one in (room.session, fold(room.history)))
    assert made == again
    assert made.intact
    assert digest_of(made.data) == made.sha256 == room.session.report_digest(LOT)
    assert canonical(json.loads(made.data)) == made.data


def test_a_rejection_stands_with_its_ground_who_found_it_and_their_reasons() -> None:
    room = rejecting()
    (rejection,) = report_in(room)["rejections"]
    assert {
        "bid": BIDS[3], "stage": "preliminary", "ground": "form", "seats": [E1, E2],
        "reasons": ["seen on page 3", "seen on page 3"],
    } == rejection  # fmt: skip
    assert BIDS[3] not in {one["bid"] for one in report_in(room)["subtotals"]}


def test_pauses_and_what_else_happened_stand_in_their_order_with_who_ordered_them() -> None:
    room = room_at(Stage.DETAILED)
    room.give(room[SUPERVISOR].order(co.PauseSession("fire", None)))
    room.give(room[SUPERVISOR].order(co.ResumeSession("out")))
    room.note(ev.SiteLost(room.session.host_site))
    told = [(one["kind"], one["by"], dict(one["facts"])) for one in report_in(room)["incidents"]]
    assert [
        ("SessionPaused", SUPERVISOR, {"reason": "fire", "resume_at": ""}),
        ("SessionResumed", SUPERVISOR, {"reason": "out"}),
        ("SiteLost", "host", {"site": "host"}),
    ] == told


def test_what_happens_after_the_report_was_made_does_not_change_what_was_signed() -> None:
    room = room_at(Stage.SIGNING)
    before = room.session.reports.made[LOT]
    room.give(room[SUPERVISOR].order(co.PauseSession("fire", None)))
    assert before == room.session.reports.made[LOT]
    assert before == fold(room.history).reports.made[LOT]


def test_the_stage_that_begins_with_the_report_is_not_in_it() -> None:
    room = room_at(Stage.REPORTING)
    before = room.session.report_of(room.session.lots[LOT]).encode()
    room.advance()
    assert before == room.session.reports.made[LOT].data


def test_a_finding_stands_with_each_members_answer() -> None:
    room = room_at(Stage.DETAILED)
    room.review({E3: {(BIDS[0], "record"): "3.0"}})
    rows = report_in(room)["findings"]
    asked = [one for one in rows if one["code"] == "objective_differs"]
    assert [(E1, True), (E2, True), (E3, True)] == [(one["seat"], one["answered"]) for one in asked]
    assert {"as the standard says"} == {one["reason"] for one in asked}


@pytest.mark.parametrize("stage", [Stage.GATHERING, Stage.PRELIMINARY, Stage.PRICING])
def test_a_report_can_be_drafted_at_any_stage_without_harm(stage: Stage) -> None:
    room = room_at(stage)
    room.note(ev.AlarmRaised("a1", "disk", "", "full"))
    report = report_in(room)
    assert START == report["attendance"][0]["joined_ms"]
    assert OPERATOR in {one["seat"] for one in report["attendance"]}
