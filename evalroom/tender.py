"""The tender as the session knows it: lots, rubric, bids, price formula, sites and seats.

Terms are fixed by the session's first entry.  `check_tender` refuses a rubric that cannot be evaluated
(weights that do not add up, no bids, doubled ids) before anybody is called to a seat: one live system
published a tender with half its formula missing (domain.md, stage `planned`).
"""

import re
from collections.abc import Iterable, Mapping
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
from evalroom.profile import CommitteeRules, ResultRules
from evalroom.roles import OFFICERS, PEOPLE, Role
from evalroom.sealing.policy import PartName
from evalroom.summary import AS_MARKED, SummaryTerms, fault_of

FULL_MARKS = Decimal(100)

MAX_DIGITS = 4
"""Most digits after the point of any points, given or computed; more would hide behind an exponent."""

MAX_FORMULA = 32_768
"""Bytes of one price formula: a tender of ten lots still fits an entry (1 MiB); the longest preset has 1,300."""

MACHINES = frozenset({HOST_ACTOR, NODE_ACTOR, BIDDER_ACTOR, TRUSTEE_ACTOR})
"""Names of actors that are no person's: no seat bears one."""

MAX_OPTION_NAME = 40
OPTION_SEPARATORS = frozenset("=＝,，;；、")
"""What stands between options and their points where a template writes them in one cell."""

DARKENED = (PartName.QUALIFICATION, PartName.TECHNICAL)
"""Parts of a bid that may be dark: its documents; the others are texts that name the bidder or its price."""

_DECIMAL = re.compile(r"(?:0|[1-9][0-9]{0,5})(?:\.[0-9]{1,4})?")


class Part(StrEnum):
    """The part of the evaluation a sheet belongs to; each has its own lock and its own group unlock."""

    PRELIMINARY = "preliminary"
    DETAILED = "detailed"


class ItemKind(StrEnum):
    """How an item is judged: points given, pass or fail, points taken off, or one of declared options."""

    SCORE = "score"
    PASS = "pass"  # noqa: S105 - 合格, a verdict of the trade, no secret
    DEDUCT = "deduct"
    CHOICE = "choice"


class Group(StrEnum):
    """What an item belongs to inside its part; pages and report show each group with a subtotal of its own."""

    FORM = "form"
    QUALIFICATION = "qualification"
    RESPONSIVENESS = "responsiveness"
    TECHNICAL = "technical"
    COMMERCIAL = "commercial"


GROUPS: Mapping[Part, tuple[Group, ...]] = {
    Part.PRELIMINARY: (Group.FORM, Group.QUALIFICATION, Group.RESPONSIVENESS),
    Part.DETAILED: (Group.TECHNICAL, Group.COMMERCIAL),
}
"""The groups of each part, in the order they are judged (domain.md, stages `preliminary` and `detailed`)."""


class Specialty(StrEnum):
    """What an expert stands for in the committee: the law counts technical and economic ones (招标投标法 art. 37)."""

    NONE = "none"
    TECHNICAL = "technical"
    ECONOMIC = "economic"
    OWNER = "owner"


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a choice item: the name an expert chooses it by, and the points it earns."""

    name: str
    points: str


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the rubric.

    `full` is its weight in points as a decimal string; "0" for pass items, the best option's for choices.  An item
    without `group` stands in no section.  `reason_below` is the percentage of the weight below which points need a
    reason; None leaves it to the lot.
    """

    id: ItemId
    part: Part
    kind: ItemKind
    title: str
    standard: str
    full: str
    digits: int
    objective: bool
    group: Group | None = None
    options: tuple[Option, ...] = ()
    reason_below: str | None = None


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When a check of the sheets asks for a reason (domain.md, "Checks"); a profile may set each otherwise.

    `reason_below`: percentage of an item's weight.  `copied_bids`: bids with one and the same comment, of at least
    `copied_chars` characters, from which on a reason is asked; one fewer only warns.  `vector_cells`: subjective
    cells without which the same values tell nothing.  `deviation`: percentage off the committee's mean.
    """

    reason_below: str = "60"
    copied_bids: int = 3
    copied_chars: int = 8
    vector_cells: int = 3
    deviation: str = "30"


@dataclass(frozen=True, slots=True)
class Bid:
    """One bid of a lot: its id on the sheets and the bidder's name."""

    id: BidId
    bidder: str


@dataclass(frozen=True, slots=True)
class Lot:
    """A lot 标段: its own sheets, prices, ranking and report.

    `dark` names the parts of a bid that experts read without knowing whose it is (暗标); empty for an open lot.
    `summary` says how marks become totals and the ranking an award.
    """

    id: LotId
    title: str
    items: tuple[Item, ...]
    bids: tuple[Bid, ...]
    pricing: PriceFormula
    candidates: int
    dark: tuple[PartName, ...] = ()
    checks: Thresholds = Thresholds()
    summary: SummaryTerms = AS_MARKED


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
    _check_dark(tender, sealed=sealed)
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


def check_candidates(tender: Tender, rules: ResultRules) -> None:
    """Refuse a lot that names more candidates than the profile's rules allow.

    Raises:
        UnusableTender: with the lot, its number and the rules'.
    """
    for lot in tender.lots:
        if lot.candidates > rules.candidates:
            problem = "more candidates than the rule profile allows"
            raise UnusableTender(problem=problem, lot=lot.id, found=lot.candidates, most=rules.candidates)


def _check_lot(lot: Lot) -> None:
    _demand_some(lot.items, "items", lot.id)
    _check_unique("item", (item.id for item in lot.items))
    for item in lot.items:
        _check_item(item)
    _check_pricing(lot)
    total = weights_of(lot)
    if total != FULL_MARKS:
        raise UnusableTender(problem="weights and price do not add up to 100", lot=lot.id, found=str(total))
    if lot.candidates < 1:
        raise UnusableTender(problem="at least one candidate is named", lot=lot.id)
    _check_thresholds(lot.checks)
    if fault := fault_of(lot.summary, lot.candidates):
        raise UnusableTender(problem=fault, lot=lot.id)


def weights_of(lot: Lot) -> Decimal:
    """Return the sum of all weights of a lot, its price included, which must be `FULL_MARKS`.

    Raises:
        UnusableTender: a weight is no plain decimal.
    """
    return sum((points(item.full) for item in lot.items), points(lot.pricing.weight))


def _check_bids(lot: Lot, *, sealed: bool) -> None:
    if not sealed:
        _demand_some(lot.bids, "bids", lot.id)
    elif lot.bids:
        raise UnusableTender(problem="sealed bids join their lots at the opening, none before", lot=lot.id)


def _check_dark(tender: Tender, *, sealed: bool) -> None:
    """Refuse a dark lot whose bidders would be known all the same, or that nothing would ever unlock."""
    dark = [lot for lot in tender.lots if lot.dark]
    if dark and not sealed:
        raise UnusableTender(
            problem="a rehearsal names its bidders from the start: no lot is dark", lot=dark[0].id
        )
    if dark and len(dark) < len(
        tender.lots
    ):  # a bid has one document for all of its lots, open in one of them
        raise UnusableTender(problem="lots are dark all together or none", lots=len(dark))
    for lot in dark:
        if len(set(lot.dark)) != len(lot.dark) or not set(lot.dark) <= set(DARKENED):
            raise UnusableTender(problem="dark are documents of a bid, each named once", lot=lot.id)
        if not any(item.part is Part.DETAILED for item in lot.items):
            raise UnusableTender(problem="a dark lot has items of the detailed part", lot=lot.id)


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
    if item.group is not None and item.group not in GROUPS[item.part]:
        raise UnusableTender(problem="the group belongs to the other part", item=item.id, group=item.group)
    if item.reason_below is not None:
        _check_percentage("reason_below", item.reason_below, item.id)
    _check_options(item)


def _check_options(item: Item) -> None:
    if item.kind is not ItemKind.CHOICE:
        if item.options:
            raise UnusableTender(problem="only a choice item has options", item=item.id)
        return
    if len(item.options) < 2:
        raise UnusableTender(problem="a choice item has at least two options", item=item.id)
    names = [option.name for option in item.options]
    for name in names:
        if not is_option_name(name):
            raise UnusableTender(
                problem="an option has a name of 1 to 40 characters", item=item.id, name=name[:40]
            )
    if len({name.casefold() for name in names}) != len(names):
        raise UnusableTender(problem="two options of the same name", item=item.id)
    best = max(points(option.points) for option in item.options)
    if best != points(item.full):
        raise UnusableTender(
            problem="the best option earns the item's weight", item=item.id, found=str(best), full=item.full
        )


def is_option_name(name: str) -> bool:
    """Say whether an option may be called so: on one line, without what separates options in a template."""
    shaped = 0 < len(name) <= MAX_OPTION_NAME and name == name.strip()
    return shaped and name.isprintable() and not set(name) & OPTION_SEPARATORS


def _check_thresholds(checks: Thresholds) -> None:
    _check_percentage("reason_below", checks.reason_below)
    points(checks.deviation)
    if min(checks.copied_bids, checks.vector_cells) < 2 or checks.copied_chars < 1:
        raise UnusableTender(problem="nothing is the same as itself: at least 2 bids and cells, 1 character")


def _check_percentage(name: str, text: str, item: str = "") -> None:
    if points(text) > 100:
        raise UnusableTender(problem=f"{name} is a percentage, at most 100", item=item, found=text)


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
