"""Event types: one name each, one strict form each."""

from typing import Any, get_args

import pytest

from evalroom import appraisal as aa
from evalroom import approval as ap
from evalroom import checkin as ci
from evalroom import events as ev
from evalroom import pledge as pl
from evalroom import reporting as rp
from evalroom import settlement as se
from evalroom import voting as vo
from evalroom.encoding import body_of
from evalroom.ids import ItemId
from evalroom.media import GapCause, TrackKind
from evalroom.session import ANYTIME, RETURNS, TRANSITIONS
from evalroom.summary import MarkTrim
from evalroom.tender import Part
from signaling.codec import MalformedMessage, decode_event
from tests.evalroom import asides, drawing, room
from tests.evalroom.sealing import samples

OTHERS: list[ev.Event] = [
    ev.SessionPaused("fire", None),
    ev.SessionResumed("out"),
    ev.SessionClosed("done"),
    ev.SeatTested(room.EXPERTS[0], (ev.SelfTestResult("camera", passed=True, detail="1280x720"),)),
    ev.SeatLost(room.EXPERTS[0]),
    ev.SeatReturned(room.EXPERTS[0]),
    room.track_started(room.EXPERTS[0], TrackKind.SCREEN),
    ev.FormatChanged(room.track_started(room.EXPERTS[0]).track, 0, 0, 640, 360),
    room.fragment("host-E1/camera", 0, 0),
    ev.GapDeclared(room.track_started(room.EXPERTS[0]).track, 1, 2, GapCause.LINK, 3),
    ev.ReelClosed(room.track_started(room.EXPERTS[0]).track, 0, 144, "a", "b", 1, torn=False),
    ev.ReelReceived(room.track_started(room.EXPERTS[0]).track, 0, "a"),
    ev.TrackEnded(room.track_started(room.EXPERTS[0]).track, 9),
    ev.ClockMapped(room.track_started(room.EXPERTS[0]).track, 0, ((0, 1), (2, 3))),
    ev.SiteOffsetMeasured(room.WEST, -7, 3),
    ev.SiteLost(room.WEST),
    ev.SiteReturned(room.WEST),
    ev.AlarmRaised("a1", "disk_full", "", "The disk is full."),
    ev.AlarmClosed("a1", "new disk"),
    ev.FindingRaised(
        "F1",
        ev.FindingCode.OBJECTIVE_DIFFERS,
        room.LOT,
        Part.DETAILED,
        room.BIDS[0],
        ItemId("record"),
        room.EXPERTS,
    ),
    ev.FindingAnswered("F1", stand=True, reason=ev.Commitment("0" * 64)),
    ev.WitnessLate(room.WEST),
    ev.WitnessRefused(room.WEST, "other root"),
    ev.SteppedBack(ev.Stage.DETAILED, ev.Stage.PRELIMINARY, "wrong licence read"),
    ev.TenderFailed("no lot is left"),
    ev.SessionAborted("ordered by the court"),
    ev.LotFailed(room.LOT, "all_rejected", ""),
    ev.BookingConfirmed(room.WEST, (room.EXPERTS[1],)),
    ev.BookingDeclined(room.WEST, "power cut"),
    ev.ExpertRecused(room.EXPERTS[0], "my brother works there"),
    ev.ExpertReplaced(room.EXPERTS[0], room.EXPERTS[2], "ill", ev.Stage.DETAILED, ev.Stage.BRIEFED),
    ev.SheetReopened(room.EXPERTS[0], room.LOT, Part.DETAILED, "a slip of the pen"),
    ev.PriceCorrected(room.LOT, room.BIDS[0], 970_000_00, "sum of the bill"),
    ap.Proposed("p1", ap.ReopenSheet(room.EXPERTS[0], room.LOT, Part.DETAILED), "a slip of the pen"),
    ap.Approved("p1", "00" * 32),
    ap.Vetoed("p1", "00" * 32, "no ground"),
    vo.VoteOpened("chair", vo.Question.CHAIR, "", 1, room.EXPERTS, room.EXPERTS),
    vo.BallotCast("chair", 1, ev.Commitment("00" * 32)),
    vo.VoteCounted("chair", 1, (vo.Count(room.EXPERTS[0], 3),), room.EXPERTS[0], ()),
    vo.BallotsShown("award-lot1", 1, (vo.ShownBallot(room.EXPERTS[0], room.BIDS[0]),)),
    vo.ChairElected(room.EXPERTS[0], "vote"),
    *asides.FACTS,
    se.MarksSummed(
        room.LOT,
        9,
        MarkTrim(9, 1, 1, 1),
        room.EXPERTS[0],
        (se.MemberSpread(room.EXPERTS[0], ("8/1", "1/2")),),
        (se.CellMean(room.BIDS[0], ItemId("plan"), "25/3", room.EXPERTS[1:]),),
        (se.GroupMark(room.BIDS[0], "technical", "25/3", "8333/1000"),),
    ),
    se.TieSettled(room.LOT, room.BIDS[:2], se.Settler.TENDERER),
    se.LotAwarded(room.LOT, room.BIDS[0], se.Settler.VOTE),
    ci.OccupancyConfirmed(room.EXPERTS[0], 1, ci.Grade.OPERATOR, ci.Basis.DOCUMENT, "the device is broken"),
    ci.PhoneKept(room.EXPERTS[0], 1, "B-12"),
    ci.PhoneReturned(room.EXPERTS[0], ""),
    ci.SiteDeclared(room.WEST, ready=True, open=("camera E2",), note="a spare comes at noon"),
    pl.LegalPersonsEntered((pl.LegalPerson("bidder of bid1", "Zhang San"),)),
    aa.ExpertAppraised(
        room.EXPERTS[0],
        room.LOT,
        1,
        tuple(aa.Tick(duty, aa.Judgement.UNKNOWN, (3,), "seen") for duty in aa.FORM),
    ),
    aa.AppraisalAnswered(room.EXPERTS[0], room.LOT, 1, "the train was late"),
    rp.ReportEdited(room.LOT, rp.Section.OVERVIEW, "as it went"),
    rp.WarningJustified(room.LOT, "tie_open", "the tenderer decides"),
    rp.AgreementDeemed(room.LOT, room.EXPERTS[0], "0" * 64, "neither signs nor says why"),
    rp.ReportWitnessed(room.LOT, "0" * 64),
    rp.GapExplained(room.track_started(room.EXPERTS[0]).track, 1, 2, "the cable was pulled"),
]
SAMPLES: dict[str, ev.Event] = {
    type(event).__name__: event
    for event in [
        *(fact.event for fact in room.room_at(ev.Stage.CONCLUDED).history),
        *OTHERS,
        *samples.FACTS,
        *drawing.FACTS,
    ]
}


def test_there_is_a_sample_of_every_event() -> None:
    assert set(ev.EVENTS) == set(SAMPLES)


def test_the_vocabulary_names_each_class_once() -> None:
    assert len(get_args(ev.Event)) == len(ev.EVENTS)
    assert set(get_args(ev.Event)) == set(ev.EVENTS.values())


@pytest.mark.parametrize("kind", ev.EVENTS)
def test_an_event_survives_being_written_and_read(kind: str) -> None:
    assert SAMPLES[kind] == decode_event(kind, body_of(SAMPLES[kind]))


@pytest.mark.parametrize("kind", ev.EVENTS)
def test_an_unknown_member_is_refused_in_every_event(kind: str) -> None:
    with pytest.raises(MalformedMessage):
        decode_event(kind, {**body_of(SAMPLES[kind]), "extra": 1})


@pytest.mark.parametrize("kind", ev.EVENTS)
def test_a_missing_member_is_refused_in_every_event(kind: str) -> None:
    for name in body_of(SAMPLES[kind]):
        body = {other: value for other, value in body_of(SAMPLES[kind]).items() if other != name}
        with pytest.raises(MalformedMessage):
            decode_event(kind, body)


@pytest.mark.parametrize("value", [True, "0", 0.0, None, -1.5, [0]])
def test_nothing_but_an_integer_passes_for_one(value: Any) -> None:  # noqa: ANN401 - any JSON value
    with pytest.raises(MalformedMessage):
        decode_event("ReelReceived", {"track": "host-E1/camera", "reel": value, "sha256": "a"})


def test_every_event_belongs_to_some_stage_or_to_all() -> None:
    placed = ANYTIME | {kind for row in TRANSITIONS.values() for kind in row} | {ev.SessionOpened, *RETURNS}
    assert set(ev.EVENTS.values()) == placed


def test_an_event_belongs_to_all_stages_or_to_some_but_not_both() -> None:
    assert not ANYTIME & {kind for row in TRANSITIONS.values() for kind in row}


def test_no_event_but_a_commitments_holder_has_a_secret() -> None:
    holders = {kind for kind, event in SAMPLES.items() if "{'commit':" in str(body_of(event))}
    assert {
        "BidImported",
        "DarkBidAdmitted",
        "ScoreEntered",
        "BallotCast",
        "SheetLocked",
        "FindingAnswered",
    } == {kind for kind in holders if kind != "SessionOpened"}
