"""A session whose profile asks for confirmed seats, phones and appraisals, and its people's orders about people."""

from dataclasses import replace

from evalroom import appraisal as aa
from evalroom import approval as ap
from evalroom import checkin as ci
from evalroom import commands as co
from evalroom.approval import Proposed, proposal_digest
from evalroom.events import Fact, Stage
from evalroom.ids import SeatCode
from tests.evalroom import room as plain
from tests.evalroom.room import EXPERTS, LOT, OPERATOR, SITE_OPERATOR, SUPERVISOR, Room, by_host

E1, E2, E3 = EXPERTS
RULES = '[people]\ncheckin = "operator"\nphone = true\nappraisal = true\n'
TWO = '[people]\ncheckin = "two"\n'
KEEPER = {E1: OPERATOR, E2: SITE_OPERATOR, E3: SUPERVISOR}
"""Who keeps the seat's site: the host's own staff, the sub-site's operator, and the host's for a site without one."""


def opened(rules: str = RULES) -> Room:
    """Return a session in which everybody has checked in and nobody is confirmed."""
    room = Room()
    room.give(by_host(replace(plain.OPEN, profile=rules)))
    for person in room.people.values():
        room.give(person.check_in())
    return room


def confirming(
    room: Room,
    seat: SeatCode,
    by: SeatCode | None = None,
    *,
    occupancy: int = 1,
    basis: ci.Basis = ci.Basis.DEVICE,
    grade: ci.Grade = ci.Grade.OPERATOR,
    reason: str = "",
) -> co.Order:
    """Return the order by which somebody confirms a seat."""
    command = co.ConfirmOccupancy(seat, occupancy, grade, basis, reason)
    return room[by or KEEPER[seat]].order(command)


def keeping(
    room: Room, seat: SeatCode, by: SeatCode | None = None, pieces: int = 1, locker: str = "B-1"
) -> co.Order:
    return room[by or KEEPER[seat]].order(co.KeepPhone(seat, pieces, locker))


def welcome(room: Room) -> None:
    """Confirm every expert and take their phones in."""
    for seat in EXPERTS:
        room.give(confirming(room, seat))
        room.give(keeping(room, seat))


def proposing(
    room: Room,
    seat: SeatCode,
    by: SeatCode,
    occupancy: int = 1,
    name: str = "p1",
    reason: str = "no card with her",
) -> tuple[co.Order, str]:
    """Return the proposal that two persons confirm a seat, and its digest."""
    act = ap.ConfirmByTwo(seat, occupancy, ci.Basis.OTHER)
    order = room[by].order(co.Propose(name, act, reason))
    return order, proposal_digest(Proposed(name, act, reason))


def form(
    room: Room, seat: SeatCode = E1, revision: int = 1, by: SeatCode = OPERATOR, *ticks: aa.Tick
) -> co.Order:
    """Return a duty form, undecided but for `ticks`."""
    decided = {tick.duty: tick for tick in ticks}
    every = tuple(decided.get(duty, aa.Tick(duty, aa.Judgement.UNKNOWN, (), "")) for duty in aa.FORM)
    return room[by].order(co.AppraiseExpert(seat, LOT, revision, every))


def concluded() -> Room:
    """Return a session that was concluded, nobody appraised yet."""
    room = opened()
    welcome(room)
    while room.session.stage is not Stage.CONCLUDED:
        plain.finish(room)
        room.advance()
    return room


def last(facts: tuple[Fact, ...]) -> object:
    return facts[-1].event
