"""What makes a template unusable is blamed on a row; what is left out is filled in as the columns say."""

from collections.abc import Callable

import pytest
from openpyxl import Workbook

from evalroom.ids import SeatCode, SiteId
from evalroom.roles import Role
from evalroom.tender import Seat, UnusableTender, check_tender
from main_site.sample import sample_template
from main_site.template import Fault, parse_toml, write_toml
from main_site.template.rows import OPERATOR_LABEL, Findings, RawRow, assemble, disassemble
from tests.main_site.template.templates import problems_in, without_operator

Rows = dict[str, list[dict[str, object]]]


def rows() -> Rows:
    return {key: [dict(row) for row in some] for key, some in disassemble(sample_template()).items()}


def found_in(edit: Callable[[Rows], object]) -> list[Fault]:
    """Return the faults of the sample's rows after an edit."""
    some = rows()
    edit(some)
    findings = Findings()
    try:
        assemble(
            {key: [RawRow(i, row) for i, row in enumerate(table, 1)] for key, table in some.items()}, findings
        )
    except Exception:
        if not findings.problems:
            raise
    return [problem.fault for problem in findings.problems]


def marks(members: int, *, high: int = 1, low: int = 1, widest: str = "否") -> dict[str, object]:
    """Return a row of the table of marks to trim."""
    return {"members": members, "widest": widest, "high": high, "low": low}


def second_lot(some: Rows) -> None:
    some["lots"].append({"id": "2", "title": "监理"})


@pytest.mark.parametrize(
    ("edit", "faults"),
    [
        (lambda some: some["items"][0].update(full="5"), [Fault.PASS_WITH_WEIGHT, Fault.WEIGHTS]),
        (lambda some: some["items"][4].update(full="0"), [Fault.WITHOUT_WEIGHT, Fault.WEIGHTS]),
        (lambda some: some["items"][4].update(part="preliminary"), [Fault.PART_AND_KIND]),
        (lambda some: some["items"][0].update(part="detailed"), [Fault.PART_AND_KIND]),
        (lambda some: some["pricing"][0].update(floor="31"), [Fault.FLOOR_ABOVE_WEIGHT]),
        (lambda some: some["pricing"][0].update(ceiling="0.00"), [Fault.OUT_OF_RANGE]),
        (lambda some: some["trim"].append(some["trim"][0]), [Fault.REPEATED_START]),
        (lambda some: some["mark_trim"].append(marks(7, low=6)), [Fault.TRIMS_ALL_MARKS]),
        (lambda some: some["mark_trim"].append(marks(2, widest="是")), [Fault.TRIMS_ALL_MARKS]),
        (lambda some: some["mark_trim"].append(marks(0, high=0, low=0)), [Fault.TRIMS_ALL_MARKS]),
        (lambda some: some["mark_trim"].extend([marks(7), marks(7)]), [Fault.REPEATED_START]),
        (lambda some: some["lots"][0].update(technical_digits=7), [Fault.OUT_OF_RANGE]),
        (lambda some: some["lots"][0].update(award="vote", candidates=1), [Fault.VOTE_OF_ONE]),
        (lambda some: some["lots"][0].update(candidates=4), [Fault.MANY_CANDIDATES]),
        (lambda some: some["seats"][0].update(code="Node"), [Fault.MACHINE_NAME]),
        (lambda some: some["items"][4].update(full="14.5"), [Fault.WEIGHTS]),
        (lambda some: some["items"][4].update(id="t2"), [Fault.REPEATED_NAME]),
        (lambda some: some["bids"][1].update(id="b1"), [Fault.REPEATED_NAME]),
        (lambda some: some["seats"][1].update(code="e01"), [Fault.REPEATED_NAME]),
        (lambda some: some["bids"][1].update(lot="9"), [Fault.UNKNOWN_NAME]),
        (lambda some: some["seats"][1].update(site="Host"), [Fault.UNKNOWN_NAME]),
        (lambda some: some["seats"][1].update(node="site-a"), [Fault.SEAT_NODE]),
        (lambda some: some["pricing"][0].update(penalty_above="0"), [Fault.NO_PENALTY]),
        (lambda some: some["trim"][0].update(high=3), [Fault.TRIMS_ALL]),
        (lambda some: some["lots"][0].update(candidates=0), [Fault.OUT_OF_RANGE]),
        (lambda some: some["pricing"].append(some["pricing"][0]), [Fault.ONE_ROW_ONLY]),
        (lambda some: some["sites"][0].update(host="否"), [Fault.ONE_HOST]),
        (lambda some: some["sites"][1].update(host="是"), [Fault.ONE_HOST]),
        (lambda some: some["sites"][0].update(node="否"), [Fault.ONE_HOST] + [Fault.SEAT_NODE] * 5),
        (lambda some: [seat.update(role="supervisor") for seat in some["seats"]], [Fault.NO_EXPERT]),
        (lambda some: some["bids"].clear(), [Fault.NO_ROWS]),
        (lambda some: some.pop("bids"), [Fault.MISSING_TABLE]),
        (second_lot, [Fault.NO_ROWS] * 3),
        (lambda some: some["items"][0].update(group="technical"), [Fault.GROUP_AND_PART]),
        (lambda some: some["items"][4].update(group="形式评审"), [Fault.GROUP_AND_PART]),
        (lambda some: some["items"][4].update(options="A=14; B=3"), [Fault.WITHOUT_OPTIONS]),
        (lambda some: some["items"][9].update(options="A=6"), [Fault.WITHOUT_OPTIONS]),
        (lambda some: some["items"][9].update(options=None), [Fault.WITHOUT_OPTIONS]),
        (lambda some: some["items"][9].update(options="A=6; a=3"), [Fault.REPEATED_OPTION]),
        (lambda some: some["items"][9].update(options="A=5; B=3"), [Fault.BEST_OPTION]),
        (lambda some: some["items"][9].update(options="A=5; B=3", full=None), [Fault.WEIGHTS]),
        (lambda some: some["items"][9].update(options="A 6"), [Fault.NOT_OPTIONS]),
        (lambda some: some["items"][9].update(reason_below="101"), [Fault.OUT_OF_RANGE]),
        (lambda some: some["checks"][0].update(copied_bids=1), [Fault.OUT_OF_RANGE]),
        (lambda some: some["checks"][0].update(copied_chars=0), [Fault.OUT_OF_RANGE]),
        (lambda some: some["checks"].append(some["checks"][0]), [Fault.ONE_ROW_ONLY]),
        (lambda some: some["bids"][1].update(bidder=" 澄源水务 科技有限公司"), [Fault.REPEATED_BIDDER]),
    ],
)
def test_what_could_not_carry_a_session_is_refused(
    edit: Callable[[Rows], object], faults: list[Fault]
) -> None:
    assert faults == found_in(edit)


def test_with_two_lots_a_row_has_to_say_to_which_it_belongs() -> None:
    def edit(some: Rows) -> None:
        second_lot(some)
        some["bids"][0].pop("lot")

    assert Fault.MISSING_VALUE in found_in(edit)


def test_with_one_lot_no_row_has_to_name_it() -> None:
    def edit(some: Rows) -> None:
        for key in ("items", "bids", "pricing", "trim"):
            for row in some[key]:
                row["lot"] = "  "

    assert [] == found_in(edit)


def test_the_lot_whose_weights_do_not_add_up_is_named_with_the_sum() -> None:
    (problem,) = problems_in(lambda book: book["价格 pricing"].cell(2, 3, 35))
    assert ("lots", 2, "A", "1: 105") == (
        problem.place.table,
        problem.place.row,
        problem.place.letter,
        problem.found,
    )


def test_what_the_room_refuses_is_a_problem_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, sealed: bool) -> None:
        assert not sealed
        raise UnusableTender(problem="a new rule", item="T3")

    monkeypatch.setattr("main_site.template.rows.check_tender", refuse)
    (problem,) = problems_in(_nothing)
    assert (Fault.UNUSABLE, "items", 8) == (problem.fault, problem.place.table, problem.place.row)


def _nothing(_: Workbook) -> None:
    pass


def test_a_template_without_an_operator_gets_one_at_the_host_site() -> None:
    found = parse_toml(write_toml(without_operator(sample_template())))
    assert (
        Seat(SeatCode("OP"), SiteId("host"), SiteId("host"), Role.OPERATOR, OPERATOR_LABEL) == found.seats[-1]
    )
    assert len(sample_template().seats) == len(found.seats)


def test_the_operator_added_takes_no_code_that_is_in_use() -> None:
    text = write_toml(without_operator(sample_template())).replace('"E05"', '"op"')
    assert "OP2" == parse_toml(text).seats[-1].code


def test_a_template_with_an_operator_keeps_its_seats() -> None:
    assert sample_template().seats == parse_toml(write_toml(sample_template())).seats


def test_a_seat_connects_to_its_own_node_or_to_the_hosts() -> None:
    some = rows()
    some["sites"][2]["node"] = False
    for seat in some["seats"]:
        seat["node"] = None
    raw = {key: [RawRow(i, row) for i, row in enumerate(table, 1)] for key, table in some.items()}
    template = assemble(raw, Findings())
    assert {("host", "host"), ("site-a", "site-a"), ("site-b", "host")} == {
        (seat.site, seat.node) for seat in template.seats
    }
    check_tender(template.tender, template.sites, template.seats)
