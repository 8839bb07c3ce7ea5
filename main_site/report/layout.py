"""From a report's data to what stands on its pages: chapters of words and tables, all of them plain texts.

Nothing is computed here but how a figure is written: rationals as decimals beside their exact form, fen as yuan.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from typing import Any

from main_site.report.words import Language, word

CHINA = timezone(timedelta(hours=8))
"""Times are printed in China's, with the offset beside them."""

MOST_COLUMNS = 8
"""Bids side by side in one table on a page across; more go into further tables."""

WIDE_FROM = 5
"""Bids from which on the score tables stand on pages across."""

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading, its share of the width (0: as wide as its texts), figures to the right."""

    title: str
    share: int = 0
    figures: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its caption; headings are repeated on every page."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Chapter:
    """A chapter: its title, the chair's words, its tables; `wide` stands on pages across."""

    title: str
    words: tuple[str, ...]
    tables: tuple[Table, ...]
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Sheetwork:
    """All that stands on a report's pages."""

    language: str
    title: str
    subtitle: str
    facts: tuple[tuple[str, str], ...]
    chapters: tuple[Chapter, ...]
    digest: str
    digest_label: str
    page_label: str
    watermark: str

    def texts(self) -> Iterator[tuple[str, str]]:
        """Yield every text with where it stands, for whoever has to find a glyph for each character."""
        head = (self.title, self.subtitle, self.digest_label, self.page_label, self.watermark)
        yield from (("title", one) for one in (*head, *(text for pair in self.facts for text in pair)))
        for chapter in self.chapters:
            yield chapter.title, chapter.title
            yield from ((chapter.title, one) for one in chapter.words)
            for table in chapter.tables:
                yield chapter.title, table.caption
                yield from ((chapter.title, column.title) for column in table.columns)
                yield from ((chapter.title, cell) for row in table.rows for cell in row)


@dataclass(frozen=True, slots=True)
class Signatory:
    """Who stands how to a report, as a line of its last chapter; `at_ms` None: not yet."""

    seat: str
    role: str
    stand: str
    reason: str
    at_ms: int | None


def lay_out(
    data: bytes, digest: str, signatories: Sequence[Signatory], language: Language, *, draft: bool
) -> Sheetwork:
    """Lay out the report whose canonical JSON is `data`; `signatories` are members first, then witnesses."""
    report = json.loads(data)
    page = _Page(report, language)
    say = page.say
    return Sheetwork(
        language=language,
        title=say("title"),
        subtitle=f"{report['title']} · {report['lot_title']}",
        facts=tuple(_facts(page)),
        chapters=(
            _course(page), _attendance(page), _opening(page), _preliminary(page), _rejections(page),
            _clarifications(page), _detailed(page), _findings(page), _price(page), _recommendation(page),
            _incidents(page), _votes(page), _signatures(page, signatories), *_sheets(page),
        ),
        digest=digest,
        digest_label=say("digest"),
        page_label=say("page"),
        watermark=say("draft") if draft else "",
    )  # fmt: skip


class _Page:
    """A report being laid out: its data, names by id, and the language."""

    def __init__(self, report: Json, language: Language) -> None:
        self.report = report
        self.language = language
        self.bidders = {one["id"]: one["bidder"] or one["id"] for one in report["bids"]}
        self.items = {one["id"]: one for one in report["items"]}
        self.prose = {one["section"]: one["text"] for one in report["prose"]}

    def say(self, key: str) -> str:
        return word(key, self.language)

    def columns(
        self, *keys: str, figures: Sequence[str] = (), share: Sequence[str] = ()
    ) -> tuple[Column, ...]:
        return tuple(Column(self.say(key), int(key in share), key in figures) for key in keys)

    def item(self, name: str) -> str:
        return self.items[name]["title"] if name in self.items else name

    def words(self, section: str) -> tuple[str, ...]:
        return tuple(self.prose[section].split("\n")) if section in self.prose else ()

    def chapter(self, key: str, *tables: Table, wide: bool = False, section: str = "") -> Chapter:
        filled = tuple(one for one in tables if one.rows)
        words = self.words(section or key)
        return Chapter(self.say(key), words or (() if filled else (self.say("none"),)), filled, wide)


def _facts(page: _Page) -> Iterator[tuple[str, str]]:
    report, say = page.report, page.say
    sites = (f"{one['name']}（{say('host' if one['host'] else 'sub')}）" for one in report["sites"])
    yield say("tender"), report["tender"]
    yield say("project"), report["title"]
    yield say("lot"), f"{report['lot']} {report['lot_title']}"
    yield say("session"), report["session"]
    yield say("sites"), "、".join(sites)
    yield say("formula"), report["formula"]
    yield say("weight"), report["weight"]
    yield say("candidates"), str(report["candidates"])
    if report["failure"]:
        yield say("result"), f"{say('failed_lot')}：{say('failure.' + report['failure']['ground'])}"
    if report["rehearsal"]:
        yield say("rehearsal"), ""


def _course(page: _Page) -> Chapter:
    rows = tuple((when(one["at_ms"]), page.say(f"stage.{one['stage']}")) for one in page.report["stages"])
    return page.chapter("overview", Table("", page.columns("time", "stage", share=("stage",)), rows))


def _attendance(page: _Page) -> Chapter:
    rows = tuple(
        (
            one["seat"], one["site"], _role(page, one), page.say(f"specialty.{one['specialty']}"),
            when(one["joined_ms"]), when(one["committed_ms"]), one["commitment"][:16],
        )
        for one in page.report["attendance"]
    )  # fmt: skip
    keys = ("seat", "site", "role", "specialty", "joined", "committed", "commitment")
    return page.chapter("attendance", Table("", page.columns(*keys, share=("role",)), rows))


def _role(page: _Page, one: Json) -> str:
    role = page.say(f"role.{one['role']}")
    return f"{role}（{page.say('chair')}）" if one["chair"] else role


def _opening(page: _Page) -> Chapter:
    rows = tuple(
        (
            one["window"], one["bid"], one["bidder"], page.say(f"verdict.{one['verdict']}"), one["cause"],
            " ".join(yuan(str(fen)) for _, fen in one["prices"]),
            one["objection"] or (page.say("confirmed") if one["confirmed"] else ""),
        )
        for one in page.report["opening"]
    )  # fmt: skip
    keys = ("window", "bid", "bidder", "verdict", "cause", "read_price", "objection")
    columns = page.columns(*keys, figures=("read_price",), share=("bidder", "objection"))
    return page.chapter("opening", Table("", columns, rows))


def _preliminary(page: _Page) -> Chapter:
    rows = tuple(
        (
            one["bid"], page.bidders[one["bid"]], str(one["against"]), str(one["members"]),
            page.say("rejected" if one["rejected"] else "passed"),
        )
        for one in page.report["review"]
    )  # fmt: skip
    columns = page.columns("bid", "bidder", "against", "members", "result", share=("bidder",))
    return page.chapter("preliminary", Table("", columns, rows))


def _rejections(page: _Page) -> Chapter:
    rows = tuple(
        (
            one["bid"], page.bidders.get(one["bid"], ""), page.say(f"stage.{one['stage']}"),
            page.item(one["ground"]), " ".join(one["seats"]), " ".join(filter(None, one["reasons"])),
        )
        for one in page.report["rejections"]
    )  # fmt: skip
    keys = ("bid", "bidder", "stage", "ground", "seats", "reason")
    return page.chapter(
        "rejections", Table("", page.columns(*keys, share=("bidder", "ground", "reason")), rows)
    )


def _clarifications(page: _Page) -> Chapter:
    rows = tuple(
        (
            page.bidders.get(one["bid"], one["bid"]),
            when(one["asked_ms"]),
            one["question"],
            one["answer"] or page.say("silence"),
        )
        for one in page.report["clarifications"]
    )
    columns = page.columns("bidder", "asked", "question", "answer", share=("question", "answer"))
    return page.chapter("clarifications", Table("", columns, rows))


def _detailed(page: _Page) -> Chapter:
    rows = page.report["subtotals"]
    groups = list(dict.fromkeys(one["group"] for one in rows if one["group"]))
    points = {(one["seat"], one["bid"], one["group"]): one["points"] for one in rows}
    bids = list(dict.fromkeys(one["bid"] for one in rows))
    seats = list(dict.fromkeys(one["seat"] for one in rows))
    technical = {one["bid"]: ratio(one["technical"]) for one in page.report["ranking"]}
    tables = []
    for some in _pieces(bids):
        columns = (
            Column(page.say("seat")),
            Column(page.say("about")),
            *(Column(page.bidders[bid], 1, figures=True) for bid in some),
        )
        lines = [
            (
                seat,
                page.say(f"group.{group}") if group else page.say("total"),
                *(points.get((seat, bid, group), "") for bid in some),
            )
            for seat in seats
            for group in (*(groups if len(groups) > 1 else ()), "")
        ]
        means = ("", page.say("means"), *(technical.get(bid, "") for bid in some))
        tables.append(Table(page.say("subtotals"), columns, (*lines, means)))
    return page.chapter("detailed", *tables, _left_out(page), wide=len(bids) >= WIDE_FROM)


def _left_out(page: _Page) -> Table:
    """Return whose marks the declared trimming left out, cell by cell."""
    marks = page.report["marks"]
    cells = marks["cells"] if marks else ()
    rows = tuple(
        (
            page.bidders.get(one["bid"], one["bid"]),
            page.item(one["item"]),
            ratio(one["mean"]),
            " ".join(one["out"]),
        )
        for one in cells
        if one["out"]
    )
    widest = f" {marks['widest']}" if marks and marks["widest"] else ""
    columns = page.columns("bidder", "item", "mean", "seats", figures=("mean",), share=("bidder", "item"))
    return Table(page.say("left_out") + widest, columns, rows)


def _findings(page: _Page) -> Chapter:
    rows = tuple(
        (
            one["finding"], page.say(f"finding.{one['code']}"), page.bidders.get(one["bid"], ""), page.item(one["item"]),
            one["seat"], _answered(page, one), one["reason"],
        )
        for one in page.report["findings"]
    )  # fmt: skip
    keys = ("finding", "about", "bidder", "item", "seat", "stand", "reason")
    warnings = tuple(
        (page.say(f"warning.{one['warning']}"), one["reason"]) for one in page.report["warnings"]
    )
    return page.chapter(
        "findings",
        Table("", page.columns(*keys, share=("bidder", "item", "reason")), rows),
        Table(page.say("warnings"), page.columns("warning", "reason", share=("reason",)), warnings),
    )


def _answered(page: _Page, one: Json) -> str:
    if not one["answered"]:
        return page.say("unanswered")
    return page.say("kept" if one["stand"] else "revised")


def _price(page: _Page) -> Chapter:
    prices = page.report["prices"]
    if prices is None:
        return page.chapter("price")
    given = tuple((one["name"], ratio(one["value"])) for one in prices["given"])
    steps = tuple(
        (page.say(f"price.{one['stage']}"), one["name"], ratio(one["value"]), " ".join(one["bids"]))
        for one in prices["steps"]
    )
    rows = tuple(
        (
            one["bid"], page.bidders.get(one["bid"], ""), yuan(one["read"]), yuan(one["price"]),
            f"{ratio(one['deviation'])} %" if one["deviation"] else "", one["why"] or one["points"], one["score"],
        )
        for one in prices["rows"]
    )  # fmt: skip
    ways = tuple(
        (
            one["bid"],
            " → ".join(f"{page.say('price.' + at['stage'])} {ratio(at['value'])}" for at in one["values"]),
        )
        for one in prices["rows"]
        if one["values"]
    )
    keys = ("bid", "bidder", "read_price", "evaluated", "deviation", "score", "exact")
    numbers = ("read_price", "evaluated", "deviation", "score", "exact")
    return page.chapter(
        "price",
        Table(page.say("given"), page.columns("name", "value", figures=("value",), share=("name",)), given),
        Table(page.say("steps"), page.columns("stage", "name", "value", "bid", share=("bid",)), steps),
        Table("", page.columns(*keys, figures=numbers, share=("bidder",)), rows),
        Table("", page.columns("bid", "steps", share=("steps",)), ways),
        wide=True,
    )


def _recommendation(page: _Page) -> Chapter:
    rows = tuple(
        (
            str(one["rank"]), page.bidders[one["bid"]], ratio(one["technical"]), ratio(one["price"]), one["total"],
            page.say("candidate") if one["candidate"] else "",
        )
        for one in page.report["ranking"]
    )  # fmt: skip
    keys = ("rank", "bidder", "technical", "score", "total", "result")
    columns = page.columns(*keys, figures=("technical", "score", "total"), share=("bidder",))
    ties = ((" ".join(page.bidders[bid] for bid in page.report["ties"]),),) if page.report["ties"] else ()
    return page.chapter(
        "recommendation",
        _failure(page),
        Table("", columns, rows),
        Table("", page.columns("ties", share=("ties",)), ties),
        Table("", page.columns("awarded", "by", share=("awarded",)), tuple(_awarded(page))),
    )


def _failure(page: _Page) -> Table:
    """Return why nobody wins the lot, and by whom that was decided; without rows for a lot that did not fail."""
    one = page.report["failure"]
    columns = page.columns("time", "ground", "reason", "decided_by", share=("ground", "reason"))
    if one is None:
        return Table(page.say("failed_lot"), columns, ())
    by = " ".join(one["by"]) or page.say("by_formula")
    row = (when(one["at_ms"]), page.say(f"failure.{one['ground']}"), one["reason"], by)
    return Table(page.say("failed_lot"), columns, (row,))


def _awarded(page: _Page) -> Iterator[tuple[str, str]]:
    awarded = page.report["awarded"]
    if awarded is not None:
        yield page.bidders.get(awarded["bid"], awarded["bid"]), page.say(f"settler.{awarded['by']}")


def _incidents(page: _Page) -> Chapter:
    rows = tuple(
        (
            when(one["at_ms"]), page.say(f"event.{one['kind']}"), one["by"],
            "，".join(f"{name} {_plain(page, name, value)}" for name, value in one["facts"] if value),
        )
        for one in page.report["incidents"]
    )  # fmt: skip
    columns = page.columns("time", "event", "by", "details", share=("details",))
    return page.chapter("incidents", Table("", columns, rows), _earlier(page))


def _earlier(page: _Page) -> Table:
    """Return the reports that were voided; their data are attached."""
    rows = tuple(
        (
            str(one["number"]), when(one["made_ms"]), when(one["voided_ms"]),
            "，".join(f"{seat} {page.say(stand)}" for seat, stand in one["stands"]) or page.say("unsigned"), one["sha256"],
        )
        for one in page.report["earlier"]
    )  # fmt: skip
    columns = page.columns("finding", "made", "voided", "stand", "digest", share=("stand", "digest"))
    return Table(page.say("earlier"), columns, rows)


def _plain(page: _Page, name: str, value: str) -> str:
    if name in ("before", "after"):
        return page.say(f"stage.{value}")
    if name in ("from_ms", "to_ms", "resume_at", "until") and value.isdecimal():
        return when(int(value))
    return value[:16] if name == "digest" else value


def _votes(page: _Page) -> Chapter:
    rows = tuple(
        (
            one["vote"], str(one["round"]), "，".join(f"{option} {votes}" for option, votes in one["counts"]),
            one["outcome"] or " ".join(one["tied"]),
        )
        for one in page.report["votes"]
    )  # fmt: skip
    draws = tuple((one["draw"], one["purpose"], " ".join(one["drawn"])) for one in page.report["draws"])
    return page.chapter(
        "votes",
        Table(page.say("vote"), page.columns("vote", "round", "counts", "outcome", share=("counts",)), rows),
        Table(page.say("draw"), page.columns("draw", "about", "drawn", share=("drawn",)), draws),
    )


def _signatures(page: _Page, signatories: Sequence[Signatory]) -> Chapter:
    rows = tuple(
        (one.seat, page.say(f"role.{one.role}"), page.say(one.stand), when(one.at_ms), one.reason)
        for one in signatories
    )
    columns = page.columns("seat", "role", "stand", "time", "reason", share=("reason",))
    return page.chapter("signatures", Table("", columns, rows))


def _sheets(page: _Page) -> Iterator[Chapter]:
    """Yield each member's sheet, items down and bids across, with the reasons below."""
    for number, sheet in enumerate(page.report["sheets"]):
        values = {(cell["bid"], cell["item"]): cell for cell in sheet["cells"]}
        bids = list(dict.fromkeys(cell["bid"] for cell in sheet["cells"]))
        items = [one for one in page.report["items"] if one["part"] == sheet["part"]]
        caption = page.say("sheet_of").format(
            seat=sheet["seat"], part=page.say(f"stage.{sheet['part']}"), digest=sheet["digest"][:16]
        )
        tables = [
            Table(caption, _across(page, some), tuple(_down(page, items, some, values)))
            for some in _pieces(bids)
        ]
        reasons = tuple(
            (page.bidders[cell["bid"]], page.item(cell["item"]), cell["reason"])
            for cell in sheet["cells"]
            if cell["reason"]
        )
        tables.append(
            Table(
                page.say("reasons"),
                page.columns("bidder", "item", "reason", share=("item", "reason")),
                reasons,
            )
        )
        title = page.say("sheets") if number == 0 else ""
        yield Chapter(title, (), tuple(one for one in tables if one.rows), wide=len(bids) >= WIDE_FROM)


def _across(page: _Page, bids: Sequence[str]) -> tuple[Column, ...]:
    return (
        Column(page.say("item"), 2),
        Column(page.say("full"), 0, figures=True),
        *(Column(page.bidders[bid], 1, figures=True) for bid in bids),
    )


def _down(
    page: _Page, items: Sequence[Json], bids: Sequence[str], values: Mapping[tuple[str, str], Json]
) -> Iterator[tuple[str, ...]]:
    for item in items:
        cells = (values.get((bid, item["id"])) for bid in bids)
        words = (_value(page, item["kind"], cell["value"]) if cell else "" for cell in cells)
        yield (item["title"], "" if item["kind"] == "pass" else item["full"], *words)


def _value(page: _Page, kind: str, value: str) -> str:
    return page.say(value) if kind == "pass" else value


def _pieces(bids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (bids[at : at + MOST_COLUMNS] for at in range(0, len(bids), MOST_COLUMNS))


# --- how figures are written --------------------------------------------------------------------------


def when(at_ms: int | None) -> str:
    """Write an instant in China's time, to the second."""
    if at_ms is None:
        return ""
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")


def ratio(text: str) -> str:
    """Write `n/d` as a decimal, to six digits where it does not end."""
    if not text:
        return ""
    above, _, below = text.partition("/")
    return figure(Fraction(int(above), int(below or "1")))


def figure(value: Fraction) -> str:
    """Write an exact figure as a decimal of at most six digits after the point."""
    with localcontext() as context:
        context.prec = 60
        exact = Decimal(value.numerator) / Decimal(value.denominator)
        text = format(exact.quantize(Decimal("0.000001"), ROUND_HALF_UP), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def yuan(fen: str) -> str:
    """Write fen, a whole number or a rational, in yuan with its thousands apart."""
    above, _, below = fen.partition("/")
    cents = Fraction(int(above), int(below or "1")) / 100
    return format(Decimal(cents.numerator) / Decimal(cents.denominator), ",.2f")
