"""From the session to the report of one lot: every table of domain.md, made from what the journal says and nothing else.

The order of every list is that of the tender or of the journal, so that two hosts, or a host and whoever replays the
archive, make the same bytes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from decimal import Decimal

from evalroom import approval as ap
from evalroom import events as ev
from evalroom import voting as vo
from evalroom.clarification import AnswerEntered, Question, QuestionAnswered, QuestionSent
from evalroom.draws import facts as df
from evalroom.encoding import to_json
from evalroom.findings import Findings
from evalroom.ids import BidId, BidNumber, LotId, SeatCode, SessionId
from evalroom.ledger.canonical import Json, canonical
from evalroom.report import data
from evalroom.report.chronicle import INCIDENTS, Kept, told
from evalroom.report.failure import failure_of
from evalroom.report.state import Voided
from evalroom.reporting import Section
from evalroom.roles import Role
from evalroom.sealing import facts as sf
from evalroom.sealing.ceremony import WindowRecord
from evalroom.settlement import LotAwarded, MarksSummed
from evalroom.sheet import Sheet, points_of
from evalroom.stages import Stage
from evalroom.tender import GROUPS, Item, ItemKind, Lot, Part, Seat, Site, Tender

UNGROUPED = "other"
"""Where the points of items without a group are added up."""

_ABOUT_LOTS: tuple[type[object], ...] = (ev.SheetReopened, ev.PriceCorrected, ev.LotFailed)
"""Incidents that concern one lot and no other's report."""


@dataclass(frozen=True, slots=True)
class Material:
    """What a report is made of: the session's state as far as it concerns one lot, and the chronicle.

    `sheets` are those open to the group; `turned_away` names the formula's rule for each bid of a lot without a price.
    """

    session: SessionId
    tender: Tender
    lot: Lot
    rehearsal: bool
    sites: Sequence[Site]
    seats: Sequence[Seat]
    members: Sequence[SeatCode]
    chair: SeatCode | None
    sheets: Mapping[tuple[SeatCode, Part], Sheet]
    findings: Findings
    prices: ev.PricesComputed | None
    ranking: ev.RankingComputed | None
    rejected: frozenset[BidId]
    numbers: Mapping[BidId, BidNumber]
    windows: Mapping[str, WindowRecord]
    marks: MarksSummed | None
    settled: tuple[BidId, ...]
    awarded: LotAwarded | None
    questions: Mapping[str, Question]
    prose: Mapping[Section, str]
    justified: Mapping[str, str]
    earlier: Sequence[Voided]
    chronicle: list[Kept]
    failed: bool = False
    turned_away: Mapping[str, str] = field(default_factory=dict)


def build(of: Material) -> data.Report:
    """Return the report of a lot as its material stands."""
    # Of a lot that failed after it was ranked, the report ranks nobody: a candidate in it would be read as one.
    lot, ranking = of.lot, None if of.failed else of.ranking
    return data.Report(
        form=data.FORM,
        session=of.session,
        tender=of.tender.code,
        title=of.tender.title,
        lot=lot.id,
        lot_title=lot.title,
        rehearsal=of.rehearsal,
        formula=of.prices.formula if of.prices else "",
        weight=lot.pricing.weight,
        candidates=lot.candidates,
        rounding=data.ReportedRounding(lot.pricing.total, lot.summary.technical, lot.summary.commercial),
        sites=tuple(data.ReportedSite(one.id, one.name, one.host) for one in of.sites),
        items=tuple(_item(one) for one in lot.items),
        bids=tuple(data.ReportedBid(bid.id, bid.bidder) for bid in lot.bids),
        stages=tuple(_stages(of)),
        attendance=tuple(_attendance(of)),
        opening=tuple(_opening(of)),
        review=tuple(_review(of)),
        sheets=tuple(_sheets(of)),
        subtotals=tuple(_subtotals(of)),
        prices=of.prices,
        ranking=ranking.rows if ranking else (),
        ties=ranking.ties if ranking else (),
        failure=failure_of(of.chronicle, lot.id, of.members) if of.failed else None,
        rejections=tuple(_rejections(of)),
        marks=of.marks if ranking else None,
        settled=of.settled if ranking else (),
        awarded=of.awarded if ranking else None,
        clarifications=tuple(_clarifications(of)),
        findings=tuple(_findings(of)),
        incidents=tuple(_incidents(of)),
        earlier=tuple(
            data.EarlierReport(number, one.made.sha256, one.made.at, one.at, one.stands)
            for number, one in enumerate(of.earlier, 1)
        ),
        votes=tuple(_votes(of)),
        draws=tuple(_draws(of)),
        prose=tuple(data.Prose(section, of.prose[section]) for section in Section if section in of.prose),
        warnings=tuple(data.Justified(code, reason) for code, reason in sorted(of.justified.items())),
    )


def _item(item: Item) -> data.ReportedItem:
    group = item.group.value if item.group else UNGROUPED
    return data.ReportedItem(
        item.id, item.part, group, item.kind, item.title, item.full, item.objective, item.options
    )


def _stages(of: Material) -> Iterator[data.StageRow]:
    """Yield when stages were entered; not the signing, which begins with the report itself."""
    for kept, event in told(of.chronicle, ev.StageChanged):
        if event.after is not Stage.SIGNING:
            yield data.StageRow(kept.at, event.after)


def _attendance(of: Material) -> Iterator[data.Attendance]:
    joined: dict[str, int] = {}
    for kept, came in told(of.chronicle, ev.SeatJoined):
        joined.setdefault(came.seat, kept.at)
    accepted = {
        event.seat: (event.sha256, kept.at) for kept, event in told(of.chronicle, ev.DisciplineAccepted)
    }
    for seat in of.seats:
        sha256, at = accepted.get(seat.code, ("", None))
        member = seat.code in of.members
        if member or seat.code in joined:
            yield data.Attendance(
                seat.code, seat.site, seat.role, seat.label, seat.specialty, member, seat.code == of.chair,
                joined.get(seat.code), sha256 if seat.role is Role.EXPERT else "", at,
            )  # fmt: skip


def _opening(of: Material) -> Iterator[data.OpeningRow]:
    """Yield the record of each window for the sealed bids that joined this lot, or were lost before they joined any."""
    ours = set(of.numbers.values())
    objections = {
        (event.window, event.bid): event.objection for _, event in told(of.chronicle, sf.RecordConfirmed)
    }
    for name, window in of.windows.items():
        for number, row in window.rows.items():
            if number in ours or row.verdict is not sf.Verdict.OPENED:
                prices = tuple((one.lot, one.price_fen) for one in row.prices if one.lot == of.lot.id)
                yield data.OpeningRow(
                    name, row.bid, row.bidder, row.verdict.value, row.cause, row.party, prices,
                    (name, number) in objections, objections.get((name, number), ""),
                )  # fmt: skip


def _reviewed(of: Material) -> ev.BidsReviewed | None:
    """Return the review that stands: the last one of this lot that no step back and no replacement voided."""
    found: ev.BidsReviewed | None = None
    for one in of.chronicle:
        match one.event:
            case ev.BidsReviewed(lot=of.lot.id):
                found = one.event
            case ev.SteppedBack(after=Stage.PRELIMINARY) | ev.ExpertReplaced():
                found = None
            case _:
                pass
    return found


def _review(of: Material) -> Iterator[data.ReviewedBid]:
    reviewed = _reviewed(of)
    for vote in reviewed.votes if reviewed else ():
        yield data.ReviewedBid(vote.bid, vote.against, vote.members, vote.rejected)


def _sheets(of: Material) -> Iterator[data.ReportedSheet]:
    for part in Part:
        for seat in of.members:
            sheet = of.sheets.get((seat, part))
            if sheet is None or sheet.locked is None:
                continue
            keys = ((bid.id, item.id) for bid in of.lot.bids for item in of.lot.items if item.part is part)
            cells = tuple(
                data.ReportedCell(*key, sheet.cells[key].value, sheet.cells[key].reason)
                for key in keys
                if key in sheet.cells and sheet.cells[key].value
            )
            yield data.ReportedSheet(seat, part, sheet.locked, cells)


def _subtotals(of: Material) -> Iterator[data.Subtotal]:
    """Yield each member's points for each bid that is still in, by group and in all."""
    items = [item for item in of.lot.items if item.part is Part.DETAILED and item.kind is not ItemKind.PASS]
    names = [*(group.value for group in GROUPS[Part.DETAILED]), UNGROUPED]
    for seat in of.members:
        sheet = of.sheets.get((seat, Part.DETAILED))
        for bid in of.lot.bids if sheet else ():
            if bid.id in of.rejected or sheet is None:
                continue
            earned = {
                item.id: points_of(item, sheet.cells[bid.id, item.id].value)
                for item in items
                if (bid.id, item.id) in sheet.cells
            }
            groups = {item.id: item.group.value if item.group else UNGROUPED for item in items}
            for name in names:
                own = [points for item, points in earned.items() if groups[item] == name]
                if own:
                    yield data.Subtotal(seat, bid.id, name, str(sum(own, Decimal(0))))
            yield data.Subtotal(seat, bid.id, "", str(sum(earned.values(), Decimal(0))))


def _rejections(of: Material) -> Iterator[data.Rejection]:
    yield from _lost(of)
    reviewed = _reviewed(of)
    for vote in reviewed.votes if reviewed else ():
        for ground in vote.grounds if vote.rejected else ():
            if 2 * len(ground.seats) > vote.members:
                reasons = tuple(_reason(of, seat, vote.bid, ground.item) for seat in ground.seats)
                yield data.Rejection(vote.bid, Stage.PRELIMINARY, ground.item, ground.seats, reasons)
    for row in of.prices.rows if of.prices else ():
        if not row.admitted:
            yield data.Rejection(BidId(row.bid), Stage.PRICING, row.why, (), ())
    for bid, why in of.turned_away.items():
        yield data.Rejection(BidId(bid), Stage.PRICING, why, (), ())


def _lost(of: Material) -> Iterator[data.Rejection]:
    """Yield the bids that joined this lot and that a later window of the opening lost."""
    for bid, number in of.numbers.items():
        for window in of.windows.values():
            judged = window.verdicts.get(number)
            if judged is not None and judged.verdict is not sf.Verdict.OPENED:
                yield data.Rejection(bid, Stage.OPENING, judged.cause or judged.verdict.value, (), ())


def _reason(of: Material, seat: SeatCode, bid: BidId, item: str) -> str:
    sheet = of.sheets.get((seat, Part.PRELIMINARY)) or Sheet()
    cell = next((one for key, one in sheet.cells.items() if key == (bid, item)), None)
    return cell.reason if cell else ""


def _clarifications(of: Material) -> Iterator[data.ClarificationRow]:
    """Yield the questions that were sent about this lot; what a stage voided stays, as an annex."""
    told_at = {event.question: kept.at for kept, event in told(of.chronicle, QuestionSent)}
    answers = (QuestionAnswered, AnswerEntered)
    answered_at = {event.question: one.at for one in of.chronicle if isinstance(event := one.event, answers)}
    for name, one in of.questions.items():
        if one.sent and one.drafted.lot == of.lot.id:
            yield data.ClarificationRow(
                one.drafted.bid, one.by, told_at.get(name), one.drafted.text, answered_at.get(name),
                one.answer or "", one.paper, one.annex,
            )  # fmt: skip


def _findings(of: Material) -> Iterator[data.FindingRow]:
    for one in of.findings.standing():
        event = one.event
        for seat in event.seats if event.lot == of.lot.id else ():
            answer = of.findings.answered.get((event.finding, seat))
            yield data.FindingRow(
                event.finding, event.code.value, event.part, event.bid, event.item, seat,
                answer is not None, answer.stand if answer else False, answer.reason if answer else "",
            )  # fmt: skip


def _incidents(of: Material) -> Iterator[data.Incident]:
    for one in of.chronicle:
        if type(one.event) not in INCIDENTS:
            continue
        if isinstance(one.event, _ABOUT_LOTS) and getattr(one.event, "lot", of.lot.id) != of.lot.id:
            continue
        yield data.Incident(one.at, type(one.event).__name__, one.actor, tuple(_texts(one.event)))


def _texts(event: object) -> Iterator[tuple[str, str]]:
    """Write the members of a fact as texts; an act of two persons by its kind and its own members."""
    for member in fields(event):  # type: ignore[arg-type] # every event is a dataclass
        value: object = getattr(event, member.name)
        if isinstance(value, ap.Act):
            yield from (one for one in _texts(value) if one[0] != "kind")
            yield "act", value.kind
        else:
            yield member.name, _text(to_json(value))


def _text(value: Json) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else canonical(value).decode()


def _votes(of: Material) -> Iterator[data.VoteRow]:
    concerns: dict[str, str] = {event.vote: event.lot for _, event in told(of.chronicle, vo.VoteOpened)}
    for _, event in told(of.chronicle, vo.VoteCounted):
        if concerns.get(event.vote, "") in ("", of.lot.id):
            counts = tuple((one.option, one.votes) for one in event.counts)
            yield data.VoteRow(event.vote, event.round, counts, event.outcome, event.tied)


def _draws(of: Material) -> Iterator[data.DrawRow]:
    declared = {event.draw: event for _, event in told(of.chronicle, df.DrawDeclared)}
    for _, made in told(of.chronicle, df.DrawMade):
        terms = declared.get(made.draw)
        if terms is not None and terms.lot in (LotId(""), of.lot.id):
            yield data.DrawRow(made.draw, str(terms.purpose), made.drawn)
