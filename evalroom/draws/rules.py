"""The rules of draws: what may be written down next, fact by fact; nothing here changes anything.

`check` asks the state table first, then the fact's own rule.  Refused, each by its own code: a draw of what is not
there, terms that could fail or steer it, a second draw of the same thing, commitments and reveals out of time (by one
ms), out of turn, doubled, or of strangers, values that do not open their commitment, and a result or an end that does
not follow from what came in.  Why a silent party voids a draw: docs/decisions/0013-silent-parties.md.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from evalroom.draws import facts as df
from evalroom.draws.commitment import commitment_to, demand_digest
from evalroom.draws.facts import DrawEvent, Purpose
from evalroom.draws.pool import make_up_fault
from evalroom.draws.selection import drawable, shortage
from evalroom.draws.state import TRANSITIONS, Draw, Draws, DrawState, about_of
from evalroom.errors import MalformedName, Refusal
from evalroom.ids import DrawId, LotId, SeatCode, SessionId, check_name
from evalroom.roles import Role

PARTIES = frozenset({Role.OPERATOR, Role.SUPERVISOR, Role.SITE_OPERATOR, Role.ARCHIVIST, Role.REGULATOR})
"""Roles that may be a party; an expert would draw for or against themselves."""

MAX_PARTIES = 16
MAX_OPTIONS = 500
MAX_DRAWS = 200
MAX_TEXT, MAX_REASON = 64, 500
MAX_SHOWN = 44_000
"""Most bytes that a declaration takes in a frame of 64 KiB, quotes escaped twice; its result must fit a frame, too."""

MAX_ROSTER = 1 << 18
"""Most bytes of a sealed roster (draw.md §8)."""

LONGEST_MS = 7 * 24 * 3_600_000
"""From the declaration to the end of the reveals: a week, for a roster is drawn days before the evaluation."""

_SHARE = re.compile(r"(?:0|[1-9][0-9]{0,2})/[1-9][0-9]{0,2}")


class UnknownDraw(Refusal):
    """The session knows no draw of that name; reload the page and look again."""

    code = "unknown_draw"


class WrongDrawState(Refusal):
    """The draw is not where this is done: look at its state and go on from there; nothing has changed."""

    code = "draw_state"


class DrawUnfit(Refusal):
    """This draw cannot be held as it is described: nothing was declared; correct the point named."""

    code = "draw_unfit"


class DrawnBefore(Refusal):
    """This was drawn before or is being drawn, and nothing is drawn twice: the draw that there is stands."""

    code = "drawn_before"


class NotAParty(Refusal):
    """Your seat is no party of this draw: it goes on without you."""

    code = "not_a_party"


class PartDone(Refusal):
    """You have done your part of this draw: nothing is left to do."""

    code = "part_done"


class NotYourTurn(Refusal):
    """Values are revealed in the declared order, and another party comes first: wait for it."""

    code = "not_your_turn"


class DrawTimeOver(Refusal):
    """The time for this step of the draw is over by the host's clock: it becomes void and can be held again."""

    code = "draw_time_over"


class DrawTimeRuns(Refusal):
    """The time for this step of the draw is not over yet: wait for the parties."""

    code = "draw_time_runs"


class WrongReveal(Refusal):
    """The value does not open the commitment you made, or you saw other commitments: nothing was taken."""

    code = "wrong_reveal"


class NoReserve(Refusal):
    """Nobody who is drawn leaves by that name, or the reserve that comes next is another or none: look at the list."""

    code = "no_reserve"


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a rule must know besides the draws; `at` is the host's clock, UTC ms.

    `seats` tells everybody's role, `sites` the sub-sites, `bids` the bids of each lot, `ties` those of a lot that the
    declared keys left even; `stage_fits` says whether this purpose belongs to the stage; `seat` acts.
    `trustees` hold shares under a policy that all have signed, `quorum` of them open; `gathered` says that people come in.
    """

    at: int
    session: SessionId
    seat: str
    seats: Mapping[SeatCode, Role]
    stage_fits: bool = True
    sites: frozenset[str] = frozenset()
    bids: Mapping[LotId, frozenset[str]] = field(default_factory=dict)
    ties: Mapping[LotId, frozenset[str]] = field(default_factory=dict)
    trustees: frozenset[str] = frozenset()
    quorum: int = 0
    gathered: bool = False


def check(draws: Draws, act: DrawEvent, now: Circumstances) -> None:
    """Return when `act` may follow; nothing is changed.

    Raises:
        Refusal: the rule that forbids it, by its own class.
    """
    if isinstance(act, df.DrawDeclared):
        _check_declaration(draws, act, now)
        return
    draw = find(draws, act.draw)
    if type(act) not in TRANSITIONS[draw.state]:
        raise WrongDrawState(draw=act.draw, state=draw.state, fact=type(act).__name__)
    _CHECKS[type(act)](draw, act, now)


def find(draws: Draws, name: DrawId) -> Draw:
    """Return a draw.

    Raises:
        UnknownDraw: there is none of that name.
    """
    if name not in draws.all:
        raise UnknownDraw(draw=name[:64])
    return draws.all[name]


# --- the declaration --------------------------------------------------------------------------------


def _check_declaration(draws: Draws, act: df.DrawDeclared, now: Circumstances) -> None:
    _demand_name(act)
    if act.draw in draws.all or len(draws.all) >= MAX_DRAWS:
        raise DrawUnfit(draw=act.draw, problem="there is a draw of that name, or too many of them")
    if not now.stage_fits:
        raise DrawUnfit(draw=act.draw, problem="this is not drawn at this stage", purpose=act.purpose)
    _demand(1 <= len(act.subject) <= MAX_TEXT, "what is drawn has a name of 1 to 64 characters")
    _check_times(act, now)
    _check_parties(act, now, _barred(draws, act))
    _check_list(act)
    _check_subject(act, now)
    _check_history(draws, act)


def _demand_name(act: df.DrawDeclared) -> None:
    try:
        check_name(act.draw)
    except MalformedName as error:
        raise DrawUnfit(draw=act.draw[:64], problem="a draw's name is like that of a lot or seat") from error


def _check_times(act: df.DrawDeclared, now: Circumstances) -> None:
    _demand(now.at < act.closes < act.ends <= now.at + LONGEST_MS, "its times lie ahead, within a week")


def _check_parties(act: df.DrawDeclared, now: Circumstances, barred: frozenset[SeatCode]) -> None:
    roles = [now.seats.get(one) for one in act.parties]
    _demand(2 <= len(act.parties) <= MAX_PARTIES, "two to sixteen parties take part")
    _demand(len(set(act.parties)) == len(act.parties), "a party takes part once")
    _demand(
        PARTIES.issuperset(roles),
        "parties are seats of operators, supervisors, regulators, sites or the archive",
    )
    _demand(not barred & set(act.parties), "who kept a value back takes no part again")
    watchers = {seat for seat, role in now.seats.items() if role is Role.SUPERVISOR} - barred
    _demand(not watchers or watchers & set(act.parties), "a supervisor takes part in every draw")
    # Whoever reveals last knows the result first: that is not the one who wrote the list.
    _demand(roles[-1] is not Role.OPERATOR, "no operator reveals last")


def _check_list(act: df.DrawDeclared) -> None:
    names = [*act.options, *(one.id for one in act.experts)]
    _demand(bool(act.options) != bool(act.experts), "a list of options or of experts, not both")
    _demand(
        len(names) <= MAX_OPTIONS and len(set(names)) == len(names), "a list without doubles, at most 500"
    )
    _demand(all(1 <= len(one) <= MAX_TEXT for one in (*names, *act.takers)), "texts of 1 to 64 characters")
    _demand(_shown_size(act) <= MAX_SHOWN, "a shorter list: it must fit the screens of all sites")
    _demand(1 <= act.count <= len(drawable(act)), "at least one is drawn, and no more than there are")
    fits = act.takers == () or (len(act.takers) == act.count == len(set(act.takers)))
    _demand(fits, "one taker for each that is drawn, or none at all")
    is_roster = act.purpose is Purpose.EXPERTS
    _demand(is_roster == bool(act.experts) == bool(act.places) == (act.make_up is not None), _ROSTER)
    if is_roster:
        _check_roster(act)


_ROSTER = "experts, places and the committee's make-up belong to a draw of experts, and to no other"


def _check_roster(act: df.DrawDeclared) -> None:
    for one in act.experts:
        demand_digest(one.units)
    regions = [one.region for one in act.experts] + [place.region for place in act.places]
    _demand(all(len(one) <= MAX_TEXT for one in regions), "regions of at most 64 characters")
    _demand(all(place.count >= 1 for place in act.places), "each row of places has at least one")
    _demand(act.count == sum(place.count for place in act.places), "as many are drawn as there are places")
    terms = act.make_up
    fair = terms is not None and _SHARE.fullmatch(terms.share) is not None and 0 <= terms.owners <= 99
    _demand(fair, "a share is written n/d, and owners are counted from 0")
    fault = make_up_fault(act)
    _demand(not fault, fault)
    short = shortage(act)
    _demand(short is None, f"too few experts for {short.type} {short.region}" if short else "")


def _check_subject(act: df.DrawDeclared, now: Circumstances) -> None:
    known = act.lot in now.bids or (not act.lot and act.purpose not in _PER_LOT)
    _demand(known, "it names a lot of this session")
    options = frozenset(act.options)
    match act.purpose:
        case Purpose.TIE:
            tied = now.ties.get(act.lot, frozenset())
            _demand(options <= tied and act.count == len(options) >= 2, "all of some bids that are even")
        case Purpose.CHAIR:
            experts = {seat for seat, role in now.seats.items() if role is Role.EXPERT}
            _demand(options <= experts and act.count == 1, "one of some experts' seats")
        case Purpose.MEMBERS:
            experts = {seat for seat, role in now.seats.items() if role is Role.EXPERT}
            whole = options == experts and act.count == len(options) and not act.takers
            _demand(whole, "an order of all experts' seats")
        case Purpose.SEATS:
            _demand(options <= now.seats.keys(), "seats of this session")
        case Purpose.SUB_SITE:
            _demand(options <= now.sites, "sub-sites of this session")
        case Purpose.PRICE_PARAMETER:
            _demand(act.count == 1, "one value of the list")
        case Purpose.CODE | Purpose.EXPERTS:
            pass


_PER_LOT = frozenset({Purpose.TIE, Purpose.PRICE_PARAMETER, Purpose.MEMBERS})


def _check_history(draws: Draws, act: df.DrawDeclared) -> None:
    """Let nothing be drawn twice; a void draw is held again without those who made it void by keeping a value back."""
    before = draws.about(*about_of(act))
    if before and before[-1].state is not DrawState.VOID:
        raise DrawnBefore(draw=before[-1].declared.draw, state=before[-1].state)
    last = before[-1].declared.draw if before else ""
    _demand(act.redoes == last, "it names the void draw it replaces, if any")
    kept_back = [number for number, one in enumerate(before) if one.at_reveal]
    if not kept_back:
        return
    # From here on the terms stand, however often the draw then fails: somebody knew what was about to be drawn.
    broken = before[kept_back[-1]]
    absent = {seat for one in before[kept_back[-1] :] for seat in one.silent}
    _demand(terms_of(act) == terms_of(broken.declared), "a void draw is held again on the same terms")
    left = set(broken.declared.parties) - absent
    _demand(left <= set(act.parties), "all the others take part again")


def _barred(draws: Draws, act: df.DrawDeclared) -> frozenset[SeatCode]:
    """List who kept a value back when the same was to be drawn before."""
    return frozenset(seat for one in draws.about(*about_of(act)) if one.at_reveal for seat in one.silent)


def terms_of(declared: df.DrawDeclared) -> tuple[object, ...]:
    """Return what stays the same when a void draw is held again.

    Commitments to experts' units name the draw they were made for, so they are made anew.
    """
    experts = tuple((one.id, one.type, one.region, one.recused) for one in declared.experts)
    terms = (declared.options, experts, declared.places, declared.make_up, declared.count, declared.takers)
    return (*about_of(declared), *terms)


def _shown_size(act: df.DrawDeclared) -> int:
    """Return about how many bytes a declaration takes in a frame, where each quote is escaped twice."""
    texts = [*act.options, *act.takers, *act.parties, act.subject]
    size = sum(
        len(one.encode(errors="surrogatepass")) + 3 * one.count('"') + 3 * one.count("\\") + 9
        for one in texts
    )
    experts = sum(
        len(one.id.encode()) + len(one.region.encode(errors="surrogatepass")) + 210 for one in act.experts
    )
    return size + experts + 120 * len(act.places) + 800


# --- the parties ------------------------------------------------------------------------------------


def _check_commitment(draw: Draw, act: df.DrawCommitted, now: Circumstances) -> None:
    party = _party(draw, now)
    _demand_in_time(draw, now)
    if party in draw.commitments:
        raise PartDone(draw=act.draw, seat=party)
    demand_digest(act.commitment)


def _check_reveal(draw: Draw, act: df.DrawRevealed, now: Circumstances) -> None:
    party = _party(draw, now)
    _demand_in_time(draw, now)
    if party in draw.values:
        raise PartDone(draw=act.draw, seat=party)
    first = draw.awaited()[0]
    if party != first:
        raise NotYourTurn(draw=act.draw, first=first)
    made = commitment_to(now.session, act.draw, draw.digest, party, act.value, act.nonce)
    if made != draw.commitments[party] or act.commitments != draw.commitments_digest():
        raise WrongReveal(draw=act.draw, seat=party)


def _check_result(draw: Draw, act: df.DrawMade, _: Circumstances) -> None:
    if act != draw.result(draw.values):
        raise WrongDrawState(draw=act.draw, state=draw.state, problem="another result than the values give")


def _check_void(draw: Draw, act: df.DrawVoided, now: Circumstances) -> None:
    if now.at <= draw.until:
        raise DrawTimeRuns(draw=act.draw, until=draw.until)
    if act.silent != draw.awaited():
        raise WrongDrawState(draw=act.draw, state=draw.state, problem="others are awaited")


def _check_continuation(draw: Draw, act: df.DrawContinued, now: Circumstances) -> None:
    _demand(now.stage_fits, "this is not drawn at this stage")
    _demand(draw.declared.purpose in _CONTINUED, "nobody leaves a draw of this purpose")
    _demand(
        bool(act.reason.strip()) and len(act.reason) <= MAX_REASON,
        "a reason in writing, at most 500 characters",
    )
    if act.out not in draw.drawn or not act.drawn or act.drawn != draw.successor(act.out):
        following = draw.successor(act.out) if act.out in draw.drawn else ""
        raise NoReserve(draw=act.draw, out=act.out[:MAX_TEXT], next=following)


def _check_sealing(draw: Draw, act: df.RosterSealed, now: Circumstances) -> None:
    _demand(draw.declared.purpose is Purpose.EXPERTS, "a roster is that of a draw of experts")
    _demand(now.trustees, "a roster is sealed to trustees who have signed the sealing policy")
    demand_digest(act.sha256)
    _demand(1 <= act.size <= MAX_ROSTER, "a sealed roster has at most 256 KiB")


def _check_unsealing(draw: Draw, act: df.RosterUnsealed, now: Circumstances) -> None:
    if not now.gathered or draw.unsealed or act.sha256 != draw.roster:
        raise WrongDrawState(draw=act.draw, problem="no sealed roster, or nobody gathers yet")
    given = frozenset(act.trustees)
    _demand(given <= now.trustees and len(given) == len(act.trustees) >= now.quorum, "too few trustees")


_CONTINUED: Collection[Purpose] = frozenset({Purpose.EXPERTS, Purpose.SEATS, Purpose.SUB_SITE})


def _party(draw: Draw, now: Circumstances) -> SeatCode:
    party = SeatCode(now.seat)
    if party not in draw.declared.parties:
        raise NotAParty(draw=draw.declared.draw, seat=now.seat)
    return party


def _demand_in_time(draw: Draw, now: Circumstances) -> None:
    if now.at > draw.until:
        raise DrawTimeOver(draw=draw.declared.draw, until=draw.until)


def _demand(condition: object, problem: str) -> None:
    if not condition:
        raise DrawUnfit(problem=problem)


_CHECKS: Mapping[type[DrawEvent], Callable[[Draw, Any, Circumstances], None]] = {
    df.DrawCommitted: _check_commitment,
    df.DrawRevealed: _check_reveal,
    df.DrawMade: _check_result,
    df.DrawVoided: _check_void,
    df.DrawContinued: _check_continuation,
    df.RosterSealed: _check_sealing,
    df.RosterUnsealed: _check_unsealing,
}
"""Fact to its rule, beyond the state table."""
