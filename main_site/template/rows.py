"""From rows to the room's tender and back, and the checks that a row can be blamed for.

Readers hand in rows of raw cells with the place each came from; problems are collected, and only a template
without any is built.  The law of what can be evaluated stays in `evalroom.tender.check_tender`, which has the
last word; what is checked here again is what can be told with row and column.
"""

import datetime as dt
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import ROUND_DOWN, Decimal
from fractions import Fraction

from evalroom.errors import EvalroomError, MalformedName
from evalroom.ids import HOST_ACTOR, NODE_ACTOR, BidId, ItemId, LotId, SeatCode, SessionId, SiteId
from evalroom.pricing.formula import PriceFormula, TrimTerms
from evalroom.pricing.presets import TRIMMED_MEAN
from evalroom.pricing.rationals import Rounding, RoundingTerms
from evalroom.profile import PLAIN, PRESETS, CheckRules, Profile, UnusableProfile, parse_profile
from evalroom.roles import Role
from evalroom.sealing.policy import MAX_PADDED, PADDED, REQUIRED, Mode, PartName, PartTerms, Window
from evalroom.sealing.rules import FIRST_GATE, SHEETS_GATE
from evalroom.sealing.suites import SUITES
from evalroom.summary import Award, Ballots, MarkTrim, SummaryTerms, WidestTie
from evalroom.tender import (
    DARKENED,
    FULL_MARKS,
    GROUPS,
    Bid,
    Group,
    Item,
    ItemKind,
    Lot,
    Part,
    Seat,
    Site,
    Specialty,
    Tender,
    Thresholds,
    UnusableTender,
    check_committee,
    check_tender,
)
from main_site.template.cells import BEIJING, is_empty, parse_options, plain, read_cell, write_options
from main_site.template.columns import AFTER_SHEETS, AT_DEADLINE, BOTH, TABLES, Column, Table, Value
from main_site.template.formulas import (
    SimpleTerms,
    fault_of,
    is_whole,
    read_whole,
    simple_terms,
    text_of,
    trim_rows,
    weight_of,
)
from main_site.template.problems import Fault, Place, Problem, TemplateError, shown
from main_site.template.sealing import SealingTerms

MAX_SAID = 200
"""Characters of what is wrong with a price formula: a path and a sentence."""

MAX_ROWS = 1000
"""Rows of one table: a lot has at most 150 items, a session 100 bids (domain.md, sizes)."""

OPERATOR_LABEL = "主场操作员"

_WINDOW = "opening"
"""The first window's name, where the parts name none."""

_GATES: Mapping[str, str] = {AT_DEADLINE: FIRST_GATE, AFTER_SHEETS: SHEETS_GATE}
"""What a window waits for, in the template and in a policy."""

_BY_KEY = {table.key: table for table in TABLES}
_ID_COLUMNS = {"lots": "id", "items": "id", "bids": "id", "sites": "id", "seats": "code"}


@dataclass(frozen=True, slots=True)
class SessionTemplate:
    """A session as it is prepared: id, tender, sites and seats; without terms of sealing it is a rehearsal."""

    session: SessionId
    tender: Tender
    sites: tuple[Site, ...]
    seats: tuple[Seat, ...]
    sealing: SealingTerms | None = None
    profile: str = PLAIN


@dataclass(frozen=True, slots=True)
class RawRow:
    """One row as it was found: its number and its raw cells by column key; `letters` is empty in TOML."""

    number: int
    cells: Mapping[str, object]
    letters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it is understood; a cell with a problem is None."""

    table: Table
    raw: RawRow
    values: dict[str, Value]

    def text(self, key: str) -> str:
        """Return the text in column `key`, or nothing."""
        value = self.values.get(key)
        return value if isinstance(value, str) else ""

    def whole(self, key: str) -> int:
        """Return the whole number in column `key`, or 0."""
        value = self.values.get(key)
        return value if isinstance(value, int) else 0

    def flag(self, key: str) -> bool:
        """Say whether column `key` says yes."""
        return self.values.get(key) is True

    def place(self, key: str = "") -> Place:
        """Return where column `key` of this row is, or the row itself."""
        return place_of(self.table, self.raw, key)


class Findings:
    """The problems found so far, in the order they were found."""

    def __init__(self) -> None:
        """Begin with none."""
        self.problems: list[Problem] = []

    def add(self, fault: Fault, place: Place, found: object = "") -> None:
        """Take note of a problem."""
        self.problems.append(Problem(fault, place, shown(found)))

    def add_in(self, fault: Fault, row: Row, key: str) -> None:
        """Take note of a problem with the cell in column `key` of `row`."""
        self.add(fault, row.place(key), row.values.get(key, ""))

    def stop(self) -> None:
        """Raise what was found.

        Raises:
            TemplateError: when there is at least one problem.
        """
        if self.problems:
            raise TemplateError(self.problems)


def place_of(table: Table, raw: RawRow | None = None, key: str = "") -> Place:
    """Return the place of column `key` in the row `raw` of `table`."""
    heading = next((column.title for column in table.columns if column.key == key), "")
    if raw is None:
        return Place(table.key, table.title, None, key, heading)
    return Place(
        table.key, table.title, raw.number, key, heading, raw.letters.get(key, ""), entry=not raw.letters
    )


def assemble(found: Mapping[str, Sequence[RawRow]], findings: Findings) -> SessionTemplate:
    """Build the template from the raw rows of each table, adding to the problems the reader already found.

    Raises:
        TemplateError: with every problem found.
    """
    rows = {table.key: _read_rows(table, found.get(table.key), findings) for table in TABLES}
    _fill_lots(rows, findings)
    _fill_nodes(rows)
    _fill_weights(rows)
    _check_names(rows, findings)
    _check_references(rows, findings)
    _check_rules(rows, findings)
    if not rows["bids"] and not rows["sealing"]:
        missing = found.get("bids") is None
        findings.add(Fault.MISSING_TABLE if missing else Fault.NO_ROWS, place_of(_BY_KEY["bids"]))
    _check_sealing(rows, findings)
    findings.stop()
    template = _with_operator(_build(rows))
    _have_the_last_word(template, rows, findings)
    findings.stop()
    return template


def _read_rows(table: Table, raw_rows: Sequence[RawRow] | None, findings: Findings) -> list[Row]:
    """Read each row of a table; None says that there is no such table."""
    if raw_rows is None and table.required:
        findings.add(Fault.MISSING_TABLE, place_of(table))
    if raw_rows is not None and not raw_rows and table.required:
        findings.add(Fault.NO_ROWS, place_of(table))
    rows = list(raw_rows or ())
    if len(rows) > (1 if table.single else MAX_ROWS):
        fault = Fault.ONE_ROW_ONLY if table.single else Fault.TOO_MANY_ROWS
        findings.add(fault, place_of(table, rows[-1]))
    return [_read_row(table, raw, findings) for raw in rows[:MAX_ROWS]]


def _read_row(table: Table, raw: RawRow, findings: Findings) -> Row:
    row = Row(table, raw, {})
    for column in table.columns:
        row.values[column.key] = _read(column, row, findings)
    return row


def _read(column: Column, row: Row, findings: Findings) -> Value:
    if column.required and column.key not in row.raw.cells and row.raw.letters:
        return None  # the sheet lacks the whole column, which its header was blamed for
    raw = row.raw.cells.get(column.key)
    value = read_cell(column, raw)
    if not isinstance(value, Fault):
        return value
    findings.add(value, row.place(column.key), "" if is_empty(raw) else raw)
    return None


def _fill_lots(rows: Mapping[str, list[Row]], findings: Findings) -> None:
    """Give rows without a lot the only one there is."""
    lots = [row.text("id") for row in rows["lots"]]
    for row in (
        row for key in ("items", "checks", "bids", "pricing", "trim", "mark_trim") for row in rows[key]
    ):
        if is_empty(row.raw.cells.get("lot")):
            row.values["lot"] = lots[0] if len(lots) == 1 else None
            if len(lots) > 1:
                findings.add_in(Fault.MISSING_VALUE, row, "lot")


def _fill_nodes(rows: Mapping[str, list[Row]]) -> None:
    """Connect seats that name no node to that of their site, or to the host's."""
    nodes = {row.text("id") for row in rows["sites"] if row.flag("node")}
    host = next((row.text("id") for row in rows["sites"] if row.flag("host")), None)
    for row in rows["seats"]:
        if row.values["node"] is None:
            row.values["node"] = row.text("site") if row.text("site") in nodes else host


def _fill_weights(rows: Mapping[str, list[Row]]) -> None:
    """Give a choice whose weight was left out that of its best option."""
    for row in rows["items"]:
        options = parse_options(row.text("options"))
        if row.text("kind") == ItemKind.CHOICE and options and is_empty(row.raw.cells.get("full")):
            row.values["full"] = plain(max(Decimal(option.points) for option in options))


def _check_names(rows: Mapping[str, list[Row]], findings: Findings) -> None:
    for table, key in _ID_COLUMNS.items():
        seen: set[tuple[str, str]] = set()
        for row in rows[table]:
            name = (row.text("lot") if table == "items" else "", row.text(key).lower())
            if name[1] and name in seen:
                findings.add_in(Fault.REPEATED_NAME, row, key)
            seen.add(name)


def _check_references(rows: Mapping[str, list[Row]], findings: Findings) -> None:
    known = {table: {row.text("id") for row in rows[table]} for table in ("lots", "sites")}
    for row in (row for table in TABLES for row in rows[table.key]):
        for column in row.table.columns:
            name = row.text(column.key)
            if column.names and known[column.names] and name and name not in known[column.names]:
                findings.add_in(Fault.UNKNOWN_NAME, row, column.key)


def _check_rules(rows: Mapping[str, list[Row]], findings: Findings) -> None:
    for row in rows["items"]:
        _check_item(row, findings)
    for row in rows["pricing"]:
        _check_pricing(row, rows["trim"], findings)
    _check_trim(rows["trim"], findings)
    _check_mark_trim(rows["mark_trim"], findings)
    said = next((row.text("profile") for row in rows["project"]), "")
    most = _rules_of(_profile(said)).result.candidates
    for row in rows["lots"]:
        _check_lot(row, rows, findings)
        if row.whole("candidates") > most:
            findings.add_in(Fault.MANY_CANDIDATES, row, "candidates")
    for row in rows["checks"]:
        _check_thresholds(row, findings)
    _check_bidders(rows["bids"], findings)
    _check_sites_and_seats(rows, findings)


def _check_sealing(rows: Mapping[str, list[Row]], findings: Findings) -> None:
    """Blame bids of a rehearsal beside terms of sealing, and terms that no policy could meet."""
    if not rows["sealing"]:
        if rows["parts"]:
            findings.add(Fault.MISSING_TABLE, place_of(_BY_KEY["sealing"]))
        return
    for bid in rows["bids"]:
        findings.add_in(Fault.BIDS_AND_SEALING, bid, "id")
    terms = rows["sealing"][0]
    if terms.text("opens_at") and terms.text("opens_at") < terms.text("deadline"):
        findings.add_in(Fault.OUT_OF_RANGE, terms, "opens_at")
    if (
        terms.text("mode")
        and terms.values["k"] is not None
        and (terms.text("mode") == Mode.BIDDER) != (terms.whole("k") == 0)
    ):
        findings.add_in(Fault.BAD_SEALING, terms, "k")
    if _suites(terms.text("suites")) is None:
        findings.add_in(Fault.NOT_A_CHOICE, terms, "suites")
    for key in ("max_mb", "release_minutes"):
        if terms.values[key] == 0:
            findings.add_in(Fault.OUT_OF_RANGE, terms, key)
    _check_sealed_parts(rows["parts"], terms.whole("max_mb"), findings)
    _check_dark(rows, findings)


def _check_dark(rows: Mapping[str, list[Row]], findings: Findings) -> None:
    """Blame dark parts that bids do not have, or that come too late, and windows that would tell who was rejected."""
    first = next((row.text("window") for row in rows["parts"]), _WINDOW)
    windows = {row.text("part"): row.text("window") for row in rows["parts"]} or {PartName.TECHNICAL: first}
    for lot in (row for row in rows["lots"] if row.flag("dark")):
        if any(windows.get(part) != first for part in _dark(lot)):
            findings.add_in(Fault.BAD_SEALING, lot, "dark_parts")
        for row in rows["parts"]:
            if row.text("window") != first and row.text("gate") != AFTER_SHEETS:
                findings.add_in(Fault.BAD_SEALING, row, "gate")


def _check_sealed_parts(rows: Iterable[Row], whole: int, findings: Findings) -> None:
    seen: set[str] = set()
    gates: dict[str, str] = {}
    for row in rows:
        part, window, size = row.text("part"), row.text("window"), row.whole("max_mb")
        most = min(MAX_PADDED >> 20, whole) if part in PADDED else whole
        if part and part in seen:
            findings.add_in(Fault.REPEATED_NAME, row, "part")
        if size > most or row.values["max_mb"] == 0:
            findings.add_in(Fault.OUT_OF_RANGE, row, "max_mb")
        if part in REQUIRED and (row.text("gate") != AT_DEADLINE or (gates and window != next(iter(gates)))):
            findings.add_in(Fault.BAD_SEALING, row, "window")
        elif gates.setdefault(window, row.text("gate")) != row.text("gate"):
            findings.add_in(Fault.BAD_SEALING, row, "gate")
        seen.add(part)


def _suites(text: str) -> tuple[int, ...] | None:
    """Return the suites in a cell, None when it names one that is none."""
    words = text.replace(",", " ").replace("，", " ").replace("、", " ").split()
    found = tuple(int(word) for word in words if word.isascii() and word.isdigit() and len(word) < 4)
    known = len(found) == len(words) > 0 and set(found) <= SUITES.keys() and len(set(found)) == len(found)
    return found if known else None


def _check_item(row: Row, findings: Findings) -> None:
    kind, part, full = row.text("kind"), row.text("part"), row.text("full")
    if not kind:
        return
    if full and (kind == ItemKind.PASS) != (full == "0"):
        fault = Fault.PASS_WITH_WEIGHT if kind == ItemKind.PASS else Fault.WITHOUT_WEIGHT
        findings.add_in(fault, row, "full")
    if part and (kind == ItemKind.PASS) != (part == Part.PRELIMINARY):
        findings.add_in(Fault.PART_AND_KIND, row, "part")
        return
    group = row.text("group")
    if part and group and group not in GROUPS[Part(part)]:
        findings.add_in(Fault.GROUP_AND_PART, row, "group")
    _check_options(row, findings)


def _check_options(row: Row, findings: Findings) -> None:
    options = parse_options(row.text("options"))
    unread = not options and not is_empty(row.raw.cells.get("options"))
    if not unread and (len(options) > 1) != (row.text("kind") == ItemKind.CHOICE or len(options) == 1):
        findings.add_in(Fault.WITHOUT_OPTIONS, row, "options")
        return
    if len({option.name.casefold() for option in options}) != len(options):
        findings.add_in(Fault.REPEATED_OPTION, row, "options")
    best = max((Decimal(option.points) for option in options), default=None)
    if best is not None and row.text("full") and best != Decimal(row.text("full")):
        findings.add_in(Fault.BEST_OPTION, row, "full")


def _check_pricing(row: Row, trims: Iterable[Row], findings: Findings) -> None:
    if is_whole(row.text("formula")):
        _check_whole_formula(row, trims, findings)
        return
    weight, floor = row.text("weight"), row.text("floor")
    if row.values["weight"] is None and is_empty(row.raw.cells.get("weight")):
        findings.add_in(Fault.MISSING_VALUE, row, "weight")
    if row.text("formula") == TRIMMED_MEAN and row.text("penalty_above") == "0":
        findings.add_in(Fault.NO_PENALTY, row, "penalty_above")
    if weight and floor and Decimal(floor) > Decimal(weight):
        findings.add_in(Fault.FLOOR_ABOVE_WEIGHT, row, "floor")
    if row.text("ceiling") == "0":
        findings.add_in(Fault.OUT_OF_RANGE, row, "ceiling")


def _check_whole_formula(row: Row, trims: Iterable[Row], findings: Findings) -> None:
    """Blame a formula that cannot be used, and what stands in simple columns beside it."""
    fault = fault_of(row.text("formula"))
    if fault:
        findings.problems.append(Problem(Fault.BAD_FORMULA, row.place("formula"), shown(fault, MAX_SAID)))
    for column in row.table.columns:
        if column.key not in {"lot", "formula"} and not is_empty(row.raw.cells.get(column.key)):
            findings.add_in(Fault.BESIDE_FORMULA, row, column.key)
    for trim in trims:
        if trim.text("lot") == row.text("lot"):
            findings.add_in(Fault.BESIDE_FORMULA, trim, "from_bids")


def _check_trim(rows: Iterable[Row], findings: Findings) -> None:
    seen: set[tuple[str, int]] = set()
    for row in rows:
        start = row.whole("from_bids")
        if row.whole("high") + row.whole("low") >= start > 0:
            findings.add_in(Fault.TRIMS_ALL, row, "from_bids")
        if (row.text("lot"), start) in seen:
            findings.add_in(Fault.REPEATED_START, row, "from_bids")
        seen.add((row.text("lot"), start))


def _check_mark_trim(rows: Iterable[Row], findings: Findings) -> None:
    seen: set[tuple[str, int]] = set()
    for row in rows:
        members = row.whole("members")
        if row.whole("high") + row.whole("low") + row.flag("widest") >= members:
            findings.add_in(Fault.TRIMS_ALL_MARKS, row, "members")
        if (row.text("lot"), members) in seen:
            findings.add_in(Fault.REPEATED_START, row, "members")
        seen.add((row.text("lot"), members))


def _check_thresholds(row: Row, findings: Findings) -> None:
    for key, least in (("copied_bids", 2), ("vector_cells", 2), ("copied_chars", 1)):
        if row.values[key] is not None and row.whole(key) < least:
            findings.add_in(Fault.OUT_OF_RANGE, row, key)


def _check_bidders(rows: Iterable[Row], findings: Findings) -> None:
    """Blame a bidder that stands twice in a lot, however its name is spaced or wide."""
    seen: set[tuple[str, str]] = set()
    for row in rows:
        name = "".join(unicodedata.normalize("NFKC", row.text("bidder")).split()).casefold()
        if name and (row.text("lot"), name) in seen:
            findings.add_in(Fault.REPEATED_BIDDER, row, "bidder")
        seen.add((row.text("lot"), name))


def _check_lot(row: Row, rows: Mapping[str, list[Row]], findings: Findings) -> None:
    """Blame a lot that lacks rows elsewhere, or whose weights do not add up."""
    lot = row.text("id")
    if row.values["candidates"] == 0:
        findings.add_in(Fault.OUT_OF_RANGE, row, "candidates")
    if row.text("award") == Award.VOTE and row.whole("candidates") == 1:
        findings.add_in(Fault.VOTE_OF_ONE, row, "candidates")
    mine = {
        key: [other for other in rows[key] if other.text("lot") == lot]
        for key in ("items", "bids", "pricing", "checks")
    }
    for key, some in mine.items():
        if not some and rows[key] and key != "checks":
            findings.add(Fault.NO_ROWS, place_of(_BY_KEY[key]), lot)
    for other in (*mine["pricing"][1:], *mine["checks"][1:]):
        findings.add(Fault.ONE_ROW_ONLY, other.place("lot"), lot)
    weights = [item.text("full") for item in mine["items"]] + [_weight(price) for price in mine["pricing"]]
    if mine["items"] and len(mine["pricing"]) == 1 and all(weights):
        total = sum(map(Decimal, weights), Decimal(0))
        if total != FULL_MARKS:
            findings.add(Fault.WEIGHTS, row.place("id"), f"{lot}: {plain(total)}")


def _weight(price: Row) -> str:
    text = price.text("formula")
    return weight_of(text) if is_whole(text) else price.text("weight")


def _check_sites_and_seats(rows: Mapping[str, list[Row]], findings: Findings) -> None:
    hosts = [row for row in rows["sites"] if row.flag("host")]
    if rows["sites"] and (len(hosts) != 1 or not hosts[0].flag("node")):
        findings.add(
            Fault.ONE_HOST, place_of(_BY_KEY["sites"], key="host"), ", ".join(row.text("id") for row in hosts)
        )
    known = {row.text("id") for row in rows["sites"]}
    nodes = {row.text("id") for row in rows["sites"] if row.flag("node")}
    for row in rows["seats"]:
        if row.text("code").lower() in (HOST_ACTOR, NODE_ACTOR):
            findings.add_in(Fault.MACHINE_NAME, row, "code")
        site, node = row.text("site"), row.text("node")
        if {site, node} <= known and (node not in nodes or (site in nodes and node != site)):
            findings.add_in(Fault.SEAT_NODE, row, "node")
    roles = Counter(row.text("role") for row in rows["seats"])
    if rows["seats"] and not roles[""] and not roles[Role.EXPERT]:
        findings.add(Fault.NO_EXPERT, place_of(_BY_KEY["seats"], key="role"))


def _build(rows: Mapping[str, list[Row]]) -> SessionTemplate:
    project = rows["project"][0]
    rules = _rules_of(_profile(project.text("profile"))).checks
    return SessionTemplate(
        session=SessionId(project.text("session")),
        tender=Tender(
            code=project.text("code"),
            title=project.text("title"),
            lots=tuple(_lot(row, rows, rules) for row in rows["lots"]),
        ),
        sites=tuple(_site(row) for row in rows["sites"]),
        seats=tuple(_seat(row) for row in rows["seats"]),
        sealing=_sealing(rows["sealing"][0], rows["parts"]) if rows["sealing"] else None,
        profile=_profile(project.text("profile")),
    )


def _profile(said: str) -> str:
    """Return the text of a rule profile: of the preset that is named, or what stands there itself."""
    return PRESETS.get(said.strip(), said)


def _rules_of(profile: str) -> Profile:
    """Return what a rule profile says; one that cannot be read is named by whoever has the last word."""
    try:
        return parse_profile(profile)
    except UnusableProfile:
        return Profile()


def _sealing(row: Row, parts: Sequence[Row]) -> SealingTerms:
    """Return the terms of sealed bids; parts that every bid has are added where they are not named."""
    deadline, whole = _ms(row.text("deadline")), row.whole("max_mb") << 20
    named = {PartName(part.text("part")): part for part in parts}
    first = next((part.text("window") for part in parts), _WINDOW)
    wanted = {*named, *REQUIRED} if named else {*REQUIRED, PartName.TECHNICAL}
    gates = {first: AT_DEADLINE} | {part.text("window"): part.text("gate") for part in parts}
    opens_at = _ms(row.text("opens_at")) if row.text("opens_at") else deadline
    return SealingTerms(
        deadline=deadline,
        mode=Mode(row.text("mode")),
        k=row.whole("k"),
        suites=_suites(row.text("suites")) or (),
        min_bids=row.whole("min_bids"),
        max_size=whole,
        windows=tuple(
            Window(
                name,
                _GATES[gate],
                opens_at if gate == AT_DEADLINE else None,
                row.whole("release_minutes") * 60_000,
            )
            for name, gate in gates.items()
        ),
        parts=tuple(_part_terms(name, named.get(name), first, whole) for name in PartName if name in wanted),
    )


def _part_terms(name: PartName, row: Row | None, first: str, whole: int) -> PartTerms:
    size = row.whole("max_mb") << 20 if row is not None else 0
    default = min(1 << 20, whole) if name in PADDED else whole
    return PartTerms(name, row.text("window") if row is not None else first, size or default)


def _ms(instant: str) -> int:
    """Return the UTC ms of an instant in ISO 8601."""
    return int(dt.datetime.fromisoformat(instant).timestamp()) * 1000


def _iso(ms: int) -> str:
    return dt.datetime.fromtimestamp(ms // 1000, BEIJING).isoformat()


def _percent(share: Fraction) -> str:
    """Write a share as a percentage, to four digits at most."""
    return plain((Decimal(share.numerator) * 100 / share.denominator).quantize(Decimal("0.0001"), ROUND_DOWN))


def _lot(row: Row, rows: Mapping[str, list[Row]], rules: CheckRules) -> Lot:
    lot = row.text("id")

    def mine(key: str) -> list[Row]:
        return [other for other in rows[key] if other.text("lot") == lot]

    return Lot(
        id=LotId(lot),
        title=row.text("title"),
        items=tuple(_item(item) for item in mine("items")),
        bids=tuple(Bid(BidId(bid.text("id")), bid.text("bidder")) for bid in mine("bids")),
        pricing=_pricing(mine("pricing")[0], mine("trim")),
        candidates=row.whole("candidates"),
        dark=_dark(row),
        checks=_thresholds(mine("checks"), rules),
        summary=_summary(row, mine("mark_trim")),
    )


def _summary(row: Row, trims: Iterable[Row]) -> SummaryTerms:
    rules = (
        MarkTrim(one.whole("members"), int(one.flag("widest")), one.whole("high"), one.whole("low"))
        for one in trims
    )
    digits = {name: row.values[f"{name}_digits"] for name in ("technical", "commercial")}
    return SummaryTerms(
        trim=tuple(sorted(rules, key=lambda rule: rule.members)),
        widest_tie=WidestTie(row.text("widest_tie")),
        technical=row.whole("technical_digits") if digits["technical"] is not None else None,
        commercial=row.whole("commercial_digits") if digits["commercial"] is not None else None,
        award=Award(row.text("award")),
        ballots=Ballots(row.text("ballots")),
    )


def _thresholds(rows: Sequence[Row], rules: CheckRules) -> Thresholds:
    """Return a lot's thresholds; one without a row has those of the rule profile, and the usual others."""
    if not rows:
        return Thresholds(reason_below=_percent(rules.low_item), deviation=_percent(rules.deviation))
    row = rows[0]
    return Thresholds(
        reason_below=row.text("reason_below"),
        copied_bids=row.whole("copied_bids"),
        copied_chars=row.whole("copied_chars"),
        vector_cells=row.whole("vector_cells"),
        deviation=row.text("deviation"),
    )


def _dark(row: Row) -> tuple[PartName, ...]:
    """Return the dark parts of a lot, none for an open one."""
    if not row.flag("dark"):
        return ()
    return DARKENED if row.text("dark_parts") == BOTH else (PartName.TECHNICAL,)


def _item(row: Row) -> Item:
    return Item(
        id=ItemId(row.text("id")),
        part=Part(row.text("part")),
        kind=ItemKind(row.text("kind")),
        title=row.text("title"),
        standard=row.text("standard"),
        full=row.text("full"),
        digits=row.whole("digits"),
        objective=row.flag("objective"),
        group=Group(row.text("group")) if row.text("group") else None,
        options=parse_options(row.text("options")),
        reason_below=row.text("reason_below") or None,
    )


def _pricing(row: Row, trims: Iterable[Row]) -> PriceFormula:
    if is_whole(row.text("formula")):
        return read_whole(row.text("formula"))
    ceiling = row.text("ceiling")
    terms = SimpleTerms(
        formula=row.text("formula"),
        weight=row.text("weight"),
        ceiling_fen=int(Decimal(ceiling) * 100) if ceiling else None,
        trim=tuple(
            TrimTerms(trim.whole("from_bids"), trim.whole("high"), trim.whole("low")) for trim in trims
        ),
        penalty_above=row.text("penalty_above"),
        penalty_below=row.text("penalty_below"),
        floor=row.text("floor"),
        rounding=RoundingTerms(row.whole("rounding_digits"), Rounding(row.text("rounding"))),
    )
    return terms.build()


def _site(row: Row) -> Site:
    return Site(SiteId(row.text("id")), row.text("name"), host=row.flag("host"), node=row.flag("node"))


def _seat(row: Row) -> Seat:
    return Seat(
        code=SeatCode(row.text("code")),
        site=SiteId(row.text("site")),
        node=SiteId(row.text("node")),
        role=Role(row.text("role")),
        label=row.text("label"),
        specialty=Specialty(row.text("specialty")),
        reserve=row.flag("reserve"),
    )


def _with_operator(template: SessionTemplate) -> SessionTemplate:
    """Add a seat for the operator at the host site, without whom nobody could bring in the bids."""
    if any(seat.role is Role.OPERATOR for seat in template.seats):
        return template
    taken = {seat.code.lower() for seat in template.seats}
    code = next(code for code in _operator_codes() if code.lower() not in taken)
    host = next(site.id for site in template.sites if site.host)
    seat = Seat(SeatCode(code), host, host, Role.OPERATOR, OPERATOR_LABEL)
    return replace(template, seats=(*template.seats, seat))


def _operator_codes() -> Iterator[str]:
    yield "OP"
    yield from (f"OP{number}" for number in range(2, MAX_ROWS + 3))


def _have_the_last_word(template: SessionTemplate, rows: Mapping[str, list[Row]], findings: Findings) -> None:
    try:
        sealed = template.sealing is not None
        check_tender(template.tender, template.sites, template.seats, sealed=sealed)
    except (UnusableTender, MalformedName) as why:
        findings.add(Fault.UNUSABLE, _blamed(why.detail, rows), _words(why))
    try:
        check_committee(template.seats, parse_profile(template.profile).committee)
    except UnusableTender as why:
        findings.add(Fault.UNUSABLE, place_of(_BY_KEY["seats"], key="role"), _words(why))
    except UnusableProfile as why:
        findings.add(Fault.UNUSABLE, rows["project"][0].place("profile"), _words(why))


def _words(why: EvalroomError) -> str:
    return ", ".join(str(value) for value in why.detail.values())


def _blamed(detail: Mapping[str, str | int | None], rows: Mapping[str, list[Row]]) -> Place:
    """Return the row that an error of the room speaks of, as far as it says."""
    for member, table in (("item", "items"), ("seat", "seats"), ("lot", "lots")):
        for row in rows[table]:
            if detail.get(member) == row.text(_ID_COLUMNS[table]):
                return row.place(_ID_COLUMNS[table])
    return Place()


def disassemble(template: SessionTemplate) -> dict[str, list[dict[str, Value]]]:
    """Return the rows of each table that `assemble` would build `template` from."""
    lots = template.tender.lots
    return {
        "project": [
            {
                "session": template.session,
                "code": template.tender.code,
                "title": template.tender.title,
                "profile": _profile_name(template.profile),
            },
        ],
        "lots": [_lot_row(lot) for lot in lots],
        "items": [_item_row(lot, item) for lot in lots for item in lot.items],
        "checks": [_checks_row(lot) for lot in lots],
        "bids": [{"lot": lot.id, "id": bid.id, "bidder": bid.bidder} for lot in lots for bid in lot.bids],
        "pricing": [_pricing_row(lot) for lot in lots],
        "trim": [
            {"lot": lot.id, "from_bids": trim.from_bids, "high": trim.high, "low": trim.low}
            for lot in lots
            for trim in trim_rows(lot.pricing)
        ],
        "mark_trim": [
            {
                "lot": lot.id,
                "members": rule.members,
                "widest": bool(rule.widest),
                "high": rule.high,
                "low": rule.low,
            }
            for lot in lots
            for rule in lot.summary.trim
        ],
        "sites": [
            {"id": site.id, "name": site.name, "host": site.host, "node": site.node}
            for site in template.sites
        ],
        "seats": [_seat_row(seat) for seat in template.seats],
        "sealing": [_sealing_row(template.sealing)] if template.sealing else [],
        "parts": _part_rows(template.sealing) if template.sealing else [],
    }


def _profile_name(text: str) -> str:
    """Return the name of the preset with this text, or the text."""
    return next((name for name, preset in PRESETS.items() if preset == text), text)


def _lot_row(lot: Lot) -> dict[str, Value]:
    parts = BOTH if len(lot.dark) > 1 else PartName.TECHNICAL.value
    return {
        "id": lot.id,
        "title": lot.title,
        "candidates": lot.candidates,
        "dark": bool(lot.dark),
        "dark_parts": parts,
        "technical_digits": lot.summary.technical,
        "commercial_digits": lot.summary.commercial,
        "widest_tie": lot.summary.widest_tie.value,
        "award": lot.summary.award.value,
        "ballots": lot.summary.ballots.value,
    }


def _sealing_row(terms: SealingTerms) -> dict[str, Value]:
    first = terms.windows[0]
    return {
        "deadline": _iso(terms.deadline),
        "opens_at": _iso(first.opens_at or terms.deadline),
        "mode": terms.mode.value,
        "k": terms.k,
        "suites": " ".join(map(str, terms.suites)),
        "min_bids": terms.min_bids,
        "max_mb": terms.max_size >> 20,
        "release_minutes": first.release_ms // 60_000,
    }


def _part_rows(terms: SealingTerms) -> list[dict[str, Value]]:
    gates = {window.name: window.gate for window in terms.windows}
    codes = {event: code for code, event in _GATES.items()}
    return [
        {
            "part": part.name.value,
            "window": part.window,
            "gate": codes[gates[part.window]],
            "max_mb": part.max_size >> 20,
        }
        for part in terms.parts
    ]


def _item_row(lot: Lot, item: Item) -> dict[str, Value]:
    return {
        "lot": lot.id,
        "id": item.id,
        "part": item.part.value,
        "group": item.group.value if item.group else None,
        "kind": item.kind.value,
        "options": write_options(item.options) or None,
        "title": item.title,
        "standard": item.standard,
        "full": item.full,
        "digits": item.digits,
        "objective": item.objective,
        "reason_below": item.reason_below,
    }


def _checks_row(lot: Lot) -> dict[str, Value]:
    checks = lot.checks
    return {
        "lot": lot.id,
        "reason_below": checks.reason_below,
        "copied_bids": checks.copied_bids,
        "copied_chars": checks.copied_chars,
        "vector_cells": checks.vector_cells,
        "deviation": checks.deviation,
    }


def _pricing_row(lot: Lot) -> dict[str, Value]:
    terms = simple_terms(lot.pricing)
    if terms is None:
        whole: dict[str, Value] = dict.fromkeys(column.key for column in _BY_KEY["pricing"].columns)
        return whole | {"lot": lot.id, "formula": text_of(lot.pricing)}
    return {
        "lot": lot.id,
        "formula": terms.formula,
        "weight": terms.weight,
        "ceiling": None if terms.ceiling_fen is None else plain(Decimal(terms.ceiling_fen) / 100),
        "penalty_above": terms.penalty_above,
        "penalty_below": terms.penalty_below,
        "floor": terms.floor,
        "rounding_digits": terms.rounding.digits,
        "rounding": terms.rounding.mode.value,
    }


def _seat_row(seat: Seat) -> dict[str, Value]:
    return {
        "code": seat.code,
        "site": seat.site,
        "node": seat.node,
        "role": seat.role.value,
        "label": seat.label,
        "specialty": seat.specialty.value,
        "reserve": seat.reserve,
    }
