"""The stages of one evaluation (domain.md, "Stages"), from the plan to the archive, and its three ends.

Nothing else stands here: which event leads from which stage to which is the session's table.
"""

from collections.abc import Mapping
from enum import StrEnum


class Stage(StrEnum):
    """A stage, in the order of the trade; `failed` and `aborted` are ends off the road."""

    PLANNED = "planned"
    BOOKED = "booked"
    RECEIVING = "receiving"
    OPENING = "opening"
    GATHERING = "gathering"
    BRIEFED = "briefed"
    ELECTING = "electing"
    PRELIMINARY = "preliminary"
    DETAILED = "detailed"
    PRICING = "pricing"
    SUMMARY = "summary"
    REPORTING = "reporting"
    SIGNING = "signing"
    CONCLUDED = "concluded"
    ARCHIVED = "archived"
    FAILED = "failed"
    ABORTED = "aborted"


ROAD: tuple[Stage, ...] = tuple(stage for stage in Stage if stage not in (Stage.FAILED, Stage.ABORTED))
"""The stages of an evaluation that goes well, in order."""

OVER: frozenset[Stage] = frozenset({Stage.CONCLUDED, Stage.ARCHIVED, Stage.FAILED, Stage.ABORTED})
"""Stages in which nothing is evaluated any more: recordings end, of a failed tender once its report is signed."""

_ENDS: Mapping[str, Stage] = {
    "TenderFailed": Stage.FAILED,
    "SessionAborted": Stage.ABORTED,
    "SessionClosed": Stage.ARCHIVED,
}


def stage_after(kind: str, body: Mapping[str, object], stage: Stage) -> Stage:
    """Return the stage after an entry of this type and body, as whoever only reads a feed knows it.

    Raises:
        ValueError: the body names no stage.
    """
    match kind:
        case "SessionOpened":
            return Stage.GATHERING if body["rehearsal"] is True else Stage.PLANNED
        case "StageChanged" | "SteppedBack" | "ExpertReplaced":
            return Stage(str(body["after"]))
        case _:
            return _ENDS.get(kind, stage)
