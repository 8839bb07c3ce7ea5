"""The price sheet of a bid: JSON that a bidder wrote by hand, brought into the one form that the opening reads.

A sheet that does not read at the opening costs the bid (`malformed_sheet`), so it is refused here, before anything
is sealed.  Which lots there are only the tender document says: a wrong name of a lot is not found out here.
"""

import json
from collections.abc import Sequence
from decimal import Decimal

from evalroom.errors import Refusal
from evalroom.ids import LotId
from evalroom.ledger.canonical import Json, NotCanonical, canonical
from evalroom.sealing.policy import PartName, Policy
from evalroom.sealing.price_sheet import SHEET_PARTS, MalformedSheet, check_prices, parse_sheet

SHEETS = frozenset(SHEET_PARTS)


class UnusablePriceSheet(Refusal):
    """A price sheet would not be read at the opening: nothing was sealed; correct the point named and seal again."""

    code = "unusable_price_sheet"


def canonical_sheet(text: bytes, part: PartName, policy: Policy) -> bytes:
    """Return the sheet as it is sealed; `text` is JSON in any layout.

    Raises:
        UnusablePriceSheet: the opening would not read it, or not find the prices where they belong.
    """
    try:
        sealed = canonical(json.loads(text.decode("utf-8-sig"), object_pairs_hook=_once, parse_float=Decimal))
        sheet = parse_sheet(sealed)
        check_prices(sheet, part, policy, {LotId(one.lot) for one in sheet.prices})
    except (NotCanonical, ValueError, RecursionError) as error:
        raise UnusablePriceSheet(
            part=part, reason="no JSON in UTF-8, or not such as can be sealed"
        ) from error
    except MalformedSheet as error:
        raise UnusablePriceSheet(part=part, **error.detail) from error
    return sealed


def bidder_of(sheet: bytes) -> str:
    """Return the bidder's name in a canonical sheet."""
    return parse_sheet(sheet).bidder


def _once(pairs: Sequence[tuple[str, Json]]) -> dict[str, Json]:
    """Refuse what JSON leaves open: which of two members of one name counts."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError
    return members
