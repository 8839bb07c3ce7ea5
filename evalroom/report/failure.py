"""Why a lot failed 流标 and who decided it, from the chronicle: what the report of such a lot says in place of a ranking."""

from collections.abc import Sequence

from evalroom import approval as ap
from evalroom import events as ev
from evalroom.ids import LotId, SeatCode
from evalroom.report.chronicle import Kept, told
from evalroom.report.data import Failure

ALL_REJECTED = "all_rejected"
NO_COMPETITION = "no_competition"
NO_PRICE = "no_price"
ORDERED = "ordered"
"""Grounds of `LotFailed`."""

BY_MEMBERS = frozenset({ALL_REJECTED, NO_COMPETITION})
"""Grounds that the committee concluded, by its review or its vote."""


def failure_of(chronicle: list[Kept], lot: LotId, members: Sequence[SeatCode]) -> Failure | None:
    """Return the failure of a lot that stands, the last one told; None when none was."""
    found = [(kept, event) for kept, event in told(chronicle, ev.LotFailed) if event.lot == lot]
    if not found:
        return None
    kept, event = found[-1]
    by = tuple(members) if event.ground in BY_MEMBERS else _ordered_by(chronicle, lot)
    return Failure(kept.at, event.ground, event.reason, () if event.ground == NO_PRICE else by)


def _ordered_by(chronicle: list[Kept], lot: LotId) -> tuple[SeatCode, ...]:
    """Name who proposed that a lot fail and who approved it: of several such proposals, the one that was approved."""
    proposers = {
        event.proposal: kept.actor
        for kept, event in told(chronicle, ap.Proposed)
        if event.act == ap.FailLot(lot)
    }
    decided = [(kept, event) for kept, event in told(chronicle, ap.Approved) if event.proposal in proposers]
    if not decided:
        return ()
    kept, event = decided[-1]
    return SeatCode(proposers[event.proposal]), SeatCode(kept.actor)
