"""The duty form's suggestions, read from the journal on disk once the results are signed.

Earlier nobody but the committee may know who was asked what about their sheets.  Scores and fragments are passed over:
of 40,500 cells none tells anything that the locks and findings do not.
"""

import sqlalchemy as sa

from evalroom.appraisal import ExpertAppraised
from evalroom.duty import Suggestion, prefill
from evalroom.events import Fact
from evalroom.ids import LotId, SeatCode
from evalroom.session import PEOPLE, Session, Unknown, WrongStage
from main_site.services.conductor import MAX_ENTRY_TEXT
from main_site.store import journal as store
from signaling.codec import decode_fact, parse_json

_PASSED_OVER = tuple(
    f'"type":"{kind}"'.encode()
    for kind in (
        "ScoreEntered",
        "FragmentRecorded",
        "ClockMapped",
        "SiteOffsetMeasured",
        "CheckpointCosigned",
    )
)
"""As they stand in an entry's canonical text; inside a text of somebody's, the quotes would be escaped."""


def read_suggestions(
    engine: sa.Engine, session: Session, seat: SeatCode, lot: LotId
) -> tuple[Suggestion, ...]:
    """Return what the journal tells of each question; reads the disk.

    Raises:
        WrongStage: the results are not signed yet.
        Unknown: no such member or lot.
    """
    if session.stage not in PEOPLE[ExpertAppraised]:
        raise WrongStage(stage=session.stage, command="duty")
    if seat not in {*session.members, *session.left} or lot not in session.lots:
        raise Unknown(seat=seat[:64], lot=lot[:64])
    with engine.connect() as db:
        return prefill(
            ((row.seq, _fact(row)) for row in store.read(db, session.id) if _tells(row)), seat, lot
        )


def _tells(row: store.Row) -> bool:
    return not any(kind in row.entry for kind in _PASSED_OVER)


def _fact(row: store.Row) -> Fact:
    return decode_fact(parse_json(row.entry.decode(), limit=MAX_ENTRY_TEXT), row.secrets)
