"""Score sheets: one per expert, lot and part; one owner per cell; closed by an agreed digest.

A sheet is an ordered log with compare-and-set, not a merge of concurrent edits: in a trial a CRDT let a
stranger's 10 replace an expert's 90 (domain.md).  The digest runs over commitments, so it binds every value
and gives none away.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from evalroom.errors import Refusal
from evalroom.ids import BidId, ItemId
from evalroom.ledger.canonical import Json, canonical
from evalroom.tender import Item, ItemKind, Lot, Part, is_decimal

MAX_REASON = 2000
"""Characters of one reason; the longest seen in a published report had 600."""

PASS, FAIL = "pass", "fail"

CellKey = tuple[BidId, ItemId]


class OutOfRange(Refusal):
    """The value does not fit the item: look at its limits and enter it again. The old value still stands."""

    code = "out_of_range"


class ReasonMissing(Refusal):
    """A fail or a deduction needs a reason in writing: add it and enter the value again."""

    code = "reason_missing"


class StaleRevision(Refusal):
    """The cell changed after you last saw it: look at the newer value, then keep it or enter yours again."""

    code = "stale"


class SheetIsLocked(Refusal):
    """Your sheet of this part is locked and can no longer be changed; your values are saved."""

    code = "locked"


class SheetIncomplete(Refusal):
    """Cells are still empty: fill them in, then lock the sheet. Everything entered is saved."""

    code = "incomplete"


class DigestMismatch(Refusal):
    """Your page and the host do not hold the same sheet: wait until everything is saved, then lock again."""

    code = "digest_mismatch"


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell as it stands: the clear texts, and the commitments that the journal holds."""

    revision: int
    value: str
    reason: str
    value_commit: str
    reason_commit: str


@dataclass(slots=True)
class Sheet:
    """One expert's sheet of one lot and part; `locked` is the digest it was closed with.

    `reopened` are the only cells that may still be set once it has been locked and opened again for them; None before.
    """

    cells: dict[CellKey, Cell] = field(default_factory=dict)
    locked: str | None = None
    reopened: set[CellKey] | None = None

    def takes(self, key: CellKey) -> bool:
        """Say whether a cell may be set now."""
        return self.locked is None and (self.reopened is None or key in self.reopened)

    def reopen(self, key: CellKey) -> None:
        """Open a locked sheet again for one cell, beside those it is open for already."""
        self.locked = None
        self.reopened = {*(self.reopened or ()), key}

    def revision(self, key: CellKey) -> int:
        """Return the revision of a cell, 0 when it was never set."""
        cell = self.cells.get(key)
        return cell.revision if cell else 0

    def filled(self) -> int:
        """Count the cells that hold a value."""
        return sum(1 for cell in self.cells.values() if cell.value)


def items_of(lot: Lot, part: Part) -> tuple[Item, ...]:
    """Return the items of a lot that belong to `part`."""
    return tuple(item for item in lot.items if item.part is part)


def keys_of(lot: Lot, part: Part, rejected: Iterable[BidId]) -> list[CellKey]:
    """List the cells a complete sheet must hold: every item of the part for every bid still in."""
    out = set(rejected)
    bids = [bid.id for bid in lot.bids if part is Part.PRELIMINARY or bid.id not in out]
    return [(bid, item.id) for bid in bids for item in items_of(lot, part)]


def check_value(item: Item, value: str, reason: str) -> None:
    """Refuse a value the item does not allow; the empty text clears a cell and always fits.

    Raises:
        OutOfRange: no decimal, too many digits, beyond the weight, or no verdict.
        ReasonMissing: a fail or a deduction without a reason.
    """
    if len(reason) > MAX_REASON:
        raise OutOfRange(item=item.id, problem="reason too long", most=MAX_REASON)
    if not value:
        return
    if item.kind is ItemKind.PASS:
        _check_verdict(item, value)
    elif item.kind is ItemKind.CHOICE:
        _check_option(item, value)
    else:
        _check_points(item, value)
    needs_reason = value == FAIL or (item.kind is ItemKind.DEDUCT and Decimal(value) > 0)
    if needs_reason and not reason.strip():
        raise ReasonMissing(item=item.id)


def _check_verdict(item: Item, value: str) -> None:
    if value not in (PASS, FAIL):
        raise OutOfRange(item=item.id, problem="pass or fail", value=value[:20])


def _check_option(item: Item, value: str) -> None:
    if all(option.name != value for option in item.options):
        names = " ".join(option.name for option in item.options)
        raise OutOfRange(item=item.id, problem="one of the item's options", value=value[:40], options=names)


def _check_points(item: Item, value: str) -> None:
    if not is_decimal(value):
        raise OutOfRange(item=item.id, problem="a decimal number such as 8.5", value=value[:20])
    if len(value.partition(".")[2]) > item.digits:
        raise OutOfRange(item=item.id, problem="too many digits after the point", most=item.digits)
    if Decimal(value) > Decimal(item.full):
        raise OutOfRange(item=item.id, problem="more than the item's weight", value=value, most=item.full)


def digest_of(cells: Mapping[CellKey, Cell]) -> str:
    """Return the sheet digest: hex SHA-256 over filled cells' ids, revisions and commitments.

    Format: `docs/spec/signalling.md` §3.
    """
    rows: list[Json] = [
        [bid, item, cell.revision, cell.value_commit, cell.reason_commit]
        for (bid, item), cell in sorted(cells.items())
        if cell.value
    ]
    return hashlib.sha256(canonical(rows)).hexdigest()


def check_complete(sheet: Sheet, lot: Lot, part: Part, rejected: Iterable[BidId]) -> None:
    """Refuse a sheet with an empty cell.

    Raises:
        SheetIncomplete: naming the first empty cell and how many there are.
    """
    filled = {key for key, cell in sheet.cells.items() if cell.value}
    empty = [key for key in keys_of(lot, part, rejected) if key not in filled]
    if empty:
        raise SheetIncomplete(empty=len(empty), bid=empty[0][0], item=empty[0][1])


def technical_points(sheet: Sheet, lot: Lot, bid: BidId) -> Decimal:
    """Return an expert's points for a bid: scores as given, the options', the weight less what was deducted."""
    items = items_of(lot, Part.DETAILED)
    return sum((points_of(item, sheet.cells[(bid, item.id)].value) for item in items), Decimal(0))


def points_of(item: Item, value: str) -> Decimal:
    """Return what a valid value of a scored, deducted or choice item earns, in points; a verdict earns none."""
    match item.kind:
        case ItemKind.SCORE:
            return Decimal(value)
        case ItemKind.DEDUCT:
            return Decimal(item.full) - Decimal(value)
        case ItemKind.CHOICE:
            return next(Decimal(option.points) for option in item.options if option.name == value)
        case ItemKind.PASS:
            return Decimal(0)


def failed_items(sheet: Sheet, bid: BidId) -> list[ItemId]:
    """List the items on which this sheet fails the bid."""
    return [item for (of, item), cell in sheet.cells.items() if of == bid and cell.value == FAIL]
