"""Sessions whose lots are trimmed, tied or awarded by vote: their terms, their way to the summary, the acts there."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache

from evalroom import approval as ap
from evalroom import commands as co
from evalroom import events as ev
from evalroom import voting as vo
from evalroom.draws.facts import Purpose
from evalroom.events import Fact, Stage
from evalroom.ids import BidId, ItemId, SeatCode
from evalroom.needs import NeedCode
from evalroom.pricing.formula import Undecided
from evalroom.roles import Role
from evalroom.summary import AS_MARKED, F13, Award, Ballots, SummaryTerms, WidestTie
from evalroom.tender import Group, Part, Seat
from tests.evalroom import drawing
from tests.evalroom import room as plain
from tests.evalroom.room import BIDS, HOST, LOT, LOT1, OPERATOR, REGULATOR, Person, Room

NINE = tuple(SeatCode(f"E{number}") for number in range(1, 10))
SEATS = (*plain.SEATS, *(Seat(seat, HOST, HOST, Role.EXPERT, f"cabin {seat}") for seat in NINE[3:]))
_GROUPS = {"record": Group.COMMERCIAL, "service": Group.COMMERCIAL, "faults": Group.COMMERCIAL}
GROUPED = tuple(
    replace(item, group=_GROUPS.get(item.id, Group.TECHNICAL)) if item.part is Part.DETAILED else item
    for item in LOT1.items
)
JUDGED = tuple(item.id for item in GROUPED if item.part is Part.DETAILED and not item.objective)
BY_VOTE = SummaryTerms(award=Award.VOTE)
SHOWN = SummaryTerms(award=Award.VOTE, ballots=Ballots.OPEN)
TRIMMED = SummaryTerms(trim=F13, widest_tie=WidestTie.SEAT, technical=3, commercial=2)


Changes = Mapping[tuple[SeatCode, BidId, ItemId], str]
"""Values of cells by seat, bid and item."""


def opening(
    summary: SummaryTerms, undecided: Undecided = Undecided.DRAW, seats: tuple[Seat, ...] = plain.SEATS
) -> co.OpenSession:
    pricing = replace(LOT1.pricing, undecided=undecided, ties=())
    lot = replace(LOT1, items=GROUPED, summary=summary, pricing=pricing)
    return replace(plain.OPEN, seats=seats, tender=replace(plain.TENDER, lots=(lot,)))


def value_of(seat: SeatCode, bid: str, item: str, *, even: bool) -> str:
    """Return an unlike mark of each member; with `even` the first two bids get the same from everybody."""
    if item in ("form", "licence", "response"):
        return "pass"
    place = BIDS.index(BidId(bid))
    if even:
        return "1.5" if item in ("record", "faults") else f"{4 - max(place, 1)}.5"
    if item in ("record", "faults"):
        return f"{place + 1}.5"
    return f"{1 + (int(seat[1:]) + 2 * place + len(item)) % 4}.5"


def play(
    command: co.OpenSession,
    stage: Stage = Stage.SUMMARY,
    changes: Changes | None = None,
    *,
    even: bool = False,
) -> Room:
    """Lead a session up to `stage`; `changes` are values by seat, bid and item."""
    room = Room(people={seat.code: Person(seat) for seat in command.seats})
    room.give(plain.by_host(command))
    for person in room.people.values():
        room.give(person.check_in())
    lead(room, stage, changes, even=even)
    return room


def lead(room: Room, stage: Stage, changes: Changes | None = None, *, even: bool = False) -> None:
    """Lead a session on to `stage`; sheets that are locked stay as they are."""
    prices = dict.fromkeys(BIDS, 100000000) if even else plain.PRICES
    while room.session.stage is not stage:
        match room.session.stage:
            case Stage.GATHERING:
                for bid, price in prices.items():
                    room.give(room[OPERATOR].import_bid(bid, str(price)))
            case Stage.BRIEFED:
                for seat in room.session.experts():
                    if seat not in room.session.accepted:
                        room.give(room[seat].accept())
            case Stage.PRELIMINARY | Stage.DETAILED:
                judge(room, changes or {}, even=even)
                room.unlock()
                room.answer_all()
            case _:
                pass
        room.advance()


def judge(room: Room, changes: Changes, *, even: bool) -> None:
    """Let all members fill in and lock the sheet of this stage, and the witnesses cosign."""
    fill(room, changes, even=even)
    room.cosign()


def fill(room: Room, changes: Changes, *, even: bool) -> None:
    """Let all members fill in and lock the sheet of this stage."""
    part = Part(room.session.stage)
    bids = [bid for bid in BIDS if bid not in room.session.rejected.get(LOT, ())]
    for seat in room.session.experts():
        if room.session.sheet(seat, LOT, part).locked is not None:
            continue
        for item in room.session.lots[LOT].items:
            for bid in bids if item.part is part else ():
                value = changes.get((seat, bid, item.id)) or value_of(seat, bid, item.id, even=even)
                reason = "page 3" if item.id == "faults" or value == "fail" else ""
                room.give(room[seat].enter(bid, item.id, value, reason=reason))
        room.lock(seat)


@cache
def _tied(undecided: Undecided) -> Room:
    return play(opening(AS_MARKED, undecided), even=True)


def tied(undecided: Undecided) -> Room:
    """Return a session whose first two bids no key tells apart."""
    room = _tied(undecided)
    assert (BIDS[0], BIDS[1]) == room.session.rankings[LOT].ties
    return room.copy()


@cache
def _voting(summary: SummaryTerms, undecided: Undecided) -> Room:
    return play(opening(summary, undecided))


def voting(summary: SummaryTerms = BY_VOTE, undecided: Undecided = Undecided.DRAW) -> Room:
    return _voting(summary, undecided).copy()


def vote(room: Room, *choices: str) -> tuple[Fact, ...]:
    """Let the members vote in the open round, in the order of their seats; return what the last ballot led to."""
    (ballot,) = room.session.votes.open.values()
    facts: tuple[Fact, ...] = ()
    for seat, choice in zip(room.session.experts(), choices, strict=False):
        facts = room.try_out(ballot_of(room, seat, choice, ballot.opened))
        room.take(*facts)
    return facts


def ballot_of(room: Room, seat: SeatCode, choice: str, opened: vo.VoteOpened) -> co.Order:
    person = room[seat]
    cmd = person.new_id()
    commitment, secret = person.secret(cmd, "/choice", choice)
    return person.order(co.CastBallot(opened.vote, opened.round, commitment), cmd, (secret,))


def propose(room: Room, act: ap.Act, by: SeatCode = OPERATOR) -> None:
    facts = room.try_out(room[by].order(co.Propose("p1", act, "the cheaper to run, as the owner said")))
    room.take(*facts)


def approve(room: Room, by: SeatCode = REGULATOR) -> tuple[Fact, ...]:
    digest = room.session.approvals.waiting["p1"].digest
    facts = room.try_out(room[by].order(co.Approve("p1", digest)))
    room.take(*facts)
    return facts


def draw(room: Room, command: co.DeclareDraw) -> tuple[Fact, ...]:
    """Hold a draw from its declaration to its result."""
    table = drawing.Table(room.history, room.session, room.people)
    table.take(*table.try_out(table.declaring(command)))
    for seat in command.parties:
        table.take(*table.try_out(table.committing(seat, command.draw)))
    facts: tuple[Fact, ...] = ()
    for seat in command.parties:
        facts = table.try_out(table.revealing(seat, command.draw))
        table.take(*facts)
    return facts


def tie_draw(*bids: str) -> co.DeclareDraw:
    about = {"purpose": Purpose.TIE, "subject": "first place", "options": bids, "count": len(bids)}
    return drawing.price_draw(**about)


def needed(room: Room) -> dict[NeedCode, tuple[str, ...]]:
    return {need.code: need.names for need in room.session.missing_for(Stage.REPORTING)}


def events(facts: Iterable[Fact]) -> list[ev.Event]:
    return [fact.event for fact in facts]
