"""Templates for the tests of this folder: any that can be evaluated, and the sample with something wrong in it."""

import io
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import openpyxl
from hypothesis import strategies as st
from openpyxl import Workbook

from evalroom.ids import BidId, ItemId, LotId, SeatCode, SessionId, SiteId
from evalroom.pricing.formula import PriceFormula, TrimTerms
from evalroom.pricing.presets import lowest_price, trimmed_mean
from evalroom.pricing.rationals import Rounding, RoundingTerms
from evalroom.roles import Role
from evalroom.summary import Award, Ballots, MarkTrim, SummaryTerms, WidestTie
from evalroom.tender import (
    Bid,
    Group,
    Item,
    ItemKind,
    Lot,
    Option,
    Part,
    Seat,
    Site,
    Tender,
    Thresholds,
    is_option_name,
)
from main_site.sample import sample_template
from main_site.template import Problem, SessionTemplate, TemplateError, parse_xlsx, write_xlsx
from main_site.template.cells import ERROR_VALUES, plain
from main_site.template.columns import MAX_CEILING_YUAN

_NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_]{0,6}", fullmatch=True)
_ALPHABET = st.characters(
    exclude_categories=("Cc", "Cs"),
    exclude_characters="\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufffe\uffff",
)
_TEXTS = (
    (
        st.text(_ALPHABET, min_size=1, max_size=20)
        | st.sampled_from(["=1+1", "_x000D_", "-3", "1.50", "007", "TRUE"])
    )
    .map(str.strip)
    .filter(lambda text: bool(text) and text not in ERROR_VALUES)
)
_PROSE = st.lists(_TEXTS, min_size=1, max_size=3).map("\n".join)
_POINTS = st.decimals("0", "20", places=2).map(plain)


def names(count: int) -> st.SearchStrategy[list[str]]:
    """Draw that many ids, different in any case of letters."""
    return st.lists(_NAMES, min_size=count, max_size=count, unique_by=str.lower)


@st.composite
def lots(draw: st.DrawFn, lot: str, bids: list[str]) -> Lot:
    """Draw a lot whose weights add up to 100."""
    ids = draw(names(4))
    weights = [draw(st.decimals("0.01", "30", places=2)) for _ in range(2)]
    items = (
        Item(
            ItemId(ids[0]),
            Part.PRELIMINARY,
            ItemKind.PASS,
            draw(_TEXTS),
            draw(_PROSE),
            "0",
            0,
            objective=True,
            group=draw(st.sampled_from([None, Group.FORM, Group.QUALIFICATION, Group.RESPONSIVENESS])),
        ),
        *(
            Item(
                ItemId(item),
                Part.DETAILED,
                draw(st.sampled_from([ItemKind.SCORE, ItemKind.DEDUCT])),
                draw(_TEXTS),
                draw(_PROSE),
                plain(weight),
                draw(st.integers(0, 4)),
                objective=draw(st.booleans()),
                group=draw(st.sampled_from([None, Group.TECHNICAL, Group.COMMERCIAL])),
                reason_below=draw(st.none() | st.sampled_from(["0", "62.5", "100"])),
            )
            for item, weight in zip(ids[1:3], weights, strict=True)
        ),
        draw(choices(ids[3])),
    )
    pricing = draw(_formulas(plain(Decimal(100) - sum(weights) - Decimal(items[-1].full))))
    bidders = tuple(Bid(BidId(bid), f"{draw(_TEXTS)} {bid}") for bid in bids)
    checks = draw(
        st.just(Thresholds())
        | st.builds(
            Thresholds, st.sampled_from(["0", "33.33", "100"]), st.integers(2, 99), st.integers(1, 999),
            st.integers(2, 999), st.sampled_from(["0", "12.5", "300"]),
        )
    )  # fmt: skip
    return Lot(
        LotId(lot),
        draw(_TEXTS),
        items,
        bidders,
        pricing,
        draw(st.integers(2, 3)),
        checks=checks,
        summary=draw(_summaries()),
    )


@st.composite
def _summaries(draw: st.DrawFn) -> SummaryTerms:
    members = draw(st.lists(st.integers(5, 99), max_size=3, unique=True))
    small = st.integers(0, 1)
    return SummaryTerms(
        trim=tuple(MarkTrim(one, draw(small), draw(small), draw(small)) for one in sorted(members)),
        widest_tie=draw(st.sampled_from(WidestTie)),
        technical=draw(st.none() | st.integers(0, 6)),
        commercial=draw(st.none() | st.integers(0, 6)),
        award=draw(st.sampled_from(Award)),
        ballots=draw(st.sampled_from(Ballots)),
    )


@st.composite
def choices(draw: st.DrawFn, item: str) -> Item:
    """Draw a choice item whose best option earns its weight, at most 20."""
    words = _TEXTS.filter(is_option_name)
    some = draw(st.lists(words, min_size=2, max_size=4, unique_by=str.casefold))
    best = draw(_POINTS.filter(lambda text: text != "0"))
    others = [draw(_POINTS.filter(lambda text: Decimal(text) <= Decimal(best))) for _ in some[1:]]
    options = tuple(Option(name, points) for name, points in zip(some, [best, *others], strict=True))
    return Item(
        ItemId(item),
        Part.DETAILED,
        ItemKind.CHOICE,
        draw(_TEXTS),
        draw(_PROSE),
        best,
        0,
        objective=draw(st.booleans()),
        group=Group.COMMERCIAL,
        options=options,
    )


@st.composite
def _formulas(draw: st.DrawFn, weight: str) -> PriceFormula:
    """Draw a formula: of the simple columns, or a whole one."""
    ceiling = draw(st.none() | st.integers(1, 100 * MAX_CEILING_YUAN))
    total = RoundingTerms(draw(st.integers(0, 4)), draw(st.sampled_from(Rounding)))
    table = tuple(
        TrimTerms(n, 1, draw(st.integers(0, 1)))
        for n in draw(st.lists(st.integers(3, 99), max_size=2, unique=True))
    )
    mean = trimmed_mean(
        weight,
        trim=table,
        above=draw(_POINTS.filter(lambda text: text != "0")),
        below=draw(_POINTS),
        floor=draw(st.sampled_from(["0", "1.5", "40"])),
        ceiling_fen=ceiling,
        total=total,
    )
    lowest = lowest_price(weight, ceiling_fen=ceiling, total=total)
    whole = lowest_price(weight, deduction="0.06")
    return draw(st.sampled_from([mean, lowest, whole, replace(mean, title=draw(_TEXTS))]))


@st.composite
def templates(draw: st.DrawFn) -> SessionTemplate:
    """Draw a template that can be evaluated: one or two lots, two sites, three seats."""
    count = draw(st.integers(1, 2))
    bids, seats = draw(names(2 * count)), draw(names(3))
    some = [draw(lots(lot, bids[2 * i : 2 * i + 2])) for i, lot in enumerate(draw(names(count)))]
    host, other = map(SiteId, draw(names(2)))
    node = draw(st.booleans())
    sites = (Site(host, draw(_TEXTS), host=True, node=True), Site(other, draw(_TEXTS), host=False, node=node))
    return SessionTemplate(
        SessionId(draw(_NAMES)),
        Tender(draw(_TEXTS), draw(_TEXTS), tuple(some)),
        sites,
        (
            Seat(SeatCode(seats[0]), other, other if node else host, Role.EXPERT, draw(st.just("") | _TEXTS)),
            Seat(SeatCode(seats[1]), host, host, Role.OPERATOR, draw(_TEXTS)),
            Seat(
                SeatCode(seats[2]), host, host, draw(st.sampled_from([Role.SUPERVISOR, Role.ARCHIVIST])), ""
            ),
        ),
    )


def workbook(template: SessionTemplate | None = None) -> Workbook:
    """Return the sample, or another template, as an open workbook."""
    return openpyxl.load_workbook(io.BytesIO(write_xlsx(template or sample_template())))


def saved(book: Workbook) -> bytes:
    """Return the bytes of a workbook."""
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def edited(edit: Callable[[Workbook], object]) -> bytes:
    """Return the sample's workbook after an edit."""
    book = workbook()
    edit(book)
    return saved(book)


def problems_of(read: Callable[[], SessionTemplate]) -> tuple[Problem, ...]:
    """Return the problems that reading ends with; none when it succeeds."""
    try:
        read()
    except TemplateError as error:
        return error.problems
    return ()


def problems_in(edit: Callable[[Workbook], object]) -> tuple[Problem, ...]:
    """Return the problems of the sample's workbook after an edit."""
    return problems_of(lambda: parse_xlsx(edited(edit)))


def without_operator(template: SessionTemplate) -> SessionTemplate:
    """Return the template without its operators' seats."""
    return replace(template, seats=tuple(seat for seat in template.seats if seat.role is not Role.OPERATOR))
