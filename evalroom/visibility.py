"""Who sees what: `view` is the only place that hides anything, and it denies by default.

It runs before anything is written for the wire.  An event without a rule here reaches nobody; a rule gives
each audience the members it may see and, where it is entitled, the opened values.  What is withheld is
absent, not blank: two sessions that differ in one hidden score give everybody else the same bytes.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from evalroom import appraisal as aa
from evalroom import approval as ap
from evalroom import checkin as ci
from evalroom import clarification as cl
from evalroom import complaint as cp
from evalroom import events as ev
from evalroom import faults as fa
from evalroom import more_time as mt
from evalroom import pledge as pl
from evalroom import reporting as rp
from evalroom import roles
from evalroom import voting as vo
from evalroom.draws.facts import DRAW_EVENTS
from evalroom.encoding import body_of, to_json
from evalroom.events import Event, Fact
from evalroom.ids import BidNumber, CommandId, LotId, SeatCode, SiteId
from evalroom.ledger.canonical import Json, canonical
from evalroom.media import TrackKind
from evalroom.roles import Role
from evalroom.sealing import facts as sf
from evalroom.sealing.dark import document_tag
from evalroom.sealing.policy import PartName
from evalroom.session import Session
from evalroom.settlement import LotAwarded, MarksSummed, TieSettled
from evalroom.tender import DARKENED, Part

CELLS_PER_ITEM = 200
"""Cells in one `SheetOpened` item: with reasons of usual length it stays far below a frame of 64 KiB."""

BYTES_PER_ITEM = 32_000
"""Bytes of the cells of one `SheetOpened` item in a frame; long reasons fill it before 200 cells do."""


@dataclass(frozen=True, slots=True)
class Audience:
    """Who reads: a seat in its role, or a site's node (role `node`, seat empty)."""

    seat: SeatCode
    role: Role
    site: SiteId
    node: SiteId


@dataclass(frozen=True, slots=True)
class Seen:
    """What one audience sees of one fact: its type, visible members, opened values, own command id."""

    type: str
    body: Mapping[str, Json]
    opened: Mapping[str, str] = field(default_factory=dict)
    cmd: CommandId | None = None


Rule = Callable[[Fact, Audience, Session], tuple[Seen, ...]]

_EXPERT, _SUPERVISOR, _OPERATOR = Role.EXPERT, Role.SUPERVISOR, Role.OPERATOR
_SITE_OPERATOR, _ARCHIVIST, _NODE = Role.SITE_OPERATOR, Role.ARCHIVIST, Role.NODE
_REGULATOR = Role.REGULATOR
_EVERYBODY = frozenset({_EXPERT, _SUPERVISOR, _OPERATOR, _SITE_OPERATOR, _ARCHIVIST, _REGULATOR, _NODE})
_COMMITTEE = frozenset({_EXPERT, _SUPERVISOR, _OPERATOR, _ARCHIVIST, _REGULATOR})
_WATCH = frozenset({_SUPERVISOR, _OPERATOR, _REGULATOR})
_READERS = frozenset({_EXPERT, _REGULATOR})
"""Who reads all sheets once they are unlocked."""
_STAFF = frozenset({_SUPERVISOR, _OPERATOR, _ARCHIVIST, _REGULATOR})


def view(fact: Fact, who: Audience, session: Session) -> tuple[Seen, ...]:
    """Return what `who` sees of `fact`, in order; `session` has already taken the fact in."""
    rule = _RULES.get(type(fact.event))
    outside = who.role is _EXPERT and who.seat not in session.members
    if rule is None or (outside and type(fact.event) in CONCLUSIONS):
        return ()
    return rule(fact, who, session)


def owner_only(event: Event) -> bool:
    """Say whether nobody but the actor's own seat can see anything of this event."""
    return type(event) in _OWN


def _plain(fact: Fact, who: Audience, without: tuple[str, ...] = ()) -> tuple[Seen, ...]:
    body = {name: value for name, value in body_of(fact.event).items() if name not in without}
    return (Seen(type(fact.event).__name__, body, cmd=fact.cmd if fact.actor == who.seat else None),)


def _for(roles: frozenset[Role], *without: str) -> Rule:
    """Make the rule: these roles see the event, less the members named."""
    return lambda fact, who, _: _plain(fact, who, without) if who.role in roles else ()


def _own(fact: Fact, who: Audience, _: Session) -> tuple[Seen, ...]:
    if fact.actor != who.seat:
        return ()
    opened = {secret.path: secret.value for secret in fact.secrets}
    return (Seen(type(fact.event).__name__, body_of(fact.event), opened, fact.cmd),)


_TOLD_TO_EXPERTS = (
    ap.StepBack, ap.ReopenSheet, ap.Resume, ap.ReleaseQuestion, ap.SettleFault, ap.ReopenForComplaint,
)  # fmt: skip


def _proposal(fact: Fact, who: Audience, _: Session) -> tuple[Seen, ...]:
    """Show proposals to the staff; to experts those about sheets, questions, stages and pauses, not those about persons."""
    event = fact.event
    told = isinstance(event, ap.Proposed) and isinstance(event.act, _TOLD_TO_EXPERTS)
    may = who.role in _STAFF or (who.role is _EXPERT and (told or fact.actor == who.seat))
    return _plain(fact, who) if may or (who.role is _SITE_OPERATOR and fact.actor == who.seat) else ()


def _recusal(fact: Fact, who: Audience, _: Session) -> tuple[Seen, ...]:
    """Tell everybody that a member changed; why, only the staff and the member."""
    knows = who.role in _STAFF or fact.actor == who.seat
    return _plain(fact, who, () if knows else ("reason",)) if who.role in _EVERYBODY else ()


def _lock(fact: Fact, who: Audience, _: Session) -> tuple[Seen, ...]:
    if who.role not in _COMMITTEE | {_SITE_OPERATOR}:
        return ()
    return _plain(fact, who, () if fact.actor == who.seat else ("digest", "statement"))


def _bid(fact: Fact, who: Audience, _: Session) -> tuple[Seen, ...]:
    if who.role not in _COMMITTEE | {_NODE}:
        return ()
    own = fact.actor == who.seat
    opened = {secret.path: secret.value for secret in fact.secrets} if own else {}
    body = {name: value for name, value in body_of(fact.event).items() if own or name != "price"}
    return (Seen("BidImported", body, opened, fact.cmd if own else None),)


def _unlocked(fact: Fact, who: Audience, session: Session) -> tuple[Seen, ...]:
    event = fact.event
    if not isinstance(event, ev.GroupUnlocked) or who.role not in _COMMITTEE | {_NODE, _SITE_OPERATOR}:
        return ()
    named = tuple(_named(fact, who, session))
    if who.role not in _READERS:
        return (*_plain(fact, who, ("sheets",)), *named)
    opened = [
        seen for seat in session.experts() for seen in _opened_sheet(session, seat, event.lot, event.part)
    ]
    return (*_plain(fact, who), *opened, *named)


def _failed(fact: Fact, who: Audience, session: Session) -> tuple[Seen, ...]:
    """Tell everybody that a lot failed; with the last one whose sheets were awaited the dark may end."""
    return (*_plain(fact, who), *_named(fact, who, session)) if who.role in _EVERYBODY else ()


def _named(fact: Fact, who: Audience, session: Session) -> Iterator[Seen]:
    """Tell whose the dark bids are: the entry just taken in was the last that they waited for.

    Experts are told again whenever the sheets of all dark lots are unlocked anew: one of them may have been a reserve.
    """
    event = fact.event
    anew = (
        isinstance(event, ev.GroupUnlocked) and event.part is Part.DETAILED and session.dark_lots_unlocked()
    )
    due = session.named_at == session.size or (who.role is _EXPERT and anew)
    outside = who.role is _EXPERT and who.seat not in session.members
    if not session.named_at or not due or outside or who.role not in _COMMITTEE | {_NODE}:
        return
    if who.role is not _NODE:
        dark = {lot.id for lot in session.lots.values() if lot.dark}
        for one in session.asides.questions.withheld(dark):
            told: dict[str, Json] = {
                "question": one.drafted.question,
                "text": one.answer,
                "marks": list(one.marks),
            }
            yield Seen("QuestionAnswered", told)
    for lot in session.lots.values():
        for bid in lot.bids if lot.dark else ():
            number = session.ceremony.admitted[bid.id].number
            body: dict[str, Json] = {
                "lot": lot.id,
                "bid": bid.id,
                "number": number,
                "bidder": bid.bidder,
                "documents": to_json(documents_of(session, number)),
            }
            yield Seen("DarkBidNamed", body)


def _answer(fact: Fact, who: Audience, session: Session) -> tuple[Seen, ...]:
    """Show a bidder's answer without its signature, which only the bidder's key checks; the archive has it.

    As long as the lot is dark, an answer that may tell whose it is stays from everybody: only that it came is told.
    """
    event = fact.event
    if not isinstance(event, cl.QuestionAnswered) or who.role not in _COMMITTEE:
        return ()
    asked = session.asides.questions.all.get(event.question)
    hidden = event.marks and (asked is None or asked.drafted.lot in session.dark_parts())
    return _plain(fact, who, ("signature", "text") if hidden else ("signature",))


def documents_of(session: Session, number: BidNumber) -> tuple[sf.OpenedPart, ...]:
    """Return the parts of an opened bid that are read as documents."""
    return tuple(one for one in session.ceremony.documents_of(number) if one.part in DARKENED)


def _dark_bid(fact: Fact, who: Audience, session: Session) -> tuple[Seen, ...]:
    """Show that a bid joined under its code; a node also learns by which names to ask for its dark documents.

    The lengths that it needs are those of a bidder's own file, which no list of a tender with dark lots has.
    """
    event = fact.event
    if not isinstance(event, sf.DarkBidAdmitted) or who.role not in _COMMITTEE | {_NODE}:
        return ()
    body: dict[str, Json] = {"lot": event.lot, "bid": event.bid}
    if who.role is _NODE:
        secret, dark = fact.secrets[0], session.lots[event.lot].dark
        body["documents"] = [
            {"part": one.part.value, "sha256": document_tag(secret.nonce, one.part), "size": one.size}
            for one in documents_of(session, BidNumber(secret.value))
            if one.part in dark
        ]
    return (Seen("DarkBidAdmitted", body),)


def _opened_sheet(session: Session, seat: SeatCode, lot: LotId, part: Part) -> list[Seen]:
    sheet = session.sheet(seat, lot, part)
    rows: list[Json] = [
        [bid, item, cell.revision, cell.value, cell.reason]
        for (bid, item), cell in sorted(sheet.cells.items())
    ]
    return [
        Seen("SheetOpened", {"seat": seat, "lot": lot, "part": to_json(part), "cells": cells})
        for cells in _chunks(rows)
    ]


def _chunks(rows: list[Json]) -> list[list[Json]]:
    chunks: list[list[Json]] = [[]]
    size = 0
    for row in rows:
        length = _framed(row)
        size += length
        if chunks[-1] and (len(chunks[-1]) >= CELLS_PER_ITEM or size > BYTES_PER_ITEM):
            chunks.append([])
            size = length
        chunks[-1].append(row)
    return chunks


def _framed(row: Json) -> int:
    """Return the bytes of a row in a frame: an item's text stands in a message, its quotes escaped twice."""
    text = canonical(row)
    return len(text) + text.count(b'"') + text.count(b"\\")


def _not_dark(rule: Rule) -> Rule:
    """Keep from experts what names bids of the lists, their bidders or prices, as long as a lot is dark.

    What they would be told of an opening could be joined with what they read; afterwards they learn the names.
    """
    return lambda fact, who, session: (
        () if who.role is _EXPERT and session.dark_parts() else rule(fact, who, session)
    )


def _listed(fact: Fact, who: Audience, session: Session) -> tuple[Seen, ...]:
    """Show a list of bids to everybody, in pieces that fit a frame; the first also when there are none.

    With dark lots the digests stay out: by them bidders ask for what tells the length of their documents.
    """
    event = fact.event
    if who.role not in _EVERYBODY or not isinstance(event, sf.BidsClosed | sf.ShareReleased):
        return ()
    body, kind = body_of(event), type(event).__name__
    rows = body["bids"]
    if session.dark_parts() and isinstance(event, sf.BidsClosed):
        rows = [{"bid": one.bid, "root": one.root} for one in event.bids]
    pieces = _chunks(list(rows)) if isinstance(rows, list) else []
    return tuple(Seen(kind, {**body, "bids": piece}) for piece in pieces)


def _summed(fact: Fact, who: Audience, _: Session) -> tuple[Seen, ...]:
    """Show how marks were summed, the cells in pieces that fit a frame; the first piece alone has the rest."""
    event = fact.event
    if who.role not in _COMMITTEE or not isinstance(event, MarksSummed):
        return ()
    body = body_of(event)
    rows = body["cells"]
    first, *more = _chunks(list(rows) if isinstance(rows, list) else [])
    rest: list[dict[str, Json]] = [{**body, "spreads": [], "marks": [], "cells": piece} for piece in more]
    return tuple(Seen("MarksSummed", one) for one in ({**body, "cells": first}, *rest))


def _reviewed(fact: Fact, who: Audience, _: Session) -> tuple[Seen, ...]:
    """Show the votes and their grounds; who failed a bid is a value, which stays with the committee."""
    event = fact.event
    if who.role not in _COMMITTEE or not isinstance(event, ev.BidsReviewed):
        return ()
    if who.role in _READERS:
        return _plain(fact, who)
    votes: list[Json] = [
        {**body_of(vote), "grounds": [{"item": ground.item} for ground in vote.grounds]}
        for vote in event.votes
    ]
    return (Seen("BidsReviewed", {**body_of(event), "votes": votes}),)


def _signed(fact: Fact, who: Audience, _: Session) -> tuple[Seen, ...]:
    """Show how members stand to a report; a site's operator, who does not read it, learns who has signed."""
    if who.role is _SITE_OPERATOR:
        return _plain(fact, who, ("stand", "reason"))
    return _plain(fact, who) if who.role in _COMMITTEE else ()


def _raised(fact: Fact, who: Audience, _: Session) -> tuple[Seen, ...]:
    """Show the committee what it is asked about; others learn that sheets are open again, of neither bid nor item.

    That points are far off or the same tells something of values, so before the summary nobody else hears of it.
    """
    event = fact.event
    told = isinstance(event, ev.FindingRaised) and event.code is ev.FindingCode.OBJECTIVE_DIFFERS
    if who.role is _EXPERT or (who.role is _REGULATOR and not told):
        return _plain(fact, who)
    return _plain(fact, who, ("bid", "item")) if told and who.role in _COMMITTEE else ()


def _answered(fact: Fact, who: Audience, session: Session) -> tuple[Seen, ...]:
    """Show an answer to whoever gave it; to the committee once the values it is about are open."""
    event = fact.event
    if not isinstance(event, ev.FindingAnswered):
        return ()
    raised = session.findings.raised.get(event.finding)
    unlocked = raised is not None and (raised.event.lot, raised.event.part) in session.unlocked
    own = fact.actor == who.seat
    if not own and not (unlocked and who.role in _READERS):
        return ()
    opened = {secret.path: secret.value for secret in fact.secrets}
    return (Seen("FindingAnswered", body_of(event), opened, fact.cmd if own else None),)


def _arrived(fact: Fact, who: Audience, session: Session) -> tuple[Seen, ...]:
    event = fact.event
    if not isinstance(event, ci.OccupancyConfirmed | ci.PhoneKept | ci.PhoneReturned):
        return ()
    return _about_seat(event.seat, fact, who, session)


def _appraised(fact: Fact, who: Audience, _: Session) -> tuple[Seen, ...]:
    """Show a duty form and its answer to the staff and to whom it is about, to no other member."""
    event = fact.event
    if not isinstance(event, aa.AppraisalEvent):
        return ()
    return _plain(fact, who) if who.role in _STAFF or who.seat == event.seat else ()


def _recording(fact: Fact, who: Audience, session: Session) -> tuple[Seen, ...]:
    event = fact.event
    if not isinstance(
        event, ev.TrackStarted | ev.TrackEnded | ev.GapDeclared | ev.FormatChanged | rp.GapExplained
    ):
        return ()
    seat = session.tracks[event.track].seat if event.track in session.tracks else SeatCode("")
    return _about_seat(seat, fact, who, session)


def _presence(fact: Fact, who: Audience, session: Session) -> tuple[Seen, ...]:
    event = fact.event
    if not isinstance(event, ev.SeatLost | ev.SeatReturned | ev.SeatTested | ev.AlarmRaised):
        return ()
    return _about_seat(SeatCode(event.seat), fact, who, session)


def _about_seat(seat: SeatCode, fact: Fact, who: Audience, session: Session) -> tuple[Seen, ...]:
    """Show what concerns one seat to the host's staff, to its own site's operator and to the seat itself."""
    at_site = session.seats[seat].node if seat in session.seats else fact.site
    near = who.role is _SITE_OPERATOR and at_site == who.node
    return _plain(fact, who) if who.role in _WATCH or near or (seat and seat == who.seat) else ()


def _alarm_closed(fact: Fact, who: Audience, _: Session) -> tuple[Seen, ...]:
    return _plain(fact, who) if who.role in _WATCH | {_SITE_OPERATOR} else ()


_RULES: Mapping[type[Event], Rule] = {
    ev.SessionOpened: _for(_EVERYBODY),
    ev.StageChanged: _for(_EVERYBODY),
    ev.SessionPaused: _for(_EVERYBODY),
    ev.SessionResumed: _for(_EVERYBODY),
    ev.SessionClosed: _for(_EVERYBODY),
    ev.BidImported: _bid,
    ev.SteppedBack: _for(_EVERYBODY),
    ev.TenderFailed: _for(_EVERYBODY),
    ev.SessionAborted: _for(_EVERYBODY),
    ev.LotFailed: _failed,
    ev.BookingConfirmed: _for(_STAFF | {_SITE_OPERATOR, _NODE}),
    ev.BookingDeclined: _for(_STAFF | {_SITE_OPERATOR, _NODE}),
    ap.Proposed: _proposal,
    ap.Approved: _for(_COMMITTEE | {_SITE_OPERATOR}),
    ap.Vetoed: _for(_COMMITTEE | {_SITE_OPERATOR}),
    vo.VoteOpened: _for(_COMMITTEE),
    vo.BallotCast: _own,
    vo.VoteCounted: _for(_COMMITTEE),
    vo.BallotsShown: _for(_COMMITTEE),
    vo.ChairElected: _for(_EVERYBODY),
    ev.ExpertRecused: _recusal,
    ev.ExpertReplaced: _recusal,
    ci.OccupancyConfirmed: _arrived,
    ci.PhoneKept: _arrived,
    ci.PhoneReturned: _arrived,
    ci.SiteDeclared: _for(_STAFF | {_SITE_OPERATOR}),
    pl.LegalPersonsEntered: _for(_STAFF),
    pl.LetterIssued: _for(_COMMITTEE),
    aa.ExpertAppraised: _appraised,
    aa.AppraisalAnswered: _appraised,
    ev.SheetReopened: _for(_COMMITTEE | {_SITE_OPERATOR}),
    ev.PriceCorrected: _for(_COMMITTEE),
    ev.PricesOpened: _for(_COMMITTEE),
    ev.SeatJoined: _for(_EVERYBODY, "key"),
    ev.SeatTested: _presence,
    ev.SeatLost: _presence,
    ev.SeatReturned: _presence,
    ev.DisciplineAccepted: _for(_COMMITTEE | {_SITE_OPERATOR}),
    ev.ScoreEntered: _own,
    ev.SheetLocked: _lock,
    ev.FindingRaised: _raised,
    ev.FindingAnswered: _answered,
    ev.GroupUnlocked: _unlocked,
    ev.BidsReviewed: _reviewed,
    ev.PricesComputed: _for(_COMMITTEE),
    ev.RankingComputed: _for(_COMMITTEE),
    MarksSummed: _summed,
    TieSettled: _for(_COMMITTEE),
    LotAwarded: _for(_COMMITTEE),
    rp.ReportEdited: _for(_COMMITTEE),
    rp.WarningJustified: _for(_COMMITTEE),
    rp.ReportMade: _for(_EVERYBODY),
    rp.ReportSigned: _signed,
    rp.AgreementDeemed: _signed,
    rp.ReportWitnessed: _for(_COMMITTEE | {_SITE_OPERATOR}),
    rp.GapExplained: _recording,
    ev.TrackStarted: _recording,
    ev.TrackEnded: _recording,
    ev.GapDeclared: _recording,
    ev.FormatChanged: _recording,
    ev.ReelReceived: _for(_WATCH),
    ev.SiteLost: _for(_WATCH),
    ev.SiteReturned: _for(_WATCH),
    ev.AlarmRaised: _presence,
    ev.AlarmClosed: _alarm_closed,
    ev.WitnessLate: _for(_WATCH),
    ev.WitnessRefused: _for(_WATCH),
    sf.TrusteeKeyPublished: _for(_EVERYBODY, "proof"),
    sf.PolicyDrafted: _for(_EVERYBODY),
    sf.PolicySigned: _for(_EVERYBODY, "signature"),
    sf.SubmissionsOpened: _for(_EVERYBODY),
    sf.BidsClosed: _not_dark(_listed),
    sf.OpeningAborted: _not_dark(_for(_EVERYBODY)),
    sf.OfficerSteppedUp: _for(_EVERYBODY),
    sf.WindowOpened: _for(_EVERYBODY),
    sf.WindowExtended: _not_dark(_for(_EVERYBODY)),
    sf.HalfReleased: _not_dark(_for(_EVERYBODY, "sealed")),
    sf.ShareReleased: _not_dark(_listed),
    sf.WindowClosed: _not_dark(_for(_EVERYBODY)),
    sf.BidJudged: _not_dark(_for(_EVERYBODY, "parts", "evidence", "signature")),
    sf.OpeningRecorded: _not_dark(_for(_EVERYBODY)),
    sf.PartKeyPublished: _not_dark(_for(_COMMITTEE)),
    sf.BidAdmitted: _for(_COMMITTEE | {_NODE}),
    sf.DarkBidAdmitted: _dark_bid,
    sf.PriceRead: _for(_COMMITTEE),
    sf.RecordConfirmed: _not_dark(_for(_EVERYBODY, "signature")),
    sf.CeremonyPaused: _not_dark(_for(_EVERYBODY)),
    sf.CeremonyResumed: _not_dark(_for(_EVERYBODY)),
    sf.KeysDestroyed: _for(_EVERYBODY, "signature"),
    sf.KeysNotDestroyed: _for(_EVERYBODY),
    **dict.fromkeys(DRAW_EVENTS, _for(_EVERYBODY)),
    cl.QuestionDrafted: _for(_COMMITTEE),
    cl.QuestionSent: _for(_COMMITTEE),
    cl.QuestionRelayed: _for(_COMMITTEE),
    cl.QuestionAnswered: _answer,
    cl.AnswerEntered: _for(_COMMITTEE),
    cl.QuestionUnanswered: _for(_COMMITTEE),
    mt.MoreTimeAsked: _for(_COMMITTEE),
    mt.MoreTimeGranted: _for(_EVERYBODY),
    fa.FaultDeclared: _for(_EVERYBODY),
    fa.FaultMended: _for(_EVERYBODY),
    fa.FaultSettled: _for(_EVERYBODY),
    cp.ComplaintOpened: _for(_EVERYBODY),
    cp.SupplementSigned: _for(_COMMITTEE),
    cp.ComplaintClosed: _for(_EVERYBODY),
}
"""Event to the rule of its audiences; what is missing here (fragments, clocks, checkpoints) stays in the archive.

Of what is handed in (`BidSubmitted`, `BidAcknowledged`, `BidWithdrawn`, `CoverMade`) nobody ever sees anything: the
closed list names the bids that count, and before it not even their number may be told; `PartKeySealed` is for whoever
holds an archive key, from the archive.  Digests of parts stay out of
`BidJudged`: a price sheet is guessed soon, and they would tell it before the record does.
`DarkBidNamed` follows the unlock, or the failure of a lot, that ends the dark: whose each code is, with the documents that may be read now.
"""

_OWN: frozenset[type[Event]] = frozenset({ev.ScoreEntered, vo.BallotCast})
"""Events of which only the actor's seat sees anything: the writer need not ask for every other audience."""


CONCLUSIONS: frozenset[type[Event]] = frozenset(
    {
        ev.SheetLocked, ev.SheetReopened, ev.GroupUnlocked, ev.BidsReviewed, ev.PricesOpened, ev.PriceCorrected,
        ev.PricesComputed, ev.RankingComputed, rp.ReportSigned, ev.FindingRaised, ev.FindingAnswered, sf.PriceRead,
        *cl.QuestionEvent.__args__, mt.MoreTimeAsked, cp.SupplementSigned,
        MarksSummed, TieSettled, LotAwarded,
        vo.VoteOpened, vo.VoteCounted, vo.BallotsShown, ap.Proposed, ap.Approved, ap.Vetoed,
        rp.ReportEdited, rp.WarningJustified, rp.ReportMade, rp.AgreementDeemed, rp.ReportWitnessed,
    }
)  # fmt: skip
"""What an expert outside the committee does not see: a newcomer finds nothing of what was concluded before."""


def nobody_sees(event: Event) -> bool:
    """Say whether no audience sees this event while the session runs."""
    return type(event) not in _RULES


SCORING: frozenset[ev.Stage] = frozenset({ev.Stage.PRELIMINARY, ev.Stage.DETAILED})
"""Stages in which an expert's screen shows values nobody else may see yet."""


def may_watch(role: Role, kind: TrackKind, stage: ev.Stage, *, own_site: bool) -> bool:
    """Say whether a seat may see a track live.

    An expert's screen shows the sheet: while sheets are open it is recorded, but nobody watches it.  Experts
    see each other's cameras, the host's staff all sites, a site's operator that site.
    """
    if role not in roles.MAY_WATCH or (role is Role.SITE_OPERATOR and not own_site):
        return False
    if kind is TrackKind.SCREEN:
        return stage not in SCORING and role in _WATCH
    return True


BEFORE_REVIEW: frozenset[ev.Stage] = frozenset(
    {
        ev.Stage.PLANNED, ev.Stage.BOOKED, ev.Stage.RECEIVING, ev.Stage.OPENING, ev.Stage.GATHERING,
        ev.Stage.BRIEFED, ev.Stage.ELECTING,
    }
)  # fmt: skip
"""Stages in which no expert reads a bid yet."""


def may_read_bids(role: Role, stage: ev.Stage) -> bool:
    """Say whether a role may read the bids now: experts and the regulator from the review on, the operator always."""
    return role is _OPERATOR or (role in (_EXPERT, _REGULATOR) and stage not in BEFORE_REVIEW)


def may_read_part(session: Session, lot: LotId, part: PartName) -> bool:
    """Say whether a part of a bid may be read by those who read bids at all: of a dark lot only what names nobody."""
    return part in session.dark_parts().get(lot, DARKENED)


def released(entry: Mapping[str, Any], session: Session) -> bool:
    """Say whether the secrets of a journal entry (type and body) may be shown to whoever reads the archive."""
    body = entry["body"]
    if entry["type"] == "BallotCast":  # a secret vote stays secret: counts are told, never who chose what
        return False
    if entry["type"] == sf.DarkBidAdmitted.__name__:
        return session.named_at > 0
    if entry["type"] == "BidImported":
        return body["bid"] in session.priced
    if entry["type"] == "FindingAnswered":
        asked = session.findings.raised.get(body["finding"])
        return asked is not None and (asked.event.lot, asked.event.part) in session.shown
    if entry["type"] == "SheetLocked":
        return (body["lot"], body["part"]) in session.shown
    lot = session.lots.get(body["lot"])
    part = next((item.part for item in lot.items if item.id == body["item"]), None) if lot else None
    return (body["lot"], part) in session.shown
