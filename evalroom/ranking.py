"""Totals, ties and candidates of a lot, computed exactly and rounded once at the end.

The total that is published is the total that is ranked.  Ties go by the declared keys: lower price, then
higher technical mean; what they leave tied is named, never settled by accident of order.
"""

from collections.abc import Iterable, Mapping
from fractions import Fraction

from evalroom.events import PricesComputed, RankingComputed, RankRow
from evalroom.ids import BidId
from evalroom.price_review import parse_rational, rational, rounded
from evalroom.sheet import Sheet, technical_points
from evalroom.tender import Lot

_Key = tuple[Fraction, int, Fraction]


def rank(
    lot: Lot, sheets: Iterable[Sheet], prices: PricesComputed, rejected: Iterable[BidId]
) -> RankingComputed:
    """Rank the lot's bids that were neither rejected nor priced above the ceiling.

    The technical mark is the mean over the members; the total is mark plus price score, rounded as declared.
    """
    members = tuple(sheets)
    out = set(rejected) | {row.bid for row in prices.rows if not row.admitted}
    keys = {
        row.bid: (parse_rational(row.score), row.price_fen, _technical_mean(lot, members, row.bid))
        for row in prices.rows
        if row.bid not in out
    }
    order = sorted(keys, key=lambda bid: (*_order(lot, keys[bid]), bid))
    rows = [_rank_row(lot, bid, keys, order) for bid in order]
    return RankingComputed(
        lot=lot.id, rows=tuple(rows), ties=_ties(lot, keys, order), rejected=tuple(sorted(out))
    )


def _technical_mean(lot: Lot, sheets: tuple[Sheet, ...], bid: BidId) -> Fraction:
    return sum((Fraction(technical_points(sheet, lot, bid)) for sheet in sheets), Fraction(0)) / len(sheets)


def _order(lot: Lot, key: _Key) -> tuple[Fraction, int, Fraction]:
    score, fen, technical = key
    total = Fraction(rounded(score + technical, lot.pricing.rounding))
    return (-total, fen, -technical)


def _rank_row(lot: Lot, bid: BidId, keys: Mapping[BidId, _Key], order: list[BidId]) -> RankRow:
    score, _, technical = keys[bid]
    place = 1 + sum(1 for other in order if _order(lot, keys[other]) < _order(lot, keys[bid]))
    return RankRow(
        bid=bid,
        technical=rational(technical),
        price=rational(score),
        total=str(rounded(score + technical, lot.pricing.rounding)),
        rank=place,
        candidate=place <= lot.candidates,
    )


def _ties(lot: Lot, keys: Mapping[BidId, _Key], order: list[BidId]) -> tuple[BidId, ...]:
    orders = [_order(lot, keys[bid]) for bid in order]
    return tuple(bid for bid, one in zip(order, orders, strict=True) if orders.count(one) > 1)
