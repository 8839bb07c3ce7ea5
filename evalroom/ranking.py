"""Totals, ties and candidates of a lot, computed exactly and rounded once at the end.

The total that is published is the total that is ranked.  Ties go by the keys that the lot's price formula
declares; what they leave tied is named, never settled by accident of order.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

from evalroom.events import PricesComputed, RankingComputed, RankRow
from evalroom.ids import BidId
from evalroom.pricing.formula import PRICE, READ, TECHNICAL
from evalroom.pricing.inputs import number
from evalroom.pricing.rationals import parse_rational, rational, rounded
from evalroom.pricing.ties import place
from evalroom.pricing.trace import PriceRow
from evalroom.tender import Lot


def rank(
    lot: Lot,
    marks: Mapping[BidId, Fraction],
    prices: PricesComputed,
    rejected: Iterable[BidId],
    settled: Sequence[BidId] = (),
) -> RankingComputed:
    """Rank the lot's bids that were neither rejected nor put out by a rule of the price formula.

    `marks` are the committee's (`evalroom.committee_marks`), of these bids at least; the total is mark plus price
    score, rounded as declared.
    `settled` is the order that a recorded act (a draw, the tenderer's decision) gave to bids the keys leave tied.

    Raises:
        TieOrderMalformed: `settled` names other bids than those of whole ties.
    """
    out = set(rejected) | {BidId(row.bid) for row in prices.rows if not row.admitted}
    rows = {BidId(row.bid): row for row in prices.rows if row.bid not in out}
    totals = {
        bid: rounded(parse_rational(row.score) + marks[bid], lot.pricing.total) for bid, row in rows.items()
    }
    keys = {key.by: _values(lot, key.by, rows, marks) for key in lot.pricing.ties}
    places = place({bid: Fraction(total) for bid, total in totals.items()}, keys, lot.pricing.ties, settled)
    ranked = [
        RankRow(
            bid=BidId(bid),
            technical=rational(marks[BidId(bid)]),
            price=rows[BidId(bid)].score,
            total=str(totals[BidId(bid)]),
            rank=places.place[bid],
            candidate=places.place[bid] <= lot.candidates,
        )
        for bid in places.order
    ]
    return RankingComputed(
        lot=lot.id, rows=tuple(ranked), ties=tuple(map(BidId, places.tied)), rejected=tuple(sorted(out))
    )


def contested(ranking: RankingComputed) -> tuple[BidId, ...]:
    """Return the tied bids that a candidate is among: what of a ranking cannot stay as it is."""
    return tuple(bid for bid in ranking.ties if any(row.bid == bid and row.candidate for row in ranking.rows))


def settles(ranking: RankingComputed, order: Sequence[BidId]) -> bool:
    """Say whether `order` names all bids of one tie or several, each once, and no other."""
    groups: dict[int, set[BidId]] = defaultdict(set)
    for row in ranking.rows:
        if row.bid in ranking.ties:
            groups[row.rank].add(row.bid)
    named = set(order)
    whole = all(named >= group or not named & group for group in groups.values())
    return bool(order) and len(named) == len(order) and whole and named <= set(ranking.ties)


def _values(
    lot: Lot, key: str, rows: Mapping[BidId, PriceRow], marks: Mapping[BidId, Fraction]
) -> dict[str, Fraction]:
    """Return what a tie key compares, by bid; an input of the bids has its declared value in a session."""
    if key == TECHNICAL:
        return {str(bid): marks[bid] for bid in rows}
    if key in {READ, PRICE, "score"}:
        return {bid: parse_rational(getattr(row, key)) for bid, row in rows.items()}
    fixed = next(number(one.value) for one in lot.pricing.inputs if one.name == key)
    return dict.fromkeys(rows, fixed)
