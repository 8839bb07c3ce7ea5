"""What is looked at before an expert closes a sheet: every finding asks or stops, and none changes a score.

Only the expert's own sheet is looked at, and what the tender says: a comparison with other members before all have
locked would be an oracle for their values (domain.md, "Checks").  The page runs the same checks (`web/src/seat/lint.ts`,
shared vectors in `tests/vectors/sheets/`); the host runs them again, and takes a lock only when nothing blocks and
every finding that wants a reason has one.

With the lock the expert states, in one committed text, the total that the page showed for each bid and the reasons
asked for: `{"answers":[[code,[bids],[items],reason],…],"totals":[[bid,points],…]}` as canonical JSON.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from evalroom.errors import EvalroomError, Refusal
from evalroom.ids import BidId, ItemId
from evalroom.ledger.canonical import Json, canonical, parse_canonical
from evalroom.sheet import (
    MAX_REASON,
    CellKey,
    OutOfRange,
    ReasonMissing,
    Sheet,
    check_value,
    items_of,
    keys_of,
    points_of,
    technical_points,
)
from evalroom.tender import FULL_MARKS, Item, ItemKind, Lot, Part, is_decimal, weights_of

MAX_STATEMENT = 16_000
"""Characters of a statement: three bytes each still fit a seat's frame of 64 KiB."""


class Effect(StrEnum):
    """What a finding does: it stops the lock, wants a reason in writing, or only says so."""

    BLOCK = "block"
    REASON = "reason"
    WARN = "warn"


class LintCode(StrEnum):
    """Everything that is looked for before a sheet is closed."""

    EMPTY = "empty"
    RANGE = "range"
    REASON_MISSING = "reason_missing"
    TOTAL = "total"
    WEIGHTS = "weights"
    LOW = "low"
    SAME_VECTOR = "same_vector"
    COPIED_COMMENT = "copied_comment"
    UNOPENED = "unopened"


EFFECTS: Mapping[LintCode, Effect] = {
    LintCode.EMPTY: Effect.BLOCK,
    LintCode.RANGE: Effect.BLOCK,
    LintCode.REASON_MISSING: Effect.BLOCK,
    LintCode.TOTAL: Effect.BLOCK,
    LintCode.WEIGHTS: Effect.BLOCK,
    LintCode.LOW: Effect.REASON,
    LintCode.SAME_VECTOR: Effect.REASON,
    LintCode.COPIED_COMMENT: Effect.REASON,
    LintCode.UNOPENED: Effect.WARN,
}
"""Code to its effect; a comment copied to fewer bids than the lot's threshold only warns."""


class SheetFaulty(Refusal):
    """The sheet cannot be closed as it is: correct what is named below; everything entered is saved."""

    code = "sheet_faulty"


class FindingUnanswered(Refusal):
    """A finding on your sheet still needs a reason in writing: give it, or change the cell, then lock again."""

    code = "finding_unanswered"


class BadStatement(Refusal):
    """What was sent with the lock is no statement of totals and reasons: reload the page and lock again."""

    code = "bad_statement"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found on a sheet: what, its effect, and the bids and items it is about, each in order."""

    code: LintCode
    effect: Effect
    bids: tuple[BidId, ...] = ()
    items: tuple[ItemId, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """The reason an expert gives for a finding, named by what it is about."""

    code: str
    bids: tuple[str, ...]
    items: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Statement:
    """What an expert states on closing a sheet: reasons for findings, and the total seen for each bid."""

    answers: tuple[Answer, ...] = ()
    totals: tuple[tuple[str, str], ...] = ()


def lint(
    sheet: Sheet,
    lot: Lot,
    part: Part,
    *,
    rejected: Iterable[BidId] = (),
    totals: Mapping[str, str] | None = None,
    opened: frozenset[BidId] | None = None,
) -> tuple[Finding, ...]:
    """Return what is found on a sheet of `lot` and `part`, what blocks first, each finding once.

    `totals` are the points shown to the expert by bid, None when nobody tells; `opened` are the bids whose documents
    this seat has opened, None when that is not known.
    """
    out = tuple(rejected)
    keys = keys_of(lot, part, out)
    found = [
        *_cells(sheet, lot, keys),
        *_weights(lot),
        *_totals(sheet, lot, part, keys, totals),
        *_low(sheet, lot, keys),
        *_same_vectors(sheet, lot, part, keys),
        *_copied(sheet, lot, keys),
        *_unopened(sheet, keys, opened),
    ]
    return tuple(dict.fromkeys(found))


def _items(lot: Lot) -> dict[ItemId, Item]:
    return {item.id: item for item in lot.items}


def _about(code: LintCode, bids: Iterable[BidId] = (), items: Iterable[ItemId] = ()) -> Finding:
    return Finding(code, EFFECTS[code], tuple(sorted(bids)), tuple(sorted(items)))


def _cells(sheet: Sheet, lot: Lot, keys: list[CellKey]) -> Iterator[Finding]:
    """Find cells that are empty, out of their range, or lack the reason their value needs."""
    items = _items(lot)
    for bid, item in keys:
        cell = sheet.cells.get((bid, item))
        if cell is None or not cell.value:
            yield _about(LintCode.EMPTY, (bid,), (item,))
            continue
        try:
            check_value(items[item], cell.value, cell.reason)
        except OutOfRange:
            yield _about(LintCode.RANGE, (bid,), (item,))
        except ReasonMissing:
            yield _about(LintCode.REASON_MISSING, (bid,), (item,))


def _weights(lot: Lot) -> Iterator[Finding]:
    if weights_of(lot) != FULL_MARKS:
        yield _about(LintCode.WEIGHTS)


def _totals(
    sheet: Sheet, lot: Lot, part: Part, keys: list[CellKey], totals: Mapping[str, str] | None
) -> Iterator[Finding]:
    """Compare the totals that the expert saw with those worked out here; bids with a faulty cell have none."""
    if totals is None:
        return
    due = totals_of(sheet, lot, part, keys)
    for bid in sorted({*due, *totals}):
        told = totals.get(bid, "")
        if not is_decimal(told) or bid not in due or Decimal(told) != Decimal(due[bid]):
            yield _about(LintCode.TOTAL, (BidId(bid),))


def totals_of(sheet: Sheet, lot: Lot, part: Part, keys: Iterable[CellKey]) -> dict[str, str]:
    """Return an expert's points by bid, as plain decimals; verdicts have none, and neither has a faulty bid."""
    if part is Part.PRELIMINARY:
        return {}
    items = _items(lot)
    keys = tuple(keys)
    faulty = {bid for bid, item in keys if not _fits(sheet, items[item], (bid, item))}
    bids = dict.fromkeys(bid for bid, _ in keys)
    return {bid: plain(technical_points(sheet, lot, bid)) for bid in bids if bid not in faulty}


def plain(number: Decimal) -> str:
    """Write a decimal without exponent and without zeros at its end."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _fits(sheet: Sheet, item: Item, key: CellKey) -> bool:
    cell = sheet.cells.get(key)
    if cell is None or not cell.value:
        return False
    try:
        check_value(item, cell.value, "seen elsewhere")
    except OutOfRange:
        return False
    return True


def _low(sheet: Sheet, lot: Lot, keys: list[CellKey]) -> Iterator[Finding]:
    """Find points below the item's share of its weight, unless the cell has a reason of its own."""
    items = _items(lot)
    for bid, name in keys:
        item = items[name]
        if item.kind is ItemKind.PASS or not _fits(sheet, item, (bid, name)):
            continue
        cell = sheet.cells[bid, name]
        share = Decimal(lot.checks.reason_below if item.reason_below is None else item.reason_below)
        if not cell.reason.strip() and points_of(item, cell.value) * 100 < Decimal(item.full) * share:
            yield _about(LintCode.LOW, (bid,), (name,))


def subjective(lot: Lot) -> tuple[Item, ...]:
    """Return the items whose points an expert judges alone: those of which the same values could tell something."""
    return tuple(item for item in items_of(lot, Part.DETAILED) if not item.objective)


def _same_vectors(sheet: Sheet, lot: Lot, part: Part, keys: list[CellKey]) -> Iterator[Finding]:
    """Find bids that got the same points on every subjective item."""
    items = subjective(lot)
    if part is Part.PRELIMINARY or len(items) < lot.checks.vector_cells:
        return
    alike: dict[tuple[Decimal, ...], list[BidId]] = {}
    for bid in dict.fromkeys(bid for bid, _ in keys):
        if all(_fits(sheet, item, (bid, item.id)) for item in items):
            vector = tuple(points_of(item, sheet.cells[bid, item.id].value) for item in items)
            alike.setdefault(vector, []).append(bid)
    for bids in alike.values():
        if len(bids) > 1:
            yield _about(LintCode.SAME_VECTOR, bids)


def _copied(sheet: Sheet, lot: Lot, keys: list[CellKey]) -> Iterator[Finding]:
    """Find comments that stand word for word beside more than one bid."""
    places: dict[str, list[CellKey]] = {}
    for key in keys:
        cell = sheet.cells.get(key)
        comment = " ".join(cell.reason.split()) if cell is not None and cell.value else ""
        if len(comment) >= lot.checks.copied_chars:
            places.setdefault(comment, []).append(key)
    for found in places.values():
        bids = {bid for bid, _ in found}
        effect = Effect.REASON if len(bids) >= lot.checks.copied_bids else Effect.WARN
        if len(bids) > 1:
            items = sorted({item for _, item in found})
            yield Finding(LintCode.COPIED_COMMENT, effect, tuple(sorted(bids)), tuple(items))


def _unopened(sheet: Sheet, keys: list[CellKey], opened: frozenset[BidId] | None) -> Iterator[Finding]:
    if opened is None:
        return
    scored = {bid for bid, item in keys if (bid, item) in sheet.cells and sheet.cells[bid, item].value}
    for bid in sorted(scored - opened):
        yield _about(LintCode.UNOPENED, (bid,))


# --- what is stated with the lock ---------------------------------------------------------------------


def state(sheet: Sheet, lot: Lot, part: Part, rejected: Iterable[BidId], reason: str) -> Statement:
    """Return the statement of an expert who gives one and the same `reason` for whatever is asked."""
    out = tuple(rejected)
    totals = totals_of(sheet, lot, part, keys_of(lot, part, out))
    answers = tuple(
        Answer(one.code.value, one.bids, one.items, reason)
        for one in lint(sheet, lot, part, rejected=out)
        if one.effect is Effect.REASON
    )
    return Statement(answers, tuple(sorted(totals.items())))


def write_statement(statement: Statement) -> str:
    """Return the text of a statement, the one that is committed."""
    answers: list[Json] = [
        [one.code, list(one.bids), list(one.items), one.reason] for one in statement.answers
    ]
    return canonical({"answers": answers, "totals": [list(one) for one in statement.totals]}).decode()


def parse_statement(text: str) -> Statement:
    """Read the text of a statement strictly.

    Raises:
        BadStatement: it is too long, not canonical, of another shape, or has an answer without words.
    """
    if len(text) > MAX_STATEMENT:
        raise BadStatement(problem="too long", most=MAX_STATEMENT)
    try:
        told = parse_canonical(text.encode())
    except (EvalroomError, UnicodeEncodeError):
        raise BadStatement(problem="not canonical JSON") from None
    if not isinstance(told, dict) or told.keys() != {"answers", "totals"}:
        raise BadStatement(problem="answers and totals, nothing else")
    answers, totals = told["answers"], told["totals"]
    if not isinstance(answers, list) or not isinstance(totals, list):
        raise BadStatement(problem="answers and totals are lists")
    return Statement(tuple(map(_read_answer, answers)), tuple(map(_read_total, totals)))


def _read_answer(row: Json) -> Answer:
    match row:
        case [str(code), [*bids], [*items], str(reason)] if 0 < len(reason.strip()) <= MAX_REASON:
            return Answer(code, _texts(bids), _texts(items), reason)
        case _:
            raise BadStatement(problem="an answer has code, bids, items and a reason", most=MAX_REASON)


def _read_total(row: Json) -> tuple[str, str]:
    match row:
        case [str(bid), str(total)]:
            return bid, total
        case _:
            raise BadStatement(problem="a total has a bid and points")


def _texts(values: list[Json]) -> tuple[str, ...]:
    texts = tuple(value for value in values if isinstance(value, str))
    if len(texts) != len(values):
        raise BadStatement(problem="names are texts")
    return texts


def check_statement(
    sheet: Sheet, lot: Lot, part: Part, rejected: Iterable[BidId], statement: Statement
) -> None:
    """Refuse to close a sheet that something blocks, or with a finding that was asked about and not answered.

    Raises:
        SheetFaulty: naming the first finding that blocks.
        FindingUnanswered: naming the first finding without a reason, and how many there are.
    """
    totals = dict(statement.totals)
    found = lint(sheet, lot, part, rejected=rejected, totals=totals)
    blocking = [one for one in found if one.effect is Effect.BLOCK]
    if blocking:
        raise SheetFaulty(**_facts(blocking))
    answered = {(one.code, one.bids, one.items) for one in statement.answers}
    asked = [
        one
        for one in found
        if one.effect is Effect.REASON and (one.code.value, one.bids, one.items) not in answered
    ]
    if asked:
        raise FindingUnanswered(**_facts(asked))


def _facts(findings: list[Finding]) -> dict[str, str | int | None]:
    first = findings[0]
    names = {"bid": " ".join(first.bids), "item": " ".join(first.items)}
    return {"finding": first.code.value, "count": len(findings), **names}
