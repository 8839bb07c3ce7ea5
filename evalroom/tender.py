"""The tender as the session knows it: lots, rubric, bids, price formula, sites and seats.

Terms are fixed by the session's first entry.  `check_tender` refuses a rubric that cannot be evaluated
(weights that do not add up, no bids, doubled ids) before anybody is called to a seat: one live system
published a tender with half its formula missing (domain.md, stage `planned`).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from evalroom.errors import Refusal
from evalroom.ids import (
    BIDDER_ACTOR,
    HOST_ACTOR,
    NODE_ACTOR,
    TRUSTEE_ACTOR,
    BidId,
    ItemId,
    LotId,
    SeatCode,
    SiteId,
    check_name,
)
from evalroom.ledger.canonical import canonical
from evalroom.pricing.checking import check_formula
from evalroom.pricing.formula import TECHNICAL, Per, PriceFormula, Quote
from evalroom.pricing.reading import plain
from evalroom.profile import CommitteeRules
from evalroom.roles import OFFICERS, PEOPLE, Role

FULL_MARKS = Decimal(100)

MAX_DIGITS = 4
"""Most digits after the point of any points, given or computed; more would hide behind an exponent."""

MAX_FORMULA = 32_768
"""Bytes of one price formula: a tender of ten lots still fits an entry (1 MiB); the longest preset has 1,300."""

MACHINES = frozenset({HOST_ACTOR, NODE_ACTOR, BIDDER_ACTOR, TRUSTEE_ACTOR})
"""Names of actors that are no person's: no seat bears one."""

_DECIMAL = re.compile(r"(?:0|[1-9][0-9]{0,5})(?:\.[0-9]{1,4})?")


class Part(StrEnum):
    """The part of the evaluation a sheet belongs to; each has its own lock and its own group unlock."""

    PRELIMINARY = "preliminary"
    DETAILED = "detailed"


class ItemKind(StrEnum):
    """How an item is judged: points given, pass or fail, or points taken off."""

    SCORE = "score"
    PASS = "pass"  # noqa: S105 - 合格, a verdict of the trade, no secret
    DEDUCT = "deduct"


class Specialty(StrEnum):
    """What an expert stands for in the committee: the law counts technical and economic ones (招标投标法 art. 37)."""

    NONE = "none"
    TECHNICAL = "technical"
    ECONOMIC = "economic"
    OWNER = "owner"


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the rubric.  `full` is its weight in points as a decimal string; "0" for pass items."""

    id: ItemId
    part: Part
    kind: ItemKind
    title: str
    standard: str
    full: str
    digits: int
    objective: bool


@dataclass(frozen=True, slots=True)
class Bid:
    """One bid of a lot: its id on the sheets and the bidder's name."""

    id: BidId
    bidder: str


@dataclass(frozen=True, slots=True)
class Lot:
    """A lot 标段: its own sheets, prices, ranking and report."""

    id: LotId
    title: str
    items: tuple[Item, ...]
    bids: tuple[Bid, ...]
    pricing: PriceFormula
    candidates: int


@dataclass(frozen=True, slots=True)
class Tender:
    """The tender under evaluation."""

    code: str
    title: str
    lots: tuple[Lot, ...]


@dataclass(frozen=True, slots=True)
class Site:
    """A site; `host` leads.  `node` says whether it runs a node of its own."""

    id: SiteId
    name: str
    host: bool
    node: bool


@dataclass(frozen=True, slots=True)
class Seat:
    """A seat: where it stands, the node its browser connects to, and the role of whoever takes it.

    An expert on a `reserve` seat is no member until taking another's place.
    """

    code: SeatCode
    site: SiteId
    node: SiteId
    role: Role
    label: str
    specialty: Specialty = Specialty.NONE
    reserve: bool = False


class UnusableTender(Refusal):
    """The tender cannot be evaluated as it is described: correct the point named, then open the session."""

    code = "unusable_tender"


def points(text: str) -> Decimal:
    """Return the decimal written in `text`.

    Raises:
        UnusableTender: the text is no plain decimal.
    """
    if not is_decimal(text):
        raise UnusableTender(problem="not a decimal number", value=text[:40])
    return Decimal(text)


def is_decimal(text: str) -> bool:
    """Say whether `text` is a plain decimal: ASCII digits, at most 6 and 4, no sign, exponent or leading zero."""
    return _DECIMAL.fullmatch(text) is not None


def check_tender(
    tender: Tender, sites: tuple[Site, ...], seats: tuple[Seat, ...], *, sealed: bool = False
) -> None:
    """Refuse a tender, sites and seats that could not carry a session to its end.

    In a `sealed` session bids join their lots at the opening: there is none before.

    Raises:
        UnusableTender: with the point that is wrong.
        MalformedName: an id that may not name a file, a seat or a track.
    """
    _check_sites(sites)
    _check_seats(seats, sites)
    _demand_some(tender.lots, "lots")
    _check_unique("lot", (lot.id for lot in tender.lots))
    _check_unique("bid", (bid.id for lot in tender.lots for bid in lot.bids))
    for lot in tender.lots:
        _check_lot(lot)
        _check_bids(lot, sealed=sealed)
    if sealed:
        _check_officers(sites, seats)


def _check_sites(sites: tuple[Site, ...]) -> None:
    _check_unique("site", (site.id for site in sites))
    hosts = [site for site in sites if site.host]
    if len(hosts) != 1 or not hosts[0].node:
        raise UnusableTender(problem="exactly one site is the host, and it has a node", found=len(hosts))


def _check_seats(seats: tuple[Seat, ...], sites: tuple[Site, ...]) -> None:
    _check_unique("seat", (seat.code for seat in seats))
    # Site "a-b" with seat "c" and site "a" with seat "b-c" would record into one and the same file.
    _refuse_doubles("seat", (f"{seat.site}-{seat.code}" for seat in seats))
    nodes = {site.id for site in sites if site.node}
    known = {site.id for site in sites}
    for seat in seats:
        if seat.code.lower() in MACHINES or seat.role not in PEOPLE:
            raise UnusableTender(
                problem="a seat is for a person, and not named like a machine", seat=seat.code
            )
        if seat.site not in known or seat.node not in nodes:
            raise UnusableTender(problem="a seat names an unknown site or node", seat=seat.code)
        if seat.node != seat.site and seat.site in nodes:
            raise UnusableTender(problem="a seat of a site with a node connects to that node", seat=seat.code)
    for role in (Role.EXPERT, Role.OPERATOR):  # without an operator nobody may bring the bids in
        found = (seat for seat in seats if seat.role is role and not seat.reserve)
        _demand_some(found, f"seat for the role {role}")
    for seat in seats:
        if (seat.reserve or seat.specialty is not Specialty.NONE) and seat.role is not Role.EXPERT:
            raise UnusableTender(problem="only experts have a specialty or a reserve seat", seat=seat.code)


def check_committee(seats: tuple[Seat, ...], rules: CommitteeRules) -> None:
    """Refuse a committee that is not made up as the profile's rules demand.

    Raises:
        UnusableTender: too few members, an even number, or too few technical and economic experts.
    """
    members = [seat for seat in seats if seat.role is Role.EXPERT and not seat.reserve]
    outside = [seat for seat in members if seat.specialty in (Specialty.TECHNICAL, Specialty.ECONOMIC)]
    if len(members) < rules.least:
        raise UnusableTender(
            problem="too few members of the committee", found=len(members), least=rules.least
        )
    if rules.odd and len(members) % 2 == 0:
        raise UnusableTender(problem="the committee has an odd number of members", found=len(members))
    if len(outside) < rules.expert_share * len(members):
        problem = "too few technical and economic experts among the members"
        raise UnusableTender(
            problem=problem, found=len(outside), of=len(members), share=str(rules.expert_share)
        )


def _check_lot(lot: Lot) -> None:
    _demand_some(lot.items, "items", lot.id)
    _check_unique("item", (item.id for item in lot.items))
    for item in lot.items:
        _check_item(item)
    _check_pricing(lot)
    total = sum((points(item.full) for item in lot.items), points(lot.pricing.weight))
    if total != FULL_MARKS:
        raise UnusableTender(problem="weights and price do not add up to 100", lot=lot.id, found=str(total))
    if lot.candidates < 1:
        raise UnusableTender(problem="at least one candidate is named", lot=lot.id)


def _check_bids(lot: Lot, *, sealed: bool) -> None:
    if not sealed:
        _demand_some(lot.bids, "bids", lot.id)
    elif lot.bids:
        raise UnusableTender(problem="sealed bids join their lots at the opening, none before", lot=lot.id)


def _check_officers(sites: tuple[Site, ...], seats: tuple[Seat, ...]) -> None:
    """Demand two officers at the host, a supervisor among them: nobody opens bids alone."""
    host = next(site.id for site in sites if site.host)
    roles = [seat.role for seat in seats if seat.site == host and seat.role in OFFICERS]
    if len(roles) < 2 or Role.SUPERVISOR not in roles:
        raise UnusableTender(problem="sealed bids need two officers at the host, one of them supervisor")


def _check_item(item: Item) -> None:
    passes = item.kind is ItemKind.PASS
    if passes != (points(item.full) == 0):
        raise UnusableTender(problem="a pass item has weight 0, any other a weight", item=item.id)
    if passes != (item.part is Part.PRELIMINARY):
        raise UnusableTender(
            problem="bids pass or fail in the preliminary part and get points in the detailed part",
            item=item.id,
        )
    if not 0 <= item.digits <= MAX_DIGITS:
        raise UnusableTender(problem="0 to 4 digits after the point", item=item.id)


def _check_pricing(lot: Lot) -> None:
    """Refuse a price formula that does not hold its own samples, or asks for what no session can give it."""
    formula = lot.pricing
    try:
        check_formula(formula)
    except Refusal as why:
        facts = {name: fact for name, fact in why.detail.items() if name not in {"problem", "lot"}}
        problem = f"the price formula: {why.detail.get('problem') or why.code}"
        raise UnusableTender(problem=problem, lot=lot.id, **facts) from why
    if formula.quote is not Quote.FEN:
        raise UnusableTender(problem="price sheets hold money: turn it into a rate by `adjust`", lot=lot.id)
    for one in formula.inputs:
        given = one.value or one.choices or one.optional or (one.per is Per.BID and one.name == TECHNICAL)
        if not given:
            raise UnusableTender(
                problem="a session cannot give this value of the price formula", lot=lot.id, name=one.name
            )
    if len(canonical(plain(formula))) > MAX_FORMULA:
        raise UnusableTender(problem="the price formula is too long", lot=lot.id, most=MAX_FORMULA)


def _check_unique(what: str, names: Iterable[str]) -> None:
    _refuse_doubles(what, (check_name(name) for name in names))


def _refuse_doubles(what: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name.lower() in seen:
            raise UnusableTender(problem=f"two of the same {what}", name=name)
        seen.add(name.lower())


def _demand_some(things: Iterable[object], what: str, lot: str = "") -> None:
    if not any(True for _ in things):
        raise UnusableTender(problem=f"no {what}", lot=lot)
