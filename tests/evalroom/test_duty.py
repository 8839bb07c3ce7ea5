"""What the journal tells of a duty form: with its evidence, of this seat and lot alone, and nothing that is guessed."""

from collections.abc import Sequence

from evalroom import appraisal as aa
from evalroom import checkin as ci
from evalroom import clarification as cl
from evalroom import events as ev
from evalroom.appraisal import Duty, Judgement
from evalroom.duty import AWAY_MS, DRAGGED_MS, Suggestion, prefill
from evalroom.events import Fact, FindingCode, Stage
from evalroom.ids import BidId, ItemId
from evalroom.roles import Role
from evalroom.tender import Part
from tests.evalroom import arriving
from tests.evalroom.room import BIDS, EXPERTS, HOST, LOT, SUPERVISOR, track_started

E1, E2, E3 = EXPERTS
HOUR = 3_600_000
OPEN = {Duty.KNOWS_LAW, Duty.KNOWS_COMMERCIAL_TERMS, Duty.KNOWS_SPECIFICATION, Duty.NEGOTIATES, Duty.LEADING_TALK,
        Duty.FAILED_TO_ASK_CLARIFICATION, Duty.USEFUL_ADVICE, Duty.READ_DOCUMENTS}  # fmt: skip
"""Questions that nothing in the journal answers in anybody's favour."""


def told(*events: tuple[int, str, ev.Event], seat: str = E1) -> dict[Duty, Suggestion]:
    """Return the suggestions for a journal of (time, actor, event)."""
    journal = ((n, Fact(at, HOST, actor, event)) for n, (at, actor, event) in enumerate(events, start=100))
    return {one.duty: one for one in prefill(journal, seat, LOT)}  # type: ignore[arg-type] # a seat code


def entries(suggestion: Suggestion) -> list[int]:
    return [one.entry for one in suggestion.evidence]


def stage(after: Stage) -> ev.StageChanged:
    return ev.StageChanged(Stage.GATHERING, after, "")


def locked(part: Part = Part.DETAILED, lot: str = LOT) -> ev.SheetLocked:
    return ev.SheetLocked(lot, part, "d", ev.Commitment("0" * 64))  # type: ignore[arg-type] # a lot's name


def asked(code: FindingCode, *seats: str, finding: str = "F1") -> ev.FindingRaised:
    return ev.FindingRaised(finding, code, LOT, Part.DETAILED, BIDS[0], ItemId("record"), seats)  # type: ignore[arg-type] # seat codes


def test_a_whole_session_without_blame_speaks_for_the_expert_and_leaves_the_rest_open() -> None:
    room = arriving.concluded()
    got = {one.duty: one for one in prefill(enumerate(room.history), E2, LOT)}
    assert tuple(got) == aa.FORM
    assert OPEN == {duty for duty, one in got.items() if one.answer is Judgement.UNKNOWN}
    far_off = got.pop(Duty.SCORED_BY_STANDARD)
    assert far_off.answer is Judgement.NO
    assert {"copied_comment"} == {
        one.what for one in far_off.evidence
    }  # they write the same reason everywhere
    favour = {duty: one.answer for duty, one in got.items() if duty not in OPEN}
    assert favour == {duty: Judgement.NO if duty in aa.REPROACHES else Judgement.YES for duty in favour}
    for one in got.values():
        for evidence in one.evidence:
            assert room.history[evidence.entry].at == evidence.at


def test_nothing_is_held_against_anybody_by_an_empty_journal() -> None:
    assert {Judgement.UNKNOWN} == {one.answer for one in told().values()}


def test_what_is_told_of_others_is_told_of_nobody_else() -> None:
    got = told(
        (0, "O1", stage(Stage.BRIEFED)), (1, E2, ev.SeatJoined(E2, Role.EXPERT, "k")),
        (2, "host", asked(FindingCode.IDENTICAL, E2, E3)), (3, E2, locked()), (4, E1, locked(lot="lot9")),
        (5, "node", ev.AlarmRaised("a", "phone", E2, "")),
    )  # fmt: skip
    assert {Judgement.UNKNOWN} == {one.answer for one in got.values()}


def test_coming_after_the_briefing_is_late_and_a_second_browser_is_not() -> None:
    joined = ev.SeatJoined(E1, Role.EXPERT, "k")
    late = told((0, "O1", stage(Stage.BRIEFED)), (1, E1, joined))[Duty.LATE_OR_LEFT_EARLY]
    assert (Judgement.YES, [101]) == (late.answer, entries(late))
    early = told((0, E1, joined), (1, "O1", stage(Stage.BRIEFED)), (2, E1, joined))[Duty.LATE_OR_LEFT_EARLY]
    assert Judgement.NO is early.answer


def test_a_long_absence_is_held_against_the_seat_but_for_a_pause_or_a_restart() -> None:
    def away(ms: int, *before: tuple[int, str, ev.Event]) -> Suggestion:
        events = ((10, "node", ev.SeatLost(E1)), (10 + ms, "node", ev.SeatReturned(E1)))
        return told((0, E1, ev.SeatJoined(E1, Role.EXPERT, "k")), *before, *events)[Duty.LATE_OR_LEFT_EARLY]

    assert Judgement.NO is away(AWAY_MS).answer
    assert (Judgement.YES, [101, 102]) == ((found := away(AWAY_MS + 1)).answer, entries(found))
    assert Judgement.NO is away(HOUR, (5, SUPERVISOR, ev.SessionPaused("lunch", None))).answer


def test_whoever_left_and_never_came_back_left_early() -> None:
    got = told((0, "node", ev.SeatLost(E1)), (HOUR, "O1", stage(Stage.CONCLUDED)))[Duty.LATE_OR_LEFT_EARLY]
    assert Judgement.YES is got.answer


def test_findings_tell_of_copying_deviation_and_errors_with_their_entries() -> None:
    got = told(
        (0, "host", asked(FindingCode.IDENTICAL, E1, E2)),
        (1, "host", asked(FindingCode.DEVIATION, E1, finding="F2")),
        (2, "host", asked(FindingCode.OBJECTIVE_DIFFERS, E1, E2, E3, finding="F3")),
        (3, E1, ev.FindingAnswered("F3", stand=False, reason=ev.Commitment("0" * 64))),
        (4, E2, ev.FindingAnswered("F3", stand=False, reason=ev.Commitment("0" * 64))),
    )
    assert (Judgement.YES, [100]) == (got[Duty.FOLLOWS_OTHERS].answer, entries(got[Duty.FOLLOWS_OTHERS]))
    assert (Judgement.NO, [101]) == (
        got[Duty.SCORED_BY_STANDARD].answer,
        entries(got[Duty.SCORED_BY_STANDARD]),
    )
    assert (Judgement.YES, [103]) == (got[Duty.SCORING_ERRORS].answer, entries(got[Duty.SCORING_ERRORS]))


def test_standing_by_ones_value_is_no_error() -> None:
    got = told(
        (0, "host", asked(FindingCode.OBJECTIVE_DIFFERS, E1, E2)),
        (1, E1, ev.FindingAnswered("F1", stand=True, reason=ev.Commitment("0" * 64))),
        (2, E1, locked()),
    )
    assert Judgement.NO is got[Duty.SCORING_ERRORS].answer


def test_a_sheet_returned_for_correction_is_an_error_and_one_reopened_by_other_bids_is_not() -> None:
    def reopened(reason: str) -> Judgement:
        event = ev.SheetReopened(E1, LOT, Part.DETAILED, reason)
        return told((0, E1, locked()), (1, "host", event))[Duty.SCORING_ERRORS].answer

    assert (Judgement.YES, Judgement.NO) == (reopened("a slip"), reopened("bids_changed"))


def test_dragging_is_far_beyond_the_others() -> None:
    def times(own: int, *others: int) -> Suggestion:
        seats = zip((E1, E2, E3), (own, *others), strict=False)
        locks = sorted((ms, seat, locked()) for seat, ms in seats)
        return told((0, "O1", stage(Stage.DETAILED)), *locks)[Duty.DRAGGED_TIME]

    assert Judgement.YES is times(3 * HOUR, HOUR, HOUR).answer
    for own, others in ((2 * HOUR, (HOUR, HOUR)), (DRAGGED_MS, (60_000, 60_000)), (3 * HOUR, ())):
        assert Judgement.NO is times(own, *others).answer


def test_conduct_at_the_seat_counts_and_a_broken_device_does_not() -> None:
    def alarm(code: str) -> Judgement:
        agreed = (0, E1, ev.DisciplineAccepted(E1, "d"))
        return told(agreed, (1, "node", ev.AlarmRaised("a", code, E1, "")))[Duty.KEPT_DISCIPLINE].answer

    assert [Judgement.NO, Judgement.YES] == [alarm("second_person"), alarm("recording_stalled")]


def test_evidence_names_the_camera_that_ran_then_and_has_an_end() -> None:
    track = track_started(E1)
    many: Sequence[tuple[int, str, ev.Event]] = [
        (n, "node", ev.AlarmRaised(f"a{n}", "phone", E1, "")) for n in range(30)
    ]
    got = told((0, "node", track), *many)[Duty.KEPT_DISCIPLINE]
    assert {track.track} == {one.track for one in got.evidence}
    assert 20 == len(got.evidence)


def test_a_phone_handed_in_is_told_and_one_that_was_not_is_left_to_people() -> None:
    kept = told((0, "O1", ci.PhoneKept(E1, 1, "B-1")))[Duty.HANDED_IN_PHONE]
    assert (Judgement.YES, Judgement.UNKNOWN) == (kept.answer, told()[Duty.HANDED_IN_PHONE].answer)


def test_the_bid_of_a_finding_may_be_none() -> None:
    event = ev.FindingRaised("F1", FindingCode.IDENTICAL, LOT, Part.DETAILED, BidId(""), ItemId(""), (E1, E2))
    assert Judgement.YES is told((0, "host", event))[Duty.FOLLOWS_OTHERS].answer


def test_whoever_asked_for_a_clarification_did_not_fail_to_and_silence_is_no_reproach() -> None:
    asking = cl.QuestionDrafted("q1", LOT, BIDS[0], "which pump is meant?")
    got = told((0, E1, asking))[Duty.FAILED_TO_ASK_CLARIFICATION]
    assert (Judgement.NO, [100]) == (got.answer, entries(got))
    assert Judgement.UNKNOWN is told((0, E2, asking))[Duty.FAILED_TO_ASK_CLARIFICATION].answer
