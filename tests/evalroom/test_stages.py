"""The stages, and what an entry does to them for whoever only reads a feed."""

import pytest

from evalroom.stages import OVER, ROAD, Stage, stage_after


def test_the_road_goes_from_the_plan_to_the_archive_and_the_other_ends_lie_off_it() -> None:
    assert (Stage.PLANNED, Stage.ARCHIVED) == (ROAD[0], ROAD[-1])
    assert {Stage.FAILED, Stage.ABORTED} == set(Stage) - set(ROAD)
    assert set(Stage) - set(ROAD) <= OVER


@pytest.mark.parametrize(
    ("kind", "body", "after"),
    [
        ("SessionOpened", {"rehearsal": False}, Stage.PLANNED),
        ("SessionOpened", {"rehearsal": True}, Stage.GATHERING),
        ("StageChanged", {"after": "detailed"}, Stage.DETAILED),
        ("SteppedBack", {"after": "preliminary"}, Stage.PRELIMINARY),
        ("ExpertReplaced", {"after": "briefed"}, Stage.BRIEFED),
        ("TenderFailed", {}, Stage.FAILED),
        ("SessionAborted", {}, Stage.ABORTED),
        ("SessionClosed", {}, Stage.ARCHIVED),
        ("SeatLost", {}, Stage.SIGNING),
    ],
)
def test_an_entry_leads_where_it_says(kind: str, body: dict[str, object], after: Stage) -> None:
    assert after is stage_after(kind, body, Stage.SIGNING)


def test_a_stage_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="lunch"):
        stage_after("StageChanged", {"after": "lunch"}, Stage.PRICING)
