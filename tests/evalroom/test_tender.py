"""Tenders that could not be evaluated are refused before anybody is called to a seat."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalroom.errors import MalformedName
from evalroom.ids import BidId, ItemId, LotId, SeatCode, SiteId
from evalroom.pricing import presets
from evalroom.pricing.formula import (
    NamedValue,
    PenaltySegment,
    Per,
    PriceInput,
    Quote,
    ScoreBounds,
    TrimTable,
    TrimTerms,
)
from evalroom.pricing.rationals import Rounding, RoundingTerms, is_number
from evalroom.roles import Role
from evalroom.tender import (
    Bid,
    Item,
    ItemKind,
    Lot,
    Part,
    Seat,
    Site,
    Tender,
    UnusableTender,
    check_tender,
    is_decimal,
    points,
)
from tests.evalroom.room import EAST, HOST, ITEMS, LOT1, PRICING, SEATS, SITES, TENDER, WEST

NOT_DECIMAL = [
    "", ".", ".5", "5.", "-1", "+1", "1e2", "1E2", "0x1", " 1", "1 ", "1\n", "1,5", "1_000", "\uff11", "\u0661", "٣.٥",
    "½", "NaN", "nan", "Infinity", "inf", "01", "00", "1.2.3", "1.23456", "1234567", "1" * 5000, "1\u200b", "一",
]  # fmt: skip


@pytest.mark.parametrize("text", NOT_DECIMAL)
def test_what_is_no_plain_decimal_is_no_number_of_points(text: str) -> None:
    assert not is_decimal(text)
    with pytest.raises(UnusableTender):
        points(text)


@pytest.mark.parametrize("text", ["0", "8.5", "100", "0.0", "999999.9999", "10.50"])
def test_points_are_read_exactly(text: str) -> None:
    assert Decimal(text) == points(text)


@given(st.text(alphabet="0123456789.eE+-_ \u0661\uff11", max_size=12))
def test_whatever_passes_for_a_decimal_is_written_without_exponent_or_sign(text: str) -> None:
    if is_decimal(text):
        assert text == format(Decimal(text), "f")


def refused(
    lot: Lot = LOT1,
    *,
    sites: tuple[Site, ...] = SITES,
    seats: tuple[Seat, ...] = SEATS,
    lots: tuple[Lot, ...] | None = None,
) -> str:
    """Return the problem for which the tender is refused."""
    with pytest.raises(UnusableTender) as error:
        check_tender(Tender("T", "t", (lot,) if lots is None else lots), sites, seats)
    return str(error.value.detail["problem"])


def with_item(index: int, **changes: Any) -> Lot:  # noqa: ANN401 - members of an item
    items = list(ITEMS)
    items[index] = replace(items[index], **changes)
    return replace(LOT1, items=tuple(items))


def with_pricing(**changes: Any) -> Lot:  # noqa: ANN401 - members of the formula
    return replace(LOT1, pricing=replace(PRICING, **changes))


def trimming(*rows: TrimTerms) -> Lot:
    return with_pricing(trim=TrimTable(rows))


def test_the_tender_of_these_tests_is_accepted() -> None:
    check_tender(TENDER, SITES, SEATS)


# --- sites and seats --------------------------------------------------------------------------------


def test_there_is_exactly_one_host_and_it_has_a_node() -> None:
    no_host = tuple(replace(site, host=False) for site in SITES)
    two_hosts = (*SITES[:1], replace(SITES[1], host=True), *SITES[2:])
    no_node = (replace(SITES[0], node=False), *SITES[1:])
    for sites in ((), no_host, two_hosts, no_node):
        assert "exactly one site is the host" in refused(sites=sites)


@pytest.mark.parametrize("name", ["host", "HOST", "Node", "node"])
def test_no_seat_is_named_like_a_machine(name: str) -> None:
    """It would read the feed of the node, or pass for the host in the journal."""
    assert "machine" in refused(seats=(replace(SEATS[0], code=SeatCode(name)), *SEATS[1:]))


@pytest.mark.parametrize("role", [Role.HOST, Role.NODE, Role.ANYONE])
def test_no_seat_has_the_role_of_a_machine(role: Role) -> None:
    assert "person" in refused(seats=(*SEATS, Seat(SeatCode("X"), HOST, HOST, role, "")))


def test_a_seat_stands_at_a_known_site_and_connects_to_a_known_node() -> None:
    for change in ({"site": SiteId("moon")}, {"node": SiteId("moon")}, {"site": EAST, "node": EAST}):
        assert "unknown site or node" in refused(seats=(replace(SEATS[0], **change), *SEATS[1:]))  # type: ignore[arg-type] # members of a seat


def test_a_seat_of_a_site_with_a_node_connects_to_no_other() -> None:
    assert "connects to that node" in refused(seats=(replace(SEATS[0], site=WEST, node=HOST), *SEATS[1:]))


def test_two_seats_are_not_the_same_but_for_case() -> None:
    assert "two of the same seat" in refused(seats=(*SEATS, replace(SEATS[0], code=SeatCode("e1"))))


def test_two_seats_do_not_record_into_one_file() -> None:
    sites = (
        SITES[0],
        Site(SiteId("a"), "", host=False, node=True),
        Site(SiteId("a-b"), "", host=False, node=True),
    )
    twins = (
        Seat(SeatCode("b-c"), SiteId("a"), SiteId("a"), Role.EXPERT, ""),
        Seat(SeatCode("c"), SiteId("a-b"), SiteId("a-b"), Role.EXPERT, ""),
    )
    operator = Seat(SeatCode("O"), HOST, HOST, Role.OPERATOR, "")
    check_tender(TENDER, sites, (twins[0], operator))
    assert "two of the same seat" in refused(sites=sites, seats=(*twins, operator))


@pytest.mark.parametrize("role", [Role.EXPERT, Role.OPERATOR])
def test_a_session_needs_experts_and_somebody_who_brings_bids_in(role: Role) -> None:
    assert f"no seat for the role {role}" == refused(
        seats=tuple(seat for seat in SEATS if seat.role is not role)
    )


# --- lots, bids, items ------------------------------------------------------------------------------


def test_lots_items_and_bids_are_there_at_all() -> None:
    assert "no lots" == refused(lots=())
    assert "no items" == refused(replace(LOT1, items=()))
    assert "no bids" == refused(replace(LOT1, bids=()))


def test_ids_are_not_the_same_but_for_case() -> None:
    assert "two of the same lot" == refused(lots=(LOT1, replace(LOT1, id=LotId("LOT1"))))
    assert "two of the same item" == refused(with_item(3, id=ItemId("QUALITY")))
    assert "two of the same bid" == refused(replace(LOT1, bids=(*LOT1.bids, Bid(BidId("BID1"), "x"))))


def test_a_bid_stands_in_one_lot_only() -> None:
    assert "two of the same bid" == refused(lots=(LOT1, replace(LOT1, id=LotId("lot2"))))


@pytest.mark.parametrize("name", ["", "a/b", "..", "a\n", "投标"])
def test_ids_that_cannot_name_a_file_are_refused(name: str) -> None:
    broken = [
        replace(LOT1, id=LotId(name)),
        replace(LOT1, bids=(Bid(BidId(name), "x"),)),
        with_item(0, id=ItemId(name)),
    ]
    for lot in broken:
        with pytest.raises(MalformedName):
            check_tender(Tender("T", "t", (lot,)), SITES, SEATS)
    with pytest.raises(MalformedName):
        check_tender(TENDER, SITES, (replace(SEATS[0], code=SeatCode(name)), *SEATS[1:]))
    with pytest.raises(MalformedName):
        check_tender(TENDER, (*SITES, Site(SiteId(name), "", host=False, node=False)), SEATS)


@pytest.mark.parametrize(("full", "found"), [("12.1", "100.1"), ("11.9999", "99.9999")])
def test_weights_and_price_add_up_to_exactly_100(full: str, found: str) -> None:
    with pytest.raises(UnusableTender) as error:
        check_tender(Tender("T", "t", (with_item(3, full=full),)), SITES, SEATS)
    assert found == str(Decimal(str(error.value.detail["found"])).normalize())


def test_a_pass_item_has_no_weight_and_any_other_has_one() -> None:
    assert "a pass item has weight 0" in refused(with_item(0, full="1"))
    assert "a pass item has weight 0" in refused(with_item(3, full="0"))


def test_verdicts_belong_to_the_preliminary_part_and_points_to_the_detailed() -> None:
    """A fail in the detailed part would count for nothing."""
    assert "preliminary part" in refused(with_item(0, part=Part.DETAILED))
    assert "preliminary part" in refused(with_item(3, part=Part.PRELIMINARY))


@pytest.mark.parametrize("digits", [-1, 5, 10**9])
def test_digits_after_the_point_are_0_to_4(digits: int) -> None:
    assert "digits" in refused(with_item(3, digits=digits))
    assert "digits" in refused(with_pricing(total=RoundingTerms(digits, Rounding.HALF_UP)))


@pytest.mark.parametrize("candidates", [0, -1])
def test_at_least_one_candidate_is_named(candidates: int) -> None:
    assert "candidate" in refused(replace(LOT1, candidates=candidates))


@pytest.mark.parametrize("text", NOT_DECIMAL)
def test_no_number_of_the_tender_is_taken_on_trust(text: str) -> None:
    assert "not a decimal number" == refused(with_item(3, full=text))


# --- the price formula ------------------------------------------------------------------------------

NO_NUMBER = [text for text in NOT_DECIMAL if not is_number(text)]


@pytest.mark.parametrize("text", NO_NUMBER)
def test_no_number_of_the_price_formula_is_taken_on_trust(text: str) -> None:
    score = PRICING.score
    for lot in (
        with_pricing(weight=text),
        with_pricing(score=replace(score, above=(PenaltySegment(text),))),
        with_pricing(score=replace(score, below=(PenaltySegment(text),))),
        with_pricing(floor=ScoreBounds(least=text or "x")),
    ):
        assert refused(lot).startswith("the price formula: ")


def test_a_fault_of_the_price_formula_is_named_with_lot_and_path() -> None:
    with pytest.raises(UnusableTender) as why:
        check_tender(Tender("T", "t", (with_pricing(shift="K"),)), SITES, SEATS)
    assert ("lot1", "shift", "K") == tuple(why.value.detail[name] for name in ("lot", "path", "found"))


def test_a_price_formula_without_a_worked_sample_opens_no_session() -> None:
    """One live system published tenders with half their formula missing."""
    assert "formula_without_sample" in refused(with_pricing(samples=()))


def test_a_price_formula_whose_sample_comes_out_otherwise_opens_no_session() -> None:
    (sample,) = PRICING.samples
    wrong = replace(sample, bids=(replace(sample.bids[0], score="29.99"), *sample.bids[1:]))
    assert "sample_differs" in refused(with_pricing(samples=(wrong,)))


def test_the_floor_is_not_above_the_full_marks() -> None:
    """Every bid would get more points than the price is worth."""
    assert "floor" in refused(with_pricing(floor=ScoreBounds(least="30.01")))


def test_what_a_session_cannot_give_a_formula_is_refused_before_it_opens() -> None:
    drawn, small = presets.drawn_factor("30"), presets.lowest_price("30", deduction="0.1")
    check_tender(
        Tender("T", "t", (replace(LOT1, pricing=drawn),)), SITES, SEATS
    )  # a draw of the session gives it
    unlisted = tuple(replace(one, choices=()) for one in drawn.inputs)
    assert "cannot give" in refused(replace(LOT1, pricing=replace(drawn, inputs=unlisted)))
    check_tender(Tender("T", "t", (replace(LOT1, pricing=small),)), SITES, SEATS)
    rates = replace(presets.lowest_price("30"), quote=Quote.RATE)
    assert "money" in refused(replace(LOT1, pricing=rates))


def test_a_formula_may_ask_for_the_committees_marks() -> None:
    mark = PriceInput("technical", per=Per.BID)
    (sample,) = PRICING.samples
    bids = tuple(replace(one, values=(NamedValue("technical", "50"),)) for one in sample.bids)
    lot = with_pricing(inputs=(*PRICING.inputs, mark), samples=(replace(sample, bids=bids),))
    check_tender(Tender("T", "t", (lot,)), SITES, SEATS)


def test_a_formula_longer_than_a_journal_entry_can_carry_is_refused() -> None:
    (sample,) = PRICING.samples
    many = tuple(replace(sample, title="x" * 200) for _ in range(100))
    assert "too long" in refused(
        with_pricing(samples=many, title="x" * 200, inputs=(*PRICING.inputs, *_padding()))
    )


def _padding() -> list[PriceInput]:
    return [PriceInput(f"x{n}", "x" * 200, value="1", choices=()) for n in range(99)]


@pytest.mark.parametrize(
    "row",
    [
        TrimTerms(2, 1, 1),
        TrimTerms(0, 0, 0),
        TrimTerms(-3, 0, 0),
        TrimTerms(5, -1, 1),
        TrimTerms(5, 1, -1),
        TrimTerms(3, 3, 0),
    ],
)
def test_trimming_leaves_at_least_one_bid(row: TrimTerms) -> None:
    assert "the price formula: " in refused(trimming(row))


def test_a_trim_table_says_one_thing_for_each_number_of_bids() -> None:
    assert "begins at another number" in refused(trimming(TrimTerms(5, 1, 1), TrimTerms(5, 1, 0)))


def test_unequal_trimming_is_a_matter_of_the_tender() -> None:
    check_tender(Tender("T", "t", (trimming(TrimTerms(6, 1, 0), TrimTerms(7, 2, 1)),)), SITES, SEATS)


def test_an_item_is_a_line_of_data() -> None:
    """A newcomer's first change adds a kind here and nowhere else: this list is what the rest is built for."""
    assert ["score", "pass", "deduct"] == [kind.value for kind in ItemKind]
    assert Item.__slots__ == ("id", "part", "kind", "title", "standard", "full", "digits", "objective")


# --- sealed sessions ----------------------------------------------------------------------------------------

SEALED = replace(TENDER, lots=(replace(LOT1, bids=()),))


def test_lots_of_a_sealed_session_have_no_bids_and_those_of_a_rehearsal_have() -> None:
    check_tender(SEALED, SITES, SEATS, sealed=True)
    with pytest.raises(UnusableTender):
        check_tender(SEALED, SITES, SEATS)
    with pytest.raises(UnusableTender):
        check_tender(TENDER, SITES, SEATS, sealed=True)


@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.OPERATOR])
def test_nobody_opens_sealed_bids_alone(role: Role) -> None:
    seats = [seat for seat in SEATS if seat.role is not role]
    spare = [Seat(SeatCode(f"X{n}"), WEST, WEST, role, "elsewhere") for n in range(3)]
    with pytest.raises(UnusableTender):
        check_tender(SEALED, SITES, (*seats, *spare), sealed=True)


@pytest.mark.parametrize("name", ["host", "Node", "bidder", "TRUSTEE"])
def test_no_seat_bears_a_machines_name(name: str) -> None:
    seats = (*SEATS, replace(SEATS[0], code=SeatCode(name)))
    assert "machine" in refused(seats=seats)
