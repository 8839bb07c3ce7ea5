"""The sample session can be evaluated, and shows every kind of item, seat and bid."""

from collections import Counter
from decimal import Decimal

from evalroom.price_review import compute
from evalroom.roles import Role
from evalroom.tender import ItemKind, Part, check_tender
from main_site.sample import HOST, PRICES_FEN, SITE_A, SITE_B, sample_template


def test_the_sample_can_be_evaluated() -> None:
    template = sample_template()
    check_tender(template.tender, template.sites, template.seats)


def test_the_sample_has_five_experts_at_three_sites_and_someone_in_every_role() -> None:
    seats = sample_template().seats
    experts = Counter(seat.site for seat in seats if seat.role is Role.EXPERT)
    assert {HOST: 2, SITE_A: 2, SITE_B: 1} == experts
    assert {
        Role.EXPERT: 5,
        Role.SUPERVISOR: 1,
        Role.OPERATOR: 1,
        Role.SITE_OPERATOR: 2,
        Role.ARCHIVIST: 1,
    } == Counter(seat.role for seat in seats)


def test_the_sample_has_items_of_every_kind_in_both_parts() -> None:
    (lot,) = sample_template().tender.lots
    assert {
        (Part.PRELIMINARY, ItemKind.PASS): 4,
        (Part.DETAILED, ItemKind.SCORE): 7,
        (Part.DETAILED, ItemKind.DEDUCT): 1,
    } == Counter((item.part, item.kind) for item in lot.items)


def test_an_item_says_its_full_marks_in_its_standard() -> None:
    (lot,) = sample_template().tender.lots
    scored = [item for item in lot.items if item.kind is not ItemKind.PASS]
    assert [] == [item.id for item in scored if f"{item.full} 分" not in item.standard]


def test_the_sample_penalises_a_price_above_the_base_more_than_one_below() -> None:
    pricing = sample_template().tender.lots[0].pricing
    (above,), (below,) = pricing.score.above, pricing.score.below
    assert "trimmed_mean" == pricing.name
    assert Decimal(str(above.rate)) > Decimal(str(below.rate)) > 0


def test_the_sample_prices_are_admitted_trimmed_and_told_apart() -> None:
    (lot,) = sample_template().tender.lots
    assert {bid.id for bid in lot.bids} == PRICES_FEN.keys()
    rows = compute(lot, PRICES_FEN).rows
    assert all(row.admitted for row in rows)
    assert 2 == sum(row.trimmed for row in rows)
    assert len(rows) == len({row.score for row in rows})


def test_sample_texts_are_different_and_in_chinese() -> None:
    (lot,) = sample_template().tender.lots
    texts = [item.standard for item in lot.items] + [bid.bidder for bid in lot.bids]
    assert len(texts) == len(set(texts))
    assert all("一" <= text[0] <= "鿿" for text in texts)
